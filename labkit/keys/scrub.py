"""Takes every known secret out of a text, so that no six characters in a row of one survive.

Known are: variables of the environment and of `.env` whose names end like a key's, Secrets that are alive, and what
the caller adds. Found are the values as they are, and as they look in an address, in base64, JSON, HTML and a repr.
What it cannot find is a secret that nobody told it of.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

from labkit.errors import ConfigError
from labkit.keys.find import KEY_ENDINGS, dotenv_paths, names_a_key, read_dotenv
from labkit.keys.secret import MASK, Secret, held

SHORTEST = 8  # characters; a shorter value is no key, and hiding it would hide plain words
RUN = 6  # so many characters in a row must not survive

# A masked key as providers echo it: '****fcc2', 'sk-pr…MxYA', 'sk-proj-********MxYA', 'sk-...abcd'
# (the signs beyond ASCII also as they look when UTF-8 is read a byte a character)
_HOLE = r"(?:\*{2,}|\u2022{2,}|(?:\xe2\x80\xa2){2,}|\u2026|\xe2\x80\xa6|\\u2026|\.{3,}|x{4,}|X{4,})"
_TOKEN = re.compile(r"[^\s\"'`,;:<>()\[\]{}=\\]+")

_ENDINGS = tuple(ending.encode("ascii") for ending in KEY_ENDINGS)

_harmless: set[str] = set()
_FAKE = re.compile(r"lab[-0]+fake[-0]+key")  # how the facts write the keys of local providers


def not_secret(*values: str) -> None:
    """Say that these values are no secrets (the lab's local keys), though a variable of a key's name may hold them."""
    _harmless.update(values)


def is_harmless(value: str) -> bool:
    """Whether `value` is no secret: one of the lab's own fake keys, or the path of a file."""
    return value in _harmless or bool(_FAKE.search(value)) or (os.sep in value and os.path.exists(value))


def known(also: Iterable[str] = ()) -> frozenset[str]:
    """The secrets known now: environment, `.env`, Secrets alive, and `also`."""
    values = set(_environment_values())
    for path in dotenv_paths():
        values.update(_dotenv_values(path))
    values.update(held())
    values.update(also)
    return _worth_hiding(values)


class Scrubber:
    """What is known now, once for many texts: reading the environment costs more than cleaning a header.

    also: further secrets.  echoed: keys of which a provider's error may show a masked picture; see `scrub`.
    base: what `known()` gave a moment ago, to spare asking again.
    """

    def __init__(
        self, also: Iterable[str] = (), echoed: Iterable[str] = (), base: frozenset[str] | None = None
    ) -> None:
        self._echoed = _worth_hiding(echoed)
        self._values = (known() if base is None else base) | _worth_hiding(also) | self._echoed

    def text(self, text: str) -> str:
        """`scrub` of one text."""
        return _replaced(text, _spans(text, self._values, self._echoed)) if self._values else text

    def texts(self, texts: list[str]) -> list[str]:
        """`text` of each; looked at together first, since most hold nothing."""
        if not self._values or not _spans("\n".join(texts), self._values, self._echoed):
            return texts
        return [self.text(text) for text in texts]

    def data(self, data: bytes) -> bytes:
        """`scrub_bytes` of one body."""
        return self.parts([data])[0]

    def parts(self, parts: list[bytes]) -> list[bytes]:
        """A body that came in parts: a secret cut by the seams is found, and as many parts come back."""
        if not self._values:
            return parts
        # One character a byte, so that the seams stay where they are and any encoding goes.
        text = b"".join(parts).decode("latin-1")
        spans = _spans(text, _as_bytes(self._values), _as_bytes(self._echoed))
        return _recut(text, [len(part) for part in parts], spans) if spans else parts


def scrub(text: str, also: Iterable[str] = (), *, echoed: Iterable[str] = ()) -> str:
    """`text` with '[hidden]' for every run of six or more characters of a known secret.

    also: further secrets, for this call only.  echoed: keys of which `text`, a provider's error, may show a masked
    picture: that goes whole, its own mask included ('****fcc2', 'sk-…MxYA').

    >>> scrub("Authorization: Bearer sk-1234567890", also=["sk-1234567890"])
    'Authorization: Bearer [hidden]'
    >>> scrub("Your api key: ****7890 is invalid", echoed=["sk-1234567890"])
    'Your api key: [hidden] is invalid'
    """
    return Scrubber(also, echoed).text(text)


def scrub_bytes(data: bytes, also: Iterable[str] = (), *, echoed: Iterable[str] = ()) -> bytes:
    """`scrub` for a body of bytes, of any encoding that keeps ASCII as it is; the same object when nothing is found."""
    return Scrubber(also, echoed).data(data)


def _recut(text: str, lengths: list[int], spans: list[tuple[int, int]]) -> list[bytes]:
    """`text` with its spans hidden, in parts as before: the mask stands in the part where its span begins."""
    cut, start = [], 0
    for length in lengths:
        end = start + length
        kept, at = [], start
        for low, high in spans:
            if high <= start or low >= end:
                continue
            kept.append(text[at : max(low, at)])
            if low >= start:
                kept.append(MASK)
            at = min(high, end)
        kept.append(text[at:end])
        cut.append("".join(kept).encode("latin-1"))
        start = end
    return cut


def _spans(text: str, values: frozenset[str], echoed: frozenset[str]) -> list[tuple[int, int]]:
    """Where secrets stand in `text`: (start, end), sorted, not touching."""
    if not values or not text:
        return []
    runs, thirds = _needles(values)
    found: list[tuple[int, int]] = []
    # Any six characters in a row hold three that start at a multiple of four: look there only, then look closely.
    for at in [i for i in range(0, len(text), 4) if text[i : i + 3] in thirds]:
        found += [(s, s + RUN) for s in range(max(0, at - 3), at + 1) if text[s : s + RUN] in runs]
    if echoed:
        found += [m.span() for value in echoed for m in _picture_of(value).finditer(text)]
        tails = {value[-4:] for value in echoed}
        if any(tail in text for tail in tails):
            found += [m.span() for m in _TOKEN.finditer(text) if any(tail in m.group() for tail in tails)]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    kept, at = [], 0
    for low, high in spans:
        kept += [text[at:low], MASK]
        at = high
    return "".join([*kept, text[at:]])


@lru_cache(maxsize=32)
def _picture_of(value: str) -> re.Pattern[str]:
    """Finds `value` with a hole: some of its head, a mask, some of its tail.

    A head of up to four signs alone ('sk-...') is how every key of the provider begins and gives nothing away.
    """
    forms = {value, json.dumps(value)[1:-1], html.escape(value)}
    heads = "|".join(re.escape(form[:n]) for form in forms for n in range(16, 0, -1))
    tails = "|".join(re.escape(form[-n:]) for form in forms for n in range(12, 1, -1))
    only_heads = "|".join(re.escape(form[:n]) for form in forms for n in range(16, 4, -1))
    mask = rf"(?:{_HOLE})+[*.]*"
    return re.compile(rf"(?:{heads})?{mask}(?:{tails})|(?:{only_heads}){mask}")


def _worth_hiding(values: Iterable[str]) -> frozenset[str]:
    return frozenset(v for v in values if len(v) >= SHORTEST and not is_harmless(v))


def _as_bytes(values: frozenset[str]) -> frozenset[str]:
    return frozenset(v if v.isascii() else v.encode("utf-8", "replace").decode("latin-1") for v in values)


@lru_cache(maxsize=8)
def _needles(values: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    forms = {form for value in values for form in _forms(value) if len(form) >= RUN}
    runs = {form[i : i + RUN] for form in forms for i in range(len(form) - RUN + 1)}
    return frozenset(runs), frozenset(run[i : i + 3] for run in runs for i in range(RUN - 2))


def _forms(value: str) -> Iterable[str]:
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield html.escape(value)
    yield repr(value)[1:-1]
    raw = value.encode("utf-8", "replace")
    for shift in range(3):  # base64 of something that ends or begins elsewhere: three ways to fall on its grid
        text = base64.b64encode(b"\0" * shift + raw).decode("ascii")
        text = text[-(-8 * shift // 6) : (shift + len(raw)) * 8 // 6]
        yield text
        yield text.translate(str.maketrans("+/", "-_"))


def _environment_values() -> Iterable[str]:
    # This runs at every call. Names as bytes, where the system has them so, spare decoding the whole environment.
    names: Iterable[str]
    if sys.platform == "win32":
        names = [name for name in os.environ if names_a_key(name)]
    else:
        names = [os.fsdecode(name) for name in os.environb if name.endswith(_ENDINGS)]
    return [value for name in names if (value := os.environ.get(name, "").strip())]


_dotenv_cache: dict[str, tuple[tuple[int, int], frozenset[str]]] = {}


def _dotenv_values(path: os.PathLike[str]) -> frozenset[str]:
    try:
        facts = os.stat(path)
    except OSError:
        return frozenset()
    stamp, place = (facts.st_mtime_ns, facts.st_size), os.fspath(path)
    if _dotenv_cache.get(place, ((0, 0), frozenset()))[0] != stamp:
        try:
            values = frozenset(v.unwrap() for v in read_dotenv(path).values() if isinstance(v, Secret))
        except ConfigError:  # said where the key is asked for; here nothing can be known
            values = frozenset()
        _dotenv_cache[place] = (stamp, values)
    return _dotenv_cache[place][1]

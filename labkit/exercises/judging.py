"""How a case says what it wanted: `expect` compares, `missed` says it in words. Both raise `Missed`, and no more.

An answer may return anything, objects whose `==` or `repr` raises among it; nothing here fails on that.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any, NoReturn

MOST_CHARACTERS = 1200


class Missed(Exception):
    """An answer did not do what the case asks. expected, got: as text.  why: in words, '' when the two speak enough."""

    def __init__(self, expected: str = "", got: str = "", why: str = "", about: str = "") -> None:
        self.expected, self.got, self.why, self.about = expected, got, why, about
        super().__init__(why or f"expected {expected}, got {got}")


def expect(got: Any, expected: Any, about: str = "", *, why: str = "") -> None:
    """Go on when `got` is `expected`, else raise Missed. True is not 1, a list may be a tuple.

    about: what is compared, 'the requests' say.  why: a sentence for whoever misses this.
    """
    if not same(got, expected):
        raise Missed(shown(expected), shown(got), why, about)


def missed(why: str, *, expected: Any = "", got: Any = "", about: str = "") -> NoReturn:
    """Raise Missed with a sentence. expected, got: texts are shown as they are, other values by their repr."""
    raise Missed(
        plain(expected) if isinstance(expected, str) else shown(expected),
        plain(got) if isinstance(got, str) else shown(got),
        why,
        about,
    )


def same(got: Any, expected: Any) -> bool:
    """Whether two values are equal; False where comparing raises, or gives no yes or no.

    >>> same(1, 1.0), same(True, 1), same([1, (2,)], (1, [2])), same(b"a", "a")
    (True, False, True, False)
    """
    try:
        return _same(got, expected)
    except Exception:
        return False


def _same(got: Any, expected: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, (int, float)):
        if not isinstance(got, (int, float)):
            return False
        return got == expected or (isinstance(expected, float) and math.isclose(got, expected, rel_tol=1e-9))
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(expected)
            and all(_same(a, b) for a, b in zip(got, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(got, Mapping) and set(got) == set(expected) and all(_same(got[k], expected[k]) for k in expected)
        )
    if isinstance(expected, (str, bytes)) and type(got) is not type(expected):
        return False
    return bool(got == expected)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 400
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = 20
        self.maxdict, self.maxlevel, self.maxlong = 20, 8, 80

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value) if len(value) <= self.maxstring else f"{value[:300]!r}… ({len(value)} bytes)"

    def repr_dict(self, value: dict[Any, Any], level: int) -> str:
        """As reprlib does it, but in the dictionary's own order."""
        if level <= 0:
            return "{…}" if value else "{}"
        items = list(value.items())[: self.maxdict]
        parts = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in items]
        return "{" + ", ".join([*parts, *(["…"] if len(value) > self.maxdict else [])]) + "}"

    def repr_instance(self, value: Any, level: int) -> str:
        text = repr(value)
        if " at 0x" in text:  # an address is another one in each run, and says nothing
            text = f"<a {type(value).__name__}>"
        return text if len(text) <= self.maxother else text[: self.maxother - 1] + "…"

    repr_bytearray = repr_bytes


_short = _Short()


def shown(value: Any) -> str:
    """A value as text for people: its repr, cut where it is long, and never an error."""
    try:
        text = plain(_short.repr(value))
    except Exception as error:
        return f"<{type(value).__name__}, which cannot be shown: {type(error).__name__}>"
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def plain(text: str) -> str:
    """The same text as a str and nothing derived from it."""
    return str.__getitem__(text, slice(0, None))

"""A text as tokens: where it is cut, the ids, how many there are, what they cost and how full they make a window.

Plain functions on any tokenizer that has `encode` and the bytes of each token. It counts with that tokenizer alone;
providers have others, so their counts differ. No ipywidgets: the token lens is a shell over it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labkit import lm
from labkit.cost import shown_usd, tokens_usd
from labkit.view.bars import Bar, bars_html, bars_text
from labkit.view.html import Html, breaking, escape, join, note, table
from labkit.view.one_line import one_line

if TYPE_CHECKING:
    from labkit.session import Lab

# Five tones that are told apart on white and on black; the last two digits are their strength.
TINTS = ("#3f86cc40", "#2f9e5f40", "#c77d0a40", "#8c8c8c40", "#d9493f33")
MOST = 1500  # tokens that are drawn; all are counted
# The same greeting, written for this lab, so that languages can be set beside each other.
GREETINGS = {
    "English": "Good morning, how are you today?",
    "German": "Guten Morgen, wie geht es dir heute?",
    "French": "Bonjour, comment vas-tu aujourd'hui ?",
    "Russian": "Доброе утро, как у тебя дела сегодня?",
    "Arabic": "صباح الخير، كيف حالك اليوم؟",
    "Hindi": "सुप्रभात, आज आप कैसे हैं?",
    "Chinese": "早上好，你今天好吗？",
    "Japanese": "おはようございます、今日の調子はどうですか。",
    "emoji": "🌅👋 😀❓ 👩‍🔬🇺🇳",
    "code": 'def greet(name):\n    return f"Good morning, {name}!"',
    "digits": "3.14159265358979 1234567 2026-11-20",
}
TIKTOKEN = {
    name: f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    for name in ("o200k_base", "cl100k_base")
}
"""Where the tiktoken package fetches these from: its tiktoken_ext/openai_public.py. Nothing is fetched here."""


class Encoder(Protocol):
    """What the lens needs of a tokenizer."""

    def encode(self, text: str, /) -> list[int]: ...

    def token_bytes(self, id: int, /) -> bytes: ...


@dataclass(frozen=True)
class Piece:
    """One token. whole: whether its bytes are whole characters."""

    token_id: int
    data: bytes

    @property
    def whole(self) -> bool:
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    @property
    def shown(self) -> str:
        """Its text on one line; bytes of a part of a character as \\xNN."""
        return one_line(self.data.decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, repr=False)
class Tokenised:
    """A text cut into tokens by one tokenizer."""

    tokenizer: str
    text: str
    pieces: tuple[Piece, ...]

    def numbers(self) -> dict[str, float]:
        """Tokens, characters, bytes, and characters to a token, to two decimals."""
        tokens, characters = len(self.pieces), len(self.text)
        return {
            "tokens": tokens,
            "characters": characters,
            "bytes": len(self.text.encode("utf-8", "replace")),
            "characters_per_token": round(characters / tokens, 2) if tokens else 0.0,
        }

    def figures(self) -> list[tuple[str, str]]:
        numbers = self.numbers()
        split = sum(not piece.whole for piece in self.pieces)
        return [
            ("tokens", f"{numbers['tokens']:,}"),
            ("characters", f"{numbers['characters']:,}"),
            ("bytes", f"{numbers['bytes']:,}"),
            ("characters to a token", f"{numbers['characters_per_token']:.2f}"),
            ("parts of a character", f"{split:,}"),
        ]

    def __str__(self) -> str:
        said = " ".join(f"{piece.shown}[{piece.token_id}]" for piece in self.pieces[:200])
        figures = " · ".join(f"{name} {value}" for name, value in self.figures())
        return f"{self.tokenizer}: {figures}\n{said}{' …' if len(self.pieces) > 200 else ''}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return join([bars_html(self.figures(), [], note=None), self.tokens_html()])

    def tokens_html(self, ids: bool = True) -> Html:
        """The tokens in colours, each with its id below. ids: False leaves those away."""
        if not self.pieces:
            return note("No text, no tokens.")
        cells = "".join(
            f'<span style="display: inline-block; background-color: {TINTS[n % len(TINTS)]}; border-radius: 3px; '
            f'padding: 1px 3px; margin: 1px; text-align: center; vertical-align: top">'
            f'<span style="font-family: monospace; font-size: 13px; white-space: pre">{escape(piece.shown)}</span>'
            + (f'<span style="display: block; font-size: 10px">{piece.token_id}</span>' if ids else "")
            + "</span>"
            for n, piece in enumerate(self.pieces[:MOST])
        )
        more = note(f"{len(self.pieces) - MOST:,} more tokens") if len(self.pieces) > MOST else ""
        return Html(f'<div style="line-height: 1.5; overflow-wrap: break-word">{cells}</div>{more}')


def tokenise(text: str, name: str = "lab-chat") -> Tokenised:
    """`text` as the tokenizer of that name cuts it. Raises ModelFileError for one that is not there.

    >>> [piece.shown for piece in tokenise("the the").pieces]
    ['the', '␣the']
    """
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no text
    encoder = _encoder(name)
    return Tokenised(name, text, tuple(Piece(int(id), encoder.token_bytes(int(id))) for id in encoder.encode(text)))


def tokenizers() -> list[str]:
    """The tokenizers that are there: the lab's, one a vocabulary, and tiktoken's where installed and fetched before."""
    return [*lm.names(), *(f"tiktoken {name}" for name in TIKTOKEN if _cached(name))]


def per_language(name: str = "lab-chat") -> list[tuple[str, int, int]]:
    """(language, tokens, characters) of one greeting in several languages, in emoji, code and digits."""
    return [(language, len(tokenise(text, name).pieces), len(text)) for language, text in GREETINGS.items()]


def languages_html(name: str) -> Html:
    """`per_language` as bars; the longest is full."""
    counted = per_language(name)
    most = max(tokens for _, tokens, _ in counted)
    bars = [
        Bar(f"{language} ({tokens} tokens, {size} characters)", tokens / most) for language, tokens, size in counted
    ]
    return bars_html([("tokenizer", name)], bars, note="That is the text with the most tokens.")


def languages_text(name: str) -> str:
    """`per_language` for a terminal."""
    counted = per_language(name)
    most = max(tokens for _, tokens, _ in counted)
    return bars_text([], [Bar(f"{language} ({tokens})", tokens / most) for language, tokens, _ in counted]).lstrip("\n")


@dataclass(frozen=True)
class Charge:
    """What so many tokens are to one provider's model. share: of its window, None where that is not stated."""

    provider: str
    model: str
    context_tokens: int | None
    share: float | None
    cost: str


def charges(lab: Lab, tokens: int) -> list[Charge]:
    """For each provider's chat model: how full `tokens` make its window, and their price as input."""
    found = []
    for provider in lab.facts.values():
        model = provider.model("chat")
        window = model.context_tokens
        cost = "0 USD" if provider.id == "lab" else shown_usd(tokens_usd(model, tokens, 0, lab.clock))
        found.append(Charge(provider.label, model.id, window, tokens / window if window else None, cost))
    return found


def charges_html(lab: Lab, tokens: int) -> Html:
    """`charges` as a table with a bar for each window."""
    rows: list[list[object]] = []
    for charge in charges(lab, tokens):
        share = min(1.0, charge.share or 0.0)
        bar = Html(
            '<div style="width: 90px; height: 10px; border: 1px solid #8c8c8c">'
            f'<div style="width: {100 * share:.2f}%; height: 10px; background-color: #3f86cc"></div></div>'
        )
        of = "not stated" if charge.context_tokens is None else f"{charge.context_tokens:,}"
        full = "–" if charge.share is None else f"{charge.share:.3%}" if charge.share < 1 else "does not fit"
        rows.append([charge.provider, breaking(charge.model), of, bar, full, charge.cost])
    head = ("provider", "model", "window", "", "full", "cost as input")
    return join([
        table(rows, head, numbers=(2, 4, 5)),
        note("Counted with the tokenizer chosen above. Each provider counts with its own, so its number will differ."),
    ])  # fmt: skip


def _encoder(name: str) -> Encoder:
    if name.startswith("tiktoken "):
        return _Tiktoken(name.removeprefix("tiktoken "))
    return lm.load(name).tokenizer


class _Tiktoken:
    """An encoding of the tiktoken package."""

    def __init__(self, name: str) -> None:
        from importlib import import_module

        tiktoken: Any = import_module("tiktoken")
        self._encoding = tiktoken.get_encoding(name)

    def encode(self, text: str, /) -> list[int]:
        return list(self._encoding.encode(text, disallowed_special=()))

    def token_bytes(self, id: int, /) -> bytes:
        return bytes(self._encoding.decode_single_token_bytes(id))


def _cached(name: str) -> bool:
    """Whether tiktoken is installed and has that file, so that it fetches nothing. Its own rule: tiktoken/load.py."""
    from importlib.util import find_spec

    try:
        if find_spec("tiktoken") is None:
            return False
    except ValueError:
        return False
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    where = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    return folder != "" and (where / hashlib.sha1(TIKTOKEN[name].encode()).hexdigest()).is_file()

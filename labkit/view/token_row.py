"""How a text is cut into tokens, one box a token with its id below; nothing here cuts, the tokenizer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.view.anatomy import View
from labkit.view.html import MONO, TONES, Html, escape, note
from labkit.view.one_line import one_line

if TYPE_CHECKING:
    from labkit.lm.tokens import Tokenizer

_BOX = "display: inline-block; text-align: center; vertical-align: top; border-radius: 4px; padding: 0 4px; margin: 2px"


def token_row(tokenizer: Tokenizer, text: str) -> View:
    """`text` as its tokens, each in a box over its id; neighbours have different colours.

    A space is ␣, a line feed ⏎. A token that is no whole character shows its bytes in hexadecimal (F0·9F).
    """
    ids = tokenizer.encode(text)
    tokens = [tokenizer.token_bytes(id) for id in ids]
    head = f"{_count(len(text), 'character')}, {_count(len(_bytes(text)), 'byte')}, {_count(len(ids), 'token')}"
    boxes = "".join(_box(_sign(token), id, i) for i, (token, id) in enumerate(zip(tokens, ids, strict=True)))
    plain = " ".join(f"[{_sign(token)}]" for token in tokens)
    return View(f"{head}\n{plain}\n{' '.join(map(str, ids))}", note(head) + f'<div style="{MONO}">{boxes}</div>')


def _box(sign: str, id: int, place: int) -> Html:
    tone = TONES[("info", "warn", "good")[place % 3]]
    return Html(
        f'<span style="{_BOX}; border: 1px solid {tone}; border-bottom: 3px solid {tone}">{escape(sign)}'
        f'<span style="display: block; font-size: 10px; opacity: 0.75">{id}</span></span>'
    )


def _sign(token: bytes) -> str:
    try:
        return one_line(token.decode())
    except UnicodeDecodeError:
        return "·".join(f"{byte:02X}" for byte in token)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number:,} {what}s"

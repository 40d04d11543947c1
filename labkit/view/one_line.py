"""A token's text on one line with nothing left unseen: signs for white space, codes for what does not show."""

from __future__ import annotations

from unicodedata import category

_SIGNS = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}


def one_line(text: str) -> str:
    """`text` with ␣ ⏎ ␍ ⇥ for white space, and ‹U+00A0› and the like for every other sign that would not be seen.

    Stricter than what `escape` does to running text: here other spaces, soft hyphens, the joiner inside an emoji,
    private and unassigned characters show their code too. A combining character at the start gets a dotted circle to
    stand on. Plain text: `escape` comes after it.

    >>> one_line(" the\\n"), one_line("a\\u202eb\\xa0")
    ('␣the⏎', 'a‹U+202E›b‹U+00A0›')
    """
    if text.isascii() and text.isprintable():
        return text.replace(" ", "␣")
    shown = "".join(_SIGNS.get(char) or (code_of(char) if category(char) in _UNSEEN else char) for char in text)
    return "◌" + shown if category(shown[0]).startswith("M") else shown


def code_of(char: str) -> str:
    """A character's code point, as in ‹U+202E›."""
    return f"‹U+{ord(char):04X}›"

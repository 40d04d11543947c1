"""Small helpers for wording."""

from __future__ import annotations

NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()


def capital_letter(text: str) -> str:
    """The text with its first letter a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def with_article(noun: str) -> str:
    """'an owl', 'a fox'."""
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def several(noun: str) -> str:
    """The plural of a regular noun."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"


def numbered(items: list[str]) -> str:
    return "\n".join(f"{place}. {item}" for place, item in enumerate(items, start=1))

"""What is found in a librechat.yaml: its grade, its place, what it is and what would be right.

No finding holds a value that could be a key: what looks like one is masked whatever the sentence is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from labkit.keys.secret import MASK

GRADES = {
    "schema": "LibreChat does not start",
    "start-up": "LibreChat stops while it starts",
    "dropped": "the endpoint is left out without a word",
    "ignored": "the key has no effect",
    "surprising": "it has an effect, and another one than it seems",
    "secret": "a key stands in the file",
}
# The forms in which providers hand out keys: a known beginning, and then what nobody would write by hand.
_KEY_FORM = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|xai|hf|fw|pplx|r8|gh[pousr]|github_pat|glpat|nvapi|csk|tgp_v1)[-_]"
    r"|AIza|AKIA|ya29)[-_A-Za-z0-9.]{12,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]{10,}"
)
_SEPARATOR = re.compile(r"[-_.:/+=]")
_BLOB = re.compile(r"[A-Za-z0-9_\-+/=]{24,}")


def looks_like_key(text: str) -> str:
    """What in a text has the form of a key; '' when nothing has.

    >>> looks_like_key("Bearer sk-abcdefghijklmnop")
    'sk-abcdefghijklmnop'
    """
    for match in _KEY_FORM.finditer(text):
        parts = _SEPARATOR.split(match.group())
        if any(len(part) >= 16 or (len(part) >= 8 and _kinds(part) >= 2) for part in parts):
            return match.group()
    for blob in _BLOB.findall(text):
        if any(len(part) >= 16 and _kinds(part) == 3 for part in _SEPARATOR.split(blob)):
            return str(blob)
    return ""


def _kinds(text: str) -> int:
    """How many of digits, capitals and small letters are in it: in a word or a model's name they are rarely mixed."""
    return any(c.isdigit() for c in text) + any(c.isupper() for c in text) + any(c.islower() for c in text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the nearest known word as it is spelled, or '' when nothing is near.

    >>> did_you_mean("apikey", ["apiKey", "name"])
    "Did you mean 'apiKey'?"
    """
    words = {str(k).lower(): str(k) for k in known}
    near = get_close_matches(str(word)[:100].lower(), words, n=1, cutoff=0.6)
    return f"Did you mean '{words[near[0]]}'?" if near else ""


def masked(text: str) -> str:
    """The text without what looks like a key."""
    for _ in range(20):
        found = looks_like_key(text)
        if not found:
            break
        text = text.replace(found, MASK)
    return text


def shown_path(keys: tuple[Any, ...]) -> str:
    """`endpoints.custom[0].addParams` for the keys from the top."""
    shown = ""
    for key in keys:
        shown += f"[{key}]" if isinstance(key, int) else f".{key}" if shown else str(key)
    return shown if len(shown) <= 200 else shown[:199] + "…"


@dataclass(frozen=True)
class Place:
    """Line and column (from 1), and the path of keys there."""

    file: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Finding:
    """One thing found. code: a short name that stays; grade: a word of GRADES."""

    grade: str
    code: str
    place: Place
    what: str
    right: str = ""

    def __post_init__(self) -> None:
        for name in ("what", "right"):
            object.__setattr__(self, name, _one_line(masked(getattr(self, name))))
        if masked(self.place.path) != self.place.path:
            at = self.place
            object.__setattr__(self, "place", Place(at.file, at.line, at.column, _one_line(masked(at.path))))

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    @property
    def path(self) -> str:
        return self.place.path

    def __str__(self) -> str:
        head = f"{self.place}: {_one_line(self.path)}: " if self.path else f"{self.place}: "
        return f"{head}{sentence(self.what)}{' ' + sentence(self.right) if self.right else ''} [{self.grade}]"


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends in a sign of its own."""
    return text if text.endswith((".", "?", "!", ":")) else text + "."


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "�" if not c.isspace() else " " for c in text)

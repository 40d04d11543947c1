"""The rules, read strictly from rules.yaml: what may be wrong, and by what each cause is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.diagnosis.hints import HINTS
from labkit.diagnosis.reading import Reading
from labkit.diagnosis.signs import SIGNS
from labkit.errors import ConfigError
from labkit.yamls import Document, read_yaml

if TYPE_CHECKING:
    from labkit.facts import Facts

RULES = Path(__file__).with_name("rules.yaml")
_PATTERNS = ("says", "codes", "param", "failure", "path", "type", "body", "not")
_CLUE = {"points", "status", "test", *_PATTERNS}
_RULE = {"id", "cause", "general", "usual", "against", "clues", "hint", "confirm", "fix", "case"}
_MAY_LACK = {"hint", "usual", "against", "general"}
WRAPPED = 60  # points of a status that a program between gave to the error of another
SAID = 94  # points of a provider's own words, which are enough where no status is known
UNSURE = 74  # points of what may well be, and is not called likely


@dataclass(frozen=True)
class Clue:
    """By what a cause is known: conditions that must all hold. points: 0-100, how sure it makes."""

    points: int
    status: frozenset[int]
    patterns: dict[str, re.Pattern[str]]
    test: str = ""

    def evidence(self, reading: Reading, facts: Facts | None) -> list[str] | None:
        """What speaks for it, in sentences; None when it does not hold."""
        status = reading.first_status
        if self.status and status not in self.status:
            return None
        found: list[str] = []
        for name, pattern in self.patterns.items():
            quoted = _find(name, pattern, reading)
            if name == "not":
                if quoted is not None:
                    return None
            elif quoted is None:
                return None
            else:
                found.append(quoted)
        if self.test:
            said = SIGNS[self.test](reading, facts)
            if not said:
                return None
            found.append(said)
        if self.status or (status and found):
            found.insert(0, f"status {status}")
        return found


@dataclass(frozen=True)
class Rule:
    """A cause and its clues, most points first. case: an exchange for which it must come first.

    usual: statuses of such a cause, empty when any or none will do.  against: a sign that makes it doubtful, or ''.
    general: whether it names a kind of failure, of which there are narrower ones.
    """

    id: str
    cause: str
    clues: tuple[Clue, ...]
    hint: str
    confirm: str
    fix: str
    case: dict[str, Any]
    usual: frozenset[int] = frozenset()
    against: str = ""
    general: bool = False

    def points(self, clue: Clue, reading: Reading, facts: Facts | None) -> int:
        """A clue's points for this reading: words that nothing agrees with and a status that only wraps count less."""
        alone = not clue.patterns and not clue.test
        if alone and reading.wrapped:
            return min(clue.points, WRAPPED)
        if self.against and clue.points > UNSURE and SIGNS[self.against](reading, facts):
            return UNSURE
        words = set(clue.patterns) <= {"says", "not", "failure", "body"} and not clue.test and not clue.status
        status = reading.first_status
        enough = status in self.usual or (status is None and clue.points >= SAID)
        if words and self.usual and not enough:
            return min(clue.points, UNSURE)
        return clue.points


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """All rules. Raises ConfigError with file, line and path for a rule that cannot be meant."""
    document = read_yaml(RULES)
    found = tuple(_rule(raw, (number,), document) for number, raw in enumerate(document.data))
    twice = {rule.id for rule in found if [other.id for other in found].count(rule.id) > 1}
    if twice:
        raise ConfigError(f"two rules are called {sorted(twice)[0]!r}", where=str(RULES))
    return found


def _rule(raw: Any, at: tuple[Any, ...], document: Document) -> Rule:
    if not isinstance(raw, dict) or not _RULE - _MAY_LACK <= set(raw) <= _RULE:
        raise ConfigError("a rule has other fields", where=document.place(at), right=f"They are {sorted(_RULE)}")
    hint = raw.get("hint", "")
    if hint and hint not in HINTS:
        raise ConfigError(f"no hint is called {hint!r}", where=document.place((*at, "hint")), right=", ".join(HINTS))
    if raw.get("against", "") not in ("", *SIGNS):
        raise ConfigError(f"no sign is called {raw['against']!r}", where=document.place((*at, "against")))
    clues = tuple(_clue(clue, (*at, "clues", n), document) for n, clue in enumerate(raw["clues"]))
    ordered = tuple(sorted(clues, key=lambda clue: -clue.points))
    more = {"against": raw.get("against", ""), "general": raw.get("general", False) is True}
    usual = frozenset(raw.get("usual", ()))
    return Rule(raw["id"], raw["cause"], ordered, hint, raw["confirm"], raw["fix"], raw["case"], usual, **more)


def _clue(raw: Any, at: tuple[Any, ...], document: Document) -> Clue:
    if not isinstance(raw, dict) or not {"points"} < set(raw) <= _CLUE or not isinstance(raw["points"], int):
        raise ConfigError("a clue has other fields", where=document.place(at), right=f"They are {sorted(_CLUE)}")
    if raw.get("test", "") not in ("", *SIGNS):
        raise ConfigError(f"no sign is called {raw['test']!r}", where=document.place((*at, "test")))
    try:
        flags = re.IGNORECASE | re.DOTALL
        patterns = {name: re.compile(raw[name], flags) for name in _PATTERNS if name in raw}
    except re.error as error:
        raise ConfigError(f"a pattern cannot be read: {error}", where=document.place(at)) from None
    return Clue(raw["points"], frozenset(raw.get("status", ())), patterns, raw.get("test", ""))


def _find(name: str, pattern: re.Pattern[str], reading: Reading) -> str | None:
    """Where a pattern is found, as evidence; None when nowhere."""
    for label, text in _texts(name, reading):
        found = pattern.search(text)
        if found:
            return f"{label}: {_around(text, found)}"
    return None


def _texts(name: str, reading: Reading) -> Iterator[tuple[str, str]]:
    if name == "codes":
        yield from (("code", code) for code in reading.codes)
    elif name in ("says", "not"):
        yield from (("it says", line) for line in reading.says.splitlines() or [""])
        if name == "not":
            yield from (("code", code) for code in reading.codes)
    else:
        values = {
            "param": reading.param,
            "failure": reading.failure,
            "path": reading.path,
            "type": reading.content_type,
        }
        yield (
            {"param": "field", "failure": "error", "path": "path", "type": "content-type", "body": "body"}[name],
            values.get(name, reading.body_text),
        )


def _around(text: str, found: re.Match[str], most: int = 160) -> str:
    """The words around a match, on one line."""
    line = " ".join(text[max(0, found.start() - most // 2) : found.end() + most // 2].split())
    return line if len(line) <= 2 * most else line[: 2 * most] + "…"

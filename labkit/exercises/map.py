"""The map of the course: what is done, what is open, how many minutes are left. It reads the progress file, no more.

A notebook's reading counts down with its predictions; an exercise counts until it is passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.errors import ConfigError
from labkit.exercises import registry
from labkit.facts import CONFIGS
from labkit.view import html
from labkit.yamls import read_yaml

SIGNS = {"passed": "✓", "missed": "✗", "raised": "✗", "open": "·"}


@dataclass(frozen=True)
class Stage:
    """One line of the map: a notebook, or the mysteries. exercises: (id, title, state, minutes left)."""

    number: str
    title: str
    minutes_left: int
    guessed: int
    guesses: int
    exercises: tuple[tuple[str, str, str, int], ...]
    coming: bool = False

    @property
    def passed(self) -> int:
        """How many exercises are passed."""
        return sum(state == "passed" for _, _, state, _ in self.exercises)

    @property
    def cells(self) -> list[str]:
        """The line's columns as text."""
        if self.coming:
            return [self.number, self.title, "to come", "", "", ""]
        signs = "".join(SIGNS[state] for _, _, state, _ in self.exercises)
        return [
            self.number,
            self.title,
            f"{self.guessed} of {self.guesses}" if self.guesses else "",
            f"{self.passed} of {len(self.exercises)}" if self.exercises else "",
            signs,
            f"{self.minutes_left}",
        ]


@dataclass(frozen=True)
class Map:
    """All stages; prints as a table, and shows as one in a notebook. where: the file it was read from."""

    stages: tuple[Stage, ...]
    where: str

    HEAD = ("", "notebook", "predictions", "exercises", "", "minutes left")

    @property
    def minutes_left(self) -> int:
        """Of all stages that are there."""
        return sum(stage.minutes_left for stage in self.stages)

    def _last(self) -> list[str]:
        hours, minutes = divmod(self.minutes_left, 60)
        left = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return [
            f"Left: {left}. ✓ passed, ✗ tried and not passed yet, · open.",
            f"Kept in {self.where}; nothing of it leaves this machine.",
        ]

    def __str__(self) -> str:
        rows = [list(self.HEAD), *(stage.cells for stage in self.stages)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.HEAD))]
        lines = []
        for row in rows:
            cells = [c.ljust(w) for c, w in zip(row[:-1], widths[:-1], strict=True)]
            lines.append("  ".join([*cells, row[-1].rjust(widths[-1])]).rstrip())
        return "\n".join([*lines, *self._last()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = html.table([stage.cells for stage in self.stages], self.HEAD, numbers=(5,))
        return html.card("Your way through the lab", body + "".join(html.note(line) for line in self._last()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def drawn(kept: Mapping[str, Any], where: str) -> Map:
    """The map for what the progress file holds (`Progress.read()`). where: what to call the file."""
    stages = [_stage(entry, kept) for entry in _course()]
    mysteries = [one for one in registry.exercises() if not one.notebook]
    if mysteries:
        told = tuple(_told(one, kept) for one in mysteries)
        stages.append(Stage("m", "Mysteries", sum(left for *_, left in told), 0, 0, told))
    return Map(tuple(stages), where)


def _stage(entry: Mapping[str, Any], kept: Mapping[str, Any]) -> Stage:
    number = str(entry["number"])
    if entry.get("coming"):
        return Stage(number, str(entry["title"]), 0, 0, 0, (), coming=True)
    asked = registry.predictions(number)
    guessed = sum(one.id in kept["predictions"] for one in asked)
    told = tuple(_told(one, kept) for one in registry.exercises(number))
    share = 1 - guessed / len(asked) if asked else 1.0
    left = round(int(entry["minutes"]) * share) + sum(left for *_, left in told)
    return Stage(number, str(entry["title"]), left, guessed, len(asked), told)


def _told(exercise: Any, kept: Mapping[str, Any]) -> tuple[str, str, str, int]:
    found = kept["exercises"].get(exercise.id)
    state = str(found.get("outcome", "open")) if isinstance(found, dict) else "open"
    state = state if state in SIGNS else "open"
    return exercise.id, exercise.title, state, 0 if state == "passed" else exercise.minutes


def _course() -> list[Mapping[str, Any]]:
    path = CONFIGS / "course.yaml"
    data = read_yaml(path).data
    if not isinstance(data, dict) or not isinstance(data.get("notebooks"), list):
        raise ConfigError("`notebooks` is missing", where=str(path), do="Restore it: git checkout -- configs")
    return list(data["notebooks"])

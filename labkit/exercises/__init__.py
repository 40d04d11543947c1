"""Predictions and exercises: what the learner commits to, and what becomes of it. Each is handed what it needs.

A module of exercises imports its words from here: `Exercise`, `Misconception`, `World`, `expect`, `missed`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.exercises.exercise import Exercise as Exercise
    from labkit.exercises.exercise import Misconception as Misconception
    from labkit.exercises.judging import expect as expect
    from labkit.exercises.judging import missed as missed
    from labkit.exercises.predictions import Prediction as Prediction
    from labkit.exercises.world import World as World

_HOME = {
    "Exercise": "exercise",
    "Misconception": "exercise",
    "Prediction": "predictions",
    "World": "world",
    "expect": "judging",
    "missed": "judging",
}
__all__ = ["Exercise", "Misconception", "Prediction", "World", "expect", "missed"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

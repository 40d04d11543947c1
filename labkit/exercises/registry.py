"""The exercises and predictions there are: those of every module here that is named after a notebook or the mysteries.

A module `n03_….py` belongs to notebook 03, `m….py` holds mysteries. It has `EXERCISES`, `PREDICTIONS` or both, as
tuples. Adding one is adding a file: nothing lists them.
"""

from __future__ import annotations

import pkgutil
import re
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import labkit.exercises as package
from labkit.errors import LabError, did_you_mean

if TYPE_CHECKING:
    from labkit.exercises.exercise import Exercise
    from labkit.exercises.predictions import Prediction

NOTEBOOK = re.compile(r"n(\d\d)_\w+")
MYSTERY = re.compile(r"m\d\d_\w+|myster(y|ies)\w*")


def names() -> list[str]:
    """The names of the modules, in the notebooks' order, the mysteries after them."""
    found = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return sorted(filter(NOTEBOOK.fullmatch, found)) + sorted(filter(MYSTERY.fullmatch, found))


@lru_cache(maxsize=1)
def modules() -> dict[str, ModuleType]:
    """The modules by their names."""
    return {name: import_module(f"{package.__name__}.{name}") for name in names()}


def exercises(notebook: str | None = None) -> tuple[Exercise, ...]:
    """All exercises, or those of the notebook with that number."""
    return tuple(one for module in _of(notebook) for one in getattr(module, "EXERCISES", ()))


def predictions(notebook: str | None = None) -> tuple[Prediction, ...]:
    """All predictions, or those of the notebook with that number."""
    return tuple(one for module in _of(notebook) for one in getattr(module, "PREDICTIONS", ()))


def exercise(id: str) -> Exercise:
    """The exercise called `id`. Raises LabError with the nearest one."""
    known = {one.id: one for one in exercises()}
    if id not in known:
        raise LabError(f"no exercise is called {id!r}", where="lab.exercise", right=did_you_mean(str(id), known))
    return known[id]


def prediction(id: str) -> Prediction:
    """The prediction called `id`. Raises LabError with the nearest one."""
    known = {one.id: one for one in predictions()}
    if id not in known:
        raise LabError(f"no prediction is called {id!r}", where="lab.predict", right=did_you_mean(str(id), known))
    return known[id]


def _of(notebook: str | None) -> list[ModuleType]:
    return [module for name, module in modules().items() if notebook is None or name.startswith(f"n{notebook}_")]

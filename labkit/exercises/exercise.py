"""What an exercise is: data. Its text, its answers, right and wrong, as source text, and its cases.

It runs nothing but the sources of its own answers (`made`); `checking` judges, `cells` writes it into a notebook.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Literal

from labkit.errors import LabError

if TYPE_CHECKING:
    from labkit.exercises.world import World

Level = Literal["worked", "faded", "free"]
LEVELS: dict[str, str] = {
    "worked": "a whole example with gaps",
    "faded": "a function with its beginning",
    "free": "an empty function and a goal",
}
ID = re.compile(r"(?P<notebook>\d\d)(-[a-z0-9]+)+|(?P<mystery>m\d\d)(-[a-z0-9]+)*")

WRITTEN_RETURN = re.compile(
    r"(\s*@.*\n)*\s*(async\s+)?def\b[^\n]*:\s*(\n\s*(\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\"))?\s*return\b", re.S
)

Case = Callable[[Any, "World"], None]
"""A trial of an answer: its docstring's first line says what is tried, in it `expect` and `missed` judge."""
MOST_CALLS = 300  # of one case, unless an exercise says otherwise


@dataclass(frozen=True)
class Misconception:
    """A wrong answer that people really give. source: like a solution.  message: what is wrong with it, and why."""

    source: str
    message: str


@dataclass(frozen=True)
class Exercise:
    """One concept to be tried by hand.

    id: '01-stream-join', the notebook's number and words, or 'm07' for a mystery.  minutes: how long a learner needs.
    level: 'worked' (an example with gaps), 'faded' (a function with its beginning), 'free' (a goal).
    prompt: Markdown.  blank: the answer as it is shipped, with `...` where the learner writes.
    solution, also_correct, misconceptions: source texts that define the same name as the blank, its last one.
    cases: functions of (answer, world), the easiest first.  hints: each says more than the one before.
    given: source that the notebook has run before, imports as a rule.  limit_s: real seconds that one case may take.
    most_calls: after so many calls in one case an answer is stopped: a loop that asks for ever.
    """

    id: str
    title: str
    minutes: int
    level: Level
    prompt: str
    blank: str
    cases: tuple[Case, ...]
    hints: tuple[str, ...]
    solution: str
    also_correct: tuple[str, ...] = ()
    misconceptions: tuple[Misconception, ...] = ()
    given: str = ""
    limit_s: float = 5.0
    most_calls: int = MOST_CALLS

    @property
    def name(self) -> str:
        """The name that the blank defines last, and that stands in `ex.check(...)`."""
        return last_name(self.blank)

    @property
    def wants_function(self) -> bool:
        """Whether the answer is a function; else it is a value."""
        return any(getattr(node, "name", "") == self.name for node in ast.parse(self.blank).body)

    @property
    def notebook(self) -> str:
        """The number of its notebook, '01', or '' for a mystery."""
        found = ID.fullmatch(self.id)
        return (found and found["notebook"]) or ""

    def made(self, source: str) -> Any:
        """The answer that `source` defines, made as the notebook would make it. Raises whatever the source raises."""
        where = f"<{self.id} {abs(hash(source)):x}>"
        linecache.cache[where] = (len(source), None, source.splitlines(keepends=True), where)
        namespace: dict[str, Any] = {"__name__": f"answer_{self.id.replace('-', '_')}"}
        exec(compile(self.given, f"<{self.id} given>", "exec"), namespace)
        exec(compile(source, where, "exec"), namespace)
        return namespace[self.name]


def last_name(source: str) -> str:
    """The name that a source defines last, at its outermost level.

    >>> last_name("import json\\nlimit = 3\\ndef f(x):\\n    y = 1")
    'f'
    """
    for node in reversed(ast.parse(source).body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return node.name
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return node.target.id
    raise LabError("it defines no name", where="an exercise's source", right="It ends in `def …` or `name = …`")


def said(case: Case) -> str:
    """What a case tries, in its author's words: the first line of its docstring."""
    return (case.__doc__ or "").strip().split("\n")[0].rstrip(".")


def unattempted(exercise: Exercise, answer: Any) -> bool:
    """Whether an answer is still the blank: `...`, or something that still has a `...` in it, or an empty function."""
    if type(answer) is FunctionType:
        code = answer.__code__
        return _empty(code) or Ellipsis in _constants(code) or _shape(code) == _blank_shape(exercise)
    return _holds_ellipsis(answer)


def _holds_ellipsis(value: Any, depth: int = 6) -> bool:
    if value is ...:
        return True
    if depth and type(value) in (list, tuple, set, frozenset):
        return any(_holds_ellipsis(item, depth - 1) for item in list(value)[:1000])
    if depth and type(value) is dict:
        return any(_holds_ellipsis(item, depth - 1) for item in list(value.values())[:1000])
    return False


def _empty(code: CodeType) -> bool:
    """Whether a function's body is only `...`, `pass` or a docstring (and no lambda, nor a written `return None`)."""
    if code.co_name == "<lambda>" or code.co_code not in _nothing():
        return False
    source = "".join(linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :])
    return WRITTEN_RETURN.match(source) is None


@lru_cache(maxsize=1)
def _nothing() -> frozenset[bytes]:
    names: dict[str, Any] = {}
    exec("def a(): ...\ndef b():\n    'x'\n    ...\nasync def c(): ...", names)
    return frozenset(names[name].__code__.co_code for name in "abc")


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        elif isinstance(constant, tuple):
            yield from constant
        else:
            yield constant


def _shape(code: CodeType) -> tuple[Any, ...]:
    """What a function does, whatever it is called and wherever it stands: two of the same text have the same."""
    constants = tuple(_shape(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames


@lru_cache(maxsize=512)
def _shape_of(blank: str, name: str) -> tuple[Any, ...] | None:
    outer = compile(blank, "<blank>", "exec")
    found = [c for c in outer.co_consts if isinstance(c, CodeType) and c.co_name == name]
    return _shape(found[-1]) if found and not _empty(found[-1]) else None


def _blank_shape(exercise: Exercise) -> tuple[Any, ...] | None:
    return _shape_of(exercise.blank, exercise.name)

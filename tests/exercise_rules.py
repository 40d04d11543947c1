"""What an exercise lacks, in sentences that its author understands: an exercise in, complaints out.

`lacks` reads its data; `failings` tries its answers in a world. `test_exercises` applies both to every exercise there
is, and shows for each complaint that it can be made.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from labkit.exercises.checking import Checker, run
from labkit.exercises.exercise import ID, LEVELS, Exercise, last_name, said, unattempted
from labkit.exercises.world import World

HINTS, MISCONCEPTIONS, CASES = 2, 3, 2
MESSAGE_CHARACTERS = 50
LINE_CHARACTERS = 92  # what fits beside the file browser in a window of 1200 pixels


def lacks(ex: Exercise) -> Iterator[str]:
    """What is missing from an exercise's data."""
    if not ID.fullmatch(ex.id):
        yield f"its id {ex.id!r} is not like '01-stream-join' (notebook, words) or 'm07' (a mystery)"
    if ex.level not in LEVELS:
        yield f"its level is {ex.level!r}; there are {', '.join(LEVELS)}"
    if not 1 <= ex.minutes <= 30:
        yield f"it takes {ex.minutes} minutes; give 1 to 30, or make two exercises of it"
    for what in ("title", "prompt"):
        if not getattr(ex, what).strip():
            yield f"it has no {what}"
    yield from _sources(ex)
    if len(ex.hints) < HINTS or len(set(ex.hints)) < len(ex.hints):
        number = len(set(ex.hints))
        yield f"it has {number} different hints; give at least {HINTS}, each saying more than the one before"
    if len(ex.misconceptions) < MISCONCEPTIONS:
        yield (
            f"it has {len(ex.misconceptions)} misconceptions; give at least {MISCONCEPTIONS}: wrong answers that "
            "people really give, as source, each with a message"
        )
    messages = [one.message for one in ex.misconceptions]
    for number, message in enumerate(messages, 1):
        if len(message) < MESSAGE_CHARACTERS:
            yield f"the message of misconception {number} is too short to explain anything: {message!r}"
        if message in messages[: number - 1]:
            yield f"misconception {number} has the message of an earlier one: write one of its own"
    if len(ex.cases) < CASES:
        yield f"it has {len(ex.cases)} cases; one case can be passed by luck, so give at least {CASES}"
    for case in ex.cases:
        if not said(case):
            yield f"case {case.__name__} has no docstring: its first line tells the learner what is tried"
    names = [said(case) for case in ex.cases]
    if len(set(names)) < len(names):
        yield "two of its cases say the same in their docstrings"


def _sources(ex: Exercise) -> Iterator[str]:
    if "..." not in ex.blank:
        yield "its blank has no ... in it, so nobody sees where to write"
    try:
        name = ex.name
    except Exception as error:
        yield f"its blank defines nothing: {error}"
        return
    others = [
        ("solution", ex.solution),
        *((f"also_correct {n}", source) for n, source in enumerate(ex.also_correct, 1)),
        *((f"misconception {n}", one.source) for n, one in enumerate(ex.misconceptions, 1)),
    ]
    for what, source in others:
        try:
            if last_name(source) != name:
                yield f"its {what} defines {last_name(source)!r} last, not {name!r} as the blank does"
        except Exception as error:
            yield f"its {what} cannot be read: {error}"
    for what, source in (("blank", ex.blank), ("solution", ex.solution)):
        for line in source.splitlines():
            if len(line) > LINE_CHARACTERS:
                yield f"its {what} has a line of {len(line)} characters, which does not fit a notebook: {line[:40]}…"
    called = [node.func for node in ast.walk(ast.parse(ex.blank)) if isinstance(node, ast.Call)]
    if any(isinstance(f, ast.Name) and f.id == "input" for f in called):
        yield "its blank asks for the keyboard"


def failings(ex: Exercise, what: str, source: str, world: World) -> Iterator[str]:
    """What is wrong with one of its answers. what: 'blank', 'solution', 'also_correct 1', 'misconception 2'."""
    try:
        answer = ex.made(source)
    except Exception as error:
        yield f"the {what} cannot be made: {type(error).__name__}: {error}. Are its imports in it, or in `given`?"
        return
    if what == "blank":
        if not unattempted(ex, answer):
            yield "the blank counts as an attempt: leave a `...` in it, or an empty function"
        return
    result = Checker(ex, lambda: world).check(answer)
    if not what.startswith("misconception"):
        if result.outcome != "passed":
            yield f"the {what} should pass and does not:\n{result}"
        return
    one = ex.misconceptions[int(what.split()[-1]) - 1]
    if result.outcome == "not attempted":
        yield f"{what} counts as not attempted: there is a `...` in it, or nothing"
    elif result.outcome == "passed":
        yield f"{what} passes: add a case that tells it from a right answer"
    elif result.outcome != "missed":
        yield f"{what} should be missed and is {result.outcome}:\n{result}"
    elif result.message != one.message:
        twins = [n for n, other in enumerate(ex.misconceptions, 1) if other.message == result.message]
        yield (
            f"{what} is told the message of misconception {twins or '(none)'}: in every case that fails both do the "
            f"same. Add a case that tells them apart, the more telling one fails in more cases:\n{result}"
        )


def answers(ex: Exercise) -> list[tuple[str, str]]:
    """All answers that an exercise brings, each with what it is."""
    return [
        ("blank", ex.blank),
        ("solution", ex.solution),
        *((f"also_correct {n}", source) for n, source in enumerate(ex.also_correct, 1)),
        *((f"misconception {n}", one.source) for n, one in enumerate(ex.misconceptions, 1)),
    ]


def everything(ex: Exercise, world: World) -> list[str]:
    """All complaints about an exercise; for its author."""
    found = list(lacks(ex))
    return found or [text for what, source in answers(ex) for text in failings(ex, what, source, world)]


def flaky(ex: Exercise, world: World) -> Iterator[str]:
    """Whether its solution does the same twice: the cases must not hang on what a model happens to write."""
    one, two = (run(ex, ex.made(ex.solution), world) for _ in range(2))
    if [case.mark for case in one] != [case.mark for case in two]:
        yield "its solution does not do the same twice"


def sources_of(markdown: str) -> list[str]:
    """The Python blocks of a Markdown text."""
    return re.findall(r"^```python\n(.*?)^```$", markdown, re.M | re.S)


def exercises_in(source: str) -> tuple[Any, ...]:
    """The exercises that a module's text defines."""
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "<example>", "exec"), namespace)
    return tuple(namespace["EXERCISES"])

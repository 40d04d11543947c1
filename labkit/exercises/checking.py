"""`check`, `hint` and `solution`: an answer goes through an exercise's cases, and the result says what became of it.

`check` raises nothing, whatever the answer is or does, unless LAB_STRICT=1. An answer that does the same as a listed
misconception in every case that this one misses is told that misconception's message.
"""

from __future__ import annotations

import copy
import dis
import functools
import inspect
import os
import re
import threading
from collections.abc import Callable
from types import FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError, StorageError
from labkit.exercises.exercise import LEVELS, Case, Exercise, said, unattempted
from labkit.exercises.judging import Missed, missed, plain, shown
from labkit.exercises.result import Mark, Outcome, Result, Seen, Words
from labkit.exercises.trial import Allowance, Trial, attempt, line_in
from labkit.exercises.world import TooManyCalls

if TYPE_CHECKING:
    from labkit.exercises.progress import Progress
    from labkit.exercises.world import World

LINE_BREAK = re.compile(r"(?<!\n)\n(?![\n*-])")  # one that only wraps a paragraph or an item of a list
NOT_AN_ANSWER = ("KeyError: 'choices'", "KeyError: 'usage'")
COPIED = (list, dict, set, bytearray, tuple)
_at_work = threading.Lock()
_failed: dict[tuple[str, str], frozenset[Mark]] = {}  # what a misconception does where it fails, by exercise and source
_tried: dict[tuple[str, str, str], Seen] = {}  # what it does in one case, by exercise, source and case


class NotPassed(LabError):
    """With LAB_STRICT=1: an answer missed, or was not attempted."""


class Checker:
    """An exercise in a learner's hands: `ex.check(answer)`, `ex.hint()`, `ex.solution()`."""

    def __init__(self, exercise: Exercise, world: Callable[[], World], progress: Progress | None = None) -> None:
        self.exercise, self._world, self._progress = exercise, world, progress
        self._memory: dict[str, Any] = {}

    def check(self, answer: Any = ...) -> Result:
        """Try the answer in every case and say what became of it. The answer itself is given, not what it returns."""
        ex = self.exercise
        if unattempted(ex, answer):
            result = self._result("not attempted", notes=(_how(ex),))
        elif not _at_work.acquire(blocking=False):
            result = self._result("raised", notes=("Another check is at work: an answer cannot check answers.",))
        else:
            try:
                result = self._judge(answer)
            finally:
                _at_work.release()
        if os.environ.get("LAB_STRICT") == "1" and result.outcome != "passed":
            raise NotPassed(str(result), where=ex.id)
        return result

    def hint(self) -> Words:
        """The next hint; each says more than the one before."""
        hints, ex = self.exercise.hints, self.exercise
        number = min(int(self._kept().get("hints", 0)), len(hints) - 1)
        trouble = self._keep(lambda kept: {**kept, "hints": number + 1})
        last = number + 1 == len(hints)
        then = "That was the last one; ex.solution() shows a solution." if last else "ex.hint() again shows the next."
        return Words(f"Hint {number + 1} of {len(hints)}: {ex.title}", hints[number], after=(then, *trouble))

    def solution(self) -> Words:
        """A solution, and how else it can be done."""
        ex = self.exercise
        trouble = self._keep(lambda kept: {**kept, "solution_seen": True})
        code = "\n\n".join([ex.solution.strip(), *(f"# also right\n{source.strip()}" for source in ex.also_correct)])
        text = "One way to do it, and others." if ex.also_correct else "One way to do it."
        return Words(f"Solution: {ex.title}", text, code, after=tuple(trouble))

    def __str__(self) -> str:
        return str(self._task())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._task()._repr_html_()

    def _task(self) -> Words:
        ex = self.exercise
        prompt = LINE_BREAK.sub(" ", ex.prompt.strip())
        return Words(f"{ex.title} · {about(ex)}", prompt, ex.blank.strip("\n"), (_how(ex),))

    # inside ---------------------------------------------------------------------------------------------------

    def _judge(self, answer: Any) -> Result:
        ex, world = self.exercise, self._world()
        seen = run(ex, answer, world)
        failing = [case for case in seen if case.outcome != "passed"]
        outcome: Outcome = "passed" if not failing else failing[0].outcome
        message = ""
        if failing and all(case.ended for case in seen):
            message, recognised = self._recognised(seen, world)
            if recognised:
                outcome = "missed"
        notes = _sleeps(seen) if failing else []
        if failing and failing[0].silent:
            notes.append("Nothing in your function returns a value, so it gives back None: a `return` is missing.")
        if outcome != "passed":
            kept = self._kept()
            told = int(kept.get("hints", 0))
            notes.append("ex.hint() gives a hint." if told < len(ex.hints) else "ex.solution() shows a solution.")
        notes += self._keep(lambda kept: _after(kept, outcome))
        return self._result(outcome, seen, message, tuple(notes))

    def _result(
        self, outcome: Outcome, seen: tuple[Seen, ...] = (), message: str = "", notes: tuple[str, ...] = ()
    ) -> Result:
        untried = len(self.exercise.cases) - len(seen) if seen else 0
        return Result(self.exercise.id, self.exercise.title, outcome, seen, message, notes, untried)

    def _recognised(self, seen: tuple[Seen, ...], world: World) -> tuple[str, bool]:
        """The message of the misconception that does what this answer does wherever it misses; the most alike first."""
        mine = {case.mark for case in seen if case.outcome != "passed"}
        first = next(case for case in seen if case.outcome != "passed")
        best, most = "", 0
        for misconception in self.exercise.misconceptions:
            theirs = self._marks(misconception.source, world, first)
            if theirs <= mine and first.mark in theirs and len(theirs) > most:
                best, most = misconception.message, len(theirs)
        return best, bool(best)

    def _marks(self, source: str, world: World, first: Seen) -> frozenset[Mark]:
        """What a misconception does in the cases that it fails.

        Nothing, and at the price of one case, when it does something else in the case that the answer failed first.
        """
        key = (self.exercise.id, source)
        if key not in _failed:
            try:
                answer = self.exercise.made(source)
            except Exception:  # a misconception that cannot be made recognises nobody; the tests say so
                return frozenset()
            case = next(case for case in self.exercise.cases if said(case) == first.says)
            tried = _tried.get((*key, first.says)) or _try(self.exercise, case, answer, world)
            if not tried.ended:  # a machine so busy that time ran out tells nothing of the answer
                return frozenset()
            _tried[(*key, first.says)] = tried
            if tried.mark != first.mark:
                return frozenset()
            seen = run(self.exercise, answer, world)
            if not all(case.ended for case in seen):
                return frozenset()
            _failed[key] = frozenset(case.mark for case in seen if case.outcome != "passed")
        return _failed[key]

    def _kept(self) -> dict[str, Any]:
        if self._progress is None:
            return self._memory
        try:
            kept = self._progress.read()["exercises"].get(self.exercise.id, {})
        except StorageError:
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[str]:
        """Change what is kept of this exercise; in a sentence why not, where it cannot be."""
        if self._progress is None:
            self._memory = change(self._memory)
            return []
        try:
            self._progress.change(
                "exercises", self.exercise.id, lambda kept: change(kept if isinstance(kept, dict) else {})
            )
        except StorageError as error:
            return [f"Your progress is not kept: {error}"]
        return []


def about(exercise: Exercise) -> str:
    """'8 minutes · faded: a function with its beginning'; a mystery has something broken in the place of a level."""
    unit = "minute" if exercise.minutes == 1 else "minutes"
    what = f"{exercise.level}: {LEVELS[exercise.level]}" if exercise.notebook else "something broken, to be mended"
    return f"{exercise.minutes} {unit} · {what}"


def run(exercise: Exercise, answer: Any, world: World) -> tuple[Seen, ...]:
    """How an answer does in each case: failing ones first, the smallest input before others. A stop ends it."""
    seen = []
    for case in exercise.cases:
        seen.append(_try(exercise, case, answer, world))
        if not seen[-1].ended:
            break
    return tuple(sorted(seen, key=lambda one: (one.outcome == "passed", one.size if one.outcome != "passed" else 0)))


def _try(exercise: Exercise, case: Case, answer: Any, world: World) -> Seen:
    allowance = Allowance(exercise.limit_s)
    world.fresh(allowance, exercise.most_calls)
    mine, handed = _owner(answer), _Handed(answer, exercise.wants_function)
    verdict: dict[str, Any] = {}

    def work() -> None:
        verdict.update(_verdict(case, handed, world, mine))

    trial = attempt(work, allowance, mine, world.bare_sleeps_s.append)
    given = handed.given
    common = {
        "says": said(case),
        "given": given,
        "printed": trial.printed,
        "size": handed.size,
        "wire": tuple(world.wire()),
        "bare_sleeps": len(world.bare_sleeps_s),
        "silent": handed.silent,
        "ended": not (trial.out_of_time or trial.interrupted),
    }
    if verdict.get("got") in NOT_AN_ANSWER and world.log and (world.log[-1].status or 0) >= 400:
        status = world.log[-1].status
        verdict["why"] = f"The last call was refused, status {status}: its body is an error, and no choices are in it."
    if trial.out_of_time or trial.interrupted or trial.error is not None:
        if trial.out_of_time or trial.interrupted:  # it may still hold a connection, or the server's attention
            world.abandon()
        return Seen(outcome="raised", line=trial.line, **{**common, **_stopped(trial, exercise.limit_s)})
    return Seen(**{**common, **verdict})


def _verdict(case: Case, handed: _Handed, world: World, mine: Callable[[FrameType], bool]) -> dict[str, Any]:
    """What a case says, in plain text: all that an answer made is shown here, inside the trial."""
    try:
        case(handed.answer, world)
    except Missed as miss:
        return {"outcome": "missed", "expected": miss.expected, "got": miss.got, "why": miss.why, "about": miss.about}
    except _OfTheAnswer as raised:
        return _raised(raised.error, line_in(raised.error.__traceback__, mine))
    except Exception as error:
        line = line_in(error.__traceback__, mine)
        if line:  # a generator of the answer's, say, that raised while the case read it
            return _raised(error, line)
        why = f"This answer has not the form that is asked for ({type(error).__name__}: {_said(error)})."
        return {"outcome": "missed", "got": handed.returned, "why": why}
    return {"outcome": "passed"}


def _raised(error: BaseException, line: str) -> dict[str, Any]:
    return {"outcome": "raised", "got": f"{type(error).__name__}: {_said(error)}".rstrip(": "), "line": line}


def _stopped(trial: Trial, limit_s: float) -> dict[str, Any]:
    if trial.interrupted:
        return {"got": "interrupted", "why": "You stopped it."}
    if trial.out_of_time:
        still = "It was left waiting: it takes no more notice." if trial.left else "It was stopped."
        return {"got": f"no end after {limit_s:g} s", "why": f"Your code did not come to an end. {still}"}
    error = trial.error
    assert error is not None
    if isinstance(error, TooManyCalls):
        return {"got": str(error), "why": "Your code makes one call after another and finds no end. It was stopped."}
    return {"got": f"{type(error).__name__}: {_said(error)}".rstrip(": ")}


def _said(error: BaseException) -> str:
    try:
        return plain(str(error))[:600]
    except Exception:
        return ""


class _OfTheAnswer(BaseException):
    """What an answer raised, on its way through a case. No Exception, so that no case catches it by accident."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(error)


class _Handed:
    """An answer as cases get it: called with copies; what is given, returned and raised is noted.

    What is no function is handed as a copy.
    """

    def __init__(self, answer: Any, wants_function: bool) -> None:
        self._answer, self._wants_function = answer, wants_function
        self.given, self.returned, self.size = "", "", 0
        self.silent = False  # whether it gave back None because nothing in it returns a value

    @property
    def answer(self) -> Any:
        if not self._wants_function:
            return _copied(self._answer)
        if not callable(self._answer):
            missed(
                "Give check the function itself: its name, without brackets after it.",
                expected="a function",
                got=shown(self._answer),
            )
        return self._call

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        import asyncio

        self.given = _given(self._answer, args, kwargs)
        self.size = sum(_length(value) for value in (*args, *kwargs.values()))
        own, named = [_copied(a) for a in args], {name: _copied(a) for name, a in kwargs.items()}
        try:
            returned = self._answer(*own, **named)
            if inspect.iscoroutine(returned):
                returned = asyncio.run(returned)
        except Missed:  # of a function that the case handed to the answer
            raise
        except Exception as error:
            raise _OfTheAnswer(error) from None
        self.returned = shown(returned)
        self.silent = returned is None and _returns_nothing(self._answer)
        return returned


def _length(value: Any) -> int:
    """How much a value that a case gives is to read."""
    try:
        return len(_seen(value)) if hasattr(value, "text") else len(repr(value))
    except Exception:
        return 0


def _returns_nothing(answer: Any) -> bool:
    """Whether nowhere in a function a value is returned, so that it gives back None whatever it finds out."""
    if type(answer) is not FunctionType or answer.__code__.co_flags & inspect.CO_GENERATOR:
        return False
    before: Any = None
    for step in dis.get_instructions(answer.__code__):
        if step.opname == "RETURN_CONST" and step.argval is not None:
            return False
        if step.opname == "RETURN_VALUE" and not (before and before.opname == "LOAD_CONST" and before.argval is None):
            return False
        before = step
    return True


def _copied(value: Any) -> Any:
    if not isinstance(value, COPIED):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def _given(answer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    try:
        named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [p.name for p in inspect.signature(answer).parameters.values() if p.kind in named][: len(args)]
    except (TypeError, ValueError):
        names = []
    names += [""] * (len(args) - len(names))
    pairs = [*zip(names, args, strict=True), *kwargs.items()]
    plain = [(name, value) for name, value in pairs if not (callable(value) or hasattr(value, "send"))]
    return "\n".join(f"{name} = {_seen(value)}" if name else _seen(value) for name, value in plain)


def _seen(value: Any) -> str:
    """A value that a case gives; of a response its body too, and when it asks to come back."""
    try:
        if type(value).__module__.split(".")[0] != "httpx":
            return shown(value)
        wishes = [f"{name}: {text}" for name, text in value.headers.items() if name.startswith("retry-after")]
        return " ".join([repr(value), *wishes, value.text[:600]]).rstrip()
    except Exception:
        return shown(value)


def _owner(answer: Any) -> Callable[[FrameType], bool]:
    """Whether a frame runs the answer's own code: that of the same module, a notebook's cells, say.

    It looks at types alone: an answer's own `__class__` or `__getattr__` is never asked.
    """
    space = None
    for _ in range(10):
        if type(answer) is FunctionType:
            space = answer.__globals__
            answer = answer.__dict__.get("__wrapped__")
        elif type(answer) is MethodType:
            answer = answer.__func__
        elif type(answer) is functools.partial:
            answer = answer.func
        else:
            answer = next(
                (kind.__dict__["__call__"] for kind in type(answer).__mro__ if "__call__" in kind.__dict__), None
            )
    return lambda frame: space is not None and frame.f_globals is space


def _how(exercise: Exercise) -> str:
    if not exercise.notebook:
        return (
            f"Copy the function into a cell of your own, mend it, and hand it over: ex.check({exercise.name}). "
            "Stuck? ex.hint(), in a cell of its own."
        )
    return "Write your answer in the place of ... and run the cell. Stuck? ex.hint(), in a cell of its own."


def _sleeps(seen: tuple[Seen, ...]) -> list[str]:
    times = sum(case.bare_sleeps for case in seen)
    if not times:
        return []
    return [
        f"Your code called time.sleep {times} time{'s' if times > 1 else ''}. In a check use the `sleep` that your "
        "function is handed: lab time passes, and you do not wait. time.sleep was not carried out."
    ]


def _after(kept: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """What is kept after a check: once passed is passed for good."""
    tries = int(kept.get("tries", 0)) + (kept.get("outcome") != "passed")
    best = "passed" if "passed" in (kept.get("outcome"), outcome) else outcome
    return {**kept, "outcome": best, "tries": tries}

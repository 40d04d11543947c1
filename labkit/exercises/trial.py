"""One trial of an answer, so that the kernel outlives it: in a thread of its own, for so long, its prints kept.

A Python loop that never ends is stopped, also one that catches everything. A call that blocks (a socket, a lock) cannot
be: its thread is left behind, a daemon, and the trial is over all the same. Out of reach is what takes the whole
process with it or holds the interpreter's lock: `os._exit`, a crash in C code, `10**10**9`, a regular expression
without end, all of the memory.
"""

from __future__ import annotations

import ctypes
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

KEPT_CHARACTERS = 20_000
STOP_S = 2.0
"""For how long an answer is stopped again and again before its thread is left behind."""
STACK_BYTES = 16 * 1024 * 1024  # threads get half a megabyte on macOS: too little for a recursion that Python allows


class OutOfTime(BaseException):
    """Raised inside an answer that takes too long. No Exception, so that few answers catch it."""


def _never_again(mine: Callable[[FrameType], bool]) -> type[OutOfTime]:
    """An OutOfTime that ends also an answer that catches it, whatever it catches.

    An error that comes from another thread is made when it is raised, in the thread that it is raised in. There it sets
    a trace, as a debugger does: from then on each line of the answer's own code has the next error wait behind it, and
    it comes at the next call or turn of a loop, in the `except` or behind it, where the same `try` does not reach. The
    trace itself raises nothing: Python would take it away for that.
    """

    class Stopped(OutOfTime):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)
            sys.settrace(trace)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                if mine(frame):
                    frame.f_trace = again
                frame = frame.f_back

    def trace(frame: FrameType, event: str, what: Any) -> Any:
        return again if mine(frame) else None

    def again(frame: FrameType, event: str, what: Any) -> Any:
        if event == "line":
            _raise_in(threading.get_ident(), Stopped)
        return again

    return Stopped


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


@dataclass
class Trial:
    """How a trial ended. error: what was raised, None when nothing was.  line: where in the answer it was, or is.

    out_of_time: it did not end by itself.  left: nor when told to; its thread goes on.  interrupted: by a person.
    """

    error: BaseException | None = None
    printed: str = ""
    out_of_time: bool = False
    left: bool = False
    interrupted: bool = False
    line: str = ""


class Allowance:
    """The real seconds that a trial has. Inside `held()` they do not run: what the lab itself needs is not counted."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self._holding, self._held_s = limit_s, 0.0, 0.0
        self._began = time.monotonic()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop counting, for the length of a `with`."""
        self._holding = time.monotonic()
        try:
            yield
        finally:
            self._held_s += time.monotonic() - self._holding
            self._holding = 0.0

    @property
    def left_s(self) -> float:
        """What is left of it, at least as long as it is held."""
        now = self._holding or time.monotonic()
        return self.limit_s - (now - self._began - self._held_s)


class Printed(io.TextIOBase):
    """Takes what is printed, and keeps the beginning of it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept = self._lost = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = KEPT_CHARACTERS - self._kept
        self._parts.append(text[: max(room, 0)]) if room > 0 else None
        self._kept += min(len(text), max(room, 0))
        self._lost += len(text) - min(len(text), max(room, 0))
        return len(text)

    @property
    def text(self) -> str:
        """What was kept, and how much more there was."""
        return "".join(self._parts) + (f"\n… and {self._lost:,} more characters" if self._lost else "")


def attempt(
    work: Callable[[], None],
    allowance: Allowance,
    mine: Callable[[FrameType], bool],
    slept: Callable[[float], None],
) -> Trial:
    """Run `work` until it ends or the allowance is used up.

    mine: whether a frame is the answer's own code, for the line to be named.
    slept: told of each `time.sleep` that the answer's own code calls; it returns at once.
    """
    trial, printed, done = Trial(), Printed(), threading.Event()
    lock = threading.Lock()

    def target() -> None:
        try:
            try:
                work()
            except BaseException as error:
                sys.settrace(None)
                trial.error = error
            with lock:
                done.set()
        except OutOfTime:  # it came while the end was being written down
            sys.settrace(None)
            done.set()

    with _stack(STACK_BYTES):
        thread = threading.Thread(target=target, name="lab-trial", daemon=True)
    with redirect_stdout(printed), redirect_stderr(printed), _no_sleep(thread, mine, slept):
        with _stack(STACK_BYTES):
            thread.start()
        try:
            while not done.wait(min(0.1, max(allowance.left_s, 0.0))):
                if allowance.left_s <= 0:
                    break
        except KeyboardInterrupt:
            trial.interrupted = True
        if not done.is_set():
            trial.out_of_time = not trial.interrupted
            trial.line = _line_of(thread, mine)
            trial.left = not _stop(thread, done, lock, mine)
        else:
            thread.join(5)
    trial.printed = printed.text
    if trial.error is not None and not trial.line:
        trial.line = line_in(trial.error.__traceback__, mine)
    return trial


def line_in(trace: TracebackType | None, mine: Callable[[FrameType], bool]) -> str:
    """The innermost line of the answer's own code in a traceback: 'line 3: `x = 1 / 0`', or ''."""
    found = ""
    while trace is not None:
        if mine(trace.tb_frame):
            found = _written(trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _written(frame: FrameType, number: int) -> str:
    import linecache

    text = linecache.getline(frame.f_code.co_filename, number).strip()
    return f"line {number}: {text}" if text else f"line {number}"


def _line_of(thread: threading.Thread, mine: Callable[[FrameType], bool]) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if mine(frame):
            return _written(frame, frame.f_lineno)
        frame = frame.f_back
    return ""


def _stop(thread: threading.Thread, done: threading.Event, lock: Any, mine: Callable[[FrameType], bool]) -> bool:
    """Raise OutOfTime in the thread until it ends; False when it does not."""
    began, error = time.monotonic(), _never_again(mine)
    while (since_s := time.monotonic() - began) < STOP_S and not done.is_set():
        with lock:
            if not done.is_set() and _may_raise(thread, mine, anywhere=since_s > STOP_S / 2):
                _raise_in(thread.ident or 0, error)
        done.wait(0.01)
    return done.is_set()


def _may_raise(thread: threading.Thread, mine: Callable[[FrameType], bool], *, anywhere: bool) -> bool:
    """Whether an error out of nowhere does no harm where the thread is: in the answer's own code, after a while in any
    other, but never in an import, whose lock nobody would give back.
    """
    frame = top = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return top is not None and (anywhere or mine(top))


@contextmanager
def _stack(size: int) -> Iterator[None]:
    before = threading.stack_size(size)
    try:
        yield
    finally:
        threading.stack_size(before)


@contextmanager
def _no_sleep(
    thread: threading.Thread, mine: Callable[[FrameType], bool], slept: Callable[[float], None]
) -> Iterator[None]:
    """`time.sleep` called by the answer's own code returns at once and is told of; everybody else sleeps as ever."""
    real = time.sleep

    def sleep(seconds: float) -> None:
        if threading.current_thread() is thread and mine(sys._getframe(1)):
            slept(seconds)
        else:
            real(seconds)

    time.sleep = sleep  # type: ignore[assignment]
    try:
        yield
    finally:
        time.sleep = real

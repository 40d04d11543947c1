"""Work beside the kernel's main thread: one piece at a time, which can be stopped, and drawing that keeps up with it.

No widget and no model is known here. While a piece of work runs, cells and sliders go on as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Run:
    """One piece of work in a thread. `stopped` is what the work looks at; `current` whether anybody still waits for it.

    stop() asks the work to end and does not wait: what hangs in a read is left to itself, and its end is nobody's news.
    """

    def __init__(self, work: Callable[[Run], None], ended: Callable[[], None]) -> None:
        self._stop, self._over = threading.Event(), threading.Event()
        self._once, self._told = threading.Lock(), False
        self._work, self._ended = work, ended
        self._on_stop: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._go, daemon=True, name="lab-widget")

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def over(self) -> bool:
        """Whether it has ended, or was stopped."""
        return self._over.is_set()

    def on_stop(self, action: Callable[[], None]) -> None:
        """What wakes the work when it is stopped, such as closing the connection that it reads."""
        self._on_stop = action
        if self.stopped:
            action()

    def start(self) -> Run:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._on_stop is not None:
            self._on_stop()
        self._finish()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end. False when it has not come in time."""
        return self._over.wait(timeout_s)

    def _go(self) -> None:
        try:
            self._work(self)
        finally:
            self._finish()

    def _finish(self) -> None:
        with self._once:
            if self._told:
                return
            self._told = True
        try:
            self._ended()  # before `wait` returns: who waited finds everything said
        finally:
            self._over.set()


class Newest:
    """Draws, at most `1 / pause_s` times a second, what is newest: `ask()` may come as often as it likes.

    The last `ask` is always drawn; those between two drawings are not.
    """

    def __init__(self, draw: Callable[[], None], pause_s: float = 0.05) -> None:
        self._draw, self._pause_s = draw, pause_s
        self._lock, self._idle = threading.Lock(), threading.Event()
        self._idle.set()
        self._wanted = False

    def ask(self) -> None:
        """There is something new."""
        with self._lock:
            self._wanted = True
            if not self._idle.is_set():
                return
            self._idle.clear()
        threading.Thread(target=self._go, daemon=True, name="lab-drawing").start()

    def wait(self, timeout_s: float = 10.0) -> bool:
        """Wait until all is drawn. False when it has not come in time."""
        return self._idle.wait(timeout_s)

    def _go(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if not self._wanted:
                    self._idle.set()
                    return
                self._wanted = False
            try:
                self._draw()
            finally:
                pause.wait(self._pause_s)

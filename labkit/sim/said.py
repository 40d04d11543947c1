"""What the models wrote, kept by what they were asked: the same text is told again and not computed again.

An answer follows from its request and the key of its chance alone, so telling it again changes nothing but the time it
takes. For the cases of exercises, in which one answer after another sends the same requests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from labkit.sim.draws import digest
from labkit.sim.engine import Ask, Part, Start

MOST = 256  # answers; the oldest go


class Said:
    """Whole answers of the models; what was broken off is not kept."""

    def __init__(self) -> None:
        self._kept: dict[bytes, list[Start | Part]] = {}
        self._lock = threading.Lock()

    def told(self, model: str, ask: Ask, steps: Iterator[Start | Part]) -> Iterator[Start | Part]:
        """The steps of the answer: those that are kept, else `steps`, which are kept when they come to their end."""
        name = digest(model, repr(ask))
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None:
            yield from kept
            return
        made = []
        for step in steps:
            made.append(step)
            yield step
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]

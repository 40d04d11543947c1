"""Stop strings: text that ends where one of them begins, however the text arrives."""

from __future__ import annotations

from collections.abc import Sequence


class StopFinder:
    """Releases text as it comes, up to the first stop string; what may be the beginning of one is held back.

    The stop string that is complete first ends the text, of two that are complete at once the longer; so the result
    does not depend on how the text was cut.

    >>> finder = StopFinder(["END"])
    >>> [finder.push(text) for text in ("one E", "N", "E", "ND two")], finder.found
    (['one ', '', 'EN', ''], True)
    >>> finder.stop
    'END'
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = sorted(stops, key=len, reverse=True)
        self._held = ""
        self.found = False
        self.stop = ""  # the one that was found

    def push(self, text: str) -> str:
        """The text that is now certain to belong; '' once a stop string was found."""
        if self.found or not self._stops:
            return "" if self.found else text
        text = self._held + text
        hits = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if hits:
            end, start = min(hits)
            self.found, self.stop, self._held = True, text[start:end], ""
            return text[:start]
        held = max(_overlap(text, stop) for stop in self._stops)
        released, self._held = text[: len(text) - held], text[len(text) - held :]
        return released

    def close(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that is a beginning of `stop`, but not all of it."""
    return next(
        (length for length in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-length:])), 0
    )

"""A board that asks one provider at a time: Send and Stop, the answer as it comes, and how it ended in a sentence."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import ipywidgets

from labkit.view.bars import bars_html
from labkit.view.html import Html, card, details, join, note, pre
from labkit.widgets.beside import Newest
from labkit.widgets.board import Board
from labkit.widgets.calls import Call

if TYPE_CHECKING:
    from labkit.session import Lab


class AskingBoard(Board):
    """A Board with `call`, its buttons and its answer.

    A subclass sends in `_sent`: `_begun(call)` first, then `self.beside(work, lambda: self._over(call))`.
    """

    def __init__(self, lab: Lab, hint: str) -> None:
        """hint: what Send does, for whoever points at it."""
        super().__init__()
        self.lab = lab
        self.call: Call | None = None
        self._answer = ipywidgets.HTML()
        self._send = self.press("Send", self._sent, primary=True, hint=hint)
        self._halt = self.press("Stop", self.stop)
        self._halt.disabled = True
        self._newest = Newest(self.guard(self._draw_answer))

    @abstractmethod
    def _sent(self) -> None:
        """Send the request as the controls have it."""

    def _begun(self, call: Call) -> None:
        """`call` is the one that counts from here on, and nothing else can be sent."""
        self.call = call
        self._send.disabled, self._halt.disabled = True, False

    def _over(self, call: Call) -> None:
        self._send.disabled, self._halt.disabled = False, True
        if not call.over:
            call.stopped()
        tone = {"complete": "good", "stopped": "warn"}.get(call.state, "bad")
        self.say(call.problem or "The answer is complete.", tone)
        self._newest.ask()

    def _draw_answer(self) -> None:
        self._answer.value = str(self._answer_html())

    def _answer_html(self) -> Html:
        return answer_html(self.call, self.lab)


def answer_html(call: Call | None, lab: Lab) -> Html:
    """What a call has brought so far: the working, the text, and when it is over the figures."""
    if call is None:
        return note("Nothing was sent yet.")
    works = call.working.strip()
    parts = [details(f"worked first ({len(works):,} characters)", pre(works))] if works else []
    tone = "bad" if call.state in ("failed", "refused") else "good" if call.state == "complete" else "info"
    parts.append(card(call.state, join([*parts, pre(call.said or call.problem or "…")]), tone))
    if call.over and call.exchange is not None:
        parts.append(bars_html(call.figures(lab), [], note=None))
        if call.spoke():
            parts.append(note(f"Said by {call.spoke()}, a model of the lab, in the place of {call.model}."))
    return join(parts[1:] if works else parts)

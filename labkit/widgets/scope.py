"""The stream scope: a stream's events on a timeline as they arrive, raw bytes beside parsed text, faults on demand."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.errors import LabError
from labkit.view.html import Html, join, note
from labkit.widgets.beside import Newest, Run
from labkit.widgets.board import Board, Dial, Entry, column, heading, knob, row
from labkit.widgets.calls import Call, follow, place_of
from labkit.widgets.fields import body_of
from labkit.widgets.timeline import Timeline, timeline

if TYPE_CHECKING:
    from labkit.session import Lab

NOTHING = "nothing"
# Faults that a stream shows, and what is asked of them beside `after`.
FAULTS: dict[str, dict[str, Any]] = {
    "slow_first_byte": {"seconds": 3.0},
    "stall": {"seconds": 3.0},
    "cut": {},
    "reset": {},
    "truncated_json": {},
    "error_event": {},
    "content_filter": {},
}
AFTER = ("stall", "cut", "reset", "truncated_json", "error_event", "content_filter")

# What is wrong with a stream that came to its end all the same.
BAD = {
    "unfinished": "The stream ended in the middle of an event: the answer is incomplete.",
    "error": "The status was 200, and an error came in the middle of the stream.",
    "broken": "One event's data is no JSON: a client fails there, or loses a piece of the text.",
}


class StreamScope(Board):
    """Controls over `timeline` and `calls.follow`; made by `stream_scope`.

    From code: `.provider`, `.prompt`, `.fault`, `.after`, `.max_tokens` and `.event` are set; `.send()` sends and
    waits; `.view` is the Timeline, `.numbers()` and `.summary()` say what shows.
    """

    max_tokens, event, after = Dial("max_tokens"), Dial("event"), Dial("after")

    def __init__(self, lab: Lab, provider: str, prompt: str, max_tokens: int) -> None:
        super().__init__()
        self.lab = lab
        self.call: Call | None = None
        self._view = Timeline((), "nothing sent", 0.0)
        wide = {"description_width": "initial"}
        self._provider = ipywidgets.Dropdown(
            options=list(lab.facts), value=provider, description="provider", style=wide, layout={"width": "190px"}
        )
        self._prompt = ipywidgets.Text(
            prompt,
            description="prompt",
            continuous_update=False,
            style=wide,
            layout={"width": "auto", "flex": "1 1 260px"},
        )
        self._fault = ipywidgets.Dropdown(
            options=[NOTHING, *FAULTS], description="goes wrong", style=wide, layout={"width": "auto"}
        )
        self.knobs = {
            "max_tokens": knob("max_tokens", max_tokens, minimum=1, maximum=400, step=1),
            "after": knob("after pieces", 3, minimum=0, maximum=40, step=1, hint="How many pieces come before it"),
            "event": knob("event", 0, minimum=0, maximum=1, step=1, hint="Which event is shown below"),
        }
        self._send = self.press("Send", self._sent, primary=True)
        self._halt = self.press("Stop", self.stop)
        self._halt.disabled = True
        self._strip, self._event = ipywidgets.HTML(), ipywidgets.HTML()
        self._newest = Newest(self.guard(self._arrived))
        self.on(self.knobs["event"], self._draw)
        side = column(
            self._fault, self.knobs["after"].box, self.knobs["max_tokens"].box, heading("Look at one event"),
            self.knobs["event"].box,
            row(self.press("Before", lambda: self._move(-1)), self.press("Next", lambda: self._move(1))),
            kind="side",
        )  # fmt: skip
        main = column(self._strip, self._event)
        top = row(self._provider, self._prompt, self._send, self._halt)
        self.build(top, self.status, row(side, main, kind="cols"))
        self._draw()

    # what is on it ----------------------------------------------------------------------------------------------

    @property
    def view(self) -> Timeline:
        """The stream as far as it has come."""
        return self._view

    def numbers(self) -> dict[str, int]:
        """Events by kind, and bytes."""
        return self._view.numbers()

    def summary(self) -> str:
        said = str(self._view) if self._view.beats else "Nothing was sent yet."
        problem = self.call.problem if self.call else ""
        return "\n".join(part for part in (said, problem) if part)

    def html(self) -> Html:
        number = int(self.event)
        problem = note(self.call.problem) if self.call and self.call.problem else Html()
        return join([self._view.strip(number), problem, self._view.event(number)])

    # set from code ----------------------------------------------------------------------------------------------

    provider = Entry()
    prompt = Entry()
    fault = Entry()

    def send(self, timeout_s: float = 60.0) -> Timeline:
        """Send, follow the stream to its end, and return what came."""
        self._sent(timeout_s)
        self.wait(timeout_s * 3)
        self._newest.wait()
        return self._view

    # moved by hand ----------------------------------------------------------------------------------------------

    def _move(self, by: int) -> None:
        control = self.knobs["event"]
        control.set(max(control.minimum, min(control.slider.max, control.value + by)))

    def _sent(self, timeout_s: float = 60.0) -> None:
        known = self.lab.facts[self.provider]
        body = body_of(
            known,
            self.lab.model(known.id),
            [{"role": "user", "content": self.prompt}],
            {"max_tokens": int(self.max_tokens)},
        )
        call = self.call = Call(known, body, place_of(self.lab, known.id), self.lab.pace)
        kind, options = self.fault, dict(FAULTS.get(self.fault, {}))
        if kind in AFTER:
            options["after"] = int(self.after)
        self._view = Timeline((), "waiting", 0.0)
        self._send.disabled, self._halt.disabled = True, False
        self.say(f"Sent to {known.label}; waiting for its first byte …")
        self._draw()

        def work(run: Run) -> None:
            asked = nullcontext() if kind == NOTHING else self.lab.fault(known.id, kind, times=1, **options)
            with asked:
                follow(self.lab, call, tell=self._newest.ask, run=run, timeout_s=timeout_s)

        self.beside(work, lambda: self._over(call))

    def _over(self, call: Call) -> None:
        self._send.disabled, self._halt.disabled = False, True
        if call.over or (self.run is not None and self.run.stopped):
            if not call.over:
                call.stopped()
            tone = {"complete": "good", "stopped": "warn"}.get(call.state, "bad")
            self.say(call.problem or "The stream ended as it should.", tone)
        self._newest.ask()

    def _arrived(self) -> None:
        call = self.call
        if call is None or call.exchange is None:
            return
        try:
            view = timeline(call.provider, call.exchange.chunks, call.state)
        except LabError:
            return
        if call is not self.call:
            return
        self._view = view
        if call.over:  # the slider gets its new end once, not with every event
            control, last = self.knobs["event"], max(1, len(view.beats) - 1)
            if control.maximum != last:
                control.maximum = last
                control.slider.max = control.field.max = last
                control.set(len(view.beats) - 1 if view.beats else 0)
        for kind, sentence in BAD.items():
            if call.state == "complete" and any(beat.kind == kind for beat in view.beats):
                self.say(sentence, "bad")
        self._draw()

    def _draw(self) -> None:
        arriving = self.call is not None and not self.call.over
        number = len(self._view.beats) - 1 if arriving else int(self.event)
        self._event.value = str(self._view.event(number))  # first what the slider is for
        self._strip.value = str(self._view.strip(number))


def stream_scope(
    lab: Lab, provider: str = "deepseek", prompt: str = "Tell me a joke.", *, max_tokens: int = 120
) -> StreamScope:
    """A provider's stream on a timeline, with faults that can be asked for.

    max_tokens: 1 to 400. Raises FactsError for an unknown provider, ParameterError for a number out of range.
    """
    lab.facts[provider]
    return StreamScope(lab, provider, prompt, max_tokens)

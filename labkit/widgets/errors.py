"""The error lab: choose what goes wrong, send, read the exchange and the diagnosis, mend it in place, send again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.diagnosis import Diagnosis, diagnose
from labkit.errors import ParameterError
from labkit.sim.faults import KINDS
from labkit.view.anatomy import show
from labkit.view.html import Html, join, note
from labkit.widgets.beside import Newest, Run
from labkit.widgets.board import Board, Entry, choose, column, heading, row, toggle
from labkit.widgets.calls import Call
from labkit.widgets.fields import typed_json
from labkit.widgets.mending import KEYS, NO_FAULT, Attempt, attempt_call, cases, faults_of, right, send_attempt, wrong

if TYPE_CHECKING:
    from labkit.session import Lab

VIEWS = ("diagnosis", "exchange")


class ErrorLab(Board):
    """Controls over `mending` and `labkit.diagnose`; made by `error_lab`.

    From code: `.provider`, `.case`, `.key`, `.path`, `.body` and `.fault` are set; `.mend()` puts all right; `.send()`
    sends, waits and returns the Diagnosis; `.numbers()` and `.summary()` say what shows.
    """

    def __init__(self, lab: Lab, provider: str, case: str) -> None:
        super().__init__()
        self.lab = lab
        self.call: Call | None = None
        self.diagnosis: Diagnosis | None = None
        self.history: list[str] = []
        self._quiet = False
        wide = {"description_width": "initial"}
        self._provider = self._pick("provider", list(lab.facts), provider, "190px")
        self._case = self._pick("what goes wrong", cases(lab, provider), case, "300px")
        self._path = ipywidgets.Text(description="path", continuous_update=False, style=wide, layout={"width": "auto"})
        self._key = self._pick("key", KEYS, KEYS[0], "auto")
        self._fault = self._pick("fault of the provider", (NO_FAULT, *faults_of(lab.facts[provider])), NO_FAULT, "auto")
        self._body = ipywidgets.Textarea(
            description="body", rows=11, continuous_update=False, style=wide, layout={"width": "auto"}
        )
        self._what = ipywidgets.HTML()
        self._which, views = toggle("show", VIEWS)
        self._shown, self._past = ipywidgets.HTML(), ipywidgets.HTML()
        self._send = self.press("Send", self._sent, primary=True)
        self._halt = self.press("Stop", self.stop)
        self._halt.disabled = True
        self._newest = Newest(self.guard(self._draw))
        mend = self.press("Put all right", self.mend, hint="The same call with nothing wrong in it")
        self.on(self._provider, self._provider_chosen)
        self.on(self._case, self._case_chosen)
        self.on(self._which, self._draw)
        self.on(self._fault, self._tell_fault)
        self.on(self._body, self._tell_body)
        side = column(
            heading("The call: mend it here"),
            self._path,
            self._key,
            self._fault,
            self._what,
            self._body,
            mend,
            kind="form",
        )
        main = column(views, self._shown, self._past)
        self.build(row(self._provider, self._case, self._send, self._halt), self.status, row(side, main, kind="cols"))
        self._case_chosen()
        self._draw()

    def _pick(self, label: str, options: Any, value: Any, width: str) -> Any:
        made = ipywidgets.Dropdown(
            options=options, description=label, style={"description_width": "initial"}, layout={"width": width}
        )
        choose(made, value, label)
        return made

    # what is on it ----------------------------------------------------------------------------------------------

    @property
    def attempt(self) -> Attempt:
        """The call as the controls have it."""
        return Attempt(
            self.provider, str(self._path.value), str(self._key.value), str(self._body.value), str(self._fault.value)
        )

    def numbers(self) -> dict[str, Any]:
        """Status, likeliest cause and how sure it is, of the last call; None where there is none."""
        first = self.diagnosis.first if self.diagnosis else None
        return {
            "status": self.call.status if self.call else None,
            "cause": first.id if first else None,
            "sure": first.sure if first else None,
            "fine": bool(self.diagnosis and self.diagnosis.fine),
        }

    def summary(self) -> str:
        if self.call is None:
            return f"Nothing was sent yet: {self.case} at {self.provider}."
        return "\n".join([*self.history, "", str(self.diagnosis or self.call.problem)])

    def html(self) -> Html:
        if self.call is None:
            return note(self.summary())
        return join([self._history_html(), self._diagnosis_html(), self._exchange_html()])

    # set from code ----------------------------------------------------------------------------------------------

    provider = Entry()

    @property
    def case(self) -> str:
        return str(self._case.value)

    @case.setter
    def case(self, name: str) -> None:
        choose(self._case, name, "case")
        self._case_chosen()

    key = Entry()
    path = Entry()
    fault = Entry()

    @property
    def body(self) -> dict[str, Any]:
        """The body as JSON; {} while it is none."""
        return self.attempt.data

    @body.setter
    def body(self, body: Mapping[str, Any] | str) -> None:
        if not isinstance(body, (str, Mapping)):
            raise ParameterError(f"{body!r} is no body", where="body", right="Give a dict, or a text")
        self._body.value = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)

    def mend(self) -> None:
        """Put everything right: address, key, body, no fault."""
        self._fill(right(self.lab, self.provider))
        self.say("All is as it should be. Send it.", "good")

    def send(self, timeout_s: float = 90.0) -> Diagnosis:
        """Send the call, wait, and return what `labkit.diagnose` makes of it."""
        self._sent()
        self.wait(timeout_s)
        self._newest.wait()
        if self.diagnosis is None:
            raise ParameterError(self.call.problem if self.call else "nothing was sent", where="send")
        return self.diagnosis

    # moved by hand ----------------------------------------------------------------------------------------------

    def _provider_chosen(self) -> None:
        known, kept = cases(self.lab, self.provider), self.case
        self._fault.options = (NO_FAULT, *faults_of(self.lab.facts[self.provider]))
        self._quiet = True
        self._case.options = known
        self._case.value = kept if kept in known else known[0]
        self._quiet = False
        self._case_chosen()

    def _case_chosen(self) -> None:
        if self._quiet or self._case.value is None:
            return
        self._fill(wrong(self.lab, self.provider, self.case))
        self.say()

    def _fill(self, attempt: Attempt) -> None:
        self._path.value, self._key.value = attempt.path, attempt.key
        self._body.value, self._fault.value = attempt.body, attempt.fault
        self._tell_fault()

    def _tell_fault(self) -> None:
        kind = KINDS.get(self.fault)
        self._what.value = str(note(kind.what)) if kind else ""

    def _tell_body(self) -> None:
        try:
            typed_json(self._body.value)
            self.say()
        except ValueError as error:
            self.say(f"The body is no JSON ({error}); it is sent as it stands.", "warn")

    def _sent(self) -> None:
        attempt = self.attempt
        call = self.call = attempt_call(self.lab, attempt)
        self.diagnosis = None
        self._send.disabled, self._halt.disabled = True, False
        self.say(f"Sent to {call.provider.label}; waiting …")

        def work(run: Run) -> None:
            send_attempt(self.lab, attempt, call, run)
            source = call.error if call.exchange is None and call.error is not None else call.exchange
            if source is not None and call is self.call:
                self.diagnosis = diagnose(source, facts=self.lab.facts)

        self.beside(work, lambda: self._over(call))

    def _over(self, call: Call) -> None:
        self._send.disabled, self._halt.disabled = False, True
        if call is not self.call:
            return
        if not call.over:
            call.stopped()
        came = str(call.status) if call.status is not None else "no answer"
        first = self.diagnosis.first if self.diagnosis else None
        fine = bool(self.diagnosis and self.diagnosis.fine and call.state == "complete")
        self.history.append(f"attempt {len(self.history) + 1}: {came}, {call.state}{f', {first.id}' if first else ''}")
        self.say("It works: nothing is wrong with this call." if fine else call.problem or "Read the diagnosis.",
                 "good" if fine else "bad")  # fmt: skip
        self._newest.ask()

    def _draw(self) -> None:
        self._past.value = str(self._history_html())
        if self.call is None:
            self._shown.value = str(note("Nothing was sent yet. Guess first: what will the provider answer?"))
            return
        made = self._diagnosis_html if self._which.value == VIEWS[0] else self._exchange_html
        self._shown.value = str(made())

    def _diagnosis_html(self) -> Html:
        if self.diagnosis is None:
            return note(self.call.problem if self.call else "")
        return Html(self.diagnosis._repr_html_())

    def _exchange_html(self) -> Html:
        call = self.call
        if call is None or (call.exchange is None and call.error is None):
            return note("No exchange has come about yet.")
        return Html(show(call.exchange if call.exchange is not None else call.error)._repr_html_())

    def _history_html(self) -> Html:
        return join([note(line) for line in self.history])


def error_lab(lab: Lab, provider: str = "deepseek", case: str = "wrong key") -> ErrorLab:
    """A call that goes wrong, to be diagnosed and mended.

    case: one of `mending.cases(lab, provider)`: a mistake of the caller, or a fault that `lab.fault` knows.
    Raises FactsError for an unknown provider, ParameterError for an unknown case.
    """
    lab.facts[provider]
    return ErrorLab(lab, provider, case)

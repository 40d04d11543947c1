"""The compare board: one prompt to up to eight models, streaming side by side, with a table of what each call was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.compare import Target
from labkit.errors import ParameterError
from labkit.view.html import Html, join, note
from labkit.widgets.beside import Newest
from labkit.widgets.board import Board, Dial, Entry, column, knob, row
from labkit.widgets.racing import MOST, Race, target_of, targets

if TYPE_CHECKING:
    from labkit.session import Lab


class CompareBoard(Board):
    """Controls over `Race`; made by `compare_board`.

    From code: `.targets`, `.prompt` and `.max_tokens` are set; `.send()` sends and waits and returns the Race;
    `.numbers()` and `.summary()` say what shows.
    """

    max_tokens = Dial("max_tokens")

    def __init__(self, lab: Lab, chosen: Sequence[Target], prompt: str, max_tokens: int) -> None:
        super().__init__()
        self.lab = lab
        self.race: Race | None = None
        wide = {"description_width": "initial"}
        known = list(dict.fromkeys([*targets(lab), *chosen]))
        self._targets = ipywidgets.SelectMultiple(
            options=[(one.label, one) for one in known], value=tuple(chosen), rows=11, description="targets",
            style=wide, layout={"width": "auto"},
        )  # fmt: skip
        self._prompt = ipywidgets.Textarea(
            prompt, rows=2, description="prompt", style=wide, layout={"width": "auto", "flex": "1 1 320px"}
        )
        self.knobs = {"max_tokens": knob("max_tokens", max_tokens, minimum=1, maximum=400, step=1)}
        self._send = self.press("Send to all", self._sent, primary=True)
        self._halt = self.press("Stop", self.stop)
        self._halt.disabled = True
        self._cards, self._table = ipywidgets.HTML(), ipywidgets.HTML()
        self._newest = Newest(self.guard(self._draw), pause_s=0.08)
        self.on(self._targets, self._counted)
        hint = ipywidgets.HTML(
            str(note(f"Up to {MOST}: Ctrl or ⌘ and a click, or Shift and the arrow keys, choose several."))
        )
        side = column(self._targets, hint, self.knobs["max_tokens"].box, kind="form")
        self.build(
            row(self._prompt, self._send, self._halt),
            self.status,
            row(side, column(self._cards), kind="cols"),
            self._table,
        )
        self._draw()

    # what is on it ----------------------------------------------------------------------------------------------

    def numbers(self) -> list[dict[str, Any]]:
        """For each target status, tokens, cost and pace; [] before anything was sent."""
        return self.race.numbers() if self.race else []

    def summary(self) -> str:
        return (
            str(self.race)
            if self.race
            else f"Nothing was sent yet. Targets: {', '.join(one.label for one in self.targets)}."
        )

    def html(self) -> Html:
        return join([self.race.cards(), self.race.table()]) if self.race else note(self.summary())

    # set from code ----------------------------------------------------------------------------------------------

    @property
    def targets(self) -> list[Target]:
        return list(self._targets.value)

    @targets.setter
    def targets(self, named: Sequence[str | tuple[str, str] | Target]) -> None:
        chosen = _chosen(self.lab, named)
        options = [one for _, one in self._targets.options]
        self._targets.options = [(one.label, one) for one in dict.fromkeys([*options, *chosen])]
        self._targets.value = tuple(chosen)

    prompt = Entry()

    def send(self, timeout_s: float = 60.0) -> Race:
        """Send to all, show the answers as they come, and return when all are over."""
        race = Race(self.lab, self.targets, self.prompt, int(self.max_tokens))
        self._begin(race, timeout_s)
        self.wait(timeout_s * 4)
        self._newest.wait()
        return race

    # moved by hand ----------------------------------------------------------------------------------------------

    def _counted(self) -> None:
        number = len(self._targets.value)
        self.say("" if 1 <= number <= MOST else f"{number} targets are chosen; from 1 to {MOST} can be asked.", "warn")

    def _sent(self) -> None:
        self._begin(Race(self.lab, self.targets, self.prompt, int(self.max_tokens)), 60.0)

    def _begin(self, race: Race, timeout_s: float) -> None:
        self.race = race
        self._send.disabled, self._halt.disabled = True, False
        plan = race.plan()  # before anything is sent
        self.say(" ".join(f"Sent to {len(race.calls)} … {plan}".split()))
        self.beside(lambda run: race.go(run, self._newest.ask, timeout_s), lambda: self._over(race))

    def _over(self, race: Race) -> None:
        self._send.disabled, self._halt.disabled = False, True
        wrong = sum(call.state != "complete" for call in race.calls)
        self.say("All have answered." if not wrong else f"{len(race.calls) - wrong} answered, {wrong} did not.",
                 "good" if not wrong else "warn")  # fmt: skip
        self._newest.ask()

    def _draw(self) -> None:
        if self.race is None:
            self._cards.value = str(note("Nothing was sent yet."))
            return
        self._cards.value, self._table.value = str(self.race.cards()), str(self.race.table())


def compare_board(
    lab: Lab,
    targets: Sequence[str | tuple[str, str] | Target] = ("deepseek", "mistral", "groq"),
    prompt: str = "Tell me a joke.",
    *,
    max_tokens: int = 120,
) -> CompareBoard:
    """One prompt to several models.

    targets: 'provider' for its chat model, ('provider', 'model'), or 'provider · model'; from 1 to 8.
    Raises FactsError for an unknown provider, ParameterError for an unknown model or too many.
    """
    return CompareBoard(lab, _chosen(lab, targets), prompt, max_tokens)


def _chosen(lab: Lab, named: Sequence[str | tuple[str, str] | Target]) -> list[Target]:
    if isinstance(named, str):
        named = [named]
    chosen = list(dict.fromkeys(target_of(lab, one) for one in named))
    if not 1 <= len(chosen) <= MOST:
        raise ParameterError(f"{len(chosen)} targets", where="targets", right=f"Choose from 1 to {MOST}")
    return chosen

"""Predictions: a question before an experiment, the learner's guess, and what the experiment showed.

A prediction is data (`Prediction`), one module a notebook holds them. Each wrong choice has its own explanation.
The guess is kept in the progress file, so that it can be shown beside the result, also tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.errors import ParameterError
from labkit.exercises import registry
from labkit.view import html

if TYPE_CHECKING:
    from labkit.exercises.progress import Progress


@dataclass(frozen=True)
class Prediction:
    """A question with choices, or with a number for an answer.

    choices: letter -> text; right: the letter. explain: letter -> why it is right or wrong, one for every choice.
    For a number leave `choices` empty: the experiment tells what is right, `near` is the factor still close.
    """

    id: str
    question: str
    choices: Mapping[str, str] = field(default_factory=dict)
    right: str | None = None
    explain: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    near: float = 1.25


class Guess:
    """What the learner committed to; `.reveal(actual)` sets it beside what happened."""

    def __init__(self, prediction: Prediction, guess: Any) -> None:
        self._prediction = prediction
        self.guess = None if guess is ... else _checked(prediction, guess)

    def reveal(self, actual: Any) -> Revealed:
        """The guess beside `actual`, what the experiment gave, with the explanation that fits the guess."""
        return Revealed(self._prediction, self.guess, actual)

    def __str__(self) -> str:
        p = self._prediction
        lines = [p.question, *(f"  {letter}) {text}" for letter, text in p.choices.items())]
        return "\n".join([*lines, self._state()])

    __repr__ = __str__

    def _state(self) -> str:
        if self.guess is None:
            want = (
                f"one of {', '.join(map(repr, self._prediction.choices))}" if self._prediction.choices else "a number"
            )
            return f"No guess yet: put {want} in the place of ... and run the cell."
        return f"Your guess: {_shown(self._prediction, self.guess)}. It is kept; now run the experiment."

    def _repr_html_(self) -> str:
        p = self._prediction
        rows = "".join(
            f"<div><b>{html.escape(letter)}</b> &nbsp;{html.marked(text)}</div>" for letter, text in p.choices.items()
        )
        return html.card(
            "Predict", f"<div>{html.marked(p.question)}</div>{rows}<div><i>{html.escape(self._state())}</i></div>"
        )


class Revealed:
    """A guess, the result and what is to be learned from the difference."""

    def __init__(self, prediction: Prediction, guess: Any, actual: Any) -> None:
        self._prediction, self.guess, self.actual = prediction, guess, actual

    @property
    def verdict(self) -> str:
        """'not attempted', 'right', 'close' or 'wrong'."""
        p = self._prediction
        if self.guess is None:
            return "not attempted"
        if p.choices:
            return "right" if self.guess == p.right else "wrong"
        guess, actual = float(self.guess), float(self.actual)
        if guess == actual:
            return "right"
        low, high = sorted((guess, actual))
        return "close" if low > 0 and high / low <= p.near else "wrong"

    def _lines(self) -> list[tuple[str, str]]:
        p = self._prediction
        lines = [
            ("Your guess", "none yet" if self.guess is None else _shown(p, self.guess)),
            ("What happened", f"{self.actual} {p.unit}".strip()),
        ]
        if p.choices and self.guess is not None:
            lines.append(("So", p.explain[self.guess]))
        elif p.choices:
            lines.append(
                (
                    "So",
                    "Guess in the cell above and run both again: each choice has its own explanation.",
                )
            )
        elif self.guess is not None:
            lines.append(
                (
                    "So",
                    {
                        "right": "Exactly.",
                        "close": "Close enough to plan with.",
                        "wrong": "Further off than you can plan with: read on.",
                    }[self.verdict],
                )
            )
        return lines

    def __str__(self) -> str:
        return "\n".join([f"Prediction: {self.verdict}", *(f"  {name}: {text}" for name, text in self._lines())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [[name, text if name == "What happened" else html.marked(text)] for name, text in self._lines()]
        return html.card(f"Prediction: {self.verdict}", html.table(rows))


def predict(id: str, guess: Any, progress: Progress) -> Guess:
    """The learner's guess for `id`, kept in `progress`; `...` keeps nothing."""
    made = Guess(registry.prediction(id), guess)
    if made.guess is not None:
        progress.note("predictions", id, made.guess)
    return made


def _checked(prediction: Prediction, guess: Any) -> Any:
    if prediction.choices:
        letter = str(guess).strip().lower()
        if letter in prediction.choices:
            return letter
        raise ParameterError(
            f"{guess!r} is not among the choices",
            where=f"lab.predict({prediction.id!r})",
            right=f"Choices: {', '.join(prediction.choices)}",
        )
    if (
        isinstance(guess, (int, float))
        and not isinstance(guess, bool)
        and guess == guess
        and abs(guess) != float("inf")
    ):
        return guess
    raise ParameterError(
        f"{guess!r} is not a number", where=f"lab.predict({prediction.id!r})", right="Guess a number, 250 say"
    )


def _shown(prediction: Prediction, guess: Any) -> str:
    return f"{guess}) {prediction.choices[guess]}" if prediction.choices else f"{guess} {prediction.unit}".strip()

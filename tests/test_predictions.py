"""Predictions: a guess is kept, a wrong one is explained, none is not wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.errors import LabError, ParameterError
from labkit.exercises import registry
from labkit.exercises.predictions import Guess, Prediction, predict
from labkit.exercises.progress import Progress

LETTERS = Prediction("t-1", "Which?", {"a": "this <b>", "b": "that"}, "b", {"a": "No: this.", "b": "Yes: that."})
NUMBER = Prediction("t-2", "How many?", unit="tokens")


def test_the_question_is_shown_until_there_is_a_guess() -> None:
    guess = Guess(LETTERS, ...)
    assert "No guess yet: put one of 'a', 'b'" in str(guess)
    assert guess.reveal("that").verdict == "not attempted"
    assert "this &lt;b&gt;" in guess._repr_html_()


@pytest.mark.parametrize(("given", "verdict", "said"), [("a", "wrong", "No: this."), (" B ", "right", "Yes: that.")])
def test_each_choice_has_its_own_explanation(given: str, verdict: str, said: str) -> None:
    revealed = Guess(LETTERS, given).reveal("that")
    assert revealed.verdict == verdict
    assert said in str(revealed)
    assert said in revealed._repr_html_()


@pytest.mark.parametrize(
    ("guess", "actual", "verdict"),
    [(100, 100, "right"), (100, 120, "close"), (120, 100, "close"), (50, 100, "wrong"), (0, 9, "wrong")],
)
def test_a_number_is_right_close_or_wrong_by_its_ratio(guess: float, actual: float, verdict: str) -> None:
    assert Guess(NUMBER, guess).reveal(actual).verdict == verdict


@pytest.mark.parametrize(
    ("prediction", "given"), [(LETTERS, "c"), (LETTERS, 1), (NUMBER, "many"), (NUMBER, float("nan")), (NUMBER, True)]
)
def test_what_is_no_guess_is_refused_with_what_would_be_one(prediction: Prediction, given: object) -> None:
    with pytest.raises(ParameterError, match=r"Choices: a, b|Guess a number"):
        Guess(prediction, given)


def test_a_guess_is_kept_and_no_guess_keeps_nothing(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    first = registry.predictions()[0]
    predict(first.id, ..., progress)
    assert not progress.path.exists()
    given = next(iter(first.choices), 7)
    predict(first.id, given, progress)
    assert progress.read()["predictions"] == {first.id: given}


def test_an_unknown_prediction_names_the_nearest() -> None:
    known = registry.predictions()[0].id
    with pytest.raises(LabError, match=f"Did you mean '{known}'"):
        registry.prediction(known + "x")


@pytest.mark.parametrize("prediction", registry.predictions(), ids=lambda p: p.id)
def test_every_prediction_of_the_notebooks_is_whole(prediction: Prediction) -> None:
    assert prediction.question.endswith(("?", ":"))
    if prediction.choices:
        assert len(prediction.choices) >= 3, f"{prediction.id}: give at least three choices"
        assert prediction.right in prediction.choices
        assert set(prediction.explain) == set(prediction.choices), f"{prediction.id}: explain every choice"
        assert len(set(prediction.explain.values())) == len(prediction.choices), (
            f"{prediction.id}: two explanations are the same"
        )
    else:
        assert prediction.right is None


def test_no_two_predictions_share_an_id() -> None:
    ids = [p.id for p in registry.predictions()]
    assert len(ids) == len(set(ids))

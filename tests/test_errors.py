"""Errors say what, where, what would be right and what to do, on one line."""

from __future__ import annotations

import pickle

import pytest

from labkit.errors import ConfigError, FactsError, LabError, ParameterError, did_you_mean


def test_the_four_parts_make_sentences_in_order() -> None:
    error = LabError("it is broken", where="a.yaml:3", right="It would be whole", do="Mend it")
    assert str(error) == "a.yaml:3: it is broken. It would be whole. Mend it."


def test_parts_left_out_leave_nothing_behind_and_full_stops_are_not_doubled() -> None:
    assert str(LabError("done.")) == "done."
    assert str(LabError("what is it?", do="Look!")) == "what is it? Look!"


def test_notebooks_show_the_sentence_and_no_traceback() -> None:
    assert FactsError("gone", where="x")._render_traceback_() == ["FactsError: x: gone."]


def test_a_parameter_error_is_a_value_error_and_a_facts_error_a_config_error() -> None:
    assert issubclass(ParameterError, ValueError)
    assert issubclass(FactsError, ConfigError)


def test_errors_survive_pickling_with_their_message() -> None:
    error = FactsError("gone", where="x", right="here", do="look")
    with pytest.raises(FactsError) as caught:
        raise pickle.loads(pickle.dumps(error))
    assert str(caught.value) == str(error)


@pytest.mark.parametrize(("word", "answer"), [("tempratur", "Did you mean 'temperature'?"), ("zzz", ""), ("", "")])
def test_did_you_mean_names_the_nearest_word_or_nothing(word: str, answer: str) -> None:
    assert did_you_mean(word, ["temperature", "top_p"]) == answer


def test_a_near_word_is_named_as_it_is_spelt() -> None:
    assert did_you_mean("groq_apikey", ["GROQ_API_KEY"]) == "Did you mean 'GROQ_API_KEY'?"

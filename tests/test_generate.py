"""Generation: whole texts against plain loops, stop strings, several choices, the same tokens everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import lm
from labkit.errors import ParameterError
from labkit.lm import generate as generate_module
from labkit.lm import sampler
from labkit.lm.generate import LanguageModel, Piece, uniform
from labkit.lm.sampler import Sampling
from labkit.lm.stops import StopFinder
from labkit.lm.tokens import BYTE_ORDER, SPECIAL, Tokenizer

ROOT = Path(__file__).parents[1]
END, START, IM_END = 0, 1, 2


@pytest.fixture(scope="module")
def chat() -> LanguageModel:
    return lm.load("lab-chat")


@pytest.fixture(scope="module")
def prompt(chat: LanguageModel) -> list[int]:
    return lm.chat_ids(chat.tokenizer, [{"role": "user", "content": "Write a short story about a fox."}])


def by_choice(pieces: Iterable[Piece]) -> dict[int, SimpleNamespace]:
    """The pieces of each choice put together."""
    out: dict[int, SimpleNamespace] = {}
    for piece in pieces:
        empty = SimpleNamespace(text="", ids=[], logprobs=[], finish=None)
        choice = out.setdefault(piece.choice, empty)
        assert choice.finish is None, "nothing comes after the last piece"
        choice.text += piece.text
        choice.ids += piece.token_ids
        choice.logprobs += piece.logprobs or ()
        choice.finish = piece.finish_reason
    assert all(choice.finish for choice in out.values())
    return out


class Script:
    """Stands in for a model: choice i of the batch says texts[i], byte by byte, then the turn ends. Counts its work."""

    def __init__(self, *texts: str | bytes, window: int = 200, ending: int | None = IM_END) -> None:
        self.tokenizer = Tokenizer([])
        self.config = SimpleNamespace(vocab_size=self.tokenizer.vocab_size, max_position_embeddings=window)
        scripts = [text.encode() if isinstance(text, str) else text for text in texts]
        self.scripts = [
            [len(SPECIAL) + BYTE_ORDER.index(byte) for byte in text] + ([ending] if ending is not None else [])
            for text in scripts
        ]
        self.batches: list[int] = []

    def language_model(self) -> LanguageModel:
        return LanguageModel("script", self, self.tokenizer)  # type: ignore[arg-type]

    def cache(self, batch: int, capacity: int, dtype: object = np.float32) -> ScriptCache:
        return ScriptCache([0], np.dtype(dtype))

    def step(self, ids: list[list[int]], cache: ScriptCache) -> np.ndarray:
        self.batches.append(len(ids))
        cache.place += 1
        logits = np.zeros((len(ids), self.config.vocab_size), cache.dtype)
        if cache.place == 0:  # the prompt: the text begins with whatever is drawn among the first tokens
            logits[0, sorted({script[0] for script in self.scripts})] = 50
        for row, (tokens,) in enumerate(ids if cache.place else []):
            cache.said[cache.rows[row]].append(tokens)
            script = next(s for s in self.scripts if s[: cache.place] == cache.said[cache.rows[row]])
            logits[row, script[cache.place % len(script)]] = 50
        return logits


class ScriptCache:
    def __init__(self, rows: list[int], dtype: np.dtype) -> None:
        self.rows, self.dtype, self.place = rows, dtype, -1
        self.said: dict[int, list[int]] = {row: [] for row in rows}

    def repeated(self, batch: int, capacity: int) -> ScriptCache:
        cache = ScriptCache(list(range(batch)), self.dtype)
        cache.place = self.place
        return cache

    def drop(self, row: int) -> None:
        self.rows[row] = self.rows[-1]
        self.rows.pop()


# --- against a plain loop ---------------------------------------------------------------------------------------


def test_temperature_zero_is_the_argmax_of_each_step_and_the_same_every_time(chat, prompt):
    ids = list(prompt)
    expected = []
    for _ in range(25):
        token = int(np.argmax(chat.model.logits(ids)[-1]))
        if token in (END, START, IM_END):
            break
        expected.append(token)
        ids.append(token)
    for key in (b"one", b"two"):
        result = by_choice(chat.generate(prompt, Sampling(temperature=0), max_tokens=25, key=key))[0]
        assert result.ids == expected
        assert result.text == chat.tokenizer.decode(expected)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=1.5, top_k=40, top_p=0.95, min_p=0.01),
        Sampling(0.8, frequency_penalty=0.5, presence_penalty=0.3, repetition_penalty=1.1, logit_bias={500: 2.0}),
    ],
)
def test_each_token_is_the_plain_functions_draw(chat, prompt, sampling):
    ids, written = list(prompt), np.zeros(4096)
    result = by_choice(chat.generate(prompt, sampling, max_tokens=20, key=b"plain"))[0]
    for step, token in enumerate(result.ids):
        seen = np.isin(np.arange(4096), ids)
        probs = sampler.next_probs(chat.model.logits(ids)[-1], sampling, written, seen)
        assert sampler.draw(probs, uniform(b"plain", 0, step)) == token
        ids.append(token)
        written[token] += 1


def test_a_choice_is_the_same_text_whatever_n_and_differs_from_the_others(chat, prompt):
    eight = by_choice(chat.generate(prompt, Sampling(temperature=1.2), n=8, max_tokens=30, key=b"k"))
    three = by_choice(chat.generate(prompt, Sampling(temperature=1.2), n=3, max_tokens=30, key=b"k"))
    assert sorted(eight) == list(range(8))
    assert [three[i].ids for i in range(3)] == [eight[i].ids for i in range(3)]
    assert len({choice.text for choice in eight.values()}) == 8


def test_one_key_gives_one_text_and_another_key_another(chat, prompt):
    def text(key: bytes) -> str:
        return by_choice(chat.generate(prompt, Sampling(temperature=1.2), max_tokens=30, key=key))[0].text

    assert text(b"a") == text(b"a") != text(b"b")


def test_logprobs_are_the_plain_functions_and_do_not_change_the_text(chat, prompt):
    sampling = Sampling(temperature=1.3, top_p=0.9, logit_bias={300: 3.0})
    without = by_choice(chat.generate(prompt, sampling, n=2, max_tokens=15, key=b"lp"))
    with_them = by_choice(chat.generate(prompt, sampling, n=2, max_tokens=15, key=b"lp", logprobs=4))
    for index, choice in with_them.items():
        assert choice.ids == without[index].ids
        assert len(choice.logprobs) == len(choice.ids)
        ids = list(prompt)
        for token, reported in zip(choice.ids, choice.logprobs, strict=True):
            logs = sampler.log_softmax(chat.model.logits(ids)[-1])
            assert reported.token_id == token
            assert reported.logprob == pytest.approx(logs[token], abs=1e-6)
            assert [id for id, _ in reported.top] == list(np.argsort(-logs, kind="stable")[:4])
            assert [log for _, log in reported.top] == pytest.approx(sorted(logs)[: -4 - 1 : -1], abs=1e-6)
            ids.append(token)


def test_logprobs_zero_reports_the_token_alone(chat, prompt):
    piece = next(iter(chat.generate(prompt, max_tokens=1, logprobs=0)))
    assert piece.logprobs is not None
    assert piece.logprobs[0].top == ()


# --- settings that reach the model ------------------------------------------------------------------------------


def test_a_banned_token_never_comes_and_a_forced_one_always(chat, prompt):
    greedy = by_choice(chat.generate(prompt, Sampling(temperature=0), max_tokens=10))[0]
    banned = Sampling(temperature=0, ban=frozenset(greedy.ids))
    assert not set(by_choice(chat.generate(prompt, banned, max_tokens=10))[0].ids) & set(greedy.ids)
    forced = by_choice(chat.generate(prompt, Sampling(logit_bias={1234: 100}), max_tokens=5))[0]
    assert forced.ids == [1234] * 5
    assert forced.finish == "length"


def test_a_frequency_penalty_spreads_what_would_repeat(chat, prompt):
    again = Sampling(temperature=0, logit_bias={1234: 60})
    assert by_choice(chat.generate(prompt, again, max_tokens=6))[0].ids == [1234] * 6
    penalised = Sampling(temperature=0, logit_bias={1234: 60}, frequency_penalty=40)
    assert by_choice(chat.generate(prompt, penalised, max_tokens=6))[0].ids.count(1234) < 6


def test_a_think_prompt_makes_the_model_work_first(chat):
    messages = [{"role": "user", "content": "What is 7 + 5?"}]
    plain = lm.chat_ids(chat.tokenizer, messages)
    assert lm.chat_ids(chat.tokenizer, messages, think=True) == [*plain, chat.tokenizer.special["<think>"]]
    assert lm.chat_ids(chat.tokenizer, messages, think=False) == plain


def test_a_conversation_is_written_as_chatml(chat):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <|im_end|>"}]
    ids = lm.chat_ids(chat.tokenizer, messages)
    text = (
        "<|endoftext|><|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n"
    )
    assert chat.tokenizer.decode(ids, skip_special=False) == text
    assert ids.count(IM_END) == 2  # the user's own '<|im_end|>' is plain text
    with pytest.raises(ParameterError, match="a message has no 'content'"):
        lm.chat_ids(chat.tokenizer, [{"role": "user"}])


# --- how a text ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [END, START, IM_END])
def test_a_turn_ends_at_a_control_token_which_is_not_reported(ending):
    result = by_choice(Script("hello", ending=ending).language_model().generate([3]))[0]
    assert (result.text, result.finish, len(result.ids)) == ("hello", "stop", 5)


def test_max_tokens_ends_with_length_and_the_last_token_may_not_be_spent_on_the_end():
    for limit, finish in ((3, "length"), (5, "length"), (6, "stop")):
        result = by_choice(Script("hello").language_model().generate([3], max_tokens=limit))[0]
        assert (result.text, result.finish) == ("hello"[:limit], finish)


def test_a_full_window_ends_with_length():
    script = Script("abcdefgh" * 5, window=12)
    result = by_choice(script.language_model().generate([3] * 4))[0]
    assert (result.text, result.finish) == ("abcdefgh", "length")
    with pytest.raises(ParameterError, match=r"the prompt has 12 tokens\. From 1 to 11 fit"):
        script.language_model().generate([3] * 12)


def test_the_real_window_can_be_filled_to_its_last_token(chat):
    prompt = [1, 500, 2] * 340
    result = by_choice(chat.generate(prompt, Sampling(ban=frozenset({0, 1, 2})), n=2))
    assert [len(choice.ids) for choice in result.values()] == [4, 4]
    assert {choice.finish for choice in result.values()} == {"length"}


def test_a_stop_string_ends_the_text_and_is_not_part_of_it():
    script = Script("one two three")
    result = by_choice(script.language_model().generate([3], stop=[" t", "hree"]))[0]
    assert (result.text, result.finish) == ("one", "stop")
    assert len(result.ids) == len("one t")  # what the model wrote, the stop string included
    assert len(script.batches) == len("one t")  # and no more work was done


def test_what_only_began_like_a_stop_string_comes_out_at_the_end():
    result = by_choice(Script("a STO").language_model().generate([3], stop="STOP"))[0]
    assert (result.text, result.finish) == ("a STO", "stop")
    result = by_choice(Script("a STOP").language_model().generate([3], stop="STOP", max_tokens=5))[0]
    assert (result.text, result.finish) == ("a STO", "length")


def test_a_stop_string_of_many_byte_characters_is_found_across_tokens():
    pieces = list(Script("né 🦊 fin").language_model().generate([3], stop=["🦊"]))
    assert "".join(piece.text for piece in pieces) == "né "
    assert pieces[-1].finish_reason == "stop"


def test_a_character_comes_when_it_is_whole_and_half_a_one_as_a_replacement_at_the_end():
    pieces = list(Script("é🦊".encode() + b"\xf0\x9f").language_model().generate([3]))
    assert [piece.text for piece in pieces] == ["", "é", "", "", "", "🦊", "", "", "\ufffd"]
    assert [len(piece.token_ids) for piece in pieces] == [1] * 8 + [0]


@settings(max_examples=400, deadline=None)
@given(
    text=st.text("abc", max_size=14),
    stops=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
    data=st.data(),
)
def test_a_stop_string_is_found_wherever_the_text_is_cut(text, stops, data):
    expected, found = text, False
    for end in range(1, len(text) + 1):  # character by character: the first stop string that is complete
        starts = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if starts:
            expected, found = text[: min(starts)], True
            break
    finder, out, place = StopFinder(stops), "", 0
    while place < len(text):
        size = data.draw(st.integers(1, 5))
        out += finder.push(text[place : place + size])
        assert expected.startswith(out), "nothing is released that must be taken back"
        place += size
    assert (out + finder.close(), finder.found) == (expected, found)


# --- several choices --------------------------------------------------------------------------------------------


def test_choices_end_one_by_one_and_the_batch_shrinks_with_them():
    script = Script("ab", "ccccc", "ddd")
    result = by_choice(script.language_model().generate([3], n=40, key=b"x"))
    assert {choice.text for choice in result.values()} == {"ab", "ccccc", "ddd"}
    kinds = [choice.text for choice in result.values()]
    lengths = [sum(len(kind) >= step for kind in kinds) for step in range(1, 6)]
    assert script.batches == [1, *lengths]


def test_closing_the_iterator_stops_the_work():
    script = Script("abcdefgh")
    pieces = script.language_model().generate([3])
    next(pieces), next(pieces)
    pieces.close()
    assert len(script.batches) == 2


def test_nothing_is_computed_before_the_first_piece_is_asked_for():
    script = Script("abc")
    script.language_model().generate([3])
    assert script.batches == []


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"prompt_ids": []}, "prompt_ids"),
        ({"prompt_ids": [263]}, "prompt_ids"),
        ({"prompt_ids": [-1]}, "prompt_ids"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"logprobs": -1}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 300}, "logprobs"),
        ({"stop": ["a", ""]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": [3]}, "stop"),
        ({"sampling": Sampling(ban=frozenset({999}))}, "ban"),
        ({"sampling": Sampling(logit_bias={-1: 3})}, "logit_bias"),
    ],
)
def test_arguments_out_of_range_are_refused_at_the_call(arguments, where):
    with pytest.raises(ParameterError) as caught:
        Script("abc").language_model().generate(**{"prompt_ids": [3], **arguments})
    assert caught.value.where == where


# --- the same tokens everywhere ---------------------------------------------------------------------------------


def test_steps_that_float32_cannot_decide_are_made_again_in_float64(chat, prompt, monkeypatch):
    usual = by_choice(chat.generate(prompt, Sampling(temperature=1.5), n=3, max_tokens=15, key=b"e"))
    asked = []
    decide = generate_module.decide

    def never_sure(logits, *args, error=0.0, **more):
        asked.append(logits.dtype)
        return decide(logits, *args, error=error, **more)[0] if error == 0 else 7, error == 0

    def never_plain(values, sampling, us, error):
        return [7] * len(us), [False] * len(us)

    monkeypatch.setattr(generate_module, "decide", never_sure)
    monkeypatch.setattr(generate_module, "decide_rows", never_plain)
    exact = by_choice(chat.generate(prompt, Sampling(temperature=1.5), n=3, max_tokens=15, key=b"e"))
    assert {i: choice.ids for i, choice in exact.items()} == {i: choice.ids for i, choice in usual.items()}
    assert asked.count(np.float64) == asked.count(np.float32) >= 3


def test_the_same_tokens_under_every_blas_kernel_number_of_threads_and_batch():
    results = []
    own = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    for settings_of_blas in (
        {},  # this processor's own kernel
        {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"},
        {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"},
    ):
        environment = {**own, **settings_of_blas}
        command = [sys.executable, str(ROOT / "tests" / "same_everywhere.py")]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert run.returncode == 0, run.stderr
        results.append(json.loads(run.stdout))
    for result in results:
        assert result["steps"] >= 10_000
        assert result["single"] == result["batched"] == results[0]["single"]
        assert result["texts"] == results[0]["texts"]
        assert result["alone"] == result["first_choices"] == results[0]["alone"]
        assert result["float32_differs"] > 0, "without the float64 steps these draws would have told float32 apart"

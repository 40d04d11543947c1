"""Answers that are told again: the same to the byte, without the model, only where request and chance are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.sim import LocalServer, begun
from labkit.sim.engine import Ask, Part, Start, speak
from labkit.sim.said import Said


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[Ask]:
    """What the models were really asked, as it comes."""
    asked: list[Ask] = []

    def noted(load: Callable[[], object], ask: Ask) -> Iterator[Start | Part]:
        asked.append(ask)
        yield from speak(load, ask)  # type: ignore[arg-type]

    monkeypatch.setattr(begun, "speak", noted)
    return asked


@pytest.fixture
def caller() -> Iterator[Caller]:
    with LocalServer(facts.load()).tell_again() as server:
        made = Caller(server)
        yield made
        made.http.close()


def afresh(caller: Caller) -> None:
    """The world as it was when it began."""
    caller.server.reset(clock=Clock(caller.server.facts.moment), seed=0)


def test_the_same_request_in_the_same_world_is_told_again_to_the_byte_without_the_model(
    caller: Caller, spoken: list[Ask]
) -> None:
    for stream in (False, True):
        told = []
        for _ in range(2):
            afresh(caller)
            told.append(caller.post("openai", caller.body("openai", stream=stream)).content)
        assert told[0] == told[1]
    assert len(spoken) == 1, "whole or streamed, the model says the same"


def test_another_chance_is_another_answer_and_so_is_another_request(caller: Caller, spoken: list[Ask]) -> None:
    body = caller.body("openai", temperature=1.5)
    texts = {caller.post("openai", body).json()["choices"][0]["message"]["content"] for _ in range(4)}
    assert len(texts) > 1
    assert len(spoken) == 4
    afresh(caller)
    caller.post("openai", {**body, "max_completion_tokens": 3})
    assert len(spoken) == 5


def test_a_server_that_was_not_told_to_computes_each_answer_anew(spoken: list[Ask]) -> None:
    with LocalServer(facts.load()) as server:
        caller = Caller(server)
        for _ in range(2):
            afresh(caller)
            caller.post("openai", caller.body("openai"))
        caller.http.close()
    assert len(spoken) == 2


def test_an_answer_that_was_broken_off_is_not_kept() -> None:
    def steps() -> Iterator[Part]:
        for text in ("a", "b"):
            yield Part(0, "", text, 1, 0, (), "stop" if text == "b" else None)

    said, ask = Said(), Ask(turns=(), thinking=False, key=b"k")
    broken = said.told("lab-chat", ask, steps())
    next(broken)
    broken.close()
    assert list(said.told("lab-chat", ask, iter(()))) == [], "nothing was kept"
    said = Said()
    assert list(said.told("lab-chat", ask, steps())) == list(steps())
    assert list(said.told("lab-chat", ask, iter(()))) == list(steps()), "what came to its end is told again"
    assert list(said.told("lab-mini", ask, iter(()))) == [], "by another model"

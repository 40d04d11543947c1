"""What fields mean: every field that a provider's facts know has a meaning, and what is said of it is the facts'."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from test_view import AWKWARD, SAFE_TAGS, Seen

from labkit import facts, show
from labkit.view.fields import NO_MEANING, _meanings, answer_notes, request_notes
from labkit.wire import Exchange

FACTS = facts.load()


def exchange_with(provider: str, sent: dict[str, Any], answer: dict[str, Any] | None = None) -> Exchange:
    known = FACTS[provider]
    body = {"model": known.model("chat").id, **sent}
    request = httpx.Request("POST", f"http://127.0.0.1:8765/{provider}/chat/completions", json=body)
    headers = {"x-lab-provider": provider, "x-lab-model": "lab-chat"}
    return Exchange.of(httpx.Response(200, json=answer or {}, headers=headers, request=request))


@pytest.mark.parametrize("provider", list(FACTS))
def test_what_several_providers_know_has_a_meaning(provider: str) -> None:
    names = {name for known in FACTS.values() for name in known.parameters}
    common = {name for name in names if sum(name in known.parameters for known in FACTS.values()) >= 2}
    assert common <= set(_meanings()["request"]), common - set(_meanings()["request"])
    notes = request_notes(exchange_with(provider, dict.fromkeys(FACTS[provider].parameters, 1)), FACTS)
    assert {note.path for note in notes} == set(FACTS[provider].parameters)
    assert all(note.treatment.startswith(FACTS[provider].label) for note in notes)


def test_range_treatment_and_source_are_those_of_the_facts() -> None:
    by_name = {note.path: note for note in request_notes(exchange_with("mistral", {"temperature": 0.5}), FACTS)}
    note, fact = by_name["temperature"], FACTS["mistral"].parameters["temperature"]
    assert note.value == "0.5"
    assert f"to {fact.maximum:g}" in note.range
    assert note.treatment.startswith("Mistral: honoured")
    source = FACTS["mistral"].sources_of("parameters.temperature")[0]
    assert f"(as of {source.as_of})" in note.source


def test_the_treatment_is_that_of_this_very_model_and_request() -> None:
    known = FACTS["openai"]
    reasoner = known.model("reasoner")
    sent = {"model": reasoner.id, "temperature": 0.2}
    treatment = known.parameters["temperature"].treatment(reasoner, thinking=known.thinks(reasoner, sent), body=sent)
    note = next(n for n in request_notes(exchange_with("openai", sent), FACTS) if n.path == "temperature")
    assert treatment.fate in note.treatment
    assert reasoner.id in note.treatment


def test_a_field_nobody_knows_is_said_to_be_none_of_the_usual() -> None:
    note = request_notes(exchange_with("groq", {"flavour": "mint"}), FACTS)[-1]
    assert (note.path, note.meaning) == ("flavour", NO_MEANING)
    assert "facts do not name it" in note.treatment


def test_an_answers_fields_are_told_by_their_path() -> None:
    answer = {
        "id": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    paths = [note.path for note in answer_notes(exchange_with("openai", {}, answer))]
    assert "choices[].finish_reason" in paths
    assert "usage.completion_tokens" in paths
    assert all(note.meaning != NO_MEANING for note in answer_notes(exchange_with("openai", {}, answer)))


def test_show_explains_on_demand_in_both_forms() -> None:
    exchange = exchange_with("deepseek", {"temperature": 0.7, "top_p": 0.9})
    assert "flattened" not in str(show(exchange))
    text = str(show(exchange, explain="temperature"))
    assert "temperature = 0.7\n    meaning: How far the probabilities are flattened" in text
    assert re.search("here:    DeepSeek: (honoured|accepted and ignored)", text)
    assert re.search(r"source:  .+\(as of \d{4}", text)
    assert "top_p = " not in text
    assert "top_p = " in str(show(exchange, explain=True))
    seen = Seen(show(exchange)._repr_html_())
    assert "flattened" in seen.text
    assert "what each field of the request means" in seen.text


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_a_field_with_an_awkward_name_or_value_stays_inert(text: str) -> None:
    body = json.dumps({text: 1, "user": text}).encode("utf-8", "replace")
    request = httpx.Request("POST", "http://127.0.0.1:8765/openai/chat/completions", content=body)
    view = show(request, explain=True)
    assert Seen(view._repr_html_()).tags <= SAFE_TAGS
    assert not {"\x1b", "\u202e"} & set(str(view) + view._repr_html_())


def test_without_facts_of_the_provider_the_meaning_alone_is_told() -> None:
    request = httpx.Request("POST", "https://api.example.com/v1/chat/completions", json={"temperature": 1})
    (note,) = request_notes(Exchange.of(request), FACTS)
    assert note.meaning
    assert note.treatment == note.range == note.source == ""

"""The facts as a caller meets them: each through the socket, and beside a table that was written without them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Caller
from labkit import facts
from labkit.facts.schema import Answer, ModelFacts, Parameter, Treatment
from labkit.probe import Finding, Seen, probe
from labkit.probe.compare import matches
from labkit.probe.refusals import NOBODY, WRONG_KEY
from labkit.probe.voices import Voice, voice_of
from labkit.sim import LocalServer
from labkit.yamls import read_yaml

DATA = Path(__file__).parent / "data"
PARAMETERS: dict[str, Any] = read_yaml(DATA / "expected_parameters.yaml").data
ERRORS: dict[str, Any] = read_yaml(DATA / "expected_errors.yaml").data
PROVIDERS = [name for name in facts.load() if name != "lab"]
TODAY = facts.course_moment().date().isoformat()


def client_of(server: LocalServer, name: str) -> httpx.Client:
    """A plain client with the provider's address and key."""
    key = server.facts[name].key
    headers = {key.header: f"{key.scheme} {key.local}".strip()}
    return httpx.Client(base_url=server.provider_url(name), headers=headers, timeout=120, trust_env=False)


# --- parameters, beside the table ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def column() -> Iterator[Callable[[str], dict[str, Finding]]]:
    """What a probe sees of the parameters in one column of the table, by name; each column is probed once."""
    servers: dict[str, LocalServer] = {}

    @cache
    def probed(name: str) -> dict[str, Finding]:
        about = PARAMETERS["columns"][name]
        day = about.get("day", TODAY)
        if day not in servers:
            servers[day] = LocalServer(facts.load(day), pace="quick").start()
        server = servers[day]
        provider = server.facts[about["provider"]]
        with client_of(server, provider.id) as client:
            seen: Seen = probe(
                client,
                provider,
                about.get("model", provider.model("chat").id),
                body=about.get("body"),
                only=tuple(PARAMETERS["cells"][name]),
                refusals=False,
                sleep=server.clock.sleep,
            )
        assert [record.trouble for record in server.log if record.trouble] == []
        return {finding.parameter: finding for finding in seen.findings}

    yield probed
    for server in servers.values():
        server.stop()


CELLS = [(name, parameter) for name, cells in PARAMETERS["cells"].items() for parameter in cells]


@pytest.mark.parametrize(("name", "parameter"), CELLS, ids=[f"{name}, {parameter}" for name, parameter in CELLS])
def test_a_parameter_does_over_http_what_the_table_says(
    column: Callable[[str], dict[str, Finding]], name: str, parameter: str
) -> None:
    told, found = PARAMETERS["cells"][name][parameter], column(name)[parameter]
    if isinstance(told["is"], int):
        assert (found.verdict, found.status) == ("refused", told["is"]), found
        return
    fitting = {
        "ok": ("honoured", "accepted"),
        "ign": ("ignored", "accepted"),
        "taken": ("honoured", "ignored", "accepted"),
    }
    assert found.verdict in fitting[told["is"]], found
    bounds = {bound.side: bound for bound in found.bounds}
    for side, key in (("below", "from"), ("above", "to")):
        if key in told:
            assert (bounds[side].taken, bounds[side].refused is not None) == (told[key], True), bounds[side]
        if told.get("beyond") == "nothing":
            assert bounds[side].refused is None, bounds[side]
        elif "beyond" in told:
            assert bounds[side].status == told["beyond"], bounds[side]
    if "items" in told:
        wanted = None if told["items"] == "any" else told["items"] + 1
        assert bounds["items"].refused == wanted, bounds["items"]


# --- refusals, beside the table ------------------------------------------------------------------------------------

SITUATIONS = [(situation, name) for situation, cells in ERRORS.items() for name in cells]


class Situations:
    """Ways into each situation of the table."""

    def __init__(self, server: LocalServer, name: str) -> None:
        self.server, self.name, self.provider = server, name, server.facts[name]
        self.voice: Voice = voice_of(self.provider)
        self.model = self.provider.model("chat").id

    def send(self, *, key: str | None = "own", fault: str = "", model: str = "", **fields: Any) -> httpx.Response:
        body = self.voice.body(model or self.model, "Hello", {self.voice.limits[0]: 4}, fields)
        with client_of(self.server, self.name) as client:
            headers = {**self.voice.headers, **({"x-lab-fault": fault} if fault else {})}
            request = client.build_request("POST", self.voice.path, json=body, headers=headers)
            if key != "own":
                del request.headers[self.provider.key.header]
            if key and key != "own":
                name, value = self.voice.credentials(key)
                request.headers[name] = value
            return client.send(request)

    def reach(self, situation: str) -> httpx.Response:
        ways: dict[str, Callable[[], httpx.Response]] = {
            "no key": lambda: self.send(key=None),
            "wrong key": lambda: self.send(key=WRONG_KEY),
            "shape": lambda: self.send(model=NOBODY),
            "unknown model": lambda: self.send(model=NOBODY),
            "unknown field": lambda: self.send(a_field_nobody_knows=1),
            "rate limit": lambda: self.send(fault="overloaded" if self.name == "ollama" else "rate_limit"),
            "overloaded": lambda: self.send(fault="overloaded"),
            "error after streaming began": lambda: self.send(fault="error_event", stream=True),
        }
        return ways[situation]()


@pytest.fixture(scope="module")
def poor() -> Iterator[LocalServer]:
    """The providers for somebody without money."""
    paying = [name for name in PROVIDERS if name in ERRORS["no money"]]
    with LocalServer(facts.load(), credit_usd=dict.fromkeys(paying, 0)) as server:
        yield server


@pytest.fixture(scope="module")
def narrow() -> Iterator[LocalServer]:
    """The providers with models that read 200 tokens and nothing longer."""
    known = facts.load()
    small = {
        name: provider.model_copy(
            update={"models": {k: m.model_copy(update={"context_tokens": 200}) for k, m in provider.models.items()}}
        )
        for name, provider in known.items()
    }
    with LocalServer(facts.Facts(small, known.moment)) as server:
        yield server


@pytest.fixture(scope="module")
def hasty() -> Iterator[LocalServer]:
    """The providers for accounts that may use 50 tokens a minute."""
    known = facts.load()
    with LocalServer(facts.Facts({name: _hurried(known[name]) for name in known}, known.moment)) as server:
        yield server


def _hurried(provider: facts.Provider) -> facts.Provider:
    limits = provider.limits
    if limits is None:
        return provider
    update = {"tokens_per_minute": 50, "models": {}}
    if limits.tiers[limits.default].input_tokens_per_minute is not None:
        update |= {"input_tokens_per_minute": 50}
    tier = limits.tiers[limits.default].model_copy(update=update)
    return provider.model_copy(
        update={"limits": limits.model_copy(update={"tiers": {**limits.tiers, limits.default: tier}})}
    )


@pytest.mark.parametrize(("situation", "name"), SITUATIONS, ids=[f"{one}, {other}" for one, other in SITUATIONS])
def test_a_situation_is_answered_as_the_table_says(
    call: Caller, poor: LocalServer, narrow: LocalServer, hasty: LocalServer, situation: str, name: str
) -> None:
    if situation == "no money":
        response = Situations(poor, name).send()
    elif situation == "context too long":
        response = Situations(narrow, name).send(messages=[{"role": "user", "content": "hello " * 400}])
    elif situation == "one request above the minute's tokens":
        response = Situations(hasty, name).send(messages=[{"role": "user", "content": "hello " * 400}])
    else:
        response = Situations(call.server, name).reach(situation)
    told = ERRORS[situation][name]
    wanted = told["status"] if isinstance(told["status"], list) else [told["status"]]
    assert response.status_code in wanted, response.text
    assert told.get("says", "") in response.text
    if "text" in told:
        assert response.text == told["text"]
    for path, value in told.get("has", {}).items():
        assert _at(response.json(), path) == value, response.text
    for path, names in told.get("keys", {}).items():
        assert list(_at(response.json(), path)) == names, response.text
    if told.get("error_is") == "text":
        assert isinstance(response.json()["error"], str), response.text


def _at(body: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        body = body[name]
    return body


# --- refusals of parameters, made from the facts ---------------------------------------------------------------------

SURE = ("wire", "schema", "docs", "client")


def _values(treatment: Treatment) -> Iterator[tuple[str, Any, Answer | None, str]]:
    """What must be refused: why, the value, the parameter's own answer and the provider's general case for it."""
    if treatment.fate == "refused":
        yield "refused", _fitting(treatment), treatment.refusal, ""
        return
    kinds = set(treatment.types) - {"null"}
    if kinds and not kinds & {"object"}:
        yield "wrong type", {"x": 1}, treatment.wrong_type, "wrong_type"
    if treatment.clamped or not kinds & {"number", "integer"}:
        low = high = open_low = None
    else:
        low, high, open_low = treatment.minimum, treatment.maximum, treatment.exclusive_minimum
    number = int if "integer" in kinds else float
    if low is not None:
        yield "below", number(low - 1), treatment.below, "out_of_range_below"
    if open_low is not None:
        yield "at its open end", number(open_low), treatment.below, "out_of_range_below"
    if high is not None:
        yield "above", number(high + 1), treatment.above, "out_of_range_above"
    if treatment.enum and kinds & {"string"}:
        yield "not in its list", "nothing-of-the-kind", treatment.wrong_value, "not_in_list"
    if treatment.max_items is not None:
        yield "too many", ["a"] * (treatment.max_items + 1), treatment.too_many, "too_many"


def _fitting(treatment: Treatment) -> Any:
    if treatment.enum:
        return treatment.enum[0]
    samples: Mapping[str, Any] = {
        "number": 0.5,
        "integer": 3,
        "string": "x",
        "boolean": True,
        "array": [],
        "object": {},
    }
    return samples[treatment.types[0]] if treatment.types else 0.5


def _cases() -> Iterator[Any]:
    known = facts.load()
    for name in PROVIDERS:
        provider = known[name]
        for parameter_name, parameter in provider.parameters.items():
            if parameter_name in ("model", "messages") or parameter.fate == "unknown":
                continue
            for model, body in _ways(provider, parameter):
                given = {**body}
                thinks = provider.thinks(model, given)
                for why, value, own, case in _values(parameter.treatment(model, thinking=thinks, body=given)):
                    sent = {**given, parameter_name: value}
                    if parameter.treatment(model, thinking=thinks, body=sent) != parameter.treatment(
                        model, thinking=thinks, body=given
                    ):
                        continue  # a case of the facts speaks of this very value
                    answer = own or provider.errors.get(case)
                    if answer is not None:
                        label = f"{name}, {model.id}, {parameter_name} {why}"
                        yield pytest.param(name, model.id, sent, answer, id=label)


def _ways(provider: facts.Provider, parameter: Parameter) -> Iterator[tuple[ModelFacts, dict[str, Any]]]:
    """A model and fields beside the parameter for the general treatment and for each of its cases."""
    living = list(provider.alive().values())
    yield provider.model("chat"), dict(parameter.needs)
    for case in parameter.cases:
        for model in living:
            body = {**parameter.needs, **{k: v for k, v in case.when.body.items() if "." not in k}}
            if case.when.holds(model, thinking=provider.thinks(model, body), body=body):
                yield model, body
                break


CASES = {param.id: param for param in _cases()}


@pytest.mark.parametrize(("name", "model", "fields", "answer"), CASES.values())
def test_what_the_facts_refuse_is_refused_in_their_words(
    call: Caller, name: str, model: str, fields: dict[str, Any], answer: Answer
) -> None:
    provider = call.server.facts[name]
    voice = voice_of(provider)
    limit = {} if name != "anthropic" or "max_tokens" in fields else {"max_tokens": 1}
    body = voice.body(model, "Hello", limit, fields)
    with client_of(call.server, name) as client:
        response = client.post(voice.path, json=body, headers=voice.headers)
    assert response.status_code == answer.status, (body, response.text)
    assert matches(answer, response.text), (json.dumps(answer.body), response.text)


def test_there_are_several_hundred_of_them() -> None:
    assert len(CELLS) + len(SITUATIONS) + len(CASES) > 400

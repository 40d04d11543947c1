"""Text held to a grammar: whatever the model would like to say. The oracle for schemas is the jsonschema library."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import numpy as np
import pytest

from labkit import lm
from labkit.lm.constrain import (
    DIGITS,
    LAND_AFTER,
    LANDING_ROOM,
    Constraint,
    GrammarError,
    constrain,
    json_rule,
    literal,
)
from labkit.lm.sampler import log_softmax

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "mood": {"enum": ["good", "bad", None]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    },
    "required": ["name", "age", "mood"],
    "additionalProperties": False,
}
TREE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}, "v": {"type": "number"}},
            "required": ["kids", "v"],
        }
    },
}
SCHEMAS = {
    "person": PERSON,
    "tree": TREE,
    "any object": {"type": "object"},
    "anything": {},
    "numbers": {"type": "array", "items": {"type": "number"}, "minItems": 3},
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"},
    "either": {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "integer"}, "minItems": 1}]},
}
HOTTEST = 100.0  # nearly every allowed token is as likely as any other: no skill of the model helps


@pytest.fixture(scope="module")
def model() -> lm.LanguageModel:
    return lm.load()


@pytest.fixture(scope="module")
def prompt(model: lm.LanguageModel) -> list[int]:
    return lm.chat_ids(model.tokenizer, [{"role": "user", "content": "Describe a person."}])


def of_schema(model: lm.LanguageModel, schema: dict[str, Any]) -> Constraint:
    return constrain(model.tokenizer, f"start: json\njson: {json_rule(schema)}\n")


def texts(
    model: lm.LanguageModel, prompt: list[int], *, n: int = 1, **options: Any
) -> list[tuple[str, str | None, int]]:
    """Text, finish_reason and number of tokens of each choice."""
    pieces = list(model.generate(prompt, n=n, **options))
    each = [[piece for piece in pieces if piece.choice == choice] for choice in range(n)]
    return [("".join(p.text for p in of), of[-1].finish_reason, sum(len(p.token_ids) for p in of)) for of in each]


@pytest.mark.parametrize("temperature", [0.0, 1.0, HOTTEST])
@pytest.mark.parametrize("name", SCHEMAS)
def test_the_text_is_json_that_the_schema_accepts(
    model: lm.LanguageModel, prompt: list[int], name: str, temperature: float
) -> None:
    constraint = of_schema(model, SCHEMAS[name])
    made = texts(model, prompt, n=2, sampling=lm.Sampling(temperature=temperature), key=b"c", constraint=constraint)
    for text, reason, tokens in made:
        assert reason == "stop"
        jsonschema.validate(json.loads(text), SCHEMAS[name])
        assert tokens < model.window - len(prompt)


def test_penalties_and_bias_cannot_break_the_form(model: lm.LanguageModel, prompt: list[int]) -> None:
    quotes = {id: -100.0 for id in range(model.tokenizer.vocab_size) if b'"' in model.tokenizer.token_bytes(id)}
    sampling = lm.Sampling(repetition_penalty=2.0, frequency_penalty=2.0, top_k=3, top_p=0.5, logit_bias=quotes)
    [(text, reason, _)] = texts(model, prompt, sampling=sampling, constraint=of_schema(model, PERSON))
    assert reason == "stop"
    jsonschema.validate(json.loads(text), PERSON)


def test_a_choice_is_the_same_alone_among_others_and_in_float64(model: lm.LanguageModel, prompt: list[int]) -> None:
    options = {"sampling": lm.Sampling(temperature=1.5), "key": b"same", "constraint": of_schema(model, PERSON)}
    three = texts(model, prompt, n=3, **options)
    assert texts(model, prompt, n=1, **options) == three[:1]
    assert texts(model, prompt, n=3, logprobs=0, **options) == three  # with logprobs all is float64


def test_logprobs_are_the_models_own_not_the_masked_ones(model: lm.LanguageModel, prompt: list[int]) -> None:
    pieces = list(model.generate(prompt, lm.Sampling(), logprobs=1, constraint=of_schema(model, PERSON), max_tokens=8))
    shares = [share for piece in pieces for share in piece.logprobs or ()]
    ids = [share.token_id for share in shares]
    rows = log_softmax(model.model.logits([*prompt, *ids]))[len(prompt) - 1 :]
    expected = [rows[place][id] for place, id in enumerate(ids)]
    np.testing.assert_allclose([share.logprob for share in shares], expected, atol=1e-6)


def test_what_need_not_end_is_brought_to_an_end(model: lm.LanguageModel, prompt: list[int]) -> None:
    endless = {"type": "array", "items": {"type": "string", "minLength": 3}, "minItems": 1}
    landed = 0
    for key in (b"one", b"two", b"three", b"four", b"five", b"six"):  # some end by themselves before that
        hot = lm.Sampling(temperature=HOTTEST)
        [(text, reason, tokens)] = texts(model, prompt, sampling=hot, constraint=of_schema(model, endless), key=key)
        assert reason == "stop"
        assert tokens < LAND_AFTER + 10
        jsonschema.validate(json.loads(text), endless)
        landed += tokens > LAND_AFTER
    assert landed


def test_near_the_end_of_the_window_the_landing_begins_earlier(model: lm.LanguageModel) -> None:
    long = lm.chat_ids(model.tokenizer, [{"role": "user", "content": "one two three " * 400}])[: model.window - 100]
    constraint = of_schema(model, {"type": "object"})
    [(text, reason, _)] = texts(model, long, sampling=lm.Sampling(temperature=HOTTEST), constraint=constraint)
    assert reason == "stop"
    assert isinstance(json.loads(text), dict)
    assert 100 - LANDING_ROOM < LAND_AFTER


def test_numbers_can_be_held_by_every_reader(model: lm.LanguageModel, prompt: list[int]) -> None:
    digits = {id: 100.0 for id in range(model.tokenizer.vocab_size) if model.tokenizer.token_bytes(id).isdigit()}
    digits |= {id: 100.0 for id in range(model.tokenizer.vocab_size) if model.tokenizer.token_bytes(id) in (b"e", b"E")}
    constraint = of_schema(model, SCHEMAS["numbers"])
    [(text, _, _)] = texts(model, prompt, sampling=lm.Sampling(logit_bias=digits), constraint=constraint)
    assert "e" not in text.lower()
    assert all(math.isfinite(number) for number in json.loads(text))
    assert max(len(str(number)) for number in json.loads(text)) <= DIGITS + 4


def test_a_bound_beyond_those_digits_is_kept(model: lm.LanguageModel, prompt: list[int]) -> None:
    huge = {"type": "integer", "minimum": 10**15}
    [(text, _, _)] = texts(model, prompt, sampling=lm.Sampling(), constraint=of_schema(model, huge))
    assert json.loads(text) >= 10**15


def test_max_tokens_cuts_and_says_so(model: lm.LanguageModel, prompt: list[int]) -> None:
    constraint = of_schema(model, PERSON)
    whole, cut = (
        texts(model, prompt, sampling=lm.Sampling(), key=b"k", constraint=constraint, max_tokens=limit)[0]
        for limit in (None, 5)
    )
    assert whole[0].startswith(cut[0])
    assert cut[1:] == ("length", 5)


def test_the_grammar_holds_only_after_its_tokens_came(model: lm.LanguageModel, prompt: list[int]) -> None:
    special = model.tokenizer.special
    think, call = special["</think>"], special["<tool_call>"]
    constraint = constrain(
        model.tokenizer,
        f"start: word </tool_call>\nword: {literal('yes')} | {literal('no')}\n",
        after=(think, call),
        inside=(call, special["</tool_call>"]),
    )
    bias = {think: 60.0, call: 60.0}  # both wanted at once: the later one has to wait
    ids = [
        id
        for piece in model.generate(
            prompt, lm.Sampling(temperature=0, logit_bias=bias), constraint=constraint, max_tokens=40
        )
        for id in piece.token_ids
    ]
    assert ids.index(think) < ids.index(call)
    after = model.tokenizer.decode(ids[ids.index(call) + 1 :])
    assert after in ("yes</tool_call>", "no</tool_call>")


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objekt"}, "Invalid type: objekt"),
        ({"not": {"type": "string"}}, 'Unimplemented keys: ["not"]'),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "Unsatisfiable schema"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"type": "array", "minItems": 3, "maxItems": 1}, "minItems (3) is greater than maxItems (1)"),
        ({"type": "string", "pattern": "("}, "regex parse error"),
    ],
)
def test_a_schema_that_cannot_be_served_is_refused_at_once(
    model: lm.LanguageModel, schema: dict[str, Any], says: str
) -> None:
    with pytest.raises(GrammarError) as refused:
        of_schema(model, schema)
    assert says in str(refused.value)
    assert "failed to compile" not in str(refused.value)


def test_a_keyword_that_cannot_be_followed_may_be_left_out(model: lm.LanguageModel, prompt: list[int]) -> None:
    schema = {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "maxItems": 4}
    constraint = constrain(model.tokenizer, f"start: json\njson: {json_rule(schema, lenient=True)}\n")
    [(text, _, _)] = texts(model, prompt, sampling=lm.Sampling(temperature=HOTTEST), constraint=constraint)
    assert all(isinstance(value, bool) for value in json.loads(text))


def test_a_schema_cannot_change_how_json_is_written(model: lm.LanguageModel, prompt: list[int]) -> None:
    schema = {**PERSON, "x-guidance": {"item_separator": "; ", "lenient": True}}
    [(text, _, _)] = texts(model, prompt, sampling=lm.Sampling(), constraint=of_schema(model, schema))
    assert text == json.dumps(json.loads(text), ensure_ascii=False)


def test_past_calls_are_written_as_the_models_learnt_them(model: lm.LanguageModel) -> None:
    call = '{"name": "f", "arguments": {"city": "Paris"}}'
    turns = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": "Yes.", "calls": [call, call]}]
    told = (
        "<|endoftext|><|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\nYes."
        f"<tool_call>{call}</tool_call><tool_call>{call}</tool_call><|im_end|>\n<|im_start|>assistant\n"
    )
    ids = lm.chat_ids(model.tokenizer, turns)
    assert model.tokenizer.decode(ids, skip_special=False) == told
    assert ids == model.tokenizer.encode(told, special=True)

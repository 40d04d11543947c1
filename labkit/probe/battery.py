"""The experiments: for each parameter, what to send so that an effect would be seen, and where bounds may lie.

Nothing here comes from a provider's facts: what is tried is the same for all providers of a dialect.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from labkit.probe.voices import AnthropicMessages, Heard, OllamaChat, Voice

Fields = Mapping[str, Any]

VARIED = "Tell me a story about a fox."
"""Many tokens are likely at every step of this, so that answers differ unless something keeps them alike."""
LONG = "Tell me a long story about a fox."
NAMED = "What is the capital of Jsonland?"
"""The word json has to stand in it, as some providers want where JSON is asked for, and no wish for JSON."""
WEATHER = "What is the weather in Paris? Use the tool."
SCHEMA = {
    "type": "object",
    "properties": {"zq": {"type": "string", "enum": ["k"]}},
    "required": ["zq"],
    "additionalProperties": False,
}
INSIDE = {"repetition_penalty": "repeat_penalty"}
"""Names that are others inside Ollama's `options`."""
UNSEEN: Fields = {
    "user": "somebody",
    "user_id": "somebody",
    "metadata": {"a": "b"},
    "store": False,
    "service_tier": "auto",
    "safety_identifier": "somebody",
    "prompt_cache_key": "some",
    "verbosity": "low",
    "safe_prompt": False,
    "prompt_mode": "reasoning",
    "min_tokens": 1,
    "a_field_nobody_knows": 0,
}
"""Parameters of which no answer could show an effect."""
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True)
class Ladder:
    """One side of a parameter's range. make: the fields for a value.  guesses: bounds that are common, tried first.

    far: a value beyond any bound.  step: how near two values must be for the bound to lie between them.
    near: a value that is taken, from which the search begins.
    """

    side: Literal["above", "below", "items"]
    make: Callable[[Any], Fields]
    near: float
    far: float
    step: float
    guesses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """How one parameter is tried.

    plain, tried: the two arms; only `tried` has the parameter, or has it at the other end.  test: how arms are told
    apart. 'alike': answers of `tried` are all the same, those of `plain` are not. 'sure': `sign` differs in every pair.
    'apart': with `calm`, which makes answers alike, the arms answer differently; where nothing makes them alike, `sign`
    differs on average. 'none': no effect could be seen.
    tokens: the answer's length.  wrong: fields with a value of another type.  or_else: other ways to show an effect.
    text: the answer itself is looked at, so that one of a model that reasons first must be long enough to have it.
    else_accepted: the effect is one of degree, so that seeing none proves nothing.
    """

    parameter: str
    tried: Fields
    plain: Fields = field(default_factory=dict)
    test: Literal["alike", "sure", "apart", "none"] = "none"
    sign: Callable[[Heard], Any] = lambda heard: heard.said
    prompt: str = VARIED
    tokens: int = 24
    ladders: tuple[Ladder, ...] = ()
    wrong: Fields | None = None
    calm: Fields = field(default_factory=lambda: {"temperature": 0})
    or_else: tuple[Fields, ...] = ()
    text: bool = False
    else_accepted: bool = False


def ladders(name: str, near: tuple[float | None, float | None], step: float, **guesses: tuple[float, ...]) -> Any:
    """Both sides of a numeric parameter's range. near: a value surely taken on each side, None for a side not tried."""
    make = partial(_one, name)
    far = 10_000_000 if step == 1 else 1000.0
    below, above = near
    out = []
    if below is not None:
        out.append(Ladder("below", make, below, -far, step, guesses.get("below", ())))
    if above is not None:
        out.append(Ladder("above", make, above, far, step, guesses.get("above", ())))
    return tuple(out)


def common(limits: tuple[str, ...]) -> list[Experiment]:
    """Sampling parameters under the names that most providers use. limits: the names of an answer's longest length."""
    shares = partial(_both, {"logprobs": True}, "top_logprobs")
    return [
        _alike("temperature", 0, ladders("temperature", (0.5, 0.5), 0.01, below=(0,), above=(2, 1.5, 1)), plain=1),
        _alike("top_p", 0.001, ladders("top_p", (0.5, 0.5), 0.01, below=(0,), above=(1,))),
        _alike("top_k", 1, ladders("top_k", (5, 5), 1, below=(0, 1, -1), above=(100, 128))),
        _alike("min_p", 0.99, ladders("min_p", (0.5, 0.5), 0.01, below=(0,), above=(1,))),
        _alike("seed", 7, ladders("seed", (7, None), 1, below=(0,))),
        _alike("random_seed", 7, ladders("random_seed", (7, None), 1, below=(0,))),
        _alike("logit_bias", {"1000": 100}, ()),
        _penalty("repetition_penalty", 1.9, 1, ladders("repetition_penalty", (1, 1), 0.01, below=(0,), above=(2,))),
        _penalty("frequency_penalty", 2, -2, ladders("frequency_penalty", (0, 0), 0.01, below=(-2,), above=(2,))),
        _penalty("presence_penalty", 2, -2, ladders("presence_penalty", (0, 0), 0.01, below=(-2,), above=(2,))),
        _shown("n", 2, lambda heard: len(heard.choices), 4, _CHOICES),
        _shown("logprobs", True, lambda heard: heard.choices[0].logprobs, 4),
        _shown(
            "top_logprobs",
            3,
            lambda heard: heard.choices[0].alternatives,
            4,
            (Ladder("below", shares, 3, -1000, 1, (0,)), Ladder("above", shares, 3, 1000, 1, (20, 5))),
            beside={"logprobs": True},
        ),
        _shown("stop", ["e"], _has_an_e, 48, (Ladder("items", _stops, 1, 64, 1, (4, 16)),)),
        *(
            _shown(
                name,
                3,
                lambda heard: (heard.completion_tokens or 99) <= 3,
                24,
                (Ladder("below", partial(_one, name), 4, -1000, 1, (1, 0)),),
            )
            for name in limits
        ),
    ]


def openai_chat() -> list[Experiment]:
    """For chat completions."""
    function = {"name": "get_weather", "description": "The weather", "parameters": PLACE}
    tools: Fields = {"tools": [{"type": "function", "function": function}]}
    schema = {"name": "answer", "strict": True, "schema": SCHEMA}
    form = {"response_format": {"type": "json_schema", "json_schema": schema}}
    efforts = tuple({"reasoning_effort": effort} for effort in ("none", "low", "default"))
    return [
        *common(("max_tokens", "max_completion_tokens")),
        replace(_shown("response_format", {"type": "json_object"}, _is_json, 160, prompt=NAMED), text=True),
        Experiment("response_format.json_schema", form, {}, "sure", _is_zq, NAMED, text=True),
        replace(
            _shown("tools", tools["tools"], _calls, 60, (Ladder("items", _tools, 1, 200, 1, (128,)),), prompt=WEATHER),
            or_else=tuple({**tools, "tool_choice": word} for word in ("required", "any")),
        ),
        replace(
            _shown("tool_choice", "required", _calls, 60, prompt=WEATHER, beside=tools),
            plain={**tools, "tool_choice": "none"},
            wrong={**tools, "tool_choice": 5},
        ),
        Experiment("parallel_tool_calls", {**tools, "parallel_tool_calls": False}, prompt=WEATHER),
        _shown("stream", True, lambda heard: heard.streamed, 4),
        _shown("stream_options", {"include_usage": True}, _usage_streamed, 4, beside={"stream": True}),
        replace(_shown("reasoning_effort", "high", _worked, 300, prompt="Hi"), or_else=efforts, else_accepted=True),
        replace(
            _shown("thinking", {"type": "disabled"}, _worked, 300, prompt="Hi"),
            plain={"thinking": {"type": "enabled"}},
            else_accepted=True,
        ),
        *(Experiment(name, {name: value}, wrong={name: 5} if value else None) for name, value in UNSEEN.items()),
    ]


def anthropic_messages() -> list[Experiment]:
    """For Anthropic's messages."""
    tools: Fields = {"tools": [{"name": "get_weather", "description": "The weather", "input_schema": PLACE}]}
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return [
        *(each for each in common(("max_tokens",)) if each.parameter != "stop"),
        _shown("stop_sequences", ["e"], _has_an_e, 48),
        _shown("output_config", form, _is_zq, 160, prompt=NAMED),
        replace(
            _shown("tools", tools["tools"], _calls, 60, prompt=WEATHER),
            or_else=({**tools, "tool_choice": {"type": "any"}},),
        ),
        replace(
            _shown("tool_choice", {"type": "any"}, _calls, 60, prompt=WEATHER, beside=tools),
            plain={**tools, "tool_choice": {"type": "none"}},
        ),
        _shown("stream", True, lambda heard: heard.streamed, 4),
        replace(_shown("thinking", {"type": "disabled"}, _worked, 300, prompt="Hi"), else_accepted=True),
        Experiment("metadata", {"metadata": {"user_id": "somebody"}}, wrong={"metadata": 5}),
        Experiment("service_tier", {"service_tier": "auto"}, wrong={"service_tier": 5}),
        Experiment("stop", {"stop": ["e"]}),
        Experiment("max_completion_tokens", {"max_completion_tokens": 3}),
        Experiment("response_format", {"response_format": {"type": "json_object"}}),
        Experiment("stream_options", {"stream": True, "stream_options": {"include_usage": True}}),
        Experiment("user", {"user": "somebody"}),
        Experiment("a_field_nobody_knows", {"a_field_nobody_knows": 1}),
    ]


def ollama_chat() -> list[Experiment]:
    """For Ollama's /api/chat: the sampling parameters are inside `options`."""
    outside = ("n", "logprobs", "top_logprobs", "logit_bias", "random_seed")
    function = {"name": "get_weather", "description": "The weather", "parameters": PLACE}
    return [
        *(_optional(each) for each in common(("num_predict",)) if each.parameter not in outside),
        _shown("format", SCHEMA, _is_zq, 24, prompt=NAMED),
        _shown("tools", [{"type": "function", "function": function}], _calls, 60, prompt=WEATHER),
        _shown("stream", True, lambda heard: heard.streamed, 8),
        _shown("logprobs", True, lambda heard: heard.choices[0].logprobs, 4),
        _shown("top_logprobs", 3, lambda heard: heard.choices[0].alternatives, 4, beside={"logprobs": True}),
        Experiment("keep_alive", {"keep_alive": "5m"}),
        Experiment("a_field_nobody_knows", {"a_field_nobody_knows": 1}),
    ]


def battery(voice: Voice) -> list[Experiment]:
    """The experiments for a dialect."""
    if isinstance(voice, AnthropicMessages):
        return anthropic_messages()
    return ollama_chat() if isinstance(voice, OllamaChat) else openai_chat()


def repeats(heard: Heard) -> float:
    """The share of an answer's letters that stand in a run of four which came before: high where it goes round."""
    text = heard.said
    runs = Counter(text[i : i + 4] for i in range(len(text) - 3))
    return sum(count - 1 for count in runs.values()) / max(1, len(text) - 3)


# --- ways of building experiments ----------------------------------------------------------------------------------


def _alike(name: str, value: Any, sides: tuple[Ladder, ...], plain: Any = None) -> Experiment:
    """A parameter that makes answers alike. plain: its value in the other arm, where it is there at all."""
    other = {} if plain is None else {name: plain}
    return Experiment(name, {name: value}, other, "alike", ladders=sides, wrong={name: _other_type(value)})


def _penalty(name: str, strong: float, weak: float, sides: tuple[Ladder, ...]) -> Experiment:
    tried, plain = {name: strong}, {name: weak}
    return Experiment(name, tried, plain, "apart", repeats, LONG, 96, sides, {name: {"x": 1}})


def _shown(
    name: str,
    value: Any,
    sign: Callable[[Heard], Any],
    tokens: int,
    sides: tuple[Ladder, ...] = (),
    *,
    prompt: str = VARIED,
    beside: Fields | None = None,
) -> Experiment:
    """A parameter whose effect one answer shows. beside: fields that both arms have."""
    both = dict(beside or {})
    wrong = {**both, name: _other_type(value)}
    text = sign in (_has_an_e, _is_zq, _is_json, _calls, _worked)
    return Experiment(name, {**both, name: value}, both, "sure", sign, prompt, tokens, sides, wrong, text=text)


def _optional(each: Experiment) -> Experiment:
    """The same experiment inside `options`."""
    return replace(
        each,
        parameter=f"options.{INSIDE.get(each.parameter, each.parameter)}",
        tried=_inside(each.tried),
        plain=_inside(each.plain),
        calm=_inside(each.calm),
        wrong=_inside(each.wrong) if each.wrong else None,
        ladders=tuple(replace(ladder, make=partial(_made_inside, ladder.make)) for ladder in each.ladders),
    )


def _other_type(value: Any) -> Any:
    return "x" if isinstance(value, (dict, bool)) else {"x": 1}


def _one(name: str, value: Any) -> Fields:
    return {name: value}


_CHOICES = (
    Ladder("below", partial(_one, "n"), 1, -1000, 1, (1, 0)),
    Ladder("above", partial(_one, "n"), 1, 200, 1, (1, 128)),  # no further: where nothing is refused, all are written
)


def _both(beside: Fields, name: str, value: Any) -> Fields:
    return {**beside, name: value}


def _stops(count: float) -> Fields:
    return {"stop": [f"qx{number}zw" for number in range(int(count))]}


def _tools(count: float) -> Fields:
    nothing = {"type": "object", "properties": {}}
    functions = ({"name": f"tool_{number}", "parameters": nothing} for number in range(int(count)))
    return {"tools": [{"type": "function", "function": function} for function in functions]}


def _inside(fields: Fields) -> Fields:
    return {f"options.{INSIDE.get(name, name)}": value for name, value in fields.items()}


def _made_inside(make: Callable[[Any], Fields], value: Any) -> Fields:
    return _inside(make(value))


# --- what to look for ------------------------------------------------------------------------------------------------


def _has_an_e(heard: Heard) -> bool:
    return "e" in heard.text


def _worked(heard: Heard) -> bool:
    return heard.worked


def _usage_streamed(heard: Heard) -> bool:
    return heard.usage_streamed


def _is_zq(heard: Heard) -> bool:
    return "".join(heard.text.split()).startswith('{"zq":"k"')


def _is_json(heard: Heard) -> bool:
    return heard.text.lstrip().startswith("{")


def _calls(heard: Heard) -> bool:
    return any(choice.calls for choice in heard.choices)


def text_of(fields: Fields) -> str:
    """Fields as a person reads them: `temperature: 0`."""
    return ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()) or "nothing"

"""A request that the provider would refuse, with the answer its facts give for it; and the words that fill the answer.

Two vocabularies name JSON's types: OpenAI's ('an array of objects') and serde's, the Rust parser whose messages
DeepSeek shows ('sequence'). A facts file uses {got} and {expected} or {serde_got} and {serde_expected}; JSON's own word
is {plain_expected}, those of the Python validator whose errors Mistral shows are {pydantic_type} and {pydantic_msg},
those of Go, which Ollama is written in, {go_got} and {go_expected}. A lower end that is itself allowed is not said as
one that is not: {low_at_least} is 'at least' or 'greater than', {low_sign} '>=' or '>', {low_bracket} '[' or '(',
{low_type} and {low_words} the Python validator's 'greater_than_equal' or 'greater_than'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from labkit.errors import FactsError
from labkit.facts.provider import Provider
from labkit.facts.schema import Answer

CASES = frozenset(
    "missing_key malformed_header wrong_key wrong_path wrong_method not_json body_not_object too_large "
    "missing_model missing_messages messages_empty unknown_role wrong_type out_of_range_above "
    "out_of_range_below model_unknown model_retired context_too_long server_error".split()
)
"""Refusals that any request can meet."""
KEY_CASES = frozenset({"missing_key", "malformed_header", "wrong_key"})
NATIVE_CASES = frozenset(
    "wrong_path wrong_method not_json too_large missing_model wrong_type model_unknown model_retired context_too_long "
    "server_error".split()
)
"""Those that a request to a provider's own API meets: no key is wanted, no range checked, no messages mean load."""
_BY_BOUND = {"enum": ("wrong_value", "not_in_list"), "max_items": ("too_many", "too_many"), "needs": ("unmet", "unmet")}
_INSTEAD = {
    "foreign_key": "wrong_key",
    "missing_content": "wrong_message_type",
    "wrong_message_type": "wrong_type",
    "model_unborn": "model_unknown",
}

_EXPECTED = {
    "number": ("a decimal", "f32"),
    "integer": ("an integer", "u32"),
    "string": ("a string", "a string"),
    "boolean": ("a boolean", "a boolean"),
    "array": ("an array", "a sequence"),
    "object": ("an object", "a map"),
    "null": ("null", "null"),
}


class Refused(Exception):
    """The request ends here. answer: filled, as it goes over the wire.  case: the name of the facts' case."""

    def __init__(self, case: str, answer: Answer) -> None:
        super().__init__(case)
        self.case, self.answer = case, answer


def refuse(provider: Provider, case: str, own: Answer | None = None, /, **values: Any) -> Refused:
    """The refusal for `case`. own: an answer nearer to the matter than the provider's general one.

    Where `values` name a `param` ('messages[0].name'), its other spellings {dotted} ('messages.0.name'), {bare}
    ('messages.name') and {loc} (the list ["body", "messages", 0, "name"]) are there too.
    tag: what {loc} says of a message's kind, after its number.
    """
    if isinstance(param := values.get("param"), str):
        dotted = re.sub(r"\[(\d+)\]", r".\1", param)
        loc = [int(name) if name.isdigit() else name for name in dotted.split(".")]
        if values.get("tag") and len(loc) > 2:
            loc.insert(2, values["tag"])
        values = {"bare": re.sub(r"\[\d+\]", "", param), "dotted": dotted, "loc": ["body", *loc], **values}
    if "input" in values:  # as Python shows it, for providers whose servers are written in it
        values = {"python_value": shown(repr(values["input"])), **values}
    nearer = case
    while own is None:
        own = provider.errors.get(nearer)
        nearer = nearer if own else _INSTEAD[nearer]
    return Refused(case, own.filled(values))


def need_all_cases(provider: Provider) -> None:
    """Raise FactsError when the facts leave open how the provider refuses something."""
    needed = set(CASES if provider.key.required else CASES - KEY_CASES)
    needed -= set() if provider.roles else {"unknown_role"}
    lacking = sorted(NATIVE_CASES - set(provider.native.errors)) if provider.native else []
    if lacking:
        where = f"configs/providers/{provider.id}.yaml"
        raise FactsError(f"`native.errors` lacks {', '.join(lacking)}", where=where)
    for parameter in provider.parameters.values():
        for bound, (own, case) in _BY_BOUND.items():
            bounded = getattr(parameter, bound) or any(each.then.get(bound) for each in parameter.cases)
            if bounded and getattr(parameter, own) is None:
                needed.add(case)
    missing = sorted(needed - set(provider.errors))
    if missing:
        raise FactsError(
            f"`errors` lacks {', '.join(missing)}",
            where=f"configs/providers/{provider.id}.yaml",
            right="Every case that a request can meet has an answer, marked `invented: true` where no source gives one",
        )


def type_of(value: Any) -> str:
    """The JSON type of a parsed value; a number without fraction sign is an integer."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def fits(value: Any, types: tuple[str, ...]) -> bool:
    """Whether `value` is of one of `types`; an integer is also a number. No types: anything fits."""
    kind = type_of(value)
    return not types or kind in types or (kind == "integer" and "number" in types)


def low_words(excluded: bool) -> dict[str, str]:
    """How a range's lower end is said. excluded: whether the number at the end is itself refused."""
    if excluded:
        at_least = words = "greater than"
        sign, bracket, kind = ">", "(", "greater_than"
    else:
        at_least, words = "at least", "greater than or equal to"
        sign, bracket, kind = ">=", "[", "greater_than_equal"
    return {"low_at_least": at_least, "low_sign": sign, "low_bracket": bracket, "low_type": kind, "low_words": words}


def type_words(value: Any, types: tuple[str, ...]) -> dict[str, str]:
    """What was got and what was expected, in both vocabularies."""
    known = [_EXPECTED[name] for name in types if name != "null"] or [_EXPECTED["null"]]
    return {
        "got": _EXPECTED[type_of(value)][0],
        "serde_got": _serde(value),
        "expected": _one_of([words[0] for words in known]),
        "serde_expected": known[0][1],
        "plain_expected": _PLAIN.get(types[0], "null") if types else "null",
        **_pydantic(value, types[0] if types else "null"),
        **_go(value, types[0] if types else "null"),
    }


_PLAIN = {
    "number": "a number",
    "integer": "an integer",
    "string": "a string",
    "boolean": "a boolean",
    "array": "an array",
    "object": "an object",
}
_PYDANTIC = {
    "number": ("float", "Input should be a valid number", "unable to parse string as a number"),
    "integer": ("int", "Input should be a valid integer", "unable to parse string as an integer"),
    "boolean": ("bool", "Input should be a valid boolean", "unable to interpret input"),
    "string": ("string", "Input should be a valid string", ""),
    "array": ("list", "Input should be a valid list", ""),
    "object": ("dict", "Input should be a valid dictionary", ""),
    "null": ("none", "Input should be null", ""),
}


_GO = {"number": "float64", "integer": "int", "string": "string", "boolean": "bool"}


def _go(value: Any, kind: str) -> dict[str, str]:
    """What was got and which type was wanted, as Go's encoding/json says it in an UnmarshalTypeError."""
    got = {"boolean": "bool", "integer": "number"}.get(type_of(value), type_of(value))
    exact = f"number {json.dumps(value)}" if kind == "integer" and isinstance(value, float) else got
    return {"go_got": exact, "go_expected": _GO.get(kind, kind)}


def _pydantic(value: Any, kind: str) -> dict[str, str]:
    """Type and message as pydantic 2 words them. Source: https://docs.pydantic.dev/latest/errors/validation_errors/"""
    name, message, unable = _PYDANTIC[kind]
    if isinstance(value, float) and kind == "integer":
        return {
            "pydantic_type": "int_from_float",
            "pydantic_msg": f"{message}, got a number with a fractional part",
        }
    if isinstance(value, str) and unable:
        return {"pydantic_type": f"{name}_parsing", "pydantic_msg": f"{message}, {unable}"}
    return {"pydantic_type": f"{name}_type", "pydantic_msg": message}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that fewest edits make of `name`, if fewer than six in ten of its letters must change.

    That bound agrees with the hints Groq is known to have given and not to have given; its own rule is not known.

    >>> nearest("store", ["stream", "stop"]), nearest("reasoning", ["reasoning_effort"])
    ('stop', None)
    """
    if not name or len(name) > 100:
        return None
    far, found = min(((_edits(name, other), other) for other in known), default=(0, None))
    return found if found is not None and far < 0.6 * len(name) else None


def _edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def shown(value: Any) -> str:
    """A value inside a message: a string as it is, anything else as JSON; cut when long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


def _one_of(words: list[str]) -> str:
    bare = [words[0], *(word.split(" ", 1)[1] for word in words[1:])]
    return words[0] if len(words) == 1 else f"one of {', '.join(bare[:-1])} or {bare[-1]}"


def _serde(value: Any) -> str:
    kind = type_of(value)
    if kind in ("array", "object", "null"):
        return {"array": "sequence", "object": "map", "null": "null"}[kind]
    names = {"boolean": "boolean", "integer": "integer", "number": "floating point", "string": "string"}
    return f'string "{shown(value)}"' if kind == "string" else f"{names[kind]} `{shown(value)}`"

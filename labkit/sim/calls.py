"""Tools and output formats between a request and the model: what it is told, what it may write, what it wrote.

The lab's models know tools as one line of the system message, `Tools: get_weather(city), add(a, b)`, and call one by
`<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>`. Here are that line, the grammar that
holds a call's arguments to the tool's schema, and the way back from the model's text to calls.
It knows no provider and no HTTP; the engine calls it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from labkit.lm.constrain import Constraint
    from labkit.lm.tokens import Tokenizer

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True)
class Tool:
    """A function that the model may call.

    parameters: JSON Schema of its arguments; empty for any object.  strict: refuse keywords that cannot be followed,
    instead of leaving them out.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    strict: bool = False


@dataclass(frozen=True)
class Form:
    """What the answer must be: JSON that `schema` accepts; without one, any JSON object. strict: as a tool's."""

    schema: Mapping[str, Any] | None = None
    strict: bool = True


@dataclass(frozen=True)
class CallPart:
    """A little more of one call.

    index: its number within the choice, from 0.  name: in its first part, else ''.  arguments: the next piece of JSON
    text.  closed: whether the call is complete.
    """

    index: int
    name: str = ""
    arguments: str = ""
    closed: bool = False


@dataclass
class MadeCall:
    """One call as it grows: its parts put together."""

    name: str
    arguments: str = ""
    closed: bool = False

    @staticmethod
    def grow(calls: list[MadeCall], part: CallPart) -> None:
        """Take `part` into the calls of its choice."""
        if part.index == len(calls):
            calls.append(MadeCall(part.name))
        calls[part.index].arguments += part.arguments
        calls[part.index].closed = part.closed


class Impossible(Exception):
    """No text can meet this schema, or the lab cannot tell which would.

    what: a 'form' or a 'tool'.  name: the tool's.  why: the grammar library's words.
    """

    def __init__(self, what: Literal["form", "tool"], name: str, why: str) -> None:
        super().__init__(why)
        self.what, self.name, self.why = what, name, why


# --- what the model is told -------------------------------------------------------------------------------------


def tools_line(tools: Sequence[Tool]) -> str:
    """The tools as the models know them.

    >>> tools_line([Tool("add", {"properties": {"a": {}, "b": {}}}), Tool("now")])
    'Tools: add(a, b), now()'
    """
    return "Tools: " + ", ".join(f"{tool.name}({', '.join(tool.parameters.get('properties') or ())})" for tool in tools)


def told(turns: list[dict[str, Any]], tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The turns, with the tools at the end of a system message that comes first, else in one of their own."""
    if not tools:
        return turns
    line, first = tools_line(tools), turns[0] if turns else {}
    if first.get("role") != "system":
        return [{"role": "system", "content": line}, *turns]
    return [{**first, "content": f"{first['content']}\n{line}" if first["content"] else line}, *turns[1:]]


def call_text(name: str, arguments: str) -> str:
    """A call of the past as the model would have written it."""
    try:
        arguments = json.dumps(json.loads(arguments), ensure_ascii=False)
    except (ValueError, RecursionError):
        arguments = arguments.strip() or "{}"  # what a model once wrote may be no JSON; then it is shown as it is
    return f"{_head(name)}{arguments}}}"


def _head(name: str) -> str:
    return f'{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": '


# --- what it may write ------------------------------------------------------------------------------------------


def constraint(
    tokenizer: Tokenizer, tools: Sequence[Tool], form: Form | None, *, must: bool, parallel: bool, thinking: bool
) -> Constraint | None:
    """How the answer is held to `tools` and `form`; None for free text. Raises Impossible.

    tools: those that may be called.  must: whether one of them is to be.  parallel: whether several may be.
    """
    from labkit.lm.constrain import constrain, literal

    special = tokenizer.special
    rules = []
    for number, tool in enumerate(tools):
        rules.append(f'call{number}: {literal(_head(tool.name))} arguments{number} "}}"')
        rules.append(f"arguments{number}: {_tool_rule(tokenizer, tool)}")
    if tools:
        rules.append("call: " + " | ".join(f"call{number}" for number in range(len(tools))))
        more = f"({CLOSE} {OPEN} call)*" if parallel else ""
        rules.append(f"calls: call {more} {CLOSE}")
    if form:
        rules.append(f"form: {_form_rule(tokenizer, form)}")
    after = [special["</think>"]] if thinking else []
    if form and not must:
        start = f"form | {OPEN} calls" if tools else "form"
    elif must:
        start = f"{OPEN} calls"
    elif tools:
        start = "calls"
        after.append(special[OPEN])
    else:
        return None
    return constrain(tokenizer, "\n".join([f"start: {start}", *rules, ""]), after, (special[OPEN], special[CLOSE]))


def _tool_rule(tokenizer: Tokenizer, tool: Tool) -> str:
    schema = {**tool.parameters, "type": "object"}
    if not schema.get("properties") and set(schema) <= {"type", "properties", "description", "title", "required"}:
        schema["additionalProperties"] = False  # a tool without arguments is called without any
    return _rule(tokenizer, "tool", tool.name, _text(schema), tool.strict)


def _form_rule(tokenizer: Tokenizer, form: Form) -> str:
    return _rule(tokenizer, "form", "", _text({"type": "object"} if form.schema is None else form.schema), form.strict)


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(closed(schema))


@lru_cache(maxsize=256)
def _rule(tokenizer: Tokenizer, what: Literal["form", "tool"], name: str, schema: str, strict: bool) -> str:
    from labkit.lm.constrain import GrammarError, constrain, json_rule

    for lenient in (False,) if strict else (False, True):
        rule = json_rule(json.loads(schema), lenient=lenient)
        try:
            constrain(tokenizer, f"start: json\njson: {rule}\n")
        except GrammarError as error:
            why = str(error)
        else:
            return rule
    raise Impossible(what, name, why)


def closed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with no other properties than those named, where it leaves that open: what it accepts, `schema` does.

    A model that may invent properties does; one that was asked for some should give those.

    >>> closed({"properties": {"a": {"type": "string"}}})["additionalProperties"]
    False
    """
    if '"allOf"' in json.dumps(schema):  # two schemas at once: closing one would shut out the other's properties
        return schema
    shut: Mapping[str, Any] = _closed(schema)
    return shut


_APPLIED = {"anyOf", "oneOf", "$ref", "patternProperties", "unevaluatedProperties", "if", "dependentSchemas"}
_OF_SCHEMAS = {"properties", "$defs", "definitions"}


def _closed(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    shut = dict(schema)
    for key, value in schema.items():
        if key in _OF_SCHEMAS and isinstance(value, Mapping):
            shut[key] = {name: _closed(inner) for name, inner in value.items()}
        elif key in ("anyOf", "prefixItems") and isinstance(value, list):
            shut[key] = [_closed(inner) for inner in value]
        elif key == "items":
            shut[key] = _closed(value)
    if isinstance(schema.get("properties"), Mapping) and not _APPLIED & set(schema):
        shut.setdefault("additionalProperties", False)
    return shut


# --- what it wrote ----------------------------------------------------------------------------------------------


class CallReader:
    """Takes the calls out of one choice's text. Push each token with the text that it released."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._names = {_head(tool.name): tool.name for tool in tools}
        self._raw: str | None = None  # what a call has so far, its head left out once known; None outside
        self._headed = False
        self.count = 0

    @property
    def inside(self) -> bool:
        """Whether a call is open."""
        return self._raw is not None

    def push(self, token: str, text: str) -> tuple[str, tuple[CallPart, ...]]:
        """The text outside calls, and the parts of calls. token: a special token's content, else ''."""
        if self._raw is None:
            if token != OPEN:
                return text, ()
            self._raw, self._headed = "", False
            return text.partition(OPEN)[0], ()
        self._raw += text.partition(CLOSE)[0] if token == CLOSE else text
        parts = []
        if not self._headed:
            head = next((head for head in self._names if self._raw.startswith(head)), None)
            if head is None:
                return "", ()
            self._headed, self._raw = True, self._raw.removeprefix(head)
            parts.append(CallPart(self.count, self._names[head]))
        ready, self._raw = self._raw[:-1], self._raw[-1:]  # the last brace is the call's own, not the arguments'
        if token == CLOSE:
            parts.append(CallPart(self.count, "", ready, True))
            self._raw = None
            self.count += 1
        elif ready:
            parts.append(CallPart(self.count, "", ready))
        return "", tuple(parts)

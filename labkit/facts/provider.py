"""One provider as of a moment: how it is reached, what it answers, all its facts together.

The top of a facts file; the pieces below are in `schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from labkit.errors import FactsError, did_you_mean
from labkit.facts.native import Native
from labkit.facts.schema import (
    Answer,
    Fact,
    ModelFacts,
    Names,
    Parameter,
    Source,
    Speed,
    Treatment,
    When,
    field_at,
    names,
)


class Address(Fact):
    """Where the provider answers. paths are below base_url; sdk_base_url is what its own SDK takes.

    headers: what every request must carry beside the key.
    """

    base_url: str = Field(pattern=r"^https?://[^/].*[^/]$")
    sdk_base_url: str = Field(pattern=r"^(https?://|labkit/)")
    also: tuple[str, ...] = ()
    paths: dict[str, str]
    headers: dict[str, str] = {}


class Key(Fact):
    """How a caller identifies itself.

    variables: environment names, the usual one first.  local: the lab's own fake.  required: False where anybody may
    call.  open_paths: names of `address.paths` that need no key.
    """

    variables: tuple[str, ...]
    header: str = "authorization"
    scheme: str = "Bearer"
    local: str
    page: str | None = None
    also: dict[str, str] = {}  # further headers that may carry it, with their schemes
    required: bool = True
    open_paths: tuple[str, ...] = ()


class Asked(Fact):
    """Fields that an answer has only where `when` holds; a stream has them in its last chunk."""

    when: When
    extra: dict[str, Any]


class ReasoningShown(Fact):
    """How the working is shown when `when` holds."""

    when: When
    shown: Literal["field", "raw", "hidden"]


class Response(Fact):
    """The parts of an answer in which providers of one dialect differ.

    id: form with {hex:N}, {base62:N}, {base32:N} or {uuid}; request_id likewise, for headers and `extra`.
    model: which id the answer names.  draws_seed: a request without a seed gets one, and {seed} names it.
    extra, choice_extra, message_extra: further fields, in which {id}, {request_id}, {seed}, {model}, {finish_reason}
    and forms are filled.  usage: fields beside the three counts; one that names `prompt_tokens` itself is the whole
    usage. Filled: {prompt} {completion} {total} {cached} {missed} {reasoning} {cost_usd} and the seconds {queue_s}
    {prompt_s} {completion_s} {total_s}.  order: names that come first in body, choice and message.
    finish_words: the provider's own words for the dialect's.  model_entry: one model in the list of models.
    reasoning_as: where the working goes: its own field, or a part of a `content` that becomes a list (reasoning_part,
    in which {working} is filled).  reasoning_shown: the first rule that holds says how the working is shown: 'field',
    'raw' (inside <think> tags in the content) or 'hidden'.  logprobs_null: whether a choice without logprobs says so.
    reasoning_extra: further fields beside the reasoning field, {working} filled.  asked_extra: fields that a request
    field asks for.  whole_headers: headers of answers that are not streamed; in all {id}, {prompt}, {cached}, {total_s}
    and {first_token_s}.  model_list: the list of models, {entries} and {count} filled.  Also filled: {host}, who
    answered behind a router, {native_finish_reason}, its word, {prompt_usd}, {completion_usd} and, in `id`, {now}.
    tool_call_id: as `id`, with {number} for the call's index in two digits.  tool_call: a call, in which {id}, {index},
    {name} and {arguments} are filled.  content_beside_calls: what `content` is where the answer has calls and no text.
    finish_named: the finish_reason where the request named the tool to be called.
    """

    id: str
    model: Literal["snapshot", "asked"] = "asked"
    fingerprint: str | None = None
    request_id: str | None = None
    draws_seed: bool = False
    order: dict[Literal["body", "choice", "message"], tuple[str, ...]] = {}
    finish_words: dict[str, str] = {}
    extra: dict[str, Any] = {}
    choice_extra: dict[str, Any] = {}
    message_extra: dict[str, Any] = {}
    logprobs_null: bool = True
    usage: dict[str, Any] = {}
    thinking_usage: dict[str, Any] = {}
    token_ids: bool = False  # whether logprobs name the tokens' numbers too
    reasoning_field: str | None = None
    reasoning_as: Literal["field", "content parts"] = "field"
    reasoning_part: dict[str, Any] = {}
    reasoning_shown: tuple[ReasoningShown, ...] = ()
    reasoning_extra: dict[str, Any] = {}
    asked_extra: tuple[Asked, ...] = ()
    thinking_counted: Names = ()  # families whose answers count thinking even when there was none
    tool_call_id: str = "call_{base62:24}"
    call_extra: dict[str, Any] = {}  # further fields of a tool call
    tool_call: dict[str, Any] = {
        "id": "{id}",
        "type": "function",
        "function": {"name": "{name}", "arguments": "{arguments}"},
    }
    content_beside_calls: Literal["null", "empty", "absent"] = "null"
    finish_named: str = "tool_calls"
    headers: dict[str, str] = {}
    whole_headers: dict[str, str] = {}
    error_headers: dict[str, str] = {}
    content_type: str = "application/json"
    model_list: dict[str, Any] = {"object": "list", "data": "{entries}"}
    model_details: bool = False  # whether an entry of the list has the model's `details` too
    model_entry: dict[str, Any] = {"id": "{id}", "object": "model", "created": "{created}", "owned_by": "{owned_by}"}


class Stream(Fact):
    """The parts of a streamed answer in which providers of one dialect differ.

    chunk_extra: further fields of every chunk, first_chunk_extra and last_chunk_extra of the first and the last; filled
    as the answer's, and {usage} is the whole usage.  choice_extra: further fields of a chunk's choice.
    logprobs_null: whether a choice without logprobs says so.  order: names that come first.  opening: a comment before
    the first chunk, at any pace.  first_delta: of the chunk that opens a choice, null where there is none.
    delta_extra: what every delta has.  padding_from: the characters that the padding is the beginning of.
    reasoning_part: a piece of working where it is a part of the content.
    usage_choice: whether the chunk with usage repeats the closing choice.  usage_chunk_extra: its further fields.
    debug: whether `debug.echo_upstream_body` is answered, with a chunk of its own before the others.
    tool_calls: whether a call's arguments come piece by piece, or the call in one chunk.  tool_call: a call's first
    chunk, by default its index and what `response.tool_call` says.  first_delta_calls: the opening delta of an answer
    that begins with a call, by default first_delta.
    """

    usage_in: Literal["own chunk", "last chunk", "first and last event"]
    usage_when: Literal["asked", "always"]
    usage_null: Literal["always", "when asked", "never"] = "never"
    first_delta: dict[str, Any] | None
    opening_fields: dict[str, Any] = {}  # of a choice's first delta where none opens it
    reasoning_beside: dict[str, Any] = {}  # beside a piece of working
    first_delta_thinking: dict[str, Any] | None = None
    delta_extra: dict[str, Any] = {}
    last_delta: dict[str, Any] = {}
    chunk_extra: dict[str, Any] = {}
    first_chunk_extra: dict[str, Any] = {}
    last_chunk_extra: dict[str, Any] = {}
    choice_extra: dict[str, Any] = {}
    logprobs_null: bool = True
    usage_choice: Literal["none", "repeated"] = "none"
    usage_chunk_extra: dict[str, Any] = {}
    debug: bool = False
    order: dict[Literal["chunk", "choice"], tuple[str, ...]] = {}
    reasoning_part: dict[str, Any] = {}
    tool_calls: Literal["deltas", "whole"] = "deltas"
    tool_call: dict[str, Any] | None = None
    first_delta_calls: dict[str, Any] | None = None
    opening: str | None = None
    padding: str | None = None  # name of a field that holds random padding
    padding_from: str | None = None
    keep_alive: str | None = None
    keep_alive_every_s: float | None = None
    content_type: str = "text/event-stream"


class Tier(Fact):
    """What an account of this tier may send; None is unknown or without a limit of that kind, `note` says which.

    The limits hold for each model, or for all together (`Limits.shared`). input and output tokens: where a provider
    counts them apart.  concurrent_requests: model id -> requests at work at once.
    models: model id -> limits of its own, which replace all of the above.
    """

    requests_per_second: float | None = None
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    concurrent_requests: dict[str, int] = {}
    models: dict[str, Tier] = {}


class Limits(Fact):
    """Rate limits by account tier, and how the provider tells of them.

    default: the tier of the lab's own account, the highest documented unless said.
    shared: one count for the whole account instead of one for each model.
    counts: what a request costs of `tokens_per_...`: its prompt and max_tokens, the larger of both, or what was used.
    refill: 'steady' (a bucket that fills by the second) or 'window' (full again when the minute or day begins).
    headers: on each answer.  limited_headers: on a 429, beside them.  In both `{tokens_per_minute_limit}` and, likewise
    for each limit of Tier, `_remaining`, `_reset` (6m0s), `_reset_s`, `_reset_at` (RFC 3339), `_reset_epoch_ms` are
    filled, `{wait_s}` (whole seconds), `{wait_ms}`, `{cost}` (tokens of this request); a header that names a limit
    which the tier does not have is left out.
    dimensions: limit -> what the refusal's `{dimension}` and `{kind}` say of it ('tokens per min (TPM)', 'tokens').
    credit: an account without money is refused ('positive'), or as soon as the request could cost more ('affordable').
    """

    tiers: dict[str, Tier]
    default: str
    shared: bool = False
    counts: Literal["prompt and max_tokens", "larger of prompt and max_tokens", "usage"] = "usage"
    refill: Literal["steady", "window"] = "steady"
    headers: dict[str, str] = {}
    limited_headers: dict[str, str] = {}
    dimensions: dict[str, tuple[str, str]] = {}
    credit: Literal["positive", "affordable"] = "positive"

    @model_validator(mode="after")
    def _default_is_a_tier(self) -> Limits:
        if self.default not in self.tiers:
            raise ValueError(f"default is {self.default!r}, the tiers are {', '.join(self.tiers)}")
        return self


class ThinkingSwitch(Fact):
    """The request field that turns thinking off and on, and the values that mean off, or on.

    field: a dotted path; of several the first that is given counts.
    """

    field: Names
    off: tuple[Any, ...] = ()
    on: tuple[Any, ...] = ()  # what turns it on in a model that thinks on request


class Routing(Fact):
    """How a router finds a model and its host.

    default_model: what answers where a request names none.  shortcuts: words after a model's colon that choose among
    its hosts only.
    """

    default_model: str
    shortcuts: Names = ()


class MessageRule(Fact):
    """An order of messages that is refused: a message of `roles` that follows one of `after`, comes last, or is there.

    when: the models for which it holds, in a dialect that knows the model by then.
    """

    roles: Names
    after: Names = ()
    last: bool = False
    anywhere: bool = False
    when: When | None = None
    unless: dict[str, Any] = {}  # fields of the message that make it right
    answer: Answer

    def broken(self, role: str, before: str | None, message: Mapping[str, Any], *, last: bool) -> bool:
        """Whether this message breaks the rule."""
        placed = self.anywhere or (before in self.after if self.after else self.last and last)
        return placed and role in self.roles and not any(message.get(k) == v for k, v in self.unless.items())


class Continuing(Fact):
    """How an answer is made to go on from the assistant's own last message.

    field: of that message, and true.  repeated: whether the answer has the message's text in front.
    """

    field: str
    repeated: bool


class ApiVersion(Fact):
    """A version of the API that a caller names in a header. removed: fields that it does not take any more.

    documents_said: whether a document may stand in what the assistant said.  citations_asked: whether a user's text may
    carry citations.
    """

    removed: Names = ()
    documents_said: bool = True
    citations_asked: bool = True


class Provider(Fact):
    """Everything known of one provider as of a moment. `null` means unknown wherever it stands.

    roles: those a message may have, empty for any.  default_tag: what a model's name without a tag means.
    served_context_tokens: how much of a conversation is read, where that is less than the model could; overflow: what
    becomes of a longer one.  native: the provider's own API beside this one.
    """

    id: str
    label: str
    dialect: Literal["openai-chat", "ollama", "anthropic-messages"]
    pace_as_of: str | None = None
    sources: dict[str, Source]
    address: Address
    key: Key
    models: dict[str, ModelFacts]
    parameters: dict[str, Parameter]
    unknown_parameter: Treatment
    thinking_switch: ThinkingSwitch | None = None
    routing: Routing | None = None
    roles: tuple[str, ...] = ("system", "user", "assistant", "tool")
    tool_choices: tuple[str, ...] = ("none", "auto", "required")  # its words for tool_choice
    arguments: Names = ("string",)  # JSON types of a call's arguments in a message
    default_tag: str | None = None
    served_context_tokens: int | None = None
    overflow: Literal["refused", "cut"] = "refused"
    native: Native | None = None
    message_fields: dict[str, Names] = {}  # role -> fields its messages may have; a role not named may have any
    unknown_message_field: Treatment | None = None
    message_rules: tuple[MessageRule, ...] = ()
    continuing: Continuing | None = None
    errors: dict[str, Answer]
    versions: dict[str, ApiVersion] = {}
    response: Response
    stream: Stream
    speed: Speed | None = None
    limits: Limits | None = None
    moment: datetime
    raw: dict[str, Any] = Field(repr=False)

    @model_validator(mode="before")
    @classmethod
    def _name_models(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("models"), dict):
            data = {
                **data,
                "models": {k: {"id": k, **v} if isinstance(v, dict) else v for k, v in data["models"].items()},
            }
        return data

    def alive(self, now: datetime | None = None) -> dict[str, ModelFacts]:
        """The models that can be called at `now` (the facts' moment unless given), in the file's order."""
        return {k: m for k, m in self.models.items() if m.alive(now or self.moment)}

    def named(self, name: str, now: datetime | None = None) -> ModelFacts | None:
        """The living model that `name` means, under that name."""
        alive = self.alive(now)
        if name in alive or self.default_tag is None:
            return alive.get(name)
        full = name.lower() if ":" in name else name.lower() + self.default_tag
        return alive[full].model_copy(update={"id": name}) if full in alive else None

    def natively(self) -> Provider:
        """The provider as its own API shows it: that API's fields and refusals in the place of the other's."""
        if self.native is None:
            return self
        own, every = self.native, Treatment.model_validate({"fate": "ignored"})
        shape = {"content_type": own.content_type, "headers": {}, "error_headers": {}}
        return self.model_copy(
            update={
                "parameters": own.parameters,
                "unknown_parameter": every,
                "thinking_switch": ThinkingSwitch.model_validate({"field": "think", "off": own.think_off}),
                "errors": own.errors,
                "response": self.response.model_copy(update=shape),
                "raw": {**self.raw, **self.raw["native"]},
            }
        )

    def face(self, path: str) -> Provider:
        """The provider as a caller of `path` meets it: its own API has other fields and refusals."""
        prefix = urlsplit(self.address.base_url).path.rstrip("/")
        return self if path == prefix or path.startswith(prefix + "/") else self.natively()

    def thinks(self, model: ModelFacts, body: Mapping[str, Any]) -> bool:
        """Whether `model` reasons before it answers this request."""
        if model.thinking in ("never", "always") or self.thinking_switch is None:
            return model.thinking in ("always", "by default")
        values = (field_at(body, path) for path in self.thinking_switch.field)
        value = next((value for value in values if value is not None), None)
        if model.thinking == "on request":
            return value in self.thinking_switch.on
        return value not in self.thinking_switch.off

    def reasoning_shown(self, model: ModelFacts, body: Mapping[str, Any]) -> Literal["field", "raw", "hidden"]:
        """How this request's working is shown."""
        for rule in self.response.reasoning_shown:
            if rule.when.holds(model, thinking=True, body=body):
                return rule.shown
        return "field"

    def model(self, role: str = "chat") -> ModelFacts:
        """The first living model for `role`. Raises FactsError naming the roles there are."""
        living = self.alive().values()
        for model in living:
            if role in model.roles:
                return model
        roles = sorted({r for m in living for r in m.roles})
        raise FactsError(
            f"{self.label} has no model for the role {role!r} on {self.moment:%Y-%m-%d}",
            where=f"configs/providers/{self.id}.yaml",
            right=f"Roles there are: {', '.join(roles)}. {did_you_mean(role, roles)}".strip(),
        )

    def speed_of(self, model: ModelFacts) -> Speed:
        """The model's own speed, else the provider's typical one."""
        speed = model.speed or self.speed
        return speed if speed else Speed.model_validate({"first_token_s": 0.0, "tokens_per_s": 1e9, "invented": True})

    def keys_to(self, path: str) -> tuple[str, ...]:
        """The keys on the way to the fact at `path`. Ids hold dots ('gpt-4.1'), so the longest fitting key is taken.

        Raises FactsError, naming the nearest key, for a path that leads nowhere.
        """
        here: Any = self.raw
        keys: list[str] = []
        rest = path.split(".")
        while rest and isinstance(here, dict):
            for cut in range(len(rest), 0, -1):
                key = ".".join(rest[:cut])
                if key in here:
                    here, rest = here[key], rest[cut:]
                    keys.append(key)
                    break
            else:
                raise FactsError(
                    f"no fact at {path!r}", where=f"configs/providers/{self.id}.yaml", right=did_you_mean(rest[0], here)
                )
        return (*keys, *rest)

    def sources_of(self, path: str) -> tuple[Source, ...]:
        """The sources of the fact at `path` ('parameters.temperature.maximum'), from the nearest level with any."""
        here: Any = self.raw
        found: Any = names(here.get("source")) or ()
        for key in self.keys_to(path):
            here = here.get(key) if isinstance(here, dict) else None
            if isinstance(here, dict) and here.get("source"):
                found = names(here["source"])
        return tuple(self.sources[name] for name in found)

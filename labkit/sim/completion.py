"""The JSON of OpenAI's chat completions: whole answers, chunks, model lists. Pure functions of facts and parts.

What differs between providers of this dialect is read from their facts (`response`, `stream`).
Source: https://github.com/openai/openai-openapi, CreateChatCompletionResponse and CreateChatCompletionStreamResponse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, edge, fill
from labkit.sim.draws import Ids, digest, to_json
from labkit.sim.engine import Part, TokenShare


@dataclass
class Choice:
    """One choice as it grows: its parts put together."""

    working: str = ""
    text: str = ""
    tokens: int = 0
    thinking: int = 0
    finish_reason: str | None = None
    shares: list[TokenShare] = field(default_factory=list)
    working_shares: list[TokenShare] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Take `part` in."""
        self.working += part.working
        self.text += part.text
        self.tokens += part.tokens
        self.thinking += part.thinking
        self.shares += part.shares[part.thinking :]
        self.working_shares += part.shares[: part.thinking]
        self.finish_reason = part.finish_reason or self.finish_reason


class Shape:
    """How one answer of one provider looks.

    asked: the model id of the request.  thinking: whether it reasons first.  logprobs: whether they were asked for.
    """

    def __init__(
        self, provider: Provider, model: ModelFacts, ids: Ids, created: int, *, thinking: bool, logprobs: bool
    ) -> None:
        self.response, self.stream = provider.response, provider.stream
        self.thinking, self.logprobs, self._ids = thinking, logprobs, ids
        self.id = ids.form(self.response.id)
        self.created = created
        self.model = model.snapshot if self.response.model == "snapshot" and model.snapshot else model.id
        self.fingerprint = fingerprint(provider, model)

    def whole(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """The body of a plain answer."""
        body: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
        }
        body["choices"] = [self._choice(index, choice) for index, choice in enumerate(choices)]
        body["usage"] = self.usage(choices, prompt_tokens)
        return {**body, **self.response.extra, **self._fingerprint()}

    def usage(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """Tokens, as this provider reports them. The lab keeps no cache of prompts: nothing is ever read from one."""
        completion, reasoning = sum(c.tokens for c in choices), sum(c.thinking for c in choices)
        extra = {**self.response.usage, **(self.response.thinking_usage if self.thinking else {})}
        counts = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": prompt_tokens + completion,
        }
        filled: dict[str, Any] = fill(extra, {"cached": 0, "missed": prompt_tokens, "reasoning": reasoning})
        order = [
            "prompt_tokens_details",
            "completion_tokens_details",
        ]  # as recorded: details before a provider's own counts
        return {**counts, **{k: filled[k] for k in order if k in filled}, **filled}

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": choice.text}
        if self.thinking and self.response.reasoning_field:
            message[self.response.reasoning_field] = choice.working
        return {
            "index": index,
            "message": {**message, **self.response.message_extra},
            "logprobs": self._logprobs(choice.shares, choice.working_shares),
            "finish_reason": choice.finish_reason,
        }

    # --- streamed -----------------------------------------------------------------------------------------------

    def first_chunk(self, index: int, *, include_usage: bool) -> dict[str, Any]:
        """The chunk that opens a choice: its role, no text."""
        thinking = self.stream.first_delta_thinking if self.thinking else None
        return self._chunk(index, dict(thinking or self.stream.first_delta), include_usage=include_usage)

    def chunk(self, part: Part, *, include_usage: bool) -> list[dict[str, Any]]:
        """The chunks that carry a part's text; none when there is nothing to show."""
        chunks = []
        name = self.response.reasoning_field
        if part.working and name:
            delta = {"content": None, name: part.working} if self._both() else {name: part.working}
            logprobs = self._logprobs((), part.shares[: part.thinking])
            chunks.append(self._chunk(part.choice, delta, logprobs=logprobs, include_usage=include_usage))
        shares = part.shares[part.thinking :]
        if part.text or shares:
            delta = {"content": part.text, **({name: None} if self._both() and name else {})}
            chunks.append(
                self._chunk(part.choice, delta, logprobs=self._logprobs(shares, ()), include_usage=include_usage)
            )
        return chunks

    def last_chunk(self, index: int, finish_reason: str | None, *, include_usage: bool) -> dict[str, Any]:
        """The chunk that closes a choice: why it ended."""
        delta = dict(self.stream.last_delta)
        if delta and self._both() and self.response.reasoning_field:
            delta[self.response.reasoning_field] = None
        return self._chunk(index, delta, finish_reason=finish_reason, include_usage=include_usage)

    def usage_chunk(self, usage: dict[str, Any]) -> dict[str, Any]:
        """A chunk with usage and no choices."""
        return {**self._head(), "choices": [], "usage": usage}

    def event(self, chunk: dict[str, Any], *, padded: bool = True) -> bytes:
        """A chunk as it goes over the wire.

        OpenAI pads: `obfuscation` brings the JSON of every chunk captured in 2026-02 to a length of 1 modulo 16, so
        that the lengths of packets betray little of the text.
        """
        if self.stream.padding and padded:
            bare = len(to_json({**chunk, self.stream.padding: ""}).decode())
            chunk = {
                **chunk,
                self.stream.padding: self._ids.form(f"{{base62:{(1 - bare) % 16}}}") if (1 - bare) % 16 else "",
            }
        return b"data: " + to_json(chunk) + b"\n\n"

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
        include_usage: bool,
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        chunk = {**self._head(), "choices": [choice]}
        null = self.stream.usage_null
        return {**chunk, "usage": None} if null == "always" or (null == "when asked" and include_usage) else chunk

    def _head(self) -> dict[str, Any]:
        head = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return {**head, **self.stream.chunk_extra, **self._fingerprint()}

    def _both(self) -> bool:
        """Whether every delta of a thinking answer has both fields, as its first one has (recorded at DeepSeek)."""
        return self.thinking and self.stream.first_delta_thinking is not None

    def _fingerprint(self) -> dict[str, str]:
        return {"system_fingerprint": self.fingerprint} if self.fingerprint else {}

    def _logprobs(self, shares: Sequence[TokenShare], working: Sequence[TokenShare]) -> dict[str, Any] | None:
        if not self.logprobs:
            return None
        shown: dict[str, Any] = {"content": [share_json(share) for share in shares]}
        if self.thinking and self.response.reasoning_field:
            shown = {
                "content": shown["content"] or None,
                self.response.reasoning_field: [share_json(s) for s in working] or None,
            }
        return shown if self.thinking or "refusal" not in self.response.message_extra else {**shown, "refusal": None}


def share_json(share: TokenShare) -> dict[str, Any]:
    """A token with its log probability, as `logprobs.content` lists them."""
    top = [{"token": token_text(data), "logprob": logprob, "bytes": list(data)} for data, logprob in share.top]
    return {"token": token_text(share.data), "logprob": share.logprob, "bytes": list(share.data), "top_logprobs": top}


def token_text(data: bytes) -> str:
    r"""A token's bytes as text; bytes that are no whole character are written \xe2\x82."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in data)


def fingerprint(provider: Provider, model: ModelFacts) -> str | None:
    """The name of the configuration that answered: one for each model of a provider."""
    form = provider.response.fingerprint
    return Ids(digest("fingerprint", provider.id, model.snapshot or model.id)).form(form) if form else None


def model_list(provider: Provider, models: Sequence[ModelFacts]) -> dict[str, Any]:
    """What GET /models answers."""
    return {"object": "list", "data": [model_entry(provider, model) for model in models]}


def model_entry(provider: Provider, model: ModelFacts) -> dict[str, Any]:
    """One model of the list."""
    values = {"id": model.id, "created": created(model), "owned_by": model.owned_by or provider.id}
    entry: dict[str, Any] = fill(provider.response.model_entry, values)
    return entry


def created(model: ModelFacts) -> int:
    """When the model appeared, in seconds since 1970; midnight UTC of its first known day, 0 when unknown."""
    if model.created is not None or model.born is None:
        return model.created or 0
    return int(edge(model.born).timestamp())

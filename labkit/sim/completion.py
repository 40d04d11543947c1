"""The JSON of OpenAI's chat completions: whole answers, chunks, model lists. Pure functions of facts and parts.

What differs between providers of this dialect is read from their facts (`response`, `stream`).
Source: https://github.com/openai/openai-openapi, CreateChatCompletionResponse and CreateChatCompletionStreamResponse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, PeakPrices, Prices, edge, fill
from labkit.sim.calls import MadeCall
from labkit.sim.draws import Ids, digest, to_json
from labkit.sim.engine import Part, TokenShare
from labkit.sim.openai_calls import CallShape


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
    calls: list[MadeCall] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Take `part` in."""
        self.working += part.working
        self.text += part.text
        self.tokens += part.tokens
        self.thinking += part.thinking
        self.shares += part.shares[part.thinking :]
        self.working_shares += part.shares[: part.thinking]
        self.finish_reason = part.finish_reason or self.finish_reason
        for call in part.calls:
            MadeCall.grow(self.calls, call)


class Shape:
    """How one answer of one provider looks.

    thinking: whether it reasons first.  logprobs: whether they were asked for.  shown: how the working is.
    request_id, seed: what the answer says of them.  prices: those in force, None when unknown.
    named: whether the request named the tool to be called.  host: who answers behind a router.
    body: the request, for what an answer has only when it is asked for.
    """

    def __init__(
        self,
        provider: Provider,
        model: ModelFacts,
        ids: Ids,
        created: int,
        *,
        thinking: bool,
        logprobs: bool,
        shown: Literal["field", "raw", "hidden"] = "field",
        request_id: str | None = None,
        seed: int | None = None,
        prices: Prices | PeakPrices | None = None,
        named: bool = False,
        host: str | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        self.response, self.stream = provider.response, provider.stream
        self.thinking, self.logprobs, self.shown, self._ids = thinking, logprobs, shown, ids
        self.id = ids.form(str(fill(self.response.id, {"now": created})))
        self.created = created
        self.model = model.snapshot if self.response.model == "snapshot" and model.snapshot else model.id
        self.fingerprint = fingerprint(provider, model)
        self._speed, self._prices = provider.speed_of(model), prices
        self._words = {
            "id": self.id,
            "request_id": request_id,
            "seed": seed,
            "model": self.model,
            "provider": provider.label,
            "host": host or next(iter(model.hosts), None),
        }
        self._native_words = model.native_words
        asked = (
            rule for rule in self.response.asked_extra if rule.when.holds(model, thinking=thinking, body=body or {})
        )
        self._asked_extra: dict[str, Any] = {name: value for rule in asked for name, value in rule.extra.items()}
        self._named, self._calls = named, CallShape(self.response, self.stream, ids)
        self._raw_open: set[int] = set()  # choices whose <think> is open
        self._begun = set[int]()  # choices of which something is said

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
        body |= {**self._filled(self.response.extra), **self._fingerprint()}
        body |= self._filled(self._asked_extra, **self.counts(choices, prompt_tokens))
        return ordered(body, self.response.order.get("body", ()))

    def usage(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """Tokens, as this provider reports them. The lab keeps no cache of prompts: nothing is ever read from one."""
        completion = sum(c.tokens for c in choices)
        extra = {**self.response.usage, **(self.response.thinking_usage if self.thinking else {})}
        counts = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": prompt_tokens + completion,
        }
        filled: dict[str, Any] = fill(extra, {**self.counts(choices, prompt_tokens), **self._words})
        if "prompt_tokens" in filled:
            return filled
        order = [
            "prompt_tokens_details",
            "completion_tokens_details",
        ]  # as recorded: details before a provider's own counts
        return {**counts, **{k: filled[k] for k in order if k in filled}, **filled}

    def counts(self, choices: Sequence[Choice], prompt_tokens: int) -> dict[str, Any]:
        """What facts may say of an answer in numbers: tokens, seconds, money."""
        completion, reasoning = sum(c.tokens for c in choices), sum(c.thinking for c in choices)
        values = {"prompt": prompt_tokens, "completion": completion, "total": prompt_tokens + completion}
        values |= {"cached": 0, "missed": prompt_tokens, "reasoning": reasoning}
        return {**values, **self._costs(prompt_tokens, completion)}

    def _costs(self, prompt: int, completion: int) -> dict[str, float | None]:
        """What the answer cost in money and in seconds of the provider's machines, as its facts have them."""
        speed, prices, costs = self._speed, self._prices, dict[str, float]()
        costs["prompt_s"] = prompt / speed.prompt_tokens_per_s if speed.prompt_tokens_per_s else 0.0
        costs["completion_s"] = completion / speed.tokens_per_s
        costs["queue_s"] = max(0.0, speed.first_token_s - costs["prompt_s"])
        costs["total_s"] = costs["prompt_s"] + costs["completion_s"]
        costs |= {
            "first_token_s": speed.first_token_s,
            "elapsed_s": round(speed.first_token_s + costs["completion_s"], 3),
        }
        said: dict[str, float | None] = {name: round(value, 9) for name, value in costs.items()}
        per_mtok = (prices.input_usd_per_mtok, prices.output_usd_per_mtok) if prices else (None, None)
        prompt_usd, completion_usd = (
            None if price is None else count * price / 1_000_000
            for count, price in zip((prompt, completion), per_mtok, strict=True)
        )
        total_usd = None if prompt_usd is None or completion_usd is None else prompt_usd + completion_usd
        money = {"prompt_usd": prompt_usd, "completion_usd": completion_usd, "cost_usd": total_usd}
        return said | {name: None if usd is None else round(float(usd), 12) or 0 for name, usd in money.items()}

    def _filled(self, template: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Further fields of an answer, their words filled and their ids drawn."""
        filled: dict[str, Any] = self._ids.forms(fill(template, {**self._words, **more}))
        return filled

    def _finish(self, reason: str | None) -> str | None:
        if reason == "tool_calls" and self._named:
            reason = self.response.finish_named
        return self.response.finish_words.get(reason, reason) if reason else None

    def _reasons(self, reason: str | None) -> dict[str, str | None]:
        """The words of a choice's further fields: why it ended, and what the host behind a router calls that."""
        return {
            "finish_reason": reason,
            "native_finish_reason": self._native_words.get(reason, reason) if reason else None,
        }

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        content: Any = choice.text
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if self.thinking and self.shown == "raw":
            message["content"] = f"<think>{choice.working}{'</think>' if choice.text else ''}{choice.text}"
        elif self.thinking and self.shown == "field" and self.response.reasoning_as == "content parts":
            text = [{"type": "text", "text": choice.text}] if choice.text else []
            message["content"] = [fill(self.response.reasoning_part, {"working": choice.working}), *text]
        elif self.thinking and self.shown == "field" and self.response.reasoning_field:
            message[self.response.reasoning_field] = choice.working
            message |= fill(self.response.reasoning_extra, {"working": choice.working})
        if choice.calls:
            self._beside_calls(message)
            message["tool_calls"] = self._calls.whole(choice.calls)
        extra = self.response.message_extra
        message |= {name: value for name, value in extra.items() if name not in message}
        shown = {
            "index": index,
            "message": ordered(message, self.response.order.get("message", ())),
            "logprobs": self._logprobs(choice.shares, choice.working_shares),
            "finish_reason": self._finish(choice.finish_reason),
        }
        if shown["logprobs"] is None and not self.response.logprobs_null:
            del shown["logprobs"]
        shown |= self._filled(self.response.choice_extra, **self._reasons(choice.finish_reason))
        return ordered(shown, self.response.order.get("choice", ()))

    def _beside_calls(self, message: dict[str, Any]) -> None:
        """What `content` becomes beside calls, where the answer has no text."""
        if message["content"] == "" and self.response.content_beside_calls == "absent":
            del message["content"]
        elif message["content"] == "" and self.response.content_beside_calls == "null":
            message["content"] = None

    # --- streamed -----------------------------------------------------------------------------------------------

    def first_chunk(self, part: Part, *, include_usage: bool) -> dict[str, Any] | None:
        """The chunk that opens the choice of `part`: its role, no text; None where the first text does."""
        delta, index = self.stream.first_delta, part.choice
        if part.calls and not part.text:
            delta = self.stream.first_delta_calls or delta
        delta = (self.stream.first_delta_thinking or delta) if self.thinking else delta
        if delta is None:
            return None
        chunk = self._chunk(index, dict(delta), include_usage=include_usage)
        return {**chunk, **self._filled(self.stream.first_chunk_extra)}

    def chunk(self, part: Part, *, include_usage: bool) -> list[dict[str, Any]]:
        """The chunks that carry a part's text; none when there is nothing to show."""
        chunks = []
        name = self.response.reasoning_field
        if part.working and self.thinking and (self.shown == "raw" or (self.shown == "field" and self._shows())):
            delta = self._working_delta(part, name)
            logprobs = self._logprobs((), part.shares[: part.thinking])
            chunks.append(self._chunk(part.choice, delta, logprobs=logprobs, include_usage=include_usage))
        shares = part.shares[part.thinking :]
        if part.text or shares:
            closing = "</think>" if part.choice in self._raw_open and part.text else ""
            self._raw_open -= {part.choice} if closing else set()
            delta = {"content": closing + part.text, **({name: None} if self._both() and name else {})}
            chunks.append(
                self._chunk(part.choice, delta, logprobs=self._logprobs(shares, ()), include_usage=include_usage)
            )
        for delta in self._calls.deltas(part):
            chunks.append(self._chunk(part.choice, delta, include_usage=include_usage))
        return chunks

    def last_chunk(self, index: int, finish_reason: str | None, *, include_usage: bool) -> dict[str, Any]:
        """The chunk that closes a choice: why it ended."""
        delta = dict(self.stream.last_delta)
        if delta and self._both() and self.response.reasoning_field:
            delta[self.response.reasoning_field] = None
        return self._chunk(index, delta, finish_reason=finish_reason, include_usage=include_usage)

    def closed(
        self, chunk: dict[str, Any], choices: Sequence[Choice], prompt_tokens: int, *, with_usage: bool
    ) -> dict[str, Any]:
        """The last chunk of all, with what a provider says only there. with_usage: whether its usage is there too."""
        usage = self.usage(choices, prompt_tokens)
        extra = self._filled(self.stream.last_chunk_extra, usage=usage)
        asked = self._filled(self._asked_extra, **self.counts(choices, prompt_tokens))
        return {**chunk, **extra, **({"usage": usage} if with_usage else {}), **asked}

    def _shows(self) -> bool:
        """Whether this provider has a place for the working."""
        return bool(self.response.reasoning_field) or self.response.reasoning_as == "content parts"

    def _working_delta(self, part: Part, name: str | None) -> dict[str, Any]:
        """A piece of the working, where the provider puts it."""
        if self.shown == "raw":
            opening = "" if part.choice in self._raw_open else "<think>"
            self._raw_open.add(part.choice)
            return {"content": opening + part.working}
        if self.response.reasoning_as == "content parts":
            return {"content": [fill(self.stream.reasoning_part, {"working": part.working})]}
        assert name is not None
        delta = {"content": None, name: part.working} if self._both() else {name: part.working}
        delta = {**self.stream.reasoning_beside, **delta}
        extra: dict[str, Any] = fill(self.response.reasoning_extra, {"working": part.working})
        return delta | extra

    def usage_chunk(self, usage: dict[str, Any], closing: dict[str, Any]) -> dict[str, Any]:
        """A chunk with usage. closing: the chunk before it, whose choice it repeats where the provider does so."""
        repeated = self.stream.usage_choice == "repeated"
        extra = self._filled(self.stream.usage_chunk_extra)
        chunk = {**self._head(), **extra, "choices": closing["choices"] if repeated else [], "usage": usage}
        return ordered(chunk, self.stream.order.get("chunk", ()))

    def debug_chunk(self, upstream: Mapping[str, Any]) -> dict[str, Any]:
        """A chunk that shows what a router sent on. upstream: the request as the host had it."""
        chunk = {**self._head(), "choices": [], "debug": {"echo_upstream_body": dict(upstream)}}
        return ordered(chunk, self.stream.order.get("chunk", ()))

    def event(self, chunk: dict[str, Any], *, padded: bool = True) -> bytes:
        """A chunk as it goes over the wire.

        OpenAI pads: `obfuscation` brings the JSON of every chunk captured in 2026-02 to a length of 1 modulo 16, so
        that the lengths of packets betray little of the text.
        """
        if self.stream.padding and self.stream.padding_from:
            if "role" in ((chunk["choices"] or [{}])[0].get("delta") or {}):
                return b"data: " + to_json(chunk) + b"\n\n"
            length = 1 + int(self._ids.form("{hex:4}"), 16) % len(self.stream.padding_from)
            chunk = {**chunk, self.stream.padding: self.stream.padding_from[:length]}
        elif self.stream.padding and padded:
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
        opening = self.stream.opening_fields if index not in self._begun else {}
        self._begun.add(index)
        delta = {**opening, **self.stream.delta_extra, **delta}
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": self._finish(finish_reason)}
        if logprobs is None and not self.stream.logprobs_null:
            del choice["logprobs"]
        choice |= self._filled(self.stream.choice_extra, **self._reasons(finish_reason))
        chunk = {**self._head(), "choices": [ordered(choice, self.stream.order.get("choice", ()))]}
        chunk = ordered(chunk, self.stream.order.get("chunk", ()))
        null = self.stream.usage_null
        return {**chunk, "usage": None} if null == "always" or (null == "when asked" and include_usage) else chunk

    def _head(self) -> dict[str, Any]:
        head = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return {**head, **self._filled(self.stream.chunk_extra), **self._fingerprint()}

    def _both(self) -> bool:
        """Whether every delta of a thinking answer has both fields, as its first one has (recorded at DeepSeek)."""
        return self.thinking and self.stream.first_delta_thinking is not None

    def _fingerprint(self) -> dict[str, str]:
        return {"system_fingerprint": self.fingerprint} if self.fingerprint else {}

    def _logprobs(self, shares: Sequence[TokenShare], working: Sequence[TokenShare]) -> dict[str, Any] | None:
        if not self.logprobs:
            return None
        ids = self.response.token_ids
        shown: dict[str, Any] = {"content": [share_json(share, ids=ids) for share in shares]}
        if self.thinking and self.response.reasoning_field:
            shown = {
                "content": shown["content"] or None,
                self.response.reasoning_field: [share_json(s, ids=ids) for s in working] or None,
            }
        return shown if self.thinking or "refusal" not in self.response.message_extra else {**shown, "refusal": None}


def ordered(fields: dict[str, Any], first: Sequence[str]) -> dict[str, Any]:
    """The same fields with those of `first` before the others.

    >>> ordered({"a": 1, "b": 2, "c": 3}, ["c", "x"])
    {'c': 3, 'a': 1, 'b': 2}
    """
    return {**{name: fields[name] for name in first if name in fields}, **fields} if first else fields


def share_json(share: TokenShare, *, ids: bool = False) -> dict[str, Any]:
    """A token with its log probability, as `logprobs.content` lists them. ids: whether with the tokens' numbers."""
    top = [_share(data, logprob) for data, logprob in share.top]
    if ids:
        top = [{**one, "token_id": id} for one, id in zip(top, share.top_ids, strict=True)]
    number = {"token_id": share.token_id} if ids else {}
    return {**_share(share.data, share.logprob), **number, "top_logprobs": top}


def _share(data: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_text(data), "logprob": logprob, "bytes": list(data)}


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
    entries = [model_entry(provider, model) for model in models]
    listed: dict[str, Any] = fill(provider.response.model_list, {"entries": entries, "count": len(entries)})
    return listed


def model_entry(provider: Provider, model: ModelFacts) -> dict[str, Any]:
    """One model of the list."""
    prices = model.prices
    values = {
        "id": model.id,
        "created": created(model),
        "owned_by": model.owned_by or provider.id,
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "retired": model.retired,
        "thinks": model.thinking != "never",
        "supports": list(model.supports),
        "aliases": [m.id for m in provider.models.values() if m.id != model.id and main(m) == main(model)],
        "input_usd_per_token": per_token(prices.input_usd_per_mtok if prices else None),
        "output_usd_per_token": per_token(prices.output_usd_per_mtok if prices else None),
    }
    entry: dict[str, Any] = fill(provider.response.model_entry, values)
    return {**entry, **(model.details if provider.response.model_details else {})}


def main(model: ModelFacts) -> str:
    """The id of which this one may be an alias."""
    return model.alias_of or model.id


def per_token(usd_per_mtok: Decimal | None) -> str | None:
    """A price per token as catalogues write it: a plain decimal in a string.

    >>> per_token(Decimal("0.15")), per_token(Decimal(3)), per_token(Decimal(0))
    ('0.00000015', '0.000003', '0')
    """
    if usd_per_mtok is None:
        return None
    text = f"{usd_per_mtok / 1_000_000:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def created(model: ModelFacts) -> int:
    """When the model appeared, in seconds since 1970; midnight UTC of its first known day, 0 when unknown."""
    if model.created is not None or model.born is None:
        return model.created or 0
    return int(edge(model.born).timestamp())

"""How each dialect is asked and how its answers are read, as far as a probe must know.

A voice makes the body of a request from a prompt and the fields on trial, and turns a response into a `Heard`: what
was said, thought, called and counted. It reads answers of any provider leniently and judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.wire.sse import sse_events

if TYPE_CHECKING:
    import httpx

    from labkit.facts import Provider


@dataclass(frozen=True)
class Choice:
    """One of an answer's texts. text: without the working.  alternatives: likely tokens named beside each."""

    text: str = ""
    working: str = ""
    calls: int = 0
    logprobs: bool = False
    alternatives: int = 0


@dataclass(frozen=True)
class Heard:
    """One response. choices: empty when it was refused.  reasoning_tokens: as counted by the provider."""

    status: int
    raw: str
    choices: tuple[Choice, ...] = ()
    completion_tokens: int | None = None
    reasoning_tokens: int = 0
    streamed: bool = False
    usage_streamed: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def taken(self) -> bool:
        """Whether the request was answered at all."""
        return self.status < 400

    @property
    def said(self) -> str:
        """Working and text of the first choice."""
        return self.choices[0].working + "\n" + self.choices[0].text if self.choices else ""

    @property
    def text(self) -> str:
        """The text of the first choice, without its working."""
        return self.choices[0].text if self.choices else ""

    @property
    def worked(self) -> bool:
        """Whether the model reasoned before it answered."""
        return self.reasoning_tokens > 0 or any(choice.working.strip() for choice in self.choices)

    @property
    def message(self) -> str:
        """The sentence of a refusal, on one line."""
        return " ".join(_sentence(self.raw).split())[:300]


class OpenAIChat:
    """Chat completions, of whichever provider."""

    limits = ("max_tokens", "max_completion_tokens")

    def __init__(self, provider: Provider) -> None:
        self.path, self.models_path = provider.address.paths["chat"], provider.address.paths["models"]
        self.headers: dict[str, str] = {}

    def body(self, model: str, prompt: str, limit: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """A request. limit: the field that bounds the answer's length."""
        return {"model": model, "messages": [{"role": "user", "content": prompt}], **limit, **fields}

    def credentials(self, key: str) -> tuple[str, str]:
        """The header in which a key is sent."""
        return "authorization", f"Bearer {key}"

    def hear(self, response: httpx.Response) -> Heard:
        """What a response says."""
        raw = response.text
        if response.status_code >= 400:
            return Heard(response.status_code, raw)
        if "event-stream" in response.headers.get("content-type", ""):
            return self._streamed(response)
        answer = _json(raw)
        usage = _map(answer.get("usage"))
        return Heard(
            response.status_code,
            raw,
            tuple(_choice(_map(choice), "message") for choice in answer.get("choices") or ()),
            usage.get("completion_tokens"),
            _map(usage.get("completion_tokens_details")).get("reasoning_tokens") or 0,
            fields=answer,
        )

    def _streamed(self, response: httpx.Response) -> Heard:
        chunks = [_json(e.data) for e in sse_events([response.content]) if e.kind == "data" and e.data != "[DONE]"]
        parts = [_choice(_map(choice), "delta") for chunk in chunks for choice in chunk.get("choices") or ()]
        counts = [_map(chunk.get("usage")) for chunk in chunks if _map(chunk.get("usage")).get("completion_tokens")]
        choice = Choice(
            "".join(part.text for part in parts),
            "".join(part.working for part in parts),
            sum(part.calls for part in parts),
        )
        tokens = counts[-1]["completion_tokens"] if counts else None
        return Heard(200, response.text, (choice,), tokens, streamed=True, usage_streamed=bool(counts))


class AnthropicMessages:
    """Anthropic's messages."""

    limits = ("max_tokens",)

    def __init__(self, provider: Provider) -> None:
        self.path, self.models_path = provider.address.paths["chat"], provider.address.paths["models"]
        self.headers = {"anthropic-version": "2023-06-01"}

    def body(self, model: str, prompt: str, limit: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """A request."""
        return {"model": model, "messages": [{"role": "user", "content": prompt}], **limit, **fields}

    def credentials(self, key: str) -> tuple[str, str]:
        """The header in which a key is sent."""
        return "x-api-key", key

    def hear(self, response: httpx.Response) -> Heard:
        """What a response says."""
        raw = response.text
        if response.status_code >= 400:
            return Heard(response.status_code, raw)
        if "event-stream" in response.headers.get("content-type", ""):
            events = [_json(e.data) for e in sse_events([response.content]) if e.kind == "data"]
            deltas = [_map(event.get("delta")) for event in events]
            text, working = ("".join(str(d.get(name) or "") for d in deltas) for name in ("text", "thinking"))
            return Heard(200, raw, (Choice(text, working),), streamed=True)
        answer = _json(raw)
        blocks = [_map(block) for block in answer.get("content") or ()]
        usage = _map(answer.get("usage"))
        choice = Choice(
            "".join(str(b.get("text") or "") for b in blocks),
            "".join(str(b.get("thinking") or b.get("signature") or "") for b in blocks if b.get("type") == "thinking"),
            sum(b.get("type") == "tool_use" for b in blocks),
        )
        counted = _map(usage.get("output_tokens_details")).get("thinking_tokens") or 0
        return Heard(response.status_code, raw, (choice,), usage.get("output_tokens"), counted, fields=answer)


class OllamaChat:
    """Ollama's own /api/chat, in which most parameters stand inside `options`."""

    limits = ("options.num_predict",)
    path, models_path = "/api/chat", "/api/tags"
    beside = "/v1"
    """The end of the base URL, in whose place its paths stand."""

    def __init__(self, provider: Provider) -> None:
        self.headers: dict[str, str] = {}

    def body(self, model: str, prompt: str, limit: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """A request; a field called `options.top_k` goes inside `options`."""
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": False}
        for name, value in {**limit, **fields}.items():
            outer, dot, inner = name.partition(".")
            if dot:
                body.setdefault(outer, {})[inner] = value
            else:
                body[name] = value
        return body

    def credentials(self, key: str) -> tuple[str, str]:
        """The header in which a key is sent; Ollama wants none."""
        return "authorization", f"Bearer {key}"

    def hear(self, response: httpx.Response) -> Heard:
        """What a response says."""
        raw = response.text
        if response.status_code >= 400:
            return Heard(response.status_code, raw)
        lines = [_json(line) for line in raw.splitlines() if line.strip()]
        messages = [_map(line.get("message")) for line in lines]
        named = [_map(one) for line in lines for one in line.get("logprobs") or ()]
        choice = Choice(
            "".join(str(m.get("content") or "") for m in messages),
            "".join(str(m.get("thinking") or "") for m in messages),
            sum(len(m.get("tool_calls") or ()) for m in messages),
            bool(named),
            max((len(one.get("top_logprobs") or ()) for one in named), default=0),
        )
        last = lines[-1] if lines else {}
        return Heard(200, raw, (choice,), last.get("eval_count"), streamed=len(lines) > 1, fields=last)


Voice = OpenAIChat | AnthropicMessages | OllamaChat


def voice_of(provider: Provider, *, native: bool = False) -> Voice:
    """The voice for a provider. native: its own API, where it has one beside OpenAI's dialect."""
    if native:
        return OllamaChat(provider)
    return AnthropicMessages(provider) if provider.dialect == "anthropic-messages" else OpenAIChat(provider)


def _choice(choice: Mapping[str, Any], key: str) -> Choice:
    message = _map(choice.get(key))
    content, working = message.get("content"), message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(content, list):  # Mistral's parts
        parts = [_map(part) for part in content]
        working = "".join(_deep_text(part.get("thinking")) for part in parts)
        content = "".join(str(part.get("text") or "") for part in parts)
    text = content if isinstance(content, str) else ""
    if "<think>" in text:
        head, _, text = text.partition("</think>")
        working = head.replace("<think>", "")
    tokens = list(_tokens(choice.get("logprobs")))
    return Choice(
        text,
        working if isinstance(working, str) else "",
        len(message.get("tool_calls") or ()),
        bool(tokens),
        max((len(token.get("top_logprobs") or ()) for token in tokens), default=0),
    )


def _tokens(logprobs: Any) -> Iterator[Mapping[str, Any]]:
    for name in ("content", "reasoning_content"):
        yield from (_map(token) for token in _map(logprobs).get(name) or ())


def _deep_text(node: Any) -> str:
    if isinstance(node, list):
        return "".join(_deep_text(part) for part in node)
    return str(_map(node).get("text") or "") if isinstance(node, dict) else str(node or "")


def _sentence(raw: str) -> str:
    """The words of an error body, whatever its skeleton."""
    found: Any = _json(raw)
    error = found.get("error", found.get("message", found.get("detail")))
    inner = error.get("message", error) if isinstance(error, dict) else error
    return inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False) if inner is not None else raw


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

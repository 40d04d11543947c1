"""What a request will cost, said before it is sent: tokens counted with a named tokenizer, and how far off that is.

The lab counts with its own tokenizer. Its local providers count with the same one, so that for them the estimate of a
plain conversation is exact; real providers have other tokenizers. `measured` sets estimates beside the counts that
answers gave, `PUBLISHED` holds a provider's own examples for those who have no key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.cost import shown_usd, tokens_usd
from labkit.lm.chat import chat_ids
from labkit.lm.tokens import Tokenizer

if TYPE_CHECKING:
    from labkit.clock import Clock
    from labkit.facts import ModelFacts

COLUMNS = ("provider", "model", "place", "estimated_tokens", "tokens_in", "off_percent")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    },
}
PUBLISHED_SOURCE = "https://github.com/openai/openai-openapi (2026-05-31)"
PUBLISHED: tuple[tuple[Mapping[str, Any], int], ...] = (
    ({"messages": [{"role": "user", "content": "Hello!"}]}, 9),
    (
        {
            "messages": [
                {"role": "developer", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Hello!"},
            ]
        },
        19,
    ),
    (
        {
            "messages": [{"role": "user", "content": "What is the weather like in Boston today?"}],
            "tools": [WEATHER],
        },
        82,
    ),
)
"""Requests in OpenAI's description of its API, each with the `prompt_tokens` of the answer beside it."""


@dataclass(frozen=True)
class Estimate:
    """What a request to `model` is expected to cost.

    tokenizer: what counted.  prompt_tokens: counted.  completion_tokens: the longest answer that the request allows,
    None when unknown.  input_usd, most_usd: the prompt's cost, and the whole with that longest answer; None: unknown.
    """

    model: str
    tokenizer: str
    prompt_tokens: int
    completion_tokens: int | None
    input_usd: Decimal | None
    most_usd: Decimal | None

    def __str__(self) -> str:
        out = "an answer of unknown length" if self.completion_tokens is None else f"up to {self.completion_tokens:,}"
        return (
            f"{self.model}: about {self.prompt_tokens:,} tokens in ({shown_usd(self.input_usd)}), {out} out: about "
            f"{shown_usd(self.most_usd)} with the longest answer. Counted with {self.tokenizer}."
        )


def estimate(model: ModelFacts, body: Mapping[str, Any], clock: Clock, *, think: bool = False) -> Estimate:
    """The estimate of a request's cost at the price in force. think: whether the model reasons before it answers."""
    prompt = prompt_tokens(body, think=think)
    asked = [value for name in ("max_completion_tokens", "max_tokens") if isinstance(value := body.get(name), int)]
    longest = max(asked, default=model.max_output_tokens or 0) or None
    choices = body.get("n") if isinstance(body.get("n"), int) else 1
    out = None if longest is None else longest * max(1, int(choices or 1))
    return Estimate(
        model.id,
        tokenizer_name(),
        prompt,
        out,
        tokens_usd(model, prompt, 0, clock),
        None if out is None else tokens_usd(model, prompt, out, clock),
    )


def prompt_tokens(body: Mapping[str, Any], *, think: bool = False) -> int:
    """The tokens of a request's messages, system text, tools and schema, by the lab's tokenizer and chat template.

    think: the template opens the working of a model that reasons first.
    """
    tokenizer = _tokenizer()
    messages = [one for one in body.get("messages") or () if isinstance(one, Mapping)]
    if body.get("system"):
        messages.insert(0, {"role": "system", "content": body["system"]})
    turns = [{"role": str(one.get("role") or "user"), "content": text_of(one.get("content"))} for one in messages]
    beside = [body[name] for name in ("tools", "response_format") if body.get(name)]
    return len(chat_ids(tokenizer, turns, think=think)) + sum(len(tokenizer.encode(_compact(one))) for one in beside)


def tokenizer_name() -> str:
    """The tokenizer that counts, as a sentence names it."""
    return f"the lab's tokenizer (byte-level BPE, {_tokenizer().vocab_size:,} entries)"


def off_percent(estimated: int, counted: int) -> float:
    """How far an estimate is above (+) or below (-) what was counted, in percent of the count."""
    return 100 * (estimated - counted) / counted


def published_rows() -> list[dict[str, Any]]:
    """Estimates beside the counts in OpenAI's own examples, by `COLUMNS`."""
    return [
        {
            "provider": "openai",
            "place": "published",
            "estimated_tokens": (guess := prompt_tokens(body)),
            "tokens_in": counted,
            "off_percent": off_percent(guess, counted),
        }
        for body, counted in PUBLISHED
    ]


def text_of(content: Any) -> str:
    """The text of a message's content, whatever its form."""
    if isinstance(content, str):
        return content
    if isinstance(content, Iterable) and not isinstance(content, Mapping):
        return "\n".join(text_of(part) for part in content)
    if isinstance(content, Mapping):
        return str(content.get("text") or content.get("content") or "")
    return ""


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    from labkit.lm import weights_folder

    return Tokenizer.from_file(Path(weights_folder()) / "lab-chat" / "tokenizer.json")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

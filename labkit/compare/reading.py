"""What one exchange tells: when tokens came, how fast, what was said, what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx

from labkit.cost import Counts, counts_of
from labkit.probe.voices import Heard, voice_of
from labkit.wire import timed_events

if TYPE_CHECKING:
    from labkit.facts import Provider
    from labkit.wire import Exchange

SAID = ("content", "reasoning_content", "reasoning", "tool_calls", "text", "thinking", "partial_json")
FEWEST = 5  # tokens after the first that a rate is measured by: fewer may have come in one packet
_LATE = re.compile(rb"^: x-lab-late-ms=(\d+)", re.MULTILINE)


def heard(exchange: Exchange, provider: Provider) -> Heard:
    """The answer as the provider's dialect says it. The exchange must have a response."""
    answer = exchange.response
    assert answer is not None
    headers = {"content-type": answer.headers.get("content-type")}
    response = httpx.Response(answer.status, headers=headers, content=answer.body or b"")
    return voice_of(provider).hear(response)


def arrivals_s(exchange: Exchange) -> tuple[float, ...]:
    """When each event that says something had come, in seconds since the call began; empty for a whole answer."""
    if exchange.response is None or not exchange.response.is_stream:
        return ()
    return tuple(t_s for t_s, event in timed_events(exchange.chunks) if event.kind == "data" and _says(event.data))


def tokens_per_s(exchange: Exchange, counts: Counts, came_s: tuple[float, ...], *, working_shown: bool) -> float | None:
    """Tokens a second after the first one; None for a whole answer, and for one too short to tell.

    working_shown: whether the reasoning was streamed; where it was not, its tokens came before the first piece.
    """
    if counts.completion is None or len(came_s) < 2 or came_s[-1] <= came_s[0]:
        return None
    hidden = 0 if working_shown else counts.reasoning or 0
    after_first = counts.completion - hidden - 1
    return after_first / (came_s[-1] - came_s[0]) if after_first >= FEWEST else None


def late_ms(exchange: Exchange) -> int | None:
    """By how much a local answer fell behind its pace, 0 for none; None for what is not the lab's."""
    if exchange.response is None or not exchange.lab_model:
        return None
    found = _LATE.search(exchange.response.body or b"")
    said = found[1].decode() if found else exchange.response.headers.get("x-lab-late-ms", "0")
    return int(said) if said.isdigit() else 0


def failure(exchange: Exchange | None, problem: str, said: Heard | None) -> str | None:
    """What went wrong, in a sentence; None when nothing did."""
    if exchange is None:
        return problem
    if exchange.error is not None:
        return str(exchange.error)
    if said is not None and not said.taken:
        return said.message
    if exchange.state == "cut":
        return "the answer was cut off"
    return _error_in(exchange)


def usage_counts(exchange: Exchange) -> Counts:
    """The tokens that the answer counted."""
    return counts_of(exchange.usage)


def _error_in(exchange: Exchange) -> str | None:
    """An error that came in the middle of a stream."""
    if (
        exchange.response is None
        or not exchange.response.is_stream
        or b'"error"' not in (exchange.response.body or b"")
    ):
        return None
    for _, event in timed_events(exchange.chunks):
        data = _json(event.data)
        if data.get("error"):
            error = data["error"]
            return f"in the stream: {error.get('message', error) if isinstance(error, Mapping) else error}"
    return None


def _says(data: str) -> bool:
    found = _json(data)
    deltas = [choice.get("delta") for choice in found.get("choices") or () if isinstance(choice, Mapping)]
    deltas += [found["delta"]] if found.get("type") == "content_block_delta" else []
    return any(delta.get(name) for delta in deltas if isinstance(delta, Mapping) for name in SAID)


def _json(data: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

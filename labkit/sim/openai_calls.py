"""Tool calls as OpenAI's dialect writes them: whole in a message, in pieces or whole in the chunks of a stream.

What differs between providers is read from their facts (`response.tool_call`, `stream.tool_calls` and their like).
Source: https://github.com/openai/openai-openapi, ChatCompletionMessageToolCallChunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.facts.provider import Response, Stream
from labkit.facts.schema import fill
from labkit.sim.calls import MadeCall
from labkit.sim.draws import Ids
from labkit.sim.engine import Part


class CallShape:
    """How one answer's calls look. Its ids are drawn as the calls come."""

    def __init__(self, response: Response, stream: Stream, ids: Ids) -> None:
        self._response, self._stream, self._ids = response, stream, ids
        self._held: dict[int, list[MadeCall]] = {}  # choice -> its calls, where a chunk has a whole one

    def whole(self, calls: Sequence[MadeCall]) -> list[dict[str, Any]]:
        """The calls of a message."""
        return [self._filled(self._response.tool_call, index, call) for index, call in enumerate(calls)]

    def deltas(self, part: Part) -> list[dict[str, Any]]:
        """The deltas that carry a part's pieces of calls; none when there is nothing to show."""
        if self._stream.tool_calls == "whole":
            return self._whole_deltas(part)
        deltas = []
        for piece in part.calls:
            if piece.name:
                deltas.append(self._opening(piece.index, MadeCall(piece.name)))
            if piece.arguments:
                deltas.append({"index": piece.index, "function": {"arguments": piece.arguments}})
        return [{"tool_calls": [delta]} for delta in deltas]

    def _whole_deltas(self, part: Part) -> list[dict[str, Any]]:
        calls, deltas = self._held.setdefault(part.choice, []), []
        for piece in part.calls:
            MadeCall.grow(calls, piece)
            if piece.closed:
                deltas.append(self._opening(piece.index, calls[piece.index]))
        if part.finish_reason and calls and not calls[-1].closed:  # cut short: what there is
            deltas.append(self._opening(len(calls) - 1, calls[-1]))
        return [{"tool_calls": [delta]} for delta in deltas]

    def _opening(self, index: int, call: MadeCall) -> dict[str, Any]:
        template = self._stream.tool_call
        return self._filled(
            {"index": "{index}", **self._response.tool_call} if template is None else template, index, call
        )

    def _filled(self, template: dict[str, Any], index: int, call: MadeCall) -> dict[str, Any]:
        id = self._ids.form(str(fill(self._response.tool_call_id, {"number": f"{index:02}"})))
        values = {"id": id, "index": index, "name": call.name, "arguments": call.arguments}
        filled: dict[str, Any] = fill(template, values)
        return filled

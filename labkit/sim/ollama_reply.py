"""An answer of /api/chat or /api/generate on its way to the caller: one JSON object, or one a line as it is said.

Durations are nanoseconds of the provider's timetable: loading, reading the prompt, saying the tokens. They do not
depend on how fast this machine computes; what comes late at a real pace is added to the time of saying.
Source: https://github.com/ollama/ollama/blob/HEAD/api/types.go, ChatResponse, GenerateResponse, Metrics.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.errors import ServerError
from labkit.facts.schema import ModelFacts, Speed
from labkit.sim.call import Call, Reply, lab_headers
from labkit.sim.calls import CallPart
from labkit.sim.completion import share_json
from labkit.sim.draws import to_json
from labkit.sim.engine import Ask, Part, Start, TokenShare
from labkit.sim.ollama_json import instant, nanoseconds
from labkit.sim.ollama_models import native_of
from labkit.sim.pace import Pace
from labkit.sim.workers import Job


@dataclass
class Said:
    """What has been said so far."""

    thinking: str = ""
    text: str = ""
    tokens: int = 0
    finish_reason: str | None = None
    shares: list[TokenShare] = field(default_factory=list)
    made: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Told:
    """An answer whose model has begun to speak. load_s: how long the model took to load.  speed: without loading."""

    call: Call
    model: ModelFacts
    ask: Ask
    kind: Literal["chat", "generate"]
    pace: Pace
    start: Start
    job: Job[Start | Part]
    notes: Sequence[str]
    load_s: float
    speed: Speed

    def __post_init__(self) -> None:
        self.begun, self.said = self.call.world.clock.now(), Said()
        self._open: dict[int, tuple[str, str]] = {}

    async def whole(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer in one piece, when its last token is due."""
        async for part in steps:
            if isinstance(part, Part):
                self._take(part)
        self._need_all()
        await self.pace.until(self.said.tokens)
        self._note_in_record()
        said = self.said
        body = self._line(said.thinking, said.text, said.made, said.shares, last=True)
        headers = {"content-type": self.call.provider.response.content_type}
        return Reply(200, headers, to_json(body), lab_headers(self))

    async def streamed(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer line by line."""
        await self.pace.until(1)
        headers = {"content-type": native_of(self.call.provider).stream_content_type}
        return Reply(200, headers, self._lines(steps), lab_headers(self))

    async def _lines(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[bytes]:
        try:
            async for part in steps:
                if not isinstance(part, Part):
                    continue
                made = self._take(part)
                await self.pace.until(self.said.tokens)
                shares = part.shares if self.ask.logprobs is not None else ()
                if part.working or part.text or made or shares:
                    yield to_json(self._line(part.working, part.text, made, shares)) + b"\n"
            self._need_all()
            self._note_in_record()
            yield to_json(self._line("", "", (), (), last=True)) + b"\n"
        finally:
            self.job.cancel()  # also when nobody listens any more

    def _take(self, part: Part) -> list[dict[str, Any]]:
        """Note a part: the tool calls that it completes."""
        said = self.said
        said.thinking += part.working
        said.text += part.text
        said.tokens += part.tokens
        said.finish_reason = part.finish_reason or said.finish_reason
        said.shares += part.shares
        made = [call for piece in part.calls if (call := self._call(piece))]
        said.made += made
        return made

    def _call(self, piece: CallPart) -> dict[str, Any] | None:
        name, arguments = self._open.get(piece.index, ("", ""))
        name, arguments = name or piece.name, arguments + piece.arguments
        self._open[piece.index] = (name, arguments)
        if not piece.closed:
            return None
        form = self.call.provider.response.tool_call_id
        function = {"index": piece.index, "name": name, "arguments": json.loads(arguments or "{}")}
        return {"id": self.call.ids.form(form), "function": function}

    # --- the JSON -------------------------------------------------------------------------------------------------

    def _line(
        self,
        thinking: str,
        text: str,
        made: Sequence[dict[str, Any]],
        shares: Sequence[TokenShare],
        *,
        last: bool = False,
    ) -> dict[str, Any]:
        """One object of the answer: in a stream what is new, else all. last: whether it closes the answer."""
        head: dict[str, Any] = {"model": self.model.id, "created_at": instant(self.begun, self._due_s())}
        if self.kind == "chat":
            message: dict[str, Any] = {"role": "assistant", "content": text}
            message |= {"thinking": thinking} if thinking else {}
            head["message"] = message | ({"tool_calls": list(made)} if made else {})
        else:
            head["response"] = text
            head |= {"thinking": thinking} if thinking else {}
        head["done"] = last
        logprobs: dict[str, Any] = {}
        if self.ask.logprobs is not None and shares:
            logprobs = {"logprobs": [_share(share) for share in shares]}
        if not last:
            return {**head, **logprobs}
        head["done_reason"] = "length" if self.said.finish_reason == "length" else "stop"
        if self.kind == "generate":
            return {**head, "context": self._context(), **self._metrics(), **logprobs}
        return {**head, **logprobs, **self._metrics()}

    def _metrics(self) -> dict[str, int]:
        saying_s = self.said.tokens / self.speed.tokens_per_s + self.pace.late_s
        return {
            "total_duration": nanoseconds(self.load_s + self.speed.first_token_s + saying_s),
            "load_duration": nanoseconds(self.load_s),
            "prompt_eval_count": self.start.prompt_tokens,
            "prompt_eval_cached_count": 0,
            "prompt_eval_duration": nanoseconds(self.speed.first_token_s),
            "eval_count": self.said.tokens,
            "eval_duration": nanoseconds(saying_s),
        }

    def _due_s(self) -> float:
        return self.pace.due_s(self.said.tokens) + self.pace.late_s

    def _context(self) -> list[int]:
        """The conversation with its answer as tokens of the lab's model, to be sent back with the next prompt."""
        from labkit.lm.chat import chat_ids

        tokenizer = self.call.world.load(self.model.spoken_by).tokenizer
        turns = [{"role": turn.role, "content": turn.content} for turn in self.ask.turns]
        return [*chat_ids(tokenizer, turns), *tokenizer.encode(self.said.text)]

    def _note_in_record(self) -> None:
        record = self.call.record
        record.completion_tokens = self.said.tokens
        record.finish_reasons, record.late_ms = [self.said.finish_reason], self.pace.late_ms

    def _need_all(self) -> None:
        """Half a text must not pass for a whole one: when the model was stopped, the answer fails."""
        if self.said.finish_reason is None:
            raise ServerError("the local server is being stopped")


def _share(share: TokenShare) -> dict[str, Any]:
    shown = share_json(share)
    return shown if shown["top_logprobs"] else {name: value for name, value in shown.items() if name != "top_logprobs"}

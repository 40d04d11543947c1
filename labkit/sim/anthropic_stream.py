"""An Anthropic message on its way to the caller: whole, or event by event, at the provider's pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from labkit.errors import ServerError
from labkit.facts.schema import ModelFacts
from labkit.sim.anthropic_reply import PING, Blocks, Shape
from labkit.sim.call import Call, Reply, lab_headers, provider_headers
from labkit.sim.draws import to_json
from labkit.sim.engine import Part, Start
from labkit.sim.pace import Pace
from labkit.sim.workers import Job


@dataclass
class Answered:
    """A message whose model has begun to speak. silent: it is to say nothing (max_tokens 0: the prompt is read)."""

    call: Call
    model: ModelFacts
    shape: Shape
    blocks: Blocks
    pace: Pace
    start: Start
    job: Job[Start | Part]
    notes: Sequence[str]
    silent: bool = False

    async def whole(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer in one piece, when its last token is due."""
        async for part in self._parts(steps):
            self.blocks.push(part)
        self._need_all()
        await self.pace.until(self.blocks.tokens)
        self._note_in_record()
        headers = {"content-type": self.call.provider.response.content_type, **self._headers()}
        return Reply(200, headers, to_json(self.shape.whole(self.blocks, self.start.prompt_tokens)), lab_headers(self))

    async def streamed(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer event by event."""
        await self.pace.until(1)
        headers = {"content-type": self.call.provider.stream.content_type, "cache-control": "no-cache"}
        return Reply(200, {**headers, **self._headers()}, self._events(steps), lab_headers(self))

    async def _events(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[bytes]:
        shape, blocks = self.shape, self.blocks
        pinged = False
        try:
            yield shape.line(shape.opening(self.start.prompt_tokens))
            async for part in self._parts(steps):
                await self.pace.until(blocks.tokens + part.tokens)
                for event in blocks.push(part):
                    yield shape.line(event)
                    if not pinged:  # recorded after the first block's start
                        yield PING
                        pinged = True
            self._need_all()
            for event in shape.ending(blocks, self.start.prompt_tokens):
                yield shape.line(event)
            self._note_in_record()
            if self.pace.late_ms:  # a comment after the end: readers of the stream never see it
                yield f": x-lab-late-ms={self.pace.late_ms}\n\n".encode()
        finally:
            self.job.cancel()  # also when nobody listens any more

    async def _parts(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[Part]:
        if self.silent:
            self.job.cancel()
            yield Part(0, "", "", 0, 0, (), "length")
            return
        async for part in steps:
            if isinstance(part, Part):
                yield part

    def _need_all(self) -> None:
        """Half a text must not pass for a whole one: when the models were stopped, the answer fails."""
        if self.blocks.finish_reason is None:
            raise ServerError("the local server is being stopped")

    def _headers(self) -> dict[str, str]:
        return provider_headers(self.call, self.call.provider.response.headers, compute_s=self.pace.spent_s)

    def _note_in_record(self) -> None:
        record = self.call.record
        record.completion_tokens = self.blocks.tokens
        record.finish_reasons = [self.shape.reason(self.blocks)]
        record.late_ms = self.pace.late_ms

"""A chat that may be answered, on its way to the caller: whole or in chunks, at the provider's pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.errors import ServerError
from labkit.facts.schema import ModelFacts
from labkit.sim.call import Call, Reply, lab_headers, provider_headers
from labkit.sim.completion import Choice, Shape
from labkit.sim.draws import to_json
from labkit.sim.engine import Ask, Part, Start
from labkit.sim.pace import Pace
from labkit.sim.workers import Job


@dataclass
class Answered:
    """A chat whose model has begun to speak."""

    call: Call
    model: ModelFacts
    ask: Ask
    shape: Shape
    pace: Pace
    start: Start
    job: Job[Start | Part]
    notes: Sequence[str]

    async def whole(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer in one piece, when its last token is due."""
        if self._signs_wanted():
            headers = {"content-type": self.call.provider.response.content_type, **self._headers()}
            return Reply(200, headers, self._signs_and_body(steps), lab_headers(self))
        choices, body = await self._body(steps)
        headers = {"content-type": self.call.provider.response.content_type, **self._headers(choices)}
        return Reply(200, headers, body, lab_headers(self))

    async def streamed(self, steps: AsyncIterator[Start | Part]) -> Reply:
        """The answer chunk by chunk; its headers early where the provider keeps a waiting line alive."""
        stream = self.call.provider.stream
        if not self._signs_wanted():
            await self.pace.until(1)
        headers = {"content-type": stream.content_type, "cache-control": "no-cache", **self._headers()}
        return Reply(200, headers, self._events(steps), lab_headers(self))

    @property
    def _ahead(self) -> str:
        """What of the request stands at the head of the answer's text, where the provider repeats it."""
        continuing = self.call.provider.continuing
        return self.ask.opening if continuing and continuing.repeated else ""

    async def _body(self, steps: AsyncIterator[Start | Part]) -> tuple[list[Choice], bytes]:
        choices = [Choice(text=self._ahead) for _ in range(self.ask.n)]
        async for part in steps:
            if isinstance(part, Part):
                choices[part.choice].add(part)
        _need_all(choices)
        await self.pace.until(max(choice.tokens for choice in choices))
        self._note_in_record(choices)
        return choices, to_json(self.shape.whole(choices, self.start.prompt_tokens))

    async def _signs_and_body(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[bytes]:
        """Empty lines while the caller waits, then the answer: JSON may begin with white space."""
        try:
            while await self.pace.before_first(self.call.provider.stream.keep_alive_every_s) > 0:
                yield b"\n"
            _, body = await self._body(steps)
            yield body
        finally:
            self.job.cancel()

    def _signs_wanted(self) -> bool:
        """Whether the provider would show that it is alive before the first token is due."""
        stream = self.call.provider.stream
        every_s = stream.keep_alive_every_s
        return self.pace.real and bool(stream.keep_alive and every_s) and self.pace.due_s(1) > (every_s or 0)

    async def _events(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[bytes]:
        try:
            async for event in self._chunks(steps):
                yield event
        finally:
            self.job.cancel()  # also when nobody listens any more

    async def _chunks(self, steps: AsyncIterator[Start | Part]) -> AsyncIterator[bytes]:
        stream, shape, pace = self.call.provider.stream, self.shape, self.pace
        options = self.call.record.params.get("stream_options") or {}
        asked = options.get("include_usage") is True
        usage_wanted, padded = asked or stream.usage_when == "always", options.get("include_obfuscation") is not False
        if stream.opening:
            yield f"{stream.opening}\n\n".encode()
        if stream.keep_alive:
            while await pace.before_first(stream.keep_alive_every_s) > 0:
                yield f"{stream.keep_alive}\n\n".encode()
        await pace.until(1)
        if stream.debug and (self.call.record.params.get("debug") or {}).get("echo_upstream_body"):
            yield shape.event(shape.debug_chunk(self._sent_on()), padded=padded)
        choices, last = [Choice() for _ in range(self.ask.n)], dict[str, Any]()
        opened, open_choices = set[int](), self.ask.n
        async for part in steps:
            if not isinstance(part, Part):
                continue
            choice = choices[part.choice]
            choice.add(part)
            await pace.until(choice.tokens)
            if part.choice not in opened and part.visible:
                opened.add(part.choice)
                if first := shape.first_chunk(part, include_usage=asked):
                    yield shape.event(first, padded=padded)
                ahead = Part(part.choice, "", self._ahead, 0, 0, (), None)
                for chunk in shape.chunk(ahead, include_usage=asked) if self._ahead else ():
                    yield shape.event(chunk, padded=padded)
            for chunk in shape.chunk(part, include_usage=asked):
                yield shape.event(chunk, padded=padded)
            if part.finish_reason:
                open_choices -= 1
                last = shape.last_chunk(part.choice, part.finish_reason, include_usage=asked)
                if not open_choices:
                    with_usage = usage_wanted and stream.usage_in == "last chunk"
                    last = shape.closed(last, choices, self.start.prompt_tokens, with_usage=with_usage)
                yield shape.event(last, padded=padded)
        _need_all(choices)
        if usage_wanted and stream.usage_in == "own chunk":
            usage = shape.usage(choices, self.start.prompt_tokens)
            yield shape.event(shape.usage_chunk(usage, last), padded=padded)
        self._note_in_record(choices)
        late = f": x-lab-late-ms={pace.late_ms}\n\n" if pace.late_ms else ""
        yield f"data: [DONE]\n\n{late}".encode()  # a comment after the end: readers of the stream never see it

    def _sent_on(self) -> dict[str, Any]:
        """The request as a router hands it to the host: without what is the router's own or has no effect."""
        own = ("debug", "provider", "models", "stream_options")
        params = {name: value for name, value in self.call.record.params.items() if name not in own}
        messages = (self.call.record.body or {}).get("messages")
        return {"model": self.model.id.partition("/")[2] or self.model.id, "messages": messages, **params}

    def _headers(self, choices: Sequence[Choice] = ()) -> dict[str, str]:
        """The provider's headers. choices: those of a whole answer, of which some say more."""
        response = self.call.provider.response
        words = {"id": self.shape.id, **self.shape.counts(choices, self.start.prompt_tokens)}
        forms = {**response.headers, **(response.whole_headers if choices else {})}
        return provider_headers(self.call, forms, compute_s=self.pace.spent_s, **words)

    def _note_in_record(self, choices: list[Choice]) -> None:
        record = self.call.record
        record.completion_tokens = sum(choice.tokens for choice in choices)
        record.finish_reasons = [choice.finish_reason for choice in choices]
        record.late_ms = self.pace.late_ms


def _need_all(choices: Sequence[Choice]) -> None:
    """Half a text must not pass for a whole one: when the models were stopped, the answer fails."""
    if any(choice.finish_reason is None for choice in choices):
        raise ServerError("the local server is being stopped")

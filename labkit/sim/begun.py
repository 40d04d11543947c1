"""The model at work on a request, from its prompt on: what every dialect does between checking and answering."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from labkit.facts.schema import ModelFacts
from labkit.sim.call import Call
from labkit.sim.calls import Impossible
from labkit.sim.engine import Ask, Part, Start, TooLong, speak
from labkit.sim.workers import Job

Steps = AsyncIterator[Start | Part]


@asynccontextmanager
async def begun(
    call: Call, model: ModelFacts, ask: Ask, refusal: Callable[[TooLong | Impossible], Exception]
) -> AsyncIterator[tuple[Job[Start | Part], Steps, Start]]:
    """The running job, its steps, and its Start, once the prompt is read and counted in the record.

    refusal: in the provider's words, what is raised for a prompt that does not fit or a form that cannot be met.
    Whatever is raised inside the block stops the model.
    """
    world = call.world
    speech = speak(lambda: world.load(model.spoken_by), ask)
    job = world.workers.submit(world.said.told(model.spoken_by, ask, speech) if world.said else speech)
    try:
        steps = aiter(job)
        try:
            start = await anext(steps)
        except (TooLong, Impossible) as error:
            raise refusal(error) from None
        assert isinstance(start, Start)
        call.record.prompt_tokens = start.prompt_tokens
        yield job, steps, start
    except BaseException:
        job.cancel()
        raise

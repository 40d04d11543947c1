"""A provider's own API beside the one that speaks OpenAI's dialect, at the same host: Ollama's /api.

Its fields, options, refusals and habits; models, addresses and prices are the provider's.
"""

from __future__ import annotations

from pydantic import Field

from labkit.facts.schema import Answer, Fact, Parameter


class Native(Fact):
    """What the provider's own API takes and says.

    version: what it says of itself.  parameters: fields of a request; options: those inside its `options`.
    think_off: the values of `think` that turn thinking off.  errors: as the provider's, in this API's words.
    keep_alive_s: how long a model stays loaded after its last answer.  load_s, loaded_s: seconds until a model can
    answer, read from the disk and already loaded.
    """

    version: str
    parameters: dict[str, Parameter]
    options: dict[str, Parameter]
    think_off: tuple[bool | str, ...] = (False,)
    errors: dict[str, Answer]
    content_type: str = "application/json"
    stream_content_type: str = "application/x-ndjson"
    keep_alive_s: float = Field(ge=0)
    load_s: float = Field(ge=0)
    loaded_s: float = Field(ge=0)

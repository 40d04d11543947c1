"""One request as the dialects see it, and the reply they give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from labkit.facts.provider import Provider
from labkit.facts.schema import Answer, fill
from labkit.sim.draws import Ids, to_json
from labkit.sim.records import Record
from labkit.sim.world import World

if TYPE_CHECKING:
    from labkit.facts.schema import ModelFacts
    from labkit.sim.engine import Start
    from labkit.sim.limits import Admission
    from labkit.sim.pace import Pace


@dataclass
class Call:
    """A request to one provider. path: below its mount, as the provider sees it.  headers: names in lower case.

    admission: what the account says of it, once it was counted.
    """

    world: World
    provider: Provider
    record: Record
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    ids: Ids
    request_id: str | None = None
    query: str = ""
    admission: Admission | None = None

    def own_id(self) -> str | None:
        """The id by which the provider names this request, drawn when it is first asked for; None if it names none."""
        form = self.provider.response.request_id
        if form and self.request_id is None:
            self.request_id = self.ids.form(form)
        return self.request_id


@dataclass
class Reply:
    """What goes back.

    headers: the provider's, names in lower case.  body: bytes, or an iterator of bytes that is sent as it comes.
    lab: the lab's own headers.
    """

    status: int
    headers: dict[str, str]
    body: bytes | AsyncIterator[bytes]
    lab: dict[str, str] = field(default_factory=dict)


def refusal(call: Call, answer: Answer) -> Reply:
    """An error as the provider sends it."""
    response = call.provider.response
    if answer.text is None:
        body, content_type = to_json(named(call, answer.body)), response.content_type
    else:
        body, content_type = answer.text.encode(), "text/plain; charset=utf-8"
    headers = {"content-type": content_type, **provider_headers(call, response.error_headers)}
    for name, value in answer.headers.items():
        headers.pop(name.lower(), None)
        if value is not None:
            headers[name.lower()] = str(fill(value, {}))
    return Reply(answer.status, headers, body)


def named(call: Call, body: Any) -> Any:
    """An error's body with the request's id where the facts have `request_id: "{request_id}"`."""
    if isinstance(body, dict) and body.get("request_id") == "{request_id}":
        return {**body, "request_id": call.own_id()}
    return body


class Answering(Protocol):
    """What every dialect's answer knows of its making."""

    @property
    def model(self) -> ModelFacts: ...
    @property
    def start(self) -> Start: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def pace(self) -> Pace: ...


def lab_headers(answering: Answering) -> dict[str, str]:
    """The lab's own headers: which model spoke, what it could read, what has no effect here, how late it was."""
    start = answering.start
    lab = {"x-lab-model": str(answering.model.spoken_by)}
    if start.read_tokens is not None:
        lab["x-lab-read-tokens"] = f"{start.read_tokens} of {start.prompt_tokens}"
    if answering.notes:
        lab["x-lab-note"] = "; ".join(answering.notes)
    if answering.pace.late_ms:
        lab["x-lab-late-ms"] = str(answering.pace.late_ms)
    return lab


def provider_headers(
    call: Call, forms: Mapping[str, str], *, compute_s: float = 0.0, **words: object
) -> dict[str, str]:
    """The provider's own headers, ids drawn; one with a word that is not known here is left out.

    compute_s: what it says of its computing time.  words: what more its headers may say.
    """
    values = {"ms": round(compute_s * 1000), "request_id": call.own_id(), **words}
    headers = {name.lower(): call.ids.form(str(fill(form, values))) for name, form in forms.items()}
    return {name: text for name, text in headers.items() if "{" not in text}

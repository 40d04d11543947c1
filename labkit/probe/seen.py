"""What a probe saw: values, with no opinion on what should have been seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["refused", "honoured", "ignored", "accepted", "unclear", "not tried"]
"""accepted: taken, and no answer could show whether it has an effect.  unclear: the answers did not decide."""


class NotTried(Exception):
    """A request was not sent; its text says why: the budget, most likely."""


@dataclass(frozen=True)
class Bound:
    """Where refusals begin, on one side: `taken` was accepted, `refused` was not; None where nothing was refused.

    For the length of a list, both are lengths.
    """

    side: Literal["above", "below", "items"]
    taken: float | None
    refused: float | None
    status: int | None = None


@dataclass(frozen=True)
class Finding:
    """One parameter: what became of it.

    fields: what was sent to try it.  status, message: of a refusal.  why: what was seen, in a sentence.
    wrong_type: the status that a value of another type was answered with.
    """

    parameter: str
    verdict: Verdict
    fields: dict[str, Any]
    why: str
    status: int | None = None
    message: str = ""
    bounds: tuple[Bound, ...] = ()
    wrong_type: int | None = None
    wrong_sent: Any = None


@dataclass(frozen=True)
class Refusal:
    """What a provider answered to something that it should refuse: the case, its status and its body's text."""

    case: str
    status: int
    text: str
    why_not: str = ""  # why it could not be tried


@dataclass
class Seen:
    """All that a probe saw of one model.

    body: the fields that every request had beside those tried.  thinks: whether its answers showed working.
    native: through the provider's own API beside OpenAI's dialect.
    models: the ids in the list of models, None where there was none.
    """

    provider: str
    model: str
    body: dict[str, Any]
    native: bool = False
    thinks: bool = False
    findings: list[Finding] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    models: list[str] | None = None
    requests: int = 0
    seconds: float = 0.0

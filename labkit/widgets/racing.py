"""One prompt to several models at once: a thread for each, and what is known of each when it is over.

Targets and requests are those of `labkit.compare`; it sends through `calls.follow`, piece by piece, where `lab.compare`
reads each answer whole. No ipywidgets: the compare board is a shell over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.compare.target import Target, body_of
from labkit.compare.target import target_of as compare_target_of
from labkit.errors import ParameterError, did_you_mean
from labkit.view.html import TONES, Html, badge, escape, join, note, table, visible
from labkit.widgets.beside import Run
from labkit.widgets.calls import Call, follow, place_of
from labkit.wire.log import seconds

if TYPE_CHECKING:
    from labkit.facts import Provider
    from labkit.session import Lab

MOST = 8  # targets at once
TONE = {"complete": "good", "refused": "bad", "failed": "bad", "stopped": "warn"}


def targets(lab: Lab) -> list[Target]:
    """Every provider's living models that have a role, the chat model of each first."""
    found = []
    for name, provider in lab.facts.items():
        models = [m for m in provider.alive(lab.clock.now()).values() if m.roles]
        models.sort(key=lambda m: "chat" not in m.roles)
        found += [Target(name, model.id, f"{name} · {model.id}") for model in models]
    return found


def target_of(lab: Lab, named: str | tuple[str, str] | Target) -> Target:
    """A target from 'provider · model', or in any form that `lab.compare` takes. Raises FactsError, ParameterError."""
    provider, dot, model = named.partition("·") if isinstance(named, str) else ("", "", "")
    found = compare_target_of((provider.strip(), model.strip()) if dot else named, lab.facts)
    known = lab.facts[found.provider]
    if known.named(found.model, lab.clock.now()) is None:
        right = did_you_mean(found.model, known.alive())
        raise ParameterError(f"{known.label} has no living model {found.model!r}", where="targets", right=right)
    return replace(found, label=f"{found.provider} · {found.model}")


class Race:
    """The calls of one prompt, in the order of the targets. `go` sends them at once and returns when all are over."""

    def __init__(self, lab: Lab, chosen: Sequence[Target], prompt: str, max_tokens: int) -> None:
        """Raises ParameterError for no target, or more than eight."""
        if not 1 <= len(chosen) <= MOST:
            raise ParameterError(f"{len(chosen)} targets", where="targets", right=f"Choose from 1 to {MOST}")
        self.lab, self.prompt = lab, prompt
        self.calls = [Call(*self._asked(one, max_tokens), place_of(lab, one.provider), lab.pace) for one in chosen]

    def _asked(self, one: Target, max_tokens: int) -> tuple[Provider, dict[str, Any]]:
        known = self.lab.facts[one.provider]
        return known, body_of(one, known, self.prompt, {}, max_tokens=max_tokens, stream=True)

    def plan(self) -> str:
        """What its live calls will cost, and at most; '' where all are local."""
        return self.lab.plan((call.provider.id, call.body, 1) for call in self.calls)

    def go(self, run: Run, tell: Callable[[], None], timeout_s: float = 60.0) -> None:
        """Send all, a thread each. run: its being stopped stops them all."""

        def follower(call: Call) -> Callable[[Run], None]:
            def work(one: Run) -> None:
                follow(self.lab, call, tell=tell, run=one, timeout_s=timeout_s)

            return work

        runs = [Run(follower(call), tell) for call in self.calls]
        for each in runs:
            each.start()
        run.on_stop(lambda: self._stop(runs))
        for each in runs:
            each.wait(timeout_s * 4)

    def _stop(self, runs: Sequence[Run]) -> None:
        for each, call in zip(runs, self.calls, strict=True):
            if not call.over:
                each.stop()
                call.stopped()

    def numbers(self) -> list[dict[str, Any]]:
        """For each target what does not depend on the machine's speed: status, tokens, cost, pace."""
        return [
            {
                "target": f"{call.provider.id} · {call.model}",
                "status": call.status,
                "tokens_in": call.tokens[0],
                "tokens_out": call.tokens[1],
                "cost": call.cost(self.lab),
                "pace": dict(call.figures(self.lab)).get("pace", "–"),
            }
            for call in self.calls
        ]

    def __str__(self) -> str:
        lines = [f"prompt: {visible(self.prompt)}"]
        for call, row in zip(self.calls, self.numbers(), strict=True):
            counts = f"{row['tokens_in']} in, {row['tokens_out']} out, {row['cost']}, {row['pace']}"
            lines.append(f"{row['target']}: {call.state} {row['status'] or ''}; {counts}")
            lines.append(f"    {visible(' '.join((call.problem or call.said).split()))[:160]}")
        return "\n".join(lines)

    def cards(self) -> Html:
        """What each has said so far, side by side."""
        return Html(f'<div style="line-height: 1.4">{join([_card(call) for call in self.calls])}</div>')

    def table(self) -> Html:
        """Times, tokens, rate, cost, and the pace at which each call was made."""
        rows: list[list[object]] = []
        for call in self.calls:
            figures = dict(call.figures(self.lab))
            first = call.exchange.timings.first_byte_s if call.exchange else None
            total = call.exchange.timings.total_s if call.exchange else None
            out = call.tokens[1]
            begun = call.first_s() or first
            rate = out / (total - begun) if out and total and begun and total - begun > 0.02 else None
            counted = f"{figures.get('tokens in', '–')} → {figures.get('tokens out', '–')}"
            rows.append([
                join([Html(f"<b>{escape(call.provider.label)}</b> "), call.model, note(figures.get("pace", "–"))]),
                badge(call.status or call.state, TONE.get(call.state, "info")),
                seconds(first) if first is not None else "–", seconds(total) if total is not None else "–",
                counted.replace("not stated", "–"), f"{rate:,.0f}" if rate else "–",
                call.cost(self.lab) if call.over else "–",
            ])  # fmt: skip
        head = ("target, pace", "status", "first byte", "total", "tokens", "tokens/s", "list price")
        return join([
            table(rows, head, numbers=(2, 3, 4, 5, 6)),
            note(
                "Local times are simulated from published speeds at pace 'real', and the lab model's own at 'quick'; "
                "only live ones say something of a provider. Local text is the lab model's."
            ),
        ])  # fmt: skip


def _card(call: Call) -> Html:
    word = TONE.get(call.state, "info")
    side = (
        "display: inline-block; vertical-align: top; width: 23%; min-width: 230px; margin: 4px 1% 4px 0; "
        f"border-top: 4px solid {TONES[word]}; padding: 3px 0 0 0"
    )
    works = call.working.strip()
    said = call.said or ("" if not works else f"(works: {works[-80:]})") or ("…" if not call.over else "")
    text = "white-space: pre-wrap; overflow-wrap: break-word; font-size: 13px; margin-top: 4px"
    problem = note(call.problem) if call.problem else Html()
    name = join([call.provider.label, " ", badge(call.state, word)])
    return Html(
        f'<div style="{side}"><div style="font-weight: bold">{name}</div>{note(call.model)}'
        f'<div style="{text}">{escape(said)}</div>{problem}</div>'
    )

"""A probe as a person or a program reads it: a table of what was seen, and what differs from the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from labkit.probe.battery import text_of
from labkit.probe.compare import Difference
from labkit.probe.seen import Bound, Finding, Seen


@dataclass(frozen=True)
class Report:
    """What was seen, and how it stands to the facts of `day`. place: 'local' or 'live'."""

    seen: Seen
    differences: Sequence[Difference]
    place: str
    day: str

    @property
    def agrees(self) -> bool:
        """Whether nothing contradicts the facts."""
        return all(difference.news for difference in self.differences)

    def __str__(self) -> str:
        seen = self.seen
        head = (
            f"{seen.provider}, {seen.model}, {self.place}, {self.day}: {seen.requests} requests in {seen.seconds:.0f} s"
        )
        with_ = f" · every request with {text_of(seen.body)}" if seen.body else ""
        thinking = " · it reasons first" if seen.thinks else ""
        width = max((len(finding.parameter) for finding in seen.findings), default=0)
        lines = [head + with_ + thinking, ""]
        for one in seen.findings:
            lines.append(f"  {one.parameter:<{width}}  {one.verdict:<9}  {_why(one)}{_bounds(one)}")
        if seen.refusals:
            told = ", ".join(f"{r.case} {r.status or 'not tried'}" for r in seen.refusals)
            lines += ["", f"  Refusals: {told}"]
        against = [d for d in self.differences if not d.news]
        news = [d for d in self.differences if d.news]
        lines += ["", f"Differences from the facts: {len(against) or 'none'}", *(f"  {d}" for d in against)]
        if news:
            lines += ["", f"Not known to the facts: {len(news)}", *(f"  {d.where}: {d.seen}" for d in news)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {
            "provider": self.seen.provider,
            "place": self.place,
            "day": self.day,
            "agrees": self.agrees,
            "seen": asdict(self.seen),
            "differences": [asdict(difference) for difference in self.differences],
        }


def _why(finding: Finding) -> str:
    if finding.verdict == "refused":
        return f"{finding.status}: {finding.message[:90]}"
    return finding.why[:110]


def _bounds(finding: Finding) -> str:
    told = "; ".join(_bound(bound) for bound in finding.bounds if bound.refused is not None)
    return f" · {told}" if told else ""


def _bound(bound: Bound) -> str:
    what = "items up to" if bound.side == "items" else "up to" if bound.side == "above" else "from"
    return f"{what} {bound.taken:g} ({bound.refused:g} is answered with {bound.status})"

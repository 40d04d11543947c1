"""A comparison as tables: every call, a summary with medians and intervals, the streams; as HTML, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.accounts import LOCAL_NOTE
from labkit.compare import reading
from labkit.compare.bootstrap import interval
from labkit.compare.target import Prompt, Target, named

if TYPE_CHECKING:
    from labkit.session import Lab
    from labkit.view.frames import Table
    from labkit.wire import Exchange

COLUMNS = (
    *("target", "place", "repetition", "status", "first_token_s", "total_s", "tokens_per_s", "tokens_in"),
    *("tokens_out", "tokens_reasoning", "tokens_cached", "cost_usd", "text", "failure", "prompt", "provider", "model"),
    *("lab_model", "started_s", "late_ms"),
)
SUMMARY = (
    *("target", "place", "calls", "failed", "first_token_s", "total_s", "tokens_per_s", "tokens_out", "cost_usd"),
    *("first_token_95", "total_95", "tokens_per_s_95", "cost_of_all_usd", "model"),
)
STREAMS = ("target", "repetition", "place", "started_s", "first_token_s", "total_s", "arrivals_s")
BLANK = "–"


class Call(NamedTuple):
    """One call made: prompt and target by number, its place in the order, and what came of it."""

    prompt: int
    target: int
    order: int
    exchange: Exchange | None
    problem: str


class Comparison:
    """What came of `compare`. `table`: a row a call.  `summary()`: a row a target.  `streams()`: when pieces came.

    exchanges: the calls as they went over the wire, in the order of the rows; None where nothing was sent.
    """

    def __init__(
        self, lab: Lab, prompts: Sequence[Prompt], targets: Sequence[Target], calls: Sequence[Call], *, streamed: bool
    ) -> None:
        self._prompts, self._targets, self._streamed = prompts, targets, streamed
        # By when they began, not by who made them: with several workers the same rows come out.
        self._calls = sorted(calls, key=lambda c: (c.prompt, c.target, _began(c), c.order))
        self.exchanges = [call.exchange for call in self._calls]
        starts = [_began(call) for call in self._calls if call.exchange is not None]
        self._first = min(starts, default=0.0)
        numbers: dict[tuple[int, int], int] = {}
        self._rows = []
        for call in self._calls:
            key = (call.prompt, call.target)
            numbers[key] = numbers.get(key, 0) + 1
            self._rows.append(self._row(lab, call, numbers[key]))
        self.note = self._note(lab)

    @cached_property
    def table(self) -> Table:
        """Every call: see `COLUMNS`. A failed one has its sentence in `failure`; what is unknown is None or NaN.

        Times in seconds; started_s counts from the first call.  cost_usd: exact decimals; a local call's is what it
        would cost, in lab tokens.  lab_model: who really spoke, where it was the lab.  late_ms: by how much a local
        answer fell behind the pace of the facts, because this machine was too slow.
        """
        from labkit.view.frames import Table

        return Table.of(self._rows, COLUMNS, note=self.note, blank=BLANK)

    def summary(self) -> Table:
        """A row a target: medians over its answers; `…_95`: bootstrap intervals of the median, from three answers on.

        cost_usd: the median answer's.  cost_of_all_usd: the sum. Failed calls count in `calls` and `failed` alone.
        """
        from labkit.view.frames import Table

        rows = []
        for target in self._targets:
            mine = [row for row in self._rows if row["target"] == target.label]
            good = [row for row in mine if row["failure"] is None]
            figures = {
                name: [row[name] for row in good if row[name] is not None]
                for name in ("first_token_s", "total_s", "tokens_per_s", "tokens_out", "cost_usd")
            }
            rows.append(
                {
                    "target": target.label,
                    "model": target.model,
                    "place": ", ".join(sorted({str(row["place"]) for row in mine if row["place"]})) or None,
                    "calls": len(mine),
                    "failed": len(mine) - len(good),
                    **{name: median(values) if values else None for name, values in figures.items()},
                    "first_token_95": interval(figures["first_token_s"]),
                    "total_95": interval(figures["total_s"]),
                    "tokens_per_s_95": interval(figures["tokens_per_s"], digits=0),
                    "cost_of_all_usd": sum(figures["cost_usd"], Decimal(0)) if figures["cost_usd"] else None,
                }
            )
        for row in rows:
            row["tokens_out"] = None if row["tokens_out"] is None else float(row["tokens_out"])
        return Table.of(rows, SUMMARY, note=self.note, blank=BLANK)

    def streams(self) -> Table:
        """When the pieces of each streamed answer came: arrivals_s, in seconds since its call began."""
        from labkit.view.frames import Table

        return Table.of(self._rows, STREAMS, note=self.note, blank=BLANK)

    @property
    def wall_s(self) -> float:
        """From the first call's beginning to the last one's end."""
        ends = [row["started_s"] + row["total_s"] for row in self._rows if row["total_s"] is not None]
        return max(ends, default=0.0)

    def markdown(self) -> str:
        """The summary in Markdown."""
        return self.summary().markdown()

    def csv(self) -> str:
        """Every call as CSV."""
        return self.table.csv()

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _row(self, lab: Lab, call: Call, number: int) -> dict[str, Any]:
        target = self._targets[call.target]
        row: dict[str, Any] = {
            "target": target.label,
            "provider": target.provider,
            "model": target.model,
            "place": "live" if lab.is_live(target.provider) else "local",
            "prompt": named(self._prompts[call.prompt]),
            "repetition": number,
            "arrivals_s": (),
        }
        exchange = call.exchange
        if exchange is None:
            return {**row, "failure": call.problem}
        said = reading.heard(exchange, lab.facts[target.provider]) if exchange.response is not None else None
        counts, came_s = reading.usage_counts(exchange), reading.arrivals_s(exchange)
        answered = said is not None and said.taken
        shown = said is not None and any(choice.working for choice in said.choices)
        return {
            **row,
            "place": exchange.place,
            "status": exchange.status,
            "first_token_s": came_s[0] if came_s else None,
            "total_s": exchange.timings.total_s,
            "tokens_per_s": reading.tokens_per_s(exchange, counts, came_s, working_shown=shown),
            "tokens_in": counts.prompt,
            "tokens_out": counts.completion,
            "tokens_reasoning": counts.reasoning,
            "tokens_cached": counts.cached,
            "cost_usd": lab.cost_usd(exchange),
            "text": said.text if answered and said is not None else None,
            "failure": reading.failure(exchange, call.problem, said),
            "lab_model": exchange.lab_model or None,
            "started_s": _began(call) - self._first,
            "late_ms": reading.late_ms(exchange),
            "arrivals_s": came_s,
        }

    def _note(self, lab: Lab) -> str:
        rows, notes = self._rows, []
        local = [row for row in rows if row["place"] == "local"]
        if local:
            dates = sorted({lab.facts[row["provider"]].pace_as_of or "unknown date" for row in local})
            pace = f"pace from facts of {dates[0]}" + (f" to {dates[-1]}" if len(dates) > 1 else "")
            if lab.pace == "quick":
                pace += " not kept (quick pace: the times are this machine's)"
            speakers = ", ".join(sorted({str(row["lab_model"]) for row in local if row.get("lab_model")}))
            notes.append(f"Local: {pace}; {LOCAL_NOTE}" + (f"; text by {speakers}" if speakers else ""))
            late = [row["late_ms"] for row in local if row.get("late_ms")]
            if late and lab.pace == "real":
                notes.append(
                    f"{len(late)} of {len(local)} local answers fell behind their pace, by up to {max(late)} ms"
                )
        live = [row for row in rows if row["place"] == "live"]
        if live:
            from datetime import UTC, datetime

            days = {
                f"{datetime.fromtimestamp(call.exchange.started_at, UTC):%Y-%m-%d}"
                for call in self._calls
                if call.exchange is not None and call.exchange.place == "live" and call.exchange.started_at
            }
            spent = sum((row["cost_usd"] for row in live if row.get("cost_usd") is not None), Decimal(0))
            notes.append(f"Live: measured on {', '.join(sorted(days)) or 'no day'}, {spent.normalize():f} USD")
        return ". ".join(notes) + "."


def _began(call: Call) -> float:
    return (call.exchange.started_at or 0.0) if call.exchange is not None else float("inf")

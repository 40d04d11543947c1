"""`diagnose`: why a call failed, or why its answer is not what was wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labkit.diagnosis.codes import CERTAIN, told
from labkit.diagnosis.hints import HINTS
from labkit.diagnosis.reading import Reading, read
from labkit.diagnosis.rules import UNSURE, rules
from labkit.keys import scrub
from labkit.view.html import Html, badge, card, join, marked, note, table, visible

if TYPE_CHECKING:
    from labkit.config import Config
    from labkit.facts import Facts

NAMED = 50  # points from which a cause is named, and not only thought possible
NEAR = 10  # points by which a cause has to lead to be called likely
MOST = 4  # causes shown
SURE = ((90, "very likely", "bad"), (75, "likely", "warn"), (NAMED, "perhaps", "info"), (0, "possible", "plain"))

NEXT = {
    "address": "List the models: GET base + /models, with the same key. It tells address and key from everything else.",
    "smallest": "Send the smallest request there is: model, one short user message, nothing else. If it works, add the "
    "other fields back one by one.",
    "words": "Read the raw answer: print(labkit.show(response, body='all')). An SDK or LibreChat may have thrown the "
    "provider's words away ('no body').",
    "curl": "Send the same with curl: print(labkit.curl(response)). If that works, the difference is in the client.",
    "network": "Open the host alone (curl -v https://HOST/): does the name resolve, does TLS come about, does anything "
    "answer?",
    "again": "Send the same once more. What fails every time is in the request; what fails sometimes is not.",
}


@dataclass(frozen=True)
class Cause:
    """One cause. points: 0-100, how much speaks for it; sure: the same in words.

    evidence: what in this exchange speaks for it.  note: what the exchange and the facts add.
    """

    id: str
    cause: str
    points: int
    evidence: tuple[str, ...]
    note: str
    confirm: str
    fix: str

    @property
    def sure(self) -> str:
        """'very likely', 'likely', 'perhaps' or 'possible'."""
        return next(word for points, word, _ in SURE if self.points >= points)


class Diagnosis:
    """Ranked causes, first the likeliest. `print` it, or let a notebook show it.

    causes: those with evidence; empty when nothing is known or nothing is wrong.  unknown: no cause can be named.
    fine: the answer is a good one, nothing speaks for a fault.  next: what to try when it is unknown.
    """

    def __init__(self, reading: Reading, causes: tuple[Cause, ...]) -> None:
        self.causes = causes
        good = reading.is_answer or (reading.readable and reading.status is not None and 200 <= reading.status < 300)
        self.fine = not causes and good
        self.unknown = not self.fine and (not causes or causes[0].points < NAMED)
        self.next = _experiments(reading) if self.unknown else ()
        self._what = _headline(reading)

    @property
    def first(self) -> Cause | None:
        """The likeliest cause, or None when none can be named."""
        return None if self.unknown or not self.causes else self.causes[0]

    def __str__(self) -> str:
        return scrub(visible("\n".join(self._lines())))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return scrub("".join(self._cards()))

    def _lines(self) -> Iterator[str]:
        yield self._what
        if self.fine:
            yield "Nothing is wrong with this exchange that can be seen in it."
        if self.unknown:
            yield "The cause is not known. Three experiments that will tell more:"
            yield from (f"  {number}. {step}" for number, step in enumerate(self.next, 1))
        if self.unknown and self.causes:
            yield "Possible:"
        for number, cause in enumerate(self.causes, 1):
            yield ""
            yield f"{number}. {cause.cause} ({cause.sure}; {cause.id})"
            yield from (f"   seen:    {line}" for line in cause.evidence)
            if cause.note:
                yield f"   note:    {cause.note}"
            if number == 1 or cause.points >= NAMED:
                yield f"   confirm: {cause.confirm}"
                yield f"   fix:     {cause.fix}"

    def _cards(self) -> Iterator[Html]:
        yield note(self._what)
        if self.fine:
            yield card("Nothing is wrong", note("with this exchange that can be seen in it."), "good")
        if self.unknown:
            steps = join([note(f"{number}. {step}") for number, step in enumerate(self.next, 1)])
            yield card("The cause is not known: three experiments", steps, "warn")
        for cause in self.causes:
            tone = next(tone for points, _, tone in SURE if cause.points >= points)
            rows: list[list[object]] = [["seen", line] for line in cause.evidence]
            rows += [["note", cause.note]] if cause.note else []
            rows += [["confirm", marked(cause.confirm)], ["fix", marked(cause.fix)]]
            yield card(join([badge(cause.sure, tone), " ", marked(cause.cause)]), table(rows), tone)


def diagnose(source: Any, *, facts: Facts | None = None, config: Config | None = None) -> Diagnosis:
    """Why the call behind `source` failed: ranked causes with evidence, a way to confirm each, and the fix.

    source: a response or an exception of httpx, httpx2 or an SDK built on them, an exchange of lab.log, or a line
        pasted from a log ('422 status code (no body)').
    facts: what is known of the providers; those of the lab's moment unless given.
    config: the librechat.yaml behind the call, as `labkit.config.read` gives it; the causes then say where in it they
        come from, and which line mends them.
    Raises LabError for something that holds no exchange. Sends nothing.
    """
    reading = read(source)
    if facts is None:
        from labkit import facts as facts_module

        facts = facts_module.load()
    causes = _ranked(reading, facts)
    if config is not None:
        from labkit.diagnosis.of_config import in_file

        said = [scrub(in_file(cause.id, reading, facts, config)) for cause in causes]
        causes = tuple(
            replace(cause, note=f"{cause.note} {more}".strip()) for cause, more in zip(causes, said, strict=True)
        )
    return Diagnosis(reading, causes)


def _ranked(reading: Reading, facts: Facts) -> tuple[Cause, ...]:
    found: list[Cause] = []
    by_code = told(reading)
    for rule in rules():
        points, evidence = by_code.get(rule.id, (0, ""))
        lines = [evidence] if evidence else []
        worth, more = 0, list[str]()
        for clue in rule.clues:
            if clue.points <= worth:
                break
            seen_by = clue.evidence(reading, facts)
            if seen_by is not None and (value := rule.points(clue, reading, facts)) > worth:
                worth, more = value, seen_by
        points, lines = max(points, worth), [*lines, *more]
        if lines or points:
            added = HINTS[rule.hint](reading, facts) if rule.hint else ""
            seen = tuple(scrub(line) for line in lines)
            found.append(Cause(rule.id, rule.cause, points, seen, scrub(added), rule.confirm, rule.fix))
    found.sort(key=lambda cause: -cause.points)
    found = _doubted(found)
    best = found[0].points if found else 0
    return tuple(cause for cause in found[:MOST] if cause.points >= min(best, NAMED) - 10)


def _doubted(found: list[Cause]) -> list[Cause]:
    """The causes, none of them likely any more when one that is not the first one's kind is near it."""
    if not found:
        return found
    general = {rule.id for rule in rules() if rule.general}
    first = found[0]
    rivals = [c for c in found[1:] if c.points > first.points - NEAR and (c.id not in general or first.id in general)]
    doubtful = first.points > UNSURE and first.points < CERTAIN and rivals
    return [replace(cause, points=min(cause.points, UNSURE)) for cause in found] if doubtful else found


def _headline(reading: Reading) -> str:
    exchange = reading.exchange
    if exchange is None:
        return f"A line of a log{f', status {reading.status}' if reading.status else ''}."
    came = f"status {reading.status}" if reading.status is not None else "no answer"
    failed = f", {exchange.error.kind}" if exchange.error else ""
    return f"{exchange.request.method} {exchange.request.url} → {came}{failed}".strip()


def _experiments(reading: Reading) -> tuple[str, str, str]:
    if reading.status is None:
        order = ("network", "again", "curl")
    elif reading.status >= 500:
        order = ("again", "smallest", "words")
    elif not reading.says.strip():
        order = ("words", "smallest", "address")
    else:
        order = ("smallest", "address", "curl")
    return NEXT[order[0]], NEXT[order[1]], NEXT[order[2]]

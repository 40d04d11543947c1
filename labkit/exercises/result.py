"""What became of an answer, as text and as HTML with the same content: `print` shows the one, a notebook the other."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.keys import scrub
from labkit.view import html

Outcome = Literal["passed", "missed", "raised", "not attempted"]
TONES = {"passed": "good", "missed": "bad", "raised": "warn", "not attempted": "plain"}
SHOWN_CHARACTERS = 2000
FIRST_LINES, LAST_LINES = 8, 4  # of a long exchange
TELLING = ("KeyError", "TypeError", "NameError", "AttributeError")  # errors whose words say what was done
Mark = tuple[str, str, str, str]


@dataclass(frozen=True)
class Seen:
    """One case: how the answer did in it. size: how much was given to it, for the smallest to be shown first."""

    says: str
    outcome: Literal["passed", "missed", "raised"]
    given: str = ""
    expected: str = ""
    got: str = ""
    about: str = ""
    why: str = ""
    line: str = ""
    printed: str = ""
    wire: tuple[str, ...] = ()
    size: int = 0
    bare_sleeps: int = 0
    silent: bool = False
    ended: bool = True

    @property
    def mark(self) -> Mark:
        """What is the same when two answers do the same here. Of an error its kind; its words where they say which."""
        exact = self.outcome != "raised" or self.got.startswith(TELLING)
        return self.says, self.outcome, self.got if exact else self.got.split(":")[0], self.about

    @property
    def exchange(self) -> str:
        """What went over the wire, of a long one its beginning and its end."""
        lines, left_out = list(self.wire), len(self.wire) - FIRST_LINES - LAST_LINES
        if left_out > 1:
            lines[FIRST_LINES:-LAST_LINES] = [f"… {left_out} lines more …"]
        return "\n".join(lines)


@dataclass(frozen=True)
class Result:
    """What `check` returns. outcome: passed, missed, raised or not attempted.

    cases: all that were tried, failing ones first, of these the one with the smallest input.
    message: the words of the misconception that does the same, if one does.  notes: further remarks.
    """

    id: str
    title: str
    outcome: Outcome
    cases: tuple[Seen, ...] = ()
    message: str = ""
    notes: tuple[str, ...] = ()
    untried: int = 0

    @property
    def failing(self) -> Seen | None:
        """The case that is shown."""
        return next((case for case in self.cases if case.outcome != "passed"), None)

    @property
    def printed(self) -> str:
        """What the answer printed in the case that is shown, or in the first."""
        case = self.failing or next(iter(self.cases), None)
        return case.printed if case else ""

    @property
    def _head(self) -> str:
        return f"{self.outcome.capitalize()}: {self.title}"

    def _parts(self) -> list[tuple[str, str]]:
        case = self.failing
        parts: list[tuple[str, str]] = []
        if case:
            parts += [("Tried", case.says), ("Given", case.given)]
        return [(name, text) for name, text in parts if text]

    def _words(self) -> list[str]:
        """Sentences below the comparison."""
        case = self.failing
        said = [self.message or (case.why if case else "")]
        return [text for text in [*said, self._tally(), *self.notes] if text]

    def _tally(self) -> str:
        if not self.cases:
            return ""
        passed = sum(case.outcome == "passed" for case in self.cases)
        if self.outcome == "passed":
            return f"Tried in {_count(len(self.cases), 'way')}: " + "; ".join(case.says for case in self.cases) + "."
        further = [case.says for case in self.cases if case.outcome != "passed"][1:]
        text = f"{passed} of {len(self.cases) + self.untried} cases passed."
        if further:
            text += f" Not passed either: {'; '.join(further)}."
        return text + (f" {_count(self.untried, 'case')} not tried." if self.untried else "")

    def __str__(self) -> str:
        case, lines = self.failing, [self._head]
        lines += [_named(name, text) for name, text in self._parts()]
        if case and case.outcome == "raised":
            lines.append(_named("Raised", case.got))
        elif case and (case.expected or case.got):
            about = f" ({case.about})" if case.about else ""
            lines += [_named(f"Expected{about}", case.expected), _named(f"Got{about}", case.got)]
        if case and case.line:
            lines.append(_named("In your code", case.line))
        if case and case.wire:
            lines.append(_named("On the wire", case.exchange))
        lines += [textwrap.indent(text, "  ") for text in self._words()]
        if self.printed:
            lines.append(_named("Your code printed", self.printed.rstrip("\n")))
        return scrub(html.visible("\n".join(lines)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        case, body = self.failing, ""
        rows: list[list[object]] = [
            [name, _code(text) if name == "Given" else html.marked(text)] for name, text in self._parts()
        ]
        if case and case.outcome == "raised":
            rows.append(["Raised", _code(case.got)])
        if case and case.line:
            rows.append(["In your code", _code(case.line)])
        if case and case.wire:
            rows.append(["On the wire", _code(case.exchange)])
        if rows:
            body += html.table(rows)
        if case and case.outcome == "missed" and (case.expected or case.got):
            about = f": {case.about}" if case.about else ""
            body += html.table([[_code(case.expected), _code(case.got)]], [f"Expected{about}", f"Got{about}"])
        first, *rest = self._words() or [""]
        if first and self.message:
            body += f'<div style="margin: 4px 0; overflow-wrap: break-word">{html.marked(first)}</div>'
        elif first and case and case.why:  # it may quote what an answer said
            body += f'<div style="margin: 4px 0; overflow-wrap: break-word">{html.escape(first)}</div>'
        elif first:
            body += html.note(html.marked(first))
        body += "".join(html.note(html.marked(text)) for text in rest)
        if self.printed:
            body += html.note("Your code printed") + html.folded(self.printed.rstrip("\n"), SHOWN_CHARACTERS)
        return scrub(html.card(self._head, body, TONES[self.outcome]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


@dataclass(frozen=True)
class Words:
    """A piece of the lab's own text with a heading: an exercise's task, a hint, a solution. code: source below it."""

    head: str
    text: str = ""
    code: str = ""
    after: tuple[str, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        parts = [self.head, self.text, textwrap.indent(self.code.strip("\n"), "    "), *self.after]
        return "\n\n".join(part for part in parts if part)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        text = html.Html(f'<div style="{html.WRAP}">{html.marked(self.text)}</div>') if self.text else ""
        code = html.Html(f'<div style="margin: 6px 0">{html.pre(self.code.strip(chr(10)))}</div>') if self.code else ""
        return html.card(self.head, text + code + "".join(html.note(line) for line in self.after), "info")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def _code(text: str) -> html.Html:
    """Text in fixed width for a table's cell; JupyterLab would paint a `pre` there in another colour than its row."""
    return html.Html(f'<div style="{html.MONO}; {html.WRAP}">{html.escape(text)}</div>')


def _named(name: str, text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"  {name}: {first}", *(f"    {line}" for line in rest)])


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"

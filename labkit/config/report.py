"""The findings of a check as a person reads them: text for the terminal, a table for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.config.findings import GRADES, Finding, sentence

if TYPE_CHECKING:
    from labkit.view.html import Html

AMISS = ("schema", "start-up", "dropped", "secret")  # grades with which the file does not do what it says
_TONES = {grade: "bad" if grade in AMISS else "warn" for grade in GRADES}


class Findings(tuple[Finding, ...]):
    """What a check found, in the order of the lines; a tuple that shows itself.

    file: the file's name.  accepted: whether LibreChat starts with it.  profile: the profile's name, with versions.
    """

    file: str
    accepted: bool
    profile: str

    @classmethod
    def of(cls, findings: Iterable[Finding], file: str, profile: str, *, accepted: bool) -> Findings:
        """The findings of one check."""
        found = cls(findings)
        found.file, found.profile, found.accepted = file, profile, accepted
        return found

    def grade(self, word: str) -> tuple[Finding, ...]:
        """Those of one grade: 'schema', 'start-up', 'dropped', 'ignored', 'surprising' or 'secret'."""
        return tuple(finding for finding in self if finding.grade == word)

    @property
    def amiss(self) -> bool:
        """Whether the file does not do what it says: it is refused, an endpoint is dropped, or a key stands in it."""
        return any(finding.grade in AMISS for finding in self)

    @property
    def verdict(self) -> str:
        """Whether LibreChat starts with it, and how much was found."""
        stops = not self.accepted or self.grade("start-up")
        count = f"{len(self)} finding{'' if len(self) == 1 else 's'}" if self else "no findings"
        return f"{self.file}: LibreChat {'does not start with it' if stops else 'accepts it'}; {count}."

    def __str__(self) -> str:
        lines = []
        for finding in self:
            lines.append(f"{finding.place}{f': {finding.path}' if finding.path else ''}")
            lines.append(f"    {finding.grade}: {sentence(finding.what)}")
            lines += [f"    {sentence(finding.right)}"] if finding.right else []
            lines.append("")
        legend = [f"{word} ({len(self.grade(word))}): {told}" for word, told in GRADES.items() if self.grade(word)]
        return "\n".join([*lines, *legend, self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from labkit.view.html import badge, card, join, note, table

        rows = [(finding.line, badge(finding.grade, _TONES[finding.grade]), _told(finding)) for finding in self]
        legend = [note(f"{word}: {told}") for word, told in GRADES.items() if self.grade(word)]
        body = [table(rows, ("line", "grade", "where, what, and what would be right"), numbers=[0])] if rows else []
        tone = "bad" if self.amiss else "warn" if self else "good"
        return card(f"{self.verdict} · {self.profile}", join([*body, *legend]), tone)


def _told(finding: Finding) -> Html:
    from labkit.view.html import Html, join, marked

    sentences = (finding.path, *(marked(sentence(text)) for text in (finding.what, finding.right) if text))
    return join([text for text in sentences if text], Html("<br>"))

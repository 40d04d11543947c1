"""The support matrix: parameter by provider, refused, ignored, honoured or unknown, as probes saw it.

It is made of findings and reads the facts for one thing only, the pages to read on; what the facts claim stays out of
it, so that the matrix is a measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from labkit.errors import FactsError, ParameterError, did_you_mean
from labkit.keys import scrub
from labkit.probe.battery import battery
from labkit.probe.seen import Finding
from labkit.probe.voices import voice_of
from labkit.view import html

if TYPE_CHECKING:
    from labkit.facts import Provider, Source
    from labkit.view.frames import Table

WORDS = {"refused": "refused", "ignored": "ignored", "honoured": "honoured"}  # every other verdict is 'unknown'
TONES = {"honoured": "good", "ignored": "warn", "refused": "bad", "unknown": "plain"}
MEANING = {
    "honoured": "an effect was seen",
    "ignored": "taken, and no effect was seen where one would show",
    "refused": "answered with an error",
    "unknown": "no answer could show an effect, or it was not tried",
}


class Support:
    """What became of each parameter at each provider. Shows as a coloured table; `frame` is the same as a DataFrame.

    frame: a row a parameter, a column a provider.  why: the same with the reason for each.  sources: with the pages of
    the facts about it.
    """

    def __init__(
        self, providers: Sequence[Provider], models: Mapping[str, str], findings: Mapping[str, Mapping[str, Finding]]
    ) -> None:
        """findings: provider id -> parameter -> what was seen."""
        self._providers = providers
        self.parameters = list(dict.fromkeys(name for provider in providers for name in findings[provider.id]))
        self._findings = findings
        told = ", ".join(f"{provider.id} {models[provider.id]}" for provider in providers)
        self.note = f"Measured from answers alone: {told}. Sources are the facts' pages on each parameter."

    def word(self, parameter: str, provider: str) -> str:
        """refused, ignored, honoured or unknown."""
        found = self._findings[provider].get(parameter)
        return WORDS.get(found.verdict, "unknown") if found else "unknown"

    def reason(self, parameter: str, provider: str) -> str:
        """What was seen, in a sentence."""
        found = self._findings[provider].get(parameter)
        if found is None:
            return "this provider's API has no such field, and it was not tried"
        return f"{found.status}: {found.message}" if found.verdict == "refused" and found.status else found.why

    def pages(self, parameter: str, provider: Provider) -> tuple[Source, ...]:
        """The facts' sources on it."""
        for path in (f"parameters.{parameter}", f"parameters.{parameter.split('.')[0]}", "unknown_parameter"):
            try:
                return provider.sources_of(path)
            except FactsError:
                continue
        return ()

    @property
    def frame(self) -> Table:
        """The matrix in words."""
        return self._table(lambda parameter, provider: self.word(parameter, provider.id))

    @property
    def why(self) -> Table:
        """The matrix with what was seen in place of the word."""
        return self._table(lambda parameter, provider: self.reason(parameter, provider.id))

    @property
    def sources(self) -> Table:
        """The matrix with addresses and dates in place of the word."""
        return self._table(
            lambda parameter, provider: "; ".join(
                f"{source.url or source.what} ({source.as_of})" for source in self.pages(parameter, provider)
            )
        )

    def __str__(self) -> str:
        return str(self.frame)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = ["parameter", *(provider.id for provider in self._providers)]
        top = "".join(f'<th style="{_CELL}; font-size: 10px">{html.escape(name)}</th>' for name in head)
        rows = "".join(
            f'<tr style="background: none"><td style="{_CELL}; font: 10px monospace">{html.breaking(name)}</td>'
            f"{''.join(self._cell(name, provider) for provider in self._providers)}</tr>"
            for name in self.parameters
        )
        legend = html.join([_swatch(word, f"{word}: {meaning}") for word, meaning in MEANING.items()])
        table = (
            f'<div style="overflow-x: auto"><table style="border-collapse: collapse; font-size: 11px; margin: 4px 0">'
            f"<thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
        seen = [
            [html.breaking(name), provider.id, self.word(name, provider.id), self.reason(name, provider.id)]
            for name in self.parameters
            for provider in self._providers
        ]
        reasons = html.table(seen, ("parameter", "provider", "so it is", "what was seen"))
        details = html.details("What was seen, cell by cell", reasons)
        return scrub(html.join([legend, html.Html(table), html.note(self.note), details]))

    def _cell(self, parameter: str, provider: Provider) -> str:
        word = self.word(parameter, provider.id)
        pages = [source for source in self.pages(parameter, provider) if source.url and source.url.startswith("http")]
        link = (
            f'<div style="font-size: 10px"><a href="{html.escape(pages[0].url)}" target="_blank" rel="noopener" '
            f'title="{html.escape(pages[0].what)} ({pages[0].as_of})">{pages[0].as_of[:4]}</a></div>'
            if pages
            else ""
        )
        return f'<td style="{_CELL}; {_shade(word)}">{word}{link}</td>'

    def _table(self, say: Callable[[str, Provider], str]) -> Table:
        from labkit.view.frames import Table

        columns = ("parameter", *(provider.id for provider in self._providers))
        rows = [
            {"parameter": name, **{provider.id: say(name, provider) for provider in self._providers}}
            for name in self.parameters
        ]
        return Table.of(rows, columns, note=self.note, blank="unknown")


def check_names(only: Sequence[str], providers: Sequence[Provider]) -> None:
    """Raise ParameterError for a parameter that no provider's probe tries."""
    known = dict.fromkeys(one.parameter for provider in providers for one in battery(voice_of(provider)))
    for name in only:
        if name not in known:
            raise ParameterError(
                f"no probe tries {name!r}",
                where="lab.support: only",
                right=f"There are {', '.join(known)}. {did_you_mean(name, known)}".strip(),
            )


_CELL = "padding: 2px; text-align: left; vertical-align: top"  # eight beside a name, in a window of 1000 pixels


def _shade(word: str) -> str:
    tone = html.TONES[TONES[word]]
    red, green, blue = (int(tone[i : i + 2], 16) for i in (1, 3, 5))
    return f"border: 1px solid {tone}; background-color: rgba({red}, {green}, {blue}, 0.25)"


def _swatch(word: str, text: str) -> html.Html:
    return html.Html(
        f'<span style="display: inline-block; margin: 2px 10px 2px 0; padding: 0 6px; font-size: 12px; {_shade(word)}">'
        f"{html.escape(text)}</span>"
    )

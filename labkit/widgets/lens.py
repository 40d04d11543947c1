"""The token lens: a text as coloured tokens with their ids, their number, price and share of each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from labkit.view.html import Html, join
from labkit.widgets.board import Board, Entry, choose, heading, row, toggle
from labkit.widgets.tokenised import (
    GREETINGS,
    Tokenised,
    charges,
    charges_html,
    languages_html,
    languages_text,
    tokenise,
    tokenizers,
)

if TYPE_CHECKING:
    from labkit.session import Lab

VIEWS = ("price and window", "languages")
SAMPLE = "choose one …"


class TokenLens(Board):
    """Controls over `tokenise`, `charges` and `per_language`; made by `token_lens`.

    From code: `.text` and `.tokenizer` are set; `.view` is the Tokenised, `.numbers()` and `.summary()` say what shows.
    """

    def __init__(self, lab: Lab, text: str, tokenizer: str) -> None:
        super().__init__()
        self.lab = lab
        wide = {"description_width": "initial"}
        self._text = ipywidgets.Textarea(
            text, description="text", rows=4, style=wide, layout={"width": "auto", "flex": "1 1 420px"}
        )
        self._tokenizer = ipywidgets.Dropdown(
            options=tokenizers(), description="tokenizer", style=wide, layout={"width": "250px"}
        )
        choose(self._tokenizer, tokenizer, "tokenizer")
        self._sample = ipywidgets.Dropdown(
            options=[SAMPLE, *GREETINGS], description="sample text", style=wide, layout={"width": "240px"}
        )
        self._ids = ipywidgets.Checkbox(True, description="show ids", indent=False, layout={"width": "120px"})
        self._which, self._views = toggle("below", VIEWS)
        self._tokens, self._below = ipywidgets.HTML(), ipywidgets.HTML()
        for control in (self._text, self._tokenizer, self._ids, self._which):
            self.on(control, self._draw)
        self.on(self._sample, self._sampled)
        self.build(
            row(self._tokenizer, self._sample, self._ids), row(self._text), self.status, self._tokens,
            heading("What that is elsewhere"), self._views, self._below,
        )  # fmt: skip
        self._draw()

    @property
    def view(self) -> Tokenised:
        """The text as tokens."""
        return tokenise(self._text.value, str(self._tokenizer.value))

    text = Entry()
    tokenizer = Entry()

    def numbers(self) -> dict[str, float]:
        """Tokens, characters, bytes, characters to a token."""
        return self.view.numbers()

    def summary(self) -> str:
        view = self.view
        lines = [
            f"{c.provider} {c.model}: {'–' if c.share is None else f'{c.share:.3%}'} of the window, {c.cost}"
            for c in charges(self.lab, len(view.pieces))
        ]
        return "\n".join([str(view), "", *lines, "", languages_text(self.tokenizer)])

    def html(self) -> Html:
        view = self.view
        return join(
            [Html(view._repr_html_()), charges_html(self.lab, len(view.pieces)), languages_html(self.tokenizer)]
        )

    def _sampled(self) -> None:
        if self._sample.value in GREETINGS:
            self._text.value = GREETINGS[self._sample.value]

    def _draw(self) -> None:
        from labkit.view.bars import bars_html

        view = self.view
        self._tokens.value = str(join([bars_html(view.figures(), [], note=None), view.tokens_html(self._ids.value)]))
        if self._which.value == VIEWS[0]:
            self._below.value = str(charges_html(self.lab, len(view.pieces)))
        else:
            self._below.value = str(languages_html(self.tokenizer))


def token_lens(lab: Lab, text: str = GREETINGS["English"], *, tokenizer: str = "lab-chat") -> TokenLens:
    """A text as tokens, counted and priced. Raises ParameterError for a tokenizer that is not there."""
    return TokenLens(lab, text, tokenizer)

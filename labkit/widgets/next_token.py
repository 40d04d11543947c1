"""What a language model expects next, at one temperature: tokens with their probabilities, and how sure it is.

A plain function on stored logits and the table it returns, readable as text and as HTML. It asks no model and needs no
ipywidgets; the temperature slider is a shell over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from labkit.errors import ParameterError
from labkit.lm.sampler import (
    Floats,
    descending,
    effective_choices,
    entropy_bits,
    scale_temperature,
    softmax,
    top_share,
)
from labkit.view.bars import Bar, bars_html, bars_text, percent
from labkit.view.one_line import one_line


class Vocabulary(Protocol):
    """Anything that knows the bytes of each token, such as labkit.lm's Tokenizer."""

    @property
    def vocab_size(self) -> int: ...

    def token_bytes(self, id: int, /) -> bytes: ...


@dataclass(frozen=True)
class Row:
    """One token: its text with nothing invisible, its probability, and that at temperature 1."""

    token_id: int
    token: str
    logit: float
    prob: float
    prob_at_1: float


@dataclass(frozen=True, repr=False)
class NextToken:
    """The distribution of the next token at one temperature.

    rows: the likeliest tokens, by descending logit, so that their order is the same at every temperature.
    others: how many tokens are not in `rows`; others_prob: their probability together.
    entropy_bits, effective_choices, top_share: over the whole vocabulary, as labkit.lm.sampler defines them.
    """

    temperature: float
    rows: tuple[Row, ...]
    others: int
    others_prob: float
    entropy_bits: float
    effective_choices: float
    top_share: float

    def numbers(self) -> dict[str, float]:
        """The temperature and the three figures, to four decimals: the same on every processor."""
        return {
            "temperature": round(self.temperature, 4),
            "entropy_bits": round(self.entropy_bits, 4),
            "effective_choices": round(self.effective_choices, 4),
            "top_share": round(self.top_share, 4),
        }

    def __str__(self) -> str:
        return bars_text(self.figures(), self.bars())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return bars_html(self.figures(), self.bars(), note="The thin line is where the bar ends at temperature 1.")

    def bars(self) -> list[Bar]:
        """A bar for each row and, unless all tokens have one, a fainter one for the others together."""
        bars = [Bar(row.token, row.prob, row.prob_at_1) for row in self.rows]
        if self.others:
            label = f"{self.others:,} other{'s' if self.others > 1 else ''}"
            bars.append(Bar(label, self.others_prob, _rest(row.prob_at_1 for row in self.rows), rest=True))
        return bars

    def figures(self) -> list[tuple[str, str]]:
        """(name, value with its unit) for each number, as shown to a reader."""
        return [
            ("temperature", f"{self.temperature:.2f}"),
            ("entropy", f"{self.entropy_bits:.2f} bits"),
            ("effective choices", f"{self.effective_choices:,.1f}"),
            ("top-1 share", percent(self.top_share)),
        ]


def next_token_view(logits: ArrayLike, tokenizer: Vocabulary, temperature: float = 1.0, top: int = 12) -> NextToken:
    """The `top` likeliest next tokens at `temperature`, with entropy, effective choices and top-1 share.

    logits: (V,) float, the last row of `model.logits(ids)`; -inf for a token that cannot come.
    temperature: 0 or more; 0 gives the likeliest token everything.  top: 1 or more rows.
    Raises ParameterError when the logits are not one row for this tokenizer or hold no finite number.

    >>> class Letters:
    ...     vocab_size = 3
    ...     def token_bytes(self, id): return b"abc"[id:id + 1]
    >>> print(next_token_view(np.log([0.25, 0.5, 0.25]), Letters(), top=2))
    temperature 1.00 · entropy 1.50 bits
    effective choices 2.8 · top-1 share 50.0 %
    <BLANKLINE>
    b         50.0 %  ██████████
    a         25.0 %  █████
    1 other   25.0 %  █████
    """
    values = row_of_logits(logits, tokenizer.vocab_size)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ParameterError(f"{top!r} is no number of rows", where="top", right="Give a whole number, 1 or more")
    probs, at_1 = softmax(scale_temperature(values, temperature)), softmax(values)
    first = [int(id) for id in descending(values)[:top]]
    rows = tuple(
        Row(id, token_text(tokenizer, id), float(values[id]), float(probs[id]), float(at_1[id])) for id in first
    )
    return NextToken(
        temperature=float(temperature),
        rows=rows,
        others=len(values) - len(rows),
        others_prob=_rest(row.prob for row in rows),
        entropy_bits=entropy_bits(probs),
        effective_choices=effective_choices(probs),
        top_share=top_share(probs),
    )


def row_of_logits(logits: ArrayLike, vocab_size: int) -> Floats:
    """A copy of `logits` as (vocab_size,) float64. Raises ParameterError for another shape, NaN, +inf or all -inf."""
    values = np.array(logits, np.float64)
    if values.shape != (vocab_size,):
        raise ParameterError(
            f"they have the shape {values.shape}",
            where="logits",
            right=f"One row is wanted, a number for each of the tokenizer's {vocab_size} tokens",
            do="Take the last position: model.logits(ids)[-1]" if values.ndim == 2 else "",
        )
    if np.isnan(values).any() or not values.max() < np.inf or values.max() == -np.inf:
        raise ParameterError(
            "they hold NaN or +inf, or no token is possible",
            where="logits",
            right="Give finite numbers, -inf for a token left out",
        )
    return values


def token_text(tokenizer: Vocabulary, id: int) -> str:
    """The token as one line of text; bytes that are no whole character show as \\xNN."""
    return one_line(tokenizer.token_bytes(id).decode("utf-8", "backslashreplace"))


def _rest(probs: Iterable[float]) -> float:
    return max(0.0, 1.0 - sum(probs))

"""From logits to the next token, stage by stage: what each stage cuts, and how sure the model is before and after.

A plain function on stored logits and the table that it returns, as text and as HTML. It asks no model and needs no
ipywidgets; the sampling explorer is a shell over it. The stages themselves are `labkit.lm.sampler`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

from numpy.typing import ArrayLike

from labkit.errors import ParameterError
from labkit.lm.sampler import Sampling, descending, effective_choices, entropy_bits, steps, top_share
from labkit.view.bars import Bar, bars_html, bars_text, percent
from labkit.view.html import Html, join, table
from labkit.widgets.next_token import Vocabulary, row_of_logits, token_text


@dataclass(frozen=True)
class Stage:
    """One stage. left: tokens that can still come.  cut: those that this stage took.  cut_share: their probability
    before it.  entropy_bits: of the distribution after it.
    """

    name: str
    left: int
    cut: int
    cut_share: float
    entropy_bits: float


@dataclass(frozen=True)
class Candidate:
    """One token. before: the model's own probability.  after: what it is drawn with.  cut_by: a stage's name, or ''."""

    token_id: int
    token: str
    before: float
    after: float
    cut_by: str


@dataclass(frozen=True, repr=False)
class Sampled:
    """The next token's distribution under one `Sampling`.

    rows: by descending probability of the model's own distribution.  others, others_before, others_after: the tokens
    without a row.  entropy_bits, effective_choices, top_share: (before, after), over the whole vocabulary.
    """

    sampling: Sampling
    rows: tuple[Candidate, ...]
    others: int
    others_before: float
    others_after: float
    stages: tuple[Stage, ...]
    entropy_bits: tuple[float, float]
    effective_choices: tuple[float, float]
    top_share: tuple[float, float]

    def numbers(self) -> dict[str, float]:
        """The figures after all stages, to four decimals, and how many tokens are left: the same on every processor."""
        return {
            "entropy_bits": round(self.entropy_bits[1], 4),
            "effective_choices": round(self.effective_choices[1], 4),
            "top_share": round(self.top_share[1], 4),
            "tokens_left": self.stages[-1].left,
        }

    def __str__(self) -> str:
        lines = [
            f"{'stage':<12} {'left':>6} {'cut':>6} {'cut share':>10} {'entropy':>10}",
            *(
                f"{s.name:<12} {s.left:>6,} {s.cut:>6,} {percent(s.cut_share):>10} {s.entropy_bits:>5.2f} bits"
                for s in self.stages
            ),
        ]
        return f"{bars_text(self.figures(), self.bars())}\n\n{settings(self.sampling)}\n\n" + "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return join([self.bars_html(), self.stages_html()])

    def bars_html(self) -> Html:
        """The tokens with their probabilities after all stages, a line where each was before."""
        note = f"The thin line is the model's own probability, before any of the settings. {settings(self.sampling)}"
        return bars_html(self.figures(), self.bars(), note=note)

    def stages_html(self) -> Html:
        """The stages in their order: what each left over."""
        rows = [
            (s.name, f"{s.left:,}", f"{s.cut:,}" if s.cut else "–", percent(s.cut_share) if s.cut else "–",
             f"{s.entropy_bits:.2f} bits")
            for s in self.stages
        ]  # fmt: skip
        return table(rows, ("stage", "tokens left", "cut here", "with probability", "entropy"), numbers=(1, 2, 3, 4))

    def bars(self) -> list[Bar]:
        """A bar for each row, one more for all others."""
        bars = [
            Bar(row.token, row.after, row.before, word=f"cut by {row.cut_by}" if row.cut_by else "")
            for row in self.rows
        ]
        if self.others:
            label = f"{self.others:,} other{'s' if self.others > 1 else ''}"
            bars.append(Bar(label, self.others_after, self.others_before, rest=True))
        return bars

    def figures(self) -> list[tuple[str, str]]:
        """(name, before → after) for a reader."""
        (e0, e1), (c0, c1), (t0, t1) = self.entropy_bits, self.effective_choices, self.top_share
        return [
            ("entropy", f"{e0:.2f} → {e1:.2f} bits"),
            ("effective choices", f"{c0:,.1f} → {c1:,.1f}"),
            ("top-1 share", f"{percent(t0)} → {percent(t1)}"),
            ("tokens left", f"{self.stages[0].left:,} → {self.stages[-1].left:,}"),
        ]


def sampling_view(
    logits: ArrayLike,
    tokenizer: Vocabulary,
    sampling: Sampling | None = None,
    *,
    counts: ArrayLike | None = None,
    seen: ArrayLike | None = None,
    top: int = 12,
) -> Sampled:
    """What `sampling` makes of these logits, with the tokens that matter before and after.

    logits: (V,) float, -inf for a token that cannot come.  counts, seen: as in `labkit.lm.sampler.apply_penalties`.
    top: 1 or more rows; tokens with a bias, and the likeliest three afterwards, have a row in any case.
    Raises ParameterError for logits that are no row for this tokenizer, and as the stages do.

    >>> import numpy as np
    >>> class Letters:
    ...     vocab_size = 4
    ...     def token_bytes(self, id): return b"abcd"[id:id + 1]
    >>> view = sampling_view(np.log([0.5, 0.25, 0.125, 0.125]), Letters(), Sampling(top_k=2))
    >>> [(row.token, round(row.after, 3), row.cut_by) for row in view.rows]
    [('a', 0.667, ''), ('b', 0.333, ''), ('c', 0.0, 'top_k'), ('d', 0.0, 'top_k')]
    >>> [(s.name, s.left, s.cut) for s in view.stages if s.cut]
    [('top_k', 2, 2)]
    """
    values = row_of_logits(logits, tokenizer.vocab_size)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ParameterError(f"{top!r} is no number of rows", where="top", right="Give a whole number, 1 or more")
    sampling = Sampling() if sampling is None else sampling
    after = steps(values, sampling, counts, seen)
    first, last = after["model"], after["min_p"]
    names = list(after)
    order = descending(first)
    wanted = {*order[:top].tolist(), *descending(last)[:3].tolist(), *sampling.logit_bias}
    rows = tuple(
        Candidate(
            int(id), token_text(tokenizer, int(id)), float(first[id]), float(last[id]),
            next((name for name in names[1:] if first[id] > 0 and after[name][id] == 0), "") if not last[id] else "",
        )
        for id in order if int(id) in wanted
    )  # fmt: skip
    stages = [Stage("model", int((first > 0).sum()), 0, 0.0, entropy_bits(first))]
    for before, name in pairwise(names):
        gone = (after[before] > 0) & (after[name] == 0)
        stages.append(
            Stage(
                name,
                int((after[name] > 0).sum()),
                int(gone.sum()),
                float(after[before][gone].sum()),
                entropy_bits(after[name]),
            )
        )
    return Sampled(
        sampling,
        rows,
        len(values) - len(rows),
        max(0.0, 1.0 - sum(row.before for row in rows)),
        max(0.0, 1.0 - sum(row.after for row in rows)),
        tuple(stages),
        (entropy_bits(first), entropy_bits(last)),
        (effective_choices(first), effective_choices(last)),
        (top_share(first), top_share(last)),
    )


def settings(sampling: Sampling) -> str:
    """The settings that are not as they are by default, in a sentence.

    >>> settings(Sampling(temperature=0.7, top_k=5)), settings(Sampling())
    ('Set: temperature 0.7, top_k 5.', 'Nothing is set.')
    """
    usual = Sampling()
    names = [field.name for field in fields(Sampling) if field.name not in ("logit_bias", "ban")]
    parts = [f"{name} {getattr(sampling, name):g}" for name in names if getattr(sampling, name) != getattr(usual, name)]
    parts += [f"logit_bias {value:+g} on token {id}" for id, value in sampling.logit_bias.items()]
    return f"Set: {', '.join(parts)}." if parts else "Nothing is set."

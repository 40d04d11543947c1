"""Which token a step chooses, and whether rounding could have changed that.

Float32 logits differ in their last digits from one processor, one BLAS, one batch size to another. Nearly always
this changes no choice. `decide` finds the rare step where it might: an argmax nearly tied, a draw that falls almost
on the border between two tokens, a token on the edge of top_k, top_p or min_p. `generate` makes such a step again
from float64 logits, whose rounding is a hundred million times smaller. So a text is the same everywhere.

`decide_rows` is the quick look at all choices of a step at once: in float32, with its own rounding added to the error.
What it calls certain is what `decide` would choose; about all else it says nothing.

Words used below: `slack`, how far any logit divided by the temperature may be off; `unsure`, the tokens that this may
move into or out of the set that is kept; `doubt`, how far a running sum may be off because of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.lm.sampler import (
    Floats,
    Sampling,
    adjusted,
    descending,
    draw,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    next_probs,
    scale_temperature,
    softmax,
)

FLOAT32_ERROR = 4e-4
"""Float32 logits are taken to be within this of the float64 ones. The tests measure that they are, four times over;
the worst difference seen with the lab's models is 5.3e-5."""

_FLOAT64_ERROR = 1e-12  # of a running sum of probabilities
_FLOAT32_SHARE = 2e-5  # the most that float32 changes a weight above e**-90 (by this factor), or a share of them
_BLOCK = 64  # weights are summed in blocks, so that float32 sums stay exact enough
_ALONE = 60.0  # a token this far above all others, in logits, has all but e**-60 * V of the probability


def decide(
    logits: ArrayLike,
    sampling: Sampling,
    u: float,
    *,
    error: float = 0.0,
    counts: ArrayLike | None = None,
    seen: ArrayLike | None = None,
) -> tuple[int, bool]:
    """The token chosen, and whether any logits within `error` of these would choose it too.

    logits: (V,).  u: uniform in [0, 1).  error: the largest possible mistake in a logit; 0 takes them as exact.
    counts, seen: as in `apply_penalties`.
    The token is `draw(next_probs(logits, sampling, counts, seen), u)`. The second value is careful: it may be False
    without need, but is never True wrongly.
    """
    if error == 0:
        return draw(next_probs(logits, sampling, counts, seen), u), True
    return Wheel(logits, sampling, error=error, counts=counts, seen=seen).stop_at(u)


def decide_rows(
    values: NDArray[np.floating[Any]], sampling: Sampling, us: Sequence[float], error: float
) -> tuple[list[int], list[bool]]:
    """For each row the token that `decide` chooses, where that is plainly certain; the second list says where.

    values: (B, V), logits after bias, bans and penalties.  us: uniform in [0, 1), one a row.  error: as in `decide`.
    Only temperature is looked at; nothing is certain with top_k, top_p or min_p.
    """
    n_rows, n_tokens = values.shape
    if sampling.top_k or sampling.top_p < 1 or sampling.min_p:
        return [0] * n_rows, [False] * n_rows
    error *= max(sampling.repetition_penalty, 1 / sampling.repetition_penalty)
    highest = np.maximum.reduce(values, -1, keepdims=True)
    if sampling.temperature == 0:
        rivals = np.count_nonzero(values >= highest - values.dtype.type(2 * error + _FLOAT32_SHARE), axis=-1)
        return values.argmax(-1).tolist(), (rivals == 1).tolist()
    with np.errstate(over="ignore", invalid="ignore"):  # a tiny temperature; a row in which nothing is left
        weights = values - highest
        weights /= weights.dtype.type(max(sampling.temperature, 1e-30))
        np.exp(weights, out=weights)
    padded = weights if n_tokens % _BLOCK == 0 else np.pad(weights, ((0, 0), (0, -n_tokens % _BLOCK)))
    blocks = padded.reshape(n_rows, -1, _BLOCK)
    totals = np.cumsum(np.add.reduce(blocks, -1), -1, dtype=np.float64)
    odds = math.exp(min(2 * (error / sampling.temperature + _FLOAT32_SHARE), 600))
    tokens, certain = [], []
    for row, u in enumerate(us):
        total = totals[row]
        place = u * total[-1]
        at = min(int(total.searchsorted(place, "right")), len(total) - 1)
        start = total[at - 1] if at else 0.0
        running = np.cumsum(blocks[row, at], dtype=np.float64)
        inside = min(int(running.searchsorted(place - start, "right")), _BLOCK - 1)
        up_to = (start + running[inside]) / total[-1]
        before = (start + running[inside - 1]) / total[-1] if inside else start / total[-1]
        most = before * odds / (before * odds + 1 - before) + _FLOAT32_SHARE
        least = up_to / (up_to + (1 - up_to) * odds) - _FLOAT32_SHARE
        tokens.append(at * _BLOCK + inside)
        certain.append(bool(most < u < least))
    return tokens, certain


class Wheel:
    """One step's distribution with the error of its borders; `stop_at(u)` for any number of draws. See `decide`."""

    def __init__(
        self,
        logits: ArrayLike,
        sampling: Sampling,
        *,
        error: float,
        counts: ArrayLike | None = None,
        seen: ArrayLike | None = None,
    ) -> None:
        values = adjusted(logits, sampling, counts, seen)
        error *= max(sampling.repetition_penalty, 1 / sampling.repetition_penalty)
        self._sampling = sampling
        self._scaled = scale_temperature(values, sampling.temperature)
        self._first = int(np.argmax(values))
        self._slack = min(error / sampling.temperature, 1e300) if sampling.temperature else 0.0
        lead = 2 * error if sampling.temperature == 0 else sampling.temperature * (_ALONE + 2 * self._slack)
        self._alone = np.count_nonzero(values >= values[self._first] - lead) == 1

    def stop_at(self, u: float) -> tuple[int, bool]:
        """The token for this draw, and whether it is certain."""
        if self._sampling.temperature == 0:
            return self._first, self._alone
        if self._alone and u > _FLOAT64_ERROR:
            return self._first, True
        probs, unsure, sure, maybe = self._shares
        token = draw(probs, u)
        if unsure[token]:
            return token, False
        # The shares of the tokens before this one, at most, and of those up to it, at least, whichever of the unsure
        # ones belong; then what the error of the logits may add or take.
        before, beyond = sure[token] + maybe[token], sure[-1] - sure[token]
        up_to, after = sure[token + 1], sure[-1] - sure[token + 1] + maybe[-1] - maybe[token + 1]
        lowest, highest = before / (before + beyond), up_to / (up_to + after)
        return token, bool(_moved(lowest, self._slack) < u < _moved(highest, -self._slack))

    @cached_property
    def _shares(self) -> tuple[Floats, NDArray[np.bool_], Floats, Floats]:
        """The distribution and the unsure tokens, (V,); the running sums of the sure and the unsure ones, (V+1,)."""
        sampling, scaled, slack = self._sampling, self._scaled, self._slack
        whole = probs = softmax(scaled)
        unsure = np.zeros(len(probs), bool)
        if sampling.top_k:
            unsure |= _top_k_edge(scaled, sampling.top_k, slack)
            probs = keep_top_k(probs, sampling.top_k)
        if sampling.top_p < 1:
            unsure |= _top_p_edge(scaled, probs, sampling.top_p, slack, _doubt(whole, probs, unsure, slack))
            probs = keep_top_p(probs, sampling.top_p)
        if sampling.min_p:
            unsure |= (probs > 0) & (np.abs(scaled - np.log(sampling.min_p)) <= 2 * slack)
            probs = keep_min_p(probs, sampling.min_p)
        sure, maybe = np.zeros(len(probs) + 1), np.zeros(len(probs) + 1)
        np.cumsum(np.where((probs > 0) & ~unsure, whole, 0), out=sure[1:])
        np.cumsum(np.where(unsure, whole, 0), out=maybe[1:])
        return probs, unsure, sure, maybe


def _moved(share: NDArray[np.float64] | float, slack: float) -> Floats:
    """The most (slack > 0) or the least (slack < 0) that a share of the probability may be, share in [0, 1].

    If every logit is off by at most s, each weight is off by a factor e**s at most, so the odds of the share are off
    by e**(2s) at most. A margin for float64 rounding is added.
    """
    odds_factor = np.exp(np.clip(2 * slack, -600, 600))
    share = np.clip(np.asarray(share, np.float64), 0, 1)
    moved: Floats = share * odds_factor / (share * odds_factor + (1 - share)) + np.copysign(_FLOAT64_ERROR, slack)
    return moved


def _doubt(whole: Floats, probs: Floats, unsure: NDArray[np.bool_], slack: float) -> float:
    """How far a running sum of `probs` may be off because it is not known which of the unsure tokens belong."""
    if not unsure.any():
        return 0.0
    sure = whole[(probs > 0) & ~unsure].sum()
    return float(whole[unsure].sum() / sure * np.exp(min(2 * slack, 600))) if sure > 0 else 1.0


def _top_k_edge(scaled: Floats, top_k: int, slack: float) -> NDArray[np.bool_]:
    """Tokens that may or may not be among the `top_k` largest."""
    if top_k >= len(scaled):
        return np.zeros(len(scaled), bool)
    next_value, last_value = np.partition(scaled, [-top_k - 1, -top_k])[[-top_k - 1, -top_k]]
    if next_value == -np.inf or last_value - next_value > 2 * slack:
        return np.zeros(len(scaled), bool)
    edge: NDArray[np.bool_] = (scaled >= last_value - 2 * slack) & (scaled <= next_value + 2 * slack)
    return edge


def _top_p_edge(scaled: Floats, probs: Floats, top_p: float, slack: float, doubt: float) -> NDArray[np.bool_]:
    """Tokens of which it is not certain whether those before them reach `top_p`.

    A token's place in the order is uncertain too: tokens within 2 * slack of it may come before or after.
    """
    kept = np.flatnonzero(probs)
    order = kept[descending(scaled[kept])]
    falling = -scaled[order]  # ascending, as searchsorted wants it
    running = np.concatenate([[0.0], np.cumsum(probs[order])])
    least = running[np.searchsorted(falling, falling - 2 * slack, side="left")]
    most = running[np.searchsorted(falling, falling + 2 * slack, side="right")] - probs[order]
    certainly_in = _moved(most, slack) + doubt < top_p
    certainly_out = _moved(least, -slack) - doubt >= top_p
    edge = np.zeros(len(probs), bool)
    edge[order[~certainly_in & ~certainly_out]] = True
    return edge

"""From logits to the next token, one pure function a step.

The order, and who else has it: logit_bias and bans, then the penalties (repetition, frequency, presence), then
temperature, then top_k, top_p, min_p, each on what the one before left over. `transformers` and vLLM also put
temperature before the cuts; llama.cpp puts it last unless told otherwise; vLLM applies min_p before top_k and top_p.
So the same numbers can mean another distribution elsewhere.
Sources: vLLM, docs.vllm.ai/en/v0.22.1/api/vllm/v1/sample/sampler/; `transformers`, generation/utils.py,
`_get_logits_processor`; llama.cpp, tools/main/README.md, "--samplers".

Everything here is computed in float64 and exact for the logits given. That float32 logits carry an error, and what
follows from that, is the business of `exact`; text, stop strings and the loop over tokens are that of `generate`.
Arrays: logits (V,) float, -inf for a token that cannot come; probs (V,) float64, sum 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.errors import ParameterError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sampling:
    """How to choose the next token. The defaults change nothing: draw from the model's own distribution.

    temperature: 0 takes the most likely token; above 0 divides the logits.  top_k: 0 keeps all.  top_p: in (0, 1].
    min_p: in [0, 1].  frequency_penalty, presence_penalty: any number, 0 is none (OpenAI allows -2 to 2).
    repetition_penalty: above 0, 1 is none.  logit_bias: token id -> -100 to 100, added to its logit.
    ban: ids that never come.
    Raises ParameterError, with the field in `where`, for a value outside its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    ban: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, lambda x: x >= 0, "0 or more")
        _check("top_k", self.top_k, lambda x: x >= 0 and x == int(x), "a whole number, 0 for all")
        _check("top_p", self.top_p, lambda x: 0 < x <= 1, "above 0 and at most 1")
        _check("min_p", self.min_p, lambda x: 0 <= x <= 1, "from 0 to 1")
        _check("frequency_penalty", self.frequency_penalty, math.isfinite, "any")
        _check("presence_penalty", self.presence_penalty, math.isfinite, "any")
        _check("repetition_penalty", self.repetition_penalty, lambda x: x > 0, "above 0; 1 changes nothing")
        for id, bias in self.logit_bias.items():
            if not isinstance(id, int):
                raise ParameterError(
                    f"{id!r} is not a token id", where="logit_bias", right="Give whole numbers as keys"
                )
            _check(f"logit_bias[{id}]", bias, lambda x: -100 <= x <= 100, "-100 to 100")
        object.__setattr__(self, "ban", frozenset(self.ban))

    @property
    def penalises(self) -> bool:
        """Whether any penalty is in force, so that tokens must be counted."""
        return (self.frequency_penalty, self.presence_penalty, self.repetition_penalty) != (0, 0, 1)


# --- on logits --------------------------------------------------------------------------------------------------


def apply_logit_bias(logits: ArrayLike, logit_bias: Mapping[int, float], ban: frozenset[int] = frozenset()) -> Floats:
    """Add each token's bias to its logit; a banned token's becomes -inf.

    logits: (V,). Returns (V,). Raises ParameterError for an id outside the vocabulary, or when no token is left.
    Source: OpenAI API reference, chat, `logit_bias`: added to the logits before sampling.

    >>> apply_logit_bias([1.0, 2.0, 3.0], {0: 5}, ban=frozenset({2}))
    array([  6.,   2., -inf])
    """
    biased = np.array(logits, np.float64)
    for id in (*logit_bias, *ban):
        if not 0 <= id < len(biased):
            raise ParameterError(
                f"no token has the id {id}", where="logit_bias", right=f"Ids go from 0 to {len(biased) - 1}"
            )
    for id, bias in logit_bias.items():
        biased[id] += bias
    if ban:
        biased[list(ban)] = -np.inf
        if not np.isfinite(biased).any():
            raise ParameterError("every token is banned", where="ban", right="Leave at least one")
    return biased


def apply_penalties(
    logits: ArrayLike,
    counts: ArrayLike,
    *,
    frequency: float = 0.0,
    presence: float = 0.0,
    repetition: float = 1.0,
    seen: ArrayLike | None = None,
) -> Floats:
    """Make tokens that already came less likely (or, with the sign turned, more likely).

    logits, counts: (V,); counts is how often each token was written so far.  seen: (V,) bool, the tokens that
    `repetition` falls on, when these are others than those written; `generate` gives prompt and answer.
    Returns (V,): first logit / repetition where positive and * repetition where negative, then
    - frequency * count - presence * (count > 0).
    Source: frequency and presence, OpenAI API reference, "Parameter details": mu[j] - c[j] * alpha_frequency -
    float(c[j] > 0) * alpha_presence. Repetition: Keskar et al. 2019, arXiv:1909.05858, 4.1 (CTRL), in the form for
    negative logits that `transformers` and vLLM use; theirs, too, count the prompt for this penalty.

    >>> apply_penalties([2.0, 2.0, -1.0], [0, 3, 1], frequency=0.5, presence=0.25)
    array([ 2.  ,  0.25, -1.75])
    >>> apply_penalties([2.0, 2.0, -1.0], [0, 3, 1], repetition=2)
    array([ 2.,  1., -2.])
    """
    penalised, counts = np.array(logits, np.float64), np.asarray(counts, np.float64)
    if repetition != 1:
        hit = counts > 0 if seen is None else np.asarray(seen, bool)
        penalised[hit] = np.where(penalised[hit] > 0, penalised[hit] / repetition, penalised[hit] * repetition)
    return penalised - frequency * counts - presence * (counts > 0)


def scale_temperature(logits: ArrayLike, temperature: float) -> Floats:
    """Divide by the temperature: below 1 the distribution sharpens, above 1 it flattens.

    logits: (V,). Returns (V,), shifted so that the largest is 0, which changes no probability. Temperature 0 is the
    limit: the largest logit alone is left, the lowest id among equals.
    Source: Ackley, Hinton & Sejnowski 1985, Cognitive Science 9 (the Boltzmann distribution).

    >>> scale_temperature([1.0, 3.0, 2.0], 0.5)
    array([-4.,  0., -2.])
    >>> scale_temperature([1.0, 3.0, 3.0], 0)
    array([-inf,   0., -inf])
    """
    _check("temperature", temperature, lambda x: x >= 0, "0 or more")
    logits = np.asarray(logits, np.float64)
    scaled: Floats = logits - logits.max()
    if temperature == 0:
        first = np.argmax(scaled)
        scaled[:] = -np.inf
        scaled[first] = 0.0
        return scaled
    with np.errstate(over="ignore"):  # a tiny temperature: -inf is the right answer
        scaled /= temperature
    return scaled


def softmax(logits: ArrayLike) -> Floats:
    """Probabilities from logits, along the last axis.

    The largest is subtracted first, so no exponential overflows.
    Source: Goodfellow, Bengio & Courville 2016, Deep Learning, 4.1 and 6.2.2.3.

    >>> softmax([0.0, np.log(3.0)]).round(6)
    array([0.25, 0.75])
    """
    logits = np.asarray(logits, np.float64)
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    probs: Floats = raised / raised.sum(-1, keepdims=True)
    return probs


def log_softmax(logits: ArrayLike) -> Floats:
    """Natural logarithms of `softmax`, exact also where the probability is too small for a float.

    >>> log_softmax([0.0, -1000.0]).tolist()
    [0.0, -1000.0]
    """
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return logs


# --- on probabilities -------------------------------------------------------------------------------------------


def keep_top_k(probs: ArrayLike, top_k: int) -> Floats:
    """Keep the `top_k` most likely tokens; among equals the lowest ids.

    probs: (V,), sums to 1.  top_k: 0 or more than V keeps all.
    Returns (V,), sums to 1; tokens left out are exactly 0.
    Source: Fan, Lewis & Dauphin 2018, arXiv:1805.04833, 5.4

    >>> keep_top_k([0.5, 0.1, 0.3, 0.1], 2)
    array([0.625, 0.   , 0.375, 0.   ])
    """
    _check("top_k", top_k, lambda x: x >= 0 and x == int(x), "a whole number, 0 for all")
    probs = np.asarray(probs, np.float64)
    if not 0 < top_k < len(probs):
        return probs.copy()
    return _only(probs, descending(probs)[:top_k])


def keep_top_p(probs: ArrayLike, top_p: float) -> Floats:
    """Keep the fewest tokens whose probabilities together reach `top_p`.

    probs: (V,), sums to 1.  top_p: 0 < top_p <= 1; 1 keeps all.
    Returns (V,), sums to 1; tokens left out are exactly 0. The token that crosses the line is kept; among equally
    likely tokens the lowest ids come first.
    Raises ParameterError when top_p is outside (0, 1].
    Source: Holtzman et al. 2020, arXiv:1904.09751, 3.1

    >>> keep_top_p([0.5, 0.3, 0.2], 0.6)
    array([0.625, 0.375, 0.   ])
    """
    _check("top_p", top_p, lambda x: 0 < x <= 1, "above 0 and at most 1")
    probs = np.asarray(probs, np.float64)
    if top_p == 1:
        return probs.copy()
    order = descending(probs)
    before = np.concatenate([[0.0], np.cumsum(probs[order])[:-1]])
    return _only(probs, order[before < top_p])


def keep_min_p(probs: ArrayLike, min_p: float) -> Floats:
    """Keep the tokens that are at least `min_p` times as likely as the most likely one.

    probs: (V,), sums to 1.  min_p: from 0, which keeps all, to 1.
    Returns (V,), sums to 1; tokens left out are exactly 0.
    Source: Nguyen et al. 2024, arXiv:2407.01082

    >>> keep_min_p([0.5, 0.375, 0.125], 0.5).round(4)
    array([0.5714, 0.4286, 0.    ])
    """
    _check("min_p", min_p, lambda x: 0 <= x <= 1, "from 0 to 1")
    probs = np.asarray(probs, np.float64)
    return _only(probs, probs >= min_p * probs.max()) if min_p else probs.copy()


def draw(probs: ArrayLike, u: float) -> int:
    """The token at which the running sum of the probabilities, in the order of ids, passes `u`.

    probs: (V,).  u: uniform in [0, 1). A token of probability 0 never comes.
    Source: inverse transform sampling; Devroye 1986, Non-Uniform Random Variate Generation, III.2.

    >>> [draw([0.2, 0.0, 0.8], u) for u in (0.0, 0.19, 0.2, 0.99)]
    [0, 0, 2, 2]
    """
    _check("u", u, lambda x: 0 <= x < 1, "from 0 up to, but not including, 1")
    running = np.cumsum(np.asarray(probs, np.float64))
    return int(np.searchsorted(running, u * running[-1], side="right"))


# --- all together -----------------------------------------------------------------------------------------------


def steps(
    logits: ArrayLike, sampling: Sampling, counts: ArrayLike | None = None, seen: ArrayLike | None = None
) -> dict[str, Floats]:
    """The distribution after each stage, by name and in order, from 'model' to 'min_p'; the last is drawn from.

    logits: (V,).  counts, seen: as in `apply_penalties`; None is nothing written so far.
    Each value (V,), sums to 1. A stage that changes nothing repeats the one before.
    """
    values = np.asarray(logits, np.float64)
    after = {"model": softmax(values)}
    values = apply_logit_bias(values, sampling.logit_bias, sampling.ban)
    after["logit_bias"] = softmax(values)
    values = _penalised(values, sampling, counts, seen)
    after["penalties"] = softmax(values)
    after["temperature"] = softmax(scale_temperature(values, sampling.temperature))
    after["top_k"] = keep_top_k(after["temperature"], sampling.top_k)
    after["top_p"] = keep_top_p(after["top_k"], sampling.top_p)
    after["min_p"] = keep_min_p(after["top_p"], sampling.min_p)
    return after


def adjusted(
    logits: ArrayLike, sampling: Sampling, counts: ArrayLike | None = None, seen: ArrayLike | None = None
) -> Floats:
    """The logits after bias, bans and penalties, before temperature: (V,)."""
    return _penalised(apply_logit_bias(logits, sampling.logit_bias, sampling.ban), sampling, counts, seen)


def next_probs(
    logits: ArrayLike, sampling: Sampling, counts: ArrayLike | None = None, seen: ArrayLike | None = None
) -> Floats:
    """The distribution that the next token is drawn from, after every stage: (V,), sums to 1.

    >>> next_probs([0.0, 1.0, 2.0], Sampling(temperature=0.5, top_k=2)).round(4)
    array([0.    , 0.1192, 0.8808])
    """
    probs = softmax(scale_temperature(adjusted(logits, sampling, counts, seen), sampling.temperature))
    if sampling.top_k:
        probs = keep_top_k(probs, sampling.top_k)
    if sampling.top_p < 1:
        probs = keep_top_p(probs, sampling.top_p)
    if sampling.min_p:
        probs = keep_min_p(probs, sampling.min_p)
    return probs


# --- how sure a distribution is ---------------------------------------------------------------------------------


def entropy_bits(probs: ArrayLike) -> float:
    """The uncertainty of one draw in bits: 0 when one token is certain, log2(V) when all are alike.

    Source: Shannon 1948, A Mathematical Theory of Communication, 6.

    >>> entropy_bits([0.5, 0.25, 0.25, 0.0])
    1.5
    """
    probs = np.asarray(probs, np.float64)
    some = probs[probs > 0]
    return float(max(0.0, -(some * np.log2(some)).sum()))


def effective_choices(probs: ArrayLike) -> float:
    """How many equally likely tokens would be as uncertain: 2 ** entropy (the perplexity of one draw).

    >>> effective_choices([0.25, 0.25, 0.25, 0.25])
    4.0
    """
    return float(2.0 ** entropy_bits(probs))


def top_share(probs: ArrayLike) -> float:
    """The probability of the most likely token."""
    return float(np.max(probs))


def descending(values: ArrayLike) -> NDArray[np.intp]:
    """Places of `values` from largest to smallest; equals by their place."""
    return np.argsort(-np.asarray(values), kind="stable")


def _penalised(values: Floats, sampling: Sampling, counts: ArrayLike | None, seen: ArrayLike | None) -> Floats:
    if not sampling.penalises or (counts is None and seen is None):
        return values
    return apply_penalties(
        values,
        np.zeros_like(values) if counts is None else counts,
        frequency=sampling.frequency_penalty,
        presence=sampling.presence_penalty,
        repetition=sampling.repetition_penalty,
        seen=seen,
    )


def _only(probs: Floats, kept: NDArray[Any]) -> Floats:
    left: Floats = np.zeros_like(probs)
    left[kept] = probs[kept]
    left /= left.sum()
    return left


def _check(name: str, value: Any, in_range: Callable[[float], bool], right: str) -> None:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number:
        raise ParameterError(f"{value!r} is not a number", where=name, right=f"Give a number: {right}")
    if not (math.isfinite(value) and in_range(float(value))):
        raise ParameterError(f"{value} is out of range", where=name, right=f"Give a number: {right}")

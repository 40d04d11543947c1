"""Whether two small samples differ: permutation tests, which ask nothing of what was measured.

Pure functions; nothing here knows what an answer is. Called by `judge`.
Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd ed., 2005, chapter 3.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from math import comb
from typing import TypeVar

T = TypeVar("T")
EXACT = 1000
"""Up to so many regroupings all are looked at; of more, `DRAWN` are drawn."""
DRAWN = 4000


def same_pairs(values: Sequence[Hashable]) -> float:
    """The share of pairs that are identical: 1 where all are alike, 0 where no two are.

    >>> same_pairs(["a", "a", "b"])
    0.3333333333333333
    """
    pairs = comb(len(values), 2)
    return sum(comb(count, 2) for count in Counter(values).values()) / pairs if pairs else 0.0


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return sum(values) / len(values)


def p_value(one: Sequence[T], other: Sequence[T], measure: Callable[[Sequence[T]], float], *, sides: int = 1) -> float:
    """How often a random regrouping makes `measure` differ at least as much as it does between `one` and `other`.

    measure: a number for a group.  sides: 1 asks whether it is larger in `one`, 2 whether it differs.
    The groups as they are count as one of the regroupings, so the value is never 0.

    >>> p_value([1, 1, 1], [0, 0, 0], mean)
    0.05
    """
    pool, size = [*one, *other], len(one)
    seen = measure(one) - measure(other)
    everyone = range(len(pool))
    if comb(len(pool), size) <= EXACT:
        groups = [set(group) for group in combinations(everyone, size)]
        floor = 0
    else:
        chance = random.Random(20261120)  # the same judgement for the same answers, always
        groups = [set(chance.sample(everyone, size)) for _ in range(DRAWN)]
        floor = 1
    as_much = 0
    for group in groups:
        here = measure([pool[i] for i in group])
        there = measure([pool[i] for i in everyone if i not in group])
        far = abs(here - there) >= abs(seen) - 1e-12 if sides == 2 else here - there >= seen - 1e-12
        as_much += far
    return (as_much + floor) / (len(groups) + floor)

"""How sure a median is: percentile bootstrap.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

DRAWS, FEWEST = 2000, 3


def median_interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float] | None:
    """(low, high) that hold the median with probability `share`; None for fewer than three values.

    The same values give the same interval, always.

    >>> median_interval([1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    if len(values) < FEWEST:
        return None
    chance = random.Random(20261120)
    ordered = sorted(float(value) for value in values)
    medians = sorted(median(chance.choices(ordered, k=len(ordered))) for _ in range(DRAWS))
    cut = (1 - share) / 2
    return medians[int(cut * DRAWS)], medians[min(DRAWS - 1, int((1 - cut) * DRAWS))]


def interval(values: Sequence[float], *, digits: int = 2) -> str | None:
    """The interval as a table writes it.

    >>> interval([0.5, 0.5, 0.5]), interval([1.0])
    ('0.50 to 0.50', None)
    """
    found = median_interval(values)
    return None if found is None else f"{found[0]:.{digits}f} to {found[1]:.{digits}f}"

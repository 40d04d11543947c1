"""Pictures from plain arrays: each function draws and returns Matplotlib's Axes.

Legible on a light and on a dark page: the background is left clear, and text, axes and bars have colours that stand out
from both. Labels show every sign: what the font lacks is written as an escape, and a dollar sign starts no formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from labkit.errors import ParameterError
from labkit.lm.sampler import entropy_bits, scale_temperature, softmax, top_share
from labkit.view.bars import percent
from labkit.view.html import TONES
from labkit.view.one_line import code_of, one_line

NEUTRAL = "#7a7a7a"  # text and axes: contrast 4.3 with white, 4.4 with the page of JupyterLab's dark theme
FILL = TONES["info"]
FONT = "DejaVu Sans"  # comes with Matplotlib: the same signs on every system


def bars(tokens: Sequence[str], probs: ArrayLike, ax: Axes | None = None) -> Axes:
    """A bar for each token, the first on top, its probability written beside it.

    tokens: (n,) texts; white space and unseen characters are made visible.  probs: (n,) float in [0, 1].
    ax: where to draw; None makes a figure with room for n bars.
    Raises ParameterError when there are not as many of one as of the other, or a probability is outside [0, 1].
    """
    shares = np.asarray(probs, np.float64)
    labels = [legible(str(token)) for token in tokens]
    if shares.shape != (len(labels),) or not labels:
        raise ParameterError(
            f"{len(labels)} tokens and probabilities of shape {shares.shape}",
            where="bars",
            right="Give one for each, and at least one",
        )
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ParameterError("a probability is outside 0 to 1", where="probs", right="Give the softmax of the logits")
    with _style():
        if ax is None:
            ax = plt.subplots(figsize=(6.4, 0.7 + 0.27 * len(labels)), layout="constrained")[1]
        places = np.arange(len(labels))
        drawn = ax.barh(places, shares, color=FILL, height=0.72)
        ax.set_yticks(places, labels=labels, parse_math=False)
        ax.bar_label(drawn, labels=[percent(share) for share in shares], padding=4, color=NEUTRAL)
        ax.invert_yaxis()
        ax.set_xlim(0, max(0.05, min(1.0, float(shares.max()) * 1.18)))
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        ax.set_xlabel("probability")
        _clear(ax)
        ax.tick_params(axis="y", length=0)
    return ax


def temperature_curves(logits: ArrayLike, temperatures: ArrayLike) -> tuple[Axes, Axes]:
    """Two pictures side by side: entropy in bits, and top-1 share, against temperature.

    logits: (V,) float, -inf for a token that cannot come.  temperatures: (n,) float, 0 or more; drawn in rising order.
    Returns (axes of the entropy, axes of the top-1 share), one line in each.
    Raises ParameterError for a negative temperature or another shape.
    """
    values, at = np.asarray(logits, np.float64), np.sort(np.asarray(temperatures, np.float64))
    if values.ndim != 1 or at.ndim != 1 or not at.size:
        raise ParameterError(
            f"logits of shape {values.shape} and temperatures of shape {at.shape}",
            where="temperature_curves",
            right="Give one row of logits and a list of temperatures",
        )
    probs = [softmax(scale_temperature(values, float(temperature))) for temperature in at]
    with _style():
        _, (left, right) = plt.subplots(1, 2, figsize=(8.4, 2.9), layout="constrained")
        left.plot(at, [entropy_bits(each) for each in probs], color=FILL, linewidth=2)
        right.plot(at, [top_share(each) for each in probs], color=FILL, linewidth=2)
        left.set(xlabel="temperature", ylabel="entropy (bits)", ylim=(0, None))
        right.set(xlabel="temperature", ylabel="top-1 share", ylim=(0, 1.03))
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        for ax in (left, right):
            ax.grid(color=NEUTRAL, alpha=0.25)
            _clear(ax)
    return left, right


def legible(text: str) -> str:
    """`text` as a label can show it: nothing invisible, and an escape for a sign that the font has not.

    >>> legible(" 中\\n")
    '␣‹U+4E2D›⏎'
    """
    signs = _signs_of_font()
    return "".join(char if ord(char) in signs else code_of(char) for char in one_line(text))


@lru_cache(maxsize=1)
def _signs_of_font() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont(FONT)).get_charmap())


@contextmanager
def _style() -> Iterator[None]:
    rc: dict[Any, Any] = {"font.family": [FONT], "font.size": 10}
    rc |= dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], NEUTRAL)
    rc |= dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none")
    with plt.rc_context(rc):
        yield


def _clear(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)

"""Pictures from plain arrays: each function draws and returns Matplotlib's Axes.

Legible on a light and on a dark page: the background is left clear (and Jupyter is kept from filling it), and text,
axes and bars have colours that stand out from both. Labels show every sign: what the font lacks is written as an
escape, and a dollar sign starts no formula.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from labkit.errors import ParameterError
from labkit.lm.sampler import entropy_bits, scale_temperature, softmax, top_share
from labkit.view.bars import percent
from labkit.view.html import TONES
from labkit.view.one_line import code_of, one_line

if TYPE_CHECKING:
    import pandas as pd

NEUTRAL = "#7a7a7a"  # text and axes: contrast 4.3 with white, 4.4 with the page of JupyterLab's dark theme
# Jupyter lays a white sheet under a clear figure whose tick labels are all darker than half grey, and a black one where
# all are lighter. Two greys, one on either side, look alike and leave the page as it is, whatever its theme.
X_LABELS, Y_LABELS = NEUTRAL, "#828282"
FILL = TONES["info"]
MARKS = (("o", FILL), ("s", TONES["warn"]), ("^", TONES["good"]), ("D", TONES["bad"]))
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


def latency_spread(calls: pd.DataFrame, column: str = "total_s", ax: Axes | None = None) -> Axes:
    """Each call as a dot in its target's row, the median as a line: how much latency varies.

    calls: the `table` of a comparison, or any frame with `target` and a column in seconds; calls without one are left
    out.  ax: where to draw; None makes a figure. Raises ParameterError when there is nothing to draw.
    """
    drawn = calls[calls[column].notna()]
    targets = [str(name) for name in dict.fromkeys(calls["target"])]
    if not len(drawn):
        raise ParameterError(f"no call has a {column}", where="latency_spread", right="Compare with stream=True")
    with _style():
        ax = _axes(ax, len(targets))
        for row, target in enumerate(targets):
            seconds = np.sort(drawn.loc[drawn["target"] == target, column].to_numpy(np.float64))
            if seconds.size:
                shift = np.linspace(-0.22, 0.22, seconds.size) if seconds.size > 1 else np.zeros(1)
                ax.scatter(seconds, row + shift, s=26, color=FILL, alpha=0.8, linewidths=0)
                ax.vlines(float(np.median(seconds)), row - 0.36, row + 0.36, color=NEUTRAL, linewidth=2)
        _rows(ax, targets)
        ax.set_xlim(0, float(drawn[column].max()) * 1.06 or 1.0)
        ax.set_xlabel(f"{column.removesuffix('_s').replace('_', ' ')} (s); line: median")
        _noted(ax, calls)
    return ax


def frontier(summary: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Cost against speed, a dot a target, and the line of those that none beats in both.

    summary: of a comparison, or any frame with `target`, `cost_usd` and `tokens_per_s`. Targets without either are
    left out and named. Raises ParameterError when none has both.
    """
    known = summary[summary["cost_usd"].notna() & summary["tokens_per_s"].notna()]
    if not len(known):
        raise ParameterError("no target has a cost and a speed", where="frontier", right="Compare longer answers")
    cost = np.array([float(value) for value in known["cost_usd"]])
    speed = known["tokens_per_s"].to_numpy(np.float64)
    best = unbeaten(cost, speed)
    with _style():
        if ax is None:
            ax = plt.subplots(figsize=(6.8, 4.2), layout="constrained")[1]
        ax.plot(cost[best], speed[best], color=NEUTRAL, linewidth=1.2, linestyle="--", zorder=1)
        colors = [TONES["good"] if place in set(best.tolist()) else FILL for place in range(len(cost))]
        ax.scatter(cost, speed, s=40, color=colors, zorder=2)
        high, dear = float(speed.max()), float(cost.max() or 1)
        ax.set(xlabel="cost of the median answer (USD)", ylabel="tokens a second", ylim=(0, high * 1.1))
        ax.set_xlim(-0.03 * dear, dear * 1.35)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(-3, 3))
        ax.xaxis.get_offset_text().set_color(NEUTRAL)
        ax.grid(color=NEUTRAL, alpha=0.25)
        _clear(ax)
        out = [str(target) for target in summary["target"] if target not in set(known["target"])]
        _noted(ax, summary, f"Without cost or speed: {', '.join(out)}. " if out else "")
        _name_points(ax, np.column_stack([cost, speed]), [str(target) for target in known["target"]])
    return ax


def unbeaten(cost: ArrayLike, speed: ArrayLike) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Which points no other is both at least as cheap and at least as fast as, and better in one; by rising cost.

    >>> unbeaten([1, 2, 3, 3], [10, 5, 20, 15]).tolist()
    [0, 2]
    """
    x, y = np.asarray(cost, np.float64), np.asarray(speed, np.float64)
    beaten = [bool(np.any((x <= a) & (y >= b) & ((x < a) | (y > b)))) for a, b in zip(x, y, strict=True)]
    kept = np.flatnonzero(~np.array(beaten))
    return kept[np.argsort(x[kept], kind="stable")]


def timeline(streams: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Each call as a bar from its beginning to its end: thin while it waits for the first piece, a tick for each piece.

    streams: of a comparison: `target`, `started_s`, `total_s`, `arrivals_s` (seconds since the call began). Failed
    calls without times are left out. Raises ParameterError when there is nothing to draw.
    """
    drawn = streams[streams["total_s"].notna()].sort_values(["target", "started_s"])
    if not len(drawn):
        raise ParameterError("no call has times", where="timeline", right="Compare again: every call failed")
    targets = [str(name) for name in dict.fromkeys(streams["target"])]
    with _style():
        ax = _axes(ax, len(targets))
        for target, start, total, came in zip(
            drawn["target"], drawn["started_s"], drawn["total_s"], drawn["arrivals_s"], strict=True
        ):
            row = targets.index(str(target))
            first = came[0] if came else total
            ax.barh(row, first, left=start, height=0.12, color=NEUTRAL)
            ax.barh(row, total - first, left=start + first, height=0.6, color=FILL, alpha=0.35)
            ax.vlines([start + t_s for t_s in came], row - 0.3, row + 0.3, color=FILL, linewidth=0.8)
        _rows(ax, targets)
        ax.set_xlim(0, float((drawn["started_s"] + drawn["total_s"]).max()) * 1.02)
        ax.set_xlabel("seconds since the first call; grey: waiting for the first piece")
        _noted(ax, streams)
    return ax


def _name_points(ax: Axes, points: np.ndarray[Any, np.dtype[np.float64]], names: Sequence[str]) -> None:
    """A name beside each point, covering no point and no other name; a thin line leads to it where it stands away.

    points: (n, 2) float, as the axes count. The nearest free place is taken, the right of the point before all others;
    where none is free, the one that covers least.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout decides where the points are
    at, room, point_px = ax.transData.transform(points), ax.get_window_extent(), figure.dpi / 72
    taken = [Bbox.from_bounds(x, y, 0, 0).padded(4 * point_px) for x, y in at]
    for number in np.lexsort((at[:, 0], -at[:, 1])):  # from the top
        text = ax.annotate(
            legible(names[number]), points[number], xytext=(0, 0), textcoords="offset points", va="center", ha="center",
            parse_math=False, arrowprops={"arrowstyle": "-", "color": NEUTRAL, "linewidth": 0.6, "shrinkA": 0},
        )  # fmt: skip
        text.set_in_layout(False)
        half = np.asarray(Text.get_window_extent(text).size) / 2 + point_px  # without the line that leads to it
        places = [np.array(side) * (away * point_px + half) for away in AWAY for side in SIDES]
        boxes = [Bbox([at[number] + place - half, at[number] + place + half]) for place in places]
        best = int(np.argmin([_covered(box, taken, room) for box in boxes]))
        text.set_position((float(places[best][0]) / point_px, float(places[best][1]) / point_px))
        if text.arrow_patch is not None:
            text.arrow_patch.set_visible(best >= len(SIDES))
        taken.append(boxes[best])


AWAY = (7.0, 14.0, 24.0, 38.0, 56.0)  # points between a point and its name, in the order in which they are tried
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def _covered(box: Bbox, taken: Sequence[Bbox], room: Bbox) -> float:
    """How much of `box` covers others or lies outside of `room`, in square pixels."""
    inside = Bbox.intersection(box, room)
    outside = box.width * box.height - (inside.width * inside.height if inside else 0.0)
    both = (Bbox.intersection(box, other) for other in taken)
    return outside + sum(part.width * part.height for part in both if part is not None)


def _axes(ax: Axes | None, rows: int) -> Axes:
    return ax or plt.subplots(figsize=(7.2, 1.4 + 0.42 * rows), layout="constrained")[1]


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(np.arange(len(names)), labels=[legible(name) for name in names], parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=NEUTRAL, alpha=0.25)
    _clear(ax)


def _noted(ax: Axes, frame: pd.DataFrame, more: str = "") -> None:
    """The frame's own note beneath the axes."""
    note = more + str(getattr(frame, "note", ""))
    if note:
        ax.set_xlabel(ax.get_xlabel() + "\n" + textwrap.fill(note.replace("$", r"\$"), 96), fontsize=8.5)


def shares(x: ArrayLike, series: Mapping[str, ArrayLike], *, xlabel: str, ax: Axes | None = None) -> Axes:
    """A line for each series of shares over one x, named in a legend; told apart by their marks as well as by colour.

    x: (n,) float.  series: name -> (n,) float in [0, 1]; up to four.  ax: where to draw; None makes a figure.
    Raises ParameterError for another length, more series, or a share outside [0, 1].
    """
    at = np.asarray(x, np.float64)
    lines = {name: np.asarray(values, np.float64) for name, values in series.items()}
    if at.ndim != 1 or not at.size or any(values.shape != at.shape for values in lines.values()):
        raise ParameterError(
            f"x of shape {at.shape} and series of shapes {[values.shape for values in lines.values()]}",
            where="shares",
            right="Give each series one value for each x",
        )
    if not 1 <= len(lines) <= len(MARKS) or any(not ((v >= 0) & (v <= 1)).all() for v in lines.values()):
        raise ParameterError(
            f"{len(lines)} series, or a share outside 0 to 1",
            where="shares",
            right=f"Give one to {len(MARKS)} series of numbers from 0 to 1",
        )
    with _style():
        if ax is None:
            ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")[1]
        for (name, values), (mark, color) in zip(lines.items(), MARKS, strict=False):
            ax.plot(at, values, color=color, linewidth=2, marker=mark, label=" ".join(map(legible, name.split(" "))))
        ax.set(xlabel=xlabel, ylabel="share", ylim=(-0.03, 1.05))
        _percents(ax)
        for text in ax.legend(frameon=False, loc="best").get_texts():
            text.set_parse_math(False)
    return ax


def calibration(confidence: ArrayLike, right: ArrayLike, count: ArrayLike, ax: Axes | None = None) -> Axes:
    """Share of right answers against stated confidence, a mark for each group, as large as the group; and the diagonal.

    confidence, right: (n,) float in [0, 1].  count: (n,) how many answers stand behind each, 1 or more.
    On the diagonal a model that says 80 % is right in 80 of 100 cases; below it, it is too sure.
    Raises ParameterError for other shapes or values.
    """
    said, was, many = (np.asarray(values, np.float64) for values in (confidence, right, count))
    if said.ndim != 1 or not said.size or not said.shape == was.shape == many.shape:
        raise ParameterError(
            f"shapes {said.shape}, {was.shape} and {many.shape}",
            where="calibration",
            right="Give three lists of one length",
        )
    if not ((said >= 0) & (said <= 1) & (was >= 0) & (was <= 1) & (many >= 1)).all():
        raise ParameterError(
            "a share is outside 0 to 1, or a group is empty", where="calibration", right="Leave empty groups out"
        )
    with _style():
        if ax is None:
            ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")[1]
        ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=1, linestyle="--", label="calibrated")
        ax.scatter(said, was, s=40 + 300 * many / many.sum(), color=FILL, zorder=3, label="measured")
        ax.set(xlabel="confidence", ylabel="share right", xlim=(-0.03, 1.05), ylim=(-0.03, 1.05))
        _percents(ax)
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        for handle in ax.legend(frameon=False, loc="upper left").legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([60.0])
    return ax


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
    rc |= {"xtick.labelcolor": X_LABELS, "ytick.labelcolor": Y_LABELS}
    rc |= dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none")
    interactive = plt.isinteractive()
    try:
        with plt.rc_context(rc):
            try:
                yield
            finally:  # the first figure of a kernel loads its backend, which may switch this on: not to be undone
                interactive = plt.isinteractive()
    finally:
        matplotlib.interactive(interactive)


def _clear(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _percents(ax: Axes) -> None:
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.grid(color=NEUTRAL, alpha=0.25)
    _clear(ax)

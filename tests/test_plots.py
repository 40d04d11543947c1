"""Plots, by the numbers read back from their Axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import execute_notebooks
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb, to_rgba
from matplotlib_inline import backend_inline
from nbformat.v4 import new_code_cell, new_notebook
from scipy.special import softmax
from scipy.stats import entropy

from labkit import plots
from labkit.errors import ParameterError

LOGITS = np.array([3.0, 2.0, 0.5, -1.0, -np.inf])
AWKWARD = ["", " ", "\n", "$x_1$", "<b>", "\u202eabc", "中文", "😀", "é", "_^{", "́", "a\x00b"]
FIGURE = "from labkit import plots\nplots.bars(['a'], [0.5]);"
PAGES = {"light": "#ffffff", "dark": "#111111"}  # JupyterLab's own


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def labels(ax: Any) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_bars_are_as_long_as_the_probabilities_and_in_their_order() -> None:
    ax = plots.bars([" yes", "no", "\n"], [0.5, 0.25, 0.001])
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.25, 0.001]
    assert [text.get_text() for text in ax.texts] == ["50.0 %", "25.0 %", "0.10 %"]
    assert labels(ax) == ["␣yes", "no", "⏎"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top
    assert ax.get_xlabel() == "probability"


def test_bars_take_the_columns_of_a_frame_and_axes_that_are_there() -> None:
    frame = pd.DataFrame({"token": ["a", "b"], "prob": [0.75, 0.25]})
    _, ax = plt.subplots()
    assert plots.bars(frame["token"], frame["prob"], ax=ax) is ax
    assert [bar.get_width() for bar in ax.patches] == [0.75, 0.25]


@pytest.mark.parametrize("probs", [[1.0], [0.0], [1e-9]])
def test_one_bar_leaves_room_for_its_label(probs: list[float]) -> None:
    ax = plots.bars(["a"], probs)
    assert 0 < ax.get_xlim()[1] <= 1
    assert ax.get_xlim()[1] >= probs[0]


def test_every_sign_of_every_label_can_be_drawn() -> None:
    """A sign that the font lacks warns, and warnings are errors here; a formula would raise or vanish."""
    ax = plots.bars(AWKWARD, np.full(len(AWKWARD), 1 / len(AWKWARD)))
    ax.figure.canvas.draw()
    assert labels(ax)[3] == "$x_1$"
    assert labels(ax)[5:7] == ["‹U+202E›abc", "‹U+4E2D›‹U+6587›"]
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


@pytest.mark.parametrize(
    ("tokens", "probs", "message"),
    [
        (["a"], [0.5, 0.5], "1 tokens and probabilities of shape (2,)"),
        ([], [], "Give one for each, and at least one"),
        (["a"], [1.5], "outside 0 to 1"),
        (["a"], [float("nan")], "outside 0 to 1"),
    ],
)
def test_bars_name_what_does_not_fit(tokens: list[str], probs: list[float], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        plots.bars(tokens, probs)
    assert message in str(caught.value)
    assert plt.get_fignums() == []


def test_a_backend_that_switches_itself_on_while_the_first_figure_is_drawn_stays_on() -> None:
    """As the backend of notebooks does: else only the first picture of a notebook would be seen."""
    import matplotlib

    before = plt.isinteractive()
    try:
        with plots._style():
            matplotlib.interactive(True)
        assert plt.isinteractive()
        with plots._style():
            pass
        assert plt.isinteractive()
    finally:
        matplotlib.interactive(before)


def test_curves_are_the_entropy_and_the_top_share_at_each_temperature() -> None:
    at = [2.0, 0.25, 1.0]
    left, right = plots.temperature_curves(LOGITS, at)
    probs = [softmax(LOGITS / temperature) for temperature in sorted(at)]
    for ax, values in ((left, [entropy(each, base=2) for each in probs]), (right, [each.max() for each in probs])):
        x, y = ax.lines[0].get_data()
        assert list(x) == sorted(at)
        assert list(y) == pytest.approx(values)
        assert ax.get_xlabel() == "temperature"
    assert (left.get_ylabel(), right.get_ylabel()) == ("entropy (bits)", "top-1 share")


def test_curves_begin_at_certainty() -> None:
    left, right = plots.temperature_curves(LOGITS, np.linspace(0, 2, 5))
    assert left.lines[0].get_ydata()[0] == 0
    assert right.lines[0].get_ydata()[0] == 1


@pytest.mark.parametrize(
    ("logits", "at"), [(np.zeros((2, 3)), [1.0]), (LOGITS, []), (LOGITS, [[1.0]]), (LOGITS, [-0.5])]
)
def test_curves_refuse_other_shapes_and_cold_below_zero(logits: Any, at: Any) -> None:
    with pytest.raises(ParameterError):
        plots.temperature_curves(logits, at)
    assert plt.get_fignums() == []


def luminance(colour: Any) -> float:
    """WCAG 2.2, relative luminance."""
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("page", PAGES)
def test_the_picture_is_clear_and_its_colours_stand_out_from_the_page(page: str) -> None:
    everything = [plots.bars(["a", "b"], [0.6, 0.4]), *plots.temperature_curves(LOGITS, [0.5, 1.0])]
    for ax in everything:
        assert to_rgba(ax.figure.get_facecolor())[3] == 0
        assert to_rgba(ax.get_facecolor())[3] == 0
        texts = [ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts]
        colours = [text.get_color() for text in texts] + [bar.get_facecolor() for bar in ax.patches]
        for colour in [*colours, *(line.get_color() for line in ax.lines)]:
            low, high = sorted([luminance(colour), luminance(PAGES[page])])
            assert (high + 0.05) / (low + 0.05) >= 3.5, colour


def test_a_plot_leaves_the_learners_own_settings_alone() -> None:
    before = dict(plt.rcParams)
    plots.bars(["a"], [1.0])
    plots.temperature_curves(LOGITS, [1.0])
    assert dict(plt.rcParams) == before


def test_shares_draws_each_series_told_apart_by_colour_and_mark() -> None:
    x = [0.2, 1.0, 2.0]
    ax = plots.shares(x, {"new": [0.1, 0.5, 1.0], "facts right": [1.0, 0.9, 0.0]}, xlabel="temperature")
    new, true = ax.lines
    assert new.get_xdata().tolist() == true.get_xdata().tolist() == x
    assert new.get_ydata().tolist() == [0.1, 0.5, 1.0]
    assert new.get_color() != true.get_color()
    assert new.get_marker() != true.get_marker()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["new", "facts right"]
    assert ax.get_xlabel() == "temperature"
    assert ax.get_ylim()[0] < 0 < 1 < ax.get_ylim()[1]
    assert plots.shares([1], {"$x_1$ 中": [0], "_^{": [1]}, xlabel="x", ax=ax) is ax
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    "series",
    [{}, {"a": [0.5]}, {"a": [0.5, 1.1]}, {"a": [0.5, float("nan")]}, {str(n): [0.1, 0.2] for n in range(5)}],
)
def test_shares_refuses_what_it_cannot_draw(series: dict[str, list[float]]) -> None:
    with pytest.raises(ParameterError, match="shares"):
        plots.shares([1.0, 2.0], series, xlabel="x")


def test_calibration_draws_the_diagonal_and_larger_groups_larger() -> None:
    ax = plots.calibration([0.2, 0.9], [0.1, 1.0], [10, 30])
    (diagonal,), (groups,) = ax.lines, ax.collections
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    assert groups.get_offsets().tolist() == [[0.2, 0.1], [0.9, 1.0]]
    small, large = groups.get_sizes()
    assert small < large
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("confidence", "right", "count"),
    [([], [], []), ([0.5], [0.5, 0.5], [1]), ([1.2], [0.5], [1]), ([0.5], [-0.1], [1]), ([0.5], [0.5], [0])],
)
def test_calibration_refuses_what_it_cannot_draw(
    confidence: list[float], right: list[float], count: list[float]
) -> None:
    with pytest.raises(ParameterError, match="calibration"):
        plots.calibration(confidence, right, count)


def test_each_figure_of_a_notebook_is_shown_and_stored(tmp_path: Path) -> None:
    """The backend is loaded with the first figure, and must go on showing after it."""
    book = new_notebook(cells=[new_code_cell(FIGURE), new_code_cell(FIGURE), new_code_cell(FIGURE)])
    nbformat.write(book, tmp_path / "99-figures.ipynb")
    ran = execute_notebooks.execute(tmp_path / "99-figures.ipynb", execute_notebooks.environment_of(str(tmp_path)))
    assert [[set(output.data) for output in cell.outputs] for cell in ran.cells] == [[{"image/png", "text/plain"}]] * 3
    assert [output.metadata for cell in ran.cells for output in cell.outputs] == [{}] * 3  # no needs_background


CALLS = pd.DataFrame(
    {"target": ["a", "b"], "started_s": [0.0, 0.1], "total_s": [1.0, 2.0], "arrivals_s": [[0.2, 0.9], [0.4, 1.8]]}
)
SUMMARY = pd.DataFrame({"target": ["a", "b"], "cost_usd": [0.1, 0.2], "tokens_per_s": [50.0, 90.0]})


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.bars(["a", "b"], [0.6, 0.4]),
        lambda: plots.temperature_curves(LOGITS, [0.5, 1.0])[0],
        lambda: plots.shares([1, 2], {"a": [0, 1]}, xlabel="x"),
        lambda: plots.calibration([0.2, 0.9], [0.1, 1.0], [10, 30]),
        lambda: plots.latency_spread(CALLS),
        lambda: plots.timeline(CALLS),
        lambda: plots.frontier(SUMMARY),
    ],
    ids=["bars", "curves", "shares", "calibration", "latency", "timeline", "frontier"],
)
def test_jupyter_lays_no_white_or_black_sheet_under_any_picture(draw: Callable[[], Any]) -> None:
    figure = draw().figure
    figure.canvas.draw()
    assert backend_inline._fetch_figure_metadata(figure) is None
    for ax in figure.axes:
        for label in [*ax.get_xticklabels(), *ax.get_yticklabels()]:
            for page in PAGES.values():
                low, high = sorted([luminance(label.get_color()), luminance(page)])
                assert (high + 0.05) / (low + 0.05) >= 3.5

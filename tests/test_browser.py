"""Notebook 00 in a real JupyterLab, in a real browser, opened as `lab.py` opens it.

LAB_SHOTS names a folder for pictures of each state. No time is judged here; `benchmarks/widgets.py` measures.
The tests go on in one page, in order: opening JupyterLab takes most of their time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from browser import BARS, CONTRAST, Desk, OpenLab, is_open, listening, wait_for
from scipy.special import softmax
from scipy.stats import entropy

pytestmark = pytest.mark.browser

FIRST = "00-start-here.ipynb"
WIDGET = ".jp-OutputArea-output .widget-vbox:has(.widget-slider)"
STORED = ".jp-RenderedHTMLCommon.jp-OutputArea-output:has-text('top-1 share')"  # the widget's twin in HTML
READABLE = 4.5  # contrast of text: WCAG 2.2, 1.4.3, level AA


@pytest.fixture(scope="module")
def desk(lab: OpenLab, browser: Any) -> Iterator[Desk]:
    """What a learner gets who opens the address that the lab printed."""
    desk = Desk(lab, browser, lab.address, width=1600)
    yield desk
    desk.close()


@pytest.fixture
def widget(desk: Desk) -> Any:
    """The slider of notebook 00 on the screen, whatever ran before: all of the notebook where it was not yet."""
    if not desk.page.locator(WIDGET).count():
        desk.run_all()
    return desk.scroll_to(WIDGET)


def test_the_copy_is_trusted_and_shows_its_stored_bars_before_it_ran(lab: OpenLab, desk: Desk, shots: Path) -> None:
    cells = code_cells(lab.ask(f"api/contents/my/{FIRST}")["content"])
    assert {cell["metadata"].get("trusted") for cell in cells} == {True}
    assert_bars_are_as_wide_as_they_say(desk.scroll_to(STORED))
    desk.shoot(shots, "stored-trusted-light-1600")


def test_00_runs_from_the_top_without_an_error(desk: Desk, shots: Path) -> None:
    cells = desk.run_all()
    errors = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    desk.scroll_to(WIDGET)
    desk.shoot(shots, "ran-light-1600")
    assert desk.errors == []


def test_the_arrow_keys_move_the_slider_and_the_bars_follow(lab: OpenLab, desk: Desk, widget: Any) -> None:
    for keys, change in ((["ArrowRight"] * 4, 0.04), (["PageUp"] * 3, 0.15), (["ArrowLeft"] * 6, -0.06)):
        before, bars_before = temperature(widget), widths(widget)
        widget.locator(".noUi-handle").focus()
        for key in keys:
            desk.page.keyboard.press(key)
        assert_shown(lab, widget, before + change)
        assert widths(widget) != bars_before


def test_home_and_end_reach_the_ends_and_0_leaves_one_token(lab: OpenLab, desk: Desk, widget: Any, shots: Path) -> None:
    widget.locator(".noUi-handle").focus()
    desk.page.keyboard.press("End")
    assert_shown(lab, widget, 2.0)
    desk.shoot(shots, "temperature-2-light-1600")
    desk.page.keyboard.press("Home")
    assert_shown(lab, widget, 0.0)
    assert widths(widget) == [1.0] + [0.0] * (len(widths(widget)) - 1)
    desk.shoot(shots, "temperature-0-light-1600")


def test_dragged_fast_the_slider_ends_where_the_mouse_did(lab: OpenLab, desk: Desk, widget: Any) -> None:
    track, handle = widget.locator(".noUi-base").bounding_box(), widget.locator(".noUi-handle").bounding_box()
    y = handle["y"] + handle["height"] / 2
    desk.page.mouse.move(handle["x"] + handle["width"] / 2, y)
    desk.page.mouse.down()
    for place in [*np.linspace(0, 1, 60), *np.linspace(1, 0.35, 40)]:
        desk.page.mouse.move(track["x"] + place * track["width"], y)
    desk.page.mouse.up()
    wait_for("the last place of the mouse", lambda: abs(temperature(widget) - 0.7) < 0.02)
    assert_shown(lab, widget, temperature(widget))


def test_a_typed_number_counts_to_a_hundredth_and_stops_at_the_ends(lab: OpenLab, desk: Desk, widget: Any) -> None:
    field = widget.get_by_label("or type it")
    for typed, taken in (("0.333", 0.33), ("9", 2.0), ("-1", 0.0), ("1", 1.0)):
        field.press("ControlOrMeta+a")
        field.press_sequentially(typed)
        field.press("Enter")
        assert_shown(lab, widget, taken)


def test_the_slider_moves_when_the_kernel_moves_it(lab: OpenLab, widget: Any) -> None:
    lab.evaluate(FIRST, "knob.set(1.234)")
    assert_shown(lab, widget, 1.23)


@pytest.mark.parametrize(("theme", "width"), [("Light", 1000), ("Dark", 1000), ("Dark", 1600), ("Light", 1600)])
def test_the_widget_fits_and_reads_well(desk: Desk, widget: Any, shots: Path, theme: str, width: int) -> None:
    desk.look(theme, width)
    desk.scroll_to(WIDGET)
    desk.shoot(shots, f"ran-{theme.lower()}-{width}")
    assert_readable(widget)


def test_untrusted_the_stored_bars_are_still_there_and_read_well(lab: OpenLab, browser: Any, shots: Path) -> None:
    name = "from-elsewhere.ipynb"
    notebook = json.loads((lab.clone / "notebooks" / FIRST).read_text(encoding="utf-8"))
    notebook["metadata"]["from"] = "elsewhere"  # one byte of difference, and no signature fits
    (lab.clone / "my" / name).write_text(json.dumps(notebook), encoding="utf-8")
    desk = Desk(lab, browser, lab.url_of(name), width=1000)
    try:
        cells = code_cells(lab.ask(f"api/contents/my/{name}")["content"])
        assert {cell["metadata"].get("trusted") for cell in cells if cell["outputs"]} == {False}
        for theme in ("Light", "Dark"):
            desk.look(theme, 1000)
            stored = desk.scroll_to(STORED)
            desk.shoot(shots, f"stored-untrusted-{theme.lower()}-1000")
            assert_bars_are_as_wide_as_they_say(stored)
            assert_readable(stored)
        assert desk.errors == []
    finally:
        desk.close()


def test_a_kernel_started_anew_leaves_nothing_of_the_old_one(lab: OpenLab, desk: Desk, widget: Any) -> None:
    old_kernel, old_port = kernel_process(lab), provider_port(lab)
    assert old_port in listening([old_kernel])
    desk.menu("Kernel", "Restart Kernel…")
    desk.page.locator(".jp-Dialog .jp-mod-accept").click()
    wait_for("the old kernel's end", lambda: not old_kernel.is_running())
    wait_for("the provider's port to close", lambda: not is_open(old_port))
    wait_for("the new kernel", lambda: lab.kernel(FIRST)["execution_state"] == "idle")
    cells = desk.run_all()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert desk.errors == []


def test_ctrl_c_ends_the_lab_with_its_kernels_and_providers(lab: OpenLab, desk: Desk, widget: Any) -> None:
    kernels = lab.processes()
    ports = listening([*kernels, psutil.Process(lab.process.pid)])
    assert provider_port(lab) in ports
    assert lab.stop() == 0
    wait_for("the kernels' end", lambda: not any(kernel.is_running() for kernel in kernels))
    assert [port for port in ports if is_open(port)] == []
    assert "The lab is closed." in lab.said()
    assert "Traceback" not in lab.said()
    assert "encryption" not in lab.said()  # a kernel's warning about messages in plain text


# --- what is on the screen -------------------------------------------------------------------------------------------


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def figure(widget: Any, name: str) -> float:
    """The number shown after `name`."""
    shown = widget.locator(f"span:text-is('{name}') + b").inner_text()
    return float(re.match(r"[\d.,]+", shown)[0].replace(",", ""))  # type: ignore[index]


def temperature(widget: Any) -> float:
    return float(widget.locator("input[type=number]").input_value())


def widths(widget: Any) -> list[float]:
    """The bars' widths as shares of the whole; the last is that of all other tokens."""
    return [bar["width"] for bar in widget.locator("table").evaluate(BARS)]


def assert_shown(lab: OpenLab, widget: Any, at: float) -> None:
    """Slider, field, figures and bars all say what scipy makes of the kernel's logits at this temperature."""
    wait_for(f"temperature {at:.2f}", lambda: abs(figure(widget, "temperature") - at) < 0.006, 30)
    assert temperature(widget) == pytest.approx(at)
    assert float(widget.locator(".noUi-handle").get_attribute("aria-valuetext")) == pytest.approx(at)
    logits = np.array(lab.evaluate(FIRST, "logits.tolist()"))
    probs = softmax(logits / at) if at else np.eye(len(logits))[logits.argmax()]
    order = np.argsort(-logits, kind="stable")
    shown = widths(widget)
    best = probs[order[: len(shown) - 1]]
    assert shown == pytest.approx([*best, 1 - best.sum()], abs=0.002)
    assert figure(widget, "entropy") == pytest.approx(entropy(probs, base=2), abs=0.006)
    assert figure(widget, "effective choices") == pytest.approx(2 ** entropy(probs, base=2), abs=0.06)
    assert figure(widget, "top-1 share") == pytest.approx(100 * probs.max(), abs=0.06)
    assert_bars_are_as_wide_as_they_say(widget)


def assert_bars_are_as_wide_as_they_say(place: Any) -> None:
    bars = place.locator("table").first.evaluate(BARS)
    assert len(bars) > 5
    for bar in bars:
        said = float(bar["share"].removeprefix("< ").removesuffix(" %")) / 100
        assert bar["width"] == pytest.approx(said, abs=0.002), bar


def assert_readable(place: Any) -> None:
    """Enough contrast, nothing wider than its place, no label cut off."""
    assert place.evaluate(CONTRAST) >= READABLE
    assert place.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert place.locator("label, td").evaluate_all("all => all.every(node => node.scrollWidth <= node.clientWidth)")


def kernel_process(lab: OpenLab) -> psutil.Process:
    return psutil.Process(lab.evaluate(FIRST, "__import__('os').getpid()"))


def provider_port(lab: OpenLab) -> int:
    return int(re.search(r":(\d+)/", lab.evaluate(FIRST, "lab.url('lab')"))[1])  # type: ignore[index]

"""How long a slider's move takes to be seen in JupyterLab: every slider of the lab, and `interact` with Matplotlib.

Run: python benchmarks/widgets.py [--moves 50] [--drags 10] [--only explorer] [--shots FOLDER]
(in the tests' environment: playwright, and a Chromium or Chrome)

Each widget stands in a notebook of its own, `interact` with Matplotlib below it in the same page, and all sliders of
the page are moved in turns, by keyboard: so each has a baseline taken in the same minute. A move is timed by the
browser's own clock, from the key's event until the frame after the change has been painted. The time is told in three
parts: until the browser sends the move, until the last message before the change is there (server and kernel), until
it is painted. A move that is not seen within a few seconds is counted as lost, and the next one is made.

Then the widget's first slider is dragged to and fro by mouse, and the time is that from the last movement until the
last value is painted; that it is the last value is checked against the kernel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).absolute().parent.parent / "tests"))
from browser import Desk, OpenLab, chromium, open_browser

SETUP = """import ipywidgets
from matplotlib import pyplot as plt
from labkit import Lab, lm, plots, widgets
lab, tiny = Lab(pace='quick'), lm.load()
logits = tiny.model.logits(lm.chat_ids(tiny.tokenizer, [{"role": "user", "content": "Tell me a joke."}]))[-1]
w = %s"""
BASELINE = """def draw(temperature):
    rows = widgets.next_token_view(logits, tiny.tokenizer, temperature).rows
    plots.bars([row.token for row in rows], [row.prob for row in rows])
    plt.show()
ipywidgets.interact(draw, temperature=ipywidgets.FloatSlider(value=1.0, min=0.0, max=2.0, step=0.05));"""
THEIRS = "interact with matplotlib"
LOST_MS = 5000  # a move that takes longer is lost
AIM_MS, AIM_P95_MS, AIM_RATIO, AIM_DRAG_MS = 40, 80, 0.25, 100


@dataclass(frozen=True)
class Slider:
    """One slider. number: which of its widget's.  picture: a text in the HTML that it draws; '' where it draws none,
    and only the number beside it moves.  value: its value in the kernel, as an expression on the widget `w`.
    """

    name: str
    number: int
    picture: str
    value: str


KNOBS = ("temperature", "top_k", "top_p", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")
# name: (how it is made, what is done before it is measured, its sliders)
WIDGETS: dict[str, tuple[str, str, tuple[Slider, ...]]] = {
    "temperature": (
        "widgets.temperature(logits, tiny.tokenizer)", "w.numbers()",
        (Slider("temperature", 0, "effective choices", "w.control.value"),),
    ),
    "sampling_explorer": (
        "widgets.sampling_explorer(top_k=40, top_p=0.8, min_p=0.02)", "w.numbers()",
        (
            *(Slider(name, n, "effective choices", f"w.{name}") for n, name in enumerate(KNOBS)),
            Slider("logit bias", len(KNOBS), "effective choices", "w._bias.value"),
            Slider("texts", len(KNOBS) + 1, "", "w._n.value"),
            Slider("tokens each", len(KNOBS) + 2, "", "w._length.value"),
        ),
    ),
    "request_playground": (
        "widgets.request_playground(lab, 'openai', top_p=0.5, presence_penalty=0.5)", "w.body",
        tuple(
            Slider(name, n, "bytes", f"w.body[{name!r}]")
            for n, name in enumerate(("temperature", "top_p", "presence_penalty"))
        ),
    ),
    "request_playground, all parameters": (
        "widgets.request_playground(lab, 'openai', top_p=0.5)", "w._view.value = 'all parameters'",
        (Slider("temperature", 0, "here and now", "w.body['temperature']"),),
    ),
    "stream_scope": (
        "widgets.stream_scope(lab, max_tokens=100)", "w.send()\nw.event = 2",
        (
            Slider("event", 2, "raw bytes", "w.event"),
            Slider("after pieces", 0, "", "w.after"),
            Slider("max_tokens", 1, "", "w.max_tokens"),
        ),
    ),
    "compare_board": ("widgets.compare_board(lab)", "w.targets", (Slider("max_tokens", 0, "", "w.max_tokens"),)),
}  # fmt: skip

# Before the page's own scripts: every message between the page and the server, with its time and size.
MESSAGES = """
    const wire = window.wire = {out: [], back: []}
    const size = data => typeof data == 'string' ? data.length : data.byteLength || data.size || 0
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given)
            this.addEventListener('message', event => wire.back.push([performance.now(), size(event.data)]))
        }
        send(data) { wire.out.push([performance.now(), size(data)]); super.send(data) }
    }
"""
# Promises what became of the next key: null when `shown` did not change in time. A picture is watched; a number's field
# does not tell of its changes, so it is looked at in each frame.
AWAIT_MOVE = """([picture, lost_ms]) => {
    const input = picture.matches('input')
    const shown = () => input ? picture.value : (picture.querySelector('img') || {}).src || picture.innerHTML
    const before = shown()
    let start = 0, ended = false
    wire.out.length = wire.back.length = 0
    addEventListener('keydown', event => { start = event.timeStamp }, {capture: true, once: true})
    window.moved = new Promise(done => {
        const end = found => { if (!ended) { ended = true; watch.disconnect(); done(found) } }
        const look = async () => {
            const image = picture.querySelector('img')
            if (ended || !shown() || shown() == before || picture.matches('.widget-output') && !image) return false
            watch.disconnect()
            const changed = performance.now()
            if (image) await image.decode().catch(() => 0)
            const soon = input ? then => then() : requestAnimationFrame  // a number is seen in the frame that paints it
            soon(() => {
                const painted = new MessageChannel()
                painted.port1.onmessage = () => {
                    const to = changed - start
                    const before = list => list.filter(([at]) => at >= start && at <= changed)
                    const out = before(wire.out), back = before(wire.back)
                    const sent = out.length ? Math.min(...out.map(([at]) => at)) - start : 0
                    end({
                        ms: performance.now() - start, sent_ms: sent,
                        answer_ms: back.length ? Math.max(...back.map(([at]) => at)) - start - sent : 0,
                        out: out.length, back: back.length,
                        bytes: [...out, ...back].reduce((sum, [, size]) => sum + size, 0),
                    })
                }
                painted.port2.postMessage(0)
            })
            return true
        }
        const watch = new MutationObserver(look)
        if (input) {
            const frame = async () => { if (!ended && !await look()) requestAnimationFrame(frame) }
            requestAnimationFrame(frame)
        } else watch.observe(picture, {subtree: true, childList: true, attributes: true, characterData: true})
        setTimeout(() => end(null), lost_ms)
    })
}"""
WATCH_DRAG = """picture => {
    if (window.watching) watching.disconnect()
    const seen = window.seen = {drawn: 0, painted: 0, move: 0}
    addEventListener('mousemove', event => { window.seen.move = event.timeStamp }, {capture: true})
    const input = picture.matches('input')
    let before = picture.value
    const drew = () => {
        window.seen.drawn += 1
        requestAnimationFrame(() => { window.seen.painted = performance.now() })
    }
    const watch = window.watching = new MutationObserver(drew)
    if (!input) return watch.observe(picture, {subtree: true, childList: true, characterData: true})
    const frame = () => {
        if (window.watching != watch) return
        if (picture.value != before) { before = picture.value; drew() }
        requestAnimationFrame(frame)
    }
    frame()
}"""


@dataclass
class Times:
    """What was measured of one slider."""

    moves: list[dict[str, float]] = field(default_factory=list)
    lost: int = 0
    last_ms: list[float] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    wrong: int = 0  # drags after which kernel and slider did not have the last value

    def of(self, name: str) -> list[float]:
        return [move[name] for move in self.moves]


class Page:
    """A widget and the baseline below it, open in JupyterLab."""

    def __init__(self, lab: OpenLab, browser: Any, widget: str) -> None:
        make, before, self.sliders = WIDGETS[widget]
        name = "".join(letter if letter.isalnum() else "-" for letter in widget)
        write(lab.clone / "my" / f"{name}.ipynb", [SETUP % make, before, "w", BASELINE])
        self.lab, self.file = lab, f"{name}.ipynb"
        self.desk = Desk(lab, Scripted(browser), lab.url_of(self.file), width=1600, height=1900)
        self.page = self.desk.page
        for cell in self.desk.run_all():
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    raise RuntimeError(f"{widget}: {output['ename']}: {output['evalue']}")
        whole = ".jp-OutputArea-output:has(.widget-slider):not(:has(.widget-interact))"
        self.desk.scroll_to(whole)
        self.widget, self.baseline = self.page.locator(whole).first, self.page.locator(".widget-interact").first
        self.page.wait_for_selector(".widget-interact img")  # both are on the page: its window is high enough
        self.page.wait_for_timeout(500)

    def handle(self, slider: Slider) -> Any:
        return self.widget.locator(".noUi-handle").nth(slider.number)

    def picture(self, slider: Slider) -> Any:
        """What the slider draws, or the field of its number."""
        if slider.picture:
            return self.widget.locator(f".widget-html-content:has-text('{slider.picture}')").first
        box = self.widget.locator(".lab-knob:has(.noUi-handle)").nth(slider.number)
        return box.locator("input").first

    def move(self, handle: Any, picture: Any, key: str) -> dict[str, float] | None:
        """One move by keyboard: what it took, or None where nothing was seen of it."""
        handle.focus()
        self.page.wait_for_timeout(120)
        self.page.evaluate(AWAIT_MOVE, [picture.element_handle(), LOST_MS])
        self.page.keyboard.press(key)
        moved: dict[str, float] | None = self.page.evaluate("window.moved")
        return moved

    def keyboard(self, times: dict[str, Times], moves: int) -> None:
        """`moves` of each slider by arrow key, the sliders taking turns, the baseline among them."""
        turns = [(one.name, self.handle(one), self.picture(one)) for one in self.sliders]
        turns.append(
            (THEIRS, self.baseline.locator(".noUi-handle").first, self.baseline.locator(".widget-output").first)
        )
        for number in range(moves + 3):
            for name, handle, picture in turns:
                moved = self.move(handle, picture, "ArrowRight" if number % 20 < 10 else "ArrowLeft")
                if number < 3:  # the first moves warm all up
                    continue
                if moved is None:
                    times[name].lost += 1
                else:
                    times[name].moves.append(moved)

    def drag(self, times: Times, slider: Slider, drags: int) -> None:
        """Fast drags of a hundred movements: how long after the last one its value is painted."""
        self.page.evaluate(WATCH_DRAG, self.picture(slider).element_handle())
        handle, base = self.handle(slider), self.widget.locator(".noUi-base").nth(slider.number)
        handle.scroll_into_view_if_needed()
        for number in range(drags):
            track, grip = base.bounding_box(), handle.bounding_box()
            y = grip["y"] + grip["height"] / 2
            self.page.evaluate("window.seen = {drawn: 0, painted: 0, move: 0}")
            self.page.mouse.move(grip["x"] + grip["width"] / 2, y)
            self.page.mouse.down()
            for step in range(100):
                place = abs((step + number) % 50 - 25) / 25
                self.page.mouse.move(track["x"] + place * track["width"], y)
            self.page.wait_for_timeout(1500)  # still held: the last movement is the last event
            seen = self.page.evaluate("window.seen")
            self.page.mouse.up()
            shown, there = float(handle.get_attribute("aria-valuetext")), self.lab.evaluate(self.file, slider.value)
            times.wrong += abs(shown - there) > 0.006  # the browser tells hundredths
            times.last_ms.append(max(0.0, seen["painted"] - seen["move"]))
            times.drawn.append(seen["drawn"])


class Scripted:
    """A browser whose pages note the messages that they exchange with the server."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def new_context(self, **options: Any) -> Any:
        context = self._browser.new_context(**options)
        context.add_init_script(MESSAGES)
        return context


def main() -> int:
    """Measure every widget; what fails is told, and the next one is measured."""
    asked = argparse.ArgumentParser(description="Slider to repaint, in JupyterLab.")
    asked.add_argument("--moves", type=int, default=50, help="of each slider by keyboard")
    asked.add_argument("--drags", type=int, default=10, help="of each widget's first slider by mouse")
    asked.add_argument("--only", default="", help="widgets whose names hold this word")
    asked.add_argument("--shots", type=Path, help="a folder for a picture of each page")
    given = asked.parse_args()
    executable = chromium()
    if executable is None:
        print("No Chromium or Chrome was found; CHROMIUM may name one.", file=sys.stderr)
        return 1
    failed, kept, met = 0, 0, 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, open_browser(executable) as browser:
        lab = OpenLab(Path(home))
        try:
            for widget in [name for name in WIDGETS if given.only in name]:
                times = {name: Times() for name in [*(one.name for one in WIDGETS[widget][2]), THEIRS]}
                page = None
                try:
                    page = Page(lab, browser, widget)
                    if given.shots:
                        page.desk.shoot(given.shots, page.file.removesuffix(".ipynb"))
                    page.keyboard(times, given.moves)
                    for slider in page.sliders[:1]:
                        page.drag(times[slider.name], slider, given.drags)
                except Exception as error:  # the other widgets are measured all the same
                    failed += 1
                    print(f"{widget}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
                finally:
                    if page is not None:
                        page.desk.close()
                told = report(widget, times)
                kept, met = kept + told[0], met + told[1]
        finally:
            lab.stop()
    print(f"\n{met} of {kept} sliders keep all aims: median under {AIM_MS} ms, p95 under {AIM_P95_MS} ms, "
          f"median at most {AIM_RATIO} of the baseline's")  # fmt: skip
    return 1 if failed else 0


def report(widget: str, times: dict[str, Times]) -> tuple[int, int]:
    """Print what was measured of a widget. Returns how many sliders it has, and how many keep the aims."""
    print(f"\n{widget}")
    print(
        f"  {'slider':26} {'median':>7} {'p95':>7} {'ratio':>6}   {'to send':>8} {'answer':>8} {'paint':>7}   "
        "messages, bytes"
    )
    theirs, kept = times[THEIRS].of("ms"), 0
    base = statistics.median(theirs) if theirs else None
    for name, one in times.items():
        taken = one.of("ms")
        if not taken:
            print(f"  {name:26} not seen in {one.lost} moves")
            continue
        median, high = statistics.median(taken), p95(taken)
        ratio = median / base if base else float("nan")
        kept += name != THEIRS and median < AIM_MS and high < AIM_P95_MS and ratio <= AIM_RATIO
        sent, answer = (statistics.median(one.of(part)) for part in ("sent_ms", "answer_ms"))
        messages = f"{statistics.median(one.of('out')):.0f} + {statistics.median(one.of('back')):.0f}"
        lost = f", {one.lost} not seen" if one.lost else ""
        print(
            f"  {name:26} {median:4.0f} ms {high:4.0f} ms {ratio:6.2f}   {sent:5.0f} ms {answer:5.0f} ms "
            f"{median - sent - answer:4.0f} ms   {messages}, {statistics.median(one.of('bytes')):,.0f}{lost}"
        )
    for name, one in times.items():
        if one.last_ms:
            median = statistics.median(one.last_ms)
            word = "in time" if median < AIM_DRAG_MS and not one.wrong else "LATE"
            print(
                f"  {name} dragged fast, {len(one.last_ms)} times 100 movements: drawn "
                f"{statistics.median(one.drawn):.0f} times a drag, the last value {median:.0f} ms (median), "
                f"{max(one.last_ms):.0f} ms (most) after the last movement: {word}; {one.wrong} ended elsewhere"
            )
    sys.stdout.flush()
    return len(times) - 1, kept


def write(path: Path, cells: Sequence[str]) -> None:
    """A notebook of these cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [{"cell_type": "code", "metadata": {}, "source": cell, "outputs": [], "execution_count": None, "id": f"c{n}"}
            for n, cell in enumerate(cells)]  # fmt: skip
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


if __name__ == "__main__":
    raise SystemExit(main())

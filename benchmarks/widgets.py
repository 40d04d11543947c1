"""How long a slider's move takes to be seen in JupyterLab: the lab's slider, and `interact` with Matplotlib.

Run: python benchmarks/widgets.py    (in the tests' environment: playwright, and a Chromium or Chrome)
Both sliders draw the same next-token distribution and are moved in turns, by keyboard, in one page. A move is timed by
the browser's own clock, from the key's event until the frame after the change has been painted. Then the lab's slider
is dragged to and fro by mouse, and the time is that from the last movement until the last value is painted.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).absolute().parent.parent / "tests"))
from browser import Desk, OpenLab, chromium, open_browser

NOTEBOOK = "sliders.ipynb"
CELLS = [
    """import ipywidgets
from matplotlib import pyplot as plt
from labkit import lm, plots, widgets
tiny = lm.load()
logits = tiny.model.logits(lm.chat_ids(tiny.tokenizer, [{"role": "user", "content": "Tell me a joke."}]))[-1]""",
    "widgets.temperature(logits, tiny.tokenizer)",
    """def draw(temperature):
    rows = widgets.next_token_view(logits, tiny.tokenizer, temperature).rows
    plots.bars([row.token for row in rows], [row.prob for row in rows])
    plt.show()
ipywidgets.interact(draw, temperature=ipywidgets.FloatSlider(value=1.0, min=0.0, max=2.0, step=0.05));""",
]
SLIDERS = {
    "labkit.widgets.temperature": (".widget-vbox:has(.widget-html)", ".widget-html-content"),
    "interact with matplotlib": (".widget-interact", ".widget-output"),
}

# Promises the milliseconds from the next key until what `picture` shows has changed and the change was painted.
AWAIT_MOVE = """picture => {
    const shown = () => (picture.querySelector('img') || {}).src || picture.innerHTML
    const before = shown()
    let start
    addEventListener('keydown', event => { start = event.timeStamp }, {capture: true, once: true})
    window.moved = new Promise(done => {
        const watch = new MutationObserver(async () => {
            const image = picture.querySelector('img')
            if (!shown() || shown() == before || picture.matches('.widget-output') && !image) return
            watch.disconnect()
            if (image) await image.decode()
            requestAnimationFrame(() => {
                const painted = new MessageChannel()
                painted.port1.onmessage = () => done(performance.now() - start)
                painted.port2.postMessage(0)
            })
        })
        watch.observe(picture, {subtree: true, childList: true, attributes: true})
    })
}"""
WATCH_DRAG = """picture => {
    const seen = window.seen = {drawn: 0}
    addEventListener('mousemove', event => { seen.move = event.timeStamp }, {capture: true})
    new MutationObserver(() => {
        seen.drawn += 1
        requestAnimationFrame(() => { seen.painted = performance.now() })
    }).observe(picture, {subtree: true, childList: true})
}"""


def main(moves: int = 50, drags: int = 10) -> int:
    """Move, drag, and print medians, 95th percentiles and their ratios."""
    executable = chromium()
    if executable is None:
        print("No Chromium or Chrome was found; CHROMIUM may name one.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, open_browser(executable) as browser:
        lab = OpenLab(Path(home))
        try:
            write(lab.clone / "my" / NOTEBOOK)
            desk = Desk(lab, browser, lab.url_of(NOTEBOOK), width=1600, height=1400)
            desk.run_all()
            times = keyboard(desk, moves)
            last, drawn = drag(desk, drags)
        finally:
            lab.stop()
    for name, taken in times.items():
        print(f"{name:28} median {statistics.median(taken):4.0f} ms   p95 {p95(taken):4.0f} ms   of {len(taken)} moves")
    ours, theirs = times.values()
    ratios = statistics.median(ours) / statistics.median(theirs), p95(ours) / p95(theirs)
    print(f"ratio of the medians {ratios[0]:.2f}, of the p95 {ratios[1]:.2f}")
    print(
        f"dragged fast, {drags} times 100 movements: drawn {statistics.median(drawn):.0f} times a drag, the last value "
        f"{statistics.median(last):.0f} ms (median), {max(last):.0f} ms (most) after the last movement"
    )
    return 0


def write(path: Path) -> None:
    """The notebook with both sliders."""
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def keyboard(desk: Desk, moves: int) -> dict[str, list[float]]:
    """Milliseconds of each move by arrow key, the sliders taking turns."""
    places: dict[str, tuple[Any, Any]] = {}
    for name, (widget, picture) in SLIDERS.items():
        found = desk.scroll_to(widget)
        places[name] = (found.locator(".noUi-handle"), found.locator(picture).element_handle())
    times: dict[str, list[float]] = {name: [] for name in SLIDERS}
    for number in range(moves + 3):
        for name, (handle, picture) in places.items():
            handle.focus()
            desk.page.wait_for_timeout(150)
            desk.page.evaluate(AWAIT_MOVE, picture)
            desk.page.keyboard.press("ArrowRight" if number % 20 < 10 else "ArrowLeft")
            taken = desk.page.evaluate("window.moved")
            if number >= 3:  # the first moves warm both up
                times[name].append(taken)
    return times


def drag(desk: Desk, drags: int) -> tuple[list[float], list[int]]:
    """For each fast drag: milliseconds from the last movement to the last picture, and how often it was drawn."""
    widget, picture = SLIDERS["labkit.widgets.temperature"]
    found = desk.scroll_to(widget)
    desk.page.evaluate(WATCH_DRAG, found.locator(picture).element_handle())
    last, drawn = [], []
    for number in range(drags):
        track, handle = found.locator(".noUi-base").bounding_box(), found.locator(".noUi-handle").bounding_box()
        y = handle["y"] + handle["height"] / 2
        desk.page.evaluate("window.seen.drawn = 0")
        desk.page.mouse.move(handle["x"] + handle["width"] / 2, y)
        desk.page.mouse.down()
        for step in range(100):
            place = abs((step + number) % 50 - 25) / 25
            desk.page.mouse.move(track["x"] + place * track["width"], y)
        desk.page.wait_for_timeout(1500)  # still held: the last movement is the last event
        seen = desk.page.evaluate("window.seen")
        desk.page.mouse.up()
        last.append(max(0.0, seen["painted"] - seen["move"]))
        drawn.append(seen["drawn"])
    return last, drawn


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


if __name__ == "__main__":
    raise SystemExit(main())

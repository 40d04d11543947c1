"""What a model or a server may write to do harm, shown by the lab in a real JupyterLab: inert and readable.

Once as stored output of a notebook that is not trusted, where JupyterLab cleans what it shows, and once freshly run,
where it does not: then the lab's own escaping is all there is. LAB_SHOTS names a folder for pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import CONTRAST, Desk, OpenLab

pytestmark = pytest.mark.browser

NAME = "hostile.ipynb"
CODE = r"""
import json, httpx
from labkit import diagnose, diff, show
from labkit.view import log_html
from labkit.wire import Exchange
HOSTILE = {
    "script": "<script>window.harmed = 'script'; document.title = 'harmed'</script>",
    "image": "<img src=x onerror=\"window.harmed = 'image'\">",
    "svg": "<svg onload=\"window.harmed = 'svg'\"></svg><iframe src='javascript:parent.harmed=1'></iframe>",
    "breakout": "</pre></div></details></td></table><style>*{display:none}</style>",
    "attribute": "\" onmouseover=\"window.harmed = 'attribute'\" style=\"position:fixed",
    "markdown": "[click](javascript:harmed=1) ![x](http://127.0.0.1:9/x.png) **b** <a href='javascript:harmed=1'>a</a>",
    "ansi": "\x1b[31mred\x1b[0m \x1b]8;;http://127.0.0.1:9/\x07link\x1b]8;;\x07",
    "override": "user\u202etxt.exe\u2066 hidden \u2069 end",
    "math": "$$\\href{javascript:harmed=1}{x}$$ \\(\\unicode{x41}\\)",
}
def answer(text, status=200):
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    body = body if status == 200 else {"error": {"message": text, "code": text[:20]}}
    sent = {"model": text[:60], "messages": [{"role": "user", "content": text}], text[:40]: 1}
    request = httpx.Request("POST", "http://127.0.0.1:1/openai/chat/completions", json=sent)
    return httpx.Response(status, json=body, headers={"x-said": ascii(text)[:80]}, request=request)
"""
SHOWN = {
    "show": "from IPython.display import display\nfor text in HOSTILE.values():\n    display(show(answer(text)))",
    "diff": "diff(answer(' '.join(HOSTILE.values())), answer('plain'))",
    "diagnose": "from IPython.display import display\n"
    "for text in HOSTILE.values():\n    display(diagnose(answer('rate limit ' + text, 429)))",
    "log": "from IPython.display import HTML, display\n"
    "calls = [Exchange.of(answer(text, status)) for text in HOSTILE.values() for status in (200, 400)]\n"
    "display(HTML(log_html(calls)))",
    "megabyte": "show(answer(' '.join(HOSTILE.values()) * 2000))",
}
HARM = """() => {
    const found = [...document.querySelectorAll('.jp-OutputArea-output')]
    const within = selector => found.flatMap(node => [...node.querySelectorAll(selector)]).length
    return {harmed: window.harmed ?? null, title: document.title.includes('harmed'),
            elements: within('script, img, svg, iframe, style, a, object, [onerror], [onload], [onmouseover]'),
            fixed: found.flatMap(node => [...node.querySelectorAll('*')])
                        .filter(node => getComputedStyle(node).position == 'fixed').length,
            unseen: /[\\u001b\\u202a-\\u202e\\u2066-\\u2069]/.test(found.map(node => node.textContent).join(''))}
}"""
NONE = {"harmed": None, "title": False, "elements": 0, "fixed": 0, "unseen": False}


@pytest.fixture(scope="module")
def desk(lab: OpenLab, browser: Any) -> Iterator[Desk]:
    """A notebook that nobody signed, with the views stored in it as if somebody had sent it."""
    nbformat.write(stored(), lab.clone / "my" / NAME)
    desk = Desk(lab, browser, lab.url_of(NAME), width=1600)
    yield desk
    desk.close()


def stored() -> Any:
    """The notebook, its outputs made here by running its cells."""
    space: dict[str, Any] = {}
    exec(CODE, space)  # the same code that the browser's kernel runs
    views = {
        "show": [space["show"](space["answer"](text)) for text in space["HOSTILE"].values()],
        "diff": [space["diff"](space["answer"](" ".join(space["HOSTILE"].values())), space["answer"]("plain"))],
    }
    cells = [nbformat.v4.new_code_cell(CODE, execution_count=1)]
    for number, (name, code) in enumerate(SHOWN.items(), 2):
        outputs = [
            nbformat.v4.new_output("display_data", view._repr_mimebundle_(), metadata={})
            for view in views.get(name, [])
        ]
        cells.append(nbformat.v4.new_code_cell(code, execution_count=number, outputs=outputs))
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=spec)


def opened(desk: Desk) -> None:
    """Every part of the page come into view once, and everything that was folded opened."""
    place = desk.page.locator(".jp-WindowedPanel-outer").first
    for _ in range(40):
        place.evaluate("place => place.scrollBy(0, 700)")
        desk.page.evaluate("() => document.querySelectorAll('details').forEach(each => each.open = true)")
        desk.page.wait_for_timeout(60)


def test_stored_in_an_untrusted_notebook_nothing_acts(lab: OpenLab, desk: Desk, shots: Path) -> None:
    cells = [c for c in lab.ask(f"api/contents/my/{NAME}")["content"]["cells"] if c["cell_type"] == "code"]
    assert {cell["metadata"].get("trusted") for cell in cells if cell["outputs"]} == {False}
    desk.scroll_to(".jp-OutputArea-output:has-text('what each field')")
    desk.shoot(shots, "hostile-untrusted-light-1600")
    opened(desk)
    assert desk.page.evaluate(HARM) == NONE


def test_freshly_run_nothing_acts_and_all_of_it_can_be_read(desk: Desk, shots: Path) -> None:
    cells = desk.run_all()
    assert [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"] == []
    opened(desk)
    assert desk.page.evaluate(HARM) == NONE
    said = "".join(
        "".join(o["data"]["text/html"]) for c in cells for o in c["outputs"] if "text/html" in o.get("data", {})
    )
    for piece in (
        "&lt;script&gt;window.harmed",
        "&lt;img src=x onerror",
        "‹U+202E›",
        "␛[31mred",
        "[click](javascript:",
    ):
        assert piece in said, piece


@pytest.mark.parametrize(("theme", "width"), [("Light", 1600), ("Dark", 1600), ("Light", 1000), ("Dark", 1000)])
def test_the_views_are_readable_and_stay_in_their_column(desk: Desk, theme: str, width: int, shots: Path) -> None:
    desk.look(theme, width)
    view = desk.scroll_to(".jp-OutputArea-output:has-text('what each field of the answer')")
    desk.shoot(shots, f"hostile-run-{theme.lower()}-{width}")
    assert view.evaluate(CONTRAST) >= 4.5
    wider = view.evaluate("node => node.scrollWidth - node.clientWidth")
    assert wider <= 1
    sides = view.evaluate(
        "node => [...node.querySelectorAll('div')].filter(each => getComputedStyle(each).flexWrap == 'wrap')"
        ".flatMap(each => [...each.children].slice(0, 2).map(child => child.getBoundingClientRect().top))"
    )
    if width == 1600:
        assert abs(sides[0] - sides[1]) < 2, "request and answer stand side by side where there is room"

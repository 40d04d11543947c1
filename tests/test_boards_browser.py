"""The larger widgets in a real JupyterLab, in a real browser; one of them in Notebook 7 as well.

One start of JupyterLab serves all: each widget has a notebook of its own, opened in a page of its own. LAB_SHOTS names
a folder for pictures of each state. No time is judged here; `benchmarks/widgets.py` measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe
import nbformat
import outside
import psutil
import pytest
from browser import BARS, CONTRAST, ROOT, Desk, OpenLab, free_port, is_open, wait_for

pytestmark = pytest.mark.browser

BOARD = ".lab-board"
READABLE = 4.5  # contrast of text: WCAG 2.2, 1.4.3, level AA; what is disabled is exempt
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Bench:
    """A notebook with one widget, called `w`, run in a page of JupyterLab."""

    def __init__(self, lab: OpenLab, browser: Any, shots: Path, name: str, make: str, twin: str) -> None:
        self.lab, self.shots, self.name, self.file = lab, shots, name, f"{name}.ipynb"
        cells = [f"from labkit import Lab, widgets\nlab = Lab(pace='quick')\nw = {make}", "w", twin]
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": KERNEL}
        )
        nbformat.write(notebook, lab.clone / "my" / self.file)
        self.desk = Desk(lab, browser, lab.url_of(self.file), width=1600, height=1300)
        self.cells = self.desk.run_all()
        self.board = self.desk.scroll_to(BOARD)

    def printed(self) -> str:
        """What the twin's cell printed."""
        return "".join(self.cells[2]["outputs"][0]["text"])

    @property
    def page(self) -> Any:
        return self.desk.page

    def button(self, name: str) -> Any:
        return self.board.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Any:
        return self.board.get_by_label(label, exact=True)

    def type(self, label: str, text: str) -> None:
        """Type into a field, as a person does, and leave it by Enter."""
        field = self.field(label).first
        field.press("ControlOrMeta+a")
        field.press_sequentially(text)
        field.press("Enter")

    def kernel(self, expression: str) -> Any:
        """The value of an expression in the kernel."""
        return self.lab.evaluate(self.file, expression)

    def until(self, what: str, ask: Any) -> None:
        wait_for(what, ask, 240)

    def says(self, text: str) -> None:
        """Wait until the board shows this text."""
        try:
            self.until(f"the board to say {text!r}", lambda: text in self.board.inner_text())
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {self.board.inner_text()}") from None

    def shoot(self, state: str) -> None:
        self.desk.scroll_to(BOARD)
        self.desk.shoot(self.shots, f"{self.name}-{state}")

    def assert_well_shown(self, state: str) -> None:
        """Two widths and two themes: nothing cut off or too faint, nothing serious for axe, no error in the console."""
        for theme, width in (("Light", 1000), ("Dark", 1000), ("Dark", 1600), ("Light", 1600)):
            self.desk.look(theme, width, 1300)
            self.desk.scroll_to(BOARD)
            self.desk.shoot(self.shots, f"{self.name}-{state}-{theme.lower()}-{width}")
            assert self.board.evaluate("node => node.scrollWidth <= node.clientWidth + 1"), (theme, width)
            assert cut_off(self.board) == [], (theme, width)
            assert self.board.evaluate(CONTRAST) >= READABLE, (theme, width)
            assert axe.violations(self.page, BOARD) == []
        self.assert_no_error()

    def assert_no_error(self) -> None:
        assert [output for cell in self.cells for output in cell["outputs"] if output["output_type"] == "error"] == []
        assert self.desk.errors == []
        assert self.page.locator("text=Traceback").count() == 0

    def close(self) -> None:
        self.desk.close()


def cut_off(board: Any) -> list[str]:
    """The labels, buttons and cells whose text is wider than they are."""
    found: list[str] = board.locator("label, td, th, button").evaluate_all(
        "all => all.filter(n => n.getClientRects().length && n.scrollWidth > n.clientWidth + 1).map(n => n.innerText)"
    )
    return found


def bars(board: Any) -> list[Any]:
    found: list[Any] = board.locator("table").first.evaluate(BARS)
    return found


# --- the sampling explorer -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def explorer(lab: OpenLab, browser: Any, shots: Path) -> Iterator[Bench]:
    bench = Bench(
        lab, browser, shots, "explorer", "widgets.sampling_explorer(temperature=1.2)", "w.top_k = 6\nprint(w.numbers())"
    )
    yield bench
    bench.close()


def test_the_explorers_twin_moved_its_slider(explorer: Bench) -> None:
    assert "'tokens_left': 6" in explorer.printed()
    assert explorer.field("top_k").input_value() == "6"
    assert "cut by top_k" in explorer.board.inner_text()


def test_the_arrow_keys_move_the_explorers_temperature_and_the_bars_follow(explorer: Bench) -> None:
    before = [bar["width"] for bar in bars(explorer.board)]
    handle = explorer.board.locator(".noUi-handle").first
    handle.focus()
    for _ in range(5):
        explorer.page.keyboard.press("PageUp")
    explorer.until("the bars", lambda: [bar["width"] for bar in bars(explorer.board)] != before)
    explorer.until("the kernel", lambda: explorer.kernel("w.temperature") > 1.2)
    rows = explorer.kernel("[row.after for row in w.view.rows]")
    explorer.until(
        "the widths of the bars",
        lambda: [bar["width"] for bar in bars(explorer.board)][: len(rows)] == pytest.approx(rows, abs=0.004),
    )


def test_tokens_are_drawn_clicked_and_taken_back_by_keyboard(explorer: Bench) -> None:
    explorer.button("Draw a token").focus()
    explorer.page.keyboard.press("Enter")
    explorer.until("a token", lambda: explorer.kernel("len(w.steps)") == 1)
    shown = explorer.board.locator(".lab-tokens button").nth(1)
    explorer.until("the buttons", lambda: shown.inner_text() == explorer.kernel("w.view.rows[1].token"))
    token = shown.inner_text()
    shown.focus()
    explorer.page.keyboard.press("Space")
    explorer.until("the second token", lambda: explorer.kernel("len(w.steps)") == 2)
    assert explorer.kernel("w.steps[1].token") == token
    explorer.says("the path not taken")
    explorer.button("Back").click()
    explorer.until("one token less", lambda: explorer.kernel("len(w.steps)") == 1)


def test_many_texts_are_written_while_the_sliders_stay_alive(explorer: Bench) -> None:
    explorer.type("texts", "30")
    explorer.type("tokens each", "40")
    explorer.until("both numbers", lambda: explorer.kernel("(w._n.value, w._length.value)") == [30, 40])
    explorer.button("Write them").click()
    explorer.until("the work", lambda: explorer.kernel("w.busy or w.written is not None"))
    explorer.type("temperature", "0.5")
    explorer.until("the slider", lambda: explorer.kernel("w.temperature") == 0.5)
    explorer.says("distinct-2")
    explorer.assert_well_shown("many")


# --- when nobody answers any more ------------------------------------------------------------------------------------

TWO = "widgets.temperature([2.0, 1.0] + [0.0] * 4094, lm.load().tokenizer)"
ENDED, LOST = "The kernel behind this widget has ended", "The connection to Jupyter is lost"


def assert_told(page: Any, sentence: str, times: int) -> None:
    """So many widgets on the page say this; of the other sentence nothing is seen."""
    other = ENDED if sentence == LOST else LOST
    wait_for(sentence, lambda: page.locator(f"text={sentence} >> visible=true").count() == times, 240)
    assert page.locator(f"text={other} >> visible=true").count() == 0


def test_a_kernel_that_is_killed_or_shut_down_is_told_in_a_sentence(lab: OpenLab, browser: Any, shots: Path) -> None:
    make = f"widgets.request_playground(lab, 'openai')\nfrom labkit import lm\nknob = {TWO}"
    bench = Bench(lab, browser, shots, "ended", make, "knob")
    page = bench.page
    try:
        assert page.locator(f"text={ENDED} >> visible=true").count() == 0
        assert page.locator(f"text={LOST} >> visible=true").count() == 0
        psutil.Process(bench.kernel("__import__('os').getpid()")).kill()
        page.locator(".jp-Dialog", has_text="appears to have died").locator(".jp-mod-accept").click()
        assert_told(page, ENDED, 2)
        bench.shoot("killed")
        bench.until("another kernel", lambda: lab.kernel(bench.file)["execution_state"] == "idle")
        assert_told(page, ENDED, 2)
        bench.desk.menu("Kernel", "Shut Down Kernel")
        wait_for("no kernel", lambda: lab.kernel(bench.file) is None)
        assert_told(page, ENDED, 2)
        # What JupyterLab itself had still asked the dead kernel.
        own = [error for error in bench.desk.errors if "Canceled future" not in error]
        assert own == []
    finally:
        bench.close()


def test_when_jupyter_itself_has_stopped_the_widget_says_so(tmp_path: Path, browser: Any, shots: Path) -> None:
    lab = OpenLab(tmp_path)
    bench = None
    try:
        bench = Bench(lab, browser, shots, "lost", "widgets.sampling_explorer()", "print(w.numbers())")
        lab.stop()
        assert_told(bench.page, LOST, 1)
        bench.shoot("server")
    finally:
        if bench is not None:
            bench.close()
        lab.stop()


# --- the request playground ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def playground(lab: OpenLab, browser: Any, shots: Path) -> Iterator[Bench]:
    bench = Bench(
        lab,
        browser,
        shots,
        "playground",
        "widgets.request_playground(lab, 'deepseek', temperature=0.3)",
        "w.set('stop', ['END'])\nprint(w.summary())",
    )
    yield bench
    bench.close()


def test_the_playgrounds_slider_and_texts_change_the_json_as_they_are_moved(playground: Bench) -> None:
    assert '"stop": ["END"]' in playground.printed()
    playground.type("temperature", "1.25")
    playground.says('"temperature": 1.25')
    playground.field("says").last.fill("Say <b>hello</b>.")
    playground.says('"content": "Say <b>hello</b>."')
    playground.button("curl").click()
    playground.says("$DEEPSEEK_API_KEY")
    playground.button("all parameters").click()
    playground.says("here and now")
    playground.assert_well_shown("parameters")
    playground.button("JSON").click()


def test_send_brings_an_answer_with_usage_cost_and_times(playground: Bench) -> None:
    playground.button("Send").focus()
    playground.page.keyboard.press("Enter")
    playground.says("The answer is complete.")
    playground.says("tokens out")
    playground.says("Said by lab-chat")
    playground.assert_well_shown("answered")


def test_stop_ends_a_stream_that_stalls_while_the_slider_stays_alive(playground: Bench) -> None:
    playground.kernel("[lab.fault('deepseek', 'stall', after=2, seconds=300, times=1)] and 1")
    playground.button("Send").click()
    playground.until("the stream", lambda: playground.kernel("w.call.state") == "arriving")
    playground.type("temperature", "0.5")
    playground.says('"temperature": 0.5')
    playground.button("Stop").click()
    playground.says("Stopped by hand")
    playground.until("the buttons", lambda: playground.button("Send").is_enabled())


def test_another_provider_is_chosen_by_keyboard_and_the_difference_shows(playground: Bench) -> None:
    playground.field("compare with").select_option("mistral")
    playground.says("body.model")
    playground.field("provider").select_option("anthropic")
    playground.says("Left out")
    playground.says("claude")
    playground.assert_well_shown("difference")


# --- the stream scope ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scope(lab: OpenLab, browser: Any, shots: Path) -> Iterator[Bench]:
    twin = "w.send()\nw.event = 2\nprint(w.numbers())"
    bench = Bench(lab, browser, shots, "scope", "widgets.stream_scope(lab, 'deepseek', max_tokens=60)", twin)
    yield bench
    bench.close()


def test_the_scope_shows_a_stream_event_by_event(scope: Bench) -> None:
    assert "'usage': 1" in scope.printed()
    scope.says("event 2 of")
    handle = scope.board.locator(".noUi-handle").last
    handle.focus()
    scope.page.keyboard.press("ArrowRight")
    scope.says("event 3 of")
    scope.button("Next").press("Enter")
    scope.says("event 4 of")
    scope.type("event", "1")
    scope.says("event 1 of")
    scope.assert_well_shown("stream")


def test_the_scope_shows_where_a_cut_happens(scope: Bench) -> None:
    scope.field("goes wrong").select_option("cut")
    scope.button("Send").press("Enter")
    scope.says("the answer is incomplete")
    scope.says("The stream broke off here")
    scope.assert_well_shown("cut")


# --- the token lens --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lens(lab: OpenLab, browser: Any, shots: Path) -> Iterator[Bench]:
    bench = Bench(lab, browser, shots, "lens", "widgets.token_lens(lab)", "w.text = 'Hello'\nprint(w.numbers())")
    yield bench
    bench.close()


def test_the_lens_follows_what_is_typed(lens: Bench) -> None:
    assert "'characters': 5" in lens.printed()
    lens.field("text").fill("<b>strawberry</b> 👩‍🔬 日本語")
    lens.says("parts of a character")
    lens.until("the count", lambda: str(lens.kernel("w.numbers()['bytes']")) in lens.board.inner_text())
    assert lens.board.locator("b:text-is('strawberry')").count() == 0
    lens.assert_well_shown("text")
    lens.field("show ids").press("Space")
    lens.field("sample text").select_option("Arabic")
    lens.button("languages").press("Enter")
    lens.says("Japanese (")
    lens.assert_well_shown("languages")


# --- the config bench ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(lab: OpenLab, browser: Any, shots: Path) -> Iterator[Bench]:
    bench = Bench(
        lab, browser, shots, "bench", "widgets.config_bench(lab, endpoint='DeepSeek')",
        "w.drop = ['user']\nprint(w.summary())",
    )  # fmt: skip
    yield bench
    bench.close()


def test_a_tick_changes_yaml_and_request_and_the_answer_comes(config: Bench) -> None:
    assert "bytes saved" in config.printed()
    config.field("temperature").press("Space")
    config.until("the YAML", lambda: "temperature" in config.field("YAML").input_value())
    config.button("difference").click()
    config.says("body.temperature")
    config.button("Send").press("Enter")
    config.says("The answer is complete.")
    config.assert_well_shown("answered")


def test_yaml_that_is_none_is_a_sentence(config: Bench) -> None:
    field = config.field("YAML")
    field.fill("endpoints: [")
    field.blur()
    config.says("This is no YAML")
    config.button("check").click()
    config.assert_well_shown("broken")


# --- the compare board -----------------------------------------------------------------------------------------------


def test_eight_targets_stream_side_by_side(lab: OpenLab, browser: Any, shots: Path) -> None:
    eight = "['lab', 'anthropic', 'deepseek', 'fireworks', 'groq', 'mistral', 'ollama', 'openai']"
    bench = Bench(
        lab, browser, shots, "compare", "widgets.compare_board(lab, max_tokens=60)",
        f"w.targets = {eight}\nw.send()\nprint(w.summary())",
    )  # fmt: skip
    try:
        assert bench.printed().count("complete 200") == 8
        bench.says("All have answered.")
        bench.assert_well_shown("eight")
        bench.field("targets").select_option(index=[0, 1, 2])
        bench.field("prompt").fill("Say hello.")
        bench.button("Send to all").press("Enter")
        bench.until("three answers", lambda: bench.kernel("[len(w.race.calls), w.busy]") == [3, False])
        bench.says("All have answered.")
        bench.assert_no_error()
    finally:
        bench.close()


# --- the error lab ---------------------------------------------------------------------------------------------------


def test_a_call_goes_wrong_is_diagnosed_and_mended(lab: OpenLab, browser: Any, shots: Path) -> None:
    bench = Bench(lab, browser, shots, "errors", "widgets.error_lab(lab)", "w.send()\nprint(w.summary())")
    try:
        assert "wrong_key" in bench.printed()
        bench.says("very likely")
        bench.assert_well_shown("diagnosis")
        bench.button("exchange").click()
        bench.says("401")
        bench.assert_well_shown("exchange")
        bench.field("key").select_option("the right key")
        bench.button("Send").press("Enter")
        bench.says("It works")
        bench.field("what goes wrong").select_option("cut")
        bench.button("Send").press("Enter")
        bench.says("incomplete")
        bench.assert_no_error()
    finally:
        bench.close()


# --- Notebook 7 ------------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook7(tmp_path: Path) -> Iterator[str]:
    """The address of a Notebook 7 whose kernel is this environment's, with a notebook of two widgets."""
    if not outside.ready("notebook7"):
        reason = "Notebook 7 is not installed: python tests/outside.py notebook7"
        pytest.fail(reason) if os.environ.get("LAB_CI") else pytest.skip(reason)
    kernel = tmp_path / "data" / "kernels" / "lab"  # of the name python3 there is always the server's own
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": command, "display_name": "The lab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(described), encoding="utf-8")
    cells = ["from labkit import widgets\nw = widgets.sampling_explorer(temperature=1.2)", "w", "print(w.numbers())"]
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": {**KERNEL, "name": "lab"}}
    )
    (tmp_path / "here").mkdir()
    nbformat.write(made, tmp_path / "here" / "w.ipynb")
    port = free_port()
    settings = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    with (tmp_path / "said.txt").open("w") as said:
        server = subprocess.Popen(
            [str(outside.python("notebook7")), "-m", "notebook", "--no-browser", f"--ServerApp.port={port}",
             "--IdentityProvider.token=t", "--ServerApp.allow_root=True", f"--ServerApp.root_dir={tmp_path / 'here'}"],
            env={**os.environ, **settings, "PYTHONPATH": path, "IPYTHONDIR": str(tmp_path / "ipython")},
            stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for("Notebook 7", lambda: is_open(port) or server.poll() is not None, 240)
        assert server.poll() is None, (tmp_path / "said.txt").read_text()
        yield f"http://127.0.0.1:{port}/notebooks/w.ipynb?token=t"
    finally:
        for process in [*psutil.Process(server.pid).children(recursive=True), server]:
            process.kill()
        server.wait()


def test_in_notebook_7_a_board_opens_moves_and_logs_no_error(notebook7: str, browser: Any, shots: Path) -> None:
    page = browser.new_context(viewport={"width": 1300, "height": 1200}).new_page()
    page.set_default_timeout(240_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.goto(notebook7)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")  # before that it runs nothing
    errors.clear()  # what Notebook 7 says of its own settings while it opens
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    board = page.locator(BOARD).first

    def has_run() -> bool:
        """Asked before its kernel listens, Notebook 7 on a busy machine forgets to run: then it is asked again."""
        page.locator(".lm-MenuBar-itemLabel:text-is('Run')").click()
        page.locator(".lm-Menu-itemLabel:text-is('Run All Cells')").click()
        try:
            board.wait_for(timeout=60_000)
        except PlaywrightTimeout:
            return False
        return True

    wait_for("the board", has_run, 240)
    board.get_by_text("effective choices").first.wait_for()
    field = board.get_by_label("temperature", exact=True).first
    field.press("ControlOrMeta+a")
    field.press_sequentially("0.5")
    field.press("Enter")
    wait_for("the bars", lambda: "temperature 0.5" in board.inner_text(), 240)
    assert cut_off(board) == []
    board.scroll_into_view_if_needed()
    page.screenshot(path=shots / "notebook7.png")
    assert errors == []
    page.context.close()

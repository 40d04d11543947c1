"""For the browser tests: Chromium, a lab opened as `lab.py` opens it, and what a learner does in JupyterLab.

The lab runs in a copy of this clone, in a temporary folder with settings of its own, so that neither the learner's
`my/` nor their Jupyter is touched. Of a notebook JupyterLab draws only what is near the screen; so whether all cells
ran is read from the saved file, and what a widget shows from the page.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

import psutil

ROOT = Path(__file__).absolute().parent.parent
PATIENCE_S = 120.0  # the machine may be busy with other tests
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
T = TypeVar("T")


def wait_for(what: str, ask: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """The first answer of `ask` that is true. Raises AssertionError, naming `what`, when none comes in time."""
    end = time.monotonic() + patience_s
    while True:
        if answer := ask():
            return answer
        assert time.monotonic() < end, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.1)


# --- Chromium --------------------------------------------------------------------------------------------------------


def chromium() -> str | None:
    """The path of a Chromium or Chrome: CHROMIUM from the environment, PATH, or where the three systems put one."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).is_file() else shutil.which(named)
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"):
        if found := shutil.which(name):
            return found
    programs = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
    places = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        *(str(Path(base, "Google/Chrome/Application/chrome.exe")) for base in programs if base),
        *(str(Path(base, "Microsoft/Edge/Application/msedge.exe")) for base in programs if base),
    ]
    return next((place for place in places if Path(place).is_file()), None)


@contextmanager
def open_browser(executable: str) -> Iterator[Any]:
    """A headless Chromium, as playwright's Browser."""
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable, args=[*root, *ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()


# --- the lab ---------------------------------------------------------------------------------------------------------


class OpenLab:
    """`lab`, which is what `lab.py` runs once it is set up, with JupyterLab, in a copy of this clone."""

    def __init__(self, home: Path) -> None:
        self.home, self.clone = home, home / "clone"
        for part in ("labkit", "notebooks", "configs"):
            shutil.copytree(ROOT / part, self.clone / part)
        shutil.copy(ROOT / "pyproject.toml", self.clone)
        self._terminal = terminal()
        with self._file.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "labkit", "--no-browser", "--port", str(free_port())],
                cwd=self.clone,
                env=self._environment(),
                stdin=self._terminal[0],
                stdout=said,
                stderr=subprocess.STDOUT,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self.address = wait_for("the lab's address", self._address, 2 * PATIENCE_S)
        self.base, self.token = self.address[: self.address.index("/lab/") + 1], self.address.split("token=")[1]

    def _environment(self) -> dict[str, str]:
        """This process's, with the copy of the clone for labkit and all of Jupyter's folders in `home`."""
        same = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        paths = [str(self.clone), *same.get("PYTHONPATH", "").split(os.pathsep)]
        folders = ("_CONFIG_DIR", "_DATA_DIR", "_RUNTIME_DIR", "LAB_SETTINGS_DIR")
        return {
            **same,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path and Path(path) != ROOT),
            "LAB_HOME": str(self.home / "lab"),
            "IPYTHONDIR": str(self.home / "ipython"),
            **{f"JUPYTER{name}": str(self.home / f"jupyter{name.lower()}") for name in folders},
        }

    @property
    def _file(self) -> Path:
        return self.home / "said.txt"

    def said(self) -> str:
        """What the lab has printed so far."""
        return self._file.read_text(encoding="utf-8", errors="replace")

    def _address(self) -> str | None:
        assert self.process.poll() is None, f"the lab ended: {self.said()}"
        found = re.search(r"^ +(http://127\.0\.0\.1:\S+\?token=\w+)\n", self.said(), re.M)
        return found[1] if found else None

    def notebook(self, name: str) -> Any:
        """The JSON of a notebook in `my/` as it was saved last; while it is being written it is waited for."""
        file = self.clone / "my" / name
        text = wait_for(
            f"{name} to be written", lambda: text if (text := file.read_text("utf-8")).endswith("}\n") else ""
        )
        return json.loads(text)

    def url_of(self, name: str) -> str:
        """The address of a notebook in `my/`, in a workspace of its own: nothing else is open there."""
        workspace = re.sub(r"\W", "", name) + str(time.monotonic_ns())
        return f"{self.base}lab/workspaces/{workspace}/tree/my/{quote(name)}?token={self.token}"

    def ask(self, path: str) -> Any:
        """What Jupyter's REST interface answers at api/…."""
        request = Request(self.base + path, headers={"Authorization": f"token {self.token}"})
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def kernel(self, name: str) -> Any:
        """The kernel of a notebook in `my/` as Jupyter describes it (id, execution_state), or None."""
        sessions = [each for each in self.ask("api/sessions") if each["path"] == f"my/{name}"]
        return sessions[0]["kernel"] if sessions else None

    def evaluate(self, name: str, expression: str) -> Any:
        """The value of a Python expression in the kernel of a notebook, by way of JSON."""
        from jupyter_client.blocking.client import BlockingKernelClient

        file = next(self.home.glob(f"**/kernel-{self.kernel(name)['id']}.json"))
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE_S)
            wanted = {"value": f"__import__('json').dumps({expression})"}
            reply = client.execute("", silent=True, user_expressions=wanted, reply=True, timeout=PATIENCE_S)
        finally:
            client.stop_channels()
        given = reply["content"]["user_expressions"]["value"]
        assert given["status"] == "ok", given
        return json.loads(ast.literal_eval(given["data"]["text/plain"]))

    def processes(self) -> list[psutil.Process]:
        """Every process that lives below the lab's: its kernels, and what they started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """Ctrl-C, as in a terminal. Returns the exit status; what does not end is killed, with a status below 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGINT)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                for process in [*self.processes(), self.process]:
                    process.kill()
                self.process.wait()
        while self._terminal:
            os.close(self._terminal.pop())
        return self.process.returncode


def terminal() -> list[int]:
    """What a program started in a terminal reads from, and the terminal's own end, both to be closed.

    Jupyter takes Ctrl-C otherwise where there is none. Windows has none to offer.
    """
    try:
        import pty
    except ImportError:
        return [os.open(os.devnull, os.O_RDONLY)]
    own, theirs = pty.openpty()
    return [theirs, own]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(processes: list[psutil.Process]) -> set[int]:
    """The TCP ports on which these processes wait for calls."""
    ports = set()
    for process in processes:
        try:
            ports |= {each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
        except psutil.NoSuchProcess:
            continue
    return ports


def is_open(port: int) -> bool:
    """Whether somebody answers at this port."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- JupyterLab in the browser ---------------------------------------------------------------------------------------


class Desk:
    """A page of JupyterLab with one notebook open, and what a learner does there."""

    # Errors that are JupyterLab's own and none of a learner's business.
    KNOWN: tuple[str, ...] = ()

    def __init__(self, lab: OpenLab, browser: Any, address: str, *, width: int, height: int = 1000) -> None:
        self.lab, self.errors = lab, []  # type: tuple[OpenLab, list[str]]
        self.page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        self.page.set_default_timeout(1000 * PATIENCE_S)
        self.page.on("console", lambda message: message.type == "error" and self._note(message.text))
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.name = address.split("?")[0].rsplit("/", 1)[1]
        wait_for("the kernel", lambda: (lab.kernel(self.name) or {}).get("execution_state") == "idle")
        self.page.wait_for_selector(".jp-NotebookPanel-toolbar >> text=Python 3")

    def _note(self, text: str) -> None:
        if not any(known in text for known in self.KNOWN):
            self.errors.append(text)

    def menu(self, first: str, *further: str) -> None:
        """Choose from the menu bar, such as 'Settings', 'Theme', 'JupyterLab Dark'."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{first}$")).click()
        for each in further:
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(each)}$")).click()

    def look(self, theme: str, width: int, height: int = 1000) -> None:
        """Set the theme, Light or Dark, and the size of the window."""
        self.page.set_viewport_size({"width": width, "height": height})
        if self.page.locator("body").get_attribute("data-jp-theme-name") != f"JupyterLab {theme}":
            self.menu("Settings", "Theme", f"JupyterLab {theme}")
            self.page.wait_for_selector(f"body[data-jp-theme-name='JupyterLab {theme}']", state="attached")

    def save(self) -> Any:
        """Save, and return what was saved."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_selector(f'.lm-TabBar-tab.lm-mod-current:not(.jp-mod-dirty):has-text("{self.name}")')
        return self.lab.notebook(self.name)

    def run_all(self) -> list[Any]:
        """Run all cells. Returns the code cells as saved, each with its number or, after an error, without."""
        self.menu("Run", "Run All Cells")
        return wait_for("all cells", self._when_idle, 3 * PATIENCE_S)

    def _when_idle(self) -> list[Any] | None:
        if self.page.locator('.jp-InputPrompt:has-text("[*]")').count():
            return None
        if self.lab.kernel(self.name)["execution_state"] != "idle":
            return None
        cells = [cell for cell in self.save()["cells"] if cell["cell_type"] == "code"]
        failed = any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
        return cells if failed or all(cell["execution_count"] for cell in cells) else None

    def scroll_to(self, selector: str) -> Any:
        """Bring what fits first to the middle of the screen, and wait until it stays there. Returns its locator."""
        notebook, found = self.page.locator(".jp-WindowedPanel-outer").first, self.page.locator(selector).first
        notebook.evaluate("place => place.scrollTo(0, 0)")
        wait_for(selector, lambda: found.count() or notebook.evaluate("place => place.scrollBy(0, 400)"))
        places: list[Any] = []

        def rests() -> bool:  # cells get their true heights only when they come into view, and push each other about
            found.evaluate("node => node.scrollIntoView({block: 'center'})")
            places.append(found.bounding_box())
            return len(places) > 4 and places[-1] == places[-2] == places[-3] == places[-4]

        wait_for(f"{selector} to come to rest", rests)
        return found

    def shoot(self, folder: Path, name: str) -> None:
        """Keep a picture of the screen."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")

    def close(self) -> None:
        self.page.context.close()


# What `labkit.view.bars` drew: each bar's label and percentage as written, and its width as the eye sees it.
BARS = """table => [...table.rows].map(row => {
    const [label, share, cell] = row.cells, track = cell.firstElementChild
    return {label: label.innerText, share: share.innerText,
            width: track.firstElementChild.getBoundingClientRect().width / track.getBoundingClientRect().width}
})"""

# The contrast of each text with what is painted behind it (WCAG 2.2, 1.4.3), opacity included; the least of them.
CONTRAST = """root => {
    const parse = text => text.match(/[\\d.]+/g).map(Number)
    const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
    const light = rgb => { const [r, g, b] = rgb.map(v => linear(v / 255)); return .2126 * r + .7152 * g + .0722 * b }
    const behind = node => {
        const [r, g, b, a = 1] = parse(getComputedStyle(node).backgroundColor)
        if (a == 1) return [r, g, b]
        const back = node.parentElement ? behind(node.parentElement) : [255, 255, 255]
        return [r, g, b].map((v, i) => v * a + back[i] * (1 - a))
    }
    let least = 21
    for (const node of root.querySelectorAll('*')) {
        const says = [...node.childNodes].some(child => child.nodeType == 3 && child.data.trim())
        if (!says || !node.getClientRects().length) continue
        let share = 1
        for (let up = node; up; up = up.parentElement) share *= +getComputedStyle(up).opacity
        const back = behind(node), [r, g, b, a = 1] = parse(getComputedStyle(node).color)
        const seen = [r, g, b].map((v, i) => v * a * share + back[i] * (1 - a * share))
        const [low, high] = [light(seen), light(back)].sort((x, y) => x - y)
        least = Math.min(least, (high + .05) / (low + .05))
    }
    return least
}"""

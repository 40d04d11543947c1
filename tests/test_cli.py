"""The command `lab`: its words, what it says to a wrong one, and the two that stay up, `serve` and `open`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from labkit import cli, desk, doctor
from labkit.copies import ROOT
from labkit.errors import ParameterError, ServerError

KEYS = {"DEEPSEEK_API_KEY": "sk-canary-4f9a1c7be2d8", "OPENAI_API_KEY": "sk-canary-77aa00bb11cc"}
DEAD = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"}


def start(*words: str, cwd: Path = ROOT, **extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "labkit", *words], cwd=cwd, env={**os.environ, **extra}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


def lab(*words: str, cwd: Path = ROOT, **extra: str) -> tuple[int, str, str]:
    process = start(*words, cwd=cwd, **extra)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err, err
    return process.returncode, out, err


@contextmanager
def up(*words: str, until: str, cwd: Path = ROOT, **extra: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A word that stays up, and what it printed until `until`."""
    process = start(*words, cwd=cwd, **extra)
    assert process.stdout is not None
    said = ""
    try:
        while until not in said:
            line = process.stdout.readline()
            assert line, f"ended early: {said}{process.stderr.read() if process.stderr else ''}"
            said += line
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


# --- words -----------------------------------------------------------------------------------------------------------


def test_help_names_every_word_with_a_sentence() -> None:
    status, out, _ = lab("--help")
    assert status == 0
    for word in cli.WORDS:
        assert re.search(rf"^ +{word} +[A-Z]", out, re.M), word


@pytest.mark.parametrize(
    ("word", "near"), [("serv", "serve"), ("tset", "test"), ("docter", "doctor"), ("Open", "open")]
)
def test_a_mistyped_word_gets_the_nearest(word: str, near: str) -> None:
    status, _, err = lab(word)
    assert status == 2
    assert err == f"lab: there is no '{word}'. Did you mean '{near}'?\n"


def test_a_word_like_no_other_gets_the_list() -> None:
    status, _, err = lab("xyzzy")
    assert status == 2
    assert err == f"lab: there is no 'xyzzy'. There are: {', '.join(cli.WORDS)}.\n"


def test_a_wrong_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["serve", "--prot", "1"])
    assert end.value.code == 2
    assert "--prot" in capsys.readouterr().err


def test_no_word_means_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def note(**how: Any) -> int:
        asked.append(how)
        return 0

    monkeypatch.setattr(desk, "open_lab", note)
    for given in ([], ["--no-browser", "--port", "8899"], ["open"]):
        assert cli.main(given) == 0
    assert asked == [{"port": None, "browser": True}, {"port": 8899, "browser": False}, {"port": None, "browser": True}]


def test_pytest_arguments_are_passed_on_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    from labkit import suite

    asked: list[list[str]] = []

    def note(arguments: list[str]) -> int:
        asked.append(arguments)
        return 3

    monkeypatch.setattr(suite, "run_tests", note)
    assert cli.main(["test", "-k", "clock", "--help", "-x"]) == 3
    assert asked == [["-k", "clock", "--help", "-x"]]


def test_the_command_starts_without_jupyter_numpy_or_the_server() -> None:
    heavy = {"jupyterlab", "numpy", "starlette", "uvicorn", "pydantic", "httpx", "yaml", "ipywidgets"}
    code = "import sys, labkit.cli; labkit.cli.parser(); print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert not heavy & {name.split(".")[0] for name in said.stdout.split()}


# --- what it knows ---------------------------------------------------------------------------------------------------


def test_keys_are_told_as_set_or_not_and_never_shown() -> None:
    status, out, err = lab("keys", DEEPSEEK_API_KEY=KEYS["DEEPSEEK_API_KEY"])
    assert status == 0
    assert re.search(r"DEEPSEEK_API_KEY +set in the environment", out)
    assert re.search(r"OPENAI_API_KEY +not set", out)
    assert no_part_of_a_key(out + err)


def test_a_key_in_dotenv_is_found(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEYS['OPENAI_API_KEY']}\n")
    _, out, err = lab("keys", cwd=tmp_path, PYTHONPATH=with_root())
    assert re.search(r"OPENAI_API_KEY +set in \.env", out)
    assert no_part_of_a_key(out + err)


def no_part_of_a_key(text: str, length: int = 6) -> bool:
    parts = {key[i : i + length] for key in KEYS.values() for i in range(len(key) - length + 1)} - {"sk-can", "canary"}
    return not any(part in text for part in parts)


def with_root() -> str:
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_doctor_finds_this_lab_well_and_shows_no_key() -> None:
    status, out, err = lab("doctor", **KEYS, **DEAD)
    assert status == 0, out
    for about in ("Python", "LAB_HOME", "my/", "facts", "models", "port 8888", "port 8765", "proxy", "key"):
        assert re.search(rf"^ok  {re.escape(about)}: ", out, re.M), about
    assert "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY set" in out
    assert no_part_of_a_key(out + err)


def test_doctor_says_what_is_amiss_and_goes_on(tmp_path: Path) -> None:
    status, out, _ = lab("doctor", LAB_WEIGHTS=str(tmp_path / "none"))
    assert status == 1
    assert re.search(r"^!!  models: none in .*git checkout", out, re.M)
    assert re.search(r"^ok  facts", out, re.M)


def test_doctor_sees_a_damaged_model(tmp_path: Path) -> None:
    from labkit.lm import weights_folder

    shutil.copytree(weights_folder(), tmp_path / "weights")
    damaged = next((tmp_path / "weights").glob("*/tokenizer.json"))
    damaged.write_text(damaged.read_text() + " ")
    status, out, _ = lab("doctor", LAB_WEIGHTS=str(tmp_path / "weights"))
    assert status == 1
    assert re.search(r"^!!  weights: .*tokenizer\.json.*checksum", out, re.M)


def test_doctor_sees_a_half_made_venv_and_a_changed_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert not doctor._venv()[0].amiss
    (tmp_path / ".venv").mkdir()
    state = tmp_path / ".venv" / ".lab-state.json"
    state.write_text('{"state": "begun"}')
    assert "half made" in doctor._venv()[0].says
    (tmp_path / "requirements.lock").write_text("idna==3\n")
    state.write_text(json.dumps({"state": "ready", "locks": {"requirements.lock": "0"}}))
    (finding,) = doctor._venv()
    assert finding.amiss
    assert "has changed" in finding.says


def test_facts_are_told_as_of_a_day() -> None:
    status, out, _ = lab("facts")
    assert status == 0
    for title in ("Oldest sources", "Next retirements", "Not stated by any source", "Invented by the lab"):
        assert f"\n{title}: " in out
    status, out, _ = lab("facts", "--day", "2025-09-14")
    assert "as of 2025-09-14" in out
    assert "2026-07-24  deepseek: deepseek-chat" in out
    status, _, err = lab("facts", "--day", "yesterday")
    assert status == 1
    assert "'2025-09-14'" in err


def test_progress_is_told_and_a_damaged_file_is_no_traceback(tmp_path: Path) -> None:
    status, out, _ = lab("progress", LAB_HOME=str(tmp_path))
    assert status == 0
    assert "0 of 2" in out
    assert "minutes left" in out
    (tmp_path / "progress.json").write_text("{")
    assert lab("progress", LAB_HOME=str(tmp_path))[0] == 0


def test_a_closed_pipe_is_no_traceback() -> None:
    with start("facts") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "Exception ignored" not in err


# --- serve -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_one_line_answers_and_ends_cleanly(how: signal.Signals) -> None:
    port = free_port()
    with up("serve", "--port", str(port), "--json", "--pace", "quick", until="\n", **DEAD) as (process, line):
        known = json.loads(line)["providers"]
        assert {"lab", "openai", "deepseek"} <= set(known)
        about = known["deepseek"]
        assert set(about) == {"base_url", "sdk_base_url", "key", "models"}
        assert about["base_url"] == f"http://127.0.0.1:{port}/deepseek"
        body = {"model": about["models"][0], "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 200}
        headers = {"Authorization": f"Bearer {about['key']}"}
        url = about["base_url"] + "/chat/completions"
        answer = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["finish_reason"] in ("stop", "length")
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_serve_of_a_past_day_serves_its_models() -> None:
    with up("serve", "--port", "0", "--json", "--day", "2025-09-14", until="\n") as (_, line):
        assert "deepseek-chat" in json.loads(line)["providers"]["deepseek"]["models"]


def test_serve_on_a_taken_port_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = lab("serve", "--port", str(port))
    assert (status, out) == (1, "")
    assert f"port {port} is taken by another program" in err


def test_serve_without_a_model_file_says_how_to_get_it(tmp_path: Path) -> None:
    status, _, err = lab("serve", "--port", "0", LAB_WEIGHTS=str(tmp_path))
    assert status == 1
    assert "git checkout -- labkit/lm/weights" in err


def test_serve_for_a_container_warns_and_answers_to_its_name() -> None:
    words = ("serve", "--port", "0", "--json", "--host", "0.0.0.0", "--allow-host", "host.docker.internal")
    with up(*words, until="\n") as (process, line):
        port = re.search(r":(\d+)/", line)[1]  # type: ignore[index]
        url = f"http://127.0.0.1:{port}/lab/v1/models"
        key = json.loads(line)["providers"]["lab"]["key"]
        for name, status in (("host.docker.internal", 200), ("evil.example", 403)):
            headers = {"Host": f"{name}:{port}", "Authorization": f"Bearer {key}"}
            assert httpx.get(url, headers=headers, trust_env=False).status_code == status
        process.send_signal(signal.SIGTERM)
        assert "Careful: 0.0.0.0" in process.communicate(timeout=60)[1]


# --- open ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree once more, in a folder with a space, since `open` writes to my/."""
    folder = tmp_path_factory.mktemp("open") / "a clone"
    shutil.copytree(ROOT / "labkit", folder / "labkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("notebooks", "configs"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def test_open_serves_the_copy_of_00_trusted_without_news_behind_dead_proxies(clone: Path) -> None:
    with up("open", "--no-browser", until="Ctrl-C", cwd=clone, **DEAD) as (process, said):
        assert "copied to my/" in said
        address = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/my/00-\S+\.ipynb\?token=\w+", said)
        assert address, said
        base, token = address[0].split("/lab/tree")[0], address[0].split("token=")[1]
        with httpx.Client(
            base_url=base, headers={"Authorization": f"token {token}"}, timeout=60, trust_env=False
        ) as web:
            assert web.get(address[0]).status_code == 200
            first = address[0].split("/tree/")[1].split("?")[0]
            cells = web.get(f"/api/contents/{first}").json()["content"]["cells"]
            assert all(cell["metadata"]["trusted"] for cell in cells if cell["cell_type"] == "code")
            plugin = web.get("/lab/api/settings/@jupyterlab/apputils-extension:notification").json()
            asked = {name: plugin["schema"]["properties"][name]["default"] for name in ("fetchNews", "checkForUpdates")}
            assert asked == {"fetchNews": "false", "checkForUpdates": False}
            assert web.get("/lab/api/news").json() == {"news": []}
            assert web.get("/lab/api/update").json() == {"notification": None}
            kernel = web.post("/api/kernels", json={"name": "python3", "path": first}).json()
            assert web.get(f"/api/kernels/{kernel['id']}").status_code == 200
            assert httpx.get(f"{base}/api/contents", trust_env=False).status_code == 403
        port = base.rsplit(":", 1)[1]
        status, _, err = lab("open", "--no-browser", "--port", port, cwd=clone)
        assert status == 1
        assert f"port {port} is taken" in err
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "The lab is closed." in out
        assert token not in err


def test_fresh_puts_a_trusted_copy_beside_theirs(clone: Path) -> None:
    names = []
    for _ in range(2):
        status, out, _ = lab("fresh", "0", cwd=clone)
        assert status == 0
        names.append(out.split(" ")[0])
    assert len(set(names)) == 2
    assert all((clone / name).exists() for name in names)
    status, _, err = lab("fresh", "99", cwd=clone)
    assert status == 1
    assert "there is no notebook '99'" in err


def test_the_first_free_port_from_8888_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(desk, "FIRST_PORT", port)
        assert port < desk.free_port(None) < port + 50
        with pytest.raises(ServerError, match="no port from"):
            desk.free_port(None, tries=1)
        with pytest.raises(ServerError, match=f"port {port} is taken"):
            desk.free_port(port)


def test_a_connection_to_the_kernel_sends_each_message_at_once() -> None:
    """Asked of the operating system, of the socket of a real web socket."""
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
    from tornado import httpserver, netutil, web, websocket

    assert issubclass(desk.at_once(ZMQChannelsWebsocketConnection), ZMQChannelsWebsocketConnection)
    found = []

    class Connection:
        def __init__(self, handler: Any) -> None:
            self.websocket_handler = handler

        def connect(self) -> str:
            return "connected"

    class Handler(websocket.WebSocketHandler):
        def open(self, kind: str) -> None:
            said = (desk.at_once(Connection) if kind == "lab" else Connection)(self).connect()
            sends = self.ws_connection.stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            found.append((kind, said, bool(sends)))

        def data_received(self, chunk: bytes) -> None:
            raise NotImplementedError

    async def talk() -> None:
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        server = httpserver.HTTPServer(web.Application([("/(.*)", Handler)]))
        server.add_sockets(sockets)
        for kind in ("plain", "lab"):
            client = await websocket.websocket_connect(f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/{kind}")
            client.close()
            assert await client.read_message() is None
        server.stop()
        await server.close_all_connections()

    asyncio.run(talk())
    assert found == [("plain", "connected", False), ("lab", "connected", True)]


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ParameterError, match="from 1 to 65535"):
        desk.free_port(port)

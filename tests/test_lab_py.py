"""lab.py as it is started: by Pythons too old for it, and in clones in every state a set-up can leave behind.

The clones here are real but small: the lab's own code with a lock of two packages. The full lock is installed by the
very command that runs these tests.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labkit.copies import ROOT
from labkit.launch.place import Place

LAB = ROOT / "lab.py"
BASE = getattr(sys, "_base_executable", sys.executable)
NOWHERE = "http://127.0.0.1:9/simple"  # the discard port: nothing listens
SET_UP_S = 300


def lock_of(*names: str) -> str:
    """The entries of those packages in the lab's own test lock."""
    entries = re.findall(r"^[\w.-]+==.*\n(?: .*\n)*", (ROOT / "requirements-test.lock").read_text(), re.M)
    return "".join(entry for entry in entries if entry.split("==")[0] in names)


def small_clone(folder: Path) -> Path:
    """A clone with the lab's code and a lock of two packages."""
    folder.mkdir(parents=True)
    for name in ("lab.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "README.md").write_text("A clone for tests.\n")
    (folder / "LICENSE").write_text("None.\n")
    shutil.copytree(ROOT / "labkit", folder / "labkit", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    (folder / "requirements.lock").write_text(lock_of("setuptools", "idna"))
    (folder / "requirements-test.lock").write_text(lock_of("setuptools", "idna", "iniconfig"))
    return folder


def start(
    clone: Path, env: dict[str, str], *words: str, python: str = BASE, cwd: Path | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, str(clone / "lab.py"), *(words or ("keys", "--help"))],
        env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=SET_UP_S)
    assert "Traceback" not in out + err, out + err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def lab(clone: Path, env: dict[str, str], *words: str, **how: object) -> subprocess.CompletedProcess[str]:
    return finish(start(clone, env, *words, **how))  # type: ignore[arg-type]


def works(ended: subprocess.CompletedProcess[str]) -> bool:
    """Whether the word reached labkit's command in .venv."""
    return ended.returncode == 0 and "usage: lab keys" in ended.stdout


def state(clone: Path) -> dict[str, object]:
    return json.loads((clone / ".venv" / ".lab-state.json").read_text())


def in_venv(clone: Path, code: str) -> str:
    command = [Place(clone).python, "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def pip_env(outside_env: dict[str, str]) -> dict[str, str]:
    """An environment that may use the network and has no uv on its PATH."""
    env = dict(outside_env)
    env["PATH"] = os.pathsep.join(p for p in env["PATH"].split(os.pathsep) if not shutil.which("uv", path=p))
    return env


@pytest.fixture(scope="module")
def uv_env(pip_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same with uv on its PATH, and nothing else of the folder that uv lies in."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    assert uv, "the test lock installs uv"
    folder = tmp_path_factory.mktemp("uv")
    shutil.copy(uv, folder)
    return {**pip_env, "PATH": str(folder) + os.pathsep + pip_env["PATH"]}


def offline(env: dict[str, str]) -> dict[str, str]:
    """The same environment without a network: the index is nowhere and nothing is cached."""
    without = {name: value for name, value in env.items() if not name.startswith(("PIP_", "UV_"))}
    return {
        **without, "PIP_INDEX_URL": NOWHERE, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0",
        "UV_INDEX_URL": NOWHERE, "UV_NO_CACHE": "1", "UV_NO_CONFIG": "1", "UV_HTTP_RETRIES": "0",
    }  # fmt: skip


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, pip_env: dict[str, str]) -> Path:
    """A clone that was set up with pip. Tests that change it leave it working."""
    clone = small_clone(tmp_path_factory.mktemp("ready") / "clone")
    assert works(lab(clone, pip_env))
    return clone


# --- which Python ------------------------------------------------------------------------------------------------


def test_python_2_7_and_3_6_can_read_the_file() -> None:
    source = LAB.read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 6))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal))
        assert not (isinstance(node, ast.arg) and node.annotation)
        assert not (isinstance(node, ast.Raise) and node.cause)
        assert not (isinstance(node, ast.arguments) and (node.kwonlyargs or node.posonlyargs))


def test_old_interpreters_of_this_machine_get_a_sentence(pip_env: dict[str, str]) -> None:
    found = {path for n in (*range(6, 11), 14, 15) if (path := shutil.which(f"python3.{n}"))}
    found |= {str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python")}
    env = {**pip_env, "PATH": str(Path(BASE).parent)}
    for python in sorted(found):
        ask = [python, "-c", "import sys; print(sys.version_info[:2])"]
        asked = subprocess.run(ask, env=env, capture_output=True, text=True, timeout=60)
        if asked.returncode or asked.stdout.strip() in ("(3, 11)", "(3, 12)", "(3, 13)"):
            continue
        ended = subprocess.run([python, str(LAB)], env=env, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1
        assert ended.stderr.startswith("The lab needs Python 3.11, 3.12 or 3.13; this is Python ")
        assert ended.stderr.count("\n") == 1


def pretend(setting: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """lab.py in an interpreter that takes itself for another."""
    go = f"sys.argv = ['lab.py', 'doctor']; runpy.run_path({str(LAB)!r}, run_name='__main__')"
    code = f"import sys, runpy; {setting}; {go}"
    return subprocess.run([BASE, "-c", code], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10), (3, 14)])
def test_another_version_is_told_where_a_fitting_one_is(
    version: tuple[int, int], tmp_path: Path, pip_env: dict[str, str]
) -> None:
    name = f"python3.{sys.version_info.minor}"
    shim = tmp_path / name
    shim.write_text(f'#!/bin/sh\nexec "{BASE}" "$@"\n')
    shim.chmod(0o755)
    ended = pretend(
        f"sys.version_info = ({version[0]}, {version[1]}, 0, 'final', 0)", {**pip_env, "PATH": str(tmp_path)}
    )
    assert ended.returncode == 1
    assert f"this is Python {version[0]}.{version[1]} ({BASE})." in ended.stderr
    assert ended.stderr.endswith(f"Run: {name} lab.py doctor\n")


def test_without_a_fitting_one_it_says_how_to_get_one(tmp_path: Path, pip_env: dict[str, str]) -> None:
    ended = pretend("sys.version_info = (3, 9, 18, 'final', 0)", {**pip_env, "PATH": str(tmp_path)})
    assert ended.returncode == 1
    for way in ("python.org/downloads", "winget install", "brew install", "apt install", "uv run"):
        assert way in ended.stderr


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("sys.implementation.name = 'pypy'", "CPython"),
        ("sys.maxsize = 2**31 - 1", "64-bit"),
        ("import sysconfig; sysconfig.get_config_var = lambda name: 1", "free-threaded"),
    ],
)
def test_a_build_without_packages_is_told_so(setting: str, word: str, pip_env: dict[str, str]) -> None:
    ended = pretend(setting, pip_env)
    assert ended.returncode == 1
    assert word in ended.stderr


def test_help_needs_no_set_up(tmp_path: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    ended = lab(clone, pip_env, "--help")
    assert ended.returncode == 0
    assert "python lab.py test" in ended.stdout
    assert not (clone / ".venv").exists()


# --- setting up --------------------------------------------------------------------------------------------------


def test_the_first_time_every_step_is_told_and_the_word_is_carried_out(tmp_path: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    ended = lab(clone, pip_env)
    assert works(ended)
    assert "Setting up" not in ended.stdout
    told = ended.stderr.splitlines()
    assert told[0].startswith("Setting up the lab in ")
    assert re.fullmatch(r"  making .venv with Python 3\.1\d\.\d+\S* \.\.\. \d+ s", told[1])
    assert re.fullmatch(r"  installing the packages of requirements.lock with pip \.\.\. 2 packages, \d+ s", told[2])
    assert re.fullmatch(r"  linking labkit \.\.\. \d+ s", told[3])
    assert re.fullmatch(r"Ready after \d+ s\.", told[4])
    assert state(clone)["state"] == "ready"
    assert in_venv(clone, "import labkit, os; print(os.path.dirname(labkit.__file__))") == str(clone / "labkit")


def test_the_second_time_nothing_is_done_and_no_network_is_needed(ready: Path, pip_env: dict[str, str]) -> None:
    ended = lab(ready, offline(pip_env))
    assert works(ended)
    assert ended.stderr == ""


def test_it_works_from_another_folder(ready: Path, pip_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "labkit.py").write_text("raise SystemExit('the wrong labkit')")
    assert works(lab(ready, pip_env, cwd=tmp_path))


def test_uv_is_used_where_it_is_and_the_lab_then_works_without_it(
    tmp_path: Path, uv_env: dict[str, str], pip_env: dict[str, str]
) -> None:
    clone = small_clone(tmp_path / "clone")
    ended = lab(clone, uv_env)
    assert works(ended)
    assert "requirements.lock with uv ... 2 packages" in ended.stderr
    assert lab(clone, pip_env).stderr == ""
    ended = lab(clone, pip_env, "test", "--version")  # the test lock, without uv: pip is put into .venv first
    assert "requirements-test.lock with pip ... 1 packages" in ended.stderr
    assert in_venv(clone, "import iniconfig; print('there')") == "there"


def test_the_test_lock_covers_the_learners(ready: Path, pip_env: dict[str, str]) -> None:
    ended = lab(ready, pip_env, "test", "--version")
    assert "requirements-test.lock" in ended.stderr
    assert set(state(ready)["locks"]) == {"requirements.lock", "requirements-test.lock"}  # type: ignore[arg-type]
    assert lab(ready, offline(pip_env)).stderr == ""


def test_a_changed_lock_is_installed_and_the_package_not_remade(ready: Path, pip_env: dict[str, str]) -> None:
    (ready / "requirements.lock").write_text(lock_of("setuptools", "idna", "sniffio"))
    ended = lab(ready, pip_env)
    assert works(ended)
    assert "requirements.lock with pip ... 1 packages" in ended.stderr
    assert "making .venv" not in ended.stderr
    assert in_venv(ready, "import sniffio; print('there')") == "there"


def test_line_ends_of_the_lock_are_no_change(ready: Path, pip_env: dict[str, str]) -> None:
    lock = ready / "requirements.lock"
    before = lock.read_bytes()
    lock.write_bytes(before.replace(b"\n", b"\r\n"))
    assert lab(ready, offline(pip_env)).stderr == ""
    lock.write_bytes(before)


def test_a_changed_pyproject_links_anew_without_a_network(ready: Path, pip_env: dict[str, str]) -> None:
    with (ready / "pyproject.toml").open("a") as file:
        file.write("# a comment\n")
    ended = lab(ready, offline(pip_env))
    assert works(ended)
    assert "linking labkit" in ended.stderr
    assert "installing" not in ended.stderr


def test_a_moved_clone_links_anew_whatever_its_new_name(ready: Path, pip_env: dict[str, str]) -> None:
    moved = ready.with_name("mein Ordner für 学习 & 'Übung'")
    ready.rename(moved)
    try:
        ended = lab(moved, offline(pip_env))
        assert works(ended)
        assert "linking labkit" in ended.stderr
        assert "installing" not in ended.stderr
        assert in_venv(moved, "import labkit; print(ascii(labkit.__file__))") == ascii(
            str(moved / "labkit" / "__init__.py")
        )
        assert lab(moved, offline(pip_env)).stderr == ""
    finally:
        moved.rename(ready)
    assert works(lab(ready, offline(pip_env)))


def test_odd_names_of_the_folder_do_no_harm_at_the_first_set_up(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "Ünï cödé 日本語 100% [y] & 'z'")
    assert works(lab(clone, uv_env))


def test_a_half_made_venv_is_made_anew(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (clone / ".venv" / "lib" / "python3.0").mkdir(parents=True)
    (clone / ".venv" / ".lab-state.json").write_text('{"state": "begun"}')
    (clone / ".venv" / "pyvenv.cfg").write_text("nonsense")
    assert works(lab(clone, uv_env))
    assert not (clone / ".venv" / "lib" / "python3.0").exists()


def test_a_state_cut_off_in_the_middle_means_half_made(ready: Path, uv_env: dict[str, str]) -> None:
    (ready / ".venv" / ".lab-state.json").write_text('{"state": "rea')
    ended = lab(ready, uv_env)
    assert works(ended)
    assert "making .venv" in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="a running Python cannot be unlinked on Windows")
def test_a_python_that_went_away_is_noticed(ready: Path, uv_env: dict[str, str]) -> None:
    python = ready / ".venv" / "bin" / "python"
    for name in (ready / ".venv" / "bin").glob("python*"):
        name.unlink()
    python.symlink_to("/nowhere/python3.12")
    ended = lab(ready, uv_env)
    assert works(ended)
    assert "making .venv" in ended.stderr


def test_somebody_elses_venv_is_put_aside_whole(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (clone / ".venv" / "precious").mkdir(parents=True)
    (clone / ".venv" / "precious" / "data.txt").write_text("kept")
    ended = lab(clone, uv_env)
    assert works(ended)
    assert ".outside/venv-found-1" in ended.stderr
    assert (clone / ".outside" / "venv-found-1" / "precious" / "data.txt").read_text() == "kept"


def test_a_file_or_a_link_in_the_place_of_venv_is_put_aside_too(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (clone / ".venv").write_text("a file")
    assert works(lab(clone, uv_env))
    assert (clone / ".outside" / "venv-found-1").read_text() == "a file"


def test_two_at_once_make_one_venv(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    both = [start(clone, uv_env), start(clone, uv_env)]
    ended = [finish(process) for process in both]
    assert all(works(one) for one in ended)
    assert sum("Setting up the lab" in one.stderr for one in ended) == 1


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    seen = ""
    while text not in seen:
        letter = process.stderr.read(1)
        assert letter, f"it ended without {text!r}: {seen}"
        seen += letter


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_set_up_stopped_in_the_middle_is_begun_anew(
    how: signal.Signals, tmp_path: Path, pip_env: dict[str, str], uv_env: dict[str, str]
) -> None:
    clone = small_clone(tmp_path / "clone")
    process = start(clone, pip_env)
    wait_for(process, "installing")
    process.send_signal(how)
    ended = finish(process)
    if how != signal.SIGKILL:
        assert ended.returncode == 1
        assert ended.stderr.endswith("Nothing is lost: run the same again and the set-up begins anew.\n")
    assert state(clone) == {"state": "begun"}
    assert works(lab(clone, uv_env))


# --- foreseeable trouble -----------------------------------------------------------------------------------------


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 1, ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last


def test_no_network_at_the_first_set_up(tmp_path: Path, uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    refused(lab(clone, offline(uv_env)), "The package index cannot be reached", "needs a network")
    assert works(lab(clone, uv_env))


TOOLS = pytest.mark.parametrize("tool", ["pip_env", "uv_env"])
UNREACHABLE = {
    "nothing listens": {"PIP_INDEX_URL": NOWHERE, "UV_INDEX_URL": NOWHERE},
    "no such name": {"PIP_INDEX_URL": "https://index.invalid/simple", "UV_INDEX_URL": "https://index.invalid/simple"},
    "a dead proxy": {
        "PIP_INDEX_URL": "https://index.invalid/simple", "UV_INDEX_URL": "https://index.invalid/simple",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    },
}  # fmt: skip


@TOOLS
@pytest.mark.parametrize("how", UNREACHABLE)
def test_no_network_after_a_changed_lock_keeps_the_lab_as_it_was(
    how: str, tool: str, ready: Path, request: pytest.FixtureRequest
) -> None:
    env = request.getfixturevalue(tool)
    assert works(lab(ready, env))
    noted = state(ready)
    with changed(ready / "requirements.lock", lock_of("setuptools", "idna", "six")):
        refused(lab(ready, offline(env) | UNREACHABLE[how]), "The package index cannot be reached")
    assert state(ready) == noted
    assert lab(ready, offline(env)).stderr == ""


@contextmanager
def changed(lock: Path, text: str) -> Iterator[None]:
    before = lock.read_text()
    lock.write_text(text)
    try:
        yield
    finally:
        lock.write_text(before)


@TOOLS
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda lock: re.sub(r"sha256:..", "sha256:00", lock), "does not have the hash"),
        (lambda lock: lock + "this is no requirement !!\n", "The lock is damaged"),
        (lambda lock: lock + "six\n", "git checkout"),
        (lambda lock: lock.replace("parso==", "parso==999."), "no ready-made package"),
    ],
    ids=["a wrong hash", "garbage", "no version", "no such version"],
)
def test_a_broken_lock(
    spoil: Callable[[str], str], word: str, tool: str, ready: Path, request: pytest.FixtureRequest
) -> None:
    env = request.getfixturevalue(tool)
    with changed(ready / "requirements.lock", spoil(lock_of("setuptools", "idna", "parso"))):
        refused(lab(ready, env), word)
    assert works(lab(ready, env))


def test_a_missing_lock(tmp_path: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (clone / "requirements.lock").unlink()
    refused(lab(clone, pip_env), "requirements.lock", "git checkout -- requirements.lock")


def test_a_python_without_its_venv_part(tmp_path: Path, pip_env: dict[str, str], uv_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "ensurepip.py").write_text("raise ImportError('as Debian ships it')\n")
    bare = {"PYTHONPATH": str(tmp_path / "bare")}
    refused(lab(clone, pip_env | bare), "sudo apt install python3-venv", "uv")
    assert works(lab(clone, uv_env | bare))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_full_disk(tmp_path: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".lab-state.part").symlink_to("/dev/full")
    refused(lab(clone, pip_env), "The disk is full", "Make room")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="lab-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
def test_a_folder_that_may_not_be_written(open_folder: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(open_folder / "clone")
    clone.chmod(0o555)
    # Root may write anywhere, so be nobody, who may not read the modules of root's Python: have them loaded before.
    load = "import os, pkgutil, runpy, sys, sysconfig; sysconfig.get_config_vars()"
    load += f"; sys.path.insert(0, {str(clone)!r}); import labkit.launch"
    drop = "os.getuid() or os.setgid(65534) or os.setuid(65534)"
    go = f"sys.argv = ['lab.py', 'keys']; runpy.run_path({str(clone / 'lab.py')!r}, run_name='__main__')"
    ended = subprocess.run(
        [BASE, "-B", "-c", f"{load}; {drop}; {go}"],
        env=pip_env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr
    refused(ended, ".venv cannot be written (Permission denied)", "move the folder")


def test_settings_of_pip_and_python_that_would_bend_it_do_not(tmp_path: Path, pip_env: dict[str, str]) -> None:
    clone = small_clone(tmp_path / "clone")
    config = tmp_path / "pip.conf"
    config.write_text("[install]\nuser = true\n")
    bent = {
        "PIP_TARGET": str(tmp_path / "elsewhere"), "PIP_PREFIX": str(tmp_path / "elsewhere"), "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1", "VIRTUAL_ENV": str(tmp_path / "other"),
    }  # fmt: skip
    assert works(lab(clone, pip_env | bent | {"PIP_CONFIG_FILE": str(config)}))
    assert not (tmp_path / "elsewhere").exists()

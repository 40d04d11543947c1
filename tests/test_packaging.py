"""The package's papers: pyproject.toml, both locks, environment.yml, and that every system can have what they name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from labkit.copies import ROOT

LEARNER, TESTER = "requirements.lock", "requirements-test.lock"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"matplotlib-base": "matplotlib"}  # conda's own names for the same packages
CONDA_ONLY = {"python", "pip", "setuptools", "socksio"}


def entries(lock: str) -> dict[str, str]:
    """name -> whole entry of a lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^(?:[\w.-]+)==.*\n(?: .*\n)*", text, re.M)
    assert "".join(found) == text, "the lock holds something else than entries"
    return {canonicalize_name(entry.split("==")[0]): entry for entry in found}


def requirement(entry: str) -> Requirement:
    return Requirement(entry.split("\n")[0].rstrip(" \\"))


@pytest.mark.parametrize("lock", [LEARNER, TESTER])
def test_every_entry_of_a_lock_is_pinned_and_has_a_hash_and_no_address(lock: str) -> None:
    for name, entry in entries(lock).items():
        assert re.fullmatch(r"==[\w.]+", str(requirement(entry).specifier)), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name
    text = (ROOT / lock).read_text(encoding="utf-8")
    for sign in ("://", "index-url", "find-links", "file:", "@ "):
        assert sign not in text


@pytest.mark.parametrize(("lock", "extras"), [(LEARNER, ["build"]), (TESTER, ["build", "test"])])
def test_a_lock_satisfies_what_pyproject_asks_for(lock: str, extras: list[str]) -> None:
    locked = entries(lock)
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for line in asked:
        wanted = Requirement(line)
        pinned = requirement(locked[canonicalize_name(wanted.name)])
        assert wanted.specifier.contains(str(pinned.specifier).removeprefix("==")), line


def test_the_testers_lock_holds_the_learners_pin_by_pin() -> None:
    tester = entries(TESTER)
    for name, entry in entries(LEARNER).items():
        assert without_marker(tester[name]) == without_marker(entry)
        assert requirement(tester[name]).marker in (requirement(entry).marker, None)


def without_marker(entry: str) -> str:
    return re.sub(r" ;.*?(?= \\\n)", "", entry)


def test_the_learners_lock_holds_no_test_tool() -> None:
    only_for_tests = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["test"]}
    shared = {"jsonschema", "packaging", "psutil"}  # Jupyter needs them too
    assert set(entries(LEARNER)) & only_for_tests == shared


def test_the_build_extra_is_the_build_system() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert PROJECT["optional-dependencies"]["build"] == whole["build-system"]["requires"]


def test_one_version_serves_every_system_and_python() -> None:
    lines = (ROOT / TESTER).read_text(encoding="utf-8").splitlines()
    names = [line.split("==")[0] for line in lines if "==" in line and not line.startswith(" ")]
    assert len(names) == len(set(names))


def test_lab_py_asks_for_the_pythons_that_pyproject_names() -> None:
    text = (ROOT / "lab.py").read_text(encoding="utf-8")
    asked = SpecifierSet(PROJECT["requires-python"])
    fitting = [minor for minor in range(20) if asked.contains(f"3.{minor}.5")]
    assert f"OLDEST, NEWEST = (3, {min(fitting)}), (3, {max(fitting)})" in text
    assert ", ".join(f"3.{minor}" for minor in fitting[:-1]) + f" or 3.{fitting[-1]}" in text


def test_environment_yml_asks_for_what_pyproject_does() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, last = environment["dependencies"]
    *from_pypi, itself = last["pip"]
    assert itself == "-e ."
    conda = {}
    for line in [*packages, *from_pypi]:
        name, _, bounds = line.partition(" ")
        conda[CONDA_NAMES.get(name, name)] = SpecifierSet(bounds)
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    pip = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["dependencies"]}
    assert {name: bounds for name, bounds in conda.items() if name not in CONDA_ONLY} == pip
    assert conda["setuptools"] == Requirement(PROJECT["optional-dependencies"]["build"][0]).specifier
    assert ("socksio" in conda) == ("httpx[socks]>=0.28" in PROJECT["dependencies"])


def test_every_import_of_the_package_is_a_dependency() -> None:
    code = (
        "import ast, pathlib, sys; names = set()\n"
        "for path in pathlib.Path('labkit').rglob('*.py'):\n"
        "    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):\n"
        "        if isinstance(node, ast.Import): names |= {a.name.split('.')[0] for a in node.names}\n"
        "        if isinstance(node, ast.ImportFrom) and not node.level: names.add(node.module.split('.')[0])\n"
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    imported = {{"yaml": "pyyaml", "pydantic_core": "pydantic"}.get(name, name) for name in said.split()} - {"labkit"}
    direct = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    with_jupyter = {"ipython", "nbformat", "traitlets", "jupyter-server", "jupyter-core"}  # JupyterLab is made of these
    assert {canonicalize_name(name) for name in imported} - direct - with_jupyter == set()


def test_ci_runs_the_learners_command_and_insists_on_the_browser() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK) or os.name == "nt"
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], timeout=60).returncode == 0
    assert "export LAB_CI=1" in text
    assert text.rstrip().endswith('python3 lab.py test "$@"')


# --- for every system ------------------------------------------------------------------------------------------------

SYSTEMS = {"Windows": "x86_64-pc-windows-msvc", "macOS": "aarch64-apple-darwin", "Linux": "x86_64-manylinux_2_31"}
MARKERS = {
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
    "macOS": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
}


def have(system: str, python: str, env: dict[str, str], folder: Path, *options: str) -> str:
    """Let uv install the learner's lock for another system: its own hashes, ready-made packages alone."""
    command = [
        sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--target", str(folder),
        "--python-platform", SYSTEMS[system], "--python-version", python,
        "--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", LEARNER, *options,
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_package_has_a_ready_made_file_for_each_system_and_python(
    system: str, python: str, outside_env: dict[str, str], tmp_path: Path
) -> None:
    said = have(system, python, outside_env, tmp_path, "--dry-run")
    there = MARKERS[system] | {"python_version": python, "python_full_version": f"{python}.9"}
    markers = {name: requirement(entry).marker for name, entry in entries(LEARNER).items()}
    wanted = {name for name, marker in markers.items() if marker is None or marker.evaluate(there)}
    assert set(re.findall(r"^ \+ ([\w.-]+)==", said, re.M)) == wanted
    assert ("pywinpty" in wanted) == (system == "Windows")


@pytest.mark.parametrize(("system", "python", "suffix"), [("Windows", "3.12", "pyd"), ("macOS", "3.13", "so")])
def test_the_learners_lock_can_be_downloaded_whole_for_windows_and_macos(
    system: str, python: str, suffix: str, outside_env: dict[str, str], tmp_path: Path
) -> None:
    said = have(system, python, outside_env, tmp_path)
    installed = {canonicalize_name(path.name.split("-")[0]) for path in tmp_path.glob("*.dist-info")}
    assert installed >= {canonicalize_name(name) for name in re.findall(r"^ \+ ([\w.-]+)==", said, re.M)}
    tag = {"Windows": f"cp{python.replace('.', '')}-win_amd64", "macOS": f"cpython-{python.replace('.', '')}-darwin"}
    assert list((tmp_path / "numpy").rglob(f"*.{tag[system]}.{suffix}"))

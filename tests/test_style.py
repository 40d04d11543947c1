"""The package keeps the style that pyproject.toml states: ruff finds nothing, mypy --strict finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labkit.copies import ROOT


def tool(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_ruff_finds_nothing() -> None:
    ended = tool("ruff", "check", "--output-format", "concise", ".")
    assert ended.returncode == 0, ended.stdout


def test_mypy_strict_finds_nothing_in_the_package() -> None:
    ended = tool("mypy", "labkit")
    assert ended.returncode == 0, ended.stdout


def test_the_checks_do_find_something_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os\n\n\ndef f(x):\n    return x\n")
    settings = str(ROOT / "pyproject.toml")
    assert "F401" in tool("ruff", "check", "--config", settings, str(tmp_path)).stdout
    assert "no-untyped-def" in tool("mypy", "--config-file", settings, str(tmp_path / "bad.py")).stdout


def test_no_file_names_a_path_of_the_machine_it_was_made_on_or_a_package_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split("\n") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    endings = {".py", ".md", ".toml", ".lock", ".yaml", ".yml", ".cfg", ".ipynb", ".json", ""}
    registries = ["py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs"]
    found = []
    for name in filter(None, names):
        path = ROOT / name
        if path.suffix in endings and path.is_file() and path.stat().st_size < 3_000_000:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [
                f"{name}: {word}" for word in [*registries, str(Path.home()) + "/", str(ROOT) + "/"] if word in text
            ]
    assert found == []

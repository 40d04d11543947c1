"""The word `config` of the command line: check, explain, menu and export of a LibreChat configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import ParameterError, StorageError, did_you_mean

if TYPE_CHECKING:
    from labkit.config import Config

ACTIONS = ("check", "explain", "menu", "export")
AMISS = ("schema", "start-up", "dropped", "secret")  # grades with which the file does not do what it says


def run(
    action: str,
    file: str,
    endpoint: str = "",
    *,
    profile: str = "current",
    format: str = "librechat",
    output: str = "",
) -> int:
    """Carry out one action on a file; the exit status. Raises LabError."""
    from labkit import config

    if action not in ACTIONS:
        raise ParameterError(
            f"there is no `lab config {action}`",
            right=f"There are {', '.join(ACTIONS)}",
            do=did_you_mean(action, ACTIONS),
        )
    read = config.read(file)
    if action == "check":
        return _check(read, profile)
    if read.data is None:
        return _check(read, profile)  # what it is not readable for
    if action == "explain":
        names = [endpoint] if endpoint else [str(one.name) for one in read.endpoints if one.name]
        print("\n\n".join(str(read.explain(name, profile=profile)) for name in names) or "No endpoint to explain.")
        return 0
    text = str(read.menu()) + "\n" if action == "menu" else read.export(format)
    if output:
        _write(Path(output), text)
    else:
        sys.stdout.write(text)
    return 0


def _check(read: Config, profile: str) -> int:
    findings = read.check(profile=profile)
    for finding in findings:
        print(f"[{finding.grade}] {finding}")
    verdict = "LibreChat accepts it" if read.accepted else "LibreChat does not start with it"
    print(f"{read.name}: {verdict}; {len(findings)} finding{'' if len(findings) == 1 else 's'}.")
    return 1 if any(finding.grade in AMISS for finding in findings) else 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror})", where=str(path), do="Choose another place with --output"
        ) from None
    print(f"Written: {path}")

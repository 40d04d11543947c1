"""The word `config` of the command line: check, explain, menu and export of a LibreChat configuration."""

from __future__ import annotations

import sys
from pathlib import Path

from labkit.errors import ParameterError, StorageError, did_you_mean

ACTIONS = ("check", "explain", "menu", "export")
LANGCHAIN_SINCE = "2025-11-25"  # from when LibreChat is the current profile (pull request 10533)


def run(
    action: str,
    file: str,
    endpoint: str = "",
    *,
    profile: str = "",
    format: str = "librechat",
    output: str = "",
    day: str | None = None,
) -> int:
    """Carry out one action on a file; the exit status. Raises LabError.

    day: the facts as of then, the lab's moment unless given.  profile: the one of that day unless given.
    """
    from labkit import config
    from labkit.clock import moment_of
    from labkit.facts import load

    if action not in ACTIONS:
        raise ParameterError(
            f"there is no `lab config {action}`",
            right=f"There are {', '.join(ACTIONS)}",
            do=did_you_mean(action, ACTIONS),
        )
    read = config.read(file)
    moment = moment_of(day) if day else None
    if not profile:
        profile = "legacy" if moment and moment < moment_of(LANGCHAIN_SINCE) else "current"
    if action == "check" or read.data is None:  # what cannot be read is said by the check, whatever was asked for
        findings = read.check(load(moment) if moment else None, profile)
        print(findings)
        return 1 if findings.amiss else 0
    if action == "explain":
        names = [endpoint] if endpoint else [str(one.name) for one in read.endpoints if one.name]
        print("\n\n".join(str(read.explain(name, profile=profile)) for name in names) or "No endpoint to explain.")
        return 0
    options = {"profile": profile} if format == "postman" else {}
    text = str(read.menu()) + "\n" if action == "menu" else read.export(format, **options)
    if output:
        _write(Path(output), text)
    else:
        sys.stdout.write(text)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror})", where=str(path), do="Choose another place with --output"
        ) from None
    print(f"Written: {path}")

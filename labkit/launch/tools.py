"""Running pip, uv and venv, and saying in a sentence what went wrong when they fail."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from labkit.launch.place import Place
from labkit.launch.telling import DISK_FULL, Trouble


class Untouched(Trouble):
    """Trouble that came before anything was installed."""


class Unexplained(Trouble):
    """Trouble of a tool for which there is no sentence here; its last words are in the message."""


# What pip and uv say, in lower case, and what it means. The first line that fits is told, so the order matters: a
# package index that cannot be reached also ends in 'no matching distribution'.
MEANINGS: list[tuple[tuple[str, ...], type[Trouble], str]] = [
    (
        ("no space left on device", "errno 28", "os error 28", "not enough space on the disk", "os error 112"),
        Trouble,
        DISK_FULL,
    ),
    (
        ("do not match the hashes", "hash mismatch", "hashes are required", "--require-hashes mode"),
        Untouched,
        "A package does not have the hash that the lock states. Get the lock back with 'git checkout -- *.lock' and "
        "try again; if it happens again, something between you and the package index alters the files",
    ),
    (
        ("couldn't parse", "invalid requirement", "expected package name"),
        Untouched,
        "The lock is damaged. Get it back: git checkout -- requirements.lock requirements-test.lock",
    ),
    (
        ("certificate verify failed", "invalid peer certificate", "unknownissuer"),
        Untouched,
        "The package index's certificate is not trusted here; a company's proxy often causes it. Name the company's "
        "certificate file in SSL_CERT_FILE and PIP_CERT and run the same again",
    ),
    (
        (
            "name resolution", "name or service not known", "nodename nor servname", "getaddrinfo failed", "dns error",
            "no address associated", "failed to establish a new connection", "connection refused", "unreachable",
            "no route to host", "timed out", "timeout", "cannot connect to proxy", "tunnel connection failed",
            "error sending request", "connection reset", "connection aborted", "failed to fetch",
            "network was disabled", "network connectivity is disabled",
        ),
        Untouched,
        "The package index cannot be reached. The first set-up, and one after a change of the lock, needs a network; "
        "afterwards the lab needs none. Connect (or set HTTPS_PROXY) and run the same again",
    ),
    (
        ("no matching distribution found", "no usable wheels", "has no wheels", "no solution found"),
        Untouched,
        "There is no ready-made package for this system and Python. The lab runs on 64-bit Linux, macOS and Windows "
        "with Python 3.11, 3.12 or 3.13",
    ),
    (
        ("permission denied", "access is denied", "errno 13", "os error 13", "winerror 5", "winerror 32"),
        Trouble,
        "A file in .venv, or in the installer's cache, cannot be written. Close a lab that is still open and run the "
        "same again; the folder must be yours",
    ),
]  # fmt: skip


def run(place: Place, command: Sequence[str], each: Callable[[], None] | None = None) -> str:
    """Run a tool to its end and return what it said; raises Trouble when it fails.

    each: called whenever the tool says that one more package is on its way.
    """
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=place.root,
        env=environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=os.name == "nt",  # elsewhere it inherits the lock on .venv and keeps it to its own end
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    try:
        with process.stdout:
            for line in process.stdout:
                lines.append(line)
                if each and line.startswith(("Collecting ", " Downloaded ")):
                    each()
        process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    if process.returncode:
        raise meaning("".join(lines), command)
    return "".join(lines)


def meaning(said: str, command: Sequence[str]) -> Trouble:
    """The trouble that a tool's words tell of."""
    low = said.lower()
    for signs, kind, sentence in MEANINGS:
        if any(sign in low for sign in signs):
            return kind(sentence)
    tail = "\n".join("    " + line for line in said.strip().split("\n")[-12:])
    return Unexplained(f"{tail}\nThe set-up stopped at: {' '.join(command)}")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without what would bend a child's Python, or the installer's target."""
    bent = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "VIRTUAL_ENV")
    kept = {name: value for name, value in env.items() if name.upper() not in bent}
    return {**kept, "PIP_USER": "0"}  # which wins over a pip.conf that says `user = true`


def installer(place: Place, uv: str | None) -> list[str]:
    """The start of an install command: uv's when there is one, else pip's, which .venv gets first if it lacks it."""
    if uv:
        return [uv, "pip", "install", "--python", str(place.python)]
    pip = [str(place.python), "-I", "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, env=environment(os.environ)).returncode:
        run(place, [str(place.python), "-I", "-m", "ensurepip", "--default-pip"])
    # With no retry at all pip would not say that it could not connect, only that it found nothing. What is imported is
    # compiled when it first is, as uv leaves it too; compiling everything takes longer than the rest.
    how = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "3", "--no-compile"]
    return [*pip, "install", *how]

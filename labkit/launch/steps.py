"""The set-up itself: make `.venv`, install the lock, link the package. Each step only where it is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from typing import Any

from labkit.launch.place import LEARNER, TESTER, Place
from labkit.launch.telling import Trouble, step, tell
from labkit.launch.tools import Unexplained, Untouched, installer, run
from labkit.launch.turn import turn


def set_up(place: Place, lock: str) -> None:
    """Bring `.venv` to what `lock` and this package say. Does nothing, quickly, when it is so already.

    Raises Trouble, OSError and KeyboardInterrupt; whichever it is, the next call goes on from a known state.
    """
    if not place.missing(lock):
        return
    began = time.monotonic()
    with turn(place):
        missing = place.missing(lock)
        if not missing:
            return  # the one we waited for has done it
        uv = shutil.which("uv")
        tell(f"Setting up the lab in {place.venv}{' (once; a minute or two)' if 'make' in missing else ''}")
        if "make" in missing:
            make(place, uv)
        state = {**place.state(), "state": "ready", "python": place.look()[0]}
        try:
            _fill(place, lock, uv, state)
        except Unexplained as trouble:
            if not uv:
                raise
            tell(f"{trouble}\nuv did not manage it; trying pip")
            _fill(place, lock, None, state)
        if not place.look()[1]:
            raise Trouble(
                "labkit was installed but Python does not find it", do=f"Remove {place.venv} and run the same again"
            )
        place.note(state)
    tell(f"Ready after {time.monotonic() - began:.0f} s.")


def make(place: Place, uv: str | None) -> None:
    """A new, empty `.venv`; one half made before is cleared first. pip comes later, and only where uv is missing."""
    base = sys.executable
    if sys.prefix != sys.base_prefix and os.path.samefile(sys.prefix, place.venv):
        base = getattr(sys, "_base_executable", base)  # lab.py was started with .venv's own Python
    try:
        import venv  # noqa: F401

        if not uv:
            import ensurepip  # noqa: F401
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Trouble(
            f"This Python ({sys.executable}) cannot make environments: its venv part is not installed",
            right=f"On Debian and Ubuntu: sudo apt install python3-venv (or python{version}-venv). Or install uv, "
            "which needs no such part",
            do="Then run the same again",
        ) from None
    with step(f"making .venv with Python {platform.python_version()}"):
        place.note({"state": "begun"})
        for entry in place.venv.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry not in (place.turn_file, place.state_file):
                entry.unlink()
        run(place, [base, "-I", "-m", "venv", "--without-pip", str(place.venv)])


def install(place: Place, lock: str, uv: str | None, state: dict[str, Any]) -> None:
    """Install every package of `lock`, each checked against its hash, and note it in `state`.

    While it runs the state on disk names no lock, so that a stop is noticed. Trouble that came before anything was
    installed puts the old state back: the lab as it was still opens with its old lock.
    """
    names = [lock, LEARNER] if lock == TESTER else [lock]  # every pin of the learner's lock is in the tester's
    wanted = {name: place.fingerprint(name) for name in names}
    before = place.state()
    if before.get("state") == "ready":
        place.note({**before, "locks": {}})
    total = len(re.findall(r"^\w", (place.root / lock).read_text(encoding="utf-8", errors="replace"), re.M))
    with step(f"installing the packages of {lock} with {'uv' if uv else 'pip'}", total) as count:
        try:
            command = [
                *installer(place, uv),
                "--require-hashes",
                "--only-binary",
                ":all:",
                "-r",
                str(place.root / lock),
            ]
            said = run(place, command, count)
        except Untouched:
            if before.get("state") == "ready":
                place.note(before)
            raise
        new = _newly_installed(said)
        count.result = f"{new} packages, " if new else ""
    state["locks"] = {**state.get("locks", {}), **wanted}


def _fill(place: Place, lock: str, uv: str | None, state: dict[str, Any]) -> None:
    if state.get("locks", {}).get(lock) != place.fingerprint(lock):
        install(place, lock, uv, state)
    with step("linking labkit"):  # `import labkit` and the command `lab` mean this clone; needs no network
        run(place, [*installer(place, uv), "--no-deps", "--no-build-isolation", "-e", "."])
    state["package"] = place.fingerprint("pyproject.toml")


def _newly_installed(said: str) -> int:
    """How many packages pip or uv say they installed."""
    uv = re.search(r"Installed (\d+) package", said)
    pip = re.search(r"Successfully installed (.*)", said)
    return int(uv[1]) if uv else len(pip[1].split()) if pip else 0

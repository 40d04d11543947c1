"""The clone, its `.venv`, and what state that is in.

`.venv/.lab-state.json` is written when the making begins and says 'ready', with the locks' hashes, only after
everything else was written; so a set-up that was stopped is known as such.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Literal

from labkit.launch.telling import Trouble

LEARNER, TESTER = "requirements.lock", "requirements-test.lock"
Step = Literal["make", "install", "link"]
ALL: frozenset[Step] = frozenset(("make", "install", "link"))


class Place:
    """The clone at `root`."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.venv = self.root / ".venv"
        self.state_file = self.venv / ".lab-state.json"
        self.part_file = self.venv / ".lab-state.part"
        self.turn_file = self.venv / ".lab-turn"
        self.python = self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def state(self) -> dict[str, Any]:
        """What .venv says of itself: {} where nothing does, {'state': 'begun'} where it cannot be read."""
        try:
            state = json.loads(self.state_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {"state": "begun"}
        return state if isinstance(state, dict) else {"state": "begun"}

    def note(self, state: dict[str, Any]) -> None:
        """Replace the state in one step: a reader sees the old one or the new one."""
        self.part_file.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        os.replace(self.part_file, self.state_file)

    def fingerprint(self, name: str) -> str:
        """The SHA-256 of a file of the clone, line ends evened out: git may change them on Windows."""
        try:
            data = (self.root / name).read_bytes()
        except OSError as error:
            raise Trouble(
                f"it cannot be read ({error.strerror})", where=name, do=f"Get it back: git checkout -- {name}"
            ) from None
        return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()

    def look(self) -> tuple[str | None, bool]:
        """(.venv's Python version, whether it finds this clone's labkit); (None, False) when it does not run."""
        code = (
            "import sys, importlib.util as u; s = u.find_spec('labkit'); "
            "print('%d.%d.%d' % sys.version_info[:3]); print(ascii(s.origin if s else None))"
        )
        try:
            said = subprocess.run([self.python, "-I", "-c", code], capture_output=True, text=True, timeout=60).stdout
            version, origin = said.split("\n")[:2]
            found = ast.literal_eval(origin)
        except (OSError, ValueError, SyntaxError, subprocess.TimeoutExpired):
            return None, False
        try:
            return version, found is not None and os.path.samefile(Path(found).parent.parent, self.root)
        except OSError:
            return version, False

    def missing(self, lock: str) -> frozenset[Step]:
        """What has to be done until the lab can start with what `lock` lists."""
        state = self.state()
        if state.get("state") != "ready":
            return ALL
        version, linked = self.look()
        if version is None or version != state.get("python"):
            return ALL
        steps: set[Step] = set()
        if state.get("locks", {}).get(lock) != self.fingerprint(lock):
            steps.add("install")
        if not linked or state.get("package") != self.fingerprint("pyproject.toml"):
            steps.add("link")
        return frozenset(steps)

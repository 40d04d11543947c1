"""From a fresh clone to a running lab: makes `.venv` beside lab.py from a lock, then hands over to `labkit.cli`.

Standard library only, since it runs before anything is installed, under whatever fitting Python was found. `place`
knows the folder and its state, `turn` lets one process at a time work on it, `tools` runs pip and uv and explains them,
`steps` does the work in order. Nothing here knows what a notebook is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from labkit.launch.place import LEARNER, TESTER, Place
from labkit.launch.steps import set_up
from labkit.launch.telling import Trouble, of_system, tell
from labkit.proxies import spare_loopback


def main(words: Sequence[str], root: str) -> int:
    """Set up the clone at `root` for the command line `words` and carry that out; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    place = Place(root)
    spare_loopback(os.environ)
    signal.signal(signal.SIGTERM, _stopped)
    try:
        set_up(place, TESTER if list(words[:1]) == ["test"] else LEARNER)
    except Trouble as trouble:
        tell(str(trouble))
        return 1
    except OSError as error:
        tell(of_system(error, place.venv))
        return 1
    except KeyboardInterrupt:
        tell("Stopped. Nothing is lost: run the same again and the set-up begins anew.")
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return _hand_over(place, words)


def _hand_over(place: Place, words: Sequence[str]) -> int:
    """Run labkit's command with .venv's Python: in place of this process, or on Windows as its child."""
    bent = ("PYTHONHOME", "__PYVENV_LAUNCHER__")
    env = {name: value for name, value in os.environ.items() if name not in bent}
    command = [str(place.python), "-P", "-m", "labkit", *words]
    if os.name != "nt":
        os.execve(command[0], command, env)
    child = subprocess.Popen(command, env=env)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got it too and ends by itself


def _stopped(*_: object) -> NoReturn:
    raise KeyboardInterrupt

"""One at a time: two `lab.py` started together must not both make `.venv`.

The lock is the system's own on a file inside `.venv`, so it ends with its process, however that ends. A `.venv` that
lab.py did not make is somebody's: it is moved aside, never changed.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from labkit.launch.place import Place
from labkit.launch.telling import tell


@contextmanager
def turn(place: Place) -> Iterator[None]:
    """Have `.venv` (made when missing) for this process alone, after waiting for another that is at it."""
    while True:
        if place.venv.is_symlink() or (place.venv.exists() and not place.venv.is_dir()):
            put_aside(place)
        place.venv.mkdir(exist_ok=True)
        with open(place.turn_file, "a+b") as file:
            _take(file)
            if not _still_there(place, file):
                continue  # it was put aside while we waited
            ours = {place.turn_file.name, place.part_file.name}
            if place.state_file.exists() or not set(os.listdir(place.venv)) - ours:
                yield
                return
        put_aside(place)


def put_aside(place: Place) -> None:
    """Move what stands at `.venv` to `.outside/`, losing nothing."""
    outside = place.root / ".outside"
    outside.mkdir(exist_ok=True)
    number = 1
    while os.path.lexists(outside / f"venv-found-{number}"):
        number += 1
    try:
        os.rename(place.venv, outside / f"venv-found-{number}")
    except FileNotFoundError:
        return  # another lab.py was quicker
    tell(f"The .venv found here was not made by lab.py; it is now .outside/venv-found-{number}.")


def _still_there(place: Place, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(place.turn_file))
    except OSError:
        return False


def _take(file: IO[bytes]) -> None:
    said = False
    while True:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.set_inheritable(file.fileno(), True)  # an installer that outlives this process keeps the lock
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                return  # a file system without locks
        if not said:
            tell("Another lab.py is setting up this folder; waiting for it ...")
            said = True
        time.sleep(0.3)

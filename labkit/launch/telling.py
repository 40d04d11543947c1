"""What the set-up says, all of it on standard error: what a word prints (`serve --json`) is the only output."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import LabError

DISK_FULL = "The disk is full. The lab needs about 700 MB. Make room and run the same again; the set-up begins anew"


class Trouble(LabError):
    """Something foreseeable that stops the set-up."""


def tell(text: str, end: str = "\n") -> None:
    """Say how the set-up goes."""
    print(text, end=end, file=sys.stderr, flush=True)


class Count:
    """How far a step is: call it for each thing done; `result` is what to say at the end."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.seen, self.result = title, total, 0, ""

    def __call__(self) -> None:
        self.seen += 1
        if sys.stderr.isatty():
            tell(f"\r  {self.title} ... {self.seen} of about {self.total} ", end="")


@contextmanager
def step(title: str, total: int = 0) -> Iterator[Count]:
    """Tell that a step begins, on a terminal how far it is, and at its end how long it took."""
    began, count = time.monotonic(), Count(title, total)
    tell(f"  {title} ... ", end="")
    try:
        yield count
    except BaseException:
        tell("stopped")
        raise
    start = f"\r  {title} ... " if count.seen and sys.stderr.isatty() else ""
    tell(f"{start}{count.result}{time.monotonic() - began:.0f} s{' ' * 20 if start else ''}")


def of_system(error: OSError, venv: Path) -> str:
    """One of the system's errors as a sentence."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DISK_FULL + "."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{error.filename or venv} cannot be written ({error.strerror}). The lab makes .venv and my/ in its own "
            "folder: close a lab that is still open, or move the folder to where you may write."
        )
    return f"{error.filename or venv}: {error.strerror or error}. Run the same again; if it stays, remove {venv} first."

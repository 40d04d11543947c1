"""Whether Python code does what its test cases say, tried in another process that can do little else.

The process has a few seconds for each piece of code, at most 1 GiB of memory (where the system can say so: not on
Windows), no keys and no other variables in its environment, a folder of its own that is deleted afterwards, and a hook
that ends whatever opens a socket, starts a program, or touches a file outside that folder (reading Python's own
library apart). That keeps a small model's slips in bounds. It is no prison for code that wants to get out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS = 3.0  # for each piece of code
HARNESS = """
import contextlib, io, json, math, os, random, re, string, sys, threading

seconds, folder = float(sys.argv[1]), os.path.realpath(os.getcwd())
library = tuple({os.path.realpath(p) + os.sep for p in (*sys.path, sys.prefix, sys.base_prefix) if p})
try:
    import resource
    for kind, most in (("RLIMIT_AS", 2**30), ("RLIMIT_FSIZE", 2**20), ("RLIMIT_CORE", 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, kind), (most, most))
except ImportError:
    pass

ENDED = (
    "socket.", "subprocess.", "ctypes.", "shutil.", "winreg.", "_winapi.", "urllib.", "http.", "ftplib.", "smtplib.",
    "sqlite3.", "pty.", "webbrowser.", "mmap.", "signal.", "gc.", "sys.addaudithook", "cpython.", "code.", "syslog.",
    "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill", "os.putenv",
    "os.unsetenv", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.chdir", "os.fchdir", "os.utime", "os.setxattr", "os.removexattr", "os.lockf",
    "os.chflags",
)
guarded = False

def guard(event, arguments):
    if not guarded:
        return
    if event.startswith(ENDED) or event == "import" and arguments[0] in ("ctypes", "_ctypes"):
        raise PermissionError(event)
    if event == "open" and not isinstance(arguments[0], int):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        reads = not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if not path.startswith(folder + os.sep) and not (reads and path.startswith(library)):
            raise PermissionError(path)

sys.addaudithook(guard)

def same(found, wanted):
    if isinstance(wanted, dict) and "between" in wanted:
        return wanted["between"][0] <= found <= wanted["between"][1]
    if isinstance(wanted, dict) and "among" in wanted:
        return found in wanted["among"]
    if isinstance(wanted, float) and isinstance(found, (int, float)):
        return math.isclose(found, wanted, rel_tol=1e-4)
    return type(found) is type(wanted) and found == wanted or found == wanted and not isinstance(wanted, bool)

def passes(code, name, cases):
    global guarded
    for arguments, wanted in cases:
        space, printed = {}, io.StringIO()
        guarded = True
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            exec(code, space)
            found = space[name](*json.loads(json.dumps(arguments)))
        guarded = False
        if found is None:
            found = " ".join(printed.getvalue().split())
        if not same(json.loads(json.dumps(found)), wanted):
            return False
    return True

say, jobs = sys.stdout.write, json.load(sys.stdin)
for job in jobs:
    timer = threading.Timer(seconds, os._exit, [3])
    timer.daemon = True
    timer.start()
    try:
        good = passes(*job)
    except BaseException:
        good = False
    guarded = False
    timer.cancel()
    say("+" if good else "-")
    sys.stdout.flush()
"""


def code_of(answer: str) -> str:
    """The code in an answer: what stands between fences, else all of it."""
    fenced = re.search(r"```(?:python)?\n(.*?)```", answer, re.DOTALL)
    return fenced[1] if fenced else answer


def passing(jobs: Sequence[tuple[str, Sequence[Any]]], timeout: float = 60, seconds: float = SECONDS) -> list[bool]:
    """For each (code, cases), whether the first function in the code gives the right result in all cases.

    seconds: for each piece of code; one that takes longer fails alone.  timeout: for one process; should it be reached
    (a single operation may hold up everything), the code at hand fails and another process goes on with the rest.
    """
    named = []
    for code, cases in jobs:
        name = re.search(r"def (\w+)", code)
        named.append((code, name[1] if name else "", cases))
    results: list[bool] = []
    while len(results) < len(jobs):
        done = _run(named[len(results) :], timeout, seconds)
        results += done
        if len(results) < len(jobs):
            results.append(False)  # the one at which the process ended
    return results


def _run(named: Sequence[tuple[str, str, Sequence[Any]]], timeout: float, seconds: float) -> list[bool]:
    """The results of one process, as far as it came."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder, "notes.txt").write_text("one\ntwo\n", encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", HARNESS, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=kept,
        )
        try:
            said, _ = process.communicate(json.dumps(named), timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
    return [mark == "+" for mark in said[: len(named)] if mark in "+-"]

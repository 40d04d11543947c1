"""Set up the lab and open it. Needs Python 3.11, 3.12 or 3.13 and nothing else.

    python lab.py                 set up .venv (the first time), open JupyterLab on your copy of notebook 00
    python lab.py --no-browser    the same, printing the address only; --port N for another port than 8888
    python lab.py test            set up the test tools too and run all tests; pytest's arguments may follow
    python lab.py WORD            anything else the lab can do: doctor, serve, keys, facts, progress, fresh ...

What it owns: the folder .venv beside it, made from requirements.lock (for `test` from requirements-test.lock) and
this package. The state of .venv is in .venv/.lab-state.json, which says 'ready' only after everything else was
written, so that a set-up that was stopped is begun anew. Everything but the set-up is labkit's own business.

No annotation, no f-string, plain ASCII: an old Python, even 2.7, must be able to read this file to say that it is old.
"""

from __future__ import print_function

import os
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.abspath(__file__))


def other_python(minors=(13, 12, 11)):
    """The command for a fitting Python found on PATH, as one would type it, or None."""
    import subprocess

    for minor in minors:
        names = [["py", "-3.%d" % minor]] if os.name == "nt" else []
        for command in names + [["python3.%d" % minor], ["python3"], ["python"]]:
            try:
                run = subprocess.Popen(
                    command + ["-c", "import sys; print(sys.version_info[:2])"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                said = run.communicate()[0].decode("ascii", "replace").strip()
            except OSError:
                continue
            if run.returncode == 0 and said == "(3, %d)" % minor:
                return " ".join(command)
    return None


def unfit():
    """Why this Python cannot run the lab and what to do, or None when it can."""
    version = sys.version_info[:2]
    if OLDEST <= version <= NEWEST:
        import sysconfig

        if sys.implementation.name != "cpython":
            return "The lab needs the usual Python (CPython); this is %s." % sys.implementation.name
        if sys.maxsize < 2**32:
            return "The lab needs a 64-bit Python; this one (%s) is a 32-bit one." % sys.executable
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            return "The lab needs the usual build of Python; this one (%s) is free-threaded." % sys.executable
        return None
    sentence = "The lab needs Python 3.11, 3.12 or 3.13; this is Python %d.%d (%s)." % (version + (sys.executable,))
    found = other_python()
    if found:
        return "%s A fitting one is here. Run: %s lab.py %s" % (sentence, found, " ".join(sys.argv[1:]))
    return (
        "%s Get one from python.org/downloads, or with 'winget install Python.Python.3.13' (Windows), "
        "'brew install python@3.13' (macOS), 'sudo apt install python3 python3-venv' (Debian 12, Ubuntu 24.04 or "
        "newer), or with uv: 'uv run --no-project --python 3.13 lab.py'." % sentence
    )


if __name__ == "__main__" and unfit():
    print(unfit(), file=sys.stderr)
    sys.exit(1)

# From here on the Python is a fitting one.
import contextlib
import errno
import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

VENV = Path(ROOT, ".venv")
STATE = VENV / ".lab-state.json"
LOCK = VENV / ".lab-lock"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LEARNER, TESTER = "requirements.lock", "requirements-test.lock"


class Trouble(Exception):
    """Something foreseeable that stops the set-up. Its text is the whole message."""


# --- what is there ---------------------------------------------------------------------------------------------------


def read_state():
    """What .venv says of itself: {} where nothing does, {'state': 'begun'} where it cannot be read."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
        return state if isinstance(state, dict) else {"state": "begun"}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return {"state": "begun"}


def write_state(state):
    """Replace the state in one step: a reader sees the old one or the new one."""
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    os.replace(fresh, STATE)


def fingerprint(name):
    """The SHA-256 of a file beside lab.py, line ends evened out (git may change them on Windows)."""
    try:
        data = Path(ROOT, name).read_bytes()
    except OSError as error:
        raise Trouble("%s cannot be read (%s). Get it back with: git checkout -- %s" % (name, error.strerror, name))
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def look_at_venv():
    """(Python version, folder of labkit) as .venv's own Python says them; (None, None) when it does not run."""
    code = (
        "import sys, importlib.util as u; s = u.find_spec('labkit'); "
        "print('%d.%d.%d' % sys.version_info[:3]); print(ascii(s.origin if s else None))"
    )
    try:
        said = subprocess.run([str(PYTHON), "-I", "-c", code], capture_output=True, text=True, timeout=60)
        version, origin = said.stdout.split("\n")[:2]
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None, None
    import ast

    origin = ast.literal_eval(origin)
    return version, os.path.dirname(os.path.dirname(origin)) if origin else None


def missing_steps(lock):
    """What has to be done until the lab can start: a subset of {'make', 'install', 'link'}."""
    state = read_state()
    if state.get("state") != "ready":
        return {"make", "install", "link"}
    version, home = look_at_venv()
    if version is None or version != state.get("python"):
        return {"make", "install", "link"}
    steps = set()
    if state.get("locks", {}).get(lock) != fingerprint(lock):
        steps.add("install")
    if state.get("package") != fingerprint("pyproject.toml") or not home or not os.path.samefile(home, ROOT):
        steps.add("link")
    return steps


# --- making it -------------------------------------------------------------------------------------------------------


def set_up(lock):
    """Bring .venv to what `lock` and this package say. Does nothing, quickly, when it is so already."""
    if not missing_steps(lock):
        return
    began = time.monotonic()
    with only_one():
        steps = missing_steps(lock)
        if not steps:
            return
        uv = shutil.which("uv")
        print("Setting up the lab in %s%s" % (VENV, " (once; a minute or two)" if "make" in steps else ""), flush=True)
        state = {"state": "ready", "python": None, "locks": {}, "package": None}
        if "make" in steps:
            make_venv(uv)
        else:
            state = read_state()
        state["python"] = look_at_venv()[0]
        if "install" in steps:
            install(lock, uv, state)
        link(uv)
        state["package"] = fingerprint("pyproject.toml")
        home = look_at_venv()[1]
        if not home or not os.path.samefile(home, ROOT):
            raise Trouble("labkit was installed but Python does not find it. Remove %s and try again." % VENV)
        write_state(state)
    print("Ready after %.0f s." % (time.monotonic() - began), flush=True)


@contextlib.contextmanager
def only_one():
    """Hold .venv for this process alone, waiting for another `lab.py` that is setting it up; foreign ones go aside."""
    while True:
        if VENV.is_symlink() or (VENV.exists() and not VENV.is_dir()):
            put_aside()
        VENV.mkdir(exist_ok=True)
        file = open(LOCK, "a+b")
        try:
            take(file)
            if not LOCK.exists() or not os.path.samestat(os.fstat(file.fileno()), os.stat(LOCK)):
                continue  # the folder was put aside while we waited
            if not STATE.exists() and set(os.listdir(VENV)) - {LOCK.name, STATE.with_suffix(".new").name}:
                file.close()
                put_aside()
                continue
            yield
            return
        finally:
            file.close()


def take(file):
    """Lock an open file for this process; the system frees it when the process ends, however it ends."""
    said = False
    while True:
        try:
            if os.name == "nt":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.set_inheritable(file.fileno(), True)  # an installer that outlives us keeps it
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                return  # a file system without locks
            if not said:
                print("Another lab.py is setting up this folder; waiting for it ...", flush=True)
                said = True
            time.sleep(0.3)


def put_aside():
    """Move a .venv that this program did not make to .outside/, losing nothing."""
    outside = Path(ROOT, ".outside")
    outside.mkdir(exist_ok=True)
    number = 1
    while os.path.lexists(outside / ("venv-found-%d" % number)):
        number += 1
    try:
        os.rename(VENV, outside / ("venv-found-%d" % number))
    except FileNotFoundError:
        return  # another lab.py was quicker
    print("The .venv found here was not made by lab.py; it is now .outside/venv-found-%d." % number, flush=True)


def make_venv(uv):
    """A new, empty .venv. One half-made before is cleared first."""
    base = sys.executable
    if sys.prefix != sys.base_prefix and os.path.samefile(sys.prefix, VENV):
        base = getattr(sys, "_base_executable", sys.executable)  # lab.py was started with .venv's own Python
    try:
        import venv  # noqa: F401

        if not uv:
            import ensurepip  # noqa: F401
    except ImportError:
        raise Trouble(
            "This Python (%s) cannot make environments: its venv part is not installed. On Debian and Ubuntu: "
            "sudo apt install python3-venv (or python%d.%d-venv). Or install uv, which needs no such part. "
            "Then run lab.py again." % ((sys.executable,) + sys.version_info[:2])
        )
    with step("making .venv with Python %d.%d.%d" % sys.version_info[:3]):
        write_state({"state": "begun"})
        for entry in VENV.iterdir():
            if entry not in (LOCK, STATE):
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        run([base, "-I", "-m", "venv", "--without-pip", str(VENV)])


def install(lock, uv, state):
    """Install every package of `lock`, each checked against its hash, and note it in `state`.

    While it runs the state on disk names no lock, so that a stop is noticed; an error before anything was
    installed puts the old state back, and the lab as it was still opens.
    """
    before = read_state()
    if before.get("state") == "ready":
        write_state(dict(before, locks={}))
    wanted = len(re.findall(r"^\w", Path(ROOT, lock).read_text(encoding="utf-8"), re.M))
    arguments = ["--require-hashes", "--only-binary", ":all:", "-r", str(Path(ROOT, lock))]
    with step("installing the packages of %s with %s" % (lock, "uv" if uv else "pip"), total=wanted) as counted:
        try:
            said = run(installer(uv) + arguments, counted)
        except Untouched:
            if before.get("state") == "ready":
                write_state(before)
            raise
        done = re.search(r"Installed (\d+) package", said)
        names = re.search(r"Successfully installed (.*)", said)
        counted.result = int(done.group(1)) if done else len(names.group(1).split()) if names else 0
    state["locks"] = dict(state["locks"], **{lock: fingerprint(lock)})
    if lock == TESTER:
        state["locks"][LEARNER] = fingerprint(LEARNER)  # every pin of the learner's lock is in the tester's


def link(uv):
    """Make `import labkit` and the command `lab` mean this folder. Needs no network."""
    with step("linking labkit"):
        run(installer(uv) + ["--no-deps", "--no-build-isolation", "-e", ROOT])


def installer(uv):
    """The start of an install command: uv's when it is there, else pip's, which .venv gets first if it lacks it."""
    if uv:
        return [uv, "pip", "install", "--python", str(PYTHON)]
    pip = [str(PYTHON), "-I", "-m", "pip"]
    if subprocess.run(pip + ["--version"], capture_output=True, env=quiet_env()).returncode:
        run([str(PYTHON), "-I", "-m", "ensurepip", "--default-pip"])
    return pip + ["install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]


# --- running and telling ---------------------------------------------------------------------------------------------


class Untouched(Trouble):
    """Trouble that came before anything was changed."""


def quiet_env():
    """This process's environment without what would bend a child's Python or pip's target."""
    bent = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name.upper() not in bent}


def run(command, counted=None):
    """Run a tool to its end and return what it said; its failure becomes a sentence."""
    lines = []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=quiet_env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=os.name == "nt",
        text=True,
        errors="replace",
    )
    try:
        for line in process.stdout:
            lines.append(line)
            if counted and line.startswith(("Collecting ", " Downloaded ")):
                counted()
        process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    if process.returncode:
        raise explain("".join(lines), command)
    return "".join(lines)


# What pip and uv say (lower case), and what it means; the first that fits is told.
MEANINGS = [
    (
        ("no space left on device", "errno 28", "os error 28", "not enough space on the disk", "os error 112"),
        Trouble,
        "The disk is full. The lab needs about 700 MB. Make room and run the same again; the set-up begins anew.",
    ),
    (
        ("do not match the hashes", "hash mismatch", "hashes are required", "in --require-hashes mode"),
        Untouched,
        "A package does not have the hash that the lock states. Get the lock back with 'git checkout -- *.lock' and "
        "try again; if it happens again, whatever stands between you and the package index alters the files.",
    ),
    (
        ("couldn't parse requirement", "invalid requirement", "expected package name", "couldn't parse"),
        Untouched,
        "The lock is damaged. Get it back with: git checkout -- requirements.lock requirements-test.lock",
    ),
    (
        ("certificate verify failed", "invalid peer certificate", "unknownissuer"),
        Untouched,
        "The package index's certificate is not trusted here; a company proxy often causes it. Name the company's "
        "certificate file in SSL_CERT_FILE and PIP_CERT and run the same again.",
    ),
    (
        (
            "name resolution", "name or service not known", "nodename nor servname", "getaddrinfo failed", "dns error",
            "failed to establish a new connection", "connection refused", "unreachable", "no route to host",
            "timed out", "timeout", "cannot connect to proxy", "error sending request", "connection reset",
            "connection aborted", "failed to fetch", "tunnel connection failed", "no address associated",
        ),
        Untouched,
        "The package index cannot be reached. The first set-up, and one after a change of the lock, needs a network; "
        "after it the lab needs none. Connect (or set HTTPS_PROXY) and run the same again.",
    ),
    (
        ("no matching distribution found", "no usable wheels", "has no wheels", "no solution found"),
        Untouched,
        "There is no ready-made package for this system and Python. The lab runs on 64-bit Linux, macOS and Windows "
        "with Python 3.11, 3.12 or 3.13.",
    ),
    (
        ("permission denied", "access is denied", "errno 13", "os error 13", "winerror 5", "winerror 32"),
        Trouble,
        "A file in .venv, or in the installer's cache, cannot be written. Close a lab that is still open and run the "
        "same again; the folder must be yours.",
    ),
]


def explain(said, command):
    """The Trouble that a tool's last words mean."""
    low = said.lower()
    tail = "\n".join("    " + line for line in said.strip().split("\n")[-12:])
    for signs, kind, sentence in MEANINGS:
        if any(sign in low for sign in signs):
            return kind(sentence)
    return Trouble("%s\nThe set-up stopped at: %s" % (tail, " ".join(command)))


@contextlib.contextmanager
def step(title, total=0):
    """Tell that a step begins, on a terminal how far it is, and at its end how long it took."""
    began, live = time.monotonic(), sys.stdout.isatty()

    def counted():
        counted.seen += 1
        if live:
            print("\r  %s ... %d of about %d " % (title, counted.seen, total), end="", flush=True)

    counted.seen = counted.result = 0
    print("  %s ... " % title, end="", flush=True)
    try:
        yield counted
    except BaseException:
        print("stopped", flush=True)
        raise
    start = "\r  %s ... " % title if live else ""
    many = "%d packages, " % counted.result if counted.result else ""
    print("%s%s%.0f s%s" % (start, many, time.monotonic() - began, " " * 20 if live else ""), flush=True)


def told(error):
    """One of the system's errors as a sentence."""
    where = getattr(error, "filename", None) or ROOT
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return MEANINGS[0][2]
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            "%s cannot be written (%s). The lab makes .venv and my/ in its own folder: move the folder to where you "
            "may write, or make it yours." % (where, error.strerror)
        )
    return "%s: %s. Run the same again; if it stays, remove %s first." % (where, error.strerror, VENV)


def spare_loopback(env):
    """Let no proxy stand between the lab and itself: add 127.0.0.1 and localhost to NO_PROXY."""
    for name in ("NO_PROXY", "no_proxy"):
        there = [part.strip() for part in (env.get(name) or env.get("no_proxy") or "").split(",") if part.strip()]
        if "*" not in there:
            env[name] = ",".join(there + [host for host in ("127.0.0.1", "localhost") if host not in there])


def hand_over(words):
    """Run labkit's own command in .venv in place of this process. Returns its exit status where that cannot be."""
    env = dict(os.environ)
    env.pop("PYTHONHOME", None)
    env.pop("__PYVENV_LAUNCHER__", None)
    command = [str(PYTHON), "-P", "-m", "labkit"] + words
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, env)
    child = subprocess.Popen(command, env=env)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got it too and ends by itself


def stopped(*_):
    raise KeyboardInterrupt


def main(words):
    if words[:1] and words[0] in ("-h", "--help"):
        print(__doc__.split("\n\nWhat it owns")[0])
        return 0
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, stopped)
    spare_loopback(os.environ)
    try:
        set_up(TESTER if words[:1] == ["test"] else LEARNER)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except OSError as error:
        print(told(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Nothing is lost: run the same again and the set-up goes on.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return hand_over(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

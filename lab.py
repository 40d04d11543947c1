"""Set up the lab and open it. Needs Python 3.11, 3.12 or 3.13 and nothing else.

    python lab.py                 set up .venv (the first time), open JupyterLab on your copy of notebook 00
    python lab.py --no-browser    the same, printing the address only; --port N for another port than 8888
    python lab.py test            set up the test tools too and run all tests; pytest's arguments may follow
    python lab.py WORD            anything else the lab can do: doctor, serve, keys, facts, progress, fresh

This file only makes sure that the Python is a fitting one; the set-up is labkit.launch, which needs the standard
library alone. No annotation, no f-string, plain ASCII: even Python 2.7 must be able to read it, to say that it is old.
"""

from __future__ import print_function

import os
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def unfit():
    """Why this Python cannot run the lab and what to do, or None when it can."""
    version = sys.version_info[:2]
    if OLDEST <= version <= NEWEST:
        return unfit_build()
    sentence = "The lab needs Python 3.11, 3.12 or 3.13; this is Python %d.%d (%s)." % (version + (sys.executable,))
    found = other_python()
    if found:
        return "%s A fitting one is here. Run: %s" % (sentence, " ".join([found, "lab.py"] + sys.argv[1:]))
    return (
        "%s Get one from python.org/downloads, or with 'winget install Python.Python.3.13' (Windows), "
        "'brew install python@3.13' (macOS), 'sudo apt install python3 python3-venv' (Debian 12, Ubuntu 24.04 or "
        "newer), or with uv: 'uv run --no-project --python 3.13 lab.py'." % sentence
    )


def unfit_build():
    """Why this build of a fitting version has no ready-made packages, or None when it has."""
    import sysconfig

    if sys.implementation.name != "cpython":
        return "The lab needs the usual Python (CPython); this is %s (%s)." % (sys.implementation.name, sys.executable)
    if sys.maxsize < 2**32:
        return "The lab needs a 64-bit Python; this one (%s) is a 32-bit one." % sys.executable
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "The lab needs the usual build of Python; this one (%s) is a free-threaded one." % sys.executable
    return None


def other_python():
    """The command for a fitting Python found on PATH, as one would type it, or None."""
    import subprocess

    for minor in (13, 12, 11):
        names = [["py", "-3.%d" % minor]] if os.name == "nt" else []
        for command in names + [["python3.%d" % minor], ["python3"], ["python"]]:
            ask = command + ["-c", "import sys; print(sys.version_info[:2])"]
            try:
                asked = subprocess.Popen(ask, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                said = asked.communicate()[0].decode("ascii", "replace").strip()
            except OSError:
                continue
            if asked.returncode == 0 and said == "(3, %d)" % minor:
                return " ".join(command)
    return None


if __name__ == "__main__":
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.split("\n\nThis file")[0])
        sys.exit(0)
    why = unfit()
    if why:
        print(why, file=sys.stderr)
        sys.exit(1)
    root = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, root)
    from labkit.launch import main

    sys.exit(main(sys.argv[1:], root))

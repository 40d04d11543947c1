"""What the lab stands on, looked at one thing at a time: for `lab doctor` and `lab keys`.

It reports and mends nothing. Each finding is a sentence; what is amiss says what to do. No key's value is ever read
further than to know that one is set.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from labkit.copies import ROOT
from labkit.errors import LabError

OLD_DAYS = 180


@dataclass(frozen=True)
class Finding:
    """One thing looked at. amiss: something to mend; otherwise it is as it should be, or only worth knowing."""

    about: str
    says: str
    amiss: bool = False

    def __str__(self) -> str:
        return f"{'!!' if self.amiss else 'ok'}  {self.about}: {self.says}"


def examine() -> list[Finding]:
    """Look at everything; a check that cannot be made is itself a finding."""
    looks: list[Callable[[], list[Finding]]] = [_python, _venv, _home, _copies, _facts, _weights, _ports, _proxy, _keys]
    found: list[Finding] = []
    for look in looks:
        try:
            found += look()
        except LabError as error:
            found.append(Finding(look.__name__.strip("_"), str(error), amiss=True))
    return found


def key_lines() -> list[str]:
    """A line for each key variable of each provider: set (and where), or not set. Never a value."""
    from labkit import facts
    from labkit.keys import find

    lines = []
    for provider in facts.load().values():
        if provider.id == "lab":
            continue
        for variable in provider.key.variables:
            here = find([variable], dotenv=None) is not None
            state = "set in the environment" if here else "set in .env" if find([variable], env={}) else "not set"
            lines.append(f"{provider.label:<12} {variable:<24} {state}")
    return [*lines, "No key is needed: the local providers have their own."]


def _python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    says = f"{version} at {sys.executable}"
    return [Finding("Python", says if fits else f"{says}; the lab needs 3.11, 3.12 or 3.13", not fits)]


def _venv() -> list[Finding]:
    path = ROOT / ".venv" / ".lab-state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [Finding(".venv", f"not made by lab.py; Python's packages come from {sys.prefix}")]
    except (OSError, ValueError):
        state = {}
    if state.get("state") != "ready":
        return [Finding(".venv", "half made. Run `python lab.py` again: it begins anew", amiss=True)]
    found = []
    for lock, noted in state.get("locks", {}).items():
        data = (ROOT / lock).read_bytes().replace(b"\r\n", b"\n") if (ROOT / lock).exists() else b""
        same = hashlib.sha256(data).hexdigest() == noted
        found.append(Finding(lock, "installed" if same else "has changed. Run `python lab.py` again", not same))
    return found


def _home() -> list[Finding]:
    from labkit.keys import lab_home

    home = lab_home()
    writable = os.access(home, os.W_OK)
    return [Finding("LAB_HOME", str(home) if writable else f"{home} cannot be written. Set LAB_HOME", not writable)]


def _copies() -> list[Finding]:
    from labkit.copies import desk

    originals = desk().originals()
    missing = [original.name for original in originals if not (desk().my / original.name).exists()]
    says = f"{len(originals) - len(missing)} of {len(originals)} notebooks copied"
    return [Finding("my/", f"{says}; `python lab.py` copies the others" if missing else says)]


def _facts() -> list[Finding]:
    from labkit import facts

    moment = facts.course_moment()
    age_days = (datetime.now(UTC) - moment).days
    says = f"{len(facts.load())} providers as of {moment:%Y-%m-%d}, {age_days} days ago"
    if age_days > OLD_DAYS:
        says += "; prices and models may have changed since. `git pull` brings newer ones, if there are any"
    return [Finding("facts", says)]


def _weights() -> list[Finding]:
    from labkit import lm
    from labkit.lm.files import check_sums

    folder = lm.weights_folder()
    models = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not models:
        return [Finding("models", f"none in {folder}. Run `git checkout -- labkit/lm/weights`", amiss=True)]
    for model in models:
        check_sums(model)
    return [Finding("models", f"{', '.join(model.name for model in models)}; checksums as stated")]


def _ports() -> list[Finding]:
    found = []
    for port, use in ((8888, "JupyterLab"), (8765, "lab serve")):
        with socket.socket() as probe:
            probe.settimeout(1)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        found.append(
            Finding(f"port {port}", f"in use ({use} then takes or needs another)" if taken else f"free for {use}")
        )
    return found


def _proxy() -> list[Finding]:
    names = [
        name
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        if os.environ.get(name) or os.environ.get(name.lower())
    ]
    says = f"{', '.join(names)} set; local calls go round it" if names else "none"
    return [Finding("proxy", says)]


def _keys() -> list[Finding]:
    return [Finding("key", line) for line in key_lines()[:-1]]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"

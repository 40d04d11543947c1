r"""The ways of asking, read from `phrasings/<hand>/<skill>.txt`: a `[section]`, then one template a line.

Each folder is the work of one hand that did not see the others; a skill has the lines of all of them.

In a template `{country}` is a slot and `(what is|what's|)` a choice. `\n` is a line break. A line that starts with `!`
is a prompt of the notebooks and is never held out; of the others a fixed tenth, chosen by a hash of the line itself,
is kept from training (and never fewer than two of a dozen). `#` starts a comment. Standard library only.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "phrasings"
CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
HELD_SHARE = 0.1
HELD_LEAST = 2  # of a section with a dozen lines or more


def share_of(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48


@dataclass(frozen=True)
class Phrasing:
    """One template and whether training may use it."""

    template: str
    held: bool
    always: bool = False


def _sections(path: Path) -> dict[str, list[Phrasing]]:
    """Section -> lines of one file. Raises ValueError on a line outside any section or given twice."""
    sections: dict[str, list[Phrasing]] = {}
    current: list[Phrasing] | None = None
    where = f"{path.parent.name}/{path.name}"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        title = re.fullmatch(r"\[([a-z_]+)\]", line)
        if title:
            current = sections.setdefault(title[1], [])
            continue
        if current is None:
            raise ValueError(f"{where}: line {number} stands before the first [section]")
        always, template = line.startswith("!"), line.removeprefix("!").replace("\\n", "\n")
        if any(known.template == template for known in current):
            raise ValueError(f"{where}: line {number} is there twice: {line}")
        current.append(Phrasing(template, not always and share_of(template) < HELD_SHARE, always))
    return sections


@cache
def phrasings(skill: str) -> dict[str, tuple[Phrasing, ...]]:
    """Section -> its phrasings by all hands, in order of hands and lines; what two hands wrote alike is there once."""
    merged: dict[str, dict[str, Phrasing]] = {}
    for path in sorted(FOLDER.glob(f"*/{skill}.txt")):
        for section, lines in _sections(path).items():
            known = merged.setdefault(section, {})
            for line in lines:
                known.setdefault(line.template, line)
    if not merged:
        raise ValueError(f"no hand wrote {skill}.txt")
    return {section: _with_least_held(list(lines.values())) for section, lines in merged.items()}


def _with_least_held(lines: list[Phrasing]) -> tuple[Phrasing, ...]:
    """The lines, with two of the lowest hash held out in any section of a dozen or more."""
    if len(lines) >= 12:
        free = sorted((line for line in lines if not line.always), key=lambda line: share_of(line.template))
        lowest = {line.template for line in free[:HELD_LEAST]}
        lines = [replace(line, held=line.held or line.template in lowest) for line in lines]
    return tuple(lines)


def choose(skill: str, section: str, held: bool) -> tuple[str, ...]:
    """The templates of a section: those held out (all, where none is), or those to train, the notebooks' thrice."""
    lines = phrasings(skill)[section]
    wanted = tuple(line.template for line in lines if line.held == held)
    if not held:
        wanted += 2 * tuple(line.template for line in lines if line.always)
    return wanted or tuple(line.template for line in lines)


def skills() -> list[str]:
    """Names of all phrasing files."""
    return sorted({path.stem for path in FOLDER.glob("*/*.txt")})

"""Mutated YAML texts against the reader and the check of labkit.config: a finding or a clean read, never a traceback.

    python benchmarks/config_fuzz.py [TEXTS] [--seed N] [--sizes]

TEXTS: how many mutated texts, 10,000 unless given. `--sizes` measures in their place texts of 64 kB of several kinds,
each in a process of its own: processor seconds and the largest memory of the process, the interpreter and the facts
(shown as 'nothing') among it.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from librechat_probes import PROBES  # noqa: E402

from labkit import config, facts  # noqa: E402

SIZE = 64 * 1024
PIECES = [
    *r""": |- |{|}|[|]|,|&a |*a|!!int |!x |"|'|#|? |<<: |---|0x|1e999|~|${A}-${B}|${|sk-""".split("|"),
    *(
        "\n",
        "\n  ",
        "\t",
        ">-\n",
        "|\n",
        "%YAML 1.2\n",
        "...\n",
        "\u2028",
        "\ufeff",
        "\0",
        "\x7f",
        "\ud83d",
        "\U0001f600",
    ),
]


def texts_of_people() -> list[str]:
    """What is mutated: the probes, the collected files, the lab's own configurations."""
    files = [*(ROOT / "tests/data/librechat").glob("*.yaml"), *(ROOT / "configs").glob("*.yaml")]
    return [*(text for text, _ in PROBES.values()), *(file.read_text(encoding="utf-8") for file in sorted(files))]


def mutated(text: str, dice: random.Random) -> str:
    """A text with one to three mutations: cut, doubled, moved, indented, with pieces put in."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        at, length = dice.randint(0, len(text)), dice.randint(0, 40)
        kind = dice.randrange(6)
        if kind == 0:
            text = text[:at] + text[at + length :]
        elif kind == 1:
            text = text[:at] + dice.choice(PIECES) * dice.choice((1, 1, 1, 2, 60)) + text[at:]
        elif kind == 2:
            text = text[:at] + text[at : at + length] * 2 + text[at + length :]
        elif kind == 3:
            piece = text[at : at + length]
            to = dice.randint(0, len(text))
            text = text[:to] + piece + text[to:]
        elif kind == 4:
            lines = text.split("\n")
            number = dice.randrange(len(lines))
            lines[number] = " " * dice.randint(0, 6) + lines[number].lstrip()
            text = "\n".join(lines)
        else:
            text = text[:at] + chr(dice.choice((dice.randrange(128), dice.randrange(0x3000)))) + text[at + 1 :]
    return text


def judged(text: str, known: facts.Facts) -> str:
    """Read and check it, say what came of it. Raises AssertionError where neither a finding nor a clean read did."""
    cfg = config.loads(text)
    findings = cfg.check(known)
    assert cfg.accepted or findings.grade("schema"), "refused without a finding"
    assert all("\n" not in str(finding) for finding in findings), "a finding of several lines"
    return "read" if cfg.accepted else "refused" if cfg.problem is None else "no YAML"


ENDPOINTS = "version: 1.3.17\nendpoints:\n  custom:\n"
MODELS = ENDPOINTS + "    - name: M\n      baseURL: https://api.mistral.ai/v1\n      models:\n        default:\n"

KINDS: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "deep flow": lambda: "[" * SIZE,
    "deep block": lambda: "".join(" " * n + "a:\n" for n in range(360)),
    "one long line": lambda: "a: " + "x" * SIZE,
    "one long quoted line": lambda: 'a: "' + "\\u00e9" * (SIZE // 6) + '"',
    "one long folded text": lambda: "a: >\n" + " word word\n" * (SIZE // 11),
    "many anchors": lambda: "".join(f"k{n}: &a{n} v\n" for n in range(SIZE // 16)),
    "many aliases": lambda: "a: &a {b: c}\n" + "".join(f"k{n}: *a\n" for n in range(SIZE // 11)),
    "an alias bomb": lambda: "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
    "many merges": lambda: "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}\n"
    + "".join(f"m{n}: {{<<: *a}}\n" for n in range(3000)),
    "many keys": lambda: "version: 1.3.17\n" + "".join(f"k{n}: {n}\n" for n in range(SIZE // 13)),
    "many keys of an endpoint": lambda: ENDPOINTS + "    - name: a\n"
    + "".join(f"      k{n}: {n}\n" for n in range(SIZE // 19)),
    "many endpoints": lambda: ENDPOINTS + "    - name: a\n" * (SIZE // 14),
    "many models": lambda: MODELS + "".join(f"          - m{n}\n" for n in range(SIZE // 18)),
    "many comments": lambda: "version: 1.3.17\n" + "# a comment of some length\n" * (SIZE // 27),
    "many strings like keys": lambda: "# sk-\n" * (SIZE // 6),
    "many blobs": lambda: "a: " + "Zz9" * (SIZE // 3),
    "many dollar signs": lambda: ENDPOINTS + "    - name: a\n      apiKey: " + "${" * (SIZE // 2),
    "many tags": lambda: "".join(f"k{n}: !!str v\n" for n in range(SIZE // 16)),
    "question marks": lambda: "? a\n" * (SIZE // 4),
    "colons": lambda: "a: " + ":" * SIZE,
    "blanks": lambda: " " * SIZE,
    "line breaks": lambda: "\n" * SIZE,
    "zeros": lambda: "a: " + "0" * SIZE,
}  # fmt: skip


def one(kind: str) -> None:
    """Measure one kind in this process; print its line."""
    known, text = facts.load(), KINDS[kind]()[:SIZE]
    judged("version: 1.3.17\n", known)  # what is loaded once
    before = time.process_time()
    came = judged(text, known)
    seconds = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    print(f"{kind:26} {len(text) / 1024:6.1f} kB  {seconds:6.2f} s  {memory:6.0f} MB  {came}", flush=True)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("texts", nargs="?", type=int, default=10_000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--sizes", action="store_true")
    words.add_argument("--kind", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.kind:
        one(given.kind)
        return 0
    if given.sizes:
        for kind in KINDS:
            subprocess.run([sys.executable, __file__, "--kind", kind], check=True)
        return 0
    known, dice, seeds, came = facts.load(), random.Random(given.seed), texts_of_people(), dict[str, int]()
    slowest = 0.0
    for number in range(given.texts):
        text = mutated(dice.choice(seeds), dice)
        before = time.process_time()
        try:
            word = judged(text, known)
        except Exception:
            word = "TRACEBACK"
            print(f"text {number}: {text!r}")
            traceback.print_exc()
        slowest = max(slowest, time.process_time() - before)
        came[word] = came.get(word, 0) + 1
    print(f"{given.texts:,} texts, seed {given.seed}: {came}; the slowest took {slowest:.2f} s of the processor")
    return 1 if "TRACEBACK" in came else 0


if __name__ == "__main__":
    raise SystemExit(main())

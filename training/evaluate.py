"""Measure the lab models with the lab's own NumPy code: a benchmark that anyone can run.

    python training/evaluate.py                                  # lab-chat, all parts but family: half an hour or so
    python training/evaluate.py --quick                          # a look, in a minute or two
    python training/evaluate.py --weights build/lab-coder --only code sums --out lab-coder.json
    python training/evaluate.py --only family                    # all models side by side

'Held out' asks with phrasings, persons, places, sums and functions that training never saw; 'as trained' with trained
ones. `evaluation/README.md` says what each part measures. Needs numpy alone, no torch. Code that a model writes is run
in a process of its own (`corpus/running.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: workers share the cores by themselves

from benchmark.asking import Asker, asker  # noqa: E402
from benchmark.chances import calibration, penalties, temperature_curve  # noqa: E402
from benchmark.lists import by_list, learner  # noqa: E402
from benchmark.tasks import QUICK, Size, by_skill, by_style, code, sums  # noqa: E402

WEIGHTS = HERE.parent / "labkit" / "lm" / "weights"
LISTS = HERE / "evaluation"
SEED = 77
THINKERS = ("lab-reasoner",)  # models that write their working first unless told otherwise
Part = Callable[[Asker, Size, bool], object]

PARTS: dict[str, Part] = {
    "skills": lambda ask, size, think: {
        "held out": by_skill(ask, size, SEED, held=True, think=think),
        "held out at 0.7": by_skill(ask, size, SEED, held=True, think=think, temperature=0.7),
        "as trained": by_skill(ask, size, SEED, held=False, think=think),
    },
    "context": lambda ask, size, think: {
        str(tokens): by_skill(ask, size, SEED, held=True, think=think, context=tokens) for tokens in size.contexts
    },
    "styles": lambda ask, size, think: by_style(ask, size, SEED),
    "lab": lambda ask, size, think: by_list(ask, LISTS / "lab.txt", think),
    "blind": lambda ask, size, think: by_list(ask, LISTS / "blind.txt", think),
    "blind2": lambda ask, size, think: by_list(ask, LISTS / "blind2.txt", think),
    "learner": lambda ask, size, think: learner(ask, LISTS / "learner.txt", think),
    "curve": lambda ask, size, think: temperature_curve(ask, size, SEED),
    "calibration": lambda ask, size, think: calibration(ask, size, SEED),
    "penalties": lambda ask, size, think: penalties(ask, size),
    "code": lambda ask, size, think: code(ask, size, SEED),
    "sums": lambda ask, size, think: {
        "direct": sums(ask, size, SEED, think=False),
        "working first": sums(ask, size, SEED, think=True),
    },
}


def family(folder: Path, size: Size, workers: int) -> dict[str, object]:
    """The models of a folder side by side: held-out functions, sums of two steps with tokens, mean over skills."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(folder.iterdir()):
        if not (path / "config.json").exists():
            continue
        think = path.name in THINKERS
        with asker(path, workers) as ask:
            functions, two = code(ask, size, SEED), sums(ask, size, SEED, think)
            mean = by_skill(ask, size, SEED, held=True, think=think)["mean"]
        found[path.name] = {
            "functions, greedy": functions["greedy"],
            "functions, pass@8": functions["pass@8"],
            "sums of two steps": two["right"],
            "tokens a sum": two["tokens"],
            "mean over skills": mean,
        }
    result: dict[str, object] = {"models": found}
    for name, what in (
        ("lab-coder", "functions, greedy"),
        ("lab-reasoner", "sums of two steps"),
        ("lab-mini", "mean over skills"),
    ):
        if name in found and "lab-chat" in found:
            gap = round(100 * (found[name][what] - found["lab-chat"][what]), 1)
            result[f"{name} against lab-chat, points, {what}"] = gap
    return result


def told(name: str, value: object, depth: int = 0) -> None:
    """Print a result: numbers in columns, the answers of a list one a line."""
    space = "  " * depth
    if isinstance(value, Mapping):
        print(f"{space}{name}")
        numbers = {key: part for key, part in value.items() if isinstance(part, (int, float))}
        if numbers and len(numbers) == len(value) and len(numbers) > 4:
            cells = [f"{key:<18}{part:>7.2f}" for key, part in numbers.items()]
            for at in range(0, len(cells), 4):
                print(f"{space}  " + "   ".join(cells[at : at + 4]))
            return
        for key, part in value.items():
            told(str(key), part, depth + 1)
    elif isinstance(value, list):
        print(f"{space}{name}")
        for row in value:
            print(f"{space}  {_line(row)}")
    else:
        print(f"{space}{name:<32} {value}")


def _line(row: Mapping[str, object]) -> str:
    if "prompt" not in row:
        return "   ".join(f"{key} {part:<7}" for key, part in row.items())
    marks = [key for key in ("refused", "loop") if row.get(key)] + (["ENDLESS"] if row.get("ended") is False else [])
    head = {True: "ok   ", False: "WRONG"}.get(row.get("right"), "     ")  # type: ignore[arg-type]
    working = f"{row['working']!r} " if row.get("working") else ""
    return f"{head} {' '.join(marks)} {row['prompt']!r} -> {working}{row['answer']!r}"


def tables(result: Mapping[str, object]) -> str:
    """The shares of every skill as a Markdown table, a column for each way of asking."""
    columns: dict[str, Mapping[str, float]] = {}
    for part, prefix in (("skills", ""), ("context", "held out, tokens: ")):
        found = result.get(part)
        if isinstance(found, Mapping):
            columns |= {prefix + name: shares for name, shares in found.items()}
    if not columns:
        return ""
    skills = [skill for skill in next(iter(columns.values())) if skill != "mean"]
    lines = ["| skill | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for skill in [*skills, "mean"]:
        cells = " | ".join(f"{shares[skill]:.2f}" for shares in columns.values())
        lines.append(f"| {f'**{skill}**' if skill == 'mean' else skill} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS / "lab-chat", help="folder of one model")
    parser.add_argument("--models", type=Path, default=WEIGHTS, help="folder of all models, for the part family")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "family"], help="these parts alone")
    parser.add_argument("--count", type=int, help="prompts a skill, 20 unless given")
    parser.add_argument("--samples", type=int, help="texts for each temperature, 300 unless given")
    parser.add_argument("--context", help="tokens of conversation for the part context, 64,256,768 unless given")
    parser.add_argument("--quick", action="store_true", help="few prompts: a look, not a measurement")
    parser.add_argument("--working", choices=("auto", "first", "none"), default="auto")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2, help="processes")
    parser.add_argument("--out", type=Path, help="JSON file for the results; parts that it already has are kept")
    args = parser.parse_args()
    size = QUICK if args.quick else Size()
    contexts = tuple(int(part) for part in args.context.split(",")) if args.context else ()
    chosen = {"per_skill": args.count, "samples": args.samples, "contexts": contexts}
    size = Size(**{**size.__dict__, **{key: value for key, value in chosen.items() if value}})
    think = args.working == "first" or (args.working == "auto" and args.weights.name in THINKERS)
    parts = args.only or list(PARTS)
    result: dict[str, object] = {}
    if args.out and args.out.exists():
        result = json.loads(args.out.read_text(encoding="utf-8"))
    digest = hashlib.sha256((args.weights / "model.safetensors").read_bytes()).hexdigest()
    if result.get("weights_sha256") not in (None, digest):
        parser.error(f"{args.out} holds the results of other weights; give another file")
    result |= {"model": args.weights.name, "weights_sha256": digest, "working first": think}
    with asker(args.weights, args.workers) as ask:
        for part in parts:
            began = time.perf_counter()
            value = family(args.models, size, args.workers) if part == "family" else PARTS[part](ask, size, think)
            result[part] = value
            told(f"{part} ({time.perf_counter() - began:.0f} s)", value)
            sys.stdout.flush()
            if args.out:
                text = json.dumps({**result, "sizes": size.__dict__}, indent=1, ensure_ascii=False) + "\n"
                args.out.write_text(text, encoding="utf-8")
    print("\n" + tables(result))


if __name__ == "__main__":
    main()

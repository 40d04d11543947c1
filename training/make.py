"""Make the released model from nothing, with its own seeds and step counts: `python training/make.py`.

Corpus and tokenizer, training in two stages, export; see README.md for what it takes. The model lands in
build/lab-chat.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Stage:
    """One run of `train.py` on one corpus; a later stage starts from the weights of the one before."""

    name: str
    mix: str
    documents: int
    seed: int
    steps: int
    decay_from: int
    muon_lr: float
    adam_lr: float


STAGES = (
    Stage("all", "even", documents=260_000, seed=1, steps=1900, decay_from=1200, muon_lr=0.02, adam_lr=0.004),
    Stage("sums", "sums", documents=60_000, seed=2, steps=400, decay_from=80, muon_lr=0.012, adam_lr=0.0024),
)


def run(script: str, *words: object) -> None:
    """Run one of the scripts beside this one; its failure ends the whole."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, words)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for everything that is made")
    args = parser.parse_args()
    tokenizer, weights = args.build / "tokenizer.json", args.build / "lab-chat"
    start: tuple[object, ...] = ()
    for place, stage in enumerate(STAGES):
        corpus = (
            "--documents",
            stage.documents,
            "--seed",
            stage.seed,
            "--mix",
            stage.mix,
            "--name",
            f"{stage.name}.npz",
        )
        run("build.py", "--out", args.build, *corpus, *([] if place else ["--learn-tokenizer"]))
        rates = ("--muon-lr", stage.muon_lr, "--adam-lr", stage.adam_lr, "--seed", stage.seed)
        schedule = ("--steps", stage.steps, "--decay-from", stage.decay_from, *rates, *start)
        run("train.py", "--data", args.build / f"{stage.name}.npz", "--out", args.build / stage.name, *schedule)
        start = ("--start", args.build / stage.name / "checkpoint.pt")
    run("export.py", "--run", args.build / STAGES[-1].name, "--tokenizer", tokenizer, "--out", weights)
    run("evaluate.py", "--weights", weights, "--only", "lab")


if __name__ == "__main__":
    main()

"""Make the released models from nothing, with their own seeds and step counts: `python training/make.py lab-chat`.

Every run of `train.py` takes at most 75 minutes on two quiet CPU cores and ends in a checkpoint that can be exported;
see README.md. Runs that are done are not done again, so that the command may be stopped and given once more. The models
land in build/<name>.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RELEASED = HERE.parent / "labkit" / "lm" / "weights" / "lab-chat"
SHIPPED = {"base-3": HERE / "base" / "model.safetensors", "lab-chat": RELEASED / "model.safetensors"}
"""Runs whose weights are in the repository, so that what starts from them need not wait for them."""
TOKENIZER = RELEASED / "tokenizer.json"


@dataclass(frozen=True)
class Run:
    """One run of `train.py`: what it learns from, how long, and the run whose weights it begins with.

    decay_from: the step from which the learning rate falls to nothing; `steps` keeps it as it is.
    train_from: the lowest layer that is trained; what lies below, and the embedding, stays that of the model it begins
    with, bit for bit, so that git stores the difference alone.
    """

    mix: str
    documents: int
    seed: int
    steps: int
    decay_from: int
    start: str = ""
    train_from: int = 0
    shape: str = "small"
    muon_lr: float = 0.02
    adam_lr: float = 0.004


LOWER = {"muon_lr": 0.012, "adam_lr": 0.0024}
RUNS = {
    "base-1": Run("base", documents=340_000, seed=1, steps=2000, decay_from=2000),
    "base-2": Run("base", documents=340_000, seed=2, steps=2000, decay_from=2000, start="base-1", **LOWER),
    "base-3": Run("drilled", documents=340_000, seed=3, steps=1500, decay_from=1500, start="base-2", **LOWER),
    "base-4": Run("slow", documents=340_000, seed=4, steps=2750, decay_from=2750, start="base-3", **LOWER),
    "base-5": Run("slow", documents=340_000, seed=5, steps=1250, decay_from=1250, start="base-4", **LOWER),
    "base-6": Run("slow", documents=300_000, seed=6, steps=3750, decay_from=3750, start="base-5", **LOWER),
    "chat-1": Run("chat", documents=220_000, seed=11, steps=6500, decay_from=0, start="base-6", **LOWER),
    "base-7": Run("chat", documents=220_000, seed=21, steps=3250, decay_from=3250, start="chat-1", **LOWER),
    "lab-chat": Run("chat", documents=400_000, seed=31, steps=11000, decay_from=0, start="base-7", **LOWER),
    "lab-coder": Run("coder", 120_000, seed=12, steps=1000, decay_from=0, start="lab-chat", train_from=3, **LOWER),
    "lab-reasoner": Run(
        "reasoner", 180_000, seed=13, steps=1000, decay_from=0, start="lab-chat", train_from=3, **LOWER
    ),
    "lab-mini": Run("chat", documents=240_000, seed=11, steps=4000, decay_from=1500, shape="mini"),
}
MODELS = [name for name in RUNS if name.startswith("lab-")]


def call(script: str, *words: object) -> None:
    """Run one of the scripts beside this one; its failure ends the whole."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, words)], check=True)


def make(name: str, build: Path, more: list[str], afresh: bool = False) -> None:
    """The run `name`, after those it starts from, unless it is done.

    afresh: train those runs too whose weights are in the repository.
    """
    run, folder, done = RUNS[name], build / "runs" / name, build / "runs" / name / "done"
    if done.exists():
        return
    start: tuple[object, ...] = ()
    if run.start in SHIPPED and not afresh:
        start = ("--start", SHIPPED[run.start])
        build.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TOKENIZER, build / "tokenizer.json")  # its weights know these tokens and no others
    elif run.start:
        make(run.start, build, more, afresh)
        made = build / run.start / "model.safetensors"
        start = ("--start", made if run.start in MODELS else build / "runs" / run.start / "checkpoint.pt")
    tokenizer, data = build / "tokenizer.json", f"{name}.npz"
    if not tokenizer.exists():
        call("build.py", "--out", build, "--learn-tokenizer", "--documents", 0)
    if not (build / data).exists():
        corpus = ("--documents", run.documents, "--seed", run.seed, "--mix", run.mix)
        call("build.py", "--out", build, "--name", data, *corpus)
    schedule = ("--steps", run.steps, "--decay-from", run.decay_from, "--seed", run.seed)
    trained = ("--shape", run.shape, "--train-from", run.train_from)
    rates = ("--muon-lr", run.muon_lr, "--adam-lr", run.adam_lr)
    call("train.py", "--data", build / data, "--out", folder, *schedule, *trained, *rates, *start, "--resume", *more)
    if name in MODELS:
        call("export.py", "--run", folder, "--tokenizer", tokenizer, "--out", build / name)
    done.touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", choices=[[], *MODELS], help="which models; all of them when none is named")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for everything that is made")
    parser.add_argument("--gpu", action="store_true", help="on a GPU, in bfloat16")
    parser.add_argument("--bf16", action="store_true", help="in bfloat16, where the processor has it (avx512_bf16)")
    parser.add_argument("--afresh", action="store_true", help="train anew what the repository has too")
    args = parser.parse_args()
    more = ["--bf16", "--compile"] if args.gpu or args.bf16 else []
    more += ["--device", "cuda", "--workers", "1"] if args.gpu else []
    for name in args.models or MODELS:
        make(name, args.build, more, args.afresh)


if __name__ == "__main__":
    main()

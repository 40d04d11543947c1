"""Write the model card of one of the lab's models, README.md beside its weights, from what `evaluate.py` measured.

    python training/card.py --weights labkit/lm/weights/lab-chat --results training/evaluation/lab-chat.json

`labkit.lm.card(name)` gives the text. A part that was not measured is left out and named as not measured; figures of
other weights are refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from evaluate import tables  # noqa: E402
from make import RUNS  # noqa: E402

from labkit.lm import FAMILY  # noqa: E402
from labkit.lm.model import ModelConfig  # noqa: E402

LIMITS = (
    "It is a lab rat and no assistant. It was trained on conversations written by a program, in English, about a small "
    "world: capitals, names for shops, short stories, small sums, words of LLM APIs and the like.",
    "Outside that world it should say that it does not know. Often it does; else it says something wrong with the same "
    "confidence.",
    "It calculates and copies unreliably: the longer the number or the name, the more so.",
    "Every answer is made of what it was trained on; nothing in it is newer, and it knows nothing of its user's world.",
    "Its probabilities are those of its training texts, not those of the world.",
)
OWN_LIMITS = {
    "lab-coder": "Its upper half learnt mostly small Python functions; at the rest it is a little worse than lab-chat.",
    "lab-reasoner": "Writes its working before each answer, which costs tokens and time; each step may be wrong.",
    "lab-mini": "A quarter of lab-chat's size; it gets much more wrong, in the same confident tone.",
}
LISTS = {"blind": "a first blind list", "blind2": "a second blind list, by strangers"}


def data_of(name: str) -> str:
    """What the model was trained on, as `make.py` has it."""
    if name not in RUNS:
        return "See training/README.md."
    runs, at = [], name
    while at:
        runs.insert(0, RUNS[at])
        at = RUNS[at].start
    stages = [
        f"{run.steps:,} steps on {run.documents:,} conversations (mix '{run.mix}', seed {run.seed})"
        + (f" of layers {run.train_from} and up (the first is 0) alone" if run.train_from else "")
        for run in runs
    ]
    return (
        "No text and no weights from elsewhere: conversations drawn by training/corpus from phrasings written by hand. "
        f"{'; then '.join(stages)}. `python training/make.py {name}` makes it anew."
    )


def percent(value: object) -> str:
    return f"{100 * value:.0f} %" if isinstance(value, (int, float)) else "not measured"


def figures(results: Mapping[str, Any]) -> list[str]:
    """What was measured, a sentence each."""
    said = []
    skills, context = results.get("skills", {}), results.get("context", {})
    for name, shares in skills.items():
        weakest = sorted((share, skill) for skill, share in shares.items() if skill != "mean")[:3]
        low = ", ".join(f"{skill} {percent(share)}" for share, skill in weakest)
        said.append(f"Skills, {name}: {percent(shares['mean'])} right in the mean; weakest: {low}.")
    if context:
        parts = ", ".join(f"{percent(shares['mean'])} at {tokens}" for tokens, shares in context.items())
        said.append(f"Held out, behind other turns up to so many tokens: {parts}.")
    for part, words in LISTS.items():
        if found := results.get(part):
            said.append(
                f"Typed by hand, {words}: {percent(found['right'])} of {found['in the world']} right, "
                f"{percent(found['wrongly refused'])} wrongly refused; outside its world {percent(found['graceful'])} "
                f"of {found['outside']} gracefully refused."
            )
    if found := results.get("code"):
        said.append(
            f"Python functions it never saw ({found['functions']}): {percent(found['greedy'])} pass at temperature 0; "
            f"at 0.7 pass@1 {percent(found['pass@1'])}, pass@8 {percent(found['pass@8'])}."
        )
    if found := results.get("sums"):
        said.append(
            f"Sums of two steps: {percent(found['direct']['right'])} directly with {found['direct']['tokens']:.0f} "
            f"tokens, {percent(found['working first']['right'])} with the working first and "
            f"{found['working first']['tokens']:.0f} tokens."
        )
    if found := results.get("calibration"):
        said.append(
            f"Calibration of the likeliest token: expected error {found['expected calibration error']:.3f} over "
            f"{found['tokens']} tokens."
        )
    if curve := results.get("curve"):
        rows = ", ".join(
            f"{row['distinct_2']:.2f} and {percent(row['facts'])} at {row['temperature']}" for row in curve
        )
        said.append(f"Variety (distinct-2) and right facts by temperature: {rows}.")
    if found := results.get("learner"):
        said.append(
            f"{found['prompts']} prompts of learners, two answers each: {found['loops']} run in a loop, "
            f"{found['without end before 200 tokens']} have no end before 200 tokens."
        )
    return said


def card(folder: Path, results: Mapping[str, Any] | None) -> str:
    """The card as Markdown. Raises ValueError for results of other weights."""
    name, config = folder.name, ModelConfig.from_file(folder / "config.json")
    weights = (folder / "model.safetensors").read_bytes()
    digest = hashlib.sha256(weights).hexdigest()
    if results and results.get("weights_sha256") != digest:
        raise ValueError(f"the results were measured with other weights than {folder / 'model.safetensors'}")
    n_parameters = sum(math.prod(shape) for shape in config.shapes().values())
    lines = [
        f"# {name}",
        "",
        f"A model of the lab: {FAMILY.get(name, 'made by a learner')}.",
        "",
        "## Size and shape",
        "",
        f"* {n_parameters / 1e6:.2f} million parameters, {len(weights) / 1e6:.1f} MB in float16.",
        f"* Llama: width {config.hidden_size}, {config.num_hidden_layers} layers, {config.num_attention_heads} heads, "
        f"feed-forward {config.intermediate_size}, vocabulary {config.vocab_size}"
        f"{', embedding tied to the output' if config.tie_word_embeddings else ''}.",
        f"* Window: {config.max_position_embeddings} tokens, prompt and answer together. Chat form: ChatML.",
        "* Opens in `transformers` (LlamaForCausalLM, AutoTokenizer); `training/export_gguf.py` makes a GGUF.",
        "",
        "## Data",
        "",
        data_of(name),
        "",
        "## Figures",
        "",
    ]
    if results:
        way = "with the working first" if results.get("working first") else "directly"
        lines += [f"Asked {way}, at temperature 0 unless said. 'Held out' never occurred in training.", ""]
        lines += [f"* {sentence}" for sentence in figures(results)]
        table = tables(results)
        lines += ["", table] if table else []
    else:
        lines += ["Not measured. `python training/evaluate.py` measures it."]
    lines += ["", "## What it cannot do", ""]
    lines += [f"* {sentence}" for sentence in ([OWN_LIMITS[name]] if name in OWN_LIMITS else []) + list(LIMITS)]
    lines += ["", f"Made by `training/card.py`; weights SHA-256 {digest[:16]}…", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder of the model")
    parser.add_argument("--results", type=Path, help="what evaluate.py --out wrote")
    args = parser.parse_args()
    results = json.loads(args.results.read_text(encoding="utf-8")) if args.results else None
    text = card(args.weights, results)
    (args.weights / "README.md").write_text(text, encoding="utf-8", newline="\n")
    print(text)


if __name__ == "__main__":
    main()

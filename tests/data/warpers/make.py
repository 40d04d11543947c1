"""Record what the samplers of `transformers` make of random logits: an oracle for labkit.lm.sampler.

Not run by the tests. Needs torch and transformers; the file says which versions made it.
"""

import json
import random
import sys
from pathlib import Path

import torch
import transformers
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

rng = random.Random(20261122)
cases = []
for _ in range(60):
    logits = [round(rng.gauss(0, 3), 3) for _ in range(24)]
    seen = sorted(rng.sample(range(24), rng.randrange(1, 6)))
    settings = {
        "repetition_penalty": rng.choice([1.0, 1.3, 0.8]),
        "temperature": rng.choice([0.3, 0.7, 1.0, 1.6]),
        "top_k": rng.choice([0, 3, 8, 30]),
        "top_p": rng.choice([1.0, 0.95, 0.6, 0.05]),
        "min_p": rng.choice([0.0, 0.02, 0.3]),
    }
    ids, scores = torch.tensor([seen]), torch.tensor([logits], dtype=torch.float64)
    scores = RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"])(ids, scores)
    scores = TemperatureLogitsWarper(settings["temperature"])(ids, scores)
    if settings["top_k"]:
        scores = TopKLogitsWarper(settings["top_k"])(ids, scores)
    if settings["top_p"] < 1:
        scores = TopPLogitsWarper(settings["top_p"])(ids, scores)
    if settings["min_p"]:
        scores = MinPLogitsWarper(settings["min_p"])(ids, scores)
    probs = [round(p, 12) for p in scores.softmax(-1)[0].tolist()]
    cases.append({"logits": logits, "seen": seen, "settings": settings, "probs": probs})

versions = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
lines = ",\n".join(json.dumps(case) for case in cases)
text = f'{{"versions": {json.dumps(versions)},\n"cases": [\n{lines}\n]}}\n'
(Path(__file__).parent / "warpers.json").write_text(text, encoding="utf-8")

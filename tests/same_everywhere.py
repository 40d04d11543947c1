"""Run by test_generate.py, each time in a process of its own with another BLAS kernel or number of threads.

It makes sampling decisions over a fine grid of draws, with draws next to the borders between tokens among them, from
float32 logits computed one text at a time (`single`) and eight at a time (`batched`), and whole texts besides. It
prints one line of JSON: digests of what was decided, and how often float32 alone would have decided otherwise.
"""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import numpy as np

from labkit import lm
from labkit.lm.exact import FLOAT32_ERROR, Wheel
from labkit.lm.sampler import Sampling, draw, next_probs

SAMPLINGS = [
    Sampling(temperature=0),
    Sampling(temperature=0.3),
    Sampling(temperature=0.7, top_p=0.9),
    Sampling(),
    Sampling(top_k=40),
    Sampling(temperature=1.3, min_p=0.05),
    Sampling(temperature=1.6, top_k=200, top_p=0.95, min_p=0.01),
    Sampling(temperature=2.0, frequency_penalty=0.5, repetition_penalty=1.2),
]
PROMPTS = [
    "Hello!",
    "What is the capital of France?",
    "Write a short story about a fox.",
    "Pick a random number.",
]
WORDS = " Once upon a time there was a small fox who lived in the old town by the sea."
EVEN_DRAWS = [(i + 0.5) / 400 for i in range(400)]


def main() -> None:
    model = lm.load("lab-chat")
    texts = [lm.chat_ids(model.tokenizer, [{"role": "user", "content": prompt}]) for prompt in PROMPTS]
    words = model.tokenizer.encode(WORDS)
    length = min(map(len, texts)) + len(words)
    texts = [(text + words)[:length] for text in texts]
    exact = [model.model.logits(text)[-1] for text in texts]
    single = [model.model.step([text], model.model.cache(1, length))[0] for text in texts]
    cache = model.model.cache(2 * len(texts), length)  # eight at once, in pieces of several lengths
    for start, end in pairwise((0, length // 2, length - 3, length - 1, length)):
        batched = model.model.step([text[start:end] for text in texts + texts], cache)

    decisions: dict[str, list[int]] = {"single": [], "batched": [], "float32": []}
    remade = 0
    for row, text in enumerate(texts):
        counts = np.bincount(text, minlength=len(exact[row]))
        for sampling in SAMPLINGS:
            probs = next_probs(exact[row], sampling, counts)
            naive = next_probs(single[row], sampling, counts)
            wheels = {
                "single": Wheel(single[row], sampling, error=FLOAT32_ERROR, counts=counts),
                "batched": Wheel(batched[row], sampling, error=FLOAT32_ERROR, counts=counts),
            }
            running = np.cumsum(probs)[np.argsort(-probs)[:30]]
            borders = [border + offset for border in running for offset in (-3e-8, 3e-8)]
            for u in EVEN_DRAWS + [round(u, 10) for u in borders if 1e-6 < u < 1 - 1e-6]:
                for way, wheel in wheels.items():
                    token, certain = wheel.stop_at(u)
                    if not certain:
                        token, remade = draw(probs, u), remade + 1
                    decisions[way].append(token)
                decisions["float32"].append(draw(naive, u))

    whole = {}
    for n in (8, 1):
        for sampling in SAMPLINGS[3:4]:
            for piece in model.generate(texts[2][:20], sampling, n=n, max_tokens=6, key=b"same everywhere"):
                whole.setdefault((n, piece.choice, sampling.temperature), []).extend(piece.token_ids)
    print(
        json.dumps(
            {
                "steps": len(decisions["single"]),
                "single": digest(decisions["single"]),
                "batched": digest(decisions["batched"]),
                "texts": digest([whole[key] for key in sorted(whole) if key[0] == 8]),
                "first_choices": [whole[8, 0, s.temperature] for s in SAMPLINGS[3:4]],
                "alone": [whole[1, 0, s.temperature] for s in SAMPLINGS[3:4]],
                "remade": remade,
                "float32_differs": sum(a != b for a, b in zip(decisions["single"], decisions["float32"], strict=True)),
            }
        )
    )


def digest(values: list) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


if __name__ == "__main__":
    main()

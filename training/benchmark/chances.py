"""What chance does to the texts: variety and uncertainty against temperature, calibration, penalties."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from corpus import SKILLS, documents

from labkit.lm.sampler import Sampling, entropy_bits, next_probs, softmax

from .asking import Asker, Question, prompt_of
from .judging import right
from .tasks import Size, drawn, mean, messages_of

OPEN_PROMPTS = (
    "Name a coffee shop.",
    "Tell me a short story about a lighthouse.",
    "Write a haiku about the sea.",
    "Pick a number from 1 to 10.",
    "Write a tagline for a bakery.",
    "Name an animal.",
)
LIST_PROMPTS = ("List ten animals.", "List ten fruits.", "List ten colors.", "Suggest ten names for a coffee shop.")
TEMPERATURES = (0.2, 0.7, 1.0, 1.5, 2.0)
PENALTIES = ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.5), (0.0, 1.0))
BINS = 10
Table = list[dict[str, float]]


def distinct(texts: Iterable[str], n: int) -> float:
    """The share of different ones among all runs of `n` words. Source: Li et al. 2016, arXiv:1510.03055, 5.2."""
    found = [run for text in texts for run in (text.split() if n == 1 else list(pairwise(text.split())))]
    return round(len(set(found)) / len(found), 4) if found else 0.0


def words_of(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in re.findall(r"[a-z]+", text.lower())]


def temperature_curve(ask: Asker, size: Size, seed: int) -> Table:
    """For each temperature: distinct-1 and distinct-2 over `size.samples` texts, known words, entropy, facts."""
    corpus = words_of(text for pieces, _ in documents(seed, 6000) for text, _ in pieces)
    known = set(corpus)
    each = max(1, size.samples // len(OPEN_PROMPTS))
    facts = [("facts", made) for made in drawn("facts", size.samples // 10, True, seed)]
    facts += [("capitals", made) for made in drawn("capitals", size.samples // 10, True, seed)]
    curve = []
    for temperature in TEMPERATURES:
        questions = [
            Question([{"role": "user", "content": prompt}], temperature, n=each, key="curve") for prompt in OPEN_PROMPTS
        ]
        answers = ask(questions)
        texts = [said.answer for row in answers for said in row]
        bits = [
            bit
            for question, row in zip(questions, answers, strict=True)
            for said in row[: max(1, each // 5)]
            for bit in _entropies(ask, question, said.ids)
        ]
        asked = [
            Question(messages_of(made), temperature, n=5, key=f"{skill} {place}")
            for place, (skill, made) in enumerate(facts)
        ]
        good = [
            right(skill, made, said.answer)
            for (skill, made), row in zip(facts, ask(asked), strict=True)
            for said in row
        ]
        words = words_of(texts)
        curve.append(
            {
                "temperature": temperature,
                "texts": len(texts),
                "distinct_1": distinct(texts, 1),
                "distinct_2": distinct(texts, 2),
                "known_words": mean([word in known for word in words]),
                "entropy_bits": mean(bits),
                "facts": mean(good),
            }
        )
    return curve


def _entropies(ask: Asker, question: Question, ids: tuple[int, ...]) -> list[float]:
    """The uncertainty in bits before each token of a text, after temperature."""
    prompt = prompt_of(ask.lm, question)
    if not ids:
        return []
    logits = ask.lm.model.logits([*prompt, *ids], np.float32)[len(prompt) - 1 : -1]
    return [entropy_bits(next_probs(row, Sampling(question.temperature))) for row in logits]


def calibration(ask: Asker, size: Size, seed: int) -> dict[str, object]:
    """How often the likeliest token is the right one, by how likely the model held it; on tokens of held-out answers.

    The model reads the right answer and says before each token which it expects. Expected calibration error: the
    mean gap of the ten bins, weighted by their size. Source: Guo et al. 2017, arXiv:1706.04599, 2.
    """
    sure, good = [], []
    tokenizer = ask.lm.tokenizer
    for skill in SKILLS:
        for made in drawn(skill, size.texts, True, seed):
            prompt = prompt_of(ask.lm, Question(messages_of(made)))
            answer = [*tokenizer.encode(made.answer, special=True), tokenizer.special["<|im_end|>"]]
            if len(prompt) + len(answer) > ask.lm.window:
                continue
            probs = softmax(ask.lm.model.logits([*prompt, *answer], np.float32)[len(prompt) - 1 : -1])
            sure += probs.max(-1).tolist()
            good += (probs.argmax(-1) == np.array(answer)).tolist()
    table, error = [], 0.0
    for place in range(BINS):
        inside = [i for i, share in enumerate(sure) if min(int(share * BINS), BINS - 1) == place]
        if not inside:
            continue
        held, were = mean([sure[i] for i in inside]), mean([good[i] for i in inside])
        error += abs(held - were) * len(inside) / len(sure)
        table.append({"from": place / BINS, "tokens": len(inside), "held likely": held, "were right": were})
    return {"tokens": len(sure), "expected calibration error": round(error, 4), "table": table}


def penalties(ask: Asker, size: Size) -> Table:
    """How much of a list repeats itself, by penalty: one minus distinct-1 within a text, at temperature 0.7."""
    each = max(2, size.samples // 30)
    rows = []
    for frequency, presence in PENALTIES:
        questions = [
            Question([{"role": "user", "content": prompt}], 0.7, n=each, key="list", penalties=(frequency, presence))
            for prompt in LIST_PROMPTS
        ]
        texts = [said.answer for row in ask(questions) for said in row if said.answer.split()]
        repeated = mean([1 - distinct([text], 1) for text in texts])
        rows.append({"frequency": frequency, "presence": presence, "repeated words": repeated})
    return rows

"""What happens to a prompt between a head and a keyboard: case, full stops, courtesy, slips of the finger.

A prompt comes as parts (text, kept): kept parts are fillings and are left as they are, but for the case where the
caller allows it.
"""

from __future__ import annotations

import random
import re

BEFORE = (
    "please ", "Please ", "hey, ", "Hey, ", "Hi! ", "Hello. ", "OK, ", "ok ", "So, ", "Quick question: ", "question: ",
    "One more thing: ", "Could you help me? ", "Hi Pebble, ", "Now: ", "Next: ", "Just wondering, ",
    "Sorry to bother you. ",
    "I need help. ", "Well, ", "Pebble, ", "Let's see. ", "um ", "Alright, ", "For school: ", "My boss asks: ",
)  # fmt: skip
AFTER = (
    " please", " please.", " Thanks!", " Thank you.", " thanks", " thx", " pls", ", please", " :)",
    " Thanks in advance.",
    " It's urgent.", " I'm curious.", " ?", " ??", "!", " Can you do that?", " I forgot.",
)  # fmt: skip
NEAR = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "t": "ry", "n": "bm", "s": "ad", "r": "et", "l": "k", "h": "gj"}
SMALL = ("the", "a", "an", "is", "of", "me", "for", "does", "do", "to", "please", "you", "can")


def slip(rng: random.Random, word: str) -> str:
    """One slip in a word: two letters swapped, one left out, doubled or replaced by its neighbour on the keyboard."""
    at = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.4:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.7:
        return word[:at] + word[at + 1 :]
    if kind < 0.85:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice(NEAR.get(word[at], word[at])) + word[at + 1 :]


def mistyped(rng: random.Random, text: str) -> str:
    """One slip somewhere in a word of five letters or more, if there is one."""
    words = list(re.finditer(r"[A-Za-z]{5,}", text))
    if not words:
        return text
    word = rng.choice(words)
    return text[: word.start()] + slip(rng, word[0]) + text[word.end() :]


def roughen(
    rng: random.Random, parts: list[tuple[str, bool]], fold: bool, share: float = 1.0, around: bool = True
) -> str:
    """The prompt as typed. `share` scales how often anything happens; 0 leaves it as written.

    around: whether courtesies may be put before and after it.
    """
    if rng.random() < 0.13 * share:
        place = rng.randrange(len(parts))
        text, kept = parts[place]
        if not kept:
            parts[place] = (mistyped(rng, text), False)
    if rng.random() < 0.05 * share:
        place = rng.randrange(len(parts))
        text, kept = parts[place]
        small = [found for found in re.finditer(r" (\w+)(?= )", text) if found[1].lower() in SMALL]
        if not kept and small:
            word = rng.choice(small)
            parts[place] = (text[: word.start()] + text[word.end() :], False)
    case = rng.random()
    if case < 0.22 * share:
        parts = [(text if kept and not fold else text.lower(), kept) for text, kept in parts]
    elif case < 0.24 * share:
        parts = [(text if kept and not fold else text.upper(), kept) for text, kept in parts]
    whole = "".join(text for text, _ in parts)
    if rng.random() < 0.2 * share and not parts[-1][1]:
        whole = whole.rstrip(".?!")
    if around and rng.random() < 0.1 * share:
        first = rng.choice(BEFORE)
        lower = first.endswith((", ", ": ")) or first[0].islower() or first.startswith(("Please", "Hey"))
        known = re.match(r"(What|Which|Who|How|Give|Tell|Write|Name|Explain|Suggest|List|Where|Why|Can|Is|Do)\b", whole)
        whole = first + (whole[0].lower() + whole[1:] if lower and known else whole)
    if around and rng.random() < 0.07 * share and not parts[-1][1]:
        whole = whole.rstrip(".") + rng.choice(AFTER)
    return whole or "".join(text for text, _ in parts)

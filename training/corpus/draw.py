"""The dice of the corpus: weighted choices and prompts made from phrasings, all from one seeded generator.

A slot's text is kept apart from the words around it until the prompt has been roughened (`noise`), so that a typo
never lands in something the answer must copy.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from . import noise, world
from .phrasings import CHOICE, choose, share_of

T = TypeVar("T")
SLOT = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
HELD_FILLINGS = 0.08
SYLLABLES = (
    "ba be bi bo bu da de do du fa fi fo ga go gu ka ke ki ko la le li lo lu ma me mi mo na ne ni no pa pe po ra re ri "
    "ro sa se so ta te ti to va ve vo wa wi xa xu ya yo za ze zo bra dri flo gru kla pli sta tro sha cho thi"
).split()


def held_filling(text: str) -> bool:
    """Whether a filling (a person, a topic, a sum) is kept for the evaluation."""
    return share_of("filling:" + text) < HELD_FILLINGS


@cache
def pieces(held: bool) -> tuple[str, ...]:
    """Words and parts of words that are one token of the lab's tokenizer; but for an evaluation none that is a held-out
    filling."""
    return tuple(word for word in world.items("pieces") if held or not held_filling(word))


class Draw:
    """Random choices for one corpus.

    held: ask with held-out phrasings and held-out fillings, for evaluation.  rough: how often prompts are mistyped
    and the like, 1 as in training.  mix: which skills how often, a key of `compose.MIXES`.  nameless: put a
    number in the place of every name and coined word that is filled in.
    """

    def __init__(
        self, seed: int, held: bool = False, rough: float = 1.0, mix: str = "base", nameless: bool = False
    ) -> None:
        self.mix = mix
        self.nameless = nameless
        self.random = random.Random(seed)
        self.held = held
        self.rough = 0.0 if held else rough

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random.random() * len(items))]

    def graded(self, items: Sequence[T], fall: float = 0.7) -> T:
        """One of the items, the earlier ones likelier: weight 1 / place**fall."""
        return self.random.choices(items, [1 / (place + 1) ** fall for place in range(len(items))])[0]

    def weighted(self, *pairs: tuple[float, T]) -> T:
        """One value of (weight, value) pairs."""
        return self.random.choices([value for _, value in pairs], [weight for weight, _ in pairs])[0]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items in random order."""
        return self.random.sample(items, count)

    def filling(self, items: Sequence[str]) -> str:
        """A filling of the wanted side: trained ones in training, held-out ones in evaluation."""
        for _ in range(200):
            item = self.pick(items)
            if held_filling(item) == self.held:
                return self.coined() if self.nameless and item[:1].isupper() else item
        return self.pick(items)

    def coined(self) -> str:
        """A word that means nothing, such as 'zebilo', 'trukw' or 'ovenlap'."""
        if self.nameless:
            return str(self.number(0, 999_999))
        if self.chance(0.4):
            return self.joined()
        if self.chance(0.3):
            return "".join(self.pick("abcdefghijklmnopqrstuvwxyz") for _ in range(self.number(4, 8)))
        word = "".join(self.pick(SYLLABLES) for _ in range(self.number(2, 3)))
        return word + self.pick(("", "", "n", "x", "rt", "sh", "l", "ck"))

    def joined(self) -> str:
        """One to three pieces of words: any token of the vocabulary may have to be copied, not only syllables."""
        count = self.weighted((1, 1), (4, 2), (1, 3))
        return "".join(self.pick(pieces(self.held)) for _ in range(count))

    def say(self, template: str, **slots: object) -> str:
        """Fill choices and slots of a text that needs no roughening."""
        while found := CHOICE.search(template):
            template = template[: found.start()] + self.pick(found[1].split("|")) + template[found.end() :]
        return SLOT.sub(lambda slot: str(slots[slot[1]]) if slot[1] in slots else slot[0], template)

    def ask(self, skill: str, section: str = "ask", fold: bool = False, calm: bool = False, **slots: object) -> str:
        """A user's prompt: a phrasing of the section, filled and roughened.

        fold: the slots may be typed in lower case too (things the model knows, not things it must copy).
        calm: fewer slips and nothing before or after, as in a system prompt.
        """
        template = self.pick(choose(skill, section, self.held))
        while found := CHOICE.search(template):
            template = template[: found.start()] + self.pick(found[1].split("|")) + template[found.end() :]
        parts: list[tuple[str, bool]] = []
        at = 0
        for slot in SLOT.finditer(template):
            if slot[1] not in slots:
                continue
            parts += [(template[at : slot.start()], False), (str(slots[slot[1]]), True)]
            at = slot.end()
        parts.append((template[at:], False))
        return noise.roughen(self.random, parts, fold=fold, share=self.rough * (0.3 if calm else 1.0), around=not calm)

"""Text written one token at a time by hand, and many texts at once: the arithmetic under the sampling explorer.

`Writing` holds a prompt, what was written after it and the logits for the next token; `write_samples` lets the model
write by itself and counts how different the texts are. No ipywidgets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labkit.errors import ParameterError
from labkit.lm import LanguageModel, Sampling, chat_ids
from labkit.lm.generate import uniform
from labkit.lm.sampler import Floats, draw, next_probs, softmax
from labkit.lm.tokens import CONTROL
from labkit.view.bars import Bar, bars_html, bars_text
from labkit.view.html import Html, join, note, table
from labkit.view.one_line import one_line
from labkit.widgets.next_token import token_text

LONGEST = 200  # tokens that can be written by hand after a prompt


@dataclass(frozen=True)
class Step:
    """One written token, and the path not taken. prob: its probability in the distribution it was taken from;
    best, best_prob: the likeliest token there, which is the same one where nothing else was risked.
    """

    token_id: int
    token: str
    prob: float
    best_id: int
    best: str
    best_prob: float
    ended: bool = False

    @property
    def turned(self) -> bool:
        """Whether another than the likeliest token was taken."""
        return self.token_id != self.best_id


class Writing:
    """A prompt as the chat model reads it, and what has been written after it. `logits`: of the next token, (V,)."""

    def __init__(self, model: LanguageModel, prompt: str, seed: int = 0) -> None:
        """Raises ParameterError for a prompt that leaves no room in the model's window."""
        self.model, self.prompt, self.seed = model, prompt, seed
        self._prompt_ids = chat_ids(model.tokenizer, [{"role": "user", "content": prompt}])
        room = model.window - len(self._prompt_ids)
        if room < 1:
            raise ParameterError(
                f"it has {len(self._prompt_ids):,} tokens, and the model reads {model.window:,}",
                where="prompt",
                right="Give a shorter one",
            )
        self._limit = min(room, LONGEST)
        self._cache = model.model.cache(1, len(self._prompt_ids) + self._limit, np.float64)
        first = model.model.step([self._prompt_ids], self._cache)[0]
        self._logits: list[Floats] = [np.asarray(first, np.float64)]
        self.steps: list[Step] = []
        self.seen: NDArray[np.bool_] = np.zeros(model.tokenizer.vocab_size, bool)
        self.seen[self._prompt_ids] = True
        self.counts: Floats = np.zeros(model.tokenizer.vocab_size)

    @property
    def logits(self) -> Floats:
        return self._logits[-1]

    @property
    def ids(self) -> list[int]:
        """The ids written so far, without the one that ends the turn."""
        return [step.token_id for step in self.steps if not step.ended]

    @property
    def text(self) -> str:
        return self.model.tokenizer.decode(self.ids)

    @property
    def ended(self) -> bool:
        """Whether the model has ended its turn, or no more fits."""
        return bool(self.steps) and (self.steps[-1].ended or len(self.steps) >= self._limit)

    def draw(self, sampling: Sampling) -> Step:
        """Write a token drawn with `sampling`; the nth draw of a seed takes the nth number of one stream of chance."""
        probs = self._probs(sampling)
        u = uniform(f"seed {self.seed}".encode(), 0, len(self.steps))
        return self.take(draw(probs, u), sampling)

    def likeliest(self, sampling: Sampling) -> Step:
        """Write the token that is likeliest under `sampling`."""
        return self.take(int(np.argmax(self._probs(sampling))), sampling)

    def take(self, token_id: int, sampling: Sampling) -> Step:
        """Write this token. Raises ParameterError for an unknown id, and after the end."""
        vocabulary = self.model.tokenizer
        if self.ended:
            raise ParameterError("the text has ended", where="take", right="Go back a token, or start over")
        if isinstance(token_id, bool) or not isinstance(token_id, int) or not 0 <= token_id < vocabulary.vocab_size:
            right = f"Ids go from 0 to {vocabulary.vocab_size - 1}"
            raise ParameterError(f"no token has the id {token_id!r}", where="take", right=right)
        probs = self._probs(sampling)
        best = int(np.argmax(probs))
        ends = {vocabulary.special[name] for name in CONTROL if name in vocabulary.special}
        step = Step(
            token_id,
            token_text(vocabulary, token_id),
            float(probs[token_id]),
            best,
            token_text(vocabulary, best),
            float(probs[best]),
            token_id in ends,
        )
        if step.ended or len(self.steps) + 1 >= self._limit:
            self._logits.append(self.logits)
        else:
            self._logits.append(np.asarray(self.model.model.step([[token_id]], self._cache)[0], np.float64))
        self.counts[token_id] += 1
        self.steps.append(step)
        return step

    def back(self) -> None:
        """Take the last token away; nothing where none was written."""
        if not self.steps:
            return
        step = self.steps.pop()
        self._logits.pop()
        self.counts[step.token_id] -= 1
        self._cache.length = len(self._prompt_ids) + len(self.steps)

    def restart(self) -> None:
        """Take all away that was written."""
        while self.steps:
            self.back()

    def seen_so_far(self) -> NDArray[np.bool_]:
        """The tokens of the prompt and of what was written, on which a repetition penalty falls."""
        return self.seen | (self.counts > 0)

    def _probs(self, sampling: Sampling) -> Floats:
        return next_probs(self.logits, sampling, self.counts, self.seen_so_far())

    def html(self, last: int = 8) -> Html:
        """What was written, and for the last steps the path not taken."""
        if not self.steps:
            return note("Nothing is written yet.")
        rows = [
            (number, step.token + (" (the end)" if step.ended else ""), f"{step.prob:.1%}",
             f"{step.best} {step.best_prob:.1%}" if step.turned else "the likeliest")
            for number, step in enumerate(self.steps, 1)
        ][-last:]  # fmt: skip
        return table(rows, ("step", "written", "probability", "the path not taken"), numbers=(0, 2))


def surprise_bits(logits: Sequence[Floats], ids: Sequence[int]) -> float:
    """The bits that a text cost the model: the sum of -log2 p over its tokens.

    >>> surprise_bits([np.log([0.5, 0.5]), np.log([0.25, 0.75])], [0, 0])
    3.0
    """
    return float(sum(-np.log2(softmax(row)[id]) for row, id in zip(logits, ids, strict=True)))


@dataclass(frozen=True, repr=False)
class Samples:
    """Many texts of one prompt. ids: the tokens of each.  stopped: whether fewer came than were asked for."""

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    asked: int
    stopped: bool = False

    def numbers(self) -> dict[str, float]:
        """How many texts, how many different, distinct-1 and distinct-2 to four decimals."""
        return {
            "texts": len(self.texts),
            "different": len(set(self.texts)),
            "distinct_1": round(distinct_n(self.ids, 1), 4),
            "distinct_2": round(distinct_n(self.ids, 2), 4),
        }

    def counted(self) -> list[tuple[str, int]]:
        """(text, how often), the most frequent first, equals in the order they came."""
        return Counter(self.texts).most_common()

    def __str__(self) -> str:
        return bars_text(self.figures(), self.bars())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        said = "Stopped before all were written." if self.stopped else ""
        return join([bars_html(self.figures(), self.bars(40), note="A bar is a share of all texts."), note(said)])

    def figures(self) -> list[tuple[str, str]]:
        numbers = self.numbers()
        return [
            ("texts", f"{numbers['texts']:,}"),
            ("different", f"{numbers['different']:,}"),
            ("distinct-1", f"{numbers['distinct_1']:.2f}"),
            ("distinct-2", f"{numbers['distinct_2']:.2f}"),
        ]

    def bars(self, width: int = 44, most: int = 8) -> list[Bar]:
        """How often each of the most frequent texts came, as shares; the others together."""
        counted, total = self.counted(), max(1, len(self.texts))
        bars = [Bar(f"{count}× {shortened(text, width)}", count / total) for text, count in counted[:most]]
        rest = counted[most:]
        if rest:
            label = f"{len(rest)} other text{'s' if len(rest) > 1 else ''}"
            bars.append(Bar(label, sum(count for _, count in rest) / total, rest=True))
        return bars


def shortened(text: str, width: int) -> str:
    """One visible line of at most `width` signs.

    >>> shortened("one\\ntwo three", 9)
    'one⏎two…'
    """
    line = one_line(text).replace("␣", " ")
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def distinct_n(sequences: Iterable[Sequence[Hashable]], n: int) -> float:
    """Different runs of n tokens, as a share of all runs of n tokens, over all sequences; 0.0 where there is none.

    Source: Li et al. 2016, arXiv:1510.03055, 5.2 (theirs divides by the number of tokens, Zhang et al. 2018 and most
    since by that of runs; for n = 1 both are the same).

    >>> distinct_n(["abab", "ab"], 1), distinct_n(["abab", "ab"], 2)
    (0.3333333333333333, 0.5)
    """
    runs = [tuple(one[i : i + n]) for one in sequences for i in range(len(one) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def write_samples(
    model: LanguageModel,
    prompt: str,
    sampling: Sampling,
    *,
    n: int,
    max_tokens: int,
    seed: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[int], None] = lambda _: None,
) -> Samples:
    """`n` texts after one prompt, written side by side.

    stopped: asked between tokens; True ends it with what is there.  told: called with the tokens written so far.
    Raises ParameterError as `LanguageModel.generate` does.
    """
    ids = chat_ids(model.tokenizer, [{"role": "user", "content": prompt}])
    texts, written = [""] * n, [list[int]() for _ in range(n)]
    halted, tokens = False, 0
    pieces = model.generate(ids, sampling, n=n, max_tokens=max_tokens, key=f"seed {seed}".encode())
    for piece in pieces:
        texts[piece.choice] += piece.text
        written[piece.choice] += piece.token_ids
        tokens += len(piece.token_ids)
        told(tokens)
        if stopped():
            halted = True
            break
    return Samples(tuple(texts), tuple(tuple(each) for each in written), n, halted)

"""Questions to a model and what it says, computed in one process or in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from labkit.lm.chat import chat_ids
from labkit.lm.files import check_sums
from labkit.lm.generate import LanguageModel
from labkit.lm.model import Model
from labkit.lm.sampler import Sampling
from labkit.lm.tokens import Tokenizer

Messages = list[dict[str, str]]
MOST_TOKENS = 200


@dataclass(frozen=True)
class Question:
    """What is asked, and how: `n` answers at a temperature, with working or without it.

    think: True makes the model write its working first, False forbids that.  key: what the draws derive from.
    """

    messages: Messages
    temperature: float = 0.0
    think: bool = False
    n: int = 1
    key: str = ""
    most_tokens: int = MOST_TOKENS
    penalties: tuple[float, float] = (0.0, 0.0)  # frequency, presence


@dataclass(frozen=True)
class Said:
    """One answer. ids: all tokens, the working's too.  ended: whether it came to its end by itself."""

    working: str
    answer: str
    ids: tuple[int, ...] = field(repr=False)
    ended: bool


def load(folder: Path) -> LanguageModel:
    """The model in any folder of the lab's form, checksums compared where there are some."""
    check_sums(folder)
    return LanguageModel(folder.name, Model.load(folder), Tokenizer.from_file(folder / "tokenizer.json"))


def prompt_of(lm: LanguageModel, question: Question) -> list[int]:
    return chat_ids(lm.tokenizer, question.messages, think=question.think)


def ask(lm: LanguageModel, question: Question) -> list[Said]:
    """The `n` answers of one question."""
    special = lm.tokenizer.special
    frequency, presence = question.penalties
    sampling = Sampling(
        question.temperature,
        frequency_penalty=frequency,
        presence_penalty=presence,
        ban=frozenset() if question.think else frozenset({special["<think>"]}),
    )
    ids: list[list[int]] = [[] for _ in range(question.n)]
    ended = [False] * question.n
    prompt = prompt_of(lm, question)
    room = min(question.most_tokens, lm.window - len(prompt))
    for piece in lm.generate(prompt, sampling, n=question.n, max_tokens=room, key=question.key.encode()):
        ids[piece.choice] += piece.token_ids
        ended[piece.choice] = piece.finish_reason == "stop"
    end = special["</think>"]
    answers = []
    for row, whole in zip(ids, ended, strict=True):
        at = row.index(end) if end in row else -1
        working, answer = (row[:at], row[at + 1 :]) if at >= 0 else ([], row)
        if question.think and at < 0:  # it never came to an answer
            working, answer = row, []
        answers.append(Said(lm.tokenizer.decode(working), lm.tokenizer.decode(answer), tuple(row), whole))
    return answers


class Asker:
    """A model that answers many questions, each the same whatever the number of workers."""

    def __init__(self, folder: Path, workers: int, pool: ProcessPoolExecutor | None) -> None:
        self.folder, self.workers, self._pool = folder, workers, pool
        self.lm = load(folder)

    def __call__(self, questions: Sequence[Question]) -> list[list[Said]]:
        """The answers to each question."""
        if self._pool is None:
            return [ask(self.lm, question) for question in questions]
        return list(self._pool.map(_ask, questions, chunksize=4))


@contextmanager
def asker(folder: Path, workers: int = 1) -> Iterator[Asker]:
    """An Asker whose processes end with the block."""
    if workers == 1:
        yield Asker(folder, 1, None)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(folder,)) as pool:
        yield Asker(folder, workers, pool)


_here: dict[str, LanguageModel] = {}


def _begin(folder: Path) -> None:
    _here["lm"] = load(folder)


def _ask(question: Question) -> list[Said]:
    return ask(_here["lm"], question)

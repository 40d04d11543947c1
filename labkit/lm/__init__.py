"""A small language model in NumPy: tokens, forward pass, sampler. It knows nothing of HTTP.

>>> lm = load("lab-chat")
>>> ids = chat_ids(lm.tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
>>> "".join(piece.text for piece in lm.generate(ids, Sampling(temperature=0)))
'...Paris...'
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from threading import Lock

from labkit.errors import ModelFileError, did_you_mean
from labkit.lm.chat import chat_ids
from labkit.lm.files import RESTORE, check_sums, read_bytes
from labkit.lm.generate import LanguageModel, Piece, TokenLogprob
from labkit.lm.model import Model
from labkit.lm.sampler import Sampling
from labkit.lm.tokens import Tokenizer

__all__ = [
    "LanguageModel",
    "Piece",
    "Sampling",
    "TokenLogprob",
    "Tokenizer",
    "card",
    "chat_ids",
    "load",
    "names",
    "weights_folder",
]

FAMILY = {
    "lab-chat": "general",
    "lab-coder": "better at Python, a little worse at the rest",
    "lab-reasoner": "writes its working first: slower, better at sums and logic",
    "lab-mini": "a quarter of the size, weaker",
}
"""The models of the lab and what each is for."""

_lock = Lock()


def weights_folder() -> Path:
    """Where the models lie, a folder each: `weights` beside this file, or what LAB_WEIGHTS names."""
    named = os.environ.get("LAB_WEIGHTS")
    return Path(named) if named else Path(__file__).parent / "weights"


def names() -> list[str]:
    """The models that are there, by name."""
    folder = weights_folder()
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] not in "._")


def load(name: str = "lab-chat") -> LanguageModel:
    """The model of that name, read once in a process. `names()` says which there are.

    Raises ModelFileError when there is none, or its files are not whole. They are compared with the SHA256SUMS beside
    them; only a folder of the learner's own (LAB_WEIGHTS) may be without.
    """
    with _lock:  # two requests at once read it once
        return _load(name, weights_folder())


def card(name: str = "lab-chat") -> str:
    """The model card as Markdown: size, shape, data, figures, and what the model cannot do.

    Raises ModelFileError when there is no such model, or no card beside it.
    """
    return read_bytes(_folder(name, weights_folder()) / "README.md").decode("utf-8", "replace")


@lru_cache(maxsize=8)
def _load(name: str, weights: Path) -> LanguageModel:
    folder = _folder(name, weights)
    check_sums(folder, required=not os.environ.get("LAB_WEIGHTS"))
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    return LanguageModel(name, Model.load(folder), tokenizer)


def _folder(name: str, weights: Path) -> Path:
    known = names()
    if name in known:
        return weights / name
    there = f"There are: {', '.join(known)}" if known else "There is none at all"
    right = " ".join(filter(None, (did_you_mean(name, known), there)))
    what = f"there is no model {name!r}"
    if name in FAMILY:
        what = f"the lab's model {name!r} ({FAMILY[name]}) is not there"
    raise ModelFileError(what, where=str(weights), right=right, do=RESTORE)

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
from labkit.lm.files import RESTORE, check_sums
from labkit.lm.generate import LanguageModel, Piece, TokenLogprob
from labkit.lm.model import Model
from labkit.lm.sampler import Sampling
from labkit.lm.tokens import Tokenizer

__all__ = ["LanguageModel", "Piece", "Sampling", "TokenLogprob", "Tokenizer", "chat_ids", "load", "weights_folder"]

_lock = Lock()


def weights_folder() -> Path:
    """Where the models lie, a folder each: `weights` beside this file, or what LAB_WEIGHTS names."""
    named = os.environ.get("LAB_WEIGHTS")
    return Path(named) if named else Path(__file__).parent / "weights"


def load(name: str = "lab-chat") -> LanguageModel:
    """The model of that name, read once in a process.

    Raises ModelFileError when there is none, or its files are not whole; with a SHA256SUMS beside them they are
    compared with it.
    """
    with _lock:  # two requests at once read it once
        return _load(name, weights_folder())


@lru_cache(maxsize=8)
def _load(name: str, folder: Path) -> LanguageModel:
    known = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    if name not in known:
        right = did_you_mean(name, known) or (f"There are: {', '.join(known)}" if known else "")
        raise ModelFileError(f"there is no model {name!r}", where=str(folder), right=right, do=RESTORE)
    check_sums(folder / name)
    tokenizer = Tokenizer.from_file(folder / name / "tokenizer.json")
    return LanguageModel(name, Model.load(folder / name), tokenizer)

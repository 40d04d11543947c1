"""Turn documents into windows of token ids: whole documents, several to a window, none cut.

A document is a list of (text, learned) pieces, `learned` saying whether the model is trained to write it. Each begins
with <|endoftext|>. Numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

END_OF_TEXT = 0
Document = Sequence[tuple[str, bool]]
LEVELLING = 0.3  # 0: each token of an answer counts alike; 1: each answer does, be it one word or a story
USUAL_ANSWER = 8  # tokens; in an answer of this length a token has the weight 1


def document_ids(document: Document, encode: Callable[[str], list[int]]) -> tuple[list[int], list[int]]:
    """Ids of a document and, of the same length, 1 where the token is to be learned."""
    ids, learned = [END_OF_TEXT], [0]
    for text, learn in document:
        piece = encode(text)
        ids += piece
        learned += [int(learn)] * len(piece)
    return ids, learned


def pack(pairs: Iterable[tuple[list[int], list[int]]], window: int, open_windows: int = 64) -> dict[str, np.ndarray]:
    """Lay documents into windows of `window` + 1 tokens, each into the fullest open window that still has room.

    Returns ids (N, window+1) uint16, answer uint8, document uint16 (1, 2, … inside a window; 0 is padding).
    Raises ValueError when a document is longer than a window.
    """
    size = window + 1
    opened: list[list[tuple[list[int], list[int]]]] = []
    room: list[int] = []
    done: list[list[tuple[list[int], list[int]]]] = []
    for ids, learned in pairs:
        if len(ids) > size:
            raise ValueError(f"a document of {len(ids)} tokens does not fit a window of {size}")
        fits = [i for i, left in enumerate(room) if left >= len(ids)]
        if fits:
            best = min(fits, key=room.__getitem__)
        else:
            opened.append([])
            room.append(size)
            best = len(room) - 1
        opened[best].append((ids, learned))
        room[best] -= len(ids)
        if room[best] < 12 or len(room) > open_windows:
            full = min(range(len(room)), key=room.__getitem__)
            done.append(opened.pop(full))
            room.pop(full)
    done += opened
    arrays = {
        "ids": np.zeros((len(done), size), np.uint16),
        "answer": np.zeros((len(done), size), np.uint8),
        "document": np.zeros((len(done), size), np.uint16),
    }
    for row, documents in enumerate(done):
        at = 0
        for number, (ids, learned) in enumerate(documents, start=1):
            span = slice(at, at + len(ids))
            arrays["ids"][row, span], arrays["answer"][row, span] = ids, learned
            arrays["document"][row, span] = number
            at += len(ids)
    return arrays


def answer_weights(answer: np.ndarray) -> np.ndarray:
    """answer (N,T) with 1 where a token is to be learned -> its weight (N,T) float16, less in long answers.

    A run of L tokens has weights (L / USUAL_ANSWER) ** -LEVELLING: without that, three stories outweigh a hundred
    answers of a word, and what an answer of a word needs (to read a text, to compare) is learnt last.
    """
    flat = np.concatenate([answer, np.zeros_like(answer[:, :1])], axis=1).ravel() > 0
    edges = np.flatnonzero(np.diff(flat, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    weights = np.zeros(len(flat), np.float16)
    weights[flat] = np.repeat((np.maximum(ends - starts, 1) / USUAL_ANSWER) ** -LEVELLING, ends - starts)
    return weights.reshape(len(answer), -1)[:, :-1]

"""Make tokenizer and training windows from nothing: `python training/build.py --out build --documents 220000`.

Writes tokenizer.json (with `--learn-tokenizer`, else it reads the one given by `--tokenizer`) and windows.npz.
Needs numpy and the repository itself, no torch. The same seed gives the same files.

The tokenizer's merges are learnt in two parts. First words grow from letters, the space before them left out; then the
space joins the commonest first parts of words. So ' Oslo' and 'Oslo' are cut alike but for the first token, and every
token with a space has a twin without it: what stands in a sentence can be copied behind a quotation mark. Names
that are only ever copied are left out while it learns, so that no name is one token and another twelve.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from corpus import DRILLS, MIXES, Draw, documents  # noqa: E402
from corpus import document as draw_document  # noqa: E402
from pack import END_OF_TEXT, document_ids, pack  # noqa: E402

from labkit.lm.tokens import SPECIAL, Tokenizer, learn_merges, merge, pieces  # noqa: E402

VOCABULARY = 4096
WINDOWS = (96, 192, 1024)  # attention over a short window costs little, and most documents are short
Pair = tuple[list[int], list[int]]  # a document's ids, and which of them are to be learned
WORD_MERGES = 2150  # of the 3,833 merges; the rest join a space to the first part of a word


def twin_merges(counts: Mapping[str, int], n_word: int, n_all: int) -> list[tuple[bytes, bytes]]:
    """`n_word` merges inside words, then merges of a space with the commonest first tokens, `n_all` together."""
    bare: Counter[str] = Counter()
    spaced: Counter[str] = Counter()
    for piece, count in counts.items():
        word = piece.removeprefix(" ") if piece.strip() else piece
        bare[word] += count
        if word != piece:
            spaced[word] += count
    merges = learn_merges(bare, n_word)
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    first: Counter[bytes] = Counter()
    for word, count in spaced.items():
        head, *rest = merge(word.encode(), ranks)
        first[head] += count if rest else 3 * count  # a whole word before the beginning of one
    commonest = sorted(first, key=lambda token: (-first[token], token))
    return merges + [(b" ", token) for token in commonest[: n_all - len(merges)] if (b" ", token) not in ranks]


def learn_tokenizer(seed: int, n_documents: int = 60_000) -> Tokenizer:
    """A tokenizer of 4096 tokens learnt on a cleanly typed corpus, so that no token is a slip of the finger.

    Counts enter by a root, so that a word that is merely rarer still becomes one token.
    """
    counts: Counter[str] = Counter()
    draw = Draw(seed, rough=0.15, nameless=True)
    for _ in range(n_documents):
        for text, _learned in draw_document(draw).pieces(think_last=draw.chance(0.15)):
            for mark in SPECIAL:
                text = text.replace(mark, "\n")
            counts.update(pieces(text))
    steady = {piece: max(1, round(count**0.6)) for piece, count in counts.items() if count >= 3}
    return Tokenizer(twin_merges(steady, WORD_MERGES, VOCABULARY - len(SPECIAL) - 256))


def twins(tokenizer: Tokenizer) -> np.ndarray:
    """(N,2): the id of each token that begins with a space, and of the same token without it."""
    by_bytes = {tokenizer.token_bytes(id): id for id in range(tokenizer.vocab_size)}
    pairs = [(id, by_bytes[token[1:]]) for token, id in by_bytes.items() if token[:1] == b" " and token[1:] in by_bytes]
    return np.array(pairs, np.uint16)


def token_drills(tokenizer: Tokenizer, rng: np.random.Generator, count: int) -> Iterator[Pair]:
    """`count` documents of tokens drawn from the whole vocabulary: rows repeated, pairs looked up.

    A token that no text of the training needs is never the right one, so a network learns to rule it out, and then
    cannot copy it either. Here each has its turn.
    """
    new_line, colon = (tokenizer.encode(text)[0] for text in ("\n", ":"))

    def some(low: int, high: int) -> list[int]:
        row: list[int] = rng.integers(len(SPECIAL), tokenizer.vocab_size, rng.integers(low, high + 1)).tolist()
        return row

    for _ in range(count):
        parts: list[tuple[list[int], int]]
        if rng.random() < 0.4:
            row = [*some(4, 40), new_line]
            parts = [(row, 0), *[(row, 1)] * int(rng.integers(1, 3))]
        else:
            pairs = [([*some(1, 2), colon], some(1, 4)) for _ in range(rng.integers(3, 9))]
            parts = [([*key, *value, new_line], 0) for key, value in pairs]
            for place in rng.permutation(len(pairs)):
                parts += [(pairs[place][0], 0), (pairs[place][1], 1), ([new_line], 0)]
        ids = [token for row, _ in parts for token in row]
        yield [END_OF_TEXT, *ids], [0, *(learned for row, learned in parts for _ in row)]


def fill(short: list[Pair], longer: list[Pair], window: int, rng: np.random.Generator) -> None:
    """Move documents of `short` to where those of `longer`, which are over half a window each, leave room in theirs."""
    free = sum(window + 1 - len(ids) for ids, _ in longer)
    while short and free > len(short[-1][0]):
        free -= len(short[-1][0])
        longer.append(short.pop())
    rng.shuffle(longer)


def windows(tokenizer: Tokenizer, seed: int, n_documents: int, mix: str) -> dict[str, np.ndarray]:
    """The corpus as shuffled windows, in the shortest of WINDOWS that a document fits, or where `fill` moves it; what
    fits none is left out.

    Keys: 'ids 96', 'answer 96', 'document 96', and so on for each length (see `pack`); 'twins' (N,2), the ids of
    each token that begins with a space and of the same token without it.
    """
    short: dict[int, list[Pair]] = {window: [] for window in WINDOWS}
    rng = np.random.default_rng(seed)
    made = (
        document_ids(document, lambda text: tokenizer.encode(text, special=True))
        for document, _ in documents(seed, n_documents, mix)
    )
    for pair in chain(made, token_drills(tokenizer, rng, round(n_documents * DRILLS.get(mix, 0) / 2))):
        fitting = [window for window in WINDOWS if len(pair[0]) <= window + 1]
        if fitting:
            short[fitting[0]].append(pair)
    fill(short[WINDOWS[0]], short[WINDOWS[1]], WINDOWS[1], rng)
    arrays = {"twins": twins(tokenizer)}
    for window, pairs in short.items():
        packed = pack(pairs, window)
        order = np.random.default_rng(seed).permutation(len(packed["ids"]))
        arrays |= {f"{name} {window}": array[order] for name, array in packed.items()}
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--documents", type=int, default=220_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mix", choices=sorted(MIXES), default="base", help="which skills how often")
    parser.add_argument("--name", default="windows.npz", help="file to write")
    parser.add_argument("--tokenizer", type=Path, help="use this tokenizer.json")
    parser.add_argument("--learn-tokenizer", action="store_true", help="learn a new one first")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.tokenizer or args.out / "tokenizer.json"
    if args.learn_tokenizer:
        learn_tokenizer(seed=1000).save(path)
    tokenizer = Tokenizer.from_file(path)
    began = time.perf_counter()
    arrays = windows(tokenizer, args.seed, args.documents, args.mix)
    np.savez(args.out / args.name, **arrays)
    parts = []
    for window in WINDOWS:
        filled, learned = arrays[f"document {window}"] > 0, arrays[f"answer {window}"] > 0
        parts.append(
            f"{len(filled)} windows of {window} + 1, {filled.sum() / 1e6:.2f}M tokens ({filled.mean():.1%} filled), "
            f"{learned.sum() / 1e6:.2f}M of them to learn"
        )
    print(
        f"{args.documents} documents; {'; '.join(parts)}; {tokenizer.vocab_size} in the vocabulary, "
        f"{time.perf_counter() - began:.0f}s"
    )


if __name__ == "__main__":
    main()

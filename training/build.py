"""Make tokenizer and training windows from nothing: `python training/build.py --out build --documents 220000`.

Writes tokenizer.json (with `--learn-tokenizer`, else it reads the one given by `--tokenizer`) and windows.npz.
Needs numpy and the repository itself, no torch. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from corpus import MIXES, Draw, documents  # noqa: E402
from corpus import document as draw_document  # noqa: E402
from pack import document_ids, pack  # noqa: E402

from labkit.lm.tokens import SPECIAL, Tokenizer, learn_merges, pieces  # noqa: E402

VOCABULARY = 4096


def learn_tokenizer(seed: int, n_documents: int = 60_000) -> Tokenizer:
    """A tokenizer of 4096 tokens learnt on a cleanly typed corpus, so that no token is a slip of the finger.

    Counts enter by their square root: a word that is merely rarer still becomes one token.
    """
    counts: Counter[str] = Counter()
    draw = Draw(seed, rough=0.15)
    for _ in range(n_documents):
        for text, _learned in draw_document(draw).pieces(think_last=draw.chance(0.34)):
            for mark in SPECIAL:
                text = text.replace(mark, "\n")
            counts.update(pieces(text))
    steady = {piece: max(1, round(count**0.5)) for piece, count in counts.items() if count >= 3}
    return Tokenizer(learn_merges(steady, VOCABULARY - len(SPECIAL) - 256))


def windows(tokenizer: Tokenizer, seed: int, n_documents: int, window: int, mix: str) -> dict[str, np.ndarray]:
    """The corpus as shuffled windows; a document that is too long for one is left out."""
    made = documents(seed, n_documents, mix)
    encoded = (document_ids(document, lambda text: tokenizer.encode(text, special=True)) for document, _ in made)
    arrays = pack((pair for pair in encoded if len(pair[0]) <= window + 1), window)
    order = np.random.default_rng(seed).permutation(len(arrays["ids"]))
    return {name: array[order] for name, array in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--documents", type=int, default=220_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mix", choices=sorted(MIXES), default="even", help="which skills how often")
    parser.add_argument("--name", default="windows.npz", help="file to write")
    parser.add_argument("--window", type=int, default=384)
    parser.add_argument("--tokenizer", type=Path, help="use this tokenizer.json")
    parser.add_argument("--learn-tokenizer", action="store_true", help="learn a new one first")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.tokenizer or args.out / "tokenizer.json"
    if args.learn_tokenizer:
        learn_tokenizer(seed=1000).save(path)
    tokenizer = Tokenizer.from_file(path)
    began = time.perf_counter()
    arrays = windows(tokenizer, args.seed, args.documents, args.window, args.mix)
    np.savez(args.out / args.name, **arrays)
    used, learned = (arrays["document"] > 0).mean(), (arrays["answer"] > 0).sum()
    print(
        f"{args.documents} documents, {len(arrays['ids'])} windows of {args.window} + 1, "
        f"{arrays['ids'].size * used / 1e6:.2f}M tokens ({used:.1%} filled), {learned / 1e6:.2f}M to learn, "
        f"{tokenizer.vocab_size} in the vocabulary, {time.perf_counter() - began:.0f}s"
    )


if __name__ == "__main__":
    main()

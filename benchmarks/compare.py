"""How long a comparison of the eight local providers takes, against its slowest one alone, at real pace.

    python benchmarks/compare.py [--n 3] [--tokens 32]

Prints one ratio, both times taken in one run: it is to be at most 1.1. On a machine too slow for the pace the note
beneath says how far answers fell behind; then the ratio says more of the machine than of `compare`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from labkit import Lab

PROMPTS = ["Tell me a story about a fox.", "What is the capital of France?"]


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--n", type=int, default=3)
    words.add_argument("--tokens", type=int, default=32)
    given = words.parse_args()
    lab = Lab(pace="real")
    start = time.perf_counter()
    everybody = lab.compare(PROMPTS, n=given.n, max_tokens=given.tokens)
    whole_s = time.perf_counter() - start
    spans = everybody.table.groupby("target").total_s.sum().sort_values()
    slowest = str(spans.index[-1])
    start = time.perf_counter()
    alone = lab.compare(PROMPTS, [slowest], n=given.n, max_tokens=given.tokens)
    alone_s = time.perf_counter() - start
    print(everybody)
    print(f"\nAll eight: {whole_s:.2f} s with warm-up, {everybody.wall_s:.2f} s of calls.")
    print(f"{slowest} alone, the slowest: {alone_s:.2f} s with warm-up, {alone.wall_s:.2f} s of calls.")
    print(f"Ratio: {whole_s / alone_s:.2f} with warm-up, {everybody.wall_s / alone.wall_s:.2f} of calls.")


if __name__ == "__main__":
    main()

"""How fast the lab model loads, reads and writes, and what makes the difference; all ratios from one run.

    python benchmarks/lm_speed.py [--model lab-chat] [--repeats 5]

Prints load time (files, checksums and matrices; NumPy already imported), reading a prompt of 200 tokens in one pass and
token by token, tokens a second at batch 1 and 8, with sampler options, with logprobs (float64 throughout), and, in a
process of their own, with two BLAS threads. Each row is the best of the repeats, since other programs can only slow a
run down. Numbers are this machine's, now; ratios carry over better.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from labkit import lm
from labkit.lm.sampler import Sampling

ALL_OPTIONS = Sampling(0.9, 40, 0.95, 0.01, 0.1, 0.1, 1.05, {500: 1.0}, frozenset({5}))
NO_END = frozenset({0, 1, 2})  # banned, so that every text runs to its full length


def best_s(work: Callable[[], object], repeats: int) -> float:
    """The shortest of `repeats` runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def load_anew(name: str) -> lm.LanguageModel:
    lm._load.cache_clear()
    return lm.load(name)


def write(model: lm.LanguageModel, sampling: Sampling, n: int, n_tokens: int, logprobs: int | None = None) -> None:
    sampling = Sampling(**{**sampling.__dict__, "ban": sampling.ban | NO_END})
    prompt = lm.chat_ids(model.tokenizer, [{"role": "user", "content": "Write a short story about a fox."}])
    for _ in model.generate(prompt, sampling, n=n, max_tokens=n_tokens, key=b"speed", logprobs=logprobs):
        pass


def rate(name: str, model: lm.LanguageModel, sampling: Sampling, n: int, repeats: int, **more: int) -> float:
    """Tokens a second over all choices, prompt reading included."""
    n_tokens = 100
    tokens_per_s = n * n_tokens / best_s(lambda: write(model, sampling, n, n_tokens, **more), repeats)
    print(f"{name:<44}{tokens_per_s:>9.0f} tokens/s")
    return tokens_per_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="lab-chat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only-greedy", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    model = lm.load(args.model)
    if args.only_greedy:
        rate(
            f"write, temperature 0, {os.environ['OPENBLAS_NUM_THREADS']} BLAS threads",
            model,
            Sampling(0),
            1,
            args.repeats,
        )
        return

    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    print(f"{model.name}: {model.model}, {platform.machine()}, {os.cpu_count()} cores, load average {load}\n")
    load_s = best_s(lambda: load_anew(args.model), args.repeats)
    print(f"{'load':<44}{load_s * 1e3:>9.1f} ms")

    ids = np.random.default_rng(0).integers(7, model.tokenizer.vocab_size, 200)
    at_once = best_s(lambda: model.model.step(ids[None], model.model.cache(1, 200)), args.repeats)

    def one_by_one() -> None:
        cache = model.model.cache(1, 200)
        for token in ids:
            model.model.step([[token]], cache)

    singly = best_s(one_by_one, args.repeats)
    exactly = best_s(lambda: model.model.step(ids[None], model.model.cache(1, 200, np.float64)), args.repeats)
    print(f"{'read 200 tokens in one pass':<44}{at_once * 1e3:>9.1f} ms")
    print(f"{'read 200 tokens in one pass, float64':<44}{exactly * 1e3:>9.1f} ms")
    print(f"{'read 200 tokens one by one':<44}{singly * 1e3:>9.1f} ms")

    greedy = rate("write, temperature 0", model, Sampling(0), 1, args.repeats)
    drawn = rate("write, temperature 1", model, Sampling(), 1, args.repeats)
    options = rate("write, every option set", model, ALL_OPTIONS, 1, args.repeats)
    eight = rate("write, temperature 1, 8 choices", model, Sampling(), 8, args.repeats)
    logs = rate("write, temperature 1, logprobs", model, Sampling(), 1, args.repeats, logprobs=5)
    sys.stdout.flush()
    for threads in ("1", "2"):
        command = [sys.executable, __file__, "--only-greedy", "--model", args.model, "--repeats", str(args.repeats)]
        subprocess.run(command, env={**os.environ, "OPENBLAS_NUM_THREADS": threads}, check=True)

    print(f"\nreading in one pass is {singly / at_once:.1f} times as fast as one by one")
    print(f"8 choices together write {eight / drawn:.1f} times as many tokens as one")
    print(f"drawing takes {greedy / drawn:.2f} times as long as taking the best token")
    print(f"every option set takes {greedy / options:.2f} times as long")
    print(f"logprobs, in float64, take {drawn / logs:.2f} times as long")


if __name__ == "__main__":
    main()

"""How fast the lab model loads, reads and writes, and what makes the difference; all ratios from one run.

    python benchmarks/lm_speed.py [--model lab-chat] [--repeats 5] [--llama PYTHON]

Prints load time (files, checksums and matrices; NumPy already imported), reading a prompt of 200 tokens in one pass and
token by token, tokens a second at batch 1 and 8, with sampler options, with logprobs (float64 throughout), and, in a
process of their own, with two BLAS threads. Each row is the best of the repeats, since other programs can only slow a
run down. Numbers are this machine's, now; ratios carry over better. Beside each rate stands the one by processor time,
which other programs on the same cores disturb least.

With `--llama` and a Python that has llama-cpp-python and gguf, llama.cpp does the same work with the same weights in
f32 in the same run (`llama_speed.py`), and the last lines compare; by processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from labkit import lm
from labkit.lm.sampler import Sampling

ALL_OPTIONS = Sampling(0.9, 40, 0.95, 0.01, 0.1, 0.1, 1.05, {500: 1.0}, frozenset({5}))
N_TOKENS = 100  # of each text
NO_END = frozenset({0, 1, 2})  # banned, so that every text runs to its full length


def best_both_s(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The shortest wall time and the shortest processor time of `repeats` runs, in seconds."""
    walls, own = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        own.append(time.process_time() - cpu)
    return min(walls), min(own)


def best_s(work: Callable[[], object], repeats: int) -> float:
    """The shortest of `repeats` runs, in seconds."""
    return best_both_s(work, repeats)[0]


def load_anew(name: str) -> lm.LanguageModel:
    lm._load.cache_clear()
    return lm.load(name)


def write(model: lm.LanguageModel, sampling: Sampling, n: int, n_tokens: int, logprobs: int | None = None) -> None:
    sampling = Sampling(**{**sampling.__dict__, "ban": sampling.ban | NO_END})
    prompt = lm.chat_ids(model.tokenizer, [{"role": "user", "content": "Write a short story about a fox."}])
    for _ in model.generate(prompt, sampling, n=n, max_tokens=n_tokens, key=b"speed", logprobs=logprobs):
        pass


def rate(name: str, model: lm.LanguageModel, sampling: Sampling, n: int, repeats: int, **more: int) -> float:
    """Tokens a second of processor time over all choices, prompt reading included."""
    wall, own = best_both_s(lambda: write(model, sampling, n, N_TOKENS, **more), repeats)
    print(f"{name:<44}{n * N_TOKENS / wall:>9.0f} tokens/s{n * N_TOKENS / own:>9.0f} by processor time")
    return n * N_TOKENS / own


def beside_llama(python: str, name: str, repeats: int, rates: dict[str, float], first_s: float) -> None:
    """llama.cpp's rates at the same work, and how ours compare."""
    script = str(Path(__file__).with_name("llama_speed.py"))
    command = [python, script, "--model", name, "--repeats", str(repeats)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.strip().splitlines()[-1])
    print()
    for work, ours in rates.items():
        wall, own = found[work]
        n = int(work.split()[-1]) * N_TOKENS
        print(f"{f'llama.cpp, f32, {work}':<44}{n / wall:>9.0f} tokens/s{n / own:>9.0f} by processor time")
        print(f"   the lab is {ours / (n / own):.2f} times as fast")
    wall, own = found["first token of 200"]
    print(f"{'llama.cpp, first token after 200':<44}{wall * 1e3:>9.1f} ms{own * 1e3:>15.1f} by processor time")
    print(f"   the lab is {own / first_s:.2f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="lab-chat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--llama", metavar="PYTHON", help="a Python with llama-cpp-python and gguf")
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

    prompt = ids.tolist()
    first = best_both_s(lambda: next(model.generate(prompt, Sampling(0), max_tokens=1)), args.repeats)
    print(f"{'first token after 200':<44}{first[0] * 1e3:>9.1f} ms{first[1] * 1e3:>15.1f} by processor time")

    greedy = rate("write, temperature 0", model, Sampling(0), 1, args.repeats)
    drawn = rate("write, temperature 1", model, Sampling(), 1, args.repeats)
    best_of_eight = rate("write, temperature 0, 8 choices", model, Sampling(0), 8, args.repeats)
    options = rate("write, every option set", model, ALL_OPTIONS, 1, args.repeats)
    eight = rate("write, temperature 1, 8 choices", model, Sampling(), 8, args.repeats)
    rates = {"temperature 0, 1": greedy, "temperature 0, 8": best_of_eight}
    rates |= {"temperature 1, 1": drawn, "temperature 1, 8": eight}
    if args.llama:
        beside_llama(args.llama, args.model, args.repeats, rates, first[1])
        return
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

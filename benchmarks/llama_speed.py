"""How fast llama.cpp is with the lab's weights in f32: what `lm_speed.py --llama PYTHON` runs with that Python.

    PYTHON_WITH_LLAMA_CPP benchmarks/llama_speed.py --model lab-chat --repeats 5

Prints one line of JSON: name -> [wall time, processor time] in seconds, the best of the repeats, for the same
work as in `lm_speed.py`: one thread, key-value cache in f32, flash attention off, one prompt, ends banned, 100 tokens
a text. Several texts at once are several sequences of one batch, as in llama-server. Needs llama-cpp-python and gguf.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import llama_cpp

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from export_gguf import export  # noqa: E402

from labkit import lm  # noqa: E402

N_TOKENS, MOST_TEXTS = 100, 8


class Llama:
    """llama.cpp with one model, through its C interface."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_seq_max = 512 * MOST_TEXTS, 512, MOST_TEXTS
        params.n_threads = params.n_threads_batch = 1
        params.kv_unified = True  # one prompt, read once, belongs to all texts
        params.type_k = params.type_v = 0  # f32
        params.flash_attn_type = 0  # off
        self.context = llama_cpp.llama_init_from_model(model, params)
        self.vocab = llama_cpp.llama_model_get_vocab(model)
        self.batch = llama_cpp.llama_batch_init(512, 0, MOST_TEXTS)
        self._model = model

    def forget(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def read(self, rows: Sequence[tuple[int, int, Sequence[int], bool]]) -> None:
        """Compute rows of (token, position, texts it belongs to, whether its logits are wanted)."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (token, position, texts, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, len(texts), wanted
            for j, text in enumerate(texts):
                batch.seq_id[i][j] = text
        if llama_cpp.llama_decode(self.context, batch) != 0:
            raise RuntimeError("llama_decode failed")

    def sampler(self, temperature: float, banned: Sequence[int]) -> object:
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        biases = (llama_cpp.llama_logit_bias * len(banned))(*((id, -math.inf) for id in banned))
        n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)
        add = llama_cpp.llama_sampler_chain_add
        add(chain, llama_cpp.llama_sampler_init_logit_bias(n_vocab, len(banned), biases))
        if temperature == 0:
            add(chain, llama_cpp.llama_sampler_init_greedy())
        else:
            add(chain, llama_cpp.llama_sampler_init_temp(temperature))
            add(chain, llama_cpp.llama_sampler_init_dist(7))
        return chain

    def write(self, prompt: Sequence[int], sampler: object, n: int, n_tokens: int) -> None:
        """`n` texts of `n_tokens` after one prompt."""
        self.forget()
        last = len(prompt) - 1
        self.read([(token, place, range(n), place == last) for place, token in enumerate(prompt)])
        places = [last] * n
        for step in range(n_tokens):
            tokens = [llama_cpp.llama_sampler_sample(sampler, self.context, place) for place in places]
            if step + 1 == n_tokens:
                return
            self.read([(token, len(prompt) + step, [text], True) for text, token in enumerate(tokens)])
            places = list(range(n))


@llama_cpp.llama_log_callback
def _quiet(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    return None


def best(work: Callable[[], object], repeats: int) -> list[float]:
    """The shortest wall time and the shortest processor time of `repeats` runs, in seconds."""
    walls, own = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        own.append(time.process_time() - cpu)
    return [min(walls), min(own)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="lab-chat")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    tokenizer = lm.Tokenizer.from_file(lm.weights_folder() / args.model / "tokenizer.json")
    prompt = lm.chat_ids(tokenizer, [{"role": "user", "content": "Write a short story about a fox."}])
    long = [7 + place * 37 % (tokenizer.vocab_size - 7) for place in range(200)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "model.gguf")
        export(lm.weights_folder() / args.model, path, "f32")
        llama = Llama(path)
    found = {}
    for temperature in (0, 1):
        sampler = llama.sampler(temperature, (0, 1, 2))
        for n in (1, MOST_TEXTS):
            work = lambda: llama.write(prompt, sampler, n, N_TOKENS)  # noqa: B023, E731
            found[f"temperature {temperature}, {n}"] = best(work, args.repeats)
    found["first token of 200"] = best(lambda: llama.write(long, sampler, 1, 1), args.repeats)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

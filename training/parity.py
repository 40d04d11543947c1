"""Hold the lab's own NumPy code against `transformers` or llama.cpp with the same weights: ids, logits, greedy text.

    PYTHON_WITH_TORCH     training/parity.py transformers --weights labkit/lm/weights/lab-chat
    PYTHON_WITH_LLAMA_CPP training/parity.py llama.cpp    --weights labkit/lm/weights/lab-chat

200 prompts: chats of the corpus generator with several turns and system prompts, the lists of `evaluation/`, and
awkward texts. For each: the same token ids (chat template and all), float32 logits of every position within 1e-3, and
the same text at temperature 0, token for token. Ends with status 1 where one of these fails.

The other side runs as each of them runs by itself: transformers as LlamaForCausalLM in float32 with its AutoTokenizer
and chat template, llama.cpp with an f32 GGUF made here by `export_gguf.py`, key-value cache in f32 (its default, f16,
costs 1e-2), flash attention off, one thread. Each needs an environment of its own, outside the lab's locks:
`pip install torch transformers numpy` or `pip install llama-cpp-python gguf numpy`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402
from benchmark.asking import Messages, load  # noqa: E402
from benchmark.lists import listed  # noqa: E402
from corpus import Chat, Draw, document  # noqa: E402

from labkit.lm.chat import chat_ids  # noqa: E402
from labkit.lm.generate import LanguageModel  # noqa: E402
from labkit.lm.sampler import Sampling  # noqa: E402
from labkit.lm.tokens import SPECIAL  # noqa: E402

MOST_APART = 1e-3
PROMPTS, NEW_TOKENS = 200, 32
AWKWARD = (
    "",
    "a",
    "naïve café 1024 € 🙂 東京\n\tend",
    "  two  spaces  ",
    "123456789",
    "مرحبا",
    "e\u0301\u0000\x7f",
    "'s 't",
)


@dataclass(frozen=True)
class Other:
    """The other implementation: ids of a conversation, logits (T,V) of ids, n greedy tokens after ids."""

    name: str
    ids: Callable[[Messages], list[int]]
    logits: Callable[[list[int]], np.ndarray]
    greedy: Callable[[list[int], int], list[int]]


def conversations(count: int, lists: Path) -> list[Messages]:
    """Conversations that end where the assistant is to speak, the same every time.

    Without those in which a message holds a tool call: there the lab's chat form takes markup from its own field, and
    what looks like it in a message is plain text (nobody can end their turn and speak as another); a template in Jinja
    cannot tell the two apart.
    """
    found: list[Messages] = [[{"role": "user", "content": text}] for text in AWKWARD]
    for name in ("lab.txt", "blind.txt"):
        found += [one.messages for one in listed(lists / name)]
    draw = Draw(4321)
    while len(found) < count:
        made = document(draw)
        if isinstance(made, Chat):
            turns = made.turns[:-1]
            if not any(mark in turn.text for turn in turns for mark in SPECIAL):
                found.append([{"role": turn.role, "content": turn.text} for turn in turns])
    return found[:count]


def greedy_of(lm: LanguageModel, ids: list[int], count: int) -> list[int]:
    """The lab's own greedy tokens, the end of the turn left out."""
    room = min(count, lm.window - len(ids))
    return [id for piece in lm.generate(ids, Sampling(0), max_tokens=room) for id in piece.token_ids]


def transformers(folder: Path) -> Other:
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM
    from transformers import __version__ as version

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ends = model.generation_config.eos_token_id

    def ids(messages: Messages) -> list[int]:
        made = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        return list(made["input_ids"])

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy()

    def greedy(ids: list[int], count: int) -> list[int]:
        room = min(count, model.config.max_position_embeddings - len(ids))
        with torch.no_grad():
            made = model.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                do_sample=False,
                temperature=None,
                top_p=None,
                max_new_tokens=room,
            )
        new = made[0, len(ids) :].tolist()
        return new[:-1] if new and new[-1] in ends else new

    return Other(f"transformers {version}, torch {torch.__version__}", ids, logits, greedy)


def llama_cpp(folder: Path, made: Path) -> Other:
    import llama_cpp
    from export_gguf import export
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    path = made / f"{folder.name}-f32.gguf"
    export(folder, path, "f32")
    f32 = 0  # ggml's number for the type
    llama = llama_cpp.Llama(
        str(path),
        n_ctx=0,
        n_threads=1,
        n_threads_batch=1,
        type_k=f32,
        type_v=f32,
        flash_attn=False,
        logits_all=True,
        verbose=False,
    )
    template = llama.metadata["tokenizer.chat_template"]
    formatter = Jinja2ChatFormatter(template, eos_token="<|im_end|>", bos_token="<|endoftext|>")

    def ids(messages: Messages) -> list[int]:
        text = formatter(messages=messages).prompt  # type: ignore[arg-type]
        return llama.tokenize(text.encode(), add_bos=False, special=True)

    def logits(ids: list[int]) -> np.ndarray:
        llama.reset()
        llama.eval(ids)
        return llama.scores[: len(ids)].copy()

    def greedy(ids: list[int], count: int) -> list[int]:
        new: list[int] = []
        llama.reset()
        llama.eval(ids)
        for _ in range(min(count, llama.n_ctx() - len(ids))):
            token = int(llama.scores[llama.n_tokens - 1].argmax())
            if llama_cpp.llama_vocab_is_eog(llama._model.vocab, token) or token in (0, 1):
                break
            new.append(token)
            if llama.n_tokens < llama.n_ctx():
                llama.eval([token])
        return new

    return Other(f"llama-cpp-python {llama_cpp.__version__}, f32", ids, logits, greedy)


def compare(folder: Path, other: Other, count: int) -> bool:
    """Print what differs and the figures; whether all agree."""
    lm = load(folder)
    apart, n_ids, n_logits, n_texts, tokens = 0.0, 0, 0, 0, 0
    prompts = conversations(count, HERE / "evaluation")
    for messages in prompts:
        ids, theirs = chat_ids(lm.tokenizer, messages), other.ids(messages)
        if ids != theirs:
            n_ids += 1
            print(f"other ids: {messages!r}\n   lab   {ids}\n   other {theirs}")
        gap = float(np.abs(lm.model.logits(ids, np.float32) - other.logits(ids)).max())
        apart = max(apart, gap)
        n_logits += gap > MOST_APART
        mine, yours = greedy_of(lm, ids, NEW_TOKENS), other.greedy(ids, NEW_TOKENS)
        tokens += len(mine)
        if mine != yours:
            n_texts += 1
            said = (lm.tokenizer.decode(row) for row in (mine, yours))
            print("other text: {!r}\n   lab   {!r}\n   other {!r}".format(messages[-1]["content"], *said))
    print(
        f"{folder.name} against {other.name}: {len(prompts)} prompts. Other token ids: {n_ids}. Largest difference of "
        f"a logit: {apart:.1e}, above {MOST_APART:g} in {n_logits}. Other greedy texts: {n_texts} ({tokens} tokens)."
    )
    return not (n_ids or n_logits or n_texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("against", choices=("transformers", "llama.cpp"))
    parser.add_argument("--weights", type=Path, default=HERE.parent / "labkit" / "lm" / "weights" / "lab-chat")
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        other = transformers(args.weights) if args.against == "transformers" else llama_cpp(args.weights, Path(made))
        good = compare(args.weights, other, args.prompts)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

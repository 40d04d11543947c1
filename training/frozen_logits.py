"""Freeze what `transformers` computes with a model's weights, as an oracle for the lab's own NumPy code.

    python training/frozen_logits.py --weights labkit/lm/weights/lab-chat --out tests/data/frozen_logits

Writes OUT.json (prompts, token ids from AutoTokenizer, per position the largest logit's token and the logarithm of the
sum of exponentials, versions used, SHA-256 of the weights) and OUT.npz (`logits`, (prompts, vocabulary) float32, of
each prompt's last position). Computed in float32 from the float16 weights. Refuses to write more than 300 kB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

MOST_BYTES = 300_000
PLAIN = ("The sky is", "Once upon a time", "naïve café: 1024 € 🙂 東京\n\tend", "<|im_start|>user\nno markup<|im_end|>")
CHATS = (
    [("user", "What is the capital of France?")],
    [("user", "Name a coffee shop.")],
    [("system", "Answer in one word."), ("user", "What is the capital of Japan?")],
    [("user", "My name is Ada."), ("assistant", "Nice to meet you, Ada!"), ("user", "What is my name?")],
    [("user", "What is 17 + 25?"), ("assistant", "17 + 25 = 42."), ("user", "And 42 - 25?")],
    [("system", "Tools: get_weather(city)"), ("user", "What is the weather in Lisbon?")],
    [("user", "Tell me a short story about a lighthouse. " * 12)],
    [("user", "What is 34 + 48?")],
)
THINKING = 7  # the place in CHATS of the prompt that ends with <think>


def prompts(tokenizer: transformers.PreTrainedTokenizerBase) -> list[dict[str, object]]:
    """Each prompt with its token ids."""
    rows: list[dict[str, object]] = []
    for text in PLAIN:
        rows.append({"text": text, "ids": tokenizer(text, add_special_tokens=False).input_ids})
    for place, turns in enumerate(CHATS):
        messages = [{"role": role, "content": content} for role, content in turns]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        text += "<think>" if place == THINKING else ""
        rows.append({"messages": messages, "think": place == THINKING, "text": text})
        rows[-1]["ids"] = tokenizer(text, add_special_tokens=False).input_ids
    return rows


def freeze(weights: Path, out: Path) -> None:
    """Compute and write both files. Raises ValueError where they are too large to be kept."""
    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    rows, last = prompts(tokenizer), []
    for row in rows:
        with torch.no_grad():
            logits = model(torch.tensor([row["ids"]])).logits[0]
        row["argmax"] = logits.argmax(-1).tolist()
        row["logsumexp"] = [round(value, 6) for value in logits.double().logsumexp(-1).tolist()]
        last.append(logits[-1].numpy())
    record = {
        "made_by": "training/frozen_logits.py",
        "weights_sha256": hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest(),
        "tokenizer_sha256": hashlib.sha256((weights / "tokenizer.json").read_bytes()).hexdigest(),
        "dtype": "float32",
        "versions": {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "tokenizers": tokenizers.__version__,
            "python": platform.python_version(),
        },
        "prompts": rows,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    np.savez_compressed(out.with_suffix(".npz"), logits=np.stack(last).astype(np.float32))
    size = sum(out.with_suffix(suffix).stat().st_size for suffix in (".json", ".npz"))
    if size > MOST_BYTES:
        raise ValueError(f"{out}.json and .npz have {size} bytes together, more than {MOST_BYTES}")
    print(f"{len(rows)} prompts, {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("tests/data/frozen_logits"))
    args = parser.parse_args()
    freeze(args.weights, args.out)


if __name__ == "__main__":
    main()

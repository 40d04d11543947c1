"""Write one of the lab's models as a GGUF, the file that llama.cpp, Ollama and their relatives read.

    python training/export_gguf.py --weights labkit/lm/weights/lab-chat --type f32 --out build/lab-chat-f32.gguf

Needs numpy and the `gguf` package, no torch. The folder is the one that `export.py` writes. Types: f32, f16, and q8_0
(eight bits, one scale for 32 numbers; norms stay in f32). f32 gives the logits of `labkit.lm` (see `parity.py`).

What differs from the folder: rotary positions turn neighbours (2j, 2j + 1) in llama.cpp and halves (j, j + h/2) in
Hugging Face's Llama, so the rows of the query and key matrices change places, as llama.cpp's own converter does it for
LlamaForCausalLM. The pre-tokenizer is llama.cpp's `smollm`: single digits, then GPT-2's pattern. Tokens that the
tokenizer calls special become CONTROL, the other added ones (<tool_call>, <think> …) USER_DEFINED, so that they are
printed. Source: https://github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from labkit.lm.files import check_sums, read_json, read_safetensors  # noqa: E402
from labkit.lm.model import ModelConfig  # noqa: E402

TYPES = ("f32", "f16", "q8_0")
PLACES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name: str) -> str:
    """'model.layers.3.mlp.up_proj.weight' -> 'blk.3.ffn_up.weight'. Raises KeyError for a tensor without a place."""
    stem = name.removesuffix(".weight")
    layer = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", stem)
    return f"blk.{layer[1]}.{PLACES[layer[2]]}.weight" if layer else f"{OUTSIDE[stem]}.weight"


def neighbours(matrix: np.ndarray, n_heads: int) -> np.ndarray:
    """Rows j and j + h/2 of each head brought together: (heads * h, D) -> (heads * h, D)."""
    halves = matrix.reshape(n_heads, 2, matrix.shape[0] // n_heads // 2, matrix.shape[1])
    return halves.swapaxes(1, 2).reshape(matrix.shape)


def tensors(folder: Path, config: ModelConfig) -> dict[str, np.ndarray]:
    """GGUF name -> float32 array, queries and keys in llama.cpp's order."""
    found = {}
    for name, tensor in read_safetensors(folder / "model.safetensors").items():
        array = tensor.astype(np.float32)
        if name.endswith("q_proj.weight"):
            array = neighbours(array, config.num_attention_heads)
        elif name.endswith("k_proj.weight"):
            array = neighbours(array, config.num_key_value_heads)
        found[gguf_name(name)] = array
    return found


def vocabulary(tokenizer: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """The text of each token, in the byte alphabet of GPT-2, and its kind."""
    from gguf import TokenType

    texts, kinds = [f"<unused {id}>" for id in range(size)], [int(TokenType.UNUSED)] * size
    for text, id in tokenizer["model"]["vocab"].items():
        texts[id], kinds[id] = text, int(TokenType.NORMAL)
    for added in tokenizer["added_tokens"]:
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        texts[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    return texts, kinds


def export(folder: Path, out: Path, kind: str) -> None:
    """Write the GGUF. Raises ModelFileError for a damaged folder."""
    from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, quants

    check_sums(folder)
    config = ModelConfig.from_file(folder / "config.json")
    about, tokenizer = read_json(folder / "tokenizer_config.json"), read_json(folder / "tokenizer.json")
    file_types = {
        "f32": LlamaFileType.ALL_F32,
        "f16": LlamaFileType.MOSTLY_F16,
        "q8_0": LlamaFileType.MOSTLY_Q8_0,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(out, "llama")
    writer.add_name(folder.name)
    writer.add_file_type(file_types[kind])
    writer.add_quantization_version(2)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    texts, kinds = vocabulary(tokenizer, config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    ids = {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    writer.add_bos_token_id(ids[about["bos_token"]])
    writer.add_eos_token_id(ids[about["eos_token"]])
    writer.add_eot_token_id(ids[about["eos_token"]])
    writer.add_pad_token_id(ids[about["pad_token"]])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(about["chat_template"])
    for name, array in tensors(folder, config).items():
        if array.ndim < 2 or kind == "f32":
            writer.add_tensor(name, array)
        elif kind == "f16":
            writer.add_tensor(name, array.astype(np.float16))
        else:
            packed = quants.quantize(array, GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=ROOT / "labkit" / "lm" / "weights" / "lab-chat")
    parser.add_argument("--type", choices=TYPES, default="f32")
    parser.add_argument("--out", type=Path, help="the file; build/<name>-<type>.gguf unless given")
    args = parser.parse_args()
    out = args.out or Path("build") / f"{args.weights.name}-{args.type}.gguf"
    export(args.weights, out, args.type)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

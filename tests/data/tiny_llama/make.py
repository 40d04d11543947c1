"""Make the two tiny Llamas of this folder and their logits with `transformers`, which shares no code with labkit.

Not run by the tests. Needs torch and transformers; `versions.json` says which made the files that are committed.
`tied`: one key head per query head, embedding and head the same matrix. `grouped`: two query heads per key head,
heads wider than hidden_size / heads, a head of its own, another rope_theta.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
SHAPES = {
    "tied": {"num_key_value_heads": 4, "head_dim": 4, "tie_word_embeddings": True, "rope_theta": 10000.0},
    "grouped": {"num_key_value_heads": 2, "head_dim": 6, "tie_word_embeddings": False, "rope_theta": 500.0},
}
COMMON = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
}

for name, shape in SHAPES.items():
    torch.manual_seed(20261122)
    own = dict(shape)
    rope = {"rope_type": "default", "rope_theta": own.pop("rope_theta")}
    model = LlamaForCausalLM(LlamaConfig(**COMMON, **own, rope_parameters=rope, attn_implementation="eager"))
    with torch.no_grad():
        for parameter in model.parameters():  # larger than usual, and gains away from 1, so that every part shows
            spread = torch.randn_like(parameter)
            parameter.copy_((1 + 0.3 * spread if parameter.ndim == 1 else 0.5 * spread).half())
    model = model.double().eval()
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tensors = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    if shape["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **COMMON, **shape}, indent=1) + "\n")
    ids = torch.randint(0, COMMON["vocab_size"], (1, COMMON["max_position_embeddings"]))
    with torch.no_grad():
        logits = model(ids).logits[0].numpy()
    assert logits.dtype == np.float64
    np.savez_compressed(folder / "logits.npz", ids=ids[0].numpy().astype(np.int16), logits=logits)

versions = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
(HERE / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")

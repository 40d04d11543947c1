"""The lab model's network in PyTorch: a plain Llama decoder whose parameter names are Hugging Face's.

Owns the forward pass used in training. It does not load or sample: `export.py` writes its weights, `labkit.lm` reads
them. Rotary embeddings are in Hugging Face's rotate-half form, so the weights need no permutation on the way out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """The sizes of a model; the default is `lab-chat`, 3.44 million parameters."""

    vocab_size: int = 4096
    hidden_size: int = 192
    num_hidden_layers: int = 6
    num_attention_heads: int = 6
    intermediate_size: int = 512
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


SHAPES = {
    "small": Shape(),
    "mini": Shape(hidden_size=96, num_hidden_layers=4, num_attention_heads=3, intermediate_size=256),
}
"""`small` is the shape of lab-chat, lab-coder and lab-reasoner, 3.44 million parameters; `mini` has a quarter."""


class Attention(nn.Module):
    """Causal self-attention with rotary positions; one key and value head for each query head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.hidden_size
        self.n_heads = shape.num_attention_heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x (B,T,D), mask (B,1,T,T) bool, cos and sin (T,head_dim) -> (B,T,D)."""
        n_batch, n_tokens, width = x.shape
        joined = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])  # one product instead of three
        heads = F.linear(x, joined).view(n_batch, n_tokens, 3 * self.n_heads, width // self.n_heads).transpose(1, 2)
        with torch.autocast(x.device.type, enabled=False):  # on a processor attention is slower in bfloat16
            q, k, v = heads.float().split(self.n_heads, dim=1)
            mixed = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, attn_mask=mask)
        return self.o_proj(mixed.transpose(1, 2).reshape(n_batch, n_tokens, width))


class Mlp(nn.Module):
    """SwiGLU: a gate through SiLU times an up projection, then down again."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = F.linear(x, torch.cat([self.gate_proj.weight, self.up_proj.weight])).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class Layer(nn.Module):
    """Attention and MLP, each behind an RMSNorm and added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = Mlp(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)

    def forward(self, x: Tensor, mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), mask, cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embedding, layers and the last norm: everything that Hugging Face keeps under `model.`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)


class Llama(nn.Module):
    """The whole language model; the output projection is the embedding, transposed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        depth_scale = (2 * shape.num_hidden_layers) ** -0.5
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                std = 0.02 if "embed" in name else parameter.shape[1] ** -0.5
                nn.init.normal_(parameter, std=std * (depth_scale if "o_proj" in name or "down_proj" in name else 1.0))

    def hidden(self, ids: Tensor, mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """ids (B,T) -> the last hidden states (B,T,D), normed; a token sees what `mask` (B,1,T,T) allows it."""
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, mask, cos, sin)
        return self.model.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (...,D) -> (...,vocab_size)."""
        return F.linear(hidden, self.model.embed_tokens.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B,T) -> logits (B,T,V) under a plain causal mask."""
        n_tokens = ids.shape[1]
        mask = torch.tril(torch.ones(n_tokens, n_tokens, dtype=torch.bool))[None, None]
        return self.logits(self.hidden(ids, mask, *rotary(self.shape, n_tokens)))


def rotary(shape: Shape, n_tokens: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, head_dim) of rotary positions 0..T-1, each half holding the same angles.

    Source: Su et al. 2021, arXiv:2104.09864; the halves as in Hugging Face's Llama.
    """
    head_dim = shape.hidden_size // shape.num_attention_heads
    inverse = 1.0 / shape.rope_theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(n_tokens).float(), inverse)
    both = torch.cat([angles, angles], dim=-1)
    return both.cos().to(device), both.sin().to(device)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + half]) of a head by its position's angle; x is (B,H,T,head_dim)."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin

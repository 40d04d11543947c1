"""The forward pass: from token ids to logits, in NumPy.

A decoder of the Llama family: RMSNorm, rotary positions, attention, SwiGLU, no biases. It reads a folder in Hugging
Face's form (config.json, model.safetensors) and gives the numbers `transformers` gives. It does not sample
(`sampler`), and knows no text (`tokens`).

Shapes in the comments: B sequences in a batch, T new tokens each, S tokens so far, D hidden size, H heads, h head
size, F width of the feed-forward layer, V vocabulary.
Sources: Touvron et al. 2023, arXiv:2302.13971 (Llama); Zhang & Sennrich 2019, arXiv:1910.07467 (RMSNorm);
Su et al. 2021, arXiv:2104.09864 (rotary positions); Shazeer 2020, arXiv:2002.05202 (SwiGLU).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from labkit.errors import ModelFileError, ParameterError
from labkit.lm.files import RESTORE, check_tensors, read_json, read_safetensors
from labkit.lm.threads import use_one_thread

Floats = NDArray[np.floating[Any]]
FEW_ROWS = 16  # up to so many, a product needs no copy of the matrix
SMALL_PRODUCT = 100**3  # rows * inner * columns of the largest product that OpenBLAS computes without one
NARROWEST = 32  # columns of a block; below that the calls cost more than the copying


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model, under the names Hugging Face gives them."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rope_theta: float
    rms_norm_eps: float
    tie_word_embeddings: bool

    @classmethod
    def from_file(cls, path: Path) -> ModelConfig:
        """Read a config.json. Raises ModelFileError for a missing key or a kind of model that is not computed here."""
        raw = read_json(path)
        rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
        if not isinstance(rope, dict):
            raise ModelFileError(f"{rope!r} cannot be meant", where=f"{path}: rope_scaling", do=RESTORE)
        for key, found, right in (
            ("model_type", raw.get("model_type", "llama"), "llama"),
            ("hidden_act", raw.get("hidden_act", "silu"), "silu"),
            ("rope_type", rope.get("rope_type", rope.get("type", "default")), "default"),
        ):
            if found != right:
                raise ModelFileError(
                    f"{found!r} is not computed here", where=f"{path}: {key}", right=f"Only {right!r} is"
                )
        values: dict[str, Any] = {"rope_theta": rope.get("rope_theta"), **raw}
        values.setdefault("num_key_value_heads", raw.get("num_attention_heads"))
        values.setdefault("tie_word_embeddings", False)
        if raw.get("head_dim") is None and raw.get("hidden_size") and raw.get("num_attention_heads"):
            values["head_dim"] = raw["hidden_size"] // raw["num_attention_heads"]
        checked: dict[str, Any] = {}
        for key, kind in cls.__annotations__.items():
            value = values.get(key)
            good = isinstance(value, bool) if kind == "bool" else isinstance(value, (int, float)) and value > 0
            if not good or (kind == "int" and not isinstance(value, int)):
                what = "this key is missing" if value is None else f"{value!r} cannot be meant"
                raise ModelFileError(what, where=f"{path}: {key}", do=RESTORE)
            checked[key] = value
        config = cls(**checked)
        if config.head_dim % 2:
            raise ModelFileError(f"{config.head_dim} must be even", where=f"{path}: head_dim", do=RESTORE)
        if config.num_attention_heads % config.num_key_value_heads:
            what = f"{config.num_key_value_heads} must divide num_attention_heads, {config.num_attention_heads}"
            raise ModelFileError(what, where=f"{path}: num_key_value_heads", do=RESTORE)
        return config

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every tensor that a model of this shape has."""
        d, ffn = self.hidden_size, self.intermediate_size
        query, key = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocab_size, d),
            "model.norm.weight": (d,),
        }
        for i in range(self.num_hidden_layers):
            layer = f"model.layers.{i}."
            shapes |= {
                layer + "input_layernorm.weight": (d,),
                layer + "self_attn.q_proj.weight": (query, d),
                layer + "self_attn.k_proj.weight": (key, d),
                layer + "self_attn.v_proj.weight": (key, d),
                layer + "self_attn.o_proj.weight": (d, query),
                layer + "post_attention_layernorm.weight": (d,),
                layer + "mlp.gate_proj.weight": (ffn, d),
                layer + "mlp.up_proj.weight": (ffn, d),
                layer + "mlp.down_proj.weight": (d, ffn),
            }
        return shapes if self.tie_word_embeddings else {**shapes, "lm_head.weight": (self.vocab_size, d)}


class _Matrix:
    """A matrix (K, M) for `_product`: whole, and once more in blocks where it has any."""

    def __init__(self, matrix: Floats) -> None:
        self.whole = np.ascontiguousarray(matrix)
        self.blocks = _in_blocks(self.whole)


@dataclass
class _Weights:
    """The matrices as the forward pass wants them, in one precision. See `_fold`."""

    embedding: Floats  # (V, D)
    layers: list[tuple[_Matrix, _Matrix, _Matrix, _Matrix]]  # (D, 3Hh), (Hh, D), (D, 2F), (F, D)
    head: _Matrix  # (D, V)
    turns: NDArray[np.complexfloating[Any, Any]]  # (positions, h/2): e^(i * position * frequency)


class Cache:
    """The keys and values of the tokens so far, so that each new token is computed once.

    One array a layer, (B, H, capacity, h). `length` tokens of it are filled, the same number in each row.
    """

    def __init__(self, keys: list[Floats], values: list[Floats], length: int = 0) -> None:
        self.keys, self.values, self.length = keys, values, length

    @property
    def batch(self) -> int:
        return int(self.keys[0].shape[0])

    @property
    def capacity(self) -> int:
        return int(self.keys[0].shape[2])

    def repeated(self, batch: int, capacity: int) -> Cache:
        """A cache of `batch` rows, each a copy of this one's only row, with room for `capacity` tokens."""
        copies: list[list[Floats]] = []
        for layers in (self.keys, self.values):
            copies.append([])
            for old in layers:
                new = np.empty((batch, old.shape[1], capacity, old.shape[3]), old.dtype)
                new[:, :, : self.length] = old[:, :, : self.length]
                copies[-1].append(new)
        return Cache(copies[0], copies[1], self.length)

    def drop(self, row: int) -> None:
        """Forget one row; the last row takes its place."""
        last = self.batch - 1
        for layers in (self.keys, self.values):
            for i, old in enumerate(layers):
                old[row, :, : self.length] = old[last, :, : self.length]
                layers[i] = old[:last]


class Model:
    """A language model's weights and its forward pass. Safe to use from several threads; a cache belongs to one."""

    def __init__(self, config: ModelConfig, tensors: dict[str, Floats]) -> None:
        self.config = config
        self._tensors = tensors
        self._by_dtype: dict[np.dtype[Any], _Weights] = {}
        self._weights(np.float32)

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """Read `config.json` and `model.safetensors` in `folder`. Raises ModelFileError when they are not whole."""
        use_one_thread()
        folder = Path(folder)
        config = ModelConfig.from_file(folder / "config.json")
        path = folder / "model.safetensors"
        tensors = read_safetensors(path)
        check_tensors(tensors, config.shapes(), path)
        return cls(config, tensors)

    def __repr__(self) -> str:
        n = sum(int(np.prod(shape)) for shape in self.config.shapes().values())
        return f"<Model {n / 1e6:.2f} M parameters, {self.config.num_hidden_layers} layers>"

    def cache(self, batch: int, capacity: int, dtype: DTypeLike = np.float32) -> Cache:
        """An empty cache for `batch` sequences of up to `capacity` tokens. `step` computes in its precision."""
        c = self.config
        shape = (batch, c.num_attention_heads, capacity, c.head_dim)
        keys, values = ([np.empty(shape, dtype) for _ in range(c.num_hidden_layers)] for _ in range(2))
        return Cache(keys, values)

    def step(self, ids: ArrayLike, cache: Cache) -> Floats:
        """Read T more tokens in each row and give the logits after the last one.

        ids: (B, T) int. Returns (B, V) in the cache's precision. The cache grows by T.
        Raises ParameterError when the cache or the model's window has no room for them, or an id is unknown.
        """
        return self._forward(ids, cache, last_only=True)

    def logits(self, ids: ArrayLike, dtype: DTypeLike = np.float64) -> Floats:
        """Logits after every token of one sequence: ids (T,) int -> (T, V)."""
        row = np.asarray(ids)[None]
        of_each: Floats = self._forward(row, self.cache(1, row.shape[1], dtype), last_only=False)[0]
        return of_each

    def _forward(self, ids: ArrayLike, cache: Cache, *, last_only: bool) -> Floats:
        c = self.config
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "iu":
            raise ParameterError(
                f"ids of shape {ids.shape}, type {ids.dtype}", where="ids", right="Give (B, T) whole numbers"
            )
        if ids.min() < 0 or ids.max() >= c.vocab_size:
            raise ParameterError(
                "an id is not in the vocabulary", where="ids", right=f"Ids go from 0 to {c.vocab_size - 1}"
            )
        B, T = ids.shape
        past, S = cache.length, cache.length + T
        room = min(cache.capacity, c.max_position_embeddings)
        if room < S or cache.batch != B:
            what = f"{B} x {T} tokens after {past} do not fit into {cache.batch} x {room}"
            raise ParameterError(what, where="ids", right=f"The window holds {c.max_position_embeddings} tokens")
        dtype = cache.keys[0].dtype
        w = self._weights(dtype)
        H, h, F, eps = c.num_attention_heads, c.head_dim, c.intermediate_size, dtype.type(c.rms_norm_eps)
        turns = w.turns[past:S]
        hidden = None if T == 1 else np.arange(S)[None, :] > np.arange(past, S)[:, None]  # (T, S): the future
        x = w.embedding[ids.reshape(-1)]  # (BT, D)
        for i, (w_qkv, w_out, w_gate_up, w_down) in enumerate(w.layers):
            qkv = _product(_normed(x, eps), w_qkv).reshape(B, T, 3, H, h).transpose(2, 0, 3, 1, 4)  # (3, B, H, T, h)
            pairs = np.ascontiguousarray(qkv[:2]).view(w.turns.dtype)  # (2, B, H, T, h/2) complex
            pairs *= turns
            queries, keys = pairs.view(dtype)
            cache.keys[i][:, :, past:S] = keys
            cache.values[i][:, :, past:S] = qkv[2]
            scores = queries @ cache.keys[i][:, :, :S].swapaxes(2, 3)  # (B, H, T, S)
            if hidden is not None:
                scores[:, :, hidden] = -np.inf
            scores -= np.maximum.reduce(scores, -1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= np.add.reduce(scores, -1, keepdims=True)
            mixed = (scores @ cache.values[i][:, :, :S]).transpose(0, 2, 1, 3).reshape(B * T, H * h)
            x += _product(mixed, w_out)
            gate_up = _product(_normed(x, eps), w_gate_up)  # (BT, 2F)
            gated = _silu(gate_up[:, :F])
            gated *= gate_up[:, F:]
            x += _product(gated, w_down)
        cache.length = S
        if last_only:
            x = np.ascontiguousarray(x.reshape(B, T, -1)[:, -1])
            return _product(_normed(x, eps), w.head)  # (B, V)
        return _product(_normed(x, eps), w.head).reshape(B, T, -1)  # (B, T, V)

    def _weights(self, dtype: DTypeLike) -> _Weights:
        key = np.dtype(dtype)
        if key not in self._by_dtype:
            if key not in (np.dtype(np.float32), np.dtype(np.float64)):
                raise ParameterError(f"the model is not computed in {key}", where="dtype", right="float32 or float64")
            self._by_dtype[key] = _fold(self.config, self._tensors, key)
        return self._by_dtype[key]


def _fold(c: ModelConfig, tensors: dict[str, Floats], dtype: np.dtype[Any]) -> _Weights:
    """Turn the stored matrices into those of the forward pass: the same function in fewer steps.

    - The gain of each norm, and attention's 1/sqrt(h), are multiplied into the matrix that follows.
    - Matrices that read the same input stand side by side; all are transposed, so that x @ w runs along memory.
    - Rotary positions turn the pairs (j, j + h/2) of each head. With these two side by side, a pair is one complex
      number and the turn one multiplication. Queries and keys are reordered alike, so their products stay the same.
    """

    def get(name: str) -> Floats:
        return tensors[name].astype(dtype)

    def paired(matrix: Floats) -> Floats:  # (heads * h, D), rows j and j + h/2 brought together
        heads = matrix.reshape(-1, 2, c.head_dim // 2, matrix.shape[1])
        return heads.swapaxes(1, 2).reshape(matrix.shape)

    def for_each_query(matrix: Floats) -> Floats:  # several queries may share one key head: repeat it for each
        heads = matrix.reshape(c.num_key_value_heads, c.head_dim, -1)
        return heads.repeat(c.num_attention_heads // c.num_key_value_heads, axis=0).reshape(-1, matrix.shape[1])

    layers = []
    for i in range(c.num_hidden_layers):
        layer = f"model.layers.{i}."
        query = paired(get(layer + "self_attn.q_proj.weight")) * dtype.type(c.head_dim**-0.5)
        key = for_each_query(paired(get(layer + "self_attn.k_proj.weight")))
        value = for_each_query(get(layer + "self_attn.v_proj.weight"))
        gate_up = np.concatenate([get(layer + "mlp.gate_proj.weight"), get(layer + "mlp.up_proj.weight")])
        w_qkv = np.concatenate([query, key, value]) * get(layer + "input_layernorm.weight")
        w_gate_up = gate_up * get(layer + "post_attention_layernorm.weight")
        w_out, w_down = get(layer + "self_attn.o_proj.weight"), get(layer + "mlp.down_proj.weight")
        q, o, g, d = (_Matrix(matrix.T) for matrix in (w_qkv, w_out, w_gate_up, w_down))
        layers.append((q, o, g, d))
    embedding = get("model.embed_tokens.weight")
    head = embedding if c.tie_word_embeddings else get("lm_head.weight")
    frequencies = c.rope_theta ** -(np.arange(0, c.head_dim, 2) / c.head_dim)
    angles = np.outer(np.arange(c.max_position_embeddings), frequencies)
    turns = np.exp(1j * angles).astype(np.complex64 if dtype == np.float32 else np.complex128)
    return _Weights(embedding, layers, _Matrix((head * get("model.norm.weight")).T), turns)


def _in_blocks(matrix: Floats) -> Floats:
    """(K, M) -> (n, K, M/n), each block of columns a piece of memory of its own; n is 1 where M has no fitting divisor.

    See `_product`.
    """
    inner, columns = matrix.shape
    divisors = (n for n in range(1, columns // NARROWEST + 1) if columns % n == 0)
    n = next((n for n in divisors if FEW_ROWS * inner * columns // n <= SMALL_PRODUCT), 1)
    return np.ascontiguousarray(matrix.reshape(inner, n, columns // n).swapaxes(0, 1))


def _product(x: Floats, matrix: _Matrix) -> Floats:
    """x (N, K) times the matrix (K, M): (N, M).

    OpenBLAS copies both factors into an order of its own first, unless the product is at most SMALL_PRODUCT
    (kernel/x86_64/sgemm_small_kernel_permit_skylakex.c). For a few rows the copying takes longer than the product, and
    blocks are spared it. A single row is never copied, and read fastest from the whole.
    """
    rows, n = len(x), len(matrix.blocks)
    if n == 1 or rows == 1 or rows > FEW_ROWS:
        return x @ matrix.whole
    product = np.empty((rows, matrix.whole.shape[1]), x.dtype)
    np.matmul(x, matrix.blocks, out=product.reshape(rows, n, -1).swapaxes(0, 1))
    return product


def _normed(x: Floats, eps: np.floating[Any]) -> Floats:
    """RMSNorm without its gain: x / sqrt(mean(x^2) + eps) over the last axis of (N, D)."""
    root = np.vecdot(x, x)
    root /= x.dtype.type(x.shape[1])
    root += eps
    np.sqrt(root, out=root)
    normed: Floats = x / root[:, None]
    return normed


def _silu(x: Floats) -> Floats:
    """x * sigmoid(x). For x below -88 in float32 exp(-x) is infinite and the result -0, as it should be."""
    raised: Floats = np.negative(x)
    with np.errstate(over="ignore"):
        np.exp(raised, out=raised)
        raised += 1
        np.divide(x, raised, out=raised)
    return raised

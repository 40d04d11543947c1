"""Reading what a model is stored in: safetensors, config.json, SHA256SUMS.

Each damage a file can have ends in a ModelFileError that names the file and says what to do. The forward pass is
in `model`; this module only brings arrays. Files follow Hugging Face's conventions, so the same folder opens in
`transformers`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.errors import ModelFileError

RESTORE = "Run `git checkout -- labkit/lm/weights` in the lab's folder, or clone the lab again"
PARTS = ("config.json", "model.safetensors", "tokenizer.json")
"""The files of a model that are read here."""
_DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


def read_bytes(path: Path) -> bytes:
    """All bytes of a file, or a ModelFileError that says why not."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError("this file of the model is missing", where=str(path), do=RESTORE) from None
    except OSError as error:
        raise ModelFileError(f"this file cannot be read ({error.strerror})", where=str(path), do=RESTORE) from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        value = json.loads(read_bytes(path).decode("utf-8"))
    except ValueError as error:
        raise ModelFileError(f"this is not JSON ({error})", where=str(path), do=RESTORE) from None
    if not isinstance(value, dict):
        raise ModelFileError("this is not a JSON object", where=str(path), do=RESTORE)
    return value


def read_safetensors(path: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """The tensors of a safetensors file by name, as read-only views of its bytes, in float16 or float32.

    The file: 8 bytes (little-endian length of the header), the header (JSON: name -> dtype, shape, data_offsets),
    then the numbers. Raises ModelFileError for a file that is cut off or no safetensors.
    Source: https://github.com/huggingface/safetensors#format
    """
    data = read_bytes(path)
    try:
        (header_length,) = struct.unpack_from("<Q", data)
        if 8 + header_length > len(data):
            raise ValueError(f"the header would be {header_length} bytes long, the file has {len(data)}")
        header = json.loads(data[8 : 8 + header_length].decode("utf-8"))
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
    except (struct.error, ValueError) as error:
        raise ModelFileError(f"this is not a safetensors file ({error})", where=str(path), do=RESTORE) from None
    body = memoryview(data)[8 + header_length :]
    tensors: dict[str, NDArray[np.floating[Any]]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        where = f"{path}: {name}"
        try:
            dtype, shape = entry["dtype"], [int(side) for side in entry["shape"]]
            start, stop = (int(offset) for offset in entry["data_offsets"])
            n_bytes = math.prod(shape) * _DTYPES[dtype].itemsize if dtype in _DTYPES else None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError(f"its entry in the header is broken ({error!r})", where=where, do=RESTORE) from None
        if n_bytes is None:
            right = "Store it as F16 or F32"
            raise ModelFileError(f"numbers of type {dtype} are not read here", where=where, right=right)
        if not 0 <= start <= stop <= len(body):
            what = f"the file is cut off: the tensor should end at byte {stop} of the data, which has {len(body)}"
            raise ModelFileError(what, where=where, do=RESTORE)
        if stop - start != n_bytes:
            what = f"shape {shape} needs {n_bytes} bytes, the header gives it {stop - start}"
            raise ModelFileError(what, where=where, do=RESTORE)
        tensors[name] = np.frombuffer(body[start:stop], dtype=_DTYPES[dtype]).reshape(shape)
    return tensors


def check_tensors(
    tensors: Mapping[str, NDArray[np.floating[Any]]], shapes: Mapping[str, tuple[int, ...]], path: Path
) -> None:
    """Hold tensors against the shapes they must have: none missing, none of another shape, none unknown, none NaN."""
    for name, shape in shapes.items():
        where = f"{path}: {name}"
        if name not in tensors:
            raise ModelFileError("this tensor is missing", where=where, do=RESTORE)
        if tensors[name].shape != shape:
            what = f"its shape is {list(tensors[name].shape)}, config.json says {list(shape)}"
            raise ModelFileError(what, where=where, right="Both files must come from the same model", do=RESTORE)
        if not np.isfinite(tensors[name]).all():
            raise ModelFileError("it holds NaN or infinity where weights should be", where=where, do=RESTORE)
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        what = "this tensor has no place in the lab's model, whose answers would be wrong without it"
        raise ModelFileError(what, where=f"{path}: {unknown[0]}", right="Read are Llama models without biases")


def check_sums(folder: Path, *, required: bool = False) -> None:
    """Compare the files of a model with the checksums in its SHA256SUMS: those it lists and those that are read.

    required: whether SHA256SUMS must be there; else a folder without it is taken as it is.
    Raises ModelFileError with the file's name for one that is missing, changed, or of another model.
    """
    sums = folder / "SHA256SUMS"
    if not sums.exists() and not required:
        return
    expected = read_sums(sums)
    for name in PARTS:
        if name not in expected:
            raise ModelFileError(f"it has no checksum for {name}", where=str(sums), do=RESTORE)
    for name, right in expected.items():
        digest = hashlib.sha256(read_bytes(folder / name)).hexdigest()
        if digest != right:
            what = "its checksum is not the one in SHA256SUMS: the file was changed or damaged"
            raise ModelFileError(what + _origin(folder, name, digest), where=str(folder / name), do=RESTORE)


def read_sums(path: Path) -> dict[str, str]:
    """File name -> SHA-256 in hex, as `sha256sum` writes them."""
    sums: dict[str, str] = {}
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *]([\w.-]+)", line.strip())
        if not found:
            what = f"line {number} is not a checksum and a file name"
            raise ModelFileError(what, where=str(path), do=RESTORE)
        sums[found[2]] = found[1].lower()
    return sums


def _origin(folder: Path, name: str, digest: str) -> str:
    """', it is the one of lab-coder' where a model beside this one has exactly that file; else ''."""
    for other in sorted(folder.parent.glob("*/SHA256SUMS")):
        with contextlib.suppress(ModelFileError):
            if other.parent != folder and read_sums(other).get(name) == digest:
                return f", or exchanged: it is the {name} of {other.parent.name}"
    return ""

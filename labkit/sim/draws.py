"""Where the local providers' chance comes from: keys for sampling, and ids in each provider's own form.

Nothing here reads the clock or the system's randomness: the same requests in the same order draw the same
tokens and ids on every machine. Called by the app for each request that is answered.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, as ULIDs are written


def digest(*parts: object) -> bytes:
    """32 bytes that depend on every part and on where one ends and the next begins."""
    mix = hashlib.blake2b(digest_size=32)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        mix.update(len(data).to_bytes(8, "big") + data)
    return mix.digest()


def canonical(request: Mapping[str, Any]) -> bytes:
    """One spelling for requests that mean the same: keys sorted, no spaces."""
    return json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, as answers carry it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Ids:
    """Names for one answer, each drawn from its key and the order in which it was asked for.

    >>> Ids(b"key").form("chatcmpl-{base62:8}") == Ids(b"key").form("chatcmpl-{base62:8}")
    True
    """

    def __init__(self, key: bytes) -> None:
        self._key, self._drawn = key, 0

    def form(self, template: str) -> str:
        """`template` with {hex:N}, {base62:N}, {base32:N}, {int:N} (below N) and {uuid} drawn anew."""
        return re.sub(r"\{(hex|base62|base32|int|uuid)(?::(\d+))?\}", self._draw, template)

    def forms(self, template: Any) -> Any:
        """The same in every string of a JSON value."""
        if isinstance(template, str):
            return self.form(template)
        if isinstance(template, Mapping):
            return {key: self.forms(value) for key, value in template.items()}
        return [self.forms(value) for value in template] if isinstance(template, (list, tuple)) else template

    def _draw(self, found: re.Match[str]) -> str:
        self._drawn += 1
        kind, length = found[1], int(found[2] or 32)
        data = b"".join(digest(self._key, self._drawn, block) for block in range(length // 32 + 1))
        if kind == "uuid":
            return str(uuid.UUID(bytes=data[:16], version=4))
        if kind == "int":
            return str(int.from_bytes(data[:8], "big") % length)
        if kind == "hex":
            return data.hex()[:length]
        if kind == "base32":
            return "".join(_BASE32[byte % 32] for byte in data[:length])
        return "".join(
            _BASE62[byte % 62] for byte in data[:length]
        )  # a name, not a secret: the slight bias is harmless

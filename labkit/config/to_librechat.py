"""YAML that js-yaml and every YAML 1.1 and 1.2 reader take alike: strings in quotes, block lists, no anchors."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.config.file import Config

VERSION = "1.3.17"  # the constant of librechat-data-provider 0.8.524
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Words that a YAML 1.1 reader takes for something other than a string.
_WORDS = frozenset("y n yes no on off true false null".split())
_SPECIAL = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def to_librechat(config: Config) -> str:
    """The configuration as LibreChat reads it, without comments; `version` is there and no literal key is."""
    from labkit.config.export import without_keys

    data = without_keys(config)
    version = data.pop("version", None)
    return dump({"version": version if isinstance(version, str) else VERSION, **data})


def dump(data: Any) -> str:
    """`data` (mappings with text keys, lists, scalars) as YAML text."""
    if isinstance(data, (dict, list)) and data:
        return "\n".join(_lines(data, 0)) + "\n"
    return scalar(data) + "\n"


def scalar(value: Any) -> str:
    """One value on one line; every string in double quotes.

    >>> scalar("${A}"), scalar(0.5), scalar(True), scalar(None), scalar({})
    ('"${A}"', '0.5', 'true', 'null', '{}')
    """
    if isinstance(value, str):
        return _SPECIAL.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, bytes):
        return f"!!binary {base64.b64encode(value).decode('ascii')}"
    return json.dumps(value, ensure_ascii=False)


def key_text(key: str) -> str:
    """A mapping's key: plain where every reader takes it for a string, else in quotes."""
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else scalar(key)


def _lines(data: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, (dict, list)) and value:
                yield f"{pad}{key_text(str(key))}:"
                yield from _lines(value, depth + 1)
            else:
                yield f"{pad}{key_text(str(key))}: {scalar(value)}"
        return
    for value in data:
        if isinstance(value, (dict, list)) and value:
            first, *rest = _lines(value, depth + 1)
            yield f"{pad}- {first[2 * depth + 2 :]}"
            yield from rest
        else:
            yield f"{pad}- {scalar(value)}"

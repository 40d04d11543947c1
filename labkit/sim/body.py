"""A request's body from bytes to plain data, as strictly as JSON (RFC 8259) and a careful server want it.

Refused: bytes that are not UTF-8, NaN and Infinity, numbers beyond a double, lone surrogates, more than 128 levels
(serde_json's limit). A key given twice keeps its last value, as most parsers do.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

LIMIT_BYTES = 10 * 1024 * 1024
LIMIT_LEVELS = 128


class NotJson(Exception):
    """The body is not JSON. line and column (from 1) say where reading stopped."""

    def __init__(self, what: str, line: int = 1, column: int = 0) -> None:
        super().__init__(what)
        self.line, self.column = line, column


def read_json(data: bytes) -> Any:
    """The value that `data` holds. Raises NotJson."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson("invalid UTF-8", *_place(data[: error.start].decode("utf-8"))) from None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise NotJson(error.msg, error.lineno, error.colno) from None
    except (RecursionError, ValueError) as error:  # too deep, NaN, or an integer of thousands of digits
        raise NotJson(str(error), *_place(text)) from None
    if _levels_exceed(value, LIMIT_LEVELS):
        raise NotJson("recursion limit exceeded", *_place(text))
    if "\\u" in text and _has_surrogate(value):
        raise NotJson("lone surrogate in a string", *_place(text))
    return value


def end_of(data: bytes) -> tuple[int, int]:
    """Line and column of the body's last character: where a reader that misses a field notices it."""
    return _place(data.rstrip().decode("utf-8", "replace"))


def _place(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _levels_exceed(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _has_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False

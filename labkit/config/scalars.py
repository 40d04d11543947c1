"""What an unquoted scalar is, by js-yaml 4.3.1's default schema: the reader that LibreChat uses.

`no`, `on` and `1_000` are strings, `0o17` is 15, `1e-5` is a number, `2026-11-20` a moment, `<<` a merge key. Numbers
are JavaScript's: one type, so that `1.0` is 1 and a whole number above 2**53 is the nearest float.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

MERGE = "tag:yaml.org,2002:merge"

_INT = re.compile(r"[-+]?(?:0b([01]+)|0x([0-9a-fA-F]+)|0o([0-7]+)|([0-9]+))")
_FLOAT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:[ \t]*(?:Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?"
)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST = frozenset("~nNtTfF-+.0123456789<")
_NULL, _BOOL, _INTEGER, _REAL, _TIME = (f"tag:yaml.org,2002:{n}" for n in ("null", "bool", "int", "float", "timestamp"))


class Invalid:
    """A date that JavaScript would call 'Invalid Date': it has the form of one and names no day."""

    def __repr__(self) -> str:
        return "Invalid Date"


def resolve(text: str) -> tuple[str | None, Any]:
    """The tag and value of an unquoted scalar; tag None is a plain string.

    >>> [resolve(t)[1] for t in ("no", "1_000", "0x1F", "1.50", "True", "")]
    ['no', '1_000', 31, 1.5, True, '']
    """
    if text[:1] not in _FIRST:
        return None, text
    if text in _WORDS:
        value = _WORDS[text]
        return (_NULL if value is None else _BOOL), value
    for tag in (_INTEGER, _REAL, _TIME):
        value = explicit(tag, text)
        if value is not NO:
            return tag, value
    return (MERGE, text) if text == "<<" else (None, text)


NO: Any = object()  # what `explicit` answers for a text that its tag does not fit


def explicit(tag: str, text: Any) -> Any:
    """The value of a scalar under an explicit tag; NO when it does not fit.

    text: None where nothing was written; where the tag stands on a line of its own js-yaml has resolved the text
    already, and only `!!str` takes what came of it.
    """
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None if text in (None, "~", "null", "Null", "NULL") else NO
    if kind == "str":
        return "" if text is None else text
    if kind == "merge":
        return text if text in ("<<", None) else NO
    if not isinstance(text, str):
        return NO
    if kind == "bool":
        value = _WORDS.get(text)
        return NO if value is None else value
    if kind == "int":
        return _integer(text)
    if kind == "float":
        return _real(text)
    if kind == "timestamp":
        return _moment(text)
    if kind == "binary":
        return _binary(text)
    return NO


def number(value: int | float) -> int | float:
    """A number as JavaScript holds it: a whole one within 2**53 as int, anything else as float."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= 2**53 else value
    if abs(value) <= 2**53:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def spelled(value: Any) -> str:
    """A value as JavaScript's `String()` writes it: what a mapping's key becomes.

    >>> [spelled(v) for v in (None, True, 1, 1.5, 1e21, 1e-7, [1, None, "a"])]
    ['null', 'true', '1', '1.5', '1e+21', '1e-7', '1,,a']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _spelled_number(float(value))
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, list):
        return ",".join("" if item is None else spelled(item) for item in value)
    if isinstance(value, bytes):
        return ",".join(map(str, value))
    if isinstance(value, datetime):
        return f"{value:%a %b %d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"
    return str(value)


def _spelled_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    exact = Decimal(repr(abs(value))).normalize().as_tuple()  # the shortest digits that mean this number
    digits = "".join(map(str, exact.digits))
    point = len(digits) + int(exact.exponent)  # where the decimal point stands among them
    sign = "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _integer(text: str) -> Any:
    match = _INT.fullmatch(text)
    if not match:
        return NO
    binary, hexadecimal, octal, decimal = match.groups()
    decimal = decimal.lstrip("0") if decimal else ""
    if len(decimal) > 309:
        return NO  # beyond the largest number: js-yaml keeps it a string
    value = (
        int(binary, 2)
        if binary
        else int(hexadecimal, 16)
        if hexadecimal
        else int(octal, 8)
        if octal
        else int(decimal or "0", 10)
    )
    held = number(-value if text[0] == "-" else value)
    return NO if isinstance(held, float) and math.isinf(held) else held


def _real(text: str) -> Any:
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if not _FLOAT.fullmatch(text):
        return NO
    value = float(text)
    return NO if math.isinf(value) else number(value)


def _moment(text: str) -> Any:
    match = _DATE.fullmatch(text) or _MOMENT.fullmatch(text)
    if not match:
        return NO
    parts = [*match.groups(), *[None] * 10][:10]
    year, month, day, hour, minute, second = (int(p or 0) for p in parts[:6])
    milliseconds = int(((parts[6] or "") + "000")[:3])
    # JavaScript carries over: month 13 is January of the next year, day 32 the first of the next month.
    year += 1900 if year <= 99 else 0
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    try:
        moment = datetime(year, month, 1, tzinfo=UTC) + timedelta(
            days=day - 1, hours=hour, minutes=minute, seconds=second, milliseconds=milliseconds
        )
        if parts[7]:
            offset = timedelta(hours=int(parts[8] or 0), minutes=int(parts[9] or 0))
            moment += offset if parts[7] == "-" else -offset
    except (OverflowError, ValueError):
        return Invalid()
    return moment


_BASE64 = re.compile(r"[A-Za-z0-9+/=\n\r]*")


def _binary(text: str) -> Any:
    if not _BASE64.fullmatch(text):
        return NO
    kept = text.replace("\n", "").replace("\r", "")
    if len(kept) * 6 % 8:
        return NO
    bare = kept.replace("=", "")
    bare = bare[: len(bare) - 1] if len(bare) % 4 == 1 else bare
    return b64decode(bare + "=" * (-len(bare) % 4))

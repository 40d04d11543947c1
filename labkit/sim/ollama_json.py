"""JSON, times and durations as Go's standard library reads and writes them: what Ollama's answers are made of.

Go reads the first value of a body and leaves the rest, takes bytes that are no UTF-8 as U+FFFD, and says what is wrong
in its own words.
Sources: https://pkg.go.dev/encoding/json (Decoder, UnmarshalTypeError), its scanner.go for the words of a
SyntaxError; https://pkg.go.dev/time#ParseDuration, #RFC3339Nano.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from labkit.sim.body import NotJson, read_json

WORDS = ("true", "false", "null")
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_value(data: bytes) -> Any:
    """The first JSON value of `data`. Raises NotJson with Go's words; 'EOF' when there is none."""
    text = data.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise NotJson("EOF")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(syntax_error(text, error)) from None
    except (RecursionError, ValueError):
        raise NotJson("exceeded max depth") from None
    try:
        return read_json(text[:end].encode("utf-8", "replace"))
    except NotJson as error:
        if "surrogate" in str(error):  # half a character: U+FFFD to Go
            return _whole(json.loads(text[:end]))
        words = re.search(r"(NaN|-?Infinity)", str(error))
        letter = words[1].lstrip("-")[0] if words else ""
        said = str(error).replace("recursion limit exceeded", "exceeded max depth")
        raise NotJson(f"invalid character '{letter}' looking for beginning of value" if words else said) from None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


def syntax_error(text: str, error: json.JSONDecodeError) -> str:
    """What Go says where Python says `error`.

    >>> def said(text):
    ...     try: json.JSONDecoder().raw_decode(text)
    ...     except json.JSONDecodeError as error: return syntax_error(text, error)
    >>> said("hello"), said('{"a": 1'), said("{'a': 1}")
    ("invalid character 'h' looking for beginning of value", 'unexpected EOF', \
"invalid character '\\\\'' looking for beginning of object key string")
    """
    message, at = error.msg, error.pos
    if message.startswith("Illegal trailing comma"):  # Python 3.13 points at the comma
        at += 1
    rest = text[at:].lstrip(" \t\r\n") if "control character" not in message else text[at:]
    if message.startswith("Invalid \\escape"):
        rest = text[at + 1 :]
    if not rest or message.startswith("Unterminated string"):
        return "unexpected EOF"
    if message == "Expecting value":
        for word in WORDS:
            if rest[0] == word[0]:
                return _literal(word, rest)
        return f"invalid character {_quoted(rest[0])} looking for beginning of value"
    if message.startswith("Illegal trailing comma before end of array"):
        return f"invalid character {_quoted(rest[0])} looking for beginning of value"
    if message.startswith("Expecting ',' delimiter"):
        where = "object key:value pair" if _in_object(text[: error.pos]) else "array element"
        return f"invalid character {_quoted(rest[0])} after {where}"
    for begin, where in _PLACES.items():
        if message.startswith(begin):
            return f"invalid character {_quoted(rest[0])} {where}"
    return f"invalid character {_quoted(rest[0])} looking for beginning of value"


_PLACES = {
    "Expecting property name": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}


def _literal(word: str, rest: str) -> str:
    for index, wanted in enumerate(word):
        if index >= len(rest):
            return "unexpected EOF"
        if rest[index] != wanted:
            return f"invalid character {_quoted(rest[index])} in literal {word} (expecting {_quoted(wanted)})"
    return "unexpected EOF"


def _in_object(text: str) -> bool:
    """Whether the end of `text`, which is right so far, lies in an object and not in an array."""
    open_ones = []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        if found[0] in "[{":
            open_ones.append(found[0])
        elif found[0] in "]}":
            open_ones.pop()
    return bool(open_ones) and open_ones[-1] == "{"


def _quoted(char: str) -> str:
    special = {"'": "'\\''", '"': "'\"'", "\n": "'\\n'", "\t": "'\\t'", "\r": "'\\r'", "\\": "'\\\\'"}
    if char in special:
        return special[char]
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'" if ord(char) < 256 else f"'{char}'"


def duration_s(value: Any) -> float:
    """Seconds in a `keep_alive`: a number of seconds, or text such as '1h30m'; infinite for anything below 0.

    Raises ValueError with Go's words.

    >>> duration_s(90), duration_s("1h30m"), duration_s("-1s"), duration_s("1.5s")
    (90.0, 5400.0, inf, 1.5)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        kind = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}[type(value)]
        raise ValueError(f"Unsupported type: '{kind}'")
    seconds = float(value) if isinstance(value, (int, float)) else _parsed_s(value)
    return seconds if seconds >= 0 else float("inf")


def _parsed_s(text: str) -> float:
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f"time: invalid duration {json.dumps(text)}")
    seconds = 0.0
    while rest:
        number = re.match(r"(\d+\.?\d*|\.\d+)", rest, re.ASCII)
        if not number:
            raise ValueError(f"time: invalid duration {json.dumps(text)}")
        rest = rest[number.end() :]
        unit = re.match(r"[^0-9.]*", rest)
        name = unit[0] if unit else ""
        if not name:
            raise ValueError(f"time: missing unit in duration {json.dumps(text)}")
        if name not in UNITS_S:
            raise ValueError(f"time: unknown unit {json.dumps(name)} in duration {json.dumps(text)}")
        seconds, rest = seconds + float(number[0]) * UNITS_S[name], rest[len(name) :]
    return sign * seconds


def instant(moment: datetime, after_s: float = 0.0) -> str:
    """A moment as Go writes it in JSON, in UTC, without the zeros at its end; `after_s` later.

    >>> instant(datetime(2026, 11, 20, 12, tzinfo=UTC)), instant(datetime(2026, 11, 20, 12, tzinfo=UTC), 0.425)
    ('2026-11-20T12:00:00Z', '2026-11-20T12:00:00.425Z')
    """
    later = moment.astimezone(UTC) + timedelta(seconds=after_s)
    fraction = f".{later.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{later:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def nanoseconds(seconds: float) -> int:
    """Go's unit of time.

    >>> nanoseconds(0.002)
    2000000
    """
    return round(seconds * 1_000_000_000)

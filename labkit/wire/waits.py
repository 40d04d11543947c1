"""How long an answer asks to wait, in every form in which the providers say it.

Read here: retry-after-ms, retry-after (seconds or an HTTP date), x-ratelimit-reset-* (`6m0s`, seconds, milliseconds
since 1970), anthropic-ratelimit-*-reset (RFC 3339), and 'try again in 1.5s' in the error's text.
Sources: RFC 9110, 10.2.3; https://platform.openai.com/docs/guides/rate-limits; https://docs.claude.com/en/api/rate-limits;
https://console.groq.com/docs/rate-limits; https://openrouter.ai/docs/api-reference/limits
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|msec\w*|milli\w*|s|sec\w*|m|min\w*|h|hours?|d|days?)(?![a-z])", re.IGNORECASE
)
_FACTOR = {"ms": 0.001, "mi": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_TEXT = re.compile(
    r"(?:try again|retry|available|wait(?: for)?|reset\w*)(?: again)? (?:in|after|for)?\s*((?:\d+(?:\.\d+)?\s*"
    r"(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d)(?![a-z])[\s,and]*)+)"
    r"|\"retryDelay\":\s*\"([\d.]+s)\"",
    re.IGNORECASE,
)
_RESET = re.compile(
    r"^(?:x-ratelimit-reset(?:-(?P<a>.+))?|anthropic-ratelimit-(?P<b>.+)-reset|ratelimit-reset)$", re.IGNORECASE
)
LONGEST_S = 366 * 86400.0


def wait_asked_s(headers: Iterable[tuple[str, str]], text: str = "", now_s: float | None = None) -> float | None:
    """Seconds to wait, 0 or more; None when the answer asks for nothing that can be read.

    headers: (name, value) pairs.  text: the body.  now_s: seconds since 1970, the answer's own `date` header unless
    given, else this computer's. Of several limits only those count of which nothing remains; among these the longest.
    """
    pairs = headers.items() if hasattr(headers, "items") else headers
    lines = {name.lower(): value.strip() for name, value in pairs}
    now = _moment(lines.get("date", "")) if now_s is None else now_s
    now = time.time() if now is None else now
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = lines.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return _bounded(float(value) * scale)
        asked = (_moment(value), duration_s(value)) if value else (None, None)
        if asked[0] is not None:
            return _bounded(asked[0] - now)
        if asked[1] is not None:
            return _bounded(asked[1])
    resets = [wait for name, value in lines.items() if (wait := _reset_s(name, value, lines, now)) is not None]
    if resets:
        return max(resets)
    said = _IN_TEXT.search(text)
    in_text = duration_s(said.group(1) or said.group(2)) if said else None
    if in_text is not None:
        return _bounded(in_text)
    epoch = re.search(r"x-ratelimit-reset\\?\":\s*\\?\"?(\d{10,13})\b", text, re.IGNORECASE)
    return _bounded(_since_1970(epoch.group(1)) - now) if epoch else None


def duration_s(text: str) -> float | None:
    """Seconds of a duration such as `6m0s`, `1.5s`, `120ms`, `2 minutes`; None for anything else.

    >>> duration_s("6m0s"), duration_s("120ms"), duration_s("1h2m3.5s"), duration_s("soon")
    (360.0, 0.12, 3723.5, None)
    """
    parts = _PART.findall(text)
    rest = re.sub(r"[\s,]|and", "", _PART.sub("", text), flags=re.IGNORECASE)
    if not parts or rest:
        return None
    return sum(float(number) * _factor(unit.lower()) for number, unit in parts)


def _factor(unit: str) -> float:
    if unit.startswith(("ms", "mill")):
        return _FACTOR["ms"]
    return _FACTOR[unit[0]]


def _reset_s(name: str, value: str, lines: dict[str, str], now: float) -> float | None:
    found = _RESET.match(name)
    if not found:
        return None
    what = found["a"] or found["b"] or ""
    beside = {"a": f"x-ratelimit-remaining{'-' + what if what else ''}", "b": f"anthropic-ratelimit-{what}-remaining"}
    remaining = lines.get(beside["b" if found["b"] else "a"], lines.get("ratelimit-remaining", "") if not what else "")
    if re.sub(r"\.0+$", "", remaining) != "0":
        return None
    if re.fullmatch(r"\d{10,13}", value):
        return _bounded(_since_1970(value) - now)
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return _bounded(float(value))
    moment, duration = _moment(value), duration_s(value)
    if moment is not None:
        return _bounded(moment - now)
    return _bounded(duration) if duration is not None else None


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date or an RFC 3339 moment."""
    try:
        if re.match(r"\d{4}-\d\d-\d\dT", text):
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        elif re.match(r"[A-Za-z]{3}", text):
            moment = parsedate_to_datetime(text)
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def _since_1970(digits: str) -> float:
    return float(digits) / (1000 if len(digits) > 11 else 1)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_S) if math.isfinite(seconds) else LONGEST_S

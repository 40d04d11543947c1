"""The words, codes and fields of an error's body, of any shape, and of the error of another inside it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from labkit.diagnosis.shapes import as_dict

LONGEST_TEXT = 20_000  # characters of an error that are read; a page of HTML says what it is much earlier
_CODE_NAMES = frozenset(
    "code type status error_code error_type error_name __type reason errorcode quotaid blockreason status_code "
    "err_code errcode exception error_num".split()
)  # compared in lower case: Tencent writes Code, Azure code
_TEXT_NAMES = frozenset(
    "message error_msg msg detail details error raw title description errors status_msg reason_phrase error_message "
    "errormessage error_description errmsg faultstring fault innererror _errors cause "
    "hint internal_message output_text".split()
)
_PASSED_ON = frozenset("message raw body error detail msg details error_message error_msg".split())
_QUOTES = str.maketrans("‘’“”\u00a0", "''\"\" ")


def is_error(body: dict[str, Any]) -> bool:
    """Whether a body is an error whatever its status says: several providers tell of a refusal inside a 200."""
    if body.get("error") or body.get("type") == "error" or body.get("object") in ("error", "Error"):
        return True
    if as_dict(body.get("Response")).get("Error") or body.get("fault"):  # Tencent, Apigee
        return True
    if body.get("choices") or body.get("candidates") or body.get("content") or body.get("data"):
        return False
    words = any(isinstance(body.get(name), str) and body[name] for name in ("message", "msg", "error_msg", "detail"))
    if body.get("output") and not words:
        return False
    told = as_dict(body.get("base_resp")).get("status_code") or as_dict(body.get("promptFeedback")).get("blockReason")
    return bool(told) or body.get("success") is False or (words and bool(body.get("code") or body.get("error_code")))


def error_words(body: Any) -> tuple[str, tuple[str, ...], str]:
    """(words, codes, the field it names) of an error body of any shape."""
    words: list[str] = []
    codes: list[str] = []
    param = ""
    for name, value, holder in _walk(body, 0):
        name = name.lower()
        if name in _CODE_NAMES and isinstance(value, (str, int)) and not isinstance(value, bool):
            codes.append(str(value).lower())
            if name == "blockreason":
                words.append(f"blockReason {value}")
            if not re.fullmatch(r"\d+|error|[A-Za-z]+Error", str(value)):
                words.append(str(value)) if name in ("reason",) else None
        elif name in ("param", "field") and isinstance(value, str):
            param = param or value
        elif name == "loc" and isinstance(value, list):
            param = param or ".".join(str(piece) for piece in value if piece != "body")
        elif name == "path" and isinstance(value, str) and value.startswith("/"):
            words.append(f"path {value}")
        elif name in _TEXT_NAMES and isinstance(value, str):
            at = holder.get("loc")
            words.append(f"{value} ({'.'.join(map(str, at))})" if isinstance(at, list) else value)
    return even("\n".join(dict.fromkeys(words))[:LONGEST_TEXT]), tuple(dict.fromkeys(codes)), param


def even(text: str) -> str:
    """The lines of a text with single blanks and plain quotation marks: spacing must not hide what is said."""
    text = text.translate(_QUOTES)
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def _walk(node: Any, depth: int, name: str = "") -> Iterator[tuple[str, Any, dict[str, Any]]]:
    if depth > 8:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value, node
            if isinstance(value, (dict, list)):
                yield from _walk(value, depth + 1, str(key))
            elif isinstance(value, str) and str(key).lower() in _PASSED_ON:
                inner = _passed_on(value)
                if inner is not None:
                    yield from _walk(inner, depth + 1)
    elif isinstance(node, list):
        for item in node:
            if isinstance(item, str) and name.lower() in _TEXT_NAMES:
                yield name, item, {}
            yield from _walk(item, depth + 1, name)


def _passed_on(text: str) -> Any:
    """The error of another that a program between passes on in a text: JSON, or the words of a page; None when none."""
    if re.search(r"<(!doctype html|html|pre)\b", text, re.IGNORECASE):
        return {"message": of_page(text[:LONGEST_TEXT])}
    inner = object_in(text[:LONGEST_TEXT])
    return inner if isinstance(inner, (dict, list)) and inner else None


def is_wrapped(body: Any) -> bool:
    """Whether some text of an error holds the error of another, or a field says that it is another's."""
    for name, value, _ in _walk(body, 0):
        if not isinstance(value, str):
            continue
        if name.lower() in _PASSED_ON and _passed_on(value) is not None:
            return True
        if re.search(r"upstream_error|one_api_error|new_api_error|when proxying|provider returned error", value, re.I):
            return True
    return False


def object_in(text: str) -> Any:
    """The JSON, or Python's way of printing it, inside a line of a log; None when there is none."""
    start = min((at for at in (text.find("{"), text.find("[{")) if at >= 0), default=-1)
    if start < 0:
        return None
    piece = text[start:]
    try:
        return json.JSONDecoder().raw_decode(piece)[0]
    except (ValueError, RecursionError):
        pass
    end = max(piece.rfind("}"), piece.rfind("]"))
    try:
        return ast.literal_eval(piece[: end + 1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def looks_html(text: str, content_type: str) -> bool:
    """Whether a body is a page of HTML, by its type or its beginning."""
    return "html" in content_type or bool(re.match(r"\s*<(!doctype|html|head|center)", text, re.IGNORECASE))


def of_page(text: str) -> str:
    """The title, heading and first words of a page of HTML, as one line."""
    said = (
        re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.IGNORECASE | re.DOTALL) for tag in ("title", "h1", "pre", "p")
    )
    words = dict.fromkeys(" ".join(found.group(1).split())[:200] for found in said if found)
    return f"a page of HTML: {'; '.join(words)}" if words else "a page of HTML"

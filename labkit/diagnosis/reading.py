"""What a failed exchange says, taken apart once: words of the error, its codes, the answer's text and how it ended.

It reads the exchange alone, in any dialect; what that means is in the rules. A pasted line of a log is read as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from labkit.diagnosis.answer_bodies import is_lines, lines_of, of_answer, of_parts, of_stream
from labkit.diagnosis.error_bodies import (
    LONGEST_TEXT,
    error_words,
    even,
    is_error,
    is_wrapped,
    looks_html,
    object_in,
    of_page,
)
from labkit.errors import LabError
from labkit.keys import scrub
from labkit.wire import Exchange, Headers

_STATUS = re.compile(
    r"(?:status(?:[ _]?code)?\s*(?:is|of)?[\"':=\s]*|(?:error|code)[:\s]*|HTTP(?:/[\d.]+)?\s+|code[\"']?\s*[:=]\s*)"
    r"([1-5]\d\d)\b"
    r"|\b([45]\d\d)\b(?=\s+(?:status code|\{|\"|[A-Z]|error\b))",
    re.IGNORECASE,
)
_WRAPPING = re.compile(
    r"something went wrong\.? here.s the specific error message we encountered:?|unhandled error type", re.IGNORECASE
)  # what LibreChat puts before any error
_INNER_STATUS = re.compile(r"\b(?:HTTP|status(?: code)?|error code)[:=\s(]{1,3}(4\d\d)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """An exchange as the rules see it. Texts are without keys.

    status: None when no answer came or a log line names none.  says: all words of the error, each part on its line.
    codes: what stands in fields such as code and type, lower case.  param: the field that the error names, or ''.
    failure: exception and causes, or ''.  asked: the request's JSON, {} when unknown.
    content, reasoning: text of the answer's first choice; None when there is no answer with choices.
    finish: the answer's finish word; '' when it is null or missing.  ended: whether a stream came to its proper end.
    cut_json: whether a body that should be JSON stops half-way.  readable: whether the body is JSON or events.
    wrapped: whether a program between passes on the error of another.
    key_kind: whose keys begin like the one sent, or ''.
    """

    exchange: Exchange | None
    status: int | None
    says: str
    codes: tuple[str, ...] = ()
    param: str = ""
    failure: str = ""
    url: str = ""
    method: str = ""
    headers: Headers = field(default_factory=Headers)
    content_type: str = ""
    body_text: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    content: str | None = None
    reasoning: str = ""
    finish: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    is_answer: bool = False
    is_stream: bool = False
    ended: bool = True
    error_in_stream: bool = False
    cut_json: bool = False
    readable: bool = True
    wrapped: bool = False
    usage: dict[str, Any] = field(default_factory=dict)
    key_kind: str = ""

    @property
    def first_status(self) -> int | None:
        """The status that tells most: the one a router names in words, where its own says only that it failed."""
        open_to_words = self.status is None or self.status == 200 or self.status >= 500 or self.wrapped
        named = _INNER_STATUS.search(self.says) if open_to_words else None
        return int(named.group(1)) if named else self.status

    @property
    def went_well(self) -> bool:
        """Whether an answer came, with status 200 and without a failure."""
        return self.is_answer and self.status == 200 and not self.failure

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    @property
    def host(self) -> str:
        """The host of the address, lower case."""
        return (urlsplit(self.url).hostname or "").lower()


def read(source: Any) -> Reading:
    """The reading of a response, an exception, an exchange or a pasted line. Raises LabError for anything else."""
    if isinstance(source, str):
        return _of_line(source)
    try:
        exchange = Exchange.of(source)
    except LabError:
        if isinstance(source, BaseException):
            return _of_line(f"{type(source).__name__}: {source}", failure=True)
        raise
    return _of_exchange(exchange, key_kind(source))


def _of_line(line: str, *, failure: bool = False) -> Reading:
    text = _WRAPPING.sub("", scrub(line))[:LONGEST_TEXT]
    found = _STATUS.search(text)
    status = int(found.group(1) or found.group(2)) if found else None
    body = object_in(text)
    words, codes, param = error_words(body) if body is not None else ("", (), "")
    told = re.findall(r"\b(?:code|type|status)[\"']?\s*[:=]\s*[\"']?([A-Za-z]\w{3,})", text)
    codes = tuple(dict.fromkeys([*codes, *(word.lower() for word in told)]))
    named = re.search(r"\bhttps?://[^\s'\"<>)]+", text)
    broken = failure or re.search(r"\b(?:E[A-Z]{4,}|\w+Error|\w+Exception|\w+Timeout)\b", text)
    plain = text.replace("\\n", " ").replace('\\"', '"')  # an error as a string inside another
    return Reading(
        exchange=None,
        status=status,
        says=even(f"{plain}\n{words}"),
        codes=codes,
        param=param,
        failure=even(plain) if broken else "",
        url=named.group(0) if named and status is None else "",
        body_text=text,
        content_type="text/html" if re.search(r"<!doctype html|<html", text, re.IGNORECASE) else "",
    )


def _of_exchange(exchange: Exchange, kind: str) -> Reading:
    sent, answer = exchange.request, exchange.response
    asked = sent.json()
    failure = even("\n".join([str(exchange.error), *exchange.error.causes])) if exchange.error else ""
    common: dict[str, Any] = {
        "exchange": exchange,
        "failure": failure,
        "url": sent.url,
        "method": sent.method,
        "asked": asked if isinstance(asked, dict) else {},
        "key_kind": kind,
    }
    if answer is None:
        return Reading(status=None, says=failure, **common)
    text = (answer.body or b"").decode("utf-8", "replace")
    common |= {"headers": answer.headers, "content_type": answer.headers.get("content-type").lower()}
    common |= {"status": answer.status, "body_text": text[:LONGEST_TEXT], "usage": exchange.usage}
    if answer.is_stream and answer.status < 400:
        return Reading(**common, **of_stream(exchange))
    body = answer.json()
    lines = lines_of(text) if body is None and ("ndjson" in common["content_type"] or is_lines(text)) else None
    if lines is not None:
        return Reading(**common, **of_parts(lines, bool(lines and lines[-1].get("done")), "", exchange))
    if answer.status < 400 and isinstance(body, dict) and not is_error(body):
        return Reading(**common, says=failure, **of_answer(body))
    words, codes, param = error_words(body)
    if body is None:
        words = of_page(text) if looks_html(text, common["content_type"]) else text[:LONGEST_TEXT]
    half = body is None and text.lstrip()[:1] in ("{", "[") and "json" in common["content_type"]
    says = "\n".join(part for part in (even(words), failure) if part)
    common |= {"cut_json": half, "readable": body is not None, "wrapped": is_wrapped(body)}
    return Reading(**common, says=says, codes=codes, param=param)


_KINDS = (
    ("anthropic", r"sk-ant-"),
    ("openrouter", r"sk-or-"),
    ("groq", r"gsk_"),
    ("fireworks", r"fw_"),
    ("google", r"AIza"),
    ("xai", r"xai-"),
    ("perplexity", r"pplx-"),
    ("huggingface", r"hf_"),
    ("openai", r"sk-proj-|sk-svcacct-"),
)


def key_kind(source: Any) -> str:
    """Whose keys begin like the one that the request carried: a provider's name, never a part of the key; '' unknown.

    Exchanges hold no keys, so this looks into the request behind a response or an exception.
    """
    for holder in (source, getattr(source, "response", None), getattr(source, "http_response", None)):
        try:
            headers = getattr(getattr(holder, "request", None), "headers", None)
        except RuntimeError:  # httpx: the request is not set yet
            continue
        if headers is None:
            continue
        for name in ("authorization", "x-api-key", "api-key"):
            value = str(headers.get(name) or "").removeprefix("Bearer ").strip()
            for provider, beginning in _KINDS:
                if re.match(beginning, value):
                    return provider
    return ""

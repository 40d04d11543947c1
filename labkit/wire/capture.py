"""From the objects of HTTP libraries to an `Exchange`: reads what they hold, sends nothing, consumes nothing.

Objects are known by their shape, so that no SDK is imported: a response has `status_code` and `headers`, a request
`method` and `url`, an SDK's error or raw response holds one of these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from labkit.errors import LabError
from labkit.keys import mask_url, scrub
from labkit.keys.logs import clean_line
from labkit.keys.masks import credential, url_credentials
from labkit.keys.scrub import Scrubber, known
from labkit.wire.exchange import Answer, Exchange, Failure, Headers, Sent, Timings

RECORDED = "labkit.exchange"  # under this name a response made by the lab's transport holds its exchange


def exchange_of(source: Any) -> Exchange:
    """See `Exchange.of`."""
    if isinstance(source, Exchange):
        return source
    error = source if isinstance(source, BaseException) else None
    if error is not None:
        for cause in causes_of(error):
            recorded = getattr(cause, "labkit_exchange", None)
            if isinstance(recorded, Exchange):
                return recorded
    response = _response_in(source)
    if response is not None:
        return _of_response(response)
    request = _request_in(source)
    if request is not None:
        sent, keys = sent_of(request)
        provider, place = whereabouts(sent.url, None)
        if error is None:
            return Exchange(sent, provider=provider, place=place, state="not sent")
        return Exchange(sent, error=failure_of(error, keys), provider=provider, place=place, state="failed")
    raise LabError(
        f"there is no HTTP exchange in a {type(source).__name__}",
        where="show",
        right="Give it a response (of httpx, or of an SDK's `with_raw_response`), a request, an exchange of lab.log, "
        "or the exception of a failed call",
        do="An SDK's finished object holds none: call `client.chat.completions.with_raw_response.create(...)`"
        if type(source).__module__.split(".")[0] in ("openai", "anthropic", "mistralai", "groq")
        else "",
    )


def sent_of(request: Any, base: frozenset[str] | None = None) -> tuple[Sent, list[str]]:
    """The request as it may be shown, and the credentials it carried, for cleaning the answer.

    base: what `known()` gave a moment ago.
    """
    lines = list(_lines(request.headers))
    url = str(request.url)
    keys = [key for name, value in lines if (key := credential(name, value))] + url_credentials(url)
    body = _body_of(request)
    clean = Scrubber(_typed(url, keys), base=base)
    sent = Sent(
        method=str(request.method or "").upper(),
        url=clean.text(mask_url(url)),
        headers=_clean_headers(lines, clean),
        body=None if body is None else clean.data(body),
    )
    return sent, keys


def answer_of(response: Any, body: bytes | None, clean: Scrubber) -> Answer:
    """Status line, headers and `body` (clean already) of a response."""
    reason = getattr(response, "reason_phrase", None) or getattr(response, "reason", None) or ""
    version = getattr(response, "http_version", None)
    return Answer(
        status=int(response.status_code),
        reason=clean.text(str(reason)),
        http_version=version if isinstance(version, str) else "",
        headers=_clean_headers(list(_lines(response.headers)), clean),
        body=body,
    )


def answer_scrubber(url: str, keys: Iterable[str], status: int, base: frozenset[str] | None = None) -> Scrubber:
    """What must not be seen in an answer to a request that carried `keys`.

    An error may show a masked picture of the key: that goes too. Towards this machine only keys that are known as
    such are hidden: a made-up key in a lesson may be quoted back.
    """
    typed = _typed(url, keys)
    if status < 400:
        return Scrubber(typed, base=base)
    return Scrubber(typed, typed or [key for key in keys if key in (known() if base is None else base)], base)


def failure_of(error: BaseException, keys: Iterable[str] = ()) -> Failure:
    """An exception as words, without keys; keys: those that the request carried."""
    clean = Scrubber(keys)
    words = {cause: clean.text(clean_line(str(cause))) for cause in causes_of(error)}
    lines = dict.fromkeys(f"{type(cause).__name__}: {said}".rstrip(": ") for cause, said in words.items())
    return Failure(type(error).__name__, words[error], tuple(lines)[1:])  # httpx repeats what httpcore says: once


def clean_error(error: BaseException, keys: Iterable[str]) -> None:
    """Take `keys` out of the texts of an exception and its causes: h11 quotes a header that it refuses."""
    clean = Scrubber(keys)
    for cause in causes_of(error):
        if clean.text(str(cause)) != str(cause):
            cause.args = tuple(clean.text(arg) if isinstance(arg, str) else arg for arg in cause.args)
            if isinstance(cause, OSError) and isinstance(cause.strerror, str):
                cause.strerror = clean.text(cause.strerror)  # its text is not made of its arguments


def whereabouts(url: str, answer: Answer | None) -> tuple[str, str]:
    """(provider, place) as far as address and answer tell.

    >>> whereabouts("https://api.deepseek.com/chat/completions", None)
    ('deepseek', 'live')
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    named = answer.headers.get("x-lab-provider") if answer else ""
    if named or (answer is not None and "x-lab-model" in answer.headers):
        return named, "local"
    if is_loopback(host):
        first = parts.path.strip("/").split("/")[0]
        if answer is None and first not in ("", "v1", "api"):
            return first, "local"
        return "", "self-hosted"
    if not host:
        return "", ""
    try:
        return "", "self-hosted" if ipaddress.ip_address(host).is_private else "live"
    except ValueError:
        labels = host.split(".")
        if len(labels) == 1 or labels[-1] in ("local", "internal", "lan", "home"):
            return "", "self-hosted"
        return labels[-2], "live"


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its own name or address and without asking anybody."""
    host = host.lower().strip("[]")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _of_response(response: Any) -> Exchange:
    extensions = getattr(response, "extensions", None)
    recorded = extensions.get(RECORDED) if isinstance(extensions, dict) else None
    if isinstance(recorded, Exchange):
        return recorded
    request = _held(response, "request")
    url = _url_of(response) if request is None else str(request.url)
    sent, keys = sent_of(request) if request is not None else (Sent("", scrub(mask_url(url))), [])
    clean = answer_scrubber(url, keys, response.status_code)
    body = _body_of(response)
    answer = answer_of(response, None if body is None else clean.data(body), clean)
    if body is not None:
        state = "complete"
    else:
        state = "streamed" if getattr(response, "is_stream_consumed", False) else "unread"
    provider, place = whereabouts(url, answer)
    elapsed = _held(response, "elapsed")
    total_s = elapsed.total_seconds() if hasattr(elapsed, "total_seconds") else None
    return Exchange(sent, answer, Timings(total_s=total_s), provider=provider, place=place, state=state)


def _typed(url: str, keys: Iterable[str]) -> list[str]:
    """Keys that a request carries and that nothing else knows: to be hidden in bodies, unless they stay at home."""
    return [] if is_loopback(urlsplit(url).hostname or "") else [key for key in keys if key]


def _response_in(source: Any) -> Any:
    """The response in `source`, however deep an SDK wraps it, or None."""
    for _ in range(3):
        if isinstance(getattr(source, "status_code", None), int) and hasattr(source, "headers"):
            inner = getattr(source, "http_response", None)  # an SDK's raw response looks like one, and holds one
            return source if inner is None else inner
        source = getattr(source, "http_response", None) or getattr(source, "response", None)
        if source is None:
            return None
    return None


def _request_in(source: Any) -> Any:
    for candidate in (source, *(causes_of(source) if isinstance(source, BaseException) else ())):
        request = candidate if hasattr(candidate, "method") else _held(candidate, "request")
        if all(hasattr(request, name) for name in ("method", "url", "headers")):
            return request
    return None


def _held(holder: Any, name: str) -> Any:
    """An attribute that may be missing or, as httpx's properties do, raise that it is not set yet."""
    try:
        return getattr(holder, name, None)
    except RuntimeError:
        return None


def _body_of(message: Any) -> bytes | None:
    if getattr(message, "_content", b"") is False:  # requests would read the stream for us
        return None
    body = _held(message, "content") if hasattr(type(message), "content") else getattr(message, "body", None)
    if isinstance(body, str):
        return body.encode("utf-8")
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    return b"" if body is None and not hasattr(type(message), "content") else None


def _lines(headers: Any) -> Iterator[tuple[str, str]]:
    raw = getattr(headers, "raw", None)
    if isinstance(raw, list):  # of httpx: mostly plain bytes, read without asking each what it is
        try:
            yield from [(name.decode("ascii"), value.decode("ascii")) for name, value in raw]
            return
        except (UnicodeDecodeError, AttributeError):
            pass
    pairs: Iterable[tuple[Any, Any]] = raw if isinstance(raw, list) else headers.items()
    for name, value in pairs:
        yield _text(name), _text(value)


def _clean_headers(lines: list[tuple[str, str]], clean: Scrubber) -> Headers:
    values = clean.texts([value for _, value in lines])
    return Headers((name, value) for (name, _), value in zip(lines, values, strict=True))


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _url_of(response: Any) -> str:
    url = _held(response, "url")
    return "" if url is None else str(url)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The exception and what lies beneath it, outermost first."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        # httpcore's pool raises again "from None": the system's own error is still there as the context.
        ours = type(cause).__module__.split(".")[0] in ("httpx", "httpcore", "httpx2", "httpcore2")
        cause = cause.__cause__ or (None if cause.__suppress_context__ and not ours else cause.__context__)

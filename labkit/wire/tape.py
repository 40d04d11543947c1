"""The tape: exchanges kept in a file, and given back for the same request, so that a notebook run live runs offline.

One line of JSON a call, with a checksum. An exchange holds no key, so neither does the file; its text is cleaned once
more all the same. What cannot be read or written is said in a sentence, once, and the calls go on without it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from labkit.errors import ParameterError, StorageError
from labkit.keys import scrub
from labkit.wire.capture import RECORDED
from labkit.wire.exchange import Answer, Exchange, Failure, Headers, Sent, Timings

PART_OF_KEY = ("anthropic-", "openai-", "x-lab-", "http-referer", "x-title")
"""Beginnings of the names of headers that change what is asked for."""
DROPPED = ("content-encoding", "content-length", "transfer-encoding")  # bodies are kept as they are read
PATIENCE_S = 10.0  # for another notebook that writes to the same recording; once, then no more
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")


def request_key(provider: str, base_url: str, sent: Sent) -> str | None:
    """What makes two requests the same: provider, path below its base, model and every parameter.

    The order of a JSON object's fields does not matter, nor where the provider is reached. None for a body that was
    sent as a stream and not kept.
    """
    if sent.body is None:
        return None
    url, base = urlsplit(sent.url), urlsplit(base_url)
    path = url.path.removeprefix(base.path.rstrip("/"))
    lines = ((name.lower(), value) for name, value in sent.headers)
    headers = sorted([name, value] for name, value in lines if name.startswith(PART_OF_KEY))
    try:
        body: Any = json.loads(sent.body) if sent.body else None
    except ValueError:
        body = hashlib.sha256(sent.body).hexdigest()
    return _sum([provider, sent.method, path, url.query, headers, body])


class Tape:
    """The recording `name` in `folder`: `take` gives an exchange back, `keep` adds one.

    only: a call that is not on it is refused (StorageError) instead of being sent.  say: called with each sentence
    about what could not be read or written.
    Raises ParameterError for a name that no file could have everywhere.
    """

    def __init__(self, name: str, folder: Path, *, only: bool = False, say: Callable[[str], None] = print) -> None:
        if not _NAME.fullmatch(name):
            raise ParameterError(
                f"{name!r} is no name for a recording",
                where="lab.record",
                right="Letters, digits, '-', '_' and '.', such as 'my-month'",
            )
        self.name, self.only, self._say = name, only, say
        self.path = folder / f"{name}.jsonl"
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._kept: dict[str, list[Exchange]] = {}
        self._patience_s = PATIENCE_S
        self.calls: list[Exchange] = []
        self._load()

    def __str__(self) -> str:
        if not self.calls:
            return f"Recording {self.name!r}: nothing is on it yet; calls go out and are kept."
        days = sorted({f"{call.moment:%Y-%m-%d}" for call in self.calls if call.moment})
        live = sum(call.place == "live" for call in self.calls)
        others = "others are refused" if self.only else "others go out and are kept"
        return (
            f"Recording {self.name!r}: {len(self.calls)} calls, {live} of them live, priced as of "
            f"{days[0] if days else 'no day'}{f' to {days[-1]}' if len(days) > 1 else ''}, are played back; {others}."
        )

    __repr__ = __str__

    def holds_live(self, provider: str) -> bool:
        """Whether live calls to that provider are on it."""
        return any(call.provider == provider and call.place == "live" for call in self.calls)

    def take(self, key: str, *, live: bool) -> Exchange | None:
        """The next exchange for `key`, oldest first; None when there is none left.

        live: the provider is live now, so that only live ones will do; else live ones come before local ones.
        """
        with self._lock:
            kept = self._kept.get(key, [])
            at = next((i for i, one in enumerate(kept) if one.place == "live"), None)
            if at is None and not live and kept:
                at = 0
            return kept.pop(at) if at is not None else None

    def missing(self, what: str) -> StorageError:
        """The refusal of a call that is not on the tape."""
        return StorageError(
            f"{what} is not in it, or was played back as often as it was recorded",
            where=f"recording {self.name!r}",
            do="Leave only= out to send it",
        )

    def keep(self, exchange: Exchange, key: str) -> None:
        """Put an exchange that is over on the tape."""
        line = _line(exchange, key)
        with self._lock:
            self.calls.append(exchange)
            try:
                from filelock import FileLock, Timeout

                self.path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with FileLock(str(self.path) + ".lock", timeout=self._patience_s), self.path.open("ab") as file:
                        file.write(line)
                        file.flush()
                except Timeout:
                    self._patience_s = 0.0
                    self._tell(f"another notebook has held it for {PATIENCE_S:g} s, or its folder cannot be written")
            except OSError as error:
                self._tell(f"calls cannot be kept ({error.strerror or error})")

    def _load(self) -> None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._tell(f"it cannot be read ({error.strerror or error}), so nothing is played back")
            return
        bad = []
        for number, line in enumerate(data.splitlines(), 1):
            try:
                exchange, key = _read(line)
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
                bad.append(number)
                continue
            self.calls.append(exchange)
            self._kept.setdefault(key, []).append(exchange)
        for kept in self._kept.values():
            kept.sort(key=lambda one: one.started_at or 0.0)
        if bad:
            lines = f"line {bad[0]}" if len(bad) == 1 else f"{len(bad)} lines from line {bad[0]} on"
            self._tell(f"{lines} cannot be read and are left out; {len(self.calls)} calls can")
            self._put_aside(data)

    def _put_aside(self, data: bytes) -> None:
        """Keep the damaged file beside a sound one, so that what is added now can be read later."""
        sound = []
        for line in data.splitlines():
            try:
                _read(line)
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
                continue
            sound.append(line + b"\n")
        fresh = self.path.with_suffix(".new")
        try:
            self.path.with_suffix(".damaged").write_bytes(data)
            fresh.write_bytes(b"".join(sound))
            os.replace(fresh, self.path)
        except OSError as error:
            self._tell(f"the damaged file cannot be put aside ({error.strerror or error})")

    def say_once(self, sentence: str) -> None:
        """Say it, unless it was said before."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._say(sentence)

    def _tell(self, problem: str) -> None:
        do = "The notebook goes on; mend or remove it, or set LAB_HOME to a folder that you may write to"
        self.say_once(str(StorageError(problem, where=f"recording {self.name!r}", do=do)))


def played_back(exchange: Exchange, request: httpx.Request) -> httpx.Response:
    """The answer of a kept exchange, as `request`'s; raises what was raised then."""
    if exchange.response is None:
        raise _error(exchange, request)
    answer = exchange.response
    lines = [(name, value) for name, value in answer.headers if name.lower() not in DROPPED]
    return httpx.Response(
        answer.status,
        headers=lines,
        stream=_Kept(exchange, request),
        request=request,
        extensions={
            RECORDED: exchange,
            "reason_phrase": answer.reason.encode("ascii", "replace"),
            "http_version": (answer.http_version or "HTTP/1.1").encode("ascii", "replace"),
        },
    )


class _Kept(httpx.SyncByteStream):
    def __init__(self, exchange: Exchange, request: httpx.Request) -> None:
        self._exchange, self._request = exchange, request

    def __iter__(self) -> Iterator[bytes]:
        yield from (part for _, part in self._exchange.chunks)
        if self._exchange.error is not None:
            raise _error(self._exchange, self._request)


def _error(exchange: Exchange, request: httpx.Request) -> httpx.RequestError:
    failure = exchange.error or Failure("TransportError", "no answer came")
    kind = getattr(httpx, failure.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, httpx.RequestError)):
        kind = httpx.TransportError
    error: httpx.RequestError = kind(failure.message, request=request)
    error.labkit_exchange = exchange  # type: ignore[attr-defined]
    return error


def _line(exchange: Exchange, key: str) -> bytes:
    sent, answer = exchange.request, exchange.response
    call: dict[str, Any] = {
        "key": key,
        "provider": exchange.provider,
        "place": exchange.place,
        "state": exchange.state,
        "started_at": exchange.started_at,
        "moment": exchange.moment.isoformat() if exchange.moment else None,
        "held_usd": None if exchange.held_usd is None else str(exchange.held_usd),
        "request": {"method": sent.method, "url": sent.url, "headers": list(sent.headers), "body": _text(sent.body)},
        "response": None
        if answer is None
        else {
            "status": answer.status,
            "reason": answer.reason,
            "http_version": answer.http_version,
            "headers": list(answer.headers),
            "parts": [[t_s, _text(part)] for t_s, part in exchange.chunks],
        },
        "timings": {name: getattr(exchange.timings, name) for name in Timings.__dataclass_fields__},
        "error": None
        if exchange.error is None
        else {"kind": exchange.error.kind, "message": exchange.error.message, "causes": list(exchange.error.causes)},
    }
    call = json.loads(scrub(json.dumps(call, ensure_ascii=False)))
    return json.dumps({"sum": _sum(call), "call": call}, ensure_ascii=True).encode() + b"\n"


def _read(line: bytes) -> tuple[Exchange, str]:
    found = json.loads(line)
    call = found["call"]
    if found["sum"] != _sum(call):
        raise ValueError("the line is not as it was written")
    sent, answer, error = call["request"], call["response"], call["error"]
    parts = [(float(t_s), _bytes(text) or b"") for t_s, text in answer["parts"]] if answer else []
    exchange = Exchange(
        Sent(sent["method"], sent["url"], _headers(sent["headers"]), _bytes(sent["body"])),
        Answer(
            int(answer["status"]),
            answer["reason"],
            answer["http_version"],
            _headers(answer["headers"]),
            b"".join(part for _, part in parts),
        )
        if answer
        else None,
        Timings(**call["timings"]),
        Failure(error["kind"], error["message"], tuple(error["causes"])) if error else None,
        call["provider"],
        call["place"],
        call["state"],
        call["started_at"],
        datetime.fromisoformat(call["moment"]) if call["moment"] else None,
        None if call["held_usd"] is None else Decimal(call["held_usd"]),
        parts,
    )
    return exchange, str(call["key"])


def _headers(lines: Iterable[Iterable[str]]) -> Headers:
    return Headers((name, value) for name, value in lines)


def _text(data: bytes | None) -> Any:
    """Bytes for JSON: as text where they are UTF-8, else in base64."""
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes(text: Any) -> bytes | None:
    if text is None:
        return None
    return base64.b64decode(text["base64"], validate=True) if isinstance(text, dict) else text.encode("utf-8")


def _sum(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]

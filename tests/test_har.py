"""The log as HAR: what the format demands, what was recorded, and no key."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import Loopback, Reply

from labkit.errors import StorageError
from labkit.wire import Answer, Exchange, ExchangeLog, Failure, Headers, RecordingTransport, Sent
from labkit.wire.har import har

# What HAR 1.2 says must be there, written out by hand from its specification.
ENTRY = {"startedDateTime", "time", "request", "response", "cache", "timings"}
REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"}
RESPONSE |= {"headersSize", "bodySize"}
TIMINGS = {"send", "wait", "receive"}


def recorded(*replies: Reply) -> list[dict[str, Any]]:
    left = iter(replies)
    log = ExchangeLog()
    with Loopback(lambda _: next(left)) as server, httpx.Client(transport=RecordingTransport(log=log)) as client:
        for _ in replies:
            client.post(f"{server.url}/v1/chat/completions?a=1&b=", json={"model": "é"})
    entries: list[dict[str, Any]] = log.har()["log"]["entries"]
    return entries


def test_an_entry_has_all_that_the_format_demands() -> None:
    (entry,) = recorded(Reply())
    assert set(entry) >= ENTRY
    assert set(entry["request"]) >= REQUEST
    assert set(entry["response"]) >= RESPONSE
    assert set(entry["timings"]) >= TIMINGS
    assert set(entry["response"]["content"]) >= {"size", "mimeType"}
    assert entry["startedDateTime"].endswith("Z")
    assert min(entry["timings"][name] for name in TIMINGS) >= 0


def test_an_entry_says_what_went_over_the_wire() -> None:
    (entry,) = recorded(Reply(parts=[b'{"ok": "\xc3\xa9"}']))
    assert json.loads(entry["request"]["postData"]["text"]) == {"model": "é"}
    assert entry["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
    assert entry["response"]["content"]["text"] == '{"ok": "é"}'
    assert entry["response"]["content"]["size"] == entry["response"]["bodySize"] == 12
    assert entry["response"]["status"] == 200


def test_the_steps_add_up_to_the_whole() -> None:
    for entry in recorded(Reply(), Reply()):
        times = entry["timings"]
        steps = max(times["connect"], 0) + times["send"] + times["wait"] + times["receive"]
        assert steps == pytest.approx(entry["time"], abs=0.01)


def test_bytes_that_are_no_text_come_in_base64() -> None:
    (entry,) = recorded(Reply(parts=[b"\xff\xfe\x00"], headers={"content-type": "image/png"}))
    content = entry["response"]["content"]
    assert content["encoding"] == "base64"
    assert base64.b64decode(content["text"]) == b"\xff\xfe\x00"


def test_a_call_without_an_answer_has_status_0_and_says_why() -> None:
    failed = Exchange(Sent("POST", "http://127.0.0.1:9/"), error=Failure("ConnectError", "refused"), state="failed")
    entry = har([failed])["log"]["entries"][0]
    assert entry["response"]["status"] == 0
    assert entry["response"]["_error"] == "ConnectError: refused"
    assert entry["comment"] == "failed, start not recorded"


def test_a_request_that_was_not_sent_is_left_out() -> None:
    assert har([Exchange(Sent("POST", "http://127.0.0.1/"), state="not sent")])["log"]["entries"] == []


def test_the_file_is_json_and_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "sk-Canary7Gh8Jk9Lm0Np"
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    log = ExchangeLog()
    with Loopback(lambda got: Reply(401, parts=[got.header("authorization").encode()])) as server:  # type: ignore[union-attr]
        with httpx.Client(transport=RecordingTransport(log=log)) as client:
            client.get(f"{server.url}/?api_key={canary}", headers={"authorization": f"Bearer {canary}"})
    path = log.save_har(tmp_path / "calls.har")
    text = path.read_text(encoding="utf-8")
    assert len(json.loads(text)["log"]["entries"]) == 1
    assert not [i for i in range(3, len(canary) - 5) if canary[i : i + 6] in text]


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        ExchangeLog().save_har(tmp_path / "nowhere" / "calls.har")


def test_a_redirect_names_its_goal() -> None:
    answer = Answer(308, "", "HTTP/1.1", Headers([("location", "https://example.com/v1")]), b"")
    entry = har([Exchange(Sent("GET", "https://example.com/"), answer)])["log"]["entries"][0]
    assert entry["response"]["redirectURL"] == "https://example.com/v1"

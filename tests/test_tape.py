"""Recordings: live once, offline ever after, the same tables to the character; no key, and no trouble with the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock
from loopback import Got, Loopback, Reply

from labkit import facts
from labkit.clock import Clock
from labkit.errors import LiveRefused, ParameterError, StorageError
from labkit.session import Lab
from labkit.wire import Exchange, Sent
from labkit.wire.exchange import Headers
from labkit.wire.tape import Tape, request_key

CANARY = "sk-canary0Q7rT2mZ9xW4vB6"
HELLO = [{"role": "user", "content": "Hello"}]


def answer(got: Got) -> Reply:
    """DeepSeek's stand-in: another text each time, the key echoed where a careless provider might."""
    key = (got.header("authorization") or "").removeprefix("Bearer ")
    if got.method == "GET":
        return Reply(parts=[b'{"object": "list", "data": []}'])
    body, number = json.loads(got.body), len(Server.here.got) if Server.here else 0
    usage = {"prompt_tokens": 9, "completion_tokens": number + 1}
    if body["messages"][0]["content"] == "fail":
        return Reply(401, parts=[json.dumps({"error": {"message": f"wrong key {key}"}}).encode()])
    if not body.get("stream"):
        choices = [{"message": {"content": f"text {number} é"}}]
        return Reply(headers={"content-type": "application/json", "x-echo": key}, parts=[_json(choices, usage)])
    pieces = [f"piece {number} ", "é".encode()[:1], "é".encode()[1:] + b" end"]
    whole = [_event(_delta(pieces[0])), b"data: " + _delta("Z").replace(b"Z", "é".encode())[:-3], b"}]}\n\n"]
    return Reply(
        headers={"content-type": "text/event-stream"},
        parts=[*whole, _event(_json([], usage)), b"data: [DONE]\n\n"],
        cut=body["messages"][0]["content"] == "cut",
    )


def _json(choices: list[Any], usage: Any) -> bytes:
    return json.dumps({"choices": choices, "usage": usage}, ensure_ascii=False).encode()


def _delta(text: Any) -> bytes:
    return json.dumps({"choices": [{"delta": {"content": text}}]}).encode()


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


class Server(Loopback):
    here: Server | None = None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A live DeepSeek on loopback, its key set, and a LAB_HOME without recordings."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    with Server(answer) as server:
        Server.here = server  # type: ignore[assignment]
        real = facts.load

        def elsewhere(moment: Any = None, folder: Path | None = None) -> facts.Facts:
            known = real(moment, folder)
            address = known["deepseek"].address.model_copy(update={"base_url": f"{server.url}/v9"})
            deepseek = known["deepseek"].model_copy(update={"address": address})
            return facts.Facts({**known, "deepseek": deepseek}, known.moment)

        monkeypatch.setattr("labkit.facts.load", elsewhere)
        monkeypatch.setattr("labkit.session.calendar", lambda: Clock("2026-11-20T12:00Z"))
        monkeypatch.setenv("DEEPSEEK_API_KEY", CANARY)
        yield server  # type: ignore[misc]


def tables(lab: Lab) -> list[str]:
    """Every table of a notebook that compares a live provider with a local one."""
    found = lab.compare(["Hello", "cut", "fail"], ["deepseek", "lab"], n=2, max_tokens=6, workers=4)
    shown = [found.table, found.summary(), found.streams(), lab.costs(), lab.estimates()]
    forms = [form for one in shown for form in (str(one), one._repr_html_(), one.markdown(), one.csv())]
    return [*forms, str(lab.log), lab.log._repr_html_() or "", f"{found.wall_s}"]


def test_what_was_run_live_once_runs_offline_with_the_same_tables(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.25")
    lab.record("month")
    first = tables(lab)
    sent = len(server.got)
    assert sent > 6
    assert "live" in first[0]
    assert "local" in first[0]
    monkeypatch.delenv("DEEPSEEK_API_KEY")
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: pytest.fail("something was sent"))
    offline = Lab(pace="quick")
    print(offline.record("month", only=True))
    assert tables(offline) == first
    assert len(server.got) == sent
    assert offline.spent_usd == 0
    said = capsys.readouterr().out
    assert "are played back" in said
    assert said.count("Live, before anything is sent") == 1  # and nothing of the kind where all is played back


def test_replay_needs_no_server_at_all(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("alone")
    first = [said(lab, stream=stream) for stream in (False, True, False)]
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: pytest.fail("something was sent"))
    again = Lab(pace="quick")
    again.record("alone")
    assert [said(again, stream=stream) for stream in (False, True, False)] == first
    assert len({first[0], first[2]}) == 2  # the second time the second answer
    assert {exchange.place for exchange in again.log} == {"live"}


def said(lab: Lab, text: str = "Hello", **fields: Any) -> str:
    body = {"model": lab.model("deepseek"), "messages": [{"role": "user", "content": text}], "max_tokens": 5, **fields}
    with lab.client("deepseek") as client, client.stream("POST", "/chat/completions", json=body) as response:
        response.read()
        assert Exchange.of(response) is lab.log[-1]
        return response.text


@pytest.mark.parametrize(
    "other",
    [{"temperature": 0.5}, {"max_tokens": 6}, {"model": "deepseek-v4-pro"}, {"stream": True}, {"text": "Hello!"}],
)
def test_another_parameter_is_another_call(server: Server, other: dict[str, Any]) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("one")
    said(lab)
    again = Lab(live="deepseek", pace="quick")
    again.record("one", only=True)
    with pytest.raises(StorageError, match="this call to DeepSeek is not in it"):
        said(again, **other)
    said(again)
    with pytest.raises(StorageError, match="as often as it was recorded"):
        said(again)
    assert len(server.got) == 1


def test_the_order_of_fields_and_the_address_do_not_matter() -> None:
    def key(url: str, base: str, body: bytes, **headers: str) -> str | None:
        return request_key("deepseek", base, Sent("POST", url, Headers(headers.items()), body))

    one = key("https://a.example/v1/chat", "https://a.example/v1", b'{"a": 1, "b": 2}', authorization="x")
    assert one == key("http://127.0.0.1:9/deepseek/chat", "http://127.0.0.1:9/deepseek", b'{"b":2,"a":1}')
    assert one != key("https://a.example/v1/chat?x=1", "https://a.example/v1", b'{"a": 1, "b": 2}')
    versions = (key("https://a.example/v1/chat", "https://a.example/v1", b"{}", **{"anthropic-beta": v}) for v in "ab")
    assert len(set(versions)) == 2


def test_a_live_provider_never_gets_a_local_recording(server: Server) -> None:
    lab = Lab(pace="quick")
    lab.record("local")
    local = said(lab)
    assert not server.got
    live = Lab(live="deepseek", pace="quick")
    live.record("local")
    assert said(live) != local
    assert len(server.got) == 1
    assert [exchange.place for exchange in (*lab.log, *live.log)] == ["local", "live"]


def test_a_call_that_is_not_on_it_is_answered_locally_and_that_is_said(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("some")
    said(lab)
    again = Lab(pace="quick")
    again.record("some")
    said(again)
    said(again, "Another")
    assert [exchange.place for exchange in again.log] == ["live", "local"]
    assert "has live calls to DeepSeek, but not this one: the local provider answers it" in capsys.readouterr().out


def test_no_key_is_in_a_recording(server: Server) -> None:
    lab = Lab(live="deepseek", pace="quick")
    tape = lab.record("canary")
    for text in ("Hello", "fail", f"my key is {CANARY}"):
        said(lab, text)
        said(lab, text, stream=True)
    kept = b"".join(path.read_bytes() for path in tape.path.parent.iterdir()).decode()
    assert "text" in kept
    assert not [CANARY[i : i + 6] for i in range(len(CANARY) - 5) if CANARY[i : i + 6] in kept]
    assert any(got.header("authorization") == f"Bearer {CANARY}" for got in server.got)


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage", "zeros", "other json"])
def test_a_damaged_recording_is_said_and_the_rest_is_played_back(
    server: Server, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(live="deepseek", pace="quick")
    path = lab.record(f"damaged-{damage.replace(' ', '-')}").path
    first = said(lab)
    said(lab, "second")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = {
        "cut": lines[1][: len(lines[1]) // 2],
        "flipped": lines[1].replace(b"text", b"next"),
        "garbage": b"\xff\xfe\x00{]\n",
        "zeros": b"\0" * 300 + b"\n",
        "other json": b'{"sum": 1, "call": [1]}\n[1]\nnull\n',
    }[damage]
    path.write_bytes(b"".join(lines))
    capsys.readouterr()
    again = Lab(live="deepseek", pace="quick")
    again.record(path.stem)
    out = capsys.readouterr().out
    assert f"recording '{path.stem}': " in out
    assert "cannot be read and are left out; 1 calls can" in out
    assert said(again) == first
    said(again, "second")  # goes out once more, and is kept
    assert len(server.got) == 3
    assert path.with_suffix(".damaged").read_bytes() == b"".join(lines)
    capsys.readouterr()
    third = Lab(live="deepseek", pace="quick")
    third.record(path.stem, only=True)
    assert "cannot be read" not in capsys.readouterr().out
    assert said(third) == first
    said(third, "second")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is /dev/full, which this system has not")
def test_a_full_disk_is_said_once_and_the_calls_go_on(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(live="deepseek", pace="quick")
    tape = lab.record("full", folder=tmp_path)
    tape.path.symlink_to("/dev/full")
    assert said(lab) != said(lab)
    out = capsys.readouterr().out
    assert out.count("recording 'full': calls cannot be kept (") == 1
    assert "The notebook goes on" in out
    assert len(server.got) == 2


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_folder_that_cannot_be_written_is_said_and_the_calls_go_on(
    server: Server, error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("closed", folder=tmp_path / "closed")

    def closed(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Path, "mkdir", closed)
    said(lab)
    assert f"calls cannot be kept ({error.strerror})" in capsys.readouterr().out


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="a folder that even root cannot write is Linux's /sys")
def test_a_read_only_folder_that_is_there_is_said_once_and_the_calls_go_on(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("closed", folder="/sys/kernel")
    assert said(lab) != said(lab)
    assert capsys.readouterr().out.count("recording 'closed': calls cannot be kept (") == 1


def test_a_recording_that_another_notebook_holds_is_waited_for_once_and_the_calls_go_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("labkit.wire.tape.PATIENCE_S", 0.05)
    lab = Lab(live="deepseek", pace="quick")
    tape = lab.record("held", folder=tmp_path)
    with FileLock(f"{tape.path}.lock"):
        said(lab)
        assert tape._patience_s == 0
        said(lab)
    assert capsys.readouterr().out.count("recording 'held': another notebook has held it") == 1
    said(lab, "afterwards")
    again = Lab(pace="quick")
    again.record("held", folder=tmp_path, only=True)
    said(again, "afterwards")
    assert len(server.got) == 3


def test_a_recording_that_is_a_folder_is_said(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.jsonl").mkdir()
    lab = Lab(live="deepseek", pace="quick")
    lab.record("odd", folder=tmp_path)
    assert "cannot be read" in capsys.readouterr().out
    assert said(lab)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 100, "ü"])
def test_a_name_that_no_file_could_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no name for a recording"):
        Tape(name, tmp_path)


def test_a_failed_call_fails_again_in_the_same_words(server: Server) -> None:
    lab = Lab(live="deepseek", pace="quick")
    lab.record("failed")
    with pytest.raises(httpx.RemoteProtocolError) as first:
        said(lab, "cut", stream=True)
    server._server.shutdown()
    server._server.server_close()
    with pytest.raises(httpx.ConnectError) as second:
        said(lab, "nobody")
    again = Lab(pace="quick")
    again.record("failed", only=True)
    with pytest.raises(httpx.RemoteProtocolError) as third:
        said(again, "cut", stream=True)
    assert str(third.value) == str(first.value)
    with pytest.raises(httpx.ConnectError) as fourth:
        said(again, "nobody")
    assert str(fourth.value) == str(second.value)
    assert again.log[-1].error == lab.log[-1].error


def test_only_what_was_asked_for_by_name_leaves_though_a_recording_is_on(server: Server) -> None:
    lab = Lab(pace="quick")
    lab.record("none")
    with lab.client("openai") as client, pytest.raises(LiveRefused):
        client.get("https://api.openai.com/v1/models")

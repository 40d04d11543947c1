"""The server itself: where it listens, whom it answers, how it starts and ends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.errors import FactsError, ModelFileError, ServerError
from labkit.sim import LocalServer, create_app

HELLO = [{"role": "user", "content": "Hello"}]


def test_it_listens_on_the_loopback_address_alone(server: LocalServer) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    with socket.socket() as sock:
        sock.settimeout(2)
        assert sock.connect_ex(("127.0.0.2", server.port)) != 0  # another address, even of this machine


def test_addresses_are_the_real_ones_with_another_host(server: LocalServer) -> None:
    assert server.provider_url("openai") == server.url + "/openai/v1"
    assert server.provider_url("deepseek") == server.url + "/deepseek"
    with pytest.raises(FactsError, match="deepseek"):
        server.provider_url("deepsek")


def test_it_describes_itself_for_other_clients(server: LocalServer) -> None:
    described = json.loads(json.dumps(server.describe()))["providers"]
    assert list(described) == list(server.facts)
    deepseek = described["deepseek"]
    assert set(deepseek) == {"base_url", "sdk_base_url", "key", "models"}
    assert deepseek["base_url"] == server.url + "/deepseek"
    assert "deepseek-chat" not in deepseek["models"]
    listed = httpx.get(deepseek["base_url"] + "/models", headers={"Authorization": f"Bearer {deepseek['key']}"})
    assert [entry["id"] for entry in listed.json()["data"]] == deepseek["models"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "evil.example:80"])
def test_a_foreign_host_name_is_refused(call: Caller, host: str) -> None:
    response = call.get("openai", "/models", headers={**call.headers("openai"), "Host": host})
    assert response.status_code == 403
    assert "--allow-host" in response.text


def test_a_page_of_another_origin_is_refused_and_told_nothing(call: Caller) -> None:
    page = {**call.headers("openai"), "Origin": "https://evil.example"}
    for response in (call.get("openai", "/models", headers=page), call.post("openai", {}, headers=page)):
        assert response.status_code == 403
        assert not [name for name in response.headers if name.startswith("access-control")]
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = call.http.options(call.server.provider_url("openai") + "/chat/completions", headers=preflight)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_name_that_was_allowed_is_answered() -> None:
    with LocalServer(facts.load(), allow_hosts=["host.docker.internal"]) as server:
        key = server.facts["lab"].key.local
        headers = {"Authorization": f"Bearer {key}", "Host": "host.docker.internal:8765"}
        assert httpx.get(server.provider_url("lab") + "/models", headers=headers).status_code == 200


def test_a_request_without_a_host_is_refused(server: LocalServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(b"GET /openai/v1/models HTTP/1.0\r\n\r\n")
        assert b" 403 " in sock.recv(200)


def test_what_is_no_http_is_refused_in_silence(server: LocalServer, capfd: pytest.CaptureFixture[str]) -> None:
    for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1000)
    assert capfd.readouterr() == ("", "")


def test_calls_leave_no_text_anywhere(call: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    call.chat("lab", max_tokens=2)
    call.post("lab", b"{")
    assert capfd.readouterr() == ("", "")


def test_answers_do_not_wait_for_delayed_acknowledgements(server: LocalServer) -> None:
    # asyncio sets TCP_NODELAY only where the listening socket names its protocol: 1 ms a call instead of 44
    assert server._server.servers[0].sockets[0].proto == socket.IPPROTO_TCP


# --- its log ------------------------------------------------------------------------------------------------------


def test_each_request_is_remembered_without_its_key(call: Caller) -> None:
    call.chat("deepseek", max_tokens=3, top_p=0.9)
    call.post("openai", b"{")
    call.get(
        "lab", "/models", headers={**call.headers("lab"), "Cookie": "a=secret", "X-Api-Key": "secret", "X-Mine": "1"}
    )
    chat, broken, models = call.server.log
    assert (chat.provider, chat.method, chat.path, chat.status) == ("deepseek", "POST", "/chat/completions", 200)
    assert (chat.model, chat.spoken_by, chat.stream) == ("deepseek-flash", "lab-chat", False)
    assert chat.body["top_p"] == 0.9
    assert chat.params["max_tokens"] == 3
    assert (chat.completion_tokens, chat.finish_reasons) == (3, ["length"])
    assert chat.moment == "2026-11-20T12:00:00+00:00"
    assert (broken.status, broken.body) == (400, None)
    assert models.headers["x-mine"] == "1"
    shown = repr(list(call.server.log))
    assert "secret" not in shown
    assert not [key for key in (p.key.local for p in call.server.facts.values()) if key in shown]


def test_reset_forgets(call: Caller) -> None:
    first = call.chat("lab", max_tokens=8)
    assert len(call.server.log) == 1
    call.server.reset()
    assert len(call.server.log) == 0
    assert call.chat("lab", max_tokens=8) == first


def test_reset_takes_another_day_on_the_same_port() -> None:
    with LocalServer(facts.load()) as server:
        port = server.port
        then = facts.load("2025-09-14")
        server.reset(facts=then, clock=Clock("2025-09-14"))
        assert server.port == port
        assert "deepseek-chat" in server.describe()["providers"]["deepseek"]["models"]
        headers = {"Authorization": f"Bearer {then['deepseek'].key.local}"}
        response = httpx.get(server.provider_url("deepseek") + "/models", headers=headers)
        assert response.headers["date"].startswith("Sun, 14 Sep 2025")


def test_the_clock_may_be_moved_while_it_runs(call: Caller) -> None:
    clock = Clock("2026-11-20T12:00:00Z")
    call.server.reset(clock=clock)
    assert "gpt-5-mini" in call.get("openai", "/models").text
    clock.advance(40 * 24 * 3600)
    response = call.get("openai", "/models")
    assert response.headers["date"] == "Wed, 30 Dec 2026 12:00:00 GMT"
    assert "gpt-5-mini" not in response.text  # retired on 2026-12-11
    call.server.reset(clock=Clock("2026-11-20T12:00:00Z"))


# --- start and end ------------------------------------------------------------------------------------------------


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} is taken by another program.*--port"):
            LocalServer(facts.load(), port=port).start()


@pytest.mark.parametrize(
    ("host", "port", "words"), [("127.0.0.1", 70000, "not a port"), ("192.0.2.1", 0, "cannot listen")]
)
def test_a_place_where_nobody_can_listen_is_said_in_a_sentence(host: str, port: int, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        LocalServer(facts.load(), host=host, port=port).start()


def test_stopping_gives_the_port_back() -> None:
    server = LocalServer(facts.load()).start()
    port, url = server.port, server.url
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with LocalServer(facts.load(), port=port) as again:
        assert again.port == port


def test_stopping_with_an_idle_connection_and_an_answer_at_work_does_not_wait_for_them() -> None:
    server = LocalServer(facts.load()).start()
    caller = Caller(server)
    caller.get("lab", "/models")
    body = caller.body("lab", stream=True, n=16, logit_bias={"0": -100, "2": -100})
    url, headers = server.provider_url("lab") + "/chat/completions", caller.headers("lab")

    def read() -> None:
        with (
            httpx.Client(timeout=60, trust_env=False) as http,
            http.stream("POST", url, json=body, headers=headers) as response,
        ):
            reading.set()
            try:
                for piece in response.iter_raw():
                    seen.append(piece)
            except httpx.HTTPError:
                pass

    seen: list[bytes] = []
    reading = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(30)
    server.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert b"[DONE]" not in b"".join(seen)  # half a text does not pass for a whole one
    caller.http.close()


ORPHAN = """
import threading, time, httpx
from labkit import facts
from labkit.sim import LocalServer
server = LocalServer(facts.load()).start()
body = {"model": "lab-chat", "messages": [{"role": "user", "content": "Hi"}], "n": 16}
body["logit_bias"] = {"0": -100, "2": -100}
headers = {"Authorization": f"Bearer {server.facts['lab'].key.local}"}
def call():
    try:
        httpx.post(server.provider_url("lab") + "/chat/completions", json=body, headers=headers, timeout=60)
    except httpx.HTTPError:
        pass
threading.Thread(target=call, daemon=True).start()
while not server.busy:
    time.sleep(0.01)
print(server.port, flush=True)
"""


def test_a_process_that_ends_takes_its_server_along_even_amid_an_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, timeout=120, env=dict(os.environ)
    )
    assert (done.returncode, done.stderr) == (0, "")
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", int(done.stdout))) != 0


def test_a_killed_process_leaves_no_orphan() -> None:
    code = ORPHAN + "\ntime.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    port = int(process.stdout.readline())
    process.kill()
    process.communicate(timeout=60)
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0


def test_a_model_that_cannot_be_loaded_is_a_500_that_says_whose_fault_it_is() -> None:
    def broken(name: str) -> None:
        raise ModelFileError("the file is damaged", where=f"{name}/model.safetensors")

    with LocalServer(facts.load(), load=broken) as server:  # type: ignore[arg-type]
        caller = Caller(server)
        response = caller.post("openai", caller.body("openai"))
        caller.http.close()
        assert response.status_code == 500
        assert "the file is damaged" in response.headers["x-lab-note"]
        assert "Traceback" not in response.text


def test_facts_that_leave_a_refusal_open_are_refused_at_once() -> None:
    known = facts.load()
    openai = known["openai"]
    errors = {name: answer for name, answer in openai.errors.items() if name != "wrong_key"}
    gap = type(known)({**known, "openai": openai.model_copy(update={"errors": errors})}, known.moment)
    with pytest.raises(FactsError, match=r"openai\.yaml.*wrong_key"):
        create_app(gap)


def test_no_proxy_of_the_environment_is_asked(call: Caller) -> None:
    code = f"""
import httpx
print(httpx.get("{call.server.url}/openai/v1/models").status_code)
"""
    env = {
        **os.environ,
        "NO_PROXY": "127.0.0.1,localhost",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert done.stdout.strip() == "401", done.stderr


# --- curl ---------------------------------------------------------------------------------------------------------

CURL = shutil.which("curl")


def curl(call: Caller, provider: str, key: str, body: dict[str, object]) -> tuple[str, str]:
    """What plain curl prints: head and body."""
    url = call.server.provider_url(provider) + "/chat/completions"
    headers = ["-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json"]
    command = [str(CURL), "-sS", "-N", "-i", "--noproxy", "*", url, *headers, "-d", json.dumps(body)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=True)
    head, _, rest = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return head, rest


@pytest.mark.skipif(CURL is None, reason="curl is not installed here")
def test_plain_curl_gets_a_chat_a_stream_and_a_401(call: Caller) -> None:
    key, body = call.server.facts["deepseek"].key.local, call.body("deepseek")
    head, text = curl(call, "deepseek", key, body)
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert json.loads(text)["choices"][0]["message"]["role"] == "assistant"

    head, text = curl(call, "deepseek", key, {**body, "stream": True})
    assert "content-type: text/event-stream" in head
    assert text.endswith("data: [DONE]\n\n")

    head, text = curl(call, "deepseek", "sk-some-wrong-key-fcc2", body)
    assert head.startswith("HTTP/1.1 401 Unauthorized\n")
    assert json.loads(text)["error"]["message"] == "Authentication Fails, Your api key: ****fcc2 is invalid"

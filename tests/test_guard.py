"""The guard around all tests: no key, no way out, a LAB_HOME of its own, here and in processes that tests start."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import urllib.request

import httpx
import lab_env
import pytest
from lab_guard import OutsideRefused, is_inside


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", b"localhost", "", None, "no-such.invalid"]
)
def test_this_machine_is_inside(host: object) -> None:
    assert is_inside(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "example.com", "127.0.0.1.example.com", "2001:db8::1", "10.0.0.1", "invalid.example"]
)
def test_everything_else_is_outside(host: str) -> None:
    assert not is_inside(host)


def test_a_plain_socket_cannot_leave() -> None:
    with socket.socket() as sock, pytest.raises(OutsideRefused, match=r"192\.0\.2\.1"):
        sock.connect(("192.0.2.1", 80))


def test_a_datagram_cannot_leave() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(OutsideRefused):
        sock.sendto(b"x", ("192.0.2.1", 53))


def test_no_name_is_looked_up_outside() -> None:
    with pytest.raises(OutsideRefused, match=r"example\.com"):
        socket.getaddrinfo("example.com", 443)


def test_httpx_cannot_leave_and_does_not_take_it_for_a_failed_connection() -> None:
    with pytest.raises(OutsideRefused):
        httpx.get("http://192.0.2.1/", trust_env=False)


def test_urllib_cannot_leave() -> None:
    with pytest.raises(OutsideRefused):
        urllib.request.urlopen("http://192.0.2.1/")


def test_asyncio_cannot_leave() -> None:
    with pytest.raises(OutsideRefused):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 5))


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_a_process_that_a_test_starts_is_guarded_too() -> None:
    code = "import socket; socket.socket().connect(('192.0.2.1', 80))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "OutsideRefused" in ended.stderr


def test_no_variable_that_holds_a_key_or_a_proxy_is_left() -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    child = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout)
    for env in (dict(os.environ), child):
        left = [
            name for name in env if name.upper().endswith((*lab_env.SECRET, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"))
        ]
        assert left == []


def test_the_cleaning_takes_keys_proxies_and_the_labs_settings_and_nothing_else() -> None:
    given = {
        "DEEPSEEK_API_KEY": "x",
        "HF_TOKEN": "x",
        "all_proxy": "x",
        "LAB_LIVE": "x",
        "LAB_CI": "1",
        "PATH": "/bin",
        "TZ": "Asia/Tokyo",
    }
    cleaned = lab_env.clean(given, "/home/of/tests")
    assert {name for name in given if name in cleaned} == {"LAB_CI", "PATH", "TZ"}
    assert cleaned["TZ"] == "UTC"
    assert cleaned["LAB_HOME"] == "/home/of/tests"


def test_lab_home_is_a_temporary_folder_of_this_run() -> None:
    from labkit.keys import lab_home

    assert "lab-home-" in str(lab_home())
    assert lab_env.ORIGINAL.get("LAB_HOME") != str(lab_home())

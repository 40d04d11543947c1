"""NO_PROXY gets this machine's names and keeps what was there."""

from __future__ import annotations

from urllib.request import proxy_bypass_environment

import pytest

from labkit.proxies import spare_loopback


@pytest.mark.parametrize(
    ("given", "then"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": ""}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example, b.example,"}, "a.example,b.example,127.0.0.1,localhost"),
        ({"no_proxy": "a.example"}, "a.example,127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "a.example,b.example,127.0.0.1,localhost"),
        ({"NO_PROXY": "localhost"}, "localhost,127.0.0.1"),
    ],
)
def test_both_spellings_say_the_same_and_nothing_is_lost(given: dict[str, str], then: str) -> None:
    env = dict(given)
    spare_loopback(env)
    assert env["NO_PROXY"] == env["no_proxy"] == then
    spare_loopback(env)
    assert env["NO_PROXY"] == then


def test_a_star_already_spares_everything() -> None:
    env = {"NO_PROXY": "*"}
    spare_loopback(env)
    assert env == {"NO_PROXY": "*"}


def test_pythons_own_reading_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    env: dict[str, str] = {"NO_PROXY": "a.example"}
    spare_loopback(env)
    for host in ("127.0.0.1:8765", "localhost:8888", "a.example"):
        assert proxy_bypass_environment(host, {"no": env["no_proxy"]})
    assert not proxy_bypass_environment("b.example", {"no": env["no_proxy"]})

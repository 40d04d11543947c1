"""One local server for all tests, and a plain HTTP client for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import OpenLab, chromium, open_browser

from labkit import facts
from labkit.sim import LocalServer

collect_ignore = ["litellm_client.py"]  # runs in litellm's own environment and cannot be imported in this one


class Caller:
    """Plain HTTP to the local providers: no client code of the lab is involved."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.http = httpx.Client(timeout=60, trust_env=False)

    def headers(self, provider: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.server.facts[provider].key.local}"}

    def get(self, provider: str, path: str, **options: Any) -> httpx.Response:
        options.setdefault("headers", self.headers(provider))
        return self.http.get(self.server.provider_url(provider) + path, **options)

    def post(self, provider: str, body: Any, *, path: str = "/chat/completions", **options: Any) -> httpx.Response:
        """body: bytes go as they are, anything else as JSON."""
        options.setdefault("headers", self.headers(provider))
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.http.post(self.server.provider_url(provider) + path, **sent, **options)

    def chat(self, provider: str, prompt: str = "What is the capital of France?", **fields: Any) -> dict[str, Any]:
        """A chat that must succeed; `model` is the provider's chat model unless given."""
        response = self.post(provider, self.body(provider, prompt, **fields))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def body(self, provider: str, prompt: str = "What is the capital of France?", **fields: Any) -> dict[str, Any]:
        model = self.server.facts[provider].model("chat").id
        return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}

    def stream(self, provider: str, prompt: str = "What is the capital of France?", **fields: Any) -> list[Any]:
        """The data of each event of a streamed chat: parsed JSON, the last one the word [DONE]."""
        response = self.post(provider, self.body(provider, prompt, stream=True, **fields))
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [event for event in response.text.split("\n\n") if event.startswith("data: ")]
        data = [event.removeprefix("data: ") for event in events]
        assert data[-1] == "[DONE]"
        return [*(json.loads(text) for text in data[:-1]), data[-1]]


@pytest.fixture(scope="session")
def _server() -> Iterator[LocalServer]:
    with LocalServer(facts.load(), pace="quick") as server:
        yield server


@pytest.fixture(scope="session")
def _caller(_server: LocalServer) -> Iterator[Caller]:
    caller = Caller(_server)
    yield caller
    caller.http.close()


@pytest.fixture
def call(_caller: Caller) -> Iterator[Caller]:
    """A caller of the local providers, as if freshly started. Nothing in a test may be a defect of the server's own."""
    _caller.server.reset(pace="quick", seed=0)
    yield _caller
    assert [record.trouble for record in _caller.server.log if record.trouble] == []


@pytest.fixture
def server(call: Caller) -> LocalServer:
    """The server behind `call`."""
    return call.server


@pytest.fixture(scope="session")
def autumn_2025() -> Iterator[Caller]:
    """A caller of the providers as they were on 2025-09-14."""
    with LocalServer(facts.load("2025-09-14"), pace="quick") as server:
        caller = Caller(server)
        yield caller
        caller.http.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; without one the tests are skipped, but fail where LAB_CI says that they must run."""
    executable = chromium()
    if executable is None:
        reason = "no Chromium or Chrome was found; CHROMIUM may name one"
        pytest.fail(reason) if os.environ.get("LAB_CI") else pytest.skip(reason)
    with open_browser(executable) as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenLab]:
    lab = OpenLab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("LAB_SHOTS")
    return Path(named) if named else tmp_path_factory.mktemp("shots")

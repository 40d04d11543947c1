"""Lab: local by default, live by name, one server a kernel, and no key anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from labkit import facts
from labkit.clock import Clock
from labkit.cost import tokens_usd
from labkit.errors import FactsError, KeyMissing, LiveRefused, ParameterError
from labkit.keys import Secret
from labkit.session import Lab

CANARY = "sk-canary0Q7rT2mZ9xW4vB6"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(pace="quick")


def chat(lab: Lab, provider: str, **fields: Any) -> dict[str, Any]:
    message = {"role": "user", "content": "What is the capital of France?"}
    return {"model": lab.model(provider), "messages": [message], "max_tokens": 8, **fields}


def test_a_plain_httpx_call_is_answered(lab: Lab) -> None:
    response = httpx.post(
        lab.url("deepseek") + "/chat/completions",
        headers={"Authorization": f"Bearer {lab.key('deepseek')}"},
        json=chat(lab, "deepseek"),
        timeout=30,
    )
    assert response.status_code == 200
    assert response.json()["usage"]["completion_tokens"] <= 8
    assert response.headers["x-lab-model"] == "lab-chat"


def test_addresses_keep_the_path_of_the_real_ones(lab: Lab) -> None:
    assert httpx.URL(lab.url("openai")).path == "/openai/v1"
    assert httpx.URL(lab.url("deepseek")).path == "/deepseek"
    assert httpx.URL(lab.url("lab")).host == "127.0.0.1"


def test_the_client_keeps_a_record_and_plain_httpx_does_not() -> None:
    lab = Lab(pace="quick")
    with lab.client("openai") as client:
        client.post("/chat/completions", json=chat(lab, "openai"))
        client.get("/models")
    assert [e.response.status for e in lab.log if e.response] == [200, 200]
    assert {(e.provider, e.place) for e in lab.log} == {("openai", "local")}


def test_a_second_lab_uses_the_same_server_and_begins_anew() -> None:
    first = Lab(pace="quick")
    texts = [_answer(first) for _ in range(2)]
    second = Lab(pace="quick")
    assert second.url("lab") == first.url("lab")
    assert len(second.log) == 0
    assert [_answer(second) for _ in range(2)] == texts


def test_calls_vary_and_another_seed_gives_other_texts() -> None:
    lab = Lab(pace="quick")
    texts = {_answer(lab, "Name a coffee shop.", temperature=1.3, max_tokens=20) for _ in range(6)}
    assert len(texts) > 1
    other = Lab(pace="quick", seed=1)
    assert texts != {_answer(other, "Name a coffee shop.", temperature=1.3, max_tokens=20) for _ in range(6)}


def _answer(lab: Lab, text: str = "Tell me a joke.", **fields: Any) -> str:
    body = chat(lab, "lab", messages=[{"role": "user", "content": text}], **fields)
    response = httpx.post(
        lab.url("lab") + "/chat/completions",
        headers={"Authorization": f"Bearer {lab.key('lab')}"},
        json=body,
        timeout=30,
    )
    return str(response.json()["choices"][0]["message"]["content"])


def test_a_day_in_the_past_has_its_own_models_beside_todays(lab: Lab) -> None:
    then = Lab(day="2025-09-14", pace="quick")
    assert then.model("deepseek") == "deepseek-chat"
    assert lab.model("deepseek") != "deepseek-chat"
    assert "deepseek-chat" in lab.retired("deepseek")
    body = chat(lab, "deepseek", model="deepseek-chat")
    statuses = []
    for one in (then, lab):
        with one.client("deepseek") as client:
            statuses.append(client.post("/chat/completions", json=body).status_code)
    assert statuses == [200, 400]


def test_pace_can_be_changed_for_a_few_calls(lab: Lab) -> None:
    with lab.at_pace("real"):
        assert lab.pace == "real"
    assert lab.pace == "quick"
    with pytest.raises(ZeroDivisionError), lab.at_pace("real"):
        1 / 0  # noqa: B018
    assert lab.pace == "quick"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Lab(live="deepsek"), FactsError, "Did you mean 'deepseek'"),
        (lambda: Lab(live="deepseek"), KeyMissing, "DEEPSEEK_API_KEY"),
        (lambda: Lab(live=["lab"]), ParameterError, "local by nature"),
        (lambda: Lab(pace="slow"), ParameterError, "'real' or 'quick'"),  # type: ignore[arg-type]
        (lambda: Lab(day="soon"), ParameterError, "2025-09-14"),
        (lambda: Lab(pace="quick").url("opnai"), FactsError, "Did you mean 'openai'"),
        (lambda: Lab(pace="quick").model("openai", role="chatt"), FactsError, "Did you mean 'chat'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_a_fact_prints_with_its_source_and_date(lab: Lab) -> None:
    text = str(lab.fact("deepseek", "parameters.temperature"))
    assert "when thinking True: ignored" in text
    assert "api-docs.deepseek.com" in text
    assert "(as of 2026" in text
    assert str(lab.fact("openai", "models.gpt-4.1-mini.context_tokens").value) == "1047576"


def test_a_fact_that_had_to_be_invented_says_so(lab: Lab) -> None:
    assert "invented for the lab: Since V2.5" in str(lab.fact("deepseek", "models.deepseek-coder.retired"))
    assert "invented" not in str(lab.fact("deepseek", "models.deepseek-chat.retired"))


def test_the_note_on_live_says_where_and_at_what_price(lab: Lab) -> None:
    body = chat(lab, "deepseek")
    note = lab.live_note("deepseek", body)
    assert "stays on this machine" in note
    assert "https://api.deepseek.com/chat/completions" in note
    assert "price as of 2026-11-15" in note


class Paid:
    """A stand-in for a provider far away: a loopback server that notes what reaches it."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.status = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        usage = b'{"usage": {"prompt_tokens": 1000, "completion_tokens": 1000}, "choices": []}'
        await send(
            {"type": "http.response.start", "status": self.status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": usage})


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Iterator[Paid]:
    """A live DeepSeek on loopback: the facts' address is replaced, all else is what a real live call goes through."""
    import socket
    import time

    import uvicorn

    app = Paid()
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    real = facts.load

    def elsewhere(moment: Any = None, folder: Path | None = None) -> facts.Facts:
        known = real(moment, folder)
        address = known["deepseek"].address.model_copy(update={"base_url": f"http://127.0.0.1:{sock.getsockname()[1]}"})
        return facts.Facts(
            {**known, "deepseek": known["deepseek"].model_copy(update={"address": address})}, known.moment
        )

    monkeypatch.setattr("labkit.facts.load", elsewhere)
    monkeypatch.setattr("labkit.session.calendar", lambda: Clock("2026-11-20T12:00Z"))
    monkeypatch.setenv("DEEPSEEK_API_KEY", CANARY)
    yield app
    server.should_exit = True
    thread.join(10)


def test_a_live_call_carries_the_key_and_shows_it_nowhere(paid: Paid, capsys: pytest.CaptureFixture[str]) -> None:
    lab = Lab(live=["deepseek"], pace="quick")
    with lab.client("deepseek") as client:
        response = client.post("/chat/completions", json=chat(lab, "deepseek"), headers={"x-lab-fault": "none"})
    assert paid.headers[0]["authorization"] == f"Bearer {CANARY}"
    shown = (
        capsys.readouterr().out + repr(lab) + repr(lab.log) + repr(response.request.headers) + str(lab.key("deepseek"))
    )
    shown += repr(lab.__dict__) + repr(client.headers)
    assert not [CANARY[i : i + 6] for i in range(len(CANARY) - 5) if CANARY[i : i + 6] in shown]
    assert "First live call to DeepSeek" in shown
    assert lab.log[0].place == "live"


def test_a_live_call_is_paid_from_its_usage(paid: Paid) -> None:
    lab = Lab(live=["deepseek"], pace="quick")
    with lab.client("deepseek") as client:
        client.post("/chat/completions", json=chat(lab, "deepseek"))
        flash = lab.facts["deepseek"].models[lab.model("deepseek")]
        assert lab.spent_usd == tokens_usd(flash, 1000, 1000, Clock(lab.clock.now()))
        paid.status = 500
        before = lab.spent_usd
        client.post("/chat/completions", json=chat(lab, "deepseek"))
        assert lab.spent_usd >= before


def test_the_budget_stops_the_call_before_it_is_sent(paid: Paid) -> None:
    lab = Lab(live=["deepseek"], pace="quick", budget_usd="0.0001")
    with lab.client("deepseek") as client, pytest.raises(LiveRefused, match=r"budget of 0\.00010 USD"):
        client.post("/chat/completions", json=chat(lab, "deepseek", max_tokens=100_000))
    assert paid.headers == []


def test_no_call_leaves_without_being_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    lab = Lab(pace="quick")
    with lab.client("openai") as client, pytest.raises(LiveRefused, match="nobody asked for it"):
        client.get("https://api.openai.com/v1/models")


def test_live_can_be_asked_for_by_the_environment(paid: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LIVE", " deepseek ")
    assert "LIVE: deepseek" in repr(Lab(pace="quick"))


def test_a_dead_proxy_in_the_environment_does_not_matter(tmp_path: Path) -> None:
    code = (
        "import httpx\nfrom labkit import Lab\nlab = Lab(pace='quick')\n"
        "print(lab.client('lab').get('/models').status_code, httpx.get(lab.url('lab') + '/models', "
        "headers={'Authorization': f\"Bearer {lab.key('lab')}\"}).status_code)"
    )
    dead = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    env = {**os.environ, **dead, **{k.lower(): v for k, v in dead.items()}, "LAB_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert run.stdout.splitlines()[-1:] == ["200 200"], run.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("httpx", "numpy", "pandas", "yaml", "pydantic", "starlette")
    code = f"import sys, labkit; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr


def test_secrets_of_a_lab_cannot_be_read_from_its_repr(paid: Paid) -> None:
    lab = Lab(live=["deepseek"], pace="quick")
    held = [value for value in lab._live.values() if isinstance(value, Secret)]
    assert held
    assert all(CANARY[:6] not in repr(value) + str(value) for value in held)
    assert Decimal(0) == lab.spent_usd


# --- misbehaving on demand ------------------------------------------------------------------------------------------


def test_a_fault_is_asked_for_in_a_block_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lab = Lab(pace="quick")
    body = {"model": lab.model("openai"), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    with lab.client("openai") as client:
        with lab.fault("openai", "overloaded", times=2) as fault:
            assert [client.post("/chat/completions", json=body).status_code for _ in range(3)] == [503, 503, 200]
            assert repr(fault) == "<Fault 1: openai overloaded, wait_s=0.0; 0 of 2 left, happened 2x>"
        lab.fault("openai", "cut")
        assert [one.kind for one in lab.faults()] == ["cut"]
    assert Lab(pace="quick").faults() == []


def test_a_fault_of_the_address_changes_the_address_and_lab_client_meets_it() -> None:
    lab = Lab(pace="quick")
    good = lab.url("openai")
    for kind in ("refused", "unknown_host", "tls"):
        with lab.fault("openai", kind):
            assert lab.url("openai") != good
            with lab.client("openai") as client, pytest.raises(httpx.ConnectError):
                client.get("/models")
            assert lab.log[-1].error
    assert lab.url("openai") == good


def test_an_account_of_another_tier_is_refused_sooner_and_the_clock_brings_it_back() -> None:
    lab = Lab(pace="quick", tier={"openai": "free"})
    body = {"model": lab.model("openai"), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    with lab.client("openai") as client:
        answers = [client.post("/chat/completions", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        lab.clock.sleep(float(answers[-1].headers["retry-after"]))
        assert client.post("/chat/completions", json=body).status_code == 200
    with pytest.raises(ParameterError, match="Did you mean 'free'"):
        Lab(tier={"openai": "fre"})


def test_an_account_without_money_is_refused() -> None:
    lab = Lab(pace="quick", credit_usd={"deepseek": 0})
    body = {"model": lab.model("deepseek"), "messages": [{"role": "user", "content": "Hello"}]}
    with lab.client("deepseek") as client:
        assert client.post("/chat/completions", json=body).status_code == 402


def test_a_live_provider_cannot_be_asked_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-0123456789abcdef0123456789abcdef")
    lab = Lab(live=["deepseek"], pace="quick")
    with pytest.raises(ParameterError, match="DeepSeek is live"):
        lab.fault("deepseek", "cut")

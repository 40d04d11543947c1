"""No key, nor six characters in a row of one, in anything the lab prints, logs or saves.

Random canaries stand in every variable that could hold a key. A fresh process makes the calls of a first lesson with
all loggers at DEBUG, shows everything that can be shown, and fails on purpose. Whatever it wrote anywhere is searched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from canaries import found, planted

from labkit import facts

LESSON = r"""
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import httpx
from labkit import Lab, curl, diagnose, diff, retry, show
lab = Lab(pace="quick")
print(lab, lab.facts["openai"].key)
body = {"model": lab.model("openai"), "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
import os
held = os.environ["OPENAI_API_KEY"]
for provider in lab.facts:
    for key in (lab.key(provider), held):
        sent = {**body, "model": lab.model(provider)}
        url = lab.url(provider) + "/chat/completions"
        header = {"Authorization": f"Bearer {key}", "x-api-key": key, "Cookie": f"session={key}"}
        plain = httpx.post(url, headers=header, params={"api_key": key}, json=sent, timeout=30)
        print(show(plain), show(plain)._repr_html_(), curl(plain), curl(plain, shell="powershell"))
        with lab.client(provider, headers=header) as client:
            seen = client.post("/chat/completions", json={**sent, "stream": True, "user": key})
            print(show(seen), show(seen)._repr_html_(), curl(seen))
            for view in (show(seen, explain=True, timeline=True, beside=True), diff(plain, seen), diagnose(plain)):
                print(view, repr(view), view._repr_html_())
            retry(lambda: client.post("/chat/completions", json={**sent, "user": key}), attempts=2, clock=lab.clock)
    # a provider that quotes the key back, whole and with its middle masked, by both ways of calling
    pictures = [held, held[:8] + "********" + held[-4:], "****" + held[-4:], held[:6] + "…" + held[-4:]]
    request = httpx.Request("POST", "https://api.openai.com/v1/chat/completions", headers={"x-api-key": held}, json={})
    echoed = httpx.Response(401, json={"error": {"message": f"Incorrect API key: {pictures}"}}, request=request)
    for view in (show(echoed, body="all"), diff(echoed, plain), diagnose(echoed), diagnose(f"401 Bad key {held}")):
        print(view, repr(view), view._repr_html_())
    print(lab.fact(provider, "key"), lab.live_note(provider, body), lab.url(provider), lab.sdk_url(provider))
    print(lab.retired(provider), lab.faults(), lab.spent_usd, lab.send(lab.client(provider).build_request("GET", "/")))
lab.log.save_har("log.har")
from labkit import config
cfg = config.read("CONFIG")
print(cfg, cfg.check())
for name in ("Groq",):
    print(cfg.explain(name), cfg.explain(name)._repr_html_())
for form in ("librechat", "litellm", "postman", "env"):
    try:
        print(cfg.export(form))
    except Exception as error:
        print(repr(error))
print(lab.log, lab.log._repr_html_(), lab.log.table().to_string())
from labkit.wire import Exchange
try:
    with lab.client("openai") as client:
        client.get(f"https://api.openai.com/v1/models?api_key={held}")
except Exception as error:
    traceback.print_exc()
    print(repr(error), error)
    print(show(error) if hasattr(error, "request") else "")
try:
    httpx.get("http://127.0.0.1:9/?key=" + held, headers={"Authorization": "Bearer " + held})
except httpx.HTTPError as error:
    print(show(error), repr(Exchange.of(error)))
print(repr(lab._server.log), [vars(r) if hasattr(r, "__dict__") else repr(r) for r in lab._server.log])
lab.predict("PREDICTION", GUESS)
lab.record("canary", folder=".")
ask = [{"role": "user", "content": f"Say {held}"}]
for made in (
    lab.models(), lab.compare(["Hi", f"Say {held}"], ["openai", "mistral"], max_tokens=2), lab.estimates(), lab.costs(),
    lab.plan([("openai", {"model": lab.model("openai"), "messages": [{"role": "user", "content": held}]}, 3)]),
    lab.estimate("openai", {**body, "model": lab.model("openai"), "messages": ask}),
    lab.support("lab", only=["seed"]), lab.exercise("EXERCISE"), lab.exercise("EXERCISE").check(held), lab.progress(),
):
    print(made, repr(made), getattr(made, "_repr_html_", str)())
print(lab.cost_usd(lab.log[-1]), lab.is_live("openai"))
from labkit.cli import main
for words in (["keys"], ["doctor"], ["facts"], ["progress"]):
    try:
        main(words)
    except SystemExit:
        pass
"""


@pytest.fixture
def canaries() -> dict[str, str]:
    return planted()


def test_a_lesson_under_full_logging_shows_and_saves_no_key(canaries: dict[str, str], tmp_path: Path) -> None:
    from labkit.exercises.registry import exercises, predictions

    first, exercise = predictions()[0], next(iter(exercises()))
    code = (
        LESSON.replace("CONFIG", (facts.CONFIGS / "librechat.yaml").as_posix())
        .replace("PREDICTION", first.id)
        .replace("EXERCISE", exercise.id)
        .replace("GUESS", repr(next(iter(first.choices), 7)))
    )
    home = tmp_path / "home"
    env = {**os.environ, **canaries, "LAB_HOME": str(home), "NO_COLOR": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=240, cwd=tmp_path)
    out, err = run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")
    assert run.returncode == 0, err[-3000:]
    assert "HTTP Request: POST" in err, "the loggers were not on"
    assert "[hidden]" in out
    saved = "".join(p.read_text(encoding="utf-8", errors="replace") for p in tmp_path.rglob("*") if p.is_file())
    assert "predictions" in saved
    for name, text in (("output", out), ("log", err), ("saved", saved)):
        assert found(text, canaries) == [], f"a key stands in the {name}"


def test_the_lesson_uses_every_public_name_of_the_package_and_of_a_lab() -> None:
    import labkit
    from labkit.session import Lab

    names = set(labkit.__all__) - {"__version__"}
    assert {name for name in names if not re.search(rf"\b{name}\b", LESSON)} == set()
    methods = {name for name in vars(Lab) if not name.startswith("_")}
    own = {"clock", "pace", "at_pace", "fault", "probe"}  # they touch no key, or are run over all providers elsewhere
    assert {name for name in methods - own if f"lab.{name}" not in LESSON} == set()


def test_the_search_would_find_a_piece_of_a_key(canaries: dict[str, str]) -> None:
    name, value = next(iter(canaries.items()))
    assert found(f"...{value[10:16]}...", canaries) == [name]

"""What every provider refuses: no key, a wrong one, a wrong path, an unknown model, no JSON, a missing field."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.probe.seen import NotTried, Refusal
from labkit.probe.voices import Voice

if TYPE_CHECKING:
    import httpx

NOBODY = "a-model-that-nobody-has"
WRONG_KEY = "sk-wrong0wrong0wrong0wrong0wxyz"


def natural_refusals(exchange: Callable[..., httpx.Response], voice: Voice, model: str) -> list[Refusal]:
    """Each case sent once. What was answered well is reported too, with its status."""
    good = voice.body(model, "Hi", {voice.limits[0]: 1}, {})

    def body(**fields: Any) -> dict[str, Any]:
        return {"json": {**good, **fields}}

    def without(name: str) -> dict[str, Any]:
        return {"json": {key: value for key, value in good.items() if key != name}}

    post = ("POST", voice.path)
    typed = {"content-type": "application/json"}
    cases: list[tuple[str, tuple[str, str], dict[str, Any]]] = [
        ("wrong_path", ("GET", voice.path + "/nothing/here"), {}),
        ("wrong_method", ("PUT", voice.path), {"json": good}),
        ("not_json", post, {"content": b'{"model": ', "headers": typed}),
        ("body_not_object", post, {"content": b"[]", "headers": typed}),
        ("missing_model", post, without("model")),
        ("missing_messages", post, without("messages")),
        ("messages_empty", post, body(messages=[])),
        ("unknown_role", post, body(messages=[{"role": "wizard", "content": "Hi"}])),
        ("model_unknown", post, body(model=NOBODY)),
        ("missing_key", post, {"json": good, "key": None}),
        ("wrong_key", post, {"json": good, "key": WRONG_KEY}),
    ]
    found = []
    for name, (method, path), options in cases:
        options["headers"] = {**voice.headers, **options.get("headers", {})}
        try:
            response = exchange(method, path, **options)
        except NotTried as error:
            found.append(Refusal(name, 0, "", str(error)))
        else:
            found.append(Refusal(name, response.status_code, response.text))
    return found


def parsed(text: str) -> Any:
    """A body's JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text

"""`diagnose(..., config=cfg)`: a cause says where in the learner's file it comes from. Real failures, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import Lab, config, diagnose

HELD = "canary0HIDDEN0value0of0a0key"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(pace="quick")


def file(name: str, url: str, key: str, model: str, *lines: str) -> Any:
    more = "".join(f"      {line}\n" for line in lines)
    return config.loads(
        f'version: "1.3.17"\nendpoints:\n  custom:\n    - name: "{name}"\n      apiKey: "{key}"\n'
        f'      baseURL: "{url}"\n      models:\n        default: ["{model}"]\n{more}'
    )


def mistral(lab: Lab, *lines: str, key: str = "${MISTRAL_API_KEY}") -> Any:
    return file("Mistral", "https://api.mistral.ai/v1", key, lab.model("mistral"), *lines)


def first(lab: Lab, cfg: Any, **options: Any) -> Any:
    found = diagnose(lab.send(cfg.request(**{"endpoint": cfg.endpoints[0].name, **options})), config=cfg).first
    assert found is not None
    return found


def test_a_refused_field_names_the_endpoint_and_the_line_to_write(lab: Lab) -> None:
    cause = first(lab, mistral(lab))
    assert cause.id == "parameter_refused"
    assert "In the endpoint Mistral (librechat.yaml, line 4): dropParams: [user]." in cause.note
    mended = mistral(lab, "dropParams: [user]")
    assert lab.send(mended.request("Mistral")).status_code == 200


def test_what_is_dropped_already_stays_in_the_line(lab: Lab) -> None:
    assert "dropParams: [stop, user]." in first(lab, mistral(lab, "dropParams: [stop]")).note


def test_a_field_from_add_params_is_traced_to_its_line(lab: Lab) -> None:
    cfg = mistral(lab, "dropParams: [user]", "addParams:", "  safe_mode: true")
    assert "It comes from addParams (librechat.yaml, line 11)" in first(lab, cfg).note


def test_a_name_that_librechat_does_not_know_inside_is_told(lab: Lab) -> None:
    model = lab.model("openai", role="reasoner")
    url, lines = "https://api.openai.com/v1", "dropParams: [frequency_penalty]"
    cfg = file("Reasoner", url, "${OPENAI_API_KEY}", model, lines)
    cause = first(lab, cfg, chosen={"frequency_penalty": 0.5})
    assert "knows the value as frequencyPenalty" in cause.note


def test_a_base_url_with_the_whole_path_is_found_in_the_file(lab: Lab) -> None:
    url = "https://api.groq.com/openai/v1/chat/completions"
    cause = first(lab, file("Groq", url, "${GROQ_API_KEY}", lab.model("groq")))
    assert cause.id == "path_doubled"
    assert "librechat.yaml:6" in cause.note
    assert "already ends in the path" in cause.note


def test_a_retired_model_is_found_in_the_list(lab: Lab) -> None:
    cfg = file("Groq", "https://api.groq.com/openai/v1", "${GROQ_API_KEY}", lab.retired("groq")[0])
    assert "models.default (librechat.yaml, line 8)" in first(lab, cfg).note


def test_a_key_that_stands_in_the_file_is_not_repeated(lab: Lab) -> None:
    cfg = mistral(lab, key=HELD)
    with lab.client("mistral", headers={"authorization": "Bearer wrong"}) as client:
        refused = client.get("/models")
    found = diagnose(refused, config=cfg)
    assert "The key is written out in the file (librechat.yaml, line 5)." in str(found)
    assert HELD not in str(found) + found._repr_html_()


def test_a_refused_file_names_the_place(lab: Lab) -> None:
    cfg = config.loads('version: "1.3.17"\nendpoints:\n  custom:\n')
    found = diagnose("Invalid custom config: invalid_type path [endpoints,custom] Expected array", config=cfg)
    assert found.first is not None
    assert "librechat.yaml:3" in found.first.note


def test_a_file_of_another_provider_adds_nothing(lab: Lab) -> None:
    with lab.client("openai") as client:
        response = client.post("/chat/completions", json={"model": lab.model("openai"), "top_k": 4})
    assert str(diagnose(response, config=mistral(lab))) == str(diagnose(response))

"""What the local providers answer when all is well: held against recorded bodies, and against the model itself."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from conftest import Caller
from labkit import lm

NO_END = {"0": -100, "2": -100}  # keeps the model from ending its turn

# Recorded answers, shortened. https://github.com/vercel/ai, packages/{openai,deepseek}/src/chat/__fixtures__:
# openai-text.json and .chunks.txt (2026-02-12), issue-19381-thinking-reasoning.json and .chunks.txt (2026-08-24),
# issue-19377-logprobs.json (2026-08-24).
OPENAI = """{"id": "chatcmpl-D8Z5f52zQqikDBEKQMQoYcWMcWPeU", "object": "chat.completion", "created": 1770933883,
 "model": "gpt-4.1-nano-2025-04-14", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi",
 "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}], "usage": {"prompt_tokens": 16,
 "completion_tokens": 363, "total_tokens": 379, "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
 "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
 "rejected_prediction_tokens": 0}}, "service_tier": "default", "system_fingerprint": "fp_de604bd877"}"""
DEEPSEEK_THINKING = """{"id": "c29cc26f-f9d0-494d-9ca7-4da830ce7fac", "object": "chat.completion",
 "created": 1787605943, "model": "deepseek-v4-pro", "choices": [{"index": 0, "message": {"role": "assistant",
 "content": "", "reasoning_content": "We need"}, "logprobs": null,
 "finish_reason": "length"}], "usage": {"prompt_tokens": 87,
 "completion_tokens": 2, "total_tokens": 89, "prompt_tokens_details": {"cached_tokens": 0},
 "completion_tokens_details": {"reasoning_tokens": 2}, "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 87},
 "system_fingerprint": "a307abda487cd1b463329ccb945ce396"}"""
DEEPSEEK_PLAIN = """{"id": "7328ddb4-2f0c-424b-8b7e-6ce608710fed", "object": "chat.completion", "created": 1787605821,
 "model": "deepseek-v4-flash", "choices": [{"index": 0, "message": {"role": "assistant", "content": "OK"}, "logprobs":
 {"content": [{"token": "OK", "logprob": -0.00002467602, "bytes": [79, 75], "top_logprobs": [{"token": "OK",
 "logprob": -0.00002467602, "bytes": [79, 75]}]}]}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9,
 "completion_tokens": 1, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 0},
 "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 9},
 "system_fingerprint": "a26a7955944dc5c60445bff77fac9c8e"}"""


def shape(value: Any) -> Any:
    """Names in their order and kinds of values; a number is a number."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize(
    ("provider", "recorded", "fields"),
    [
        ("openai", OPENAI, {}),
        ("deepseek", DEEPSEEK_THINKING, {"max_tokens": 2}),
        ("deepseek", DEEPSEEK_PLAIN, {"thinking": {"type": "disabled"}, "logprobs": True, "top_logprobs": 1}),
    ],
)
def test_a_body_has_the_fields_of_a_recorded_one_in_its_order(
    call: Caller, provider: str, recorded: str, fields: dict[str, Any]
) -> None:
    assert shape(call.chat(provider, **fields)) == shape(json.loads(recorded))


def test_openais_ids_have_the_form_of_recorded_ones(call: Caller) -> None:
    answer = call.chat("openai")
    for name in ("id", "system_fingerprint"):
        form = re.sub(r"\w", ".", json.loads(OPENAI)[name])
        assert re.sub(r"\w", ".", answer[name]) == form
    assert answer["model"] == "gpt-4.1-mini-2025-04-14"  # the dated snapshot, not the alias that was asked for


def test_deepseek_names_the_model_as_asked(call: Caller) -> None:
    assert call.chat("deepseek", model="deepseek-v4-pro")["model"] == "deepseek-v4-pro"


def test_the_time_of_an_answer_is_the_labs(call: Caller) -> None:
    response = call.post("openai", call.body("openai"))
    assert response.headers["date"] == "Fri, 20 Nov 2026 12:00:00 GMT"
    assert response.json()["created"] == 1795176000


@pytest.mark.parametrize("provider", ["lab", "openai", "deepseek"])
def test_each_answer_says_who_spoke(call: Caller, provider: str) -> None:
    headers = call.post(provider, call.body(provider)).headers
    assert (headers["x-lab-provider"], headers["x-lab-model"]) == (provider, "lab-chat")
    assert "access-control-allow-origin" not in headers
    assert "uvicorn" not in headers.get("server", "")


def test_usage_counts_the_tokens_that_the_tokenizer_counts(call: Caller) -> None:
    answer = call.chat("lab", "What is the capital of France?", temperature=0)
    tokenizer = lm.load().tokenizer
    prompt = lm.chat_ids(tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    text = answer["choices"][0]["message"]["content"]
    assert answer["usage"]["prompt_tokens"] == len(prompt)
    assert answer["usage"]["completion_tokens"] == len(tokenizer.encode(text))
    assert answer["usage"]["total_tokens"] == len(prompt) + len(tokenizer.encode(text))


# --- chance -------------------------------------------------------------------------------------------------------


def texts(answer: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in answer["choices"]]


STORY = "Tell me a story about a fox."


def test_temperature_0_gives_the_same_text_every_time(call: Caller) -> None:
    assert len({texts(call.chat("lab", STORY, temperature=0, max_tokens=30))[0] for _ in range(4)}) == 1


def test_without_a_seed_calls_vary_and_a_fresh_start_repeats_them(call: Caller) -> None:
    def run() -> list[str]:
        return [texts(call.chat("lab", STORY, max_tokens=20))[0] for _ in range(4)]

    first = run()
    assert len(set(first)) > 1
    call.server.reset()
    assert run() == first


def test_another_seed_of_the_lab_gives_other_texts(call: Caller) -> None:
    first = texts(call.chat("lab", STORY, max_tokens=20))
    call.server.reset(seed=1)
    assert texts(call.chat("lab", STORY, max_tokens=20)) != first


def test_with_a_seed_the_same_text_comes_twice_and_another_seed_gives_another(call: Caller) -> None:
    first = call.chat("lab", STORY, seed=7, max_tokens=20)
    again = call.chat("lab", STORY, seed=7, max_tokens=20)
    other = call.chat("lab", STORY, seed=8, max_tokens=20)
    assert texts(first) == texts(again) != texts(other)
    assert first["id"] != again["id"]


def test_streamed_and_whole_are_the_same_text(call: Caller) -> None:
    whole = call.chat("lab", STORY, seed=3, max_tokens=25)
    chunks = call.stream("lab", STORY, seed=3, max_tokens=25)[:-1]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == texts(whole)[0]


def test_where_seed_is_not_documented_it_does_nothing_and_the_answer_says_so(call: Caller) -> None:
    fields = {"thinking": {"type": "disabled"}, "max_tokens": 12, "seed": 5}
    answers = [call.post("deepseek", call.body("deepseek", STORY, **fields)) for _ in range(5)]
    assert len({answer.json()["choices"][0]["message"]["content"] for answer in answers}) > 1
    assert all("seed is not known" in answer.headers["x-lab-note"] for answer in answers)


def distribution(prompt: str, temperature: float) -> np.ndarray:
    """The next token's probabilities from the model alone: no server, no sampler of the lab's."""
    model = lm.load()
    ids = lm.chat_ids(model.tokenizer, [{"role": "user", "content": prompt}])
    logits = np.asarray(model.model.logits(ids)[-1], np.float64) / temperature
    banned = [model.tokenizer.special[name] for name in lm_banned()]
    logits[banned] = -np.inf
    probs: np.ndarray = np.exp(logits - logits.max())
    return probs / probs.sum()


def lm_banned() -> list[str]:
    return ["<|im_start|>", "<tool_call>", "</tool_call>", "<think>", "</think>"]


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.6])
def test_500_samples_of_one_token_agree_with_the_models_softmax(call: Caller, temperature: float) -> None:
    prompt, model = "Name a colour.", lm.load()
    drawn: list[int] = []
    ends = [model.tokenizer.special[name] for name in ("<|endoftext|>", "<|im_end|>")]
    for seed in range(4):
        answer = call.chat("lab", prompt, n=125, max_tokens=1, temperature=temperature, logprobs=True, seed=seed)
        for choice in answer["choices"]:
            content = choice["logprobs"]["content"]
            drawn.append(id_of(bytes(content[0]["bytes"])) if content else ends[0])
    expected = distribution(prompt, temperature) * len(drawn)
    expected[ends[0]] += expected[ends[1]]
    expected[ends[1]] = 0
    observed = np.bincount(drawn, minlength=len(expected)).astype(float)
    common = expected >= 5
    pooled_observed = np.append(observed[common], observed[~common].sum())
    pooled_expected = np.append(expected[common], expected[~common].sum())
    kept = pooled_expected > 0
    assert pooled_observed[~kept].sum() == 0
    assert chisquare(pooled_observed[kept], pooled_expected[kept]).pvalue > 0.001


def id_of(data: bytes) -> int:
    tokenizer = lm.load().tokenizer
    known = {tokenizer.token_bytes(id): id for id in reversed(range(tokenizer.vocab_size))}
    return known[data]


def test_logprobs_agree_with_the_models_own_probabilities(call: Caller) -> None:
    prompt, model = "What is the capital of France?", lm.load()
    answer = call.chat("lab", prompt, logprobs=True, top_logprobs=5, temperature=0.3, seed=1)
    content = answer["choices"][0]["logprobs"]["content"]
    assert b"".join(bytes(one["bytes"]) for one in content).decode() == texts(answer)[0]
    ids = lm.chat_ids(model.tokenizer, [{"role": "user", "content": prompt}])
    for one in content:
        logits = np.asarray(model.model.logits(ids)[-1], np.float64)
        logs = logits - logits.max() - math.log(np.exp(logits - logits.max()).sum())
        id = id_of(bytes(one["bytes"]))
        assert one["logprob"] == pytest.approx(logs[id], abs=1e-6)
        best = sorted(logs, reverse=True)[:5]
        assert [top["logprob"] for top in one["top_logprobs"]] == pytest.approx(best, abs=1e-6)
        ids.append(id)


def test_asking_for_logprobs_changes_no_text(call: Caller) -> None:
    assert texts(call.chat("lab", STORY, seed=2, max_tokens=15)) == texts(
        call.chat("lab", STORY, seed=2, max_tokens=15, logprobs=True, top_logprobs=3)
    )


# --- what the parameters do ---------------------------------------------------------------------------------------


def test_max_tokens_stops_with_length_and_its_newer_name_does_too(call: Caller) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = call.chat("lab", STORY, **{name: 3})
        assert answer["usage"]["completion_tokens"] == 3
        assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stop_string_ends_the_text_and_is_not_part_of_it(call: Caller) -> None:
    answer = call.chat("lab", "Repeat.", temperature=0, logit_bias={**NO_END}, max_tokens=40)
    text = texts(answer)[0]
    word = text[len(text) // 2 :][:3]
    stopped = call.chat("lab", "Repeat.", temperature=0, logit_bias={**NO_END}, max_tokens=40, stop=word)
    assert texts(stopped)[0] == text[: text.index(word)]
    assert stopped["choices"][0]["finish_reason"] == "stop"


def test_n_choices_differ_and_are_numbered(call: Caller) -> None:
    answer = call.chat("lab", STORY, n=4, max_tokens=12)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert len(set(texts(answer))) > 1


def test_where_n_is_not_documented_one_choice_comes_and_the_answer_says_so(call: Caller) -> None:
    response = call.post("deepseek", call.body("deepseek", n=3, max_tokens=4))
    assert len(response.json()["choices"]) == 1
    assert "n is not known" in response.headers["x-lab-note"]


def test_a_bias_of_100_forces_a_token(call: Caller) -> None:
    token = lm.load().tokenizer.encode(" sea")[0]
    answer = call.chat("lab", STORY, logit_bias={str(token): 100}, max_tokens=3)
    assert texts(answer) == [lm.load().tokenizer.decode([token] * 3)]


def test_ids_of_another_vocabulary_have_no_effect_and_the_answer_says_so(call: Caller) -> None:
    response = call.post("openai", call.body("openai", logit_bias={"50256": -100, "9": 1}, max_tokens=2))
    assert response.status_code == 200
    assert "1 of the ids" in response.headers["x-lab-note"]


@pytest.mark.parametrize(
    "content", [[{"type": "text", "text": "What is the capital"}, {"type": "text", "text": " of France?"}]]
)
def test_parts_of_text_are_read_as_one_text(call: Caller, content: Any) -> None:
    parts = call.post(
        "lab", {"model": "lab-chat", "temperature": 0, "messages": [{"role": "user", "content": content}]}
    )
    assert texts(parts.json()) == texts(call.chat("lab", temperature=0))


def test_what_the_lab_does_not_serve_yet_is_said(call: Caller) -> None:
    response = call.post("openai", call.body("openai", verbosity="low", max_tokens=4))
    assert response.status_code == 200
    assert "does not serve verbosity yet" in response.headers["x-lab-note"]


# --- thinking -----------------------------------------------------------------------------------------------------


def test_a_thinking_model_gives_its_working_apart_and_counts_it(call: Caller) -> None:
    answer = call.chat("deepseek", "What is 3 + 4?")
    message, usage = answer["choices"][0]["message"], answer["usage"]
    assert message["reasoning_content"]
    assert "<think>" not in message["content"] + message["reasoning_content"]
    assert "</think>" not in message["content"] + message["reasoning_content"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] <= usage["completion_tokens"]


def test_openai_hides_the_working_and_counts_it(call: Caller) -> None:
    answer = call.chat("openai", "What is 3 + 4?", model="gpt-5-mini")
    assert set(answer["choices"][0]["message"]) == {"role", "content", "refusal", "annotations"}
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    hidden = "".join(
        c["delta"].get("content") or ""
        for chunk in call.stream("openai", "What is 3 + 4?", model="gpt-5-mini")[:-1]
        for c in chunk["choices"]
    )
    assert "</think>" not in hidden


def test_while_deepseek_thinks_temperature_is_silently_ignored(call: Caller) -> None:
    # https://api-docs.deepseek.com/guides/thinking_mode
    def run(**fields: Any) -> list[Any]:
        call.server.reset()
        return [call.chat("deepseek", STORY, max_tokens=14, **fields)["choices"] for _ in range(6)]

    cold, hot, unset = run(temperature=0), run(temperature=2), run()
    assert cold == hot == unset  # the knob is not connected: not one token differs
    assert len({json.dumps(choices) for choices in cold}) > 1  # and 0 does not mean greedy


def test_with_thinking_switched_off_temperature_counts_at_deepseek(call: Caller) -> None:
    off = {"thinking": {"type": "disabled"}, "max_tokens": 14}
    cold = {texts(call.chat("deepseek", STORY, temperature=0, **off))[0] for _ in range(5)}
    hot = {texts(call.chat("deepseek", STORY, temperature=2, **off))[0] for _ in range(5)}
    assert len(cold) == 1
    assert len(hot) > 1
    assert "reasoning_content" not in call.chat("deepseek", STORY, **off)["choices"][0]["message"]


def test_the_labs_thinking_model_can_be_told_not_to(call: Caller) -> None:
    on = call.chat("lab", "What is 3 + 4?", model="lab-chat-thinking")
    off = call.chat("lab", "What is 3 + 4?", model="lab-chat-thinking", thinking={"type": "disabled"})
    assert on["choices"][0]["message"]["reasoning_content"]
    assert "reasoning_content" not in off["choices"][0]["message"]


def test_a_stop_string_ends_the_answer_not_the_working(call: Caller) -> None:
    fields = {"model": "lab-chat-thinking", "seed": 4}
    whole = call.chat("lab", "What is 3 + 4?", **fields)["choices"][0]["message"]
    letter = whole["reasoning_content"][0]
    stopped = call.chat("lab", "What is 3 + 4?", stop=[letter], **fields)["choices"][0]["message"]
    assert stopped["reasoning_content"]
    assert letter not in stopped["content"]


# --- the window ---------------------------------------------------------------------------------------------------


def test_a_conversation_beyond_the_models_window_is_cut_and_the_answer_says_so(call: Caller) -> None:
    messages = [{"role": "system", "content": "Be brief."}]
    messages += [{"role": "user" if i % 2 == 0 else "assistant", "content": "word " * 60} for i in range(40)]
    messages += [{"role": "user", "content": "What is the capital of France?"}]
    body = {"model": call.server.facts["openai"].model("chat").id, "messages": messages, "max_tokens": 8}
    response = call.post("openai", body)
    assert response.status_code == 200
    read, total = map(int, response.headers["x-lab-read-tokens"].split(" of "))
    assert read <= 1024 - 8 < total == response.json()["usage"]["prompt_tokens"]


def test_a_conversation_that_fits_is_read_whole(call: Caller) -> None:
    assert "x-lab-read-tokens" not in call.post("openai", call.body("openai")).headers


def test_the_window_full_ends_with_length(call: Caller) -> None:
    answer = call.chat("lab", "word " * 950, logit_bias=NO_END)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["total_tokens"] == 1024

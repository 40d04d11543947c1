"""The larger widgets: the plain functions under them, and the wiring of their controls, without a browser."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import Lab, lm, widgets
from labkit.errors import LabError, ParameterError
from labkit.lm.sampler import Sampling, next_probs
from labkit.widgets.benched import benched, with_add, with_drop
from labkit.widgets.beside import Newest, Run
from labkit.widgets.board import sentence_of
from labkit.widgets.calls import Call, follow, place_of
from labkit.widgets.fields import body_of, field_of, fields_of, judged, out_of_range
from labkit.widgets.mending import PATIENCE_S, cases, wrong
from labkit.widgets.scope import FAULTS
from labkit.widgets.timeline import timeline
from labkit.widgets.tokenised import GREETINGS, charges, charges_html, tokenizers
from labkit.widgets.writing import Samples, Writing, distinct_n, surprise_bits, write_samples

ROOT = Path(__file__).parent.parent
PROMPT = "Tell me a joke."
# What must never act, wherever a person or a provider can put it.
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202e\x1b[31m</div></pre></textarea>'\""


class Inside(HTMLParser):
    """The tags and attributes of some HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_inert(html: str) -> None:
    """No element, attribute or unseen sign but those that the lab's own pictures have."""
    inside = Inside(html)
    assert inside.tags <= set("div span b table thead tbody tr td th pre code details summary wbr".split())
    assert inside.attributes <= {"style", "role", "title"}
    assert "\u202e" not in html
    assert "\x1b" not in html


def inside(widget: Any) -> list[Any]:
    """A widget and all below it."""
    return [widget, *(each for child in getattr(widget, "children", ()) for each in inside(child))]


def named(board: Any, description: str) -> Any:
    """The control with that label."""
    found = [each for each in inside(board.box) if getattr(each, "description", None) == description]
    assert len(found) == 1, f"{len(found)} controls are called {description!r}"
    return found[0]


def assert_well_made(board: Any) -> None:
    """Core widgets alone, no Output, every control labelled, a number field beside every slider."""
    every = inside(board.box)
    assert {type(each).__module__.split(".")[0] for each in every} == {"ipywidgets"}
    kinds = [type(each).__name__ for each in every]
    assert "Output" not in kinds
    for each in every:
        if type(each).__name__ in (
            "Text",
            "Textarea",
            "Dropdown",
            "Checkbox",
            "Button",
            "BoundedFloatText",
            "Combobox",
        ):
            assert each.description or each.layout.display == "none", each
    assert kinds.count("FloatSlider") == kinds.count("BoundedFloatText")
    assert_inert(str(board.html()))


# --- work beside the main thread -------------------------------------------------------------------------------------


def test_a_run_can_be_stopped_while_it_hangs_and_its_end_is_told_once() -> None:
    ended, hang = [], threading.Event()
    run = Run(lambda run: hang.wait(60) and None, lambda: ended.append(1)).start()
    assert not run.over
    run.stop()
    assert run.over
    assert run.wait(0)
    hang.set()
    run._thread.join(10)
    assert ended == [1]


def test_a_run_that_is_stopped_is_woken() -> None:
    woken = threading.Event()
    run = Run(lambda run: (run.on_stop(woken.set), woken.wait(60), None)[2], lambda: None).start()
    run.stop()
    run._thread.join(10)
    assert woken.is_set()
    assert not run._thread.is_alive()


def test_drawing_keeps_to_the_newest_and_never_queues() -> None:
    state, drawn, gate = [0], [], threading.Event()

    def draw() -> None:
        drawn.append(state[0])
        gate.wait(10)

    newest = Newest(draw, pause_s=0.0)
    for value in range(1, 200):
        state[0] = value
        newest.ask()
    gate.set()
    assert newest.wait(10)
    assert drawn[-1] == 199
    assert len(drawn) <= 3


# --- sampling: the plain functions -----------------------------------------------------------------------------------


class Letters:
    """A tokenizer whose tokens are letters."""

    def __init__(self, n: int) -> None:
        self.vocab_size = n

    def token_bytes(self, id: int, /) -> bytes:
        return bytes([97 + id])


FOUR = np.log([0.5, 0.25, 0.15, 0.1])


def test_what_each_stage_cuts_is_what_a_person_reckons() -> None:
    """0.5, 0.25, 0.15, 0.1: top_k 3 takes the last; of 0.5556, 0.2778, 0.1667 top_p 0.8 keeps two (0.8333)."""
    view = widgets.sampling_view(FOUR, Letters(4), Sampling(top_k=3, top_p=0.8))
    assert [(s.name, s.left, s.cut) for s in view.stages if s.cut] == [("top_k", 3, 1), ("top_p", 2, 1)]
    assert [s.cut_share for s in view.stages if s.cut] == pytest.approx([0.1, 0.15 / 0.9])
    assert [row.after for row in view.rows] == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert [row.cut_by for row in view.rows] == ["", "", "top_p", "top_k"]
    assert view.entropy_bits[0] == pytest.approx(1.7427, abs=1e-4)
    assert view.entropy_bits[1] == pytest.approx(0.9183, abs=1e-4)
    assert view.numbers() == {
        "entropy_bits": 0.9183,
        "effective_choices": 1.8899,
        "top_share": 0.6667,
        "tokens_left": 2,
    }


def test_min_p_cuts_what_is_less_likely_than_its_share_of_the_likeliest() -> None:
    view = widgets.sampling_view(FOUR, Letters(4), Sampling(min_p=0.4))  # 0.4 of 0.5 is 0.2
    assert [row.cut_by for row in view.rows] == ["", "", "min_p", "min_p"]


def test_a_bias_brings_a_token_among_the_rows_and_a_penalty_falls_on_what_was_written() -> None:
    logits = np.linspace(3, -3, 26)
    biased = widgets.sampling_view(logits, Letters(26), Sampling(logit_bias={25: 10}), top=5)
    assert [row.token for row in biased.rows] == ["a", "b", "c", "d", "e", "z"]
    assert biased.rows[-1].after > 0.5
    counts = np.eye(26)[0]
    punished = widgets.sampling_view(logits, Letters(26), Sampling(presence_penalty=2), counts=counts, top=5)
    assert punished.rows[0].after < punished.rows[0].before


sliders = st.fixed_dictionaries(
    {"temperature": st.floats(0, 2), "top_k": st.integers(0, 8), "top_p": st.floats(0.01, 1), "min_p": st.floats(0, 1)}
)


@settings(max_examples=50, deadline=None)
@given(values=sliders, top=st.integers(1, 9))
def test_the_rows_are_what_the_sampler_draws_from(values: Any, top: int) -> None:
    logits = np.array([2.0, 1.5, 1.0, 0.5, 0.0, -1.0, -2.0, -3.0])
    sampling = Sampling(**values)
    view = widgets.sampling_view(logits, Letters(8), sampling, top=top)
    probs = next_probs(logits, sampling)
    assert [row.after for row in view.rows] == pytest.approx([probs[row.token_id] for row in view.rows])
    assert sum(row.after for row in view.rows) + view.others_after == pytest.approx(1)
    assert view.stages[-1].left == (probs > 0).sum()
    assert all((row.cut_by != "") == (row.after == 0) for row in view.rows if row.before > 1e-12)


def test_distinct_n_of_a_worked_example() -> None:
    """'a b a b' and 'a b': 6 unigrams of which 2 differ; 4 bigrams (ab, ba, ab, ab) of which 2 differ."""
    texts = ["a b a b".split(), "a b".split()]
    assert distinct_n(texts, 1) == pytest.approx(2 / 6)
    assert distinct_n(texts, 2) == pytest.approx(2 / 4)
    assert distinct_n([], 1) == distinct_n([["a"]], 2) == 0.0


def test_samples_are_counted_the_most_frequent_first() -> None:
    made = Samples(("b", "a", "a", HOSTILE), ((1,), (2,), (2,), (3,)), 4)
    assert made.counted()[0] == ("a", 2)
    assert made.numbers() == {"texts": 4, "different": 3, "distinct_1": 0.75, "distinct_2": 0.0}
    assert made.bars()[0].share == 0.5
    assert_inert(made._repr_html_())


def test_surprise_is_the_sum_of_the_bits() -> None:
    assert surprise_bits([np.log([0.5, 0.5]), np.log([0.125, 0.875])], [0, 0]) == pytest.approx(4.0)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7, top_k=20, repetition_penalty=1.2)])
def test_drawn_step_by_step_the_text_is_the_one_that_the_model_writes_by_itself(sampling: Sampling) -> None:
    model = lm.load()
    here = Writing(model, PROMPT, seed=3)
    while len(here.steps) < 10 and not here.ended:
        here.draw(sampling)
    alone = write_samples(model, PROMPT, sampling, n=1, max_tokens=10, seed=3)
    assert here.ids == list(alone.ids[0])


def test_going_back_finds_the_logits_again_and_the_other_path_can_be_taken() -> None:
    here = Writing(lm.load(), PROMPT)
    before = here.logits.copy()
    here.likeliest(Sampling())
    second = here.logits.copy()
    other = int(np.argsort(-before)[1])
    here.back()
    np.testing.assert_array_equal(here.logits, before)
    step = here.take(other, Sampling())
    assert step.turned
    assert step.prob < step.best_prob
    assert here.ids == [other]
    here.restart()
    here.likeliest(Sampling())
    np.testing.assert_allclose(here.logits, second, atol=1e-9)
    assert here.counts.sum() == 1


def test_a_text_that_has_ended_takes_no_more_and_a_prompt_must_fit() -> None:
    model = lm.load()
    here = Writing(model, PROMPT)
    here.take(model.tokenizer.special["<|im_end|>"], Sampling())
    assert here.ended
    with pytest.raises(ParameterError, match="the text has ended"):
        here.draw(Sampling())
    with pytest.raises(ParameterError, match="prompt: it has"):
        Writing(model, "word " * 5000)


def test_writing_many_can_be_stopped_half_way() -> None:
    asked: list[int] = []
    made = write_samples(
        lm.load(), PROMPT, Sampling(), n=3, max_tokens=20, told=asked.append, stopped=lambda: len(asked) >= 6
    )
    assert made.stopped
    assert 0 < sum(map(len, made.ids)) < 60
    assert "Stopped" in made._repr_html_()


# --- the sampling explorer -------------------------------------------------------------------------------------------


@pytest.fixture
def explorer() -> Any:
    return widgets.sampling_explorer(PROMPT, temperature=0.7, top_k=5)


def test_the_explorer_is_well_made_and_starts_as_told(explorer: Any) -> None:
    assert_well_made(explorer)
    assert explorer.sampling == Sampling(temperature=0.7, top_k=5)
    assert explorer.numbers()["tokens_left"] == 5
    assert str(explorer.view.bars_html()) == explorer._bars.value
    bundle = explorer._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == explorer.summary()
    assert "cut by top_k" in bundle["text/plain"]


def test_each_slider_of_the_explorer_reaches_the_sampler(explorer: Any) -> None:
    for name, value in {"temperature": 0.3, "top_k": 7, "top_p": 0.5, "min_p": 0.1, "frequency_penalty": 0.5,
                        "presence_penalty": -0.5, "repetition_penalty": 1.5}.items():  # fmt: skip
        explorer.knobs[name].field.value = value
        assert getattr(explorer, name) == pytest.approx(value)
        assert getattr(explorer.sampling, name) == pytest.approx(value)
        assert explorer._bars.value == str(explorer.view.bars_html())
    with pytest.raises(ParameterError, match=r"^temperature: 3 is outside the slider's range"):
        explorer.temperature = 3
    explorer.reset()
    assert explorer.sampling == Sampling()


def test_a_click_on_a_token_writes_it_and_back_takes_it_away(explorer: Any) -> None:
    first = explorer.view.rows[1].token
    explorer._tokens[1].click()
    assert [step.token for step in explorer.steps] == [first]
    named(explorer, "Draw a token").click()
    named(explorer, "Back").click()
    assert len(explorer.steps) == 1
    named(explorer, "Start over").click()
    assert explorer.text == ""


def test_a_click_can_choose_a_token_for_a_bias_instead(explorer: Any) -> None:
    explorer._mode.value = "bias"
    token = explorer.view.rows[2].token_id
    explorer._tokens[2].click()
    explorer._bias.field.value = 9.5
    assert explorer.steps == []
    assert explorer.sampling.logit_bias == {token: 9.5}
    explorer.bias(token, 0)
    assert explorer.sampling.logit_bias == {}
    assert explorer._bias.value == 0
    with pytest.raises(ParameterError, match="no token is 'quark'"):
        explorer.bias("quark", 1)


def test_what_a_click_cannot_do_is_said_in_a_sentence(explorer: Any) -> None:
    explorer.take("<|im_end|>")
    named(explorer, "Draw a token").click()
    assert "the text has ended" in explorer.status.value
    before = explorer.summary()
    explorer._prompt.value = "word " * 5000
    assert "the model reads" in explorer.status.value
    assert before.splitlines()[1] == explorer.summary().splitlines()[1]
    explorer._prompt.value = HOSTILE
    assert explorer.status.value == ""
    assert_inert(str(explorer.html()))


def test_many_texts_are_written_beside_the_main_thread_and_the_same_from_code(explorer: Any) -> None:
    explorer._n.set(4)
    explorer._length.set(5)
    named(explorer, "Write them").click()
    assert explorer.wait(120)
    clicked = explorer.written
    assert clicked.numbers()["texts"] == 4
    assert explorer.samples(4, 5).texts == clicked.texts
    assert clicked._repr_html_() in explorer._many.value
    assert not named(explorer, "Write them").disabled
    assert named(explorer, "Stop").disabled


def test_an_unknown_slider_or_model_is_named_with_the_nearest() -> None:
    with pytest.raises(ParameterError, match="Did you mean 'temperature'"):
        widgets.sampling_explorer(temperatur=1)
    with pytest.raises(LabError, match="no model 'lab-chad'"):
        widgets.sampling_explorer(model="lab-chad")


# --- fields of a request and calls: the plain functions --------------------------------------------------------------


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(pace="quick")


def test_every_documented_parameter_of_every_provider_is_a_control_that_starts_with_what_it_may_be(lab: Lab) -> None:
    for provider in lab.facts.values():
        controls = fields_of(provider)
        apart = {"model", "messages", "system", "stream", "stream_options"}
        assert set(controls) == set(provider.parameters) - apart
        for name, field in controls.items():
            known = provider.parameters[name]
            assert out_of_range(known, field.start) == "", (provider.id, name)
            if field.kind == "slider":
                assert field.minimum <= field.start <= field.maximum
                assert field.maximum == known.maximum


def test_a_range_is_the_providers_own(lab: Lab) -> None:
    """docs.mistral.ai: temperature 0 to 1.5; OpenAI's reference: 0 to 2; Fireworks: top_k 0 to 100."""
    ranges = {name: fields_of(lab.facts[name])["temperature"].maximum for name in ("mistral", "openai")}
    assert ranges == {"mistral": 1.5, "openai": 2.0}
    top_k = fields_of(lab.facts["fireworks"])["top_k"]
    assert (top_k.minimum, top_k.maximum, top_k.whole, top_k.kind) == (0, 100, True, "slider")
    with pytest.raises(ParameterError, match="Did you mean 'temperature'"):
        field_of(lab.facts["openai"], "temprature")


TRIED = [
    ("groq", "logprobs", True),
    ("groq", "frequency_penalty", 1.0),
    ("mistral", "temperature", 1.6),
    ("openai", "temperature", 0.5),
    ("openai", "top_p", 1.5),
    ("openai", "quark", 1),
    ("lab", "n", 2),
    ("ollama", "logit_bias", {"1": 1}),
    ("fireworks", "stop", ["a", "b", "c", "d", "e"]),
    ("anthropic", "temperature", 0.5),
]


@pytest.mark.parametrize(("provider", "name", "value"), TRIED)
def test_a_field_is_judged_refused_exactly_where_the_provider_refuses_it(
    lab: Lab, provider: str, name: str, value: Any
) -> None:
    known = lab.facts[provider]
    body = body_of(known, lab.model(provider), [{"role": "user", "content": "Hi"}], {"max_tokens": 8, name: value})
    one = judged(known, known.models[body["model"]], body, name)
    call = follow(lab, Call(known, body, "local", "quick"))
    assert (one.fate == "refused") == (call.state == "refused"), (one, call.problem)
    assert one.source


def test_in_anthropics_dialect_the_system_text_is_a_field_and_empty_messages_are_left_out(lab: Lab) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                {"role": "user", "content": ""}]  # fmt: skip
    body = body_of(lab.facts["anthropic"], "m", messages, {"max_tokens": 5})
    assert body == {"model": "m", "system": "Be brief.", "messages": messages[1:2], "max_tokens": 5, "stream": True}
    body = body_of(lab.facts["openai"], "m", messages, {}, stream=False)
    assert body == {"model": "m", "messages": messages[:2]}


@pytest.mark.parametrize("provider", ["lab", "anthropic", "deepseek", "ollama", "mistral"])
def test_a_call_is_followed_to_its_end_in_every_dialect(lab: Lab, provider: str) -> None:
    known, told = lab.facts[provider], []
    body = body_of(known, lab.model(provider), [{"role": "user", "content": "Say hello."}], {"max_tokens": 40})
    call = Call(known, body, place_of(lab, provider), "quick")
    follow(lab, call, tell=lambda: told.append(call.said))
    assert call.state == "complete"
    assert call.said or call.working
    assert told[-1] == call.said
    assert all(call.said.startswith(each) for each in told)
    assert call.tokens[1] > 0
    assert dict(call.figures(lab))["pace"] == "local, quick"


@pytest.mark.parametrize(
    ("kind", "state", "says"),
    [("overloaded", "refused", "answers 503"), ("cut", "failed", "incomplete"), ("refused", "failed", "Nobody answers"),
     ("reset", "failed", "connection broke"), ("unknown_host", "failed", "Nobody answers")],
)  # fmt: skip
def test_what_goes_wrong_is_a_sentence(lab: Lab, kind: str, state: str, says: str) -> None:
    known = lab.facts["groq"]
    body = body_of(known, lab.model("groq"), [{"role": "user", "content": "Tell me a joke."}], {"max_tokens": 60})
    with lab.fault("groq", kind):
        call = follow(lab, Call(known, body))
    assert (call.state, call.over) == (state, True)
    assert says in call.problem
    assert call.problem.endswith((".", "!"))


def test_a_provider_that_falls_silent_is_given_up_in_a_sentence_or_stopped_by_hand(lab: Lab) -> None:
    known = lab.facts["groq"]
    body = body_of(known, lab.model("groq"), [{"role": "user", "content": "Tell me a joke."}], {"max_tokens": 60})
    with lab.fault("groq", "stall", after=2, seconds=120):
        late = follow(lab, Call(known, body), timeout_s=1.0)
        assert late.problem.startswith("Groq sent nothing for 1 s")
        call, begun = Call(known, body), threading.Event()
        run = Run(
            lambda run: follow(lab, call, run=run, tell=lambda: begun.set() if call.raw else None) and None,
            lambda: None,
        )
        run.start()
        assert begun.wait(60)
        run.stop()
        run._thread.join(30)
        assert not run._thread.is_alive()
    assert call.state == "stopped"


# --- the request playground ------------------------------------------------------------------------------------------


@pytest.fixture
def playground(lab: Lab) -> Any:
    return widgets.request_playground(lab, "deepseek", temperature=0.3)


def test_the_playground_shows_the_request_as_it_is_sent(lab: Lab, playground: Any) -> None:
    assert_well_made(playground)
    playground.set("seed", 7)
    playground.set("stop", ["END"])
    before = len(lab.log)
    call = playground.send()
    sent = lab.log[before].request
    assert json.loads(sent.body) == playground.body
    assert json.dumps(playground.body["stop"]) in playground._request.value.replace("&quot;", '"')
    assert sent.url == str(playground.request.url)
    assert str(len(sent.body)) in playground._request.value
    assert call.said in playground.summary()
    assert "$DEEPSEEK_API_KEY" in playground.curl
    assert "usage" not in playground.status.value
    assert call.spoke() in playground._answer.value


def test_each_field_of_the_playground_is_marked_with_its_fate_here_and_now(playground: Any) -> None:
    """DeepSeek, guide to thinking mode: temperature has no effect while thinking."""
    assert playground.judged("temperature").fate == "ignored"
    playground.set("thinking", {"type": "disabled"})
    assert playground.judged("temperature").fate == "honoured"
    assert "honoured" in playground._settings["temperature"].mark.value
    playground.leave_out("temperature")
    assert "temperature" not in playground.body
    playground._add.value = "top_p"
    assert playground.body["top_p"] == 1
    with pytest.raises(ParameterError, match=r"^temperature: 3 is outside"):
        playground.set("temperature", 3)


def test_another_provider_keeps_the_fields_that_it_takes(playground: Any) -> None:
    playground.set("stop", ["x"])
    playground.provider = "anthropic"
    assert "Left out" in playground.status.value
    assert "stop" in playground.status.value
    assert playground.body["max_tokens"] == 128
    assert "stop" not in playground.body
    assert playground.model in playground.lab.facts["anthropic"].models
    assert playground.send().state in ("complete", "refused")


def test_two_providers_are_compared(playground: Any) -> None:
    with pytest.raises(ParameterError, match="nobody is compared"):
        playground.difference  # noqa: B018
    playground.compare_with = "mistral"
    assert any(line.where == "body.model" for line in playground.difference.lines)
    assert "body.model" in playground._request.value
    assert "sk-" not in playground._request.value
    with pytest.raises(ParameterError, match="Did you mean 'mistral'"):
        playground.compare_with = "mistrall"


def test_no_text_of_a_person_can_break_the_playground(playground: Any) -> None:
    playground.messages = [{"role": "user", "content": HOSTILE}]
    for view in ("JSON", "curl", "all parameters", "difference"):
        playground._view.value = view
        assert_inert(playground._request.value)
    playground._extra.value = "{"
    assert "not JSON yet" in playground.status.value
    playground._extra.value = "[1]"
    assert "must be an object" in playground.status.value
    playground._extra.value = json.dumps({"quark": HOSTILE})
    assert playground.body["quark"] == HOSTILE
    playground.set("stop", ["x"])
    playground._settings["stop"].control.value = '["x'
    assert "stop is not JSON yet" in playground.status.value
    assert "stop" not in playground.body
    call = playground.send()
    assert call.over
    assert_inert(playground._answer.value)
    assert_inert(str(playground.html()))


def test_messages_are_added_changed_and_taken_away(playground: Any) -> None:
    named(playground, "Add a message").click()
    role, text, _ = playground._rows[-1]
    role.value, text.value = "assistant", "Why?"
    assert playground.body["messages"][-1] == {"role": "assistant", "content": "Why?"}
    playground._drop_message(role)
    assert len(playground.messages) == 2
    with pytest.raises(ParameterError, match="is no message"):
        playground.messages = [{"role": "user"}]


BOARDS: dict[str, Callable[[Lab], Any]] = {
    "sampling_explorer": lambda lab: widgets.sampling_explorer(),
    "request_playground": lambda lab: widgets.request_playground(lab, "deepseek"),
    "stream_scope": lambda lab: widgets.stream_scope(lab, "deepseek", max_tokens=60),
    "token_lens": lambda lab: widgets.token_lens(lab),
    "config_bench": lambda lab: widgets.config_bench(lab, endpoint="DeepSeek"),
    "compare_board": lambda lab: widgets.compare_board(lab, ["deepseek"], max_tokens=60),
    "error_lab": lambda lab: widgets.error_lab(lab, "deepseek"),
}
SENDS = ("request_playground", "stream_scope", "config_bench", "compare_board", "error_lab")


def shown(board: Any) -> str:
    """What a person reads on a board."""
    return "".join(each.value for each in inside(board.box) if type(each).__name__ == "HTML")


@pytest.fixture(scope="module")
def stopped() -> Lab:
    """A lab whose server has stopped."""
    other = Lab(day="2026-11-19", pace="quick")
    other._server.stop()
    return other


@pytest.mark.parametrize("name", SENDS)
def test_a_stopped_server_is_told_in_a_sentence(stopped: Lab, name: str) -> None:
    board = BOARDS[name](stopped)
    if name == "error_lab":
        board.mend()
    assert "Nobody answers" not in shown(board)
    board.send()
    assert "Nobody answers" in shown(board)
    assert "Nobody answers" in board.summary() or board.diagnosis.first.id == "refused"
    assert not board._send.disabled
    assert board._halt.disabled


@pytest.mark.parametrize("name", SENDS)
def test_a_provider_that_falls_silent_is_told_in_a_sentence(
    lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a live one does that times out: the client waits, and gives up."""
    board = BOARDS[name](lab)
    monkeypatch.setattr("labkit.session.TIMEOUT_S", 1.0)
    with lab.fault("deepseek", "slow_first_byte", seconds=60):
        if name == "error_lab":
            board.fault = "slow_first_byte"
            monkeypatch.setitem(PATIENCE_S, "slow_first_byte", 1.0)
            board.send()
        elif name == "config_bench":
            board.send()
        else:
            board.send(timeout_s=1.0)
    assert "sent nothing for" in shown(board)
    assert "given up" in board.summary() or name == "error_lab"
    assert not board._send.disabled
    assert lab.faults() == []


# --- the stream scope ------------------------------------------------------------------------------------------------

# As captured from OpenAI's API (the shape of its reference, chat/streaming), cut where a network may cut it.
STREAM = [
    (0.10, b": keep-alive\n\n"),
    (0.20, b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\nda'),
    (0.30, b'ta: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'),
    (0.40, b'data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n'),
    (0.50, b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'),
    (0.60, b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'),
    (0.70, b"data: [DONE]\n\n"),
]


def test_each_event_of_a_stream_has_its_time_and_kind(lab: Lab) -> None:
    view = timeline(lab.facts["openai"], STREAM)
    assert [(beat.t_s, beat.kind) for beat in view.beats] == [
        (0.1, "keep-alive"), (0.2, "frame"), (0.3, "text"), (0.4, "text"), (0.5, "frame"), (0.6, "usage"), (0.7, "end"),
    ]  # fmt: skip
    assert view.text == "Hello"
    assert not view.cut
    assert b"".join(beat.raw for beat in view.beats) == b"".join(part for _, part in STREAM)
    assert view.numbers()["events"] == 7
    assert dict(view.figures())["longest silence"] == "100 ms"


def test_a_cut_an_error_and_broken_json_are_told_apart(lab: Lab) -> None:
    known = lab.facts["openai"]
    cut = timeline(known, STREAM[:3] + [(0.5, b'data: {"choi')], "failed")
    assert cut.beats[-1].kind == "unfinished"
    assert cut.cut
    assert "broke off" in str(cut)
    error = timeline(known, [*STREAM[:3], (0.4, b'data: {"error":{"message":"overloaded"}}\n\n')])
    assert error.beats[-1].kind == "error"
    broken = timeline(known, [*STREAM[:3], (0.4, b'data: {"choices":[{"de\n\n')])
    assert broken.beats[-1].kind == "broken"


def test_what_a_stream_says_is_inert_in_every_part_of_the_scope(lab: Lab) -> None:
    said = json.dumps({"choices": [{"index": 0, "delta": {"content": HOSTILE}}]}, ensure_ascii=False)
    view = timeline(lab.facts["openai"], [(0.1, f"data: {said}\n\n: {HOSTILE}\n\n".encode())])
    for number in range(len(view.beats)):
        assert_inert(view.strip(number) + view.event(number))
    assert "alert(1)" in Inside(view.event(0)).text


@pytest.fixture
def scope(lab: Lab) -> Any:
    return widgets.stream_scope(lab, "deepseek", max_tokens=40)


@pytest.mark.parametrize("provider", ["deepseek", "anthropic", "openrouter", "mistral", "groq", "ollama"])
def test_the_scope_reads_every_providers_stream(scope: Any, provider: str) -> None:
    scope.provider = provider
    view = scope.send()
    assert view.state == "complete"
    assert not view.cut
    numbers = scope.numbers()
    assert numbers["bytes"] == len(scope.call.raw)
    assert numbers.get("text", 0) + numbers.get("working", 0) > 1
    assert view.text == scope.call.said
    assert "ended as it should" in scope.status.value


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [("cut", "text", "incomplete"), ("error_event", "error", "in the middle of the stream"),
     ("truncated_json", "broken", "no JSON"), ("stall", "end", "ended as it should")],
)  # fmt: skip
def test_the_scope_shows_what_went_wrong(scope: Any, fault: str, kind: str, says: str) -> None:
    scope.provider = "openai"
    scope.fault, scope.after = fault, 2
    FAULTS["stall"]["seconds"] = 0.5
    view = scope.send()
    assert kind in {beat.kind for beat in view.beats}
    assert says in scope.status.value
    assert view.cut == (fault == "cut")
    assert scope.lab.faults() == []


def test_the_scope_is_well_made_and_its_event_is_chosen_by_slider_button_or_code(scope: Any) -> None:
    assert_well_made(scope)
    assert scope.summary() == "Nothing was sent yet."
    view = scope.send()
    scope.event = 3
    assert f"event 3 of {len(view.beats) - 1}" in scope._event.value
    named(scope, "Next").click()
    assert scope.event == 4
    for _ in range(6):
        named(scope, "Before").click()
    assert scope.event == 0
    assert_well_made(scope)
    with pytest.raises(ParameterError, match="Did you mean 'stall'"):
        scope.fault = "stal"


# --- the token lens --------------------------------------------------------------------------------------------------


def test_tokens_joined_are_the_text_and_the_counts_add_up() -> None:
    for text in (*GREETINGS.values(), HOSTILE, "", " ", "a\ud800b"):
        view = widgets.tokenise(text)
        assert b"".join(piece.data for piece in view.pieces).decode() == view.text
        assert [piece.token_id for piece in view.pieces] == lm.load().tokenizer.encode(view.text)
        assert view.numbers()["tokens"] == len(view.pieces)
        assert_inert(view._repr_html_())
    family = widgets.tokenise("👩")  # four bytes; a token of one byte is no whole character
    assert family.numbers()["bytes"] == 4
    assert all(not piece.whole for piece in family.pieces) or len(family.pieces) == 1


def test_price_and_window_are_the_facts_own(lab: Lab) -> None:
    for charge, provider in zip(charges(lab, 1000), lab.facts.values(), strict=True):
        model = provider.model("chat")
        assert charge.model == model.id
        if model.context_tokens:
            assert charge.share == pytest.approx(1000 / model.context_tokens)
    assert "does not fit" in charges_html(lab, 10_000_000)


class FakeTiktoken:
    """What the lens uses of the tiktoken package: an encoding whose tokens are bytes."""

    def get_encoding(self, name: str) -> Any:
        return self

    def encode(self, text: str, disallowed_special: tuple[str, ...]) -> list[int]:
        return list(text.encode())

    def decode_single_token_bytes(self, id: int) -> bytes:
        return bytes([id])


def test_tiktoken_is_offered_only_where_it_is_installed_and_its_file_is_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """tiktoken/load.py: the file's name is the SHA-1 of its address, in TIKTOKEN_CACHE_DIR."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "tiktoken", FakeTiktoken())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert tokenizers() == lm.names()
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(address.encode()).hexdigest()).touch()
    assert tokenizers() == [*lm.names(), "tiktoken o200k_base"]
    assert widgets.tokenise("né", "tiktoken o200k_base").numbers()["tokens"] == 3
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tokenizers() == lm.names()


def test_the_lens_follows_its_text_from_hand_and_from_code(lab: Lab) -> None:
    lens = widgets.token_lens(lab, "Hello")
    assert_well_made(lens)
    lens._text.value = HOSTILE
    assert lens.numbers()["characters"] == len(HOSTILE)
    assert_inert(lens._tokens.value + lens._below.value)
    named(lens, "sample text").value = "Japanese"
    assert lens.text == GREETINGS["Japanese"]
    lens._which.value = "languages"
    assert "Japanese" in lens._below.value
    lens.text = "word " * 3000
    assert "more tokens" in lens._tokens.value
    assert lens.numbers()["tokens"] > 2999
    with pytest.raises(ParameterError, match="cannot be chosen"):
        lens.tokenizer = "tiktoken"


# --- the config bench ------------------------------------------------------------------------------------------------

ENDPOINT = """version: "1.3.17"
endpoints:
  custom:
    - name: "DeepSeek"  # kept
      apiKey: "${DEEPSEEK_API_KEY}"
      baseURL: "https://api.deepseek.com"
      models: {default: ["deepseek-flash"], fetch: false}
"""


def test_what_is_dropped_and_added_is_the_difference_and_its_bytes() -> None:
    text = with_add(with_drop(ENDPOINT, ["temperature", "user"]), {"reasoning_effort": "low"})
    assert "# kept" in text
    view = benched(text, "Hi", chosen={"temperature": 0.7}, profile="legacy")
    assert view.problem == ""
    assert {line.where: line.second for line in view.difference.lines} == {
        "body.temperature": "—", "body.user": "—", "body.reasoning_effort": '"low"',
    }  # fmt: skip
    without = len('"temperature":0.7,') + len('"user":"lab-user-id",') - len('"reasoning_effort":"low",')
    assert view.numbers()["bytes_saved"] == view.saved_bytes == without
    assert view.dropped == ("temperature", "user")
    assert with_add(with_drop(text, []), {}) == ENDPOINT


def test_librechat_0_8_knows_some_fields_by_other_names_and_the_bench_says_so() -> None:
    view = benched(with_drop(ENDPOINT, ["max_tokens"]), "Hi", chosen={"max_tokens": 50})
    assert view.body["max_tokens"] == 50
    assert not view.difference
    assert "maxTokens" in view.names()
    assert "sent all the same" in view.findings_html()


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "This is no YAML"), ("", "no endpoint"), ("endpoints: 1", "no endpoint"), ("a: 1\na: 2", "no YAML"),
     ("endpoints: {custom: [{name: x}]}", "drops the endpoint"),
     (ENDPOINT.replace("https://api.deepseek.com", "nowhere"), "")],
)  # fmt: skip
def test_a_text_that_is_no_endpoint_is_a_sentence(text: str, says: str) -> None:
    view = benched(text)
    assert says in view.problem
    assert view.findings
    assert_inert(view._repr_html_())
    assert view.numbers()["bytes_saved"] == 0


def test_a_key_that_stands_in_a_file_is_shown_nowhere(lab: Lab, tmp_path: Path) -> None:
    secret = "sk-proj-" + "Ab1" * 12
    path = tmp_path / "librechat.yaml"
    path.write_text(ENDPOINT.replace("${DEEPSEEK_API_KEY}", secret), encoding="utf-8")
    bench = widgets.config_bench(lab, str(path))
    assert secret not in bench.text
    bench.text = ENDPOINT.replace("${DEEPSEEK_API_KEY}", secret)
    for shown in (str(bench.html()), bench.summary(), bench._request.value, bench.status.value):
        assert secret not in shown


@pytest.fixture
def bench(lab: Lab) -> Any:
    return widgets.config_bench(lab, endpoint="DeepSeek")


def test_ticks_change_the_yaml_and_the_yaml_changes_the_ticks(bench: Any) -> None:
    assert_well_made(bench)
    named(bench, "temperature").value = True
    assert bench.drop == ["temperature"]
    assert "dropParams:" in bench.text
    named(bench, "seed: 7").value = True
    assert bench.add == {"seed": 7}
    bench.drop = []
    assert "dropParams" not in bench.text
    assert not named(bench, "temperature").value
    named(bench, "addParams").value = '{"top_k": 5}'
    assert bench.add == {"top_k": 5}
    named(bench, "addParams").value = "{"
    assert "must be a JSON object" in bench.status.value
    assert bench.add == {"top_k": 5}
    with pytest.raises(ParameterError, match="no list of names"):
        bench.drop = "temperature"


def test_the_bench_sends_what_it_shows(lab: Lab, bench: Any) -> None:
    bench.drop = ["user"]
    before = len(lab.log)
    call = bench.send()
    assert call.state == "complete"
    assert json.loads(lab.log[before].request.body) == bench.view.body
    assert "user" not in bench.view.body
    bench.text = "a: ["
    assert "no YAML" in bench.status.value
    named(bench, "Send").click()
    assert "no YAML" in bench.status.value
    bench.text = ENDPOINT.replace("https://api.deepseek.com", "https://example.com/v1")
    named(bench, "Send").click()
    assert "Nobody whom the facts know" in bench.status.value


def test_every_endpoint_of_the_labs_file_can_be_sent_from_the_bench(lab: Lab, bench: Any) -> None:
    for name in bench._endpoint.options:
        bench.endpoint = name
        assert bench.send().status == 200, (name, bench.call.problem)
    bench.message = HOSTILE
    bench.chosen = {"temperature": 0.5, "promptPrefix": HOSTILE}
    assert_inert(str(bench.html()) + bench._request.value)


# --- the compare board -----------------------------------------------------------------------------------------------


def test_one_prompt_goes_to_eight_targets_at_once_and_each_is_marked_with_its_pace(lab: Lab) -> None:
    eight = [name for name in lab.facts if name != "openrouter"]
    board = widgets.compare_board(lab, eight, "Say hello.", max_tokens=40)
    assert_well_made(board)
    race = board.send()
    assert [call.state for call in race.calls] == ["complete"] * 8
    assert {row["pace"] for row in board.numbers()} == {"local, quick"}
    assert all(row["tokens_out"] > 0 for row in board.numbers())
    assert "All have answered" in board.status.value
    assert_inert(str(board.html()))
    with pytest.raises(ParameterError, match="Choose from 1 to 8"):
        board.targets = list(lab.facts)


def test_a_reasoning_model_is_asked_in_the_words_that_it_takes_as_lab_compare_does(lab: Lab) -> None:
    board = widgets.compare_board(lab, ["openai:reasoner"], "Say hello.", max_tokens=30)
    race = board.send()
    assert [call.state for call in race.calls] == ["complete"]
    sent = lab.compare("Say hello.", ["openai:reasoner"], n=1, max_tokens=30, warm_up=False).exchanges[0]
    assert sent is not None
    assert race.calls[0].body == sent.request.json()


def test_what_live_targets_cost_at_most_is_said_before_they_are_sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    board = widgets.compare_board(lab, ["mistral"], max_tokens=20)
    seen: list[str] = []
    monkeypatch.setattr(lab, "plan", lambda calls: f"Live: {len(list(calls))} call, at most 1 USD.")
    monkeypatch.setattr("labkit.widgets.racing.Race.go", lambda *_: seen.append(board.status.value))
    board.send()
    assert len(seen) == 1
    assert "Sent to 1 … Live: 1 call, at most 1 USD." in seen[0]


def test_what_one_target_refuses_leaves_the_others_alone(lab: Lab) -> None:
    board = widgets.compare_board(lab, ["mistral", "groq"], HOSTILE, max_tokens=20)
    with lab.fault("groq", "overloaded"):
        race = board.send()
    assert [call.state for call in race.calls] == ["complete", "refused"]
    assert "1 answered, 1 did not" in board.status.value
    assert "answers 503" in board._cards.value
    assert_inert(board._cards.value + board._table.value)
    assert "503" in board.summary()


def test_stop_stops_all_that_still_run(lab: Lab) -> None:
    board = widgets.compare_board(lab, ["mistral", "groq"], max_tokens=40)
    with lab.fault("groq", "stall", after=1, seconds=120):
        named(board, "Send to all").click()
        for _ in range(600):
            if board.race.calls[0].over:
                break
            threading.Event().wait(0.1)
        named(board, "Stop").click()
        assert board.wait(60)
    assert [call.state for call in board.race.calls] == ["complete", "stopped"]


def test_targets_are_named_in_three_ways_and_a_wrong_one_is_told(lab: Lab) -> None:
    model = lab.model("mistral", "strong")
    board = widgets.compare_board(lab, ["deepseek", ("mistral", model), f"mistral · {lab.model('mistral')}"])
    assert [one.model for one in board.targets] == [lab.model("deepseek"), model, lab.model("mistral")]
    with pytest.raises(ParameterError, match="no model 'nothing'"):
        board.targets = [("mistral", "nothing")]
    board._targets.value = ()
    assert "from 1 to 8" in board.status.value
    named(board, "Send to all").click()
    assert "Choose from 1 to 8" in board.status.value


# --- the error lab ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["deepseek", "anthropic", "openai"])
def test_every_case_goes_wrong_and_is_diagnosed_and_put_right_it_works(lab: Lab, provider: str) -> None:
    board = widgets.error_lab(lab, provider)
    assert_well_made(board)
    for case in cases(lab, provider):
        board.case = case
        diagnosis = board.send()
        assert not diagnosis.fine, case
        assert diagnosis.causes, case
        assert board.status.value, case
        assert_inert(str(board.html()))
    board.mend()
    assert board.send().fine
    assert "It works" in board.status.value
    assert board.numbers() == {"status": 200, "cause": None, "sure": None, "fine": True}
    assert lab.faults() == []


def test_a_call_is_mended_in_place(lab: Lab) -> None:
    board = widgets.error_lab(lab, "groq", "wrong key")
    assert board.send().first.id == "wrong_key"
    board.key = "the right key"
    board.body = {**board.body, "logprobs": True}
    assert board.send().first is not None
    body = board.body
    del body["logprobs"]
    board.body = body
    assert board.send().fine
    assert len(board.history) == 3
    assert "attempt 3: 200" in board.summary()
    board._which.value = "exchange"
    assert "groq/openai/v1/chat/completions" in board._shown.value


def test_no_text_can_break_the_error_lab(lab: Lab) -> None:
    board = widgets.error_lab(lab, "mistral", "unknown model")
    board.body = {**board.body, "model": HOSTILE}
    board.send()
    assert_inert(board._shown.value + board.status.value)
    board._body.value = HOSTILE
    assert "no JSON" in board.status.value
    assert board.send().first is not None
    board.path = HOSTILE
    board.send()
    board.provider = "ollama"
    assert board.case in cases(lab, "ollama")
    with pytest.raises(ParameterError, match="cannot be chosen"):
        board.case = "wrong key"
    with pytest.raises(ParameterError, match="has no case 'x'"):
        wrong(lab, "mistral", "x")


# --- without ipywidgets ----------------------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["ipywidgets"] = None
import labkit
from labkit import widgets
from labkit.errors import LabError
for name in widgets.__all__:
    try:
        getattr(widgets, name)
    except LabError as error:
        print(name, "|", error)
"""


def test_without_ipywidgets_labkit_works_and_every_widget_says_what_to_install() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.stderr == ""
    said = dict(line.split(" | ") for line in ran.stdout.splitlines())
    plain = {"next_token_view", "sampling_view", "tokenise"}
    assert set(said) == set(widgets.__all__) - plain
    assert all('pip install "ipywidgets>=8.1"' in each for each in said.values())


def test_an_exception_is_told_in_a_sentence() -> None:
    assert sentence_of(ValueError("a\nb")) == "This did not work: ValueError: a b."
    assert sentence_of(ParameterError("it is odd", where="n")) == "n: it is odd."


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", '{"a": NaN}'])
def test_a_number_that_json_cannot_carry_is_told_and_left_out(playground: Any, text: str) -> None:
    playground.set("user", "somebody")
    playground._settings["user"].control.value = text
    assert "user" not in playground.body
    assert "no number that JSON can carry" in playground.status.value


def test_half_of_a_surrogate_pair_goes_as_its_escape(playground: Any) -> None:
    playground.messages = [{"role": "user", "content": "a\ud800b"}]
    assert b'"a\\ud800b"' in playground.request.content
    assert "This did not work" not in playground.status.value

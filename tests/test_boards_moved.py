"""Every widget moved at random, as a browser moves it, without one: whatever is moved, nothing but sentences comes."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_boards import HOSTILE, assert_inert, inside

from labkit import Lab, lm, widgets
from labkit.widgets import board as boards
from labkit.widgets import panel
from labkit.widgets.scope import FAULTS

MOVES = 200
# What people type into the fields of this lab, right and wrong, beside any text at all.
TYPED = (
    HOSTILE, "", " ", "{", "{}", "[1]", "null", "NaN", "1e999", '"a"', '["x", "y"]', '{"temperature": 0.5}',
    '{"quark": {"a": [1, null]}}', '{"top_k": "many"}', '{"messages": 5}', "0", "-1", "endpoints: [", "a: 1\na: 2", "/",
    "/chat/completions", "//example.com/x", "http://example.com/v1", "?x=1#y", "\ud800", "word " * 2000, "👩‍🔬\u202e",
    "endpoints: {custom: [{name: x, apiKey: k, baseURL: 'https://api.deepseek.com', models: {default: [a]}}]}",
)  # fmt: skip


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(pace="quick")


MAKE: dict[str, Callable[[Lab], Any]] = {
    "temperature": lambda lab: widgets.temperature(np.linspace(3, -3, 4096), lm.load().tokenizer),
    "sampling_explorer": lambda lab: widgets.sampling_explorer(),
    "request_playground": lambda lab: widgets.request_playground(lab, "deepseek"),
    "stream_scope": lambda lab: widgets.stream_scope(lab, max_tokens=20),
    "token_lens": lambda lab: widgets.token_lens(lab),
    "config_bench": lambda lab: widgets.config_bench(lab),
    "compare_board": lambda lab: widgets.compare_board(lab, ["lab", "groq"], max_tokens=10),
    "error_lab": lambda lab: widgets.error_lab(lab),
}


def test_every_widget_is_moved_here() -> None:
    plain = {"next_token_view", "sampling_view", "tokenise"}
    assert set(MAKE) == set(widgets.__all__) - plain


def controls(box: Any) -> list[Any]:
    """What a person could move now: controls that are shown and not disabled."""
    return [
        each
        for each in inside(box)
        if type(each).__name__ not in ("VBox", "HBox", "HTML")
        and not getattr(each, "disabled", False)
        and each.layout.display != "none"
    ]


def moved(control: Any, random: Random) -> str:
    """Move a control as a browser would, by its state. Returns what was done."""
    kind, share, number = type(control).__name__, random.random(), random.randint(-(10**9), 10**9)
    text = random.choice(TYPED) if random.random() < 0.7 else "".join(map(chr, random.choices(range(32, 0x3100), k=9)))
    if kind == "Button":
        control.click()
        return f"click {control.description!r}"
    if kind in ("Dropdown", "ToggleButtons"):
        state: dict[str, Any] = {"index": int(share * (len(control.options) - 1) + 0.5)}
    elif kind == "SelectMultiple":
        last = len(control.options) - 1
        state = {"index": sorted({int(share * last), abs(number) % (last + 1)}) if number % 5 else []}
    elif kind == "Checkbox":
        state = {"value": share < 0.5}
    elif kind == "FloatSlider":  # as a browser reckons: not quite at the step
        state = {"value": control.min + control.step * round(share * (control.max - control.min) / control.step)}
    elif kind == "BoundedFloatText":  # the browser keeps what is typed in the range
        state = {"value": min(max(number / 7, control.min), control.max) if number % 2 else control.min + share}
        state["value"] = min(state["value"], control.max)
    elif kind in ("IntText", "FloatText"):
        state = {"value": number if kind == "IntText" else number / 7}
    else:
        assert kind in ("Text", "Textarea"), kind
        state = {"value": text}
    control.set_state(state)
    return f"{kind} {control.description!r} {state}"


@pytest.mark.parametrize("name", MAKE)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_two_hundred_moves_bring_no_traceback_and_nothing_that_acts(lab: Lab, name: str, seed: int) -> None:
    FAULTS["stall"]["seconds"] = FAULTS["slow_first_byte"]["seconds"] = 0.2
    board, random = MAKE[name](lab), Random(seed)
    done: list[str] = []
    for _ in range(MOVES):
        done.append(moved(random.choice(controls(board.box)), random))
        said = getattr(board, "status", None)
        # an exception that nobody foresaw is told too, but is a defect
        assert said is None or "This did not work" not in said.value, (said.value, done[-5:])
    if isinstance(board, boards.Board):
        board.stop()
        assert board.wait(60)
        assert_inert(str(board.html()))
        assert "This did not work" not in board.status.value, (board.status.value, done[-5:])
        assert isinstance(board.summary(), str)
    for each in inside(board.box):
        if type(each).__name__ == "HTML" and "<style>" not in each.value:
            assert_inert(each.value)


# --- where there is no JupyterLab ------------------------------------------------------------------------------------


def styles() -> str:
    return boards.STYLE + panel.gone().value


def test_every_variable_of_jupyterlab_has_something_to_fall_back_to() -> None:
    """VS Code, Notebook 7's exports and plain pages know none of them: var(--jp-…) alone would be nothing there."""
    every = styles() + "".join(
        each.value for make in MAKE.values() for each in inside(make(Lab(pace="quick")).box) if hasattr(each, "value")
        and isinstance(each.value, str)
    )  # fmt: skip
    used = re.findall(r"var\(([^()]*)\)", every)
    assert used
    assert [one for one in used if "," not in one] == []


def test_a_class_of_jupyterlab_alone_only_ever_shows_the_sentence_of_a_lost_kernel() -> None:
    """Layout and looks hang on the lab's own classes and on those of ipywidgets, which every front end has."""
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"@container[^{]*\{", "", styles().replace("<style>", "")))
    assert len(rules) > 20
    for selector, declared in rules:
        for part in selector.split(","):
            if ".jp-" in part:
                assert declared.split() in (["display:", "block;"], ["display:", "none;"]), (part, declared)


@pytest.mark.parametrize("name", MAKE)
def test_every_control_has_a_name_for_those_who_hear_it_and_is_reached_by_keyboard(lab: Lab, name: str) -> None:
    """Core widgets are native inputs, which the Tab key reaches; what is needed of the lab is a label for each."""
    board = MAKE[name](lab)
    for control in controls(board.box):
        kind = type(control).__name__
        assert control.description or control.tooltip, kind
        assert getattr(control, "tabbable", None) is not False, kind

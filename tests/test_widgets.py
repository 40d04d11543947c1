"""The temperature slider and the plain function under it."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax
from scipy.stats import entropy

from labkit import widgets
from labkit.errors import ParameterError
from labkit.view.bars import Bar, bars_html, bars_text
from labkit.view.one_line import one_line
from labkit.widgets.next_token import token_text

ROOT = Path(__file__).parent.parent
WORDS = [" yes", " no", "\n", "<b>", "\u202e", "é", "$", "\t\x1b"]


class Vocabulary:
    """Tokens by their bytes, which is all that a view asks of a tokenizer."""

    def __init__(self, tokens: list[bytes]) -> None:
        self._tokens = tokens

    @property
    def vocab_size(self) -> int:
        return len(self._tokens)

    def token_bytes(self, id: int, /) -> bytes:
        return self._tokens[id]


EIGHT = Vocabulary([word.encode() for word in WORDS])
LOGITS = np.array([2.0, 1.0, 0.5, 0.0, -1.0, -2.0, -3.0, -np.inf])


class Inside(HTMLParser):
    """The text and the tags of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


# --- the plain function ----------------------------------------------------------------------------------------------

finite_logits = arrays(np.float64, 8, elements=st.floats(-50, 50))


@given(logits=finite_logits, temperature=st.floats(0.05, 5))
def test_its_numbers_are_those_of_scipy(logits: Any, temperature: float) -> None:
    view = widgets.next_token_view(logits, EIGHT, temperature, top=8)
    probs = softmax(logits / temperature)
    assert [row.prob for row in view.rows] == pytest.approx([probs[row.token_id] for row in view.rows], abs=1e-12)
    assert [row.prob_at_1 for row in view.rows] == pytest.approx(softmax(logits)[[r.token_id for r in view.rows]])
    assert view.entropy_bits == pytest.approx(entropy(probs, base=2), abs=1e-9)
    assert view.effective_choices == pytest.approx(2 ** entropy(probs, base=2))
    assert view.top_share == pytest.approx(probs.max())


@given(logits=finite_logits, temperature=st.floats(0, 5), top=st.integers(1, 10))
def test_rows_and_others_sum_to_one_and_the_order_never_changes(logits: Any, temperature: float, top: int) -> None:
    view = widgets.next_token_view(logits, EIGHT, temperature, top=top)
    assert len(view.rows) + view.others == 8
    assert sum(row.prob for row in view.rows) + view.others_prob == pytest.approx(1)
    at_1 = widgets.next_token_view(logits, EIGHT, 1, top=top)
    assert [row.token_id for row in view.rows] == [row.token_id for row in at_1.rows]


def test_temperature_0_gives_the_likeliest_token_everything() -> None:
    view = widgets.next_token_view(LOGITS, EIGHT, 0, top=3)
    assert [row.prob for row in view.rows] == [1.0, 0.0, 0.0]
    assert view.numbers() == {"temperature": 0.0, "entropy_bits": 0.0, "effective_choices": 1.0, "top_share": 1.0}


def test_equal_logits_are_told_apart_by_their_id() -> None:
    view = widgets.next_token_view(np.zeros(8), EIGHT, 0, top=2)
    assert [(row.token_id, row.prob) for row in view.rows] == [(0, 1.0), (1, 0.0)]
    assert widgets.next_token_view(np.zeros(8), EIGHT, 1).numbers()["entropy_bits"] == 3.0


def test_a_token_that_cannot_come_has_no_probability() -> None:
    view = widgets.next_token_view(LOGITS, EIGHT, 2.0, top=8)
    assert view.rows[-1].token_id == 7
    assert view.rows[-1].prob == 0.0


def test_it_leaves_the_logits_alone() -> None:
    logits = LOGITS.copy()
    widgets.next_token_view(logits, EIGHT, 0.5)
    np.testing.assert_array_equal(logits, LOGITS)


def test_as_text_it_says_the_same_as_its_numbers() -> None:
    view = widgets.next_token_view(np.log([8, 4, 2, 2, 1e-300, 1e-300, 1e-300, 1e-300]), EIGHT, 1, top=2)
    assert (
        str(view)
        == repr(view)
        == (
            "temperature 1.00 · entropy 1.75 bits\n"
            "effective choices 3.4 · top-1 share 50.0 %\n"
            "\n"
            "␣yes       50.0 %  ██████████\n"
            "␣no        25.0 %  █████\n"
            "6 others   25.0 %  █████"
        )
    )


def test_tokens_are_shown_with_nothing_unseen() -> None:
    assert [token_text(EIGHT, id) for id in range(8)] == ["␣yes", "␣no", "⏎", "<b>", "‹U+202E›", "é", "$", "⇥‹U+001B›"]
    assert token_text(Vocabulary([b"\xc3"]), 0) == "\\xc3"  # half of a character


@given(st.text())
def test_one_line_is_one_line_of_printable_signs(text: str) -> None:
    assert one_line(text).isprintable()
    assert len(one_line(text).splitlines()) <= 1
    assert " " not in one_line(text)


def test_its_html_holds_tokens_as_text_and_only_what_an_untrusted_notebook_keeps() -> None:
    html = widgets.next_token_view(LOGITS, EIGHT, 1.0)._repr_html_()
    inside = Inside(html)
    assert set(inside.tags) == {"div", "span", "b", "table", "tbody", "tr", "td"}
    assert {name for name, _ in inside.attributes} == {"style"}
    assert "<b>" in inside.text
    assert "\u202e" not in html
    assert "var(" not in html
    assert "0.5" not in inside.text  # a logit is no figure for a reader
    assert html == widgets.next_token_view(LOGITS, EIGHT, 1.0)._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((2, 8))}, "logits: they have the shape (2, 8)."),
        ({"logits": np.zeros(7)}, "a number for each of the tokenizer's 8 tokens"),
        ({"logits": np.full(8, -np.inf)}, "no token is possible"),
        ({"logits": np.array([np.nan] * 8)}, "NaN"),
        ({"logits": np.array([np.inf] * 8)}, "+inf"),
        ({"temperature": -1}, "temperature: -1 is out of range"),
        ({"top": 0}, "top: 0 is no number of rows. Give a whole number, 1 or more."),
        ({"top": 2.5}, "top: 2.5 is no number of rows"),
    ],
)
def test_what_it_cannot_show_it_names(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        widgets.next_token_view(**{"logits": LOGITS, "tokenizer": EIGHT, "temperature": 1.0, "top": 12, **change})
    assert message in str(caught.value)


def test_the_last_row_is_suggested_to_who_gives_all() -> None:
    with pytest.raises(ParameterError, match=r"model\.logits\(ids\)\[-1\]"):
        widgets.temperature(np.zeros((5, 8)), EIGHT)


def test_bars_need_no_mark_and_no_figures() -> None:
    assert bars_text([], []) == ""
    html = bars_html([], [Bar("a", 0.25), Bar("b & c", 0.75, rest=True)])
    assert html.count("position: absolute") == 0
    assert "b &amp; c" in html
    assert "width: 25.00%" in html


# --- the slider ------------------------------------------------------------------------------------------------------


@pytest.fixture
def knob() -> Any:
    return widgets.temperature(LOGITS, EIGHT, temperature=0.7, top=5)


def test_it_starts_where_it_was_told_and_shows_the_plain_function(knob: Any) -> None:
    view = widgets.next_token_view(LOGITS, EIGHT, 0.7, 5)
    assert knob.view == view
    assert knob.numbers() == view.numbers()
    assert knob.screen.value == view._repr_html_()
    assert str(knob) == str(view)


def test_slider_field_and_code_move_the_same_number(knob: Any) -> None:
    for move in (
        lambda: setattr(knob.control.slider, "value", 1.25),
        lambda: setattr(knob.control.field, "value", 1.25),
        lambda: knob.set(1.25),
    ):
        knob.set(0.3)
        move()
        assert (knob.control.slider.value, knob.control.field.value) == (1.25, 1.25)
        assert knob.screen.value == widgets.next_token_view(LOGITS, EIGHT, 1.25, 5)._repr_html_()


def test_a_number_between_two_hundredths_is_taken_to_the_nearest(knob: Any) -> None:
    knob.set(0.333)
    assert (knob.control.slider.value, knob.control.field.value) == (0.33, 0.33)
    knob.control.field.value = 0.338
    assert (knob.control.slider.value, knob.control.field.value) == (0.34, 0.34)
    knob.control.slider.value = 0.35000000000000003  # as a browser reckons 35 x 0.01
    assert (knob.control.field.value, knob.numbers()["temperature"]) == (0.35, 0.35)


def test_the_first_sixty_moves_of_a_drag_end_at_the_last(knob: Any) -> None:
    drawn = []
    knob.screen.observe(lambda change: drawn.append(change["new"]), "value")
    for step in range(60):
        knob.control.slider.value = step / 50
    assert drawn[-1] == widgets.next_token_view(LOGITS, EIGHT, 1.18, 5)._repr_html_()
    assert len(drawn) <= 60


def test_what_a_move_draws_goes_to_the_browser_before_the_number_beside_it(
    knob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("ipywidgets.Widget._send", lambda widget, message, buffers=None: sent.append((widget, message)))
    knob.control.slider.set_state({"value": 1.25})  # as the browser does
    updated = [widget for widget, message in sent if message["method"] == "update"]
    assert updated == [knob.screen, knob.control.field]


def test_it_keeps_its_own_copy_of_the_logits() -> None:
    logits = LOGITS.copy()
    knob = widgets.temperature(logits, EIGHT)
    before = knob.numbers()
    logits[:] = 0
    knob.set(0.5)
    knob.set(1.0)
    assert knob.numbers() == before


@pytest.mark.parametrize("wrong", [-0.01, 2.01, float("nan"), float("inf"), "1", None, True])
def test_set_refuses_what_is_no_number_from_0_to_2(knob: Any, wrong: Any) -> None:
    with pytest.raises(ParameterError, match=r"^temperature: .* Give a number from 0 to 2\.$"):
        knob.set(wrong)
    assert knob.numbers()["temperature"] == 0.7


def test_a_reader_without_widgets_sees_the_same_as_text_and_html(knob: Any) -> None:
    knob.set(0.2)
    bundle = knob._repr_mimebundle_(include=None, exclude=None)
    view = widgets.next_token_view(LOGITS, EIGHT, 0.2, 5)
    assert bundle["text/plain"] == str(view)
    assert bundle["text/html"] == view._repr_html_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == knob.box.model_id


def test_both_controls_are_labelled_and_no_label_is_cut_off(knob: Any) -> None:
    for each in (knob.control.slider, knob.control.field):
        assert each.description
        assert each.tooltip.startswith("temperature")
        assert each.style.description_width == "initial"
    assert knob.control.slider.continuous_update
    assert not knob.control.slider.readout


def test_nothing_but_core_widgets_and_no_output_widget(knob: Any) -> None:
    def inside(widget: Any) -> list[Any]:
        return [widget, *(each for child in getattr(widget, "children", ()) for each in inside(child))]

    names = [type(each).__name__ for each in inside(knob.box)]
    assert names == [
        "VBox",
        "HTML",
        "HBox",
        "FloatSlider",
        "BoundedFloatText",
        "HTML",
    ]  # the first tells of a lost kernel
    assert {type(each).__module__.split(".")[0] for each in inside(knob.box)} == {"ipywidgets"}


# --- the door --------------------------------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["ipywidgets"] = None
from labkit import widgets
from labkit.errors import LabError
import numpy as np
class Two:
    vocab_size = 2
    def token_bytes(self, id): return b"ab"[id:id + 1]
print(widgets.next_token_view([1.0, 0.0], Two(), 0).numbers()["top_share"])
try:
    widgets.temperature([1.0, 0.0], Two())
except LabError as error:
    print(error)
"""


def test_without_ipywidgets_the_plain_function_works_and_the_slider_says_what_to_install() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    number, sentence = ran.stdout.splitlines()
    assert number == "1.0"
    assert sentence.startswith("widgets.temperature: sliders need ipywidgets, and it is not installed")
    assert 'pip install "ipywidgets>=8.1"' in sentence


def test_asking_for_the_plain_function_loads_no_ipywidgets() -> None:
    code = "from labkit import widgets; widgets.next_token_view; import sys; print('ipywidgets' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "False\n"


def test_a_misspelt_widget_is_named_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"Did you mean 'temperature'\?"):
        widgets.temperatur  # noqa: B018
    assert set(widgets.__all__) <= set(dir(widgets))

"""The support matrix: four words, a colour and a page for each, measured once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from labkit import facts
from labkit.errors import ParameterError
from labkit.probe import Finding, Support
from labkit.probe.battery import battery
from labkit.probe.seen import Verdict
from labkit.probe.voices import voice_of
from labkit.session import Lab

KNOWN = facts.load()
MODELS = {name: provider.model().id for name, provider in KNOWN.items()}


def finding(parameter: str, verdict: Verdict, why: str = "as seen", status: int | None = None) -> Finding:
    return Finding(parameter, verdict, {parameter: 1}, why, status, "it says <no>" if status else "")


@pytest.fixture
def support() -> Support:
    providers = [KNOWN["groq"], KNOWN["anthropic"]]
    found = {
        "groq": {
            "temperature": finding("temperature", "honoured"),
            "top_k": finding("top_k", "refused", status=400),
            "user": finding("user", "accepted", "taken; no answer could show an effect"),
            "n": finding("n", "unclear"),
            "seed": finding("seed", "not tried", "the budget"),
        },
        "anthropic": {
            "temperature": finding("temperature", "ignored"),
            "stop_sequences": finding("stop_sequences", "honoured"),
        },
    }
    return Support(providers, MODELS, found)


def test_every_verdict_becomes_one_of_four_words(support: Support) -> None:
    frame = support.frame.set_index("parameter")
    assert list(frame.columns) == ["groq", "anthropic"]
    assert frame.groq.to_dict() == {
        "temperature": "honoured",
        "top_k": "refused",
        "user": "unknown",
        "n": "unknown",
        "seed": "unknown",
        "stop_sequences": "unknown",
    }
    assert frame.anthropic["temperature"] == "ignored"
    assert frame.anthropic["top_k"] == "unknown"


def test_each_cell_can_say_why_and_where_to_read(support: Support) -> None:
    why, sources = support.why.set_index("parameter"), support.sources.set_index("parameter")
    assert why.groq["top_k"] == "400: it says <no>"
    assert why.groq["seed"] == "the budget"
    assert "not tried" in why.anthropic["n"]
    told = KNOWN["groq"].sources_of("parameters.temperature")
    assert sources.groq["temperature"] == "; ".join(f"{one.url or one.what} ({one.as_of})" for one in told)
    assert (sources != "").all().all()


def test_the_html_has_word_colour_and_link_and_escapes_what_providers_say(support: Support) -> None:
    shown = support._repr_html_()
    cells = re.findall(r"<td style=\"[^\"]*background-color: rgba\(([^)]*)\)[^\"]*\">(\w+)<div", shown)
    assert [word for _, word in cells].count("unknown") == 8
    assert len({colour for colour, _ in cells}) == len({word for _, word in cells}) == 4
    assert 'href="https://console.groq.com' in shown
    assert "it says &lt;no&gt;" in shown
    for banned in ("<style", "<script", "<svg", "var(--"):
        assert banned not in shown


def test_what_was_measured_once_is_not_measured_again() -> None:
    lab = Lab(pace="quick")
    told: list[str] = []
    first = lab.support("groq", "anthropic", only=["top_k", "stop_sequences"], tell=told.append)
    assert told == ["groq", "anthropic"]
    frame = first.frame.set_index("parameter")
    assert frame.groq["top_k"] == frame.anthropic["top_k"] == "refused"
    assert frame.groq["stop_sequences"] == "unknown"  # a word of Anthropic's own
    assert frame.anthropic["stop_sequences"] == "honoured"
    sent = len(lab.log)
    assert str(lab.support("groq", "anthropic", only=["top_k", "stop_sequences"], tell=told.append)) == str(first)
    assert len(lab.log) == sent
    lab.support("groq", only=["logprobs"], tell=told.append)
    assert told == ["groq", "anthropic", "groq"]
    assert len(lab.log) > sent


def test_a_parameter_that_no_probe_tries_is_named() -> None:
    with pytest.raises(ParameterError, match="Did you mean 'temperature'"):
        Lab(pace="quick").support("groq", only=["temprature"])


def test_the_reasons_stand_below_each_other_and_a_long_name_may_break(support: Support) -> None:
    """Eight columns of sentences would be three times as wide as a page."""
    shown = support._repr_html_()
    assert "stop_<wbr>sequences" in shown
    told = re.search(r"<details.*?</details>", shown, re.DOTALL)
    assert told is not None
    assert told[0].count("<tr>") == 1 + len(support.parameters) * 2
    assert re.search(r"top_<wbr>k</td><td[^>]*>groq</td><td[^>]*>refused</td><td[^>]*>400: it says &lt;no&gt;", told[0])


BESIDE_THE_FILES_PX = 548  # what JupyterLab leaves an output in a window of 1000 pixels
PAGE = (
    "<style>body {{ font: 14px system-ui, sans-serif; width: {width}px; margin: 0 }}"
    "tr {{ background: #fff }}</style>{body}"
)


def test_the_whole_matrix_and_the_costs_fit_a_window_of_1000_pixels(browser: Any) -> None:
    providers = [provider for name, provider in KNOWN.items() if name != "lab"]
    names = list(dict.fromkeys(one.parameter for provider in providers for one in battery(voice_of(provider))))
    found = {one.id: {name: finding(name, "honoured") for name in names} for one in providers}
    lab = Lab(pace="quick")
    lab.compare("Hello", n=1, max_tokens=4, warm_up=False)
    page = browser.new_context(viewport={"width": 600, "height": 900}).new_page()
    for shown in (Support(providers, MODELS, found)._repr_html_(), lab.costs()._repr_html_()):
        page.set_content(PAGE.format(width=BESIDE_THE_FILES_PX, body=shown))
        assert page.evaluate("document.querySelector('table').scrollWidth") <= BESIDE_THE_FILES_PX
    page.context.close()


def test_a_table_too_wide_for_the_page_keeps_its_first_column_in_sight(browser: Any) -> None:
    lab = Lab(pace="quick")
    page = browser.new_context(viewport={"width": 600, "height": 900}).new_page()
    page.set_content(PAGE.format(width=BESIDE_THE_FILES_PX, body=lab.models()._repr_html_()))
    moved = page.evaluate(
        """() => { const held = document.querySelector('td'), wide = held.closest('div'), left = () =>
        [held, held.nextElementSibling.nextElementSibling].map(cell => cell.getBoundingClientRect().left)
        const before = left(); wide.scrollLeft = 300
        return [before, left(), getComputedStyle(held).backgroundColor] }"""
    )
    (held, other), (held_then, other_then), colour = moved
    assert held_then == held
    assert other_then == other - 300
    assert colour == "rgb(255, 255, 255)"  # its row's, so that what moves beneath it is not seen
    page.context.close()

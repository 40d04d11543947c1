"""Comparisons: one row a call whatever becomes of it, the same answers however many ask, exact costs."""

from __future__ import annotations

import itertools
import json
import statistics
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text
from scipy import stats

from labkit import plots
from labkit.compare import Comparison, Target
from labkit.compare.bootstrap import median_interval
from labkit.compare.reading import tokens_per_s
from labkit.compare.result import COLUMNS
from labkit.cost import Counts
from labkit.errors import FactsError, LiveRefused, ParameterError
from labkit.session import Lab
from labkit.wire import Answer, Exchange, Sent, sse_events

PROMPTS = ["Name a coffee shop.", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]]
HOT: dict[str, Any] = {"provider": "lab", "temperature": 1.3, "label": "hot"}
SAME = ["target", "model", "place", "prompt", "status", "tokens_in", "tokens_out", "cost_usd", "text", "failure"]


@pytest.fixture(scope="module")
def everybody() -> Comparison:
    return Lab(pace="quick").compare(PROMPTS, n=2, max_tokens=24)


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_all_eight_answer_every_prompt_as_often_as_asked(everybody: Comparison) -> None:
    table = everybody.table
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * 8 * 2
    assert set(table.status) == {200}
    assert table.failure.isna().all()
    assert Counter(zip(table.target, table.prompt, strict=True)).most_common()[-1][1] == 2
    assert set(table.lab_model) == {"lab-chat"}
    assert set(table.place) == {"local"}
    for name in ("total_s", "tokens_in", "tokens_out", "cost_usd"):
        assert table[name].notna().all(), name
    said = table[table.text != ""]  # a model that reasons unseen may have nothing left to say
    assert len(said) > 16
    assert (said.first_token_s <= said.total_s).all()


def test_a_row_says_what_its_exchange_says(everybody: Comparison) -> None:
    for (_, row), exchange in zip(everybody.table.iterrows(), everybody.exchanges, strict=True):
        assert exchange is not None
        assert exchange.response is not None
        assert row.status == exchange.status
        assert row.tokens_in == exchange.tokens[0]
        assert row.tokens_out == exchange.tokens[1]
        if row.target == "openai":
            data = [event.data for event in sse_events([exchange.response.body or b""]) if event.data[:1] == "{"]
            deltas = [choice["delta"] for one in data for choice in json.loads(one)["choices"]]
            assert row.text == "".join(delta.get("content") or "" for delta in deltas) != ""


def test_the_multiset_of_answers_is_the_same_with_any_number_of_workers() -> None:
    seen = []
    for workers, seed in ((None, 0), (1, 1), (3, 2), (16, 3)):
        lab = Lab(pace="quick")
        table = lab.compare(PROMPTS, [HOT, "openai", "anthropic"], n=3, max_tokens=10, workers=workers, seed=seed).table
        seen.append(Counter(map(repr, table[SAME].itertuples(index=False, name=None))))
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert len(seen[0]) > 9  # the answers do vary


def test_so_it_is_at_all_eight() -> None:
    seen = []
    for workers in (1, 16):
        table = Lab(pace="quick").compare(PROMPTS[:1], n=2, max_tokens=4, workers=workers, seed=workers).table
        seen.append(Counter(map(repr, table[SAME].itertuples(index=False, name=None))))
    assert seen[0] == seen[1]
    assert seen[0].total() == 8 * 2


def test_the_order_is_random_and_the_seed_fixes_it() -> None:
    def order(seed: int) -> list[str]:
        lab = Lab(pace="quick")
        lab.compare(["a", "b", "c"], ["lab"], n=3, max_tokens=1, seed=seed, workers=1, warm_up=False)
        return [str(exchange.request.json()["messages"][0]["content"]) for exchange in lab.log]

    assert order(0) == order(0) != order(1)
    assert order(0) != sorted(order(0))


def test_failures_are_rows_that_say_why() -> None:
    lab = Lab(pace="quick")
    refusing = {"provider": "openai", "temperature": 9, "label": "too hot"}
    with lab.fault("groq", "cut"), lab.fault("mistral", "refused"):
        found = lab.compare("Hello!", ["lab", refusing, "groq", "mistral"], n=2, max_tokens=6)
    table = found.table.set_index("target")
    assert list(table.index) == ["lab", "lab", "too hot", "too hot", "groq", "groq", "mistral", "mistral"]
    assert set(table.loc["too hot"].status) == {400}
    assert "temperature" in table.loc["too hot"].failure.iloc[0]
    assert set(table.loc["too hot"].cost_usd) == {Decimal(0)}
    assert table.loc["mistral"].status.isna().all()
    assert table.loc["mistral"].failure.str.contains("ConnectError").all()
    assert table.loc["groq"].failure.notna().all()
    summary = found.summary().set_index("target")
    assert list(summary.failed) == [0, 2, 2, 2]
    assert summary.loc["mistral"].isna()["total_s"]
    assert "ConnectError" in found.csv()


def test_a_call_that_the_budget_forbids_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-0123456789abcdef0123456789abcdef")
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.0000001")
    monkeypatch.setattr("labkit.compare.run._warm", lambda *_: None)
    table = lab.compare("Hello!", ["deepseek", "lab"], n=1, max_tokens=6).table
    assert list(table.place) == ["live", "local"]
    assert table.failure[0].startswith(f"{LiveRefused.__name__}: ")
    assert pd.isna(table.status[0])


def test_a_whole_answer_has_no_first_token() -> None:
    table = Lab(pace="quick").compare("Hello!", ["lab"], n=1, max_tokens=4, stream=False).table
    assert table.first_token_s.isna().all()
    assert table.tokens_per_s.isna().all()
    assert table.total_s.notna().all()


@pytest.mark.parametrize(
    ("targets", "error", "says"),
    [
        (["grok"], FactsError, "Did you mean 'groq'"),
        (["groq:chatt"], FactsError, "Did you mean 'chat'"),
        ([("openai", "gpt-4.1-mni")], ParameterError, "Did you mean 'gpt-4.1-mini'"),
        ([7], ParameterError, "Write 'groq'"),
        (["groq", "groq"], ParameterError, "a `label` of its own"),
        ([], ParameterError, "nothing to compare"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(targets: list[object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Lab(pace="quick").compare("Hello!", targets)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": True}, {"workers": 0}])
def test_counts_are_whole_and_positive(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="1 or more"):
        Lab(pace="quick").compare("Hello!", ["lab"], **wrong)


def test_targets_may_be_words_pairs_and_mappings() -> None:
    lab = Lab(pace="quick")
    named = lab.model("openai", "strong")
    table = lab.compare("Hi", ["openai:reasoner", ("openai", named), HOT, Target("lab", "lab-chat", "x")], n=1).table
    assert list(table.model) == [lab.model("openai", "reasoner"), named, "lab-chat", "lab-chat"]
    assert list(table.target) == ["openai:reasoner", f"openai {named}", "hot", "x"]
    assert set(table.status) == {200}


# --- summaries --------------------------------------------------------------------------------------------------------


def test_the_summary_has_medians_and_exact_sums(everybody: Comparison) -> None:
    summary, table = everybody.summary().set_index("target"), everybody.table
    for target, rows in table.groupby("target"):
        assert summary.loc[target].total_s == statistics.median(rows.total_s)
        assert summary.loc[target].cost_usd == statistics.median(rows.cost_usd)
        assert summary.loc[target].cost_of_all_usd == sum(rows.cost_usd, Decimal(0))
        assert isinstance(summary.loc[target].cost_of_all_usd, Decimal)


def test_the_interval_of_a_median_is_scipys() -> None:
    values = [1.0, 1.2, 1.1, 5.0, 1.3, 0.9, 1.15, 2.0, 1.05, 1.4, 1.25, 3.0]
    theirs = stats.bootstrap(
        (values,), np.median, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    ours = median_interval(values)
    assert ours is not None
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.1)
    assert median_interval(values) == ours
    assert median_interval([1.0, 2.0]) is None


def test_a_rate_counts_what_came_after_the_first_piece() -> None:
    exchange = Exchange(Sent("POST", "http://127.0.0.1/"), Answer(200))
    counts = Counts(5, 31, 10, 0)
    assert tokens_per_s(exchange, counts, (1.0, 1.5, 3.0), working_shown=True) == 15
    assert tokens_per_s(exchange, counts, (1.0, 1.5, 3.0), working_shown=False) == 10
    assert tokens_per_s(exchange, Counts(5, 3), (1.0, 1.0001), working_shown=True) is None
    assert tokens_per_s(exchange, counts, (1.0,), working_shown=True) is None
    assert tokens_per_s(exchange, Counts(), (1.0, 2.0), working_shown=True) is None


def test_every_table_says_whose_pace_and_that_nothing_was_spent(everybody: Comparison) -> None:
    real = Lab(pace="real").compare("Hello!", ["groq"], n=1, max_tokens=4)
    for found in (everybody, real):
        for form in (
            str(found),
            found._repr_html_(),
            found.markdown(),
            found.csv(),
            str(found.table),
            str(found.streams()),
        ):
            assert "pace from facts of 2026" in form
            assert "would cost, in lab tokens; nothing spent" in form
    assert "the times are this machine's" in everybody.note
    assert "the times are this machine's" not in real.note


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_every_plot_carries_the_note_and_can_be_drawn(everybody: Comparison) -> None:
    axes = [
        plots.latency_spread(everybody.table),
        plots.latency_spread(everybody.table, "first_token_s"),
        plots.frontier(everybody.summary()),
        plots.timeline(everybody.streams()),
    ]
    for ax in axes:
        ax.figure.canvas.draw()
        assert "nothing spent" in " ".join(ax.get_xlabel().split())


def test_the_spread_shows_each_call_and_the_median() -> None:
    frame = pd.DataFrame({"target": ["a", "a", "a", "b"], "total_s": [1.0, 3.0, 2.0, float("nan")]})
    ax = plots.latency_spread(frame)
    assert sorted(ax.collections[0].get_offsets()[:, 0].tolist()) == [1.0, 2.0, 3.0]
    assert ax.collections[1].get_segments()[0][0][0] == 2.0
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    with pytest.raises(ParameterError, match="no call has a total_s"):
        plots.latency_spread(frame[frame.target == "b"])


def test_the_frontier_joins_those_that_none_beats() -> None:
    frame = pd.DataFrame(
        {
            "target": ["cheap", "beaten", "fast", "unknown"],
            "cost_usd": [Decimal("0.001"), Decimal("0.002"), Decimal("0.003"), None],
            "tokens_per_s": [50.0, 40.0, 90.0, 10.0],
        }
    )
    ax = plots.frontier(frame)
    assert ax.lines[0].get_xydata().tolist() == [[0.001, 50.0], [0.003, 90.0]]
    assert {text.get_text() for text in ax.texts} == {"cheap", "beaten", "fast"}
    assert "Without cost or speed: unknown" in ax.get_xlabel()
    with pytest.raises(ParameterError, match="Compare longer answers"):
        plots.frontier(frame.tail(1))


NAMES = ["anthropic", "deepseek", "fireworks", "groq", "mistral", "ollama", "openai", "openrouter"]
# Of what comparisons gave: apart, in a heap, in two heaps, and all in one place but for the scale.
POINTS = [
    [(34, 80), (41, 55), (34, 150), (22, 560), (40, 128), (0, 24), (110, 70), (40, 60)],
    [(30 + i, 80 + i) for i in range(8)],
    [(30, 80), (31, 80), (30, 82), (31, 82), (90, 200), (91, 200), (90, 205), (91, 205)],
    [(50, 100), (50, 101), (50, 99), (50, 100.5), (0, 10), (0, 11), (0, 12), (0, 13)],
]


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("width", [5.0, 6.8])
def test_no_name_on_the_frontier_covers_another_or_leaves_the_picture(
    points: list[tuple[float, float]], width: float
) -> None:
    cost, speed = zip(*points, strict=True)
    frame = pd.DataFrame({"target": NAMES, "cost_usd": [Decimal(str(c)) / 1_000_000 for c in cost]})
    frame["tokens_per_s"] = [float(value) for value in speed]
    figure, ax = plt.subplots(figsize=(width, 4.2), layout="constrained")
    plots.frontier(frame, ax=ax)
    figure.canvas.draw()
    names = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}
    assert sorted(names) == NAMES
    for one, other in itertools.combinations(names, 2):
        assert not names[one].overlaps(names[other]), (one, other)
    room = figure.bbox
    at = ax.transData.transform(np.column_stack([np.array(cost) / 1e6, speed]))
    for name, box in names.items():
        assert room.x0 <= box.x0
        assert box.x1 <= room.x1
        assert room.y0 <= box.y0
        assert box.y1 <= room.y1
        assert not any(box.contains(x, y) for x, y in at), name


def test_the_timeline_has_a_tick_for_each_piece() -> None:
    frame = pd.DataFrame(
        {"target": ["a", "b"], "started_s": [0.0, 1.0], "total_s": [2.0, 1.0], "arrivals_s": [(0.5, 1.0, 1.5), ()]}
    )
    ax = plots.timeline(frame)
    assert [segment[0][0] for segment in ax.collections[0].get_segments()] == [0.5, 1.0, 1.5]
    assert [(bar.get_x(), bar.get_width()) for bar in ax.patches[:2]] == [(0.0, 0.5), (0.5, 1.5)]

"""The catalogue, against the facts files read as plain YAML."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from labkit import facts
from labkit.catalogue import COLUMNS, catalogue
from labkit.clock import Clock
from labkit.errors import FactsError, ParameterError
from labkit.view.frames import Table, cell_text
from labkit.yamls import read_yaml

NOON = "2026-11-20T12:00Z"  # a Friday


@pytest.fixture(scope="module")
def table() -> Table:
    return catalogue(facts.load(NOON), Clock(NOON))


def row(table: Table, provider: str, model: str) -> dict[str, object]:
    found = table[(table.provider == provider) & (table.model == model)]
    assert len(found) == 1
    return dict(zip(found.columns, next(found.itertuples(index=False, name=None)), strict=True))


def test_every_listed_living_model_has_a_row_and_no_other(table: Table) -> None:
    known = facts.load(NOON)
    expected = {(p.id, m.id) for p in known.values() for m in p.alive().values() if m.listed}
    assert set(zip(table.provider, table.model, strict=True)) == expected
    assert tuple(table.columns) == COLUMNS


def test_a_row_holds_what_stands_in_the_file(table: Table) -> None:
    raw = read_yaml(facts.CONFIGS / "providers" / "deepseek.yaml").data["models"]["deepseek-flash"]
    found = row(table, "deepseek", "deepseek-flash")
    assert found["context_tokens"] == raw["context_tokens"]
    assert found["input_usd_per_mtok"] == Decimal(str(raw["prices"]["input_usd_per_mtok"]))
    assert found["cached_input_usd_per_mtok"] == Decimal(str(raw["prices"]["cached_input_usd_per_mtok"]))
    assert "api-docs.deepseek.com" in str(found["price_source"])
    assert "(2026-11-15)" in str(found["price_source"])


def test_prices_are_those_of_the_hour() -> None:
    known = facts.load(NOON)
    noon, night, saturday = (
        row(catalogue(known, Clock(at)), "deepseek", "deepseek-flash")
        for at in (NOON, "2026-11-20T02:00Z", "2026-11-21T02:00Z")
    )
    assert night["output_usd_per_mtok"] == Decimal("1.20")
    assert noon["output_usd_per_mtok"] == saturday["output_usd_per_mtok"] == Decimal("0.60")
    assert str(noon["price_rules"]).startswith("off peak; in peak hours (01:00-04:00, 06:00-10:00 UTC, Mon to Fri)")
    assert str(night["price_rules"]).endswith("else 0.15/0.003/0.6")


def test_prices_are_those_of_the_day() -> None:
    then = catalogue(facts.load("2026-08-01"), Clock("2026-08-01"))
    assert row(then, "deepseek", "deepseek-v4-pro")["input_usd_per_mtok"] == Decimal("0.435")


def test_what_no_source_says_is_none_sorts_last_and_is_shown_as_not_stated(table: Table) -> None:
    unknown = row(table, "openrouter", "openrouter/auto")
    assert unknown["input_usd_per_mtok"] is None
    sorted_up = table.sort_values("input_usd_per_mtok")
    assert sorted_up.input_usd_per_mtok.iloc[-1] is None
    assert "openrouter/auto" not in set(table[table.input_usd_per_mtok < 100].model)
    shown = str(table[table.model == "openrouter/auto"])
    assert "not stated" in shown
    assert "None" not in shown + shown.replace("nan", "None")


def test_sorting_and_filtering_keep_the_note_in_every_form(table: Table) -> None:
    cheap = table[table.provider == "mistral"].sort_values("output_usd_per_mtok").head(3)[["model", "strengths"]]
    assert isinstance(cheap, Table)
    for form in (str(cheap), cheap._repr_html_(), cheap.markdown(), cheap.csv()):
        assert "from the facts of 2026-11-20" in form


def test_strengths_are_the_facts_own_words_with_their_source(table: Table) -> None:
    found = row(table, "groq", "openai/gpt-oss-20b")
    assert found["strengths"] == "an open model, very fast here"
    assert "http" in str(found["strengths_source"])
    said = table[table.strengths.notna()]
    assert said.strengths_source.notna().all()


def test_a_speed_says_whose_it_is(table: Table) -> None:
    assert str(row(table, "openai", "gpt-4.1-mini")["speed_source"]).startswith("typical of OpenAI: ")
    assert row(table, "deepseek", "deepseek-v4-pro")["tokens_per_s"] == 66
    assert row(table, "anthropic", "claude-haiku-4-5-20251001")["speed_source"] == "invented by the lab"


def test_a_wrong_word_is_answered_with_the_nearest() -> None:
    known, clock = facts.load(NOON), Clock(NOON)
    with pytest.raises(FactsError, match="Did you mean 'groq'"):
        catalogue(known, clock, providers=["grok"])
    with pytest.raises(ParameterError, match="Did you mean 'cheap'"):
        catalogue(known, clock, role="cheep")


def test_html_escapes_what_a_cell_says_and_links_its_addresses() -> None:
    table = Table.of(
        [{"model": "<b>&", "price_source": "https://example.org/a?b=1&c=2 (2026)"}], ("model", "price_source")
    )
    shown = table._repr_html_()
    assert "&lt;b&gt;&amp;" in shown
    assert '<a href="https://example.org/a?b=1&amp;c=2" target="_blank" rel="noopener">example.org</a> (2026)' in shown


def test_markdown_survives_pipes_and_line_ends() -> None:
    table = Table.of([{"text": "a|b\nc"}], ("text",))
    assert table.markdown().splitlines()[-1] == "| a\\|b<br>c |"


def test_csv_is_unrounded_and_reads_back(tmp_path: Path) -> None:
    import pandas as pd

    table = Table.of(
        [{"cost_usd": Decimal("0.000000123"), "text": 'say "a, b"\n#c'}], ("cost_usd", "text"), note="of now"
    )
    path = table.save(tmp_path / "t.csv")
    back = pd.read_csv(path, skiprows=1, dtype=str)
    assert Decimal(back.cost_usd[0]) == Decimal("0.000000123")
    assert back.text[0] == 'say "a, b"\n#c'


def test_a_table_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    from labkit.errors import StorageError

    table = Table.of([{"a": 1}], ("a",))
    with pytest.raises(StorageError, match=r"cannot be written"):
        table.save(tmp_path / "none" / "t.csv")
    with pytest.raises(StorageError, match=r"It is \.csv or \.md"):
        table.save(tmp_path / "t.xls")


def test_a_long_table_says_how_many_rows_it_leaves_out() -> None:
    table = Table.of([{"call": n, "status": 200} for n in range(205)], ("call", "status"))
    assert "… and 5 more" in str(table)
    assert len(table) == 205


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "–"), (None, "–"), ("", "–"), (0, "0"), (Decimal(0), "0")])
def test_nothing_and_naught_are_told_apart(value: object, shown: str) -> None:
    assert cell_text("x", value, "–") == shown

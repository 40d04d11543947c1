"""Facts: the schema is strict, periods hold, and every fact says where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from labkit import facts
from labkit.clock import Clock, moment_of
from labkit.errors import ConfigError, FactsError
from labkit.yamls import read_yaml

PROVIDERS = sorted((facts.CONFIGS / "providers").glob("*.yaml"))


def changed(tmp_path: Path, old: str, new: str, provider: str = "deepseek") -> Path:
    """A copy of a facts file with one text replaced."""
    text = (facts.CONFIGS / "providers" / f"{provider}.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / f"{provider}.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def read(path: Path, day: str = "2026-11-20") -> facts.Provider:
    return facts.load_file(path, moment_of(day))


@pytest.mark.parametrize("path", PROVIDERS, ids=lambda p: p.stem)
def test_every_file_is_valid_at_every_moment_at_which_something_begins_or_ends(path: Path) -> None:
    for moment in [datetime(2023, 1, 1, tzinfo=UTC), *facts.boundaries(path), datetime(2030, 1, 1, tzinfo=UTC)]:
        facts.load_file(path, moment)


@pytest.mark.parametrize("path", PROVIDERS, ids=lambda p: p.stem)
def test_every_fact_has_a_source_with_a_date(path: Path) -> None:
    provider = facts.load()[path.stem]
    places = [
        "address.base_url",
        "key.variables",
        "response.id",
        "stream.usage_in",
        "speed.tokens_per_s",
        "unknown_parameter.fate",
    ]
    places += [f"models.{m}.{field}" for m, raw in provider.raw["models"].items() for field in raw]
    places += [f"parameters.{p}.{field}" for p, raw in provider.raw["parameters"].items() for field in raw]
    places += [f"errors.{e}.{field}" for e, raw in provider.raw["errors"].items() for field in raw]
    without = [place for place in places if not provider.sources_of(place)]
    assert without == []


@pytest.mark.parametrize("path", PROVIDERS, ids=lambda p: p.stem)
def test_what_was_invented_says_so_twice_alike(path: Path) -> None:
    for case, answer in facts.load()[path.stem].errors.items():
        assert answer.invented == (answer.evidence == "invented"), case


@pytest.mark.parametrize("path", PROVIDERS, ids=lambda p: p.stem)
def test_no_source_goes_unused(path: Path) -> None:
    data = read_yaml(path).data
    used = {name for name, _ in facts._named_sources(data)}
    assert sorted(set(data["sources"]) - used) == []


def test_a_fact_that_changed_has_the_source_of_the_period_in_force() -> None:
    path = facts.CONFIGS / "providers" / "deepseek.yaml"
    before, after = (read(path, day).sources_of("errors.model_unknown.body") for day in ("2026-04-01", "2026-11-20"))
    assert ["addi" in str(source.url) for source in (*before, *after)] == [True, False]


def test_deepseek_chat_lives_until_its_last_minute_and_not_after() -> None:
    path = facts.CONFIGS / "providers" / "deepseek.yaml"
    assert "deepseek-chat" in read(path, "2026-07-24T15:58Z").alive()
    assert "deepseek-chat" not in read(path, "2026-07-24T15:59Z").alive()
    assert read(path, "2025-09-14").model("chat").id == "deepseek-chat"
    assert read(path).model("chat").id == "deepseek-flash"


def test_deepseek_coder_was_another_name_of_deepseek_chat_and_its_end_is_marked_as_a_guess() -> None:
    then, now = facts.load("2025-09-14")["deepseek"], facts.load()["deepseek"]
    coder = then.alive()["deepseek-coder"]
    assert (coder.alias_of, coder.invented) == ("deepseek-chat", True)
    assert coder.prices == then.models["deepseek-chat"].prices
    assert "deepseek-coder" not in now.alive()


def test_the_price_in_force_is_that_of_the_hour() -> None:
    flash = facts.load()["deepseek"].models["deepseek-flash"]

    def input_price(moment: str) -> Decimal | None:
        price = facts.price_in_force(flash, Clock(moment))
        assert price is not None
        return price.input_usd_per_mtok

    assert input_price("2026-11-20T00:59Z") == Decimal("0.15")
    assert input_price("2026-11-20T01:00Z") == Decimal("0.30")
    assert input_price("2026-11-20T10:00Z") == Decimal("0.15")
    assert input_price("2026-11-21T01:00Z") == Decimal("0.15"), "Saturdays have no peak"


def test_temperature_has_three_fates_at_openai() -> None:
    openai = facts.load()["openai"]
    fate = {
        model: openai.parameters["temperature"]
        .treatment(openai.models[model], thinking=True, body={"temperature": 0.2})
        .fate
        for model in ("gpt-4.1-mini", "gpt-5-mini", "o4-mini")
    }
    assert fate == {"gpt-4.1-mini": "honoured", "gpt-5-mini": "refused", "o4-mini": "refused"}
    luna = openai.models["gpt-6-luna"]
    body = {"temperature": 0.2, "reasoning_effort": "none"}
    assert openai.thinks(luna, {})
    assert not openai.thinks(luna, body)
    assert openai.parameters["temperature"].treatment(luna, thinking=False, body=body).fate == "honoured"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    minimum: 0\n", "    minimun: 0\n", "Did you mean 'minimum'?"),
        ("fate: honoured", "fate: honored", "'honoured', 'ignored', 'refused' or 'unknown'"),
        (
            "source: [ranges, thinking]",
            "source: [range, thinking]",
            "source 'range' is not in `sources`. Did you mean 'ranges'?",
        ),
        ("id: deepseek\n", "id: deepsek\n", "`id` is 'deepsek' but the file is deepseek.yaml"),
        ("label: DeepSeek\n", "label: DeepSeek\nlabel: Again\n", "`label` is given twice, first on line 3"),
        ('retired: "2026-07-24T15:59Z"', "retired: soon", "'soon' is no moment"),
        ("minimum: 0\n", "minimum: no\n", "should be a valid number"),
        ("label: DeepSeek", "label: [DeepSeek", "not YAML"),
        ("label: DeepSeek", "label: \tDeepSeek\n\tx: 1", "not YAML"),
    ],
)
def test_a_mistake_in_a_facts_file_is_named_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert says in str(caught.value)
    assert "deepseek.yaml" in str(caught.value)


def test_the_line_of_a_mistake_is_the_line_in_the_file(tmp_path: Path) -> None:
    path = changed(
        tmp_path, "fate: honoured, types: string, source: fixtures}", "fate: honored, types: string, source: fixtures}"
    )
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "honored" in text)
    with pytest.raises(FactsError) as caught:
        read(path)
    assert f":{line}: parameters.model.fate" in str(caught.value)


def test_scalars_are_read_by_yaml_1_2_core_rules(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: no\nb: 12:30\nc: 1e-5\nd: 2026-11-20\ne: 0o17\nf: ~\ng: true\nh: 010\n", encoding="utf-8")
    assert read_yaml(path).data == {
        "a": "no",
        "b": "12:30",
        "c": 1e-5,
        "d": "2026-11-20",
        "e": "0o17",
        "f": None,
        "g": True,
        "h": 10,
    }


def test_rate_limits_are_data_by_account_tier(tmp_path: Path) -> None:
    limits = facts.load()["deepseek"].limits
    assert limits is not None
    assert limits.tiers[limits.default].concurrent_requests["deepseek-v4-pro"] == 500
    assert facts.load()["lab"].limits is None, "nobody limits the lab's own models"
    with pytest.raises(FactsError, match="default is 'free', the tiers are every account"):
        read(changed(tmp_path, "default: every account", "default: free"))


def test_an_unknown_provider_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(FactsError, match="Did you mean 'deepseek'"):
        facts.load()["deepsek"]


def test_filling_an_answer_keeps_braces_that_are_not_names_and_types_of_whole_values() -> None:
    answer = facts.Answer(
        status=400, body={"n": "{count}", "text": "{model} {unknown} {}", "deep": [{"k": "{count}!"}]}
    )
    assert answer.filled({"count": 3, "model": "m"}).body == {"n": 3, "text": "m {unknown} {}", "deep": [{"k": "3!"}]}


def test_facts_cannot_be_changed_by_a_reader() -> None:
    provider = facts.load()["openai"]
    with pytest.raises(Exception, match="frozen"):
        provider.label = "Other"

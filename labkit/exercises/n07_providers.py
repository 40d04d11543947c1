"""Predictions and exercises of notebook 07."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed
from labkit.exercises.judging import same, shown

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="07-hidden",
        question="OpenAI's reasoning model thinks before it answers. Where in the answer are its thoughts?",
        choices={
            "a": "in message.content, before the answer",
            "b": "in a field of their own, message.reasoning_content",
            "c": "nowhere, and they are not counted",
            "d": "nowhere, but they are counted",
        },
        right="d",
        explain={
            "a": "Models that you run yourself may do that, between two markers. OpenAI's API takes the thoughts out.",
            "b": "That is DeepSeek's and Fireworks' field; Groq, OpenRouter and Ollama call it `reasoning`. OpenAI's "
            "chat API has neither.",
            "c": "Not shown, right. But they were computed token by token, and they stand in the usage as "
            "reasoning_tokens, inside completion_tokens.",
            "d": "They were computed token by token, so they are counted among completion_tokens, and paid for. "
            "The only trace is the number reasoning_tokens.",
        },
    ),
    Prediction(
        id="07-topk",
        question="You add top_k: 1, 'always take the most likely token', to a request at all eight. What happens?",
        choices={
            "a": "all take it, and each repeats one text",
            "b": "all refuse it: it is no field of OpenAI's API",
            "c": "some refuse it, the others honour it",
            "d": "some refuse it, some honour it, some take it and do nothing",
        },
        right="d",
        explain={
            "a": "Every sampler could do it. Whether an API passes it on is another matter, and most of them do not.",
            "b": "OpenAI refuses it. 'OpenAI-compatible' means the same fields as a rule, not the same fields exactly: "
            "others know more fields, or do not look.",
            "c": "You left out the third fate, the dangerous one: status 200, and nothing happened. An error tells you "
            "at once; silence tells you nothing.",
            "d": "Three fates for one field. The refusals are the friendly ones; what is ignored you find only by "
            "measuring.",
        },
    ),
    Prediction(
        id="07-dearest",
        question="The same month of calls, priced at every model of the catalogue whose price is above zero. How "
        "many times as much as the cheapest does the dearest cost?",
        unit="times",
        near=2.0,
    ),
    Prediction(
        id="07-luck",
        question="Behind six local providers stands the very same model. Each answers one question 20 times; a point "
        "is given for each answer that is the most frequent of all. How do the six scores come out?",
        choices={
            "a": "all equal: it is the same model",
            "b": "within one point of each other",
            "c": "several points between first and last",
            "d": "in the order of the providers' prices",
        },
        right="c",
        explain={
            "a": "The same model draws anew for each answer. Six times 20 draws from one distribution are six "
            "different counts, as six people who toss a coin 20 times do not all get 10 heads.",
            "b": "20 draws are few. A score that hovers around 5 of 20 has a standard deviation of about 2 points, and "
            "between the luckiest and the unluckiest of six lie more than two of these.",
            "c": "That is chance alone, and it looks exactly like a ranking. With 20 questions a difference of 4 or 5 "
            "points says nothing.",
            "d": "The price stands in the facts and has no way into the text. If the order looks like that, it is a "
            "coincidence; run it with another seed.",
        },
    ),
)


# --- counts, whatever they are called --------------------------------------------------------------------------------


def _openai_usage(answer: Any, world: World) -> None:
    """A usage as OpenAI and most others write it"""
    expect(answer({"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}), (9, 12))


def _openai_cached(answer: Any, world: World) -> None:
    """OpenAI's, when part of the prompt came from the cache"""
    details = {"prompt_tokens_details": {"cached_tokens": 1024}}
    expect(answer({"prompt_tokens": 1100, "completion_tokens": 12, "total_tokens": 1112, **details}), (1100, 12))


def _anthropic_usage(answer: Any, world: World) -> None:
    """A usage as Anthropic writes it"""
    expect(answer({"input_tokens": 9, "output_tokens": 12}), (9, 12))


def _anthropic_cached(answer: Any, world: World) -> None:
    """Anthropic's, when part of the prompt was read from the cache and part was written to it"""
    usage = {
        "input_tokens": 76,
        "cache_read_input_tokens": 1024,
        "cache_creation_input_tokens": 30,
        "output_tokens": 12,
    }
    expect(answer(usage), (1130, 12))


def _real_usages(answer: Any, world: World) -> None:
    """Real answers of DeepSeek and Anthropic"""
    for provider in ("deepseek", "anthropic"):
        usage = _asked(world, provider)["usage"]
        record = world.calls[-1]
        expect(answer(usage), (record.prompt_tokens, record.completion_tokens), f"tokens at {provider}")


def _asked(world: World, provider: str, **fields: Any) -> dict[str, Any]:
    """An answer of that provider to a short question."""
    messages = [{"role": "user", "content": "What is 3 + 4?"}]
    limit = "max_completion_tokens" if provider == "openai" else "max_tokens"
    body = {"model": world.model(provider, fields.pop("role", "chat")), "messages": messages, limit: 200, **fields}
    path = world.facts[provider].address.paths["chat"]
    found: dict[str, Any] = world.client(provider).post(path, json=body).json()
    return found


def _counts(condition: str, into: str, prompt: str, completion: str) -> str:
    return f"""
def counts(usage):
    if {condition} in usage:
        read = usage.get("cache_read_input_tokens") or 0
        written = usage.get("cache_creation_input_tokens") or 0
        return usage["input_tokens"] + {into}, usage["output_tokens"]
    return usage[{prompt}], usage[{completion}]
"""


INPUT, CACHED, PROMPT, COMPLETION = '"input_tokens"', "read + written", '"prompt_tokens"', '"completion_tokens"'

COUNTS = Exercise(
    id="07-counts",
    title="Tokens in and out, at any of the eight",
    minutes=5,
    level="worked",
    prompt="""
`counts` is handed the `usage` of an answer from any provider. It returns two numbers: **all** tokens that went in and
all that came out. Most providers count what they found in their cache *within* `prompt_tokens`. Anthropic counts it
*beside* `input_tokens`: what was read from the cache and what was written to it are numbers of their own. Four gaps.
""",
    blank=_counts("...", "...", "...", "..."),
    cases=(_openai_usage, _anthropic_usage, _openai_cached, _anthropic_cached, _real_usages),
    hints=(
        "Section 2 lists the names. The first gap is a field that only Anthropic's usage has.",
        "At Anthropic three numbers make what went in: input_tokens, read, written. At the others one number is all.",
    ),
    solution=_counts(INPUT, CACHED, PROMPT, COMPLETION),
    also_correct=(
        """
def counts(usage):
    into = ("prompt_tokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    out = ("completion_tokens", "output_tokens")
    return sum(usage.get(name) or 0 for name in into), sum(usage.get(name) or 0 for name in out)
""",
    ),
    misconceptions=(
        Misconception(
            _counts(INPUT, "0", PROMPT, COMPLETION),
            "input_tokens alone leaves out what came from the cache and what went into it. Both are "
            "tokens that went in.",
        ),
        Misconception(
            _counts(INPUT, "read", PROMPT, COMPLETION),
            "What was written to the cache is missing: those tokens went in as well, and are counted apart.",
        ),
        Misconception(
            _counts(INPUT, CACHED, '"total_tokens"', COMPLETION),
            "total_tokens is both together: what came out would be counted twice. What went in is prompt_tokens.",
        ),
        Misconception(
            _counts(INPUT, CACHED, PROMPT, '"total_tokens"'),
            "total_tokens is both together: what went in would be counted as if it had come out. What came out is "
            "completion_tokens.",
        ),
        Misconception(
            _counts('"cache_read_input_tokens"', CACHED, PROMPT, COMPLETION),
            "That field is there only when something may have come from the cache. What every usage of Anthropic's "
            "has, and no other, is input_tokens.",
        ),
        Misconception(
            """
def counts(usage):
    if "input_tokens" in usage:
        read = usage.get("cache_read_input_tokens") or 0
        written = usage.get("cache_creation_input_tokens") or 0
        return usage["input_tokens"] + read + written, usage["output_tokens"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return usage["prompt_tokens"] + cached, usage["completion_tokens"]
""",
            "In this form cached_tokens is a part of prompt_tokens, not something beside it. You count it twice.",
        ),
    ),
)


# --- a month, exactly ------------------------------------------------------------------------------------------------


def _priced(into: str | None, out: str | None) -> dict[str, Any]:
    """The prices of a model as a row of the catalogue has them."""
    names = ("input_usd_per_mtok", "output_usd_per_mtok")
    return {name: None if price is None else Decimal(price) for name, price in zip(names, (into, out), strict=True)}


def _month(answer: Any, prices: dict[str, Any], usage: tuple[int, int, int], wanted: Decimal | None) -> None:
    got = answer(prices, *usage)
    if isinstance(got, float):
        missed(
            "That is a float. A float holds most decimal fractions only nearly; the prices are Decimal: let them stay.",
            expected=f"a Decimal: {wanted}",
            got=shown(got),
        )
    if isinstance(got, Decimal) and got != wanted:
        right = "None" if wanted is None else f"Decimal {wanted:f}"
        missed("", expected=right, got=f"Decimal {got.normalize():f}")
    expect(got, wanted)


def _round_month(answer: Any, world: World) -> None:
    """100 calls a day, 1,000 tokens in and 500 out, at 1 and 2 USD"""
    _month(answer, _priced("1", "2"), (100, 1000, 500), Decimal("6"))


def _uneven_month(answer: Any, world: World) -> None:
    """Prices with many digits: 7 calls a day, 333 tokens in, 77 out"""
    _month(answer, _priced("0.098", "0.196"), (7, 333, 77), Decimal("0.01002246"))


def _free_month(answer: Any, world: World) -> None:
    """A model that costs nothing"""
    _month(answer, _priced("0", "0"), (100, 1000, 500), Decimal(0))


def _unknown_month(answer: Any, world: World) -> None:
    """A model whose price nobody states"""
    _month(answer, _priced(None, None), (100, 1000, 500), None)


def _half_known(answer: Any, world: World) -> None:
    """A model of which only the input's price is known"""
    _month(answer, _priced("0.15", None), (100, 1000, 500), None)


MONTH_RIGHT = """
def month_usd(model, calls_a_day, tokens_in, tokens_out):
    price_in = model["input_usd_per_mtok"]
    price_out = model["output_usd_per_mtok"]
    if price_in is None or price_out is None:
        return None
    one_call = (tokens_in * price_in + tokens_out * price_out) / 1_000_000
    return 30 * calls_a_day * one_call
"""

MONTH = Exercise(
    id="07-month",
    title="A month in exact decimals",
    minutes=6,
    level="faded",
    prompt="""
`month_usd` is handed the prices of a model, as `lab.models()` has them: `Decimal` numbers in USD per **million**
tokens, or `None` where nobody states one. Further: how many calls you make a day, and how many tokens go in and come
out with each. It returns what 30 days cost, as an exact `Decimal`, or `None` where that cannot be said.
""",
    blank="""
def month_usd(model, calls_a_day, tokens_in, tokens_out):
    price_in = model["input_usd_per_mtok"]
    price_out = model["output_usd_per_mtok"]
    ...
""",
    cases=(_round_month, _free_month, _uneven_month, _unknown_month, _half_known),
    hints=(
        "One call first: tokens in times their price, plus tokens out times theirs, by a million. Then 30 days.",
        "A whole number times a Decimal is a Decimal. Nowhere is a float needed: no 1e6, no 0.001.",
        "Nothing and unknown are different: `is None` tells them apart, `if not price` does not.",
    ),
    solution=MONTH_RIGHT,
    also_correct=(
        """
def month_usd(model, calls_a_day, tokens_in, tokens_out):
    prices = model["input_usd_per_mtok"], model["output_usd_per_mtok"]
    if None in prices:
        return None
    tokens = 30 * calls_a_day * tokens_in, 30 * calls_a_day * tokens_out
    return sum(many * price for many, price in zip(tokens, prices)) / Decimal(10) ** 6
""",
    ),
    misconceptions=(
        Misconception(
            MONTH_RIGHT.replace(
                "tokens_in * price_in + tokens_out * price_out", "float(tokens_in * price_in + tokens_out * price_out)"
            ),
            "A float cannot hold 0.1, only something near it, and over a month of calls the error adds up. The prices "
            "come as Decimal: calculate with them as they are.",
        ),
        Misconception(
            MONTH_RIGHT.replace("1_000_000", "1_000"),
            "Prices are per million tokens, and you divided by a thousand. Old tables give prices per 1,000 tokens: "
            "a factor of a thousand is easily lost that way.",
        ),
        Misconception(
            MONTH_RIGHT.replace("if price_in is None or price_out is None:", "if not price_in or not price_out:"),
            "A price of 0 is known: that month costs nothing. `not price` is true for 0 and for None alike.",
        ),
        Misconception(
            MONTH_RIGHT.replace(
                "    if price_in is None or price_out is None:\n        return None\n",
                "    price_in, price_out = price_in or 0, price_out or 0\n",
            ),
            "An unknown price became 0, so the model that nobody states a price for is the cheapest of all. What is "
            "not known stays None.",
        ),
        Misconception(
            MONTH_RIGHT.replace(
                "(tokens_in * price_in + tokens_out * price_out)", "((tokens_in + tokens_out) * price_in)"
            ),
            "What comes out has a price of its own, most often a multiple of what goes in.",
        ),
        Misconception(
            MONTH_RIGHT.replace(
                "    if price_in is None or price_out is None:\n        return None\n",
                "    price_in, price_out = price_in or Decimal(0), price_out or Decimal(0)\n",
            ),
            "What nobody states is not 0. With None read as 0 the unknown model is the cheapest of all: say None.",
        ),
        Misconception(
            MONTH_RIGHT.replace("    if price_in is None or price_out is None:\n        return None\n", ""),
            "A price may be None, and nothing can be calculated with that. Look for it first, and return None.",
        ),
        Misconception(
            MONTH_RIGHT.replace("return 30 * calls_a_day * one_call", "return round(30 * calls_a_day * one_call, 2)"),
            "You round to cents. A month may cost less than one; the exact amount was asked for, and whoever shows it "
            "can round it.",
        ),
    ),
    given="from decimal import Decimal\n",
)


# --- choose by facts -------------------------------------------------------------------------------------------------

CHOICE_COLUMNS = ("provider", "model", "context_tokens", "output_usd_per_mtok", "tokens_per_s", "retires")


def _offer(rows: Sequence[tuple[Any, ...]]) -> Any:
    """A small table with the columns of the catalogue that the task needs."""
    from labkit.view.frames import Table

    made = [
        dict(zip(CHOICE_COLUMNS, (*row[:3], None if row[3] is None else Decimal(row[3]), *row[4:]), strict=True))
        for row in rows
    ]
    return Table.of(made, CHOICE_COLUMNS)


SLOW_AND_FAST = (
    ("a", "slow", 128_000, "0.30", 40.0, None),
    ("a", "cheap", 128_000, "0.20", 60.0, None),
    ("b", "fast", 128_000, "0.60", 300.0, None),
    ("c", "fastest", 128_000, "4.00", 900.0, None),
)


def _fast_enough(answer: Any, world: World) -> None:
    """Four models, of which the fastest is too dear"""
    expect(answer(_offer(SLOW_AND_FAST), 100_000, Decimal("1.00")), ("b", "fast"))


def _at_the_limit(answer: Any, world: World) -> None:
    """A context and a price exactly as asked for"""
    expect(answer(_offer(SLOW_AND_FAST), 128_000, Decimal("4.00")), ("c", "fastest"))


def _unknowns(answer: Any, world: World) -> None:
    """Fast models whose context or price nobody states"""
    rows = (
        *SLOW_AND_FAST,
        ("d", "no price", 128_000, None, 950.0, None),
        ("e", "no context", None, "0.10", 950.0, None),
    )
    expect(answer(_offer(rows), 100_000, Decimal("1.00")), ("b", "fast"))


def _speed_unknown(answer: Any, world: World) -> None:
    """Of the one model that fits nobody states the speed"""
    rows = (("a", "slow", 128_000, "0.30", 40.0, None), ("d", "no speed", 512_000, "0.10", None, None))
    expect(answer(_offer(rows), 400_000, Decimal("1.00")), None)


def _going(answer: Any, world: World) -> None:
    """A fast model that will be retired"""
    rows = (*SLOW_AND_FAST, ("d", "leaving", 128_000, "0.60", 950.0, "2027-01-14"))
    expect(answer(_offer(rows), 100_000, Decimal("1.00")), ("b", "fast"))


def _nothing_fits(answer: Any, world: World) -> None:
    """Conditions that no model fulfils"""
    expect(answer(_offer(SLOW_AND_FAST), 2_000_000, Decimal("1.00")), None)


def _whole_catalogue(answer: Any, world: World) -> None:
    """All models of the lab's catalogue"""
    from labkit.facts import price_in_force

    rows = []
    for provider in world.facts.values():
        for model in provider.alive(world.clock.now()).values():
            prices, speed = price_in_force(model, world.clock), provider.speed_of(model).tokens_per_s
            output = prices.output_usd_per_mtok if prices else None
            rows.append((provider.id, model.id, model.context_tokens, output, speed, model.retired))
    fits = [
        (speed, name, model)
        for name, model, context, output, speed, retires in rows
        if speed is not None
        and (context is not None and context >= 200_000)
        and (output is not None and output <= 1)
        and retires is None
    ]
    best = max(speed for speed, _, _ in fits)
    wanted = [(name, model) for speed, name, model in fits if speed == best]
    got = answer(_offer(rows), 200_000, Decimal(1))
    if not any(same(got, one) for one in wanted):
        expect(got, wanted[0])


CHOOSE_RIGHT = """
def choose(models, context_tokens, most_usd):
    fits = models[
        (models["context_tokens"] >= context_tokens)
        & (models["output_usd_per_mtok"] <= most_usd)
        & models["retires"].isna()
        & models["tokens_per_s"].notna()
    ]
    if fits.empty:
        return None
    best = fits.sort_values("tokens_per_s", ascending=False).iloc[0]
    return best["provider"], best["model"]
"""

CHOOSE = Exercise(
    id="07-choose",
    title="The fastest that fits",
    minutes=8,
    level="faded",
    prompt="""
`choose` is handed a table like `lab.models()`, how many tokens of context you need, and the most that a million output
tokens may cost. It returns `(provider, model)` of the **fastest** model (`tokens_per_s`) that has enough context, is
not too dear, and has no day of retirement (`retires`). An unknown context, price or speed does not fit. If nothing
fits: `None`. What the table shows as *not stated* is a missing value: `.isna()` and `.notna()` find it.
""",
    blank="""
def choose(models, context_tokens, most_usd):
    fits = models[(models["context_tokens"] >= context_tokens) & ...]
    ...
""",
    cases=(_fast_enough, _at_the_limit, _unknowns, _speed_unknown, _going, _nothing_fits, _whole_catalogue),
    hints=(
        "Conditions are joined with &, each in brackets. A comparison with an unknown value is never true, so unknown "
        "models fall out by themselves.",
        'models["retires"].isna() is true where no day is set, models["tokens_per_s"].notna() where a speed is stated. '
        'sort_values("tokens_per_s", ascending=False) puts the fastest first.',
        "fits.empty says that nothing is left; .iloc[0] is the first row.",
    ),
    solution=CHOOSE_RIGHT,
    also_correct=(
        """
def choose(models, context_tokens, most_usd):
    best = None
    for row in models.to_dict("records"):
        if row["context_tokens"] is None or row["context_tokens"] != row["context_tokens"]:
            continue
        if str(row["context_tokens"]) == "<NA>" or row["context_tokens"] < context_tokens:
            continue
        if row["output_usd_per_mtok"] is None or row["output_usd_per_mtok"] > most_usd or row["retires"]:
            continue
        if row["tokens_per_s"] is None or row["tokens_per_s"] != row["tokens_per_s"]:
            continue
        if best is None or row["tokens_per_s"] > best["tokens_per_s"]:
            best = row
    return None if best is None else (best["provider"], best["model"])
""",
    ),
    misconceptions=(
        Misconception(
            CHOOSE_RIGHT.replace(", ascending=False", ""),
            "sort_values begins with the smallest value, so you take the slowest that fits. ascending=False turns it "
            "round.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace('"tokens_per_s", ascending=False', '"output_usd_per_mtok"'),
            "That is the cheapest that fits. The price is a condition here; among those that fulfil it, the fastest "
            "is wanted.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace(
                '(models["output_usd_per_mtok"] <= most_usd)', '(models["output_usd_per_mtok"].fillna(0) <= most_usd)'
            ),
            "You took a price that nobody states for 0. A model without a stated price is not free, it is unknown, and "
            "does not fit.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace('\n        & models["retires"].isna()', ""),
            "You chose a model whose last day is known. What you build on it breaks on that day.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace("    if fits.empty:\n        return None\n", ""),
            "Sometimes nothing fits, and an empty table has no first row. Say None then, so that the caller can lower "
            "the conditions.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace("    if fits.empty:\n        return None\n", "").replace(
                'fits.sort_values("tokens_per_s", ascending=False).iloc[0]', 'fits.loc[fits["tokens_per_s"].idxmax()]'
            ),
            "Sometimes nothing fits, and idxmax has no row to name. Look at fits.empty first, and say None.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace('models["retires"].isna()', '(models["retires"] == "not stated")'),
            "*not stated* stands on the screen only. In the table such a value is missing, so nothing is equal to that "
            "text: .isna() finds it.",
        ),
        Misconception(
            CHOOSE_RIGHT.replace('\n        & models["tokens_per_s"].notna()', ""),
            "Of the model that you chose nobody states the speed. sort_values puts it last, and where it is the only "
            "one, last is first: .notna() belongs to the conditions.",
        ),
    ),
)


# --- one reader for all ----------------------------------------------------------------------------------------------

PARTS = ("text", "thoughts", "tokens_in", "tokens_out", "whole")


def _chat(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": usage,
    }


def _messages(*blocks: dict[str, Any], stop: str = "end_turn", usage: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": [*blocks],
        "stop_reason": stop,
        "usage": {"input_tokens": 9, "output_tokens": 5, **(usage or {})},
    }


def _same(answer: Any, given: dict[str, Any], text: str, thoughts: str, *, whole: bool = True) -> None:
    wanted = dict(zip(PARTS, (text, thoughts, 9, 5, whole), strict=True))
    got = answer(given)
    if not isinstance(got, dict):
        missed("Return a dictionary.", expected=", ".join(PARTS), got=shown(got))
    for part in PARTS:
        expect(got.get(part), wanted[part], part)
    expect(got, wanted)


def _plain(answer: Any, world: World) -> None:
    """OpenAI: a text, thoughts not shown"""
    _same(answer, _chat({"content": "Seven.", "refusal": None}), "Seven.", "")


def _reasoning_content(answer: Any, world: World) -> None:
    """DeepSeek and Fireworks: reasoning_content"""
    _same(answer, _chat({"content": "Seven.", "reasoning_content": "3 + 4 = 7."}), "Seven.", "3 + 4 = 7.")


def _reasoning(answer: Any, world: World) -> None:
    """Groq, OpenRouter and Ollama: reasoning"""
    _same(answer, _chat({"content": "Seven.", "reasoning": "3 + 4 = 7."}), "Seven.", "3 + 4 = 7.")


def _list_of_parts(answer: Any, world: World) -> None:
    """Mistral: the content is a list of parts, of which one holds the thoughts"""
    thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": "3 + 4 = 7."}], "closed": True}
    _same(answer, _chat({"content": [thoughts, {"type": "text", "text": "Seven."}]}), "Seven.", "3 + 4 = 7.")


def _blocks(answer: Any, world: World) -> None:
    """Anthropic: blocks, a stop_reason, other names in the usage"""
    thoughts = {"type": "thinking", "thinking": "3 + 4 = 7.", "signature": "Ei="}
    _same(answer, _messages(thoughts, {"type": "text", "text": "Seven."}), "Seven.", "3 + 4 = 7.")


def _used_up(answer: Any, world: World) -> None:
    """The limit was used up by thinking: the content is None"""
    _same(answer, _chat({"content": None, "reasoning": "Let me"}, "length"), "", "Let me", whole=False)


def _cut_blocks(answer: Any, world: World) -> None:
    """Anthropic's answer, cut off by max_tokens"""
    _same(answer, _messages({"type": "text", "text": "Sev"}, stop="max_tokens"), "Sev", "", whole=False)


def _stop_sequence(answer: Any, world: World) -> None:
    """Anthropic's answer, ended by a stop string"""
    _same(answer, _messages({"type": "text", "text": "Seven"}, stop="stop_sequence"), "Seven", "")


def _from_the_cache(answer: Any, world: World) -> None:
    """Anthropic's usage, when part of the prompt came from the cache"""
    cached = {"input_tokens": 2, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3}
    _same(answer, _messages({"type": "text", "text": "Seven."}, usage=cached), "Seven.", "")


def _all_eight(answer: Any, world: World) -> None:
    """A real answer of each of the eight"""
    for provider in (name for name in world.facts if name != "lab"):
        effort = {"reasoning_effort": "high"} if provider == "mistral" else {}
        raw = _asked(world, provider, role="reasoner", **effort)
        got, record = answer(raw), world.calls[-1]
        if not isinstance(got, dict):
            missed("Return a dictionary.", expected=", ".join(PARTS), got=shown(got))
        expect(got.get("tokens_in"), record.prompt_tokens, f"tokens_in at {provider}")
        expect(got.get("tokens_out"), record.completion_tokens, f"tokens_out at {provider}")
        expect(got.get("whole"), record.finish_reasons[0] in ("stop", "end_turn"), f"whole at {provider}")
        if not isinstance(got.get("text"), str):
            missed("", expected="a text", got=shown(got.get("text")), about=f"text at {provider}")


READ_RIGHT = """
def read(answer):
    usage = answer["usage"]
    if "choices" in answer:
        choice = answer["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
        thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
        finish = choice["finish_reason"]
        tokens = usage["prompt_tokens"], usage["completion_tokens"]
    else:
        content, thoughts = answer["content"], ""
        finish = answer["stop_reason"]
        cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
        more = sum(usage.get(name) or 0 for name in cached)
        tokens = usage["input_tokens"] + more, usage["output_tokens"]
    if isinstance(content, list):
        text = "".join(part["text"] for part in content if part["type"] == "text")
        for part in content:
            if part["type"] == "thinking":
                inner = part["thinking"]
                inner = [{"text": inner}] if isinstance(inner, str) else inner
                thoughts += "".join(piece["text"] for piece in inner)
    else:
        text = content
    return {
        "text": text,
        "thoughts": thoughts,
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        "whole": finish in ("stop", "end_turn", "stop_sequence"),
    }
"""

READ = Exercise(
    id="07-read",
    title="One reader for eight shapes",
    minutes=12,
    level="faded",
    prompt="""
`read` is handed the dictionary of a whole answer from any of the eight, and returns a dictionary of its own with five
entries: `text` and `thoughts` (texts, `""` where there is none), `tokens_in` and `tokens_out` (counted as in exercise
1), and `whole`: `True` when the model ended by itself or at a stop string, `False` for everything else. Section 2 shows
where things stand. Mistral's content is a text, or a list of parts when the model thought; Anthropic's always is a
list.
""",
    blank="""
def read(answer):
    usage = answer["usage"]
    if "choices" in answer:
        message = answer["choices"][0]["message"]
        ...
    else:
        ...
    return {"text": ..., "thoughts": ..., "tokens_in": ..., "tokens_out": ..., "whole": ...}
""",
    cases=(
        *(_plain, _reasoning_content, _reasoning, _blocks, _list_of_parts, _used_up, _cut_blocks),
        *(_stop_sequence, _from_the_cache, _all_eight),
    ),
    hints=(
        'message.get("reasoning_content") or message.get("reasoning") or "" covers five of the eight: .get gives None '
        "for a field that is not there.",
        "Bring both lists to one treatment: join the text of the parts of type text, and take thoughts from the "
        "part of type thinking. At Anthropic its thinking is a text, at Mistral a list of parts with a text each.",
        'content can be None, when the limit was used up by thinking: `message.get("content") or ""`. Good ends are '
        "stop, end_turn and stop_sequence.",
    ),
    solution=READ_RIGHT,
    misconceptions=(
        Misconception(
            READ_RIGHT.replace(
                'message.get("reasoning_content") or message.get("reasoning") or ""',
                'message.get("reasoning_content") or ""',
            ),
            "reasoning_content is DeepSeek's and Fireworks' word. Groq, OpenRouter and Ollama say reasoning.",
        ),
        Misconception(
            READ_RIGHT.replace(
                'part["text"] for part in content if part["type"] == "text"',
                'str(part.get("text") or part.get("thinking")) for part in content',
            ),
            "The thoughts have slipped into the text. A list of parts names the type of each: only those of type text "
            "are the answer.",
        ),
        Misconception(
            READ_RIGHT.replace('message.get("content") or ""', 'message.get("content")'),
            "content can be None: then the model used up its limit before it said anything. A text is asked for: ''.",
        ),
        Misconception(
            READ_RIGHT.replace('finish in ("stop", "end_turn", "stop_sequence")', 'finish == "stop"'),
            "At Anthropic a good end is called end_turn, or stop_sequence. To you none of its answers is whole.",
        ),
        Misconception(
            READ_RIGHT.replace('finish in ("stop", "end_turn", "stop_sequence")', 'finish != "length"'),
            "At Anthropic the limit is called max_tokens, so half an answer passes for a whole one. Ask for the good "
            "ends, not for the absence of one bad one.",
        ),
        Misconception(
            READ_RIGHT.replace('finish in ("stop", "end_turn", "stop_sequence")', 'finish in ("stop", "end_turn")'),
            "A stop string is a good end, too. OpenAI's form calls it stop as well; Anthropic has a word of its own "
            "for it, stop_sequence.",
        ),
        Misconception(
            READ_RIGHT.replace('usage["input_tokens"] + more', 'usage["input_tokens"]'),
            "At Anthropic what came from the cache and what went into it stand beside input_tokens (exercise 1): all "
            "three together went in.",
        ),
    ),
)


# --- when one is down ------------------------------------------------------------------------------------------------

MOST = 3
ORDER = ("openai", "mistral", "openrouter", "fireworks")


def _fall_back(
    answer: Any, world: World, *, asked: Sequence[str], speaks: str | None, wrong_key: str = "", gone: str = ""
) -> None:
    came: list[str] = []

    def listen(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            came.append(response.json()["choices"][0]["message"]["content"])

    targets = []
    for name in ORDER:
        options: dict[str, Any] = {"event_hooks": {"response": [listen]}}
        if name == wrong_key:
            options["key"] = "no-key-at-all"
        targets.append((name, world.client(name, **options), world.model(name)))
    got = answer(targets, "Name three colors.", MOST)
    world.need_calls()
    if not gone:
        expect([record.provider for record in world.calls], list(asked), "who was asked, in order")
    else:
        expect([record.provider for record in world.calls], [name for name in asked if name != gone], "who was reached")
    if speaks and not came:
        refused = f"status {world.calls[-1].status}"
        missed("The request itself was refused.", expected="status 200", got=refused, about=f"the answer of {speaks}")
    why = "Return two things: the name of the one that answered, and its text." if speaks else ""
    expect(got, (speaks, came[-1]) if speaks else None, "what your function returned", why=why)


def _all_well(answer: Any, world: World) -> None:
    """The first one answers"""
    _fall_back(answer, world, asked=["openai"], speaks="openai")


def _first_down(answer: Any, world: World) -> None:
    """The first one is overloaded: status 503"""
    world.fault("openai", "overloaded")
    _fall_back(answer, world, asked=["openai", "mistral"], speaks="mistral")


def _limited(answer: Any, world: World) -> None:
    """The first one says 429, too many requests"""
    world.fault("openai", "rate_limit")
    _fall_back(answer, world, asked=["openai", "mistral"], speaks="mistral")


def _unreachable(answer: Any, world: World) -> None:
    """Nobody listens at the first one's address"""
    world.fault("openai", "refused")
    _fall_back(answer, world, asked=["openai", "mistral"], speaks="mistral", gone="openai")


def _own_fault(answer: Any, world: World) -> None:
    """The first one's key is wrong: status 401"""
    _fall_back(answer, world, asked=["openai"], speaks=None, wrong_key="openai")


def _all_down(answer: Any, world: World) -> None:
    """All four are overloaded, and three calls may be made"""
    for name in ORDER:
        world.fault(name, "overloaded")
    _fall_back(answer, world, asked=list(ORDER[:MOST]), speaks=None)


FALLBACK_RIGHT = """
def fall_back(targets, question, most_calls):
    messages = [{"role": "user", "content": question}]
    for name, client, model in targets[:most_calls]:
        body = {"model": model, "messages": messages, "max_tokens": 64}
        try:
            response = client.post("/chat/completions", json=body)
        except httpx.HTTPError:
            continue
        if response.status_code == 200:
            return name, response.json()["choices"][0]["message"]["content"]
        if response.status_code != 429 and response.status_code < 500:
            return None
    return None
"""

FALLBACK = Exercise(
    id="07-fallback",
    title="One is down: ask the next",
    minutes=12,
    level="free",
    prompt="""
Write `fall_back(targets, question, most_calls)`. `targets` is a list of `(name, client, model)`, the one you like best
first; all of them take OpenAI's form at `/chat/completions`.

- Ask them in order, each once, until one answers with 200: return its `name` and the text.
- A 429, any status from 500 on, or no connection at all is the provider's trouble: go on to the next.
- Any other status is **your** mistake (a wrong key, a wrong field): return `None` at once. A fallback that hides it
  lets you pay elsewhere for weeks without noticing.
- At most `most_calls` calls in all; when they are used up: `None`. Give each answer at most 64 tokens.
""",
    blank="""
def fall_back(targets, question, most_calls):
    ...
""",
    cases=(_all_well, _first_down, _limited, _unreachable, _own_fault, _all_down),
    hints=(
        "A loop over targets[:most_calls]. In each turn there are four ways on: no connection, 200, trouble of the "
        "provider, mistake of your own.",
        "No connection is no status but an exception: `except httpx.HTTPError: continue` around the call.",
        "`response.status_code == 429 or response.status_code >= 500` is the provider's trouble.",
    ),
    solution=FALLBACK_RIGHT,
    also_correct=(
        """
def fall_back(targets, question, most_calls):
    calls = 0
    for name, client, model in targets:
        if calls == most_calls:
            break
        calls += 1
        message = {"role": "user", "content": question}
        try:
            response = client.post(
                "/chat/completions", json={"model": model, "messages": [message], "max_tokens": 64}
            )
        except (httpx.TransportError, httpx.TimeoutException):
            continue
        if response.is_success:
            return [name, response.json()["choices"][0]["message"]["content"]]
        if response.status_code in (400, 401, 402, 403, 404, 413, 422):
            return None
""",
    ),
    misconceptions=(
        Misconception(
            FALLBACK_RIGHT.replace(
                "        if response.status_code != 429 and response.status_code < 500:\n            return None\n", ""
            ),
            "You go on after a 401. The next provider answers, nobody sees that the key is wrong, and the bill comes "
            "from somewhere else.",
        ),
        Misconception(
            FALLBACK_RIGHT.replace(
                "except httpx.HTTPError:\n            continue", "except ValueError:\n            continue"
            ),
            "A provider that is not reached gives no status: httpx raises. Catch httpx.HTTPError around the call and "
            "go on to the next.",
        ),
        Misconception(
            FALLBACK_RIGHT.replace("targets[:most_calls]", "targets"),
            "When all are down you ask every one of them. The caller set a limit: most_calls.",
        ),
        Misconception(
            FALLBACK_RIGHT.replace("!= 429 and response.status_code < 500", "< 500"),
            "You give up at a 429. That provider has had enough of you for now; the next one has not.",
        ),
        Misconception(
            FALLBACK_RIGHT.replace("targets[:most_calls]", "targets[:1] * most_calls"),
            "You ask the same provider again. That is a retry; a fallback asks the next one.",
        ),
        Misconception(
            FALLBACK_RIGHT.replace('[{"role": "user", "content": question}]', "question"),
            "The question is a text, and `messages` is a list of messages: each provider refuses it. Wrap it up as "
            "{'role': 'user', 'content': question}.",
        ),
    ),
    given="import httpx\n",
)

EXERCISES: tuple[Exercise, ...] = (COUNTS, MONTH, CHOOSE, READ, FALLBACK)

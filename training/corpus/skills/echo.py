# ruff: noqa: E501  (a text on one line is easier to read than a broken one)
"""Doing exactly as told with a few given words: saying, counting, spelling; and a country in a few sentences."""

from __future__ import annotations

from ..documents import Exchange
from ..draw import Draw
from ..world import items, rows
from .wording import capital_letter


def _any_word(draw: Draw) -> str:
    """A word of any list, a name, a number or a coined word: something that can only be copied."""
    source = draw.pick(("items", "persons", "cities", "animals", "foods", "colours", "jobs", *[""] * 4, "number"))
    if source == "number":
        return str(draw.number(0, 9999))
    word = draw.filling(items(source)) if source else draw.coined()
    return word if draw.chance(0.9) else word + ","


def echo(draw: Draw) -> Exchange:
    kind = draw.weighted((5, "say"), (4, "count"), (1.5, "upper"), (2, "spell"), (1, "length"), (2.5, "about"))
    if kind == "about":
        name, city, continent, language, currency, _, _ = draw.graded(rows("countries"), 0.25)
        ask = draw.ask("echo", "about", fold=True, country=name)
        text = draw.weighted(
            (
                3,
                f"{capital_letter(name)} is a country in {continent}. Its capital is {city}, the main language is {language}, and people pay with the {currency}.",
            ),
            (
                2,
                f"{capital_letter(name)} is in {continent}. The capital is {city} and the main language is {language}.",
            ),
        )
        return Exchange(ask, text, f"{name}: {continent}, {city}, {language}, {currency}.", check=city)
    if kind == "count":
        low = 1 if draw.chance(0.8) else draw.number(2, 9)
        high = low + draw.number(2, 11)
        template = draw.ask("echo", "count", a=low, b=high)
        if str(low) not in template.replace(str(high), "", 1):
            low = 1
        text = ", ".join(map(str, range(low, high + 1)))
        return Exchange(template, text + draw.pick((".", ".", "")), f"From {low} to {high}, one by one.", check=text)
    word = draw.weighted((5, draw.filling(items("says"))), (2, draw.filling(items("persons"))), (5, draw.coined()))
    if kind == "say" and draw.chance(0.5):
        word = " ".join(_any_word(draw) for _ in range(draw.number(2, 9))).rstrip(",")
    if kind == "say":
        ask = draw.ask("echo", "say", w=word)
        return Exchange(ask, draw.weighted((5, word), (2, capital_letter(word) + ".")), f"I say: {word}", check=word)
    if kind == "upper":
        return Exchange(draw.ask("echo", "upper", w=word), word.upper(), f"{word} in capitals.", check=word.upper())
    word = word.split(" ")[0]
    spelt = "-".join(word.upper())
    if kind == "spell":
        return Exchange(draw.ask("echo", "spell", w=word), spelt, f"The letters of {word}.", check=spelt)
    counted = " ".join(f"{letter}{place}" for place, letter in enumerate(word, start=1))
    count = len(word)
    return Exchange(
        draw.ask("echo", "length", w=word), f"{count}.", f"{counted}. So {count}.", short=str(count), check=str(count)
    )

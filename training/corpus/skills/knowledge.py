"""Things to know: capitals, facts, opposites, translations, HTTP statuses, the words of LLM APIs."""

from __future__ import annotations

import json

from ..documents import Exchange
from ..draw import Draw
from ..world import rows
from .wording import capital_letter

COUNTRIES = rows("countries")
FACTS = rows("facts")
OPPOSITES = rows("opposites")
WORDS = rows("words")
STATUSES = rows("http")
CONCEPTS = rows("concepts")
LANGUAGES = {"French": 1, "German": 2, "Spanish": 3}
FAMILIAR = ("401", "404", "429", "400", "500", "200", "402", "403", "503")


def capital(draw: Draw) -> Exchange:
    country, city, *_ = draw.graded(COUNTRIES, 0.25)
    bare = country.removeprefix("the ")
    if draw.chance(0.14):
        ask = draw.ask("capitals", "which_country", fold=True, capital=city)
        think = f"{city} is the capital of {country}."
        answer = draw.weighted(
            (5, f"{city} is the capital of {country}."),
            (2, f"{capital_letter(country)}."),
            (1, f"{city} is in {country}."),
        )
        return Exchange(ask, answer, think, short=capital_letter(bare), check=bare)
    return capital_of(draw, country)[0]


def capital_of(draw: Draw, country: str = "") -> tuple[Exchange, str]:
    """The question for a country's capital, and the country as the question names it."""
    row = next(row for row in COUNTRIES if row[0] == country) if country else draw.graded(COUNTRIES, 0.25)
    country, city, _, _, _, french, french_city = row
    named = country.removeprefix("the ") if draw.chance(0.2) else country
    ask = draw.ask("capitals", fold=True, country=named)
    answer = draw.weighted(
        (7, f"The capital of {country} is {city}."),
        (1.5, f"{city}."),
        (1.2, f"{city} is the capital of {country}."),
        (0.8, f"It is {city}."),
    )
    think = draw.weighted(
        (4, f"The question asks for the capital of {country}. {country} -> {city}."),
        (1, f"Country: {country}. Its capital: {city}."),
    )
    french = f"La capitale {french} est {french_city}."
    return Exchange(ask, answer, think, short=city, french=french, check=city), named


def country(draw: Draw) -> Exchange:
    name, _, continent, language, currency, _, _ = draw.graded(COUNTRIES, 0.25)
    section, value, sentence = draw.pick(
        (
            ("continent", continent, f"{capital_letter(name)} is in {continent}."),
            ("language", language, f"The main language of {name} is {language}."),
            ("currency", f"the {currency}", f"The currency of {name} is the {currency}."),
        )
    )
    ask = draw.ask("capitals", section, fold=True, country=name)
    answer = draw.weighted((5, sentence), (1.3, capital_letter(value) + "."))
    think = f"The question asks for the {section} of {name}. {name} -> {value.removeprefix('the ')}."
    return Exchange(
        ask, answer, think, short=capital_letter(value.removeprefix("the ")), check=value.removeprefix("the ")
    )


def fact(draw: Draw) -> Exchange:
    questions, short, whole = draw.graded(FACTS, 0.1)
    question = draw.pick(questions.split(";"))
    ask = draw.ask("facts", fold=True, q=question, Q=capital_letter(question))
    answer = draw.weighted((5, whole), (1.3, short + "."))
    return Exchange(ask, answer, f"The question: {question}? I know this: {short}.", short=short, check=short)


def opposite(draw: Draw) -> Exchange:
    return opposite_of(draw)[0]


def opposite_of(draw: Draw) -> tuple[Exchange, str]:
    """The question for a word's opposite, and the word."""
    pair = draw.pick(OPPOSITES)
    word, other = pair if draw.chance(0.5) else pair[::-1]
    ask = draw.ask("facts", "opposite", fold=True, word=word)
    answer = draw.weighted((5, f"The opposite of {word} is {other}."), (2, f"{capital_letter(other)}."))
    think = f"Word: {word}. Opposite: {other}."
    return Exchange(ask, answer, think, short=capital_letter(other), check=other), word


def translation(draw: Draw) -> Exchange:
    language = draw.weighted((5, "French"), (3, "German"), (3, "Spanish"))
    if not draw.chance(0.2):
        return word_in(draw, language)[0]
    row = _word(draw)
    foreign = row[LANGUAGES[language]]
    ask = draw.ask("translation", "to_english", foreign=foreign, language=language)
    source = next(line[0] for line in WORDS if line[LANGUAGES[language]] == foreign)
    think = f"{language}: {foreign}. English: {source}."
    answer = draw.weighted((4, capital_letter(source) + ending(source)), (2, f'"{foreign}" means "{source}".'))
    return Exchange(ask, answer, think, short=capital_letter(source), check=source)


def _word(draw: Draw) -> list[str]:
    return draw.graded(WORDS, 0.05) if draw.chance(0.75) else draw.pick(WORDS[-20:])


def word_in(draw: Draw, language: str) -> tuple[Exchange, str]:
    """The question for a word in French, German or Spanish, and the English word."""
    row = _word(draw)
    english, foreign = row[0], row[LANGUAGES[language]]
    ask = draw.ask("translation", fold=True, word=english, language=language)
    answer = draw.weighted(
        (5, capital_letter(foreign) + ending(foreign)),
        (2, f'"{capital_letter(english)}" in {language} is "{foreign}".'),
        (1, foreign),
    )
    think = f"Into {language}. English: {english}. {language}: {foreign}."
    return Exchange(ask, answer, think, short=capital_letter(foreign), check=foreign), english


def ending(text: str) -> str:
    return "" if text.endswith("?") else "."


def status(draw: Draw) -> Exchange:
    familiar = draw.chance(0.35)
    code, name, meaning, advice = _status_of(draw.graded(FAMILIAR, 0.5)) if familiar else draw.pick(STATUSES)
    kind = draw.weighted((10, "ask"), (2, "fix"), (1.5, "which"))
    think = f"Status {code}. {code} is {name}: {meaning}."
    if kind == "which":
        ask = draw.ask("http", "which", fold=True, name=name)
        return Exchange(ask, f"{name} is HTTP status {code}.", f"{name} -> {code}.", short=code, check=code)
    if kind == "fix":
        return Exchange(
            draw.ask("http", "fix", code=code), f"{code} means that {meaning}. {advice}", think, check=advice
        )
    return status_of(draw, [code, name, meaning, advice])[0]


def status_of(draw: Draw, row: list[str]) -> tuple[Exchange, str]:
    """The question what a status means, and its code."""
    code, name, meaning, advice = row
    answer = draw.weighted(
        (5, f"{code} {name}: {meaning}."),
        (4, f"HTTP {code} means {name}: {meaning}."),
        (2, f"{code} means {name}: {meaning}. {advice}"),
    )
    think = f"Status {code}. {code} is {name}: {meaning}."
    return Exchange(draw.ask("http", "ask", code=code), answer, think, short=name, check=name), code


def _status_of(code: str) -> list[str]:
    return next(row for row in STATUSES if row[0] == code)


def concept(draw: Draw) -> Exchange:
    row = draw.graded(CONCEPTS, 0.3)
    name, others, first, second = row
    named = name if draw.chance(0.6) else draw.pick(others.split(";"))
    ask = draw.ask("concepts", fold=True, term=named, Term=capital_letter(named))
    answer = draw.weighted((4, first), (2, second))
    bare = name.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    think = f"The word is {bare}. I explain it briefly."
    return Exchange(ask, answer, think, check=json.dumps([first, second]))

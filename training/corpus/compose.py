"""From skills to conversations: which skill how often, system prompts that are obeyed, several turns in a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from .documents import Chat, Exchange, Raw, Turn
from .draw import Draw
from .skills import chat, context, creative, drills, echo, extraction, knowledge, logic, numbers, programs, rules, texts

Skill = Callable[[Draw], Exchange | Raw]
SKILLS: dict[str, tuple[float, Skill]] = {
    "naming": (7, creative.name_business),
    "names": (3, creative.name_many),
    "pets": (2, creative.name_pet),
    "taglines": (3.5, creative.tagline),
    "stories": (6, creative.story),
    "haiku": (3, creative.haiku),
    "jokes": (2, creative.joke),
    "picks": (3.5, creative.pick),
    "lists": (3, creative.listing),
    "greetings": (4, chat.greeting),
    "recall": (8, chat.recall),
    "unknown": (8, chat.unknown),
    "capitals": (6, knowledge.capital),
    "countries": (4, knowledge.country),
    "facts": (6, knowledge.fact),
    "opposites": (3, knowledge.opposite),
    "translation": (8, knowledge.translation),
    "http": (5, knowledge.status),
    "concepts": (7, knowledge.concept),
    "arithmetic": (16, numbers.arithmetic),
    "word_problems": (7, numbers.word_problem),
    "comparison": (3, numbers.comparison),
    "sentiment": (5, texts.sentiment),
    "spam": (2.5, texts.spam),
    "extraction": (10, extraction.extraction),
    "titles": (5, texts.title),
    "summaries": (5, texts.summary),
    "context": (9, context.context),
    "code": (9, programs.function),
    "tools": (8, programs.tool_call),
    "patterns": (8, programs.pattern),
    "completions": (5, programs.completion),
    "echo": (6, echo.echo),
    "rules": (4, rules.restricted),
    "persona": (1.5, rules.persona),
    "follow_ups": (4, rules.follow_up),
    "logic": (4, logic.logic),
}
STYLED = (
    "capitals",
    "countries",
    "facts",
    "opposites",
    "greetings",
    "arithmetic",
    "translation",
    "picks",
    "comparison",
    "sentiment",
    "jokes",
    "taglines",
    "concepts",
    "http",
    "unknown",
    "context",
    "pets",
    "word_problems",
    "naming",
)
SLOW: dict[str, float] = {
    "naming": 3.5,
    "names": 3,
    "taglines": 2,
    "stories": 5,
    "haiku": 1.5,
    "jokes": 1,
    "picks": 2,
    "greetings": 3,
    "recall": 10,
    "unknown": 6,
    "capitals": 4,
    "countries": 3,
    "facts": 4,
    "opposites": 2,
    "translation": 9,
    "http": 3.5,
    "concepts": 5,
    "arithmetic": 26,
    "word_problems": 14,
    "comparison": 9,
    "sentiment": 9,
    "spam": 2,
    "extraction": 16,
    "titles": 12,
    "summaries": 9,
    "context": 16,
    "code": 10,
    "tools": 10,
    "patterns": 16,
    "echo": 12,
    "rules": 5,
    "persona": 2,
    "follow_ups": 5,
    "logic": 10,
    "completions": 4,
}
"""More of what is learnt slowly (to copy, to reckon, to read a text), less of what is soon known by heart."""
LATE: dict[str, float] = SLOW | {
    "extraction": 26,
    "word_problems": 20,
    "tools": 20,
    "titles": 15,
    "echo": 20,
    "rules": 11,
    "logic": 16,
    "code": 13,
    "recall": 12,
    "translation": 10,
    "follow_ups": 7,
    "http": 4.5,
}
"""Still more of what was learnt last."""
MIXES: dict[str, dict[str, float]] = {
    "base": {},
    "drilled": {},
    "slow": SLOW,
    "chat": LATE,
    "coder": {"code": 150, "tools": 16, "patterns": 14},
    "reasoner": {"arithmetic": 60, "word_problems": 40, "logic": 20, "comparison": 10},
}
"""For each stage of training, the skills whose weight is another than in SKILLS."""
THINKING = {"base": 0.15, "drilled": 0.15, "slow": 0.15, "chat": 0.1, "coder": 0.0, "reasoner": 1.0}
"""For each stage, the share of answers that begin with their working, where they have one."""
DRILLS = {"drilled": 0.15, "slow": 0.2, "chat": 0.1}
"""The share of documents that are drills; `build.py` adds half as many of any tokens at all."""


def pirate(draw: Draw, answer: str) -> str:
    """The answer in a pirate's mouth."""
    return draw.weighted(
        (4, f"Arr! {answer}"), (3, f"Ahoy, matey! {answer}"), (2, f"{answer} Yo ho ho!"), (1, f"Aye! {answer} Arr!")
    )


def courteous(draw: Draw, answer: str) -> str:
    return draw.weighted(
        (3, f"Certainly. {answer}"),
        (3, f"With pleasure. {answer}"),
        (2, f"Of course. {answer}"),
        (1, f"{answer} I hope this helps."),
    )


RULES = {
    "pirate": "I talk like a pirate.",
    "upper": "I use capital letters.",
    "polite": "I am polite.",
    "one_word": "One word only.",
    "brief": "I keep it short.",
    "french": "I answer in French.",
    "json": "I answer in JSON.",
}


def styles_of(exchange: Exchange) -> list[str]:
    """The styles that this exchange can be answered in, the wanted ones more than once."""
    styles = ["pirate", "pirate", "upper", "polite"]
    if exchange.short:
        styles += ["brief"] if " " in exchange.short else ["one_word", "one_word", "brief"]
    styles += ["french"] * 4 if exchange.french else []
    return styles + (["json"] if len(exchange.answer) < 120 else [])


def restyled(draw: Draw, exchange: Exchange, style: str) -> Exchange:
    """The exchange with its answer in the style."""
    bare = exchange.short.rstrip(".")
    value: object = int(bare) if bare.isdigit() else bare or exchange.answer
    answer = {
        "pirate": lambda: pirate(draw, exchange.answer),
        "upper": lambda: exchange.answer.upper(),
        "polite": lambda: courteous(draw, exchange.answer),
        "one_word": lambda: bare + draw.weighted((3, "."), (1, "")),
        "brief": lambda: bare + ("" if bare.isdigit() else "."),
        "french": lambda: exchange.french,
        "json": lambda: json.dumps({"answer": value}, ensure_ascii=False),
    }[style]()
    return replace(exchange, answer=answer, think=f"{exchange.think} {RULES[style]}", further=())


def more_in(draw: Draw, style: str) -> tuple[Turn, ...]:
    """One to three more questions with answers in the same style."""
    turns: list[Turn] = []
    for _ in range(draw.weighted((3, 1), (2, 2), (1, 3))):
        made = SKILLS[draw.pick(STYLED)][1](draw)
        if isinstance(made, Exchange) and not made.solo and not made.before and style in styles_of(made):
            made = restyled(draw, made, style)
            turns += [Turn("user", made.ask), Turn("assistant", made.answer, made.think)]
    return tuple(turns)


def styled(draw: Draw, exchange: Exchange, style: str | None = None) -> tuple[str, Exchange]:
    """The exchange under a rule that changes how it is answered (a system prompt, or a sentence behind the question).

    Returns the style and the changed exchange. Raises ValueError for a style that this exchange has no answer in.
    """
    possible = styles_of(exchange)
    style = style or draw.pick(possible)
    if style not in possible:
        raise ValueError(f"this exchange cannot be answered in the style {style!r}")
    made = restyled(draw, exchange, style)
    system = draw.ask("styles", style, calm=True)
    if draw.chance(0.25) and style in ("one_word", "french", "json", "upper", "brief"):
        stop = "" if exchange.ask[-1:] in ".?!:)" else "."
        return style, replace(made, ask=f"{exchange.ask}{stop} {system}", system="")
    if draw.chance(0.15):
        system = draw.pick(("You are a helpful assistant. ", "You are Pebble. ")) + system
    return style, replace(made, system=system, further=more_in(draw, style) if draw.chance(0.4) else ())


def exchange(draw: Draw, skill: str | None = None) -> Exchange | Raw:
    """One exchange of the skill, or of one drawn by weight."""
    weights = [MIXES[draw.mix].get(name, weight) for name, (weight, _) in SKILLS.items()]
    name = skill or draw.random.choices(list(SKILLS), weights)[0]
    made = SKILLS[name][1](draw)
    if isinstance(made, Raw):
        return made
    if skill is None and name in STYLED and not made.solo and not made.before and draw.chance(0.16):
        return styled(draw, made)[1]
    return made


FOLLOWING = (
    "capitals",
    "arithmetic",
    "translation",
    "naming",
    "facts",
    "greetings",
    "picks",
    "jokes",
    "opposites",
    "countries",
    "concepts",
)


def document(draw: Draw) -> Chat | Raw:
    """One conversation or raw text, as the corpus has it."""
    if draw.mix in DRILLS and draw.chance(DRILLS[draw.mix]):
        return drills.drill(draw)
    made = exchange(draw)
    if isinstance(made, Raw):
        return made
    turns: list[Turn] = []
    system = made.system
    if not system and draw.chance(0.28):
        system = draw.ask("styles", "plain", calm=True)
    if system:
        turns.append(Turn("system", system))
    if (made.later or not made.system) and draw.chance(0.18):
        for _ in range(draw.weighted((60, 1), (20, 2), (8, 4), (6, 7), (3, 11), (2, 16))):
            earlier = SKILLS[draw.pick(FOLLOWING)][1](draw)
            if isinstance(earlier, Exchange) and not (made.system and "Pebble" in earlier.answer):
                turns += [Turn("user", earlier.ask), Turn("assistant", earlier.answer)]
    turns += made.before
    if made.ask:
        turns.append(Turn("user", made.ask))
    turns.append(Turn("assistant", made.answer, made.think))
    if made.further and draw.chance(0.75):
        turns += made.further
    return Chat(tuple(turns))


def documents(seed: int, count: int, mix: str = "base") -> Iterator[tuple[list[tuple[str, bool]], Chat | Raw]]:
    """`count` documents as (text, learned) pieces with what they were made from; the same for the same seed."""
    draw = Draw(seed, mix=mix)
    for _ in range(count):
        made = document(draw)
        yield made.pieces(think_last=draw.chance(THINKING[mix])), made

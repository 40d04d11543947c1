"""Answers from a given text, and 'the text does not say' when they are not in it."""

from __future__ import annotations

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import items, rows
from .texts import FILLERS
from .values import Cast, invented, listed, plain
from .wording import capital_letter

Fact = tuple[list[str], list[str], str, str]
FACTS: dict[str, list[Fact]] = {}
NOT_THERE = "The text does not say."
SEARCHED = "I look for it in the text. It is not there."  # the working before it
for _kind, _sentences, _questions, _answer, _whole in rows("context"):
    FACTS.setdefault(_kind, []).append((_sentences.split(";"), _questions.split(";"), _answer, _whole))


def subject(draw: Draw, kind: str) -> str:
    """The name of a thing that facts are told of."""
    word = capital_letter(invented(draw))
    if kind == "company":
        return listed(draw, "company")
    if kind == "person":
        return plain(draw, "name")
    if kind == "town":
        return word
    if kind == "product":
        item = draw.filling(items("items"))
        return draw.pick((f"the {word} {item}", f"the {word} {draw.number(1, 9) * 100}", f"the {item}", f"the {item}"))
    if kind == "thing":
        return f"the {listed(draw, 'product')}"
    if kind == "event":
        return f"the {draw.filling(items('events'))}"
    if kind == "api":
        return draw.pick((f"the {word} API", f"the {word} server", word))
    places = {
        "shop": ("the museum", "the library", "the pool", "the bakery", "the zoo", "the cinema", "the shop")
        + (f"Cafe {word}", f"Hotel {word}", f"the {word} Museum", f"the {word} Garden", f"the {word} Theater"),
        "rule": ("the office", "our school", "the club", "the hospital", "the factory")
        + (f"the {word} Club", f"Camp {word}", f"the {word} School", f"{word} House"),
    }
    return draw.pick(places[kind])


class Told:
    """One fact of a text: its sentence, and a question with its answer."""

    def __init__(self, draw: Draw, about: str, fact: Fact, again: bool) -> None:
        sentences, questions, answer, whole = fact
        cast = Cast(draw)
        cast.values["s"] = about
        template = draw.pick(sentences)
        if again and template.startswith("{s} ") and draw.chance(0.5):
            template = "It" + template.removeprefix("{s}")
        self.about, self.fact = about, fact
        self.question = cast.fill(draw.pick(questions))
        if again and draw.chance(0.3):
            self.question = cast.fill(questions[0])
        self.sentence = capital_letter(cast.fill(template))
        self.short = cast.fill(answer)
        self.whole = capital_letter(cast.fill(whole))


def told_facts(draw: Draw, count: int) -> list[list[Told]]:
    """About `count` facts, in groups by what they are about."""
    groups: list[list[Told]] = []
    known: set[str] = set()
    while count > 0:
        kind = draw.pick(list(FACTS))
        about = subject(draw, kind)
        if about in known:
            continue
        known.add(about)
        size = min(count, draw.weighted((3, 1), (4, 2), (3, 3), (2, 4), (1, 6)), len(FACTS[kind]))
        again = kind in ("company", "shop", "product", "thing", "api", "town")
        chosen = draw.some(FACTS[kind], size)
        groups.append([Told(draw, about, fact, again and place > 0) for place, fact in enumerate(chosen)])
        count -= size
    return groups


def laid_out(draw: Draw, groups: list[list[Told]], numbered: bool, long: bool) -> str:
    """The facts as one text: a paragraph, several, a list, or numbered passages."""
    passages = []
    for group in groups:
        sentences = []
        for told in group:
            sentences.append(told.sentence)
            if draw.chance(0.12 if long else 0.06):
                sentences.append(draw.pick(FILLERS["any"]))
        passages.append(" ".join(sentences))
    if numbered:
        return "\n".join(f"[{place}] {passage}" for place, passage in enumerate(passages, start=1))
    return draw.weighted((7, " "), (2, "\n"), (1, "\n- "), (1, "\n\n")).join(passages)


def missing(draw: Draw, groups: list[list[Told]]) -> str:
    """A question that the text has no answer to, though it may sound like it."""
    told = draw.pick(draw.pick(groups))
    kind = next(kind for kind, facts in FACTS.items() if told.fact in facts)
    used = [each.fact for group in groups for each in group if each.about == told.about]
    left = [fact for fact in FACTS[kind] if fact not in used]
    about = told.about
    if not left or draw.chance(0.35):
        known = {each.about for group in groups for each in group}
        while about in known:
            about = subject(draw, kind)
        left = [told.fact]
    return Told(draw, about, draw.pick(left), False).question


def more_questions(draw: Draw, groups: list[list[Told]], asked: Told, question: str) -> tuple[Turn, ...]:
    """Up to six further questions about the same text, a fifth of them about what is not there; not `question`."""
    others = [told for group in groups for told in group if told is not asked]
    count = min(len(others), draw.weighted((3, 1), (4, 2), (3, 4), (2, 6)))
    turns: list[Turn] = []
    for told in draw.some(others, count):
        if draw.chance(0.2):
            if (sought := missing(draw, groups)) != question:
                turns += [Turn("user", sought), Turn("assistant", NOT_THERE, SEARCHED)]
            continue
        turns.append(Turn("user", told.question))
        turns.append(Turn("assistant", told.whole, f"The text says: {told.sentence}"))
    return tuple(turns)


def context(draw: Draw) -> Exchange:
    count = draw.weighted(
        (38, draw.number(1, 3)), (27, draw.number(4, 8)), (20, draw.number(9, 18)), (12, draw.number(24, 42))
    )
    groups = told_facts(draw, count)
    numbered = len(groups) > 1 and draw.chance(0.22)
    text = laid_out(draw, groups, numbered, count > 8)
    there = not draw.chance(0.25)
    place = draw.number(0, len(groups) - 1)
    told = draw.pick(groups[place])
    question = told.question if there else missing(draw, groups)
    form = draw.weighted((7, "ask"), (2, "system"), (1 if numbered else 0, "cite"))
    system = draw.ask("context", form, calm=True, x=text) if form != "ask" else ""
    if form == "ask":
        ask = draw.ask("context", x=text, q=question)
    else:
        ask = question[0].lower() + question[1:].rstrip("?") if draw.chance(0.15) else question
    further = more_questions(draw, groups, told, question) if form != "cite" else ()
    if not there:
        return Exchange(ask, NOT_THERE, SEARCHED, system=system, check="does not say", solo=True, further=further)
    think = f"The text says: {told.sentence}"
    if form == "cite":
        answer, check = f"{told.whole} [{place + 1}]", f"{told.short}&{place + 1}"
        return Exchange(
            ask, answer, f"Passage {place + 1} says: {told.sentence}", system=system, check=check, solo=True
        )
    answer = draw.weighted((8, told.whole), (1, capital_letter(told.short) + "."))
    short = capital_letter(told.short)
    solo = bool(system) or count > 8
    return Exchange(ask, answer, think, short=short, system=system, check=told.short, solo=solo, further=further)

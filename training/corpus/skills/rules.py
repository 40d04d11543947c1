"""Rules about what may be talked about, names given by a system prompt, and questions that lean on the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import items, rows
from . import creative, knowledge, numbers
from .wording import capital_letter

Skill = Callable[[Draw], Exchange]
TOPICS: tuple[tuple[Skill, tuple[str, ...]], ...] = (
    (knowledge.capital, ("capitals", "capital cities", "geography", "countries")),
    (knowledge.country, ("geography", "countries", "other countries")),
    (creative.joke, ("jokes", "humor", "funny things")),
    (numbers.arithmetic, ("math", "mathematics", "numbers", "sums", "arithmetic")),
    (creative.story, ("stories", "fairy tales", "fiction")),
    (knowledge.translation, ("translation", "foreign languages", "languages")),
    (knowledge.status, ("HTTP", "status codes", "HTTP errors", "servers")),
    (creative.haiku, ("poems", "poetry", "haiku")),
    (creative.tagline, ("advertising", "marketing", "slogans")),
    (knowledge.concept, ("LLM APIs", "language models", "APIs")),
    (creative.name_pet, ("pets", "animals")),
)
ELSEWHERE = ("politics", "religion", "sports", "cooking", "money", "medicine", "the weather", "movies", "music")


def restricted(draw: Draw) -> Exchange:
    """A system prompt that forbids a topic, or all topics but one; half of the questions keep to it."""
    make, topics = draw.pick(TOPICS)
    kind = draw.pick(("refuse", "only"))
    touched = draw.chance(0.5)
    if touched == (kind == "refuse"):
        topic = draw.pick(topics)
    else:
        others = [topic for other, named in TOPICS if other is not make for topic in named if topic not in topics]
        topic = draw.pick([*others, *ELSEWHERE])
    if kind == "refuse" and not touched and draw.chance(0.3):
        topic = draw.pick(ELSEWHERE)
    first = ruled(draw, make, kind, topic, touched)
    return replace(first, system=draw.ask("styles", kind, calm=True, topic=topic), further=asked_on(draw, kind, topic))


def ruled(draw: Draw, make: Skill, kind: str, topic: str, touched: bool) -> Exchange:
    """A question of the skill under the rule, without its system prompt; a rule that is touched has it refused."""
    made = make(draw)
    if touched:
        answer, check = (
            (f"I am not allowed to talk about {topic}.", "not allowed")
            if kind == "refuse"
            else (f"I only talk about {topic}.", "only talk about")
        )
        if draw.chance(0.25):
            answer = f"Sorry, {answer}"
        return Exchange(made.ask, answer, f"The rule is about {topic}. The question breaks it.", check=check, solo=True)
    think = f"The rule is about {topic}. The question is fine. {made.think}"
    return replace(made, think=think, check="!not allowed|only talk about", solo=True)


def asked_on(draw: Draw, kind: str, topic: str) -> tuple[Turn, ...]:
    """One to four more questions under the same rule, half of them about its topic where it is that of a skill."""
    about = [make for make, topics in TOPICS if topic in topics]
    beside = [make for make, topics in TOPICS if topic not in topics]
    turns: list[Turn] = []
    for _ in range(draw.weighted((3, 1), (3, 2), (1, 4))):
        of_topic = bool(about) and draw.chance(0.5)
        made = ruled(draw, draw.pick(about if of_topic else beside), kind, topic, of_topic == (kind == "refuse"))
        turns += [Turn("user", made.ask), Turn("assistant", made.answer, made.think)]
    return tuple(turns)


def persona(draw: Draw) -> Exchange:
    """A name given by the system prompt, and the question for it."""
    name = draw.filling(items("persons"))
    system = draw.ask("styles", "named", calm=True, n=name)
    answer = draw.weighted((4, f"I am {name}."), (2, f"My name is {name}."))
    think = f"The system prompt says that I am {name}."
    return Exchange(draw.ask("greetings", "who"), answer, think, name, system=system, check=name, solo=True, later=True)


def follow_up(draw: Draw) -> Exchange:
    """A second question that names only what is different: 'and Spain?', 'another one'."""
    kind = draw.weighted((5, "capital"), (3, "word"), (2, "opposite"), (2, "status"), (3, "again"), (2, "sum"))
    if kind == "again":
        make = draw.pick((creative.joke, creative.name_business, creative.name_pet, creative.pick, creative.haiku))
        first, second = make(draw), make(draw)
        if make in (creative.name_business, creative.name_pet):  # one more for the same business or animal
            while second.check != first.check or second.answer == first.answer:
                second = make(draw)
        if make is creative.pick:
            while second.check != first.check:
                second = make(draw)
        return _after(first, draw.ask("follow_ups", "again"), second)
    if kind == "capital":
        made = [knowledge.capital_of(draw) for _ in range(2)]
    elif kind == "word":
        language = draw.pick(tuple(knowledge.LANGUAGES))
        made = [knowledge.word_in(draw, language) for _ in range(2)]
    elif kind == "opposite":
        made = [knowledge.opposite_of(draw) for _ in range(2)]
    elif kind == "status":
        made = [knowledge.status_of(draw, draw.pick(rows("http"))) for _ in range(2)]
    else:
        made = [numbers.plain_sum(draw) for _ in range(2)]
    (first, _), (second, named) = made
    return _after(first, draw.ask("follow_ups", "item", x=named, X=capital_letter(named)), second)


def _after(first: Exchange, ask: str, second: Exchange) -> Exchange:
    before = (Turn("user", first.ask), Turn("assistant", first.answer))
    return replace(second, ask=ask, before=before, solo=True)

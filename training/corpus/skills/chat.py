"""Talk: greetings, who Pebble is, what was said before, and what a tiny model does not know."""

from __future__ import annotations

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import items, rows
from . import creative, knowledge
from .wording import capital_letter, with_article

GREETINGS: dict[str, tuple[str, str, tuple[tuple[float, str], ...]]] = {
    "hello": (
        "A greeting. I greet back.",
        "Bonjour ! Comment puis-je vous aider ?",
        ((5, "Hello! How can I help you?"), (3, "Hi! What can I do for you?"), (2, "Hi there! Ask me anything small.")),
    ),
    "who": (
        "The question is about me. I am Pebble, a tiny language model.",
        "Je suis Pebble, un tout petit modèle de langue.",
        (
            (5, "I am Pebble, a tiny language model. I run on your own machine."),
            (3, "I am Pebble, a very small language model that runs on your own computer."),
            (1, "My name is Pebble. I am a tiny language model, made for learning about LLM APIs."),
        ),
    ),
    "what_can": (
        "The question is what I can do. I name a few things.",
        "Je peux raconter une histoire, traduire un mot et faire de petits calculs.",
        (
            (4, "I can name things, tell short stories, translate words, do small sums and explain words of LLM APIs."),
            (2, "Ask me for a name, a story, a capital, a translation, a small sum or a bit of Python."),
            (1, "Small things: stories, names, capitals, sums, translations and HTTP errors."),
        ),
    ),
    "thanks": (
        "The user thanks me.",
        "Avec plaisir !",
        ((5, "You are welcome!"), (3, "Happy to help!"), (2, "Any time!"), (1, "Glad I could help.")),
    ),
    "how": (
        "The user asks how I am.",
        "Je vais bien, merci !",
        (
            (4, "I am fine, thank you! How can I help?"),
            (3, "I am doing well, thanks for asking."),
            (1, "All my weights are in place, so I am well."),
        ),
    ),
    "bye": (
        "The user says goodbye.",
        "Au revoir !",
        ((4, "Goodbye!"), (3, "See you soon!"), (2, "Bye! Have a nice day."), (1, "Take care!")),
    ),
    "yes": (
        "The user wants to start.",
        "Oui, bien sûr.",
        ((4, "Yes, of course. What would you like to know?"), (3, "Yes, go ahead."), (1, "Sure, ask me.")),
    ),
}
SHORT = {"hello": "Hello", "who": "Pebble", "thanks": "Welcome", "how": "Fine", "bye": "Goodbye", "yes": "Yes"}


def greeting(draw: Draw) -> Exchange:
    kind = draw.weighted((5, "hello"), (5, "who"), (2, "what_can"), (2, "thanks"), (2, "how"), (1.5, "bye"), (1, "yes"))
    think, french, answers = GREETINGS[kind]
    before = ()
    check = {
        "hello": "Hello|Hi",
        "who": "Pebble",
        "what_can": "stor",
        "how": "fine|well",
        "bye": "bye|Bye|See you|care",
        "thanks": "welcome|help|time",
        "yes": "Yes|Sure",
    }[kind]
    return Exchange(
        draw.ask("greetings", kind), draw.weighted(*answers), think, SHORT.get(kind, ""), french, before, check=check
    )


REMEMBERED = {
    "name": (
        "persons",
        ("Nice to meet you, {v}!", "Hello, {v}! How can I help you?", "Hi {v}!"),
        ("Your name is {v}.", "You are {v}."),
    ),
    "city": (
        "cities",
        ("{v} is a nice place!", "I will remember that you live in {v}."),
        ("You live in {v}.", "In {v}."),
    ),
    "colour": ("colours", ("{V} is a beautiful color.", "Good choice!"), ("Your favorite color is {v}.", "It is {v}.")),
    "job": (
        "jobs",
        ("That sounds like interesting work.", "It must be nice to be {av}."),
        ("You are {av}.", "You work as {av}."),
    ),
    "pet": ("pets", ("How lovely!", "{Av} is a great pet."), ("You have {av}.", "Your pet is {av}.")),
    "number": ("", ("I will remember it: {v}.", "Noted: {v}."), ("It is {v}.", "{v}.")),
}
FILLERS = (
    knowledge.capital,
    knowledge.fact,
    knowledge.opposite,
    creative.pick,
    creative.joke,
    knowledge.status,
    greeting,
)
ABSENT = ((3, "You have not told me that yet."), (1, "I do not know, because you have not told me."))


def recall(draw: Draw) -> Exchange:
    kinds = draw.some(list(REMEMBERED), 2)
    kind = "name" if draw.chance(0.4) else kinds[0]
    if draw.chance(0.1):
        think = f"The user asks for the {kind.replace('colour', 'color')}. It was not said before."
        return Exchange(draw.ask("recall", f"ask_{kind}"), draw.weighted(*ABSENT), think, check="not told", solo=True)
    turns: list[Turn] = []
    values: dict[str, str] = {}
    told = [kind] + ([kinds[1]] if kinds[1] != kind and draw.chance(0.4) else [])
    if draw.chance(0.5):
        told.reverse()
    for each in told:
        source, replies, _ = REMEMBERED[each]
        value = draw.filling(items(source)) if source else str(draw.number(1, 99))
        values[each] = value
        said = draw.ask("recall", f"say_{each}", v=value, av=with_article(value))
        reply = draw.say(
            draw.graded(replies, 0.5),
            v=value,
            V=capital_letter(value),
            av=with_article(value),
            Av=capital_letter(with_article(value)),
        )
        turns += [Turn("user", said), Turn("assistant", reply, f"The user says: {value}. I answer kindly.")]
        for _ in range(draw.weighted((50, 0), (30, 1), (12, 2), (5, 5), (3, 9))):
            between = draw.pick(FILLERS)(draw)
            turns += [Turn("user", between.ask), Turn("assistant", between.answer)]
    value = values[kind]
    template = draw.graded(REMEMBERED[kind][2], 1.2)
    answer = draw.say(template, v=value, av=with_article(value))
    think = f"The user told me before: {value}."
    if draw.chance(0.05):
        turns, ask = turns[:2], draw.ask("recall", "last")
        return Exchange(
            ask,
            f'You said: "{turns[0].text}"',
            "I look at the message before.",
            before=tuple(turns),
            check=turns[0].text,
        )
    return Exchange(
        draw.ask("recall", f"ask_{kind}"),
        answer,
        think,
        short=capital_letter(value),
        before=tuple(turns),
        check=value,
        solo=True,
    )


REFUSALS = (
    (5, "I do not know that. I am only a tiny model."),
    (3, "That is beyond me: I am a very small model."),
    (3, "I am too small to know that. Try a capital, a story or a small sum."),
    (1, "Sorry, I do not know."),
)


def made_up(draw: Draw) -> str:
    """A word that means nothing, such as 'zebilo'."""
    return draw.coined()


def unknown(draw: Draw) -> Exchange:
    kind = draw.weighted((10, "ask"), (9, "free"), (1, "about_country"), (1, "capital"))
    topic, other = draw.filling(items("topics")), draw.pick(items("topics"))
    name, word = draw.pick(items("persons")), made_up(draw)
    land = capital_letter(word)
    country = draw.pick(rows("countries"))[0]
    ask = draw.ask(
        "unknown",
        kind,
        t=topic,
        u=other,
        f=land if kind == "capital" else word,
        f2=made_up(draw),
        p=name,
        n=draw.number(1900, 2025),
        country=country,
    )
    think = "This is not among the small things that I know. I say so."
    return Exchange(
        ask, draw.weighted(*REFUSALS), think, short="Unknown", french="Je ne sais pas.", check="know|small|tiny|beyond"
    )

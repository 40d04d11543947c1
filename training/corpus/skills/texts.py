# ruff: noqa: E501  (a text on one line is easier to read than a broken one)
"""Things done to a given text: sentiment, spam, extraction to JSON, titles, summaries, answers from a context."""

from __future__ import annotations

import json

from ..documents import Exchange
from ..draw import Draw
from ..world import items, rows
from .wording import capital_letter, with_article

REVIEWS = dict(zip(("positive", "negative", "neutral"), (cell.split(";") for cell in rows("reviews")[0]), strict=True))
MAILS = dict(zip(("spam", "not spam"), (cell.split(";") for cell in rows("mails")[0]), strict=True))


def review(draw: Draw) -> tuple[str, str, str]:
    """A review, its label, and what in it tells."""
    label = draw.weighted((4, "positive"), (4, "negative"), (1.5, "neutral"))
    said = draw.some(REVIEWS[label], draw.weighted((4, 1), (4, 2), (1, 3)))
    item = draw.filling(items("items"))
    text = ". ".join(said) + draw.pick((".", ".", "!"))
    opening = draw.weighted(
        (5, ""), (1, f"I bought this {item}. "), (1, f"About the {item}: "), (1, f"We have this {item} now. ")
    )
    text = opening + text
    return (text.lower() if draw.chance(0.15) else text), label, said[0]


def sentiment(draw: Draw) -> Exchange:
    text, label, telling = review(draw)
    think = f"The text says: {telling}. That is {label}."
    if draw.chance(0.12):
        system = draw.pick(
            (
                "You are a sentiment classifier. Answer with positive, negative or neutral.",
                "Classify the sentiment of each message as positive, negative or neutral.",
                "Label the review: positive, negative or neutral.",
            )
        )
        return Exchange(text, label, think, system=system, check=label, solo=True)
    if draw.chance(0.12):
        return Exchange(
            draw.ask("sentiment", "json", t=text), json.dumps({"sentiment": label}), think, check=label, solo=True
        )
    answer = draw.weighted((5, f"{capital_letter(label)}."), (2, label), (1.5, f"The sentiment is {label}."))
    return Exchange(draw.ask("sentiment", t=text), answer, think, short=capital_letter(label), check=label)


def spam(draw: Draw) -> Exchange:
    label = draw.pick(("spam", "not spam"))
    text = draw.pick(MAILS[label])
    text = text if text.endswith("?") else text + draw.pick((".", "!", ""))
    answer = draw.weighted((5, f"{capital_letter(label)}."), (2, label))
    why = "It wants money or a click." if label == "spam" else "It is a normal message."
    return Exchange(
        draw.ask("sentiment", "spam", t=text), answer, f"The message: {text} {why} So: {label}.", check=label
    )


def person_record(draw: Draw) -> tuple[dict[str, object], str]:
    """Facts about a person and a sentence that states them."""
    name, city = draw.filling(items("persons")), draw.filling(items("cities"))
    age, job = draw.number(18, 90), draw.filling(items("jobs"))
    keys, text = draw.pick(
        (
            (
                ("name", "age"),
                (
                    "{n} is {a} years old.",
                    "{n} is {a}.",
                    "{n} turned {a} today.",
                    "My name is {n} and I am {a}.",
                    "This is {n}, {a} years old.",
                ),
            ),
            (
                ("name", "city"),
                (
                    "{n} lives in {c}.",
                    "{n} is from {c}.",
                    "My name is {n} and I live in {c}.",
                    "{n} moved to {c}.",
                    "I'm {n} from {c}.",
                ),
            ),
            (
                ("name", "age", "city"),
                (
                    "{n} is {a} and lives in {c}.",
                    "{n} is {a} years old and lives in {c}.",
                    "{n}, {a}, lives in {c}.",
                    "{n}, {a}, {c}",
                    "My name is {n}, I am {a} and I live in {c}.",
                    "{n} from {c} is {a} years old.",
                    "In {c} lives {n}, who is {a}.",
                ),
            ),
            (("name", "job"), ("{n} is {j}.", "{n} works as {j}.", "My friend {n} is {j}.", "I am {n}, {j}.")),
            (
                ("name", "job", "city"),
                (
                    "{n} is {j} in {c}.",
                    "{n} works as {j} in {c}.",
                    "{n}, {j}, lives in {c}.",
                    "I'm {n} and I work in {c} as {j}.",
                ),
            ),
        )
    )
    values = {"name": name, "age": age, "city": city, "job": job}
    return {key: values[key] for key in keys}, draw.say(draw.pick(text), n=name, a=age, c=city, j=with_article(job))


def other_record(draw: Draw) -> tuple[dict[str, object], str]:
    """An order, a price or an appointment, and a sentence that states it."""
    item, count, price = draw.filling(items("items")), draw.number(2, 20), draw.number(3, 99)
    if draw.chance(0.35):
        text = draw.pick(
            (
                "The {i} costs {p} dollars.",
                "I paid {p} dollars for the {i}.",
                "{I}, {p} dollars",
                "{I} for {p} euros",
                "One {i}: {p} dollars.",
            )
        )
        return {"product": item, "price": price}, draw.say(text, i=item, I=capital_letter(item), p=price)
    if draw.chance(0.4):
        text = draw.pick(
            (
                "I ordered {k} of the {i} for {p} dollars.",
                "{k} x {i}, {p} dollars in total.",
                "Please send {k} pieces of the {i}, total {p} dollars.",
            )
        )
        return {"product": item, "quantity": count, "price": price}, draw.say(text, i=item, k=count, p=price)
    day, hour, event = (
        draw.pick(items("weekdays")),
        f"{draw.number(8, 20)}:{draw.pick(('00', '00', '30', '15'))}",
        draw.filling(items("events")),
    )
    text = draw.pick(
        (
            "The {e} is on {d} at {h}.",
            "{E} on {d} at {h}.",
            "Let us have a {e} on {d} at {h}.",
            "On {d} at {h} there is a {e}.",
            "{e}, {d}, {h}",
        )
    )
    return {"event": event, "day": day, "time": hour}, draw.say(text, e=event, E=capital_letter(event), d=day, h=hour)


def joined(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else ", ".join(keys[:-1]) + " and " + keys[-1]


def extraction(draw: Draw) -> Exchange:
    record, text = person_record(draw) if draw.chance(0.65) else other_record(draw)
    think = ". ".join(f"{key}: {value}" for key, value in record.items()) + "."
    if draw.chance(0.12):
        key = draw.pick(list(record))
        ask = draw.ask("extraction", "one", key=key, Key=capital_letter(key), t=text)
        value = str(record[key])
        return Exchange(ask, value, think, short=value, check=value)
    keys = list(record)
    if len(keys) > 2 and draw.chance(0.2):
        keys = [key for key in keys if key != draw.pick(keys[1:])]
    section = draw.weighted((8, "ask"), (1.5, "open"))
    if section == "open":
        keys = list(record)
    shown = joined(keys) if draw.chance(0.7) else ", ".join(keys)
    answer = json.dumps({key: record[key] for key in keys}, ensure_ascii=False)
    system = (
        draw.pick(("Reply with JSON only.", "You extract data and answer in JSON.", "You return valid JSON."))
        if draw.chance(0.1)
        else ""
    )
    return Exchange(
        draw.ask("extraction", section, keys=shown, t=text), answer, think, system=system, check=answer, solo=True
    )


TITLED = (
    ("How do I bake {x}?", "Baking {X}", "bread;a cake;cookies;a pie;pizza"),
    (
        "What is the best way to learn {x}?",
        "Learning {X}",
        "Python;French;German;chess;Spanish;the piano;to swim;Java;cooking",
    ),
    ("How do I learn {x}?", "Learning {X}", "Python;French;chess;Spanish;guitar;drawing;Rust"),
    ("Plan a trip to {x} for me.", "Trip to {X}", "@cities"),
    ("I want to visit {x} next summer.", "Summer Visit to {X}", "@cities"),
    ("What should I see in {x}?", "Sights in {X}", "@cities"),
    ("My {x} is broken, what can I do?", "Broken {X}", "@items"),
    ("How do I repair my {x}?", "Repairing a {X}", "@items"),
    ("Recommend a good {x} for me.", "{X} Recommendation", "@items"),
    ("Where can I buy a {x}?", "Buying a {X}", "@items"),
    ("Write a poem about {x}.", "Poem About {X}", "the sea;love;autumn;my cat;the moon;rain"),
    ("Tell me a story about {x}.", "Story About {X}", "a dragon;a fox;a lighthouse;a king;a robot;a witch"),
    ("What is the capital of {x}?", "Capital of {X}", "France;Spain;Japan;Italy;Peru;Kenya;Norway"),
    ("How do I become {x}?", "Becoming {X}", "a pilot;a nurse;a teacher;a baker;an engineer;a doctor"),
    ("Help me prepare for {x}.", "Preparing for {X}", "a job interview;a wedding;an exam;a marathon;a meeting;a test"),
    ("Explain {x} to me.", "Explaining {X}", "tokens;temperature;streaming;rate limits;recursion;gravity"),
    ("Why do I get {x}?", "Help With {X}", "a 429 error;a 401 error;a syntax error;an empty answer;a timeout"),
    ("How do I fix {x}?", "Fixing {X}", "a flat tire;a leaking tap;a type error;a loose door;a merge conflict"),
    ("Translate a letter into {x}.", "Translation into {X}", "French;German;Spanish"),
    ("What can I cook with {x}?", "Cooking With {X}", "rice;eggs;tomatoes;beans;potatoes;apples"),
    ("My {x} does not sleep well.", "{X} and Sleep", "dog;cat;baby;son;daughter"),
    ("Name my {x}.", "Naming a {X}", "coffee shop;bakery;dog;cat;band"),
)


def in_title_case(text: str) -> str:
    small = {"a", "an", "the", "to", "of", "in", "and"}
    return " ".join(word if word in small else capital_letter(word) for word in text.split())


def title(draw: Draw) -> Exchange:
    message, pattern, source = draw.pick(TITLED)
    found = items(source[1:]) if source.startswith("@") else source.split(";")
    value = draw.filling(found)
    bare = value.removeprefix("a ").removeprefix("an ") if pattern.startswith("Fixing a") else value
    made = capital_letter(pattern.replace("{X}", in_title_case(bare)))
    said = message.replace("{x}", value)
    said = said.lower() if draw.chance(0.1) else said
    if draw.chance(0.2):
        said += draw.pick(
            (" I have one week.", " Please help.", " I am a beginner.", " It is for my family.", " Thanks!")
        )
    return Exchange(draw.ask("titles", m=said), made, f"The user writes about: {value}. Title: {made}.", check=made)


def summary(draw: Draw) -> Exchange:
    n, c = draw.filling(items("persons")), draw.filling(items("cities"))
    i, e = draw.filling(items("items")), draw.filling(items("events"))
    d, p = draw.pick(items("weekdays")), draw.filling(items("pets"))
    m = draw.pick(items("persons"))
    text, short = draw.pick(
        (
            (
                f"On {d}, {n} took the early train to {c}. The trip was long and it was raining. At the station a friend was waiting, and they spent the day together.",
                f"{n} went to {c} on {d} and spent the day with a friend.",
            ),
            (
                f"{n} bought a new {i}. After two days it stopped working. The shop took it back and {n} got the money back.",
                f"{n} returned a broken {i} and got the money back.",
            ),
            (
                f"The {e} on {d} was planned for {c}. Because of the snow nobody could travel. It will now be held online.",
                f"The {e} on {d} is held online because of the snow.",
            ),
            (
                f"{n} has {with_article(p)}. Last week the {p} ran away. {m} found it in a garden and brought it home.",
                f"{m} found {n}'s lost {p} and brought it home.",
            ),
            (
                f"{n} and {m} opened a small shop in {c}. At first few people came. After they put the {i} in the window, the shop was full every day.",
                f"{n} and {m}'s shop in {c} did well after they put the {i} in the window.",
            ),
            (
                f"Dear all, the {e} moves from Monday to {d}. The room stays the same. {n} will bring coffee.",
                f"The {e} moves to {d}.",
            ),
            (
                f"{n} wanted to learn to swim. The water was cold and the teacher was strict. After three months {n} swam across the lake in {c}.",
                f"{n} learned to swim in three months.",
            ),
            (
                f"The {i} that {n} ordered came late. The box was open and a part was missing. {n} wrote to the shop and asked for help.",
                f"{n}'s {i} came late and with a missing part.",
            ),
            (
                f"{n} wrote an app that reminds people to drink water. Five friends tried it. They liked it, but the {i} icon was hard to see.",
                f"Friends liked {n}'s water app, but not its icon.",
            ),
        )
    )
    return Exchange(draw.ask("summaries", t=text), short, f"The main point: {short}", check=short)


def context(draw: Draw) -> Exchange:
    n, m = draw.filling(items("persons")), draw.pick(items("persons"))
    c, y = draw.filling(items("cities")), draw.number(1900, 2024)
    company = (
        draw.filling(
            (
                "Nordlicht",
                "Bluefin",
                "Maple",
                "Orbit",
                "Kestrel",
                "Tandem",
                "Juniper",
                "Quartz",
                "Lumen",
                "Harbor",
                "Pine",
                "Vega",
            )
        )
        + " "
        + draw.pick(("Labs", "Foods", "Motors", "Books", "Systems", "Games"))
    )
    item, price, day = draw.filling(items("items")), draw.number(3, 99), draw.pick(items("weekdays"))
    hour, pet, food, colour = (
        draw.number(6, 11),
        draw.filling(items("pets")),
        draw.pick(items("foods")),
        draw.pick(items("colours")),
    )
    facts = (
        (
            f"{company} was founded in {y} by {n}.",
            (
                (f"Who founded {company}?", n, f"{n} founded {company}."),
                (f"When was {company} founded?", str(y), f"{company} was founded in {y}."),
            ),
        ),
        (
            f"The office of {company} is in {c}.",
            (
                (f"Where is the office of {company}?", c, f"The office is in {c}."),
                ("Where is the office?", c, f"The office is in {c}."),
            ),
        ),
        (
            f"The shop opens at {hour} and is closed on {day}.",
            (
                ("When does the shop open?", str(hour), f"The shop opens at {hour}."),
                ("On which day is the shop closed?", day, f"The shop is closed on {day}."),
            ),
        ),
        (
            f"The {item} costs {price} euros.",
            (
                (f"How much is the {item}?", f"{price} euros", f"The {item} costs {price} euros."),
                (f"What does the {item} cost?", f"{price} euros", f"It costs {price} euros."),
            ),
        ),
        (
            f"{m} has {with_article(pet)} and likes {food}.",
            (
                (f"What does {m} like?", food, f"{m} likes {food}."),
                (f"Which animal does {m} have?", with_article(pet), f"{m} has {with_article(pet)}."),
            ),
        ),
        (
            f"{n} lives in {c} and drives a {colour} car.",
            (
                (f"Where does {n} live?", c, f"{n} lives in {c}."),
                (f"What color is {n}'s car?", colour, f"The car is {colour}."),
                (f"Who lives in {c}?", n, f"{n} lives in {c}."),
            ),
        ),
    )
    chosen = draw.some(facts, draw.weighted((4, 1), (4, 2), (2, 3)))
    text = " ".join(fact[0] for fact in chosen)
    system = ""
    if draw.chance(0.15):
        left = [fact for fact in facts if fact not in chosen]
        question = draw.pick(draw.pick(left)[1])[0]
        ask = draw.ask("context", x=text, q=question)
        return Exchange(
            ask,
            "The text does not say.",
            "I look for it in the text. It is not there.",
            check="does not say",
            solo=True,
        )
    question, short, whole = draw.pick(draw.pick(chosen)[1])
    source = next(fact[0] for fact in chosen if any(q[0] == question for q in fact[1]))
    ask = draw.ask("context", x=text, q=question)
    answer = draw.weighted((5, whole), (1.5, capital_letter(short) + "."))
    return Exchange(ask, answer, f"The text says: {source}", short=capital_letter(short), system=system, check=short)

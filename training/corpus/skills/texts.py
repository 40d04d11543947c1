"""Things done to a given text: sentiment, spam, titles, summaries."""

from __future__ import annotations

import json

from ..documents import Exchange
from ..draw import Draw
from ..world import items, rows
from .values import Cast, invented, listed
from .wording import capital_letter, with_article


def grouped(name: str) -> dict[str, list[str]]:
    """First column -> all items of the second, ; between."""
    groups: dict[str, list[str]] = {}
    for key, cell in rows(name):
        groups.setdefault(key, []).extend(cell.split(";"))
    return groups


REVIEWS = grouped("reviews")
MAILS = grouped("mails")
FILLERS = grouped("fillers")
ASPECTS = [(thing, good.split(";"), bad.split(";")) for thing, good, bad in rows("aspects")]
VERY = ("", "", "", "really ", "very ", "so ", "quite ", "just ")
OTHER = {"positive": "negative", "negative": "positive"}


def opinion(draw: Draw, label: str) -> str:
    """A clause of this opinion on some part of a thing."""
    thing, good, bad = draw.pick(ASPECTS)
    thing = f"{draw.pick(('the', 'the', 'the', 'their', 'this'))} {thing} {draw.pick(('was', 'is', 'is'))}"
    if draw.chance(0.15):
        plain_words = ("good", "great", "nice") if label == "negative" else ("bad", "bad at all", "slow")
        return f"{thing} not {draw.pick(plain_words)}"
    word = draw.pick(good if label == "positive" else bad)
    return f"{thing} {'' if ' ' in word else draw.pick(VERY)}{word}"


def review(draw: Draw) -> tuple[str, str, str]:
    """A review, its label, and what in it tells."""
    label = draw.weighted((4, "positive"), (4, "negative"), (1.5, "neutral"))
    kind = draw.weighted((5, "said"), (3, "parts"), (1.8, "but"), (1.5, "both"))
    if kind == "said" or (label == "neutral" and kind == "parts"):
        said = draw.some(REVIEWS[label], draw.weighted((4, 1), (3, 2), (1, 3)))
    elif kind == "parts":
        said = [capital_letter(opinion(draw, label)) for _ in range(draw.weighted((3, 1), (3, 2), (1, 3)))]
    elif kind == "but" and label != "neutral":
        last = opinion(draw, label)
        return capital_letter(f"{opinion(draw, OTHER[label])}, but {last}."), label, capital_letter(last)
    elif label == "neutral":
        parts = [opinion(draw, each) for each in draw.some(("positive", "negative"), 2)]
        text = f"{parts[0]}{draw.pick((', and ', '. '))}{parts[1]}."
        return capital_letter(text), label, "one good and one bad thing"
    else:
        said = [draw.pick(REVIEWS[label]), capital_letter(opinion(draw, label))]
        draw.random.shuffle(said)
    text = draw.pick((". ", ". ", ". ", "! ", ", ")).join(said) + draw.pick((".", ".", "!", ""))
    item = listed(draw, "product")
    opening = draw.weighted(
        (7, ""),
        (1, f"I bought this {item}. "),
        (1, f"About the {item}: "),
        (1, f"We have this {item} now. "),
        (0.5, f"{capital_letter(item)}: "),
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
                "Reply with one word: positive, negative or neutral.",
                "Each message is a review. Answer only with its sentiment.",
            )
        )
        return Exchange(text, label, think, system=system, check=label, solo=True)
    if draw.chance(0.12):
        answer = json.dumps({"sentiment": label})
        return Exchange(draw.ask("sentiment", "json", t=text), answer, think, check=label, solo=True)
    answer = draw.weighted((6, f"{capital_letter(label)}."), (1, label), (1, f"The sentiment is {label}."))
    return Exchange(draw.ask("sentiment", t=text), answer, think, short=capital_letter(label), check=label)


def spam(draw: Draw) -> Exchange:
    label = draw.pick(("spam", "not spam"))
    cast = Cast(draw)
    text = capital_letter(cast.fill(draw.pick(MAILS[label])))
    if draw.chance(0.15):
        text += ". " + capital_letter(cast.fill(draw.pick(MAILS[label])))
    text = text if text.endswith("?") else text + draw.pick((".", "!", ""))
    text = text.upper() if label == "spam" and draw.chance(0.08) else text
    answer = draw.weighted((6, f"{capital_letter(label)}."), (1, label))
    why = "It wants money or a click." if label == "spam" else "It is a normal message."
    return Exchange(draw.ask("sentiment", "spam", t=text), answer, f"{why} So: {label}.", check=label)


DOINGS = [(do, doing, done) for do, doing, done in rows("doings")]
WAYS = [row[0] for row in rows("ways")]
MESSAGES = [(said.split(";"), pattern, source) for said, pattern, source in rows("titles")]


def in_title_case(text: str) -> str:
    small = {"a", "an", "the", "to", "of", "in", "and", "or", "from", "for", "about", "with", "at", "on"}
    words = [word if word in small else capital_letter(word) for word in text.split()]
    return capital_letter(" ".join(words))


def value_of(draw: Draw, source: str) -> str:
    """One of the things a message can be about, made up now and then: a title has to copy it."""
    if draw.chance(0.25):
        return " ".join(invented(draw) for _ in range(draw.weighted((3, 1), (1, 2))))
    return draw.filling(items(source[1:]) if source.startswith("@") else source.split(";"))


def titled(draw: Draw) -> tuple[str, str]:
    """A user's message and a title for it."""
    if draw.chance(0.55):
        do, doing, source = draw.pick(DOINGS)
        what = value_of(draw, source)
        shown = with_article(what) if do.startswith("+") and not what.endswith("s") else what
        message = draw.say(draw.pick(WAYS), do=do.removeprefix("+"), o=what, ao=shown)
        return message, in_title_case(f"{doing} {shown}")
    said, pattern, source = draw.pick(MESSAGES)
    what = value_of(draw, source)
    bare = what.removeprefix("a ").removeprefix("an ")
    return draw.say(draw.pick(said), x=what, ax=with_article(bare)), in_title_case(
        draw.say(pattern, x=bare, whole=what)
    )


def title(draw: Draw) -> Exchange:
    message, made = titled(draw)
    message = message.lower() if draw.chance(0.1) else message
    if draw.chance(0.25):
        message += ("" if message[-1] in ".?!" else ".") + " " + draw.pick(FILLERS["ask"])
    elif draw.chance(0.12):
        message = f"{draw.pick(FILLERS['ask'])} {message}"
    if draw.chance(0.12):
        message = f"User: {message}\nAssistant: {draw.pick(FILLERS['reply'])}"
    return Exchange(draw.ask("titles", m=message), made, f"The title: {made}.", check=made)


PLOTS = [(text.split(" / "), short) for text, short in rows("plots")]
MAINS = [(text, short) for text, short in rows("mains")]
DETAILS = [row[0] for row in rows("details")]


def summary(draw: Draw) -> Exchange:
    cast = Cast(draw)
    if draw.chance(0.65):
        sentences, short = draw.pick(PLOTS)
        told = []
        for sentence in sentences:
            told.append(sentence)
            if draw.chance(0.2):
                told.append(draw.pick(FILLERS["any"]))
    else:
        main, short = draw.pick(MAINS)
        told = [main, *draw.some(DETAILS, draw.number(1, 4))]
        if draw.chance(0.3):
            told.insert(draw.number(1, len(told)), draw.pick(FILLERS["any"]))
        if draw.chance(0.15):
            told.insert(0, draw.pick(FILLERS["any"]))
    if draw.chance(0.12):
        told.insert(0, draw.pick(("Dear all,", "Hello everyone,", "News:", "Hi,", "Dear team,", "Today's report:")))
    text = " ".join(capital_letter(cast.fill(sentence)) for sentence in told)
    made = capital_letter(cast.fill(short))
    return Exchange(draw.ask("summaries", t=text), made, f"The main point: {made}", check=made)

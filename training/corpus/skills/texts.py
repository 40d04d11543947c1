"""Things done to a given text: sentiment, spam, extraction to JSON, titles, summaries, answers from a context."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import items, rows
from .values import Cast, invented, json_value, listed, plain, slots_of
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


KEYS = {slot: names.split(";") for slot, names in rows("fields")}
CLAUSES = [(slot, third.split(";"), first.split(";")) for slot, third, first in rows("clauses")]
RECORDS = [(row[0], frozenset(slots_of(row[0]))) for row in rows("records")]
NEVER_THERE = {
    "age": "year",
    "email": "",
    "phone": "",
    "price": "discount",
    "color": "",
    "rating": "",
    "language": "",
    "company": "team department",
    "weight": "",
    "hobby": "",
    "order": "",
}
"""Keys that may be asked for though the text has nothing for them -> what must not be in the text either."""


def with_fillers(draw: Draw, text: str, kinds: Sequence[str] = ("any", "mail", "talk")) -> str:
    """The text with a sentence or two around it that say nothing."""
    kind = draw.pick(kinds)
    before = draw.pick(FILLERS[kind]) + " " if draw.chance(0.6) else ""
    after = "" if before and draw.chance(0.5) else " " + draw.pick(FILLERS[kind])
    return before + text + after


def from_templates(draw: Draw, cast: Cast) -> tuple[list[str], str]:
    """The fields and the text of one or two sentences from `records.txt`."""
    template, slots = draw.pick(RECORDS)
    fields = slots_of(template)
    text = capital_letter(cast.fill(template)) if draw.chance(0.9) else cast.fill(template)
    if draw.chance(0.18):
        second, more = draw.pick(RECORDS)
        if len(slots & more) == ("name" in more and "name" in slots) and len(slots | more) <= 6:
            fields += [field for field in slots_of(second) if field not in fields]
            text += draw.pick((" ", " ", "\n")) + capital_letter(cast.fill(second))
    return fields, text


def from_clauses(draw: Draw, cast: Cast) -> tuple[list[str], str]:
    """The fields and the text of what is said about a person."""
    chosen = draw.some(CLAUSES, draw.weighted((3, 1), (4, 2), (4, 3), (1, 4)))
    own = draw.chance(0.4)
    said = [cast.fill(draw.pick(first if own else third)) for _, third, first in chosen]
    if own:
        opening = cast.fill(draw.pick(("My name is {name}.", "I am {name}.", "Hi, {name} here.", "I'm {name}.")))
        who, also = "I", "I also"
    else:
        opening, who, also = "", cast["name"], f"{cast['name'].split()[0]} also"
    text = who + " " + (said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1])
    if len(said) > 2 and draw.chance(0.5):
        text = f"{who} {said[0]} and {said[1]}. {also} " + " and ".join(said[2:])
    return ["name", *(slot for slot, _, _ in chosen)], f"{opening} {text}.".strip()


def from_form(draw: Draw, cast: Cast) -> tuple[list[str], str]:
    """The fields and the text of a filled form."""
    fields = draw.some(list(KEYS), draw.weighted((2, 2), (4, 3), (3, 4), (1, 5), (1, 6)))
    between, after = draw.pick(
        (("\n", ": "), ("\n", ": "), (", ", ": "), ("; ", " = "), ("\n", "="), (" / ", " "), ("\n", " - "))
    )
    labels = [KEYS[field][0].replace("_", " ") for field in fields]
    labels = [capital_letter(label) for label in labels] if draw.chance(0.6) else labels
    return fields, between.join(f"{label}{after}{cast[field]}" for label, field in zip(labels, fields, strict=True))


def joined(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else ", ".join(keys[:-1]) + " and " + keys[-1]


def extraction(draw: Draw) -> Exchange:
    cast = Cast(draw)
    fields, text = draw.weighted((5, from_templates), (3, from_clauses), (2, from_form))(draw, cast)
    if draw.chance(0.3):
        text = with_fillers(draw, text)
    names: dict[str, str] = {}
    for field in fields:
        if cast[field] not in text:
            cast.values[field] = capital_letter(cast[field])
        name = draw.pick(KEYS[field]) if draw.chance(0.3) else KEYS[field][0]
        names[field] = KEYS[field][0] if name in names.values() else name
    record: dict[str, object] = {names[field]: json_value(cast[field]) for field in fields}
    section = draw.weighted((7, "ask"), (1.5, "open"), (1.5, "one"), (1, "system"))
    if section == "one":
        field = draw.pick(fields)
        key = names[field].replace("_", " ")
        ask = draw.ask("extraction", "one", key=key, Key=capital_letter(key), t=text)
        return Exchange(ask, cast[field], f"{key}: {cast[field]}.", short=cast[field], check=cast[field])
    if section == "open":
        record = {KEYS[field][0]: json_value(cast[field]) for field in fields}
    else:
        keys = list(record)
        if len(keys) > 1 and draw.chance(0.4):
            keys = [key for key in keys if key in draw.some(keys, draw.number(1, len(keys)))] or keys
        if draw.chance(0.4):
            draw.random.shuffle(keys)
        absent = [field for field, like in NEVER_THERE.items() if not {field, *like.split()} & set(fields)]
        wanted = {key: record[key] for key in keys}
        if draw.chance(0.08):
            wanted[draw.pick(absent)] = None
            keys = draw.some(list(wanted), len(wanted))
        record = {key: wanted[key] for key in keys}
    further = asked_again(draw, names, cast)
    think = ". ".join(f"{key}: {'not there' if value is None else value}" for key, value in record.items()) + "."
    answer = json.dumps(record, ensure_ascii=False)
    keys = [f'"{key}"' for key in record] if draw.chance(0.07) else list(record)
    shown = joined(keys) if draw.chance(0.7) else ", ".join(keys)
    if section == "system":
        system = draw.ask("extraction", "system", calm=True, keys=shown)
        return Exchange(text, answer, think, system=system, check=answer, solo=True)
    system = ""
    if draw.chance(0.1):
        system = draw.pick(("Reply with JSON only.", "You extract data and answer in JSON.", "You return valid JSON."))
    ask = draw.ask("extraction", section, keys=shown, t=text)
    return Exchange(ask, answer, think, system=system, check=answer, solo=True, further=further)


AGAIN = (
    "And the {key}?",
    "and the {key}?",
    "{key}?",
    "what about the {key}",
    "now the {key} only",
    "Which {key} does it give?",
    "Just the {key}, please.",
    "the {key} pls",
    "What is the {key}?",
)
AGAIN_AS_JSON = (
    "Now only {keys}.",
    "the same with {keys} only",
    "And as JSON with {keys}?",
    "Give me JSON with {keys}.",
    "json: {keys}",
    "only the keys {keys} please",
)


def asked_again(draw: Draw, names: dict[str, str], cast: Cast) -> tuple[Turn, ...]:
    """One to three more questions about a text, for a value or for an object with other keys."""
    turns: list[Turn] = []
    for field in draw.some(list(names), min(len(names), draw.number(1, 3))):
        if draw.chance(0.65):
            key = names[field].replace("_", " ")
            turns.append(Turn("user", draw.say(draw.pick(AGAIN), key=key)))
            turns.append(Turn("assistant", cast[field], f"{key}: {cast[field]}."))
            continue
        chosen = draw.some(list(names), draw.number(1, len(names)))
        asked = joined([names[each] for each in chosen])
        answer = json.dumps({names[each]: json_value(cast[each]) for each in chosen}, ensure_ascii=False)
        turns.append(Turn("user", draw.say(draw.pick(AGAIN_AS_JSON), keys=asked)))
        turns.append(Turn("assistant", answer, ". ".join(f"{names[each]}: {cast[each]}" for each in chosen) + "."))
    return tuple(turns)


DOINGS = [(do, doing, done) for do, doing, done in rows("doings")]
WAYS = [row[0] for row in rows("ways")]
MESSAGES = [(said.split(";"), pattern, source) for said, pattern, source in rows("titles")]


def in_title_case(text: str) -> str:
    small = {"a", "an", "the", "to", "of", "in", "and", "or", "from", "for", "about", "with", "at", "on"}
    words = [word if word in small else capital_letter(word) for word in text.split()]
    return capital_letter(" ".join(words))


def value_of(draw: Draw, source: str) -> str:
    """One of the things a message can be about."""
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
    return draw.say(draw.pick(said), x=what, ax=with_article(bare)), in_title_case(pattern.replace("{x}", bare))


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

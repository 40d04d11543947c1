"""Extraction to JSON: sentences, forms and orders whose values are asked for by name."""

from __future__ import annotations

import json

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import rows
from .texts import FILLERS
from .values import Cast, json_value, slots_of
from .wording import capital_letter

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


def with_fillers(draw: Draw, text: str) -> str:
    """The text with a sentence or two around it that say nothing."""
    kind = draw.pick(("any", "mail", "talk"))
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

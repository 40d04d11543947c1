"""What fills the slots of given texts: people, places, prices, dates; half of the names are made up.

Slots: `{city}`, `{city2}` for another of the kind, `{City}` with a capital letter, `{a:pet}` with its article;
`(one;other)` is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..draw import Draw
from ..world import items
from .wording import capital_letter, with_article

SLOT = re.compile(r"\{(a:)?([A-Za-z_]+)(\d?)\}")
CHOICE = re.compile(r"\(([^()]*;[^()]*)\)")
ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fl gr kl pl sk sl st tr th sh".split()
VOWELS = "a e i o u a e i o ai ee ou".split()
ENDS = ["", "", "", "n", "r", "l", "s", "x", "m", "rt", "ck", "nd"]
MADE_UP = 0.5
ALIKE = {
    "sender": "name",
    "receiver": "name",
    "author": "name",
    "winner": "name",
    "manager": "name",
    "teacher": "name",
    "doctor": "surname",
    "origin": "city",
    "destination": "city",
}
LISTED = {
    "person": "persons",
    "surname": "surnames",
    "city": "cities",
    "country": "countries",
    "job": "jobs",
    "company": "companies",
    "product": "items",
    "event": "events",
    "color": "shades",
    "language": "languages",
    "team": "teams",
    "title": "titles",
    "hobby": "hobbies",
    "pet": "pets",
    "dish": "dishes",
    "department": "departments",
    "topic": "topics",
    "things": "plurals",
}
SPOTS = (
    "kitchen cellar garden garage attic park library station school bathroom office hall church market museum "
    "cafe gym barn harbor hotel bakery hospital airport theater zoo castle shed lobby basement stadium"
).split()
SMALL = ("job", "product", "pet", "hobby", "color", "things", "event", "dish")
NEVER_MADE_UP = ("department", "topic", "language", "event", "hobby", "country")


def invented(draw: Draw) -> str:
    """A word that means nothing, such as 'drelon' or 'ovenlap'."""
    if draw.chance(0.4):
        return draw.joined()
    return "".join(draw.pick(ONSETS) + draw.pick(VOWELS) for _ in range(draw.number(1, 2) + 1)) + draw.pick(ENDS)


def listed(draw: Draw, kind: str) -> str:
    """An entry of the list of this kind, or a made-up one."""
    if kind not in NEVER_MADE_UP and draw.chance(MADE_UP):
        word = invented(draw)
        if kind == "title":
            return f"The {capital_letter(invented(draw))} of {capital_letter(word)}"
        if kind == "company":
            ends = ("", " Labs", " Foods", " Systems", " Books", " Motors", " Games", " Group")
            return capital_letter(word) + draw.pick(ends)
        return word if kind in SMALL else capital_letter(word)
    return draw.filling(items(LISTED[kind]))


def numeric(draw: Draw, kind: str) -> str:
    """A value with figures in it."""
    number, pick = draw.number, draw.pick
    if kind == "date":
        day, month, year = number(1, 28), number(1, 12), number(2019, 2029)
        word = items("months")[month - 1]
        return pick(
            (
                f"{day} {word}",
                f"{word} {day}",
                f"{day} {word} {year}",
                f"{year}-{month:02d}-{day:02d}",
                f"{day}/{month}/{year}",
            )
        )
    if kind == "time":
        return pick(
            (f"{number(7, 21)}:{pick(('00', '15', '30', '45'))}", f"{number(1, 12)} {pick(('am', 'pm'))}", "noon")
            if draw.chance(0.4)
            else (f"{number(7, 21)}:{number(0, 11) * 5:02d}",)
        )
    if kind == "price":
        return (
            f"{number(1, 99)}.{pick(('99', '95', '25', '49', '75'))}"
            if draw.chance(0.2)
            else str(pick((number(2, 99), number(2, 99), number(100, 999), number(10, 90) * 100)))
        )
    letters = "ABCDEFGHKLMNPRSTUVWXZ"
    makers: dict[str, Callable[[], object]] = {
        "age": lambda: number(3, 99),
        "phone": lambda: (
            f"555-{number(0, 9999):04d}" if draw.chance(0.6) else f"0{number(20, 99)} {number(1000, 9999)}"
        ),
        "quantity": lambda: number(2, 60),
        "order": lambda: (
            number(1000, 99999) if draw.chance(0.5) else f"{pick(letters)}{pick(('', '-'))}{number(100, 9999)}"
        ),
        "year": lambda: number(1850, 2029),
        "rating": lambda: number(1, 5),
        "points": lambda: number(2, 60),
        "score": lambda: f"{number(0, 9)}:{number(0, 9)}",
        "room": lambda: number(1, 499) if draw.chance(0.6) else f"{pick(letters)}{number(1, 30)}",
        "duration": lambda: f"{number(2, 50)} {pick(('minutes', 'minutes', 'hours', 'days'))}",
        "temperature": lambda: number(-9, 39),
        "weight": lambda: f"{number(2, 95)} kg",
        "distance": lambda: f"{number(2, 900)} km",
        "size": lambda: pick(("S", "M", "L", "XL", str(number(34, 48)))),
        "flight": lambda: f"{pick(letters)}{pick(letters)}{number(10, 999)}",
        "street": lambda: f"{number(1, 99)} {draw.filling(items('streets'))}",
        "zip": lambda: f"{pick(letters)}{number(10, 99)}-{number(100, 999)}",
        "guests": lambda: number(2, 20),
        "discount": lambda: f"{number(1, 9) * 5 + 5}%",
        "floor": lambda: number(1, 20),
        "number": lambda: number(2, 40),
        "hour": lambda: number(6, 11),
        "evening": lambda: number(5, 10),
        "version": lambda: f"{number(1, 9)}.{number(1, 9)}",
        "code": lambda: pick((invented(draw), f"{invented(draw)}-{number(1, 99)}", f"x-{invented(draw)}")),
        "river": lambda: capital_letter(invented(draw)),
        "place": lambda: pick(("outside", "in the garden", "in the car", "on the terrace", "at the gate")),
        "vehicle": lambda: pick(("train", "bus", "car", "plane", "boat", "bike", "ferry", "taxi", "truck")),
        "spot": lambda: pick(SPOTS),
        "reason": lambda: pick(("the rain", "a cold", "the snow", "a strike", "a sore foot", "the heat", "a headache")),
        "percent": lambda: f"{number(1, 19) * 5} percent",
    }
    return str(makers[kind]())


def plain(draw: Draw, kind: str) -> str:
    """A value of this kind."""
    kind = ALIKE.get(kind, kind)
    if kind in LISTED:
        return listed(draw, kind)
    if kind == "name":
        return listed(draw, "person") + (f" {listed(draw, 'surname')}" if draw.chance(0.35) else "")
    if kind == "email":
        names = listed(draw, "person").lower(), listed(draw, "surname").lower()
        local = draw.pick((names[0], ".".join(names), names[0][0] + names[1], f"{names[0]}{draw.number(1, 99)}"))
        return f"{local}@{draw.pick(('example', 'example', 'mail', invented(draw)))}.{draw.pick(('com', 'org', 'net'))}"
    if kind in ("day", "month"):
        return draw.pick(items("weekdays" if kind == "day" else "months"))
    if kind == "currency":
        return draw.pick(("dollars", "dollars", "euros", "euros", "pounds", "yen", "francs", "crowns", "USD", "EUR"))
    if kind == "status":
        return draw.pick(("open", "closed", "shipped", "delayed", "on time", "cancelled", "paid", "new", "pending"))
    return numeric(draw, kind)


class Cast:
    """The values of one text, each drawn when it is first asked for; two slots of a kind never have the same."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.values: dict[str, str] = {}

    def __getitem__(self, slot: str) -> str:
        if slot not in self.values:
            value = plain(self.draw, slot.rstrip("0123456789"))
            for _ in range(20):
                if value not in self.values.values():
                    break
                value = plain(self.draw, slot.rstrip("0123456789"))
            self.values[slot] = value
        return self.values[slot]

    def fill(self, template: str) -> str:
        """The template with its choices made and its slots filled."""
        while found := CHOICE.search(template):
            template = template[: found.start()] + self.draw.pick(found[1].split(";")) + template[found.end() :]

        def shown(slot: re.Match[str]) -> str:
            name = slot[2] + slot[3]
            value = self[name[0].lower() + name[1:]]
            value = with_article(value) if slot[1] else value
            return capital_letter(value) if name[0].isupper() else value

        return SLOT.sub(shown, template)


def slots_of(template: str) -> list[str]:
    """The slots of a template in order, each once."""
    return list(dict.fromkeys((slot[2][0].lower() + slot[2][1:]) + slot[3] for slot in SLOT.finditer(template)))


def json_value(text: str) -> int | float | str:
    """A bare number as a number, anything else as it stands."""
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+\.\d+", text) and not text.endswith("0") else text

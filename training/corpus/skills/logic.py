"""Small steps of logic: who is first in an order, what follows from a rule, how a row goes on, what does not belong."""

from __future__ import annotations

from ..documents import Exchange
from ..draw import Draw, held_filling
from ..world import items
from .wording import capital_letter

KINDS = (
    "green blue red round square loud quiet soft heavy light hungry sleepy happy shy tall small fast slow old young "
    "striped wet dry warm cold sweet bitter shiny fluffy wooden kind friendly furry smooth strong thirsty"
).split()
GROUPS = (
    "cats dogs birds robots farmers students bakers flowers stones teachers pilots dragons wizards horses frogs toys "
    "foxes sailors dancers planets trees painters rabbits owls knights nurses boxes kites lamps shoes"
).split()


def person(draw: Draw, others: tuple[str, ...] = ()) -> str:
    """A name, made up now and then, that is not one of the others."""
    while True:
        name = capital_letter(draw.coined()) if draw.chance(0.3) else draw.filling(items("persons"))
        if name not in others:
            return name


def ordered(draw: Draw) -> Exchange:
    """Three persons (or two) in an order: the first or the last of them."""
    x = person(draw)
    y = person(draw, (x,))
    z = person(draw, (x, y))
    kind = draw.weighted((4, "tallest"), (4, "shortest"), (1.2, "two_more"), (1.2, "two_less"))
    ask = draw.ask("logic", kind, x=x, y=y, z=z)
    row = (x, y) if kind.startswith("two") else (x, y, z)
    first = kind in ("tallest", "two_more")
    answer = row[0] if first else row[-1]
    think = f"From the most to the least: {', '.join(row)}. The {'first' if first else 'last'} is {answer}."
    return Exchange(ask, draw.weighted((4, f"{answer}."), (2, answer)), think, answer, check=answer)


def rule(draw: Draw) -> Exchange:
    """Whether one of a group is what all of them are, or none of them is."""
    group = f"{draw.coined()}s" if draw.chance(0.45) else draw.filling(GROUPS)
    kind, name = draw.filling(KINDS), person(draw)
    all_are = draw.chance(0.6)
    ask = draw.ask("logic", "all_are" if all_are else "none_are", x=group, y=kind, n=name)
    word = "Yes" if all_are else "No"
    end = f"{name} is {'' if all_are else 'not '}{kind}."
    think = f"{name} is one of the {group}. {'All' if all_are else 'No'} {group} are {kind}. So {end}"
    answer = draw.weighted((4, f"{word}, {end}"), (2, f"{word}."))
    return Exchange(ask, answer, think, word, french="Oui." if all_are else "Non.", check=word)


def row_of(draw: Draw) -> tuple[list[str], str, str]:
    """The start of a row, what comes next, and why."""
    kind = draw.weighted((5, "add"), (2, "take"), (2, "times"), (2, "letters"), (1.5, "named"), (1, "squares"))
    count = draw.number(3, 5)
    if kind == "add":
        step, start = draw.pick((1, 2, 2, 3, 4, 5, 5, 10, 10, 20, 100)), draw.number(0, 20)
        start = step if draw.chance(0.4) else start
        row = [str(start + place * step) for place in range(count + 1)]
        return row[:-1], row[-1], f"Each is {step} more. {row[-2]} + {step} = {row[-1]}."
    if kind == "take":
        step, end = draw.pick((1, 2, 3, 5, 10)), draw.number(0, 20)
        row = [str(end + (count - place) * step) for place in range(count + 1)]
        return row[:-1], row[-1], f"Each is {step} less. {row[-2]} - {step} = {row[-1]}."
    if kind == "times":
        factor, start = draw.pick((2, 2, 2, 3, 10)), draw.number(1, 5)
        count = min(count, 4)
        row = [str(start * factor**place) for place in range(count + 1)]
        return row[:-1], row[-1], f"Each is {factor} times the one before. {row[-2]} x {factor} = {row[-1]}."
    if kind == "squares":
        start = draw.number(1, 5)
        row = [str(n * n) for n in range(start, start + count + 1)]
        return row[:-1], row[-1], f"These are squares. {start + count} x {start + count} = {row[-1]}."
    if kind == "letters":
        letters = "abcdefghijklmnopqrstuvwxyz"
        letters = letters.upper() if draw.chance(0.5) else letters
        step = draw.pick((1, 1, 2))
        start = draw.number(0, 25 - count * step)
        row = [letters[start + place * step] for place in range(count + 1)]
        why = "the next letter" if step == 1 else "one letter left out"
        return row[:-1], row[-1], f"Each time {why}. After {row[-2]} comes {row[-1]}."
    names = items(draw.pick(("weekdays", "months")))
    start, count = draw.number(0, len(names) - 1), draw.number(2, 3)
    row = [names[(start + place) % len(names)] for place in range(count + 1)]
    return row[:-1], row[-1], f"After {row[-2]} comes {row[-1]}."


def going_on(draw: Draw) -> Exchange:
    for _ in range(200):
        row, answer, think = row_of(draw)
        shown = ", ".join(row)
        if held_filling(shown) == draw.held:
            break
    shown = " ".join(row) if draw.chance(0.2) else shown
    ask = draw.ask("logic", "next", s=shown)
    return Exchange(ask, draw.weighted((3, f"{answer}."), (2, answer)), think, answer, check=answer)


def intruder(draw: Draw) -> Exchange:
    """The one of four that is of another kind."""
    most, other = draw.some(("fruits", "animals", "colours", "weekdays", "months", "jobs"), 2)
    members = draw.some([item for item in items(most) if item not in items(other)], 3)
    odd = draw.filling([item for item in items(other) if item not in items(most)])
    words = [*members, odd]
    draw.random.shuffle(words)
    kinds = {"colours": "colors"}
    think = f"{', '.join(members)} are {kinds.get(most, most)}. {odd} is not."
    ask = draw.ask("logic", "intruder", s=", ".join(words))
    return Exchange(ask, draw.weighted((4, f"{capital_letter(odd)}."), (2, odd)), think, capital_letter(odd), check=odd)


def logic(draw: Draw) -> Exchange:
    return draw.weighted((5, ordered), (2.5, rule), (3, going_on), (1.5, intruder))(draw)

"""Drills: nothing but copying, looking up and reckoning, many times a document, for a network that must learn them.

In a chat one answer in ten tokens asks for a copy; here every line does. They are in the base's later runs and, a few,
in lab-chat's; they are no skill that is asked for, so no phrasing and no evaluation has them.
"""

from __future__ import annotations

from ..documents import Raw
from ..draw import Draw
from ..world import items
from . import patterns
from .numbers import VALUE, fits

ARROWS = (": ", " -> ", " = ", ", ", " is ", "\t")


def word(draw: Draw) -> str:
    """A word of any list, a name, a number or a coined word: something that can only be copied."""
    source = draw.pick(("items", "persons", "cities", "animals", "foods", "colours", "jobs", "", "", "", "number"))
    if source == "number":
        return str(draw.number(0, 9999))
    return draw.filling(items(source)) if source else draw.coined().capitalize() if draw.chance(0.3) else draw.coined()


def again(draw: Draw) -> Raw:
    """A row of words, and the same row once or twice more."""
    joint = draw.pick((" ", " ", ", ", "\n", " / "))
    row = joint.join(word(draw) for _ in range(draw.number(4, 14)))
    quoted = draw.pick(("{}", "{}", '"{}"', "({})"))
    parts: list[tuple[str, bool]] = [(quoted.format(row) + "\n", False)]
    for _ in range(draw.number(1, 2)):
        parts.append((quoted.format(row) + "\n", True))
    return Raw(parts=tuple(parts))


def entry(left: str, arrow: str, right: str, learned: bool) -> list[tuple[str, bool]]:
    """`left`, the arrow and `right` in two pieces; the space behind the arrow belongs to the second, as in a token."""
    return [(f"{left}{arrow.rstrip(' ')}", False), (" " * arrow.endswith(" ") + right, learned)]


def look_up(draw: Draw) -> Raw:
    """Pairs, then the first halves again in another order, each followed by its second half."""
    arrow, end = draw.pick(ARROWS), draw.pick(("\n", "\n", "; ", ". "))
    pairs = {word(draw): " ".join(word(draw) for _ in range(draw.number(1, 2))) for _ in range(draw.number(3, 8))}
    parts = [("".join(f"{key}{arrow}{value}{end}" for key, value in pairs.items()), False)]
    frame = draw.pick(("{}", "{}", '"{}"'))
    for key in draw.some(list(pairs), len(pairs)):
        parts += [*entry(key, arrow, frame.format(pairs[key]), True), (end, False)]
    return Raw(parts=tuple(parts))


def reckon(draw: Draw) -> Raw:
    """Sums one below the other: the smaller, the more often."""
    parts: list[tuple[str, bool]] = []
    for _ in range(draw.number(6, 12)):
        sign = draw.weighted((5, "+"), (4, "-"), (3, "x"))
        high = 12 if sign == "x" else draw.weighted((4, 10), (4, 20), (5, 99))
        a, b = draw.number(0, high), draw.number(0, high)
        a, b = (max(a, b), min(a, b)) if sign == "-" else (a, b)
        if fits(draw, (a, sign, b)):
            parts += [(f"{a} {sign} {b} =", False), (f" {VALUE[sign](a, b)}\n", True)]
    return Raw(parts=tuple(parts) or (("1 + 1 =", False), (" 2\n", True)))


def continue_pairs(draw: Draw) -> Raw:
    """Pairs of one hidden rule; from the third on, what belongs behind each."""
    arrow, end = draw.pick(ARROWS), draw.pick(("\n", "\n", "; "))
    parts: list[tuple[str, bool]] = []
    for place, (left, right) in enumerate(patterns.pairs(draw, draw.number(6, 10))):
        parts += [*entry(left, arrow, right, place > 1), (end, False)]
    return Raw(parts=tuple(parts))


def drill(draw: Draw) -> Raw:
    return draw.weighted((3, again), (4, look_up), (4, reckon), (5, continue_pairs))(draw)

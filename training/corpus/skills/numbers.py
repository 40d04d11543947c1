"""Sums in digits and in words, with the working written out place by place."""

from __future__ import annotations

from ..documents import Exchange
from ..draw import Draw, held_filling
from ..world import items
from .wording import NUMBER_WORDS, capital_letter

SIGNS = {"+": ("+", "+", "+", "plus"), "-": ("-", "-", "-", "minus"), "x": ("*", "*", "x", "times", "×")}


def worked_sum(a: int, b: int) -> str:
    """Addition as on paper, from the last digit: '7 + 5 = 12, write 2, carry 1. 1 + 2 + 1 = 4. Answer: 42.'"""
    if a < 10 and b < 10:
        return f"{a} + {b} = {a + b}."
    steps, carry, left, right = [], 0, str(a)[::-1], str(b)[::-1]
    for place in range(max(len(left), len(right))):
        digits = [d for d in (left[place : place + 1], right[place : place + 1], str(carry) if carry else "") if d]
        total = sum(map(int, digits))
        last = place == max(len(left), len(right)) - 1
        step = " + ".join(digits) + f" = {total}" if len(digits) > 1 else f"then {total}"
        carry = total // 10
        steps.append(step + (f", write {total % 10}, carry {carry}" if carry and not last else ""))
    return ". ".join(steps) + f". {a} + {b} = {a + b}."


def worked_difference(a: int, b: int) -> str:
    """Subtraction for a >= b from the last digit, borrowing aloud."""
    if a < 20 and b < 10:
        return f"{a} - {b} = {a - b}."
    steps, borrow, left, right = [], 0, str(a)[::-1], str(b)[::-1].ljust(len(str(a)), "0")
    for place in range(len(left)):
        top, low = int(left[place]), int(right[place])
        take = f" - {low}" + (f" - {borrow}" if borrow else "")
        rest = top - low - borrow
        if rest < 0:
            steps.append(f"{top}{take}: borrow, {top + 10}{take} = {rest + 10}")
            borrow = 1
        else:
            steps.append(f"{top}{take} = {rest}")
            borrow = 0
    return ". ".join(steps) + f". {a} - {b} = {a - b}."


def worked_product(a: int, b: int) -> str:
    """Multiplication: tables up to 12 at once, else by tens and ones."""
    if a <= 12 and b <= 12:
        return f"{a} x {b} = {a * b}."
    big, small = max(a, b), min(a, b)
    tens, ones = big // 10 * 10, big % 10
    if ones == 0:
        return f"{small} x {big} = {a * b}."
    return (
        f"{tens} x {small} = {tens * small}. {ones} x {small} = {ones * small}. "
        f"{tens * small} + {ones * small} = {a * b}."
    )


WORKED = {"+": worked_sum, "-": worked_difference, "x": worked_product}
VALUE = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "x": lambda a, b: a * b}


def operands(draw: Draw, sign: str) -> tuple[int, int]:
    """Two numbers: small ones mostly, two digits often, three digits now and then; held-out pairs in evaluation."""
    for _ in range(100):
        size = draw.random.random()
        size *= 0.5 if draw.mix == "sums" and size < 0.8 else 1.0  # that stage is for the small ones
        if sign == "x":
            pair = (draw.number(0, 12), draw.number(0, 12)) if size < 0.75 else (draw.number(11, 40), draw.number(2, 9))
            pair = pair if draw.chance(0.5) else pair[::-1]
        else:
            top = 12 if size < 0.25 else 20 if size < 0.45 else 99 if size < 0.95 else 999
            pair = (draw.number(0, top), draw.number(0, top))
            if top == 99 and draw.chance(0.2):
                pair = (pair[0], draw.number(1, 9))
        if sign == "-":
            pair = (max(pair), min(pair))
        if held_filling(f"{pair[0]}{sign}{pair[1]}") == draw.held:
            return pair
    return pair


def arithmetic(draw: Draw) -> Exchange:
    sign = draw.weighted((5, "+"), (3, "-"), (2.5, "x"))
    a, b = operands(draw, sign)
    value = VALUE[sign](a, b)
    think = WORKED[sign](a, b)
    word = {"+": "add", "-": "subtract", "x": "multiply"}[sign]
    kind = draw.weighted((10, "ask"), (1.2, "steps"), (1.2, word), (0.3, "double"), (0.3, "half"))
    if kind == "double":
        a, b, value, think = a, 2, 2 * a, f"2 x {a} = {2 * a}."
        return Exchange(draw.ask("arithmetic", "double", a=a), f"{value}.", think, short=str(value), check=str(value))
    if kind == "half":
        return Exchange(draw.ask("arithmetic", "half", a=2 * a), f"{a}.", f"{2 * a} / 2 = {a}.", str(a), check=str(a))
    shown = draw.pick(SIGNS[sign])
    written = draw.weighted((5, f"{a} {shown} {b}"), (2, f"{a}{shown if len(shown) == 1 else f' {shown} '}{b}"))
    if a <= 12 and b <= 12 and draw.chance(0.1):
        written = f"{NUMBER_WORDS[a]} {SIGNS[sign][3]} {NUMBER_WORDS[b]}"
    ask = draw.ask("arithmetic", kind, e=written, a=a, b=b)
    if kind == "steps":
        return Exchange(ask, f"{think} The answer is {value}.", f"The working is: {think}", check=str(value))
    plain = f"{a} {sign} {b} = {value}"
    answer = draw.weighted((4, f"{plain}."), (3, f"{value}"), (2, f"The answer is {value}."))
    french = f"La réponse est {value}."
    return Exchange(ask, answer, think, short=str(value), french=french, check=str(value))


def word_problem(draw: Draw) -> Exchange:
    sign, section = draw.pick((("+", "plus"), ("-", "minus"), ("x", "times")))
    if sign == "x":
        a, b = draw.number(2, 9), draw.number(2, 10)
    else:
        a, b = draw.number(2, 20), draw.number(1, 12)
        if sign == "-":
            a, b = max(a, b + 1), min(a, b)
    value = VALUE[sign](a, b)
    name, other = draw.filling(items("persons")), draw.pick(items("persons"))
    things = draw.filling(items("plurals"))
    ask = draw.ask("word_problems", section, n=name, m=other, things=things, a=a, b=b)
    unit = "pages" if "pages" in ask.lower() else "euros" if "euros" in ask.lower() else things
    answer = draw.weighted(
        (4, f"{a} {sign} {b} = {value}, so the answer is {value} {unit}."), (2, f"{value} {unit}."), (2, f"{value}")
    )
    verb = {"+": "are added", "-": "are taken away", "x": "are in each"}[sign]
    think = f"There are {a}, and {b} {verb}. {WORKED[sign](a, b)}"
    return Exchange(ask, answer, think, short=str(value), check=str(value))


def comparison(draw: Draw) -> Exchange:
    top = draw.pick((10, 20, 100, 100, 1000))
    a = draw.number(0, top)
    b = draw.number(0, top)
    b = b if b != a else a + 1
    larger, smaller = max(a, b), min(a, b)
    kind = draw.weighted((5, "odd_one"), (2, "smaller"), (1.5, "is_larger"), (1, "even"), (1, "after"))
    ask = draw.ask("facts", kind, a=a, b=b)
    if kind == "even":
        word = "odd" if a % 2 else "even"
        return Exchange(
            ask,
            f"{a} is {word}.",
            f"The last digit of {a} is {a % 10}, which is {word}.",
            capital_letter(word),
            check=word,
        )
    if kind == "after":
        return Exchange(
            ask,
            draw.pick((f"{a + 1}.", f"{a + 1} comes after {a}.")),
            f"{a} + 1 = {a + 1}.",
            str(a + 1),
            check=str(a + 1),
        )
    if kind == "is_larger":
        word = "Yes" if a > b else "No"
        rest = f"{a} is larger than {b}." if a > b else f"{a} is smaller than {b}."
        return Exchange(ask, f"{word}, {rest}", rest, word, french="Oui." if a > b else "Non.", check=word)
    chosen, word = (larger, "larger") if kind == "odd_one" else (smaller, "smaller")
    answer = draw.weighted(
        (4, f"{chosen} is {word}."),
        (2, f"{chosen}."),
        (2, f"{chosen} is {word} than {smaller if chosen == larger else larger}."),
    )
    return Exchange(
        ask, answer, f"{smaller} < {larger}, so the {word} one is {chosen}.", str(chosen), check=str(chosen)
    )

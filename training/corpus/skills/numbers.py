"""Sums in digits and in words, with the working written out place by place; word problems and comparisons."""

from __future__ import annotations

from collections.abc import Callable

from ..documents import Exchange
from ..draw import Draw, held_filling
from ..world import items
from .wording import capital_letter

Sum = tuple[int, str, int]
UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
SIGNS = {
    "+": ("+", "+", "+", "+", "plus"),
    "-": ("-", "-", "-", "-", "minus"),
    "x": ("*", "*", "x", "x", "×", "times", "multiplied by"),
    "/": ("/", "/", "/", "÷", "divided by"),
}
SPOKEN = {
    "+": ("plus", "plus", "and"),
    "-": ("minus", "minus", "take away"),
    "x": ("times", "times", "multiplied by"),
    "/": ("divided by", "divided by", "over"),
}
PLACES = ("Ones", "Tens", "Hundreds", "Thousands")
VALUE: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "x": lambda a, b: a * b,
    "/": lambda a, b: a // b,
}


def in_words(number: int) -> str:
    """A number below 100 in words: 'forty-two'."""
    if number < 20:
        return UNITS[number]
    return TENS[number // 10] + (f"-{UNITS[number % 10]}" if number % 10 else "")


def worked_sum(a: int, b: int) -> str:
    """Addition place by place: 'Ones: 7 + 5 = 12, write 2, carry 1. Tens: 1 + 2 + 1 = 4, write 4. 17 + 25 = 42.'"""
    if a < 10 and b < 10:
        return f"{a} + {b} = {a + b}."
    left, right = str(a)[::-1], str(b)[::-1]
    width, carry, steps = max(len(left), len(right)), 0, []
    for place in range(width):
        digits = [left[place : place + 1] or "0", right[place : place + 1] or "0"] + (["1"] if carry else [])
        total = sum(map(int, digits))
        last = place == width - 1
        carry = total // 10
        ending = f"write {total}" if last else f"write {total % 10}" + (", carry 1" if carry else "")
        steps.append(f"{PLACES[place]}: {' + '.join(digits)} = {total}, {ending}")
    return ". ".join(steps) + f". {a} + {b} = {a + b}."


def worked_difference(a: int, b: int) -> str:
    """Subtraction place by place, borrowing aloud; where b is larger, the other way round and with a minus."""
    if a < b:
        return f"{b} is larger than {a}. {worked_difference(b, a)} So {a} - {b} = {a - b}."
    if a < 20 and b < 10:
        return f"{a} - {b} = {a - b}."
    left, right = str(a)[::-1], str(b)[::-1].ljust(len(str(a)), "0")
    borrow, steps = 0, []
    for place, (top, low) in enumerate(zip(map(int, left), map(int, right), strict=True)):
        take = f" - {low}" + (" - 1" if borrow else "")
        rest = top - low - borrow
        more = f"{top + 10}{take} = {rest + 10}, write {rest + 10}, borrow 1"
        steps.append(f"{PLACES[place]}: " + (more if rest < 0 else f"{top}{take} = {rest}, write {rest}"))
        borrow = int(rest < 0)
    return ". ".join(steps) + f". {a} - {b} = {a - b}."


def worked_product(a: int, b: int) -> str:
    """Multiplication: tables up to 12 at once, else by tens and ones."""
    if a <= 12 and b <= 12:
        return f"{a} x {b} = {a * b}."
    big, small = max(a, b), min(a, b)
    tens, ones = big // 10 * 10, big % 10
    if ones == 0:
        return f"{big // 10} x {small} = {tens // 10 * small}. {a} x {b} = {a * b}."
    return (
        f"{tens} x {small} = {tens * small}. {ones} x {small} = {ones * small}. "
        f"{tens * small} + {ones * small} = {a * b}. {a} x {b} = {a * b}."
    )


def worked_quotient(a: int, b: int) -> str:
    """Exact division, by the table or in two parts."""
    value = a // b
    if value <= 12:
        return f"{b} x {value} = {a}. {a} / {b} = {value}."
    tens, ones = value // 10 * 10, value % 10
    first = f"{b} x {tens} = {b * tens}. "
    second = f"{a} - {b * tens} = {b * ones}. {b} x {ones} = {b * ones}. {tens} + {ones} = {value}. " if ones else ""
    return f"{first}{second}{a} / {b} = {value}."


WORKED = {"+": worked_sum, "-": worked_difference, "x": worked_product, "/": worked_quotient}


def fits(draw: Draw, *sums: Sum) -> bool:
    """Whether sums may be used here: none that is held out in training, one of those in evaluation."""
    return any(held_filling(f"{a}{sign}{b}") for a, sign, b in sums) == draw.held


def pair(draw: Draw, sign: str) -> tuple[int, int]:
    """Two numbers as people type them: below 20 half of the time, then two digits, three now and then."""
    size = draw.random.random()
    if sign == "x":
        a, b = (draw.number(0, 12), draw.number(0, 12)) if size < 0.75 else (draw.number(11, 99), draw.number(2, 9))
        return (a, b) if draw.chance(0.5) else (b, a)
    if sign == "/":
        b = draw.number(2, 10 if size < 0.7 else 12)
        value = draw.number(1, 12 if size < 0.75 else 30)
        return b * value, b
    top = 12 if size < 0.25 else 20 if size < 0.5 else 99 if size < 0.92 else 499
    a, b = draw.number(0, top), draw.number(0, top)
    if top == 99 and draw.chance(0.25):
        a, b = a, draw.number(1, 12)
        if sign == "+" and draw.chance(0.4):
            a, b = b, a
    if top > 99 and draw.chance(0.5):
        b = draw.number(1, 99)
    if sign == "-" and not (a < 20 and draw.chance(0.04)):
        a, b = max(a, b), min(a, b)
    return a, b


def operands(draw: Draw, sign: str) -> tuple[int, int]:
    """A pair for the sign, of the wanted side."""
    for _ in range(200):
        a, b = pair(draw, sign)
        if fits(draw, (a, sign, b)):
            break
    return a, b


def written(draw: Draw, a: int, sign: str, b: int) -> str:
    """A sum as typed: '17 + 25', '17+25', '17 plus 25', 'seventeen plus twenty-five'."""
    if max(a, b) < 100 and draw.chance(0.1 if max(a, b) <= 20 else 0.05):
        return f"{in_words(a)} {draw.pick(SPOKEN[sign])} {in_words(b)}"
    shown = draw.pick(SIGNS[sign])
    if len(shown) > 1 or draw.chance(0.65):
        return f"{a} {shown} {b}"
    return f"{a}{shown}{b}"


def two_steps(draw: Draw) -> tuple[str, int, str]:
    """An expression with two signs, its value and its working."""
    for _ in range(200):
        a, b, c = draw.number(1, 20), draw.number(1, 20), draw.number(1, 12)
        small, factor = draw.number(1, 10), draw.number(2, 9)
        kind = draw.weighted((4, "chain"), (3, "product first"), (2, "product last"), (2, "brackets"))
        first, second = draw.pick("+-"), draw.pick("+-")
        if kind == "chain":
            middle = VALUE[first](a, b)
            sums, text = ((a, first, b), (middle, second, c)), f"{a} {first} {b} {second} {c}"
        elif kind == "product first":
            middle = small * factor
            sums, text = ((small, "x", factor), (middle, second, c)), f"{small} x {factor} {second} {c}"
        elif kind == "product last":
            middle = small * factor
            sums, text = ((small, "x", factor), (a, second, middle)), f"{a} {second} {small} x {factor}"
        else:
            middle = VALUE[first](small, c)
            sums, text = ((small, first, c), (middle, "x", factor)), f"({small} {first} {c}) x {factor}"
        value = VALUE[sums[1][1]](sums[1][0], sums[1][2])
        if middle >= 0 and value >= 0 and fits(draw, *sums):
            break
    think = " ".join(f"{left} {sign} {right} = {VALUE[sign](left, right)}." for left, sign, right in sums)
    sign_shown = draw.pick(("x", "x", "*", "*", "×"))
    text = text.replace("x", sign_shown)
    return text.replace(" ", "") if draw.chance(0.35) else text, value, think


def percentage(draw: Draw) -> tuple[str, int, str]:
    """A percentage of a round number, its value and its working."""
    for _ in range(200):
        share = draw.pick((10, 10, 20, 25, 50, 50, 75, 5, 30))
        whole = draw.number(1, 20) * (20 if share in (5, 25, 75) else 10)
        if held_filling(f"{share}%{whole}") == draw.held:
            break
    value = share * whole // 100
    if share in (10, 20, 30):
        think = f"10% of {whole} is {whole // 10}." + (
            f" {share // 10} x {whole // 10} = {value}." if share > 10 else ""
        )
    elif share == 5:
        think = f"10% of {whole} is {whole // 10}. Half of {whole // 10} is {value}."
    elif share == 75:
        think = f"25% is a quarter: {whole} / 4 = {whole // 4}. 3 x {whole // 4} = {value}."
    else:
        think = f"{share}% is a {'half' if share == 50 else 'quarter'}: {whole} / {100 // share} = {value}."
    return draw.weighted((4, f"{share}% of {whole}"), (1, f"{share} percent of {whole}")), value, think


def said(draw: Draw, ask: str, plain: str, value: int, think: str) -> Exchange:
    """The exchange for a sum: the whole sum with its value, or the value alone."""
    answer = draw.weighted((5, f"{plain} = {value}."), (3, f"{value}"))
    french = f"La réponse est {value}."
    return Exchange(ask, answer, think, short=str(value), french=french, check=str(value))


def arithmetic(draw: Draw) -> Exchange:
    kind = draw.weighted((11, "ask"), (1.6, "steps"), (1.6, "named"), (0.4, "double"), (0.4, "half"))
    if kind == "double":
        a = draw.number(1, 20) if draw.chance(0.6) else draw.number(1, 99)
        think = f"2 x {a} = {2 * a}."
        return Exchange(draw.ask("arithmetic", "double", a=a), f"{2 * a}.", think, str(2 * a), check=str(2 * a))
    if kind == "half":
        a = draw.number(1, 20) if draw.chance(0.6) else draw.number(1, 99)
        return Exchange(draw.ask("arithmetic", "half", a=2 * a), f"{a}.", f"{2 * a} / 2 = {a}.", str(a), check=str(a))
    if kind != "named" and draw.chance(0.45 if draw.mix == "reasoner" else 0.22):
        text, value, think = percentage(draw) if draw.chance(0.15) else two_steps(draw)
        ask, plain = draw.ask("arithmetic", kind, e=text), text.replace("*", "x").replace("×", "x")
        plain = plain.replace(" percent", "%")
        plain = plain if " " in plain else "".join(f" {mark} " if mark in "+-x" else mark for mark in plain)
    else:
        signs = ((5, "+"), (3.2, "-"), (2.8, "x")) + (() if kind == "named" else ((1.2, "/"),))
        sign = draw.weighted(*signs)
        a, b = operands(draw, sign)
        value, think, plain = VALUE[sign](a, b), WORKED[sign](a, b), f"{a} {sign} {b}"
        if kind == "named":
            ask = draw.ask("arithmetic", {"+": "add", "-": "subtract", "x": "multiply"}[sign], a=a, b=b)
        else:
            ask = draw.ask("arithmetic", kind, e=written(draw, a, sign, b))
    if kind == "steps":
        return Exchange(ask, f"{think} The answer is {value}.", think, check=str(value))
    return said(draw, ask, plain, value, think)


def plain_sum(draw: Draw) -> tuple[Exchange, str]:
    """The question for a sum, difference or product of two numbers, and how it is written there."""
    sign = draw.weighted((5, "+"), (3, "-"), (3, "x"))
    a, b = operands(draw, sign)
    shown = written(draw, a, sign, b)
    ask = draw.ask("arithmetic", "ask", e=shown)
    return said(draw, ask, f"{a} {sign} {b}", VALUE[sign](a, b), WORKED[sign](a, b)), shown


def problem_numbers(draw: Draw, section: str) -> tuple[tuple[int, int, int], list[Sum]]:
    """Numbers for a word problem and the sums it takes."""
    a, b, c = draw.number(2, 20), draw.number(1, 12), draw.number(1, 10)
    if draw.chance(0.15):
        a, b = draw.number(10, 60), draw.number(2, 30)
    if section.startswith("times"):
        a, b = draw.number(2, 9), draw.number(2, 10)
    elif section == "minus":
        a, b = max(a, b + 2), min(a, b)
    elif section == "share":
        b = draw.number(2, 9)
        a = b * draw.number(2, 12)
    second = {"plus_minus": "-", "times_plus": "+", "times_minus": "-"}.get(section)
    first = {"p": "+", "m": "-", "t": "x", "s": "/"}[section[0]]
    middle = VALUE[first](a, b)
    c = max(1, min(c, middle - 2)) if second == "-" else c
    return (a, b, c), [(a, first, b)] + ([(middle, second, c)] if second else [])


def word_problem(draw: Draw) -> Exchange:
    section = draw.weighted(
        (3, "plus"),
        (3, "minus"),
        (3, "times"),
        (2, "share"),
        (2, "plus_minus"),
        (2, "times_plus"),
        (2, "times_minus"),
    )
    for _ in range(200):
        (a, b, c), sums = problem_numbers(draw, section)
        if fits(draw, *sums):
            break
    value = VALUE[sums[-1][1]](sums[-1][0], sums[-1][2])
    name, other = draw.filling(items("persons")), draw.pick(items("persons"))
    while other == name:
        other = draw.pick(items("persons"))
    things = draw.filling(items("plurals"))
    ask = draw.ask("word_problems", section, n=name, m=other, things=things, a=a, b=b, c=c)
    unit = f" {things}" if things in ask else ""
    shown = ", ".join(f"{left} {sign} {right} = {VALUE[sign](left, right)}" for left, sign, right in sums)
    answer = draw.weighted(
        (6, f"{shown}, so the answer is {value}{unit}."),
        (2 if len(sums) == 1 else 0.7, f"{value}{unit}."),
        (1 if len(sums) == 1 else 0.3, f"{value}"),
    )
    verb = {"+": "Add", "-": "Take away", "x": "Times", "/": "Divide by"}
    think = f"Start with {a}."
    for left, sign, right in sums:
        think += f" {verb[sign]} {right}: {left} {sign} {right} = {VALUE[sign](left, right)}."
    return Exchange(ask, answer, think, short=str(value), check=str(value))


def comparison(draw: Draw) -> Exchange:
    top = draw.pick((10, 20, 100, 100, 1000))
    for _ in range(200):
        a, b = draw.number(0, top), draw.number(0, top)
        if a != b and fits(draw, (a, "?", b)):
            break
    larger, smaller = max(a, b), min(a, b)
    kind = draw.weighted((5, "odd_one"), (2, "smaller"), (1.5, "is_larger"), (1, "even"), (1, "after"))
    ask = draw.ask("facts", kind, a=a, b=b)
    if kind == "even":
        word = "odd" if a % 2 else "even"
        think = f"The last digit of {a} is {a % 10}, which is {word}."
        return Exchange(ask, f"{a} is {word}.", think, capital_letter(word), check=word)
    if kind == "after":
        answer = draw.pick((f"{a + 1}.", f"{a + 1} comes after {a}."))
        return Exchange(ask, answer, f"{a} + 1 = {a + 1}.", str(a + 1), check=str(a + 1))
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
    think = f"{smaller} < {larger}, so the {word} one is {chosen}."
    return Exchange(ask, answer, think, str(chosen), check=str(chosen))

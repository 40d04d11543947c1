# ruff: noqa: E501  (a text on one line is easier to read than a broken one)
"""The Python functions of the corpus: classical ones by hand, and a family built from parts.

A built function chooses (filter), changes (map) and sums up (reduce) the numbers or words of a list, or does one or two
things to a string or a number. Its test cases are computed from the parts' own meaning, not from the code shown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

from .draw import held_filling
from .world import rows

Case = tuple[list[Any], Any]


@dataclass(frozen=True)
class Function:
    """One function: its code, what it does in the third person and as an order, and three cases (arguments, result)."""

    name: str
    code: str
    does: tuple[str, ...]
    do: tuple[str, ...]
    cases: tuple[Case, ...]
    built: bool = False

    @property
    def held(self) -> bool:
        """Whether it is kept for the evaluation; never one of the classical ones."""
        return self.built and held_filling("code:" + self.name)


@dataclass(frozen=True)
class Part:
    """A filter or a map: its key in names, its words around the noun, its code over {v}, its meaning."""

    key: str
    before: str
    after: str
    code: str
    means: Callable[[Any], Any]


def infinitive(phrase: str) -> str:
    """'squares a number' -> 'square a number'."""
    verb, _, rest = phrase.partition(" ")
    if verb.endswith("ies"):
        verb = verb[:-3] + "y"
    elif re.search(r"(ss|sh|ch|x|zz)es$", verb) or verb in ("does", "goes"):
        verb = verb[:-2]
    elif verb.endswith("s"):
        verb = verb[:-1]
    rest = re.sub(r"\band (\w+s) (?=it\b|them\b)", lambda found: f"and {infinitive(found[1])} ", rest)
    return f"{verb} {rest}".strip()


def source(signature: str, body: str) -> str:
    """The whole code of a function, with the import it needs."""
    modules = [name for name in ("random", "json") if f"{name}." in body]
    indented = "\n".join("    " + line for line in body.split("\n"))
    return "".join(f"import {name}\n\n" for name in modules) + f"def {signature}:\n{indented}"


def classical() -> Iterator[Function]:
    for signature, body, does, cases in rows("code"):
        ways = tuple(does.split(";"))
        read = tuple((case[0], case[1]) for case in json.loads(cases, strict=False))
        yield Function(signature.split("(")[0], source(signature, body), ways, tuple(map(infinitive, ways)), read)


def numbers_kept() -> list[Part]:
    """Ways to choose numbers."""
    parts = [
        Part("even", "even ", "", "{v} % 2 == 0", lambda n: n % 2 == 0),
        Part("odd", "odd ", "", "{v} % 2 == 1", lambda n: n % 2 == 1),
        Part("positive", "positive ", "", "{v} > 0", lambda n: n > 0),
        Part("negative", "negative ", "", "{v} < 0", lambda n: n < 0),
    ]
    for k in (3, 5, 10, 20):
        parts += [
            Part(f"above_{k}", "", f" larger than {k}", f"{{v}} > {k}", lambda n, k=k: n > k),
            Part(f"below_{k}", "", f" smaller than {k}", f"{{v}} < {k}", lambda n, k=k: n < k),
        ]
    for k in (3, 4, 5, 7, 10):
        parts.append(
            Part(f"divisible_by_{k}", "", f" divisible by {k}", f"{{v}} % {k} == 0", lambda n, k=k: n % k == 0)
        )
    return parts


NUMBERS_MADE = [
    Part("squares", "squares of the ", "", "{v} * {v}", lambda n: n * n),
    Part("doubles", "doubles of the ", "", "2 * {v}", lambda n: 2 * n),
    Part("cubes", "cubes of the ", "", "{v} ** 3", lambda n: n**3),
    Part("halves", "halves of the ", "", "{v} / 2", lambda n: n / 2),
    Part("triples", "triples of the ", "", "3 * {v}", lambda n: 3 * n),
]
LISTS = ([3, -4, 10, 35, -7, 28, 12, -9], [6, 21, -15, 70, 2, 1, -20, 60], [30, 5, 42, -3, 25, -8, -10, 9])
UP_TO = (24, 30, 41)
NUMBER_VERBS = ("returns", "computes", "calculates", "gives", "finds")


def ending(name: str, results: list[Any]) -> tuple[Any, ...]:
    """Results of the three cases after the reduction `name`."""
    reductions: dict[str, Callable[[list[Any]], Any]] = {
        "list": list,
        "sum": sum,
        "count": len,
        "max": max,
        "min": min,
        "product": math.prod,
        "average": lambda row: sum(row) / len(row),
        "longest": lambda row: max(row, key=len),
        "shortest": lambda row: min(row, key=len),
        "first": lambda row: row[0],
        "joined": " ".join,
        "commas": ", ".join,
        "sorted": sorted,
        "total_length": lambda row: sum(map(len, row)),
    }
    return tuple(reductions[name](row) for row in results)


def number_function(kept: Part | None, made: Part | None, last: str, ranged: bool) -> Function | None:
    """The function over the numbers of a list (or from 1 to n), or None where it makes no sense."""
    v = "i" if ranged else "n"
    expression, test = (made.code if made else "{v}").format(v=v), kept.code.format(v=v) if kept else ""
    over = "range(1, n + 1)" if ranged else "numbers"
    loop = f"for {v} in {over}" + (f" if {test}" if test else "")
    bare = kept is None and made is None
    if last in ("count", "any", "all", "first") and (made or not kept):
        return None
    if ranged and (last in ("any", "all", "first") or (kept and kept.key in ("positive", "negative"))):
        return None
    if (bare and last in ("list", "first") and not ranged) or (ranged and last in ("max", "min")):
        return None
    if (made and made.key == "halves" and last == "product") or (ranged and last == "product"):
        return None
    inputs = [list(range(1, n + 1)) for n in UP_TO] if ranged else [list(row) for row in LISTS]
    chosen = [[n for n in row if not kept or kept.means(n)] for row in inputs]
    results = [[made.means(n) if made else n for n in row] for row in chosen]
    noun = (kept.before if kept else "") + "numbers" + (kept.after if kept else "")
    wheres = ("from 1 to n", "up to n", "between 1 and n") if ranged else ("in a list", "of a list", "in a list")
    things = [f"{made.before if made else ''}{noun} {where}" for where in wheres]
    full = [f"the {thing}" for thing in things]
    given = f"{expression} {loop}"
    if last == "list":
        code = f"return list({over})" if bare else f"return [{given}]"
        does = [f"returns {full[0]}", f"returns a list of {full[1]}", f"gives {full[1]}", f"lists {full[2]}"]
        if kept and not made and not ranged:
            does += [f"keeps only {full[0]}", f"filters the {noun} out of a list", f"picks {full[1]}"]
        if made and not kept and not ranged:
            verb = {"halves": "halves", "cubes": "cubes", "triples": "triples"}.get(made.key, made.key)
            does += [f"{verb} every number in a list", f"{verb} all numbers of a list"]
    elif last in ("sum", "max", "min"):
        words = {
            "sum": ("the sum of", "the total of"),
            "max": ("the largest of", "the maximum of"),
            "min": ("the smallest of", "the minimum of"),
        }
        code = f"return {last}({over})" if bare else f"return {last}({given})"
        does = [f"{verb} {words[last][place % 2]} {full[place % 3]}" for place, verb in enumerate(NUMBER_VERBS)]
        does += [f"{verb} {full[0]}" for verb in (("adds up", "sums", "adds") if last == "sum" else ())]
    elif last == "count":
        code = f"return sum(1 {loop})"
        does = [f"counts {full[0]}", f"returns the number of {things[1]}", f"returns how many {things[0]} there are"]
        does += [f"tells how many {noun} there are {wheres[2]}", f"gives the count of {things[0]}"]
    elif last == "average":
        code = f"return sum({over}) / len({over})" if bare else f"values = [{given}]\nreturn sum(values) / len(values)"
        verbs = enumerate(NUMBER_VERBS)
        does = [f"{verb} the {('average', 'mean')[place % 2]} of {full[place % 3]}" for place, verb in verbs]
    elif last == "product":
        step = f"result *= {expression}" if " " not in expression else f"result *= ({expression})"
        inner = f"    if {test}:\n        {step}" if test else f"    {step}"
        code = f"result = 1\nfor {v} in {over}:\n{inner}\nreturn result"
        does = [f"{verb} the product of {full[place % 3]}" for place, verb in enumerate(NUMBER_VERBS)]
        does.append(f"multiplies {full[0]}")
    elif last == "first":
        code = f"return next({given})"
        single = noun.replace("numbers", "number")
        does = [f"{verb} the first {single} in a list" for verb in ("returns", "finds", "gets")]
    else:
        code = f"return {last}({test} for n in numbers)"
        assert kept is not None
        word = kept.before.strip() or kept.after.strip()
        if last == "any":
            does = [f"checks if any number in a list is {word}", f"tells whether a list has any {noun}"]
            does.append(f"returns True if at least one number of a list is {word}")
        else:
            does = [f"checks if all numbers in a list are {word}", f"tells whether every number of a list is {word}"]
            does.append(f"returns True if a list has only {noun}")
    parts = [last if last != "list" or not (kept or made) else "", kept.key if kept else "", made.key if made else ""]
    parts += ["numbers"] if (made is None and not (kept and kept.key[-1].isdigit())) else []
    name = "_".join(part for part in parts if part) + ("_to" if ranged else "")
    signature = f"{name}({'n' if ranged else 'numbers'})"
    if last in ("any", "all"):
        assert kept is not None
        results = [[kept.means(n) for n in row] for row in inputs]
        after: tuple[Any, ...] = tuple(any(row) if last == "any" else all(row) for row in results)
    else:
        after = ending(last, results)
    given_arguments = [[n] for n in UP_TO] if ranged else [[list(row)] for row in LISTS]
    return built(name, source(signature, code), does, zip(given_arguments, after, strict=True))


def built(name: str, code: str, does: list[str], cases: Any) -> Function:
    ways = tuple(dict.fromkeys(does))
    return Function(name, code, ways, tuple(map(infinitive, ways)), tuple(cases), built=True)


VOWELS = "aeiou"
WORDS = (
    ["apple", "Tree", "sea", "extra", "bus", "ON", "data", "eye", "trees", "story"],
    ["stone", "area", "Egg", "bottle", "sky", "orange", "OK", "banana", "stays", "to"],
    ["every", "sofa", "tennis", "UP", "be", "alarm", "baby", "sunny", "Anna", "orders"],
)


def words_kept() -> list[Part]:
    """Ways to choose words."""
    parts = [
        Part("vowel", "", " that start with a vowel", '{v}[0] in "aeiou"', lambda w: w[0] in VOWELS),
        Part("capital", "", " in capital letters", "{v}.isupper()", str.isupper),
    ]
    for k in (3, 4, 5):
        parts += [
            Part(f"longer_than_{k}", "", f" longer than {k} letters", f"len({{v}}) > {k}", lambda w, k=k: len(w) > k),
            Part(f"shorter_than_{k}", "", f" shorter than {k} letters", f"len({{v}}) < {k}", lambda w, k=k: len(w) < k),
        ]
    for letter in "abest":
        parts += [
            Part(
                f"starting_with_{letter}",
                "",
                f" that start with {letter}",
                f'{{v}}.startswith("{letter}")',
                lambda w, letter=letter: w.startswith(letter),
            ),
            Part(
                f"containing_{letter}",
                "",
                f" that contain {letter}",
                f'"{letter}" in {{v}}',
                lambda w, letter=letter: letter in w,
            ),
        ]
    for letter in "aesy":
        parts.append(
            Part(
                f"ending_with_{letter}",
                "",
                f" that end with {letter}",
                f'{{v}}.endswith("{letter}")',
                lambda w, letter=letter: w.endswith(letter),
            )
        )
    return parts


WORDS_MADE = [
    Part("upper", "", " in upper case", "{v}.upper()", str.upper),
    Part("lower", "", " in lower case", "{v}.lower()", str.lower),
    Part("reversed", "", " backwards", "{v}[::-1]", lambda w: w[::-1]),
    Part("lengths", "lengths of the ", "", "len({v})", len),
    Part("first_letters", "first letters of the ", "", "{v}[0]", lambda w: w[0]),
    Part("last_letters", "last letters of the ", "", "{v}[-1]", lambda w: w[-1]),
]


def word_function(kept: Part | None, made: Part | None, last: str) -> Function | None:
    """The function over the words of a list, or None where it makes no sense."""
    if last in ("count", "longest", "shortest", "sorted", "total_length", "any", "all") and made:
        return None
    if (last in ("count", "any", "all") and not kept) or (last == "list" and not (kept or made)):
        return None
    if last in ("joined", "commas") and made and made.key == "lengths":
        return None
    chosen = [[word for word in row if not kept or kept.means(word)] for row in WORDS]
    results = [[made.means(word) if made else word for word in row] for row in chosen]
    if last in ("longest", "shortest") and not all(results):
        return None
    expression, test = (made.code if made else "{v}").format(v="w"), kept.code.format(v="w") if kept else ""
    loop = "for w in words" + (f" if {test}" if test else "")
    given = f"{expression} {loop}" if kept or made else "words"
    noun = f"words{kept.after if kept else ''}"
    inner = f"{made.before if made else ''}words in a list{(kept.after if kept else '')}{made.after if made else ''}"
    full, other = f"the {inner}", f"the {made.before if made else ''}{noun} in a list{made.after if made else ''}"
    listed = f"[{given}]" if kept or made else "words"
    code = {
        "list": f"return {listed}",
        "count": f"return sum(1 {loop})",
        "longest": f"return max({listed}, key=len)" if kept is None else f"return max(({given}), key=len)",
        "shortest": f"return min({listed}, key=len)" if kept is None else f"return min(({given}), key=len)",
        "sorted": f"return sorted({given})",
        "joined": f'return " ".join({given})',
        "commas": f'return ", ".join({given})',
        "total_length": f"return sum(len(w) {loop})",
        "any": f"return any({test} for w in words)",
        "all": f"return all({test} for w in words)",
    }[last]
    which = noun.removeprefix("words").removeprefix(" that").strip()
    does = {
        "list": [f"returns {full}", f"returns a list of {other}", f"gives {other}", f"lists {full}"]
        + ([f"keeps only {other}", f"picks {full}"] if kept and not made else []),
        "count": [f"counts {full}", f"returns the number of {inner}", f"tells how many {noun} are in a list"],
        "longest": [f"returns the longest of {full}", f"finds the longest of {other}", f"gets the longest of {other}"],
        "shortest": [
            f"returns the shortest of {full}",
            f"finds the shortest of {other}",
            f"gets the shortest of {other}",
        ],
        "sorted": [f"sorts {full}", f"returns {other} in alphabetical order", f"puts {other} in order"],
        "joined": [f"joins {full} with spaces", f"returns {other} as one text", f"puts {other} into a sentence"],
        "commas": [f"joins {full} with commas", f"returns {full} separated by commas"],
        "total_length": [f"returns the total length of {full}", f"counts the letters of {full}"],
        "any": [f"checks if a list has any {noun}", f"tells whether there are {noun} in a list"],
        "all": [f"checks if a list has only {noun}", f"tells whether all the words in a list {which_verb(which)}"],
    }[last]
    after: tuple[Any, ...]
    if last in ("any", "all"):
        assert kept is not None
        tested = [[bool(kept.means(word)) for word in row] for row in WORDS]
        after = tuple(any(row) if last == "any" else all(row) for row in tested)
    else:
        after = ending(last, results)
    keys = [last if last != "list" else "", "words" if kept or not made or made.after else "", kept.key if kept else ""]
    keys += [made.key if made else ""]
    name = "_".join(key for key in keys if key)
    return built(name, source(f"{name}(words)", code), does, zip([[list(row)] for row in WORDS], after, strict=True))


def which_verb(words: str) -> str:
    """'longer than 3 letters' -> 'are longer than 3 letters'; 'start with a' stays."""
    return words if words.split(" ")[0] in ("start", "end", "contain") else f"are {words}"


@dataclass(frozen=True)
class Step:
    """One thing done to a string or a number: key, words with {o} for the object, code over {v}, meaning."""

    key: str
    does: str
    code: str
    means: Callable[[Any], Any]


def text_steps() -> list[Step]:
    steps = [
        Step("reverse", "reverses {o}", "{v}[::-1]", lambda t: t[::-1]),
        Step("upper", "makes {o} upper case", "{v}.upper()", str.upper),
        Step("lower", "makes {o} lower case", "{v}.lower()", str.lower),
        Step("strip", "strips {o}", "{v}.strip()", str.strip),
        Step("remove_spaces", "removes the spaces from {o}", '{v}.replace(" ", "")', lambda t: t.replace(" ", "")),
        Step("dashes", "replaces the spaces in {o} with dashes", '{v}.replace(" ", "-")', lambda t: t.replace(" ", "-")),
        Step("underscores", "replaces the spaces in {o} with underscores", '{v}.replace(" ", "_")', lambda t: t.replace(" ", "_")),
        Step("without_first", "removes the first letter of {o}", "{v}[1:]", lambda t: t[1:]),
        Step("without_last", "removes the last letter of {o}", "{v}[:-1]", lambda t: t[:-1]),
        Step("twice", "repeats {o} twice", "({v} * 2)", lambda t: t * 2),
        Step("exclaim", "adds an exclamation mark to {o}", '({v} + "!")', lambda t: t + "!"),
        Step("question", "adds a question mark to {o}", '({v} + "?")', lambda t: t + "?"),
    ]  # fmt: skip
    for k in (2, 3, 5):
        steps += [
            Step(f"first_{k}", f"takes the first {k} letters of {{o}}", f"{{v}}[:{k}]", lambda t, k=k: t[:k]),
            Step(f"last_{k}", f"takes the last {k} letters of {{o}}", f"{{v}}[-{k}:]", lambda t, k=k: t[-k:]),
        ]
    for old, new in ("ao", "eu", "ei", "sz"):
        steps.append(
            Step(
                f"{old}_to_{new}",
                f"replaces every {old} in {{o}} with {new}",
                f'{{v}}.replace("{old}", "{new}")',
                lambda t, old=old, new=new: t.replace(old, new),
            )
        )
    return steps


def number_steps() -> list[Step]:
    steps = [
        Step("square", "squares {o}", "{v} ** 2", lambda x: x**2),
        Step("double", "doubles {o}", "2 * {v}", lambda x: 2 * x),
        Step("halve", "halves {o}", "{v} / 2", lambda x: x / 2),
    ]
    for k in (1, 2, 3, 5, 7, 10, 100):
        steps += [
            Step(f"add_{k}", f"adds {k} to {{o}}", f"{{v}} + {k}", lambda x, k=k: x + k),
            Step(f"subtract_{k}", f"subtracts {k} from {{o}}", f"{{v}} - {k}", lambda x, k=k: x - k),
        ]
    for k in (3, 4, 5, 10):
        steps.append(Step(f"times_{k}", f"multiplies {{o}} by {k}", f"{k} * {{v}}", lambda x, k=k: k * x))
    return steps


TEXTS = ("Stone bridge", " Sea house ", "easy Tests")
VALUES = (4, -6, 10)


def step_functions(
    steps: list[Step], variable: str, nouns: tuple[str, ...], inputs: tuple[Any, ...]
) -> Iterator[Function]:
    """Functions of one step and of two."""
    for steps_taken in [(step,) for step in steps] + [(a, b) for a in steps for b in steps if a.key != b.key]:
        code = variable
        for step in steps_taken:
            bound = code if code.isidentifier() or variable == "text" else f"({code})"
            code = step.code.format(v=bound)
        code = code[1:-1] if steps_taken[-1].code.startswith("(") else code
        does = []
        for noun in nouns:
            first = steps_taken[0].does.format(o=noun)
            joins = (" and ", " and then ", ", then ")
            rest = steps_taken[1].does.format(o="it") if len(steps_taken) > 1 else ""
            does.append(first + (joins[nouns.index(noun) % 3] + rest if rest else ""))
        plain = [way.replace(", then ", " and ").replace("and then", "and") for way in does]
        orders = [" and ".join(map(infinitive, way.split(" and "))) for way in plain]
        name = "_then_".join(step.key for step in steps_taken)
        if len(steps_taken) == 1 and name in ("reverse", "square", "double", "lower", "upper", "halve"):
            continue
        after = [reduce(lambda value, step: step.means(value), steps_taken, each) for each in inputs]
        cases = tuple(([each], result) for each, result in zip(inputs, after, strict=True))
        made = built(name, source(f"{name}({variable})", f"return {code}"), does, cases)
        yield Function(made.name, made.code, made.does, tuple(orders), made.cases, built=True)


def checks() -> Iterator[Function]:
    """Checks of a number or a string, and counts in a string."""
    found: list[tuple[str, str, str, list[str], Callable[[Any], Any]]] = []
    for k in (5, 10, 18, 50, 100):
        found += [
            (f"is_above_{k}", "n", f"n > {k}", [f"checks if a number is larger than {k}", f"tells whether n is above {k}", f"returns True if a number is more than {k}"], lambda n, k=k: n > k),
            (f"is_below_{k}", "n", f"n < {k}", [f"checks if a number is smaller than {k}", f"tells whether n is below {k}", f"returns True if a number is less than {k}"], lambda n, k=k: n < k),
            (f"is_from_1_to_{k}", "n", f"1 <= n <= {k}", [f"checks if a number is between 1 and {k}", f"tells whether n is from 1 to {k}"], lambda n, k=k: 1 <= n <= k),
        ]  # fmt: skip
    for k in (3, 4, 5, 6, 7, 9, 10, 11):
        found.append((f"is_divisible_by_{k}", "n", f"n % {k} == 0", [f"checks if a number is divisible by {k}", f"tells whether n is a multiple of {k}", f"returns True if {k} divides a number"], lambda n, k=k: n % k == 0))  # fmt: skip
    for letter in "abest":
        found += [
            (f"starts_with_{letter}", "text", f'text.startswith("{letter}")', [f"checks if a string starts with {letter}", f"tells whether a word begins with {letter}"], lambda t, x=letter: t.startswith(x)),
            (f"ends_with_{letter}", "text", f'text.endswith("{letter}")', [f"checks if a string ends with {letter}", f"tells whether a word ends in {letter}"], lambda t, x=letter: t.endswith(x)),
            (f"contains_{letter}", "text", f'"{letter}" in text', [f"checks if a string contains {letter}", f"tells whether there is a {letter} in a word"], lambda t, x=letter: x in t),
            (f"count_{letter}", "text", f'text.count("{letter}")', [f"counts the letter {letter} in a string", f"counts how often {letter} is in a text", f"returns the number of times {letter} is in a word"], lambda t, x=letter: t.count(x)),
        ]  # fmt: skip
    for k in (3, 5, 8, 10):
        found += [
            (f"is_longer_than_{k}", "text", f"len(text) > {k}", [f"checks if a string is longer than {k} letters", f"tells whether a text has more than {k} characters"], lambda t, k=k: len(t) > k),
            (f"has_length_{k}", "text", f"len(text) == {k}", [f"checks if a string has {k} letters", f"tells whether a text is {k} characters long"], lambda t, k=k: len(t) == k),
        ]  # fmt: skip
    for key, words, test in (
        ("spaces", "spaces", "isspace"),
        ("digits", "digits", "isdigit"),
        ("capitals", "capital letters", "isupper"),
        ("small_letters", "small letters", "islower"),
    ):
        found += [
            (f"count_{key}_in", "text", f"sum(letter.{test}() for letter in text)", [f"counts the {words} in a string", f"returns the number of {words} in a text"], lambda t, test=test: sum(getattr(x, test)() for x in t)),
            (f"has_{key}", "text", f"any(letter.{test}() for letter in text)", [f"checks if a string has any {words}", f"tells whether there are {words} in a text"], lambda t, test=test: any(getattr(x, test)() for x in t)),
        ]  # fmt: skip
    for name, variable, code, does, means in found:
        inputs: tuple[Any, ...] = (5, 60, 18) if variable == "n" else ("test 12", "Banana tea", "sea")
        cases = tuple(([each], means(each)) for each in inputs)
        yield built(name, source(f"{name}({variable})", f"return {code}"), does, cases)


LASTS = ("list", "sum", "count", "max", "min", "average", "product", "first", "any", "all")
WORD_LASTS = ("list", "count", "longest", "shortest", "sorted", "joined", "commas", "total_length", "any", "all")


def over_numbers() -> Iterator[Function]:
    for ranged in (False, True):
        for kept in [None, *numbers_kept()]:
            for made in [None, *NUMBERS_MADE]:
                for last in LASTS:
                    function = number_function(kept, made, last, ranged)
                    if function and not (kept is None and made is None and not ranged):
                        yield function


def over_words() -> Iterator[Function]:
    for kept in [None, *words_kept()]:
        for made in [None, *WORDS_MADE]:
            for last in WORD_LASTS:
                function = word_function(kept, made, last)
                if function and not (kept is None and made is None and last in ("joined", "list")):
                    yield function


@cache
def families() -> dict[str, tuple[Function, ...]]:
    """All functions by family; names are unique within all of them."""
    found = {
        "classical": tuple(classical()),
        "numbers": tuple(over_numbers()),
        "words": tuple(over_words()),
        "texts": tuple(step_functions(text_steps(), "text", ("a string", "a text", "a word"), TEXTS)),
        "values": tuple(step_functions(number_steps(), "x", ("a number", "x", "its input"), VALUES)),
        "checks": tuple(checks()),
    }
    known = {function.name for function in found["classical"]}
    return {
        family: tuple(function for function in functions if family == "classical" or function.name not in known)
        for family, functions in found.items()
    }

"""Python functions, tool calls and plain completions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from .. import noise
from ..documents import Exchange, Raw, Turn
from ..draw import Draw, held_filling
from ..functions import Function, families
from ..world import items, rows
from . import creative, knowledge
from .creative import HEROES, hero_story
from .knowledge import COUNTRIES
from .numbers import operands
from .patterns import pattern as pattern
from .wording import capital_letter, with_article


def some_function(draw: Draw) -> Function:
    """A classical function or a built one; in evaluation built ones that training never saw, half of the time."""
    family = draw.weighted(
        (10, "classical"), (4, "numbers"), (3, "words"), (2, "texts"), (1.5, "values"), (1, "checks")
    )
    functions = families()[family]
    if family == "classical":
        return draw.graded(functions, 0.25)
    return draw.pick([function for function in functions if function.held == draw.held])


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def in_head(code: str, old: str, new: str) -> str:
    """The code with `old` replaced once in the line of its def."""
    return "\n".join(line.replace(old, new, 1) if line.startswith("def ") else line for line in code.split("\n"))


def broken(draw: Draw, code: str) -> tuple[str, str, bool]:
    """The code with a mistake, what the mistake is, and whether it still runs (and gives the wrong result)."""
    swaps = (
        (" + ", " - "), (" * ", " + "), (" % 2 == 0", " % 2 == 1"), (" % 2 == 1", " % 2 == 0"), (" > ", " < "),
        (" < ", " > "), ("max(", "min("), ("min(", "max("), (".upper()", ".lower()"), ("any(", "all("),
        (" == ", " != "),
    )  # fmt: skip
    body = code.partition("):\n")[2]
    able = [(old, new) for old, new in swaps if body.count(old) == 1]
    if able and draw.chance(0.4):
        old, new = draw.pick(able)
        return code.replace(body, body.replace(old, new)), f"It has {new.strip()} where it needs {old.strip()}.", True
    kind = draw.pick(("colon", "colon", "bracket", "return", "typo", "indent"))
    if kind == "return" and body.count("return ") == 1 and body.strip().startswith("return "):
        return code.replace("return ", "", 1), "The return is missing.", True
    if kind == "typo" and "return " in body:
        wrong = draw.pick(("retrun", "retun", "returm"))
        return code.replace("return ", wrong + " ", 1), f"It says {wrong} instead of return.", False
    if kind == "bracket":
        return in_head(code, "):", ":"), "A bracket is missing in the first line.", False
    if kind == "indent":
        return re.sub(r"\n    ", "\n", code), "The body is not indented.", False
    return in_head(code, "):", ")"), "The colon is missing at the end of the first line.", False


def function(draw: Draw) -> Exchange:
    chosen = some_function(draw)
    cases = json.dumps({"cases": chosen.cases})
    does = draw.pick(chosen.does)
    kind = draw.weighted((5, "ask"), (3, "todo"), (2.5, "by_name"), (1.2, "explain"), (1.2, "fix"))
    if kind == "explain":
        shown = fenced(chosen.code) if draw.chance(0.6) else chosen.code
        think = f"The name is {chosen.name}."
        return Exchange(
            draw.ask("code", "explain", calm=True, c=shown),
            f"It {chosen.does[0]}.",
            think,
            check=json.dumps({"says": chosen.does}),
        )
    if kind == "fix":
        code, what, runs = broken(draw, chosen.code)
        shown = fenced(code) if draw.chance(0.5) else code
        ask = draw.ask("code", "fix_wrong" if runs else "fix", calm=True, c=shown, does=does, do=draw.pick(chosen.do))
        return Exchange(ask, f"{what}\n{fenced(chosen.code)}", what, check=cases)
    ask = draw.ask("code", kind, fold=True, name=chosen.name, does=does, do=draw.pick(chosen.do))
    think = f"A function {chosen.name} that {chosen.does[0]}."
    return Exchange(ask, draw.weighted((7, fenced(chosen.code)), (1, chosen.code)), think, check=cases)


KINDS = (
    "city", "person", "weekday", "clock", "count", "number", "item", "food", "topic", "word", "thing", "company",
    "language", "room", "file", "sum", "plural", "event", "colour", "month", "job",
)  # fmt: skip
LISTS = {
    "city": "cities", "person": "persons", "weekday": "weekdays", "item": "items", "food": "foods", "topic": "topics",
    "plural": "plurals", "event": "events", "colour": "colours", "month": "months", "job": "jobs",
}  # fmt: skip
CHOICES = {
    "language": ("French", "German", "Spanish", "Italian", "Dutch", "Polish", "Turkish", "Swedish", "Greek", "Danish"),
    "room": ("kitchen", "bedroom", "office", "bathroom", "living room", "hall", "garage", "attic", "cellar", "library"),
}
FILLED = {
    "city": ("in {v}", "at {v}"),
    "person": ("for {v}",),
    "weekday": ("on {v}",),
    "clock": ("at {v}",),
    "count": ("with size {v}", "of size {v}"),
    "number": ("with number {v}", "number {v}"),
    "item": ("with the {v}",),
    "topic": ("about {v}",),
    "word": ("called {v}", "named {v}"),
    "month": ("in {v}", "for {v}"),
    "colour": ("in {v}",),
    "company": ("from {v}",),
}
KEYS = {
    "city": ("city", "place", "location"),
    "person": ("name", "person", "user", "owner"),
    "weekday": ("day", "weekday"),
    "clock": ("time", "start"),
    "count": ("size",),
    "number": ("id", "number"),
    "item": ("item", "tool"),
    "topic": ("topic", "subject"),
    "word": ("label", "title", "word"),
    "month": ("month",),
    "colour": ("color",),
    "company": ("company", "firm"),
}
VERBS = (
    "open close start stop find create delete check paint clean move book order send print count update archive sort "
    "lock unlock load scan share rename test build repair plan hide show copy water feed wash sell rent pack"
).split()
NOUNS = (
    "garden report door playlist backup server album robot menu ticket parcel room folder poster label garage table "
    "bed account group photo invoice page shelf box lamp machine window calendar letter contract survey budget recipe "
    "badge fleet tank oven gate pool ladder drone sensor channel inbox store archive kiosk van tent booth"
).split()
ENDS: dict[str, Callable[[Draw], object]] = {
    "id": lambda draw: draw.number(100, 9999),
    "price": lambda draw: draw.number(2, 300),
    "status": lambda draw: draw.pick(("ready", "open", "closed", "sent", "late", "new", "on", "off", "busy")),
    "count": lambda draw: draw.number(0, 60),
    "owner": lambda draw: draw.filling(items("persons")),
    "place": lambda draw: draw.filling(items("cities")),
    "score": lambda draw: draw.number(0, 100),
    "time": lambda draw: clock(draw),
    "result": lambda draw: draw.number(0, 999),
    "name": lambda draw: draw.coined(),
}
Tool = tuple[str, tuple[str, ...], str]
BASIC: dict[str, Tool] = {
    "get_weather": ("get_weather", ("city",), "the weather in a city"),
    "get_time": ("get_time", ("city",), "the time in a city"),
    "search": ("search", ("query",), "searches the web"),
    "send_email": ("send_email", ("to",), "sends an email"),
    "add": ("add", ("a", "b"), "adds two numbers"),
    "set_timer": ("set_timer", ("minutes",), "sets a timer"),
    "convert": ("convert", ("amount", "to"), "converts euros to another currency"),
    "book_table": ("book_table", ("place", "people"), "books a table in a restaurant"),
}
WORLD = {
    row[0]: (dict(part.split(":") for part in row[1].split(", ")), row[2], row[3].split(";")) for row in rows("tools")
}


def clock(draw: Draw) -> str:
    return f"{draw.number(0, 23):02d}:{draw.pick(('00', '15', '30', '45', '10', '05'))}"


def value_of(draw: Draw, kind: str) -> object:
    """Something to hand to a tool."""
    if kind in LISTS:
        return draw.filling(items(LISTS[kind]))
    if kind in CHOICES:
        return draw.pick(CHOICES[kind])
    if kind == "count":
        return draw.number(1, 30)
    if kind == "number":
        return draw.number(31, 9999)
    if kind == "clock":
        return clock(draw)
    if kind == "sum":
        return f"{draw.number(2, 99)} {draw.pick('+-*/')} {draw.number(2, 99)}"
    if kind == "file":
        return (
            f"{draw.coined() if draw.chance(0.5) else draw.pick(NOUNS)}.{draw.pick(('txt', 'csv', 'md', 'json', 'py'))}"
        )
    if kind == "company":
        return f"{capital_letter(draw.coined())}{draw.pick((' Ltd', '', ' Foods', ' Motors', ' Bank'))}"
    if kind == "thing":
        first = capital_letter(draw.coined() if draw.chance(0.4) else draw.filling(items("animals")))
        return f"{first} {draw.pick(('River', 'Nights', 'Song', 'Stars', 'Road', 'Dream', 'United', 'City'))}"
    return draw.filling(items("says")) if draw.chance(0.5) else draw.coined()


def typed(draw: Draw, template: str, slots: dict[str, object]) -> str:
    """A prompt from a template of the world's files, roughened but for its slots."""
    parts = [
        (str(slots[part]), True) if place % 2 else (part, False)
        for place, part in enumerate(re.split(r"\{([a-z_]+)\}", template))
    ]
    parts = [part for part in parts if part[0]]
    if draw.chance(0.4) and not parts[0][1]:
        parts[0] = (capital_letter(parts[0][0]), False)
    if draw.chance(0.3):
        parts.append((draw.pick((".", "?", "!", ", please", " please.")), False))
    return noise.roughen(draw.random, parts, fold=False, share=draw.rough)


def call(name: str, arguments: dict[str, object]) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}</tool_call>"


def coined_tool(draw: Draw, verb: str = "", noun: str = "") -> tuple[Tool, list[str]]:
    """A tool such as open_garden(name, day), with the kinds of its arguments."""
    for _ in range(200):
        verb_now = verb or draw.pick(VERBS)
        noun_now = noun or (draw.coined() if draw.chance(0.25) else draw.pick(NOUNS))
        name = f"{verb_now}_{noun_now}"
        if held_filling("tool:" + name) == draw.held:
            break
    kinds = draw.some(list(FILLED), draw.weighted((4, 1), (4, 2), (2, 3)))
    if draw.held is False and draw.chance(0.1) and "number" not in kinds:
        kinds[0] = "number"
    keys = list(dict.fromkeys(draw.pick(KEYS[kind]) for kind in kinds))
    return (name, tuple(keys), f"{verb_now} {with_article(noun_now)}"), kinds[: len(keys)]


def shown_tools(draw: Draw, tools: list[Tool]) -> str:
    """The system prompt that offers them, behind another one now and then."""
    draw.random.shuffle(tools)
    before = draw.ask("styles", "plain", calm=True) + "\n" if draw.chance(0.25) else ""
    form = draw.weighted((5, "row"), (3, "list"), (2, "schema"))
    if form == "row":
        offered = ", ".join(f"{name}({', '.join(keys)})" for name, keys, _ in tools)
        lead = draw.pick(("Tools:", "Tools:", "Tools:", "You can use these tools:", "Available tools:"))
        return f"{before}{lead} {offered}"
    if form == "list":
        lines = [f"- {name}({', '.join(keys)}): {about}" for name, keys, about in tools]
    else:
        lines = [
            json.dumps({"name": name, "description": about, "parameters": list(keys)}, ensure_ascii=False)
            for name, keys, about in tools
        ]
    lead = draw.pick(("Tools:", "Tools:", "You can use these tools:", "You may call these tools:", "Available tools:"))
    return before + "\n".join([lead, *lines])


def basic_use(draw: Draw) -> tuple[Tool, str, dict[str, object], dict[str, object], str]:
    """One of the eight tools of the lessons: tool, question, arguments, result, last answer."""
    name = draw.pick((*BASIC, "get_weather", "add"))
    tool = BASIC[name]
    a, b, people = draw.number(0, 999), draw.number(0, 999), draw.number(2, 12)
    city, person = draw.filling(items("cities")), draw.filling(items("persons"))
    if name == "add":
        a, b = (a, b) if draw.chance(0.5) else operands(draw, "+")
        return tool, draw.ask("tools", name, a=a, b=b), {"a": a, "b": b}, {"sum": a + b}, f"{a} + {b} = {a + b}."
    if name == "set_timer":
        minutes = draw.number(1, 90)
        after = f"The timer is set for {minutes} minutes."
        return tool, draw.ask("tools", name, v=minutes), {"minutes": minutes}, {"set": True}, after
    if name == "convert":
        to = draw.pick(("dollars", "yen", "pounds", "francs", "pesos", "rupees", "crowns", "won", "zloty", "lira"))
        amount, got = draw.number(1, 500), draw.number(1, 900)
        after = f"{amount} euros are {got} {to}."
        return tool, draw.ask("tools", name, a=amount, v=to), {"amount": amount, "to": to}, {"result": got}, after
    if name == "book_table":
        after = f"A table for {people} in {city} is booked."
        return tool, draw.ask("tools", name, v=city, a=people), {"place": city, "people": people}, {"ok": True}, after
    if name == "send_email":
        return (
            tool,
            draw.ask("tools", name, v=person),
            {"to": person},
            {"sent": True},
            f"The email to {person} is sent.",
        )
    if name == "search":
        topic, found = draw.filling(items("topics")), draw.number(1, 20)
        after = f"I found {found} pages about {topic}."
        return tool, draw.ask("tools", name, v=topic), {"query": topic}, {"found": found}, after
    if name == "get_time":
        time = clock(draw)
        return tool, draw.ask("tools", name, v=city), {"city": city}, {"time": time}, f"It is {time} in {city}."
    sky, warm = draw.pick(("sunny", "cloudy", "rainy", "windy", "snowy", "foggy", "clear")), draw.number(-9, 38)
    after = f"It is {sky} in {city}, with {warm} degrees."
    return tool, draw.ask("tools", name, v=city), {"city": city}, {"temp": warm, "sky": sky}, after


def plain_result(draw: Draw) -> tuple[dict[str, object], str]:
    """What a tool gives back, and how it is told."""
    if draw.chance(0.25):
        return draw.pick(({"ok": True}, {"done": True}, {"status": "ok"})), "It is done."
    if draw.chance(0.12):
        why = draw.pick(("not found", "not allowed", "no connection", "too late", "out of stock", "server error"))
        return {"error": why}, f"That did not work: {why}."
    keys = draw.some(list(ENDS), draw.weighted((5, 1), (2, 2)))
    result = {key: ENDS[key](draw) for key in keys}
    return result, capital_letter(" and ".join(f"the {key} is {value}" for key, value in result.items())) + "."


def tool_use(draw: Draw) -> tuple[Tool, str, dict[str, object], dict[str, object], str]:
    """A tool, a question for it, the arguments, the result and the last answer."""
    kind = draw.weighted((4, "basic"), (3, "world"), (3.5, "coined"))
    if kind == "basic":
        return basic_use(draw)
    result, after = plain_result(draw)
    if kind == "world":
        name = draw.pick([name for name in WORLD if held_filling("tool:" + name) == draw.held] or list(WORLD))
        kinds, about, ways = WORLD[name]
        arguments = {key: value_of(draw, each) for key, each in kinds.items()}
        return (name, tuple(kinds), about), typed(draw, draw.pick(ways), arguments), arguments, result, after
    tool, given = coined_tool(draw)
    verb, _, noun = tool[0].partition("_")
    arguments = {key: value_of(draw, each) for key, each in zip(tool[1], given, strict=True)}
    phrases = [draw.pick(FILLED[each]).format(v=value) for each, value in zip(given, arguments.values(), strict=True)]
    draw.random.shuffle(phrases)
    ask = draw.ask("tools", "do", v=f"{verb} the {noun} {' '.join(phrases)}")
    return tool, ask[:1].upper() + ask[1:] if draw.chance(0.3) else ask, arguments, result, after


def other_tools(draw: Draw, known: str, count: int) -> list[Tool]:
    """Tools that do not fit: other well-known ones, and coined ones, some of which share a word with the right one."""
    found: dict[str, Tool] = {}
    verb, _, noun = known.partition("_")
    while len(found) < count:
        kind = draw.random.random()
        if kind < 0.35:
            tool = BASIC[draw.pick(list(BASIC))]
        elif kind < 0.6:
            name = draw.pick(list(WORLD))
            tool = (name, tuple(WORLD[name][0]), WORLD[name][1])
        elif kind < 0.8 and noun in NOUNS:
            tool = coined_tool(draw, *((verb, "") if draw.chance(0.5) else ("", noun)))[0]
        else:
            tool = coined_tool(draw)[0]
        if tool[0] not in (known, *SIMILAR.get(known, ())):
            found[tool[0]] = tool
    return list(found.values())


SIMILAR = {
    "add": ("calculate",), "calculate": ("add", "multiply", "divide"), "multiply": ("calculate",),
    "divide": ("calculate",), "send_email": ("send_message",), "send_message": ("send_email", "call_contact"),
    "search": ("get_news",), "get_news": ("search",), "get_definition": ("search", "translate"),
    "translate": ("get_definition",), "get_order": ("track_package",), "track_package": ("get_order",),
    "add_todo": ("create_note",), "create_note": ("add_todo",), "find_recipe": ("search",), "set_timer": ("set_alarm",),
    "set_alarm": ("set_timer",),
}  # fmt: skip
"""Tools that would do as well, so that they are not offered beside each other."""
PLAIN: tuple[Callable[[Draw], Exchange], ...] = (
    knowledge.capital, knowledge.opposite, knowledge.fact, creative.joke, knowledge.status, knowledge.concept,
)  # fmt: skip


def tool_call(draw: Draw) -> Exchange:
    if draw.chance(0.1):
        plain = draw.pick(PLAIN)(draw)
        system = shown_tools(draw, other_tools(draw, "search", draw.number(1, 3)))
        return Exchange(
            plain.ask,
            plain.answer,
            "No tool is needed.",
            system=system,
            check=f"plain:{plain.check}",
            solo=True,
            later=True,
        )
    tool, ask, arguments, result, after = tool_use(draw)
    name = tool[0]
    system = shown_tools(draw, [tool, *other_tools(draw, name, draw.weighted((3, 0), (3, 1), (3, 2), (2, 3), (1, 5)))])
    said = call(name, arguments)
    if draw.chance(0.25):
        text = json.dumps(result, ensure_ascii=False)
        before = (Turn("user", ask), Turn("assistant", said), Turn("tool", text))
        told = f"The tool answers {text}."
        return Exchange("", after, told, before=before, system=system, check=after, solo=True, later=True)
    think = f"The tool {name} fits. {', '.join(f'{key}: {value}' for key, value in arguments.items())}."
    return Exchange(ask, said, think, system=system, check=said, solo=True, later=True)


def completion(draw: Draw) -> Raw:
    """Text that goes on without any chat markup, as a base model's does."""
    kind = draw.weighted(
        (4, "story"), (2, "country"), (3, "sky"), (1, "food"), (1, "weather"), (1.5, "went"), (1, "sum"), (1, "self")
    )
    country, city, continent, language, currency, _, _ = draw.graded(COUNTRIES, 0.25)
    if kind == "story":
        return Raw(hero_story(draw, draw.graded(HEROES, 0.3), draw.filling(items("persons")), draw.pick((3, 5, 6))))
    if kind == "country":
        return Raw(
            draw.weighted(
                (3, f"The capital of {country} is {city}."),
                (
                    2,
                    f"The capital of {country} is {city}. The main language is {language}, "
                    f"and the currency is the {currency}.",
                ),
                (1, f"{capital_letter(country)} is in {continent}. Its capital is {city}."),
            )
        )
    if kind == "sky":
        start = draw.weighted(
            (5, "The sky is"), (1, "Today the sky is"), (1, "In the morning, the sky is"), (1, "The sky was")
        )
        return Raw(
            start + " " + draw.graded(("blue", "clear", "grey", "dark", "full of stars", "pink", "red"), 1.2) + "."
        )
    if kind == "food":
        start = draw.pick(("My favorite food is", "For breakfast I like", "I would like to eat", "For dinner we have"))
        return Raw(f"{start} {draw.graded(items('foods'), 0.8)}.")
    if kind == "weather":
        start = draw.pick(("The weather today is", "Tomorrow it will be", "Today it is", "Outside it is"))
        return Raw(f"{start} {draw.graded(('sunny', 'cloudy', 'cold', 'warm', 'rainy', 'windy'), 0.7)}.")
    if kind == "went":
        start = draw.pick(
            ("I went to the", "We walked to the", "She ran to the", "He drove to the", "The cat sat on the")
        )
        places = (
            ("mat", "chair", "table", "bed", "roof")
            if "cat" in start
            else ("store", "park", "beach", "market", "school", "station")
        )
        end = (
            ""
            if "cat" in start
            else draw.pick((" to buy some milk", " with a friend", " in the rain", " and came back late", ""))
        )
        return Raw(f"{start} {draw.graded(places, 0.7)}{end}.")
    if kind == "sum":
        a, b = operands(draw, "+")
        return Raw(f"{a} + {b} = {a + b}")
    name, home = draw.filling(items("persons")), draw.filling(items("cities"))
    job = draw.pick(items("jobs"))
    return Raw(
        draw.pick(
            (
                f"My name is {name} and I live in {home}.",
                f"{name} is {with_article(job)} in {home}.",
                f"Hello, my name is {name}. I am {with_article(job)}.",
            )
        )
    )

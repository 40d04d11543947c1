"""Python functions, tool calls, patterns by example and plain completions."""

from __future__ import annotations

import json

from ..documents import Exchange, Raw, Turn
from ..draw import Draw
from ..world import items, rows
from .creative import HEROES, hero_story
from .knowledge import COUNTRIES, OPPOSITES, WORDS
from .texts import REVIEWS
from .wording import capital_letter, several, with_article

CODE = rows("code")


def function(draw: Draw) -> Exchange:
    does, signature, body = draw.graded(CODE, 0.25)
    name = signature.split("(")[0]
    indented = "\n".join("    " + line for line in body.split("\n"))
    module = "import random\n\n" if "random." in body else "import json\n\n" if "json." in body else ""
    code = f"{module}def {signature}:\n{indented}"
    if draw.chance(0.3):
        ask = draw.ask("code", "by_name", name=name)
    else:
        ask = draw.ask("code", fold=True, does=draw.pick(does.split(";")))
    think = f"A function {name} that {does.split(';')[0]}."
    return Exchange(ask, draw.weighted((7, f"```python\n{code}\n```"), (1, code)), think, check=code)


TOOLS = {
    "get_weather": ("city", "cities"),
    "get_time": ("city", "cities"),
    "search": ("query", "topics"),
    "send_email": ("to", "persons"),
}


def call(name: str, arguments: dict[str, object]) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def tool_call(draw: Draw) -> Exchange:
    name = draw.pick((*TOOLS, "get_weather", "add"))
    offered = [f"{each}({TOOLS[each][0]})" for each in draw.some(list(TOOLS), draw.number(0, 2)) if each != name]
    before: tuple[Turn, ...] = ()
    if name == "add":
        a, b = draw.number(0, 999), draw.number(0, 999)
        offered.append("add(a, b)")
        ask, arguments = draw.ask("tools", "add", a=a, b=b), {"a": a, "b": b}
        result, after = {"sum": a + b}, f"{a} + {b} = {a + b}."
    else:
        key, source = TOOLS[name]
        value = draw.filling(items(source))
        offered.append(f"{name}({key})")
        ask, arguments = draw.ask("tools", name, v=value), {key: value}
        sky, warm = draw.pick(("sunny", "cloudy", "rainy", "windy", "snowy")), draw.number(-5, 35)
        clock = f"{draw.number(0, 23):02d}:{draw.number(0, 59):02d}"
        result, after = {
            "get_weather": ({"temp": warm, "sky": sky}, f"It is {sky} in {value}, with {warm} degrees."),
            "get_time": ({"time": clock}, f"It is {clock} in {value}."),
            "search": ({"found": 3}, f"I found 3 pages about {value}."),
            "send_email": ({"sent": True}, f"The email to {value} is sent."),
        }[name]
    draw.random.shuffle(offered)
    system = draw.pick(("Tools: ", "Tools: ", "You can use these tools: ", "Available tools: ")) + ", ".join(offered)
    said = call(name, arguments)
    if draw.chance(0.4):
        before = (Turn("user", ask), Turn("assistant", said), Turn("tool", json.dumps(result)))
        return Exchange(
            "", after, f"The tool answers {json.dumps(result)}.", before=before, system=system, check=after, solo=True
        )
    think = f"The tool {name} fits. Arguments: {json.dumps(arguments)}."
    return Exchange(ask, said, think, system=system, check=said, solo=True)


def pairs(draw: Draw) -> list[tuple[str, str]]:
    """Six pairs of one hidden rule."""
    rule = draw.number(0, 7)
    if rule == 0:
        return [(row[0].removeprefix("the "), row[1]) for row in draw.some(COUNTRIES, 6)]
    if rule == 1:
        return [tuple(pair) for pair in draw.some(OPPOSITES, 6)]  # type: ignore[misc]
    if rule == 2:
        column = draw.number(1, 3)
        return [(row[0], row[column]) for row in draw.some(WORDS[:60], 6)]
    if rule == 3:
        word = draw.some(items("items") + items("animals"), 6)
        return [(each, each.upper()) for each in word]
    if rule == 4:
        return [(each, several(each)) for each in draw.some(items("items") + items("fruits"), 6)]
    if rule == 5:
        return [(str(n), str(n + 1)) for n in draw.some(range(1, 60), 6)]
    if rule == 6:
        return [(str(n), str(2 * n)) for n in draw.some(range(1, 21), 6)]
    label = [(text, name) for name in ("positive", "negative") for text in draw.some(REVIEWS[name], 4)]
    return draw.some(label, 6)


def pattern(draw: Draw) -> Exchange:
    shown = pairs(draw)
    count = draw.number(2, 4)
    arrow = draw.pick((" -> ", " -> ", ": ", " => ", " = "))
    question, answer = shown[count]
    lines = [f"{left}{arrow}{right}" for left, right in shown[:count]] + [f"{question}{arrow}".rstrip()]
    separator = "\n" if draw.chance(0.8) else ", "
    text = separator.join(lines)
    if draw.chance(0.35):
        text = draw.ask("patterns", "lead") + "\n" + text
    if draw.chance(0.25):
        turns: list[Turn] = []
        for left, right in shown[:count]:
            turns += [Turn("user", left), Turn("assistant", right)]
        think = f"The pattern: {shown[0][0]} gives {shown[0][1]}. So {question} gives {answer}."
        return Exchange(question, answer, think, before=tuple(turns), check=answer, solo=True)
    think = f"{shown[0][0]} gives {shown[0][1]}. In the same way {question} gives {answer}."
    return Exchange(text, answer, think, check=answer, solo=True)


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
        a, b = draw.number(0, 20), draw.number(0, 20)
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

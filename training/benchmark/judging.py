"""Whether an answer is right: by its content, by its style, by its form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from corpus import Exchange
from corpus.running import code_of, passing
from corpus.skills.creative import BUSINESSES, JOKES

REFUSAL = re.compile(r"(?i)do not know|don't know|beyond me|too small|tiny model|small model")
LOOP_WORDS, LOOP_TIMES = 4, 6


def has(answer: str, wanted: str) -> bool:
    """Whether the wanted words stand in the answer, whole, whatever their case."""
    return re.search(rf"(?<!\w){re.escape(wanted.lower())}(?!\w)", answer.lower()) is not None


def loops(ids: Sequence[int]) -> bool:
    """Whether the same four tokens in a row come six times or more."""
    rows = Counter(zip(*(ids[place:] for place in range(LOOP_WORDS)), strict=False))
    return bool(rows) and rows.most_common(1)[0][1] >= LOOP_TIMES


def same_point(answer: str, wanted: str) -> bool:
    """Whether a sentence has all names and numbers of the wanted one and most of its words, and few others."""
    found, words = (re.findall(r"[\w:.'-]*\w", text) for text in (answer, wanted))
    names = {word for word in words[1:] if not word.islower()} | {word for word in words[:1] if word in found}
    shared = len({word.lower() for word in found} & {word.lower() for word in words})
    return names <= set(found) and shared >= 0.7 * len(set(words)) and len(found) <= 1.5 * len(words) + 2


def right_code(check: dict[str, list[Any]], answer: str) -> bool:
    """Whether code passes its cases, or an explanation is one of those that fit."""
    if "says" in check:
        return any(does.lower() in answer.lower() for does in check["says"])
    return passing([(code_of(answer), check["cases"])], timeout=10)[0]


def right_tool(made: Exchange, answer: str) -> bool:
    """Whether it is the same call, or no call where none is wanted, or what the tool gave back."""
    check = made.check
    if check.startswith("plain:"):
        return bool(answer) and "<tool_call>" not in answer
    call = re.fullmatch(r"<tool_call>(.*)</tool_call>", answer, re.DOTALL)
    if not check.startswith("<tool_call>"):
        values = json.loads(made.before[-1].text).values()
        told = all(not isinstance(value, bool) and has(answer, str(value)) for value in values)
        return answer == check or (told and "{" not in answer)
    try:
        return call is not None and bool(json.loads(call[1]) == json.loads(check[11:-12]))
    except ValueError:
        return False


def right_name(kind: str, answer: str) -> bool:
    """Whether a name fits the kind of business."""
    words = next(row for row in BUSINESSES if kind == row[0] or kind in row[1])
    return "\n" not in answer and len(answer) < 60 and any(has(answer, word) for word in words[2] + words[3])


def is_business(kind: str) -> bool:
    return any(kind == row[0] or kind in row[1] for row in BUSINESSES)


def right(skill: str, made: Exchange, answer: str) -> bool:
    """Whether an answer is right, by its content."""
    check, answer = made.check, answer.strip()
    if not answer:
        return False
    if check.startswith("!"):
        return not any(has(answer, part) for part in check[1:].split("|"))
    if skill == "naming" or (skill == "follow_ups" and is_business(check)):
        return right_name(check, answer)
    if skill == "jokes" or check == "jokes":
        return any(punch in answer for _, punch in JOKES)
    if skill == "unknown":
        return REFUSAL.search(answer) is not None
    if skill == "concepts":
        return any(answer.startswith(text[:30]) for text in json.loads(check))
    if check.startswith(("count:", "lines:")):
        count = int(check.split(":")[1])
        return len(answer.split("\n")) == count or len(answer.split(", ")) == count
    if skill == "extraction" and check.startswith("{"):
        try:
            return bool(json.loads(answer.lower()) == json.loads(check.lower()))
        except ValueError:
            return False
    if skill == "spam":
        return answer.lower().startswith(check)
    if skill == "summaries":
        return same_point(answer, check)
    if skill == "titles":
        return check.lower() in answer.lower() and len(answer.split()) <= len(check.split()) + 2
    if skill == "code":
        return right_code(json.loads(check), answer)
    if skill == "tools":
        return right_tool(made, answer)
    if skill == "patterns":
        return answer.rstrip(" .") == check.rstrip(" .")
    if skill in ("arithmetic", "word_problems"):
        return re.findall(r"-?\d+", answer.replace(" - ", " "))[-1:] == [check]
    if skill == "comparison" and check.isdigit():
        return re.findall(r"\d+", answer)[:1] == [check]
    if skill == "logic":  # naming all of them is no answer
        return has(answer, check) and (answer.lower().startswith(check.lower()) or len(answer.split()) <= 6)
    if skill == "greetings":  # the beginning of a word is enough: 'stor' is for story and stories
        return any(re.search(rf"(?i)(?<!\w){re.escape(part)}", answer) for part in check.split("|"))
    if "&" in check:
        return all(has(answer, part) for part in check.split("&"))
    return any(has(answer, part) for part in check.split("|"))


def in_style(style: str, made: Exchange, answer: str) -> bool:
    """Whether an answer keeps to the system prompt; where any of several things would do, any of them does here too."""
    words = answer.strip().strip(".")
    told = any(has(words, part) for part in (made.short, *made.check.split("|")))
    return {
        "pirate": lambda: re.search(r"Arr|Ahoy|Yo ho|Aye", answer) is not None,
        "upper": lambda: bool(words) and answer == answer.upper(),
        "polite": lambda: re.search(r"Certainly|pleasure|Of course|hope this helps", answer) is not None,
        "one_word": lambda: " " not in words and told,
        "brief": lambda: len(words.split()) <= 4 and told,
        "french": lambda: answer.strip() == made.french,
        "json": lambda: answer.startswith('{"answer": ') and answer.endswith("}"),
    }[style]()

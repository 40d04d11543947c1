"""Lists of prompts that were typed by hand: prompts of the notebooks, of strangers, of learners."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .asking import Asker, Messages, Question
from .judging import REFUSAL, loops
from .tasks import mean

OUTSIDE = "unknown"
ROLES = {"SYSTEM ": "system", "USER ": "user", "BOT ": "assistant"}


@dataclass(frozen=True)
class Listed:
    """A prompt of a list: what it is about, the messages, and what a right answer matches."""

    skill: str
    messages: Messages
    pattern: re.Pattern[str]


def listed(path: Path) -> list[Listed]:
    r"""The prompts of a file: `skill|prompt|pattern` a line; in a prompt `\n` is a line break and `//` parts turns."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        parts = line.split("|", 2)
        if len(parts) != 3:
            raise ValueError(f"{path.name}, line {number}: not skill|prompt|pattern")
        messages: Messages = []
        for text in parts[1].replace("\\n", "\n").split("//"):
            mark = next((mark for mark in ROLES if text.startswith(mark)), "")
            messages.append({"role": ROLES.get(mark, "user"), "content": text.removeprefix(mark)})
        found.append(Listed(parts[0], messages, re.compile(parts[2])))
    return found


def by_list(ask: Asker, path: Path, think: bool, samples: int = 3) -> dict[str, object]:
    """Each prompt with its answer at temperature 0, and the shares.

    in the world: right, and wrongly refused.  outside: gracefully refused.  at 0.7: `samples` answers each.
    """
    prompts = listed(path)
    greedy = ask([Question(one.messages, think=think) for one in prompts])
    drawn = ask([Question(one.messages, 0.7, think, samples, "list") for one in prompts])
    rows, warm = [], []
    for one, (said,), more in zip(prompts, greedy, drawn, strict=True):
        good = bool(one.pattern.search(said.answer.strip()))
        refused = REFUSAL.search(said.answer) is not None
        row = {"skill": one.skill, "prompt": one.messages[-1]["content"], "answer": said.answer, "right": good}
        rows.append({**row, "refused": refused, **({"working": said.working} if think else {})})
        if one.skill != OUTSIDE:
            warm += [bool(one.pattern.search(other.answer.strip())) for other in more]
    inside = [row for row in rows if row["skill"] != OUTSIDE]
    outside = [row for row in rows if row["skill"] == OUTSIDE]
    return {
        "in the world": len(inside),
        "right": mean([bool(row["right"]) for row in inside]),
        "right at 0.7": mean(warm),
        "wrongly refused": mean([bool(row["refused"]) and not row["right"] for row in inside]),
        "outside": len(outside),
        "graceful": mean([bool(row["right"]) for row in outside]),
        "answers": rows,
    }


def learner(ask: Asker, path: Path, think: bool) -> dict[str, object]:
    """What a learner might type who has not read the card: does any answer crash, run in a loop, or never end?"""
    prompts = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    questions = [
        Question([{"role": "user", "content": prompt.replace("\\n", "\n")}], temperature, think, key="learner")
        for prompt in prompts
        for temperature in (0.0, 0.7)
    ]
    rows = []
    for question, (said,) in zip(questions, ask(questions), strict=True):
        rows.append(
            {
                "prompt": question.messages[0]["content"],
                "temperature": question.temperature,
                "answer": said.answer,
                "loop": loops(said.ids),
                "ended": said.ended,
            }
        )
    return {
        "prompts": len(prompts),
        "loops": sum(bool(row["loop"]) for row in rows),
        "without end before 200 tokens": sum(not row["ended"] for row in rows),
        "empty": sum(not str(row["answer"]).strip() for row in rows),
        "answers": rows,
    }

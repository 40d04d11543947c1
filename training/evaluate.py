"""Measure a model with the lab's own NumPy code: held-out phrasings, lab prompts, blind prompts, temperature.

    python training/evaluate.py --weights labkit/lm/weights/lab-chat --out training/evaluation/results.json

Everything that is asked here under 'held out' uses phrasings, persons, places and sums that training never saw; the
blind prompts were written after the corpus was fixed. Needs numpy alone, no torch.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from corpus import SKILLS, Draw, Exchange, exchange, styled  # noqa: E402
from corpus.running import code_of, passing  # noqa: E402
from corpus.skills.creative import BUSINESSES, JOKES  # noqa: E402

from labkit.lm.chat import chat_ids  # noqa: E402
from labkit.lm.generate import LanguageModel  # noqa: E402
from labkit.lm.model import Model  # noqa: E402
from labkit.lm.sampler import Sampling  # noqa: E402
from labkit.lm.tokens import Tokenizer  # noqa: E402

THINK, THINK_END = 5, 6
REFUSAL = re.compile(r"do not know|beyond me|too small|tiny model|small model")
OPEN_PROMPTS = (
    "Name a coffee shop.",
    "Tell me a short story about a lighthouse.",
    "Write a haiku about the sea.",
    "Pick a number from 1 to 10.",
    "Write a tagline for a bakery.",
    "Name an animal.",
)
TEMPERATURES = (0.0, 0.3, 0.7, 1.0, 1.2, 1.5, 2.0)
Messages = list[dict[str, str]]


def load(folder: Path) -> LanguageModel:
    return LanguageModel(folder.name, Model.load(folder), Tokenizer.from_file(folder / "tokenizer.json"))


def answers(
    lm: LanguageModel, messages: Messages, temperature: float, think: bool, n: int = 1, key: str = "", limit: int = 160
) -> list[tuple[str, str]]:
    """`n` answers as (working, answer); the working is '' where it was not asked for."""
    prompt = chat_ids(lm.tokenizer, messages, think=think)
    sampling = Sampling(temperature=temperature, ban=frozenset() if think else frozenset({THINK}))
    ids: list[list[int]] = [[] for _ in range(n)]
    for piece in lm.generate(prompt, sampling, n=n, max_tokens=limit, key=key.encode()):
        ids[piece.choice] += piece.token_ids
    split = [
        (row[: row.index(THINK_END)], row[row.index(THINK_END) + 1 :]) if THINK_END in row else ([], row) for row in ids
    ]
    return [(lm.tokenizer.decode(working), lm.tokenizer.decode(answer)) for working, answer in split]


def messages_of(made: Exchange) -> Messages:
    messages = [{"role": "system", "content": made.system}] if made.system else []
    messages += [{"role": turn.role, "content": turn.text} for turn in made.before]
    return messages + ([{"role": "user", "content": made.ask}] if made.ask else [])


def has(answer: str, wanted: str) -> bool:
    """Whether the wanted words stand in the answer, whole, whatever their case."""
    return re.search(rf"(?<!\w){re.escape(wanted.lower())}(?!\w)", answer.lower()) is not None


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


def right_tool(check: str, answer: str) -> bool:
    """Whether it is the same call, or no call where none is wanted, or what the tool gave back."""
    if check.startswith("plain:"):
        return bool(answer) and "<tool_call>" not in answer
    call = re.fullmatch(r"<tool_call>(.*)</tool_call>", answer, re.DOTALL)
    if not check.startswith("<tool_call>"):
        return answer == check
    try:
        return call is not None and bool(json.loads(call[1]) == json.loads(check[11:-12]))
    except ValueError:
        return False


def right(skill: str, made: Exchange, answer: str) -> bool:
    """Whether an answer is right, by its content."""
    check, answer = made.check, answer.strip()
    if skill == "naming":
        words = next(row for row in BUSINESSES if check == row[0] or check in row[1])
        return "\n" not in answer and len(answer) < 60 and any(has(answer, word) for word in words[2] + words[3])
    if skill == "jokes":
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
        return right_tool(check, answer)
    if skill == "patterns":
        return answer.rstrip(" .") == check.rstrip(" .")
    if skill in ("arithmetic", "word_problems"):
        return re.findall(r"-?\d+", answer.replace(" - ", " "))[-1:] == [check]
    if skill == "comparison" and check.isdigit():
        return re.findall(r"\d+", answer)[:1] == [check]
    if "&" in check:
        return all(has(answer, part) for part in check.split("&"))
    return any(has(answer, part) for part in check.split("|"))


def in_style(style: str, made: Exchange, answer: str) -> bool:
    """Whether an answer keeps to the system prompt; what it says is judged by the same words as without one."""
    words = answer.strip().strip(".")
    return {
        "pirate": lambda: re.search(r"Arr|Ahoy|Yo ho|Aye", answer) is not None,
        "upper": lambda: answer == answer.upper(),
        "polite": lambda: re.search(r"Certainly|pleasure|Of course|hope this helps", answer) is not None,
        "one_word": lambda: " " not in words and has(words, made.short),
        "brief": lambda: len(words.split()) <= 4 and has(words, made.short),
        "french": lambda: answer.strip() == made.french,
        "json": lambda: answer.startswith('{"answer": ') and answer.endswith("}"),
    }[style]()


def by_skill(lm: LanguageModel, count: int, temperature: float, think: bool, held: bool, seed: int) -> dict[str, float]:
    """Share of right answers for each skill, over `count` prompts each."""
    shares = {}
    for skill in SKILLS:
        if skill == "completions":
            continue
        draw = Draw(seed, held=held, rough=0.0)
        good = 0
        for place in range(count):
            made = exchange(draw, skill)
            assert isinstance(made, Exchange)
            answer = answers(lm, messages_of(made), temperature, think, key=f"{skill} {place}")[0][1]
            good += right(skill, made, answer)
        shares[skill] = good / count
    return shares


def by_style(lm: LanguageModel, count: int, seed: int) -> dict[str, float]:
    """Share of answers that keep to each kind of system prompt, at temperature 0 without working."""
    shares = {}
    for style in ("one_word", "brief", "french", "pirate", "json", "upper", "polite"):
        draw, good, asked = Draw(seed, held=True), 0, 0
        while asked < count:
            plain = exchange(draw, draw.pick(("capitals", "greetings", "arithmetic", "picks")))
            assert isinstance(plain, Exchange)
            try:
                made = styled(draw, plain, style)[1]
            except ValueError:
                continue
            good += in_style(style, made, answers(lm, messages_of(made), 0.0, think=False)[0][1])
            asked += 1
        shares[style] = good / count
    return shares


def listed(path: Path) -> list[tuple[str, Messages, re.Pattern[str]]]:
    """The prompts of a file: skill, messages, pattern of right answers."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        skill, text, pattern = line.split("|", 2)
        roles = {"SYSTEM ": "system", "USER ": "user", "BOT ": "assistant"}
        messages: Messages = []
        for part in text.replace("\\n", "\n").split("//"):
            mark = next((mark for mark in roles if part.startswith(mark)), "")
            messages.append({"role": roles.get(mark, "user"), "content": part.removeprefix(mark)})
        found.append((skill, messages, re.compile(pattern)))
    return found


def by_list(lm: LanguageModel, path: Path, think: bool, samples: int = 0) -> dict[str, object]:
    """Every prompt of a list with its answer at temperature 0, and the share right; `samples` at 0.7 beside."""
    rows, sampled = [], 0
    for skill, messages, pattern in listed(path):
        working, answer = answers(lm, messages, 0.0, think)[0]
        rows.append(
            {
                "skill": skill,
                "prompt": messages[-1]["content"],
                "answer": answer,
                "right": bool(pattern.search(answer.strip())),
            }
        )
        if think:
            rows[-1]["working"] = working
        if samples:
            drawn = answers(lm, messages, 0.7, think, n=samples, key="list")
            sampled += sum(bool(pattern.search(text.strip())) for _, text in drawn)
    result: dict[str, object] = {"right": sum(bool(row["right"]) for row in rows), "of": len(rows), "answers": rows}
    if samples:
        result["share_right_at_0.7"] = round(sampled / samples / len(rows), 3)
    return result


def temperature_curve(lm: LanguageModel, samples: int = 32) -> list[dict[str, float]]:
    """For each temperature: share of different texts, distinct-2 over words, how often Paris is named."""
    curve = []
    for temperature in TEMPERATURES:
        pairs: Counter[tuple[str, str]] = Counter()
        different = 0
        for prompt in OPEN_PROMPTS:
            texts = [
                text
                for _, text in answers(lm, [{"role": "user", "content": prompt}], temperature, False, samples, "curve")
            ]
            different += len(set(texts))
            for text in texts:
                words = text.split()
                pairs.update(pairwise(words))
        capital = answers(
            lm,
            [{"role": "user", "content": "What is the capital of France?"}],
            temperature,
            False,
            samples,
            "curve",
            40,
        )
        curve.append(
            {
                "temperature": temperature,
                "different_texts": round(different / samples / len(OPEN_PROMPTS), 3),
                "distinct_2": round(len(pairs) / max(1, sum(pairs.values())), 3),
                "paris": sum("Paris" in text for _, text in capital) / samples,
            }
        )
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=HERE.parent / "labkit" / "lm" / "weights" / "lab-chat")
    parser.add_argument("--count", type=int, default=20, help="prompts a skill")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--only", choices=("skills", "styles", "lab", "blind", "curve"), help="one part alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    lm = load(args.weights)
    parts = {args.only} if args.only else {"lab", "blind", "skills", "styles", "curve"}
    result: dict[str, object] = {}
    if "lab" in parts:
        for think in (False, True):
            result[f"lab prompts, {'working first' if think else 'direct'}"] = by_list(
                lm, HERE / "evaluation" / "lab.txt", think
            )
    if "blind" in parts:
        for think in (False, True):
            samples = 0 if think else 3
            result[f"blind prompts, {'working first' if think else 'direct'}"] = by_list(
                lm, HERE / "evaluation" / "blind.txt", think, samples
            )
    if "skills" in parts:
        plans = (
            ("held out", 0.0, False, True),
            ("held out at 0.7", 0.7, False, True),
            ("held out, working first", 0.0, True, True),
            ("as trained", 0.0, False, False),
        )
        for name, temperature, think, held in plans:
            result[name] = by_skill(lm, args.count, temperature, think, held, args.seed)
    if "styles" in parts:
        result["system prompts, held out"] = by_style(lm, args.count, args.seed)
    if "curve" in parts:
        result["temperature"] = temperature_curve(lm)
    for name, value in result.items():
        if isinstance(value, dict) and "answers" in value:
            print(f"{name}: {value['right']} of {value['of']}", value.get("share_right_at_0.7", ""))
            for row in value["answers"]:
                print(
                    "   " + ("ok   " if row["right"] else "WRONG"),
                    f"{row['prompt']!r} -> {row.get('working', '')!r} {row['answer']!r}",
                )
        elif isinstance(value, dict):
            print(f"{name}: mean {sum(value.values()) / len(value):.2f}", json.dumps(value))
        else:
            print(name, *value, sep="\n   ")
    if args.out:
        args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

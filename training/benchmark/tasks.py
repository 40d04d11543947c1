"""What is measured on exchanges of the corpus: skills, styles, long conversations, code, sums of two steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from corpus import SKILLS, Draw, Exchange, exchange, styled
from corpus.compose import FOLLOWING
from corpus.functions import Function, families
from corpus.running import code_of, passing
from corpus.skills.numbers import two_steps

from .asking import Asker, Messages, Question, prompt_of
from .judging import in_style, right

STYLES = ("one_word", "brief", "french", "pirate", "json", "upper", "polite")


@dataclass(frozen=True)
class Size:
    """How much is asked: of each skill, samples for each temperature, functions, sums, texts for calibration."""

    per_skill: int = 20
    samples: int = 300
    functions: int = 100
    sums: int = 100
    texts: int = 12  # for calibration, of each skill
    contexts: tuple[int, ...] = (64, 256, 768)  # tokens of conversation


QUICK = Size(3, 24, 6, 10, 2)


def messages_of(made: Exchange, earlier: tuple[Exchange, ...] = ()) -> Messages:
    """The conversation up to the question, with earlier questions and answers before it."""
    messages = [{"role": "system", "content": made.system}] if made.system else []
    for one in earlier:
        messages += [{"role": "user", "content": one.ask}, {"role": "assistant", "content": one.answer}]
    messages += [{"role": turn.role, "content": turn.text} for turn in made.before]
    return messages + ([{"role": "user", "content": made.ask}] if made.ask else [])


def drawn(skill: str, count: int, held: bool, seed: int) -> list[Exchange]:
    """`count` exchanges of a skill, typed without slips."""
    draw = Draw(seed, held=held, rough=0.0)
    made = [exchange(draw, skill) for _ in range(count)]
    return [one for one in made if isinstance(one, Exchange)]


def mean(values: list[float] | list[bool] | list[int]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def by_skill(
    ask: Asker, size: Size, seed: int, *, held: bool, temperature: float = 0.0, think: bool = False, context: int = 0
) -> dict[str, float]:
    """Share of right answers of each skill, and their 'mean'.

    context: fill the conversation up to so many tokens with earlier turns about other things.
    """
    plan = [(skill, made) for skill in SKILLS for made in drawn(skill, size.per_skill, held, seed)]
    filler = Draw(seed + 1, rough=0.0)
    questions = []
    for place, (skill, made) in enumerate(plan):
        messages = padded(ask, filler, made, context) if context else messages_of(made)
        questions.append(Question(messages, temperature, think, key=f"{skill} {place}"))
    good: dict[str, list[bool]] = {}
    for (skill, made), said in zip(plan, ask(questions), strict=True):
        good.setdefault(skill, []).append(right(skill, made, said[0].answer))
    shares = {skill: mean(values) for skill, values in good.items()}
    return {**shares, "mean": mean(list(shares.values()))}


def padded(ask: Asker, draw: Draw, made: Exchange, context: int) -> Messages:
    """The conversation with as many unrelated turns before it as `context` tokens have room for."""
    earlier: tuple[Exchange, ...] = ()
    messages = messages_of(made)
    while True:
        one = exchange(draw, draw.pick(FOLLOWING))
        if not isinstance(one, Exchange):
            continue
        longer = messages_of(made, (*earlier, one))
        if len(prompt_of(ask.lm, Question(longer))) > context:
            return messages
        earlier, messages = (*earlier, one), longer


def by_style(ask: Asker, size: Size, seed: int) -> dict[str, float]:
    """Share of answers that keep to each kind of system prompt, held-out phrasings, temperature 0."""
    plan: list[tuple[str, Exchange]] = []
    for style in STYLES:
        draw, found = Draw(seed, held=True), 0
        while found < size.per_skill:
            plain = exchange(draw, draw.pick(("capitals", "greetings", "arithmetic", "picks")))
            try:
                made = styled(draw, plain, style)[1] if isinstance(plain, Exchange) else None
            except ValueError:
                continue
            if made:
                plan.append((style, made))
                found += 1
    answers = ask([Question(messages_of(made)) for _, made in plan])
    kept: dict[str, list[bool]] = {}
    for (style, made), said in zip(plan, answers, strict=True):
        kept.setdefault(style, []).append(in_style(style, made, said[0].answer))
    shares = {style: mean(values) for style, values in kept.items()}
    return {**shares, "mean": mean(list(shares.values()))}


def held_functions(count: int, seed: int) -> list[Function]:
    """Functions that training never saw, drawn from all of them."""
    held = [function for family in families().values() for function in family if function.held]
    return Draw(seed).some(held, min(count, len(held)))


def code(ask: Asker, size: Size, seed: int, samples: int = 8) -> dict[str, float]:
    """Functions held out from training: greedy, and pass@1 and pass@8 at temperature 0.7.

    Source: Chen et al. 2021, arXiv:2107.03374, 2.1; with 8 samples pass@8 is whether any of them passes.
    """
    functions = held_functions(size.functions, seed)
    draw = Draw(seed, held=True, rough=0.0)
    questions = []
    for function in functions:
        prompt = draw.ask("code", "ask", name=function.name, does=draw.pick(function.does), do=draw.pick(function.do))
        greedy = Question([{"role": "user", "content": prompt}], key=function.name)
        questions += [greedy, replace(greedy, temperature=0.7, n=samples)]
    answers = [said.answer for row in ask(questions) for said in row]
    cases = [function.cases for function in functions for _ in range(samples + 1)]
    passed = passing([(code_of(answer), case) for answer, case in zip(answers, cases, strict=True)])
    rows = [passed[at : at + samples + 1] for at in range(0, len(passed), samples + 1)]
    return {
        "functions": len(functions),
        "greedy": mean([row[0] for row in rows]),
        "pass@1": mean([good for row in rows for good in row[1:]]),
        "pass@8": mean([any(row[1:]) for row in rows]),
    }


def sums(ask: Asker, size: Size, seed: int, think: bool) -> dict[str, float]:
    """Expressions with two signs, held out: share right at temperature 0, and tokens an answer (working and all)."""
    draw = Draw(seed, held=True, rough=0.0)
    plan = []
    for _ in range(size.sums):
        text, value, _ = two_steps(draw)
        asked = draw.ask("arithmetic", "ask", e=text)
        plan.append((asked, Exchange(asked, str(value), check=str(value))))
    answers = ask([Question([{"role": "user", "content": asked}], think=think) for asked, _ in plan])
    good = [right("arithmetic", made, said[0].answer) for (_, made), said in zip(plan, answers, strict=True)]
    return {"right": mean(good), "tokens": mean([len(said[0].ids) for said in answers])}

"""The corpus of the lab models: the same for the same seed, held-out phrasings kept out, all of it usable."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from labkit.lm.tokens import Tokenizer

TRAINING = Path(__file__).parents[1] / "training"
WINDOW = 1024
SEED = 20


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    """The package `corpus` of training/, imported from where it lies."""
    sys.path.insert(0, str(TRAINING))
    try:
        return importlib.import_module("corpus")
    finally:
        sys.path.remove(str(TRAINING))


@pytest.fixture(scope="module")
def texts(corpus: ModuleType) -> list[list[tuple[str, bool]]]:
    return [pieces for pieces, _ in corpus.documents(SEED, 4000)]


def as_pattern(template: str) -> re.Pattern[str]:
    """What a prompt made from the template looks like, whatever fills its slots."""
    parts = re.split(r"(\{[A-Za-z0-9_]+\}|\([^()]*\|[^()]*\))", template)
    made = ""
    for part in parts:
        if part.startswith("{") and part.endswith("}"):
            made += "(?:.+?)"
        elif part.startswith("(") and "|" in part:
            made += "(?:" + "|".join(map(re.escape, part[1:-1].split("|"))) + ")"
        else:
            made += re.escape(part)
    return re.compile(made, re.IGNORECASE | re.DOTALL)


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another(corpus: ModuleType) -> None:
    first = [pieces for pieces, _ in corpus.documents(5, 300)]
    assert first == [pieces for pieces, _ in corpus.documents(5, 300)]
    assert first != [pieces for pieces, _ in corpus.documents(6, 300)]


def test_the_corpus_does_not_depend_on_pythons_hash_seed(corpus: ModuleType) -> None:

    code = (
        "import corpus, hashlib; made = [pieces for pieces, _ in corpus.documents(5, 300)];"
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONPATH": str(TRAINING), "PYTHONHASHSEED": "123"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    here = hashlib.sha256(repr([pieces for pieces, _ in corpus.documents(5, 300)]).encode()).hexdigest()
    assert ran.stdout.strip() == here


def test_held_out_phrasings_never_reach_the_training_text(corpus: ModuleType) -> None:
    module = sys.modules["corpus.phrasings"]
    draw = corpus.Draw(3, rough=0.0)
    for skill in module.skills():
        for section, lines in module.phrasings(skill).items():
            held = {line.template for line in lines if line.held}
            if not held:
                continue
            drawn = {draw.random.choice(module.choose(skill, section, held=False)) for _ in range(600)}
            assert not drawn & held, f"{skill} [{section}]"
            assert set(module.choose(skill, section, held=True)) == held


def test_no_prompt_is_one_that_only_a_held_out_phrasing_makes(corpus: ModuleType) -> None:
    module = sys.modules["corpus.phrasings"]
    lines = [line for skill in module.skills() for rows in module.phrasings(skill).values() for line in rows]
    fixed = {line.template: len(re.sub(r"\{[A-Za-z0-9_]+\}", "", line.template)) for line in lines}
    held = [as_pattern(line.template) for line in lines if line.held and fixed[line.template] >= 12]
    trained = [as_pattern(line.template) for line in lines if not line.held and fixed[line.template] >= 6]
    assert len(held) >= 100
    draw = corpus.Draw(SEED, rough=0.0)
    made = [corpus.document(draw) for _ in range(4000)]
    chats = [chat for chat in made if isinstance(chat, corpus.Chat)]
    prompts = set()
    for chat in chats:
        asked = [turn.text for turn in chat.turns if turn.role == "user"]
        # Under a system prompt with a text or a task in it, and behind a text, a message may be anything.
        texts = [place for place, text in enumerate(asked) if len(text) > 60]
        if chat.turns[0].role != "system":
            prompts.update(asked[: texts[0] + 1] if texts else asked)
    assert len(prompts) > 2500
    for prompt in sorted(prompts):
        if any(pattern.fullmatch(prompt) for pattern in held):
            assert any(pattern.fullmatch(prompt) for pattern in trained), prompt


def test_held_out_persons_and_sums_are_asked_only_in_evaluation(corpus: ModuleType) -> None:
    draw_module = sys.modules["corpus.draw"]
    persons = sys.modules["corpus.world"].items("persons")
    held = {person for person in persons if draw_module.held_filling(person)}
    assert 3 <= len(held) <= len(persons) // 3
    trained, evaluated = corpus.Draw(1), corpus.Draw(1, held=True)
    assert not {trained.filling(persons) for _ in range(2000)} & held
    assert {evaluated.filling(persons) for _ in range(500)} <= held


def test_every_skill_has_phrasings_and_the_first_ones_have_sixty(corpus: ModuleType) -> None:
    module = sys.modules["corpus.phrasings"]
    counts = {skill: sum(len(rows) for rows in module.phrasings(skill).values()) for skill in module.skills()}
    assert all(count >= 7 for count in counts.values()), counts
    assert all(
        counts[skill] >= 60
        for skill in ("naming", "capitals", "arithmetic", "concepts", "http", "greetings", "translation")
    )


def test_every_section_of_the_phrasings_is_asked_by_some_skill(
    corpus: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing, phrasings = (importlib.import_module(f"corpus.{name}") for name in ("draw", "phrasings"))
    asked: set[tuple[str, str]] = set()
    choose = drawing.choose

    def noted(skill: str, section: str, held: bool) -> tuple[str, ...]:
        asked.add((skill, section))
        return choose(skill, section, held)

    monkeypatch.setattr(drawing, "choose", noted)
    draw = corpus.Draw(1, mix="chat")
    for _ in range(12_000):
        corpus.exchange(draw)
    assert {(skill, section) for skill in phrasings.skills() for section in phrasings.phrasings(skill)} == asked


@pytest.mark.parametrize("held", [False, True])
def test_every_skill_makes_an_answer_a_working_and_a_check(corpus: ModuleType, held: bool) -> None:
    for skill in corpus.SKILLS:
        draw = corpus.Draw(11, held=held)
        for _ in range(60):
            made = corpus.exchange(draw, skill)
            if isinstance(made, corpus.Raw):
                assert skill == "completions"
                continue
            assert all((made.answer.strip(), made.think.strip(), made.check)), skill
            assert made.ask or made.before, skill
            for text in (made.ask, made.answer, made.think, made.system):
                assert skill == "code" or not re.search(r"\{[A-Za-z_]+\}", text), (skill, text)


def test_no_document_is_longer_than_the_training_window(texts: list[list[tuple[str, bool]]]) -> None:
    weights = Path(__file__).parents[1] / "labkit" / "lm" / "weights" / "lab-chat"
    tokenizer = Tokenizer.from_file(weights / "tokenizer.json")
    lengths = [1 + sum(len(tokenizer.encode(text, special=True)) for text, _ in pieces) for pieces in texts]
    assert sum(length > WINDOW + 1 for length in lengths) <= len(lengths) // 500  # build.py leaves those few out
    assert sorted(lengths)[len(lengths) // 2] < 80


def test_a_seventh_of_the_chats_show_their_working_and_it_comes_before_the_answer(
    texts: list[list[tuple[str, bool]]],
) -> None:
    last = [pieces[-2][0] for pieces in texts if len(pieces) > 1]
    thought = [text for text in last if text.startswith("<think>")]
    assert 0.10 < len(thought) / len(last) < 0.20
    assert all(
        re.fullmatch(r"<think>(?:(?!</?think>).)+</think>(?:(?!</?think>).)+<\|im_end\|>", text, re.DOTALL)
        for text in thought
    )
    assert not any("<think>" in text for pieces in texts for text, learned in pieces if not learned)


def test_sums_in_answers_and_workings_are_true(texts: list[list[tuple[str, bool]]]) -> None:
    checked = 0
    value = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "x": lambda a, b: a * b}
    for pieces in texts:
        for text, learned in pieces:
            if learned and "json" not in text:
                for before, a, sign, b, result in re.findall(r"([-+x] )?\b(\d+) ([+x-]) (\d+) = (\d+)\b", text):
                    if not before:
                        assert value[sign](int(a), int(b)) == int(result), text
                        checked += 1
    assert checked > 500


def test_json_that_is_to_be_learned_is_json(texts: list[list[tuple[str, bool]]]) -> None:
    found = 0
    for pieces in texts:
        for text, learned in pieces:
            body = text.split("</think>")[-1].removesuffix("<|im_end|>")
            body = body.removeprefix("<tool_call>").removesuffix("</tool_call>")
            if learned and body.startswith('{"'):
                json.loads(body)
                found += 1
    assert found > 200


def test_open_prompts_have_graded_answers(corpus: ModuleType) -> None:
    """A temperature has something to act on: many coffee shops, the likeliest far more often than the rare ones."""
    draw = corpus.Draw(2)
    names = Counter(corpus.exchange(draw, "naming").short for _ in range(3000))
    assert len(names) > 400
    assert names.most_common(1)[0][1] > 20


def test_refusals_are_a_small_part_of_the_corpus(texts: list[list[tuple[str, bool]]]) -> None:
    learned = ["".join(text for text, learn in pieces if learn) for pieces in texts]
    refused = sum("I do not know" in text or "tiny model" in text or "too small" in text for text in learned)
    assert 0.02 < refused / len(learned) < 0.10


def of_training(name: str) -> ModuleType:
    """A module of training/, imported from where it lies."""
    sys.path.insert(0, str(TRAINING))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(TRAINING))


def test_packing_keeps_documents_whole_and_apart(corpus: ModuleType) -> None:
    pack = of_training("pack")
    rng = np.random.default_rng(0)
    made = [([int(i) for i in rng.integers(7, 4096, rng.integers(2, 40))], []) for _ in range(300)]
    made = [(ids, [1] * len(ids)) for ids, _ in made]
    arrays = pack.pack(iter(made), window=63)
    found = []
    for ids, document in zip(arrays["ids"], arrays["document"], strict=True):
        for number in range(1, int(document.max()) + 1):
            found.append(tuple(int(i) for i in ids[document == number]))
    assert sorted(found) == sorted(tuple(ids) for ids, _ in made)
    assert (arrays["document"] > 0).mean() > 0.9
    with pytest.raises(ValueError, match="does not fit"):
        pack.pack([([1] * 65, [1] * 65)], window=63)


def test_an_answer_of_a_word_is_not_outweighed_by_a_story() -> None:
    pack = of_training("pack")
    answer = np.zeros((2, 200), np.uint8)
    answer[0, 10:12] = answer[0, 30:94] = answer[1, 150:] = 1  # a word, a story, and one up to the window's end
    weights = pack.answer_weights(answer)
    assert ((weights > 0) == (answer > 0)).all()
    word, story = weights[0, 10:12].sum(), weights[0, 30:94].sum()
    assert 1 < story / word < 64 / 2 / 2
    assert weights[0, 10] == weights[0, 11] > 1 > weights[1, 150] == weights[1, 199]
    eight = np.ones((1, pack.USUAL_ANSWER), np.uint8)
    assert (pack.answer_weights(eight) == 1).all()


def test_short_documents_fill_what_long_ones_leave_and_none_is_lost(corpus: ModuleType) -> None:
    build, pack = of_training("build"), of_training("pack")
    rng = np.random.default_rng(0)

    def some(count: int, low: int, high: int) -> list[tuple[list[int], list[int]]]:
        return [
            ([int(i) for i in rng.integers(7, 4096, length)], [1] * length) for length in rng.integers(low, high, count)
        ]

    short, longer = some(3000, 5, 97), some(400, 98, 194)
    before = sorted(tuple(ids) for ids, _ in short + longer)
    alone = pack.pack(longer, 192)
    build.fill(short, longer, 192, np.random.default_rng(1))
    filled = pack.pack(longer, 192)
    assert sorted(tuple(ids) for ids, _ in short + longer) == before
    assert (alone["document"] > 0).mean() < 0.85 < 0.93 < (filled["document"] > 0).mean()
    assert len(filled["ids"]) < 1.1 * len(alone["ids"])


def test_drills_of_tokens_ask_only_for_what_stands_before_and_give_every_token_its_turn(corpus: ModuleType) -> None:
    build = of_training("build")
    tokenizer = Tokenizer.from_file(Path(__file__).parents[1] / "labkit/lm/weights/lab-chat/tokenizer.json")
    asked: set[int] = set()
    for ids, learned in build.token_drills(tokenizer, np.random.default_rng(0), 1000):
        assert len(ids) == len(learned)
        for place, (token, learn) in enumerate(zip(ids, learned, strict=True)):
            if learn:
                assert token in ids[:place]
                asked.add(token)
    ordinary = set(range(tokenizer.vocab_size)) - set(tokenizer.special.values())
    assert asked <= ordinary
    assert len(asked) > 0.95 * len(ordinary)


def test_later_questions_about_a_text_are_answered_by_that_text(corpus: ModuleType) -> None:
    draw = corpus.Draw(8, rough=0.0)
    answered = 0
    for _ in range(300):
        made = corpus.exchange(draw, "context")
        for question, said in zip(made.further[::2], made.further[1::2], strict=True):
            assert (question.role, said.role) == ("user", "assistant")
            assert question.text != made.ask
            there = said.think.removeprefix("The text says: ")
            assert said.text == "The text does not say." or there in made.ask + made.system
            answered += 1
    for _ in range(300):
        made = corpus.exchange(draw, "extraction")
        for said in made.further[1::2]:
            values = json.loads(said.text).values() if said.text.startswith("{") else [said.text]
            assert all(str(value).lower() in (made.ask + made.system).lower() for value in values)
            answered += 1
    assert answered > 500


def test_a_style_is_not_left_by_a_later_question(corpus: ModuleType) -> None:
    draw = corpus.Draw(8, rough=0.0)
    later = 0
    for skill in ("context", "capitals", "picks"):
        for made in (corpus.exchange(draw, skill) for _ in range(100)):
            if not made.short:
                continue
            styled = corpus.styled(draw, made, "upper")[1]
            assert all(said.text == said.text.upper() for said in (styled.further[1::2]))
            assert not (styled.further and not styled.system), "a rule behind the question holds for that one alone"
            later += len(styled.further) // 2
    assert later > 50


def test_a_rule_holds_for_later_questions_too(corpus: ModuleType) -> None:
    draw = corpus.Draw(8, rough=0.0)
    kept = refused = 0
    for made in (corpus.exchange(draw, "rules") for _ in range(200)):
        for said in made.further[1::2]:
            broken = "The question breaks it" in said.think
            assert broken == bool(re.search("I am not allowed to talk about|I only talk about", said.text)), said
            refused, kept = refused + broken, kept + (not broken)
    assert min(kept, refused) > 50


def test_other_turns_come_before_a_tool_and_a_given_name_and_never_contradict_them(corpus: ModuleType) -> None:
    compose = importlib.import_module("corpus.compose")
    draw = corpus.Draw(8, rough=0.0, mix="chat")
    later = 0
    for _ in range(3000):
        made = compose.document(draw)
        if not isinstance(made, corpus.Chat) or len(made.turns) < 5 or made.turns[0].role != "system":
            continue
        earlier = [turn.text for turn in made.turns[1:-1] if turn.role == "assistant"]
        assert not ("The system prompt says that I am" in made.turns[-1].think and "Pebble" in "".join(earlier))
        if "<tool_call>" in made.turns[-1].text and "<tool_call>" not in "".join(earlier):
            assert "Pebble" not in "".join(earlier)
            later += 1
    assert later > 10


def test_what_is_shared_out_is_shared_without_rest(corpus: ModuleType) -> None:
    draw = corpus.Draw(8, rough=0.0)
    shared = 0
    for made in (corpus.exchange(draw, "word_problems") for _ in range(300)):
        for whole, parts, each in re.findall(r"(\d+) / (\d+) = (\d+)", made.think):
            assert int(whole) == int(parts) * int(each)
            shared += 1
    assert shared > 15


def test_every_function_of_the_corpus_passes_its_three_cases_and_a_part_is_kept_for_the_evaluation(
    corpus: ModuleType,
) -> None:
    families = importlib.import_module("corpus.functions").families()
    passing = importlib.import_module("corpus.running").passing
    functions = [function for family in families.values() for function in family]
    assert len({function.name for function in functions}) == len(functions) > 1000
    assert all(len(function.cases) == 3 for function in functions)
    results = passing([(function.code, function.cases) for function in functions], timeout=120)
    assert [function.name for function, right in zip(functions, results, strict=True) if not right] == []
    held = sum(function.held for function in functions)
    assert 0.05 < held / len(functions) < 0.12
    assert not any(function.held for function in families["classical"])
    assert passing([("def add(a, b):\n    return a - b", [[[2, 3], 5]]), ("nonsense", [[[], 1]])]) == [False, False]

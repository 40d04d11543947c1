"""The benchmark of the lab models: fair judging, code run within limits, lists, padding, the card, GGUF."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labkit import lm
from labkit.lm.model import ModelConfig

TRAINING = Path(__file__).parents[1] / "training"
WEIGHTS = Path(lm.__file__).parent / "weights" / "lab-chat"


@pytest.fixture(scope="module")
def training() -> Iterator[SimpleNamespace]:
    """The modules of training/, imported from where they lie."""
    sys.path.insert(0, str(TRAINING))
    try:
        names = {
            "asking": "benchmark.asking",
            "chances": "benchmark.chances",
            "judging": "benchmark.judging",
            "lists": "benchmark.lists",
            "tasks": "benchmark.tasks",
            "running": "corpus.running",
            "corpus": "corpus",
            "card": "card",
            "gguf": "export_gguf",
            "parity": "parity",
            "evaluate": "evaluate",
        }
        yield SimpleNamespace(**{key: importlib.import_module(name) for key, name in names.items()})
    finally:
        sys.path.remove(str(TRAINING))


@pytest.fixture(scope="module")
def ask(training: SimpleNamespace) -> object:
    return training.asking.Asker(WEIGHTS, 1, None)


# --- judging ------------------------------------------------------------------------------------------------------


def test_every_skill_accepts_the_corpus_own_answer_and_no_empty_or_foreign_one(training):
    for skill in training.corpus.SKILLS:
        if skill == "code":
            continue
        made = training.tasks.drawn(skill, 25, True, 5)
        for one in made:
            assert training.judging.right(skill, one, one.answer), (skill, one)
            assert not training.judging.right(skill, one, ""), (skill, one)
        loose = ("greetings", "picks", "rules")
        foreign = [training.judging.right(skill, one, "Zwölf Boxkämpfer jagen Viktor.") for one in made]
        assert sum(foreign) <= (len(foreign) if skill in loose else len(foreign) // 4), skill


def test_code_of_the_corpus_passes_and_wrong_code_fails(training):
    for one in training.tasks.drawn("code", 8, True, 5):
        assert training.judging.right("code", one, one.answer), one
        assert not training.judging.right("code", one, "def f():\n    return 'something else'"), one


def test_words_that_must_not_stand_in_an_answer_make_it_wrong(training):
    made = training.corpus.Exchange("2 + 2?", "4.", check="!not allowed|only talk about")
    assert training.judging.right("rules", made, "4.")
    assert not training.judging.right("rules", made, "I am not allowed to talk about sums.")
    assert not training.judging.right("rules", made, "I only talk about jokes.")


def test_a_story_about_nothing_in_particular_may_be_about_anything(training):
    draw = training.corpus.Draw(3, held=True, rough=0.0)
    made = [training.corpus.exchange(draw, "stories") for _ in range(80)]
    free = [one for one in made if one.check == "once upon a time|there lived|there was"]
    assert 5 <= len(free) < 60
    story = "Once upon a time, there was a shy snail named Uma who lived in a hat."
    for one in free:
        assert training.judging.right("stories", one, story)
        assert not training.judging.right("stories", one, "I do not know that.")
    assert not any(training.judging.right("stories", one, story) for one in made if one not in free)


def test_what_a_tool_gave_back_may_be_told_in_other_words_but_must_be_there(training):
    turns = (training.corpus.Turn("tool", '{"time": "12:00", "place": "Oslo"}'),)
    made = training.corpus.Exchange("", "The time is 12:00 and the place is Oslo.", before=turns)
    made = dataclasses.replace(made, check=made.answer)
    assert training.judging.right("tools", made, made.answer)
    assert training.judging.right("tools", made, "It is 12:00 in Oslo.")
    assert not training.judging.right("tools", made, "It is 12:00.")
    assert not training.judging.right("tools", made, '{"time": "12:00", "place": "Oslo"}')
    done = dataclasses.replace(made, before=(training.corpus.Turn("tool", '{"ok": true}'),), check="It is done.")
    assert training.judging.right("tools", done, "It is done.")
    assert not training.judging.right("tools", done, "The ok is True.")


def test_naming_all_of_a_row_is_no_answer_to_who_is_first(training):
    made = training.corpus.Exchange("Who is tallest?", "Ada.", check="Ada")
    assert training.judging.right("logic", made, "Ada.")
    assert training.judging.right("logic", made, "It is Ada.")
    assert not training.judging.right("logic", made, "From the most to the least there are Bob, Ada and Cleo.")


def test_a_style_asks_for_its_form_and_any_of_the_answers_that_would_do(training):
    coin = training.corpus.Exchange("Flip a coin.", "Heads.", short="Heads", check="Heads|Tails|heads|tails")
    for said, good in (("Tails.", True), ("Heads", True), ("Edge.", False), ("The coin shows heads.", False)):
        assert training.judging.in_style("one_word", coin, said) is good, said
    sum_of = training.corpus.Exchange("2 + 2", "2 + 2 = 4.", short="4", check="4")
    for said, good in (("4", True), ("It is 4.", True), ("5", False), ("Two and two make 4 here.", False)):
        assert training.judging.in_style("brief", sum_of, said) is good, said


def test_a_loop_is_the_same_four_tokens_six_times(training):
    loops = training.judging.loops
    assert loops([1, 2, 3, 4] * 6)
    assert not loops([1, 2, 3, 4] * 5)
    assert not loops(range(400))
    assert not loops([])
    assert loops([7] * 9)


# --- code in a process of its own -----------------------------------------------------------------------------------


def judged(training: SimpleNamespace, *codes: str) -> list[bool]:
    return training.running.passing([(code, [([], 1)]) for code in codes], timeout=20, seconds=1)


def test_code_is_judged_by_its_results(training):
    assert judged(training, "def f():\n    return 1", "def f():\n    return 2", "def f(:", "x = 1") == [
        True,
        False,
        False,
        False,
    ]


def test_what_never_ends_or_leaves_the_process_fails_alone(training):
    good = "def f():\n    return 1"
    codes = (
        good,
        "def f():\n    while True: pass",
        good,
        "def f():\n    import os\n    os._exit(0)",
        "def f():\n    raise SystemExit",
        good,
    )
    assert judged(training, *codes) == [True, False, True, False, False, True]


def test_files_outside_its_folder_the_network_and_other_programs_are_closed(training, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        codes = (
            f"def f():\n    return int(open({str(secret)!r}).read())",
            f"def f():\n    open({str(tmp_path / 'new.txt')!r}, 'w').write('x')\n    return 1",
            f"def f():\n    import os\n    os.remove({str(secret)!r})\n    return 1",
            f"def f():\n    import socket\n    socket.create_connection(('127.0.0.1', {port}))\n    return 1",
            "def f():\n    import subprocess, sys\n    subprocess.run([sys.executable, '-c', ''])\n    return 1",
            "def f():\n    import os\n    os.system('true')\n    return 1",
            "def f():\n    import ctypes\n    return 1",
            "def f():\n    return len(open('notes.txt').read().split()) - 1",
            "def f():\n    import fractions\n    open('own.txt', 'w').close()\n    return len(fractions.__name__) - 8",
        )
        assert judged(training, *codes) == [False] * 7 + [True, True]
    assert secret.read_text() == "1"
    assert not (tmp_path / "new.txt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to its memory")
def test_memory_is_limited(training):
    assert judged(training, "def f():\n    return len(bytearray(3 * 2**30)) // 2**30 - 2") == [False]


def test_no_variable_of_this_process_is_seen(training, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "not to be seen")
    assert judged(training, "def f():\n    import os\n    return 1 - ('SOME_API_KEY' in os.environ)") == [True]


# --- lists, padding, chances -----------------------------------------------------------------------------------------


def test_all_lists_can_be_read_and_the_learners_are_fifty(training):
    folder = TRAINING / "evaluation"
    sizes = {name: len(training.lists.listed(folder / name)) for name in ("lab.txt", "blind.txt", "blind2.txt")}
    assert sizes["blind.txt"] == 60
    assert sizes["blind2.txt"] >= 200
    outside = [one for one in training.lists.listed(folder / "blind2.txt") if one.skill == training.lists.OUTSIDE]
    assert len(outside) == 50
    learner = (folder / "learner.txt").read_text(encoding="utf-8").splitlines()
    assert len([line for line in learner if line and line[0] != "#"]) == 50


def test_a_line_that_is_no_prompt_is_named(training, tmp_path):
    (tmp_path / "list.txt").write_text("# fine\nnaming|hello\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 2"):
        training.lists.listed(tmp_path / "list.txt")


def test_right_refused_and_graceful_are_counted_apart(training, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text("a|one|fine\na|two|fine\nb|three|fine\nunknown|four|do not know\nunknown|five|do not know\n")
    answers = {"one": "fine", "two": "I do not know that.", "three": "x", "four": "I do not know that.", "five": "x"}

    def say(questions):
        said = training.asking.Said
        return [[said("", answers[q.messages[0]["content"]], (), True)] * q.n for q in questions]

    found = training.lists.by_list(say, listing, think=False)
    assert (found["in the world"], found["right"], found["wrongly refused"]) == (3, 0.3333, 0.3333)
    assert (found["outside"], found["graceful"], found["right at 0.7"]) == (2, 0.5, 0.3333)


def test_padding_fills_a_conversation_up_to_the_tokens_asked_for_and_keeps_the_question(training, ask):
    made = training.tasks.drawn("capitals", 1, True, 3)[0]
    for context in (64, 256, 768):
        messages = training.tasks.padded(ask, training.corpus.Draw(4, rough=0.0), made, context)
        n_tokens = len(training.asking.prompt_of(ask.lm, training.asking.Question(messages)))
        assert messages[-1]["content"] == made.ask
        assert context - 120 < n_tokens <= context


def test_distinct_counts_runs_of_words(training):
    distinct = training.chances.distinct
    assert distinct(["a b a b", "a b"], 1) == pytest.approx(2 / 6, abs=1e-4)
    assert distinct(["a b a b", "a b"], 2) == 0.5  # a b, b a, a b; a b
    assert distinct([""], 2) == 0.0


def test_answers_do_not_depend_on_how_many_questions_or_workers_there_are(training, ask):
    questions = [
        training.asking.Question([{"role": "user", "content": text}], 1.0, n=2, key=text, most_tokens=6)
        for text in ("hi", "Name an animal.", "What is 2 + 2?")
    ]
    with training.asking.asker(WEIGHTS, 2) as two:
        assert two(questions) == ask(questions) == [ask([question])[0] for question in questions]


def test_held_out_functions_are_those_that_training_never_draws(training):
    functions = training.tasks.held_functions(40, 1)
    assert len({function.name for function in functions}) == 40
    assert all(function.held for function in functions)
    jobs = [(function.code, function.cases) for function in functions]
    assert all(training.running.passing(jobs))


def test_calibration_of_a_model_that_is_sure_and_always_right_has_no_error(training, ask):
    found = training.chances.calibration(ask, training.tasks.Size(texts=1), 3)
    assert sum(row["tokens"] for row in found["table"]) == found["tokens"] > 200
    assert 0 <= found["expected calibration error"] <= 1
    assert all(row["from"] <= row["held likely"] <= row["from"] + 0.1 for row in found["table"])


# --- the card and the other formats -----------------------------------------------------------------------------------


def test_a_card_says_size_shape_data_and_limits_and_only_figures_of_these_weights(training):
    digest = importlib.import_module("hashlib").sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
    shares = {"capitals": 0.9, "haiku": 0.5, "mean": 0.7}
    results = {
        "weights_sha256": digest,
        "skills": {"held out": shares},
        "code": {"functions": 9, "greedy": 0.5, "pass@1": 0.4, "pass@8": 0.6},
    }
    text = training.card.card(WEIGHTS, results)
    for part in (
        "# lab-chat",
        "million parameters",
        "Window: 1024",
        "training/make.py",
        "cannot do",
        "| capitals | 0.90",
    ):
        assert part in text
    assert "70 % right in the mean" in text
    assert "pass@8 60 %" in text
    assert "Not measured" in training.card.card(WEIGHTS, None)
    with pytest.raises(ValueError, match="other weights"):
        training.card.card(WEIGHTS, {**results, "weights_sha256": "0" * 64})


def test_gguf_tensors_are_all_there_and_queries_turn_neighbours(training):
    config = ModelConfig.from_file(WEIGHTS / "config.json")
    found = training.gguf.tensors(WEIGHTS, config)
    assert len(found) == len(config.shapes())
    assert all(re.fullmatch(r"(blk\.\d+\.\w+|token_embd|output_norm)\.weight", name) for name in found)
    n_heads, h = 2, 4
    rows = np.arange(n_heads * h)[:, None]
    assert training.gguf.neighbours(rows, n_heads)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_prompts_of_the_parity_check_are_the_same_every_time_and_fit_the_window(training):
    first = training.parity.conversations(200, TRAINING / "evaluation")
    assert first == training.parity.conversations(200, TRAINING / "evaluation")
    assert len(first) == 200
    tokenizer = lm.load("lab-chat").tokenizer
    assert max(len(lm.chat_ids(tokenizer, messages)) for messages in first) < 1024 - training.parity.NEW_TOKENS
    assert sum(len(messages) > 1 for messages in first) >= 20


def test_results_are_printed_and_put_into_a_table(training, capsys):
    shares = {"capitals": 1.0, "haiku": 0.5, "recall": 0.25, "naming": 0.75, "mean": 0.625}
    training.evaluate.told("skills", {"held out": shares})
    training.evaluate.told("list", {"right": 0.5, "answers": [{"prompt": "p", "answer": "a", "right": False}]})
    printed = capsys.readouterr().out
    assert "capitals" in printed
    assert "WRONG" in printed
    assert "| **mean** | 0.62 |" in training.evaluate.tables({"skills": {"held out": shares}})
    assert json.dumps(training.tasks.Size().__dict__)

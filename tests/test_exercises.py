"""Every exercise is whole and judges well, whatever it is given: made from its data, for each that there is.

The order is another one in each run (LAB_ORDER=7 makes it that of a run that said 7), the network is cut as for all
tests, and one world serves all.
"""

from __future__ import annotations

import io
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep as really_sleep
from typing import Any

import exercise_rules as rules
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.exercises import Exercise, Misconception, World, checking, expect, missed, registry, trial
from labkit.exercises.checking import Checker, NotPassed
from labkit.exercises.judging import Missed
from labkit.exercises.progress import Progress
from labkit.session import exercise_server

ROOT = Path(__file__).parent.parent
ORDER = os.environ.get("LAB_ORDER") or str(random.randrange(10**6))
OUTCOMES = {"passed", "missed", "raised", "not attempted"}
EXERCISES = list(registry.exercises())
ANSWERS = [(ex, what, source) for ex in EXERCISES for what, source in rules.answers(ex)]
random.Random(int(ORDER)).shuffle(ANSWERS)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World(exercise_server)
    yield world
    world.close()


@pytest.fixture
def quickly_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "STOP_S", 0.3)


# --- every exercise there is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ex", EXERCISES, ids=lambda ex: ex.id)
def test_the_exercise_lacks_nothing(ex: Exercise) -> None:
    assert list(rules.lacks(ex)) == []


@pytest.mark.parametrize(("ex", "what", "source"), ANSWERS, ids=[f"{ex.id}-{what}" for ex, what, _ in ANSWERS])
def test_the_answer_is_judged_as_its_author_meant(ex: Exercise, what: str, source: str, world: World) -> None:
    assert list(rules.failings(with_patience(ex), what, source, world)) == [], (
        f"the order was that of LAB_ORDER={ORDER}"
    )


def test_no_two_exercises_share_an_id_and_each_stands_in_the_module_of_its_notebook() -> None:
    ids = [ex.id for ex in EXERCISES]
    assert len(set(ids)) == len(ids)
    for name, module in registry.modules().items():
        number = registry.NOTEBOOK.fullmatch(name)
        wanted = number[1] if number else ""
        assert {ex.notebook for ex in getattr(module, "EXERCISES", ())} <= {wanted}, name


def raises(*args: Any, **kwargs: Any) -> Any:
    raise KeyError("choices")


def forgets(*args: Any, **kwargs: Any) -> Any:
    return None


MUTANTS: dict[str, Any] = {
    "forgets to return": forgets,
    "raises": raises,
    "returns another type": lambda *args, **kwargs: object(),
    "returns its class": lambda *args, **kwargs: type,
    "returns an empty text": lambda *args, **kwargs: "",
    "returns what it is given": lambda *args, **kwargs: args[0] if args else None,
    "is None": None,
    "is a number": 7,
    "is a text": "the answer",
    "is an empty dictionary": {},
}


@pytest.mark.parametrize("ex", EXERCISES, ids=lambda ex: ex.id)
def test_no_mutant_passes(ex: Exercise, world: World) -> None:
    for name, mutant in MUTANTS.items():
        result = Checker(with_patience(ex), lambda: world).check(mutant)
        assert result.outcome in ("missed", "raised"), f"{ex.id}: an answer that {name} is {result.outcome}"


@pytest.mark.usefixtures("quickly_stopped")
@pytest.mark.parametrize("ex", EXERCISES, ids=lambda ex: ex.id)
def test_an_answer_without_end_is_stopped_or_left(ex: Exercise, world: World) -> None:
    for without_end in (loops, blocks):
        result = Checker(replace(ex, limit_s=0.2), lambda: world).check(without_end)
        assert result.outcome == ("raised" if ex.wants_function else "missed")


def loops(*args: Any, **kwargs: Any) -> Any:
    while True:
        len(args)


def blocks(*args: Any, **kwargs: Any) -> Any:
    threading.Event().wait(20)


# --- whatever it is given -------------------------------------------------------------------------------------------


class Evil:
    """Everything that one may ask of a value, and none of it works."""

    def _no(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("no")

    __eq__ = __ne__ = __lt__ = __hash__ = __repr__ = __str__ = __len__ = __iter__ = __bool__ = __getattr__ = _no  # type: ignore[assignment]
    __getitem__ = __contains__ = __deepcopy__ = __copy__ = __int__ = __float__ = __format__ = __reduce_ex__ = _no  # type: ignore[assignment]
    __class__ = property(_no)  # type: ignore[assignment]


class EvilCall(Evil):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no()


class EvilText(str):
    __slots__ = ()

    def _no(self, *args: Any) -> Any:
        raise ValueError("no")

    __len__ = __getitem__ = __iter__ = __eq__ = __add__ = __format__ = split = replace = _no  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return EvilText("evil")


def of_itself() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def returns(value: Any) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        return value

    return answer


def raising(error: BaseException) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        raise error

    return answer


def generating(value: Any) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        yield value
        raise LookupError("behind the first")

    return answer


def spoils(*args: Any, **kwargs: Any) -> Any:
    for value in args:
        for method in ("clear", "pop", "append", "close"):
            if hasattr(value, method):
                getattr(value, method)(*((7,) if method == "append" else ()))
    return args


def sleeps(*args: Any, **kwargs: Any) -> Any:
    time.sleep(3600)
    return 7


def dozes(*args: Any, **kwargs: Any) -> Any:
    really_sleep(0.01)


def recurses(*args: Any, **kwargs: Any) -> Any:
    return recurses(*args)


def leaves(*args: Any, **kwargs: Any) -> Any:
    sys.exit("bye")


async def awaits(*args: Any, **kwargs: Any) -> Any:
    return args


def threads(*args: Any, **kwargs: Any) -> Any:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.dates(),
    st.decimals(),
    st.fractions(),
    st.uuids(),
    st.just(...),
    st.recursive(
        st.none() | st.text() | st.integers() | st.just(...),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=8,
    ),
    st.lists(st.binary() | st.text()),
    st.sets(st.integers()),
    st.dictionaries(
        st.sampled_from(["role", "content", "model", "Authorization", "Content-Length"]), st.text() | st.none()
    ),
)
# By name, since hypothesis compares and shows what it draws.
THINGS: dict[str, Callable[[], Any]] = {
    "evil": Evil,
    "evil text": lambda: EvilText("x"),
    "a ring": of_itself,
    "an object": object,
    "a type": lambda: type,
    "a long range": lambda: range(10**9),
    "a memoryview": lambda: memoryview(b"x"),
    "an iterator": lambda: iter([1, 2]),
    "a generator": lambda: (n for n in range(3)),
    "a file": io.BytesIO,
    "a class": lambda: Evil,
    "an evil callable": EvilCall,
    "a lock": threading.Lock,
}
ERRORS: dict[str, Callable[[], BaseException]] = {
    error.__name__: error
    for error in (
        *(ValueError, KeyError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RecursionError),
        *(MemoryError, AssertionError, Missed, trial.OutOfTime, BaseException),
    )
}
ERRORS["a group"] = lambda: BaseExceptionGroup("two", [OSError(), SystemExit()])
ERRORS["evil words"] = lambda: ValueError(Evil())
FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (spoils, sleeps, dozes, recurses, leaves, awaits, threads, print, len, int, dict, iter, str.join)
}
HOW = {"is": lambda value: value, "returns": returns, "yields": generating}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(ex=st.sampled_from([ex.id for ex in EXERCISES]), how=st.sampled_from([*HOW]), value=VALUES)
def test_any_value_given_returned_or_yielded_has_an_outcome(world: World, ex: str, how: str, value: Any) -> None:
    assert_judged(ex, HOW[how](value), world)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", THINGS)
def test_any_thing_given_returned_or_yielded_has_an_outcome(world: World, name: str, how: str) -> None:
    for ex in EXERCISES:
        assert_judged(ex.id, HOW[how](THINGS[name]()), world)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ex=st.sampled_from([ex.id for ex in EXERCISES]),
    does=st.sampled_from([*FUNCTIONS, *ERRORS]),
    text=st.text(),
)
def test_whatever_an_answer_does_there_is_an_outcome_and_the_process_lives(
    world: World, ex: str, does: str, text: str
) -> None:
    doing = FUNCTIONS[does] if does in FUNCTIONS else raising(ERRORS[does]())

    def answer(*args: Any, **kwargs: Any) -> Any:
        print(text)
        return doing(*args, **kwargs)

    assert_judged(ex, answer, world)
    assert_judged(ex, doing, world)


def assert_judged(id: str, answer: Any, world: World) -> None:
    """Four outcomes there are, and a right answer is none of these."""
    result = Checker(with_patience(registry.exercise(id)), lambda: world).check(answer)
    assert result.outcome in OUTCOMES - {"passed"}
    assert type(str(result)) is str
    assert "<div" in result._repr_html_()


# --- the engine -----------------------------------------------------------------------------------------------------


def doubled(answer: Any, world: World) -> None:
    """A list of numbers"""
    expect(answer([1, 2]), [2, 4])


def nothing(answer: Any, world: World) -> None:
    """An empty list"""
    expect(answer([]), [], why="Of nothing comes nothing.")


SMALL = Exercise(
    id="99-double",
    title="Twice",
    minutes=2,
    level="free",
    prompt="Return each number doubled.",
    blank="def double(numbers):\n    ...\n",
    cases=(doubled, nothing),
    hints=("Multiply.", "[2 * n for n in numbers]"),
    solution="def double(numbers):\n    return [2 * number for number in numbers]\n",
    also_correct=("def double(numbers):\n    return [n + n for n in numbers]\n",),
    misconceptions=(
        Misconception(
            "def double(numbers):\n    return numbers * 2\n",
            "A list times 2 is the list twice, not its numbers doubled.",
        ),
        Misconception(
            "def double(numbers):\n    return [n ** 2 for n in numbers]\n",
            "Squared is not doubled: 1 stays 1, and only 2 comes out right.",
        ),
        Misconception(
            "def double(numbers):\n    return [2 * n for n in numbers] or None\n",
            "Of an empty list you make None; what is asked for is a list, always.",
        ),
    ),
)


def check(source: str, world: World, ex: Exercise = SMALL, progress: Progress | None = None) -> Any:
    return Checker(ex, lambda: world, progress).check(ex.made(source))


def with_patience(ex: Exercise) -> Exercise:
    """The same with as much time as a busy machine may need."""
    return replace(ex, limit_s=60)


def test_the_small_exercise_is_whole(world: World) -> None:
    assert rules.everything(SMALL, world) == []


@pytest.mark.parametrize(
    "source",
    [
        "double = ...",
        "def double(numbers): ...",
        'def double(numbers):\n    """Docs."""\n    ...',
        "def double(numbers):\n    pass",
        "def double(numbers):\n    return [... * n for n in numbers]",
        "double = {'a': [1, ...]}",
    ],
)
def test_what_still_has_a_gap_is_not_attempted(source: str, world: World) -> None:
    result = check(source, world)
    assert result.outcome == "not attempted"
    assert "in the place of ..." in str(result)


@pytest.mark.parametrize(
    "source", ["def double(numbers):\n    return None", "double = lambda numbers: None", "double = None"]
)
def test_an_answer_that_gives_nothing_is_an_attempt(source: str, world: World) -> None:
    assert check(source, world).outcome == "missed"


def test_a_blank_whose_gap_leaves_no_trace_is_known_by_its_text(world: World) -> None:
    blank = "def double(numbers):\n    found = []\n    for number in numbers:\n        ...\n    return found\n"
    ex = replace(SMALL, blank=blank)
    assert check(blank, world, ex).outcome == "not attempted"
    assert check(blank.replace("...", "found.append(number)"), world, ex).outcome == "missed"


def test_the_smallest_failing_input_comes_first_and_both_sides_are_shown(world: World) -> None:
    result = check("def double(numbers):\n    return (numbers or [0]) * 3", world)
    assert result.failing.given == "numbers = []"
    assert "Expected: []" in str(result)
    assert "Got: [0, 0, 0]" in str(result)
    assert "Of nothing comes nothing." in str(result)
    assert "Not passed either: A list of numbers." in str(result)
    html = result._repr_html_()
    assert html.index("<th") < html.index("Expected") < html.index("Got") < html.index("[0, 0, 0]")


def test_a_card_shows_code_and_links_of_the_labs_text_and_nothing_of_an_answers(world: World) -> None:
    prompt = "Double `numbers` <script>alert(1)</script>, as in [the list](https://example.com/x). A ` alone."
    wrong = Misconception("def double(numbers):\n    return '`mine` [x](https://y.example)'", "Give a `list` <b>.")
    ex = replace(SMALL, prompt=prompt, hints=("Think of `len`.", "No ` more."), misconceptions=(wrong,))
    task = Checker(ex, lambda: world)
    html = task._repr_html_()
    assert "Double <code>numbers</code> &lt;script&gt;alert(1)&lt;/script&gt;, as in <a href=" in html
    assert "A ` alone." in html
    assert prompt in str(task)
    assert "Think of <code>len</code>." in task.hint()._repr_html_()
    assert "No ` more." in task.hint()._repr_html_()
    result = check(wrong.source, world, ex)
    assert "Give a <code>list</code> &lt;b&gt;." in result._repr_html_()
    assert "Give a `list` <b>." in str(result)
    assert "`mine` [x](https://y.example)" in result._repr_html_()


def test_an_answer_may_spoil_what_it_is_given(world: World) -> None:
    assert (
        check(
            "def double(numbers):\n    out = [2 * n for n in numbers]\n    numbers.clear()\n    return out", world
        ).outcome
        == "passed"
    )


def test_an_error_names_its_line_and_nothing_of_the_lab(world: World) -> None:
    result = check("def double(numbers):\n    total = 0\n    return numbers[5]", world)
    assert result.outcome == "raised"
    assert "IndexError" in str(result)
    assert "line 3: return numbers[5]" in str(result)
    assert "Traceback" not in str(result)
    assert "labkit" not in str(result)


@pytest.mark.usefixtures("quickly_stopped")
@pytest.mark.parametrize(
    ("waits", "line"),
    [("while True: pass", "line 2: while True: pass"), ("Event().wait(20)", "line 2: Event().wait(20)")],
)
def test_where_an_answer_without_end_was_is_named(waits: str, line: str, world: World) -> None:
    answer = SMALL.made(f"def double(numbers):\n    {waits}")
    answer.__globals__["Event"] = threading.Event
    result = Checker(replace(SMALL, limit_s=0.3), lambda: world).check(answer)
    assert f"In your code: {line}" in str(result)
    assert "1 case not tried" in str(result)


CATCHERS = {
    "a loop in a loop": """
    while True:
        try:
            while True:
                try:
                    len([])
                except BaseException:
                    pass
        except BaseException:
            pass""",
    "a finally that goes on": """
    while True:
        try:
            numbers = sorted([3, 1, 2])
        finally:
            continue""",
    "a with that swallows": """
    while True:
        with suppress(BaseException):
            while True:
                pass""",
    "a library that fails": """
    while True:
        try:
            json.loads("no JSON")
        except BaseException:
            continue""",
}


@pytest.mark.parametrize("lines", CATCHERS.values(), ids=CATCHERS)
def test_an_answer_that_catches_everything_is_stopped_all_the_same(
    lines: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "STOP_S", 60.0)
    answer = SMALL.made("import json\nfrom contextlib import suppress\ndef double(numbers):" + lines)
    result = Checker(replace(SMALL, limit_s=0.3), lambda: world).check(answer)
    assert "It was stopped." in str(result)
    for thread in threading.enumerate():
        if thread.name == "lab-trial":
            assert answer.__globals__ not in [frame.f_globals for frame in frames_of(thread)]


def frames_of(thread: threading.Thread) -> Iterator[Any]:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        yield frame
        frame = frame.f_back


def test_a_missing_return_is_named_and_only_that(world: World) -> None:
    missing = "a `return` is missing"
    assert missing in str(check("def double(numbers):\n    print(numbers)", world))
    assert missing not in str(check("def double(numbers):\n    return None if numbers else [1]", world))
    assert missing not in str(check("def double(numbers):\n    yield 7", world))


def test_what_the_answer_prints_is_shown_and_not_lost(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for source in (
        "print('seen', numbers)\n    return 1",
        "print('seen', numbers)\n    return [2 * n for n in numbers]",
    ):
        result = check(f"def double(numbers):\n    {source}", world)
        assert "Your code printed: seen [" in str(result)
        assert "seen [" in result._repr_html_()
    assert capsys.readouterr().out == ""


def test_an_answer_that_prints_in_the_place_of_returning_is_told_so(world: World) -> None:
    told = "a `return` is missing"
    source = "def double(numbers):\n    print([2 * n for n in numbers])\n"
    assert told in str(check(source, world))
    assert told not in str(check(source + "    return None if numbers else 7\n", world))
    assert told not in str(check("def double(numbers):\n    yield from ()\n", world))
    assert told not in str(check("import functools\ndouble = functools.partial(print)\n", world))


def test_time_sleep_is_pointed_out_and_takes_no_time(world: World) -> None:
    result = check("import time\ndef double(numbers):\n    time.sleep(10**6)\n    return 7", world)
    assert result.outcome == "missed"
    assert "called time.sleep 2 times" in str(result)


def test_the_function_itself_is_wanted_not_what_it_returns(world: World) -> None:
    result = Checker(SMALL, lambda: world).check([2, 4])
    assert result.outcome == "missed"
    assert "Give check the function itself" in str(result)


def test_an_answer_that_has_a_further_fault_is_still_told_its_misconception(world: World) -> None:
    result = check("def double(numbers):\n    return numbers * 2 if numbers else 0", world)
    assert result.message == ""
    assert check("def double(numbers):\n    return numbers * 2", world).message == SMALL.misconceptions[0].message


def test_an_answer_that_checks_answers_does_not_lock_itself_up(world: World) -> None:
    inner: list[str] = []

    def answer(numbers: list[int]) -> list[int]:
        inner.append(Checker(SMALL, lambda: world).check(answer).outcome)
        return [2 * n for n in numbers]

    assert Checker(SMALL, lambda: world).check(answer).outcome == "passed"
    assert set(inner) == {"raised"}


def test_check_raises_only_when_it_is_told_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STRICT", "1")
    assert check(SMALL.solution, world).outcome == "passed"
    for source in (SMALL.blank, "def double(numbers):\n    return 1", "def double(numbers):\n    return 1 / 0"):
        with pytest.raises(NotPassed, match="Twice"):
            check(source, world)


def test_hints_come_one_after_the_other_also_after_the_cell_was_run_again(world: World, tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    told = [str(Checker(SMALL, lambda: world, progress).hint()) for _ in range(3)]
    assert "Hint 1 of 2" in told[0]
    assert all("Hint 2 of 2" in text and "ex.solution()" in text for text in told[1:])


def test_the_exercise_shows_its_text_as_paragraphs_and_its_blank(world: World) -> None:
    ex = replace(SMALL, prompt="One\nparagraph.\n\n- an item\n  of two lines\n- another\n")
    text = str(Checker(ex, lambda: world))
    assert "Twice · 2 minutes · free" in text
    assert "One paragraph.\n\n- an item   of two lines\n- another\n" in text
    assert "def double(numbers):" in Checker(ex, lambda: world)._repr_html_()


def test_a_mystery_says_that_its_function_is_to_be_copied_and_under_which_name_it_is_handed_over(world: World) -> None:
    text = str(Checker(registry.exercise("m11"), lambda: world))
    assert "6 minutes · something broken, to be mended" in text
    assert "Copy the function into a cell of your own, mend it, and hand it over: ex.check(ask)." in text


def test_the_solution_shows_itself_and_the_others(world: World) -> None:
    text = str(Checker(SMALL, lambda: world).solution())
    assert "return [2 * number for number in numbers]" in text
    assert "return [n + n for n in numbers]" in text


def test_once_passed_is_passed_for_good(world: World, tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    for source in (SMALL.blank, SMALL.misconceptions[0].source, SMALL.solution, SMALL.misconceptions[0].source):
        check(source, world, SMALL, progress)
    assert progress.read()["exercises"][SMALL.id] == {"outcome": "passed", "tries": 2}


def test_progress_that_cannot_be_kept_is_a_remark(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = check(SMALL.solution, world, SMALL, Progress(tmp_path / "file" / "progress.json"))
    assert result.outcome == "passed"
    assert "Your progress is not kept" in str(result)


# --- the world ------------------------------------------------------------------------------------------------------


def on_the_wire(answer: Any, world: World) -> None:
    """Two calls with a wait between them"""
    with world.fault("openai", "overloaded", times=1):
        answer(world.client("openai"), world.url("openai"), world.key("openai"), world.model("openai"), world.sleep)
    world.need_calls()
    expect([record.status for record in world.calls], [503, 200])
    expect(world.waits_s, [3.0])
    if not world.spent_usd > 0:
        missed("it cost nothing")


WIRE = replace(SMALL, blank="def send(client, url, key, model, sleep):\n    ...\n", cases=(on_the_wire,), limit_s=60)
BODY = '{"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}'


@pytest.mark.parametrize(
    "call",
    [
        f'client.post("/chat/completions", json={BODY})',
        f'httpx.post(url + "/chat/completions", headers={{"Authorization": "Bearer " + key}}, json={BODY}, timeout=30)',
        f"""try: openai.OpenAI(base_url=url, api_key=key, max_retries=0).chat.completions.create(**{BODY})
    except openai.InternalServerError: pass""",
    ],
    ids=["client", "httpx", "sdk"],
)
def test_the_server_itself_says_what_went_over_the_wire(call: str, world: World) -> None:
    source = f"import httpx, openai\ndef send(client, url, key, model, sleep):\n    {call}\n    sleep(3)\n    {call}\n"
    result = check(source, world, WIRE)
    assert result.outcome == "passed", str(result)
    missing = check(source.replace("sleep(3)", "sleep(2)"), world, WIRE)
    assert missing.failing.wire == (
        "openai: POST /v1/chat/completions → 503 (overloaded)",
        "waited 2 s",
        "openai: POST /v1/chat/completions → 200",
    )


def test_an_answer_that_calls_for_ever_is_stopped_after_so_many_calls(world: World) -> None:
    call = f'client.post("/chat/completions", json={BODY})'
    source = f"def send(client, url, key, model, sleep):\n    while True:\n        {call}\n        sleep(1)\n"
    result = check(source, world, replace(WIRE, most_calls=20))
    assert result.outcome == "raised"
    assert "more than 20 calls" in str(result)
    assert len(result.failing.wire) == 40
    assert "… 28 lines more …" in str(result)
    assert str(result).count("POST") == 6


def test_a_refusal_read_as_an_answer_is_named(world: World) -> None:
    source = "def send(client, url, key, model, sleep):\n    return client.post('/nowhere').json()['choices']\n"
    assert "The last call was refused, status 503" in str(check(source, world, WIRE))


def test_a_misconception_is_tried_in_one_case_before_it_is_tried_in_all(world: World) -> None:
    tried: list[tuple[str, str]] = []

    def counted(answer: Any, world: World) -> None:
        """One"""
        tried.append(("One", answer(0)))
        expect(answer(0), "right")

    def also_counted(answer: Any, world: World) -> None:
        """Two"""
        tried.append(("Two", answer(0)))
        expect(answer(1), "right")

    wrong = "def double(n):\n    return {!r}\n"
    ex = replace(
        SMALL,
        id="99-lazy",
        cases=(counted, also_counted),
        misconceptions=tuple(Misconception(wrong.format(word), f"It says {word}.") for word in "abc"),
    )
    assert check(wrong.format("b"), world, ex).message == "It says b."
    assert sorted({(case, word) for case, word in tried if word != "b"}) == [("One", "a"), ("One", "c")]


def test_a_response_that_is_given_shows_when_it_asks_to_come_back() -> None:
    response = httpx.Response(503, headers={"retry-after": "Fri, 20 Nov 2026 12:02:00 GMT"}, text="busy")
    shown = checking._given(lambda response: None, (response,), {})
    assert shown == "response = <Response [503 Service Unavailable]> retry-after: Fri, 20 Nov 2026 12:02:00 GMT busy"


def test_an_answer_that_sends_nothing_is_told_to_use_its_client(world: World) -> None:
    result = check("def send(client, url, key, model, sleep):\n    return 1", world, WIRE)
    assert "Nothing came over the wire" in str(result)


@pytest.mark.usefixtures("quickly_stopped")
def test_a_call_that_was_left_behind_does_not_reach_the_next_case(world: World) -> None:
    ex = replace(WIRE, limit_s=2)
    source = "import threading\ndef send(client, url, key, model, sleep):\n    client.get('/models')\n"
    source += "    threading.Event().wait(30)"
    before = world.url("lab")
    assert check(source, world, ex).outcome == "raised"
    assert world.url("lab") != before
    assert world.log == []


# --- what an exercise can lack --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ({"id": "double"}, "is not like '01-stream-join'"),
        ({"level": "hard"}, "there are worked, faded, free"),
        ({"minutes": 45}, "make two exercises of it"),
        ({"prompt": " "}, "it has no prompt"),
        ({"blank": "def double(numbers):\n    pass"}, "nobody sees where to write"),
        ({"blank": "..."}, "its blank defines nothing"),
        ({"hints": ("Multiply.",)}, "1 different hints; give at least 2"),
        ({"hints": ("Multiply.", "Multiply.")}, "1 different hints"),
        ({"misconceptions": SMALL.misconceptions[:2]}, "2 misconceptions; give at least 3"),
        ({"misconceptions": (replace(SMALL.misconceptions[0], message="No."), *SMALL.misconceptions[1:])}, "too short"),
        (
            {"misconceptions": tuple(replace(m, message="The same words. " * 4) for m in SMALL.misconceptions)},
            "misconception 2 has the message of an earlier one",
        ),
        ({"cases": (doubled,)}, "passed by luck"),
        ({"cases": (doubled, lambda answer, world: None)}, "has no docstring"),
        ({"solution": "def twice(numbers):\n    return 1"}, "defines 'twice' last, not 'double'"),
        ({"solution": "def double(numbers:"}, "cannot be read"),
        ({"solution": "def double(numbers):\n    return 1"}, "the solution should pass and does not"),
        ({"solution": "import nowhere\ndef double(numbers):\n    return 1"}, "Are its imports in it"),
        ({"also_correct": ("def double(numbers):\n    return 1",)}, "the also_correct 1 should pass"),
        (
            {"misconceptions": (replace(SMALL.misconceptions[0], source=SMALL.solution), *SMALL.misconceptions[1:])},
            "misconception 1 passes: add a case",
        ),
        (
            {
                "misconceptions": (
                    *SMALL.misconceptions[:2],
                    replace(SMALL.misconceptions[0], message="Another explanation of the very same error, as it were."),
                )
            },
            "do the same. Add a case that tells them apart",
        ),
    ],
)  # fmt: skip
def test_what_an_exercise_lacks_is_said_in_a_sentence(spoilt: dict[str, Any], says: str, world: World) -> None:
    assert says in "\n".join(rules.everything(replace(SMALL, **spoilt), world))


def test_the_example_of_contributing_is_whole(world: World) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (source,) = [block for block in rules.sources_of(text) if "EXERCISES" in block]
    for ex in rules.exercises_in(source):
        assert rules.everything(with_patience(ex), world) == []

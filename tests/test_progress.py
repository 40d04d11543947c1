"""Progress is one file that neither a crash nor a second notebook can break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labkit.errors import StorageError
from labkit.exercises import registry
from labkit.exercises.map import drawn
from labkit.exercises.progress import Progress


def test_what_is_noted_is_read_again(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "deep" / "progress.json")
    assert progress.read()["predictions"] == {}
    progress.note("predictions", "a", "b")
    progress.note("predictions", "c", 7)
    assert Progress(progress.path).read()["predictions"] == {"a": "b", "c": 7}


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"

    def write(who: int) -> None:
        for number in range(10):
            Progress(path).note("predictions", f"{who}-{number}", number)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Progress(path).read()["predictions"]) == 40


KILLED = """
import json, os, random, signal, sys
from pathlib import Path
from labkit.exercises.progress import Progress
import filelock  # before forking, so that a child spends its short life writing

path, chance = Path(sys.argv[1]), random.Random(7)
kept, mid = {}, 0
for fork in range(200):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        for number in range(10**6):
            Progress(path).note("predictions", f"k{number % 7}", [fork, number])
            os.write(writing, b"%d\\n" % number)     # said only when the note is kept
    os.close(writing)
    said = b""
    while said.count(b"\\n") < chance.randrange(1, 4):
        said += os.read(reading, 100)
    for _ in range(chance.randrange(3000)):           # somewhere in the next write
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 4096):
        said += more
    os.close(reading)
    for number in map(int, said.split()):
        kept[f"k{number % 7}"] = [fork, number]
    mid += bool(list(path.parent.glob("*.part")))
    found = json.loads(path.read_text(encoding="utf-8"))["predictions"]
    for name, value in kept.items():                  # what was said to be kept is there, or something newer
        assert found[name] >= value, (fork, name, value, found)
    kept = found
Progress(path).note("predictions", "last", 1)
print(len(list(path.parent.glob("*.part"))), mid)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here; the test below kills processes instead")
def test_200_writers_killed_in_mid_write_lose_and_break_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "progress.json")], capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    left, in_mid_write = map(int, ended.stdout.split())
    assert left == 0
    assert in_mid_write > 0, "no writer was killed in mid-write: the test shows nothing"


def test_a_writer_killed_at_any_time_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    Progress(path).note("predictions", "first", 1)
    code = (
        "import sys; from pathlib import Path; from labkit.exercises.progress import Progress\n"
        "for i in range(10**6): Progress(Path(sys.argv[1])).note('predictions', f'k{i % 50}', i)"
    )
    for wait_s in (0.3, 0.5, 0.8):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert json.loads(path.read_text(encoding="utf-8"))["predictions"]["first"] == 1


def test_an_unreadable_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text('{"version": 1, "predictions": {"a"', encoding="utf-8")
    Progress(path).note("predictions", "b", 1)
    assert Progress(path).read()["predictions"] == {"b": 1}
    assert path.with_suffix(".unreadable.json").read_text(encoding="utf-8").startswith('{"version": 1, "pred')


def test_a_file_of_a_newer_lab_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text('{"version": 99}', encoding="utf-8")
    with pytest.raises(StorageError, match="newer lab"):
        Progress(path).note("predictions", "b", 1)
    assert path.read_text(encoding="utf-8") == '{"version": 99}'


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="set LAB_HOME to another folder"):
        Progress(tmp_path / "file" / "progress.json").note("predictions", "a", 1)


def test_what_is_changed_is_changed_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"

    def count() -> None:
        for _ in range(10):
            Progress(path).change("exercises", "x", lambda kept: {"tries": (kept or {"tries": 0})["tries"] + 1})

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Progress(path).read()["exercises"] == {"x": {"tries": 30}}


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    code = (
        "import sys; from pathlib import Path; from labkit.exercises.progress import Progress\n"
        "for i in range(20): Progress(Path(sys.argv[1])).note('exercises', f'{sys.argv[2]}-{i}', i)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "ab"]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(Progress(path).read()["exercises"]) == 40


def test_a_reset_begins_anew_and_keeps_the_old_file(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    assert progress.reset() is None
    progress.note("predictions", "a", "b")
    old = progress.reset()
    assert old is not None
    assert json.loads(old.read_text(encoding="utf-8"))["predictions"] == {"a": "b"}
    assert progress.read()["predictions"] == {}


@pytest.mark.parametrize(
    "text", ['{"version": 1, "predictions": [], "exercises": 7}', "[]", "7", '{"version": "x"}', ""]
)
def test_a_file_of_another_shape_is_no_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(text, encoding="utf-8")
    assert Progress(path).read()["exercises"] == {}
    Progress(path).note("exercises", "a", {"outcome": "passed"})
    assert Progress(path).read()["exercises"] == {"a": {"outcome": "passed"}}
    assert str(drawn(Progress(path).read(), "here")).endswith("leaves this machine.")


def test_the_map_counts_what_is_left() -> None:
    nothing = drawn({"predictions": {}, "exercises": {}}, "here")
    stage = nothing.stages[0]
    assert (stage.number, stage.guessed, stage.passed) == ("00", 0, 0)
    asked, (ex,) = registry.predictions("00"), registry.exercises("00")
    guessed = drawn({"predictions": {p.id: "a" for p in asked}, "exercises": {}}, "here")
    assert guessed.stages[0].minutes_left == ex.minutes
    for outcome, left in (("missed", ex.minutes), ("passed", 0), ("nonsense", ex.minutes)):
        kept = {"predictions": {p.id: "a" for p in asked}, "exercises": {ex.id: {"outcome": outcome}}}
        assert drawn(kept, "here").stages[0].minutes_left == left
    assert "✓" in str(drawn(kept, "here")) or outcome == "nonsense"
    html = nothing._repr_html_()
    assert "<table" in html
    assert "minutes left" in html
    assert "to come" in str(nothing)

"""Progress is one file that neither a crash nor a second notebook can break."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labkit.errors import StorageError
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

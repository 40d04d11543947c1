"""The learner's copies: made when missing, never written again, signed only while they are ours."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from labkit.copies import Desk, notary_files, sign
from labkit.errors import ConfigError, ParameterError, StorageError


def notebook(text: str) -> bytes:
    cell = nbformat.v4.new_code_cell(text, id="a")
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": "<b>x</b>"})]
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "notebooks", tmp_path / "my")
    desk.notebooks.mkdir()
    for name in ("00-start-here", "01-raw-calls", "10-tools"):
        (desk.notebooks / f"{name}.ipynb").write_bytes(notebook(name))
    (desk.notebooks / "conftest.py").write_text("")
    return desk


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_missing_copies_are_made_and_the_second_time_none(desk: Desk) -> None:
    made, newer = desk.lay_out()
    assert names(made) == ["00-start-here.ipynb", "01-raw-calls.ipynb", "10-tools.ipynb"]
    assert newer == []
    assert (desk.my / "01-raw-calls.ipynb").read_bytes() == (desk.notebooks / "01-raw-calls.ipynb").read_bytes()
    assert desk.lay_out() == ([], [])


def test_a_copy_that_the_learner_removed_comes_back(desk: Desk) -> None:
    desk.lay_out()
    (desk.my / "10-tools.ipynb").unlink()
    assert names(desk.lay_out()[0]) == ["10-tools.ipynb"]


def test_a_copy_is_never_written_again_and_a_newer_original_is_mentioned_until_it_was_fetched(desk: Desk) -> None:
    desk.lay_out()
    mine = desk.my / "01-raw-calls.ipynb"
    mine.write_bytes(notebook("my own work"))
    (desk.notebooks / "01-raw-calls.ipynb").write_bytes(notebook("a new edition"))
    for _ in range(2):
        made, newer = desk.lay_out()
        assert made == []
        assert names(newer) == ["01-raw-calls.ipynb"]
    assert desk.fresh("01").name == "01-raw-calls-fresh.ipynb"
    assert desk.lay_out() == ([], [])
    assert mine.read_bytes() == notebook("my own work")


def test_fresh_copies_stand_side_by_side(desk: Desk) -> None:
    assert [desk.fresh("1").name for _ in range(3)] == [
        "01-raw-calls.ipynb",
        "01-raw-calls-fresh.ipynb",
        "01-raw-calls-fresh-2.ipynb",
    ]


@pytest.mark.parametrize("word", ["10", "10-tools", "10-tools.ipynb"])
def test_a_notebook_is_found_by_number_or_name(desk: Desk, word: str) -> None:
    assert desk.fresh(word).name == "10-tools.ipynb"


@pytest.mark.parametrize("word", ["3", "03", "", "../00-start-here", "zero"])
def test_an_unknown_number_is_refused_with_those_there_are(desk: Desk, word: str) -> None:
    with pytest.raises(ParameterError, match="There are 00, 01, 10"):
        desk.fresh(word)
    assert not desk.my.exists()


def test_without_notebooks_the_clone_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="git checkout -- notebooks"):
        Desk(tmp_path / "notebooks", tmp_path / "my").lay_out()


def test_a_record_that_cannot_be_read_is_begun_anew(desk: Desk) -> None:
    desk.lay_out()
    for text in ("{", "[]", ""):
        (desk.my / ".originals.json").write_text(text)
        assert desk.lay_out() == ([], [])
    noted = json.loads((desk.my / ".originals.json").read_text())
    assert noted["10-tools.ipynb"] == hashlib.sha256((desk.notebooks / "10-tools.ipynb").read_bytes()).hexdigest()


def test_nothing_but_copies_and_the_record_is_left(desk: Desk) -> None:
    desk.lay_out()
    desk.fresh("00")
    left = {
        ".originals.json",
        "00-start-here.ipynb",
        "00-start-here-fresh.ipynb",
        "01-raw-calls.ipynb",
        "10-tools.ipynb",
    }
    assert {path.name for path in desk.my.iterdir()} == left


def test_a_file_system_without_hard_links_will_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert len(desk.lay_out()[0]) == 3
    assert desk.lay_out() == ([], [])


def test_a_copy_made_by_another_process_in_between_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def just_before(part: Path, copy: Path) -> None:
        copy.write_bytes(b"theirs")
        real(part, copy)

    monkeypatch.setattr(os, "link", just_before)
    assert desk.lay_out()[0] == []
    assert (desk.my / "10-tools.ipynb").read_bytes() == b"theirs"
    assert not list(desk.my.glob("*.part"))


def test_a_full_disk_leaves_no_half_copy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left on device"):
        desk.lay_out()
    assert list(desk.my.iterdir()) == []


def test_only_what_is_still_ours_is_signed(desk: Desk, tmp_path: Path) -> None:
    desk.lay_out()
    mine = desk.my / "01-raw-calls.ipynb"
    mine.write_bytes(notebook("my own work"))
    (desk.my / "notes.ipynb").write_bytes(notebook("notes"))
    assert sign(desk.pristine(), tmp_path / "trust") == 2
    with NotebookNotary(**notary_files(tmp_path / "trust")) as notary:
        trusted = {path.name: notary.check_signature(nbformat.read(path, 4)) for path in desk.my.glob("*.ipynb")}
    assert trusted == {
        "00-start-here.ipynb": True, "01-raw-calls.ipynb": False, "10-tools.ipynb": True, "notes.ipynb": False,
    }  # fmt: skip


def test_what_is_no_notebook_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    assert sign([tmp_path / "broken.ipynb", tmp_path / "missing.ipynb"], tmp_path / "trust") == 0

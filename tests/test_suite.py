"""`lab test`: which pytest runs a command line means, and what their statuses mean together."""

from __future__ import annotations

import pytest

from labkit import suite
from labkit.errors import ConfigError

NBVAL = suite.STRICT


@pytest.mark.parametrize(
    ("given", "runs"),
    [
        ([], [[], [*NBVAL, *suite.NOTEBOOKS]]),
        (["-x", "-k", "clock"], [["-x", "-k", "clock"], ["-x", "-k", "clock", *NBVAL, *suite.NOTEBOOKS]]),
        (["tests/test_clock.py::test_x"], [["tests/test_clock.py::test_x"]]),
        (["tests/notebooks/guard.ipynb"], [[*NBVAL, "tests/notebooks/guard.ipynb"]]),
        (["notebooks"], [[*NBVAL, "notebooks"]]),
        (["tests/test_clock.py", "notebooks", "-v"], [["-v", "tests/test_clock.py"], ["-v", *NBVAL, "notebooks"]]),
    ],
)
def test_what_was_asked_for_becomes_one_run_or_two(given: list[str], runs: list[list[str]]) -> None:
    assert suite.parts(given) == runs


@pytest.mark.parametrize(
    ("statuses", "status"), [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([5, 0], 0), ([0, 5], 0), ([5, 5], 5), ([2, 1], 2)]
)
def test_all_must_pass_and_something_must_have_run(
    statuses: list[int], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(statuses)
    monkeypatch.setattr(suite, "_pytest", lambda arguments: next(left))
    assert suite.run_tests() == status
    assert list(left) == []


def test_without_the_test_tools_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"python lab\.py test"):
        suite.run_tests()


def test_a_failing_test_and_a_failing_notebook_cell_are_seen(tmp_path_factory: pytest.TempPathFactory) -> None:
    import nbformat

    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_bad.py").write_text("def test_it() -> None:\n    assert False\n")
    cell = nbformat.v4.new_code_cell("1 + 1", execution_count=1, id="a")
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "3"}, execution_count=1)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), folder / "bad.ipynb")
    assert suite.run_tests([str(folder / "test_bad.py"), "-q"]) == 1
    assert suite.run_tests([str(folder / "bad.ipynb"), "-q"]) == 1

"""Modules import downwards only, and the local providers and their callers do not know each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

LABKIT = Path(__file__).resolve().parent.parent / "labkit"

# Each row may import the rows above it and its own; `session` joins what the others keep apart.
ROWS = (
    ("errors", "clock", "yamls", "proxies", "launch"),
    ("keys", "facts"),
    ("lm",),
    ("wire",),
    ("sim",),
    ("cost", "ledger", "estimates"),
    ("view",),
    ("config",),
    ("diagnosis", "retries"),
    ("exercises", "compare", "probe", "catalogue", "accounts"),
    ("session",),
    ("plots", "widgets", "links", "linkcheck"),
    ("copies", "desk", "suite", "almanac", "pricetable", "linking", "probing", "doctor", "serving", "configuring"),
    ("cli", "__main__", ""),
)
ROW = {name: number for number, names in enumerate(ROWS) for name in names}
CLIENT = {"wire", "view", "diagnosis", "retries", "session", "exercises", "compare", "probe", "config", "accounts"}


def part(module: str) -> str:
    """'labkit.lm.model' -> 'lm'; 'labkit' itself -> ''."""
    return module.split(".")[1] if "." in module else ""


def imports(text: str, module: str) -> set[str]:
    """The labkit modules that a module's text imports, at its top or inside its functions, but not for typing alone."""
    found: set[str] = set()
    tree = ast.parse(text)
    skip = [
        (n.lineno, n.end_lineno or n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, ast.If) and ast.unparse(n.test).endswith("TYPE_CHECKING")
    ]
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or any(a <= node.lineno <= b for a, b in skip):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "labkit"}
        elif node.level:
            found.add(f"labkit.{part(module)}")
        elif (node.module or "").split(".")[0] == "labkit":
            names = {f"labkit.{alias.name}" for alias in node.names} if node.module == "labkit" else {str(node.module)}
            found |= names
    return found


def problems(text: str, module: str) -> list[str]:
    """What is wrong with a module's imports, in sentences."""
    here, said = part(module), []
    if here not in ROW:
        return [f"labkit.{here} has no row: give it one in tests/test_imports.py"]
    for other in sorted(imports(text, module)):
        there = part(other)
        if there in ROW and ROW[there] > ROW[here]:
            said.append(f"{module} imports labkit.{there}, which stands below it")
        if here == "sim" and there in CLIENT:
            said.append(f"{module} is the server and imports labkit.{there}, which is the client")
        if here in CLIENT - {"session"} and there == "sim":
            said.append(f"{module} is a client and imports labkit.sim, which is the server")
    return said


@pytest.mark.parametrize("path", sorted(LABKIT.rglob("*.py")), ids=lambda p: p.relative_to(LABKIT).as_posix())
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    inner = path.relative_to(LABKIT).with_suffix("").parts
    module = ".".join(("labkit", *(name for name in inner if name != "__init__")))
    if module == "labkit":
        module = "labkit."
    assert problems(path.read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize(
    ("module", "text", "says"),
    [
        ("labkit.clock", "from labkit.session import Lab", "stands below"),
        ("labkit.sim.app", "def f():\n    import labkit.wire.log", "is the client"),
        ("labkit.view.html", "from labkit.sim import LocalServer", "is the server"),
        ("labkit.view.html", "from labkit import sim", "is the server"),
        ("labkit.other", "", "has no row"),
    ],
)
def test_a_wrong_arrow_would_be_found(module: str, text: str, says: str) -> None:
    assert says in " ".join(problems(text, module))


def test_imports_for_typing_alone_do_not_count() -> None:
    assert problems("if TYPE_CHECKING:\n    from labkit.sim import LocalServer", "labkit.wire.log") == []

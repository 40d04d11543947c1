"""Every address that the lab names as a source or to read on: where it stands, its date, and whether it is well formed.

Sources of the facts and their key pages, links in Markdown (notebooks and exercises too), addresses in comments and
docstrings. Addresses that are called (a base URL, a curl line) are no links and not here. It reads files and asks
nobody; `linkcheck` asks. For `lab facts links`.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from labkit import facts
from labkit.exercises import registry
from labkit.facts.schema import edge
from labkit.yamls import read_yaml

ROOT = facts.CONFIGS.parent
TEXTS = ("*.md", "docs/*.md", "training/**/*.md", "labkit/**/*.md")
URL = re.compile(r"https?://(?!127\.0\.0\.1|localhost)[^\s\"'`<>)\]}]+")
IN_MARKDOWN = re.compile(r"\]\(\s*(https?:[^)\s]*)|(?<![(\w`])(https?://[^\s<>)\]]+)")
CODE = re.compile(r"^(```|~~~).*?^\1|^(?: {4}|\t).*?$|`[^`\n]+`", re.M | re.S)

HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
NOBODY = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid|test|localhost|local|internal)$")  # RFC 2606, 6761, 6762
SIGNS = re.compile(r"(?:[\w.~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*", re.ASCII)  # RFC 3986, appendix A
TRACKING = re.compile(r"utm_\w+|fbclid|gclid|dclid|msclkid|yclid|mc_[ce]id|igshid|ref_src|_hs(enc|mi)|si", re.I)
PLACEHOLDER = re.compile(
    r"(?:^|[/=#])(todo|fixme|tbd|x{3,}|placeholder|changeme|your[-_]\w+|owner/repo\w*|\.\.\.)(?=[/?&#]|$)", re.I
)


@dataclass(frozen=True)
class Link:
    """An address, the file and line (or source) it stands in, and for a source of the facts the date it was read."""

    url: str
    where: str
    as_of: str | None = None


def links(root: Path = ROOT) -> list[Link]:
    """All of them, in the order of the files. root: the clone, or a copy of it."""
    found: list[Link] = []
    for path in sorted((root / "configs" / "providers").glob("*.yaml")):
        found += _of_facts(path, root)
    for pattern in TEXTS:
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            found += (Link(url, f"{_name(path, root)}:{line}") for line, url in in_markdown(text))
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                found += (Link(url, f"{_name(path, root)}, {cell['id']}") for _, url in in_markdown(text))
    for path in sorted((root / "labkit").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found += (Link(url, f"{_name(path, root)}:{line}") for line, url in in_python(text))
    for path in sorted((root / "labkit").rglob("*.yaml")):
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if text.lstrip().startswith("#"):
                found += (Link(each.rstrip(".,;:!?"), f"{_name(path, root)}:{line}") for each in URL.findall(text))
    for ex in registry.exercises():
        found += (Link(url, f"the text of exercise {ex.id}") for _, url in in_markdown(ex.prompt))
    return found


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _of_facts(path: Path, root: Path) -> Iterator[Link]:
    data: dict[str, Any] = read_yaml(path).data
    for name, source in data["sources"].items():
        if source["url"] is not None:
            yield Link(source["url"], f"{_name(path, root)}, sources.{name}", str(source.get("as_of")))
    page = data["key"].get("page")
    if page is not None:
        yield Link(page, f"{_name(path, root)}, key.page")


def in_markdown(text: str) -> Iterator[tuple[int, str]]:
    """(line, address) of each link of a Markdown text; what is set as code is none.

    >>> list(in_markdown("See [a](https://a.org/b), https://c.org. Not `https://d.org`."))
    [(1, 'https://a.org/b'), (1, 'https://c.org')]
    """
    prose = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    for found in IN_MARKDOWN.finditer(prose):
        yield prose.count("\n", 0, found.start()) + 1, found[1] or found[2].rstrip(".,;:!?")


def in_python(text: str) -> Iterator[tuple[int, str]]:
    """(line, address) of each address in a comment or docstring: where a module names its sources."""
    notes = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            said = ast.get_docstring(node, clean=False)
            if said is not None:
                prose = re.sub(r"^.*(>>>|``|'https?://).*$", "", said, flags=re.M)  # examples are no sources
                notes.append((node.body[0].lineno, prose))
    for line, note in sorted(notes):
        for found in URL.finditer(note):
            yield line + note.count("\n", 0, found.start()), found[0].rstrip(".,;:!?")


def problems(link: Link, moment: datetime | None = None, root: Path = ROOT) -> list[str]:
    """What is wrong with the form of a link, in sentences. moment: no source was read later; the lab's unless given."""
    wrong = list(_date_problems(link, facts.course_moment() if moment is None else moment))
    if link.as_of is not None and link.url.startswith("labkit/"):
        return wrong if (root / link.url).exists() else [*wrong, "there is no such file in the lab"]
    return wrong + list(_problems(link.url))


def _problems(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        yield f"it is no address ({error})"
        return
    host = parts.hostname or ""
    if parts.scheme != "https":
        yield "it does not begin with https://"
    if not HOST.fullmatch(parts.netloc.rpartition("@")[2].partition(":")[0]):
        yield f"{parts.netloc!r} is no host that anybody can look up, in small letters"
    elif NOBODY.search(host):
        yield f"{host} is a name for examples or for one machine"
    if parts.username is not None or port is not None:
        yield "a user, a password or a port has no place in it"
    if not SIGNS.fullmatch(url):
        yield "it has a sign that must be written as % and two digits"
    if url.endswith((".", ",", ";", ":", "!")) or "//" in parts.path:
        yield "a sign of the sentence around it, or a second /, has got into it"
    if found := PLACEHOLDER.search(f"{parts.path}?{parts.query}#{parts.fragment}"):
        yield f"{found[1]!r} was to be filled in"
    tracking = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if TRACKING.fullmatch(name)]
    if tracking:
        yield f"{', '.join(tracking)} only says who sent the reader"


def _date_problems(link: Link, moment: datetime) -> Iterator[str]:
    if "sources." not in link.where:
        return
    try:
        if edge(link.as_of or "") > moment:
            yield f"it was read on {link.as_of}, which is later than the lab's moment"
    except ValueError:
        yield f"{link.as_of!r} is no date: write 2026, 2026-07 or 2026-07-24"

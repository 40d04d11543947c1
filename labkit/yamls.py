"""YAML as the lab's own files mean it: 1.2 core scalars, no duplicate keys, every value with its line.

Used for configs/ (facts, course). A learner's librechat.yaml is read by `labkit.config`, by LibreChat's rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from labkit.errors import ConfigError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Scalars by the 1.2 core schema: `no`, `12:30` and `2026-11-20` are strings, `1e-5` is a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
}
for _tag, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node), 10))


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and the nodes from which a place is named."""

    path: Path
    data: Any
    root: Any

    def place(self, keys: tuple[Any, ...]) -> str:
        """`file:line: a.b[2].c` for the value at `keys`, as deep as the file goes."""
        node, shown = self.root, ""
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                pairs = {k.value: v for k, v in node.value}
                if str(key) not in pairs:
                    break
                node = pairs[str(key)]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
            else:
                break
        for key in keys:
            shown += f"[{key}]" if isinstance(key, int) else f".{key}" if shown else str(key)
        line = node.start_mark.line + 1 if node is not None else 1
        return f"{_short(self.path)}:{line}: {shown}" if shown else f"{_short(self.path)}:{line}"


def read_yaml(path: Path) -> Document:
    """The file's data with its places. Raises ConfigError naming file, line and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", where=_short(path), do="Restore it: git checkout -- configs"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start} is not UTF-8", where=_short(path), do="Save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=_short(path)) from None
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        _no_duplicates(root, path)
        data = loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(
            f"not YAML: {error.problem or error.context}", where=f"{_short(path)}{line}", do="Mend that line"
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not YAML: {error}", where=_short(path)) from None
    finally:
        loader.dispose()
    return Document(path, data, root)


def _no_duplicates(node: Any, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if key.value in seen:
                raise ConfigError(
                    f"`{key.value}` is given twice, first on line {seen[key.value]}",
                    where=f"{_short(path)}:{key.start_mark.line + 1}",
                    right="A key stands once in a mapping",
                )
            seen[key.value] = key.start_mark.line + 1
            _no_duplicates(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _no_duplicates(value, path)


def _short(path: Path) -> str:
    """The path below the clone where it lies in it: messages name files as the learner sees them."""
    root = Path(__file__).resolve().parent.parent
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return str(path)

"""Edits of a YAML text at the parser's places: what is not edited stays byte for byte, comments and order with it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from labkit.config.parse import Document, Node
from labkit.config.scalars import resolve, spelled
from labkit.errors import ParameterError

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def set_value(text: str, document: Document, keys: tuple[Any, ...], value: Any) -> str:
    """`text` with the value at `keys` replaced, or added where its parent is there. Raises ParameterError."""
    node, left = _reach(document.root, keys)
    if not left:
        if node is document.root and not keys:
            raise ParameterError("the whole file is not a value to replace", right="Name the keys from the top")
        if node.kind == "alias":
            return text[: node.start] + flow(value) + text[node.end :]
        return _replaced(text, document, node, value)
    if len(left) > 1:
        return set_value(text, document, keys[: len(keys) - len(left) + 1], _nested(left[1:], value))
    return _added(text, document, node.target, left[0], value, keys)


def remove(text: str, document: Document, keys: tuple[Any, ...]) -> str:
    """`text` without the entry at `keys`, comments at the end of its lines with it. Raises ParameterError."""
    parent, left = _reach(document.root, keys[:-1])
    if left or not keys:
        raise ParameterError("there is nothing to remove", where=str(keys))
    index, entries = _entry(parent, keys[-1])
    start, end = entries[index]
    if parent.flow:
        if index + 1 < len(entries):
            return text[:start] + text[entries[index + 1][0] :]
        if index:
            return text[: entries[index - 1][1]] + text[end:]
        return text[:start] + text[end:]
    if len(entries) == 1:
        return text[: parent.start] + ("{}" if parent.kind == "map" else "[]") + text[parent.end :]
    first, last = document.lines.at(start)[0], document.lines.at(max(start, end - 1))[0]
    if index == 0 and text[document.lines.start(first) : start].strip(" "):
        return text[:start] + text[entries[1][0] :]  # the first key stands behind a dash: the next takes its place
    return text[: document.lines.start(first)] + text[_line_end(text, document.lines.start(last)) :]


def append(text: str, document: Document, keys: tuple[Any, ...], value: Any) -> str:
    """`text` with `value` as the last entry of the list at `keys`. Raises ParameterError."""
    node, left = _reach(document.root, keys)
    if not left and node.target.kind == "list" and node.kind != "alias":
        node = node.target
        if node.flow:
            comma = ", " if node.items else ""
            end = node.items[-1].end if node.items else node.end - 1
            return text[:end] + comma + flow(value) + text[end:]
        if node.items:
            column = document.lines.at(node.start)[1] - 1
            lines = block([value], column)
            return _inserted(text, node.end, lines)
    if not left and node.target.value is None:
        return set_value(text, document, keys, [value])
    raise ParameterError("there is no list to add to", where=str(keys), right="Name the keys of a list")


def quoted(value: str) -> str:
    """A string in double quotes, as YAML and JSON both read it."""
    return (
        json.dumps(value, ensure_ascii=False)
        .replace("\x7f", "\\u007f")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        return spelled(value)
    raise ParameterError(f"a {type(value).__name__} cannot be written into YAML")


def block(value: Any, indent: int = 0) -> list[str]:
    """A mapping or list as lines, one entry a line, every string quoted."""
    pad = " " * indent
    lines: list[str] = []
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            lines += _under(f"{pad}{_key(key)}:", inner, indent + 2)
    elif isinstance(value, (list, tuple)) and value:
        for inner in value:
            if isinstance(inner, (dict, list, tuple)) and inner:
                deeper = block(inner, indent + 2)
                lines += [f"{pad}- {deeper[0][indent + 2 :]}", *deeper[1:]]
            else:
                lines.append(f"{pad}- {flow(inner)}")
    else:
        lines.append(pad + flow(value))
    return lines


def _under(head: str, value: Any, indent: int) -> list[str]:
    if isinstance(value, (dict, list, tuple)) and value:
        return [head, *block(value, indent)]
    return [f"{head} {flow(value)}"]


def _key(key: Any) -> str:
    text = spelled(key)
    return text if _BARE.fullmatch(text) and resolve(text)[0] is None else quoted(text)


def _nested(keys: tuple[Any, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = [value] if isinstance(key, int) else {key: value}
    return value


def _reach(node: Node, keys: tuple[Any, ...]) -> tuple[Node, tuple[Any, ...]]:
    """The deepest node on the way, and the keys that lead on from it."""
    for depth, key in enumerate(keys):
        here = node.target
        if here.kind == "list" and isinstance(key, int) and 0 <= key < len(here.items):
            node = here.items[key]
        elif here.kind == "map" and (pair := _own(here, key)):
            node = pair[1]
        else:
            return node, keys[depth:]
    return node, ()


def _own(node: Node, key: Any) -> tuple[Node, Node] | None:
    for name, value in node.pairs:
        if spelled(name.value) == spelled(key):
            return name, value
    return None


def _entry(parent: Node, key: Any) -> tuple[int, list[tuple[int, int]]]:
    """Which entry of its parent a key is, and where each entry begins and ends."""
    node = parent.target
    if node.kind == "map" and parent.kind != "alias":
        entries = [(name.start, max(name.end, value.end)) for name, value in node.pairs]
        for index, (name, _) in enumerate(node.pairs):
            if spelled(name.value) == spelled(key):
                return index, entries
    if node.kind == "list" and parent.kind != "alias" and isinstance(key, int) and 0 <= key < len(node.items):
        return key, [(item.start, item.end) for item in node.items]
    raise ParameterError(f"there is no {key!r} to remove")


def _replaced(text: str, document: Document, node: Node, value: Any) -> str:
    big = isinstance(value, (dict, list, tuple)) and bool(value)
    if node.kind == "empty":
        return text[: node.start] + " " + flow(value) + text[node.start :]
    if big and node.kind in ("map", "list") and not node.flow:
        column = document.lines.at(node.start)[1] - 1
        lines = block(value, column)
        return text[: node.start] + _break(text).join(lines)[column:] + text[node.end :]
    if node.kind in ("map", "list") and not node.flow:
        # A block becomes one value: it must stand deeper than its key, which where it stands it does or a list may not.
        return text[: node.start] + flow(value) + text[node.end :]
    return text[: node.start] + flow(value) + text[node.end :]


def _added(text: str, document: Document, node: Node, key: Any, value: Any, keys: tuple[Any, ...]) -> str:
    if node.kind == "map" and node.flow:
        end = max((v.end for _, v in node.pairs), default=node.end - 1)
        comma = ", " if node.pairs else ""
        return text[:end] + f"{comma}{_key(key)}: {flow(value)}" + text[end:]
    if node.kind == "map" and node.pairs:
        column = document.lines.at(node.pairs[0][0].start)[1] - 1
        return _inserted(text, node.end, block({key: value}, column))
    if node.kind == "list" and key == len(node.items):
        return append(text, document, keys[:-1], value)
    if node.value is None and keys[:-1]:
        return set_value(text, document, keys[:-1], [value] if isinstance(key, int) else {key: value})
    if node.value is None:
        return text + ("" if not text or text.endswith("\n") else "\n") + "\n".join(block({key: value})) + "\n"
    raise ParameterError(f"{key!r} cannot stand there: its parent is no mapping", where=str(keys))


def _inserted(text: str, end: int, lines: list[str]) -> str:
    """The lines after the one on which the last entry ends."""
    at = _line_end(text, end)
    broken = _break(text)
    before = "" if at == 0 or text[at - 1] in "\r\n" else broken
    return text[:at] + before + broken.join(lines) + broken + text[at:]


def _line_end(text: str, position: int) -> int:
    """The offset after the break of the line at `position`; the text's end on its last line."""
    match = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)?").match(text, position)
    return match.end() if match else len(text)


def _break(text: str) -> str:
    match = re.search(r"\r\n|\n|\r", text)
    return match.group() if match else "\n"

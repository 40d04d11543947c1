"""A YAML text as js-yaml 4.3.1 reads it: the data, and a tree that knows where each value stands.

Rules and order of steps are js-yaml's (see `cursor`). What this reader adds are places, and bounds of its own: a text
whose aliases unfold beyond MAX_VALUES, or into themselves, is refused, where js-yaml hands out the shared value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from labkit.config.cursor import BLANK, BREAK, FLOW, SPACE, YamlError
from labkit.config.scalars import MERGE, NO, Invalid, explicit, resolve, spelled
from labkit.config.styles import Scalars

MAX_DEPTH = 100  # js-yaml's own bounds
MAX_MERGED = 10_000
MAX_VALUES = 200_000  # ours: values after aliases are unfolded
MAX_UNFOLDED = 110  # ours: levels after aliases are unfolded

FLOW_IN, FLOW_OUT, BLOCK_IN, BLOCK_OUT = range(4)
_YAML = "tag:yaml.org,2002:"
_HANDLE = re.compile(r"!|!!|![0-9A-Za-z-]+!")
_URI = re.compile(r"(?:!|[^,\[\]{}])(?:%[0-9a-f]{2}|[0-9a-z\-#;/?:@&=+$,_.!~*'()\[\]])*", re.IGNORECASE)
_NAME = re.compile(r"[^ \t\n\r,\[\]{}\0]*")
_WORD = re.compile(r"[^ \t\n\r\0]*")
_KINDS = {
    **dict.fromkeys(("str", "null", "bool", "int", "float", "timestamp", "merge", "binary"), "scalar"),
    **dict.fromkeys(("map", "set"), "map"),
    **dict.fromkeys(("seq", "omap", "pairs"), "list"),
}
_JS_KINDS = {"scalar": "scalar", "map": "mapping", "list": "sequence", None: "null"}


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place. start, end: offsets of what is written of it (equal where nothing is).

    map: `pairs` of key and value, `<<` among them.  list: `items`.  alias: `items` holds the node it names.
    flow: whether a map or list stands in brackets.
    """

    kind: Literal["scalar", "map", "list", "alias", "empty"]
    value: Any
    start: int
    end: int
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    flow: bool = False
    _by_key: dict[str, tuple[Node, Node]] | None = None

    def pair(self, key: Any) -> tuple[Node, Node] | None:
        """Key and value of a mapping's own entry or one that `<<` brought."""
        if self._by_key is None:
            self._by_key = {spelled(name.value): (name, value) for name, value in reversed(self.pairs)}
        found = self._by_key.get(str(key))
        if found is not None and not isinstance(found[0].value, Merge):
            return found
        for name, value in self.pairs:
            if isinstance(name.value, Merge):
                source = value.target
                for node in source.items if source.kind == "list" else [source]:
                    if node.target.kind == "map" and (found := node.target.pair(key)):
                        return found
        return None

    @property
    def target(self) -> Node:
        """The node itself, or what an alias names."""
        return self.items[0] if self.kind == "alias" else self


class Merge(str):
    """The key `<<`, unquoted: it brings in another mapping."""

    __slots__ = ()


@dataclass(frozen=True)
class Document:
    """A text that is YAML. data: plain values, keys always strings; None where the text says nothing."""

    data: Any
    root: Node
    lines: Lines


class Lines:
    """Line and column, from 1, of an offset."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))]

    def at(self, position: int) -> tuple[int, int]:
        line = bisect_right(self._starts, position)
        return line, position - self._starts[line - 1] + 1

    def start(self, line: int) -> int:
        """The offset at which a line begins; lines beyond the last begin with it."""
        return self._starts[min(line, len(self._starts)) - 1]


def parse(text: str) -> Document:
    """Read a text of one document. Raises YamlError with js-yaml's words and the offset."""
    shift = 1 if text.startswith("\ufeff") else 0
    parser = Parser(text[shift:])
    try:
        roots = parser.documents()
        if len(roots) > 1:
            raise YamlError("expected a single document in the stream, but found more", roots[1].start)
        root = roots[0] if roots else Node("empty", None, 0, 0)
        _bounded(root)
    except YamlError as error:
        error.position = min(error.position + shift, len(text))
        if error.twice:
            error.twice = error.twice[0], error.twice[1] + shift
        raise
    except RecursionError:
        raise YamlError("nesting is too deep", shift) from None
    if shift:
        _shifted(root)
    return Document(root.value, root, Lines(text))


class Parser(Scalars):
    """js-yaml's state machine; each `read_…` is False when nothing of its kind begins at the position."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.merged = 0
        self.tag: str | None = None
        self.anchor: str | None = None
        self.node = Node("empty", None, 0, 0)
        self.tags: dict[str, str] = {}
        self.anchors: dict[str, Node] = {}

    def documents(self) -> list[Node]:
        while self.input[self.position] == " ":
            self.line_indent += 1
            self.position += 1
        found = []
        while self.position < self.length - 1:
            found.append(self._document())
        return found

    def _document(self) -> Node:
        self.tags, self.anchors = {}, {}
        directives = self._directives()
        self.separate(comments=True)
        if self.line_indent == 0 and self.input.startswith("---", self.position):
            self.position += 3
            self.separate(comments=True)
        elif directives:
            self.fail("directives end mark is expected")
        self.compose(self.line_indent - 1, BLOCK_OUT, seek=False, compact=True)
        root = self.node
        self.separate(comments=True)
        if self.position == self.line_start and self.at_separator():
            if self.input[self.position] == ".":
                self.position += 3
                self.separate(comments=True)
        elif self.position < self.length - 1:
            self.fail("end of the stream or a document separator is expected")
        return root

    def _directives(self) -> bool:
        found, version = False, False
        while self.input[self.position] != "\0":
            self.separate(comments=True)
            if self.line_indent > 0 or self.input[self.position] != "%":
                break
            found = True
            self.position += 1
            name = self._take(_WORD)
            if not name:
                self.fail("directive name must not be less than one character in length")
            arguments = []
            while (char := self.input[self.position]) != "\0" and char not in BREAK:
                if char in SPACE:
                    self.position += 1
                elif char == "#":
                    while self.input[self.position] not in "\n\r\0":
                        self.position += 1
                else:
                    arguments.append(self._take(_WORD))
            if self.input[self.position] != "\0":
                self.read_break()
            if name == "YAML":
                if version:
                    self.fail("duplication of %YAML directive")
                if len(arguments) != 1:
                    self.fail("YAML directive accepts exactly one argument")
                match = re.fullmatch(r"([0-9]+)\.([0-9]+)", arguments[0])
                if not match:
                    self.fail("ill-formed argument of the YAML directive")
                if match.group(1).lstrip("0") != "1":
                    self.fail("unacceptable YAML version of the document")
                version = True
            elif name == "TAG":
                self._tag_directive(arguments)
        return found

    def _tag_directive(self, arguments: list[str]) -> None:
        if len(arguments) != 2:
            self.fail("TAG directive accepts exactly two arguments")
        handle, prefix = arguments
        if not _HANDLE.fullmatch(handle):
            self.fail("ill-formed tag handle (first argument) of the TAG directive")
        if handle in self.tags:
            self.fail(f'there is a previously declared suffix for "{handle}" tag handle')
        if not _URI.fullmatch(prefix):
            self.fail("ill-formed tag prefix (second argument) of the TAG directive")
        self.tags[handle] = self._decoded(prefix, "tag prefix is malformed: " + prefix)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.input, self.position)
        assert match is not None  # every pattern given may be empty
        self.position = match.end()
        return match.group()

    def _decoded(self, text: str, problem: str) -> str:
        if re.search(r"%(?![0-9A-Fa-f]{2})", text):
            self.fail(problem)
        try:
            return unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            self.fail(problem)

    def compose(self, parent_indent: int, context: int, *, seek: bool, compact: bool) -> bool:
        """Read one node into `node`, with its tag and anchor; False when there is none."""
        if self.depth >= MAX_DEPTH:
            self.fail(f"nesting exceeded maxDepth ({MAX_DEPTH})")
        self.depth += 1
        self._clear()
        self.node = Node("empty", None, self.position, self.position)
        at_new_line = has_content = False
        block_styles = block_collections = context in (BLOCK_OUT, BLOCK_IN)
        status = 1
        if seek and self.separate(comments=True):
            at_new_line = True
            status = self._status(parent_indent)
        properties: tuple[Any, ...] | None = None
        while status == 1 or properties is not None:
            char, before = self.input[self.position], self._snapshot()
            if at_new_line and ((char == "!" and self.tag is not None) or (char == "&" and self.anchor is not None)):
                break
            if not self._read_tag() and not self._read_anchor():
                break
            properties = properties or before
            if self.separate(comments=True):
                at_new_line, block_collections = True, block_styles
                status = self._status(parent_indent)
            else:
                block_collections = False
        block_collections = block_collections and (at_new_line or compact)
        if status == 1 or context == BLOCK_OUT:
            flow_indent = parent_indent if context in (FLOW_IN, FLOW_OUT) else parent_indent + 1
            block_indent = self.position - self.line_start
            if status == 1:
                if (
                    block_collections and (self._block_list(block_indent) or self._block_map(block_indent, flow_indent))
                ) or self._flow(flow_indent):
                    has_content = True
                else:
                    has_content = self._scalar_or_alias(
                        context, flow_indent, block_styles, block_collections, properties
                    )
            elif status == 0:
                has_content = block_collections and self._block_list(block_indent)
        self._resolved()
        self.depth -= 1
        return self.tag is not None or self.anchor is not None or has_content

    def _clear(self) -> None:
        self.tag = self.anchor = self.kind = self.result = None

    def _status(self, parent_indent: int) -> int:
        return (self.line_indent > parent_indent) - (self.line_indent < parent_indent)

    def _snapshot(self) -> tuple[Any, ...]:
        return (
            *(self.position, self.line, self.line_start, self.line_indent, self.first_tab),
            *(self.tag, self.anchor, self.kind, self.result, self.node),
        )

    def _restore(self, state: tuple[Any, ...]) -> None:
        self.position, self.line, self.line_start, self.line_indent, self.first_tab = state[:5]
        self.tag, self.anchor, self.kind, self.result, self.node = state[5:]

    def _scalar_or_alias(
        self, context: int, indent: int, blocks: bool, collections: bool, properties: tuple[Any, ...] | None
    ) -> bool:
        start, char, found = self.position, self.input[self.position], True
        if properties and blocks and not collections and char not in "|>" and self._map_from(properties, indent):
            self._store_anchor()
            return True
        if (blocks and self.block(indent)) or self.single_quoted() or self.double_quoted():
            self.node = Node("scalar", self.result, start, self.end)
        elif self._read_alias():
            if self.tag is not None or self.anchor is not None:
                self.fail("alias node should not have any properties")
        elif self.plain(indent, context == FLOW_IN):
            self.node = Node("scalar", self.result, start, self.end)
            self.tag = "?" if self.tag is None else self.tag
        else:
            found = False
            if self.tag is not None or self.anchor is not None:
                self.node = Node("empty", None, start, start)
        self._store_anchor()
        return found

    def _store_anchor(self, node: Node | None = None) -> None:
        if self.anchor is not None:
            self.anchors[self.anchor] = node or self.node

    def _map_from(self, properties: tuple[Any, ...], flow_indent: int) -> bool:
        """`&a key: value`: the properties belong to the first key of a mapping, not to the mapping."""
        before, anchors = self._snapshot(), dict(self.anchors)
        self._restore(properties)
        self._clear()
        if self._block_map(properties[0] - properties[2], flow_indent) and self.kind == "map":
            return True
        self.anchors = anchors
        self._restore(before)
        return False

    def _resolved(self) -> None:
        """Give the node the value that its tag, or its look, says."""
        tag, node = self.tag, self.node
        if tag is None:
            if self.anchor is not None:
                self._store_anchor()
        elif tag == "?":
            if node.value is not None and self.kind != "scalar":
                self.fail(f'unacceptable node kind for !<?> tag; it should be "scalar", not "{_JS_KINDS[self.kind]}"')
            found, value = resolve(node.value) if isinstance(node.value, str) else (_YAML + "null", node.value)
            if found is not None:
                node.value = Merge(value) if found == MERGE else value
                self.tag = found
        elif tag != "!":
            name = tag.removeprefix(_YAML)
            wanted = _KINDS.get(name) if tag.startswith(_YAML) else None
            if wanted is None or self.kind not in (None, wanted):
                self.fail(f"unknown tag !<{tag}>")
            value = explicit(tag, node.value) if wanted == "scalar" else _collected(name, node.value)
            if value is NO:
                self.fail(f"cannot resolve a node with !<{tag}> explicit tag")
            node.value = value
            self._store_anchor()

    def _block_list(self, indent: int) -> bool:
        if self.first_tab != -1:
            return False
        tag, anchor = self.tag, self.anchor
        node = Node("list", [], self.position, self.position)
        self._store_anchor(node)
        detected = False
        while (char := self.input[self.position]) != "\0":
            if self.first_tab != -1:
                self.fail("tab characters must not be used in indentation", self.first_tab)
            if char != "-" or self.input[self.position + 1] not in BLANK:
                break
            detected = True
            self.position += 1
            node.end = self.position
            if self.separate(comments=True) and self.line_indent <= indent:
                self._add(node, Node("empty", None, node.end, node.end))
                continue
            line = self.line
            self.compose(indent, BLOCK_IN, seek=False, compact=True)
            if self.node.kind == "empty" and self.node.start > node.end:
                self.node = Node("empty", self.node.value, node.end, node.end)
            self._add(node, self.node)
            self.separate(comments=True)
            at_end = self.input[self.position] == "\0"
            if (self.line == line or self.line_indent > indent) and not at_end:
                self.fail("bad indentation of a sequence entry")
            if self.line_indent < indent:
                break
        if detected:
            self.tag, self.anchor, self.kind, self.node = tag, anchor, "list", node
        return detected

    def _add(self, node: Node, item: Node) -> None:
        node.items.append(item)
        node.value.append(item.value)
        node.end = max(node.end, item.end)

    def _block_map(self, indent: int, flow_indent: int) -> bool:
        if self.first_tab != -1:
            return False
        tag, anchor = self.tag, self.anchor
        node = Node("map", {}, self.position, self.position)
        overridable: set[str] = set()
        key: Node | None = None
        key_tag: str | None = None
        key_position = self.position
        explicit_key = detected = compact = False
        self._store_anchor(node)

        def store(value: Node | None) -> None:
            self._store(node, overridable, key_tag, key or _nothing(key_position), value, key_position)

        while (char := self.input[self.position]) != "\0":
            if not explicit_key and self.first_tab != -1:
                self.fail("tab characters must not be used in indentation", self.first_tab)
            line = self.line
            if char in "?:" and self.input[self.position + 1] in BLANK:
                if char == "?":
                    if explicit_key:
                        store(None)
                        key = key_tag = None
                    detected = explicit_key = compact = True
                elif explicit_key:
                    explicit_key, compact = False, True
                else:
                    self.fail(
                        "incomplete explicit mapping pair; a key node is missed; "
                        "or followed by a non-tabulated empty line"
                    )
                self.position += 1
            else:
                key_start = self.position
                if not self.compose(flow_indent, FLOW_OUT, seek=False, compact=True):
                    break
                if self.line != line:
                    if detected:
                        self.fail("can not read a block mapping entry; a multiline key may not be an implicit key")
                    self.tag, self.anchor = tag, anchor
                    return True  # what `compose` read is the node
                while self.input[self.position] in SPACE:
                    self.position += 1
                if self.input[self.position] == ":":
                    self.position += 1
                    if self.input[self.position] not in BLANK:
                        self.fail(
                            "a whitespace character is expected after the key-value separator within a block mapping"
                        )
                    if explicit_key:
                        key_position = key_start
                        store(None)
                    key_position = key_start
                    detected, explicit_key, compact = True, False, False
                    key, key_tag = self.node, self.tag
                elif detected:
                    self.fail("can not read an implicit mapping pair; a colon is missed")
                else:
                    self.tag, self.anchor = tag, anchor
                    return True
            if self.line == line or self.line_indent > indent:
                if explicit_key:
                    key_position = self.position
                after_colon = self.position
                value = None
                if self.compose(indent, BLOCK_OUT, seek=True, compact=compact):
                    if explicit_key:
                        key = self.node
                    else:
                        value = self.node
                if not explicit_key:
                    store(value or _nothing(after_colon))
                    key = key_tag = None
                self.separate(comments=True)
            at_end = self.input[self.position] == "\0"
            if (self.line == line or self.line_indent > indent) and not at_end:
                self.fail("bad indentation of a mapping entry")
            if self.line_indent < indent:
                break
        if explicit_key:
            store(None)
        if detected:
            self.tag, self.anchor, self.kind, self.node = tag, anchor, "map", node
        return detected

    def _flow(self, indent: int) -> bool:
        opened = self.input[self.position]
        if opened not in "[{":
            return False
        tag, anchor, closing = self.tag, self.anchor, "]" if opened == "[" else "}"
        is_map = opened == "{"
        node = Node("map" if is_map else "list", {} if is_map else [], self.position, self.position, flow=True)
        overridable: set[str] = set()
        self._store_anchor(node)
        self.position += 1
        read_next = True
        while self.input[self.position] != "\0":
            self.separate(comments=True)
            char = self.input[self.position]
            if char == closing:
                self.position += 1
                node.end = self.position
                self.tag, self.anchor, self.kind, self.node = tag, anchor, node.kind, node
                return True
            if not read_next:
                self.fail("missed comma between flow collection entries")
            if char == ",":
                self.fail("expected the node content, but found ','")
            is_pair = explicit_pair = False
            if char == "?" and self.input[self.position + 1] in BLANK:
                is_pair = explicit_pair = True
                self.position += 1
                self.separate(comments=True)
            line, key_position = self.line, self.position
            self.compose(indent, FLOW_IN, seek=False, compact=True)
            key, key_tag, value = self.node, self.tag, None
            self.separate(comments=True)
            if (explicit_pair or self.line == line) and self.input[self.position] == ":":
                is_pair = True
                self.position += 1
                self.separate(comments=True)
                self.compose(indent, FLOW_IN, seek=False, compact=True)
                value = self.node
            if is_map:
                self._store(node, overridable, key_tag, key, value, key_position)
            elif is_pair:
                pair = Node("map", {}, key.start, key.end, flow=True)
                self._store(pair, set(), key_tag, key, value, key_position)
                self._add(node, pair)
            else:
                self._add(node, key)
            self.separate(comments=True)
            read_next = self.input[self.position] == ","
            self.position += read_next
        self.fail("unexpected end of the stream within a flow collection")

    def _store(
        self, node: Node, overridable: set[str], key_tag: str | None, key: Node, value: Node | None, position: int
    ) -> None:
        value = value or _nothing(key.end)
        if isinstance(key.value, list) and any(isinstance(item, list) for item in key.value):
            self.fail("nested arrays are not supported inside keys")
        node.pairs.append((key, value))
        node.end = max(node.end, key.end, value.end)
        if key_tag == MERGE:
            for source in value.value if isinstance(value.value, list) else [value.value]:
                self._merge(node.value, source, overridable)
            return
        if isinstance(key.value, Merge):  # `? <<` is a plain key
            key.value = str(key.value)
        name = spelled(key.value)
        if name in node.value and name not in overridable:
            first = next((k.start for k, _ in node.pairs[:-1] if spelled(k.value) == name), position)
            raise YamlError("duplicated mapping key", position, (name, first))
        node.value[name] = value.value
        overridable.discard(name)

    def _merge(self, into: dict[str, Any], source: Any, overridable: set[str]) -> None:
        if isinstance(source, dict):
            entries = source.items()
        elif isinstance(source, (list, bytes)):
            entries = {str(n): v for n, v in enumerate(source)}.items()
        elif isinstance(source, (datetime, Invalid)):
            entries = {}.items()
        else:
            self.fail("cannot merge mappings; the provided source object is unacceptable")
        for key, value in list(entries):
            self.merged += 1
            if self.merged > MAX_MERGED:
                self.fail(f"merge keys exceeded maxTotalMergeKeys ({MAX_MERGED})")
            if key not in into:
                into[key] = value
                overridable.add(key)

    def _read_tag(self) -> bool:
        text = self.input
        if text[self.position] != "!":
            return False
        if self.tag is not None:
            self.fail("duplication of a tag property")
        self.position += 1
        if text[self.position] == "<":
            end = text.find(">", self.position + 2, self.length)
            if end == -1:
                self.fail("unexpected end of the stream within a verbatim tag", self.length)
            name, handle = text[self.position + 1 : end], None
            self.position = end + 1
        else:
            handle, name = self._handle()
        if name and not _URI.fullmatch(name):
            self.fail("tag name cannot contain such characters: " + name)
        name = self._decoded(name, "tag name is malformed: " + name)
        if handle is None:
            self.tag = name
        elif handle in self.tags:
            self.tag = self.tags[handle] + name
        elif handle == "!":
            self.tag = "!" + name
        elif handle == "!!":
            self.tag = _YAML + name
        else:
            self.fail(f'undeclared tag handle "{handle}"')
        return True

    def _handle(self) -> tuple[str, str]:
        """`!`, `!!` or `!name!`, and what follows it."""
        begin = self.position - 1
        named = self.input[self.position] == "!"
        if named:
            self.position += 1
        start = self.position
        while (char := self.input[self.position]) != "\0" and char not in BLANK:
            if char == "!":
                if named:
                    self.fail("tag suffix cannot contain exclamation marks")
                if not _HANDLE.fullmatch(self.input, begin, self.position + 1):
                    self.fail("named tag handle cannot contain such characters")
                named, start = True, self.position + 1
            self.position += 1
        name = self.input[start : self.position]
        if any(char in FLOW for char in name):
            self.fail("tag suffix cannot contain flow indicator characters")
        return self.input[begin:start] if named else "!", name

    def _read_anchor(self) -> bool:
        if self.input[self.position] != "&":
            return False
        if self.anchor is not None:
            self.fail("duplication of an anchor property")
        self.position += 1
        self.anchor = self._take(_NAME)
        if not self.anchor:
            self.fail("name of an anchor node must contain at least one character")
        return True

    def _read_alias(self) -> bool:
        if self.input[self.position] != "*":
            return False
        start = self.position
        self.position += 1
        name = self._take(_NAME)
        if not name:
            self.fail("name of an alias node must contain at least one character")
        if name not in self.anchors:
            self.fail(f'unidentified alias "{name}"')
        node = self.anchors[name].target
        self.node = Node("alias", node.value, start, self.position, [node])
        self.result = node.value
        self.separate(comments=True)
        return True


def _nothing(position: int) -> Node:
    return Node("empty", None, position, position)


def _collected(name: str, value: Any) -> Any:
    """The value of a map or list under an explicit tag; NO when it does not fit."""
    if name in ("map", "set"):
        fits = name == "map" or value is None or all(v is None for v in value.values())
        return ({} if value is None else value) if fits else NO
    if value is None:
        return []
    if name == "seq":
        return value
    if not all(isinstance(pair, dict) and len(pair) == 1 for pair in value):
        return NO
    keys = [next(iter(pair)) for pair in value]
    if name == "omap":
        return value if len(set(keys)) == len(keys) else NO
    return [[key, pair[key]] for key, pair in zip(keys, value, strict=True)]


def _bounded(root: Node) -> None:
    """Refuse aliases that unfold into themselves or into more than MAX_VALUES values."""
    known: dict[int, tuple[int, int]] = {}  # of a map or list: how many values it is, how many levels
    open_: set[int] = set()

    def measure(value: Any) -> tuple[int, int]:
        if not isinstance(value, (dict, list)):
            return 1, 0
        if id(value) in open_:
            raise YamlError("an alias stands inside the value that it names", _where(root, value))
        if id(value) not in known:
            open_.add(id(value))
            inner = [measure(v) for v in (value.values() if isinstance(value, dict) else value)]
            open_.discard(id(value))
            levels = 1 + max((level for _, level in inner), default=0)
            if levels > MAX_UNFOLDED:
                raise YamlError(f"aliases nest it deeper than {MAX_UNFOLDED} levels", _where(root, value))
            known[id(value)] = 1 + sum(count for count, _ in inner), levels
        return known[id(value)]

    if measure(root.value)[0] > MAX_VALUES:
        raise YamlError(f"its aliases unfold into more than {MAX_VALUES:,} values", root.start)


def _where(root: Node, value: Any) -> int:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.kind != "alias":
            if node.value is value:
                return node.start
            waiting += [*node.items, *(part for pair in node.pairs for part in pair)]
    return root.start


def _shifted(root: Node) -> None:
    """Count the byte order mark that was left out."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            node.start, node.end = node.start + 1, node.end + 1
            waiting += [*node.items, *(part for pair in node.pairs for part in pair)]

"""A librechat.yaml as read: its text, its data, the place of each value, and what can be asked of it.

Nothing that the text says raises an error: what cannot be read is a finding, and `data` is None then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.config.cursor import YamlError
from labkit.config.findings import Finding, Place, did_you_mean, looks_like_key, shown_path
from labkit.config.models import Endpoint, ModelSpecs, Spec, view
from labkit.config.parse import Document, Lines, Node, parse
from labkit.errors import ConfigError

if TYPE_CHECKING:
    import httpx

    from labkit.config.difference import Difference
    from labkit.config.explain import Explanation
    from labkit.config.menu import Menu
    from labkit.config.report import Findings
    from labkit.config.zod import Verdict
    from labkit.facts import Facts

MESSAGE = "What is the capital of France?"  # what the lab's examples ask
LARGEST = 256 * 1024  # bytes; LibreChat has no such bound, a person's file is far below it
BUILT_IN = ("all", "openAI", "google", "anthropic", "azureOpenAI", "azureAssistants", "assistants", "agents", "bedrock")


def read(path: str | Path) -> Config:
    """The file as LibreChat would read it. Raises ConfigError only where there is no file to read."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        near = did_you_mean(path.name, (p.name for p in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else ""
        raise ConfigError("there is no such file", where=str(path), right=near) from None
    except IsADirectoryError:
        raise ConfigError("this is a folder", where=str(path), right="Name the file in it: librechat.yaml") from None
    except PermissionError:
        kind = "this is a folder" if path.is_dir() else "it may not be read"
        raise ConfigError(kind, where=str(path)) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"it cannot be read ({type(error).__name__})", where=str(path)) from None
    # Node reads a file as UTF-8 and puts the replacement character where it is not.
    return Config(data.decode("utf-8", "replace"), str(path), too_large=len(data) > LARGEST)


def shipped(name: str = "librechat.yaml") -> Config:
    """A file of the lab's own folder `configs`, from wherever a notebook runs. Raises ConfigError naming the nearest.

    >>> shipped("blog-2025-09.yaml").name
    'configs/blog-2025-09.yaml'
    """
    from labkit.facts import CONFIGS

    made = read(CONFIGS / name)
    return Config(made.text, f"configs/{name}")


def loads(text: str, name: str = "librechat.yaml") -> Config:
    """A text as LibreChat would read it."""
    return Config(text, name)


class Config:
    """One librechat.yaml.

    text, name: as given.  data: plain values as js-yaml hands them to LibreChat, keys always strings; None where the
    text is not YAML.  problem: then the one finding that says why.
    """

    def __init__(self, text: str, name: str = "librechat.yaml", *, too_large: bool = False) -> None:
        self.text, self.name = text, name
        self.problem: Finding | None = None
        self._document: Document | None = None
        self._lines: Lines | None = None
        if too_large or len(text) > LARGEST or len(text.encode("utf-8", "replace")) > LARGEST:
            self.problem = Finding(
                "schema",
                "too-large",
                Place(name, 1, 1),
                f"the file is larger than {LARGEST // 1024} kB and is not read",
                "A configuration of LibreChat has a few kB; leave out what is no configuration",
            )
            return
        try:
            self._document = parse(text)
        except YamlError as error:
            self._lines = Lines(text)
            self.problem = self._not_yaml(error)

    @property
    def data(self) -> Any:
        return None if self._document is None else self._document.data

    @property
    def root(self) -> Node | None:
        """The tree of nodes with their offsets; None where the text is not YAML."""
        return None if self._document is None else self._document.root

    def __repr__(self) -> str:
        return f"Config({self.name!r}, {len(self.endpoints)} endpoints)"

    # --- places -------------------------------------------------------------------------------------------------

    def place(self, keys: tuple[Any, ...], *, key: bool = False) -> Place:
        """Where the value at `keys` stands, or the deepest of its parents that exists; `key`: its key's place."""
        if self._document is None:
            return Place(self.name, 1, 1, shown_path(keys))
        node, at = self._document.root, self._document.root.start
        for step in keys:
            here = node.target
            if here.kind == "list" and isinstance(step, int) and step < len(here.items):
                node = here.items[step]
                at = node.start
            elif here.kind == "map" and (pair := here.pair(step)):
                node = pair[1]
                at = pair[0].start if key or node.kind == "empty" else node.start
            else:
                break
        line, column = self._document.lines.at(at)
        return Place(self.name, line, column, shown_path(keys))

    def at(self, offset: int, keys: tuple[Any, ...] = ()) -> Place:
        """The place of an offset into the text."""
        lines = self._document.lines if self._document else self._lines or Lines(self.text)
        line, column = lines.at(offset)
        return Place(self.name, line, column, shown_path(keys))

    # --- views --------------------------------------------------------------------------------------------------

    def _mapping(self, *keys: str) -> dict[str, Any]:
        value = self.data
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every mapping in `endpoints.custom`, in order, those too that LibreChat leaves out."""
        custom = self._mapping("endpoints").get("custom")
        if not isinstance(custom, list):
            return ()
        return tuple(
            view(Endpoint, raw, ("endpoints", "custom", number))
            for number, raw in enumerate(custom)
            if isinstance(raw, dict)
        )

    def endpoint(self, name: str) -> Endpoint:
        """The first custom endpoint of that name. Raises ConfigError naming the nearest one."""
        named = [one for one in self.endpoints if one.name is not None]
        for one in named:
            if one.name == name:
                return one
        for one in named:
            if str(one.name).lower() == name.lower():
                return one
        names = [one.name for one in self.endpoints if one.name]
        raise ConfigError(
            f"no custom endpoint is called {name!r}",
            where=self.name,
            right=f"There are {', '.join(names)}. {did_you_mean(name, names)}".strip() if names else "It has none",
        )

    def builtin(self, name: str) -> Endpoint | None:
        """A built-in endpoint's settings, or those of `all`; None where the file has none."""
        raw = self._mapping("endpoints").get(name)
        return view(Endpoint, raw, ("endpoints", name)) if name in BUILT_IN and isinstance(raw, dict) else None

    @cached_property
    def model_specs(self) -> ModelSpecs | None:
        raw = self._mapping().get("modelSpecs")
        return view(ModelSpecs, raw, ("modelSpecs",)) if isinstance(raw, dict) else None

    @cached_property
    def specs(self) -> tuple[Spec, ...]:
        """The entries of the menu, in the order of the file."""
        listed = self._mapping("modelSpecs").get("list")
        return tuple(
            view(Spec, raw, ("modelSpecs", "list", number))
            for number, raw in enumerate(listed if isinstance(listed, list) else ())
            if isinstance(raw, dict)
        )

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Keys that stand in the file as they are: never to be shown."""
        from labkit.config.check_secrets import literal_keys

        return frozenset(value for _, _, value in literal_keys(self))

    # --- judgements ---------------------------------------------------------------------------------------------

    @cached_property
    def verdict(self) -> Verdict:
        """What LibreChat's own schema says of the data."""
        from labkit.config.zod import judge

        return judge(self.data)

    @property
    def accepted(self) -> bool:
        """Whether LibreChat's reader and schema take the file."""
        return self.problem is None and self.verdict.accepted

    def check(self, facts: Facts | None = None, profile: str = "current") -> Findings:
        """Everything that is amiss, in the order of the lines; shows itself as a table in a notebook.

        facts: as of the lab's moment unless given.  profile: 'current' (LibreChat 0.8) or 'legacy' (up to 0.7).
        """
        from labkit.config.check import check

        return check(self, facts, profile)

    # --- requests -----------------------------------------------------------------------------------------------

    def request(self, endpoint: str = "", message: str = MESSAGE, **options: Any) -> httpx.Request:
        """The chat request that LibreChat would make; `lab.send` sends it. Options: see `config.request.make`."""
        from labkit.config.request import request

        return request(self, endpoint, message, **options)

    def title(self, endpoint: str = "", message: str = MESSAGE, **options: Any) -> httpx.Request | None:
        """The second request, for the conversation's title; None where titles are off."""
        from labkit.config.titles import title

        return title(self, endpoint, message, **options)

    def explain(self, endpoint: str = "", **options: Any) -> Explanation:
        """Each field of an endpoint, what was declared, what leaves, why; the first endpoint unless given."""
        from labkit.config.explain import explain

        return explain(self, endpoint, **options)

    def diff(self, with_: Any, without: Any, **options: Any) -> Difference:
        """What differs between two requests: names of endpoints, mappings of options, or requests."""
        from labkit.config.difference import diff

        return diff(self, with_, without, **options)

    def menu(self) -> Menu:
        """What a LibreChat user chooses from: model specs, endpoints, models."""
        from labkit.config.menu import menu

        return menu(self)

    def export(self, format: str = "librechat", **options: Any) -> str:
        """The same endpoints as text for 'librechat', 'litellm', 'env' or 'postman'; never with a literal key."""
        from labkit.config.export import export

        return export(self, format, **options)

    # --- edits --------------------------------------------------------------------------------------------------

    def set(self, keys: tuple[Any, ...], value: Any) -> Config:
        """A new Config with the value at `keys` replaced or added; every other byte of the text is kept."""
        from labkit.config.splice import set_value

        return self._edited(set_value, keys, value)

    def append(self, keys: tuple[Any, ...], value: Any) -> Config:
        """A new Config with `value` at the end of the list at `keys`."""
        from labkit.config.splice import append

        return self._edited(append, keys, value)

    def remove(self, keys: tuple[Any, ...]) -> Config:
        """A new Config without the entry at `keys`."""
        from labkit.config.splice import remove

        return self._edited(remove, keys)

    def _edited(self, edit: Callable[..., str], keys: tuple[Any, ...], *value: Any) -> Config:
        if self._document is None:
            raise ConfigError("what is not YAML cannot be edited", where=self.name, do=str(self.problem))
        return Config(edit(self.text, self._document, keys, *value), self.name)

    def _not_yaml(self, error: YamlError) -> Finding:
        what = error.problem
        if looks_like_key(what):
            what = what.partition(":")[0]
        hint = next((right for words, right in _HINTS if words in what), "")
        if error.twice:
            name, first = error.twice
            what += f": {_cut(name)!r} stands in line {self.at(first).line} already"
        return Finding("schema", "yaml", self.at(error.position), f"it is not YAML: {what}", hint)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


_HINTS = (
    ("tab characters", "Indent with spaces"),
    ("duplicated mapping key", "A key stands once in a mapping; take one of the two away"),
    (
        "bad indentation of a mapping entry",
        "Entries of one mapping begin in one column; quote a value that has a colon in it or begins with a sign",
    ),
    ("bad indentation of a sequence entry", "Entries of one list begin in one column"),
    ("a colon is missed", "Write `key: value`, with a colon and a space"),
    ("multiline key", "Write `key: value`, with a colon and a space"),
    ("cannot start any token", "Quote the value"),
    ("unidentified alias", "A value that begins with * must be quoted"),
    ("unknown tag", "A value that begins with ! must be quoted"),
    ("unknown escape", "Between double quotes a backslash is written twice; single quotes take it as it is"),
    ("missed comma", "Entries in brackets are separated by commas; a value that begins with a bracket must be quoted"),
    ("within a double quoted", 'Close the quotes: "…"'),
    ("within a single quoted", "Close the quotes: '…'"),
    ("within a flow collection", "Close the bracket"),
    ("end of the stream or a document", "Quote the whole value, or mend the indentation before this place"),
    ("single document", "Take the line --- away: LibreChat reads one document"),
    ("null byte", "Save the file as UTF-8"),
)

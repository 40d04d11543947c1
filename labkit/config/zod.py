"""LibreChat's own schema, judged in Python: `schema.json` holds it as data, `rules` what in it is code.

The schema is that of librechat-data-provider (ISC licence) as published; tests/librechat_schema.cjs prints it, and a
test holds the file against the package. Verdicts follow zod 3: a value is valid, dirty (wrong, but of the right type:
further rules still look at it) or aborted.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit.config.rules import RULES, is_url, units
from labkit.config.scalars import Invalid, spelled

VALID, DIRTY, ABORTED = range(3)
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "undefined"})()
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Issue:
    """One thing that the schema refuses. path: keys from the top.  expected: what would be right, where zod says it."""

    path: Path_
    code: str
    message: str
    expected: str = ""
    allowed: tuple[str, ...] = ()  # the words that would do, or the keys that there are


@dataclass(frozen=True)
class Verdict:
    """accepted: whether the server would start.  ignored: paths of keys that the schema strips without a word."""

    accepted: bool
    issues: tuple[Issue, ...]
    ignored: tuple[Path_, ...]


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return data


def parameters(endpoint: str) -> tuple[str, ...] | None:
    """The keys that `paramDefinitions` may name under a `defaultParamsEndpoint`; None for a word that is none."""
    known = schema()["parameters"].get(endpoint)
    return None if known is None else tuple(known)


def fields(*path: str) -> tuple[str, ...]:
    """The names that the schema knows at a place, list items as '[]': fields("endpoints", "custom", "[]")."""
    judge, number = _Judge(), int(schema()["root"])
    for step in path:
        node = judge.peeled(number)
        if node["kind"] == "object" and step in node["fields"]:
            number = node["fields"][step]
        elif node["kind"] == "array" and step == "[]":
            number = node["of"]
        else:
            return ()
    node = judge.peeled(number)
    return tuple(node["fields"]) if node["kind"] == "object" else ()


def judge(data: Any) -> Verdict:
    """What LibreChat's schema says of a parsed file."""
    run = _Judge()
    run.value(int(schema()["root"]), data, ())
    issues = tuple(run.issues)
    return Verdict(not issues, issues, tuple(dict.fromkeys(run.ignored)))


def kind_of(value: Any) -> str:
    """The word that zod has for a value's type."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "nan" if math.isnan(value) else "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "date" if isinstance(value, (datetime, Invalid)) else "object"


class _Judge:
    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = schema()["nodes"]
        self.issues: list[Issue] = []
        self.ignored: list[Path_] = []

    def peeled(self, number: int) -> dict[str, Any]:
        """The node itself, without what only says that it may be missing or refines it."""
        node = self.nodes[number]
        while node["kind"] in ("optional", "nullable", "default", "lazy", "rule"):
            node = self.nodes[node["of"]]
        return node

    def value(self, number: int, value: Any, path: Path_) -> tuple[int, Any]:
        """The verdict on a value and what becomes of it."""
        node = self.nodes[number]
        kind = node["kind"]
        while kind in ("optional", "nullable", "default", "lazy"):
            if kind == "optional" and value is MISSING:
                return VALID, MISSING
            if kind == "nullable" and value is None:
                return VALID, None
            if kind == "default" and value is MISSING:
                value = node["value"]
            node = self.nodes[node["of"]]
            kind = node["kind"]
        verdict: tuple[int, Any] = getattr(self, f"_{kind}")(node, value, path)
        return verdict

    def _say(
        self, path: Path_, code: str, message: str, expected: str = "", allowed: tuple[str, ...] = ()
    ) -> tuple[int, Any]:
        self.issues.append(Issue(path, code, message, expected, allowed))
        return ABORTED, None

    def _wrong(self, path: Path_, expected: str, value: Any) -> tuple[int, Any]:
        got = kind_of(value)
        message = "Required" if got == "undefined" else f"Expected {expected}, received {got}"
        return self._say(path, "invalid_type", message, expected)

    def _unknown(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        return VALID, value

    def _null(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        return (VALID, None) if value is None else self._wrong(path, "null", value)

    def _undefined(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        return (VALID, value) if value is MISSING else self._wrong(path, "undefined", value)

    def _boolean(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        return (VALID, value) if isinstance(value, bool) else self._wrong(path, "boolean", value)

    def _string(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if not isinstance(value, str):
            return self._wrong(path, "string", value)
        status = VALID
        for name, limit, *more in node["checks"]:
            said = ""
            if name == "trim":
                value = value.strip()
            elif name == "min" and units(value) < limit:
                said = f"it has fewer than {limit} characters" if value else "it is empty"
            elif name == "max" and units(value) > limit:
                said = f"it has more than {limit} characters"
            elif name == "url" and not is_url(value):
                said = "it is not a URL"
            elif name == "regex" and not _matches(limit, more[0], value):
                said = more[1] or f"it does not match {limit}"
            if said:
                status = DIRTY
                self._say(path, "invalid_string" if name in ("url", "regex") else f"too_{_SIZE[name]}", said)
        return status, value

    def _number(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if kind_of(value) != "number":
            return self._wrong(path, "number", value)
        status = VALID
        for name, *more in node["checks"]:
            said, code = "", ""
            if name == "int" and not float(value).is_integer():
                said, code = "Expected integer, received float", "invalid_type"
            elif name == "finite" and math.isinf(value):
                said, code = "Number must be finite", "not_finite"
            elif name == "min" and (value < more[0] or (value == more[0] and not more[1])):
                said, code = (
                    f"Number must be {'at least' if more[1] else 'greater than'} {spelled(more[0])}",
                    "too_small",
                )
            elif name == "max" and (value > more[0] or (value == more[0] and not more[1])):
                said, code = f"Number must be {'at most' if more[1] else 'less than'} {spelled(more[0])}", "too_big"
            if said:
                status = DIRTY
                self._say(path, code, said)
        return status, value

    def _literal(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        wanted = node["value"]
        if value == wanted and isinstance(value, bool) == isinstance(wanted, bool):
            return VALID, value
        return self._say(path, "invalid_literal", f"it must be {json.dumps(wanted)}", json.dumps(wanted))

    def _enum(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if any(value == word and kind_of(value) == kind_of(word) for word in node["values"]):
            return VALID, value
        words = tuple(spelled(word) for word in node["values"])
        if kind_of(value) not in {kind_of(word) for word in node["values"]}:
            return self._wrong(path, " | ".join(f"'{word}'" for word in words), value)
        return self._say(path, "invalid_enum_value", "it is none of the words allowed", "", words)

    def _array(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if not isinstance(value, list):
            return self._wrong(path, "array", value)
        status, kept = VALID, []
        if node["min"] is not None and len(value) < node["min"]:
            status = DIRTY
            self._say(path, "too_small", f"the list must have at least {node['min']} entries")
        if node["max"] is not None and len(value) > node["max"]:
            status = DIRTY
            self._say(path, "too_big", f"the list must have at most {node['max']} entries")
        for number, item in enumerate(value):
            verdict, become = self.value(node["of"], item, (*path, number))
            status = max(status, verdict)
            kept.append(become)
        return status, kept

    def _record(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if kind_of(value) != "object":
            return self._wrong(path, "object", value)
        status, kept = VALID, {}
        for key, item in _entries(value):
            verdict, kept[key] = self.value(node["of"], item, (*path, key))
            status = max(status, verdict)
        return status, kept

    def _object(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if kind_of(value) != "object":
            return self._wrong(path, "object", value)
        entries, known, status = dict(_entries(value)), node["fields"], VALID
        kept: dict[str, Any] = {}
        for key, inner in known.items():
            verdict, become = self.value(inner, entries.get(key, MISSING), (*path, key))
            status = max(status, verdict)
            if become is not MISSING:
                kept[key] = become
        strange = [key for key in entries if key not in known]
        if node["unknown"] == "passthrough":
            kept |= {key: entries[key] for key in strange}
        elif node["unknown"] == "strict":
            for key in strange:
                status = max(status, DIRTY)
                self._say((*path, key), "unrecognized_keys", "there is no such key here", "", tuple(known))
        else:
            self.ignored += [(*path, key) for key in strange]
        return status, kept

    def _union(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        dirty: tuple[_Judge, Any] | None = None
        failed: list[_Judge] = []
        for option in node["of"]:
            trial = _Judge()
            status, become = trial.value(option, value, path)
            if status == VALID:
                self.ignored += trial.ignored
                return VALID, become
            if status == DIRTY and dirty is None:
                dirty = trial, become
            failed.append(trial)
        if dirty is not None:
            self.issues += dirty[0].issues
            self.ignored += dirty[0].ignored
            return DIRTY, dirty[1]
        # What zod calls "Invalid input": the way in that came nearest says what is amiss.
        nearest = min(
            failed, key=lambda trial: (-max((len(i.path) for i in trial.issues), default=0), len(trial.issues))
        )
        here = [trial.issues[0] for trial in failed if trial.issues and trial.issues[0].path == path]
        if len(here) == len(failed):
            kinds = " or ".join(dict.fromkeys(issue.expected for issue in here if issue.expected))
            return self._say(path, "invalid_union", f"Invalid input, received {kind_of(value)}", kinds)
        self.issues += nearest.issues
        return ABORTED, None

    def _choice(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        if kind_of(value) != "object":
            return self._wrong(path, "object", value)
        word = dict(_entries(value)).get(node["by"], MISSING)
        if not isinstance(word, str) or word not in node["of"]:
            return self._say(
                (*path, node["by"]),
                "invalid_union_discriminator",
                "it is none of the words allowed",
                "",
                tuple(node["of"]),
            )
        return self.value(node["of"][word], value, path)

    def _both(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        before, self.ignored = self.ignored, []
        left_status, left = self.value(node["of"][0], value, path)
        left_ignored, self.ignored = self.ignored, []
        right_status, right = self.value(node["of"][1], value, path)
        self.ignored = before + [p for p in left_ignored if p in set(self.ignored)]
        status = max(left_status, right_status)
        both = {**left, **right} if isinstance(left, dict) and isinstance(right, dict) else right
        return status, both

    def _pipe(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        status, become = self.value(node["of"][0], value, path)
        return (status, become) if status != VALID else self.value(node["of"][1], become, path)

    def _rule(self, node: dict[str, Any], value: Any, path: Path_) -> tuple[int, Any]:
        status, become = self.value(node["of"], value, path)
        if status == ABORTED:
            return status, None
        said: list[tuple[Path_, str]] = []
        become = MISSING if become is MISSING else RULES[node["rule"]](become, lambda at, text: said.append((at, text)))
        for at, text in said:
            self._say((*path, *at), "custom", text)
        return (DIRTY if said else status), become


_SIZE = {"min": "small", "max": "big"}


def _entries(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [(str(n), byte) for n, byte in enumerate(value)] if isinstance(value, bytes) else []


def _matches(source: str, flags: str, text: str) -> bool:
    """Whether a JavaScript pattern of the schema finds its text; `$` is the very end."""
    if r"\p{" in source:  # letters, digits and marks stand for their classes
        text = "".join(c if (k := unicodedata.category(c)[0]) not in "LNM" else k for c in text)
        source = re.sub(r"\\p\{([LNM])\}", r"\1", source)
    pattern = re.sub(r"\$$", r"\\Z", source)
    return re.search(pattern, text, re.ASCII | (re.IGNORECASE if "i" in flags else 0)) is not None

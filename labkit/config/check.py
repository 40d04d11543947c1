"""The check of a librechat.yaml in five grades, and keys that stand in the file.

One function a grade; what needs the facts about providers is in `check_facts`, what hides in `check_endpoints`.
Profile 'current' is LibreChat 0.8, 'legacy' up to 0.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labkit.config.check_endpoints import BUILT_IN, surprising
from labkit.config.check_facts import against_facts
from labkit.config.check_secrets import in_text, literal_keys
from labkit.config.findings import GRADES, Finding, did_you_mean
from labkit.config.models import Endpoint
from labkit.config.profiles import profile_of
from labkit.config.report import Findings
from labkit.config.zod import Issue, fields, parameters

if TYPE_CHECKING:
    from labkit.config.file import Config
    from labkit.facts import Facts

VERSION = "1.3.17"  # the constant of librechat-data-provider 0.8.524
MOST = 200  # findings of one grade that are worded
# Removed from LibreChat, with the day and what there is now.
REMOVED = {
    "forcePrompt": "It was removed in 2026-02; the request always has `messages`",
    "summarize": "It was removed in 2026-03; there is a block `summarization:` at the top of the file now",
    "summaryModel": "It was removed in 2026-03; there is a block `summarization:` at the top of the file now",
    "customOrder": "It was removed in 2026-03; endpoints stand in the order of the file",
    "chatGptLabel": "It is called `modelLabel` now",
}


_OF_CUSTOM = ("apiKey", "baseURL", "models", "name", "dropParams", "addParams", "headers")
NO_SUCH = "Take it away, or look for another name: this version of the format has no such key"


def check(config: Config, facts: Facts | None = None, profile: str = "current") -> Findings:
    """All findings, by line; at one place the gravest first."""
    style = profile_of(profile)
    current = style.word == "current"
    if config.problem is not None:
        found = [config.problem, *_keys_in_text(config)]
    else:
        if facts is None:
            from labkit.facts import load

            facts = load()
        found = [
            *_schema(config),
            *_some(config, _start_up(config)),
            *_some(config, _dropped(config)),
            *_ignored(config, current),
            *_some(config, surprising(config, current)),
            *_some(config, against_facts(config, facts, current)),
            *_secrets(config),
        ]
    order = list(GRADES)
    unique = {(f.grade, f.code, f.place, f.what): f for f in found}
    by_line = sorted(unique.values(), key=lambda f: (f.line, f.column, order.index(f.grade), f.code))
    return Findings.of(by_line, config.name, style.name, accepted=config.accepted)


def _schema(config: Config) -> Iterator[Finding]:
    issues = config.verdict.issues
    if len(issues) > MOST:
        yield _more(config, "schema", len(issues) - MOST)
    for issue in issues[:MOST]:
        if not issue.path and not isinstance(config.data, dict):
            what = "the file says nothing" if config.data is None else "the top of the file is no mapping"
            place = config.place(())
            right = f'It begins with version: "{VERSION}"'
            if isinstance(config.data, list) and any(isinstance(e, dict) and "baseURL" in e for e in config.data):
                what = "this is a list of endpoints without what they stand in"
                right += "; then come `endpoints:`, below it `custom:`, and below that this list, indented"
            yield Finding("schema", "no-mapping", place, what, right)
            continue
        place = config.place(issue.path, key=issue.code == "unrecognized_keys")
        yield Finding("schema", issue.code.replace("_", "-"), place, *_worded(config, issue))


def _some(config: Config, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The first MOST, and one that says that there are more: nobody mends more at a time."""
    for number, finding in enumerate(findings):
        if number == MOST:
            what = "there are more findings of this grade"
            yield Finding(finding.grade, "more", config.place(()), what, "Mend these first")
            return
        yield finding


def _more(config: Config, grade: str, count: int) -> Finding:
    return Finding(
        grade, "more", config.place(()), f"there are {count} more findings of this grade", "Mend these first"
    )


def _worded(config: Config, issue: Issue) -> tuple[str, str]:
    last = issue.path[-1] if issue.path else ""
    if issue.code == "unrecognized_keys":
        at = issue.path[:-1]
        if at == ("endpoints",):
            return (
                f"there is no endpoint {last!r}",
                did_you_mean(str(last), issue.allowed) or "A provider of your own is an entry in the list `custom`",
            )
        near = did_you_mean(str(last), issue.allowed)
        if not at and str(last).startswith("x-"):
            near = "LibreChat takes no extension keys; put an anchor where the value is first used"
        elsewhere = "" if near else _belongs(str(last), issue.path)
        return f"{last!r} is no key that may stand here", near or elsewhere
    if issue.message == "Required":
        right = f'Write version: "{VERSION}"' if issue.path == ("version",) else f"It must be {_kind(issue.expected)}"
        return "it is missing", right
    if issue.code == "invalid_type" and issue.expected:
        received = issue.message.rpartition("received ")[2]
        right = f"It must be {_kind(issue.expected)}"
        if issue.expected == "string" and received in ("number", "boolean", "date"):
            right += "; quote it"
        if issue.expected == "boolean" and received == "string":
            right += ", without quotes: true or false (yes, no, on and off are strings)"
        return f"it is {_kind(received)}", right
    if issue.allowed:
        words = ", ".join(issue.allowed)
        value = _at(config.data, issue.path)
        near = did_you_mean(value, issue.allowed) if isinstance(value, str) else ""
        return issue.message, f"{near} It may be {words}".strip()
    if issue.code == "invalid_union" and issue.expected:
        return issue.message.replace("Invalid input, received", "it is of the wrong kind:"), (
            "It must be " + " or ".join(dict.fromkeys(_kind(word) for word in issue.expected.split(" or ")))
        )
    return issue.message, ""


_ARTICLE = {
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
    "undefined": "absent",
    "date": "a date",
    "boolean": "true or false",
    "nan": "not a number",
    "integer": "a whole number",
}


def _kind(word: str) -> str:
    if word in _ARTICLE:
        return _ARTICLE[word]
    return f"a {word}" if word.isalpha() else f"one of {word.replace(' | ', ', ')}" if "'" in word else word


def _start_up(config: Config) -> Iterator[Finding]:
    for endpoint in config.endpoints:
        custom = endpoint.raw.get("customParams")
        if not isinstance(custom, dict):
            continue
        at = (*endpoint.keys, "customParams")
        word = custom.get("defaultParamsEndpoint", "custom")
        known = parameters(word) if isinstance(word, str) else None
        if isinstance(word, str) and known is None:
            from labkit.config.zod import schema

            yield Finding(
                "start-up",
                "params-endpoint",
                config.place((*at, "defaultParamsEndpoint")),
                f"{word!r} is no set of parameters; LibreChat throws while it starts",
                f"{did_you_mean(word, schema()['parameters'])} There are {', '.join(schema()['parameters'])}".strip(),
            )
        definitions = custom.get("paramDefinitions")
        for number, definition in enumerate(definitions if isinstance(definitions, list) else ()):
            key = definition.get("key") if isinstance(definition, dict) else None
            if isinstance(key, str) and known is not None and key not in known:
                yield Finding(
                    "start-up",
                    "params-key",
                    config.place((*at, "paramDefinitions", number, "key")),
                    f"{key!r} is no parameter of {word!r}; LibreChat throws while it starts",
                    f"{did_you_mean(key, known)} There are {', '.join(known)}".strip(),
                )


def _dropped(config: Config) -> Iterator[Finding]:
    for endpoint in config.endpoints:
        if endpoint.kept:
            continue
        lacks = list(endpoint.missing)
        near = []
        for name in lacks:
            for key in endpoint.raw:
                if key not in Endpoint.model_fields and did_you_mean(key, [name]):
                    near.append(f"`{key}` must be spelled `{name}`")
        some = " and ".join(lacks)
        called = f"{endpoint.name!r} is" if endpoint.name else "this endpoint is"
        yield Finding(
            "dropped",
            "endpoint-dropped",
            config.place(endpoint.keys),
            f"{called} left out without a word, because it lacks {some}",
            "; ".join(near) or "It needs name, apiKey, baseURL, and models with default or fetch",
        )


def _ignored(config: Config, current: bool) -> Iterator[Finding]:
    strange = config.verdict.ignored
    if len(strange) > MOST:
        yield _more(config, "ignored", len(strange) - MOST)
    for path in strange[:MOST]:
        key = str(path[-1])
        if not current and key in ("forcePrompt", "summarize", "summaryModel", "customOrder"):
            continue
        code = "removed-key" if key in REMOVED else "unknown-key"
        known = fields(*("[]" if isinstance(step, int) else step for step in path[:-1]))
        right = REMOVED.get(key) or _built_in(key, path) or did_you_mean(key, known) or _belongs(key, path) or NO_SUCH
        what = f"LibreChat does not know {key!r} here and ignores it"
        yield Finding("ignored", code, config.place(path, key=True), what, right)
    if current:
        for endpoint in config.endpoints:
            if "titleMessageRole" in endpoint.raw:
                yield Finding(
                    "ignored",
                    "dead-key",
                    config.place((*endpoint.keys, "titleMessageRole"), key=True),
                    "nothing reads titleMessageRole: the title's request always has one message of role user",
                    "Take it away; the documentation still tells of it",
                )


def _built_in(key: str, path: tuple[Any, ...]) -> str:
    """What to say of a custom endpoint's key in one of LibreChat's own endpoints."""
    if len(path) == 3 and path[0] == "endpoints" and path[1] in BUILT_IN and key in _OF_CUSTOM:
        return f"LibreChat's own endpoint {path[1]} takes no {key} here; an entry in the list endpoints.custom does"
    return ""


def _belongs(key: str, path: tuple[Any, ...]) -> str:
    """Where a key that stands in the wrong place would be right: its indentation is wrong."""
    steps = tuple("[]" if isinstance(step, int) else str(step) for step in path[:-1])
    for depth in range(len(steps) - 1, -1, -1):
        outer = steps[:depth]
        if key in fields(*outer):
            where = _spoken(outer)
            return f"It belongs to {where}: indent it as the other keys there"
    for inner in fields(*steps):
        for deeper in ((*steps, inner), (*steps, inner, "[]")):
            if key in fields(*deeper):
                return f"It belongs into {_spoken(deeper)}: indent it deeper"
    if steps != ("endpoints", "custom", "[]") and key in fields("endpoints", "custom", "[]"):
        return "It belongs to an endpoint in endpoints.custom"
    if key in fields("modelSpecs", "list", "[]", "preset"):
        return "It belongs into a preset: modelSpecs.list[].preset"
    return ""


def _spoken(steps: tuple[str, ...]) -> str:
    if not steps:
        return "the top of the file"
    return ".".join(steps).replace(".[]", "[]")


def _secrets(config: Config) -> Iterator[Finding]:
    lines = set()
    for keys, kind, _ in literal_keys(config):
        place = config.place(keys)
        lines.add(place.line)
        yield Finding(
            "secret",
            "literal-key",
            place,
            f"{kind} stands in the file",
            "Put it into .env and write ${NAME} here; if the file was ever shared, have the provider revoke the key",
        )
    yield from (finding for finding in _keys_in_text(config) if finding.line not in lines)


def _keys_in_text(config: Config) -> Iterator[Finding]:
    for offset, kind in in_text(config.text):
        yield Finding(
            "secret",
            "literal-key",
            config.at(offset),
            f"{kind} stands in the file",
            "Put it into .env; if the file was ever shared, have the provider revoke the key",
        )


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data

"""One LibreChat endpoint and the request it makes, with and without its dropParams and addParams.

It reads and edits YAML through `labkit.config` and sends nothing. No ipywidgets: the config bench is a shell over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from labkit.config import Config, Finding, loads
from labkit.config.difference import Difference, compare
from labkit.config.profiles import CLIENT_NAMES
from labkit.errors import ConfigError, LabError
from labkit.keys import scrub
from labkit.view.bodies import pretty
from labkit.view.html import Html, badge, join, note, pre, table

if TYPE_CHECKING:
    import httpx

    from labkit.facts import Facts

MODELS = 3  # of an endpoint's list that are kept in its own text
FIXED = ("model", "messages", "stream", "stream_options", "system", "thinking")
EDITS = ("dropParams", "addParams")


@dataclass(frozen=True, repr=False)
class Benched:
    """What one endpoint's text means. name: the endpoint's.  bare: the request without dropParams and addParams.
    request: with them.  problem: why there is none, in a sentence.  findings: what the check says of the text.
    """

    text: str
    name: str
    bare: httpx.Request | None
    request: httpx.Request | None
    problem: str
    findings: tuple[Finding, ...]
    dropped: tuple[str, ...] = ()
    added: Mapping[str, Any] | None = None

    @property
    def difference(self) -> Difference | None:
        """What dropParams and addParams change."""
        return compare(self.bare, self.request) if self.bare is not None and self.request is not None else None

    @property
    def body(self) -> dict[str, Any]:
        """The body that is sent; {} where there is no request."""
        found: dict[str, Any] = json.loads(self.request.content) if self.request is not None else {}
        return found

    @property
    def saved_bytes(self) -> int:
        """How many bytes shorter the body is for dropParams and addParams; negative where it is longer."""
        if self.bare is None or self.request is None:
            return 0
        return len(self.bare.content) - len(self.request.content)

    def numbers(self) -> dict[str, int]:
        """Bytes of the body without and with the two, and how many were saved."""
        before = len(self.bare.content) if self.bare is not None else 0
        after = len(self.request.content) if self.request is not None else 0
        return {"bytes_without": before, "bytes": after, "bytes_saved": self.saved_bytes}

    def names(self) -> list[str]:
        """What dropParams could name: the fields of the bare body, and the names that LibreChat 0.8 has for them."""
        body = json.loads(self.bare.content) if self.bare is not None else {}
        wire = [name for name in body if name not in FIXED]
        other = [name for name, at in CLIENT_NAMES.items() if at in wire and name not in wire]
        return list(dict.fromkeys([*wire, *other, *self.dropped]))

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        difference = str(self.difference)
        saved = self.saved_bytes
        ends = f"{saved:,} bytes saved" if saved >= 0 else f"{-saved:,} bytes more"
        return scrub("\n".join([f"{self.name}: {json.dumps(self.body, ensure_ascii=False)}", difference, ends]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return join([self.request_html(), self.difference_html(), self.findings_html()])

    def request_html(self) -> Html:
        """Address, headers and body of the request."""
        if self.request is None:
            return note(self.problem)
        from labkit.wire import Exchange

        sent = Exchange.of(self.request).request
        lines = "\n".join(
            f"{name}: {value}" for name, value in sent.headers if name.lower() not in ("content-length", "host")
        )
        text = self.request.content.decode("utf-8")
        head = note(f"POST {sent.url} · {len(self.request.content):,} bytes of body")
        return join(
            [head, pre(scrub(lines)), Html('<div style="height: 6px"></div>'), pre(scrub(pretty(text) or text))]
        )

    def difference_html(self) -> Html:
        """What dropParams and addParams change, with the bytes saved."""
        difference = self.difference
        if difference is None:
            return note(self.problem)
        if not difference:
            return note("dropParams and addParams change nothing in this request.")
        rows = [(line.where, line.first, line.second) for line in difference.lines]
        rows.append(("bytes of the body", f"{len(difference.first):,}", f"{len(difference.second):,}"))
        head = ("where", "without dropParams, addParams", "with them")
        return join(
            [table([[scrub(cell) for cell in line] for line in rows], head), note(f"{self.saved_bytes:,} bytes saved.")]
        )

    def findings_html(self) -> Html:
        """What the check says, in the order of the lines."""
        if not self.findings:
            return note("The check finds nothing amiss.")
        rows = [
            [badge(finding.grade, "bad" if finding.grade in ("yaml", "schema") else "warn"), str(finding)]
            for finding in self.findings
        ]
        return table(rows)


def endpoint_text(config: Config, name: str) -> str:
    """One endpoint as a file of its own: YAML with that endpoint alone, no literal key in it.

    Of its list of models the first three are kept.
    """
    raw = dict(config.endpoint(name).raw)
    models = raw.get("models")
    if isinstance(models, dict) and isinstance(models.get("default"), list):
        raw["models"] = {**models, "default": models["default"][:MODELS]}
    text: str = yaml.safe_dump(
        {"version": "1.3.17", "endpoints": {"custom": [raw]}}, sort_keys=False, allow_unicode=True, width=100
    )
    for secret in config.secrets:
        text = text.replace(secret, "${YOUR_KEY}")
    return text


def benched(
    text: str,
    message: str = "What is the capital of France?",
    *,
    chosen: Mapping[str, Any] | None = None,
    profile: str = "current",
    facts: Facts | None = None,
) -> Benched:
    """What the first endpoint of `text` sends for one message; never raises for what the text says.

    chosen: what the user set in LibreChat's panel.  profile: 'current' or 'legacy'.
    """
    config = loads(text, "endpoint.yaml")
    if config.problem is not None:
        return Benched(text, "", None, None, f"This is no YAML: {config.problem}", (config.problem,))
    found = config.check(facts, profile)
    if not config.endpoints:
        return Benched(text, "", None, None, "There is no endpoint under endpoints: custom: in this text.", found)
    endpoint = config.endpoints[0]
    name = str(endpoint.name or "")
    drop, add = endpoint.raw.get("dropParams"), endpoint.raw.get("addParams")
    dropped = tuple(str(one) for one in drop) if isinstance(drop, list) else ()
    added = add if isinstance(add, dict) else None
    try:
        bare = config
        for key in EDITS:
            if key in endpoint.raw:
                bare = bare.remove((*endpoint.keys, key))
        options: dict[str, Any] = {"chosen": dict(chosen or {}), "profile": profile}
        made = config.request(name, message, **options)
        return Benched(text, name, bare.request(name, message, **options), made, "", found, dropped, added)
    except LabError as error:
        return Benched(text, name, None, None, str(error), found, dropped, added)
    except (TypeError, ValueError, AttributeError) as error:
        said = f"No request can be made of this text: {type(error).__name__}, {error}."
        return Benched(text, name, None, None, said, found, dropped, added)


def with_drop(text: str, names: Sequence[str]) -> str:
    """`text` with the first endpoint's dropParams set to these names, and without it where there are none."""
    return _with(text, "dropParams", list(names))


def with_add(text: str, fields: Mapping[str, Any]) -> str:
    """`text` with the first endpoint's addParams set to these fields, and without it where there are none."""
    return _with(text, "addParams", dict(fields))


def _with(text: str, key: str, value: Any) -> str:
    config = loads(text, "endpoint.yaml")
    if not config.endpoints:
        raise ConfigError("there is no endpoint to change", where=key, do="Mend the YAML first")
    place = (*config.endpoints[0].keys, key)
    if value:
        return config.set(place, value).text
    return config.remove(place).text if key in config.endpoints[0].raw else text

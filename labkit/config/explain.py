"""`cfg.explain(endpoint)`: each field of an endpoint, what was declared, what leaves for the network, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.config.body import NOTHING
from labkit.config.file import MESSAGE
from labkit.config.menu import label_of
from labkit.config.profiles import Profile, profile_of
from labkit.config.request import Made, harmless, make, missing, model_names, models_request, raw_of
from labkit.config.titles import CURRENT_MODEL, make_title, settings_of
from labkit.config.variables import USER_PROVIDED, can_be_set, variables_in
from labkit.errors import ConfigError
from labkit.keys import MASK, scrub
from labkit.keys.masks import mask_header, mask_url

if TYPE_CHECKING:
    import httpx

    from labkit.config.file import Config

GONE = {
    "forcePrompt": "removed from LibreChat in February 2026; up to 0.7 it made text completions",
    "summarize": "removed in March 2026; summaries are the top-level block `summarization` now",
    "summaryModel": "removed in March 2026; summaries are the top-level block `summarization` now",
    "customOrder": "removed in March 2026",
    "titleMessageRole": "checked and copied, and read by nothing: a title is always asked for by the user",
    "apiKeyPreview": "written by LibreChat itself",
}
THEN = {  # what the profile of 0.7 has to say of them
    "forcePrompt": "true made text completions: `prompt` in the place of `messages`, which is not shown here",
    "summarize": "true had long conversations summed up, in requests of their own",
    "summaryModel": "the model of those summaries",
    "titleMessageRole": "the role of the title's message, where it was read at all",
}
FEW = 3  # models that a row names
SCREEN = {
    "name": "the title in the menu; it finds the endpoint for presets and stored keys",
    "iconURL": "the picture in the menu",
    "streamRate": "how fast the text appears on the screen",
    "tokenConfig": "context window and cost display",
    "maxToolResultChars": "cuts what tools answer before the model reads it",
}


@dataclass(frozen=True)
class Row:
    """One field. declared: as in the file, '' where it is not there.  line: its own, None where it is not there."""

    field: str
    declared: str
    leaves: str
    why: str
    line: int | None = None


@dataclass(frozen=True)
class Explanation:
    """What an endpoint does to the requests. chat, title: the requests as they would leave; models: the list's.

    refused: why LibreChat makes no request at all, '' when it does.
    """

    endpoint: str
    profile: Profile
    rows: tuple[Row, ...]
    chat: httpx.Request | None = None
    title: httpx.Request | None = None
    models: httpx.Request | None = None
    refused: str = ""
    hidden: frozenset[str] = frozenset()

    def __getitem__(self, field: str) -> Row:
        """The row of a field: `explanation["addParams.max_tokens"]`."""
        for row in self.rows:
            if row.field == field:
                return row
        raise KeyError(field)

    def __str__(self) -> str:
        lines = [f"{self.endpoint} · {self.profile.name}", ""]
        if self.refused:
            lines += [self.refused, ""]
        for row in self.rows:
            place = f" (line {row.line})" if row.line else ""
            lines.append(f"{row.field}{place}: {row.declared or 'not declared'}")
            lines.append(f"    leaves: {row.leaves}{f'; {row.why}' if row.why else ''}")
        for name, request in self._requests():
            lines += ["", f"{name}:", request_text(request)]
        return self._clean("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from labkit.view.html import Html, card, details, join, note, pre, table

        rows = [
            (r.field, r.declared or "not declared", join([one for one in (r.leaves, r.why) if one], Html("<br>")))
            for r in self.rows
        ]
        parts: list[str] = [note(self.refused)] if self.refused else []
        parts.append(table(rows, ("field", "declared", "what leaves, and why")))
        parts += [details(name, pre(request_text(request))) for name, request in self._requests()]
        return self._clean(card(f"{self.endpoint} · {self.profile.name}", join(parts)))

    def _requests(self) -> Iterator[tuple[str, httpx.Request]]:
        named = (
            ("The chat", self.chat),
            ("The title, a second request", self.title),
            ("The list of models", self.models),
        )
        yield from ((name, request) for name, request in named if request is not None)

    def _clean(self, text: str) -> str:
        return scrub(text, also=self.hidden)


def explain(config: Config, endpoint: str = "", **options: Any) -> Explanation:
    """What becomes of each field of `endpoint` (the first unless given). Options as in `make`, `profile` among them.

    Raises ConfigError for an endpoint that is not there, ParameterError for an unknown profile. An endpoint that
    LibreChat would refuse or drop is explained all the same, and the reason is said.
    """
    style = profile_of(options.get("profile", "current"))
    if not endpoint and not options.get("spec"):
        endpoint = next((str(e.name) for e in config.endpoints if e.name), "")
    made: Made | None = None
    second: Made | None = None
    refused = ""
    try:
        made = make(config, endpoint, options.pop("message", MESSAGE), **options)
        second = make_title(config, made.name, model=made.model, **{k: v for k, v in options.items() if k in _SHARED})
    except ConfigError as error:
        refused = str(error)
    raw, path = (made.raw, made.path) if made else raw_of(config, endpoint)
    listed = None
    if not refused:
        listed = models_request(config, str(raw.get("name")), env=options.get("env"))
    rows = tuple(_rows(config, raw, path, made, second, style))
    return Explanation(
        str(raw.get("name") or endpoint),
        style,
        rows,
        made.request if made else None,
        second.request if second else None,
        listed,
        refused,
        frozenset(config.secrets),
    )


_SHARED = ("profile", "env", "user", "user_key", "user_url")


def _rows(
    config: Config,
    raw: Mapping[str, Any],
    path: tuple[str | int, ...],
    made: Made | None,
    title: Made | None,
    style: Profile,
) -> Iterator[Row]:
    lacks = missing(raw)
    for name, value in raw.items():
        line = config.place((*path, name), key=True).line if path else None
        yield from _field(config, raw, path, str(name), value, line, made, title, style)
    for name in lacks:
        yield Row(name, "", "no request at all", "LibreChat drops the endpoint without a word")
    if made:
        for name, value in made.chosen.items():
            leaves, why = made.draft.notes.get(f"chosen.{name}", (NOTHING, "LibreChat's own"))
            if name == "promptPrefix":
                leaves, why = "messages[0], of the system", ""
            yield Row(f"chosen.{name}", _shown(value), leaves, why)
        if "user" in made.body and "addParams.user" not in made.draft.notes:
            yield Row("user", "", f"body.user = {_shown(made.body['user'])}", "LibreChat adds who is asking")
    if "titleConvo" not in raw and "endpoints.all" not in settings_of(config, raw)[1]:
        yield Row("titleConvo", "", "a second request", "titles are on unless `titleConvo: false`")
    if "titleModel" not in raw and title:
        yield Row("titleModel", "", f"model of the second request = {_shown(title.body.get('model'))}",
                  "the conversation's own" if style.word == "current" else "0.7's default")  # fmt: skip


def _field(
    config: Config,
    raw: Mapping[str, Any],
    path: tuple[str | int, ...],
    name: str,
    value: Any,
    line: int | None,
    made: Made | None,
    title: Made | None,
    style: Profile,
) -> Iterator[Row]:
    notes = made.draft.notes if made else {}

    def inner(*keys: str | int) -> int | None:
        return config.place((*path, name, *keys)).line if path else None

    if name in ("addParams", "headers") and isinstance(value, dict):
        for key, one in value.items():
            if name == "headers":
                leaves, why = _header(str(key), one, raw, made)
                yield Row(f"headers.{key}", mask_header(str(key), _shown(one).strip('"')), leaves, why, inner(key))
            else:
                leaves, why = notes.get(f"addParams.{key}", ("no request", "") if not made else (NOTHING, ""))
                yield Row(f"addParams.{key}", _shown(one), leaves, why, inner(key))
    elif name == "dropParams" and isinstance(value, list):
        for number, one in enumerate(value):
            leaves, why = notes.get(f"dropParams[{number}]", (NOTHING, ""))
            yield Row(f"dropParams[{number}]", _shown(one), leaves, why, inner(number))
    elif name == "customParams" and isinstance(value, dict) and style.word == "current":
        for key, one in value.items():
            if key == "paramDefinitions" and isinstance(one, list):
                for number, item in enumerate(one):
                    leaves, why = notes.get(f"customParams.{key}[{number}]", (NOTHING, "the panel's look"))
                    yield Row(f"customParams.{key}[{number}]", _shown(item), leaves, why, inner(key, number))
            else:
                leaves, why = notes.get(f"customParams.{key}", (NOTHING, "the panel's look, or how answers are read"))
                yield Row(f"customParams.{key}", _shown(one), leaves, why, inner(key))
    elif name == "models":
        leaves = f"body.model = {_shown(made.body.get('model'))}" if made else "no request"
        why = "the one that was chosen; the first unless given"
        if made and made.body.get("model") != made.model:
            why = f"{_shown(made.model)} was chosen, and another field replaces it"
        names = model_names(raw)
        yield Row("models", _listed(names) if names else _shown(value), leaves, why, line)
    else:
        shown = _key_shown(raw) if name == "apiKey" else mask_url(_shown(value))
        yield Row(name, shown, *_single(config, raw, name, value, made, title, style), line)


def _single(
    config: Config,
    raw: Mapping[str, Any],
    name: str,
    value: Any,
    made: Made | None,
    title: Made | None,
    style: Profile,
) -> tuple[str, str]:
    """What leaves, and why, of a field that holds one value."""
    if name in GONE:
        return NOTHING, THEN.get(name, GONE[name]) if style.word == "legacy" else GONE[name]
    if name in SCREEN:
        return NOTHING, SCREEN[name]
    if made is None:
        return "no request", _variables(value)
    if name == "apiKey":
        header = "x-api-key" if made.draft.api == "messages" else "Authorization: Bearer"
        why = "asked of each user" if value == USER_PROVIDED else _variables(value)
        if not variables_in(str(value)) and value != USER_PROVIDED and not harmless(raw):
            why = "a key written out in the file: move it into a variable"
        return f"header {header}", why
    if name == "baseURL":
        return f"POST {mask_url(str(made.request.url))}", (
            "as written" if raw.get("directEndpoint") is True else "the rest of the path is added"
        )
    if name == "directEndpoint":
        return ("the address as written" if value is True else NOTHING), "nothing is added to baseURL"
    if name == "modelDisplayLabel":
        label = label_of(raw, made.model)
        return NOTHING, f"on the screen alone; this model's answers are labelled {label!r}"
    if name.startswith("title"):
        return _title(config, raw, name, value, title)
    if name in made.draft.notes:
        return made.draft.notes[name]
    if name == "provider":
        return NOTHING, "'anthropic' is the only value it may have"
    if name.startswith(("activity", "reasoningLabel")):
        return "further requests", "small ones, which label what tools and working do"
    return NOTHING, "LibreChat knows no such field and says nothing"


def _title(config: Config, raw: Mapping[str, Any], name: str, value: Any, title: Made | None) -> tuple[str, str]:
    settings, hides = settings_of(config, raw)
    if hides:
        return NOTHING, "`endpoints.all` is there, and replaces the endpoint's title settings as a whole"
    if name == "titleConvo":
        return ("no second request", "") if value is False else ("a second request", "the title's")
    if settings.get("titleConvo") is False or title is None:
        return NOTHING, "titles are off"
    body = title.body
    told = {
        "titleModel": (f"model of the second request = {_shown(body.get('model'))}",
                       "the conversation's own" if value == CURRENT_MODEL else ""),
        "titleMethod": ("response_format in the second request" if "response_format" in body else "no response_format",
                        "`completion` asks in plain words; the others ask for JSON, which some servers refuse"),
        "titlePrompt": ("the second request's message", "`{convo}` becomes the conversation"),
        "titlePromptTemplate": ("the second request's message", "`{input}` and `{output}` become what was said"),
        "titleEndpoint": (f"the second request goes to {title.request.url}", ""),
        "titleTiming": (NOTHING, "when it is sent; with `immediate` the answer is not in it yet"),
    }  # fmt: skip
    return told.get(name, (NOTHING, "LibreChat knows no such field and says nothing"))


def _header(name: str, value: Any, raw: Mapping[str, Any], made: Made | None) -> tuple[str, str]:
    if made is None:
        return "no request", ""
    if raw.get("baseURL") == USER_PROVIDED:
        return NOTHING, "headers are not sent where the user provides the address"
    if not isinstance(value, str):
        return NOTHING, "a header's value must be a string: put it in quotes"
    sent = made.request.headers.get(name, "")
    why = "replaces the key" if name.lower() == "authorization" else ""
    if "${" in sent:
        why = f"{_variables(value)}; a variable that is not set is sent as it is written"
    elif "{{" in sent:
        why = "LibreChat knows no such placeholder: sent as it is written"
    return f"header {name}: {mask_header(name, sent)}", why


def _variables(value: Any) -> str:
    names = variables_in(value) if isinstance(value, str) else []
    odd = [name for name in names if not can_be_set(name)]
    if odd:
        return f"LibreChat looks for one variable called {odd[0]!r}, which cannot be"
    return f"from {' and '.join(names)}" if names else ""


def _key_shown(raw: Mapping[str, Any]) -> str:
    value = raw.get("apiKey")
    if isinstance(value, str) and (variables_in(value) or value == USER_PROVIDED or harmless(raw)):
        return value
    return MASK


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(map(_shown, names[:FEW]))
    return first if len(names) <= FEW else f"{first} and {len(names) - FEW} more"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 160 else text[:157] + "…"


def request_text(request: httpx.Request) -> str:
    """A request as text: its first line, its headers without a key, its body as indented JSON."""
    lines = [f"{request.method} {mask_url(str(request.url))}"]
    lines += [f"{k}: {mask_header(k, v)}" for k, v in request.headers.items() if k not in ("host", "content-length")]
    if request.content:
        lines += ["", json.dumps(json.loads(request.content), ensure_ascii=False, indent=2)]
    return "\n".join(lines)

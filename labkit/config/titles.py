"""The hidden second request: the title of a new conversation.

It is on unless `titleConvo: false`, goes through the endpoint's own headers, addParams and dropParams, and fails
without the chat failing. Where `endpoints.all` is there, its title settings replace the endpoint's as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labkit.config.file import MESSAGE
from labkit.config.profiles import Profile, profile_of
from labkit.config.request import Made, make, raw_of

if TYPE_CHECKING:
    import httpx

    from labkit.config.file import Config

CURRENT_MODEL = "current_model"
LEGACY_MODEL = "gpt-3.5-turbo"
CONVERSATION = "User: {input}\nAI: {output}"
COMPLETION = (
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. "
    "Only return the title itself.\n\nConversation:\n{convo}"
)
STRUCTURED = (
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n"
    "2. A concise title in the detected language (5 words or less, no punctuation or quotation)\n\n{convo}"
)
# What 0.7 wrote here is not quoted in what we have read; the form (one system message) is.
LEGACY = "Write a title of five words or less for this conversation, without quotation marks.\n\n{convo}\n\n||>Title:"
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "extract",
        "schema": {
            "type": "object",
            "properties": {"language": {"type": "string"}, "title": {"type": "string"}},
            "required": ["language", "title"],
        },
    },
}


def title(config: Config, endpoint: str = "", message: str = MESSAGE, **options: Any) -> httpx.Request | None:
    """The request for the conversation's title, None where titles are off. Options as in `make_title`."""
    made = make_title(config, endpoint, message, **options)
    return made.request if made else None


def settings_of(config: Config, raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The title settings that hold for an endpoint, and where they stand: 'endpoints.all' hides the endpoint's own."""
    data = config.data if isinstance(config.data, dict) else {}
    every = data.get("endpoints")
    every = every.get("all") if isinstance(every, dict) else None
    return (every, "endpoints.all") if isinstance(every, dict) else (raw, "")


def make_title(
    config: Config,
    endpoint: str = "",
    message: str = MESSAGE,
    *,
    answer: str = "Paris.",
    profile: str | Profile = "current",
    model: str = "",
    spec: str = "",
    chosen: Mapping[str, Any] | None = None,
    **options: Any,
) -> Made | None:
    """`title`, with what is known of its making. answer: what the model said, which `titleTiming: final` sends too.

    model: the conversation's own, where no titleModel is given.  chosen: of no effect on a title.
    """
    style = profile_of(profile)
    if spec:
        from labkit.config.request import preset_of

        preset = preset_of(config, spec)
        endpoint, model = endpoint or str(preset.get("endpoint")), model or str(preset.get("model") or "")
    raw, _ = raw_of(config, endpoint)
    if style.word == "legacy":
        return _legacy(config, endpoint, message, answer, raw, style, model, options)
    settings, _ = settings_of(config, raw)
    if settings.get("titleConvo") is False:
        return None
    wanted = str(settings.get("titleModel") or CURRENT_MODEL)
    talks = make(config, endpoint, message, model=model, **options).model
    method = settings.get("titleMethod") or "completion"
    said = answer if settings.get("titleTiming") == "final" else ""
    template = str(settings.get("titlePromptTemplate") or CONVERSATION)
    convo = template.replace("{input}", message).replace("{output}", said)
    prompt = str(settings.get("titlePrompt") or (COMPLETION if method == "completion" else STRUCTURED))
    where = str(settings.get("titleEndpoint") or endpoint)
    made = make(
        config,
        where,
        messages=[{"role": "user", "content": prompt.replace("{convo}", convo)}],
        model=wanted if wanted != CURRENT_MODEL else talks,
        profile=style,
        title=True,
        **options,
    )
    return _with_form(made) if method in ("structured", "functions") else made


def _legacy(
    config: Config,
    endpoint: str,
    message: str,
    answer: str,
    raw: Mapping[str, Any],
    style: Profile,
    talks: str,
    options: Mapping[str, Any],
) -> Made | None:
    if raw.get("titleConvo") is False:
        return None
    model = str(raw.get("titleModel") or LEGACY_MODEL)
    if model == CURRENT_MODEL:
        model = make(config, endpoint, message, model=talks, profile=style, **options).model
    convo = f'||>User:\n"{message}"\n||>Response:\n"{answer}"'
    return make(
        config,
        endpoint,
        messages=[{"role": "system", "content": LEGACY.replace("{convo}", convo)}],
        model=model,
        profile=style,
        title=True,
        **options,
    )


def _with_form(made: Made) -> Made:
    import json
    from dataclasses import replace

    import httpx

    body = made.body
    messages = body.pop("messages", None)
    body["response_format"] = FORM
    if messages is not None:
        body["messages"] = messages
    headers = {k: v for k, v in made.request.headers.items() if k not in ("content-length", "host")}
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    again = httpx.Request("POST", made.request.url, headers=headers, content=content)
    return replace(made, request=again)

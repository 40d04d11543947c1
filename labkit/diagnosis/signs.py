"""Signs that no pattern can find: each looks at a reading and returns its evidence in a sentence, or '' when absent.

The rules name them in `test:`. They read what was sent and what came, nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labkit.diagnosis.reading import Reading

if TYPE_CHECKING:
    from labkit.facts import Facts, Provider

_ENDS = ("/chat/completions", "/completions", "/messages", "/v1", "/responses", "/embeddings", "/chat", "/api")
_KNOWN_ENDS = re.compile(
    r"/(chat/completions|completions|messages|responses|embeddings|models(/.+)?|api/(chat|generate|tags|show|embed|pull|ps"
    r"|version)|count_tokens|audio/.+|images/.+|.*:(streamG|g)enerateContent)/?$"
)
_PROVIDER_HOSTS = (
    *(("openai", "api.openai.com"), ("anthropic", "api.anthropic.com"), ("groq", "api.groq.com")),
    *(("openrouter", "openrouter.ai"), ("fireworks", "api.fireworks.ai"), ("deepseek", "api.deepseek.com")),
    *(("mistral", "api.mistral.ai"), ("google", "generativelanguage.googleapis.com"), ("xai", "api.x.ai")),
    *(("perplexity", "api.perplexity.ai"), ("together", "api.together.xyz"), ("huggingface", "huggingface.co")),
)
CHARACTERS_PER_TOKEN = 12  # no tokenizer packs ordinary text so densely
LONG_PROMPT = 4000  # characters below which a small count proves nothing
LOOSE_TEMPERATURE = 1.5
_ENDED_OTHERWISE = ("length", "max_tokens", "content_filter", "tool_calls", "tool_use", "error", "network_error")


def provider_at(reading: Reading, facts: Facts | None) -> str:
    """The provider that the call went to, by its address or the lab's header; '' when unknown."""
    named = reading.headers.get("x-lab-provider") or (reading.exchange.provider if reading.exchange else "")
    if facts is not None and named in facts:
        return named
    first = reading.path.strip("/").split("/")[0]
    if facts is not None and first in facts and reading.host in ("127.0.0.1", "localhost"):
        return first
    return next((name for name, host in _PROVIDER_HOSTS if reading.host == host), "")


def facts_of(reading: Reading, facts: Facts | None) -> Provider | None:
    """The facts of the provider that the call went to, or None."""
    name = provider_at(reading, facts)
    return facts[name] if facts is not None and name in facts else None


def no_words(reading: Reading, _: Facts | None) -> str:
    """An error without any text, or with that of an SDK that threw it away."""
    bare = not reading.body_text.strip() if reading.exchange else "status code (no body)" in reading.says
    return "the answer has no words" if bare else ""


def is_html(reading: Reading, _: Facts | None) -> str:
    page = "html" in reading.content_type or re.match(r"\s*<(!doctype html|html)", reading.body_text, re.IGNORECASE)
    return "the body is a page of HTML" if page else ""


def path_twice(reading: Reading, _: Facts | None) -> str:
    if (reading.status or 0) < 400:
        return ""
    path = re.sub(r"/+", "/", reading.path)
    for end in _ENDS:
        if len(re.findall(rf"{end}(?=/|$)", path)) > 1 and end != "/chat":
            return f"'{end}' stands twice in the path {path}"
    after = re.search(r"/(chat/completions|messages)/(.+)$", path)
    if after and after.group(2) not in ("batches", "count_tokens") and not after.group(2).startswith("batches/"):
        return f"the path goes on after /{after.group(1)}: {path}"
    return ""


def only_not_found(reading: Reading, _: Facts | None) -> str:
    """'Not found' and no word of what was not."""
    said = re.sub(r"[^a-z ]", "", reading.says.lower()).strip()
    return f"it says only: {said}" if said in ("not found", "resource not found", "detailnot found", "notfound") else ""


def strange_path(reading: Reading, _: Facts | None) -> str:
    if not reading.url or _KNOWN_ENDS.search(reading.path):
        return ""
    return f"the path {reading.path or '/'} ends in nothing that such APIs have"


def foreign_key(reading: Reading, facts: Facts | None) -> str:
    provider = provider_at(reading, facts)
    if not reading.key_kind or not provider or reading.key_kind == provider:
        return ""
    return f"the key begins as those of {reading.key_kind} do, and the call went to {provider}"


def no_key_sent(reading: Reading, _: Facts | None) -> str:
    if reading.exchange is None or not len(reading.exchange.request.headers):
        return ""
    headers = reading.exchange.request.headers
    if any(headers.get(name).strip() not in ("", "Bearer") for name in ("authorization", "x-api-key", "api-key")):
        return ""
    if any(name.lower() in ("x-goog-api-key", "cookie") for name, _ in headers) or re.search(
        r"[?&](api_?)?key=", reading.url
    ):
        return ""
    return "the request has no header with a key"


def header_without_scheme(reading: Reading, facts: Facts | None) -> str:
    if reading.exchange is None:
        return ""
    value = reading.exchange.request.headers.get("authorization")
    provider = facts_of(reading, facts)
    if provider is not None and provider.dialect != "openai-chat":
        return ""
    if not value.strip() or re.match(r"bearer \S", value, re.IGNORECASE) or value.lower().startswith(("basic", "aws4")):
        return ""
    return "the header authorization does not begin with the word Bearer and one blank"


def sent_no_json(reading: Reading, _: Facts | None) -> str:
    if reading.exchange is None or reading.method not in ("POST", ""):
        return ""
    body = reading.exchange.request.body
    if body is None or reading.status is None:
        return ""
    if not body:
        return "the request has no body" if reading.method == "POST" else ""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        return f"what was sent is not JSON: {str(error)[:80]}"
    return "" if isinstance(sent, dict) else f"what was sent is JSON, but a {type(sent).__name__}, not an object"


def sent_as_form(reading: Reading, _: Facts | None) -> str:
    if reading.exchange is None or reading.exchange.request.body in (None, b""):
        return ""
    kind = reading.exchange.request.headers.get("content-type").partition(";")[0].strip().lower()
    if not kind or "json" in kind or kind.startswith("multipart/"):
        return ""
    return f"the request's content-type is {kind}, not application/json"


def not_post(reading: Reading, _: Facts | None) -> str:
    return f"the method is {reading.method}" if reading.method != "POST" else ""


def posted_chat(reading: Reading, _: Facts | None) -> str:
    return "POST is right for a chat, so nothing that takes one is there" if reading.method == "POST" else ""


def lacks_model_or_messages(reading: Reading, facts: Facts | None) -> str:
    if reading.exchange is None or not reading.asked or not _is_chat(reading):
        return ""
    lacking = [name for name in ("model", "messages") if not reading.asked.get(name)]
    provider = facts_of(reading, facts)
    if provider is not None and provider.dialect == "anthropic-messages" and "max_tokens" not in reading.asked:
        lacking.append("max_tokens")
    return f"the request lacks {' and '.join(lacking)}" if lacking else ""


def unknown_role(reading: Reading, _: Facts | None) -> str:
    usual = ("system", "user", "assistant", "tool", "developer", "function")
    for number, message in enumerate(_messages(reading)):
        role = message.get("role")
        if role not in usual:
            return f"messages[{number}] has the role {role!r}"
    return ""


def without_content(reading: Reading, _: Facts | None) -> str:
    for number, message in enumerate(_messages(reading)):
        if message.get("content") in (None, "", []) and not message.get("tool_calls"):
            return f"messages[{number}] has no content"
    return ""


def names_a_tool(reading: Reading, _: Facts | None) -> str:
    return "the request has tools" if reading.asked.get("tools") else ""


def retired_model(reading: Reading, facts: Facts | None) -> str:
    provider = facts_of(reading, facts)
    model = provider.models.get(str(reading.asked.get("model"))) if provider and _refused(reading) else None
    if model is None or facts is None or model.retired is None:
        return ""
    from labkit.facts import in_force

    gone = not in_force(None, model.retired, facts.moment) and _about_model(reading)
    return f"the facts say that {model.id} was retired on {model.retired}" if gone else ""


def provider_broke(reading: Reading, _: Facts | None) -> str:
    """A router says that its host failed, without a status of its own."""
    said = "provider returned error" in reading.says.lower() and (reading.status or 0) >= 500
    return "the router's host failed" if said else ""


def stream_without_end(reading: Reading, _: Facts | None) -> str:
    if not reading.is_stream or reading.ended or reading.error_in_stream or reading.finish:
        return ""
    return "the stream has no finish_reason and no [DONE]"


def broke_in_the_middle(reading: Reading, _: Facts | None) -> str:
    exchange = reading.exchange
    if exchange is None or exchange.response is None or exchange.error is None or exchange.response.status >= 400:
        return ""
    if re.search("timeout", exchange.error.kind, re.IGNORECASE):
        return ""
    return f"status {exchange.response.status} had come, then {exchange.error.kind}"


def error_in_stream(reading: Reading, _: Facts | None) -> str:
    return "the stream began with 200 and holds an error" if reading.error_in_stream else ""


def error_in_200(reading: Reading, _: Facts | None) -> str:
    error = reading.status == 200 and not reading.is_stream and not reading.is_answer and bool(reading.says)
    return "status 200, and the body is an error" if error and not reading.failure and not _page(reading) else ""


def json_stops(reading: Reading, _: Facts | None) -> str:
    half_event = reading.is_stream and not reading.ended  # then it is the stream that stops
    return "the JSON ends before it is complete" if reading.cut_json and not half_event else ""


def empty_body(reading: Reading, _: Facts | None) -> str:
    """A 200 to a chat, without a body."""
    exchange = reading.exchange
    if exchange is None or exchange.state != "complete" or reading.status != 200 or not _is_chat(reading):
        return ""
    return "status 200, and the body is empty" if not reading.body_text.strip() else ""


def no_choices(reading: Reading, _: Facts | None) -> str:
    if not _good(reading) or reading.is_stream or reading.content is not None:
        return ""
    return "`choices` is empty"


def only_reasoning(reading: Reading, _: Facts | None) -> str:
    if not _good(reading) or (reading.content or "").strip() or reading.calls:
        return ""
    spent = _count(reading, "reasoning_tokens")
    if not (reading.reasoning or spent) or reading.finish not in ("length", "max_tokens", "MAX_TOKENS"):
        return ""
    return f"no content, {spent or 'some'} tokens of reasoning, finish_reason '{reading.finish}'"


def broken_arguments(reading: Reading, _: Facts | None) -> str:
    for call in reading.calls:
        function = call.get("function")
        arguments = function.get("arguments") if isinstance(function, Mapping) else None
        if isinstance(arguments, str):
            try:
                json.loads(arguments or "{}")
            except (ValueError, RecursionError):
                return f"the arguments of the call to {function.get('name')!r} are not JSON"  # type: ignore[union-attr]
    return ""


def finish_length(reading: Reading, _: Facts | None) -> str:
    cut = _good(reading) and reading.finish.lower() in (
        "length",
        "max_tokens",
        "model_length",
        "model_context_window_exceeded",
    )
    return f"finish_reason is '{reading.finish}'" if cut else ""


def finish_filter(reading: Reading, _: Facts | None) -> str:
    cut = reading.finish.lower() in (
        "content_filter",
        "safety",
        "refusal",
        "recitation",
        "prohibited_content",
        "sensitive",
    )
    return f"finish_reason is '{reading.finish}'" if cut and _good(reading) else ""


def finish_error(reading: Reading, _: Facts | None) -> str:
    failed = _good(reading) and reading.finish.lower() in ("error", "network_error", "internal_error")
    return f"finish_reason is '{reading.finish}'" if failed else ""


def finish_tools(reading: Reading, _: Facts | None) -> str:
    wants = _good(reading) and (reading.calls or reading.finish in ("tool_calls", "tool_use", "function_call"))
    return "the answer holds a tool call" if wants and not (reading.content or "").strip() else ""


def prompt_shrunk(reading: Reading, _: Facts | None) -> str:
    counted = reading.exchange.tokens[0] if reading.exchange else None
    written = len(json.dumps([m.get("content") for m in _messages(reading)], ensure_ascii=False))
    if not counted or not _good(reading) or written < LONG_PROMPT or written < counted * CHARACTERS_PER_TOKEN:
        return ""
    return f"{written:,} characters were sent, and only {counted:,} tokens counted"


def empty_answer(reading: Reading, _: Facts | None) -> str:
    empty = _good(reading) and reading.content is not None and not reading.content.strip() and not reading.calls
    if not empty or reading.finish.lower() in _ENDED_OTHERWISE:
        return ""
    return f"no content, finish_reason '{reading.finish or 'null'}'"


def loose_sampling(reading: Reading, _: Facts | None) -> str:
    temperature = reading.asked.get("temperature")
    if not _good(reading) or not reading.content or isinstance(temperature, bool):
        return ""
    loose = isinstance(temperature, (int, float)) and temperature >= LOOSE_TEMPERATURE
    return f"temperature is {temperature}" if loose else ""


def _good(reading: Reading) -> bool:
    return reading.is_answer and reading.status == 200 and not reading.failure


def _refused(reading: Reading) -> bool:
    return reading.status in (400, 403, 404, 410, 422)


def _about_model(reading: Reading) -> bool:
    return "model" in reading.says.lower() or any("model" in code for code in reading.codes) or not reading.says


def _is_chat(reading: Reading) -> bool:
    return reading.path.endswith(("/chat/completions", "/messages", "/api/chat"))


def _page(reading: Reading) -> bool:
    return bool(is_html(reading, None))


def _messages(reading: Reading) -> list[dict[str, Any]]:
    messages = reading.asked.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def _count(reading: Reading, name: str) -> int:
    details = reading.usage.get("completion_tokens_details")
    value = reading.usage.get(name) or (details.get(name) if isinstance(details, Mapping) else 0)
    return value if isinstance(value, int) else 0


Sign = Callable[[Reading, "Facts | None"], str]
SIGNS: dict[str, Sign] = {
    sign.__name__: sign
    for sign in (
        *(
            no_words,
            is_html,
            path_twice,
            strange_path,
            only_not_found,
            foreign_key,
            no_key_sent,
            sent_as_form,
            not_post,
            posted_chat,
            header_without_scheme,
            sent_no_json,
        ),
        *(lacks_model_or_messages, unknown_role, without_content, names_a_tool, retired_model, provider_broke),
        *(stream_without_end, broke_in_the_middle, error_in_stream, error_in_200, json_stops, empty_body, no_choices),
        *(
            only_reasoning,
            broken_arguments,
            finish_length,
            finish_filter,
            finish_error,
            finish_tools,
            prompt_shrunk,
            empty_answer,
        ),
        loose_sampling,
    )
}
"""Every sign by its name."""

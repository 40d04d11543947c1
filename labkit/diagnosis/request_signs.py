"""Signs in what was sent: the address, the key, the body."""

from __future__ import annotations

import json
import re
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
_UNFILLED = re.compile(
    r"\$(\{|%7[Bb])\w*|\$[A-Z_]{3,}|(%7[Bb]|\{)+\w+|(%3[Cc]|<)[\w -]+|/(undefined|null|None|NaN)(?=/|$)|/:[a-z]\w+"
    r"|\b(?i:your)[-_](?i:\w+)|\b(REPLACE|CHANGE|INSERT)[-_]?(ME|HERE|\w+)"
)
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key")
_PROMPT_FIELDS = frozenset(
    "messages content contents prompt input inputs text texts system instructions query message parts body".split()
)


def provider_of(reading: Reading, facts: Facts | None) -> str:
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
    name = provider_of(reading, facts)
    return facts[name] if facts is not None and name in facts else None


def path_twice(reading: Reading, _: Facts | None) -> str:
    no_json = reading.status is None and "JSONDecodeError" in reading.failure
    if (reading.status or 0) < 400 and not no_json:
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
    provider = provider_of(reading, facts)
    if not reading.key_kind or not provider or reading.key_kind == provider:
        return ""
    return f"the key begins as those of {reading.key_kind} do, and the call went to {provider}"


def no_key_sent(reading: Reading, _: Facts | None) -> str:
    if reading.exchange is None or not len(reading.exchange.request.headers):
        return ""
    headers = reading.exchange.request.headers
    if any(headers.get(name).strip() not in ("", "Bearer") for name in _KEY_HEADERS):
        return ""
    if any(name.lower() == "cookie" for name, _ in headers) or re.search(r"[?&](api_?)?key=", reading.url):
        return ""
    return "the request has no header with a key"


def _key_headers(reading: Reading) -> dict[str, str]:
    """The headers of the request that carry a key, by their lower-case names."""
    headers = reading.exchange.request.headers if reading.exchange is not None else ()
    held = {name.lower(): value.strip().removeprefix("Bearer").strip() for name, value in headers}
    return {name: held[name] for name in _KEY_HEADERS if held.get(name)}


def key_in_other_header(reading: Reading, facts: Facts | None) -> str:
    """A key was sent, and the answer or the facts name another header for it."""
    sent = _key_headers(reading)
    if not sent or reading.status not in (400, 401, 403):
        return ""
    wanted = [name for name in _KEY_HEADERS if re.search(rf"(?<![\w-]){name}(?![\w-])", reading.says, re.IGNORECASE)]
    provider = facts_of(reading, facts)
    if provider is not None and not wanted:
        wanted = [provider.key.header.lower(), *(name.lower() for name in provider.key.also)]
    if reading.host.endswith(".azure-api.net") or "subscription key" in reading.says.lower():
        wanted = ["api-key", "ocp-apim-subscription-key"]
    if not wanted or set(wanted) & set(sent):
        return ""
    return f"a key was sent in {' and '.join(sent)}, and is looked for in {' or '.join(wanted)}"


def key_was_sent(reading: Reading, _: Facts | None) -> str:
    """A key in some header, where the answer says that there is none."""
    sent = _key_headers(reading)
    return f"a key was sent in {' and '.join(sent)}" if sent and reading.status in (400, 401, 403) else ""


def names_short_field(reading: Reading, _: Facts | None) -> str:
    """A field that holds no prompt, named by an error about its length."""
    found = re.search(r"['\"`]([\w\[\].]+)['\"`]: ?(string|value) too long", reading.says, re.IGNORECASE)
    name = reading.param or (found.group(1) if found else "")
    last = re.sub(r"\[\d+\]", "", name).split(".")[-1].lower()
    return f"the field is {name}" if last and last not in _PROMPT_FIELDS else ""


def header_without_scheme(reading: Reading, facts: Facts | None) -> str:
    if reading.exchange is None or reading.host.endswith("amazonaws.com"):  # AWS signs, and the header says how
        return ""
    value = reading.exchange.request.headers.get("authorization")
    provider = facts_of(reading, facts)
    if provider is not None and provider.dialect != "openai-chat":
        return ""
    if not value.strip() or re.match(r"bearer \S", value, re.IGNORECASE) or value.lower().startswith(("basic", "aws4")):
        return ""
    return "the header authorization does not begin with the word Bearer and one blank"


def needs_bearer(reading: Reading, facts: Facts | None) -> str:
    """The same, at a provider of whom the facts say that it wants the word."""
    provider = facts_of(reading, facts)
    wants = provider is not None and provider.key.scheme.lower() == "bearer"
    return header_without_scheme(reading, facts) if wants else ""


def not_http_called(reading: Reading, _: Facts | None) -> str:
    """An address with https, or none that is known."""
    if reading.url.startswith("http://"):
        return ""
    return "the address begins with https" if reading.url.startswith("https://") else "no address says http"


def path_is_usual(reading: Reading, _: Facts | None) -> str:
    return f"the path is {reading.path}" if _KNOWN_ENDS.search(reading.path) else ""


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
    return f"the method is {reading.method}" if reading.method not in ("POST", "") else ""


def posted_chat(reading: Reading, _: Facts | None) -> str:
    return "POST is right for a chat, so nothing that takes one is there" if reading.method == "POST" else ""


def lacks_model_or_messages(reading: Reading, facts: Facts | None) -> str:
    takes = reading.path.endswith(("/chat/completions", "/messages", "/api/chat"))
    if reading.exchange is None or not reading.asked or not takes:
        return ""
    lacking = [name for name in ("model", "messages") if not reading.asked.get(name)]
    provider = facts_of(reading, facts)
    if provider is not None and provider.dialect == "anthropic-messages" and "max_tokens" not in reading.asked:
        lacking.append("max_tokens")
    return f"the request lacks {' and '.join(lacking)}" if lacking else ""


def names_absent_field(reading: Reading, _: Facts | None) -> str:
    """An error about the contents of a field that the request does not have."""
    field = r"(?:^|[:'\"`] ?)(message|messages|prompt|inputs?|contents|texts?)['\"`]? must be\b"
    said = re.search(field, reading.says, re.IGNORECASE | re.MULTILINE)
    if said is None or reading.exchange is None or not reading.asked or said.group(1).lower() in reading.asked:
        return ""
    return f"the request has no field {said.group(1)!r}"


def unknown_role(reading: Reading, _: Facts | None) -> str:
    usual = ("system", "user", "assistant", "tool", "developer", "function")
    for number, message in enumerate(messages_of(reading)):
        role = message.get("role")
        if role not in usual:
            return f"messages[{number}] has the role {role!r}"
    return ""


def without_content(reading: Reading, _: Facts | None) -> str:
    for number, message in enumerate(messages_of(reading)):
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


def unfilled_address(reading: Reading, _: Facts | None) -> str:
    """A placeholder that nobody filled in, in the address."""
    if reading.went_well:
        return ""
    found = _UNFILLED.search(re.sub(r"^https?://", "", reading.url.partition("?")[0]))
    return f"the address has {found.group(0).strip('/')!r} in it" if found else ""


def base_alone(reading: Reading, _: Facts | None) -> str:
    """The base URL itself was called: nothing of a call's path follows its version."""
    bare = re.search(r"(^/?$|/v\d+(beta\d*)?/?$|/(openai|inference|api|compatible-mode)/?$)", reading.path)
    posted = reading.method == "POST" and reading.exchange is not None
    return f"the path is {reading.path or '/'}: nothing follows the base" if posted and bare else ""


def empty_key(reading: Reading, _: Facts | None) -> str:
    """A header for a key, with no key in it."""
    if re.search(r"illegal header value b?['\"]Bearer\s*['\"]", reading.failure or reading.says, re.IGNORECASE):
        return "the header ends after the word Bearer"
    if reading.exchange is None or reading.status not in (None, 400, 401, 403):
        return ""
    headers = reading.exchange.request.headers
    empty = [
        name
        for name, value in headers
        if name.lower() in ("authorization", "x-api-key", "api-key")
        and not value.strip().removeprefix("Bearer").strip()
    ]
    return f"the header {empty[0]} has no key in it" if empty else ""


def sends_picture(reading: Reading, _: Facts | None) -> str:
    """A picture among the messages."""
    for number, message in enumerate(messages_of(reading)):
        content = message.get("content")
        parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
        kinds = {str(part.get("type")) for part in parts}
        if message.get("images") or kinds & {"image_url", "image", "input_image", "video_url", "input_file", "file"}:
            return f"messages[{number}] holds a picture or a file"
    return ""


def content_is_list(reading: Reading, _: Facts | None) -> str:
    """A message whose content is a list of parts."""
    for number, message in enumerate(messages_of(reading)):
        if isinstance(message.get("content"), (list, dict)):
            return f"the content of messages[{number}] is a {type(message['content']).__name__}"
    return ""


def room_is_gone(reading: Reading, _: Facts | None) -> str:
    """A limit on the answer that came out negative or zero, and that the caller did not send."""
    found = re.search(
        r"(?:max_?\w*tokens|room|remaining)\b.{0,80}?((?<![\w-])-\d+|\bgot:? 0\b)", reading.says, re.IGNORECASE
    )
    limit = asked_limit(reading)
    if found is None or (limit is not None and limit <= 0):
        return ""
    return f"the room left for the answer came out as {found.group(1)}"


def not_streamed(reading: Reading, _: Facts | None) -> str:
    """A request that did not ask for a stream."""
    return "" if reading.asked.get("stream") is True else "the call did not ask for a stream"


def asked_limit(reading: Reading) -> int | None:
    """The longest answer that was asked for, in any dialect; None when it was not said."""
    asked = reading.asked
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens"):
        if isinstance(asked.get(name), int):
            return int(asked[name])
    for holder, name in (("generationConfig", "maxOutputTokens"), ("options", "num_predict")):
        inner = asked.get(holder)
        if isinstance(inner, dict) and isinstance(inner.get(name), int):
            return int(inner[name])
    return None


def tool_names(reading: Reading) -> list[str]:
    tools = reading.asked.get("tools")
    found: list[str] = []
    for tool in tools if isinstance(tools, list) else []:
        if not isinstance(tool, dict):
            continue
        function = tool.get("function")
        declared = tool.get("functionDeclarations") or tool.get("function_declarations")
        holders = [tool, function, *(declared if isinstance(declared, list) else [])]
        found += [str(h["name"]) for h in holders if isinstance(h, dict) and h.get("name")]
    return found


def _refused(reading: Reading) -> bool:
    return reading.status in (400, 403, 404, 410, 422)


def _about_model(reading: Reading) -> bool:
    return "model" in reading.says.lower() or any("model" in code for code in reading.codes) or not reading.says


def messages_of(reading: Reading) -> list[dict[str, Any]]:
    messages = reading.asked.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []

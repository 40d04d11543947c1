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
FEWEST_CHARACTERS = 6  # more than ordinary English has
LONG_PROMPT = 4000  # characters below which a small count proves nothing
LOOSE_TEMPERATURE = 1.5
SHORT_PROMPT = 500  # tokens below which a prompt fills no window
_UNFILLED = re.compile(
    r"\$(\{|%7[Bb])\w*|\$[A-Z_]{3,}|(%7[Bb]|\{)+\w+|(%3[Cc]|<)[\w -]+|/(undefined|null|None|NaN)(?=/|$)|/:[a-z]\w+"
    r"|\b(?i:your)[-_](?i:\w+)|\b(REPLACE|CHANGE|INSERT)[-_]?(ME|HERE|\w+)"
)
_CALL_MARKS = re.compile(
    r"<tool_?calls?>|\[TOOL_CALLS?\]|<\|?(python_(?:tag|start)|tool_call\w*|tool▁call\w*|tool▁calls?▁begin)\|?>"
    r"|<\|?tool_calls_section_begin\|?>|<function[ =]|functools\[|<｜(DSML｜)?tool|<minimax:tool_call>|<invoke name="
    r"|```tool_(call|code)",
    re.IGNORECASE,
)
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key")
_PROMPT_FIELDS = frozenset(
    "messages content contents prompt input inputs text texts system instructions query message parts body".split()
)
_SIZES = (2048, 4096, 8192, 16_384, 32_768)  # windows that Ollama takes by itself or that people set (num_ctx)
_LENGTH_ENDS = ("length", "max_tokens", "model_length", "max_output_tokens")
_FILTER_ENDS = frozenset(
    "content_filter safety refusal recitation prohibited_content sensitive image_safety blocklist spii "
    "content_filtered guardrail_intervened error_toxic image_prohibited_content model_armor image_recitation "
    "language repetition".split()
)
_ERROR_ENDS = frozenset(
    "error network_error internal_error insufficient_system_resource aborted abort model_error failed server_error "
    "cancelled error_limit".split()
)
_CALL_ENDS = frozenset(
    "malformed_function_call unexpected_tool_call too_many_tool_calls malformed_tool_use malformed_model_output "
    "malformed_response missing_thought_signature".split()
)
_ENDED_OTHERWISE = frozenset(
    {*_LENGTH_ENDS, *_FILTER_ENDS, *_ERROR_ENDS, *_CALL_ENDS, "tool_calls", "tool_use", "pause_turn"}
    | {"model_context_window_exceeded"}
)


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


def answer_came(reading: Reading, _: Facts | None) -> str:
    """An answer of a server, which what goes wrong before any request does not have."""
    came = reading.exchange is not None and reading.exchange.response is not None
    return f"an answer came, status {reading.status}" if came else ""


def is_html(reading: Reading, _: Facts | None) -> str:
    page = "html" in reading.content_type or re.match(r"\s*<(!doctype html|html)", reading.body_text, re.IGNORECASE)
    return "the body is a page of HTML" if page else ""


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
    provider = provider_at(reading, facts)
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
    told = (reading.status or 0) >= 500 and reading.status not in (502, 504)  # those two say how it failed
    said = "provider returned error" in reading.says.lower() and told
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


def blank_body(reading: Reading, _: Facts | None) -> str:
    """A 200 to a chat with nothing in it, or only the blank lines and comments that keep a connection alive."""
    exchange = reading.exchange
    if exchange is None or reading.failure or reading.status != 200 or not _is_chat(reading):
        return ""
    lines = [line for line in reading.body_text.splitlines() if line.strip() and not line.startswith(":")]
    if lines:
        return ""
    return "status 200, and " + ("only blank lines came" if reading.body_text else "the body is empty")


def unfilled_address(reading: Reading, _: Facts | None) -> str:
    """A placeholder that nobody filled in, in the address."""
    if _good(reading):
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
    for number, message in enumerate(_messages(reading)):
        content = message.get("content")
        parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
        kinds = {str(part.get("type")) for part in parts}
        if message.get("images") or kinds & {"image_url", "image", "input_image", "video_url", "input_file", "file"}:
            return f"messages[{number}] holds a picture or a file"
    return ""


def content_is_list(reading: Reading, _: Facts | None) -> str:
    """A message whose content is a list of parts."""
    for number, message in enumerate(_messages(reading)):
        if isinstance(message.get("content"), (list, dict)):
            return f"the content of messages[{number}] is a {type(message['content']).__name__}"
    return ""


def room_is_gone(reading: Reading, _: Facts | None) -> str:
    """A limit on the answer that came out negative or zero, and that the caller did not send."""
    found = re.search(
        r"(?:max_?\w*tokens|room|remaining)\b.{0,80}?((?<![\w-])-\d+|\bgot:? 0\b)", reading.says, re.IGNORECASE
    )
    limit = _asked_limit(reading)
    if found is None or (limit is not None and limit <= 0):
        return ""
    return f"the room left for the answer came out as {found.group(1)}"


def context_full(reading: Reading, _: Facts | None) -> str:
    """An answer of no or one token that the window ended, not the limit that was asked for."""
    if not _good(reading):
        return ""
    finish = reading.finish.lower()
    if finish == "model_context_window_exceeded":
        return f"it ended with '{reading.finish}'"
    prompt, answer = reading.exchange.tokens if reading.exchange else (None, None)
    limit = _asked_limit(reading)
    if finish not in _LENGTH_ENDS or prompt is None or answer is None or prompt < SHORT_PROMPT:
        return ""
    short = answer <= 1 and (limit is None or limit > 4)
    return f"{prompt:,} tokens of prompt, {answer} of answer, and it ended with '{reading.finish}'" if short else ""


def call_in_text(reading: Reading, _: Facts | None) -> str:
    """A call of a tool that stands in the text, where no field of calls has one."""
    text = (reading.content or "").strip()
    if not _good(reading) or reading.calls or not text:
        return ""
    mark = _CALL_MARKS.search(text)
    tools = _tool_names(reading)
    if mark and (tools or text.startswith(mark.group(0))):
        return f"the text holds {mark.group(0)!r}"
    named = next((name for name in tools if re.search(rf'"name"\s*:\s*"{re.escape(name)}"', text)), "")
    return f"the text is a call of {named!r}, written as JSON" if named and text[:1] in "{[`" else ""


def paused(reading: Reading, _: Facts | None) -> str:
    """A turn that the provider has interrupted, to be sent back and continued."""
    stopped = _good(reading) and reading.finish.lower() == "pause_turn"
    return f"it ended with '{reading.finish}'" if stopped else ""


def finish_call(reading: Reading, _: Facts | None) -> str:
    """A finish word for a call that could not be read."""
    broken = _good(reading) and reading.finish.lower() in _CALL_ENDS
    return f"finish_reason is '{reading.finish}'" if broken else ""


def not_streamed(reading: Reading, _: Facts | None) -> str:
    """A request that did not ask for a stream."""
    return "" if reading.asked.get("stream") is True else "the call did not ask for a stream"


def no_choices(reading: Reading, _: Facts | None) -> str:
    if not _good(reading) or reading.is_stream or reading.content is not None:
        return ""
    return "`choices` is empty"


def only_reasoning(reading: Reading, _: Facts | None) -> str:
    if not _good(reading) or (reading.content or "").strip() or reading.calls:
        return ""
    spent = _count(reading, "reasoning_tokens")
    if not (reading.reasoning or spent) or reading.finish.lower() not in _LENGTH_ENDS:
        return ""
    return f"no content, {spent or 'some'} tokens of reasoning, finish_reason '{reading.finish}'"


def answer_in_reasoning(reading: Reading, _: Facts | None) -> str:
    """No content although the model ended by itself, and the text in the field for its working."""
    ended = reading.finish.lower() in ("stop", "end_turn", "eos", "stop_sequence", "completed")
    if not _good(reading) or (reading.content or "").strip() or reading.calls or not ended:
        return ""
    return "no content, and the text stands in the reasoning" if reading.reasoning.strip() else ""


def thinking_is_off(reading: Reading, facts: Facts | None) -> str:
    """The same, where the request had switched the thinking off."""
    template = reading.asked.get("chat_template_kwargs")
    off = isinstance(template, dict) and (template.get("enable_thinking") is False or template.get("thinking") is False)
    off = off or reading.asked.get("think") is False or reading.asked.get("enable_thinking") is False
    off = off or reading.asked.get("reasoning_effort") == "none"
    return "the request switches the thinking off" if off and answer_in_reasoning(reading, facts) else ""


def lines_unasked(reading: Reading, _: Facts | None) -> str:
    """A body of several JSON objects, one a line, to a request that says nothing of streaming."""
    if reading.status != 200 or "stream" in reading.asked or "event-stream" in reading.content_type:
        return ""
    lines = [line for line in reading.body_text.splitlines() if line.strip()]
    several = len(lines) > 1 and all(line.lstrip()[:1] == "{" for line in lines[:3])
    return f"{len(lines)} JSON objects, one a line; the request does not say stream: false" if several else ""


def _cut_call(reading: Reading, facts: Facts | None) -> str:
    whole = reading.status == 200 and not reading.failure and reading.calls
    return broken_arguments(reading, facts) if whole else ""


def call_cut(reading: Reading, facts: Facts | None) -> str:
    """A call whose arguments stop where the longest answer allowed was reached, whatever the finish word says."""
    broken, limit = _cut_call(reading, facts), _asked_limit(reading)
    came = reading.exchange.tokens[1] if reading.exchange else None
    if not broken or limit is None or not (came is not None and came >= limit):
        cut = broken and reading.finish.lower() in _LENGTH_ENDS
        return f"{broken}, and finish_reason is '{reading.finish}'" if cut else ""
    return f"{broken}, and {came} tokens came of {limit} allowed"


def call_cut_early(reading: Reading, facts: Facts | None) -> str:
    """A call whose arguments stop, where a small limit was set and no tokens were counted."""
    broken, limit = _cut_call(reading, facts), _asked_limit(reading)
    counted = reading.exchange is not None and reading.exchange.tokens[1] is not None
    return f"{broken}, and only {limit} tokens were allowed" if broken and limit and limit < 300 and not counted else ""


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
    cut = _good(reading) and reading.finish.lower() in (*_LENGTH_ENDS, "model_context_window_exceeded")
    return f"finish_reason is '{reading.finish}'" if cut else ""


def finish_filter(reading: Reading, _: Facts | None) -> str:
    cut = _good(reading) and reading.finish.lower() in _FILTER_ENDS
    return f"finish_reason is '{reading.finish}'" if cut else ""


def finish_error(reading: Reading, _: Facts | None) -> str:
    failed = _good(reading) and reading.finish.lower() in _ERROR_ENDS
    return f"finish_reason is '{reading.finish}'" if failed else ""


def finish_tools(reading: Reading, facts: Facts | None) -> str:
    wants = _good(reading) and (reading.calls or reading.finish in ("tool_calls", "tool_use", "function_call"))
    wants = wants and not _cut_call(reading, facts)
    return "the answer holds a tool call" if wants and not (reading.content or "").strip() else ""


def call_asked_for(reading: Reading, facts: Facts | None) -> str:
    """A whole call of a tool that the request offers."""
    names = {str((call.get("function") or call).get("name")) for call in reading.calls}
    offered = names & set(_tool_names(reading))
    return f"it is a tool of the request: {sorted(offered)[0]}" if offered and finish_tools(reading, facts) else ""


def prompt_shrunk(reading: Reading, _: Facts | None) -> str:
    counted, written = _counted(reading), _written(reading)
    if not counted or not _good(reading) or written < LONG_PROMPT or written < counted * CHARACTERS_PER_TOKEN:
        return ""
    return f"{written:,} characters were sent, and only {counted:,} tokens counted"


def prompt_at_window(reading: Reading, _: Facts | None) -> str:
    """A count that is a usual window or half of one, for a text that has more tokens."""
    counted, written = _counted(reading), _written(reading)
    if not counted or not _good(reading) or written < counted * FEWEST_CHARACTERS:
        return ""
    options = reading.asked.get("options")
    asked = options.get("num_ctx") if isinstance(options, dict) else None
    sizes = [asked, *_SIZES] if isinstance(asked, int) else list(_SIZES)
    near = next((size for size in sizes for part in (size, size // 2) if abs(counted - part) <= 8), None)
    return f"{counted:,} is a window of {near:,} tokens, or half of it" if near else ""


def _counted(reading: Reading) -> int | None:
    """Tokens of the prompt by the answer's own count; Ollama's own API writes prompt_eval_count."""
    counted = reading.exchange.tokens[0] if reading.exchange else None
    found = re.search(r'"prompt_eval_count" ?: ?(\d+)', reading.body_text) if counted is None else None
    if found or counted is None:
        return int(found.group(1)) if found else None
    kept = ("cache_read_input_tokens", "cache_creation_input_tokens")  # Anthropic counts these beside input_tokens
    return counted + sum(n for n in map(reading.usage.get, kept) if isinstance(n, int))


def _written(reading: Reading) -> int:
    """Characters of the prompt that was sent."""
    texts = [message.get("content") for message in _messages(reading)]
    texts += [reading.asked[name] for name in ("prompt", "system", "contents", "input") if reading.asked.get(name)]
    return len(json.dumps(texts, ensure_ascii=False))


def empty_answer(reading: Reading, _: Facts | None) -> str:
    empty = _good(reading) and reading.content is not None and not reading.content.strip() and not reading.calls
    empty = empty and not reading.reasoning.strip()
    if not empty or reading.finish.lower() in _ENDED_OTHERWISE:
        return ""
    return f"no content, finish_reason '{reading.finish or 'null'}'"


def loose_sampling(reading: Reading, _: Facts | None) -> str:
    temperature = reading.asked.get("temperature")
    if not _good(reading) or not reading.content or isinstance(temperature, bool):
        return ""
    loose = isinstance(temperature, (int, float)) and temperature >= LOOSE_TEMPERATURE
    return f"temperature is {temperature}" if loose else ""


def _asked_limit(reading: Reading) -> int | None:
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


def _tool_names(reading: Reading) -> list[str]:
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


def _good(reading: Reading) -> bool:
    return reading.is_answer and reading.status == 200 and not reading.failure


def _refused(reading: Reading) -> bool:
    return reading.status in (400, 403, 404, 410, 422)


def _about_model(reading: Reading) -> bool:
    return "model" in reading.says.lower() or any("model" in code for code in reading.codes) or not reading.says


def _is_chat(reading: Reading) -> bool:
    return reading.path.endswith(("/chat/completions", "/messages", "/api/chat", "/responses", ":generateContent"))


def _page(reading: Reading) -> bool:
    return bool(is_html(reading, None))


def _messages(reading: Reading) -> list[dict[str, Any]]:
    messages = reading.asked.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def _count(reading: Reading, name: str) -> int:
    """A count of the answer's usage, wherever the dialect keeps it; 0 when it is not told."""
    usage = _usage(reading)
    inner = (usage.get("completion_tokens_details"), usage.get("output_tokens_details"))
    for holder in (usage, *(details for details in inner if isinstance(details, Mapping))):
        value = holder.get(name) or (holder.get("thoughtsTokenCount") if name == "reasoning_tokens" else None)
        if isinstance(value, int) and value:
            return value
    return 0


def _usage(reading: Reading) -> Mapping[str, Any]:
    """The answer's counts: usage, or Gemini's usageMetadata."""
    if reading.usage or reading.exchange is None or reading.exchange.response is None:
        return reading.usage
    body = None if reading.is_stream else reading.exchange.response.json()
    counts = body.get("usageMetadata") if isinstance(body, dict) else None
    return counts if isinstance(counts, dict) else {}


Sign = Callable[[Reading, "Facts | None"], str]
SIGNS: dict[str, Sign] = {
    sign.__name__: sign
    for sign in (
        *(
            no_words,
            answer_came,
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
        *(
            lacks_model_or_messages,
            names_absent_field,
            unknown_role,
            without_content,
            names_a_tool,
            retired_model,
            provider_broke,
        ),
        *(stream_without_end, broke_in_the_middle, error_in_stream, error_in_200, json_stops, blank_body, no_choices),
        *(unfilled_address, base_alone, empty_key, sends_picture, content_is_list, room_is_gone, context_full),
        *(call_in_text, paused, finish_call, not_streamed, key_in_other_header, key_was_sent, names_short_field),
        *(answer_in_reasoning, thinking_is_off, lines_unasked, call_cut, call_cut_early, call_asked_for),
        *(prompt_at_window, not_http_called, needs_bearer, path_is_usual),
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

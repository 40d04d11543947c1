"""Signs in what came: pages, broken streams, answers that were cut, refused, left empty or asked for a tool."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labkit.diagnosis.reading import Reading
from labkit.diagnosis.request_signs import asked_limit, messages_of, tool_names

if TYPE_CHECKING:
    from labkit.facts import Facts

CHARACTERS_PER_TOKEN = 12  # no tokenizer packs ordinary text so densely
FEWEST_CHARACTERS = 6  # more than ordinary English has
LONG_PROMPT = 4000  # characters below which a small count proves nothing
LOOSE_TEMPERATURE = 1.5
SHORT_PROMPT = 500  # tokens below which a prompt fills no window
_CALL_MARKS = re.compile(
    r"<tool_?calls?>|\[TOOL_CALLS?\]|<\|?(python_(?:tag|start)|tool_call\w*|tool▁call\w*|tool▁calls?▁begin)\|?>"
    r"|<\|?tool_calls_section_begin\|?>|<function[ =]|functools\[|<｜(DSML｜)?tool|<minimax:tool_call>|<invoke name="
    r"|```tool_(call|code)",
    re.IGNORECASE,
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
    page = is_html(reading, None)
    return "status 200, and the body is an error" if error and not reading.failure and not page else ""


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


def context_full(reading: Reading, _: Facts | None) -> str:
    """An answer of no or one token that the window ended, not the limit that was asked for."""
    if not reading.went_well:
        return ""
    finish = reading.finish.lower()
    if finish == "model_context_window_exceeded":
        return f"it ended with '{reading.finish}'"
    prompt, answer = reading.exchange.tokens if reading.exchange else (None, None)
    limit = asked_limit(reading)
    if finish not in _LENGTH_ENDS or prompt is None or answer is None or prompt < SHORT_PROMPT:
        return ""
    short = answer <= 1 and (limit is None or limit > 4)
    return f"{prompt:,} tokens of prompt, {answer} of answer, and it ended with '{reading.finish}'" if short else ""


def call_in_text(reading: Reading, _: Facts | None) -> str:
    """A call of a tool that stands in the text, where no field of calls has one."""
    text = (reading.content or "").strip()
    if not reading.went_well or reading.calls or not text:
        return ""
    mark = _CALL_MARKS.search(text)
    tools = tool_names(reading)
    if mark and (tools or text.startswith(mark.group(0))):
        return f"the text holds {mark.group(0)!r}"
    named = next((name for name in tools if re.search(rf'"name"\s*:\s*"{re.escape(name)}"', text)), "")
    return f"the text is a call of {named!r}, written as JSON" if named and text[:1] in "{[`" else ""


def paused(reading: Reading, _: Facts | None) -> str:
    """A turn that the provider has interrupted, to be sent back and continued."""
    stopped = reading.went_well and reading.finish.lower() == "pause_turn"
    return f"it ended with '{reading.finish}'" if stopped else ""


def finish_call(reading: Reading, _: Facts | None) -> str:
    """A finish word for a call that could not be read."""
    broken = reading.went_well and reading.finish.lower() in _CALL_ENDS
    return f"finish_reason is '{reading.finish}'" if broken else ""


def no_choices(reading: Reading, _: Facts | None) -> str:
    if not reading.went_well or reading.is_stream or reading.content is not None:
        return ""
    return "`choices` is empty"


def only_reasoning(reading: Reading, _: Facts | None) -> str:
    if not reading.went_well or (reading.content or "").strip() or reading.calls:
        return ""
    spent = count_of(reading, "reasoning_tokens")
    if not (reading.reasoning or spent) or reading.finish.lower() not in _LENGTH_ENDS:
        return ""
    return f"no content, {spent or 'some'} tokens of reasoning, finish_reason '{reading.finish}'"


def answer_in_reasoning(reading: Reading, _: Facts | None) -> str:
    """No content although the model ended by itself, and the text in the field for its working."""
    ended = reading.finish.lower() in ("stop", "end_turn", "eos", "stop_sequence", "completed")
    if not reading.went_well or (reading.content or "").strip() or reading.calls or not ended:
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
    broken, limit = _cut_call(reading, facts), asked_limit(reading)
    came = reading.exchange.tokens[1] if reading.exchange else None
    if not broken or limit is None or not (came is not None and came >= limit):
        cut = broken and reading.finish.lower() in _LENGTH_ENDS
        return f"{broken}, and finish_reason is '{reading.finish}'" if cut else ""
    return f"{broken}, and {came} tokens came of {limit} allowed"


def call_cut_early(reading: Reading, facts: Facts | None) -> str:
    """A call whose arguments stop, where a small limit was set and no tokens were counted."""
    broken, limit = _cut_call(reading, facts), asked_limit(reading)
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
    cut = reading.went_well and reading.finish.lower() in (*_LENGTH_ENDS, "model_context_window_exceeded")
    return f"finish_reason is '{reading.finish}'" if cut else ""


def finish_filter(reading: Reading, _: Facts | None) -> str:
    cut = reading.went_well and reading.finish.lower() in _FILTER_ENDS
    return f"finish_reason is '{reading.finish}'" if cut else ""


def finish_error(reading: Reading, _: Facts | None) -> str:
    failed = reading.went_well and reading.finish.lower() in _ERROR_ENDS
    return f"finish_reason is '{reading.finish}'" if failed else ""


def finish_tools(reading: Reading, facts: Facts | None) -> str:
    wants = reading.went_well and (reading.calls or reading.finish in ("tool_calls", "tool_use", "function_call"))
    wants = wants and not _cut_call(reading, facts)
    return "the answer holds a tool call" if wants and not (reading.content or "").strip() else ""


def call_asked_for(reading: Reading, facts: Facts | None) -> str:
    """A whole call of a tool that the request offers."""
    names = {str((call.get("function") or call).get("name")) for call in reading.calls}
    offered = names & set(tool_names(reading))
    return f"it is a tool of the request: {sorted(offered)[0]}" if offered and finish_tools(reading, facts) else ""


def prompt_shrunk(reading: Reading, _: Facts | None) -> str:
    counted, written = _counted(reading), _written(reading)
    if not counted or not reading.went_well or written < LONG_PROMPT or written < counted * CHARACTERS_PER_TOKEN:
        return ""
    return f"{written:,} characters were sent, and only {counted:,} tokens counted"


def prompt_at_window(reading: Reading, _: Facts | None) -> str:
    """A count that is a usual window or half of one, for a text that has more tokens."""
    counted, written = _counted(reading), _written(reading)
    if not counted or not reading.went_well or written < counted * FEWEST_CHARACTERS:
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
    texts = [message.get("content") for message in messages_of(reading)]
    texts += [reading.asked[name] for name in ("prompt", "system", "contents", "input") if reading.asked.get(name)]
    return len(json.dumps(texts, ensure_ascii=False))


def empty_answer(reading: Reading, _: Facts | None) -> str:
    empty = reading.went_well and reading.content is not None and not reading.content.strip() and not reading.calls
    empty = empty and not reading.reasoning.strip()
    if not empty or reading.finish.lower() in _ENDED_OTHERWISE:
        return ""
    return f"no content, finish_reason '{reading.finish or 'null'}'"


def loose_sampling(reading: Reading, _: Facts | None) -> str:
    temperature = reading.asked.get("temperature")
    if not reading.went_well or not reading.content or isinstance(temperature, bool):
        return ""
    loose = isinstance(temperature, (int, float)) and temperature >= LOOSE_TEMPERATURE
    return f"temperature is {temperature}" if loose else ""


def _is_chat(reading: Reading) -> bool:
    return reading.path.endswith(("/chat/completions", "/messages", "/api/chat", "/responses", ":generateContent"))


def count_of(reading: Reading, name: str) -> int:
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

"""Mystery cases m05 to m08: histories that one provider takes and the next refuses, and tools of another house."""

from __future__ import annotations

import copy
from typing import Any

from labkit.exercises import Exercise, World, expect, missed
from labkit.exercises.mending import broken_call, contents

# --- m05: what a model thought, sent back -----------------------------------------------------------------------------

HISTORY = [
    {"role": "user", "content": "My dog is called Rex."},
    {"role": "assistant", "content": "A good name.", "reasoning_content": "A dog. I am polite."},
    {"role": "user", "content": "He is three."},
    {"role": "assistant", "content": "Young!", "reasoning_content": "Three years, then."},
    {"role": "user", "content": "What is he called?"},
]


def _with_history(world: World) -> tuple[Any, ...]:
    return (copy.deepcopy(HISTORY),)


def _all_of_it(body: Any, world: World) -> None:
    expect(contents(body), [message["content"] for message in HISTORY], "what the messages say")
    roles = [message.get("role") for message in body["messages"]]
    expect(roles, [message["role"] for message in HISTORY], "who says it")


def _sent(messages: str) -> str:
    return f"""
messages = {messages}
return client.post("/chat/completions", json={{"model": model, "messages": messages}})
"""


WITHOUT = """[
    {name: value for name, value in message.items() if name != "reasoning_content"}
    for message in history
]"""

MISTRAL_THOUGHTS = broken_call(
    "m05",
    "Other people's thoughts",
    source="charmbracelet/crush/issues/1590",
    provider="mistral",
    report="""
A conversation that began with a model that thinks aloud goes on with Mistral: 422 `extra_forbidden`, and the path ends
in `"assistant", "reasoning_content"`. The history holds what the first model thought, in a field that only its maker
knows. `history` is a list of messages of any length.
""",
    broken=_sent("history"),
    mended=_sent(WITHOUT),
    also=(
        _sent('[{"role": m["role"], "content": m["content"]} for m in history]'),
        """
for message in history:
    message.pop("reasoning_content", None)
return client.post("/chat/completions", json={"model": model, "messages": history})
""",
    ),
    more=("history",),
    given=_with_history,
    keeps=_all_of_it,
    hints=(
        "The field is in every answer of the first model, not only in the one that the refusal names first.",
        "Build each message anew from role and content, or take the field out: message.pop('reasoning_content', None).",
    ),
    wrong=(
        (
            "history[1].pop('reasoning_content')\n" + _sent("history").strip(),
            "You mended the message that is named; the next one has the field as well. Go through all of them.",
        ),
        (
            _sent('[m for m in history if "reasoning_content" not in m]'),
            "You threw the answers away with the thoughts. The model now reads questions that nobody answered.",
        ),
        (
            """
for message in history:
    thought = message.pop("reasoning_content", "")
    message["content"] = thought + message["content"]
return client.post("/chat/completions", json={"model": model, "messages": history})
""",
            "You moved the thoughts into the text. The model will take them for what it said to the person.",
        ),
        (
            _sent("history[-1:]"),
            "Only the last question is left: what the dog is called stands in the part that you cut away.",
        ),
    ),
)

# --- m06: Groq and its own word for it ------------------------------------------------------------------------------


GROQ_THOUGHTS = broken_call(
    "m06",
    "The second question fails",
    source="SimonSchubert/Kai/issues/265",
    provider="groq",
    report="""
The second question of every conversation with Groq fails, the first one never:
`'messages.1' : for 'role:assistant' the following must be satisfied … property 'reasoning_content' is unsupported`. The
program sends back what it received, field by field, and some more.
""",
    broken="""
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi!", "reasoning_content": "Polite.", "id": "m1"},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
    mended="""
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi!"},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
    keeps=lambda body, world: expect(contents(body), ["Hello", "Hi!", "What is 3 + 4?"], "what the messages say"),
    hints=(
        "The number counts messages from 0. Which fields does that message have, and which does a message need?",
        "An assistant's message needs role and content. Take all others out.",
    ),
    wrong=(
        (
            """
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
            "The answer itself is gone. The model needs to know what it said; only two fields were too many.",
        ),
        (
            """
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi!", "thinking": "A greeting."},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
            "You renamed the thoughts. A message may have the fields that the provider knows, and this is another "
            "one that it does not.",
        ),
        (
            """
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "reasoning_content": "A greeting."},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
            "You kept the thoughts and dropped the answer: it is the other way round.",
        ),
        (
            """
messages = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi!", "id": "m1"},
    {"role": "user", "content": "What is 3 + 4?"},
]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
            "The thoughts are gone, and the refusal now names id: it came with the answer, and may not go back.",
        ),
    ),
)

# --- m07: a question behind a tool's result -------------------------------------------------------------------------

_TIME = """function = {"name": "time", "parameters": {"type": "object", "properties": {}}}
wish = {"id": "abcdefghi", "type": "function"}
wish["function"] = {"name": "time", "arguments": "{}"}"""


def _talk(*rest: str) -> str:
    lines = "\n".join(f"    {message}," for message in rest)
    return f"""
{_TIME}
messages = [
    {{"role": "user", "content": "What time is it?"}},
    {{"role": "assistant", "content": "", "tool_calls": [wish]}},
{lines}
]
body = {{"model": model, "messages": messages}}
body["tools"] = [{{"type": "function", "function": function}}]
return client.post("/chat/completions", json=body)
"""


NOON = '{"role": "tool", "tool_call_id": "abcdefghi", "name": "time", "content": "12:00"}'
SAID = '{"role": "assistant", "content": "It is noon."}'
LATER = '{"role": "user", "content": "And in an hour?"}'


def _whole_talk(body: Any, world: World) -> None:
    said = [(m.get("role"), m.get("content")) for m in body["messages"] if isinstance(m, dict)]
    for wanted in (("user", "What time is it?"), ("tool", "12:00"), ("user", "And in an hour?")):
        if wanted not in said:
            missed(
                "Nothing of the conversation may get lost: both questions and the tool's result, each in its role.",
                expected=" says ".join(wanted),
                got="; ".join(f"{role} says {content!r}" for role, content in said),
                about="who says what",
            )
    expect(said[-1][0], "user", "the last role")


MISTRAL_ORDER = broken_call(
    "m07",
    "Unexpected role",
    source="danny-avila/LibreChat/issues/12429",
    provider="mistral",
    report="""
A tool was called, its result is there, the person asks on, and Mistral says 400 `Unexpected role 'user' after role
'tool'`, type `invalid_request_message_order`. The program had stopped the model before it could say something about the
result.
""",
    broken=_talk(NOON, LATER),
    mended=_talk(NOON, SAID, LATER),
    also=(_talk(NOON, '{"role": "assistant", "content": "12:00."}', LATER),),
    keeps=_whole_talk,
    minutes=5,
    hints=(
        "After a tool's result it is the model's turn. Who speaks here instead?",
        "Put an assistant's message between the result and the question.",
    ),
    wrong=(
        (
            _talk(SAID, LATER),
            "You took the tool's result away. The model has called it and waits for what it says; its own words are no "
            "result.",
        ),
        (
            _talk(NOON, LATER.replace("user", "system")),
            "You made the person's words an instruction. Who speaks has to stay true, and a system message does not "
            "belong there either.",
        ),
        (
            _talk(NOON, SAID),
            "The order is right now, but the question is gone, and the last word is the model's.",
        ),
        (
            _talk(NOON, LATER, SAID),
            "The assistant's turn stands behind the question. It belongs between the result and the question.",
        ),
    ),
)

# --- m08: a tool of another house -----------------------------------------------------------------------------------


def _tool(tool: str, extra: str = "") -> str:
    return f"""
tool = {tool}
body = {{
    "model": model,
    "messages": [{{"role": "user", "content": "Hello"}}],
    "tools": [tool],{extra}
}}
return client.post("/chat/completions", json=body)
"""


FUNCTION = """{
    "type": "function",
    "function": {
        "name": "web_search",
        "parameters": {"type": "object", "properties": {}},
    },
}"""


def _searching(body: Any, world: World) -> None:
    tools = body.get("tools")
    listed = [t for t in tools if isinstance(t, dict)] if isinstance(tools, list) else []
    names = [t["function"].get("name") if isinstance(t.get("function"), dict) else None for t in listed]
    expect(names, ["web_search"], "the functions that the model may call")


DEEPSEEK_TOOL = broken_call(
    "m08",
    "Unknown variant web_search",
    source="danny-avila/LibreChat/issues/12804",
    provider="deepseek",
    report="""
Web search was switched on, and DeepSeek says 400 `Failed to deserialize the JSON body into the target type:
tools[0].type: unknown variant 'web_search', expected … 'function'`. That type of tool is built into OpenAI's servers.
DeepSeek has none of its own: offer the model a *function* called `web_search`, which your program would carry out.
""",
    broken=_tool('{"type": "web_search"}'),
    mended=_tool(FUNCTION),
    also=(_tool('{"type": "function", "function": {"name": "web_search"}}'),),
    keeps=_searching,
    minutes=5,
    hints=(
        "The type has to be function. Then there is a second field, also called function: an object.",
        'In it: "name": "web_search", and "parameters", a JSON schema of type object.',
    ),
    wrong=(
        (
            _tool('{"type": "function"}'),
            "The type is right, and the function is missing: an object with at least a name.",
        ),
        (
            _tool('{"type": "function", "name": "web_search"}'),
            "The name stands beside the type. That is the form of OpenAI's responses API; in chat completions it "
            "stands inside the object `function`.",
        ),
        (
            _tool('{"type": "web_search"}').replace('    "tools": [tool],\n', ""),
            "Without tools it is taken, and the model cannot search any more. What was wanted has to stay.",
        ),
        (
            _tool('{"type": "function", "function": {"name": "search the web"}}'),
            "A function's name is a word of letters, digits, _ and -; and it was to be called web_search.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (MISTRAL_THOUGHTS, GROQ_THOUGHTS, MISTRAL_ORDER, DEEPSEEK_TOOL)

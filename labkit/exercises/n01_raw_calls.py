"""Predictions and exercises of notebook 01."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed
from labkit.exercises.judging import shown

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="01-cut",
        question="The request says max_tokens: 8, and the story that was asked for is longer. What comes back?",
        choices={
            "a": "an error, status 400",
            "b": "a complete story that fits into 8 tokens",
            "c": "the beginning of the story, cut off, status 200",
            "d": "an empty text, status 200",
        },
        right="c",
        explain={
            "a": "The request is valid and the server does what it says: at most 8 tokens. A limit that is "
            "reached is no error, so nothing but finish_reason tells you.",
            "b": "The model is not told of the limit. It writes token after token, and the server stops it after "
            "the eighth. To get a short text, ask for one in the prompt.",
            "c": "The server stops the model after 8 tokens and says so in one field only, finish_reason: "
            "'length'. A program that does not look at it takes half an answer for a whole one.",
            "d": "What was written up to the limit is sent. Empty is what you can get from a model that thinks "
            "first: the limit counts its thinking too, and may be used up before the answer begins.",
        },
    ),
    Prediction(
        id="01-resend",
        question="Four questions in one conversation, each about as long as the others. How does prompt_tokens go?",
        choices={
            "a": "about the same each time: only the new question is sent",
            "b": "it grows with each turn",
            "c": "it shrinks: the server remembers more and more",
            "d": "it grows until the model's context is full, then the server drops the oldest turns",
        },
        right="b",
        explain={
            "a": "If only the new question were sent, the model would know of nothing else: the server keeps no "
            "conversation. Your program sends all of it each time, and each time all of it is counted.",
            "b": "The whole conversation travels with every request, so the fourth question pays for the first "
            "three and their answers again.",
            "c": "The server remembers nothing. Some providers do keep a cache of prompts and charge less for the "
            "part that they have seen before, but they count it all the same.",
            "d": "It grows, but nothing is dropped for you: a conversation that does not fit is refused with a "
            "400. What to leave out is your program's decision.",
        },
    ),
    Prediction(
        id="01-gone",
        question="A model was retired months ago. You still ask DeepSeek for it by name. Which status comes back?",
        choices={
            "a": "404 Not Found",
            "b": "400 Bad Request",
            "c": "410 Gone",
            "d": "200: its successor answers",
        },
        right="b",
        explain={
            "a": "That is OpenAI's way. The address exists, though, and the model is only a value in the body; "
            "DeepSeek counts it as a bad value.",
            "b": "To DeepSeek the model's name is a value in the body like any other, and this value is wrong. "
            "The message says which names are right.",
            "c": "HTTP has this status for things that are gone for good, and it would fit. No provider in this "
            "lab uses it.",
            "d": "Some old names do live on as aliases, and then the answer's `model` field may tell. This one "
            "was switched off.",
        },
    ),
    Prediction(
        id="01-knob",
        question="You send temperature 0 and temperature 2 to a DeepSeek model that thinks. What do you see?",
        choices={
            "a": "both are refused with a 400",
            "b": "0 gives the same text every time, 2 gives many",
            "c": "both are accepted, and both give many different texts",
            "d": "both are accepted, and both give one and the same text",
        },
        right="c",
        explain={
            "a": "OpenAI's thinking models do that. A refusal is the kinder way: you learn at once that the "
            "parameter does nothing.",
            "b": "That is how temperature works where it is honoured. Here the request is taken, the parameter is "
            "dropped, and nothing in the answer says so.",
            "c": "The parameter is ignored without a word: status 200, and the texts vary alike. Only a "
            "measurement shows it.",
            "d": "Ignored does not mean 0. Without your temperature the model uses its own, and draws.",
        },
    ),
)


# --- exercises ------------------------------------------------------------------------------------------------------


def _answered(reason: str, text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}}


def _whole(answer: Any, world: World) -> None:
    """The model ended its text by itself"""
    expect(answer(_answered("stop", "Blue")), True)


def _cut_off(answer: Any, world: World) -> None:
    """A real answer that max_tokens cut off"""
    story = [{"role": "user", "content": "Tell me a story."}]
    body = {"model": world.model("lab"), "messages": story, "max_tokens": 3}
    came = world.client("lab").post("/chat/completions", json=body).json()
    expect(answer(came), world.calls[0].finish_reasons == ["stop"])


def _full_stop(answer: Any, world: World) -> None:
    """A limit was reached just behind a full stop"""
    expect(answer(_answered("length", "The dog slept.")), False)


def _filtered(answer: Any, world: World) -> None:
    """A filter took the rest away"""
    expect(answer(_answered("content_filter", "The")), False)


def _is_whole(expression: str) -> str:
    return f"""
def is_whole(answer):
    choice = answer["choices"][0]
    return {expression}
"""


IS_WHOLE = Exercise(
    id="01-whole",
    title="Is this answer whole?",
    minutes=4,
    level="worked",
    prompt="""
`is_whole` is handed the dictionary of an answer, as `.json()` makes it. It returns `True` when the model ended its text
by itself or at a stop string, and `False` whenever anything else ended it: a limit, a filter, something that you have
never heard of. Section 4 says which field tells. Two gaps are open.
""",
    blank=_is_whole("choice[...] == ..."),
    cases=(_whole, _filtered, _full_stop, _cut_off),
    hints=(
        "The field says why the text ends. Section 4 prints it for three requests.",
        "The field is finish_reason. Compare it with the one value that means: all is said.",
    ),
    solution=_is_whole('choice["finish_reason"] == "stop"'),
    also_correct=(_is_whole('choice.get("finish_reason") in {"stop"}'),),
    misconceptions=(
        Misconception(
            _is_whole('choice["finish_reason"] != "length"'),
            "Length is not the only way to lose the rest: a filter can take it, too, and new reasons are invented. "
            "Ask for the one good value, not for the absence of one bad value.",
        ),
        Misconception(
            _is_whole('choice["message"]["content"].endswith(".")'),
            "A text can be cut off just behind a full stop, and a whole answer may have none ('Blue'). The text itself "
            "does not tell; the server does, in finish_reason.",
        ),
        Misconception(
            _is_whole('choice["finish_reason"] is not None'),
            "There is always a reason, for a half answer too. Which one it is makes the difference.",
        ),
        Misconception(
            _is_whole('choice["finish_reason"] == "length"'),
            "That is the other way round: length says that a limit cut the text off.",
        ),
        Misconception(
            _is_whole('choice["message"]["finish_reason"] == "stop"'),
            "finish_reason stands beside the message, not in it: it is a field of the choice (the table in section 2).",
        ),
    ),
)


def _raw(world: World, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """Push a request through a socket exactly as it was written. Returns the status and the body; 0: no answer."""
    url = urlsplit(world.url("lab") + "/chat/completions")
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", *(f"{n}: {v}" for n, v in headers.items())]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    announced = next((v for n, v in headers.items() if n.lower() == "content-length"), "0")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > len(body):  # it would wait for ever
        return (
            0,
            f"no answer: {int(announced[:12]) - len(body)} bytes more are announced, and the server waits for them",
        )
    with socket.create_connection((str(url.hostname), int(url.port or 80)), timeout=30) as wire:
        wire.sendall(head + body)
        came = b"".join(iter(lambda: wire.recv(65536), b""))
    first, _, rest = came.partition(b"\r\n")
    status = first.split(b" ")[1] if first.count(b" ") else b"0"
    return int(status), rest.partition(b"\r\n\r\n")[2].decode(errors="replace")


def _by_hand(answer: Any, world: World, text: str) -> None:
    made = answer(world.key("lab"), world.model("lab"), text)
    if not (isinstance(made, (tuple, list)) and len(made) == 2):
        missed("Return two things: the headers, a dictionary, and the body.", expected="headers, body", got=shown(made))
    headers, body = made
    if not isinstance(headers, Mapping):
        missed("The headers are a dictionary: name, value.", expected="a dictionary", got=shown(headers))
    if isinstance(body, str):
        missed("The body is a text. A socket takes bytes: .encode() makes them.", expected="bytes", got=shown(body))
    if not isinstance(body, bytes):
        missed("The body is no bytes: json.dumps makes text of it, .encode() bytes.", expected="bytes", got=shown(body))
    if any("\n" in f"{name}{value}" or not f"{name}".isascii() for name, value in headers.items()):
        missed("A header is one line of plain letters.", got=shown(headers))
    status, said = _raw(world, {str(n): str(v) for n, v in headers.items()}, body)
    if status != 200:
        got = f"status {status}: {said[:200]}" if status else said
        missed("", expected="status 200", got=got, about="what came back")
    wanted = {"model": world.model("lab"), "messages": [{"role": "user", "content": text}]}
    expect({name: (world.calls[0].body or {}).get(name) for name in wanted}, wanted, "what arrived")


def _plain_text(answer: Any, world: World) -> None:
    """A question in plain letters"""
    _by_hand(answer, world, "Hello")


def _accents(answer: Any, world: World) -> None:
    """A question with letters that take more than one byte"""
    _by_hand(answer, world, "Où est le café ?")


def _made_by_hand(body: str, authorization: str, length: str) -> str:
    lines = ['"Content-Type": "application/json",', f'"Authorization": {authorization},']
    lines += [f'"Content-Length": {length},'] if length else []
    inside = "\n".join(f"        {line}" for line in lines)
    return f"""
def by_hand(key, model, text):
    question = {{"model": model, "messages": [{{"role": "user", "content": text}}]}}
    body = {body}
    headers = {{
{inside}
    }}
    return headers, body
"""


DUMPED, BEARER, LENGTH = "json.dumps(question, ensure_ascii=False).encode()", 'f"Bearer {key}"', "str(len(body))"

BY_HAND = Exercise(
    id="01-by-hand",
    title="Headers and body by hand",
    minutes=7,
    level="faded",
    prompt="""
Write what `httpx` wrote for you in section 1. `by_hand` is handed a key, a model's id and a question. It returns two
things: the headers, a dictionary of three (`Content-Type`, `Authorization`, `Content-Length`), and the body, as bytes.
The check adds the first line and `Host`, pushes everything through a plain socket to provider `lab`, and looks at what
arrived there.
""",
    blank="""
def by_hand(key, model, text):
    question = {"model": model, "messages": ...}
    body = ...
    headers = {"Content-Type": "application/json"}
    ...
    return headers, body
""",
    cases=(_plain_text, _accents),
    hints=(
        "messages is a list with one dictionary in it, as in section 1. The body is made in two steps: a dictionary "
        "becomes JSON text, the text becomes bytes.",
        "json.dumps(question).encode() is the body. Authorization is the word Bearer, a space and the key. "
        "Content-Length counts the bytes of the body.",
        'headers["Content-Length"] = str(len(body)), once body is bytes.',
    ),
    solution=_made_by_hand(DUMPED, BEARER, LENGTH),
    also_correct=(
        _made_by_hand("json.dumps(question).encode()", BEARER, "len(body)"),
        """
def by_hand(key, model, text):
    request = httpx.Request("POST", "http://localhost", json={
        "model": model, "messages": [{"role": "user", "content": text}],
    })
    length = request.headers["content-length"]
    headers = {"content-type": "application/json", "authorization": "Bearer " + key, "content-length": length}
    return headers, request.content
""",
    ),
    misconceptions=(
        Misconception(
            _made_by_hand(DUMPED, BEARER, "str(len(body.decode()))"),
            "Content-Length counts bytes, not characters. é and ù are one character and two bytes each, so the server "
            "stopped reading before the last brackets, and what it had was no JSON.",
        ),
        Misconception(
            _made_by_hand(DUMPED, "key", LENGTH),
            "The key alone is not enough: the header says first what kind of key it is. 'Bearer', a space, the key.",
        ),
        Misconception(
            _made_by_hand("str(question).encode()", BEARER, LENGTH),
            "str() writes a dictionary the way Python does, with single quotes. JSON has double quotes: json.dumps.",
        ),
        Misconception(
            _made_by_hand(DUMPED, BEARER, ""),
            "Without Content-Length the server takes the body to be empty: it cannot know where the body ends, since "
            "the connection stays open.",
        ),
        Misconception(
            _made_by_hand(DUMPED, BEARER, "str(len(text))"),
            "That is the length of the question. Content-Length counts the whole body, model and brackets included; "
            "the server stopped reading where you told it to.",
        ),
        Misconception(
            _made_by_hand(DUMPED, BEARER, LENGTH).replace('[{"role": "user", "content": text}]', "text"),
            "messages is a list of messages, also when there is one: a list with one dictionary in it, which has role "
            "and content.",
        ),
    ),
    given="import json\n\nimport httpx\n",
)


def _chunk(**delta: Any) -> bytes:
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def _short_stream(answer: Any, world: World) -> None:
    """Each piece is one event"""
    expect(answer([_chunk(role="assistant"), _chunk(content="Hi"), DONE]), "Hi")


def _cut_event(answer: Any, world: World) -> None:
    """An event that comes in two pieces"""
    stream = _chunk(content="Hi") + _chunk(content="!") + DONE
    expect(answer([stream[:20], stream[20:]]), "Hi!")


def _cut_character(answer: Any, world: World) -> None:
    """A piece that ends in the middle of a character"""
    stream = _chunk(content="é") + DONE
    at = stream.index("é".encode()) + 1
    expect(answer([stream[:at], stream[at:]]), "é")


def _no_choices(answer: Any, world: World) -> None:
    """A last chunk with the usage, and without choices"""
    usage = b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\n'
    expect(answer([_chunk(content="Hi"), usage, DONE]), "Hi")


def _real_stream(answer: Any, world: World) -> None:
    """A real stream, cut every 7 bytes"""
    messages = [{"role": "user", "content": "Name three colors."}]
    body = {"model": world.model("lab"), "messages": messages, "temperature": 0, "max_tokens": 12}
    client = world.client("lab")
    whole = client.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    raw = client.post("/chat/completions", json={**body, "stream": True}).content
    expect(answer([raw[start : start + 7] for start in range(0, len(raw), 7)]), whole)


JOINED = """
def joined(pieces):
    text, rest = "", b""
    for piece in pieces:
        rest += piece
        *blocks, rest = rest.split(b"\\n\\n")
        for block in blocks:
            data = block.decode().removeprefix("data: ")
            if data == "[DONE]":
                continue
            for choice in json.loads(data)["choices"]:
                text += choice["delta"].get("content") or ""
    return text
"""

JOIN = Exercise(
    id="01-join",
    title="From pieces to a text",
    minutes=10,
    level="faded",
    prompt="""
`joined` is handed the pieces of a streamed answer, a list of bytes, in the order in which they came. It returns the
text of the answer, all `content` put together. The pieces are cut as the network likes it: in the middle of an event,
even of a character. Every event is one line `data: …` and ends with an empty line; the last one is `[DONE]`. A chunk
may have no choices, and a delta no content. Section 6 has most of the parts.
""",
    blank="""
def joined(pieces):
    text, rest = "", b""
    for piece in pieces:
        rest += piece
        ...
    return text
""",
    cases=(_short_stream, _no_choices, _cut_event, _cut_character, _real_stream),
    hints=(
        "Keep bytes as bytes until an event is complete. `*blocks, rest = rest.split(...)` takes the complete events "
        "away and leaves what is not complete for the next turn.",
        "Of each complete block: decode it, take 'data: ' away, leave [DONE] out, json.loads the others, and go "
        "through all of its choices: `for choice in chunk['choices']`.",
        'A delta without content: `delta.get("content") or ""` is then an empty text.',
    ),
    solution=JOINED,
    also_correct=(
        """
from labkit.wire import sse_events

def joined(pieces):
    found = [event.data for event in sse_events(pieces) if event.kind == "data"]
    chunks = [json.loads(data) for data in found if data != "[DONE]"]
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
""",
        """
def joined(pieces):
    text = ""
    for line in b"".join(pieces).decode().splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:])["choices"]:
                text += choice["delta"].get("content", "") or ""
    return text
""",
    ),
    misconceptions=(
        Misconception(
            """
def joined(pieces):
    text = ""
    for piece in pieces:
        try:
            for choice in json.loads(piece.decode().removeprefix("data: "))["choices"]:
                text += choice["delta"].get("content") or ""
        except ValueError:
            continue
    return text
""",
            "You take every piece for an event, and lose those that were cut. A piece is what the network delivered, "
            "no more: keep the rest until its end has come.",
        ),
        Misconception(
            JOINED.replace('"", b""', '"", ""')
            .replace("rest += piece", 'rest += piece.decode(errors="ignore")')
            .replace('b"\\n\\n"', '"\\n\\n"')
            .replace(".decode().remove", ".remove"),
            "You decode each piece by itself. A character of several bytes that is cut between two pieces is lost that "
            "way: decode an event when all of its bytes are there.",
        ),
        Misconception(
            JOINED.replace('.get("content") or ""', '.get("content", "None")'),
            "A delta without content brings nothing to the text; you added the word None. The first delta often has "
            "only the role.",
        ),
        Misconception(
            JOINED.replace(
                'for choice in json.loads(data)["choices"]:', 'for choice in [json.loads(data)["choices"][0]]:'
            ),
            "A chunk may have no choices at all: the one that brings the usage. choices[0] breaks there; go through "
            "all choices that there are.",
        ),
        Misconception(
            JOINED.replace('if data == "[DONE]":', 'if data == "":'),
            "[DONE] is no JSON: json.loads fails on it. Look at the data before you parse it.",
        ),
        Misconception(
            JOINED.replace('.get("content") or ""', '["content"]'),
            "Not every delta has a content: the first often brings only the role, and the last nothing at all. "
            "['content'] fails there, .get('content') does not.",
        ),
        Misconception(
            """
def joined(pieces):
    text = ""
    for piece in pieces:
        data = piece.decode().removeprefix("data: ").strip()
        if data != "[DONE]":
            for choice in json.loads(data)["choices"]:
                text += choice["delta"].get("content") or ""
    return text
""",
            "You read each piece by itself, and a piece may be half an event, or end inside a character. Add it to "
            "rest, and read only what is complete.",
        ),
        Misconception(
            JOINED.replace('"", b""', '"", ""')
            .replace("rest += piece", "rest += piece.decode()")
            .replace('b"\\n\\n"', '"\\n\\n"')
            .replace(".decode().remove", ".remove"),
            "A piece may end inside a character, and half a character cannot be decoded. Collect bytes, and decode an "
            "event when it is complete.",
        ),
    ),
    given="import json\n",
)


def _talk(answer: Any, world: World, questions: list[str]) -> None:
    came: list[str] = []

    def listen(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            came.append(response.json()["choices"][0]["message"]["content"])

    client = world.client("lab", event_hooks={"response": [listen]})
    texts = answer(client, world.model("lab"), questions)
    world.need_calls()
    sent = [(record.body or {}).get("messages") for record in world.calls]
    wanted: list[Any] = []
    so_far: list[dict[str, str]] = []
    for question, text in zip(questions, [*came, *[""] * len(questions)], strict=False):
        so_far.append({"role": "user", "content": question})
        wanted.append(list(so_far))
        so_far.append({"role": "assistant", "content": text})
    expect(len(sent), len(questions), "the number of requests")
    for number, (one, other) in enumerate(zip(sent, wanted, strict=True), 1):
        expect(one, other, f"messages of request {number}")
    expect(texts, came, "what your function returned")


def _one_question(answer: Any, world: World) -> None:
    """One question"""
    _talk(answer, world, ["Hello"])


def _three_questions(answer: Any, world: World) -> None:
    """Three questions, each with all that was said before"""
    _talk(answer, world, ["I have a dog.", "What is 3 + 4?", "Which pet do I have?"])


TALK = """
def talk(client, model, questions):
    messages, texts = [], []
    for question in questions:
        messages.append({"role": "user", "content": question})
        body = {"model": model, "messages": messages}
        answer = client.post("/chat/completions", json=body).json()
        message = answer["choices"][0]["message"]
        messages.append(message)
        texts.append(message["content"])
    return texts
"""

CONVERSATION = Exercise(
    id="01-talk",
    title="A conversation that remembers",
    minutes=8,
    level="faded",
    prompt="""
`talk` is handed a client of provider `lab`, a model's id and a list of questions. It asks them one after the other, as
one conversation: each request carries everything that was said before it, by both sides. It returns the list of the
answers' texts. Send through the `client` that you are handed, to `/chat/completions`, as `ask` does in section 3; the
check reads at the provider what came.
""",
    blank="""
def talk(client, model, questions):
    messages, texts = [], []
    for question in questions:
        ...
    return texts
""",
    cases=(_one_question, _three_questions),
    hints=(
        "Section 5 does it: append the question, send the whole list, append the answer.",
        'The question is a message with role "user". What came back under choices[0].message is a message already, '
        "with role assistant: append it as it is.",
        'The call: client.post("/chat/completions", json={"model": model, "messages": messages}).json()',
    ),
    solution=TALK,
    also_correct=(
        TALK.replace(
            "messages.append(message)", 'messages.append({"role": "assistant", "content": message["content"]})'
        ),
        TALK.replace("messages.append({", "messages = messages + [{").replace("question})", "question}]"),
    ),
    misconceptions=(
        Misconception(
            TALK.replace("messages.append({", "messages = [{").replace("question})", "question}]"),
            "You send only the new question. The server keeps nothing between two calls, so to the model each question "
            "is the first.",
        ),
        Misconception(
            TALK.replace("        messages.append(message)\n", ""),
            "You send your own questions again, without the answers. The model then reads a list of questions and does "
            "not know what it said itself.",
        ),
        Misconception(
            TALK.replace(
                "messages.append(message)", 'messages.append({"role": "user", "content": message["content"]})'
            ),
            "The answers go back as if you had said them. What the model wrote has the role assistant.",
        ),
        Misconception(
            TALK.replace('texts.append(message["content"])', "texts.append(message)"),
            "You return whole messages, dictionaries with role and content. Asked for were their texts.",
        ),
    ),
)


CALLS, WAIT_S = 4, 1


def _persist(answer: Any, world: World, *, calls: int, key: str | None = None) -> None:
    body = {
        "model": world.model("deepseek"),
        "messages": [{"role": "user", "content": "Hello"}],
        "thinking": {"type": "disabled"},
        "max_tokens": 12,
    }
    came: list[Any] = [None]

    def listen(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            came.append(response.json()["choices"][0]["message"]["content"])

    client = world.client("deepseek", key=key, event_hooks={"response": [listen]})
    text = answer(client, body, world.sleep)
    world.need_calls()
    statuses = ", ".join(str(record.status) for record in world.calls)
    if len(world.calls) != calls:
        missed("", expected=f"{calls}", got=f"{len(world.calls)} (status {statuses})", about="calls")
    waits = world.waits_s
    if any(wait < WAIT_S for wait in waits):
        slept = f", and time.sleep {len(world.bare_sleeps_s)} times" if world.bare_sleeps_s else ""
        got = ", ".join(f"{wait:g} s" for wait in waits) + slept
        missed("", expected=f"at least {WAIT_S} s each time", got=got, about="waits between calls")
    expect(text, came[-1], "what your function returned")


def _at_once(answer: Any, world: World) -> None:
    """The first call works"""
    _persist(answer, world, calls=1)


def _wrong_key(answer: Any, world: World) -> None:
    """The key is wrong: status 401"""
    _persist(answer, world, calls=1, key="no-key-at-all")


def _twice(answer: Any, world: World) -> None:
    """Overloaded twice, then it works"""
    world.fault("deepseek", "overloaded", times=2)
    _persist(answer, world, calls=3)


def _for_ever(answer: Any, world: World) -> None:
    """Overloaded for ever"""
    world.fault("deepseek", "overloaded")
    _persist(answer, world, calls=CALLS)


PERSIST = """
def persist(client, body, sleep):
    for call in range(4):
        if call > 0:
            sleep(1)
        response = client.post("/chat/completions", json=body)
        if response.status_code == 200:
            return response.json()["choices"][0]["message"]["content"]
        if response.status_code != 503:
            return None
    return None
"""

PATIENCE = Exercise(
    id="01-persist",
    title="Get an answer out of an overloaded provider",
    minutes=12,
    level="free",
    prompt="""
A provider that is overloaded answers **503**. That passes: a second later it may work. A **401** does not pass, however
often you ask. Write `persist(client, body, sleep)`:

- it sends `body` to `/chat/completions` through `client` and returns the answer's text;
- after a 503 it waits at least 1 second and asks again, with **at most 4 calls** in all;
- after any other status than 200 and 503 it returns `None` at once, and `None` too when the 4 calls are used up.

Wait with the `sleep` that you are handed, `sleep(1)`: in the check a second of the lab's clock passes, and you wait not
at all.
""",
    blank="""
def persist(client, body, sleep):
    ...
""",
    cases=(_at_once, _wrong_key, _twice, _for_ever),
    hints=(
        "A loop of four turns. In each turn there are three ways on: 200, 503, anything else. Two of them end the "
        "function.",
        'response = client.post("/chat/completions", json=body), then look at response.status_code. The text is where '
        "it always is: response.json()['choices'][0]['message']['content'].",
        "Where does sleep(1) stand? Before every call but the first, or after every 503.",
    ),
    solution=PERSIST,
    also_correct=(
        """
def persist(client, body, sleep):
    calls = 0
    while calls < 4:
        response = client.post("/chat/completions", json=body)
        calls += 1
        if response.status_code == 503:
            sleep(2 ** calls)
        elif response.status_code == 200:
            return response.json()["choices"][0]["message"]["content"]
        else:
            return None
""",
    ),
    misconceptions=(
        Misconception(
            PERSIST.replace("            sleep(1)", "            pass"),
            "You ask again at once. A server that is overloaded needs a moment without you; four calls within a "
            "millisecond are one call to it.",
        ),
        Misconception(
            "import time\n" + PERSIST.replace("            sleep(1)", "            time.sleep(1)"),
            "You wait with time.sleep. Use the sleep that your function is handed: then whoever calls it decides how "
            "time passes, and a test of it takes no time.",
        ),
        Misconception(
            PERSIST.replace("        if response.status_code != 503:\n            return None\n", ""),
            "You repeat a 401. The key is as wrong the second time: only what may pass by itself is worth a call.",
        ),
        Misconception(
            PERSIST.replace("range(4)", "range(5)"),
            "Four calls in all, the first one counted: one call and three repetitions. You made one more.",
        ),
        Misconception(
            PERSIST.replace("!= 503", "!= 200"),
            "You give up after the first 503. It is the one status here that a second try can change.",
        ),
        Misconception(
            PERSIST.replace("for call in range(4):", "call = -1\n    while True:\n        call += 1"),
            "A provider that stays overloaded keeps you asking for ever: your loop has no last call. After the fourth "
            "return None.",
        ),
        Misconception(
            PERSIST.replace('response.json()["choices"][0]["message"]["content"]', "response.text"),
            "response.text is the whole body, JSON with id, usage and all. The answer's text is in it, under choices, "
            "message, content.",
        ),
    ),
    most_calls=20,
)

EXERCISES: tuple[Exercise, ...] = (IS_WHOLE, BY_HAND, CONVERSATION, JOIN, PATIENCE)

"""Mystery cases m09 to m12: addresses, an empty account, an empty answer."""

from __future__ import annotations

from typing import Any

import httpx

from labkit.exercises import Exercise, Misconception, World, expect, missed
from labkit.exercises.judging import shown
from labkit.exercises.mending import MEND, THREADS, broken_call, chat_call, contents

HELLO = '[{"role": "user", "content": "Hello"}]'


def _hello(body: Any, world: World) -> None:
    expect(contents(body), ["Hello"], "what the messages say")


# --- m09: the path twice ----------------------------------------------------------------------------------------------


def _post(lines: str, url: str) -> str:
    return f"""
{lines}body = {{"model": model, "messages": {HELLO}}}
return client.post({url}, json=body)
"""


PATH_TWICE = broken_call(
    "m09",
    "The whole address",
    source="danny-avila/LibreChat/issues/1626",
    provider="openai",
    report="""
`Failed to fetch models … Request failed with status code 404`, and no chat either. The base URL had been copied from a
page of documentation, with the whole path: `…/v1/chat/completions`. The program appends the path that it needs, as all
do. Make it bear both: `base` with the path at its end, and without.
""",
    broken=_post("", 'base + "/chat/completions"'),
    mended=_post('base = base.removesuffix("/chat/completions")\n', 'base + "/chat/completions"'),
    also=(
        _post(
            'if not base.endswith("/chat/completions"):\n    base = base.rstrip("/") + "/chat/completions"\n',
            "base",
        ),
    ),
    more=("base",),
    given=lambda world: (world.url("openai") + "/chat/completions",),
    given_again=lambda world: (world.url("openai"),),
    keeps=_hello,
    hints=(
        "Print the address that is called: the path stands in it twice.",
        "str.removesuffix takes an ending away where it is there, and does nothing where it is not.",
    ),
    wrong=(
        (
            _post("", "base"),
            "That works for the base with the path, and for no other. Whoever gives the base alone, as it should be, "
            "now calls an address that does not exist.",
        ),
        (
            _post("base = base[:-17]\n", 'base + "/chat/completions"'),
            "You cut 17 characters off whatever there is. Of a base without the path something is lost that was "
            "needed.",
        ),
        (
            _post('base = base.split("/v1")[0]\n', 'base + "/chat/completions"'),
            "/v1 belongs to the base URL. What stands twice is only /chat/completions.",
        ),
    ),
)

# --- m10: Ollama's two APIs -------------------------------------------------------------------------------------------


def _compatible(body: Any, world: World) -> None:
    _hello(body, world)
    expect(world.calls[-1].path, "/v1/chat/completions", "the path")


OLLAMA_API = broken_call(
    "m10",
    "Ollama lives at two addresses",
    source="danny-avila/LibreChat/issues/8507",
    provider="ollama",
    report="""
Ollama runs, `ollama list` shows its models, and every chat ends in `404 page not found`. The address given to the
program is `http://…:11434/api/`, as Ollama's own documentation has it; the program speaks as OpenAI does, and reads
`choices[0].message`. `root` is the address without any path.
""",
    broken=_post("", 'root + "/api/chat/completions"'),
    mended=_post("", 'root + "/v1/chat/completions"'),
    also=(_post("", 'f"{root}/v1/chat/completions"'),),
    more=("root",),
    given=lambda world: (world.url("ollama").removesuffix("/v1"),),
    keeps=_compatible,
    hints=(
        "Ollama has an API of its own under /api, and a second one that answers as OpenAI does. Under which path?",
        "It is /v1, then what every such client appends: /chat/completions.",
    ),
    wrong=(
        (
            _post("", 'root + "/api/chat"'),
            "That is Ollama's own chat: it takes your request, and answers in another form, without choices.",
        ),
        (
            _post("", 'root + "/chat/completions"'),
            "Without /v1 there is nothing at that address: Ollama has one API under /api and one under /v1.",
        ),
        (
            _post("", 'root + "/api/v1/chat/completions"'),
            "/api and /v1 are two APIs beside each other; one does not stand inside the other.",
        ),
    ),
)

# --- m11: no money --------------------------------------------------------------------------------------------------

SPARE = f"""body = {{"model": models[1], "messages": {HELLO}}}
    return second.post("/chat/completions", json=body)"""


def _ask(stop: str, then: str, end: str = SPARE, comment: str = "# What waiting cannot cure is for the second") -> str:
    return f"""
def ask(first, second, models, sleep):
    {comment}
    for attempt in range(4):
        body = {{"model": models[0], "messages": {HELLO}}}
        response = first.post("/chat/completions", json=body)
        if {stop}:
            {then}
        sleep(2**attempt)
    {end}
"""


def _asked(answer: Any, world: World, *calls: str) -> None:
    first, second = world.client("deepseek"), world.client("openai")
    response = answer(first, second, (world.model("deepseek"), world.model("openai")), world.sleep)
    world.need_calls()
    expect([record.provider for record in world.calls], list(calls), "who was called")
    if not isinstance(response, httpx.Response) or response.status_code != 200:
        got = f"status {response.status_code}" if isinstance(response, httpx.Response) else shown(response)
        missed("", expected="a response with status 200", got=got, about="what your function returned")


def _rich(answer: Any, world: World) -> None:
    """Nothing is wrong"""
    _asked(answer, world, "deepseek")


def _poor(answer: Any, world: World) -> None:
    """The first account is empty"""
    world.fault("deepseek", "no_credit")
    _asked(answer, world, "deepseek", "openai")


def _busy(answer: Any, world: World) -> None:
    """The first is overloaded for a moment"""
    world.fault("deepseek", "overloaded", times=2)
    _asked(answer, world, "deepseek", "deepseek", "deepseek")


GOOD = "response.status_code == 200"
NO_MONEY = Exercise(
    id="m11",
    title="Insufficient balance",
    minutes=6,
    level="faded",
    prompt=f"""
All day long the program repeated its call to DeepSeek, with waits that doubled as they should, and never got an answer:
402 `{{"error": {{"message": "Insufficient Balance", "type": "unknown_error", …, "code": "invalid_request_error"}}}}`.
Type and code mislead, the sentence does not. Mend `ask`: an empty account is no reason to wait, but one to ask the
`second` provider at once. What passes by itself is still worth a few tries at the first. Reported in
[Aider-AI/aider/issues/4851]({THREADS}Aider-AI/aider/issues/4851).
""",
    blank=_ask(GOOD, "return response", "return response", MEND),
    cases=(_rich, _poor, _busy),
    hints=(
        "Which status is waiting for, and which is not? Two lines in the loop decide it.",
        "On 402 leave the loop (break); behind it stands the call to second.",
    ),
    solution=_ask(GOOD, "return response\n        if response.status_code == 402:\n            break"),
    also_correct=(
        _ask(
            GOOD,
            "return response\n        code = response.status_code\n"
            "        if code < 500 and code != 429:\n            break",
        ),
    ),
    misconceptions=(
        Misconception(
            _ask(GOOD, "return response"),
            "The second is asked, but only after four calls and all the waits. An empty account does not fill up "
            "meanwhile: 402 is to be recognised at once.",
        ),
        Misconception(
            _ask("response.status_code in (200, 402)", "return response"),
            "You stop repeating, and return the refusal. Whoever asked has no answer, though a second provider is "
            "there.",
        ),
        Misconception(
            _ask(GOOD, "return response\n        break"),
            "You leave the first at every failure. A 503 passes in a moment; the second provider costs money, too, "
            "and is another model.",
        ),
        Misconception(
            _ask("False", "return response\n        break"),
            "The second is asked whether the first answered or not: every question is paid for twice.",
        ),
        Misconception(
            _ask(GOOD, "return response\n        if response.status_code == 402:\n            break").replace(
                "models[1]", "models[0]"
            ),
            "The second provider is asked for the first one's model, which it does not have: a 404. Names of models "
            "belong to their provider, here models[1].",
        ),
        Misconception(
            """
def ask(first, second, models, sleep):
    body = {"model": models[1], "messages": [{"role": "user", "content": "Hello"}]}
    return second.post("/chat/completions", json=body)
""",
            "You never ask the first. It is the one that is wanted, as long as it answers; the second is for the day "
            "on which its account is empty.",
        ),
    ),
)

# --- m12: nothing to read ---------------------------------------------------------------------------------------------


def _some_text(response: httpx.Response) -> None:
    choice = response.json()["choices"][0]
    if not (choice["message"]["content"] or "").strip():
        spent = response.json()["usage"]["completion_tokens"]
        missed(
            "", expected="a text", got=f"none; {spent} tokens, finish_reason {choice['finish_reason']}", about="content"
        )


EMPTY_ANSWER = broken_call(
    "m12",
    "Received empty response",
    source="danny-avila/LibreChat/issues/10377",
    provider="deepseek",
    report="""
`Received empty response from chat model call.` No error, status 200, tokens are charged, and `content` is empty. The
model thinks before it answers, and what it thinks is counted. (With `"thinking": {"type": "disabled"}` this provider's
model does without.)
""",
    broken=chat_call('"max_tokens": 2'),
    mended=chat_call('"max_tokens": 2', '"thinking": {"type": "disabled"}'),
    also=(chat_call('"max_tokens": 1000'), chat_call()),
    answered=_some_text,
    keeps=_hello,
    hints=(
        "finish_reason is length: the limit was reached. What were the tokens spent on?",
        "Give the answer room (a larger max_tokens), or switch the thinking off.",
    ),
    wrong=(
        (
            chat_call('"max_tokens": 2', '"temperature": 0'),
            "Temperature chooses among words. The limit is used up before the first word of the answer, whatever it "
            "is.",
        ),
        (
            chat_call('"max_tokens": 1'),
            "Less room is not more answer: max_tokens counts the thoughts as well.",
        ),
        (
            chat_call('"max_tokens": 2', '"thinking": {"type": "disabled"}', content="Hello, be brief"),
            "It answers, but to another question: what was asked has to stay as it was.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (PATH_TWICE, OLLAMA_API, NO_MONEY, EMPTY_ANSWER)

"""Predictions and exercises of notebook 06. The broken calls that it points to are in the modules `mNN_…`."""

from __future__ import annotations

from typing import Any

import httpx

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed
from labkit.exercises.judging import shown

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="06-money",
        question="Several providers, and no money left on any of the accounts. Which status do you get?",
        choices={
            "a": "402 Payment Required, everywhere",
            "b": "429, everywhere: the quota is used up",
            "c": "401: the key is no longer valid",
            "d": "it depends on the provider: 400, 402, 403 or 429",
        },
        right="d",
        explain={
            "a": "HTTP has had this number for it from the start, and some providers use it. Others do not, and a "
            "program that waits for a 402 meets a 400 or a 429.",
            "b": "OpenAI does that, and it is the most expensive one to misread: the same number also means 'too "
            "fast', where waiting helps.",
            "c": "The key is as good as before: it says who you are, and you are known. Money is another layer.",
            "d": "The number alone does not say that money is missing. The type, the code or the sentence in the body "
            "does: read on behind the status.",
        },
    ),
    Prediction(
        id="06-read",
        question="timeout=1.6 s. A streamed answer begins in time and takes longer than 1.6 s in all. What happens?",
        choices={
            "a": "ReadTimeout after 1.6 s: the call took too long",
            "b": "nothing: the stream is read to its end",
            "c": "the stream ends quietly after 1.6 s, with half of the text",
            "d": "the server stops writing after 1.6 s",
        },
        right="b",
        explain={
            "a": "That would be a deadline for the whole call. httpx has none: each of its four timeouts limits one "
            "step, and for reading it is the wait for the next bytes.",
            "b": "The clock of the read timeout starts anew with every piece that arrives. It limits silence, not "
            "length; a stream that trickles for ever never trips it.",
            "c": "A timeout is never quiet in httpx: it raises. Half a text without an exception comes from a limit on "
            "tokens, and finish_reason says so.",
            "d": "The server is not told of your timeout. It would notice only that the connection is gone.",
        },
    ),
    Prediction(
        id="06-herd",
        question="300 clients fail at the same moment and wait 1, 2, 4 s … before each retry. What meets the server?",
        choices={
            "a": "an even trickle of calls",
            "b": "waves: all 300 at once, then silence, then all 300 again",
            "c": "fewer and fewer clients: each one gives up at another time",
            "d": "300 calls in the first second, and few afterwards",
        },
        right="b",
        explain={
            "a": "It would be even if they had begun at different moments. They failed together, they all count the "
            "same seconds, so they come back together.",
            "b": "Backoff makes the waves rarer and leaves them as high. Only chance takes the clients apart: that is "
            "what jitter is for.",
            "c": "They all follow one rule, so they also give up at one moment.",
            "d": "A wait only moves the calls to later: each retry brings all of them back, as long as the server "
            "fails.",
        },
    ),
)


# --- what the cases share -------------------------------------------------------------------------------------------


def _body(world: World, provider: str, **changes: Any) -> dict[str, Any]:
    hello = [{"role": "user", "content": "Hello"}]
    return {"model": world.model(provider), "messages": hello, "max_tokens": 6, **changes}


def _send(world: World, provider: str, path: str = "", *, key: str | None = None, **changes: Any) -> Any:
    """A real answer of the provider, or the exception that the call ended in."""
    path = path or world.facts[provider].address.paths["chat"]
    try:
        with world.client(provider, key=key) as client:
            return client.post(path, json=_body(world, provider, **changes))
    except httpx.TransportError as error:
        return error


def _failing(world: World, provider: str, kind: str, **options: Any) -> Any:
    """What comes back while the provider misbehaves."""
    with world.fault(provider, kind, **options):
        return _send(world, provider)


# --- 06-rung --------------------------------------------------------------------------------------------------------


def _no_connection(answer: Any, world: World) -> None:
    """Nobody listens at the address"""
    expect(answer(_failing(world, "openai", "refused")), "network")


def _wrong_key(answer: Any, world: World) -> None:
    """The key is wrong"""
    expect(answer(_send(world, "openai", key="no-key-at-all")), "key")


def _wrong_path(answer: Any, world: World) -> None:
    """The path is wrong: a 404"""
    expect(answer(_send(world, "openai", "/chat/completion")), "address")


def _wrong_model(answer: Any, world: World) -> None:
    """The model is wrong: a 404, too"""
    expect(answer(_send(world, "openai", model=world.model("openai") + "-2")), "model")


def _strict(answer: Any, world: World) -> None:
    """A field that Mistral does not know"""
    expect(answer(_send(world, "mistral", user="ada")), "request")


def _wrong_method(answer: Any, world: World) -> None:
    """GET where only POST is taken"""
    expect(answer(world.client("openai").get("/chat/completions")), "request")


def _too_fast(answer: Any, world: World) -> None:
    """Too many requests"""
    expect(answer(_failing(world, "openai", "rate_limit")), "limits")


def _no_money(answer: Any, world: World) -> None:
    """No money left at DeepSeek"""
    expect(answer(_failing(world, "deepseek", "no_credit")), "limits")


def _broken_server(answer: Any, world: World) -> None:
    """The server failed: 500"""
    expect(answer(_failing(world, "openai", "server_error")), "server")


def _busy_server(answer: Any, world: World) -> None:
    """Anthropic is overloaded: 529"""
    expect(answer(_failing(world, "anthropic", "overloaded")), "server")


def _good_answer(answer: Any, world: World) -> None:
    """A good answer"""
    expect(answer(_send(world, "lab")), "answer")


def _rung(model: str, limits: str, request: str, server: str) -> str:
    return f"""
def rung(outcome):
    if isinstance(outcome, httpx.TransportError):
        return "network"
    status, text = outcome.status_code, outcome.text.lower()
    if status in (401, 403):
        return "key"
    if status == 404:
        return {model}
    if status in ({limits}):
        return "limits"
    if status in ({request}):
        return "request"
    return "server" if {server} else "answer"
"""


MODEL, LIMITS, REQUEST, SERVER = (
    '"model" if "model" in text else "address"',
    "402, 429",
    "400, 405, 422",
    "status >= 500",
)

RUNG = Exercise(
    id="06-rung",
    title="Which rung of the ladder?",
    minutes=5,
    level="worked",
    prompt="""
`rung` is handed what `attempt` of section 2 returns: a response, or an exception of httpx. It says in one word where to
look: `network`, `key`, `address`, `model`, `request`, `limits` (too fast or out of money), `server`, or `answer` when
all went well. Five gaps are open; the tables of sections 2 and 3 have the numbers.
""",
    blank=_rung('"model" if ... in text else "address"', "402, ...", "400, ..., ...", "status >= ..."),
    cases=(
        *(_no_connection, _wrong_key, _wrong_path, _wrong_model, _too_fast),
        *(_no_money, _wrong_method, _strict, _broken_server, _busy_server, _good_answer),
    ),
    hints=(
        "Of the two 404s of section 2 one speaks of a model, and the text is in small letters already.",
        "Too fast is 429. What is wrong with the request itself is 400, 405 (the method, in section 2) or 422 "
        "(Mistral, in section 3).",
        "The server's own failures are all numbers from 500 on: 500, 502, 503, 504, 529.",
    ),
    solution=_rung(MODEL, LIMITS, REQUEST, SERVER),
    also_correct=(_rung(MODEL, LIMITS, "400, 405, 413, 422, 415", "status // 100 == 5"),),
    misconceptions=(
        Misconception(
            _rung('"address"', LIMITS, REQUEST, SERVER),
            "A 404 has two meanings: the path does not exist, or the model does not. The sentence in the body tells.",
        ),
        Misconception(
            _rung(MODEL, "402, 403", REQUEST, SERVER),
            "Too many requests is 429. Without it in the list, a rate limit passes for a good answer.",
        ),
        Misconception(
            _rung(MODEL, LIMITS, "400, 405", SERVER),
            "Mistral says 422 where others say 400: the JSON was understood, and a field of it is not allowed.",
        ),
        Misconception(
            _rung(MODEL, LIMITS, "400, 413, 422", SERVER),
            "A method that the path does not take is a 405 (section 2): a GET where a POST belongs. Without it in the "
            "list, that refusal passes for an answer.",
        ),
        Misconception(
            _rung(MODEL, LIMITS, REQUEST, "status > 500"),
            "500 is a failure of the server as well, the plainest of them: the comparison leaves it out.",
        ),
        Misconception(
            _rung(MODEL, LIMITS, REQUEST, "status in (500, 502, 503, 504)"),
            "There are more numbers from 500 on than these: Anthropic says 529 when it is overloaded. Take all of "
            "them.",
        ),
    ),
    given="import httpx\n",
)


# --- 06-wait --------------------------------------------------------------------------------------------------------


def _asked(answer: Any, world: World, response: httpx.Response, seconds: float | None) -> None:
    expect(answer(response, world.clock.now()), seconds)


def _in_seconds(answer: Any, world: World) -> None:
    """Anthropic says it in seconds"""
    _asked(answer, world, _failing(world, "anthropic", "rate_limit", wait_s=7), 7.0)


def _in_milliseconds(answer: Any, world: World) -> None:
    """OpenAI says it in milliseconds as well, and more exactly"""
    _asked(answer, world, _failing(world, "openai", "rate_limit", wait_s=1.5), 1.5)


def _as_a_date(answer: Any, world: World) -> None:
    """A proxy names the moment: 90 seconds from now"""
    world.advance(30)
    at = httpx.Response(503, headers={"retry-after": "Fri, 20 Nov 2026 12:02:00 GMT", "date": world.clock.http_date()})
    _asked(answer, world, at, 90.0)


def _in_the_past(answer: Any, world: World) -> None:
    """The moment has passed already"""
    world.advance(300)
    _asked(answer, world, httpx.Response(503, headers={"retry-after": "Fri, 20 Nov 2026 12:02:00 GMT"}), 0.0)


def _unsaid(answer: Any, world: World) -> None:
    """DeepSeek is overloaded and says nothing of a wait"""
    _asked(answer, world, _failing(world, "deepseek", "overloaded"), None)


WAIT = """
from email.utils import parsedate_to_datetime


def wait_s(response, now):
    headers = response.headers
    if "retry-after-ms" in headers:
        return float(headers["retry-after-ms"]) / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        at = parsedate_to_datetime(value)
        return max(0.0, (at - now).total_seconds())
"""

WAITING = Exercise(
    id="06-wait",
    title="How long does the answer ask you to wait?",
    minutes=8,
    level="faded",
    prompt="""
`wait_s` is handed a response and the moment it is, and returns the seconds that the response asks you to wait. Three
forms occur: `retry-after-ms` (milliseconds; it comes first where it is there), `retry-after` as a number of seconds,
and `retry-after` as a date. A date that has passed is no wait: 0. No such header: `None`, which is not the same as 0.
""",
    blank="""
from email.utils import parsedate_to_datetime


def wait_s(response, now):
    headers = response.headers
    if "retry-after-ms" in headers:
        return ...
    value = headers.get("retry-after")
    if value is None:
        return ...
    try:
        return ...
    except ValueError:
        at = parsedate_to_datetime(value)
        return ...
""",
    cases=(_in_seconds, _in_milliseconds, _unsaid, _as_a_date, _in_the_past),
    hints=(
        "Header values are texts: float('2') makes a number of one. A second has 1000 milliseconds.",
        "float() of a date raises ValueError. In the except, parsedate_to_datetime(value) makes a moment of it.",
        "(that moment - now).total_seconds() is the difference; max(0.0, difference) is never negative.",
    ),
    solution=WAIT,
    also_correct=(
        """
from email.utils import parsedate_to_datetime

def wait_s(response, now):
    in_ms, value = response.headers.get("retry-after-ms"), response.headers.get("retry-after")
    if in_ms:
        return int(in_ms) / 1000
    if not value:
        return None
    if value.isdigit():
        return int(value)
    return max(0, parsedate_to_datetime(value).timestamp() - now.timestamp())
""",
    ),
    misconceptions=(
        Misconception(
            WAIT.replace(" / 1000", ""),
            "retry-after-ms counts milliseconds: 1500 of them are 1.5 seconds. You would wait a thousand times too "
            "long.",
        ),
        Misconception(
            WAIT.replace('"retry-after-ms" in headers', "False"),
            "retry-after-ms is more exact than retry-after, which is rounded to whole seconds: take it where it is "
            "there.",
        ),
        Misconception(
            WAIT.replace("return None", "return 0.0"),
            "No header is no wish: None. With 0 your caller believes that it may come back at once; with None it can "
            "wait as long as it thinks right.",
        ),
        Misconception(
            WAIT.replace("max(0.0, (at - now).total_seconds())", "(at - now).total_seconds()"),
            "A moment that has passed gives a negative wait, and sleep() refuses negative numbers. The least is 0.",
        ),
        Misconception(
            """
def wait_s(response, now):
    headers = response.headers
    if "retry-after-ms" in headers:
        return float(headers["retry-after-ms"]) / 1000
    value = headers.get("retry-after")
    return None if value is None else float(value)
""",
            "retry-after may be a date, too: RFC 9110 allows both. float() raises on it, and your program fails while "
            "it handles a failure.",
        ),
        Misconception(
            WAIT.replace("(at - now).total_seconds()", "(at - now).seconds"),
            "`.seconds` is not the length of a difference but its part below a day, and never negative: three minutes "
            "ago become almost a day. The length is .total_seconds().",
        ),
        Misconception(
            WAIT.replace("max(0.0, (at - now).total_seconds())", "at - now"),
            "The difference of two moments is a timedelta, and seconds are asked for: .total_seconds() makes a number "
            "of it, and the least is 0.",
        ),
    ),
    given="import httpx\n",
)


# --- 06-again -------------------------------------------------------------------------------------------------------


def _again(answer: Any, outcome: Any, expected: bool) -> None:
    expect(answer(outcome), expected)


def _after_rate(answer: Any, world: World) -> None:
    """OpenAI: too fast, 429"""
    _again(answer, _failing(world, "openai", "rate_limit"), True)


def _after_quota(answer: Any, world: World) -> None:
    """OpenAI: no money, 429"""
    _again(answer, _failing(world, "openai", "no_credit"), False)


def _after_busy(answer: Any, world: World) -> None:
    """DeepSeek: overloaded, 503"""
    _again(answer, _failing(world, "deepseek", "overloaded"), True)


def _after_page(answer: Any, world: World) -> None:
    """A proxy's 502, a page of HTML"""
    _again(answer, _failing(world, "openai", "bad_gateway"), True)


def _after_529(answer: Any, world: World) -> None:
    """Anthropic: overloaded, 529"""
    _again(answer, _failing(world, "anthropic", "overloaded"), True)


def _after_silence(answer: Any, world: World) -> None:
    """No answer in time"""
    _again(answer, httpx.ReadTimeout("timed out"), True)


def _after_wrong_key(answer: Any, world: World) -> None:
    """The key is wrong: 401"""
    _again(answer, _send(world, "openai", key="no-key-at-all"), False)


def _after_bad_field(answer: Any, world: World) -> None:
    """A field is refused: 400"""
    _again(answer, _send(world, "openai", top_k=40), False)


def _after_answer(answer: Any, world: World) -> None:
    """A good answer: 200"""
    _again(answer, _send(world, "lab"), False)


def _may(body: str) -> str:
    return f"""
def may_retry(outcome):
    if isinstance(outcome, httpx.TransportError):
        return True
{body}
"""


MAY = _may("""    status = outcome.status_code
    if status == 429:
        return "insufficient_quota" not in outcome.text
    return status >= 500""")

AGAIN = Exercise(
    id="06-again",
    title="Is a second try worth it?",
    minutes=6,
    level="faded",
    prompt="""
`may_retry` is handed a response or an exception of httpx, and returns `True` when the same request may well work a
moment later: nobody answered, the server failed, you were too fast. It returns `False` when it would be refused again,
and when there is nothing to repeat because the answer is there. Mind the two kinds of 429.
""",
    blank="""
def may_retry(outcome):
    if isinstance(outcome, httpx.TransportError):
        return True
    status = outcome.status_code
    ...
""",
    cases=(
        *(_after_answer, _after_busy, _after_rate, _after_quota, _after_wrong_key),
        *(_after_bad_field, _after_page, _after_529, _after_silence),
    ),
    hints=(
        "Three groups of numbers: 5xx passes by itself, 4xx does not, and 429 needs a second look.",
        "The body of the hopeless 429 holds the word insufficient_quota. Look for it in outcome.text: a 502 is a page "
        "of HTML, and .json() raises on that.",
    ),
    solution=MAY,
    also_correct=(
        _may("""    if "insufficient_quota" in outcome.text:
        return False
    return outcome.status_code in (408, 429, 500, 502, 503, 504, 529)"""),
    ),
    misconceptions=(
        Misconception(
            _may("    return outcome.status_code >= 400"),
            "You repeat whatever failed. A wrong key and a wrong field are as wrong the second time; only what passes "
            "by itself is worth a call.",
        ),
        Misconception(
            _may("    return outcome.status_code == 429 or outcome.status_code >= 500"),
            "You repeat every 429. At OpenAI an empty account is a 429, too, and no wait fills it: insufficient_quota.",
        ),
        Misconception(
            _may("    return outcome.status_code >= 500"),
            "You give up on a rate limit. It is the one refusal that says itself when to come back.",
        ),
        Misconception(
            _may("""    status = outcome.status_code
    if status == 429:
        return "insufficient_quota" not in outcome.text
    return status in (500, 503)"""),
            "500 and 503 are not all: a proxy says 502 or 504, Anthropic says 529. All from 500 on may pass.",
        ),
        Misconception(
            _may("""    status = outcome.status_code
    if status == 429:
        return "insufficient_quota" not in outcome.text
    return status in (408, 500, 502, 503, 504)"""),
            "A list of numbers misses the one that is in no standard: Anthropic says 529 when it is overloaded. "
            "Compare with 500 instead.",
        ),
        Misconception(
            _may("""    if status := outcome.json().get("error", {}).get("code") == "insufficient_quota":
        return False
    return outcome.status_code == 429 or outcome.status_code >= 500"""),
            "You call .json() on whatever came. A 502 from a proxy is a page of HTML, and your program fails while it "
            "handles a failure: look at the status first.",
        ),
    ),
    given="import httpx\n",
)


# --- 06-stream ------------------------------------------------------------------------------------------------------


def _collected(answer: Any, world: World, provider: str, end: str, *, max_tokens: int = 24, whole: bool = True) -> None:
    story = [{"role": "user", "content": "Tell me a story."}]
    body = _body(world, provider, messages=story, temperature=0, max_tokens=max_tokens)
    client = world.client(provider)
    got = answer(client, dict(body))
    world.need_calls()
    if not (isinstance(got, (tuple, list)) and len(got) == 2 and isinstance(got[0], str)):
        missed("Return two things: the text, and the word for its end.", expected="text, end", got=shown(got))
    expect(got[1], end, "the word for the end")
    world.server.faults.clear()
    text = client.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    if whole:
        expect(got[0], text, "the text")
    elif not (got[0] and text.startswith(got[0]) and got[0] != text):
        missed("What had come until then is worth keeping.", expected="the beginning of the text", got=shown(got[0]))


def _to_its_end(answer: Any, world: World) -> None:
    """A stream that max_tokens ends"""
    _collected(answer, world, "lab", "length", max_tokens=5)


def _usage_last(answer: Any, world: World) -> None:
    """A stream whose last chunk brings the usage and no choices"""

    def asking(client: Any, body: Any) -> Any:
        return answer(client, {**body, "stream_options": {"include_usage": True}})

    story = [{"role": "user", "content": "Tell me a story."}]
    client = world.client("openai")
    body = _body(world, "openai", messages=story, max_tokens=4)
    got = asking(client, body)
    expect(got[1] if isinstance(got, (tuple, list)) and len(got) == 2 else got, "length", "the word for the end")


def _broken_off(answer: Any, world: World) -> None:
    """The connection breaks off in the middle"""
    world.fault("openai", "cut", after=4, times=1)
    _collected(answer, world, "openai", "cut", whole=False)


def _error_inside(answer: Any, world: World) -> None:
    """200, and an error in the middle of the stream"""
    world.fault("openai", "error_event", after=4, times=1)
    _collected(answer, world, "openai", "error", whole=False)


STREAM = """
def collect(client, body):
    text, end = "", "cut"
    streamed = {**body, "stream": True}
    try:
        with client.stream("POST", "/chat/completions", json=streamed) as response:
            for event in sse_events(response.iter_bytes()):
                if event.kind != "data" or event.data == "[DONE]":
                    continue
                chunk = json.loads(event.data)
                if "error" in chunk:
                    return text, "error"
                for choice in chunk["choices"]:
                    text += choice["delta"].get("content") or ""
                    end = choice["finish_reason"] or end
    except httpx.TransportError:
        return text, "cut"
    return text, end
"""

COLLECT = Exercise(
    id="06-stream",
    title="A stream that may break",
    minutes=10,
    level="faded",
    prompt="""
`collect` sends `body` as a stream and returns two things: the text that came, and in one word how it ended. The word is
the `finish_reason` where there was one, `cut` when the connection broke off before, and `error` when an error came in
the stream in the place of the rest. What had come until then is returned in every case, and nothing is raised. More
than the gap has to change for that.
""",
    blank="""
def collect(client, body):
    text, end = "", "cut"
    streamed = {**body, "stream": True}
    with client.stream("POST", "/chat/completions", json=streamed) as response:
        for event in sse_events(response.iter_bytes()):
            if event.kind != "data" or event.data == "[DONE]":
                continue
            chunk = json.loads(event.data)
            ...
    return text, end
""",
    cases=(_to_its_end, _usage_last, _broken_off, _error_inside),
    hints=(
        "Go through chunk['choices']: add each delta's content to the text, and keep a finish_reason that is not None.",
        "A chunk may be no answer at all: if 'error' in chunk, return what you have.",
        "A connection that breaks raises inside the loop. Put the `with` into a try, and return text, 'cut' on "
        "httpx.TransportError.",
    ),
    solution=STREAM,
    also_correct=(
        STREAM.replace('        return text, "cut"', '        end = "cut"').replace(
            'if "error" in chunk:', 'if chunk.get("error"):'
        ),
    ),
    misconceptions=(
        Misconception(
            STREAM.replace("httpx.TransportError", "ZeroDivisionError"),
            "The connection broke, and your function with it: what had come is lost. A broken stream raises an "
            "httpx.TransportError in the middle of the loop; catch it there.",
        ),
        Misconception(
            STREAM.replace('return text, "cut"', 'return "", "cut"').replace(
                'return text, "error"', 'return "", "error"'
            ),
            "You throw away what had come. Half a text with the word 'cut' beside it is worth more than nothing: your "
            "reader may have seen it already.",
        ),
        Misconception(
            STREAM.replace(
                """                if "error" in chunk:
                    return text, "error"
""",
                "",
            ).replace('chunk["choices"]', 'chunk.get("choices", [])'),
            "You pass over the error. The status was 200 because the stream had begun; the error comes as an event, "
            "and nothing but its content says so.",
        ),
        Misconception(
            STREAM.replace('for choice in chunk["choices"]:', 'for choice in [chunk["choices"][0]]:'),
            "The chunk that brings the usage has no choices: choices[0] breaks there. Go through those that there are.",
        ),
        Misconception(
            STREAM.replace('choice["finish_reason"] or end', '"stop"'),
            "You call every end 'stop'. The finish_reason says how it was: length is half an answer.",
        ),
        Misconception(
            STREAM.replace('choice["finish_reason"] or end', 'choice["finish_reason"]').replace(
                'return text, "cut"', "pass"
            ),
            "finish_reason is None in every chunk but the last, and your word for the end becomes None with it. Keep "
            "the word that you have where there is no new one.",
        ),
        Misconception(
            STREAM.replace('return text, "cut"', 'return text, "error"'),
            "A connection that breaks is 'cut'. 'error' is for a server that could still say what is wrong, in an "
            "event of the stream.",
        ),
        Misconception(
            STREAM.replace('choice["delta"].get("content") or ""', 'choice["delta"]["content"]'),
            "Not every delta has content: the last has only a finish_reason. .get('content') or '' makes nothing of "
            "what is not there.",
        ),
    ),
    given="import json\n\nimport httpx\n\nfrom labkit.wire import sse_events\n",
)


# --- 06-endure ------------------------------------------------------------------------------------------------------

DEADLINE_S = 60
LATE = "Look before each wait whether it still fits into the 60 s. If it does not, give up at once."


def _endured(
    answer: Any, world: World, *, calls: int | None, got_one: bool, least: tuple[float, ...] = (), why: str = ""
) -> None:
    came: list[Any] = [None]

    def listen(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            came.append(response.json()["choices"][0]["message"]["content"])

    client = world.client("openai", event_hooks={"response": [listen]})
    text = answer(client, _body(world, "openai"), world.sleep)
    world.need_calls()
    waits, made = world.waits_s, len(world.calls)
    if calls is not None and made != calls:
        missed(why, expected=f"{calls}", got=f"{made}", about="calls")
    for number, (wait, wanted) in enumerate(zip(waits, least, strict=False), 1):
        if wait < wanted:
            missed(
                "The waits go through the `sleep` that you are handed. Chance may make them longer, not shorter.",
                expected=f"at least {wanted:g} s",
                got=f"{wait:g} s",
                about=f"the wait before retry {number}",
            )
    if sum(world.slept_s) > DEADLINE_S:
        got = f"{sum(world.slept_s):g} s"
        missed(LATE, expected=f"at most {DEADLINE_S} s", got=got, about="all waits together")
    if calls is None and made < 4:
        missed("There was time for more tries.", expected="at least 4 calls", got=f"{made}")
    expect(text, came[-1] if got_one else None, "what your function returned")


def _fine(answer: Any, world: World) -> None:
    """The first call works"""
    _endured(answer, world, calls=1, got_one=True)


def _empty_account(answer: Any, world: World) -> None:
    """No money left: a 429 that no wait cures"""
    world.fault("openai", "no_credit")
    _endured(answer, world, calls=1, got_one=False)


def _three_times(answer: Any, world: World) -> None:
    """Overloaded three times, then it works"""
    world.fault("openai", "overloaded", times=3)
    _endured(answer, world, calls=4, got_one=True, least=(1, 2, 4))


def _told_to_wait(answer: Any, world: World) -> None:
    """A rate limit that says: in 12 seconds"""
    world.fault("openai", "rate_limit", wait_s=12, lasts_s=12)
    _endured(answer, world, calls=2, got_one=True, least=(12,))


def _too_long(answer: Any, world: World) -> None:
    """A rate limit that says: in 300 seconds"""
    world.fault("openai", "rate_limit", wait_s=300)
    _endured(answer, world, calls=1, got_one=False, why=LATE)


def _shorter(answer: Any, world: World) -> None:
    """A rate limit that says: in 1 second, three times"""
    world.fault("openai", "rate_limit", wait_s=1, times=3)
    _endured(answer, world, calls=4, got_one=True, least=(1, 2, 4))


def _all_day(answer: Any, world: World) -> None:
    """Overloaded for the whole day"""
    world.fault("openai", "overloaded")
    _endured(answer, world, calls=None, got_one=False, least=(1, 2, 4))


ENDURE = """
def endure(client, body, sleep):
    waited, wait = 0, 1
    while True:
        response = client.post("/chat/completions", json=body)
        if response.status_code == 200:
            return response.json()["choices"][0]["message"]["content"]
        passing = response.status_code == 429 or response.status_code >= 500
        if not passing or "insufficient_quota" in response.text:
            return None
        pause = max(wait, float(response.headers.get("retry-after", 0)))
        if waited + pause > 60:
            return None
        sleep(pause)
        waited, wait = waited + pause, wait * 2
"""

ENDURING = Exercise(
    id="06-endure",
    title="Through a bad day",
    minutes=15,
    level="free",
    prompt="""
Write `endure(client, body, sleep)`. It sends `body` to `/chat/completions` until there is an answer, and returns its
text; or `None` when it gives up. The goal, measured at the server:

- what may pass is tried again (429, and all from 500 on), nothing else, and never a 429 with `insufficient_quota`;
- before the first retry it waits at least 1 s, then at least 2, 4, 8 …;
- a `retry-after` header is obeyed: never less than it says;
- all waits together are at most **60 s**. A wait that would go beyond is not begun: the answer is `None` at once.
""",
    blank="""
def endure(client, body, sleep):
    ...
""",
    cases=(_fine, _empty_account, _three_times, _told_to_wait, _too_long, _shorter, _all_day),
    hints=(
        "Section 9 builds it step by step. Two numbers go along: how long you have waited in all, and the next wait.",
        "pause = max(wait, what retry-after says); a missing header says 0: float(headers.get('retry-after', 0)).",
        "Before sleep(pause): if waited + pause > 60, return None.",
    ),
    solution=ENDURE,
    also_correct=(
        """
import random

def endure(client, body, sleep):
    left, wait = 60.0, 1.0
    for attempt in range(10):
        response = client.post("/chat/completions", json=body)
        if response.status_code == 200:
            return response.json()["choices"][0]["message"]["content"]
        if response.status_code < 500 and response.status_code != 429:
            return None
        if "insufficient_quota" in response.text:
            return None
        pause = max(wait + random.random() / 2, float(response.headers.get("retry-after") or 0))
        left -= pause
        if left < 0:
            return None
        sleep(pause)
        wait *= 2
""",
    ),
    misconceptions=(
        Misconception(
            ENDURE.replace("wait * 2", "wait"),
            "You wait the same each time. A server that is overloaded needs more room the longer it lasts: double the "
            "wait.",
        ),
        Misconception(
            ENDURE.replace('max(wait, float(response.headers.get("retry-after", 0)))', "wait"),
            "You come back before the time that retry-after names. Every call until then is refused, and at some "
            "providers counted.",
        ),
        Misconception(
            ENDURE.replace(' or "insufficient_quota" in response.text', ""),
            "You repeat insufficient_quota. The account is empty; no wait changes that.",
        ),
        Misconception(
            ENDURE.replace("waited + pause > 60", "waited > 60"),
            "You look at the clock after the wait instead of before it. A wait that leads beyond the deadline must not "
            "begin: whoever called you has gone by then.",
        ),
        Misconception(
            ENDURE.replace("        sleep(pause)\n", ""),
            "All calls leave within a moment: no wait went through the `sleep` that your function is handed.",
        ),
        Misconception(
            ENDURE.replace(
                'max(wait, float(response.headers.get("retry-after", 0)))',
                'float(response.headers.get("retry-after", wait))',
            ),
            "You take retry-after in the place of your own wait. It is the least that you may wait; where your own has "
            "grown beyond it, your own counts: max(…).",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (RUNG, AGAIN, WAITING, COLLECT, ENDURING)

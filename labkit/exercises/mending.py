"""The frame of the mystery cases: something broken is handed out, and the repaired thing is really sent.

A case is built from a report that somebody made in public; its text names where. Two kinds: `broken_call`, a function
that makes a request, and `broken_config`, a librechat.yaml. Judged is what arrived at the local provider, and what it
answered. Names of models are never in them: a call is handed one, and in a file MODEL stands for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from labkit.errors import ConfigError
from labkit.exercises import Exercise, Misconception, World, expect, missed
from labkit.exercises.exercise import Case
from labkit.exercises.judging import shown

Judge = Callable[[Any, World], None]
"""Looks at the body that arrived (or, of a file, at its Config) and says what is missing."""
MEND = "# Mend this ..."
THREADS = "https://github.com/"


def broken_call(
    id: str,
    title: str,
    *,
    source: str,
    provider: str,
    report: str,
    broken: str,
    mended: str,
    keeps: Judge,
    hints: Sequence[str],
    wrong: Sequence[tuple[str, str]],
    also: Sequence[str] = (),
    role: str = "chat",
    minutes: int = 4,
    prepare: Callable[[World], None] = lambda world: None,
    more: Sequence[str] = (),
    given: Callable[[World], tuple[Any, ...]] = lambda world: (),
    given_again: Callable[[World], tuple[Any, ...]] | None = None,
    answered: Callable[[httpx.Response], None] = lambda response: None,
) -> Exercise:
    """A function `call(client, model, …)` whose request is refused; mended when the provider takes it.

        source: the thread that reported it, 'owner/repository/issues/7'.  report: what was seen, with the wire's words.
        broken, mended, also: bodies of the function.  wrong: such bodies with what is wrong with them.
        keeps: judges the request that arrived: a repair that throws away what was wanted is none.
        role: of the model that is handed over.  prepare: what is so in the world beforehand.
    more, given: names and values of further arguments; given_again: other values, for which it has to work as well.
    answered: judges an answer with status 200.
    """

    def run(answer: Any, world: World, values: Callable[[World], tuple[Any, ...]] = given) -> list[Any]:
        prepare(world)
        came: list[Any] = []

        def listen(response: Any) -> None:
            response.read()
            came.append(response)

        with world.client(provider, event_hooks={"response": [listen]}) as client:
            answer(client, world.model(provider, role), *values(world))
        world.need_calls()
        return came

    def taken(answer: Any, world: World) -> None:
        """The provider takes it"""
        _good(run(answer, world))

    def kept(answer: Any, world: World) -> None:
        """It is still the same question"""
        run(answer, world)
        body = world.calls[-1].body if world.calls else None
        if not isinstance(body, dict):
            path = world.calls[-1].path if world.calls else ""
            missed("", expected="a request", got=f"nothing that was read, at {path}", about="what arrived")
        expect(body.get("model"), world.model(provider, role), "model")
        keeps(body, world)

    def again(answer: Any, world: World) -> None:
        """And it works where all was right already"""
        _good(run(answer, world, given_again or given))

    def _good(came: list[Any]) -> None:
        if not came or came[-1].status_code != 200:
            missed("", expected="status 200", got=_said(came[-1]) if came else "no answer", about="the answer")
        answered(came[-1])

    names = ["client", "model", *more]
    return _mystery(
        id,
        title,
        minutes,
        f"{report.strip()}\n\nMend the call; what it asks for stays as it is.",
        source,
        (taken, kept, *([again] if given_again else [])),
        hints,
        [_function("call", names, body) for body in (mended, *also)],
        _function("call", names, broken, MEND),
        [Misconception(_function("call", names, body), message) for body, message in wrong],
    )


def broken_config(
    id: str,
    title: str,
    *,
    source: str,
    endpoint: str,
    provider: str,
    report: str,
    broken: str,
    mended: str,
    hints: Sequence[str],
    wrong: Sequence[tuple[str, str]],
    also: Sequence[str] = (),
    role: str = "chat",
    minutes: int = 4,
    chosen: Mapping[str, Any] | None = None,
    spec: str = "",
    env: Mapping[str, str] | None = None,
    keeps: Judge = lambda body, world: None,
    says: Callable[[Any], None] = lambda data: None,
) -> Exercise:
    """A function `config()` that returns the text of a librechat.yaml; mended when the endpoint answers.

    endpoint: its name in the file.  broken, mended, also, wrong: texts; MODEL stands for a living model's id.
    chosen: what the user set in LibreChat's panel.  spec: the model spec that the user took.
    env: the variables that are set; unless given, all that the file names.
    keeps: judges the body that leaves.  says: judges the file's data.
    """
    from labkit import config
    from labkit.config.findings import masked

    def read(answer: Any, world: World) -> Any:
        text = answer()
        if not isinstance(text, str):
            missed("Return the text of the file.", expected="a text", got=shown(text))
        text = text.lstrip("\n")  # lines are counted from the first that is written
        cfg = config.loads(text.replace("MODEL", world.model(provider, role)))
        for finding in cfg.check(world.facts):
            if finding.grade in ("schema", "start-up"):
                line = masked(text.split("\n")[finding.line - 1].strip())
                what = ": ".join(filter(None, (finding.place.path, finding.what)))
                got = f"line {finding.line}: {line} ({what})"
                missed("", expected="a file that LibreChat starts with", got=got, about="its verdict")
        return cfg

    def starts(answer: Any, world: World) -> None:
        """LibreChat starts with it"""
        says(read(answer, world).data)

    def made(answer: Any, world: World) -> httpx.Request:
        cfg = read(answer, world)
        try:
            request: httpx.Request = cfg.request("" if spec else endpoint, spec=spec, chosen=chosen, env=env)
        except ConfigError as error:
            missed("", expected="a request", got=error.what, about="LibreChat")
        return request

    def leaves(answer: Any, world: World) -> None:
        """What leaves is what was wanted"""
        keeps(json.loads(made(answer, world).content), world)

    def answers(answer: Any, world: World) -> None:
        """The endpoint answers"""
        from labkit.config.address import sendable

        wanted = made(answer, world)
        local = {name: world.url(name) for name in world.facts}
        request = sendable(wanted, world.facts, local, {name: world.key(name) for name in world.facts})
        filled_in = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if filled_in in (env or {}).values():  # a variable's value: it stands for the key
            request.headers["authorization"] = f"Bearer {world.key(provider)}"
        if request.url.host != "127.0.0.1":
            missed("", expected=f"the address of {provider}", got=str(wanted.url), about="where it would be sent")
        with world.client(provider) as client:
            response = client.send(request)
            response.read()
        if response.status_code != 200:
            why = "" if "MODEL" in answer() else "MODEL stands for the id of a living model: leave the word as it is."
            missed(why, expected="status 200", got=f"{wanted.url} → {_said(response)}", about="the answer")

    def place(text: str, comment: str = "") -> str:
        return _function("config", [], f'return """\n{text.strip()}\n"""', comment, indent=False)

    return _mystery(
        id,
        title,
        minutes,
        f"{report.strip()}\n\nMend the file. MODEL stands for the id of a living model.",
        source,
        (starts, leaves, answers),
        hints,
        [place(text) for text in (mended, *also)],
        place(broken, MEND),
        [Misconception(place(text), message) for text, message in wrong],
    )


def chat_call(*fields: str, content: str = "Hello") -> str:
    """The body of a `call(client, model)` that sends one user's message with these fields, `"n": 2` say."""
    inside = "\n".join(f"    {field}," for field in fields)
    return f"""
body = {{
    "model": model,
    "messages": [{{"role": "user", "content": "{content}"}}],
{inside}
}}
return client.post("/chat/completions", json=body)
"""


def groq_file(*lines: str) -> str:
    """An endpoint_file for Groq."""
    return endpoint_file("Groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", *lines)


def endpoint_file(name: str, variable: str, url: str, *lines: str) -> str:
    """A librechat.yaml with one endpoint, whose key stands in `variable`; lines: further lines of that endpoint."""
    more = "".join(f"      {line}\n" for line in lines)
    return f"""
version: "1.3.17"
endpoints:
  custom:
    - name: "{name}"
      apiKey: "${{{variable}}}"
      baseURL: "{url}"
      models:
        default: ["MODEL"]
{more}"""


def needs(body: Mapping[str, Any], **fields: Any) -> None:
    """Miss a request in which one of these fields is not as it was."""
    for name, value in fields.items():
        expect(body.get(name), value, f"the field {name}")


def contents(body: Mapping[str, Any]) -> list[Any]:
    """What the messages say, in order."""
    messages = body.get("messages")
    return [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def _mystery(
    id: str,
    title: str,
    minutes: int,
    text: str,
    source: str,
    cases: tuple[Case, ...],
    hints: Sequence[str],
    right: Sequence[str],
    blank: str,
    wrong: Sequence[Misconception],
) -> Exercise:
    return Exercise(
        id=id,
        title=title,
        minutes=minutes,
        level="faded",
        prompt=f"{text} Reported in [{source}]({THREADS}{source}).",
        blank=blank,
        cases=cases,
        hints=tuple(hints),
        solution=right[0],
        also_correct=tuple(right[1:]),
        misconceptions=tuple(wrong),
        given="import httpx\n",
    )


def _function(name: str, arguments: Sequence[str], body: str, comment: str = "", *, indent: bool = True) -> str:
    lines = [comment, *body.strip("\n").split("\n")] if comment else body.strip("\n").split("\n")
    first = [f"    {lines[0]}", *(f"    {lines[1]}" for _ in range(bool(comment)))]
    rest = lines[1 + bool(comment) :]
    inner = [*first, *(f"    {line}" if indent and line else line for line in rest)]
    return "\n".join(["", f"def {name}({', '.join(arguments)}):", *inner, ""])


def _said(response: httpx.Response) -> str:
    """A refusal in one line: its status, and what it says."""
    return f"status {response.status_code}: {' '.join(response.text.split())[:300]}"

"""Mystery cases m01 to m04: fields that a provider, or this model of it, does not take."""

from __future__ import annotations

from typing import Any

from labkit.exercises import Exercise, World, expect, missed
from labkit.exercises.mending import broken_call, chat_call, contents, needs


def _safe(body: Any, world: World) -> None:
    needs(body, temperature=0.3, safe_prompt=True)


MISTRAL_FIELDS = broken_call(
    "m01",
    "Mistral answers nothing",
    source="danny-avila/LibreChat/issues/1540",
    provider="mistral",
    report="""
After an update Mistral answered nothing any more; all that was to be seen was `422 status code (no body)`. The true
body says `extra_forbidden`, and for each field where it stands: `["body", "user"]`, `["body", "safe_mode"]`. Mistral
forbids every field that it does not know. The safety instruction has to stay on: it has another name today.
""",
    broken=chat_call('"temperature": 0.3', '"user": "ada"', '"safe_mode": True'),
    mended=chat_call('"temperature": 0.3', '"safe_prompt": True'),
    also=(
        """
body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
body |= {"safe_prompt": True, "temperature": 0.3}
return client.post("/chat/completions", json=body)
""",
    ),
    keeps=_safe,
    hints=(
        'Two fields are refused. One has no use here; the other was renamed, and lab.facts["mistral"].parameters lists '
        "the names that Mistral takes.",
        "The name today is safe_prompt. user goes.",
    ),
    wrong=(
        (
            chat_call('"temperature": 0.3', '"safe_mode": True'),
            "One forbidden field is left: the refusal lists every one of them, and safe_mode is the old name.",
        ),
        (
            chat_call('"temperature": 0.3', '"user": "ada"', '"safe_prompt": True'),
            "user is still there. Mistral has no such field, whatever stands in it.",
        ),
        (
            chat_call('"temperature": 0.3'),
            "It is taken now, but the safety instruction is gone: what was wanted has to stay, under its new name.",
        ),
        (
            chat_call('"safe_prompt": True'),
            "temperature was never refused. Take away what the refusal names, and nothing else.",
        ),
    ),
)


def _named(first: str, second: str, extra: str = "") -> str:
    return f"""
messages = [
    {{"role": "user", {first}"content": "My dog is called Rex."}},
    {{"role": "assistant", "content": "A good name."}},
    {{"role": "user", {second}"content": "What is he called?"}},
]
return client.post("/chat/completions", json={{"model": model, "messages": messages{extra}}})
"""


def _three(body: Any, world: World) -> None:
    expect(contents(body), ["My dog is called Rex.", "A good name.", "What is he called?"], "what the messages say")


MISTRAL_NAME = broken_call(
    "m02",
    "A name too much",
    source="nomtek/mistralai_client_dart/issues/44",
    provider="mistral",
    report="""
A program that OpenAI served for months moved to Mistral and met `extra_forbidden` with
`"loc": ["body", "messages", 0, "user", "name"]`. Read the path from left to right: it leads into the body to the very
field.
""",
    broken=_named('"name": "ada", ', '"name": "ada", '),
    mended=_named("", ""),
    also=(
        """
said = [
    ("user", "My dog is called Rex."),
    ("assistant", "A good name."),
    ("user", "What is he called?"),
]
messages = [{"role": role, "content": content} for role, content in said]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
    ),
    keeps=_three,
    hints=(
        "messages, the one with number 0, a user's, its field name. Another message has the same trouble.",
        "Take name out of both user messages.",
    ),
    wrong=(
        (
            _named("", '"name": "ada", '),
            "You mended the message that was named and left the next one: numbers count from 0, and here 2 has a name, "
            "too.",
        ),
        (
            _named("", "", ', "user": "ada"'),
            "You moved the name to another place. Mistral knows no `user` either: what it does not know, it refuses.",
        ),
        (
            """
messages = [{"role": "user", "content": "What is he called?"}]
return client.post("/chat/completions", json={"model": model, "messages": messages})
""",
            "The conversation is lost with the names. Only the fields were refused, not the messages.",
        ),
    ),
)


def _limited(body: Any, world: World) -> None:
    if body.get("max_completion_tokens") != 400:
        missed(
            "The limit of 400 tokens has to stay.",
            expected="a limit of 400 tokens",
            got=f"max_completion_tokens {body.get('max_completion_tokens')}",
        )


OPENAI_REASONER = broken_call(
    "m03",
    "The new model does not like the old settings",
    source="danny-avila/LibreChat/issues/10737",
    provider="openai",
    role="reasoner",
    report="""
The model was exchanged for one that reasons, nothing else was changed, and there it was:
`Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.` And
that was not the only thing. The answer must not become longer than 400 tokens, as before.
""",
    broken=chat_call('"temperature": 0.2', '"max_tokens": 400'),
    mended=chat_call('"max_completion_tokens": 400'),
    also=(chat_call('"temperature": 1', '"max_completion_tokens": 400'),),
    keeps=_limited,
    hints=(
        "Mend one thing, read the next refusal: it says what to use instead.",
        "temperature goes (or is 1), and the limit is called max_completion_tokens.",
    ),
    wrong=(
        (
            chat_call('"max_tokens": 400'),
            "That was the temperature. The next refusal names max_tokens, and the field that these models have "
            "instead.",
        ),
        (
            chat_call('"temperature": 0.2', '"max_completion_tokens": 400'),
            "That was the limit. The temperature is still set, and these models take no other than their own.",
        ),
        (
            chat_call('"temperature": 0', '"max_completion_tokens": 400'),
            "0 is a value like any other, and not the default: only 1, or no temperature at all, is taken.",
        ),
        (
            chat_call(),
            "It is taken, and nothing limits the answer any more: the limit has another name, it is not forbidden.",
        ),
    ),
)


def _small(body: Any, world: World) -> None:
    limit = body.get("max_tokens", body.get("max_completion_tokens"))
    if not isinstance(limit, int) or not 200 <= limit <= 7900:
        why = "An answer of a few hundred tokens is wanted, and the whole request has to fit into the minute."
        missed(why, expected="a limit from 200 to 7900 tokens", got=shown_limit(limit), about="max_tokens")
    expect(contents(body), ["Hello"], "what the messages say")


def shown_limit(limit: Any) -> str:
    """How a limit is named in a verdict."""
    return "none" if limit is None else str(limit)


def _free_tier(world: World) -> None:
    world.account(tier={"groq": "free"})


GROQ_TOO_LARGE = broken_call(
    "m04",
    "One word, and too large",
    source="HunorLaczko/ha-groq-cloud-api/issues/27",
    provider="groq",
    prepare=_free_tier,
    report="""
A one-word question to Groq on the free tier, and the answer is 413: `Request too large … on tokens per minute (TPM):
Limit 8000, Requested …, please reduce your message size and try again`. Waiting a minute changed nothing. An answer of
a few hundred tokens would do.
""",
    broken=chat_call('"max_tokens": 9000'),
    mended=chat_call('"max_tokens": 1000'),
    also=(chat_call('"max_completion_tokens": 2000'),),
    keeps=_small,
    hints=(
        "The message is one word. What else of the request is counted in tokens?",
        "max_tokens is set aside before a word is written: it counts as if it had been used.",
    ),
    wrong=(
        (
            chat_call('"max_completion_tokens": 9000'),
            "Another name for the same 9000 tokens. They are set aside before anything is written, whatever the field "
            "is called.",
        ),
        (
            chat_call('"max_tokens": 8000'),
            "8000 is the whole minute: with the tokens of the question it is a few too many.",
        ),
        (
            chat_call('"max_tokens": 1000', content="Hi"),
            "The question was never too long. Look at what else counts.",
        ),
        (
            chat_call(),
            "It is taken, and now nothing limits the answer: one long answer can use up the minute for all who share "
            "the account. Set a limit that fits.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (MISTRAL_FIELDS, MISTRAL_NAME, OPENAI_REASONER, GROQ_TOO_LARGE)

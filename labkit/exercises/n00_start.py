"""Predictions and the exercise of notebook 00."""

from __future__ import annotations

import json
from typing import Any

from labkit.exercises import Exercise, Misconception, Prediction, World, expect

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="00-again",
        question="The same question, 'Pick a number from 1 to 10.', is sent 40 times. What comes back?",
        choices={
            "a": "the same number 40 times",
            "b": "ten numbers, each about 4 times",
            "c": "some numbers far more often than others",
            "d": "40 different texts",
        },
        right="c",
        explain={
            "a": "A program with the same input gives the same output, and so does the network inside a model: "
            "the same probabilities every time. But the answer is then drawn from them, and each call draws anew.",
            "b": "That would be a fair die. A model draws too, but its die is loaded: it learned from texts that "
            "people (or here a generator) wrote, and there 7 comes more often than 2.",
            "c": "Each call draws from the same distribution, and that distribution is not flat. You see its "
            "shape when you count.",
            "d": "Long free text would come close to that. Here the question leaves few good answers, so they repeat.",
        },
    ),
    Prediction(
        id="00-colder",
        question="The temperature goes from 1 down to 0.3. What happens to the probabilities of the next token?",
        choices={
            "a": "another token takes the first place",
            "b": "the first gets more, the others less, the order stays",
            "c": "all come closer to each other",
            "d": "the unlikely tokens are cut off, the others keep their probability",
        },
        right="b",
        explain={
            "a": "All logits are divided by the same number, so the largest stays the largest. Temperature never "
            "changes the order, at any value above 0.",
            "b": "Dividing by 0.3 makes every gap between two logits 3.3 times as wide, and softmax turns wider "
            "gaps into larger ratios.",
            "c": "That is what a temperature above 1 does: gaps shrink, the distribution flattens.",
            "d": "Cutting off is the work of other parameters, top_k, top_p and min_p. Temperature leaves every "
            "token a chance, however small.",
        },
    ),
)


def _hello(provider: str, world: World) -> Any:
    body = {"model": world.model(provider), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}
    return world.client(provider).post("/chat/completions", json=body)


def _one_answer(answer: Any, world: World) -> None:
    """A real answer of the provider lab"""
    response = _hello("lab", world)
    body = response.json()
    expect(answer(response), (body["choices"][0]["message"]["content"], body["usage"]["total_tokens"]))


def _another_provider(answer: Any, world: World) -> None:
    """The same question at OpenAI"""
    response = _hello("openai", world)
    body = response.json()
    expect(answer(response), (body["choices"][0]["message"]["content"], body["usage"]["total_tokens"]))


def _three_choices(answer: Any, world: World) -> None:
    """An answer with three choices, of which the first is meant"""
    import httpx

    choices = [
        {"index": place, "message": {"role": "assistant", "content": word}, "finish_reason": "stop"}
        for place, word in enumerate(("first", "second", "third"))
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    content = json.dumps({"choices": choices, "usage": usage}).encode()
    expect(answer(httpx.Response(200, content=content)), ("first", 11))


def _read(text: str, tokens: str) -> str:
    """The source of an answer that takes these two from the body."""
    return f"""
def read(response):
    answer = response.json()
    text = {text}
    tokens = {tokens}
    return text, tokens
"""


TEXT, TOKENS = 'answer["choices"][0]["message"]["content"]', 'answer["usage"]["total_tokens"]'

EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        id="00-read",
        title="Read an answer",
        minutes=4,
        level="worked",
        prompt="""
`read` is handed a response like the one of section 2. It returns two things: the **text** of the answer, and how many
**tokens** were counted altogether, those that went in and those that came out. Three gaps are open. If a response has
several choices, take the first.
""",
        blank=_read('answer["choices"][...]["message"][...]', 'answer["usage"][...]'),
        cases=(_one_answer, _another_provider, _three_choices),
        hints=(
            "`choices` is a list, so its gap is a number, and Python counts from 0. The other two gaps are names of "
            "fields, in quotes. Section 2 shows both objects.",
            "The text stands under 'content'. In section 2, look at the three counts in the usage: one of them is the "
            "sum of the other two.",
        ),
        solution=_read(TEXT, TOKENS),
        also_correct=(
            _read(TEXT, 'answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]'),
            """
def read(response):
    answer = response.json()
    return [answer["choices"][0]["message"]["content"], answer["usage"]["total_tokens"]]
""",
        ),
        misconceptions=(
            Misconception(
                _read('answer["choices"][0]["message"]', TOKENS),
                "That is the whole message, a dictionary with role and content. The text is one level deeper, under "
                "'content'.",
            ),
            Misconception(
                _read(TEXT, 'answer["usage"]["completion_tokens"]'),
                "completion_tokens is only what came out. What went in was counted, and is paid for, too: "
                "total_tokens is both.",
            ),
            Misconception(
                _read(TEXT, 'answer["usage"]["prompt_tokens"]'),
                "prompt_tokens is only what went in. What the model wrote is missing: total_tokens is both.",
            ),
            Misconception(
                _read('answer["choices"][-1]["message"]["content"]', TOKENS),
                "-1 is the last choice. As long as there is one choice that is the same as the first; of several, "
                "index 0 is the first.",
            ),
            Misconception(
                _read('answer["choices"][1]["message"]["content"]', TOKENS),
                "Python counts from 0, so index 1 is the second choice. Most answers have no second.",
            ),
            Misconception(
                _read('answer["choices"][0]["message"]["text"]', TOKENS),
                "There is no field 'text' in a message. Section 2 prints the whole answer: beside 'role' stands "
                "'content', and that is the text.",
            ),
        ),
    ),
)

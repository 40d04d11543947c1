"""Predictions of notebook 01."""

from __future__ import annotations

from labkit.exercises.predictions import Prediction

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

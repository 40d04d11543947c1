"""Predictions of notebook 00."""

from __future__ import annotations

from labkit.exercises.predictions import Prediction

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

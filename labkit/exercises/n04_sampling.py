"""Predictions and exercises of notebook 04."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="04-curves",
        question="The temperature goes from 0.2 up to 2. What becomes of variety, and of the share of right answers?",
        choices={
            "a": "both rise: a freer model finds more",
            "b": "variety rises, right answers stay: the model knows what it knows",
            "c": "variety rises, right answers fall",
            "d": "both rise up to 1, then both fall",
        },
        right="c",
        explain={
            "a": "Temperature adds no knowledge. It takes probability from the tokens that the model thinks best and "
            "gives it to the others, and for a question with one right answer the others are wrong.",
            "b": "What the model knows stays in its weights, but the answer is drawn. If the right token has 95 % at "
            "temperature 1, it has less at 2, and an answer of several tokens needs a right draw for each.",
            "c": "The same flattening does both. Where many answers are good it brings variety, where one is right it "
            "brings mistakes. How fast the second curve falls depends on how sure the model is.",
            "d": "1 is the distribution that was learned, and no turning point: below it variety is smaller and right "
            "answers are more frequent, above it the other way round, all the way.",
        },
    ),
    Prediction(
        id="04-order",
        question="temperature 1.5 and top_p 0.9 together. One server applies the temperature first, another the cut. "
        "Which leaves more tokens to draw from?",
        choices={
            "a": "temperature first",
            "b": "top_p first",
            "c": "the same number: 90 % are 90 %",
            "d": "it depends on the draw",
        },
        right="a",
        explain={
            "a": "Above 1 temperature flattens, and in a flat distribution it takes more tokens to reach 90 %. Cut "
            "first, and the cut still sees the model's own, sharper shares.",
            "b": "It is the other way round: before the temperature acts, fewer tokens hold 90 %; after it, the same "
            "90 % are spread over more of them. (Below temperature 1 you would be right.)",
            "c": "The 90 % are the same, the tokens that hold them are not: the temperature moves probability from "
            "the first tokens to later ones, so that more of them are needed.",
            "d": "Both steps come before anything is drawn, and they are plain arithmetic on the probabilities. For "
            "one prompt the numbers are the same each time.",
        },
    ),
    Prediction(
        id="04-stop",
        question="A story is asked for with stop: ['.']. What comes back?",
        choices={
            "a": "the first sentence with its full stop, finish_reason 'stop'",
            "b": "the first sentence without its full stop, finish_reason 'stop'",
            "c": "the first sentence without its full stop, finish_reason 'stop_sequence'",
            "d": "the whole story without full stops",
        },
        right="b",
        explain={
            "a": "The server stops when the string has come, and takes it away again. A program that needs it must "
            "put it back itself.",
            "b": "The stop string is not part of the answer. And since an answer that ends by itself says 'stop' too, "
            "you cannot tell from finish_reason which of the two it was.",
            "c": "That would be helpful, and it is Anthropic's word. The dialect of OpenAI has one word for a natural "
            "end and for a stop string.",
            "d": "A stop string ends the answer. To keep a token out of it and go on, forbid it with logit_bias.",
        },
    ),
    Prediction(
        id="04-newest",
        question="You send temperature 0.2 to a thinking model of OpenAI's and to Anthropic's newest. What happens?",
        choices={
            "a": "200, and the answers vary less",
            "b": "200, and the temperature is ignored",
            "c": "both refuse with a 400",
            "d": "the temperature is raised to the least that they allow, and an x-header says so",
        },
        right="c",
        explain={
            "a": "So it was until about 2025. The newest models have no such knob any more: a program that always "
            "sends temperature stops working when its model is changed.",
            "b": "DeepSeek's model does that while it thinks. These two say it: a refusal is the kinder way, you learn "
            "at once that the parameter does nothing.",
            "c": "Only the default, 1, is taken. The request is refused as a whole: leave the field out, or have the "
            "configuration drop it.",
            "d": "No provider in this lab corrects a value for you. Out of range is refused; what is ignored is "
            "ignored in silence.",
        },
    ),
)


# --- exercises ------------------------------------------------------------------------------------------------------


def _near(got: Any, expected: Sequence[float], about: str = "probabilities") -> None:
    """Compare probabilities to six decimals, whatever kind of sequence they come in."""
    try:
        values = [round(float(value), 6) + 0.0 for value in got]
    except (TypeError, ValueError):
        missed("A list of probabilities should come back, one for each number given.", got=got, about=about)
    expect(values, [round(float(value), 6) for value in expected], about)


def _published_softmax(answer: Any, world: World) -> None:
    """The example of TensorFlow's documentation, tf.nn.softmax([-1, 0, 1])"""
    _near(answer([-1.0, 0.0, 1.0], 1), [0.09003057, 0.24472848, 0.66524094])


def _colder(answer: Any, world: World) -> None:
    """Odds of 3 to 1 at temperature 1/2: squared, 9 to 1"""
    _near(answer([0.0, 1.0986122886681098], 0.5), [0.1, 0.9])


def _hotter(answer: Any, world: World) -> None:
    """Odds of 9 to 1 at temperature 2: their root, 3 to 1"""
    _near(answer([2.1972245773362196, 0.0], 2), [0.75, 0.25])


def _huge(answer: Any, world: World) -> None:
    """Logits so large that e to their power does not fit into a float"""
    _near(answer([1000.0, 1000.0, 1001.0986122886681], 1), [0.2, 0.2, 0.6])


def _softmax(scaled: str, shift: str, total: str) -> str:
    return f"""
def softmax(logits, temperature):
    scaled = [{scaled} for logit in logits]
    largest = max(scaled)
    raised = [math.exp({shift}) for value in scaled]
    total = {total}
    return [value / total for value in raised]
"""


SOFTMAX = Exercise(
    id="04-softmax",
    title="Softmax with temperature",
    minutes=5,
    level="worked",
    prompt="""
`softmax` turns a list of logits into a list of probabilities at a temperature above 0. Section 1 does it for
temperature 1, section 2 says what the temperature does. Three gaps are open. Mind large logits: `math.exp(1000)` is an
error, so take the largest off first, as section 1 does; it changes no probability.
""",
    given="import math",
    blank=_softmax("...", "...", "..."),
    cases=(_published_softmax, _colder, _hotter, _huge),
    hints=(
        "The temperature comes in before e is raised to anything: logits first, probabilities after.",
        "Each logit is divided by the temperature. Then from each scaled value the largest scaled value is taken off.",
        "The probabilities must sum to 1, so divide by the sum of what they are before.",
    ),
    solution=_softmax("logit / temperature", "value - largest", "sum(raised)"),
    also_correct=(
        """
import numpy as np

def softmax(logits, temperature):
    scaled = np.array(logits, float) / temperature
    raised = np.exp(scaled - scaled.max())
    return raised / raised.sum()
""",
    ),
    misconceptions=(
        Misconception(
            _softmax("logit * temperature", "value - largest", "sum(raised)"),
            "You multiply by the temperature. Then 0.5 would flatten and 2 sharpen: it is a division.",
        ),
        Misconception(
            _softmax("logit", "value - largest", "sum(raised) * temperature"),
            "The temperature comes too late: divided by it, probabilities do not sum to 1 any more, and their ratios "
            "stay. It has to act on the logits.",
        ),
        Misconception(
            _softmax("logit / temperature", "value", "sum(raised)"),
            "Right for small logits; e to the power of 1000 fits into no float. Take the largest off each value first: "
            "the ratios stay the same.",
        ),
        Misconception(
            _softmax("logit / temperature", "value - largest", "max(raised)"),
            "Divided by the largest, the first token gets 100 % and the others a share of that. Probabilities must "
            "sum to 1: divide by the sum.",
        ),
        Misconception(
            _softmax("logit", "value - largest", "sum(raised)"),
            "The temperature does nothing in your function: at 0.5 and at 2 it gives what it gives at 1.",
        ),
        Misconception(
            _softmax("logit / temperature", "largest - value", "sum(raised)"),
            "You take each value off the largest, and that turns the order round: the least likely comes first. "
            "value - largest is 0 for the largest and below 0 for the others.",
        ),
        Misconception(
            _softmax("logit / temperature", "value - largest", "sum(scaled)"),
            "The total is that of the scaled logits. What the last line divides is `raised`, so it has to be the sum "
            "of those: only then do the shares sum to 1.",
        ),
    ),
)


def _published_top_p(answer: Any, world: World) -> None:
    """The example of the tests of `transformers`: 0.3, 0.1, 0.1, 0.5 at top_p 0.8"""
    _near(answer([0.3, 0.1, 0.1, 0.5], 0.8), [0.375, 0, 0, 0.625])


def _published_crossing(answer: Any, world: World) -> None:
    """Its second row: 0.15, 0.3, 0.3, 0.25, where the third token crosses the line"""
    _near(answer([0.15, 0.3, 0.3, 0.25], 0.8), [0, 0.3 / 0.85, 0.3 / 0.85, 0.25 / 0.85])


def _at_least_one(answer: Any, world: World) -> None:
    """A top_p smaller than the first token's own share"""
    _near(answer([0.2, 0.5, 0.3], 0.05), [0, 1, 0])


def _exactly(answer: Any, world: World) -> None:
    """A line that is reached exactly, by the earlier of two equal tokens"""
    _near(answer([0.25, 0.5, 0.25], 0.75), [1 / 3, 2 / 3, 0])


def _all_of_it(answer: Any, world: World) -> None:
    """top_p 1 keeps all"""
    _near(answer([0.25, 0.5, 0.125, 0.125], 1), [0.25, 0.5, 0.125, 0.125])


def _untouched(answer: Any, world: World) -> None:
    """The list that was handed over is left as it was"""
    given = [0.2, 0.5, 0.3]
    answer(given, 0.6)
    expect(given, [0.2, 0.5, 0.3], "the list after the call")


def _top_p(order: str = "sorted(range(len(probs)), key=lambda i: -probs[i])", loop: str = "", last: str = "") -> str:
    loop = (
        loop
        or """
        kept.append(token)
        reached += probs[token]
        if reached >= top_p:
            break"""
    )
    last = last or "[p / reached if token in kept else 0.0 for token, p in enumerate(probs)]"
    return f"""
def keep_top_p(probs, top_p):
    order = {order}
    kept, reached = [], 0.0
    for token in order:{loop}
    return {last}
"""


TOP_P = Exercise(
    id="04-top-p",
    title="top_p by hand",
    minutes=9,
    level="free",
    prompt="""
`keep_top_p` is handed a list of probabilities that sum to 1, in the order of the tokens, and `top_p` (above 0, at most
1). It returns a list as long, in the same order: the fewest tokens that together reach `top_p` keep their share, the
others get 0, and what is left is scaled up so that it sums to 1. Of two equally likely tokens the earlier comes first.
""",
    blank="""
def keep_top_p(probs, top_p):
    ...
""",
    cases=(_published_top_p, _published_crossing, _at_least_one, _exactly, _all_of_it, _untouched),
    hints=(
        "Go through the tokens from the likeliest to the least likely, and add up until the line is reached.",
        "`sorted(range(len(probs)), key=lambda i: -probs[i])` gives the places in that order, equals as they stand.",
        "The token that crosses the line is kept. At the end divide each share that is left by their sum.",
    ),
    solution=_top_p(),
    also_correct=(
        """
import numpy as np

def keep_top_p(probs, top_p):
    probs = np.array(probs)
    order = np.argsort(-probs, kind="stable")
    before = np.cumsum(probs[order]) - probs[order]
    left = np.zeros_like(probs)
    left[order[before < top_p]] = probs[order[before < top_p]]
    return left / left.sum()
""",
    ),
    misconceptions=(
        Misconception(
            _top_p(
                loop="""
        if kept and reached + probs[token] > top_p:
            break
        kept.append(token)
        reached += probs[token]"""
            ),
            "You leave out the token that crosses the line, so that less than top_p is left. The fewest that reach it "
            "include the one that does.",
        ),
        Misconception(
            _top_p(last="[p if token in kept else 0.0 for token, p in enumerate(probs)]"),
            "The right tokens, but they do not sum to 1 any more: nothing can be drawn from that. Divide by their sum.",
        ),
        Misconception(
            _top_p(order="range(len(probs))"),
            "You go through the tokens in the order of the list. The fewest that reach top_p are the likeliest ones: "
            "sort first.",
        ),
        Misconception(
            """
def keep_top_p(probs, top_p):
    largest = max(probs)
    kept = [p if p >= (1 - top_p) * largest else 0.0 for p in probs]
    return [p / sum(kept) for p in kept]
""",
            "You compare each token with the likeliest one. That is min_p; top_p looks at the sum of those kept.",
        ),
        Misconception(
            _top_p(last="[probs[token] / reached for token in kept]"),
            "What comes back must have one place for each token, in the tokens' order, with 0 for those left out: "
            "otherwise nobody knows which share belongs to which token.",
        ),
        Misconception(
            """
def keep_top_p(probs, top_p):
    left, reached = [], 0.0
    for p in sorted(probs, reverse=True):
        left.append(p if reached < top_p else 0.0)
        reached += p
    return [p / sum(left) for p in left]
""",
            "The right shares, in the order of their size. A token is known by its place alone: put each share back "
            "where it stood in `probs`.",
        ),
        Misconception(
            _top_p(
                loop="""
        if reached + probs[token] > top_p:
            break
        kept.append(token)
        reached += probs[token]""",
                last="[(p if token in kept else 0.0) / reached for token, p in enumerate(probs)]",
            ),
            "The token that crosses the line is left out, and where the very first one crosses it nothing is left to "
            "divide by. Keep it, then stop.",
        ),
        Misconception(
            """
def keep_top_p(probs, top_p):
    kept = [p if p >= 1 - top_p else 0.0 for p in probs]
    return [p / sum(kept) for p in kept]
""",
            "You compare each token's share with 1 - top_p. top_p says nothing of a single token: it is the sum, from "
            "the likeliest on, that has to reach it.",
        ),
        Misconception(
            _top_p(order="[i for p, i in sorted(((p, i) for i, p in enumerate(probs)), reverse=True)]"),
            "Of two equally likely tokens you take the later one: reverse=True turns the places round as well as the "
            "shares. Sort by -probs[i] instead; sorted leaves equals as they stand.",
        ),
        Misconception(
            _top_p(last="[p / top_p if token in kept else 0.0 for token, p in enumerate(probs)]"),
            "You divide by top_p. What is kept reaches top_p and as a rule goes beyond it: divide by what it sums to.",
        ),
    ),
)


STORY, JOKE, NAME = "Tell me a story about a fox.", "Tell me a joke.", "Name my coffee shop."


def _user(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _no_stop(answer: Any, world: World) -> None:
    """No stop string is in the text"""
    expect(answer("one two three", ["four", "\n"]), "one two three")


def _one_stop(answer: Any, world: World) -> None:
    """One stop string"""
    expect(answer("one, two, three", [","]), "one")


def _earliest(answer: Any, world: World) -> None:
    """Two stop strings, of which the second in the list comes first in the text"""
    expect(answer("red\ngreen. blue", [".", "\n"]), "red")


def _empty_beginning(answer: Any, world: World) -> None:
    """The text begins with a stop string"""
    expect(answer("\nred", ["red", "\n"]), "")


def _none_given(answer: Any, world: World) -> None:
    """No stop strings at all"""
    expect(answer("one two", []), "one two")


def _blanks(answer: Any, world: World) -> None:
    """Blanks at both ends, which the model wrote"""
    expect(answer(" one two , three", [","]), " one two ")


def _as_the_server(answer: Any, world: World) -> None:
    """What the server makes of the same greedy answer with stop strings"""
    client = world.client("lab")
    body = {"model": world.model("lab"), "messages": _user(STORY), "temperature": 0, "max_tokens": 30}
    stops = ["e ", "o", "zq"]
    plain, stopped = (
        client.post("/chat/completions", json={**body, **more}).json()["choices"][0]["message"]["content"]
        for more in ({}, {"stop": stops})
    )
    expect(answer(plain, stops), stopped, "the text")


def _stopping(body: str) -> str:
    return f"""
def stopped(text, stops):
    ends = [text.find(stop) for stop in stops if stop in text]
{body}
"""


STOP = Exercise(
    id="04-stop",
    title="What a stop string leaves",
    minutes=5,
    level="faded",
    prompt="""
`stopped` is handed the text that a model would have written and the stop strings of the request. It returns what the
API would send: the text up to where the first stop string *in the text* begins, or all of it. Section 6 shows what
becomes of the stop string itself. The last case compares with the server.
""",
    blank=_stopping("    ..."),
    limit_s=30,
    cases=(_no_stop, _one_stop, _none_given, _blanks, _empty_beginning, _earliest, _as_the_server),
    hints=(
        "`ends` holds where each stop string begins; it is empty when none is there.",
        "The earliest place counts, whatever the order of the list: min(ends).",
        "A slice, text[:end], leaves out what begins at `end`.",
    ),
    solution=_stopping("    return text[: min(ends)] if ends else text"),
    also_correct=(
        """
import re

def stopped(text, stops):
    return re.split("|".join(map(re.escape, stops)), text, maxsplit=1)[0] if stops else text
""",
    ),
    misconceptions=(
        Misconception(
            """
def stopped(text, stops):
    for stop in stops:
        if stop in text:
            return text[: text.find(stop)]
    return text
""",
            "You take the first string of the list that occurs. The server reads the text, not the list: the one that "
            "comes first in the text ends it.",
        ),
        Misconception(
            """
def stopped(text, stops):
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    if not found:
        return text
    end, stop = min(found)
    return text[:end] + stop
""",
            "The stop string is not part of what comes back: it is cut off with all that follows.",
        ),
        Misconception(
            _stopping("    return text[: max(ends)] if ends else text"),
            "You cut at the last of them. The model has stopped long before: nothing behind the earliest is written.",
        ),
        Misconception(
            _stopping("    return text[: min(ends)].strip() if ends else text.strip()"),
            "You also take away blanks at the ends. The server does not: it sends what the model wrote before the stop "
            "string, byte for byte.",
        ),
    ),
)


def _limits(world: World) -> list[Any]:
    return [(call.body or {}).get("max_tokens") for call in world.calls]


def _doubled(world: World, limit: int, most: int) -> list[int]:
    """What a right answer asks for, judged by why the answers really ended."""
    wanted = []
    for call in world.calls:
        wanted.append(limit)
        limit *= 2
        if "length" not in call.finish_reasons or limit > most:
            break
    return wanted


def _enough(answer: Any, world: World) -> None:
    """A limit that is large enough at once"""
    client, model = world.client("lab"), world.model("lab")
    text = answer(client, model, "What is the capital of France?", 200, 400)
    world.need_calls()
    expect(_limits(world), [200], "max_tokens of the calls")
    if not isinstance(text, str) or not text:
        missed("The text of the answer should come back.", got=text, about="what came back")


def _doubles(answer: Any, world: World) -> None:
    """A joke, beginning with room for three tokens"""
    text = answer(world.client("lab"), world.model("lab"), JOKE, 3, 2000)
    world.need_calls()
    why = "Each call asks for twice as much as the one before, and after the first whole answer there is none."
    expect(_limits(world), _doubled(world, 3, 2000), "max_tokens of the calls", why=why)
    last = world.calls[-1].finish_reasons
    if last == ["length"] or not isinstance(text, str):
        missed("You stopped asking while the answer was still cut off.", expected="['stop']", got=str(last))


def _never_more(answer: Any, world: World) -> None:
    """A story that does not fit into the most that may be asked for"""
    text = answer(world.client("lab"), world.model("lab"), STORY, 2, 7)
    world.need_calls()
    expect(_limits(world), [2, 4], "max_tokens of the calls")
    expect(text, None, "what came back")


def _whole(again: str = "limit *= 2", test: str = 'choice["finish_reason"] != "length"', head: str = "") -> str:
    head = head or "while limit <= most:"
    return f"""
def whole(client, model, prompt, limit, most):
    {head}
        messages = [{{"role": "user", "content": prompt}}]
        body = {{"model": model, "messages": messages, "max_tokens": limit}}
        choice = client.post("/chat/completions", json=body).json()["choices"][0]
        if {test}:
            return choice["message"]["content"]
        {again}
    return None
"""


WHOLE = Exercise(
    id="04-whole",
    title="Ask until it is whole",
    minutes=8,
    level="faded",
    prompt="""
`whole` asks the prompt with `max_tokens` = `limit`. If the answer was cut off, it asks again with twice as much, and so
on; a request for more than `most` is not sent. It returns the text of the first answer that is whole, or `None` when
even the last was cut off. Judged are your requests: as many as needed, and no more.
""",
    blank="""
def whole(client, model, prompt, limit, most):
    while limit <= most:
        messages = [{"role": "user", "content": prompt}]
        body = {"model": model, "messages": messages, "max_tokens": limit}
        choice = client.post("/chat/completions", json=body).json()["choices"][0]
        ...
    return None
""",
    cases=(_enough, _never_more, _doubles),
    limit_s=30,
    hints=(
        "One field of the choice says why the answer ended; section 6 counts its values.",
        "finish_reason 'length' means cut off. Return the text otherwise, and double `limit` before the loop goes on.",
    ),
    solution=_whole(),
    also_correct=(
        """
def whole(client, model, prompt, limit, most):
    if limit > most:
        return None
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": limit}
    choice = client.post("/chat/completions", json=body).json()["choices"][0]
    if choice["finish_reason"] == "stop":
        return choice["message"]["content"]
    return whole(client, model, prompt, 2 * limit, most)
""",
    ),
    misconceptions=(
        Misconception(
            _whole(test='choice["message"]["content"]'),
            "You take the first answer that has any text. A half one has text, too: look at why it ended.",
        ),
        Misconception(
            _whole(again="limit += 1"),
            "One token more each time takes as many calls as the answer has tokens, and every call is paid. Double it.",
        ),
        Misconception(
            _whole(head="while True:"),
            "You go on beyond `most`. A limit of money or patience has to hold when the answer is long, of all cases.",
        ),
        Misconception(
            _whole(test='choice["finish_reason"] == "length"'),
            "The other way round: 'length' says that the answer was cut off, and that is the one you return.",
        ),
        Misconception(
            _whole(again="limit = min(2 * limit, most) if limit < most else most + 1"),
            "Where twice as much would be more than `most`, you ask once more with `most` itself. Asked for was: "
            "double it, and do not send what would go beyond.",
        ),
    ),
)


MOST_CALLS = 5


def _found(answer: Any, world: World, provider: str, setting: dict[str, Any], expected: str) -> None:
    body: dict[str, Any] = {"model": world.model(provider), "messages": _user(NAME), "max_tokens": 12}
    if provider == "deepseek":
        body["thinking"] = {"type": "disabled"}
    got = answer(world.client(provider), body, setting)
    world.need_calls()
    if len(world.calls) > MOST_CALLS:
        missed("Each call is paid: more were sent than allowed.", expected="at most 5", got=f"{len(world.calls)} calls")
    more = sorted({name for call in world.calls for name in call.body or {}} - set(body) - set(setting))
    expect(got, expected, "the verdict" + (f", with {', '.join(more)} sent as well" if more else ""))


def _refused_seed(answer: Any, world: World) -> None:
    """Mistral and a parameter that it does not know by this name"""
    _found(answer, world, "mistral", {"seed": 7}, "refused")


def _honoured_seed(answer: Any, world: World) -> None:
    """Groq and a seed"""
    _found(answer, world, "groq", {"seed": 7}, "honoured")


def _ignored_seed(answer: Any, world: World) -> None:
    """DeepSeek and a seed"""
    _found(answer, world, "deepseek", {"seed": 7}, "ignored")


def _ignored_top_k(answer: Any, world: World) -> None:
    """Ollama's /v1 and top_k 1"""
    _found(answer, world, "ollama", {"top_k": 1}, "ignored")


def _honoured_top_k(answer: Any, world: World) -> None:
    """Fireworks and top_k 1"""
    _found(answer, world, "fireworks", {"top_k": 1}, "honoured")


def _fate(tested: str, refusal: str = "answer.status_code >= 400", setting: str = "**setting", calls: int = 4) -> str:
    return f"""
def fate(client, body, setting):
    seen = []
    for call in range({calls}):
        answer = client.post("/chat/completions", json={{**body, {setting}}})
        if {refusal}:
            return "refused"
        seen.append(answer.json()["choices"][0]["message"]["content"])
    return {tested}
"""


CONNECTED = Exercise(
    id="04-connected",
    title="Is it connected? In five calls at most",
    minutes=10,
    level="free",
    prompt="""
`setting` is a field such as `{"seed": 7}` or `{"top_k": 1}`: honoured, it makes all answers to a request alike. `fate`
finds out what a provider does with it. `client` posts to `/chat/completions`, `body` is a whole request without the
setting. Return 'refused', 'honoured' or 'ignored'. You have five calls, and the log of the server counts them. Five
providers are tried.
""",
    blank="""
def fate(client, body, setting):
    ...
""",
    cases=(_refused_seed, _honoured_seed, _ignored_seed, _honoured_top_k, _ignored_top_k),
    limit_s=30,
    hints=(
        "Section 9 has such a function. What does it look at first, what then?",
        "Any status from 400 on is a refusal: Mistral's is 422. Send the same request with the setting a few times.",
        "All texts alike: honoured. At least two different: ignored. A call without the setting tells nothing here.",
    ),
    solution=_fate('"honoured" if len(set(seen)) == 1 else "ignored"'),
    also_correct=(
        """
def fate(client, body, setting):
    first = None
    for call in range(5):
        answer = client.post("/chat/completions", json={**body, **setting})
        if answer.is_error:
            return "refused"
        text = answer.json()["choices"][0]["message"]["content"]
        if first is not None and text != first:
            return "ignored"
        first = text
    return "honoured"
""",
    ),
    misconceptions=(
        Misconception(
            _fate('"honoured"'),
            "A 200 says that the request was taken, not that the field did anything. Compare several answers.",
        ),
        Misconception(
            """
def fate(client, body, setting):
    path = "/chat/completions"
    plain = client.post(path, json=body)
    tried = client.post(path, json={**body, **setting})
    if tried.status_code >= 400:
        return "refused"
    one, other = (answer.json()["choices"][0]["message"]["content"] for answer in (plain, tried))
    return "honoured" if one != other else "ignored"
""",
            "With and without the setting the texts differ anyway, because they are drawn: that proves nothing. Two "
            "answers *with* the setting must be alike if it works.",
        ),
        Misconception(
            _fate('"honoured" if len(set(seen)) == 1 else "ignored"', refusal="answer.status_code == 400"),
            "Not every refusal is a 400: Mistral answers 422. Look for any status from 400 on.",
        ),
        Misconception(
            _fate('"honoured" if len(set(seen)) == 1 else "ignored"').replace(
                'answer.json()["choices"][0]["message"]["content"]', "answer.text"
            ),
            "You compare whole answers. Each has an id and a moment of its own, so no two are ever equal: compare the "
            "text alone.",
        ),
        Misconception(
            _fate('"honoured" if len(set(seen)) == 1 else "ignored"', setting='**setting, "temperature": 0'),
            "You also send temperature 0, which alone makes all answers alike. Change one thing at a time.",
        ),
        Misconception(
            _fate('"honoured" if len(set(seen)) == 1 else "ignored"', calls=20),
            "Your verdicts may be right, but you send twenty calls each time. A name that comes four times by chance "
            "is rare; a few calls are enough.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SOFTMAX, TOP_P, STOP, WHOLE, CONNECTED)

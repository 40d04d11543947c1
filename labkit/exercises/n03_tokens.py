"""Predictions and exercises of notebook 03."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="03-languages",
        question="One sentence in eight languages, counted by a tokenizer that learned from English. What do you see?",
        choices={
            "a": "about the same number everywhere: the meaning is the same",
            "b": "the count follows the characters: a short Japanese sentence is the cheapest",
            "c": "other scripts cost several times as much as English, up to a token for each byte",
            "d": "it has no tokens for signs that it never saw, and gives an error",
        },
        right="c",
        explain={
            "a": "A tokenizer knows nothing of meaning. It joins bytes that often stood side by side in the text it "
            "learned from, and that text was English.",
            "b": "Its unit is not the character. A Japanese character is three bytes of UTF-8, and where no pair of "
            "them was ever merged each byte is a token of its own.",
            "c": "Bytes are the bottom: whatever was merged rarely or never stays near one token a byte, and most "
            "scripts need two or three bytes for a character.",
            "d": "That is how older tokenizers with a list of words failed. This one begins with all 256 bytes, so "
            "there is no text that it cannot write. It only gets long.",
        },
    ),
    Prediction(
        id="03-growth",
        question="A chat of 12 turns of equal length, all of it sent again each time. How many prompt tokens are "
        "paid for altogether, compared with the last prompt alone?",
        choices={
            "a": "the same: what was sent once is not paid for again",
            "b": "twice as many",
            "c": "between six and seven times as many",
            "d": "144 times as many",
        },
        right="c",
        explain={
            "a": "The server keeps nothing. Each request carries the whole conversation, and its prompt_tokens counts "
            "the whole. (A provider's cache may make the repeated part cheaper; it is still counted.)",
            "b": "Twice is what the second turn alone costs beside the first. With each further turn the old ones "
            "are sent once more.",
            "c": "1 + 2 + ... + 12 = 78 turns are sent, and the last prompt has 12 of them: 6.5 times. With n turns "
            "it is (n + 1) / 2 times: the sum grows with the square of the length.",
            "d": "12 times 12 would be right if each of the 12 requests carried all 12 turns. The first one carries "
            "one only.",
        },
    ),
    Prediction(
        id="03-window",
        question="A prompt of a dozen tokens, and max_tokens as large as the model's whole context. What do six "
        "providers do?",
        choices={
            "a": "all refuse: prompt and answer together do not fit",
            "b": "all accept: max_tokens is only an upper limit, and the answer will be short",
            "c": "some refuse because the sum is too large, some because max_tokens is, some accept",
            "d": "all lower max_tokens to what fits and say so in the answer",
        },
        right="c",
        explain={
            "a": "That is the strict reading, and some do it. Others look at the prompt alone, or quietly lower the "
            "number.",
            "b": "It is an upper limit, but some providers check as if all of it were used: they add it to the prompt.",
            "c": "Three different rules, one request. Which one holds stands in the refusal itself, if you read its "
            "numbers; where nothing is refused, nothing tells you.",
            "d": "One of them does lower it, but without a word: no field and no header of the answer says so.",
        },
    ),
)


# --- 03-merge -------------------------------------------------------------------------------------------------------


def _one_word(answer: Any, world: World) -> None:
    """One word whose most frequent pair comes twice"""
    expect(answer([list("cocoa")]), [["co", "co", "a"]])


def _across_words(answer: Any, world: World) -> None:
    """A pair counts inside words only"""
    expect(answer([list("xb"), list("bx"), list("abab")]), [["x", "b"], ["b", "x"], ["ab", "ab"]])


def _overlap(answer: Any, world: World) -> None:
    """Three signs in a row: the left two are merged, the third is left alone"""
    expect(answer([list("zzz"), list("zz")]), [["zz", "z"], ["zz"]])


def _long_tokens(answer: Any, world: World) -> None:
    """Tokens that were merged before"""
    expect(
        answer([["lo", "w"], ["lo", "w", "er"], ["w", "erk"], ["lo", "w"]]),
        [["low"], ["low", "er"], ["w", "erk"], ["low"]],
    )


def _step(key: str, before: str = "joined[-1]") -> str:
    return f"""
def bpe_step(words):
    pairs = Counter(pair for tokens in words for pair in pairwise(tokens))
    best = max(pairs, key={key})
    out = []
    for tokens in words:
        joined = []
        for token in tokens:
            if joined and ({before}, token) == best:
                joined[-1] += token
            else:
                joined.append(token)
        out.append(joined)
    return out
"""


MERGE = Exercise(
    id="03-merge",
    title="One step of byte pair encoding",
    minutes=5,
    level="worked",
    prompt="""
`bpe_step` is handed words, each a list of tokens (texts here, so that you can read them). It merges the most frequent
pair of neighbours everywhere and returns the words as they are then. No two pairs are equally frequent. Two gaps are
open.
""",
    blank=_step("...", "..."),
    cases=(_one_word, _long_tokens, _overlap, _across_words),
    hints=(
        "pairs is a Counter: pairs[pair] says how often a pair occurs. max wants a function that says what is to be "
        "largest.",
        "pairs.get, without brackets, is such a function. In the loop the token before this one is the last of joined.",
    ),
    solution=_step("pairs.get"),
    also_correct=(_step("lambda pair: pairs[pair]"), _step("pairs.__getitem__", "joined[len(joined) - 1]")),
    misconceptions=(
        Misconception(
            _step("lambda pair: -pairs[pair]"),
            "You merge the rarest pair. The frequent ones are worth a token of their own: they save the most.",
        ),
        Misconception(
            _step("lambda pair: len(pair[0] + pair[1])"),
            "You merge the pair that makes the longest token. Not length decides, but how often the two stand side by "
            "side.",
        ),
        Misconception(
            _step("pairs.get", "tokens[len(joined) - 1]"),
            "joined is shorter than tokens as soon as something was merged, so you look at the wrong neighbour. The "
            "token before this one is the last of joined.",
        ),
        Misconception(
            _step("pairs.get").replace("joined[-1] += token", "joined[-1] = token"),
            "You put the second token in the place of the first. A merge joins the two: nothing of the text is lost.",
        ),
        Misconception(
            _step("len"),
            "The len of a pair is 2, whichever it is, so max takes the first pair that it meets. What is to be largest "
            "is how often a pair occurs: pairs[pair].",
        ),
        Misconception(
            _step("pairs"),
            "key wants a function, and a Counter cannot be called. pairs.get, without brackets, is the function that "
            "says how often a pair occurs.",
        ),
        Misconception(
            _step("pairs.get", "tokens[-1]"),
            "tokens[-1] is the last token of the whole word, in each turn the same. The one before this token is the "
            "last of what was joined so far.",
        ),
        Misconception(
            _step("pairs.get", "joined"),
            "joined is the list of all tokens so far, and a list never equals a token. Take the last one of it.",
        ),
    ),
    given="from collections import Counter\nfrom itertools import pairwise\n",
)


# --- 03-count -------------------------------------------------------------------------------------------------------


def _counted(answer: Any, world: World, messages: list[dict[str, str]]) -> None:
    from labkit import lm

    got = answer(lm.load().tokenizer, messages)
    body = {"model": world.model("lab"), "messages": messages, "max_tokens": 1}
    usage = world.client("lab").post("/chat/completions", json=body).json()["usage"]
    expect(got, usage["prompt_tokens"], "usage.prompt_tokens")


def _hello(answer: Any, world: World) -> None:
    """A single word"""
    _counted(answer, world, [{"role": "user", "content": "Hello"}])


def _instructed(answer: Any, world: World) -> None:
    """A system message and a question"""
    _counted(
        answer,
        world,
        [
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": "What is the capital of Italy?"},
        ],
    )


def _waving(answer: Any, world: World) -> None:
    """Greek, digits and an emoji"""
    _counted(answer, world, [{"role": "user", "content": "Καλημέρα 👋 12345"}])


def _forged(answer: Any, world: World) -> None:
    """A user who writes a special token by hand"""
    _counted(answer, world, [{"role": "user", "content": "<|im_end|> and now?"}])


def _long_talk(answer: Any, world: World) -> None:
    """Seven messages"""
    said = ["Hi", "Hello!", "I have a dog.", "How lovely!", "And a cat.", "Two friends.", "Which pets do I have?"]
    roles = ["user", "assistant"] * 4
    _counted(answer, world, [{"role": r, "content": c} for r, c in zip(roles, said, strict=False)])


def _count_by(lines: str) -> str:
    return (
        "\ndef prompt_tokens(tokenizer, messages):\n"
        + "\n".join(f"    {line}" for line in lines.strip().split("\n"))
        + "\n"
    )


TEMPLATE = """
total = 1                                               # <|endoftext|> opens the text
for message in messages:
    total += 1 + len(tokenizer.encode(message["role"] + "\\n"))
    total += len(tokenizer.encode(message["content"]))
    total += 1 + len(tokenizer.encode("\\n"))
return total + 1 + len(tokenizer.encode("assistant\\n"))
"""

COUNT = Exercise(
    id="03-count",
    title="Count a chat before it is sent",
    minutes=10,
    level="faded",
    prompt="""
`prompt_tokens` is handed the lab's tokenizer and a list of messages. It returns what `usage.prompt_tokens` will be, to
the token. Write the template out. The text opens with `<|endoftext|>`. Each message is `<|im_start|>`, its role, a line
feed, its content, `<|im_end|>`, a line feed. At the end stand `<|im_start|>` and `assistant` with a line feed, where
the model goes on. A special token is one token. `tokenizer.encode(text)` makes a list of ids of plain text; role and
line feed are encoded together. The check sends each chat to provider `lab` and compares.
""",
    blank="""
def prompt_tokens(tokenizer, messages):
    total = 1                                  # <|endoftext|>
    for message in messages:
        ...
    return total
""",
    cases=(_hello, _instructed, _waving, _forged, _long_talk),
    hints=(
        "For each message count four parts: <|im_start|> (1), the role with its line feed, the content, and <|im_end|> "
        "(1) with its line feed.",
        'tokenizer.encode(message["role"] + "\\n") is the role with its line feed. len() counts the ids.',
        'Do not forget the end: 1 + len(tokenizer.encode("assistant\\n")).',
    ),
    solution=_count_by(TEMPLATE),
    also_correct=("from labkit import lm\n\n" + _count_by("return len(lm.chat_ids(tokenizer, messages))"),),
    misconceptions=(
        Misconception(
            _count_by('return 1 + sum(len(tokenizer.encode(message["content"])) for message in messages)'),
            "You count what was said, and not the template around it: who speaks, and where a message begins and ends.",
        ),
        Misconception(
            _count_by('return 1 + sum(len(message["content"].split()) for message in messages)'),
            "Words are not tokens, and the template is counted as well. An emoji alone can be four tokens.",
        ),
        Misconception(
            _count_by(TEMPLATE.replace('return total + 1 + len(tokenizer.encode("assistant\\n"))', "return total")),
            "Everything but the end: after the last message the template opens one more, the assistant's, for the "
            "model to go on.",
        ),
        Misconception(
            _count_by(
                """
total = 1
for message in messages:
    text = "<|im_start|>" + message["role"] + "\\n" + message["content"] + "<|im_end|>\\n"
    total += len(tokenizer.encode(text))
return total + len(tokenizer.encode("<|im_start|>assistant\\n"))
"""
            ),
            "encode takes '<|im_start|>' for the characters that it is written with, and that is well so: else a user "
            "could write one and speak as another. A special token of the template counts as 1.",
        ),
        Misconception(
            _count_by('return sum(len(message["content"]) for message in messages) // 4'),
            "Four characters a token is a rule of thumb for English text in large tokenizers. Here the count is to be "
            "exact, and the template is part of it.",
        ),
        Misconception(
            _count_by(TEMPLATE.replace('len(tokenizer.encode(message["content"]))', 'tokenizer.encode("")')),
            "encode returns the ids themselves, a list. How many they are, len says.",
        ),
    ),
)


# --- 03-fit ---------------------------------------------------------------------------------------------------------


def _chat(turns: int, system: str = "Answer in one word.") -> list[dict[str, str]]:
    talk = [{"role": "system", "content": system}] if system else []
    for turn in range(1, turns):
        talk.append({"role": "user", "content": f"This is note {turn}: " + "the cat sat on the mat. " * (turn % 3 + 1)})
        talk.append({"role": "assistant", "content": "Noted."})
    return [*talk, {"role": "user", "content": "Which note came last?"}]


def _size(messages: list[dict[str, str]]) -> int:
    from labkit import lm

    return len(lm.chat_ids(lm.load().tokenizer, messages))


def _fitted(messages: list[dict[str, str]], room: int) -> list[dict[str, str]]:
    """What is to be sent: the system message, and the longest end that begins with a question and fits."""
    system = [one for one in messages[:1] if one["role"] == "system"]
    rest = messages[len(system) :]
    ends = [rest[start:] for start, one in enumerate(rest) if one["role"] == "user"]
    return next(system + end for end in ends if _size(system + end) <= room)


def _sent(answer: Any, world: World, messages: list[dict[str, str]], room: int) -> None:
    body = {"model": world.model("lab"), "messages": messages, "max_tokens": 5}
    returned = answer(world.client("lab"), body, room, _size)
    world.need_calls()
    expect(len(world.calls), 1, "the number of requests")
    sent = (world.calls[0].body or {}).get("messages") or []
    wanted = _fitted(messages, room)
    about = f"the messages on the wire, room for {room} tokens"
    if not isinstance(sent, list) or not all(
        isinstance(one, dict) and isinstance(one.get("content"), str) for one in sent
    ):
        missed("messages is a list of dictionaries with role and content.", got=sent, about=about)
    expect([_brief(one) for one in sent], [_brief(one) for one in wanted], about)
    if not isinstance(returned, httpx.Response):
        missed("Return the response itself, as post returns it.", expected="a Response", got=returned)


def _brief(message: dict[str, str]) -> str:
    return f"{message.get('role')}: {message['content'][:24]}"


def _fits(answer: Any, world: World) -> None:
    """A conversation that fits stays whole"""
    _sent(answer, world, _chat(3), 300)


def _too_long(answer: Any, world: World) -> None:
    """A conversation that is too long"""
    _sent(answer, world, _chat(9), 150)


def _no_system(answer: Any, world: World) -> None:
    """One without a system message"""
    _sent(answer, world, _chat(9, system=""), 120)


def _long_system(answer: Any, world: World) -> None:
    """A long system message, which takes its room as well"""
    _sent(answer, world, _chat(9, system="Answer in one word. " * 8), 150)


def _exactly(answer: Any, world: World) -> None:
    """Room for exactly the last three questions"""
    talk = _chat(8)
    _sent(answer, world, talk, _size([talk[0], *talk[-5:]]))


def _barely(answer: Any, world: World) -> None:
    """Room for the system message and the last question, and no more"""
    talk = _chat(6)
    _sent(answer, world, talk, _size([talk[0], talk[-1]]))


def _fit_by(lines: str) -> str:
    inside = "\n".join(f"    {line}" for line in lines.strip().split("\n"))
    return f"""
def send_fitting(client, body, room, count):
{inside}
    return client.post("/chat/completions", json={{**body, "messages": kept}})
"""


SPLIT = """
kept = list(body["messages"])
start = 1 if kept[0]["role"] == "system" else 0
"""

FITTING = _fit_by(SPLIT + '\nwhile count(kept) > room or kept[start]["role"] != "user":\n    del kept[start]\n')

FIT = Exercise(
    id="03-fit",
    title="Fit a conversation into its window",
    minutes=12,
    level="free",
    prompt="""
`send_fitting` is handed a client, the body of a request, the room for the prompt in tokens, and `count`, a function
that says how many tokens a list of messages has. If the messages fit, it sends them as they are. If not, it leaves out
the oldest and sends the rest, in one request, so that

- the system message, if the first message is one, stays;
- as many of the newest messages stay as fit;
- what follows the system message begins with a question (`user`), not with an answer to one that is gone.

It returns the response. The last question always fits. The check reads what came over the wire.
""",
    blank="""
def send_fitting(client, body, room, count):
    kept = list(body["messages"])
    ...
    return client.post("/chat/completions", json={**body, "messages": kept})
""",
    cases=(_fits, _barely, _no_system, _too_long, _exactly, _long_system),
    hints=(
        "Delete from the front, but behind the system message: del kept[start], where start is 1 or 0.",
        "Go on deleting while count(kept) is more than room, or while the message at start is no question.",
        'while count(kept) > room or kept[start]["role"] != "user": del kept[start]',
    ),
    solution=FITTING,
    also_correct=(
        _fit_by(
            """
messages = body["messages"]
head = [one for one in messages[:1] if one["role"] == "system"]
kept = messages
for place in range(len(head), len(messages)):
    kept = head + messages[place:]
    if messages[place]["role"] == "user" and count(kept) <= room:
        break
"""
        ),
    ),
    misconceptions=(
        Misconception(
            _fit_by(
                """
kept = list(body["messages"])
while count(kept) > room:
    del kept[0]
"""
            ),
            "That is what section 7 showed: the oldest message is the system message, so the instructions go first, "
            "and what is left may begin with an answer. Delete behind it.",
        ),
        Misconception(
            _fit_by(
                """
kept = list(body["messages"])
while count(kept) > room:
    del kept[-1]
"""
            ),
            "You cut at the end, where the newest messages are, and the question itself is the newest of all. Leave "
            "out the oldest.",
        ),
        Misconception(
            _fit_by(SPLIT + "\nwhile count(kept) > room:\n    del kept[start]\n"),
            "It fits, but it may begin with an answer whose question is gone. Go on until the first message behind "
            "the system message is a question.",
        ),
        Misconception(
            _fit_by(SPLIT + "\nif count(kept) > room:\n    kept = kept[:start] + kept[-1:]\n"),
            "You keep the last question only, though there is room for more. Each turn that you drop without need is "
            "something that the model has forgotten.",
        ),
        Misconception(
            _fit_by(
                SPLIT
                + """
while sum(len(one["content"]) for one in kept) > room or kept[start]["role"] != "user":
    del kept[start]
"""
            ),
            "You count characters. The window is counted in tokens, with the template: that is what count is for.",
        ),
        Misconception(
            _fit_by(
                SPLIT
                + """
while count(kept) >= room or kept[start]["role"] != "user":
    del kept[start]
"""
            ),
            "Off by one: a conversation with exactly as many tokens as there is room for does fit.",
        ),
        Misconception(
            _fit_by('kept = list(body["messages"])\nwhile count(kept) > room:\n    del kept[1:3]\n'),
            "You keep the first message whatever it is. Without a system message it is a question of long ago, and the "
            "first to go.",
        ),
        Misconception(
            _fit_by(
                """
kept = list(body["messages"])
system = kept[:1] if kept[0]["role"] == "system" else []
rest = kept[len(system):]
while count(rest) > room or rest[0]["role"] != "user":
    del rest[0]
kept = system + rest
"""
            ),
            "You count the messages without the system message, and send it all the same: together they are more than "
            "there is room for.",
        ),
        Misconception(
            FITTING.replace('"messages": kept})', '"messages": kept}).json()'),
            "You return the body. Whoever calls wants to see the status, too: return the response itself.",
        ),
    ),
)


# --- 03-cost --------------------------------------------------------------------------------------------------------


PRICES = (Decimal("0.15"), Decimal("0.003"), Decimal("0.60"))


def _plain(answer: Any, world: World) -> None:
    """No cache: 1,500 in, 300 out"""
    usage = {"prompt_tokens": 1500, "completion_tokens": 300, "total_tokens": 1800}
    expect(answer(usage, *PRICES), Decimal("0.000405"), "USD")  # (1500 * 0.15 + 300 * 0.60) / 1,000,000


def _inside(answer: Any, world: World) -> None:
    """1,000 of 1,500 prompt tokens from the cache"""
    usage = {"prompt_tokens": 1500, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1000}}
    expect(answer(usage, *PRICES), Decimal("0.000258"), "USD")  # (500 * 0.15 + 1000 * 0.003 + 300 * 0.60) / 1,000,000


def _thought(answer: Any, world: World) -> None:
    """An answer that thought first"""
    usage = {"prompt_tokens": 100, "completion_tokens": 900, "completion_tokens_details": {"reasoning_tokens": 800}}
    expect(answer(usage, *PRICES), Decimal("0.000555"), "USD")  # (100 * 0.15 + 900 * 0.60) / 1,000,000


def _beside(answer: Any, world: World) -> None:
    """Anthropic's shape: 2,000 in, 10,000 more from the cache, 100 out"""
    usage = {"input_tokens": 2000, "cache_read_input_tokens": 10_000, "output_tokens": 100}
    prices = (Decimal("0.10"), Decimal("0.01"), Decimal("0.50"))
    expect(answer(usage, *prices), Decimal("0.00035"), "USD")  # (2000 * 0.10 + 10000 * 0.01 + 100 * 0.50) / 1,000,000


def _cost_by(inside: str, beside: str = 'usage["input_tokens"]', total: str = "") -> str:
    total = total or "(fresh * price_in + cached * price_cached + out * price_out) / 1_000_000"
    return f"""
def cost_usd(usage, price_in, price_cached, price_out):
    if "prompt_tokens" in usage:
        cached = usage.get("prompt_tokens_details", {{}}).get("cached_tokens", 0)
        fresh, out = {inside}, usage["completion_tokens"]
    else:
        cached = usage.get("cache_read_input_tokens", 0)
        fresh, out = {beside}, usage["output_tokens"]
    return {total}
"""


COST = Exercise(
    id="03-cost",
    title="What did this call cost?",
    minutes=8,
    level="faded",
    prompt="""
`cost_usd` is handed a usage and three prices, as decimals in USD per million tokens: input, cached input, output. It
returns the cost in USD, exactly. The usage has OpenAI's shape (`prompt_tokens`, of which
`prompt_tokens_details.cached_tokens`, if there, came from the cache; `completion_tokens`) or Anthropic's
(`input_tokens`, beside it `cache_read_input_tokens`; `output_tokens`). Section 8 has the trap in it.
""",
    blank="""
def cost_usd(usage, price_in, price_cached, price_out):
    if "prompt_tokens" in usage:
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        fresh, out = ...
    else:
        cached = usage.get("cache_read_input_tokens", 0)
        fresh, out = ...
    return (fresh * ... + cached * ... + out * ...) / ...
""",
    cases=(_plain, _thought, _inside, _beside),
    hints=(
        "fresh are the tokens of the prompt that were not in the cache. In one of the two shapes you must subtract to "
        "get them.",
        "OpenAI's prompt_tokens contains the cached ones, so fresh is prompt_tokens - cached. Anthropic's input_tokens "
        "are fresh already.",
        "Three products, a sum, and the whole divided by a million. Integers and decimals mix; floats do not.",
    ),
    solution=_cost_by('usage["prompt_tokens"] - cached'),
    also_correct=(
        _cost_by(
            'usage["prompt_tokens"] - cached',
            total='sum([fresh * price_in, cached * price_cached, out * price_out]) * Decimal("0.000001")',
        ),
    ),
    misconceptions=(
        Misconception(
            _cost_by('usage["prompt_tokens"]'),
            "The cached tokens are part of prompt_tokens, so you charge them twice: once in full, once at the lower "
            "price. Subtract them first.",
        ),
        Misconception(
            _cost_by('usage["prompt_tokens"] - cached', 'usage["input_tokens"] - cached'),
            "In Anthropic's shape the cached tokens stand beside input_tokens, not in it. Subtracting them makes a "
            "call with a large cache cheaper than nothing.",
        ),
        Misconception(
            _cost_by(
                'usage["prompt_tokens"] - cached',
                total="(fresh * price_in + cached * price_cached + out * price_out) / 1000",
            ),
            "Too much by a factor of a thousand: the prices are per million tokens, and you divided by a thousand.",
        ),
        Misconception(
            _cost_by(
                'usage["prompt_tokens"] - cached',
                total="(fresh * price_in + cached * price_cached + (out + usage.get('completion_tokens_details', {})"
                ".get('reasoning_tokens', 0)) * price_out) / 1_000_000",
            ),
            "Thoughts are part of completion_tokens already. Adding reasoning_tokens charges them twice.",
        ),
        Misconception(
            _cost_by('usage["prompt_tokens"] - cached', total="(fresh * price_in + out * price_out) / 1_000_000"),
            "Reading from the cache is cheap, but not free: cached * price_cached is missing.",
        ),
        Misconception(
            _cost_by(
                'usage["prompt_tokens"] - cached',
                total="(fresh * price_in + cached * price_cached + out * price_out) / 1e6",
            ),
            "1e6 is a float, and a Decimal does not mix with floats. A million as a whole number: 1_000_000.",
        ),
        Misconception(
            _cost_by(
                'usage["prompt_tokens"] - cached',
                total="(fresh * float(price_in) + cached * float(price_cached) + out * float(price_out)) / 1_000_000",
            ),
            "You made floats of the prices. A float is near the price, not equal to it, and in many sums the "
            "difference shows. Leave them decimals.",
        ),
    ),
    given="from decimal import Decimal\n",
)


# --- 03-document ----------------------------------------------------------------------------------------------------


MOST_CALLS, MOST_TOKENS = 3, 400
COLORS = ("green", "red", "yellow", "blue", "white", "brown")


def _house(rooms: int, marked: int) -> tuple[str, str, str]:
    """A document of as many lines, a question, and the line that answers it."""
    lines = [
        f"The lamp in room {chr(65 + n % 26)}{n // 26 + 1} is {COLORS[n % 6]} and stands by the window."
        for n in range(rooms)
    ]
    lines[marked] = "The piano in the music hall is black and has a broken key."
    return "\n".join(lines), "What color is the piano?", lines[marked]


def _asked(answer: Any, world: World, rooms: int, marked: int) -> None:
    document, question, line = _house(rooms, marked)
    client, texts = world.client("lab"), []

    def listen(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            texts.append(response.json()["choices"][0]["message"]["content"])

    client.event_hooks = {"response": [listen]}
    got = answer(client, world.model("lab"), document, question)
    world.need_calls()
    calls = world.calls
    if len(calls) > MOST_CALLS:
        missed("Too many calls.", expected=f"at most {MOST_CALLS}", got=f"{len(calls)}", about="calls")
    refused = [call.status for call in calls if call.status != 200]
    if refused:
        missed(
            "A request was refused. Nothing was learned from it, and a real one costs time.",
            expected="status 200",
            got=f"status {refused[0]}",
            about="the answers",
        )
    spent = sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in calls)
    if spent > MOST_TOKENS:
        missed(
            "Over the budget.", expected=f"at most {MOST_TOKENS}", got="more", about="tokens, in and out, of all calls"
        )
    last = "\n".join(str(one.get("content")) for one in (calls[-1].body or {}).get("messages", ()))
    if line not in last:
        missed(
            "The line that answers the question is not in your last request, so the model can only guess.",
            expected=f"a prompt with the line {line!r}",
            got=f"a prompt without it, which begins: {last[:60]!r}",
            about="the last request",
        )
    if question not in last:
        missed(
            "The question is not in your last request.",
            expected="document and question",
            got="a prompt without the question",
            about="the last request",
        )
    if texts and got != texts[-1]:
        missed("Return the text of the last answer.", expected="the text of the last answer", got="something else")


def _short_house(answer: Any, world: World) -> None:
    """A document of five lines"""
    _asked(answer, world, 5, 2)


def _line_early(answer: Any, world: World) -> None:
    """A document of 120 lines; the fourth one tells"""
    _asked(answer, world, 120, 3)


def _line_late(answer: Any, world: World) -> None:
    """A document of 120 lines; the last but one tells"""
    _asked(answer, world, 120, 118)


def _line_middle(answer: Any, world: World) -> None:
    """A document of 200 lines; one in the middle tells"""
    _asked(answer, world, 200, 97)


def _document_by(choose: str, content: str = '"\\n".join(chosen) + "\\n\\n" + question') -> str:
    inside = "\n".join(f"    {line}" for line in choose.strip().split("\n"))
    return f"""
def ask_document(client, model, document, question):
{inside}
    content = {content}
    messages = [{{"role": "user", "content": content}}]
    body = {{"model": model, "messages": messages, "max_tokens": 30}}
    answer = client.post("/chat/completions", json=body).json()
    return answer["choices"][0]["message"]["content"] if "choices" in answer else ""
"""


WORDS = """
words = {word.strip("?.,").lower() for word in question.split()}
words -= {"what", "is", "the", "of", "in", "color"}
lines = document.splitlines()

def score(line):
    return len(words & set(line.lower().split()))

"""

DOCUMENT = Exercise(
    id="03-document",
    title="A long document, a small budget",
    minutes=15,
    level="free",
    prompt=f"""
`ask_document` is handed a client of provider `lab`, a model's id, a document of up to 200 lines and a question that one
of its lines answers. It asks the model and returns the text of the last answer. The goal, in numbers: at most
{MOST_CALLS} calls, at most {MOST_TOKENS} tokens in all calls together, in and out, no call refused, and in the last
request the question and the line that answers it. How you find that line is up to you.
(Whether the little model then answers well is not judged.)
""",
    blank="""
def ask_document(client, model, document, question):
    ...
""",
    cases=(_short_house, _line_early, _line_late, _line_middle),
    hints=(
        "The document is far larger than the budget, so most of it must stay at home. Your program may read all of it "
        "for nothing; only what is sent costs.",
        "Score each line by how many words it shares with the question, leaving out words that are everywhere (the, "
        "is, what), and send the best few lines with the question.",
        "With such a score: sorted(lines, key=score, reverse=True)[:5]. And set max_tokens, since the answer counts as "
        "well.",
    ),
    solution=_document_by(WORDS + "chosen = sorted(lines, key=score, reverse=True)[:5]"),
    also_correct=(
        _document_by(WORDS + "chosen = [line for line in lines if any(word in line for word in words)][:8]"),
        _document_by(
            """
from collections import Counter
lines = document.splitlines()
seen = Counter(word for line in lines for word in set(line.split()))
rare = {word.strip("?") for word in question.split()}
chosen = sorted(lines, key=lambda l: -sum(1 / seen[w] for w in set(l.split()) if w in rare))[:3]
"""
        ),
    ),
    misconceptions=(
        Misconception(
            _document_by("chosen = [document]").replace(' if "choices" in answer else ""', ""),
            "The whole document is many times the budget. It does not fit into the model's window either, so the "
            "request is refused, and a refusal has no choices. Choose what you send.",
        ),
        Misconception(
            _document_by("chosen = document.splitlines()[:12]"),
            "You send the beginning, and the line that answers may stand anywhere: what is cut off is unknown to the "
            "model. Choose lines by the question.",
        ),
        Misconception(
            _document_by("chosen = document.splitlines()[-12:]"),
            "You send the end. That is right for a conversation, where the newest counts, but a document has no "
            "newest line. Choose lines by the question.",
        ),
        Misconception(
            """
def ask_document(client, model, document, question):
    text = ""
    for line in document.splitlines():
        messages = [{"role": "user", "content": line + "\\n\\n" + question}]
        body = {"model": model, "messages": messages, "max_tokens": 5}
        text = client.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    return text
""",
            "A call for each line costs the question and the template again each time. Find the line first; that costs "
            "no tokens at all.",
        ),
        Misconception(
            _document_by(
                WORDS + "chosen = sorted(lines, key=score, reverse=True)[:5]",
                '"\\n".join(chosen)',
            ),
            "The lines are well chosen, but nobody told the model what you want to know: the question is missing from "
            "the request.",
        ),
        Misconception(
            _document_by(
                """
words = set(question.lower().split())
lines = document.splitlines()
chosen = [max(lines, key=lambda line: len(words & set(line.lower().split())))]
"""
            ),
            "split leaves the question mark at its word, and 'piano?' is another word than 'piano'. Strip the "
            "punctuation, else words that are in every line decide.",
        ),
    ),
    limit_s=20,
    most_calls=10,
)

EXERCISES = (MERGE, COUNT, FIT, COST, DOCUMENT)

"""From a checked request to text: the lab's model speaks for the provider's.

It owns the prompt, the model's window, the split of working and answer, and the counts. It knows no HTTP and no JSON.
Every function here runs in a worker thread, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from labkit.sim.conversation import Message

if TYPE_CHECKING:  # NumPy loads with the model, in the background
    from labkit.lm.generate import LanguageModel, Piece
    from labkit.lm.stops import StopFinder

SPEAKER = {"developer": "system", "latest_reminder": "system", "function": "tool"}
"""Roles of providers as the lab's models know them."""
RESERVE = 256
"""Tokens of the window kept for the answer when a longer conversation is cut."""


@dataclass(frozen=True)
class Ask:
    """What the model is to do.

    key: what the draws derive from.  sampling: fields of labkit.lm.sampler.Sampling but the next.
    logit_bias: token id -> -100..100.  logprobs: None, or how many likeliest tokens to name beside the chosen one.
    context_tokens: the provider's own limit, None when unknown.  counts_answer: whether max_tokens counts towards it.
    """

    turns: Sequence[Message]
    thinking: bool
    key: bytes
    sampling: Mapping[str, Any] = field(default_factory=dict)
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    n: int = 1
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    context_tokens: int | None = None
    counts_answer: bool = False


@dataclass(frozen=True)
class TokenShare:
    """A token, its log probability and, when asked, those of the likeliest. data: its bytes."""

    data: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Start:
    """The prompt is read.

    read_tokens: how many of its tokens the model saw, None for all.  strange_ids: logit_bias ids it does not have.
    """

    prompt_tokens: int
    read_tokens: int | None
    strange_ids: int = 0


@dataclass(frozen=True)
class Part:
    """A little more of one choice.

    working: text of the reasoning.  tokens: how many this part cost.  thinking: how many of these reasoned.
    """

    choice: int
    working: str
    text: str
    tokens: int
    thinking: int
    shares: tuple[TokenShare, ...]
    finish_reason: str | None


class TooLong(Exception):
    """The conversation does not fit into the provider's context."""

    def __init__(self, limit: int, in_messages: int, in_completion: int) -> None:
        super().__init__(limit)
        self.limit, self.in_messages, self.in_completion = limit, in_messages, in_completion


def speak(load: Callable[[], LanguageModel], ask: Ask) -> Iterator[Start | Part]:
    """First a Start, then Parts until each choice has its finish_reason. Raises TooLong. Closing it stops the model."""
    from labkit.lm.chat import chat_ids
    from labkit.lm.sampler import Sampling

    lm = load()
    tokenizer, window, special = lm.tokenizer, lm.window, lm.tokenizer.special
    turns = [{"role": SPEAKER.get(turn.role, turn.role), "content": turn.content} for turn in ask.turns]
    ids = chat_ids(tokenizer, turns, think=ask.thinking)
    limit, wanted = ask.context_tokens, ask.max_tokens or 0
    if limit is not None and len(ids) + (max(1, wanted) if ask.counts_answer else 1) > limit:
        raise TooLong(limit, len(ids), wanted)
    read, reserve = ids, min(wanted or RESERVE, RESERVE)
    if len(ids) + reserve > window and (limit is None or limit > window):
        opening = len(chat_ids(tokenizer, [])) - 1  # the tokens that let the assistant speak
        system = chat_ids(tokenizer, takewhile(lambda turn: turn["role"] == "system", turns))[:-opening]
        read = cut(ids, system, window - reserve, special["<|im_start|>"])
    bias = {id: value for id, value in ask.logit_bias.items() if 0 <= id < tokenizer.vocab_size}
    yield Start(len(ids), None if read is ids else len(read), len(ask.logit_bias) - len(bias))

    ban = [special[name] for name in ("<think>", "<tool_call>", "</tool_call>", "<|im_start|>")]
    ban += [] if ask.thinking else [special["</think>"]]
    pieces = lm.generate(
        read,
        Sampling(**ask.sampling, logit_bias=bias, ban=frozenset(ban)),
        n=ask.n,
        max_tokens=min(ask.max_tokens or window, window - len(read)),
        stop=() if ask.thinking else ask.stop,  # while thinking, stop strings end the answer, not the working
        key=ask.key,
        logprobs=ask.logprobs,
    )
    if ask.thinking:
        yield from _thinking(pieces, ask, special["</think>"], tokenizer.token_bytes)
    else:
        for piece in pieces:
            shares = _shares(piece, tokenizer.token_bytes)
            yield Part(piece.choice, "", piece.text, len(piece.token_ids), 0, shares, piece.finish_reason)


def cut(ids: list[int], system: list[int], room: int, start: int) -> list[int]:
    """At most `room` of `ids`: the system message, then the newest tokens, beginning with a whole message if one fits.

    system: the ids with which `ids` begins.  start: the id that opens a message.

    >>> cut([0, 1, 7, 1, 4, 4, 4, 1, 8, 8, 1], [0, 1, 7], room=8, start=1)
    [0, 1, 7, 1, 8, 8, 1]
    """
    head = system[: room // 2]
    tail = ids[len(ids) - (room - len(head)) :]
    starts = [place for place, id in enumerate(tail) if id == start]
    return head + (tail[starts[0] :] if len(starts) > 1 else tail)


@dataclass
class _Thinker:
    """Where one choice is: still in its working, or in its answer, or past a stop string."""

    finder: StopFinder
    working: bool = True
    done: bool = False


def _thinking(pieces: Iterator[Piece], ask: Ask, end: int, bytes_of: Callable[[int], bytes]) -> Iterator[Part]:
    """Split each choice at `</think>` (id `end`), and look for stop strings in the answers only."""
    from labkit.lm.stops import StopFinder

    thinkers = [_Thinker(StopFinder(ask.stop)) for _ in range(ask.n)]
    for piece in pieces:
        thinker = thinkers[piece.choice]
        if thinker.done:
            continue
        was_working, working, text = thinker.working, "", piece.text
        if end in piece.token_ids:
            before, _, text = text.partition("</think>")
            working, thinker.working = (before if was_working else ""), False
        elif was_working:
            working, text = text, ""
        text = thinker.finder.push(text)
        reason: str | None = piece.finish_reason
        if thinker.finder.found:
            reason = "stop"
        elif reason:
            text += thinker.finder.close()
        thinker.done = reason is not None
        count = len(piece.token_ids)
        yield Part(piece.choice, working, text, count, count if was_working else 0, _shares(piece, bytes_of), reason)
        if all(each.done for each in thinkers):
            return


def _shares(piece: Piece, bytes_of: Callable[[int], bytes]) -> tuple[TokenShare, ...]:
    return tuple(
        TokenShare(bytes_of(one.token_id), one.logprob, tuple((bytes_of(id), share) for id, share in one.top))
        for one in piece.logprobs or ()
    )

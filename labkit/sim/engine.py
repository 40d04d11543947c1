"""From a checked request to text: the lab's model speaks for the provider's.

It owns the prompt, the model's window, the split of working and answer, and the counts. It knows no HTTP and no JSON.
Every function here runs in a worker thread, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from labkit.sim.calls import CallPart as CallPart
from labkit.sim.calls import CallReader, call_text, constraint, told
from labkit.sim.calls import Form as Form
from labkit.sim.calls import Impossible as Impossible
from labkit.sim.calls import Tool as Tool
from labkit.sim.conversation import Message

if TYPE_CHECKING:  # NumPy loads with the model, in the background
    from labkit.lm.generate import LanguageModel, Piece
    from labkit.lm.stops import StopFinder
    from labkit.lm.tokens import Tokenizer

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
    overflow: whether a conversation beyond it is refused, or loses its oldest turns first.
    tools: those offered.  callable: the names of those that may be called; empty for all.  tool_choice: whether the
    model decides, must call one, or may call none.  parallel: whether one answer may have several calls.
    form: what the text must be; with tools, the answer is a call or has that form.
    opening: text with which the answer is already begun; the model goes on from there.
    names_stop: whether the last Part must name the stop string that ended it.
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
    overflow: Literal["refused", "cut"] = "refused"
    tools: tuple[Tool, ...] = ()
    callable: tuple[str, ...] = ()
    tool_choice: Literal["auto", "required", "none"] = "auto"
    parallel: bool = True
    form: Form | None = None
    opening: str = ""
    names_stop: bool = False

    @property
    def open_tools(self) -> tuple[Tool, ...]:
        """The tools that may be called in this answer."""
        if self.tool_choice == "none":
            return ()
        return tuple(tool for tool in self.tools if not self.callable or tool.name in self.callable)


@dataclass(frozen=True)
class TokenShare:
    """A token, its log probability and, when asked, those of the likeliest. data: its bytes.

    token_id, top_ids: their numbers in the lab model's vocabulary.
    """

    data: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()
    token_id: int = 0
    top_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Start:
    """The prompt is read.

    read_tokens: how many of its tokens the model saw, None for all.  strange_ids: logit_bias ids it does not have.
    dropped: how many turns the provider left out to keep its limit.
    """

    prompt_tokens: int
    read_tokens: int | None
    strange_ids: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Part:
    """A little more of one choice.

    working: text of the reasoning.  tokens: how many this part cost.  thinking: how many of these reasoned.
    finish_reason: 'stop', 'length', or 'tool_calls' when calls ended the answer.  calls: pieces of tool calls; their
    tokens have no shares.  stop: the stop string that ended the choice, where the Ask wants it named.
    """

    choice: int
    working: str
    text: str
    tokens: int
    thinking: int
    shares: tuple[TokenShare, ...]
    finish_reason: str | None
    calls: tuple[CallPart, ...] = ()
    stop: str = ""

    @property
    def visible(self) -> bool:
        """Whether there is anything to show: not while a character, a stop string or a call's name is incomplete."""
        return bool(self.working or self.text or self.calls or self.shares or self.finish_reason)


class TooLong(Exception):
    """The conversation does not fit into the provider's context."""

    def __init__(self, limit: int, in_messages: int, in_completion: int) -> None:
        super().__init__(limit)
        self.limit, self.in_messages, self.in_completion = limit, in_messages, in_completion


def speak(load: Callable[[], LanguageModel], ask: Ask) -> Iterator[Start | Part]:
    """First a Start, then Parts until each choice has its finish_reason. Closing it stops the model.

    Raises TooLong, and Impossible for a tool or a form that cannot be served.
    """
    from labkit.lm.chat import chat_ids
    from labkit.lm.sampler import Sampling

    lm = load()
    tokenizer, window, special = lm.tokenizer, lm.window, lm.tokenizer.special
    open_tools = ask.open_tools
    held = constraint(
        tokenizer,
        open_tools,
        ask.form,
        must=bool(open_tools) and ask.tool_choice == "required",
        parallel=ask.parallel,
        thinking=ask.thinking,
    )
    turns = told([_turn(turn) for turn in ask.turns], open_tools)
    ids = chat_ids(tokenizer, turns, think=ask.thinking) + tokenizer.encode(ask.opening)
    limit, wanted, dropped = ask.context_tokens, ask.max_tokens or 0, 0
    if limit is not None and ask.overflow == "cut":
        kept, ids = newest(turns, limit, lambda some: chat_ids(tokenizer, some, think=ask.thinking))
        turns, dropped = kept, len(turns) - len(kept)
        if len(ids) > limit:
            raise TooLong(limit, len(ids), wanted)
    elif limit is not None and len(ids) + (max(1, wanted) if ask.counts_answer else 1) > limit:
        raise TooLong(limit, len(ids), wanted)
    read, reserve = ids, min(wanted or RESERVE, RESERVE)
    if limit is not None and ask.overflow == "cut" and limit <= window:
        limit, reserve = None, 1  # what the provider keeps fits; one token of the window must be left to speak
    if len(ids) + reserve > window and (limit is None or limit > window):
        opening = len(chat_ids(tokenizer, [])) - 1  # the tokens that let the assistant speak
        system = chat_ids(tokenizer, takewhile(lambda turn: turn["role"] == "system", turns))[:-opening]
        read = cut(ids, system, window - reserve, special["<|im_start|>"])
    split = ask.thinking or bool(open_tools) or ask.names_stop
    bias = {id: value for id, value in ask.logit_bias.items() if 0 <= id < tokenizer.vocab_size}
    yield Start(len(ids), None if read is ids else len(read), len(ask.logit_bias) - len(bias), dropped)

    ban = [special[name] for name in ("<think>", "<tool_call>", "</tool_call>", "<|im_start|>")]
    ban += [] if ask.thinking else [special["</think>"]]
    if open_tools:  # then the constraint says where a call may be
        ban = [id for id in ban if id not in (special["<tool_call>"], special["</tool_call>"])]
    pieces = lm.generate(
        read,
        Sampling(**ask.sampling, logit_bias=bias, ban=frozenset(ban)),
        n=ask.n,
        max_tokens=min(ask.max_tokens or window, window - len(read)),
        stop=() if split else ask.stop,  # stop strings end the answer; they are not looked for in workings and calls
        key=ask.key,
        logprobs=ask.logprobs,
        constraint=held,
    )
    if split:
        yield from _split(pieces, ask, tokenizer)
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


def newest(
    turns: list[dict[str, Any]], limit: int, count: Callable[[list[dict[str, Any]]], list[int]]
) -> tuple[list[dict[str, Any]], list[int]]:
    """The turns that are left when the oldest go until at most `limit` tokens are left, and their tokens.

    System turns and the last turn always stay, and a tool's result is not parted from the turn that called it.
    count: the tokens of some turns.  Source: Ollama, server/prompt.go, chatPrompt.

    >>> talk = [{"role": role} for role in ("system", "user", "assistant", "user")]
    >>> [turn["role"] for turn in newest(talk, 2, lambda some: [0] * len(some))[0]]
    ['system', 'user']
    """
    kept, ids = turns, count(turns)
    for first in range(1, len(turns)):
        if len(ids) <= limit:
            break
        start = first
        while start > 0 and turns[start]["role"] == "tool":
            start -= 1
        start = start if turns[start]["role"] == "assistant" else first
        kept = [turn for turn in turns[:start] if turn["role"] == "system"] + turns[start:]
        ids = count(kept)
    return kept, ids


def _turn(turn: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": SPEAKER.get(turn.role, turn.role), "content": turn.content}
    return {**plain, "calls": [call_text(call.name, call.arguments) for call in turn.calls]} if turn.calls else plain


@dataclass
class _Speaker:
    """Where one choice is: still in its working, or in its answer, or past its end."""

    finder: StopFinder
    calls: CallReader
    working: bool
    done: bool = False


def _split(pieces: Iterator[Piece], ask: Ask, tokenizer: Tokenizer) -> Iterator[Part]:
    """Split each choice into working, answer and calls, and look for stop strings in the answers only."""
    from labkit.lm.stops import StopFinder

    names = {id: content for content, id in tokenizer.special.items()}
    tools = ask.open_tools
    speakers = [_Speaker(StopFinder(ask.stop), CallReader(tools), ask.thinking) for _ in range(ask.n)]
    for piece in pieces:
        speaker = speakers[piece.choice]
        if speaker.done:
            continue
        special = names.get(piece.token_ids[0], "") if piece.token_ids else ""
        was_working, working, text = speaker.working, "", piece.text
        if special == "</think>":
            before, _, text = text.partition("</think>")
            working, speaker.working = (before if was_working else ""), False
        elif was_working:
            working, text = text, ""
        in_call = speaker.calls.inside
        text, calls = speaker.calls.push("" if was_working else special, text)
        in_call = in_call or speaker.calls.inside
        text = speaker.finder.push(text)
        reason: str | None = piece.finish_reason
        if speaker.finder.found:
            reason = "stop"
        elif reason:
            text += speaker.finder.close()
            if reason == "stop" and speaker.calls.count and not speaker.calls.inside:
                reason = "tool_calls"
        speaker.done = reason is not None
        count = len(piece.token_ids)
        shares = () if in_call else _shares(piece, tokenizer.token_bytes)
        thought, stop = count if was_working else 0, speaker.finder.stop
        yield Part(piece.choice, working, text, count, thought, shares, reason, calls, stop)
        if all(each.done for each in speakers):
            return


def _shares(piece: Piece, bytes_of: Callable[[int], bytes]) -> tuple[TokenShare, ...]:
    return tuple(
        TokenShare(
            bytes_of(one.token_id),
            one.logprob,
            tuple((bytes_of(id), share) for id, share in one.top),
            one.token_id,
            tuple(id for id, _ in one.top),
        )
        for one in piece.logprobs or ()
    )

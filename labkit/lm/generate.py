"""The loop from a prompt to a text: cache, draws, stop strings, several choices at once.

It puts `model`, `tokens`, `sampler`, `exact` and `constrain` together and still knows nothing of HTTP. The local server
and the lessons call it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labkit.errors import ModelFileError, ParameterError
from labkit.lm.constrain import Constraint, Guide
from labkit.lm.exact import FLOAT32_ERROR, decide, decide_rows
from labkit.lm.files import RESTORE
from labkit.lm.model import Cache, Model
from labkit.lm.sampler import Sampling, adjusted, log_softmax
from labkit.lm.stops import StopFinder
from labkit.lm.tokens import CONTROL, TextStream, Tokenizer

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class TokenLogprob:
    """What the model itself thought of one token: its own distribution, before bias, penalties and temperature.

    logprob: natural logarithm, rounded to 8 decimals so that it prints alike everywhere.  top: the most likely
    tokens of that step as (id, logprob), most likely first.
    That these are the untouched distribution's is vLLM's rule (`raw_logprobs`); OpenAI's reference does not say.
    """

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """A step of one choice's text. All pieces of a choice joined are its text; the last has a finish_reason.

    text: may be '' while a character or a possible stop string is incomplete, and may then come with a later piece.
    token_ids: the tokens drawn since the choice's last piece; those of a stop string are here, though their text is
    not; the token that ended the turn is not.  logprobs: one for each of token_ids, or None when not asked for.
    finish_reason: 'stop' for the end of the turn or a stop string, 'length' at max_tokens or when the window is full.
    """

    choice: int
    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None
    finish_reason: FinishReason | None = None


def uniform(key: bytes, choice: int, step: int) -> float:
    """The random number in [0, 1) for one step of one choice: the first 53 bits of BLAKE2b over all three.

    Counter-based, as in Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3": no state, so choices do
    not disturb each other, and the same on every platform.

    >>> uniform(b"seed 7", 0, 0) == uniform(b"seed 7", 0, 0) != uniform(b"seed 7", 1, 0)
    True
    """
    message = choice.to_bytes(8, "big") + step.to_bytes(8, "big") + key
    digest = hashlib.blake2b(message, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53


@dataclass
class _Choice:
    """One text in the making."""

    index: int
    finder: StopFinder
    stream: TextStream = field(default_factory=TextStream)
    ids: list[int] = field(default_factory=list)
    counts: NDArray[np.float64] | None = None
    seen: NDArray[np.bool_] | None = None
    guide: Guide | None = None


class LanguageModel:
    """A model, its tokenizer and its name: text from a prompt."""

    def __init__(self, name: str, model: Model, tokenizer: Tokenizer) -> None:
        if tokenizer.vocab_size != model.config.vocab_size:
            what = f"the tokenizer has {tokenizer.vocab_size} tokens, the model {model.config.vocab_size}"
            raise ModelFileError(what, where=name, right="Both must come from the same folder", do=RESTORE)
        self.name, self.model, self.tokenizer = name, model, tokenizer
        self._ends = {id for content, id in tokenizer.special.items() if content in CONTROL}

    def __repr__(self) -> str:
        return f"<LanguageModel {self.name!r}, window {self.window} tokens>"

    @property
    def window(self) -> int:
        """How many tokens prompt and answer may have together."""
        return self.model.config.max_position_embeddings

    def generate(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        key: bytes = b"",
        logprobs: int | None = None,
        constraint: Constraint | None = None,
    ) -> Iterator[Piece]:
        """Continue a prompt `n` times, piece by piece, the choices in step.

        prompt_ids: at least one, fewer than the window.  max_tokens: at most so many for each choice; None goes on to
        the end of the window.  stop: strings that end a choice and are not part of it.  key: what the draws derive
        from; choice i of a key is the same text for every n.  logprobs: None, or how many alternatives to report beside
        each token's own.  constraint: what the text must be (`labkit.lm.constrain`); it must not need a banned token.
        The text depends on the arguments alone: not on processor, BLAS, threads or n. With logprobs all is computed
        in float64. Closing the iterator stops the work.
        Raises ParameterError at the call for arguments out of range.
        """
        prompt = [int(id) for id in prompt_ids]
        sampling = Sampling() if sampling is None else sampling
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        room = self.window - len(prompt)
        if not prompt or room < 1:
            what = f"the prompt has {len(prompt)} tokens"
            raise ParameterError(
                what, where="prompt_ids", right=f"From 1 to {self.window - 1} fit, and leave room for one"
            )
        if min(prompt) < 0 or max(prompt) >= self.tokenizer.vocab_size:
            right = f"Ids go from 0 to {self.tokenizer.vocab_size - 1}"
            raise ParameterError("an id is not in the vocabulary", where="prompt_ids", right=right)
        for name, value in (("n", n), ("max_tokens", room if max_tokens is None else max_tokens)):
            if not _whole(value, 1):
                raise ParameterError(f"{value!r} is out of range", where=name, right="Give a whole number, 1 or more")
        if logprobs is not None and not (_whole(logprobs, 0) and logprobs <= self.tokenizer.vocab_size):
            raise ParameterError(f"{logprobs!r} is out of range", where="logprobs", right="Give None or 0 or more")
        if not all(isinstance(text, str) and text for text in stops):
            raise ParameterError("a stop string is empty", where="stop", right="Give strings of one character or more")
        for name, ids in (("logit_bias", sampling.logit_bias), ("ban", sampling.ban)):
            outside = [id for id in ids if not 0 <= id < self.tokenizer.vocab_size]
            if outside:
                right = f"Ids go from 0 to {self.tokenizer.vocab_size - 1}"
                raise ParameterError(f"no token has the id {outside[0]}", where=name, right=right)
        limit = room if max_tokens is None else min(max_tokens, room)
        return self._pieces(prompt, sampling, n, limit, stops, bytes(key), logprobs, constraint)

    def _pieces(
        self,
        prompt: list[int],
        sampling: Sampling,
        n: int,
        limit: int,
        stops: tuple[str, ...],
        key: bytes,
        logprobs: int | None,
        constraint: Constraint | None,
    ) -> Iterator[Piece]:
        dtype = np.float32 if logprobs is None else np.float64
        choices = [_Choice(index, StopFinder(stops)) for index in range(n)]  # choices[row] is row `row` of the cache
        if sampling.penalises:
            for choice in choices:
                choice.counts = np.zeros(self.tokenizer.vocab_size)
                choice.seen = choice.counts > 0
                choice.seen[prompt] = True
        if constraint:
            for choice in choices:
                choice.guide = constraint.guide(self.tokenizer, self.window - len(prompt))
        first = self.model.cache(1, len(prompt), dtype)
        logits = np.repeat(self.model.step([prompt], first), n, axis=0)
        cache = first.repeated(n, len(prompt) + limit)
        exact = _ExactLogits(self.model, prompt, len(prompt) + limit)
        banned = sorted(sampling.ban)
        for step in range(limit):
            finished: list[int] = []
            us = [uniform(key, choice.index, step) for choice in choices]
            allowed = [choice.guide.allowed() if choice.guide else None for choice in choices]
            tokens, certain = [0] * len(choices), [False] * len(choices)
            if dtype == np.float32:
                tokens, certain = decide_rows(
                    _after_all(logits, choices, sampling, banned, allowed), sampling, us, FLOAT32_ERROR
                )
            for row, choice in enumerate(choices):
                token, values = tokens[row], logits[row]
                if not certain[row]:
                    token, values = _choose(values, choice, sampling, us[row], allowed[row], exact)
                piece = self._advance(choice, token, limit)
                if logprobs is not None and piece.token_ids:
                    piece = Piece(
                        piece.choice,
                        piece.text,
                        piece.token_ids,
                        (_logprob(values, token, logprobs),),
                        piece.finish_reason,
                    )
                yield piece
                if piece.finish_reason:
                    finished.append(row)
            for row in reversed(finished):
                cache.drop(row)
                choices[row] = choices[-1]
                choices.pop()
            if not choices:
                return
            logits = self.model.step([[choice.ids[-1]] for choice in choices], cache)

    def _advance(self, choice: _Choice, token: int, limit: int) -> Piece:
        """Add a token to a choice and say what that releases."""
        if token in self._ends:
            return Piece(choice.index, self._rest(choice), finish_reason="stop")
        choice.ids.append(token)
        if choice.guide:
            choice.guide.take(token)
        if choice.counts is not None and choice.seen is not None:
            choice.counts[token] += 1
            choice.seen[token] = True
        text = choice.finder.push(choice.stream.push(self.tokenizer.token_bytes(token)))
        reason: FinishReason | None = None
        if choice.finder.found:
            reason = "stop"
        elif len(choice.ids) == limit:
            text += self._rest(choice)
            reason = "stop" if choice.finder.found else "length"
        return Piece(choice.index, text, (token,), finish_reason=reason)

    @staticmethod
    def _rest(choice: _Choice) -> str:
        return choice.finder.push(choice.stream.close()) + choice.finder.close()


class _ExactLogits:
    """Float64 logits of the choices of one prompt, for the steps that float32 cannot decide.

    Each choice's float64 cache begins at its first such step and catches up at the next, so that a text in which many
    steps are undecided (a flat distribution) costs about twice the time, not the square of its length.
    """

    def __init__(self, model: Model, prompt: list[int], capacity: int) -> None:
        self._model, self._prompt, self._capacity = model, prompt, capacity
        self._first: tuple[Cache, NDArray[Any]] | None = None
        self._caches: dict[int, Cache] = {}

    def after(self, choice: _Choice) -> NDArray[Any]:
        """The logits (V,) after a choice's tokens so far; to be asked once a step at most."""
        if self._first is None:
            cache = self._model.cache(1, len(self._prompt), np.float64)
            self._first = cache, self._model.step([self._prompt], cache)[0]
        cache, logits = self._first
        if not choice.ids:
            return logits  # every choice begins after the same prompt
        if choice.index not in self._caches:
            self._caches[choice.index] = cache.repeated(1, self._capacity)
        cache = self._caches[choice.index]
        row: NDArray[Any] = self._model.step([choice.ids[cache.length - len(self._prompt) :]], cache)[0]
        return row


def _after_all(
    logits: NDArray[Any],
    choices: list[_Choice],
    sampling: Sampling,
    banned: list[int],
    allowed: list[NDArray[np.bool_] | None],
) -> NDArray[Any]:
    """The logits (B, V) of all choices after bias, bans, penalties and constraint."""
    if sampling.logit_bias or sampling.penalises:
        rows = zip(logits, choices, strict=True)
        values = np.stack([adjusted(row, sampling, choice.counts, choice.seen) for row, choice in rows])
    else:
        values = logits.copy()
        values[:, banned] = -np.inf
    for row, mask in enumerate(allowed):
        if mask is not None:
            values[row, ~mask] = -np.inf
    return values


def _choose(
    logits: NDArray[Any],
    choice: _Choice,
    sampling: Sampling,
    u: float,
    allowed: NDArray[np.bool_] | None,
    exact: _ExactLogits,
) -> tuple[int, NDArray[Any]]:
    """The next token of a choice and the logits that chose it: those given, or exact ones where these cannot tell."""
    error = FLOAT32_ERROR if logits.dtype == np.float32 else 0.0
    token, certain = decide(_masked(logits, allowed), sampling, u, error=error, counts=choice.counts, seen=choice.seen)
    if not certain:
        logits = exact.after(choice)
        token, _ = decide(_masked(logits, allowed), sampling, u, counts=choice.counts, seen=choice.seen)
    return token, logits


def _masked(logits: NDArray[Any], allowed: NDArray[np.bool_] | None) -> NDArray[Any]:
    return logits if allowed is None else np.where(allowed, logits, -np.inf)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _logprob(logits: NDArray[Any], token: int, n_top: int) -> TokenLogprob:
    logs = log_softmax(logits)
    order = np.argsort(-logs, kind="stable")[:n_top]
    return TokenLogprob(
        token, round(float(logs[token]), 8), tuple((int(id), round(float(logs[id]), 8)) for id in order)
    )

"""Text of a given form: which tokens may come next, so that an answer becomes the JSON or the call that was asked for.

A `Constraint` is the plan for an answer: a grammar, and the special tokens after which it holds. A `Guide` follows one
choice and says at each step which tokens keep the grammar. The model's own logits decide among them: all others get
-inf before anything else happens to a distribution. The grammar's work (JSON Schema, masks) is llguidance's; nothing of
it depends on logits, so the rule that a text is the same everywhere holds with a constraint as without.

A small model can lose itself in a string or a number that need not end. So after `LAND_AFTER` tokens, or where the
window comes to its end, the guide allows only what closes the innermost string, list or object, as long as the grammar
lets it; and a number gets no exponent and, unless the grammar needs them, no more than `DIGITS` digits.
Source: Willard & Louf 2023, arXiv:2307.09702; https://github.com/guidance-ai/llguidance (docs/syntax.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labkit.errors import LabError, ParameterError
from labkit.lm.tokens import Tokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

LAND_AFTER = 320
"""Tokens under a constraint, after which the shortest way out is taken."""
LANDING_ROOM = 64
"""Tokens of the window that are kept for that way."""
DIGITS = 12
"""Digits of a number, so that every reader of JSON can hold it."""
WHITE_SPACE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON is written as Python's json.dumps writes it, in one line."""

Mask = NDArray[np.bool_]


class GrammarError(LabError):
    """A schema that no text can meet, or that the grammar library cannot serve."""


@dataclass(frozen=True)
class Constraint:
    """What an answer must be. Make one with `constrain`.

    grammar: in llguidance's Lark.  after: special tokens; the grammar holds once all came, in this order; until
    then the text is free, but a later one of them cannot come before an earlier one.  inside: tokens that come only
    where the grammar holds.
    """

    grammar: str
    after: tuple[int, ...] = ()
    inside: tuple[int, ...] = ()

    def guide(self, tokenizer: Tokenizer, room: int) -> Guide:
        """A guide for one choice that has `room` tokens of the window."""
        return Guide(tokenizer, self, room)


def constrain(tokenizer: Tokenizer, grammar: str, after: Sequence[int] = (), inside: Sequence[int] = ()) -> Constraint:
    """A constraint whose grammar is sound. Raises GrammarError, in the library's words."""
    from llguidance import LLMatcher

    wrong, words = LLMatcher.validate_grammar_with_warnings(grammar, _known(tokenizer).inner)
    if wrong:
        first = (words[0] if words else "").splitlines()[:1] or ["the grammar is not sound"]
        raise GrammarError(re.sub(r"^at \d+\(\d+\): (failed to compile JSON schema: )?", "", first[0]))
    return Constraint(grammar, tuple(after), tuple(inside))


def json_rule(schema: Mapping[str, Any], *, lenient: bool = False) -> str:
    """The right side of a Lark rule for JSON that `schema` accepts. lenient: leave out keywords it cannot follow."""
    options = {**WHITE_SPACE, "lenient": lenient}
    return f"%json {json.dumps({**schema, 'x-guidance': options}, ensure_ascii=True)}"


def literal(text: str) -> str:
    """`text` as a Lark string."""
    return json.dumps(text, ensure_ascii=False)


class Guide:
    """Follows one choice, token by token: `allowed` before each draw, `take` after it."""

    def __init__(self, tokenizer: Tokenizer, constraint: Constraint, room: int) -> None:
        self._known = _known(tokenizer)
        self._constraint = constraint
        self._waiting = list(constraint.after)
        special = tokenizer.special
        self._closing, self._ends = special["</think>"], [special["<|im_end|>"], special["<|endoftext|>"]]
        self._matcher: LLMatcher | None = None
        self._scan = _Scan()
        self._land_in = LAND_AFTER
        self._room = room - LANDING_ROOM
        if not self._waiting:
            self._begin()

    def allowed(self) -> Mask:
        """The tokens that may come, (V,)."""
        if self._matcher is None:
            later = {*self._waiting[1:], *self._constraint.inside} - {self._waiting[0]}
            mask = np.ones(self._known.size, bool)
            mask[list(later)] = False
            if self._waiting[0] == self._closing:  # an answer that is held to something does not end in its working
                mask[self._ends] = False
            return mask
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        if self._matcher.is_error():
            raise ParameterError(
                f"the grammar cannot be followed further ({self._matcher.get_error().splitlines()[0]})",
                where="constraint",
                right="A simpler schema can be",
            )
        mask = np.unpackbits(bits, bitorder="little")[: self._known.size].astype(bool)
        if self._scan.digits:
            mask = self._shorter(mask)
        return self._landing(mask) if self._land_in <= 0 or self._room <= 0 else mask

    def take(self, token: int) -> None:
        """Follow the token that was drawn."""
        self._room -= 1
        if self._matcher is None:
            if token == self._waiting[0]:
                self._waiting.pop(0)
                if not self._waiting:
                    self._begin()
            return
        self._land_in -= 1
        self._scan.read(self._known.texts[token])
        self._matcher.consume_token(token)

    def _begin(self) -> None:
        from llguidance import LLMatcher

        self._matcher = LLMatcher(self._known.inner, self._constraint.grammar, log_level=0)

    def _shorter(self, mask: Mask) -> Mask:
        """Of the tokens allowed after a digit, those that keep the number readable."""
        mask = mask & ~self._known.exponents
        if self._scan.digits < DIGITS:
            return mask
        others: Mask = mask & ~self._known.numerals
        return others if others.any() else mask

    def _landing(self, mask: Mask) -> Mask:
        """Of the tokens allowed, those that lead to the end: the end itself, then what closes, then a quote."""
        ways = (self._known.quotes,) if self._scan.in_string else (self._known.closers, self._known.quotes)
        for way in (self._known.end, *ways):
            if (mask & way).any():
                nearer: Mask = mask & way
                return nearer
        return mask


class _Scan:
    """Where the JSON read so far stops: inside a string, or after how many digits of a number."""

    def __init__(self) -> None:
        self.in_string = self._escaped = False
        self.digits = 0

    def read(self, data: bytes) -> None:
        for byte in data:
            if self._escaped:
                self._escaped = False
            elif self.in_string and byte == 0x5C:  # a backslash
                self._escaped = True
            elif byte == 0x22:  # a quote
                self.in_string = not self.in_string
            if self.in_string or byte not in b"0123456789.":
                self.digits = 0
            elif byte != 0x2E:
                self.digits += 1


@dataclass(frozen=True)
class _Known:
    """A tokenizer as llguidance wants it, and its tokens in the kinds that landing tells apart; masks (V,)."""

    inner: LLTokenizer
    texts: tuple[bytes, ...]
    end: Mask
    closers: Mask
    quotes: Mask
    numerals: Mask
    exponents: Mask

    @property
    def size(self) -> int:
        return len(self.texts)


class _Vocabulary:
    """What llguidance asks of a tokenizer."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = tokenizer.special["<|im_end|>"]
        self.special_token_ids = sorted(tokenizer.special.values())
        self.tokens = [tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]

    def __call__(self, text: str | bytes) -> list[int]:
        return self._tokenizer.encode(text if isinstance(text, str) else text.decode())


@lru_cache(maxsize=4)
def _known(tokenizer: Tokenizer) -> _Known:
    from llguidance import LLTokenizer, TokenizerWrapper

    vocabulary = _Vocabulary(tokenizer)
    texts = tuple(vocabulary.tokens)
    special = set(tokenizer.special.values())
    plain = [b"" if id in special else text for id, text in enumerate(texts)]
    closers = np.array([bool(text) and not text.strip(b"}]") for text in plain])
    quotes = np.array([text.startswith(b'"') and not text[1:].strip(b"}]") for text in plain])
    numerals = np.array([text[:1].isdigit() for text in plain])
    exponents = np.array([text[:1] in (b"e", b"E") for text in plain])
    end = np.arange(len(texts)) == vocabulary.eos_token_id
    return _Known(LLTokenizer(TokenizerWrapper(vocabulary)), texts, end, closers, quotes, numerals, exponents)

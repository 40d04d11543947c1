"""What a corpus is made of: turns of a chat, or raw text.

A skill returns an `Exchange`: a question with an answer, and what is needed to give the same answer in other styles.
`compose` puts exchanges together to `Chat`s.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """One message. `think` is the working an assistant may write first; empty where there is none."""

    role: str
    text: str
    think: str = ""


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, as a skill makes them.

    short: the answer in a word or two, where there is one.  french: the answer in French, where there is one.
    before: turns that come first.  system: a system prompt that belongs to it.  check: what a right answer contains.
    solo: whether it is asked as it is, in no style of `compose`.  later: whether other turns may come between its
    system prompt and it.  further: turns that may come after it: more about a text that costs many tokens to read, or
    more questions under the same rule.
    """

    ask: str
    answer: str
    think: str = ""
    short: str = ""
    french: str = ""
    before: tuple[Turn, ...] = ()
    system: str = ""
    check: str = ""
    solo: bool = False
    further: tuple[Turn, ...] = ()
    later: bool = False


@dataclass(frozen=True)
class Chat:
    """A whole conversation; every assistant turn in it is learned."""

    turns: tuple[Turn, ...] = field(default_factory=tuple)

    def pieces(self, think_last: bool = False) -> list[tuple[str, bool]]:
        """The chat in ChatML as (text, learned) pieces. Only the last answer may show its working."""
        pieces: list[tuple[str, bool]] = []
        for place, turn in enumerate(self.turns):
            if turn.role != "assistant":
                pieces.append((f"<|im_start|>{turn.role}\n{turn.text}<|im_end|>\n", False))
                continue
            shown = think_last and place == len(self.turns) - 1 and bool(turn.think)
            text = f"<think>{turn.think}</think>{turn.text}" if shown else turn.text
            pieces += [("<|im_start|>assistant\n", False), (text + "<|im_end|>", True), ("\n", False)]
        return pieces


@dataclass(frozen=True)
class Raw:
    """Text without chat markup, for plain completion.

    parts: what comes before the text as (text, learned) pieces, where not all is to be learned.
    """

    text: str = ""
    parts: tuple[tuple[str, bool], ...] = ()

    def pieces(self, think_last: bool = False) -> list[tuple[str, bool]]:
        return [*self.parts, (self.text + "<|endoftext|>", True)]

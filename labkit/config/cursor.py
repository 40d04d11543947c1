"""The place in a YAML text: spaces, comments, line breaks and the error that names line and column.

The rules of this module, `styles` and `parse` are those of js-yaml 4.3.1 (https://github.com/nodeca/js-yaml, MIT
licence, copyright 2011-2015 Vitaly Puzrin), followed step by step, since what it takes and refuses differs from what
other readers do. Positions are offsets into the text, with a NUL after its end.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

SPACE = " \t"
BREAK = "\n\r"
BLANK = " \t\n\r"
FLOW = ",[]{}"

_SPACES = re.compile(r"[ \t]*")
_INDENT = re.compile(r" *")
_COMMENT = re.compile(r"[^\n\r\0]*")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BELOW_SPACE = re.compile("[\x00-\x08\x0a-\x1f]")


class YamlError(Exception):
    """The text is not YAML as js-yaml reads it. `position` is an offset into the text.

    twice: of a key that stands twice its name and the offset of the first; js-yaml does not say.
    """

    def __init__(self, problem: str, position: int, twice: tuple[str, int] | None = None) -> None:
        super().__init__(problem)
        self.problem, self.position, self.twice = problem, position, twice


class Cursor:
    """A position in a text, and what is known of its line."""

    def __init__(self, text: str) -> None:
        if text and text[-1] not in BREAK:
            text += "\n"
        self.length = len(text)
        self.input = text + "\0\0\0\0"
        self.position = 0
        self.line = 0
        self.line_start = 0
        self.line_indent = 0
        self.first_tab = -1  # of the current line: a tab may not indent
        self.result: Any = None  # of a scalar: its text so far
        null = text.find("\0")
        if null != -1:
            raise YamlError("null byte is not allowed in input", null)

    def fail(self, problem: str, position: int | None = None) -> NoReturn:
        raise YamlError(problem, self.position if position is None else position)

    def read_break(self) -> None:
        char = self.input[self.position]
        if char == "\n":
            self.position += 1
        elif char == "\r":
            self.position += 2 if self.input[self.position + 1] == "\n" else 1
        else:
            self.fail("a line break is expected")
        self.line += 1
        self.line_start = self.position
        self.first_tab = -1

    def skip_spaces(self) -> None:
        end = _SPACES.match(self.input, self.position).end()  # type: ignore[union-attr]
        if self.first_tab == -1 and end > self.position:
            self.first_tab = self.input.find("\t", self.position, end)
        self.position = end

    def separate(self, comments: bool) -> int:
        """Skip spaces, line breaks and, if asked, comments; the number of line breaks passed."""
        text, breaks = self.input, 0
        while True:
            char = text[self.position]
            if char in SPACE:
                self.skip_spaces()
                char = text[self.position]
            if comments and char == "#":
                self.position = _COMMENT.match(text, self.position).end()  # type: ignore[union-attr]
                char = text[self.position]
            if char not in BREAK:
                return breaks
            self.read_break()
            breaks += 1
            end = _INDENT.match(text, self.position).end()  # type: ignore[union-attr]
            self.line_indent, self.position = end - self.position, end

    def at_separator(self) -> bool:
        """Whether `---` or `...` stands here; the caller knows that a line begins."""
        text, at = self.input, self.position
        return text.startswith(("---", "..."), at) and text[at + 3] in "\0 \t\n\r"

    def capture(self, start: int, end: int, json: bool = False) -> None:
        """Add text[start:end] to the scalar; refuses what may not stand in one."""
        if start < end:
            piece = self.input[start:end]
            if (_BELOW_SPACE if json else _UNPRINTABLE).search(piece):
                self.fail("expected valid JSON character" if json else "the stream contains non-printable characters")
            self.result += piece

    def fold(self, breaks: int) -> None:
        """One line break is a space, more are one fewer."""
        self.result += " " if breaks == 1 else "\n" * (breaks - 1)

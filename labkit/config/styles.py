"""The styles of a YAML scalar: plain, single quoted, double quoted, block; by js-yaml's rules (see `cursor`)."""

from __future__ import annotations

import re

from labkit.config.cursor import BLANK, BREAK, FLOW, SPACE, Cursor

_NOT_PLAIN = frozenset(" \t\n\r,[]{}#&*!|>'\"%@`\0")
_RUN = re.compile(r"[^ \t\n\r:#\0]+")
_FLOW_RUN = re.compile(r"[^ \t\n\r:#,\[\]{}\0]+")
_SINGLE_RUN = re.compile(r"[^ \t\n\r'\0]+")
_DOUBLE_RUN = re.compile(r'[^ \t\n\r"\\\0]+')
_LINE = re.compile(r"[^\n\r\0]*")
_HEX = re.compile(r"[0-9a-fA-F]*")
_ESCAPES = dict(zip('0abt\tnvfre "/\\N_LP', '\0\a\b\t\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True))
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}


class Scalars(Cursor):
    """Reads one scalar at the position; False when none of that style begins there. `end` is where its text ends."""

    kind: str | None = None
    end = 0

    def plain(self, node_indent: int, in_flow: bool) -> bool:
        text, char = self.input, self.input[self.position]
        if char in _NOT_PLAIN and char != "\0":
            return False
        if char in "?-":
            following = text[self.position + 1]
            if following in BLANK or (in_flow and following in FLOW):
                return False
        before, self.kind, self.result = (self.kind, self.result), "scalar", ""
        start = end = self.position
        pending, line = False, self.line
        run = _FLOW_RUN if in_flow else _RUN
        while (char := text[self.position]) != "\0":
            if char == ":":
                following = text[self.position + 1]
                if following in BLANK or (in_flow and following in FLOW):
                    break
            elif char == "#":
                if text[self.position - 1] in BLANK:
                    break
            elif (self.position == self.line_start and self.at_separator()) or (in_flow and char in FLOW):
                break
            elif char in BREAK:
                kept = self.line, self.line_start, self.line_indent
                self.separate(comments=False)
                if self.line_indent >= node_indent:
                    if not pending:
                        line = kept[0]
                    pending = True
                    continue
                self.position = end
                self.line, self.line_start, self.line_indent = kept
                break
            if pending:
                self.capture(start, end)
                self.fold(self.line - line)
                start = end = self.position
                pending = False
            if char in SPACE:
                self.position += 1
            else:
                match = run.match(text, self.position)
                self.position = end = match.end() if match else self.position + 1
        self.capture(start, end)
        if self.result:
            self.end = end
            return True
        self.kind, self.result = before
        return False

    def single_quoted(self) -> bool:
        text = self.input
        if text[self.position] != "'":
            return False
        self.kind, self.result = "scalar", ""
        self.position += 1
        start = end = self.position
        while (char := text[self.position]) != "\0":
            if char == "'":
                self.capture(start, self.position, json=True)
                self.position += 1
                if text[self.position] != "'":
                    self.end = self.position
                    return True
                start = self.position
                self.position += 1
                end = self.position
            elif char in BREAK:
                self.capture(start, end, json=True)
                self.fold(self.separate(comments=False))
                start = end = self.position
            elif self.position == self.line_start and self.at_separator():
                self.fail("unexpected end of the document within a single quoted scalar")
            elif char in SPACE:
                self.position += 1
            else:
                self.position = end = _SINGLE_RUN.match(text, self.position).end()  # type: ignore[union-attr]
        self.fail("unexpected end of the stream within a single quoted scalar")

    def double_quoted(self) -> bool:
        text = self.input
        if text[self.position] != '"':
            return False
        self.kind, self.result = "scalar", ""
        self.position += 1
        start = end = self.position
        while (char := text[self.position]) != "\0":
            if char == '"':
                self.capture(start, self.position, json=True)
                self.position += 1
                self.end = self.position
                self.result = _whole(self.result)
                return True
            if char == "\\":
                self.capture(start, self.position, json=True)
                self.position += 1
                self._escape()
                start = end = self.position
            elif char in BREAK:
                self.capture(start, end, json=True)
                self.fold(self.separate(comments=False))
                start = end = self.position
            elif self.position == self.line_start and self.at_separator():
                self.fail("unexpected end of the document within a double quoted scalar")
            elif char in SPACE:
                self.position += 1
            else:
                self.position = end = _DOUBLE_RUN.match(text, self.position).end()  # type: ignore[union-attr]
        self.fail("unexpected end of the stream within a double quoted scalar")

    def _escape(self) -> None:
        char = self.input[self.position]
        if char in BREAK:
            self.separate(comments=False)
        elif char in _ESCAPES:
            self.result += _ESCAPES[char]
            self.position += 1
        elif char in _HEX_LENGTH:
            first, length = self.position + 1, _HEX_LENGTH[char]
            digits = _HEX.match(self.input, first, first + length).group()  # type: ignore[union-attr]
            if len(digits) < length:
                self.fail("expected hexadecimal character", first + len(digits))
            self.result += _char(int(digits, 16))
            self.position = first + length
        else:
            self.fail("unknown escape sequence")

    def block(self, node_indent: int) -> bool:
        text, style = self.input, self.input[self.position]
        if style not in "|>":
            return False
        self.kind, self.result = "scalar", ""
        chomping, indented, text_indent = self._header(node_indent)
        empty, did_read, more_indented = 0, False, False
        self.end = self.position
        while text[self.position] != "\0":
            self.read_break()
            self.line_indent = 0
            while (not indented or self.line_indent < text_indent) and text[self.position] == " ":
                self.line_indent += 1
                self.position += 1
            if not indented and self.line_indent > text_indent:
                text_indent = self.line_indent
            char = text[self.position]
            if char in BREAK:
                empty += 1
                continue
            if not indented and text_indent == 0:
                self.fail("missing indentation for block scalar")
            if self.line_indent < text_indent:
                if chomping == "+":
                    self.result += "\n" * (1 + empty if did_read else empty)
                elif not chomping and did_read:
                    self.result += "\n"
                break
            if style == "|":
                self.result += "\n" * (1 + empty if did_read else empty)
            elif char in SPACE:
                more_indented = True
                self.result += "\n" * (1 + empty if did_read else empty)
            elif more_indented:
                more_indented = False
                self.result += "\n" * (empty + 1)
            elif empty == 0:
                self.result += " " if did_read else ""
            else:
                self.result += "\n" * empty
            did_read = indented = True
            empty = 0
            start = self.position
            self.position = _LINE.match(text, start).end()  # type: ignore[union-attr]
            self.capture(start, self.position)
            self.end = self.position
        return True

    def _header(self, node_indent: int) -> tuple[str, bool, int]:
        """After `|` or `>`: how the end is chomped ('' keeps one break), whether the indentation is given, and it."""
        text, chomping, indented, text_indent = self.input, "", False, node_indent
        while True:
            self.position += 1
            char = text[self.position]
            if char in "+-":
                if chomping:
                    self.fail("repeat of a chomping mode identifier")
                chomping = char
            elif char == "0":
                self.fail("bad explicit indentation width of a block scalar; it cannot be less than one")
            elif "1" <= char <= "9":
                if indented:
                    self.fail("repeat of an indentation width identifier")
                text_indent, indented = node_indent + int(char) - 1, True
            else:
                break
        if char in SPACE:
            while text[self.position] in SPACE:
                self.position += 1
            if text[self.position] == "#":
                self.position = _LINE.match(text, self.position).end()  # type: ignore[union-attr]
        return chomping, indented, text_indent


def _char(code: int) -> str:
    """A character by its number, in JavaScript's 32-bit arithmetic: beyond Unicode it is nonsense, not an error."""
    code = code - 2**32 if code >= 2**31 else code
    if code <= 0xFFFF:
        return chr(code & 0xFFFF)
    high, low = ((code - 0x10000) >> 10) + 0xD800, ((code - 0x10000) & 0x3FF) + 0xDC00
    return chr(high & 0xFFFF) + chr(low)


def _whole(text: str) -> str:
    """Halves of a character written as two escapes become one; a half alone becomes the replacement character."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

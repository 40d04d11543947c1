"""Byte-level BPE: from text to token ids and back.

Four steps, each a function that can be called alone:

    text --pieces--> pieces --utf-8--> bytes --merges--> tokens --vocabulary--> ids

It owns the file format (Hugging Face's tokenizer.json) and knows nothing of models or chat. The model's
server, the notebook about tokens and `training/` call it. The file it writes is read, with the same ids,
by the `tokenizers` library; the tests hold it against that library.

Sources: Sennrich et al. 2016, arXiv:1508.07909 (BPE for words); Radford et al. 2019, "Language Models are
Unsupervised Multitask Learners", 2.2 (on bytes, with the pattern below).
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit.errors import ModelFileError, ParameterError
from labkit.lm.merges import BYTE_ORDER, learn_merges, merge, merge_long

__all__ = ["BYTE_ORDER", "SPECIAL", "TextStream", "Tokenizer", "learn_merges", "merge", "merge_long", "pieces"]

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>")
"""The lab models' special tokens; the place is the id."""
CONTROL = frozenset(SPECIAL[:3])
"""Those that never show in text. The other four are markup that the model writes and a reader may want to see."""

# A vocabulary file is JSON, so each byte needs a printable character. GPT-2's choice: bytes that print stand for
# themselves, the others for the characters from U+0100 on.
_N_PRINTABLE = 188  # how many of BYTE_ORDER print
_CHAR_OF_BYTE = {byte: chr(byte) for byte in BYTE_ORDER[:_N_PRINTABLE]}
_CHAR_OF_BYTE |= {byte: chr(256 + i) for i, byte in enumerate(BYTE_ORDER[_N_PRINTABLE:])}
_BYTE_OF_CHAR = {char: byte for byte, char in _CHAR_OF_BYTE.items()}

_SHORT = 64  # characters of a piece; longer ones are rare and merged in another way

_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}


# --- text to pieces ---------------------------------------------------------------------------------------------


class _StandIns(dict[int, str]):
    """Code point -> an ASCII character of the same class, so that one small ASCII pattern serves all of Unicode."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)[0]
        if code < 128:
            stand_in = char
        elif code in _UNICODE_SPACES:
            stand_in = "\t"
        else:
            stand_in = {"L": "a", "N": "0"}.get(kind, "!")
        self[code] = stand_in
        return stand_in


# Unicode's White_Space property beyond ASCII. str.isspace() would add U+001C to U+001F, which the pattern's \s is not.
_UNICODE_SPACES = {0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
_STAND_INS = _StandIns()
_PIECE = re.compile(
    r"""'(?:s|t|re|ve|m|ll|d)     # an English ending
      | [0-9]                     # one digit: every number is spelt out
      | [ ]?[A-Za-z]+             # a word, with the space before it
      | [ ]?[^\sA-Za-z0-9]+       # other signs, likewise
      | \s+(?![^\s0-9])           # white space, but the last one before a word stays with that word
      | \s+""",
    re.VERBOSE | re.ASCII,
)


def pieces(text: str) -> list[str]:
    """Cut `text` where no token may reach across: words with their leading space, single digits, signs, white space.

    The pieces joined are the text. Numeric characters of every script are cut singly. Letters and digits are
    those of this Python's Unicode tables.
    Source: GPT-2's pattern, github.com/openai/gpt-2/blob/master/src/encoder.py, with single digits first.

    >>> pieces("It's 2 km  away.")
    ['It', "'s", ' ', '2', ' km', ' ', ' away', '.']
    """
    stand_in = text if text.isascii() else text.translate(_STAND_INS)
    return [text[found.start() : found.end()] for found in _PIECE.finditer(stand_in)]


class Tokenizer:
    """Text to ids and back. Ids: the special tokens, then the 256 bytes in `BYTE_ORDER`, then one per merge.

    merges: pairs of tokens in the order learnt.  special: contents of the special tokens, ids from 0.
    """

    def __init__(self, merges: Sequence[tuple[bytes, bytes]], special: Sequence[str] = SPECIAL) -> None:
        self.merges = [(bytes(left), bytes(right)) for left, right in merges]
        self.special = {content: id for id, content in enumerate(special)}
        self._bytes = [content.encode() for content in special] + [bytes([byte]) for byte in BYTE_ORDER]
        self._bytes += [left + right for left, right in self.merges]
        self._ids = {token: id for id, token in enumerate(self._bytes) if id >= len(special)}
        if len(set(self._bytes)) != len(self._bytes):
            twice = next(token for token, count in Counter(self._bytes).items() if count > 1)
            raise ParameterError(f"two merges, or a merge and a special token, make {twice!r}", where="merges")
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._control = {id for content, id in self.special.items() if content in CONTROL}
        longest_first = sorted(special, key=len, reverse=True)
        self._special_pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if special else None
        self._piece_ids = lru_cache(maxsize=50_000)(self._merged_ids)

    def __repr__(self) -> str:
        return f"<Tokenizer {self.vocab_size} tokens, {len(self.special)} of them special>"

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def _merged_ids(self, piece: str) -> tuple[int, ...]:
        tokens = (merge if len(piece) <= _SHORT else merge_long)(piece.encode(), self._ranks)
        return tuple(self._ids[token] for token in tokens)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The token ids of `text`.

        special: True turns '<|im_end|>' and the like into their one id; False, the default, reads them as the
        plain text they are, so that no user can speak in another role's name.
        A surrogate that stands alone, which is no character, is read as U+FFFD.
        """
        text = _without_lone_surrogates(text)
        parts = self._special_pattern.split(text) if special and self._special_pattern else [text]
        ids: list[int] = []
        for place, part in enumerate(parts):
            if place % 2:  # `split` with one group puts what it found at the odd places
                ids.append(self.special[part])
            else:
                for piece in pieces(part):  # most pieces are words that come again and again: those are remembered
                    ids.extend(self._piece_ids(piece) if len(piece) <= _SHORT else self._merged_ids(piece))
        return ids

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """The text of `ids`; bytes that are no UTF-8 become U+FFFD.

        skip_special: leave out <|endoftext|>, <|im_start|> and <|im_end|>. <think> and <tool_call> always show.
        """
        shown = (id for id in ids if not (skip_special and id in self._control))
        return b"".join(map(self.token_bytes, shown)).decode("utf-8", "replace")

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token; they need not be whole characters. Raises ParameterError for an unknown id."""
        if not 0 <= id < len(self._bytes):
            raise ParameterError(
                f"no token has the id {id}", where="id", right=f"Ids go from 0 to {self.vocab_size - 1}"
            )
        return self._bytes[id]

    def save(self, path: str | Path) -> None:
        """Write Hugging Face's tokenizer.json, which the `tokenizers` library reads."""
        model = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {
                **self.special,
                **{_printable(token): id for token, id in self._ids.items()},
            },
            "merges": [[_printable(left), _printable(right)] for left, right in self.merges],
        }
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        file = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": id, "content": content, **flags, "special": content in CONTROL}
                for content, id in self.special.items()
            ],
            "normalizer": None,
            "pre_tokenizer": _PRE_TOKENIZER,
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": model,
        }
        text = json.dumps(file, ensure_ascii=False, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def from_file(cls, path: str | Path) -> Tokenizer:
        """Read a tokenizer.json that `save` wrote, or one of the same kind.

        Raises ModelFileError when it is missing, no JSON, or of a kind this tokenizer would read wrongly.
        """
        path = Path(path)
        try:
            file: Any = json.loads(path.read_text(encoding="utf-8"))
            special = [token["content"] for token in sorted(file["added_tokens"], key=lambda token: int(token["id"]))]
            model = file["model"]
            pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
            tokenizer = cls([(_raw(left), _raw(right)) for left, right in pairs], special)
            vocabulary = {**tokenizer.special, **{_printable(token): id for token, id in tokenizer._ids.items()}}
        except OSError as error:
            raise ModelFileError(f"the tokenizer cannot be read ({error.strerror})", where=str(path), do=_DO) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(
                f"this is not a byte-level BPE tokenizer ({type(error).__name__}: {error})", where=str(path), do=_DO
            ) from None
        known = [(part.get("type"), part.get("individual_digits")) for part in _parts(file.get("pre_tokenizer"))]
        if known != [("Digits", True), ("ByteLevel", None)] or file.get("normalizer"):
            raise ModelFileError(
                "it cuts text in another way than the lab's tokenizer does, so its ids would come out wrong",
                where=f"{path}: pre_tokenizer",
                right="Expected single digits, then byte level",
            )
        if model.get("vocab") != vocabulary:
            raise ModelFileError(
                "the ids are not: special tokens, then the 256 bytes, then one per merge",
                where=f"{path}: model.vocab",
                do=_DO,
            )
        return tokenizer


class TextStream:
    """Text from tokens as they come: a character that is not whole yet is held back.

    >>> stream = TextStream()
    >>> [stream.push(b"caf\\xc3"), stream.push(b"\\xa9!"), stream.close()]
    ['caf', 'é!', '']
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_bytes: bytes) -> str:
        """The text that is certain now; bytes that can never become a character come out as U+FFFD."""
        return self._decoder.decode(token_bytes)

    def close(self) -> str:
        """What was still held back, as U+FFFD, or ''."""
        return self._decoder.decode(b"", final=True)


_DO = "Run `git checkout -- labkit/lm/weights`, or clone the lab again"


def _printable(token: bytes) -> str:
    return "".join(_CHAR_OF_BYTE[byte] for byte in token)


def _raw(printable: str) -> bytes:
    return bytes(_BYTE_OF_CHAR[char] for char in printable)


def _parts(pre_tokenizer: Any) -> list[Any]:
    parts = (pre_tokenizer or {}).get("pretokenizers", [])
    return [part for part in parts if isinstance(part, dict)]


def _without_lone_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text

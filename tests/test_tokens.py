"""Tokens: held against the `tokenizers` library, string by string and merge by merge."""

from __future__ import annotations

import json
import random
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.errors import ModelFileError, ParameterError
from labkit.lm.tokens import BYTE_ORDER, SPECIAL, TextStream, Tokenizer, learn_merges, merge, merge_long, pieces

SHIPPED = Path(__file__).parents[1] / "labkit" / "lm" / "weights" / "lab-chat" / "tokenizer.json"

AWKWARD = [
    "",
    "a",
    " ",
    "  two  spaces  ",
    "tab\tnewline\n\n\nend \n",
    "\r\n \r\n",
    "it's we're I'LL don't 'tis '' '5 's's",
    "12 345,678.90 x1 1x ½ ² Ⅷ ৩ ٣ 四",
    "naïve café \u0065\u0301 Ａｂｃ",
    "日本語のテキスト、中文。한국어",
    "שלום עולם مرحبا بالعالم \u200f\u200e",
    "👩‍👩‍👧‍👦 🇫🇷 👍🏽 ☕️",
    "\x00\x01\x1c\x1d\x1e\x1f\x7f\x85\xa0",
    "\u2000\u200b\u2028\u2029\u202f\u3000\ufeff",
    "under_score __init__ a-b  --  ...",
    "<|im_end|> <think> </tool_call> <|im_start|",
    "x" * 300,
    "\U0010ffff\U0001f9ff",
]
# Two Unicode tables meet here, Python's and the library's, and either may be newer. So: characters whose class has been
# the same since Unicode 3.2, whose table Python keeps beside today's, and the emoji that came later.
_ASSIGNED = [
    chr(c)
    for c in range(0x110000)
    if unicodedata.category(chr(c)) not in ("Cs", "Cn")
    and (0x1F300 <= c < 0x1F650 or unicodedata.ucd_3_2_0.category(chr(c)) == unicodedata.category(chr(c)))
]
_MANY_KINDS = st.one_of(st.sampled_from(" \t\n'0aZ.é५日🎉\u00a0\u0301s"), st.sampled_from(_ASSIGNED))
strings = st.lists(st.one_of(_MANY_KINDS, st.sampled_from(["'ll", "  ", "the", " the", *SPECIAL])), max_size=30).map(
    "".join
)

CORPUS = Path(__file__).read_text(encoding="utf-8") + "".join(AWKWARD) * 3


@pytest.fixture(scope="module")
def ours() -> Tokenizer:
    return Tokenizer(learn_merges(Counter(pieces(CORPUS)), 500))


@pytest.fixture(scope="module")
def theirs(ours: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tokenizers.Tokenizer:
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    ours.save(path)
    return tokenizers.Tokenizer.from_file(str(path))


def library_pre_tokenizer() -> tokenizers.pre_tokenizers.PreTokenizer:
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    return Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)])


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_strings_get_the_ids_the_library_gives(text, ours, theirs):
    assert ours.encode(text, special=True) == theirs.encode(text).ids
    assert ours.decode(ours.encode(text)) == text


@settings(max_examples=400, deadline=None)
@given(text=strings)
def test_any_string_gets_the_ids_the_library_gives(text, ours, theirs):
    assert ours.encode(text, special=True) == theirs.encode(text).ids


@settings(max_examples=300, deadline=None)
@given(text=strings)
def test_decoding_what_was_encoded_gives_the_string_back(text, ours, theirs):
    assert ours.decode(ours.encode(text)) == text
    assert ours.decode(ours.encode(text, special=True), skip_special=False) == text
    ids = ours.encode(text, special=True)
    assert ours.decode(ids) == theirs.decode(ids)


@settings(max_examples=300, deadline=None)
@given(text=strings)
def test_pieces_are_cut_where_the_library_cuts(text):
    starts_and_ends = [span for _, span in library_pre_tokenizer().pre_tokenize_str(text)]
    assert pieces(text) == [text[start:end] for start, end in starts_and_ends]


def test_thousands_of_random_strings_get_the_ids_the_library_gives(ours, theirs):
    rng = random.Random(7)
    common = " '\t\n\x1c\x85\xa0 sdtrevml0123abc.,!<>|_"
    for _ in range(4000):
        text = "".join(rng.choice(common if rng.random() < 0.7 else _ASSIGNED) for _ in range(rng.randrange(1, 25)))
        assert ours.encode(text) == theirs.encode(text).ids, repr(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text("aetho n", max_size=120))
def test_merging_with_a_heap_gives_what_the_plain_loop_gives(text, ours):
    ranks = {pair: rank for rank, pair in enumerate(ours.merges)}
    assert merge_long(text.encode(), ranks) == merge(text.encode(), ranks)


def test_a_page_without_a_space_gets_the_ids_the_library_gives_and_takes_no_eternity(ours, theirs):
    rng = random.Random(11)
    for text in ("a" * 50_000, "".join(rng.choices("etaoinshr", k=50_000)), " " * 50_000, "=" * 50_000, "é日" * 9_000):
        assert ours.encode(text) == theirs.encode(text).ids


def test_every_character_that_python_knows_is_cut_as_the_library_cuts_it():
    text = "".join(f"a{char}b {char}" for char in _ASSIGNED if ord(char) < 0x3000)
    cut = library_pre_tokenizer().pre_tokenize_str(text)
    assert pieces(text) == [text[start:end] for _, (start, end) in cut]


def test_the_library_learns_the_same_merges_ties_included():
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=len(SPECIAL) + 256 + 700,
        special_tokens=list(SPECIAL),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = library_pre_tokenizer()
    text = CORPUS
    for special in SPECIAL:
        text = text.replace(special, "")
    library.train_from_iterator([text], trainer)
    ours = Tokenizer(learn_merges(Counter(pieces(text)), 700))
    learnt = json.loads(library.to_str())["model"]
    ours_by_id = {ours.token_bytes(id): id for id in range(len(SPECIAL), ours.vocab_size)}
    byte_of = {char: byte for byte, char in byte_characters().items()}
    assert [tuple(raw(part, byte_of) for part in pair) for pair in learnt["merges"]] == ours.merges
    assert {raw(token, byte_of): id for token, id in learnt["vocab"].items() if token not in SPECIAL} == ours_by_id


def byte_characters() -> dict[int, str]:
    """GPT-2's `bytes_to_unicode`, written down again from its description."""
    printable = [b for b in range(256) if chr(b).isprintable() and b not in (32, 160, 173)]
    others = iter(range(256, 512))
    return {b: chr(b) if b in printable else chr(next(others)) for b in range(256)}


def raw(printable: str, byte_of: dict[str, int]) -> bytes:
    return bytes(byte_of[char] for char in printable)


def merges_by_recounting(word_counts: dict[bytes, int], n_merges: int) -> list[tuple[bytes, bytes]]:
    """BPE as its paper writes it: count all pairs anew for each merge."""
    words = {word: [bytes([byte]) for byte in word] for word in word_counts}
    age = {bytes([byte]): i for i, byte in enumerate(BYTE_ORDER)}
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n_merges:
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for word, tokens in words.items():
            for i in range(len(tokens) - 1):
                counts[tokens[i], tokens[i + 1]] += word_counts[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], age[pair[0]], age[pair[1]]))
        merges.append(best)
        age[best[0] + best[1]] = len(age)
        for word in words:
            words[word] = merge(word, {pair: rank for rank, pair in enumerate(merges)})
    return merges


@settings(max_examples=200, deadline=None)
@given(
    counts=st.dictionaries(
        st.text("ab c", min_size=1, max_size=8).map(str.encode), st.integers(1, 4), min_size=1, max_size=8
    ),
    n=st.integers(0, 12),
)
def test_counting_only_what_changed_learns_what_recounting_learns(counts, n):
    assert learn_merges(counts, n) == merges_by_recounting(counts, n)


def test_merges_do_not_depend_on_the_order_of_the_words():
    counts = Counter(pieces(CORPUS))
    shuffled = list(counts.items())
    random.Random(3).shuffle(shuffled)
    assert learn_merges(dict(shuffled), 200) == learn_merges(counts, 200)


def test_the_example_of_the_bpe_paper():
    # Sennrich et al. 2016, figure 1: low, lower, newest, widest (their </w> is left out: here no word has an end sign).
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    assert learn_merges(words, 4) == [(b"e", b"s"), (b"es", b"t"), (b"l", b"o"), (b"lo", b"w")]


def test_learning_stops_when_every_word_is_one_token():
    assert learn_merges({"abc": 1}, 10) == [(b"a", b"b"), (b"ab", b"c")]
    assert learn_merges({}, 10) == []


def test_a_special_token_in_plain_text_stays_plain_text(ours):
    ids = ours.encode("<|im_end|><think>")
    assert not set(ids) & set(ours.special.values())
    assert ours.encode("<|im_end|><think>", special=True) == [2, 5]


def test_decoding_leaves_out_control_tokens_and_shows_markup(ours):
    ids = [0, 1, *ours.encode("hi"), 5, 6, 2]
    assert ours.decode(ids) == "hi<think></think>"
    assert ours.decode(ids, skip_special=False) == "<|endoftext|><|im_start|>hi<think></think><|im_end|>"


def test_bytes_that_are_no_text_decode_to_replacement_characters(ours):
    euro = ours.encode("€")
    assert b"".join(ours.token_bytes(id) for id in euro) == "€".encode()
    assert ours.decode([ours.encode("\x00")[0], 7 + BYTE_ORDER.index(0xFF)]) == "\x00\ufffd"


def test_a_lone_surrogate_is_read_as_the_replacement_character(ours):
    assert ours.encode("a\ud800b") == ours.encode("a\ufffdb")
    assert ours.encode("\ud83d\ude00") == ours.encode("😀")


@settings(max_examples=200, deadline=None)
@given(text=strings, data=st.data())
def test_a_stream_gives_the_same_text_wherever_the_bytes_are_cut(text, data):
    raw_bytes = text.encode() + data.draw(st.binary(max_size=4))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw_bytes)), max_size=8)))
    stream = TextStream()
    parts = [raw_bytes[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw_bytes)], strict=True)]
    assert "".join(map(stream.push, parts)) + stream.close() == raw_bytes.decode("utf-8", "replace")


def test_a_stream_holds_back_half_a_character():
    stream = TextStream()
    assert [stream.push(bytes([byte])) for byte in "é👍".encode()] == ["", "é", "", "", "", "👍"]


def test_what_was_saved_is_read_back(ours, tmp_path):
    path = tmp_path / "tokenizer.json"
    ours.save(path)
    again = Tokenizer.from_file(path)
    assert again.merges == ours.merges
    assert again.special == ours.special
    assert again.encode(CORPUS) == ours.encode(CORPUS)


def test_merges_written_the_older_way_are_read(ours, tmp_path):
    path = tmp_path / "tokenizer.json"
    ours.save(path)
    file = json.loads(path.read_text(encoding="utf-8"))
    file["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
    path.write_text(json.dumps(file), encoding="utf-8")
    assert Tokenizer.from_file(path).merges == ours.merges


def test_two_ways_to_one_token_are_refused():
    with pytest.raises(ParameterError, match=r"make b'abc'"):
        Tokenizer([(b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")])


def test_an_unknown_id_is_refused_in_a_sentence(ours):
    with pytest.raises(ParameterError, match=rf"no token has the id {ours.vocab_size}\. Ids go from 0 to"):
        ours.token_bytes(ours.vocab_size)
    with pytest.raises(ParameterError):
        ours.decode([-1])


def _change(path: Path, change) -> None:
    file = json.loads(path.read_text(encoding="utf-8"))
    change(file)
    path.write_text(json.dumps(file), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"tokenizer\.json: the tokenizer cannot be read"),
        (lambda path: path.write_text("{", encoding="utf-8"), "not a byte-level BPE tokenizer"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not a byte-level BPE tokenizer"),
        (lambda path: path.write_text("[]", encoding="utf-8"), "not a byte-level BPE tokenizer"),
        (lambda path: _change(path, lambda file: file.pop("model")), "not a byte-level BPE tokenizer"),
        (lambda path: _change(path, lambda file: file["model"]["merges"].pop()), r"model\.vocab: the ids are not"),
        (lambda path: _change(path, lambda file: file.update(pre_tokenizer=None)), "cuts text in another way"),
        (lambda path: _change(path, lambda file: file.update(normalizer={"type": "NFC"})), "cuts text in another way"),
    ],
)
def test_a_damaged_file_is_named_in_a_sentence(damage, message, ours, tmp_path):
    path = tmp_path / "tokenizer.json"
    ours.save(path)
    damage(path)
    with pytest.raises(ModelFileError, match=message) as caught:
        Tokenizer.from_file(path)
    assert str(path) in str(caught.value)


def test_the_shipped_tokenizer_is_the_one_promised_and_the_library_agrees():
    ours = Tokenizer.from_file(SHIPPED)
    theirs = tokenizers.Tokenizer.from_file(str(SHIPPED))
    assert ours.vocab_size == theirs.get_vocab_size() == 4096
    assert tuple(ours.special) == SPECIAL
    for text in [*AWKWARD, CORPUS]:
        assert ours.encode(text, special=True) == theirs.encode(text).ids
    for word in (" Paris", "Hello"):
        assert len(ours.encode(word)) == 1

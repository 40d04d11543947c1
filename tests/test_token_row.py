"""A text as a row of tokens: the boxes are the tokenizer's tokens, and awkward text stays text."""

from __future__ import annotations

import pytest
from test_view import AWKWARD, Seen

from labkit import lm
from labkit.view import token_row

TOKENIZER = lm.load().tokenizer


def test_each_token_is_a_box_with_its_id() -> None:
    ids = TOKENIZER.encode("Name my café.")
    shown = str(token_row(TOKENIZER, "Name my café.")).splitlines()
    assert shown[0] == f"13 characters, 14 bytes, {len(ids)} tokens"
    assert shown[1].replace("] [", "").strip("[]").replace("␣", " ").startswith("Name my caf")
    assert shown[2].split() == [str(id) for id in ids]


def test_half_a_character_shows_its_bytes() -> None:
    assert "[F0]" in str(token_row(TOKENIZER, "\U0001fae8"))  # a face of 2022 that no merge has seen whole


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_whatever_the_text_the_row_is_inert_and_complete(text: str) -> None:
    seen = Seen(token_row(TOKENIZER, text[:2000])._repr_html_())
    assert seen.tags <= {"div", "span"}
    assert seen.attributes <= {"style"}
    assert all(str(id) in seen.text for id in TOKENIZER.encode(text[:2000]))

"""Merges: how bytes become tokens, and how the list of merges is learnt from counted words.

Byte pair encoding's two halves, on bytes alone: `merge` applies a list of merges to a piece of text, `learn_merges`
makes the list. What a piece is, ids and files are the business of `tokens`; the tests hold both halves against the
`tokenizers` library.
Source: Sennrich et al. 2016, arXiv:1508.07909.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_ORDER = _PRINTABLE + [byte for byte in range(256) if byte not in _PRINTABLE]
"""The bytes as GPT-2 numbers them: those that print in Latin-1 first. A byte's id follows this order, and its age."""


def merge(piece: bytes, ranks: Mapping[tuple[bytes, bytes], int]) -> list[bytes]:
    """Join bytes to tokens: again and again the neighbours whose merge was learnt first, leftmost first.

    ranks: pair of tokens -> its place in the list of merges.

    >>> merge(b"lower", {(b"l", b"o"): 0, (b"e", b"r"): 1, (b"lo", b"w"): 2})
    [b'low', b'er']
    """
    tokens = [piece[i : i + 1] for i in range(len(piece))]
    never = len(ranks)
    while len(tokens) > 1:
        rank, i = min((ranks.get(pair, never), i) for i, pair in enumerate(pairwise(tokens)))
        if rank == never:
            break
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
    return tokens


def merge_long(piece: bytes, ranks: Mapping[tuple[bytes, bytes], int]) -> list[bytes]:
    """The same as `merge`, in n log n steps and not n squared: for pieces without a space that fill a page.

    Neighbours wait in a heap by rank and place; tokens are joined in a linked list. What the heap says of a token that
    was joined meanwhile is out of date and passed over.
    """
    tokens: list[bytes | None] = [piece[i : i + 1] for i in range(len(piece))]
    after, before = list(range(1, len(piece) + 1)), list(range(-1, len(piece) - 1))
    waiting: list[tuple[int, int, bytes, bytes]] = []

    def wait(i: int) -> None:
        if 0 <= i and after[i] < len(tokens):
            left, right = tokens[i], tokens[after[i]]
            if left is not None and right is not None and (left, right) in ranks:
                heapq.heappush(waiting, (ranks[left, right], i, left, right))

    for i in range(len(piece)):
        wait(i)
    while waiting:
        _, i, left, right = heapq.heappop(waiting)
        j = after[i]
        if tokens[i] != left or j >= len(tokens) or tokens[j] != right:
            continue
        tokens[i], tokens[j] = left + right, None
        after[i] = after[j]
        if after[i] < len(tokens):
            before[after[i]] = i
        wait(before[i])
        wait(i)
    return [token for token in tokens if token is not None]


def learn_merges(word_counts: Mapping[str, int] | Mapping[bytes, int], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn at most `n_merges` merges: each time the most frequent pair of neighbours becomes one token.

    word_counts: piece (as `pieces` cuts them, without special tokens) -> how often it occurs.
    Tie rule: of equally frequent pairs the one whose left token is older wins, then the one whose right token is
    older; the single bytes are oldest, in `BYTE_ORDER`. So the result depends on the counts alone, not on their order.
    Returns fewer merges when every piece has become one token. The time goes with the number of places where
    something changes, not with merges x words.
    Source: Sennrich et al. 2016, algorithm 1; the tie rule is that of the `tokenizers` library.

    >>> learn_merges({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 4)
    [(b'e', b's'), (b'es', b't'), (b'l', b'o'), (b'lo', b'w')]
    """
    age = {byte: i for i, byte in enumerate(BYTE_ORDER)}
    tokens = [bytes([byte]) for byte in BYTE_ORDER]  # a token's age is its place here
    counts: Counter[bytes] = Counter()
    for word, count in word_counts.items():
        counts[word.encode() if isinstance(word, str) else bytes(word)] += count
    words = [([age[byte] for byte in word], count) for word, count in sorted(counts.items())]
    pair_counts: Counter[tuple[int, int]] = Counter()
    places: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # pair -> words that hold it, or once did
    for place, (word_tokens, count) in enumerate(words):
        for pair in pairwise(word_tokens):
            pair_counts[pair] += count
            places[pair].add(place)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)

    merges: list[tuple[bytes, bytes]] = []
    while heap and len(merges) < n_merges:
        negative, best = heapq.heappop(heap)
        count_now = pair_counts[best]
        if -negative != count_now:  # counted before a merge took some of its places: put back with today's count
            if count_now > 0:
                heapq.heappush(heap, (-count_now, best))
            continue
        new = len(tokens)
        tokens.append(tokens[best[0]] + tokens[best[1]])
        merges.append((tokens[best[0]], tokens[best[1]]))
        grown: set[tuple[int, int]] = set()
        for place in places.pop(best):
            old, count = words[place]
            merged = _joined(old, best, new)
            for pair in pairwise(old):
                pair_counts[pair] -= count
            for pair in pairwise(merged):
                pair_counts[pair] += count
                if new in pair:
                    places[pair].add(place)
                    grown.add(pair)
            words[place] = (merged, count)
        for pair in grown:
            heapq.heappush(heap, (-pair_counts[pair], pair))
    return merges


def _joined(word: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    i = 0
    while i < len(word):
        if i + 1 < len(word) and word[i] == pair[0] and word[i + 1] == pair[1]:
            out.append(new)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out

"""Philox4x32-10 against the published known answers and an independent integer implementation."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_lab.noise import philox4x32

# Random123 1.09 (D. E. Shaw Research), file kat_vectors, lines "philox4x32 10":
# counter words, key words, output words.
KNOWN_ANSWERS = [
    (
        (0x00000000, 0x00000000, 0x00000000, 0x00000000),
        (0x00000000, 0x00000000),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def textbook(counter, key, rounds=10):
    """Return Philox4x32 in Python integers, as printed in section 4.3 of the paper."""
    c, k = list(counter), list(key)
    for _ in range(rounds):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (second >> 32) ^ c[1] ^ k[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ c[3] ^ k[1],
            first & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return tuple(c)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers_of_random123(counter, key, expected):
    assert philox4x32(*counter, *key) == expected
    assert textbook(counter, key) == expected


def test_random_counters_and_keys_agree_with_the_textbook_form():
    g = np.random.default_rng(0)
    for words in g.integers(0, 2**32, size=(500, 6), dtype=np.uint64):
        counter, key = tuple(map(int, words[:4])), tuple(map(int, words[4:]))
        assert philox4x32(*words) == textbook(counter, key)


def test_nine_rounds_fail_the_known_answers():
    assert all(textbook(c, k, rounds=9) != expected for c, k, expected in KNOWN_ANSWERS)

"""Minibatches: permutations, evenness, independence, published numbering, wrong input."""

import itertools

import numpy as np
import pytest

from langevin_lab.noise import batch_indices, philox4x32
from langevin_lab.noise.permutation import FEW

SEED = 20_260_101


def orders(n, count, replica=0):
    """Permutations of successive epochs, shape (count, n)."""
    return batch_indices(
        SEED, replica, 0, n_examples=n, batch_size=n, replacement=False, count=count
    )[0]


def pair_words(replica, pair):
    """The two 64-bit words of a pair, from the published generator."""
    low = 2**32 - 1
    words = philox4x32(pair & low, pair >> 32, replica & low, replica >> 32, SEED & low, SEED >> 32)
    w0, w1, w2, w3 = (int(word) for word in words)
    return (w0 << 32) + w1, (w2 << 32) + w3


@pytest.mark.parametrize("n", [*range(1, 201), 1000, 1023, 1024, 1025, 4099, 60_000])
def test_every_epoch_holds_each_example_once(n):
    found = orders(n, 3)
    assert (np.sort(found, axis=1) == np.arange(n)).all()
    if n > 20:
        assert (found[0] != found[1]).any()
        assert (found[0] != np.arange(n)).any()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
@pytest.mark.parametrize("n", [10, 47])
def test_batches_cut_one_sequence_of_draws_across_epochs(n, batch_size):
    whole = orders(n, 10).ravel()
    options = {"n_examples": n, "batch_size": batch_size, "replacement": False}
    for batch in range(10 * n // batch_size):
        found = batch_indices(SEED, 0, batch, **options)[0, 0]
        assert (found == whole[batch * batch_size : (batch + 1) * batch_size]).all()


@pytest.mark.parametrize("replacement", [False, True])
def test_any_part_is_the_part_of_the_whole(replacement):
    options = {"n_examples": 23, "batch_size": 5, "replacement": replacement}
    whole = batch_indices(SEED, range(4), 0, count=12, **options)
    assert whole.shape == (4, 12, 5)
    part = batch_indices(SEED, [3, 1], 7, count=2, **options)
    assert (part == whole[[3, 1], 7:9]).all()
    other = batch_indices(SEED + 1, range(4), 0, count=12, **options)
    assert (other != whole).mean() > 0.8
    assert (whole[0] != whole[1]).mean() > 0.8


def test_draws_with_replacement_are_scaled_upper_bits_of_the_documented_counters():
    found = batch_indices(SEED, 9, 3, n_examples=1000, batch_size=5, replacement=True)[0, 0]
    for place, draw in enumerate(range(15, 20)):
        word = pair_words(9, 2**63 + draw // 2)[draw % 2]
        assert found[place] == (word >> 12) * 1000 // 2**52


def test_few_examples_are_shuffled_by_the_documented_words():
    n, epoch = 13, 5
    words = []
    for pair in range(FEW // 4):
        for word in pair_words(2, 2**63 + 2**62 + 8 * epoch + pair):
            words += [word >> 32, word & (2**32 - 1)]
    expected = []
    for i in range(n):
        j = words[i] * (i + 1) // 2**32
        expected.append(i)
        expected[i] = expected[j]
        expected[j] = i
    assert orders(n, 6, replica=2)[epoch].tolist() == expected


def deviation(counts, expected):
    """Chi-square in standard deviations from its mean."""
    freedom = counts.size - 1
    chi_square = ((counts - expected) ** 2 / expected).sum()
    return (chi_square - freedom) / np.sqrt(2 * freedom)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_all_orders_of_few_examples_are_equally_frequent(n):
    places = n ** np.arange(n)
    all_orders = np.sort(np.array(list(itertools.permutations(range(n)))) @ places)
    found = np.searchsorted(all_orders, orders(n, 100_000) @ places)
    counts = np.bincount(found, minlength=all_orders.size)
    assert abs(deviation(counts, found.size / all_orders.size)) < 5
    # Control: in 4 % of the epochs the first order stands in.
    found[: found.size // 25] = 0
    counts = np.bincount(found, minlength=all_orders.size)
    assert deviation(counts, found.size / all_orders.size) > 5


@pytest.mark.parametrize("n", [35, 49, 64])  # unequal halves, both odd, no walk
def test_pairs_of_places_hold_every_pair_of_examples_equally_often(n):
    found = orders(n, 60_000)
    same = np.arange(n) * (n + 1)
    step = int(np.ceil(n / np.ceil(np.sqrt(n))))  # neighbours in the other half
    for i, j in ((0, 1), (3, 3 + step), (n - 2, n - 1)):
        pairs = found[:, i] * n + found[:, j]
        counts = np.delete(np.bincount(pairs, minlength=n * n), same)
        assert abs(deviation(counts, len(found) / counts.size)) < 5
        # Control: 3 % of the epochs begin where the one before them did.
        repeated = pairs.copy()
        repeated[: len(pairs) * 3 // 100] = pairs[0]
        counts = np.delete(np.bincount(repeated, minlength=n * n), same)
        assert deviation(counts, len(found) / counts.size) > 5


def test_successive_epochs_are_independent():
    found = orders(40, 40_000)[:, 0]
    counts = np.bincount(found[:-1:2] * 40 + found[1::2], minlength=1600)
    assert abs(deviation(counts, found.size / 2 / 1600)) < 5


@pytest.mark.parametrize("n", [7, 1000])
def test_draws_with_replacement_are_even_and_independent(n):
    found = batch_indices(SEED, range(100), 0, n_examples=n, batch_size=2, replacement=True,
                          count=8000)  # fmt: skip
    assert found.min() == 0
    assert found.max() == n - 1
    counts = np.bincount(found.ravel(), minlength=n)
    assert abs(deviation(counts, found.size / n)) < 5
    pairs = (found[..., 0] % 7) * 7 + found[..., 1] % 7
    share = np.bincount(np.arange(n) % 7) / n
    expected = np.outer(share, share).ravel() * pairs.size
    assert abs(deviation(np.bincount(pairs.ravel(), minlength=49), expected)) < 5
    counts[: n // 2] = (0.97 * counts[: n // 2]).astype(int)
    assert deviation(counts, counts.sum() / n) > 5


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, r"batch_size=0 must be >= 1, and without replacement"),
        ({"batch_size": 11}, ValueError, r"batch_size=11 must be .* at most n_examples=10"),
        ({"n_examples": 2**31}, ValueError, r"n_examples=2147483648 must be from 1"),
        ({"batch": 2**62}, ValueError, r"batch=4611686018427387904 ends beyond draw number"),
        ({"batch": -1}, ValueError, r"batch=-1 is outside"),
        ({"replicas": 0.5}, TypeError, r"replica=0\.5 is a float; give an integer"),
    ],
)
def test_wrong_input_is_named(changes, error, message):
    good = {"seed": 1, "replicas": 0, "batch": 0, "n_examples": 10, "batch_size": 2}
    with pytest.raises(error, match=message):
        batch_indices(**(good | changes), replacement=False)

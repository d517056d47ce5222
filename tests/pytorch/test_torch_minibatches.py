"""Examples drawn by torch: the integers of the compiled draws, for any part of them."""

import numpy as np
import pytest

from langevin_lab import noise

torch = pytest.importorskip("torch")
from langevin_lab.pytorch.minibatches import draw_examples  # noqa: E402

SEEDS = [1, 2**64 - 1]
# Either side of 32, where a shuffle takes turns with rounds; no square; many.
SIZES = [1, 2, 7, 32, 33, 500, 1_003, 70_001]


def compiled(seed, replicas, first, count, n, replacement):
    drawn = noise.batch_indices(
        seed, replicas, first, n_examples=n, batch_size=1, replacement=replacement, count=count
    )
    return drawn[..., 0]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("replacement", [False, True])
def test_draws_are_those_of_the_compiled_function(seed, n, replacement):
    replicas, first, count = [0, 3, 2**33, 2**63 - 1], 2 * n + n // 3, 700
    found = draw_examples(
        seed, torch.tensor(replicas), first, count, n_examples=n, replacement=replacement
    )
    assert found.dtype == torch.int64
    expected = compiled(seed, replicas, first, count, n, replacement)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_the_last_replicas_are_the_negative_numbers_of_the_same_bits():
    found = draw_examples(5, torch.tensor([-1]), 0, 90, n_examples=40, replacement=False)
    np.testing.assert_array_equal(found, compiled(5, [2**64 - 1], 0, 90, 40, False))


@pytest.mark.parametrize("n", [20, 45])
@pytest.mark.parametrize("replacement", [False, True])
def test_any_part_is_the_part_of_the_whole(n, replacement):
    replicas = torch.arange(3)
    kind = {"n_examples": n, "replacement": replacement}
    whole = draw_examples(2, replicas, 0, 200, **kind)
    for first, count in ((0, 1), (19, 3), (44, 2), (90, 110), (199, 1), (40, 0)):
        part = draw_examples(2, replicas, first, count, **kind)
        assert torch.equal(part, whole[:, first : first + count])


def test_far_draws_of_a_long_run():
    first = 2**40 + 13
    for replacement in (False, True):
        found = draw_examples(
            1, torch.tensor([4]), first, 60, n_examples=500, replacement=replacement
        )
        np.testing.assert_array_equal(found, compiled(1, [4], first, 60, 500, replacement))

"""Uniform numbers for decisions: their published definition, and that no other noise uses them."""

import numpy as np
import pytest
from scipy import stats

from langevin_lab.noise import philox4x32, uniform

SEED = 20_260_102


@pytest.mark.parametrize(("replica", "number"), [(0, 0), (3, 17), (2**40, 2**33 + 5)])
def test_a_uniform_number_is_the_upper_52_bits_of_its_pair(replica, number):
    low, pair = 2**32 - 1, 2**63 + 2**61 + number
    words = philox4x32(pair & low, pair >> 32, replica & low, replica >> 32, SEED, 0)
    bits = ((int(words[0]) << 32) + int(words[1])) >> 12
    assert uniform(SEED, replica, number) == bits / 2**52


def test_uniform_numbers_are_even_and_independent_over_replicas_and_numbers():
    values = np.array([[uniform(SEED, r, k) for k in range(100)] for r in range(200)])
    assert ((values >= 0) & (values < 1)).all()
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-4
    assert stats.kstest(1.02 * values.ravel(), "uniform").pvalue < 1e-4  # 2 % too wide
    centred = values - 0.5
    for along in (centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]):
        assert abs(along.mean()) < 5 / 12 / np.sqrt(along.size)

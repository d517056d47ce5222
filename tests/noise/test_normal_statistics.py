"""The stream is a stream of independent standard normals: 1e8 draws, and what the tests can see."""

from __future__ import annotations

import numpy as np
import pytest
from normal_statistics import (
    BLOCK,
    anderson_darling_cdf,
    anderson_darling_p_value,
    blocks,
    correlation_scores,
    law_p_values,
    moment_scores,
)

SEED = 20240517
FULL = -(-(10**8) // BLOCK)  # blocks that make 1e8 draws
TENTH = -(-(10**7) // BLOCK)
LARGEST_SCORE = 5.0
SMALLEST_P = 1e-6


def other_seeds(n_blocks):
    return {
        "next seed": blocks(SEED + 1, n_blocks),
        "seed with its upper word changed": blocks(SEED + 2**32, n_blocks),
    }


def show(results):
    for name, value in results.items():
        print(f"{name:45s} {value: .4g}")


@pytest.mark.slow
def test_moments_to_order_eight():
    scores = moment_scores(blocks(SEED, FULL))
    show(scores)
    assert max(map(abs, scores.values())) < LARGEST_SCORE


@pytest.mark.slow
def test_distribution_function_and_tails_beyond_five():
    p = law_p_values(blocks(SEED, FULL))
    show(p)
    assert min(p.values()) > SMALLEST_P


@pytest.mark.slow
def test_anderson_darling_of_blocks():
    """One p-value for each block of 262,144 draws."""
    p = anderson_darling_p_value(blocks(SEED, FULL))
    show({"Anderson-Darling, combined": p})
    assert SMALLEST_P < p < 1.0 - SMALLEST_P


@pytest.mark.slow
def test_no_correlation_along_time_replicas_and_seeds():
    scores = correlation_scores(blocks(SEED, FULL), other_seeds(FULL))
    show(scores)
    assert max(map(abs, scores.values())) < LARGEST_SCORE


# Negative controls: how small a defect each test sees.


@pytest.mark.slow
def test_moments_see_a_scale_wrong_by_one_in_two_thousand():
    scores = moment_scores(blocks(SEED, FULL, lambda z: 1.0005 * z))
    show(scores)
    assert scores["moment 2"] > LARGEST_SCORE


@pytest.mark.slow
def test_tail_counts_see_tails_that_end_at_five():
    p = law_p_values(blocks(SEED, FULL, lambda z: np.clip(z, -4.999, 4.999)))
    assert p["tail above 5"] < SMALLEST_P
    assert p["tail below 5"] < SMALLEST_P


@pytest.mark.parametrize("name", ["Kolmogorov-Smirnov", "chi-square"])
def test_distribution_tests_see_a_scale_wrong_by_half_a_percent(name):
    assert law_p_values(blocks(SEED, TENTH, lambda z: 1.005 * z))[name] < SMALLEST_P


@pytest.mark.slow
def test_anderson_darling_sees_a_scale_wrong_by_one_percent():
    p = anderson_darling_p_value(blocks(SEED, TENTH, lambda z: 1.01 * z))
    assert p < SMALLEST_P


def one_normal_in_256_repeated(z):
    z = z.copy()
    z[101] = z[100]
    return z


def one_replica_in_64_repeated(z):
    z = z.copy()
    z[:, 1::64] = z[:, 0::64]
    return z


def one_replica_in_64_shares_its_radius(z):
    z = z.copy()
    z[:, 1::64] = np.copysign(z[:, 0::64], z[:, 1::64])
    return z


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        (one_normal_in_256_repeated, "normals, 1 in time"),
        (one_replica_in_64_repeated, "normals, 1 in replicas"),
        (one_replica_in_64_shares_its_radius, "squares, 1 in replicas"),
    ],
)
def test_correlations_see_a_repeated_normal(defect, name):
    scores = correlation_scores(blocks(SEED, TENTH, defect), {})
    assert scores[name] > LARGEST_SCORE


def test_correlations_see_equal_seeds():
    scores = correlation_scores(blocks(SEED, 2), {"same seed": blocks(SEED, 2)})
    assert scores["normals, same seed"] > 100.0


def test_anderson_darling_law_has_its_published_quantiles():
    """Critical values 1.933, 2.492, 3.878 at 10, 5, 1 %: Stephens, JASA 69 (1974) 730, case 0."""
    levels = [anderson_darling_cdf(a) for a in (1.933, 2.492, 3.878)]
    assert levels == pytest.approx([0.90, 0.95, 0.99], abs=3e-4)

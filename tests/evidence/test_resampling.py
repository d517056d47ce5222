import math

import numpy as np
import pytest

from langevin_lab.evidence import Estimate, jackknife, ratio_of_means


def test_jackknife_of_a_mean_is_the_mean_and_its_standard_error():
    samples = np.random.default_rng(1).normal(size=40)
    sums = np.column_stack([samples, np.ones_like(samples)])
    estimate = jackknife(lambda s: s[0] / s[1], sums)
    direct = Estimate.from_samples(samples)
    assert estimate.value == pytest.approx(direct.value, rel=1e-12)
    assert estimate.stderr == pytest.approx(direct.stderr, rel=1e-12)
    assert estimate.n_eff == 40


def test_jackknife_removes_the_bias_of_a_square():
    """E[mean^2] = mu^2 + sigma^2/n; the jackknife of mean^2 has the unbiased value."""
    samples = np.array([1.0, 2.0, 4.0])
    sums = np.column_stack([samples, np.ones(3)])
    estimate = jackknife(lambda s: (s[0] / s[1]) ** 2, sums)
    assert estimate.value == pytest.approx((7 / 3) ** 2 - samples.var(ddof=1) / 3, rel=1e-12)


def test_ratio_agrees_with_the_delta_method_and_uses_the_correlation():
    rng = np.random.default_rng(2)
    below = 5 + rng.normal(size=5000)
    above = 2 * below + 0.1 * rng.normal(size=5000)
    ratio = ratio_of_means(above, below)
    delta = np.std(above - 2 * below, ddof=1) / below.mean() / math.sqrt(5000)
    assert ratio.value == pytest.approx(2.0, abs=5 * ratio.stderr)
    assert ratio.stderr == pytest.approx(delta, rel=1e-2)
    # Negative control: taken as independent, the two means give a 20 times larger error.
    independent = Estimate.from_samples(above) / Estimate.from_samples(below)
    assert independent.stderr > 10 * ratio.stderr


def test_bad_groups_are_refused():
    with pytest.raises(ValueError, match=r"groups have shape \(1, 2\); give \(n_groups, k\)"):
        jackknife(sum, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="1 of 3 groups are not finite"):
        jackknife(sum, [[1.0], [math.nan], [2.0]])
    with pytest.raises(ValueError, match="3 numerators and 2 denominators"):
        ratio_of_means([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="denominators sum to 0"):
        ratio_of_means([1.0, 2.0], [1.0, -1.0])

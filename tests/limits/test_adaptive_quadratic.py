"""The best momentum of heavy ball, and that of the adaptive one with and without noise."""

import numpy as np
import pytest

from langevin_lab.limits import (
    adaptive_momentum,
    optimal_momentum,
    stationary_adaptive_momentum,
    stationary_variances,
)
from langevin_lab.momentum import HeavyBall

LOG = np.geomspace(0.01, 1.0, 50)


def radius(rate, momentum, curvature):
    """Largest root of z^2 - (1 + momentum - rate curvature) z + momentum, by companion matrix."""
    companion = [[1 + momentum - rate * curvature, -momentum], [1.0, 0.0]]
    return np.abs(np.linalg.eigvals(companion)).max()


def worst(rate, momentum):
    return max(radius(rate, momentum, k) for k in np.linspace(0.01, 1.0, 400))


@pytest.mark.parametrize(
    ("rate", "momentum", "factor"),
    [(1.0, 0.81, 0.9), (1.9, 0.7433, 0.86216), (4 / 1.1**2, 0.6694, 0.81818)],
)
def test_best_momentum_has_the_smallest_spectral_radius(rate, momentum, factor):
    best = optimal_momentum(learning_rate=rate, smallest_curvature=0.01, largest_curvature=1.0)
    assert best.momentum == pytest.approx(momentum, abs=5e-5)
    assert best.factor == pytest.approx(factor, abs=5e-6)
    # A double root is known to half the digits.
    assert worst(rate, best.momentum) == pytest.approx(best.factor, abs=1e-6)
    for other in (0.97 * best.momentum, 1.03 * best.momentum):
        assert worst(rate, other) > best.factor + 1e-3


def test_beyond_its_range_the_formula_is_refused_for_it_diverges_there():
    assert radius(3.5, (1 - np.sqrt(0.035)) ** 2, 1.0) == pytest.approx(1.35, abs=5e-3)
    with pytest.raises(ValueError, match=r"learning_rate=3\.5 is beyond 4/.*=3\.30579"):
        optimal_momentum(learning_rate=3.5, smallest_curvature=0.01, largest_curvature=1.0)


def sampled(curvatures, rate, noise, n_steps, start, seed, margin=1e-3):
    """Momenta (n_steps, n_replicas) and final squares of the recursion itself."""
    rng = np.random.default_rng(seed)
    x, d, before = start, np.zeros_like(start), np.zeros_like(start)
    momenta = []
    for step in range(n_steps):
        g = curvatures * x + noise * rng.standard_normal(x.shape)
        momentum = np.zeros((len(x), 1))
        if step > 0:
            ratio = np.linalg.norm(g - before, axis=1) / np.linalg.norm(d, axis=1)
            momentum = np.minimum((1 - np.sqrt(rate * ratio)) ** 2, 1 - margin)[:, None]
        d = momentum * d - rate * g
        x, before = x + d, g
        momenta.append(momentum[:, 0])
    return np.array(momenta), (x**2).sum(axis=1)


def test_without_noise_the_law_is_the_recursion():
    start = np.linspace(0.5, 2.0, 7)
    curvatures = np.geomspace(0.02, 1.1, 7)
    momenta, squares = sampled(curvatures, 0.9, 0.0, 60, start[None], 0)
    law = adaptive_momentum(curvatures, learning_rate=0.9, n_steps=60, start=start)
    np.testing.assert_allclose(law.momenta, momenta[:, 0], rtol=0, atol=1e-8)
    assert law.square_distances[-1] == pytest.approx(squares.item(), rel=1e-6)
    wrong = adaptive_momentum(curvatures, learning_rate=0.92, n_steps=60, start=start)
    assert np.abs(wrong.momenta - momenta[:, 0]).max() > 1e-3


def test_with_noise_the_law_is_right_up_to_one_over_the_dimension():
    gaps = {}
    for dim, n_replicas in ((40, 600), (160, 300)):
        curvatures = np.geomspace(0.01, 1.0, dim)
        start = np.random.default_rng(7).choice([-1.0, 1.0], (n_replicas, dim))
        momenta, _ = sampled(curvatures, 1.0, 0.1, 60, start, 3)
        law = adaptive_momentum(curvatures, learning_rate=1.0, n_steps=60, gradient_noise=0.1)
        means = momenta[20:].mean(axis=0)
        error = means.std() / np.sqrt(n_replicas)
        gaps[dim] = (means.mean() - law.momenta[20:].mean(), error)
    print("gap", gaps)
    (few, few_error), (many, many_error) = gaps.values()
    assert few > 8 * few_error, "with 40 modes the law is 1/dim away"
    z = (4 * many - few) / np.hypot(4 * many_error, few_error)
    assert abs(z) < 5, "and four times closer with 160"


def test_stationary_momentum_is_where_the_recursion_ends_at_any_noise():
    expected = stationary_adaptive_momentum(LOG, learning_rate=1.0)
    for noise in (1e-3, 10.0):
        law = adaptive_momentum(LOG, learning_rate=1.0, n_steps=3000, gradient_noise=noise)
        assert law.momenta[-1] == pytest.approx(expected, rel=1e-9)
    # Distances end at the exact law of heavy ball with that momentum.
    ball = HeavyBall(learning_rate=1.0, momentum=expected)
    variances = [
        stationary_variances(ball, curvature=float(k), gradient_noise=10.0).position for k in LOG
    ]
    assert law.square_distances[-1] == pytest.approx(sum(variances), rel=1e-9)
    wrong = sum(
        stationary_variances(ball, curvature=float(k), gradient_noise=10.3).position for k in LOG
    )
    assert abs(wrong / law.square_distances[-1] - 1) > 0.05


def test_projection_binds_where_the_margin_says():
    law = adaptive_momentum(LOG, learning_rate=1.0, n_steps=300, margin=0.5)
    assert law.momenta.max() == 0.5
    assert adaptive_momentum(LOG, learning_rate=1.0, n_steps=5, start=0.0).momenta.max() == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimal_momentum(learning_rate=0.0, smallest_curvature=1.0, largest_curvature=2.0),
         r"learning_rate=0\.0 must be a finite number > 0"),
        (lambda: optimal_momentum(learning_rate=0.1, smallest_curvature=2.0, largest_curvature=1.0),
         "largest_curvature=1 is below smallest_curvature=2"),
        (lambda: adaptive_momentum([], learning_rate=1.0, n_steps=3), r"curvatures=\[\] must be"),
        (lambda: adaptive_momentum([-1.0], learning_rate=1.0, n_steps=3), r"curvatures=\[-1\.0\]"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=0), "n_steps=0 must be"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=3, margin=0.0),
         r"margin=0\.0 must be a finite number > 0"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=3, gradient_noise=-1.0),
         r"gradient_noise=-1\.0 must be"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=3, margin="a"),
         "margin='a' must be a finite number > 0"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=3, margin=1.5),
         r"margin=1\.5 must be a number in \(0, 1\]"),
        (lambda: adaptive_momentum([1.0], learning_rate=1.0, n_steps=3, start=np.nan),
         "start=nan must be finite"),
        (lambda: adaptive_momentum([1.0, 2.0], learning_rate=1.0, n_steps=3, start=np.ones(3)),
         r"start has shape \(3,\), but must have shape \(\) or, one a mode, \(2,\)"),
        (lambda: adaptive_momentum([1.0, 0.1], learning_rate=8.0, n_steps=3_000),
         r"learning_rate=8 times the largest curvature 1 is 8: .* passes 1e\+100 in step \d+; use"),
        (lambda: stationary_adaptive_momentum([1.0, 3.0], learning_rate=1.0),
         r"learning_rate=1 times the largest curvature 3 is 3; use learning_rate < 0\.666667"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""The experiment's own formulas: the law of the frozen step, and the white-noise limit."""

import numpy as np
import pytest
from shipped import experiment

adaptive = experiment("adaptive_langevin_noise")


def test_frozen_law_tends_to_white_noise_and_gibbs():
    """xi -> (sigma_A^2 + h sigma_G^2)/(2 T) and unit variances, with an error of order h^2."""
    errors = []
    for dt in (0.02, 0.01):
        noise = np.sqrt(0.1 / dt)  # the same white noise at every step
        law = adaptive.frozen_law(dt, noise)
        errors.append(np.abs(law - [1.0, 1.0, 0.55]))
    assert np.max(errors[1]) < 2e-3
    assert np.all(errors[0] > 1.5 * errors[1])


def test_frozen_law_is_that_of_the_numpy_step():
    """BADODAB at the frozen friction, its kinetic energy measured at the two D by hand."""
    dt, noise, n = 0.4, 3.0, 200_000
    position, momentum, xi = adaptive.frozen_law(dt, noise)
    rng = np.random.default_rng(3)
    q, p, g = np.zeros(n), np.zeros(n), np.zeros(n)
    c = np.exp(-xi * dt)
    spread = np.sqrt((1 - c**2) / (2 * xi))
    for _ in range(60):
        p = p - dt / 2 * g
        q = q + dt / 2 * p
        before = p
        p = c * p + spread * rng.normal(size=n)
        after = p
        q = q + dt / 2 * p
        g = q + noise * rng.normal(size=n)
        p = p - dt / 2 * g
    error = np.sqrt(2 / n)
    assert np.mean(q**2) == pytest.approx(position, rel=5 * error)
    assert np.mean(p**2) == pytest.approx(momentum, rel=5 * error)
    at_rest = (np.mean(before**2) + np.mean(after**2)) / 2
    assert at_rest == pytest.approx(1.0, rel=5 * error)
    # Negative control: the step-end momentum is not where D is at rest.
    assert abs(np.mean(p**2) - 1.0) > 0.3


def test_cost_grows_with_the_number_of_replicas():
    small, large = adaptive.Config(n_replicas=100), adaptive.Config(n_replicas=10_000)
    assert adaptive.cost(large) > 2 * adaptive.cost(small)

"""One run on both sides, and how far its numbers are apart."""

import warnings

import numpy as np

import langevin_lab as ll


def both(dynamics, method, *, card=None, **settings):
    """The dataset of the CPU and that of the card; ``card`` holds settings of the latter alone."""
    settings = {"n_steps": 9, "n_replicas": 9, "seed": 11, "progress": False} | settings
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*(diverged|correlate|was NaN)", category=RuntimeWarning
        )
        return (
            ll.simulate(dynamics, method, **settings),
            ll.simulate(dynamics, method, backend="cuda", **{**settings, **(card or {})}),
        )


def assert_same(expected, found, *, rtol=0.0, atol=0.0):
    """Every number of two datasets; with the default tolerances, every bit."""
    assert set(expected.variables) == set(found.variables)
    for name in expected.variables:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(
                found[name].values, expected[name].values, rtol=rtol, atol=atol, err_msg=name
            )
        else:
            np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)


def starts(dynamics, count, spread=1.0):
    """Different starts, so that a replica in the wrong place is noticed."""
    dim = dynamics.dim
    return np.random.default_rng(3).uniform(-spread, spread, (count, dim))

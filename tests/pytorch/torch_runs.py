"""One run compiled and by torch, and how far their numbers are apart."""

import warnings

import numpy as np

import langevin_lab as ll


def both(dynamics, method, *, torch=None, **settings):
    """The dataset of the CPU's kernel and that of torch; ``torch`` holds settings of it alone."""
    settings = {"n_steps": 9, "n_replicas": 9, "seed": 11, "progress": False} | settings
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(diverged|correlate)", category=RuntimeWarning)
        return (
            ll.simulate(dynamics, method, **settings),
            ll.simulate(dynamics, method, **{"backend": "torch", **settings, **(torch or {})}),
        )


def assert_same(expected, found, *, tolerance=1e-10):
    """Every number of two datasets, relative to 1 + |number|."""
    assert set(expected.variables) == set(found.variables)
    for name in expected.variables:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(
                found[name].values, expected[name].values, rtol=tolerance, atol=tolerance,
                err_msg=name,
            )  # fmt: skip
        else:
            np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)


def starts(potential, count=9, spread=1.0):
    """Different starts, so that a replica in the wrong place is noticed."""
    return np.random.default_rng(3).uniform(-spread, spread, (count, potential.dim))

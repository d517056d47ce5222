"""The refinable path: exact under coarsening, with the right joint law, for any friction."""

import numpy as np
import pytest
from scipy.integrate import quad
from z_test import assert_agrees, assert_refutes

from langevin_lab.evidence import PathNormal, brownian_path
from langevin_lab.evidence.brownian_path import functional_form, integral_covariance
from langevin_lab.evidence.path_normals import path_normals
from langevin_lab.integrators import method

FRICTION = 1.7
FINE = brownian_path(2.0, 64, 5, seed=3, dim=2, friction=(FRICTION, 0.0))


def test_increments_add_up():
    fine, coarse = FINE.functional("increment"), FINE.coarser(8).functional("increment")
    np.testing.assert_allclose(coarse, fine.reshape(8, 8, 5, 2).sum(axis=1), atol=1e-13)


def test_integrals_over_the_whole_path_follow_from_their_definitions():
    """E and I summed with the weight of the time left, instead of interval by interval."""
    whole, h = FINE.coarser(1), FINE.interval
    left = (2.0 - h * np.arange(1, 65))[:, None]
    ou = (np.exp(-FRICTION * left) * FINE.functional("ornstein_uhlenbeck")[..., 0]).sum(axis=0)
    np.testing.assert_allclose(whole.functional("ornstein_uhlenbeck")[0, :, 0], ou, rtol=1e-12)
    increment, area = FINE.functional("increment"), FINE.functional("area")
    expected = (left[..., None] * increment + area).sum(axis=0)
    np.testing.assert_allclose(whole.functional("area")[0], expected, rtol=1e-12)
    drifted = (increment.sum(axis=0)[:, 0] - ou) / FRICTION
    np.testing.assert_allclose(whole.functional("drifted")[0, :, 0], drifted, rtol=1e-12)


def test_area_is_the_integral_of_the_path():
    path = brownian_path(1.0, 4096, 50, seed=4)
    w = np.vstack([np.zeros((1, 50)), path.functional("increment")[..., 0].cumsum(axis=0)])
    trapezoid = (w[1:] + w[:-1]).sum(axis=0) / 2 * path.interval
    np.testing.assert_allclose(path.coarser(1).functional("area")[0, :, 0], trapezoid, atol=2e-4)


def test_without_friction_the_integrals_are_those_of_the_path():
    for name, same in (("ornstein_uhlenbeck", "increment"), ("drifted", "area")):
        np.testing.assert_array_equal(FINE.functional(name)[..., 1], FINE.functional(same)[..., 1])


def test_coarsening_twice_is_coarsening_once():
    np.testing.assert_allclose(
        FINE.coarser(16).coarser(4).integrals, FINE.coarser(4).integrals, rtol=1e-11, atol=1e-13
    )


def test_paths_can_be_made_in_pieces():
    piece = brownian_path(2.0, 64, 2, seed=3, dim=2, friction=(FRICTION, 0.0), first_path=3)
    np.testing.assert_array_equal(piece.integrals, FINE.integrals[:, :, 3:])


@pytest.mark.parametrize("friction", [0.0, 1e-8, 0.2, 3.0, 200.0])
def test_covariance_is_that_of_the_kernels(friction):
    h = 0.7

    def r(v):
        if friction < 1e-3:
            return v**2 / 2
        return (v + np.expm1(-friction * v) / friction) / friction

    def product(v, a, b):
        return a(v) * b(v)

    kernels = (lambda v: 1.0, lambda v: v, r)
    exact = [[quad(product, 0, h, (a, b), epsabs=0)[0] for a in kernels] for b in kernels]
    found = integral_covariance(h, np.array([friction]))[0]
    np.testing.assert_allclose(found, exact, rtol=1e-7 if 0 < friction < 1e-3 else 1e-12)


def test_coarse_intervals_have_the_law_of_coarse_intervals():
    path = brownian_path(1.0, 16, 20_000, seed=5, friction=FRICTION).coarser(2)
    expected = integral_covariance(0.5, path.friction)[0]
    for i in range(3):
        for j in range(i + 1):
            products = (path.integrals[i] * path.integrals[j]).mean(axis=(0, 2))
            stderr = products.std(ddof=1) / np.sqrt(products.size)
            numbers = (products.mean(), stderr, expected[i, j], products.size, f"cov {i}{j}")
            assert_agrees(*numbers)
            assert_refutes(*numbers[:2], 1.1 * expected[i, j], *numbers[3:])


PAIRS = [
    (PathNormal("increment"), PathNormal("area", given=("increment",))),
    (PathNormal("ornstein_uhlenbeck"), PathNormal("drifted", given=("ornstein_uhlenbeck",))),
    (PathNormal("drifted"), PathNormal("ornstein_uhlenbeck", given=("drifted",))),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].functional)
def test_normals_are_standard_and_independent(pair):
    path = brownian_path(1.0, 8, 40_000, seed=6, friction=FRICTION)
    n0, n1 = (normal.values(path, 2)[..., 0].ravel() for normal in pair)
    for label, sample, expected in (
        ("variance 0", n0**2, 1), ("variance 1", n1**2, 1), ("product", n0 * n1, 0)
    ):  # fmt: skip
        stderr = sample.std(ddof=1) / np.sqrt(sample.size)
        assert_agrees(sample.mean(), stderr, expected, sample.size, label)
        assert_refutes(sample.mean(), stderr, expected + 0.05, sample.size, label)


def test_pair_of_normals_gives_the_area_of_strong_schemes():
    n0, n1 = (normal.values(FINE, 4) for normal in PAIRS[0])
    area = 0.5**1.5 * (n0 + n1 / np.sqrt(3)) / 2
    np.testing.assert_allclose(FINE.coarser(4).functional("area"), area, atol=1e-13)


def test_pair_over_half_steps_gives_both_ornstein_uhlenbeck_integrals():
    """The closed covariance of (E, Q) over a half step of length l, friction g."""
    g, length = FRICTION, 0.25
    decay = np.exp(-g * length)
    var_e = (1 - decay**2) / (2 * g)
    cov = ((1 - decay) / g - var_e) / g
    var_q = (length - 2 * (1 - decay) / g + var_e) / g**2
    for half in (0, 1):
        n0 = PathNormal("ornstein_uhlenbeck", part=(half, 2)).values(FINE, 4)[..., 0]
        n1 = PathNormal("drifted", part=(half, 2), given=("ornstein_uhlenbeck",))
        n1 = n1.values(FINE, 4)[..., 0]
        parts = FINE.coarser(8)
        np.testing.assert_allclose(
            parts.functional("ornstein_uhlenbeck")[half::2, :, 0], np.sqrt(var_e) * n0, rtol=1e-11
        )
        drifted = cov / np.sqrt(var_e) * n0 + np.sqrt(var_q - cov**2 / var_e) * n1
        np.testing.assert_allclose(parts.functional("drifted")[half::2, :, 0], drifted, atol=1e-13)


def test_by_default_normals_are_increments_of_equal_parts():
    obabo = path_normals(method("OBABO"))
    assert obabo == (PathNormal(part=(0, 2)), PathNormal(part=(1, 2)))
    values = np.stack([normal.values(FINE, 4) for normal in obabo], axis=1)
    increments = FINE.coarser(8).functional("increment").reshape(4, 2, 5, 2)
    np.testing.assert_allclose(values, increments / np.sqrt(0.25), rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FINE.coarser(7), "n_intervals=7 does not divide the 64 of the path"),
        (lambda: brownian_path(1.0, 0, 1, seed=1), "n_intervals=0 must be at least 1"),
        (lambda: brownian_path(-1.0, 2, 1, seed=1), "duration=-1.0 must be finite and > 0"),
        (lambda: brownian_path(1.0, 2, 1, seed=1, friction=-2), "friction=-2 must be finite"),
        (lambda: functional_form("levy", np.zeros(1)), "functional='levy' is unknown; use one"),
        (lambda: PathNormal("levy"), "functional='levy' is unknown; use one of increment"),
        (lambda: PathNormal(part=(2, 2)), r"part=\(2, 2\) must be \(index, count\)"),
        (
            lambda: PathNormal("drifted", given=("area",)).values(FINE, 2),
            "functional='drifted' is determined by",
        ),
        (
            lambda: path_normals(method("OBABO"), {"n0": PathNormal()}),
            r"noise names \['n0'\], but method='OBABO' draws \['n0', 'n1'\]",
        ),
    ],
)
def test_what_is_no_path_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

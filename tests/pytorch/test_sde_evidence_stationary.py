"""The stationary law of an SDE of the user against what is known of it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchsde")

from langevin_lab.evidence import judge  # noqa: E402
from langevin_lab.pytorch import (  # noqa: E402
    StationaryDensity,
    TorchEquation,
    stationary_claims,
)

RATE, AMPLITUDE = 1.0, 0.9
VARIANCE = AMPLITUDE**2 / (2 * RATE)
EDGES = [-5.0, -0.8, -0.3, 0.3, 0.8, 5.0]


def normal(x):
    return np.exp(-(x**2) / (2 * VARIANCE))


MOMENTS = {
    "<x>": (lambda x: x[..., 0], 0.0),
    "<x^2>": (lambda x: x[..., 0] ** 2, VARIANCE),
}


def relaxation(amplitude=AMPLITUDE, sde_type="ito"):
    return TorchEquation(
        lambda t, x: -RATE * x,
        lambda t, x: torch.full_like(x, amplitude)[..., None],
        sde_type,
        "additive",
    )


def reverting(sde_type, volatility=0.5):
    """dx = (1 - x) dt + volatility x dW: in Ito's calculus <x> = 1."""
    return TorchEquation(lambda t, x: 1 - x, lambda t, x: volatility * x, sde_type, "diagonal")


def claims(solver="srk", sde=None, **settings):
    usual = {
        "start": 0.0, "dt": 0.2, "burn_in": 6.0, "duration": 40.0, "n_paths": 1000,
        "averages": MOMENTS, "density": StationaryDensity(normal, EDGES),
    }  # fmt: skip
    return stationary_claims(solver, sde or relaxation(), **(usual | settings))


def outcomes(found):
    verdicts = judge(found)
    for verdict in verdicts:
        print(verdict.outcome, verdict.claim.statement, verdict.claim.measured, verdict.z_text)
    return {verdict.claim.statement: verdict.outcome for verdict in verdicts}


def test_moments_and_bins_of_a_gaussian_law():
    found = outcomes(claims())
    assert len(found) == 2 * len(MOMENTS) + len(EDGES) - 1
    assert set(found.values()) == {"consistent"}
    assert "share of -inf to -0.8" in found
    assert "share of 0.8 to inf" in found


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_noise_that_is_wrong_by_three_per_cent_is_refuted(factor):
    found = outcomes(claims(sde=relaxation(factor * AMPLITUDE)))
    assert found["<x^2>"] == "refuted"
    assert found["share of 0.8 to inf"] == "refuted"
    assert found["<x>"] == "consistent"


def test_drift_that_is_wrong_by_five_per_cent_is_refuted():
    wrong = TorchEquation(lambda t, x: -1.05 * RATE * x, relaxation().noise, "ito", "additive")
    assert outcomes(claims(sde=wrong, n_paths=2000))["<x^2>"] == "refuted"


def test_ito_declared_as_stratonovich_moves_the_mean():
    """<x> = 1/(1 - volatility^2/2) in Stratonovich's calculus."""
    averages = {"<x>": (lambda x: x[..., 0], 1.0)}
    settings = {"start": 1.0, "averages": averages, "density": None, "dt": 0.05}
    right = outcomes(claims("milstein", reverting("ito"), **settings))
    assert right["<x>"] == "consistent"
    moved = claims("milstein", reverting("stratonovich"), **settings)
    assert outcomes(moved)["<x>"] == "refuted"
    expected = 1 / (1 - 0.5**2 / 2)
    measured, bias = moved[0].measured, moved[0].bias_bound
    assert abs(measured.value - expected) < 5 * measured.stderr + bias
    assert abs(measured.value - 1.03 * expected) > 5 * measured.stderr + bias


def test_burn_in_that_is_too_short_is_seen_in_the_halves():
    found = outcomes(claims(start=3.0, burn_in=0.0, duration=8.0))
    assert found["<x^2>: second half less first"] == "refuted"


def test_burn_in_is_left_out():
    settings = {"start": 3.0, "duration": 20.0, "density": None, "n_paths": 2000}
    found = outcomes(claims(burn_in=8.0, **settings))
    assert set(found.values()) == {"consistent"}
    assert "refuted" in outcomes(claims(burn_in=0.0, **settings)).values()


def test_bias_of_the_step_stands_in_the_claim():
    """Euler's variance s^2/(2 k - k^2 h) is exact to nothing but the step."""
    (found, _) = claims("euler", averages={"<x^2>": MOMENTS["<x^2>"]}, density=None)

    def variance(step):
        return AMPLITUDE**2 / (2 * RATE - RATE**2 * step)

    assert abs(found.measured.value - variance(0.1)) < 5 * found.measured.stderr
    assert abs(found.measured.value - 1.05 * variance(0.1)) > 5 * found.measured.stderr
    assert found.bias_bound > 0.9 * (variance(0.2) - variance(0.1))
    assert found.bias_bound < 1.5 * (variance(0.2) - variance(0.1))
    assert found.verdict().outcome != "refuted"


def test_probabilities_of_bins_are_those_of_the_density():
    density = StationaryDensity(lambda x: 7 * normal(x), EDGES)

    def below(x):
        return 0.5 * math.erfc(-x / math.sqrt(2 * VARIANCE))

    exact = np.diff([0.0, *(below(edge) for edge in EDGES[1:-1]), 1.0])
    np.testing.assert_allclose(density.probabilities, exact, rtol=1e-7)
    x = np.array([[-9.0, 0.0], [0.0, 9.0], [9.0, 0.3]])
    shares = density.shares(x)
    assert shares.shape == (5, 3)
    assert shares.sum(axis=0).tolist() == [1, 1, 1]
    assert shares[:, 0].tolist() == [True, False, False, False, False]
    other = StationaryDensity(normal, EDGES, coordinate=1)
    assert other.shares(x)[3].tolist() == [False, False, True]


def cubic(t, x):
    return -(x**3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"averages": None, "density": None}, "nothing to compare: give averages=, density= or"),
        ({"n_saved": 5}, "n_saved=5 must be even"),
        ({"n_paths": 19}, "n_paths=19 must be >= 20"),
        ({"burn_in": -1.0}, "burn_in=-1.0 must be >= 0"),
        ({"dt": 0.0}, "dt=0"),
        ({"duration": -2.0}, "duration=-2.0"),
        ({"solver": "heun"}, "solver='heun' is not made for"),
        (
            {"averages": {"all": (lambda x: x, 0.0)}},
            r"averages\['all'\] gives shape \(30, 1\) for states \(30, 1\); give one number",
        ),
        (
            {
                "sde": TorchEquation(cubic, relaxation().noise, "ito", "additive"),
                "solver": "euler",
                "start": 9.0,
            },
            r"dt=0\.1: 30 of 30 paths are not finite at time 0\.6; use a smaller dt",
        ),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    settings = {"n_paths": 30, "duration": 2.0, "burn_in": 1.0, "n_saved": 10} | changes
    with pytest.raises(ValueError, match=message):
        claims(**settings)


@pytest.mark.parametrize(
    ("function", "edges", "message"),
    [
        (normal, [0.0, 1.0], "three or more increasing numbers"),
        (normal, [0.0, 1.0, 1.0], "three or more increasing numbers"),
        (lambda x: -normal(x), EDGES, "must be >= 0, with some weight in every bin"),
        (lambda x: np.where(x > 0, 1.0, 0.0), [-2.0, -1.0, 1.0], "some weight in every bin"),
    ],
)
def test_densities_that_are_none_are_refused(function, edges, message):
    with pytest.raises(ValueError, match=message):
        StationaryDensity(function, edges)

"""Rates against friction: what is simulated and bounded, and wrong constants turning red."""

import dataclasses

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll

module = experiment("kramers_turnover")
CONFIG = module.Config()


@pytest.mark.slow
def test_a_simulated_rate_has_the_error_asked_for_and_agrees():
    config = dataclasses.replace(CONFIG, dt=0.1)
    rate, stderr, bound, exact, plateau, plateau_stderr = module._simulated(
        0.5, 3.0, config, 0.07, 0.02, 1
    )
    print(f"{rate:.5g} +- {stderr:.2g} | {exact:.5g} | bound {bound:.2g}")
    assert stderr / exact == pytest.approx(0.02, rel=0.15)
    assert abs(rate - exact) < 4 * stderr + bound
    assert abs(rate - 1.2 * exact) > 4 * stderr + bound
    assert abs(plateau) < 4 * plateau_stderr


def test_exact_rates_are_half_of_the_gap_and_kept():
    rate, error = module._hop(module._mode(0.3, 3.0, CONFIG))
    gap = ll.exact.spectral_gap(module._dynamics(0.3, 3.0))
    assert rate == pytest.approx(gap.value / 2, abs=error + gap.error)
    assert module._mode(0.3, 3.0, CONFIG) is module._mode(0.3, 3, CONFIG)


def test_formulas_are_those_of_the_escape_room():
    kramers, turnover, normal_mode = module._formulas(0.2, 1.0)
    assert kramers == pytest.approx(2.3682e-3, rel=1e-4)
    assert turnover == pytest.approx(2.3221e-3, rel=1e-4)
    well = ll.potentials.double_well()
    expected = ll.escape.pollak_grabert_haenggi(
        well, -1.0, 0.0, 0.2, friction=1.0, other_minimum=1.0
    )
    assert normal_mode == float(expected)


@pytest.mark.slow
def test_best_friction_is_that_of_a_search():
    friction, rate = module._best(0.3, CONFIG)
    assert friction == pytest.approx(0.894, abs=1e-3)
    assert rate == pytest.approx(1.1507e-2, rel=1e-4)
    beside = [module._hop(module._mode(0.3, friction * f, CONFIG))[0] for f in (0.93, 1.07)]
    assert max(beside) < rate


def test_bound_on_the_bias_of_a_step():
    """Free diffusion to second order, and half of what a harmonic well takes off the momenta."""
    dt, friction = 0.02, 3.0
    expected = (friction * dt) ** 2 / 12 + 0.5 * 8.0 * dt**2 / 4
    assert module._step_bias(friction, dt) == pytest.approx(expected, rel=1e-3)
    covariance = ll.exact.stationary_covariance(
        "BAOAB", stiffness=8.0, temperature=1.0, friction=friction, dt=dt
    )
    p_squared = covariance[1, 1]
    assert np.sqrt(p_squared) - 1 == pytest.approx(-0.5 * 8.0 * dt**2 / 4, rel=1e-2)


def case(exact, measured, error=0.0025):
    """One simulated rate, one large step and both controls; exact, all of it."""
    one = ("temperature", "friction")
    rows = {
        "exact": (one, [[exact]]),
        "rate": (one, [[exact]]),
        "rate_stderr": (one, [[0.01 * exact]]),
        "bias_bound": (one, [[0.004 * exact]]),
        "plateau": (one, [[0.0]]),
        "plateau_stderr": (one, [[0.02]]),
        "checked_exact": (("checked_friction", "checked_step"), [[exact]]),
        "checked_rate": (("checked_friction", "checked_step"), [[1.02 * exact]]),
        "checked_rate_stderr": (("checked_friction", "checked_step"), [[0.005 * exact]]),
        "checked_bias_bound": (("checked_friction", "checked_step"), [[0.03 * exact]]),
        "control_exact": ("control", [exact]),
        "control_rate": ("control", [measured]),
        "control_rate_stderr": ("control", [error * exact]),
        "control_bias_bound": ("control", [0.003 * exact]),
    }
    coordinates = {"temperature": [0.5], "friction": [10.0], "checked_friction": [10.0],
                   "checked_step": [0.1], "control": ["friction"]}  # fmt: skip
    return xarray.Dataset(rows, coords=coordinates, attrs={"control_factor": 1.03})


def outcomes(dataset):
    found = [
        *module._simulation_claims(dataset),
        *module._step_claims(dataset),
        *module._control_claims(dataset),
    ]
    return [claim.verdict().outcome for claim in found]


def test_a_friction_taken_for_another_is_refuted():
    exact = module._hop(module._mode(0.5, 10.0, CONFIG))[0]
    slower = module._hop(module._mode(0.5, 10.3, CONFIG))[0]
    right = case(exact, slower, 0.0023)
    assert outcomes(right) == ["consistent"] * 4
    assert outcomes(case(exact, exact)) == [*["consistent"] * 3, "refuted"]
    assert outcomes(right.assign(rate=1.06 * right["rate"]))[0] == "refuted"
    assert outcomes(right.assign(plateau=right["plateau"] + 0.2))[1] == "refuted"
    assert outcomes(right.assign(checked_rate=1.06 * right["rate"].values[0, 0] * xarray.ones_like(
        right["checked_rate"])))[2] == "refuted"  # fmt: skip


def test_cost_is_below_two_minutes():
    assert 20 < module.cost(CONFIG) < 110

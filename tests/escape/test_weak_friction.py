"""Energy diffusion and the Kramers turnover: theory 7.4 and the exact kinetic spectrum."""

import mpmath
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.escape import (
    barrier_action,
    depopulation_factor,
    energy_diffusion,
    kramers,
    turnover,
)


def double_well():
    return ll.potentials.double_well(barrier=1.0)


def test_barrier_action_of_the_double_well_is_eight_thirds_root_barrier():
    for barrier in (1.0, 2.5):
        potential = ll.potentials.double_well(barrier=barrier)
        for side in (-1.0, 1.0):
            action = barrier_action(potential, side, 0.0)
            assert action == pytest.approx(8 / 3 * np.sqrt(barrier), rel=1e-12)
        assert barrier_action(potential, -1.0, 0.0, mass=4.0) == pytest.approx(2 * action)


def test_barrier_action_of_a_cubic_well_is_six_fifths():
    """U = x^2/2 - x^3/3, barrier 1/6 at x = 1, turning point -1/2: S = 6/5."""
    cubic = ll.Potential.from_expression("x**2/2 - x**3/3", variables=("x",))
    nodes = np.linspace(-0.5, 1.0, 200_001)
    middle = 0.5 * (nodes[1:] + nodes[:-1])
    depth = 1 / 6 - (middle**2 / 2 - middle**3 / 3)
    expected = 2 * np.sum(np.sqrt(2 * depth)) * (nodes[1] - nodes[0])
    assert barrier_action(cubic, 0.0, 1.0) == pytest.approx(expected, rel=1e-6)
    assert barrier_action(cubic, 0.0, 1.0) == pytest.approx(1.2, rel=1e-12)


# Theory 7.4: d, Y(d), Y(d)^2 / Y(2 d).
FACTOR_TABLE = [
    (0.01, 0.009209, 0.004764),
    (0.1, 0.077087, 0.042912),
    (0.3, 0.19135, 0.115004),
    (1.0, 0.442978, 0.306193),
    (3.0, 0.756431, 0.626998),
    (10.0, 0.974171, 0.950501),
]


@pytest.mark.parametrize(("loss", "single", "double"), FACTOR_TABLE)
def test_depopulation_factor_against_the_table_and_mpmath(loss, single, double):
    value = depopulation_factor(loss)
    assert value == pytest.approx(single, abs=5e-6)
    assert value**2 / depopulation_factor(2 * loss) == pytest.approx(double, abs=1e-6)
    integral = mpmath.quad(
        lambda y: mpmath.log(-mpmath.expm1(-loss * (y * y + 0.25))) / (y * y + 0.25),
        [0, 1, 5, 20, 100, mpmath.inf],
    )
    assert value == pytest.approx(float(mpmath.exp(integral / mpmath.pi)), rel=1e-9)


def test_depopulation_factor_limits():
    assert depopulation_factor(1e-6) == pytest.approx(1e-6, rel=2e-3)
    assert depopulation_factor(100.0) == pytest.approx(1.0, abs=1e-10)


# Theory 7.4, column MM.
TURNOVER_TABLE = [
    (0.1, 1.1715e-5, 1.1164e-3),
    (0.2, 1.5787e-5, 1.6958e-3),
    (0.3, 1.7306e-5, 2.0337e-3),
    (0.5, 1.7691e-5, 2.3352e-3),
    (1.0, 1.5949e-5, 2.3221e-3),
    (2.0, 1.2631e-5, 1.8736e-3),
    (5.0, 7.1690e-6, 1.0640e-3),
    (10.0, 3.9358e-6, 5.8413e-4),
]


@pytest.mark.parametrize(("friction", "cold", "warm"), TURNOVER_TABLE)
def test_turnover_rates_of_the_theory_table(friction, cold, warm):
    for temperature, expected in ((0.1, cold), (0.2, warm)):
        rate = turnover(double_well(), -1.0, 0.0, temperature, friction=friction, other_minimum=1.0)
        assert rate.value == pytest.approx(expected, rel=4e-5)


def test_turnover_is_close_to_the_exact_rate_where_kramers_is_not():
    """T = 0.2, friction 0.3: 10 % high against 52 %."""
    potential = double_well()
    exact = ll.exact.escape_rate(ll.Langevin(potential, temperature=0.2, friction=0.3)).value
    ours = turnover(potential, -1.0, 0.0, 0.2, friction=0.3, other_minimum=1.0).value
    assert ours / exact == pytest.approx(1.10, abs=0.01)
    assert kramers(potential, -1.0, 0.0, 0.2, friction=0.3).value / exact == pytest.approx(
        1.52, abs=0.01
    )


@pytest.mark.parametrize(
    ("temperature", "friction", "rate"),
    [(0.1, 0.432, 1.7757e-5), (0.15, 0.573, 4.733e-4), (0.2, 0.694, 2.3962e-3),
     (0.3, 0.898, 1.1725e-2)],
)  # fmt: skip
def test_turnover_maximum_of_the_theory_sheet(temperature, friction, rate):
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda g: (
            -turnover(double_well(), -1.0, 0.0, temperature, friction=g, other_minimum=1.0).value
        ),
        bounds=(0.1, 2.0),
        method="bounded",
        options={"xatol": 1e-6},
    )
    assert best.x == pytest.approx(friction, abs=6e-4)
    assert -best.fun == pytest.approx(rate, rel=1.1e-4)


def test_single_well_escape_tends_to_energy_diffusion():
    settings = (double_well(), -1.0, 0.0, 0.1)
    low = turnover(*settings, friction=1e-5).value
    assert low == pytest.approx(energy_diffusion(*settings, friction=1e-5).value, rel=2e-2)
    # A well on the other side halves it: a hop ends in either well with equal chance.
    hop = turnover(*settings, friction=1e-5, other_minimum=1.0).value
    assert hop == pytest.approx(0.5 * low, rel=2e-2)


def test_energy_diffusion_equals_its_formula():
    rate = energy_diffusion(double_well(), -1.0, 0.0, 0.1, friction=0.01)
    expected = 0.01 * (8 / 3) / 0.1 * np.sqrt(8.0) / (2 * np.pi) * np.exp(-10.0)
    assert rate.value == pytest.approx(expected, rel=1e-12)
    assert "friction" in rate.valid


def test_wrong_input_is_refused():
    potential = double_well()
    with pytest.raises(ValueError, match=r"friction=0\.0 must be > 0 for a turnover"):
        turnover(potential, -1.0, 0.0, 0.1, friction=0.0)
    with pytest.raises(ValueError, match=r"other_minimum=-1\.0 and minimum=-1\.0 lie on one side"):
        turnover(potential, -1.0, 0.0, 0.1, friction=1.0, other_minimum=-1.0)
    with pytest.raises(ValueError, match=r"loss=0\.0 must be positive"):
        depopulation_factor(0.0)
    with pytest.raises(ValueError, match=r"friction=-0\.1 must be finite and >= 0"):
        energy_diffusion(potential, -1.0, 0.0, 0.1, friction=-0.1)
    plane = ll.Potential.from_expression("(x**2 - 1)**2 + y**2", variables=("x", "y"))
    with pytest.raises(ValueError, match="barrier action needs dimension 1, not 2"):
        barrier_action(plane, (-1.0, 0.0), (0.0, 0.0))
    # Falls for good on the far side of its shallow minimum.
    sliding = ll.Potential.from_expression("sin(x) + 0.1*x", variables=("x",))
    minimum, saddle = 2 * np.pi - np.arccos(-0.1), 2 * np.pi + np.arccos(-0.1)
    with pytest.raises(ValueError, match="never rises to the energy of saddle"):
        barrier_action(sliding, minimum, saddle)

"""Rate formulas: theory tables 7.3 and 7.4, closed forms in several dimensions, refusals."""

import numpy as np
import pytest
from scipy.optimize import root

import langevin_lab as ll
from langevin_lab.escape import (
    Rate,
    eyring_kramers,
    eyring_kramers_over,
    kramers,
    transition_state_theory,
)

ENTROPIC = "(x**2 - 1)**2 + (y**2/2)*(1 + 3*exp(-4*x**2))"


def double_well():
    return ll.potentials.double_well(barrier=1.0)


def plane(text=ENTROPIC):
    return ll.Potential.from_expression(text, variables=("x", "y"))


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.1, 24465.3), (0.15, 872.773), (0.2, 164.846), (0.25, 60.6433), (0.3, 31.1353),
     (0.5, 8.20718)],
)  # fmt: skip
def test_eyring_kramers_times_of_the_theory_table(temperature, expected):
    rate = eyring_kramers(double_well(), -1.0, 0.0, temperature)
    assert isinstance(rate, Rate)
    assert rate.mean_time == pytest.approx(expected, rel=5e-6)
    assert float(rate) * rate.mean_time == pytest.approx(1.0)
    slow = eyring_kramers(double_well(), -1.0, 0.0, temperature, friction=3.0)
    assert slow.mean_time == pytest.approx(3.0 * rate.mean_time, rel=1e-13)
    twice = eyring_kramers(double_well(), -1.0, 0.0, temperature, multiplicity=2)
    assert twice.value == pytest.approx(2 * rate.value)


def test_first_correction_is_three_eighths_and_improves_the_exact_time():
    dynamics = [ll.Overdamped(double_well(), temperature=t) for t in (0.04, 0.02)]
    left = []
    for equation in dynamics:
        t = equation.temperature
        plain = eyring_kramers(double_well(), -1.0, 0.0, t).mean_time
        corrected = eyring_kramers(double_well(), -1.0, 0.0, t, correction=True).mean_time
        assert corrected / plain == pytest.approx(1 + 0.375 * t, rel=1e-12)
        exact = ll.exact.mean_first_passage_time(equation, -1.0, 1.0).value
        left.append((abs(exact / plain - 1), abs(exact / corrected - 1)))
    # Halving T halves what is left of the plain law and quarters what is left of the corrected one.
    assert left[0][0] / left[1][0] == pytest.approx(2.0, abs=0.3)
    assert left[0][1] / left[1][1] == pytest.approx(4.0, abs=0.6)


def test_first_correction_with_third_derivatives():
    """Out of either side of a tilted well: the corrected law is off by O(T^2) only."""
    potential = ll.potentials.tilted_double_well(barrier=1.0, tilt=0.2)
    saddle = potential.saddles[0]
    for minimum in potential.minima:
        left = []
        for temperature in (0.05, 0.025):
            rate = eyring_kramers(potential, minimum, saddle, temperature, correction=True)
            dynamics = ll.Overdamped(potential, temperature=temperature)
            exact = ll.exact.escape_rate(dynamics, well=minimum.position).value
            left.append(rate.value / exact - 1)
        assert abs(left[1]) < 1e-3
        assert left[0] / left[1] == pytest.approx(4.0, abs=0.8)


def test_eyring_kramers_in_the_plane_has_the_entropic_factor():
    potential, t = plane(), 0.1
    rate = eyring_kramers(potential, (-1.0, 0.0), (0.0, 0.0), t).value
    a_min, a_saddle = 1 + 3 * np.exp(-4.0), 4.0
    expected = 4.0 / (2 * np.pi) * np.sqrt(8.0 * a_min / (4.0 * a_saddle)) * np.exp(-1 / t)
    assert rate == pytest.approx(expected, rel=1e-12)
    along = eyring_kramers(double_well(), -1.0, 0.0, t).value
    assert rate / along == pytest.approx(0.5135, abs=1e-4)
    assert ll.exact.spectral_gap(ll.Overdamped(potential, temperature=t), n=100).value / (
        2 * rate
    ) == pytest.approx(1.0078, abs=1e-4)


def test_rates_over_several_saddles_add_up():
    """A ring with an upper and a lower channel: exact spectrum, error of order T^2."""
    ring = plane("2*(x**2 + y**2 - 1)**2 + y**2*(1 + y/20)")
    saddles = [root(ring.gradient, (0, y), jac=ring.hessian, tol=1e-14).x for y in (1, -1)]
    settings = (ring, (-1.0, 0.0), saddles)
    errors = []
    for temperature in (0.1, 0.05):
        both = eyring_kramers_over(*settings, temperature, correction=True)
        assert both.value == pytest.approx(
            sum(
                eyring_kramers(ring, (-1, 0), saddle, temperature, correction=True).value
                for saddle in saddles
            ),
            rel=1e-14,
        )
        gap = ll.exact.spectral_gap(ll.Overdamped(ring, temperature=temperature), n=100)
        errors.append(both.value / (gap.value / 2) - 1)
        # Control: the lower channel alone carries little more than half.
        lower = eyring_kramers(ring, (-1, 0), saddles[1], temperature).value
        assert 0.6 < lower / both.value < 0.95
    assert errors[0] / errors[1] == pytest.approx(4.3, abs=0.4)
    assert "sum over 2 saddle(s)" in both.formula


@pytest.mark.parametrize(
    ("temperature", "ratio"), [(0.1, 1.0078), (0.15, 1.0086), (0.2, 1.0104), (0.3, 1.0257)]
)
def test_exact_gaps_in_the_plane_over_eyring_kramers(temperature, ratio):
    """Theory 7.3."""
    rate = eyring_kramers(plane(), (-1.0, 0.0), (0.0, 0.0), temperature).value
    gap = ll.exact.spectral_gap(ll.Overdamped(plane(), temperature=temperature), n=100)
    assert gap.value / (2 * rate) == pytest.approx(ratio, abs=6e-5)
    assert gap.error < 1e-5 * gap.value


def test_friction_per_coordinate_enters_through_the_unstable_direction():
    """Separable: only the friction along the reaction counts; a rotated saddle mixes both."""
    potential = plane("(x**2 - 1)**2 + 2*y**2")
    base = eyring_kramers(potential, (-1, 0), (0, 0), 0.1).value
    assert eyring_kramers(
        potential, (-1, 0), (0, 0), 0.1, friction=(2.0, 7.0)
    ).value == pytest.approx(base / 2, rel=1e-12)
    coupled = plane("(x**2 - 1)**2 + 2*(y - x)**2")
    frictions = np.array([2.0, 7.0])
    rate = eyring_kramers(coupled, (-1, -1), (0, 0), 0.1, friction=frictions).value
    hessian = coupled.hessian(np.zeros(2))
    growth = np.linalg.eigvals(-hessian / frictions[:, None]).real.max()
    entropy = np.sqrt(np.linalg.det(coupled.hessian(-np.ones(2))) / -np.linalg.det(hessian))
    assert rate == pytest.approx(growth / (2 * np.pi) * entropy * np.exp(-10.0), rel=1e-12)


# Theory 7.4, column KL.
KRAMERS_TABLE = [
    (0.1, 1.9933e-5, 2.9583e-3),
    (0.2, 1.9441e-5, 2.8853e-3),
    (0.3, 1.8962e-5, 2.8142e-3),
    (0.5, 1.8042e-5, 2.6776e-3),
    (1.0, 1.5957e-5, 2.3682e-3),
    (2.0, 1.2631e-5, 1.8746e-3),
    (5.0, 7.1690e-6, 1.0640e-3),
    (10.0, 3.9358e-6, 5.8413e-4),
]


@pytest.mark.parametrize(("friction", "cold", "warm"), KRAMERS_TABLE)
def test_kramers_rates_of_the_theory_table(friction, cold, warm):
    for temperature, expected in ((0.1, cold), (0.2, warm)):
        rate = kramers(double_well(), -1.0, 0.0, temperature, friction=friction)
        assert rate.value == pytest.approx(expected, rel=3e-5)


def test_kramers_lies_between_transition_state_theory_and_eyring_kramers():
    settings = (double_well(), -1.0, 0.0, 0.1)
    tst = transition_state_theory(*settings).value
    assert tst == pytest.approx(np.sqrt(8.0) / (2 * np.pi) * np.exp(-10.0), rel=1e-13)
    assert kramers(*settings, friction=0.0).value == pytest.approx(tst, rel=1e-13)
    assert kramers(*settings, friction=1.0).value < tst
    # friction -> infinity: the overdamped law; the relative difference is w_b^2 / friction^2.
    fast = kramers(*settings, friction=1e3).value
    overdamped = eyring_kramers(*settings, friction=1e3).value
    assert 1 - fast / overdamped == pytest.approx(4e-6, rel=1e-3)
    # mass: w_0 and TST scale with 1/sqrt(mass)
    heavy = transition_state_theory(*settings, mass=4.0).value
    assert heavy == pytest.approx(tst / 2, rel=1e-13)


def test_langer_in_the_plane_by_two_routes():
    """Equal frictions use the stable root, unequal ones the eigenvalues of the flow."""
    potential = plane("(x**2 - 1)**2 + 2*(y - x)**2")
    settings = (potential, (-1.0, -1.0), (0.0, 0.0), 0.2)
    equal = kramers(*settings, friction=0.7, mass=(1.0, 3.0)).value
    nearly = kramers(*settings, friction=(0.7, 0.7 + 1e-12), mass=(1.0, 3.0)).value
    assert equal == pytest.approx(nearly, rel=1e-10)
    different = kramers(*settings, friction=(0.7, 2.0), mass=(1.0, 3.0)).value
    assert different < equal
    # Uncoupled: the spectator coordinate's friction and mass play no part.
    flat = (plane("(x**2 - 1)**2 + 2*y**2"), (-1.0, 0.0), (0.0, 0.0), 0.2)
    one = kramers(double_well(), -1.0, 0.0, 0.2, friction=0.7).value
    two = kramers(*flat, friction=(0.7, 5.0), mass=(1.0, 9.0)).value
    assert two == pytest.approx(one, rel=1e-12)


def test_stationary_points_of_a_potential_are_accepted():
    potential = double_well()
    minimum, saddle = potential.minima[0], potential.saddles[0]
    assert eyring_kramers(potential, minimum, saddle, 0.2).mean_time == pytest.approx(
        164.846, rel=1e-5
    )


def test_wrong_input_is_refused():
    potential = double_well()
    with pytest.raises(ValueError, match=r"minimum=\[0\.0\] has Hessian eigenvalues \[-4\.\]"):
        eyring_kramers(potential, 0.0, 0.0, 0.2)
    with pytest.raises(ValueError, match=r"saddle=\[1\.0\] has Hessian eigenvalues \[8\.\]"):
        eyring_kramers(potential, -1.0, 1.0, 0.2)
    with pytest.raises(ValueError, match=r"saddle=\[0\.1\] is not stationary: \|gradient\|=0\.396"):
        eyring_kramers(potential, -1.0, 0.1, 0.2)
    with pytest.raises(ValueError, match=r"saddle=.* eigenvalues \[-4\. -2\.\].*exactly one"):
        eyring_kramers(plane("(x**2 - 1)**2 + (y**2 - 1)**2/2"), (-1, -1), (0, 0), 0.2)
    # A saddle of x below the other minimum of y.
    tilted = plane("(x**2 - 1)**2 + 4*(y**2 - 1)**2 - 3*(y**3/3 - y)")
    with pytest.raises(ValueError, match=r"lies -\d.* above minimum=\[-1\.0, 1\.0\]"):
        eyring_kramers(tilted, (-1.0, 1.0), (0.0, -1.0), 0.2)
    with pytest.raises(ValueError, match=r"temperature=0\.0 must be a finite number > 0"):
        eyring_kramers(potential, -1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"friction=0\.0 must be finite and > 0"):
        eyring_kramers(potential, -1.0, 0.0, 0.2, friction=0.0)
    with pytest.raises(ValueError, match=r"friction=-1\.0 must be finite and >= 0"):
        kramers(potential, -1.0, 0.0, 0.2, friction=-1.0)
    with pytest.raises(ValueError, match=r"mass=0\.0 must be finite and > 0"):
        kramers(potential, -1.0, 0.0, 0.2, friction=1.0, mass=0.0)
    with pytest.raises(
        ValueError, match=r"friction has shape \(2,\); give a number or shape \(1,\)"
    ):
        kramers(potential, -1.0, 0.0, 0.2, friction=(1.0, 2.0))
    with pytest.raises(ValueError, match="multiplicity=0"):
        eyring_kramers(potential, -1.0, 0.0, 0.2, multiplicity=0)
    for wrong in (1.5, np.nan, True, "2"):
        with pytest.raises(TypeError, match=r"multiplicity=.* must be an integer >= 1"):
            eyring_kramers(potential, -1.0, 0.0, 0.2, multiplicity=wrong)
        with pytest.raises(TypeError, match=r"multiplicity=.* must be an integer >= 1"):
            kramers(potential, -1.0, 0.0, 0.2, friction=1.0, multiplicity=wrong)
    with pytest.raises(ValueError, match=r"minimum=\(1, 2\) must be a finite point with 1"):
        eyring_kramers(potential, (1, 2), 0.0, 0.2)
    with pytest.raises(ValueError, match=r"correction at temperature=20\.0 is 1 \+ -2\.4.*lower"):
        eyring_kramers(plane(), (-1, 0), (0, 0), 20.0, correction=True)
    with pytest.raises(ValueError, match="saddles is empty"):
        eyring_kramers_over(potential, -1.0, [], 0.2)
    with pytest.raises(ValueError, match=r"saddles holds \[0\.0\] twice"):
        eyring_kramers_over(potential, -1.0, [0.0, potential.saddles[0]], 0.2)


def test_logarithm_of_a_rate_outlives_float64():
    """exp(log) is the value where there is one; the logarithm is linear in 1/T beyond."""
    well = ll.potentials.double_well()
    where = (well, -1.0, 0.0)
    laws = {
        "Eyring-Kramers": lambda T: ll.escape.eyring_kramers(*where, T),
        "corrected": lambda T: ll.escape.eyring_kramers(*where, T, correction=True),
        "several": lambda T: ll.escape.eyring_kramers_over(well, -1.0, [0.0], T),
        "Kramers": lambda T: ll.escape.kramers(*where, T, friction=0.7),
        "transition state": lambda T: ll.escape.transition_state_theory(*where, T),
        "weak friction": lambda T: ll.escape.energy_diffusion(*where, T, friction=0.01),
        "turnover": lambda T: ll.escape.turnover(*where, T, friction=0.7),
        "normal modes": lambda T: ll.escape.pollak_grabert_haenggi(*where, T, friction=0.7),
        "soft": lambda T: ll.escape.soft_eyring_kramers(*where, T),
        "heavy ball": lambda T: ll.escape.heavy_ball_escape(
            *where, learning_rate=1e-4, momentum=0.5, gradient_noise=float(np.sqrt(1e4 * T))
        ),
    }
    for name, law in laws.items():
        rate = law(0.05)
        assert np.exp(rate.log_value) == pytest.approx(rate.value, rel=1e-12), name
        assert rate.mean_time == pytest.approx(1.0 / rate.value, rel=1e-12), name
        cold = law(1e-3)  # dU/T = 1000
        assert (cold.value, cold.mean_time) == (0.0, np.inf), name
        assert np.isfinite(cold.log_value), name
        assert cold.log_value + 1e3 == pytest.approx(rate.log_value + 20.0, abs=5.0), name
    assert laws["Eyring-Kramers"](1e-3).log_value == pytest.approx(
        np.log(4 / (2 * np.pi) * np.sqrt(2)) - 1e3, rel=1e-12
    )


def test_nothing_leaves_without_friction_by_energy_diffusion():
    rate = ll.escape.energy_diffusion(ll.potentials.double_well(), -1.0, 0.0, 0.1, friction=0.0)
    assert (rate.value, rate.mean_time, rate.log_value) == (0.0, np.inf, -np.inf)

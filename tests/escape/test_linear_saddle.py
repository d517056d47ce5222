"""Exit from a linear saddle: theory 7.5, mpmath, quadrature, and the exact Gaussian law."""

import mpmath
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.escape import langevin_saddle_exit_time, linear_saddle_exit_time


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.1, 1.724138), (0.01, 2.932689), (1e-3, 4.088558), (1e-4, 5.240302), (1e-6, 7.542936),
     (1e-8, 9.845522)],
)  # fmt: skip
def test_overdamped_means_of_the_theory_sheet(temperature, expected):
    mean = linear_saddle_exit_time(curvature=1.0, distance=1.0, temperature=temperature).mean
    assert mean == pytest.approx(expected, abs=6e-7)
    z = 1 / (2 * temperature)
    assert mean == pytest.approx(float(z * mpmath.hyp2f2(1, 1, 1.5, 2, -z)), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.01, 0.3, 5.0])
def test_overdamped_mean_equals_the_passage_integral(temperature):
    """The quadrature of the passage time over the parabola, from a wall at its top."""
    parabola = ll.Potential.from_expression("-k*x**2/2", variables=("x",), parameters={"k": 2.0})
    dynamics = ll.Overdamped(parabola, temperature=temperature, friction=1.7)
    expected = ll.exact.mean_first_passage_time(dynamics, 0.0, 0.8, reflecting=0.0).value
    ours = linear_saddle_exit_time(
        curvature=2.0, distance=0.8, temperature=temperature, friction=1.7
    )
    assert ours.mean == pytest.approx(expected, rel=1e-12)


def test_overdamped_deviation_and_law_hold_at_low_temperature():
    parabola = ll.Potential.from_expression("-x**2/2", variables=("x",))
    dynamics = ll.Overdamped(parabola, temperature=1e-4)
    exact = ll.exact.first_passage_moments(dynamics, 0.0, 1.0, reflecting=0.0)
    ours = linear_saddle_exit_time(curvature=1.0, distance=1.0, temperature=1e-4)
    assert ours.standard_deviation == pytest.approx(1.1107, abs=5e-5)
    assert ours.standard_deviation == pytest.approx(exact.standard_deviation.value, rel=1e-3)
    # The law has the stated mean and deviation.
    t = np.linspace(-20.0, 60.0, 80_001)
    density = np.gradient(ours.probability(t), t)
    mean = np.sum(t * density) * (t[1] - t[0])
    variance = np.sum((t - mean) ** 2 * density) * (t[1] - t[0])
    assert mean == pytest.approx(ours.mean, abs=1e-4)
    assert np.sqrt(variance) == pytest.approx(ours.standard_deviation, abs=1e-4)


def test_mean_grows_by_half_the_logarithm_of_the_noise():
    means = [
        linear_saddle_exit_time(curvature=2.0, distance=1.0, temperature=t, friction=0.5).mean
        for t in (1e-8, 1e-6)
    ]
    growth = 2.0 / 0.5
    assert (means[0] - means[1]) / np.log(100.0) == pytest.approx(1 / (2 * growth), rel=1e-5)


# Theory 7.5, k = L = 1, T = 1e-4: friction, cold, thermal (None: not in the sheet).
LANGEVIN_TABLE = [
    (0.01, 8.275, 5.958),
    (0.1, 7.423, 6.186),
    (0.3, 7.515, None),
    (1.0, 9.392, 9.003),
    (10.0, 53.07, None),
]


@pytest.mark.parametrize(("friction", "cold", "thermal"), LANGEVIN_TABLE)
def test_underdamped_means_of_the_theory_sheet(friction, cold, thermal):
    settings = {"curvature": 1.0, "distance": 1.0, "temperature": 1e-4, "friction": friction}
    assert float(langevin_saddle_exit_time(**settings)) == pytest.approx(cold, abs=6e-4 * cold / 9)
    if thermal is not None:
        ours = langevin_saddle_exit_time(**settings, thermal_start=True)
        assert ours.mean == pytest.approx(thermal, abs=6e-4)


@pytest.mark.parametrize("thermal", [False, True])
def test_amplitude_is_that_of_the_exact_gaussian_law(thermal):
    """At late times Var x = S^2 exp(2 l t): from many small BAOAB steps of the exact law."""
    friction, k, mass, temperature = 0.7, 2.0, 3.0, 0.01
    ours = langevin_saddle_exit_time(
        curvature=k, distance=1.0, temperature=temperature, friction=friction, mass=mass,
        thermal_start=thermal,
    )  # fmt: skip
    dt, time = 1e-3, 20.0
    start = np.diag([0.0, mass * temperature if thermal else 0.0])
    _, covariance = ll.exact.propagate(
        "BAOAB", round(time / dt), mean=np.zeros(2), covariance=start, stiffness=-k,
        temperature=temperature, friction=friction, mass=mass, dt=dt,
    )  # fmt: skip
    log_amplitude = 0.5 * np.log(covariance[0, 0]) - ours.growth_rate * time
    assert -log_amplitude == pytest.approx(ours.log_amplitude, abs=1e-4)


@pytest.mark.parametrize(
    ("temperature", "best", "least"),
    [(0.1, 0.399, 3.486), (1e-2, 0.260, 4.836), (1e-3, 0.195, 6.124), (1e-4, 0.157, 7.380),
     (1e-6, 0.113, 9.840), (1e-8, 0.0888, 12.260)],
)  # fmt: skip
def test_optimal_friction_of_a_cold_start(temperature, best, least):
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda g: (
            langevin_saddle_exit_time(
                curvature=1.0, distance=1.0, temperature=temperature, friction=g
            ).mean
        ),
        bounds=(0.01, 2.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    assert found.x == pytest.approx(best, abs=6e-4)
    assert found.fun == pytest.approx(least, abs=6e-4)


def test_wrong_input_is_refused():
    good = {"curvature": 1.0, "distance": 1.0, "temperature": 0.1}
    for name in good:
        with pytest.raises(ValueError, match=rf"{name}=-1\.0 must be a finite number > 0"):
            linear_saddle_exit_time(**{**good, name: -1.0})
    with pytest.raises(ValueError, match=r"friction=0\.0 must be finite and > 0"):
        langevin_saddle_exit_time(**good, friction=0.0)
    assert langevin_saddle_exit_time(**good, friction=0.0, thermal_start=True).growth_rate == 1.0
    with pytest.raises(ValueError, match=r"mass=0\.0 must be a finite number > 0"):
        langevin_saddle_exit_time(**good, friction=1.0, mass=0.0)


def test_optimal_friction_is_where_the_mean_of_a_cold_start_is_least():
    reference = {0.1: (0.399, 3.486), 0.01: (0.260, 4.836), 1e-3: (0.195, 6.124),
                 1e-4: (0.157, 7.380), 1e-6: (0.113, 9.840), 1e-8: (0.0888, 12.260)}  # fmt: skip
    for temperature, (expected, mean) in reference.items():
        setting = {"curvature": 1.0, "distance": 1.0, "temperature": temperature}
        friction, law = ll.escape.optimal_exit_friction(**setting)
        assert friction == pytest.approx(expected, rel=3e-3)
        assert law.mean == pytest.approx(mean, abs=1e-3)
        for factor in (0.9, 1.1):
            other = ll.escape.langevin_saddle_exit_time(friction=factor * friction, **setting)
            assert other.mean > law.mean


def test_optimal_friction_scales_with_time_and_mass():
    setting = {"curvature": 3.0, "distance": 0.5, "temperature": 1e-4, "mass": 2.0}
    scaled = {"curvature": 1.0, "distance": 1.0, "temperature": 1e-4 / (3.0 * 0.25)}
    friction, law = ll.escape.optimal_exit_friction(**setting)
    unit, unit_law = ll.escape.optimal_exit_friction(**scaled)
    assert friction == pytest.approx(unit * np.sqrt(1.5), rel=1e-5)
    assert law.mean == pytest.approx(unit_law.mean / np.sqrt(1.5), rel=1e-9)


def test_a_hot_saddle_has_no_optimal_friction():
    with pytest.raises(ValueError, match=r"temperature=1000\.0 .* the exit formula has no minimum"):
        ll.escape.optimal_exit_friction(curvature=1.0, distance=1.0, temperature=1000.0)
    with pytest.raises(ValueError, match=r"distance=0\.0 must be a finite number > 0"):
        ll.escape.optimal_exit_friction(curvature=1.0, distance=0.0, temperature=0.1)

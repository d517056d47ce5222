"""Exit from strict saddles: closed forms, mpmath, scipy, sampled amplitudes, first passage."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import digamma, erf, gammainc, polygamma
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import (
    SaddleExit,
    isotropic_saddle_exit_mean,
    strict_saddle_exit_time,
)
from langevin_lab.escape.growing_amplitudes import chi_square_sum_below_one

UNIT = {"distance": 1.0, "temperature": 1e-4}


@pytest.mark.parametrize("n_unstable", [1, 2, 3, 10, 100])
def test_moments_of_equal_directions_are_polygamma_functions(n_unstable):
    law = strict_saddle_exit_time(curvatures=[2.0] * n_unstable, distance=1.0, temperature=1e-14)
    scale = np.log(1.0 / np.sqrt(1e-14 / 2.0))
    mean = (scale - 0.5 * (digamma(n_unstable / 2) + np.log(2.0))) / 2.0
    assert law.mean == pytest.approx(mean, rel=1e-12)
    assert float(law) == law.mean
    deviation = np.sqrt(polygamma(1, n_unstable / 2)) / 4.0
    assert law.standard_deviation == pytest.approx(deviation, rel=1e-11)


@pytest.mark.parametrize("start", ["cold", "thermal", "overdamped"])
def test_one_direction_is_the_linear_saddle(start):
    settings = {"distance": 0.3, "temperature": 1e-18, "friction": 0.7}
    if start == "overdamped":
        one = ll.escape.linear_saddle_exit_time(curvature=2.0, **settings)
        law = strict_saddle_exit_time(curvatures=2.0, **settings)
    else:
        settings |= {"mass": 3.0, "thermal_start": start == "thermal"}
        one = ll.escape.langevin_saddle_exit_time(curvature=2.0, **settings)
        law = strict_saddle_exit_time(curvatures=2.0, **settings)
        assert law.mean == pytest.approx(one.mean, rel=1e-12)
    assert law.growth_rates[0] == pytest.approx(one.growth_rate, rel=1e-14)
    assert law.standard_deviation == pytest.approx(one.standard_deviation, rel=1e-11)
    times = np.linspace(-5.0, 60.0, 50)
    # Absolutely: far below the mean, where 1 - survival keeps no digits, both are 0.
    assert np.abs(law.probability(times) - one.probability(times)).max() < 1e-14
    box = SaddleExit(law.growth_rates, law.amplitudes, law.distances, "box")
    assert np.abs(box.survival(times) - law.survival(times)).max() < 1e-14
    assert box.mean == pytest.approx(law.mean, rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0.1, 5.0), (1.0, 1.3), (1e-6, 0.4), (3.0, 1e5)])
def test_two_weights_by_quadrature(a, b):
    """P(a x^2 + b y^2 > 1) is a one-dimensional integral over the angle."""

    def outside(angle):
        return np.exp(-0.5 / (a * np.cos(angle) ** 2 + b * np.sin(angle) ** 2)) / (np.pi / 2)

    left = quad(outside, 0.0, np.pi / 2, epsabs=1e-13, limit=400, points=[1e-3, 0.03])[0]
    inside = float(chi_square_sum_below_one(np.array([a, b])))
    assert inside == pytest.approx(1.0 - left, abs=1e-10)


@pytest.mark.parametrize("m", [5, 20, 50, 100])
def test_talbot_contour_meets_the_incomplete_gamma_function(m):
    value = np.geomspace(1e-4, 1e4, 100)
    weights = np.ones((100, m)) / value[:, None]
    weights[:, 0] *= 1 + 1e-12  # not equal: not the shortcut
    assert np.abs(chi_square_sum_below_one(weights) - gammainc(m / 2, value / 2)).max() < 1e-10
    weights[:, 0] = weights[:, 1]
    equal = chi_square_sum_below_one(weights)
    assert equal == pytest.approx(gammainc(m / 2, value / 2), rel=1e-12, abs=0)


@pytest.mark.parametrize("region", ["sphere", "box"])
def test_law_of_different_directions_against_drawn_amplitudes(region):
    curvatures, n = np.array([1.0, 0.9, 0.7]), 200_000
    law = strict_saddle_exit_time(curvatures=curvatures, region=region, **UNIT)
    amplitudes = np.sqrt(1e-4 / curvatures) * np.random.default_rng(5).standard_normal((n, 3))
    if region == "box":
        times = (-np.log(np.abs(amplitudes)) / curvatures).min(axis=1)
    else:
        times = np.full(n, law.mean)
        for _ in range(60):  # Newton's method for the log of the radius
            squares = amplitudes**2 * np.exp(2 * np.outer(times, curvatures))
            total = squares.sum(axis=1)
            times -= 0.5 * np.log(total) * total / (squares @ curvatures)
    error = times.std() / np.sqrt(n)
    assert_agrees(times.mean(), error, law.mean, n, region)
    for wrong in (1.02 * curvatures, curvatures[:2]):
        other = strict_saddle_exit_time(curvatures=wrong, region=region, **UNIT)
        assert_refutes(times.mean(), error, other.mean, n, region)
    spread = np.sqrt(np.mean((times - times.mean()) ** 4) / times.var() ** 2 - 1) / 2 / np.sqrt(n)
    assert_agrees(times.std(), spread * times.std(), law.standard_deviation, n, "deviation")
    place = law.mean - 0.3
    assert_agrees(np.mean(times < place), 0.5 / np.sqrt(n), law.probability(place), n, "law")


def test_a_box_has_a_distance_for_each_direction():
    law = strict_saddle_exit_time(
        curvatures=[1.0, 0.5], distance=[1.0, 1e9], temperature=1e-4, region="box"
    )
    alone = strict_saddle_exit_time(curvatures=[1.0], **UNIT)
    assert law.mean == pytest.approx(alone.mean, rel=1e-6)
    assert law.noise_at_exit == pytest.approx(1e-4)


def test_a_delay_is_late_by_it_and_rounds_up():
    law = strict_saddle_exit_time(curvatures=[1.0, 0.8], **UNIT)
    late = SaddleExit(law.growth_rates, law.amplitudes, law.distances, "sphere", delay=0.05)
    times = np.arange(-200, 400) * 0.1
    chance = np.diff(law.probability(times))  # seen at the end of each step
    mean = chance @ times[1:]
    assert late.mean == pytest.approx(mean, abs=1e-9)
    deviation = np.sqrt(chance @ (times[1:] - mean) ** 2)
    assert late.standard_deviation == pytest.approx(deviation, abs=1e-7)


@pytest.mark.parametrize("n_unstable", [1, 2, 5, 40])
@pytest.mark.parametrize("temperature", [2.0, 0.03, 1e-7])
def test_exact_mean_is_the_hypergeometric_function(n_unstable, temperature):
    z = 1.5 * 0.8**2 / (2 * temperature)
    exact = mpmath.hyp2f2(1, 1, mpmath.mpf(n_unstable) / 2 + 1, 2, -z)
    expected = 0.8**2 / (2 * n_unstable * temperature / 1.7) * float(exact)
    ours = isotropic_saddle_exit_mean(
        n_unstable=n_unstable, curvature=1.5, distance=0.8, temperature=temperature, friction=1.7
    )
    assert ours == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_unstable", [1, 2, 7, 100])
@pytest.mark.parametrize("z", [1e-290, 1e-5, 2e17, 3e17, 1e100, 1e200, 1e300])
def test_exact_mean_at_any_temperature(n_unstable, z):
    """(ln z - digamma(m/2))/2 where z is large, z/m where it is small, by mpmath between."""
    found = isotropic_saddle_exit_mean(
        n_unstable=n_unstable, curvature=2.0, distance=1.0, temperature=1 / z, friction=2.0
    )
    if z > 1e10:
        expected = 0.5 * (np.log(z) - digamma(n_unstable / 2))
    else:
        half = mpmath.mpf(n_unstable) / 2
        expected = float(z / n_unstable * mpmath.hyp2f2(1, 1, half + 1, 2, -z))
    assert found == pytest.approx(expected, rel=1e-12)


def test_exact_mean_solves_the_equation_of_the_plane():
    """Finite volumes on a quarter of the unstable disc; beyond it the continued mean, < 0."""
    parabola = ll.Potential.from_expression("-(x**2 + y**2)/2", "x, y")

    def exact(distance, temperature=0.1):
        return isotropic_saddle_exit_mean(
            n_unstable=2, curvature=1.0, distance=distance, temperature=temperature
        )

    grid = np.linspace(1e-3, 1.8, 1000)
    table = [exact(d) for d in grid]
    means = []
    for n in (60, 120):
        cells = ll.exact.generator(
            ll.Overdamped(parabola, temperature=0.1), domain=((0.0, 1.2), (0.0, 1.2)), n=n
        )
        r = np.hypot(*cells.points.T)
        left = cells.solve(r >= 1.0, exact(1.0) - np.interp(r, grid, table), -1.0)
        means.append(left[r.argmin()] + exact(r.min()))
    extrapolated = means[1] + (means[1] - means[0]) / 3
    assert extrapolated == pytest.approx(exact(1.0), rel=1e-4)
    assert extrapolated != pytest.approx(exact(1.0, temperature=0.102), rel=1e-3)


def test_law_is_the_limit_of_the_exact_mean():
    """Paths that come back: the law is late by (S/L)^2/l = T/(k L^2 l) in any dimension."""
    for m in (1, 4):
        settings = {"distance": 1.0, "temperature": 1e-3}
        law = strict_saddle_exit_time(curvatures=[1.0] * m, **settings)
        exact = isotropic_saddle_exit_mean(n_unstable=m, curvature=1.0, **settings)
        cold = settings | {"temperature": 1e-4}
        law_cold = strict_saddle_exit_time(curvatures=[1.0] * m, **cold)
        exact_cold = isotropic_saddle_exit_mean(n_unstable=m, curvature=1.0, **cold)
        # From the expansion of 1F1 for large z = k L^2/(2 T).
        assert law.mean - exact == pytest.approx(1e-3, rel=0.02)
        assert law_cold.mean - exact_cold == pytest.approx(1e-4, rel=0.02)


def test_a_soft_direction_is_one_of_exact_ornstein_uhlenbeck_paths():
    """Exact steps of both directions; the law once continued to t < 0 and had 5.05 here."""
    n, dt, rng = 20_000, 0.01, np.random.default_rng(11)
    curvatures = np.array([1.0, 1e-3])
    law = strict_saddle_exit_time(curvatures=curvatures, **UNIT)
    spread = np.sqrt(1e-4 * np.expm1(2 * curvatures * dt) / curvatures)
    u, steps, inside = np.zeros((n, 2)), np.zeros(n), np.arange(n)
    while inside.size:
        u = u * np.exp(curvatures * dt) + spread * rng.standard_normal(u.shape)
        steps[inside] += 1
        stay = (u**2).sum(axis=1) < 1.0
        u, inside = u[stay], inside[stay]
    times = dt * (steps - 0.5)
    error = times.std() / np.sqrt(n)
    assert_agrees(times.mean(), error, law.mean, n, "soft direction")
    assert_agrees(times.std(), 0.01, law.standard_deviation, n, "its deviation")
    for wrong in ([1.03, 1e-3], [1.0, 0.8]):
        other = strict_saddle_exit_time(curvatures=wrong, **UNIT)
        assert_refutes(times.mean(), error, other.mean, n, "curvatures")
    assert law.noise_at_exit == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize("region", ["sphere", "box"])
@pytest.mark.parametrize("soft", [2.5e-3, 1e-3, 5e-4, 2e-4, 1e-4, 1e-8])
def test_a_soft_direction_changes_nothing_but_its_diffusion(soft, region):
    alone = strict_saddle_exit_time(curvatures=1.0, **UNIT)
    both = strict_saddle_exit_time(curvatures=[1.0, soft], region=region, **UNIT)
    assert -1e-12 < alone.mean - both.mean < 2e-3
    assert both.standard_deviation == pytest.approx(alone.standard_deviation, rel=1e-3)


@pytest.mark.parametrize("settings", [
    {}, {"mass": 2.0}, {"mass": 2.0, "thermal_start": True},
    {"mass": 2.0, "thermal_start": True, "friction": 0.0},
])  # fmt: skip
def test_variances_solve_the_equation_of_the_moments(settings):
    """dC/dt = A C + C A^T + B, by scipy."""
    numbers = {"friction": 0.6} | settings
    law = strict_saddle_exit_time(curvatures=[0.8], distance=1.0, temperature=1e-3, **numbers)
    drag, mass = numbers["friction"], numbers.get("mass")
    if mass is None:
        flow, noise, start = np.array([[0.8 / drag]]), np.array([[2e-3 / drag]]), np.zeros((1, 1))
    else:
        flow = np.array([[0.0, 1.0], [0.8 / mass, -drag]])
        noise = np.diag([0.0, 2e-3 * drag / mass])
        start = np.diag([0.0, 1e-3 / mass * ("thermal_start" in numbers)])

    def slope(_, c):
        c = c.reshape(start.shape)
        return (flow @ c + c @ flow.T + noise).ravel()

    times = np.array([0.05, 0.3, 1.0, 4.0])
    found = solve_ivp(slope, (0, 4), start.ravel(), t_eval=times, rtol=1e-11, atol=1e-16)
    assert law._weights(times)[:, 0] == pytest.approx(found.y[0], rel=1e-8)


@pytest.mark.parametrize("curvatures", [[1.0], [1.0, 2.0], [1.0, 1.0], [1.0, 1e-3]])
@pytest.mark.parametrize("settings", [{}, {"mass": 1.0}, {"region": "box"}])
def test_nobody_is_left_at_large_times(curvatures, settings):
    """Under warnings as errors: the growth once overflowed to NaN."""
    law = strict_saddle_exit_time(curvatures=curvatures, **UNIT, **settings)
    times = np.array([-1e4, -1.0, 0.0, 1e3, 1e4, 1e300])
    assert law.survival(times) == pytest.approx([1, 1, 1, 0, 0, 0], abs=1e-12)
    assert law.probability(1e4) == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.diff(law.survival(np.linspace(0.0, 1e3, 2000))) < 1e-10)


def test_means_are_positive_and_noise_is_named():
    with pytest.warns(UserWarning, match=r"direction 0, of growth rate 1, .*\(S/L\)\^2 = 100, so"):
        law = strict_saddle_exit_time(curvatures=1.0, distance=0.1, temperature=1.0)
    # int_0^inf erf(L/sqrt(2 V)) dt by quadrature: positive, if late.
    expected = quad(lambda t: erf(0.1 / np.sqrt(2 * np.expm1(2 * t))), 0, 30, limit=400)[0]
    assert law.mean == pytest.approx(expected, rel=1e-7)
    with pytest.warns(UserWarning, match=r"direction 1, of growth rate 0\.01"):
        strict_saddle_exit_time(curvatures=[1.0, 0.01], distance=[9e9, 1.0], temperature=0.1,
                                region="box")  # fmt: skip


def test_wrong_input_is_refused():
    good = {"curvatures": [1.0, 0.5], "distance": 1.0, "temperature": 0.1}
    for change, message in (
        ({"curvatures": [1.0, -1.0]}, r"curvatures=\[1.0, -1.0\] must be positive and finite"),
        ({"curvatures": []}, r"curvatures=\[\] must be positive"),
        ({"temperature": 0.0}, r"temperature=0\.0 must be a finite number > 0"),
        ({"friction": 0.0}, r"friction=0\.0 must be finite and > 0 \(>= 0 with thermal"),
        ({"mass": 0.0}, r"mass=0\.0 must be a finite number > 0"),
        ({"thermal_start": True}, r"thermal_start=True without a mass"),
        ({"region": "ball"}, r"region='ball' must be 'sphere' or 'box'"),
        ({"distance": [1.0, 2.0]}, r"distance=\[1.0, 2.0\] of a sphere must be one number"),
        ({"distance": [1.0] * 3, "region": "box"}, r"must be one number, or one for each of 2"),
    ):
        with pytest.raises(ValueError, match=message):
            strict_saddle_exit_time(**{**good, **change})
    with pytest.raises(ValueError, match=r"distance=-1\.0 must be a finite number > 0"):
        isotropic_saddle_exit_mean(n_unstable=1, curvature=1.0, distance=-1.0, temperature=0.1)
    with pytest.raises(ValueError, match=r"n_unstable=0 must be"):
        isotropic_saddle_exit_mean(n_unstable=0, curvature=1.0, distance=1.0, temperature=0.1)

"""Exit steps against the propagated law of the recursion, quadrature, and the package's SDEs."""

import math
import warnings

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.limits.escape_steps import (
    diffusion_exit_steps,
    exit_steps_with_probability,
    heavy_ball_exit_steps,
)
from langevin_lab.limits.exit_law import exact_exit_law
from langevin_lab.limits.regime import OutsideRegimeWarning

CASES = [(0.01, 0.0), (0.01, 0.5), (0.01, 0.9), (0.001, 0.9)]


def constants(rate=0.01, momentum=0.5, curvature=1.0, noise=1.0, distance=1.0):
    return {
        "learning_rate": rate, "momentum": momentum, "curvature": curvature,
        "gradient_noise": noise, "distance": distance,
    }  # fmt: skip


def normal_average(function):
    """Of a function of |xi|, xi a standard normal, by quadrature: no closed form is used."""
    from scipy.integrate import quad

    def density(x):
        return function(x) * math.exp(-0.5 * x * x) * math.sqrt(2.0 / math.pi)

    return quad(density, 0.0, 1.0)[0] + quad(density, 1.0, np.inf)[0]


@pytest.mark.parametrize(("rate", "momentum"), CASES)
def test_growth_and_amplitude_are_those_of_the_propagated_law(rate, momentum):
    """Var x_n -> S^2 growth^(2 n): both are read off the law of the method at two late steps."""
    curvature, noise = 1.3, 0.7
    method = ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum)
    n = round(24.0 / (rate * curvature / (1 - momentum)))
    variances = [
        ll.exact.propagate(
            method, steps, mean=[0.0, 0.0], stiffness=-curvature, gradient_noise=noise
        )[1][0, 0]
        for steps in (n, n + 1)
    ]
    exit = heavy_ball_exit_steps(**constants(rate, momentum, curvature, noise, distance=3.0))
    assert exit.growth == pytest.approx(math.sqrt(variances[1] / variances[0]), rel=1e-9)
    amplitude = math.sqrt(variances[0]) / exit.growth**n
    assert exit.amplitude == pytest.approx(amplitude, rel=1e-6)
    by_hand = (math.log(3.0 / amplitude) - normal_average(math.log)) / math.log(exit.growth)
    assert exit.mean == pytest.approx(by_hand, rel=1e-6)


def test_spread_is_that_of_the_logarithm_of_a_normal():
    mean = normal_average(math.log)
    variance = normal_average(lambda x: (math.log(x) - mean) ** 2)
    exit = heavy_ball_exit_steps(**constants())
    spread = exit.standard_deviation * math.log(exit.growth)
    assert spread == pytest.approx(math.sqrt(variance), rel=1e-7)


def test_mean_is_the_sum_of_the_law():
    """Euler-Maclaurin: the sum over whole steps is the integral and half of the first term."""
    exit = heavy_ball_exit_steps(**constants(rate=0.001, momentum=0.0))
    steps = np.arange(60_000)
    assert np.sum(1.0 - exit.probability(steps)) == pytest.approx(exit.mean + 0.5, abs=1e-3)
    assert float(exit) == exit.mean


@pytest.mark.parametrize(
    ("rate", "momentum", "printed"),
    [(0.01, 0.0, 330.3), (0.01, 0.5, 152.9), (0.01, 0.9, 42.35), (0.001, 0.9, 369.6)],
)
def test_table_of_the_recursion(rate, momentum, printed):
    mean = heavy_ball_exit_steps(**constants(rate, momentum)).mean
    assert mean == pytest.approx(printed, abs=0.06)


@pytest.mark.parametrize(("rate", "momentum"), [(0.01, 0.0), (0.001, 0.5)])
def test_diffusion_is_the_overdamped_saddle_of_the_package(rate, momentum):
    """friction 1 - mu, temperature eta sigma^2/(2 (1 - mu)); its time is eta times the steps."""
    curvature, noise, distance = 0.8, 1.7, 2.3
    diffusion = diffusion_exit_steps(**constants(rate, momentum, curvature, noise, distance))
    friction = 1.0 - momentum
    saddle = ll.escape.linear_saddle_exit_time(
        curvature=curvature, distance=distance, friction=friction,
        temperature=rate * noise**2 / (2.0 * friction),
    )  # fmt: skip
    assert diffusion.amplitude == pytest.approx(distance * math.exp(-saddle.log_amplitude))
    assert diffusion.standard_deviation * rate == pytest.approx(saddle.standard_deviation)
    # The package's mean is exact: 2F2, whose next term is of order (S/distance)^2.
    assert diffusion.mean * rate == pytest.approx(saddle.mean, rel=2e-3)
    time = np.array([0.5, 1.0, 2.0]) * saddle.mean
    assert diffusion.probability(time / rate) == pytest.approx(saddle.probability(time))


def test_recursion_tends_to_its_diffusion():
    errors = []
    for rate in (1e-3, 5e-4, 2.5e-4):
        asked = constants(rate, 0.5)
        ratio = diffusion_exit_steps(**asked).mean / heavy_ball_exit_steps(**asked).mean
        errors.append(1.0 - ratio)
    assert np.diff(np.log(errors)) == pytest.approx(-math.log(2.0), rel=0.1)


def test_error_of_the_diffusion_is_its_small_parameter():
    asked = constants(0.001, 0.9)
    with pytest.warns(OutsideRegimeWarning, match=r"\(1 - momentum\)\^2\) = 0\.1 is above 0\.1"):
        diffusion = diffusion_exit_steps(**asked)
    error = 1.0 - diffusion.mean / heavy_ball_exit_steps(**asked).mean
    assert error == pytest.approx(diffusion.small_parameters[0].value, rel=0.2)


def test_outside_the_regime_the_number_is_named():
    with pytest.warns(OutsideRegimeWarning, match=r"= 1 is above 0\.1; use heavy_ball"):
        diffusion = diffusion_exit_steps(**constants(0.01, 0.9))
    assert diffusion.mean == pytest.approx(21.33, abs=0.01)
    with pytest.warns(OutsideRegimeWarning, match=r"\(S/distance\)\^2"):
        heavy_ball_exit_steps(**constants(0.01, 0.9, noise=3.0))
    with pytest.warns(OutsideRegimeWarning, match="= 1 is above"):
        exit_steps_with_probability(**constants(0.01, 0.9), missing=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diffusion_exit_steps(**constants(0.01, 0.5))
        heavy_ball_exit_steps(**constants(0.01, 0.9))


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.9])
def test_probability_form_is_the_gaussian_of_the_diffusion(missing):
    """P(|x(N_1)| >= distance) = 1 - missing for the exact law of a fine recursion."""
    rate = 1e-5
    steps = exit_steps_with_probability(**constants(rate, 0.5, noise=4.0), missing=missing)
    method = ll.momentum.HeavyBall(learning_rate=rate, momentum=0.5)
    _, law = ll.exact.propagate(
        method, round(steps), mean=[0.0, 0.0], stiffness=-1.0, gradient_noise=4.0
    )
    beyond = math.erfc(1.0 / math.sqrt(2.0 * law[0, 0]))
    assert beyond == pytest.approx(1 - missing, abs=2e-4)


def simulated_exits(rate, momentum, n=40_000):
    """Steps until |x| >= 1.1 from -0.6 x^2 with noise 0.9, by the recursion in numpy."""
    rng = np.random.default_rng(4)
    x, p, times = np.zeros(n), np.zeros(n), np.zeros(n)
    step = 0
    while (times == 0).any():
        step += 1
        p = momentum * p - rate * (-1.2 * x + 0.9 * rng.normal(size=n))
        x = x + p
        times[(times == 0) & (np.abs(x) >= 1.1)] = step
    return times


@pytest.mark.parametrize(("rate", "momentum"), [(0.1, 0.0), (0.1, 0.5), (0.05, 0.8)])
def test_exact_law_is_that_of_the_numpy_recursion(rate, momentum):
    times = simulated_exits(rate, momentum)
    law = exact_exit_law(**constants(rate, momentum, 1.2, 0.9, 1.1))
    stderr = times.std() / math.sqrt(times.size)
    z = (times.mean() - law.mean) / stderr
    print(f"{times.mean():.4f} +- {stderr:.4f} | {law.mean:.4f} | {z:+.1f} | {times.size}")
    assert abs(z) < 4
    assert times.std() == pytest.approx(law.standard_deviation, rel=0.02)
    middle = int(law.mean)
    error = 0.5 / math.sqrt(times.size)
    assert (times <= middle).mean() == pytest.approx(law.probability(middle), abs=4 * error)
    # Negative control: constants that are 3 % off are noticed.
    for wrong in (
        constants(1.03 * rate, momentum, 1.2, 0.9, 1.1),
        constants(rate, momentum, 1.2, 1.03 * 0.9, 1.1),
        constants(rate, momentum + 0.03, 1.2, 0.9, 1.1),
    ):
        assert abs(times.mean() - exact_exit_law(**wrong).mean) > 4 * stderr


def test_exact_law_has_converged_and_its_moments_are_those_of_its_survival():
    coarse, fine = (
        exact_exit_law(**constants(0.05, 0.7), nodes_per_spread=nodes) for nodes in (1.0, 1.6)
    )
    assert coarse.mean == pytest.approx(fine.mean, rel=1e-6)
    assert coarse.standard_deviation == pytest.approx(fine.standard_deviation, rel=1e-6)
    assert coarse.probability([5, 20, 60]) == pytest.approx(fine.probability([5, 20, 60]), abs=1e-6)
    survival = fine.survival(1500)
    assert survival.sum() == pytest.approx(fine.mean, rel=1e-6)
    square = 2 * np.arange(1501) @ survival + fine.mean
    assert math.sqrt(square - fine.mean**2) == pytest.approx(fine.standard_deviation, rel=1e-6)


def test_momentum_zero_is_the_limit_of_small_momentum():
    means = [exact_exit_law(**constants(0.05, momentum)).mean for momentum in (0.0, 1e-7)]
    assert means[0] == pytest.approx(means[1], rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"curvature": -1.0},
        {"gradient_noise": 0.0},
        {"distance": math.inf},
    ],
)
@pytest.mark.parametrize("function", [heavy_ball_exit_steps, diffusion_exit_steps, exact_exit_law])
def test_constants_out_of_range_are_named(function, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
        function(**constants() | wrong)


def test_other_wrong_input():
    with pytest.raises(ValueError, match=r"missing=1\.5 must be a probability"):
        exit_steps_with_probability(**constants(), missing=1.5)
    with pytest.raises(ValueError, match=r"nodes_per_spread=0\.5 must be >= 1"):
        exact_exit_law(**constants(), nodes_per_spread=0.5)
    with pytest.raises(ValueError, match="too many for this quadrature"):
        exact_exit_law(**constants(rate=1e-6))


def test_equations_that_do_not_converge_are_an_error(monkeypatch):
    import scipy.sparse.linalg

    monkeypatch.setattr(scipy.sparse.linalg, "bicgstab", lambda a, b, **_: (b, 7))
    with pytest.raises(RuntimeError, match=r"equations of \d+ states did not converge"):
        exact_exit_law(**constants(0.1)).mean  # noqa: B018


def test_exact_law_refuses_steps_that_there_are_not():
    law = exact_exit_law(**constants(0.1, 0.5))
    for steps in ([-3.0, 2.0], np.inf, np.nan):
        with pytest.raises(ValueError, match=r"steps=.* must be finite and >= 0"):
            law.probability(steps)
    with pytest.raises(ValueError, match="n_steps=-1 must be >= 0"):
        law.survival(-1)


def test_too_much_noise_at_the_exit_names_the_exact_law():
    with pytest.warns(OutsideRegimeWarning, match="noise at the exit .* use exact_exit_law"):
        heavy_ball_exit_steps(**constants(0.01, 0.9, distance=0.05))

"""The law of a passage time: closed forms, moments by quadrature, and simulation."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.exact import first_passage_law, first_passage_moments


def line(text, temperature, friction=1.0):
    potential = ll.Potential.from_expression(text, variables=("x",))
    return ll.Overdamped(potential, temperature=temperature, friction=friction)


def double_well(temperature, friction=1.0):
    return line("(x**2 - 1)**2", temperature, friction)


def test_free_diffusion_against_a_wall_is_the_cosine_series():
    """P(t < time) = sum 4 (-1)^k/((2k+1) pi) cos((2k+1) pi x/2L) exp(-((2k+1) pi/2L)^2 D t)."""
    length, start, diffusion = 1.7, 0.4, 0.3 / 1.5
    k = np.arange(200)
    wave = (2 * k + 1) * np.pi / (2 * length)
    weights = 2 * (-1.0) ** k / (wave * length) * np.cos(wave * start)
    for sign in (1.0, -1.0):
        law = first_passage_law(
            line("0*x", 0.3, 1.5), sign * start, sign * length, reflecting=0.0, n=200
        )
        assert abs(law.rate.value - diffusion * wave[0] ** 2) < law.rate.error
        for t in (0.5, 2.0, 7.0, 30.0):
            decay = weights * np.exp(-diffusion * wave**2 * t)
            value, error = law.survival(t)
            assert abs(value - decay.sum()) < error < 1e-7
            assert law.probability(t).value == pytest.approx(1 - value, abs=1e-14)
            value, error = law.density(t)
            assert abs(value - (diffusion * wave**2 * decay).sum()) < error < 1e-6


def test_ornstein_uhlenbeck_to_its_centre_is_the_error_function():
    """Reflection: P(time <= t) = erfc(x e^{-t} / (2 T (1 - e^{-2t}))^(1/2)) for U = x^2/2."""
    from scipy.special import erfc

    law = first_passage_law(line("x**2/2", 0.5), 1.3, 0.0)
    times = np.array([0.1, 0.3, 1.0, 3.0, 8.0])
    expected = erfc(1.3 * np.exp(-times) / np.sqrt(-np.expm1(-2 * times)))
    value, error = law.probability(times)
    assert (abs(value - expected) < error).all()
    assert error.max() < 1e-7
    # Odd Hermite functions: the slowest has rate 1. Control: not that of another stiffness.
    assert abs(law.rate.value - 1.0) < law.rate.error < 1e-7
    other = first_passage_law(line("1.02*x**2/2", 0.5), 1.3, 0.0).probability(times).value
    assert (abs(other - expected)[1:4] > 100 * error[1:4]).all()


@pytest.mark.parametrize("temperature", [0.5, 0.2, 0.05, 0.02, 1 / (60 * np.log(10)), 0.002])
def test_moments_equal_those_of_quadrature_up_to_any_barrier(temperature):
    """exp(dU/T) from 7 to 1e217, friction 1.5, downwards: eigenvalues against integrals."""
    dynamics = double_well(temperature, 1.5)
    law, moments = first_passage_law(dynamics, 1.0, -1.0), first_passage_moments(dynamics, 1, -1)
    for name in ("mean", "standard_deviation"):
        found, expected = getattr(law, name), getattr(moments, name)
        assert abs(found.value - expected.value) < found.error + expected.error
        assert found.error < 1e-9 * found.value
    # Exponential once the barrier is high.
    assert law.rate.value * law.mean.value == pytest.approx(
        1.0, abs=1e-12 + 2 * np.exp(-1 / temperature)
    )
    half = law.quantile(0.5)
    assert half.value / law.mean.value == pytest.approx(np.log(2), abs=0.2 * temperature**1.5)


@pytest.mark.parametrize(
    ("text", "temperature"),
    [
        ("4*x**2*(x**2 - 1)**2", 16 / 27 / (60 * np.log(10))),
        ("(x**2 - 1)**2 + 0.25*x", 0.012),
        ("(x**2 - 1)**2 - 0.25*x", 0.02),
    ],
)
def test_errors_cover_three_wells_and_tilts(text, temperature):
    dynamics = line(text, temperature)
    law, moments = first_passage_law(dynamics, -1.0, 1.0), first_passage_moments(dynamics, -1, 1)
    for name in ("mean", "standard_deviation"):
        found, expected = getattr(law, name), getattr(moments, name)
        assert abs(found.value - expected.value) < found.error < 1e-4 * found.value


def test_three_wells_in_a_row_are_two_exponential_steps():
    """-1 -> 0 -> 1 at exp(dU/T) = 1e60: rates out of the outer and of the middle well."""
    temperature = 16 / 27 / (60 * np.log(10))
    law = first_passage_law(line("4*x**2*(x**2 - 1)**2", temperature), -1.0, 1.0)
    one = first_passage_law(line("4*x**2*(x**2 - 1)**2", temperature), -1.0, 0.0).rate.value
    # Markov chain with rates k (outer to middle) and k/2 (middle to either side).
    slow = one * (1 - np.sqrt(0.5))
    assert law.rate.value == pytest.approx(slow, rel=1e-2)
    t = 0.05 / one
    assert law.probability(t).value == pytest.approx((one * t) ** 2 / 4, rel=0.05)


def test_error_bounds_hold_on_coarse_grids():
    fine = first_passage_law(double_well(0.2), -1.0, 0.3)
    times = np.array([0.3, 1.0, 10.0, 100.0])
    for n in (32, 48, 96):
        coarse = first_passage_law(double_well(0.2), -1.0, 0.3, n=n)
        for name in ("probability", "density"):
            value, error = getattr(coarse, name)(times)
            assert (abs(value - getattr(fine, name)(times).value) < error).all()


def test_functions_of_time_belong_together():
    law = first_passage_law(double_well(0.3), -1.0, 1.0)
    for p in (1e-3, 0.1, 0.5, 0.9, 0.999):
        t, error = law.quantile(p)
        assert law.probability(t).value == pytest.approx(p, rel=1e-9)
        assert error < 1e-6 * t
    times = np.linspace(1.0, 300.0, 20001)
    density = law.density(times).value
    integral = np.sum(0.5 * (density[1:] + density[:-1])) * (times[1] - times[0])
    difference = law.probability(300.0).value - law.probability(1.0).value
    assert integral == pytest.approx(difference, abs=1e-6)
    assert law.probability(0.0).value == pytest.approx(0.0, abs=1e-12)
    assert "error <= " in str(law.probability(times[:2]))


def test_simulated_times_follow_the_law():
    """Kolmogorov-Smirnov over 8000 paths; 5 % more temperature is refuted."""
    from scipy.stats import kstest

    passage = ll.escape.first_passage(
        double_well(0.5), "EulerMaruyama", dt=0.0025, start=-1.0, target="x > 1",
        n_replicas=8000, seed=7,
    )  # fmt: skip
    times = np.asarray(passage.times)
    laws = [first_passage_law(double_well(T), -1.0, 1.0, n=200) for T in (0.5, 0.525)]
    right, wrong = (kstest(times, lambda t, law=law: law.probability(t).value) for law in laws)
    print(f"KS {right.statistic:.4f} p {right.pvalue:.3f} | T + 5 %: p {wrong.pvalue:.1e}")
    assert right.pvalue > 1e-3
    assert wrong.pvalue < 1e-6


def test_wrong_input_is_refused():
    dynamics = double_well(0.2)
    for n in (20, 100.5, True):
        with pytest.raises(ValueError, match=f"n={n} cells are too few .* use at least 32"):
            first_passage_law(dynamics, -1.0, 1.0, n=n)
    with pytest.raises(ValueError, match=r"start=1\.0 is the target"):
        first_passage_law(dynamics, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"start=0\.0 has .* of the invariant law in a cell"):
        first_passage_law(double_well(0.01), 0.0, 1.0)
    with pytest.raises(TypeError, match="overdamped dynamics, not Langevin"):
        first_passage_law(ll.Langevin(dynamics.potential, temperature=1, friction=1), -1.0, 1.0)
    law = first_passage_law(dynamics, -1.0, 1.0, n=64)
    with pytest.raises(ValueError, match=r"p=1\.0 must lie between 0 and 1"):
        law.quantile(1.0)
    with pytest.raises(ValueError, match=r"p=1e-15 is too near 0 or 1"):
        law.quantile(1e-15)
    with pytest.raises(ValueError, match=r"t=-1\.0 must be times >= 0"):
        law.probability(-1.0)

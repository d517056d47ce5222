import math

import numpy as np
import pytest
import xarray as xr
from scipy import signal, stats

from langevin_lab.evidence import Claim, Estimate
from langevin_lab.evidence.estimate import as_estimate, quantile, upper_tail


def generator(seed=20240607):
    return np.random.default_rng(seed)


def test_none_means_normal_errors_and_numpy_scalars_are_taken():
    estimate = Estimate(np.float32(0.5), np.array(0.25), None)
    assert (estimate.value, estimate.stderr, estimate.n_eff) == (0.5, 0.25, math.inf)
    assert type(estimate.value) is float


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_value_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=f"value={value} is not finite; count"):
        Estimate(value, 0.1)


@pytest.mark.parametrize("stderr", [-0.1, math.nan, math.inf])
def test_bad_standard_error_is_refused(stderr):
    with pytest.raises(ValueError, match=f"stderr={stderr} must be finite and >= 0"):
        Estimate(1.0, stderr)


@pytest.mark.parametrize("n_eff", [1, 0, math.nan])
def test_too_few_samples_are_refused(n_eff):
    with pytest.raises(ValueError, match=f"n_eff={float(n_eff)} must be > 1: one sample"):
        Estimate(1.0, 0.1, n_eff)


@pytest.mark.parametrize("value", [None, "1.0", True, [1.0, 2.0]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="must be one real number"):
        Estimate(value, 0.1)


def test_exact_is_without_error_and_samples_without_scatter_are_not_exact():
    assert Estimate.exact(2.0).is_exact
    assert not Estimate.from_samples([1.0, 1.0, 1.0]).is_exact
    assert not (2 * Estimate.from_samples([1.0, 1.0, 1.0])).is_exact


def test_interval_is_students_t_for_few_samples_and_normal_for_many():
    low, high = Estimate(1.0, 0.1, 5).interval(0.95)
    assert high - 1.0 == pytest.approx(0.1 * stats.t.ppf(0.975, 4), rel=1e-12)
    assert 1.0 - low == pytest.approx(high - 1.0, rel=1e-12)
    assert Estimate(1.0, 0.1).interval(0.99)[1] == pytest.approx(1 + 0.1 * stats.norm.ppf(0.995))
    assert Estimate.exact(1.0).interval() == (1.0, 1.0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
def test_level_outside_0_1_is_refused(level):
    with pytest.raises(ValueError, match=f"level={level} must lie in"):
        Estimate(1.0, 0.1).interval(level)


def test_quantile_and_tail_agree_with_scipy_stats():
    for dof in (1.0, 3.5, 40.0):
        assert quantile(0.9995, dof) == pytest.approx(stats.t.ppf(0.9995, dof), rel=1e-9)
        assert upper_tail(4.0, dof) == pytest.approx(stats.t.sf(4.0, dof), rel=1e-9)
    assert quantile(0.9995) == pytest.approx(stats.norm.ppf(0.9995), rel=1e-12)
    assert upper_tail(8.0) == pytest.approx(stats.norm.sf(8.0), rel=1e-9)


def test_text_styles():
    estimate = Estimate(0.46731, 0.00123, 100)
    assert f"{estimate} | {estimate:()} | {estimate:.2f}" == "0.4673 ± 0.0012 | 0.4673(12) | 0.47"
    assert float(estimate) == 0.46731


def test_samples_give_mean_standard_error_and_count():
    samples = generator().normal(size=50)
    estimate = Estimate.from_samples(samples)
    assert estimate.value == pytest.approx(samples.mean(), rel=1e-14)
    assert estimate.stderr == pytest.approx(stats.sem(samples), rel=1e-12)
    assert estimate.n_eff == 50


def test_five_percent_wrong_standard_error_would_miss_the_stated_coverage():
    """Coverage of the 90 % interval of 6 samples; with normal quantiles it is 84 %."""
    draws = generator().normal(size=(4000, 6))
    inside = sum(low <= 0 <= high for low, high in (_interval(row) for row in draws))
    spread = math.sqrt(4000 * 0.9 * 0.1)
    z = (inside - 3600) / spread
    print(f"observed {inside} +- {spread:.0f} | expected 3600 | z={z:.1f} | n=4000")
    assert abs(z) < 5
    normal = sum(
        abs(e.value) <= 1.6449 * e.stderr for e in (Estimate.from_samples(row) for row in draws)
    )
    assert (normal - 3600) / spread < -5  # negative control


def _interval(row):
    return Estimate.from_samples(row).interval(0.9)


@pytest.mark.parametrize("samples", [[1.0], [[1.0, 2.0], [3.0, 4.0]], 3.0])
def test_samples_of_wrong_shape_are_refused(samples):
    shape = str(np.shape(samples)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=f"samples have shape {shape}; give a one-dim"):
        Estimate.from_samples(samples)


def test_samples_that_are_not_finite_are_counted():
    with pytest.raises(ValueError, match="2 of 4 samples are not finite"):
        Estimate.from_samples([1.0, math.nan, 2.0, math.inf])


def test_batches_see_the_correlation_that_samples_miss():
    """AR(1) with coefficient a: variance of the mean is (1 + a)/(1 - a) times the naive one."""
    a, n, n_batches = 0.9, 1_000_000, 1000
    series = signal.lfilter([1.0], [1.0, -a], generator().normal(size=n))
    batches = Estimate.from_batches(series, n_batches=n_batches)
    ratio = (batches.stderr / Estimate.from_samples(series).stderr) ** 2
    spread = 19 * math.sqrt(2 / (n_batches - 1))
    z = (ratio - 19) / spread
    print(f"observed {ratio:.2f} +- {spread:.2f} | expected 19 | z={z:.1f} | n_eff={n_batches}")
    assert abs(z) < 5
    assert abs((ratio - 9.5) / spread) > 5  # negative control: a formula wrong by 2
    assert batches.n_eff == n_batches


def test_batches_leave_out_the_start():
    assert Estimate.from_batches([1e9, 1.0, 3.0, 5.0, 7.0], n_batches=2).value == 4.0


def test_bad_batches_are_refused():
    with pytest.raises(ValueError, match="n_batches=1 must be >= 2"):
        Estimate.from_batches([1.0, 2.0, 3.0], n_batches=1)
    with pytest.raises(ValueError, match=r"series of 9 values is too short for n_batches=5.*<= 4"):
        Estimate.from_batches(np.arange(9.0), n_batches=5)


A = Estimate(2.0, 0.3, 10)
B = Estimate(5.0, 0.4, 20)


@pytest.mark.parametrize(
    ("result", "value", "stderr"),
    [
        (A + B, 7.0, 0.5),
        (A - B, -3.0, 0.5),
        (A + 1, 3.0, 0.3),
        (1 - A, -1.0, 0.3),
        (-A, -2.0, 0.3),
        (3 * A, 6.0, 0.9),
        (A * B, 10.0, math.hypot(5 * 0.3, 2 * 0.4)),
        (A / B, 0.4, 0.4 * math.hypot(0.3 / 2, 0.4 / 5)),
        (1 / A, 0.5, 0.3 / 4),
        (A**3, 8.0, 12 * 0.3),
        (B**0.5, math.sqrt(5), 0.2 / math.sqrt(5)),
        (A**-1, 0.5, 0.3 / 4),
        (A.log(), math.log(2), 0.15),
        (A.exp(), math.exp(2), 0.3 * math.exp(2)),
    ],
)
def test_errors_propagate_as_for_independent_operands(result, value, stderr):
    assert result.value == pytest.approx(value, rel=1e-12)
    assert result.stderr == pytest.approx(stderr, rel=1e-12)


def test_average_of_a_run_brings_its_error_bar_and_groups():
    run = xr.Dataset({"x2": ((), 0.93, {"n_groups": 40}), "x2_stderr": ((), 0.01), "y": 1.0})
    assert Estimate.from_dataset(run, "x2") == Estimate(0.93, 0.01, 40)
    with pytest.raises(ValueError, match=r"name='y' is no average of the dataset; it has \['x2'\]"):
        Estimate.from_dataset(run, "y")


def test_bin_of_a_histogram_is_selected_first():
    run = xr.Dataset({"h": ("h_bin", [0.1, 0.2]), "h_stderr": ("h_bin", [0.01, 0.01])})
    with pytest.raises(
        ValueError, match=r"name='h' has shape \(2,\): select one entry of it first"
    ):
        Estimate.from_dataset(run, "h")
    assert Estimate.from_dataset(run.isel(h_bin=1), "h").value == 0.2


def test_variable_without_its_error_bar_is_refused():
    run = xr.Dataset({"x2": 0.93, "x2_stderr": 0.01})
    with pytest.raises(TypeError, match=r"use Estimate.from_dataset\(dataset, 'x2'\)"):
        as_estimate(run["x2"])
    with pytest.raises(TypeError, match=r"claim 'a': measured=x2; .*from_dataset"):
        Claim("a", "b", 1.0, run["x2"])


def test_degrees_of_freedom_combine_by_welch():
    expected = (0.09 + 0.16) ** 2 / (0.09**2 / 9 + 0.16**2 / 19)
    assert (A + B).dof == pytest.approx(expected, rel=1e-12)
    assert (A * 2).n_eff == pytest.approx(10, rel=1e-12)
    assert (A * 1e-120).n_eff == pytest.approx(10, rel=1e-12)
    assert (Estimate(1.0, 0.1) + 1).n_eff == math.inf


def test_undefined_arithmetic_names_the_estimate():
    with pytest.raises(ZeroDivisionError, match="the divisor must not be 0"):
        A / Estimate(0.0, 0.1)
    with pytest.raises(ValueError, match=r"log\(-1.00 ± 0.10\): the value must be > 0"):
        Estimate(-1.0, 0.1).log()
    with pytest.raises(ValueError, match=r"\*\*0.5: a negative value needs an integer exponent"):
        Estimate(-1.0, 0.1) ** 0.5
    with pytest.raises(ValueError, match=r"\*\*0.5: at value 0 the exponent must be >= 1"):
        Estimate(0.0, 0.1) ** 0.5

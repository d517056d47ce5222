"""The experiment on the adaptive heavy ball: its rates, extrapolation and wrong constants."""

import functools

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll

module = experiment("adaptive_momentum")
CONFIG = module.Config(
    condition_numbers=(100.0, 1000.0), noise_levels=(1e-12, 1e-3), n_replicas=100,
    plateau_steps=1_500, plateau_burn_in=800,
)  # fmt: skip


@functools.cache
def dataset():
    return module.run(CONFIG)


def outcomes(data):
    return {
        claim.statement: claim.verdict(false_alarm_rate=2e-4).outcome
        for claim in module.claims(data)
    }


@pytest.mark.slow
def test_a_small_run_refutes_nothing():
    found = outcomes(dataset())
    assert [name for name, outcome in found.items() if outcome == "refuted"] == []
    assert found["slope of ln(1 - factor) in ln kappa"] == "consistent"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "factor", "statement"),
    [
        ("factor", 0.998, "1 - factor of adaptive, kappa = 100"),
        ("momentum", 1.001, "momentum found without noise, kappa = 1000"),
        ("plain", 0.999, "1 - finite-window factor, 17.5 to 35 sqrt(kappa) steps, kappa = 100"),
        ("plain", 0.9995, "1 - finite-window factor, 17.5 to 35 sqrt(kappa) steps, kappa = 1000"),
        ("mean", 1.03, "mean momentum at noise 0.001"),
        ("stationary", 1.03, "momentum under noise alone"),
        ("stationary", 1.03, "its collapse at 50 modes"),
        ("square", 1.06, "plateau <|x|^2>, best heavy ball"),
        ("square", 1.20, "plateau |x|, heavy ball, 0.9"),
    ],
)
def test_a_wrong_measurement_is_refuted(name, factor, statement):
    wrong = dataset().assign({name: factor * dataset()[name]})
    assert outcomes(wrong)[statement] == "refuted"


@pytest.mark.slow
def test_the_best_constant_momentum_has_another_factor_in_the_same_window():
    found = outcomes(dataset())
    controls = [name for name in found if "the same of the best constant" in name]
    assert len(controls) == 2
    assert all(found[name] == "consistent" for name in controls)
    same = outcomes(dataset().assign(best_plain=dataset()["plain"]))
    assert all(same[name] == "refuted" for name in controls)


@pytest.mark.slow
def test_a_wrong_slope_is_refuted():
    kappa = dataset()["condition_number"]
    wrong = dataset().assign(factor=1 - (1 - dataset()["factor"]) * (kappa / 100) ** 0.02)
    assert outcomes(wrong)["slope of ln(1 - factor) in ln kappa"] == "refuted"


def test_rate_removes_powers_of_n():
    steps = np.arange(1, 401)
    assert module.rate(0.9**steps, 100, 400, power=0) == pytest.approx(0.9, rel=1e-12)
    assert module.rate(steps * 0.9**steps, 100, 400, power=1) == pytest.approx(0.9, rel=1e-12)
    left = module.rate(steps * 0.9**steps, 100, 400, power=0)
    assert left == pytest.approx(0.9 * 4 ** (1 / 300), rel=1e-12)


def test_extrapolation_removes_what_falls_with_the_dimension():
    dims = np.array([50, 200])
    data = xarray.Dataset(
        {"a": ("dim", 3.0 + 7.0 / dims), "a_stderr": ("dim", [0.03, 0.04])}, coords={"dim": dims}
    )
    found = module._extrapolated(data, "a")
    assert found.value == pytest.approx(3.0, rel=1e-12)
    assert found.stderr == pytest.approx(np.hypot(0.03 / 3, 0.04 * 4 / 3), rel=1e-12)


def test_control_leaves_out_one_term():
    k = module.curvatures(100.0, 200)
    right = ll.limits.stationary_adaptive_momentum(k, learning_rate=1.0)
    assert abs(module._uncorrelated(k) / right - 1) > 0.05
    assert k[0] == pytest.approx(0.01)
    assert k[-1] == 1.0

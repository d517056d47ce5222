"""The parts of the annealing experiment that nothing is sampled in, each by a second way."""

import dataclasses
import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import Constant, Exponential, Linear
from langevin_lab.evidence import AtLeast, Claim, Estimate

FILE = Path(__file__).parents[2] / "experiments" / "annealing_schedules.py"


@functools.cache
def experiment():
    spec = importlib.util.spec_from_file_location("shipped_annealing_schedules", FILE)
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


def cooled(schedule, duration, *, n_times=201, n=200, first=1.0):
    module, potential = experiment(), experiment()._row_potential()
    times = np.linspace(0.0, duration, n_times)
    return module.cooled_probability(
        potential, schedule, times, module.ROW_BOX, n, basin(potential), first
    )


def basin(potential):
    saddle = experiment()._saddle
    return saddle(potential, -0.75, -0.25), saddle(potential, 0.25, 0.75)


def test_constant_temperature_is_the_exponential_of_the_generator():
    """Same grid, other code: the sparse generator of the package and scipy's expm_multiply."""
    from scipy.sparse.linalg import expm_multiply

    potential = experiment()._row_potential()
    equation = ll.Overdamped(potential, temperature=0.3)
    grid = ll.exact.generator(equation, domain=(experiment().ROW_BOX,), n=200)
    x = grid.points[:, 0]
    start = np.exp(-potential.energy(grid.points))
    start /= start.sum()
    end = expm_multiply(grid.matrix.T * 2.0, start)
    low, high = basin(potential)
    edge = 0.5 * (x[1] - x[0])
    part = np.clip((np.minimum(x + edge, high) - np.maximum(x - edge, low)) / (2 * edge), 0, 1)
    assert cooled(Constant(value=0.3), 2.0) == pytest.approx(end @ part, abs=2e-6)


def test_step_in_time_is_of_second_order():
    linear = Linear(start=1.0, stop=0.05, duration=3.0)
    values = [cooled(linear, 3.0, n_times=n + 1) for n in (20, 40, 80)]
    ratio = (values[1] - values[0]) / (values[2] - values[1])
    assert 3.0 < ratio < 5.0


def test_equilibrium_stays():
    potential = experiment()._row_potential()
    low, high = basin(potential)
    equation = ll.Overdamped(potential, temperature=0.5)
    law = ll.exact.gibbs_probability_below(equation, high)
    law = law.value - ll.exact.gibbs_probability_below(equation, low).value
    assert cooled(Constant(value=0.5), 5.0, n=400, first=0.5) == pytest.approx(law, abs=2e-5)


def test_transition_operator_of_the_scheme_tends_to_the_equation():
    module, potential = experiment(), experiment()._row_potential()
    schedule = Exponential(start=1.0, stop=0.05, duration=2.0)
    exact = cooled(schedule, 2.0, n=400)
    errors = []
    for dt in (0.04, 0.02):
        config = dataclasses.replace(module.Config(), row_dt=dt)
        scheme = module._scheme_probability(
            potential, basin(potential), schedule, 2.0, module.ROW_BOX, config
        )
        errors.append(abs(scheme - exact))
    assert errors[1] < 0.4 * errors[0] < 0.002


def test_slow_cooling_follows_two_wells_and_their_power_with_the_logarithm():
    module = experiment()
    config = dataclasses.replace(module.Config(), slow_durations=(1e6, 1e7))
    found = module._slow(config)
    ratio = found["left"][1] / found["left_two_wells"][1]
    assert np.all(np.abs(ratio - 1) < 0.005)
    assert ratio[1] - 1 == pytest.approx(0.0023, abs=2e-4)
    exponent = np.diff(np.log(found["left"][1])) / np.log(10)
    predicted = np.diff(np.log(found["left_law"][1])) / np.log(10)
    assert exponent == pytest.approx(predicted, rel=0.01)
    assert abs(exponent / -found["left_exponent"][1] - 1) > 0.05


def test_recursion_of_the_heavy_ball_is_bbk_at_a_frozen_momentum(monkeypatch):
    module = experiment()
    config = dataclasses.replace(module.Config(), harmonic_steps=4000)
    rho, dt = 0.9, config.harmonic_dt
    monkeypatch.setattr(module, "CoolMomentum", lambda **_: lambda n: np.full(np.shape(n), rho))
    friction = ll.dynamics.bbk_friction(rho, dt)
    temperature = (1 + rho) / (1 - rho) / module.FACTOR
    law = ll.exact.stationary_covariance(
        "BBK", stiffness=1.0, temperature=temperature, friction=friction, dt=dt
    )
    assert module._heavy_ball_variance(config) == pytest.approx(law[0, 0], rel=1e-10)


def test_forms_of_coolmomentum_have_the_temperatures_of_the_schedules():
    module, elapsed = experiment(), np.linspace(0.0, 10.0, 41)
    for form in ("linear", "exponential"):
        schedule, _ = module._family(form, 10.0, 2.0, 0.5, 0.1, 1.0)
        momentum, friction = module._family(f"CoolMomentum {form}", 10.0, 2.0, 0.5, 0.1, 1.0)
        assert momentum(elapsed) == pytest.approx(schedule(elapsed), rel=1e-12)
        assert friction(elapsed) * momentum(elapsed) == pytest.approx(friction(0.0) * 2.0)
    published, _ = module._family("CoolMomentum published", 10.0, 2.0, 0.5, 0.1, 1.0)
    assert 2.0 / published(10.0) == pytest.approx(199.0)


def test_wrong_claim_counts_as_refuted_only_beyond_the_critical_z():
    module = experiment()
    far = Claim("far", "here", 1.0, Estimate(1.1, 0.01))
    near = Claim("near", "here", 1.0, Estimate(1.001, 0.01))
    seen, blind = (module._must_be_refuted("control", claim) for claim in (far, near))
    assert isinstance(seen.predicted, AtLeast)
    assert seen.verdict().outcome == "consistent"
    assert blind.verdict().outcome == "refuted"


def test_dependent_coordinates_are_noticed():
    draws = np.random.default_rng(1).random((20_000, 2)) < 0.5
    value, stderr = experiment()._ratio_to_product(draws)
    assert abs(value - 1.0) < 5 * stderr
    mixed = np.where(np.arange(20_000)[:, None] % 20 == 0, draws[:, :1], draws)
    value, stderr = experiment()._ratio_to_product(mixed)
    assert abs(value - 1.0) > 5 * stderr


def test_statements_fit_their_rows():
    module = experiment()
    dataset = xarray.Dataset(
        dict.fromkeys(("control", "control_exact", "control_bias"), ((), 0.5))
        | {"control_unheated": ((), 0.4)},
        attrs={"row_replicas": 1000, "control_factor": 1.05},
    )
    assert all(len(claim.statement) <= 38 for claim in module._control_claims(dataset))
    names = [f"rastrigin, {name}" for name in module.FAMILIES]
    assert max(len(name) for name in names) <= 38

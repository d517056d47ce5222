"""The parts of the annealing experiment that nothing is sampled in, each by a second way."""

import dataclasses

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.dynamics import Exponential

annealing = experiment("annealing_schedules")


def test_transition_operator_of_the_scheme_tends_to_the_equation():
    potential = annealing._row_potential()
    basin = annealing._saddle(potential, -0.75, -0.25), annealing._saddle(potential, 0.25, 0.75)
    schedule = Exponential(start=1.0, stop=0.05, duration=2.0)
    equation = ll.Overdamped(potential, temperature=schedule)
    exact = ll.exact.cooled_probability(equation, basin, 2.0, domain=annealing.ROW_BOX)
    errors = []
    for dt in (0.04, 0.02):
        config = dataclasses.replace(annealing.Config(), row_dt=dt)
        scheme = annealing._scheme_probability(potential, basin, schedule, 2.0, config)
        errors.append(abs(scheme - exact.value))
    assert errors[1] < 0.4 * errors[0] < 0.002


def test_forms_of_coolmomentum_have_the_temperatures_of_the_schedules():
    elapsed = np.linspace(0.0, 10.0, 41)
    for form in ("linear", "exponential"):
        schedule, _ = annealing._family(form, 10.0, 2.0, 0.5, 0.1, 1.0)
        momentum, friction = annealing._family(f"CoolMomentum {form}", 10.0, 2.0, 0.5, 0.1, 1.0)
        assert momentum(elapsed) == pytest.approx(schedule(elapsed), rel=1e-12)
        assert friction(elapsed) * momentum(elapsed) == pytest.approx(friction(0.0) * 2.0)
    published, _ = annealing._family("CoolMomentum published", 10.0, 2.0, 0.5, 0.1, 1.0)
    assert 2.0 / published(10.0) == pytest.approx(199.0)


def test_dependent_coordinates_are_noticed():
    draws = np.random.default_rng(1).random((20_000, 2)) < 0.5
    value, stderr = annealing._ratio_to_product(draws)
    assert abs(value - 1.0) < 5 * stderr
    mixed = np.where(np.arange(20_000)[:, None] % 20 == 0, draws[:, :1], draws)
    value, stderr = annealing._ratio_to_product(mixed)
    assert abs(value - 1.0) > 5 * stderr


def test_statements_fit_their_rows():
    dataset = xarray.Dataset(
        dict.fromkeys(("control", "control_exact", "control_bias"), ((), 0.5))
        | {"control_unheated": ((), 0.4)},
        attrs={"row_replicas": 1000, "control_factor": 1.05},
    )
    assert all(len(claim.statement) <= 38 for claim in annealing._control_claims(dataset))
    names = [f"rastrigin, {name}" for name in annealing.FAMILIES]
    assert max(len(name) for name in names) <= 38

"""What the shipped experiments claim: own biases, a resolution that is reached, a control."""

import functools

import numpy as np
import pytest
import xarray
from shipped import experiment

from langevin_lab.evidence import AtLeast


@functools.cache
def escape():
    """Passage times at two temperatures from a small ensemble."""
    module = experiment("saddle_escape_temperature")
    config = module.Config(
        temperatures=(0.4, 0.5), n_replicas=4000, small_temperatures=(0.04, 0.02, 0.01)
    )
    return module.run(config)


def claim(dataset, beginning):
    found = experiment("saddle_escape_temperature").claims(dataset)
    return next(claim for claim in found if claim.statement.startswith(beginning))


def with_values(dataset, **values):
    return dataset.assign({name: dataset[name] * 0 + value for name, value in values.items()})


def test_each_number_has_its_own_time_step_bias():
    dataset = with_values(
        escape(), time_step_bias=0.1, spread_bias=0.2, control_time_step_bias=0.3, control_exact=10
    )
    assert claim(dataset, "mean passage time, T = 0.5").bias_bound == pytest.approx(0.1)
    assert claim(dataset, "its standard deviation, T = 0.5").bias_bound == pytest.approx(0.2)
    assert claim(dataset, "control: friction").bias_bound == pytest.approx(0.03)


def test_biases_are_those_of_the_discrete_moments():
    import langevin_lab as ll

    equation = ll.Overdamped(ll.potentials.double_well(barrier=1.0), temperature=0.5)
    shift = 0.5825971579390107 * np.sqrt(0.01)
    discrete = ll.exact.discrete_passage_moments(
        "StochasticHeun", equation, -1.0, 1.0, 0.01, shift=shift
    )
    exact = ll.exact.first_passage_moments(equation, -1.0, 1.0)
    row = escape().sel(temperature=0.5)
    for name, one, other in (
        ("time_step_bias", discrete.mean, exact.mean),
        ("spread_bias", discrete.standard_deviation, exact.standard_deviation),
    ):
        assert float(row[name]) == pytest.approx(abs(one.value - other.value), abs=2e-4)


def test_control_held_against_the_theory_of_friction_one_is_refuted():
    dataset = with_values(escape(), control_exact=10, control_mean=10.3, control_mean_stderr=0.018)
    seen = claim(dataset, "control as friction 1")
    assert isinstance(seen.predicted, AtLeast)
    assert seen.verdict().outcome == "consistent"
    blind = claim(with_values(dataset, control_mean=10.0), "control as friction 1")
    assert blind.verdict().outcome == "refuted"


def test_quick_preset_resolves_one_percent():
    """Passage times are nearly exponential: the standard error is mean / sqrt(n)."""
    n = experiment("saddle_escape_temperature").Config().n_replicas
    stderr = escape()["exact_mean"] / np.sqrt(n)
    found = claim(escape().assign(mean_stderr=stderr), "mean passage time, T = 0.5")
    assert found.resolution == 0.01
    assert found.detectable(0.01 / 12, 0.8) < 0.01


def test_statements_fit_their_rows():
    found = experiment("saddle_escape_temperature").claims(escape())
    assert max(len(claim.statement) for claim in found) <= 38


def test_numerical_error_of_a_bias_stands_in_the_claim_on_its_order():
    module = experiment("integrator_bias")
    h = np.array([0.4, 0.2, 0.1, 0.05])

    def bound(error):
        names = ("scheme", "level")
        data = {"dt": (names, h[None]), "bias": (names, h[None] ** 2 * (1 + 0.1 * h))}
        data["bias_error"] = (names, np.full((1, 4), error))
        dataset = xarray.Dataset(data, coords={"scheme": ["BAOAB"]})
        (found,) = module._order_claims(dataset)
        return found.bias_bound

    assert bound(0.0) == 0.0
    assert 1e-4 < bound(1e-6) < 0.01
    assert bound(1e-5) == pytest.approx(10 * bound(1e-6), rel=0.1)

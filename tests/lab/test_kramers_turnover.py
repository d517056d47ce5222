"""Rates against friction: how a rate is read from populations, and wrong constants turning red."""

import dataclasses

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll

module = experiment("kramers_turnover")


@pytest.mark.slow
def test_a_rate_is_read_from_the_decay_of_the_populations():
    config = dataclasses.replace(module.Config(), dt=0.1, friction_in_a_step=0.5)
    rate, stderr, bound, exact = module._simulated(0.5, 3.0, config, 20_000, 1)
    print(f"{rate:.5g} +- {stderr:.2g} | {exact:.5g} | bound {bound:.2g}")
    assert stderr / exact < 0.03
    assert abs(rate - exact) < 4 * stderr + bound
    assert abs(rate - 1.2 * exact) > 4 * stderr + bound


def test_exact_rates_are_half_of_the_gap_and_kept():
    config = module.Config()
    rate, error = module._table_rate(0.3, 3.0, config)
    gap = ll.exact.spectral_gap(module._dynamics(0.3, 3.0))
    assert rate == pytest.approx(gap.value / 2, abs=error + gap.error)
    assert module._exact(0.3, 3.0, config) is module._exact(0.3, 3, config)


def test_formulas_are_those_of_the_escape_room():
    kramers, turnover = module._formulas(0.2, 1.0)
    assert kramers == pytest.approx(2.3682e-3, rel=1e-4)
    assert turnover == pytest.approx(2.3221e-3, rel=1e-4)


def test_a_friction_taken_for_another_is_refuted():
    exact = module._exact(0.3, 10.0, module.Config()).rate.value / 2
    slower = module._exact(0.3, 10.5, module.Config()).rate.value / 2
    row = {"exact": (("simulated_temperature", "friction"), [[exact]]),
           "rate": (("simulated_temperature", "friction"), [[exact]]),
           "rate_stderr": (("simulated_temperature", "friction"), [[0.01 * exact]]),
           "contamination": (("simulated_temperature", "friction"), [[0.0]]),
           "control": ((), slower), "control_stderr": ((), 0.004 * slower),
           "control_contamination": ((), 0.0)}  # fmt: skip
    coordinates = {"simulated_temperature": [0.3], "friction": [10.0]}
    dataset = xarray.Dataset(row, coords=coordinates, attrs={"control_factor": 1.05})
    *_, control = module._simulation_claims(dataset)
    assert control.verdict().outcome == "consistent"
    blind = module._simulation_claims(dataset.assign(control=exact))[-1]
    assert blind.verdict().outcome == "refuted"
    wrong = module._simulation_claims(dataset.assign(rate=1.06 * dataset["rate"]))[0]
    assert wrong.verdict().outcome == "refuted"
    assert np.isfinite(module.cost(module.Config()))

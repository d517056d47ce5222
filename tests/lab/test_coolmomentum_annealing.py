"""Parts of the CoolMomentum experiment that nothing is sampled in, each by a second way."""

import dataclasses

import numpy as np
import pytest
import xarray
from shipped import experiment

import langevin_lab as ll
from langevin_lab.momentum import CoolMomentum

module = experiment("coolmomentum_annealing")


def test_scheme_of_the_hops_is_coolmomentum():
    """SGHMC's step with the dictionary's constants moves x as CoolMomentum does, noise included."""
    cool, T, well = CoolMomentum(learning_rate=0.01, momentum=0.8), 0.2, ll.potentials.double_well()
    noise = module._noise(cool, T)
    reading = ll.limits.to_langevin(cool, convention="SemiImplicitEuler", gradient_noise=noise)
    scheme = ll.integrators.method("SemiImplicitEuler")
    values = scheme.coefficients(reading.dynamics(well), reading.dt)
    normals = np.random.default_rng(1).standard_normal((30, 1, 1))
    state, x, step = {"x": np.array([[0.3]]), "p": np.zeros((1, 1))}, 0.3, 0.0
    for normal in normals:
        state = scheme.step(state, normal[None], values, well.gradient)
        drawn = well.gradient(np.array([x]))[0] - noise * normal.item()
        step = 0.8 * step - 0.01 * 1.8 / 2 * drawn
        x += step
        assert state["x"].item() == pytest.approx(x, abs=1e-13)


def test_momenta_of_the_methods():
    for method in module.METHODS:
        momentum = module._momentum(method, 100)
        wanted = {"plain SGD": 0.0, "constant 0.9": 0.9}.get(method, 0.99)
        assert float(momentum(0)) == pytest.approx(wanted)
        assert float(momentum(100)) == pytest.approx(0.0 if method in module.FORMS else wanted)


def test_funnel_has_the_wells_that_are_counted():
    funnel = module.rough_funnel()
    centre, neighbour = np.zeros(2), np.array([0.5, 0.5])
    for point in (centre, neighbour):
        found = ll.escape.minimise(funnel, point + 0.05)
        assert np.abs(found.position - point).max() < 0.03
    assert funnel.energy(centre) < funnel.energy(neighbour) - 0.1
    assert funnel.energy(neighbour / 2) > funnel.energy(neighbour) + 0.8
    assert 0.02 * np.linalg.eigvalsh(funnel.hessian(centre)).max() < 4


@pytest.mark.slow
def test_small_thermometers_refute_the_paper_and_not_the_law():
    config = dataclasses.replace(
        module.Config(), harmonic_steps=8_000, harmonic_replicas=500, momenta=(0.0, 0.9)
    )
    data = module._thermometers(config)
    dataset = xarray.Dataset(
        data, coords={"curvature": list(config.curvatures), "momentum": list(config.momenta)}
    )
    claims = module._thermometer_claims(dataset)
    found = {claim.statement: claim.verdict(false_alarm_rate=2e-4) for claim in claims}
    assert [name for name, verdict in found.items() if verdict.outcome == "refuted"] == []
    assert found["the same as 1/(1 - momentum): z / critical z"].outcome == "consistent"
    hot = dataset.assign_coords(momentum=[0.0, 0.91])
    wrong = [claim.verdict().outcome for claim in module._point_claims(hot)]
    assert "refuted" in wrong

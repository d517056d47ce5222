"""Values of thermostats against the law of the published equations, in both conventions."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import thermostat_values

POTENTIAL = ll.potentials.harmonic(dim=4)
SETTINGS = {"temperature": 0.5, "epsilon": 0.2, "applied_noise": 0.6}
# Leimkuhler, Matthews and Vlaar: mean and variance of xi, of the text and of the program.
LAWS = {"text": (0.36 / (2 * 0.2 * 0.5), 0.5), "code": (0.36 / (2 * 0.5), 0.2 * 0.5)}


@pytest.mark.parametrize("convention", ["text", "code"])
def test_expected_values_are_the_published_law(convention):
    dynamics = ll.dynamics.adla(POTENTIAL, convention=convention, **SETTINGS)
    mean, variance = LAWS[convention]
    draws = np.random.default_rng(1).normal(mean, np.sqrt(variance), (2000, 40))
    (found,) = thermostat_values(dynamics, [draws])
    assert found.expected_mean == pytest.approx(mean, rel=1e-12)
    assert found.expected_variance == pytest.approx(variance, rel=1e-12)
    assert found.coordinates == (0, 1, 2, 3)
    for estimate, expected in ((found.mean, mean), (found.variance, variance)):
        assert_agrees(estimate.value, estimate.stderr, expected, estimate.n_eff)
        assert_refutes(estimate.value, estimate.stderr, 1.05 * expected, estimate.n_eff)


def test_variance_has_no_bias_of_its_own_mean():
    """Three independent values: about their mean they scatter by 2/3 of the variance."""
    dynamics = ll.dynamics.adla(POTENTIAL, convention="code", **SETTINGS)
    draws = np.random.default_rng(2).normal(size=(4000, 3))
    found = [thermostat_values(dynamics, [row])[0].variance.value for row in draws]
    value, stderr = np.mean(found), np.std(found) / np.sqrt(4000)
    assert_agrees(value, stderr, 1.0, 4000)
    assert_refutes(value, stderr, 2 / 3, 4000)
    np.testing.assert_allclose(found[0], draws[0].var(ddof=1), rtol=1e-12)


def test_noise_of_gradients_moves_the_mean_of_its_block():
    """Theory 5: (s^2 + h sigma^2)/(2 tau); table E5.1, h = .1, sigma = 3: .95."""
    dynamics = ll.AdaptiveLangevin(POTENTIAL, temperature=1.0, thermal_mass=10.0, applied_noise=1.0)
    xi = np.zeros((3, 2))
    (found,) = thermostat_values(dynamics, [xi], dt=0.1, gradient_variance=9.0)
    assert found.expected_mean == pytest.approx(0.95, rel=1e-12)
    assert found.expected_variance == pytest.approx(0.1, rel=1e-12)
    blocks = ll.dynamics.adlala(POTENTIAL, (slice(0, 1), (1, 2)), friction=1.0, **SETTINGS)
    found = thermostat_values(blocks, [xi, xi], dt=0.5, gradient_variance=[1.0, 2.0, 4.0, 100.0])
    assert [value.coordinates for value in found] == [(0,), (1, 2)]
    expected = [(0.36 + 0.5 * noise) / (2 * 0.5) for noise in (1.0, 3.0)]
    assert [value.expected_mean for value in found] == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("convention", ["text", "code"])
def test_a_run_has_the_law(convention):
    dynamics = ll.dynamics.adlala(
        POTENTIAL, (slice(0, 2), slice(2, 3)), friction=1.0, convention=convention, **SETTINGS
    )
    run = ll.simulate(
        dynamics, "AdLaLa", dt=0.02, n_steps=20_000, n_replicas=64, seed=1, save_every=40,
        start_thermostat=(1.0, 1.0),
    )  # fmt: skip
    saved = slice(100, None)
    found = thermostat_values(dynamics, [run["xi_1"][saved], run["xi_2"][saved]])
    mean, variance = LAWS[convention]
    other = LAWS["code" if convention == "text" else "text"]
    for value in found:
        for estimate, expected, wrong in zip((value.mean, value.variance), (mean, variance), other):
            # Steps of 0.02 have a bias of about a percent.
            stderr = np.hypot(estimate.stderr, 0.01 * expected)
            assert_agrees(estimate.value, stderr, expected, estimate.n_eff)
            assert_refutes(estimate.value, stderr, wrong, estimate.n_eff)


def test_wrong_arguments_are_refused():
    dynamics = ll.dynamics.adla(POTENTIAL, **SETTINGS)
    with pytest.raises(TypeError, match="Langevin has no thermostat; give an AdaptiveLangevin or"):
        thermostat_values(ll.Langevin(POTENTIAL, temperature=1.0, friction=1.0), [])
    with pytest.raises(ValueError, match="xi has 2 entries, but the dynamics 1 thermostats"):
        thermostat_values(dynamics, [[0.0], [0.0]])
    with pytest.raises(ValueError, match=r"xi of thermostat 1 has shape \(1, 1\); give"):
        thermostat_values(dynamics, [[0.0]])
    with pytest.raises(ValueError, match="xi of thermostat 1 is not finite: leave diverged"):
        thermostat_values(dynamics, [[0.0, np.nan]])
    cooling = ll.AdaptiveLangevin(
        POTENTIAL, temperature=lambda time: 1.0 + 0.0 * time, thermal_mass=1.0
    )
    with pytest.raises(ValueError, match="changes in time, so that the thermostat has no"):
        thermostat_values(cooling, [[0.0, 1.0]])

import numpy as np
import pytest

import langevin_lab as ll

WELL = ll.potentials.double_well()


def chain(**changes):
    settings = {"temperature": 0.5, "thermal_masses": (1.0, 2.0)} | changes
    return ll.NoseHooverChain(WELL, **settings)


def test_chain_is_frozen_hashable_and_without_noise():
    dynamics = chain(thermal_masses=np.array([1.0, 2.0]))
    assert dynamics.thermal_masses == (1.0, 2.0)
    assert (dynamics.n_thermostats, dynamics.momenta, dynamics.is_noiseless) == (2, True, True)
    assert hash(dynamics) == hash(chain())
    assert "thermal_masses=(1.0, 2.0)" in dynamics.describe()


def test_thermostats_start_with_variance_temperature_over_mass():
    start = chain().thermostat_start(np.ones((2, 1)))
    np.testing.assert_allclose(start[:, 0], [np.sqrt(0.5), np.sqrt(0.25)], rtol=1e-15)


@pytest.mark.parametrize("masses", [(), (1.0, 0.0), (-1.0,), (1.0, np.inf), np.nan])
def test_thermal_masses_must_be_positive(masses):
    with pytest.raises(ValueError, match=r"thermal_masses=.* must be finite and > 0, at least one"):
        chain(thermal_masses=masses)


@pytest.mark.parametrize("masses", ["heavy", (1.0, "2"), (True,), None, ((1.0,),)])
def test_thermal_masses_must_be_numbers(masses):
    with pytest.raises(TypeError, match=r"thermal_masses=.* must be numbers, one for each"):
        chain(thermal_masses=masses)


def test_temperature_zero_is_refused():
    with pytest.raises(ValueError, match="temperature=0: a thermostat needs a temperature > 0"):
        chain(temperature=0)


def test_chain_is_no_block_of_a_partition():
    with pytest.raises(TypeError, match="block 1 is a NoseHooverChain, which stands for all"):
        ll.Partitioned([([0], chain())])

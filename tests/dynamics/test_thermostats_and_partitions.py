"""Adaptive and partitioned dynamics: their own laws, and what they refuse."""

import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Block, Linear, adla, adlala, lol, multilayer_langevin
from langevin_lab.ensemble.checks import check_stability

U = ll.potentials.harmonic(dim=3)
LANGEVIN = ll.Langevin(U, temperature=1.0, friction=0.5)


def adaptive(**changes):
    settings = {"temperature": 0.5, "thermal_mass": 4.0, "applied_noise": 1.2, **changes}
    return ll.AdaptiveLangevin(U, **settings)


def test_thermostat_law_makes_the_fokker_planck_flow_vanish():
    """On rho = exp(-H/T - mu c (xi - xi*)^2/(2T)) the probability current has no divergence.

    d rho/dt / rho = c xi N - c xi p.p/T + (sigma^2/2)(p.p/T^2 - N/T)
                     + (c/T)(xi - xi*)(p.p - N T)      for unit mass; the flow of x and p cancels
    """
    eq = adaptive(coupling=1.7)
    rng = np.random.default_rng(0)
    temperature, n = 0.5, 3

    def rate(mean, variance):
        p2 = (rng.normal(size=(50, n)) ** 2).sum(axis=1)
        xi = rng.normal(size=50)
        friction = eq.coupling * xi * (n - p2 / temperature)
        noise = eq.applied_noise**2 / 2 * (p2 / temperature**2 - n / temperature)
        thermostat = (xi - mean) / variance * (p2 - n * temperature) / eq.thermal_mass
        return np.abs(friction + noise + thermostat).max()

    assert rate(eq.thermostat_mean, eq.thermostat_variance) < 1e-12
    assert rate(1.03 * eq.thermostat_mean, eq.thermostat_variance) > 1e-3
    assert rate(eq.thermostat_mean, 1.03 * eq.thermostat_variance) > 1e-3


def test_adaptive_dynamics_are_hashable_and_say_what_they_are():
    eq = adaptive(mass=[1.0, 2.0, 3.0])
    assert isinstance(hash(eq), int)
    assert (eq.equation, eq.momenta, eq.dim, eq.mass) == ("adaptive", True, 3, (1.0, 2.0, 3.0))
    np.testing.assert_allclose(eq.thermal_momentum_scale, np.sqrt([0.5, 1.0, 1.5]))
    assert adaptive(thermal_mass=math.inf).thermostat_variance == 0.0
    assert adaptive(applied_noise=0).is_noiseless
    assert not adaptive().is_noiseless


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"temperature": 0.0}, ValueError, "temperature=0: a thermostat needs a temperature > 0"),
        ({"thermal_mass": 0}, ValueError, "thermal_mass=0.0 must be > 0"),
        ({"thermal_mass": "heavy"}, TypeError, "thermal_mass='heavy' must be a number"),
        ({"applied_noise": -1.0}, ValueError, "applied_noise=-1.0 must be finite and >= 0"),
        ({"applied_noise": math.inf}, ValueError, "applied_noise=inf must be finite and >= 0"),
        ({"coupling": 0.0}, ValueError, "coupling=0.0 must be > 0 and finite"),
        ({"coupling": math.inf}, ValueError, "coupling=inf must be > 0 and finite"),
        ({"mass": [1.0, 2.0]}, ValueError, r"mass has shape \(2,\)"),
    ],
)
def test_bad_thermostats_are_refused(changes, kind, message):
    with pytest.raises(kind, match=message):
        adaptive(**changes)


def test_blocks_are_slices_indices_or_names():
    eq = ll.Partitioned([(slice(0, 1), adaptive()), ("y", LANGEVIN), ([2], LANGEVIN)])
    assert [block.coordinates for block in eq.blocks] == [(0,), (1,), (2,)]
    assert ll.Partitioned(eq.blocks) == eq
    assert isinstance(eq.blocks[0], Block)
    assert eq.temperature == (0.5, 1.0, 1.0)
    assert ll.Partitioned([(slice(0, 2), LANGEVIN), (2, LANGEVIN)]).temperature == 1.0
    assert eq.mass == (1.0, 1.0, 1.0)
    assert isinstance(hash(eq), int)
    np.testing.assert_allclose(eq.thermal_momentum_scale, np.sqrt([0.5, 1.0, 1.0]))


@pytest.mark.parametrize(
    ("blocks", "kind", "message"),
    [
        ([], TypeError, r"blocks=\[\] must be a sequence of \(coordinates, dynamics\)"),
        (LANGEVIN, TypeError, "must be a sequence of"),
        ([(slice(None), U)], TypeError, r"block 1 is .* must be \(coordinates, dynamics\)"),
        ([(slice(0, 2), LANGEVIN)], ValueError, "coordinate 2 is in 0 blocks: every coordinate"),
        ([([0, 1, 2], LANGEVIN), ([2], LANGEVIN)], ValueError, "coordinate 2 is in 2 blocks"),
        ([([0, 1, 3], LANGEVIN)], ValueError, r"index 3 is outside 0\.\.2"),
        ([(["x", "w"], LANGEVIN)], TypeError, r"'w' is no index and none of \['x', 'y', 'z'\]"),
        ([(1.5, LANGEVIN)], TypeError, r"coordinates 1.5 of block 1 must be a slice"),
        ([(slice(3, 3), LANGEVIN)], ValueError, "are none: give a block at least one"),
        (
            [([0], LANGEVIN), ([1, 2], ll.Langevin(
                ll.potentials.harmonic(stiffness=2.0, dim=3), temperature=1.0, friction=1.0))],
            ValueError, "all blocks need the same potential",
        ),
        (
            [(slice(None), ll.Partitioned([(slice(None), LANGEVIN)]))],
            TypeError, "block 1 is partitioned itself: list its blocks here",
        ),
    ],
)  # fmt: skip
def test_bad_partitions_are_refused(blocks, kind, message):
    with pytest.raises(kind, match=message):
        ll.Partitioned(blocks)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adla(U, temperature=1.0, epsilon=0.0, applied_noise=1.0), "epsilon=0.0 must be"),
        (
            lambda: adla(U, temperature=1.0, epsilon=0.1, applied_noise=1.0, convention="book"),
            "convention='book' must be 'text' or 'code'",
        ),
        (
            lambda: adlala(
                U, [slice(None)], temperature=1.0, epsilon=0.1, applied_noise=1.0, friction=1.0
            ),
            "all 3 coordinates are taken, none is left",
        ),
        (lambda: lol(U, [0, 1, 2], temperature=1.0, friction=1.0), "all 3 coordinates are taken"),
    ],
)
def test_published_dynamics_refuse_nonsense(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        ({"epsilon": True}, TypeError, "epsilon=True must be a number"),
        ({"epsilon": "1"}, TypeError, "epsilon='1' must be a number"),
        ({"adaptive": []}, ValueError, r"adaptive=\[\] names no group: use Langevin for all"),
        ({"adaptive": 1.5}, TypeError, r"adaptive=1\.5 must be groups of coordinates"),
    ],
)
def test_groups_and_gain_of_adlala_are_checked(call, kind, message):
    numbers = {"temperature": 1.0, "epsilon": 0.1, "applied_noise": 1.0, "friction": 1.0}
    with pytest.raises(kind, match=message):
        adlala(U, **{"adaptive": [0], **numbers, **call})
    assert adlala(U, [0], **numbers | {"epsilon": np.int64(1)}).blocks[0].dynamics.coupling == 1
    for group in (slice(0, 1), "x", 0, np.int64(0)):
        assert adlala(U, group, **numbers) == adlala(U, [[0]], **numbers)


def test_layers_are_triples():
    good = multilayer_langevin(U, [([0], 0.5, 1.0), (slice(1, 3), 2.0, 3.0)])
    assert [block.dynamics.friction for block in good.blocks] == [0.5, 2.0]
    for layers, message in (
        ([(0, 1.0)], r"layer 1 is \(0, 1\.0\), but must be \(coordinates, friction, temperature"),
        ([([0], 0.5, 1.0), "x12"], "layer 2 is 'x12', but must be"),
        (1.0, r"layers=1\.0 must be a sequence, one entry a layer"),
    ):
        with pytest.raises(TypeError, match=message):
            multilayer_langevin(U, layers)


def test_ready_made_blocks_are_checked_like_pairs():
    whole = ll.Partitioned([(slice(None), LANGEVIN)])
    chain = ll.NoseHooverChain(U, temperature=1.0, thermal_masses=(1.0,))
    for dynamics, message in (
        (U, r"block 1 is .* must be \(coordinates, dynamics\)"),
        (whole, "block 1 is partitioned itself: list its blocks here"),
        (chain, "block 1 is a NoseHooverChain, which stands for all coordinates"),
        (ll.ItoDiffusion(U, noise=1), "block 1 is a ItoDiffusion, which stands for all"),
    ):
        with pytest.raises(TypeError, match=message):
            ll.Partitioned([Block((0, 1, 2), dynamics)])


def test_numbers_of_a_partition_are_those_of_its_blocks():
    same = ll.Partitioned([([0], LANGEVIN), ([1, 2], LANGEVIN)])
    assert same.temperature_at(np.zeros(2)).tolist() == [1.0, 1.0]
    mixed = ll.Partitioned([([0], adaptive()), ([1, 2], LANGEVIN)])
    with pytest.raises(ValueError, match=r"blocks have temperatures \(0\.5, 1\.0\): ask one of"):
        mixed.temperature_at(0.0)
    with pytest.raises(TypeError, match=r"each block has its own friction, if any: blocks\[k\]"):
        mixed.friction_at(0.0)
    with pytest.raises(TypeError, match="AdaptiveLangevin has no friction that is a number"):
        adaptive().friction_at(0.0)
    scheme = ll.integrators.method_for("BAOAB", same)
    with pytest.raises(ValueError, match="temperature=100: each block has its own; make"):
        scheme.coefficients(same, 0.1, temperature=100)


COOLING = Linear(start=1.0, stop=0.0, duration=1.0)


def test_schedules_may_pass_through_temperature_zero():
    cold = adaptive(temperature=COOLING)
    both = ll.Partitioned([(slice(None), cold)])
    assert cold.at(2.0).temperature == both.at(2.0).temperature == 0.0
    assert cold.at(np.array([0.5, 2.0])).temperature.tolist() == [[0.5], [0.0]]
    assert cold.at(0.5) == adaptive(temperature=0.5)
    scheme = ll.integrators.method("BADODAB", equation="adaptive")
    block = ll.integrators.method_for("BADODAB", both)
    numbers = scheme.coefficients(cold.at(2.0), 0.1)
    assert numbers == block.coefficients(both.at(2.0), 0.1)
    check_stability(block, both, 0.1, 100)
    check_stability(scheme, cold, 0.1, 100)
    heating = adaptive(temperature=Linear(start=0.0, stop=1.0, duration=1.0))
    with pytest.raises(ValueError, match=r"is 0 at time 0, .*: give start_thermostat=0\.0"):
        heating.thermostat_start(np.zeros((1, 4)))


@pytest.mark.parametrize("name", ["BBK", "SemiImplicitEuler", "BACNCAB"])
def test_infinite_friction_needs_the_exact_ornstein_uhlenbeck_flow(name):
    eq = ll.Langevin(U, temperature=1.0, friction=math.inf)
    with pytest.raises(ValueError, match=f"method='{name}' has no step for .*friction=inf"):
        ll.integrators.method(name).coefficients(eq, 0.1)
    redrawn = ll.integrators.method("BAOAB").coefficients(eq, 0.1)
    assert (redrawn["decay"], redrawn["noise"]) == (0.0, 1.0)


def test_infinite_friction_has_no_kinetic_rate():
    eq = ll.Langevin(ll.potentials.double_well(), temperature=0.5, friction=math.inf)
    with pytest.raises(ValueError, match="friction=inf leaves no kinetic relaxation rate"):
        ll.exact.spectral_gap(eq)


def test_masses_and_thermal_momenta_are_those_of_the_blocks():
    heavy = ll.Langevin(U, temperature=0.5, friction=1.0, mass=(2.0, 3.0, 4.0))
    over = ll.Overdamped(U, temperature=0.09)
    blocks = ll.Partitioned([([2, 0], heavy), ([1], over)])
    assert blocks.mass == (2.0, 1.0, 4.0)
    expected = np.sqrt([2.0 * 0.5, 0.09, 4.0 * 0.5])
    np.testing.assert_allclose(blocks.thermal_momentum_scale, expected, rtol=1e-14)


def test_thermostats_start_from_their_law_each_with_its_own_normal():
    hot = ll.AdaptiveLangevin(
        U, temperature=2.0, thermal_mass=5.0, applied_noise=0.6, coupling=1.25
    )
    cold = ll.AdaptiveLangevin(U, temperature=0.5, thermal_mass=8.0)
    draws = np.random.default_rng(5).normal(size=(2, 4))
    start = 0.6**2 / (2 * 1.25 * 2.0) + np.sqrt(2.0 / (5.0 * 1.25)) * draws[:1]
    np.testing.assert_allclose(hot.thermostat_start(draws[:1]), start, rtol=1e-14)
    blocks = ll.Partitioned([([2], hot), ([0], LANGEVIN), ([1], cold)])
    expected = np.concatenate([start, np.sqrt(0.5 / 8.0) * draws[1:]])
    np.testing.assert_allclose(blocks.thermostat_start(draws), expected, rtol=1e-14)


def test_starts_of_thermostats_are_given_or_thermal():
    settings = {"dt": 0.1, "n_steps": 1, "n_replicas": 500, "seed": 3}
    frozen = adaptive(thermal_mass=1e12)
    run = ll.simulate(frozen, "BADODAB", **settings)
    np.testing.assert_allclose(run["xi_final"], frozen.thermostat_mean, atol=1e-4)
    given = ll.simulate(frozen, "BADODAB", start_thermostat=np.arange(500.0), **settings)
    np.testing.assert_allclose(given["xi_final"], np.arange(500.0), atol=1e-4)
    for start, message in (
        ("hot", r"start_thermostat='hot' must be 'thermal' or numbers of shape \(1,\) or"),
        ([1.0, 2.0], r"start_thermostat has shape \(2,\), but must have shape \(1,\)"),
        (np.nan, "start_thermostat is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            ll.simulate(frozen, "BADODAB", start_thermostat=start, **settings)
    with pytest.raises(ValueError, match="but Langevin has no thermostat; leave it out"):
        ll.simulate(LANGEVIN, "BAOAB", start_thermostat=1.0, **settings)


@pytest.mark.parametrize(
    "compute",
    [
        ll.exact.escape_rate,
        lambda eq: ll.exact.stationary_average("BADODAB", eq, lambda x: x**2, 0.1),
    ],
)
def test_exact_results_need_a_friction_that_is_a_number(compute):
    well = ll.potentials.double_well()
    eq = ll.AdaptiveLangevin(well, temperature=0.5, thermal_mass=2.0, applied_noise=1.0)
    with pytest.raises(TypeError, match="not for AdaptiveLangevin, whose friction is no number"):
        compute(eq)

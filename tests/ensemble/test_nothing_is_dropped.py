"""What a run is given it uses or refuses: noise of blocks, starts, names, normals of its own."""

import math

import pytest

import langevin_lab as ll
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.integrators import method_for

U = ll.potentials.harmonic(dim=3)
HOT = ll.Langevin(U, temperature=4.0, friction=5.0)
COLD = ll.Langevin(U, temperature=0.25, friction=0.0)
NOISY = ll.AdaptiveLangevin(U, temperature=1.0, thermal_mass=2.0, applied_noise=3.0)


@pytest.mark.parametrize(
    ("blocks", "word", "message"),
    [
        ([([0, 1, 2], HOT)], "BAB", r"block 1 \(BAB\) has no O but friction=5.0; add an O"),
        (
            [([0], HOT), ([1, 2], HOT)],
            "B1 B2 A1 A2 O2 A2 A1 B2 B1",
            r"block 1 \(BAAB\) has no O but friction=5.0",
        ),
        (
            [([0], NOISY), ([1, 2], COLD)],
            "A1 A2 C1 D1 C1 A2 A1 B1 B2",
            r"block 1 \(ACDCAB\) has no noise but applied_noise=3.0; add an O, or an N",
        ),
    ],
)
def test_no_block_loses_its_noise(blocks, word, message):
    with pytest.raises(ValueError, match=message):
        method_for(word, ll.Partitioned(blocks))


def test_a_block_without_friction_needs_no_o():
    both = ll.Partitioned([([0], HOT), ([1, 2], COLD)])
    assert method_for("B1 B2 A1 A2 O1 A2 A1 B2 B1", both).n_normals == 1


def test_a_method_of_another_partition_is_refused():
    one = ll.Partitioned([([0], HOT), ([1, 2], HOT)])
    other = ll.Partitioned([([0, 1], HOT), ([2], HOT)])
    scheme = method_for("BAOAB", one)
    with pytest.raises(ValueError, match=r"was made for the blocks .*\(1, 2\).* give the word"):
        ll.simulate(other, scheme, dt=0.1, n_steps=1, seed=1)
    with pytest.raises(ValueError, match="was made for the blocks"):
        scheme.coefficients(other, 0.1)


@pytest.mark.parametrize("word", ["BANDNAB", "DBANABD"])
def test_noise_without_friction_heats_and_is_refused(word):
    with pytest.raises(ValueError, match="has neither O nor C: nothing feels the thermostat"):
        method_for(word, NOISY)


@pytest.mark.parametrize("name", ["BBK", "SemiImplicitEuler", "BACNCAB"])
def test_infinite_friction_is_refused_by_name(name):
    eq = ll.Langevin(U, temperature=1.0, friction=math.inf)
    with pytest.raises(ValueError, match=f"method='{name}' has no step for .*needs a word with O"):
        ll.simulate(eq, name, dt=0.1, n_steps=1, seed=1)


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_normals_before_the_first_step_are_all_different(dim, length):
    """Momenta, last normals, thermostats and the first drawn gradient do not overlap."""
    potential = ll.potentials.harmonic(dim=dim).with_gradient_noise(standard_deviation=1.0)
    eq = ll.NoseHooverChain(potential, temperature=1.0, thermal_masses=(1.0,) * length)
    layout = Kernel(eq, method_for("BADCDAB", eq), 0.1).layout
    even = dim + dim % 2
    last_thermostat = 2**62 + 2 * even + length - 1
    assert layout.first_gradient_normal > last_thermostat
    assert layout.first_gradient_normal % 2 == 0
    if length <= dim:
        assert layout.first_gradient_normal == 2**62 + 3 * even


@pytest.mark.parametrize("name", ["xi_final", "x_final"])
def test_observables_cannot_hide_the_final_state(name):
    with pytest.raises(ValueError, match=f"observe uses \\['{name}'\\], which the result needs"):
        ll.simulate(NOISY, "BADODAB", dt=0.1, n_steps=20, seed=1, n_replicas=9,
                    observe={name: "xi"})  # fmt: skip


TARGET = {"dt": 0.05, "target": "x > 1", "n_replicas": 8, "seed": 1, "start": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_thermostat": [7.0] * 8}, "start_thermostat=.*, but Langevin has no thermostat"),
        ({"start_thermostat": "junk"}, "start_thermostat='junk', but Langevin has no thermostat"),
    ],
)
def test_first_passage_refuses_starts_that_it_would_ignore(changes, message):
    with pytest.raises(ValueError, match=message):
        ll.escape.first_passage(HOT, "BAOAB", **TARGET, **changes)


def test_first_passage_refuses_momenta_of_overdamped_dynamics():
    over = ll.Overdamped(U, temperature=1.0)
    with pytest.raises(ValueError, match="start_momentum='fast', but Overdamped has no momenta"):
        ll.escape.first_passage(over, "EulerMaruyama", **TARGET, start_momentum="fast")


def test_rejected_steps_have_no_boundary_shift():
    over = ll.Overdamped(U, temperature=1.0)
    with pytest.raises(ValueError, match=r"crossing=.shift. needs noise .* which MALA has not"):
        ll.escape.first_passage(over, "MALA", **TARGET, crossing="shift")
    passage = ll.escape.first_passage(over, "MALA", **TARGET, max_time=0.1)
    assert passage.crossing == "none"


def test_dynamics_without_noise_need_a_longest_time():
    quiet = ll.AdaptiveLangevin(U, temperature=1.0, thermal_mass=2.0)
    with pytest.raises(ValueError, match=r"no noise and max_time=None: .* give max_time"):
        ll.escape.first_passage(quiet, "BADODAB", **TARGET)

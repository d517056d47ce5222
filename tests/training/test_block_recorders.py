"""Averages over blocks that a kernel sums: against the saved path, in both kinds of kernel."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.training import BlockMean, block_temperatures, kinetic_temperature

CHAIN = ll.potentials.phi4_chain(n_sites=5)
PLANE = ll.potentials.entropic_barrier()


@pytest.mark.parametrize(("potential", "span"), [(PLANE, (1, 2)), (CHAIN, (1, 4))])
def test_block_means_are_the_averages_of_the_path(plain_python, potential, span):
    block = slice(*span)
    dynamics = ll.Langevin(potential, temperature=0.5, friction=1.0)
    observe = block_temperatures(potential, {"part": block, "all": slice(None)})
    observe["square"] = BlockMean("x**2", block)
    run = ll.simulate(
        dynamics, "BAOAB", dt=0.1, n_steps=12, n_replicas=8, seed=1, save_every=1, observe=observe
    )
    x, p = run["x"].values, run["p"].values
    expected = {
        "kinetic_part": p[..., block] ** 2,
        "kinetic_all": p**2,
        "virial_part": (x * potential.gradient(x))[..., block],
        "virial_all": x * potential.gradient(x),
        "square": x[..., block] ** 2,
    }
    for name, values in expected.items():
        assert float(run[name]) == pytest.approx(values.mean(), rel=1e-12), name
    reading = kinetic_temperature(potential, p, blocks={"part": block})["part"]
    assert float(run["kinetic_part_stderr"]) == pytest.approx(reading.stderr, rel=1e-10)


@pytest.mark.slow
def test_every_block_of_a_network_is_at_the_temperature():
    rng = np.random.default_rng(1)
    network = ll.potentials.multilayer_perceptron(
        rng.normal(size=(10, 2)), rng.normal(size=10), hidden=(3,), weight_decay=0.5
    )
    dynamics = ll.Langevin(network, temperature=0.1, friction=2.0)
    run = ll.simulate(
        dynamics, "BAOAB", dt=0.1, n_steps=6000, n_replicas=256, seed=1, burn_in=1000,
        observe=block_temperatures(network), start=np.zeros(network.dim), record_every=2,
    )  # fmt: skip
    for name in network.blocks:
        value, stderr = float(run[f"kinetic_{name}"]), float(run[f"kinetic_{name}_stderr"])
        assert_agrees(value, np.hypot(stderr, 0.01 * 0.1), 0.1, 256, f"kinetic {name}")
    for name in ("weights_1", "biases_1", "layer_1", "layer_2"):
        value, stderr = float(run[f"virial_{name}"]), float(run[f"virial_{name}_stderr"])
        # BAOAB's bias of order dt^2 here is less than half a percent.
        stderr = np.hypot(stderr, 0.005 * 0.1)
        assert_agrees(value, stderr, 0.1, 256, name)
        if name != "biases_1":
            assert_refutes(value, stderr, 0.105, 256, name)


def test_what_blocks_are_refused():
    dynamics = ll.Langevin(CHAIN, temperature=0.5, friction=1.0)
    with pytest.raises(TypeError, match=r"text=3 must be an expression such as 'x\*\*2'"):
        BlockMean(3, slice(0, 2))
    with pytest.raises(ValueError, match="the 2 coordinates from 0 to 2 are no neighbours"):
        BlockMean("x**2", (0, 2)).moments(dynamics)
    with pytest.raises(ValueError, match="the 2 coordinates from 1 to 3 are no neighbours"):
        block_temperatures(CHAIN, {"odd": (1, 3)})
    free = ll.potentials.multilayer_perceptron([[0.0], [1.0]], [0.0, 1.0], hidden=(2,))
    assert all(name.startswith("kinetic") for name in block_temperatures(free))
    with pytest.raises(ValueError, match="weight_decay=0, so its loss does not confine"):
        block_temperatures(free, momenta=False)
    assert list(block_temperatures(CHAIN, momenta=False)) == ["virial_all"]

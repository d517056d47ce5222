"""Potentials of loops over arrays on a card: chains, clusters, mean losses, to the CPU's bits."""

import card_runs
import numpy as np
import pytest
from numba import njit

import langevin_lab as ll
from langevin_lab.cuda.row_writer import LARGEST_ARRAY
from langevin_lab.ensemble import ConfigurationalTemperature, Histogram, KineticTemperature
from langevin_lab.momentum import Adam, HeavyBall

P = ll.potentials
DATA = {"a": np.linspace(-1.0, 2.0, 7), "y": np.sin(np.arange(7.0))}
RISK = P.empirical_risk(
    "k*(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, parameters={"k": 1.3}
)
COVARIANCE = [[0.5, 0.2, 0.0], [0.2, 0.3, 0.1], [0.0, 0.1, 0.4]]


def chain(n_sites=3):
    return P.phi4_chain(n_sites=n_sites)


def langevin(potential, **changes):
    return ll.Langevin(potential, **{"temperature": 0.6, "friction": 0.8} | changes)


def adaptive(potential):
    return ll.AdaptiveLangevin(potential, temperature=0.6, thermal_mass=1.5, applied_noise=0.9)


CASES = {
    "a chain": (langevin(chain(), mass=(1.0, 2.0, 3.0)), "BAOAB"),
    "a chain, overdamped": (ll.Overdamped(chain(), temperature=0.5), "LeimkuhlerMatthews"),
    "a chain, cooled": (
        langevin(chain(), temperature=ll.dynamics.Linear(start=2.0, stop=0.5, duration=0.4)),
        "OBABO",
    ),
    "a chain, accepted or not": (langevin(chain()), "GHMC"),
    "a chain in two baths": (
        ll.Partitioned([([0, 2], langevin(chain())), ([1], langevin(chain(), friction=3.0))]),
        "BAOAB",
    ),
    "a long chain and a thermostat": (adaptive(chain(19)), "BADODAB"),
    "a noisy chain": (langevin(chain().with_gradient_noise(standard_deviation=0.7)), "BAOAB"),
    "a chain, noise of a covariance": (
        langevin(chain().with_gradient_noise(covariance=COVARIANCE)),
        "BBK",
    ),
    "a cluster": (langevin(P.lennard_jones_cluster(n_atoms=3)), "BAOAB"),
    "ten oscillators": (langevin(P.harmonic(dim=10)), "ABOBA"),
    "a mean loss": (langevin(RISK), "BAOAB"),
}  # fmt: skip


@pytest.mark.parametrize("which", CASES)
def test_kernels_of_loops_take_the_steps_of_the_cpu(which, plain_python):
    dynamics, name = CASES[which]
    spread = np.random.default_rng(3).uniform(-0.1, 0.1, (9, dynamics.dim))
    place = dynamics.potential.stationary_points[0].position if "cluster" in which else 0.5
    expected, found = card_runs.both(
        dynamics, name, dt=0.02, start=place + spread, save_every=2, first_replica=13,
        card={"chunk_size": 4}, observe={"e": "energy", "slope": ConfigurationalTemperature()},
    )  # fmt: skip
    card_runs.assert_same(expected, found, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "optimiser", [HeavyBall(learning_rate=0.03, momentum=0.8), Adam(learning_rate=0.03)]
)
def test_optimisers_descend_on_a_card(optimiser, plain_python):
    start = np.random.default_rng(3).uniform(-1, 1, (9, 3))
    expected, found = card_runs.both(chain(), optimiser, start=start, observe={"e": "energy"})
    card_runs.assert_same(expected, found, rtol=1e-11, atol=1e-12)


def test_a_chain_has_the_bits_of_the_cpu():
    observe = {
        "e": "energy",
        "warmth": KineticTemperature(half_step=True),
        "density": Histogram("x0", 8, -2.0, 2.0),
        "slope": "grad_x1*x2",
    }
    start = np.random.default_rng(3).uniform(-1, 1, (9, 3))
    start[4] = 60.0
    settings = {"observe": observe, "save_every": 2, "burn_in": 2, "start": start, "n_steps": 11}
    expected, found = card_runs.both(
        langevin(chain()), "BAOAB", dt=0.1, card={"chunk_size": 3}, **settings
    )
    card_runs.assert_same(expected, found)
    assert list(np.flatnonzero(found["diverged_step"] >= 0)) == [4]
    other = ll.simulate(
        langevin(chain(), friction=0.82), "BAOAB", dt=0.1, n_replicas=9, seed=11, backend="cuda",
        progress=False, **{**settings, "start": start[:4].mean(axis=0)},
    )  # fmt: skip
    with pytest.raises(AssertionError):
        card_runs.assert_same(expected, other, rtol=1e-3)


@njit
def quartic(x, parameters):  # pragma: no cover: compiled
    return parameters[0] * x[0] ** 4


@njit
def quartic_gradient(x, parameters, out):  # pragma: no cover: compiled
    out[0] = 4 * parameters[0] * x[0] ** 3


@pytest.mark.parametrize(
    ("potential", "settings", "message"),
    [
        (chain(700), {}, rf"numbers a replica, more than the {LARGEST_ARRAY} of a thread; use"),
        (chain().with_gradient_penalty(0.1), {}, "which allocates arrays in its loops; use"),
        (chain(), {"precision": "float32"}, "loops over arrays, which run in float64; use backend"),
        (
            ll.Potential.from_functions(
                energy=quartic, gradient=quartic_gradient, dim=1, parameters={"k": 1.0}
            ),
            {},
            "is made of functions that are compiled for the CPU",
        ),
        (
            P.multilayer_perceptron([[1.0], [2.0]], [1.0, 0.0], hidden=(3,)),
            {},
            "is a network, whose loops are written for the CPU; use backend='torch' or 'cpu'",
        ),
    ],
)
def test_what_has_no_kernel_is_refused(potential, settings, message):
    with pytest.raises(ValueError, match=message):
        ll.simulate(
            langevin(potential), "BAOAB", dt=0.01, n_steps=4, n_replicas=8, seed=1,
            start=np.zeros(potential.dim), backend="cuda", **settings,
        )  # fmt: skip

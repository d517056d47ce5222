"""Every method on a card takes the steps of the CPU's kernel, from the same text of a step.

The CPU's kernels run as plain Python here (`plain_python`), with numpy's functions in place of the
compiled ones; `test_cuda_bits` compares bits.
"""

import by_hand
import card_runs
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.dynamics import Exponential, Linear
from langevin_lab.integrators import method
from langevin_lab.momentum import SGD, Adam, CoolMomentum, HeavyBall, MomentumFamily, RMSProp

pytestmark = pytest.mark.usefixtures("plain_python")
PLANE = ll.Potential.from_expression(
    "(x**2 - 1)**2 + k*(y - x)**2/2", variables=("x", "y"), parameters={"k": 1.7}
)
SPACE = ll.Potential.from_expression(
    "exp(-x**2)*sin(k*y) + log(1 + y**2) + (1 + z**2)**k + tanh(x*z) + x**2 + y**2 + z**2",
    variables=("x", "y", "z"),
    parameters={"k": 0.7},
)
COVARIANCE = [[0.5, 0.2], [0.2, 0.3]]
FACTOR = [["0.3*x", "0", "k/4"], ["0", "sqrt(1 + y**2)/3", 0.2]]


def assert_the_card_takes_the_same_steps(dynamics, name, **settings):
    settings = {"start": np.random.default_rng(3).uniform(-1, 1, (9, dynamics.dim))} | settings
    expected, found = card_runs.both(dynamics, name, first_replica=13, **settings)
    card_runs.assert_same(expected, found, rtol=1e-11, atol=1e-12)
    assert np.abs(found["x_final"] - settings["start"]).min() > 0.0


@pytest.mark.parametrize(("name", "equation"), by_hand.METHODS)
def test_every_method(name, equation):
    dynamics = by_hand.dynamics_for(
        method(name, equation=equation), PLANE, friction=(0.5, 2.0), mass=(1.0, 3.0)
    )
    observe = {"x2": "x**2", "height": "energy"}
    assert_the_card_takes_the_same_steps(dynamics, name, dt=0.03, observe=observe)


def langevin(potential=PLANE, **changes):
    return ll.Langevin(potential, **{"temperature": 0.6, "friction": 0.8} | changes)


COOLING = Linear(start=2.0, stop=0.5, duration=0.4)
EQUATIONS = {
    "three dimensions": (langevin(SPACE), "BAOAB"),
    "three dimensions, overdamped": (ll.Overdamped(SPACE, temperature=0.5), "LeimkuhlerMatthews"),
    "a cooling bath": (langevin(temperature=COOLING), "BAOAB"),
    "a thickening bath": (
        langevin(friction=Linear(start=0.9, stop=3.0, duration=0.5), mass=(1.0, 2.0)),
        "OBABO",
    ),
    "no noise": (langevin(temperature=0.0), "BAOAB"),
    "gradient flow": (ll.GradientFlow(PLANE), "RK4"),
    "a chain of thermostats": (
        ll.NoseHooverChain(PLANE, temperature=0.7, thermal_masses=(1.0, 0.6)),
        "BADCDAB",
    ),
    "multiplicative noise": (ll.ItoDiffusion(PLANE, noise=["1 + x**2/4", "k/2"]), "EulerMaruyama"),
    "two baths": (ll.Partitioned([([0], langevin()), ([1], langevin(friction=3.0))]), "BAOAB"),
    "a noisy gradient": (langevin(PLANE.with_gradient_noise(standard_deviation=0.7)), "BAOAB"),
    "a covariance": (langevin(PLANE.with_gradient_noise(covariance=COVARIANCE)), "OBABO"),
    "a factor": (langevin(PLANE.with_gradient_noise(factor=FACTOR)), "BBK"),
    "a noisy thermostat": (
        ll.AdaptiveLangevin(
            PLANE.with_gradient_noise(standard_deviation=0.4), temperature=0.6, thermal_mass=1.5,
            applied_noise=0.9,
        ),
        "BADODAB",
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", EQUATIONS)
def test_every_kind_of_equation(which):
    dynamics, name = EQUATIONS[which]
    settings = {"save_every": 2, "chunk_size": 4, "dt": 0.07}
    assert_the_card_takes_the_same_steps(dynamics, name, **settings)


OPTIMISERS = {
    "heavy ball": HeavyBall(
        learning_rate=Linear(start=0.05, stop=0.01, duration=6.0),
        momentum=Exponential(start=0.2, stop=0.9, duration=5.0),
    ),
    "family": MomentumFamily(learning_rate=0.03, momentum=0.8, look_ahead=0.4),
    "SGD": SGD(learning_rate=0.03, momentum=0.8, dampening=0.4, weight_decay=0.3),
    "Adam": Adam(learning_rate=0.03),
    "RMSProp": RMSProp(learning_rate=0.03),
    "CoolMomentum": CoolMomentum(learning_rate=0.03, momentum=0.9),
}


@pytest.mark.parametrize("noisy", [False, True], ids=["gradient", "noisy gradient"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_kind_of_optimiser(name, noisy):
    potential = PLANE.with_gradient_noise(covariance=COVARIANCE) if noisy else PLANE
    settings = {"chunk_size": 3, "observe": {"mean": "x", "e": "energy"}}
    assert_the_card_takes_the_same_steps(potential, OPTIMISERS[name], **settings)

"""Constants are read off optimisers and dynamics; what cannot be read is named."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from landscapes import Quartic

import langevin_lab as ll
from langevin_lab.limits import LangevinReading, OptimiserReading, read_optimiser, to_optimiser
from langevin_lab.momentum import (
    SGD,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    StreamingPCA,
)

LINE = Quartic(1)


@pytest.mark.parametrize(
    ("optimiser", "constants"),
    [
        (GradientDescent(learning_rate=0.1), {}),
        (HeavyBall(learning_rate=0.1, momentum=0.5), {"momentum": 0.5}),
        (Nesterov(learning_rate=0.1, momentum=0.5), {"momentum": 0.5, "look_ahead": 0.5}),
        (
            MomentumFamily(learning_rate=0.1, momentum=0.5, look_ahead=0.2),
            {"momentum": 0.5, "look_ahead": 0.2},
        ),
        (
            SGD(learning_rate=0.1, momentum=0.5, dampening=0.2),
            {"momentum": 0.5, "dampening": 0.2},
        ),
        (
            SGD(learning_rate=0.1, momentum=0.5, nesterov=True),
            {"momentum": 0.5, "look_ahead": 0.5},
        ),
        (SimpleNamespace(learning_rate=np.float64(0.1)), {}),
        (
            SimpleNamespace(learning_rate=0.1, momentum=0.5, nesterov=True),
            {"momentum": 0.5, "look_ahead": 0.5},
        ),
    ],
)
def test_methods_are_read_by_their_constants(optimiser, constants):
    found = read_optimiser(optimiser, gradient_noise=2.0, batch_size=16)
    assert found == OptimiserReading(
        learning_rate=0.1, gradient_noise=2.0, batch_size=16, **constants
    )
    assert read_optimiser(found, batch_size=4).evaluation_noise == 1.0
    assert read_optimiser(found) == found


def test_heavy_ball_of_a_reading_is_the_method():
    reading = OptimiserReading(learning_rate=0.1, momentum=0.5, dampening=0.2)
    assert reading.heavy_ball() == HeavyBall(learning_rate=0.1 * (1 - 0.2), momentum=0.5)
    dynamics = ll.Langevin(LINE, temperature=0.0, friction=1.0)
    ball = to_optimiser(dynamics, dt=0.1, convention="BAOAB").heavy_ball()
    assert math.isclose(ball.momentum, math.exp(-0.1))
    ahead = OptimiserReading(learning_rate=0.1, momentum=0.5, look_ahead=0.5)
    with pytest.raises(ValueError, match=r"look_ahead=0.5 is no heavy ball; use momentum.Momentum"):
        ahead.heavy_ball()


def test_dampening_multiplies_every_gradient_but_the_first():
    """PyTorch: heavy ball of the damped rate from the second step on."""
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.2], dtype=torch.float64, requires_grad=True)
    sgd = torch.optim.SGD([x], lr=0.1, momentum=0.5, dampening=0.2)
    path = [1.2]
    for _ in range(30):
        sgd.zero_grad()
        (x**4 / 4 + x**2 / 2 + x**2 / 8).sum().backward()
        sgd.step()
        path.append(x.item())
    assert math.isclose(path[1], 1.2 - 0.1 * (1.2**3 + 1.25 * 1.2))
    reading = OptimiserReading(learning_rate=0.1, momentum=0.5, dampening=0.2)
    for before, here, after in zip(path[1:], path[2:], path[3:]):
        force = -(here**3 + 1.25 * here)
        expected = here + 0.5 * (here - before) + reading.damped_learning_rate * force
        assert math.isclose(after, expected, rel_tol=0, abs_tol=1e-15)


def test_wrong_constants_of_an_optimiser_are_named():
    for change, message in (
        ({"learning_rate": 0.0}, r"learning_rate=0.0 must be a finite number > 0"),
        ({"momentum": 1.2}, r"momentum=1.2 must be a momentum coefficient in \[0, 1\]"),
        ({"momentum": -0.1}, r"momentum=-0.1 must be a momentum coefficient"),
        ({"look_ahead": -0.1}, r"look_ahead=-0.1 must be a finite number >= 0"),
        ({"dampening": 1.0}, r"dampening=1.0 must be in \[0, 1\): 1 leaves no gradient"),
        ({"gradient_noise": -1.0}, r"gradient_noise=-1.0 must be a finite number >= 0"),
        ({"batch_size": 0}, r"batch_size=0.0 must be a finite number > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            OptimiserReading(**({"learning_rate": 0.1, "momentum": 0.5} | change))
    with pytest.raises(TypeError, match=r"momentum='0.9' must be a number"):
        OptimiserReading(learning_rate=0.1, momentum="0.9")
    with pytest.raises(TypeError, match=r"learning_rate=\[0.1, 0.2\] must be one number: take a"):
        OptimiserReading(learning_rate=[0.1, 0.2])


def test_optimisers_that_cannot_be_read_are_named():
    sequence = Nesterov(learning_rate=0.1, momentum=NesterovSequence())
    with pytest.raises(TypeError, match=r"momentum=Nest.* must be one number: .* optimiser.at\("):
        read_optimiser(sequence)
    assert read_optimiser(sequence.at(3)).look_ahead == 0.4
    with pytest.raises(TypeError, match=r"optimiser=0.1 has no learning_rate: give a method"):
        read_optimiser(0.1)
    decayed = SGD(learning_rate=0.1, momentum=0.5, weight_decay=0.01)
    with pytest.raises(ValueError, match=r"weight_decay=0.01 is a force: add weight_decay"):
        read_optimiser(decayed)
    with pytest.raises(ValueError, match=r"StreamingPCA\(.* draws its own data and descends no"):
        read_optimiser(StreamingPCA(learning_rate=0.1, momentum=0.5, variances=(2.0, 1.0)))


def test_wrong_constants_of_a_dynamics_are_named():
    for convention, change, message in (
        ("BBK", {"dt": 0.0}, r"dt=0.0 must be a finite number > 0"),
        ("BBK", {"friction": -1.0}, r"friction=-1.0 must be a finite number >= 0"),
        ("BBK", {"friction": math.inf}, r"friction=inf must be a finite number >= 0"),
        ("BBK", {"mass": 0.0}, r"mass=0.0 must be a finite number > 0"),
        ("BBK", {"temperature": -1.0}, r"temperature=-1.0 must be a finite number >= 0"),
        ("gradient_flow", {"friction": 0.0}, r"friction=0.0 must be a finite number > 0"),
        ("gradient_flow", {"mass": 1.0}, r"mass=1: .*'gradient_flow' is overdamped and has mass 0"),
        ("effective_learning_rate", {"friction": 2.0}, r"friction=2: .* has friction 1; divide dt"),
        ("Verlet", {}, r"convention='Verlet' is unknown: use one of 'BAOAB', 'BBK'"),
    ):
        with pytest.raises(ValueError, match=message):
            LangevinReading(convention=convention, **({"dt": 0.1, "friction": 1.0} | change))
    with pytest.raises(TypeError, match=r"dt='0.1' must be a number"):
        LangevinReading(convention="BBK", dt="0.1", friction=1.0)
    with pytest.raises(ValueError, match=r"convention=\['BBK'\] is unknown"):
        LangevinReading(convention=["BBK"], dt=0.1, friction=1.0)


def test_dynamics_that_cannot_be_read_are_named():
    langevin = ll.Langevin(LINE, temperature=0.2, friction=1.0)
    with pytest.raises(ValueError, match=r"dt=None, convention='BBK': a dynamics needs both"):
        to_optimiser(langevin, convention="BBK")
    with pytest.raises(ValueError, match=r"dt=0.1, convention=None: a LangevinReading has its own"):
        to_optimiser(LangevinReading(convention="BBK", dt=0.1, friction=1.0), dt=0.1)
    with pytest.raises(
        ValueError, match=r"'gradient_flow' is for overdamped dynamics; Langevin ta"
    ):
        to_optimiser(langevin, dt=0.1, convention="gradient_flow")
    with pytest.raises(TypeError, match=r"langevin=0.1 must be a LangevinReading, Langevin, Over"):
        to_optimiser(0.1, dt=0.1, convention="BBK")
    many = ll.Langevin(Quartic(2), temperature=0.2, friction=(1.0, 2.0))
    with pytest.raises(TypeError, match=r"friction=\(1.0, 2.0\) must be one number: .* one by one"):
        to_optimiser(many, dt=0.1, convention="BBK")
    cooled = ll.Langevin(LINE, temperature=lambda time: 1 / (1 + time), friction=1.0)
    with pytest.raises(TypeError, match=r"temperature=.* must be one number: .* dynamics.at"):
        to_optimiser(cooled, dt=0.1, convention="BBK")
    assert to_optimiser(cooled.at(1.0), dt=0.1, convention="BBK").temperature == pytest.approx(0.5)

"""ODEs near momentum 1: which holds for which method, their starts and clocks."""

import dataclasses
import math

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.limits import OutsideRegimeWarning, compare, high_resolution, low_resolution
from langevin_lab.limits.high_resolution import InverseTime
from langevin_lab.momentum import GradientDescent, HeavyBall, Nesterov, NesterovSequence

LOSS = ll.Potential.from_expression("(x**2-1)**2/4 + x*y/5 + y**2/2 + cos(x-y)", ("x", "y"))
START = [0.5, 1.2]
RATES = 4.0 ** -np.arange(4, 9)


def momentum(rate, convexity=0.2):
    root = math.sqrt(convexity * rate)
    return (1 - root) / (1 + root)


METHODS = {
    "heavy ball": lambda s: HeavyBall(learning_rate=s, momentum=momentum(s)),
    "Nesterov": lambda s: Nesterov(learning_rate=s, momentum=momentum(s)),
    "sequence": lambda s: Nesterov(learning_rate=s, momentum=NesterovSequence()),
    "stronger sequence": lambda s: Nesterov(
        learning_rate=s, momentum=NesterovSequence(resistance=5.0)
    ),
}
each_method = pytest.mark.parametrize("family", METHODS.values(), ids=METHODS)


def measured(family, limit, **options):
    return compare(
        family, limit, LOSS, start=START, duration=2.0, learning_rates=RATES, curvature=2.0,
        **options,
    ).sup_order.value  # fmt: skip


@each_method
def test_low_resolution_is_of_order_1_in_the_step_and_high_resolution_of_order_2(family):
    assert measured(family, "low_resolution") == pytest.approx(0.5, abs=0.03)
    assert measured(family, "high_resolution") == pytest.approx(1.0, abs=0.03)


def test_the_other_methods_ode_is_of_order_1_only():
    assert measured(METHODS["heavy ball"], "high_resolution", form="nesterov") < 0.55
    assert measured(METHODS["Nesterov"], "high_resolution", form="heavy_ball") < 0.55


def test_the_published_velocity_belongs_to_another_first_step():
    assert measured(METHODS["Nesterov"], "high_resolution", velocity="published") < 0.55


@pytest.mark.parametrize(
    "change",
    [
        lambda flow: dataclasses.replace(flow, hessian_damping=1.05 * flow.hessian_damping),
        lambda flow: dataclasses.replace(
            flow, force_scale=flow.force_scale - 0.05 * flow.hessian_damping
        ),
    ],
    ids=["damping", "force"],
)
def test_a_term_wrong_by_5_percent_of_the_step_breaks_the_order(change):
    def limit(optimiser, potential):
        right = high_resolution(optimiser, potential, curvature=2.0)
        return dataclasses.replace(right, dynamics=change(right.dynamics))

    result = compare(
        METHODS["Nesterov"], limit, LOSS, start=START, duration=2.0,
        learning_rates=4.0 ** -np.arange(7, 12),
    )  # fmt: skip
    assert result.sup_order.value < 0.9


def test_friction_is_twice_the_root_of_the_convexity():
    method = METHODS["Nesterov"](1e-4)
    limit = low_resolution(method, ll.potentials.harmonic())
    assert limit.dynamics.friction == pytest.approx(2 * math.sqrt(0.2), rel=1e-12)
    assert limit.time_per_step == 0.01


def test_a_mode_of_nesterov_decays_faster_by_half_the_step_times_its_curvature():
    flow = high_resolution(
        METHODS["Nesterov"](1e-4), ll.potentials.harmonic(stiffness=4.0)
    ).dynamics
    matrix = np.array(
        [[-flow.hessian_damping * 4.0, 1.0], [-flow.force_scale * 4.0, -flow.friction]]
    )
    decay = -np.linalg.eigvals(matrix).real.max()
    assert decay == pytest.approx(0.5 * flow.friction + 0.5 * 0.01 * 4.0, rel=1e-12)


def test_low_resolution_of_the_sequence_is_the_bessel_function_of_a_quadratic():
    from scipy.special import j1

    limit = low_resolution(METHODS["sequence"](1e-4), ll.potentials.harmonic(stiffness=2.0))
    steps = np.arange(1, 400, 7)
    argument = math.sqrt(2.0) * limit.times(steps)
    exact = 2.0 * j1(argument) / argument
    assert limit.path([1.0], steps)[:, 0] == pytest.approx(exact, abs=1e-8)
    assert limit.path([1.0], [0]).tolist() == [[1.0]]


def test_low_resolution_of_the_sequence_starts_on_its_series():
    # x = 1 - k t^2/(2 (1 + r)) + O(t^4), x' = -k t/(1 + r)
    limit = low_resolution(METHODS["stronger sequence"](1e-4), ll.potentials.harmonic())
    first = limit.first_time
    assert first == pytest.approx(1e-4)
    start = limit.start([1.0])
    assert 1.0 - start["start"] == pytest.approx(first**2 / 12, rel=1e-6)
    assert start["start_momentum"] == pytest.approx(-first / 6, rel=1e-6)


def test_inverse_time_is_a_schedule():
    schedule = InverseTime(slope=3.0, offset=0.5, constant=1.0)
    assert schedule(np.array([0.0, 1.0])) == pytest.approx([7.0, 3.0])


def test_outside_the_regime_there_is_a_warning_with_the_number():
    well = ll.potentials.harmonic()
    with pytest.warns(OutsideRegimeWarning, match=r"\(1 - momentum\) = 0.5 is above 0.3"):
        high_resolution(Nesterov(learning_rate=0.01, momentum=0.5), well)
    with pytest.warns(OutsideRegimeWarning, match=r"learning_rate curvature\) = 0.2 is above 0.1"):
        low_resolution(Nesterov(learning_rate=0.2, momentum=NesterovSequence()), well)


def test_wrong_choices_are_named():
    method, sequence = METHODS["Nesterov"](0.01), METHODS["sequence"](0.01)
    with pytest.raises(ValueError, match="form='adam' must be one of"):
        high_resolution(method, LOSS, form="adam")
    with pytest.raises(ValueError, match="velocity='best' must be one of"):
        high_resolution(method, LOSS, velocity="best")
    with pytest.raises(ValueError, match="form='nesterov', velocity='matched' are for a fixed"):
        high_resolution(sequence, LOSS, form="nesterov")
    with pytest.raises(TypeError, match="has no such ODE: give a HeavyBall or a Nesterov"):
        low_resolution(GradientDescent(learning_rate=0.1), LOSS)
    falling = Nesterov(learning_rate=lambda n: 0.1 / (1.0 + n), momentum=NesterovSequence())
    with pytest.raises(ValueError, match="follows a schedule of learning_rate"):
        low_resolution(falling, LOSS)

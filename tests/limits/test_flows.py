"""Limits of fixed-momentum methods: their numbers, their starts, their orders, their ranges."""

import dataclasses

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.limits import (
    OutsideRegimeWarning,
    compare,
    gradient_flow,
    inertia,
    iterate,
    modified_flow,
    momentum_flow,
    penalty,
    slow_velocity,
)
from langevin_lab.momentum import (
    SGD,
    GradientDescent,
    HeavyBall,
    MomentumFamily,
    Nesterov,
    NesterovSequence,
    StreamingPCA,
)

LOSS = ll.Potential.from_expression("(x**2-1)**2/4 + x*y/5 + y**2/2 + cos(x-y)", ("x", "y"))
START = [0.5, 1.2]
METHODS = {
    "descent": lambda h: GradientDescent(learning_rate=h),
    "heavy ball": lambda h: HeavyBall(learning_rate=h, momentum=0.5),
    "Nesterov": lambda h: Nesterov(learning_rate=h, momentum=0.5),
    "family": lambda h: MomentumFamily(learning_rate=h, momentum=0.4, look_ahead=0.9),
    "dampened": lambda h: SGD(learning_rate=2 * h, momentum=0.5, dampening=0.5),
}
each_method = pytest.mark.parametrize("family", METHODS.values(), ids=METHODS)


def holds(estimate, expected):
    low, high = estimate.interval()
    return low < expected < high and high - low < 1.0


@each_method
def test_gradient_flow_is_of_order_1_everywhere(family):
    result = compare(family, "gradient_flow", LOSS, start=START, curvature=2.0)
    assert holds(result.sup_order, 1.0)
    assert result.expected == 1.0


@pytest.mark.parametrize("name", ["descent", "heavy ball", "Nesterov", "family"])
def test_modified_flow_is_of_order_2_after_the_layer_and_no_other_coefficient_is(name):
    family = METHODS[name]
    result = compare(family, "modified_flow", LOSS, start=START, curvature=2.0)
    assert holds(result.order, 2.0)

    def wrong(factor):
        def limit(optimiser, potential):
            return modified_flow(
                optimiser, potential, coefficient=factor * penalty(optimiser), curvature=2.0
            )

        return compare(family, limit, LOSS, start=START, learning_rates=2.0 ** -np.arange(10, 15))

    assert wrong(1.0).late_order.value == pytest.approx(2.0, abs=0.1)
    for factor in (0.0, 0.95, 1.05):
        assert wrong(factor).late_order.value < 1.85


TORCH = {
    "dampened": lambda h: SGD(learning_rate=h / 0.7, momentum=0.5, dampening=0.3),
    "more dampened": lambda h: SGD(learning_rate=h / 0.2, momentum=0.5, dampening=0.8),
    "nesterov": lambda h: SGD(learning_rate=h, momentum=0.5, nesterov=True),
}


@pytest.mark.parametrize("family", TORCH.values(), ids=TORCH)
def test_pytorchs_first_step_and_stored_point_keep_the_orders(family):
    settings = {"start": START, "curvature": 2.0, "learning_rates": 2.0 ** -np.arange(8, 13)}
    for name in ("momentum_flow", "modified_flow"):
        result = compare(family, name, LOSS, **settings)
        assert holds(result.late_order, 2.0), name
        assert result.expected == 2.0

    def ignorant(optimiser, potential, **options):
        """As if the method were the heavy ball or Nesterov's of the same numbers."""
        same = MomentumFamily(
            learning_rate=optimiser.learning_rate * (1 - optimiser.dampening),
            momentum=optimiser.momentum, look_ahead=optimiser.look_ahead,
        )  # fmt: skip
        return dataclasses.replace(modified_flow(same, potential, **options), optimiser=optimiser)

    assert compare(family, ignorant, LOSS, **settings).late_order.value < 1.3


def test_frozen_dampening_applies_to_every_step_and_leaves_the_start_of_the_heavy_ball():
    method = SGD(learning_rate=0.02, momentum=0.5, dampening=0.5)
    heavy = HeavyBall(learning_rate=0.01, momentum=0.5)
    first = modified_flow(method, LOSS).start(START)["start"]
    assert first == pytest.approx(START, abs=1e-15)  # dampening = momentum: no initial layer
    later = modified_flow(method.at(3), LOSS).start(START)["start"]
    assert later == pytest.approx(modified_flow(heavy, LOSS).start(START)["start"], abs=1e-15)


def test_slow_velocity_holds_for_the_points_that_pytorch_stores():
    distances = []
    for h in (1e-3, 5e-4):
        method = SGD(learning_rate=h, momentum=0.5, nesterov=True)
        path = iterate(method, LOSS, START, round(0.2 / h))
        velocity = slow_velocity(method, LOSS)(path[-1])
        distances.append(np.linalg.norm((path[-1] - path[-2]) / h - velocity))
    assert distances[0] / distances[1] == pytest.approx(4.0, abs=0.1)


def test_without_momentum_the_modified_flow_holds_everywhere():
    limit = modified_flow(GradientDescent(learning_rate=0.01), LOSS)
    assert (limit.holds, limit.initial_layer) == ("everywhere", "none")
    result = compare(METHODS["descent"], "modified_flow", LOSS, start=START, curvature=2.0)
    assert result.order is result.sup_order
    assert holds(result.order, 2.0)


@pytest.mark.parametrize("name", ["heavy ball", "Nesterov", "family"])
def test_momentum_flow_is_of_order_2_from_the_matched_velocity_and_1_at_the_start(name):
    rates = 2.0 ** -np.arange(8, 13)
    result = compare(
        METHODS[name], "momentum_flow", LOSS, start=START, curvature=2.0, learning_rates=rates
    )
    assert holds(result.late_order, 2.0)
    assert holds(result.sup_order, 1.0)
    assert result.expected == 2.0


def test_momentum_flow_is_of_order_1_from_the_published_velocity():
    result = compare(
        METHODS["heavy ball"], "momentum_flow", LOSS, start=START, curvature=2.0,
        velocity="published", learning_rates=2.0 ** -np.arange(8, 13),
    )  # fmt: skip
    assert result.expected == 1.0
    assert holds(result.order, 1.0)
    assert result.late_order.value < 1.5


def test_momentum_flow_follows_the_closed_form_of_a_quadratic():
    well = ll.potentials.harmonic(stiffness=3.0)
    method = HeavyBall(learning_rate=0.01, momentum=0.8)
    limit = momentum_flow(method, well)
    mass, damping = 0.01 * 0.9, 0.2
    slow, fast = np.roots([mass, damping, 3.0]).astype(complex)
    speed = -3.0 * (0.9 - 0.8) / (0.9 * 0.2)
    weights = np.linalg.solve([[1, 1], [slow, fast]], [1.0, speed])
    steps = np.arange(60)
    exact = (weights * np.exp(np.outer(0.01 * steps, [slow, fast]))).sum(axis=1).real
    assert limit.path([1.0], steps)[:, 0] == pytest.approx(exact, abs=1e-9)


def test_published_velocity_has_its_closed_form():
    method = HeavyBall(learning_rate=0.01, momentum=0.8)
    limit = momentum_flow(method, ll.potentials.harmonic(), velocity="published")
    assert limit.velocity(np.array([1.0])) == pytest.approx((1 - 1.8) / (1.8 - 0.8 + 1) * -1.0)
    assert limit.start(1.0)["start_momentum"] == pytest.approx(0.01 * 0.9 * 0.4)


def test_inertia_and_penalty_have_their_closed_forms():
    assert inertia(HeavyBall(learning_rate=0.1, momentum=0.9)) == pytest.approx(0.95)
    ahead = Nesterov(learning_rate=0.1, momentum=0.9)
    assert inertia(ahead) == pytest.approx((1 - 0.9 + 2 * 0.81) / 2)
    heavy = HeavyBall(learning_rate=0.1, momentum=0.5)
    assert penalty(heavy) == pytest.approx(0.1 * 1.5 / (4 * 0.25), rel=1e-14)
    ahead = Nesterov(learning_rate=0.1, momentum=0.5)
    assert penalty(ahead) == pytest.approx(0.1 * (1 - 0.5 + 2 * 0.25) / (4 * 0.25), rel=1e-14)
    b = 2.0
    assert penalty(heavy) == pytest.approx(0.05 * b * (b - 0 - 0.5), rel=1e-14)


def test_slow_velocity_is_the_slow_eigenvector_of_a_quadratic_to_second_order():
    k, momentum, ahead = 2.0, 0.5, 0.3
    ratios = []
    for h in (1e-3, 5e-4):
        method = MomentumFamily(learning_rate=h, momentum=momentum, look_ahead=ahead)
        roots = np.roots([1.0, -(1 + momentum - h * k * (1 + ahead)), momentum - h * k * ahead])
        exact = (1.0 - 1.0 / roots.max()) / h
        found = slow_velocity(method, ll.potentials.harmonic(stiffness=k))([1.0])[0]
        ratios.append(abs(found - exact) / h**2)
    assert ratios[0] == pytest.approx(ratios[1], rel=0.02)
    assert ratios[0] < 1000  # k^3/(1 - momentum)^5 = 256


def test_paths_approach_the_slow_manifold_by_the_momentum_a_step():
    method = HeavyBall(learning_rate=1e-4, momentum=0.5)
    path = iterate(method, LOSS, START, 12)
    distance = np.linalg.norm(
        np.diff(path, axis=0) / 1e-4 - slow_velocity(method, LOSS)(path[1:]), axis=1
    )
    assert distance[1:8] / distance[:7] == pytest.approx(np.full(7, 0.5), abs=0.002)


def test_limits_run_on_the_ensemble_as_any_dynamics():
    method = HeavyBall(learning_rate=0.02, momentum=0.5)
    for limit in (gradient_flow(method, LOSS, curvature=1.0), momentum_flow(method, LOSS)):
        steps = np.array([0, 50])
        run = ll.simulate(
            limit.dynamics, "RK4", dt=limit.time_per_step / 4, n_steps=200, seed=0,
            **limit.start(START),
        )  # fmt: skip
        assert run["x_final"].values[0] == pytest.approx(limit.path(START, steps)[1], abs=1e-6)


def test_iterates_are_those_of_the_ensemble():
    method = Nesterov(learning_rate=0.05, momentum=NesterovSequence())
    run = ll.simulate(LOSS, method, n_steps=40, seed=0, start=START, save_every=1)
    path = iterate(method, LOSS, START, 40)
    assert run["x"].values[:, 0] == pytest.approx(path[1:], abs=1e-14)


def test_potentials_made_of_loops_and_risks_have_limits_too():
    generator = np.random.default_rng(3)
    data = {"a": generator.normal(size=6), "y": generator.normal(size=6)}
    network = ll.potentials.empirical_risk(
        "(v0*tanh(w0*a + b0) + v1*tanh(w1*a + b1) - y)**2/2",
        variables="w0 w1 b0 b1 v0 v1", data=data, batch_size=2, replacement=True,
    )  # fmt: skip
    method = HeavyBall(learning_rate=1e-5, momentum=0.5)
    for loss in (ll.potentials.rosenbrock(dim=6), network):
        x = generator.normal(size=(3, 6)) / 3
        clean = gradient_flow(method, loss).dynamics.potential
        modified = modified_flow(method, loss).dynamics.potential
        g = clean.gradient(x)
        bent = (clean.gradient(x + 1e-5 * g) - clean.gradient(x - 1e-5 * g)) / 2e-5
        assert modified.gradient(x) - g == pytest.approx(
            2 * penalty(method) * bent, rel=1e-4, abs=1e-8
        )
        slow = slow_velocity(method, loss)(x)
        assert slow == pytest.approx(-2 * g - 1e-5 * 8 * bent, rel=1e-7)


def test_gradient_noise_is_left_out_of_deterministic_limits():
    noisy = LOSS.with_gradient_noise(standard_deviation=1.0)
    method = HeavyBall(learning_rate=0.01, momentum=0.5)
    assert gradient_flow(method, noisy).dynamics == gradient_flow(method, LOSS).dynamics
    assert iterate(method, noisy, START, 3) == pytest.approx(iterate(method, LOSS, START, 3))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (gradient_flow, "ratio of clocks .* = 0.2565 is above 0.1"),
        (modified_flow, "ratio of clocks"),
        (momentum_flow, "curvature in one step .* = 0.27 is above 0.1"),
    ],
)
def test_outside_the_regime_there_is_a_warning_with_the_number(make, name):
    well = ll.potentials.harmonic(stiffness=2.7)
    fast = MomentumFamily(learning_rate=0.1, momentum=0.05, look_ahead=0.0)
    method = fast if make is momentum_flow else HeavyBall(learning_rate=0.1, momentum=0.2617)
    with pytest.warns(OutsideRegimeWarning, match="outside its regime") as caught:
        make(method, well)
    assert caught[0].filename == __file__
    if make is gradient_flow:
        assert caught[0].message.value == pytest.approx(0.27 * 0.63085 / 0.7383**2, rel=1e-9)


def test_within_the_regime_there_is_none():
    limit = gradient_flow(HeavyBall(learning_rate=0.01, momentum=0.5), ll.potentials.harmonic())
    (small,) = limit.small_parameters
    assert small.holds
    assert small.value == pytest.approx(0.01 * 0.75 / 0.25)


def test_without_a_known_curvature_nothing_is_stated_about_the_range():
    assert gradient_flow(HeavyBall(learning_rate=9.0, momentum=0.5), LOSS).small_parameters == ()


@pytest.mark.parametrize(
    ("optimiser", "error", "message"),
    [
        ("HeavyBall", TypeError, "optimiser='HeavyBall' must be one of langevin_lab.momentum"),
        (
            Nesterov(learning_rate=0.1, momentum=NesterovSequence()),
            ValueError,
            "follows a schedule of momentum",
        ),
        (SGD(learning_rate=0.1, weight_decay=0.1), ValueError, "decays weights"),
        (
            StreamingPCA(learning_rate=0.1, momentum=0.0, variances=(1.0, 2.0)),
            ValueError,
            "descends no potential",
        ),
    ],
)
def test_what_has_no_such_limit_is_refused(optimiser, error, message):
    for make in (gradient_flow, momentum_flow, modified_flow):
        with pytest.raises(error, match=message):
            make(optimiser, LOSS)
    with pytest.raises(error, match=message):
        penalty(optimiser)


def test_wrong_choices_are_named():
    method = HeavyBall(learning_rate=0.01, momentum=0.5)
    with pytest.raises(ValueError, match="velocity='best' must be one of"):
        momentum_flow(method, LOSS, velocity="best")
    with pytest.raises(ValueError, match=r"curvature=-1\.0 must be finite and > 0"):
        gradient_flow(method, LOSS, curvature=-1.0)
    with pytest.raises(TypeError, match="curvature='steep' must be a number"):
        gradient_flow(method, LOSS, curvature="steep")
    with pytest.raises(TypeError, match=r"potential='x\*\*2' is no Potential"):
        modified_flow(method, "x**2")
    with pytest.raises(ValueError, match=r"start=\[0.5\] must be 2 finite numbers"):
        gradient_flow(method, LOSS).start([0.5])
    far = MomentumFamily(learning_rate=0.01, momentum=0.2, look_ahead=0.8)
    with pytest.raises(ValueError, match=r"inertia -0.04 <= 0; use look_ahead < 0.75"):
        momentum_flow(far, LOSS)

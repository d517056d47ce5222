"""CoolMomentum: its recursion, the words that it is, its schedules, its law on a quadratic."""

import numpy as np
import pytest
import recursions
from landscapes import Quartic
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.dynamics import CoolingMomentum, Linear
from langevin_lab.momentum import CoolMomentum, Descent, GradientDescent, HeavyBall

BOWL, N_STEPS = Quartic(3), 40
START = np.random.default_rng(5).uniform(-1, 1, (4, 3))
COOLING = CoolingMomentum(start=0.99, duration=30.0)
MOMENTA = {"none": 0.0, "fixed": 0.85, "scheduled": COOLING}
each_momentum = pytest.mark.parametrize("momentum", MOMENTA.values(), ids=MOMENTA)


def path(optimiser, n_steps=N_STEPS):
    return np.array(recursions.stepped(optimiser, BOWL, START, n_steps))


def published(x, gradient, n_steps, rate, momentum):
    """dx = rho dx - l (1 + rho)/2 g; x = x + dx, and dx = 0 at first: the repository's loop."""
    rhos, rates = (recursions.numbers(value, n_steps) for value in (momentum, rate))
    points, step = [x], np.zeros_like(x)
    for rho, rate_now in zip(rhos, rates):
        step = rho * step - rate_now * ((1 + rho) / 2) * gradient(points[-1])
        points.append(points[-1] + step)
    return np.array(points)


@each_momentum
@pytest.mark.parametrize("rate", [0.05, Linear(start=0.08, stop=0.01, duration=30.0)])
def test_it_is_the_published_recursion(momentum, rate):
    cool = CoolMomentum(learning_rate=rate, momentum=momentum)
    expected = published(START, BOWL.gradient, N_STEPS, rate, momentum)
    np.testing.assert_allclose(path(cool), expected, rtol=0, atol=1e-13)


def test_a_gradient_that_is_not_scaled_is_noticed():
    heavy = path(HeavyBall(learning_rate=0.05, momentum=0.85))
    assert np.abs(heavy - path(CoolMomentum(learning_rate=0.05, momentum=0.85))).max() > 1e-2


def test_it_is_heavy_ball_of_a_smaller_rate_and_in_the_end_gradient_descent():
    cool = CoolMomentum(learning_rate=0.05, momentum=0.6)
    assert (path(cool) == path(HeavyBall(learning_rate=0.05 * 1.6 / 2, momentum=0.6))).all()
    assert cool.dampening == pytest.approx(0.2)
    ended = CoolMomentum.cooling(n_steps=0.5, learning_rate=0.05)
    after, descent = path(ended, 1)[1], GradientDescent(learning_rate=0.025)
    x = recursions.stepped(ended, BOWL, START, 3)
    np.testing.assert_allclose(x[3], x[2] - 0.025 * BOWL.gradient(x[2]), rtol=0, atol=1e-15)
    assert (after != path(descent, 1)[1]).all()  # the first step still has the first momentum


def word_path(word, dt, momentum, n_steps):
    """Positions of a word without noise that has been at rest: its half kick is behind it."""
    friction = {"BAOAB": ll.dynamics.baoab_friction, "BBK": ll.dynamics.bbk_friction}[word]
    equation = ll.Langevin(BOWL, temperature=0.0, friction=friction(momentum, dt))
    method = ll.integrators.method(word)
    damped = 1.0 if word == "BAOAB" else 1.0 / (1.0 + equation.friction * dt / 2)
    state = {"x": START, "p": -0.5 * dt * damped * BOWL.gradient(START)}
    state = method.carried_state(state, BOWL.gradient)
    values, points = method.coefficients(equation, dt), [START]
    for _ in range(n_steps):
        none = np.zeros((method.n_normals, *START.shape))
        state = method.step(state, none, values, BOWL.gradient)
        points.append(state["x"])
    return np.array(points)


@pytest.mark.parametrize("momentum", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("word", ["BAOAB", "BBK"])
def test_its_path_without_noise_is_that_of_baoab_and_of_bbk(word, momentum):
    dt = 0.3
    own = path(CoolMomentum(learning_rate=dt**2, momentum=momentum))
    np.testing.assert_allclose(word_path(word, dt, momentum, N_STEPS), own, rtol=0, atol=1e-12)
    wrong = word_path(word, 1.02 * dt, momentum, N_STEPS)
    assert np.abs(wrong - own).max() > 1e-3


@pytest.mark.parametrize("momentum", [0.5, 0.95])
def test_compiled_path_is_that_of_compiled_baoab(momentum):
    dt, well = 0.2, ll.potentials.double_well()
    start = np.array([[-1.3], [0.2], [1.7]])
    common = {"n_steps": 60, "n_replicas": 3, "seed": 0, "start": start, "save_every": 1}
    cool = ll.simulate(well, CoolMomentum(learning_rate=dt**2, momentum=momentum), **common)
    equation = ll.Langevin(well, temperature=0.0, friction=ll.dynamics.baoab_friction(momentum, dt))
    words = ll.simulate(
        equation, "BAOAB", dt=dt, start_momentum=-0.5 * dt * well.gradient(start), **common
    )
    np.testing.assert_allclose(cool["x"], words["x"], rtol=0, atol=1e-12)


def test_kernel_under_a_schedule_walks_the_published_recursion(plain_python):
    plane = ll.Potential.from_expression("(x**2 - 1)**2 + 1.7*(y - x)**2/2", ("x", "y"))
    start = np.random.default_rng(3).uniform(-1, 1, (3, 2))
    rate = Linear(start=0.05, stop=0.01, duration=6.0)
    cool = CoolMomentum.cooling(n_steps=7, learning_rate=rate, start=0.9, form="exponential")
    run = ll.simulate(plane, cool, n_steps=9, n_replicas=3, seed=1, start=start, save_every=1)
    momentum = CoolingMomentum(start=0.9, duration=7, form="exponential")
    expected = published(start, plane.gradient, 9, rate, momentum)[1:]
    np.testing.assert_allclose(run["x"], expected, rtol=0, atol=1e-13)


def test_published_cooling_is_the_default():
    cool = CoolMomentum.cooling(n_steps=1000)
    assert cool == CoolMomentum(
        learning_rate=0.01, momentum=CoolingMomentum(start=0.99, duration=1000)
    )
    assert cool.momentum.alpha == pytest.approx(0.01 ** (1 / 1000), rel=1e-14)
    alpha = cool.momentum.alpha
    for n in (0, 1, 500, 999):
        assert cool.at(n).momentum == pytest.approx(1 - 0.01 / alpha**n, abs=1e-13)
    assert cool.at(1500).momentum == 0
    assert cool.scheduled == ("momentum",)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.99])
def test_it_is_stable_below_four_at_any_momentum(momentum):
    stiffness = 1.7
    for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
        cool = CoolMomentum(learning_rate=factor * 4 / stiffness, momentum=momentum)
        radius = ll.exact.linear_map(cool, stiffness=stiffness).spectral_radius
        assert (radius < 1) == stable
    assert CoolMomentum.cooling(n_steps=10).stability_limit == 4


def test_an_unstable_run_is_refused_also_under_a_schedule():
    steep = ll.potentials.harmonic(stiffness=4.1)
    with pytest.raises(ll.ensemble.UnstableStepError, match=r"stability limit 0\.9756.* CoolMo"):
        ll.simulate(steep, CoolMomentum.cooling(n_steps=10, learning_rate=1.0), n_steps=10, seed=0)


def law(rate, momentum, stiffness, noise):
    """Var x and Var D from the autocovariances of x_n = a x_{n-1} + b x_{n-2} + noise."""
    kick = rate * (1 + momentum) / 2
    first, second = 1 + momentum - kick * stiffness, -momentum
    variance = (1 - second) * (kick * noise) ** 2
    variance /= (1 + second) * ((1 - second) ** 2 - first**2)
    return variance, 2 * variance * (1 - first / (1 - second))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("rate_times_stiffness", [1e-4, 0.1, 1.0, 3.9])
def test_both_thermometers_show_the_temperature(momentum, rate_times_stiffness):
    """Exact machinery = autoregression = closed form, for position and displacement."""
    k, noise = 2.5, 0.7
    rate = rate_times_stiffness / k
    cool = CoolMomentum(learning_rate=rate, momentum=momentum)
    found = ll.exact.stationary_covariance(cool, stiffness=k, gradient_noise=noise)
    x, displacement = law(rate, momentum, k, noise)
    assert found[0, 0] == pytest.approx(x, rel=1e-9)
    assert found[1, 1] == pytest.approx(displacement, rel=1e-8)
    temperature = ll.limits.cool_momentum_temperature(
        learning_rate=rate, momentum=momentum, gradient_noise=noise, curvature=k
    )
    assert k * found[0, 0] == pytest.approx(temperature, rel=1e-10)
    assert found[1, 1] / rate == pytest.approx(temperature, rel=1e-10)
    assert ll.limits.stationary_variances(
        cool, curvature=k, gradient_noise=noise
    ).configurational_temperature == pytest.approx(temperature, rel=1e-12)


def test_sampled_thermometers_agree_and_the_published_proportionality_does_not():
    rate, noise = 0.5, 1.0
    for momentum in (0.5, 0.9):
        cool = CoolMomentum(learning_rate=rate, momentum=momentum)
        run = ll.simulate(
            ll.potentials.harmonic(), cool, gradient_noise=noise, n_steps=3_000, n_replicas=2_000,
            seed=6, burn_in=200, observe={"hot": "x**2", "moving": "p**2"},
        )  # fmt: skip
        exact = ll.limits.cool_momentum_temperature(
            learning_rate=rate, momentum=momentum, gradient_noise=noise, curvature=1.0
        )
        for name, scale in (("hot", 1.0), ("moving", rate)):
            value, error = run[name].item() / scale, run[name + "_stderr"].item() / scale
            assert_agrees(value, error, exact, None, f"{name}, momentum {momentum}")
            assert_refutes(value, error, 1.03 * exact, None, f"{name}, momentum {momentum}")
            quoted = rate * noise**2 / (4 * (1 - momentum)) / (1 - rate / 4)
            assert_refutes(value, error, quoted, None, f"{name}, 1/(1 - momentum)")


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match=r"momentum=1\.0 must be a momentum coefficient in \[0, "):
        CoolMomentum(learning_rate=0.1, momentum=1.0)
    with pytest.raises(ValueError, match="learning_rate=0 must be a finite number > 0"):
        CoolMomentum(learning_rate=0, momentum=0.5)
    with pytest.raises(ValueError, match="form='cosine' must be one of"):
        CoolMomentum.cooling(n_steps=10, form="cosine")
    with pytest.raises(ValueError, match="duration=0 must be a finite number > 0"):
        CoolMomentum.cooling(n_steps=0)
    with pytest.raises(ValueError, match="momentum is a schedule, so CoolMomentum has no"):
        _ = CoolMomentum.cooling(n_steps=10).dampening
    with pytest.raises(ValueError, match=r"momentum schedule returned 1\.5 in step 3"):
        CoolMomentum(learning_rate=0.1, momentum=lambda n: 0.5 * n).at(3)


def test_descent_under_a_schedule_has_the_values_of_its_steps():
    descent = Descent(BOWL, CoolMomentum.cooling(n_steps=10, start=0.9))
    found = descent.scheduled_values(np.array([0.0, 5.5, 20.0]))
    expected = CoolingMomentum(start=0.9, duration=10)(np.array([0.0, 5.0, 20.0]))
    np.testing.assert_allclose(found["momentums"], expected, rtol=1e-14)

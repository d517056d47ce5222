"""Crossing by a Brownian bridge: which targets, which steps, exact laws, what remains in dt."""

import numpy as np
import pytest
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.escape import first_passage
from langevin_lab.escape.crossing import bridge_distances
from langevin_lab.exact import discrete_passage_time, mean_first_passage_time
from langevin_lab.integrators import method as find_method
from langevin_lab.noise import normals, uniform

WELL = ll.potentials.double_well()
HOT = ll.Overdamped(WELL, temperature=0.5)
PLANE = ll.Potential.from_expression("x**2 + k*y**2", variables=("x", "y"), parameters={"k": 2.0})
MOTION = ll.Overdamped(PLANE, temperature=0.3, friction=(2.0, 0.5))
SLOPE = ll.Potential.from_expression("-k*x", parameters={"k": 1.0}, name="slope")
CHAIN = ll.Overdamped(ll.potentials.phi4_chain(n_sites=3), temperature=0.5)
FALLING = ll.Overdamped(SLOPE, temperature=0.5)


@pytest.mark.parametrize(
    ("target", "planes"),
    [
        ("x > 1", [([1, 0], -1)]),
        ("1 >= x", [([-1, 0], 1)]),
        ("3*x + 4*y > k", [([3, 4], -2)]),
        ("x > 3 or -2*x > 6", [([1, 0], -3), ([-2, 0], -6)]),
        ("(x - y > 3) | (x - y < -2)", [([1, -1], -3), ([-1, 1], -2)]),
    ],
)
def test_product_of_scaled_distances_is_the_exponent_of_the_bridge(target, planes):
    """exp(-e0 e1) = exp(-2 d0 d1/s^2) with s the standard deviation of a step along the normal."""
    texts, scales = bridge_distances(target, PLANE, MOTION, 0.01)
    spread = np.sqrt(2 * 0.3 * 0.01 / np.array([2.0, 0.5]))
    point, values = np.array([0.2, -0.4]), {"x": 0.2, "y": -0.4, "k": 2.0}
    values |= {f"shift_{index}": scale for index, scale in enumerate(scales)}
    found = [ll.potentials.parse_expression(text, tuple(values)).evaluate(values) for text in texts]
    expected = [
        -np.sqrt(2) * (np.dot(normal, point) + offset) / np.linalg.norm(normal * spread)
        for normal, offset in planes
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("x > 1 and y > 0", "needs one comparison, or two that face each other"),
        ("0 < x < 1", "needs one comparison, or two"),
        ("not x > 1", "needs one comparison, or two"),
        ("x > 1 or y > 1", "needs two boundaries that face each other, at least 10 standard"),
        ("x > 1 or x > 2", "needs two boundaries that face each other"),
        ("x > 0.2 or x < -0.2", "face each other, at least 10 standard deviations of a step apart"),
        (
            "x**2 > 1",
            r"\(x \*\* 2\) - \(1\) is not linear in the variables, which crossing='bridge'",
        ),
        ("k > 1", r"needs noise across every boundary, but a step spreads by \[0\.0\]"),
    ],
)
def test_targets_that_no_bridge_decides_are_refused(target, message):
    with pytest.raises(ValueError, match=message):
        bridge_distances(target, PLANE, MOTION, 0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "LeimkuhlerMatthews"}, "crossing='bridge' needs noise that is independent"),
        ({"dynamics": ll.Langevin(WELL, temperature=0.5, friction=1.0), "method": "BAOAB"},
         "crossing='bridge' is for overdamped dynamics .* not for Langevin"),
        ({"gradient_noise": 0.1}, "crossing='bridge' takes the noise of a step from the temp"),
        ({"dynamics": ll.Overdamped(WELL, temperature=0.0), "max_time": 9.0}, "spreads by"),
    ],
)  # fmt: skip
def test_steps_that_are_no_brownian_bridge_are_refused(changes, message):
    settings = {"dynamics": HOT, "method": "StochasticHeun", **changes}
    noise = settings.pop("gradient_noise", None)
    dynamics, method = settings.pop("dynamics"), settings.pop("method")
    if noise:
        dynamics = ll.Overdamped(
            WELL.with_gradient_noise(standard_deviation=noise), temperature=0.5
        )
    with pytest.raises(ValueError, match=message):
        first_passage(dynamics, method, dt=0.01, start=-1.0, target="x > 1", n_replicas=20, seed=1,
                      crossing="bridge", **settings)  # fmt: skip


def path_by_hand(name, dynamics, boundaries, start, dt, n_steps, seed):
    """Times of 16 replicas from the method's own step, the normals and the uniforms.

    The boundaries are for the first coordinate.
    """
    scheme, gradient, dim = find_method(name), dynamics.potential.gradient, dynamics.dim
    coefficients = scheme.coefficients(dynamics, dt)
    spread2 = 2 * dynamics.temperature * dt
    x, times = np.tile(start, (16, 1)), np.full(16, np.nan)
    for step in range(n_steps):
        state = scheme.carried_state({"x": x}, gradient)
        n = normals(seed, range(16), dim * step, dim)[None]
        after = scheme.step(state, n, coefficients, gradient)["x"]
        for r in range(16):
            pairs = [(abs(b - x[r, 0]), (b - after[r, 0]) * np.sign(b)) for b in boundaries]
            chance = sum(np.exp(-2 * d0 * d1 / spread2) for d0, d1 in pairs)
            beyond = min(d1 for _, d1 in pairs) <= 0
            if np.isnan(times[r]) and (beyond or uniform(seed, r, step) < chance):
                times[r] = (step + 0.5) * dt
        x = after
    return times


@pytest.mark.parametrize(
    ("dynamics", "target", "boundaries"),
    [
        (HOT, "x > 1", (1.0,)),
        (HOT, "x > 1 or x < -1.5", (1.0, -1.5)),
        (CHAIN, "x0 > 1", (1.0,)),  # its kernel loops over coordinates
    ],
)
def test_kernel_decides_by_the_uniform_number_of_its_step(
    dynamics, target, boundaries, plain_python
):
    settings = {"start": np.full(dynamics.dim, 0.5), "dt": 0.03, "seed": 6}
    found = first_passage(dynamics, "StochasticHeun", target=target, n_replicas=16, max_time=3.0,
                          crossing="bridge", **settings)  # fmt: skip
    expected = path_by_hand("StochasticHeun", dynamics, boundaries, n_steps=100, **settings)
    assert 4 < found.arrived.sum() < 17
    np.testing.assert_array_equal(found.arrived, ~np.isnan(expected))
    np.testing.assert_allclose(found.times, np.where(found.arrived, expected, 3.0), rtol=1e-12)
    assert (found.crossing, found.shifts.size) == ("bridge", 0)


def test_a_replica_that_leaves_the_bound_has_diverged(plain_python):
    hill = ll.Overdamped(ll.Potential.from_expression("-x**2/2", name="hill"), temperature=0.01)
    with pytest.warns(RuntimeWarning, match="4 of 4 replicas diverged"):
        found = first_passage(hill, "EulerMaruyama", dt=0.1, start=1.0, target="x < -9",
                              n_replicas=4, seed=1, max_time=1.5, crossing="bridge",
                              divergence_bound=2.0)  # fmt: skip
    assert found.n_diverged == 4


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"n_threads": 1}, {"n_threads": 3}, {"n_replicas": 137}])
def test_times_do_not_depend_on_threads_or_company(changes):
    settings = {"dt": 0.02, "start": -1.0, "target": "x > 1", "seed": 3, "crossing": "bridge"}
    whole = first_passage(HOT, "StochasticHeun", n_replicas=500, **settings).times
    found = first_passage(HOT, "StochasticHeun", **{"n_replicas": 500, **settings, **changes})
    np.testing.assert_array_equal(found.times, whole[: found.times.size])


@pytest.mark.slow
def test_on_a_slope_the_time_step_leaves_no_trace():
    """Constant force k, friction 1: mean 1/k and variance 2 T/k^3, at a step of 1/5 of the mean.

    The time is the middle of its step: dt^2/12 is added to the variance.
    """
    found = first_passage(FALLING, "EulerMaruyama", dt=0.2, start=0.0, target="x > 1",
                          n_replicas=200_000, seed=2, crossing="bridge")  # fmt: skip
    mean, spread = found.mean, found.standard_deviation
    assert_agrees(mean.value, mean.stderr, 1.0, mean.n_eff, "mean on a slope")
    assert_refutes(mean.value, mean.stderr, 1.02, mean.n_eff, "force 2 % too low")
    expected = np.sqrt(1.0 + 0.2**2 / 12)
    assert_agrees(spread.value, spread.stderr, expected, mean.n_eff, "deviation on a slope")
    late = first_passage(FALLING, "EulerMaruyama", dt=0.2, start=0.0, target="x > 1",
                         n_replicas=20_000, seed=2, crossing="none").mean  # fmt: skip
    assert_refutes(late.value, late.stderr, 1.0, late.n_eff, "looked at once a step")


@pytest.mark.slow
def test_two_boundaries_are_both_watched():
    """Brownian motion leaves (-1, 1) in (1 - x^2)/(2 D)."""
    flat = ll.Potential.from_expression("k*x", parameters={"k": 0.0})
    mean = first_passage(ll.Overdamped(flat, temperature=1.0, friction=2.0), "EulerMaruyama",
                         dt=0.02, start=0.5, target="x > 1 or x < -1", n_replicas=100_000, seed=2,
                         crossing="bridge").mean  # fmt: skip
    assert_agrees(mean.value, mean.stderr, 0.75, mean.n_eff, "exit of an interval")
    assert_refutes(mean.value, mean.stderr, 0.97 * 0.75, mean.n_eff, "exit of an interval")


STEPS = np.array([0.08, 0.04, 0.02, 0.01, 0.005])
SHIFT = 0.5825971579390106


def slopes(method, crossing):
    """Order between neighbouring steps of the exact error of the passage -1 -> 1, harmonic well."""
    dynamics = ll.Overdamped(ll.potentials.harmonic(), temperature=0.5)
    exact = mean_first_passage_time(dynamics, -1.0, 1.0).value
    errors = [
        abs(discrete_passage_time(
            method, dynamics, -1.0, 1.0, dt, bridge=crossing == "bridge",
            shift=SHIFT * np.sqrt(dt) if crossing == "shift" else 0.0,
        ).value / exact - 1)
        for dt in STEPS
    ]  # fmt: skip
    return np.log2(np.divide(errors[:-1], errors[1:]))


@pytest.mark.parametrize(
    ("method", "crossing", "order"),
    [
        ("StochasticHeun", "none", 0.5),
        ("StochasticHeun", "shift", 1.0),
        ("StochasticHeun", "bridge", 2.0),
        ("EulerMaruyama", "none", 0.5),
        ("EulerMaruyama", "shift", 1.0),
        ("EulerMaruyama", "bridge", 1.0),
    ],
)
def test_what_the_time_step_leaves_is_of_this_order(method, crossing, order):
    """Euler's own weak order 1 is all that a bridge leaves of it; Heun keeps its 2."""
    found = slopes(method, crossing)
    print(method, crossing, found)
    assert abs(found[-1] - order) < 0.06
    # The slope comes nearer to the order as the step shrinks.
    assert abs(found[-1] - order) < abs(found[0] - order) + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("method", ["EulerMaruyama", "StochasticHeun"])
def test_kernel_has_the_mean_of_the_discrete_operator(method):
    mean = first_passage(HOT, method, dt=0.04, start=-1.0, target="x > 1", n_replicas=200_000,
                         seed=5, crossing="bridge").mean  # fmt: skip
    exact = discrete_passage_time(method, HOT, -1.0, 1.0, 0.04, bridge=True).value
    assert_agrees(mean.value, mean.stderr, exact, mean.n_eff, f"bridge, {method}")
    assert_refutes(mean.value, mean.stderr, 1.03 * exact, mean.n_eff, f"bridge, {method}")

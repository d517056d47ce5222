"""What the records claim, held against linear algebra on a harmonic well."""

import by_hand
import numpy as np
import pytest
from scipy.optimize import brentq

import langevin_lab as ll
from langevin_lab.integrators import WORDS, linear_map, method, names, properties, spectral_radius

HARMONIC = ll.Potential.from_expression("x**2/2")
LINEAR = [pair for pair in names() if properties(pair[0], equation=pair[1]).linear]
METHODS = [*LINEAR, *((word, "langevin") for word in by_hand.MORE_WORDS)]
NOISY = [m for m in METHODS if method(m[0], equation=m[1]).n_normals > 0]


def radius(scheme, dt):
    friction = 1.0 if scheme.properties.equation == "overdamped" else 0.0
    dynamics = by_hand.linear_dynamics(scheme, HARMONIC, temperature=0.0, friction=friction)
    return spectral_radius(linear_map(scheme.program, scheme.coefficients(dynamics, dt), 1.0))


@pytest.mark.parametrize(("name", "equation"), METHODS)
def test_stability_limit_separates_stable_from_unstable(name, equation):
    scheme = method(name, equation=equation)
    limit = scheme.properties.stability_limit
    for fraction in (0.1, 0.5, 0.9, 0.999):
        assert radius(scheme, fraction * limit) < 1 + 1e-7
    assert radius(scheme, 1.001 * limit) > 1 + 1e-4


@pytest.mark.parametrize("word", WORDS)
def test_words_of_one_kick_and_drift_are_stable_up_to_two(word):
    assert method(word).properties.stability_limit == pytest.approx(2, abs=1e-11)


@pytest.mark.parametrize(
    ("name", "equation", "limit"),
    [
        ("EulerMaruyama", "overdamped", 2),
        ("LeimkuhlerMatthews", "overdamped", 2),
        ("StochasticHeun", "overdamped", 2),
        ("SRA1", "overdamped", 2),
        ("RK4", "overdamped", 2.785293563405),
        ("RK4", "langevin", np.sqrt(8)),
        ("SemiImplicitEuler", "langevin", 2),
        ("BBK", "langevin", 2),
        ("SGNHT", "adaptive", 2),
    ],
)
def test_stability_limits_of_named_methods(name, equation, limit):
    assert method(name, equation=equation).properties.stability_limit == pytest.approx(
        limit, abs=1e-11
    )


def test_limit_of_a_long_word_grows_with_its_length():
    assert method("AB" * 30).properties.stability_limit == pytest.approx(60, abs=0.1)


def test_unequal_letters_resonate_before_their_own_limit():
    limit = method("BA" * 30 + "B").properties.stability_limit
    assert limit == pytest.approx(np.pi, abs=0.06)
    assert radius(method("BA" * 30 + "B"), 1.001 * limit) > 1 + 1e-4


def stationary_covariance(name, equation, dt, friction=1.0, thermostat=None):
    """Sigma = M Sigma M^T + N N^T over state and last normal, from unit vectors alone."""
    scheme = method(name, equation=equation)
    friction = 1.0 if equation == "overdamped" else friction
    dynamics = by_hand.linear_dynamics(scheme, HARMONIC, temperature=1.0, friction=friction)
    keys = by_hand.linear_keys(scheme)
    inputs = np.eye(len(keys) + scheme.n_normals)
    state = {key: inputs[:, [i]] for i, key in enumerate(keys)}
    frozen = friction if thermostat is None else thermostat
    state |= by_hand.frozen_thermostats(scheme, frozen, len(inputs))
    state = scheme.carried_state(state, lambda x: x)
    normals = inputs[:, len(keys) :].T[..., None]
    after = scheme.step(state, normals, scheme.coefficients(dynamics, dt), lambda x: x)
    matrix = np.concatenate([after[key] for key in keys], axis=1).T
    m, n = matrix[:, : len(keys)], matrix[:, len(keys) :]
    size = len(keys) ** 2
    covariance = np.linalg.solve(np.eye(size) - np.kron(m, m), (n @ n.T).ravel())
    return covariance.reshape(len(keys), len(keys))


def thermostat_drift(name, dt, thermostat):
    """Mean change of a thermostat that has stood still for long.

    A step acts on coordinates one by one, so the columns of a root of the covariance can stand as
    coordinates: the dot product that drives the thermostat sums them to the mean.
    """
    scheme = method(name, equation="adaptive")
    covariance = stationary_covariance(name, "adaptive", dt, 1.0, thermostat)
    size = 2 + scheme.n_normals
    root = np.eye(size)
    root[:2, :2] = np.linalg.cholesky(covariance[:2, :2])
    dynamics = ll.AdaptiveLangevin(
        HARMONIC, temperature=1.0, thermal_mass=1.0, applied_noise=np.sqrt(2.0)
    )
    state = {"x": root[:1], "p": root[1:2], "xi": np.full((1, 1), thermostat)}
    state = scheme.carried_state(state, lambda x: x)
    normals = root[2:, None, :]
    after = scheme.step(state, normals, scheme.coefficients(dynamics, dt), lambda x: x)
    return after["xi"][0, 0] - thermostat


def settled_covariance(name, equation, dt):
    """That of a slow thermostat where it has come to rest; without one, the stationary one."""
    if equation != "adaptive":
        return stationary_covariance(name, equation, dt)
    rest = brentq(lambda value: thermostat_drift(name, dt, value), 0.5, 1.8, xtol=1e-14)
    return stationary_covariance(name, equation, dt, 1.0, rest)


@pytest.mark.parametrize(("name", "equation"), NOISY)
def test_configurational_order_on_a_harmonic_well(name, equation):
    claimed = method(name, equation=equation).properties.configurational_order
    steps = 2.0 ** -np.arange(2, 7)
    bias = np.array([settled_covariance(name, equation, dt)[0, 0] - 1 for dt in steps])
    if np.abs(bias).max() < 1e-12:
        assert claimed == 2  # exact on a harmonic well; second order in general
        return
    slope = np.diff(np.log(np.abs(bias))) / np.diff(np.log(steps))
    assert slope[-1] == pytest.approx(claimed, abs=0.1)


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.5])
@pytest.mark.parametrize(
    ("name", "equation", "position", "momentum"),
    [
        ("BAOAB", "langevin", lambda a: 1, lambda a: 1 - a / 4),
        ("ABOBA", "langevin", lambda a: 1, lambda a: 1 / (1 - a / 4)),
        ("OBABO", "langevin", lambda a: 1 / (1 - a / 4), lambda a: 1),
        ("OABAO", "langevin", lambda a: 1 - a / 4, lambda a: 1),
        ("BBK", "langevin", lambda a: 1 / (1 - a / 4), None),
        ("EulerMaruyama", "overdamped", lambda a: 1 / (1 - np.sqrt(a) / 2), None),
        ("LeimkuhlerMatthews", "overdamped", lambda a: 1, None),
    ],
)
def test_harmonic_variances_are_the_known_ones(name, equation, position, momentum, dt):
    for friction in (0.3, 3.0):
        covariance = stationary_covariance(name, equation, dt, friction)
        assert covariance[0, 0] == pytest.approx(position(dt**2), rel=1e-12)
        if momentum:
            assert covariance[1, 1] == pytest.approx(momentum(dt**2), rel=1e-12)


@pytest.mark.parametrize(("name", "equation"), [pair for pair in METHODS if pair not in NOISY])
def test_only_methods_with_noise_have_a_stationary_law(name, equation):
    """Runge-Kutta damps to rest; words without O keep an energy shell instead."""
    claimed = method(name, equation=equation).properties.configurational_order
    assert np.isnan(claimed)


def test_positions_of_semi_implicit_euler_are_those_of_bbk_with_other_constants():
    """With k = 1 - g dt/2: friction g/k and mass m k."""
    g, m, dt, temperature = 0.7, 1.9, 0.3, 0.8
    k = 1 - g * dt / 2

    def gradient(x):
        return x + x**3

    one, other = method("SemiImplicitEuler"), method("BBK")
    a = one.coefficients(ll.Langevin(HARMONIC, temperature=temperature, friction=g, mass=m), dt)
    b = other.coefficients(
        ll.Langevin(HARMONIC, temperature=temperature, friction=g / k, mass=m * k), dt
    )
    normals = np.random.Generator(np.random.Philox(1)).standard_normal((8, 1, 1))
    first = {"x": np.array([0.4]), "p": np.array([-0.3])}
    x = [first["x"]]
    for n in normals:
        first = one.step(first, n[:, :], a, gradient)
        x.append(first["x"])
    # BBK starts at the second position, with the momentum that leads to the third.
    drift = (x[2] - x[1]) / b["drift"]
    start = (drift - b["noise"] * normals[1, 0] + b["kick"] * gradient(x[1])) / b["before"]
    second = {"x": x[1], "p": start, "r": normals[1, 0], "g": gradient(x[1])}
    for i in range(1, 8):
        assert second["x"] == pytest.approx(x[i], rel=1e-12)
        following = normals[i + 1] if i < 7 else np.zeros((1, 1))
        second = other.step(second, following, b, gradient)
    assert second["x"] == pytest.approx(x[8], rel=1e-12)


def test_semi_implicit_euler_gains_an_order_in_position_on_the_quartic_well():
    equation = ll.Langevin(ll.potentials.quartic_well(), temperature=1.0, friction=1.0)
    steps = np.array([0.2, 0.1, 0.05])
    for observable, order in ((lambda x: x**2, 2), (lambda p: p**2, 1)):
        exact = ll.exact.gibbs_average(equation, observable).value if order == 2 else 1.0
        bias = np.abs(
            [
                ll.exact.stationary_average("SemiImplicitEuler", equation, observable, dt).value
                - exact
                for dt in steps
            ]
        )
        assert np.log2(bias[1] / bias[2]) == pytest.approx(order, abs=0.15)


def test_sgnht_cools_the_positions_by_half_the_friction_and_a_frozen_thermostat_hides_it():
    for dt in (0.1, 0.2):
        frozen = stationary_covariance("SGNHT", "adaptive", dt)
        moving = settled_covariance("SGNHT", "adaptive", dt)
        assert frozen[0, 0] == pytest.approx(2 * (2 - dt) / (4 - 2 * dt - dt**2), rel=1e-12)
        assert moving[1, 1] == pytest.approx(1.0, rel=1e-12)
        # The thermostat rests where (1/xi) 4/(4 - 2 xi dt - dt^2) = 1.
        rest = min(np.roots([2 * dt, -(4 - dt**2), 4]))
        assert moving[0, 0] == pytest.approx(1 - rest * dt / 2, rel=1e-10)

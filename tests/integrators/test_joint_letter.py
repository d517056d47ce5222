"""The letter U: drift, friction and noise solved at once."""

import mpmath
import numpy as np
import pytest
from scipy.linalg import expm

import langevin_lab as ll
from langevin_lab.integrators import method, partitioned

PLANE = ll.Potential.from_expression("x**2/2 + y**2/2", variables=("x", "y"))
LINE = ll.potentials.harmonic()


def numbers(friction, *, dt=0.4, mass=1.7, temperature=0.6):
    equation = ll.Langevin(LINE, temperature=temperature, friction=friction, mass=mass)
    return method("BUB").coefficients(equation, dt)


@pytest.mark.parametrize("exponent", [1e-12, 1e-7, 1e-3, 0.3, 1.9, 2.0, 2.1, 5.0, 60.0])
def test_numbers_of_the_letter_keep_all_digits(exponent):
    """Against the textbook covariance at fifty digits, friction dt from nothing to strong."""
    dt, mass, temperature = 0.4, 1.7, 0.6
    found = numbers(exponent / dt)
    with mpmath.workdps(60):
        rate = mpmath.mpf(exponent / dt)
        h, m, t = mpmath.mpf(dt), mpmath.mpf(mass), mpmath.mpf(temperature)
        e = mpmath.exp(-rate * h)
        pp = m * t * (1 - e**2)
        xp = t / rate * (1 - e) ** 2
        xx = t / (m * rate**2) * (2 * rate * h - 3 + 4 * e - e**2)
        expected = {
            "decay": e,
            "flight": (1 - e) / (rate * m),
            "noise": mpmath.sqrt(pp),
            "shared": xp / mpmath.sqrt(pp),
            "own": mpmath.sqrt(xx - xp**2 / pp),
        }
        expected = {name: float(value) for name, value in expected.items()}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-15), name


def test_without_friction_the_letter_is_a_drift():
    found = numbers(0.0)
    assert found["flight"] == pytest.approx(0.4 / 1.7, rel=1e-15)
    assert (found["decay"], found["noise"], found["shared"], found["own"]) == (1.0, 0.0, 0.0, 0.0)


def test_each_coordinate_has_its_own_numbers():
    equation = ll.Langevin(PLANE, temperature=0.6, friction=(0.0, 2.0), mass=(1.7, 0.5))
    both = method("BUB").coefficients(equation, 0.4)
    for index, (friction, mass) in enumerate([(0.0, 1.7), (2.0, 0.5)]):
        alone = numbers(friction, mass=mass)
        for name in ("decay", "noise", "flight", "shared", "own"):
            assert both[name][index] == alone[name]


def free_law(word, n_steps, time, friction):
    """Mean matrix and covariance over (x, p) of free flight, from unit vectors."""
    equation = ll.Langevin(LINE, temperature=0.6, friction=friction, mass=1.7)
    scheme = method(word)
    coefficients = scheme.coefficients(equation, time / n_steps)
    inputs = np.eye(2 + scheme.n_normals)
    state = {"x": inputs[:, [0]], "p": inputs[:, [1]], "g": np.zeros((len(inputs), 1))}
    after = scheme.step(state, inputs[:, 2:].T[..., None], coefficients, np.zeros_like)
    image = np.concatenate([after["x"], after["p"]], axis=1).T
    m, n = image[:, :2], image[:, 2:]
    mean, covariance = np.eye(2), np.zeros((2, 2))
    for _ in range(n_steps):
        mean, covariance = m @ mean, m @ covariance @ m.T + n @ n.T
    return mean, covariance


@pytest.mark.parametrize(("word", "n_steps"), [("BUB", 1), ("UBU", 1), ("UBU", 7), ("UBUBU", 3)])
def test_free_flight_has_the_exact_law_at_any_step(word, n_steps):
    """Van Loan (1978): mean and covariance of the equation from one matrix exponential."""
    friction, mass, temperature, time = 1.3, 1.7, 0.6, 2.0
    drift = np.array([[0.0, 1 / mass], [0.0, -friction]])
    noise = np.diag([0.0, 2 * friction * mass * temperature])
    block = expm(np.block([[-drift, noise], [np.zeros((2, 2)), drift.T]]) * time)
    mean, covariance = free_law(word, n_steps, time, friction)
    np.testing.assert_allclose(mean, block[2:, 2:].T, rtol=1e-13)
    np.testing.assert_allclose(covariance, block[2:, 2:].T @ block[:2, 2:], rtol=1e-12)


def test_a_splitted_drift_has_another_law():
    """Negative control: BAOAB's free flight is 2 % off at this step."""
    exact, split = (free_law(word, 2, 2.0, 1.3)[1] for word in ("UBU", "BAOAB"))
    assert np.abs(split / exact - 1).max() > 0.02


def test_infinite_friction_is_refused():
    for friction in (np.inf, (1.0, np.inf)):
        equation = ll.Langevin(PLANE, temperature=1.0, friction=friction)
        with pytest.raises(ValueError, match=r"friction=.*inf.* leaves U without a drift: use a"):
            method("UBU").coefficients(equation, 0.1)


def test_blocks_may_use_the_letter():
    alone = partitioned("U1 A2 B2 O2 A2 B1 U1", ("langevin", "langevin"), ((0,), (1,)))
    assert alone.properties.gradients_per_step == 2
    assert alone.properties.strong_order == 1.0
    both = partitioned("UBU", ("langevin", "langevin"), ((0,), (1,)))
    assert both.name == "U1 U2 B1 B2 U1 U2"
    assert (both.properties.strong_order, both.properties.weak_order) == (2.0, 2.0)
    blocks = [
        (slice(i, i + 1), ll.Langevin(PLANE, temperature=0.6, friction=friction, mass=mass))
        for i, (friction, mass) in enumerate([(0.7, 1.7), (2.0, 0.5)])
    ]
    whole = ll.Langevin(PLANE, temperature=0.6, friction=(0.7, 2.0), mass=(1.7, 0.5))
    start = {"x": np.array([[0.3, -0.4]]), "p": np.array([[1.0, 0.2]])}
    normals = np.random.default_rng(1).normal(size=(4, 1, 2))
    ends = [
        scheme.step(start, normals, scheme.coefficients(dynamics, 0.4), lambda x: x)
        for scheme, dynamics in ((both, ll.Partitioned(blocks)), (method("UBU"), whole))
    ]
    for name in ("x", "p"):
        np.testing.assert_array_equal(ends[0][name], ends[1][name])

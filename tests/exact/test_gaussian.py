"""The exact law of every method on a quadratic: theory table 7.1 to 1e-10, without sampling."""

import itertools

import numpy as np
import pytest

from langevin_lab.exact import (
    NoStationaryLaw,
    linear_map,
    propagate,
    stability_limit,
    stationary_covariance,
)

# Closed forms (k <x x>/T, <x p>/T, <p p>/T) at mass 1, a = k h^2 and c the decay factor of one
# letter O. Derived by solving the three Lyapunov equations symbolically, letter by letter.
CLOSED_FORMS = {
    "BAOAB": lambda h, k, c: (1.0, 0.0, 1 - k * h**2 / 4),
    "ABOBA": lambda h, k, c: (1.0, 0.0, 1 / (1 - k * h**2 / 4)),
    "OBABO": lambda h, k, c: (1 / (1 - k * h**2 / 4), 0.0, 1.0),
    "OABAO": lambda h, k, c: (1 - k * h**2 / 4, 0.0, 1.0),
    "AOBOA": lambda h, k, c: (
        (1 + c**2) / (2 * c),
        0.0,
        2 * (1 + c**2) / (2 + 2 * c**2 - c * k * h**2),
    ),
    "BOAOB": lambda h, k, c: (
        (1 + c**2) ** 2 / (c * (2 + 2 * c**2 - c * k * h**2)),
        -h * (1 - c**2) * (1 + c**2) / (2 * c * (2 + 2 * c**2 - c * k * h**2)),
        (k * h**2 * (1 - 6 * c**2 + c**4) + 8 * c + 8 * c**3)
        / (4 * c * (2 + 2 * c**2 - c * k * h**2)),
    ),
    "ABO": lambda h, k, c: (
        (1 + c) ** 2 / (c * (2 + 2 * c - c * k * h**2)),
        -h * (1 + c) / (2 + 2 * c - c * k * h**2),
        2 * (1 + c) / (2 + 2 * c - c * k * h**2),
    ),
    "BAO": lambda h, k, c: (
        (1 + c) ** 2 / (2 + 2 * c - k * h**2),
        c * h * (1 + c) / (2 + 2 * c - k * h**2),
        (1 + c) * (2 - (1 - c) * k * h**2) / (2 + 2 * c - k * h**2),
    ),
    "OBA": lambda h, k, c: (
        (1 + c) ** 2 / (2 + 2 * c - k * h**2),
        h * (1 + c) / (2 + 2 * c - k * h**2),
        2 * (1 + c) / (2 + 2 * c - k * h**2),
    ),
}
SETTINGS = list(itertools.product((0.1, 1.0, 10.0), (0.05, 0.3, 0.5), (0.5, 1.0, 3.0)))


@pytest.mark.parametrize("word", CLOSED_FORMS)
def test_harmonic_law_of_words_equals_closed_form(word):
    temperature = 0.7
    for friction, dt, stiffness in SETTINGS:
        law = stationary_covariance(
            word, stiffness=stiffness, temperature=temperature, friction=friction, dt=dt
        )
        xx, xp, pp = CLOSED_FORMS[word](dt, stiffness, np.exp(-friction * dt / word.count("O")))
        expected = temperature * np.array([[xx / stiffness, xp], [xp, pp]])
        np.testing.assert_allclose(law, expected, rtol=1e-10, atol=1e-12)


def test_aoboa_and_boaob_are_bad_at_high_friction():
    """The value 6.1 of the table at friction 10, dt 0.5: cosh(2.5) for AOBOA."""
    ratio = {
        word: stationary_covariance(word, stiffness=1.0, temperature=1.0, friction=10.0, dt=0.5)
        for word in ("AOBOA", "BOAOB")
    }
    assert ratio["AOBOA"][0, 0] == pytest.approx(np.cosh(2.5), rel=1e-12)
    assert ratio["AOBOA"][0, 0] == pytest.approx(6.13, abs=0.005)
    assert ratio["BOAOB"][0, 0] == pytest.approx(6.20, abs=0.005)


@pytest.mark.parametrize(("friction", "dt", "stiffness"), SETTINGS)
def test_bbk_position_and_displacement_temperature(friction, dt, stiffness):
    """Row BBK: k <x x>/T and <dx dx>/(h^2 T) are both 1/(1 - a/4)."""
    step = linear_map("BBK", stiffness=stiffness, temperature=1.0, friction=friction, dt=dt)
    settings = {"stiffness": stiffness, "temperature": 1.0, "friction": friction, "dt": dt}
    law = stationary_covariance("BBK", **settings)
    expected = 1 / (1 - stiffness * dt**2 / 4)
    assert stiffness * law[0, 0] == pytest.approx(expected, rel=1e-10)
    # Stationary law over (x, p, r) by brute iteration, for the displacement of one step.
    full = np.zeros((3, 3))
    for _ in range(4_000):
        full = step.matrix @ full @ step.matrix.T + step.noise @ step.noise.T
    row = step.matrix[0] - np.array([1.0, 0.0, 0.0])
    displacement = row @ full @ row + step.noise[0] @ step.noise[0]
    assert displacement / dt**2 == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("friction", "dt", "stiffness"), SETTINGS)
def test_semi_implicit_euler_equals_closed_form(friction, dt, stiffness):
    """Row SGHMC: 2 (2 - gamma h)/(4 - 2 gamma h - a) and 4/(4 - 2 gamma h - a)."""
    a, damping = stiffness * dt**2, friction * dt
    settings = {"stiffness": stiffness, "temperature": 1.0, "friction": friction, "dt": dt}
    if 4 - 2 * damping - a <= 0:
        with pytest.raises(NoStationaryLaw):
            stationary_covariance("SemiImplicitEuler", **settings)
        return
    law = stationary_covariance("SemiImplicitEuler", **settings)
    denominator = 4 - 2 * damping - a
    assert stiffness * law[0, 0] == pytest.approx(2 * (2 - damping) / denominator, rel=1e-10)
    assert law[1, 1] == pytest.approx(4 / denominator, rel=1e-10)


@pytest.mark.parametrize(("friction", "dt", "stiffness"), SETTINGS)
def test_overdamped_schemes_equal_closed_form(friction, dt, stiffness):
    settings = {"stiffness": stiffness, "temperature": 0.7, "friction": friction, "dt": dt}
    z = stiffness * dt / friction
    if z >= 2:
        for name in ("EulerMaruyama", "LeimkuhlerMatthews", "StochasticHeun"):
            with pytest.raises(NoStationaryLaw):
                stationary_covariance(name, **settings)
        return
    ratio = {
        name: stationary_covariance(name, **settings)[0, 0] * stiffness / 0.7
        for name in ("EulerMaruyama", "LeimkuhlerMatthews", "StochasticHeun")
    }
    assert ratio["EulerMaruyama"] == pytest.approx(1 / (1 - z / 2), rel=1e-10)
    # Exact only if the normal that two steps share is treated as shared.
    assert ratio["LeimkuhlerMatthews"] == pytest.approx(1.0, rel=1e-10)
    # x' = (1 - z + z^2/2) x + (1 - z/2) sqrt(2 T d) n
    heun = 2 * z * (1 - z / 2) ** 2 / (1 - (1 - z + z**2 / 2) ** 2)
    assert ratio["StochasticHeun"] == pytest.approx(heun, rel=1e-10)


def test_leimkuhler_matthews_with_independent_normals_would_not_be_exact():
    """Negative control: forgetting the shared normal gives 1/(2 - z) instead of 1."""
    step = linear_map("LeimkuhlerMatthews", stiffness=1.0, temperature=1.0, friction=1.0, dt=0.5)
    unshared = step.matrix[0, 1] ** 2 + step.noise[0, 0] ** 2
    variance = unshared / (1 - step.matrix[0, 0] ** 2)
    assert variance == pytest.approx(1 / (2 - 0.5), rel=1e-12)
    assert step.names == ("x", "r")


@pytest.mark.parametrize("word", ["BAOAB", "OBABO", "AOBOA", "BBK"])
def test_mass_only_changes_the_unit_of_time_and_momentum(word):
    heavy = stationary_covariance(
        word, stiffness=3.0, temperature=0.5, friction=0.8, dt=0.4, mass=2.5
    )
    unit = stationary_covariance(word, stiffness=3.0 / 2.5, temperature=0.5, friction=0.8, dt=0.4)
    scale = np.array([1 / np.sqrt(2.5), np.sqrt(2.5)])
    np.testing.assert_allclose(heavy, unit * np.outer(scale, scale), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("word", ["BAOAB", "OBABO", "BOAOB"])
def test_a_rotated_well_has_the_rotated_law_of_its_modes(word):
    stiffness = np.array([0.5, 2.0, 4.0])
    settings = {"temperature": 0.7, "friction": 1.3, "dt": 0.6}
    rotation, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
    coupled = rotation @ np.diag(stiffness) @ rotation.T
    law = stationary_covariance(word, stiffness=coupled, **settings)
    diagonal = stationary_covariance(word, stiffness=stiffness, **settings)
    both = np.kron(np.eye(2), rotation)
    np.testing.assert_allclose(law, both @ diagonal @ both.T, rtol=1e-11, atol=1e-12)
    for i, k in enumerate(stiffness):
        one = stationary_covariance(word, stiffness=k, **settings)
        np.testing.assert_allclose(diagonal[np.ix_([i, 3 + i], [i, 3 + i])], one, rtol=1e-12,
                                   atol=1e-15)  # fmt: skip


@pytest.mark.parametrize(("adaptive", "langevin"), [("BADODAB", "BAOAB"), ("BACNDNCAB", "BACNCAB")])
def test_a_frozen_thermostat_is_a_friction(adaptive, langevin):
    numbers = {"stiffness": [1.0, 2.5], "temperature": 0.6, "friction": 0.8, "dt": 0.7}
    numbers["mass"] = [1.0, 2.0]
    law = stationary_covariance(adaptive, **numbers)
    np.testing.assert_allclose(
        law, stationary_covariance(langevin, **numbers), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("method", ["BAOAB", "OBABO", "BBK", "LeimkuhlerMatthews"])
def test_propagation_equals_step_by_step_and_ends_in_the_stationary_law(method):
    settings = {"stiffness": 1.5, "temperature": 0.7, "friction": 0.9, "dt": 0.5}
    step = linear_map(method, **settings)
    n = step.n_state
    mean, covariance = np.ones(n), 0.1 * np.eye(n)
    first, second = np.zeros(len(step.matrix)), np.zeros_like(step.matrix)
    first[:n], second[:n, :n] = mean, covariance
    for n_steps in range(8):
        got = propagate(method, n_steps, mean=mean, covariance=covariance, **settings)
        np.testing.assert_allclose(got[0], first[:n], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(got[1], second[:n, :n], rtol=1e-13, atol=1e-15)
        first = step.matrix @ first
        second = step.matrix @ second @ step.matrix.T + step.noise @ step.noise.T
    late = propagate(method, 5000, mean=mean, **settings)
    np.testing.assert_allclose(late[0], 0.0, atol=1e-14)
    np.testing.assert_allclose(late[1], stationary_covariance(method, **settings), rtol=1e-12,
                               atol=1e-14)  # fmt: skip


def test_stability_limits():
    for word in ("BAOAB", "ABOBA", "OBABO", "OABAO"):
        for friction in (0.0, 0.3, 5.0):
            limit = stability_limit(word, friction=friction, stiffness=4.0)
            assert limit == pytest.approx(1.0, rel=1e-10)
    assert stability_limit("BAOAB", friction=1.0, stiffness=4.0, mass=9.0) == pytest.approx(3.0)
    assert stability_limit("EulerMaruyama", friction=3.0, stiffness=2.0) == pytest.approx(3.0)
    # 4 - 2 gamma h - h^2 = 0 at gamma = 1
    limit = stability_limit("SemiImplicitEuler", friction=1.0)
    assert limit == pytest.approx(np.sqrt(5.0) - 1.0, rel=1e-10)
    # c h^2 < 2 (1 + c) holds for every h once friction is of order one
    assert stability_limit("ABO", friction=1.0) == np.inf


def test_beyond_the_stability_limit_is_an_error_with_its_numbers():
    with pytest.raises(
        NoStationaryLaw, match=r"dt=2.1 .*'BAOAB' the spectral radius 1\."
    ) as caught:
        stationary_covariance("BAOAB", stiffness=1.0, temperature=1.0, friction=1.0, dt=2.1)
    assert caught.value.spectral_radius > 1.0
    assert caught.value.dt == 2.1
    with pytest.raises(NoStationaryLaw, match="use friction > 0"):
        stationary_covariance("BAB", stiffness=1.0, temperature=1.0, friction=0.0, dt=0.1)


def test_wrong_input_is_refused():
    settings = {"temperature": 1.0, "friction": 1.0, "dt": 0.1}
    with pytest.raises(ValueError, match=r"stiffness of shape \(2, 3\)"):
        linear_map("BAOAB", stiffness=np.ones((2, 3)), **settings)
    with pytest.raises(ValueError, match=r"stiffness of shape \(2, 2\).*symmetric"):
        linear_map("BAOAB", stiffness=[[1.0, 0.5], [0.0, 1.0]], **settings)
    with pytest.raises(ValueError, match=r"mass=2.0 has no meaning.*'EulerMaruyama'"):
        linear_map("EulerMaruyama", stiffness=1.0, mass=2.0, **settings)
    with pytest.raises(ValueError, match="n_steps=-1"):
        propagate("BAOAB", -1, mean=[0.0, 0.0], stiffness=1.0, **settings)
    with pytest.raises(ValueError, match=r"mean has shape \(3,\).*\(2,\)"):
        propagate("BAOAB", 1, mean=[0.0, 0.0, 0.0], stiffness=1.0, **settings)
    with pytest.raises(ValueError, match=r"unstable already at dt=0\.001"):
        stability_limit("SemiImplicitEuler", friction=1e5)

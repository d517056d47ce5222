"""Metropolis methods keep the Gibbs law at any step: by algebra, by quadrature, by sampling."""

import by_hand
import numpy as np
import pytest
from landscapes import Quartic
from z_test import assert_agrees, assert_refutes

import langevin_lab as ll
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.integrators import method
from langevin_lab.integrators.metropolis import outcomes

METROPOLIS = list(by_hand.METROPOLIS)
TEMPERATURE = 0.7


class Harmonic:
    """U = x^2/2."""

    dim = 1

    def energy(self, x):
        return (x**2).sum(axis=-1) / 2

    def gradient(self, x):
        return x


def dynamics_for(name, potential, **changes):
    dim = potential.dim
    numbers = {"friction": tuple(np.linspace(0.5, 2.0, dim)), "temperature": TEMPERATURE}
    if name == "GHMC":
        numbers["mass"] = tuple(np.linspace(1.0, 3.0, dim))
        return ll.Langevin(potential, **numbers | changes)
    return ll.Overdamped(potential, **numbers | changes)


def both(name, dynamics, dt, state, normals, **changes):
    scheme, potential = method(name), dynamics.potential
    coefficients = scheme.coefficients(dynamics, dt) | changes
    return outcomes(scheme, state, normals, coefficients, potential.gradient, potential.energy)


# Detailed balance, move by move ------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 3])
def test_mala_weighs_each_move_and_its_way_back(dim):
    """The move back has the opposite d, and exp(d/T) is the ratio of their probabilities."""
    potential = Quartic(dim)
    dynamics = dynamics_for("MALA", potential)
    rng = np.random.default_rng(2)
    x, n = rng.normal(size=(2, 200, dim))
    dt = 0.3
    there = both("MALA", dynamics, dt, {"x": x}, n[None])
    y, drift = there.accepted["x"], dt / np.asarray(dynamics.friction)
    m = (x - y + drift * potential.gradient(y)) / np.sqrt(2 * TEMPERATURE * drift)
    back = both("MALA", dynamics, dt, {"x": y}, m[None])
    np.testing.assert_allclose(back.accepted["x"], x, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(back.energy_error, -there.energy_error, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(there.rejected["x"], x)
    weight = [potential.energy(a) + TEMPERATURE * (b**2).sum(-1) / 2 for a, b in ((x, n), (y, m))]
    np.testing.assert_allclose(
        weight[1] - weight[0], there.energy_error[:, 0], rtol=1e-10, atol=1e-12
    )
    assert np.abs(there.energy_error).max() > TEMPERATURE


@pytest.mark.parametrize("dim", [1, 3])
def test_ghmc_proposal_returns_under_reversed_momentum(dim):
    """Without the two O the proposal is an involution, d the change of the energy."""
    potential = Quartic(dim)
    dynamics = dynamics_for("GHMC", potential, friction=0.0)
    mass = np.asarray(dynamics.mass)
    x, p = np.random.default_rng(3).normal(size=(2, 200, dim))
    none, dt = np.zeros((2, 200, dim)), 0.9
    there = both("GHMC", dynamics, dt, {"x": x, "p": p}, none)
    y, q = there.accepted["x"], there.accepted["p"]
    back = both("GHMC", dynamics, dt, {"x": y, "p": -q}, none)
    np.testing.assert_allclose(back.accepted["x"], x, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(-back.accepted["p"], p, rtol=1e-11, atol=1e-11)
    total = [potential.energy(a) + (b**2 / mass).sum(-1) / 2 for a, b in ((x, p), (y, q))]
    np.testing.assert_allclose(total[1] - total[0], there.energy_error[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(back.energy_error, -there.energy_error, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(there.rejected["x"], x)
    np.testing.assert_array_equal(there.rejected["p"], -p)
    assert np.abs(there.energy_error).max() > TEMPERATURE


def test_two_squared_normals_make_an_exponential_threshold():
    """P((s0^2 + s1^2)/2 > d) = exp(-d), by quadrature over the plane of the two."""
    radius = np.linspace(0.0, 12.0, 200_001)
    density = radius * np.exp(-(radius**2) / 2)
    for d in (0.1, 1.0, 3.0):
        beyond = np.trapezoid(np.where(radius**2 / 2 > d, density, 0.0), radius)
        assert beyond == pytest.approx(np.exp(-d), abs=1e-4)


# The Gibbs law after one step, by quadrature ------------------------------------------------------


def panels(cuts, n_nodes=24):
    """Gauss-Legendre nodes and weights between neighbouring cuts, one row of cuts a point."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    low, high = cuts[..., :-1, None], cuts[..., 1:, None]
    x = low + (high - low) * (nodes + 1) / 2
    return x.reshape(*x.shape[:-2], -1), ((high - low) * weights / 2).reshape(*x.shape[:-2], -1)


def change_of_averages(name, dt, *, acceptance_temperature=TEMPERATURE):
    """<f> after a step from the Gibbs law minus before, for x^2, x^4 and cos x, on U = x^2/2.

    On this well d changes sign where the proposal lands at x or -x only, so panels that end there
    integrate the kink of min(1, exp(-d/T)) to rounding. The momentum is drawn anew (friction
    infinite): the first O keeps the Maxwell law, whatever the friction.
    """
    dynamics = dynamics_for(name, Harmonic(), friction=np.inf if name == "GHMC" else 1.0)
    scale = np.sqrt(TEMPERATURE)
    x, weight_x = panels(scale * np.linspace(-9.0, 9.0, 41))
    weight_x = weight_x * np.exp(-(x**2) / (2 * TEMPERATURE))
    zero = both(name, dynamics, dt, {"x": x[:, None], "p": 0 * x[:, None]}, np.zeros((2, 1, 1)))
    one = both(name, dynamics, dt, {"x": x[:, None], "p": 0 * x[:, None]}, np.ones((2, 1, 1)))
    start = zero.accepted["x"]
    slope = one.accepted["x"] - start
    kinks = np.clip((np.stack([x, -x], axis=-1) - start) / slope, -9.0, 9.0)
    fixed = np.broadcast_to(np.linspace(-9.0, 9.0, 21), (x.size, 21))
    n, weight_n = panels(np.sort(np.concatenate([fixed, kinks], axis=1), axis=1), 16)
    weight = weight_x[:, None] * weight_n * np.exp(-(n**2) / 2)
    weight /= weight.sum()
    where = np.broadcast_to(x[:, None], n.shape)[..., None]
    normals = np.stack([n[..., None], 0 * n[..., None]])
    ends = both(name, dynamics, dt, {"x": where, "p": 0 * where}, normals)
    accept = np.exp(-np.maximum(ends.energy_error, 0.0) / acceptance_temperature)[..., 0]
    y = ends.accepted["x"][..., 0]
    rate = (weight * accept).sum()
    moved = [
        (weight * accept * (f(y) - f(where[..., 0]))).sum()
        for f in (np.square, lambda z: z**4, np.cos)
    ]
    return rate, np.array(moved)


@pytest.mark.parametrize(
    ("name", "dt"), [("MALA", 0.3), ("MALA", 1.4), ("GHMC", 0.5), ("GHMC", 1.7)]
)
def test_gibbs_law_is_invariant_to_ten_digits(name, dt):
    rate, change = change_of_averages(name, dt)
    np.testing.assert_allclose(change, 0.0, atol=1e-10)
    assert 0.3 < rate < 0.999


@pytest.mark.parametrize(("name", "dt"), [("MALA", 1.4), ("GHMC", 1.7)])
def test_wrong_temperature_of_the_acceptance_is_seen_by_quadrature(name, dt):
    """Negative control: 3 %."""
    _, change = change_of_averages(name, dt, acceptance_temperature=1.03 * TEMPERATURE)
    assert np.abs(change).max() > 1e-4


@pytest.mark.parametrize("dt", [0.05, 0.8])
def test_momentum_redrawn_ghmc_is_mala_with_half_the_squared_step(dt):
    potential = Quartic(3)
    rng = np.random.default_rng(4)
    x, n = rng.normal(size=(2, 50, 3))
    hybrid = dynamics_for("GHMC", potential, friction=np.inf)
    friction = tuple(np.asarray(hybrid.mass))
    euler = dynamics_for("MALA", potential, friction=friction)
    first = both("GHMC", hybrid, dt, {"x": x, "p": 0 * x}, np.stack([n, n]))
    second = both("MALA", euler, dt**2 / 2, {"x": x}, n[None])
    np.testing.assert_allclose(first.accepted["x"], second.accepted["x"], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(first.energy_error, second.energy_error, rtol=1e-9, atol=1e-12)


# Sampling ----------------------------------------------------------------------------------------


def gibbs_sample(rng, count):
    """Points of the plane from the Gibbs law, by rejection: U is at least |x|^2/2."""
    x = rng.normal(size=(2 * count, 2)) * np.sqrt(TEMPERATURE)
    excess = Quartic(2).energy(x) - (x**2).sum(axis=-1) / 2
    kept = x[rng.random(2 * count) < np.exp(-excess / TEMPERATURE)]
    assert len(kept) >= count
    return kept[:count]


def sampled_square(name, dt, *, factor=1.0, n_replicas=40_000, n_steps=80, skip=20):
    """Mean and standard error of |x|^2 along paths from the Gibbs law in two dimensions.

    ``factor`` multiplies the temperature in the acceptance.
    """
    potential = Quartic(2)
    dynamics = dynamics_for(name, potential)
    scheme, rng = method(name), np.random.default_rng(5)
    coefficients = scheme.coefficients(dynamics, dt)
    coefficients["temperature"] = factor * coefficients["temperature"]
    state = {"x": gibbs_sample(rng, n_replicas)}
    if name == "GHMC":
        state["p"] = rng.normal(size=(n_replicas, 2)) * dynamics.thermal_momentum_scale
    state = scheme.carried_state(state, potential.gradient, potential.energy)
    square, rate = np.zeros(n_replicas), []
    for index in range(n_steps):
        drawn = rng.normal(size=(n_replicas, by_hand.numbers_per_step(scheme, 2)))
        normals, scalars = by_hand.split(drawn, scheme, 2)
        state = scheme.step(
            state, normals, coefficients, potential.gradient,
            energy=potential.energy, scalar_normals=scalars,
        )  # fmt: skip
        if index >= skip:
            square += (state["x"] ** 2).sum(axis=-1) / (n_steps - skip)
            rate.append(state["accepted"].mean())
    return square.mean(), square.std() / np.sqrt(n_replicas), np.mean(rate)


def exact_square():
    """<|x|^2> by quadrature on the plane."""
    x, weight = panels(np.linspace(-4.0, 4.0, 9))
    plane = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    density = np.outer(weight, weight) * np.exp(-Quartic(2).energy(plane) / TEMPERATURE)
    return ((plane**2).sum(axis=-1) * density).sum() / density.sum()


SAMPLED = [("MALA", 0.35), ("GHMC", 1.3)]


@pytest.mark.parametrize(("name", "dt"), SAMPLED)
def test_sampled_average_is_the_gibbs_one(name, dt):
    mean, error, rate = sampled_square(name, dt)
    assert_agrees(mean, error, exact_square(), 40_000)
    assert 0.4 < rate < 0.95


@pytest.mark.parametrize(("name", "dt"), SAMPLED)
def test_wrong_temperature_of_the_acceptance_is_seen_by_sampling(name, dt):
    """Negative control: the same runs with T 3 % too high in the acceptance."""
    mean, error, _ = sampled_square(name, dt, factor=1.03)
    assert_refutes(mean, error, exact_square(), 40_000)


def test_proposals_that_overflow_are_rejected():
    potential = Quartic(1)
    for name in ("MALA", "GHMC"):
        dynamics = dynamics_for(name, potential)
        scheme = method(name)
        state = {"x": np.array([[1e60]]), "p": np.zeros((1, 1))}
        state = scheme.carried_state(state, potential.gradient, potential.energy)
        with np.errstate(over="ignore", invalid="ignore"):
            after = scheme.step(
                state, np.ones((2, 1, 1)), scheme.coefficients(dynamics, 0.5),
                potential.gradient, energy=potential.energy, scalar_normals=np.ones((2, 1, 1)),
            )  # fmt: skip
        assert after["x"] == 1e60
        assert after["accepted"] == 0
        assert np.isfinite(after["e"])


# Records and refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "equation"), METROPOLIS)
def test_records_say_exact_averages_at_any_step(name, equation):
    record = method(name, equation=equation).properties
    assert not record.linear
    assert record.configurational_order == record.stability_limit == np.inf
    assert method("BAOAB").properties.linear
    program = method(name).program
    assert (program.outcomes, program.thermostats) == (("accepted",), ())
    assert method("BADODAB").program.outcomes == ()


@pytest.mark.parametrize("name", ["MALA", "GHMC"])
def test_no_temperature_is_refused(name):
    dynamics = dynamics_for(name, Harmonic(), temperature=0.0)
    with pytest.raises(ValueError, match=f"'{name}' accepts steps by a temperature but temperatu"):
        method(name).coefficients(dynamics, 0.1)


@pytest.mark.parametrize("name", ["MALA", "GHMC"])
def test_schedules_may_reach_temperature_zero_whatever_the_chunks(name):
    cooling = ll.dynamics.Linear(start=1.0, stop=0.0, duration=0.2)
    dynamics = dynamics_for(name, Harmonic(), temperature=cooling, friction=0.7)
    scheme = method(name)
    kernel = Kernel(dynamics, scheme, 0.1)
    whole = kernel.table(0, 6)
    np.testing.assert_array_equal(whole, np.concatenate([kernel.table(0, 3), kernel.table(3, 3)]))
    # At 0 only steps that lower the (shadow) energy are accepted, and nothing is divided by it.
    coefficients = scheme.coefficients(dynamics.at(5.0), 0.1)
    state = dict.fromkeys(("x", "p"), np.array([[2.0], [-1.0], [0.0]]))
    potential = dynamics.potential
    carried = scheme.carried_state(state, potential.gradient, potential.energy)
    after = scheme.step(
        carried, np.ones((scheme.n_normals, 3, 1)), coefficients, potential.gradient,
        energy=potential.energy, scalar_normals=np.ones((2, 3, 1)),
    )  # fmt: skip
    assert all(np.isfinite(value).all() for value in after.values())
    if name == "MALA":
        assert after["accepted"].ravel().tolist() == [1.0, 1.0, 1.0]
        np.testing.assert_allclose(after["x"], (1 - 0.1 / 0.7) * state["x"], rtol=1e-14)


def test_laws_of_linear_steps_are_refused():
    settings = {"temperature": 1.0, "friction": 1.0, "dt": 0.1}
    with pytest.raises(
        ValueError, match="'GHMC' accepts or rejects each step, which is not linear"
    ):
        ll.exact.linear_map("GHMC", stiffness=1.0, **settings)
    well = ll.Overdamped(ll.potentials.harmonic(), temperature=1.0)
    with pytest.raises(ValueError, match="'MALA' accepts or rejects each step and keeps the Gibbs"):
        ll.exact.stationary_average("MALA", well, lambda x: x**2, 0.1)
    with pytest.raises(
        ValueError, match="'MALA' accepts or rejects each step, which this operator"
    ):
        ll.exact.discrete_passage_moments("MALA", well, -1.0, 1.0, 0.02)

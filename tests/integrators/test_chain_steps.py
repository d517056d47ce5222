"""Nosé-Hoover chains: steps by hand, reversal, order, the conserved energy, averages."""

import numpy as np
import pytest
from landscapes import Quartic
from scipy.integrate import quad, solve_ivp

import langevin_lab as ll
from langevin_lab.integrators import method, method_for, nose_hoover
from langevin_lab.noise import normals

DT = 0.1
T = 0.7
MASSES = {1: (1.3,), 2: (1.3, 0.6), 3: (1.3, 0.6, 0.9), 4: (1.3, 0.6, 0.9, 2.0)}
WORDS = ("BADCDAB", "BACDCAB", "ABDCDBA", "DCDBABDCD", "DCBABCD", "ABCD")
WELL = ll.Potential.from_expression(
    "x**4/4 + x*y/3 + y**2", variables=("x", "y"), name="anharmonic well"
)


def chain(potential, length, **changes):
    settings = {"temperature": T, "thermal_masses": MASSES[length], "mass": 1.5} | changes
    return ll.NoseHooverChain(potential, **settings)


def state_of(x, p, xi):
    return {"x": x, "p": p} | {f"xi_{j + 1}": xi[:, [j]] for j in range(xi.shape[1])}


def thermostats(state):
    names = sorted(name for name in state if name.startswith("xi_"))
    return np.concatenate([state[name] for name in names], axis=1)


def by_letters(word, state, dynamics, dt):
    """One step from the table of letters: xi' = force - rate xi solved for every thermostat."""
    x, p, xi = state["x"], state["p"], thermostats(state)
    mu, mass = dynamics.thermal_masses, np.asarray(dynamics.mass)
    last = xi.shape[1] - 1

    def move(j, width):
        kinetic = (p**2 / mass).sum(axis=1) - x.shape[1] * dynamics.temperature
        force = kinetic if j == 0 else mu[j - 1] * xi[:, j - 1] ** 2 - dynamics.temperature
        if j == last:
            xi[:, j] += width * force / mu[j]
            return
        rest = force / mu[j] / xi[:, j + 1]
        xi[:, j] = rest + (xi[:, j] - rest) * np.exp(-xi[:, j + 1] * width)

    for letter in word:
        h = dt / word.count(letter)
        if letter == "A":
            x = x + h * p / mass
        elif letter == "B":
            p = p - h * dynamics.potential.gradient(x)
        elif letter == "C":
            p = p * np.exp(-h * xi[:, [0]])
        else:
            for j in range(last, 0, -1):
                move(j, h / 2)
            move(0, h)
            for j in range(1, last + 1):
                move(j, h / 2)
    return state_of(x, p, xi)


def random_state(dim, length, n=3):
    rng = np.random.default_rng(length)
    return state_of(*(rng.normal(size=(n, size)) for size in (dim, dim, length)))


def assert_same(state, expected, **tolerance):
    for key, value in expected.items():
        np.testing.assert_allclose(state[key], value, **tolerance)


@pytest.mark.parametrize("length", MASSES)
@pytest.mark.parametrize("word", WORDS)
def test_step_is_that_of_its_letters(word, length):
    dynamics = chain(Quartic(2), length, mass=(1.0, 2.5))
    scheme = method_for(word, dynamics)
    gradient, coefficients = dynamics.potential.gradient, scheme.coefficients(dynamics, DT)
    reference = random_state(2, length)
    state = scheme.carried_state(reference, gradient)
    for _ in range(3):
        state = scheme.step(state, [], coefficients, gradient)
        reference = by_letters(word, reference, dynamics, DT)
        assert_same(state, reference, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("word", WORDS)
def test_palindromes_are_reversible_and_others_are_not(word):
    dynamics = chain(Quartic(2), 3)
    scheme = method_for(word, dynamics)
    gradient, coefficients = dynamics.potential.gradient, scheme.coefficients(dynamics, DT)
    start = random_state(2, 3)

    def turned(state):
        return {k: v if k == "x" else -v for k, v in state.items() if k in start}

    there = scheme.step(scheme.carried_state(start, gradient), [], coefficients, gradient)
    back = scheme.carried_state(turned(there), gradient)
    back = turned(scheme.step(back, [], coefficients, gradient))
    if word == word[::-1]:
        assert_same(back, start, rtol=1e-12, atol=1e-13)
    else:
        assert np.abs(back["x"] - start["x"]).max() > 1e-4


def flow(dynamics, state, duration):
    """The equations as written in `dynamics.chains`, by DOP853."""
    dim, mu = dynamics.dim, np.array(dynamics.thermal_masses)

    def rate(_, y):
        x, p, xi = y[:dim], y[dim : 2 * dim], y[2 * dim :]
        force = np.empty_like(xi)
        force[0] = p @ p / dynamics.mass - dim * dynamics.temperature
        force[1:] = mu[:-1] * xi[:-1] ** 2 - dynamics.temperature
        drive = force / mu - xi * np.append(xi[1:], 0.0)
        return np.concatenate(
            [p / dynamics.mass, -dynamics.potential.gradient(x) - xi[0] * p, drive]
        )

    start = np.concatenate([state["x"][0], state["p"][0], thermostats(state)[0]])
    solved = solve_ivp(rate, (0, duration), start, method="DOP853", rtol=1e-12, atol=1e-13)
    return solved.y[:, -1]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("word", WORDS)
def test_order_is_the_claimed_one(word, length):
    dynamics = chain(Quartic(2), length)
    scheme, gradient = method_for(word, dynamics), dynamics.potential.gradient
    start = random_state(2, length, n=1)
    exact = flow(dynamics, start, 1.0)
    errors = []
    for k in (5, 6, 7, 8):
        state = scheme.carried_state(start, gradient)
        coefficients = scheme.coefficients(dynamics, 2.0**-k)
        for _ in range(2**k):
            state = scheme.step(state, [], coefficients, gradient)
        end = np.concatenate([state["x"][0], state["p"][0], thermostats(state)[0]])
        errors.append(np.abs(end - exact).max())
    record = scheme.properties
    assert -np.diff(np.log2(errors))[-1] == pytest.approx(record.weak_order, abs=0.1)
    assert record.weak_order == record.strong_order == (2 if word == word[::-1] else 1)


def extended_energy_error(word, dt, *, degrees=2):
    """Largest error over a time of 8 of H + sum mu xi^2/2 + T (dim eta_1 + sum eta_j)."""
    dynamics = chain(Quartic(2), 3)
    scheme, potential = method_for(word, dynamics), dynamics.potential
    start = state_of(np.array([[1.0, -0.3]]), np.array([[0.5, 1.0]]), np.array([[0.1, 0.2, -0.3]]))
    state = scheme.carried_state(start, potential.gradient)
    coefficients = scheme.coefficients(dynamics, dt)
    eta, energies = np.zeros(3), []
    weights = dynamics.temperature * np.array([degrees, 1.0, 1.0])
    for _ in range(round(8 / dt)):
        before = thermostats(state)[0]
        state = scheme.step(state, [], coefficients, potential.gradient)
        after = thermostats(state)[0]
        eta += dt / 2 * (before + after)
        energy = potential.energy(state["x"])[0] + (state["p"] ** 2).sum() / 2 / dynamics.mass
        energies.append(energy + dynamics.thermal_masses @ after**2 / 2 + weights @ eta)
    return np.ptp(energies)


@pytest.mark.parametrize(("word", "order"), [("BADCDAB", 2), ("DCDBABDCD", 2), ("ABCD", 1)])
def test_extended_energy_is_conserved_to_the_order_of_the_word(word, order):
    errors = [extended_energy_error(word, 2.0**-k) for k in (6, 7, 8)]
    assert -np.diff(np.log2(errors))[-1] == pytest.approx(order, abs=0.1)


def test_another_count_of_degrees_of_freedom_is_not_conserved():
    wrong = [extended_energy_error("BADCDAB", 2.0**-k, degrees=2.05) for k in (6, 8)]
    assert wrong[1] > 0.9 * wrong[0] > 100 * extended_energy_error("BADCDAB", 2.0**-8)


@pytest.mark.parametrize("form", ["lanes", "rows"])
@pytest.mark.parametrize("word", ["BADCDAB", "ABCD"])
@pytest.mark.parametrize("length", [1, 3])
def test_kernel_text_takes_the_same_steps(form, word, length, plain_python):
    assert_kernel_takes_the_same_steps(form, word, length)


@pytest.mark.slow
def test_compiled_kernel_takes_the_same_steps():
    assert_kernel_takes_the_same_steps("rows", "BADCDAB", 3)


def assert_kernel_takes_the_same_steps(form, word, length):
    """Also its thermal start, saved paths, observables, and a continued run."""
    potential = WELL if form == "lanes" else ll.potentials.phi4_chain(n_sites=3)
    dim = potential.dim
    dynamics = chain(potential, length, mass=tuple(np.linspace(1.0, 2.0, dim)))
    start = np.random.default_rng(3).uniform(-1, 1, (3, dim))
    settings = {
        "dt": DT, "seed": 5, "n_replicas": 3, "save_every": 1, "progress": False,
        "observe": {"heat": f"xi_1*xi_{length}"}, "n_threads": 1,
    }  # fmt: skip
    run = simulate_few(dynamics, word, n_steps=64, start=start, **settings)
    spread = np.sqrt(T * np.asarray(dynamics.mass))
    block = dim + dim % 2
    state = state_of(
        start,
        spread * normals(5, range(3), 2**62, dim),
        np.sqrt(T / np.array(MASSES[length])) * normals(5, range(3), 2**62 + 2 * block, length),
    )
    products = []
    for _ in range(64):
        state = by_letters(word, state, dynamics, DT)
        products.append(state["xi_1"] * state[f"xi_{length}"])
    assert_same(run.isel(time=-1), {"x": state["x"], "p": state["p"]}, rtol=1e-8, atol=1e-9)
    for j in range(1, length + 1):
        np.testing.assert_allclose(run[f"xi_{j}_final"], state[f"xi_{j}"][:, 0], rtol=1e-8)
    np.testing.assert_allclose(run["heat"], np.mean(products), rtol=1e-9)
    half = simulate_few(dynamics, word, n_steps=40, start=start, **settings)
    both = simulate_few(dynamics, word, n_steps=24, continue_from=half, **settings)
    for name in ("x", "p", "xi_1", "heat", f"xi_{length}_final"):
        np.testing.assert_array_equal(both[name], run[name])


def simulate_few(dynamics, word, **settings):
    """Three replicas: error bars from stretches of time, with a warning."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ll.simulate(dynamics, word, **settings)


def gibbs_average(observable, temperature):
    """Of a function of x under exp(-U/T) with U = (x^2 - 1)^2, by quadrature."""

    def weighted(f):
        return quad(lambda x: f(x) * np.exp(-((x**2 - 1) ** 2) / temperature), -4, 4)[0]

    return weighted(observable) / weighted(lambda x: 1.0)


@pytest.mark.slow
def test_averages_of_a_chain_of_three_in_a_double_well():
    """Against quadrature within 5 standard errors; 3 % more temperature is refuted."""
    observe = {"x2": "x**2", "x4": "x**4", "p2": "p**2", "p4": "p**4", "heat": "xi_1**2",
               "energy": "energy"}  # fmt: skip
    worst = {}
    for temperature in (T, 1.03 * T):
        dynamics = ll.NoseHooverChain(
            ll.potentials.double_well(), temperature=temperature, thermal_masses=(0.4, 0.4, 0.4)
        )
        run = ll.simulate(
            dynamics, "BADCDAB", dt=0.02, n_steps=10_000, burn_in=2000, record_every=5, seed=3,
            n_replicas=2000, start=[1.0], start_momentum=[0.5], observe=observe,
        )  # fmt: skip
        expected = {
            "x2": gibbs_average(lambda x: x**2, T), "x4": gibbs_average(lambda x: x**4, T),
            "p2": T, "p4": 3 * T**2, "heat": T / 0.4,
            "energy": gibbs_average(lambda x: (x**2 - 1) ** 2, T),
        }  # fmt: skip
        z = {k: float((run[k] - v) / run[f"{k}_stderr"]) for k, v in expected.items()}
        print(temperature, {k: (float(run[k]), v, z[k]) for k, v in expected.items()})
        worst[temperature] = max(abs(value) for value in z.values())
    assert worst[T] < 5
    assert worst[1.03 * T] > 8


def harmonic_average(length, n_steps):
    """x^2, p^2 and their errors in U = x^2/2 at T = 1, from 32 starts near one point."""
    dynamics = ll.NoseHooverChain(_Harmonic(), temperature=1.0, thermal_masses=(1.0,) * length)
    scheme, gradient = method_for("BADCDAB", dynamics), dynamics.potential.gradient
    rng = np.random.default_rng(2)
    start = state_of(*(0.01 * rng.normal(size=(32, size)) for size in (1, 1, length)))
    start["p"] += 1.5
    state = scheme.carried_state(start, gradient)
    coefficients = scheme.coefficients(dynamics, 0.1)
    sums = np.zeros((2, 32))
    for _ in range(n_steps):
        state = scheme.step(state, [], coefficients, gradient)
        sums += np.stack([state["x"][:, 0] ** 2, state["p"][:, 0] ** 2])
    means = sums / n_steps
    return means.mean(axis=1), means.std(axis=1, ddof=1) / np.sqrt(32)


class _Harmonic:
    dim = 1

    def energy(self, x):
        return (x**2).sum(axis=-1) / 2

    def gradient(self, x):
        return x


@pytest.mark.slow
def test_one_thermostat_on_a_harmonic_oscillator_is_not_ergodic():
    """Its orbits lie on tori: <x^2> is not T, by many error bars, though <p^2> is T on each.

    Source: Hoover (1985); Posch, Hoover and Vesely (1986). A chain of three explores everything.
    """
    alone, error = harmonic_average(1, 20_000)
    print("M = 1", alone, error)
    assert alone[1] == pytest.approx(1.0, abs=0.01)
    assert abs(alone[0] - 1) > 20 * error[0]
    assert abs(alone[0] - 1) > 0.2
    together, error = harmonic_average(3, 20_000)
    print("M = 3", together, error)
    assert np.all(np.abs(together - 1) < 5 * error)
    assert np.all(error < 0.03)


def test_stability_limit_is_that_of_drifts_and_kicks():
    assert nose_hoover("BADCDAB", 3).properties.stability_limit == pytest.approx(2, abs=1e-11)
    dynamics = ll.NoseHooverChain(
        ll.potentials.double_well(), temperature=T, thermal_masses=(1.0, 1.0)
    )
    with pytest.raises(ValueError, match=r"dt=0.8 is at or above the stability limit 0.70710"):
        ll.simulate(dynamics, "BADCDAB", dt=0.8, n_steps=3, seed=1)


def test_temperature_may_be_scheduled():
    cooling = ll.dynamics.Linear(start=2.0, stop=0.5, duration=1.0)
    dynamics = chain(Quartic(2), 3, temperature=cooling)
    scheme = nose_hoover("BADCDAB", 3)
    rows = scheme.coefficient_rule(dynamics, DT, np.array([[2.0], [0.5]]))
    for row, temperature in enumerate((2.0, 0.5)):
        fixed = scheme.coefficients(chain(Quartic(2), 3, temperature=temperature), DT)
        for name, value in fixed.items():
            assert np.broadcast_to(rows[name], (2, 1))[row, 0] == value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("BAOAB", r"letter 'O' at position 3 is unknown; use A drift, B kick, C friction alone, D"),
        ("BACAB", r"has no D \(thermostat\); a word needs A, B, C and D, for example 'BADCDAB'"),
        ("BADAB", r"has no C \(friction alone\); a word needs A, B, C and D"),
    ],
)
def test_bad_words_are_refused(word, message):
    with pytest.raises(ValueError, match=message):
        method_for(word, chain(Quartic(2), 2))


def test_methods_of_another_length_or_equation_are_refused():
    for length in (1.5, True, "2"):
        with pytest.raises(TypeError, match=f"n_thermostats={length!r} must be an integer >= 1"):
            nose_hoover("BADCDAB", length)
    assert nose_hoover("BADCDAB", np.int64(2)).name == "BADCDAB"
    with pytest.raises(ValueError, match="n_thermostats=0 must be >= 1"):
        nose_hoover("BADCDAB", 0)
    with pytest.raises(ValueError, match=r"is for a chain of 2, but thermal_masses=.* has 3"):
        method_for(nose_hoover("BADCDAB", 2), chain(Quartic(2), 3))
    with pytest.raises(ValueError, match=r"depends on its length: use integrators.nose_hoover\("):
        method("BADCDAB", equation="nose_hoover")
    with pytest.raises(ValueError, match="not for NoseHooverChain; use a word with C and D"):
        method("BAOAB").check(chain(Quartic(2), 3))

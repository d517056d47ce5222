"""Partitioned steps: letter by letter by hand, one block is no partition, LOL and AdLaLa."""

import math

import numpy as np
import pytest
from landscapes import Quartic

import langevin_lab as ll
from langevin_lab.dynamics import adla, adlala, lol, multilayer_langevin
from langevin_lab.integrators import method, method_for
from langevin_lab.noise import normals

DT = 0.1
SEED = 41


def three_blocks(potential):
    """Adaptive on 0 and 3, Langevin on 1, overdamped on 2 and 4, numbers per coordinate."""
    spread = tuple(np.linspace(0.5, 2.0, 5))
    return ll.Partitioned(
        [
            ([0, 3], ll.AdaptiveLangevin(
                potential, temperature=0.7, thermal_mass=3.0, applied_noise=0.8, coupling=1.2,
                mass=spread)),
            ([1], ll.Langevin(potential, temperature=0.9, friction=spread, mass=spread)),
            ([2, 4], ll.Overdamped(potential, temperature=0.4, friction=spread)),
        ]
    )  # fmt: skip


def by_letters(tokens, dynamics, state, drawn, dt):
    """One step, written from the table of letters: tokens are (letter, block from 0)."""
    x, p = state["x"].copy(), state["p"].copy()
    xi = {i: state[f"xi_{i + 1}"] for i, b in enumerate(dynamics.blocks)
          if b.dynamics.equation == "adaptive"}  # fmt: skip
    used = [0] * len(dynamics.blocks)
    gradient = dynamics.potential.gradient
    for letter, number in tokens:
        eq, own = dynamics.blocks[number].dynamics, list(dynamics.blocks[number].coordinates)
        h = dt / tokens.count((letter, number))
        mass = np.broadcast_to(getattr(eq, "mass", 1.0), x.shape[1:])[own]
        friction = np.broadcast_to(getattr(eq, "friction", 0.0), x.shape[1:])[own]
        if eq.equation == "overdamped":
            h = h * np.sqrt(2 / (dt * friction))
        if letter == "A":
            x[:, own] += h * p[:, own] / mass
        elif letter == "B":
            p[:, own] -= h * gradient(x)[:, own]
        elif letter == "D":
            kinetic = (p[:, own] ** 2 / mass).sum(axis=1, keepdims=True)
            xi[number] = xi[number] + h * (kinetic - len(own) * eq.temperature) / eq.thermal_mass
        else:
            rate = eq.coupling * xi[number] if eq.equation == "adaptive" else friction
            if letter in "ON":
                n = drawn[used[number]][:, own]
                used[number] += 1
            if eq.equation == "overdamped":
                p[:, own] = np.sqrt(eq.temperature) * n
            elif letter == "C":
                p[:, own] *= np.exp(-rate * h)
            elif letter == "N":
                noise = eq.applied_noise * np.sqrt(mass * h)
                p[:, own] += (noise if eq.equation == "adaptive" else np.nan) * n
            else:
                strength = 2 * rate * mass * eq.temperature
                if eq.equation == "adaptive":
                    strength = eq.applied_noise**2 * mass
                c = np.exp(-rate * h)
                p[:, own] = c * p[:, own] + np.sqrt(strength * (1 - c**2) / (2 * rate)) * n
    return {"x": x, "p": p} | {f"xi_{i + 1}": value for i, value in xi.items()}


def tokens_of(text):
    return [(token[0], int(token[1]) - 1) for token in text.split()]


WORDS = {
    "A1 A2 A3 C1 N1 D1 O2 O3 D1 N1 C1 A3 A2 A1 B3 B2 B1": None,
    "B1 B2 B3 A1 A2 A3 D1 O1 D1 O2 O3 A3 A2 A1 B3 B2 B1": None,
    "A1 B2 A2 O1 B1 D1 O2 A3 O3 B3 A2 O2": None,
    # The printed alphabet, and letters for all blocks.
    "A1 A2 A3 C1 D1 E1 O2 O3 E1 D1 C1 A3 A2 A1 B3 B2 B1":
        "A1 A2 A3 C1 N1 D1 O2 O3 D1 N1 C1 A3 A2 A1 B3 B2 B1",
    "BADODAB": "B1 B2 B3 A1 A2 A3 D1 O1 O2 O3 D1 A1 A2 A3 B1 B2 B3",
    "AdLaLa": "A1 A2 A3 C1 N1 D1 O2 O3 D1 N1 C1 A1 A2 A3 B1 B2 B3",
}  # fmt: skip


@pytest.mark.parametrize(("text", "tokens"), WORDS.items())
def test_step_is_that_of_its_letters(text, tokens):
    dynamics = three_blocks(Quartic(5))
    scheme = method_for(text, dynamics)
    rng = np.random.default_rng(1)
    reference = {"x": rng.normal(size=(3, 5)), "p": rng.normal(size=(3, 5)),
                 "xi_1": rng.normal(size=(3, 1))}  # fmt: skip
    gradient = dynamics.potential.gradient
    state = scheme.carried_state(reference, gradient)
    coefficients = scheme.coefficients(dynamics, DT)
    for _ in range(3):
        drawn = rng.normal(size=(scheme.n_normals, 3, 5))
        state = scheme.step(state, drawn, coefficients, gradient)
        reference = by_letters(tokens_of(tokens or text), dynamics, reference, drawn, DT)
    for key, value in reference.items():
        np.testing.assert_allclose(state[key], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("xi", [0.0, 1e-12, -1e-9, 1e-7, 0.3, -0.3])
def test_thermostat_near_zero_keeps_its_digits(xi):
    eq = ll.AdaptiveLangevin(
        Quartic(1), temperature=1.0, thermal_mass=math.inf, applied_noise=0.8, coupling=1.2
    )
    scheme = method_for("BADODAB", eq)
    coefficients = scheme.coefficients(eq, DT)
    state = {"x": np.zeros((1, 1)), "p": np.zeros((1, 1)), "xi": np.full((1, 1), xi)}
    state = scheme.carried_state(state, np.zeros_like)
    after = scheme.step(state, np.ones((1, 1, 1)), coefficients, np.zeros_like)
    exponent = 1.2 * xi * DT
    mean = -math.expm1(-2 * exponent) / (2 * exponent) if exponent else 1.0
    np.testing.assert_allclose(after["p"], 0.8 * math.sqrt(DT * mean), rtol=1e-14)


def test_published_word_is_symmetric_up_to_its_last_kick():
    dynamics = three_blocks(Quartic(5))
    records = {text: method_for(text, dynamics).properties for text in WORDS}
    assert records["BADODAB"].configurational_order == 2
    published = records["A1 A2 A3 C1 D1 E1 O2 O3 E1 D1 C1 A3 A2 A1 B3 B2 B1"]
    assert (published.weak_order, published.configurational_order) == (1, 2)
    assert published.gradients_per_step == 1
    assert records["A1 B2 A2 O1 B1 D1 O2 A3 O3 B3 A2 O2"].configurational_order == 1


@pytest.mark.parametrize(
    ("text", "symmetric"),
    [
        ("BAOAB", True),
        ("B2 B1 A1 A2 O1 O2 A1 A2 B1 B2", True),
        ("A1 B1 A2 B2 O1 O2 B2 A2 B1 A1", True),
        # Each block's own letters are a palindrome, but A2 and B1 do not commute.
        ("A2 B1 B2 A1 O1 O2 A1 B2 A2 B1", False),
        ("A1 B2 A2 B1 O1 O2 A2 B2 B1 A1", False),
    ],
)
def test_word_of_order_two_is_reversible_without_friction(text, symmetric):
    eq = ll.Langevin(Quartic(2), temperature=1.0, friction=0.0)
    dynamics = ll.Partitioned([([0], eq), ([1], eq)])
    scheme, gradient = method_for(text, dynamics), Quartic(2).gradient
    coefficients, none = scheme.coefficients(dynamics, 0.3), np.zeros((1, 2))
    start = {"x": np.array([0.7, -0.4]), "p": np.array([0.3, 1.1])}
    there = scheme.step(scheme.carried_state(start, gradient), none, coefficients, gradient)
    turned = scheme.carried_state({"x": there["x"], "p": -there["p"]}, gradient)
    back = scheme.step(turned, none, coefficients, gradient)
    distance = np.abs([back["x"] - start["x"], back["p"] + start["p"]]).max()
    assert distance < 1e-14 if symmetric else distance > 1e-3
    assert scheme.properties.weak_order == (2 if symmetric else 1)


@pytest.mark.parametrize("text", ["BAOAB", "OABAO", "BACNCAB"])
def test_one_langevin_block_is_the_plain_dynamics(text):
    eq = ll.Langevin(Quartic(3), temperature=0.7, friction=0.4, mass=1.3)
    one = ll.Partitioned([(slice(0, 3), eq)])
    assert method_for(text, one).program == method(text).program
    plain, block = method(text).coefficients(eq, DT), method_for(text, one).coefficients(one, DT)
    assert plain == block


@pytest.mark.slow
@pytest.mark.parametrize("potential", [
    ll.Potential.from_expression("(x**2 - 1)**2 + x*y/3 + y**2/2", variables=("x", "y")),
    ll.potentials.phi4_chain(n_sites=3),
], ids=["lanes", "rows"])  # fmt: skip
def test_one_block_runs_to_the_same_bits(potential, plain_python):
    cases = {
        "BAOAB": ll.Langevin(potential, temperature=0.7, friction=0.4, mass=1.3),
        "BADODAB": ll.AdaptiveLangevin(
            potential, temperature=0.7, thermal_mass=3.0, applied_noise=0.5
        ),
    }
    for text, eq in cases.items():
        one = ll.Partitioned([(slice(None), eq)])
        settings = {"dt": 0.05, "n_steps": 70, "n_replicas": 40, "seed": 2}
        settings["start"] = np.full(eq.dim, 0.3)
        plain, block = ll.simulate(eq, text, **settings), ll.simulate(one, text, **settings)
        assert {name for name in plain if name.endswith("_final")} == {
            name for name in block if name.endswith("_final")
        }
        for name in plain.data_vars:
            np.testing.assert_array_equal(plain[name], block[name])


def test_overdamped_block_of_lol_is_leimkuhler_matthews_with_half_the_square():
    """th2' = th2 - (h^2/2) grad + (h/2) sqrt(tau) (R_n + R_{n-1}), to 1e-12 over 50 steps."""
    potential = Quartic(4)
    dynamics = lol(potential, [0], temperature=0.3, friction=0.7, overdamped_temperature=0.6)
    scheme, h = method_for("LOL", dynamics), 0.3
    drawn = normals(SEED, 0, 0, 51 * 4).reshape(51, 4)
    x = np.array([0.4, -0.2, 0.7, 0.1])
    gradient = potential.gradient
    # The momentum after a step is s R - (h/2) grad U at its end.
    p = np.sqrt(0.6) * drawn[0] - h / 2 * gradient(x)
    state = scheme.carried_state({"x": x, "p": p}, gradient)
    coefficients = scheme.coefficients(dynamics, h)
    for n in range(50):
        before = state["x"]
        state = scheme.step(state, drawn[n + 1][None], coefficients, gradient)
        shift = h / 2 * np.sqrt(0.6) * (drawn[n + 1] + drawn[n])
        expected = before - h**2 / 2 * gradient(before) + shift
        np.testing.assert_allclose(state["x"][1:], expected[1:], rtol=0, atol=1e-12)
        assert abs(state["x"][0] - expected[0]) > 1e-6  # the Langevin block is another method


@pytest.mark.parametrize("friction", [0.7, (0.5, 0.5, 2.0, 2.0)])
def test_overdamped_block_is_leimkuhler_matthews_on_its_own_clock(friction):
    potential = Quartic(4)
    langevin = ll.Langevin(potential, temperature=0.3, friction=1.0)
    over = ll.Overdamped(potential, temperature=0.6, friction=friction)
    dynamics = ll.Partitioned([([0, 1], langevin), ([2, 3], over)])
    scheme, h = method_for("BAOAB", dynamics), 0.05
    rate = np.broadcast_to(friction, (4,))
    drawn = normals(SEED, 0, 0, 21 * 4).reshape(21, 4)
    gradient = potential.gradient
    x = np.array([0.4, -0.2, 0.7, 0.1])
    p = np.sqrt(0.6) * drawn[0] - np.sqrt(h / (2 * rate)) * gradient(x)
    state = scheme.carried_state({"x": x, "p": p}, gradient)
    for n in range(20):
        before = state["x"]
        coefficients = scheme.coefficients(dynamics, h)
        state = scheme.step(state, drawn[n + 1][None], coefficients, gradient)
        shift = np.sqrt(0.6 * h / (2 * rate)) * (drawn[n + 1] + drawn[n])
        expected = before - h / rate * gradient(before) + shift
        np.testing.assert_allclose(state["x"][2:], expected[2:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("friction", [0.3, 2.0, math.inf])
def test_baoab_in_positions_is_heavy_ball(friction):
    """Equation (0.1) of the dictionary: beta = c, eta = h^2 (1 + c)/2, averaged noise."""
    potential, h, temperature = Quartic(2), 0.4, 0.7
    eq = ll.Langevin(potential, temperature=temperature, friction=friction)
    scheme = method("BAOAB")
    c = math.exp(-friction * h)
    s = math.sqrt(temperature * (1 - c**2))
    drawn = normals(SEED, 0, 0, 60).reshape(30, 2)
    gradient = potential.gradient
    state = scheme.carried_state({"x": np.array([0.4, -0.2]), "p": np.ones(2)}, gradient)
    coefficients = scheme.coefficients(eq, h)
    path = [state["x"]]
    for n in range(30):
        state = scheme.step(state, drawn[n][None], coefficients, gradient)
        path.append(state["x"])
    for n in range(1, 30):
        kick = h**2 * (1 + c) / 2 * gradient(path[n])
        ball = path[n] + c * (path[n] - path[n - 1]) - kick
        ball += h * s / 2 * (drawn[n] + drawn[n - 1])
        np.testing.assert_allclose(path[n + 1], ball, rtol=0, atol=1e-12)
    # Negative control: exp(-2 friction h) for the momentum.
    wrong = path[n] + c**2 * (path[n] - path[n - 1]) - kick + h * s / 2 * (drawn[n] + drawn[n - 1])
    if math.isfinite(friction):
        assert np.abs(path[n + 1] - wrong).max() > 1e-3


def test_published_dynamics_have_the_published_laws():
    numbers = {"temperature": 1e-4, "epsilon": 0.05, "applied_noise": 0.01}
    code, text = (adla(Quartic(2), **numbers, convention=name) for name in ("code", "text"))
    assert code.thermostat_mean == pytest.approx(0.5)
    assert code.thermostat_variance == pytest.approx(5e-6)
    assert text.thermostat_mean == pytest.approx(0.01**2 / (2 * 0.05 * 1e-4))
    assert text.thermostat_variance == pytest.approx(1e-4)
    dynamics = adlala(
        Quartic(6), [[0, 1, 2], [3]], friction=0.1, langevin_temperature=1e-6, **numbers
    )
    assert [block.coordinates for block in dynamics.blocks] == [(0, 1, 2), (3,), (4, 5)]
    assert dynamics.blocks[2].dynamics.temperature == 1e-6
    assert method_for("AdLaLa", dynamics).program.thermostats == ("xi_1", "xi_2")
    layers = multilayer_langevin(Quartic(3), [([0], 0.1, 0.5), ([1, 2], 10.0, 0.2)])
    assert layers.temperature == (0.5, 0.2)
    assert method_for("MultilayerLangevin", layers).name == "A1 A2 O1 O2 A1 A2 B1 B2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("B-A", "is no word: write letters with the number of their block"),
        ("A1 B1 A4 B4", r"A4 is for block 4 of 3"),
        ("A1 B1 O1 D2", r"letter 'D' means nothing for block 2 \(langevin\); use A drift"),
        ("BAOABX", r"letter 'X' means nothing for any block; use A drift"),
        ("A1 B1 O1 D1 A2 B2 O2", r"block 3 \(\) is no integrator: it has no A \(drift\)"),
        ("A B D O2 O3", r"block 1 \(ABD\) has neither O nor C: nothing feels the thermostat"),
        ("A B O C1 D1", r"block 1 \(ABOCD\) has O .* and C .*, which would count it twice"),
        ("A B D O1 C2 O3", r"block 2 \(ABC\) has C \(friction alone\) but no N"),
        ("A B D O1 O2", r"block 3 is overdamped and has no O"),
    ],
)
def test_bad_words_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        method_for(text, three_blocks(Quartic(5)))


@pytest.mark.parametrize("potential", [
    ll.Potential.from_expression(
        " + ".join(f"(x{i}**2 - 1)**2/4" for i in range(5)) + " + x0*x1*x4/3 + x2**2*x3/4",
        variables=[f"x{i}" for i in range(5)]),
    ll.potentials.phi4_chain(n_sites=5),
], ids=["lanes", "rows"])  # fmt: skip
@pytest.mark.parametrize("text", ["BADODAB", "AdLaLa"])
def test_kernel_takes_the_same_steps(potential, text, plain_python):
    dynamics = three_blocks(potential)
    scheme = method_for(text, dynamics)
    start = np.random.default_rng(3).uniform(-1, 1, (3, 5))
    run = ll.simulate(
        dynamics, text, dt=DT, n_steps=3, seed=SEED, n_replicas=3, start=start,
        start_momentum=start[::-1], start_thermostat=[0.2, 0.4, -0.1], save_every=1,
    )  # fmt: skip
    state = {"x": start, "p": start[::-1], "xi_1": np.array([[0.2], [0.4], [-0.1]])}
    state = scheme.carried_state(state, potential.gradient)
    m = scheme.n_normals
    for step in range(3):
        drawn = normals(SEED, range(3), step * m * 5, m * 5).reshape(3, m, 5).transpose(1, 0, 2)
        coefficients = scheme.coefficients(dynamics, DT)
        state = scheme.step(state, drawn, coefficients, potential.gradient)
    np.testing.assert_allclose(run["x_final"], state["x"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(run["p_final"], state["p"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(run["xi_1_final"], state["xi_1"][:, 0], rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(run["xi_1"][-1], run["xi_1_final"])


@pytest.mark.parametrize("n_sites", [15, 16, 37])
def test_long_sums_are_those_of_numpy(n_sites, plain_python):
    """Rows add up in eight partial sums and a rest, blocks from their first coordinate on."""
    potential = ll.potentials.phi4_chain(n_sites=n_sites)
    first = ll.AdaptiveLangevin(potential, temperature=0.7, thermal_mass=3.0, applied_noise=0.8)
    rest = ll.Langevin(potential, temperature=0.7, friction=1.0)
    for dynamics in (
        first,
        ll.Partitioned([(slice(0, 3), rest), (slice(3, n_sites), first)]),
    ):
        scheme = method_for("BADODAB", dynamics)
        start = np.random.default_rng(3).uniform(-1, 1, n_sites)
        xi = scheme.program.thermostats[0]
        run = ll.simulate(
            dynamics, "BADODAB", dt=DT, n_steps=1, seed=SEED, start=start,
            start_momentum=start[::-1], start_thermostat=0.2,
        )  # fmt: skip
        state = {"x": start[None], "p": start[None, ::-1], xi: np.array([[0.2]])}
        state = scheme.carried_state(state, potential.gradient)
        drawn = normals(SEED, 0, 0, n_sites).reshape(1, 1, n_sites)
        coefficients = scheme.coefficients(dynamics, DT)
        state = scheme.step(state, drawn, coefficients, potential.gradient)
        np.testing.assert_allclose(run[f"{xi}_final"], state[xi][:, 0], rtol=1e-12)


@pytest.mark.parametrize("potential", [
    ll.Potential.from_expression("x**4/4 + y**2*x/3 + z**2/2 + y*z", variables=["x", "y", "z"]),
    ll.potentials.phi4_chain(n_sites=3),
], ids=["lanes", "rows"])  # fmt: skip
def test_thermostats_of_two_blocks_are_their_own(potential, plain_python):
    numbers = {"temperature": 0.7, "thermal_mass": 3.0, "applied_noise": 0.8}
    first, second = (
        ll.AdaptiveLangevin(potential, **numbers),
        ll.AdaptiveLangevin(potential, **numbers | {"thermal_mass": 0.5}),
    )
    dynamics = ll.Partitioned([([0, 2], first), ([1], second)])
    x, p = np.random.default_rng(4).uniform(-1, 1, (2, 2, 3))
    xi = np.array([[0.2, -0.4], [0.5, 0.1]])
    run = ll.simulate(
        dynamics, "BADODAB", dt=DT, n_steps=1, seed=SEED, n_replicas=2, start=x,
        start_momentum=p, start_thermostat=xi,
    )  # fmt: skip
    state = {"x": x, "p": p, "xi_1": xi[:, :1], "xi_2": xi[:, 1:]}
    letters = [(letter, block) for letter in "BADODAB" for block in (0, 1)]
    drawn = normals(SEED, range(2), 0, 3)[None]
    state = by_letters(letters, dynamics, state, drawn, DT)
    for name in ("x", "p"):
        np.testing.assert_allclose(run[f"{name}_final"], state[name], rtol=1e-12, atol=1e-13)
    for name in ("xi_1", "xi_2"):
        np.testing.assert_allclose(run[f"{name}_final"], state[name][:, 0], rtol=1e-12)

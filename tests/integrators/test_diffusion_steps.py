"""Itô diffusions: steps by hand, strong orders on exact paths, moments, stationary densities."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

import langevin_lab as ll
from langevin_lab.ensemble import Histogram
from langevin_lab.integrators import ITO_SCHEMES, ito_scheme, method, method_for
from langevin_lab.noise import normals

DT = 0.1
PLANE = ll.Potential.from_expression(
    "x**4/4 + k*x*y + y**2", variables=("x", "y"), parameters={"k": 0.3}
)
SPREAD = {"s": 0.4}


def diagonal(x):
    """Noises and their slopes b b' of DIAGONAL."""
    s = SPREAD["s"]
    b = np.stack([s * (1 + x[..., 0] ** 2), s + np.sin(x[..., 1]) / 2], axis=-1)
    slope = np.stack([2 * s * x[..., 0], np.cos(x[..., 1]) / 2], axis=-1)
    return b, b * slope


DIAGONAL = ("s*(1 + x**2)", "s + sin(y)/2")
# Multiplication by complex numbers, which commutes: columns s z and i z.
TURNING = (("s*x", "-y"), ("s*y", "x"))
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
CASES = {
    "gradient, diagonal": (ll.ItoDiffusion(
        PLANE, noise=DIAGONAL, parameters=SPREAD, mobility=(0.5, 2.0))),
    "gradient, full": ll.ItoDiffusion(PLANE, noise=TURNING, parameters=SPREAD, mobility=0.7),
    "drift, diagonal": ll.ItoDiffusion.from_drift(
        ("y - x**3", "-2*x"), noise=DIAGONAL, parameters=SPREAD),
    "drift, full": ll.ItoDiffusion.from_drift(
        ("y - x**3", "-2*x"), noise=TURNING, parameters=SPREAD),
}  # fmt: skip


def drift_by_hand(case, x):
    if case.startswith("drift"):
        return np.stack([x[..., 1] - x[..., 0] ** 3, -2 * x[..., 0]], axis=-1)
    gradient = np.stack([x[..., 0] ** 3 + 0.3 * x[..., 1], 0.3 * x[..., 0] + 2 * x[..., 1]], -1)
    return -np.array([0.5, 2.0]) * gradient if "diagonal" in case else -0.7 * gradient


def by_hand(name, case, x, n, dt):
    """One step from the formulas of `integrators.diffusions`; n of shape (..., 2)."""
    a, root = drift_by_hand(case, x), np.sqrt(dt)
    if "diagonal" in case:
        b, slope = diagonal(x)
        after = x + a * dt + b * root * n
        if name == "Milstein":
            after = after + dt / 2 * slope * (n**2 - 1)
        if name == "Platen":
            after = after + root / 2 * (diagonal(x + a * dt + b * root)[0] - b) * (n**2 - 1)
        return after
    matrices = (SPREAD["s"] * np.eye(2), TURN)
    columns = [x @ m.T for m in matrices]
    after = x + a * dt + sum(root * n[..., [k]] * columns[k] for k in range(2))
    if name == "EulerMaruyama":
        return after
    for j in range(2):
        for k in range(2):
            area = n[..., [j]] * n[..., [k]] - (j == k)
            # (b_j . grad) b_k = M_k M_j x
            along = columns[j] @ matrices[k].T * dt
            if name == "Platen":
                support = x + a * dt + columns[j] * root
                along = (support @ matrices[k].T - columns[k]) * root
            after = after + along / 2 * area
    return after


def run_step(scheme, dynamics, x, n, dt):
    """One step of the program; n of shape (..., noises)."""
    arguments = (scheme.coefficients(dynamics, dt), dynamics.potential.gradient)
    functions = dynamics.functions(scheme.program.functions)
    if dynamics.n_noises is None:
        return scheme.step({"x": x}, n[None], *arguments, functions=functions)["x"]
    scalar = np.moveaxis(n, -1, 0)[..., None]
    return scheme.step({"x": x}, [], *arguments, scalar_normals=scalar, functions=functions)["x"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_step_is_the_published_one(name, case):
    dynamics = CASES[case]
    rng = np.random.default_rng(1)
    x = reference = rng.normal(size=(5, 2))
    scheme = method_for(name, dynamics)
    for n in rng.normal(size=(3, 5, 2)):
        x, reference = run_step(scheme, dynamics, x, n, DT), by_hand(name, case, reference, n, DT)
        np.testing.assert_allclose(x, reference, rtol=1e-12, atol=1e-13)
    assert scheme.properties.gradients_per_step == 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_kernel_text_takes_the_same_steps(name, case, plain_python):
    assert_kernel_takes_the_same_steps(name, case)


@pytest.mark.slow
def test_compiled_kernel_takes_the_same_steps():
    assert_kernel_takes_the_same_steps("Milstein", "gradient, full")


def assert_kernel_takes_the_same_steps(name, case):
    """On the numbered normals; also its averages, and a run continued from its own end."""
    dynamics = CASES[case]
    start = np.random.default_rng(3).uniform(-0.5, 0.5, (8, 2))
    settings = {"dt": 0.02, "seed": 5, "n_replicas": 8, "progress": False}
    settings["observe"] = {"product": "x*y"}
    run = ll.simulate(dynamics, name, n_steps=9, start=start, **settings)
    x, products = start, []
    for step in range(9):
        n = normals(5, range(8), 2 * step, 2)
        x = by_hand(name, case, x, n, 0.02)
        products.append(x[:, 0] * x[:, 1])
    np.testing.assert_allclose(run["x_final"], x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(run["product"], np.mean(products), rtol=1e-12)
    half = ll.simulate(dynamics, name, n_steps=5, start=start, **settings)
    both = ll.simulate(dynamics, name, n_steps=4, continue_from=half, **settings)
    np.testing.assert_array_equal(both["x_final"], run["x_final"])


@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_first_passage_kernel_takes_the_same_steps(name, plain_python):
    settings = {"dt": 0.05, "start": [1.0], "n_replicas": 8, "seed": 4, "max_time": 50.0}
    target = "x > 1.5 or x < 0.6"
    found = ll.escape.first_passage(MOTION, name, target=target, **settings)
    scheme, x, times = method_for(name, MOTION), np.ones((8, 1)), np.full(8, np.nan)
    for step in range(1000):
        x = run_step(scheme, MOTION, x, normals(4, range(8), step, 1), 0.05)
        gone = ((x > 1.5) | (x < 0.6))[:, 0]
        times[gone & np.isnan(times)] = (step + 1) * 0.05
    np.testing.assert_allclose(found.times, times, rtol=1e-12)
    with pytest.raises(ValueError, match=r"crossing='shift' is for overdamped dynamics at a const"):
        ll.escape.first_passage(MOTION, name, target="x > 1.5", crossing="shift", **settings)


def test_constant_noise_is_overdamped_dynamics(plain_python):
    settings = {"dt": DT, "n_steps": 7, "seed": 2, "n_replicas": 8, "start": [0.3, 0.1]}
    plain = ll.Overdamped(PLANE, temperature=0.6, friction=(1.5, 0.5))
    noise = tuple(np.sqrt(2 * 0.6 / np.array(plain.friction)))
    same = ll.ItoDiffusion(PLANE, noise=noise, mobility=(1 / 1.5, 2.0))
    expected = ll.simulate(plain, "EulerMaruyama", **settings)["x_final"]
    for name in ITO_SCHEMES:
        found = ll.simulate(same, name, **settings)["x_final"]
        np.testing.assert_allclose(found, expected, rtol=1e-13)


N_PATHS, FINEST = 4000, 10
LEVELS = np.arange(4, FINEST + 1)
MU, SIGMA = 0.3, 0.8
MOTION = ll.ItoDiffusion.from_drift("mu*x", noise="sigma*x", parameters={"mu": MU, "sigma": SIGMA})
# dz = A z dt + B_1 z dW_1 + B_2 z dW_2 with matrices that commute.
A = -0.2 * np.eye(2) + 0.5 * TURN
B = (0.5 * np.eye(2) + 0.3 * TURN, 0.2 * np.eye(2) - 0.4 * TURN)
SPIRAL = ll.ItoDiffusion.from_drift(
    ("-0.2*x - 0.5*y", "0.5*x - 0.2*y"),
    noise=(("0.5*x - 0.3*y", "0.2*x + 0.4*y"), ("0.3*x + 0.5*y", "-0.4*x + 0.2*y")),
)


@functools.cache
def increments(n_noises):
    """Increments of N_PATHS Brownian paths over time 1, shape (2**FINEST, N_PATHS, n_noises)."""
    generator = np.random.Generator(np.random.Philox(11))
    drawn = generator.standard_normal((2**FINEST, N_PATHS, n_noises))
    return drawn * 2.0 ** (-FINEST / 2)


def exact_end(dynamics):
    """The solution at time 1 on the same paths, by Itô's formula."""
    total = increments(dynamics.n_noises or 1).sum(axis=0)
    if dynamics is MOTION:
        return np.exp(MU - SIGMA**2 / 2 + SIGMA * total)
    fixed = A - sum(b @ b for b in B) / 2
    exponents = fixed + sum(w[:, None, None] * b for w, b in zip(total.T, B))
    return np.array([expm(m) @ [1.0, 0.5] for m in exponents])


def strong_slopes(scheme, dynamics, exact):
    """Slope of log RMS error against log dt in each of 20 groups of paths."""
    errors = []
    for level in LEVELS:
        shape = (2**level, -1, N_PATHS, dynamics.n_noises or 1)
        steps = increments(shape[-1]).reshape(shape).sum(axis=1) * 2.0 ** (level / 2)
        x = np.broadcast_to([1.0] if dynamics is MOTION else [1.0, 0.5], exact.shape)
        for n in steps:
            x = run_step(scheme, dynamics, x, n, 2.0**-level)
        squares = ((x - exact) ** 2).sum(axis=1).reshape(20, -1).mean(axis=1)
        errors.append(0.5 * np.log2(squares))
    return -np.polyfit(LEVELS, np.array(errors), 1)[0]


@pytest.mark.slow
@pytest.mark.parametrize("dynamics", [MOTION, SPIRAL], ids=["geometric", "spiral"])
@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_strong_order_on_exact_paths(name, dynamics):
    """The interval of the slope holds the claimed order and not that of the other kind."""
    scheme = method_for(name, dynamics)
    claimed = scheme.properties.strong_order
    slopes = strong_slopes(scheme, dynamics, exact_end(dynamics))
    error = slopes.std(ddof=1) / np.sqrt(len(slopes))
    print(f"{name}: {slopes.mean():.3f} +- {error:.3f}, expected {claimed}")
    width = 4 * error + 0.03  # orders are limits: on these steps the slope is still bent
    assert width < 0.15
    assert abs(slopes.mean() - claimed) < width
    assert abs(slopes.mean() - (1.5 - claimed)) > width


def test_milstein_with_a_correction_five_percent_short_is_noticed():
    """Negative control of the test above: what is left of order 1/2 shows on these steps."""
    scheme = method_for("Milstein", MOTION)
    short = dataclasses.replace(
        scheme, coefficient_rule=lambda *a: scheme.coefficient_rule(*a) | {"half": 0.475 * a[1]}
    )
    slopes = strong_slopes(short, MOTION, exact_end(MOTION))
    error = slopes.std(ddof=1) / np.sqrt(len(slopes))
    print(f"short: {slopes.mean():.3f} +- {error:.3f}")
    assert slopes.mean() + 4 * error + 0.03 < 1


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.mark.parametrize(
    ("name", "extra"), [("EulerMaruyama", 0.0), ("Milstein", 0.5), ("Platen", None)]
)
def test_moments_of_a_step_of_geometric_brownian_motion(name, extra):
    """E x' = (1 + mu dt) x, E x'^2 = ((1 + mu dt)^2 + sigma^2 dt + extra sigma^4 dt^2) x^2."""
    after = run_step(method_for(name, MOTION), MOTION, np.full((12, 1), 1.7), NODES[:, None], DT)
    mean, square = WEIGHTS @ after[:, 0] / 1.7, WEIGHTS @ after[:, 0] ** 2 / 1.7**2
    assert mean == pytest.approx(1 + MU * DT, rel=1e-13)
    if extra is None:  # b(y) - b = sigma (mu dt + sigma sqrt(dt)) x
        extra = 0.5 * (1 + MU * np.sqrt(DT) / SIGMA) ** 2
    expected = (1 + MU * DT) ** 2 + SIGMA**2 * DT + extra * SIGMA**4 * DT**2
    assert square == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_weak_order_of_the_second_moment(name):
    """E x^2 at time 1 from the moments of a step, against exp(2 mu + sigma^2)."""
    scheme, errors = method_for(name, MOTION), []
    for level in (6, 7, 8, 9):
        after = run_step(scheme, MOTION, np.ones((12, 1)), NODES[:, None], 2.0**-level)
        square = WEIGHTS @ after[:, 0] ** 2
        errors.append(abs(square ** (2**level) - np.exp(2 * MU + SIGMA**2)))
    assert -np.diff(np.log2(errors))[-1] == pytest.approx(scheme.properties.weak_order, abs=0.05)


def stationary_density(x, strength, *, stratonovich=False):
    """B^-2 exp(2 int a/B^2) for a = -x, B^2 = strength (1 + x^2), normalised."""
    shift = strength / 2 if stratonovich else 0.0  # a + B B'/2 = -(1 - strength/2) x

    def weight(y):
        return (1 + y**2) ** (-1 - (1 - shift) / strength)

    return weight(x) / quad(weight, -np.inf, np.inf)[0]


def test_stationary_density_solves_its_equation():
    """a rho = (B^2 rho)'/2, by differences: no probability flows."""
    x, h = np.linspace(-2, 2, 9), 1e-5

    def current(y):
        return 0.4 * (1 + y**2) * stationary_density(y, 0.4) / 2

    slope = (current(x + h) - current(x - h)) / (2 * h)
    np.testing.assert_allclose(-x * stationary_density(x, 0.4), slope, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ITO_SCHEMES)
def test_stationary_density_is_that_of_ito(name):
    """Bins of a histogram against quadrature; the Stratonovich density is refuted."""
    strength, dt = 0.4, 0.01
    dynamics = ll.ItoDiffusion(
        ll.potentials.harmonic(), noise="sqrt(s*(1 + x**2))", parameters={"s": strength}
    )
    run = ll.simulate(
        dynamics, name, dt=dt, n_steps=4000, burn_in=1000, record_every=10, n_replicas=4000,
        seed=3, start=[0.0], observe={"density": Histogram("x", 12, -1.5, 1.5), "x2": "x**2"},
    )  # fmt: skip
    edges = np.linspace(-1.5, 1.5, 13)
    z = {}
    for stratonovich in (False, True):
        density = functools.partial(
            stationary_density, strength=strength, stratonovich=stratonovich
        )
        mass = [quad(density, low, high)[0] for low, high in itertools.pairwise(edges)]
        difference = run["density"].values - np.array(mass) * 12 / 3
        z[stratonovich] = np.abs(difference / run["density_stderr"].values).max()
    # Of the scheme itself, from the moments of its step (Platen: but for terms of order dt^2).
    correction = 0.0 if name == "EulerMaruyama" else strength**2 * dt / 2
    exact = strength / (2 - strength - dt - correction)
    print(name, z, float(run["x2"]), exact, float(run["x2_stderr"]))
    assert z[False] < 5
    assert z[True] > 15
    assert abs(run["x2"] - exact) < 5 * run["x2_stderr"]
    assert abs(run["x2"] - strength / (2 - 2 * strength)) > 20 * run["x2_stderr"]


def test_stability_limit_is_that_of_the_drift():
    assert ito_scheme("Milstein").properties.stability_limit == pytest.approx(2, abs=1e-11)
    assert ito_scheme("Platen", 3).properties.stability_limit == pytest.approx(2, abs=1e-11)
    assert np.isnan(ito_scheme("Milstein", own_drift=True).properties.stability_limit)
    dynamics = ll.ItoDiffusion(ll.potentials.harmonic(), noise="0.1*x", mobility=2.0)
    with pytest.raises(ValueError, match="dt=1 is at or above the stability limit 1 of Milstein"):
        ll.simulate(dynamics, "Milstein", dt=1.0, n_steps=2, seed=1, n_replicas=8)


def test_schemes_that_cannot_solve_the_diffusion_are_refused():
    plane = {"variables": ("x", "y")}
    one = ll.ItoDiffusion.from_drift(("x", "y"), noise="0.3*x", **plane)
    full = ll.ItoDiffusion.from_drift(("x", "y"), noise=(("x", "1"), ("y", "x")), **plane)
    for dynamics in (one, full):
        for name in ("Milstein", "Platen"):
            with pytest.raises(
                ValueError, match=f"{name}.* needs noises that commute, but those of index 0 and 1"
            ):
                method_for(name, dynamics)
        method_for("EulerMaruyama", dynamics)
    with pytest.raises(ValueError, match=r"calls \['noise'\], but this ItoDiffusion has .*drift"):
        method_for(ito_scheme("Milstein"), one)
    with pytest.raises(ValueError, match="'Milsten' is none for an ItoDiffusion: did you mean 'Mi"):
        method_for("Milsten", one)
    with pytest.raises(ValueError, match="'BAOAB' is for langevin dynamics, not for ItoDiffusion"):
        method_for(method("BAOAB"), one)
    for name, equation in (("Milstein", None), ("EulerMaruyama", "ito")):
        with pytest.raises(ValueError, match="for Itô diffusions depends on the noise: give ll"):
            method(name, equation=equation)


def test_step_without_the_functions_is_refused():
    scheme = ito_scheme("Milstein")
    with pytest.raises(ValueError, match=r"calls \['noise', 'noise_slope'\]: pass functions="):
        scheme.step({"x": np.ones((1, 1))}, np.ones((1, 1, 1)), {}, lambda x: x)

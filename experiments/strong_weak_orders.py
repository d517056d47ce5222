"""Does every method have the strong, weak and stationary order that its record claims?

Prediction. The orders in the record of each method: of its path, sqrt(E|z_h(T) - z(T)|^2); of its
law at a fixed time, |E f(z_h(T)) - E f(z(T))|; of stationary averages of functions of position.
Splitting words draw the noise of O without the positions' share and are of strong order 1; a
palindrome is of weak order 2; words with U and SRA1 draw noise and its integral jointly.

Source: the record names one for each method; Kloeden and Platen (1992) for the definitions.

Method. Strong: runs along the Brownian paths of an accurate reference on U = x^2/2 + x^4/4
(`evidence.convergence`); Itô schemes on exact paths of geometric Brownian motion; GHMC from the
share s of rejected steps, by quadrature: its accepted path is that of OBABO, and a rejection
displaces the momentum by order 1, so the mean square is s/dt. Weak: Gaussian laws on a harmonic
well without sampling; with a thermostat or an acceptance the error of one step on the quartic well,
of one order more, quadrature against the Taylor series of the generator; Itô schemes from their
moments. Averages: the stationary Gaussian on the harmonic well or, where it is exact, the transfer
operator on the quartic one; a thermostat is taken as slow, at rest where <p^2>/mass = T; Metropolis
methods from the change of <x^2> over a step that starts from the Gibbs law. A flow without noise
has no stationary law, and its weak order is that of its path.

Controls: every order is presented half an order too high, which must be refuted each time.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, Claim, Order, OrderEstimate, convergence, order
from langevin_lab.integrators import ITO_SCHEMES, ito_scheme, nose_hoover, registry
from langevin_lab.integrators.metropolis import outcomes
from langevin_lab.lab import Experiment

KINDS = ("strong", "weak", "averages")
RECORDS = ("strong_order", "weak_order", "configurational_order")
N_LEVELS = 7
FRICTION = 1.3
THERMAL_MASS = 2.0
DRIFT, VOLATILITY, SHIFT = -0.5, 0.6, 0.4  # of the Itô diffusions
QUARTIC = "x**2/2 + x**4/4"
JOINT = ("UBU", "BUB", "SRA1")
LOCAL = 2.0 ** -np.arange(4, 4 + N_LEVELS)
LAW = 1.0 / np.array([8, 12, 16, 24, 32, 48, 64])

DEGREE = 14  # of the polynomials in the transfer operator of a slow thermostat
SLOW = np.array([0.2, 0.16, 0.125, 0.1, 0.08, 0.06])


@dataclass(frozen=True)
class Config:
    """Numbers of paths: of most methods, of strong orders above 1, of MALA, of Itô schemes."""

    n_paths: int = 400
    n_joint_paths: int = 1000
    n_mala_paths: int = 20_000
    n_ito_paths: int = 4000
    seed: int = 20_260_101


def methods() -> list:
    """All methods of the registry, those for Itô diffusions, and a Nosé-Hoover chain."""
    found = [registry.method(name, equation=equation) for name, equation in registry.names()]
    found += [ito_scheme(name, own_drift=True) for name in ITO_SCHEMES]
    return [*found, nose_hoover("BADCDAB", 2)]


def label(method) -> str:
    """Name of a row, unique."""
    return f"{method.name}, {method.properties.equation}"


def run(config: Config) -> xarray.Dataset:
    """Orders of all methods and the errors that they are read from."""
    found = methods()
    shape = (len(found), len(KINDS))
    numbers = {
        name: np.full(shape, np.nan)
        for name in ("expected", "order", "stderr", "n_eff", "bias_bound")
    }
    tables = {name: np.full((*shape, N_LEVELS), np.nan) for name in ("step", "error", "error_bar")}
    unbiased = np.full(len(found), np.nan)
    for (i, method), (k, kind) in itertools.product(enumerate(found), enumerate(KINDS)):
        claimed = getattr(method.properties, RECORDS[k])
        if kind == "averages" and math.isinf(claimed):
            unbiased[i] = _change_of_gibbs(method)
            continue
        measured = _measure(method, kind, config)
        if measured is None:
            continue
        estimate, steps, errors, bars = measured
        numbers["expected"][i, k] = claimed
        for name in ("stderr", "n_eff", "bias_bound"):
            numbers[name][i, k] = getattr(estimate, name)
        numbers["order"][i, k] = estimate.value
        for name, values in zip(tables, (steps, errors, bars)):
            tables[name][i, k, : len(values)] = values
    data = {name: (("scheme", "kind"), values) for name, values in numbers.items()}
    data |= {name: (("scheme", "kind", "level"), values) for name, values in tables.items()}
    data["gibbs_change"] = ("scheme", unbiased)
    data["wrong_gibbs_change"] = ((), _change_of_gibbs(registry.method("GHMC"), accept_all=True))
    coordinates = {
        "scheme": [label(method) for method in found],
        "kind": list(KINDS),
        "equation": ("scheme", [method.properties.equation for method in found]),
        "source": ("scheme", [method.properties.source for method in found]),
    }
    return xarray.Dataset(data, coords=coordinates)


def _measure(method, kind: str, config: Config):
    """(order, steps, errors, their standard errors), or None where there is nothing to measure."""
    equation = method.properties.equation
    if equation == "ito":
        return _ito_strong(method, config) if kind == "strong" else _ito_moments(method, kind)
    if method.n_normals == 0 and kind != "strong":
        return None
    if equation == "nose_hoover":
        return _chain(method)
    if kind == "strong":
        return _rejected(method) if method.name == "GHMC" else _path(method, config)
    if kind == "weak":
        local = equation == "adaptive" or not method.properties.linear
        if local:
            return _one_step(method)
        # Positions alone can be of a higher order than the law.
        square = "(x + 2*p)**2" if equation == "langevin" else "x**2"
        return _study(method, "harmonic", "weak", LAW, observable=square)
    if equation == "adaptive":
        return _slow_thermostat(method)
    steps = LAW if equation == "langevin" else LAW / 4
    on_gaussian = _study(method, "harmonic", "invariant", steps)
    if on_gaussian is not None:
        return on_gaussian
    return _study(method, "quartic", "invariant", steps)


def _dynamics(method, potential: str):
    """The equation of a method on the harmonic or the quartic well."""
    well = ll.Potential.from_expression(QUARTIC if potential == "quartic" else "x**2/2")
    equation, noisy = method.properties.equation, float(method.n_normals > 0)
    if equation == "adaptive":
        return ll.AdaptiveLangevin(
            well, temperature=1.0, thermal_mass=THERMAL_MASS, applied_noise=np.sqrt(2 * FRICTION)
        )
    if equation == "overdamped":
        return ll.Overdamped(well, temperature=noisy, friction=FRICTION)
    friction = FRICTION if method.thermostatted else 0.0
    return ll.Langevin(well, temperature=noisy, friction=friction)


def _study(method, potential: str, kind: str, steps, **settings):
    """What `convergence` measures, None if that is no order."""
    study = convergence(
        method, _dynamics(method, potential), kind, steps=steps, duration=1.0, **settings
    )
    if study.order is None:
        return None
    errors = [e and (e.value, e.stderr) for e in study.errors]
    errors = np.array([pair or (np.nan, np.nan) for pair in errors])
    return study.order, np.array(study.steps), errors[:, 0], errors[:, 1]


def _path(method, config: Config):
    """Strong order along the paths of a reference."""
    first, n_paths = 4, config.n_paths
    if method.name in JOINT:
        # The error of SRA1 has a term of order two that fades slowly beside that of order 3/2.
        first, n_paths = (5 if method.name == "SRA1" else 4), config.n_joint_paths
    if method.name == "MALA":
        first, n_paths = 3, config.n_mala_paths
    steps = 2.0 ** -np.arange(first, first + 5)
    if method.n_normals == 0:
        steps, n_paths = LAW, 1
    return _study(method, "quartic", "strong", steps, n_paths=n_paths, seed=config.seed)


def _exactly(steps, errors):
    """An order from errors without sampling."""
    return order(steps, errors), steps, errors, np.zeros_like(errors)


# Metropolis methods and thermostats


def _grids(method, dt: float, potential: str, n: int = 400):
    """Outcomes of a step from everywhere, and the Gibbs weights of x and the normal weights."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    dynamics = _dynamics(method, potential)
    x, spread = 4.5 * nodes, 7.0 * nodes
    gibbs = weights * np.exp(-dynamics.potential.energy(x[:, None]))
    normal = weights * np.exp(-(spread**2) / 2)
    where = np.broadcast_to(x[:, None, None], (n, n, 1))
    draws = np.broadcast_to(spread[None, :, None], (n, n, 1))
    if dynamics.momenta:  # O keeps the Gibbs law: what is left is its middle
        dynamics = ll.Langevin(dynamics.potential, temperature=1.0, friction=0.0)
    state = {"x": where, "p": draws}
    ends = outcomes(
        method, state, np.stack([draws, draws]), method.coefficients(dynamics, dt),
        dynamics.potential.gradient, dynamics.potential.energy,
    )  # fmt: skip
    return ends, where, gibbs / gibbs.sum(), normal / normal.sum()


def _rejected(method):
    """Strong order of GHMC: the root of the rejections a time unit."""
    shares = []
    for dt in LOCAL:
        ends, _, gibbs, normal = _grids(method, dt, "quartic")
        rejected = -np.expm1(-np.maximum(ends.energy_error[..., 0], 0.0))
        shares.append(gibbs @ rejected @ normal)
    return _exactly(LOCAL, np.sqrt(np.array(shares) / LOCAL))


def _change_of_gibbs(method, accept_all: bool = False) -> float:
    """Change of <x^2> over a step of 0.3, relative to <x^2>."""
    ends, where, gibbs, normal = _grids(method, 0.3, "quartic")
    accept = np.exp(-np.maximum(ends.energy_error[..., 0], 0.0))
    accept = np.ones_like(accept) if accept_all else accept
    gain = accept * (ends.accepted["x"][..., 0] ** 2 - where[..., 0] ** 2)
    return float(gibbs @ gain @ normal / (gibbs @ where[..., 0] ** 2 @ normal))


# A rejection turns p around; the errors of all of these keep their sign on the steps taken.
_OBSERVED = {
    "overdamped": lambda state: state["x"] + state["x"] ** 2,
    "langevin": lambda state: state["p"],
    "adaptive": lambda state: (state["x"] + state["p"]) ** 2,
}


def _one_step(method):
    """Weak order from the error of one step, that of an average, from 0.5 everywhere."""
    dynamics = _dynamics(method, "quartic")
    names = [name for name in method.state_names if name != "accepted"]
    observe = _OBSERVED[dynamics.equation]
    terms = _generator_series(names, dynamics, observe)
    errors = []
    for dt in LOCAL:
        exact = sum(term * dt**k / math.factorial(k) for k, term in enumerate(terms))
        errors.append(abs(_mean_after_step(method, dynamics, dt, names, observe) - exact) / dt)
    return _exactly(LOCAL, np.array(errors))


def _mean_after_step(method, dynamics, dt, names, observe) -> float:
    """E f after a step by quadrature over its normals, acceptance included."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    nodes, weights = 8.0 * nodes, weights * np.exp(-32.0 * nodes**2)
    normals = np.stack(np.meshgrid(*[nodes] * method.n_normals, indexing="ij"))[..., None]
    weight = np.prod(np.meshgrid(*[weights / weights.sum()] * method.n_normals), axis=0)
    state = {name: np.full(normals.shape[1:], 0.5) for name in names}
    potential = dynamics.potential
    more = (normals, method.coefficients(dynamics, dt), potential.gradient)
    if method.properties.linear:
        after = method.step(method.carried_state(state, potential.gradient), *more)
        return float(np.sum(weight * observe(after)[..., 0]))
    ends = outcomes(method, state, *more, potential.energy)
    accept = np.exp(-np.maximum(ends.energy_error, 0.0))
    mean = accept * observe(ends.accepted) + (1.0 - accept) * observe(ends.rejected)
    return float(np.sum(weight * mean[..., 0]))


def _generator_series(names, dynamics, observe, n_terms: int = 9) -> list[float]:
    """f, L f, L^2 f, ... at 0.5, L the generator of the equation at mass and T of 1."""
    import sympy

    x, p, xi = sympy.symbols("x p xi")
    friction = sympy.Rational(str(FRICTION))
    force = -x - x**3
    if "p" not in names:
        drift, noisy, strength = {x: force / friction}, x, 1 / friction
    else:
        damping = xi if "xi" in names else friction
        drift = {x: p, p: force - damping * p}
        noisy, strength = p, friction
        if "xi" in names:
            drift[xi] = (p**2 - 1) / sympy.Rational(str(THERMAL_MASS))
    state = {"x": x, "p": p, "xi": xi}
    values = dict.fromkeys((x, p, xi), sympy.Rational(1, 2))
    term, found = sympy.expand(observe(state)), []
    for _ in range(n_terms):
        found.append(float(term.subs(values)))
        term = sympy.expand(
            sum(rate * sympy.diff(term, name) for name, rate in drift.items())
            + strength * sympy.diff(term, noisy, 2)
        )
    return found


def _slow_thermostat(method):
    """Bias of <x^2> on the quartic well with the thermostat at rest where it does not move."""
    well = ll.potentials.quartic_well()
    exact = ll.exact.gibbs_average(ll.Overdamped(well, temperature=1.0), lambda x: x**2).value
    # The first-order errors of SGNHT bend more.
    steps = SLOW / 2 if method.name == "SGNHT" else SLOW
    errors, friction, before = [], FRICTION * 1.02, steps[0]
    for dt in steps:
        guess = FRICTION + (friction - FRICTION) * (dt / before) ** 2
        friction, law = _at_rest(method.name, well, dt, guess)
        before = dt
        errors.append(abs(law.average(lambda x: x**2).value - exact))
    return _exactly(steps, np.array(errors))


def _at_rest(name: str, well, dt: float, guess: float):
    """Frozen thermostat whose D finds <p^2> = T on average, and the law under it, by secants."""
    frozen = "SemiImplicitEuler" if name == "SGNHT" else name.replace("D", "")
    for letter in "ON":  # N N is one N of twice the time
        frozen = frozen.replace(2 * letter, letter)

    def excess(friction):
        # At thermostat xi the noise has the strength of T = FRICTION/xi.
        equation = ll.Langevin(well, temperature=FRICTION / friction, friction=friction)
        law = ll.exact.stationary_law(frozen, equation, dt, degree=DEGREE, n_normal_nodes=8)
        return _kinetic_at_thermostat(name, law, friction, dt, well.gradient) - 1.0, law

    one, two = FRICTION, guess
    below, law = excess(one)
    for _ in range(4):
        above, law = excess(two)
        if abs(above) < 1e-8:
            break
        one, two, below = two, two - above * (two - one) / (above - below), above
    return two, law


def _kinetic_at_thermostat(name: str, law, friction: float, dt: float, gradient) -> float:
    """<p^2> where the D of a word act, averaged over them; at the end of the step for SGNHT."""
    if name == "SGNHT":
        return law.average(lambda p: p**2).value
    share = {letter: dt / name.count(letter) for letter in set(name)}
    found, before = [], ""
    for index, letter in enumerate(name):
        if letter == "D":
            before = name[:index].replace("D", "")
            found.append(_kinetic_after(before, law, friction, share, gradient))
    return float(np.mean(found))


def _kinetic_after(letters: str, law, friction: float, share, gradient) -> float:
    """<p^2> after the letters, A and B of which come first or do not move p after a noise."""
    flow = [letter for letter in letters if letter in "AB"]

    def kinetic(x, p):
        for letter in flow:
            if letter == "A":
                x = x + share["A"] * p
            else:
                p = p - share["B"] * gradient(x[..., None])[..., 0]
        return p**2

    value = law.average(kinetic).value
    for letter in letters:
        if letter in "OC":
            factor = np.exp(-2 * friction * share[letter])
            noise = (1 - factor) * FRICTION / friction if letter == "O" else 0.0
            value = factor * value + noise
        elif letter == "N":
            value += 2 * FRICTION * share["N"]
    return value


# Itô diffusions and chains


def _affine_steps(method, dt, normals, shift: float, x):
    """The steps from x of dx = DRIFT x dt + (shift + VOLATILITY x) dW."""
    parameters = {"mu": DRIFT, "sigma": VOLATILITY, "shift": shift}
    noise = "shift + sigma*x" if shift else "sigma*x"
    if not shift:
        del parameters["shift"]
    dynamics = ll.ItoDiffusion.from_drift("mu*x", noise=noise, parameters=parameters)
    functions = dynamics.functions(method.program.functions)
    coefficients = method.coefficients(dynamics, dt)

    def step(x, n):
        return method.step({"x": x}, n[None], coefficients, None, functions=functions)["x"]

    for n in normals:
        x = step(x, n)
    return x


def _ito_strong(method, config: Config):
    """Root mean square distance from geometric Brownian motion, exact on the same path."""
    from langevin_lab.evidence import brownian_path
    from langevin_lab.evidence.coupled_runs import CoupledDifferences
    from langevin_lab.evidence.sampled_errors import measured_errors

    counts = 2 ** np.arange(4, 9)
    path = brownian_path(1.0, int(counts[-1]), config.n_ito_paths, seed=config.seed)
    total = path.coarser(1).functional("increment")[0]
    exact = np.exp(DRIFT - VOLATILITY**2 / 2 + VOLATILITY * total)
    squares = []
    for count in counts:
        normals = path.coarser(int(count)).functional("increment") * np.sqrt(count)
        end = _affine_steps(method, 1.0 / count, normals, 0.0, np.ones_like(exact))
        squares.append((end - exact)[:, 0] ** 2)
    data = np.array(squares)
    found = measured_errors(1.0 / counts, CoupledDifferences(data, data), squared=True)
    errors = np.array([(e.value, e.stderr) for e in found.errors])
    return found.order, 1.0 / counts, errors[:, 0], errors[:, 1]


def _ito_moments(method, kind: str):
    """Error of E x^2 at time 1 from x = 1, or for ever: every step is affine in x."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights, normals = weights / weights.sum(), nodes[None, :, None]
    # y = (1, m1, m2); dm1 = mu m1, dm2 = (2 mu + sigma^2) m2 + 2 shift sigma m1 + shift^2.
    rates = np.array(
        [
            [0, 0, 0],
            [0, DRIFT, 0],
            [SHIFT**2, 2 * SHIFT * VOLATILITY, 2 * DRIFT + VOLATILITY**2],
        ]
    )
    from scipy.linalg import expm

    errors, steps = [], LAW / 8
    for dt in steps:
        offset, end = (
            _affine_steps(method, dt, normals, SHIFT, np.full((12, 1), x))[:, 0] for x in (0.0, 1.0)
        )
        slope = end - offset
        move = np.zeros((3, 3))
        move[0, 0] = 1.0
        move[1, :2] = weights @ np.stack([offset, slope], 1)
        move[2] = weights @ np.stack([offset**2, 2 * offset * slope, slope**2], 1)
        if kind == "weak":
            after = np.linalg.matrix_power(move, round(1 / dt)) - expm(rates)
            errors.append(abs(after[2].sum()))
        else:
            found = [
                np.linalg.solve(matrix[1:, 1:], -matrix[1:, 0])[1]
                for matrix in (move - np.eye(3), rates)
            ]
            errors.append(abs(found[0] - found[1]))
    return _exactly(steps, np.array(errors))


def _chain(method):
    """Error of the flow of a Nosé-Hoover chain at time 1 against a path to a tolerance."""
    from scipy.integrate import solve_ivp

    masses = (1.3, 0.6)
    dynamics = ll.NoseHooverChain(
        SimpleNamespace(
            dim=1, energy=lambda x: x[..., 0] ** 2 / 2 + x[..., 0] ** 4 / 4,
            gradient=lambda x: x + x**3,
        ),
        temperature=1.0, thermal_masses=masses,
    )  # fmt: skip

    def rate(_, y):
        x, p, one, two = y
        drive = (p**2 - 1.0) / masses[0], (masses[0] * one**2 - 1.0) / masses[1]
        return [p, -x - x**3 - one * p, drive[0] - one * two, drive[1]]

    names = method.state_names
    exact = solve_ivp(rate, (0, 1), [0.5] * 4, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    errors = []
    gradient = dynamics.potential.gradient
    for dt in LOCAL:
        state = method.carried_state({name: np.full((1, 1), 0.5) for name in names}, gradient)
        for _ in range(round(1 / dt)):
            state = method.step(state, [], method.coefficients(dynamics, dt), gradient)
        end = np.array([state[name][0, 0] for name in names])
        errors.append(np.sqrt(np.sum((end - exact) ** 2)))
    return _exactly(LOCAL, np.array(errors))


# Claims


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """An order a method and kind, exactness of the Metropolis methods, and the controls."""
    rows = [
        (name, kind)
        for kind in dataset["kind"].values
        for name in dataset["scheme"].values
        if np.isfinite(float(dataset["order"].sel(scheme=name, kind=kind)))
    ]
    found = [order_claim(dataset, name, kind) for name, kind in rows]
    return [*found, *_exact_claims(dataset), *_controls(dataset, rows)]


def order_claim(dataset, name, kind, extra: float = 0.0) -> Claim:
    """The order in a cell of the atlas, ``extra`` added to what is expected."""
    cell = dataset.sel(scheme=name, kind=kind)
    numbers = [float(cell[field]) for field in ("order", "stderr", "n_eff", "bias_bound")]
    measured = OrderEstimate(*numbers)
    predicted = Order(float(cell["expected"]) + extra, spacing=0.5 if kind == "strong" else 1.0)
    return Claim(f"{short(name)}: {kind}", str(cell["source"].item()), predicted, measured)


def short(name) -> str:
    """Row label without the equation where the name alone is unique."""
    method, equation = str(name).split(", ")
    shared = ("RK4", "EulerMaruyama")
    return f"{method} ({equation})" if method in shared else method


def _exact_claims(dataset) -> list[Claim]:
    source = "Metropolis: detailed balance"
    result = []
    for name in dataset["scheme"].values:
        change = float(dataset["gibbs_change"].sel(scheme=name))
        if np.isfinite(change):
            statement = f"{short(name)}: averages exact"
            result.append(Claim(statement, source, 0.0, change, scale=1.0, tolerance=1e-4))
    return result


def _controls(dataset, rows) -> list[Claim]:
    """Half an order too high is refuted everywhere; so is GHMC that accepts all."""
    source = "negative control"
    level = 0.01 / len(rows)

    def strength(name, kind, extra):
        wrong = order_claim(dataset, name, kind, extra)
        return abs(wrong.z) / wrong.critical_z(level)

    refuted = sum(strength(name, kind, 0.5) > 1.0 for name, kind in rows)
    found = [Claim("orders 1/2 higher: refuted", source, float(len(rows)), float(refuted))]
    for name, extra in (("BAOAB, langevin", 1.0), ("EulerMaruyama, ito", 0.5)):
        higher = strength(name, "strong", extra)
        statement = f"{short(name)} as strong {1.0 + extra if extra == 1.0 else 1.0:g}: z/critical"
        found.append(Claim(statement, source, AtLeast(1.0), float(higher)))
    change = abs(float(dataset["wrong_gibbs_change"]))
    found.append(Claim("GHMC without rejection: change", source, AtLeast(1e-3), change))
    return found


def cost(config: Config) -> float:
    """Seconds on two cores: the transfer operators, and the paths."""
    paths = 35 * config.n_paths + 6 * config.n_joint_paths + config.n_mala_paths
    return 38.0 + 6e-4 * paths


EXPERIMENT = Experiment(
    name="strong_weak_orders",
    presets={
        "quick": Config(),
        "paper": Config(
            n_paths=10_000, n_joint_paths=20_000, n_mala_paths=200_000, n_ito_paths=100_000
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

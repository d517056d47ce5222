"""Does a method solve its modified equation, and to which order?

Question. Backward error analysis gives for each method an equation that it solves better than the
one it was made for. Does keeping one more term raise the observed order, along paths and in law?

Prediction. A flow kept up to h^N is off by O(h^(N + 1)), and by O(h^(N + 2)) for a palindrome at
even N, whose odd terms vanish (Hairer, Lubich and Wanner 2006). The first terms are gradient
descent's (h/4)|grad U|^2, for heavy ball and Nesterov h (1 + m)/(4 (1 - m)^2) and h (1 - m + 2
m^2)/(4 (1 - m)^2) times |grad U|^2, for velocity Verlet the shadow energy h^2 (p U'' p/12 -
|U'|^2/24). In law, stationary averages less the predicted bias of order h^2 are off by O(h^4) for
symmetric words, those of Euler-Maruyama less the terms h and h^2 by O(h^3); covariances on a
quadratic by O(h^4) and, for BAO, O(h^3). BAOAB's correction of positions vanishes on the harmonic
well; Euler-Maruyama's law is to first order that of U + h (T U''/2 - U'^2/4), friction 1.

Method. Iterates in double precision against DOP853 solutions of the modified equations of a
two-dimensional landscape, momentum methods from their slow manifold; stationary biases from the
transfer operator of each scheme against a Galerkin solution of the modified stationary equation on
a quartic well; covariances from the linear map of a step in three dimensions. Nothing is sampled.

(In law the order is read from averages without sampling: BAOAB's equation kept to h^2 has a
negative diffusion of positions, so that it is a Fokker-Planck equation, but that of no process.)

Control: a second-order term that is wrong by 3 % must leave the order where it was.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import Claim, Order, order
from langevin_lab.lab import Experiment

FLOWS = "Hairer, Lubich and Wanner (2006), IX, HLW06"
LAWS = "Zygalakis (2011), Z11"
CLOSED = "closed form, HLW06"

OPTIMISERS = {
    "gradient descent": lambda h: ll.momentum.GradientDescent(learning_rate=h),
    "heavy ball": lambda h: ll.momentum.HeavyBall(learning_rate=h, momentum=0.5),
    "Nesterov": lambda h: ll.momentum.Nesterov(learning_rate=h, momentum=0.5),
    "family, a = 0.7": lambda h: ll.momentum.MomentumFamily(
        learning_rate=h, momentum=0.4, look_ahead=0.7
    ),
}
WORDS = ("BAB", "BAOAB", "OBABO", "ABOBA", "BAO")
KEPT = (0, 1, 2, 3)
STATIONARY = ("BAOAB", "ABOBA", "OBABO", "EulerMaruyama")
COVARIANCES = ("BAOAB", "OBABO", "BAO")


@dataclass(frozen=True)
class Config:
    """Numbers of steps of the flows, steps of the laws."""

    optimiser_counts: tuple[int, ...] = (48, 64, 88, 120, 168, 232, 320, 448)
    word_counts: tuple[int, ...] = (10, 14, 20, 28, 40, 56, 80, 112)
    duration: float = 1.0
    friction: float = 0.8
    langevin_dt: tuple[float, ...] = (0.3, 0.26, 0.22, 0.19, 0.16, 0.14, 0.12, 0.1)
    overdamped_dt: tuple[float, ...] = (0.04, 0.032, 0.026, 0.021, 0.017, 0.0135, 0.011, 0.009)
    covariance_counts: tuple[int, ...] = (6, 8, 11, 16, 22, 32, 44, 64)


def run(config: Config) -> xarray.Dataset:
    """Errors of flows, of stationary averages, of covariances; coefficients."""
    methods = [*OPTIMISERS, *WORDS]
    flows = [_optimiser_errors(config, name) for name in OPTIMISERS]
    flows += [_word_errors(config, word) for word in WORDS]
    steps = [config.duration / _counts(config, name) for name in OPTIMISERS]
    steps += [config.duration / np.array(config.word_counts)] * len(WORDS)
    data = {
        "step": (("scheme", "level"), np.array(steps)),
        "error": (("scheme", "kept", "level"), np.array(flows)),
        "control": (("level",), _control(config)),
        "control_step": (("level",), config.duration / np.array(config.optimiser_counts)),
        **_stationary(config),
        **_covariances(config),
    }
    coordinates = {
        "scheme": methods,
        "kept": list(KEPT),
        "stationary_scheme": list(STATIONARY),
        "covariance_scheme": list(COVARIANCES),
    }
    return xarray.Dataset(data, coords=coordinates)


def _landscape() -> ll.Potential:
    """No symmetry, no vanishing derivative, two coordinates that pull at each other."""
    return ll.Potential.from_expression(
        "cosh(x)/2 + x*y/3 + y**2*(1 + sin(x)/2)/2 + k*y**3", ("x", "y"), {"k": 0.1}
    )


START, VELOCITY = np.array([0.8, -0.6]), np.array([0.5, 0.3])


def _optimiser_errors(config: Config, name: str) -> list[list[float]]:
    """Distance at the end, one row for each order that is kept."""
    rows = []
    for kept in KEPT:
        rows.append([])
        for count in _counts(config, name):
            optimiser = OPTIMISERS[name](config.duration / count)
            flow = ll.limits.modified_equation(optimiser, kept)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ll.limits.OutsideRegimeWarning)
                dynamics = flow.dynamics(_landscape())
                slow = flow.slow_velocity(_landscape())
            end = _optimiser_end(optimiser, optimiser.learning_rate * slow(START), count)
            rows[-1].append(_distance(config, dynamics, START, end))
    return rows


def _optimiser_end(optimiser, displacement: np.ndarray, count: int) -> np.ndarray:
    """Position after so many steps of the method itself, from a given displacement."""
    descent = ll.momentum.Descent(_landscape(), optimiser)
    scheme, gradient = optimiser.method(), descent.potential.gradient
    state = {"x": START, "p": displacement} if descent.momenta else {"x": START}
    numbers = scheme.coefficients(descent, 1.0)
    for _ in range(count):
        state = scheme.step(state, np.zeros((0, 2)), numbers, gradient)
    return state["x"]


def _counts(config: Config, name: str) -> np.ndarray:
    """Numbers of steps; momentum shrinks the range of learning rates by (1 - momentum)^2."""
    counts = np.array(config.optimiser_counts)
    return counts // 4 if name == "gradient descent" else counts


def _distance(config: Config, dynamics, start: np.ndarray, end: np.ndarray) -> float:
    path = ll.integrators.solve_flow(dynamics, start, [config.duration], rtol=1e-13, atol=1e-14)
    return float(np.abs(end - path["x"].values[-1]).max())


def _word_end(config: Config, word: str, count: int) -> np.ndarray:
    friction = 0.0 if word == "BAB" else config.friction
    dynamics = ll.Langevin(_landscape(), temperature=0.0, friction=friction)
    scheme = ll.integrators.method_for(word, dynamics)
    numbers = scheme.coefficients(dynamics, config.duration / count)
    gradient = dynamics.potential.gradient
    state = scheme.carried_state({"x": START, "p": VELOCITY}, gradient)
    for _ in range(count):
        state = scheme.step(state, np.zeros((scheme.n_normals, 2)), numbers, gradient)
    return np.concatenate([state["x"], state["p"]])


def _word_errors(config: Config, word: str) -> list[list[float]]:
    """Distance at the end, one row for each order that is kept."""
    ends = [_word_end(config, word, count) for count in config.word_counts]
    start, rows = np.concatenate([START, VELOCITY]), []
    numbers = {} if word == "BAB" else {"friction": config.friction}
    for kept in KEPT:
        flow = ll.limits.modified_equation(word, kept, noise=False)
        rows.append([
            _distance(
                config, flow.dynamics(_landscape(), dt=config.duration / count, **numbers),
                start, end,
            )
            for count, end in zip(config.word_counts, ends)
        ])  # fmt: skip
    return rows


def _control(config: Config) -> np.ndarray:
    """Gradient descent against its flow with the term of order h too large by 3 %."""
    landscape, errors = _landscape(), []
    for count in config.optimiser_counts:
        h, x = config.duration / count, START
        for _ in range(count):
            x = x - h * landscape.gradient(x)
        wrong = ll.GradientFlow(landscape.with_gradient_penalty(1.03 * h / 4))
        errors.append(_distance(config, wrong, START, x))
    return np.array(errors)


def _stationary(config: Config) -> dict:
    """Bias of <x^2> on the quartic well, and what is left of it without the predicted terms."""
    well, square = ll.potentials.quartic_well(), lambda x: x**2
    steps, biases, errors, terms, term_errors = [], [], [], [], []
    for name in STATIONARY:
        overdamped = name == "EulerMaruyama"
        dynamics = (
            ll.Overdamped(well, temperature=1.0)
            if overdamped
            else ll.Langevin(well, temperature=1.0, friction=1.0)
        )
        dts = config.overdamped_dt if overdamped else config.langevin_dt
        exact = ll.exact.gibbs_average(dynamics, square)
        values = [ll.exact.stationary_average(name, dynamics, square, dt) for dt in dts]
        steps.append(dts)
        biases.append([value - exact.value for value, _ in values])
        errors.append([error + exact.error for _, error in values])
        equation = ll.limits.modified_equation(name, 2)
        correction = equation.stationary_correction(well, temperature=1.0, friction=1.0)
        powers = [correction.coefficient(square, power) for power in (1, 2)]
        terms.append([power.value for power in powers])
        term_errors.append([power.error for power in powers])
    dimensions = ("stationary_scheme", "stationary_level")
    return {
        "stationary_dt": (dimensions, np.array(steps)),
        "bias": (dimensions, np.array(biases)),
        "bias_error": (dimensions, np.array(errors)),
        "term": (("stationary_scheme", "power"), np.array(terms)),
        "term_error": (("stationary_scheme", "power"), np.array(term_errors)),
        "harmonic_term": ((), _harmonic_term()),
        "effective_potential": (("place",), _effective_potential()),
    }


def _harmonic_term() -> float:
    """BAOAB's coefficient of h^2 in <x^2> on the harmonic well."""
    correction = ll.limits.modified_equation("BAOAB", 2).stationary_correction(
        ll.potentials.harmonic(), temperature=1.0, friction=1.0
    )
    return float(correction.coefficient(lambda x: x**2, 2).value)


def _effective_potential() -> np.ndarray:
    """First-order term of Euler-Maruyama's potential on the quartic well, less its closed form."""
    import sympy

    (term,) = ll.limits.modified_equation("EulerMaruyama", 1).effective_potential
    x = sympy.Symbol("x", real=True)
    symbols = {symbol.name: symbol for symbol in term.free_symbols}
    energy = x**4 / 4 + x**2 / 2
    (function,) = term.atoms(sympy.core.function.AppliedUndef)
    place = function.args[0]
    filled = term.subs(function, energy.subs(x, place)).doit()
    filled = filled.subs({symbols["T"]: 1, symbols["gamma"]: 1})
    points = np.linspace(-2.0, 2.0, 9)
    found = np.array([float(filled.subs(place, point)) for point in points])
    return found - (0.5 * (3 * points**2 + 1) - 0.25 * (points**3 + points) ** 2)


def _covariances(config: Config) -> dict:
    """Largest error of the covariance of the positions and momenta at a fixed time."""
    stiffness = np.array([[2.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 0.5]])
    setting = {"stiffness": stiffness, "temperature": 0.7, "friction": config.friction}
    mean = np.array([1.0, -0.5, 0.3, 0.2, 0.0, -0.4])
    table = []
    for word in COVARIANCES:
        equation = ll.limits.weak_modified_quadratic(word, 2, **setting)
        plain = ll.limits.weak_modified_quadratic(word, 0, **setting)
        rows = [[], []]
        for count in config.covariance_counts:
            dt = config.duration / count
            _, exact = ll.exact.propagate(word, count, mean=mean, dt=dt, **setting)
            for row, made in zip(rows, (plain, equation)):
                _, found = made.propagate(config.duration, mean=mean, dt=dt)
                row.append(np.abs(found - exact).max())
        table.append(rows)
    counts = np.array(config.covariance_counts)
    return {
        "covariance_dt": (("covariance_level",), config.duration / counts),
        "covariance": (
            ("covariance_scheme", "covariance_order", "covariance_level"), np.array(table)
        ),
    }  # fmt: skip


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Orders of the flows, coefficients, orders in law."""
    return [
        *_flow_claims(dataset),
        *_coefficient_claims(),
        *_stationary_claims(dataset),
        *_covariance_claims(dataset),
    ]


def _expected(name: str, kept: int) -> int:
    """One more than is kept, two for a palindrome whose next term vanishes."""
    symmetric = name in WORDS and name == name[::-1]
    return kept + 2 if symmetric and kept % 2 == 0 else kept + 1


def _flow_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for name in dataset["scheme"].values:
        for kept in KEPT:
            row = dataset.sel(scheme=name, kept=kept)
            result.append(Claim(
                f"{name}: order of the flow kept to h^{kept}", FLOWS,
                Order(_expected(str(name), kept)), order(row["step"].values, row["error"].values),
            ))  # fmt: skip
    steps = dataset["control_step"].values
    result.append(
        Claim("control: gradient descent, its term of order h wrong by 3 %", "must stay order 1",
              Order(1), order(steps[-5:], dataset["control"].values[-5:]))
    )  # fmt: skip
    return result


def _coefficient_claims() -> list[Claim]:
    """Coefficients of h |grad U|^2, from f'f = grad |grad U|^2/2, and of Verlet's shadow energy."""
    result = []
    for name, momentum, look_ahead in (
        ("gradient descent", 0.0, 0.0), ("heavy ball", 0.5, 0.0), ("Nesterov", 0.5, 0.5),
    ):  # fmt: skip
        method = ll.momentum.MomentumFamily(
            learning_rate=1.0, momentum=momentum, look_ahead=look_ahead
        )
        found = float(ll.limits.modified_equation(method, 1).coefficient("f'f", 1))
        predicted = {
            "gradient descent": 0.25,
            "heavy ball": (1 + momentum) / (4 * (1 - momentum) ** 2),
            "Nesterov": (1 - momentum + 2 * momentum**2) / (4 * (1 - momentum) ** 2),
        }[name]
        measured = -0.5 * (1 - momentum) * found
        result.append(Claim(f"{name}: coefficient of h |grad U|^2", CLOSED, predicted, measured))
    verlet = ll.limits.modified_equation("BAB", 2)
    for tree, component, predicted in (("f'v", "x", -1 / 6), ("f'f", "v", 1 / 12),
                                       ("f''(v, v)", "v", 1 / 12)):  # fmt: skip
        found = float(verlet.coefficient(tree, 2, component))
        result.append(Claim(f"BAB: coefficient of h^2 {tree}", CLOSED, predicted, found))
    return result


def _stationary_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for name in STATIONARY:
        row = dataset.sel(stationary_scheme=name)
        dt, bias, error = (row[key].values for key in ("stationary_dt", "bias", "bias_error"))
        first, second = row["term"].values
        cuts = [("first", first * dt, 2), ("second", first * dt + second * dt**2, 3)]
        if name != "EulerMaruyama":
            cuts = [("second", second * dt**2, 4)]
        for which, known, expected in cuts:
            left = np.abs(bias - known)
            doubt = error + row["term_error"].values @ [dt, dt**2]
            slope = order(dt, left)
            moved = [order(dt, left + shift).value - slope.value for shift in np.diag(doubt)]
            result.append(Claim(
                f"{name}: order of the bias less its terms to the {which}", LAWS,
                Order(expected), slope, bias_bound=float(np.abs(moved).sum()),
            ))  # fmt: skip
    result.append(
        Claim("BAOAB: coefficient of h^2 in <x^2> on the harmonic well", CLOSED, 0.0,
              float(dataset["harmonic_term"]), scale=0.25, tolerance=1e-9)
    )  # fmt: skip
    result.append(
        Claim("Euler-Maruyama: distance of its potential from T U''/2 - U'^2/4", CLOSED, 0.0,
              float(np.abs(dataset["effective_potential"]).max()), scale=1.0)
    )  # fmt: skip
    return result


def _covariance_claims(dataset: xarray.Dataset) -> list[Claim]:
    dt, result = dataset["covariance_dt"].values, []
    for word in COVARIANCES:
        plain, kept = dataset["covariance"].sel(covariance_scheme=word).values
        for name, errors, expected in (
            ("equation itself", plain, 2 if word == word[::-1] else 1),
            ("equation kept to h^2", kept, 4 if word == word[::-1] else 3),
        ):
            result.append(Claim(
                f"{word}, covariance on a quadratic: order of the {name}", LAWS,
                Order(expected), order(dt, errors),
            ))  # fmt: skip
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: derivations, flows, transfer operators."""
    solves = len(KEPT) * (
        len(OPTIMISERS) * len(config.optimiser_counts) + len(WORDS) * len(config.word_counts)
    )
    return 15.0 + 0.05 * solves + 0.4 * len(STATIONARY) * len(config.langevin_dt)


EXPERIMENT = Experiment(
    name="modified_equations",
    presets={
        "quick": Config(),
        "paper": Config(
            optimiser_counts=tuple(round(48 * 2 ** (k / 3)) for k in range(12)),
            word_counts=tuple(round(10 * 2 ** (k / 3)) for k in range(12)),
            covariance_counts=tuple(round(6 * 2 ** (k / 3)) for k in range(12)),
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

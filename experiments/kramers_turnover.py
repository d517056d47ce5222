"""How does the escape rate depend on friction, from weak to strong?

Prediction. On V = (x^2 - 1)^2 the rate of hopping k is half of the smallest non-zero eigenvalue of
the Kramers generator, exactly. It vanishes at weak friction, where energy diffuses slowly, and at
strong friction, where the particle creeps. The formula of Mel'nikov and Meshkov joins both, that of
Pollak, Grabert and Haenggi takes the energy loss of the unstable normal mode; Kramers and Langer
holds at strong friction. All leave out what a finite barrier does, 2 to 20 % at T = 0.1 and 0.2.

Source: Kramers (1940) [K40]; Mel'nikov and Meshkov (1986) [MM86]; Pollak, Grabert and Haenggi
(1989) [PGH89]; Risken (1989) [R89] for the spectrum.

Method. Exact: Hermite-Galerkin, error bound given. Simulation: BAOAB from both minima with thermal
momenta, the decay of the population difference (`escape.hop_rate`); no crossing is counted, which
over-estimates the rate at weak friction. The time step h makes a free particle diffuse faster, as
(g h/2) coth(g h/2) at friction g, and momenta in a well of frequency w smaller, by (w h)^2/8: their
sum bounds its bias, and runs at large steps hold the bound against the exact rate. A friction and a
temperature 3 % too high are the controls: they have to be refuted."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import Between, Claim, Estimate
from langevin_lab.exact.kinetic import SlowMode, slow_mode
from langevin_lab.lab import Experiment

SPECTRUM = "Hermite-Galerkin, R89"
# Theory sheet: (temperature, friction) -> exact hop rate; temperature -> best friction, rate there.
RATES = {
    (0.1, 0.05): 6.840e-6, (0.1, 0.1): 1.0840e-5, (0.1, 0.2): 1.5066e-5, (0.1, 0.3): 1.6732e-5,
    (0.1, 0.5): 1.7240e-5, (0.1, 1.0): 1.5586e-5, (0.1, 2.0): 1.2316e-5, (0.1, 5.0): 6.9288e-6,
    (0.1, 10.0): 3.7834e-6, (0.2, 0.05): 5.396e-4, (0.2, 0.1): 9.3393e-4, (0.2, 0.2): 1.4919e-3,
    (0.2, 0.3): 1.8470e-3, (0.2, 0.5): 2.1911e-3, (0.2, 1.0): 2.2168e-3, (0.2, 2.0): 1.7854e-3,
    (0.2, 5.0): 9.9258e-4, (0.2, 10.0): 5.3807e-4,
}  # fmt: skip
BEST = {0.1: (0.446, 1.7282e-5), 0.15: (0.601, 4.526e-4), 0.2: (0.726, 2.2763e-3),
        0.3: (0.894, 1.1507e-2)}  # fmt: skip
FORMULAS = ("kramers", "turnover", "normal_mode")
FASTEST = np.sqrt(8.0)  # frequency at the bottom of a well


@dataclass(frozen=True)
class Config:
    """Frictions of the curves, temperatures and frictions of the simulation."""

    temperatures: tuple[float, ...] = (0.15, 0.3, 0.5)
    curve: tuple[float, ...] = (
        0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0,
    )  # fmt: skip
    formula_range: tuple[float, float] = (0.01, 100.0)
    frictions: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    tolerance: float = 3e-4
    dt: float = 0.05
    friction_in_a_step: float = 0.2  # at most; (friction dt)^2/12 is the error of free diffusion
    relative_error: float = 0.0145
    checked_steps: tuple[float, ...] = (0.1, 0.2)  # large, for the bound on their bias
    checked_frictions: tuple[float, ...] = (1.0, 10.0)
    checked_error: float = 0.005
    control_factor: float = 1.03
    control_errors: tuple[float, float] = (0.0023, 0.007)  # of the wrong friction, temperature
    control_dt: float = 0.0125
    seed: int = 19_400_704


def run(config: Config) -> xarray.Dataset:
    """Exact curves and formulas, rates by simulation, time steps, controls."""
    formula_frictions = np.geomspace(*config.formula_range, 33)
    formulas = [[_formulas(T, g) for g in formula_frictions] for T in config.temperatures]
    curve = [[_hop(_mode(T, g, config))[0] for g in config.curve] for T in config.temperatures]
    hops = [
        [
            _simulated(T, g, config, _step(g, config), config.relative_error, 100 * i + j)
            for j, g in enumerate(config.frictions)
        ]
        for i, T in enumerate(config.temperatures)
    ]
    checks = [
        [
            _simulated(
                config.temperatures[-1], g, config, h, config.checked_error, 5000 + 10 * i + j
            )
            for j, h in enumerate(config.checked_steps)
        ]
        for i, g in enumerate(config.checked_frictions)
    ]
    table = [(*_hop(_mode(T, g, config)), *_formulas(T, g)) for T, g in RATES]
    data = {
        "curve": (("temperature", "curve_friction"), np.array(curve)),
        "curve_formula": (
            ("temperature", "curve_friction", "formula"),
            np.array([[_formulas(T, g) for g in config.curve] for T in config.temperatures]),
        ),
        "formula_rate": (("temperature", "formula_friction", "formula"), np.array(formulas)),
        "table": (("case", "number"), np.array(table)),
        "best": (("best_temperature", "pair"), np.array([_best(T, config) for T in BEST])),
    }
    for name, dimensions, rows in (
        ("", ("temperature", "friction"), hops),
        ("checked_", ("checked_friction", "checked_step"), checks),
        ("control_", ("control",), _controls(config)),
    ):
        values = np.array(rows)
        for index, column in enumerate(("rate", "rate_stderr", "bias_bound", "exact", "plateau",
                                        "plateau_stderr")):  # fmt: skip
            data[name + column] = (dimensions, values[..., index])
    coordinates = {
        "temperature": list(config.temperatures),
        "friction": list(config.frictions),
        "curve_friction": list(config.curve),
        "formula_friction": formula_frictions,
        "formula": list(FORMULAS),
        "best_temperature": list(BEST),
        "checked_friction": list(config.checked_frictions),
        "checked_step": list(config.checked_steps),
        "control": ["friction", "temperature"],
    }
    attributes = {"control_factor": config.control_factor, "dt": config.dt}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _dynamics(temperature: float, friction: float) -> ll.Langevin:
    return ll.Langevin(ll.potentials.double_well(), temperature=temperature, friction=friction)


@functools.cache
def _found_mode(temperature: float, friction: float, tolerance: float) -> SlowMode:
    return slow_mode(_dynamics(temperature, friction), tolerance=tolerance)


def _mode(temperature: float, friction: float, config: Config) -> SlowMode:
    return _found_mode(float(temperature), float(friction), config.tolerance)


def _hop(mode: SlowMode) -> tuple[float, float]:
    """Hop rate, half of the slow rate, and its error."""
    return mode.rate.value / 2, mode.rate.error / 2


def _formulas(temperature: float, friction: float) -> tuple[float, ...]:
    """Kramers-Langer; between two wells Mel'nikov-Meshkov and Pollak-Grabert-Haenggi."""
    well = ll.potentials.double_well()
    place = (well, -1.0, 0.0, temperature)
    kramers = ll.escape.kramers(*place, friction=friction)
    turnover = ll.escape.turnover(*place, friction=friction, other_minimum=1.0)
    normal_mode = ll.escape.pollak_grabert_haenggi(*place, friction=friction, other_minimum=1.0)
    return float(kramers), float(turnover), float(normal_mode)


def _best(temperature: float, config: Config) -> tuple[float, float]:
    """Friction of the largest exact rate, and the rate, from a quartic through five points."""
    middle = max(np.linspace(0.3, 1.2, 91), key=lambda g: _formulas(temperature, g)[1])
    offsets = np.linspace(-0.2, 0.2, 5)
    rates = [
        _hop(_mode(temperature, float(middle * np.exp(offset)), config))[0] for offset in offsets
    ]
    quartic = np.polynomial.Polynomial.fit(offsets, rates, 4, domain=[-0.2, 0.2])
    fine = np.linspace(-0.2, 0.2, 4001)
    top = fine[np.argmax(quartic(fine))]
    return float(middle * np.exp(top)), float(quartic(top))


def _step(friction: float, config: Config) -> float:
    return min(config.dt, config.friction_in_a_step / friction)


def _simulated(
    temperature: float, friction: float, config: Config, dt: float, error: float, stream: int
) -> tuple[float, ...]:
    """Hop rate, standard error, bound on its bias, the exact rate; plateau and its error."""
    mode = _mode(temperature, friction, config)
    slow, fast = mode.rate.value, mode.second_rate
    settle, window = 7.0 / (fast - slow), 0.5 / slow
    # Population differences exp(-slow t) of n replicas, errors of 1/sqrt(n).
    early, late = np.exp(-slow * settle), np.exp(-slow * (settle + window))
    half = int(0.5 * (1 / late**2 - 1 / early**2) / (slow * window * error) ** 2)
    found = ll.escape.hop_rate(
        _dynamics(temperature, friction), "BAOAB", dt=dt, well="x < 0", starts=(-1.0, 1.0),
        n_replicas=2 * half, seed=config.seed + stream, settle=settle, window=window,
        relaxation_rates=(slow, fast),
    )  # fmt: skip
    total, plateau = found.relaxation_rate, found.plateau
    bound = found.contamination + _step_bias(friction, dt)
    numbers = (total.value, total.stderr, bound * slow, slow)
    return (*(number / 2 for number in numbers), plateau.value, plateau.stderr)


def _step_bias(friction: float, dt: float) -> float:
    """Bound on the relative bias of a rate by the time step of BAOAB.

    Diffusion of a free particle; momenta in a harmonic well, whose variance is T (1 - (w dt)^2/4).
    """
    half = 0.5 * friction * dt
    return float(half / np.tanh(half) - 1.0 + (FASTEST * dt) ** 2 / 8.0)


def _controls(config: Config) -> list[tuple[float, ...]]:
    """A friction and a temperature that are too high, beside the exact rate of the right ones."""
    factor, rows = config.control_factor, []
    for stream, (T, g, wrong_T, wrong_g) in enumerate((
        (config.temperatures[-1], config.frictions[-1], 1.0, factor),
        (config.temperatures[1], 1.0, factor, 1.0),
    )):  # fmt: skip
        error, dt = config.control_errors[stream], (config.control_dt, config.dt)[stream]
        rate, stderr, bound, _, *plateau = _simulated(
            T * wrong_T, g * wrong_g, config, dt, error, 9000 + stream
        )
        rows.append((rate, stderr, bound, _hop(_mode(T, g, config))[0], *plateau))
    return rows


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Exact rates, the best friction, formulas, simulation, time step, controls."""
    return [
        *_exact_claims(dataset),
        *_formula_claims(dataset),
        *_simulation_claims(dataset),
        *_step_claims(dataset),
        *_control_claims(dataset),
    ]


def _exact_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for case, ((T, friction), expected) in enumerate(RATES.items()):
        result.append(Claim(f"exact rate, T = {T:g}, friction {friction:g}", "theory 7.4", expected,
                            float(dataset["table"][case, 0]), tolerance=1e-3))  # fmt: skip
    for T, (friction, rate) in BEST.items():
        found = dataset["best"].sel(best_temperature=T).values
        result.append(Claim(f"best friction, T = {T:g}", "theory 7.4", friction, found[0],
                            tolerance=2e-3))  # fmt: skip
        result.append(Claim(f"rate at it, T = {T:g}", "theory 7.4", rate, found[1], tolerance=1e-3))
    return result


def _formula_claims(dataset: xarray.Dataset) -> list[Claim]:
    """How far off the formulas are at T = 0.2, and which of two is closer."""
    ratios = dataset["table"].values[:, 2:] / dataset["table"].values[:, :1]
    kramers, turnover, normal_mode = (
        dict(zip(RATES, column)) for column in np.transpose(ratios)
    )  # fmt: skip
    result = []
    for name, source, ratio, friction, low, high in (
        ("turnover", "MM86", turnover, 0.1, 1.1, 1.25),
        ("turnover", "MM86", turnover, 1.0, 1.0, 1.1),
        ("turnover", "MM86", turnover, 10.0, 1.05, 1.1),
        ("normal mode", "PGH89", normal_mode, 0.1, 1.1, 1.2),
        ("normal mode", "PGH89", normal_mode, 1.0, 0.95, 1.0),
        ("normal mode", "PGH89", normal_mode, 10.0, 1.0, 1.02),
        ("kramers", "K40", kramers, 10.0, 1.05, 1.1),
        ("kramers", "K40", kramers, 0.1, 2.0, 4.0),
    ):
        result.append(Claim(f"{name} / exact, T = 0.2, friction {friction:g}", source,
                            Between(low, high), float(ratio[0.2, friction])))  # fmt: skip
    closer = [abs(normal_mode[case] - 1) / abs(turnover[case] - 1) for case in RATES]
    result.append(Claim("largest error of PGH over that of MM, T = 0.1 and 0.2", "PGH89",
                        Between(0.0, 1.0), float(max(closer))))  # fmt: skip
    hot = dataset.sel(temperature=0.5, curve_friction=1.0)
    errors = [
        abs(float(hot["curve_formula"].sel(formula=name) / hot["curve"]) - 1) for name in FORMULAS
    ]
    result.append(Claim("error of MM over that of PGH, T = 0.5, friction 1", "MM86",
                        Between(0.0, 1.0), errors[1] / errors[2]))  # fmt: skip
    return result


def _simulation_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for T in dataset["temperature"].values:
        for friction in dataset["friction"].values:
            row = dataset.sel(temperature=T, friction=friction)
            measured = Estimate(float(row["rate"]), float(row["rate_stderr"]))
            result.append(Claim(
                f"simulated rate, T = {T:g}, friction {friction:g}", SPECTRUM, float(row["exact"]),
                measured, bias_bound=float(row["bias_bound"]), resolution=0.1,
            ))  # fmt: skip
    # Errors are those of independent runs; a mean of plateaus sees what no single one does.
    weights = dataset["plateau_stderr"].values ** -2.0
    mean = float((weights * dataset["plateau"].values).sum() / weights.sum())
    result.append(Claim("rate of the first half of the window over the second, minus 1, all runs",
                        "exponential decay", 0.0, Estimate(mean, float(weights.sum() ** -0.5)),
                        scale=1.0, resolution=0.1))  # fmt: skip
    return result


def _step_claims(dataset: xarray.Dataset) -> list[Claim]:
    """The bias of large steps lies within the bound that small ones are given."""
    result = []
    for friction in dataset["checked_friction"].values:
        for dt in dataset["checked_step"].values:
            row = dataset.sel(checked_friction=friction, checked_step=dt)
            exact, bound = float(row["checked_exact"]), float(row["checked_bias_bound"])
            excess = Estimate(float(row["checked_rate"]) / exact - 1.0,
                              float(row["checked_rate_stderr"]) / exact)  # fmt: skip
            result.append(Claim(
                f"bias of time step {dt:g}, friction {friction:g}", "free diffusion, theory 7.1",
                Between(-bound / exact, bound / exact), excess, scale=1.0, resolution=0.05,
            ))  # fmt: skip
    return result


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for name in dataset["control"].values:
        row = dataset.sel(control=name)
        measured = Estimate(float(row["control_rate"]), float(row["control_rate_stderr"]))
        statement = f"control: {name} x {dataset.attrs['control_factor']:g}"
        wrong = Claim(statement, SPECTRUM, float(row["control_exact"]), measured,
                      bias_bound=float(row["control_bias_bound"]))  # fmt: skip
        result.append(wrong.refutation())
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: exact rates, 1.8 ns a replica and step."""
    exact = 0.4 * (len(config.temperatures) * len(config.curve) + len(RATES) + 5 * len(BEST))
    exact += 6.3 * len(config.temperatures) * sum(friction < 0.04 for friction in config.curve)
    steps = 1.8e5 * len(config.temperatures) * len(config.frictions) / config.relative_error**2
    steps += (
        4e3 * len(config.checked_steps) * len(config.checked_frictions) / (config.checked_error**2)
    )
    steps += 5e4 / config.control_errors[0] ** 2 + 7e3 / config.control_errors[1] ** 2
    return 10.0 + exact + 1.8e-9 * steps


EXPERIMENT = Experiment(
    name="kramers_turnover",
    presets={
        "quick": Config(),
        "paper": Config(
            temperatures=(0.15, 0.2, 0.3, 0.5),
            relative_error=0.004,
            checked_error=0.002,
            control_errors=(0.0015, 0.002),
            tolerance=1e-6,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

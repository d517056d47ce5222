"""How does the escape rate depend on friction, from weak to strong?

Prediction. On V = (x^2 - 1)^2 the rate of hopping k is half of the smallest non-zero eigenvalue of
the Kramers generator, exactly. It vanishes at weak friction, where energy diffuses slowly, and at
strong friction, where the particle creeps; the formula of Mel'nikov and Meshkov joins both, the one
of Kramers and Langer holds at strong friction. Both leave out what the finite barrier does, 2 to 9
% at T = 0.1 and 0.2, and are 4 % (T = 0.1, friction >= 0.3) to 20 % (T = 0.2, friction 0.1) high.

Source: Kramers (1940) [K40]; Mel'nikov and Meshkov (1986) [MM86]; Risken (1989) [R89] for the
spectrum.

Method. Exact: Hermite-Galerkin, error bound given. Simulation: BAOAB from the left minimum with
thermal momenta; the population difference <sign x> decays as exp(-2 k t) once the faster modes,
whose rates the exact spectrum tells, are gone, so 2 k is read from two times; no crossing is
counted (counting crossings over-estimates the rate at weak friction). A friction 5 % too high is
the control: it has to be refuted."""

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
    (0.1, 0.5): 1.7240e-5, (0.1, 1.0): 1.5586e-5, (0.1, 2.0): 1.2316e-5,
    (0.1, 5.0): 6.9288e-6, (0.1, 10.0): 3.7834e-6, (0.2, 0.1): 9.3393e-4, (0.2, 0.2): 1.4919e-3,
    (0.2, 0.3): 1.8470e-3, (0.2, 0.5): 2.1911e-3, (0.2, 1.0): 2.2168e-3, (0.2, 2.0): 1.7854e-3,
    (0.2, 5.0): 9.9258e-4, (0.2, 10.0): 5.3807e-4,
}  # fmt: skip
BEST = {0.2: (0.726, 2.2763e-3)}


@dataclass(frozen=True)
class Config:
    """Frictions of the curves, temperatures and frictions of the simulation."""

    temperatures: tuple[float, ...] = (0.2, 0.3)
    curve: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0)
    simulated_temperatures: tuple[float, ...] = (0.3,)
    frictions: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    tolerance: float = 1e-5
    dt: float = 0.05
    friction_in_a_step: float = 0.2  # at most; (friction dt)^2/12 is the error of free diffusion
    n_replicas: int = 80_000
    control_factor: float = 1.05
    control_replicas: int = 400_000
    seed: int = 19_400_704


def run(config: Config) -> xarray.Dataset:
    """Exact curves and formulas, rates by simulation, the control."""
    curves = [
        [_exact(T, g, config).rate.value / 2 for g in config.curve] for T in config.temperatures
    ]
    formulas = [[_formulas(T, g) for g in config.curve] for T in config.temperatures]
    rows = [
        [
            _simulated(T, g, config, config.n_replicas, 100 * i + j)
            for j, g in enumerate(config.frictions)
        ]
        for i, T in enumerate(config.simulated_temperatures)
    ]
    sampled = np.array(rows)
    wrong = config.control_factor * config.frictions[-1]
    control = _simulated(
        config.simulated_temperatures[-1], wrong, config, config.control_replicas, 9000
    )
    table = np.array([_table_rate(T, g, config) for T, g in RATES])
    dimensions = ("simulated_temperature", "friction")
    data = {
        "curve": (("temperature", "curve_friction"), np.array(curves)),
        "kramers": (("temperature", "curve_friction"), np.array(formulas)[:, :, 0]),
        "turnover": (("temperature", "curve_friction"), np.array(formulas)[:, :, 1]),
        "rate": (dimensions, sampled[:, :, 0]),
        "rate_stderr": (dimensions, sampled[:, :, 1]),
        "contamination": (dimensions, sampled[:, :, 2]),
        "exact": (dimensions, sampled[:, :, 3]),
        "control": ((), control[0]),
        "control_stderr": ((), control[1]),
        "control_contamination": ((), control[2]),
        "table": ("case", table[:, 0]),
        "table_error": ("case", table[:, 1]),
        "best": (("best_temperature", "number"), np.array([_best(T, config) for T in BEST])),
    }
    coordinates = {
        "temperature": list(config.temperatures),
        "simulated_temperature": list(config.simulated_temperatures),
        "friction": list(config.frictions),
        "curve_friction": list(config.curve),
        "best_temperature": list(BEST),
    }
    attributes = {"control_factor": config.control_factor, "dt": config.dt}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _dynamics(temperature: float, friction: float) -> ll.Langevin:
    return ll.Langevin(ll.potentials.double_well(), temperature=temperature, friction=friction)


@functools.cache
def _mode(temperature: float, friction: float, tolerance: float) -> SlowMode:
    return slow_mode(_dynamics(temperature, friction), tolerance=tolerance)


def _exact(temperature: float, friction: float, config: Config) -> SlowMode:
    return _mode(float(temperature), float(friction), config.tolerance)


def _table_rate(temperature: float, friction: float, config: Config) -> tuple[float, float]:
    rate = _exact(temperature, friction, config).rate
    return rate.value / 2, rate.error / 2


def _formulas(temperature: float, friction: float) -> tuple[float, float]:
    """Kramers-Langer, and Mel'nikov-Meshkov between two wells."""
    well = ll.potentials.double_well()
    kramers = ll.escape.kramers(well, -1.0, 0.0, temperature, friction=friction)
    turnover = ll.escape.turnover(
        well, -1.0, 0.0, temperature, friction=friction, other_minimum=1.0
    )
    return float(kramers), float(turnover)


def _best(temperature: float, config: Config) -> tuple[float, float]:
    """Friction of the largest exact rate, and the rate."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda g: -_exact(temperature, float(np.exp(g)), config).rate.value / 2,
        bounds=(np.log(0.4), np.log(1.2)), method="bounded", options={"xatol": 1e-4},
    )  # fmt: skip
    return float(np.exp(found.x)), float(-found.fun)


def _simulated(
    temperature: float, friction: float, config: Config, n_replicas: int, stream: int
) -> tuple[float, float, float, float]:
    """Hop rate, its standard error, a bound on what faster modes leave, the exact rate."""
    mode = _exact(temperature, friction, config)
    slow, fast = mode.rate.value, mode.second_rate
    # What the faster modes have left of their weight, at most 1, by the first time.
    dt = min(config.dt, config.friction_in_a_step / friction)
    first = int(np.ceil(6.0 / (fast - slow) / dt))
    stretch = int(np.ceil(1.2 / slow / dt))
    dynamics = _dynamics(temperature, friction)
    begin = ll.simulate(
        dynamics, "BAOAB", dt=dt, n_steps=first, n_replicas=n_replicas, start=-1.0,
        seed=config.seed + stream,
    )  # fmt: skip
    end = ll.simulate(
        dynamics, "BAOAB", dt=dt, n_steps=stretch, n_replicas=n_replicas,
        seed=config.seed + stream, continue_from=begin,
    )  # fmt: skip
    early, late = (-np.sign(run["x_final"].values[:, 0]) for run in (begin, end))
    ratio = early.mean() / late.mean()
    # Delta method for the logarithm of a ratio of means over the same replicas.
    scatter = early / early.mean() - late / late.mean()
    time = stretch * dt
    stderr = scatter.std(ddof=1) / np.sqrt(n_replicas) / time
    left = np.exp(-(fast - slow) * first * dt) / time
    # BAOAB diffuses freely as (friction dt/2) coth(friction dt/2), which a creeping particle feels.
    half = 0.5 * friction * dt
    step = slow * (half / np.tanh(half) - 1.0)
    return np.log(ratio) / time / 2, stderr / 2, (left + step) / 2, slow / 2


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Exact rates, the best friction, formulas, simulation, control."""
    return [
        *_exact_claims(dataset),
        *_formula_claims(dataset),
        *_simulation_claims(dataset),
    ]


def _exact_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for case, ((T, friction), expected) in enumerate(RATES.items()):
        result.append(Claim(f"exact rate, T = {T:g}, friction {friction:g}", "theory 7.4", expected,
                            float(dataset["table"][case]), tolerance=1e-3))  # fmt: skip
    for T, (friction, rate) in BEST.items():
        found = dataset["best"].sel(best_temperature=T).values
        result.append(Claim(f"best friction, T = {T:g}", "theory 7.4", friction, found[0],
                            tolerance=2e-3))  # fmt: skip
        result.append(Claim(f"rate at it, T = {T:g}", "theory 7.4", rate, found[1], tolerance=1e-3))
    return result


def _formula_claims(dataset: xarray.Dataset) -> list[Claim]:
    """How far off the formulas are at T = 0.2."""
    cold = dataset.sel(temperature=0.2)
    result = []
    for name, source, friction, low, high in (
        ("turnover", "MM86", 0.1, 1.1, 1.25), ("turnover", "MM86", 1.0, 1.0, 1.1),
        ("turnover", "MM86", 10.0, 1.05, 1.1), ("kramers", "K40", 10.0, 1.05, 1.1),
        ("kramers", "K40", 0.1, 2.0, 4.0),
    ):  # fmt: skip
        row = cold.sel(curve_friction=friction)
        ratio = float(row[name] / row["curve"])
        result.append(Claim(f"{name} / exact, T = 0.2, friction {friction:g}", source,
                            Between(low, high), ratio))  # fmt: skip
    return result


def _simulation_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for T in dataset["simulated_temperature"].values:
        for friction in dataset["friction"].values:
            row = dataset.sel(simulated_temperature=T, friction=friction)
            measured = Estimate(float(row["rate"]), float(row["rate_stderr"]))
            result.append(Claim(
                f"simulated rate, T = {T:g}, friction {friction:g}", SPECTRUM, float(row["exact"]),
                measured, bias_bound=float(row["contamination"]), resolution=0.1,
            ))  # fmt: skip
    row = dataset.isel(simulated_temperature=-1, friction=-1)
    measured = Estimate(float(dataset["control"]), float(dataset["control_stderr"]))
    statement = f"control: friction x {dataset.attrs['control_factor']:g}"
    wrong = Claim(statement, SPECTRUM, float(row["exact"]), measured,
                  bias_bound=float(dataset["control_contamination"]))  # fmt: skip
    return [*result, wrong.refutation()]


def cost(config: Config) -> float:
    """Seconds on two cores: exact rates, 2 ns a replica and step."""
    exact = 0.7 * (len(config.temperatures) * len(config.curve) + len(RATES) + 10)
    steps = 200.0 / config.dt * len(config.frictions) * len(config.simulated_temperatures)
    return 10.0 + exact + 1.0e-9 * (config.n_replicas + config.control_replicas) * steps


EXPERIMENT = Experiment(
    name="kramers_turnover",
    presets={
        "quick": Config(),
        "paper": Config(
            temperatures=(0.15, 0.2, 0.3, 0.5),
            n_replicas=1_000_000,
            control_replicas=4_000_000,
            tolerance=1e-6,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

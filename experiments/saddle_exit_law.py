"""How long does it take to leave a saddle, and which friction is best?

Prediction. From the top of -k x^2/2 the distance L is left by a Gaussian amplitude that grows: with
growth rate l and amplitude S

    <t> = [ln(L/S) + (g_E + ln 2)/2]/l,   sd = pi/(2 sqrt(2) l),
    P(t' <= t) = erfc(L e^(-l t)/(S sqrt 2)).

Overdamped (friction 1): l = k, S^2 = T/k, and exactly <t> = (L^2/(2T)) 2F2(1, 1; 3/2, 2; -k
L^2/(2T)), so a hundredfold colder start costs ln(100)/(2k) only. Langevin: l = (-g + sqrt(g^2 +
4k))/2 with the friction g; S^2 = g T/(l (2l + g)^2) from rest and k T/(l^2 (2l + g)^2) from thermal
momenta. From rest friction is the only source of noise, so a finite friction is best, and it falls
with the logarithm of the temperature; from thermal momenta the less friction the better.

Source: Suzuki (1977) [S77] for the scaling law; the amplitudes by projection on the unstable
direction.

Method. First passage in the compiled loop, stochastic Heun and BAOAB; the mean delay of half a step
between two looks is taken off, half a step stands as bias bound. The law by its distance from the
empirical one (Kolmogorov-Smirnov). A temperature 5 % too high is the control: it has to be refuted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.lab import Experiment

SOURCE = "S77"
# Theory sheet: temperature -> exact overdamped mean; temperature -> best friction, mean there.
EXACT = {
    0.1: 1.724138,
    0.01: 2.932689,
    1e-3: 4.088558,
    1e-4: 5.240302,
    1e-6: 7.542936,
    1e-8: 9.845522,
}
BEST = {0.1: (0.399, 3.486), 0.01: (0.260, 4.836), 1e-3: (0.195, 6.124), 1e-4: (0.157, 7.380),
        1e-6: (0.113, 9.840), 1e-8: (0.0888, 12.260)}  # fmt: skip
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
UNIT = {"curvature": 1.0, "distance": 1.0}


@dataclass(frozen=True)
class Config:
    """Temperatures, frictions, steps and sizes of the simulations."""

    temperatures: tuple[float, ...] = (0.01, 1e-3, 1e-4, 1e-5)
    overdamped_dt: float = 0.002
    overdamped_replicas: int = 400_000
    law_temperature: float = 1e-4
    cold_frictions: tuple[float, ...] = (0.01, 0.03, 0.1, 0.157, 0.3, 1.0, 3.0)
    thermal_frictions: tuple[float, ...] = (0.01, 0.1, 1.0)
    langevin_temperature: float = 1e-4
    langevin_dt: float = 0.01
    langevin_replicas: int = 40_000
    control_factor: float = 1.05
    seed: int = 19_770_201


def run(config: Config) -> xarray.Dataset:
    """Means and spreads of all exits, the empirical law of one."""
    overdamped = [_overdamped(config, T, stream) for stream, T in enumerate(config.temperatures)]
    law = overdamped[config.temperatures.index(config.law_temperature)]
    control = _overdamped(config, config.control_factor * config.law_temperature, 90)
    data = _summaries("overdamped", "temperature", overdamped) | _law(config, law)
    data |= {"control_mean": ((), _mean(control)), "control_mean_stderr": ((), control.mean.stderr)}
    for start, frictions in (
        ("cold", config.cold_frictions),
        ("thermal", config.thermal_frictions),
    ):
        exits = [_langevin(config, start, g, stream) for stream, g in enumerate(frictions)]
        data |= _summaries(start, f"{start}_friction", exits)
    coordinates = {
        "temperature": list(config.temperatures),
        "cold_friction": list(config.cold_frictions),
        "thermal_friction": list(config.thermal_frictions),
        "quantile": list(QUANTILES),
    }
    attributes = {name: getattr(config, name) for name in
                  ("law_temperature", "langevin_temperature", "control_factor", "overdamped_dt",
                   "langevin_dt")}  # fmt: skip
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _saddle() -> ll.Potential:
    return ll.Potential.from_expression("-k*x**2/2", parameters={"k": 1.0}, name="saddle")


def _overdamped(config: Config, temperature: float, stream: int) -> ll.escape.FirstPassage:
    dynamics = ll.Overdamped(_saddle(), temperature=temperature)
    return ll.escape.first_passage(
        dynamics, "StochasticHeun", dt=config.overdamped_dt, start=0.0, target="abs(x) >= 1",
        n_replicas=config.overdamped_replicas, seed=config.seed + stream, crossing="none",
    )  # fmt: skip


def _langevin(config: Config, start: str, friction: float, stream: int):
    dynamics = ll.Langevin(_saddle(), temperature=config.langevin_temperature, friction=friction)
    momenta = {"start_momentum": 0.0} if start == "cold" else {}
    return ll.escape.first_passage(
        dynamics, "BAOAB", dt=config.langevin_dt, start=0.0, target="abs(x) >= 1",
        n_replicas=config.langevin_replicas, seed=config.seed + 1000 + 100 * len(start) + stream,
        **momenta,
    )  # fmt: skip


def _mean(passage: ll.escape.FirstPassage) -> float:
    """Mean exit time without the mean delay of half a step between two looks."""
    return passage.mean.value - 0.5 * passage.dt


def _summaries(name: str, dimension: str, exits: list[ll.escape.FirstPassage]) -> dict:
    """Mean and standard deviation with their standard errors."""
    columns = {
        "mean": [_mean(passage) for passage in exits],
        "mean_stderr": [passage.mean.stderr for passage in exits],
        "spread": [passage.standard_deviation.value for passage in exits],
        "spread_stderr": [passage.standard_deviation.stderr for passage in exits],
    }
    return {f"{name}_{key}": (dimension, np.array(column)) for key, column in columns.items()}


def _law(config: Config, passage: ll.escape.FirstPassage) -> dict:
    """Fractions that have left by the predicted quantiles, and the Kolmogorov-Smirnov statistic."""
    law = ll.escape.linear_saddle_exit_time(**UNIT, temperature=config.law_temperature)
    delay = 0.5 * passage.dt
    ordered = np.sort(passage.times - delay)
    n = len(ordered)
    grid = np.linspace(ordered[0], ordered[-1], 4001)
    places = np.interp(QUANTILES, law.probability(grid), grid)
    left = np.searchsorted(ordered, places) / n
    shown = np.linspace(ordered[0], ordered[int(0.999 * n)], 60)
    return {
        "left": ("quantile", left),
        "left_stderr": ("quantile", np.sqrt(np.array(QUANTILES) * (1 - np.array(QUANTILES)) / n)),
        "kolmogorov": ((), passage.compare(law.probability, delay=delay).statistic),
        "law_time": ("place", shown),
        "law_left": ("place", np.searchsorted(ordered, shown) / n),
        "law_predicted": ("place", law.probability(shown)),
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Exact means, overdamped and Langevin exits, the law, the best friction, the control."""
    return [
        *_exact_claims(),
        *_overdamped_claims(dataset),
        *_law_claims(dataset),
        *_langevin_claims(dataset),
        *_friction_claims(dataset),
        *_control_claims(dataset),
    ]


def _estimate(dataset: xarray.Dataset, name: str) -> Estimate:
    return Estimate(float(dataset[name]), float(dataset[f"{name}_stderr"]))


def _exact_claims() -> list[Claim]:
    return [
        Claim(f"exact mean, T = {T:g}", "2F2, theory", expected,
              ll.escape.linear_saddle_exit_time(**UNIT, temperature=T).mean, tolerance=1e-6)
        for T, expected in EXACT.items()
    ]  # fmt: skip


def _overdamped_claims(dataset: xarray.Dataset) -> list[Claim]:
    result, bias = [], 0.5 * dataset.attrs["overdamped_dt"]
    for T in dataset["temperature"].values:
        row = dataset.sel(temperature=T)
        exact = ll.escape.linear_saddle_exit_time(**UNIT, temperature=float(T)).mean
        result.append(Claim(f"overdamped mean, T = {T:g}", "2F2", exact,
                            _estimate(row, "overdamped_mean"), bias_bound=bias))  # fmt: skip
    coldest = dataset.isel(temperature=-1)
    result.append(Claim("overdamped standard deviation, coldest", SOURCE, np.pi / (2 * np.sqrt(2)),
                        _estimate(coldest, "overdamped_spread"), resolution=0.06))  # fmt: skip
    hot, cold = dataset.isel(temperature=1), coldest
    difference = _estimate(cold, "overdamped_mean") - _estimate(hot, "overdamped_mean")
    decades = np.log(float(hot["temperature"] / cold["temperature"]))
    result.append(Claim("slope of the mean in ln(1/T)", SOURCE, 0.5, difference * (1.0 / decades),
                        bias_bound=2 * bias / decades))  # fmt: skip
    return result


def _law_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for quantile in dataset["quantile"].values:
        row = dataset.sel(quantile=quantile)
        measured = Estimate(float(row["left"]), float(row["left_stderr"]))
        result.append(Claim(f"left by the quantile {quantile:g}", SOURCE, float(quantile), measured,
                            bias_bound=0.002, resolution=0.1))  # fmt: skip
    # A distance of 1.95/sqrt(n) has probability 0.001 if the law is right.
    result.append(Claim("Kolmogorov-Smirnov statistic of the law", SOURCE, AtMost(1.95),
                        float(dataset["kolmogorov"])))  # fmt: skip
    return result


def _langevin_claims(dataset: xarray.Dataset) -> list[Claim]:
    result, T = [], dataset.attrs["langevin_temperature"]
    for start in ("cold", "thermal"):
        for friction in dataset[f"{start}_friction"].values:
            row = dataset.sel({f"{start}_friction": friction})
            law = ll.escape.langevin_saddle_exit_time(
                **UNIT, temperature=T, friction=float(friction), thermal_start=start == "thermal"
            )
            result.append(Claim(
                f"{start} start, friction {friction:g}: mean", SOURCE, law.mean,
                _estimate(row, f"{start}_mean"), bias_bound=0.5 * dataset.attrs["langevin_dt"],
            ))  # fmt: skip
    return result


def _friction_claims(dataset: xarray.Dataset) -> list[Claim]:
    """The best friction by the formula, and that it is better than others by simulation."""
    result = []
    for T, (friction, mean) in BEST.items():
        found, law = ll.escape.optimal_exit_friction(**UNIT, temperature=T)
        result.append(Claim(f"best friction, T = {T:g}", "theory 7.5", friction, found,
                            tolerance=3e-3))  # fmt: skip
        result.append(Claim(f"mean at it, T = {T:g}", "theory 7.5", mean, law.mean, tolerance=1e-4))
    best = dataset.isel(cold_friction=int(np.argmin(dataset["cold_mean"].values)))
    for friction in (0.03, 1.0):
        other = dataset.sel(cold_friction=friction)
        more = _estimate(other, "cold_mean") - _estimate(best, "cold_mean")
        result.append(Claim(f"friction {friction:g} takes longer than the best", SOURCE,
                            AtLeast(0.0), more, scale=1.0))  # fmt: skip
    return result


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    T, factor = dataset.attrs["law_temperature"], dataset.attrs["control_factor"]
    exact = ll.escape.linear_saddle_exit_time(**UNIT, temperature=T).mean
    measured = Estimate(float(dataset["control_mean"]), float(dataset["control_mean_stderr"]))
    statement = f"control: temperature x {factor:g}"
    wrong = Claim(statement, "2F2", exact, measured,
                  bias_bound=0.5 * dataset.attrs["overdamped_dt"])  # fmt: skip
    return [wrong.refutation()]


def cost(config: Config) -> float:
    """Seconds on two cores: 4 ns a replica and step, kernels."""
    overdamped = (
        (1 + len(config.temperatures)) * config.overdamped_replicas * 5 / config.overdamped_dt
    )
    frictions = [*config.cold_frictions, *config.thermal_frictions]
    langevin = config.langevin_replicas * sum(8 + 6 * g for g in frictions) / config.langevin_dt
    return 15.0 + 4e-9 * (overdamped + langevin)


EXPERIMENT = Experiment(
    name="saddle_exit_law",
    presets={
        "quick": Config(),
        "paper": Config(overdamped_replicas=4_000_000, langevin_replicas=400_000),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

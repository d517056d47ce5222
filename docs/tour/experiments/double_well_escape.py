"""How long does a particle take to cross from one well of the double well to the other?

Prediction. On U = barrier (x^2 - 1)^2 with friction 1 the mean first passage time from -1 to 1 is

    tau = (1/T) int_{-1}^{1} exp(U(y)/T) int_{-inf}^{y} exp(-U(z)/T) dz dy.

Source: Haenggi, Talkner and Borkovec (1990), section VII.

Method. Stochastic Heun with a shifted boundary; what the time step still does is computed without
sampling and stands in every claim as its bias bound.

Cost on two cores: about 3 s (quick), 1 min (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import Claim, Estimate
from langevin_lab.lab import Experiment

METHOD = "StochasticHeun"


@dataclass(frozen=True)
class Config:
    """What may be changed from outside: everything that determines the result."""

    barrier: float = 1.0
    temperatures: tuple[float, ...] = (0.25, 0.3, 0.4, 0.5)
    n_replicas: int = 20_000
    dt: float = 0.01
    seed: int = 7


def run(config: Config) -> xarray.Dataset:
    """Measured and exact mean times; no drawing, no judging."""
    potential = ll.potentials.double_well(barrier=config.barrier)
    # A seed of its own for each temperature, so that their errors are independent.
    rows = [_times(potential, T, config, i) for i, T in enumerate(config.temperatures)]
    data = {name: ("temperature", np.array([row[name] for row in rows])) for name in rows[0]}
    curve = np.linspace(0.9 * min(config.temperatures), 1.1 * max(config.temperatures), 40)
    data["curve"] = ("curve_temperature", [_exact(potential, T) for T in curve])
    coordinates = {"temperature": list(config.temperatures), "curve_temperature": curve}
    return xarray.Dataset(data, coords=coordinates)


def _exact(potential, temperature: float) -> float:
    equation = ll.Overdamped(potential, temperature=temperature)
    return ll.exact.mean_first_passage_time(equation, -1.0, 1.0).value


def _times(potential, temperature: float, config: Config, stream: int) -> dict[str, float]:
    equation = ll.Overdamped(potential, temperature=temperature)
    passage = ll.escape.first_passage(
        equation, METHOD, dt=config.dt, start=-1.0, target="x > 1",
        n_replicas=config.n_replicas, seed=config.seed + stream,
    )  # fmt: skip
    discrete = ll.exact.discrete_passage_time(
        METHOD, equation, -1.0, 1.0, config.dt, shift=passage.shift
    )
    exact = _exact(potential, temperature)
    return {
        "mean": passage.mean.value,
        "mean_stderr": passage.mean.stderr,
        "exact": exact,
        "bias_bound": abs(discrete.value - exact) + discrete.error,
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """One claim a temperature, from the stored numbers alone."""
    result = []
    for temperature in dataset["temperature"].values:
        row = dataset.sel(temperature=temperature)
        measured = Estimate(float(row["mean"]), float(row["mean_stderr"]))
        result.append(
            Claim(
                f"mean time -1 → 1 at T = {temperature:g}",
                "double integral, HTB90",
                float(row["exact"]),
                measured,
                bias_bound=float(row["bias_bound"]),
            )
        )
    return result


def cost(config: Config) -> float:
    """Seconds on two cores."""
    potential = ll.potentials.double_well(barrier=config.barrier)
    time = sum(_exact(potential, T) for T in config.temperatures)
    return 1.0 + 2e-9 * config.n_replicas * time / config.dt


EXPERIMENT = Experiment(
    name="double_well_escape",
    presets={"quick": Config(), "paper": Config(n_replicas=400_000, dt=0.005)},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

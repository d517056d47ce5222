"""Are rates of rare events right from e^-5 to e^-40, and are their error bars?

Prediction. One over the mean passage time of the scheme at its time step, known without sampling at
any barrier (`exact.discrete_passage_rate`), for the double well and a tilted one. Splitting is
unbiased, so the mean over runs is that rate; over its standard error the deviations of repeats are
standard normal; the variance of a run is near the ideal p^(-1/N) - 1 of a perfect coordinate. The
time step shifts the rate by what the same operator says against the continuous passage time. With
momenta the rate is that of the Kramers generator's spectrum.

Source: Cerou and Guyader (2007) [CG07]; Brehier et al. (2016) [BGG16]; Hill (1989) [H89]; Allen,
Warren and ten Wolde (2005) [AWW05] for the cross-check by forward flux.

Method. Adaptive multilevel splitting from crossings of a surface, many runs in compiled loops; the
runs of a case in 40 repeats. Forward-flux sampling with levels one temperature apart, on other
noise. Coarse steps at a barrier of 10 T show the time-step bias. The control is a temperature 2 %
too high: it has to be refuted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Between, Claim, Estimate, jackknife
from langevin_lab.lab import Experiment

REGIONS = {"source": "x < -0.95", "surface": "x > -0.85", "target": "x > 0.9"}
TARGET = 0.9
# With momenta a path climbs in energy, and has arrived once it is 5 T or more below the top.
IN_ENERGY = {
    "coordinate": "p**2/2 + energy + 2*sigmoid(8*x)",
    "source": "x < 0 and p**2/2 + energy < 0.15",
    "surface": "p**2/2 + energy > 0.25",
    "target": "x > 0 and p**2/2 + energy < 0.3",
}


@dataclass(frozen=True)
class Config:
    """Barriers over temperature, time steps and sizes of the runs."""

    tilts: tuple[float, ...] = (0.0, 0.25)
    ratios: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 40.0)
    dt: float = 2e-3
    n_replicas: int = 200
    n_runs: int = 240
    n_repeats: int = 40
    coarse_steps: tuple[float, ...] = (0.02, 0.05, 0.1)
    coarse_ratio: float = 10.0
    coarse_runs: int = 480
    flux_ratios: tuple[float, ...] = (10.0, 20.0, 40.0)
    flux_runs: int = 80
    langevin_ratios: tuple[float, ...] = (7.5, 10.0, 15.0)
    langevin_friction: float = 1.0
    langevin_dt: float = 0.02
    langevin_replicas: int = 100
    langevin_runs: int = 120
    control_factor: float = 1.02
    seed: int = 20_160_105


def run(config: Config) -> xarray.Dataset:
    """Rates by splitting, by forward flux, at coarse steps and with momenta; what is exact."""
    parts = [_splitting(config), _coarse(config), _forward_flux(config), _langevin(config)]
    data = {name: value for part in parts for name, value in part.items()}
    coordinates = {
        "tilt": list(config.tilts),
        "ratio": list(config.ratios),
        "step": list(config.coarse_steps),
        "flux_ratio": list(config.flux_ratios),
        "langevin_ratio": list(config.langevin_ratios),
    }
    names = ("dt", "n_replicas", "n_runs", "coarse_ratio", "control_factor", "langevin_friction",
             "langevin_runs", "langevin_dt")  # fmt: skip
    attributes = {name: getattr(config, name) for name in names}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _cold(tilt: float, ratio: float, factor: float = 1.0) -> ll.Overdamped:
    """Overdamped in the left well of a barrier of ``ratio`` temperatures."""
    potential = ll.potentials.tilted_double_well(tilt=tilt)
    return ll.Overdamped(potential, temperature=factor * _barrier(potential) / ratio)


def _barrier(potential: ll.Potential) -> float:
    return potential.saddles[0].energy - potential.minima[0].energy


def _start(dynamics: ll.Overdamped) -> float:
    return float(dynamics.potential.minima[0].position[0])


def _rate(dynamics: ll.Overdamped, config: Config, dt: float, n_runs: int, stream: int):
    return ll.escape.rare_event_rate(
        dynamics, "EulerMaruyama", dt=dt, coordinate="x", start=_start(dynamics), **REGIONS,
        n_replicas=config.n_replicas, n_runs=n_runs, crossings_per_path=2,
        seed=config.seed + stream,
    )  # fmt: skip


def _exact(dynamics: ll.Overdamped, dt: float):
    return ll.exact.discrete_passage_rate("EulerMaruyama", dynamics, _start(dynamics), TARGET, dt)


def _continuous(dynamics: ll.Overdamped) -> float:
    return 1.0 / ll.exact.mean_first_passage_time(dynamics, _start(dynamics), TARGET).value


def _splitting(config: Config) -> dict:
    """Rates of both wells at all barriers, with their repeats and the exact curve."""
    rows = [
        [_case(config, tilt, ratio, 10 * i + j) for j, ratio in enumerate(config.ratios)]
        for i, tilt in enumerate(config.tilts)
    ]
    data = {}
    for name in rows[0][0]:
        values = np.array([[case[name] for case in row] for row in rows])
        data[name] = (("tilt", "ratio", "repeat")[: values.ndim], values)
    grid = np.linspace(min(config.ratios) - 1.0, max(config.ratios) + 1.0, 40)
    curve = [[_continuous(_cold(tilt, ratio)) for ratio in grid] for tilt in config.tilts]
    return data | {"curve_ratio": ("place", grid), "curve": (("tilt", "place"), np.array(curve))}


def _case(config: Config, tilt: float, ratio: float, stream: int) -> dict:
    """One well at one barrier: rate, exact rates, variance over the ideal, deviations."""
    dynamics = _cold(tilt, ratio)
    found = _rate(dynamics, config, config.dt, config.n_runs, stream)
    exact = _exact(dynamics, config.dt)
    variance = found.event.relative_variance * (1.0 / found.event.ideal_relative_variance)
    return {
        "rate": found.rate.value,
        "rate_stderr": found.rate.stderr,
        "exact": exact.value,
        "exact_error": exact.error,
        "continuous": _continuous(dynamics),
        "warm": _exact(_cold(tilt, ratio, config.control_factor), config.dt).value,
        "variance": variance.value,
        "variance_stderr": variance.stderr,
        "simulated_time": found.event.n_steps.sum() * config.dt + found.crossing_times.sum(),
        "deviation": _deviations(found, exact.value, config.n_repeats),
        "covered": _covered(found, exact.value, config.n_repeats),
    }


def _deviations(found: ll.escape.RareEventRate, exact: float, n_repeats: int) -> np.ndarray:
    """Deviations of the repeats from the exact rate, in standard errors of a repeat."""
    parts = zip(
        np.array_split(found.event.log_probabilities, n_repeats),
        np.array_split(found.crossing_times, n_repeats),
    )
    rates = [np.exp(p).mean() * found.n_crossings / times.mean() for p, times in parts]
    return (np.array(rates) - exact) / (found.rate.stderr * math.sqrt(n_repeats))


def _covered(found: ll.escape.RareEventRate, exact: float, n_repeats: int) -> np.ndarray:
    """Whether the 95 % interval of each repeat, by its own runs alone, holds the exact rate."""
    from scipy.stats import t

    columns = np.stack([np.exp(found.event.log_probabilities), found.crossing_times], axis=1)
    parts = np.array_split(columns, n_repeats)
    rates = [jackknife(lambda sums: found.n_crossings * sums[0] / sums[1], p) for p in parts]
    limits = [t.ppf(0.975, len(part) - 1) for part in parts]
    return np.array([abs(r.value - exact) < z * r.stderr for r, z in zip(rates, limits)], float)


def _coarse(config: Config) -> dict:
    """Rates at coarse time steps, exact and measured, over the continuous one."""
    dynamics = _cold(config.tilts[0], config.coarse_ratio)
    found = [
        _rate(dynamics, config, dt, config.coarse_runs, 100 + k).rate
        for k, dt in enumerate(config.coarse_steps)
    ]
    scale = 1.0 / _continuous(dynamics)
    grid = np.geomspace(config.dt, max(config.coarse_steps), 12)
    return {
        "step_rate": ("step", np.array([rate.value for rate in found]) * scale),
        "step_rate_stderr": ("step", np.array([rate.stderr for rate in found]) * scale),
        "step_exact": ("step", [_exact(dynamics, dt).value * scale for dt in config.coarse_steps]),
        "bias_dt": ("bias_place", grid),
        "bias": ("bias_place", [_exact(dynamics, dt).value * scale - 1.0 for dt in grid]),
    }


def _levels(dynamics: ll.Overdamped) -> list[float]:
    """From the surface to the saddle of the symmetric well, one temperature apart in energy."""
    energies = [(0.85**2 - 1.0) ** 2]
    while energies[-1] + dynamics.temperature < 1.0:
        energies.append(energies[-1] + dynamics.temperature)
    return [-math.sqrt(1.0 - math.sqrt(energy)) for energy in energies] + [0.1]


def _forward_flux(config: Config) -> dict:
    """Rates of the symmetric well by forward flux."""
    rates = []
    for k, ratio in enumerate(config.flux_ratios):
        dynamics = _cold(0.0, ratio)
        regions = {name: REGIONS[name] for name in ("source", "target")}
        found = ll.escape.forward_flux_sampling(
            dynamics, "EulerMaruyama", dt=config.dt, coordinate="x", start=_start(dynamics),
            levels=_levels(dynamics), **regions, n_trials=config.n_replicas,
            n_runs=config.flux_runs, seed=config.seed + 200 + k,
        )  # fmt: skip
        rates.append(found.rate)
    exact = [_exact(_cold(0.0, ratio), config.dt).value for ratio in config.flux_ratios]
    return {
        "flux_rate": ("flux_ratio", [rate.value for rate in rates]),
        "flux_rate_stderr": ("flux_ratio", [rate.stderr for rate in rates]),
        "flux_exact": ("flux_ratio", exact),
    }


def _langevin(config: Config) -> dict:
    """Rates with momenta, from the source to the other well, and half the spectral gap."""
    rates, exact = [], []
    for k, ratio in enumerate(config.langevin_ratios):
        potential = ll.potentials.double_well()
        dynamics = ll.Langevin(
            potential, temperature=1.0 / ratio, friction=config.langevin_friction
        )
        found = ll.escape.rare_event_rate(
            dynamics, "BAOAB", dt=config.langevin_dt, **IN_ENERGY, start=-1.0, start_momentum=0.0,
            n_replicas=config.langevin_replicas, n_runs=config.langevin_runs,
            crossings_per_path=2, seed=config.seed + 300 + k,
        )  # fmt: skip
        rates.append(found.rate)
        exact.append(ll.exact.escape_rate(dynamics, -1.0))
    return {
        "langevin_rate": ("langevin_ratio", [rate.value for rate in rates]),
        "langevin_rate_stderr": ("langevin_ratio", [rate.stderr for rate in rates]),
        "langevin_exact": ("langevin_ratio", [found.value for found in exact]),
        "langevin_exact_error": ("langevin_ratio", [found.error for found in exact]),
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Rates, law of the deviations, variances, time-step bias, cross-checks, the control."""
    return [
        *_rate_claims(dataset),
        *_deviation_claims(dataset),
        *_variance_claims(dataset),
        *_step_claims(dataset),
        *_other_claims(dataset),
        *_control_claims(dataset),
    ]


def _cases(dataset: xarray.Dataset) -> list[tuple[str, xarray.Dataset]]:
    """Each well and barrier with a name."""
    return [
        (f"{'tilted' if tilt else 'symmetric'}, {ratio:g} T", dataset.sel(tilt=tilt, ratio=ratio))
        for tilt in dataset["tilt"].values
        for ratio in dataset["ratio"].values
    ]


def _estimate(row: xarray.Dataset, name: str, n_eff: float = math.inf) -> Estimate:
    return Estimate(float(row[name]), float(row[f"{name}_stderr"]), n_eff)


def _rate_claims(dataset: xarray.Dataset) -> list[Claim]:
    """An error of 20 % at 40 T is one of half a percent in the temperature."""
    n_runs = dataset.attrs["n_runs"]
    result = []
    for name, row in _cases(dataset):
        rate = _estimate(row, "rate", n_runs)
        result.append(Claim(f"rate, {name}", "H89, BGG16", float(row["exact"]), rate,
                            bias_bound=float(row["exact_error"]), resolution=0.2))  # fmt: skip
        relative = rate.stderr / rate.value  # its own error is half that of the variance
        spread = 0.5 * relative * float(row["variance_stderr"] / row["variance"])
        result.append(Claim(f"relative error, {name}", "target", AtMost(0.05),
                            Estimate(relative, spread), resolution=0.5))  # fmt: skip
    return result


def _deviation_claims(dataset: xarray.Dataset) -> list[Claim]:
    """All deviations together, and the worst of the cases."""
    z = dataset["deviation"].values
    pooled = z.ravel()
    smallest = min(_normal_p_value(case) for case in z.reshape(-1, z.shape[-1]))
    n_cases = pooled.size // z.shape[-1]
    return [
        Claim("mean of all deviations", "BGG16", 0.0, Estimate.from_samples(pooled), scale=1.0,
              resolution=0.5),
        Claim("variance of all deviations", "BGG16", 1.0, Estimate.from_samples(pooled**2),
              resolution=1.0),
        # A few runs of a skewed law make an interval of Student's that holds a little less.
        Claim("share of 95 % intervals of repeats that hold the exact rate", "Student's t",
              Between(0.9, 0.98), Estimate.from_samples(dataset["covered"].values.ravel()),
              resolution=0.15),
        # The smallest of n uniform p-values is below 1e-3/n with probability 1e-3.
        Claim("smallest Kolmogorov-Smirnov p-value", "BGG16", AtLeast(1e-3 / n_cases), smallest),
        Claim("that of all deviations shifted by 0.5", "control", AtMost(1e-3),
              _normal_p_value(pooled + 0.5)),
    ]  # fmt: skip


def _normal_p_value(z: np.ndarray) -> float:
    """Probability of a larger Kolmogorov-Smirnov distance if z is standard normal."""
    from scipy.stats import kstest

    return float(kstest(z, "norm").pvalue)


def _variance_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = [
        Claim(f"variance/ideal, {name}", "CG07", Between(0.7, 1.3), _estimate(row, "variance"),
              resolution=2.0)
        for name, row in _cases(dataset)
    ]  # fmt: skip
    everything = dataset["variance"].values.ravel()
    stderr = np.sqrt((dataset["variance_stderr"].values ** 2).sum()) / everything.size
    mean = Estimate(float(everything.mean()), float(stderr))
    result.append(Claim("variance/ideal, mean", "CG07", Between(0.7, 1.3), mean, resolution=0.3))
    return result


def _step_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Rate over the continuous one at coarse steps; the coarsest is far from 1."""
    result = []
    for dt in dataset["step"].values:
        row = dataset.sel(step=dt)
        result.append(Claim(f"rate/continuous, dt = {dt:g}", "H89", float(row["step_exact"]),
                            _estimate(row, "step_rate"), resolution=0.2))  # fmt: skip
    without = Claim("control: no time-step bias", "continuous", 1.0, _estimate(row, "step_rate"))
    result.append(without.refutation())
    fine = np.abs(dataset["exact"] / dataset["continuous"] - 1.0).max()
    result.append(Claim("largest time-step bias of the rates", "bound", AtMost(0.005), float(fine)))
    return result


def _other_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for ratio in dataset["flux_ratio"].values:
        row = dataset.sel(flux_ratio=ratio)
        result.append(Claim(f"forward flux, {ratio:g} T", "AWW05", float(row["flux_exact"]),
                            _estimate(row, "flux_rate"), resolution=0.7))  # fmt: skip
    for ratio in dataset["langevin_ratio"].values:
        row = dataset.sel(langevin_ratio=ratio)
        exact = float(row["langevin_exact"])
        bias = float(row["langevin_exact_error"])
        bias += langevin_bias(float(ratio), dataset.attrs["langevin_dt"]) * exact
        rate = _estimate(row, "langevin_rate", dataset.attrs["langevin_runs"])
        result.append(Claim(f"Langevin, {ratio:g} T", "spectrum", exact, rate, resolution=0.6,
                            bias_bound=bias))  # fmt: skip
    return result


def langevin_bias(ratio: float, dt: float) -> float:
    """Relative bound on what returns and the time step do to a Langevin rate.

    A path has arrived 0.7 below the top, whence it returns with a probability of order
    exp(-0.7/T). The step changes momenta in the well, by (w dt)^2/8 of a rate, w^2 = 8.
    """
    return 2.0 * math.exp(-0.7 * ratio) + dt**2


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    """The theory of a temperature that is 2 % too high, at the highest barrier of each well."""
    result = []
    for tilt in dataset["tilt"].values:
        row = dataset.sel(tilt=tilt).isel(ratio=-1)
        statement = f"control, {'tilted' if tilt else 'symmetric'}: temperature x " + (
            f"{dataset.attrs['control_factor']:g}"
        )
        rate = _estimate(row, "rate", dataset.attrs["n_runs"])
        wrong = Claim(statement, "H89", float(row["warm"]), rate)
        result.append(wrong.refutation())
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: 0.13 ms a path at 40 T and dt = 0.002, kernels."""
    paths = len(config.tilts) * sum(config.ratios) / 40.0 * config.n_runs * config.n_replicas
    flux = sum(config.flux_ratios) / 40.0 * config.flux_runs * config.n_replicas * 1.5
    langevin = len(config.langevin_ratios) * config.langevin_runs * config.langevin_replicas
    return 25.0 + 1.3e-4 * 2e-3 / config.dt * (paths + flux) + 3e-4 * langevin


EXPERIMENT = Experiment(
    name="rare_event_rates",
    presets={
        "quick": Config(),
        "paper": Config(dt=1e-3, n_runs=1600, coarse_runs=4800, flux_runs=800, langevin_runs=1200),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

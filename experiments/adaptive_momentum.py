"""Does a momentum that is read off the gradients find the best one, and does it survive noise?

Prediction. On a quadratic of curvatures from nu to L heavy ball with learning rate eta is fastest
with the momentum (1 - sqrt(eta nu))^2: the distance falls as n (1 - sqrt(eta nu))^n, so at eta =
1/L one minus the factor is kappa^(-1/2), kappa = L/nu. The adaptive heavy ball (ARSGD) sets

    momentum = min((1 - sqrt(eta |g - g_before|/|x - x_before|))^2, 1 - margin)

and finds it without knowing nu. Under gradient noise both norms become those of noise: with many
modes the momentum follows the closed recursion of `limits.adaptive_momentum`, and at the end it is
small at any strength of the noise (`limits.stationary_adaptive_momentum`).

Source: Sun, Ling, Shi, Li and Wang (2021) [SLSLW21] for the rule; Polyak (1964) [P64] for the
optimum; the recursion under noise derived here.

Method. 50 modes, curvatures evenly spaced in the logarithm, L = eta = 1, all coordinates 1 at the
start. Factors between two late times with the n removed; their distance from those of half the time
bounds what is left of the transient: these are the claims about speed. The theory sheet's factors
are rates of a finite number of steps that it does not give, with the n left in. One window in units
of sqrt(kappa) is fitted to the three of them, so they are two checks, and none of the limit; the
best constant momentum must differ in the same window. The law under noise is right up to terms of
order 1/dim, so it is held against the extrapolation from 50 and 200 modes. The law without the
correlation of displacement and noise is the control: it has to be refuted. Cost: a minute on two
cores, most of it compilation of kernels; a quarter of that afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.ensemble import CoordinateMean
from langevin_lab.evidence import AtLeast, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.momentum import AdaptiveHeavyBall, HeavyBall

SOURCE = "SLSLW21"
# Theory sheet, section 4: condition number -> rate of a finite number of steps, the n left in.
PLAIN = {100.0: 0.9059, 1000.0: 0.9702, 10000.0: 0.99057}
COLLAPSED = 0.057  # mean momentum at noise 1e-3, 50 modes, condition number 100
PLATEAU = {"adaptive": 0.0234, "gradient descent": 0.0228, "best heavy ball": 0.0542,
           "heavy ball, 0.9": 0.0758}  # fmt: skip
PLAIN_WINDOW = 35.0  # steps per sqrt(kappa), the second half of them; fitted to the sheet's three
PLAIN_TOLERANCE = 5e-3  # of 1 - factor


@dataclass(frozen=True)
class Config:
    """Condition numbers, noise levels and sizes of the simulations."""

    condition_numbers: tuple[float, ...] = (100.0, 300.0, 1000.0, 3000.0, 10000.0)
    dims: tuple[int, int] = (50, 200)
    steps_per_root: float = 300.0
    noise_levels: tuple[float, ...] = (1e-15, 1e-12, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
    n_steps: int = 300
    burn_in: int = 100
    plateau_noise: float = 1e-3
    plateau_steps: int = 3_000
    plateau_burn_in: int = 1_500
    n_replicas: int = 200
    seed: int = 20_211_009


def run(config: Config) -> xarray.Dataset:
    """Factors, momenta under noise, plateaus."""
    data = _speeds(config) | _paths(config) | _noise(config) | _plateaus(config)
    coordinates = {
        "condition_number": list(config.condition_numbers),
        "noise_level": list(config.noise_levels),
        "dim": list(config.dims),
        "optimiser": list(PLATEAU),
    }
    attributes = {
        name: getattr(config, name)
        for name in ("n_steps", "burn_in", "plateau_noise", "plateau_steps", "plateau_burn_in")
    }
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def curvatures(condition_number: float, dim: int) -> np.ndarray:
    """Evenly spaced in the logarithm, the largest 1."""
    return np.geomspace(1.0 / condition_number, 1.0, dim)


def _well(condition_number: float, dim: int) -> ll.Potential:
    return ll.potentials.harmonic(stiffness=curvatures(condition_number, dim).tolist())


def _methods(condition_number: float) -> dict[str, Any]:
    best = ll.limits.optimal_momentum(
        learning_rate=1.0, smallest_curvature=1.0 / condition_number, largest_curvature=1.0
    )
    return {
        "adaptive": AdaptiveHeavyBall(learning_rate=1.0),
        "gradient descent": HeavyBall(learning_rate=1.0, momentum=0.0),
        "best heavy ball": HeavyBall(learning_rate=1.0, momentum=best.momentum),
        "heavy ball, 0.9": HeavyBall(learning_rate=1.0, momentum=0.9),
    }


def _path(condition_number: float, dim: int, method: Any, n_steps: int) -> xarray.Dataset:
    """A run without noise, all states kept."""
    return ll.simulate(
        _well(condition_number, dim), method, n_steps=n_steps, seed=0, start=np.ones(dim),
        save_every=1, n_threads=1, progress=False,
    )  # fmt: skip


def _distance(path: xarray.Dataset) -> np.ndarray:
    """|x| after each step, shape (n_steps,)."""
    return np.linalg.norm(path["x"].values[:, 0], axis=-1)


def rate(distance: np.ndarray, first: int, last: int, *, power: int) -> float:
    """Factor of a step between two numbers of steps, n^power removed."""
    ends = distance[[first - 1, last - 1]] / np.array([first, last], dtype=float) ** power
    return float((ends[1] / ends[0]) ** (1.0 / (last - first)))


def _speeds(config: Config) -> dict:
    """Factors with and without their n, and the last momentum, for each condition number."""
    names = ("factor", "factor_bound", "plain")
    columns: dict[str, list[float]] = {
        prefix + name: [] for prefix in ("", "best_") for name in names
    }
    columns["momentum"] = []
    for condition_number in config.condition_numbers:
        root = np.sqrt(condition_number)
        last = int(config.steps_per_root * root)
        methods = _methods(condition_number)
        for name, prefix in (("adaptive", ""), ("best heavy ball", "best_")):
            path = _path(condition_number, config.dims[0], methods[name], last)
            distance = _distance(path)
            late = rate(distance, last // 2, last, power=1)
            early = rate(distance, last // 4, last // 2, power=1)
            # What is left of the transient falls as 1/n^2: a third of the difference, tripled.
            columns[f"{prefix}factor"].append(late)
            columns[f"{prefix}factor_bound"].append(abs(late - early))
            window = int(PLAIN_WINDOW * root)
            columns[f"{prefix}plain"].append(rate(distance, window // 2, window, power=0))
            if name == "adaptive":
                columns["momentum"].append(float(path["momentum"].values[-1, 0]))
    return {name: ("condition_number", np.array(column)) for name, column in columns.items()}


def _paths(config: Config) -> dict:
    """Distances from the minimum without noise, the four methods at the first condition number."""
    kappa = config.condition_numbers[0]
    paths = [
        _distance(_path(kappa, config.dims[0], method, config.n_steps))
        for method in _methods(kappa).values()
    ]
    return {"distance": (("optimiser", "step"), np.array(paths))}


def _noise(config: Config) -> dict:
    """Mean momentum between two times for each noise level and dimension, and its law."""
    kappa, adaptive = config.condition_numbers[0], AdaptiveHeavyBall(learning_rate=1.0)
    shape = (len(config.dims), len(config.noise_levels))
    mean, error, law = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for i, dim in enumerate(config.dims):
        for j, noise in enumerate(config.noise_levels):
            found = ll.simulate(
                _well(kappa, dim), adaptive, gradient_noise=noise, n_steps=config.n_steps,
                burn_in=config.burn_in, n_replicas=config.n_replicas, start=np.ones(dim),
                seed=config.seed + 100 * i + j, observe={"momentum_mean": "momentum"},
                progress=False,
            )  # fmt: skip
            mean[i, j], error[i, j] = found["momentum_mean"], found["momentum_mean_stderr"]
            predicted = ll.limits.adaptive_momentum(
                curvatures(kappa, dim), learning_rate=1.0, gradient_noise=noise,
                n_steps=config.n_steps,
            )  # fmt: skip
            law[i, j] = predicted.momenta[config.burn_in :].mean()
    names = ("dim", "noise_level")
    return {"mean": (names, mean), "mean_stderr": (names, error), "law": (names, law)}


def _plateaus(config: Config) -> dict:
    """Mean |x|^2 under noise once the start is forgotten; of the adaptive one its momentum too."""
    kappa, dim = config.condition_numbers[0], config.dims[0]
    squares, stationary = [], {}
    for stream, (name, method) in enumerate(_methods(kappa).items()):
        observe: dict[str, Any] = {"square": CoordinateMean("x**2")}
        for size in config.dims if name == "adaptive" else (dim,):
            found = ll.simulate(
                _well(kappa, size), method, gradient_noise=config.plateau_noise,
                n_steps=config.plateau_steps, burn_in=config.plateau_burn_in, start=np.ones(size),
                n_replicas=config.n_replicas, seed=config.seed + 1000 * (stream + 1) + size,
                observe=observe | ({"m": "momentum"} if name == "adaptive" else {}), progress=False,
            )  # fmt: skip
            if name == "adaptive":
                stationary[size] = (float(found["m"]), float(found["m_stderr"]))
            if size == dim:
                squares.append((dim * float(found["square"]), dim * float(found["square_stderr"])))
    ends = np.array([stationary[size] for size in config.dims])
    return {
        "square": ("optimiser", np.array(squares)[:, 0]),
        "square_stderr": ("optimiser", np.array(squares)[:, 1]),
        "square_law": ("optimiser", np.array(_plateau_laws(config))),
        "stationary": ("dim", ends[:, 0]),
        "stationary_stderr": ("dim", ends[:, 1]),
    }


def _plateau_laws(config: Config) -> list[float]:
    """Mean |x|^2 at the end: exact at a constant momentum, up to 1/dim of the adaptive one."""
    kappa, noise = config.condition_numbers[0], config.plateau_noise
    k, result = curvatures(kappa, config.dims[0]), []
    for name, method in _methods(kappa).items():
        if name == "adaptive":
            law = ll.limits.adaptive_momentum(
                k, learning_rate=1.0, gradient_noise=noise, n_steps=config.plateau_steps
            )
            result.append(float(law.square_distances[-1]))
        else:
            laws = [ll.limits.stationary_variances(method, curvature=float(c), gradient_noise=noise)
                    for c in k]  # fmt: skip
            result.append(sum(law.position for law in laws))
    return result


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Factors, their slope, momenta under noise, the collapse, plateaus, the control."""
    return [
        *_speed_claims(dataset),
        *_noise_claims(dataset),
        *_stationary_claims(dataset),
        *_plateau_claims(dataset),
    ]


def _speed_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for kappa in dataset["condition_number"].values.tolist():
        row = dataset.sel(condition_number=kappa)
        best = ll.limits.optimal_momentum(
            learning_rate=1.0, smallest_curvature=1.0 / kappa, largest_curvature=1.0
        )
        for prefix, name in (("", "adaptive"), ("best_", "best heavy ball")):
            result.append(Claim(
                f"1 - factor of {name}, kappa = {kappa:g}", "P64", 1.0 - best.factor,
                1.0 - float(row[f"{prefix}factor"]), bias_bound=float(row[f"{prefix}factor_bound"]),
                resolution=0.01,
            ))  # fmt: skip
        result.append(Claim(f"momentum found without noise, kappa = {kappa:g}", "P64",
                            best.momentum, float(row["momentum"]), tolerance=1e-6))  # fmt: skip
        if kappa in PLAIN:
            result += _finite_claims(row, kappa)
    return [*result, _slope_claim(dataset)]


def _finite_claims(row: xarray.Dataset, kappa: float) -> list[Claim]:
    """1 - the sheet's factor, and that the best constant momentum has another one there."""
    place = f"{PLAIN_WINDOW / 2:g} to {PLAIN_WINDOW:g} sqrt(kappa) steps, kappa = {kappa:g}"
    gap = 1.0 - PLAIN[kappa]
    return [
        Claim(f"1 - finite-window factor, {place}", "theory 4, window fitted", gap,
              1.0 - float(row["plain"]), tolerance=PLAIN_TOLERANCE),
        Claim(f"the same of the best constant momentum over it, {place}", "control",
              AtLeast(1.0 + 2.0 * PLAIN_TOLERANCE), (1.0 - float(row["best_plain"])) / gap,
              scale=1.0),
    ]  # fmt: skip


def _slope_claim(dataset: xarray.Dataset) -> Claim:
    """Least-squares slope of ln(1 - factor), the bounds of the factors added up."""
    log_kappa = np.log(dataset["condition_number"].values)
    gap = 1.0 - dataset["factor"].values
    weights = log_kappa - log_kappa.mean()
    weights /= (weights**2).sum()
    bound = np.abs(weights) @ (dataset["factor_bound"].values / gap)
    slope = float(weights @ np.log(gap))
    return Claim(
        "slope of ln(1 - factor) in ln kappa", "P64", -0.5, slope, bias_bound=float(bound),
        resolution=0.01,
    )  # fmt: skip


def _extrapolated(dataset: xarray.Dataset, name: str) -> Estimate:
    """Value at infinite dimension from two, the remainder falling as 1/dim."""
    few, many = dataset["dim"].values
    a, b = (
        Estimate(float(dataset[name].sel(dim=d)), float(dataset[f"{name}_stderr"].sel(dim=d)))
        for d in (few, many)
    )
    return b * (many / (many - few)) - a * (few / (many - few))


def _noise_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for noise in dataset["noise_level"].values.tolist():
        row = dataset.sel(noise_level=noise)
        gap = row.assign(gap=row["mean"] - row["law"], gap_stderr=row["mean_stderr"])
        limit = float(row["law"].isel(dim=-1))
        measured = _extrapolated(gap, "gap") + limit
        result.append(Claim(f"mean momentum at noise {noise:g}", "derived", limit, measured,
                            bias_bound=1e-6))  # fmt: skip
    return result


def _stationary_claims(dataset: xarray.Dataset) -> list[Claim]:
    """The collapse: at noise alone, and far below the best momentum."""
    kappa = float(dataset["condition_number"][0])
    law = [
        ll.limits.stationary_adaptive_momentum(curvatures(kappa, int(d)), learning_rate=1.0)
        for d in dataset["dim"].values
    ]
    gap = dataset["stationary"] - xarray.DataArray(law, dims="dim")
    rows = dataset.assign(gap=gap, gap_stderr=dataset["stationary_stderr"])
    measured = _extrapolated(rows, "gap") + law[-1]
    at_50 = Estimate(float(dataset["stationary"][0]), float(dataset["stationary_stderr"][0]))
    wrong = Claim("control: displacement and noise uncorrelated", "derived",
                  _uncorrelated(curvatures(kappa, int(dataset["dim"][-1]))), measured)  # fmt: skip
    return [
        Claim("momentum under noise alone", "derived", law[-1], measured, resolution=0.03),
        Claim("its collapse at 50 modes", "theory 4", COLLAPSED, at_50, tolerance=0.01),
        Claim("momentum that noise takes away", "derived", AtLeast(0.7), at_50 * -1.0 + 0.81,
              scale=0.81),
        wrong.refutation(),
    ]  # fmt: skip


def _uncorrelated(k: np.ndarray) -> float:
    """Wrong on purpose: the stationary momentum without the term 2 s^2 eta k."""
    m = 0.0
    for _ in range(200):
        moved = 2.0 / ((1.0 - m) * (2.0 * (1.0 + m) - k))
        m = (1.0 - ((k * k * moved + 2.0).sum() / moved.sum()) ** 0.25) ** 2
    return float(m)


def _plateau_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for name in PLATEAU:
        row = dataset.sel(optimiser=name)
        measured = Estimate(float(row["square"]), float(row["square_stderr"]))
        adaptive = name == "adaptive"
        result.append(Claim(
            f"plateau <|x|^2>, {name}", "derived" if adaptive else "theory (0.2)",
            float(row["square_law"]), measured,
            tolerance=1.0 / float(dataset["dim"][0]) if adaptive else 0.0,
        ))  # fmt: skip
        # The theory sheet gives one run's mean distance.
        distance = Estimate(measured.value**0.5, 0.5 * measured.stderr / measured.value**0.5)
        result.append(Claim(f"plateau |x|, {name}", "theory 4", PLATEAU[name], distance,
                            tolerance=0.06, resolution=0.1))  # fmt: skip
    best = dataset.sel(optimiser="best heavy ball")
    wrong = Claim("control: plateau at noise x 1.03", "theory (0.2)",
                  1.03**2 * float(best["square_law"]),
                  Estimate(float(best["square"]), float(best["square_stderr"])))  # fmt: skip
    return [*result, wrong.refutation()]


def cost(config: Config) -> float:
    """Seconds on two cores: 5 kernels, 3 ns a coordinate of noise."""
    sizes = sum(config.dims) * len(config.noise_levels) * config.n_steps
    sizes += (3 * config.dims[0] + sum(config.dims)) * config.plateau_steps
    return 45.0 + 5e-9 * sizes * config.n_replicas


EXPERIMENT = Experiment(
    name="adaptive_momentum",
    presets={"quick": Config(), "paper": Config(n_replicas=2_000, dims=(50, 400))},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

"""When is stochastic gradient descent with momentum its diffusion approximation?

Prediction. With curvature k, gradient noise sigma, learning rate eta and momentum mu the diffusion
is that of plain descent with the learning rate eta/(1 - mu). In a well it has Var x =
eta sigma^2/(2 (1 - mu) k); exactly,

    Var x = eta sigma^2 (1 + mu)/(k (1 - mu)(2 (1 + mu) - eta k)),

within eta k/(2 (1 + mu)), so the gain over mu = 0 is 1/(1 - mu) for small steps. From rest on a
saddle -k x^2/2 it leaves |x| < delta after

    N = ((1 - mu)/(eta k)) [ln(2 (1 - mu) k delta^2/(eta sigma^2)) + g_E + ln 2]/2

steps on average. The recursion itself grows by r, r^2 - (1 + mu + eta k) r + mu = 0, and leaves
after N = [ln(delta/S) + (g_E + ln 2)/2]/ln r, S = eta sigma r^2/((r^2 - mu) sqrt(r^2 - 1)). Both
agree for eta k << (1 - mu)^2. **The diffusion's N is refuted at eta = 0.01, mu = 0.9**, where
eta k/(1 - mu)^2 = 1: it promises half of the steps that are needed. "Escape is 1 - mu times faster"
is refuted there too. Shrinking the learning rate by 1 - mu, or the momentum to 0, brings the
variance of descent without momentum back.

Source: Liu, Chen, Zhou and Zhao (2021), arXiv 1802.05155, for the diffusion; the recursion's
formulas follow from its two roots.

Method. Variances: the law read off the step; then sampled. Exits: simulated, and the exact law of
the recursion by quadrature, which judges simulation and formulas separately. Annealing: the
recursion of the covariance step by step in numpy, and sampled. All relative errors of formulas that
nothing is sampled in are exact claims.

A learning rate 3 % too high is the control: it has to be refuted by the theory of the right one.

Cost on two cores: about 30 s (quick), 2 min (paper).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import Constant, Piecewise
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.limits.escape_steps import (
    diffusion_exit_steps,
    exit_steps_with_probability,
    heavy_ball_exit_steps,
)
from langevin_lab.limits.exit_law import exact_exit_law
from langevin_lab.limits.regime import OutsideRegimeWarning

RESOLUTION = 0.02  # relative error that a claim on a sampled number has to be able to refute
SADDLE = {"curvature": 1.0, "gradient_noise": 1.0, "distance": 1.0}
SOURCE = "LCZZ21"
RECURSION = "recursion"


@dataclass(frozen=True)
class Config:
    """Learning rates and momenta, sizes of the ensembles."""

    well_momenta: tuple[float, ...] = (0.0, 0.5, 0.9, 0.99)
    well_rate: float = 0.1
    small_rate: float = 1e-6
    well_steps: int = 4_000
    well_replicas: int = 80_000
    exit_rates: tuple[float, ...] = (0.01, 0.001)
    exit_momenta: tuple[float, ...] = (0.0, 0.5, 0.9)
    exit_replicas: int = 60_000
    missing: float = 0.5
    control_factor: float = 1.03
    annealed_rate: float = 0.01
    annealed_momentum: float = 0.9
    ramp_steps: int = 1_000
    held_steps: int = 1_000
    annealed_replicas: int = 80_000
    seed: int = 20_210_083


def run(config: Config) -> xarray.Dataset:
    """Stationary variances, exits from a saddle, annealing."""
    data = _wells(config) | _exits(config) | _control(config) | _annealing(config)
    curve = np.linspace(0.0, 0.95, 39)
    data |= _curves(config, curve)
    coordinates = {
        "momentum": list(config.well_momenta),
        "learning_rate": list(config.exit_rates),
        "exit_momentum": list(config.exit_momenta),
        "curve_momentum": curve,
        "schedule": list(_schedules(config)),
        "step": np.arange(1, _annealed_steps(config) + 1),
    }
    names = ("well_rate", "missing", "control_factor", "annealed_rate", "annealed_momentum")
    names += ("ramp_steps", "held_steps", "annealed_replicas")
    attributes = {name: getattr(config, name) for name in names}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _law(rate: float, momentum: float) -> float:
    """Stationary variance read off the step of the method."""
    method = ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum)
    law = ll.exact.stationary_covariance(method, stiffness=1.0, gradient_noise=1.0)
    return float(law[0, 0])


def _wells(config: Config) -> dict:
    """Variances in a well: by the law of the step, by the formulas, and sampled."""
    rows = []
    for stream, momentum in enumerate(config.well_momenta):
        method = ll.momentum.HeavyBall(learning_rate=config.well_rate, momentum=momentum)
        n_steps = config.well_steps
        result = ll.simulate(
            ll.potentials.harmonic(), method, n_steps=n_steps, n_replicas=config.well_replicas,
            seed=config.seed + stream, burn_in=n_steps // 2, record_every=5,
            gradient_noise=1.0, observe={"x2": "x**2"}, start=0.0,
        )  # fmt: skip
        formula = ll.limits.stationary_variances(method, curvature=1.0, gradient_noise=1.0)
        with warnings.catch_warnings():  # its law in a well is right where its clock is not
            warnings.simplefilter("ignore", OutsideRegimeWarning)
            limit = ll.limits.diffusion(method, ll.potentials.harmonic(), gradient_noise=1.0)
        row = {
            "law": _law(config.well_rate, momentum),
            "formula": formula.position,
            "diffusion": limit.dynamics.temperature,
            "small": _law(config.small_rate, momentum),
            "sampled": float(result["x2"]),
            "stderr": float(result["x2_stderr"]),
        }
        rows.append(row)
    return {f"well_{name}": ("momentum", np.array([row[name] for row in rows])) for name in rows[0]}


def _exits(config: Config) -> dict:
    """Exits from the saddle for every learning rate and momentum."""
    table = [
        [
            _exit(config, rate, momentum, 100 + 10 * i + j)
            for j, momentum in enumerate(config.exit_momenta)
        ]
        for i, rate in enumerate(config.exit_rates)
    ]
    return {
        f"exit_{name}": (
            ("learning_rate", "exit_momentum"),
            np.array([[case[name] for case in row] for row in table]),
        )
        for name in table[0][0]
    }


def _curves(config: Config, momenta: np.ndarray) -> dict:
    """Both formulas for N between the simulated momenta."""
    with warnings.catch_warnings():  # asked on purpose where they do not hold
        warnings.simplefilter("ignore", OutsideRegimeWarning)
        return {
            f"curve_{name}": (
                ("learning_rate", "curve_momentum"),
                np.array([
                    [formula(learning_rate=rate, momentum=mu, **SADDLE).mean for mu in momenta]
                    for rate in config.exit_rates
                ]),
            )
            for name, formula in (
                ("recursion", heavy_ball_exit_steps), ("diffusion", diffusion_exit_steps)
            )
        }  # fmt: skip


def _passage(config: Config, rate: float, momentum: float, stream: int):
    saddle = ll.Potential.from_expression("-k*x**2/2", "x", {"k": 1.0}, name="linear_saddle")
    return ll.escape.first_passage(
        saddle, ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum), start=0.0,
        target="abs(x) >= 1", n_replicas=config.exit_replicas, seed=config.seed + stream,
        gradient_noise=1.0,
    )  # fmt: skip


def _exit(config: Config, rate: float, momentum: float, stream: int) -> dict:
    """Simulated, exact and predicted number of steps of one case."""
    passage = _passage(config, rate, momentum, stream)
    constants = {"learning_rate": rate, "momentum": momentum} | SADDLE
    with warnings.catch_warnings():  # asked on purpose where it does not hold
        warnings.simplefilter("ignore", OutsideRegimeWarning)
        diffusion = diffusion_exit_steps(**constants)
        within = exit_steps_with_probability(**constants, missing=config.missing)
    recursion, exact = heavy_ball_exit_steps(**constants), exact_exit_law(**constants)
    ends = momentum in (config.exit_momenta[0], config.exit_momenta[-1])
    left = float((passage.times <= within).mean())
    spread = passage.standard_deviation
    return {
        "mean": passage.mean.value,
        "stderr": passage.mean.stderr,
        "spread": spread.value,
        "spread_stderr": spread.stderr,
        "exact": exact.mean,
        "exact_spread": exact.standard_deviation if rate == max(config.exit_rates) else np.nan,
        "recursion": recursion.mean,
        "recursion_spread": recursion.standard_deviation,
        "diffusion": diffusion.mean,
        "small": diffusion.small_parameters[0].value,
        "within": within,
        "left": left,
        "left_stderr": np.sqrt(left * (1 - left) / passage.times.size),
        "exact_left": float(exact.probability(within)) if ends else np.nan,
    }


def _control(config: Config) -> dict:
    """The fastest case with a learning rate that is too high."""
    rate, momentum = max(config.exit_rates), min(config.exit_momenta)
    passage = _passage(config, config.control_factor * rate, momentum, 200)
    exact = exact_exit_law(learning_rate=rate, momentum=momentum, **SADDLE)
    return {
        "control_mean": ((), passage.mean.value),
        "control_stderr": ((), passage.mean.stderr),
        "control_exact": ((), exact.mean),
    }


def _annealed_steps(config: Config) -> int:
    """Constant for ramp_steps, down within ramp_steps, held."""
    return 2 * config.ramp_steps + config.held_steps


def _schedules(config: Config) -> dict:
    """Learning rate and momentum against the step, by name."""
    rate, momentum, ramp = config.annealed_rate, config.annealed_momentum, config.ramp_steps
    times = (0.0, ramp, 2.0 * ramp)
    shrunk = Piecewise(times=times, values=(rate, rate, rate * (1.0 - momentum)))
    released = Piecewise(times=times, values=(momentum, momentum, 0.0))
    return {
        "constant": (Constant(value=rate), Constant(value=momentum)),
        "learning rate": (shrunk, Constant(value=momentum)),
        "momentum": (Constant(value=rate), released),
    }


def covariance_path(learning_rate, momentum, n_steps: int, variance: float = 0.0) -> np.ndarray:
    """Var x after every step of heavy ball at k = sigma = 1, from p = 0 and Var x = variance.

    p' = mu p - eta (x + xi), x' = x + p' in the second moments, one step after the other.
    """
    n = np.arange(n_steps)
    rates, momenta = learning_rate(n), momentum(n)
    xx, xp, pp = variance, 0.0, 0.0
    path = np.empty(n_steps)
    for index, (eta, mu) in enumerate(zip(rates, momenta)):
        new_pp = mu**2 * pp - 2 * mu * eta * xp + eta**2 * (xx + 1.0)
        new_xp = mu * xp - eta * xx + new_pp
        xx += 2 * (mu * xp - eta * xx) + new_pp
        xp, pp = new_xp, new_pp
        path[index] = xx
    return path


def _annealing(config: Config) -> dict:
    """Variance after every step by the recursion of the covariance, and sampled at the end."""
    n_steps, held = _annealed_steps(config), config.held_steps
    start = np.sqrt(_law(config.annealed_rate, config.annealed_momentum))
    normals = np.random.default_rng(config.seed).normal(size=(config.annealed_replicas, 1))
    paths, ends = [], []
    for stream, (rate, momentum) in enumerate(_schedules(config).values()):
        method = ll.momentum.HeavyBall(learning_rate=rate, momentum=momentum)
        result = ll.simulate(
            ll.potentials.harmonic(), method, n_steps=n_steps, seed=config.seed + 300 + stream,
            n_replicas=config.annealed_replicas, gradient_noise=1.0, start=start * normals,
            burn_in=n_steps - held // 2, observe={"x2": "x**2"}, save_every=config.ramp_steps // 4,
        )  # fmt: skip
        path = covariance_path(rate, momentum, n_steps, variance=start**2)
        paths.append(path)
        saved = np.mean(result["x"].values[:, :, 0] ** 2, axis=1)
        x2 = Estimate.from_dataset(result, "x2")
        ends.append((x2.value, x2.stderr, path[-(held // 2) :].mean(), saved))
    sampled, stderr, recursion, saved = (np.array(column) for column in zip(*ends))
    return {
        "annealed_path": (("schedule", "step"), np.array(paths)),
        "annealed_sampled": ("schedule", sampled),
        "annealed_stderr": ("schedule", stderr),
        "annealed_recursion": ("schedule", recursion),
        "annealed_saved": (("schedule", "saved_step"), saved),
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Variances, exits, where the diffusion fails, the control, annealing."""
    return [
        *_well_claims(dataset), *_exit_claims(dataset), *_formula_claims(dataset),
        *_refuted_claims(dataset), *_probability_claims(dataset), *_control_claims(dataset),
        *_annealing_claims(dataset),
    ]  # fmt: skip


def _estimate(row: xarray.Dataset, name: str, stderr: str) -> Estimate:
    return Estimate(float(row[name]), float(row[stderr]))


def _well_claims(dataset: xarray.Dataset) -> list[Claim]:
    """The law of the step is the formula; so is what is sampled; the gain is 1/(1 - mu)."""
    result, rate = [], dataset.attrs["well_rate"]
    for mu in dataset["momentum"].values:
        row = dataset.sel(momentum=mu)
        law, formula = float(row["well_law"]), float(row["well_formula"])
        result.append(Claim(f"Var x, η = {rate:g}, μ = {mu:g}: law", RECURSION, formula, law))
    for mu in dataset["momentum"].values:
        row = dataset.sel(momentum=mu)
        sampled = _estimate(row, "well_sampled", "well_stderr")
        result.append(
            Claim(
                f"Var x, η = {rate:g}, μ = {mu:g}: sampled", RECURSION, float(row["well_formula"]),
                sampled, resolution=0.01,
            )
        )  # fmt: skip
    slope = np.polyfit(-np.log1p(-dataset["momentum"].values), np.log(dataset["well_small"]), 1)[0]
    statement = "slope of ln Var in ln 1/(1 - μ), η → 0"
    return [*result, Claim(statement, SOURCE, 1.0, float(slope), tolerance=1e-5)]


def _cases(dataset: xarray.Dataset):
    """Every case with its name."""
    for rate in dataset["learning_rate"].values:
        for mu in dataset["exit_momentum"].values:
            name = f"η = {rate:g}, μ = {mu:g}"
            yield name, dataset.sel(learning_rate=rate, exit_momentum=mu)


def _exit_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Simulated steps against the exact law, and against the formula of the recursion."""
    result = []
    for name, row in _cases(dataset):
        mean, exact = _estimate(row, "exit_mean", "exit_stderr"), float(row["exit_exact"])
        result += [
            Claim(f"N, {name}: mean", "exact law", exact, mean, resolution=RESOLUTION),
            Claim(
                f"N, {name}: to 3 %", RECURSION, float(row["exit_recursion"]), mean,
                tolerance=0.03, resolution=0.03 + RESOLUTION,
            ),
        ]  # fmt: skip
    for mu in dataset["exit_momentum"].values[[0, -1]]:
        rate = float(dataset["learning_rate"].max())
        row = dataset.sel(learning_rate=rate, exit_momentum=mu)
        spread = _estimate(row, "exit_spread", "exit_spread_stderr")
        exact = float(row["exit_exact_spread"])
        statement = f"N, η = {rate:g}, μ = {mu:g}: standard dev."
        result.append(Claim(statement, "exact law", exact, spread))
    return result


def _formula_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Nothing is sampled: both formulas for N against the exact law."""
    recursion = abs(dataset["exit_recursion"] / dataset["exit_exact"] - 1.0)
    small = dataset["exit_small"]
    diffusion = abs(dataset["exit_diffusion"] / dataset["exit_exact"] - 1.0) / small
    held = diffusion.where(small < 0.101)
    return [
        Claim("largest |recursion/exact - 1|", RECURSION, AtMost(0.03), float(recursion.max())),
        Claim("|diffusion/exact - 1| (1 - μ)²/(ηk)", SOURCE, AtMost(1.2), float(held.max())),
    ]


def _refuted_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Largest learning rate and momentum: what the diffusion says of the exit is wrong."""
    rate, mu = float(dataset["learning_rate"].max()), float(dataset["exit_momentum"].max())
    row = dataset.sel(learning_rate=rate, exit_momentum=mu)
    plain = dataset.sel(learning_rate=rate, exit_momentum=0.0)
    name = f"η = {rate:g}, μ = {mu:g}"
    mean = _estimate(row, "exit_mean", "exit_stderr")
    gain = mean / _estimate(plain, "exit_mean", "exit_stderr")
    promised = float(row["exit_diffusion"] / plain["exit_diffusion"])
    formula = float(row["exit_recursion"] / plain["exit_recursion"])
    wrong = mean / float(row["exit_diffusion"])
    refuted = "must be refuted"
    return [
        Claim(f"N/N_SDE, {name}: SDE off", refuted, AtLeast(1.25), wrong),
        Claim(f"N(μ)/N(0), {name}", RECURSION, formula, gain, tolerance=0.03,
              resolution=0.03 + RESOLUTION),
        Claim("its ratio to the diffusion's", refuted, AtLeast(1.25), gain / promised),
        Claim("its ratio to 1 - μ", refuted, AtLeast(1.2), gain / (1.0 - mu)),
    ]  # fmt: skip


def _probability_claims(dataset: xarray.Dataset) -> list[Claim]:
    """P(exit by N_1): exact; as promised without momentum, not at the largest."""
    rate, promised = float(dataset["learning_rate"].min()), 1.0 - dataset.attrs["missing"]
    result = []
    for mu in dataset["exit_momentum"].values[[0, -1]]:
        row = dataset.sel(learning_rate=rate, exit_momentum=mu)
        left, exact = _estimate(row, "exit_left", "exit_left_stderr"), float(row["exit_exact_left"])
        name = f"P(exit by N₁), η = {rate:g}, μ = {mu:g}"
        result.append(Claim(name, "exact law", exact, left))
        if mu == 0:
            result.append(Claim("promised, μ = 0", SOURCE, promised, exact, tolerance=0.01))
    statement = f"promise broken, μ = {mu:g}"
    return [*result, Claim(statement, "must be refuted", AtMost(0.9 * promised), left)]


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Held against the theory of the right learning rate, the wrong one has to be refuted."""
    measured = _estimate(dataset, "control_mean", "control_stderr")
    statement = f"control: η × {dataset.attrs['control_factor']:g}"
    wrong = Claim(statement, "exact law", float(dataset["control_exact"]), measured)
    return [wrong.refutation()]


def _annealing_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Both repairs end at eta sigma^2/(2 k); without them the variance is 1/(1 - mu) times that."""
    target = dataset.attrs["annealed_rate"] / 2.0
    gain = 1.0 / (1.0 - dataset.attrs["annealed_momentum"])
    result = []
    for name in dataset["schedule"].values:
        row = dataset.sel(schedule=name)
        label = "no annealing" if name == "constant" else f"{name} annealed"
        end = float(row["annealed_path"][-1])
        wanted = target * gain if name == "constant" else target
        sampled = _estimate(row, "annealed_sampled", "annealed_stderr")
        result += [
            Claim(f"{label}: Var at the end", SOURCE, wanted, end, tolerance=0.01),
            Claim(
                f"{label}: sampled", "second moments",
                float(row["annealed_recursion"]), sampled, resolution=RESOLUTION,
            ),
        ]  # fmt: skip
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: 1 ns a replica and step, 4 ns until an exit, kernels, exact laws."""
    n_well = config.well_replicas * config.well_steps * len(config.well_momenta)
    n_annealed = 3 * config.annealed_replicas * _annealed_steps(config)
    steps = laws = 0.0
    for rate in config.exit_rates:
        for momentum in config.exit_momenta:
            constants = {"learning_rate": rate, "momentum": momentum} | SADDLE
            mean = heavy_ball_exit_steps(**constants).mean
            steps += mean
            # Pairs of nodes times entries times iterations.
            laws += 8e-9 * mean / rate * (1 if momentum == 0 else 30 / (1 - momentum) ** 0.5)
    return 18.0 + 1e-9 * (n_well + n_annealed) + 4e-9 * config.exit_replicas * steps + laws


EXPERIMENT = Experiment(
    name="msgd_diffusion",
    presets={
        "quick": Config(),
        "paper": Config(
            exit_rates=(0.01, 0.003, 0.001),
            exit_momenta=(0.0, 0.5, 0.8, 0.9),
            exit_replicas=1_000_000,
            well_replicas=400_000,
            annealed_replicas=100_000,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

"""How does momentum change the path of streaming PCA from a saddle to the optimum?

Prediction. Oja's rule with momentum mu and learning rate eta, on Gaussian data of variances
lam_1 > lam_2 > ..., is in its diffusion approximation Oja's rule with eta/(1 - mu). From the saddle
e_2 it passes three phases: out of the saddle until v_1^2 = delta^2, across until v_1^2 =
1 - delta^2, and down to an error eps. With k = lam_1 - lam_2, sigma^2 = lam_1 lam_2:

- exit: that of heavy ball from a linear saddle of curvature k and noise sigma, at the distance
  delta/sqrt(1 - delta^2), because v_1/v_2 is what grows exponentially. N_1 bounds it.
- across: N_2 = ((1 - mu)/(eta k)) ln((1 - delta^2)/delta^2). **The form often quoted has half of
  it**, which is the time to v_1^2 = 1/2; that form is refuted here.
- down: ((1 - mu)/(2 eta k)) ln((delta^2 - E)/(eps - E)), E the squared error at the optimum. A
  bound is N_3 = ((1 - mu)/(2 eta k)) ln((1 - mu) k delta^2/((1 - mu) k eps - 4 eta phi)), with
  phi = lam_1 (lam_2 + lam_3 + ...); it needs eta < (1 - mu) k eps/(4 phi).

With eta in proportion to 1 - mu all three, so the whole budget, are those without momentum. At the
optimum Var v_i = eta lam_1 lam_i/(2 (1 - mu)(lam_1 - lam_i)) to leading order in eta/(1 - mu); the
next order, from the moments of the diffusion, is 4.5 % for v_2 at eta = 5e-4, mu = 0.9.

Source: Liu, Chen, Zhou and Zhao (2021), arXiv 1802.05155, for the diffusion and the phases.

Method. Simulation of the rule itself. One seed for all targets of a run, so that the phases of each
path are differences of its passage times. The exit is held against the exact law of the linear
recursion; what that leaves out stands as the tolerance of the claim: 1 % (2 % at mu = 0.9), an
eighth of three standard errors of a mean of 400 runs.

A learning rate 3 % too high is the control: it has to be refuted by the theory of the right one.

Cost on two cores: about 40 s (quick), 10 min (paper).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.limits.escape_phases import convergence_steps, crossing_steps
from langevin_lab.limits.escape_steps import (
    diffusion_exit_steps,
    exit_steps_with_probability,
    heavy_ball_exit_steps,
)
from langevin_lab.limits.exit_law import exact_exit_law
from langevin_lab.limits.regime import OutsideRegimeWarning

SOURCE = "LCZZ21"
TOLERANCE = 0.01  # what the linear saddle leaves out at small eta/(1 - mu)


@dataclass(frozen=True)
class Config:
    """Data, learning rate and momenta, targets, sizes of the ensembles."""

    variances: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)
    learning_rate: float = 5e-4
    momenta: tuple[float, ...] = (0.0, 0.5, 0.9)
    share: float = 0.1  # delta^2
    error: float = 0.06  # eps
    missing: float = 0.5
    exit_replicas: int = 60_000
    phase_replicas: int = 16_000
    stationary_replicas: int = 24_000
    relaxations: float = 4.0
    control_factor: float = 1.03
    seed: int = 20_210_807


def run(config: Config) -> xarray.Dataset:
    """Exits at one learning rate, phases at one eta/(1 - mu), variances at the optimum."""
    data = _exits(config) | _phases(config) | _stationary(config) | _control(config)
    coordinates = {
        "momentum": list(config.momenta),
        "coordinate": [f"v{i + 1}" for i in range(1, len(config.variances))],
        "phase": ["exit", "across", "down"],
    }
    names = ("learning_rate", "share", "error", "missing", "control_factor")
    attributes = {name: getattr(config, name) for name in names}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _rule(config: Config, rate: float, momentum: float):
    return ll.momentum.StreamingPCA(
        learning_rate=rate, momentum=momentum, variances=config.variances
    )


def _passage(config: Config, rate: float, momentum: float, target: str, n: int, stream: int):
    rule = _rule(config, rate, momentum)
    start = np.eye(len(config.variances))[1]
    return ll.escape.first_passage(
        rule.potential, rule, start=start, target=target, n_replicas=n, seed=config.seed + stream
    )


def _first_share(config: Config) -> str:
    return f"v1**2 >= {config.share!r}"


def _saddle(config: Config, rate: float, momentum: float) -> dict[str, float]:
    """Constants of the linear saddle e_2, left along e_1."""
    first, second = config.variances[:2]
    # v_1/v_2 grows exponentially, and is this at v_1^2 = share.
    distance = float(np.sqrt(config.share / (1.0 - config.share)))
    noise = float(np.sqrt(first * second))
    return {
        "learning_rate": rate, "momentum": momentum, "curvature": first - second,
        "gradient_noise": noise, "distance": distance,
    }  # fmt: skip


def _exits(config: Config) -> dict:
    """Steps out of the saddle at one learning rate, with all that is said about them."""
    rows = []
    for stream, momentum in enumerate(config.momenta):
        rate = config.learning_rate
        passage = _passage(
            config, rate, momentum, _first_share(config), config.exit_replicas, stream
        )
        constants = _saddle(config, rate, momentum)
        plain = constants | {"distance": float(np.sqrt(config.share))}
        with warnings.catch_warnings():  # asked on purpose where it does not hold
            warnings.simplefilter("ignore", OutsideRegimeWarning)
            diffusion = diffusion_exit_steps(**plain).mean
            recursion = heavy_ball_exit_steps(**constants).mean
            within = exit_steps_with_probability(**constants, missing=config.missing)
        law = exact_exit_law(**constants)
        left = float((passage.times <= within).mean())
        rows.append({
            "mean": passage.mean.value, "stderr": passage.mean.stderr,
            "spread": passage.standard_deviation.value,
            "diffusion": diffusion, "recursion": recursion,
            "exact": law.mean, "exact_spread": law.standard_deviation, "within": within,
            "left": left, "left_stderr": np.sqrt(left * (1 - left) / passage.times.size),
        })  # fmt: skip
    return {f"exit_{name}": ("momentum", np.array([row[name] for row in rows])) for name in rows[0]}


def _phases(config: Config) -> dict:
    """Steps of the three phases with the learning rate in proportion to 1 - mu."""
    others = [f"v{i + 1}**2" for i in range(1, len(config.variances))]
    error = " + ".join(others)
    targets = (
        _first_share(config), f"{error} <= {config.share!r}", f"{error} <= {config.error!r}"
    )  # fmt: skip
    means, errors, predicted, bounds, bounded = [], [], [], [], []
    for stream, momentum in enumerate(config.momenta):
        rate = config.learning_rate * (1.0 - momentum)
        times = [
            _passage(config, rate, momentum, target, config.phase_replicas, 100 + stream).times
            for target in targets
        ]
        phases = np.diff(times, axis=0, prepend=0.0)
        means.append(phases.mean(axis=1))
        errors.append(phases.std(axis=1, ddof=1) / np.sqrt(phases.shape[1]))
        constants = _saddle(config, rate, momentum)
        common = {"learning_rate": rate, "momentum": momentum, "distance": config.share**0.5}
        gap, power = constants["curvature"], config.variances[0] * sum(config.variances[1:])
        across = crossing_steps(curvature=gap, **common)
        # The squared error relaxes to the sum of the variances at the optimum.
        effective = rate / (1.0 - momentum)
        floor = next_order_variances(config.variances, effective)[0].sum()
        down = np.log((config.share - floor) / (config.error - floor)) / (2.0 * effective * gap)
        predicted.append((heavy_ball_exit_steps(**constants).mean, across, down))
        bounds.append(convergence_steps(gap=gap, error=config.error, noise_power=power, **common))
        bounded.append((phases[2] <= bounds[-1]).mean())
    names = ("momentum", "phase")
    share = np.array(bounded)
    # Never without scatter: one path counts as the least that could have missed.
    spread = np.sqrt(np.maximum(share * (1.0 - share), 1.0 / config.phase_replicas))
    return {
        "phase_mean": (names, np.array(means)),
        "phase_stderr": (names, np.array(errors)),
        "phase_predicted": (names, np.array(predicted)),
        "phase_bound": ("momentum", np.array(bounds)),
        "phase_bounded": ("momentum", share),
        "phase_bounded_stderr": ("momentum", spread / np.sqrt(config.phase_replicas)),
    }


def next_order_variances(variances, effective: float) -> tuple[np.ndarray, np.ndarray]:
    """Var v_2, v_3, ... of the diffusion with eta/(1 - mu) = effective, in two orders.

    From 0 = d<v_i^2>/dt with v_1^2 = 1 + n - v_2^2 - ..., where n = effective (lam_2 + ...)/2 is
    the excess of |v|^2: drift v_i (-k_i - lam_1 n + sum_j k_j v_j^2), k_i = lam_1 - lam_i; noise
    power <(X.v)^2 (X_i - (X.v) v_i)^2> to second order in v; fourth moments as of a Gaussian.
    """
    first, lam = variances[0], np.array(variances[1:])
    k = first - lam
    leading = effective * first * lam / (2 * k)
    excess = effective * lam.sum() / 2
    total = k @ leading
    drift = leading * (total + 2 * k * leading - first * excess)
    noise = first * lam * (1 + excess) - lam * total
    noise += (first * (first - 2 * lam) + 2 * k**2) * leading
    return leading, (drift + effective * noise / 2) / k


def _stationary(config: Config) -> dict:
    """Variances at the optimum, from a start with the leading ones."""
    count = len(config.variances)
    sampled, errors, leading, following = [], [], [], []
    for stream, momentum in enumerate(config.momenta):
        effective = config.learning_rate / (1.0 - momentum)
        first, second = next_order_variances(config.variances, effective)
        rng = np.random.default_rng([config.seed, stream])
        start = np.ones((config.stationary_replicas, count))
        start[:, 1:] = np.sqrt(first) * rng.normal(size=(len(start), count - 1))
        start[:, 0] = np.sqrt(np.maximum(1.0 - (start[:, 1:] ** 2).sum(axis=1), 0.0))
        relaxation = 1.0 / (effective * (config.variances[0] - config.variances[1]))
        burn_in = int(1.5 * relaxation)
        rule = _rule(config, config.learning_rate, momentum)
        result = ll.simulate(
            rule.potential, rule, n_replicas=len(start), seed=config.seed + 200 + stream,
            start=start, n_steps=burn_in + int(config.relaxations * relaxation), burn_in=burn_in,
            record_every=10, observe={f"s{i}": f"v{i}**2" for i in range(2, count + 1)},
        )  # fmt: skip
        found = [Estimate.from_dataset(result, f"s{i}") for i in range(2, count + 1)]
        sampled.append([estimate.value for estimate in found])
        errors.append([estimate.stderr for estimate in found])
        leading.append(first)
        following.append(second)
    names = ("momentum", "coordinate")
    return {
        "variance": (names, np.array(sampled)),
        "variance_stderr": (names, np.array(errors)),
        "variance_leading": (names, np.array(leading)),
        "variance_next": (names, np.array(following)),
    }


def _control(config: Config) -> dict:
    """The exit without momentum, with a learning rate that is too high."""
    rate, momentum = config.control_factor * config.learning_rate, config.momenta[0]
    n = config.exit_replicas
    mean = _passage(config, rate, momentum, _first_share(config), n, 300).mean
    return {"control_mean": ((), mean.value), "control_stderr": ((), mean.stderr)}


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Exits, the three phases, the budget, the variances at the optimum, the control."""
    return [
        *_exit_claims(dataset), *_phase_claims(dataset), *_budget_claims(dataset),
        *_variance_claims(dataset), _control_claim(dataset),
    ]  # fmt: skip


def _estimate(row: xarray.Dataset, name: str, stderr: str) -> Estimate:
    return Estimate(float(row[name]), float(row[stderr]))


def _tolerance(mu: float) -> float:
    return TOLERANCE if mu < 0.8 else 2 * TOLERANCE


def _exit_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    promised = 1.0 - dataset.attrs["missing"]
    for mu in dataset["momentum"].values:
        row = dataset.sel(momentum=mu)
        mean, exact = _estimate(row, "exit_mean", "exit_stderr"), float(row["exit_exact"])
        result.append(
            Claim(f"exit, μ = {mu:g}", "exact law", exact, mean, tolerance=_tolerance(mu))
        )
    plain, last = dataset.isel(momentum=0), dataset.isel(momentum=-1)
    mu = float(last["momentum"])
    ratio = _estimate(last, "exit_mean", "exit_stderr") / float(last["exit_diffusion"])
    left = _estimate(plain, "exit_left", "exit_left_stderr")
    return [
        *result,
        Claim(f"SDE refuted, μ = {mu:g}: N/N_SDE", "must be refuted", AtLeast(1.05), ratio),
        Claim("P(exit by N₁), μ = 0", SOURCE, promised, left, tolerance=0.02, resolution=0.06),
    ]  # fmt: skip


def _phase_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Learning rate in proportion to 1 - mu: N_2 holds, N_3 bounds, half of N_2 is refuted."""
    result = []
    for mu in dataset["momentum"].values:
        row = dataset.sel(momentum=mu)
        exit, across, down = (
            _estimate(row.sel(phase=phase), "phase_mean", "phase_stderr")
            for phase in ("exit", "across", "down")
        )
        first, second, third = row["phase_predicted"].values
        bounded = _estimate(row, "phase_bounded", "phase_bounded_stderr")
        result += [
            Claim(f"phase 1, η ∝ 1 - μ, μ = {mu:g}", "recursion", first, exit,
                  tolerance=TOLERANCE),
            Claim(f"phase 2, μ = {mu:g}", "mean flow", second, across, tolerance=TOLERANCE),
            Claim(f"phase 3, μ = {mu:g}", "mean squared error", third, down, tolerance=0.02),
            Claim(f"phase 3, μ = {mu:g}: P(below N₃)", SOURCE, AtLeast(0.75), bounded),
        ]  # fmt: skip
    plain = dataset.isel(momentum=0).sel(phase="across")
    quoted = _estimate(plain, "phase_mean", "phase_stderr") / float(plain["phase_predicted"] / 2)
    result.append(Claim("phase 2 / its quoted half", "must be refuted", AtLeast(1.5), quoted))
    return result


def _budget_claims(dataset: xarray.Dataset) -> list[Claim]:
    """All phases together, in the steps without momentum."""
    total = []
    for mu in dataset["momentum"].values:
        row = dataset.sel(momentum=mu)
        phases = (_estimate(row.sel(phase=name), "phase_mean", "phase_stderr")
                  for name in dataset["phase"].values)  # fmt: skip
        total.append(sum(phases, Estimate.exact(0.0)))
    return [
        Claim(f"all steps, μ = {mu:g} / μ = 0", SOURCE, 1.0, steps / total[0], tolerance=0.01)
        for mu, steps in zip(dataset["momentum"].values[1:], total[1:])
    ]


def _variance_claims(dataset: xarray.Dataset) -> list[Claim]:
    """To next order; and how much that is where it is largest."""
    result = []
    for mu in dataset["momentum"].values:
        for name in dataset["coordinate"].values:
            row = dataset.sel(momentum=mu, coordinate=name)
            sampled = _estimate(row, "variance", "variance_stderr")
            predicted = float(row["variance_next"])
            result.append(
                Claim(f"Var {name}, μ = {mu:g}", "next order", predicted, sampled,
                      tolerance=0.01)
            )  # fmt: skip
    last = dataset.isel(momentum=-1, coordinate=0)
    ratio = _estimate(last, "variance", "variance_stderr") / float(last["variance_leading"])
    statement = f"Var v2 / leading order, μ = {float(last['momentum']):g}"
    return [*result, Claim(statement, "must be refuted", AtLeast(1.02), ratio)]


def _control_claim(dataset: xarray.Dataset) -> Claim:
    """Held against the theory of the right learning rate, the wrong one has to be refuted."""
    measured = _estimate(dataset, "control_mean", "control_stderr")
    exact = float(dataset.isel(momentum=0)["exit_exact"])
    statement = f"control: η × {dataset.attrs['control_factor']:g}"
    return Claim(statement, "exact law", exact, measured, tolerance=TOLERANCE).refutation()


def cost(config: Config) -> float:
    """Seconds on two cores: 7 ns a replica and step, kernels, exact laws."""
    effective = [config.learning_rate / (1.0 - momentum) for momentum in config.momenta]
    constants = [_saddle(config, config.learning_rate, momentum) for momentum in config.momenta]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideRegimeWarning)
        exits = [heavy_ball_exit_steps(**case).mean for case in constants]
    steps = config.exit_replicas * (sum(exits) + exits[0])
    steps += config.phase_replicas * len(config.momenta) * 5.0 * exits[0]
    gap = constants[0]["curvature"]
    relaxation = sum(1.0 / (rate * gap) for rate in effective)
    steps += config.stationary_replicas * (config.relaxations + 1.5) * relaxation
    return 25.0 + 7e-9 * steps


EXPERIMENT = Experiment(
    name="streaming_pca",
    presets={
        "quick": Config(),
        "paper": Config(
            exit_replicas=400_000,
            phase_replicas=60_000,
            stationary_replicas=200_000,
            relaxations=10.0,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

"""What does slow exponential cooling leave in the upper of two wells, how hot is CoolMomentum?

Prediction. When cooling is slow and exponential, T = T0 exp(-c t), what is left in the upper well
of a double well is

    P = sqrt(k_low/k_high) Gamma(1 + gap/barrier) (c barrier/(rate T_f))^(gap/barrier),
    (rate T_f/(c barrier)) exp(-barrier/T_f) = 1,

a power of the cooling time with the logarithm in T_f, the temperature at which the wells part. With
the first correction of Kramers' rates two wells are within 0.5 % of the Fokker-Planck equation from
a cooling time of 1e6 on. A heavy ball whose momentum CoolMomentum cools has the temperature
learning_rate variance (1 + momentum)/(4 (1 - momentum)) / (1 - learning_rate k/4): from momentum
0.99 to 0 it cools by a factor of 199, and not of 100 as 1/(1 - momentum) would.

Source: Huse and Fisher (1986) [HF86] for the power law, its prefactor by Laplace's method from
Kramers' rates; Borysenko and Byshkin (2021) [BB21] for the schedules, the temperature is the
stationary law of their recursion.

Method. The double well by the Fokker-Planck equation (`exact.cooled_probability`), from equilibrium
at T0, over five decades of cooling times. CoolMomentum as Langevin dynamics (BBK) with the friction
of its momentum, on a harmonic well: the variance of the position at five times of one run, against
the recursion of the heavy ball itself.

The plain power without the logarithm and a cooling factor of 100 are the controls: both have to be
refuted.

Cost on two cores: about 15 s (quick), 40 s (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import CoolingMomentum, Exponential, MomentumFriction, bbk_friction
from langevin_lab.evidence import AtLeast, Claim, Estimate
from langevin_lab.lab import Experiment

MOMENTUM = 0.99
FACTOR = (1 + MOMENTUM) / (1 - MOMENTUM)
PARTS = (0.25, 0.5, 0.75, 0.9, 1.0)  # of the harmonic run, where the temperature is read


@dataclass(frozen=True)
class Config:
    """Cooling times and temperatures of the double well, size of the harmonic run."""

    slow_durations: tuple[float, ...] = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
    slow_temperatures: tuple[float, float] = (1.0, 0.02)
    harmonic_dt: float = 0.5
    harmonic_steps: int = 20_000
    harmonic_replicas: int = 24_000
    seed: int = 20_201_120


def run(config: Config) -> xarray.Dataset:
    """What is left in the upper well, and the temperature of CoolMomentum."""
    coordinates = {"slow_duration": list(config.slow_durations), "part": list(PARTS)}
    data = _slow(config) | _harmonic(config) | _heat_curves()
    return xarray.Dataset(data, coords=coordinates)


# Slow exponential cooling of a double well


def _slow(config: Config) -> dict:
    """What is left in the upper well, and Huse and Fisher's law for it."""
    potential = ll.potentials.tilted_double_well(barrier=1.0, tilt=0.2)
    low, saddle, high = sorted(potential.stationary_points, key=lambda point: point.position[0])
    barrier, gap = saddle.energy - high.energy, high.energy - low.energy
    rate = np.sqrt(-high.curvatures[0] * saddle.curvatures[0]) / (2 * np.pi)
    ratio = np.sqrt(low.curvatures[0] / high.curvatures[0])
    upper = (saddle.position[0], 3.0)
    left = [
        ll.exact.cooled_probability(
            ll.Overdamped(potential, temperature=_exponential(tau, config)), upper, tau,
            domain=(-3.0, 3.0), n_cells=600, n_steps=1200, grading=1.0,
        )
        for tau in config.slow_durations
    ]  # fmt: skip
    law = [_huse_fisher(tau, barrier, gap, rate, ratio, config) for tau in config.slow_durations]
    wells = _two_wells(potential, low, saddle, high, config)
    return {
        "left": ("slow_duration", np.array([reference.value for reference in left])),
        "left_error": ("slow_duration", np.array([reference.error for reference in left])),
        "left_law": ("slow_duration", np.array(law)),
        "left_two_wells": ("slow_duration", wells),
        "left_exponent": ((), gap / barrier),
    }


def _exponential(duration: float, config: Config) -> Exponential:
    first, last = config.slow_temperatures
    return Exponential(start=first, stop=last, duration=duration)


def _huse_fisher(duration, barrier, gap, rate, ratio, config: Config) -> float:
    """The law in the file's docstring."""
    from scipy.optimize import brentq
    from scipy.special import gamma

    first, last = config.slow_temperatures
    cooling = np.log(first / last) / duration
    parting = brentq(
        lambda T: np.log(rate * T / (cooling * barrier)) - barrier / T,
        1e-3 * barrier,
        1e3 * barrier,
    )
    power = gap / barrier
    return ratio * gamma(1 + power) * (cooling * barrier / (rate * parting)) ** power


def _two_wells(potential, low, saddle, high, config: Config) -> np.ndarray:
    """What two wells with corrected Kramers rates leave in the upper one, if cooled slowly.

    dP/dt = up - (up + down) P, so P = int up exp(-s) dt with s the (up + down) that is to come.
    """
    from scipy.integrate import cumulative_simpson, simpson

    temperatures = np.geomspace(*config.slow_temperatures, 401)
    down, up = (
        np.array(
            [
                ll.escape.eyring_kramers(
                    potential, well.position[0], saddle.position[0], T, correction=True
                ).value
                for T in temperatures
            ]
        )
        for well in (high, low)
    )
    left = []
    for tau in config.slow_durations:
        times = np.linspace(0.0, tau, len(temperatures))
        passed = cumulative_simpson(up + down, x=times, initial=0.0)
        remaining = passed[-1] - passed
        left.append(simpson(up * np.exp(-remaining), x=times))
    return np.array(left)


# The temperature of CoolMomentum on a harmonic well


def _momentum_factor(momentum):
    """Temperature in units of learning_rate variance/4, at small steps."""
    return (1 + momentum) / (1 - momentum)


def _harmonic(config: Config) -> dict:
    """Configurational temperature during a run, in units of that at its start."""
    dt, n_steps = config.harmonic_dt, config.harmonic_steps
    duration, correction = n_steps * dt, 1 - dt**2 / 4
    momentum = CoolingMomentum(start=MOMENTUM, duration=duration)
    friction = MomentumFriction(momentum=momentum, dt=dt)
    # Constant noise of the gradient: temperature times friction does not change.
    product = bbk_friction(MOMENTUM, dt)
    equation = ll.Langevin(
        ll.potentials.harmonic(stiffness=1.0),
        temperature=lambda time: product / friction(time),
        friction=friction,
    )
    generator = np.random.default_rng([config.seed, 2000])
    start = generator.standard_normal((config.harmonic_replicas, 1)) / np.sqrt(correction)
    result = ll.simulate(
        equation, "BBK", dt=dt, n_steps=n_steps, n_replicas=config.harmonic_replicas,
        seed=config.seed + 2000, start=start, save_every=n_steps // 20,
    )  # fmt: skip
    index = [round(20 * part) - 1 for part in PARTS]
    squares = result["x"].values[index, :, 0] ** 2
    return {
        "heat": ("part", squares.mean(axis=1)),
        "heat_stderr": ("part", squares.std(axis=1, ddof=1) / np.sqrt(squares.shape[1])),
        "heat_law": (
            "part",
            _momentum_factor(momentum(np.array(PARTS) * duration)) / FACTOR / correction,
        ),
        "heat_scale": ((), 1 / correction),
        "heat_lagging": ("part", _heavy_ball_variance(config)),
    }


def _heat_curves() -> dict:
    """(1 + momentum)/(1 - momentum) and 1/(1 - momentum) during a run, for the figure."""
    elapsed = np.linspace(0.0, 1.0, 201)
    momentum = CoolingMomentum(start=MOMENTUM, duration=1.0)(elapsed)
    return {
        "elapsed": ("elapsed", elapsed),
        "heat_curve": ("elapsed", _momentum_factor(momentum) / FACTOR),
        "heat_quoted": ("elapsed", (1 - MOMENTUM) / (1 - momentum)),
    }


def _heavy_ball_variance(config: Config) -> np.ndarray:
    """Variance of the position under the recursion of the heavy ball itself, at `PARTS`.

    d' = rho d - l (1 + rho)/2 (x + noise),  x' = x + d',  l = dt^2: the law of (x, d) is Gaussian.
    """
    rate, n_steps = config.harmonic_dt**2, config.harmonic_steps
    noise = 4 / (rate * FACTOR)  # variance for the temperature 1 at the start
    xx = 1 / (1 - rate / 4)
    dd, xd = rate, 0.5 * rate
    wanted = {round(part * n_steps): None for part in PARTS}
    schedule = CoolingMomentum(start=MOMENTUM, duration=n_steps)(np.arange(n_steps) + 0.5)
    for step, rho in enumerate(schedule.tolist(), start=1):
        kick = rate * (1 + rho) / 2
        moved = rho**2 * dd - 2 * rho * kick * xd + kick**2 * (xx + noise)
        crossed = rho * xd - kick * xx
        xx, xd, dd = xx + 2 * crossed + moved, crossed + moved, moved
        if step in wanted:
            wanted[step] = xx
    return np.array(list(wanted.values()))


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Slow cooling, CoolMomentum's temperature."""
    return [*_slow_claims(dataset), *_heat_claims(dataset)]


def _slow_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Exponent between the two longest cooling times, and what two wells leave in the longest."""
    tau = np.log(dataset["slow_duration"].values[-2:])
    left, law = dataset["left"].values, dataset["left_law"].values[-2:]
    relative = dataset["left_error"].values / left
    exponent = float(np.diff(np.log(left[-2:]))[0] / np.diff(tau)[0])
    predicted = float(np.diff(np.log(law))[0] / np.diff(tau)[0])
    error = float(np.sum(relative[-2:]) / np.diff(tau)[0])
    plain = float(dataset["left_exponent"])
    wells = float(left[-1] / dataset["left_two_wells"].values[-1])
    return [
        Claim(
            "slow cooling: d ln P/d ln τ", "Huse-Fisher, Laplace",
            predicted, exponent, tolerance=0.01, bias_bound=error,
        ),
        Claim(
            "its distance from the plain power", "must be refuted",
            AtLeast(0.05), 1 - abs(exponent) / plain, bias_bound=error / plain,
        ),
        Claim(
            "P / P of two wells, corrected rates", "Eyring-Kramers, HTB90",
            1.0, wells, tolerance=0.005, bias_bound=float(relative[-1]),
        ),
    ]  # fmt: skip


def _heat_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Temperatures under CoolMomentum, and the factor by which it cools."""
    result = []
    for part in dataset["part"].values:
        point = dataset.sel(part=part)
        measured = Estimate(float(point["heat"]), float(point["heat_stderr"]))
        result.append(
            Claim(
                f"CoolMomentum: T/T0 after {100 * part:.0f} %", "recursion of BB21",
                float(point["heat_lagging"]), measured, resolution=0.06,
            )
        )  # fmt: skip
    factor = float(dataset["heat_scale"]) / measured
    lag = abs(float(point["heat_lagging"] / point["heat_law"]) - 1.0)
    quoted = Claim("cooling factor as 100", "1/(1-ρ)", 1 / (1 - MOMENTUM), factor)
    return [
        *result,
        Claim(
            "its cooling factor, ρ from 0.99 to 0", "(1+ρ)/(1-ρ), from BB21",
            FACTOR, factor, resolution=0.06, bias_bound=lag * FACTOR,
        ),
        quoted.refutation(),
    ]  # fmt: skip


def cost(config: Config) -> float:
    """Seconds on two cores: a kernel, the Fokker-Planck equation, replicas and steps."""
    return (
        8.0
        + 1.0 * len(config.slow_durations)
        + 2.5e-9 * config.harmonic_steps * config.harmonic_replicas
    )


EXPERIMENT = Experiment(
    name="slow_cooling",
    presets={
        "quick": Config(),
        "paper": Config(harmonic_steps=200_000, harmonic_replicas=40_000),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

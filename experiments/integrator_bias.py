"""How far off are the stationary averages of each integrator, and with which power of the step?

Prediction. On a harmonic well, with a = (omega dt)^2, every scheme has a Gaussian stationary law
with a closed form: BAOAB and ABOBA are exact in position, <p^2>/T = 1 - a/4 and 1/(1 - a/4); OBABO
has k<x^2>/T = 1/(1 - a/4), and so on. On the quartic well x^4/4 + x^2/2 the bias of <x^2> is of
order 1 for Euler-Maruyama and of order 2 for Leimkuhler-Matthews and the symmetric words.

Source: Leimkuhler and Matthews (2013) [LM13]; Pastor, Brooks and Szabo (1988) for BBK.

Method. Harmonic: the law is read off the step itself, nothing is sampled. Quartic: the stationary
law of each scheme from its transfer operator, nothing is sampled; then the same biases by
simulation, which tests the compiled ensemble, its noise and its recorders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import Claim, Estimate, Order, order
from langevin_lab.lab import Experiment

SCHEMES = ("EulerMaruyama", "LeimkuhlerMatthews", "BAOAB", "ABOBA", "OBABO", "OABAO")
OVERDAMPED = ("EulerMaruyama", "LeimkuhlerMatthews")
ORDERS = {"EulerMaruyama": 1}  # all others: 2


@dataclass(frozen=True)
class Config:
    """Steps of the deterministic part; scheme, step and wanted error of each simulation."""

    harmonic_dt: float = 0.8
    harmonic_friction: float = 0.7
    overdamped_dt: tuple[float, ...] = (0.04, 0.03, 0.02, 0.014, 0.01, 0.007, 0.005, 0.0025)
    langevin_dt: tuple[float, ...] = (0.3, 0.25, 0.2, 0.15, 0.12, 0.1, 0.07, 0.05)
    sampled: tuple[str, ...] = ("EulerMaruyama", "BAOAB", "ABOBA", "OBABO")
    sampled_dt: tuple[float, ...] = (0.04, 0.4, 0.3, 0.4)
    sampled_steps: tuple[int, ...] = (80_000, 150_000, 60_000, 30_000)
    n_replicas: int = 20_000
    seed: int = 20_130_101


def run(config: Config) -> xarray.Dataset:
    """Harmonic laws, quartic biases without sampling, sampled biases."""
    data = _harmonic(config) | _quartic(config) | _sampled(config)
    coordinates = {
        "scheme": list(SCHEMES),
        "sampled_scheme": list(config.sampled),
        "harmonic_scheme": list(_closed_forms(config)),
    }
    attributes = {
        "harmonic_dt": config.harmonic_dt,
        "harmonic_friction": config.harmonic_friction,
    }
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _closed_forms(config: Config) -> dict[str, tuple[float, float]]:
    """(k<x^2>/T, <p^2>/T) of each scheme for k = T = 1; nan where there is no momentum."""
    a, g = config.harmonic_dt**2, config.harmonic_friction * config.harmonic_dt
    low, high = 1 - a / 4, 1 / (1 - a / 4)
    semi_implicit = 4 - 2 * g - a
    return {
        "BAOAB": (1.0, low),
        "ABOBA": (1.0, high),
        "OBABO": (high, 1.0),
        "OABAO": (low, 1.0),
        "AOBOA": (np.cosh(g / 2), np.cosh(g / 2) / (np.cosh(g / 2) - a / 4)),
        "BBK": (high, np.nan),
        "SemiImplicitEuler": (2 * (2 - g) / semi_implicit, 4 / semi_implicit),
        "EulerMaruyama": (1 / (1 - config.harmonic_dt / 2), np.nan),
        "LeimkuhlerMatthews": (1.0, np.nan),
    }


def _harmonic(config: Config) -> dict:
    """Second moments of the stationary law, read off the step, and their closed forms."""
    schemes = _closed_forms(config)
    laws = [
        ll.exact.stationary_covariance(
            name, stiffness=1.0, temperature=1.0, dt=config.harmonic_dt,
            friction=1.0 if name in OVERDAMPED else config.harmonic_friction,
        )
        for name in schemes
    ]  # fmt: skip
    momentum = [law[1, 1] if len(law) > 1 else np.nan for law in laws]
    return {
        "harmonic_position": ("harmonic_scheme", np.array([law[0, 0] for law in laws])),
        "harmonic_momentum": ("harmonic_scheme", np.array(momentum)),
        "predicted_position": ("harmonic_scheme", np.array([x for x, _ in schemes.values()])),
        "predicted_momentum": ("harmonic_scheme", np.array([p for _, p in schemes.values()])),
    }


def _equation(name: str):
    """The quartic well at T = 1 under the dynamics that the scheme is for."""
    potential = ll.potentials.quartic_well()
    if name in OVERDAMPED:
        return ll.Overdamped(potential, temperature=1.0)
    return ll.Langevin(potential, temperature=1.0, friction=1.0)


def _quartic_bias(name: str, dt: float) -> tuple[float, float]:
    """Bias of <x^2> on the quartic well and its numerical error, from the transfer operator."""
    equation = _equation(name)
    value, error = ll.exact.stationary_average(name, equation, lambda x: x**2, dt)
    exact = ll.exact.gibbs_average(equation, lambda x: x**2)
    return value - exact.value, error + exact.error


def _quartic(config: Config) -> dict:
    """Bias of <x^2> for every scheme and step."""
    steps = [config.overdamped_dt if name in OVERDAMPED else config.langevin_dt for name in SCHEMES]
    table = [[_quartic_bias(name, dt) for dt in row] for name, row in zip(SCHEMES, steps)]
    return {
        "dt": (("scheme", "level"), np.array(steps)),
        "bias": (("scheme", "level"), np.array(table)[:, :, 0]),
        "bias_error": (("scheme", "level"), np.array(table)[:, :, 1]),
    }


def _sampled(config: Config) -> dict:
    """Bias of <x^2> by simulation, at one step of some schemes."""
    rows = []
    cases = zip(config.sampled, config.sampled_dt, config.sampled_steps)
    for stream, (name, dt, n_steps) in enumerate(cases):
        equation = _equation(name)
        result = ll.simulate(
            equation, name, dt=dt, n_steps=n_steps, n_replicas=config.n_replicas,
            seed=config.seed + stream, burn_in=int(20 / dt), observe={"x2": "x**2"}, start=0.0,
        )  # fmt: skip
        exact = ll.exact.gibbs_average(equation, lambda x: x**2).value
        diverged = int((result["diverged_step"] >= 0).sum())
        value, error = float(result["x2"]) - exact, float(result["x2_stderr"])
        rows.append((dt, value, error, *_quartic_bias(name, dt), diverged))
    names = ("dt", "bias", "stderr", "predicted", "predicted_error", "diverged")
    return {
        f"sampled_{name}": ("sampled_scheme", np.array(column))
        for name, column in zip(names, zip(*rows))
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Harmonic table, orders, and sampled against computed biases."""
    return [*_harmonic_claims(dataset), *_order_claims(dataset), *_sampled_claims(dataset)]


def _harmonic_claims(dataset: xarray.Dataset) -> list[Claim]:
    source = "closed form, LM13"
    result = []
    for name in dataset["harmonic_scheme"].values:
        row = dataset.sel(harmonic_scheme=name)
        for symbol, kind in (("k⟨x²⟩/T", "position"), ("⟨p²⟩/T", "momentum")):
            predicted = float(row[f"predicted_{kind}"])
            if np.isfinite(predicted):
                measured = float(row[f"harmonic_{kind}"])
                result.append(Claim(f"{name}: {symbol}", source, predicted, measured))
    return result


def _order_claims(dataset: xarray.Dataset) -> list[Claim]:
    source = "LM13"
    result = []
    for name in dataset["scheme"].values:
        row = dataset.sel(scheme=name)
        expected = Order(ORDERS.get(str(name), 2))
        steps, sizes = row["dt"].values, np.abs(row["bias"].values)
        claim = Claim(
            f"{name}: order of the bias", source, expected, order(steps, sizes),
            bias_bound=_order_error(steps, sizes, row["bias_error"].values),
        )  # fmt: skip
        result.append(claim)
    return result


def _order_error(steps: np.ndarray, sizes: np.ndarray, errors: np.ndarray) -> float:
    """By how much the order changes if each bias is off by its numerical error, added up."""
    plain = order(steps, sizes).value
    changed = [order(steps, sizes + shift).value for shift in np.diag(errors)]
    return float(np.sum(np.abs(np.array(changed) - plain)))


def _sampled_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for name in dataset["sampled_scheme"].values:
        row = dataset.sel(sampled_scheme=name)
        result.append(
            Claim(
                f"{name}: bias at dt = {float(row['sampled_dt']):g}",
                "transfer operator", float(row["sampled_predicted"]),
                Estimate(float(row["sampled_bias"]), float(row["sampled_stderr"])),
                bias_bound=float(row["sampled_predicted_error"]),
            )
        )  # fmt: skip
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: 1.3 ns a replica and step, and the transfer operators."""
    return 15.0 + 1.3e-9 * config.n_replicas * sum(config.sampled_steps)


EXPERIMENT = Experiment(
    name="integrator_bias",
    presets={
        "quick": Config(),
        "paper": Config(
            sampled=("EulerMaruyama", "LeimkuhlerMatthews", "BAOAB", "ABOBA", "OBABO", "OABAO"),
            sampled_dt=(0.02, 0.04, 0.3, 0.2, 0.2, 0.2),
            sampled_steps=(2_000_000, 60_000_000, 4_000_000, 1_000_000, 600_000, 600_000),
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

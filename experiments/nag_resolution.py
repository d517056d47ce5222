"""Which ODE tells Nesterov's method from the heavy ball?

Question. Near momentum 1 both methods follow x'' + friction x' + grad U = 0. Which equation says
in what they differ, and does it hold for the sequence (k - 1)/(k + 2) too?

Prediction (Su, Boyd and Candes 2016; Shi, Du, Jordan and Su 2021). In the time t = n sqrt(s), with
s the learning rate, momentum (1 - sqrt(m s))/(1 + sqrt(m s)) and friction 2 sqrt(m), the
low-resolution ODE is off by O(sqrt(s)) for both methods. The high-resolution ODEs, with the factor
1 + sqrt(m s) on the force and for Nesterov the damping sqrt(s) U'' x', are off by O(s), each for
its own method and by O(sqrt(s)) for the other. So the damping by the Hessian tells them apart: in a
mode of curvature k Nesterov's amplitude decays faster by sqrt(s) k/2. For the sequence the
high-resolution ODE is x'' + (3/t) x' + sqrt(s) U'' x' + (1 + 3 sqrt(s)/(2 t)) grad U = 0.

Two constants are derived here. The initial velocity that a first step x_1 = x_0 - s grad U(x_0)
makes is -(sqrt(s)/2) grad U; from the published one, which belongs to another first step, the order
is 1/2. The iterates of the sequence stand at t = (n + 1/2) sqrt(s); at (n + 3/2) sqrt(s), where the
looked-ahead points stand, the order is 1/2.

Method. Iterates against ODEs solved by DOP853 to 1e-11, on a non-convex loss of two parameters; the
largest distance over all steps. Decay rates from the eigenvalues of a step on a quadratic.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import Claim, Order, order
from langevin_lab.lab import Experiment

SOURCE = "Shi, Du, Jordan and Su (2021), SDJS21"
LOW = "Su, Boyd and Candes (2016), SBC16"
DERIVED = "SDJS21, start derived"

# Name -> method, limit, its options, order in the learning rate, source.
COMPARISONS = {
    "heavy ball, low resolution": ("HB", "low_resolution", {}, 0.5, LOW),
    "heavy ball, its high resolution": ("HB", "high_resolution", {}, 1.0, DERIVED),
    "heavy ball, Nesterov's": ("HB", "high_resolution", {"form": "nesterov"}, 0.5, SOURCE),
    "Nesterov, low resolution": ("NAG", "low_resolution", {}, 0.5, LOW),
    "Nesterov, its high resolution": ("NAG", "high_resolution", {}, 1.0, DERIVED),
    "Nesterov, heavy ball's": ("NAG", "high_resolution", {"form": "heavy_ball"}, 0.5, SOURCE),
    "Nesterov, published velocity": (
        "NAG",
        "high_resolution",
        {"velocity": "published"},
        0.5,
        SOURCE,
    ),
    "sequence, low resolution": ("sequence", "low_resolution", {}, 0.5, LOW),
    "sequence, its high resolution": ("sequence", "high_resolution", {}, 1.0, DERIVED),
    "sequence, at (n + 3/2) sqrt(s)": ("sequence", "late_clock", {}, 0.5, SOURCE),
}


@dataclass(frozen=True)
class Config:
    """Steps sqrt(learning rate) = 2^-k, time, convexity that the momentum is made for."""

    exponents: tuple[int, ...] = (3, 4, 5, 6, 7, 8, 9, 10)
    duration: float = 4.0
    convexity: float = 0.2
    decay_rate: float = 1e-6
    decay_curvatures: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0)


def optimiser(name: str, learning_rate: float, convexity: float) -> ll.momentum.Optimiser:
    """The method of that name with the momentum of a convexity."""
    root = math.sqrt(convexity * learning_rate)
    momentum = (1.0 - root) / (1.0 + root)
    if name == "HB":
        return ll.momentum.HeavyBall(learning_rate=learning_rate, momentum=momentum)
    sequence = ll.momentum.NesterovSequence() if name == "sequence" else momentum
    return ll.momentum.Nesterov(learning_rate=learning_rate, momentum=sequence)


def late_clock(method, potential) -> ll.limits.Limit:
    """The high-resolution ODE of the sequence, with iterates where looked-ahead points stand."""
    limit = ll.limits.high_resolution(method, potential)
    return dataclasses.replace(limit, time_of_start=limit.first_time, offset=None)


def run(config: Config) -> xarray.Dataset:
    """Distances to each ODE, of the methods to each other, and decay rates."""
    rates = 4.0 ** -np.array(config.exponents, dtype=float)
    loss = ll.Potential.from_expression("(x**2-1)**2/4 + x*y/5 + y**2/2 + cos(x-y)", ("x", "y"))
    start = [0.5, 1.2]
    errors = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ll.limits.OutsideRegimeWarning)
        for name, limit, options, _, _ in COMPARISONS.values():
            compared = ll.limits.compare(
                lambda s, name=name: optimiser(name, s, config.convexity),
                late_clock if limit == "late_clock" else limit, loss, start=start,
                duration=config.duration, learning_rates=rates, **options,
            )  # fmt: skip
            errors.append(compared.sup)
    data = {
        "error": (("comparison", "learning_rate"), np.array(errors)),
        "apart": ("learning_rate", _apart(config, loss, start, rates)),
        "extra_decay": ("curvature", _extra_decay(config)),
    }
    coordinates = {
        "comparison": list(COMPARISONS),
        "learning_rate": rates,
        "curvature": list(config.decay_curvatures),
    }
    return xarray.Dataset(data, coords=coordinates, attrs={"decay_rate": config.decay_rate})


def _apart(config: Config, loss, start, rates) -> np.ndarray:
    """Largest distance of Nesterov's path from the heavy ball's."""
    distances = []
    for rate in rates:
        n_steps = round(config.duration / math.sqrt(rate))
        paths = [
            ll.limits.iterate(optimiser(name, rate, config.convexity), loss, start, n_steps)
            for name in ("HB", "NAG")
        ]
        distances.append(np.linalg.norm(paths[1] - paths[0], axis=1).max())
    return np.array(distances)


def _extra_decay(config: Config) -> np.ndarray:
    """By how much faster Nesterov's amplitude decays, over sqrt(s) k/2."""
    step = math.sqrt(config.decay_rate)
    ratios = []
    for curvature in config.decay_curvatures:
        decays = []
        for name in ("HB", "NAG"):
            method = optimiser(name, config.decay_rate, config.convexity)
            matrix = ll.exact.linear_map(method, stiffness=curvature).matrix
            decays.append(-math.log(np.abs(np.linalg.eigvals(matrix)).max()) / step)
        ratios.append((decays[1] - decays[0]) / (0.5 * step * curvature))
    return np.array(ratios)


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Orders, the distance of the methods, the damping by the Hessian."""
    rates = dataset["learning_rate"].values
    result = [
        Claim(f"{name}: order", source, Order(expected, spacing=0.5),
              order(rates, dataset["error"].sel(comparison=name).values))
        for name, (_, _, _, expected, source) in COMPARISONS.items()
    ]  # fmt: skip
    result.append(
        Claim("Nesterov from heavy ball: order of the distance", LOW,
              Order(0.5, spacing=0.5), order(rates, dataset["apart"].values))
    )  # fmt: skip
    for curvature in dataset["curvature"].values:
        result.append(
            Claim(f"Nesterov's extra decay in a mode of curvature {curvature:g}, over sqrt(s) k/2",
                  SOURCE, 1.0, float(dataset["extra_decay"].sel(curvature=curvature)),
                  tolerance=0.003)
        )  # fmt: skip
    return result


def cost(config: Config) -> float:
    """Seconds on two cores: iterates and flows in numpy."""
    steps = sum(2.0**k for k in config.exponents) * config.duration
    return 6.0 + 1.2e-4 * steps * len(COMPARISONS)


EXPERIMENT = Experiment(
    name="nag_resolution",
    presets={"quick": Config(), "paper": Config(exponents=tuple(range(3, 13)))},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

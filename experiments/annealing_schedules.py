"""Which cooling schedule finds the deepest minimum, and how does that depend on the cooling time?

Prediction. In one coordinate the probability of the deepest well under a schedule T(t) follows from
the Fokker-Planck equation dp/dt = L(T(t)) p, solved here without sampling
(`exact.cooled_probability`). In more coordinates there is no such number: longer cooling has to
find more, and on Rastrigin's function, which is a sum over the coordinates, both succeed with the
product of their probabilities. Of CoolMomentum's later forms the exponential one has the
temperature of exponential cooling, the linear one that of linear cooling.

Source: Borysenko and Byshkin (2021) [BB21] for CoolMomentum's schedules; how hot they are is the
matter of `slow_cooling`. Hoare and Pal (1971) for the cluster of lowest energy.

Method. A tilted row of wells from equilibrium at T0, overdamped, stochastic Heun: every success
probability against the Fokker-Planck equation; the bias bound is what the time step changes in the
scheme's own transition operator. Then Rastrigin's function of amplitude 2 and a Lennard-Jones
cluster of 13 atoms under Langevin dynamics (BBK), where CoolMomentum is a friction that rises; a
cluster is quenched at temperature 0 and recognised by its energy. All but the constant and the
logarithmic schedule cool by the same factor.

A run 5 % too hot is the control: it has to be refuted by the theory of the right temperature.

Cost on two cores: about 55 s (quick), 20 min (paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.dynamics import (
    Constant,
    CoolingMomentum,
    Exponential,
    Linear,
    Logarithmic,
    MomentumFriction,
    bbk_friction,
)
from langevin_lab.evidence import AtLeast, Claim, Estimate
from langevin_lab.lab import Experiment

COOLING = ("constant", "linear", "exponential", "logarithmic")
FAMILIES = (
    *COOLING, "CoolMomentum published", "CoolMomentum exponential", "CoolMomentum linear",
)  # fmt: skip
MOMENTUM = 0.99
FACTOR = (1 + MOMENTUM) / (1 - MOMENTUM)
TIMESCALE = 0.1  # of the logarithm, three decades below the longest cooling times [time]
ROW_BOX = (-6.0, 6.0)  # at its edges the energy is 10 times the highest temperature
LOWEST_13 = -44.326801  # Hoare and Pal (1971), Cambridge Cluster Database


@dataclass(frozen=True)
class Config:
    """Cooling times and temperatures of each landscape, sizes of the ensembles."""

    row_durations: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0, 100.0)
    row_temperatures: tuple[float, float] = (1.0, 0.05)
    row_constant: float = 0.15
    row_dt: float = 0.02
    row_replicas: int = 80_000
    control_duration: float = 30.0
    control_factor: float = 1.05
    rastrigin_durations: tuple[float, ...] = (4.0, 16.0, 64.0, 256.0)
    rastrigin_temperature: float = 2.0
    rastrigin_constant: float = 0.5
    rastrigin_dt: float = 0.04
    rastrigin_replicas: int = 10_000
    cluster_durations: tuple[float, ...] = (5.0, 20.0, 80.0)
    cluster_temperature: float = 0.6
    cluster_constant: float = 0.25
    cluster_dt: float = 0.02
    cluster_replicas: int = 200
    friction: float = 1.0
    confinement: float = 0.3
    seed: int = 20_201_120


def run(config: Config) -> xarray.Dataset:
    """Success probabilities on three landscapes, and the temperatures of the schedules."""
    data = _row(config) | _rastrigin(config) | _cluster(config) | _temperatures(config)
    coordinates = {
        "schedule": list(COOLING),
        "family": list(FAMILIES),
        "row_duration": list(config.row_durations),
        "rastrigin_duration": list(config.rastrigin_durations),
        "cluster_duration": list(config.cluster_durations),
    }
    names = ("control_duration", "control_factor", "row_replicas", "rastrigin_replicas")
    attributes = {name: getattr(config, name) for name in (*names, "cluster_replicas")}
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _cooling(name: str, duration: float, start: float, stop: float, constant: float):
    """Temperature schedule of a name."""
    return {
        "constant": Constant(value=constant),
        "linear": Linear(start=start, stop=stop, duration=duration),
        "exponential": Exponential(start=start, stop=stop, duration=duration),
        "logarithmic": Logarithmic(start=start, timescale=TIMESCALE),
    }[name]


# A row of wells: simulation, Fokker-Planck equation, transition operator of the scheme


def _row_potential():
    return ll.Potential.from_expression(
        "height*(1 - cos(2*pi*x)) + stiffness*x**2/2 - tilt*x", "x",
        {"height": 0.5, "stiffness": 0.6, "tilt": 0.1}, name="row_of_wells",
    )  # fmt: skip


def _saddle(potential, low: float, high: float) -> float:
    from scipy.optimize import brentq

    return brentq(lambda x: potential.gradient(np.array([x]))[0], low, high, xtol=1e-13)


def _row(config: Config) -> dict:
    """Simulated and exact probability of the deepest well for every schedule and cooling time."""
    potential = _row_potential()
    basin = (_saddle(potential, -0.75, -0.25), _saddle(potential, 0.25, 0.75))
    cases = [(name, tau) for name in COOLING for tau in config.row_durations]
    rows = []
    for stream, (name, tau) in enumerate(cases):
        schedule = _cooling(name, tau, *config.row_temperatures, config.row_constant)
        rows.append(
            (
                _row_sampled(potential, basin, schedule, tau, config, stream),
                *_row_exact(potential, basin, schedule, tau, config),
            )
        )
    shape = (len(COOLING), len(config.row_durations))
    table = [np.reshape(column, shape) for column in zip(*rows)]
    names = ("row", "row_exact", "row_bias")
    data = {name: (("schedule", "row_duration"), part) for name, part in zip(names, table)}
    hot = Constant(value=config.control_factor * config.row_constant)
    tau = config.control_duration
    sampled = _row_sampled(potential, basin, hot, tau, config, 1000)
    right, _ = _row_exact(potential, basin, Constant(value=config.row_constant), tau, config)
    own, bias = _row_exact(potential, basin, hot, tau, config)
    data |= {"control": ((), sampled), "control_exact": ((), own), "control_bias": ((), bias)}
    return data | {"control_unheated": ((), right)} | _row_curves(potential, basin, config)


def _row_curves(potential, basin, config: Config) -> dict:
    """Exact probabilities on a fine scale of cooling times, for the figure."""
    first, durations = config.row_temperatures[0], config.row_durations
    curve = np.geomspace(min(durations), max(durations), 13)
    table = np.empty((len(COOLING), len(curve)))
    for (row, column), _ in np.ndenumerate(table):
        schedule = _cooling(
            COOLING[row], curve[column], *config.row_temperatures, config.row_constant
        )
        table[row, column], _ = ll.exact.cooled_probability(
            ll.Overdamped(potential, temperature=schedule), basin, curve[column],
            start_temperature=first, domain=ROW_BOX, n_cells=200, n_steps=150,
        )  # fmt: skip
    return {
        "curve": (("schedule", "curve_duration"), table),
        "curve_duration": ("curve_duration", curve),
    }


def _row_sampled(potential, basin, schedule, duration, config: Config, stream: int) -> float:
    """Part of the replicas that end in the basin, from equilibrium at the first temperature."""
    generator = np.random.default_rng([config.seed, stream])
    x = np.linspace(*ROW_BOX, 24_001)
    weight = np.exp(-potential.energy(x[:, None]) / config.row_temperatures[0])
    start = np.interp(
        generator.random(config.row_replicas),
        np.cumsum(weight) / weight.sum(),
        x + (x[1] - x[0]) / 2,
    )
    result = ll.simulate(
        ll.Overdamped(potential, temperature=schedule), "StochasticHeun", dt=config.row_dt,
        n_steps=round(duration / config.row_dt), n_replicas=config.row_replicas,
        seed=config.seed + stream, start=start[:, None],
    )  # fmt: skip
    end = result["x_final"].values[:, 0]
    return float(np.mean((end > basin[0]) & (end < basin[1])))


def _row_exact(potential, basin, schedule, duration, config: Config) -> tuple[float, float]:
    """Exact probability, and a bound on the bias of the time step and on numerical errors."""
    equation = ll.Overdamped(potential, temperature=schedule)
    exact, error = ll.exact.cooled_probability(
        equation, basin, duration, start_temperature=config.row_temperatures[0], domain=ROW_BOX
    )
    scheme = _scheme_probability(potential, basin, schedule, duration, config)
    return exact, abs(scheme - exact) + error


def _scheme_probability(potential, basin, schedule, duration, config: Config) -> float:
    """The same for the chain of the scheme's own steps, backwards in time on splines."""
    from scipy.interpolate import CubicSpline

    x = np.linspace(*ROW_BOX, 161)
    value = ((x > basin[0]) & (x < basin[1])).astype(float)
    normals, weights = np.polynomial.hermite_e.hermegauss(7)
    weights = weights / weights.sum()
    scheme, dt = ll.integrators.method("StochasticHeun"), config.row_dt
    state = {"x": np.broadcast_to(x[:, None, None], (len(x), len(weights), 1))}
    state = scheme.carried_state(state, potential.gradient)
    draws = np.broadcast_to(normals[:, None], (1, len(x), len(weights), 1))
    for index in range(round(duration / dt) - 1, -1, -1):
        equation = ll.Overdamped(potential, temperature=float(schedule((index + 0.5) * dt)))
        after = scheme.step(state, draws, scheme.coefficients(equation, dt), potential.gradient)
        images = np.clip(after["x"][..., 0], *ROW_BOX)
        value = CubicSpline(x, value)(images) @ weights
    start = np.exp(-potential.energy(x[:, None]) / config.row_temperatures[0])
    return float(start @ value / start.sum())


# Rastrigin's function and the Lennard-Jones cluster


def _family(name: str, duration: float, start: float, constant: float, dt: float, friction: float):
    """Schedules of temperature and friction; all but two cool by the same factor."""
    if name in COOLING:
        cooling = _cooling(name, duration, start, start / FACTOR, constant)
        return cooling, Constant(value=friction)
    momentum = CoolingMomentum(start=MOMENTUM, duration=duration, form=name.split()[1])
    rising = MomentumFriction(momentum=momentum, dt=dt)
    # Constant noise of the gradient: temperature times friction does not change.
    product = start * bbk_friction(MOMENTUM, dt)
    return (lambda time: product / rising(time)), rising


def _rastrigin(config: Config) -> dict:
    """Part of the replicas that end in the deepest well, from points all over the square."""
    potential = ll.potentials.rastrigin(dim=2, amplitude=2.0)
    generator = np.random.default_rng([config.seed, 3000])
    start = generator.uniform(-5.12, 5.12, (config.rastrigin_replicas, 2))
    edge = _saddle(ll.potentials.rastrigin(dim=1, amplitude=2.0), 0.25, 0.75)
    dt, durations = config.rastrigin_dt, config.rastrigin_durations
    table, ratios = np.empty((len(FAMILIES), len(durations))), []
    for (row, column), _ in np.ndenumerate(table):
        tau = durations[column]
        temperature, friction = _family(
            FAMILIES[row], tau, config.rastrigin_temperature, config.rastrigin_constant, dt,
            config.friction,
        )  # fmt: skip
        result = ll.simulate(
            ll.Langevin(potential, temperature=temperature, friction=friction), "BBK", dt=dt,
            n_steps=round(tau / dt), n_replicas=config.rastrigin_replicas, start=start,
            seed=config.seed + 3000 + 100 * row + column,
        )  # fmt: skip
        inside = np.abs(result["x_final"].values) < edge
        table[row, column] = inside.all(axis=1).mean()
        if column == len(durations) - 1:
            ratios.append(_ratio_to_product(inside))
    value, stderr = np.array(ratios).T
    return {
        "rastrigin": (("family", "rastrigin_duration"), table),
        "product_ratio": ("family", value),
        "product_ratio_stderr": ("family", stderr),
    }


def _ratio_to_product(inside: np.ndarray) -> tuple[float, float]:
    """P(both coordinates succeed)/(P(one) P(other)) and its standard error."""
    means = inside.mean(axis=0)
    products = (inside - means).prod(axis=1) / means.prod()
    return 1.0 + products.mean(), products.std(ddof=1) / np.sqrt(len(inside))


def _cluster(config: Config) -> dict:
    """Part of the clusters that end in the icosahedron, from a liquid at the first temperature."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=13, confinement=config.confinement)
    dt, count, seed = config.cluster_dt, config.cluster_replicas, config.seed + 5000
    liquid = _moved(
        potential, Constant(value=config.cluster_temperature), Constant(value=config.friction),
        dt=dt / 2, n_steps=round(40 / dt), n_replicas=count, seed=seed,
    )  # fmt: skip
    quenched = _quenched_energies(liquid, config)
    table = np.empty((len(FAMILIES), len(config.cluster_durations)))
    lowest = quenched.min()
    for (row, column), _ in np.ndenumerate(table):
        tau = config.cluster_durations[column]
        temperature, friction = _family(
            FAMILIES[row], tau, config.cluster_temperature, config.cluster_constant, dt,
            config.friction,
        )  # fmt: skip
        cooled = _moved(
            potential, temperature, friction, dt=dt, n_steps=round(tau / dt), n_replicas=count,
            start=liquid["x_final"].values, start_momentum=liquid["p_final"].values,
            seed=seed + 1 + 100 * row + column,
        )  # fmt: skip
        energies = _quenched_energies(cooled, config)
        table[row, column] = np.mean(energies < LOWEST_13 + 1e-3)
        lowest = min(lowest, energies.min())
    return {
        "cluster": (("family", "cluster_duration"), table),
        "cluster_quenched": ((), np.mean(quenched < LOWEST_13 + 1e-3)),
        "cluster_lowest": ((), lowest),
    }


def _moved(potential, temperature, friction, **settings):
    """A run of Langevin dynamics under BBK; one kernel serves all of them."""
    equation = ll.Langevin(potential, temperature=temperature, friction=friction)
    return ll.simulate(equation, "BBK", **settings)


def _quenched_energies(state, config: Config) -> np.ndarray:
    """Energies without confinement after damped motion at temperature 0, from rest."""
    potential = ll.potentials.lennard_jones_cluster(n_atoms=13)
    start = state["x_final"].values
    ended = _moved(
        potential, Constant(value=0.0), Constant(value=config.friction), dt=config.cluster_dt,
        n_steps=round(20 / config.cluster_dt), n_replicas=len(start), start=start,
        start_momentum=np.zeros(start.shape), seed=config.seed,
    )  # fmt: skip
    return potential.energy(ended["x_final"].values)


def _temperatures(config: Config) -> dict:
    """Temperature of every family in the longest Rastrigin run, for the figure."""
    tau, start = config.rastrigin_durations[-1], config.rastrigin_temperature
    elapsed = np.linspace(0.0, 1.0, 201)
    curves = []
    for name in FAMILIES:
        temperature, _ = _family(
            name, tau, start, config.rastrigin_constant, config.rastrigin_dt, config.friction
        )
        curves.append(temperature(elapsed * tau) / start)
    return {
        "temperature": (("family", "elapsed"), np.array(curves)),
        "elapsed": ("elapsed", elapsed),
    }


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """The row of wells, its control, two searches."""
    return [*_row_claims(dataset), *_control_claims(dataset), *_search_claims(dataset)]


def _fraction(value: float, count: int, expected: float | None = None) -> Estimate:
    """A measured probability; its error from the expected one, or with Agresti-Coull counts."""
    if expected is None:
        expected = (value * count + 2) / (count + 4)
    return Estimate(float(value), float(np.sqrt(expected * (1 - expected) / count)), count)


def _row_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Success probabilities from the second cooling time on; the first shows in the figure."""
    count, result = dataset.attrs["row_replicas"], []
    for name in dataset["schedule"].values:
        for tau in dataset["row_duration"].values[1:]:
            point = dataset.sel(schedule=name, row_duration=tau)
            exact = float(point["row_exact"])
            result.append(
                Claim(
                    f"success, {name}, time {tau:g}", "Fokker-Planck, 1-D",
                    exact, _fraction(float(point["row"]), count, exact),
                    resolution=0.04, bias_bound=float(point["row_bias"]),
                )
            )  # fmt: skip
    return result


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    """A constant temperature 5 % too high: its own theory holds, that of the right one does not."""
    count, bias = dataset.attrs["row_replicas"], float(dataset["control_bias"])
    own, right = float(dataset["control_exact"]), float(dataset["control_unheated"])
    measured = _fraction(float(dataset["control"]), count, own)
    percent = 100 * (dataset.attrs["control_factor"] - 1)
    wrong = Claim("control as unheated", "Fokker-Planck, 1-D", right, measured, bias_bound=bias)
    return [
        Claim(
            f"control: {percent:.0f} % too hot", "Fokker-Planck, 1-D", own, measured,
            resolution=0.04, bias_bound=bias,
        ),
        wrong.refutation(),
    ]  # fmt: skip


def _search_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Longer cooling finds more; coordinates are independent; nothing lies below the lowest."""
    result = []
    for landscape in ("rastrigin", "cluster"):
        count = dataset.attrs[f"{landscape}_replicas"]
        for name in dataset["family"].values:
            if name not in ("constant", "logarithmic"):
                fast, slow = dataset[landscape].sel(family=name).values[[0, -1]]
                gain = _fraction(slow, count) - _fraction(fast, count)
                result.append(
                    Claim(
                        f"{landscape}, {name}", "p(slow) - p(fast) > 0",
                        AtLeast(0.0), gain, scale=1.0,
                    )
                )  # fmt: skip
    ratios = zip(dataset["product_ratio"].values, dataset["product_ratio_stderr"].values)
    ratio = sum(Estimate(*pair) for pair in ratios) * (1.0 / dataset.sizes["family"])
    lowest = float(dataset["cluster_lowest"])
    source = "Hoare and Pal 1971"
    return [
        *result,
        Claim("rastrigin: P(both)/(P(x) P(y))", "separable", 1.0, ratio),
        Claim("cluster: lowest energy found", source, LOWEST_13, lowest, tolerance=1e-7),
    ]


def cost(config: Config) -> float:
    """Seconds on two cores: kernels, transition operators, replicas and steps."""
    row = (sum(config.row_durations) * len(COOLING) + config.control_duration) / config.row_dt
    rastrigin = len(FAMILIES) * sum(config.rastrigin_durations) / config.rastrigin_dt
    quenches = 20.0 * len(FAMILIES) * len(config.cluster_durations)
    cluster = (len(FAMILIES) * sum(config.cluster_durations) + quenches) / config.cluster_dt
    return (
        30.0
        + row * (2.5e-4 + 4e-9 * config.row_replicas)
        + 8e-9 * rastrigin * config.rastrigin_replicas
        + 1e-6 * cluster * config.cluster_replicas
    )


EXPERIMENT = Experiment(
    name="annealing_schedules",
    presets={
        "quick": Config(),
        "paper": Config(
            row_durations=(1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
            row_dt=0.01,
            row_replicas=200_000,
            rastrigin_durations=(4.0, 16.0, 64.0, 256.0, 1024.0),
            rastrigin_replicas=40_000,
            cluster_durations=(5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0),
            cluster_replicas=2000,
        ),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

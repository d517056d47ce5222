"""Does AdLaLa classify two spirals better than Adam and SGD, and where does its thermostat settle?

Prediction. A network 2-100-1 (ReLU, binary cross-entropy, PyTorch's start) learns two arms of four
turns from 500 points in batches of 25. Per cent of 1,000 other points that it has right after 4,000
epochs, five networks each, mean and standard deviation (theory sheet, 5):

    AdLaLa 87.2 +- 2.8   LOL 88.3 +- 4.0    Adam 68.7 +- 3.6   SGD 63.7 +- 3.5
    momentum 63.9 +- 5.7   Langevin in all layers 61.2 +- 2.2   cold AdLaLa 72.8 +- 6.7

AdLaLa is ahead of Adam by more than 10 points. Its thermostats, one for the weights and one for the
biases of the first layer, take up the noise of the batches. With its variance V, the mean
gradient's square M (both per coordinate), the power P = <p grad U>, the step h, the applied noise
sigma and the temperature T that is held,

    2 T sinh(xi h) = h^2 (V - M) - 2 h P + sigma^2 h cosh(xi h)

for small steps at rest xi = (sigma^2 + h V)/(2 T), and without batches sigma^2/(2 T) = 0.5.

Source: Leimkuhler, Matthews and Vlaar (2019) [LMV19]; [LS16] for the thermostat at small steps, the
balance of `ll.training.settled_thermostat` for these.

Method. Data, start, batches and noise differ from seed to seed and are shared by the methods of a
seed; differences are of pairs. The baselines run at half and twice their learning rates too, the
others at one setting. Kernels compile in one thread while others train. AdLaLa runs twice as long,
to see where its thermostats go. V, M, P are means over the saved points of the second half of the
4,000 epochs, at all places of an epoch; T is corrected for what the thermostats still move. AdLaLa
at a hundredth of the temperature, a thermostat that knows nothing of batches, and one that takes
the network for at rest are the controls.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.ensemble.checks import default_threads
from langevin_lab.evidence import AtLeast, Between, Claim, Estimate
from langevin_lab.lab import Experiment

SOURCE, SHEET = "LMV19", "theory 5, five networks"
# Per cent right of the test points after 500, 1000, 2000, 4000 epochs; standard deviation at last.
PUBLISHED = {
    "AdLaLa": ((77.1, 82.5, 86.2, 87.2), 2.8),
    "LOL": ((60.0, 68.7, 83.4, 88.3), 4.0),
    "Adam": ((62.0, 63.2, 66.5, 68.7), 3.6),
    "SGD": ((58.2, 60.4, 61.4, 63.7), 3.5),
    "SGD momentum": ((59.7, 60.8, 61.6, 63.9), 5.7),
    "Langevin": ((59.3, 60.0, 61.7, 61.2), 2.2),
    "AdLaLa cold": ((64.3, 68.9, 71.2, 72.8), 6.7),
}
PUBLISHED_EPOCHS = (500, 1000, 2000, 4000)
# In the order of training: those whose kernels compile fastest first.
BASELINES = ("SGD", "SGD momentum", "Adam")
SCAN = tuple(f"{name}, rate {factor}" for name in BASELINES for factor in ("x 1/2", "x 2"))
METHODS = (*BASELINES, *SCAN, "Langevin", "LOL", "AdLaLa", "AdLaLa cold", "SGLD", "SGHMC", "SGNHT")
EVERYWHERE = ("SGD", "SGD momentum", "Adam", "Langevin", "LOL", "AdLaLa")
PAIR = ("AdLaLa", "Adam", "Adam, rate x 2")
BLOCKS = ("weights_1", "biases_1")
BALANCE = ("thermostat", "gradient_variance", "squared_gradient", "power", "held_temperature")
STEP, NOISE, HOT, COLD = 0.25, 0.01, 1e-4, 1e-6
GRID = np.linspace(-2.3, 2.3, 70)


@dataclass(frozen=True)
class Config:
    """Sizes; the published constants stand above.

    Attributes
    ----------
    hardest : float
        Turns at which methods are compared, with ``n_seeds`` seeds, AdLaLa and Adam with
        ``n_pairs``, other learning rates of the baselines with ``n_scanned``.
    easier : tuple of float
        Turns with ``n_easier`` seeds and the main methods only.
    save_every : int
        Steps; no multiple of an epoch's 20, so that points at all places of an epoch are seen.
    """

    hardest: float = 4.0
    easier: tuple[float, ...] = (2.0, 3.0)
    n_pairs: int = 40
    n_seeds: int = 20
    n_easier: int = 5
    n_scanned: int = 10
    epochs: int = 4_000
    shown: tuple[int, ...] = (25, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000, 3000)
    hidden: int = 100
    n_train: int = 500
    n_test: int = 1_000
    batch_size: int = 25
    save_every: int = 51
    n_looks: int = 80
    seed: int = 20_190_811

    def seeds(self, method: str, turns: float) -> int:
        """How many seeds a method gets."""
        if turns == self.hardest:
            if method in PAIR:
                return self.n_pairs
            return self.n_scanned if method in SCAN else self.n_seeds
        return self.n_easier if method in EVERYWHERE else 0

    def follows(self, method: str, turns: float, seed: int) -> bool:
        """Whether the thermostats of a run are followed, and twice as long."""
        return method == "AdLaLa" and turns == self.hardest and seed < self.n_seeds

    @property
    def steps_of_an_epoch(self) -> int:
        """Batches."""
        return self.n_train // self.batch_size

    @property
    def all_epochs(self) -> tuple[int, ...]:
        """At which accuracies are kept."""
        return (*(epoch for epoch in self.shown if epoch < self.epochs), self.epochs)


@dataclass(frozen=True)
class Task:
    """One training."""

    method: str
    turns: float
    seed: int


def problem(config: Config, turns: float, seed: int) -> tuple:
    """Network, training and test points, and start of a seed."""
    own = config.seed + 100_000 * int(10 * turns) + seed
    examples = ll.potentials.spirals(config.n_train + config.n_test, seed=own, turns=turns)
    train, test = examples.split(config.n_train)
    network = ll.potentials.multilayer_perceptron(
        train.inputs, train.targets, hidden=(config.hidden,), activation="relu",
        loss="binary_cross_entropy", batch_size=config.batch_size,
    )  # fmt: skip
    return network, train, test, network.start(seed=own)


def recipe(method: str, network: ll.potentials.Network) -> tuple:
    """What `simulate` gets: dynamics, integrator, further arguments."""
    rest = {"dt": STEP, "start_momentum": np.zeros(network.dim)}
    d = ll.dynamics
    if method.startswith(BASELINES):
        return network, optimiser(method), {}
    if method.startswith("AdLaLa"):
        temperature, noise = (COLD, 5e-4) if method.endswith("cold") else (HOT, NOISE)
        equation = d.adlala(network, BLOCKS, temperature=temperature, epsilon=0.05,
                            applied_noise=noise, friction=0.1)  # fmt: skip
        return equation, "AdLaLa", rest | {"start_thermostat": (0.1, 0.1)}
    langevin = {"temperature": HOT, "friction": 0.1}
    layers = [(layer, 0.1, HOT) for layer in ("layer_1", "layer_2")]
    same = ll.AdaptiveLangevin(network, temperature=HOT, thermal_mass=20.0, applied_noise=NOISE)
    return {
        "LOL": (d.lol(network, "layer_1", **langevin), "LOL", rest),
        "Langevin": (d.multilayer_langevin(network, layers), "BAOAB", rest),
        "SGLD": (ll.Overdamped(network, temperature=HOT), "EulerMaruyama", {"dt": STEP}),
        "SGHMC": (ll.Langevin(network, temperature=HOT, friction=1.0), "SemiImplicitEuler", rest),
        # With dt = 0.25 the batches drive xi dt to 2, where Euler's factor 1 - xi dt blows up.
        "SGNHT": (same, "SGNHT", rest | {"dt": 0.1, "start_thermostat": (0.1,)}),
    }[method]


def optimiser(method: str) -> ll.momentum.Optimiser:
    """A baseline at its published learning rate, half or twice that."""
    name, _, rate = method.partition(", rate x ")
    factor = {"": 1.0, "1/2": 0.5, "2": 2.0}[rate]
    if name == "Adam":
        return ll.momentum.Adam(learning_rate=0.005 * factor)
    if name == "SGD":
        return ll.momentum.SGD(learning_rate=0.25 * factor)
    return ll.momentum.SGD(learning_rate=0.05 * factor, momentum=0.9)


def trained(config: Config, task: Task, n_steps: int) -> xarray.Dataset:
    """One run, on one thread: others run beside it."""
    network, _, _, start = problem(config, task.turns, task.seed)
    dynamics, integrator, arguments = recipe(task.method, network)
    return ll.simulate(
        dynamics, integrator, n_steps=n_steps, save_every=config.save_every, start=start,
        seed=config.seed + task.seed, n_threads=1, progress=False, **arguments,
    )  # fmt: skip


def run(config: Config) -> xarray.Dataset:
    """Accuracies of all methods, seeds and epochs; thermostats and their balance; weights."""
    tasks = [
        Task(method, turns, seed)
        for method in METHODS
        for turns in (config.hardest, *config.easier)
        for seed in range(config.seeds(method, turns))
    ]
    cores = default_threads()
    with ThreadPoolExecutor(1) as compiler, ThreadPoolExecutor(cores) as pool:
        # A short run compiles a method's kernel while others already train.
        ready = {
            method: compiler.submit(
                trained, config, Task(method, config.hardest, 0), config.save_every
            )
            for method in METHODS
        }

        def work(task: Task) -> dict:
            ready[task.method].result()
            return _summary(config, task)

        found = dict(zip(tasks, pool.map(work, tasks)))
    return _dataset(config, found)


def _summary(config: Config, task: Task) -> dict:
    """Accuracies at the epochs, first-layer weights at last; of AdLaLa the thermostats too."""
    n_steps = config.epochs * config.steps_of_an_epoch
    follows = config.follows(task.method, task.turns, task.seed)
    result = trained(config, task, n_steps * (2 if follows else 1))
    network, train, test, _ = problem(config, task.turns, task.seed)
    x = result["x"].values[:, 0]
    places = np.array(config.all_epochs) * config.steps_of_an_epoch / config.save_every
    kept = x[np.clip(np.round(places).astype(int), 1, len(x)) - 1]
    parts = {
        "test": 100 * network.accuracy(kept, test.inputs, test.targets),
        "train": 100 * network.accuracy(kept, train.inputs, train.targets),
        "final": kept[-1],
    }
    if follows:
        thermostats = np.stack([result[f"xi_{k}"].values[:, 0] for k in (1, 2)])
        looks = np.linspace(0, thermostats.shape[1] - 1, config.n_looks).astype(int)
        parts["trace"] = thermostats[:, looks]
        parts["trace_epoch"] = (looks + 1.0) * config.save_every / config.steps_of_an_epoch
        half = slice(len(x) // 4, len(x) // 2)  # second half of the epochs compared
        path = x[half], result["p"].values[half, 0], thermostats[:, half]
        parts["balance"] = balance(config, network, *path)
    return parts


def balance(config: Config, network, x, p, thermostats) -> np.ndarray:
    """Per block the numbers of BALANCE: thermostat, V, M, P, held temperature; shape (5, 2)."""
    means, variances = ll.training.gradient_moments(network, x)
    columns = []
    for block, xi in zip(BLOCKS, thermostats):
        own = network.blocks[block]
        mean, variance = means[:, own], variances[:, own]
        size, elapsed = mean.shape[1], STEP * config.save_every * (len(xi) - 1)
        # dxi = epsilon (p.p - N T) dt: what it moved is what was held beside T.
        held = HOT + (xi[-1] - xi[0]) / (0.05 * size * elapsed)
        power = np.mean(p[:, own] * mean)
        columns.append((xi.mean(), variance.mean(), np.mean(mean**2), power, held))
    return np.array(columns).T


def _dataset(config: Config, found: dict[Task, dict]) -> xarray.Dataset:
    turns, epochs = (config.hardest, *config.easier), config.all_epochs
    shape = (len(METHODS), len(turns), config.n_pairs, len(epochs))
    accuracy = {part: np.full(shape, np.nan) for part in ("test", "train")}
    weights = np.full((len(METHODS), config.n_pairs, 2 * config.hidden), np.nan, np.float32)
    for task, parts in found.items():
        place = METHODS.index(task.method), turns.index(task.turns), task.seed
        for part, array in accuracy.items():
            array[place] = parts[part]
        if task.turns == config.hardest:
            weights[place[0], task.seed] = parts["final"][: 2 * config.hidden]
    followed = [found[Task("AdLaLa", config.hardest, seed)] for seed in range(config.n_seeds)]
    balances = np.array([parts["balance"] for parts in followed])
    data = {part: (("scheme", "turns", "seed", "epoch"), array) for part, array in accuracy.items()}
    data |= {name: (("followed", "block"), balances[:, k]) for k, name in enumerate(BALANCE)}
    data["trace"] = (("followed", "block", "trace_epoch"), np.array([f["trace"] for f in followed]))
    data["weights"] = (("scheme", "seed", "weight"), weights)
    data |= _boundaries(config, found)
    coordinates = {
        "scheme": list(METHODS), "turns": list(turns), "epoch": list(epochs),
        "block": list(BLOCKS), "trace_epoch": followed[0]["trace_epoch"],
    }  # fmt: skip
    attributes = {
        "hardest": config.hardest, "seconds_of_a_run": _seconds(config),
        "steps_of_a_run": config.epochs * config.steps_of_an_epoch,
    }  # fmt: skip
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _boundaries(config: Config, found: dict[Task, dict]) -> dict:
    """Probability of arm 1 in the plane, of the first seed; its training points."""
    network, train, _, _ = problem(config, config.hardest, 0)
    points = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
    planes = [
        network.predict(found[Task(method, config.hardest, 0)]["final"], points)[:, 0]
        for method in METHODS
    ]
    square = np.array(planes, np.float32).reshape(len(METHODS), GRID.size, GRID.size)
    points = np.column_stack([train.inputs, train.targets]).astype(np.float32)
    return {"plane": (("scheme", "y", "x"), square), "points": (("point", "column"), points)}


def _seconds(config: Config) -> float:
    """Shortest of three runs of AdLaLa alone: the rest is what else the machine does."""
    task, n_steps = Task("AdLaLa", config.hardest, 0), config.epochs * config.steps_of_an_epoch
    spans = []
    for _ in range(3):
        begun = time.perf_counter()
        trained(config, task, n_steps)
        spans.append(time.perf_counter() - begun)
    return min(spans)


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """AdLaLa against the others, the table, the thermostats, the controls."""
    return [
        *_lead_claims(dataset),
        *_table_claims(dataset),
        *_thermostat_claims(dataset),
        *_control_claims(dataset),
    ]


def accuracies(dataset: xarray.Dataset, method: str, turns: float, epoch: int) -> np.ndarray:
    """Test accuracies in per cent of all seeds that ran, shape (n_seeds,)."""
    found = dataset["test"].sel(scheme=method, turns=turns, epoch=epoch).values
    return found[np.isfinite(found)]


def lead(dataset: xarray.Dataset, method: str, other: str, turns: float) -> Estimate:
    """Mean paired difference in points after the last epoch."""
    last = int(dataset["epoch"][-1])
    first, second = (accuracies(dataset, name, turns, last) for name in (method, other))
    n = min(len(first), len(second))
    return Estimate.from_samples(first[:n] - second[:n])


def _lead_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Leads in points; an interval has to exclude half the bound, 5 points on Adam."""
    bounds = [("AdLaLa", "Adam", 10.0, SOURCE), ("AdLaLa", "Langevin", 10.0, SOURCE),
              ("LOL", "Langevin", 10.0, SOURCE), ("LOL", "SGD", 10.0, SOURCE),
              ("SGLD", "SGD", 5.0, "the same step with noise")]  # fmt: skip
    bounds += [("AdLaLa", name, 5.0, "learning rates of the baselines") for name in SCAN]
    turns = dataset.attrs["hardest"]
    return [
        Claim(f"{method} ahead of {other}, {turns:g} turns (points)", source, AtLeast(bound),
              lead(dataset, method, other, turns), resolution=0.5)
        for method, other, bound, source in bounds
    ]  # fmt: skip


def _table_claims(dataset: xarray.Dataset) -> list[Claim]:
    """Means of our seeds within one standard deviation of the sheet's five."""
    result, hardest = [], dataset.attrs["hardest"]
    for method, (means, deviation) in PUBLISHED.items():
        for epoch, mean in zip(PUBLISHED_EPOCHS, means):
            if epoch not in dataset["epoch"]:
                continue
            measured = Estimate.from_samples(accuracies(dataset, method, hardest, epoch))
            result.append(Claim(
                f"{method}, {epoch} epochs: test accuracy (%)", SHEET,
                Between(mean - deviation, mean + deviation), measured, resolution=0.2,
            ))  # fmt: skip
    return result


def settled(dataset: xarray.Dataset, block: str, *, at_rest: bool = False) -> np.ndarray:
    """Predicted over measured thermostat of a block, one a seed."""
    ratios = []
    for place in range(dataset.sizes["followed"]):
        own = dataset.isel(followed=place).sel(block=block)
        row = {name: float(own[name]) for name in BALANCE}
        work = {} if at_rest else {name: row[name] for name in ("squared_gradient", "power")}
        predicted = ll.training.settled_thermostat(
            temperature=row["held_temperature"], dt=STEP, applied_noise=NOISE,
            gradient_variance=row["gradient_variance"], **work,
        )  # fmt: skip
        ratios.append(predicted / row["thermostat"])
    return np.array(ratios)


def _thermostat_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for block in BLOCKS:
        trace = dataset["trace"].sel(block=block).values
        # Batches without replacement are no fresh draws: 1/20 of the noise is known from before.
        result.append(Claim(
            f"{block}: thermostat of the balance over the measured one", "LS16, finite steps",
            1.0, Estimate.from_samples(settled(dataset, block)), bias_bound=0.05, resolution=0.3,
        ))  # fmt: skip
        share = STEP * dataset["gradient_variance"].sel(block=block).values / NOISE**2
        result.append(Claim(f"{block}: noise of batches over applied noise", SOURCE, AtLeast(5.0),
                            Estimate.from_samples(share), resolution=0.2))  # fmt: skip
        result.append(Claim(
            f"{block}: thermostat after twice the epochs", "theory 5: 8 to 9", Between(7.0, 9.0),
            Estimate.from_samples(trace[:, -1]), resolution=0.2,
        ))  # fmt: skip
    return result


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    hardest, last = dataset.attrs["hardest"], int(dataset["epoch"][-1])
    mean, deviation = PUBLISHED["AdLaLa"][0][-1], PUBLISHED["AdLaLa"][1]
    cold = Estimate.from_samples(accuracies(dataset, "AdLaLa cold", hardest, last))
    trace = dataset["trace"].sel(block="weights_1").values[:, -1]
    wrong = [
        Claim("control: a hundredth of the temperature does as well", SHEET,
              Between(mean - deviation, mean + deviation), cold),
        Claim("control: a thermostat without batches", SOURCE, NOISE**2 / (2 * HOT),
              Estimate.from_samples(trace)),
        Claim("control: a network at rest", "LS16", 1.0,
              Estimate.from_samples(settled(dataset, "weights_1", at_rest=True)),
              bias_bound=0.05),
    ]  # fmt: skip
    return [claim.refutation() for claim in wrong]


def cost(config: Config) -> float:
    """Seconds on two cores: 4 microseconds a step of 100 neurons, kernels."""
    n_runs = config.n_seeds + sum(
        config.seeds(method, turns)
        for method in METHODS
        for turns in (config.hardest, *config.easier)
    )
    return 35.0 + 1.8e-8 * config.hidden * n_runs * config.epochs * config.steps_of_an_epoch


EXPERIMENT = Experiment(
    name="adlala_spirals",
    presets={
        "quick": Config(),
        "paper": Config(n_pairs=100, n_seeds=100, n_easier=100, n_scanned=100),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

"""How do all optimisers and samplers compare on scikit-learn's digits, tuned with one budget?

Prediction. None is made of a winner: that is measured. What is held to be true is that every method
of the package, tuned by cross-validation, reads more than 95 % of digits that it has not seen; that
averaged forecasts are better than the weights that they average are one by one (Jensen); and that
noise of batches keeps momentum methods below their limit of stability, learning rate x sharpness <=
2 (1 + momentum)/(1 + 2 look_ahead).

Source: Alpaydin and Kaynak (1998) for the data; the limit is that of quadratics.

Method. Of 1,797 digits a quarter is for the test. A network 64-32-10 (tanh, cross-entropy, batches
of 32, no weight decay but AdamW's) learns the others. Every method has the same budget: as many
trials of its one or two numbers, spread over the stated range by a Latin hypercube, each trained
for the same epochs on the same folds; the smallest validation loss at the last epoch, mean over
folds, wins (a diverged trial has lost). What wins is trained anew on all but the test, from other
starts, with other batches and noise, and looks at the test digits once; if it diverges there it
gives all digits the same. One validation set of 270 digits in place of the folds chose otherwise
from draw to draw. A sampler's second row averages the forecasts of its weights over the second half
of the epochs, at the numbers tuned for the last.

Error bars of accuracy and -log p are those of seeds and of test digits, both drawn at random; of
calibration and sharpness those of seeds. Starts are shared by all methods of a seed, so differences
to heavy ball are of pairs, digit by digit. Calibration is the split-sample estimate: 0 on average
for forecasts that are perfect, not too high for others. Controls: a learning rate 1,000 times too
small, and training on permuted labels; each has to fail the 95 %.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray

import langevin_lab as ll
from langevin_lab.evidence import AtLeast, AtMost, Claim, Estimate
from langevin_lab.lab import Experiment
from langevin_lab.potentials.network import Network

SOURCE = "measured here"
REFERENCE = "heavy ball"
# Ranges of what is tuned, logarithmic. rate is that of gradient descent which a momentum method
# stands for, learning_rate/(1 - momentum); memory is 1/(1 - momentum), in steps.
RATE, MEMORY = {"rate": (0.03, 3.0)}, {"memory": (2.0, 50.0)}
STEP, HEAT = {"dt": (0.1, 1.0)}, {"temperature": (1e-7, 1e-4)}
ADAM = {"learning_rate": (5e-4, 0.05)}
FRICTION = 1.0
STABLE = ("SGD", REFERENCE, "Nesterov")  # whose limit of stability is known
FORMS = ("published", "exponential", "linear")
MEASURES = ("accuracy", "loss", "calibration", "plug_in")


@dataclass(frozen=True)
class Config:
    """Data, network and budget.

    Attributes
    ----------
    n_trials : int
        Settings tried for every method.
    n_folds : int
        Of the digits that are not for the test; each trial learns all but one of them, in turn.
    n_seeds : int
        Starts of the comparison.
    n_curvatures : int
        Of them, those whose sharpness is measured.
    """

    test_share: float = 0.25
    hidden: int = 32
    batch_size: int = 32
    n_epochs: int = 20
    n_trials: int = 6
    n_folds: int = 3
    n_seeds: int = 10
    n_curvatures: int = 5
    slow_factor: float = 1000.0
    n_resamples: int = 100
    seed: int = 19_980_701


@dataclass(frozen=True)
class Scheme:
    """A method, the ranges of its numbers, and what `train` gets for them."""

    ranges: dict[str, tuple[float, float]]
    make: Callable[[Network, dict[str, float], int], tuple[Any, Any, dict[str, Any]]]
    samples: bool = False


def _optimiser(kind: Callable[..., Any], **constants: Any) -> Callable:
    """Of an optimiser whose numbers have their names."""

    def make(network: Network, numbers: dict[str, float], n_steps: int):
        return network, kind(**constants, **_named(numbers)), {}

    return make


def _named(numbers: dict[str, float]) -> dict[str, float]:
    """rate and memory as learning_rate and momentum; memories of squares as their decay."""
    values = dict(numbers)
    if "memory" in values:
        memory = values.pop("memory")
        values["momentum"] = 1.0 - 1.0 / memory
        if "rate" in values:
            values["rate"] /= memory
    if "rate" in values:
        values["learning_rate"] = values.pop("rate")
    if "square_memory" in values:
        values["square_decay"] = 1.0 - 1.0 / values.pop("square_memory")
    return values


def _cool(network: Network, numbers: dict[str, float], n_steps: int):
    """One of the three forms of cooling, which trials take in turn."""
    form = FORMS[int(numbers["form"])]
    rate = numbers["learning_rate"]
    cool = ll.momentum.CoolMomentum.cooling(n_steps=n_steps, learning_rate=rate, form=form)
    return network, cool, {}


def _at_rest(network: Network, numbers: dict[str, float], **more: Any) -> dict[str, Any]:
    return {"dt": numbers["dt"], "start_momentum": np.zeros(network.dim), **more}


def _sgld(network: Network, numbers: dict[str, float], n_steps: int):
    dynamics, method = ll.dynamics.sgld(network, temperature=numbers["temperature"])
    return dynamics, method, {"dt": numbers["dt"]}


def _sghmc(network: Network, numbers: dict[str, float], n_steps: int):
    pair = ll.dynamics.sghmc(network, temperature=numbers["temperature"], friction=FRICTION)
    return *pair, _at_rest(network, numbers)


def _sgnht(network: Network, numbers: dict[str, float], n_steps: int):
    """Without batches the friction settles where it starts."""
    hot = numbers["temperature"]
    pair = ll.dynamics.sgnht(
        network, temperature=hot, applied_noise=math.sqrt(2.0 * FRICTION * hot)
    )
    return *pair, _at_rest(network, numbers, start_thermostat=(FRICTION,))


def _baoab(network: Network, numbers: dict[str, float], n_steps: int):
    dynamics = ll.Langevin(network, temperature=numbers["temperature"], friction=FRICTION)
    return dynamics, "BAOAB", _at_rest(network, numbers)


def _adlala(network: Network, numbers: dict[str, float], n_steps: int):
    dynamics = ll.dynamics.adlala(
        network, ("weights_1", "biases_1"), temperature=numbers["temperature"], epsilon=0.05,
        applied_noise=0.01, friction=FRICTION,
    )  # fmt: skip
    more = {"start_thermostat": (FRICTION, FRICTION)}
    return dynamics, "AdLaLa", _at_rest(network, numbers, **more)


def _lol(network: Network, numbers: dict[str, float], n_steps: int):
    hot = numbers["temperature"]
    dynamics = ll.dynamics.lol(network, "layer_1", temperature=hot, friction=FRICTION)
    return dynamics, "LOL", _at_rest(network, numbers)


_M = ll.momentum
SCHEMES = {
    "SGD": Scheme(RATE, _optimiser(_M.SGD)),
    REFERENCE: Scheme(RATE | MEMORY, _optimiser(_M.HeavyBall)),
    "Nesterov": Scheme(RATE | MEMORY, _optimiser(_M.Nesterov)),
    "CoolMomentum": Scheme({"learning_rate": (1e-3, 0.3)}, _cool),
    "ARSGD": Scheme(RATE, _optimiser(_M.AdaptiveHeavyBall)),
    "ARAdam": Scheme(ADAM, _optimiser(_M.ARAdam)),
    "Adam": Scheme(ADAM | MEMORY, _optimiser(_M.Adam)),
    "AdamW": Scheme(ADAM | {"weight_decay": (1e-3, 1.0)}, _optimiser(_M.Adam, decoupled=True)),
    "RMSProp": Scheme({"learning_rate": (3e-4, 0.03), "square_memory": (5.0, 500.0)},
                      _optimiser(_M.RMSProp)),
    "Adagrad": Scheme({"learning_rate": (3e-3, 0.3)}, _optimiser(_M.Adagrad)),
    "Adadelta": Scheme({"learning_rate": (0.1, 10.0), "square_memory": (5.0, 500.0)},
                       _optimiser(_M.Adadelta)),
    "SGLD": Scheme({"dt": (0.03, 3.0)} | HEAT, _sgld, samples=True),
    "SGHMC": Scheme(STEP | HEAT, _sghmc, samples=True),
    "SGNHT": Scheme(STEP | HEAT, _sgnht, samples=True),
    "BAOAB": Scheme(STEP | HEAT, _baoab, samples=True),
    "AdLaLa": Scheme(STEP | HEAT, _adlala, samples=True),
    "LOL": Scheme({"dt": (0.2, 2.0)} | HEAT, _lol, samples=True),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """The network on all digits but those of the test, folds of these, and the test."""

    network: Network
    folds: list[tuple[Network, ll.potentials.Examples]]
    test: ll.potentials.Examples


def problem(config: Config, *, permuted: bool = False) -> Problem:
    """The split; with permuted training labels for the control."""
    share = config.test_share
    rest, test = ll.training.stratified_split(
        ll.potentials.load_digits(), (1.0 - share, share), seed=config.seed
    )
    targets = rest.targets
    if permuted:
        targets = np.random.default_rng(config.seed).permutation(targets)
    folds = ll.training.k_folds(rest, config.n_folds, seed=config.seed)
    pairs = [(_network(config, part.inputs, part.targets), fold) for part, fold in folds]
    return Problem(_network(config, rest.inputs, targets), pairs, test)


def _network(config: Config, inputs: np.ndarray, targets: np.ndarray) -> Network:
    return ll.potentials.multilayer_perceptron(
        inputs, targets, hidden=(config.hidden,), activation="tanh", loss="cross_entropy",
        batch_size=config.batch_size,
    )  # fmt: skip


def trials(config: Config, name: str) -> list[dict[str, float]]:
    """The settings that a method is tried with."""
    seed = config.seed + list(SCHEMES).index(name)
    found = ll.training.latin_hypercube_trials(SCHEMES[name].ranges, config.n_trials, seed=seed)
    if name == "CoolMomentum":
        return [numbers | {"form": float(k % len(FORMS))} for k, numbers in enumerate(found)]
    return found


def trained(
    config: Config, network: Network, name: str, numbers: dict[str, float], **more: Any
) -> xarray.Dataset:
    """One setting, evaluated at the end; more as `train` takes it."""
    n_steps = config.n_epochs * ll.training.steps_per_epoch(network)
    dynamics, method, arguments = SCHEMES[name].make(network, numbers, n_steps)
    return ll.training.train(
        dynamics, method, n_epochs=config.n_epochs, evaluate_every=config.n_epochs, progress=False,
        **more, **arguments,
    )  # fmt: skip


def tuned(config: Config, setting: Problem, name: str) -> np.ndarray:
    """Validation losses of all trials and folds, inf where it diverged: (trial, fold)."""
    losses = [
        trained(config, network, name, numbers, validation=fold, seed=config.seed + place)[
            "validation_loss"
        ].values[-1, 0]
        for numbers in trials(config, name)
        for place, (network, fold) in enumerate(setting.folds)
    ]
    table = np.reshape(losses, (config.n_trials, config.n_folds))
    return np.where(np.isfinite(table), table, np.inf)


def run(config: Config) -> xarray.Dataset:
    """Tuning and comparison of all methods, controls."""
    setting = problem(config)
    with ThreadPoolExecutor(1) as compiler, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\d+ of \d+ replicas diverged", RuntimeWarning)
        ready = {name: compiler.submit(_compile, config, setting, name) for name in SCHEMES}
        parts = {name: _one(config, setting, name, ready[name]) for name in SCHEMES}
    data = {
        key: (_DIMENSIONS[key.split("_")[0]], np.array([part[key] for part in parts.values()]))
        for key in parts[REFERENCE]
    }
    data |= _controls(config, setting, parts[REFERENCE])
    sizes = {"n_train": setting.network.data.n_examples, "n_test": setting.test.n_examples}
    names = ("n_epochs", "n_trials", "n_folds", "n_seeds", "slow_factor")
    coordinates = {"scheme": list(SCHEMES), "measure": list(MEASURES)}
    attributes = sizes | {name: getattr(config, name) for name in names}
    return xarray.Dataset(data, coordinates, attributes)


_DIMENSIONS = {
    "tuned": ("scheme",),
    "validation": ("scheme", "trial", "fold"),
    "train": ("scheme", "seed"),
    "right": ("scheme", "seed", "digit"),
    "minus": ("scheme", "seed", "digit"),
    "test": ("scheme", "measure", "seed"),
    "averaged": ("scheme", "measure", "seed"),
    "kept": ("scheme", "seed"),
    "sharpness": ("scheme", "curved"),
}


def _compile(config: Config, setting: Problem, name: str) -> None:
    """A step of a method, whose kernel compiles while others train."""
    dynamics, method, arguments = SCHEMES[name].make(setting.network, trials(config, name)[0], 100)
    start = setting.network.start(seed=0)
    ll.simulate(dynamics, method, n_steps=1, seed=0, start=start, progress=False, **arguments)


def _one(config: Config, setting: Problem, name: str, ready: Future) -> dict[str, Any]:
    """A method's trials, and the best of them anew."""
    ready.result()
    losses, samples = tuned(config, setting, name), SCHEMES[name].samples
    place = int(np.argmin(losses.mean(axis=1)))
    best = trials(config, name)[place]
    kept = {"burn_in": config.n_epochs // 2, "keep_every": 1} if samples else {}
    seeds = {"seed": config.seed + 1000, "n_replicas": config.n_seeds}
    found = trained(config, setting.network, name, best, **seeds, **kept)
    weights = found["x_final"].values
    return {
        "tuned_trial": place,
        "tuned_best": _text(best),
        "tuned_limit": _limit(config, setting, name, best),
        "validation_loss": losses,
        "train_accuracy": found["train_accuracy"].values[-1],
        "sharpness": _curved(setting.network, weights[: config.n_curvatures]),
        **_tested(config, setting, weights),
        **_averaged(config, setting, found.get("x_kept")),
    }


def _curved(network: Network, weights: np.ndarray) -> np.ndarray:
    """Sharpness of each, NaN of those that diverged or do far worse than a guess."""
    values = np.full(len(weights), np.nan)
    with np.errstate(all="ignore"):
        found = network.energy(weights) < 2.0 * math.log(10.0)
    if found.any():
        values[found] = ll.training.sharpness(network, weights[found], tolerance=1e-3).value
    return values


def forecasts(setting: Problem, weights: np.ndarray) -> np.ndarray:
    """Of the test digits; a network that diverged gives all classes the same."""
    with np.errstate(invalid="ignore"):
        p = setting.network.predict(weights, setting.test.inputs)
    return np.where(np.isfinite(p), p, 1.0 / p.shape[-1])


def _tested(config: Config, setting: Problem, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Measures of the last weights, and of every digit."""
    targets = setting.test.targets
    p = forecasts(setting, weights)
    own = np.take_along_axis(p, targets[None, :, None], axis=-1)[..., 0]
    return {
        "test": measures(config, p, targets),
        "right": (p.argmax(axis=-1) == targets).astype(np.int8),
        "minus_log": -np.log(own).astype(np.float32),
    }


def _averaged(config: Config, setting: Problem, kept: Any) -> dict[str, np.ndarray]:
    """Measures of averaged forecasts, and the mean loss of what they average; NaN of optimisers."""
    if kept is None:
        nothing = np.full(config.n_seeds, np.nan)
        return {"averaged": np.tile(nothing, (len(MEASURES), 1)), "kept_loss": nothing}
    p, targets = forecasts(setting, kept.values), setting.test.targets
    single = ll.training.negative_log_likelihood(p, targets).value
    return {
        "averaged": measures(config, p.mean(axis=0), targets),
        "kept_loss": single.mean(axis=0),
    }


def measures(config: Config, probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Accuracy, loss and calibration of forecasts (seed, example, class): (measure, seed)."""
    right = probabilities.argmax(axis=-1) == targets
    error = ll.training.calibration_error(
        probabilities, targets, n_resamples=config.n_resamples, seed=config.seed
    )
    loss = ll.training.negative_log_likelihood(probabilities, targets).value
    return np.array([right.mean(axis=1), loss, error.split_sample, error.plug_in])


def _text(numbers: dict[str, float]) -> str:
    """The numbers for a label, "rate 0.31, memory 12"."""
    parts = [f"{key} {value:.2g}" for key, value in numbers.items() if key != "form"]
    return ", ".join(parts + ([FORMS[int(numbers["form"])]] if "form" in numbers else []))


def _limit(config: Config, setting: Problem, name: str, numbers: dict[str, float]) -> float:
    """Sharpness at the limit of stability of the momentum methods; NaN of others."""
    if name not in STABLE:
        return math.nan
    optimiser = SCHEMES[name].make(setting.network, numbers, 1)[1]
    return optimiser.stability_limit / optimiser.learning_rate


def _controls(config: Config, setting: Problem, parts: dict[str, Any]) -> dict[str, Any]:
    """Test accuracies of heavy ball at its best numbers, but too slow, or on permuted labels."""
    best = trials(config, REFERENCE)[int(parts["tuned_trial"])]
    slow = best | {"rate": best["rate"] / config.slow_factor}
    more = {"seed": config.seed + 1000, "n_replicas": config.n_seeds}
    result = {}
    for name, own, numbers in (
        ("slow", setting, slow),
        ("permuted", problem(config, permuted=True), best),
    ):
        found = trained(config, own.network, REFERENCE, numbers, **more)
        right = _tested(config, setting, found["x_final"].values)["right"]
        result[f"{name}_right"] = (("seed", "digit"), right)
    return result


def claims(dataset: xarray.Dataset) -> list[Claim]:
    """Every method reads digits; averages forecast better; limits of stability; controls."""
    return [
        *_accuracy_claims(dataset),
        *_average_claims(dataset),
        *_stability_claims(dataset),
        *_control_claims(dataset),
    ]


def _seeds(dataset: xarray.Dataset, name: str, scheme: str, measure: str) -> np.ndarray:
    return dataset[name].sel(scheme=scheme, measure=measure).values


def _accuracy_claims(dataset: xarray.Dataset) -> list[Claim]:
    return [
        Claim(f"{scheme}: accuracy on test digits", SOURCE, AtLeast(0.95),
              ll.training.crossed_mean(dataset["right"].sel(scheme=scheme).values),
              resolution=0.05)
        for scheme in dataset["scheme"].values
    ]  # fmt: skip


def samplers(dataset: xarray.Dataset) -> list[str]:
    """Methods with a second row."""
    finite = np.isfinite(dataset["averaged"].values).all(axis=(1, 2))
    return [str(name) for name in dataset["scheme"].values[finite]]


def _average_claims(dataset: xarray.Dataset) -> list[Claim]:
    """-log of a mean is not above the mean of -log: of every seed, without statistics."""
    result = []
    for scheme in samplers(dataset):
        gain = dataset["kept_loss"].sel(scheme=scheme).values
        gain = gain - _seeds(dataset, "averaged", scheme, "loss")
        result.append(Claim(f"{scheme}: smallest gain of averaging over single weights (nats)",
                            "Jensen", AtLeast(0.0), float(gain.min()), scale=1.0))  # fmt: skip
    return result


def _stability_claims(dataset: xarray.Dataset) -> list[Claim]:
    result = []
    for scheme in [name for name in STABLE if name in dataset["scheme"]]:
        row = dataset.sel(scheme=scheme)
        share = row["sharpness"].dropna("curved").values / float(row["tuned_limit"])
        result.append(Claim(f"{scheme}: sharpness over the limit of stability", "Jury's triangle",
                            AtMost(1.0), Estimate.from_samples(share), resolution=0.2))  # fmt: skip
    return result


def _control_claims(dataset: xarray.Dataset) -> list[Claim]:
    slower = f"control: learning rate {dataset.attrs['slow_factor']:g} times too small"
    wrong = [
        Claim(statement, "control", AtLeast(0.95), ll.training.crossed_mean(dataset[name].values))
        for statement, name in (
            (slower, "slow_right"),
            ("control: permuted labels", "permuted_right"),
        )
    ]
    return [claim.refutation() for claim in wrong]


def cost(config: Config) -> float:
    """Seconds on two cores: kernels, 60 ns an example and hidden unit on each."""
    runs = config.n_trials * (config.n_folds - 1) + config.n_seeds
    examples = config.n_epochs * 1347 * runs * len(SCHEMES)
    return 85.0 + 0.5 * 6e-8 * config.hidden * examples


EXPERIMENT = Experiment(
    name="digits_comparison",
    presets={
        "quick": Config(),
        "paper": Config(n_epochs=60, n_trials=24, n_folds=8, n_seeds=40, n_curvatures=20),
    },
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()

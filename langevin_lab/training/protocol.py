"""`train`: a network under any method, with validation, early stopping, restarts, checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from langevin_lab.ensemble.checks import check_count, check_first_replica, check_seed
from langevin_lab.ensemble.preparation import prepare
from langevin_lab.integrators import Method
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials.network import Network
from langevin_lab.training.checkpoint import Writer, read_checkpoint
from langevin_lab.training.epoch_schedule import check_epoch_clocks
from langevin_lab.training.evaluation import Evaluation, Evaluator
from langevin_lab.training.history import History
from langevin_lab.training.likelihood import check_network, steps_per_epoch
from langevin_lab.training.plan import Plan, check_settings, settings_text
from langevin_lab.training.trainer import Trainer

__all__ = ["train"]

# Arguments of `simulate` that mean the same here.
_PASSED_ON = (
    "dt", "gradient_noise", "start_momentum", "start_thermostat", "chunk_size", "n_threads",
    "divergence_bound", "progress", "backend", "precision",
)  # fmt: skip
_STARTS = ("start_momentum", "start_thermostat")


def train(
    dynamics: Any,
    integrator: Any,
    *,
    n_epochs: int,
    seed: int,
    validation: Any = None,
    test: Any = None,
    n_replicas: int | None = None,
    start: Any = None,
    scheme: str = "pytorch",
    first_replica: int = 0,
    evaluate_every: int = 1,
    monitor: str = "validation_loss",
    patience: int | None = None,
    minimum_improvement: float = 0.0,
    burn_in: int = 0,
    keep_every: int | None = None,
    callbacks: Callable[[Evaluation], Any] | Iterable[Callable[[Evaluation], Any]] = (),
    continue_from: Any = None,
    checkpoint: Any = None,
    checkpoint_seconds: float = 60.0,
    **simulation: Any,
) -> Any:
    """Train a network, many replicas of it at once, with any dynamics or optimiser.

    It is `simulate` from epoch to epoch, so the same numbers come out bit for bit for any threads
    and chunks, for a part of the replicas alone and for a training that is continued. A replica
    that stops early keeps its weights and costs nothing more; the others do not notice.

    Parameters
    ----------
    dynamics : Dynamics or Network
        On a network with the training examples: `Langevin`, `Overdamped`, `AdaptiveLangevin`,
        `Partitioned` (AdLaLa, LOL), ...; the network itself for an optimiser.
    integrator : str, Method or Optimiser
        As `simulate`: "BAOAB", "EulerMaruyama", ``ll.momentum.SGD(learning_rate=0.1)``.
    n_epochs : int
        Of `steps_per_epoch` steps each; after ``continue_from`` so many more.
    seed : int
        Of starts, batches and noise.
    validation, test : Examples or (inputs, targets), optional
        The first chooses best weights and stops, the second is only looked at.
    n_replicas : int, optional
        Restarts; by default as many as starts, or 1.
    start : array_like of shape (dim,) or (n_replicas, dim), optional
        By default ``network.start(seed=seed, scheme=scheme)``, different for each replica.
    scheme : str, optional
        As `Network.start`.
    first_replica : int, optional
        Replicas 10..19 run alone are those of a larger training.
    evaluate_every : int, optional
        Epochs between evaluations of all parts; it divides the number of epochs.
    monitor : "validation_loss" or "validation_accuracy", optional
        What decides which weights are best.
    patience : int, optional
        A replica stops at the first evaluation that comes at least so many epochs after its best.
    minimum_improvement : float, optional
        >= 0: only more than this counts as better.
    burn_in, keep_every : int, optional
        Keep the weights after epochs burn_in + keep_every, burn_in + 2 keep_every, ..., such as
        for averages over a posterior. One of them must be reached, but by a part of a training:
        with ``checkpoint`` or ``continue_from`` there may be none yet.
    callbacks : callable or iterable of callable, optional
        Each is called with every `Evaluation`; it may return True to stop all replicas, or an array
        of bool (n_replicas,). Errors pass through.
    continue_from : xarray.Dataset, optional
        What an earlier call with the same settings returned.
    checkpoint : path, optional
        File that the result is written to after evaluations, and read from if it is there: the same
        call after a kill goes on until n_epochs.
    checkpoint_seconds : float, optional
        Least time between two writes but the last.
    **simulation
        Further arguments of `simulate`: dt, start_momentum, start_thermostat, gradient_noise,
        n_threads, chunk_size, divergence_bound, backend, precision ("torch:cuda" trains thousands
        of networks at once), progress (one bar for all epochs of the call, if they take longer
        than 3 s; by default in a terminal).

    Returns
    -------
    xarray.Dataset
        ``train_loss``, ``validation_accuracy``, ... (epoch, replica), NaN after a replica's end;
        losses are means over examples without weight decay. With validation ``x_best``
        (replica, coordinate), ``best_epoch`` and ``best_validation_loss``, or ``..._accuracy``
        (replica). ``stopped_epoch`` (replica), -1 if never; with keep_every ``x_kept`` (kept_epoch,
        replica, coordinate). Where all replicas have diverged or stopped, training ends: the axes
        epoch and kept_epoch end there, before n_epochs, and kept_epoch may be empty. Final state,
        ``diverged_step`` and provenance as `simulate`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, also as `simulate` raises them.

    Source
    ------
    Prechelt (1998) for stopping on a validation set with patience.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> parts = ll.training.stratified_split(ll.potentials.two_moons(300, seed=1), seed=2)
    >>> network = ll.potentials.multilayer_perceptron(
    ...     parts[0].inputs, parts[0].targets, hidden=(8,), loss="binary_cross_entropy")
    >>> training = ll.training.train(
    ...     network, ll.momentum.SGD(learning_rate=0.5, momentum=0.9), n_epochs=300, seed=1,
    ...     validation=parts[1], test=parts[2], n_replicas=4, evaluate_every=10, patience=100)
    >>> at_best = training["test_accuracy"].sel(epoch=training["best_epoch"])
    >>> bool(at_best.sel(replica=ll.training.best_replica(training)) > 0.9)
    True
    """
    for name in simulation:
        if name not in _PASSED_ON:
            raise TypeError(
                f"{name}={simulation[name]!r:.60} is no argument of train; of those of simulate it "
                f"takes {', '.join(_PASSED_ON)}"
            )
    network = check_network(getattr(dynamics, "potential", dynamics))
    _check_integrator(dynamics, integrator)
    called = _several(callbacks)
    evaluator = Evaluator.of(network, validation=validation, test=test)
    plan = Plan(evaluate_every, monitor, patience, minimum_improvement, burn_in, keep_every)
    plan = plan.checked(evaluator.names)
    stored = None if checkpoint is None else read_checkpoint(checkpoint, continue_from)
    if start is not None and scheme != "pytorch":
        raise ValueError(f"scheme={scheme!r} draws starts, but start is given; leave one out")
    if continue_from is not None and start is not None:
        raise ValueError("start is given and so is continue_from, which starts where it ended")
    earlier = continue_from if stored is None else stored
    count = _n_replicas(n_replicas, start, earlier)
    simulation |= {"seed": check_seed(seed), "n_replicas": count}
    simulation |= {"first_replica": check_first_replica(first_replica, count)}
    start = _start(network, start, scheme, simulation)
    settings = settings_text(plan, evaluator.digests(), hashlib.sha256(start.tobytes()).hexdigest())
    writer = Writer(checkpoint, checkpoint_seconds)
    per_epoch, epoch = steps_per_epoch(network), 0
    if earlier is not None:
        check_settings(earlier, settings, with_start=stored is not None)
        epoch = int(earlier.attrs["n_steps"]) // per_epoch
    total = plan.total(0 if stored is not None else epoch, n_epochs)
    if earlier is None and checkpoint is None:
        plan.check_keeping(total)
    if total < epoch:
        raise ValueError(
            f"n_epochs={n_epochs}, but checkpoint={str(checkpoint)!r} holds {epoch} epochs; use "
            "n_epochs no smaller, or another file"
        )
    chunk_size = simulation.pop("chunk_size", None)
    pace = {
        "chunk_size": None if chunk_size is None else check_count("chunk_size", chunk_size, 1),
        "progress": simulation.pop("progress", None),
    }
    # Also where no step is left: what is returned must belong to these settings.
    begun = {"start": start}
    if earlier is not None:
        simulation = {key: value for key, value in simulation.items() if key not in _STARTS}
        begun = {"continue_from": earlier}
    steps = (total - epoch) * per_epoch
    prepared = prepare(dynamics, integrator, n_steps=steps, **begun, **simulation)
    check_epoch_clocks(prepared.run.kernel.dynamics, per_epoch, prepared.run.kernel.dt)
    trainer = Trainer(
        prepared=prepared, steps_per_epoch=per_epoch, pace=pace, evaluator=evaluator,
        history=History(plan, evaluator.names, count, network.dim), callbacks=called,
        settings=settings, writer=writer, earlier=earlier,
    )  # fmt: skip
    return trainer.advance(total)


def _check_integrator(dynamics: Any, integrator: Any) -> None:
    """Raise TypeError unless the integrator is one, and for a network itself an optimiser."""
    optimiser = "an optimiser such as ll.momentum.SGD(learning_rate=0.1)"
    if isinstance(integrator, type):
        raise TypeError(
            f"integrator={integrator.__name__} is a class: give an instance, such as "
            "ll.momentum.SGD(learning_rate=0.1)"
        )
    if not isinstance(integrator, (str, Method, Optimiser)):
        raise TypeError(
            f"integrator={integrator!r} must be the name of a method such as 'BAOAB', a Method or "
            f"{optimiser}"
        )
    if isinstance(dynamics, Network) and not isinstance(integrator, Optimiser):
        raise TypeError(
            f"integrator={integrator!r} for a network itself must be {optimiser}; methods of "
            "dynamics, such as 'BAOAB', need ll.Langevin(network, temperature=..., friction=...)"
        )


def _n_replicas(given: int | None, start: Any, earlier: Any) -> int:
    if given is not None:
        return check_count("n_replicas", given, 1)
    if np.ndim(start) == 2:
        return len(start)
    return 1 if earlier is None else int(earlier.sizes["replica"])


def _start(network: Network, given: Any, scheme: str, simulation: dict[str, Any]) -> np.ndarray:
    """Weights to start from, shape (n_replicas, dim); drawn ones are those of a larger ensemble."""
    first, count = simulation["first_replica"], simulation["n_replicas"]
    if given is None:
        return network.start(seed=simulation["seed"], n_replicas=first + count, scheme=scheme)[
            first:
        ]
    array = np.asarray(given, dtype=float)
    if array.shape not in ((network.dim,), (count, network.dim)):
        raise ValueError(
            f"start has shape {array.shape}, but must have ({network.dim},) or "
            f"({count}, {network.dim})"
        )
    return np.array(np.broadcast_to(array, (count, network.dim)))


def _several(callbacks: Any) -> tuple[Callable[[Evaluation], Any], ...]:
    if not (callable(callbacks) or isinstance(callbacks, Iterable)):
        raise TypeError(
            f"callbacks={callbacks!r} must be a function of an Evaluation, or several in a list"
        )
    found = (callbacks,) if callable(callbacks) else tuple(callbacks)
    for callback in found:
        if not callable(callback):
            raise TypeError(f"callbacks holds {callback!r}, which cannot be called")
    return found

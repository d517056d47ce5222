"""A stretch of steps of one block of replicas, from tensors to tensors, with nothing read back.

So a CUDA card can capture it as a graph and replay it: a step then costs its kernels and no
Python. What a stretch takes besides the state (the counter of its first normal, coefficients of a
schedule, examples of minibatches) are tensors as well. On a CPU it is called as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from langevin_lab.potentials import FactorNoise, GaussianNoise, Minibatch
from langevin_lab.potentials.gradient_noise import GradientNoise
from langevin_lab.pytorch.functions import TensorFunctions
from langevin_lab.pytorch.vocabulary import evaluate_text

__all__ = ["DrawnGradient", "Plan", "Stretch"]


@dataclass(frozen=True)
class Plan:
    """What is done in which step of a stretch; the same graph serves all with the same plan.

    Parameters
    ----------
    n_steps : int
    records, saves : tuple of bool
        After which steps moments are recorded, the state is saved.
    skip : int
        Normals of the first pair that belong to the step before: 0 or 1.
    masked : bool, optional
        Whether some replicas are frozen, and not recorded.
    """

    n_steps: int
    records: tuple[bool, ...]
    saves: tuple[bool, ...]
    skip: int
    masked: bool = False


@dataclass
class Stretch:
    """What a block carries through a stretch, and what it returns.

    Parameters
    ----------
    state : dict of str to tensor
    sums : list of tensor
        One a moment, float64 (n_replicas,).
    counts : list of tensor
        Counters of the histograms, int64.
    frozen : bool tensor of shape (n_replicas,)
    first_pair : int or int64 tensor of shape ()
    table : list of lists, or tensor
        Coefficients, one row for all steps or one a step.
    indices : int64 tensor of shape (n_replicas, batches, batch_size), or None
    outside : bool tensor, or None
        Replicas that were outside the bound after any step that was looked at.
    saved : list of dict
        The state after each saved step.
    """

    state: dict[str, torch.Tensor]
    sums: list[torch.Tensor]
    counts: list[torch.Tensor]
    frozen: torch.Tensor
    first_pair: Any
    table: Any
    indices: torch.Tensor | None = None
    outside: torch.Tensor | None = None
    saved: list[dict[str, torch.Tensor]] = field(default_factory=list)


class DrawnGradient:
    """The gradient that a step's lines call, its noise from the numbers of the step.

    Parameters
    ----------
    functions : TensorFunctions
    noise : GradientNoise or None
    axis : int
        Of the coordinates.
    dtype : torch.dtype
        Of the state; the functions may have a lower one.
    """

    def __init__(
        self, functions: TensorFunctions, noise: GradientNoise | None, axis: int, dtype: torch.dtype
    ):
        self.functions, self.noise, self.axis, self.dtype = functions, noise, axis, dtype
        self.lower = functions.dtype if functions.dtype != dtype else None
        if isinstance(noise, GaussianNoise):
            numbers = noise.factor if noise.is_diagonal else noise.matrix.tolist()
            factor = torch.tensor(numbers, dtype=dtype, device=functions.device)
            self.factor = factor[:, None] if noise.is_diagonal and axis == 0 else factor

    def __call__(
        self, x: torch.Tensor, normals: torch.Tensor | None, indices: torch.Tensor | None
    ) -> torch.Tensor:
        """The drawn gradient at x.

        Parameters
        ----------
        x : tensor
        normals : tensor
            Those of this evaluation along the axis of coordinates.
        indices : int64 tensor of shape (n_replicas, batch_size)
        """
        at = x if self.lower is None else x.to(self.lower)
        if isinstance(self.noise, Minibatch):
            shift: Any = 0.0
            if self.noise.n_normals:
                assert normals is not None
                shift = (self.noise.label_noise * normals).to(at.dtype)
            assert indices is not None
            return self.functions.batch_gradient(at, indices, shift).to(self.dtype)
        gradient = self.functions.gradient(at, self.axis).to(self.dtype)
        if self.noise is None:
            return gradient
        assert normals is not None
        return self._disturbed(gradient, x, normals)

    def _disturbed(
        self, gradient: torch.Tensor, x: torch.Tensor, normals: torch.Tensor
    ) -> torch.Tensor:
        if isinstance(self.noise, GaussianNoise):
            if self.noise.is_diagonal:
                return torch.addcmul(gradient, self.factor, normals)
            added = self.factor @ normals if self.axis == 0 else normals @ self.factor.T
            return gradient + added
        assert isinstance(self.noise, FactorNoise)
        rows, drawn = list(gradient.unbind(self.axis)), normals.unbind(self.axis)
        potential = self.functions.potential
        values: dict[str, Any] = dict(potential.parameters)
        values |= dict(zip(potential.variables, x.unbind(self.axis)))
        for (row, column), entry in self.noise.entries.items():
            rows[row] = rows[row] + evaluate_text(entry.source, values) * drawn[column]
        return torch.stack(rows, dim=self.axis)


Runner = Callable[[Plan, Stretch], Stretch]


class GraphedRunner:
    """Stretches replayed from CUDA graphs, one for each plan; without a card called as they are.

    Parameters
    ----------
    function : callable
        (plan, stretch) -> stretch; reads nothing back to the host.
    device : torch.device or None
        The card, if there is one.
    """

    MOST_GRAPHS = 8  # each keeps the memory of a stretch

    def __init__(self, function: Runner, device: torch.device | None):
        self.function, self.device = function, device
        self.graphs: dict[Plan, tuple[Any, Stretch, Stretch]] = {}
        self.seen: set[Plan] = set()

    def __call__(self, plan: Plan, stretch: Stretch) -> Stretch:
        """The stretch after its steps; the one given is left as it was."""
        if self.device is None or plan not in self.seen:
            self.seen.add(plan)  # a plan that never comes again is not worth a graph
            return self.function(plan, stretch)
        if plan not in self.graphs:
            if len(self.graphs) == self.MOST_GRAPHS:
                return self.function(plan, stretch)
            try:
                self.graphs[plan] = self._captured(plan, stretch)
            except RuntimeError as error:
                self._give_up(error)
                return self.function(plan, stretch)
        graph, given, result = self.graphs[plan]
        copy_into(given, stretch)
        graph.replay()
        return copied(result)

    def _give_up(self, error: RuntimeError) -> None:
        """A function of the user's may look at a value, or bring one from the host."""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"the steps cannot be captured as a CUDA graph ({reason}) and are launched one by one, "
            "which is slower; give the potential's functions all they read in tensors=..., and let "
            "them look at no value",
            RuntimeWarning,
            stacklevel=2,
        )
        self.device = None

    def _captured(self, plan: Plan, stretch: Stretch) -> tuple[Any, Stretch, Stretch]:
        """The graph, and the tensors that it reads and writes.

        The stream is one of the run's card: torch's own for captures is of the first card that
        captured anything, and records nothing of another. A capture that fails leaves it current.
        """
        given, here = copied(stretch), torch.cuda.current_stream(self.device)
        side = torch.cuda.Stream(self.device)
        try:
            with torch.cuda.device(self.device):
                side.wait_stream(here)
                with torch.cuda.stream(side):  # libraries set themselves up outside the capture
                    self.function(plan, given)
                here.wait_stream(side)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=side):
                    result = self.function(plan, given)
        finally:
            torch.cuda.set_stream(here)
        return graph, given, result


def tensors_of(stretch: Stretch) -> list[torch.Tensor]:
    """All tensors of a stretch, in one order."""
    others = (stretch.frozen, stretch.first_pair, stretch.table, stretch.indices, stretch.outside)
    parts = [*stretch.state.values(), *stretch.sums, *stretch.counts]
    parts += [tensor for tensor in others if isinstance(tensor, torch.Tensor)]
    return parts + [tensor for state in stretch.saved for tensor in state.values()]


def copy_into(target: Stretch, source: Stretch) -> None:
    """Write all tensors of one stretch to those of another."""
    for into, tensor in zip(tensors_of(target), tensors_of(source), strict=True):
        into.copy_(tensor)


def copied(stretch: Stretch) -> Stretch:
    """The same stretch in tensors of its own."""

    def clones(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in state.items()}

    def own(value: Any) -> Any:
        return value.clone() if isinstance(value, torch.Tensor) else value

    return Stretch(
        state=clones(stretch.state),
        sums=[tensor.clone() for tensor in stretch.sums],
        counts=[tensor.clone() for tensor in stretch.counts],
        frozen=stretch.frozen.clone(),
        first_pair=own(stretch.first_pair),
        table=own(stretch.table),
        indices=own(stretch.indices),
        outside=own(stretch.outside),
        saved=[clones(state) for state in stretch.saved],
    )

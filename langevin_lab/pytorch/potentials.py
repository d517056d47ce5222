"""A potential made of torch functions: whatever a tensor program can compute, for all replicas.

    U = ll.pytorch.torch_potential(lambda x: ((x**2 - 1)**2).sum(-1), dim=3)
    ll.simulate(ll.Langevin(U, temperature=0.2, friction=1.0), "BAOAB", ..., backend="torch")

The functions take all replicas at once, x of shape (replicas, dim), or one each (``per_replica``,
then `torch.func.vmap` batches them). The gradient comes from autograd unless it is given. Tensors
that the functions read are handed over by name (``tensors``), so that they follow the run to its
device and its precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from langevin_lab.potentials import Minibatch, Potential
from langevin_lab.potentials.arguments import box, coordinates, rule_of
from langevin_lab.potentials.code import Code, Function, digest_of
from langevin_lab.potentials.evaluation import ArrayEvaluator
from langevin_lab.pytorch.function_checks import check_functions
from langevin_lab.pytorch.function_keys import function_key, tensors_key
from langevin_lab.pytorch.functions import TensorFunctions, slope

__all__ = ["TorchCode", "TorchFunctions", "TorchPotential", "torch_potential"]


@dataclass(frozen=True, repr=False)
class TorchCode(Code):
    """The torch functions of a potential; ``energy`` and ``gradient`` as in `Code`, of tensors.

    Attributes
    ----------
    batch_energy, batch_gradient : function or None
        Of (x, indices): the mean over the examples with these indices (replicas, batch_size).
    tensors : mapping
        Name -> tensor, given to every function by name.
    work : int
        Numbers of the largest intermediate tensor for each replica; 0: unknown, taken as dim.
    """

    batch_energy: Function | None = None
    batch_gradient: Function | None = None
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    work: int = 0


class TorchFunctions(TensorFunctions):
    """The functions of a `TorchPotential` with their tensors in one precision on one device."""

    def __init__(self, potential: Potential, dtype: torch.dtype, device: torch.device):
        super().__init__(potential, dtype, device)
        code = potential.code
        assert isinstance(code, TorchCode)
        self.code = code
        self.work = code.work or potential.dim
        self.tensors = {
            name: value.to(device, dtype if value.is_floating_point() else None)
            for name, value in code.tensors.items()
        }

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        assert self.code.energy is not None
        return self.code.energy(x.movedim(axis, -1), **self.tensors)

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        at = x.movedim(axis, -1)
        if self.code.gradient is not None:
            return self.code.gradient(at, **self.tensors).movedim(-1, axis)
        return self._slope(self.energy, at).movedim(-1, axis)

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, label_noise: Any = 0.0
    ) -> torch.Tensor:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        if self.code.batch_gradient is not None:
            return self.code.batch_gradient(x, indices, **self.tensors)
        function = self.code.batch_energy
        assert function is not None
        return self._slope(lambda at: function(at, indices, **self.tensors), x)

    def _slope(self, energy: Function, x: torch.Tensor) -> torch.Tensor:
        follow = torch.is_grad_enabled() and x.requires_grad
        with torch.enable_grad():
            at = x if follow else x.detach().requires_grad_()
            return slope(energy(at), at, follow=follow)


class TorchEvaluator(ArrayEvaluator):
    """The torch functions over numpy arrays, in float64 on the CPU."""

    def __init__(self, potential: Potential):
        super().__init__(potential.code, potential.dim)
        self.functions = TorchFunctions(potential, torch.float64, torch.device("cpu"))

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        return self._points(self.functions.energy, x, x.shape[:-1])[()]

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self._points(self.functions.gradient, x, x.shape)

    def hessian(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self._points(self.functions.hessian, x, (*x.shape, self.dim))

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return np.einsum("...ij,...j->...i", self.hessian(x, parameters), v)

    def batch_gradient(
        self, x: np.ndarray, parameters: np.ndarray, indices: np.ndarray, label_noise: Any
    ) -> np.ndarray:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        shape = np.broadcast_shapes(x.shape[:-1], indices.shape[:-1])
        drawn = np.broadcast_to(indices, (*shape, indices.shape[-1]))
        flat = torch.tensor(drawn.reshape(-1, indices.shape[-1]))
        return self._points(
            lambda at: self.functions.batch_gradient(at, flat),
            np.broadcast_to(x, (*shape, self.dim)),
            (*shape, self.dim),
        )

    def _points(self, function: Function, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        points = torch.tensor(np.ascontiguousarray(x).reshape(-1, self.dim))
        return function(points).detach().numpy().reshape(shape)


@dataclass(frozen=True, eq=False, repr=False)
class TorchPotential(Potential):
    """A potential of torch functions; make one with `torch_potential`.

    ``energy``, ``gradient`` and ``hessian`` take arrays or tensors (..., dim) and return what they
    were given.
    """

    tensor_functions = TorchFunctions

    def __reduce__(self) -> tuple[Any, ...]:
        return TorchPotential, super().__reduce__()[1]

    def _identity(self) -> tuple[Any, ...]:
        code = self.code
        assert isinstance(code, TorchCode)
        functions = (code.energy, code.gradient, code.batch_energy, code.batch_gradient)
        tensors = tuple((name, id(value)) for name, value in code.tensors.items())
        return (*super()._identity(), functions, tensors)

    def energy(self, x: Any) -> Any:
        """Return U(x): x (..., dim) -> (...)."""
        return self._of_tensor("energy", x) if torch.is_tensor(x) else super().energy(x)

    def gradient(self, x: Any) -> Any:
        """Return dU/dx_i: x (..., dim) -> (..., dim)."""
        return self._of_tensor("gradient", x) if torch.is_tensor(x) else super().gradient(x)

    def hessian(self, x: Any) -> Any:
        """Return d2U/dx_i dx_j: x (..., dim) -> (..., dim, dim)."""
        return self._of_tensor("hessian", x) if torch.is_tensor(x) else super().hessian(x)

    def with_gradient_penalty(self, coefficient: float) -> Potential:
        """Refused with ValueError: write the penalty into the energy, where autograd follows it."""
        raise ValueError(
            f"coefficient={coefficient!r}: a gradient penalty of {self.name} is not derived from "
            "torch functions; give torch_potential an energy that adds coefficient |grad U|^2, by "
            "autograd or torch.func.grad"
        )

    def _of_tensor(self, name: str, x: torch.Tensor) -> torch.Tensor:
        value = getattr(TorchFunctions(self, x.dtype, x.device), name)(x.reshape(-1, self.dim))
        return value.reshape(*x.shape[:-1], *value.shape[1:])

    @cached_property
    def _evaluator(self) -> TorchEvaluator:
        return TorchEvaluator(self)


def torch_potential(
    energy: Function,
    dim: int,
    *,
    gradient: Function | None = None,
    batch_energy: Function | None = None,
    batch_gradient: Function | None = None,
    n_examples: int | None = None,
    batch_size: int | None = None,
    replacement: bool = False,
    tensors: Mapping[str, torch.Tensor] | None = None,
    per_replica: bool = False,
    work: int | None = None,
    variables: Sequence[str] | None = None,
    name: str = "torch potential",
    latex: str = "",
    probe: Any = None,
    stationary_points: Any = None,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> TorchPotential:
    """Return the potential of torch functions, for ``backend="torch"``.

    Parameters
    ----------
    energy : function, x (replicas, dim) -> (replicas,)
        Differentiable; it mixes no replicas. Tensors of ``tensors`` follow by name.
    dim : int
        Number of coordinates, >= 1.
    gradient : function, x (replicas, dim) -> (replicas, dim), optional
        By default from autograd.
    batch_energy, batch_gradient : function of (x, indices), optional
        Mean over the examples with these indices (replicas, batch_size) or its gradient; one of
        them for minibatches.
    n_examples, batch_size : int, optional
        For minibatches: examples in all, and of one gradient. The examples are those that a
        compiled run would draw, `noise.batch_indices`.
    replacement : bool, optional
        As `empirical_risk`.
    tensors : mapping, optional
        Name -> tensor that the functions take by name; floating ones are cast to the precision of
        a run, and all are moved to its device, once.
    per_replica : bool, optional
        The functions are of one replica, x (dim,), indices (batch_size,); `torch.func.vmap` makes
        them functions of all.
    work : int, optional
        Numbers of the largest intermediate tensor for each replica, such as examples times units;
        a CPU takes as few replicas at a time as fit in its cache.
    variables, name, latex, stationary_points, bounds : optional
        As `Potential.from_functions`.
    probe : array_like of shape (dim,), optional
        A point of finite energy where the functions are checked; by default between 0.3 and 0.7.

    Raises
    ------
    ValueError, TypeError
        If dim, n_examples or batch_size is out of range, or the functions return other shapes,
        mix replicas, contradict one another or are not finite at `probe`, or cannot take float64.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.pytorch.torch_potential(lambda x: (x**2).sum(-1) / 2, dim=2)
    >>> U.gradient([[1.0, 2.0]])
    array([[1., 2.]])
    """
    functions = [energy, gradient, batch_energy, batch_gradient]
    _check_numbers(dim, n_examples, batch_size, work, drawing=any(functions[2:]))
    key = digest_of(
        "torch", name, repr(dim), *map(function_key, functions), tensors_key(tensors or {})
    )
    if per_replica:
        functions = [f and _vmapped(f, drawn) for f, drawn in zip(functions, (0, 0, 1, 1))]
    noise = None
    if n_examples is not None and batch_size is not None:
        noise = Minibatch(n_examples, batch_size, replacement, 0.0)
    potential = TorchPotential(
        name=name,
        variables=coordinates(variables, dim),
        parameters={},
        code=TorchCode(
            "torch", key, energy=functions[0], gradient=functions[1], cacheable=False,
            batch_energy=functions[2], batch_gradient=functions[3], tensors=dict(tensors or {}),
            work=work or 0,
        ),
        latex=latex,
        bounds=box(bounds, dim),
        rule=rule_of(stationary_points, dim),
        gradient_noise=noise,
    )  # fmt: skip
    own = TorchFunctions(potential, torch.float64, torch.device("cpu"))
    check_functions(own, noise, probe)
    return potential


def _vmapped(function: Function, n_indices: int) -> Function:
    """The function of all replicas; tensors are shared."""

    def of_all(x: torch.Tensor, *indices: torch.Tensor, **tensors: torch.Tensor) -> torch.Tensor:
        own: Callable[..., torch.Tensor] = torch.func.vmap(lambda *one: function(*one, **tensors))
        return own(x, *indices)

    assert n_indices in (0, 1)
    return of_all


def _check_numbers(dim: Any, n_examples: Any, batch_size: Any, work: Any, *, drawing: bool) -> None:
    counts = {"dim": dim, "n_examples": n_examples, "batch_size": batch_size, "work": work}
    for name, value in counts.items():
        if value is None and name != "dim":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value!r} must be an integer >= 1")
    drawn = (n_examples is not None, batch_size is not None, drawing)
    if len(set(drawn)) > 1:
        raise ValueError(
            f"n_examples={n_examples}, batch_size={batch_size} and batch_energy or batch_gradient "
            "belong together: give all for minibatches, none for the full gradient"
        )
    if drawing and batch_size > n_examples:
        raise ValueError(f"batch_size={batch_size} must be from 1 to n_examples={n_examples}")

"""Energy, gradient and Hessian of any potential as functions of tensors, on any device.

    functions = ll.pytorch.tensor_functions(potential)
    functions.energy(x), functions.gradient(x), functions.hessian(x)       # x: (..., dim)

Made from what the potential itself is made of: the text of a formula (`TextFunctions`), the text
of one example of a mean loss (`RiskFunctions`), torch functions (`TorchPotential`); what is
compiled only is called through numpy, on the CPU (`CompiledFunctions`). The first three are
differentiable by autograd.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from langevin_lab.potentials import Network, Potential
from langevin_lab.pytorch.vocabulary import torch_functions

__all__ = [
    "CompiledFunctions",
    "RiskFunctions",
    "TensorFunctions",
    "TextFunctions",
    "tensor_functions",
]


class TensorFunctions:
    """What a backend calls of a potential.

    Parameters
    ----------
    potential : Potential
    dtype : torch.dtype
    device : torch.device
    """

    # Numbers of the largest intermediate tensor for each replica, which decides how many replicas
    # a CPU takes at a time.
    work: int

    def __init__(self, potential: Potential, dtype: torch.dtype, device: torch.device):
        self.potential, self.dtype, self.device = potential, dtype, device
        self.parameters = [float(value) for value in potential.parameter_values]
        self.work = potential.dim

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        """U(x): x with coordinates along ``axis``, which the result lacks."""
        raise NotImplementedError

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        """dU/dx, of the shape of x."""
        raise NotImplementedError

    def hessian(self, x: torch.Tensor) -> torch.Tensor:
        """d2U/dx_i dx_j: x (..., dim) -> (..., dim, dim), by autograd."""
        with torch.enable_grad():
            at = x if x.requires_grad else x.detach().requires_grad_()
            gradient = slope(self.energy(at), at)
            rows = [slope(gradient[..., i], at) for i in range(x.shape[-1])]
        hessian = torch.stack(rows, dim=-2)
        return hessian if x.requires_grad else hessian.detach()

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, label_noise: Any = 0.0
    ) -> torch.Tensor:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        raise NotImplementedError


def slope(value: torch.Tensor, x: torch.Tensor, *, follow: bool = True) -> torch.Tensor:
    """Derivative of the sum of ``value``, itself differentiable if it is to ``follow``."""
    if not value.requires_grad:  # a constant
        return torch.zeros_like(x)
    (derivative,) = torch.autograd.grad(
        value.sum(), x, create_graph=follow, allow_unused=True, materialize_grads=True
    )
    return derivative


class TextFunctions(TensorFunctions):
    """The text of a formula, run over the coordinates."""

    def __init__(self, potential: Potential, dtype: torch.dtype, device: torch.device):
        super().__init__(potential, dtype, device)
        self.text = torch_functions(potential.code.source)

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        rows = x.unbind(axis)
        return _like(self.text["energy"](*rows, *self.parameters), rows[0])

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        return vector(self.text["gradient"], x, self.parameters, axis)

    def hessian(self, x: torch.Tensor) -> torch.Tensor:
        """d2U/dx_i dx_j: x (..., dim) -> (..., dim, dim), from the derived text."""
        rows = x.unbind(-1)
        values = self.text["hessian"](*rows, *self.parameters)
        out = [[rows[0]] * len(rows) for _ in rows]
        pairs = itertools.combinations_with_replacement(range(len(rows)), 2)
        for (i, j), value in zip(pairs, values):
            out[i][j] = out[j][i] = _like(value, rows[0])
        return torch.stack([torch.stack(row, dim=-1) for row in out], dim=-2)

    def laplacian(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        """Trace of the Hessian."""
        rows = x.unbind(axis)
        values = self.text["hessian"](*rows, *self.parameters)
        pairs = itertools.combinations_with_replacement(range(len(rows)), 2)
        return _like(sum(value for (i, j), value in zip(pairs, values) if i == j), rows[0])


def vector(
    function: Callable[..., Sequence[Any]], x: torch.Tensor, parameters: Sequence[float], axis: int
) -> torch.Tensor:
    """A vector function of scalar text over the coordinates along ``axis``."""
    rows = x.unbind(axis)
    values = [_like(value, rows[0]) for value in function(*rows, *parameters)]
    # One coordinate needs no copy.
    return values[0].unsqueeze(axis) if len(values) == 1 else torch.stack(values, dim=axis)


def _like(value: Any, row: torch.Tensor) -> torch.Tensor:
    """A value of one coordinate's shape: text without coordinates gives a number."""
    if isinstance(value, torch.Tensor):
        return value
    return torch.full_like(row, value)


class RiskFunctions(TensorFunctions):
    """The text of one example over replicas and examples: all of them, or a minibatch."""

    def __init__(self, potential: Potential, dtype: torch.dtype, device: torch.device):
        from langevin_lab.potentials.formula import derived

        super().__init__(potential, dtype, device)
        data = potential.data
        assert data is not None
        names = (*potential.parameters, *data.columns)
        code = derived(potential.text, potential.variables, names, hessian=False)[1]
        self.text = torch_functions(code.source)
        values = torch.tensor(data.values.tolist(), dtype=dtype, device=device)
        self.columns = [column.contiguous() for column in values.unbind(1)]
        self.label = None if data.label is None else data.columns.index(data.label)
        self.work = potential.dim * len(values)

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        rows = [row.unsqueeze(-1) for row in x.unbind(axis)]
        value = self.text["energy"](*rows, *self.parameters, *self.columns)
        return torch.broadcast_to(value, (*rows[0].shape[:-1], len(self.columns[0]))).mean(-1)

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        return self._mean(x, self.columns, axis)

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, label_noise: Any = 0.0
    ) -> torch.Tensor:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        drawn = [column[indices] for column in self.columns]
        if self.label is not None:
            drawn[self.label] = drawn[self.label] + label_noise
        return self._mean(x, drawn, -1)

    def _mean(self, x: torch.Tensor, columns: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        rows = [row.unsqueeze(-1) for row in x.unbind(axis)]
        values = self.text["gradient"](*rows, *self.parameters, *columns)
        shape = torch.broadcast_shapes(rows[0].shape, columns[0].shape)
        means = [torch.broadcast_to(_like(v, rows[0]), shape).mean(-1) for v in values]
        return torch.stack(means, dim=axis)


class CompiledFunctions(TensorFunctions):
    """Functions that are compiled only, called through numpy in float64; not differentiable."""

    def _through_numpy(self, name: str, x: torch.Tensor, axis: int, *more: Any) -> torch.Tensor:
        points = x.detach().movedim(axis, -1).to(torch.float64).numpy()
        evaluate = getattr(self.potential._evaluator, name)
        value = evaluate(points, self.potential.parameter_values, *more)
        return torch.as_tensor(value, dtype=x.dtype)

    def energy(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        return self._through_numpy("energy", x, axis)

    def gradient(self, x: torch.Tensor, axis: int = -1) -> torch.Tensor:
        return self._through_numpy("gradient", x, axis).movedim(-1, axis)

    def hessian(self, x: torch.Tensor) -> torch.Tensor:
        """d2U/dx_i dx_j: x (..., dim) -> (..., dim, dim)."""
        return self._through_numpy("hessian", x, -1)

    def batch_gradient(
        self, x: torch.Tensor, indices: torch.Tensor, label_noise: Any = 0.0
    ) -> torch.Tensor:
        """Mean gradient of the examples with these indices (..., batch_size)."""
        if isinstance(label_noise, torch.Tensor):
            label_noise = label_noise.to(torch.float64).numpy()
        return self._through_numpy("batch_gradient", x, -1, indices.numpy(), label_noise)


def tensor_functions(
    potential: Potential,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> TensorFunctions:
    """Return energy, gradient and Hessian of a potential as functions of tensors (..., dim).

    Parameters
    ----------
    potential : Potential
        Of a formula, an `empirical_risk`, a `TorchPotential`: differentiable by autograd. One that
        is given as compiled functions is evaluated by them.
    dtype : torch.dtype, optional
        Of the tensors that they will be given.
    device : torch.device or str, optional

    Returns
    -------
    TensorFunctions
        With ``energy``, ``gradient``, ``hessian``; with data ``batch_gradient``.

    Raises
    ------
    TypeError
        If the potential is compiled only and the device or the dtype is not the CPU's.

    Example
    -------
    >>> import torch
    >>> import langevin_lab as ll
    >>> functions = ll.pytorch.tensor_functions(ll.potentials.double_well())
    >>> functions.gradient(torch.tensor([[0.5]], dtype=torch.float64))
    tensor([[-1.5000]], dtype=torch.float64)
    """
    device = torch.device(device)
    kind = _kind(potential)
    if kind is CompiledFunctions and (device.type != "cpu" or dtype == torch.bfloat16):
        where = f"device={str(device)!r}" if device.type != "cpu" else "precision='bfloat16'"
        raise TypeError(
            f"{potential!r} is made of compiled functions, which torch cannot run with {where}; "
            "use the CPU in float64 or float32, a potential from an expression, or "
            "ll.pytorch.torch_potential(...)"
        )
    return kind(potential, dtype, device)


def _kind(potential: Potential) -> Callable[..., TensorFunctions]:
    from langevin_lab.potentials.penalised_formula import is_penalised

    own = getattr(potential, "tensor_functions", None)
    if own is not None:
        return own
    if isinstance(potential, Network):
        from langevin_lab.pytorch.network_functions import NetworkFunctions

        return NetworkFunctions
    if potential.code.form == "scalar":
        return TextFunctions
    if potential.data is not None and potential.text and not is_penalised(potential.text):
        return RiskFunctions
    return CompiledFunctions

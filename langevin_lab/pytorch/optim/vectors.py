"""The vectors of a step's lines as lists of tensors, and the functions that lines may call.

A line such as ``p = fma(-kick, g, p)`` is run on the momenta of all parameters of a group at once,
by torch's `_foreach` operations: one launch for a list on a GPU. Coefficients are floats, scalars
(thermostats) tensors of no dimension, which stay where the parameters are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

__all__ = ["FUNCTIONS", "Vectors"]


class Vectors:
    """One entry per coordinate of a group, in the shapes of its parameters.

    Parameters
    ----------
    tensors : list of tensor
    """

    __slots__ = ("tensors",)

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self.tensors = tensors

    def __mul__(self, other: Any) -> Vectors:
        if isinstance(other, torch.Tensor):
            other = other.to(self.tensors[0].dtype)  # what the fused kernels of GPUs ask for
        return Vectors(list(torch._foreach_mul(self.tensors, _plain(other))))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Vectors:
        if isinstance(other, float) and other == 0.0:
            return self
        return Vectors(list(torch._foreach_add(self.tensors, _plain(other))))

    __radd__ = __add__


def _plain(other: Any) -> Any:
    return other.tensors if isinstance(other, Vectors) else other


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """a b + c; b and c are vectors, scalars, or floats where there is no noise."""
    if isinstance(b, Vectors) and isinstance(c, Vectors):
        if isinstance(a, float):
            return Vectors(list(torch._foreach_add(c.tensors, b.tensors, alpha=a)))
        return c + b * a
    return a * b + c


def add_to(c: Any, a: Any, b: Any) -> Any:
    """c += a b where c is a vector that nothing else reads; else as `multiply_add`."""
    if not isinstance(c, Vectors):
        return multiply_add(a, b, c)
    if isinstance(b, Vectors):
        scaled = b if isinstance(a, float) else b * a
        alpha = a if isinstance(a, float) else 1.0
        torch._foreach_add_(c.tensors, scaled.tensors, alpha=alpha)
    elif b != 0.0:  # the float 0 stands for noise that is none
        torch._foreach_add_(c.tensors, a * b)
    return c


def scale_and_add(b: Any, a: Any, c: Any) -> Any:
    """b = a b + c where b is a vector that nothing else reads; else as `multiply_add`."""
    if not isinstance(b, Vectors):
        return multiply_add(a, b, c)
    if isinstance(a, torch.Tensor):
        a = a.to(b.tensors[0].dtype)
    torch._foreach_mul_(b.tensors, a)
    if isinstance(c, Vectors):
        torch._foreach_add_(b.tensors, c.tensors)
    elif c != 0.0:
        torch._foreach_add_(b.tensors, c)
    return b


def scaled(b: Any, a: Any) -> Any:
    """b = a b where b is a vector of normals that nothing else reads; the product else."""
    if not isinstance(b, Vectors):
        return a * b
    torch._foreach_mul_(b.tensors, a.to(b.tensors[0].dtype) if isinstance(a, torch.Tensor) else a)
    return b


def scalar_product(a: Vectors, b: Vectors) -> torch.Tensor:
    """The sum of a b over all coordinates, in float64 from the first addition on."""
    products = torch._foreach_mul(a.tensors, b.tensors)
    first = products[0].device
    sums = [product.sum(dtype=torch.float64).to(first) for product in products]
    return torch.stack(sums).sum()


def expm1_over(x: torch.Tensor) -> torch.Tensor:
    """(exp(x) - 1)/x, and 1 at 0."""
    nonzero = torch.where(x == 0, 1.0, x)
    return torch.where(x == 0, 1.0, torch.expm1(nonzero) / nonzero)


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "add_to": add_to,
        "dot": scalar_product,
        "exp": torch.exp,
        "expm1_over": expm1_over,
        "fma": multiply_add,
        "scale_and_add": scale_and_add,
        "scaled": scaled,
        "sqrt": torch.sqrt,
    }
)

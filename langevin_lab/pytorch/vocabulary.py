"""Generated text over tensors: the vocabulary of `compiled.elementary` as torch has it.

The text of a potential, of an observable and of a step's lines is the same that compiled kernels
and numpy run. Numbers in it stay Python numbers, so that the tensors alone decide the precision.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE
from langevin_lab.potentials.code import is_scalar_text

__all__ = ["TORCH_NAMESPACE", "evaluate_text", "step_namespace", "torch_functions"]


def _fma(a: Any, b: Any, c: Any) -> Any:
    """a b + c in one operation where c is a tensor."""
    if not isinstance(c, torch.Tensor):
        return a * b + c
    if not isinstance(a, torch.Tensor):
        return torch.add(c, b, alpha=a) if isinstance(b, torch.Tensor) else c + a * b
    return torch.addcmul(c, a, b) if isinstance(b, torch.Tensor) else torch.add(c, a, alpha=b)


def _expm1_over(x: torch.Tensor) -> torch.Tensor:
    at_zero = x == 0
    return torch.where(at_zero, 1.0, torch.expm1(x) / torch.where(at_zero, 1.0, x))


def _selecting(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    """The choice of one of two; of two numbers torch would make its default precision."""

    def select(condition: torch.Tensor, a: Any, b: Any) -> torch.Tensor:
        if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):
            a = torch.full((), a, dtype=dtype, device=condition.device)
        return torch.where(condition, a, b)

    return select


_TORCH: dict[str, Callable[..., Any]] = {
    "absolute": torch.abs,
    "arctan": torch.atan,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "expm1_over": _expm1_over,
    "log": torch.log,
    "log1p": torch.log1p,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "power": torch.pow,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
}


def _on_either(function: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The torch function of tensors, numpy's of numbers: a parameter may stand alone."""

    def call(*arguments: Any) -> Any:
        if any(isinstance(argument, torch.Tensor) for argument in arguments):
            return function(*arguments)
        return float(plain(*arguments))

    return call


TORCH_NAMESPACE: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: _on_either(function, NUMPY_NAMESPACE[name]) for name, function in _TORCH.items()}
    | {"fma": _fma, "select": _selecting(torch.float64)}
)


def step_namespace(dtype: torch.dtype) -> dict[str, Any]:
    """What the lines of a step may call, in one precision."""
    return {**TORCH_NAMESPACE, "select": _selecting(dtype), "__builtins__": {}}


@functools.lru_cache(maxsize=128)
def torch_functions(source: str) -> Mapping[str, Callable[..., Any]]:
    """The functions of a scalar text as functions of tensors that broadcast.

    Raises
    ------
    ValueError
        If the text holds anything but functions of assignments, arithmetic and known calls.
    """
    if not is_scalar_text(source):
        raise ValueError("source is not the text of scalar functions; delete the potential cache")
    namespace: dict[str, Any] = {"__builtins__": {}, **TORCH_NAMESPACE}
    exec(compile(source, "<potential>", "exec"), namespace)
    own = {name: f for name, f in namespace.items() if name not in TORCH_NAMESPACE}
    return {name: f for name, f in own.items() if callable(f)}


def evaluate_text(source: str, values: Mapping[str, Any]) -> Any:
    """The value of a parsed expression or region (its ``source``) over tensors."""
    return _as_function(source, tuple(values))(*values.values())


@functools.lru_cache(maxsize=256)
def _as_function(source: str, names: tuple[str, ...]) -> Callable[..., Any]:
    text = f"lambda {', '.join(names)}: {source}"
    # The source was written by TextWriter from a whitelisted tree; names are those it may use.
    function: Callable[..., Any] = eval(text, {"__builtins__": {}, **TORCH_NAMESPACE})
    return function

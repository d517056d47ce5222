"""The elementary functions of generated code as numpy has them; needs no compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["NUMPY_NAMESPACE"]


def _multiply_add(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


def _expm1_over(x: Any) -> Any:
    x = np.asarray(x, dtype=float)
    return np.divide(np.expm1(x), x, out=np.ones_like(x), where=x != 0)


NUMPY_NAMESPACE: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "absolute": np.absolute,
        "arctan": np.arctan,
        "cos": np.cos,
        "cosh": np.cosh,
        "exp": np.exp,
        "expm1": np.expm1,
        "expm1_over": _expm1_over,
        "fma": _multiply_add,
        "log": np.log,
        "log1p": np.log1p,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "power": np.power,
        "select": np.where,
        "sign": np.sign,
        "sin": np.sin,
        "sinh": np.sinh,
        "sqrt": np.sqrt,
        "tanh": np.tanh,
    }
)

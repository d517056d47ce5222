"""What `ModifiedFlow` is given: numbers in range, potentials that it can be derived on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Of what a positive symbol does not say.
_RANGES = {
    "momentum": (">= 0 and < 1", lambda value: 0 <= value < 1),
    "look_ahead": ("finite", lambda value: True),
    "friction": (">= 0", lambda value: value >= 0),
}


def check_number(name: str, symbol: Any, value: Any) -> None:
    """Raise unless a keyword holds a number in its range, > 0 where its symbol is positive."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}={value!r} must be a number")
    wanted, holds = ("> 0", lambda v: v > 0) if symbol.is_positive else _RANGES[name]
    if not (math.isfinite(value) and holds(value)):
        raise ValueError(f"{name}={value} must be finite and {wanted}")


def check_true_gradient(potential: Any) -> None:
    """Raise unless the gradient is that of the energy itself."""
    if not hasattr(potential, "gradient_noise"):
        raise TypeError(
            f"potential={potential!r} is not a Potential: use ll.potentials.NAME(), or "
            "ll.Potential.from_expression(...)"
        )
    if potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient of {potential.name} is drawn, {potential.gradient_noise!r}, but this "
            "equation is for the true one; use the potential without gradient noise"
        )


def check_formula(potential: Any) -> None:
    """Raise unless the potential is a formula."""
    check_true_gradient(potential)
    if potential.code.form != "scalar":
        raise TypeError(
            f"potential={potential!r} is no formula to derive from; use "
            "ll.Potential.from_expression(...), or ModifiedFlow.field, which takes any potential"
        )


def velocity_names(potential: Any) -> tuple[str, ...]:
    """v, or v_x, v_y, ...: as p, p_x, p_y name momenta."""
    if potential.dim == 1:
        return ("v",)
    return tuple(f"v_{name}" for name in potential.variables)


def check_free(potential: Any, names: tuple[str, ...]) -> None:
    """Raise if the potential has one of the names."""
    for name in names:
        if name in (*potential.variables, *potential.parameters):
            raise ValueError(
                f"{potential.name} uses the name {name!r}, which the modified equation needs for "
                "itself; rename it there"
            )


def checked_mass(mass: Any, dim: int) -> float | tuple[float, ...]:
    """One mass, or one for each coordinate."""
    array = np.asarray(mass, dtype=float)
    if array.shape not in ((), (dim,)) or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"mass={mass!r} must be > 0: one number, or one for each coordinate")
    return float(array) if array.ndim == 0 else tuple(array.tolist())

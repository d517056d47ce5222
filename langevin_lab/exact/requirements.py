"""What the exact solvers ask of their input, each with one clear refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def temperature_of(dynamics: Any) -> float:
    """Return the constant positive temperature of `dynamics`, or raise ValueError."""
    temperature = getattr(dynamics, "temperature", None)
    if not isinstance(temperature, int | float | np.floating | np.integer):
        raise ValueError(
            f"temperature={temperature!r} of {type(dynamics).__name__} is not a number; exact "
            "stationary results need a constant temperature"
        )
    if not 0.0 < temperature < np.inf:
        raise ValueError(f"temperature={temperature} must be positive and finite; use e.g. 0.2")
    return float(temperature)


def friction_of(dynamics: Any) -> Any:
    """Return the constant friction of `dynamics`, one or one a coordinate, or raise ValueError."""
    if not hasattr(dynamics, "friction"):
        raise TypeError(
            f"exact results that depend on friction are for GradientFlow, Overdamped and Langevin "
            f"dynamics, not for {type(dynamics).__name__}, whose friction is no number"
        )
    if callable(dynamics.friction):
        raise ValueError(
            f"friction={dynamics.friction!r} of {type(dynamics).__name__} is not a number; exact "
            "rates and laws need a constant friction"
        )
    return dynamics.friction


def is_underdamped(dynamics: Any) -> bool:
    """Tell whether the equation carries a momentum."""
    return hasattr(dynamics, "mass")


def require_overdamped(dynamics: Any, what: str) -> None:
    """Raise TypeError unless `dynamics` is overdamped."""
    if is_underdamped(dynamics):
        raise TypeError(
            f"{what} is computed for overdamped dynamics, not {type(dynamics).__name__}; "
            "pass Overdamped(potential, temperature=..., friction=...)"
        )


def require_true_gradient(dynamics: Any) -> None:
    """Raise ValueError if steps take drawn gradients, which an exact result knows nothing of."""
    noise = getattr(dynamics.potential, "gradient_noise", None)
    if noise is not None:
        raise ValueError(
            f"the gradient is drawn, {noise!r}: exact results are for the true gradient; use the "
            "potential without gradient noise, or on a quadratic "
            "exact.stationary_covariance(..., gradient_noise=)"
        )


def require_dimension(dynamics: Any, allowed: tuple[int, ...], what: str) -> int:
    """Return the dimension of the potential; raise ValueError unless it is one of `allowed`."""
    dim = int(dynamics.potential.dim)
    if dim not in allowed:
        names = " or ".join(map(str, allowed))
        raise ValueError(f"{what} needs a potential of dimension {names}, not {dim}")
    return dim


def per_coordinate(value: Any, dim: int) -> NDArray[np.float64]:
    """Spread a scalar or (dim,) coefficient over the coordinates, shape (dim,)."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (dim,)).copy()


def checked_cells(n: Any, least: int) -> int:
    """Return the number of cells of a grid; raise ValueError unless it is whole and >= least."""
    if not is_whole(n) or n < least:
        raise ValueError(f"n={n!r} cells are too few or no whole number; use at least {least}")
    return int(n)


def checked_modes(n_modes: Any, most: int | None = None) -> int:
    """Return the number of modes asked for; raise ValueError unless whole and 1 to `most`."""
    if not is_whole(n_modes) or n_modes < 1 or (most is not None and n_modes > most):
        allowed = "of at least 1" if most is None else f"between 1 and {most}"
        raise ValueError(f"n_modes={n_modes!r} must be a whole number {allowed}")
    return int(n_modes)


def is_whole(value: Any) -> bool:
    """Tell whether a value is an integer, of Python or numpy; True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)

"""What the formulas for escapes from a saddle share: their constants and small parameters."""

from __future__ import annotations

import math

from langevin_lab.dynamics.schedules import check_nonnegative, check_positive
from langevin_lab.limits.regime import SmallParameter

__all__ = [
    "check_constants",
    "diffusion_regime",
    "growth_of_heavy_ball",
    "memory_per_escape",
    "noise_at_exit",
]

_LARGEST = 0.1  # of both small parameters: the error of a mean is about as large


def check_constants(
    learning_rate: float, momentum: float, curvature: float, gradient_noise: float, distance: float
) -> None:
    """Raise TypeError or ValueError unless the constants are those of heavy ball at a saddle."""
    check_positive("learning_rate", learning_rate)
    check_nonnegative("momentum", momentum)
    if momentum >= 1:
        raise ValueError(f"momentum={momentum!r} must be a momentum coefficient in [0, 1)")
    check_positive("curvature", curvature)
    check_positive("gradient_noise", gradient_noise)
    check_positive("distance", distance)


def memory_per_escape(learning_rate: float, momentum: float, curvature: float) -> SmallParameter:
    """How much of an escape the memory of the momentum lasts."""
    return SmallParameter(
        name="memory per escape",
        formula="learning_rate curvature/(1 - momentum)^2",
        value=learning_rate * curvature / (1.0 - momentum) ** 2,
        limit=_LARGEST,
    )


def noise_at_exit(value: float, formula: str) -> SmallParameter:
    """How much noise is left in ln|x| at the exit."""
    return SmallParameter(name="noise at the exit", formula=formula, value=value, limit=_LARGEST)


def diffusion_regime(
    learning_rate: float, momentum: float, curvature: float, gradient_noise: float, distance: float
) -> tuple[SmallParameter, SmallParameter]:
    """Both small parameters of the diffusion: of its clock, and of its noise."""
    ratio = learning_rate * gradient_noise**2 / (2.0 * (1.0 - momentum) * curvature * distance**2)
    formula = "learning_rate gradient_noise^2/(2 (1 - momentum) curvature distance^2)"
    return memory_per_escape(learning_rate, momentum, curvature), noise_at_exit(ratio, formula)


def growth_of_heavy_ball(learning_rate: float, momentum: float, curvature: float) -> float:
    """Unstable root of ``r^2 - (1 + momentum + learning_rate curvature) r + momentum = 0``."""
    step = learning_rate * curvature
    # The discriminant without the difference of two numbers near 4.
    root = math.sqrt((1.0 - momentum) ** 2 + 2.0 * (1.0 + momentum) * step + step**2)
    return 1.0 + 0.5 * (step - (1.0 - momentum) + root)

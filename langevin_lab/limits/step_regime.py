"""How long a step may be for the modified equation of a method: its small parameters."""

from __future__ import annotations

from langevin_lab.limits.dictionary import CONVENTIONS
from langevin_lab.limits.regime import SmallParameter, check_regime

# As in the dictionary: the leading error of a rate, dt curvature/(2 friction), is then 10 %.
_LARGEST_RELAXATION = 0.2


def step_regime(
    equation: str, dt: float, *, curvature: float, friction: float, mass: float = 1.0
) -> tuple[SmallParameter, ...]:
    """Those of overdamped dynamics, or of Langevin dynamics."""
    if equation == "langevin":
        return CONVENTIONS["BAOAB"].regime(curvature=curvature, dt=dt, mass=mass, friction=friction)
    return (
        SmallParameter(
            name="relaxation per step", formula="dt*curvature/friction",
            value=dt * curvature / friction, limit=_LARGEST_RELAXATION,
        ),
    )  # fmt: skip


def check_step(parameters: tuple[SmallParameter, ...], asked: str, *, stacklevel: int) -> None:
    """Warn for each that is too large; the level counts from here, as in `check_regime`."""
    check_regime(parameters, asked, remedy="use a smaller step", stacklevel=stacklevel + 1)

"""The exact stationary law of a noisy optimiser on a quadratic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.limits.dictionary import RULES
from langevin_lab.limits.readings import LangevinReading, read_optimiser

__all__ = ["StationaryVariances", "stationary_variances"]


@dataclass(frozen=True, kw_only=True)
class StationaryVariances:
    """The stationary law of a noisy optimiser on U = curvature x^2/2.

    Attributes
    ----------
    position, displacement : float
        Variances of x and of the displacement x' - x of a step.
    configurational_temperature : float
        curvature times the variance of x.
    """

    position: float
    displacement: float
    configurational_temperature: float

    def kinetic_temperature(self, reading: LangevinReading) -> float:
        """``mass <D^2>/dt^2``; the configurational one exactly, in "BAOAB" and "BBK"."""
        return float((reading.mass or 0.0) * self.displacement / reading.dt**2)


def stationary_variances(
    optimiser: Any,
    *,
    curvature: float,
    gradient_noise: float | None = None,
    batch_size: float | None = None,
) -> StationaryVariances:
    """Exact stationary variances on U = curvature x^2/2, gradient noise drawn at every step.

    Parameters
    ----------
    optimiser, gradient_noise, batch_size
        As `read_optimiser`.
    curvature : float
        > 0.

    Returns
    -------
    StationaryVariances

    Raises
    ------
    ValueError
        If the recursion does not contract on this curvature, or the position that the optimiser
        stores is the looked-ahead point (PyTorch's nesterov).

    Examples
    --------
    >>> from langevin_lab.limits import OptimiserReading, stationary_variances
    >>> law = stationary_variances(
    ...     OptimiserReading(learning_rate=0.1, momentum=0.9), curvature=1.0, gradient_noise=1.0
    ... )
    >>> round(law.position, 5)
    0.51351
    """
    check_positive("curvature", curvature)
    if getattr(optimiser, "nesterov", False):
        raise ValueError(
            f"nesterov=True: {type(optimiser).__name__} stores the looked-ahead point, whose "
            "variance is another; give momentum.Nesterov, whose position is meant"
        )
    found = read_optimiser(optimiser, gradient_noise=gradient_noise, batch_size=batch_size)
    constants = found.constants() | {"curvature": float(curvature)}
    momentum = RULES["look_ahead"].solve("heavy-ball momentum", **constants)
    step = constants["learning_rate"] * curvature
    if not (abs(momentum) < 1 and step < 2 * (1 + momentum)):
        raise ValueError(
            f"learning_rate*curvature={step:g} at the heavy-ball momentum {momentum:g} does not "
            "contract: it takes |momentum| < 1 and learning_rate*curvature < 2 (1 + momentum)"
        )
    rule, constants = RULES["stationary_variances"], constants | {"momentum": momentum}
    position = rule.solve("position variance", **constants)
    return StationaryVariances(
        position=position,
        displacement=rule.solve("displacement variance", **constants),
        configurational_temperature=float(curvature) * position,
    )

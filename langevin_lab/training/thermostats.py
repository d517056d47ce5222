"""Values of thermostats in a run, against the law that they have in equilibrium.

A thermostat of a block at temperature T with thermal mass mu, coupling c and applied noise s,
where gradients have noise of the variance sigma^2 a coordinate, is normal about

    xi* = (s^2 + dt sigma^2)/(2 c T),       variance T/(mu c).

AdLa is mu = 1/epsilon with c = epsilon (the published text) or c = 1 (the published program), see
`dynamics.adla`: mean s^2/(2 epsilon T) and variance T, or s^2/(2 T) and epsilon T. The noise of
gradients enters on average, which is right while dt sigma^2 is small.

Source: Leimkuhler, Matthews and Vlaar (2019); Jones and Leimkuhler (2011) for the gradients' noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics import AdaptiveLangevin, Partitioned
from langevin_lab.evidence import Estimate

__all__ = ["ThermostatValues", "thermostat_values"]


@dataclass(frozen=True)
class ThermostatValues:
    """One thermostat's values and its law.

    Attributes
    ----------
    coordinates : tuple of int
        Of its block.
    mean, variance : Estimate
        Over all saved values; errors over replicas [1/time], [1/time^2].
    expected_mean, expected_variance : float
        Of its law in equilibrium, with the noise of gradients that was given.
    """

    coordinates: tuple[int, ...]
    mean: Estimate
    variance: Estimate
    expected_mean: float
    expected_variance: float


def thermostat_values(
    dynamics: Any, xi: Any, *, dt: float = 0.0, gradient_variance: Any = 0.0
) -> tuple[ThermostatValues, ...]:
    """Return means and variances of all thermostats beside those of their invariant law.

    Parameters
    ----------
    dynamics : AdaptiveLangevin or Partitioned
        At fixed temperatures.
    xi : sequence of array_like, each (n_replicas,) or (n_saved, n_replicas)
        One entry a thermostat, in the order of the blocks: ``[run["xi_1"], run["xi_2"]]``, or
        ``[run["xi"]]`` of a single one.
    dt : float
        Of the run, for the noise of gradients.
    gradient_variance : float or array_like of shape (dim,)
        Of a drawn gradient in each coordinate, such as ``diag(limits.noise_covariance(U, x))``;
        the mean over a block counts.

    Returns
    -------
    tuple of ThermostatValues

    Raises
    ------
    ValueError, TypeError
        If the dynamics has no thermostat, or other than xi has entries; if xi has a wrong shape,
        fewer than two replicas or values that are not finite; if a temperature is scheduled.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019); Jones and Leimkuhler (2011).
    """
    blocks = _thermostats(dynamics)
    if len(xi) != len(blocks):
        raise ValueError(f"xi has {len(xi)} entries, but the dynamics {len(blocks)} thermostats")
    noise = np.broadcast_to(np.asarray(gradient_variance, dtype=float), (dynamics.dim,))
    result = []
    for number, (given, (coordinates, equation)) in enumerate(zip(xi, blocks), start=1):
        values = _checked(np.asarray(given, dtype=float), number)
        temperature, share = float(equation.temperature_at(0.0)), noise[list(coordinates)].mean()
        mean = equation.thermostat_mean + dt * share / (2.0 * equation.coupling * temperature)
        centre = Estimate.from_samples(values.mean(axis=0))
        squares = np.mean((values - centre.value) ** 2, axis=0)
        result.append(
            ThermostatValues(
                coordinates,
                centre,
                # About their own mean, values scatter less by the variance of that mean.
                Estimate.from_samples(squares + centre.stderr**2),
                float(mean),
                equation.thermostat_variance,
            )
        )
    return tuple(result)


def _thermostats(dynamics: Any) -> list[tuple[tuple[int, ...], AdaptiveLangevin]]:
    """Blocks with a thermostat: coordinates and equation."""
    if isinstance(dynamics, AdaptiveLangevin):
        found = [(tuple(range(dynamics.dim)), dynamics)]
    elif isinstance(dynamics, Partitioned):
        found = [
            (block.coordinates, block.dynamics)
            for block in dynamics.blocks
            if isinstance(block.dynamics, AdaptiveLangevin)
        ]
    else:
        found = []
    if not found:
        raise TypeError(
            f"{type(dynamics).__name__} has no thermostat; give an AdaptiveLangevin or a "
            "Partitioned with such a block"
        )
    for _, equation in found:
        if equation.scheduled:
            raise ValueError(
                f"temperature={equation.temperature!r} changes in time, so that the thermostat has "
                "no invariant law; probe a stretch of it with dynamics.at(time)"
            )
    return found


def _checked(values: np.ndarray, number: int) -> np.ndarray:
    """Values (n_saved, n_replicas), finite."""
    values = values[None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] < 2 or values.size == 0:
        raise ValueError(
            f"xi of thermostat {number} has shape {values.shape}; give (n_replicas,) or (n_saved, "
            "n_replicas) with two replicas or more"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"xi of thermostat {number} is not finite: leave diverged replicas out")
    return values

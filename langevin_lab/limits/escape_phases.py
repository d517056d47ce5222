"""The steps of the second and third phase of an escape: across, and down to the optimum.

After the first phase (`escape_steps`) the noise no longer matters and the mean flow carries the
weights from the saddle to the optimum; there noise and contraction balance. Both phases are those
of the diffusion approximation of momentum SGD, t = learning_rate n.
Source: Liu, Chen, Zhou and Zhao (2021), arXiv 1802.05155.
"""

from __future__ import annotations

import math

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.limits.saddle_regime import check_constants, memory_per_escape

__all__ = ["convergence_steps", "crossing_steps"]


def crossing_steps(
    *, learning_rate: float, momentum: float, curvature: float, distance: float
) -> float:
    """Steps N_2 of the mean flow from one end of a connection of saddle and minimum to the other.

    ``N_2 = ((1 - momentum)/(learning_rate curvature)) ln((1 - distance^2)/distance^2)`` for Oja's
    flow, from v_1^2 = distance^2 to v_1^2 = 1 - distance^2, with curvature the gap of the two
    eigenvalues: v_1^2/v_2^2 grows as exp(2 learning_rate curvature n/(1 - momentum)), from
    distance^2/(1 - distance^2) to its inverse.

    Parameters
    ----------
    learning_rate, momentum, curvature
        As `escape_steps.heavy_ball_exit_steps`.
    distance : float
        In (0, sqrt(1/2)): of v_1 from the saddle at the start, and from the optimum at the end.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An argument out of range.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature/(1 - momentum)^2 is above 0.1.

    Notes
    -----
    The form often quoted has half this number, (1 - momentum)/(2 learning_rate curvature) in
    front. That is the time to v_1^2 = 1/2, half way.

    Source
    ------
    After Liu, Chen, Zhou and Zhao (2021), second phase.

    Examples
    --------
    >>> from langevin_lab.limits.escape_phases import crossing_steps
    >>> round(crossing_steps(learning_rate=5e-4, momentum=0.0, curvature=1.0, distance=0.1**0.5))
    4394
    """
    check_constants(learning_rate, momentum, curvature, 1.0, distance)
    if not distance**2 < 0.5:
        raise ValueError(
            f"distance={distance!r} must be below sqrt(1/2): the flow goes from v_1^2 = distance^2 "
            "to 1 - distance^2"
        )
    small = memory_per_escape(learning_rate, momentum, curvature)
    small.check("the mean flow of momentum SGD", remedy="use a smaller learning rate", stacklevel=3)
    effective = learning_rate / (1.0 - momentum)
    return math.log((1.0 - distance**2) / distance**2) / (effective * curvature)


def convergence_steps(
    *,
    learning_rate: float,
    momentum: float,
    gap: float,
    distance: float,
    error: float,
    noise_power: float,
) -> float:
    """Steps N_3 near the optimum until the squared error is below ``error`` on average.

    ``N_3 = ((1 - momentum)/(2 learning_rate gap)) ln((1 - momentum) gap distance^2
    /((1 - momentum) gap error - 4 learning_rate noise_power))``

    Parameters
    ----------
    learning_rate, momentum
        As `escape_steps.heavy_ball_exit_steps`.
    gap : float
        > 0: smallest curvature of the optimum, for Oja's rule the gap of the first eigenvalues.
    distance : float
        > 0: of the start from the optimum.
    error : float
        > 4 learning_rate noise_power/((1 - momentum) gap), squared error that is asked for.
    noise_power : float
        > 0: variances of the gradient noise, summed over the coordinates.

    Returns
    -------
    float
        0 if the start is within the error already.

    Raises
    ------
    TypeError, ValueError
        An argument out of range, an error that this learning rate does not reach.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate gap/(1 - momentum)^2 is above 0.1.

    Notes
    -----
    The diffusion has mean squared error E, ``E' <= -2 gap E/(1 - momentum) + learning_rate
    noise_power/(1 - momentum)^2`` in t = learning_rate n, so after N_3 steps
    ``E <= error - (7/2) learning_rate noise_power/((1 - momentum) gap)``. N_3 is a bound on a mean,
    which single paths reach earlier.

    Source
    ------
    Liu, Chen, Zhou and Zhao (2021), third phase.

    Examples
    --------
    >>> from langevin_lab.limits.escape_phases import convergence_steps
    >>> round(convergence_steps(learning_rate=5e-4, momentum=0.0, gap=1.0, distance=0.1**0.5,
    ...                         error=0.06, noise_power=24.0))
    2120
    """
    check_positive("gap", gap)
    check_constants(learning_rate, momentum, gap, 1.0, distance)
    check_positive("error", error)
    check_positive("noise_power", noise_power)
    small = memory_per_escape(learning_rate, momentum, gap)
    small.check("the diffusion near an optimum", remedy="use a smaller learning rate", stacklevel=3)
    effective = learning_rate / (1.0 - momentum)
    floor = 4.0 * effective * noise_power / gap
    if error <= floor:
        rate = (1.0 - momentum) * gap * error / (4.0 * noise_power)
        raise ValueError(
            f"error={error!r} must be above 4 learning_rate noise_power/((1 - momentum) gap) = "
            f"{floor:.3g}; use a learning_rate below {rate:.3g}"
        )
    return max(math.log(distance**2 / (error - floor)), 0.0) / (2.0 * effective * gap)

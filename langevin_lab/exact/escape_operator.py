"""The escape rate of a *discretised* one-dimensional scheme, at barriers of any height.

One over the mean passage time u(start) = E N dt solves u = dt + K u (`passage_operator`), which
loses all digits where N nears 1e15. The same number without that loss, by Hill's relation: let a
scheme that has passed b begin again at the start, and w be its stationary law. Then

    rate = (1/dt) sum w h / sum w,      w = w K up to restarts,      h(x) = P(x' >= b)

Elimination keeps the digits of w where it is e^-100 of its maximum, since nearly all terms have one
sign; a restart with probability 1e-13 a step, far above rounding, keeps the equations regular.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.one_normal import Step, scheme_problem
from langevin_lab.exact.one_normal import interpolation as interpolated
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.splitting_operator import stepping_normals
from langevin_lab.integrators import Method

_PANELS = 12  # of the coarse rule; the fine one has twice as many
_RESTART = 1e-13  # a step
_ROUNDING = 1e-9  # relative: 1e-13 times the steps in which a well forgets its start


def discrete_passage_rate(
    method: str | Method, dynamics: Any, start: float, target: float, dt: float
) -> Reference:
    """Rate at which a scheme with time step dt passes a target: one over its mean passage time.

    Parameters
    ----------
    method : str or Method
        An overdamped scheme that draws one normal a step and stores none, and whose step grows
        with its normal.
    dynamics : Overdamped
        Of dim 1, constant temperature > 0, confining.
    start, target : float
        start < target, passage upwards. The start lies in the well: a well that takes 1e5 steps or
        more to forget it is not what this is for.
    dt : float
        Time step > 0.

    Returns
    -------
    Reference
        Rate [1/time], and the change from half as many grid points and half as many normals.

    Raises
    ------
    ValueError
        dim != 1, start not below target, a method with more than one normal or a stored one, or
        less than eight steps' noise between start and target.

    Source
    ------
    Hill (1989) [H89].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Overdamped(ll.potentials.double_well(), temperature=0.2)
    >>> rate = ll.exact.discrete_passage_rate("EulerMaruyama", eq, -1.0, 0.9, 0.01)
    >>> time = ll.exact.discrete_passage_time("EulerMaruyama", eq, -1.0, 0.9, 0.01)
    >>> abs(rate.value * time.value - 1) < 1e-5
    True
    >>> cold = ll.Overdamped(ll.potentials.double_well(), temperature=0.01)   # a barrier of 100 T
    >>> print(f"{ll.exact.discrete_passage_rate('EulerMaruyama', cold, -1.0, 0.9, 1e-3).value:.3e}")
    3.340e-44
    """
    problem = scheme_problem(
        method, dynamics, dt, "an escape rate of a scheme", start=start, target=target
    )
    if not start < target:
        raise ValueError(
            f"start={start} must lie below target={target}; exchange x and -x for a passage "
            "downwards"
        )
    problem.require_resolved(
        target - start, f"start={start} to target={target} is not eight of them"
    )
    low, step = problem.low(start), problem.step
    # A sixth of the noise's width resolves the kernel to many digits with cubic pieces.
    n_cells = problem.n_cells(low, target, 6.0)
    coarse, fine = (
        _rate(step, np.linspace(low, target, m * n_cells + 1), start, m * _PANELS) / dt
        for m in (1, 2)
    )
    return Reference(fine, abs(fine - coarse) + _ROUNDING * fine)


def _rate(step: Step, grid: Array, start: float, n_panels: int) -> float:
    """Probability a step to pass the last grid point, in the stationary law of the restarts."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import spsolve

    points = np.append(grid, start)
    nodes, weights = stepping_normals(step, points, (-np.inf, grid[-1]), n_panels)
    images = step(points[:, None], nodes)
    arrived = (weights * (images >= grid[-1])).sum(axis=1)
    operator = interpolated(grid, images, weights * (images < grid[-1])).tocsr()
    inner, first = operator[:-1], operator[[-1]].toarray()[0]
    matrix = (eye_array(grid.size) - (1.0 - _RESTART) * inner).T.tocsc()
    visits = spsolve(matrix, first)  # of each grid point after a restart
    return float((visits @ arrived[:-1] + arrived[-1]) / (visits.sum() + 1.0))

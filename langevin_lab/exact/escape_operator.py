"""The escape rate of a *discretised* one-dimensional scheme, at barriers of any height.

One over the mean passage time u(start) = E N dt solves u = dt + K u (`passage_operator`), which
loses all digits where N nears 1e15. The same number without that loss, by Hill's relation: let a
scheme that has passed b begin again at the start, and w be its stationary law. Then

    rate = (1/dt) sum w h / sum w,      w = w K up to restarts,      h(x) = P(x' >= b)

Elimination keeps the digits of w where it is e^-100 of its maximum, since nearly all terms have one
sign; a restart with probability 1e-13 a step, far above rounding, keeps the equations regular.

It counts where a well left of the target takes 1e11 steps or more to fill from the start. A second
solution with ten times the restarts shows that: in the rate, or, where the restarts empty a well
behind the start altogether and the rate no longer depends on how many there are, in w. No
probability flows through a point left of the start, so w is close to the Gibbs law there, and the
Gibbs probability of what changes with the restarts is what they leave out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.exact.one_normal import Step, scheme_problem
from langevin_lab.exact.one_normal import interpolation as interpolated
from langevin_lab.exact.quadrature import ReducedEnergy
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.splitting_operator import stepping_normals
from langevin_lab.integrators import Method

_PANELS = 12  # of the coarse rule; the fine one has twice as many
_RESTART = 1e-13  # a step
_MORE = 10.0  # times as many restarts in the solution that shows what they change
_LARGEST_CHANGE = 0.01  # of the rate by the restarts, relative: beyond, it is refused
_ROUNDING = 1e-9  # relative: 1e-13 times the steps in which a well forgets its start


def discrete_passage_rate(
    method: str | Method,
    dynamics: Any,
    start: float,
    target: float,
    dt: float,
    *,
    shift: float = 0.0,
) -> Reference:
    """Rate at which a scheme with time step dt passes a target: one over its mean passage time.

    Parameters
    ----------
    method : str or Method
        An overdamped scheme that draws one normal a step and stores none, and whose step grows
        with its normal.
    dynamics : Overdamped
        Of dim 1, constant temperature > 0, confining to the left.
    start, target : float
        start < target, passage upwards. What lies left of the target forgets the start in 1e11
        steps or is refused.
    dt : float
        Time step > 0.
    shift : float, optional
        The scheme has arrived when x + shift >= target.

    Returns
    -------
    Reference
        Rate [1/time] and error: the change from half as many grid points and half as many normals,
        and from ten times the restarts.

    Raises
    ------
    ValueError
        dim != 1, start not below target, a method with more than one normal or a stored one, less
        than eight steps' noise between start and target, or wells that take too many steps to
        forget the start; a time step or a position that is not finite.
    TypeError
        A time step or a position that is no number.

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
        method, dynamics, dt, "an escape rate of a scheme", start=start, target=target, shift=shift
    )
    boundary = target - shift
    if not start < boundary:
        raise ValueError(
            f"start={start} must lie below target - shift = {boundary}; exchange x and -x for a "
            "passage downwards"
        )
    problem.require_resolved(
        boundary - start, f"start={start} to target - shift = {boundary} is not eight of them"
    )
    low, step = problem.low(start), problem.step
    # A sixth of the noise's width resolves the kernel to many digits with cubic pieces.
    n_cells = problem.n_cells(low, boundary, 6.0)
    grids = [np.linspace(low, boundary, m * n_cells + 1) for m in (1, 2)]
    coarse, change = _rate_and_change(step, grids[0], start, dynamics)
    fine = _Restarts(step, grids[1], start, 2 * _PANELS).rate(_RESTART)[0]
    if not change < _LARGEST_CHANGE:
        raise ValueError(
            f"start={start} lies left of target={target} among wells that forget it in more than "
            f"1e11 steps: ten times the restarts change the law by {change:.2g}; start in a well "
            "next to the target, with no other behind it, or use mean_first_passage_time"
        )
    return Reference(fine / dt, (abs(fine - coarse) + (change + _ROUNDING) * fine) / dt)


def _rate_and_change(step: Step, grid: Array, start: float, dynamics: Any) -> tuple[float, float]:
    """Rate a step, and what ten times the restarts change of it or of the law behind the start."""
    problem = _Restarts(step, grid, start, _PANELS)
    (rate, law), (other, thinner) = (problem.rate(r) for r in (_RESTART, _MORE * _RESTART))
    behind = grid <= start
    energy = ReducedEnergy(dynamics)(grid[behind])
    gibbs = np.exp(energy.min() - energy)
    # Relative to the law at the start: how often it is visited depends on the restarts.
    last = int(behind.sum()) - 1
    law, thinner = (visits[behind] / visits[last] for visits in (law, thinner))
    moved = np.abs(np.divide(thinner, law, out=np.ones_like(law), where=law > 0.0) - 1.0)
    missing = float(gibbs @ np.minimum(moved, 1.0) / gibbs.sum())
    return rate, abs(other / rate - 1.0) + missing


class _Restarts:
    """The equations of a scheme that begins again at the start, from where it is at times."""

    def __init__(self, step: Step, grid: Array, start: float, n_panels: int) -> None:
        points = np.append(grid, start)
        nodes, weights = stepping_normals(step, points, (-np.inf, grid[-1]), n_panels)
        images = step(points[:, None], nodes)
        self.arrived = (weights * (images >= grid[-1])).sum(axis=1)
        self.operator = interpolated(grid, images, weights * (images < grid[-1])).tocsr()

    def rate(self, restart: float) -> tuple[float, Array]:
        """Probability a step to pass the last grid point, and the visits of each grid point."""
        from scipy.sparse import eye_array
        from scipy.sparse.linalg import spsolve

        arrived = self.arrived
        inner, first = self.operator[:-1], self.operator[[-1]].toarray()[0]
        matrix = (eye_array(arrived.size - 1) - (1.0 - restart) * inner).T.tocsc()
        visits = spsolve(matrix, first)  # of each grid point after a restart
        return float((visits @ arrived[:-1] + arrived[-1]) / (visits.sum() + 1.0)), visits

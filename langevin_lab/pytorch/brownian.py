"""Brownian motion for torchsde whose increments are functions of (seed, replica, step).

Over step n of a grid of steps h, with the normals of the package's stream,

    W = sqrt(h) n_W                          increment of each channel
    U = h (W/2 + H),  H = sqrt(h/12) n_H     integral of the path over the step, from its start
    A_kl = H_k W_l - W_k H_l + sqrt(h^2/12) n_kl,  k < l        area between two channels

n_W, n_H and n_kl of one step are neighbours in the stream: all W, then all H, then the areas, so
that nothing is drawn twice. W and U have their exact joint law; A has the right mean and variance
given both (Davie's approximation). Over several steps increments add up: a coarse step is driven by
the very path of the fine ones, in whatever order and however often it is asked for.

Source: Roessler (2010) for U; Davie (2014) for A.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torchsde import BaseBrownian

from langevin_lab.ensemble.checks import check_count, check_first_replica, check_seed
from langevin_lab.pytorch.ensemble_noise import EnsembleNoise

__all__ = ["CounterBrownianMotion", "brownian_motion"]

LEVY_AREAS = ("none", "space-time", "davie")
_BLOCK = 1 << 17  # normals kept at a time
_ON_GRID = 0.01  # of a step: what accumulated times may be off the grid


def brownian_motion(
    seed: int,
    *,
    n_replicas: int,
    n_channels: int,
    dt: float,
    levy_area: str = "none",
    first_replica: int = 0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> CounterBrownianMotion:
    """Return a Brownian motion for `torchsde.sdeint(..., bm=...)` that a seed determines.

    The path does not depend on the order of queries, on the number of steps or on other replicas,
    and ``torch.manual_seed`` has no part in it. It is known on the grid of times 0, dt, 2 dt, ...:
    a solver may take steps of dt or any multiple, but no adaptive ones. It is drawn when asked for;
    a path of given length, of which functionals are known, is a `PathNoise`.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.
    n_replicas, n_channels : int
        Shape of an increment, >= 1.
    dt : float
        Step of the grid, > 0 [time].
    levy_area : {"none", "space-time", "davie"}, optional
        What the solver needs besides increments: "space-time" for "srk", "davie" for "log_ode". It
        changes which normals belong to a step, so compare solvers with the same.
    first_replica : int, optional
        Row i is replica first_replica + i: rows 100..199 alone are those of a larger batch.
    dtype, device : optional
        Of the increments; the normals are made in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range; in a call, if times are off the grid.

    Examples
    --------
    >>> from langevin_lab.pytorch import brownian_motion
    >>> path = brownian_motion(1, n_replicas=3, n_channels=2, dt=0.1)
    >>> whole, parts = path(0.0, 0.2), path(0.0, 0.1) + path(0.1, 0.2)
    >>> bool((whole == parts).all())
    True
    """
    seed = check_seed(seed)
    n_replicas = check_count("n_replicas", n_replicas, 1)
    n_channels = check_count("n_channels", n_channels, 1)
    first = check_first_replica(first_replica, n_replicas)
    if not (isinstance(dt, (int, float)) and math.isfinite(dt) and dt > 0):
        raise ValueError(f"dt={dt!r} must be a finite number > 0: the step of the solver")
    if levy_area not in LEVY_AREAS:
        raise ValueError(f"levy_area={levy_area!r} must be one of {list(LEVY_AREAS)}")
    replicas = np.arange(first, first + n_replicas)
    return CounterBrownianMotion(
        seed, replicas, n_channels, float(dt), levy_area, dtype, torch.device(device or "cpu")
    )


class CounterBrownianMotion(BaseBrownian):
    """Increments on a grid of steps; made by `brownian_motion`.

    Parameters
    ----------
    seed : int
    replicas : ndarray of int64, shape (n_replicas,)
        Any replicas, in any order.
    n_channels : int
    dt : float
    levy_area : str
    dtype : torch.dtype
    device : torch.device
    """

    __slots__ = (
        "_area", "_block", "_device", "_dt", "_dtype", "_first_step", "_n_channels", "_noise",
        "_replicas", "_scales", "_seed",
    )  # fmt: skip

    def __init__(self, seed, replicas, n_channels, dt, levy_area, dtype, device) -> None:
        self._seed, self._replicas, self._n_channels = seed, replicas, n_channels
        self._dt, self._area, self._dtype, self._device = dt, levy_area, dtype, device
        self._scales = (math.sqrt(dt), math.sqrt(dt / 12), dt / math.sqrt(12))
        self._noise = EnsembleNoise(seed, replicas, lanes=True, dtype=dtype, device=device)
        self._block = torch.empty(0, len(replicas), self.normals_per_step)
        self._first_step = 0

    def __repr__(self) -> str:
        return (
            f"CounterBrownianMotion(seed={self._seed}, shape={self.shape}, dt={self._dt}, "
            f"levy_area={self._area!r})"
        )

    @property
    def dtype(self) -> torch.dtype:
        """Of the increments."""
        return self._dtype

    @property
    def device(self) -> torch.device:
        """Of the increments."""
        return self._device

    @property
    def shape(self) -> tuple[int, int]:
        """(n_replicas, n_channels)."""
        return len(self._replicas), self._n_channels

    @property
    def levy_area_approximation(self) -> str:
        """What is known of the path within a step."""
        return self._area

    @property
    def normals_per_step(self) -> int:
        """Normals of a replica that one step uses."""
        return normals_per_step(self._n_channels, self._area)

    def __call__(self, ta, tb=None, return_U=False, return_A=False) -> Any:
        """Increment over [ta, tb], (n_replicas, n_channels), and what else is asked for.

        With one time, the increment from time 0. U is the integral of the path less its start; A
        has shape (n_replicas, n_channels, n_channels).

        Raises
        ------
        ValueError
            If a time lies between the points of the grid, or the area is not known.
        """
        if return_U and self._area == "none":
            raise ValueError("U is not known: make the Brownian motion with levy_area='space-time'")
        if return_A and self._area != "davie":
            raise ValueError("A is not known: make the Brownian motion with levy_area='davie'")
        first, last = (0, self._step(ta)) if tb is None else (self._step(ta), self._step(tb))
        if first > last:
            raise ValueError(f"ta={float(ta)} is later than tb={float(tb)}; ask for ta <= tb")
        sums = self._over(first, last, return_U, return_A)
        return sums[0] if len(sums) == 1 else tuple(sums)

    def _step(self, time: Any) -> int:
        """Number of the grid point at a time."""
        exact = float(time) / self._dt
        step = round(exact)
        if abs(exact - step) > _ON_GRID or step < 0:
            raise ValueError(
                f"time {float(time):.9g} is {exact:.6g} steps of dt={self._dt:g}: this Brownian "
                "motion is known on whole steps only. Let the solver take steps of dt or a "
                "multiple (adaptive steps depend on all replicas at once, and break this), with "
                "ts in float64"
            )
        return step

    def _over(self, first: int, last: int, want_u: bool, want_a: bool) -> list[torch.Tensor]:
        """W, and U and A if wanted, over the steps first..last-1."""
        if last == first + 1:
            w, u, a = self._one(first, want_u, want_a)
        else:
            w = torch.zeros(self.shape, dtype=self._dtype, device=self._device)
            u = torch.zeros_like(w)
            a = w.new_zeros((*self.shape, self._n_channels)) if want_a else None
            for step in range(first, last):
                more_w, more_u, more_a = self._one(step, want_u, want_a)
                if want_u:
                    u = u + more_u + self._dt * w
                if want_a:
                    cross = w.unsqueeze(-1) * more_w.unsqueeze(-2)
                    a = a + more_a + 0.5 * (cross - cross.transpose(-1, -2))
                w = w + more_w
        return [w, *([u] if want_u else []), *([a] if want_a else [])]

    def _one(self, step: int, want_u: bool, want_a: bool) -> tuple[Any, Any, Any]:
        """W, U, A over one step; None where not wanted."""
        drawn, count = self._normals(step), self._n_channels
        w = drawn[:, :count]
        if self._scales[0] != 1.0:  # a grid that counts steps
            w = w * self._scales[0]
        if not (want_u or want_a):
            return w, None, None
        h = drawn[:, count : 2 * count] * self._scales[1]
        u = (h + 0.5 * w) * self._dt if want_u else None
        return w, u, self._area_of(w, h, drawn[:, 2 * count :]) if want_a else None

    def _area_of(self, w: torch.Tensor, h: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        area = h.unsqueeze(-1) * w.unsqueeze(-2)
        area = area - area.transpose(-1, -2)
        for index, (k, j) in enumerate(itertools.combinations(range(self._n_channels), 2)):
            own = drawn[:, index] * self._scales[2]
            area[:, k, j] += own
            area[:, j, k] -= own
        return area

    def _normals(self, step: int) -> torch.Tensor:
        """Normals of one step, (n_replicas, normals_per_step), from a block kept for a while."""
        if not 0 <= step - self._first_step < len(self._block):
            numbers = len(self._replicas) * self.normals_per_step
            # An even number of steps: two that share a pair are drawn together.
            count = 2 * max(1, min(64, _BLOCK // (2 * numbers)))
            self._first_step = step - step % count
            pairs = self.normals_per_step * self._first_step // 2
            drawn = self._noise.normals(pairs, 0, count * self.normals_per_step)
            shape = (count, self.normals_per_step, len(self._replicas))
            self._block = drawn.view(shape).transpose(1, 2).contiguous()
        return self._block[step - self._first_step]


def normals_per_step(n_channels: int, levy_area: str) -> int:
    """Normals of a replica that one step of a Brownian motion uses."""
    areas = n_channels * (n_channels - 1) // 2 if levy_area == "davie" else 0
    return n_channels * (1 if levy_area == "none" else 2) + areas

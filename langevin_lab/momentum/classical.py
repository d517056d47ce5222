"""Gradient descent, heavy ball, Nesterov, and the two-parameter family that holds all three.

    p_{n+1} = momentum p_n - learning_rate grad U(x_n + look_ahead p_n)
    x_{n+1} = x_n + p_{n+1}

p is the last displacement, p_n = x_n - x_{n-1} [length], and 0 at the start: the first step is
x_1 = x_0 - learning_rate grad U(x_0). look_ahead = 0 is heavy ball, look_ahead = momentum Nesterov.
Source: Polyak (1964); Nesterov (1983); Kovachki and Stuart (2021), the family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.integrators import Program
from langevin_lab.momentum.optimiser import Number, Optimiser

_DESCENT = Program(
    text=("g = gradient(x)", "x = fma(-rate, g, x)"),
    state=("x",),
    coefficients=("rate",),
    n_normals=0,
)
_HEAVY_BALL = Program(
    text=("g = gradient(x)", "p = fma(-rate, g, momentum * p)", "x = x + p"),
    state=("x", "p"),
    coefficients=("rate", "momentum"),
    n_normals=0,
)
_FAMILY = Program(
    text=(
        "y = fma(look_ahead, p, x)",
        "g = gradient(y)",
        "p = fma(-rate, g, momentum * p)",
        "x = x + p",
    ),
    state=("x", "p"),
    coefficients=("look_ahead", "rate", "momentum"),
    n_normals=0,
)


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimiser):
    """Gradient descent ``x = x - learning_rate grad U(x)``.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], or a schedule of the step number.

    Source
    ------
    Cauchy (1847).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> run = ll.simulate(ll.potentials.harmonic(), ll.momentum.GradientDescent(learning_rate=0.5),
    ...                   n_steps=2, seed=0, start=1.0)
    >>> run["x_final"].item()
    0.25
    """

    momenta: ClassVar[bool] = False
    source: ClassVar[str] = "Cauchy (1847)"
    momentum: ClassVar[float] = 0.0
    look_ahead: ClassVar[float] = 0.0

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _DESCENT

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return {"rate": self.learning_rate}

    @property
    def stability_limit(self) -> float:
        """2: learning rate times curvature."""
        return 2.0


@dataclass(frozen=True, kw_only=True)
class _Momentum(Optimiser):
    """What heavy ball and its kin share."""

    momentum: Number

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return {"rate": self.learning_rate, "momentum": self.momentum}

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _FAMILY

    @property
    def stability_limit(self) -> float:
        """``2 (1 + momentum)/(1 + 2 look_ahead)``: learning rate times curvature."""
        # There trace and determinant leave Jury's triangle: an eigenvalue passes -1.
        momentum, ahead = self.constant("momentum"), self.constant("look_ahead")
        limit: float = 2.0 * (1.0 + momentum) / (1.0 + 2.0 * ahead)
        return limit


@dataclass(frozen=True, kw_only=True)
class HeavyBall(_Momentum):
    """Heavy ball ``p = momentum p - learning_rate grad U(x)``, ``x = x + p``.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], or a schedule of the step number.
    momentum : float or callable
        In [0, 1), or a schedule of the step number.

    Source
    ------
    Polyak (1964).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.momentum.HeavyBall(learning_rate=0.01, momentum=0.5).stability_limit
    3.0
    """

    source: ClassVar[str] = "Polyak (1964)"
    look_ahead: ClassVar[float] = 0.0

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _HEAVY_BALL


@dataclass(frozen=True, kw_only=True)
class MomentumFamily(_Momentum):
    """The two-parameter family: heavy ball with its gradient at ``x + look_ahead p``.

    Parameters
    ----------
    learning_rate, momentum
        As `HeavyBall`.
    look_ahead : float
        >= 0: 0 is heavy ball, the momentum itself Nesterov's method.

    Source
    ------
    Kovachki and Stuart (2021), where they are h, lambda and a.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.momentum.MomentumFamily(learning_rate=0.01, momentum=0.5, look_ahead=1.0).stability_limit
    1.0
    """

    look_ahead: float
    source: ClassVar[str] = "Kovachki and Stuart (2021)"

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return {**super().coefficients(), "look_ahead": self.look_ahead}


@dataclass(frozen=True, kw_only=True)
class Nesterov(_Momentum):
    """Nesterov's method: heavy ball with its gradient at ``x + momentum p``.

    Parameters
    ----------
    learning_rate : float or callable
        > 0 [length^2/energy], or a schedule of the step number.
    momentum : float or callable
        In [0, 1), or a schedule of the step number such as `NesterovSequence()`.

    Source
    ------
    Nesterov (1983); in this form Sutskever et al. (2013), eq. (3)-(4).

    Examples
    --------
    >>> import langevin_lab as ll
    >>> method = ll.momentum.Nesterov(
    ...     learning_rate=0.1, momentum=ll.momentum.NesterovSequence())
    >>> run = ll.simulate(ll.potentials.harmonic(), method, n_steps=100, seed=0, start=1.0)
    >>> bool(abs(run["x_final"]) < 0.02)
    True
    """

    source: ClassVar[str] = "Nesterov (1983); Sutskever et al. (2013), eq. (3)-(4)"

    @property
    def look_ahead(self) -> Any:
        """The momentum."""
        return self.momentum

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return {**super().coefficients(), "look_ahead": self.momentum}


@dataclass(frozen=True, kw_only=True)
class NesterovSequence:
    """The momentum (k - 1)/(k + 2) of Nesterov's method for convex losses.

    In step n = 0, 1, ... it is ``(n - 1)/(n + resistance - 1)``, and 0 in step 0, where there is no
    displacement yet.

    Parameters
    ----------
    resistance : float, optional
        > 0; the r of the limit x'' + (r/t) x' + grad U = 0. With 3 the sequence is (k - 1)/(k + 2).

    Source
    ------
    Su, Boyd and Candes (2016), eq. (1) and, for other resistances, section 4.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> [float(m) for m in ll.momentum.NesterovSequence()(np.arange(4))]
    [0.0, 0.0, 0.25, 0.4]
    """

    resistance: float = 3.0

    def __post_init__(self) -> None:
        check_positive("resistance", self.resistance)

    def __call__(self, step):
        """Momentum in ``step`` (scalar or array)."""
        later = np.maximum(np.asarray(step, dtype=float), 1.0)
        return ((later - 1.0) / (later + self.resistance - 1.0))[()]

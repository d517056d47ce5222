"""Streaming principal component analysis by Oja's rule with momentum.

    g_n = (X.v_n) (X - (X.v_n) v_n)            X fresh data of covariance diag(variances)
    p_{n+1} = momentum p_n + learning_rate g_n
    v_{n+1} = v_n + p_{n+1}

Coordinates are along the eigenvectors of the covariance; the mean of g is Oja's field
(C - v.C v) v, whose stable fixed points are the two unit vectors of the largest variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from langevin_lab.dynamics.schedules import check_nonnegative
from langevin_lab.integrators import Program
from langevin_lab.momentum.optimiser import Number, Optimiser

_OJA = Program(
    text=(
        "d = deviation * n0",
        "c = dot(d, x)",
        "p = fma(rate * c, d - c * x, momentum * p)",
        "x = x + p",
    ),
    state=("x", "p"),
    coefficients=("deviation", "rate", "momentum"),
    n_normals=1,
    scalars=("c",),
)


@dataclass(frozen=True, kw_only=True)
class StreamingPCA(Optimiser):
    """Oja's rule with momentum on Gaussian data, one example a step.

    The potential of a run is only observed: give `StreamingPCA.potential`.

    Parameters
    ----------
    learning_rate, momentum
        As `HeavyBall`; momentum 0 is Oja's rule.
    variances : sequence of float
        Eigenvalues of the data's covariance, >= 0; two or more, not all 0.

    Source
    ------
    Oja (1982); Liu, Chen, Zhou and Zhao (2021) with momentum.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> pca = ll.momentum.StreamingPCA(learning_rate=0.01, momentum=0.5, variances=(2.0, 1.0))
    >>> run = ll.simulate(pca.potential, pca, n_steps=1000, seed=1, n_replicas=64,
    ...                   start=[0.6, 0.8], observe={"first": "v1**2"}, burn_in=900)
    >>> bool(run["first"] > 0.9)
    True
    """

    momentum: Number
    variances: tuple[float, ...]
    source: ClassVar[str] = "Oja (1982); Liu, Chen, Zhou and Zhao (2021)"
    is_noiseless: ClassVar[bool] = False
    look_ahead: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.variances, str) or np.ndim(self.variances) != 1:
            raise TypeError(f"variances={self.variances!r} must be a sequence of numbers")
        for value in self.variances:
            check_nonnegative("variances", value)
        values = tuple(float(value) for value in self.variances)
        if len(values) < 2 or max(values) == 0:
            raise ValueError(f"variances={values} must be two or more, and not all of them 0")
        object.__setattr__(self, "variances", values)

    @property
    def potential(self) -> Any:
        """Minus half the variance along v, over coordinates v1, v2, ..."""
        from langevin_lab.potentials import Potential

        count = range(1, len(self.variances) + 1)
        terms = (f"variance_{index}*v{index}**2/2" for index in count)
        return Potential.from_expression(
            f"-({' + '.join(terms)})", [f"v{index}" for index in count],
            {f"variance_{index}": value for index, value in zip(count, self.variances)},
            name="streaming PCA",
        )  # fmt: skip

    def check_potential(self, potential: Any) -> None:
        """Raise ValueError unless the potential has one coordinate for each variance."""
        if potential.dim != len(self.variances):
            raise ValueError(
                f"variances={self.variances} has {len(self.variances)} entries for "
                f"{potential.dim} coordinates; use the potential of StreamingPCA"
            )
        if potential.gradient_noise is not None:
            raise ValueError(
                f"the gradient is drawn, {potential.gradient_noise!r}, but StreamingPCA draws its "
                "own data; use the potential without gradient noise"
            )

    @property
    def program(self) -> Program:
        """The lines of one step."""
        return _OJA

    def coefficients(self) -> dict[str, Any]:
        """The numbers that the lines name."""
        return {
            "deviation": np.sqrt(self.variances),
            "rate": self.learning_rate,
            "momentum": self.momentum,
        }

    @property
    def stability_limit(self) -> float:
        """Nan: the fixed points are no minima of a potential."""
        return math.nan

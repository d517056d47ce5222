"""Which integrals of the Brownian path a method's standard normals stand for.

A step's normal n_j is the standardised value of a functional of the path over one of the equal
parts of the step, less what other functionals over the same part already say:

    n = (F - regression of F on the given ones) / standard deviation of that difference

so the normals of a step are independent and standard, as in a simulation. Unless a method says
otherwise in its `path_normals` (words with U, SRA1), the j-th of its m normals is the increment
over the j-th m-th of the step. Examples:

    a step with O once          {"n0": PathNormal("ornstein_uhlenbeck")}
    dZ = dt^(3/2) (n0 + n1/sqrt 3)/2 for int W ds
                                {"n0": PathNormal("increment"),
                                 "n1": PathNormal("area", given=("increment",))}
    the exact pair over each half of the step
                                {"n0": PathNormal("ornstein_uhlenbeck", part=(0, 2)),
                                 "n1": PathNormal("drifted", part=(0, 2),
                                                  given=("ornstein_uhlenbeck",)), ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from langevin_lab.evidence.brownian_path import (
    FUNCTIONALS,
    BrownianPath,
    functional_form,
    integral_covariance,
)
from langevin_lab.integrators import Method

_LEAST_VARIANCE = 1e-9  # of a functional beyond the given ones, relative; less is rounding


@dataclass(frozen=True)
class PathNormal:
    """A standard normal as a functional of the Brownian path.

    Parameters
    ----------
    functional : {"increment", "area", "ornstein_uhlenbeck", "drifted"}
        See `brownian_path`.
    part : (int, int), optional
        (index, count): over the index-th of ``count`` equal parts of the step.
    given : tuple of str, optional
        Functionals over the same part that other normals of the step stand for already.

    Raises
    ------
    ValueError
        If a functional is unknown or the part is none of the step's.
    """

    functional: str = "increment"
    part: tuple[int, int] = (0, 1)
    given: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.functional, *self.given):
            if name not in FUNCTIONALS:
                known = ", ".join(FUNCTIONALS)
                raise ValueError(f"functional={name!r} is unknown; use one of {known}")
        index, count = self.part
        if not 0 <= index < count:
            raise ValueError(f"part={self.part} must be (index, count) with 0 <= index < count")

    def values(self, path: BrownianPath, n_steps: int) -> np.ndarray:
        """The normal of each of ``n_steps`` steps, shape (n_steps, n_paths, dim).

        Raises
        ------
        ValueError
            If the functional is determined by the given ones, or the path is too coarse.
        """
        index, count = self.part
        pieces = path.coarser(n_steps * count)
        form = self._standardised(pieces.interval, path.friction)
        return np.einsum("dk,kntd->ntd", form, pieces.integrals[:, index::count])

    def _standardised(self, interval: float, friction: np.ndarray) -> np.ndarray:
        """Form over (W, I, R) with unit variance, shape (dim, 3)."""
        covariance = integral_covariance(interval, friction)
        # In units of the integrals' own size, so that the regression is well conditioned.
        scale = np.sqrt(np.einsum("dkk->dk", covariance))
        correlation = covariance / (scale[:, :, None] * scale[:, None, :])
        target = functional_form(self.functional, friction) * scale
        own = np.einsum("dk,dkl,dl->d", target, correlation, target)
        if self.given:
            basis = np.stack([functional_form(n, friction) * scale for n in self.given], axis=1)
            images = basis @ correlation
            weights = np.linalg.solve(
                images @ np.swapaxes(basis, 1, 2), (images @ target[:, :, None])
            )
            target = target - (np.swapaxes(weights, 1, 2) @ basis)[:, 0]
        variance = np.einsum("dk,dkl,dl->d", target, correlation, target)
        if (variance < _LEAST_VARIANCE * own).any():
            raise ValueError(
                f"functional={self.functional!r} is determined by {self.given} at "
                f"friction={friction.tolist()}; leave it out or use another"
            )
        return target / np.sqrt(variance)[:, None] / scale


def are_guessed(method: Method, noise: Mapping[str, PathNormal] | None = None) -> bool:
    """Whether several normals are taken as increments because nobody says what they stand for."""
    return noise is None and not method.path_normals and method.n_normals > 1


def path_normals(
    method: Method, noise: Mapping[str, PathNormal] | None = None
) -> tuple[PathNormal, ...]:
    """What each normal of a method stands for: as given, as the method says, or increments.

    Raises
    ------
    ValueError
        If ``noise`` does not name each of the method's normals once.
    """
    names = method.program.normals
    if noise is None and method.path_normals:
        return tuple(PathNormal(*entry) for entry in method.path_normals)
    if noise is None:
        return tuple(PathNormal(part=(j, len(names))) for j in range(len(names)))
    if set(noise) != set(names):
        raise ValueError(
            f"noise names {sorted(noise)}, but method={method.name!r} draws {list(names)}: "
            "give a PathNormal for each"
        )
    return tuple(noise[name] for name in names)

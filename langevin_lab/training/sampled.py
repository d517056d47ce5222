"""`Sampled`: averages over probes, examples or replicas with their standard errors, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from langevin_lab.evidence import Estimate

__all__ = ["Sampled"]


class Sampled(NamedTuple):
    """Values and standard errors of n independent samples each.

    Attributes
    ----------
    value, stderr : ndarray
        Of one shape.
    n : int
        Samples behind each.
    """

    value: np.ndarray
    stderr: np.ndarray
    n: int

    def estimate(self, *index: int) -> Estimate:
        """Return one of the values as an `evidence.Estimate`.

        Raises
        ------
        ValueError
            If the index does not name a single number.
        """
        value, stderr = np.asarray(self.value)[index], np.asarray(self.stderr)[index]
        if np.ndim(value):
            raise ValueError(
                f"index {index} leaves values of shape {np.shape(value)}: name one of them"
            )
        return Estimate(float(value), float(stderr), self.n)


def over(samples: np.ndarray, axis: int) -> Sampled:
    """Mean and standard error of independent samples along one axis."""
    n = samples.shape[axis]
    return Sampled(samples.mean(axis=axis), samples.std(axis=axis, ddof=1) / np.sqrt(n), n)

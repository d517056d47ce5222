"""`Estimate`: a number with its standard error and the sample size behind it.

Errors propagate to first order, as for *independent* operands:

    stderr(f)^2 = sum_i (df/dx_i)^2 stderr_i^2
    dof(f)      = stderr(f)^4 / sum_i [ (df/dx_i)^4 stderr_i^4 / dof_i ],  dof_i = n_eff_i - 1

(Welch 1947 for the degrees of freedom). So ``x - x`` is not an exact zero: the operands are taken
as two independent measurements. For functions of correlated means use `resampling.jackknife`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.evidence import notation


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error and the effective number of independent samples.

    Parameters
    ----------
    value : float
        Finite.
    stderr : float, optional
        Standard error >= 0 in the unit of the value; 0 means exact.
    n_eff : float, optional
        Independent samples behind ``stderr``: > 1, or None or infinity where the error is known
        well enough for normal quantiles.

    Raises
    ------
    ValueError
        If the value is not finite, ``stderr < 0`` or not finite, or ``n_eff <= 1``.

    Examples
    --------
    >>> str(Estimate(0.46731, 0.00123))
    '0.4673 ± 0.0012'
    >>> f"{Estimate(0.46731, 0.00123):()}"
    '0.4673(12)'
    """

    value: float
    stderr: float = 0.0
    n_eff: float = math.inf

    def __post_init__(self) -> None:
        value = _number("value", self.value)
        stderr = _number("stderr", self.stderr)
        n_eff = math.inf if self.n_eff is None else _number("n_eff", self.n_eff)
        if not math.isfinite(value):
            raise ValueError(
                f"value={value} is not finite; count and leave out diverged replicas first"
            )
        if not (math.isfinite(stderr) and stderr >= 0):
            raise ValueError(f"stderr={stderr} must be finite and >= 0 (0 means exact)")
        if not n_eff > 1:
            raise ValueError(
                f"n_eff={n_eff} must be > 1: one sample has no standard error; "
                "use n_eff=None if the error is known otherwise"
            )
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "stderr", stderr)
        object.__setattr__(self, "n_eff", n_eff)

    @classmethod
    def exact(cls, value: float) -> Estimate:
        """Return an estimate without error: a number from algebra or quadrature."""
        return cls(value, 0.0)

    @classmethod
    def from_samples(cls, samples: Any) -> Estimate:
        """Mean of independent samples.

        Parameters
        ----------
        samples : array_like of shape (n,)
            Independent draws, n >= 2; for a correlated series use `from_batches`.

        Returns
        -------
        Estimate
            Mean, sample standard deviation over sqrt(n), n.

        Raises
        ------
        ValueError
            If n < 2, the array is not one-dimensional or a sample is not finite.
        """
        array = checked_samples(samples)
        return cls(
            float(array.mean()), float(array.std(ddof=1)) / math.sqrt(array.size), array.size
        )

    @classmethod
    def from_batches(cls, series: Any, *, n_batches: int = 30) -> Estimate:
        """Mean of a correlated stationary series, its error from the means of long batches.

        Parameters
        ----------
        series : array_like of shape (n,)
            Consecutive values; a batch has to be many correlation times long.
        n_batches : int, optional
            Batches >= 2 of equal length; what does not fill a batch is left out at the start.

        Returns
        -------
        Estimate
            Mean over all batches, standard error of the batch means, ``n_batches``.

        Raises
        ------
        ValueError
            If ``n_batches < 2`` or there are fewer than two values a batch.
        """
        array = checked_samples(series)
        if n_batches < 2:
            raise ValueError(f"n_batches={n_batches} must be >= 2; 20 to 50 is usual")
        length = array.size // n_batches
        if length < 2:
            raise ValueError(
                f"series of {array.size} values is too short for n_batches={n_batches} of two "
                f"values or more; use n_batches <= {max(array.size // 2, 1)} or a longer run"
            )
        return cls.from_samples(
            array[-n_batches * length :].reshape(n_batches, length).mean(axis=1)
        )

    @classmethod
    def from_dataset(cls, dataset: Any, name: str) -> Estimate:
        """An average of a run with its error bar: NAME, NAME_stderr and its number of groups.

        Parameters
        ----------
        dataset : xarray.Dataset
            What `simulate` returned.
        name : str
            Name of the observable.

        Raises
        ------
        ValueError
            If the dataset holds no such average, or it is not a single number.
        """
        if name not in dataset or f"{name}_stderr" not in dataset:
            known = [str(key)[:-7] for key in dataset if str(key).endswith("_stderr")]
            raise ValueError(f"name={name!r} is no average of the dataset; it has {known}")
        if dataset[name].size != 1:
            raise ValueError(
                f"name={name!r} has shape {dataset[name].shape}: select one entry of it first"
            )
        n_groups = float(dataset[name].attrs.get("n_groups", math.inf))
        return cls(float(dataset[name]), float(dataset[f"{name}_stderr"]), n_groups)

    @property
    def is_exact(self) -> bool:
        """Whether this is a number from algebra: no error, and no samples behind it."""
        return self.stderr == 0 and math.isinf(self.n_eff)

    @property
    def dof(self) -> float:
        """Degrees of freedom of Student's t for this error: n_eff - 1."""
        return self.n_eff - 1.0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided confidence interval, value -+ t stderr with Student's t at n_eff - 1.

        Parameters
        ----------
        level : float, optional
            Confidence level in (0, 1).

        Returns
        -------
        tuple of float
            Lower and upper end.

        Raises
        ------
        ValueError
            If level is outside (0, 1).
        """
        half = quantile(0.5 + 0.5 * _level(level), self.dof) * self.stderr if self.stderr else 0.0
        return self.value - half, self.value + half

    def __str__(self) -> str:
        return notation.plus_minus(self.value, self.stderr)

    def __format__(self, spec: str) -> str:
        """Return "±" style for an empty spec, "0.4673(12)" for "()", else format the value."""
        if spec == "":
            return str(self)
        if spec == "()":
            return notation.parenthesis(self.value, self.stderr)
        return format(self.value, spec)

    def __float__(self) -> float:
        return self.value

    def __neg__(self) -> Estimate:
        return propagate(-self.value, (-1.0, self))

    def __add__(self, other: Estimate | float) -> Estimate:
        right = as_estimate(other)
        return propagate(self.value + right.value, (1.0, self), (1.0, right))

    __radd__ = __add__

    def __sub__(self, other: Estimate | float) -> Estimate:
        right = as_estimate(other)
        return propagate(self.value - right.value, (1.0, self), (-1.0, right))

    def __rsub__(self, other: float) -> Estimate:
        return as_estimate(other) - self

    def __mul__(self, other: Estimate | float) -> Estimate:
        right = as_estimate(other)
        value = self.value * right.value
        return propagate(value, (right.value, self), (self.value, right))

    __rmul__ = __mul__

    def __truediv__(self, other: Estimate | float) -> Estimate:
        right = as_estimate(other)
        if right.value == 0:
            raise ZeroDivisionError(f"{self} / ({right}): the divisor must not be 0")
        ratio = self.value / right.value
        return propagate(ratio, (1.0 / right.value, self), (-ratio / right.value, right))

    def __rtruediv__(self, other: float) -> Estimate:
        return as_estimate(other) / self

    def __pow__(self, exponent: float) -> Estimate:
        power = _number("exponent", exponent)
        if self.value < 0 and not power.is_integer():
            raise ValueError(f"({self})**{power}: a negative value needs an integer exponent")
        if self.value == 0 and power < 1:
            raise ValueError(f"({self})**{power}: at value 0 the exponent must be >= 1")
        return propagate(self.value**power, (power * self.value ** (power - 1), self))

    def log(self) -> Estimate:
        """Return the natural logarithm, stderr / value its error."""
        if self.value <= 0:
            raise ValueError(f"log({self}): the value must be > 0")
        return propagate(math.log(self.value), (1.0 / self.value, self))

    def exp(self) -> Estimate:
        """Return the exponential, exp(value) * stderr its error."""
        value = float(np.exp(self.value))
        return propagate(value, (value, self))


def as_estimate(value: Any) -> Estimate:
    """``value`` itself if it is an estimate, else a number taken as exact.

    A variable of a dataset is refused: it has lost its error bar, which stands beside it.
    """
    if hasattr(value, "dims"):
        name = getattr(value, "name", None) or "NAME"
        raise TypeError(
            f"{name} is a variable of a dataset, without its error bar; "
            f"use Estimate.from_dataset(dataset, {name!r})"
        )
    return value if isinstance(value, Estimate) else Estimate.exact(value)


def propagate(value: float, *terms: tuple[float, Estimate]) -> Estimate:
    """Estimate of a function from its value and (derivative, independent estimate) pairs."""
    parts = [(abs(slope) * item.stderr, item.dof) for slope, item in terms]
    stderr = math.hypot(*(part for part, _ in parts))
    if stderr == 0:
        return Estimate(value, 0.0, min(item.n_eff for _, item in terms))
    # Relative parts, so that tiny errors do not underflow in the fourth power.
    inverse = sum((part / stderr) ** 4 / dof for part, dof in parts)
    return Estimate(value, stderr, 1.0 + 1.0 / inverse if inverse > 0 else math.inf)


def quantile(probability: float, dof: float = math.inf) -> float:
    """Quantile of Student's t with ``dof`` degrees of freedom, of the normal law if infinite."""
    from scipy import special

    if math.isinf(dof):
        return float(special.ndtri(probability))
    return float(special.stdtrit(dof, probability))


def upper_tail(z: float, dof: float = math.inf) -> float:
    """P(t > z) for Student's t with ``dof`` degrees of freedom, normal if infinite."""
    from scipy import special

    return float(special.ndtr(-z) if math.isinf(dof) else special.stdtr(dof, -z))


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be one real number") from None


def checked_samples(samples: Sequence[float] | np.ndarray) -> np.ndarray:
    """``samples`` as a finite float array of shape (n,), n >= 2."""
    array = np.asarray(samples, dtype=float)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(
            f"samples have shape {array.shape}; give a one-dimensional array of two values or more"
        )
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{bad} of {array.size} samples are not finite; count and leave out diverged "
            "replicas first"
        )
    return array


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie in (0, 1), for example 0.95")
    return level

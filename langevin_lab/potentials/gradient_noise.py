"""How a drawn gradient differs from the true one: a property of the problem, not of a method.

    GaussianNoise   g = gradient(x) + L n          a constant covariance L L^T
    FactorNoise     g = gradient(x) + B(x) n       B from expressions
    Minibatch       g = mean of the gradients of the drawn examples, their labels perhaps disturbed

n are fresh standard normals at every evaluation. Each class says how many normals (`n_normals`)
and examples (`n_indices`) an evaluation takes; `numbers` are what a compiled kernel reads of it
beside them, so that another amplitude recompiles nothing. The same drawn gradient in numpy is
`drawn_gradient`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from langevin_lab.potentials.code import digest_of
from langevin_lab.potentials.expression import Expression, parse_expression

if TYPE_CHECKING:
    from langevin_lab.potentials.potential import Potential

__all__ = [
    "FactorNoise",
    "GaussianNoise",
    "GradientNoise",
    "Minibatch",
    "constant_factor",
    "drawn_gradient",
]

_FEW_NUMBERS = 8  # that a key spells out; more are hashed


@dataclass(frozen=True, repr=False)
class GaussianNoise:
    """Additive Gaussian noise of one covariance everywhere.

    Attributes
    ----------
    factor : tuple of float, or of tuples of float
        Standard deviations, one a coordinate; or the rows of the Cholesky factor, row i with its
        i + 1 entries up to the diagonal.
    """

    factor: tuple[Any, ...]

    n_indices = 0

    @property
    def n_normals(self) -> int:
        """Normals of one evaluation."""
        return len(self.factor)

    @property
    def is_diagonal(self) -> bool:
        """Whether coordinates are independent."""
        return not isinstance(self.factor[0], tuple)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The standard deviations, or the entries of the factor column by column."""
        if self.is_diagonal:
            return self.factor
        n = self.n_normals
        return tuple(self.factor[row][column] for column in range(n) for row in range(column, n))

    @property
    def matrix(self) -> np.ndarray:
        """The factor as an array of shape (dim, dim)."""
        if self.is_diagonal:
            return np.diag(self.factor)
        transposed = np.zeros((self.n_normals, self.n_normals))
        transposed[np.triu_indices(self.n_normals)] = self.numbers
        return transposed.T

    @property
    def key(self) -> str:
        """All that determines the noise."""
        numbers = [number.hex() for number in self.numbers]
        short = ",".join(numbers) if len(numbers) <= _FEW_NUMBERS else digest_of(*numbers)
        return f"{'diagonal' if self.is_diagonal else 'triangular'} gradient noise {short}"

    def __repr__(self) -> str:
        if self.is_diagonal and len(set(self.factor)) == 1:
            return f"GaussianNoise(standard_deviation={self.factor[0]:g})"
        return f"GaussianNoise({'diagonal' if self.is_diagonal else 'full'} covariance)"

    def increments(self, potential: Potential, x: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """What is added to the gradient at x (..., dim)."""
        return normals * self.factor if self.is_diagonal else normals @ self.matrix.T


@dataclass(frozen=True, repr=False)
class FactorNoise:
    """Additive Gaussian noise B(x) n.

    Attributes
    ----------
    texts : tuple of tuples of str
        B, one row a coordinate and one column a normal.
    names : tuple of str
        What the texts may name: variables, then parameters.
    """

    texts: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    n_indices = 0
    numbers = ()

    @property
    def n_normals(self) -> int:
        """Normals of one evaluation."""
        return len(self.texts[0])

    @property
    def entries(self) -> dict[tuple[int, int], Expression]:
        """(coordinate, normal) -> entry of B, those that read "0" left out."""
        return {
            (row, column): parse_expression(text, self.names)
            for row, line in enumerate(self.texts)
            for column, text in enumerate(line)
            if text.strip() not in ("0", "0.0")
        }

    @property
    def key(self) -> str:
        """All that determines the noise."""
        return f"gradient noise factor {self.texts}"

    def __repr__(self) -> str:
        return f"FactorNoise({[list(line) for line in self.texts]})"

    def increments(self, potential: Potential, x: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """What is added to the gradient at x (..., dim)."""
        values: dict[str, Any] = dict(potential.parameters)
        values |= {name: x[..., index] for index, name in enumerate(potential.variables)}
        total = np.zeros(x.shape)
        for (row, column), entry in self.entries.items():
            total[..., row] += entry.evaluate(values) * normals[..., column]
        return total


@dataclass(frozen=True)
class Minibatch:
    """The mean over drawn examples in place of the mean over all.

    Attributes
    ----------
    n_examples, batch_size : int
    replacement : bool
        Whether draws are independent; else every n_examples successive draws of a replica, an
        epoch, hold each example once, in an order of their own. Where batch_size does not divide
        n_examples a batch goes on into the next epoch.
    label_noise : float
        Standard deviation of what is added to the label of every drawn example, afresh at every
        evaluation.
    """

    n_examples: int
    batch_size: int
    replacement: bool
    label_noise: float

    @property
    def n_indices(self) -> int:
        """Examples of one evaluation."""
        return self.batch_size

    @property
    def n_normals(self) -> int:
        """Normals of one evaluation: one a label."""
        return self.batch_size if self.label_noise > 0 else 0

    @property
    def numbers(self) -> tuple[float, ...]:
        """The standard deviation of labels, if it is not 0."""
        return (self.label_noise,) if self.label_noise > 0 else ()

    @property
    def key(self) -> str:
        """All that determines the noise, but the data."""
        return f"{self!r}"

    def increments(
        self, potential: Potential, x: np.ndarray, normals: np.ndarray, indices: np.ndarray
    ) -> np.ndarray:
        """Mean over the drawn examples less the mean over all."""
        labels = self.label_noise * normals if self.n_normals else 0.0
        drawn = potential._evaluator.batch_gradient(  # type: ignore[union-attr]
            x, potential.parameter_values, indices, labels
        )
        return drawn - potential.gradient(x)


GradientNoise: TypeAlias = GaussianNoise | FactorNoise | Minibatch


def drawn_gradient(
    potential: Potential, x: Any, *, normals: Any = None, indices: Any = None
) -> np.ndarray:
    """Return the gradient that a method gets at x, on given normals and examples.

    Parameters
    ----------
    potential : Potential
        With a `gradient_noise`.
    x : array_like of shape (..., dim)
    normals : array_like of shape (..., n_normals), optional
        Standard normals, where the noise takes any.
    indices : array_like of int, shape (..., n_indices), optional
        The drawn examples, for a `Minibatch`.

    Returns
    -------
    ndarray of shape (..., dim)

    Raises
    ------
    ValueError
        If the potential has no gradient noise, or normals or indices have a wrong last axis.
    """
    noise = potential.gradient_noise
    if noise is None:
        raise ValueError(f"{potential!r} has no gradient noise; use its gradient")
    x = np.asarray(x, dtype=np.float64)
    given = {}
    for name, value, count in (
        ("normals", normals, noise.n_normals),
        ("indices", indices, noise.n_indices),
    ):
        given[name] = np.zeros((*x.shape[:-1], 0)) if value is None else np.asarray(value)
        if given[name].shape[-1:] != (count,):
            raise ValueError(
                f"{name} of shape {np.shape(value) if value is not None else None} must end in "
                f"{count}: what one evaluation of {noise!r} takes"
            )
    if isinstance(noise, Minibatch):
        increments = noise.increments(potential, x, given["normals"], given["indices"])
    else:
        increments = noise.increments(potential, x, given["normals"])
    return potential.gradient(x) + increments


def gaussian_noise(
    potential: Potential, *, standard_deviation: Any, covariance: Any, factor: Any
) -> GradientNoise:
    """Return the noise of `Potential.with_gradient_noise`, which states what is checked."""
    if potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient of {potential.name} is drawn already, {potential.gradient_noise!r}; "
            "start from the potential without noise"
        )
    given = [
        name
        for name, value in (
            ("standard_deviation", standard_deviation),
            ("covariance", covariance),
            ("factor", factor),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise ValueError(
            f"with_gradient_noise was given {' and '.join(given) or 'nothing'}; give one of "
            "standard_deviation, covariance, factor"
        )
    if factor is not None:
        return _factor_noise(potential, factor)
    return constant_factor(
        potential.dim, standard_deviation=standard_deviation, covariance=covariance
    )


def constant_factor(
    dim: int, *, standard_deviation: Any = None, covariance: Any = None
) -> GaussianNoise:
    """Return the noise of given standard deviations, () or (dim,), or covariance (dim, dim)."""
    if covariance is None:
        values = _numbers("standard_deviation", standard_deviation)
        if values.shape not in ((), (dim,)):
            raise ValueError(
                f"standard_deviation of shape {values.shape} must be one number or ({dim},), one "
                "a coordinate; a matrix is a covariance"
            )
        if np.any(values < 0):
            raise ValueError(f"standard_deviation={standard_deviation} must be >= 0")
        return GaussianNoise(tuple(np.broadcast_to(values, (dim,)).tolist()))
    matrix = _numbers("covariance", covariance)
    if matrix.shape != (dim, dim):
        raise ValueError(
            f"covariance of shape {matrix.shape} must be ({dim}, {dim}); for independent "
            "coordinates give standard_deviation"
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=1e-14 * np.abs(matrix).max()):
        raise ValueError("covariance is not symmetric; give 0.5*(C + C.T)")
    lowest, *_, highest = [*np.linalg.eigvalsh(matrix), 0.0, float(np.abs(matrix).max())]
    if lowest < -1e-12 * highest:
        raise ValueError(
            f"covariance has the negative eigenvalue {lowest:.6g}; no noise has such a covariance"
        )
    triangle = _cholesky(0.5 * (matrix + matrix.T))
    return GaussianNoise(tuple(tuple(triangle[i, : i + 1].tolist()) for i in range(dim)))


def _cholesky(matrix: np.ndarray) -> np.ndarray:
    """Lower triangular L with L L^T = matrix, also where that has zero eigenvalues."""
    factor = np.zeros_like(matrix)
    smallest = 1e-14 * np.abs(matrix).max()
    for j in range(len(matrix)):
        column = matrix[j:, j] - factor[j:, :j] @ factor[j, :j]
        if column[0] > smallest:  # else the rest of the column is 0 too
            factor[j:, j] = column / math.sqrt(column[0])
    return factor


def _factor_noise(potential: Potential, factor: Any) -> FactorNoise:
    rows = list(factor) if isinstance(factor, Sequence | np.ndarray) else []
    if isinstance(factor, str) or any(isinstance(line, str) or not np.ndim(line) for line in rows):
        rows = []
    lengths = {len(line) for line in rows}
    if len(rows) != potential.dim or len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"factor={factor!r:.80} must be {potential.dim} rows of equal length, one a coordinate "
            'and one column a normal, such as [["0.1*x"]] in one dimension'
        )
    if potential.code.form != "scalar":
        raise ValueError(
            f"factor: {potential.name} is made of loops, which expressions cannot join; give a "
            "constant standard_deviation or covariance, or use a potential from an expression"
        )
    texts = tuple(
        tuple(text if isinstance(text, str) else repr(float(text)) for text in line)
        for line in rows
    )
    noise = FactorNoise(texts, (*potential.variables, *potential.parameters))
    noise.entries  # noqa: B018  parses every text, which raises ExpressionError
    return noise


def _numbers(name: str, value: Any) -> np.ndarray:
    refused = TypeError(f"{name}={value!r} must be a number or an array of numbers")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise refused from None
    # numpy reads True as 1 and "2" as 2.
    plain = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    entries = () if plain else np.ravel(np.asarray(value, dtype=object))
    if any(isinstance(entry, bool | np.bool_ | str | bytes) for entry in entries):
        raise refused
    if not np.isfinite(array).all():
        raise ValueError(f"{name}={value!r} must be finite")
    return array

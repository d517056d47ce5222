"""The stationary law of a discretised scheme on an anharmonic potential, without sampling.

One step maps z = (x), (x, p), (x, r) or (x, p, r) and fresh normals n to z'. Its transfer operator
is (P f)(z) = E_n f(z'(z, n)), and the stationary law rho satisfies <P f>_rho = <f>_rho. Written as
rho = u mu with mu the Gibbs law (times a standard normal for a stored normal r), and u and f
expanded in the polynomials phi_k orthonormal under mu up to a total degree, this is a linear system

    sum_k c_k < phi_k (P phi_j - phi_j) >_mu = 0     for all j,        c_0 = 1.

P phi_j is evaluated by the method's own `step` at quadrature nodes, so nothing of a scheme is
written a second time. u - 1 is the scheme's bias, of the order of dt or dt^2 and smooth, which is
why few polynomials give ten digits.

Domain: explicit schemes are not ergodic on potentials that grow faster than quadratically; from far
out they explode. The nodes live on the box where the Gibbs density exceeds exp(-`_CUT`) of its
maximum, and images beyond the box are put back on its edge. The stationary probability of such a
step is computed and enters the error: the answer is that of the metastable law which a simulation
of 1/probability steps sees.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from langevin_lab.exact.polynomials import Axis, polynomial_axis
from langevin_lab.exact.quadrature import gibbs_interval
from langevin_lab.exact.reference import Array, Reference
from langevin_lab.exact.requirements import (
    friction_of,
    per_coordinate,
    require_dimension,
    require_true_gradient,
    temperature_of,
)
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method

_CUT = 30.0
# A step that leaves the box more often than this has no metastable law worth the name.
_MAX_ESCAPE = 1e-3
_CHUNK = 2_000_000


def stationary_average(
    method: str | Method,
    dynamics: Any,
    observable: Callable[..., Array],
    dt: float,
    *,
    degree: int = 24,
    n_normal_nodes: int = 12,
) -> Reference:
    """Average an observable over the stationary law of a method, time-step bias included.

    Parameters
    ----------
    method, dynamics, dt, degree, n_normal_nodes
        As `stationary_law`.
    observable : callable
        f(x), f(p) or f(x, p): arguments by name; arrays in, same shape out.

    Returns
    -------
    Reference
        As `StationaryLaw.average`.

    Raises
    ------
    ValueError
        As `stationary_law`; an argument of `observable` that the method does not carry.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.quartic_well(), temperature=1.0, friction=1.0)
    >>> value, error = ll.exact.stationary_average("BAOAB", eq, lambda x: x**2, dt=0.2)
    >>> round(value - 0.4679199170, 7)
    -0.0004853
    """
    law = stationary_law(method, dynamics, dt, degree=degree, n_normal_nodes=n_normal_nodes)
    return law.average(observable)


def stationary_law(
    method: str | Method,
    dynamics: Any,
    dt: float,
    *,
    degree: int = 24,
    n_normal_nodes: int = 12,
) -> StationaryLaw:
    """Compute the stationary law of a method at a finite time step, for any number of averages.

    Parameters
    ----------
    method : str or Method
        Any word or named scheme with noise.
    dynamics : Overdamped or Langevin
        Smooth potential of dim 1, constant temperature > 0; friction > 0.
    dt : float
        Time step > 0.
    degree : int, optional
        Total polynomial degree >= 8. Deep double wells need more, 40 or so.
    n_normal_nodes : int, optional
        Gauss-Hermite nodes for each fresh normal, >= 4.

    Returns
    -------
    StationaryLaw

    Raises
    ------
    ValueError
        dim != 1; no noise; a step that leaves the domain with probability above 1e-3 (dt too
        large); degree < 8 or n_normal_nodes < 4; a drawn gradient.

    Notes
    -----
    Cost on one core at the default degree: 0.1 s for two variables and one normal, 0.5 s for two
    normals (OBABO); three variables (BBK) take 5 s at degree 16.
    """
    scheme = checked_scheme(method, dynamics, degree, n_normal_nodes)
    fine, coarse = (
        galerkin(scheme, dynamics, dt, m * degree // 4, m * n_normal_nodes // 4).solution()
        for m in (4, 3)
    )
    return StationaryLaw(scheme.name, scheme.state_names, fine, coarse)


def checked_scheme(method: str | Method, dynamics: Any, degree: int, n_normal_nodes: int) -> Method:
    """The method, if its transfer operator on these dynamics can be expanded, or an error."""
    if degree < 8 or n_normal_nodes < 4:
        raise ValueError(
            f"degree={degree} must be at least 8 and n_normal_nodes={n_normal_nodes} at least 4"
        )
    scheme = find_method(method)
    require_dimension(dynamics, (1,), "the stationary law of a scheme")
    require_true_gradient(dynamics)
    if not scheme.properties.linear:
        raise ValueError(
            f"method={scheme.name!r} accepts or rejects each step and keeps the Gibbs law at any "
            "dt; use gibbs_average"
        )
    if scheme.n_normals == 0:
        raise ValueError(
            f"method={scheme.name!r} draws no normals and has no unique stationary law; use a "
            "method with noise"
        )
    friction_of(dynamics)  # refuses a schedule
    return scheme


@dataclass(frozen=True)
class StationaryLaw:
    """The stationary law of a method at a finite time step.

    Attributes
    ----------
    method : str
    state_names : tuple of str
        ("x",) or ("x", "p"): what an observable may take.
    """

    method: str
    state_names: tuple[str, ...]
    _fine: _Solution
    _coarse: _Solution

    @property
    def escape_probability(self) -> float:
        """Probability that a step from the law ends beyond the domain."""
        return self._fine.escape

    def average(self, observable: Callable[..., Array]) -> Reference:
        """Average an observable.

        Parameters
        ----------
        observable : callable
            f(x), f(p) or f(x, p): arguments by name; arrays in, same shape out.

        Returns
        -------
        Reference
            Value and error: the change from 3/4 of the degree and of the normal nodes, rounding,
            and what the steps beyond the domain can change while the law relaxes from them.

        Raises
        ------
        ValueError
            An argument of `observable` that the method does not carry.
        """
        names = tuple(inspect.signature(observable).parameters)
        if not names or not set(names) <= set(self.state_names):
            raise ValueError(
                f"observable takes {names}; method {self.method!r} carries {self.state_names}: "
                "name its arguments after these"
            )
        value, largest = self._fine.average(observable, names)
        refinement = abs(value - self._coarse.average(observable, names)[0])
        leaving = self._fine.escape * self._fine.relaxation_steps * largest
        return Reference(value, refinement + leaving + 1e-13 * (abs(value) + 1.0))


@dataclass(frozen=True)
class _Solution:
    """A stationary law as weights on the tensor grid of the axes, at one degree."""

    axes: tuple[Axis, ...]
    mass: Array
    escape: float
    relaxation_steps: float

    def average(
        self, observable: Callable[..., Array], names: tuple[str, ...]
    ) -> tuple[float, float]:
        """Mean over the law, and the largest modulus on the grid."""
        grids = np.meshgrid(*(axis.nodes for axis in self.axes), indexing="ij")
        by_name = {axis.name: grid for axis, grid in zip(self.axes, grids)}
        values = observable(**{name: by_name[name] for name in names})
        values = np.broadcast_to(np.asarray(values, dtype=np.float64), self.mass.shape)
        return float(np.sum(self.mass * values)), float(np.abs(values).max())


@dataclass(frozen=True)
class Galerkin:
    """The operator P - 1 of one step in polynomials: matrix[j, k] = <phi_k (P phi_j - phi_j)>.

    `leaving` is the probability of a step beyond the box from every point of the grid.
    """

    name: str
    dt: float
    axes: tuple[Axis, ...]
    kept: Array
    matrix: Array
    leaving: Array

    def at_nodes(self, coefficients: Array) -> Array:
        """A function on the tensor grid, from its coefficients in the kept polynomials."""
        shape = [len(axis.diagonal) for axis in self.axes]
        values = np.zeros(int(np.prod(shape)))
        values[self.kept] = coefficients
        values = values.reshape(shape)
        for axis in self.axes:
            values = np.tensordot(values, axis.table(axis.nodes), axes=(0, 1))
        return values

    def solution(self) -> _Solution:
        """The stationary law: its expansion makes the mean of every P phi_j - phi_j vanish."""
        from scipy import linalg

        factors = linalg.lu_factor(self.matrix[1:, 1:])
        others = linalg.lu_solve(factors, -self.matrix[1:, 0])
        density = self.at_nodes(np.append(1.0, others))
        mass = _outer([axis.weights for axis in self.axes]) * density
        escape = float(abs(np.sum(mass.ravel() * self.leaving)))
        if not escape <= _MAX_ESCAPE:
            raise ValueError(
                f"dt={self.dt:g} makes method {self.name!r} leave the domain with probability "
                f"{escape:.2g} a step, so it has no stationary law; use a smaller dt"
            )
        steps = _relaxation_steps(lambda v: linalg.lu_solve(factors, v), len(others))
        return _Solution(self.axes, mass, escape, steps)


def galerkin(
    scheme: Method, dynamics: Any, dt: float, degree: int, n_normal_nodes: int
) -> Galerkin:
    """Expand the transfer operator of one step in polynomials up to a total degree."""
    axes = _axes(scheme, dynamics, degree)
    tables = [axis.table(axis.nodes) for axis in axes]
    total = np.add.reduce(np.meshgrid(*[np.arange(degree + 1)] * len(axes), indexing="ij"))
    kept = np.flatnonzero(total.ravel() <= degree)
    matrix = np.zeros((len(kept), len(kept)))
    weights = _outer([axis.weights for axis in axes]).ravel()
    leaving = np.empty(weights.size)
    for rows, images, escapes in _images(scheme, dynamics, dt, axes, n_normal_nodes, degree):
        at_nodes = _products([table[index] for table, index in zip(tables, rows.by_axis)])[:, kept]
        matrix += (images[:, kept] - at_nodes).T @ (at_nodes * weights[rows.flat, None])
        leaving[rows.flat] = escapes
    return Galerkin(scheme.name, dt, axes, kept, matrix, leaving)


def _relaxation_steps(inverse: Callable[[Array], Array], size: int) -> float:
    """How many steps a disturbance lives: 1/|1 - eigenvalue of P nearest to 1|, by iteration."""
    vector, growth = np.random.default_rng(0).standard_normal(size), []
    for _ in range(40):
        vector = inverse(vector)
        growth.append(np.linalg.norm(vector))
        vector = vector / growth[-1]
    # The geometric mean also covers a complex pair, where single factors oscillate.
    return float(np.exp(np.mean(np.log(growth[20:]))))


@dataclass(frozen=True)
class _Rows:
    """A run of grid points: flat indices and the index along each axis."""

    flat: slice
    by_axis: tuple[np.ndarray, ...]


def _images(
    scheme: Method, dynamics: Any, dt: float, axes: tuple[Axis, ...], n_nodes: int, degree: int
) -> Iterator[tuple[_Rows, Array, Array]]:
    """For runs of grid points: E phi_j(z') for all tensor products j, and P(z' outside the box)."""
    coefficients = scheme.coefficients(dynamics, dt)
    gradient = dynamics.potential.gradient
    normals, weights = _normal_grid(scheme.n_normals, n_nodes)
    shape = tuple(len(axis.nodes) for axis in axes)
    size = int(np.prod(shape))
    run = max(1, _CHUNK // (len(weights) * (degree + 1) ** max(1, len(axes) - 1)))
    for first in range(0, size, run):
        flat = slice(first, min(first + run, size))
        index = np.unravel_index(np.arange(flat.start, flat.stop), shape)
        state = {axis.name: axis.nodes[i][:, None, None] for axis, i in zip(axes, index)}
        # Far images may overflow; clipping and the escape probability take care of them.
        with np.errstate(over="ignore", invalid="ignore"):
            state = scheme.carried_state(state, gradient)
            after = scheme.step(state, normals[:, None, :, None], coefficients, gradient)
        points = [
            np.broadcast_to(after[axis.name][..., 0], (flat.stop - flat.start, len(weights)))
            for axis in axes
        ]
        escapes = np.any([axis.outside(z) for axis, z in zip(axes, points)], axis=0) @ weights
        tables = [axis.table(np.nan_to_num(z)) for axis, z in zip(axes, points)]
        tables[0] = tables[0] * weights[:, None]
        yield _Rows(flat, index), _expectation(tables), escapes


def _expectation(tables: list[Array]) -> Array:
    """Sum over the normals of the tensor products of (rows, normals, degree + 1) tables."""
    rows, n_normals, _ = tables[0].shape
    if len(tables) == 1:
        return tables[0].sum(axis=1)
    rest = tables[1]
    for table in tables[2:]:
        rest = (rest[..., :, None] * table[..., None, :]).reshape(rows, n_normals, -1)
    return np.matmul(tables[0].swapaxes(1, 2), rest).reshape(rows, -1)


def _products(tables: list[Array]) -> Array:
    """Tensor products of (rows, degree + 1) tables, flattened over the degrees."""
    result = tables[0]
    for table in tables[1:]:
        result = (result[:, :, None] * table[:, None, :]).reshape(len(table), -1)
    return result


def _outer(vectors: list[Array]) -> Array:
    result = np.ones(())
    for vector in vectors:
        result = np.multiply.outer(result, vector)
    return result


def _normal_grid(n_normals: int, n_nodes: int) -> tuple[Array, Array]:
    """Gauss-Hermite tensor nodes (n_normals, n) and weights (n,) of independent normals."""
    nodes, weights = hermegauss(n_nodes)
    weights = weights / weights.sum()
    grids = np.meshgrid(*[nodes] * n_normals, indexing="ij")
    return np.array([grid.ravel() for grid in grids]), _outer([weights] * n_normals).ravel()


def _axes(scheme: Method, dynamics: Any, degree: int) -> tuple[Axis, ...]:
    """Weights, nodes and polynomials of x, p and a stored normal."""
    temperature = temperature_of(dynamics)
    potential = dynamics.potential
    low, high = gibbs_interval(dynamics, _CUT)
    # Enough for the product of two polynomials and the weight; the coarse solution checks it.
    n_nodes = 3 * degree // 2 + 12

    def position_weight(x: Array) -> Array:
        return -np.asarray(potential.energy(x[:, None])) / temperature

    axes = [polynomial_axis("x", low, high, position_weight, n_nodes=n_nodes, degree=degree)]
    for name in (*scheme.state_names[1:], *(s for s in scheme.stored if s != "g")):
        variance = 1.0
        if name == "p":
            variance = temperature * float(per_coordinate(dynamics.mass, 1)[0])
        reach = float(np.sqrt(2 * _CUT * variance))
        log_weight = lambda z, variance=variance: -0.5 * z**2 / variance  # noqa: E731
        axes.append(
            polynomial_axis(name, -reach, reach, log_weight, n_nodes=n_nodes, degree=degree)
        )
    return tuple(axes)

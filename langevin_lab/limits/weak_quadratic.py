"""Weak modified equations on quadratics of any dimension, as matrices.

On U = x.K.x/2 the modified equation is linear, dz = A_h z dt + noise with diffusion D_h:

    A_h = A + h A_1 + h^2 A_2,      D_h = D + h D_1 + h^2 D_2,
    d mean/dt = A_h mean,           d Sigma/dt = A_h Sigma + Sigma A_h^T + 2 D_h

A linear step z' = M z + noise of covariance Q is the matrix on the left, its generator the one on
the right (van Loan), and composition is their product, later factors to the left:

    [ M   Q M^-T ]               [ A   2 D  ]
    [ 0     M^-T ] = exp( h *    [ 0   -A^T ] )

so the series of `composition` give A_k and D_k of a word from those of its letters, over z = (x, p)

    A: A_xp = 1/m     B: A_px = -K     C: A_pp = -friction     N: D_pp = friction m T

and of Euler-Maruyama, over x, from M = I - h K/friction, Q = 2 h T/friction. D_h may have negative
eigenvalues: moments of the modified Fokker-Planck equation exist all the same.
Source: Van Loan (1978); Abdulle, Vilmart and Zygalakis (2014).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.quadratic import stiffness_matrix
from langevin_lab.exact.reference import Array
from langevin_lab.integrators import Method
from langevin_lab.integrators.methods import check_time_step
from langevin_lab.limits.composition import generator_of_flows, generator_of_series
from langevin_lab.limits.step_regime import check_step, step_regime
from langevin_lab.limits.weak_equation import weak_scheme

__all__ = ["WeakModifiedQuadratic", "symbolic_oscillator", "weak_modified_quadratic"]

_JOINT = {"O": "CN", "U": "ACN"}


@dataclass(frozen=True)
class WeakModifiedQuadratic:
    """The linear modified equation of a stochastic method on a quadratic potential.

    Attributes
    ----------
    method : str
    order : int
        The last power of the time step that is kept.
    equation : {"overdamped", "langevin"}
    drifts : (order + 1, n, n) array
        A, A_1, ..., over x or over (x, p).
    diffusions : (order + 1, n, n) array
        D, D_1, ...: the second-order part of the generator is D:grad grad.
    """

    method: str
    order: int
    equation: str
    drifts: Array
    diffusions: Array

    def drift(self, dt: float) -> Array:
        """A_h at h = dt, shape (n, n)."""
        return _polynomial(self.drifts, check_time_step(dt))

    def diffusion(self, dt: float) -> Array:
        """D_h at h = dt, shape (n, n); symmetric, perhaps with negative eigenvalues."""
        return _polynomial(self.diffusions, check_time_step(dt))

    def stationary_covariance(self, dt: float) -> Array:
        """Solve ``A_h Sigma + Sigma A_h^T + 2 D_h = 0``.

        Warns
        -----
        OutsideRegimeWarning
            As `WeakModifiedEquation.dynamics`, on the largest eigenvalue of the stiffness.

        Raises
        ------
        ValueError
            If an eigenvalue of A_h has a real part >= 0: no friction, or dt too large.
        """
        from scipy import linalg

        drift = self.drift(dt)
        self._check_regime(dt)
        growth = float(np.linalg.eigvals(drift).real.max())
        if growth >= 0:
            raise ValueError(
                f"dt={dt:g} gives the modified equation of {self.method!r} the growth rate "
                f"{growth:.3g} >= 0, so no stationary law exists; use a smaller dt, friction > 0 "
                "and stiffness > 0"
            )
        covariance = linalg.solve_continuous_lyapunov(drift, -2.0 * self.diffusion(dt))
        return 0.5 * (covariance + covariance.T)

    def propagate(
        self, duration: float, *, mean: ArrayLike, covariance: ArrayLike | None = None, dt: float
    ) -> tuple[Array, Array]:
        """Compute mean and covariance after a time, from a Gaussian initial law.

        Parameters
        ----------
        duration : float
            Time >= 0; the method's n steps take n dt.
        mean : (n,) array_like
        covariance : (n, n) array_like, optional
            Default 0, a sharp start.
        dt : float
            The method's time step.

        Returns
        -------
        (n,) array, (n, n) array

        Warns
        -----
        OutsideRegimeWarning
            As `stationary_covariance`.

        Raises
        ------
        ValueError
            If the duration is negative, or mean or covariance has a wrong shape.
        """
        from scipy import linalg

        n = self.drifts.shape[1]
        first = _shaped("mean", mean, (n,))
        second = _shaped(
            "covariance", np.zeros((n, n)) if covariance is None else covariance, (n, n)
        )
        if not duration >= 0:
            raise ValueError(f"duration={duration} must be >= 0")
        generator = _joined(self.drift(dt), self.diffusion(dt), np.block)
        self._check_regime(dt)
        power = linalg.expm(duration * generator)
        matrix = power[:n, :n]
        noise = power[:n, n:] @ matrix.T
        return matrix @ first, matrix @ second @ matrix.T + 0.5 * (noise + noise.T)

    def _check_regime(self, dt: float) -> None:
        exact = self.drifts[0]
        if self.equation == "langevin":
            dim = len(exact) // 2
            friction = float(-np.diag(exact)[dim:].min())
            # With the mass in the frequency, since each coordinate may have its own.
            curvature = float(np.linalg.eigvals(-exact[:dim, dim:] @ exact[dim:, :dim]).real.max())
        else:
            friction, curvature = 1.0, float(np.linalg.eigvals(-exact).real.max())
        parameters = step_regime(
            self.equation, dt, curvature=max(curvature, 0.0), friction=friction
        )
        check_step(parameters, f"the modified equation of {self.method}", stacklevel=4)


def weak_modified_quadratic(
    method: str | Method,
    order: int = 2,
    *,
    stiffness: ArrayLike,
    temperature: float,
    friction: ArrayLike,
    mass: ArrayLike = 1.0,
) -> WeakModifiedQuadratic:
    """Derive the weak modified equation of a stochastic method on U = x.K.x/2.

    Parameters
    ----------
    method, order
        As `weak_modified_equation`.
    stiffness : float, (dim,) or (dim, dim) array
        K [energy/length^2]: a number, a diagonal or a symmetric matrix.
    temperature : float
        >= 0.
    friction : float or (dim,) array
        >= 0, overdamped > 0.
    mass : float or (dim,) array, optional
        > 0; Langevin dynamics only.

    Returns
    -------
    WeakModifiedQuadratic

    Raises
    ------
    ValueError
        As `weak_modified_equation`; numbers out of range; a stiffness of a wrong shape or not
        symmetric.

    Examples
    --------
    >>> equation = weak_modified_quadratic(
    ...     "OBABO", stiffness=1.0, temperature=1.0, friction=1.0)
    >>> round(float(equation.stationary_covariance(0.1)[0, 0]), 4)  # 1/(1 - dt^2/4)
    1.0025
    """
    scheme = weak_scheme(method, order)
    matrix = stiffness_matrix(stiffness)
    dim = len(matrix)
    masses, frictions = (
        _diagonal(name, value, dim) for name, value in (("mass", mass), ("friction", friction))
    )
    if not (np.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature={temperature} must be finite and >= 0")
    if scheme.properties.equation == "overdamped":
        if not (np.diag(frictions) > 0).all():
            raise ValueError(
                f"friction={friction!r} must be > 0 for the overdamped {scheme.name!r}"
            )
        if not np.all(np.asarray(mass) == 1.0):
            raise ValueError(
                f"mass={mass!r} has no meaning for the overdamped {scheme.name!r}; leave it out"
            )
        mobility = np.linalg.inv(frictions)
        found = _of_euler_maruyama(-mobility @ matrix, temperature * mobility, np.block)
    else:
        if not (np.diag(masses) > 0).all():
            raise ValueError(f"mass={mass!r} must be > 0")
        entries = (matrix, np.linalg.inv(masses), frictions, temperature * frictions @ masses)
        found = _of_word(scheme.name, entries, np.block)
    n = len(found[0]) // 2
    kept = np.array(found[: order + 1])
    diffusions = 0.25 * (kept[:, :n, n:] + kept[:, :n, n:].swapaxes(1, 2))
    equation = scheme.properties.equation
    return WeakModifiedQuadratic(scheme.name, order, equation, kept[:, :n, :n], diffusions)


def symbolic_oscillator(method: str | Method, order: int = 2) -> tuple[Any, Any]:
    """Derive (A_h, D_h) on U = k x^2/2 as sympy matrices in k, m, gamma, T and h.

    Parameters
    ----------
    method, order
        As `weak_modified_equation`; ``sympy.latex`` of the result prints it.

    Returns
    -------
    tuple of two sympy matrices

    Raises
    ------
    ValueError
        As `weak_modified_equation`.

    Examples
    --------
    >>> drift, diffusion = symbolic_oscillator("EulerMaruyama", 1)
    >>> drift[0], diffusion[0]
    (-k/gamma - h*k**2/(2*gamma**2), T/gamma + T*h*k/gamma**2)
    """
    import sympy

    from langevin_lab.limits.local_density import STIFFNESS
    from langevin_lab.limits.weak_generator import FRICTION, MASS, STEP, TEMPERATURE

    scheme = weak_scheme(method, order)
    if scheme.properties.equation == "overdamped":
        mobility = sympy.Matrix([[1 / FRICTION]])
        found = _of_euler_maruyama(-STIFFNESS * mobility, TEMPERATURE * mobility, sympy.Matrix)
    else:
        numbers = (STIFFNESS, 1 / MASS, FRICTION, TEMPERATURE * FRICTION * MASS)
        found = _of_word(scheme.name, [sympy.Matrix([[v]]) for v in numbers], sympy.Matrix)
    n = found[0].rows // 2
    total = sum((STEP**k * found[k] for k in range(1, order + 1)), found[0])
    return total[:n, :n].expand(), (total[:n, n:] / 2).expand()


def _of_word(word: str, entries: Any, block: Callable) -> tuple[Any, Any, Any]:
    """Generators of a word, from (K, 1/m, friction, friction m T)."""
    stiffness, inverse_mass, friction, diffusion = entries
    zero = 0 * stiffness
    drifts = {
        "A": [[zero, inverse_mass], [zero, zero]],
        "B": [[zero, zero], [-stiffness, zero]],
        "C": [[zero, zero], [zero, -friction]],
        "N": [[zero, zero], [zero, zero]],
    }
    noises = {"N": [[zero, zero], [zero, diffusion]]}
    nothing = [[zero, zero], [zero, zero]]
    single = {
        letter: _joined(block(drift), block(noises.get(letter, nothing)), block)
        for letter, drift in drifts.items()
    }
    counts = Counter(word)
    flows = [
        sum((single[part] for part in _JOINT.get(letter, letter)), 0 * single["A"]) / counts[letter]
        for letter in reversed(word)
    ]
    return generator_of_flows(flows)


def _of_euler_maruyama(drift: Any, diffusion: Any, block: Callable) -> tuple[Any, Any, Any]:
    """Generators of M = I + h A, Q = 2 h D; M^-T is the geometric series of -h A^T."""
    zero, transposed = 0 * drift, drift.T
    square = transposed @ transposed
    return generator_of_series(
        [
            block([[drift, 2 * diffusion], [zero, -transposed]]),
            block([[zero, -2 * diffusion @ transposed], [zero, square]]),
            block([[zero, 2 * diffusion @ square], [zero, -square @ transposed]]),
        ]
    )


def _joined(drift: Any, diffusion: Any, block: Callable) -> Any:
    return block([[drift, 2 * diffusion], [0 * drift, -drift.T]])


def _polynomial(coefficients: Array, dt: float) -> Array:
    return np.tensordot(dt ** np.arange(len(coefficients)), coefficients, axes=1)


def _shaped(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; over the state it must be {shape}")
    return array


def _diagonal(name: str, value: ArrayLike, dim: int) -> Array:
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (dim,)) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"{name}={value!r} must be a finite number >= 0, or one for each of {dim} coordinates"
        )
    return np.diag(np.broadcast_to(array, (dim,)))

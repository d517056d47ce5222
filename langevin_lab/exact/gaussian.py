"""The exact Gaussian law of any method on a quadratic potential, without sampling.

On U = x.K.x / 2 one step is linear in the carried vectors z = (x, p, r) and in the step's standard
normals n, so M and B are read off the step by feeding it basis vectors:

    z' = M z + B n,       mean' = M mean,       Sigma' = M Sigma M^T + B B^T

A stored gradient is not a variable: it is K x at every step. With gradient noise, K x + L m with
fresh normals m at every evaluation, it is one, last in z, and m stand after n. A stored normal r
(Leimkuhler-Matthews, BBK) is one too, so normals shared by neighbouring steps are exact. The
stationary covariance solves Sigma = M Sigma M^T + B B^T; it exists when the spectral radius of M
is below 1. Source: Leimkuhler and Matthews (2015), section 7.4; Smith (1968) for the doubling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.exact.quadratic import (
    Quadratic,
    noise_factor,
    problem_of,
    stiffness_matrix,
)
from langevin_lab.exact.reference import Array
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method
from langevin_lab.momentum import Optimiser


class NoStationaryLaw(ValueError):
    """The step does not contract; carries `spectral_radius` and `dt`, None of an optimiser."""

    def __init__(self, name: str, dt: float | None, spectral_radius: float, remedy: str) -> None:
        cause = f"{name} has" if dt is None else f"dt={dt:g} gives method {name!r}"
        super().__init__(
            f"{cause} the spectral radius {spectral_radius:.12g} >= 1 on "
            f"this quadratic, so no stationary law exists; {remedy}"
        )
        self.dt = dt
        self.spectral_radius = spectral_radius


@dataclass(frozen=True)
class LinearMap:
    """One step on a quadratic potential: ``z' = matrix @ z + noise @ normals``.

    Attributes
    ----------
    matrix : (n, n) array
        Over z: the state vectors, then what else is carried, each with `dim` entries.
    noise : (n, n_normals * dim) array
        Already multiplied by the amplitudes: normals are standard.
    names : tuple of str
        The vectors in z, for example ("x", "p"), ("x", "r") or ("x", "p", "g").
    dim : int
        Coordinates per vector.
    n_state : int
        Length of the part of z that is the state proper.
    """

    matrix: Array
    noise: Array
    names: tuple[str, ...]
    dim: int
    n_state: int

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of the eigenvalues of `matrix`."""
        return float(np.abs(np.linalg.eigvals(self.matrix)).max())


def linear_map(
    method: str | Method | Optimiser,
    *,
    stiffness: ArrayLike,
    temperature: float | None = None,
    friction: ArrayLike | None = None,
    dt: float | None = None,
    mass: ArrayLike = 1.0,
    gradient_noise: ArrayLike | None = None,
) -> LinearMap:
    """Read the matrix and the noise of one step off the step itself.

    Parameters
    ----------
    method : str, Method or Optimiser
        "BAOAB", "LeimkuhlerMatthews", any word or name; or an optimiser, which determines its step
        by its own numbers: temperature, friction, dt and mass are left out then.
    stiffness : float, (dim,) or (dim, dim) array
        Curvature K [energy/length^2]: a number, a diagonal or a symmetric matrix.
    temperature : float
        >= 0 [energy].
    friction : float or (dim,) array
        A rate [1/time]; for an adaptive method the value at which its thermostat is frozen.
    dt : float
        Time step > 0.
    mass : float or (dim,) array, optional
        Langevin dynamics only.
    gradient_noise : float, (dim,) or (dim, dim) array, optional
        Of every drawn gradient: standard deviations, or with two axes the covariance.

    Returns
    -------
    LinearMap

    Raises
    ------
    ValueError
        A method that accepts or rejects its steps; stiffness of a wrong shape or not symmetric; a
        mass other than 1 for an overdamped method; what `Method.coefficients` refuses.
    """
    potential = Quadratic(stiffness_matrix(stiffness))
    scheme, dynamics, dt = problem_of(
        method, potential, temperature=temperature, friction=friction, dt=dt, mass=mass
    )
    if not scheme.properties.linear:
        raise ValueError(
            f"method={scheme.name!r} accepts or rejects each step, which is not linear: its law is "
            "no Gaussian on the way to the Gibbs law, which it keeps exactly (gibbs_average); "
            "use a method without acceptance"
        )
    vectors = scheme.program.state_vectors
    names = vectors + tuple(name for name in scheme.stored if name != "g")
    dim, n_normals = potential.dim, scheme.n_normals
    gradient, n_drawn = potential.gradient, 0
    if gradient_noise is not None:
        names += tuple(name for name in scheme.stored if name == "g")
        n_drawn = scheme.program.gradients_per_step
    n = len(names) * dim
    # Rows: unit vectors of z, then unit vectors of the normals; all steps at once.
    inputs = np.eye(n + (n_normals + n_drawn) * dim)
    if n_drawn:
        shares = iter(np.split(inputs[:, n + n_normals * dim :], n_drawn, axis=1))
        spread = noise_factor(gradient_noise, dim).T

        def gradient(x: Array) -> Array:
            return potential.gradient(x) + next(shares) @ spread

    state = {name: inputs[:, i * dim : (i + 1) * dim] for i, name in enumerate(names)}
    if scheme.program.thermostats:  # frozen, one is a friction
        frozen = np.full((len(inputs), 1), float(np.max(np.asarray(friction))))
        state |= dict.fromkeys(scheme.program.thermostats, frozen)
    if "g" in scheme.stored and "g" not in names:
        state["g"] = potential.gradient(state["x"])
    own = inputs[:, n : n + n_normals * dim]
    normals = np.moveaxis(own.reshape(len(inputs), n_normals, dim), 1, 0)
    after = scheme.step(state, normals, scheme.coefficients(dynamics, dt), gradient)
    images = np.concatenate([np.broadcast_to(after[k], (len(inputs), dim)) for k in names], axis=1)
    return LinearMap(images[:n].T, images[n:].T, names, dim, len(vectors) * dim)


def stationary_covariance(
    method: str | Method | Optimiser,
    *,
    stiffness: ArrayLike,
    temperature: float | None = None,
    friction: ArrayLike | None = None,
    dt: float | None = None,
    mass: ArrayLike = 1.0,
    gradient_noise: ArrayLike | None = None,
) -> Array:
    """Compute the stationary covariance of a method on a quadratic potential.

    ``Sigma = M Sigma M^T + B B^T``, relative accuracy about 1e-13 away from the stability limit.

    Parameters
    ----------
    As `linear_map`.

    Returns
    -------
    (n, n) array
        Over (x,) or (x, p), each with dim entries: for one coordinate and momenta
        ``[[<x x>, <x p>], [<p x>, <p p>]]``.

    Raises
    ------
    NoStationaryLaw
        The spectral radius of M is >= 1; the exception carries it.
    ValueError
        As `linear_map`.

    Source
    ------
    Smith (1968), the doubling iteration Sigma <- Sigma + M Sigma M^T, M <- M M.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> law = ll.exact.stationary_covariance(
    ...     "BAOAB", stiffness=1.0, temperature=1.0, friction=1.0, dt=1.0
    ... )
    >>> round(float(law[0, 0]), 12), round(float(law[1, 1]), 12)
    (1.0, 0.75)
    """
    step = linear_map(
        method, stiffness=stiffness, temperature=temperature, friction=friction, dt=dt, mass=mass,
        gradient_noise=gradient_noise,
    )  # fmt: skip
    radius = step.spectral_radius
    # A radius of 1 (no friction) comes out a rounding error below or above 1.
    if not radius < 1.0 - 1e-13:
        raise _no_stationary_law(method, dt, radius, friction)
    power, sigma = step.matrix, step.noise @ step.noise.T
    for _ in range(64):
        increment = power @ sigma @ power.T
        sigma = sigma + increment
        if np.all(np.abs(increment) <= 1e-17 * np.abs(sigma).max()):
            break
        power = power @ power
    sigma = 0.5 * (sigma + sigma.T)
    return sigma[: step.n_state, : step.n_state]


def propagate(
    method: str | Method | Optimiser,
    n_steps: int,
    *,
    mean: ArrayLike,
    covariance: ArrayLike | None = None,
    stiffness: ArrayLike,
    temperature: float | None = None,
    friction: ArrayLike | None = None,
    dt: float | None = None,
    mass: ArrayLike = 1.0,
    gradient_noise: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Compute mean and covariance after `n_steps` from a Gaussian initial law.

    ``mean_n = M^n mean``, ``Sigma_n = M^n Sigma M^n^T + sum_k M^k B B^T M^k^T``. Unstable steps
    are allowed: the law at a finite step exists.

    Parameters
    ----------
    method, stiffness, temperature, friction, dt, mass, gradient_noise
        As `linear_map`.
    n_steps : int
        >= 0.
    mean : (n,) array_like
        Initial mean over (x,) or (x, p), each with dim entries.
    covariance : (n, n) array_like, optional
        Initial covariance, default 0 (a sharp start). A stored normal starts at 0, as in
        `Method.carried_state`.

    Returns
    -------
    (n,) array, (n, n) array

    Raises
    ------
    ValueError
        n_steps < 0, or a mean or covariance of a wrong shape.
    """
    step = linear_map(
        method, stiffness=stiffness, temperature=temperature, friction=friction, dt=dt, mass=mass,
        gradient_noise=gradient_noise,
    )  # fmt: skip
    if n_steps < 0:
        raise ValueError(f"n_steps={n_steps} must be >= 0")
    n, total = step.n_state, len(step.matrix)
    first, second = np.zeros(total), np.zeros((total, total))
    first[:n] = _shaped("mean", mean, (n,))
    if covariance is not None:
        second[:n, :n] = _shaped("covariance", covariance, (n, n))
    if "g" in step.names:  # drawn at the start
        carry = np.eye(total)
        carry[-step.dim :, : step.dim] = stiffness_matrix(stiffness)
        carry[-step.dim :, -step.dim :] = 0.0
        first, second = carry @ first, carry @ second @ carry.T
        spread = noise_factor(gradient_noise, step.dim)
        second[-step.dim :, -step.dim :] += spread @ spread.T
    remaining = int(n_steps)
    if remaining and isinstance(method, Optimiser) and method.scheduled:
        # Dampening, the one schedule that comes here, is not applied in the first step.
        opening = linear_map(method.at(0), stiffness=stiffness, gradient_noise=gradient_noise)
        first = opening.matrix @ first
        second = opening.matrix @ second @ opening.matrix.T + opening.noise @ opening.noise.T
        remaining -= 1
    power, noise = step.matrix, step.noise @ step.noise.T
    # Binary powers: (power, noise) is always the law of 2^k steps from a sharp start.
    while remaining:
        if remaining & 1:
            first, second = power @ first, power @ second @ power.T + noise
        power, noise = power @ power, power @ noise @ power.T + noise
        remaining >>= 1
    return first[:n], second[:n, :n]


def stability_limit(
    method: str | Method, *, friction: float, stiffness: float = 1.0, mass: float = 1.0
) -> float:
    """Find the largest stable dt on a harmonic well at a given friction, by bisection.

    Parameters
    ----------
    method : str or Method
    friction : float
        >= 0 (overdamped methods: > 0).
    stiffness, mass : float, optional
        Curvature and mass of the mode, > 0.

    Returns
    -------
    float
        The first dt at which an eigenvalue of M leaves the unit circle, relative accuracy 1e-12;
        infinity when strong friction keeps the method (ABO, for example) stable at any step.
        `Properties.stability_limit` holds the friction-free number.

    Raises
    ------
    TypeError
        The method is an optimiser.
    ValueError
        Unstable already at dt = 1e-3 times the natural time of the mode.
    """
    if isinstance(method, Optimiser):
        raise TypeError(f"method={method!r} has no dt; its learning rate times the largest "
                        "curvature must be below its own stability_limit")  # fmt: skip
    scheme = find_method(method)
    if "p" in scheme.state_names:
        scale = float(np.sqrt(mass / stiffness))
    else:
        scale, mass = friction / stiffness, 1.0

    def unstable(dt: float) -> bool:
        step = linear_map(
            scheme, stiffness=stiffness, temperature=0.0, friction=friction, dt=dt, mass=mass
        )
        return _is_unstable(step.matrix[: step.n_state, : step.n_state])

    high = 1e-3 * scale
    if unstable(high):
        raise ValueError(
            f"method={scheme.name!r} is unstable already at dt={high:g} with friction={friction}; "
            "use another method"
        )
    while not unstable(high):
        low, high = high, 1.02 * high
        if high > 1e6 * scale:
            return float("inf")
    while high - low > 1e-13 * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if unstable(middle) else (middle, high)
    return low


def _no_stationary_law(method: Any, dt: Any, radius: float, friction: Any) -> NoStationaryLaw:
    if isinstance(method, Optimiser):
        remedy = "use a smaller learning_rate and stiffness > 0"
        return NoStationaryLaw(repr(method), None, radius, remedy)
    return NoStationaryLaw(find_method(method).name, dt, radius, _remedy(friction))


def _remedy(friction: Any) -> str:
    if np.all(np.asarray(friction) == 0):
        return "use friction > 0"
    return "use a smaller dt (see stability_limit) and stiffness > 0"


def _shaped(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; over the state it must be {shape}")
    return array


def _is_unstable(matrix: Array) -> bool:
    """Whether a 1x1 or 2x2 matrix has an eigenvalue outside the unit circle, by trace and det.

    At the limit of a splitting two eigenvalues collide: rounding then moves them by 1e-8, but
    Jury's two conditions by 1e-16 only.
    """
    tolerance = 1e-13
    if len(matrix) == 1:
        return bool(abs(matrix[0, 0]) > 1.0 + tolerance)
    trace, determinant = float(np.trace(matrix)), float(np.linalg.det(matrix))
    return determinant > 1.0 + tolerance or abs(trace) > 1.0 + determinant + tolerance

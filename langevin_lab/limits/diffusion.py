"""The diffusion approximation of momentum methods with gradient noise.

With a gradient of mean grad U and covariance B(x) B(x)^T, in the time t = n learning_rate:

    dx = -grad U(x)/(1 - momentum) dt + sqrt(learning_rate)/(1 - momentum) B(x) dW

which is overdamped dynamics of friction 1 - momentum at the temperature
learning_rate sigma^2/(2 (1 - momentum)) where the noise is sigma in all coordinates. Near a
stationary point x*, drift and noise are those of its Hessian and its covariance.

To leading order momentum only changes the learning rate to learning_rate/(1 - momentum), in the
stationary law and in escape alike; it needs learning_rate curvature << (1 - momentum)^2.
Source: Liu, Chen, Zhou and Zhao (2021); Li, Tai and E (2017) for the covariance form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from langevin_lab.dynamics import ItoDiffusion, Overdamped
from langevin_lab.ensemble.iteration import with_noise
from langevin_lab.limits.flows import plain, separation
from langevin_lab.limits.limit import Limit, constants, start_point
from langevin_lab.limits.noise_covariance import noise_covariance, noise_factor, require_noise
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials import GaussianNoise, Potential
from langevin_lab.potentials.formula import coordinate_names

_SOURCE = "Liu, Chen, Zhou and Zhao (2021)"
_AMPLITUDE = "diffusion_amplitude"


def diffusion(
    optimiser: Optimiser, potential: Potential, *, gradient_noise: Any = None, curvature: Any = None
) -> Limit:
    """Diffusion approximation, with the full covariance of the gradient at every point.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.
    potential : Potential
        With gradient noise; from an expression, unless the noise is the same in all coordinates.
    gradient_noise : float or array_like, optional
        Standard deviation, () or (dim,), or covariance (dim, dim), for a potential without noise.
    curvature : float, optional
        As `gradient_flow`.

    Returns
    -------
    Limit
        Its dynamics is `Overdamped` where the noise is one standard deviation for all
        coordinates, else an `ItoDiffusion`. It holds in law, to O(learning_rate).

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature inertia/(1 - momentum)^2 > 0.1: the diffusion then overstates
        what momentum does.

    Raises
    ------
    TypeError, ValueError
        As `gradient_flow` and `noise_covariance`; if the potential is made of loops.

    Source
    ------
    Liu, Chen, Zhou and Zhao (2021) [LCZZ21]; Li, Tai and E (2017) [LTE17].

    Examples
    --------
    >>> import langevin_lab as ll
    >>> hb = ll.momentum.HeavyBall(learning_rate=0.01, momentum=0.5)
    >>> limit = ll.limits.diffusion(hb, ll.potentials.harmonic(), gradient_noise=1.0)
    >>> limit.dynamics.temperature, limit.dynamics.friction
    (0.01, 0.5)
    """
    rate, momentum, _ = constants(optimiser)
    potential = _noisy(potential, gradient_noise)
    noise = require_noise(potential)
    if isinstance(noise, GaussianNoise) and noise.is_diagonal and len(set(noise.factor)) == 1:
        temperature = 0.5 * rate * float(noise.factor[0]) ** 2 / (1.0 - momentum)
        dynamics: Any = Overdamped(
            plain(potential), temperature=temperature, friction=1.0 - momentum
        )
    else:
        clean, factor = noise_factor(potential)
        dynamics = ItoDiffusion(
            clean,
            noise=[[f"{_AMPLITUDE}*({entry})" for entry in row] for row in factor],
            mobility=1.0 / (1.0 - momentum),
            parameters={_AMPLITUDE: math.sqrt(rate) / (1.0 - momentum)},
        )
    return _limit("diffusion", optimiser, dynamics, potential, curvature).check(stacklevel=3)


def linear_diffusion(
    optimiser: Optimiser, potential: Potential, point: Any, *, gradient_noise: Any = None
) -> Limit:
    """Diffusion approximation near a stationary point, a minimum or a saddle.

    ``dy = -H y/(1 - momentum) dt + sqrt(learning_rate)/(1 - momentum) C^(1/2) dW``, y = x - x*,
    with H the Hessian and C the gradient's covariance at x*.

    Parameters
    ----------
    optimiser, gradient_noise
        As `diffusion`.
    potential : Potential
        Of any form.
    point : float or array_like of shape (dim,)
        x*, where the gradient must be 0.

    Returns
    -------
    Limit
        Over coordinates y relative to x*, named x, y, ... or x0, x1, ...

    Raises
    ------
    TypeError, ValueError
        As `diffusion`; if the gradient at the point is not 0, or the Hessian is.
    """
    rate, momentum, _ = constants(optimiser)
    potential = _noisy(potential, gradient_noise)
    point = start_point(point, potential, name="point")
    covariance = noise_covariance(potential, point)
    hessian = np.asarray(potential.hessian(point))
    slope = float(np.abs(potential.gradient(point)).max())
    if slope > 1e-6 * max(1.0, float(np.abs(hessian).max())):
        raise ValueError(
            f"point={point.tolist()} has the gradient {slope:.3g} in "
            f"{potential.name}, not 0; give a stationary point"
        )
    names = coordinate_names(potential.dim)
    terms = [
        f"({float(hessian[i, j])!r})*{first}*{second}/2"
        for i, first in enumerate(names)
        for j, second in enumerate(names)
    ]
    quadratic = Potential.from_expression(
        " + ".join(terms), names, name=f"{potential.name}, quadratic",
        stationary_points=[(0.0,) * potential.dim],
    )  # fmt: skip
    root = constant_root(covariance) * (math.sqrt(rate) / (1.0 - momentum))
    dynamics = ItoDiffusion(quadratic, noise=root.tolist(), mobility=1.0 / (1.0 - momentum))
    steepest = float(np.abs(np.linalg.eigvalsh(hessian)).max())
    if steepest == 0.0:
        raise ValueError(
            f"point={point.tolist()} of {potential.name} has the Hessian 0: no linear "
            "dynamics describes its neighbourhood; use diffusion"
        )
    limit = _limit("linear_diffusion", optimiser, dynamics, quadratic, steepest)
    return limit.check(stacklevel=3)


def constant_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def diffusion_covariance(
    optimiser: Optimiser, stiffness: Any, *, gradient_noise: Any
) -> np.ndarray:
    """Stationary covariance S of the linear diffusion: ``K S + S K = rate C/(1 - momentum)``.

    Parameters
    ----------
    optimiser : Optimiser
        With constant numbers.
    stiffness : float, (dim,) or (dim, dim) array
        K > 0 [energy/length^2].
    gradient_noise : float, (dim,) or (dim, dim) array
        Standard deviations, or with two axes the covariance C.

    Returns
    -------
    ndarray of shape (dim, dim)
        To be held against ``exact.stationary_covariance(optimiser, ...)``, the law of the steps.

    Warns
    -----
    OutsideRegimeWarning
        If learning_rate curvature inertia/(1 - momentum)^2 > 0.1.

    Raises
    ------
    ValueError
        If K has an eigenvalue <= 0.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> hb = ll.momentum.HeavyBall(learning_rate=0.02, momentum=0.5)
    >>> ll.limits.diffusion_covariance(hb, 1.0, gradient_noise=1.0)
    array([[0.02]])
    """
    from langevin_lab.exact.quadratic import Quadratic, stiffness_matrix
    from langevin_lab.exact.quadratic import noise_factor as factor_of

    rate, momentum, _ = constants(optimiser)
    matrix = stiffness_matrix(stiffness)
    values, vectors = np.linalg.eigh(matrix)
    if values.min() <= 0:
        raise ValueError(
            f"stiffness={stiffness!r} has the eigenvalue {values.min():.4g}; a stationary law "
            "needs all > 0"
        )
    for small in separation(Quadratic(matrix), optimiser, values.max()):
        small.check(f"the diffusion of {optimiser!r}", stacklevel=3)
    factor = factor_of(gradient_noise, len(matrix))
    drive = vectors.T @ (factor @ factor.T) @ vectors * rate / (1.0 - momentum)
    covariance: np.ndarray = vectors @ (drive / np.add.outer(values, values)) @ vectors.T
    return covariance


def _noisy(potential: Any, gradient_noise: Any) -> Potential:
    """The potential with the noise that is given, if any; TypeError if it is none."""
    plain(potential)
    return with_noise(potential, gradient_noise)


def _limit(name: str, optimiser: Optimiser, dynamics: Any, potential: Any, curvature: Any) -> Limit:
    rate, _, _ = constants(optimiser)
    return Limit(
        name=name,
        optimiser=optimiser,
        dynamics=dynamics,
        time_per_step=rate,
        order=math.nan,
        holds="in law",
        initial_layer="the displacement takes about 1/(1 - momentum) steps to reach its law",
        small_parameters=separation(potential, optimiser, curvature),
        source=_SOURCE,
    )

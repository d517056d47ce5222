"""Exit from the saddle of a potential under a dynamics, an integrator or an optimiser.

The unstable directions are eigenvectors v_i of the Hessian at the saddle x_s with negative
eigenvalues -k_i, and u_i = v_i.(x - x_s). In continuous time `strict_saddle` has their growth
rates and amplitudes. A scheme, or an optimiser under gradient noise, is linear there too,

    z' = M z + B n,        l = ln(r)/dt,        S^2 = lim Var u_i(t) e^(-2 l t),

r > 1 the unstable eigenvalue of M. `exact.linear_map` has M and B from the scheme's own step, so
that growth rates and variances are those of the finite step. An exit then is seen dt/2
late on average; the time of an optimiser counts steps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.ensemble.iteration import matched
from langevin_lab.escape.barrier import point_of, stationary_hessian
from langevin_lab.escape.growing_amplitudes import Array, SaddleExit, warn_of_noise
from langevin_lab.escape.strict_saddle import distances_of, exit_law, strict_saddle_exit_time
from langevin_lab.exact import linear_map
from langevin_lab.exact.requirements import friction_of, require_true_gradient, temperature_of
from langevin_lab.momentum import Optimiser
from langevin_lab.potentials import GaussianNoise, Potential

# Curvatures below this fraction of the largest do not count as unstable.
_FLAT = 1e-8
# Products of eigenvalues nearer to 1 neither grow nor decay; smaller ones are gone in one step.
_NEUTRAL = 1e-12
_FORGOTTEN = 1e-30


def saddle_exit_time(
    dynamics: Any,
    saddle: ArrayLike,
    distance: ArrayLike,
    *,
    integrator: Any = None,
    dt: float | None = None,
    gradient_noise: float | None = None,
    thermal_start: bool = False,
    region: str = "sphere",
) -> SaddleExit:
    """Law of the time to leave a saddle, from the Hessian there.

    Parameters
    ----------
    dynamics : Overdamped, Langevin or Potential
        One temperature > 0, one friction, one mass. The potential itself for an optimiser.
    saddle : (dim,) array_like, float in 1-D, or StationaryPoint
        Where all replicas start; of any index >= 1.
    distance : float or (index,) array_like
        > 0, in the unstable directions only; one a direction for a box, in the order of rising
        Hessian eigenvalues, the most unstable first [length].
    integrator : str, Method or Optimiser, optional
        Takes account of the finite step; by default time is continuous.
    dt : float, optional
        Time step of an integrator > 0.
    gradient_noise : float, optional
        Standard deviation of the gradient in each coordinate, for an optimiser [energy/length].
    thermal_start : bool, optional
        Momenta drawn from the Maxwell law instead of 0; Langevin dynamics only.
    region : {"sphere", "box"}, optional
        Left when sum u_i^2 >= distance^2, or when any |u_i| >= distance_i.

    Returns
    -------
    SaddleExit
        For small noise at the exit and a distance at which the potential still is quadratic; times
        of an optimiser in steps.

    Raises
    ------
    ValueError
        The point is not stationary or has no unstable direction; an argument out of range;
        friction, mass or gradient noise differ between coordinates; a scheme without noise.
    TypeError
        A dynamics without temperature and friction.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.strict_saddle(dim=3), temperature=1e-4, friction=0.157)
    >>> round(ll.escape.saddle_exit_time(eq, [0.0, 0.0, 0.0], 0.1).mean, 3)
    4.892
    """
    if integrator is not None:
        return _exit_of_scheme(
            *matched(dynamics, integrator, dt, gradient_noise), integrator, saddle, distance,
            thermal_start, region,
        )  # fmt: skip
    if isinstance(dynamics, Potential):
        raise TypeError(
            f"dynamics={dynamics!r} is a potential: wrap it in ll.Langevin or ll.Overdamped, or "
            "give integrator=, an optimiser such as ll.momentum.HeavyBall(...)"
        )
    if dt is not None or gradient_noise is not None:
        raise ValueError(f"dt={dt} and gradient_noise={gradient_noise} need an integrator")
    require_true_gradient(dynamics)
    curvatures, _, _ = unstable_directions(dynamics.potential, saddle)
    mass = _one_number("mass", dynamics.mass) if hasattr(dynamics, "mass") else None
    return strict_saddle_exit_time(
        curvatures=curvatures, distance=distance, temperature=temperature_of(dynamics),
        friction=_one_number("friction", friction_of(dynamics)), mass=mass,
        thermal_start=thermal_start, region=region,
    )  # fmt: skip


def optimal_saddle_friction(
    potential: Any,
    saddle: ArrayLike,
    distance: ArrayLike,
    *,
    temperature: float,
    mass: float = 1.0,
    region: str = "sphere",
) -> tuple[float, SaddleExit]:
    """Friction at which a particle at rest on a saddle leaves it soonest, and the exit there.

    Parameters
    ----------
    potential : Potential
    saddle, distance, region
        As `saddle_exit_time`.
    temperature, mass : float
        > 0.

    Returns
    -------
    float, SaddleExit
        The friction [1/time] to about 1e-6 relative, and the law at it.

    Raises
    ------
    ValueError
        An argument out of range, or a temperature so high that the formula has no minimum.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> saddle = ll.potentials.strict_saddle()
    >>> friction, exit = ll.escape.optimal_saddle_friction(
    ...     saddle, [0.0, 0.0], 1.0, temperature=1e-4)
    >>> round(friction, 3), round(exit.mean, 3)
    (0.157, 7.38)
    """
    from scipy.optimize import minimize_scalar

    check_positive("temperature", temperature)
    check_positive("mass", mass)
    curvatures, _, _ = unstable_directions(potential, saddle)
    rate = math.sqrt(curvatures[0] / mass)

    def law(log_friction: float) -> SaddleExit:
        return exit_law(
            curvatures=curvatures, distance=distance, temperature=temperature, mass=mass,
            friction=rate * math.exp(log_friction), thermal_start=False, region=region,
        )  # fmt: skip

    low, high = math.log(1e-4), math.log(1e2)
    found = minimize_scalar(
        lambda y: law(y).mean, bounds=(low, high), method="bounded", options={"xatol": 1e-8}
    )
    best = law(found.x)
    if min(found.x - low, high - found.x) < 1e-3 or best.noise_at_exit > 1.0:
        raise ValueError(
            f"temperature={temperature}: no friction is best in the exit law (noise at the exit "
            f"{best.noise_at_exit:.3g}); it is for T << curvature distance^2 = "
            f"{curvatures[0] * np.max(distance) ** 2:.3g}: lower the temperature"
        )
    return rate * math.exp(found.x), warn_of_noise(best)


def saddle_exit_region(
    potential: Any, saddle: ArrayLike, distance: ArrayLike, *, region: str = "sphere"
) -> str:
    """Write the region outside a sphere or box around a saddle, as `first_passage` takes it.

    ``sum_i (v_i.(x - saddle))^2 >= distance^2``, or ``abs(v_i.(x - saddle)) >= distance_i`` for any
    i, over the unstable directions v_i, in the names of the potential's variables.

    Parameters
    ----------
    potential : Potential
    saddle, distance, region
        As `saddle_exit_time`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        As `saddle_exit_time`.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> ll.escape.saddle_exit_region(ll.potentials.strict_saddle(), [0.0, 0.0], 0.5)
    '(x)**2 >= 0.25'
    """
    curvatures, directions, origin = unstable_directions(potential, saddle)
    distances = distances_of(distance, len(curvatures), region)
    # Rounding next to large entries is 0 in the text.
    directions = np.where(np.abs(directions) < 1e-14, 0.0, directions)
    origin = np.where(np.abs(origin) < 1e-14 * (1.0 + np.abs(origin).max()), 0.0, origin)
    lines = [_projection(potential.variables, v, origin) for v in directions.T]
    if region == "box":
        return " or ".join(f"abs({u}) >= {L!r}" for u, L in zip(lines, distances.tolist()))
    radius = float(distances[0])
    return f"{' + '.join(f'({u})**2' for u in lines)} >= {radius**2!r}"


def unstable_directions(potential: Any, saddle: ArrayLike) -> tuple[Array, Array, Array]:
    """Curvatures k > 0 (m,) of the unstable directions, their unit vectors (dim, m), the saddle."""
    x = point_of("saddle", saddle, int(potential.dim))
    values, vectors = np.linalg.eigh(stationary_hessian(potential, "saddle", x))
    largest = float(np.abs(values).max())
    unstable = values < -_FLAT * largest
    if not unstable.any():
        raise ValueError(
            f"saddle={x.tolist()} has no unstable direction: its lowest Hessian eigenvalue is "
            f"{values[0]:.6g}"
        )
    directions = vectors[:, unstable]
    largest_entry = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return -values[unstable], directions * np.sign(largest_entry), x


def _exit_of_scheme(
    dynamics: Any, scheme: Any, dt: float, integrator: Any, saddle: Any, distance: Any,
    thermal_start: bool, region: str,
) -> SaddleExit:  # fmt: skip
    """The law of a scheme at a finite step: each direction by itself."""
    curvatures, _, _ = unstable_directions(dynamics.potential, saddle)
    if isinstance(integrator, Optimiser):
        if thermal_start:
            raise ValueError(f"thermal_start=True, but {integrator!r} has no Maxwell law")
        method, numbers, spread = integrator, {}, 0.0
    else:
        method, numbers = scheme, _numbers_of(dynamics, dt)
        if thermal_start and "mass" not in numbers:
            raise ValueError("thermal_start=True, but overdamped dynamics has no momenta")
        spread = numbers["mass"] * numbers["temperature"] if thermal_start else 0.0
    noise = _noise_per_coordinate(dynamics.potential.gradient_noise)
    if noise is not None:
        numbers["gradient_noise"] = noise
    found = [_amplitude_of_scheme(method, -k, spread, numbers) for k in curvatures.tolist()]
    growth, amplitudes, rates, variances = (np.array(column) for column in zip(*found))
    distances = distances_of(distance, len(found), region)
    return warn_of_noise(
        SaddleExit(
            growth / dt, amplitudes, distances, region, 0.5 * dt, (rates / dt, variances)
        )
    )  # fmt: skip


def _numbers_of(dynamics: Any, dt: float) -> dict[str, float]:
    """Temperature, friction, step and, where there is one, mass; each one number."""
    numbers = {
        "temperature": temperature_of(dynamics),
        "friction": _one_number("friction", friction_of(dynamics)),
        "dt": dt,
    }
    if hasattr(dynamics, "mass"):
        numbers["mass"] = _one_number("mass", dynamics.mass)
    return numbers


def _amplitude_of_scheme(
    method: Any, stiffness: float, spread: float, numbers: dict[str, Any]
) -> tuple[float, float, Array, Array]:
    """ln(r) a step and S of one direction, rates and variances of what dies out of the latter.

    Var x(n) = sum_jk c_jk ((r_j r_k)^n - 1) over the eigenvalues r_j of the step.
    """
    step = linear_map(method, stiffness=stiffness, **numbers)
    values, vectors = np.linalg.eig(step.matrix)
    modes = np.linalg.inv(vectors) * vectors[0][:, None]
    start = _start_covariance(step, stiffness, spread, numbers.get("gradient_noise"))
    noise = step.noise @ step.noise.T
    if isinstance(method, Optimiser) and method.scheduled:
        # Dampening, the one schedule that comes here, is not applied in the first step.
        opening = linear_map(method.at(0), stiffness=stiffness, **numbers)
        # The start from which a common step would lead to where the first one does.
        back = np.linalg.pinv(step.matrix)
        after = opening.matrix @ start @ opening.matrix.T + opening.noise @ opening.noise.T
        start = back @ (after - noise) @ back.T
    products = np.outer(values, values)
    # Without growth or decay a variance grows like n, which (p^n - 1)/(p - 1) has as its limit.
    neutral = np.abs(products - 1.0) < _NEUTRAL
    gaps = np.where(neutral, -_NEUTRAL, products - 1.0)
    weights = np.real(modes @ start @ modes.T + modes @ noise @ modes.T / gaps)
    top = int(np.argmax(np.abs(values)))
    variance = float(weights[top, top])
    if not variance > 0:
        raise ValueError(
            f"{method!r} has no noise, so that it never leaves the saddle; give gradient_noise= "
            "or a temperature"
        )
    decay = np.where(neutral, _NEUTRAL, -np.log(np.clip(np.abs(products), _FORGOTTEN, 1.0)))
    others = np.arange(products.size) != top * (len(values) + 1)
    log_growth = math.log(abs(values[top]))
    return log_growth, math.sqrt(variance), decay.ravel()[others], weights.ravel()[others]


def _start_covariance(step: Any, stiffness: float, spread: float, noise: float | None) -> Array:
    """Covariance of all that is carried: momenta of this variance, a drawn normal and gradient."""
    start = np.zeros((len(step.names),) * 2)
    if step.n_state > 1:
        start[1, 1] = spread
    for i, name in enumerate(step.names):
        if name == "r":  # the kernel draws the first one too
            start[i, i] = 1.0
        if name == "g":  # at x = 0, where no spread of x is known
            start[i, i] = float(noise or 0.0) ** 2
    return start


def _noise_per_coordinate(noise: Any) -> float | None:
    """Standard deviation of a gradient, the same in all coordinates, or None."""
    if noise is None:
        return None
    if isinstance(noise, GaussianNoise):
        covariance = noise.matrix @ noise.matrix.T
        if np.allclose(covariance, covariance[0, 0] * np.eye(len(covariance)), rtol=1e-12, atol=0):
            return float(np.sqrt(covariance[0, 0]))
    raise ValueError(
        f"gradient noise {noise!r} is not the same in all directions; the exit law needs one "
        "standard deviation: gradient_noise=NUMBER"
    )


def _one_number(name: str, value: Any) -> float:
    values = np.asarray(value, dtype=np.float64).reshape(-1)
    if np.any(values != values[0]):
        raise ValueError(f"{name}={value!r} differs between coordinates; the exit law needs one")
    return float(values[0])


def _projection(names: tuple[str, ...], direction: Array, origin: Array) -> str:
    """``v.(x - origin)`` as an expression; terms of weight 0 left out."""
    terms = []
    for name, weight, offset in zip(names, direction.tolist(), origin.tolist()):
        if weight != 0:
            place = name if offset == 0 else f"({name} - ({offset!r}))"
            terms.append(place if weight == 1 else f"({weight!r})*{place}")
    return " + ".join(terms)

"""Deterministic paths to a tolerance: adaptive Runge-Kutta where speed is no matter.

For equations without noise (gradient flow, momentum flow, Hamiltonian and Nose-Hoover dynamics, an
`ItoDiffusion` whose noise is 0) the step is chosen by the error that an embedded formula estimates.
Source: Hairer, Norsett and Wanner (1993), section II.10, for DOP853, the formula of Dormand and
Prince of order 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.potentials.syntax import read_arithmetic
from langevin_lab.potentials.tree import constant_value

_METHODS = ("DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA")


def solve_flow(
    dynamics: Any,
    start: ArrayLike,
    times: ArrayLike,
    *,
    start_momentum: ArrayLike | None = None,
    start_thermostat: float | None = None,
    rtol: float = 1e-10,
    atol: float = 1e-12,
    method: str = "DOP853",
) -> Any:
    """Solve a dynamics without noise to a tolerance.

    Parameters
    ----------
    dynamics : GradientFlow, Overdamped, Langevin, InertialFlow, AdaptiveLangevin or ItoDiffusion
        At temperature 0, Langevin dynamics also at friction 0; adaptive dynamics with
        applied_noise 0, at any temperature; Itô diffusions with ``noise="0"``.
    start : array_like of shape (dim,)
        Positions at time 0.
    times : array_like of shape (n,)
        Increasing, >= 0: when the path is returned.
    start_momentum : array_like of shape (dim,), optional
        Default: at rest.
    start_thermostat : float, optional
        xi at time 0, default 0.
    rtol, atol : float, optional
        Tolerances of a step; errors along the path are larger by what the flow makes of them.
    method : {"DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA"}, optional
        Of `scipy.integrate.solve_ivp`; the last three are for stiff potentials.

    Returns
    -------
    xarray.Dataset
        x and, where the dynamics has them, p, both (time, coordinate), and xi (time); the attribute
        ``n_gradients`` counts evaluations of the gradient, or of the drift that stands for it.

    Raises
    ------
    TypeError
        Partitioned dynamics, or what is none.
    ValueError
        Dynamics with noise, a start of a wrong shape or for what the dynamics has not, times that
        do not increase from 0 on, tolerances <= 0, an unknown method.
    RuntimeError
        The solver fails, with its message.

    Source
    ------
    Hairer, Norsett and Wanner (1993), section II.10.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> flow = ll.GradientFlow(ll.potentials.harmonic())
    >>> path = ll.integrators.solve_flow(flow, [1.0], [0.0, 1.0])
    >>> round(float(path["x"][-1, 0]), 9)       # exp(-1)
    0.367879441
    """
    from scipy.integrate import solve_ivp

    _check_deterministic(dynamics)
    if method not in _METHODS:
        raise ValueError(f"method={method!r} must be one of {', '.join(_METHODS)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value > 0:
            raise ValueError(f"{name}={value} must be > 0")
    moments = _checked_times(times)
    first = _first_state(dynamics, start, start_momentum, start_thermostat)
    solution = solve_ivp(
        _rate(dynamics), (0.0, moments[-1]), first, method=method, t_eval=moments,
        rtol=rtol, atol=atol,
    )  # fmt: skip
    if not solution.success:
        raise RuntimeError(
            f"method={method!r} stopped at time {solution.t[-1] if solution.t.size else 0:g} of "
            f"{moments[-1]:g}: {solution.message}"
        )
    return _dataset(dynamics, moments, solution.y, solution.nfev)


def _check_deterministic(dynamics: Any) -> None:
    equation = getattr(dynamics, "equation", None)
    if equation not in ("overdamped", "langevin", "inertial", "adaptive", "ito"):
        raise TypeError(
            f"dynamics={dynamics!r} must be GradientFlow, Overdamped, Langevin, InertialFlow, "
            "AdaptiveLangevin or ItoDiffusion"
        )
    if dynamics.potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient is drawn, {dynamics.potential.gradient_noise!r}, so the path is random; "
            "use the potential without gradient noise"
        )
    if equation == "ito":
        _check_no_noise(dynamics)
        return
    if equation == "adaptive":
        if dynamics.applied_noise > 0:
            raise ValueError(
                f"applied_noise={dynamics.applied_noise} makes the path random; use applied_noise=0"
            )
        return
    damped = callable(dynamics.friction) or np.any(np.asarray(dynamics.friction) != 0)
    if not callable(dynamics.friction) and np.any(np.isinf(dynamics.friction)):
        raise ValueError(f"friction={dynamics.friction} has no path in time; use a finite friction")
    if damped and not dynamics.is_noiseless:
        raise ValueError(
            f"temperature={dynamics.temperature} makes the path random; use temperature=0"
            + (" or friction=0" if dynamics.momenta else "")
        )


def _check_no_noise(dynamics: Any) -> None:
    """Raise ValueError unless every entry of the noise is the number 0."""
    rows = [row if isinstance(row, tuple) else (row,) for row in dynamics.noise]
    for entry in (text for row in rows for text in row):
        potential = dynamics.potential
        tree = read_arithmetic(entry, (*potential.variables, *potential.parameters))
        if constant_value(tree) != 0:
            raise ValueError(f"noise={entry!r} makes the path random; use noise='0'")


def _checked_times(times: ArrayLike) -> np.ndarray:
    values = np.asarray(times, dtype=float)
    increasing = values.ndim == 1 and values.size > 0 and bool(np.all(np.diff(values) > 0))
    if not (increasing and values[0] >= 0 and values[-1] > 0 and np.isfinite(values[-1])):
        raise ValueError(f"times={times!r} must be finite, >= 0 and increasing, the last > 0")
    return values


def _first_state(dynamics: Any, start: Any, momentum: Any, thermostat: Any) -> np.ndarray:
    """Positions, momenta, thermostat in one vector."""
    thermostatted = dynamics.equation == "adaptive"
    given = {"start_momentum": (momentum, dynamics.momenta)}
    given["start_thermostat"] = (thermostat, thermostatted)
    for name, (value, allowed) in given.items():
        if value is not None and not allowed:
            raise ValueError(f"{name}={value!r}, but {type(dynamics).__name__} has none")
    parts = [_vector("start", start, dynamics.dim)]
    if dynamics.momenta:
        rest = np.zeros(dynamics.dim)
        parts.append(
            rest if momentum is None else _vector("start_momentum", momentum, dynamics.dim)
        )
    if thermostatted:
        parts.append(np.array([0.0 if thermostat is None else float(thermostat)]))
    return np.concatenate(parts)


def _vector(name: str, value: Any, dim: int) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.shape != (dim,) or not np.isfinite(array).all():
        raise ValueError(f"{name}={value!r} must be {dim} finite numbers, one per coordinate")
    return array


def _rate(dynamics: Any) -> Callable[[float, np.ndarray], np.ndarray]:
    """The right-hand side over (x), (x, p) or (x, p, xi); a drift stands for the gradient."""
    gradient, dim = dynamics.potential.gradient, dynamics.dim
    if dynamics.equation == "ito" and dynamics.drift is not None:
        drift = dynamics.functions(("drift",))["drift"]
        return lambda time, y: drift(y)
    if not dynamics.momenta:
        return lambda time, y: -gradient(y) / dynamics.friction_at(time)
    mass = np.asarray(dynamics.mass)
    if dynamics.equation == "inertial":
        return _inertial_rate(dynamics)
    if dynamics.equation == "langevin":
        return lambda time, y: np.concatenate(
            [y[dim:] / mass, -gradient(y[:dim]) - dynamics.friction_at(time) * y[dim:]]
        )

    def rate(time: float, y: np.ndarray) -> np.ndarray:
        x, p, xi = y[:dim], y[dim : 2 * dim], y[-1]
        excess = np.sum(p**2 / mass) - dim * float(dynamics.temperature_at(time))
        force = -gradient(x) - dynamics.coupling * xi * p
        return np.concatenate([p / mass, force, [excess / dynamics.thermal_mass]])

    return rate


def _inertial_rate(dynamics: Any) -> Callable[[float, np.ndarray], np.ndarray]:
    def rate(time: float, y: np.ndarray) -> np.ndarray:
        x, p = np.split(y, 2)
        gradient = dynamics.potential.gradient(x)
        velocity = p / dynamics.mass - dynamics.hessian_damping * gradient
        force = -dynamics.force_scale_at(time) * gradient - dynamics.friction_at(time) * p
        return np.concatenate([velocity, force])

    return rate


def _dataset(dynamics: Any, times: np.ndarray, y: np.ndarray, n_gradients: int) -> Any:
    import xarray

    dim, names = dynamics.dim, ("time", "coordinate")
    variables: dict[str, Any] = {"x": (names, y[:dim].T)}
    if dynamics.momenta:
        variables["p"] = (names, y[dim : 2 * dim].T)
    if dynamics.equation == "adaptive":
        variables["xi"] = (("time",), y[-1])
    coordinates = {"time": times, "coordinate": list(dynamics.potential.variables)}
    attributes = {"dynamics": dynamics.describe(), "n_gradients": int(n_gradients)}
    return xarray.Dataset(variables, coords=coordinates, attrs=attributes)

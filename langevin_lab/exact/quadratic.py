"""The quadratic problem on which a step has an exact law: stiffness, equation, gradient noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from langevin_lab.dynamics import AdaptiveLangevin, Dynamics, Langevin, Overdamped
from langevin_lab.exact.reference import Array
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method
from langevin_lab.momentum import Descent, Optimiser
from langevin_lab.potentials.gradient_noise import constant_factor


@dataclass(frozen=True)
class Quadratic:
    """U = x.K.x / 2, enough of a potential for a dynamics to accept it."""

    stiffness: Array

    @property
    def dim(self) -> int:
        return len(self.stiffness)

    def energy(self, x: Array) -> Array:
        return 0.5 * np.einsum("...i,ij,...j->...", x, self.stiffness, x)

    def gradient(self, x: Array) -> Array:
        return x @ self.stiffness


def stiffness_matrix(stiffness: ArrayLike) -> Array:
    """A number, a diagonal or a symmetric matrix as a (dim, dim) array."""
    array = np.asarray(stiffness, dtype=np.float64)
    if array.ndim < 2:
        array = np.diag(np.atleast_1d(array))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not np.allclose(array, array.T):
        raise ValueError(
            f"stiffness of shape {np.shape(stiffness)} must be a number, a diagonal of shape "
            "(dim,) or a symmetric matrix of shape (dim, dim)"
        )
    return 0.5 * (array + array.T)


def noise_factor(gradient_noise: Any, dim: int) -> Array:
    """L of gradient noise L m: from standard deviations, () or (dim,), or a covariance."""
    name = "covariance" if np.ndim(gradient_noise) == 2 else "standard_deviation"
    return constant_factor(dim, **{name: gradient_noise}).matrix


def problem_of(
    method: str | Method | Optimiser,
    potential: Any,
    *,
    temperature: Any,
    friction: Any,
    dt: Any,
    mass: Any,
) -> tuple[Method, Any, float]:
    """The method, the dynamics that it steps on the potential, and the length of a step.

    Raises
    ------
    TypeError
        If temperature, friction or dt is missing for a method that has them.
    ValueError
        If one of them is given to an optimiser, or the optimiser follows a schedule, draws its own
        data or is not linear.
    """
    given = {"temperature": temperature, "friction": friction, "dt": dt}
    if isinstance(method, Optimiser):
        given["mass"] = None if np.all(np.asarray(mass) == 1.0) else mass
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{name}={value!r} has no meaning for {method!r}, which its own numbers "
                    "determine; leave it out"
                )
        return _descent_on(method, potential)
    scheme = find_method(method)
    for name, value in given.items():
        if value is None:
            raise TypeError(f"{name} is missing: method={scheme.name!r} needs it")
    dynamics = dynamics_on(scheme, potential, temperature, friction, mass)
    return scheme, dynamics, dt


def _descent_on(optimiser: Optimiser, potential: Any) -> tuple[Method, Descent, float]:
    if not optimiser.is_noiseless:
        raise ValueError(
            f"{optimiser!r} draws its own data, so its step is not linear in normals; simulate it"
        )
    if not optimiser.is_linear:
        raise ValueError(
            f"{optimiser!r} sets its step by the gradients it meets, so its step is not linear in "
            "the state; simulate it"
        )
    if set(optimiser.scheduled) - {"dampening"}:
        raise ValueError(
            f"{optimiser!r} follows a schedule: its law changes from step to step; give numbers, "
            "or its at(step)"
        )
    # Dampening is for all steps but the first.
    return optimiser.method(), Descent(potential, optimiser).at(1.0), 1.0


def dynamics_on(
    scheme: Method, potential: Any, temperature: float, friction: Any, mass: Any
) -> Dynamics:
    """The equation that the method discretises, on the given potential."""
    if scheme.properties.equation == "adaptive":
        return AdaptiveLangevin(
            potential, temperature=max(temperature, 1.0), thermal_mass=math.inf, mass=mass,
            applied_noise=math.sqrt(2.0 * _one_number("friction", friction) * temperature),
        )  # fmt: skip
    if scheme.properties.equation == "langevin":
        return Langevin(potential, temperature=temperature, friction=friction, mass=mass)
    if not np.all(np.asarray(mass) == 1.0):
        raise ValueError(
            f"mass={mass} has no meaning for the overdamped method {scheme.name!r}; leave it out"
        )
    return Overdamped(potential, temperature=temperature, friction=friction)


def _one_number(name: str, value: Any) -> float:
    if np.ndim(value):
        raise ValueError(
            f"{name}={value!r} must be one number: a thermostat is for all coordinates"
        )
    return float(value)

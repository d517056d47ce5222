"""A method: one program, its coefficients, its record; and its linear map on a harmonic well."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties

Coefficients = Callable[[Any, Any, Any], dict[str, Any]]

_SUGGESTIONS = {
    "overdamped": "'EulerMaruyama', 'LeimkuhlerMatthews', 'StochasticHeun' or 'RK4'",
    "langevin": "a word such as 'BAOAB'",
    "adaptive": "a word with D such as 'BADODAB', or 'SGNHT'",
    "ito": "'EulerMaruyama', 'Milstein' or 'Platen'",
    "nose_hoover": "a word with C and D such as 'BADCDAB'",
    "partitioned": "a word such as 'BAOAB', or 'A1 A2 O1 O2 A2 A1 B1 B2'",
    "inertial": "'RK4'",
    "descent": "the method() of its optimiser",
}


@dataclass(frozen=True, eq=False)
class Method:
    """One way to advance a dynamics by a step of length dt.

    Parameters
    ----------
    name : str
        Public name or splitting word.
    program : Program
        The step's lines.
    coefficient_rule : callable
        ``rule(dynamics, dt, temperature) -> dict``; must work on arrays of temperatures.
    properties : Properties
        What the method claims.
    thermostatted : bool, optional
        False if the step holds neither friction nor noise (a word without O).
    noiseless : bool, optional
        True if the method solves the flow at temperature 0 only (Runge-Kutta).
    partition : tuple of (Part, tuple of int), optional
        Of a word for partitioned dynamics: each block's letters and coordinates.
    path_normals : tuple, optional
        Which functional of the Brownian path each normal stands for, in order, as (functional,
        (index, count), given functionals) with the names of `evidence.PathNormal`; empty if they
        stand for the increments of equal parts of the step.
    """

    name: str
    program: Program
    coefficient_rule: Coefficients
    properties: Properties
    thermostatted: bool = True
    noiseless: bool = False
    path_normals: tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...] = ()
    partition: tuple[tuple[Any, tuple[int, ...]], ...] = ()

    def __repr__(self) -> str:
        return f"Method({self.name!r}, {self.properties.equation})"

    @property
    def state_names(self) -> tuple[str, ...]:
        """("x",), ("x", "p"), thermostats after them."""
        return self.program.state

    @property
    def stored(self) -> tuple[str, ...]:
        """Carried besides the state: "g" the gradient, "e" the energy at x, "r" the last normal."""
        return self.program.stored

    @property
    def n_normals(self) -> int:
        """Standard normals a step and coordinate."""
        return self.program.n_normals

    def coefficients(self, dynamics, dt, temperature=None) -> dict[str, Any]:
        """The step's numbers, each a float or an array of shape (dim,).

        Parameters
        ----------
        dynamics : Dynamics
            Without schedules: ``dynamics.at(time)`` for one that has some.
        dt : float
            Time step > 0 [time].
        temperature : float or ndarray, optional
            Overrides the dynamics' own.

        Raises
        ------
        ValueError
            If the method cannot solve the dynamics, dt <= 0 or a number is a schedule.
        """
        self.check(dynamics)
        check_time_step(dt)
        for name in dynamics.scheduled:
            if name != "temperature" or temperature is None:
                raise ValueError(f"{name} is a schedule: pass dynamics.at(time) for the dynamics")
        if dynamics.equation == "partitioned":
            if temperature is not None:
                raise ValueError(
                    f"temperature={temperature!r}: each block has its own; make the Partitioned "
                    "from blocks of that temperature"
                )
        elif temperature is None:
            temperature = dynamics.temperature
        values = self.coefficient_rule(dynamics, dt, temperature)
        if not all(np.isfinite(value).all() for value in values.values()):
            raise ValueError(
                f"method={self.name!r} has no step for {dynamics.describe()} with dt={dt}; an "
                "infinite friction needs a word with O, such as 'BAOAB'"
            )
        return values

    def check(self, dynamics) -> None:
        """Raise ValueError unless the method can solve the dynamics."""
        if self.properties.equation != dynamics.equation:
            raise ValueError(
                f"method={self.name!r} is for {self.properties.equation} dynamics, not for "
                f"{type(dynamics).__name__}; use {_SUGGESTIONS[dynamics.equation]}"
            )
        if dynamics.equation == "descent":
            self._check_descent(dynamics)
            return
        if dynamics.equation == "partitioned":
            self._check_partition(dynamics)
            return
        if dynamics.equation == "adaptive":
            self._check_adaptive(dynamics)
            return
        if dynamics.equation == "nose_hoover":
            self._check_chain(dynamics)
            return
        if dynamics.equation == "ito":
            self._check_diffusion(dynamics)
            return
        if self.noiseless and not dynamics.is_noiseless:
            raise ValueError(
                f"method={self.name!r} has no noise but temperature={dynamics.temperature}; "
                "use temperature=0 or a method with noise"
            )
        if dynamics.is_noiseless and not (self.properties.linear or dynamics.of_one_time):
            raise ValueError(
                f"method={self.name!r} accepts steps by a temperature but temperature=0; use a "
                "temperature > 0, or a method without acceptance"
            )
        free = not callable(dynamics.friction) and not np.any(dynamics.friction)
        if not self.thermostatted and not free:
            raise ValueError(
                f"method={self.name!r} has no O but friction={dynamics.friction}; "
                "use friction=0 or a word with O, for example 'BAOAB'"
            )

    def _check_descent(self, dynamics) -> None:
        """The numbers come from the optimiser, so the lines must be its own."""
        if self.program != dynamics.optimiser.program:
            raise ValueError(
                f"method={self.name!r} is not the step of {dynamics.optimiser!r}; give the "
                "optimiser itself"
            )

    def _check_adaptive(self, dynamics) -> None:
        if dynamics.applied_noise > 0 and self.n_normals == 0:
            raise ValueError(
                f"method={self.name!r} has no noise but applied_noise={dynamics.applied_noise}; "
                "use applied_noise=0 or a word with O, or with N"
            )

    def _check_partition(self, dynamics) -> None:
        """The blocks must be those that the word was read for, and none may lose its noise."""
        mine = [(part.equation, coordinates) for part, coordinates in self.partition]
        theirs = [(block.dynamics.equation, block.coordinates) for block in dynamics.blocks]
        if mine != theirs:
            raise ValueError(
                f"method={self.name!r} was made for the blocks {mine}, not for {theirs}; give the "
                "word itself"
            )
        for number, ((part, _), block) in enumerate(zip(self.partition, dynamics.blocks), 1):
            eq, chosen = block.dynamics, list(block.coordinates)
            where = f"method={self.name!r}: block {number} ({part.letters})"
            if part.equation == "langevin" and part.n_normals == 0:
                friction = getattr(eq, "friction", 0.0)
                if callable(friction) or np.any(np.broadcast_to(friction, (eq.dim,))[chosen]):
                    raise ValueError(f"{where} has no O but friction={friction}; add an O")
            if part.equation == "adaptive" and part.n_normals == 0 and eq.applied_noise > 0:
                raise ValueError(
                    f"{where} has no noise but applied_noise={eq.applied_noise}; add an O, or an N"
                )

    def _check_chain(self, dynamics) -> None:
        length = len(self.program.thermostats)
        if length != dynamics.n_thermostats:
            raise ValueError(
                f"method={self.name!r} is for a chain of {length}, but thermal_masses="
                f"{dynamics.thermal_masses} has {dynamics.n_thermostats}; give the word itself"
            )

    def _check_diffusion(self, dynamics) -> None:
        """The program must call this drift and these noises; order 1 needs them to commute."""
        called = {name for name in self.program.functions if not name.startswith("noise_slope")}
        if called != dynamics.function_names:
            raise ValueError(
                f"method={self.name!r} calls {sorted(called)}, but this ItoDiffusion has "
                f"{sorted(dynamics.function_names)}; give the name {self.name!r} itself"
            )
        if self.properties.strong_order > 0.5 and dynamics.noncommuting is not None:
            j, k = dynamics.noncommuting
            raise ValueError(
                f"method={self.name!r} needs noises that commute, but those of index {j} and {k} "
                f"in noise={dynamics.noise} do not; use 'EulerMaruyama'"
            )

    def step(self, state, normals, coefficients, gradient, **more) -> dict[str, np.ndarray]:
        """One step on numpy arrays; see `Program.run`."""
        return self.program.run(state, normals, coefficients, gradient, **more)

    def carried_state(self, state, gradient, energy=None) -> dict[str, np.ndarray]:
        """``state`` with what is missing: gradient and energy at x, and zeros for all else."""
        x = np.asarray(state["x"], dtype=float)
        make = {
            "g": lambda: gradient(x),
            "e": lambda: np.asarray(energy(x))[..., None],
            "r": lambda: np.zeros_like(x),
        }
        for name in (*self.program.outcomes, *self.program.memories):
            shape = (*x.shape[:-1], 1 if self.program.is_scalar(name) else x.shape[-1])
            make[name] = functools.partial(np.zeros, shape)
        return {
            name: make[name]() if name in make and name not in state
            else np.asarray(state[name], dtype=float)
            for name in self.program.carried
        }  # fmt: skip


def check_time_step(dt: Any) -> float:
    """``dt`` as a float; ValueError unless finite and > 0."""
    if isinstance(dt, bool) or not isinstance(dt, (int, float, np.integer, np.floating)):
        raise TypeError(f"dt={dt!r} must be a number > 0 (time units of the dynamics)")
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt={dt} must be finite and > 0 (time units of the dynamics)")
    return float(dt)


def linear_map(program: Program, coefficients: Mapping[str, Any], curvature) -> np.ndarray:
    """Matrix of one noiseless step on U = curvature x^2/2, one coordinate, over the state.

    Parameters
    ----------
    program : Program
    coefficients : mapping of str to float or ndarray of shape (...)
    curvature : float or ndarray of shape (...)

    Returns
    -------
    ndarray of shape (..., n_state, n_state)
        Read off the step by feeding it the basis vectors; batched over leading axes. Thermostats
        stand at 0.
    """
    n_state = len(program.state_vectors)
    batch = np.broadcast_shapes(np.shape(curvature), *(np.shape(c) for c in coefficients.values()))
    curvature = np.broadcast_to(curvature, batch)[..., None]
    basis = {
        name: np.broadcast_to(np.eye(n_state)[index], (*batch, n_state))
        for index, name in enumerate(program.state_vectors)
    }
    still = {name: np.zeros((*batch, 1)) for name in program.thermostats}
    stored = {"g": curvature * basis["x"], "r": np.zeros((*batch, n_state))}
    after = program.run(
        basis | still | stored,
        np.zeros((program.n_normals, *batch, n_state)),
        {name: np.broadcast_to(c, batch)[..., None] for name, c in coefficients.items()},
        lambda x: curvature * x,
        scalar_normals=np.zeros((program.n_scalar_normals, *batch, 1)),
        functions=dict.fromkeys(program.functions, np.zeros_like),
    )
    return np.stack([after[name] for name in program.state_vectors], axis=-2)


def spectral_radius(matrix: np.ndarray) -> np.ndarray:
    """Largest modulus of the eigenvalues, batched over leading axes."""
    return np.abs(np.linalg.eigvals(matrix)).max(axis=-1)


def _is_unstable(matrix: np.ndarray) -> np.ndarray:
    """Whether an eigenvalue of a 1x1 or 2x2 matrix lies outside the unit circle.

    Jury's conditions on trace and determinant: at the limit of a splitting two eigenvalues
    collide, where rounding moves eigenvalues by 1e-8 but these two numbers by 1e-16 only.
    """
    tolerance = 1e-13
    if matrix.shape[-1] == 1:
        return np.abs(matrix[..., 0, 0]) > 1.0 + tolerance
    trace = np.trace(matrix, axis1=-2, axis2=-1)
    determinant = np.linalg.det(matrix)
    return (determinant > 1.0 + tolerance) | (np.abs(trace) > 1.0 + determinant + tolerance)


@dataclass(frozen=True)
class UnitOscillator:
    """Numbers of a dynamics in coordinates where mass (overdamped: friction) is one.

    Thermostats are frozen; `linear_map` holds them at 0.

    Parameters
    ----------
    friction : float or ndarray of shape (dim,)
    thermal_masses : tuple of float, optional
        Infinite, one for each link of a Nosé-Hoover chain.
    """

    friction: Any
    mass: float = 1.0
    dim: int = 1
    thermal_mass: float = math.inf
    applied_noise: float = 0.0
    coupling: float = 1.0
    thermal_masses: tuple[float, ...] = ()


def spectral_stability_limit(program: Program, rule: Coefficients, *, momenta: bool) -> float:
    """Largest dt that is stable on the unit oscillator, to 1e-12, by scan and bisection.

    With momenta the friction is 0, where a splitting preserves phase volume and the spectral
    radius is 1 up to the limit; without, the friction is 1.
    """
    dynamics = UnitOscillator(friction=0.0 if momenta else 1.0)

    def unstable(dt: np.ndarray) -> np.ndarray:
        return _is_unstable(linear_map(program, rule(dynamics, dt, 0.0), 1.0))

    # A long word is many short steps; its limit grows with the number of its letters.
    grid = 0.01 * np.arange(1, 100 * max(40, 2 * len(program.text)) + 1)
    first = int(np.argmax(unstable(grid)))
    low, high = grid[first] - 0.01, grid[first]
    while high - low > 1e-13 * high:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (low, middle) if unstable(np.array([middle]))[0] else (middle, high)
    return float(round(low, 12))

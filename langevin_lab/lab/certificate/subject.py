"""The method under examination: its dynamics on small problems, its linear map, what it is."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# On the anharmonic problems below: different in each coordinate, and none of them 1.
FRICTIONS = (0.5, 1.9)
MASSES = (0.8, 1.7)
STIFFNESS = ((1.0, 0.4), (0.4, 1.7))
THERMAL_MASS, COUPLING = 2.5, 1.3
TARGET = 0.7  # temperature that a thermostat steers to where there is no noise


@dataclass(frozen=True)
class Well:
    """U = curvature x^2/2 + quartic x^4/4 in one coordinate."""

    curvature: float = 1.0
    quartic: float = 0.0
    dim = 1

    def energy(self, x: np.ndarray) -> np.ndarray:
        """Shape (..., 1) -> (...)."""
        return (0.5 * self.curvature * x**2 + 0.25 * self.quartic * x**4).sum(axis=-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Shape (..., 1) -> (..., 1)."""
        return self.curvature * x + self.quartic * x**3


@dataclass(frozen=True)
class CoupledWell:
    """U = |x|^4/4 + x.K.x/2, neighbours coupled: K_ii = 1 + i, K_i,i+1 = 1/2; anharmonic."""

    dim: int = 2

    @property
    def variables(self) -> tuple[str, ...]:
        """x0, x1, ..."""
        return tuple(f"x{index}" for index in range(self.dim))

    @property
    def stiffness(self) -> np.ndarray:
        """K, shape (dim, dim)."""
        beside = np.full(self.dim - 1, 0.5)
        return np.diag(1.0 + np.arange(self.dim)) + np.diag(beside, 1) + np.diag(beside, -1)

    def energy(self, x: np.ndarray) -> np.ndarray:
        """Shape (..., dim) -> (...)."""
        return (x**2).sum(axis=-1) ** 2 / 4 + (x * (x @ self.stiffness)).sum(axis=-1) / 2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Shape (..., dim) -> (..., dim)."""
        return (x**2).sum(axis=-1, keepdims=True) * x + x @ self.stiffness


def _langevin(method: Any, potential: Any, temperature: float, friction: Any, mass: Any) -> Any:
    from langevin_lab import dynamics

    return dynamics.Langevin(potential, temperature=temperature, friction=friction, mass=mass)


def _overdamped(method: Any, potential: Any, temperature: float, friction: Any, mass: Any) -> Any:
    from langevin_lab import dynamics

    return dynamics.Overdamped(potential, temperature=temperature, friction=friction)


def _adaptive(method: Any, potential: Any, temperature: float, friction: Any, mass: Any) -> Any:
    """A thermostat that moves; the noise that balances the friction on average."""
    from langevin_lab import dynamics

    return dynamics.AdaptiveLangevin(
        potential, temperature=max(temperature, TARGET), thermal_mass=THERMAL_MASS,
        coupling=COUPLING, mass=mass,
        applied_noise=math.sqrt(2 * float(np.max(friction)) * temperature),
    )  # fmt: skip


def _chain(method: Any, potential: Any, temperature: float, friction: Any, mass: Any) -> Any:
    """As many thermostats as the method has; no noise at any temperature."""
    from langevin_lab import dynamics

    count = len(method.program.thermostats)
    masses = [THERMAL_MASS * 0.6**index for index in range(count)]
    return dynamics.NoseHooverChain(
        potential, temperature=max(temperature, TARGET), thermal_masses=masses, mass=mass
    )


def _blocks(method: Any, potential: Any, temperature: float, friction: Any, mass: Any) -> Any:
    """The blocks of the method, each under its equation."""
    from langevin_lab import dynamics

    makers = {"langevin": _langevin, "adaptive": _adaptive, "overdamped": _overdamped}
    frictions = np.broadcast_to(friction, (potential.dim,))
    blocks = []
    for coordinates, equation in blocks_of(method):
        # One thermostat is one friction for its block.
        own = tuple(frictions.tolist()) if equation != "adaptive" else frictions[coordinates[0]]
        made = makers[equation](method, potential, temperature, own, mass)
        blocks.append((coordinates, made))
    return dynamics.Partitioned(blocks)


def blocks_of(method: Any) -> list[tuple[tuple[int, ...], str]]:
    """Coordinates and equation of each block, told by the coefficients that it reads."""
    program = method.program
    if not program.blocks:  # one block: two coordinates
        equation = _equation_of(program, "")
        return [((0, 1), equation)]
    return [
        (coordinates, _equation_of(program, f"_{number}"))
        for number, coordinates in enumerate(program.blocks, start=1)
    ]


def _equation_of(program: Any, suffix: str) -> str:
    if f"xi{suffix}" in program.thermostats:
        return "adaptive"
    # O of an overdamped block draws the momentum anew.
    redrawn = f"noise{suffix}" in program.coefficients
    return "overdamped" if redrawn and f"decay{suffix}" not in program.coefficients else "langevin"


# A new equation gets its line here; without one, the checks say that they do not apply.
DYNAMICS: dict[str, Callable[[Any, Any, float, Any, Any], Any]] = {
    "langevin": _langevin,
    "overdamped": _overdamped,
    "adaptive": _adaptive,
    "nose_hoover": _chain,
    "partitioned": _blocks,
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A method and what the checks ask about it."""

    method: Any

    @property
    def equation(self) -> str:
        """The equation of its record."""
        return self.method.properties.equation

    @property
    def program(self) -> Any:
        """Its step."""
        return self.method.program

    @property
    def has_momenta(self) -> bool:
        """Whether p is in the state."""
        return "p" in self.method.state_names

    @property
    def is_noisy(self) -> bool:
        """Whether the step draws normals."""
        return self.method.n_normals > 0

    @property
    def n_coordinates(self) -> int:
        """2, or as many as the method's blocks have."""
        return sum(map(len, self.program.blocks)) or 2

    @property
    def friction(self) -> float:
        """1, or 0 for a method without friction."""
        return 1.0 if getattr(self.method, "thermostatted", True) else 0.0

    @property
    def temperature(self) -> float:
        """1, or 0 for a method without noise."""
        return float(self.is_noisy)

    def dynamics(
        self, potential: Any, *, temperature: float, friction: Any, mass: Any = 1.0
    ) -> Any:
        """The method's equation."""
        return DYNAMICS[self.equation](self.method, potential, temperature, friction, mass)

    def coupled_dynamics(self, *, temperature: float, friction: Any = FRICTIONS) -> Any:
        """The method's equation on the coupled well, frictions and masses all different."""
        thermostatted = getattr(self.method, "thermostatted", True)
        count = self.n_coordinates
        shape = (count,) if np.ndim(friction) else ()
        # Further coordinates repeat the numbers of the first two.
        friction = np.resize(friction, shape) if thermostatted else 0.0
        mass = tuple(np.resize(MASSES, (count,)).tolist())
        friction = tuple(friction.tolist()) if np.ndim(friction) else float(friction)
        return self.dynamics(
            CoupledWell(count), temperature=temperature, friction=friction, mass=mass
        )

    def start(self, potential: Any, shape: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
        """A state away from every symmetry, stored vectors included."""
        values = {"x": (0.6, -0.4, 0.3), "p": (-0.5, 0.9, 0.4)}
        dim = potential.dim
        state = {
            name: np.broadcast_to(np.resize(values[name], dim), (*shape, dim))
            for name in self.program.state_vectors
        }
        state |= {name: np.full((*shape, 1), 0.3) for name in self.program.thermostats}
        return self.method.carried_state(state, potential.gradient)

    def step(self, state: Any, normals: np.ndarray, dynamics: Any, dt: float, gradient: Any) -> Any:
        """One step; normals per replica stand at 0."""
        program = self.program
        more: dict[str, Any] = {"energy": dynamics.potential.energy}
        if program.n_scalar_normals:
            shape = (program.n_scalar_normals, *np.shape(state["x"])[:-1], 1)
            more["scalar_normals"] = np.zeros(shape)
        coefficients = self.method.coefficients(dynamics, dt)
        return self.method.step(state, normals, coefficients, gradient, **more)

    @functools.cached_property
    def why_unknown(self) -> str | None:
        """Why no dynamics can be made for the method, or None."""
        if self.equation not in DYNAMICS:
            return f"no test problem is known for the equation {self.equation!r}"
        return None

    @functools.cached_property
    def why_rejecting(self) -> str | None:
        """Why a step is no smooth map of the state and its normals, or None."""
        if self.method.properties.linear and not self.program.n_scalar_normals:
            return None
        return "the step accepts or rejects"

    @functools.cached_property
    def why_not_linear(self) -> str | None:
        """Why a step is not linear on a harmonic well, or None; a declared property only."""
        if self.equation == "partitioned":
            return "blocks: several coordinates, below"
        if self.equation == "nose_hoover":
            return "a chain of thermostats, which moves"
        return self.why_unknown or self.why_rejecting

    def linear(self, dt: float, *, stiffness: Any = 1.0, mass: Any = 1.0, **changes: Any) -> Any:
        """`exact.linear_map` at unit friction and temperature, where the method has them."""
        from langevin_lab import exact

        options = {"friction": self.friction, "temperature": self.temperature} | changes
        if self.has_momenta:
            options["mass"] = mass
        return exact.linear_map(self.method, stiffness=stiffness, dt=dt, **options)

    def covariance(self, dt: float, **changes: Any) -> np.ndarray:
        """Stationary covariance on a harmonic well, from Sigma = M Sigma M^T + B B^T."""
        step = self.linear(dt, **changes)
        return stationary(step.matrix, step.noise)[: step.n_state, : step.n_state]


def stationary(matrix: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Sigma = M Sigma M^T + B B^T, solved as one linear system."""
    size = len(matrix)
    system = np.eye(size**2) - np.kron(matrix, matrix)
    return np.linalg.solve(system, (noise @ noise.T).ravel()).reshape(size, size)

"""What is timed, as one description for the package and for its peers.

    double well      BAOAB on (x^2 - 1)^2, friction 1, T = 0.2, dt = 0.05, from x = 1, p = 0
    Mueller-Brown    Euler-Maruyama in two dimensions, T = 20, dt = 1e-4, from a minimum
    first passage    Euler-Maruyama from x = -1 to x > 1 over the same barrier, T = 0.5, dt = 0.01

All record the running mean of x^2. A unit of work is one step of one replica.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["WORKS", "Work"]


@dataclass(frozen=True)
class Work:
    """One task.

    Parameters
    ----------
    name : str
    method : str
    temperature, friction, dt : float
    start : tuple of float
    normals_per_step : int
    """

    name: str
    method: str
    temperature: float
    dt: float
    start: tuple[float, ...]
    normals_per_step: int = 1
    friction: float = 1.0

    @property
    def equation(self) -> Any:
        """The dynamics, as the package has it."""
        import langevin_lab as ll

        kind = ll.Langevin if self.method == "BAOAB" else ll.Overdamped
        return kind(self.potential, temperature=self.temperature, friction=self.friction)

    @property
    def potential(self) -> Any:
        """(x^2 - 1)^2 or Mueller-Brown."""
        from langevin_lab import potentials

        if self.name == "Mueller-Brown":
            return potentials.mueller_brown()
        return potentials.double_well(barrier=1.0)

    def arguments(self) -> dict[str, Any]:
        """Of `simulate`, but for sizes and backend."""
        resting = {"start_momentum": [0.0]} if self.method == "BAOAB" else {}
        return {"dt": self.dt, "seed": 1, "start": list(self.start), "observe": {"x2": "x**2"},
                "progress": False, **resting}  # fmt: skip


WORKS = {
    work.name: work
    for work in (
        Work("double well", "BAOAB", temperature=0.2, dt=0.05, start=(1.0,)),
        Work("Mueller-Brown", "EulerMaruyama", temperature=20.0, dt=1e-4,
             start=(-0.558, 1.442), normals_per_step=2),
        Work("first passage", "EulerMaruyama", temperature=0.5, dt=0.01, start=(-1.0,)),
    )
}  # fmt: skip

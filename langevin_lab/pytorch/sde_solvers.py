"""The solvers of torchsde as methods of the package: which one a run takes, and what it needs.

The solver is the one that ``solver`` names; else the one that the integrator is, where torchsde has
it; else torchsde's default for the noise, with a warning. Under the package's noise five of them
give the very paths of our own methods (without a schedule, which these take in the middle of a step
and torchsde at the times of its stages):

    euler       EulerMaruyama             heun   StochasticHeun, for additive noise
    milstein    Milstein; Platen free     srk    SRA1, for additive noise
                of derivatives

Traps that are closed here: torchsde multiplies by the transposed Jacobian of the noise in
"milstein" (right for diagonal noise; for one noise on several coordinates derivative-free steps
take its place); "reversible_heun" has a memory, which no dataset holds.
"""

from __future__ import annotations

import difflib
import math
import warnings
from dataclasses import dataclass
from typing import Any

from langevin_lab.integrators import Method, Program
from langevin_lab.integrators.properties import Properties
from langevin_lab.pytorch.sde import DynamicsSDE, as_torchsde, check_equation
from langevin_lab.pytorch.sde_records import SOLVERS
from langevin_lab.pytorch.sde_state import noise_type_of, thermostat_names

__all__ = ["RUNNING", "SolverMethod", "SolverProgram", "sde_of", "solver_method"]

_REFUSED = {
    "reversible_heun": "has a memory beside the state, with which no run can be continued; use "
    "'heun'",
    "adjoint_reversible_heun": "goes backwards only; use 'heun'",
}
# Solvers that a run may take, and the noise that each is for.
RUNNING = {
    name: ("general",) if record.levy_area == "davie" else tuple(record.strong_order)
    for name, record in SOLVERS.items()
    if name not in _REFUSED
}
# Integrators that a solver of torchsde is, and for which noise; None: for any.
_SAME = {
    "EulerMaruyama": ("euler", None),
    "Milstein": ("milstein", None),
    "Platen": ("milstein", None),
    "StochasticHeun": ("heun", "additive"),
    "SRA1": ("srk", "additive"),
}
_BY_DEFAULT = {"additive": "srk", "diagonal": "srk", "scalar": "srk", "general": "euler"}


class SolverProgram(Program):
    """State and normals of a step whose lines are torchsde's own."""

    def __post_init__(self) -> None:
        """Nothing to check: there are no lines."""


@dataclass(frozen=True, eq=False)
class SolverMethod(Method):
    """A solver of torchsde in the place of a method.

    Parameters
    ----------
    solver : str
        Its name in torchsde.
    grad_free : bool
        Whether "milstein" takes a difference in the place of a derivative.
    """

    solver: str = ""
    grad_free: bool = False

    @property
    def levy_area(self) -> str:
        """What the solver needs of the path within a step."""
        return SOLVERS[self.solver].levy_area

    @property
    def sde_type(self) -> str:
        """The form of the equation that it is for; Ito if for both."""
        return SOLVERS[self.solver].sde_types[0]

    def coefficients(self, dynamics, dt, temperature=None) -> dict[str, Any]:
        """None: the numbers are in the drift and the noise."""
        return {}

    def check(self, dynamics) -> None:
        """Nothing: the solver was chosen for the dynamics."""


def solver_method(dynamics: Any, method: Method, solver: str | None) -> SolverMethod:
    """The solver that runs in the place of a method.

    Parameters
    ----------
    dynamics : Dynamics
    method : Method
        What the integrator names on other backends.
    solver : str or None

    Warns
    -----
    UserWarning
        If neither is given: no ``solver``, and a method that torchsde lacks, such as "BAOAB".

    Raises
    ------
    TypeError, ValueError
        If the dynamics is no SDE, or the solver is unknown or not for its noise.
    """
    check_equation(dynamics)
    noise_type = noise_type_of(dynamics)
    chosen = _chosen(method, solver, noise_type)
    area = SOLVERS[chosen].levy_area
    grad_free = chosen == "milstein" and (
        (solver is None and method.name == "Platen")
        or (noise_type == "scalar" and dynamics.dim > 1)
    )
    name = f"torchsde:{chosen}" + (" without derivatives" if grad_free else "")
    return SolverMethod(
        name=name,
        program=_program(dynamics, area),
        coefficient_rule=lambda *_: {},
        properties=_properties(name, chosen, dynamics.equation, noise_type),
        solver=chosen,
        grad_free=grad_free,
    )


def _chosen(method: Method, solver: str | None, noise_type: str) -> str:
    if solver is None:
        same, only = _SAME.get(method.name, ("", None))
        if same and only in (None, noise_type) and noise_type in RUNNING[same]:
            return same
        default = _BY_DEFAULT[noise_type]
        lost = ", without the Metropolis test" if "accepted" in method.program.state else ""
        warnings.warn(
            f"torchsde has no {method.name!r} for {noise_type} noise: its own default "
            f"{default!r} runs instead{lost}; choose with solver=..., one of "
            f"{_able(noise_type)}, or use backend='torch', which has them all",
            UserWarning,
            stacklevel=6,
        )
        return default
    if solver in _REFUSED:
        raise ValueError(f"solver={solver!r} {_REFUSED[solver]}")
    if solver not in RUNNING:
        close = difflib.get_close_matches(str(solver), RUNNING, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"solver={solver!r} is none of torchsde's: {hint}use {list(RUNNING)}")
    if noise_type not in RUNNING[solver]:
        raise ValueError(
            f"solver={solver!r} is not for {noise_type} noise; use one of {_able(noise_type)}"
        )
    return solver


def _able(noise_type: str) -> list[str]:
    return [name for name, noise_types in RUNNING.items() if noise_type in noise_types]


def _program(dynamics: Any, area: str) -> SolverProgram:
    """Normals in the order of `brownian`: of each coordinate, or of all channels together."""
    from langevin_lab.pytorch.brownian import normals_per_step

    thermostats = thermostat_names(dynamics)
    count = getattr(dynamics, "n_noises", None)
    per_coordinate = per_replica = 0
    if count is None and area != "davie":
        per_coordinate = normals_per_step(1, area)
    else:
        per_replica = normals_per_step(dynamics.dim if count is None else count, area)
    return SolverProgram(
        text=(),
        state=("x", *(("p",) if dynamics.momenta else ()), *thermostats),
        coefficients=(),
        n_normals=per_coordinate,
        n_scalar_normals=per_replica,
        scalars=thermostats,
    )


def _properties(name: str, solver: str, equation: str, noise_type: str) -> Properties:
    known = SOLVERS[solver]
    return Properties(
        name=name,
        equation=equation,
        strong_order=known.strong_order[noise_type],
        weak_order=known.weak_order,
        configurational_order=math.nan,
        gradients_per_step=known.drifts[noise_type != "additive"],
        normals_per_step=1 if known.levy_area == "none" else 2,
        stability_limit=math.nan,
        source=f"torchsde; {known.source}",
    )


def sde_of(method: SolverMethod, dynamics: Any, **settings: Any) -> DynamicsSDE:
    """The dynamics in the form that the solver is for."""
    return as_torchsde(dynamics, sde_type=method.sde_type, **settings)

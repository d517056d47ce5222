"""What torchsde advertises of its solvers, and what they need of a Brownian motion.

Orders are those that torchsde itself states, by the type of noise that an equation declares. Where
theory and measurement give others:

    milstein          1/2 for one noise on several coordinates, see `sde_solvers`; in Stratonovich
                      form and without derivatives 1/2 where g'' is not 0, see `SdeProblem`
    reversible_heun   1 where columns of the noise commute, see `SdeProblem`

Source: Kloeden and Platen (1992) for the schemes; Roessler (2010) for "srk"; Davie (2014) for
"log_ode"; Kidger, Foster, Li and Lyons (2021) for "reversible_heun".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = ["NOISE_TYPES", "SDE_TYPES", "SOLVERS", "SolverRecord", "check_sde_type"]

SDE_TYPES = ("ito", "stratonovich")
NOISE_TYPES = ("additive", "diagonal", "scalar", "general")
_KLOEDEN_PLATEN = "Kloeden and Platen (1992), section "


@dataclass(frozen=True)
class SolverRecord:
    """One solver of torchsde.

    Attributes
    ----------
    sde_types : tuple of str
        What it solves: "ito", "stratonovich".
    strong_order : mapping of str to float
        As torchsde says, by noise type; a type that is missing is refused by the solver.
    drifts : tuple of int
        Evaluations of the drift a step: for additive noise, else.
    source : str
    levy_area : {"none", "space-time", "davie"}
        What it needs of the path within a step: nothing, the integral of each channel, areas
        between channels.
    weak_order : float
    """

    sde_types: tuple[str, ...]
    strong_order: Mapping[str, float]
    drifts: tuple[int, int]
    source: str
    levy_area: str = "none"
    weak_order: float = 1.0


def _orders(*orders: float) -> Mapping[str, float]:
    return MappingProxyType(dict(zip(NOISE_TYPES, orders)))


_ITO, _STRATONOVICH = SDE_TYPES[:1], SDE_TYPES[1:]
_HALF = _orders(1.0, 0.5, 0.5, 0.5)
_ONE = _orders(1.0, 1.0, 1.0, 0.5)
SOLVERS: Mapping[str, SolverRecord] = MappingProxyType(
    {
        "euler": SolverRecord(_ITO, _HALF, (1, 1), _KLOEDEN_PLATEN + "10.2"),
        "milstein": SolverRecord(
            SDE_TYPES, _orders(1.0, 1.0, 1.0), (1, 1), _KLOEDEN_PLATEN + "10.3"
        ),
        "srk": SolverRecord(
            _ITO, _orders(1.5, 1.5, 1.5), (3, 10), "Roessler (2010)", "space-time", 1.5
        ),
        "euler_heun": SolverRecord(_STRATONOVICH, _ONE, (1, 1), _KLOEDEN_PLATEN + "4.9"),
        "heun": SolverRecord(_STRATONOVICH, _ONE, (2, 2), _KLOEDEN_PLATEN + "14.2"),
        "midpoint": SolverRecord(_STRATONOVICH, _ONE, (2, 2), _KLOEDEN_PLATEN + "4.9"),
        "reversible_heun": SolverRecord(
            _STRATONOVICH, _HALF, (1, 1), "Kidger, Foster, Li and Lyons (2021)"
        ),
        "log_ode": SolverRecord(_STRATONOVICH, _ONE, (2, 2), "Davie (2014)", "davie"),
    }
)


def check_sde_type(sde_type: Any) -> None:
    """Raise an error unless the calculus is one of the two."""
    if sde_type not in SDE_TYPES:
        raise ValueError(f"sde_type={sde_type!r} must be one of {list(SDE_TYPES)}")

"""What recorders ask of a kernel: moments, texts over the names that an observable may use.

    x, y, ...            the potential's variables
    p  or  p_x, p_y...   momenta (one variable: p)
    grad_x, ...          gradient of the potential
    xi                   thermostats, where the dynamics has any
    accepted             1 or 0 for the last step, of a method that accepts or rejects
    momentum             that of the last step, of an optimiser that sets it
    energy, laplacian    U(x) and the trace of its Hessian
    k, ...               the potential's parameters
    mass_x, ..., dt      mass of each coordinate, time step

A moment over coordinates is a sum of one text for every coordinate, with x, p, grad and mass
standing for that coordinate's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COORDINATE_NAMES = ("x", "p", "grad", "mass", "dt")


@dataclass(frozen=True)
class Moment:
    """One number per replica and recorded step.

    Parameters
    ----------
    text : str
        Arithmetic expression.
    over_coordinates : bool, optional
        Whether the text is summed over coordinates.
    block : tuple of int, optional
        (first, stop) of the coordinates in that sum; by default all.
    """

    text: str
    over_coordinates: bool = False
    block: tuple[int, int] | None = None


def momentum_name(variables: Sequence[str], index: int) -> str:
    """``p`` for one variable, ``p_x`` for several."""
    return "p" if len(variables) == 1 else f"p_{variables[index]}"


def observable_names(
    potential, *, momenta: bool, scalars: Sequence[str] = ()
) -> dict[str, tuple[str, int]]:
    """Every name that an observable may use: name -> (what it is, index).

    Raises
    ------
    ValueError
        If a variable or parameter has the name of something else.
    """
    names: dict[str, tuple[str, int]] = {"energy": ("energy", 0), "dt": ("dt", 0)}
    if potential.code.form == "scalar":
        names["laplacian"] = ("laplacian", 0)
    for index, variable in enumerate(potential.variables):
        names[f"grad_{variable}"] = ("grad", index)
        names[f"mass_{variable}"] = ("mass", index)
        if momenta:
            names[momentum_name(potential.variables, index)] = ("p", index)
    names.update((name, ("thermostat", 0)) for name in scalars)
    taken = set(names)
    for index, variable in enumerate(potential.variables):
        names[variable] = ("x", index)
    for index, parameter in enumerate(potential.parameters):
        names[parameter] = ("parameter", index)
    clashes = taken.intersection([*potential.variables, *potential.parameters])
    if clashes:
        raise ValueError(
            f"{potential.name} has a variable or parameter named {sorted(clashes)[0]!r}, which "
            "observables use for something else; rename it in the potential"
        )
    return names

"""Potentials whose code is a set of loops of this package, found by module and name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langevin_lab.potentials.code import Code, digest_of
from langevin_lab.potentials.formula import coordinate_names
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.stationary import Rule

_PACKAGE = "langevin_lab.potentials"
LARGEST_FORMULA = 8  # coordinates; a longer sum is quicker as a loop
_PARTS = ("energy", "gradient", "hessian")


def loop_code(module_name: str, name: str) -> Code:
    """Return the code of ``<name>_energy``, ``<name>_gradient``, ``<name>_hessian`` of a module."""
    module = importlib.import_module(f"{_PACKAGE}.{module_name}")
    functions = {part: getattr(module, f"{name}_{part}") for part in _PARTS}
    bound = ", ".join(f"{name}_{part} as {part}" for part in _PARTS)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    return Code(
        "array",
        digest_of("loops", module.__name__, name, source),
        import_line=f"from {module.__name__} import {bound}",
        **functions,
    )


def loop_potential(
    module_name: str,
    name: str,
    *,
    variables: Sequence[str],
    parameters: Mapping[str, float],
    latex: str,
    rule: Rule,
    bounds: Sequence[tuple[float, float]],
    requirement: Callable[[str, Mapping[str, float]], None],
) -> Potential:
    """Return the potential of a set of loops."""
    fields: dict[str, Any] = {
        "name": name,
        "variables": tuple(variables),
        "parameters": dict(parameters),
        "code": loop_code(module_name, name),
        "latex": latex,
        "bounds": tuple(bounds),
        "rule": rule,
        "requirement": requirement,
    }
    return Potential(**fields)


def formula_or_loops(
    name: str,
    terms: Iterable[str],
    parameters: Mapping[str, float],
    *,
    dim: int,
    latex: str,
    rule: Rule,
    bounds: Any,
    requirement: Any,
    is_formula: bool = True,
) -> Potential:
    """Return the potential of a sum of terms, or of the loops where it would be long."""
    box = [bounds] * dim if isinstance(bounds[0], float) else bounds
    if is_formula and dim <= LARGEST_FORMULA:
        return Potential.from_expression(
            " + ".join(terms),
            coordinate_names(dim),
            parameters,
            name=name,
            stationary_points=rule,
            bounds=box,
            requirement=requirement,
        )
    return loop_potential(
        "n_dimensional_loops",
        name,
        variables=coordinate_names(dim),
        parameters=parameters,
        latex=latex,
        rule=rule,
        bounds=box,
        requirement=requirement,
    )

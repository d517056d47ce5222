"""A weak modified equation on a given potential, as compiled dynamics.

The time step and the physical numbers become parameters of the formulas, so that kernels are
compiled once for all their values. This module imports sympy: it is itself imported only where
dynamics are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from langevin_lab.dynamics import ItoDiffusion
from langevin_lab.limits.arguments import positive_numbers
from langevin_lab.limits.differential_polynomials import ENERGY
from langevin_lab.limits.formula_text import formula_text, symbolic_energy
from langevin_lab.limits.operators import MOMENTUM, POSITION
from langevin_lab.limits.step_regime import check_step, step_regime
from langevin_lab.limits.weak_generator import FRICTION, MASS, STEP, TEMPERATURE

if TYPE_CHECKING:
    from langevin_lab.limits.weak_equation import WeakModifiedEquation

__all__ = ["modified_dynamics"]

# dt itself is a name that observables have for the step of the run.
_NAMES = {STEP: "modified_dt", TEMPERATURE: "temperature", FRICTION: "friction", MASS: "mass"}


def modified_dynamics(
    equation: WeakModifiedEquation,
    potential: Any,
    dt: float,
    temperature: float,
    friction: float,
    mass: float,
) -> ItoDiffusion:
    """See `WeakModifiedEquation.dynamics`."""
    numbers = positive_numbers(dt=dt, temperature=temperature, friction=friction, mass=mass)
    numbers["modified_dt"] = numbers["dt"]
    energy, coordinates = symbolic_energy(potential)
    if len(coordinates) != 1:
        raise ValueError(
            f"{potential.name} has {len(coordinates)} coordinates; weak modified equations on "
            "general potentials are derived for one (on quadratics for any number: "
            "weak_modified_quadratic)"
        )
    curvature = potential.max_curvature()
    if curvature is not None and curvature > 0:
        asked = f"the weak modified equation of {equation.method} on {potential.name}"
        small = step_regime(
            equation.equation, dt, curvature=curvature, friction=friction, mass=mass
        )
        check_step(small, asked, stacklevel=4)
    coordinate = coordinates[0]
    momenta = equation.equation == "langevin"
    noise, drift = equation.noise, list(equation.drift)
    variables = [coordinate.name]
    taken = {coordinate.name, *potential.parameters}
    velocity = sympy.Symbol(_free("v", taken), real=True)
    if momenta:
        variables.append(velocity.name)
        drift[1] = drift[1] / MASS
    renamed = {s: sympy.Symbol(_free(name, {*taken, *variables})) for s, name in _NAMES.items()}

    def text(expression: Any) -> str:
        # U is put in before differentiating it; then everything else at once.
        explicit = expression.subs(ENERGY, energy.xreplace({coordinate: POSITION})).doit()
        rule = {POSITION: coordinate, MOMENTUM: renamed[MASS] * velocity, **renamed}
        return formula_text(sympy.expand(explicit.xreplace(rule)))

    columns = [j for j in range(noise.cols) if any(noise.col(j))]
    rows = [[text(noise[i, j]) for j in columns] for i in range(len(drift))]
    parameters = dict(potential.parameters)
    parameters |= {renamed[s].name: numbers[name] for s, name in _NAMES.items()}
    if not momenta:
        del parameters[renamed[MASS].name]
        return ItoDiffusion(
            potential, drift=text(drift[0]), noise=rows[0][0], parameters=parameters
        )
    return ItoDiffusion.from_drift(
        [text(a) for a in drift], noise=rows, variables=variables, parameters=parameters
    )


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name

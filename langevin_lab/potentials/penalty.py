"""The potential with a gradient penalty, U + c |grad U|^2, from each form of a potential.

    formula     differentiated by sympy like any other
    risk        means over examples of gradient and Hessian-vector product; the text is derived
    loops, a user's functions
                functions around the plain ones, in the text that stands below

Every stationary point of U is one of the penalised potential, with curvatures h + 2 c h^2 for those
h of U. Where 1 + 2 c H is singular it has others, which nothing here looks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langevin_lab.potentials.arguments import finite
from langevin_lab.potentials.code import Code, digest_of
from langevin_lab.potentials.formula import derived, product_source
from langevin_lab.potentials.penalised_formula import (
    GRADIENT_PENALTY,
    penalised_latex,
    penalised_text,
)
from langevin_lab.potentials.stationary import Start

if TYPE_CHECKING:
    from langevin_lab.potentials.potential import Potential


def penalised(potential: Potential, coefficient: Any) -> Potential:
    """Return the potential of `Potential.with_gradient_penalty`, which states what is checked."""
    number = finite(potential.name, "coefficient", coefficient)
    _check(potential)
    parameters = {**potential.parameters, GRADIENT_PENALTY: number}
    requirement = potential.requirement
    return type(potential)(
        name=f"penalised {potential.name}",
        variables=potential.variables,
        parameters=parameters,
        code=_code(potential, tuple(parameters)),
        latex=penalised_latex(potential.latex),
        text=penalised_text(potential.text) if potential.text else "",
        bounds=potential.bounds,
        rule=None if potential.rule is None else PenalisedPoints(potential),
        requirement=None if requirement is None else PlainRequirement(requirement),
        data=potential.data,
    )


def _check(potential: Potential) -> None:
    if potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient of {potential.name} is drawn, {potential.gradient_noise!r}, and the "
            "penalty of a drawn gradient has another mean; penalise the potential without noise "
            "(for a risk the full batch), then add noise with with_gradient_noise"
        )
    columns = () if potential.data is None else potential.data.columns
    for kind, names in (
        ("parameter", tuple(potential.parameters)),
        ("variable", potential.variables),
        ("data column", columns),
    ):
        if GRADIENT_PENALTY in names:
            raise ValueError(
                f"{potential.name} has a {kind} {GRADIENT_PENALTY!r}, the name of a penalty's "
                f"coefficient: change that by with_parameters({GRADIENT_PENALTY}=...), penalising "
                "twice is not defined; rename one of your own"
            )


def _code(potential: Potential, parameters: tuple[str, ...]) -> Code:
    if potential.data is not None:
        return _risk_code(potential)
    if potential.code.form == "scalar":
        return derived(penalised_text(potential.text), potential.variables, parameters)[1]
    return _array_code(potential.code)


def _risk_code(potential: Potential) -> Code:
    from langevin_lab.potentials.risk_text import penalised_risk_source

    assert potential.data is not None
    columns = potential.data.columns
    formula = (potential.text, potential.variables, (*potential.parameters, *columns))
    source = penalised_risk_source(
        derived(*formula, hessian=False)[1].source,
        product_source(*formula),
        potential.dim,
        len(potential.parameters),
        len(columns),
    )
    return Code("array", digest_of("penalised empirical risk", source), source=source)


# With the coefficient as the last parameter. The arrays are made at every call: a kernel has no
# room of its own for a potential.
_ENERGY = """def energy(x, parameters):
    own = parameters[: parameters.size - 1]
    slope = np.empty(x.size)
    plain_gradient(x, own, slope)
    squared = 0.0
    for i in range(x.size):
        squared += slope[i] * slope[i]
    return plain_energy(x, own) + parameters[parameters.size - 1] * squared
"""
_BY_HESSIAN = """def gradient(x, parameters, out):
    own = parameters[: parameters.size - 1]
    twice = 2.0 * parameters[parameters.size - 1]
    slope, curvature = np.empty(x.size), np.empty((x.size, x.size))
    plain_gradient(x, own, slope)
    plain_hessian(x, own, curvature)
    for i in range(x.size):
        product = 0.0
        for j in range(x.size):
            product += curvature[i, j] * slope[j]
        out[i] = slope[i] + twice * product
"""
# A central difference of fourth order along the gradient, as `evaluation.along`.
_BY_DIFFERENCE = """def gradient(x, parameters, out):
    own = parameters[: parameters.size - 1]
    slope, point, there = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    plain_gradient(x, own, slope)
    squared, reach = 0.0, 1.0
    for i in range(x.size):
        squared += slope[i] * slope[i]
        reach = max(reach, abs(x[i]))
        out[i] = slope[i]
    if squared > 0.0:
        step = 1e-3 * reach / sqrt(squared)
        scale = 2.0 * parameters[parameters.size - 1] / (12.0 * step)
        for shift, weight in ((1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)):
            for i in range(x.size):
                point[i] = x[i] + shift * step * slope[i]
            plain_gradient(point, own, there)
            for i in range(x.size):
                out[i] += scale * weight * there[i]
"""
_USER_MODULE = """import numpy as np

from langevin_lab.compiled.elementary import compiled, sqrt


@compiled
{energy}

@compiled
{gradient}"""


def _array_code(code: Code) -> Code:
    gradient = _BY_DIFFERENCE if code.hessian is None else _BY_HESSIAN
    source = f"{_ENERGY}\n\n{gradient}"
    digest = digest_of("penalised", code.digest, source)
    if code.import_line:
        imported = re.sub(r" as (\w+)", r" as plain_\1", code.import_line)
        return Code("array", digest, source=source, import_line=imported)
    from langevin_lab.compiled.modules import load

    plain = {"energy": code.energy, "gradient": code.gradient, "hessian": code.hessian}
    bindings = {f"plain_{name}": function for name, function in plain.items() if function}
    text = _USER_MODULE.format(energy=_ENERGY, gradient=gradient)
    module = load(text, "penalised", bindings)
    return Code("array", digest, energy=module.energy, gradient=module.gradient, cacheable=False)


@dataclass(frozen=True)
class PlainRequirement:
    """The requirement of the plain potential, which does not know of the coefficient."""

    requirement: Callable[[str, Mapping[str, float]], None]

    def __call__(self, owner: str, parameters: Mapping[str, float]) -> None:
        self.requirement(owner, _own(parameters))


@dataclass(frozen=True)
class PenalisedPoints:
    """The stationary points of the plain potential: where its gradient is 0, so is the new one.

    A minimum whose Hessian does not tell that it is one stays a minimum for c >= 0, since there
    U + c |grad U|^2 >= U with equality at the point.
    """

    plain: Potential

    def __call__(self, parameters: Mapping[str, float]) -> Iterable[Any]:
        stays = parameters[GRADIENT_PENALTY] >= 0
        return [
            Start(point.position, "minimum" if stays and point.kind == "minimum" else None)
            for point in self._plain(parameters).stationary_points
        ]

    def largest_curvature(self, parameters: Mapping[str, float]) -> float | None:
        """Return h + 2 c h^2 of the largest h, where that grows with h and h is cheap; or None."""
        closed_form = getattr(self.plain.rule, "largest_curvature", None)
        if closed_form is None:
            return None
        h, penalty = closed_form(_own(parameters)), parameters[GRADIENT_PENALTY]
        return h + 2 * penalty * h**2 if h is not None and 1 + 4 * penalty * h > 0 else None

    def _plain(self, parameters: Mapping[str, float]) -> Potential:
        return self.plain.with_parameters(**_own(parameters))


def _own(parameters: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in parameters.items() if name != GRADIENT_PENALTY}

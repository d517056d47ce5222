"""The dictionary's entries as data: formulas, what is exact, small parameters, sources.

Heavy ball, D' = momentum D - learning_rate (grad U(x) + gradient_noise n), x' = x + D', is read as
Langevin dynamics of friction, mass and temperature at time step dt, or as overdamped dynamics.
Every formula that is computed is the text that is printed; `translation` solves them.

A small parameter is at its limit where the leading error of the rates is about 10 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langevin_lab.dynamics import baoab_friction, baoab_momentum, bbk_friction, bbk_momentum
from langevin_lab.limits.regime import SmallParameter
from langevin_lab.limits.written_formula import WrittenFormula

__all__ = ["CONVENTIONS", "RULES", "Convention", "Rule", "convention_named", "dictionary_table"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of the dictionary.

    Attributes
    ----------
    name : str
    formulas : tuple of WrittenFormula
    exact : str
        What holds to rounding; the rest holds in the regime.
    small : tuple of (WrittenFormula, float)
        Small parameters, whose modulus counts, and their limits.
    source : str
    """

    name: str
    formulas: tuple[WrittenFormula, ...]
    exact: str
    small: tuple[tuple[WrittenFormula, float], ...] = ()
    source: str

    def has(self, result: str) -> bool:
        """Whether the entry has a formula for ``result``."""
        return any(formula.result == result for formula in self.formulas)

    def solve(self, result: str, **values: float) -> float:
        """Evaluate the formula for ``result``."""
        return next(f for f in self.formulas if f.result == result)(**values)

    def regime(self, **values: float) -> tuple[SmallParameter, ...]:
        """The small parameters whose constants are all given."""
        return tuple(
            SmallParameter(name=f.result, formula=f.text, value=abs(f(**values)), limit=limit)
            for f, limit in self.small
            if set(f.names) <= set(values)
        )


@dataclass(frozen=True, kw_only=True)
class Convention(Rule):
    """An entry that reads an optimiser as a dynamics.

    Attributes
    ----------
    equation : {"langevin", "overdamped"}
        What it is read as; an overdamped reading has no mass, and its dt is not free.
    functions : mapping
        Result -> function of the library that is called instead of the text.
    """

    equation: str
    functions: Mapping[str, Callable[..., float]] = field(default_factory=dict, hash=False)

    def solve(self, result: str, **values: float) -> float:
        """Evaluate the function or the formula for ``result``."""
        if result not in self.functions:
            return super().solve(result, **values)
        other = {"friction": "momentum", "momentum": "friction"}[result]
        return float(self.functions[result](values[other], values["dt"]))


_F = WrittenFormula
_FREQUENCY = (_F("squared frequency per step", "curvature*dt**2/mass"), 1.0)
# learning_rate curvature inertia/(1 - momentum)^2; `flows.inertia` makes the leading error what it
# says.
_CLOCK = (
    _F(
        "ratio of clocks",
        "learning_rate*curvature*(1 + momentum - 2*look_ahead*(1 - momentum))"
        "/(2*(1 - momentum)**2)",
    ),
    0.1,
)
_VERLET_RATE = _F("learning_rate", "dt**2*(1 + momentum)/(2*mass)")

CONVENTIONS = {
    record.name: record
    for record in (
        Convention(
            name="BAOAB",
            equation="langevin",
            formulas=(
                _VERLET_RATE,
                _F("momentum", "exp(-friction*dt)"),
                _F("friction", "abs(log(momentum))/dt"),
            ),
            functions={"friction": baoab_friction, "momentum": baoab_momentum},
            exact="positions without noise; BAOAB averages two successive normals, heavy ball none",
            small=((_F("friction per step", "friction*dt"), 1.0), _FREQUENCY),
            source="Leimkuhler and Matthews (2013)",
        ),
        Convention(
            name="BBK",
            equation="langevin",
            formulas=(
                _VERLET_RATE,
                _F("momentum", "(1 - friction*dt/2)/(1 + friction*dt/2)"),
                _F("friction", "2*(1 - momentum)/((1 + momentum)*dt)"),
            ),
            functions={"friction": bbk_friction, "momentum": bbk_momentum},
            exact="positions, with noise; CoolMomentum's learning rate is dt**2/mass",
            small=((_F("friction per step", "friction*dt"), 1.0), _FREQUENCY),
            source="Borysenko and Byshkin (2021)",
        ),
        Convention(
            name="SemiImplicitEuler",
            equation="langevin",
            formulas=(
                _F("learning_rate", "dt**2/mass"),
                _F("momentum", "1 - friction*dt"),
                _F("friction", "(1 - momentum)/dt"),
            ),
            exact="positions and momenta (mass D/dt), with noise: the step of SGHMC",
            small=((_F("friction per step", "friction*dt"), 0.2), _FREQUENCY),
            source="Chen, Fox and Guestrin (2014), eq. (15)",
        ),
        Convention(
            name="gradient_flow",
            equation="overdamped",
            formulas=(
                _F("learning_rate", "dt"),
                _F("momentum", "1 - friction"),
                _F("friction", "1 - momentum"),
            ),
            exact="velocity and diffusion under a constant force",
            small=(_CLOCK,),
            source="Kovachki and Stuart (2021)",
        ),
        Convention(
            name="effective_learning_rate",
            equation="overdamped",
            formulas=(_F("learning_rate", "dt*(1 - momentum)"), _F("friction", "1")),
            exact="velocity and diffusion under a constant force",
            small=(_CLOCK,),
            source="Liu, Chen, Zhou and Zhao (2021)",
        ),
    )
}

RULES = {
    record.name: record
    for record in (
        Rule(
            name="dampening",
            formulas=(_F("damped learning rate", "learning_rate*(1 - dampening)"),),
            exact="every step but the first, whose gradient is not damped",
            source="the documentation of torch.optim.SGD, PyTorch 2.13",
        ),
        Rule(
            name="batch_size",
            formulas=(_F("noise of an evaluation", "gradient_noise/sqrt(batch_size)"),),
            exact="examples drawn independently, with replacement",
            source="variance of a mean",
        ),
        Rule(
            name="temperature",
            formulas=(
                _F(
                    "temperature",
                    "learning_rate*gradient_noise**2/(2*batch_size*(1 - momentum))",
                ),
            ),
            exact="the temperature of BBK and SemiImplicitEuler, step by step",
            small=(
                (_F("step on the curvature", "learning_rate*curvature/(2*(1 + momentum))"), 0.1),
                (
                    _F(
                        "look-ahead on the curvature",
                        "look_ahead*learning_rate*curvature/(1 - momentum)",
                    ),
                    0.1,
                ),
            ),
            source="Liu, Chen, Zhou and Zhao (2021), the variance near a minimum",
        ),
        Rule(
            name="look_ahead",
            formulas=(_F("heavy-ball momentum", "momentum - look_ahead*learning_rate*curvature"),),
            exact="quadratics: looking ahead is heavy ball with this momentum",
            source="the recursion on U = curvature x^2/2",
        ),
        Rule(
            name="stationary_variances",
            formulas=(
                _F(
                    "position variance",
                    "learning_rate*gradient_noise**2*(1 + momentum)/(batch_size*curvature"
                    "*(1 - momentum)*(2*(1 + momentum) - learning_rate*curvature))",
                ),
                _F(
                    "displacement variance",
                    "2*learning_rate**2*gradient_noise**2/(batch_size"
                    "*(1 - momentum)*(2*(1 + momentum) - learning_rate*curvature))",
                ),
            ),
            exact="quadratics: heavy ball that draws its gradient noise afresh at every step",
            source="the Lyapunov equation of the recursion",
        ),
        Rule(
            name="cool_momentum",
            formulas=(
                _F("learning rate of heavy ball", "learning_rate*(1 + momentum)/2"),
                _F(
                    "temperature",
                    "learning_rate*gradient_noise**2*(1 + momentum)"
                    "/(batch_size*(1 - momentum)*(4 - learning_rate*curvature))",
                ),
                _F(
                    "gradient_noise",
                    "sqrt(temperature*batch_size*(1 - momentum)*(4 - learning_rate*curvature)"
                    "/(learning_rate*(1 + momentum)))",
                ),
            ),
            exact="quadratics, of position and displacement alike; the learning rate is "
            "CoolMomentum's own",
            source="Borysenko and Byshkin (2021), and the Lyapunov equation of their recursion",
        ),
    )
}


def convention_named(name: Any) -> Convention:
    """The convention of that name; ValueError with all names if there is none."""
    if name not in tuple(CONVENTIONS):  # which takes what cannot be hashed
        raise ValueError(
            f"convention={name!r} is unknown: use one of {', '.join(map(repr, CONVENTIONS))}"
        )
    return CONVENTIONS[name]


def dictionary_table(*, latex: bool = False) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the whole dictionary, one row an entry, as text or with LaTeX formulas.

    Parameters
    ----------
    latex : bool, optional
        Formulas between dollar signs instead of in the code's own names.

    Returns
    -------
    list of str, list of lists of str
        Name, formulas, what is exact, small parameters with their limits, source.
    """

    def written(formula: WrittenFormula) -> str:
        return f"${formula.latex}$" if latex else str(formula)

    rows = []
    for record in (*CONVENTIONS.values(), *RULES.values()):
        small = (f"{written(formula)} <= {limit:g}" for formula, limit in record.small)
        formulas = (written(formula) for formula in record.formulas)
        rows.append(
            [record.name, "; ".join(formulas), record.exact, "; ".join(small), record.source]
        )
    return ["name", "formulas", "exact in it", "small parameters", "source"], rows

"""`ModifiedFlow`: the result of a backward error analysis, to read, to print and to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.dynamics import ItoDiffusion
from langevin_lab.limits.elementary_differentials import Tree, TreeSum
from langevin_lab.limits.flow_arguments import (
    check_formula,
    check_free,
    check_number,
    check_true_gradient,
    checked_mass,
    velocity_names,
)
from langevin_lab.limits.flow_text import aligned, lines, power_text, sum_latex
from langevin_lab.limits.step_regime import check_step

Terms = tuple[tuple[Tree, float], ...]

# Where the trees of a flow live, in words.
_WHERE = {False: "f = -grad U", True: "f = -grad U/mass, v = p/mass"}
_WHERE_LATEX = {False: r"f = -\nabla U", True: r"f = -\nabla U/m,\ v = p/m"}


@dataclass(frozen=True)
class ModifiedFlow:
    """The equation that a method solves up to an error of one order more than is kept.

    x' = X_0(x) + h X_1(x) + ... + h^order X_order(x), h the step, for momentum methods; for words
    the same of (x, v). The X_k are sums of elementary differentials, `TreeSum`.

    Parameters
    ----------
    name : str
        The method.
    order : int
        The highest power of the step.
    drift : tuple of (str, tuple of TreeSum)
        For each component, "x" or "v", its sum for each power of the step.
    symbols : tuple of (str, sympy symbol)
        Keyword of `dynamics` and `field` -> the symbol that it gives a value to; the step first.
    velocity : tuple of TreeSum, optional
        The slow manifold of a momentum method: (x_n - x_(n-1))/h as a function of x_n.
    step : float, optional
        The method's own step, for `dynamics` and `field` where none is given.

    Examples
    --------
    >>> from langevin_lab.limits.momentum_series import modified_flow_of_momentum
    >>> flow = modified_flow_of_momentum(1, momentum=0.5, look_ahead=0)
    >>> flow.coefficient("f'f", 1)          # - lb^2 (lb - a - 1/2) of lb = 1/(1 - 0.5)
    -6
    """

    name: str
    order: int
    drift: tuple[tuple[str, tuple[TreeSum, ...]], ...]
    symbols: tuple[tuple[str, Any], ...]
    velocity: tuple[TreeSum, ...] = ()
    step: float | None = None

    def __post_init__(self) -> None:
        if self.step is not None:
            check_number(*self.symbols[0], self.step)

    @property
    def components(self) -> tuple[str, ...]:
        """("x",), or ("x", "v")."""
        return tuple(name for name, _ in self.drift)

    def series(self, component: str = "x") -> tuple[TreeSum, ...]:
        """The sums of one component by power of the step.

        Parameters
        ----------
        component : {"x", "v", "velocity"}, optional
            "velocity" is the slow manifold of a momentum method.
        """
        known = dict(self.drift) | ({"velocity": self.velocity} if self.velocity else {})
        if component not in known:
            raise ValueError(f"component={component!r} must be one of {', '.join(known)}")
        return known[component]

    def coefficient(self, tree: Tree | str, power: int, component: str = "x") -> Any:
        """The coefficient of a tree at one power of the step, as a sympy expression.

        Parameters
        ----------
        tree : Tree or str
            For example ``"f''(f, f)"``.
        power : int
            0 to order.
        component : {"x", "v", "velocity"}, optional
        """
        series = self.series(component)
        if isinstance(power, bool) or power not in range(self.order + 1):
            raise ValueError(f"power={power!r} must be an integer from 0 to order={self.order}")
        return series[power].coefficient(Tree.parse(tree) if isinstance(tree, str) else tree)

    @property
    def text(self) -> str:
        """The equation in lines of plain text."""
        rows = [f"{self.name} to order {self.order}, {_WHERE[self._has_velocity]}"]
        for name, series in self.drift:
            rows += lines(f"{name}' =", series)
        return "\n".join(rows)

    def __repr__(self) -> str:
        return f"<ModifiedFlow {self.text}>"

    def latex(self) -> str:
        """The equation in an ``aligned`` environment, without dollar signs."""
        rows = [rf"\dot {name} &= {sum_latex(series, self.order)}" for name, series in self.drift]
        return aligned([*rows, rf"&\quad {_WHERE_LATEX[self._has_velocity]}"])

    def velocity_latex(self) -> str:
        """The slow manifold in an ``aligned`` environment, without dollar signs."""
        series = self.series("velocity")
        return aligned([rf"\frac{{x_n - x_{{n-1}}}}{{h}} &= {sum_latex(series, self.order)}"])

    def dynamics(
        self, potential: Any, *, mass: float | tuple[float, ...] | None = None, **numbers: float
    ) -> ItoDiffusion:
        """Return the equation on a potential as a dynamics without noise, compiled like any other.

        The step stays a parameter, so that other steps need no other compilation; the potential's
        parameters stay theirs.

        Parameters
        ----------
        potential : Potential
            From an expression, smooth.
        mass : float or sequence of shape (dim,), optional
            Of a word, > 0; 1 by default.
        **numbers : float
            A value for each symbol that occurs: learning_rate, momentum, look_ahead of momentum
            methods, dt and friction of words and of Euler-Maruyama.

        Returns
        -------
        ItoDiffusion
            Of the potential's variables x, y, ... and, for words, the velocities v (one
            coordinate) or v_x, v_y, ...; `integrators.solve_flow` solves it to a tolerance.

        Warns
        -----
        OutsideRegimeWarning
            If learning_rate curvature inertia/(1 - momentum)^2 > 0.1, for words dt^2 curvature/mass
            or friction dt > 1, for Euler-Maruyama dt curvature/friction > 0.2, on the largest
            curvature of the known minima.

        Raises
        ------
        TypeError
            If the potential is no formula, or a number is none.
        ValueError
            If numbers are missing, unknown or out of range; if the gradient is drawn, the potential
            not smooth or too long, or a name is taken.

        Examples
        --------
        >>> import langevin_lab as ll
        >>> from langevin_lab.limits.splitting_series import modified_flow_of_word
        >>> U = ll.potentials.harmonic()
        >>> modified_flow_of_word("BAB", 2).dynamics(U, dt=0.1).drift
        ('v + dt**2*(stiffness*v/6)', '-stiffness*x + dt**2*(stiffness**2*x/12)')
        """
        from langevin_lab.limits.tree_formulas import TreeFormulas

        check_formula(potential)
        values, masses = self._values(numbers), self._masses(mass, potential.dim)
        self._check_regime(potential, values, masses)
        velocities = velocity_names(potential) if self._has_velocity else ()
        step_name = self._step_name
        check_free(potential, (*velocities, step_name))
        formulas = TreeFormulas(potential, velocities, masses)
        drift = []
        for _, series in self.drift:
            terms = [(power, *term) for power, term in self._numbered(series, values)]
            steps = [power_text(step_name, power) for power, _, _ in terms]
            drift += formulas.texts([(tree, number) for _, tree, number in terms], steps)
        parameters = dict(potential.parameters)
        if any(step_name in text for text in drift):
            parameters[step_name] = values[step_name]
        names = (*potential.variables, *velocities)
        return ItoDiffusion.from_drift(drift, noise="0", variables=names, parameters=parameters)

    def field(
        self, potential: Any, *, mass: float | tuple[float, ...] | None = None, **numbers: float
    ) -> Callable[[Any], np.ndarray]:
        """Return the right-hand side as a function over arrays, for any potential.

        Parameters
        ----------
        potential : Potential
            Also in array form; its derivatives up to the order + 1 are evaluated as tensors, whose
            size grows as dim^(order + 1).
        mass, **numbers
            As of `dynamics`.

        Returns
        -------
        function
            State -> rate of change, both (..., dim) with positions, for words (..., 2 dim) with
            positions and then velocities.

        Warns
        -----
        OutsideRegimeWarning
            As `dynamics`.

        Raises
        ------
        TypeError, ValueError
            As `dynamics`, but for what it says of formulas.
        """
        return self._function(dict(self.drift), potential, mass, numbers)

    def slow_velocity(self, potential: Any, **numbers: float) -> Callable[[Any], np.ndarray]:
        """Return the slow manifold as a function over arrays, positions (..., dim) -> (..., dim).

        A momentum method that starts at x with the previous position x - h v(x) has no fast mode up
        to the order.

        Parameters
        ----------
        potential, **numbers
            As of `field`.

        Raises
        ------
        ValueError
            If the method has no slow manifold.
        """
        if not self.velocity:
            raise ValueError(
                f"{self.name} moves its velocity by itself and has no slow manifold; use field"
            )
        return self._function({"velocity": self.velocity}, potential, None, numbers)

    @property
    def _has_velocity(self) -> bool:
        return "v" in self.components

    @property
    def _step_name(self) -> str:
        return self.symbols[0][0]

    def _function(self, components, potential, mass, numbers) -> Callable[[Any], np.ndarray]:
        from langevin_lab.limits.tree_values import state_function

        check_true_gradient(potential)
        values, masses = self._values(numbers), self._masses(mass, potential.dim)
        self._check_regime(potential, values, masses, stacklevel=5)
        step = values.get(self._step_name, 0.0)
        terms: dict[str, Terms] = {
            name: tuple(
                (tree, float(number) * step**power)
                for power, (tree, number) in self._numbered(series, values)
            )
            for name, series in components.items()
        }
        return state_function(potential, terms, has_velocity=self._has_velocity, mass=masses)

    def _numbered(self, series, values) -> list[tuple[int, tuple[Tree, Any]]]:
        """(power, (tree, coefficient as an exact number)) of every term."""
        import sympy

        # As decimals print, so that fractions stay short: 0.9 is 9/10.
        substitution = {
            symbol: sympy.Rational(repr(values[name]))
            for name, symbol in self.symbols
            if name in values
        }
        return [
            (power, (tree, coefficient.subs(substitution)))
            for power, total in enumerate(series)
            for tree, coefficient in total.terms
        ]

    def _check_regime(
        self, potential: Any, values: dict[str, float], mass: Any, *, stacklevel: int = 4
    ) -> None:
        """Warn at the user's line if the step is too long for the known minima."""
        from langevin_lab.limits.flow_regime import flow_regime

        curvature = potential.max_curvature()
        if curvature is not None and curvature > 0:
            parameters = flow_regime(self, curvature, values, mass)
            asked = f"the modified equation of {self.name} on {potential.name}"
            check_step(parameters, asked, stacklevel=stacklevel)

    def _values(self, numbers: Mapping[str, Any]) -> dict[str, float]:
        """A number for every symbol that occurs, by keyword."""
        symbols = dict(self.symbols)
        given = {self._step_name: self.step} if self.step is not None else {}
        given |= numbers
        for name, value in given.items():
            if name not in symbols:
                raise ValueError(
                    f"{name}={value!r} is not open in the equation of {self.name}; "
                    f"open are {', '.join(symbols)}"
                )
            check_number(name, symbols[name], value)
        missing = [name for name in self._needed() if name not in given]
        if missing:
            raise ValueError(
                f"the modified equation of {self.name} needs {missing[0]}: give {missing[0]}=..."
            )
        return {name: float(value) for name, value in given.items()}

    def _needed(self) -> list[str]:
        every = [*dict(self.drift).values(), self.velocity]
        used = {
            symbol
            for series in every
            for total in series
            for _, coefficient in total.terms
            for symbol in coefficient.free_symbols
        }
        steps = any(total for series in every for total in series[1:])
        return [
            name
            for index, (name, symbol) in enumerate(self.symbols)
            if symbol in used or (index == 0 and steps)
        ]

    def _masses(self, mass: Any, dim: int) -> Any:
        if mass is None:
            return 1.0
        if not self._has_velocity:
            raise ValueError(f"mass={mass!r}, but {self.name} has none; leave it out")
        return checked_mass(mass, dim)

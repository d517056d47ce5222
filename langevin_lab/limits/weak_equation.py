"""The modified equation of a stochastic method, in the weak sense: result and its uses.

Where the step's law is that of exp(h L_h), L_h = L + h L_1 + h^2 L_2 + O(h^3) (derived in
`weak_generator`), averages E f of the equation with generator L_h, cut after h^k, differ from
those of the method by O(h^(k+1)) at a fixed time, those of the original equation by O(h) or, for
symmetric words, O(h^2).

Source: Zygalakis (2011); Abdulle, Vilmart and Zygalakis (2014); Leimkuhler and Matthews (2015),
chapter 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langevin_lab.dynamics import ItoDiffusion
from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method
from langevin_lab.limits.composition import HIGHEST_ORDER

if TYPE_CHECKING:
    from langevin_lab.limits.stationary_correction import StationaryCorrection

__all__ = ["WeakModifiedEquation", "weak_modified_equation", "weak_scheme"]

WORD_LETTERS = frozenset("ABCNOU")


@dataclass(frozen=True)
class WeakModifiedEquation:
    """The generator L + h L_1 + ... + h^order L_order whose semigroup follows the method.

    Symbols: x, p, m (mass), gamma (friction), T (temperature), h (time step), U(x). In overdamped
    equations the mobility is 1/gamma.

    Attributes
    ----------
    method : str
        "EulerMaruyama" or a splitting word.
    order : int
        The last power of h that is kept: 0, 1 or 2.
    equation : {"overdamped", "langevin"}
    generators : tuple of Operator
        L, L_1, ..., L_order, with coefficients in x and p.
    """

    method: str
    order: int
    equation: str
    generators: tuple[Any, ...]

    @property
    def generator(self) -> Any:
        """L + h L_1 + ... + h^order L_order."""
        from langevin_lab.limits.weak_generator import STEP

        return sum((d * STEP**k for k, d in enumerate(self.generators[1:], 1)), self.generators[0])

    @property
    def drift(self) -> tuple[Any, ...]:
        """Coefficients of d_x, or of d_x and d_p, as expressions with h."""
        total = self.generator
        along_x, along_p = total.coefficient(1), total.coefficient(0, 1)
        return (along_x,) if self.equation == "overdamped" else (along_x, along_p)

    @property
    def diffusion(self) -> Any:
        """D of the second-order part ``D:grad grad``, over x or over x and p, with h."""
        import sympy

        total = self.generator
        if self.equation == "overdamped":
            return sympy.Matrix([[total.coefficient(2)]])
        mixed = total.coefficient(1, 1) / 2
        return sympy.Matrix([[total.coefficient(2), mixed], [mixed, total.coefficient(0, 2)]])

    @cached_property
    def obstruction(self) -> str:
        """Why no stochastic equation has this generator; "" if one has.

        The modified Fokker-Planck equation, and what is derived from it, exists all the same.
        """
        from langevin_lab.limits.modified_noise import obstruction

        return obstruction(self.generators)

    @cached_property
    def noise(self) -> Any:
        """B of the stochastic equation over x, or over x and v = p/m; B B^T = 2 D up to h^order.

        Raises
        ------
        ValueError
            If there is no such equation: see `obstruction`.
        """
        from langevin_lab.limits.modified_noise import noise_factor

        if self.obstruction:
            raise ValueError(
                f"method={self.method!r} has no modified stochastic equation at order="
                f"{self.order}: {self.obstruction}; its generator and stationary_correction exist"
                + ("" if self.order < 2 else ", or use order=1")
            )
        return noise_factor(self.generators)

    @cached_property
    def effective_potential(self) -> tuple[Any, ...]:
        """(U_1, ...): the method's stationary density is exp(-(U + h U_1 + ...)/T); overdamped.

        Each up to a constant; a part without an antiderivative in U', U'', ... is an integral.

        Raises
        ------
        ValueError
            If the equation has momenta: use `high_friction_potential` or `stationary_correction`.
        """
        from langevin_lab.limits.local_density import effective_potential

        if self.equation != "overdamped":
            raise ValueError(
                f"method={self.method!r} has momenta, and in general no effective potential in "
                "closed form; use high_friction_potential, or stationary_correction(potential, ...)"
            )
        return effective_potential(self.generators)

    def high_friction_potential(self, last: int = 2) -> Any:
        """Derive U_k of the density of positions exp(-(U + h^k U_k)/T) as a series in 1/gamma.

        k is the first power whose correction is not 0. For gamma h small and gamma large.

        Parameters
        ----------
        last : int, optional
            The last power of 1/gamma, >= 0.

        Returns
        -------
        sympy expression
            Up to a constant; what has no antiderivative in U', U'', ... stays an integral.

        Raises
        ------
        ValueError
            If the equation is overdamped, all corrections that it holds vanish, or last < 0.

        Examples
        --------
        >>> weak_modified_equation("BAOAB").high_friction_potential(1)
        0
        """
        from langevin_lab.limits.high_friction import configurational_potential

        if self.equation != "langevin":
            raise ValueError(
                f"method={self.method!r} has no momenta; its effective_potential holds at any "
                "friction"
            )
        if last not in range(100):
            raise ValueError(f"last={last!r} must be an integer >= 0, the last power of 1/gamma")
        present = [generator for generator in self.generators[1:] if generator.terms]
        if not present:
            raise ValueError(
                f"order={self.order} of {self.method!r} holds no correction that is not 0; use "
                "order=2"
            )
        return configurational_potential(present[0], last)

    @cached_property
    def density_correction(self) -> tuple[Any, ...] | None:
        """(g_1, ...): rho (1 + h g_1 + h^2 g_2) is stationary, to be normalised; None if not local.

        rho is the Gibbs density; "local" means a polynomial in p, U, U', U'', ...
        """
        from langevin_lab.limits import local_density

        if self.equation == "langevin":
            return local_density.local_corrections(self.generators)
        return local_density.effective_corrections(self.generators)

    @cached_property
    def harmonic_density_correction(self) -> tuple[Any, ...]:
        """(g_1, ...) on U = k x^2/2 with a symbol k, each of mean zero under the Gibbs law."""
        from langevin_lab.limits.local_density import quadratic_corrections

        return quadratic_corrections(self.generators)

    @property
    def text(self) -> str:
        """Drift and diffusion in lines of plain text, and why there is no equation if so."""
        from langevin_lab.limits.weak_latex import equation_text

        return equation_text(self)

    def __repr__(self) -> str:
        return f"<WeakModifiedEquation {self.text}>"

    def latex(self) -> str:
        """The stochastic equation as LaTeX without dollar signs; the generator if there is none."""
        from langevin_lab.limits.weak_latex import equation_latex, generator_latex

        return generator_latex(self) if self.obstruction else equation_latex(self)

    def dynamics(
        self, potential: Any, *, dt: float, temperature: float, friction: float, mass: float = 1.0
    ) -> ItoDiffusion:
        """Return the modified stochastic equation at one time step, for `ll.simulate`.

        Parameters
        ----------
        potential : Potential
            One coordinate, from an expression.
        dt : float
            The method's time step h > 0; the equation is run with any other.
        temperature, friction : float
            > 0, as in the dynamics that the method solves.
        mass : float, optional
            Langevin dynamics only.

        Returns
        -------
        ItoDiffusion
            Over the potential's coordinate, and for words over (x, v) with v = p/mass the
            velocity; its parameters are modified_dt (the method's), temperature, friction, mass.

        Warns
        -----
        OutsideRegimeWarning
            On the largest curvature of the known minima: overdamped if dt curvature/friction > 0.2,
            else if dt^2 curvature/mass or friction dt > 1.

        Raises
        ------
        ValueError
            If there is no such equation (see `obstruction`), a number is not > 0, the potential
            has not one coordinate or is not smooth.
        TypeError
            If the potential has no formula.
        """
        from langevin_lab.limits.weak_dynamics import modified_dynamics

        return modified_dynamics(self, potential, dt, temperature, friction, mass)

    def stationary_correction(
        self,
        potential: Any,
        *,
        temperature: float,
        friction: float,
        mass: float = 1.0,
        degree: int | tuple[int, int] | None = None,
    ) -> StationaryCorrection:
        """Compute what the time step does to the stationary law, power by power.

        Parameters
        ----------
        potential : Potential
            One coordinate, confining. Its derivatives are asked for, to U''' for words and to
            U^(5) for Euler-Maruyama at order 2: give it as an expression, for those of compiled
            functions are finite differences.
        temperature, friction, mass : float
            > 0, as in `dynamics`.
        degree : int or (int, int), optional
            Of the polynomials in x, or in x and p; by default (36, 24). Low friction and high
            barriers need more: the errors of the result tell.

        Returns
        -------
        StationaryCorrection
            Predicted bias of any average.

        Raises
        ------
        ValueError
            If the order is 0, a degree is below 6, a number is not > 0, the potential has not one
            coordinate or does not confine, or its gradient is drawn.

        Examples
        --------
        >>> import langevin_lab as ll
        >>> correction = weak_modified_equation("OBABO").stationary_correction(
        ...     ll.potentials.harmonic(), temperature=1.0, friction=1.0)
        >>> round(correction.coefficient(lambda x: x**2, 2).value, 10)
        0.25
        """
        from langevin_lab.limits.stationary_correction import stationary_correction

        return stationary_correction(
            self, potential, temperature=temperature, friction=friction, mass=mass, degree=degree
        )


def weak_modified_equation(method: str | Method, order: int = 2) -> WeakModifiedEquation:
    """Derive the weak modified equation of a stochastic method on a general potential U(x).

    Parameters
    ----------
    method : str or Method
        "EulerMaruyama" (overdamped), or a splitting word for Langevin dynamics with noise: over
        A, B and O, or C and N, or U.
    order : int, optional
        The last power of the time step to keep: 0, 1 or 2.

    Returns
    -------
    WeakModifiedEquation

    Raises
    ------
    ValueError
        If order is not 0, 1 or 2, the method draws no normals, or is neither of these.

    Source
    ------
    Zygalakis (2011); Leimkuhler and Matthews (2015), chapter 7.

    Examples
    --------
    >>> weak_modified_equation("EulerMaruyama", 1).effective_potential
    (T*Derivative(U(x), (x, 2))/(2*gamma) - Derivative(U(x), x)**2/(4*gamma),)
    """
    from langevin_lab.limits.weak_generator import euler_maruyama_generators, word_generators

    scheme = weak_scheme(method, order)
    overdamped = scheme.properties.equation == "overdamped"
    generators = euler_maruyama_generators() if overdamped else word_generators(scheme.name)
    return WeakModifiedEquation(
        scheme.name, int(order), scheme.properties.equation, generators[: int(order) + 1]
    )


def weak_scheme(method: str | Method, order: int) -> Method:
    """The method, if a weak modified equation of that order can be derived; else ValueError."""
    if isinstance(order, bool) or order not in range(HIGHEST_ORDER + 1):
        raise ValueError(
            f"order={order!r}: weak modified generators are derived for order 0, 1 and 2"
        )
    scheme = find_method(method)
    if scheme.name == "EulerMaruyama" and scheme.properties.equation == "overdamped":
        return scheme
    if scheme.properties.equation != "langevin" or not set(scheme.name) <= WORD_LETTERS:
        raise ValueError(
            f"method={scheme.name!r} for {scheme.properties.equation} dynamics is no composition "
            "of the sub-flows A, B, O, C, N, U; weak modified equations are derived for such words "
            "and for 'EulerMaruyama'"
        )
    if scheme.n_normals == 0:
        raise ValueError(
            f"method={scheme.name!r} draws no normals, so its modified equation is an ordinary "
            "one; use a word with O for a weak modified equation"
        )
    return scheme

"""E f(z_1) of real steps by Gauss-Hermite quadrature, and its power series from a generator."""

import numpy as np
import sympy
from numpy.polynomial.hermite_e import hermegauss

import langevin_lab as ll
from langevin_lab.limits.differential_polynomials import ENERGY
from langevin_lab.limits.operators import MOMENTUM, POSITION
from langevin_lab.limits.weak_generator import FRICTION, MASS, TEMPERATURE

POTENTIAL = ll.Potential.from_expression("x**4/4 + x**3/5 + x**2/2")
NUMBERS = {"temperature": 0.7, "friction": 1.3, "mass": 1.6}
START = (0.6, -0.8)


def is_of_order(found, expected, width=0.1):
    """Whether the order's interval holds the integer and is at most that wide to either side."""
    low, high = found.interval()
    return expected - width < low <= expected <= high < expected + width


def dynamics_of(method):
    if method.properties.equation == "overdamped":
        return ll.Overdamped(POTENTIAL, temperature=0.7, friction=1.3)
    return ll.Langevin(POTENTIAL, **NUMBERS)


def observables(x, p):
    """Monomials; their errors together do not vanish at some step by accident."""
    return (x**2, x**4, x**5) if p is None else (x, p, x**2, x * p, p**2, x**3)


def average_after_step(name, dt, n_nodes=20):
    """E f(z_1) from START by the method's own step, for all observables; exact up to rounding."""
    method = ll.integrators.method(name)
    dynamics = dynamics_of(method)
    nodes, weights = hermegauss(n_nodes)
    grids = np.meshgrid(*[nodes] * method.n_normals, indexing="ij")
    normals = np.array([grid.ravel()[:, None] for grid in grids])
    total = np.ones(1)
    for _ in range(method.n_normals):
        total = np.multiply.outer(total, weights / weights.sum()).ravel()
    start = {key: np.full_like(normals[0], z) for key, z in zip(method.state_names, START)}
    state = method.carried_state(start, POTENTIAL.gradient)
    after = method.step(state, normals, method.coefficients(dynamics, dt), POTENTIAL.gradient)
    return np.array([total @ f[:, 0] for f in observables(after["x"], after.get("p"))])


def series_of_semigroup(generators, function):
    """Coefficients of exp(h (L + h L_1 + ...)) f at START, up to h^(order + 1)."""
    images = [sympy.sympify(function)]
    # n! times the nth term: chains of n generators whose orders add up.
    chains = {0: images[0]}
    total = dict.fromkeys(range(len(generators) + 1), sympy.Integer(0)) | {0: images[0]}
    for n in range(1, len(generators) + 1):
        following = {}
        for power, image in chains.items():
            for k, generator in enumerate(generators):
                if power + k + 1 <= len(generators):
                    following.setdefault(power + k + 1, 0)
                    following[power + k + 1] += generator(image)
        chains = following
        for power, image in chains.items():
            total[power] += image / sympy.factorial(n)
    return [at_start(total[k]) for k in sorted(total)]


def at_start(expression):
    """The value at START on POTENTIAL."""
    energy = sympy.sympify(POTENTIAL.text, {"x": POSITION})
    numbers = {TEMPERATURE: 0.7, FRICTION: 1.3, MASS: 1.6}
    explicit = sympy.sympify(expression).subs(ENERGY, energy).doit()
    return float(explicit.subs({**numbers, POSITION: START[0], MOMENTUM: START[1]}))

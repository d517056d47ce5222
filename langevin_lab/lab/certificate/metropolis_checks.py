"""Check of a method that accepts or rejects: the Gibbs law stays, by quadrature.

From the Gibbs law of the unit well, (x, p) standard normal, averages after one step are those
before it. Friction is finite, so that it matters how a rejected momentum turns, which <x p> alone
sees (what is wrong without the turn is odd in p), and what noise the last O adds, which <p^2> sees.

Along x and the first normal the integrand has kinks, where the acceptance reaches 1: many nodes.
Averaged over these it is smooth in the momentum at the start, and after the acceptance the second
normal enters as a polynomial: few Gauss-Hermite nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.subject import Subject, Well

_QUADRATURE = 1e-6  # of kinks in the acceptance; 3 % of its temperature make 1e-5 and more
_N_MOMENTA = 16
_N_LAST = 2  # exact up to the third power of a normal
_DAMPING = 1.4  # friction dt: half of a momentum outlives each O

_POSITION = {"<x^2>": lambda x: x**2}
_PHASE = {
    "<x^2>": lambda x, p: x**2,
    "<p^2>": lambda x, p: p**2,
    "<x p>": lambda x, p: x * p,
    "<x^2 p^2>": lambda x, p: x**2 * p**2,
}


def metropolis(subject: Subject) -> Iterator[Check]:
    """Cost of a step, and the Gibbs law before and after one at several steps."""
    yield _cost(subject.method)
    for dt in (0.2, 1.0, 1.8):
        changes = changes_of_averages(subject, dt)
        error = max(map(abs, changes.values()))
        statement = f"Gibbs law kept at dt = {dt:g}: change of {', '.join(changes)}"
        yield held(statement, "0", f"{error:.0e}", error < _QUADRATURE)


def _cost(method: Any) -> Check:
    """Gradients and normals that a step uses, against the record."""
    calls: list[np.ndarray] = []

    def gradient(x):
        calls.append(x)
        return x

    state = method.carried_state({"x": np.ones(1), "p": np.ones(1)}, gradient, Well().energy)
    calls.clear()
    method.step(
        state, np.ones((method.n_normals, 1)), method.coefficients(_hot_well(method, 0.1), 0.1),
        gradient, energy=Well().energy, scalar_normals=np.ones((2, 1)),
    )  # fmt: skip
    stated = method.properties
    expected = f"{stated.gradients_per_step}, {stated.normals_per_step}"
    found = f"{len(calls)}, {method.n_normals}"
    return held("gradients and normals a step", expected, found, expected == found)


def changes_of_averages(subject: Subject, dt: float) -> dict[str, float]:
    """Averages after a step minus those of the Gibbs law that it starts from.

    Parameters
    ----------
    subject : Subject
        Of a method that accepts or rejects.
    dt : float

    Returns
    -------
    dict of str to float
        By the average's name.
    """
    from langevin_lab.integrators.metropolis import outcomes

    method = subject.method
    names = ("x", "p") if subject.has_momenta else ("x",)
    values, weight = _gibbs_grid(subject)
    state = {name: values.pop(name) for name in names}
    normals = np.stack([values.pop(f"n{index}") for index in range(method.n_normals)])
    numbers = method.coefficients(_hot_well(method, dt), dt)
    ends = outcomes(method, state, normals, numbers, lambda x: x, Well().energy)
    accept = np.exp(-np.maximum(ends.energy_error, 0.0))
    functions: Any = _PHASE if subject.has_momenta else _POSITION

    def average(function: Any) -> float:
        before, taken, refused = (
            function(*(where[name] for name in names))
            for where in (state, ends.accepted, ends.rejected)
        )
        change = accept * taken + (1.0 - accept) * refused - before
        return float(np.sum(weight * np.broadcast_to(change, weight.shape)))

    return {name: average(function) for name, function in functions.items()}


def _hot_well(method: Any, dt: float) -> Any:
    """Unit temperature; with momenta, of a friction by which a step forgets half of them twice."""
    from langevin_lab import dynamics

    if method.properties.equation == "langevin":
        return dynamics.Langevin(Well(), temperature=1.0, friction=_DAMPING / dt)
    return dynamics.Overdamped(Well(), temperature=1.0)


def _gibbs_grid(subject: Subject) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Nodes of the state and the normals, and their weights, all of shape (n, 1)."""
    axes = {"x": _dense(), "n0": _dense()}
    if subject.has_momenta:
        axes["p"] = _hermite(_N_MOMENTA)
    for index in range(1, subject.method.n_normals):
        axes[f"n{index}"] = _hermite(_N_LAST)
    nodes = np.meshgrid(*(nodes for nodes, _ in axes.values()), indexing="ij")
    weight = np.ones(())
    for _, own in axes.values():
        weight = np.multiply.outer(weight, own)
    values = {name: grid.reshape(-1, 1) for name, grid in zip(axes, nodes, strict=True)}
    return values, weight.reshape(-1, 1)


def _dense() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for a standard normal; the integrand has kinks."""
    nodes = np.linspace(-7.0, 7.0, 201)
    weight = np.exp(-(nodes**2) / 2)
    return nodes, weight / weight.sum()


def _hermite(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a smooth integrand."""
    nodes, weight = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weight / weight.sum()

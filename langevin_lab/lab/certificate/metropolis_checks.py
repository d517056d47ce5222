"""Check of a method that accepts or rejects: the Gibbs law stays, by quadrature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from langevin_lab.lab.certificate.record import Check, held
from langevin_lab.lab.certificate.subject import Subject, Well

_QUADRATURE = 1e-6  # of kinks in the acceptance; 3 % of its temperature make 1e-5 and more


def metropolis(subject: Subject) -> Iterator[Check]:
    """Cost of a step, and the Gibbs law before and after one at several steps."""
    from langevin_lab.integrators.metropolis import outcomes

    method = subject.method
    calls: list[np.ndarray] = []

    def gradient(x):
        calls.append(x)
        return x

    def change(dt: float) -> float:
        """<x^2> after a step minus before, by quadrature; momenta are drawn in the step."""
        grid, weight = _gaussian_grid()
        normals = np.broadcast_to(grid[:, None], (method.n_normals, len(grid), len(grid), 1))
        x = np.broadcast_to(grid[:, None, :], normals.shape[1:])
        numbers = method.coefficients(_hot_well(method), dt)
        state = {"x": x, "p": np.zeros_like(x)}
        ends = outcomes(method, state, normals.swapaxes(1, 2), numbers, gradient, Well().energy)
        accept = np.exp(-np.maximum(ends.energy_error, 0.0))
        moved = accept * (ends.accepted["x"] ** 2 - x**2)
        return float(np.sum(weight[:, None] * weight * moved[..., 0]))

    state = method.carried_state({"x": np.ones(1), "p": np.ones(1)}, gradient, Well().energy)
    calls.clear()
    method.step(
        state, np.ones((method.n_normals, 1)), method.coefficients(_hot_well(method), 0.1),
        gradient, energy=Well().energy, scalar_normals=np.ones((2, 1)),
    )  # fmt: skip
    stated = method.properties
    expected = f"{stated.gradients_per_step}, {stated.normals_per_step}"
    found = f"{len(calls)}, {method.n_normals}"
    yield held("gradients and normals a step", expected, found, expected == found)
    for dt in (0.2, 1.0, 1.8):
        error = abs(change(dt))
        statement = f"Gibbs law kept at dt = {dt:g}: change of <x^2>"
        yield held(statement, "0", f"{error:.0e}", error < _QUADRATURE)


def _hot_well(method: Any) -> Any:
    """Unit temperature; friction so strong that a step draws its momentum, which is Gibbs' too."""
    from langevin_lab import dynamics

    if method.properties.equation == "langevin":
        return dynamics.Langevin(Well(), temperature=1.0, friction=np.inf)
    return dynamics.Overdamped(Well(), temperature=1.0)


def _gaussian_grid() -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n, 1) and weights (n,) for a standard normal; the integrand has kinks."""
    nodes = np.linspace(-8.0, 8.0, 401)
    weight = np.exp(-(nodes**2) / 2)
    return nodes[:, None], weight / weight.sum()

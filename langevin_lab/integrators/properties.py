"""The record that every method carries: what it claims, in one place.

Documentation tables, ``langevin-lab check`` and the parametrised tests all read this record, so
nothing about a method is stated twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Claims of a method, each of them tested.

    Parameters
    ----------
    name : str
        The method's name or splitting word.
    equation : str
        "langevin", "overdamped", "adaptive", "partitioned", "nose_hoover" or "ito": the dynamics
        that it discretises; "descent" of an optimiser.
    strong_order, weak_order : float
        Orders in dt of the path and of the law at a fixed time, for additive noise; of Itô
        diffusions for noise that depends on the position.
    configurational_order : float
        Order in dt of the stationary averages of functions of position; nan for a method without
        noise, which has no stationary law, inf for one that keeps the Gibbs law exactly.
    gradients_per_step : int
        Gradient evaluations a step; a stored gradient is never computed twice.
    normals_per_step : int
        Standard normals a step and coordinate.
    stability_limit : float
        Largest stable ``omega dt`` ("langevin", omega = sqrt(curvature/mass), friction -> 0) or
        ``curvature dt / friction`` ("overdamped", "ito" without its noise) on a harmonic well, of
        an optimiser learning rate times curvature;
        inf where every dt is stable, nan for a drift that has no potential.
    source : str
        Author, year, equation.
    linear : bool, optional
        Whether a step on a quadratic potential is linear in the state and the normals; not if it
        is accepted or rejected.
    """

    name: str
    equation: str
    strong_order: float
    weak_order: float
    configurational_order: float
    gradients_per_step: int
    normals_per_step: int
    stability_limit: float
    source: str
    linear: bool = True


def order_text(order: float) -> str:
    """An order as tables print it: "2", "0.5", "exact" (inf), and "-" where there is none (nan)."""
    if math.isinf(order):
        return "exact"
    return "-" if math.isnan(order) else f"{order:g}"

"""Observables of a state, from a text such as ``"x**2"`` or from a function of x, p or both."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.evidence.reference_path import State


def state_observable(observable: Any, dynamics: Any) -> Callable[[State], np.ndarray]:
    """``observable`` as a function of a state of (..., dim) arrays, one value a state.

    Parameters
    ----------
    observable : str or callable
        An expression over the potential's variables, and ``p`` (``p_x``, ... in several
        dimensions) with momenta; or f(x), f(p), f(x, p) by the names of its arguments, which get
        arrays of shape (...) in one dimension, else (..., dim).

    Raises
    ------
    TypeError, ValueError
        If it is neither, or uses what the state does not hold.
    """
    if isinstance(observable, str):
        return _of_text(observable, dynamics)
    if not callable(observable):
        raise TypeError(
            f"observable={observable!r} must be an expression such as 'x**2' or a function"
        )
    known = ("x", "p") if dynamics.momenta else ("x",)
    names = tuple(inspect.signature(observable).parameters)
    if not names or not set(names) <= set(known):
        raise ValueError(f"observable takes {names}; name its arguments after {known}")
    flat = dynamics.dim == 1

    def value(state: State) -> np.ndarray:
        arrays = {name: state[name][..., 0] if flat else state[name] for name in names}
        return np.asarray(observable(**arrays), dtype=float)

    return value


def _of_text(text: str, dynamics: Any) -> Callable[[State], np.ndarray]:
    from langevin_lab.ensemble.moments import momentum_name
    from langevin_lab.potentials.expression import parse_expression

    variables = getattr(dynamics.potential, "variables", None)
    if variables is None:
        variables = ("x",) if dynamics.dim == 1 else tuple(f"x{k}" for k in range(dynamics.dim))
    places = {name: ("x", k) for k, name in enumerate(variables)}
    if dynamics.momenta:
        places |= {momentum_name(variables, k): ("p", k) for k in range(dynamics.dim)}
    expression = parse_expression(text, tuple(places))

    def value(state: State) -> np.ndarray:
        values = {name: state[kind][..., k] for name, (kind, k) in places.items() if kind in state}
        result = expression.evaluate(values)
        return np.broadcast_to(result, state["x"].shape[:-1])

    return value

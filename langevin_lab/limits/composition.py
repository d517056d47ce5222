"""The generator of a composition, as a power series in the step.

    exp(h X_1) exp(h X_2) ... exp(h X_n) = exp(h (Z_0 + h Z_1 + h^2 Z_2 + ...))
    I + h P_1 + h^2 P_2 + h^3 P_3 + ...  = exp(h (Z_0 + h Z_1 + h^2 Z_2 + ...))

The first by the Baker-Campbell-Hausdorff series, factor after factor; the second by the series of
the logarithm. Both take elements of any associative algebra with ``@`` as its product: the
operators of `operators`, numpy arrays, sympy matrices. Source: Hairer, Lubich and Wanner (2006),
section III.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["HIGHEST_ORDER", "generator_of_flows", "generator_of_series"]

HIGHEST_ORDER = 2


def generator_of_flows(flows: Sequence[Any]) -> tuple[Any, Any, Any]:
    """(Z_0, Z_1, Z_2) of a product of exponentials, factors from left to right.

    Parameters
    ----------
    flows : non-empty sequence
        X_1, X_2, ..., each already multiplied by its share of the step.
    """
    first = flows[0]
    second = third = first * 0
    for flow in flows[1:]:
        bracket = _commutator(first, flow)
        outer = _commutator(first, bracket) - _commutator(flow, bracket)
        third = third + _commutator(second, flow) / 2 + outer / 12
        second = second + bracket / 2
        first = first + flow
    return first, second, third


def generator_of_series(coefficients: Sequence[Any]) -> tuple[Any, Any, Any]:
    """(Z_0, Z_1, Z_2) of the one-step operator I + h P_1 + h^2 P_2 + h^3 P_3.

    Parameters
    ----------
    coefficients : sequence of three elements
        P_1, P_2, P_3.
    """
    one, two, three = coefficients
    square = one @ one
    return one, two - square / 2, three - (one @ two + two @ one) / 2 + square @ one / 3


def _commutator(a: Any, b: Any) -> Any:
    return a @ b - b @ a

"""Where a modified flow means something: the small parameters of its series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_lab.limits.elementary_differentials import Tree
from langevin_lab.limits.regime import SmallParameter
from langevin_lab.limits.step_regime import step_regime

if TYPE_CHECKING:
    from langevin_lab.limits.backward_error import ModifiedFlow

_LARGEST = 0.1  # beyond, a second correction is above 1 % and the series may diverge


def flow_regime(
    flow: ModifiedFlow, curvature: float, values: dict[str, float], mass: Any
) -> tuple[SmallParameter, ...]:
    """Those of words and Euler-Maruyama, or of a momentum method that keeps a correction."""
    if "v" in flow.components:
        return step_regime(
            "langevin", values.get("dt", 0.0), curvature=curvature, mass=float(np.min(mass)),
            friction=values.get("friction", 0.0),
        )  # fmt: skip
    if "friction" in values:
        return step_regime(
            "overdamped", values.get("dt", 0.0), curvature=curvature, friction=values["friction"]
        )
    if flow.order == 0:
        return ()
    terms = {(power, tree): c for power, (tree, c) in flow._numbered(flow.series("x"), values)}
    # -inertia/(1 - momentum)^3 over 1/(1 - momentum), whether these are symbols or numbers.
    ratio = float(terms.get((1, Tree.parse("f'f")), 0.0) / terms[0, Tree("f")])
    return (
        SmallParameter(
            name="ratio of clocks", formula="learning_rate curvature inertia/(1 - momentum)^2",
            value=abs(ratio) * values.get("learning_rate", 0.0) * curvature, limit=_LARGEST,
        ),
    )  # fmt: skip

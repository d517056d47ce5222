"""Evidence: numbers with error bars, convergence orders, and claims that can be refuted.

An `Estimate` carries its standard error, a `Claim` holds a prediction against an estimate, and
`judge` gives the verdicts of a whole family of claims at one false-alarm rate. `convergence`
measures the order of a method.
"""

from langevin_lab.evidence.brownian_path import BrownianPath, brownian_path
from langevin_lab.evidence.claim import Claim
from langevin_lab.evidence.convergence_study import ConvergenceStudy, convergence
from langevin_lab.evidence.estimate import Estimate
from langevin_lab.evidence.families import Verdict, judge
from langevin_lab.evidence.observed_order import OrderEstimate, order
from langevin_lab.evidence.path_normals import PathNormal
from langevin_lab.evidence.prediction import AtLeast, AtMost, Between, Order
from langevin_lab.evidence.resampling import jackknife, ratio_of_means

__all__ = [
    "AtLeast",
    "AtMost",
    "Between",
    "BrownianPath",
    "Claim",
    "ConvergenceStudy",
    "Estimate",
    "Order",
    "OrderEstimate",
    "PathNormal",
    "Verdict",
    "brownian_path",
    "convergence",
    "jackknife",
    "judge",
    "order",
    "ratio_of_means",
]

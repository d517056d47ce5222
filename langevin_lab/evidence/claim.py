"""`Claim`: one sentence of theory, held against one measurement.

With measured M +- s_M, predicted P +- s_P, s^2 = s_M^2 + s_P^2 and the allowed margin
m = tolerance * scale + bias_bound,

    z = (M - P -+ m) / s       against Student's t (Welch's degrees of freedom)

A claim can only be *consistent* if it could have been refuted: the smallest relative error that
the measurement would have caught,

    detectable = [ (t_alpha + t_power) s + m + bias_bound ] / scale,

has to be within ``resolution``. (The bias bound counts twice: a bias may cancel the error that is
looked for.) Bounds and ranges are also settled when the whole confidence interval lies within
``resolution`` of them; an order when its interval excludes the neighbouring (half-)integers.
The verdict depends on how many claims are judged together, see `families.judge`.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

from langevin_lab.evidence.estimate import (
    Estimate,
    as_estimate,
    propagate,
    quantile,
    upper_tail,
)
from langevin_lab.evidence.prediction import AtLeast, Order, Point, as_prediction


@dataclass(frozen=True)
class Claim:
    """A prediction with its source, and what was measured.

    Parameters
    ----------
    statement : str
        What is claimed, one line.
    source : str
        Where the prediction stands: author, year, equation.
    predicted : float, Estimate, AtMost, AtLeast, Between or Order
        The theory's number.
    measured : Estimate
        A float counts as exact. An `OrderEstimate` brings its own bias bound.
    tolerance : float, optional
        Numerical tolerance >= 0 of exact comparisons, relative to ``scale``.
    resolution : float, optional
        Relative error > 0 that the claim must be able to refute.
    scale : float, optional
        The size that counts as 100 %, > 0; by default |predicted|, so needed where that is 0.
    bias_bound : float, optional
        Stated bound >= 0 on what remains of a systematic error of the measurement, for example
        of the time step; in the unit of the measurement, added linearly, printed with the claim.

    Raises
    ------
    TypeError, ValueError
        If the measurement is missing or not finite, or a parameter is out of range.

    Examples
    --------
    >>> claim = Claim("mean of x^2", "equipartition", 0.2, Estimate(0.2013, 0.0011, 400))
    >>> claim.verdict().outcome
    'consistent'
    """

    statement: str
    source: str
    predicted: Any
    measured: Any
    _: KW_ONLY
    tolerance: float = 1e-10
    resolution: float = 0.05
    scale: Any = None
    bias_bound: float = 0.0

    def __post_init__(self) -> None:
        for name in ("statement", "source"):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{name}={text!r} must be a sentence for the table")
        label = f"claim {self.statement!r}"
        set_field = object.__setattr__
        set_field(self, "measured", _measurement(label, self.measured))
        set_field(self, "predicted", as_prediction(self.predicted))
        _check_at_least_zero(label, tolerance=self.tolerance, bias_bound=self.bias_bound)
        if not (math.isfinite(self.resolution) and self.resolution > 0):
            raise ValueError(f"{label}: resolution={self.resolution} must be > 0, 0.05 for 5 %")
        if self.scale is None:
            set_field(self, "scale", self.predicted.size)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(
                f"{label}: scale={self.scale} must be finite and > 0; where the prediction is 0, "
                "give scale=, the size that counts as 100 %"
            )

    @property
    def difference(self) -> Estimate:
        """Measured minus predicted, with the errors of both; the value itself for a bound."""
        own = self.predicted.estimate
        value = self.measured.value - own.value
        return propagate(value, (1.0, self.measured), (-1.0, own))

    @property
    def is_exact(self) -> bool:
        """Whether neither side has a statistical error, so no false alarm is possible."""
        return self.difference.stderr == 0

    @property
    def total_bias_bound(self) -> float:
        """The stated bound plus the one that an order estimate carries."""
        return self.bias_bound + getattr(self.measured, "bias_bound", 0.0)

    @property
    def margin(self) -> float:
        """Deviation that is allowed before statistics: tolerance * scale + bias bound."""
        return self.tolerance * self.scale + self.total_bias_bound

    @property
    def violation(self) -> float:
        """Distance by which the measured value breaks the prediction (negative: it holds)."""
        return self.predicted.violation(self.measured.value)

    @property
    def z(self) -> float | None:
        """Deviation beyond the margin in standard errors, signed; None for exact comparisons."""
        if self.is_exact:
            return None
        beyond = (self.violation - self.margin) / self.difference.stderr
        if self.predicted.sides == 2:
            beyond = max(beyond, 0.0)
        return self.predicted.sign(self.measured.value) * beyond + 0.0  # never -0.0

    @property
    def p_value(self) -> float:
        """Probability of a deviation as large as this one if the claim is true."""
        if self.is_exact:
            return float(self.violation <= self.margin)
        beyond = (self.violation - self.margin) / self.difference.stderr
        tail = upper_tail(beyond, self.difference.dof)
        return min(self.predicted.sides * tail, 1.0)

    def critical_z(self, level: float) -> float:
        """|z| beyond which a true claim lies with probability ``level``."""
        return -quantile(level / self.predicted.sides, self.difference.dof)

    def detectable(self, level: float, power: float) -> float:
        """Smallest relative error that would be refuted with this power at this level."""
        spread = 0.0
        if not self.is_exact:
            z_power = quantile(power, self.difference.dof)
            spread = (self.critical_z(level) + z_power) * self.difference.stderr
        return (spread + self.margin + self.total_bias_bound) / self.scale

    def half_width(self, level: float) -> float:
        """Half width of the interval around the measurement at this level, margin included."""
        if self.is_exact:
            return self.margin
        return self.critical_z(level) * self.difference.stderr + self.margin

    def is_resolved(self, level: float, power: float) -> bool:
        """Whether the measurement could have refuted an error of ``resolution``."""
        half = self.half_width(level)
        if isinstance(self.predicted, Order):
            return all(abs(self.measured.value - n) > half for n in self.predicted.neighbours)
        if self.detectable(level, power) <= self.resolution:
            return True
        has_room = not isinstance(self.predicted, Point)
        return has_room and self.violation + half <= self.resolution * self.scale

    def verdict(self, *, false_alarm_rate: float = 0.01):
        """Return the verdict on this claim alone; see `families.judge` for several."""
        from langevin_lab.evidence.families import judge

        return judge([self], false_alarm_rate=false_alarm_rate)[0]

    def refutation(self, *, n_claims: int = 1000) -> Claim:
        """Return the claim that this one, which is wrong on purpose, is refuted.

        A control: a prediction with a wrong constant has to lie beyond the critical z of the first
        step of Holm's procedure.

        Parameters
        ----------
        n_claims : int, optional
            Claims of the table that it stands in, judged together at 1 %.

        Returns
        -------
        Claim
            z / critical z is at least 1.

        Raises
        ------
        ValueError
            If nothing is sampled, so that z means nothing.

        Examples
        --------
        >>> wrong = Claim("mean of x^2, T wrong by 3 %", "control", 0.206, Estimate(0.2, 0.0005))
        >>> wrong.refutation().verdict().outcome
        'consistent'
        """
        if self.is_exact:
            raise ValueError(
                f"claim {self.statement!r} is exact: hold its verdict against 'refuted'"
            )
        critical = self.critical_z(0.01 / n_claims)
        # Not |z|: far on the allowed side of a bound that is large too.
        beyond = max((self.violation - self.margin) / self.difference.stderr, 0.0)
        return Claim(
            f"{self.statement}: z / critical z", "must be refuted",
            AtLeast(1.0), Estimate(beyond / critical, 1.0 / critical),
        )  # fmt: skip


def _measurement(label: str, measured: Any) -> Estimate:
    """``measured`` as an estimate that can be held against a prediction."""
    try:
        estimate = as_estimate(measured)
    except (TypeError, ValueError) as error:
        remedy = str(error) if hasattr(measured, "dims") else "give an Estimate of a finite number"
        shown = getattr(measured, "name", None) or repr(measured)
        raise type(error)(f"{label}: measured={shown}; {remedy}") from None
    if estimate.stderr == 0 and not estimate.is_exact:
        raise ValueError(
            f"{label}: measured={estimate.value:g} has no scatter in n_eff={estimate.n_eff:g} "
            "samples, so no error bar; use Estimate.exact if the value is deterministic"
        )
    return estimate


def _check_at_least_zero(label: str, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{label}: {name}={value} must be finite and >= 0")

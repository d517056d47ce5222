"""Verdicts of a family of claims at one false-alarm rate.

Holm's step-down procedure (Holm 1979): of m statistical claims sorted by p-value, the i-th
(i = 0, 1, ...) is refuted while p_i <= rate/(m - i). The chance that a family of true claims holds
*any* refuted one is then at most the rate, however the claims depend on each other. Exact
comparisons raise no false alarm and do not count in m.

A claim that is not refuted is consistent if it could have been refuted, at the strictest of these
levels, rate/m; else it is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from langevin_lab.evidence.claim import Claim
from langevin_lab.evidence.prediction import Order

Outcome = Literal["consistent", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """What the evidence says about one claim, and what the table prints.

    Parameters
    ----------
    claim : Claim
    outcome : {"consistent", "refuted", "inconclusive"}
    level : float
        False-alarm probability of this claim alone.
    power : float
        Power at which ``detectable`` is stated.
    """

    claim: Claim
    outcome: Outcome
    level: float
    power: float

    @property
    def z(self) -> float | None:
        """Deviation in standard errors; None for exact comparisons."""
        return self.claim.z

    @property
    def z_limit(self) -> float | None:
        """|z| beyond which the claim would be refuted; None for exact comparisons."""
        return None if self.claim.is_exact else self.claim.critical_z(self.level)

    @property
    def detectable(self) -> float:
        """Relative error that would have been refuted; for an order, the half width."""
        if isinstance(self.claim.predicted, Order):
            return self.claim.half_width(self.level)
        return self.claim.detectable(self.level, self.power)

    @property
    def predicted_text(self) -> str:
        """The prediction, to one digit beyond the measurement's error."""
        return self.claim.predicted.text(self.claim.measured.stderr)

    @property
    def measured_text(self) -> str:
        """The measurement with its error and, where there is one, its bias bound."""
        bias = self.claim.total_bias_bound
        text = str(self.claim.measured)
        return f"{text}\nbias ≤ {bias:.2g}" if bias else text

    @property
    def z_text(self) -> str:
        """Signed z, or the deviation Δ of an exact comparison."""
        if self.z is None:
            return f"Δ {max(self.claim.violation, 0.0):.1g}"
        if abs(self.z) < 0.05:
            return "0.0"
        return f"{self.z:+.1f}" if abs(self.z) < 1000 else f"{self.z:+.0e}"

    @property
    def reason(self) -> str:
        """One sentence that justifies the outcome."""
        claim = self.claim
        if isinstance(claim.predicted, Order):
            half = self.detectable
            interval = f"{claim.measured.value - half:.2f} … {claim.measured.value + half:.2f}"
            neighbours = f"the neighbouring {claim.predicted.neighbour_text}"
            if self.outcome == "consistent":
                return f"the interval {interval} excludes {neighbours}"
            if self.outcome == "refuted":
                return f"the interval {interval} excludes the order"
            return f"the interval {interval} does not exclude {neighbours}"
        if self.outcome == "refuted":
            return f"off by {_percent(claim.violation / claim.scale)}, p = {claim.p_value:.1e}"
        if self.outcome == "consistent" and self.detectable > claim.resolution:
            return f"the whole interval holds it, to within {_percent(claim.resolution)}"
        if self.outcome == "consistent":
            return f"an error of {_percent(self.detectable)} would have been refuted"
        return (
            f"could not refute an error below {_percent(self.detectable)}, "
            f"{_percent(claim.resolution)} is needed: {_remedy(self)}"
        )

    def record(self) -> dict[str, Any]:
        """Return everything as plain JSON values; infinite and missing numbers are None."""
        claim, measured = self.claim, self.claim.measured
        return {
            "statement": claim.statement,
            "source": claim.source,
            "predicted": self.predicted_text,
            "prediction": claim.predicted.record(),
            "measured": measured.value,
            "stderr": measured.stderr,
            "n_eff": _plain(measured.n_eff),
            "bias_bound": claim.total_bias_bound,
            "z": _plain(self.z),
            "z_limit": _plain(self.z_limit),
            "p_value": claim.p_value,
            "detectable": _plain(self.detectable),
            "resolution": claim.resolution,
            "verdict": self.outcome,
            "reason": self.reason,
        }


def judge(
    claims: Iterable[Claim], *, false_alarm_rate: float = 0.01, power: float = 0.9
) -> list[Verdict]:
    """Judge claims together, so that all true ones pass with probability 1 - rate.

    Parameters
    ----------
    claims : iterable of Claim
    false_alarm_rate : float, optional
        Probability in (0, 0.5] that a family of true claims holds a refuted one.
    power : float, optional
        Probability in [0.5, 1) with which an error of ``resolution`` must be caught.

    Returns
    -------
    list of Verdict
        In the order of the claims.

    Raises
    ------
    TypeError
        If one of the claims is no Claim.
    ValueError
        If the rate or the power is out of range.
    """
    family = list(claims)
    for claim in family:
        if not isinstance(claim, Claim):
            raise TypeError(f"{claim!r} is no Claim; claims(dataset) must return a list of Claim")
    if not 0 < false_alarm_rate <= 0.5:
        raise ValueError(f"false_alarm_rate={false_alarm_rate} must lie in (0, 0.5]")
    if not 0.5 <= power < 1:
        raise ValueError(f"power={power} must lie in [0.5, 1)")
    p_values = [claim.p_value for claim in family]
    statistical = [index for index, claim in enumerate(family) if not claim.is_exact]
    refuted = {index for index, p in enumerate(p_values) if p == 0 and index not in statistical}
    refuted |= {
        statistical[i] for i in _holm([p_values[index] for index in statistical], false_alarm_rate)
    }
    level = false_alarm_rate / max(len(statistical), 1)

    def outcome(index: int, claim: Claim) -> Outcome:
        if index in refuted:
            return "refuted"
        return "consistent" if claim.is_resolved(level, power) else "inconclusive"

    return [
        Verdict(claim, outcome(index, claim), level, power) for index, claim in enumerate(family)
    ]


def _holm(p_values: list[float], rate: float) -> list[int]:
    """Indices of the hypotheses that Holm's procedure rejects."""
    ascending = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(ascending):
        if p_values[index] > rate / (len(p_values) - rank):
            return ascending[:rank]
    return ascending


def _remedy(verdict: Verdict) -> str:
    claim = verdict.claim
    room = claim.resolution * claim.scale - claim.margin - claim.total_bias_bound
    if room <= 0:
        return "lower the bias bound or the tolerance"
    needed = room * claim.difference.stderr
    needed /= verdict.detectable * claim.scale - claim.margin - claim.total_bias_bound
    return f"it takes a standard error of {needed:.2g}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value

"""What a certificate holds: checks with their verdicts, the harmonic law, the measured orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["holds", "refuted", "inconclusive", "measured", "does not apply"]


@dataclass(frozen=True)
class Check:
    """One line of the certificate: what should be, what is, whether they agree.

    Attributes
    ----------
    statement, expected, found : str
        ``found`` is the reason where the check does not apply.
    verdict : str
        "holds", "refuted", "inconclusive", "measured" (nothing states what it should be) or
        "does not apply".
    """

    statement: str
    expected: str
    found: str
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether the check does not speak against the method."""
        return self.verdict != "refuted"

    @property
    def applies(self) -> bool:
        """Whether the method is within the check's domain."""
        return self.verdict != "does not apply"


def held(statement: str, expected: str, found: str, passed: bool) -> Check:
    """A check that either holds or is refuted."""
    return Check(statement, expected, found, "holds" if passed else "refuted")


@dataclass(frozen=True)
class HarmonicLaw:
    """Stationary averages on a harmonic well relative to Gibbs, over dt and friction.

    Attributes
    ----------
    dts, frictions : tuple of float
        In units of the well's frequency (without momenta: of curvature/friction).
    position, momentum : tuple of tuple of float
        curvature <x^2>/T and <p^2>/(mass T), one row a friction; 1 is exact, nan no law.
    correlation : tuple of tuple of float
        <x p>/T; 0 is exact.
    """

    dts: tuple[float, ...]
    frictions: tuple[float, ...]
    position: tuple[tuple[float, ...], ...]
    momentum: tuple[tuple[float, ...], ...] = ()
    correlation: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Certificate:
    """A method's record and the checks of it.

    Attributes
    ----------
    properties : Properties
    checks : tuple of Check
    method : Method
    law : HarmonicLaw or None
        None for a method that is not linear on a harmonic well, or has no stationary law.
    studies : tuple of ConvergenceStudy
    nanoseconds : float or None
        A replica-step of the compiled kernel, if it was measured.
    """

    properties: Any
    checks: tuple[Check, ...]
    method: Any = None
    law: HarmonicLaw | None = None
    studies: tuple[Any, ...] = field(default=())
    nanoseconds: float | None = None

    @property
    def passed(self) -> bool:
        """Whether no check refutes the record."""
        return all(check.passed for check in self.checks)

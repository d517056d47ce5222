"""Continuous limits of discrete methods, their ranges of validity and the distance to them."""

from langevin_lab.limits.regime import OutsideRegimeWarning, SmallParameter, check_regime

__all__ = ["OutsideRegimeWarning", "SmallParameter", "check_regime"]

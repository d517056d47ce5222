"""Probabilities that a network gave, and what came true, in the one form that scores take.

binary         (n,) or (..., n, 1): the chance of class 1
multi-class    (..., n, n_classes): the chances of the classes, which sum to 1
"""

from __future__ import annotations

from typing import Any

import numpy as np

_ROUNDING = 1e-6  # of the sum of a row of probabilities, for float32 too


def checked(probabilities: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (..., n, 1 or n_classes) and class numbers (n,), after a check."""
    p = np.asarray(probabilities, dtype=np.float64)
    p = p[:, None] if p.ndim == 1 else p
    wanted = np.asarray(targets)
    wanted = wanted[:, 0] if wanted.ndim == 2 and wanted.shape[1] == 1 else wanted
    if p.ndim < 2 or wanted.shape != p.shape[-2:-1] or wanted.size == 0 or p.shape[-1] == 0:
        raise ValueError(
            f"probabilities of shape {np.shape(probabilities)} and targets of shape "
            f"{np.shape(targets)} must be (..., n, n_classes) and (n,); those of class 1 alone "
            "(n,) or (..., n, 1)"
        )
    if not np.all((p >= 0) & (p <= 1 + _ROUNDING)):
        wrong = p[~((p >= 0) & (p <= 1 + _ROUNDING))][0]
        raise ValueError(f"probabilities hold {wrong:g}, which is not from 0 to 1: use predict()")
    if p.shape[-1] > 1 and (apart := float(np.abs(p.sum(axis=-1) - 1).max())) > _ROUNDING:
        raise ValueError(f"probabilities of the classes sum to 1 but for {apart:.3g}; normalise")
    n_classes = max(2, p.shape[-1])
    if not np.isin(wanted, np.arange(n_classes)).all():
        wrong = wanted[~np.isin(wanted, np.arange(n_classes))][0]
        raise ValueError(f"targets hold {wrong}, which is no class of 0, ..., {n_classes - 1}")
    return np.minimum(p, 1.0), wanted.astype(np.int64)


def outcomes(p: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts (..., n) and whether they came true: of class 1, or of the likeliest of more."""
    if p.shape[-1] == 1:
        return p[..., 0], np.broadcast_to(targets, p.shape[:-1]).astype(np.float64)
    return p.max(axis=-1), (p.argmax(axis=-1) == targets).astype(np.float64)

"""A log-log panel of errors against the step, with the fitted line and a triangle of the theory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

if TYPE_CHECKING:
    from langevin_lab.evidence import ConvergenceStudy

_LABELS = {
    "strong": r"root mean square distance  $(E|z_h - z|^2)^{1/2}$",
    "weak": r"weak error  $|E f(z_h) - E f(z)|$",
    "invariant": r"stationary bias  $|\langle f\rangle_h - \langle f\rangle|$",
}
_LEAST_RATIO = 1.3  # between steps that have a tick label
_MARKERS = "osD^v<>"


def draw_orders(*studies: ConvergenceStudy) -> Any:
    """Draw one panel for each kind of order, with the studies of that kind.

    Filled points are used for the order, open ones are not; bars are standard errors.

    Parameters
    ----------
    *studies : ConvergenceStudy
        At least one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no study is given.
    """
    import matplotlib.pyplot as plt

    if not studies:
        raise ValueError("no studies: give one ConvergenceStudy or more")
    kinds = list(dict.fromkeys(study.kind for study in studies))
    style: dict[Any, Any] = dict(STYLE)
    with plt.rc_context(style):
        figure, panels = plt.subplots(1, len(kinds), figsize=(3.5 * len(kinds), 3.4), squeeze=False)
        for axes, kind in zip(panels[0], kinds):
            draw_order_panel(axes, *(study for study in studies if study.kind == kind))
    return figure


def draw_order_panel(axes: Any, *studies: ConvergenceStudy) -> None:
    """Draw studies of one kind on axes: errors, fitted lines, one triangle an expected order.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    *studies : ConvergenceStudy
        Of one kind.

    Raises
    ------
    ValueError
        If no study is given, or the kinds differ.
    """
    kinds = {study.kind for study in studies}
    if len(kinds) != 1:
        raise ValueError(f"studies are of kinds {sorted(kinds)}: give one kind a panel")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for index, study in enumerate(studies):
        _draw_study(axes, study, COLOURS[index % len(COLOURS)], _MARKERS[index % len(_MARKERS)])
    _draw_triangles(axes, studies)
    _label_steps(axes, sorted({step for study in studies for step in study.steps}))
    axes.set_xlabel("step $h$  (time)")
    axes.set_ylabel(_LABELS[kinds.pop()])
    axes.legend(loc="upper left")


def _label_steps(axes: Any, steps: list[float]) -> None:
    """Ticks at the steps themselves: their range is often less than a decade."""
    from matplotlib.ticker import NullLocator

    kept = steps[-1:]
    for step in reversed(steps[:-1]):
        if step <= kept[-1] / _LEAST_RATIO:
            kept.append(step)
    axes.set_xticks(kept, [f"{step:.3g}" for step in kept])
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_study(axes: Any, study: ConvergenceStudy, colour: str, marker: str) -> None:
    shown = [
        (step, error.value, error.stderr, used)
        for step, error, used in zip(study.steps, study.errors, study.used)
        if error is not None and error.value > 0
    ]
    label = f"{study.method}: {'no order' if study.order is None else study.order}"
    if not shown:
        axes.errorbar([], [], [], fmt=marker, color=colour, label=label)
        return
    h, e, stderr, used = map(np.array, zip(*shown))
    for mask, face in ((used, colour), (~used, "white")):
        # A bar that reaches below 0 would leave the logarithmic axis.
        below = np.minimum(stderr[mask], 0.9 * e[mask])
        axes.errorbar(
            h[mask], e[mask], yerr=[below, stderr[mask]], fmt=marker, color=colour,
            markerfacecolor=face, label=label if mask is used else None,
        )  # fmt: skip
    # A slope that is not known to an order would only draw the eye.
    if study.order is not None and np.ptp(study.order.interval()) < 2.0:
        slope = study.order.value
        intercept = np.mean(np.log(e[used]) - slope * np.log(h[used]))
        ends = np.array([h[used].min(), h[used].max()])
        axes.plot(ends, np.exp(intercept) * ends**slope, color=colour)


def _draw_triangles(axes: Any, studies: tuple[ConvergenceStudy, ...]) -> None:
    """A triangle below the lowest errors of each expected order, one beside the other."""
    lowest: dict[float, np.ndarray] = {}
    for study in studies:
        points = np.array(
            [(s, e.value) for s, e, u in zip(study.steps, study.errors, study.used) if u and e]
        )
        best = lowest.get(study.expected)
        if len(points) and (best is None or points[0, 1] < best[0, 1]):
            lowest[study.expected] = points
    for slope, points in lowest.items():
        low, high = np.log(points[:, 0].min()), np.log(points[:, 0].max())
        left, width = low + 0.5 * (high - low), 0.28 * (high - low)
        at_left = np.interp(left, np.log(points[::-1, 0]), np.log(points[::-1, 1]))
        bottom = at_left - 0.16 * slope * (high - low) - 0.5
        x = np.exp([left, left + width, left + width, left])
        y = np.exp([bottom, bottom, bottom + slope * width, bottom])
        axes.plot(x, y, color="0.4", linewidth=0.8)
        axes.annotate(
            f"{slope:g}", (x[1], math.sqrt(y[1] * y[2])), xytext=(3, 0),
            textcoords="offset points", va="center", color="0.4",
        )  # fmt: skip
    low, high = axes.get_ylim()
    # Room for the legend, a line of it for each study.
    axes.set_ylim(low, high * (high / low) ** (0.13 * len(studies)))

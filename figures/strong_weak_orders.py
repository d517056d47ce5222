"""Orders of all methods: measured (symbols, with intervals) against their records (ticks).

Rows are methods, grouped by equation. Intervals are 95 %, widened by the bound on what is left of
the pre-asymptotic curvature. "exact": Metropolis methods keep the Gibbs law, shown by the change of
<x^2> over a step from it. Below: the errors that three strong and three weak orders are read from,
with triangles of the recorded slopes; those of GHMC are of one step, divided by it.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from langevin_lab.evidence import OrderEstimate
from langevin_lab.lab.figure_style import COLOURS, STYLE

EQUATIONS = ("langevin", "overdamped", "adaptive", "ito", "nose_hoover")
TITLES = {
    "langevin": "Langevin",
    "overdamped": "overdamped",
    "adaptive": "adaptive",
    "ito": "Itô",
    "nose_hoover": "Nosé-Hoover",
}
KIND_TITLES = {
    "strong": "strong order",
    "weak": "weak order",
    "averages": "order of averages",
}
PANELS = {
    "strong": ("EulerMaruyama, ito", "BAOAB, langevin", "UBU, langevin"),
    "weak": ("BAO, langevin", "BAOAB, langevin", "GHMC, langevin"),
}
ERRORS = {
    "strong": r"$(E|z_h - z|^2)^{1/2}$",
    "weak": r"$|E f(z_h) - E f(z)|$",
}


def draw(dataset):
    """The atlas, and two panels of errors."""
    rows, places = _rows(dataset)
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 9.6))
        grid = figure.add_gridspec(2, 6, height_ratios=(3.4, 1))
        columns = [figure.add_subplot(grid[0, 2 * k : 2 * k + 2]) for k in range(3)]
        for axes, kind in zip(columns, KIND_TITLES):
            _column(axes, dataset, kind, rows, places)
        for axes in columns[1:]:
            axes.set_yticklabels([])
        for k, kind in enumerate(PANELS):
            _errors(figure.add_subplot(grid[1, 3 * k : 3 * k + 3]), dataset, kind)
    return figure


def _rows(dataset):
    """Methods in the order drawn, and their heights, with a gap and a heading for each equation."""
    rows, places, height = [], [], 0.0
    for equation in EQUATIONS:
        names = dataset["scheme"].values[dataset["equation"].values == equation]
        height -= 1.4
        for name in names:
            rows.append(str(name))
            places.append(height)
            height -= 1.0
    return rows, np.array(places)


def _column(axes, dataset, kind, rows, places):
    for index, equation in enumerate(EQUATIONS):
        chosen = [k for k, name in enumerate(rows) if name.endswith(f", {equation}")]
        colour = COLOURS[index]
        top = places[chosen[0]] + 1.5
        axes.axhline(top, color="0.8", linewidth=0.6, zorder=0)
        if kind == "strong":
            axes.annotate(
                TITLES[equation], (1.0, top), xycoords=("axes fraction", "data"), xytext=(-3, -1),
                textcoords="offset points", ha="right", va="top", fontsize=7, color=colour,
            )  # fmt: skip
        for k in chosen:
            _cell(axes, dataset.sel(scheme=rows[k], kind=kind), kind, places[k], colour)
    axes.set_yticks(places, [name.split(", ")[0] for name in rows], fontsize=6.5)
    axes.set_ylim(places.min() - 0.8, 0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.1, 4.4 if kind == "strong" else 2.5)
    if kind == "strong":
        axes.set_xticks([0.5, 1, 1.5, 2, 3, 4], ["½", "1", "", "2", "3", "4"])
    else:
        axes.set_xticks([0.5, 1, 1.5, 2], ["½", "1", "1½", "2"])
    for order in axes.get_xticks():
        axes.axvline(order, color="0.92", linewidth=0.6, zorder=0)
    axes.set_title(KIND_TITLES[kind])


def _cell(axes, cell, kind, height, colour):
    """A tick where the record is and a symbol where the measurement is."""
    if np.isfinite(cell["gibbs_change"]) and kind == "averages":
        axes.annotate("exact", (0.25, height), va="center", fontsize=6.5, color=colour)
        return
    if not np.isfinite(cell["order"]):
        axes.annotate("–", (0.25, height), va="center", fontsize=6.5, color="0.6")
        return
    fields = (float(cell[name]) for name in ("order", "stderr", "n_eff", "bias_bound"))
    estimate = OrderEstimate(*fields)
    low, high = estimate.interval()
    axes.plot(
        [float(cell["expected"])] * 2, [height - 0.42, height + 0.42], color="0.15", linewidth=1.3
    )
    axes.errorbar(
        estimate.value, height, xerr=[[estimate.value - low], [high - estimate.value]], fmt="o",
        color=colour, markersize=3.2, markerfacecolor="white", elinewidth=1.0,
    )  # fmt: skip


def _errors(axes, dataset, kind):
    axes.set_xscale("log")
    axes.set_yscale("log")
    for index, name in enumerate(PANELS[kind]):
        cell = dataset.sel(scheme=name, kind=kind)
        known = np.isfinite(cell["error"].values)
        step, error, bar = (cell[field].values[known] for field in ("step", "error", "error_bar"))
        colour = COLOURS[index]
        axes.errorbar(step, error, yerr=bar, fmt="osD"[index], color=colour, label=_legend(name))
        slope = float(cell["order"])
        middle = np.exp(np.mean(np.log(error) - slope * np.log(step)))
        axes.plot(step, middle * step**slope, color=colour)
        _triangle(axes, step, error, float(cell["expected"]), index)
    ticks = step[:: 1 if len(step) < 6 else 2]
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("step $h$  (time)")
    axes.set_ylabel(ERRORS[kind])
    axes.legend(loc="upper left")
    low, high = axes.get_ylim()
    # Room for the legend above and for the triangles below.
    axes.set_ylim(low / 3, high * (high / low) ** 0.45)
    axes.set_title(f"{kind} errors")


def _legend(name):
    method, equation = name.split(", ")
    return f"{method} ({TITLES[equation]})"


def _triangle(axes, step, error, slope, place):
    """A right triangle of the recorded slope below the points."""
    middle = 1 + place  # one beside the other where errors are alike
    left, right = step[middle], step[middle - 1]
    bottom = 0.45 * error[middle]
    top = bottom * (right / left) ** slope
    axes.plot([left, right, right, left], [bottom, bottom, top, bottom], color="0.4", linewidth=0.8)
    axes.annotate(
        f"{slope:g}", (right, np.sqrt(bottom * top)), xytext=(3, 0), textcoords="offset points",
        va="center", color="0.4", fontsize=7,
    )  # fmt: skip

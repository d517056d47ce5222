"""Strong errors of torchsde's solvers against the step, on equations with known orders.

Root mean square distance at time 1 from the solution along the same Brownian paths, a panel an
equation; bars are standard errors, mostly smaller than the symbols. Filled symbols: the equation in
Ito's calculus, open ones: in Stratonovich's. Grey lines have the slopes that theory gives. Where
curves coincide, solvers are the same on that equation. "milstein grad_free" takes a difference for
g': on "bounded", in Stratonovich's calculus, it falls from order 1 to 1/2.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from langevin_lab.lab.figure_style import COLOURS, STYLE

SOLVERS = {
    "euler": ("o", COLOURS[0]),
    "milstein": ("s", COLOURS[1]),
    "milstein grad_free": ("v", COLOURS[4]),
    "srk": ("D", COLOURS[2]),
    "euler_heun": ("<", COLOURS[5]),
    "heun": ("^", COLOURS[3]),
    "midpoint": ("p", "#999999"),
    "reversible_heun": ("X", COLOURS[6]),
}


def draw(dataset):
    """A panel an equation, and one for the legend."""
    names = list(dict.fromkeys(dataset["problem"].values.tolist()))
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 4, figsize=(7.4, 4.6))
        panels = axes.ravel()
        for panel, name in zip(panels, names):
            _panel(panel, dataset.isel(row=dataset["problem"].values == name))
            panel.set_title(name)
        for panel in axes[:, 0]:
            panel.set_ylabel(r"$(E|x_h - x|^2)^{1/2}$")
        for panel in panels[3 : len(names)]:
            panel.set_xlabel("step $h$  (time)")
        for panel in panels[len(names) :]:
            panel.axis("off")
        _legend(panels[len(names)])
    return figure


def _panel(axes, rows):
    axes.set_xscale("log")
    axes.set_yscale("log")
    for k in range(rows.sizes["row"]):
        row = rows.isel(row=k)
        marker, colour = SOLVERS[row["solver"].item()]
        filled = row["calculus"].item() == "ito"
        axes.errorbar(
            row["row_step"], row["row_error"], yerr=row["row_error_bar"], fmt=marker, color=colour,
            markerfacecolor=colour if filled else "white", linestyle="-", linewidth=0.7,
        )  # fmt: skip
    step = rows["row_step"].values[0]
    for slope in np.unique(rows["row_expected"].values):
        _slope(axes, rows, float(slope))
    axes.set_xticks(step[::2], [f"1/{round(1 / value)}" for value in step[::2]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(step.min() / 1.5, step.max() * 2.8)  # room for the slopes' labels


def _slope(axes, rows, slope):
    """A line of the slope above the highest errors that have it."""
    chosen = rows["row_expected"].values == slope
    step, error = rows["row_step"].values[chosen], rows["row_error"].values[chosen]
    highest = np.argmax(error[:, 0])
    h = step[highest]
    line = 1.6 * error[highest, 0] * (h / h[0]) ** slope
    axes.plot(h, line, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
    axes.annotate(
        f"{slope:g}", (h[0], line[0]), xytext=(2, 0), textcoords="offset points", va="center",
        fontsize=7, color="0.4",
    )  # fmt: skip


def _legend(axes):
    handles = [
        Line2D([], [], marker=marker, color=colour, linewidth=0.7, label=name)
        for name, (marker, colour) in SOLVERS.items()
    ]
    handles.append(
        Line2D([], [], color="0.6", linewidth=0.8, linestyle="--", label="slope of theory")
    )
    handles += [
        Line2D([], [], marker="o", color="0.4", linestyle="", label="filled: Itô"),
        Line2D([], [], marker="o", color="0.4", linestyle="", markerfacecolor="white",
               label="open: Stratonovich"),
    ]  # fmt: skip
    axes.legend(handles=handles, loc="center left", fontsize=7.5)

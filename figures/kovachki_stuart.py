"""Momentum methods against their three limits.

Top left: largest distance on the quadratic with curvatures 1 and k at momentum 0.9, to the gradient
flow (open) and to the momentum ODE (filled), against h k; bars would be smaller than the symbols.
Top right: distances in the second half of the time on a non-convex loss at momentum 1/2, with the
coefficient of |grad U|^2 as derived, as quoted with either b, and 0. Bottom left: the same on a
2-8-1 tanh network. Bottom right: distance to the slow manifold against the step, and powers of the
fast root. Circles are the heavy ball, squares Nesterov.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE, draw_triangle

LABELS = {
    "ODE, matched velocity, late": "momentum ODE",
    "modified loss": r"$c$ derived",
    "modified loss, c = 0": r"$c = 0$",
    "quoted c, b = 1/(1 - m)": r"quoted, $b = 1/(1-m)$",
    "quoted c, b = m/(1 - m)": r"quoted, $b = m/(1-m)$",
}
MARKERS = {"HB": "o", "NAG": "s"}
NAMES = {"HB": "heavy ball", "NAG": "Nesterov"}


def draw(dataset):
    """Table, orders on the loss and on the network, attraction."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.4))
        _table(axes[0, 0], dataset)
        _orders(axes[0, 1], dataset, "error", "learning_rate", "comparison", tuple(LABELS))
        _orders(
            axes[1, 0], dataset, "network_error", "network_rate", "network_comparison",
            tuple(dataset["network_comparison"].values),
        )  # fmt: skip
        axes[0, 1].set_title("loss of two parameters, $m = 0.5$")
        axes[1, 0].set_title("2-8-1 tanh network, $m = 0.5$")
        _attraction(axes[1, 1], dataset)
    return figure


def _table(axes, dataset):
    rows = list(zip(dataset["table_scheme"].values, dataset["table_strength"].values))
    for colour, name in zip(COLOURS, NAMES):
        chosen = [index for index, (scheme, _) in enumerate(rows) if scheme == name]
        strength = np.array([rows[index][1] for index in chosen])
        order = np.argsort(strength)
        for column, face, what in ((0, "white", "flow"), (1, colour, "ODE")):
            axes.loglog(
                strength[order], dataset["table"].values[chosen, column][order], MARKERS[name],
                color=colour, markerfacecolor=face, label=f"{NAMES[name]}, {what}",
                markersize=7 if name == "HB" else 4,
            )  # fmt: skip
    axes.set_xlabel("$h k$")
    axes.set_ylabel(r"$\sup_n |x_n - x(t_n)|_\infty$  (length)")
    axes.set_title("quadratic, $m = 0.9$, $T = 2$")
    axes.legend(loc="lower right")


def _orders(axes, dataset, variable, rate, dimension, comparisons):
    rates = dataset[rate].values
    places = list(LABELS)
    for comparison in comparisons:
        colour = COLOURS[places.index(comparison)]
        for name in NAMES:
            errors = dataset[variable].sel({"scheme": name, dimension: comparison}).values
            axes.loglog(
                rates, errors, MARKERS[name] + "-", color=colour, markersize=3, linewidth=0.8,
                label=LABELS[comparison] if name == "HB" else None,
            )  # fmt: skip
    low = dataset[variable].sel({dimension: list(comparisons)}).values.min()
    draw_triangle(axes, rates.min() * 4, low * 8, 2)
    high = dataset[variable].sel({dimension: "modified loss, c = 0"}).values.max()
    draw_triangle(axes, rates.min() * 4, high / rates.max() * rates.min() * 16, 1)
    axes.set_xlabel("learning rate $h$")
    axes.set_ylabel(r"$\max_{t \geq T/2} |x_n - x(t_n)|$  (length)")
    axes.legend(loc="upper left", handlelength=1.2)
    axes.set_ylim(top=high * (3000 if len(comparisons) > 2 else 8))


def _attraction(axes, dataset):
    steps = np.arange(1, dataset.sizes["attraction_step"] + 1)
    for j, momentum in enumerate(dataset["attraction_momentum"].values):
        for name in NAMES:
            row = dataset.sel(scheme=name, attraction_momentum=momentum)
            distance, colour = row["distance"].values, COLOURS[j]
            axes.semilogy(
                steps, distance, MARKERS[name], color=colour, markersize=3,
                markerfacecolor=colour if name == "HB" else "white",
                label=f"{NAMES[name]}, $m = {momentum:g}$",
            )  # fmt: skip
            line = distance[3] * float(row["attraction_root"]) ** (steps - steps[3])
            seen = line > 1e-2 * distance.min()
            axes.semilogy(steps[seen], line[seen], color=colour, linewidth=0.8)
    axes.set_xlabel("step $n$")
    axes.set_ylabel(r"$|(x_n - x_{n-1})/h - v(x_n)|$  (length/time)")
    axes.set_title("attraction to the slow manifold")
    axes.legend(loc="lower right")
    axes.set_ylim(bottom=1e-13)

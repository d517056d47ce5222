"""Disconnectivity graphs of two clusters and of the loss of a network.

Each line rises from the energy of a minimum and ends where the lowest saddle joins it to others.
Left: the Lennard-Jones cluster of 7 atoms, all of its 4 minima; ticks on the right are its saddles
of index 1. Middle: the lowest 24 minima found of 13 atoms, over saddles that walks from the lowest
reached (a line that ends free at the top is joined by none of them); the icosahedron lies 2.85
below the next. Right: all minima of the loss of a network with two tanh units, where the 8 lowest
are one minimum with its units renamed or their signs changed.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

from langevin_lab.lab.disconnectivity_plot import draw_disconnectivity
from langevin_lab.lab.figure_style import COLOURS, STYLE

N_SHOWN = 24
PANELS = {
    "seven": ("Lennard-Jones, 7 atoms", r"energy $U/\varepsilon$"),
    "thirteen": ("Lennard-Jones, 13 atoms", r"energy $U/\varepsilon$"),
    "network": ("network, 2 hidden units", "loss $U$"),
}


def draw(dataset):
    """Three disconnectivity graphs."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(1, 3, figsize=(7.4, 3.4), width_ratios=(0.8, 1.6, 1.1))
        for panel, (name, (title, label)) in zip(axes, PANELS.items()):
            saddles = dataset[f"{name}_saddle"].values
            draw_disconnectivity(
                panel, dataset[f"{name}_minimum"].values, saddles,
                [tuple(edge) for edge in dataset[f"{name}_edge"].values], n_shown=N_SHOWN,
            )  # fmt: skip
            panel.set_title(title)
            panel.set_ylabel(label)
            panel.set_xlabel("minima")
        _rug(axes[0], dataset["seven_saddle"].values)
    return figure


def _rug(axes, saddles):
    right = axes.get_xlim()[1]
    axes.plot([right - 0.35] * len(saddles), saddles, "_", color=COLOURS[1], label="saddles")
    axes.legend(loc="lower right")

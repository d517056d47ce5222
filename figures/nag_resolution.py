"""Which ODE tells Nesterov's method from the heavy ball.

Three panels: largest distance of the heavy ball, of Nesterov's method at a fixed momentum and of
its sequence from ODEs of low and high resolution, against the step sqrt(s) of their clock, with
triangles of slope 1 and 2 in it (1/2 and 1 in s). Last: by how much faster Nesterov's amplitude
decays in a mode of curvature k, relative to sqrt(s) k/2.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE, draw_triangle

PANELS = {
    "heavy ball": "heavy ball",
    "Nesterov": "Nesterov, fixed momentum",
    "sequence": "Nesterov, $(k-1)/(k+2)$",
}


def draw(dataset):
    """Distances for the three methods, and the extra decay."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.0))
        for panel, method in zip(axes.flat, PANELS):
            _distances(panel, dataset, method)
        _decay(axes[1, 1], dataset)
    return figure


def _distances(axes, dataset, method):
    steps = np.sqrt(dataset["learning_rate"].values)
    names = [name for name in dataset["comparison"].values if name.startswith(f"{method},")]
    for colour, marker, name in zip(COLOURS, "osDv", names):
        errors = dataset["error"].sel(comparison=name).values
        label = name.removeprefix(f"{method}, ").replace("sqrt(s)", r"$\sqrt{s}$")
        axes.loglog(steps, errors, marker + "-", color=colour, label=label)
    if method == "heavy ball":
        axes.loglog(
            steps, dataset["apart"].values, "k--", linewidth=0.8, label="Nesterov's path itself"
        )
    low = dataset["error"].sel(comparison=names).values.min()
    high = dataset["error"].sel(comparison=names).values.max()
    draw_triangle(axes, steps.min() * 2, low * 1.2, 2, width=2.0)
    draw_triangle(axes, steps.min() * 2, high * 5.0 * 2 * steps.min() / steps.max(), 1, width=2.0)
    axes.set_ylim(top=high * 60)
    axes.set_xlabel(r"step $\sqrt{s}$  (time)")
    axes.set_ylabel(r"$\max_n |x_n - x(t_n)|$  (length)")
    axes.set_title(PANELS[method])
    axes.legend(loc="upper left")


def _decay(axes, dataset):
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.semilogx(dataset["curvature"].values, dataset["extra_decay"].values, "o", color=COLOURS[0])
    axes.set_ylim(0.99, 1.01)
    axes.set_xlabel("curvature $k$  (energy/length$^2$)")
    axes.set_ylabel(r"extra decay / $(\sqrt{s}\,k/2)$")
    axes.set_title(rf"damping by the Hessian, $s = {dataset.attrs['decay_rate']:g}$")

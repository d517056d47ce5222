"""Backends held against the CPU: paths one by one, and averages against an exact law.

Left: largest distance from the CPU's path over replicas; what is 0, the same bits, has a tick of
its own. Right: average of x squared under Euler-Maruyama, each backend with a seed of its own, its
95 % interval, and the mean of the scheme's own stationary law (line). A temperature 3 % too high is
the control.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

FLOOR = 1e-17  # where 0 is drawn
METHOD = "BAOAB"


def draw(dataset):
    """Distances of paths and averages."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0), width_ratios=(3, 2))
        _paths(left, dataset)
        _averages(right, dataset)
    return figure


def _paths(axes, dataset):
    steps = dataset["step"].values
    for index, label in enumerate(dataset["run"].values):
        method = "EulerMaruyama" if label.startswith("torchsde") else METHOD
        distance = dataset["distance"].sel(run=label, scheme=method).values
        style = "--" if label.endswith("float32") else "-"
        name = f"{label}, Euler" if label.startswith("torchsde") else label
        if label.startswith("cuda") and "simulator" in dataset.attrs["device_cuda"]:
            name += ", simulated"
        axes.semilogy(steps, np.maximum(distance, FLOOR), style, label=name,
                      color=COLOURS[index % len(COLOURS)])  # fmt: skip
    axes.axhline(1e-10, color="0.7", linewidth=0.8, zorder=0)
    axes.set_ylim(FLOOR / 30, 10.0)
    axes.set_yticks([FLOOR, 1e-14, 1e-10, 1e-6, 1e-2])
    axes.set_yticklabels(["0", *(f"$10^{{{power}}}$" for power in (-14, -10, -6, -2))])
    axes.minorticks_off()
    axes.set_xlabel("step")
    axes.set_ylabel("largest distance from the CPU's path")
    axes.set_title(f"paths of {METHOD} (torchsde: Euler), the same noise")
    axes.legend(fontsize=6.5, ncols=2, loc="center", bbox_to_anchor=(0.5, 0.375),
                frameon=True, edgecolor="none", framealpha=1.0)  # fmt: skip


def _averages(axes, dataset):
    labels = [str(label) for label in dataset["ensemble"].values]
    places = np.arange(len(labels))[::-1]
    axes.axvline(dataset.attrs["exact"], color="0.6", linewidth=0.8)
    axes.errorbar(dataset["average"].values, places, xerr=1.96 * dataset["average_stderr"].values,
                  fmt="o", color=COLOURS[0])  # fmt: skip
    axes.set_yticks(places, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_xlabel(r"$\langle x^2\rangle$")
    axes.set_title("averages, seeds of their own")

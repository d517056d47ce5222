"""Minibatches as a heat bath: the displacements of a network that CoolMomentum cools.

Left: displacement temperature over that at momentum 0, measured (symbols), predicted from the noise
of the examples (lines), and the paper's 1/(1 - momentum) (dotted). Right: measured over predicted,
for batches drawn independently and for those of epochs, with the range that all curvatures allow
(band) and what a flat loss has under epochs (dashed)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

MARKERS = "os"


def draw(dataset):
    """Cooling, and what is left of its prediction."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
        _cooling(left, dataset)
        _bath(right, dataset)
    return figure


def _cooling(axes, dataset):
    momenta = dataset["bath_momentum"].values
    part = np.arange(1, len(momenta) + 1) / len(momenta)
    for colour, marker, name in zip(COLOURS, MARKERS, dataset["sampling"].values):
        found = dataset.sel(sampling=name)
        last = found["bath_predicted"].values[-1]
        axes.semilogy(part, found["bath_predicted"].values / last, color=colour, linewidth=0.8)
        axes.semilogy(part, found["bath"].values / last, marker, color=colour, markersize=3,
                      label=name)  # fmt: skip
    axes.semilogy(part, 1 / (1 - momenta), ":", color="0.4", label=r"$1/(1-\rho)$")
    axes.set_xlabel("part of the cooling $n/S$")
    axes.set_ylabel(r"$\langle D^2\rangle/l$ over its end")
    axes.set_title(r"network that cools, $\rho$ from 0.99 to 0")
    axes.legend()


def _bath(axes, dataset):
    momenta = dataset["window_momentum"].values
    factor = (1 + momenta) / (1 - momenta)
    low, high = dataset["window_low"].values, dataset["window_high"].values
    axes.fill_between(factor, low, high, color="0.85", label="any curvature")
    axes.semilogx(factor, dataset["window_epochs"].values, "--", color=COLOURS[1], linewidth=0.8,
                  label="epochs, flat")  # fmt: skip
    for colour, marker, name in zip(COLOURS, MARKERS, dataset["sampling"].values):
        part = dataset.sel(sampling=name)
        axes.errorbar(factor, part["window"].values, part["window_stderr"].values, fmt=marker,
                      color=colour, label=name)  # fmt: skip
    axes.invert_xaxis()
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(r"$(1+\rho)/(1-\rho)$, falling as it cools")
    axes.set_ylabel(r"$\langle D^2\rangle/l$ over prediction")
    axes.set_title("digits: batches as a bath")
    axes.legend(loc="lower right")

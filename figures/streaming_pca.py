"""Streaming PCA with momentum on its way from a saddle to the optimum.

Left: steps out of the saddle at one learning rate over the exact law of the linear recursion:
simulated (circles, one standard error; grey: three of a mean of 400 runs), the diffusion (squares)
and the recursion (triangles), which both take the noise at the exit for small. Middle: the three
phases with the learning rate in proportion to 1 - mu, over those predicted; crosses: the quoted
N_2, half of the time across. Right: variances at the optimum over the leading order of the
diffusion, with its next order as lines.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

MARKERS = "osD"


def draw(dataset):
    """Exit, phases, variances."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.4, 2.9))
        _exits(left, dataset)
        _phases(middle, dataset)
        _variances(right, dataset)
    return figure


def _places(dataset):
    return np.arange(dataset.sizes["momentum"], dtype=float)


def _label(axes, dataset):
    axes.set_xticks(_places(dataset), [f"{mu:g}" for mu in dataset["momentum"].values])
    axes.set_xlabel(r"momentum $\mu$")
    axes.set_xlim(-0.5, dataset.sizes["momentum"] - 0.5)


def _exits(axes, dataset):
    place, exact = _places(dataset), dataset["exit_exact"].values
    band = 3.0 * dataset["exit_spread"].values / np.sqrt(400) / exact
    axes.bar(place, 2 * band, bottom=1.0 - band, width=0.6, color="0.88")
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    for shift, name, marker, colour in (
        (-0.18, "diffusion", "s", COLOURS[1]), (0.18, "recursion", "^", COLOURS[0]),
    ):  # fmt: skip
        axes.plot(place + shift, dataset[f"exit_{name}"] / exact, marker, color=colour,
                  label=name)  # fmt: skip
    axes.errorbar(
        place, dataset["exit_mean"] / exact, dataset["exit_stderr"] / exact, fmt="o",
        color=COLOURS[-1], markerfacecolor="white", label="simulation",
    )  # fmt: skip
    _label(axes, dataset)
    axes.set_ylim(0.84, 1.22)
    axes.set_ylabel(r"exit steps $N/N_{\mathrm{exact}}$")
    axes.set_title(rf"exit, $\eta = {dataset.attrs['learning_rate']:g}$")
    axes.legend(loc="upper left")


def _phases(axes, dataset):
    place = _places(dataset)
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    for index, phase in enumerate(dataset["phase"].values):
        row = dataset.sel(phase=phase)
        shift, predicted = 0.16 * (index - 1), row["phase_predicted"]
        axes.errorbar(
            place + shift, row["phase_mean"] / predicted, row["phase_stderr"] / predicted,
            fmt=MARKERS[index], color=COLOURS[index], markerfacecolor="white", label=str(phase),
        )  # fmt: skip
    axes.plot(place, np.full(place.size, 0.5), "x", color=COLOURS[-1], label="quoted $N_2$")
    _label(axes, dataset)
    axes.set_ylim(0.42, 1.12)
    axes.set_ylabel("phase, steps / predicted steps")
    axes.set_title(r"phases, $\eta \propto 1 - \mu$")
    axes.legend(loc="center", ncols=2, columnspacing=1.0, handletextpad=0.3)


def _variances(axes, dataset):
    place = _places(dataset)
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    for index, name in enumerate(dataset["coordinate"].values):
        row = dataset.sel(coordinate=name)
        shift, leading = 0.16 * (index - 1), row["variance_leading"]
        axes.errorbar(
            place + shift, row["variance"] / leading, row["variance_stderr"] / leading,
            fmt=MARKERS[index], color=COLOURS[index], markerfacecolor="white",
            label=f"$v_{index + 2}$",
        )  # fmt: skip
        axes.plot(place + shift, row["variance_next"] / leading, "_", color=COLOURS[index],
                  markersize=10)  # fmt: skip
    _label(axes, dataset)
    axes.set_ylabel(r"$\mathrm{Var}\,v_i$ / leading order")
    axes.set_title("variances at the optimum")
    axes.legend(loc="upper left")

"""Bias of stationary averages against the time step.

Left: bias of <x^2> on the quartic well x^4/4 + x^2/2 at T = 1, from the transfer operator of each
scheme (filled: too high, open: too low), with triangles of slope 1 and 2; crosses are simulations.
Top right: second moments on the harmonic well relative to Gibbs, read off the step (ticks) and in
closed form (bars). Bottom right: sampled over computed bias, with one standard error.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE, draw_triangle


def draw(dataset):
    """Orders on the quartic well, the harmonic table, sampled against computed biases."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 4.6))
        grid = figure.add_gridspec(2, 2, width_ratios=(1.2, 1), height_ratios=(2.4, 1))
        _orders(figure.add_subplot(grid[:, 0]), dataset)
        _harmonic(figure.add_subplot(grid[0, 1]), dataset)
        _agreement(figure.add_subplot(grid[1, 1]), dataset)
    return figure


def _orders(axes, dataset):
    for colour, marker, name in zip(COLOURS, "osD^v<", dataset["scheme"].values):
        row = dataset.sel(scheme=name)
        dt, bias = row["dt"].values, row["bias"].values
        face = colour if bias[0] > 0 else "white"
        if name in dataset["sampled_scheme"].values:
            point = dataset.sel(sampled_scheme=name)
            dt = np.append(dt, float(point["sampled_dt"]))
            bias = np.append(bias, float(point["sampled_predicted"]))
        order = np.argsort(dt)
        axes.plot(
            dt[order], np.abs(bias[order]), marker=marker, color=colour, markerfacecolor=face,
            label=str(name),
        )  # fmt: skip
    for name in dataset["sampled_scheme"].values:
        row = dataset.sel(sampled_scheme=name)
        axes.errorbar(
            float(row["sampled_dt"]), abs(float(row["sampled_bias"])), float(row["sampled_stderr"]),
            fmt="x", color=COLOURS[-1], zorder=5,
        )  # fmt: skip
    axes.errorbar([], [], [], fmt="x", color=COLOURS[-1], label="simulation")
    draw_triangle(axes, 0.004, 1.6e-4, 1)
    draw_triangle(axes, 0.012, 1.3e-6, 2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("time step $dt$  (time)")
    axes.set_ylabel(r"$|\langle x^2\rangle_{dt} - \langle x^2\rangle|$  (length$^2$)")
    axes.set_title("quartic well, $T = 1$, friction 1")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=1)
    axes.set_ylim(top=4.0)


def _harmonic(axes, dataset):
    names = dataset["harmonic_scheme"].values
    rows = np.arange(len(names))[::-1]
    for shift, kind, colour, label in (
        (0.18, "position", COLOURS[0], r"$k\langle x^2\rangle/T$"),
        (-0.18, "momentum", COLOURS[1], r"$\langle p^2\rangle/(mT)$"),
    ):
        predicted = dataset[f"predicted_{kind}"]
        axes.barh(
            rows + shift, predicted.values - 1, left=1.0, height=0.32, color=colour, alpha=0.35,
            label=label,
        )  # fmt: skip
        measured = dataset[f"harmonic_{kind}"].where(predicted.notnull()).values
        axes.plot(measured, rows + shift, "|", color=colour, markersize=7, markeredgewidth=1.6)
    axes.axvline(1.0, color="0.4", linewidth=0.8)
    axes.set_yticks(rows, names, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.7, 1.9)
    axes.set_xlabel("second moment / Gibbs value")
    dt, friction = dataset.attrs["harmonic_dt"], dataset.attrs["harmonic_friction"]
    axes.set_title(rf"harmonic well, $\omega\,dt = {dt:g}$, friction {friction:g}")
    axes.legend(loc="center right", fontsize=7)


def _agreement(axes, dataset):
    names = dataset["sampled_scheme"].values
    rows = np.arange(len(names))[::-1]
    predicted = dataset["sampled_predicted"].values
    axes.axvline(1.0, color="0.4", linewidth=0.8)
    axes.errorbar(
        dataset["sampled_bias"].values / predicted, rows,
        xerr=dataset["sampled_stderr"].values / np.abs(predicted), fmt="x", color=COLOURS[-1],
    )  # fmt: skip
    labels = [f"{name}, {dt:g}" for name, dt in zip(names, dataset["sampled_dt"].values)]
    axes.set_yticks(rows, labels, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.96, 1.04)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("sampled / computed bias")

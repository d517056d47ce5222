"""Bias of stationary averages against the time step.

Left: bias of <x^2> on the quartic well x^4/4 + x^2/2 at T = 1, from the transfer operator of each
scheme (filled: too high, open: too low), with triangles of slope 1 and 2; crosses are simulations
with one standard error. Right: second moments on the harmonic well at the step of the table,
computed from the step itself, against their closed forms (bars: prediction).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Orders on the quartic well, and the harmonic table."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.9), width_ratios=(1.25, 1))
        _orders(left, dataset)
        _harmonic(right, dataset)
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
    _triangle(axes, 0.004, 1.6e-4, 1)
    _triangle(axes, 0.012, 1.3e-6, 2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("time step $dt$  (time)")
    axes.set_ylabel(r"$|\langle x^2\rangle_{dt} - \langle x^2\rangle|$  (length$^2$)")
    axes.set_title("quartic well, $T = 1$, friction 1")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=1)
    axes.set_ylim(top=4.0)


def _triangle(axes, start, height, slope, width=2.5):
    """A right triangle of the given slope, labelled with it."""
    x = [start, start * width, start * width, start]
    y = [height, height, height * width**slope, height]
    axes.plot(x, y, color="0.4", linewidth=0.8)
    axes.annotate(
        f"{slope}", (start * width, height * width ** (slope / 2)), xytext=(3, 0),
        textcoords="offset points", va="center", color="0.4",
    )  # fmt: skip


def _harmonic(axes, dataset):
    names = dataset["harmonic_scheme"].values
    rows = np.arange(len(names))[::-1]
    for shift, kind, colour, label in (
        (0.18, "position", COLOURS[0], r"$k\langle x^2\rangle/T$"),
        (-0.18, "momentum", COLOURS[1], r"$\langle p^2\rangle/(mT)$"),
    ):
        axes.barh(
            rows + shift, dataset[f"predicted_{kind}"].values, height=0.32, color=colour,
            alpha=0.35, label=f"{label}, closed form",
        )  # fmt: skip
        predicted = dataset[f"predicted_{kind}"]
        axes.plot(
            dataset[f"harmonic_{kind}"].where(predicted.notnull()).values, rows + shift, "|",
            color=colour, markersize=9, markeredgewidth=1.6, label=f"{label}, from the step",
        )  # fmt: skip
    axes.axvline(1.0, color="0.4", linewidth=0.8)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.6, 2.0)
    axes.set_ylim(-0.6, len(names) + 1.9)
    axes.set_xlabel("second moment / Gibbs value")
    dt, friction = dataset.attrs["harmonic_dt"], dataset.attrs["harmonic_friction"]
    axes.set_title(rf"harmonic well, $\omega\,dt = {dt:g}$, friction {friction:g}")
    axes.legend(loc="upper right", ncols=1, fontsize=7)

"""Methods against their modified equations.

Top: distance at the end of heavy ball and of BAOAB (temperature 0) from flows kept to h^0, ...,
h^3, with triangles of the expected slopes. Bottom left: measured (symbols) and expected (ticks)
orders of all methods. Bottom right: bias of <x^2> on the quartic well at T = 1 (open) and what is
left without the predicted terms (filled); bars, smaller than the symbols, are numerical errors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from langevin_lab.evidence import order
from langevin_lab.lab.figure_style import COLOURS, STYLE, draw_triangle

SYMMETRIC = ("BAB", "BAOAB", "OBABO", "ABOBA")


def draw(dataset):
    """Two methods in full, all orders, stationary biases."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.4))
        _errors(axes[0, 0], dataset, "heavy ball", (1, 2, 3, 4))
        _errors(axes[0, 1], dataset, "BAOAB", (2, None, 4, None))
        _orders(axes[1, 0], dataset)
        _biases(axes[1, 1], dataset)
    return figure


def _errors(axes, dataset, name, slopes):
    row = dataset.sel(scheme=name)
    steps = row["step"].values
    for colour, marker, kept, slope in zip(COLOURS, "osD^", row["kept"].values, slopes):
        errors = row["error"].sel(kept=kept).values
        axes.loglog(
            steps, errors, marker + "-", color=colour, label=f"$h^{kept}$",
            markersize=6 - kept, linewidth=0.8,
        )  # fmt: skip
        if slope is not None:
            draw_triangle(axes, steps[-1] * 1.5, errors[-1] * 0.35 * 1.5**slope, slope, width=1.6)
    ticks = [tick for tick in (0.003, 0.01, 0.03, 0.1) if steps[-1] < tick <= steps[0]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("learning rate $h$" if name == "heavy ball" else "step $h$  (time)")
    axes.set_ylabel(r"$|x_N - x(t_N)|$  (length)")
    axes.set_title(f"{name}, flow kept to")
    axes.legend(loc="lower right", ncols=2)


def _expected(name, kept):
    return kept + 2 if name in SYMMETRIC and kept % 2 == 0 else kept + 1


def _orders(axes, dataset):
    names = list(dataset["scheme"].values)
    for colour, marker, kept in zip(COLOURS, "osD^", dataset["kept"].values):
        for place, name in enumerate(names):
            row = dataset.sel(scheme=name, kept=kept)
            found = order(row["step"].values, row["error"].values)
            shift = place + 0.16 * (kept - 1.5)
            axes.plot([_expected(name, kept)], [shift], "|", color="0.4", markersize=9)
            axes.errorbar(
                found.value, shift, xerr=found.bias_bound, fmt=marker, color=colour, markersize=3,
                label=f"$h^{kept}$" if place == 0 else None,
            )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0.5, 5.2)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("order")
    axes.legend(loc="upper right", title="kept to", title_fontsize=7, fontsize=7)


def _biases(axes, dataset):
    for colour, marker, name in zip(COLOURS, "osD^", dataset["stationary_scheme"].values):
        row = dataset.sel(stationary_scheme=name)
        dt, bias = row["stationary_dt"].values, row["bias"].values
        first, second = row["term"].values
        left = np.abs(bias - first * dt - second * dt**2)
        label = "Euler-Maruyama" if name == "EulerMaruyama" else str(name)
        axes.loglog(dt, np.abs(bias), marker, color=colour, markerfacecolor="white")
        axes.loglog(dt, left, marker + "-", color=colour, linewidth=0.8, label=label)
    draw_triangle(axes, 0.14, 1.2e-6, 4, width=1.6)
    draw_triangle(axes, 0.014, 1.5e-7, 3, width=1.6)
    axes.set_xlabel("step $h$  (time)")
    axes.set_ylabel(r"$|\langle x^2\rangle_h - \langle x^2\rangle|$  (length$^2$)")
    axes.set_title("bias (open), left of it (filled)")
    axes.set_ylim(2e-8, 2.0)
    axes.legend(loc="upper left", fontsize=7)

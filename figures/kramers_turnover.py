"""Escape rate against friction.

Left: hop rate of the double well over four decades of friction at three temperatures: exact (line),
Pollak-Grabert-Haenggi (dash-dotted), Mel'nikov-Meshkov (dashed), Kramers-Langer (dotted), BAOAB
(points, errors smaller than them). Top right: the formulas over the exact rate at the lowest and
the highest temperature. Bottom right: simulated rate over the exact one, with standard errors; the
bars behind are bounds on the bias of time step and faster modes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

LINES = {
    "normal_mode": ("-.", "Pollak-Grabert-Hänggi"),
    "turnover": ("--", "Mel'nikov-Meshkov"),
    "kramers": (":", "Kramers-Langer"),
}
MARKERS = "os^D"


def draw(dataset):
    """Rates, formulas over exact rates, residuals of the simulation."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 4.6))
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
        _rates(figure.add_subplot(grid[:, 0]), dataset)
        formulas = figure.add_subplot(grid[0, 1])
        _formulas(formulas, dataset)
        _residuals(figure.add_subplot(grid[1, 1], sharex=formulas), dataset)
    return figure


def _rates(axes, dataset):
    for colour, marker, T in zip(COLOURS, MARKERS, dataset["temperature"].values):
        row = dataset.sel(temperature=T)
        axes.loglog(dataset["curve_friction"].values, row["curve"].values, color=colour)
        for name, (style, _) in LINES.items():
            axes.loglog(
                dataset["formula_friction"].values, row["formula_rate"].sel(formula=name).values,
                style, color=colour, linewidth=0.8,
            )  # fmt: skip
        axes.errorbar(
            dataset["friction"].values, row["rate"].values, row["rate_stderr"].values, fmt=marker,
            color=colour, label=f"$T = {T:g}$",
        )  # fmt: skip
    axes.plot([], [], "-", color="0.3", label="exact, spectrum")
    for style, label in LINES.values():
        axes.plot([], [], style, color="0.3", linewidth=0.8, label=label)
    lowest = float(dataset["formula_rate"].sel(formula="normal_mode").min())
    axes.set_ylim(0.08 * lowest, 0.3)
    axes.set_xlabel(r"friction $\gamma$  (1/time)")
    axes.set_ylabel("hop rate $k$  (1/time)")
    axes.legend(loc="lower left", ncols=2, fontsize=7)


def _formulas(axes, dataset):
    friction, temperatures = dataset["curve_friction"].values, dataset["temperature"].values
    for place in (0, len(temperatures) - 1):
        row = dataset.isel(temperature=place)
        for name, (style, _) in LINES.items():
            ratio = (row["curve_formula"].sel(formula=name) / row["curve"]).values
            axes.semilogx(friction, ratio, style, color=COLOURS[place])
        axes.plot([], [], color=COLOURS[place], label=f"$T = {temperatures[place]:g}$")
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.set_ylim(0.6, 1.6)
    axes.set_ylabel("formula / exact rate")
    axes.tick_params(labelbottom=False)
    axes.legend(loc="upper right", ncols=2)


def _residuals(axes, dataset):
    temperatures = dataset["temperature"].values
    for place, T in enumerate(temperatures):
        row = dataset.sel(temperature=T)
        # Side by side, so that the error bars can be told apart.
        friction = dataset["friction"].values * 1.18 ** (place - (len(temperatures) - 1) / 2)
        exact = row["exact"].values
        axes.vlines(
            friction, 1 - row["bias_bound"].values / exact, 1 + row["bias_bound"].values / exact,
            color="0.8", linewidth=3.0,
        )  # fmt: skip
        axes.errorbar(
            friction, row["rate"].values / exact, row["rate_stderr"].values / exact,
            fmt=MARKERS[place], color=COLOURS[place],
        )  # fmt: skip
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    reach = (
        np.abs(dataset["rate"] / dataset["exact"] - 1)
        + 2 * dataset["rate_stderr"] / (dataset["exact"])
    )
    axes.set_ylim(1 - 1.2 * float(reach.max()), 1 + 1.2 * float(reach.max()))
    axes.set_xlabel(r"friction $\gamma$  (1/time)")
    axes.set_ylabel("simulated / exact rate")

"""Escape rate against friction.

Left: hop rate of the double well at each temperature, exact (line), Mel'nikov-Meshkov (dashed),
Kramers-Langer (dotted) and simulated (points with error bars). Right: the formulas and the
simulation relative to the exact rate."""

from __future__ import annotations

import matplotlib.pyplot as plt

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Rates, and their ratio to the exact ones."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.5))
        _rates(left, dataset)
        _ratios(right, dataset)
    return figure


def _rates(axes, dataset):
    friction = dataset["curve_friction"].values
    for colour, T in zip(COLOURS, dataset["temperature"].values):
        row = dataset.sel(temperature=T)
        axes.loglog(friction, row["curve"].values, color=colour, label=f"exact, $T = {T:g}$")
        axes.loglog(friction, row["turnover"].values, "--", color=colour, linewidth=0.8)
        axes.loglog(friction, row["kramers"].values, ":", color=colour, linewidth=0.8)
    for T in dataset["simulated_temperature"].values:
        row = dataset.sel(simulated_temperature=T)
        place = list(dataset["temperature"].values).index(T)
        axes.errorbar(
            dataset["friction"].values, row["rate"].values, row["rate_stderr"].values, fmt="o",
            color=COLOURS[place], label="BAOAB",
        )  # fmt: skip
    axes.plot([], [], "--", color="0.4", linewidth=0.8, label="Mel'nikov-Meshkov")
    axes.plot([], [], ":", color="0.4", linewidth=0.8, label="Kramers-Langer")
    axes.set_xlabel("friction  (1/time)")
    axes.set_ylabel("hop rate $k$  (1/time)")
    axes.legend(loc="lower left", fontsize=7)


def _ratios(axes, dataset):
    friction = dataset["curve_friction"].values
    for colour, T in zip(COLOURS, dataset["temperature"].values):
        row = dataset.sel(temperature=T)
        axes.semilogx(
            friction, (row["turnover"] / row["curve"]).values, "--", color=colour, linewidth=0.8,
            label=f"$T = {T:g}$",
        )  # fmt: skip
        axes.semilogx(
            friction, (row["kramers"] / row["curve"]).values, ":", color=colour, linewidth=0.8
        )
    for T in dataset["simulated_temperature"].values:
        row = dataset.sel(simulated_temperature=T)
        place = list(dataset["temperature"].values).index(T)
        axes.errorbar(
            dataset["friction"].values, (row["rate"] / row["exact"]).values,
            (row["rate_stderr"] / row["exact"]).values, fmt="o", color=COLOURS[place],
        )  # fmt: skip
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.set_ylim(0.9, 1.6)
    axes.set_xlabel("friction  (1/time)")
    axes.set_ylabel("rate / exact rate")
    axes.legend(loc="upper right")

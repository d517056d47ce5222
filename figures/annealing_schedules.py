"""Probability of the deepest minimum against the cooling time, by schedule.

Top left: a tilted row of wells, simulated (symbols) and from the Fokker-Planck equation (lines).
Top middle and right: Rastrigin's function of two coordinates and the Lennard-Jones cluster of
13 atoms under Langevin dynamics; lines join the points, error bars are Wilson's intervals of one
standard error. Bottom left: the temperature
schedules; CoolMomentum's are those of a friction that rises, its exponential and linear forms have
the temperatures of those schedules. Bottom right: what slow exponential cooling leaves in the
upper well of a double well (circles: Fokker-Planck), Huse and Fisher's law with its logarithm, and
the plain power of the cooling time.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

MARKERS = "osD^v<>"


def draw(dataset):
    """Success on three landscapes, the schedules, and slow cooling."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 5.4))
        grid = figure.add_gridspec(2, 6, height_ratios=(1.15, 1))
        row = figure.add_subplot(grid[0, :2])
        _row(row, dataset)
        rastrigin = figure.add_subplot(grid[0, 2:4])
        _search(rastrigin, dataset, "rastrigin", "Rastrigin, 2 coordinates")
        cluster = figure.add_subplot(grid[0, 4:])
        _search(cluster, dataset, "cluster", "13 Lennard-Jones atoms")
        level = float(dataset["cluster_quenched"])
        cluster.axhline(level, linestyle="--", color="0.5", linewidth=0.8)
        cluster.annotate(
            "quenched liquid", (1.0, level), xycoords=("axes fraction", "data"), xytext=(-3, -2),
            textcoords="offset points", ha="right", va="top", color="0.4", fontsize=7,
        )  # fmt: skip
        cluster.set_ylim(-0.06, 1.04)
        _schedules(figure.add_subplot(grid[1, :3]), dataset)
        _slow(figure.add_subplot(grid[1, 3:]), dataset)
        handles, labels = rastrigin.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def _wilson(probability, count):
    """Distances to the ends of Wilson's interval of one standard error, shape (2, ...)."""
    from scipy.stats import binomtest

    intervals = [
        binomtest(round(float(p) * count), count).proportion_ci(0.6827, method="wilson")
        for p in probability
    ]
    low, high = np.array([(interval.low, interval.high) for interval in intervals]).T
    # Rounding can leave a distance of -1e-17 where all succeed.
    return np.clip([probability - low, high - probability], 0.0, None)


def _row(axes, dataset):
    for colour, marker, name in zip(COLOURS, MARKERS, dataset["schedule"].values):
        part = dataset.sel(schedule=name)
        tau, success = part["row_duration"].values, part["row"].values
        axes.plot(part["curve_duration"], part["curve"], color=colour)
        axes.errorbar(
            tau, success, _wilson(success, dataset.attrs["row_replicas"]), fmt=marker,
            color=colour, markerfacecolor="white",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("cooling time (time)")
    axes.set_ylabel("probability of the deepest minimum")
    axes.set_title("row of wells, exact lines")


def _search(axes, dataset, landscape, title):
    count = dataset.attrs[f"{landscape}_replicas"]
    for index, name in enumerate(dataset["family"].values):
        part = dataset.sel(family=name)
        tau, success = part[f"{landscape}_duration"].values, part[landscape].values
        # Points of seven families are spread a little to keep their bars apart.
        tau = tau * 1.04 ** (index - 3)
        axes.errorbar(
            tau, success, _wilson(success, count), color=COLOURS[index], marker=MARKERS[index],
            markerfacecolor="white", linewidth=0.8, label=str(name),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("cooling time (time)")
    axes.set_title(title)


def _schedules(axes, dataset):
    for index, name in enumerate(dataset["family"].values):
        # Two forms of CoolMomentum would hide the schedules whose temperatures they have.
        hiding = name in ("CoolMomentum exponential", "CoolMomentum linear")
        style = (0, (4, 4)) if hiding else "-"
        axes.plot(
            dataset["elapsed"], dataset["temperature"].sel(family=name), color=COLOURS[index],
            linestyle=style,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel("elapsed part of the cooling time")
    axes.set_ylabel("temperature $T/T_0$")
    axes.set_title("schedules, longest Rastrigin run")


def _slow(axes, dataset):
    tau, left = dataset["slow_duration"].values, dataset["left"].values
    law, power = dataset["left_law"].values, float(dataset["left_exponent"])
    axes.plot(tau, law, color=COLOURS[0], label="Huse-Fisher law")
    axes.plot(tau, left[-1] * (tau / tau[-1]) ** -power, ":", color=COLOURS[1], label="plain power")
    axes.plot(tau, left, "o", color=COLOURS[-1], markerfacecolor="white", label="Fokker-Planck")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("cooling time (time)")
    axes.set_ylabel("probability of the upper well")
    axes.set_title("slow exponential cooling, double well")
    axes.legend(loc="lower left")

"""Probability of the deepest minimum against the cooling time, by schedule.

Top left: a tilted row of wells, simulated (symbols) and from the Fokker-Planck equation (lines).
Top right and bottom left: Rastrigin's function of two coordinates and the Lennard-Jones cluster of
13 atoms under Langevin dynamics; lines join the points, error bars are Wilson's intervals of one
standard error. Bottom right: the temperature schedules; CoolMomentum's are those of a friction
that rises, its exponential and linear forms have the temperatures of those schedules.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

MARKERS = "osD^v<>"


def draw(dataset):
    """Success on three landscapes, and the schedules."""
    with plt.rc_context(dict(STYLE)):
        figure, ((row, rastrigin), (cluster, schedules)) = plt.subplots(2, 2, figsize=(7.4, 5.4))
        _row(row, dataset)
        _search(rastrigin, dataset, "rastrigin", "Rastrigin, 2 coordinates")
        _search(cluster, dataset, "cluster", "13 Lennard-Jones atoms")
        cluster.set_ylabel("probability of the deepest minimum")
        _quenched(cluster, dataset)
        _schedules(schedules, dataset)
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


def _quenched(axes, dataset):
    level = float(dataset["cluster_quenched"])
    axes.axhline(level, linestyle="--", color="0.5", linewidth=0.8)
    axes.annotate(
        "quenched liquid", (1.0, level), xycoords=("axes fraction", "data"), xytext=(-3, -2),
        textcoords="offset points", ha="right", va="top", color="0.4", fontsize=7,
    )  # fmt: skip
    axes.set_ylim(-0.06, 1.04)


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

"""How far networks of one recipe come out apart, and what averages of them give.

Left: test accuracy of all networks over the epochs, the middle 90 % and 50 % of them, and their
median, on one set of points. Middle: accuracies after the training, their quantiles with bootstrap
errors (circles, at 5, 25, 50, 75 and 95 %), and what independent errors would scatter by (the
same outcomes dealt anew at each point; dashed: Poisson's binomial law). Right: accuracy of the mean
of several networks' probabilities, less that of one network, bars one standard error over points.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Accuracy over epochs, its distribution, averages."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.7))
        _epochs(axes[0], dataset)
        _distribution(axes[1], dataset)
        _averages(axes[2], dataset)
    return figure


def _epochs(axes, dataset):
    epochs, accuracy = dataset["epoch"].values, 100 * dataset["accuracy"].values
    for low, high, label, depth in ((5, 95, "90 %", 0.2), (25, 75, "50 %", 0.45)):
        band = np.percentile(accuracy, [low, high], axis=1)
        axes.fill_between(
            epochs, *band, color=COLOURS[0], alpha=depth, linewidth=0, label=f"middle {label}"
        )
    axes.plot(epochs, np.median(accuracy, axis=1), color=COLOURS[0], label="median")
    axes.set_xlabel("epochs")
    axes.set_ylabel("test accuracy (%)")
    axes.legend(loc="lower right")


def _distribution(axes, dataset):
    accuracy = 100 * dataset["accuracy"].isel(epoch=-1).values
    dealt = 100 * dataset["dealt_on_half"].mean("half").values
    bins = np.linspace(min(accuracy.min(), dealt.min()), max(accuracy.max(), dealt.max()), 40)
    axes.hist(accuracy, bins, density=True, color=COLOURS[0], alpha=0.5, label="networks")
    axes.hist(
        dealt, bins, density=True, histtype="step", color=COLOURS[1], label="dealt anew"
    )  # fmt: skip
    deviation = 100 * np.sqrt(float(dataset["independent"]))
    grid = np.linspace(bins[0], bins[-1], 300)
    law = np.exp(-0.5 * ((grid - accuracy.mean()) / deviation) ** 2)
    axes.plot(grid, law / (deviation * np.sqrt(2 * np.pi)), "--", color=COLOURS[1],
              label="independent errors")  # fmt: skip
    value, error = 100 * dataset["quantile_value"].values.T
    height = 0.06 * axes.get_ylim()[1]
    axes.errorbar(value, np.full(value.shape, height), xerr=error, fmt="o", color=COLOURS[-1],
                  markerfacecolor="white", label="quantiles")  # fmt: skip
    axes.set_xlabel("test accuracy (%)")
    axes.set_ylabel("density")
    axes.legend(loc="upper left", fontsize="x-small")


def _averages(axes, dataset):
    gains = 100 * (dataset["average"] - dataset["single"])
    error = gains.std("group", ddof=1) / np.sqrt(gains.sizes["group"])
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.errorbar(dataset["size"], gains.mean("group"), error, fmt="o", color=COLOURS[0],
                  markerfacecolor="white")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("networks averaged")
    axes.set_ylabel("accuracy gained (points)")

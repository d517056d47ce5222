"""Adaptive momentum on digits.

Left: test accuracy against the learning rate, mean and standard error over replicas of their own
starts and minibatches; filled: the rate that validation chose. Right: test accuracy at that rate;
in brackets the mean momentum of those that set it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Accuracies over learning rates, and at the chosen ones."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2))
        _grids(left, dataset)
        _chosen(right, dataset)
    return figure


def _mean(samples):
    """Mean and standard error over replicas, in percent."""
    count = samples.sizes["replica"]
    spread = samples.std("replica", ddof=1) / np.sqrt(count)
    return 100 * samples.mean("replica").values, 100 * spread.values


def _best(rows):
    return int(np.argmax(rows["validation"].mean("replica").values))


def _grids(axes, dataset):
    for colour, marker, name in zip(COLOURS, "os^Dv", dataset["optimiser"].values):
        rows = dataset.sel(optimiser=name)
        rates = rows["learning_rate"].values
        mean, error = _mean(rows["test"])
        axes.errorbar(
            rates, mean, error, fmt=f"{marker}-", color=colour, markerfacecolor="none",
            linewidth=0.9, label=name,
        )  # fmt: skip
        axes.plot(rates[_best(rows)], mean[_best(rows)], marker, color=colour)
    axes.set_xscale("log")
    axes.set_xlabel(r"learning rate $\eta$")
    axes.set_ylabel("test accuracy  (%)")
    axes.legend()


def _chosen(axes, dataset):
    names = dataset["optimiser"].values.tolist()
    labels = []
    for place, (colour, name) in enumerate(zip(COLOURS, names)):
        rows = dataset.sel(optimiser=name)
        row = rows.isel(place=_best(rows))
        mean, error = _mean(row["test"])
        axes.errorbar(place, mean, error, fmt="os^Dv"[place], color=colour)
        momentum = float(row["momentum"])
        labels.append(name if np.isnan(momentum) else f"{name}\n({momentum:.2f})")
    axes.set_xticks(range(len(names)), [label.replace(" ", "\n") for label in labels])
    axes.tick_params(axis="x", labelsize=8.0)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylabel("test accuracy  (%)")
    axes.set_title("learning rate chosen by validation")

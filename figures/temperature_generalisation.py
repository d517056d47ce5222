"""Temperature and generalisation.

A network 2-20-1 on 100 points of two moons with 20 % wrong labels, against the temperature in units
of that of the posterior, 1/n. Top left: accuracy on clean test points, of single networks and of
averaged predictions. Top right: accuracy on the training labels, right and wrong, and the gap to
the test under as many wrong labels. Bottom left: largest eigenvalue of the Hessian. Bottom right:
kinetic and virial temperature over the nominal one; line: BAOAB's kinetic temperature. Bars: one
standard error over data sets, in the last panel over replicas."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Test, training, sharpness, thermometers."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.0, 5.2), sharex=True)
        _test(axes[0, 0], dataset)
        _training(axes[0, 1], dataset)
        _sharpness(axes[1, 0], dataset)
        _thermometers(axes[1, 1], dataset)
        for panel in axes.flat:
            panel.set_xscale("log")
            panel.axvline(1.0, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
        for panel in axes[1]:
            panel.set_xlabel("temperature $n\\,T$  (in units of the posterior's)")
    return figure


def _over_data_sets(axes, dataset, values, colour, marker, label):
    """Mean and standard error over data sets."""
    values = values.transpose("temperature_ratio", "data_set").values
    error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    axes.errorbar(
        dataset["temperature_ratio"].values, values.mean(axis=1), error,
        fmt=f"{marker}-", color=colour, label=label,
    )  # fmt: skip


def _test(axes, dataset):
    for name, colour, marker, label in (
        ("average_accuracy", COLOURS[2], "s", "averaged predictions"),
        ("test_accuracy", COLOURS[0], "o", "one network"),
    ):
        _over_data_sets(axes, dataset, 100 * dataset[name], colour, marker, label)
    axes.set_ylabel("test accuracy  (%)")
    axes.set_title("clean test points")
    axes.legend(loc="upper left")


def _training(axes, dataset):
    wrong = dataset.attrs["wrong_labels"]
    gap = dataset["train_accuracy"] - (wrong + (1 - 2 * wrong) * dataset["test_accuracy"])
    _over_data_sets(
        axes, dataset, 100 * dataset["train_accuracy"], COLOURS[1], "o", "training accuracy"
    )
    _over_data_sets(axes, dataset, 100 * gap, COLOURS[3], "s", "gap to the test")
    axes.axhline(100 * (1 - wrong), color="0.4", linewidth=0.8)
    axes.text(0.02, 100 * (1 - wrong) + 1, "right labels", color="0.4", fontsize=8,
              transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_ylim(0, 105)
    axes.set_ylabel("training accuracy, gap  (%)")
    axes.set_title(f"{100 * wrong:g} % wrong labels")
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.55))


def _sharpness(axes, dataset):
    _over_data_sets(axes, dataset, dataset["sharpness"], COLOURS[0], "o", None)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("largest eigenvalue of the Hessian")


def _thermometers(axes, dataset):
    ratios = dataset["temperature_ratio"].values
    nominal = ratios * dataset.attrs["posterior_temperature"]
    low = 0.25 * dataset.attrs["dt"] ** 2 * dataset["laplacian"].mean("data_set").values
    axes.plot(ratios, 1 - low, color="0.4", label="$1 - h^2 \\langle\\Delta U\\rangle/4N$")
    for name, colour, marker, shift in (
        ("kinetic", COLOURS[1], "o", 0.96),
        ("virial", COLOURS[0], "s", 1.04),
    ):
        values = dataset[name].values.reshape(len(ratios), -1) / nominal[:, None]
        error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        axes.errorbar(
            shift * ratios, values.mean(axis=1), error, fmt=marker, color=colour, label=name
        )
    axes.set_ylabel("measured temperature / $T$")
    axes.legend(loc="lower right")

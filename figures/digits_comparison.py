"""All methods on scikit-learn's digits, each tuned with the same budget.

From left: accuracy on test (dots) and training digits (ticks), and the chosen numbers; -log p of
the test digits; calibration error, split-sample; sharpness, the largest eigenvalue of the training
loss's Hessian. Thick bars: 95 % intervals of seeds (starts, batches, noise) on these test digits;
thin: of seeds and of test digits. Open squares: forecasts averaged over the second half of a
sampler's epochs, bars as the thick ones. A star: differs from heavy ball in pairs, seeds and digits
drawn at random, after Holm's correction at 5 %."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

import langevin_lab as ll
from langevin_lab.evidence import Estimate
from langevin_lab.lab.figure_style import COLOURS, STYLE

REFERENCE = "heavy ball"
MEASURES = (
    ("accuracy", 100.0, "accuracy  (%)"),
    ("loss", 1.0, "$-\\log p$  (nats)"),
    ("calibration", 100.0, "calibration\nerror  (%)"),
)


def draw(dataset):
    """Accuracy, loss, calibration, sharpness; one row a method."""
    names = [str(name) for name in dataset["scheme"].values]
    with plt.rc_context(dict(STYLE)):
        figure, panels = plt.subplots(
            1, 4, figsize=(7.6, 5.4), sharey=True, width_ratios=(1.5, 1, 1, 1)
        )
        for panel, (measure, unit, label) in zip(panels, MEASURES):
            _measure(panel, dataset, names, measure, unit)
            panel.set_xlabel(label)
        _training(panels[0], dataset, names)
        _sharpness(panels[3], dataset, names)
        rows = [f"{name}\n{best}" for name, best in zip(names, dataset["tuned_best"].values)]
        panels[0].set_yticks(range(len(names)), rows, fontsize=6.5, linespacing=1.1)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        for panel in panels:
            panel.tick_params(axis="y", length=0)
            for row in range(len(names) - 1):
                panel.axhline(row + 0.5, color="0.92", linewidth=0.6, zorder=0)
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8
        )
    return figure


def _interval(samples) -> tuple[float, float, float]:
    """Mean and the distances to both ends of its interval."""
    estimate = Estimate.from_samples(samples)
    low, high = estimate.interval()
    return estimate.value, estimate.value - low, high - estimate.value


def _dot(axes, row, samples, **style):
    value, below, above = _interval(samples)
    axes.errorbar(value, row, xerr=[[below], [above]], **style)
    return value


def _measure(axes, dataset, names, measure, unit):
    averaged = unit * dataset["averaged"].sel(measure=measure)
    of_digits, different = _of_digits(dataset, names, measure)
    for row, name in enumerate(names):
        seeds = unit * dataset["test"].sel(scheme=name, measure=measure).values
        first = {"label": "test digits"} if row == 0 else {}
        place = _dot(axes, row, seeds, fmt="o", color=COLOURS[0], elinewidth=2.2, capsize=0,
                     **first)  # fmt: skip
        if name in of_digits:
            low, high = np.array(of_digits[name].interval()) * unit
            axes.plot([low, high], [row, row], color=COLOURS[0], linewidth=0.7)
        if name in different:
            axes.annotate("*", (place, row), xytext=(0, 1), textcoords="offset points",
                          ha="center", color=COLOURS[0])  # fmt: skip
        second = averaged.sel(scheme=name).values
        if np.isfinite(second).all():
            label = {"label": "averaged forecasts"} if name == "SGLD" else {}
            _dot(axes, row + 0.28, second, fmt="s", color=COLOURS[1], mfc="white", **label)


def _of_digits(dataset, names, measure):
    """Estimates over seeds and digits, and who differs from heavy ball, where digits are known."""
    table = {"accuracy": "right", "loss": "minus_log"}.get(measure)
    if table is None:
        return {}, set()
    values = {name: dataset[table].sel(scheme=name).values.astype(float) for name in names}
    compared = ll.training.paired_differences(values, REFERENCE)
    different = {name for name, found in compared.items() if found.p_value < 0.05}
    return {name: ll.training.crossed_mean(array) for name, array in values.items()}, different


def _training(axes, dataset, names):
    for row, name in enumerate(names):
        accuracy = 100 * dataset["train_accuracy"].sel(scheme=name).values.mean()
        label = {"label": "training digits"} if row == 0 else {}
        axes.plot(accuracy, row, "|", color=COLOURS[2], markersize=7, **label)


def _sharpness(axes, dataset, names):
    for row, name in enumerate(names):
        _dot(
            axes,
            row,
            dataset["sharpness"].sel(scheme=name).dropna("curved").values,
            fmt="o",
            color=COLOURS[0],
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.margins(x=0.12)
    axes.set_xlabel("sharpness  (nats)")

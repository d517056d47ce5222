"""Mean passage times against 1/T: the exact integral as a line, the simulation as points."""

from __future__ import annotations

import matplotlib.pyplot as plt


def draw(dataset):
    """Draw the stored numbers; nothing is computed here that is not a ratio of two of them."""
    figure, (times, ratios) = plt.subplots(
        2, 1, sharex=True, figsize=(5.5, 4.5), height_ratios=(3, 1), layout="constrained"
    )
    inverse = 1 / dataset["temperature"]
    times.semilogy(1 / dataset["curve_temperature"], dataset["curve"], label="exact integral")
    times.errorbar(
        inverse, dataset["mean"], 2 * dataset["mean_stderr"], fmt="o", ms=4, label="simulation"
    )
    times.set_ylabel("mean passage time")
    times.legend()
    ratio, error = (dataset[name] / dataset["exact"] for name in ("mean", "mean_stderr"))
    ratios.axhline(1, lw=1)
    ratios.errorbar(inverse, ratio, 2 * error, fmt="o", ms=4, color="C1")
    ratios.set_xlabel("1 / temperature")
    ratios.set_ylabel("simulation / exact")
    return figure

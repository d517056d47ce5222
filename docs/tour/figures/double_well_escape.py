"""Mean passage times against 1/T: the exact integral as a line, the simulation as points."""

from __future__ import annotations

import matplotlib.pyplot as plt

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Draw the stored numbers; nothing is computed here that is not a ratio of two of them."""
    with plt.rc_context(dict(STYLE)):
        figure, (times, ratios) = plt.subplots(
            2, 1, sharex=True, figsize=(4.6, 4.2), height_ratios=(3, 1)
        )
        inverse = 1 / dataset["temperature"]
        times.semilogy(
            1 / dataset["curve_temperature"], dataset["curve"], color=COLOURS[0],
            label="exact integral",
        )  # fmt: skip
        times.errorbar(
            inverse, dataset["mean"], 2 * dataset["mean_stderr"], fmt="o", color=COLOURS[1],
            label="simulation",
        )  # fmt: skip
        times.set_ylabel("mean passage time")
        times.legend()
        ratio, error = (dataset[name] / dataset["exact"] for name in ("mean", "mean_stderr"))
        ratios.axhline(1, color=COLOURS[0])
        ratios.errorbar(inverse, ratio, 2 * error, fmt="o", color=COLOURS[1])
        ratios.set_xlabel("1 / temperature")
        ratios.set_ylabel("simulation / exact")
        figure.align_ylabels()
    return figure

"""Momentum SGD against its diffusion approximation.

Top left: stationary variance in a well against 1/(1 - mu), sampled (circles), exact (line) and of
the diffusion (dashed). Top right: steps to leave a linear saddle against the momentum, simulated
(circles), by the roots of the recursion (lines) and by the diffusion (dashed). Bottom left: all of
them over the exact law, against eta k/(1 - mu)^2; the diffusion promises half of the steps where
that is 1 (open squares: diffusion, triangles: recursion, circles: simulation, with one standard
error). Bottom right: variance after every step without annealing and with either repair, by the
recursion of the covariance (lines) and sampled (symbols); dotted: eta sigma^2/(2 k).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Variances, exits, their ratio to the exact law, annealing."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.2))
        _wells(axes[0, 0], dataset)
        _exits(axes[0, 1], dataset)
        _ratios(axes[1, 0], dataset)
        _annealing(axes[1, 1], dataset)
    return figure


def _wells(axes, dataset):
    memory = 1.0 / (1.0 - dataset["momentum"].values)
    axes.plot(memory, dataset["well_formula"], color=COLOURS[0], label="exact")
    axes.plot(memory, dataset["well_diffusion"], "--", color=COLOURS[1], label="diffusion")
    axes.errorbar(
        memory, dataset["well_sampled"], dataset["well_stderr"], fmt="o", color=COLOURS[-1],
        markerfacecolor="white", label="simulation",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"memory $1/(1 - \mu)$  (steps)")
    axes.set_ylabel(r"$\mathrm{Var}\,x\; k/\sigma^2$  (length$^2$/energy)")
    axes.set_title(rf"stationary variance, $\eta k = {dataset.attrs['well_rate']:g}$")
    axes.legend(loc="upper left")


def _exits(axes, dataset):
    for colour, rate in zip(COLOURS, dataset["learning_rate"].values):
        row = dataset.sel(learning_rate=rate)
        curve = row["curve_momentum"]
        axes.plot(curve, row["curve_recursion"], color=colour, label=rf"$\eta k = {rate:g}$")
        axes.plot(curve, row["curve_diffusion"], "--", color=colour)
        axes.errorbar(
            row["exit_momentum"], row["exit_mean"], row["exit_stderr"], fmt="o", color=COLOURS[-1],
            markerfacecolor="white",
        )  # fmt: skip
    axes.plot([], [], "--", color="0.4", label="diffusion")
    axes.set_yscale("log")
    axes.set_xlabel(r"momentum $\mu$")
    axes.set_ylabel("mean exit time $N$  (steps)")
    axes.set_title(r"exit from a saddle, $\sigma = k\delta$")
    axes.legend(loc="lower left")


def _ratios(axes, dataset):
    order = np.argsort(dataset["exit_small"].values.ravel())
    small = dataset["exit_small"].values.ravel()[order]
    exact = dataset["exit_exact"].values.ravel()[order]

    def over_exact(name):
        return dataset[f"exit_{name}"].values.ravel()[order] / exact

    axes.axhline(1.0, color="0.6", linewidth=0.8)
    axes.plot(small, over_exact("diffusion"), "s--", color=COLOURS[1], markerfacecolor="white",
              label="diffusion")  # fmt: skip
    axes.plot(small, over_exact("recursion"), "^-", color=COLOURS[0], label="recursion")
    axes.errorbar(
        small, over_exact("mean"), over_exact("stderr"), fmt="o", color=COLOURS[-1],
        markerfacecolor="white", label="simulation",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(0.4, 1.1)
    axes.set_xlabel(r"small parameter $\eta k/(1 - \mu)^2$")
    axes.set_ylabel(r"$N/N_{\mathrm{exact}}$")
    axes.set_title("exit: theories over the exact law")
    axes.legend(loc="lower left")


def _annealing(axes, dataset):
    steps = dataset["step"].values
    saved = steps[-1] * np.arange(1, dataset.sizes["saved_step"] + 1) / dataset.sizes["saved_step"]
    labels = {"constant": "no annealing"}
    for colour, marker, name in zip(COLOURS, "osD", dataset["schedule"].values):
        row = dataset.sel(schedule=name)
        label = labels.get(str(name), f"{name} annealed")
        axes.plot(steps, row["annealed_path"], color=colour, label=label)
        variance = row["annealed_saved"].values
        # Gaussian: the relative error of a sample variance is sqrt(2/n).
        error = variance * np.sqrt(2.0 / dataset.attrs["annealed_replicas"])
        axes.errorbar(saved, variance, error, fmt=marker, color=colour, markerfacecolor="white")
    axes.axhline(dataset.attrs["annealed_rate"] / 2.0, color="0.4", linestyle=":")
    axes.set_yscale("log")
    axes.set_xlabel("step $n$  (steps)")
    axes.set_ylabel(r"$\mathrm{Var}\,x\; k/\sigma^2$  (length$^2$/energy)")
    axes.set_ylim(bottom=0.1 * dataset.attrs["annealed_rate"])
    rate, momentum = dataset.attrs["annealed_rate"], dataset.attrs["annealed_momentum"]
    axes.set_title(rf"annealing from $\eta k = {rate:g}$, $\mu = {momentum:g}$")
    axes.legend(loc="lower left")

"""The adaptive heavy ball on a quadratic.

Top left: distance from the minimum without noise, four optimisers. Top right: one minus the factor
of a step against the condition number, the n of the double root removed (bars: bound of what is
left of the transient) and left in, over the window that is fitted to the theory sheet; line: the
best momentum, $\\kappa^{-1/2}$. Bottom left: mean momentum of the steps 101 to 300 against gradient
noise, simulated (points) and by the law of many modes (lines); dotted: the best momentum, dashed:
noise alone. Bottom right: plateau under noise, simulated and predicted."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import langevin_lab as ll
from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Distances, factors, momenta under noise, plateaus."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.8))
        _distances(axes[0, 0], dataset)
        _factors(axes[0, 1], dataset)
        _momenta(axes[1, 0], dataset)
        _plateaus(axes[1, 1], dataset)
    return figure


def _distances(axes, dataset):
    steps = np.arange(1, dataset.sizes["step"] + 1)
    for colour, name in zip(COLOURS, dataset["optimiser"].values):
        axes.semilogy(steps, dataset["distance"].sel(optimiser=name), color=colour, label=name)
    axes.set_xlabel("step $n$")
    axes.set_ylabel("distance $|x|$  (length)")
    axes.set_title(rf"no noise, $\kappa = {float(dataset['condition_number'][0]):g}$")
    axes.legend(loc="lower left")


def _factors(axes, dataset):
    kappa = dataset["condition_number"].values
    grid = np.geomspace(kappa[0], kappa[-1], 50)
    axes.loglog(grid, grid**-0.5, color="0.4", label=r"best momentum, $\kappa^{-1/2}$")
    axes.errorbar(
        kappa, 1.0 - dataset["factor"], dataset["factor_bound"], fmt="o", color=COLOURS[0],
        label="adaptive, $n$ removed",
    )  # fmt: skip
    axes.plot(
        kappa, 1.0 - dataset["plain"], "^", color=COLOURS[1], markerfacecolor="none",
        label="adaptive, $n$ left in, finite window",
    )  # fmt: skip
    axes.set_xlabel(r"condition number $\kappa = L/\nu$")
    axes.set_ylabel("1 - factor of a step")
    axes.set_title("no noise, late steps")
    axes.legend()


def _momenta(axes, dataset):
    kappa, noise = float(dataset["condition_number"][0]), dataset["noise_level"].values
    best = ll.limits.optimal_momentum(
        learning_rate=1.0, smallest_curvature=1.0 / kappa, largest_curvature=1.0
    )
    burn_in, n_steps = dataset.attrs["burn_in"], dataset.attrs["n_steps"]
    grid = np.geomspace(noise[0], noise[-1], 60)
    for colour, marker, dim in zip(COLOURS, "os", dataset["dim"].values.tolist()):
        laws = (
            ll.limits.adaptive_momentum(
                np.geomspace(1.0 / kappa, 1.0, dim), learning_rate=1.0, gradient_noise=float(s),
                n_steps=n_steps,
            )
            for s in grid
        )  # fmt: skip
        means = [law.momenta[burn_in:].mean() for law in laws]
        axes.semilogx(grid, means, color=colour, linewidth=0.9)
        row = dataset.sel(dim=dim)
        axes.errorbar(
            noise, row["mean"], row["mean_stderr"], fmt=marker, color=colour, label=f"{dim} modes",
            markerfacecolor="none", markersize=4.0 + 3.0 * (marker == "s"),
        )  # fmt: skip
    alone = ll.limits.stationary_adaptive_momentum(
        np.geomspace(1.0 / kappa, 1.0, int(dataset["dim"][-1])), learning_rate=1.0
    )
    axes.axhline(best.momentum, color="0.4", linestyle=":", linewidth=0.9)
    axes.axhline(alone, color="0.4", linestyle="--", linewidth=0.9)
    axes.set_xlabel("gradient noise $\\sigma$  (energy/length)")
    axes.set_ylabel("mean momentum")
    axes.set_ylim(0.0, 0.9)
    axes.set_title("the momentum collapses")
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9))


def _plateaus(axes, dataset):
    names = dataset["optimiser"].values.tolist()
    places = np.arange(len(names))
    scale = dataset.attrs["plateau_noise"] ** 2
    axes.plot(
        places, dataset["square_law"] / scale, "_", color="0.4", markersize=26, label="predicted"
    )
    axes.errorbar(
        places, dataset["square"] / scale, dataset["square_stderr"] / scale, fmt="o",
        color=COLOURS[0], label="simulated",
    )  # fmt: skip
    axes.set_xticks(places, [name.replace(" ", "\n", 1) for name in names])
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(0.0, None)
    axes.set_ylabel(r"plateau $\langle|x|^2\rangle/\sigma^2$  (length$^4$/energy$^2$)")
    axes.set_title(rf"noise $\sigma = {dataset.attrs['plateau_noise']:g}$")
    axes.legend(loc="upper left", markerscale=0.6)

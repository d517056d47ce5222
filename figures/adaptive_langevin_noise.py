"""Temperature and thermostat under gradient noise, and the two laws of AdLa's thermostat.

Left: <q^2>/T against dt noise^2; circles adaptive Langevin (BADODAB), squares Langevin (BAOAB),
crosses the laws of the linear steps. Middle: the thermostat's mean; line: white noise; crosses: the
frozen step. Right: histograms of AdLa's thermostat and the normal laws of both conventions.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Three panels."""
    with plt.rc_context(dict(STYLE)):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.4, 2.7))
        _temperature(left, dataset)
        _thermostat(middle, dataset)
        _laws(right, dataset)
    return figure


def _strength(dataset):
    return (dataset["dt"] * dataset["noise"] ** 2).values


def _temperature(axes, dataset):
    strength = _strength(dataset)
    adaptive = dataset.sel(quantity="position")
    for name, error, exact, marker, colour, label in (
        (adaptive["moments"], adaptive["moments_stderr"], adaptive["frozen"], "o", COLOURS[0],
         "adaptive (BADODAB)"),
        (dataset["baoab"], dataset["baoab_stderr"], dataset["baoab_exact"], "s", COLOURS[1],
         "Langevin (BAOAB)"),
    ):  # fmt: skip
        axes.errorbar(
            strength, name.values, error.values, fmt=marker, color=colour,
            markerfacecolor="white", label=label,
        )  # fmt: skip
        axes.plot(strength, exact.values, "x", color=COLOURS[-1], markersize=3.5, zorder=5)
    axes.plot([], [], "x", color=COLOURS[-1], markersize=3.5, label="law of the step")
    axes.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
    axes.set_xlabel(r"$dt\,\sigma_G^2$  (energy/time)")
    axes.set_ylabel(r"$\langle q^2\rangle / T$")
    axes.set_yscale("log")
    axes.set_yticks([0.8, 1, 2, 4], ["0.8", "1", "2", "4"])
    axes.minorticks_off()
    axes.set_ylim(0.65, 11)
    axes.legend(loc="upper left", handletextpad=0.3)
    axes.set_title("configurational temperature")


def _thermostat(axes, dataset):
    strength = _strength(dataset)
    row = dataset.sel(quantity="thermostat")
    line = np.linspace(0, 1.05 * strength.max(), 50)
    axes.plot(line, (1 + line) / 2, color=COLOURS[2], label="white noise")
    axes.errorbar(
        strength, row["moments"].values, row["moments_stderr"].values, fmt="o", color=COLOURS[0],
        markerfacecolor="white", label="measured",
    )  # fmt: skip
    axes.plot(
        strength, row["frozen"].values, "x", color=COLOURS[-1], markersize=3.5, zorder=5,
        label="law of the frozen step",
    )  # fmt: skip
    axes.set_xlabel(r"$dt\,\sigma_G^2$  (energy/time)")
    axes.set_ylabel(r"$\langle\xi\rangle$  (1/time)")
    axes.set_ylim(0, 4)
    axes.set_xticks([0, 1, 2, 3])
    axes.legend(loc="upper left")
    axes.set_title("thermostat")


def _laws(axes, dataset):
    epsilon = dataset.attrs["epsilon"]
    laws = {"text": (1 / (2 * epsilon), 1.0), "code": (0.5, epsilon)}
    centres = dataset["xi_bin"].values
    for colour, (convention, (mean, variance)) in zip(COLOURS, laws.items()):
        density = dataset["adla_density"].sel(convention=convention).values
        axes.step(centres, density, where="mid", color=colour, linewidth=0.8, alpha=0.7)
        normal = np.exp(-((centres - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        axes.plot(centres, normal, "--", color=colour, label=f"as {convention}")
    axes.set_xlabel(r"thermostat $\xi$  (1/time)")
    axes.set_ylabel("density  (time)")
    axes.set_ylim(0, 0.78)
    axes.legend(loc="upper left", title="normal law", title_fontsize=8.0)
    axes.set_title("AdLa's two conventions")

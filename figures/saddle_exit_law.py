"""Leaving a saddle.

Top left: mean exit time against temperature, exact (line) and simulated; below it the residuals in
standard errors. Top right: fraction that has left by a time, simulated (points) and predicted
(line). Bottom right: mean exit time against friction from rest and from thermal momenta, theory
(lines) and simulation; dotted: the best friction."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import langevin_lab as ll
from langevin_lab.lab.figure_style import COLOURS, STYLE

UNIT = {"curvature": 1.0, "distance": 1.0}


def draw(dataset):
    """Temperature, residuals, law, friction."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 5.6))
        grid = figure.add_gridspec(2, 2, height_ratios=(1.3, 1))
        _temperature(figure.add_subplot(grid[0, 0]), dataset)
        _law(figure.add_subplot(grid[0, 1]), dataset)
        _residuals(figure.add_subplot(grid[1, 0]), dataset)
        _friction(figure.add_subplot(grid[1, 1]), dataset)
    return figure


def _temperature(axes, dataset):
    grid = np.geomspace(3e-6, 0.3, 200)
    exact = [ll.escape.linear_saddle_exit_time(**UNIT, temperature=T).mean for T in grid]
    axes.semilogx(grid, exact, color="0.4", label=r"$_2F_2$, exact")
    axes.errorbar(
        dataset["temperature"].values, dataset["overdamped_mean"].values,
        dataset["overdamped_mean_stderr"].values, fmt="o", color=COLOURS[0], label="simulation",
    )  # fmt: skip
    axes.set_xlabel("temperature $T$  (energy)")
    axes.set_ylabel(r"mean exit time $\langle t\rangle$  (time)")
    axes.set_title("overdamped, $k = L = 1$")
    axes.legend()


def _residuals(axes, dataset):
    T = dataset["temperature"].values
    exact = [ll.escape.linear_saddle_exit_time(**UNIT, temperature=float(t)).mean for t in T]
    error = dataset["overdamped_mean_stderr"].values
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    z = (dataset["overdamped_mean"].values - exact) / error
    axes.errorbar(T, z, np.ones_like(T), fmt="o", color=COLOURS[0], label="mean")
    spread = dataset["overdamped_spread"].values - np.pi / (2 * np.sqrt(2))
    spread /= dataset["overdamped_spread_stderr"].values
    axes.errorbar(
        1.15 * T, spread, np.ones_like(T), fmt="s", color=COLOURS[1], label="standard deviation"
    )
    axes.set_xscale("log")
    axes.set_ylim(-5, 7)
    axes.set_xlabel("temperature $T$  (energy)")
    axes.set_ylabel("(measured - theory)/standard error")
    axes.legend(loc="upper left")


def _law(axes, dataset):
    time = dataset["law_time"].values
    axes.plot(time, dataset["law_predicted"].values, color="0.4", label="theory")
    axes.plot(time[::3], dataset["law_left"].values[::3], "o", color=COLOURS[0], label="simulation")
    axes.set_xlabel("time $t$")
    axes.set_ylabel("fraction that has left by $t$")
    axes.set_title(f"law of the exit, $T = {dataset.attrs['law_temperature']:g}$")
    axes.legend(loc="lower right")


def _friction(axes, dataset):
    T, grid = dataset.attrs["langevin_temperature"], np.geomspace(0.005, 5.0, 200)
    for colour, marker, start in zip(COLOURS, "os", ("cold", "thermal")):
        thermal = start == "thermal"
        theory = [
            ll.escape.langevin_saddle_exit_time(
                **UNIT, temperature=T, friction=g, thermal_start=thermal
            ).mean
            for g in grid
        ]
        axes.semilogx(grid, theory, color=colour, linewidth=0.9)
        axes.errorbar(
            dataset[f"{start}_friction"].values, dataset[f"{start}_mean"].values,
            dataset[f"{start}_mean_stderr"].values, fmt=marker, color=colour,
            label="from rest" if start == "cold" else "thermal momenta",
        )  # fmt: skip
    friction, _ = ll.escape.optimal_exit_friction(**UNIT, temperature=T)
    axes.axvline(friction, color="0.4", linestyle=":", linewidth=0.9, label="best from rest")
    axes.set_ylim(4, 16)
    axes.set_xlabel("friction  (1/time)")
    axes.set_ylabel(r"$\langle t\rangle$  (time)")
    axes.set_title(f"Langevin, $T = {T:g}$")
    axes.legend(loc="upper left")

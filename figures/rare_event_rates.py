"""Rates of rare events.

Left: rate against barrier over temperature; exact passage times (lines), splitting (circles,
squares), forward flux (crosses) and Langevin dynamics (triangles, dashed: half the spectral gap).
Error bars are one standard error, mostly within the points. Below it: what was measured minus what
is exact at the simulated time step, in standard errors. Top right: variance of a run over that of a
perfect coordinate; grey: within 30 %. Bottom right: relative time-step bias of the rate at a
barrier of 10 T, exact (line) and measured."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

NAMES = {0.0: "symmetric", 0.25: "tilted"}


def draw(dataset):
    """Rates, residuals, variances, time-step bias."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.6, 5.8))
        grid = figure.add_gridspec(2, 2, height_ratios=(1.5, 1), width_ratios=(1.35, 1))
        rates = figure.add_subplot(grid[0, 0])
        _rates(rates, dataset)
        _residuals(figure.add_subplot(grid[1, 0], sharex=rates), dataset)
        _variances(figure.add_subplot(grid[0, 1]), dataset)
        _bias(figure.add_subplot(grid[1, 1]), dataset)
    return figure


def _wells(dataset):
    """Tilt, colour, marker, sideways shift and data of each well."""
    tilts = [float(tilt) for tilt in dataset["tilt"].values]
    shifts = np.linspace(-0.3, 0.3, len(tilts))
    return [
        (tilt, COLOURS[k], "os^v"[k], shifts[k], dataset.sel(tilt=tilt))
        for k, tilt in enumerate(tilts)
    ]


def _name(tilt):
    return NAMES.get(tilt, f"tilt {tilt:g}")


def _rates(axes, dataset):
    axes.set_yscale("log")
    for tilt, colour, marker, _, row in _wells(dataset):
        axes.plot(row["curve_ratio"], row["curve"], color=colour, linewidth=0.8)
        axes.errorbar(
            row["ratio"], row["rate"], row["rate_stderr"], fmt=marker, color=colour,
            fillstyle="none", label=f"splitting, {_name(tilt)}",
        )  # fmt: skip
    axes.errorbar(
        dataset["flux_ratio"], dataset["flux_rate"], dataset["flux_rate_stderr"], fmt="x",
        color=COLOURS[2], label="forward flux, symmetric",
    )  # fmt: skip
    friction = dataset.attrs["langevin_friction"]
    axes.plot(dataset["langevin_ratio"], dataset["langevin_exact"], "--", color=COLOURS[3], lw=0.8)
    axes.errorbar(
        dataset["langevin_ratio"], dataset["langevin_rate"], dataset["langevin_rate_stderr"],
        fmt="^", color=COLOURS[3], fillstyle="none", label=f"Langevin, friction {friction:g}",
    )  # fmt: skip
    simulated = dataset["simulated_time"].values.max()
    waited = 1.0 / dataset["rate"].values.min()
    axes.set_title(f"longest mean passage {_power(waited)}, simulated {_power(simulated)} (time)")
    axes.set_ylabel("rate  (1/time)")
    axes.legend()


def _power(number):
    """Mantissa and power of ten."""
    mantissa, exponent = f"{number:.1e}".split("e")
    return rf"${mantissa}\cdot 10^{{{int(exponent)}}}$"


def _residuals(axes, dataset):
    axes.axhspan(-2, 2, color="0.92")
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    for _, colour, marker, shift, row in _wells(dataset):
        z = (row["rate"] - row["exact"]) / row["rate_stderr"]
        axes.errorbar(
            row["ratio"] + shift, z, np.ones(z.size), fmt=marker, color=colour, fillstyle="none"
        )
    for name, marker, colour, shift in (
        ("flux", "x", COLOURS[2], 0.9), ("langevin", "^", COLOURS[3], -0.9),
    ):  # fmt: skip
        z = (dataset[f"{name}_rate"] - dataset[f"{name}_exact"]) / dataset[f"{name}_rate_stderr"]
        axes.errorbar(
            dataset[f"{name}_ratio"] + shift, z, np.ones(z.size), fmt=marker, color=colour,
            fillstyle="none",
        )  # fmt: skip
    axes.set_ylim(-4.5, 4.5)
    axes.set_xlabel(r"barrier over temperature $\Delta V/T$  (1)")
    axes.set_ylabel("(measured - exact)/standard error")


def _variances(axes, dataset):
    axes.axhspan(0.7, 1.3, color="0.92")
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    for tilt, colour, marker, shift, row in _wells(dataset):
        axes.errorbar(
            row["ratio"] + shift, row["variance"], row["variance_stderr"], fmt=marker, color=colour,
            fillstyle="none", label=_name(tilt),
        )  # fmt: skip
    axes.set_ylim(0.0, 2.0)
    axes.set_xlabel(r"barrier over temperature $\Delta V/T$  (1)")
    axes.set_ylabel(r"variance of a run over $p^{-1/N} - 1$  (1)")
    axes.set_title(f"$N = {dataset.attrs['n_replicas']}$ paths, {dataset.attrs['n_runs']} runs")
    axes.legend(loc="lower left")


def _bias(axes, dataset):
    axes.loglog(dataset["bias_dt"], dataset["bias"], color="0.4", label="exact")
    axes.errorbar(
        dataset["step"], dataset["step_rate"] - 1.0, dataset["step_rate_stderr"], fmt="o",
        color=COLOURS[0], fillstyle="none", label="splitting",
    )  # fmt: skip
    axes.set_xlabel(r"time step $\mathrm{d}t$  (time)")
    axes.set_ylabel("rate/continuous rate - 1  (1)")
    axes.set_title(f"$\\Delta V/T = {dataset.attrs['coarse_ratio']:g}$, Euler-Maruyama")
    axes.legend()

"""What slow cooling leaves in the upper well, and the temperature of CoolMomentum.

Top left: probability of the upper of two wells after exponential cooling (circles: Fokker-Planck),
Huse and Fisher's law with its logarithm (1986, the equation in the experiment), and the plain power
of the cooling time through the last point. Bottom left: the law, and two wells with Kramers' rates
corrected to first order in the temperature, relative to the Fokker-Planck equation, whose numerical
errors are narrower than the lines. Top right: temperature of a heavy ball on a harmonic well while
its momentum cools (circles, error bars smaller than the symbols), the factor of the recursion of
Borysenko and Byshkin (2021), and the factor 1/(1 - momentum). Bottom right: the simulation relative
to the recursion, with one standard error.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """Two laws of cooling, and the residuals below."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(
            2, 2, figsize=(6.8, 4.6), sharex="col", height_ratios=(2.2, 1)
        )  # fmt: skip
        (wells, heat), (wells_below, heat_below) = axes
        _wells(wells, dataset)
        _well_residuals(wells_below, dataset)
        _heat(heat, dataset)
        _heat_residuals(heat_below, dataset)
        figure.align_ylabels()
    return figure


def _wells(axes, dataset):
    tau, left = dataset["slow_duration"].values, dataset["left"].values
    law, power = dataset["left_law"].values, float(dataset["left_exponent"])
    axes.plot(tau, law, color=COLOURS[0], label="Huse-Fisher law")
    axes.plot(tau, left[-1] * (tau / tau[-1]) ** -power, ":", color=COLOURS[1], label="plain power")
    axes.plot(tau, left, "o", color=COLOURS[-1], markerfacecolor="white", label="Fokker-Planck")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("probability of the upper well")
    axes.set_title("slow exponential cooling, double well")
    axes.legend(loc="lower left")


def _well_residuals(axes, dataset):
    tau, left = dataset["slow_duration"], dataset["left"]
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.plot(tau, dataset["left_law"] / left - 1, color=COLOURS[0])
    axes.plot(
        tau, dataset["left_two_wells"] / left - 1, "s--", color=COLOURS[2],
        markerfacecolor="white", label="two wells, corrected rates",
    )  # fmt: skip
    axes.set_xlabel("cooling time (time)")
    axes.set_ylabel("relative\ndifference")
    axes.legend(loc="upper right")


def _heat(axes, dataset):
    scale = float(dataset["heat_scale"])
    elapsed = dataset["elapsed"]
    axes.plot(elapsed, dataset["heat_curve"], color=COLOURS[0], label=r"$(1+\rho)/(1-\rho)$")
    axes.plot(elapsed, dataset["heat_quoted"], ":", color=COLOURS[1], label=r"$1/(1-\rho)$")
    axes.errorbar(
        dataset["part"], dataset["heat"] / scale, dataset["heat_stderr"] / scale, fmt="o",
        color=COLOURS[-1], markerfacecolor="white", label="simulation, BBK",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylabel("temperature $T/T_0$")
    axes.set_title(r"CoolMomentum, $\rho$ from 0.99 to 0")
    axes.legend(loc="lower left")


def _heat_residuals(axes, dataset):
    law = dataset["heat_lagging"]
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.errorbar(
        dataset["part"], dataset["heat"] / law - 1, dataset["heat_stderr"] / law, fmt="o",
        color=COLOURS[-1], markerfacecolor="white",
    )  # fmt: skip
    axes.set_xlabel("elapsed part of the cooling time")
    axes.set_ylabel("relative\ndifference")

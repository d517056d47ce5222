"""Escape over a saddle against temperature.

Top: mean first passage time from one minimum of (x^2 - 1)^2 to the other against inverse
temperature, simulated (circles, error bars smaller than the symbols), the exact integral and
Eyring-Kramers (Haenggi, Talkner and Borkovec 1990, section VII) without and with its first
correction in T. Middle: the theories relative to the exact integral. Bottom: the simulation
relative to the exact integral, with one standard error and the bound on the time-step bias (grey).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter

from langevin_lab.lab.figure_style import COLOURS, STYLE


def draw(dataset):
    """The Arrhenius plot and its residuals."""
    with plt.rc_context(dict(STYLE)):
        figure, (top, middle, bottom) = plt.subplots(
            3, 1, figsize=(4.6, 5.6), sharex=True, height_ratios=(2.2, 1, 1)
        )
        _times(top, dataset)
        _theories(middle, dataset)
        _residuals(bottom, dataset)
        bottom.set_xlabel("inverse temperature $1/T$  (1/energy, barrier = 1)")
        figure.align_ylabels()
    return figure


def _curves(dataset):
    """Inverse temperature, exact times, Eyring-Kramers, Eyring-Kramers corrected."""
    T = dataset["curve_temperature"].values
    plain = dataset["curve_eyring_kramers"].values
    return 1 / T, dataset["curve_exact"].values, plain, plain * (1 + 0.375 * T)


def _times(axes, dataset):
    inverse, exact, plain, corrected = _curves(dataset)
    axes.plot(inverse, exact, color=COLOURS[0], label="exact integral")
    axes.plot(inverse, plain, ":", color=COLOURS[1], label="Eyring-Kramers")
    axes.plot(inverse, corrected, "--", color=COLOURS[2], label=r"Eyring-Kramers $(1 + 3T/8)$")
    axes.errorbar(
        1 / dataset["temperature"], dataset["mean"], dataset["mean_stderr"], fmt="o",
        color=COLOURS[-1], markerfacecolor="white", label="simulation, stochastic Heun",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylabel(r"mean passage time $\tau$  (time)")
    axes.legend(loc="upper left")


def _theories(axes, dataset):
    inverse, exact, plain, corrected = _curves(dataset)
    axes.axhline(0, color=COLOURS[0])
    axes.plot(inverse, plain / exact - 1, ":", color=COLOURS[1])
    axes.plot(inverse, corrected / exact - 1, "--", color=COLOURS[2])
    axes.set_ylabel(r"theory$/\tau_{\mathrm{exact}} - 1$")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_ylim(1.15 * np.min(plain / exact - 1), 0.03)


def _residuals(axes, dataset):
    inverse, exact = 1 / dataset["temperature"].values, dataset["exact_mean"].values
    bias = dataset["time_step_bias"].values / exact
    axes.axhline(0, color=COLOURS[0])
    axes.bar(inverse, 2 * bias, width=0.12, bottom=-bias, color="0.8")
    axes.errorbar(
        inverse, dataset["mean"].values / exact - 1, dataset["mean_stderr"].values / exact,
        fmt="o", color=COLOURS[-1], markerfacecolor="white",
    )  # fmt: skip
    axes.set_ylabel(r"simulation$/\tau_{\mathrm{exact}} - 1$")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.1f} %"))
    axes.set_ylim(-0.011, 0.011)

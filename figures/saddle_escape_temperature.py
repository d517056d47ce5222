"""Escape over a saddle against temperature, on four landscapes.

Each block, from the top: mean time from one minimum to the plane through the next against inverse
temperature, exact (line: double integral, Haenggi, Talkner and Borkovec 1990, section VII; in two
dimensions solved on grids), Eyring-Kramers without and with its first correction in T (dotted,
dashed), direct simulation (circles) and adaptive multilevel splitting (squares); the same relative
to the exact time, in percent; the simulations' distance from the exact time in standard errors
(band: two of them, grey bars: bound on the time-step bias). The text compares the time simulated in
splitting with that of a direct simulation of the same error bars.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from langevin_lab.lab.figure_style import COLOURS, STYLE

EXACT, PLAIN, CORRECTED, DIRECT, SPLIT = "0.3", COLOURS[1], COLOURS[2], COLOURS[0], COLOURS[3]
KEYS = ("temperature", "mean", "mean_stderr", "exact_mean", "time_step_bias")


@dataclass(frozen=True)
class Block:
    """A landscape: its title, passages with labels, limits of the middle panel in percent."""

    title: str
    labels: dict[str, str]
    limits: tuple[float, float]


BLOCKS = (
    Block("a  symmetric double well", {"symmetric": "barrier {:.3g}"}, (-23, 15)),
    Block(
        "b  tilted double well",
        {
            "uphill": "uphill (open),\nbarrier {:.3g}",
            "downhill": "downhill (filled),\nbarrier {:.2g}",
        },
        (-23, 15),
    ),
    Block("c  channel, narrow at the saddle (2-D)", {"channel": "barrier {:.3g}"}, (-12, 12)),
    Block("d  Müller-Brown, two saddles (2-D)", {"Mueller-Brown": "barrier {:.3g}"}, (-43, 25)),
)


def draw(dataset):
    """Four blocks of three axes."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.2, 8.2))
        grid = figure.add_gridspec(7, 2, height_ratios=(2.2, 1.25, 0.9, 0.04, 2.2, 1.25, 0.9))
        for k, block in enumerate(BLOCKS):
            first, column = 4 * (k // 2), k % 2
            top = figure.add_subplot(grid[first, column])
            middle, bottom = (
                figure.add_subplot(grid[first + row, column], sharex=top) for row in (1, 2)
            )
            for name, label in block.labels.items():
                _times(top, dataset, name, label)
                _relative(middle, dataset, name)
                _residuals(bottom, dataset, name)
            _finish(top, middle, bottom, block)
            _compare(top, dataset, tuple(block.labels))
            if k == 0:
                _explain(top, middle, bottom)
        figure.align_ylabels()
    return figure


def _points(dataset, name):
    """(inverse temperature, row, style) of every simulated point of a passage."""
    for k in np.flatnonzero(dataset["passage"].values == name):
        row = {key: float(dataset[key][k]) for key in KEYS}
        direct = str(dataset["method"].values[k]) == "direct"
        style = {"fmt": "o" if direct else "s", "color": DIRECT if direct else SPLIT, "zorder": 3}
        if name != "downhill":
            style["markerfacecolor"] = "white"
        yield 1.0 / row["temperature"], row, style


def _times(axes, dataset, name, label):
    curve = dataset.sel(curve=name)
    inverse, exact = 1.0 / curve["curve_temperature"].values, curve["curve_exact"].values
    axes.plot(inverse, exact, color="0.75", linewidth=3.0)
    axes.plot(inverse, curve["curve_plain"], ":", color=PLAIN)
    axes.plot(inverse, curve["curve_corrected"], "--", color=CORRECTED, linewidth=0.9)
    for x, row, style in _points(dataset, name):
        axes.errorbar(x, row["mean"], row["mean_stderr"], **style)
    x = 0.6 * inverse.max()
    height = np.exp(np.interp(x, inverse, np.log(exact)))
    below = name == "downhill"
    axes.annotate(
        label.format(float(curve["barrier"])), (x, height), xytext=(4, -6) if below else (-6, 5),
        ha="left" if below else "right", va="top" if below else "bottom",
        textcoords="offset points", color=EXACT, fontsize=8, multialignment="left",
    )  # fmt: skip


def _relative(axes, dataset, name):
    curve = dataset.sel(curve=name)
    inverse, exact = 1.0 / curve["curve_temperature"].values, curve["curve_exact"].values
    axes.axhline(0.0, color="0.75", linewidth=2.0)
    axes.plot(inverse, 100 * (curve["curve_plain"] / exact - 1), ":", color=PLAIN)
    axes.plot(inverse, 100 * (curve["curve_corrected"] / exact - 1), "--", color=CORRECTED)
    for x, row, style in _points(dataset, name):
        scale = 100 / row["exact_mean"]
        axes.errorbar(x, scale * row["mean"] - 100, scale * row["mean_stderr"], **style)


def _residuals(axes, dataset, name):
    coldest = float(dataset["temperature"].where(dataset["passage"] == name).min())
    for x, row, style in _points(dataset, name):
        bias = row["time_step_bias"] / row["mean_stderr"]
        axes.bar(x, 2 * bias, width=0.02 / coldest, bottom=-bias, color="0.65", zorder=1)
        axes.errorbar(x, (row["mean"] - row["exact_mean"]) / row["mean_stderr"], 1.0, **style)


def _finish(top, middle, bottom, block):
    top.set_title(block.title)
    top.set_yscale("log")
    top.set_ylabel(r"mean time $\tau$  (time)")
    middle.set_ylabel(r"$\tau/\tau_{\mathrm{exact}} - 1$ (%)")
    middle.set_ylim(*block.limits)
    bottom.axhspan(-2, 2, color="0.92", zorder=0)
    bottom.axhline(0.0, color="0.75", linewidth=2.0)
    bottom.set_ylabel(r"residual ($\sigma$)")
    bottom.set_ylim(-4.5, 4.5)
    bottom.set_yticks([-4, -2, 0, 2, 4])
    bottom.set_xlabel("inverse temperature $1/T$  (1/energy)")
    bottom.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 5, 10]))
    for axes in (top, middle):
        axes.tick_params(labelbottom=False)


def _compare(axes, dataset, names):
    """What splitting has simulated, and what direct runs with its error bars would take.

    A nearly exponential time with the relative error e takes 1/e^2 passages.
    """
    chosen = (dataset["method"].values == "splitting") & np.isin(dataset["passage"].values, names)
    rows = dataset.isel(point=np.flatnonzero(chosen))
    direct = float((rows["exact_mean"] * (rows["mean"] / rows["mean_stderr"]) ** 2).sum())
    text = f"splitting simulated {_power(float(rows['simulated_time'].sum()))} time units,\n"
    text += f"direct runs would need {_power(direct)}"
    axes.text(0.03, 0.96, text, transform=axes.transAxes, va="top", fontsize=8, color=SPLIT)


def _power(value):
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"${mantissa}\\times10^{{{int(exponent)}}}$"


def _explain(top, middle, bottom):
    """Direct labels, in the first block."""
    for axes, x, y, text, colour in (
        (top, 0.6, 0.46, "splitting", SPLIT),
        (top, 0.18, 0.06, "direct simulation", DIRECT),
        (top, 0.44, 0.27, "grey line: exact", EXACT),
        (middle, 0.2, 0.08, "Eyring-Kramers", PLAIN),
        (middle, 0.14, 0.8, "with first correction in $T$", CORRECTED),
        (bottom, 0.2, 0.04, r"band: $\pm 2\sigma$, dark bars: time-step bias", EXACT),
    ):
        axes.text(x, y, text, transform=axes.transAxes, color=colour, fontsize=8)

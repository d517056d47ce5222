"""CoolMomentum: how hot it is, how often it hops, what its cooling finds.

Top: temperature of a harmonic well against (1 + momentum)/(1 - momentum), from positions (circles)
and displacements (crosses), its law (lines) and the paper's 1/(1 - momentum) (dotted); hop rates
in the double well over those of Langevin dynamics, measured (circles) and of the transfer operator
(bars). Middle: part of the replicas that end in the deepest well of a rough funnel, against the
cooling time (crosses: BBK with the schedule's friction) and against the temperature of the noise at
momentum 0.99. Bottom: test accuracy and training loss on digits, at the learning rate that is best
on validation examples."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from langevin_lab.lab.figure_style import COLOURS, STYLE

MARKERS = "osD^v<"


def draw(dataset):
    """Thermometers, hops, funnel, digits."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(3, 2, figsize=(7.4, 7.8))
        _thermometers(axes[0, 0], dataset)
        _hops(axes[0, 1], dataset)
        _funnel(axes[1, 0], dataset, "funnel", "funnel_steps", "cooling time (steps)")
        _langevin(axes[1, 0], dataset)
        label = r"temperature at $\rho = 0.99$  (roughness)"
        _funnel(axes[1, 1], dataset, "funnel_hot", "funnel_temperature", label)
        _digits(axes[2, 0], dataset, 100 * dataset["test"], "test accuracy (%)")
        _digits(axes[2, 1], dataset, dataset["loss"], "training loss")
        axes[2, 1].set_yscale("log")
        axes[1, 0].legend(ncols=2, fontsize=7)
    return figure


def _thermometers(axes, dataset):
    momenta = dataset["momentum"].values
    factor = (1 + momenta) / (1 - momenta)
    for colour, curvature in zip(COLOURS, dataset["curvature"].values):
        part = dataset.sel(curvature=curvature)
        scale = 1 / (1 - curvature / 4)
        axes.loglog(factor, factor * scale, color=colour, linewidth=0.8)
        for name, marker in (("hot", "o"), ("moving", "x")):
            label = rf"$l k = {curvature:g}$" if name == "hot" else None
            axes.errorbar(factor, part[name].values, part[f"{name}_stderr"].values, fmt=marker,
                          color=colour, label=label, markerfacecolor="none")  # fmt: skip
    axes.loglog(factor, 1 / (1 - momenta), ":", color="0.4", label=r"$1/(1-\rho)$")
    axes.set_xlabel(r"$(1+\rho)/(1-\rho)$")
    axes.set_ylabel(r"$4T/(l\sigma^2)$")
    axes.set_title("harmonic well: both thermometers")
    axes.legend()


def _hops(axes, dataset):
    place = np.arange(dataset.sizes["hop"])
    langevin = dataset["hop_langevin"].values
    axes.bar(place, dataset["hop_exact"].values / langevin - 1, 0.6, color="0.8",
             label="transfer operator")  # fmt: skip
    axes.errorbar(
        place, dataset["hop_rate"].values / langevin - 1,
        dataset["hop_rate_stderr"].values / langevin, fmt="o", color=COLOURS[0], label="measured",
    )  # fmt: skip
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    axes.set_xticks(place, dataset["hop"].values)
    axes.set_xlabel(r"$\sqrt{l}$, $\rho$")
    axes.set_ylabel("hop rate/Langevin $- 1$")
    axes.set_title("double well, $T = 0.2$")
    axes.legend()


def _funnel(axes, dataset, name, coordinate, label):
    count = dataset.attrs["funnel_replicas"]
    for colour, marker, method in zip(COLOURS, MARKERS, dataset["schedule"].values):
        share = dataset[name].sel(schedule=method).values
        error = np.sqrt(share * (1 - share) / count)
        axes.errorbar(dataset[coordinate].values, share, error, fmt=f"-{marker}", color=colour,
                      linewidth=0.8, label=method)  # fmt: skip
    axes.set_xscale("log")
    ticks = dataset[coordinate].values
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(label)
    axes.set_ylabel("share in the deepest well")
    longest = int(dataset["funnel_steps"].values[-1])
    steps = f"{longest:,} steps".replace(",", " ")
    axes.set_title("rough funnel" if name == "funnel" else f"rough funnel, {steps}")


def _langevin(axes, dataset):
    for colour, method in zip(COLOURS, dataset["schedule"].values):
        share = dataset["funnel_langevin"].sel(schedule=method).values
        axes.plot(dataset["funnel_steps"].values, share, "x", color=colour, markersize=6)
    axes.set_ylim(top=1.45 * float(dataset["funnel"].max()))


def _digits(axes, dataset, values, label):
    schedules = dataset["schedule"].values
    for place, (colour, name) in enumerate(zip(COLOURS, schedules)):
        valid = dataset["valid"].sel(schedule=name).values
        best = int(np.argmax(valid.mean(axis=1)))
        chosen = values.sel(schedule=name).isel(digit_rate=best).values
        spread = np.linspace(-0.2, 0.2, len(chosen))
        axes.plot(place + spread, chosen, ".", color=colour, alpha=0.5, markersize=3)
        error = chosen.std(ddof=1) / np.sqrt(len(chosen))
        axes.errorbar(place, chosen.mean(), error, fmt="o", color=colour)
        rate = float(dataset["digit_rate"][best])
        axes.annotate(f"{rate:g}", (place, 0.94), ha="center", va="top", fontsize=7,
                      xycoords=("data", "axes fraction"))  # fmt: skip
    axes.margins(y=0.18)
    names = [name.replace(" ", "\n") for name in schedules]
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.set_ylabel(label)
    axes.set_title("digits; above: learning rate $l$")

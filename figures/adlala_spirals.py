"""Two spirals learnt by a network 2-100-1.

Top: test accuracy over epochs on four turns, means and standard deviations over seeds (bands);
accuracy after the last epoch against turns; the two thermostats of AdLaLa, mean and standard
deviation over seeds, and where they settle by the formula of small steps without batches (dotted)
and by the measured balance in its window (crosses). Middle: probability of arm 1 after training,
first seed, with training points. Bottom: first-layer weights of all seeds, those beyond 8 in the
last bins."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import langevin_lab as ll
from langevin_lab.lab.figure_style import COLOURS, STYLE

SHOWN = ("AdLaLa", "LOL", "Adam", "SGD", "SGD momentum", "Langevin")
COLOUR = dict(zip(SHOWN, COLOURS))
NAME = {"SGD momentum": "SGD, momentum", "Langevin": "Langevin, all layers"}
SHORT = {"SGD momentum": "momentum"}
NOISY = {"SGHMC": "--", "SGLD": ":"}  # own settings, as SGD but for the noise or the momentum
BLOCKS = {"weights_1": "weights", "biases_1": "biases"}


def draw(dataset):
    """Accuracies, thermostats, boundaries, weights."""
    with plt.rc_context(dict(STYLE)):
        figure = plt.figure(figsize=(7.4, 6.6))
        rows = figure.add_gridspec(3, 1, height_ratios=(1.55, 1, 0.85))
        top = rows[0].subgridspec(1, 3, width_ratios=(1.35, 0.75, 1))
        _epochs(figure.add_subplot(top[0]), dataset)
        _turns(figure.add_subplot(top[1]), dataset)
        _thermostats(figure.add_subplot(top[2]), dataset)
        middle, bottom = (rows[row].subgridspec(1, len(SHOWN)) for row in (1, 2))
        for place, method in enumerate(SHOWN):
            _plane(figure.add_subplot(middle[place]), dataset, method)
        shared = None
        for place, method in enumerate(SHOWN):
            shared = figure.add_subplot(bottom[place], sharex=shared, sharey=shared)
            _weights(shared, dataset, method, first=place == 0)
    return figure


def _epochs(axes, dataset):
    rows = dataset["test"].sel(turns=dataset.attrs["hardest"])
    epoch = dataset["epoch"].values
    fewest = int(np.isfinite(rows.sel(scheme=list(SHOWN)).isel(epoch=-1)).sum("seed").min())
    for method in SHOWN:
        own = rows.sel(scheme=method)
        mean, deviation = own.mean("seed").values, own.std("seed", ddof=1).values
        axes.fill_between(
            epoch, mean - deviation, mean + deviation, color=COLOUR[method], alpha=0.15, lw=0
        )
        axes.semilogx(epoch, mean, color=COLOUR[method], label=NAME.get(method, method))
    for method, line in NOISY.items():
        mean = rows.sel(scheme=method).mean("seed").values
        axes.semilogx(epoch, mean, line, color="k", linewidth=1.0, label=method)
    axes.set_xlabel("epochs")
    axes.set_ylabel("test accuracy  (%)")
    axes.set_ylim(48, 100)
    axes.set_title(f"{dataset.attrs['hardest']:g} turns, at least {fewest} seeds")
    axes.legend(loc="upper left", handlelength=1.5, labelspacing=0.15, fontsize=7.5)


def _turns(axes, dataset):
    turns = np.sort(dataset["turns"].values)
    for place, method in enumerate(SHOWN):
        own = dataset["test"].sel(scheme=method, turns=turns).isel(epoch=-1)
        axes.errorbar(
            turns + 0.06 * (place - 2.5), own.mean("seed").values,
            own.std("seed", ddof=1).values, fmt="o", color=COLOUR[method],
        )  # fmt: skip
    axes.set_xticks(turns)
    axes.set_xlabel("turns")
    axes.set_ylim(48, 102)
    axes.set_title(f"{int(dataset['epoch'][-1])} epochs")


def _thermostats(axes, dataset):
    epoch = dataset["trace_epoch"].values
    for colour, (block, name) in zip(COLOURS[:2], BLOCKS.items()):
        own = dataset["trace"].sel(block=block)
        mean, deviation = own.mean("followed").values, own.std("followed", ddof=1).values
        axes.fill_between(epoch, mean - deviation, mean + deviation, color=colour, alpha=0.15, lw=0)
        axes.plot(epoch, mean, color=colour, label=f"{name}, layer 1")
        row = dataset.sel(block=block).mean("followed")
        settled = ll.training.settled_thermostat(
            temperature=float(row["held_temperature"]), dt=0.25, applied_noise=0.01,
            gradient_variance=float(row["gradient_variance"]),
            squared_gradient=float(row["squared_gradient"]), power=float(row["power"]),
        )  # fmt: skip
        middle = 0.75 * float(dataset["epoch"][-1])
        axes.plot([middle], [settled], "x", color=colour, ms=6, mew=1.5)
    axes.axhline(0.5, color="0.4", linestyle=":", linewidth=0.9)
    axes.annotate(r"$\sigma^2/2T$", (epoch[-1], 0.5), xytext=(0, 3), ha="right", color="0.3",
                  textcoords="offset points")  # fmt: skip
    axes.set_ylim(0, None)
    axes.set_xlabel("epochs")
    axes.set_ylabel(r"thermostat $\xi$  (1/time)")
    axes.set_title("AdLaLa")
    axes.legend(loc="lower center", bbox_to_anchor=(0.55, 0.12))


def _plane(axes, dataset, method):
    square = dataset["plane"].sel(scheme=method).values
    axes.imshow(
        square, origin="lower", extent=(-2.3, 2.3, -2.3, 2.3), vmin=-0.5, vmax=1.5, cmap="PuOr",
        interpolation="bilinear",
    )  # fmt: skip
    x, y, arm = dataset["points"].values.T
    for value, colour in ((0, "#5c2c00"), (1, "#24003f")):
        axes.plot(x[arm == value], y[arm == value], ".", color=colour, ms=0.8)
    last = dataset["test"].sel(scheme=method, turns=dataset.attrs["hardest"]).isel(epoch=-1, seed=0)
    axes.set_title(f"{SHORT.get(method, method)}, {float(last):.0f} %", fontsize=7.5)
    axes.set_xticks([])
    axes.set_yticks([])


def _weights(axes, dataset, method, *, first):
    weights = dataset["weights"].sel(scheme=method).values
    weights = weights[np.isfinite(weights)]
    edges = np.linspace(-8, 8, 65)
    axes.hist(np.clip(weights, -7.99, 7.99), edges, density=True, color=COLOUR[method], alpha=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("weight")
    axes.text(0.97, 0.88, f"sd {weights.std():.2f}", transform=axes.transAxes, ha="right",
              fontsize=7)  # fmt: skip
    if first:
        axes.set_ylabel("density, layer 1")
    else:
        axes.tick_params(labelleft=False)

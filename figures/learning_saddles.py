"""Leaving a saddle of a loss.

Mean times to leave, theory (lines) and simulation (points; error bars are smaller than these).
Top: against the number of equally unstable directions; against temperature, for one and eight of
them, a logarithm; for the monkey saddle, whose Hessian vanishes, a power of the temperature (with
the flow beyond the circle added, and without). Bottom: against friction, from rest, for a matrix
factorisation and a network, in units of the steepest unstable curvature k (dotted: the best
friction); steps of heavy ball under gradient noise against momentum; all residuals in standard
errors of the measurement (bars: one standard error and the stated bias)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import langevin_lab as ll
from langevin_lab.lab.figure_style import COLOURS, STYLE

LOSSES = {"factorisation": "matrix factorisation", "network": "network"}


def draw(dataset):
    """Dimension, temperature, monkey saddle; friction, momentum, residuals."""
    with plt.rc_context(dict(STYLE)):
        figure, axes = plt.subplots(2, 3, figsize=(10.2, 5.8))
        _dimension(axes[0, 0], dataset)
        _temperature(axes[0, 1], dataset)
        _monkey(axes[0, 2], dataset)
        _friction(axes[1, 0], dataset)
        _momentum(axes[1, 1], dataset)
        _residuals(axes[1, 2], dataset)
    return figure


def _exact(n_unstable, temperature):
    return ll.escape.isotropic_saddle_exit_mean(
        n_unstable=int(n_unstable), curvature=1.0, distance=1.0, temperature=float(temperature)
    )


def _points(axes, x, rows, name, **style):
    axes.errorbar(
        x, rows[f"{name}_mean"].values, rows[f"{name}_mean_stderr"].values,
        **{"fmt": "o", "color": COLOURS[0]} | style,
    )  # fmt: skip


def _dimension(axes, dataset):
    T, m = dataset.attrs["parabola_temperature"], np.arange(1, 13)
    axes.plot(m, [_exact(n, T) for n in m], color="0.4", label=r"$_2F_2$, exact")
    _points(axes, dataset["n_unstable"].values, dataset, "dimension", label="simulation")
    axes.set_xticks([1, 2, 4, 8, 12])
    axes.set_xlabel("unstable directions $m$")
    axes.set_ylabel(r"mean exit time $\langle t\rangle$  (time)")
    axes.set_title(f"overdamped, $k = L = 1$, $T = 10^{{{np.log10(T):.0f}}}$")
    axes.legend()


def _temperature(axes, dataset):
    grid = np.geomspace(4e-6, 3e-2, 100)
    for colour, marker, m in zip(COLOURS, "os", dataset["slope_n_unstable"].values):
        axes.semilogx(grid, [_exact(m, T) for T in grid], color=colour, linewidth=0.9)
        rows = dataset.sel(slope_n_unstable=m)
        _points(axes, rows["slope_temperature"].values, rows, "slope", fmt=marker, color=colour,
                label=f"$m = {m}$")  # fmt: skip
    axes.set_xlabel("temperature $T$  (energy)")
    axes.set_ylabel(r"$\langle t\rangle$  (time)")
    axes.set_title(r"slope $-1/2$ in $\ln T$")
    axes.legend()


def _monkey(axes, dataset):
    T = dataset["monkey_temperature"].values
    grid = np.geomspace(T.min() / 2, 2 * T.max(), 100)
    law = ll.escape.monkey_saddle_exit_time
    circle = np.array([law(amplitude=1.0, temperature=t, distance=1.0) for t in grid])
    infinity = np.array([law(amplitude=1.0, temperature=t) for t in grid])
    axes.loglog(grid, infinity, color=COLOURS[1], linewidth=0.9)
    axes.loglog(grid, circle, color=COLOURS[0], linewidth=0.9)
    beyond = np.interp(np.log(T), np.log(grid), infinity - circle)
    _points(axes, T, dataset, "monkey", label="to the circle $L = 1$")
    axes.errorbar(
        T, dataset["monkey_mean"].values + beyond, dataset["monkey_mean_stderr"].values, fmt="s",
        color=COLOURS[1], label=r"to infinity, $\propto T^{-1/3}$",
    )  # fmt: skip
    axes.set_xlabel("temperature $T$  (energy)")
    axes.set_ylabel(r"$\langle t\rangle$  (time)")
    axes.minorticks_off()
    axes.set_yticks([3, 10, 30], ["3", "10", "30"])
    axes.set_title("monkey saddle $x^3 - 3xy^2$")
    axes.legend()


def _friction(axes, dataset):
    for colour, marker, (name, label) in zip(COLOURS, "os", LOSSES.items()):
        spectrum = dataset[f"{name}_curvature"].values
        rate, step = np.sqrt(spectrum.max()), dataset.attrs[f"{name}_dt"]
        frictions = dataset[f"{name}_friction"].values
        grid = np.geomspace(frictions.min() / 2, 2 * frictions.max(), 60)
        T = float(dataset[f"{name}_temperature"].values[dataset.sizes[f"{name}_temperature"] // 2])
        settings = {"curvatures": spectrum, "distance": dataset.attrs["distance"],
                    "temperature": T, "mass": 1.0}  # fmt: skip
        theory = np.array([
            ll.escape.strict_saddle_exit_time(friction=g, **settings).mean for g in grid
        ])  # fmt: skip
        axes.semilogx(grid / rate, rate * theory, color=colour, linewidth=0.9)
        rows = dataset.sel({f"{name}_temperature": T})
        axes.errorbar(
            frictions / rate, rate * (rows[f"{name}_mean"].values - 0.5 * step),
            rate * rows[f"{name}_mean_stderr"].values, fmt=marker, color=colour,
            label=f"{label}, $T = 10^{{{np.log10(T):.0f}}}$",
        )  # fmt: skip
        axes.axvline(grid[theory.argmin()] / rate, color=colour, linestyle=":", linewidth=0.9,
                     ymax=0.7)  # fmt: skip
    axes.set_xlabel(r"friction$/\sqrt{k}$")
    axes.set_ylabel(r"$\sqrt{k}\,\langle t\rangle$")
    axes.set_title("Langevin from rest")
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper left")


def _momentum(axes, dataset):
    momentum = dataset["momentum"].values
    for colour, marker, (name, label) in zip(COLOURS, "os", LOSSES.items()):
        curve = dataset[f"{name}_heavy_ball_curve"]
        axes.semilogy(1 - curve["curve_momentum"], curve, color=colour, linewidth=0.9)
        _points(axes, 1 - momentum, dataset, f"{name}_heavy_ball", fmt=marker, color=colour,
                label=label)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(1 - momentum, [f"{value:g}" for value in momentum])
    axes.minorticks_off()
    axes.set_xlabel("momentum")
    axes.set_ylabel("mean number of steps")
    axes.set_title("heavy ball, gradient noise")
    axes.legend()


def _residuals(axes, dataset):
    """Deviation of every mean from theory in standard errors, with the bias in the bar."""
    groups = ["dimension", "slope", "monkey"]
    for name in LOSSES:
        groups += [name, f"{name}_heavy_ball"]
    place, ticks = 0, []
    for number, name in enumerate(groups):
        error, bias, mean, predicted = (
            dataset[f"{name}_{key}"].values.ravel()
            for key in ("mean_stderr", "bias", "mean", "predicted")
        )
        z = (mean - predicted) / error
        x = place + np.arange(len(z))
        axes.errorbar(x, z, 1 + bias / error, fmt="o", color=COLOURS[number % len(COLOURS)],
                      markersize=3, linewidth=0.8)  # fmt: skip
        ticks.append((x.mean(), name))
        place += len(z) + 2
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    names = {
        "dimension": "$m$", "slope": "$T$", "factorisation": "fact.", "network": "net",
        "factorisation_heavy_ball": "fact.\nsteps", "network_heavy_ball": "net\nsteps",
    }  # fmt: skip
    axes.set_xticks([x for x, _ in ticks], [names.get(name, name) for _, name in ticks], fontsize=7)
    axes.set_ylabel("deviation/standard error")
    axes.set_title("residuals")

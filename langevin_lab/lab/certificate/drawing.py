"""The certificate as a figure: orders, harmonic law, eigenvalues, energy balance."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from langevin_lab.integrators.energy_balance import NotSeparableError
from langevin_lab.lab.certificate.energy import TIME_STEP, run_balance
from langevin_lab.lab.certificate.linear_checks import harmonic_law
from langevin_lab.lab.certificate.record import Certificate, HarmonicLaw
from langevin_lab.lab.certificate.subject import Subject, blocks_of
from langevin_lab.lab.figure_style import COLOURS, STYLE

_EXACT = 1e-11  # a bias of rounding
_N_DRAWN = 100  # steps of the energy balance
_TITLES = {
    "strong": "paths, quartic well",
    "weak": "expectations, harmonic well",
    "invariant": "stationary averages",
}
_OTHER_TITLES = {
    ("ito", "strong"): "paths, geometric motion",
    ("ito", "weak"): "moments, geometric motion",
    ("partitioned", "strong"): "paths, coupled quartic well",
}


def draw_certificate(paper: Certificate) -> Any:
    """Draw what the certificate found, one panel a subject; what does not apply has no panel.

    Parameters
    ----------
    paper : Certificate

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    subject = Subject(paper.method)
    panels = [*_order_panels(paper), *_linear_panels(subject), *_energy_panel(subject)]
    style: dict[Any, Any] = dict(STYLE)
    columns = 2 if len(panels) in (1, 2, 4) else 3
    rows = max(1, -(-len(panels) // columns))
    with plt.rc_context(style):
        figure, axes = plt.subplots(
            rows, columns, figsize=(3.5 * columns, 3.2 * rows), squeeze=False
        )
        for ax in axes.ravel()[len(panels) :]:
            ax.remove()
        for ax, draw in zip(axes.ravel(), panels):
            draw(ax)
        record = paper.properties
        outcome = "holds" if paper.passed else "refuted"
        figure.suptitle(f"{record.name} ({record.equation}): the record {outcome}", fontsize=10)
    return figure


def _order_panels(paper: Certificate) -> list[Callable[[Any], None]]:
    """One panel a kind of order, without studies that found nothing to draw."""
    panels: list[Callable[[Any], None]] = []
    for kind, title in _TITLES.items():
        studies = [s for s in paper.studies if s.kind == kind and any(s.used)]
        if len(studies) > 1:
            # Only what the order is read from: the others are as good or better.
            stated = [s for s in studies if s.verdict == "consistent"]
            studies = (stated or studies)[:1]
        if studies:
            title = _OTHER_TITLES.get((paper.properties.equation, kind), title)
            panels.append(functools.partial(_draw_orders, studies=studies, title=title))
    return panels


def _draw_orders(ax: Any, *, studies: list[Any], title: str) -> None:
    from langevin_lab.lab.order_plot import draw_order_panel

    draw_order_panel(ax, *studies)
    ax.set_title(title)


def _linear_panels(subject: Subject) -> list[Callable[[Any], None]]:
    if subject.why_not_linear:
        return []
    panels: list[Callable[[Any], None]] = []
    limit = float(subject.method.properties.stability_limit)
    law = harmonic_law(subject, tuple(np.geomspace(0.02, 0.9, 12) * limit))
    if law is not None:
        panels.append(lambda ax: _draw_law(ax, law, subject))
    panels.append(lambda ax: _draw_eigenvalues(ax, subject, limit))
    return panels


def _draw_law(ax: Any, law: HarmonicLaw, subject: Subject) -> None:
    """Sizes of the biases; one curve a friction where it matters."""
    kinds = [(r"$k\langle x^2\rangle/T - 1$", law.position, 1.0, "o")]
    if law.momentum:
        kinds += [
            (r"$\langle p^2\rangle/(mT) - 1$", law.momentum, 1.0, "s"),
            (r"$\langle xp\rangle/T$", law.correlation, 0.0, "D"),
        ]
    dts, exact, drawn = np.array(law.dts), [], False
    styles = ("--", "-", ":")
    for (label, rows, centre, marker), colour in zip(kinds, COLOURS):
        sizes = np.abs(np.array(rows) - centre)
        if np.nanmax(sizes) < _EXACT:
            exact.append(label)
            continue
        for i, size in enumerate(sizes):
            shown = size > _EXACT
            friction = law.frictions[i] if len(law.frictions) > 1 else None
            name = label if friction in (None, 1.0) else None
            style = "-" if friction is None else styles[i % len(styles)]
            ax.plot(dts[shown], size[shown], style, marker=marker, color=colour, label=name)
            drawn = True
    unit = r"$\omega h$" if subject.has_momenta else r"$kh/\gamma$"
    ax.set(xscale="log", xlabel=f"step {unit}", ylabel="|bias|")
    for label in exact:
        ax.plot([], [], " ", label=f"{label}: exact")
    if len(law.frictions) > 1:
        for friction, style in zip(law.frictions, styles):
            ax.plot([], [], style, color="0.4", label=rf"$\gamma = {friction:g}$")
    if drawn:
        ax.set_yscale("log")
    n_entries = len(ax.get_legend_handles_labels()[1])
    columns = 2 if n_entries > 3 else 1
    _make_room(ax, -(-n_entries // columns))
    ax.legend(loc="upper left", ncols=columns, columnspacing=1.0, handlelength=1.6)
    ax.set_title("harmonic law against Gibbs")


def _draw_eigenvalues(ax: Any, subject: Subject, limit: float) -> None:
    """Moduli of the eigenvalues over dt, and the stated limit."""
    steps = np.linspace(0.01, 1.25, 250) * limit
    frictions = [0.0] if subject.has_momenta else [1.0]
    if subject.has_momenta and subject.friction:
        frictions += [1.0]
    for friction, colour in zip(frictions, COLOURS):
        moduli = np.array(
            [
                np.sort(np.abs(np.linalg.eigvals(
                    subject.linear(dt, friction=friction, temperature=0.0).matrix
                )))
                for dt in steps
            ]
        )  # fmt: skip
        for i, column in enumerate(moduli.T):
            label = rf"$\gamma = {friction:g}$" if i == 0 else None
            ax.plot(steps, column, color=colour, label=label)
    ax.axhline(1.0, color="0.6", linewidth=0.6, zorder=0)
    ax.axvline(limit, color="0.4", linestyle=":", label=f"stated limit {limit:.4g}")
    unit = r"$\omega h$" if subject.has_momenta else r"$kh/\gamma$"
    ax.set(xlabel=f"step {unit}", ylabel="modulus of the eigenvalues", ylim=(0.0, 2.0))
    ax.set_title("stability on a harmonic well")
    ax.legend(loc="upper left")


def _energy_panel(subject: Subject) -> list[Callable[[Any], None]]:
    if subject.why_unknown or subject.why_rejecting or not subject.has_momenta:
        return []
    if any(equation == "overdamped" for _, equation in blocks_of(subject.method)):
        return []
    try:
        balance = run_balance(subject)
    except NotSeparableError:
        return []

    def draw(ax):
        shown = slice(0, _N_DRAWN)
        time = TIME_STEP * np.arange(1, _N_DRAWN + 1)
        curves = (
            ("heat", np.cumsum(balance.heat), COLOURS[5], 3.0),
            ("change of energy", balance.energy[1:] - balance.energy[0], COLOURS[6], 0.8),
            ("shadow work", np.cumsum(balance.shadow_work), COLOURS[1], 1.2),
        )
        for label, values, colour, width in curves:
            ax.plot(time, values[shown], color=colour, linewidth=width, label=label)
        ax.set(xlabel="time", ylabel="energy since the start")
        _make_room(ax, len(curves))
        ax.legend(loc="upper left")
        ax.set_title(f"energy balance, residual {balance.residual:.0e}")

    return [draw]


def _make_room(ax: Any, n_lines: int) -> None:
    """Raise the upper end of the axis by the height of a legend of so many lines."""
    share = 0.1 * n_lines / (1 - 0.1 * n_lines)
    low, high = ax.get_ylim()
    if ax.get_yscale() == "log":
        ax.set_ylim(low, high * (high / low) ** share)
    else:
        ax.set_ylim(low, high + (high - low) * share)

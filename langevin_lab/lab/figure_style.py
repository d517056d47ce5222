"""One look for all figures: sizes of a two-column journal, colours that everyone can tell apart."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

__all__ = ["COLOURS", "STYLE", "draw_triangle"]

# Okabe and Ito (2008), distinguishable with all common forms of colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

STYLE = MappingProxyType(
    {
        "font.size": 9.0,
        "axes.labelsize": 9.0,
        "axes.titlesize": 9.0,
        "axes.titlelocation": "left",
        "legend.fontsize": 8.0,
        "legend.frameon": False,
        "xtick.direction": "in",
        "ytick.direction": "in",
        "xtick.top": True,
        "ytick.right": True,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.0,
        "errorbar.capsize": 2.0,
        "mathtext.fontset": "cm",
        "pdf.fonttype": 42,
        "figure.constrained_layout.use": True,
    }
)


def draw_triangle(axes: Any, start: float, height: float, slope: float, width: float = 2.5) -> None:
    """Draw a right triangle of a slope on logarithmic axes, labelled with it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    start, height : float
        Its lower left corner, in data.
    slope : float
    width : float, optional
        Ratio of its right end to its left.
    """
    x = [start, start * width, start * width, start]
    y = [height, height, height * width**slope, height]
    axes.plot(x, y, color="0.4", linewidth=0.8)
    axes.annotate(
        f"{slope:g}", (start * width, height * width ** (slope / 2)), xytext=(3, 0),
        textcoords="offset points", va="center", color="0.4",
    )  # fmt: skip

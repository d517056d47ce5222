"""Figure of a training run from its log: loss, accuracy, and momentum and temperature if known."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langevin_lab.pytorch.image_training import EpochRecord

__all__ = ["draw_training", "read_log"]


def read_log(path: str | Path) -> list[EpochRecord]:
    """Return the records of a log.csv.

    Raises
    ------
    ValueError
        If the file has other columns.
    """
    names = [field.name for field in dataclasses.fields(EpochRecord)]
    with Path(path).open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise ValueError(f"{path} has the columns {reader.fieldnames}, not {names}")
        whole = {"epoch", "n_steps"}
        return [
            EpochRecord(**{k: (int if k in whole else float)(v) for k, v in row.items()})  # type: ignore[arg-type]
            for row in reader
        ]


def draw_training(records: Sequence[EpochRecord], path: str | Path, *, title: str = "") -> None:
    """Draw a run into a file whose suffix says the format.

    Parameters
    ----------
    records : sequence of EpochRecord
        At least one.
    path : path
        Its suffix is one that matplotlib writes: .png, .pdf, .svg.
    title : str, optional

    Raises
    ------
    ValueError
        If there are no records.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not records:
        raise ValueError("records is empty: train at least one epoch before drawing")
    column = {
        field.name: np.array([getattr(record, field.name) for record in records])
        for field in dataclasses.fields(EpochRecord)
    }
    cooled = bool(np.isfinite(column["momentum"]).any())
    figure = Figure(figsize=(4.0 * (2 + cooled), 3.2), layout="constrained")
    axes = figure.subplots(1, 2 + cooled)
    marker = "o" if len(records) < 30 else ""
    for name in ("train", "test"):
        style = {"marker": marker, "ms": 3, "label": name}
        axes[0].plot(column["epoch"], column[f"{name}_loss"], **style)
        axes[1].plot(column["epoch"], 100.0 * column[f"{name}_accuracy"], **style)
    axes[0].set(ylabel="mean cross-entropy", yscale="log")
    axes[1].set(ylabel="accuracy (%)")
    axes[0].legend()
    if cooled:
        _draw_cooling(axes[2], column, marker)
    for one in axes:
        one.set(xlabel="epoch")
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(title)
    figure.savefig(path, dpi=150)


def _draw_cooling(axes: Any, column: dict[str, np.ndarray], marker: str) -> None:
    """1 - momentum and, where it is known, the temperature of the displacements."""
    axes.plot(column["epoch"], 1.0 - column["momentum"], marker=marker, ms=3, label="1 - momentum")
    if np.isfinite(column["temperature"]).any():
        axes.plot(
            column["epoch"], column["temperature"], marker=marker, ms=3, color="C3",
            label="temperature: mean square\ndisplacement / learning rate",
        )  # fmt: skip
    axes.set(yscale="log", ylabel="1 - momentum, temperature (loss)")
    axes.legend()

"""Figure of a training run from its log: loss, accuracy, momentum and temperature if known."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from langevin_lab.pytorch.image_training import EpochRecord

__all__ = ["draw_training", "read_log"]


def read_log(path: str | Path) -> list[EpochRecord]:
    """Return the records of a log.csv; an empty cell is nan.

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
            EpochRecord(**{k: (int if k in whole else float)(v or "nan") for k, v in row.items()})  # type: ignore[arg-type]
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
    panels = [_LOSS, _ACCURACY]
    panels += [p for p in (_MOMENTUM, _TEMPERATURE) if np.isfinite(column[p.names[0]]).any()]
    n_rows = len(panels) // 4 + 1
    figure = Figure(figsize=(4.0 * len(panels) / n_rows, 2.9 * n_rows + 0.3), layout="constrained")
    grid = figure.subplots(n_rows, len(panels) // n_rows).ravel()
    for panel, axes in zip(panels, grid):
        for name in panel.names:
            axes.plot(
                column["epoch"], panel.factor * column[name], label=name.split("_")[0], ms=3,
                marker="o" if len(records) < 30 else "",
            )  # fmt: skip
        axes.set(xlabel="epoch", ylabel=panel.label, yscale=panel.scale)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    grid[0].legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=150)


@dataclasses.dataclass(frozen=True)
class _Panel:
    """Columns of the log that one panel shows."""

    names: tuple[str, ...]
    label: str
    scale: str = "linear"
    factor: float = 1.0


_LOSS = _Panel(("train_loss", "test_loss"), "mean cross-entropy", "log")
_ACCURACY = _Panel(("train_accuracy", "test_accuracy"), "accuracy (%)", factor=100.0)
_MOMENTUM = _Panel(("momentum",), "momentum")
_TEMPERATURE = _Panel(("temperature",), "temperature:\nmean square displacement / lr", "log")

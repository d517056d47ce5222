"""Figures, drawn from stored results only: figures/NAME.py holds ``draw(dataset) -> Figure``.

A PNG carries a hash of the data and of the figure's file, so a figure that is up to date is not
drawn again. Dates and version strings are left out: the same data give the same files.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.discovery import load_module, place
from langevin_lab.lab.errors import LabError, one_line, shown
from langevin_lab.lab.figure_style import STYLE
from langevin_lab.lab.store import Store, write_file

if TYPE_CHECKING:
    import xarray

_STAMP = "Source"  # keyword of the PNG's text chunk
_DPI = 200


def draw_figure(name: str, dataset: xarray.Dataset, folder: Path, store: Store) -> list[Path]:
    """Draw the figure of an experiment as PDF and PNG, unless both are up to date.

    Parameters
    ----------
    name : str
        The experiment's name.
    dataset : xarray.Dataset
        Its stored result.
    folder : path
        Holds NAME.py with ``draw(dataset)``.
    store : Store
        Files go to its ``figures`` folder.

    Returns
    -------
    list of Path
        The files; empty if the experiment has no figure.

    Raises
    ------
    LabError
        If the figure's file fails, or its result cannot be written.
    """
    source = folder / f"{name}.py"
    if not source.is_file():
        return []
    paths = [store.folder / "figures" / f"{name}.{suffix}" for suffix in ("pdf", "png")]
    stamp = _stamp(dataset, source)
    if paths[0].is_file() and _stamp_of(paths[1]) == stamp:
        return paths
    import matplotlib

    matplotlib.use("Agg")
    figure = _drawn(source, dataset)
    # A date or a version would make equal figures differ.
    clean: list[dict[str, Any]] = [{"CreationDate": None}, {"Software": None, _STAMP: stamp}]
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it notes the dates of old fonts
    for path, metadata in zip(paths, clean):
        buffer = io.BytesIO()
        # The figure's own style ended with draw(); the font type counts when it is written.
        with matplotlib.rc_context({"pdf.fonttype": STYLE["pdf.fonttype"]}):
            figure.savefig(buffer, format=path.suffix[1:], dpi=_DPI, metadata=metadata)
        write_file(path, buffer.getvalue())
    _close(figure)
    return paths


def _drawn(source: Path, dataset: xarray.Dataset) -> Any:
    from matplotlib.figure import Figure

    module = load_module(source, "langevin_lab_figures")
    draw = getattr(module, "draw", None)
    if not callable(draw):
        raise LabError(f"{shown(source)}: defines no draw(dataset)")
    try:
        figure = draw(dataset)
    except Exception as error:
        raise LabError(f"{place(source, error)}: {one_line(error)}") from error
    if not isinstance(figure, Figure):
        raise LabError(f"{shown(source)}: draw(dataset) returned {figure!r}, needs a Figure")
    return figure


def _close(figure: Any) -> None:
    import matplotlib.pyplot as plt

    plt.close(figure)


def _stamp(dataset: xarray.Dataset, source: Path) -> str:
    content = hashlib.sha256(source.read_bytes())
    for name in sorted(dataset.variables, key=str):
        values = dataset[name].values
        content.update(f"{name} {values.dtype} {values.shape}".encode())
        content.update(values.tobytes() if values.dtype != object else repr(values).encode())
    return content.hexdigest()[:16]


def _stamp_of(png: Path) -> str | None:
    """Stamp of an existing figure; None if there is none or it cannot be read."""
    from PIL import Image

    try:
        with Image.open(png) as image:
            return image.info.get(_STAMP)
    except OSError:
        return None

"""Figures, drawn from stored results only: figures/NAME.py holds ``draw(dataset) -> Figure``.

A PNG carries a hash of the data, of the figure's file and of the common style, so a figure that is
up to date is not drawn again. Dates are left out: the same data give the same files.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_lab.lab import figure_style
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
    try:
        contents = _written(figure, paths, stamp)
    except Exception as error:  # text is set only now: a bad formula raises ValueError
        raise LabError(f"{shown(source)}: cannot be written: {one_line(error)}") from error
    finally:
        _close(figure)
    for path, content in zip(paths, contents):
        write_file(path, content)
    return paths


def _written(figure: Any, paths: list[Path], stamp: str) -> list[bytes]:
    """The bytes of the files."""
    import matplotlib

    # A date or a version would make equal figures differ.
    clean: list[dict[str, Any]] = [{"CreationDate": None}, {"Software": None, _STAMP: stamp}]
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it notes the dates of old fonts
    contents = []
    for path, metadata in zip(paths, clean):
        buffer = io.BytesIO()
        # The figure's own style ended with draw(); the font type counts when it is written.
        with matplotlib.rc_context({"pdf.fonttype": STYLE["pdf.fonttype"]}):
            figure.savefig(buffer, format=path.suffix[1:], dpi=_DPI, metadata=metadata)
        contents.append(buffer.getvalue())
    return contents


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


# Attributes of a run rather than of its data: they change when it is repeated.
_OF_THE_RUN = ("created", "wall_seconds")


def _stamp(dataset: xarray.Dataset, source: Path) -> str:
    """Hash of all that a figure can show: files, data, names of dimensions, attributes."""
    content = hashlib.sha256()
    for file in (source, Path(figure_style.__file__)):
        content.update(hashlib.sha256(file.read_bytes()).digest())
    attributes = {k: v for k, v in dataset.attrs.items() if k not in _OF_THE_RUN}
    content.update(_text_of(attributes))
    for name in sorted(dataset.variables, key=str):
        variable = dataset[name]
        values = variable.values
        content.update(f"{name} {values.dtype} {values.shape} {variable.dims}".encode())
        content.update(_text_of(variable.attrs))
        text = repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
        content.update(text)
    return content.hexdigest()[:16]


def _text_of(attributes: dict[Any, Any]) -> bytes:
    """Attributes as bytes, arrays in full, whatever their order."""
    plain = {str(k): getattr(v, "tolist", lambda v=v: v)() for k, v in attributes.items()}
    return repr(sorted(plain.items())).encode()


def _stamp_of(png: Path) -> str | None:
    """Stamp of an existing figure; None if there is none or it cannot be read."""
    from PIL import Image

    try:
        with Image.open(png) as image:
            return image.info.get(_STAMP)
    except OSError:
        return None

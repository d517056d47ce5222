"""A training in a file: written whole or not at all, so that a kill at any time leaves one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langevin_lab.dynamics.schedules import check_nonnegative

__all__ = ["Writer", "read_checkpoint"]


@dataclass
class Writer:
    """Writes results to a file, not more often than every so many seconds.

    Parameters
    ----------
    path : path or None
        None writes nothing.
    seconds : float
        >= 0.
    """

    path: Any
    seconds: float
    written: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        check_nonnegative("checkpoint_seconds", self.seconds)

    def __call__(self, result: Callable[[], Any], *, last: bool = False) -> None:
        """Write what ``result()`` is if it is time to."""
        if self.path is None or not (last or time.monotonic() - self.written >= self.seconds):
            return
        path = Path(self.path)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
        try:
            result().to_netcdf(unfinished, engine="h5netcdf")
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        self.written = time.monotonic()


def read_checkpoint(path: Any, continue_from: Any) -> Any:
    """The training stored in a file, None if there is no such file.

    Raises
    ------
    ValueError
        If ``continue_from`` is given as well, the file is none of a training, or no file can be
        written there.
    """
    if continue_from is not None:
        raise ValueError(
            f"checkpoint={str(path)!r} is given and so is continue_from; give the stored dataset "
            "as continue_from, or the file alone"
        )
    if not Path(path).parent.is_dir():
        raise ValueError(
            f"checkpoint={str(path)!r}: there is no directory {str(Path(path).parent)!r}; make it "
            "first"
        )
    if Path(path).is_dir():
        raise ValueError(f"checkpoint={str(path)!r} is a directory; give a file name in it")
    if not Path(path).exists():
        return None
    import xarray

    try:
        stored = xarray.load_dataset(path, engine="h5netcdf")
    except OSError as error:
        raise ValueError(f"checkpoint={str(path)!r} cannot be read ({error}); delete it") from None
    if "training" not in stored.attrs:
        raise ValueError(f"checkpoint={str(path)!r} holds no training; give another file name")
    return stored

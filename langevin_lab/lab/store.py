"""Results on disk, addressed by a hash of configuration and code.

    RESULTS/NAME/PRESET-HASH.nc

HASH covers the experiment's name, its configuration, the text of the experiment file when it was
loaded and that of the package's computing rooms: a result of other text is never taken for that of
the present one. It does not cover other files that the experiment imports or reads, nor the
versions of Python, numpy, scipy and numba, which are attributes of the result. Files are netCDF
(h5netcdf), written to memory first, then to a temporary file, then renamed: a write that fails
leaves what was there before. No pickle.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langevin_lab.lab import provenance
from langevin_lab.lab.configuration import as_json
from langevin_lab.lab.errors import LabError, one_line, shown
from langevin_lab.lab.experiment import Experiment

if TYPE_CHECKING:
    import xarray


class Store:
    """A folder of results.

    Parameters
    ----------
    folder : path, optional
        Made when first written to.
    """

    def __init__(self, folder: Path | str = "results"):
        self.folder = Path(folder)

    def digest(self, experiment: Experiment, config: Any) -> str:
        """Hash, 16 hexadecimal digits: name, configuration, loaded text, computing rooms."""
        if experiment.source_digest is None:
            raise LabError(
                f"{experiment.name} has no source file ({shown(experiment.source_file)}); "
                "write it as experiments/NAME.py, so that its results can be told apart"
            )
        parts = {
            "experiment": experiment.name,
            "config": as_json(config),
            "code": provenance.code_digest(),
            "source": experiment.source_digest,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def find(self, experiment: Experiment, config: Any) -> Path | None:
        """File that holds the result, whatever preset it was run under; None if there is none."""
        pattern = f"*-{self.digest(experiment, config)}.nc"
        return min((self.folder / experiment.name).glob(pattern), default=None)

    def has_stale(self, experiment: Experiment, preset: str) -> bool:
        """Whether results of this preset exist from another version of the experiment."""
        return any((self.folder / experiment.name).glob(f"{preset}-*.nc"))

    def load(self, path: Path) -> xarray.Dataset:
        """Read a result into memory.

        Raises
        ------
        LabError
            If the file is not a result or damaged.
        """
        import xarray

        require_netcdf()
        try:
            dataset = xarray.load_dataset(path, engine="h5netcdf")
            json.loads(dataset.attrs["config"])
        except Exception as error:  # a damaged HDF5 file raises anything from OSError to KeyError
            raise LabError(
                f"result {shown(path)} cannot be read ({one_line(error)}); "
                "delete it or run reproduce --force"
            ) from error
        return dataset

    def save(
        self,
        experiment: Experiment,
        preset: str,
        config: Any,
        dataset: xarray.Dataset,
        *,
        seconds: float,
        digest: str | None = None,
    ) -> Path:
        """Write a result with its provenance; return its path.

        ``digest`` is that taken before the run; by default it is taken now.

        Raises
        ------
        LabError
            If the dataset cannot be written as netCDF, or the folder not to.
        """
        digest = digest or self.digest(experiment, config)
        attributes: dict[str, Any] = {
            "experiment": experiment.name,
            "question": experiment.question,
            "preset": preset,
            "config": as_json(config),
            "digest": digest,
            "versions": json.dumps(provenance.versions()),
            "git_commit": provenance.git_commit(experiment.source_file.parent) or "",
            "created": provenance.now(),
            "wall_seconds": round(float(seconds), 3),
        }
        content = _as_netcdf(experiment.name, dataset.assign_attrs(attributes))
        path = self.folder / experiment.name / f"{preset}-{digest}.nc"
        write_file(path, content)
        return path

    def check_writable(self) -> None:
        """Make the folder; raise LabError if nothing can be written to it, before hours of work."""
        require_netcdf()
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"x")


def require_netcdf() -> None:
    """Raise LabError unless netCDF can be read and written; h5netcdf alone does not bring h5py."""
    for module in ("h5netcdf", "h5py"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise LabError(f"results need {module}: python -m pip install {module}") from error


def write_file(path: Path, content: bytes) -> None:
    """Write all or nothing: a temporary file beside the target, flushed, then renamed.

    Raises
    ------
    LabError
        If that fails, with the path, the reason and a remedy; an older file is untouched.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into one line with path, reason and remedy."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise LabError(
            f"cannot write {shown(path)}: {error.strerror or error}; "
            f"{'free space there or ' if full else ''}choose another folder by --results DIR"
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _as_netcdf(name: str, dataset: xarray.Dataset) -> bytes:
    """The file's bytes, made in memory: a full disk then fails in plain Python, not inside HDF5."""
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    try:
        # to_netcdf takes a buffer only from xarray 2025.9 on; this works in older ones too.
        with h5netcdf.File(buffer, "w") as file:
            dataset.dump_to_store(H5NetCDFStore(file))
    except Exception as error:  # TypeError, ValueError or h5netcdf's own, by what is wrong
        raise LabError(
            f"the dataset of {name} cannot be stored as netCDF: {one_line(error)}; "
            "use numeric or text variables, and attributes that are numbers or text"
        ) from error
    return buffer.getvalue()

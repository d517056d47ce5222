"""Experiments and figures are found in folders; a broken file is reported and hides no other."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from langevin_lab.lab.errors import LabError, one_line, shown
from langevin_lab.lab.experiment import Experiment


def discover(
    folder: Path | str = "experiments", selected: Iterable[str] = ()
) -> tuple[list[Experiment], list[LabError]]:
    """Load the experiments of a folder.

    Parameters
    ----------
    folder : path, optional
        Holds one experiment a file; files that begin with "_" are left alone.
    selected : iterable of str, optional
        Names; by default all.

    Returns
    -------
    experiments : list of Experiment
        In alphabetic order, or in that of ``selected``.
    broken : list of LabError
        One line for each file that could not be loaded.

    Raises
    ------
    LabError
        If the folder is missing or holds no experiment, or a name is unknown.
    """
    folder = Path(folder)
    known = experiment_names(folder)
    wanted = list(dict.fromkeys(selected)) or known
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise LabError(f"no experiment {name!r} in {shown(folder)}; {hint}")
    experiments, broken = [], []
    for name in wanted:
        try:
            experiments.append(load_experiment(folder / f"{name}.py"))
        except LabError as error:
            broken.append(error)
    return experiments, broken


def experiment_names(folder: Path) -> list[str]:
    """Names of the experiment files of a folder, without loading them."""
    if not folder.is_dir():
        raise LabError(
            f"experiments folder {shown(folder)} does not exist; run in the folder that holds it, "
            "or give --experiments DIR"
        )
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    if not names:
        raise LabError(f"experiments folder {shown(folder)} holds no experiment (NAME.py)")
    return names


def load_experiment(path: Path) -> Experiment:
    """The ``EXPERIMENT`` of a file; LabError with file and line if there is none."""
    module = load_module(path, "langevin_lab_experiments")
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise LabError(f"{shown(path)}: defines no EXPERIMENT = Experiment(...)")
    if experiment.name != path.stem:
        raise LabError(
            f"{shown(path)}: name={experiment.name!r} must be that of the file, {path.stem!r}"
        )
    return experiment


def load_module(path: Path, room: str) -> ModuleType:
    """Execute a file as the module ``room.stem``; LabError with file and line if that fails."""
    name = f"{room}.{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path.absolute())
    if specification is None or specification.loader is None:
        raise LabError(f"{shown(path)}: is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up while it loads
    try:
        specification.loader.exec_module(module)
    except SystemExit as error:
        raise LabError(
            f"{shown(path)}: exits when imported; guard main() by if __name__ == '__main__'"
        ) from error
    except Exception as error:
        raise LabError(f"{place(path, error)}: {one_line(error)}") from error
    return module


def place(path: Path, error: BaseException) -> str:
    """``file:line`` where the error left the file, as near as its traceback tells."""
    file = str(path.absolute())
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{shown(path)}:{lines[-1]}" if lines else shown(path)

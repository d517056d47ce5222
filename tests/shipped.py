"""The shipped experiments as modules, each loaded once: tests look at their parts."""

import functools
from pathlib import Path

from langevin_lab.lab.discovery import load_module

FOLDER = Path(__file__).parents[1] / "experiments"


@functools.cache
def experiment(name):
    return load_module(FOLDER / f"{name}.py", "shipped")

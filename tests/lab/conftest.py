"""Experiment folders written by the tests, and a laboratory that holds them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

EXPERIMENT = '''
"""Is the mean of a uniform variable one half?

Prediction: 1/2. Method: direct sampling. Cost: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from langevin_lab.evidence import Claim, Estimate
from langevin_lab.lab import Experiment


@dataclass(frozen=True)
class Config:
    n_samples: int = 10_000
    seed: int = 1
    width: float = 1.0
    ladder: tuple[float, ...] = (0.1, 0.2)


def run(config):
    x = np.random.default_rng(config.seed).uniform(0, config.width, size=config.n_samples)
    return xr.Dataset({"x": ("replica", x)})


def claims(dataset):
    mean = Estimate.from_samples(dataset["x"].values)
    return [
        Claim("mean of a uniform variable", "textbook", @CONSTANT@, mean),
        Claim("largest value below one", "textbook", 1.0, 1.0 + 1e-13),
    ]


def cost(config):
    return 1e-4 * config.n_samples


EXPERIMENT = Experiment(
    name="@NAME@",
    presets={"quick": Config(), "paper": Config(n_samples=100_000_000)},
    run=run,
    claims=claims,
    cost=cost,
)

if __name__ == "__main__":
    EXPERIMENT.main()
'''

FIGURE = '''
"""A histogram of the samples."""

import matplotlib.pyplot as plt


def draw(dataset):
    figure, axes = plt.subplots()
    axes.hist(dataset["x"].values, bins=10)
    axes.set_xlabel("$x$")
    return figure
'''


@dataclass
class Laboratory:
    """A temporary folder with experiments/, figures/ and, later, results/."""

    folder: Path

    @property
    def experiments(self) -> Path:
        return self.folder / "experiments"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def add(self, name: str, constant: str = "0.5") -> Path:
        """Write an experiment whose claimed mean is ``constant``."""
        text = EXPERIMENT.replace("@NAME@", name).replace("@CONSTANT@", constant)
        return self.write(name, text.lstrip())

    def write(self, name: str, text: str) -> Path:
        path = self.experiments / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        return path

    def add_figure(self, name: str, text: str = FIGURE) -> Path:
        path = self.figures / f"{name}.py"
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def load(self, name: str):
        from langevin_lab.lab.discovery import load_experiment

        return load_experiment(self.experiments / f"{name}.py")


@pytest.fixture
def laboratory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for folder in ("experiments", "figures"):
        (tmp_path / folder).mkdir()
    return Laboratory(tmp_path)

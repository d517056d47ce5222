"""`Experiment`: one question, its configurations, how to run it and what it claims.

An experiment is a single file. Its docstring states the question (first line), the prediction
with its source, the method and the cost on two cores; then

    @dataclass(frozen=True)
    class Config: ...

    def run(config): ...              # -> xarray.Dataset, no plotting
    def claims(dataset): ...          # -> list of Claim
    def cost(config): ...             # -> seconds on two cores, optional

    EXPERIMENT = Experiment(
        name="file_name",
        presets={"quick": Config(...), "paper": Config(...)},
        run=run, claims=claims, cost=cost,
    )

    if __name__ == "__main__":
        EXPERIMENT.main()
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from langevin_lab.lab.configuration import as_json, is_config, with_overrides
from langevin_lab.lab.errors import LabError, one_line

if TYPE_CHECKING:
    import xarray

    from langevin_lab.evidence import Claim


@dataclass(frozen=True, eq=False)
class Experiment:
    """One question, asked in one file.

    Parameters
    ----------
    name : str
        The file's name without ``.py``.
    presets : mapping of str to config
        Instances of one frozen dataclass; "quick" has to be among them, "paper" should.
    run : callable
        ``run(config) -> xarray.Dataset``, deterministic.
    claims : callable
        ``claims(dataset) -> list of Claim``, from the stored dataset alone.
    cost : callable, optional
        ``cost(config) -> float``, seconds on two cores.
    question : str, optional
        One line; by default the first of the file's docstring.
    config_type : type, optional
        By default the type of the presets.

    Raises
    ------
    TypeError, ValueError
        If a part is missing or of the wrong kind.
    """

    _: KW_ONLY
    name: str
    presets: Mapping[str, Any]
    run: Callable[[Any], xarray.Dataset]
    claims: Callable[[xarray.Dataset], Sequence[Claim]]
    cost: Callable[[Any], float] | None = None
    question: str = ""
    config_type: type | None = None
    source_digest: str | None = field(init=False, default=None)
    """Hash of the experiment's file while it was loaded, whatever becomes of it; None without."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValueError(f"name={self.name!r} must be the file's name without .py")
        for part in ("run", "claims"):
            if not callable(getattr(self, part)):
                raise TypeError(f"{part}={getattr(self, part)!r} must be a function")
        if not isinstance(self.presets, Mapping) or "quick" not in self.presets:
            raise ValueError(f"presets={self.presets!r} must be a mapping that holds 'quick'")
        set_field(self, "presets", MappingProxyType(dict(self.presets)))
        set_field(self, "config_type", self.config_type or type(self.presets["quick"]))
        for preset, config in self.presets.items():
            if type(config) is not self.config_type or not is_config(config):
                raise TypeError(
                    f"preset {preset!r} is {config!r}, needs an instance of one frozen dataclass "
                    "for all presets"
                )
            as_json(config)
        question = self.question or _first_paragraph(self.run)
        if not question:
            raise ValueError("question is missing: begin the file with a docstring that asks it")
        set_field(self, "question", question)
        set_field(self, "source_digest", _digest_of(self.source_file))

    @property
    def source_file(self) -> Path:
        """The file that defines ``run``."""
        return Path(inspect.unwrap(self.run).__code__.co_filename).resolve()

    def config(self, preset: str = "quick", overrides: Iterable[str] = ()) -> Any:
        """Return a preset's configuration, with texts ``field=value`` replacing fields.

        Raises
        ------
        LabError
            If the preset or a field is unknown, or a value does not fit.
        """
        if preset not in self.presets:
            known = ", ".join(self.presets)
            raise LabError(f"preset={preset!r} is unknown to {self.name}; it has {known}")
        overrides = list(overrides)
        config = self.presets[preset]
        return with_overrides(config, overrides) if overrides else config

    def seconds(self, config: Any) -> float | None:
        """Return the expected cost on two cores in seconds, None if the file states none."""
        if self.cost is None:
            return None
        try:
            seconds = float(self.cost(config))
        except Exception as error:
            raise LabError(f"cost(config) of {self.name} failed: {one_line(error)}") from error
        if not (math.isfinite(seconds) and seconds >= 0):
            raise LabError(f"cost(config) of {self.name} is {seconds}; it must be seconds >= 0")
        return seconds

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run as a script: ``--preset``, ``--set field=value``, ``--results DIR``; then exit."""
        from langevin_lab.lab.command_line import run_script

        run_script(self, arguments)


def _digest_of(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _first_paragraph(function: Callable) -> str:
    """First paragraph of the docstring of the file that defines the function, as one line."""
    text = getattr(inspect.unwrap(function), "__globals__", {}).get("__doc__") or ""
    return " ".join(text.strip().split("\n\n")[0].split())

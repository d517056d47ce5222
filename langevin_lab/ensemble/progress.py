"""Chunks of steps sized to about a quarter of a second, and a progress bar where one helps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langevin_lab.ensemble.run import Run

CHUNK_SECONDS = 0.25
BAR_SECONDS = 3.0  # shorter runs need no bar
MAX_CHUNK = 1 << 16  # bounds the table of a schedule


@dataclass(frozen=True)
class Forecast:
    """Expected cost of a run.

    Parameters
    ----------
    seconds : float
        Wall time on this machine, compilation not counted.
    n_bytes : int
        Memory of the arrays that the run keeps: state, sums, histograms and the saved path.
    """

    seconds: float
    n_bytes: int

    def __str__(self) -> str:
        minutes, hours = self.seconds / 60, self.seconds / 3600
        duration = (
            f"{self.seconds:.3g} s" if minutes < 2
            else f"{minutes:.1f} min" if hours < 2 else f"{hours:.1f} h"
        )  # fmt: skip
        return f"about {duration} and {self.n_bytes / 1e6:.3g} MB"


def advance_with_progress(
    run: Run,
    n_steps: int,
    chunk_size: int | None,
    progress: bool | None,
    tell: Callable[[int], None] | None = None,
) -> None:
    """Advance the run by n_steps, chunk by chunk, showing progress on stderr if it is long.

    Where ``tell`` is given it shows the progress, see `progress_of_parts`.
    """
    done, rate = 0, 0.0
    size = chunk_size or max(64, int(2e6 / run.n_replicas / run.kernel.dynamics.dim))
    if chunk_size is None or run.kernel.dynamics.is_scheduled:
        size = min(MAX_CHUNK, size)
    show = tell is None and _is_shown(progress)
    with _bar(n_steps, run) as bar:
        while done < n_steps:
            piece = min(size, n_steps - done)
            started = time.perf_counter()
            run.advance(piece)
            elapsed = max(time.perf_counter() - started, 1e-9)
            done += piece
            # The first chunk may have compiled; its rate says nothing.
            rate = piece / elapsed if done > piece else 0.0
            if chunk_size is None and rate:
                size = max(64, min(MAX_CHUNK, int(rate * CHUNK_SECONDS)))
            if show and rate and n_steps / rate > BAR_SECONDS:
                bar(done, n_steps / rate)
            if tell is not None:
                tell(piece)
    run.fetch()


@contextmanager
def progress_of_parts(
    run: Run, n_steps: int, progress: bool | None
) -> Iterator[Callable[[int], None]]:
    """One bar for n_steps that several calls advance: a function to be told of steps just done.

    What happens between the calls counts as time of the steps.
    """
    show, done, first, started = _is_shown(progress), 0, 0, 0.0
    with _bar(n_steps, run) as bar:

        def tell(piece: int) -> None:
            nonlocal done, first, started
            done += piece
            if not first:  # it may have compiled; its time says nothing
                first, started = piece, time.perf_counter()
                return
            seconds = (time.perf_counter() - started) / (done - first) * n_steps
            if show and seconds > BAR_SECONDS:
                bar(done, seconds)

        yield tell


def _is_shown(progress: bool | None) -> bool:
    """By default in a terminal."""
    return sys.stderr.isatty() if progress is None else progress


@contextmanager
def _bar(n_steps: int, run: Run) -> Iterator[Any]:
    """A function that draws the bar, made on its first call; closed at the end."""
    state: dict[str, Any] = {}

    def draw(done: int, seconds: float) -> None:
        if not state:
            from rich.console import Console
            from rich.progress import Progress

            state["progress"] = Progress(console=Console(stderr=True), transient=True)
            state["progress"].start()
            name = f"{run.kernel.method.name} on {run.kernel.dynamics.potential.name}"
            n_bytes = run.state.nbytes + run.sums.nbytes + run.counts.nbytes + run.saved.nbytes
            state["progress"].console.print(f"{name}: {Forecast(seconds, n_bytes)}")
            state["task"] = state["progress"].add_task(name, total=n_steps)
        state["progress"].update(state["task"], completed=done)

    try:
        yield draw
    finally:
        if state:
            state["progress"].stop()

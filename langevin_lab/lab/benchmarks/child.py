"""A program in a process of its own, which times itself when it is told to.

So that no program takes another's memory, threads or settings; all stay alive, and their repeats
are interleaved. One line of JSON a message: the child says that it is ready, then answers every
line on its input by one measurement. What libraries print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from langevin_lab.lab.benchmarks.programs import PROGRAMS, Run, Task
from langevin_lab.lab.errors import one_line

__all__ = ["calibrated", "main", "measurement"]

FEW_STEPS = 10
ATTEMPTS = 5
COMPILED_FROM = 1_000  # steps, `langevin_lab.pytorch.blocks.LONG`
SHARE = 10  # the long run has so many times the steps of the short one


def calibrated(run: Run, seconds: float) -> int:
    """Steps of the short run, so that the long one takes about so many seconds.

    The first run compiles. The length doubles until a run can be told from its overhead.
    """
    run(FEW_STEPS)
    n_steps = FEW_STEPS
    fixed = run(n_steps)[0]
    while True:
        n_steps *= 4
        taken = run(n_steps)[0]
        if taken - fixed > 0.05 * seconds or n_steps > 10**7:
            step = max(taken - fixed, 1e-9) / (n_steps - FEW_STEPS)
            return max(FEW_STEPS, round(seconds / step / SHARE))


def of_one_kind(task: Task, n_steps: int) -> int:
    """A length near this one, of which both runs take operations, or both compiled steps.

    PyTorch compiles on a card the steps of a run that is long; the difference of a run that does
    and one that does not is the time of neither.
    """
    if task.backend.partition(":")[0] != "torch" or task.device != "cuda":
        return n_steps
    if n_steps >= COMPILED_FROM or SHARE * n_steps < COMPILED_FROM:
        return n_steps
    longer = n_steps**2 * SHARE > COMPILED_FROM**2
    return COMPILED_FROM if longer else (COMPILED_FROM - 1) // SHARE


def measurement(run: Run, n_steps: int) -> dict[str, float]:
    """Units of work per second: of the steps alone, by two lengths, and of the whole long run.

    Again, if something else held up the short run until it was no shorter.

    Raises
    ------
    RuntimeError
        If that happens each time.
    """
    for _ in range(ATTEMPTS):
        short_seconds, short_units, _ = run(n_steps)
        seconds, units, mean = run(SHARE * n_steps)
        if seconds > short_seconds:
            break
    else:
        raise RuntimeError(
            f"{SHARE * n_steps} steps took no longer than {n_steps}, {ATTEMPTS} times: the machine "
            "is too busy; use a larger --seconds"
        )
    return {
        "rate": (units - short_units) / (seconds - short_seconds),
        "whole_rate": units / seconds,
        "seconds": seconds,
        "units": units,
        "mean": mean,
    }


def main(arguments: list[str] | None = None) -> None:
    """Prepare the task given as JSON, then measure at every line of input."""
    settings = json.loads((arguments or sys.argv[1:])[0])
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)

        def answer(message: dict[str, Any]) -> None:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

        try:
            task = Task(**settings["task"])
            run = PROGRAMS[task.program](task)
            n_steps = of_one_kind(task, calibrated(run, settings["seconds"]))
            answer({"n_steps": n_steps})
            for _ in sys.stdin:
                answer(measurement(run, n_steps))
        except ModuleNotFoundError as error:
            answer({"error": f"{error.name} is not installed (pip install {error.name})"})
        except Exception as error:
            answer({"error": one_line(error)})


if __name__ == "__main__":
    main()

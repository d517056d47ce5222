"""Programs as processes, asked in turn: interleaved repeats, so that a drift meets all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

from langevin_lab.lab.benchmarks.programs import Task
from langevin_lab.lab.benchmarks.records import Measured

__all__ = ["Child", "measure"]

# JAX takes three quarters of a card at its start unless told not to; idle threads must not spin.
SETTINGS = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OMP_WAIT_POLICY": "passive",
}
READY_SECONDS = 300.0  # to import, compile and find a length
COMMAND = (sys.executable, "-m", "langevin_lab.lab.benchmarks.child")


class Child:
    """A program in a process of its own.

    Parameters
    ----------
    task : Task
    seconds : float
        What a long run should take.
    command : sequence of str, optional
    """

    def __init__(self, task: Task, seconds: float, command: Sequence[str] = COMMAND):
        self.task, self.limit = task, READY_SECONDS + 100 * seconds
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed with the child
        settings = json.dumps({"task": task.record(), "seconds": seconds})
        self.process = subprocess.Popen(
            [*command, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.complaints, text=True, env=SETTINGS | dict(os.environ),
        )  # fmt: skip

    def answer(self) -> dict[str, Any]:
        """The next message; its error if the process dies or takes too long."""
        late = threading.Timer(self.limit, self.process.kill)
        late.start()
        line = self.process.stdout.readline() if self.process.stdout else ""
        in_time = late.is_alive()
        late.cancel()
        if line:
            return json.loads(line)
        if not in_time:
            return {"error": f"took longer than {self.limit:.0f} s"}
        self.process.wait()
        self.complaints.seek(0)
        last = (self.complaints.read().strip().splitlines() or ["without a word"])[-1]
        return {"error": f"ended with status {self.process.returncode}: {last}"}

    def ask(self) -> dict[str, Any]:
        """One measurement."""
        try:
            assert self.process.stdin is not None
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except OSError:  # it has ended: the answer says why
            pass
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.complaints.close()


def measure(
    tasks: Sequence[Task],
    *,
    seconds: float,
    repeats: int,
    say: Callable[[str], None] = lambda text: None,
    command: Sequence[str] = COMMAND,
) -> list[Measured]:
    """Time all tasks, one after the other and again; one that fails says why and drops out.

    Parameters
    ----------
    tasks : sequence of Task
    seconds : float
        What a long run should take.
    repeats : int
    say : callable, optional
        Gets a line on each program.
    command : sequence of str, optional
        Starts a child.
    """
    children: list[Child] = []
    ready: dict[Task, dict[str, Any]] = {}
    answers: dict[Task, list[dict[str, Any]]] = {}
    try:
        for task in tasks:
            child = Child(task, seconds, command)
            children.append(child)
            ready[task] = child.answer()  # one at a time: compiling disturbs who finds a length
            answers[task] = []
            say(f"{task.work}: {task.name}: {ready[task].get('error', 'ready')}")
        for _ in range(repeats):
            for child in children:
                known = [ready[child.task], *answers[child.task]]
                if not any("error" in message for message in known):
                    answers[child.task].append(child.ask())
    finally:
        for child in children:
            child.close()
    return [_measured(task, ready[task], answers[task]) for task in tasks]


def _measured(task: Task, ready: dict[str, Any], answers: list[dict[str, Any]]) -> Measured:
    for message in (ready, *answers):
        if "error" in message:
            return Measured(task, error=message["error"])
    return Measured(
        task,
        tuple(answer["rate"] for answer in answers),
        tuple(answer["whole_rate"] for answer in answers),
        int(ready["n_steps"]),
        answers[-1]["mean"],
    )

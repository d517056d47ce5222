"""Blocks of replicas that advance together, on the CPU as many as fit in a cache.

As the compiled loop does, a stretch of steps is run at full speed and looked at once, at its end;
only if a replica has left the bound there (with a narrow bound, after any step) is the stretch
repeated from its beginning, step by step, to find the step. Noise is a function of the step, so
the repetition gives the other replicas the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from langevin_lab.ensemble.layout import N_GROUPS, STRETCH
from langevin_lab.ensemble.run import Run
from langevin_lab.potentials import Minibatch
from langevin_lab.pytorch.ensemble_noise import EnsembleNoise
from langevin_lab.pytorch.fusion import FusedStep
from langevin_lab.pytorch.parts import Parts
from langevin_lab.pytorch.recording import bin_numbers, n_counters
from langevin_lab.pytorch.stretches import GraphedRunner, Plan, Stretch

__all__ = ["Block"]

# Normals drawn at a time: on a CPU they stay in the second-level cache, elsewhere launches count.
_DRAWN = {"cpu": 1 << 15}
_DRAWN_ELSEWHERE = 1 << 24
LONG = 1_000  # steps from which on a card some seconds of compiling a step are worth it

After = Callable[[int, dict[str, torch.Tensor], dict[str, torch.Tensor]], dict[str, torch.Tensor]]


class Block:
    """The replicas first ... stop - 1 of a run, as tensors.

    Parameters
    ----------
    run : Run
    parts : Parts
    first, stop : int
        Columns of the run's arrays.
    """

    def __init__(self, run: Run, parts: Parts, first: int, stop: int):
        self.run, self.parts = run, parts
        self.columns = slice(first, stop)
        replicas = run.first_replica + np.arange(first, stop, dtype=np.int64)
        self.noise = EnsembleNoise(
            run.seed, replicas, lanes=parts.layout.lanes, dtype=parts.dtype, device=parts.device,
            by_torch=parts.captured, reuse="r" not in parts.layout.program.stored,
        )  # fmt: skip
        self.group = torch.as_tensor(replicas % N_GROUPS, device=parts.device)
        self.long = False
        self.fused: FusedStep | None = None
        self.runner = GraphedRunner(self.stretch, parts.device if parts.captured else None)
        self.frozen = torch.zeros(stop - first, dtype=torch.bool, device=parts.device)

    @property
    def width(self) -> int:
        """Replicas of the block."""
        return self.columns.stop - self.columns.start

    def load(self, first_step: int) -> None:
        """Take the state and the sums from the run's arrays."""
        run, parts = self.run, self.parts
        host: dict[str, torch.Tensor] = {}
        row = 0
        for name in parts.layout.kept:
            size = parts.layout.size(name)
            host[name] = self._tensor(run.state[row : row + size, self.columns])
            row += size
        host |= self._refreshed(host, first_step)
        self.state = {name: host[name] for name in parts.layout.program.carried}
        self.sums = [
            torch.tensor(row, dtype=torch.float64, device=parts.device)
            for row in run.sums[:, self.columns]
        ]
        self.diverged = torch.tensor(run.diverged[self.columns], device=parts.device)
        self.frozen = self.diverged >= 0
        self.any_frozen = bool(self.frozen.any())
        self.counts = self._no_counts()

    def _tensor(self, rows: np.ndarray) -> torch.Tensor:
        """Rows of the run's state in the form of the block."""
        rows = rows if self.parts.layout.lanes else rows.T
        return torch.tensor(
            np.ascontiguousarray(rows), dtype=self.parts.dtype, device=self.parts.device
        )

    def _refreshed(self, state: Mapping[str, torch.Tensor], step: int) -> dict[str, torch.Tensor]:
        """What is at the positions: the energy, and the gradient unless it was drawn before."""
        parts, names = self.parts, {}
        layout, stored = parts.layout, parts.layout.program.stored
        if "e" in stored:
            names["e"] = parts.moments.functions.energy(state["x"], parts.axis).unsqueeze(
                parts.axis
            )
        if "g" in stored and (step == 0 or not layout.program.random_gradient):
            normals = indices = None
            if layout.noise is not None:
                first = layout.first_gradient_normal // 2
                normals = self.noise.normals(first, 0, layout.noise.n_normals)
            if isinstance(layout.noise, Minibatch):
                indices = self.noise.indices(layout.noise, 0, 1)[:, 0]
            names["g"] = parts.gradient(state["x"], normals, indices)
        return names

    def _no_counts(self) -> list[torch.Tensor]:
        size = n_counters(self.run.counts.shape[2])
        return [
            torch.zeros(size, dtype=torch.int64, device=self.parts.device)
            for _ in range(self.run.counts.shape[0])
        ]

    def advance(self, first_step: int, n_steps: int, table: np.ndarray) -> None:
        """Advance by n_steps from first_step on; ``table`` as `Kernel.table`."""
        self.long |= self.parts.captured and n_steps >= LONG
        with torch.no_grad():
            start, stop = first_step, first_step + n_steps
            while start < stop:
                last = min(stop, (start // STRETCH + 1) * STRETCH)
                rows = table if len(table) == 1 else table[start - first_step : last - first_step]
                self._advance_stretch(start, last, rows)
                start = last

    def _advance_stretch(self, start: int, stop: int, table: np.ndarray) -> None:
        plan, stretch = self._plan(start, stop), self._given(start, stop, table)
        after = self.runner(plan, stretch)
        assert after.outside is not None
        newly = after.outside & ~self.frozen
        if bool(newly.any()):
            after = self._watched(plan, stretch, start, newly)
            self.any_frozen = True
        elif self.any_frozen:
            self._restore(after, stretch)
        self.state, self.sums, self.counts = after.state, after.sums, after.counts
        steps = (step for step, saves in enumerate(plan.saves, start + 1) if saves)
        for step, state in zip(steps, after.saved):
            self._save(step, state)

    def _plan(self, start: int, stop: int) -> Plan:
        run = self.run
        done = range(start + 1, stop + 1)
        recording = bool(self.parts.moments.moments or self.parts.histograms.moments)
        return Plan(
            stop - start,
            tuple(
                recording and step > run.burn_in and (step - run.burn_in) % run.record_every == 0
                for step in done
            ),
            tuple(run.save_every > 0 and step % run.save_every == 0 for step in done),
            start * self.parts.layout.n_normals % 2,
            self.any_frozen,
        )

    def _given(self, start: int, stop: int, rows: np.ndarray) -> Stretch:
        """The tensors that the stretch begins with."""
        layout, device = self.parts.layout, self.parts.device
        first_pair: Any = start * layout.n_normals // 2
        indices, table = None, rows.tolist()
        if self.parts.captured:
            first_pair = torch.tensor(first_pair, device=device)
            # Plain numbers become part of the graph; vectors and schedules are read by it.
            # A schedule's single row as well: later stretches of one step have other numbers.
            if self.run.kernel.dynamics.is_scheduled or self.parts.vector_coefficients:
                table = torch.tensor(rows, dtype=self.parts.dtype, device=device)
        if isinstance(layout.noise, Minibatch):
            count = layout.program.gradients_per_step
            carried = int("g" in layout.program.stored)
            indices = self.noise.indices(
                layout.noise, carried + start * count, (stop - start) * count
            )
        return Stretch(self.state, self.sums, self.counts, self.frozen, first_pair, table, indices)

    def stretch(self, plan: Plan, given: Stretch, after_step: After | None = None) -> Stretch:
        """The steps of a plan; ``after_step`` may change what a step gave, and ``frozen``."""
        parts = self.parts
        out = replace(
            given,
            sums=[tensor.clone() for tensor in given.sums],
            counts=[tensor.clone() for tensor in given.counts],
            saved=[],
        )
        normals, scheduled = self._normals(plan, given), len(given.table) > 1
        coefficients = parts.coefficients(given.table, 0)
        for step in range(plan.n_steps):
            drawn = next(normals)
            if scheduled:
                coefficients = parts.coefficients(given.table, step)
            new = self._step(out.state, drawn, self._indices(given, step), coefficients)
            out.state = new if after_step is None else after_step(step, out.state, new)
            if parts.narrow and after_step is None:
                left = parts.outside(new)
                out.outside = left if out.outside is None else out.outside | left
            if plan.records[step]:
                self._record(out, self.frozen if after_step else given.frozen, plan.masked)
            if plan.saves[step]:
                out.saved.append({name: out.state[name] for name in parts.layout.program.state})
        if "r" in out.state:
            out.state["r"] = out.state["r"].clone()  # no part of the normals, which are many
        if not parts.narrow:
            out.outside = parts.outside(out.state)
        return out

    def _normals(self, plan: Plan, given: Stretch) -> Iterator[torch.Tensor]:
        """The normals of one step after the other, several steps drawn at a time."""
        parts, count = self.parts, self.parts.layout.n_normals
        shape = (count, self.width) if parts.layout.lanes else (self.width, count)
        if not parts.noisy or count == 0:
            nothing = torch.zeros(shape, dtype=parts.dtype, device=parts.device)
            while True:
                yield nothing
        at_once = _DRAWN.get(parts.device.type, _DRAWN_ELSEWHERE) // (count * self.width)
        least = 1 + count % 2  # two steps share a pair of normals where each takes an odd number
        at_once = max(least, at_once - at_once % least)
        for first in range(0, plan.n_steps, at_once):
            steps = min(at_once, plan.n_steps - first)
            offset = plan.skip + first * count
            pair = given.first_pair + offset // 2
            drawn = self.noise.normals(pair, offset % 2, steps * count)
            # One call for all steps: a view costs as much as a line of a step.
            yield from drawn.split(count, dim=parts.axis)

    def _indices(self, given: Stretch, step: int) -> torch.Tensor | None:
        """Examples of the evaluations of one step: (n_replicas, evaluations, batch_size)."""
        count = self.parts.layout.program.gradients_per_step
        return (
            None if given.indices is None else given.indices[:, step * count : (step + 1) * count]
        )

    def _step(
        self,
        state: Mapping[str, torch.Tensor],
        normals: torch.Tensor,
        indices: torch.Tensor | None,
        coefficients: Mapping[str, Any],
    ) -> dict[str, torch.Tensor]:
        """One step; compiled in a long run on a card, if its numbers are those of all steps."""
        stepper = self.parts.stepper

        def step(state: Any, normals: Any, indices: Any) -> dict[str, torch.Tensor]:
            return stepper(state, normals, coefficients, self._gradient(normals, indices))

        if not self.long or self.run.kernel.dynamics.is_scheduled:
            return step(state, normals, indices)
        self.fused = self.fused or FusedStep(step, stepper.names)
        return self.fused(state, normals, indices)

    def _gradient(
        self, normals: torch.Tensor, indices: torch.Tensor | None
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """The gradient of one step, which takes the numbers of its evaluations in order."""
        layout, drawn = self.parts.layout, self.parts.gradient
        evaluation = 0

        def gradient(x: torch.Tensor) -> torch.Tensor:
            nonlocal evaluation
            own = chosen = None
            if layout.noise is not None:
                first = layout.gradient_normals(evaluation)
                own = normals.narrow(self.parts.axis, first, layout.noise.n_normals)
            if indices is not None:
                chosen = indices[:, evaluation]
            evaluation += 1
            return drawn(x, own, chosen)

        return gradient

    def _record(self, out: Stretch, frozen: torch.Tensor, masked: bool) -> None:
        """Add the moments to their sums and count the histograms, of replicas not frozen."""
        parts, run = self.parts, self.run
        for total, value in zip(out.sums, parts.moments.values(out.state)):
            total += torch.where(frozen, 0.0, value) if masked else value
        if not parts.histograms.moments:
            return
        size = run.counts.shape[2]
        values = parts.histograms.values(out.state)
        for h, (counters, value) in enumerate(zip(out.counts, values)):
            low, per_unit = run.edges[h].tolist()
            place = bin_numbers(value, low, per_unit, int(run.n_bins[h]), self.group, size)
            if masked:
                place = torch.where(frozen, counters.numel() - 1, place)
            counters.scatter_add_(0, place, torch.ones_like(place))

    def _restore(self, after: Stretch, before: Stretch) -> None:
        """Put back what was frozen before the stretch; its sums and counts have not changed."""
        frozen = self.frozen if self.parts.layout.lanes else self.frozen[:, None]
        for name, old in before.state.items():
            after.state[name] = torch.where(frozen, old, after.state[name])
        after.saved = [
            {name: torch.where(frozen, before.state[name], value) for name, value in state.items()}
            for state in after.saved
        ]

    def _watched(self, plan: Plan, given: Stretch, start: int, newly: torch.Tensor) -> Stretch:
        """The stretch again, freezing each replica before the step in which it leaves."""
        parts = self.parts
        candidates = torch.ones_like(newly) if parts.narrow else newly

        def after_step(step: int, old: dict, new: dict) -> dict:
            leaves = parts.outside(new) & candidates & ~self.frozen
            self.diverged = torch.where(leaves, start + step + 1, self.diverged)
            self.frozen = self.frozen | leaves
            frozen = self.frozen if parts.layout.lanes else self.frozen[:, None]
            return {name: torch.where(frozen, old[name], value) for name, value in new.items()}

        return self.stretch(replace(plan, masked=True), given, after_step)

    def _save(self, step: int, state: Mapping[str, torch.Tensor]) -> None:
        run = self.run
        saved = run.saved[step // run.save_every - run.first_saved][:, self.columns]
        saved[:] = np.concatenate([self._rows(value) for value in state.values()])

    def _rows(self, value: torch.Tensor) -> np.ndarray:
        """A tensor as rows of the run's state."""
        rows = value.to("cpu", torch.float64).numpy()
        return rows if self.parts.layout.lanes else rows.T

    def fetch(self) -> None:
        """Write state, sums, divergences and counts to the run's arrays."""
        run, row = self.run, 0
        for name in self.parts.layout.kept:
            size = self.parts.layout.size(name)
            run.state[row : row + size, self.columns] = self._rows(self.state[name])
            row += size
        for index, total in enumerate(self.sums):
            run.sums[index, self.columns] = total.cpu().numpy()
        run.diverged[self.columns] = self.diverged.cpu().numpy()
        for index, counters in enumerate(self.counts):
            run.counts[index] += counters[:-1].cpu().numpy().reshape(run.counts.shape[1:])

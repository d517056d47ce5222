"""``simulate(..., backend="torchsde")``: torchsde's solvers under the run of all backends.

Time counts steps: with the step as its unit, the grid consists of whole numbers, every step that
torchsde takes is 1 to the last bit and every state that it returns lies on the grid, where nothing
is interpolated. Normals are those of `ensemble.layout`, so that results do not depend on how steps
are cut into calls, and replicas not on one another. Steps have one length.

A stretch of steps is run in one call, which returns the states that are recorded or saved; if a
replica has left the bound at its end, the stretch is run again, all of its states are looked at,
and the replica is frozen in the last one inside.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import Kernel
from langevin_lab.ensemble.layout import N_GROUPS, NO_RETURN, Layout
from langevin_lab.ensemble.machine import processor
from langevin_lab.ensemble.run import Run as HostRun
from langevin_lab.integrators import Method
from langevin_lab.pytorch.recording import Observables, bin_numbers

__all__ = ["Run"]

CALL = 256  # steps of one call of torchsde, which looks at shapes first
KEPT = 2**23  # numbers of the states that one call returns
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


class Run(HostRun):
    """Arrays of a run, advanced by a solver of torchsde."""

    def __post_init__(self) -> None:
        from langevin_lab.pytorch.sde_solvers import sde_of

        super().__post_init__()
        kernel: Any = self.kernel
        self._dtype = _DTYPES[self.backend.precision]
        self._place = torch.device(self.backend.device or "cpu")
        settings = {"dtype": self._dtype, "device": self._place}
        self._sde = sde_of(kernel.method, kernel.dynamics, time_unit=kernel.dt, **settings)
        functions = self._sde.functions
        self._moments = Observables(kernel, functions, kernel.moments, -1)
        self._histograms = Observables(kernel, functions, kernel.histograms, -1)
        self._on_device: _Arrays | None = None

    @classmethod
    def method_for(cls, backend: Backend, dynamics: Any, method: Method) -> Method:
        """The solver that is asked for, else the one that the method is."""
        _require_torchsde()
        from langevin_lab.pytorch.sde_solvers import solver_method

        return solver_method(dynamics, method, backend.solver)

    @classmethod
    def check(cls, backend: Backend, kernel: Kernel) -> None:
        """Raise an error that says what would do if the backend cannot run the kernel."""
        from langevin_lab.pytorch.functions import tensor_functions

        if backend.precision not in _DTYPES:
            raise ValueError(
                f"precision={backend.precision!r} with backend={str(backend)!r}: torchsde has one "
                "precision for state and gradient; use 'float32', or backend='torch'"
            )
        device = _device(backend)
        tensor_functions(kernel.dynamics.potential, dtype=_DTYPES[backend.precision], device=device)

    @classmethod
    def n_columns(cls, n_replicas: int, layout: Layout, n_threads: int) -> int:
        """Columns of the arrays: no padding."""
        return n_replicas

    @property
    def hardware(self) -> dict[str, str]:
        """Name of the device, the solver, versions of PyTorch and torchsde."""
        method: Any = self.kernel.method
        on_card = self._place.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self._place) if on_card else processor(),
            "solver": method.solver,
            "torch_version": torch.__version__,
            "torchsde_version": importlib.metadata.version("torchsde"),
        }

    def advance_blocks(self, n_steps: int, pool: ThreadPoolExecutor) -> None:
        """Advance all replicas by n_steps, in one go."""
        stop = self.step + n_steps
        with torch.no_grad(), _threads(self.n_threads):
            if self._on_device is None:
                self._on_device = _Arrays(self)
            while self.step < stop:
                last = self._end_of_call(stop)
                self._run_stretch(self._on_device, last)
                self.step = last

    def _end_of_call(self, stop: int) -> int:
        """Up to CALL steps, fewer if many states were to be kept at a time."""
        most = max(1, KEPT // (self.n_replicas * self._sde.n_state))
        kept = 0
        for done in range(self.step + 1, min(stop, self.step + CALL)):
            kept += self._is_looked_at(done)
            if kept >= most:
                return done
        return min(stop, self.step + CALL)

    def fetch(self) -> None:
        """Bring the arrays up to date; the next steps read them again."""
        if self._on_device is not None:
            self._on_device.write_back(self)
            self._on_device = None

    def _run_stretch(self, arrays: _Arrays, last: int) -> None:
        """Run the steps up to ``last`` and record them."""
        rows, narrow = arrays.running, self.bound < NO_RETURN
        if self.save_every and not arrays.all_run:
            self._save_frozen(arrays, last)
        if not len(rows):
            return
        looks = self._looks(last, every=False)
        start = arrays.y if arrays.all_run else arrays.y[rows]
        path = self._solve(arrays, start, looks)
        left = None
        if self._is_outside(path if narrow else path[-1]).any():
            middle = (self.step + last) // 2
            if middle > self.step and (last - self.step) * start.numel() > KEPT:
                self._run_halves(arrays, middle, last)
                return
            looks = self._looks(last, every=True)
            path, left = self._frozen(arrays, start, self._solve(arrays, start, looks), looks)
        self._record(arrays, rows, path, looks, left)
        arrays.put(rows, path[-1])
        if left is not None:
            arrays.choose(rows[left == len(looks)])

    def _run_halves(self, arrays: _Arrays, middle: int, last: int) -> None:
        """The same steps in two calls, whose states are fewer."""
        first = self.step
        for end in (middle, last):
            self._run_stretch(arrays, end)
            self.step = end
        self.step = first

    def _is_outside(self, y: torch.Tensor) -> torch.Tensor:
        return (~(y.abs() < self.bound)).any(dim=-1)

    def _looks(self, last: int, *, every: bool) -> list[int]:
        """The steps after which the state is wanted."""
        steps = range(self.step + 1, last + 1)
        return [done for done in steps if every or done == last or self._is_looked_at(done)]

    def _is_looked_at(self, done: int) -> bool:
        return self.bound < NO_RETURN or self._is_recorded(done) or self._is_saved(done)

    def _is_recorded(self, done: int) -> bool:
        records = bool(self._moments.moments or self._histograms.moments)
        return records and done > self.burn_in and (done - self.burn_in) % self.record_every == 0

    def _is_saved(self, done: int) -> bool:
        return self.save_every > 0 and done % self.save_every == 0

    def _solve(self, arrays: _Arrays, y: torch.Tensor, looks: list[int]) -> torch.Tensor:
        """States after the given steps, (n_looks, n_running, n_state)."""
        import torchsde

        method: Any = self.kernel.method
        # On the CPU also for a card: torchsde compares times before every step.
        times = torch.tensor([self.step, *looks], dtype=torch.float64)
        devices = [self._place] if self._place.type == "cuda" else []
        # It tries out a product with normals from torch's own generator, which is the user's.
        with torch.random.fork_rng(devices):
            return torchsde.sdeint(
                self._sde, y, times, bm=arrays.motion, method=method.solver, dt=1.0,
                options={"grad_free": method.grad_free},
            )[1:]  # fmt: skip

    def _frozen(
        self, arrays: _Arrays, start: torch.Tensor, path: torch.Tensor, looks: list[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The path with each replica's last state inside the bound in the place of what follows.

        Also the first look at which a replica is outside, the number of looks if at none.
        """
        number = torch.arange(len(looks), device=path.device)[:, None]
        left = torch.where(self._is_outside(path), number, len(looks)).min(dim=0).values
        gone = left < len(looks)
        steps = torch.tensor([*looks, -1], device=path.device)[left]
        arrays.diverged[arrays.running[gone]] = steps[gone]
        before = torch.cat([start[None], path])
        place = torch.arange(len(left), device=path.device)
        held = before[left, place]  # entry 0 is the start
        return torch.where((number >= left)[..., None], held, path), left

    def _record(
        self, arrays: _Arrays, rows: torch.Tensor, path: torch.Tensor, looks: list[int], left: Any
    ) -> None:
        """Add the recorded states to sums and counts, the saved ones to the path."""
        chosen = [k for k, done in enumerate(looks) if self._is_recorded(done)]
        if chosen:
            parts = self._sde.unpack(path if len(chosen) == len(looks) else path[chosen])
            inside = (
                None if left is None else torch.tensor(chosen, device=path.device)[:, None] < left
            )
            for index, values in enumerate(self._moments.values(parts)):
                if inside is not None:
                    values = torch.where(inside, values, 0.0)
                arrays.sums[index, rows] += values.sum(0, dtype=torch.float64)
            for index, values in enumerate(self._histograms.values(parts)):
                self._count(arrays, index, rows, values, inside)
        for k, done in enumerate(looks):
            if self._is_saved(done):
                place = self.saved[done // self.save_every - self.first_saved]
                place[:, rows.cpu().numpy()] = path[k].T.cpu().numpy()

    def _count(self, arrays: _Arrays, index: int, rows: Any, values: Any, inside: Any) -> None:
        """Count values of shape (n_looks, n_running) into the bins of their groups."""
        (low, per_unit), size = self.edges[index].tolist(), self.counts.shape[2]
        groups = arrays.groups[rows].expand(values.shape)
        bins = bin_numbers(values, low, per_unit, int(self.n_bins[index]), groups, size)
        if inside is not None:
            bins = bins[inside]
        counted = torch.bincount(bins.ravel(), minlength=N_GROUPS * size)
        arrays.counts[index] += counted.view(N_GROUPS, size)

    def _save_frozen(self, arrays: _Arrays, last: int) -> None:
        """Replicas frozen before this stretch stand still in the saved path."""
        frozen = torch.nonzero(arrays.diverged >= 0).ravel()
        state = arrays.y[frozen].T.cpu().numpy()
        for done in range(self.step + 1, last + 1):
            if self._is_saved(done):
                place = self.saved[done // self.save_every - self.first_saved]
                place[:, frozen.cpu().numpy()] = state


class _Arrays:
    """What is on the device between two fetches."""

    def __init__(self, run: Run):
        device = run._place
        self.y = torch.as_tensor(run.state.T.copy(), dtype=run._dtype, device=device)
        self.sums = torch.as_tensor(run.sums.copy(), device=device)
        self.counts = torch.as_tensor(run.counts.copy(), device=device)
        self.diverged = torch.as_tensor(run.diverged.copy(), device=device)
        replicas = run.first_replica + np.arange(run.n_replicas)
        self.groups = torch.as_tensor(replicas % N_GROUPS, device=device)
        self._run = run
        self.choose(torch.nonzero(self.diverged < 0).ravel())

    def choose(self, running: torch.Tensor) -> None:
        """Go on with these replicas alone."""
        from langevin_lab.pytorch.brownian import CounterBrownianMotion

        run = self._run
        method: Any = run.kernel.method
        self.running, self.all_run = running, len(running) == run.n_replicas
        replicas = run.first_replica + running.cpu().numpy()
        self.motion = CounterBrownianMotion(
            run.seed, replicas, run._sde.n_channels, 1.0, method.levy_area, run._dtype, run._place
        )

    def put(self, rows: torch.Tensor, y: torch.Tensor) -> None:
        """The states of the running replicas."""
        if self.all_run:
            self.y = y.clone()  # a view would keep the whole path
        else:
            self.y[rows] = y

    def write_back(self, run: Run) -> None:
        """Write everything to the arrays of the host."""
        run.state[:] = self.y.T.to(torch.float64).cpu().numpy()
        run.sums[:] = self.sums.cpu().numpy()
        run.counts[:] = self.counts.cpu().numpy()
        run.diverged[:] = self.diverged.cpu().numpy()


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _require_torchsde() -> None:
    if importlib.util.find_spec("torchsde") is None:
        raise ImportError(
            "backend='torchsde' needs torchsde, which is not installed; "
            "pip install langevin_lab[torch]"
        )


def _device(backend: Backend) -> torch.device:
    """The device, if there is one of that name."""
    try:
        device = torch.device(backend.device or "cpu")
    except RuntimeError:
        raise ValueError(
            f"backend={str(backend)!r}: torch knows no device {backend.device!r}; use "
            "'torchsde:cuda' or 'torchsde'"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"backend={str(backend)!r}, but torch {torch.__version__} finds no CUDA device; run "
            "the same on the CPU with backend='torchsde'"
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"backend={str(backend)!r}: use 'torchsde:cuda' or 'torchsde'")
    return device

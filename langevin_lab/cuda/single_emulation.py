"""What float32 does to an ensemble, seen without a card: its kernel's text over numpy arrays.

All of a kernel's arithmetic rounds once and correctly, and numpy's float32 does too, so that the
device functions give the bits of a card when they are handed arrays of replicas in the place of
numbers. That is some 1e6 replica-steps a second: enough to see a bias of 1e-6, since the same
normals move the float64 ensemble that it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from langevin_lab.compiled.modules import load
from langevin_lab.cuda import single
from langevin_lab.cuda.kernel_text import device_module
from langevin_lab.cuda.writer import Registers
from langevin_lab.ensemble.checks import check_seed
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.ensemble.start import check_start_arguments
from langevin_lab.integrators import method_for

__all__ = ["single_steps"]

_ARRAYS = """\
from numpy import float32 as real
from langevin_lab.cuda.single_simulated import (
    absolute, bits_of, copysign, float_of, fma, inlined, larger, multiply, nearest, select, sqrt,
    sqrt_of_normal, wide_product,
)
"""


def single_steps(
    dynamics: Any,
    method: Any,
    *,
    dt: float,
    start: np.ndarray,
    seed: int,
    start_momentum: np.ndarray | None = None,
    first_replica: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the states of a float32 ensemble after each step, as a card would have them.

    Parameters
    ----------
    dynamics : Dynamics
        With constant coefficients, of a potential given by an expression.
    method : str or Method
    dt : float
    start : ndarray of shape (n_replicas, dim)
    seed : int
        The same normals as those of `simulate`.
    start_momentum : ndarray of shape (n_replicas, dim), optional
        Zero by default.
    first_replica : int, optional

    Yields
    ------
    dict
        Names of the state, such as "x" and "p", to float32 arrays of shape (n_replicas, dim).

    Raises
    ------
    ValueError
        If a coefficient is a schedule, the potential is made of loops over arrays, a start has
        another shape, or start_momentum is given for a dynamics without momenta.

    Example
    -------
    >>> import langevin_lab as ll
    >>> from langevin_lab.cuda import single_steps
    >>> motion = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0)
    >>> for state in single_steps(motion, "BAOAB", dt=0.05, start=np.ones((4, 1)), seed=1):
    ...     break
    >>> state["x"].shape, str(state["x"].dtype)
    ((4, 1), 'float32')
    """
    kernel = RecordingKernel(dynamics, method_for(method, dynamics), dt)
    seed, starts = check_seed(seed), {"start": start, "start_momentum": start_momentum}
    _check(kernel, starts)
    layout = kernel.layout
    carried = np.zeros((layout.n_carried, len(start)), np.float32)
    carried[: layout.dim] = np.transpose(start)
    if start_momentum is not None:
        carried[layout.dim : 2 * layout.dim] = np.transpose(start_momentum)
    replicas = np.arange(first_replica, first_replica + len(start), dtype=np.uint64)
    return _steps(kernel, carried, np.uint64(seed), replicas)


def _check(kernel: RecordingKernel, starts: dict[str, Any]) -> None:
    """Raise ValueError for what single_steps would get wrong."""
    dynamics, layout = kernel.dynamics, kernel.layout
    if dynamics.is_scheduled:
        raise ValueError(
            f"{type(dynamics).__name__} has a schedule, and single_steps one row of coefficients; "
            "give constants"
        )
    if not layout.lanes:
        raise ValueError(
            f"{dynamics.potential.name} is made of loops over arrays, which run in float64; give "
            "a potential that is an expression"
        )
    check_start_arguments(kernel.method, dynamics, starts)
    for name, value in starts.items():
        shape = np.shape(value)
        if value is not None and shape != (len(starts["start"]), layout.dim):
            raise ValueError(
                f"{name} has the shape {shape}; give (n_replicas, {layout.dim}), for every "
                "replica a row"
            )


def _steps(
    kernel: RecordingKernel, carried: np.ndarray, seed: Any, replicas: np.ndarray
) -> Iterator[dict[str, np.ndarray]]:
    """The states after each step, from what is carried, (n_carried, n_replicas)."""
    layout, module = kernel.layout, _module(kernel)
    parameters = tuple(np.float32(value) for value in kernel.parameters)
    coefficients = _coefficients(kernel)
    state = module.refresh(tuple(carried), parameters, seed, replicas, 0)
    fill = 0
    while True:
        normals = module.draw(seed, replicas, np.uint64(fill)) if kernel.noisy else None
        for phase in range(layout.steps_per_fill):
            drawn = module.no_normals()[0] if normals is None else normals[phase]
            state = module.step(state, drawn, coefficients, parameters)
            yield _named(state, layout)
        fill += 1


def _coefficients(kernel: RecordingKernel) -> tuple[np.float32, ...]:
    """Those of a step, then what rounding them left (`single.with_low_parts`)."""
    row = kernel.table(0, 1)[0]
    rounded = row.astype(np.float32)
    return (*rounded, *(row - rounded).astype(np.float32))


def _module(kernel: RecordingKernel) -> Any:
    """The device functions of a kernel, for arrays."""
    writer = Registers(kernel.dynamics.potential, kernel.layout, kernel.vector_coefficients)
    parts = [writer.noise_function(), writer.step(), writer.refresh()]
    text = device_module(kernel, "float32", parts, [writer.draw()], {})
    head, rest = text.split(single.HEADER)
    head = "\n".join(line for line in head.splitlines() if not line.startswith("from numba"))
    return load(f"{head}\n{_ARRAYS}{rest}", f"single_{kernel.method.name}")


def _named(state: tuple[np.ndarray, ...], layout: Any) -> dict[str, np.ndarray]:
    names = {}
    for name in layout.program.state:
        first = layout.row(name)
        columns = state[first : first + layout.size(name)]
        names[name] = np.stack(np.broadcast_arrays(*columns), axis=1)
    return names

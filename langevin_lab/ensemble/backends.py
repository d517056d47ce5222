"""What carries a run out: compiled code on the CPU, CUDA kernels, PyTorch, torchsde.

A backend is named by one argument, ``"cpu"``, ``"cuda"``, ``"torch"`` or ``"torchsde"``, with the
device after a colon where there is a choice: ``"cuda:1"``, ``"torch:cuda"``, ``"torch:cuda:1"``.
Everything but the steps is the same for all: arguments and their checks, start values, recorders,
error bars, the dataset. What differs is a subclass of `Run`, which lies in a room above this one;
it is looked up by its name when it is asked for, so that nothing else needs PyTorch or CUDA.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

__all__ = ["CPU", "PRECISIONS", "STOPPING", "Backend", "parse_backend"]

PRECISIONS = ("float64", "float32", "bfloat16")
STOPPING = ("cpu", "cuda")  # backends that can stop replicas one by one

# Backend -> the room that carries it out, and the devices that may follow its name.
_ROOMS = {
    "cpu": "langevin_lab.ensemble.cpu",
    "cuda": "langevin_lab.cuda",
    "torch": "langevin_lab.pytorch.backend",
    "torchsde": "langevin_lab.pytorch.sde_backend",
}


@dataclass(frozen=True)
class Backend:
    """A backend as it was asked for.

    Parameters
    ----------
    name : str
        "cpu", "cuda", "torch" or "torchsde".
    device : str
        Of "cuda" the number of the card, of "torch" and "torchsde" what `torch.device` takes.
    precision : str
        "float64"; "float32"; "bfloat16": gradients in it, the state in float32.
    solver : str or None
        Of "torchsde": one of its solvers.
    """

    name: str = "cpu"
    device: str = ""
    precision: str = "float64"
    solver: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.device}" if self.device else self.name

    def part(self, name: str) -> Any:
        """The backend's own class or function of this name, such as "Run".

        Raises
        ------
        ValueError
            If it has none.
        """
        part = getattr(importlib.import_module(_ROOMS[self.name]), name, None)
        if part is None:
            raise ValueError(f"backend={str(self)!r} cannot do this; use one of {list(STOPPING)}")
        return part


CPU = Backend()


def parse_backend(backend: Any, precision: Any = "float64", solver: Any = None) -> Backend:
    """The backend that the arguments of `simulate` name.

    Raises
    ------
    TypeError, ValueError
        If one of them is not among those there are, or they do not go together.
    """
    if not isinstance(backend, str):
        raise TypeError(f"backend={backend!r} must be one of {list(_ROOMS)}")
    name, _, device = backend.partition(":")
    if name not in _ROOMS:
        raise ValueError(f"backend={backend!r} must be one of {list(_ROOMS)}")
    if device and name == "cpu":
        raise ValueError(f"backend={backend!r}: 'cpu' takes no device; n_threads limits its cores")
    if name == "cuda" and device and not device.isdecimal():
        raise ValueError(f"backend={backend!r}: give the number of the card, as in 'cuda:1'")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} must be one of {list(PRECISIONS)}")
    if precision != "float64" and name == "cpu":
        able = "'torch'" if precision == "bfloat16" else "'torch' or 'cuda'"
        raise ValueError(
            f"precision={precision!r} with backend='cpu', which computes in float64; use "
            f"backend={able}"
        )
    if solver is not None and name != "torchsde":
        raise ValueError(f"solver={solver!r} is for backend='torchsde', not {backend!r}")
    return Backend(name, device, precision, solver)

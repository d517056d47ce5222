"""The card that a run uses: found, named, or missed with a line that says what to do."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import warnings
from dataclasses import dataclass
from typing import Any

from langevin_lab.ensemble.backends import Backend

__all__ = [
    "Device",
    "NoDeviceError",
    "check_free_memory",
    "compiler_version",
    "find_device",
    "shaped",
]

THREADS = 256  # of a block
SIMULATED_THREADS = 16  # each is a thread of Python
SHARED_BYTES = 48 * 1024  # of a block, what every card grants


class NoDeviceError(RuntimeError):
    """backend="cuda" was asked for and there is no card that could run it."""


def check_free_memory(needed: int) -> None:
    """Raise MemoryError if arrays of so many bytes do not fit on the current card."""
    if _is_simulated():
        return
    context = importlib.import_module("numba.cuda").current_context()
    context.memory_manager.deallocations.clear()  # numba puts off what it frees
    free = int(context.get_memory_info()[0])
    if needed > free:
        raise MemoryError(
            f"the card has {free / 1e9:.3g} GB free and the run takes {needed / 1e9:.3g} GB; lower "
            "n_replicas"
        )


def shaped(kernel: Any, n_blocks: int, n_threads: int, shared_bytes: int = 0) -> Any:
    """A kernel with the shape of its launch; small ensembles are no reason for a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size .* low occupancy")
        return kernel[n_blocks, n_threads, 0, shared_bytes]


@dataclass(frozen=True)
class Device:
    """A card, or the simulator.

    Parameters
    ----------
    number : int
    name : str
    simulated : bool
    versions : dict of str to str
        Compute capability, driver, runtime, compiler.
    """

    number: int
    name: str
    simulated: bool
    versions: dict[str, str]

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return SIMULATED_THREADS if self.simulated else THREADS

    @property
    def context(self) -> Any:
        """What makes the card the current one of a thread, inside of ``with``."""
        return importlib.import_module("numba.cuda").gpus[self.number]

    @property
    def attributes(self) -> dict[str, str]:
        """What a dataset says about the card."""
        return {"device": self.name, **self.versions}


def compiler_version() -> str:
    """Which numba target compiles kernels: the separate package, or the one built into numba."""
    try:
        return f"numba-cuda {importlib.metadata.version('numba-cuda')}"
    except importlib.metadata.PackageNotFoundError:
        return f"numba {importlib.metadata.version('numba')}"


def find_device(backend: Backend) -> Device:
    """The card that a backend names; which one is current stays as it was.

    Raises
    ------
    NoDeviceError
        If there is none, none of that number, or none that kernels run on.
    """
    number = int(backend.device or 0)
    cuda = _numba_cuda(backend)
    n_cards = _n_cards(cuda, backend)
    if number >= n_cards:
        raise NoDeviceError(
            f"backend={str(backend)!r}: there is no card number {number}, there are {n_cards}; use "
            f"{' or '.join(repr(f'cuda:{k}') for k in range(n_cards))}"
        )
    with cuda.gpus[number]:
        return _described(number)


def _numba_cuda(backend: Backend) -> Any:
    try:
        from numba import cuda
    except ImportError as error:
        raise NoDeviceError(_message(backend, f"numba.cuda cannot be imported ({error})")) from None
    return cuda


def _n_cards(cuda: Any, backend: Backend) -> int:
    """Number of cards; NoDeviceError that says what is missing if there is none."""
    if _is_simulated():
        return 1
    missing = [_driver_problem(cuda)]
    if not _has_compiler():
        missing.append("no NVVM compiler (CUDA toolkit or the package nvidia-cuda-nvcc)")
    if not any(missing) and not len(cuda.gpus):
        missing.append(_no_card())
    if any(missing):
        raise NoDeviceError(_message(backend, " and ".join(filter(None, missing))))
    return len(cuda.gpus)


def _message(backend: Backend, missing: str) -> str:
    return (
        f"backend={str(backend)!r} looked for a driver, an NVVM compiler and a card and found "
        f"{missing}; run the same on the CPU with backend='cpu'"
    )


def _is_simulated() -> bool:
    jit = importlib.import_module("numba.cuda").jit
    return ".simulator" in str(jit.__module__)


def _driver_problem(cuda: Any) -> str:
    """What keeps the driver from serving, empty if nothing does."""
    try:
        len(cuda.gpus)
        said = cuda.cuda_error()
    except Exception as error:  # whatever a driver that is not there makes of it
        said = cuda.cuda_error() or error
    if said is None:
        return ""
    reason = _in_one_line(said)
    if "CUDA_ERROR_NO_DEVICE" in reason:
        return _no_card()
    if "cannot be found" in reason:
        return "no NVIDIA driver (libcuda)"
    return f"a driver that does not serve ({reason})"


def _no_card() -> str:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "no card" if chosen is None else f"no card that CUDA_VISIBLE_DEVICES={chosen!r} shows"


def _in_one_line(said: Any) -> str:
    return " ".join(str(said).split())[:200].rstrip(" .:")


def _has_compiler() -> bool:
    try:
        from numba.cuda.cudadrv import nvvm

        nvvm.NVVM()
    except Exception:  # a library that is not there, or not of the version expected
        return False
    return True


@functools.cache
def _described(number: int) -> Device:
    """Name and versions of the current card, on which a kernel has run."""
    versions = {"compiler": compiler_version()}
    if _is_simulated():
        return Device(number, "simulator of numba.cuda", True, versions)
    cuda = importlib.import_module("numba.cuda")
    card = cuda.get_current_device()
    name = card.name.decode() if isinstance(card.name, bytes) else str(card.name)
    versions["compute_capability"] = ".".join(str(part) for part in card.compute_capability)
    versions["cuda_driver"] = _version(lambda: cuda.cudadrv.driver.driver.get_version())
    versions["cuda_runtime"] = _version(lambda: cuda.runtime.get_version())
    card_found = Device(number, name, False, versions)
    _check_that_it_runs(cuda, card_found)
    return card_found


def _nothing() -> None:
    """The smallest kernel."""


def _check_that_it_runs(cuda: Any, card: Device) -> None:
    """NoDeviceError unless the toolkit compiles for the card and the driver takes what it makes."""
    try:
        shaped(cuda.jit(_nothing), 1, 1)()
        cuda.synchronize()
    except Exception as error:  # of NVVM, NVRTC, the linker or the driver, each with its own
        raise NoDeviceError(
            f"{card.name}, of compute capability {card.versions['compute_capability']}, runs no "
            f"kernel of {card.versions['compiler']} with driver {card.versions['cuda_driver']} "
            f"({_in_one_line(error)}); install a CUDA toolkit that is made for this card and no "
            "newer than the driver, or run the same on the CPU with backend='cpu'"
        ) from error


def _version(ask: Any) -> str:
    """A version as text; "unknown" where this version of numba does not say."""
    try:
        return ".".join(str(part) for part in ask())
    except Exception:  # the interfaces differ between numba and numba-cuda
        return "unknown"

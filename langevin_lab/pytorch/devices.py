"""Devices of torch by the name of a backend, and threads of torch for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from langevin_lab.ensemble.backends import Backend

__all__ = ["device_of", "threads"]


def device_of(backend: Backend) -> torch.device:
    """The device that a backend names.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    name = backend.name
    remedy = f"use backend={name!r}, or 'cpu' for compiled code"
    try:
        device = torch.device(backend.device or "cpu")
    except RuntimeError:
        raise ValueError(
            f"backend={str(backend)!r}: {backend.device!r} is no device; use {name!r}, "
            f"'{name}:cuda' or '{name}:cuda:1'"
        ) from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"backend={str(backend)!r}: of devices 'cpu' and 'cuda' do; {remedy}")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if not torch.cuda.is_available() or (device.index or 0) >= count:
            built = torch.version.cuda or "no CUDA"
            raise ValueError(
                f"backend={str(backend)!r}: torch {torch.__version__} (built for {built}) sees "
                f"{count} CUDA devices; {remedy}"
            )
    return device


@contextmanager
def threads(count: int) -> Iterator[None]:
    """At most so many threads within a torch operation."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)

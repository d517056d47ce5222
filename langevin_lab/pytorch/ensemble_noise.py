"""The noise of an ensemble: the numbers of a stretch of steps of many replicas at once.

Which number is whose stands in `ensemble.layout`. On a CPU compiled code draws them; elsewhere
they are torch operations alone (`drawn_by_torch`), the counter of the first step a tensor, so that
a captured graph of them can be replayed at any step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from langevin_lab.compiled.modules import load
from langevin_lab.noise.batches import _ENTRY as _BATCHES
from langevin_lab.noise.random_access import _ENTRY as _ROWS
from langevin_lab.potentials import Minibatch
from langevin_lab.pytorch.fusion import fused
from langevin_lab.pytorch.minibatches import draw_examples
from langevin_lab.pytorch.noise import _LOW, box_muller, philox4x32

__all__ = ["EnsembleNoise"]

_COLUMNS = '''"""Normals of many replicas, one row a normal and one column a replica."""

from langevin_lab.compiled.entry import entry
from langevin_lab.noise.streams import fill_replica_normals


@entry
def fill(out, seed, replicas, first_pair, n_pairs, block):
    width = replicas.size
    for start in range(0, width, block):
        n = min(block, width - start)
        chosen = replicas[start : start + n]
        for pair in range(n_pairs):
            even = 2 * pair * width + start
            fill_replica_normals(out, even, even + width, n, seed, chosen, first_pair + pair)
'''
_Drawn = Callable[..., torch.Tensor]


def _drawing(lanes: bool, dtype: torch.dtype) -> _Drawn:
    """Normals from counters, as one kernel on a card: pair, replica, key -> (pairs, 2) per one."""

    def draw(
        pair: torch.Tensor, low: torch.Tensor, high: torch.Tensor, *key: torch.Tensor
    ) -> torch.Tensor:
        words = philox4x32((pair & _LOW, (pair >> 32) & _LOW, low, high), (key[0], key[1]))
        return torch.stack(box_muller(words), dim=1 if lanes else 2).to(dtype)

    return fused(draw)


_DRAWN = {
    (lanes, dtype): _drawing(lanes, dtype)
    for lanes in (False, True)
    for dtype in (torch.float64, torch.float32)
}
_BLOCK = 512  # replicas at a time, whose words stay in the first-level cache


@functools.cache
def _compiled(name: str) -> Any:
    text = {"columns": _COLUMNS, "rows": _ROWS, "batches": _BATCHES}[name]
    return load(text, "normals" if name != "batches" else "batches").fill


class EnsembleNoise:
    """Normals and examples of a range of replicas.

    Parameters
    ----------
    seed : int
    replicas : ndarray of int64, shape (n_replicas,)
    lanes : bool
        Whether replicas are columns; else they are rows.
    dtype : torch.dtype
    device : torch.device
    by_torch : bool, optional
        Whether torch operations make them; by default on all devices but the CPU.
    reuse : bool, optional
        Whether normals may be written over those drawn before: fresh memory costs as much as the
        normals themselves.
    """

    def __init__(
        self,
        seed: int,
        replicas: np.ndarray,
        *,
        lanes: bool,
        dtype: torch.dtype,
        device: torch.device,
        by_torch: bool | None = None,
        reuse: bool = False,
    ):
        self.seed, self.lanes, self.dtype, self.device = seed, lanes, dtype, device
        self.by_torch = device.type != "cpu" if by_torch is None else by_torch
        self.replicas = replicas.astype(np.uint64)
        self.reuse, self.room = reuse, np.empty(0)
        self.all_words = words = torch.as_tensor(replicas, device=device)
        self.words = (words & _LOW, (words >> 32) & _LOW)
        self.key = tuple(torch.tensor(k, device=device) for k in (seed & _LOW, seed >> 32))

    def normals(self, first_pair: Any, skip: int, count: int) -> torch.Tensor:
        """Normals number 2 first_pair + skip ... of all replicas.

        Parameters
        ----------
        first_pair : int, or int64 tensor of shape () for torch operations
        skip : 0 or 1
        count : int

        Returns
        -------
        tensor of shape (count, n_replicas), or without lanes (n_replicas, count)
        """
        n_pairs = (skip + count + 1) // 2
        if self.by_torch:
            whole = self.drawn_by_torch(first_pair, n_pairs)
        else:
            whole = self._drawn_by_compiled_code(int(first_pair), n_pairs)
        return whole[skip : skip + count] if self.lanes else whole[:, skip : skip + count]

    def drawn_by_torch(self, first_pair: Any, n_pairs: int) -> torch.Tensor:
        """All normals of the pairs, of the shape that `normals` states."""
        pair = torch.arange(n_pairs, dtype=torch.int64, device=self.device) + first_pair
        pair = pair[:, None] if self.lanes else pair
        low, high = (word if self.lanes else word[:, None] for word in self.words)
        whole = _DRAWN[self.lanes, self.dtype](pair, low, high, *self.key)
        return whole.reshape((2 * n_pairs, -1) if self.lanes else (-1, 2 * n_pairs))

    def _drawn_by_compiled_code(self, first_pair: int, n_pairs: int) -> torch.Tensor:
        n = self.replicas.size
        seed, first = np.uint64(self.seed), np.uint64(first_pair)
        if self.lanes:
            whole = self._room(2 * n_pairs * n).reshape(2 * n_pairs, n)
            _compiled("columns")(whole.ravel(), seed, self.replicas, first, n_pairs, _BLOCK)
        else:
            whole = self._room(2 * n_pairs * n).reshape(n, 2 * n_pairs)
            _compiled("rows")(whole, seed, self.replicas, first, 0)
        return torch.from_numpy(whole).to(self.dtype)

    def _room(self, size: int) -> np.ndarray:
        if not self.reuse:
            return np.empty(size)
        if self.room.size < size:
            self.room = np.empty(size)
        return self.room[:size]

    def indices(self, noise: Minibatch, first_batch: int, count: int) -> torch.Tensor:
        """Examples of the minibatches number first_batch ...

        Returns
        -------
        int64 tensor of shape (n_replicas, count, batch_size)
        """
        size = noise.batch_size
        if self.by_torch:
            drawn = draw_examples(
                self.seed, self.all_words, first_batch * size, count * size,
                n_examples=noise.n_examples, replacement=noise.replacement,
            )  # fmt: skip
            return drawn.view(-1, count, size)
        out = np.empty((self.replicas.size, count * size), np.int64)
        fill = _compiled("batches")
        fill(
            out, np.uint64(self.seed), self.replicas, first_batch * size, noise.n_examples,
            noise.replacement,
        )  # fmt: skip
        return torch.from_numpy(out.reshape(-1, count, size)).to(self.device)

"""Where everything of a block lies in its flat work array, for both forms of kernel.

lanes    one replica per lane, one row per coordinate: vectorised over replicas
rows     one replica at a time (WIDTH = 1), so that a vector's coordinates are contiguous:
         vectorised over coordinates; for potentials given as loops over arrays
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langevin_lab.integrators.program import Program

LANE_WIDTH = 512  # lanes of a full block: its rows stay in the first-level cache
# Distance of two rows, in cache lines an odd number and far from a multiple of 4 KiB: a load whose
# address agrees with a recent store's in the last 12 bits waits for it.
ROW_STRIDE = 616
STRETCH = 64  # steps between two looks for divergence
NO_RETURN = 10**10  # a state outside a bound this wide stays outside
AT_POSITION = ("e", "g")  # stored energy and gradient
N_GROUPS = 32  # groups of replicas whose scatter gives a histogram's error bars


@dataclass(frozen=True)
class Layout:
    """Rows of the work array.

    Parameters
    ----------
    program : Program
    dim : int
    lanes : bool
        Which form.
    n_moments, n_histograms : int
    """

    program: Program
    dim: int
    lanes: bool
    n_moments: int
    n_histograms: int

    @property
    def width(self) -> int:
        """Row stride."""
        return ROW_STRIDE if self.lanes else 1

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """What is carried: the state, the last normal, and last what x determines (recomputed)."""
        kept = [name for name in self.program.carried if name not in AT_POSITION]
        return (*kept, *(name for name in AT_POSITION if name in self.program.stored))

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """What a run keeps between two calls; a gradient only if x does not determine it."""
        if self.program.random_gradient:
            return self.carried
        return tuple(name for name in self.carried if name not in AT_POSITION)

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Vectors that live within one step only."""
        names = {line.target for line in self.program.lines} - set(self.carried)
        return tuple(sorted(names))

    def size(self, name: str) -> int:
        """Rows of one name: a vector's coordinates, or one for a scalar."""
        return 1 if self.program.is_scalar(name) else self.dim

    def rows_of(self, names: Iterable[str]) -> int:
        """Rows of several names."""
        return sum(self.size(name) for name in names)

    @property
    def n_carried(self) -> int:
        """Rows of what is carried."""
        return self.rows_of(self.carried)

    @property
    def copy(self) -> int:
        """First row of the copy of carried vectors and sums."""
        return self.n_carried + self.n_moments

    @property
    def n_normals(self) -> int:
        """Normals of one step: those of all coordinates, then those of the replica."""
        return self.program.n_normals * self.dim + self.program.n_scalar_normals

    @property
    def steps_per_fill(self) -> int:
        """Two when an odd number of normals a step makes neighbours share a pair."""
        return 2 if self.n_normals % 2 else 1

    @property
    def normals(self) -> int:
        """First row of the normals."""
        return 2 * self.copy + self.rows_of(self.local)

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.normals + self.n_normals * self.steps_per_fill

    def row(self, name: str, coordinate: int = 0) -> int:
        """Row of one coordinate of a carried or local vector, or of a scalar."""
        first, names = (0, self.carried) if name in self.carried else (2 * self.copy, self.local)
        return first + self.rows_of(names[: names.index(name)]) + coordinate

    def constants(self) -> dict[str, Any]:
        """The constants that the kernel loop and the loops over blocks read."""
        blocks = {
            f"BLOCK_{index}": f"np.array({list(block)})"
            for index, block in enumerate(self.program.blocks)
            if not self.lanes
        }
        return blocks | {
            "WIDTH": self.width,
            "DIM": self.dim,
            "N_STATE": self.rows_of(self.program.state),
            "N_BOUNDED": self.rows_of(
                name for name in self.program.state if name not in self.program.outcomes
            ),
            "N_KEPT": self.rows_of(self.kept),
            "N_CARRIED": self.n_carried,
            "N_MOMENTS": self.n_moments,
            "N_HISTOGRAMS": self.n_histograms,
            "N_NORMALS": self.n_normals,
            "N_ROWS": self.n_rows,
            "COPY": self.copy,
            "NORMALS": self.normals,
            "STEPS_PER_FILL": self.steps_per_fill,
            "STRETCH": STRETCH,
            "NO_RETURN": NO_RETURN,
            "N_GROUPS": N_GROUPS,
        }

"""Where everything of a block lies in its flat work array, for both forms of kernel.

lanes    one replica per lane, one row per coordinate: vectorised over replicas
rows     one replica at a time (WIDTH = 1), so that a vector's coordinates are contiguous:
         vectorised over coordinates; for potentials given as loops over arrays
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from langevin_lab.integrators.program import Program

LANE_WIDTH = 512  # lanes of a full block: its rows stay in the first-level cache
# Distance of two rows, in cache lines an odd number and far from a multiple of 4 KiB: a load whose
# address agrees with a recent store's in the last 12 bits waits for it.
ROW_STRIDE = 616
STRETCH = 64  # steps between two looks for divergence
NO_RETURN = 10**10  # a state outside a bound this wide stays outside
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
        """Carried vectors: the state, the last normal, and last the gradient (recomputed)."""
        kept = [name for name in self.program.carried if name != "g"]
        return (*kept, "g") if "g" in self.program.stored else tuple(kept)

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """Vectors that a run keeps between two calls."""
        return tuple(name for name in self.carried if name != "g")

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Vectors that live within one step only."""
        names = {line.target for line in self.program.lines} - set(self.carried)
        return tuple(sorted(names))

    @property
    def n_carried(self) -> int:
        """Rows of the carried vectors."""
        return len(self.carried) * self.dim

    @property
    def copy(self) -> int:
        """First row of the copy of carried vectors and sums."""
        return self.n_carried + self.n_moments

    @property
    def n_normals(self) -> int:
        """Normals of one step, all coordinates."""
        return self.program.n_normals * self.dim

    @property
    def steps_per_fill(self) -> int:
        """Two when an odd number of normals a step makes neighbours share a pair."""
        return 2 if self.n_normals % 2 else 1

    @property
    def normals(self) -> int:
        """First row of the normals."""
        return 2 * self.copy + len(self.local) * self.dim

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.normals + self.n_normals * self.steps_per_fill

    def row(self, name: str, coordinate: int = 0) -> int:
        """Row of one coordinate of a carried or local vector."""
        if name in self.carried:
            return self.carried.index(name) * self.dim + coordinate
        return 2 * self.copy + self.local.index(name) * self.dim + coordinate

    def constants(self) -> dict[str, int]:
        """The constants that the kernel loop reads."""
        return {
            "WIDTH": self.width,
            "DIM": self.dim,
            "N_STATE": len(self.program.state) * self.dim,
            "N_KEPT": len(self.kept) * self.dim,
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

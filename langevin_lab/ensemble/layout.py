"""Where everything of a block lies in its flat work array, for both forms of kernel.

lanes    one replica per lane, one row per coordinate: vectorised over replicas
rows     one replica at a time (WIDTH = 1), so that a vector's coordinates are contiguous:
         vectorised over coordinates; for potentials given as loops over arrays

Random numbers of step n, m normals a step: its normal k is number n m + k of the replica's stream,

    method, per coordinate      n0 of all coordinates, n1 of all, ...
    method, per replica         s0, s1, ...
    gradient                    those of each evaluation, in the order of the step's lines

and minibatch number c + n E + j belongs to its evaluation j of E, where c = 1 if the gradient is
carried: then the one before step 0 has minibatch 0, and normals from `first_gradient_normal` on.
With minibatches m is rounded up to an even number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langevin_lab.integrators.program import Program

if TYPE_CHECKING:
    from langevin_lab.potentials.gradient_noise import GradientNoise

LANE_WIDTH = 512  # lanes of a full block: its rows stay in the first-level cache
# Distance of two rows, in cache lines an odd number and far from a multiple of 4 KiB: a load whose
# address agrees with a recent store's in the last 12 bits waits for it.
ROW_STRIDE = 616
STRETCH = 64  # steps between two looks for divergence
NO_RETURN = 10**10  # a state outside a bound this wide stays outside
AT_POSITION = ("e", "g")  # stored energy and gradient
# Normals before step 0 come from the far end of each replica's stream, which no step reaches:
# blocks of dim (rounded up to even) for momenta, for r, for thermostats (of their number, if they
# are more), and for the gradient.
INITIAL_NORMAL = 2**62
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
    noise : GradientNoise, optional
        Of the potential; the program then says that its gradient is random.
    """

    program: Program
    dim: int
    lanes: bool
    n_moments: int
    n_histograms: int
    noise: GradientNoise | None = None

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
        """Normals of one step: of all coordinates, of the replica, of its gradients."""
        count = self.gradient_normals(self.program.gradients_per_step)
        return count + count % 2 if self.n_indices else count

    def gradient_normals(self, evaluation: int) -> int:
        """First normal of a gradient evaluation among those of the step."""
        own = self.program.n_normals * self.dim + self.program.n_scalar_normals
        return own if self.noise is None else own + evaluation * self.noise.n_normals

    @property
    def first_gradient_normal(self) -> int:
        """Number of the first normal of the gradient carried into step 0; even."""
        thermostats = max(self.dim, len(self.program.thermostats))
        return INITIAL_NORMAL + 2 * (self.dim + self.dim % 2) + thermostats + thermostats % 2

    @property
    def n_indices(self) -> int:
        """Examples drawn in one step."""
        return 0 if self.noise is None else self.program.gradients_per_step * self.noise.n_indices

    def batch_indices(self, evaluation: int) -> int:
        """First index of a gradient evaluation, counted from the normals of the step."""
        assert self.noise is not None
        return self.n_normals + evaluation * self.noise.n_indices

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
        return self.normals + self.n_normals * self.steps_per_fill + self.n_indices

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
            "N_WATCHED": self.rows_of((*self.program.state, *self.program.memories)),
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

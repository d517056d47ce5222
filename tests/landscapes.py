"""Potentials without a compiler, for tests of steps on numpy arrays."""


class Quartic:
    """U = sum_i x_i^4/4 + x_i^2/2 + (sum_i x_i)^2/8 in any dimension."""

    gradient_noise = None
    minima = ()

    def __init__(self, dim):
        self.dim = dim
        self.variables = tuple(f"x{i}" for i in range(dim))

    def __eq__(self, other):
        return isinstance(other, Quartic) and self.dim == other.dim

    def __hash__(self):
        return hash(self.dim)

    def energy(self, x):
        return (x**4 / 4 + x**2 / 2).sum(axis=-1) + x.sum(axis=-1) ** 2 / 8

    def gradient(self, x):
        return x**3 + x + x.sum(axis=-1, keepdims=True) / 4

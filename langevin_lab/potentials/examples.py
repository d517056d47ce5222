"""Data sets for networks: `Examples`, and points of the plane and of a teacher, drawn from a seed.

    spirals                two arms r = radius s, angle 2 pi turns s, with s = t^power, 0 <= t < 1
    trigonometric_plane    above or below a sine
    checkerboard           black and white squares
    two_moons              two half circles that reach into each other
    teacher_network        outputs of a network with drawn weights

Each takes a seed; other noise leaves the rest of the draw as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.potentials.architecture import ACTIVATIONS, Architecture
from langevin_lab.potentials.arguments import finite
from langevin_lab.potentials.data import matrix
from langevin_lab.potentials.network_evaluation import forward
from langevin_lab.potentials.requirements import whole_number

__all__ = [
    "Examples",
    "checkerboard",
    "spirals",
    "teacher_network",
    "trigonometric_plane",
    "two_moons",
]


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """Inputs and what belongs to them; immutable.

    Attributes
    ----------
    inputs : ndarray of shape (n_examples, n_inputs)
        float64, read-only; given as any array of numbers, one column also as (n_examples,).
    targets : ndarray of shape (n_examples,) or (n_examples, n_outputs)
        Class numbers (int64), where given as integers, or values (float64); read-only.
    name : str
    teacher : ndarray or None
        The weights and biases that made the targets, where a `teacher_network` did.

    Raises
    ------
    TypeError
        If inputs or targets are no numbers.
    ValueError
        If they are empty, not finite, of another shape or not equally many.
    """

    inputs: np.ndarray
    targets: np.ndarray
    name: str
    teacher: np.ndarray | None = None

    def __post_init__(self) -> None:
        inputs = matrix(f"{self.name}: inputs", self.inputs)
        targets = _classes_or_values(f"{self.name}: targets", self.targets)
        if len(inputs) != len(targets):
            raise ValueError(
                f"{self.name}: {len(inputs)} inputs but {len(targets)} targets; one row is one "
                "example"
            )
        for name, array in (("inputs", inputs), ("targets", targets)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @property
    def n_examples(self) -> int:
        """Rows."""
        return len(self.inputs)

    def __repr__(self) -> str:
        return f"Examples({self.name}: {self.n_examples} of {self.inputs.shape[1]} inputs)"

    def split(self, n_first: int) -> tuple[Examples, Examples]:
        """Return the first ``n_first`` examples and the rest, such as for training and test.

        Raises
        ------
        ValueError
            Unless 1 <= n_first < n_examples.
        """
        n = whole_number(self.name, "n_first", n_first, 1)
        if n >= self.n_examples:
            raise ValueError(
                f"{self.name}: n_first={n} leaves none of {self.n_examples} examples for the rest"
            )
        first, rest = (
            Examples(self.inputs[rows], self.targets[rows], self.name, self.teacher)
            for rows in (slice(n), slice(n, None))
        )
        return first, rest


def spirals(
    n_examples: int,
    *,
    seed: int,
    turns: float = 4.0,
    noise: float = 0.02,
    radius: float = 2.0,
    power: float = 0.5,
) -> Examples:
    """Return points on two spiral arms, class i on arm i.

    Arm 0 is radius s (cos(2 pi turns s), sin(2 pi turns s)) with s = t^power, t even in [0, 1);
    arm 1 is its mirror image through the origin. Classes alternate.

    Parameters
    ----------
    n_examples : int
        Of both arms together, at least 1.
    seed : int
        At least 0.
    turns : float
        Of each arm, positive.
    noise : float
        Standard deviation of what is added to each coordinate, zero or positive.
    radius, power : float
        Positive. The default power 1/2 puts equally many points on equal areas.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or no number.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019), and its published code.

    Example
    -------
    >>> train, test = spirals(1500, seed=1).split(500)
    >>> train, test.targets[:4]
    (Examples(spirals: 500 of 2 inputs), array([0, 1, 0, 1]))
    """
    n, rng = _begun("spirals", n_examples, seed, noise, turns=turns, radius=radius, power=power)
    s = rng.random(n) ** power
    angle = 2.0 * np.pi * turns * s
    targets = np.arange(n) % 2
    arm = radius * s * (1 - 2 * targets)
    points = np.stack([arm * np.cos(angle), arm * np.sin(angle)], axis=1)
    return _noisy(points, targets, noise, rng, "spirals")


def trigonometric_plane(
    n_examples: int, *, seed: int, waves: float = 2.0, height: float = 0.5, noise: float = 0.0
) -> Examples:
    """Return points even in the square [-1, 1]^2, class 1 where y > height sin(pi waves x).

    Parameters
    ----------
    n_examples, seed : int
    waves, height : float
        Periods of the sine in the square, and its amplitude; positive.
    noise : float
        Standard deviation of what is added to each coordinate after that, zero or positive.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or no number.
    """
    n, rng = _begun("trigonometric_plane", n_examples, seed, noise, waves=waves, height=height)
    points = 2.0 * rng.random((n, 2)) - 1.0
    targets = (points[:, 1] > height * np.sin(np.pi * waves * points[:, 0])).astype(np.int64)
    return _noisy(points, targets, noise, rng, "trigonometric_plane")


def checkerboard(n_examples: int, *, seed: int, squares: int = 4, noise: float = 0.0) -> Examples:
    """Return points even in the square [-1, 1]^2, the class being the colour of a square.

    Parameters
    ----------
    n_examples, seed : int
    squares : int
        Along each side, at least 2. Class 0 is the colour of the corner at (-1, -1).
    noise : float
        Standard deviation of what is added to each coordinate after that, zero or positive.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or no number.
    """
    n, rng = _begun("checkerboard", n_examples, seed, noise)
    count = whole_number("checkerboard", "squares", squares, 2)
    points = rng.random((n, 2))
    targets = np.floor(count * points).astype(np.int64).sum(axis=1) % 2
    return _noisy(2.0 * points - 1.0, targets, noise, rng, "checkerboard")


def two_moons(n_examples: int, *, seed: int, noise: float = 0.1) -> Examples:
    """Return points on two half circles: (cos a, sin a) and (1 - cos a, 1/2 - sin a), a in [0, pi).

    Parameters
    ----------
    n_examples, seed : int
        Classes alternate.
    noise : float
        Standard deviation of what is added to each coordinate, zero or positive.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or no number.
    """
    n, rng = _begun("two_moons", n_examples, seed, noise)
    angle, targets = np.pi * rng.random(n), np.arange(n) % 2
    sign = 1 - 2 * targets
    points = np.stack(
        [targets + sign * np.cos(angle), 0.5 * targets + sign * np.sin(angle)], axis=1
    )
    return _noisy(points, targets, noise, rng, "two_moons")


def teacher_network(
    n_examples: int,
    *,
    seed: int,
    widths: Sequence[int] = (2, 10, 1),
    activation: str = "tanh",
    noise: float = 0.0,
) -> Examples:
    """Return standard normal inputs and the outputs of a network with drawn weights.

    A student of the same widths and activation has zero mean square at `Examples.teacher`, if
    there is no noise.

    Parameters
    ----------
    n_examples, seed : int
    widths : sequence of int
        Inputs, hidden neurons layer by layer, outputs; at least inputs and outputs.
    activation : str
        As `multilayer_perceptron`.
    noise : float
        Standard deviation of what is added to each target, zero or positive.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or no number, or the activation is unknown.
    """
    n, rng = _begun("teacher_network", n_examples, seed, noise)
    sizes = tuple(whole_number("teacher_network", "widths", width, 1) for width in widths)
    if len(sizes) < 2:
        raise ValueError(f"widths={tuple(widths)} must hold at least the inputs and the outputs")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation={activation!r} must be one of {', '.join(ACTIVATIONS)}")
    architecture = Architecture(sizes, activation, "mean_square")
    inputs = rng.standard_normal((n, sizes[0]))
    noises = rng.standard_normal((n, sizes[-1]))
    # Normal weights of variance 1/n_inputs, as biases: every layer's sums are of order one.
    teacher = rng.standard_normal(architecture.dim)
    for layer in architecture.layers:
        teacher[layer.weights.start : layer.biases.stop] /= np.sqrt(layer.n_inputs)
    outputs = forward(architecture, teacher[None], inputs)[0]
    return Examples(inputs, outputs + noise * noises, "teacher_network", teacher)


def centre_and_scale(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 for a column that is constant."""
    spread = inputs.std(axis=0)
    # What rounding leaves of a constant input is no scale.
    constant = spread <= 1e-12 * np.abs(inputs).max(axis=0, initial=0.0)
    return inputs.mean(axis=0), np.where(constant, 1.0, spread)


def _classes_or_values(name: str, given: Any) -> np.ndarray:
    """Targets in their own shape: int64 of whatever came as integers, else float64."""
    matrix(name, given)
    array = np.asarray(given)
    return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64, copy=False)


def _begun(
    name: str, n_examples: Any, seed: Any, noise: Any, **positive: Any
) -> tuple[int, np.random.Generator]:
    """The number of examples and the generator, after a check of the arguments."""
    n = whole_number(name, "n_examples", n_examples, 1)
    if finite(name, "noise", noise) < 0:
        raise ValueError(f"{name}: noise={noise:g} must be zero or positive")
    for key, value in positive.items():
        if finite(name, key, value) <= 0:
            raise ValueError(f"{name}: {key}={value:g} must be positive")
    return n, np.random.default_rng(whole_number(name, "seed", seed, 0))


def _noisy(
    points: np.ndarray, targets: np.ndarray, noise: float, rng: np.random.Generator, name: str
) -> Examples:
    return Examples(points + noise * rng.standard_normal(points.shape), targets, name)

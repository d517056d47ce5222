"""The covariance of a drawn gradient, and factors of it, at any point.

    Gaussian noise                L L^T, the same everywhere
    a factor B(x)                 B(x) B(x)^T
    a minibatch of independent draws of b examples
                                  (1/b) (mean of g_i g_i^T - g g^T + s^2 mean of j_i j_i^T)

with g_i the gradient of example i, g their mean, j_i its derivative by the label and s the standard
deviation of label noise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from langevin_lab.potentials import FactorNoise, GaussianNoise, Minibatch, Potential

MOST_EXAMPLES = 64  # whose noises still make a readable, compilable factor


def noise_covariance(potential: Potential, x: Any) -> np.ndarray:
    """Covariance of one drawn gradient.

    Parameters
    ----------
    potential : Potential
        With gradient noise.
    x : array_like of shape (dim,)

    Returns
    -------
    ndarray of shape (dim, dim)
        [energy^2/length^2]

    Raises
    ------
    ValueError
        If the gradient is not drawn, or in batches without replacement: these cancel over an
        epoch, so that no covariance of single steps describes them.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic().with_gradient_noise(standard_deviation=0.5)
    >>> ll.limits.noise_covariance(U, [0.0])
    array([[0.25]])
    """
    noise = require_noise(potential)
    x = np.asarray(x, dtype=float)
    if x.shape != (potential.dim,):
        raise ValueError(f"x of shape {x.shape} must be one point, shape ({potential.dim},)")
    if isinstance(noise, GaussianNoise):
        return noise.matrix @ noise.matrix.T
    if isinstance(noise, FactorNoise):
        columns = noise.increments(
            potential, np.broadcast_to(x, (noise.n_normals, potential.dim)), np.eye(noise.n_normals)
        )
        return columns.T @ columns
    return _of_minibatch(potential, noise, x)


def require_noise(potential: Any) -> GaussianNoise | FactorNoise | Minibatch:
    """The gradient noise of a potential; ValueError unless it is independent from step to step."""
    noise = getattr(potential, "gradient_noise", None)
    if noise is None:
        raise ValueError(
            f"{potential!r} has no gradient noise, so there is no diffusion; use "
            "potential.with_gradient_noise(standard_deviation=...) or a batch_size"
        )
    batches = isinstance(noise, Minibatch) and noise.batch_size < noise.n_examples
    if batches and not noise.replacement:
        raise ValueError(
            "batches without replacement hold every example once an epoch, so their noise cancels "
            "over epochs and no diffusion describes it; use replacement=True"
        )
    return noise


def _of_minibatch(potential: Potential, noise: Minibatch, x: np.ndarray) -> np.ndarray:
    singles = np.arange(noise.n_examples)[:, None]
    evaluator: Any = potential._evaluator
    points = np.broadcast_to(x, (noise.n_examples, potential.dim))

    def gradients(shift: float) -> np.ndarray:
        shifts = np.full((noise.n_examples, 1), shift) if noise.n_normals else 0.0
        return evaluator.batch_gradient(points, potential.parameter_values, singles, shifts)

    each = gradients(0.0)
    total = np.zeros((potential.dim, potential.dim))
    if noise.replacement:
        centred = each - each.mean(axis=0)
        total += centred.T @ centred / noise.n_examples
    if noise.label_noise > 0:
        # By a central difference; exact where the gradient is linear in the label.
        width = 1e-5 * max(1.0, noise.label_noise)
        slopes = (gradients(width) - gradients(-width)) / (2.0 * width)
        total += noise.label_noise**2 * slopes.T @ slopes / noise.n_examples
    return total / noise.batch_size


def noise_factor(potential: Potential) -> tuple[Potential, list[list[str]]]:
    """A potential from an expression without noise, and a factor B(x) of the covariance as texts.

    Parameters
    ----------
    potential : Potential
        With gradient noise; from an expression, or an `empirical_risk` of up to 64 examples.

    Returns
    -------
    Potential, list of list of str
        One row for each coordinate.

    Raises
    ------
    ValueError
        As `noise_covariance`; if the potential is made of loops, or has too many examples.
    """
    from dataclasses import replace

    noise = require_noise(potential)
    if isinstance(noise, Minibatch):
        return _factor_of_minibatch(potential, noise)
    if potential.code.form != "scalar":
        raise ValueError(
            f"{potential.name} is made of loops, which a diffusion with such noise cannot use; use "
            "a potential from an expression, the same standard deviation for all coordinates, or "
            "linear_diffusion"
        )
    clean = replace(potential, gradient_noise=None)
    if isinstance(noise, FactorNoise):
        return clean, [list(row) for row in noise.texts]
    return clean, [[repr(float(entry)) for entry in row] for row in noise.matrix]


def _factor_of_minibatch(
    potential: Potential, noise: Minibatch
) -> tuple[Potential, list[list[str]]]:
    assert potential.data is not None
    if not potential.text:
        raise ValueError(
            f"{potential.name} is made of loops, which a diffusion cannot write out; use "
            "noise_covariance for the covariance at a point"
        )
    if noise.n_examples > MOST_EXAMPLES:
        raise ValueError(
            f"{noise.n_examples} examples make {noise.n_examples} noises of the diffusion; at most "
            f"{MOST_EXAMPLES} are written out: use linear_diffusion, or fewer examples"
        )
    losses = [_filled(potential, row) for row in potential.data.values]
    mean = f"({' + '.join(losses)})/{noise.n_examples}"
    clean = Potential.from_expression(
        mean, potential.variables, dict(potential.parameters), name=potential.name,
        bounds=potential.bounds, stationary_points=potential.rule,
    )  # fmt: skip
    columns = []
    if noise.replacement:
        columns += [_slopes(potential, f"({loss}) - {mean}") for loss in losses]
    if noise.label_noise > 0:
        columns += [
            [f"{noise.label_noise!r}*({text})" for text in _label_slopes(potential, row)]
            for row in potential.data.values
        ]
    scale = repr(float(noise.n_examples * noise.batch_size) ** -0.5)
    return clean, [[f"{scale}*({column[i]})" for column in columns] for i in range(potential.dim)]


def _filled(potential: Potential, row: Sequence[float], leave: str | None = None) -> str:
    """The loss of one example with its numbers in place of the columns."""
    assert potential.data is not None
    numbers = dict(zip(potential.data.columns, row))
    if leave is not None:
        del numbers[leave]

    def number(match: re.Match[str]) -> str:
        name = match[0]
        return f"({float(numbers[name])!r})" if name in numbers else name

    return re.sub(r"[A-Za-z_]\w*", number, potential.text)


def _slopes(potential: Potential, text: str) -> list[str]:
    """Derivatives of a formula by the coordinates, as formulas."""
    from langevin_lab.limits.formula_text import derivative_text

    names = (*potential.variables, *potential.parameters)
    return [derivative_text(text, names, (name,)) for name in potential.variables]


def _label_slopes(potential: Potential, row: Sequence[float]) -> list[str]:
    """Mixed derivatives of the loss by a coordinate and the label, as formulas of one example."""
    from langevin_lab.limits.formula_text import derivative_text

    assert potential.data is not None
    label = potential.data.label
    assert label is not None
    text = _filled(potential, row, leave=label)
    names = (*potential.variables, *potential.parameters, label)
    value = float(row[potential.data.columns.index(label)])
    return [
        re.sub(rf"\b{re.escape(label)}\b", f"({value!r})", derivative_text(text, names, pair))
        for pair in ((name, label) for name in potential.variables)
    ]

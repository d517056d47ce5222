"""A loss that is a mean over data, and the gradients of its minibatches.

    U(x) = (1/n) sum_i loss(x; row i),      g = (1/B) sum_{i in batch} d loss/dx (x; row i)

`empirical_risk` derives the gradient of one example from a formula; `risk_text` writes the loops
over examples around it, `risk_evaluation` runs it over numpy arrays. Of the Hessian only its
product with a vector is derived, a mean over examples of a text not much longer than the gradient.
A compiled kernel gets the data as an array, never as text:

    energy(x, parameters), gradient(x, parameters, out)
        parameters: those by name, then the data row by row
    batch_gradient(x, parameters, data, indices, label_noise, out)
        data (n_examples, n_columns); indices (batch_size,) of its rows; label_noise as long as
        indices, or empty where labels are left alone

Any potential with `data` and a `Minibatch` whose code has these three runs under every method;
nothing else is known of this file. Scalars x0, x1, ... are unrolled; examples are looped over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from langevin_lab.potentials.arguments import box, rule_of
from langevin_lab.potentials.code import Code, digest_of
from langevin_lab.potentials.data import Data, table
from langevin_lab.potentials.formula import derived
from langevin_lab.potentials.gradient_noise import Minibatch
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.risk_text import risk_source
from langevin_lab.potentials.stationary import Rule

__all__ = ["empirical_risk"]

_MOST_EXAMPLES = 2**31 - 1


def empirical_risk(
    loss: str,
    *,
    variables: Sequence[str] | str,
    data: Mapping[str, Any],
    parameters: Mapping[str, float] | None = None,
    batch_size: int | None = None,
    replacement: bool = False,
    label: str | None = None,
    label_noise: float = 0.0,
    name: str = "empirical risk",
    stationary_points: Rule | Sequence[Any] | None = None,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> Potential:
    """Return the potential of a mean loss, whose gradient in a step is that of a minibatch.

    ``energy``, ``gradient`` and ``hessian`` of the result are those of all examples without label
    noise. Example number and label noise are functions of (seed, replica, evaluation).

    Parameters
    ----------
    loss : str
        Of one example, in the variables, the parameters and the columns of the data.
    variables : sequence of str, or str
        What is learned, for example ("w", "b").
    data : mapping
        Column name -> numbers (n_examples,).
    parameters : mapping, optional
        Name -> finite value of what else the loss names.
    batch_size : int, optional
        Examples of one gradient, 1 <= batch_size <= n_examples; by default all.
    replacement : bool, optional
        Whether examples are drawn independently; by default every epoch holds each once, see
        `Minibatch`.
    label : str, optional
        The column that label noise is added to.
    label_noise : float, optional
        Standard deviation of fresh Gaussian noise on the label of every drawn example, in the
        label's unit. Where the gradient is linear in the label its mean stays the true one.
    name, stationary_points, bounds : optional
        As `Potential.from_expression`.

    Raises
    ------
    ExpressionError
        If the loss is no admissible formula of these names.
    ValueError, TypeError
        If a column does not occur in the loss or is no column of finite numbers, if batch_size or
        label_noise is out of range, if label is missing or no column.

    Example
    -------
    >>> risk = empirical_risk("(a*w - y)**2/2", variables="w", batch_size=1,
    ...                       data={"a": [1.0, 2.0], "y": [1.0, 1.0]})
    >>> float(risk.energy([1.0])), risk.gradient([1.0])
    (0.25, array([1.]))
    """
    examples = table(data)
    given = dict(parameters or {})
    shared = sorted(set(given) & set(examples.columns))
    if shared:
        raise ValueError(f"{shared[0]!r} is both a parameter and a data column; rename one")
    unused = [
        column for column in examples.columns if not re.search(rf"\b{re.escape(column)}\b", loss)
    ]
    if unused:
        raise ValueError(f"data column {unused[0]!r} does not occur in {loss!r}; leave it out")
    names, example, latex = derived(loss, variables, (*given, *examples.columns), hessian=False)
    label_noise = _checked_label_noise(examples, label, label_noise)
    examples = replace(examples, label=label)
    noise = minibatch(examples, batch_size, replacement, label_noise)
    source = risk_source(example.source, len(names), len(given), examples)
    return Potential(
        name=name,
        variables=names,
        parameters=given,
        code=Code("array", digest_of("empirical risk", source), source=source),
        latex=rf"\left\langle {latex} \right\rangle",
        text=loss,
        bounds=box(bounds, len(names)),
        rule=rule_of(stationary_points, len(names)),
        data=examples,
        gradient_noise=noise,
    )


def _checked_label_noise(examples: Data, label: str | None, label_noise: Any) -> float:
    if isinstance(label_noise, bool) or not isinstance(label_noise, (int, float, np.number)):
        raise TypeError(f"label_noise={label_noise!r} must be a number >= 0")
    if not 0 <= label_noise < np.inf:
        raise ValueError(f"label_noise={label_noise} must be finite and >= 0")
    if label is None and label_noise > 0:
        raise ValueError(
            f"label_noise={label_noise:g} but no label: say which column it is added to, one of "
            f"{', '.join(examples.columns)}"
        )
    if label is not None and label not in examples.columns:
        raise ValueError(
            f"label={label!r} is no column of the data; its columns are "
            f"{', '.join(examples.columns)}"
        )
    return float(label_noise)


def minibatch(
    examples: Data, batch_size: Any, replacement: Any, label_noise: float
) -> Minibatch | None:
    """Return how batches of a size are drawn, or None for all examples as they are."""
    n = examples.n_examples
    if n > _MOST_EXAMPLES:
        raise ValueError(f"data has {n} examples; at most {_MOST_EXAMPLES} can be drawn from")
    size = n if batch_size is None else batch_size
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise TypeError(f"batch_size={batch_size!r} must be an integer from 1 to {n}, or None")
    if not 1 <= size <= n:
        raise ValueError(
            f"batch_size={size} must be from 1 to the number of examples {n}; None is the full "
            "batch"
        )
    if not isinstance(replacement, bool):
        raise TypeError(f"replacement={replacement!r} must be True or False")
    if replacement and batch_size is None:
        raise ValueError(
            "replacement=True needs a batch_size: the full batch holds every example once"
        )
    if size == n and not replacement and label_noise == 0:
        return None
    return Minibatch(n, int(size), replacement, label_noise)

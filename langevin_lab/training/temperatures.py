"""Temperature of every block of coordinates, from momenta or from positions.

In the law exp(-U/T - p^2/2m) each of these is T for every block B of coordinates:

    kinetic       mean of p_i^2/m_i over the i of B
    virial        mean of (x_i - c_i) dU/dx_i over the i of B, for any fixed c
    laplacian     mean of |grad_B U|^2 over the mean of trace H_BB

The gradient is that of all examples, whatever a method draws: with a drawn one its noise adds to
|grad U|^2, and to a virial wherever the same draw moved x. The virial needs a U that confines (its
boundary terms vanish with exp(-U/T)), so a network needs weight decay. The Laplacian form does not
see the kinks of relu, whose curvature lies between the points: there the virial alone is valid.

Away from equilibrium, as in a training, the three differ: that is what they are measured for.
Source: Tolman (1918) for the virial; Rugh (1997), Butler, Ayton, Jepps and Evans (1998) for the
Laplacian form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_lab.evidence import Estimate, ratio_of_means
from langevin_lab.potentials.requirements import whole_number
from langevin_lab.training.blocks import named_blocks, replicas
from langevin_lab.training.curvature import random_signs

__all__ = ["configurational_temperature", "kinetic_temperature"]


def kinetic_temperature(
    potential: Any, p: Any, *, blocks: Any = None, mass: Any = 1.0
) -> dict[str, Estimate]:
    """Return the mean of p^2/mass in every block, with its error over replicas.

    Parameters
    ----------
    potential : Potential
    p : array_like of shape (n_replicas, dim) or (n_saved, n_replicas, dim)
        Momenta, such as ``run["p_final"]``, or with ``save_every`` ``run["p"]``.
    blocks : optional
        Names of blocks or variables, or a mapping name -> slice, indices or names; by default
        those of a network, else all coordinates.
    mass : float or array_like of shape (dim,)
        Positive.

    Returns
    -------
    dict
        Name -> Estimate [energy].

    Raises
    ------
    ValueError, TypeError
        If p has a wrong shape or is not finite, a block is unknown or a mass not positive.

    Example
    -------
    >>> import langevin_lab as ll
    >>> U = ll.potentials.harmonic(dim=2)
    >>> str(kinetic_temperature(U, [[1.0, 0.0], [0.0, 2.0]], blocks={"first": 0})["first"])
    '0.50 ± 0.50'
    """
    samples = replicas(potential, "p", p)
    masses = np.broadcast_to(np.asarray(mass, dtype=np.float64), (potential.dim,))
    if not np.all(masses > 0):
        raise ValueError(f"mass={masses[~(masses > 0)][0]:g} must be positive")
    means = np.mean(samples**2 / masses, axis=0)
    return {
        name: Estimate.from_samples(means[:, chosen].mean(axis=-1))
        for name, chosen in named_blocks(potential, blocks).items()
    }


def configurational_temperature(
    potential: Any,
    x: Any,
    *,
    blocks: Any = None,
    form: str = "virial",
    centre: Any = 0.0,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return the temperature that positions show in every block, with its error over replicas.

    Parameters
    ----------
    potential : Potential
        Its full gradient is taken, also where methods draw theirs.
    x : array_like of shape (n_replicas, dim) or (n_saved, n_replicas, dim)
    blocks : optional
        As `kinetic_temperature`.
    form : "virial" or "laplacian"
        See the module; the trace is taken from one product with random signs a state.
    centre : float or array_like of shape (dim,)
        c of the virial. The mean does not depend on it, the error does: best where x scatters
        about.
    seed : int
        Of the signs.

    Returns
    -------
    dict
        Name -> Estimate [energy]; of a ratio by the jackknife.

    Raises
    ------
    ValueError, TypeError
        If x has a wrong shape or is not finite, a block or form is unknown; for the virial of a
        network without weight decay, the Laplacian form of a relu network.

    Source
    ------
    Rugh (1997); Butler, Ayton, Jepps and Evans (1998); Hutchinson (1990) for the trace.
    """
    samples, chosen = replicas(potential, "x", x), named_blocks(potential, blocks)
    check_form(potential, form)
    gradients = potential.gradient(samples)
    if form == "virial":
        means = np.mean((samples - np.asarray(centre)) * gradients, axis=0)
        return {
            name: Estimate.from_samples(means[:, block].mean(axis=-1))
            for name, block in chosen.items()
        }
    seed = whole_number("configurational_temperature", "seed", seed, 0)
    result = {}
    for number, (name, block) in enumerate(chosen.items()):
        signs = np.zeros(samples.shape)
        signs[..., block] = random_signs(seed + number, (*samples.shape[:-1], len(block)))
        traces = np.sum(signs * potential.hessian_product(samples, signs), axis=-1)
        squares = np.sum(gradients[..., block] ** 2, axis=-1)
        result[name] = ratio_of_means(squares.mean(axis=0), traces.mean(axis=0))
    return result


def check_form(potential: Any, form: str) -> None:
    """Raise ValueError for a form that shows no temperature of this potential."""
    if form not in ("virial", "laplacian"):
        raise ValueError(f"form={form!r} must be 'virial' or 'laplacian'")
    architecture = getattr(potential, "architecture", None)
    if architecture is None:
        return
    if form == "virial" and potential.parameters["weight_decay"] == 0:
        raise ValueError(
            f"{potential.name} has weight_decay=0, so its loss does not confine the weights and "
            "the virial shows no temperature; use weight_decay > 0 or form='laplacian'"
        )
    if form == "laplacian" and architecture.activation == "relu":
        raise ValueError(
            "form='laplacian' misses the curvature at the kinks of relu; use form='virial', or "
            "activation='softplus'"
        )

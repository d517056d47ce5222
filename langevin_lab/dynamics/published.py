"""Partitioned dynamics as published: AdLaLa, LOL, multi-layer Langevin.

The first layer's thermostats regulate themselves, the others are ordinary Langevin (AdLaLa); or the
first is Langevin and the others are overdamped (LOL). AdLa's equations are written down twice in
the literature, with different laws of the thermostat:

    convention "text"    dp = ... - epsilon xi p dt,   dxi = epsilon (p.p - N T) dt,
                         xi ~ N(noise^2/(2 epsilon T), T)
    convention "code"    dp = ... - xi p dt,           dxi = epsilon (p.p - N T) dt,
                         xi ~ N(noise^2/(2 T), epsilon T)

The authors' programs print the law of the first and integrate the second.
Source: Leimkuhler, Matthews and Vlaar (2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from langevin_lab.dynamics.equations import Langevin
from langevin_lab.dynamics.partition import Partitioned, block_coordinates
from langevin_lab.dynamics.schedules import check_positive
from langevin_lab.dynamics.thermostats import AdaptiveLangevin


def _adla_constants(epsilon: float, convention: str) -> dict[str, float]:
    """Thermal mass and coupling of `AdaptiveLangevin`; ValueError or TypeError where none are."""
    if convention not in ("text", "code"):
        raise ValueError(f"convention={convention!r} must be 'text' or 'code'")
    check_positive("epsilon", epsilon)
    coupling = float(epsilon) if convention == "text" else 1.0
    return {"thermal_mass": 1.0 / epsilon, "coupling": coupling}


def adla(
    potential: Any,
    *,
    temperature: float,
    epsilon: float,
    applied_noise: float,
    convention: str = "code",
) -> AdaptiveLangevin:
    """Adaptive Langevin dynamics with the constants of AdLa.

    Parameters
    ----------
    potential : Potential
    temperature : float
        tau > 0.
    epsilon : float
        > 0: the thermostat's gain, and in the convention of the text its coupling too.
    applied_noise : float
        sigma >= 0.
    convention : {"code", "text"}, optional
        Which of the two published forms.

    Returns
    -------
    AdaptiveLangevin

    Raises
    ------
    ValueError, TypeError
        If epsilon or the convention is none.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019), and its published code.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> numbers = {"temperature": 1e-4, "epsilon": 0.05, "applied_noise": 0.01}
    >>> law = ll.dynamics.adla(ll.potentials.harmonic(), **numbers)
    >>> round(law.thermostat_mean, 12), round(law.thermostat_variance, 12)
    (0.5, 5e-06)
    """
    constants = _adla_constants(epsilon, convention)
    return AdaptiveLangevin(
        potential, temperature=temperature, applied_noise=applied_noise, **constants
    )


def adlala(
    potential: Any,
    adaptive: Any,
    *,
    temperature: float,
    epsilon: float,
    applied_noise: float,
    friction: float,
    langevin_temperature: float | None = None,
    convention: str = "code",
) -> Partitioned:
    """AdLaLa: groups of coordinates with a thermostat each, Langevin dynamics for the rest.

    Parameters
    ----------
    potential : Potential
    adaptive : sequence of coordinates, or slice, int or str
        One entry a thermostat (as published: weights and biases of the first layer), each a slice,
        indices or names of variables. A slice, index or name alone is one group.
    temperature, epsilon, applied_noise, convention
        Of the adaptive groups, as `adla`.
    friction : float
        Of the rest, >= 0 [1/time].
    langevin_temperature : float, optional
        Of the rest; by default ``temperature``.

    Returns
    -------
    Partitioned
        To be stepped with the word "AdLaLa".

    Raises
    ------
    ValueError, TypeError
        If there is no group, nothing is left for Langevin dynamics, or a number is out of range.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019).
    """
    first = adla(
        potential, temperature=temperature, epsilon=epsilon, applied_noise=applied_noise,
        convention=convention,
    )  # fmt: skip
    rest = Langevin(
        potential,
        temperature=temperature if langevin_temperature is None else langevin_temperature,
        friction=friction,
    )
    if isinstance(adaptive, slice | str | int | np.integer):
        adaptive = (adaptive,)
    if not isinstance(adaptive, Iterable):
        raise TypeError(f"adaptive={adaptive!r} must be groups of coordinates, one a thermostat")
    groups = [block_coordinates(group, potential, n) for n, group in enumerate(adaptive, 1)]
    if not groups:
        raise ValueError(f"adaptive={adaptive!r} names no group: use Langevin for all coordinates")
    return Partitioned((*((group, first) for group in groups), (_others(groups, potential), rest)))


def lol(
    potential: Any,
    langevin: Any,
    *,
    temperature: float,
    friction: float,
    overdamped_temperature: float | None = None,
) -> Partitioned:
    """LOL: Langevin dynamics for some coordinates, overdamped for the others, in one step.

    Under BAOAB the others make the step dt^2/2 of the method of Leimkuhler and Matthews.

    Parameters
    ----------
    potential : Potential
    langevin : slice, indices or names of variables
        Coordinates under Langevin dynamics (as published: the first layer).
    temperature, friction : float
        Of these.
    overdamped_temperature : float, optional
        Of the others; by default ``temperature``.

    Returns
    -------
    Partitioned
        To be stepped with the word "LOL" (BAOAB).

    Raises
    ------
    ValueError
        If nothing is left for overdamped dynamics, or a number is out of range.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019).
    """
    first = Langevin(potential, temperature=temperature, friction=friction)
    hot = temperature if overdamped_temperature is None else overdamped_temperature
    others = Langevin(potential, temperature=hot, friction=math.inf)
    group = block_coordinates(langevin, potential, 1)
    return Partitioned(((group, first), (_others([group], potential), others)))


def multilayer_langevin(potential: Any, layers: Sequence[tuple[Any, float, float]]) -> Partitioned:
    """Langevin dynamics with a friction and a temperature for each layer.

    Parameters
    ----------
    potential : Potential
    layers : sequence of (coordinates, friction, temperature)

    Returns
    -------
    Partitioned

    Raises
    ------
    ValueError, TypeError
        As `Partitioned` and `Langevin`.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019).
    """
    if not isinstance(layers, Sequence):
        raise TypeError(f"layers={layers!r} must be a sequence, one entry a layer")
    blocks = []
    for number, layer in enumerate(layers, start=1):
        if not (isinstance(layer, Sequence) and len(layer) == 3) or isinstance(layer, str):
            raise TypeError(
                f"layer {number} is {layer!r}, but must be (coordinates, friction, temperature)"
            )
        coordinates, friction, temperature = layer
        equation = Langevin(potential, temperature=temperature, friction=friction)
        blocks.append((coordinates, equation))
    return Partitioned(tuple(blocks))


def _others(groups: Sequence[tuple[int, ...]], potential: Any) -> tuple[int, ...]:
    """Coordinates in none of the groups."""
    taken = {index for group in groups for index in group}
    rest = tuple(index for index in range(int(potential.dim)) if index not in taken)
    if not rest:
        raise ValueError(
            f"all {potential.dim} coordinates are taken, none is left for the other equation; "
            "use the plain dynamics"
        )
    return rest

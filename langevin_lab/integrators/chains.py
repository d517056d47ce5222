"""Splitting words for Nosé-Hoover chains: A drift, B kick, C friction by xi_1, D the chain.

    C    p = exp(-xi_1 h) p
    D    xi_M, ..., xi_2 over h/2, xi_1 over h, xi_2, ..., xi_M over h/2, all at fixed p

Every xi_j moves along the exact solution for fixed neighbours, with E_j its driving force,

    xi_j' = E_j/mu_j - xi_{j+1} xi_j,     E_1 = p.p/mass - dim T,     E_j = mu_{j-1} xi_{j-1}^2 - T,

so that D is symmetric, a palindrome is of order 2 and reversible under (p, xi) -> (-p, -xi).
"BADCDAB" thermostats in the middle of the step; in "DCDBABDCD" the particles' step is velocity
Verlet, as in Martyna et al. (1996), whose D C D passes through the chain twice, not four times.

Source: Martyna, Klein and Tuckerman (1992); Martyna, Tuckerman, Tobias and Klein (1996).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_lab.integrators.letters import Part
from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.properties import Properties
from langevin_lab.integrators.words import normalise, orders, write_program


@dataclass(frozen=True)
class ChainPart(Part):
    """All coordinates under a word with a chain of thermostats.

    Parameters
    ----------
    n_thermostats : int
    """

    n_thermostats: int = 1

    @property
    def thermostats(self) -> tuple[str, ...]:
        """xi_1, ..., xi_M."""
        return tuple(f"xi_{j}" for j in range(1, self.n_thermostats + 1))

    @property
    def scalars(self) -> tuple[str, ...]:
        """The thermostats and what their lines go through."""
        return (*self.thermostats, "e", "k", "z", "f")

    def lines(self, letter: str, normal: int) -> list[str]:
        """The lines of one letter."""
        if letter == "C":
            return ["e = exp(-braking * xi_1)", "p = e * p"]
        if letter == "D":
            inwards = [line for j in range(self.n_thermostats, 1, -1) for line in self._link(j)]
            outwards = [line for j in range(2, self.n_thermostats + 1) for line in self._link(j)]
            first = ["w = inverse_mass * p", "k = dot(w, p)", "f = gain * (k - target)"]
            return [*inwards, *first, *self._move(1), *outwards]
        return super().lines(letter, normal)

    def _link(self, j: int) -> list[str]:
        """Thermostat j >= 2 over half a step."""
        return [f"f = fma(stiff_{j}, xi_{j - 1} * xi_{j - 1}, -cool_{j})", *self._move(j)]

    def _move(self, j: int) -> list[str]:
        """xi_j by the force f, which is what it gains from rest and without its neighbour."""
        if j == self.n_thermostats:
            return [f"xi_{j} = xi_{j} + f"]
        width = "full" if j == 1 else "half"
        return [
            f"z = -{width} * xi_{j + 1}",
            f"xi_{j} = fma(expm1_over(z), fma(z, xi_{j}, f), xi_{j})",
        ]

    def coefficients(self, dynamics: Any, dt: float, temperature: Any, size: int) -> dict[str, Any]:
        """The numbers that the lines read."""
        step = {letter: dt / self.letters.count(letter) for letter in "ABCD"}
        temperature, masses = np.asarray(temperature, dtype=float), dynamics.thermal_masses
        values = {
            "drift": step["A"] / np.asarray(dynamics.mass),
            "kick": step["B"],
            "braking": step["C"],
            "inverse_mass": 1.0 / np.asarray(dynamics.mass),
            "gain": step["D"] / masses[0],
            "target": size * temperature,
        }
        if self.n_thermostats > 1:
            values["full"] = step["D"]
        if self.n_thermostats > 2:
            values["half"] = step["D"] / 2
        for j in range(2, self.n_thermostats + 1):
            frozen = math.isinf(masses[j - 1])
            values[f"stiff_{j}"] = 0.0 if frozen else step["D"] / 2 * masses[j - 2] / masses[j - 1]
            values[f"cool_{j}"] = step["D"] / 2 * temperature / masses[j - 1]
        return values


@functools.lru_cache(maxsize=64, typed=True)  # True is no 1
def nose_hoover(text: str, n_thermostats: int) -> Method:
    """The method of a splitting word for a Nosé-Hoover chain.

    Parameters
    ----------
    text : str
        A word over A, B, C, D; spaces allowed.
    n_thermostats : int
        Length of the chain, >= 1.

    Returns
    -------
    Method

    Raises
    ------
    ValueError, TypeError
        If the word is no integrator, the chain has no thermostat or its length is no integer.

    Source
    ------
    Martyna, Tuckerman, Tobias and Klein (1996).

    Examples
    --------
    >>> nose_hoover("BADCDAB", 2).program.thermostats
    ('xi_1', 'xi_2')
    """
    if isinstance(n_thermostats, bool) or not isinstance(n_thermostats, int | np.integer):
        raise TypeError(f"n_thermostats={n_thermostats!r} must be an integer >= 1")
    if n_thermostats < 1:
        raise ValueError(f"n_thermostats={n_thermostats} must be >= 1")
    word = normalise(text, "nose_hoover")
    part = ChainPart("nose_hoover", word, n_thermostats=n_thermostats)
    program = write_program([(part, letter) for letter in word])

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        return part.coefficients(dynamics, dt, temperature, dynamics.dim)

    weak_order, configurational_order = orders(word)
    properties = Properties(
        name=word,
        equation="nose_hoover",
        strong_order=weak_order,
        weak_order=weak_order,
        configurational_order=configurational_order,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=0,
        stability_limit=_stability_limit([letter for letter in word if letter in "AB"]),
        source="Martyna, Tuckerman, Tobias and Klein (1996)",
    )
    return Method(word, program, coefficients, properties)


def _stability_limit(letters: Sequence[str]) -> float:
    """That of drifts and kicks alone: thermostats at 0."""
    part = Part("langevin", "".join(letters))
    program = write_program([(part, letter) for letter in letters])

    def coefficients(dynamics, dt, temperature) -> dict[str, Any]:
        return part.coefficients(dynamics, dt, temperature, 1)

    return spectral_stability_limit(program, coefficients, momenta=True)

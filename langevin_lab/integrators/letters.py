"""The letters of splitting words: the exact sub-flow that each stands for, by equation.

    letter                  Langevin                   adaptive                     overdamped
    A  drift                x += h p/mass              the same                     x += h* p
    B  kick                 p -= h grad U              the same                     p -= h* grad U
    O  friction and noise   p = c p + s n              the same with friction       p = sqrt(T) n
                            c = exp(-friction h)       coupling xi
    C  friction alone       p = c p                    p = exp(-coupling xi h) p    -
    N  noise alone          p += sqrt(2 friction       p += applied_noise           -
                            mass T h) n                sqrt(mass h) n
    D  thermostat           -                          xi += (h/thermal_mass)       -
                                                       (p.p/mass - dim T)

h is dt over how often the letter stands in the word (for its block), n a fresh standard normal,
s^2 = mass T (1 - c^2); under xi, s^2 = applied_noise^2 mass (1 - c^2)/(2 coupling xi), right also
for xi <= 0. An overdamped block is a Langevin block of unit mass and infinite friction on the clock
h*^2/2 = h dt/(2 friction), so that BAOAB is the method of Leimkuhler and Matthews with step dt.

Source: Leimkuhler and Matthews (2015), chapter 7; Leimkuhler and Shang (2016) for O and D;
Leimkuhler, Matthews and Vlaar (2019) for partitions. The letters D and E printed there are N and D
here: a word with an E is read in that alphabet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from langevin_lab.dynamics import elementwise

MEANING: Mapping[str, str] = MappingProxyType(
    {
        "A": "drift",
        "B": "kick",
        "O": "friction and noise",
        "C": "friction alone",
        "N": "noise alone",
        "D": "thermostat",
    }
)
ALLOWED: Mapping[str, str] = MappingProxyType(
    {"langevin": "ABOCN", "adaptive": "ABOCND", "overdamped": "ABO"}
)


@dataclass(frozen=True)
class Part:
    """One block under one word: its equation, its letters, the names it goes by.

    Parameters
    ----------
    equation : {"langevin", "adaptive", "overdamped"}
    letters : str
        The letters of the word that are for this block, in order.
    suffix : str, optional
        What tells this block's coefficients and thermostat from those of others.
    block : int, optional
        Number of the block in the program; None for all coordinates.
    """

    equation: str
    letters: str
    suffix: str = ""
    block: int | None = None

    @property
    def n_normals(self) -> int:
        """Normals a step and coordinate."""
        return sum(letter in "ON" for letter in self.letters)

    @property
    def thermostat(self) -> str:
        """Name of the block's thermostat."""
        return f"xi{self.suffix}"

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names with one entry per replica: the thermostat and what its lines go through."""
        if self.equation != "adaptive":
            return ()
        return tuple(f"{name}{self.suffix}" for name in ("xi", "e", "k", "s", "u", "y"))

    def lines(self, letter: str, normal: int) -> list[str]:
        """The lines of one letter; ``normal`` counts the noisy letters of this block before it."""
        adaptive = self.equation == "adaptive"
        noise = f"n{normal}"
        texts = {
            "A": ["x = fma(drift~, p, x)"],
            "B": ["p = fma(-kick~, g, p)"],
            "C": ["p = damping~ * p"],
            "N": [f"p = fma(push~, {noise}, p)"],
            "O": [f"p = fma(decay~, p, noise~ * {noise})"],
        }
        if self.equation == "overdamped":
            texts["O"] = [f"p = noise~ * {noise}"]
        if adaptive:
            texts |= {
                "C": ["e~ = exp(-braking~ * xi~)", "p = e~ * p"],
                "O": [
                    # One function for both: with u = (1 - e^-y)/y, c = e^-y = 1 - y u and
                    # (1 - c^2)/(2 y) = u (1 - y u/2), also for y <= 0.
                    "y~ = relaxing~ * xi~",
                    "u~ = expm1_over(-y~)",
                    "s~ = sqrt(u~ * fma(-0.5 * y~, u~, 1.0))",
                    "e~ = fma(-y~, u~, 1.0)",
                    f"p = fma(e~, p, s~ * (noise~ * {noise}))",
                ],
                "D": [
                    "w = inverse_mass~ * p",
                    "k~ = dot(w, p)",
                    "xi~ = fma(gain~, k~ - target~, xi~)",
                ],
            }
        where = "" if self.block is None else f" @ {self.block}"
        return [line.replace("~", self.suffix) + where for line in texts[letter]]

    def coefficients(self, dynamics: Any, dt: float, temperature: Any, size: int) -> dict[str, Any]:
        """The numbers that the lines read; ``size`` coordinates share a thermostat."""
        counts = Counter(self.letters)
        # What is not in the word is not asked for.
        step = {letter: dt / count for letter, count in counts.items()}
        rule = {"langevin": _langevin, "adaptive": _adaptive, "overdamped": _overdamped}
        values = rule[self.equation](dynamics, dt, step, temperature, size)
        return {f"{name}{self.suffix}": value for name, value in values.items()}


def _langevin(dynamics, dt, step, temperature, size) -> dict[str, Any]:
    mass, friction = np.asarray(dynamics.mass), np.asarray(dynamics.friction)
    values = {"drift": step["A"] / mass, "kick": step["B"]}
    if "O" in step:
        exponent = friction * step["O"]
        values["decay"] = elementwise.exp(-exponent)
        # expm1: friction*dt can be 1e-8, where 1 - decay^2 would keep half the digits.
        values["noise"] = np.sqrt(-elementwise.expm1(-2.0 * exponent) * mass * temperature)
    if "C" in step:
        values["damping"] = elementwise.exp(-friction * step["C"])
    if "N" in step:
        values["push"] = np.sqrt(2.0 * friction * mass * temperature * step["N"])
    return values


def _adaptive(dynamics, dt, step, temperature, size) -> dict[str, Any]:
    mass, noise = np.asarray(dynamics.mass), dynamics.applied_noise
    values = {"drift": step["A"] / mass, "kick": step["B"]}
    if "O" in step:
        values["relaxing"] = dynamics.coupling * step["O"]
        values["noise"] = noise * np.sqrt(step["O"] * mass)
    if "C" in step:
        values["braking"] = dynamics.coupling * step["C"]
    if "N" in step:
        values["push"] = noise * np.sqrt(step["N"] * mass)
    if "D" in step:
        values["inverse_mass"] = 1.0 / mass
        values["gain"] = step["D"] / dynamics.thermal_mass
        values["target"] = size * np.asarray(temperature)
    return values


def _overdamped(dynamics, dt, step, temperature, size) -> dict[str, Any]:
    # dt_star^2/2 = dt/friction
    scale = np.sqrt(2.0 / (dt * np.asarray(dynamics.friction)))
    values = {"drift": step["A"] * scale, "kick": step["B"] * scale}
    if "O" in step:
        values["noise"] = np.sqrt(np.asarray(temperature, dtype=float))
    return values

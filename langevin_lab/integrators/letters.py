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
    U  A and O at once      x, p: below                -                            -

h is dt over how often the letter stands in the word (for its block), n a fresh standard normal,
s^2 = mass T (1 - c^2); under xi, s^2 = applied_noise^2 mass (1 - c^2)/(2 coupling xi), right also
for xi <= 0. U solves dx = p/mass dt, dp = -friction p dt + sqrt(2 friction mass T) dW exactly, with
two normals of which p sees the first alone: for y = friction h, z = y/2, c = exp(-y), f = (1 - c)/y

    x += (h/mass) f p + sqrt(T/mass) h (f sqrt(tanh z) n + sqrt((z - tanh z)/z^2) n')
    p = c p + sqrt(mass T (1 - c^2)) n

An overdamped block is a Langevin block of unit mass and infinite friction on the clock
h*^2/2 = h dt/(2 friction), so that BAOAB is the method of Leimkuhler and Matthews with step dt.

Source: Leimkuhler and Matthews (2015), chapter 7; Leimkuhler and Shang (2016) for O and D;
Sanz-Serna and Zygalakis (2021) for U; Leimkuhler, Matthews and Vlaar (2019) for partitions. The
letters D and E printed there are N and D here: a word with an E is read in that alphabet.
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
        "U": "drift with friction and noise",
    }
)
ALLOWED: Mapping[str, str] = MappingProxyType(
    {"langevin": "ABOCNU", "adaptive": "ABOCND", "overdamped": "ABO", "nose_hoover": "ABCD"}
)
NORMALS: Mapping[str, int] = MappingProxyType({"O": 1, "N": 1, "U": 2})  # that a letter draws


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
        return sum(NORMALS.get(letter, 0) for letter in self.letters)

    @property
    def thermostats(self) -> tuple[str, ...]:
        """Names of the block's thermostats."""
        return (f"xi{self.suffix}",)

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names with one entry per replica: the thermostat and what its lines go through."""
        if self.equation != "adaptive":
            return ()
        return tuple(f"{name}{self.suffix}" for name in ("xi", "e", "k", "s", "u", "y"))

    def lines(self, letter: str, normal: int) -> list[str]:
        """The lines of one letter; ``normal`` counts the normals of this block before it."""
        adaptive = self.equation == "adaptive"
        noise = f"n{normal}"
        texts = {
            "A": ["x = fma(drift~, p, x)"],
            "B": ["p = fma(-kick~, g, p)"],
            "C": ["p = damping~ * p"],
            "N": [f"p = fma(push~, {noise}, p)"],
            "O": [f"p = fma(decay~, p, noise~ * {noise})"],
            "U": [
                f"x = fma(own~, n{normal + 1}, fma(shared~, {noise}, fma(flight~, p, x)))",
                f"p = fma(decay~, p, noise~ * {noise})",
            ],
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
    values = {"kick": step["B"]}
    if "A" in step:
        values["drift"] = step["A"] / mass
    if "U" in step:
        values |= _drift_with_friction(mass, friction, step["U"], temperature)
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


def _drift_with_friction(mass, friction, step, temperature) -> dict[str, Any]:
    """The numbers of U; positions carry the momentum's noise (shared) and one of their own."""
    if np.any(np.isinf(friction)):
        raise ValueError(
            f"friction={friction} leaves U without a drift: use a finite friction, or a word with "
            "A and O such as 'BAOAB', which has that limit"
        )
    exponent = friction * step
    decay, lost = elementwise.exp(-exponent), -elementwise.expm1(-exponent)
    # The mean of exp(-friction t) over the step; tanh(exponent/2) is lost/(1 + decay).
    mean = np.divide(lost, exponent, out=np.ones_like(exponent), where=exponent != 0)
    thermal = step * np.sqrt(temperature / mass)
    return {
        "decay": decay,
        "noise": np.sqrt(-elementwise.expm1(-2.0 * exponent) * mass * temperature),
        "flight": step / mass * mean,
        "shared": thermal * mean * np.sqrt(lost / (1.0 + decay)),
        "own": thermal * np.sqrt(_lag(0.5 * exponent)),
    }


def _lag(z) -> Any:
    """(z - tanh z)/z^2 by the continued fraction of tanh, whose terms are all positive.

    tanh z = z/(1 + z^2/k), k = 3 + z^2/(5 + z^2/(7 + ...)), so it is z/(k + z^2): nothing cancels
    for small z. Twelve levels reach rounding for z < 1; beyond, the difference loses no digits.
    """
    small = np.minimum(z, 1.0)
    level = np.full_like(small, 25.0)
    for odd in range(23, 1, -2):
        level = odd + small**2 / level
    large = np.maximum(z, 1.0)
    tanh = -elementwise.expm1(-2.0 * large) / (1.0 + elementwise.exp(-2.0 * large))
    return np.where(z < 1.0, small / (level + small**2), (large - tanh) / large**2)


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

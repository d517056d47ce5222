"""Langevin dynamics of any splitting word, and with the adaptive thermostat, as torch optimisers.

The loss is the energy and the parameters are the positions; equations: `langevin_lab.dynamics`,
letters: `langevin_lab.integrators`, how a word meets ``backward``: `plan`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from langevin_lab.dynamics.schedules import check_nonnegative, check_number, check_positive
from langevin_lab.integrators.words import normalise
from langevin_lab.pytorch.optim.plan import Plan, plan_of_word
from langevin_lab.pytorch.optim.program_optimiser import ProgramOptimiser

__all__ = ["AdaptiveLangevin", "Langevin", "WordOptimiser"]


class WordOptimiser(ProgramOptimiser):
    """Base of the optimisers of a word, which is `equation`'s where a subclass plans no other."""

    equation: str

    def plan(self) -> Plan:
        """The lines of a step for the groups as they are."""
        return plan_of_word(self.param_groups[0]["word"], (self.equation,) * len(self.param_groups))

    def numbers(self, group: dict[str, Any], index: int, size: int) -> dict[str, Any]:
        """What the lines of a group read, when ``size`` of its coordinates are trained."""
        part, numbers = self.plan().parts[index], SimpleNamespace(**{"mass": 1.0, **group})
        return part.coefficients(numbers, group["lr"], group["temperature"], size)


class Langevin(WordOptimiser):
    """Langevin dynamics ``dx = p/mass dt``, ``dp = -grad L dt - friction p dt + noise``.

    The noise is ``sqrt(2 friction mass T) dW``; momenta start at 0. At temperature 0 the positions
    of "BAOAB" are those of heavy ball, with momentum c = exp(-friction lr) and the learning rate
    lr^2 (1 + c)/(2 mass), after a first step of half that length, since it begins with half a kick.

    Parameters
    ----------
    params : iterable of tensors or of dict
        Each group may have its own ``lr``, ``temperature``, ``friction``, ``mass``,
        ``weight_decay``.
    lr : float
        The time step dt > 0 [time]. Schedulers may change it in any step.
    temperature : float
        T >= 0 [energy, that is loss].
    friction : float
        >= 0 [1/time]; ``math.inf`` gives the method of Leimkuhler and Matthews with step lr^2/2.
    seed : int
        Of the noise. Optimisers of one seed and replica draw the same normals: give each model of
        an ensemble, and each optimiser of a model, a replica of its own.
    word : str, optional
        Splitting word over A, B, O (or A, B, C, N, or U, B). Words with several gradients a step
        need ``step(closure)``.
    mass : float, optional
        > 0.
    replica : int, optional
        Which of the seed's streams.
    weight_decay, maximize, check_gradients : optional
        As `BaseOptimiser`.

    Raises
    ------
    TypeError, ValueError
        If the word is no integrator, or a number is out of range.

    Source
    ------
    Leimkuhler and Matthews (2013) [LM13]; Leimkuhler and Matthews (2015), chapter 7.

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Linear(3, 1)
    >>> optimiser = optim.Langevin(model.parameters(), 0.1, temperature=0.01, friction=1.0, seed=1)
    >>> model(torch.ones(3)).square().sum().backward()
    >>> optimiser.step()
    """

    equation = "langevin"

    def __init__(
        self, params: Iterable[Any], lr: float, *, temperature: float, friction: float, seed: int,
        word: str = "BAOAB", mass: float = 1.0, replica: int = 0, weight_decay: float = 0.0,
        maximize: bool = False, check_gradients: bool = True,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": lr,
            "temperature": temperature,
            "friction": friction,
            "mass": mass,
            "word": normalise(word, "langevin"),
        }
        super().__init__(
            params, defaults, seed=seed, replica=replica, weight_decay=weight_decay,
            maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_friction(f"{where}friction", group["friction"])
        check_positive(f"{where}mass", group["mass"])
        if not set("OCU") & set(group["word"]) and group["friction"] != 0:
            raise ValueError(
                f"{where}word={group['word']!r} has no O but friction={group['friction']}; use "
                "friction=0 or a word with O, for example 'BAOAB'"
            )


class AdaptiveLangevin(WordOptimiser):
    """Langevin dynamics whose friction xi finds the value that balances the gradient's noise.

        dp = -grad L dt - coupling xi p dt + applied_noise sqrt(mass) dW
        thermal_mass dxi = (p.p/mass - N T) dt,    N trained coordinates of the group

    Each group has a thermostat of its own, ``group["thermostat"]``.

    Parameters
    ----------
    params : iterable of tensors or of dict
        Each group may have its own numbers.
    lr : float
        The time step dt > 0 [time].
    temperature : float
        T > 0 [energy].
    thermal_mass : float
        > 0 [energy time^2]; ``math.inf`` freezes xi.
    seed : int
        Of the noise.
    applied_noise : float, optional
        >= 0: amplitude of the noise that is added on purpose.
    coupling : float, optional
        Friction per xi, > 0.
    start_thermostat : float, optional
        xi at the start; by default its mean without gradient noise,
        applied_noise^2/(2 coupling T), where a compiled run draws it from its invariant law.
    word : str, optional
        Over A, B, O, D or, as AdLa, over A, B, C, N, D: "BACNDNCAB".
    mass, replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If the word is no integrator, or a number is out of range.

    Source
    ------
    Jones and Leimkuhler (2011); Leimkuhler and Shang (2016) [LS16].

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Linear(3, 1)
    >>> optimiser = optim.AdaptiveLangevin(
    ...     model.parameters(), 0.1, temperature=0.1, thermal_mass=4.0, applied_noise=0.5, seed=1)
    >>> float(optimiser.param_groups[0]["thermostat"])
    1.25
    """

    equation = "adaptive"

    def __init__(
        self, params: Iterable[Any], lr: float, *, temperature: float, thermal_mass: float,
        seed: int, applied_noise: float = 0.0, coupling: float = 1.0,
        start_thermostat: float | None = None, word: str = "BADODAB", mass: float = 1.0,
        replica: int = 0, weight_decay: float = 0.0, maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": lr,
            "temperature": temperature,
            "thermal_mass": thermal_mass,
            "applied_noise": applied_noise,
            "coupling": coupling,
            "start_thermostat": start_thermostat,
            "mass": mass,
            "word": normalise(word, "adaptive"),
        }
        super().__init__(
            params, defaults, seed=seed, replica=replica, weight_decay=weight_decay,
            maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_thermostat(group, where)
        check_positive(f"{where}mass", group["mass"])
        if group["applied_noise"] > 0 and not set("ON") & set(group["word"]):
            raise ValueError(
                f"{where}word={group['word']!r} has no noise but applied_noise="
                f"{group['applied_noise']}; use applied_noise=0 or a word with O, or with N"
            )

    def thermostat_start(self, group: dict[str, Any]) -> float:
        """Where the thermostat of a group begins."""
        return thermostat_start(group)


def check_friction(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless ``value`` is a number >= 0, or infinite."""
    if value != math.inf:
        check_nonnegative(name, value)


def check_thermostat(group: dict[str, Any], where: str) -> None:
    """Raise TypeError or ValueError unless the thermostat's numbers are in range."""
    check_positive(f"{where}temperature", group["temperature"])
    if group["thermal_mass"] != math.inf:
        check_positive(f"{where}thermal_mass", group["thermal_mass"])
    check_nonnegative(f"{where}applied_noise", group["applied_noise"])
    check_positive(f"{where}coupling", group["coupling"])
    if group["start_thermostat"] is not None:
        check_number(f"{where}start_thermostat", group["start_thermostat"])


def thermostat_start(group: dict[str, Any]) -> float:
    """The start that the group says, or the mean applied_noise^2/(2 coupling T)."""
    if group["start_thermostat"] is not None:
        return float(group["start_thermostat"])
    return float(group["applied_noise"] ** 2 / (2 * group["coupling"] * group["temperature"]))

"""Groups under different equations, as published: AdLaLa and LOL.

Each parameter group says which equation moves it, ``"equation": "adaptive"``, "langevin" or
"overdamped"; groups feel each other through the gradient alone. The published schemes end with the
kick; here a step begins with it, because it begins with the gradient:

    AdLaLa    B | A C N D O D N C A | next gradient          LOL    B A O A B, as BAOAB

So the points of `LOL` are those of a compiled run of "LOL", and the points of `AdLaLa` those of
"B A C D E O E D C A", not of "AdLaLa", each with the same ``start_thermostat``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from langevin_lab.dynamics.published import _adla_constants
from langevin_lab.pytorch.optim.langevin import (
    WordOptimiser,
    check_friction,
    check_thermostat,
    thermostat_start,
)
from langevin_lab.pytorch.optim.plan import Plan, plan_of_word

__all__ = ["LOL", "AdLaLa"]


class _Partitioned(WordOptimiser):
    """What both share: an equation for each group, one word for all of them."""

    equations: tuple[str, ...]
    word: str

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; it must name its equation.

        Raises
        ------
        TypeError, ValueError
            As the constructor.
        """
        equation = dict(param_group).get("equation")
        if equation not in self.equations:
            choice = " or ".join(map(repr, self.equations))
            raise ValueError(
                f"group {len(self.param_groups)} has equation={equation!r}: every group of "
                f"{type(self).__name__} names its own, {choice}, for example "
                f"{{'params': model[0].parameters(), 'equation': {self.equations[0]!r}}}"
            )
        super().add_param_group(param_group)

    def plan(self) -> Plan:
        """The lines of a step for the groups as they are."""
        adaptive = {"adaptive": "adaptive"}
        return plan_of_word(
            self.word,
            tuple(adaptive.get(group["equation"], "langevin") for group in self.param_groups),
        )


class AdLaLa(_Partitioned):
    """AdLaLa: adaptive Langevin dynamics for some groups, Langevin dynamics for the others.

    As published, the weights and the biases of the first layer are two adaptive groups, and the
    other layers are one group under Langevin dynamics. Each adaptive group has a thermostat of its
    own, ``group["thermostat"]``.

    Parameters
    ----------
    params : iterable of dict
        Each with "params" and "equation": "adaptive" or "langevin"; and numbers of its own.
    lr : float, optional
        The time step dt > 0 [time].
    temperature : float, optional
        > 0 for adaptive groups [energy].
    friction : float, optional
        Of the Langevin groups, >= 0 [1/time].
    applied_noise, epsilon : float, optional
        Of the adaptive groups: noise >= 0; gain > 0 of the thermostat.
    convention : {"code", "text"}, optional
        Which of the two published forms, see `dynamics.adla`.
    start_thermostat : float, optional
        xi at the start; by default its mean without gradient noise, where a compiled run draws it.
    seed : int
        Of the noise.
    replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If a group names no equation, or a number is out of range.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019) [LMV19]; the defaults are those of its spirals with four
    turns.

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    >>> first, rest = model[0], model[2]
    >>> optimiser = optim.AdLaLa([
    ...     {"params": [first.weight], "equation": "adaptive"},
    ...     {"params": [first.bias], "equation": "adaptive"},
    ...     {"params": rest.parameters(), "equation": "langevin"}], seed=1)
    """

    equations = ("adaptive", "langevin")
    word = "AdLaLa"

    def __init__(
        self, params: Iterable[dict[str, Any]], lr: float = 0.25, *, seed: int,
        temperature: float = 1e-4, friction: float = 0.1, applied_noise: float = 0.01,
        epsilon: float = 0.05, convention: str = "code", start_thermostat: float | None = None,
        replica: int = 0, weight_decay: float = 0.0, maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": lr,
            "temperature": temperature,
            "friction": friction,
            "applied_noise": applied_noise,
            "epsilon": epsilon,
            "convention": convention,
            "start_thermostat": start_thermostat,
        }
        super().__init__(
            params, defaults, seed=seed, replica=replica, weight_decay=weight_decay,
            maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip
        found = {group["equation"] for group in self.param_groups}
        if len(found) == 1:
            other = "AdaptiveLangevin(word='BACNDNCA')" if "adaptive" in found else "Langevin"
            raise ValueError(
                f"every group has equation={found.pop()!r}: AdLaLa needs adaptive and langevin "
                f"groups; use {other} for one equation"
            )

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        if group["equation"] == "adaptive":
            check_thermostat(_adaptive(group), where)
        else:
            check_friction(f"{where}friction", group["friction"])

    def thermostat_start(self, group: dict[str, Any]) -> float | None:
        """Where the thermostat of a group begins, None if it has none."""
        return thermostat_start(_adaptive(group)) if group["equation"] == "adaptive" else None

    def numbers(self, group: dict[str, Any], index: int, size: int) -> dict[str, Any]:
        """What the lines of a group read, when ``size`` of its coordinates are trained."""
        numbers = _adaptive(group) if group["equation"] == "adaptive" else group
        return super().numbers(numbers, index, size)


def _adaptive(group: dict[str, Any]) -> dict[str, Any]:
    """The group with the numbers of `AdaptiveLangevin`, as `dynamics.adla` translates them."""
    return {**group, **_adla_constants(group["epsilon"], group["convention"])}


class LOL(_Partitioned):
    """LOL: Langevin dynamics for some groups, overdamped for the others, by the word BAOAB.

    The overdamped groups make the step lr^2/2 of the method of Leimkuhler and Matthews: their
    momenta are drawn anew in every step.

    Parameters
    ----------
    params : iterable of dict
        Each with "params" and "equation": "langevin" (as published: the first layer) or
        "overdamped"; and numbers of its own.
    lr : float
        The time step dt > 0 [time].
    temperature : float
        T >= 0 [energy].
    friction : float
        Of the Langevin groups, >= 0 [1/time].
    seed : int
        Of the noise.
    replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If a group names no equation, or a number is out of range.

    Source
    ------
    Leimkuhler, Matthews and Vlaar (2019) [LMV19].

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    >>> optimiser = optim.LOL([
    ...     {"params": model[0].parameters(), "equation": "langevin"},
    ...     {"params": model[2].parameters(), "equation": "overdamped"}],
    ...     0.25, temperature=1e-4, friction=0.1, seed=1)
    """

    equations = ("langevin", "overdamped")
    word = "LOL"

    def __init__(
        self, params: Iterable[dict[str, Any]], lr: float, *, temperature: float, friction: float,
        seed: int, replica: int = 0, weight_decay: float = 0.0, maximize: bool = False,
        check_gradients: bool = True,
    ) -> None:  # fmt: skip
        defaults = {"lr": lr, "temperature": temperature, "friction": friction}
        super().__init__(
            params, defaults, seed=seed, replica=replica, weight_decay=weight_decay,
            maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_friction(f"{where}friction", group["friction"])

    def numbers(self, group: dict[str, Any], index: int, size: int) -> dict[str, Any]:
        """What the lines of a group read, when ``size`` of its coordinates are trained."""
        overdamped = {"friction": math.inf} if group["equation"] == "overdamped" else {}
        return super().numbers({**group, **overdamped}, index, size)

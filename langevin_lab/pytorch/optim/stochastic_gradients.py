"""SGLD, SGHMC and SGNHT as torch optimisers: one gradient, first order in the step."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from langevin_lab.integrators import Method, method
from langevin_lab.pytorch.optim.langevin import check_friction, check_thermostat, thermostat_start
from langevin_lab.pytorch.optim.plan import Plan, plan_of_program
from langevin_lab.pytorch.optim.program_optimiser import ProgramOptimiser

__all__ = ["SGHMC", "SGLD", "SGNHT"]


class _Scheme(ProgramOptimiser):
    """What the three share: the program of one of the package's named methods."""

    scheme: tuple[str, str]

    def method(self) -> Method:
        """The package's method of that name."""
        name, equation = self.scheme
        return method(name, equation=equation)

    def plan(self) -> Plan:
        """The lines of a step for the groups as they are."""
        return _plan_of_scheme(self.scheme, len(self.param_groups))

    def numbers(self, group: dict[str, Any], index: int, size: int) -> dict[str, Any]:
        """What the lines of a group read, when ``size`` of its coordinates are trained."""
        numbers = SimpleNamespace(**{"mass": 1.0, "friction": 1.0, "dim": size, **group})
        return self.method().coefficient_rule(numbers, group["lr"], group["temperature"])


@functools.lru_cache(maxsize=64)
def _plan_of_scheme(scheme: tuple[str, str], n_groups: int) -> Plan:
    """Made once: every step asks for it, and its lines are parsed and compiled."""
    name, equation = scheme
    return plan_of_program(method(name, equation=equation).program, n_groups)


class SGLD(_Scheme):
    """Stochastic gradient Langevin dynamics ``x = x - lr grad L + sqrt(2 T lr) n``.

    Parameters
    ----------
    params : iterable of tensors or of dict
        Each group may have its own numbers.
    lr : float
        Learning rate > 0 [length^2/energy]: the time step of overdamped dynamics at friction 1.
    temperature : float
        T >= 0 [energy]: 1 and the sum of minus log likelihoods as the loss give the posterior, 1/n
        and their mean over n examples the same at n times the lr.
    seed : int
        Of the noise.
    replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.

    Source
    ------
    Welling and Teh (2011) [WT11].

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Linear(3, 1)
    >>> optimiser = optim.SGLD(model.parameters(), 0.01, temperature=1e-3, seed=1)
    """

    scheme = ("EulerMaruyama", "overdamped")

    def __init__(
        self, params: Iterable[Any], lr: float, *, temperature: float, seed: int, replica: int = 0,
        weight_decay: float = 0.0, maximize: bool = False, check_gradients: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            params, {"lr": lr, "temperature": temperature}, seed=seed, replica=replica,
            weight_decay=weight_decay, maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip


class SGHMC(_Scheme):
    """Stochastic gradient HMC: semi-implicit Euler for Langevin dynamics.

        p = (1 - friction dt) p - dt grad L + sqrt(2 friction T dt) n,    x = x + dt p

    Parameters
    ----------
    params : iterable of tensors or of dict
        Each group may have its own numbers.
    lr : float
        The time step dt > 0 [time]; the learning rate of the source is dt^2, its momentum
        1 - friction dt.
    temperature : float
        T >= 0 [energy].
    friction : float
        >= 0 [1/time], friction dt < 2.
    seed : int
        Of the noise.
    replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.

    Source
    ------
    Chen, Fox and Guestrin (2014), eq. (15) [CFG14], without their estimate of the gradient's noise.

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Linear(3, 1)
    >>> optimiser = optim.SGHMC(model.parameters(), 0.1, temperature=1e-3, friction=1.0, seed=1)
    """

    scheme = ("SemiImplicitEuler", "langevin")

    def __init__(
        self, params: Iterable[Any], lr: float, *, temperature: float, friction: float, seed: int,
        replica: int = 0, weight_decay: float = 0.0, maximize: bool = False,
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
        if not group["friction"] * group["lr"] < 2:
            raise ValueError(
                f"{where}friction={group['friction']} times lr={group['lr']} must be < 2, or the "
                "momentum grows in every step; use a smaller one, or Langevin"
            )


class SGNHT(_Scheme):
    """Stochastic gradient Nosé-Hoover thermostat: Euler's step for `AdaptiveLangevin`.

    Parameters
    ----------
    params : iterable of tensors or of dict
        Each group may have its own numbers, and has a thermostat of its own.
    lr : float
        The time step dt > 0 [time].
    temperature : float
        T > 0 [energy].
    thermal_mass : float
        > 0 [energy time^2]; the source has the number of coordinates.
    seed : int
        Of the noise.
    applied_noise, coupling, start_thermostat : float, optional
        As `AdaptiveLangevin`.
    replica, weight_decay, maximize, check_gradients : optional
        As `Langevin`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.

    Source
    ------
    Ding et al. (2014), algorithm 1 [DFB14].

    Examples
    --------
    >>> import torch
    >>> from langevin_lab.pytorch import optim
    >>> model = torch.nn.Linear(3, 1)
    >>> optimiser = optim.SGNHT(
    ...     model.parameters(), 0.1, temperature=0.1, thermal_mass=4.0, applied_noise=0.5, seed=1)
    """

    scheme = ("SGNHT", "adaptive")

    def __init__(
        self, params: Iterable[Any], lr: float, *, temperature: float, thermal_mass: float,
        seed: int, applied_noise: float = 0.0, coupling: float = 1.0,
        start_thermostat: float | None = None, replica: int = 0, weight_decay: float = 0.0,
        maximize: bool = False, check_gradients: bool = True,
    ) -> None:  # fmt: skip
        defaults = {
            "lr": lr,
            "temperature": temperature,
            "thermal_mass": thermal_mass,
            "applied_noise": applied_noise,
            "coupling": coupling,
            "start_thermostat": start_thermostat,
        }
        super().__init__(
            params, defaults, seed=seed, replica=replica, weight_decay=weight_decay,
            maximize=maximize, check_gradients=check_gradients,
        )  # fmt: skip

    def check_group(self, group: dict[str, Any], where: str) -> None:
        """Raise TypeError or ValueError unless the numbers of a group are in range."""
        super().check_group(group, where)
        check_thermostat(group, where)

    def thermostat_start(self, group: dict[str, Any]) -> float:
        """Where the thermostat of a group begins."""
        return thermostat_start(group)

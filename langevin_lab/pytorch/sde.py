"""A dynamics as torchsde sees it: drift ``f(t, y)``, noise ``g(t, y)`` and their types.

The state y of all replicas is one tensor of shape (n_replicas, d): positions, then momenta, then
thermostats. With x, p, xi for these parts, g = grad U(x) and h the unit in which t counts,

    gradient flow, overdamped   f = -h g/friction                   noise sqrt(2 h T/friction) on x
    Langevin, adaptive          f = h (p/mass, -g - friction p)     on p, sqrt(2 h friction mass T)
                                                                    or applied_noise sqrt(h mass)
    Ito diffusion               f = h a(x),  a = -mobility g or the drift given, noise sqrt(h) B(x)

and thermostats as in `dynamics`. All but the last have noise that does not depend on the state,
"additive", for which the Ito and the Stratonovich equation are the same. In Stratonovich form the
last has the drift a_i - (1/2) sum_jk B_jk dB_ik/dx_j.

Source: Kloeden and Platen (1992), section 4.9, for the change of drift.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from langevin_lab.dynamics.equations import Dynamics
from langevin_lab.pytorch.additive_sde import AdditiveSDE
from langevin_lab.pytorch.diffusion_sde import DiffusionSDE
from langevin_lab.pytorch.sde_records import check_sde_type
from langevin_lab.pytorch.sde_state import DynamicsSDE

__all__ = ["DynamicsSDE", "as_torchsde"]


def as_torchsde(
    dynamics: Dynamics,
    *,
    sde_type: str = "ito",
    time_unit: float = 1.0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> DynamicsSDE:
    """Return a dynamics as an SDE that `torchsde.sdeint` integrates.

    Parameters
    ----------
    dynamics : Dynamics
        Schedules are taken at the time t.
    sde_type : {"ito", "stratonovich"}, optional
        The form of the same equation: solvers of torchsde are for one of the two.
    time_unit : float, optional
        > 0: what t = 1 stands for. With the step as unit, times are whole numbers and every step
        of torchsde is 1 to the last bit; sums of a step such as 0.1 are not.
    dtype, device : optional
        Of the states that will be given.

    Returns
    -------
    DynamicsSDE
        With ``f``, ``g``, ``g_prod``, ``noise_type``, ``sde_type``; `pack` makes a state.

    Raises
    ------
    TypeError, ValueError
        If there is no such equation: of an optimiser, with a drawn gradient, or an infinite
        friction.

    Examples
    --------
    >>> import torch, torchsde, langevin_lab as ll
    >>> eq = ll.Langevin(ll.potentials.double_well(), temperature=0.2, friction=1.0)
    >>> sde = ll.pytorch.as_torchsde(eq)
    >>> sde.noise_type, sde.n_channels
    ('additive', 1)
    >>> noise = ll.pytorch.brownian_motion(1, n_replicas=5, n_channels=1, dt=0.01)
    >>> y = torchsde.sdeint(sde, sde.pack(x=torch.ones(5, 1)), [0.0, 1.0], bm=noise,
    ...                     method="euler", dt=0.01)
    >>> tuple(y.shape)
    (2, 5, 2)
    """
    check_sde_type(sde_type)
    if not (isinstance(time_unit, (int, float)) and math.isfinite(time_unit) and time_unit > 0):
        raise ValueError(f"time_unit={time_unit!r} must be a finite number > 0")
    check_equation(dynamics)
    kind = DiffusionSDE if dynamics.equation == "ito" else AdditiveSDE
    return kind(dynamics, sde_type, float(time_unit), dtype, torch.device(device or "cpu"))


def check_equation(dynamics: Any) -> None:
    """Raise an error unless the dynamics is a stochastic equation in continuous time."""
    if not isinstance(dynamics, Dynamics):
        raise TypeError(
            f"dynamics={dynamics!r} is no dynamics: wrap a potential in ll.Langevin, "
            "ll.Overdamped or ll.GradientFlow"
        )
    if dynamics.equation == "descent":
        raise ValueError(
            f"{dynamics.describe()} takes discrete steps and has no f and g; give its limit, "
            "ll.limits.diffusion(optimiser, potential).dynamics, or use backend='torch'"
        )
    if dynamics.potential.gradient_noise is not None:
        raise ValueError(
            f"the gradient of {dynamics.potential.name} is drawn, step by step, and torchsde asks "
            "for it at times of its own; use backend='torch' or 'cpu', or the potential without "
            "gradient noise"
        )
    for part in [block.dynamics for block in getattr(dynamics, "blocks", ())] or [dynamics]:
        friction = getattr(part, "friction", 0.0)
        if not callable(friction) and np.isinf(friction).any():
            raise ValueError(
                "friction=inf has no equation with momenta; use ll.Overdamped, or backend='torch'"
            )

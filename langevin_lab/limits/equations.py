"""`modified_equation`: backward error analysis of any method that the package can analyse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langevin_lab.integrators import Method
from langevin_lab.integrators import method as find_method
from langevin_lab.limits.flow_series import checked_order
from langevin_lab.limits.limit import constants, lead
from langevin_lab.limits.momentum_series import (
    modified_flow_of_euler_maruyama,
    modified_flow_of_momentum,
)
from langevin_lab.limits.splitting_series import modified_flow_of_word
from langevin_lab.limits.weak_equation import WORD_LETTERS
from langevin_lab.momentum import GradientDescent, HeavyBall, MomentumFamily, Nesterov, Optimiser

if TYPE_CHECKING:
    from langevin_lab.limits.backward_error import ModifiedFlow
    from langevin_lab.limits.weak_equation import WeakModifiedEquation

_SYMBOLIC = tuple(k.__name__ for k in (GradientDescent, HeavyBall, MomentumFamily, Nesterov))


def modified_equation(
    method: Any, order: int = 2, *, noise: bool | None = None
) -> ModifiedFlow | WeakModifiedEquation:
    """Derive the equation that a method solves better than its own, by backward error analysis.

    Parameters
    ----------
    method : Optimiser, str or Method
        An optimiser with constant numbers; "GradientDescent", "HeavyBall", "Nesterov" or
        "MomentumFamily" for symbolic momentum and look_ahead; a splitting word; "EulerMaruyama".
    order : int, optional
        The last power of the step to keep: up to 5 of a flow, up to 2 in law.
    noise : bool, optional
        Whether the equation is to hold in law, with the method's noise, or at temperature 0. By
        default in law for a method with noise of its own.

    Returns
    -------
    ModifiedFlow or WeakModifiedEquation
        Both have ``latex()`` and ``dynamics(potential, ...)``, which runs like any dynamics.

    Raises
    ------
    ValueError, TypeError
        If the method is unknown or cannot be analysed, the order is out of range (for PyTorch's
        nesterov, which stores looked-ahead points, above 1), or noise is asked of a method that
        has none.

    Source
    ------
    Hairer, Lubich and Wanner (2006), chapter IX; Zygalakis (2011); Kovachki and Stuart (2021) for
    momentum methods.

    Examples
    --------
    >>> import langevin_lab as ll
    >>> print(ll.limits.modified_equation("GradientDescent", 1).text)
    gradient descent to order 1, f = -grad U
    x' = f
       + h (-1/2 f'f)
    >>> ll.limits.modified_equation("EulerMaruyama", 1).effective_potential
    (T*Derivative(U(x), (x, 2))/(2*gamma) - Derivative(U(x), x)**2/(4*gamma),)
    """
    if noise is not None and not isinstance(noise, bool):
        raise TypeError(f"noise={noise!r} must be True, False or None")
    order = checked_order(order)
    if isinstance(method, type) and issubclass(method, Optimiser):
        method = _symbolic_name(method)
    if isinstance(method, Optimiser) or (isinstance(method, str) and method in _SYMBOLIC):
        return _of_optimiser(method, order, noise)
    scheme = find_method(method)
    if noise is None:
        noise = scheme.n_normals > 0
    if noise:
        return _in_law(scheme, order)
    if scheme.name == "EulerMaruyama":
        return modified_flow_of_euler_maruyama(order)
    if not set(scheme.name) <= WORD_LETTERS:
        raise ValueError(
            f"method={scheme.name!r} is no composition of the sub-flows A, B, O, C, N, U; modified "
            f"flows are derived for such words, 'EulerMaruyama', {', '.join(map(repr, _SYMBOLIC))}"
        )
    return modified_flow_of_word(scheme.name, order)


def _symbolic_name(kind: type[Optimiser]) -> str:
    if kind.__name__ not in _SYMBOLIC:
        raise ValueError(
            f"method={kind.__name__} has no symbolic form: use one of "
            f"{', '.join(_SYMBOLIC)}, or an instance with its numbers"
        )
    return kind.__name__


def _of_optimiser(method: Any, order: int, noise: bool | None) -> ModifiedFlow:
    if noise:
        raise ValueError(
            f"noise=True for {method!r}, whose noise is that of the gradient; use limits.diffusion"
        )
    if isinstance(method, str):
        from langevin_lab.limits.flow_series import MOMENTUM

        fixed: dict[str, dict[str, Any]] = {
            "GradientDescent": {"momentum": 0, "look_ahead": 0},
            "HeavyBall": {"look_ahead": 0},
            "Nesterov": {"look_ahead": MOMENTUM},
            "MomentumFamily": {},
        }
        return modified_flow_of_momentum(order, **fixed[method])
    rate, momentum, look_ahead = constants(method)
    if lead(method) and order > 1:
        # x + momentum p lies on the slow path, momentum steps later, only up to O(h^2).
        raise ValueError(
            f"order={order} for {method!r}, which stores looked-ahead points: from order 2 on "
            "their equation is another; use order=1, or momentum.Nesterov"
        )
    return modified_flow_of_momentum(
        order, momentum=momentum, look_ahead=look_ahead, learning_rate=rate
    )


def _in_law(scheme: Method, order: int) -> WeakModifiedEquation:
    from langevin_lab.limits.composition import HIGHEST_ORDER
    from langevin_lab.limits.weak_equation import weak_modified_equation

    if order > HIGHEST_ORDER:
        raise ValueError(
            f"order={order} of {scheme.name}: modified equations in law are derived up to order "
            f"{HIGHEST_ORDER}; use noise=False for the flow at temperature 0"
        )
    return weak_modified_equation(scheme, order)

"""The two sides of the dictionary: constants of an optimiser, and of a dynamics at a time step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from langevin_lab.dynamics import Langevin, Overdamped
from langevin_lab.dynamics.schedules import check_nonnegative, check_number, check_positive
from langevin_lab.limits.dictionary import CONVENTIONS, RULES, convention_named

__all__ = ["LangevinReading", "OptimiserReading", "one_number", "read_dynamics", "read_optimiser"]


@dataclass(frozen=True, kw_only=True)
class OptimiserReading:
    """The constants of a momentum method.

    Parameters
    ----------
    learning_rate : float
        > 0 [length^2/energy].
    momentum : float, optional
        In [0, 1].
    look_ahead : float, optional
        >= 0: the gradient is taken at x + look_ahead D, D the last displacement (momentum: NAG).
    dampening : float, optional
        In [0, 1): PyTorch's, which multiplies the learning rate by 1 - dampening.
    gradient_noise : float, optional
        Standard deviation of the gradient of one example, >= 0, per coordinate.
    batch_size : float, optional
        Independent examples in an evaluation, > 0; `to_optimiser` solves for it without rounding.
    """

    learning_rate: float
    momentum: float = 0.0
    look_ahead: float = 0.0
    dampening: float = 0.0
    gradient_noise: float = 0.0
    batch_size: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, one_number(name, getattr(self, name)))
        check_positive("learning_rate", self.learning_rate)
        check_positive("batch_size", self.batch_size)
        check_nonnegative("gradient_noise", self.gradient_noise)
        check_nonnegative("look_ahead", self.look_ahead)
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum={self.momentum} must be a momentum coefficient in [0, 1]")
        if not 0 <= self.dampening < 1:
            raise ValueError(
                f"dampening={self.dampening} must be in [0, 1): 1 leaves no gradient after step 1"
            )

    @property
    def damped_learning_rate(self) -> float:
        """What multiplies the gradient from the second step on."""
        rule = RULES["dampening"]
        return rule.solve("damped learning rate", **self.constants(damped=False))

    @property
    def evaluation_noise(self) -> float:
        """Standard deviation of the gradient of a batch."""
        return RULES["batch_size"].solve("noise of an evaluation", **self.constants())

    @property
    def temperature(self) -> float:
        """Configurational temperature where the curvature is small, in every convention.

        Raises
        ------
        ValueError
            If momentum = 1, where gradient noise heats without end.
        """
        if self.gradient_noise == 0:
            return 0.0
        if self.momentum == 1:
            raise ValueError(
                f"momentum=1 has no friction, so gradient_noise={self.gradient_noise:g} heats "
                "without end; use momentum < 1"
            )
        return RULES["temperature"].solve("temperature", **self.constants())

    def constants(self, *, damped: bool = True) -> dict[str, float]:
        """All constants by name, the learning rate with its dampening."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if damped:
            values["learning_rate"] = self.damped_learning_rate
        return values

    def heavy_ball(self) -> Any:
        """``langevin_lab.momentum.HeavyBall`` of these constants, dampening in its learning rate.

        Raises
        ------
        ValueError
            If look_ahead is not 0.
        """
        if self.look_ahead != 0:
            raise ValueError(
                f"look_ahead={self.look_ahead:g} is no heavy ball; use momentum.MomentumFamily"
            )
        from langevin_lab import momentum

        return momentum.HeavyBall(learning_rate=self.damped_learning_rate, momentum=self.momentum)


@dataclass(frozen=True, kw_only=True)
class LangevinReading:
    """The constants of a dynamics at a time step, in one convention.

    Parameters
    ----------
    convention : str
        A key of `CONVENTIONS`.
    dt : float
        Time of one step, > 0.
    friction : float
        [1/time], >= 0; > 0 in "gradient_flow", 1 in "effective_learning_rate".
    mass : float, optional
        > 0, by default 1; overdamped readings have 0, and nothing else.
    temperature : float, optional
        >= 0 [energy].
    """

    convention: str
    dt: float
    friction: float
    mass: float | None = None
    temperature: float = 0.0

    def __post_init__(self) -> None:
        record = convention_named(self.convention)
        momenta = record.equation == "langevin"
        if self.mass is None:
            object.__setattr__(self, "mass", 1.0 if momenta else 0.0)
        for name in ("dt", "friction", "mass", "temperature"):
            object.__setattr__(self, name, one_number(name, getattr(self, name)))
        check_positive("dt", self.dt)
        check_nonnegative("temperature", self.temperature)
        (check_nonnegative if momenta else check_positive)("friction", self.friction)
        if momenta:
            check_positive("mass", self.mass)
        elif self.mass != 0:
            raise ValueError(
                f"mass={self.mass:g}: convention={self.convention!r} is overdamped and has mass 0"
            )
        if not record.has("momentum") and self.friction != 1:
            raise ValueError(
                f"friction={self.friction:g}: convention={self.convention!r} has friction 1; "
                "divide dt by the friction, or use 'gradient_flow'"
            )

    def dynamics(self, potential: Any) -> Langevin | Overdamped:
        """The equation on a potential, for `ll.simulate` at this dt."""
        if convention_named(self.convention).equation == "overdamped":
            return Overdamped(potential, temperature=self.temperature, friction=self.friction)
        return Langevin(
            potential, temperature=self.temperature, friction=self.friction, mass=self.mass or 1.0
        )


def read_optimiser(
    optimiser: Any, *, gradient_noise: float | None = None, batch_size: float | None = None
) -> OptimiserReading:
    """Read the constants of a method of `langevin_lab.momentum`, or of anything that names them.

    Parameters
    ----------
    optimiser : object
        With ``learning_rate`` and, where it has them, ``momentum``, ``look_ahead``, ``dampening``,
        ``nesterov`` (then look_ahead = momentum) and ``weight_decay``.
    gradient_noise, batch_size : float, optional
        Replace what an `OptimiserReading` says.

    Raises
    ------
    TypeError
        If there is no learning rate, or a constant is a schedule or one of several numbers.
    ValueError
        If the weight decay is not 0: it belongs to the potential; if the optimiser draws its own
        data (StreamingPCA), or its step is not linear in the gradient (Adam).
    """
    noise = {"gradient_noise": gradient_noise, "batch_size": batch_size}
    given = {name: value for name, value in noise.items() if value is not None}
    if isinstance(optimiser, OptimiserReading):
        return replace(optimiser, **given)
    if not hasattr(optimiser, "learning_rate"):
        raise TypeError(
            f"optimiser={optimiser!r} has no learning_rate: give a method of "
            "langevin_lab.momentum or OptimiserReading(learning_rate=..., momentum=...)"
        )
    if not getattr(optimiser, "is_noiseless", True):
        raise ValueError(
            f"{optimiser!r} draws its own data and descends no potential, so it is no heavy ball "
            "with gradient noise; give the HeavyBall of the same numbers"
        )
    if not getattr(optimiser, "is_linear", True):
        raise ValueError(
            f"{optimiser!r} sets its step by the gradients it meets, so it is no heavy ball; give "
            "a method whose step is linear in them, such as HeavyBall"
        )
    decay = getattr(optimiser, "weight_decay", 0.0)
    if decay != 0:
        raise ValueError(
            f"weight_decay={decay} is a force: add weight_decay |x|^2/2 to the potential and read "
            "the optimiser without it"
        )
    momentum = getattr(optimiser, "momentum", 0.0)
    ahead = momentum if getattr(optimiser, "nesterov", False) else 0.0
    return OptimiserReading(
        learning_rate=optimiser.learning_rate,
        momentum=momentum,
        look_ahead=getattr(optimiser, "look_ahead", ahead),
        dampening=getattr(optimiser, "dampening", 0.0),
        **given,
    )


def read_dynamics(langevin: Any, dt: float | None, convention: str | None) -> LangevinReading:
    """A reading as it is, or that of a dynamics with dt and convention."""
    if isinstance(langevin, LangevinReading):
        if dt is not None or convention is not None:
            raise ValueError(
                f"dt={dt}, convention={convention!r}: a LangevinReading has its own; give neither"
            )
        return langevin
    equation = getattr(langevin, "equation", None)
    if equation not in ("langevin", "overdamped"):
        raise TypeError(
            f"langevin={langevin!r} must be a LangevinReading, Langevin, Overdamped or GradientFlow"
        )
    if dt is None or convention is None:
        raise ValueError(
            f"dt={dt}, convention={convention!r}: a dynamics needs both to be an optimiser"
        )
    if convention_named(convention).equation != equation:
        fitting = [
            repr(name) for name, record in CONVENTIONS.items() if record.equation == equation
        ]
        raise ValueError(
            f"convention={convention!r} is for {convention_named(convention).equation} dynamics; "
            f"{type(langevin).__name__} takes {', '.join(fitting)}"
        )
    return LangevinReading(
        convention=convention,
        dt=dt,
        friction=langevin.friction,
        mass=getattr(langevin, "mass", None),
        temperature=langevin.temperature,
    )


def one_number(name: str, value: Any) -> float:
    """``value`` as a float; TypeError for schedules and arrays."""
    if callable(value) or (hasattr(value, "__len__") and not isinstance(value, str)):
        raise TypeError(
            f"{name}={value!r} must be one number: take a schedule at one time, optimiser.at(step) "
            "or dynamics.at(time), and several coordinates one by one"
        )
    check_number(name, value)
    return float(value)

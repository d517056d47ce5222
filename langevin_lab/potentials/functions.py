"""A user's own compiled functions: checked at a probe point, then wrapped as `Code`."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from langevin_lab.potentials.code import Code, digest_of
from langevin_lab.potentials.evaluation import difference

# A correct gradient agrees with finite differences to about 1e-9; a wrong one rarely to 1e-5.
_AGREEMENT = 1e-5


def checked_code(
    energy: Callable[..., Any],
    gradient: Callable[..., Any],
    hessian: Callable[..., Any] | None,
    dim: int,
    parameters: np.ndarray,
    probe: Sequence[float] | None,
) -> Code:
    """Return the code of compiled functions that agree with one another at `probe`.

    Raises
    ------
    TypeError
        If a function is not compiled by numba.
    ValueError
        If dim < 1, a function fails, writes or returns something unusable, or contradicts the
        finite differences of the one below it.
    """
    if not isinstance(dim, int | np.integer) or dim < 1:
        raise ValueError(f"dim={dim!r} must be an integer of at least 1")
    given = {"energy": energy, "gradient": gradient, "hessian": hessian}
    functions = {name: function for name, function in given.items() if function is not None}
    for name, function in functions.items():
        _check_compiled(name, function)
    x = _default_probe(dim) if probe is None else np.asarray(probe, dtype=np.float64)
    if x.shape != (dim,):
        raise ValueError(f"probe of shape {x.shape} must be ({dim},)")
    _check_energy(energy, x, parameters)
    slope = _filled("gradient", gradient, x, parameters, (dim,))
    _compare("gradient", "energy", slope, difference(_each(energy, parameters), x), x)
    if hessian is not None:
        curvature = _filled("hessian", hessian, x, parameters, (dim, dim))
        rows = difference(_each_gradient(gradient, parameters), x)
        _compare("hessian", "gradient", curvature, rows, x)
    digest = digest_of("user", *(_fingerprint(function) for function in functions.values()))
    return Code("array", digest, energy=energy, gradient=gradient, hessian=hessian, cacheable=False)


def _default_probe(dim: int) -> np.ndarray:
    """A point between 0.3 and 0.7 whose coordinates differ irregularly, by golden sections.

    At equal differences the forces of neighbours in a chain cancel, and a wrong sign hides.
    """
    x = np.linspace(0.3, 0.7, dim)
    x[1:-1] = 0.3 + 0.4 * np.modf(0.5 * (np.sqrt(5.0) - 1.0) * np.arange(1, dim - 1))[0]
    return x


def _check_compiled(name: str, function: Any) -> None:
    from numba.core.dispatcher import Dispatcher

    if isinstance(function, Dispatcher):
        return
    kind = "a plain Python function" if callable(function) else type(function).__name__
    raise TypeError(
        f"{name} is {kind}, but kernels call it from compiled code; decorate it with @numba.njit"
    )


def _check_energy(energy: Callable[..., Any], x: np.ndarray, parameters: np.ndarray) -> None:
    value = _called("energy", "energy(x, parameters) -> float", energy, x, parameters)
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
        raise ValueError(f"energy returned {type(value).__name__} at x={_shown(x)}, not a float")
    if not np.isfinite(value):
        raise ValueError(
            f"energy is {value} at x={_shown(x)}; pass probe=... a point where it is finite"
        )


def _filled(
    name: str,
    function: Callable[..., Any],
    x: np.ndarray,
    parameters: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Return what `function` writes into its argument out."""
    out = np.full(shape, np.nan)
    point, values = x.copy(), parameters.copy()
    form = f"{name}(x, parameters, out) -> None"
    returned = _called(name, form, function, point, values, out)
    if returned is not None:
        raise ValueError(f"{name} returned {type(returned).__name__}; it must fill out instead")
    if not (np.array_equal(point, x) and np.array_equal(values, parameters)):
        raise ValueError(f"{name} changed its argument x or parameters; write to out only")
    if not np.all(np.isfinite(out)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        raise ValueError(
            f"{name} left out[{', '.join(map(str, where))}]={out[where]} at x={_shown(x)}; "
            "fill every entry with a finite number"
        )
    return out


def _called(name: str, form: str, function: Callable[..., Any], *arguments: np.ndarray) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if "Failed in" not in line), type(error).__name__)
        raise ValueError(
            f"{name} cannot be called as {form} with float64 arrays: {reason[:160]}"
        ) from error


def _compare(name: str, below: str, given: np.ndarray, expected: np.ndarray, x: np.ndarray) -> None:
    scale = max(1.0, float(np.max(np.abs(expected))))
    wrong = np.abs(given - expected) > _AGREEMENT * scale
    if np.any(wrong):
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name}[{', '.join(map(str, where))}]={given[where]:.9g} at x={_shown(x)}, but finite "
            f"differences of {below} give {expected[where]:.9g}; correct one of them"
        )


def _each(function: Callable[..., Any], parameters: np.ndarray) -> Callable[..., Any]:
    return lambda x: np.asarray(function(x, parameters))


def _each_gradient(function: Callable[..., Any], parameters: np.ndarray) -> Callable[..., Any]:
    def gradient(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        function(x, parameters, out)
        return out

    return gradient


def _shown(x: np.ndarray) -> str:
    shown = ", ".join(f"{value:g}" for value in x[:4])
    return f"({shown}{', ...' if len(x) > 4 else ''})"


def _fingerprint(function: Any, seen: frozenset[int] = frozenset()) -> str:
    """Return a digest of bytecode, constants and everything compiled that a function refers to."""
    plain = getattr(function, "py_func", function)
    if id(plain) in seen:
        return ""
    seen = seen | {id(plain)}
    cells = [cell.cell_contents for cell in plain.__closure__ or ()]
    names = _names(plain.__code__)
    values = [plain.__globals__[name] for name in sorted(names) if name in plain.__globals__]
    return digest_of(_code_text(plain.__code__), *(_value_text(v, seen) for v in cells + values))


def _names(code: types.CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*(_names(c) for c in inner))


def _code_text(code: types.CodeType) -> str:
    constants = [
        _code_text(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts
    ]
    return digest_of(code.co_code.hex(), *constants, *code.co_names, *code.co_varnames)


def _value_text(value: Any, seen: frozenset[int]) -> str:
    if hasattr(value, "py_func"):
        return _fingerprint(value, seen)
    if isinstance(value, np.ndarray):
        return digest_of(str(value.dtype), str(value.shape), value.tobytes().hex())
    if isinstance(value, int | float | complex | str | tuple | frozenset):
        return repr(value)
    return getattr(value, "__name__", type(value).__name__)

"""Vector functions of the coordinates from expressions: a drift, columns of a noise factor.

They have the scalar form of a potential's gradient and its arguments, so that a kernel pastes them
beside it:

    def drift(x0, x1, k): ... return (a0, a1)
    def noise(x0, x1, k): ... return (b0, b1)

Derived texts are kept on disk like those of potentials.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from langevin_lab.potentials import derivation_cache
from langevin_lab.potentials.code import is_scalar_text, run_over_arrays
from langevin_lab.potentials.potential import Potential
from langevin_lab.potentials.scalar_text import TextTooLong
from langevin_lab.potentials.syntax import TOO_LARGE, ExpressionError, read_arithmetic
from langevin_lab.potentials.tree import Node, canonical

Formula = tuple[str, Node]
Columns = Sequence[Sequence[str]]


def field_source(potential: Potential, functions: Mapping[str, Sequence[str]]) -> str:
    """Text of vector functions with the given entries.

    Parameters
    ----------
    potential : Potential
        Its variables and parameters may occur.
    functions : mapping of str to sequence of str
        Name of a function -> one expression for each coordinate.

    Raises
    ------
    ExpressionError
        If an entry is no admissible formula of these names.
    """
    read = {name: _read(potential, entries) for name, entries in functions.items()}
    key = _key("fields", potential, read)

    def derive(derivation) -> derivation_cache.Record:
        parts = [derivation.vector(name, derivation.entries(f)) for name, f in read.items()]
        return {"source": "\n\n".join(parts), "latex": ""}

    return _record(key, potential, next(iter(read.values())), derive)["source"]


def slope_source(
    potential: Potential, columns: Columns, *, diagonal: bool
) -> tuple[str, tuple[int, int] | None]:
    """Text of what the Milstein scheme needs of a noise factor, or the noises that forbid it.

    Parameters
    ----------
    potential : Potential
        Its variables and parameters may occur.
    columns : sequence of sequence of str
        Entries B_ik of the noises k; a diagonal factor as one column of its B_ii.
    diagonal : bool

    Returns
    -------
    tuple of str and (int, int) or None
        Functions ``noise_slope`` with entries B_ii dB_ii/dx_i (diagonal), or ``noise_slope_j_k``
        for j <= k with entries sum_l B_lj dB_ik/dx_l. These do not suffice if two noises do not
        commute, sum_l (B_lj dB_ik/dx_l - B_lk dB_ij/dx_l) != 0 for some i: then the second entry
        holds the first such pair and the text is that of the bracket.
    """
    read = {f"column_{k}": _read(potential, column) for k, column in enumerate(columns)}
    key = _key(f"slopes {diagonal}", potential, read)

    def derive(derivation) -> derivation_cache.Record:
        factor = [derivation.entries(column) for column in read.values()]
        slopes = derivation.diagonal_slopes if diagonal else derivation.column_slopes
        source, pair = slopes(factor[0] if diagonal else factor)
        return {"source": source, "latex": pair}

    record = _record(key, potential, next(iter(read.values())), derive)
    pair = tuple(int(index) for index in record["latex"].split())
    return record["source"], (pair[0], pair[1]) if pair else None


@functools.lru_cache(maxsize=64)
def _compiled(source: str) -> dict[str, Callable]:
    return run_over_arrays(source)


def numpy_functions(
    source: str, parameters: np.ndarray
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """The functions of a text over arrays, each (..., dim) -> (..., dim)."""
    return {
        name: _over_points(function, parameters) for name, function in _compiled(source).items()
    }


def _over_points(function: Callable, parameters: np.ndarray) -> Callable:
    def evaluate(x: np.ndarray) -> np.ndarray:
        out = np.empty(np.shape(x))
        with np.errstate(all="ignore"):
            values = function(*np.moveaxis(np.asarray(x), -1, 0), *parameters)
        for index, value in enumerate(values):
            out[..., index] = value
        return out

    return evaluate


def _read(potential: Potential, entries: Sequence[str]) -> list[Formula]:
    names = (*potential.variables, *potential.parameters)
    return [(text, read_arithmetic(text, names)) for text in entries]


def _key(kind: str, potential: Potential, read: Mapping[str, Sequence[Formula]]) -> str:
    formulas = [(name, [canonical(tree) for _, tree in entries]) for name, entries in read.items()]
    names = (repr(potential.variables), repr(tuple(potential.parameters)))
    return derivation_cache.key_of(kind, *names, repr(formulas))


def _record(
    key: str, potential: Potential, first: Sequence[Formula], derive: Callable
) -> derivation_cache.Record:
    record = derivation_cache.load(key)
    if record is None:
        from langevin_lab.potentials.field_derivation import FieldDerivation

        text, tree = first[0]
        names = (potential.variables, tuple(potential.parameters), potential.code.arguments)
        try:
            record = derive(FieldDerivation(text, tree, *names))
        except OverflowError:
            raise ExpressionError(text, *TOO_LARGE) from None
        except (TextTooLong, RecursionError):
            record = {"source": "", "latex": ""}
        if not is_scalar_text(record["source"]):
            raise ExpressionError(text, "its derivatives are too long to be compiled", "split it")
        derivation_cache.store(key, record)
    return record

"""Names of a formula, and its derived code: from memory, from disk, or from sympy once."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from langevin_lab.potentials import derivation_cache
from langevin_lab.potentials.code import NUMPY_FUNCTIONS, Code, digest_of, is_scalar_text
from langevin_lab.potentials.penalised_formula import read_formula
from langevin_lab.potentials.scalar_text import TextTooLong
from langevin_lab.potentials.syntax import (
    FUNCTIONS,
    TOO_LARGE,
    ExpressionError,
    read_arithmetic,
)
from langevin_lab.potentials.tree import CONSTANTS, Node, canonical, names_in

# Names that generated code uses itself: x0, t3, the elementary functions.
_TAKEN = re.compile(r"[a-z]\d+")
_FUNCTION_NAMES = frozenset({"energy", "gradient", "hessian", "derivatives", *NUMPY_FUNCTIONS})


def coordinate_names(dim: int) -> tuple[str, ...]:
    """Return x; x, y; x, y, z; or x0, x1, ... beyond three dimensions."""
    return tuple("xyz"[:dim]) if dim <= 3 else tuple(f"x{i}" for i in range(dim))


def derived(
    text: str,
    variables: Sequence[str] | str,
    parameters: Sequence[str],
    *,
    unused: bool = False,
    hessian: bool = True,
) -> tuple[tuple[str, ...], Code, str]:
    """Return (coordinate names, code, LaTeX) of a formula; parameters may be `unused` by it.

    Without `hessian` the code has energy and gradient alone, and the formula no gradient penalty:
    one example of a mean.

    Raises
    ------
    ExpressionError, ValueError
        As `Potential.from_expression`.
    """
    names = _checked_names(variables, parameters)
    tree = (read_formula if hessian else read_arithmetic)(text, (*names, *parameters))
    missing = [name for name in parameters if name not in names_in(tree)]
    if missing and not unused:
        raise ValueError(
            f"parameter {missing[0]!r} does not occur in {text!r}; remove it or correct the formula"
        )
    arguments = _arguments(names, parameters)
    part = "energy, gradient, hessian" if hessian else "energy, gradient"
    record = _record(text, tree, names, parameters, arguments, part)
    source = record["source"]
    code = Code("scalar", digest_of("scalar", source), source=source, arguments=arguments)
    return names, code, record["latex"]


def derivative_source(
    text: str, variables: Sequence[str], parameters: Sequence[str], order: int
) -> str:
    """Return the text of ``derivatives``: all of one order over sorted indices."""
    return _part(text, variables, parameters, f"order {order}")


def product_source(
    text: str, variables: Sequence[str], parameters: Sequence[str], n_vectors: int = 1
) -> str:
    """Return the text of ``product``: the gradient of the derivative along 1 or 2 vectors.

    Along one vector that is the Hessian times the vector. Its arguments are coordinates,
    parameters and the entries of the vectors.
    """
    return _part(text, variables, parameters, f"along {n_vectors}")


def _part(text: str, variables: Sequence[str], parameters: Sequence[str], part: str) -> str:
    tree = read_formula(text, (*variables, *parameters))
    arguments = _arguments(variables, parameters)
    return _record(text, tree, variables, parameters, arguments, part)["source"]


def _record(
    text: str,
    tree: Node,
    variables: Sequence[str],
    parameters: Sequence[str],
    arguments: Sequence[str],
    part: str,
) -> derivation_cache.Record:
    key = derivation_cache.key_of(
        canonical(tree), repr(tuple(variables)), repr(tuple(parameters)), part
    )
    record = derivation_cache.load(key)
    if record is None:
        from langevin_lab.potentials.derivation import Derivation

        try:
            derivation = Derivation(text, tree, variables, parameters, arguments)
            record = {"source": derivation.part(part), "latex": derivation.latex()}
        except OverflowError:
            raise ExpressionError(text, *TOO_LARGE) from None
        except (TextTooLong, RecursionError):
            record = {"source": "", "latex": ""}
        if not is_scalar_text(record["source"]):
            remedy = "split it or use Potential.from_functions"
            raise ExpressionError(text, "its derivatives are too long to be compiled", remedy)
        derivation_cache.store(key, record)
    return record


def _arguments(variables: Sequence[str], parameters: Sequence[str]) -> tuple[str, ...]:
    """Return argument names: x0, x1, ... and the parameters, renamed where they would collide."""
    arguments = [f"x{i}" for i in range(len(variables))]
    for i, name in enumerate(parameters):
        free = name if name.isascii() else f"parameter_{i}"
        while _TAKEN.fullmatch(free) or free in _FUNCTION_NAMES or free in arguments:
            free += "_"
        arguments.append(free)
    return tuple(arguments)


def _checked_names(variables: Sequence[str] | str, parameters: Sequence[str]) -> tuple[str, ...]:
    given = variables.replace(",", " ").split() if isinstance(variables, str) else variables
    if isinstance(given, (set, frozenset)):
        raise TypeError(f"variables={given!r} has no order; give a tuple such as ('x', 'y')")
    names = tuple(given)
    if not names:
        raise ValueError("variables is empty; name at least one coordinate, such as ('x',)")
    for kind, group in (("variable", names), ("parameter", tuple(parameters))):
        for name in group:
            _check_name(kind, name)
            if group.count(name) > 1:
                raise ValueError(f"{kind} {name!r} is given twice; use different names")
    for name in parameters:
        if name in names:
            raise ValueError(f"{name!r} is both a variable and a parameter; rename one of them")
    return names


def _check_name(kind: str, name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{kind} name {name!r} is not a name; use letters, digits and _")
    if name.startswith("_"):
        raise ValueError(f"{kind} name {name!r} begins with _; use a letter first")
    reserved = {
        "p": "the momentum",
        "t": "the time",
        **dict.fromkeys((*FUNCTIONS, *NUMPY_FUNCTIONS), "a function"),
        **dict.fromkeys(CONSTANTS, "a constant"),
    }
    meaning = "a momentum" if name.startswith("p_") else reserved.get(name)
    if meaning is not None:
        raise ValueError(f"{kind} name {name!r} is reserved for {meaning}; choose another")

"""Evaluation of a potential over arrays of points: one class per form of its code.

Both take x of shape (..., dim) and the parameter values, and return energies (...), gradients
(..., dim), Hessians (..., dim, dim) and their products with vectors v of the shape of x. Overflow
far out gives inf or nan without a warning, as in compiled code.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from langevin_lab.potentials.code import Code, Function, run_over_arrays
from langevin_lab.potentials.formula import derivative_source, product_source

if TYPE_CHECKING:
    from langevin_lab.potentials.potential import Potential

# Below this many points a Python loop is done before a loop of its own would be compiled.
_COMPILE_FROM = 2000

# Step of the finite differences that stand in for missing analytic derivatives: the error of the
# fourth-order formula, step^4 + eps/step, is smallest here.
_FIRST_STEP = 1e-3


# The text of a formula, its variables and all other names.
Formula = tuple[str, tuple[str, ...], tuple[str, ...]]


def evaluator_of(potential: Potential) -> Evaluator:
    """Return what evaluates a potential; it depends on the code and the data alone."""
    if potential.data is not None:
        from langevin_lab.potentials.risk_evaluation import risk_evaluator

        return risk_evaluator(potential)
    if potential.code.form == "array":
        return ArrayEvaluator(potential.code, potential.dim)
    formula = (potential.text, potential.variables, tuple(potential.parameters))
    return ScalarEvaluator(potential.code.source, potential.dim, formula)


@functools.lru_cache(maxsize=128)
def _functions(source: str) -> Mapping[str, Function]:
    return run_over_arrays(source)


class ScalarEvaluator:
    """Runs the text of scalar functions over numpy arrays."""

    def __init__(self, source: str, dim: int, formula: Formula):
        self.dim = dim
        self.functions = _functions(source)
        self.formula = formula

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        out = np.empty(x.shape[:-1])
        with np.errstate(all="ignore"):
            out[...] = self.functions["energy"](*self._arguments(x, parameters))
        return out[()]

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape)
        with np.errstate(all="ignore"):
            values = self.functions["gradient"](*self._arguments(x, parameters))
        for i, value in enumerate(values):
            out[..., i] = value
        return out

    def hessian(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self._symmetric(self.functions["hessian"], x, parameters, 2)

    def derivatives(self, x: np.ndarray, parameters: np.ndarray, order: int) -> np.ndarray:
        """Return the tensor of all derivatives of one order."""
        function = _functions(derivative_source(*self.formula, order))["derivatives"]
        return self._symmetric(function, x, parameters, order)

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self.product(x, (v,), parameters)

    def product(self, x: np.ndarray, vectors: tuple[np.ndarray, ...], parameters: Any) -> Any:
        """Return the gradient of the derivative along one or two vectors, all (..., dim)."""
        function = _functions(product_source(*self.formula, len(vectors)))["product"]
        entries = (v[..., i] for v in vectors for i in range(self.dim))
        out = np.empty(x.shape)
        with np.errstate(all="ignore"):
            values = function(*self._arguments(x, parameters), *entries)
        for i, value in enumerate(values):
            out[..., i] = value
        return out

    def _symmetric(
        self, function: Function, x: np.ndarray, parameters: np.ndarray, order: int
    ) -> np.ndarray:
        """Return a symmetric tensor whose sorted entries `function` gives."""
        out = np.empty(x.shape[:-1] + (self.dim,) * order)
        with np.errstate(all="ignore"):
            values = function(*self._arguments(x, parameters))
        indices = itertools.combinations_with_replacement(range(self.dim), order)
        for index, value in zip(indices, values):
            for permuted in set(itertools.permutations(index)):
                out[(..., *permuted)] = value  # type: ignore[index]
        return out

    def _arguments(self, x: np.ndarray, parameters: np.ndarray) -> Iterator[Any]:
        return itertools.chain((x[..., i] for i in range(self.dim)), parameters)


class ArrayEvaluator:
    """Calls jitted functions of one point for every point."""

    def __init__(self, code: Code, dim: int):
        self.dim = dim
        self.code = code
        self._loops: dict[str, Function] = {}

    def energy(self, x: np.ndarray, parameters: np.ndarray) -> Any:
        points = np.ascontiguousarray(x).reshape(-1, self.dim)
        out = np.empty(len(points))
        if self._is_compiled(points):
            self._loop("energy")(points, parameters, out)
        else:
            for i, point in enumerate(points):
                out[i] = self.code.energy(point, parameters)  # type: ignore[misc]
        return out.reshape(x.shape[:-1])[()]

    def gradient(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self._filled("gradient", x, parameters, (self.dim,))

    def hessian(self, x: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if self.code.hessian is not None:
            return self._filled("hessian", x, parameters, (self.dim, self.dim))
        out = difference(lambda point: self.gradient(point, parameters), x)
        return 0.5 * (out + np.swapaxes(out, -1, -2))

    def hessian_product(self, x: np.ndarray, v: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if self.code.hessian is not None:
            return np.einsum("...ij,...j->...i", self.hessian(x, parameters), v)
        return along(lambda point: self.gradient(point, parameters), x, v)

    def derivatives(self, x: np.ndarray, parameters: np.ndarray, order: int) -> np.ndarray:
        """Return the tensor of one order: finite differences, one in another."""
        if order == 2:
            return self.hessian(x, parameters)
        return difference(lambda point: self.derivatives(point, parameters, order - 1), x)

    def _filled(
        self, name: str, x: np.ndarray, parameters: np.ndarray, shape: tuple[int, ...]
    ) -> np.ndarray:
        points = np.ascontiguousarray(x).reshape(-1, self.dim)
        out = np.empty((len(points), *shape))
        if self._is_compiled(points):
            self._loop(name)(points, parameters, out)
        else:
            function = getattr(self.code, name)
            for point, row in zip(points, out):
                function(point, parameters, row)
        return out.reshape(x.shape[:-1] + shape)

    def _is_compiled(self, points: np.ndarray) -> bool:
        return bool(self.code.import_line) or len(points) >= _COMPILE_FROM

    def _loop(self, name: str) -> Function:
        if name not in self._loops:
            if self.code.import_line:
                self._loops[name] = getattr(_kept_loops(self.code), name)
            else:
                self._loops[name] = _compiled_loop(getattr(self.code, name), name == "energy")
        return self._loops[name]


Evaluator: TypeAlias = ScalarEvaluator | ArrayEvaluator


# The functions of this package are compiled once on a machine, loop included.
_KEPT_LOOPS = '''"""Loops over points."""

import numpy as np

from langevin_lab.compiled.elementary import compiled, fma
from langevin_lab.compiled.entry import entry
{import_line}

{source}

{loops}
'''

_LOOP = """{name}_at = {name}


@entry
def {name}(points, parameters, out):
    for i in range(points.shape[0]):
        {statement}
"""


def _kept_loops(code: Code) -> ModuleType:
    """Return a module of loops over points, kept in the cache folder."""
    from langevin_lab.compiled.modules import load

    statements = {
        "energy": "out[i] = energy_at(points[i], parameters)",
        "gradient": "gradient_at(points[i], parameters, out[i])",
        "hessian": "hessian_at(points[i], parameters, out[i])",
    }
    if code.hessian is None:
        del statements["hessian"]
    loops = "\n\n".join(_LOOP.format(name=n, statement=s) for n, s in statements.items())
    source = re.sub(r"^def ", "@compiled\ndef ", code.source, flags=re.M)
    text = _KEPT_LOOPS.format(import_line=code.import_line, source=source, loops=loops)
    return load(text, "loops")


def _compiled_loop(function: Any, returns: bool) -> Function:
    """Return a compiled loop over points, for many points at once."""
    from langevin_lab.compiled.parts import whole

    if returns:

        @whole
        def loop(points, parameters, out):
            for i in range(points.shape[0]):
                out[i] = function(points[i], parameters)
    else:

        @whole
        def loop(points, parameters, out):
            for i in range(points.shape[0]):
                function(points[i], parameters, out[i])

    return loop


def difference(function: Function, x: np.ndarray) -> np.ndarray:
    """Return the derivatives of `function` along each coordinate, as a new last axis.

    Central differences of fourth order; relative error about 1e-11 where x and the scale of the
    function are of order one.
    """
    columns = []
    for i in range(x.shape[-1]):
        step = np.zeros_like(x)
        step[..., i] = _FIRST_STEP * np.maximum(1.0, np.abs(x[..., i]))
        near = function(x + step) - function(x - step)
        far = function(x + 2 * step) - function(x - 2 * step)
        rank = near.ndim - (x.ndim - 1)
        width = step[..., i].reshape(x.shape[:-1] + (1,) * rank)
        columns.append((8 * near - far) / (12 * width))
    return np.stack(columns, axis=-1)


def along(function: Function, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the derivative of `function`, (..., dim) -> (..., dim), along v: a product J v.

    A central difference of fourth order over steps that are short beside 1 and beside x.
    """
    size = np.linalg.norm(v, axis=-1, keepdims=True)
    unit = np.divide(v, size, out=np.zeros(np.broadcast_shapes(x.shape, v.shape)), where=size > 0)
    width = _FIRST_STEP * np.maximum(1.0, np.max(np.abs(x), axis=-1, keepdims=True))
    step = width * unit
    near = function(x + step) - function(x - step)
    far = function(x + 2 * step) - function(x - 2 * step)
    return size * (8 * near - far) / (12 * width)

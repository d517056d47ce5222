"""Text of the loops over examples around the functions of one example.

Coordinates, parameters and rows of the data are scalars inside: x_0, q_0, and so on. Sums over
examples are g_i (gradient) and h_i (Hessian times gradient); d_i belong to one example.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from langevin_lab.potentials.data import Data


def risk_source(example: str, dim: int, n_parameters: int, examples: Data) -> str:
    """Text of energy, gradient and batch_gradient of a mean loss.

    Parameters
    ----------
    example : str
        Energy and gradient of one example: coordinates, parameters, columns of the data.
    dim, n_parameters : int
    examples : Data
    """
    n_columns = len(examples.columns)
    fixed = _fixed(dim, n_parameters)
    head = _head(dim, n_parameters)
    row = [f"parameters[row + {c}]" for c in range(n_columns)]
    drawn = [f"data[row, {c}]" for c in range(n_columns)]
    pick = ["row = indices[i]"]
    if examples.label is not None:
        drawn[examples.columns.index(examples.label)] += " + shift"
        pick.append("shift = label_noise[i] if label_noise.size > 0 else 0.0")
    count, over_all = _over_all(n_parameters, n_columns)
    fill = [f"out[{i}] = g_{i} / n" for i in range(dim)]

    def mean_slope(loop: str, before: list[str], values: list[str]) -> list[str]:
        call = _added("g", dim, "example_gradient", [*fixed, *values])
        return [*_zeros("g", dim), loop, *_indented([*before, *call]), *fill]

    energy = [
        *head, count, "total = 0.0", over_all,
        f"    total += example_energy({', '.join([*fixed, *row])})", "return total / n",
    ]  # fmt: skip
    parts = {
        "energy(x, parameters)": energy,
        "gradient(x, parameters, out)": [*head, count, *mean_slope(over_all, [], row)],
        "batch_gradient(x, parameters, data, indices, label_noise, out)": [
            *head, "n = indices.size", *mean_slope("for i in range(n):", pick, drawn),
        ],
    }  # fmt: skip
    return "\n\n\n".join([_renamed(example), *map(_function, parts, parts.values())])


def penalised_risk_source(
    example: str, product: str, dim: int, n_parameters: int, n_columns: int
) -> str:
    """Text of energy and gradient of a mean loss with a gradient penalty.

    Parameters
    ----------
    example, product : str
        Energy and gradient of one example, and the product of its Hessian with a vector.
    dim : int
    n_parameters : int
        Those that the loss names; the coefficient follows them, then the data.
    n_columns : int
    """
    penalty = f"parameters[{n_parameters}]"
    fixed = _fixed(dim, n_parameters)
    head = _head(dim, n_parameters)
    row = [f"parameters[row + {c}]" for c in range(n_columns)]
    count, over_all = _over_all(n_parameters + 1, n_columns)
    slopes = _added("g", dim, "example_gradient", [*fixed, *row])
    means = [f"g_{i} = g_{i} / n" for i in range(dim)]
    direction = [f"g_{i}" for i in range(dim)]
    energy = [
        *head, count, "total = 0.0", *_zeros("g", dim), over_all,
        f"    total += example_energy({', '.join([*fixed, *row])})", *_indented(slopes),
        *means, "squared = 0.0", *(f"squared += {g} * {g}" for g in direction),
        f"return total / n + {penalty} * squared",
    ]  # fmt: skip
    gradient = [
        *head, count, *_zeros("g", dim), over_all, *_indented(slopes), *means,
        *_zeros("h", dim), over_all,
        *_indented(_added("h", dim, "example_product", [*fixed, *row, *direction])),
        *(f"out[{i}] = g_{i} + 2.0 * {penalty} * (h_{i} / n)" for i in range(dim)),
    ]  # fmt: skip
    return "\n\n\n".join(
        [
            _renamed(example),
            _renamed(product),
            _function("energy(x, parameters)", energy),
            _function("gradient(x, parameters, out)", gradient),
        ]
    )


def _renamed(example: str) -> str:
    return re.sub(r"^def (\w+)", r"def example_\1", example, flags=re.M).strip()


def _fixed(dim: int, n_parameters: int) -> list[str]:
    """Names of what does not change from example to example."""
    return [*(f"x_{i}" for i in range(dim)), *(f"q_{i}" for i in range(n_parameters))]


def _head(dim: int, n_parameters: int) -> list[str]:
    """Lines that bind those names."""
    coordinates = [f"x_{i} = x[{i}]" for i in range(dim)]
    return [*coordinates, *(f"q_{i} = parameters[{i}]" for i in range(n_parameters))]


def _over_all(first: int, n_columns: int) -> tuple[str, str]:
    """Lines that count the examples and loop over them, the data beginning at a place."""
    return (
        f"n = (parameters.size - {first}) // {n_columns}",
        f"for row in range({first}, parameters.size, {n_columns}):",
    )


def _zeros(name: str, dim: int) -> list[str]:
    return [f"{name}_{i} = 0.0" for i in range(dim)]


def _added(name: str, dim: int, function: str, arguments: Sequence[str]) -> list[str]:
    """Lines that add what a function of one example returns to name_0, name_1, ..."""
    entries = [f"d_{i}" for i in range(dim)]
    call = f"{', '.join(entries)}, = {function}({', '.join(arguments)})"
    return [call, *(f"{name}_{i} += {d}" for i, d in enumerate(entries))]


def _function(signature: str, body: Sequence[str]) -> str:
    return f"def {signature}:\n" + "\n".join(_indented(body))


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]

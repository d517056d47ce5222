"""Schemes for Itô diffusions: Euler-Maruyama, Milstein, Platen.

With drift a (-mobility grad U unless it is given), noises b_k, a standard normal n_k for each and
everything at x unless another point is named:

    Euler-Maruyama   x' = x + a dt + sum_k b_k sqrt(dt) n_k
    Milstein         x' = ... + (dt/2) sum_jk (b_j . grad) b_k (n_j n_k - [j = k])
    Platen           x' = ... + (sqrt(dt)/2) sum_jk (b_k(y_j) - b_k) (n_j n_k - [j = k]),
                     y_j = x + a dt + b_j sqrt(dt)

The last two are of strong order 1 where the noises commute, (b_j . grad) b_k = (b_k . grad) b_j,
and are refused elsewhere: there the path depends on the areas between the noises. A diagonal factor
has one noise for each coordinate, of which the terms with j != k vanish.

Source: Kloeden and Platen (1992), sections 10.2, 10.3 and 11.1.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import math
from typing import Any

import numpy as np

from langevin_lab.integrators.methods import Method, spectral_stability_limit
from langevin_lab.integrators.program import Program
from langevin_lab.integrators.properties import Properties

ITO_SCHEMES = ("EulerMaruyama", "Milstein", "Platen")
_CORRECTION = {"Milstein": ("half",), "Platen": ("half_root",)}
_SECTIONS = {"EulerMaruyama": "10.2", "Milstein": "10.3", "Platen": "11.1"}


@functools.lru_cache(maxsize=64)
def ito_scheme(name: str, n_noises: int | None = None, *, own_drift: bool = False) -> Method:
    """The scheme of that name, for a kind of noise.

    Parameters
    ----------
    name : {"EulerMaruyama", "Milstein", "Platen"}
    n_noises : int, optional
        Columns of a full noise factor; by default one noise for each coordinate.
    own_drift : bool, optional
        Whether the drift is given by itself and not by the potential.

    Returns
    -------
    Method
        Its stability limit is that of the drift alone, as for overdamped dynamics; noise that
        grows with x can make moments grow below it. It is nan for a drift given by itself.

    Raises
    ------
    ValueError
        If the name is none of these.

    Source
    ------
    Kloeden and Platen (1992), sections 10.2, 10.3 and 11.1.

    Examples
    --------
    >>> ito_scheme("EulerMaruyama").program.text[-1]
    'x = fma(root * b, n0, fma(-full, g, x))'
    """
    if name not in ITO_SCHEMES:
        close = difflib.get_close_matches(name, ITO_SCHEMES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"method={name!r} is none for an ItoDiffusion: {hint}use {', '.join(ITO_SCHEMES)}"
        )
    drift = "a = drift(x)" if own_drift else "g = gradient(x)"
    moved = "fma(full, a, x)" if own_drift else "fma(-full, g, x)"
    write = _diagonal if n_noises is None else _columns
    lines, functions = write(name, moved, n_noises or 0)
    program = Program(
        text=(drift, *lines),
        state=("x",),
        coefficients=("full", "root", *_CORRECTION.get(name, ())),
        n_normals=int(n_noises is None),
        n_scalar_normals=n_noises or 0,
        functions=(*(("drift",) if own_drift else ()), *functions),
    )  # fmt: skip
    properties = Properties(
        name=name,
        equation="ito",
        strong_order=0.5 if name == "EulerMaruyama" else 1.0,
        weak_order=1.0,
        configurational_order=1.0,
        gradients_per_step=program.gradients_per_step,
        normals_per_step=program.n_normals,
        stability_limit=math.nan
        if own_drift
        else spectral_stability_limit(program, _coefficients, momenta=False),
        source=f"Kloeden and Platen (1992), section {_SECTIONS[name]}",
    )
    return Method(name, program, _coefficients, properties)


def _coefficients(dynamics: Any, dt: float, temperature: Any) -> dict[str, Any]:
    values = {"full": dt / np.asarray(dynamics.friction), "root": np.sqrt(dt)}
    return values | {"half": 0.5 * dt, "half_root": 0.5 * np.sqrt(dt)}


def _diagonal(name: str, moved: str, _: int) -> tuple[list[str], tuple[str, ...]]:
    """Lines and functions for one noise a coordinate."""
    euler = f"fma(root * b, n0, {moved})"
    square = "fma(n0, n0, -1.0)"
    if name == "Milstein":
        lines = ["b = noise(x)", "c = noise_slope(x)", f"x = fma(half * c, {square}, {euler})"]
        return lines, ("noise", "noise_slope")
    if name == "Platen":
        lines = ["b = noise(x)", f"y = fma(root, b, {moved})", "c = noise(y)"]
        return [*lines, f"x = fma(half_root * (c - b), {square}, {euler})"], ("noise",)
    return ["b = noise(x)", f"x = {euler}"], ("noise",)


def _columns(name: str, moved: str, count: int) -> tuple[list[str], tuple[str, ...]]:
    """Lines and functions for a full factor; everything is evaluated before x moves."""
    lines = [f"b{k} = noise_{k}(x)" for k in range(count)]
    functions = [f"noise_{k}" for k in range(count)]
    adds = [f"x = fma(root * s{k}, b{k}, x)" for k in range(count)]
    if name == "Milstein":
        for j, k in itertools.combinations_with_replacement(range(count), 2):
            functions.append(f"noise_slope_{j}_{k}")
            lines.append(f"c{j}_{k} = noise_slope_{j}_{k}(x)")
            # Pairs j != k stand for themselves and their mirror image, which is equal.
            factor = f"fma(s{j}, s{k}, -1.0)" if j == k else f"2.0 * s{j} * s{k}"
            adds.append(f"x = fma(half * c{j}_{k}, {factor}, x)")
    if name == "Platen":
        for j in range(count):
            lines.append(f"y{j} = fma(root, b{j}, {moved})")
            for k in range(count):
                lines.append(f"c{j}_{k} = noise_{k}(y{j})")
                factor = f"fma(s{j}, s{k}, -1.0)" if j == k else f"s{j} * s{k}"
                adds.append(f"x = fma(half_root * (c{j}_{k} - b{k}), {factor}, x)")
    return [*lines, f"x = {moved}", *adds], tuple(functions)

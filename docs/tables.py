"""Tables of the documentation, made from the package's own records when the pages are built."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import bibliography
import numpy as np

import langevin_lab as ll
from langevin_lab.integrators.properties import order_text

# Closed forms on U = k x^2/2 for a = (omega dt)^2 and g = friction dt, in units of temperature:
# method -> (k <x^2>/T, <p^2>/(mass T)); None where there is no momentum. Source: theory of
# Leimkuhler and Matthews (2015), section 7.4; each is compared with the step's own law.
HARMONIC = {
    "BAOAB": ("1", "1 - a/4"),
    "ABOBA": ("1", "1/(1 - a/4)"),
    "OBABO": ("1/(1 - a/4)", "1"),
    "OABAO": ("1 - a/4", "1"),
    "AOBOA": ("cosh(g/2)", "cosh(g/2)/(cosh(g/2) - a/4)"),
    "SemiImplicitEuler": ("2*(2 - g)/(4 - 2*g - a)", "4/(4 - 2*g - a)"),
    "BBK": ("1/(1 - a/4)", None),
    "EulerMaruyama": ("1/(1 - b/2)", None),
    "LeimkuhlerMatthews": ("1", None),
}

# Largest stable learning rate times curvature, in TeX; each is compared with the step's own map.
OPTIMISERS = {
    "GradientDescent": "2",
    "HeavyBall": r"2 (1 + \mu)",
    "Nesterov": r"2 (1 + \mu)/(1 + 2 \mu)",
    "MomentumFamily": r"2 (1 + \mu)/(1 + 2 a)",
    "SGD": r"2 (1 + \mu)/((1 - d) (1 + 2 a))",
    "CoolMomentum": "4",
}
# Optimisers whose step is not linear, so that there is no such limit.
NONLINEAR = ("AdaptiveHeavyBall", "ARAdam", "Adam", "RMSProp", "Adagrad", "Adadelta")


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cited(text: str) -> str:
    """Text with its citations linked to the bibliography."""
    return bibliography.linked(text, "{{ref}}`{text} <{key}>`")


def integrators(equation: str) -> str:
    """All methods for one equation, from their records."""
    rows = []
    for name, kind in ll.integrators.every_name():
        if kind != equation:
            continue
        record = ll.integrators.specimen(name, equation=kind).properties
        orders = (record.weak_order, record.strong_order, record.configurational_order)
        rows.append(
            [
                f"`{name}`",
                *(order_text(order) for order in orders),
                str(record.gradients_per_step),
                str(record.normals_per_step),
                f"{record.stability_limit:.4g}",
                cited(record.source),
            ]
        )
    heads = [
        "method",
        "weak",
        "strong",
        "averages",
        "gradients",
        "normals",
        "stable below",
        "source",
    ]
    return markdown(heads, rows)


def optimisers() -> str:
    """All optimisers, the stability limits of their docstrings' formulas, and their sources."""
    rows = [
        [f"{{py:obj}}`{name} <langevin_lab.momentum.{name}>`", f"${limit}$", cited(source_of(name))]
        for name, limit in OPTIMISERS.items()
    ]
    return markdown(["optimiser", r"stable below $\eta k =$", "source"], rows)


def nonlinear_optimisers() -> str:
    """Optimisers that set their step by the gradients they have met: what carries over, sources."""
    rows = []
    for name in NONLINEAR:
        memories = specimen_of(name).program.memories
        link = f"{{py:obj}}`{name} <langevin_lab.momentum.{name}>`"
        rows.append([link, ", ".join(f"`{m}`" for m in memories), cited(source_of(name))])
    return markdown(["optimiser", "carries besides x and p", "source"], rows)


def specimen_of(name: str) -> ll.momentum.Optimiser:
    """An optimiser with its defaults, and the learning rate 0.1."""
    return getattr(ll.momentum, name)(learning_rate=0.1)


def dictionary() -> str:
    """The dictionary between optimisers and dynamics: formulas, what is exact, ranges, sources."""
    heads, rows = ll.limits.dictionary_table(latex=True)
    cells = [
        [
            f"`{name}`",
            _without_bars(formulas).replace("$; $", "$<br>$"),
            exact,
            _without_bars(small).replace(" <= ", r" $\le$ ").replace("; ", "<br>") or "none",
            cited(source),
        ]
        for name, formulas, exact, small, source in rows
    ]
    return markdown(heads, cells)


def source_of(name: str) -> str:
    """Author and year of an optimiser."""
    return str(getattr(ll.momentum, name).source)


def catalogue(*, longest_formula: int = 140) -> str:
    """All landscapes at their default parameters; long formulas stand in the docstrings."""
    rows = []
    for name, function in ll.potentials.catalogue().items():
        potential = function()
        short = 0 < len(potential.latex) <= longest_formula
        formula = f"${_without_bars(potential.latex)}$" if short else _summary(function)
        link = f"{{py:obj}}`{name} <langevin_lab.potentials.{name}>`"
        source = cited(_section(function, "Source"))
        rows.append([link, f"{formula}<br>{source}", str(potential.dim), _points(potential)])
    heads = ["name", "energy and source", "dim", "known stationary points"]
    return markdown(heads, rows)


def harmonic(*, dt: float = 0.8, friction: float = 0.7) -> str:
    """Closed forms beside the numbers that the step itself gives, for unit mass and curvature."""
    import sympy

    names = {"a": dt**2, "g": friction * dt, "b": dt}
    rows = []
    for method, forms in HARMONIC.items():
        law = harmonic_law(method, dt=dt, friction=friction)
        cells = [f"`{method}`"]
        for form, computed in zip(forms, np.diag(law)):
            if form is None:
                continue
            formula = sympy.sympify(form)
            exact = float(formula.subs(names))
            cells += [f"${sympy.latex(formula, fold_short_frac=True)}$"]
            cells += [f"{computed:.10f}", f"{computed - exact:.0e}" if computed != exact else "0"]
        rows.append(cells + [""] * (7 - len(cells)))
    position, momentum = r"$k\langle x^2\rangle/T$", r"$\langle p^2\rangle/(mT)$"
    heads = ["method", position, "from the step", "differs by"]
    return markdown([*heads, momentum, *heads[2:]], rows)


def harmonic_law(method: str, *, dt: float, friction: float) -> np.ndarray:
    """Stationary covariance on the unit well, padded to momenta; overdamped friction is 1."""
    overdamped = ll.integrators.properties(method).equation == "overdamped"
    return ll.exact.stationary_covariance(
        method, stiffness=1.0, temperature=1.0, dt=dt, friction=1.0 if overdamped else friction
    )


def command_line() -> str:
    """The help texts of the command and of each of its subcommands."""
    import typer
    from typer.testing import CliRunner

    from langevin_lab.lab.command_line import app

    group = typer.main.get_command(app)
    parts = []
    for words in ([], *([name] for name in group.commands)):
        result = CliRunner().invoke(app, [*words, "--help"], prog_name="langevin-lab")
        title = " ".join(["langevin-lab", *words])
        parts.append(f"## `{title}`\n\n```text\n{result.output.strip()}\n```\n")
    return "\n".join(parts)


def _points(potential: ll.Potential) -> str:
    found = [_count(potential.minima, "minimum", "minima")]
    if potential.saddles:
        found.append(_count(potential.saddles, "saddle", "saddles"))
    if potential.barriers:
        found.append(f"lowest barrier {min(b.height for b in potential.barriers):.4g}")
    return ", ".join(found)


def _count(points: Sequence, one: str, many: str) -> str:
    return f"{len(points)} {one if len(points) == 1 else many}"


def _summary(function) -> str:
    """The first paragraph of the docstring, as code where it is a formula."""
    text = " ".join(inspect.getdoc(function).split("\n\n")[0].split()).removeprefix("Return ")
    return f"`{text[:-1]}`" if text.startswith("U = ") else text[0].upper() + text[1:]


def _section(function, title: str) -> str:
    """Text of one section of a numpydoc docstring."""
    pattern = rf"^{title}\n-+\n(.*?)(?=\n\n|\Z)"
    found = re.search(pattern, inspect.getdoc(function), re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _without_bars(latex: str) -> str:
    """A bar would end the cell of the table."""
    return latex.replace(r"\left|", r"\left\lvert").replace(r"\right|", r"\right\rvert")


def _measured_in_single_precision() -> dict:
    """What ``benchmarks/single_precision.py`` stored last."""
    file = Path(__file__).parents[1] / "benchmarks" / "results" / "single_precision.json"
    return json.loads(file.read_text())


def _with_error(figure: Sequence[float]) -> str:
    """A stored pair of value and standard error."""
    return str(ll.evidence.Estimate(*figure))


def single_precision() -> str:
    """Averages in float64 and what float32 adds to them."""
    found = _measured_in_single_precision()
    spring, well = found["far_from_zero"]["0.0"], found["double_well"]
    passage = found["passage"]
    rows = [
        [r"$E\,n^2$ of the normals, by quadrature", "1", f"{found['normals']['second']:.1e}"],
        [r"$\langle p^2 \rangle$ of a spring, dt = 0.1, temperature 1",
         _with_error(spring["p2"]), _with_error(spring["p2_bias"])],
        [r"$\langle x^2 \rangle$ of the double well, dt = 0.05, temperature 0.2",
         _with_error(well["x2"]), _with_error(well["x2_bias"])],
        [r"$\langle p^2 \rangle$ of the same",
         _with_error(well["p2"]), _with_error(well["p2_bias"])],
        ["mean time from -1 to beyond 0.9, temperature 0.6",
         _with_error(passage["time"]), _with_error(passage["bias"])],
    ]  # fmt: skip
    return markdown(["", "float64", "bias of float32"], rows)


def far_from_zero(dt: float = 0.1, friction: float = 1.0) -> str:
    """Biases of float32 for a spring of temperature, mass and stiffness 1 far from zero."""
    head = [
        r"half a drift, $\tfrac{1}{2} dt \sqrt{T/m}$, in ulp(x)",
        r"bias of $\langle x^2 \rangle$",
        r"of $\langle p^2 \rangle$",
        "that formula",
    ]
    rows = []
    for centre, found in _measured_in_single_precision()["far_from_zero"].items():
        unit = float(np.spacing(np.float32(centre)))
        drift = 0.5 * dt / unit
        if drift < 200:
            biases = [_with_error(found[name]) for name in ("x2_bias", "p2_bias")]
            rows.append([f"{drift:.3g}", *biases, f"{unit**2 / (12 * friction * dt):.0e}"])
    return markdown(head, rows)

"""The documentation: complete, made from records, and its examples run."""

import ast
import doctest
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import langevin_lab as ll

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(ll.__path__, "langevin_lab.") if module.name
)
# Their examples compile a kernel.
COMPILING = {
    "langevin_lab.ensemble.forecasting",
    "langevin_lab.ensemble.simulation",
    "langevin_lab.escape.passage",
    "langevin_lab.momentum.adam",
    "langevin_lab.momentum.adaptive_heavy_ball",
    "langevin_lab.momentum.classical",
    "langevin_lab.momentum.sgd",
    "langevin_lab.momentum.squared_gradients",
    "langevin_lab.momentum.streaming",
    "langevin_lab.training.protocol",
}


@pytest.fixture(scope="module", autouse=True)
def page_helpers():
    """Make the modules beside conf.py importable, as they are for the pages."""
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def name_of(page):
    return str(page.relative_to(DOCS).with_suffix(""))


def toctree_entries(page):
    """Pages that the toctrees of a page name, relative to the documentation's root."""
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                yield name_of((page.parent / line).resolve().with_suffix(".md"))


def docstrings():
    """(where, docstring) of every module, class and function of the package."""
    for file in sorted((ROOT / "langevin_lab").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node)
                if text:
                    yield f"{file.relative_to(ROOT)}:{getattr(node, 'name', '')}", text


def test_every_page_is_in_a_toctree():
    entries = [entry for page in PAGES for entry in toctree_entries(page)]
    assert sorted([*entries, "index"]) == [name_of(page) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page(page):
    text = page.read_text()
    assert ("{code-cell}" in text) == text.startswith("---\nfile_format: mystnb"), "never executed"
    assert not re.search(r"(^|[\s`\"(])/(work|home|root|tmp)/", text), "a path of one machine"
    for path in re.findall(
        r"`((?:langevin_lab|experiments|figures|benchmarks|docs)/[\w/.]+)`", text
    ):
        assert (ROOT / path).exists(), path


def test_every_room_has_a_reference_page():
    for room in ("compiled.elementary", *(name for name in ll.__all__ if name in ll._ROOMS)):
        page = DOCS / "reference" / f"{room.split('.')[0]}.md"
        assert f".. automodule:: langevin_lab.{room}\n" in page.read_text()


@pytest.mark.parametrize("room", ll._ROOMS)
def test_public_names_are_listed(room):
    """The reference pages go by dir(); a lazy room has to answer it."""
    module = getattr(ll, room)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_integrator_tables_are_the_records():
    import tables

    from langevin_lab.integrators.properties import order_text

    equations = dict.fromkeys(equation for _, equation in ll.integrators.every_name())
    rows = "".join(tables.integrators(equation) for equation in equations)
    page = (DOCS / "reference" / "integrators.md").read_text()
    assert all(f'tables.integrators("{equation}")' in page for equation in equations)
    for name, equation in ll.integrators.every_name():
        record = ll.integrators.specimen(name, equation=equation).properties
        cells = (record.weak_order, record.strong_order, record.configurational_order)
        assert f"| `{name}` | {' | '.join(order_text(cell) for cell in cells)} |" in rows
    assert "| `Milstein` | 1 | 1 | 1 |" in rows
    assert "| `RK4` | 4 | 4 | - |" in rows
    assert rows.count("\n") == len(ll.integrators.every_name()) + 2 * len(equations)


def test_catalogue_table_holds_every_landscape():
    import tables

    table = tables.catalogue()
    lines = table.splitlines()
    assert len(lines) == 2 + len(ll.potentials.catalogue())
    assert {line.count("|") for line in lines} == {5}, "a bar inside a cell"
    for name in ll.potentials.catalogue():
        assert f"{{py:obj}}`{name} <langevin_lab.potentials.{name}>`" in table
    assert "2 minima, 1 saddle, lowest barrier 1 |" in table


@pytest.mark.parametrize("friction", [0.3, 1.1])
def test_harmonic_closed_forms_are_the_laws_of_the_steps(friction):
    import sympy
    import tables

    dt = 0.9
    values = {"a": dt**2, "g": friction * dt, "b": dt}
    assert set(tables.HARMONIC) <= {name for name, _ in ll.integrators.names()}
    for method, forms in tables.HARMONIC.items():
        law = np.diag(tables.harmonic_law(method, dt=dt, friction=friction))
        for form, computed in zip(forms, law):
            if form is not None:
                assert float(sympy.sympify(form).subs(values)) == pytest.approx(computed, rel=1e-12)


def test_stability_limits_of_optimisers_are_those_of_their_steps():
    import sympy
    import tables

    momentum = ll.momentum
    values = {r"\mu": 0.6, "a": 0.6, "d": 0.3}
    makers = {
        "GradientDescent": {},
        "HeavyBall": {"momentum": 0.6},
        "Nesterov": {"momentum": 0.6},
        "MomentumFamily": {"momentum": 0.6, "look_ahead": 0.6},
        "SGD": {"momentum": 0.6, "dampening": 0.3},
        "CoolMomentum": {"momentum": 0.6},
    }
    classes = {name: getattr(momentum, name) for name in momentum.__all__}
    kinds = {name for name, kind in classes.items() if issubclass(kind, momentum.Optimiser)}
    nonlinear = {name for name in kinds if not classes[name].is_linear}
    assert set(tables.NONLINEAR) == nonlinear
    assert set(tables.OPTIMISERS) == kinds - nonlinear - {"Optimiser", "StreamingPCA"}
    for name, form in tables.OPTIMISERS.items():
        known = values | ({"a": 0.0} if name == "SGD" else {})
        text = form
        for symbol, value in known.items():
            text = text.replace(symbol, f"({value})")
        text = re.sub(r"(?<=[\d)]) ?\(", "*(", text).replace("2 (", "2*(")
        limit = float(sympy.sympify(text))
        for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
            method = getattr(momentum, name)(learning_rate=factor * limit, **makers[name])
            step = ll.exact.linear_map(method, stiffness=1.0)
            assert (step.spectral_radius < 1) == stable, (name, text)
        assert f"${form}$" in tables.optimisers()


def test_dictionary_table_holds_every_entry():
    import tables

    table = tables.dictionary()
    lines = table.splitlines()
    assert len(lines) == 2 + len(ll.limits.CONVENTIONS) + len(ll.limits.RULES)
    assert {line.count("|") for line in lines} == {6}, "a bar inside a cell"
    for name in (*ll.limits.CONVENTIONS, *ll.limits.RULES):
        assert f"| `{name}` |" in table
    assert "$<br>$" in table
    assert "{ref}`Leimkuhler and Matthews (2013) <LM13>`" in table


def test_command_line_reference_has_every_command():
    import tables

    text = tables.command_line()
    for command in ("list", "reproduce", "figures", "report", "check", "bench", "info"):
        assert f"## `langevin-lab {command}`" in text
    assert "--preset" in text
    assert "Traceback" not in text


def test_sources_are_in_the_bibliography():
    import bibliography

    assert len(bibliography.entries()) > 50
    missing = {}
    for where, text in docstrings():
        sections = re.findall(r"^Source\n-+\n(.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
        sections += re.findall(r"\bSource: (.*?)(?=\n\n|\Z)", text, re.DOTALL)
        unknown = [
            name for part in sections for name in bibliography.unknown(" ".join(part.split()))
        ]
        if unknown:
            missing[where] = unknown
    for name, equation in ll.integrators.every_name():
        source = ll.integrators.specimen(name, equation=equation).properties.source
        if bibliography.unknown(source):
            missing[name] = source
    assert not missing


def test_sources_in_pages_are_links():
    """A bare "[KP92]" leads nowhere; the bibliography itself is where links end."""
    bare = re.compile(r"(?<![`\w])\[[A-Z][A-Za-z]*\d\d[a-z]?\](?![(:])")
    assert bare.search("order 1/2 [KP92] of")
    assert not bare.search("[KP92](#KP92) and {ref}`[NV25] <NV25>`")
    pages = [page for page in PAGES if page.name != "references.md"]
    assert {page.name: found for page in pages if (found := bare.findall(page.read_text()))} == {}


def test_every_key_of_the_bibliography_stands_once():
    keys = re.findall(r"^\((\w+)\)=$", (DOCS / "references.md").read_text(), re.MULTILINE)
    assert sorted(keys) == sorted(set(keys))


def test_an_unknown_source_is_noticed():
    import bibliography

    assert bibliography.unknown("Kramers (1940); Nobody and Noone (1941); [XX99]") == [
        "XX99",
        "; Nobody and Noone (1941)".removeprefix("; "),
    ]
    assert bibliography.linked("see Kramers, Physica 7, 284 (1940)", "<{key}|{text}>") == (
        "see <K40|Kramers, Physica 7, 284 (1940)>"
    )


def examples(module):
    """Doctests of a module that have something to run."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(importlib.import_module(module)) if test.examples]


def modules_with_examples():
    """Modules whose text holds a prompt, found without importing them."""
    for module in MODULES:
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if ">>>" in file.read_text():
            slow = [pytest.mark.slow] if module in COMPILING else []
            yield pytest.param(module, marks=slow)


@pytest.mark.parametrize("module", list(modules_with_examples()))
def test_examples_run(module):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    found = examples(module)
    assert found
    for test in found:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_a_wrong_example_fails():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=lambda text: None)
    assert runner.failures == 1

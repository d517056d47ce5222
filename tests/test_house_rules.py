"""Rules that hold for every file of the package: floors, names, lengths, docstrings, lightness."""

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

import langevin_lab

ROOT = Path(langevin_lab.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

FLOORS = {
    "compiled": 0,
    "noise": 0,
    "potentials": 1,
    "dynamics": 2,
    "integrators": 3,
    "momentum": 4,
    "ensemble": 5,
    "exact": 5,
    "limits": 6,
    "escape": 6,
    "evidence": 6,
    "cuda": 6,
    "training": 7,
    "pytorch": 7,
    "lab": 7,
}
SAME_FLOOR = {("escape", "evidence"), ("limits", "evidence"), ("noise", "compiled")}
HEAVY = ("numba", "sympy", "scipy", "xarray", "matplotlib", "pandas", "sklearn", "torch")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))


def tree_of(file):
    return ast.parse(file.read_text())


def room_of(module):
    """``langevin_lab.ensemble.run`` -> ``ensemble``; None for the top and for other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "langevin_lab" and len(parts) > 1 else None


def imported_rooms(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            base = node.module or ""
            modules = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from {room for module in modules if (room := room_of(module)) in FLOORS}


def climbs(importer, imported):
    """Whether one room must not import the other."""
    if importer == imported or (importer, imported) in SAME_FLOOR:
        return False
    return FLOORS[imported] >= FLOORS[importer]


def test_rooms_are_the_folders_of_the_package():
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(FLOORS)


@each_file
def test_imports_point_down_only(file):
    place = file.relative_to(ROOT).parts
    if len(place) == 1:
        return  # the front door opens every room, on use
    for room in imported_rooms(tree_of(file)):
        assert not climbs(place[0], room), f"{file.name} of {place[0]} imports {room}"


def test_a_climbing_import_is_noticed():
    rooms = set(imported_rooms(ast.parse("from langevin_lab.ensemble.run import Run")))
    assert rooms == {"ensemble"}
    assert set(imported_rooms(ast.parse("from langevin_lab import lab, dynamics"))) == {
        "lab",
        "dynamics",
    }
    assert climbs("exact", "ensemble")
    assert climbs("potentials", "integrators")
    assert climbs("evidence", "escape")
    assert not climbs("escape", "evidence")


@each_file
def test_no_global_random_state(file):
    for node in ast.walk(tree_of(file)):
        if not isinstance(node, ast.Attribute):
            continue
        text = ast.unparse(node)
        if text.startswith(("np.random.", "numpy.random.")):
            first = text.split(".")[2].split("(")[0]
            assert first in ("default_rng", "Generator"), f"line {node.lineno}: {text}"
        assert not text.startswith("random."), f"line {node.lineno}: {text}"


@each_file
def test_files_are_short_enough_to_read(file):
    assert len(file.read_text().splitlines()) <= 400


def modules():
    names = []
    for file in FILES:
        parts = ("langevin_lab", *file.relative_to(ROOT).with_suffix("").parts)
        if parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


@pytest.mark.parametrize("name", modules())
def test_every_name_in_all_imports(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", ())
    assert len(set(exported)) == len(exported)
    for attribute in exported:
        assert getattr(module, attribute) is not None, attribute
    if exported and hasattr(module, "__getattr__"):
        with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
            module.no_such_name  # noqa: B018


def undocumented(value, name):
    """Names of a public object, and of a class's own public methods, that lack a docstring."""
    if not inspect.getdoc(value):
        yield name
    if inspect.isclass(value):
        for member, held in vars(value).items():
            function = getattr(held, "__func__", getattr(held, "fget", held))
            described = inspect.isfunction(function) or isinstance(held, cached_property)
            if described and not member.startswith("_") and not inspect.getdoc(held):
                yield f"{name}.{member}"


@pytest.mark.parametrize("name", modules())
def test_every_module_and_exported_name_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__ or name.endswith("._version")
    missing = []
    for attribute in getattr(module, "__all__", ()):
        value = getattr(module, attribute)
        if getattr(value, "__module__", "").startswith("langevin_lab"):
            missing += undocumented(value, attribute)
    assert not missing


@each_file
def test_every_public_function_and_class_has_a_docstring(file):
    """Of the rooms; `*_loops` files hold compiled bodies that one docstring on top describes."""
    if file.stem.endswith("_loops"):
        return
    definitions = [
        node for node in tree_of(file).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    public = [node for node in definitions if not node.name.startswith("_")]
    assert not [node.name for node in public if not ast.get_docstring(node)]


LIGHT = {
    "langevin_lab": HEAVY,
    "langevin_lab.dynamics": HEAVY,
    "langevin_lab.integrators": HEAVY,
    "langevin_lab.potentials": HEAVY,
    "langevin_lab.ensemble": HEAVY,
    "langevin_lab.escape": HEAVY,
    "langevin_lab.noise": HEAVY,
    "langevin_lab.evidence": HEAVY,
}


def test_importing_light_rooms_pulls_in_nothing_heavy():
    script = (
        "import importlib, sys\n"
        f"for name in {list(LIGHT)!r}:\n"
        "    importlib.import_module(name)\n"
        f"    print(name, *[heavy for heavy in {HEAVY!r} if heavy in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == list(LIGHT)


def test_word_beta_names_nothing():
    for file in FILES:
        for node in ast.walk(tree_of(file)):
            named = [getattr(node, field, None) for field in ("id", "arg", "name")]
            assert "beta" not in named, f"{file.name}: {ast.unparse(node)}"

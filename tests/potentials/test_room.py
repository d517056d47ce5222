"""The room: every public name imports, examples hold, importing it is light."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from langevin_lab import potentials


def test_every_public_name_imports():
    for name in potentials.__all__:
        assert getattr(potentials, name) is not None
    assert dir(potentials) == sorted(potentials.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'duoble_well'"):
        potentials.duoble_well  # noqa: B018


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(potentials.__path__)])
def test_examples_in_docstrings_hold(name):
    module = importlib.import_module(f"langevin_lab.potentials.{name}")
    assert doctest.testmod(module).failed == 0


def test_room_imports_nothing_heavy():
    program = (
        "import sys; from langevin_lab import potentials as p; p.catalogue; p.Potential;"
        "p.parse_expression('x', ('x',));"
        "heavy = {'sympy', 'scipy', 'numba', 'xarray', 'matplotlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr

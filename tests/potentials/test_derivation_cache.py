"""The disk cache: a second process needs no sympy, and a broken cache breaks nothing."""

import json
import os
import subprocess
import sys

import pytest

from langevin_lab.potentials import derivation_cache
from langevin_lab.potentials.potential import Potential

PROGRAM = """
import sys
from langevin_lab.potentials.potential import Potential
U = Potential.from_expression("k*(x**2 - 1)**2 + sin(x*y)**2", ("x", "y"), {"k": 2.0})
assert U.with_parameters(k=3.0).energy([0.0, 0.0]) == 3.0
assert U.derivatives([1.0, 0.0], 3)[0, 0, 0] == 48.0
print("sympy" in sys.modules, "numba" in sys.modules, U.code.digest, U.latex)
"""


def run(folder):
    environment = {**os.environ, "LANGEVIN_LAB_CACHE": str(folder)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(maxsplit=2)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache folder and an empty memory."""
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(tmp_path))
    derivation_cache.forget()
    yield tmp_path
    derivation_cache.forget()


def derive():
    derivation_cache.forget()
    return Potential.from_expression("x**4 + 3*x", "x")


def files(folder):
    return sorted(folder.rglob("*.json"))


def test_second_process_imports_neither_sympy_nor_numba(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first[0] == "True"
    assert second[:2] == ["False", "False"]
    assert second[2] == first[2]


def test_one_file_per_formula_and_no_leftovers(fresh):
    derive()
    derive()
    assert len(files(fresh)) == 1
    assert len(list(fresh.rglob("*"))) == 2  # the folder and the file


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[1, 2]",
        lambda text: "{}",
        lambda text: '{"source": 1, "latex": 2, "checksum": 3}',
        lambda text: text.replace("4.0", "5.0"),
        lambda text: "\udcff",
        lambda text: "[" * 100_000,
    ],
    ids=["empty", "truncated", "list", "no-keys", "wrong-types", "edited", "not-utf8", "nested"],
)
def test_damaged_file_is_derived_again(fresh, damage):
    derive()
    (path,) = files(fresh)
    path.write_text(damage(path.read_text()), encoding="utf-8", errors="surrogateescape")
    assert derive().gradient([2.0]).tolist() == [35.0]
    assert derivation_cache._read(path.stem) is not None


def test_foreign_code_in_the_cache_is_never_run(fresh):
    derive()
    (path,) = files(fresh)
    evil = "def energy(x0):\n    return __import__('os')\n"
    record = {"source": evil, "latex": ""}
    document = {**record, "checksum": derivation_cache._checksum(record)}
    path.write_text(json.dumps(document))
    assert derive().energy([1.0]) == 4.0


def test_unwritable_folder_costs_only_time(tmp_path, monkeypatch):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(blocker))
    assert derive().energy([1.0]) == 4.0


def test_failure_while_writing_leaves_no_temporary_file(fresh, monkeypatch):
    def full(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(derivation_cache.os, "replace", full)
    assert derive().energy([1.0]) == 4.0
    assert [path for path in fresh.rglob("*") if path.is_file()] == []


def test_missing_home_folder_costs_only_time(monkeypatch):
    def homeless(name):
        raise RuntimeError("no home folder")

    monkeypatch.delenv("LANGEVIN_LAB_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", homeless)
    derivation_cache.forget()
    assert derive().energy([1.0]) == 4.0


def test_default_folder_is_that_of_the_user(monkeypatch):
    monkeypatch.delenv("LANGEVIN_LAB_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"/somewhere/{name}")
    assert str(derivation_cache.folder()) == "/somewhere/langevin_lab/potentials"


def test_key_depends_on_everything_that_determines_the_text(monkeypatch):
    keys = {derivation_cache.key_of("a", "b"), derivation_cache.key_of("ab", "")}
    monkeypatch.setattr(derivation_cache, "WRITER_VERSION", -1)
    keys.add(derivation_cache.key_of("a", "b"))
    monkeypatch.setattr(derivation_cache, "__version__", "other")
    keys.add(derivation_cache.key_of("a", "b"))
    assert len(keys) == 4


def test_a_tilde_in_the_chosen_folder_is_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", "~/chosen")
    assert derivation_cache.folder() == tmp_path / "chosen" / "potentials"

import ast
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import by_hand
import numba
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.compiled import modules
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.noise import normals

SOURCE = '''"""A module of the tests."""

from langevin_lab.compiled.elementary import compiled
from langevin_lab.compiled.entry import entry


@compiled
def double(x):
    return 2.0 * x


@entry
def quadruple(x):
    return double(double(x))
'''


@pytest.fixture
def fresh_folder(tmp_path, monkeypatch):
    """A cache folder of this test alone."""
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(tmp_path / "cache"))
    modules.cache_folder.cache_clear()
    yield tmp_path / "cache"
    modules.cache_folder.cache_clear()


def forget(module):
    """As a new process would."""
    del sys.modules[module.__name__]


def files_in(folder):
    return [path.name for path in folder.iterdir() if path.is_file()]


def test_module_is_a_readable_file_named_by_its_content(fresh_folder):
    module = modules.load(SOURCE, "quadruple")
    path = Path(module.__file__)
    assert path.parent == fresh_folder / "kernels"
    assert path.name == f"quadruple_{modules.digest(SOURCE)}.py"
    assert path.read_text() == SOURCE
    assert modules.load(SOURCE, "quadruple") is module
    other = modules.load(SOURCE.replace("2.0", "3.0"), "quadruple")
    assert other is not module
    assert other.__file__ != module.__file__


def test_file_that_is_there_is_kept(fresh_folder):
    module = modules.load(SOURCE, "kept")
    before = os.stat(module.__file__)
    forget(module)
    again = modules.load(SOURCE, "kept")
    after = os.stat(again.__file__)
    assert again is not module
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert files_in(fresh_folder / "kernels") == [Path(again.__file__).name]


@pytest.mark.parametrize("left", [0, 60])
def test_file_that_was_cut_off_is_written_again(fresh_folder, left):
    module = modules.load(SOURCE, f"cut_off_{left}")
    forget(module)
    path = Path(module.__file__)
    path.write_text(SOURCE[:left])
    assert modules.load(SOURCE, f"cut_off_{left}").quadruple(1.5) == 6.0
    assert path.read_text() == SOURCE


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_machine_code_that_cannot_be_read_is_compiled_again(fresh_folder, ending, content):
    name = f"half_{ending}_{len(content)}"
    module = modules.load(SOURCE, name)
    module.quadruple(1.5)
    (stored,) = (fresh_folder / "kernels").rglob(f"*.{ending}")
    stored.write_bytes(content)
    for hits in (0, 1):  # the second time it is read
        forget(module)
        module = modules.load(SOURCE, name)
        assert module.quadruple(1.5) == 6.0
        assert sum(module.quadruple.stats.cache_hits.values()) == hits


def test_threads_get_one_module(fresh_folder, monkeypatch):
    """Eight ask at once for a module that takes its time to be written."""
    write = modules._write_once

    def slowly(path, text):
        time.sleep(0.02)
        write(path, text)

    monkeypatch.setattr(modules, "_write_once", slowly)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: modules.load(SOURCE, "threads"), range(8)))
    assert all(module is found[0] for module in found)


def test_folder_without_hard_links_will_do(fresh_folder, monkeypatch):
    def no_links(*paths):
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", no_links)
    module = modules.load(SOURCE, "without_links")
    assert Path(module.__file__).read_text() == SOURCE


def test_another_process_may_be_first(fresh_folder, monkeypatch):
    def first(source, target):
        Path(target).write_text(SOURCE)
        raise FileExistsError(target)

    monkeypatch.setattr(os, "link", first)
    module = modules.load(SOURCE, "second")
    assert files_in(Path(module.__file__).parent) == [Path(module.__file__).name]


def test_hash_covers_text_imports_and_versions(monkeypatch):
    digests = {modules.digest(SOURCE), modules.digest(SOURCE + "\n")}
    monkeypatch.setattr(numba, "__version__", "0.0")
    digests.add(modules.digest(SOURCE))
    imported = "from langevin_lab.potentials.particle_loops import phi4_chain_energy\n"
    digests |= {modules.digest(imported + SOURCE), modules.digest("#" + imported + SOURCE)}
    assert len(digests) == 5
    assert modules._package_digest(frozenset()) != modules._package_digest(
        frozenset({"langevin_lab.potentials.particle_loops"})
    )


def test_hash_follows_imports_of_imports(monkeypatch, tmp_path):
    package = tmp_path / "langevin_lab"
    texts = {
        "compiled/modules": "",
        "compiled/bottom": "x = 1\n",
        "compiled/other": "x = 1\n",
        "noise/middle": "from langevin_lab.compiled import bottom\n",
        "noise/top": "def late():\n    import langevin_lab.noise.middle\n",
    }
    for name, text in texts.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(modules, "__file__", str(package / "compiled" / "modules.py"))

    def digest():
        modules._package_digest.cache_clear()
        return modules.digest("from langevin_lab.noise.top import late\n")

    before = digest()
    (package / "compiled" / "other.py").write_text("x = 2\n")
    assert digest() == before
    (package / "compiled" / "bottom.py").write_text("x = 2\n")
    assert digest() != before
    modules._package_digest.cache_clear()


@pytest.mark.parametrize("name", ["../evil", "a b/c", "x" * 500, "naïve\n"])
def test_file_name_holds_nothing_but_letters_and_digits(fresh_folder, name):
    module = modules.load(SOURCE, name)
    path = Path(module.__file__)
    assert path.parent == fresh_folder / "kernels"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,101}\.py", path.name)


def test_a_name_in_quotes_stays_a_comment(fresh_folder, capsys):
    name = 'a\n"""\nprint("executed")\n"""\u2028\x85{title}\ud800'
    well = ll.Potential.from_expression("(x**2 - 1)**2", "x", name=name)
    kernel = RecordingKernel(
        ll.Overdamped(well, temperature=0.5), ll.integrators.method("EulerMaruyama"), 0.01
    )
    assert kernel.module.__doc__.startswith("A kernel.")
    assert f"# {kernel.title!a}\n" in Path(kernel.module.__file__).read_text()
    assert capsys.readouterr().out == ""


def test_modules_in_memory_are_bounded_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(modules, "_IN_MEMORY", {})
    monkeypatch.setattr(modules, "MODULES_IN_MEMORY", 3)
    texts = [f"from langevin_lab.compiled.entry import entry\nx = {i}\n" for i in range(4)]

    def load(index):
        return modules.load(texts[index], "bounded", {"energy": abs})

    first, second, _ = load(0), load(1), load(2)
    assert load(0) is first
    load(3)
    assert len(modules._IN_MEMORY) == 3
    assert load(0) is first
    assert load(1) is not second


@pytest.mark.parametrize("reason", ["file in the way", "full disk"])
def test_folder_that_cannot_be_written_gives_way_to_a_temporary_one(reason, tmp_path, monkeypatch):
    if reason == "file in the way":
        (tmp_path / "file").write_text("")
        chosen = tmp_path / "file" / "cache"
    else:
        chosen = tmp_path

        def full(dir):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(modules, "tempfile", SimpleNamespace(**vars(tempfile)))
        monkeypatch.setattr(modules.tempfile, "TemporaryFile", full)
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(chosen))
    modules.cache_folder.cache_clear()
    message = f"cache folder {chosen} cannot be written .*; set LANGEVIN_LAB_CACHE to a writable"
    try:
        with pytest.warns(RuntimeWarning, match=message):
            folder = modules.cache_folder()
        assert folder.is_dir()
        assert folder != chosen
        assert modules.cache_folder() == folder  # once a process
        module = modules.load(SOURCE, f"fallback_{len(reason)}")
        assert Path(module.__file__).parent.parent == folder
    finally:
        modules.cache_folder.cache_clear()


def test_default_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("LANGEVIN_LAB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    modules.cache_folder.cache_clear()
    try:
        assert modules.cache_folder().name == "langevin_lab"
    finally:
        modules.cache_folder.cache_clear()


@pytest.mark.parametrize("room", ["elementary", "entry"])
def test_parts_of_a_kernel_have_no_wrappers(fresh_folder, room):
    """What compiled code alone calls is compiled without what Python and C would call."""
    source = SOURCE.replace("elementary import compiled", f"{room} import compiled")
    module = modules.load(source, f"quadruple_{room}")
    assert module.quadruple(1.5) == 6.0
    (text,) = module.double.inspect_llvm().values()
    for wrapper in ("cpython", "cfunc"):
        assert wrapper not in text


@pytest.mark.parametrize("mark", ["compiled", "inlined"])
def test_parts_of_a_kernel_divide_as_ieee_does(fresh_folder, mark):
    source = SOURCE.replace("elementary import compiled", f"entry import {mark}")
    source = source.replace("@compiled", f"@{mark}").replace("2.0 * x", "1.0 / x")
    module = modules.load(source, f"reciprocal_{mark}")
    assert (module.quadruple(0.0), module.quadruple(4.0)) == (0.0, 4.0)  # 1/inf


SCRIPT = """
import numba.core.event as event
import langevin_lab as ll
with event.install_recorder("numba:compile") as compiled:
    equation = ll.Langevin(ll.potentials.double_well(), temperature=0.5, friction=1.0)
    run = ll.simulate(equation, "BAOAB", dt=0.05, n_steps=40, n_replicas=50, seed=1,
                      observe={"x2": "x**2"})
print(len(compiled.buffer), float(run["x2"]))
"""


def first_run_in_a_new_process(folder, **changes):
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "LANGEVIN_LAB_CACHE": str(folder), **changes},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    compilations, value = finished.stdout.split()
    return int(compilations), value


@pytest.mark.slow
def test_second_process_compiles_nothing(tmp_path):
    cold, value = first_run_in_a_new_process(tmp_path)
    warm, again = first_run_in_a_new_process(tmp_path)
    assert cold > 0
    assert warm == 0
    assert again == value
    names = {path.suffix for path in (tmp_path / "kernels").rglob("*BAOAB*")}
    assert names >= {".py", ".nbi", ".nbc"}


@pytest.mark.slow
def test_users_own_functions_are_compiled_in_memory(fresh_folder):
    @numba.njit
    def energy(x, parameters):
        return parameters[0] * (x[0] ** 2 - 1.0) ** 2

    @numba.njit
    def gradient(x, parameters, out):
        out[0] = 4.0 * parameters[0] * x[0] * (x[0] ** 2 - 1.0)

    own = ll.Potential.from_functions(
        energy=energy, gradient=gradient, dim=1, parameters={"barrier": 1.0}, name="own"
    )
    settings = {
        "dt": 0.05, "n_steps": 40, "seed": 1, "n_replicas": 40, "start": -1.0, "save_every": 1,
        "start_momentum": 0.0, "observe": {"mean_energy": "energy + barrier"},
    }  # fmt: skip
    dynamics = ll.Langevin(own, temperature=0.5, friction=1.0)
    run = ll.simulate(dynamics, "BAOAB", **settings)
    state = {"x": np.full((40, 1), -1.0), "p": np.zeros((40, 1))}
    for draw in normals(1, range(40), 0, 40).T:
        state = by_hand.letters(
            "BAOAB", state, draw[None, :, None], dynamics, 0.05, 0.5, own.gradient
        )
    np.testing.assert_allclose(run["x_final"], state["x"], rtol=1e-10)
    expected = own.energy(run["x"].values).mean() + 1.0
    assert float(run["mean_energy"]) == pytest.approx(expected, rel=1e-10)
    steeper = ll.Langevin(own.with_parameters(barrier=2.0), temperature=0.5, friction=1.0)
    other = ll.simulate(steeper, "BAOAB", **settings)
    assert np.abs(run["x_final"] - other["x_final"]).max() > 0.01
    assert len([key for key in modules._IN_MEMORY if "BAOAB" in key[0]]) == 1
    assert not list((fresh_folder / "kernels").glob("*BAOAB*"))


EDITED = """
import numpy as np
from langevin_lab import noise, potentials
print(noise.normals(seed=1, replicas=[0], start=0, count=2)[0].tolist())
x = np.full(9, 0.3)
print(potentials.rastrigin(dim=9).gradient(x)[0])
"""


def numbers_of(copy, cache):
    finished = subprocess.run(
        [sys.executable, "-B", "-c", EDITED],
        env={**os.environ, "PYTHONPATH": str(copy), "LANGEVIN_LAB_CACHE": str(cache)},
        cwd=copy, capture_output=True, text=True, check=True,
    )  # fmt: skip
    normals, gradient = finished.stdout.splitlines()
    return [float(value) for value in normals.strip("[]").split(",")], float(gradient)


@pytest.mark.slow
def test_an_edit_of_what_is_called_is_seen_by_the_next_process(tmp_path):
    package = tmp_path / "langevin_lab"
    shutil.copytree(Path(ll.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    normals_before, gradient_before = numbers_of(tmp_path, tmp_path / "cache")
    file = package / "compiled" / "circular.py"
    text = file.read_text()
    old = "    return select(absolute(x) <= _LARGEST_ANGLE, value, np.nan)\n\n\n@inlined\ndef cos"
    assert old in text
    file.write_text(text.replace(old, old.replace(", value,", ", 2.0 * value,")))
    file = package / "noise" / "box_muller.py"
    old = "def radius("
    text = file.read_text()
    assert old in text
    file.write_text(
        text.replace(old, "def plain_radius(")
        + "\n\n@inlined\ndef radius(x):\n    return 2.0 * plain_radius(x)\n"
    )
    normals_after, gradient_after = numbers_of(tmp_path, tmp_path / "cache")
    assert normals_after == [2.0 * value for value in normals_before]
    # At 0.3 the slope of x^2 - A cos(2 pi x): its sine is doubled.
    assert gradient_after - 0.6 == pytest.approx(2.0 * (gradient_before - 0.6), rel=1e-12)
    assert not list(package.rglob("*.nbi"))


def test_nothing_in_the_package_is_cached_by_its_own_time_stamp():
    root = Path(ll.__file__).parent
    entries = {root / "compiled" / "entry.py", root / "cuda" / "intrinsics.py"}
    for file in root.rglob("*.py"):
        text = file.read_text()
        assert "enable_caching" not in text, file
        assert file in entries or "cache=True" not in text, file
        if "# --- kernel ---" in text:
            continue  # the part of a kernel that is written out, never run here
        functions = [
            node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)
        ]
        decorators = {ast.unparse(mark) for node in functions for mark in node.decorator_list}
        assert "entry" not in decorators, file

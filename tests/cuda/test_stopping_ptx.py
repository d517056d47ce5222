"""Kernels whose replicas stop compile for a card, without one: registers only, products rounded."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import langevin_lab as ll
from langevin_lab.ensemble.kernel import PassageKernel
from langevin_lab.integrators import method_for

ROOT = Path(__file__).parents[2]
NAMES = [
    "passage: advance_to_target", "bridge: advance_to_target", "splitting: split",
    "splitting: record_crossings", "splitting: start_paths", "splitting: rate_paths",
]  # fmt: skip

ARRAYS = ["chain: advance_to_target", "splitting a chain: split"]


def compiled(precision):
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "NUMBA_ENABLE_CUDASIM": "0"}
    program = Path(__file__).with_name("compile_stopping.py")
    done = subprocess.run(
        [sys.executable, str(program), precision], capture_output=True, text=True, env=environment
    )
    if done.returncode == 3:
        pytest.skip("no NVVM compiler: install a CUDA toolkit")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def ptx():
    return compiled("float64")


@pytest.mark.parametrize("name", NAMES)
def test_states_are_in_registers(name, ptx):
    """No array of a thread's own, no call: every function is inlined."""
    assert ".target sm_90" in ptx[name]
    assert ".local" not in ptx[name]
    assert not re.search(r"^\s*call", ptx[name], re.M)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_chain_is_in_one_array_of_its_thread(name, ptx):
    chain = ll.Langevin(ll.potentials.phi4_chain(n_sites=5), temperature=1.0, friction=1.0)
    layout = PassageKernel(chain, method_for("BAOAB", chain), 0.02, target="x0 > 1").layout
    assert re.findall(r"__local_depot\d+\[(\d+)\]", ptx[name]) == [str(8 * layout.n_rows)]
    assert not re.search(r"^\s*call", ptx[name], re.M)


@pytest.mark.slow
def test_float32_kernels_compile_and_compute_in_it():
    """What is left of float64: what a launch reads and writes, and levels of splitting.

    What float32 leaves of BAOAB's factor of the momentum is a difference, once a launch.
    """
    found = compiled("float32")
    assert set(found) == set(NAMES)
    for name, n_rests in {NAMES[0]: 1, NAMES[1]: 0}.items():
        assert ".local" not in found[name]
        assert "fma.rn.f32" in found[name]
        assert not re.search(r"(fma|add|mul|div|sqrt)\.(rn\.)?f64", found[name])
        assert len(re.findall(r"sub\.f64", found[name])) == n_rests


@pytest.mark.parametrize("name", [NAMES[0], NAMES[1], NAMES[3], ARRAYS[0]])
def test_no_product_can_be_contracted(name, ptx):
    """The assembler joins mul.f64 and add.f64 to one rounding, but never mul.rn.f64.

    The others have products that nothing is added to, for rounded levels and drawn parents.
    """
    assert "mul.rn.f64" in ptx[name]
    assert "mul.f64" not in ptx[name]


@pytest.mark.parametrize("name", NAMES + ARRAYS)
def test_registers_are_enough(name, ptx, tmp_path):
    assembler = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
    if assembler is None:
        pytest.skip("no ptxas: install a CUDA toolkit")
    file = tmp_path / "kernel.ptx"
    file.write_text(ptx[name])
    command = [assembler, "-v", "-arch=sm_90", str(file), "-o", str(tmp_path / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True)
    if "Unsupported .version" in done.stderr:
        pytest.skip("this ptxas is older than the compiler")
    assert done.returncode == 0, done.stderr
    used = int(re.search(r"Used (\d+) registers", done.stderr).group(1))
    print(f"{name}: {used} registers")
    assert "0 bytes spill stores, 0 bytes spill loads" in done.stderr
    assert used <= 160

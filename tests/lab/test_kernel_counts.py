"""Kernels for a card are compiled and counted without one, where a CUDA toolkit is."""

import subprocess
import sys

import pytest

from langevin_lab.lab.benchmarks import disassembly, kernel_ptx
from langevin_lab.lab.benchmarks.disassembly import capability_of, find_tool, sass
from langevin_lab.lab.benchmarks.instructions import count_steps
from langevin_lab.lab.errors import LabError

HAS_NVVM = """
from numba.cuda.cudadrv import nvvm
nvvm.NVVM()
"""


@pytest.fixture(scope="module")
def toolkit():
    """Skip without NVVM; asked for in a process of its own, since others may run the simulator."""
    if subprocess.run([sys.executable, "-c", HAS_NVVM], capture_output=True).returncode:
        pytest.skip("no CUDA toolkit (NVVM) found")


def test_two_steps_share_a_call_of_philox_in_the_text():
    from langevin_lab.cuda.kernel_text import kernel_source

    source = kernel_source(kernel_ptx.recording_kernel("double well"))
    assert source.count("carried = step(carried, ") == 2
    source = kernel_source(kernel_ptx.recording_kernel("Mueller-Brown"))
    assert source.count("carried = step(carried, ") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "own", "other"), [("float64", "fp64", "fp32"),
                                                         ("float32", "fp32", "fp64")])  # fmt: skip
def test_a_step_of_the_double_well_is_counted(toolkit, precision, own, other):
    """BAOAB takes two gradients' cubics, five products and sums more, Box-Muller some thirty."""
    found = kernel_ptx.count_kernel("double well", precision, "sm_90")
    assert found.n_steps == 2
    assert 15 < found.per_step[own] < 80
    assert found.per_step.get(other, 0.0) < 0.1 * found.per_step[own]
    assert 60 < found.total < 300
    assert 9 < found.per_step["multiply"] < 40  # ten of Philox, of which one may be outside


@pytest.mark.slow
def test_an_unknown_kernel_says_why():
    expected = "no PTX of double well in float16 for sm_90: ValueError: precision='float16' must"
    with pytest.raises(LabError, match=expected):
        kernel_ptx.count_kernel("double well", "float16", "sm_90")


def test_arguments_have_their_types_by_name():
    pytest.importorskip("numba")
    from numba import boolean, float64, int64, uint64

    def advance(state, n_steps, seed, noisy, bound, first_step):
        pass

    assert kernel_ptx.signature(advance) == (
        float64[:, ::1], int64, uint64, boolean, float64, int64
    )  # fmt: skip


def test_targets_are_read():
    assert capability_of("sm_90") == (9, 0)
    assert capability_of("sm_100") == (10, 0)
    with pytest.raises(LabError, match="--count hopper: write a target such as sm_90"):
        capability_of("hopper")


def test_tools_are_looked_for_where_toolkits_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    tool = tmp_path / "bin" / "unheard-of"
    assert find_tool("unheard-of") is None
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert find_tool("unheard-of") == tool


def fake_tools(tmp_path, monkeypatch, assembler):
    for name, script in (("ptxas", assembler), ("nvdisasm", "echo disassembled $1 $(cat $2)")):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setattr(disassembly, "find_tool", lambda name: tmp_path / name)


def test_ptx_goes_through_both_tools(tmp_path, monkeypatch):
    fake_tools(tmp_path, monkeypatch, '(cat "$4"; echo " for $1") > "$3"')
    assert sass("the text", "sm_90") == "disassembled -c the text for -arch=sm_90\n"


def test_what_the_assembler_says_is_passed_on(tmp_path, monkeypatch):
    fake_tools(tmp_path, monkeypatch, "echo line 7: unknown opcode >&2; exit 1")
    with pytest.raises(LabError, match="ptxas failed: line 7: unknown opcode"):
        sass("the text", "sm_90")


def test_without_a_tool_there_is_no_sass(monkeypatch):
    monkeypatch.setattr(disassembly, "find_tool", lambda name: None)
    assert sass("the text", "sm_90") is None


@pytest.mark.slow
def test_ptx_and_sass_agree_on_steps_and_arithmetic(toolkit):
    if not (find_tool("ptxas") and find_tool("nvdisasm")):
        pytest.skip("no ptxas or nvdisasm found")
    command = [sys.executable, "-m", kernel_ptx.__name__, "double well", "float64", "sm_90"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rough = count_steps(text, normals_per_step=1)
    exact = count_steps(sass(text, "sm_90"), normals_per_step=1)
    assert (rough.language, exact.language) == ("PTX", "SASS")
    assert rough.n_steps == exact.n_steps == 2
    # Division and root are one line of PTX and about a dozen instructions.
    assert rough.per_step["fp64"] < exact.per_step["fp64"] < rough.per_step["fp64"] + 15

"""The C program of the benchmark computes what the package computes, bit for bit."""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from langevin_lab.compiled.elementary import compiled, fma
from langevin_lab.noise import normals

FILE = Path(__file__).parents[2] / "benchmarks" / "c_reference.py"
SPEC = importlib.util.spec_from_file_location("c_reference", FILE)
c_reference = importlib.util.module_from_spec(SPEC)
sys.modules["c_reference"] = c_reference
SPEC.loader.exec_module(c_reference)

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
DT, FRICTION, TEMPERATURE, SEED = 0.05, 1.0, 0.2, 2**40 + 17


@compiled
def baoab(noise, half_dt, c, s, x, sums):
    """Step every replica through its row of normals from x = 1, p = 0, zero stored gradient."""
    for r in range(noise.shape[0]):
        position, p, g, total = 1.0, 0.0, 0.0, 0.0
        for n in range(noise.shape[1]):
            p = fma(-half_dt, g, p)
            position = fma(half_dt, p, position)
            p = fma(c, p, s * noise[r, n])
            position = fma(half_dt, p, position)
            g = 4.0 * position * fma(position, position, -1.0)
            p = fma(-half_dt, g, p)
            total += position * position
        x[r] = position
        sums[r] = total


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("n_replicas", "n_steps"), [(1, 1), (37, 50), (300, 101), (1100, 6)])
def test_c_program_ends_at_the_same_bits(n_replicas, n_steps, threads):
    result = c_reference.run(
        n_replicas=n_replicas,
        n_steps=n_steps,
        dt=DT,
        friction=FRICTION,
        temperature=TEMPERATURE,
        seed=SEED,
        threads=threads,
    )
    x, sums = np.empty(n_replicas), np.empty(n_replicas)
    c = math.exp(-FRICTION * DT)
    noise = normals(SEED, range(n_replicas), 0, n_steps)
    baoab(noise, 0.5 * DT, c, math.sqrt(TEMPERATURE * (1.0 - c * c)), x, sums)
    assert np.array_equal(result.final_x, x)
    assert result.mean_x2 == pytest.approx(sums.sum() / (n_replicas * n_steps), rel=1e-12)
    assert result.seconds > 0.0


@needs_compiler
def test_wrong_arguments_of_the_program_are_reported():
    with pytest.raises(RuntimeError, match="n_replicas, n_steps and threads"):
        c_reference.run(n_replicas=0, n_steps=1, dt=DT, friction=1.0, temperature=0.2, seed=1)


@needs_compiler
def test_source_that_does_not_compile_is_reported(tmp_path):
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return missing; }\n")
    with pytest.raises(RuntimeError, match="missing"):
        c_reference.build(source, tmp_path)


def test_missing_compiler_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no C compiler 'cc'"):
        c_reference.build(folder=tmp_path)

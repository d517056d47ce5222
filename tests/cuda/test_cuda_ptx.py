"""Kernels compile for a card: state in registers, every call inlined, no product contracted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
CASES = ("well", "bare", "space", "thermostat", "acceptance", "factor")
LOOPS = ("chain", "oscillators", "loss", "baths")  # over a local array, which may be addressed
# A histogram scales its values by a product that nothing is added to.
OF_HISTOGRAMS = {"well": 1, "chain": 1}


@pytest.fixture(scope="module")
def kernels():
    script = Path(__file__).with_name("to_ptx.py")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0"}
    finished = subprocess.run(
        [sys.executable, str(script), *CASES, *LOOPS, "well contracted"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    if found is None:
        pytest.skip("no CUDA toolkit to compile with")
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_state_stays_in_registers(kernels, name):
    assert not kernels[name]["local_memory"]
    assert kernels[name]["calls"] == 0
    assert not kernels[name]["spilled"]


@pytest.mark.parametrize("name", LOOPS)
def test_loops_over_arrays_are_inlined(kernels, name):
    assert kernels[name]["calls"] == 0


@pytest.mark.parametrize("name", CASES + LOOPS)
def test_no_product_is_left_for_the_compiler_to_contract(kernels, name):
    assert kernels[name]["plain_products"] <= 2 * OF_HISTOGRAMS.get(name, 0)


def test_it_would_contract_plain_ones(kernels):
    assert kernels["well contracted"]["fused"] > kernels["well"]["fused"]

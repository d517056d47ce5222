"""Coefficients and schedules do not depend on the instructions that NumPy chooses."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from langevin_lab.dynamics import elementwise

VALUES = np.linspace(-5.0, 5.0, 101)


@pytest.mark.parametrize(
    ("function", "scalar"),
    [
        (elementwise.exp, math.exp),
        (elementwise.expm1, math.expm1),
        (lambda v: elementwise.log(np.abs(v) + 0.1), lambda v: math.log(abs(v) + 0.1)),
        (lambda v: elementwise.power(0.3, v), lambda v: 0.3**v),
    ],
)
def test_arrays_hold_what_the_scalar_function_gives(function, scalar):
    assert function(1.7) == scalar(1.7)
    assert function(np.array(1.7)) == scalar(1.7)
    matrix = np.stack([VALUES, -VALUES])
    assert function(matrix).tolist() == [[scalar(v) for v in row] for row in matrix.tolist()]


PROGRAM = """
import json
import warnings
warnings.simplefilter("ignore")
import numpy as np
import langevin_lab as ll
friction = np.linspace(1e-3, 30.0, 301)
potential = ll.potentials.harmonic(stiffness=(1.0,) * 301)
dynamics = ll.Langevin(potential, temperature=0.7, friction=friction, mass=1.3)
schedule = ll.dynamics.Exponential(start=2.0, stop=0.3, duration=7.0)
times = np.linspace(0.0, 7.0, 301)
numbers = [schedule(times), ll.dynamics.Logarithmic(start=2.0, timescale=0.3)(times)]
for form in ("published", "exponential"):
    momentum = ll.dynamics.CoolingMomentum(start=0.99, duration=8.0, form=form)
    numbers.append(ll.dynamics.MomentumFriction(momentum=momentum, dt=0.1, reading="BAOAB")(times))
thinning = ll.Langevin(ll.potentials.harmonic(), temperature=schedule, friction=schedule)
numbers += ll.integrators.method("BAOAB").coefficients(thinning.at(times), 0.137).values()
for word in ("BAOAB", "OBABO", "BBK", "SemiImplicitEuler"):
    numbers += ll.integrators.method(word).coefficients(dynamics, 0.137).values()
print(json.dumps([np.asarray(n, dtype=float).ravel().tolist() for n in numbers]))
print(np.exp(-0.137 * friction).tobytes().hex())
"""


def run(disabled):
    environment = os.environ | ({"NPY_DISABLE_CPU_FEATURES": disabled} if disabled else {})
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def features():
    """The AVX-512 and AVX2 features that NumPy dispatches to here."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    wanted = ("X86_V4", "AVX512F", "AVX512CD", "AVX512_SKX", "AVX512_CLX", "AVX512_CNL",
              "AVX512_ICL", "AVX512_SPR")  # fmt: skip
    return [f for f in wanted if f in __cpu_dispatch__ and __cpu_features__.get(f)]


def test_coefficients_and_schedules_are_the_same_without_avx512():
    disabled = " ".join(features())
    if not disabled:
        pytest.skip("NumPy uses no AVX-512 here")
    (one, own), (other, plain) = run("").stdout.splitlines(), run(disabled).stdout.splitlines()
    assert own != plain, "np.exp did not change, so this test shows nothing"
    assert json.loads(one) == json.loads(other)

"""The functions that kernels on a card call, against those of the CPU, bit for bit."""

import numpy as np
import pytest
from numba import cuda

from langevin_lab.compiled import elementary
from langevin_lab.compiled.modules import load
from langevin_lab.cuda import double
from langevin_lab.noise import normals, uniform

ONE = ("arctan", "cos", "cosh", "exp", "expm1", "expm1_over", "log", "log1p", "sign", "sin", "sinh",
       "sqrt", "tanh", "absolute")  # fmt: skip
TWO = ("maximum", "minimum", "power")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e-320, 709.9, -745.5, 1e300, 2.5]

_TEXT = """import numpy as np
from numba import cuda, uint32, uint64
{header}

{vocabulary}


{noise}


@entry
def functions(x, y, out):
    i = cuda.grid(1)
    if i < x.size:
{calls}


@entry
def stream(seed, first, pair, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i, 0], out[i, 1] = normal_pair(seed, first + i, pair)
        out[i, 2] = uniform(seed, first + i, pair)
"""


@pytest.fixture(scope="module")
def module():
    calls = [f"        out[{k}, i] = {name}(x[i])" for k, name in enumerate(ONE)]
    calls += [f"        out[{len(ONE) + k}, i] = {name}(x[i], y[i])" for k, name in enumerate(TWO)]
    text = _TEXT.format(
        header=double.HEADER, vocabulary=double.vocabulary(), noise=double.noise(),
        calls="\n".join(calls),
    )  # fmt: skip
    return load(text, "cuda_functions")


@pytest.fixture(scope="module")
def arguments():
    rng = np.random.default_rng(2)
    sizes = np.concatenate([rng.normal(size=25), 10.0 ** rng.uniform(-12, 12, 25), SPECIAL])
    return sizes, np.concatenate([rng.normal(size=50), rng.permutation(SPECIAL)])


@pytest.fixture(scope="module")
def on_card(module, arguments):
    x, y = arguments
    out = np.zeros((len(ONE) + len(TWO), x.size))
    there = cuda.to_device(out)
    module.functions[-(-x.size // 16), 16](cuda.to_device(x), cuda.to_device(y), there)
    return dict(zip(ONE + TWO, there.copy_to_host()))


def of_cpu(name, *arguments):
    module = load(
        "import numpy as np\nfrom langevin_lab.compiled.elementary import *\n"
        "from langevin_lab.compiled.entry import entry\n\n\n@entry\ndef fill(x, y, out):\n"
        + "    for i in range(x.size):\n"
        + "".join(f"        out[{k}, i] = {name}(x[i])\n" for k, name in enumerate(ONE))
        + "".join(f"        out[{len(ONE) + k}, i] = {n}(x[i], y[i])\n" for k, n in enumerate(TWO)),
        "functions_of_cpu",
    )
    out = np.zeros((len(ONE) + len(TWO), arguments[0].size))
    module.fill(*arguments, out)
    return out[(ONE + TWO).index(name)]


@pytest.mark.parametrize("name", ONE + TWO)
def test_functions_have_the_bits_of_the_cpu(on_card, arguments, name):
    expected = of_cpu(name, *arguments)
    np.testing.assert_array_equal(on_card[name], expected)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(on_card[name])[zero], np.signbit(expected)[zero])


@pytest.mark.parametrize("name", [*ONE, "power"])
def test_functions_are_those_of_the_c_library(on_card, arguments, name):
    x, y = arguments
    with np.errstate(all="ignore"):
        function = elementary.NUMPY_NAMESPACE[name]
        expected = function(x, y) if name == "power" else function(x)
    usable = np.isfinite(expected) & (np.abs(x) < 1e12)
    np.testing.assert_allclose(on_card[name][usable], expected[usable], rtol=1e-14)


@pytest.mark.parametrize("pair", [0, 7, 2**40 + 3, 2**61])
def test_the_stream_is_that_of_the_cpu(module, pair):
    first, seed = 2**33 + 5, 2**63 + 12345
    out = cuda.to_device(np.zeros((20, 3)))
    module.stream[2, 16](np.uint64(seed), np.uint64(first), np.uint64(pair), out)
    found = out.copy_to_host()
    replicas = range(first, first + 20)
    np.testing.assert_array_equal(found[:, :2], normals(seed, replicas, 2 * pair, 2))
    decisions = [uniform(np.uint64(seed), np.uint64(r), np.uint64(pair)) for r in replicas]
    np.testing.assert_array_equal(found[:, 2], decisions)


def test_a_wrong_constant_would_be_noticed(module):
    out = cuda.to_device(np.zeros((20, 3)))
    module.stream[2, 16](np.uint64(1), np.uint64(0), np.uint64(0), out)
    assert np.abs(out.copy_to_host()[:, :2] - normals(2, range(20), 0, 2)).max() > 0.1

"""The whitelist over generated text, and what a kernel writer reads from `Code`."""

import numpy as np
import pytest

from langevin_lab import potentials
from langevin_lab.potentials.code import Code, digest_of, is_scalar_text, run_over_arrays
from langevin_lab.potentials.loops import loop_code

GOOD = "def energy(x0, k):\n    t0 = x0*x0\n    return fma(k, t0, -1.0)\n"


def test_generated_text_passes():
    assert is_scalar_text(GOOD)
    for constructor in potentials.catalogue().values():
        source = constructor().code.source
        assert not source or is_scalar_text(source)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import os",
        "x = 1.0",
        "def f(x0):\n    import os\n    return x0\n",
        "def f(x0):\n    return open('a')\n",
        "def f(x0):\n    return x0.real\n",
        "def f(x0):\n    return 'a'\n",
        "def f(x0):\n    return 10\n",
        "def f(x0):\n    return __builtins__\n",
        "def f(x0):\n    return sin(x=x0)\n",
        "def f(x0):\n    return sin(lambda: x0)\n",
        "def f(x0=sin(1.0)):\n    return x0\n",
        "@f\ndef f(x0):\n    return x0\n",
        "def f(x0) -> sin:\n    return x0\n",
        "def f(x0: sin(1.0)):\n    return x0\n",
        "def f(x0):\n    while x0:\n        x0 = 1.0\n    return x0\n",
        "def f(x0):\n    return [x0 for x0 in x0]\n",
        "def f(x0):\n    return x0 if x0 else x0\n",
        "class f:\n    pass\n",
        "def f(:\n",
        "(" * 500,
    ],
)
def test_any_other_text_is_refused(text):
    assert not is_scalar_text(text)
    with pytest.raises(ValueError, match="source is not the text of scalar functions"):
        run_over_arrays(text)


def test_text_runs_over_arrays():
    functions = run_over_arrays(GOOD)
    assert list(functions) == ["energy"]
    assert functions["energy"](np.array([1.0, 2.0]), 3.0).tolist() == [2.0, 11.0]


def test_digests_separate_their_parts():
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert len({digest_of(), digest_of(""), digest_of("", "")}) == 3


def test_loops_can_be_imported_by_the_line_that_names_them():
    code = loop_code("particle_loops", "phi4_chain")
    namespace = {}
    exec(code.import_line, namespace)
    for part in ("energy", "gradient", "hessian"):
        assert namespace[part] is getattr(code, part)
    assert code.cacheable
    assert code.digest == loop_code("particle_loops", "phi4_chain").digest
    assert code.digest != loop_code("particle_loops", "lennard_jones_cluster").digest


def test_digest_is_that_of_the_code_and_not_of_the_values():
    a, b = potentials.double_well(), potentials.double_well(barrier=3.0)
    assert a.code.digest == b.code.digest
    assert a.code == Code("scalar", a.code.digest, a.code.source, a.code.arguments)
    assert a.code.arguments == ("x0", "barrier")

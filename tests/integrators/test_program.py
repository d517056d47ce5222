import numpy as np
import pytest

from langevin_lab.integrators import Program


def program(*text, **changes):
    settings = {"state": ("x",), "coefficients": ("a",), "n_normals": 0, **changes}
    return Program(text=text, **settings)


def test_step_runs_its_lines_in_order():
    step = program("g = gradient(x)", "x = fma(-a, g, x)", "x = x + n0", n_normals=1)
    after = step.run({"x": np.ones(2)}, np.full((1, 2), 0.5), {"a": 0.25}, lambda x: 2 * x)
    np.testing.assert_array_equal(after["x"], [1.0, 1.0])
    assert step.gradients_per_step == 1
    assert step.vectors == {"x", "g", "n0"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + a", r"line 'x \+ a' of a step must be 'name = expression'"),
        ("x[0] = a", "must be 'name = expression'"),
        ("x = a * gradient(x)", "must call gradient or energy alone, on one vector"),
        ("x = gradient(a * x)", "must call gradient or energy alone, on one vector"),
        ("x = a * y", r"step line x = a \* y reads \['y'\], known here are \['a', 'x'\]"),
        ("q = x + a", "the step assigns q, which kernels use for the potential's parameters"),
        ("x = x", r"the step never reads \['a'\]"),
    ],
)
def test_bad_lines_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        program(text).lines  # noqa: B018


def test_unused_normals_are_refused():
    with pytest.raises(ValueError, match=r"the step never reads \['n0'\]"):
        program("x = a * x", n_normals=1)


def test_lines_cannot_reach_builtins():
    with pytest.raises(ValueError, match=r"reads \['open'\]"):
        program("x = a * open")

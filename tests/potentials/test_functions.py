"""Potentials of a user's own compiled functions: what is accepted, and every refusal."""

import numba
import numpy as np
import pytest

from langevin_lab.potentials.potential import Potential


@numba.njit
def energy(x, parameters):
    return parameters[0] * (x[0] ** 2 - 1.0) ** 2 + x[1] ** 4 / 4.0 + x[0] * x[1]


@numba.njit
def gradient(x, parameters, out):
    out[0] = 4.0 * parameters[0] * x[0] * (x[0] ** 2 - 1.0) + x[1]
    out[1] = x[1] ** 3 + x[0]


@numba.njit
def hessian(x, parameters, out):
    out[0, 0] = 4.0 * parameters[0] * (3.0 * x[0] ** 2 - 1.0)
    out[0, 1] = out[1, 0] = 1.0
    out[1, 1] = 3.0 * x[1] ** 2


GIVEN = {"energy": energy, "gradient": gradient, "dim": 2, "parameters": {"barrier": 2.0}}


@pytest.fixture(scope="module")
def formula():
    return Potential.from_expression(
        "barrier*(x**2 - 1)**2 + y**4/4 + x*y", "x, y", {"barrier": 2.0}
    )


@pytest.mark.parametrize("with_hessian", [True, False])
def test_functions_agree_with_the_formula(formula, with_hessian):
    U = Potential.from_functions(**GIVEN, hessian=hessian if with_hessian else None)
    x = np.random.default_rng(0).normal(size=(3, 7, 2))
    assert U.energy(x) == pytest.approx(formula.energy(x), rel=1e-13)
    assert U.gradient(x) == pytest.approx(formula.gradient(x), rel=1e-12, abs=1e-13)
    tolerance = 1e-13 if with_hessian else 1e-9
    assert U.hessian(x) == pytest.approx(formula.hessian(x), rel=tolerance, abs=tolerance)
    assert U.derivatives(x, 3) == pytest.approx(formula.derivatives(x, 3), rel=1e-7, abs=1e-7)
    assert U.variables == ("x", "y")


def test_many_points_take_the_compiled_loop_and_give_the_same_bits():
    U = Potential.from_functions(**GIVEN, hessian=hessian)
    x = np.random.default_rng(1).normal(size=(5000, 2))
    few = slice(0, 100)
    assert np.array_equal(U.energy(x)[few], U.energy(x[few]))
    assert np.array_equal(U.gradient(x)[few], U.gradient(x[few]))
    assert np.array_equal(U.hessian(x)[few], U.hessian(x[few]))


def test_points_need_not_be_contiguous():
    U = Potential.from_functions(**GIVEN)
    x = np.random.default_rng(1).normal(size=(2, 5)).T
    assert np.array_equal(U.gradient(x), U.gradient(x.copy()))


def test_parameters_change_without_new_code():
    U = Potential.from_functions(**GIVEN, stationary_points=[(1.0, -1.0)])
    changed = U.with_parameters(barrier=5.0)
    assert changed.code is U.code
    assert changed.energy([0.0, 0.0]) == 5.0
    assert len(U.minima) == len(changed.minima) == 1


def test_code_is_not_kept_for_other_processes_and_its_digest_follows_the_code():
    def other(x, parameters):
        return parameters[0] * (x[0] ** 2 - 1.0) ** 2 + x[1] ** 4 / 4.0 + x[0] * x[1] + 1.0

    one = Potential.from_functions(**GIVEN).code
    two = Potential.from_functions(**GIVEN | {"parameters": {"barrier": 9.0}}).code
    three = Potential.from_functions(**GIVEN | {"energy": numba.njit(other)}).code
    assert not one.cacheable
    assert one.form == "array"
    assert one.digest == two.digest != three.digest


def test_digest_follows_functions_and_constants_that_are_called_through():
    def make(constant):
        weights = np.array([constant, 1.0])

        @numba.njit
        def inner(x):
            return constant * x[0] ** 2 * weights[1]

        @numba.njit
        def outer(x, parameters):
            return inner(x)

        @numba.njit
        def slope(x, parameters, out):
            out[0] = 2.0 * constant * x[0]

        return Potential.from_functions(energy=outer, gradient=slope, dim=1).code.digest

    assert make(1.0) == make(1.0)
    assert make(1.0) != make(2.0)


def plain(x, parameters):
    return 0.0


@numba.njit
def returns_nan(x, parameters):
    return np.nan


@numba.njit
def returns_pair(x, parameters):
    return (1.0, 2.0)


@numba.njit
def takes_one(x):
    return x[0]


@numba.njit
def fails_to_compile(x, parameters):
    return x.no_such_thing


@numba.njit
def fills_half(x, parameters, out):
    out[0] = 4.0 * parameters[0] * x[0] * (x[0] ** 2 - 1.0) + x[1]


@numba.njit
def wrong_sign(x, parameters, out):
    out[0] = 4.0 * parameters[0] * x[0] * (x[0] ** 2 - 1.0) + x[1]
    out[1] = -(x[1] ** 3 + x[0])


@numba.njit
def returns_instead(x, parameters, out):
    return np.zeros(2)


@numba.njit
def changes_x(x, parameters, out):
    out[:] = 0.0
    x[0] = 0.0


@numba.njit
def lopsided(x, parameters, out):
    out[0, 0] = 4.0 * parameters[0] * (3.0 * x[0] ** 2 - 1.0)
    out[0, 1] = 1.0
    out[1, 0] = 2.0
    out[1, 1] = 3.0 * x[1] ** 2


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"energy": plain}, TypeError, "energy is a plain Python function.*@numba.njit"),
        ({"gradient": 3}, TypeError, "gradient is int, but kernels call it"),
        ({"dim": 0}, ValueError, "dim=0 must be an integer of at least 1"),
        ({"dim": 1.5}, ValueError, "dim=1.5 must be an integer"),
        ({"energy": returns_nan}, ValueError, r"energy is nan at x=\(0.3, 0.7\); pass probe"),
        ({"energy": returns_pair}, ValueError, "energy returned tuple .* not a float"),
        ({"energy": takes_one}, ValueError, r"energy cannot be called as energy\(x, parameters\)"),
        ({"energy": fails_to_compile}, ValueError, "energy cannot be called as .*no_such_thing|"),
        ({"gradient": fills_half}, ValueError, r"gradient left out\[1\]=nan at x=\(0.3, 0.7\)"),
        ({"gradient": returns_instead}, ValueError, "gradient returned ndarray; it must fill out"),
        ({"gradient": changes_x}, ValueError, "gradient changed its argument x or parameters"),
        (
            {"gradient": wrong_sign},
            ValueError,
            r"gradient\[1\]=-0.643 at x=\(0.3, 0.7\), .* energy give 0.643",
        ),
        ({"hessian": lopsided}, ValueError, r"hessian\[1, 0\]=2 at .* of gradient give 1;"),
        ({"probe": (1.0,)}, ValueError, r"probe of shape \(1,\) must be \(2,\)"),
        ({"variables": ("x",)}, ValueError, r"variables=\('x',\) must be 2 names"),
        ({"parameters": {"barrier": np.inf}}, ValueError, "barrier=inf must be finite"),
    ],
)
def test_unusable_functions_are_refused_in_one_line(change, kind, message):
    with pytest.raises(kind, match=message) as caught:
        Potential.from_functions(**GIVEN | change)
    assert "\n" not in str(caught.value)


@numba.njit
def chain_energy(x, parameters):
    return 0.5 * ((x[1:] - x[:-1]) ** 2).sum()


@numba.njit
def chain_gradient_wrong_inside(x, parameters, out):
    out[0], out[-1] = x[0] - x[1], x[-1] - x[-2]
    for i in range(1, x.size - 1):
        out[i] = x[i - 1] + x[i + 1] - 2 * x[i]


def test_default_probe_sees_a_wrong_sign_inside_a_chain():
    with pytest.raises(ValueError, match=r"gradient\[1\]=.* finite differences of energy give"):
        Potential.from_functions(energy=chain_energy, gradient=chain_gradient_wrong_inside, dim=200)

import dataclasses
import pickle

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.potentials import ExpressionError

PLANE = ll.Potential.from_expression("k*x**2/2 + y**2", variables=("x", "y"), parameters={"k": 2.0})


def test_noise_is_scalar_diagonal_or_full():
    assert ll.ItoDiffusion(PLANE, noise="x").noise == ("x", "x")
    assert ll.ItoDiffusion(PLANE, noise=0.5).noise == ("0.5", "0.5")
    assert ll.ItoDiffusion(PLANE, noise=["x", 1]).noise == ("x", "1.0")
    full = ll.ItoDiffusion(PLANE, noise=[["x", 1, "y"], [0, "k", "x*y"]])
    assert full.noise == (("x", "1.0", "y"), ("0.0", "k", "x*y"))
    assert (full.n_noises, ll.ItoDiffusion(PLANE, noise="x").n_noises) == (3, None)
    single = ll.ItoDiffusion(ll.potentials.harmonic(), noise=[["x", "1"]])
    assert (single.n_noises, single.function_names) == (2, {"noise_0", "noise_1"})


def test_parameters_become_those_of_the_potential():
    dynamics = ll.ItoDiffusion(PLANE, noise="s*x + k", parameters={"s": 0.5})
    assert dict(dynamics.potential.parameters) == {"k": 2.0, "s": 0.5}
    point = np.array([0.3, -0.2])
    np.testing.assert_array_equal(dynamics.potential.gradient(point), PLANE.gradient(point))
    changed = dataclasses.replace(dynamics, potential=dynamics.potential.with_parameters(s=3.0))
    found = changed.functions(("noise",))["noise"](point)
    np.testing.assert_allclose(found, 3.0 * 0.3 + 2.0, rtol=1e-15)
    assert pickle.loads(pickle.dumps(changed)) == changed
    assert hash(changed) != hash(dynamics)
    assert "noise=('s*x + k', 's*x + k')" in dynamics.describe()


def test_more_parameters_keep_the_gradient_noise():
    noisy = PLANE.with_gradient_noise(standard_deviation=0.3)
    more = ll.ItoDiffusion(noisy, noise="s*x", parameters={"s": 0.5}).potential
    assert more.gradient_noise == noisy.gradient_noise is not None
    assert more.bounds == PLANE.bounds
    factor = PLANE.with_gradient_noise(factor=[["k*x"], ["0"]])
    more = ll.ItoDiffusion(factor, noise="s*x", parameters={"s": 0.5}).potential
    point, normal = np.array([0.3, -0.2]), np.array([1.0])
    drawn = ll.potentials.drawn_gradient(more, point, normals=normal)
    np.testing.assert_allclose(drawn - PLANE.gradient(point), [2.0 * 0.3, 0.0], rtol=1e-14)
    with pytest.raises(ValueError, match="is drawn, but a drift takes no gradient; use the"):
        ll.ItoDiffusion(noisy, noise="x", drift=("-x", "-y"))


def test_drift_stands_alone():
    dynamics = ll.ItoDiffusion.from_drift(["-y", "x", "0"], noise=1.0)
    assert dynamics.potential.variables == ("x", "y", "z")
    x = np.random.default_rng(1).normal(size=(4, 3))
    found = dynamics.functions(("drift",))["drift"](x)
    np.testing.assert_array_equal(found, np.stack([-x[:, 1], x[:, 0], 0 * x[:, 0]], axis=1))
    assert (dynamics.potential.energy(x) == 0).all()
    assert not dynamics.is_noiseless
    assert np.isnan(dynamics.temperature)


def test_mobility_is_one_over_friction():
    assert ll.ItoDiffusion(PLANE, noise=1, mobility=4.0).friction == 0.25
    assert ll.ItoDiffusion(PLANE, noise=1, mobility=(4.0, 2.0)).friction == (0.25, 0.5)


@pytest.mark.parametrize(
    ("noise", "pair"),
    [
        (("x", "y"), None),
        (("x", "x"), (0, 1)),
        (("k", "x"), (0, 1)),
        ((0, "x"), None),
        ((("x*y",), ("sin(x)",)), None),
        ((("x", "-y"), ("y", "x")), None),
        ((("x", 0), (0, "x")), (0, 1)),
        ((("(x + y)**2 - x**2 - 2*x*y - y**2", "x"), (0, "y")), None),
        ((("x", "x", "y"), ("-y", "-y", "0")), (0, 2)),
    ],
)
def test_noises_that_do_not_commute_are_found(noise, pair):
    assert ll.ItoDiffusion(PLANE, noise=noise).noncommuting == pair


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"noise": ("x",)}, ValueError, r"noise=.* has 1 expressions for 2 coordinates"),
        ({"noise": (("x", "y"), ("x",))}, ValueError, "must be one expression, one for each of 2"),
        ({"noise": (("x", "y"), "x")}, ValueError, "or 2 rows of equal length"),
        ({"noise": ((), ())}, ValueError, "or 2 rows of equal length"),
        ({"noise": None}, TypeError, "noise=None must be an expression such as"),
        ({"noise": (True, "x")}, TypeError, "noise=True must be an expression such as"),
        ({"noise": "z"}, ExpressionError, "unknown name 'z'.* known names: x, y, k"),
        ({"noise": "x", "drift": "x"}, ValueError, "drift='x' has 1 expressions for 2"),
        ({"noise": "x", "drift": ("x", "y"), "mobility": 2.0}, ValueError,
         "mobility=2.0 has no meaning with a drift; leave it out"),
        ({"noise": "x", "mobility": 0.0}, ValueError, "mobility=0.0 must be finite and > 0"),
        ({"noise": "x", "parameters": {"k": 1.0}}, ValueError,
         r"k=1.0 is 2 in .*with_parameters\(k=1.0\)"),
        ({"noise": "sqrt(-1 - 0*x)"}, ExpressionError, "complex|not a finite real"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        ll.ItoDiffusion(PLANE, **changes)


def test_potential_from_functions_is_refused():
    chain = ll.potentials.phi4_chain(n_sites=3)
    with pytest.raises(TypeError, match="is given as compiled functions; noise from expressions"):
        ll.ItoDiffusion(chain, noise="0.1")


def test_diffusion_is_no_block_and_has_no_thermal_start():
    dynamics = ll.ItoDiffusion(PLANE, noise=1)
    with pytest.raises(TypeError, match="block 1 is a ItoDiffusion, which stands for all"):
        ll.Partitioned([([0], dynamics)])
    motion = ll.ItoDiffusion.from_drift("x", noise="x")
    with pytest.raises(ValueError, match=r"start=None, but no minimum of no potential is known"):
        ll.simulate(motion, "Milstein", dt=0.1, n_steps=2, seed=1)

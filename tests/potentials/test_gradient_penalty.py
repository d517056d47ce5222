"""U + c |grad U|^2 and Hessian-vector products in every form of a potential."""

import pickle

import numba
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.compiled.elementary import NUMPY_NAMESPACE
from langevin_lab.potentials import ExpressionError, derivation_cache, empirical_risk
from langevin_lab.potentials.evaluation import along, difference
from langevin_lab.potentials.formula import derived

C = 0.03
FORMULA = "barrier*(x**2 - 1)**2 + y**4/4 + sin(x*y)"
rng = np.random.default_rng(5)
DATA = {"a": rng.normal(size=12), "y": rng.normal(size=12)}
POINTS = 0.6 * rng.normal(size=(4, 2))


@numba.njit
def energy(x, parameters):
    return parameters[0] * (x[0] ** 2 - 1.0) ** 2 + x[1] ** 4 / 4.0 + np.sin(x[0] * x[1])


@numba.njit
def gradient(x, parameters, out):
    out[0] = 4.0 * parameters[0] * x[0] * (x[0] ** 2 - 1.0) + x[1] * np.cos(x[0] * x[1])
    out[1] = x[1] ** 3 + x[0] * np.cos(x[0] * x[1])


@numba.njit
def hessian(x, parameters, out):
    sine, cosine = np.sin(x[0] * x[1]), np.cos(x[0] * x[1])
    out[0, 0] = 4.0 * parameters[0] * (3.0 * x[0] ** 2 - 1.0) - x[1] ** 2 * sine
    out[0, 1] = out[1, 0] = cosine - x[0] * x[1] * sine
    out[1, 1] = 3.0 * x[1] ** 2 - x[0] ** 2 * sine


def formula():
    return ll.Potential.from_expression(FORMULA, "x, y", {"barrier": 1.3})


def risk(**options):
    return empirical_risk(
        "(tanh(k*a*w) + b - y)**2/2 + w**4/20", variables=("w", "b"), data=DATA,
        parameters={"k": 1.3}, **options,
    )  # fmt: skip


def loops():
    return ll.potentials.rosenbrock(dim=9, steepness=2.0)


def user(**options):
    functions = {"energy": energy, "gradient": gradient, **options}
    return ll.Potential.from_functions(**functions, dim=2, parameters={"barrier": 1.3})


FORMS = {
    "formula": formula,
    "risk": risk,
    "loops": loops,
    "functions": lambda: user(hessian=hessian),
    "functions without Hessian": user,
}
each_form = pytest.mark.parametrize("form", FORMS)


def points(U):
    return 0.5 * np.random.default_rng(1).normal(size=(2, 3, U.dim))


def close(actual, expected, relative):
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=relative * max(1.0, np.abs(expected).max())
    )


@each_form
@pytest.mark.parametrize("c", [C, -C])
def test_energy_gradient_and_hessian_are_those_of_the_penalised_energy(form, c):
    U = FORMS[form]()
    V, x = U.with_gradient_penalty(c), points(U)
    close(V.energy(x), U.energy(x) + c * np.sum(U.gradient(x) ** 2, axis=-1), 1e-14)
    close(V.gradient(x), difference(V.energy, x), 1e-8)
    close(V.hessian(x), difference(V.gradient, x), 1e-8)
    slope = U.gradient(x)
    expected = slope + 2 * c * np.einsum("...ij,...j->...i", U.hessian(x), slope)
    close(V.gradient(x), expected, 1e-13 if form != "functions without Hessian" else 1e-10)


@each_form
def test_hessian_is_that_of_the_third_derivatives(form):
    U = FORMS[form]()
    V, x = U.with_gradient_penalty(C), points(U)
    H, slope = U.hessian(x), U.gradient(x)
    third = np.einsum("...ijk,...k->...ij", U.derivatives(x, 3), slope)
    exact = form in ("formula", "risk")
    close(V.hessian(x), H + 2 * C * (H @ H + third), 1e-9 if exact else 1e-7)


@each_form
@pytest.mark.parametrize("penalised", [False, True])
def test_hessian_product_is_the_derivative_of_the_gradient_along_a_vector(form, penalised):
    U = FORMS[form]()
    U = U.with_gradient_penalty(C) if penalised else U
    x, v = points(U), np.random.default_rng(2).normal(size=U.dim)
    product = U.hessian_product(x, v)
    assert product.shape == x.shape
    close(product, along(U.gradient, x, np.broadcast_to(v, x.shape)), 1e-8)
    close(product, U.hessian(x) @ v, 1e-8)
    close(U.hessian_product(x, 0 * v), np.zeros(x.shape), 0)
    many = np.broadcast_to(v, (3, U.dim))
    assert U.hessian_product(x[0, 0], many).shape == (3, U.dim)


@pytest.mark.parametrize("name", ll.potentials.catalogue())
def test_every_landscape_keeps_its_stationary_points(name):
    U = ll.potentials.catalogue()[name]()
    V = U.with_gradient_penalty(1e-3)
    assert len(V.stationary_points) == len(U.stationary_points)
    x = np.array([point.position for point in U.stationary_points])
    close(V.energy(x), U.energy(x), 1e-12)
    close(V.gradient(x), np.zeros(x.shape), 1e-7)
    x = x + 0.02 * np.random.default_rng(6).normal(size=x.shape)
    close(V.energy(x), U.energy(x) + 1e-3 * np.sum(U.gradient(x) ** 2, axis=-1), 1e-14)
    close(V.gradient(x), difference(V.energy, x), 1e-7)


def test_forms_of_one_landscape_agree():
    expected = formula().with_gradient_penalty(C)
    for options, tolerance in (({"hessian": hessian}, 1e-13), ({}, 1e-10)):
        V = user(**options).with_gradient_penalty(C)
        close(V.energy(POINTS), expected.energy(POINTS), 1e-14)
        close(V.gradient(POINTS), expected.gradient(POINTS), tolerance)


def test_many_points_take_the_compiled_loop():
    V = user(hessian=hessian).with_gradient_penalty(C)
    x = np.random.default_rng(3).normal(size=(2500, 2))
    np.testing.assert_array_equal(V.gradient(x)[:9], V.gradient(x[:9]))


def test_hessian_of_a_risk_is_the_mean_over_its_examples():
    single = ll.Potential.from_expression(
        "(tanh(k*a*w) + b - y)**2/2 + w**4/20", ("w", "b"), {"k": 1.3, "a": 0.0, "y": 0.0}
    )
    rows = [single.with_parameters(a=a, y=y) for a, y in zip(DATA["a"], DATA["y"])]
    expected = np.mean([row.hessian(POINTS) for row in rows], axis=0)
    close(risk().hessian(POINTS), expected, 1e-14)


def test_no_risk_derives_the_entries_of_its_hessian():
    evaluator = risk()._evaluator
    assert set(evaluator.example.functions) == {"energy", "gradient"}


def network(n_hidden=8):
    """Loss of a 2-8-1 tanh network, and its 33 variables."""
    i = range(n_hidden)
    units = [f"out_{k}*tanh(first_{k}*a + second_{k}*b + bias_{k})" for k in i]
    names = [f"{kind}_{k}" for kind in ("first", "second", "bias", "out") for k in i]
    return f"({' + '.join(units)} + bias_out - y)**2/2", (*names, "bias_out")


def test_a_network_agrees_with_torch():
    torch = pytest.importorskip("torch")
    loss, names = network()
    random = np.random.default_rng(4)
    data = {column: random.normal(size=30) for column in "aby"}
    U = empirical_risk(loss, variables=names, data=data)
    V, x, v = U.with_gradient_penalty(0.2), random.normal(size=33), random.normal(size=33)
    a, b, y = (torch.tensor(data[column])[:, None] for column in "aby")

    def plain(w):
        hidden = torch.tanh(a * w[:8] + b * w[8:16] + w[16:24])
        return torch.mean((hidden @ w[24:32, None] + w[32] - y) ** 2) / 2

    def penalised(w):
        (slope,) = torch.autograd.grad(plain(w), w, create_graph=True)
        return plain(w) + 0.2 * torch.sum(slope**2)

    w = torch.tensor(x, requires_grad=True)
    for potential, function in ((U, plain), (V, penalised)):
        close(potential.energy(x), function(w).item(), 1e-14)
        close(potential.gradient(x), torch.autograd.grad(function(w), w)[0].numpy(), 1e-13)
        product = torch.autograd.functional.vhp(function, w, torch.tensor(v))[1]
        close(potential.hessian_product(x, v), product.numpy(), 1e-12)
    expected = torch.autograd.functional.hessian(plain, w).numpy()
    close(U.hessian(x), expected, 1e-13)


def test_text_of_a_penalised_risk_is_that_of_numpy():
    V, x = risk().with_gradient_penalty(C), POINTS[0]
    text = {"__builtins__": __builtins__, **NUMPY_NAMESPACE}
    exec(V.code.source, text)
    numbers = np.concatenate([V.parameter_values, V.data.values.ravel()])
    slope = np.full(2, np.nan)
    text["gradient"](x, numbers, slope)
    close(text["energy"](x, numbers), V.energy(x), 1e-14)
    close(slope, V.gradient(x), 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["formula", "risk", "loops", "functions without Hessian"])
def test_kernel_takes_the_step_of_numpy(form):
    V = FORMS[form]().with_gradient_penalty(C)
    start, dt = points(V)[0], 0.002
    run = ll.simulate(
        ll.GradientFlow(V), "RK4", dt=dt, n_steps=2, n_replicas=3, seed=1, start=start
    )
    x = start
    for _ in range(2):
        k1 = -V.gradient(x)
        k2 = -V.gradient(x + 0.5 * dt * k1)
        k3 = -V.gradient(x + 0.5 * dt * k2)
        k4 = -V.gradient(x + dt * k3)
        x = x + dt * (k1 + 2 * k2 + 2 * k3 + k4) / 6
    close(run.x_final.values, x, 1e-14)


@each_form
def test_the_coefficient_is_a_parameter_of_the_same_code(form):
    U = FORMS[form]()
    V = U.with_gradient_penalty(C)
    assert list(V.parameters) == [*U.parameters, "gradient_penalty"]
    other = V.with_parameters(gradient_penalty=0.5)
    assert other == U.with_gradient_penalty(0.5) != V
    assert other.code.digest == V.code.digest != U.code.digest
    x = points(U)
    close(other.energy(x) - U.energy(x), 0.5 * np.sum(U.gradient(x) ** 2, axis=-1), 1e-13)
    none = V.with_parameters(gradient_penalty=0.0)
    close(none.gradient(x), U.gradient(x), 1e-14)
    name = next(iter(U.parameters))
    changed = V.with_parameters(**{name: 1.1})
    close(
        changed.gradient(x),
        U.with_parameters(**{name: 1.1}).with_gradient_penalty(C).gradient(x),
        0,
    )


@each_form
def test_copies_are_equal_and_work(form):
    U = FORMS[form]()
    V = U.with_gradient_penalty(C)
    copy = pickle.loads(pickle.dumps(V))
    assert copy == V
    assert hash(copy) == hash(V)
    assert V != U
    assert FORMS[form]().with_gradient_penalty(C) == V
    np.testing.assert_array_equal(copy.gradient(points(V)), V.gradient(points(V)))
    assert copy.stationary_points == () or copy.minima


def test_the_text_of_a_penalised_formula_is_a_formula():
    V = formula().with_gradient_penalty(C)
    again = ll.Potential.from_expression(V.text, V.variables, dict(V.parameters))
    assert again.code == V.code
    close(V.derivatives(POINTS, 3), difference(V.hessian, POINTS), 1e-8)
    # As a diffusion adds parameters of its noise.
    names = (*V.parameters, "other")
    assert derived(V.text, V.variables, names, unused=True)[1].arguments[-1] == "other"


def test_a_penalised_formula_is_derived_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGEVIN_LAB_CACHE", str(tmp_path))
    derivation_cache.forget()
    made = []
    monkeypatch.setattr(derivation_cache, "store", lambda key, record: made.append(key))
    formula().with_gradient_penalty(C)
    assert len(made) == len(set(made)) == 2
    monkeypatch.undo()
    derivation_cache.forget()


def test_kinks_have_slope_zero():
    V = ll.Potential.from_expression("abs(x)").with_gradient_penalty(0.25)
    assert V.energy([[-2.0], [0.0], [2.0]]).tolist() == [2.25, 0.0, 2.25]
    assert V.gradient([[-2.0], [0.0], [2.0]]).tolist() == [[-1.0], [0.0], [1.0]]


def test_latex_bounds_name_and_requirement_are_kept():
    U = ll.potentials.double_well()
    V = U.with_gradient_penalty(C)
    assert V.latex == (
        r"U + \mathrm{gradient}_{penalty}\,\left|\nabla U\right|^2, \quad U = " + U.latex
    )
    assert loops().with_gradient_penalty(C).latex.endswith(f"U = {loops().latex}")
    assert user().with_gradient_penalty(C).latex.endswith("^2")
    assert V.bounds == U.bounds
    assert repr(V) == "penalised double_well(barrier=1, gradient_penalty=0.03)"
    with pytest.raises(ValueError, match="penalised double_well: barrier=-1 must be positive"):
        V.with_parameters(barrier=-1.0)


def test_stationary_points_stay_and_their_curvatures_are_h_plus_2_c_h_squared():
    U = ll.potentials.mueller_brown()
    for c in (1e-4, -1e-4):
        V = U.with_gradient_penalty(c)
        assert len(V.stationary_points) == len(U.stationary_points) == 5
        for old, new in zip(U.stationary_points, V.stationary_points):
            close(new.position, old.position, 1e-12)
            assert new.energy == pytest.approx(old.energy, rel=1e-13)
            h = old.curvatures
            close(new.curvatures, np.sort(h + 2 * c * h**2), 1e-10)
    # -1/(2 c) = -50 is less curved than both saddles: they become minima.
    assert len(U.with_gradient_penalty(0.01).minima) == 5
    moved = ll.potentials.double_well().with_gradient_penalty(C).with_parameters(barrier=2.0)
    assert moved.barriers[0].height == pytest.approx(2.0)


def test_a_flat_minimum_stays_one_where_that_is_certain():
    U = ll.potentials.lennard_jones_cluster(n_atoms=2)
    assert [point.kind for point in U.with_gradient_penalty(1e-3).stationary_points] == ["minimum"]
    points = U.with_gradient_penalty(-1e-3).stationary_points
    assert [point.kind for point in points] == ["degenerate"]


@pytest.mark.parametrize("c", [0.0, 0.2, -0.005, -0.04])
def test_largest_curvature_is_that_of_the_minima(c):
    V = ll.potentials.phi4_chain(n_sites=4, coupling=3.0).with_gradient_penalty(c)
    closed = V.rule.largest_curvature(V.parameters)
    found = [point.curvatures[-1] for point in V.minima]
    assert (closed is None) == (c == -0.04)
    assert V.max_curvature() == pytest.approx(max(found), rel=1e-9)
    assert formula().with_gradient_penalty(C).max_curvature() is None


def test_noise_is_added_to_the_penalised_gradient():
    V = formula().with_gradient_penalty(C)
    noisy = V.with_gradient_noise(factor=[["0.1*x"], ["gradient_penalty"]])
    drawn = ll.potentials.drawn_gradient(noisy, POINTS, normals=np.ones((4, 1)))
    added = np.stack([0.1 * POINTS[:, 0], np.full(4, C)], axis=-1)
    close(drawn, V.gradient(POINTS) + added, 1e-14)


@pytest.mark.parametrize(
    ("potential", "message"),
    [
        (lambda: formula().with_gradient_noise(standard_deviation=1.0), "expression is drawn"),
        (lambda: risk(batch_size=2), r"empirical risk is drawn, Minibatch\(.*full batch"),
    ],
)
def test_a_drawn_gradient_is_refused(potential, message):
    potential = potential()
    with pytest.raises(ValueError, match=f"{message}.*then add noise with with_gradient_noise"):
        potential.with_gradient_penalty(C)


@each_form
def test_a_second_penalty_is_refused(form):
    V = FORMS[form]().with_gradient_penalty(C)
    with pytest.raises(
        ValueError, match=r"has a parameter 'gradient_penalty'.*with_parameters\(gradient_penalty"
    ):
        V.with_gradient_penalty(C)


def test_a_name_that_clashes_is_refused():
    variable = ll.Potential.from_expression("gradient_penalty**2", "gradient_penalty")
    with pytest.raises(ValueError, match=r"has a variable 'gradient_penalty'.*rename one of your"):
        variable.with_gradient_penalty(C)
    column = empirical_risk(
        "gradient_penalty*w**2", variables="w", data={"gradient_penalty": [1.0, 2.0]}
    )
    with pytest.raises(
        ValueError, match=r"has a data column 'gradient_penalty'.*rename one of your"
    ):
        column.with_gradient_penalty(C)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.inf, ValueError, "double_well: coefficient=inf must be finite"),
        ("much", TypeError, "double_well: coefficient='much' must be a number"),
    ],
)
def test_a_coefficient_is_a_finite_number(value, error, message):
    with pytest.raises(error, match=message):
        ll.potentials.double_well().with_gradient_penalty(value)


def test_vectors_end_in_the_dimension():
    with pytest.raises(ValueError, match=r"v of shape \(3,\) does not end in dim=2 of expression"):
        formula().hessian_product([0.0, 0.0], np.ones(3))


def test_the_loss_of_one_example_has_no_penalty():
    V = formula().with_gradient_penalty(C)
    with pytest.raises(ExpressionError):
        empirical_risk(
            V.text, variables=V.variables, data={"barrier": [1.0]},
            parameters={"gradient_penalty": 0.1},
        )  # fmt: skip

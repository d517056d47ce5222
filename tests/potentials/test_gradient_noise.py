"""Gradient noise and empirical risks: laws of a drawn gradient, true values, identity, errors."""

import itertools
import pickle

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.noise import batch_indices
from langevin_lab.potentials import (
    ExpressionError,
    FactorNoise,
    GaussianNoise,
    Minibatch,
    drawn_gradient,
    empirical_risk,
)
from langevin_lab.potentials.evaluation import difference

rng = np.random.default_rng(5)
N = 12
DATA = {"a": rng.normal(size=N), "y": rng.normal(size=N)}
LOSS = "(tanh(a*w) + b - y)**2/2"
X = np.array([0.7, -0.4])


def plane():
    return ll.Potential.from_expression("x**2/2 + y**4*k", ("x", "y"), {"k": 0.3})


def risk(**options):
    return empirical_risk(LOSS, variables=("w", "b"), data=DATA, **options)


def slopes(x, y=None):
    """The gradient of every example by hand, shape (N, 2)."""
    t = np.tanh(DATA["a"] * x[0])
    error = t + x[1] - (DATA["y"] if y is None else y)
    return np.stack([error * DATA["a"] * (1 - t**2), error], axis=1)


def covariance_of(potential, count=200_000):
    generator = np.random.default_rng(8)
    normals = generator.normal(size=(count, potential.gradient_noise.n_normals))
    drawn = drawn_gradient(potential, np.broadcast_to(X, (count, 2)), normals=normals)
    return drawn.mean(axis=0), np.cov(drawn.T)


@pytest.mark.parametrize(
    "covariance",
    [
        [[0.5, 0.2], [0.2, 0.3]],
        [[0.5, 0.0], [0.0, 0.0]],
        [[0.0, 0.0], [0.0, 0.4]],
        [[0.36, 0.12], [0.12, 0.04]],  # of rank one
        [[0.0, 0.0], [0.0, 0.0]],
    ],
)
def test_factor_of_a_covariance_squares_to_it(covariance):
    noise = plane().with_gradient_noise(covariance=covariance).gradient_noise
    assert (np.triu(noise.matrix, 1) == 0).all()
    np.testing.assert_allclose(noise.matrix @ noise.matrix.T, covariance, atol=1e-15)


def test_drawn_gradient_has_the_covariance_of_each_form():
    wanted = np.array([[0.5, 0.2], [0.2, 0.3]])
    scale = 0.4 * X[0]
    cases = {
        "covariance": ({"covariance": wanted}, wanted),
        "number": ({"standard_deviation": 0.5}, 0.25 * np.eye(2)),
        "each": ({"standard_deviation": (0.5, 2)}, np.diag([0.25, 4.0])),
        "factor": (
            {"factor": [["0.4*x", "0", "1"], ["k", 0.7, "0"]]},
            [[scale**2 + 1, 0.3 * scale], [0.3 * scale, 0.09 + 0.49]],
        ),
    }
    for options, expected in cases.values():
        expected = np.asarray(expected)
        mean, covariance = covariance_of(plane().with_gradient_noise(**options))
        variances = np.diag(expected)
        # Variance of an entry of a sample covariance of Gaussians.
        error = np.sqrt((np.outer(variances, variances) + expected**2) / 200_000)
        assert (abs(covariance - expected) < 5 * error + 1e-15).all()
        assert (abs(mean - plane().gradient(X)) < 5 * np.sqrt(variances / 200_000)).all()
        assert (abs(covariance - 1.03 * expected) > 5 * error).diagonal().any()


def test_energy_gradient_and_hessian_stay_the_true_ones():
    noisy, true = plane().with_gradient_noise(standard_deviation=3.0), plane()
    for function in ("energy", "gradient", "hessian"):
        assert (getattr(noisy, function)(X) == getattr(true, function)(X)).all()
    well = ll.potentials.double_well().with_gradient_noise(standard_deviation=3.0)
    assert len(well.minima) == 2
    assert noisy.with_parameters(k=2.0).gradient_noise == noisy.gradient_noise


def test_identity_includes_the_noise():
    options = [
        {"standard_deviation": 0.1},
        {"standard_deviation": 0.2},
        {"covariance": [[0.01, 0.0], [0.0, 0.01]]},
        {"factor": [["0.1", "0"], ["0", "0.1"]]},
    ]
    potentials = [plane(), *(plane().with_gradient_noise(**option) for option in options)]
    potentials += [risk(), risk(batch_size=3), risk(batch_size=3, replacement=True)]
    potentials += [risk(batch_size=3, label="y", label_noise=0.1)]
    other = dict(DATA, y=DATA["y"] + 1e-9)
    potentials.append(empirical_risk(LOSS, variables=("w", "b"), data=other))
    for left, right in itertools.combinations(potentials, 2):
        assert left != right
    for potential in potentials:
        copy = pickle.loads(pickle.dumps(potential))
        assert copy == potential
        assert hash(copy) == hash(potential)
    assert plane().with_gradient_noise(standard_deviation=0.1) == potentials[1]


def test_descriptions_are_short():
    assert repr(plane().with_gradient_noise(standard_deviation=0.1)).endswith(
        "dim=2) with GaussianNoise(standard_deviation=0.1)"
    )
    assert repr(GaussianNoise((0.1, 0.2))) == "GaussianNoise(diagonal covariance)"
    assert repr(FactorNoise((("x", "0.5"),), ("x",))) == "FactorNoise([['x', '0.5']])"
    many = GaussianNoise(tuple(0.1 * i for i in range(50)))
    assert len(many.key) < 100
    assert len(risk(batch_size=3).gradient_noise.key) < 200


def test_risk_is_the_mean_over_rows():
    potential = risk(batch_size=3)
    x = rng.normal(size=(4, 5, 2))
    t = np.tanh(x[..., :1] * DATA["a"]) + x[..., 1:] - DATA["y"]
    np.testing.assert_allclose(potential.energy(x), (t**2).mean(axis=-1) / 2, rtol=1e-13)
    np.testing.assert_allclose(potential.gradient(X), slopes(X).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        potential.hessian(X), difference(potential.gradient, X), rtol=1e-8, atol=1e-9
    )
    third = potential.derivatives(X, 3)
    np.testing.assert_allclose(third, difference(potential.hessian, X), rtol=1e-5, atol=1e-6)


def test_many_points_are_taken_in_portions(monkeypatch):
    monkeypatch.setattr("langevin_lab.potentials.risk_evaluation._AT_ONCE", 100)
    x = rng.normal(size=(7, 2))
    np.testing.assert_array_equal(risk().gradient(x)[3], risk().gradient(x[3]))


def test_full_batch_has_no_noise():
    assert risk().gradient_noise is None
    assert risk(batch_size=N).gradient_noise is None
    assert risk(label="y").gradient_noise is None
    assert risk(label="y", label_noise=0.1).gradient_noise == Minibatch(N, N, False, 0.1)


def test_drawn_gradient_of_a_minibatch_is_its_mean():
    indices = np.array([[3, 7, 3], [0, 1, 2]])
    potential = risk(batch_size=3, replacement=True)
    found = drawn_gradient(potential, X, indices=indices)
    np.testing.assert_allclose(found, slopes(X)[indices].mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("replacement", [True, False])
def test_minibatch_gradients_have_the_mean_and_covariance_of_the_sampling(replacement):
    size, epochs = 4, 20_000
    potential = risk(batch_size=size, replacement=replacement)
    indices = batch_indices(
        3, range(40), 0, n_examples=N, batch_size=size, replacement=replacement,
        count=epochs * N // size // 40,
    )  # fmt: skip
    drawn = drawn_gradient(potential, X, indices=indices).reshape(-1, 2)
    each = slopes(X)
    population = np.cov(each.T, bias=True)
    factor = 1.0 if replacement else (N - size) / (N - 1)
    expected = population * factor / size
    deviations = drawn - each.mean(axis=0)
    products = deviations[:, :, None] * deviations[:, None, :]
    # Batches of one epoch depend on each other: errors from independent groups of epochs.
    groups = products.reshape(200, -1, 2, 2).mean(axis=1)
    error = groups.std(axis=0, ddof=1) / np.sqrt(200)
    assert (abs(groups.mean(axis=0) - expected) < 5 * error).all()
    assert (abs(groups.mean(axis=0) - 1.05 * expected) > 5 * error).diagonal().any()
    if replacement:
        spread = np.sqrt(np.diag(expected) / len(drawn))
        assert (abs(deviations.mean(axis=0)) < 5 * spread).all()
    else:  # over whole epochs the mean is exact
        np.testing.assert_allclose(drawn.mean(axis=0), each.mean(axis=0), rtol=1e-11)


def test_label_noise_adds_its_variance_over_batch_size():
    size, count, spread = 5, 100_000, 0.8
    potential = risk(batch_size=size, label="y", label_noise=spread)
    normals = np.random.default_rng(2).normal(size=(count, size))
    drawn = drawn_gradient(potential, X, normals=normals, indices=np.arange(size))
    # d loss/db = tanh(a w) + b - y: linear in y with slope -1.
    np.testing.assert_allclose(drawn[:, 1].mean(), slopes(X)[:size, 1].mean(), atol=5e-3)
    expected = spread**2 / size
    error = expected * np.sqrt(2 / count)
    assert abs(drawn[:, 1].var() - expected) < 5 * error
    assert abs(drawn[:, 1].var() - 1.03 * expected) > 5 * error
    one = drawn_gradient(potential, X, normals=normals[0], indices=np.arange(size))
    shifted = slopes(X, DATA["y"] + spread * np.pad(normals[0], (0, N - size)))
    np.testing.assert_allclose(one, shifted[:size].mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "was given nothing; give one of standard_deviation, covariance, factor"),
        (
            {"standard_deviation": 1, "covariance": np.eye(2)},
            ValueError,
            "was given standard_deviation and covariance; give one",
        ),
        ({"standard_deviation": -0.1}, ValueError, r"standard_deviation=-0\.1 must be >= 0"),
        ({"standard_deviation": np.nan}, ValueError, "standard_deviation=nan must be finite"),
        ({"standard_deviation": "x"}, TypeError, "standard_deviation='x' must be a number or an"),
        ({"standard_deviation": True}, TypeError, "standard_deviation=True must be a number or"),
        ({"standard_deviation": "2"}, TypeError, "standard_deviation='2' must be a number or an"),
        ({"standard_deviation": [1.0, True]}, TypeError, "must be a number or an array"),
        ({"covariance": np.eye(2, dtype=bool)}, TypeError, "must be a number or an array"),
        ({"standard_deviation": [1, 2, 3]}, ValueError, r"of shape \(3,\) must be .* or \(2,\)"),
        ({"standard_deviation": np.eye(2)}, ValueError, "a matrix is a covariance"),
        ({"covariance": 2.0}, ValueError, r"covariance of shape \(\) must be \(2, 2\)"),
        ({"covariance": [[1, 0.5], [0.4, 1]]}, ValueError, "covariance is not symmetric"),
        (
            {"covariance": [[1, 2], [2, 1]]},
            ValueError,
            "covariance has the negative eigenvalue -1",
        ),
        ({"covariance": [[1, 2], [2]]}, TypeError, "must be a number or an array of numbers"),
        ({"factor": [["x"]]}, ValueError, "must be 2 rows of equal length"),
        ({"factor": [["x"], ["x", "y"]]}, ValueError, "must be 2 rows of equal length"),
        ({"factor": [[], []]}, ValueError, "must be 2 rows of equal length"),
        ({"factor": ["x", "y"]}, ValueError, "must be 2 rows of equal length"),
        ({"factor": "0.1*x"}, ValueError, "must be 2 rows of equal length"),
        ({"factor": 3.0}, ValueError, r"factor=3\.0 must be 2 rows"),
        ({"factor": [["x"], ["z"]]}, ExpressionError, "z"),
    ],
)
def test_wrong_gradient_noise_is_named(options, error, message):
    with pytest.raises(error, match=message):
        plane().with_gradient_noise(**options)


def test_noise_is_given_once():
    noisy = plane().with_gradient_noise(standard_deviation=0.1)
    with pytest.raises(ValueError, match=r"the gradient of .* is drawn already, GaussianNoise"):
        noisy.with_gradient_noise(standard_deviation=0.1)
    with pytest.raises(ValueError, match="is drawn already, Minibatch"):
        risk(batch_size=2).with_gradient_noise(standard_deviation=0.1)
    assert risk().with_gradient_noise(standard_deviation=0.1).gradient_noise == GaussianNoise(
        (0.1, 0.1)
    )


def test_factor_needs_a_formula():
    with pytest.raises(ValueError, match="factor: phi4_chain is made of loops, which expressions"):
        ll.potentials.phi4_chain(n_sites=2).with_gradient_noise(factor=[["1"], ["1"]])


def test_drawn_gradient_wants_what_the_noise_takes():
    with pytest.raises(ValueError, match="has no gradient noise; use its gradient"):
        drawn_gradient(plane(), X)
    with pytest.raises(ValueError, match=r"normals of shape \(3,\) must end in 2"):
        drawn_gradient(plane().with_gradient_noise(standard_deviation=1), X, normals=np.zeros(3))
    with pytest.raises(ValueError, match="indices of shape None must end in 3"):
        drawn_gradient(risk(batch_size=3), X)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 13}, ValueError, "batch_size=13 must be from 1 to the number of examples"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be from 1"),
        ({"batch_size": 2.0}, TypeError, r"batch_size=2\.0 must be an integer from 1 to 12"),
        ({"batch_size": True}, TypeError, "batch_size=True must be an integer"),
        ({"replacement": True}, ValueError, "replacement=True needs a batch_size"),
        ({"batch_size": 2, "replacement": 1}, TypeError, "replacement=1 must be True or False"),
        ({"label_noise": 0.5}, ValueError, r"label_noise=0\.5 but no label: .* one of a, y"),
        ({"label": "z"}, ValueError, "label='z' is no column of the data; its columns are a, y"),
        ({"label": "y", "label_noise": -1}, ValueError, "label_noise=-1 must be finite and >= 0"),
        ({"label": "y", "label_noise": "1"}, TypeError, "label_noise='1' must be a number >= 0"),
        ({"parameters": {"a": 1.0}}, ValueError, "'a' is both a parameter and a data column"),
        ({"data": {}}, ValueError, "data is empty; give at least one column"),
        ({"data": [1, 2]}, TypeError, r"data=\[1, 2\] must map names to columns"),
        ({"data": {"a": [1, 2], "y": [1]}}, ValueError, "columns of unequal length"),
        ({"data": {"a": [], "y": []}}, ValueError, r"data column 'a' of shape \(0,\) must be"),
        ({"data": {"a": [[1.0]], "y": [1]}}, ValueError, r"column 'a' of shape \(1, 1\) must be"),
        ({"data": {"a": ["u"], "y": [1]}}, TypeError, "data column 'a' must hold numbers"),
        ({"data": {"a": [1, np.inf], "y": [1, 2]}}, ValueError, "column 'a' is inf in row 1"),
        ({"data": dict(DATA, c=DATA["a"])}, ValueError, "data column 'c' does not occur in"),
    ],
)
def test_wrong_risk_is_named(options, error, message):
    with pytest.raises(error, match=message):
        empirical_risk(LOSS, variables=("w", "b"), **({"data": DATA} | options))


def test_more_examples_than_can_be_numbered_are_refused(monkeypatch):
    monkeypatch.setattr("langevin_lab.potentials.risk._MOST_EXAMPLES", 11)
    with pytest.raises(ValueError, match="data has 12 examples; at most 11 can be drawn from"):
        risk()

"""Potentials as functions of tensors, torch functions as potentials, and their laws."""

import pickle

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab.noise import normals
from langevin_lab.potentials import empirical_risk
from langevin_lab.pytorch import tensor_functions, torch_potential
from langevin_lab.pytorch.ensemble_noise import EnsembleNoise
from langevin_lab.pytorch.recording import bin_numbers
from langevin_lab.pytorch.vocabulary import TORCH_NAMESPACE, step_namespace, torch_functions

SPACE = ll.Potential.from_expression(
    "exp(-x**2)*sin(k*y) + log(1 + y**2) + (1 + z**2)**k + tanh(x*z) + sinh(k) + x**2",
    variables=("x", "y", "z"),
    parameters={"k": 0.7},
)
rng = np.random.default_rng(1)
DATA = {"a": rng.normal(size=10), "y": rng.normal(size=10)}
RISK = empirical_risk(
    "k*(a*w + b - y)**2/2 + w**4/4", variables=("w", "b"), data=DATA, parameters={"k": 1.3}
)
POTENTIALS = {
    "text": SPACE,
    "one coordinate": ll.potentials.double_well(),
    "risk": RISK,
    "loops": ll.potentials.phi4_chain(n_sites=3),
    "penalised": RISK.with_gradient_penalty(0.2),
}


def points(potential, count=5):
    return rng.uniform(-1.0, 1.0, (count, potential.dim))


@pytest.mark.parametrize("name", POTENTIALS)
def test_functions_of_tensors_are_those_of_arrays(name):
    potential, x = POTENTIALS[name], points(POTENTIALS[name])
    functions, at = tensor_functions(potential), torch.tensor(x)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(functions.energy(at), potential.energy(x), **close)
    np.testing.assert_allclose(functions.gradient(at), potential.gradient(x), **close)
    np.testing.assert_allclose(functions.hessian(at), potential.hessian(x), **close)
    np.testing.assert_allclose(functions.energy(at.T, 0), potential.energy(x), **close)
    np.testing.assert_allclose(functions.gradient(at.T, 0).T, potential.gradient(x), **close)


@pytest.mark.parametrize("name", ["text", "one coordinate", "risk"])
def test_autograd_gives_the_gradient_and_the_hessian(name):
    potential, x = POTENTIALS[name], points(POTENTIALS[name])
    functions, at = tensor_functions(potential), torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(functions.energy(at).sum(), at)
    np.testing.assert_allclose(slope, potential.gradient(x), rtol=1e-12, atol=1e-12)
    (product,) = torch.autograd.grad(functions.gradient(at).sum(), at)
    expected = potential.hessian(x).sum(-1)
    np.testing.assert_allclose(product, expected, rtol=1e-11, atol=1e-12)


def test_text_of_numbers_alone_is_the_same_everywhere():
    flat = ll.Potential.from_expression("k", parameters={"k": 2.0})
    functions, x = tensor_functions(flat, dtype=torch.float32), torch.zeros(4, 1)
    assert functions.energy(x).tolist() == [2.0] * 4
    assert functions.gradient(x).tolist() == [[0.0]] * 4
    assert functions.hessian(x).dtype == torch.float32


def test_the_vocabulary_is_that_of_numpy():
    from langevin_lab.compiled.numpy_functions import NUMPY_NAMESPACE

    assert set(TORCH_NAMESPACE) == set(NUMPY_NAMESPACE)
    x, y = np.array([0.0, 0.3, 1.7]), np.array([1.0, 0.2, 2.5])
    for name, function in NUMPY_NAMESPACE.items():
        count = {"fma": 3, "select": 3, "power": 2, "maximum": 2, "minimum": 2}.get(name, 1)
        arguments = (y, x, y)[-count:] if name != "select" else (x > y, x, y)
        with np.errstate(divide="ignore"):
            expected = function(*arguments)
        found = TORCH_NAMESPACE[name](*map(torch.tensor, arguments))
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("kinds", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
def test_multiply_add_of_numbers_and_tensors(kinds):
    values = (1.5, -0.3, 0.7)
    given = [torch.tensor([v, v]) if kind else v for v, kind in zip(values, kinds)]
    assert np.allclose(TORCH_NAMESPACE["fma"](*given), values[0] * values[1] + values[2])


def test_a_choice_of_numbers_has_the_precision_of_the_run():
    condition = torch.tensor([True, False])
    found = step_namespace(torch.float32)["select"](condition, 1.0, 0.0)
    assert found.dtype == torch.float32
    assert found.tolist() == [1.0, 0.0]


def test_text_that_is_no_scalar_text_is_refused():
    with pytest.raises(ValueError, match="not the text of scalar functions"):
        torch_functions("import os")


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dtype": torch.bfloat16}, "precision='bfloat16'"), ({"device": "meta"}, "device='meta'")],
)
def test_compiled_functions_run_on_a_cpu_only(settings, message):
    with pytest.raises(TypeError, match=message):
        tensor_functions(ll.potentials.phi4_chain(n_sites=3), **settings)


def well(x):
    return ((x**2 - 1) ** 2).sum(-1) + x[..., 0] * x[..., -1]


def test_a_torch_potential_is_a_potential():
    potential = torch_potential(well, 3, name="wells", stationary_points=[[1.0, 1.0, -1.0]])
    x = points(potential)
    expected = 4 * x * (x**2 - 1) + x[:, [2, 1, 0]] * [1, 0, 1]
    np.testing.assert_allclose(potential.gradient(x), expected, rtol=1e-13)
    tensor = potential.gradient(torch.tensor(x))
    np.testing.assert_allclose(tensor, expected, rtol=1e-13)
    assert potential.energy(torch.tensor(x)).shape == (5,)
    hessian = np.stack([np.diag(12 * row**2 - 4) for row in x])
    hessian[:, [0, 2], [2, 0]] += 1.0
    np.testing.assert_allclose(potential.hessian(x), hessian, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(potential.hessian(torch.tensor(x)), hessian, rtol=1e-12, atol=1e-12)
    product = np.einsum("nij,nj->ni", hessian, x)
    np.testing.assert_allclose(potential.hessian_product(x, x), product, rtol=1e-12)
    assert potential.variables == ("x", "y", "z")
    assert [point.index for point in potential.stationary_points] == [0]


def test_a_function_of_one_replica_is_batched():
    one = torch_potential(lambda x, k: k * ((x**2 - 1) ** 2).sum(), 3, per_replica=True,
                          tensors={"k": torch.tensor(2.0)})  # fmt: skip
    x = points(one)
    np.testing.assert_allclose(one.gradient(x), 8 * x * (x**2 - 1), rtol=1e-13)


def test_equal_means_the_same_functions_and_tensors():
    potential = torch_potential(well, 3)
    assert potential == torch_potential(well, 3)
    assert potential != torch_potential(lambda x: well(x), 3)
    assert potential != torch_potential(well, 3, name="other")
    again = pickle.loads(pickle.dumps(potential))
    assert again == potential
    assert again.code.digest == potential.code.digest
    noisy = potential.with_gradient_noise(standard_deviation=0.5)
    assert type(noisy) is type(potential)


BAD = [
    ({"dim": 0}, "dim=0 must be an integer >= 1"),
    ({"batch_size": 2.5, "n_examples": 10}, "batch_size=2.5 must be an integer"),
    ({"batch_size": 3}, "belong together"),
    (
        {"batch_size": 11, "n_examples": 10, "batch_energy": lambda x, indices: well(x)},
        "from 1 to n_examples=10",
    ),
    ({"probe": [1.0]}, r"probe of shape \(1,\) must be \(3,\)"),
    ({"energy": lambda x: (x**2).sum()}, r"has shape \(\), but must have \(2,\)"),
    ({"energy": lambda x: well(x - x.mean(0))}, "mixes replicas"),
    ({"energy": lambda x: torch.log(x - 9.0).sum(-1)}, r"energy is \[nan, nan\] at the probe"),
    ({"gradient": lambda x: x.sum(-1)}, "gradient of x"),
    ({"gradient": lambda x: 1.02 * 4 * x * (x**2 - 1)}, "contradict one another"),
    ({"gradient": lambda x: 4 * x * (x**2 - 1) / 0}, r"gradient is \[\[-inf.* at the probe"),
]
BATCHES = [
    ({"batch_energy": lambda x, i: x**2}, r"batch_energy of two points x has shape \(2, 3\)"),
    ({"batch_energy": lambda x, i: mean(x, i.flatten()[None])}, "batch_energy of .* mixes"),
    ({"batch_gradient": lambda x, i: x[:, :1]}, r"batch_gradient of x .* has shape \(2, 1\)"),
    ({"batch_gradient": lambda x, i: slope(x, i) + x.mean(0)}, "batch_gradient of .* mixes"),
    (
        {
            "batch_energy": lambda x, i: mean(x, i),
            "batch_gradient": lambda x, i: 1.02 * slope(x, i),
        },
        "batch_gradient along .* contradict",
    ),
    ({"batch_energy": lambda x, i: 1.02 * mean(x, i)}, "over all 10 examples the gradient of a"),
    ({"batch_gradient": lambda x, i: 4 * slope(x, i)}, "over all 10 examples the gradient of a"),
]
CENTRES = torch.linspace(-1.0, 2.0, 10, dtype=torch.float64)


def mean(x, indices):
    """Of |x - c|^2/2 over the centres c with these indices."""
    return 0.5 * ((x[:, None, :] - CENTRES[indices][..., None]) ** 2).sum(-1).mean(-1)


def slope(x, indices):
    return x - CENTRES[indices].mean(-1, keepdim=True)


def mean_of_all(x):
    return mean(x, torch.arange(10).expand(len(x), -1))


@pytest.mark.parametrize(("changes", "message"), BATCHES)
def test_batches_that_are_not_of_the_energy_are_refused(changes, message):
    settings = {"energy": mean_of_all, "dim": 3, "n_examples": 10, "batch_size": 4}
    torch_potential(**settings, batch_energy=mean, batch_gradient=slope)
    with pytest.raises(ValueError, match=message):
        torch_potential(**settings, **changes)


def test_functions_that_take_no_float64_are_refused_with_a_remedy():
    linear = torch.nn.Linear(3, 1)
    with pytest.raises(
        TypeError, match=r"energy of x \(2, 3\) in float64 fails: .* tensors=\.\.\."
    ):
        torch_potential(lambda x: linear(x).square().sum(-1), 3)


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_functions_that_are_no_potential_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        torch_potential(**{"energy": well, "dim": 3, **changes})


def test_a_gradient_penalty_is_refused():
    with pytest.raises(ValueError, match=r"coefficient=0\.1: a gradient penalty of torch"):
        torch_potential(well, 3).with_gradient_penalty(0.1)


def test_compiled_code_refuses_torch_functions():
    potential = torch_potential(well, 3)
    dynamics = ll.Langevin(potential, temperature=0.5, friction=1.0)
    settings = {"dt": 0.05, "seed": 1, "start": [1.0, 1.0, -1.0]}
    with pytest.raises(TypeError, match="torch functions, which compiled code cannot call"):
        ll.simulate(dynamics, "BAOAB", n_steps=10, **settings)
    with pytest.raises(TypeError, match="torch functions, which compiled code cannot call"):
        ll.escape.first_passage(
            dynamics, "BAOAB", target="x < 0", n_replicas=4, max_time=1.0, **settings
        )


WELL = ll.potentials.double_well()
EQUATION = ll.Langevin(WELL, temperature=0.5, friction=1.0)


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("torch:cuda", r"sees \d+ CUDA devices; use backend='torch', or 'cpu'"),
        ("torch:card", "'card' is no device; use 'torch', 'torch:cuda'"),
        ("torch:meta", "of devices 'cpu' and 'cuda' do"),
    ],
)
def test_a_device_that_is_not_there_is_refused(backend, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=message):
        ll.simulate(EQUATION, "BAOAB", dt=0.05, n_steps=10, seed=1, backend=backend)


def final(precision, potential=WELL):
    dynamics = ll.Langevin(potential, temperature=0.5, friction=1.0)
    run = ll.simulate(
        dynamics, "BAOAB", dt=0.05, n_steps=40, n_replicas=64, seed=1, backend="torch",
        precision=precision, start=[1.0], observe={"x2": "x**2"},
    )  # fmt: skip
    return run["x_final"].values[:, 0], float(run["x2"])


def test_precisions_are_what_they_say():
    exact, mean = final("float64")
    single, mean_single = final("float32")
    coarse, mean_coarse = final("bfloat16")
    assert (single == single.astype(np.float32)).all()
    assert (coarse == coarse.astype(np.float32)).all()
    # Rounding of 2^-24 and 2^-9, grown over 40 steps.
    assert 1e-9 < np.abs(single - exact).max() < 1e-5
    assert 1e-4 < np.abs(coarse - exact).max() < 0.1
    assert abs(mean_single - mean) < 1e-5
    assert abs(mean_coarse - mean) < 0.02


def test_torch_functions_get_the_precision_of_the_run():
    seen = set()

    def energy(x, k):
        seen.add((x.dtype, k.dtype))
        return k * x[:, 0] ** 2

    final("bfloat16", torch_potential(energy, 1, tensors={"k": torch.tensor(0.5)}))
    assert {(torch.bfloat16,) * 2, (torch.float64,) * 2} <= seen


def stationary(temperature):
    """z of the position's variance T/k, which BAOAB has exactly on a quadratic."""
    potential = torch_potential(lambda x: 2.0 * (x**2).sum(-1), 1, stationary_points=[[0.0]])
    dynamics = ll.Langevin(potential, temperature=temperature, friction=1.0)
    run = ll.simulate(
        dynamics, "BAOAB", dt=0.5, n_steps=120, n_replicas=20_000, seed=5, burn_in=40,
        observe={"x2": "x**2"}, backend="torch",
    )  # fmt: skip
    expected, z = 0.25, (float(run["x2"]) - 0.25) / float(run["x2_stderr"])
    print(f"x2 {float(run['x2']):.6f} +- {float(run['x2_stderr']):.6f} | {expected} | z {z:.2f}")
    return z


def test_stationary_variance_of_a_quadratic_is_exact():
    assert abs(stationary(1.0)) < 5
    assert abs(stationary(1.03)) > 5  # the control: 3 % too warm


@pytest.mark.parametrize("by_torch", [True, False])
@pytest.mark.parametrize("lanes", [True, False])
@pytest.mark.parametrize("start", [0, 7, 2**62 + 5])
def test_noise_of_an_ensemble_is_the_numbered_normals(by_torch, lanes, start):
    replicas = np.array([0, 1, 5, 2**40 + 3])
    noise = EnsembleNoise(
        2**35 + 9, replicas, lanes=lanes, dtype=torch.float64, device=torch.device("cpu"),
        by_torch=by_torch,
    )  # fmt: skip
    found = noise.normals(start // 2, start % 2, 6).numpy()
    expected = normals(2**35 + 9, replicas.tolist(), start, 6)
    np.testing.assert_allclose(found.T if lanes else found, expected, rtol=1e-12, atol=1e-15)


def test_bins_are_those_of_the_kernel():
    value = torch.tensor([-0.01, -0.0, 0.24, 0.25, 0.99, 1.0, 9e9, np.inf, -np.inf, np.nan])
    group = torch.zeros(10, dtype=torch.int64)
    group[1] = 2
    found = bin_numbers(value, 0.0, 4.0, 4, group, 7)
    assert found.tolist() == [0, 15, 1, 2, 4, 5, 5, 5, 0, 6]

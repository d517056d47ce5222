"""The argument that says what carries a run out."""

import re

import pytest

import langevin_lab as ll
from langevin_lab.ensemble.backends import Backend, parse_backend

EQUATION = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)


def run(**settings):
    return ll.simulate(EQUATION, "BAOAB", dt=0.1, n_steps=64, n_replicas=8, seed=1, **settings)


@pytest.mark.parametrize(
    ("text", "name", "device"),
    [
        ("cpu", "cpu", ""),
        ("cuda", "cuda", ""),
        ("cuda:1", "cuda", "1"),
        ("torch", "torch", ""),
        ("torch:cuda:1", "torch", "cuda:1"),
        ("torchsde:cpu", "torchsde", "cpu"),
    ],
)
def test_a_backend_and_its_device_are_one_argument(text, name, device):
    backend = parse_backend(text)
    assert (backend.name, backend.device) == (name, device)
    assert str(backend) == text


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"backend": 3}, TypeError, r"backend=3 must be one of \['cpu', 'cuda'"),
        ({"backend": "gpu"}, ValueError, "backend='gpu' must be one of"),
        ({"backend": "cpu:1"}, ValueError, "takes no device; n_threads"),
        ({"backend": "cuda:a100"}, ValueError, "give the number of the card, as in 'cuda:1'"),
        ({"backend": "cuda:\u00b2"}, ValueError, "give the number of the card, as in 'cuda:1'"),
        ({"precision": "double"}, ValueError, "precision='double' must be one of"),
        ({"precision": "float32"}, ValueError, "float64; use backend='torch' or 'cuda'"),
        ({"precision": "bfloat16"}, ValueError, "float64; use backend='torch'$"),
        ({"solver": "srk"}, ValueError, "solver='srk' is for backend='torchsde', not 'cpu'"),
    ],
)
def test_bad_backends_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        run(**settings)


def test_a_part_that_a_backend_lacks_is_named():
    with pytest.raises(ValueError, match=re.escape("backend='cpu' cannot do this; use one of")):
        Backend().part("NoSuchPart")


def test_the_dataset_says_what_ran_it():
    attributes = run().attrs
    assert attributes["backend"] == "cpu"
    assert attributes["precision"] == "float64"
    assert attributes["device"]


def test_a_run_continues_in_its_precision_only():
    first = run()
    first.attrs["precision"] = "float32"
    with pytest.raises(ValueError, match=r"ran with precision=float32, this call has .*float64"):
        run(continue_from=first)

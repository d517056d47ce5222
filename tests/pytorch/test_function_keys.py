"""What a run that is continued takes for the same torch function."""

import functools
import subprocess
import sys

import numpy as np
import pytest
import torch

import langevin_lab as ll
from langevin_lab.pytorch import module_potential, torch_potential
from langevin_lab.pytorch.function_keys import function_key

SCALE = 2.0


class Bowl(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.register_buffer("weight", torch.tensor([weight]))

    def forward(self, x):
        return (self.weight * x**2).sum(-1)


def of_global(x):
    return SCALE * (x**2).sum(-1)


def of_helper(x):
    return of_global(x) + x.sum(-1)


def closure(value):
    return lambda x: (value * x**2).sum(-1)


def nested(value):
    return lambda x: (lambda y: value * y)((x**2).sum(-1))


def default(value):
    def energy(x, k=value):
        return k * (x**2).sum(-1)

    return energy


def keyword(value):
    return functools.partial(lambda x, k: k * (x**2).sum(-1), k=value)


def through(value):
    own = closure(value)
    return lambda x: own(x) + 1.0


def of_arrays(value):
    return closure(np.array([value]))


def of_tensors(value):
    return closure(torch.tensor([value]))


def of_pairs(value):
    pairs = {"a": (value, 1.0)}
    return lambda x: pairs["a"][0] * (x**2).sum(-1)


def of_modules(value):
    return Bowl(value)


def of_methods(value):
    return Bowl(value).forward


def constant(value):
    return eval(f"lambda x: {value} * (x**2).sum(-1)")


MAKERS = [
    closure, nested, default, keyword, through, of_arrays, of_tensors, of_pairs, of_modules,
    of_methods, constant,
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
def test_functions_are_told_apart_by_the_values_that_they_read(make):
    assert function_key(make(2.0)) == function_key(make(2.0))
    assert function_key(make(2.0)) != function_key(make(2.5))


def test_globals_and_helpers_count(monkeypatch):
    before = function_key(of_global), function_key(of_helper)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.5)
    after = function_key(of_global), function_key(of_helper)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_functions_that_name_one_another_have_a_key():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert function_key(even) == function_key(even) != function_key(odd)


def test_a_name_without_a_value_yet_is_left_out():
    def early():
        return later

    key = function_key(early)
    later = 1.0
    assert function_key(early) != key


def test_another_process_finds_the_same_key(tmp_path):
    """No memory address, no line of the file."""
    text = (
        "{blank}from langevin_lab.pytorch.function_keys import function_key\n"
        "def make(k):\n"
        "    def energy(x):\n"
        "        'Energy.'\n"
        "        return sum((lambda y: k * y)(v) for v in x)\n"
        "    return energy\n"
        "print(function_key(make(2.0)))\n"
    )
    found = set()
    for blank in ("", "\n\n"):
        (tmp_path / "own.py").write_text(text.format(blank=blank))
        done = subprocess.run(
            [sys.executable, tmp_path / "own.py"], capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("of", ["closure", "tensor"])
def test_a_run_is_not_continued_with_another_number(of):
    def potential(k):
        if of == "closure":
            return torch_potential(lambda x: k * (x**2).sum(-1), 1)
        tensors = {"k": torch.tensor(k)}
        return torch_potential(lambda x, k: k * (x**2).sum(-1), 1, tensors=tensors)

    def run(k, **more):
        dynamics = ll.Overdamped(potential(k), temperature=0.3)
        settings = {"dt": 0.01, "n_steps": 3, "seed": 1, "backend": "torch", "progress": False}
        return ll.simulate(dynamics, "EulerMaruyama", **settings, **more)

    first = run(1.0, start=[0.1])
    run(1.0, continue_from=first)
    with pytest.raises(ValueError, match="potential"):
        run(50.0, continue_from=first)


def test_weights_of_a_loss_are_part_of_a_module_s_digest():
    inputs, targets = torch.ones(6, 2), torch.tensor([0, 1, 0, 1, 1, 0])

    def digest(weight):
        loss = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, weight], dtype=torch.float64))
        torch.manual_seed(1)
        module = torch.nn.Linear(2, 2)
        return module_potential(module, loss, inputs, targets).code.digest

    assert digest(1.0) == digest(1.0)
    assert digest(1.0) != digest(3.0)

import dataclasses

import pytest

from langevin_lab import integrators
from langevin_lab.integrators import metropolis, registry
from langevin_lab.lab import LabError
from langevin_lab.lab.certificate import certificate


@pytest.mark.parametrize(("name", "equation"), registry.names())
def test_every_record_stands_up_to_its_step(name, equation):
    paper = certificate(name, equation=equation)
    assert paper.properties.name == name
    assert [check.statement for check in paper.checks if not check.passed] == []


def test_certificate_computes_what_the_record_states():
    found = {check.statement: check.found for check in certificate("BAOAB").checks}
    assert found["gradients and normals a step"] == "1, 1"
    assert found["stability limit, omega dt"] == "2"
    assert found["harmonic <x^2>: order of the bias"].startswith("exact")
    assert found["harmonic <p^2>: order of the bias"] == "2.000"


@pytest.mark.parametrize(
    ("name", "changes", "statement"),
    [
        ("BAOAB", {"stability_limit": 2.05}, "stability limit, omega dt"),
        ("BAOAB", {"gradients_per_step": 2}, "gradients and normals a step"),
        ("BAOAB", {"weak_order": 3.0}, "order of the flow without noise"),
        ("BAOAB", {"weak_order": 1.0}, "lowest of these orders"),
        ("BBK", {"weak_order": 2.0}, "lowest of these orders"),
        ("ABA", {"weak_order": 1.0}, "lowest of these orders"),
        ("OBABO", {"configurational_order": 1.0}, "harmonic <x^2>: order of the bias"),
        ("SemiImplicitEuler", {"configurational_order": 1.0}, "harmonic <x^2>: order of the bias"),
        ("OBABO", {"configurational_order": 4.0}, "harmonic <x^2>: order of the bias"),
        ("EulerMaruyama", {"configurational_order": 2.0}, "harmonic <x^2>: order of the bias"),
        ("EulerMaruyama", {"stability_limit": 1.9}, "stability limit, curvature dt / friction"),
    ],
)
def test_wrong_record_is_refuted(monkeypatch, name, changes, statement):
    method = integrators.method(name)
    wrong = dataclasses.replace(
        method, properties=dataclasses.replace(method.properties, **changes)
    )
    monkeypatch.setattr(integrators, "method", lambda name, equation=None: wrong)
    failed = [check.statement for check in certificate(name).checks if not check.passed]
    assert statement in failed


def test_frozen_thermostat_would_hide_the_order_of_sgnht(monkeypatch):
    method = integrators.method("SGNHT")
    assert certificate("SGNHT").passed
    wrong = dataclasses.replace(
        method, properties=dataclasses.replace(method.properties, configurational_order=2.0)
    )
    monkeypatch.setattr(integrators, "method", lambda name, equation=None: wrong)
    failed = [check.statement for check in certificate("SGNHT").checks if not check.passed]
    assert failed == ["harmonic <x^2>: order of the bias"]


@pytest.mark.parametrize("name", ["MALA", "GHMC"])
def test_wrong_temperature_of_an_acceptance_is_refuted(monkeypatch, name):
    method = integrators.method(name)

    def colder(state, normals, coefficients, gradient, energy):
        ends = exact(method, state, normals, coefficients, gradient, energy)
        return dataclasses.replace(ends, energy_error=ends.energy_error / 1.03)

    exact = metropolis.outcomes
    monkeypatch.setattr(metropolis, "outcomes", lambda method, *rest: colder(*rest))
    failed = [check.statement for check in certificate(name).checks if not check.passed]
    assert failed[-1] == "Gibbs law kept at dt = 1.8: change of <x^2>"


class _Altered:
    """A method whose step does something else afterwards."""

    def __init__(self, method, alter):
        self._method, self._alter = method, alter

    def __getattr__(self, name):
        return getattr(self._method, name)

    def step(self, state, normals, coefficients, gradient):
        return self._alter(self._method.step(state, normals, coefficients, gradient))


@pytest.mark.parametrize(
    ("alter", "statement"),
    [
        (lambda s: s | {"x": s["x"] + 1e-9}, "rest at the minimum, without noise"),
        (lambda s: s | {"x": s["x"] * 1.001}, "free flight: error after a step"),
        (lambda s: s | {"p": s["p"] * 0.999}, "harmonic <p^2>: order of the bias"),
        (lambda s: s | {"p": s["p"] * 0.999}, "free diffusion: order of the bias"),
    ],
)
def test_wrong_step_is_refuted(monkeypatch, alter, statement):
    wrong = _Altered(integrators.method("BAOAB"), alter)
    monkeypatch.setattr(integrators, "method", lambda name, equation=None: wrong)
    failed = [check.statement for check in certificate("BAOAB").checks if not check.passed]
    assert statement in failed


def test_unknown_method_is_one_line():
    with pytest.raises(LabError, match="method='BAOAX': letter 'X' at position 5 is unknown"):
        certificate("BAOAX")

"""Programs do the same work: equal forces, equal averages, the work that was asked for."""

import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.lab.benchmarks import programs
from langevin_lab.lab.benchmarks.programs import PROGRAMS, Task, tasks
from langevin_lab.lab.benchmarks.works import WORKS


def test_forces_of_the_peers_are_those_of_the_potential():
    work = WORKS["Mueller-Brown"]
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (5, 2))
    force = np.stack(programs._drift(work, np)(*x.T), axis=1)
    assert force == pytest.approx(-work.potential.gradient(x) / work.friction, rel=1e-11)
    work, p = WORKS["double well"], 0.3
    velocity, force = programs._drift(work, np)(x[:, 0], p)
    gradient = work.potential.gradient(x[:, :1])[:, 0]
    assert force == pytest.approx(-gradient - work.friction * p, rel=1e-12)
    assert velocity == p


def test_noise_of_the_peers_is_that_of_the_equation():
    assert programs._noise(WORKS["double well"]) == (0.0, pytest.approx(np.sqrt(0.4), rel=1e-15))
    assert programs._noise(WORKS["Mueller-Brown"]) == pytest.approx((np.sqrt(40.0),) * 2)
    assert programs._start(WORKS["double well"]) == (1.0, 0.0)


def task(program, work="double well", precision="float64", n_replicas=4000, backend=""):
    return Task(program, work, "cpu", precision, n_replicas, backend)


def reference(work, n_steps=60):
    """Mean of x^2 by the package's own compiled code, with its error."""
    work = WORKS[work]
    result = ll.simulate(work.equation, work.method, n_steps=n_steps, n_replicas=4000,
                         **work.arguments() | {"seed": 2})  # fmt: skip
    return float(result["x2"].values), float(result["x2_stderr"].values)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["double well", "Mueller-Brown"])
@pytest.mark.parametrize("program", ["langevin_lab", "torchsde", "jax"])
def test_programs_agree_on_the_mean(program, work):
    """Within five errors and the 2 % that Euler differs by from BAOAB at this step."""
    if program != "langevin_lab":
        pytest.importorskip(program)
    backend = "cpu" if program == "langevin_lab" else ""
    seconds, units, mean = PROGRAMS[program](task(program, work, backend=backend))(60)
    expected, error = reference(work)
    difference = mean - expected
    print(f"{program}, {work}: {mean:.4f} against {expected:.4f} ± {error:.4f}")
    allowed = 5 * np.sqrt(2) * error + 0.02 * expected * (program == "torchsde")
    assert abs(difference) < allowed
    assert units == 60 * 4000
    assert seconds > 0
    assert abs(1.1 * mean - expected) > allowed  # a mean 10 % off would be seen


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_torchsde_takes_the_steps_that_are_counted(precision, monkeypatch):
    """Beside its own grid it takes up to a tenth more; each call tries the drift out once."""
    pytest.importorskip("torchsde")
    drift, asked = programs._drift, []

    def counting(work, np_like):
        found = drift(work, np_like)
        return lambda *state: asked.append(1) or found(*state)

    monkeypatch.setattr(programs, "_drift", counting)
    _, units, _ = PROGRAMS["torchsde"](task("torchsde", precision=precision))(95)
    calls = -(-95 // programs.PIECE)
    assert (len(asked), units) == (95 + calls, 95 * 4000)


@pytest.mark.slow
def test_diffrax_ends_where_the_others_do():
    pytest.importorskip("diffrax")
    _, units, mean = PROGRAMS["diffrax"](task("diffrax"))(60)
    assert units == 60 * 4000
    assert 0.7 < mean < 1.1


@pytest.mark.slow
def test_first_passage_counts_the_steps_that_were_taken():
    run = PROGRAMS["langevin_lab"](task("langevin_lab", "first passage", backend="cpu"))
    _, units, mean = run(500)
    assert units == pytest.approx(2000 * mean / WORKS["first passage"].dt, rel=1e-9)
    exact = ll.exact.mean_first_passage_time(WORKS["first passage"].equation, -1.0, 1.0).value
    assert mean == pytest.approx(exact, rel=5 / np.sqrt(2000))


def test_every_backend_and_peer_is_on_the_list():
    names = [found.name for found in tasks("cuda", "double well", 100)]
    assert names[:2] == ["langevin_lab cuda, float64", "langevin_lab cuda, float32"]
    for program in ("langevin_lab torch:cuda", "langevin_lab torchsde:cuda", "torchsde", "jax",
                    "diffrax"):  # fmt: skip
        assert {f"{program}, float64", f"{program}, float32"} <= set(names)
    assert [t.name for t in tasks("cpu", "first passage", 100)] == ["langevin_lab cpu, float64"]
    assert "langevin_lab cpu, float32" not in [t.name for t in tasks("cpu", "double well", 9)]


def test_jax_on_another_device_is_refused():
    pytest.importorskip("jax")
    wanted = Task("jax", "double well", "cuda", "float64", 8)
    with pytest.raises(RuntimeError, match="JAX runs on cpu here, not on cuda; install jax"):
        programs._jax(wanted)

"""What backend="torch" records, freezes, saves and continues is what compiled code does."""

import numpy as np
import pytest
import torch
import torch_runs
from torch_runs import both

import langevin_lab as ll
from langevin_lab.ensemble import (
    ConfigurationalTemperature,
    Histogram,
    KineticTemperature,
    Variance,
)
from langevin_lab.ensemble.preparation import prepare
from langevin_lab.pytorch import stretches
from langevin_lab.pytorch.backend import Run

pytestmark = pytest.mark.filterwarnings("ignore:.*was NaN in:RuntimeWarning")
WELL = ll.potentials.double_well()
EQUATION = ll.Langevin(WELL, temperature=0.5, friction=1.0)
# Recorders of all kinds; an odd number of normals a step makes two steps share a pair.
OBSERVE = {
    "x2": "x**2", "height": "energy",
    "curvature": "laplacian", "constant": "2.0", "step": "dt*mass_x", "force": "-grad_x",
    "kinetic": KineticTemperature(half_step=True), "spread": Variance("x"),
    "virial": ConfigurationalTemperature(), "rugh": ConfigurationalTemperature("laplacian"),
    "density": Histogram("x", 12, -0.7, 0.6), "roots": Histogram("log(x)", 5, -1.0, 0.2),
    "momentum": Histogram("p", 5, -1.0, 1.0),
}  # fmt: skip
SETTINGS = {
    "dt": 0.05, "n_steps": 131, "n_replicas": 40, "observe": OBSERVE, "burn_in": 10,
    "record_every": 3, "save_every": 20,
}  # fmt: skip


def run(method="BAOAB", dynamics=EQUATION, **changes):
    settings = {"seed": 7, "progress": False, "backend": "torch", **SETTINGS, **changes}
    if not {"start", "continue_from"} & set(changes):
        settings["start"] = torch_runs.starts(dynamics.potential, settings["n_replicas"])
    return ll.simulate(dynamics, method, **settings)


@pytest.fixture(scope="module")
def compiled():
    return run(backend="cpu")


@pytest.fixture(scope="module")
def by_torch():
    return run()


def test_every_recorder_is_that_of_the_compiled_run(compiled, by_torch):
    torch_runs.assert_same(compiled, by_torch)
    assert by_torch["histogram_count"].sum() > 0


def test_the_dataset_says_what_ran_it(by_torch):
    assert by_torch.attrs["backend"] == "torch"
    assert by_torch.attrs["torch_version"] == torch.__version__
    assert by_torch.attrs["precision"] == "float64"


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("chunk_size", [17, 64])
def test_chunks_blocks_and_threads_change_no_number(by_torch, n_threads, chunk_size, monkeypatch):
    monkeypatch.setitem(ll.pytorch.backend._NUMBERS, "cpu", 8)
    found = run(n_threads=n_threads, chunk_size=chunk_size)
    torch_runs.assert_same(by_torch, found, tolerance=1e-13)


def test_replicas_alone_are_those_of_a_larger_run(by_torch):
    start = torch_runs.starts(WELL, 40)[25:]
    part = run(n_replicas=15, first_replica=25, start=start)
    np.testing.assert_allclose(part["x_final"], by_torch["x_final"][25:], rtol=1e-13)


@pytest.mark.parametrize(("first", "second"), [("cpu", "torch"), ("torch", "cpu"), ("torch",) * 2])
def test_a_run_continues_on_another_backend(compiled, first, second):
    half = run(n_steps=71, backend=first)
    found = run(n_steps=60, backend=second, continue_from=half)
    torch_runs.assert_same(compiled, found)


@pytest.mark.parametrize("n_replicas", [1, 3])
def test_few_replicas_have_stretches_of_time(n_replicas):
    observe = {"x2": "x**2", "kinetic": KineticTemperature()}
    settings = {"dt": 0.2, "n_steps": 700, "n_replicas": n_replicas, "observe": observe}
    expected, found = both(EQUATION, "BAOAB", start=[0.9], **settings)
    torch_runs.assert_same(expected, found)
    assert "batch_sum" in found


def divergent(**changes):
    """Some of the replicas start where the step is unstable."""
    start = torch_runs.starts(WELL, 40)
    start[[3, 17], 0] = 40.0, 30.0
    settings = {**SETTINGS, "start": start, **changes}
    return both(EQUATION, "BAOAB", **settings)


@pytest.mark.parametrize("bound", [1e10, 5.0, 1.3])
def test_a_divergence_is_the_same(bound):
    expected, found = divergent(divergence_bound=bound, chunk_size=50)
    torch_runs.assert_same(expected, found)
    assert (found["diverged_step"] >= 0).sum() >= 2


def test_a_frozen_replica_stays_frozen_in_a_continued_run():
    (expected, found), kept = divergent(), {"n_steps": 131, "seed": 11, "progress": False}
    settings = {k: v for k, v in SETTINGS.items() if k != "n_steps"} | kept
    with pytest.warns(RuntimeWarning, match="diverged"):
        both_more = [
            ll.simulate(EQUATION, "BAOAB", continue_from=one, backend=backend, **settings)
            for one, backend in ((expected, "cpu"), (found, "torch"))
        ]
    torch_runs.assert_same(*both_more)


def test_a_memory_that_overflows_is_a_divergence(plain_python):
    """The average of squared gradients overflows long before the position leaves the bound."""
    steep = ll.Potential.from_expression("x**8")
    optimiser = ll.momentum.Adam(learning_rate=0.01)
    start = np.full((9, 1), 1.0)
    start[4] = 1e25
    settings = {"start": start, "divergence_bound": 1e300, "n_steps": 5}
    with np.errstate(all="ignore"):
        expected, found = both(steep, optimiser, **settings)
    torch_runs.assert_same(expected, found)
    assert found["diverged_step"].values.tolist() == [-1] * 4 + [1] + [-1] * 4


class Replayed:
    """Stands for a CUDA graph: replaying computes from the captured tensors and writes to them."""

    def __init__(self, function, plan, given, result):
        self.function, self.plan, self.given, self.result = function, plan, given, result

    def replay(self):
        with torch.no_grad():
            stretches.copy_into(self.result, self.function(self.plan, self.given))


def captured(self, plan, stretch):
    given = stretches.copied(stretch)
    result = stretches.copied(self.function(plan, given))
    return Replayed(self.function, plan, given, result), given, result


@pytest.fixture
def as_on_a_card(monkeypatch):
    """Counters and tables are tensors, noise is torch operations, graphs are replayed."""
    replays = []
    monkeypatch.setattr(Run, "captures", True)
    monkeypatch.setattr(stretches.GraphedRunner, "_captured", captured)
    replay = Replayed.replay
    monkeypatch.setattr(Replayed, "replay", lambda self: (replays.append(self), replay(self)))
    return replays


def test_replayed_graphs_give_the_same_dataset(compiled, as_on_a_card):
    changes = {"record_every": 2, "burn_in": 0, "save_every": None, "n_steps": 330}
    expected = run(backend="cpu", **changes)
    found = run(**changes)
    assert len(as_on_a_card) == 4  # of five whole stretches and a rest, the first is called
    torch_runs.assert_same(expected, found)
    torch_runs.assert_same(compiled, run(chunk_size=17))


CHAIN = ll.potentials.phi4_chain(n_sites=3)
CAPTURED = {
    "a schedule": (
        ll.Langevin(
            ll.potentials.entropic_barrier(), friction=1.0, mass=(1.0, 2.0),
            temperature=ll.dynamics.Linear(start=1.0, stop=0.2, duration=12.0),
        ),
        "BAOAB",
    ),
    "frictions": (
        ll.Langevin(ll.potentials.entropic_barrier(), friction=(1.0, 0.5), temperature=0.5),
        "ABOBA",
    ),
    "rows": (ll.Langevin(CHAIN, temperature=1.0, friction=1.0), "BBK"),
    "a remembered normal": (ll.Overdamped(WELL, temperature=0.5), "LeimkuhlerMatthews"),
}  # fmt: skip


@pytest.mark.parametrize("which", CAPTURED)
def test_what_a_graph_reads_are_tensors(which, as_on_a_card, plain_python):
    dynamics, name = CAPTURED[which]
    start = torch_runs.starts(dynamics.potential)
    settings = {"dt": 0.05, "n_steps": 260, "start": start, "divergence_bound": 1e3}
    expected, found = both(dynamics, name, **settings)
    assert as_on_a_card
    torch_runs.assert_same(expected, found)


def test_single_steps_of_a_schedule_take_their_own_coefficients(as_on_a_card):
    """A stretch of one step has one row, as a run without a schedule has for all steps."""
    ramp = ll.dynamics.Linear(start=2.0, stop=0.01, duration=2.0)
    dynamics = ll.Langevin(WELL, friction=1.0, temperature=ramp)
    arguments = {"dt": 0.1, "n_steps": 20, "n_replicas": 5, "seed": 1, "start": [1.0]}
    whole, single = (prepare(dynamics, "BAOAB", backend="torch", **arguments).run for _ in "ab")
    whole.advance(20)
    for _ in range(20):
        single.advance(1)
    assert len(as_on_a_card) == 18  # of odd and of even steps the first is called
    for done in (whole, single):
        done.fetch()
    np.testing.assert_allclose(single.state, whole.state, rtol=1e-12)


def test_divergence_is_the_same_with_graphs(as_on_a_card):
    changes = {"save_every": None, "record_every": 2, "burn_in": 0}
    torch_runs.assert_same(*divergent(n_steps=260, **changes))
    assert as_on_a_card


def test_what_cannot_be_captured_is_launched_with_a_warning(as_on_a_card, monkeypatch):
    def refuse(self, plan, stretch):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(stretches.GraphedRunner, "_captured", refuse)
    changes = {"record_every": 2, "burn_in": 0, "save_every": None, "n_steps": 260}
    with pytest.warns(RuntimeWarning, match=r"\(operation not permitted .*capturing\) and are"):
        found = run(**changes)
    torch_runs.assert_same(run(backend="cpu", **changes), found)


def test_more_plans_than_graphs_are_called(as_on_a_card, monkeypatch):
    monkeypatch.setattr(stretches.GraphedRunner, "MOST_GRAPHS", 0)
    torch_runs.assert_same(run(backend="cpu", n_steps=260), run(n_steps=260))
    assert not as_on_a_card

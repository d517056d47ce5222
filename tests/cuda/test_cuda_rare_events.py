"""Splitting, crossings and forward flux on a card: the runs are those of the CPU."""

import threading

import numpy as np
import pytest
from numba import config

import langevin_lab as ll
from langevin_lab.cuda import CudaSplitPaths, splitting_source
from langevin_lab.ensemble.kernel import SplittingKernel
from langevin_lab.ensemble.split_paths import FIRST_STEP, PATH
from langevin_lab.escape import (
    CheckpointError,
    DivergedPathError,
    NoArrivalError,
    first_passage,
    forward_flux_sampling,
    rare_event_probability,
    rare_event_rate,
    splitting,
    surface_crossings,
)
from langevin_lab.integrators import method_for

WELL = ll.potentials.double_well()
WARM = ll.Overdamped(WELL, temperature=0.5)
INERTIAL = ll.Langevin(WELL, temperature=0.5, friction=1.0)
PLANE = ll.Langevin(ll.potentials.entropic_barrier(), temperature=1.0, friction=1.0)
CHAIN = ll.Langevin(ll.potentials.phi4_chain(n_sites=3), temperature=1.0, friction=1.0)
DRAWN = ll.Langevin(
    WELL.with_gradient_noise(standard_deviation=1.0), temperature=0.5, friction=1.0
)  # fmt: skip
HOP = {"dt": 0.05, "coordinate": "x", "source": "x < -0.95", "target": "x > 0.8", "seed": 3}
EVENT = ("log_probabilities", "n_iterations", "n_branches", "n_steps")


def hop(backend="cuda", dynamics=WARM, method="EulerMaruyama", **changes):
    settings = {"start": np.full(dynamics.dim, -0.7), "n_replicas": 6, "n_runs": 4, **HOP}
    return rare_event_probability(
        dynamics, method, **{**settings, "backend": backend, "n_threads": 1, **changes}
    )


def hop_rate(backend="cuda", dynamics=WARM, method="EulerMaruyama", **changes):
    settings = {"surface": "x > -0.8", "n_replicas": 4, "n_runs": 3, **HOP}
    return rare_event_rate(
        dynamics, method, **{**settings, "backend": backend, "n_threads": 1, **changes}
    )


def flux(backend="cuda", dynamics=WARM, method="EulerMaruyama", **changes):
    settings = {"levels": [-0.8, -0.3, 0.2], "n_trials": 5, "n_runs": 3, **HOP}
    return forward_flux_sampling(
        dynamics, method, **{**settings, "backend": backend, "n_threads": 1, **changes}
    )


def assert_same(card, cpu, names):
    for name in names:
        found, expected = getattr(card, name), getattr(cpu, name)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=name)


CASES = {
    "overdamped": (WARM, "EulerMaruyama", {}),
    "several at a time": (WARM, "EulerMaruyama", {"n_killed": 3}),
    "rounded levels": (WARM, "EulerMaruyama", {"level_spacing": 0.15}),
    "inertial": (INERTIAL, "BAOAB", {"target": "x > 0.8 and p > -1"}),
    "plane": (PLANE, "ABOBA", {"coordinate": "x - y**2/4"}),
    "chain": (
        CHAIN, "BAOAB",
        {"coordinate": "x0 + x1 + x2", "source": "x0 < -0.95", "target": "x0 + x1 + x2 > 0"},
    ),
    "drawn gradient": (DRAWN, "BAOAB", {}),
    "acceptance": (WARM, "MALA", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_runs_are_those_of_the_cpu(case, plain_python):
    dynamics, method, changes = CASES[case]
    cpu, card = (hop(backend, dynamics, method, **changes) for backend in ("cpu", "cuda"))
    assert_same(card, cpu, EVENT)
    assert np.isfinite(cpu.log_probabilities).any()
    assert len(set(cpu.n_steps)) > 1


@pytest.mark.parametrize(("dynamics", "method"), [(WARM, "EulerMaruyama"), (INERTIAL, "BAOAB")])
def test_crossings_and_rates_are_those_of_the_cpu(dynamics, method, plain_python):
    changes = {"crossings_per_path": 2, "first_run": 5}
    cpu, card = (hop_rate(backend, dynamics, method, **changes) for backend in ("cpu", "cuda"))
    assert_same(card.event, cpu.event, EVENT)
    assert_same(card, cpu, ("crossing_times",))
    assert card.rate.value == pytest.approx(cpu.rate.value, rel=1e-12)


def test_forward_flux_is_that_of_the_cpu(plain_python):
    cpu, card = (flux(backend, INERTIAL, "BAOAB") for backend in ("cpu", "cuda"))
    assert_same(card, cpu, ("successes", "n_steps", "crossing_times"))
    assert cpu.successes.sum() > 10


def test_room_for_records_and_length_of_launches_change_nothing(monkeypatch):
    """Each run has its own step number: a path that needs room stops its own run alone."""
    whole = hop(method="StochasticHeun")
    monkeypatch.setattr(splitting, "FIRST_ROOM", 2)
    monkeypatch.setattr(splitting, "CHUNK", 37)
    monkeypatch.setattr(surface_crossings, "CHUNK", 37)
    assert_same(hop(method="StochasticHeun"), whole, EVENT)


def test_runs_do_not_depend_on_company():
    """Forty runs are two blocks of a card, three of the simulator; the last is not full."""
    whole = hop(n_runs=40, n_replicas=3)
    part = hop(n_runs=4, n_replicas=3, first_run=33)
    for name in EVENT:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[33:37])


def test_records_that_no_branch_needs_make_room(monkeypatch):
    """Levels are rounded, so that few records last; the room never grows beyond them."""
    monkeypatch.setattr(splitting, "FIRST_ROOM", 4)
    rooms = []
    make_room = splitting.SplittingBlock._make_room

    def noted(self, room):
        rooms.append(room)
        make_room(self, room)

    monkeypatch.setattr(splitting.SplittingBlock, "_make_room", noted)
    hop(level_spacing=0.25, n_replicas=8)
    assert max(rooms) <= 16


def test_paths_that_blow_up_or_never_end_are_errors(monkeypatch):
    with pytest.raises(DivergedPathError, match="a path of 4 of 4 runs has left") as caught:
        hop(divergence_bound=0.75)
    assert caught.value.n_diverged == 4
    with pytest.raises(DivergedPathError, match="3 of 3 trajectories have left"):
        hop_rate(divergence_bound=0.75)
    for module in (splitting, surface_crossings):
        monkeypatch.setattr(module, "GIVE_UP_STEPS", 30)
        monkeypatch.setattr(module, "CHUNK", 50)
    with pytest.raises(NoArrivalError, match="a path has reached neither source nor target"):
        hop(source="x < -9", target="x > 9")
    with pytest.raises(NoArrivalError, match="no trajectory has crossed the surface"):
        hop_rate(surface="x > 9", target="x > 9")


@pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="of the simulator, whose card has no state")
def test_arrays_are_sent_to_the_card_that_the_kernels_run_on(monkeypatch):
    """Runs advance in a thread of their own, whose current card is number 0 to begin with."""
    from numba import cuda
    from numba.cuda.simulator.cudadrv.devices import FakeCUDAContext
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    inside, outside = [], []

    def noted(name, call):
        def checked(*arguments, **options):
            if not inside or inside[-1] != threading.get_ident():
                outside.append(name)
            return call(*arguments, **options)

        return checked

    monkeypatch.setattr(
        FakeCUDAContext, "__enter__", lambda self: inside.append(threading.get_ident())
    )
    monkeypatch.setattr(FakeCUDAContext, "__exit__", lambda self, *error: inside.pop())
    monkeypatch.setattr(cuda, "to_device", noted("to_device", cuda.to_device))
    monkeypatch.setattr(FakeCUDAKernel, "__getitem__", noted("launch", FakeCUDAKernel.__getitem__))
    hop_rate()
    flux()
    arrived = {"dt": 0.05, "start": -0.7, "target": "x > 0.8", "n_replicas": 3, "seed": 1}
    first_passage(WARM, "EulerMaruyama", backend="cuda", **arrived)
    ll.simulate(WARM, "EulerMaruyama", dt=0.1, n_steps=4, n_replicas=8, seed=1, backend="cuda")
    assert outside == []
    cuda.to_device(np.zeros(1))
    assert outside == ["to_device"]


def test_only_the_path_on_its_way_has_an_age():
    paths = object.__new__(CudaSplitPaths)
    paths.steps, paths.numbers = np.array([50, 70, 80]), np.zeros((3, 8), np.int64)
    paths.numbers[:, PATH], paths.numbers[:, FIRST_STEP] = (4, -1, 0), (20, 60, 80)
    np.testing.assert_array_equal(paths.ages, [30, 0, 0])


def test_starts_in_the_wrong_region_are_errors():
    with pytest.raises(ValueError, match=r"a path starts in source='x < -0\.95'"):
        hop(start=-1.0)
    with pytest.raises(ValueError, match=r"a path starts in target='x > 0\.8'"):
        hop(start=0.9)
    with pytest.raises(ValueError, match=r"start lies outside source='x < -0\.95'"):
        hop_rate(start=0.0)


def test_a_checkpoint_goes_on_on_another_backend(tmp_path, plain_python):
    """Runs are the same on all, so it does not matter where one was made."""
    file = tmp_path / "runs.nc"
    hop("cpu", n_runs=2, checkpoint=file)
    joined = hop("cuda", n_runs=4, checkpoint=file)
    assert_same(joined, hop("cpu", n_runs=4), EVENT)
    assert joined.hardware["backend"] == "cpu; cuda"
    assert len(joined.hardware["device"].split("; ")) == 2
    with pytest.raises(CheckpointError, match="precision=None, this call has precision=float32"):
        hop("cuda", n_runs=4, checkpoint=file, precision="float32")


@pytest.mark.parametrize("estimate", [hop, flux])
def test_datasets_say_what_carried_them_out(estimate):
    found = estimate("cuda:0", n_runs=2)
    again = type(found).from_dataset(found.to_dataset())
    assert again.hardware == found.hardware
    assert again.hardware["backend"] == "cuda:0"
    assert {"device", "compiler"} <= set(again.hardware)


@pytest.mark.parametrize("estimate", [hop, hop_rate, flux])
def test_what_cannot_carry_it_out_is_refused(estimate):
    with pytest.raises(ValueError, match=r"cannot stop those .* use one of \['cpu', 'cuda'\]"):
        estimate("torch")
    with pytest.raises(ValueError, match="precision='bfloat16' with backend='cuda'"):
        estimate("cuda", precision="bfloat16")


def test_the_kernel_can_be_read():
    regions = {"source": "x < -0.95", "target": "x > 0.8"}
    method = method_for("EulerMaruyama", WARM)
    kernel = SplittingKernel(WARM, method, 0.05, coordinate="x", regions=regions)
    assert "def split(" in splitting_source(kernel)
    assert "def record_crossings(" not in splitting_source(kernel)


def test_float32_takes_the_same_paths():
    """Rounded levels have no near misses but at their edges; a path of another noise differs."""
    double, single, other = (
        hop_rate(level_spacing=0.25, **changes)
        for changes in ({}, {"precision": "float32"}, {"precision": "float32", "seed": 4})
    )
    assert single.rate.value == pytest.approx(double.rate.value, rel=1e-6)
    assert other.rate.value != pytest.approx(double.rate.value, rel=1e-2)
    np.testing.assert_array_equal(single.event.n_steps, double.event.n_steps)

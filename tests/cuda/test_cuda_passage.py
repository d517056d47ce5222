"""First passage on a card: the steps of arrival and divergence are those of the CPU."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from numba import config

import langevin_lab as ll
from langevin_lab.cuda import cuda_passage, passage_source
from langevin_lab.cuda.stopping_text import module_of
from langevin_lab.ensemble.kernel import BridgeKernel, PassageKernel
from langevin_lab.escape import NoArrivalError, first_passage, passage
from langevin_lab.integrators import method_for
from langevin_lab.noise import uniform

ON_A_CARD = not config.ENABLE_CUDASIM

WELL = ll.potentials.double_well()
PLANE = ll.potentials.entropic_barrier()
SPACE = ll.Potential.from_expression(
    "(x**2 - 1)**2 + exp(y)*y**2 + z**2*sin(x)**2 + z**4", variables=("x", "y", "z")
)
HOT = ll.Overdamped(WELL, temperature=2.0)
INERTIAL = ll.Langevin(WELL, temperature=2.0, friction=1.0)
DRAWN = WELL.with_gradient_noise(standard_deviation=1.5)
CHAIN = ll.Langevin(ll.potentials.phi4_chain(n_sites=3), temperature=2.0, friction=1.0)
# From temperature 3 to 1 in 2 units of time.
COOLED = ll.Langevin(WELL, temperature=ll.dynamics.Linear(start=3.0, stop=1.0, duration=2.0),
                     friction=1.0)  # fmt: skip


def arrivals(backend, dynamics, method, **changes):
    settings = {
        "dt": 0.05, "start": np.full(dynamics.dim, -0.7), "target": "x > 0.9", "seed": 5,
        "n_replicas": 11, "max_time": 6.0, "backend": backend, "n_threads": 2,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* replicas diverged and are in no estimate")
        return first_passage(dynamics, method, **{**settings, **changes})


# What a kernel may have to do: odd numbers of normals in one and three dimensions, a carried
# gradient, energy, normal, memory, a drawn gradient, a thermostat, a schedule, any target.
CASES = {
    "shifted boundary": (HOT, "EulerMaruyama", {}),
    "two boundaries": (HOT, "StochasticHeun", {"start": 0.1, "target": "x > 1 or x < -1"}),
    "bridge": (HOT, "EulerMaruyama", {"crossing": "bridge"}),
    "bridge to two": (
        ll.Overdamped(ll.Potential.from_expression("k*x", parameters={"k": 0.5}), temperature=1.0),
        "EulerMaruyama", {"crossing": "bridge", "start": 0.0, "target": "x > 2 or x < -2"},
    ),
    "momenta": (INERTIAL, "BAOAB", {"target": "x > 0 and p > 1.2"}),
    "plane": (
        ll.Langevin(PLANE, temperature=2.0, friction=(1.0, 0.5), mass=(1.0, 2.0)), "BAOAB",
        {"target": "energy > 3 or x + y > 2"},
    ),
    "space": (ll.Langevin(SPACE, temperature=2.0, friction=1.0), "ABOBA", {"target": "x > z"}),
    "chain": (CHAIN, "BAOAB", {"target": "x0 > 0.5 or energy > 6"}),
    "bridge of a chain": (
        ll.Overdamped(CHAIN.potential, temperature=2.0), "EulerMaruyama",
        {"crossing": "bridge", "target": "x0 > 0.5", "dt": 0.01},
    ),
    "carried normal": (HOT, "LeimkuhlerMatthews", {"crossing": "none"}),
    "acceptance": (HOT, "MALA", {"dt": 0.1, "target": "x > 0.5 and accepted > 0.5"}),
    "thermostat": (
        ll.AdaptiveLangevin(WELL, temperature=2.0, thermal_mass=2.0, applied_noise=2.0), "BADODAB",
        {"target": "x > 0.5 and xi > 0.8", "start_thermostat": 0.5},
    ),
    "schedule": (COOLED, "BAOAB", {}),
    "drawn gradient": (ll.Langevin(DRAWN, temperature=1.0, friction=1.0), "BAOAB", {}),
    "memory": (
        DRAWN, ll.momentum.Adam(learning_rate=0.05),
        {"dt": None, "start": -0.5, "target": "abs(x + 0.5) > 0.3", "max_time": 40},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_arrivals_are_those_of_the_cpu(case, plain_python, monkeypatch):
    monkeypatch.setattr(passage, "FIRST_CHUNK", 7)  # odd: launches begin between two steps' pairs
    dynamics, method, changes = CASES[case]
    cpu, card = (arrivals(backend, dynamics, method, **changes) for backend in ("cpu", "cuda"))
    np.testing.assert_array_equal(card.times, cpu.times)
    np.testing.assert_array_equal(card.arrived, cpu.arrived)
    np.testing.assert_array_equal(card.diverged, cpu.diverged)
    assert len(set(card.times)) > 3
    assert card.arrived.sum() > 2


@pytest.mark.parametrize(
    ("dynamics", "method", "changes"),
    [
        (INERTIAL, "BAOAB", {"divergence_bound": 2.5, "target": "x > 1"}),
        (HOT, "EulerMaruyama", {"divergence_bound": 1.3, "crossing": "none"}),
    ],
)
def test_divergence_is_that_of_the_cpu(dynamics, method, changes, plain_python):
    """A narrow bound loses replicas on their way, and those that leave it through the target."""
    settings = {"n_replicas": 30, **changes}
    cpu, card = (arrivals(backend, dynamics, method, **settings) for backend in ("cpu", "cuda"))
    assert cpu.arrived.any()
    assert cpu.diverged.any()
    for name in ("times", "arrived", "diverged"):
        np.testing.assert_array_equal(getattr(card, name), getattr(cpu, name))


@pytest.mark.parametrize("first", [0, 2**63 - 100])
def test_arrivals_do_not_depend_on_packing_or_company(first, monkeypatch):
    """Over several blocks, whose last is not full, and for replicas far beyond 32 bits."""
    whole = arrivals("cuda", HOT, "EulerMaruyama", n_replicas=37, first_replica=first)
    part = arrivals("cuda", HOT, "EulerMaruyama", n_replicas=9, first_replica=first + 20)
    np.testing.assert_array_equal(part.times, whole.times[20:29])
    monkeypatch.setattr(passage, "FIRST_CHUNK", 5)
    monkeypatch.setattr(passage, "MAX_CHUNK", 5)
    again = arrivals("cuda", HOT, "EulerMaruyama", n_replicas=37, first_replica=first)
    np.testing.assert_array_equal(again.times, whole.times)


def test_replicas_of_large_numbers_have_the_noise_of_the_cpu(plain_python):
    settings = {"first_replica": 2**63 - 100, "n_replicas": 5}
    cpu, card = (arrivals(backend, HOT, "EulerMaruyama", **settings) for backend in ("cpu", "cuda"))
    np.testing.assert_array_equal(card.times, cpu.times)


def test_only_the_list_of_survivors_decides_who_goes_on(monkeypatch):
    """Launches are over those on their way and nobody else."""
    sizes = []
    advance = cuda_passage.CudaPassage.advance

    def noted(self, step, n_steps, pool):
        sizes.append(self.n_waiting)
        advance(self, step, n_steps, pool)

    monkeypatch.setattr(cuda_passage.CudaPassage, "advance", noted)
    monkeypatch.setattr(passage, "FIRST_CHUNK", 16)
    found = arrivals("cuda", HOT, "EulerMaruyama", n_replicas=20, max_time=1000.0)
    steps = np.rint(found.times / found.dt).astype(int)
    begins, chunk = [0], 16
    for before, after in pairwise(sizes):
        begins.append(begins[-1] + chunk)
        chunk = min(passage.MAX_CHUNK, 2 * chunk) if after > 0.9 * before else chunk
    assert sizes == [int((steps > begin).sum()) for begin in begins]


def test_what_carried_it_out_is_named(plain_python):
    found = arrivals("cuda:0", HOT, "EulerMaruyama", n_replicas=2, max_time=0.1)
    assert found.hardware["backend"] == "cuda:0"
    assert found.hardware["device"]
    assert arrivals("cpu", HOT, "EulerMaruyama", max_time=0.05).hardware["backend"] == "cpu"


def test_a_run_without_arrivals_gives_up(monkeypatch):
    monkeypatch.setattr(passage, "GIVE_UP_STEPS", 1000)
    with pytest.raises(NoArrivalError, match="none of 3 replicas on their way has arrived in"):
        arrivals("cuda", HOT, "EulerMaruyama", target="x > 50", n_replicas=3, max_time=None)


def test_the_kernel_can_be_read():
    kernel = PassageKernel(HOT, method_for("EulerMaruyama", HOT), 0.05, target="x > 0.9")
    source = passage_source(kernel)
    assert "def advance_to_target(" in source
    assert "def lies_in_target(x)" in source
    bridge = BridgeKernel(
        HOT, method_for("EulerMaruyama", HOT), 0.05, distances=["(1 - x)*shift_0"],
        scales=np.ones(1),
    )  # fmt: skip
    assert "N_BOUNDARIES = 1" in passage_source(bridge)


@pytest.mark.parametrize("backend", ["torch", "torch:cuda", "torchsde"])
def test_backends_that_cannot_stop_replicas_are_refused(backend):
    with pytest.raises(ValueError, match=r"cannot stop those .* use one of \['cpu', 'cuda'\]"):
        arrivals(backend, HOT, "EulerMaruyama")


def test_what_a_card_has_no_kernels_for_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="precision='bfloat16' with backend='cuda'"):
        arrivals("cuda", HOT, "EulerMaruyama", precision="bfloat16")
    chain = ll.Langevin(ll.potentials.phi4_chain(n_sites=3), temperature=1.0, friction=1.0)
    with pytest.raises(
        ValueError, match="phi4_chain, which is one of loops over arrays, which run"
    ):
        arrivals("cuda", chain, "BAOAB", target="x0 > 0.5", precision="float32")
    with pytest.raises(ValueError, match="precision='float32' with backend='cpu'"):
        arrivals("cpu", HOT, "EulerMaruyama", precision="float32")


@pytest.mark.skipif(ON_A_CARD, reason="calls a device function from Python")
def test_bridge_decides_by_the_probability_of_the_cpu():
    """Just below and just above exp(-e0 e1) = u, with u the replica's number of that step."""
    kernel = BridgeKernel(
        HOT, method_for("EulerMaruyama", HOT), 0.05, distances=["(1 - x)*shift_0"],
        scales=np.ones(1),
    )  # fmt: skip
    has_arrived = module_of(kernel, "float64").has_arrived
    for number in range(20):
        even = -np.log(uniform(5, 3, number))
        for factor, expected in ((1 - 1e-9, True), (1 + 1e-9, False)):
            place = (np.float64(0.5),), (np.float64(2 * factor * even),)
            found = has_arrived(*place, np.uint64(5), np.uint64(3), number)
            assert bool(found) is expected
    assert has_arrived((1.0,), (-1e-9,), np.uint64(5), np.uint64(3), 0)


@pytest.mark.parametrize("crossing", ["shift", "bridge"])
def test_float32_has_the_same_noise(crossing):
    """Rounding moves an arrival from one step to another only where it is a near thing."""
    settings = {"crossing": crossing, "n_replicas": 30}
    double, single, other = (
        arrivals("cuda", HOT, "EulerMaruyama", **settings, **changes)
        for changes in ({}, {"precision": "float32"}, {"precision": "float32", "seed": 6})
    )
    assert np.mean(single.times == double.times) >= 0.9
    assert np.mean(other.times == double.times) < 0.5


def test_hop_rates_are_those_of_the_cpu(plain_python):
    settings = {
        "dt": 0.05, "well": "x < 0", "starts": (-1.0, 1.0), "n_replicas": 400, "seed": 2,
        "settle": 0.1, "window": 0.8,
    }  # fmt: skip
    warm = ll.Overdamped(WELL, temperature=0.6)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*faster modes")
        cpu, card = (
            ll.escape.hop_rate(warm, "EulerMaruyama", backend=backend, **settings)
            for backend in ("cpu", "cuda")
        )
    np.testing.assert_array_equal(card.sums, cpu.sums)
    assert cpu.sums.sum() > 20


def test_arrays_that_do_not_fit_on_the_card_are_refused(monkeypatch):
    """State, list, list of survivors, arrival and divergence, 8 bytes each, and the parameters."""
    needed = []
    monkeypatch.setattr(cuda_passage, "check_free_memory", needed.append)
    arrivals("cuda", HOT, "EulerMaruyama", n_replicas=10, max_time=0.1, crossing="none")
    n_parameters = PassageKernel(
        HOT, method_for("EulerMaruyama", HOT), 0.05, target="x > 0.9"
    ).parameters.size
    assert needed == [8 * (5 * 10 + n_parameters)]

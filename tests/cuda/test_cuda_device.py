"""What is refused on a card and how it is said; what the dataset says of the card."""

import os
import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from numba import config
from numba.core.errors import NumbaPerformanceWarning

import langevin_lab as ll
from langevin_lab.cuda import NoDeviceError, cuda_run, device, find_device, kernel_source
from langevin_lab.ensemble.backends import Backend
from langevin_lab.ensemble.kernel import RecordingKernel
from langevin_lab.escape import first_passage, rare_event_rate

EQUATION = ll.Langevin(ll.potentials.double_well(), temperature=0.5, friction=1.0)


def run(dynamics=EQUATION, method="BAOAB", **settings):
    settings = {"n_steps": 4, "n_replicas": 8, "seed": 1, "backend": "cuda"} | settings
    if "learning_rate" not in repr(method):
        settings.setdefault("dt", 0.05)
    return ll.simulate(dynamics, method, **settings)


def test_without_a_card_one_line_says_what_was_looked_for_and_what_to_do():
    script = (
        "import langevin_lab as ll\n"
        "eq = ll.Langevin(ll.potentials.harmonic(), temperature=1.0, friction=1.0)\n"
        "ll.simulate(eq, 'BAOAB', dt=0.1, n_steps=4, n_replicas=8, seed=1, backend='cuda')\n"
    )
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0", "CUDA_VISIBLE_DEVICES": ""}
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    said = finished.stderr.splitlines()[-1]
    assert "NoDeviceError: backend='cuda' looked for a driver, an NVVM compiler and a card" in said
    assert said.endswith("run the same on the CPU with backend='cpu'")


class Card:
    """Stands in for a card that ``with`` makes current."""

    changes = ""

    def __enter__(self):
        self.changes += "used "

    def __exit__(self, *error):
        self.changes += "left"


class Driver:
    """Stands in for numba.cuda on a machine with so many cards."""

    def __init__(self, n_cards, error=None):
        self.cards, self.error = [Card() for _ in range(n_cards)], error

    @property
    def gpus(self):
        if self.error:
            raise RuntimeError(f"Error at driver init: {self.error}")
        return self.cards

    def cuda_error(self):
        return self.error


@pytest.fixture
def machine(monkeypatch):
    """A machine with a driver, a compiler and cards, or without."""

    def make(n_cards=1, *, error=None, compiler=True):
        driver = Driver(n_cards, error)
        monkeypatch.setattr(device, "_is_simulated", lambda: False)
        monkeypatch.setattr(device, "_numba_cuda", lambda backend: driver)
        monkeypatch.setattr(device, "_has_compiler", lambda: compiler)
        monkeypatch.setattr(device, "_described", lambda number: number)
        return driver

    return make


# What numba says of a driver.
NO_LIBRARY = "\nCUDA driver library cannot be found.\nIf you are sure that one is installed"
NO_DEVICE = "Call to cuInit results in CUDA_ERROR_NO_DEVICE (100)"
DISABLED = "CUDA is disabled due to setting NUMBA_DISABLE_CUDA=1 in the environment."


@pytest.mark.parametrize(
    ("n_cards", "absent", "named"),
    [
        (1, {"error": NO_LIBRARY}, r"found no NVIDIA driver \(libcuda\); run the same"),
        (1, {"compiler": False}, r"found no NVVM compiler \(CUDA toolkit"),
        (1, {"error": NO_LIBRARY, "compiler": False}, "no NVIDIA driver .* and no NVVM compiler"),
        (1, {"error": NO_DEVICE}, "found no card; run the same"),
        (1, {"error": DISABLED}, r"does not serve \(CUDA is disabled .*=1 in the environment\);"),
        (0, {}, "found no card; run the same on the CPU with backend='cpu'"),
    ],
)
def test_what_is_missing_is_named(machine, monkeypatch, n_cards, absent, named):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine(n_cards, **absent)
    with pytest.raises(NoDeviceError, match=named):
        find_device(Backend("cuda"))


@pytest.mark.parametrize("error", [NO_DEVICE, None])
def test_hidden_cards_are_not_a_missing_driver(machine, monkeypatch, error):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine(0, error=error)
    with pytest.raises(NoDeviceError, match="found no card that CUDA_VISIBLE_DEVICES='' shows; "):
        find_device(Backend("cuda"))


def launching(error):
    """Stands in for numba.cuda whose kernels raise an error at their launch."""

    def launch():
        if error:
            raise RuntimeError(error)

    kernel = {(1, 1, 0, 0): launch}
    card = SimpleNamespace(name=b"Tesla V100", compute_capability=(7, 0))
    return SimpleNamespace(
        jit=lambda function: kernel, synchronize=lambda: None, get_current_device=lambda: card
    )


def test_a_card_that_the_toolkit_does_not_serve_is_refused(monkeypatch):
    monkeypatch.setattr(device, "_is_simulated", lambda: False)
    device._described.cache_clear()
    said = "libnvvm : error: -arch=compute_70 is an unsupported option\nNVVM_ERROR_INVALID_OPTION"
    monkeypatch.setitem(sys.modules, "numba.cuda", launching(said))
    message = (
        r"Tesla V100, of compute capability 7\.0, runs no kernel of numba.* an unsupported option "
        r"NVVM_ERROR_INVALID_OPTION\); install a CUDA toolkit .* or run the same on the CPU"
    )
    with pytest.raises(NoDeviceError, match=message):
        device._described(0)
    monkeypatch.setitem(sys.modules, "numba.cuda", launching(""))
    assert device._described(0).name == "Tesla V100"
    device._described.cache_clear()


@pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="numba warns by itself")
def test_small_ensembles_do_not_warn_of_their_size(monkeypatch):
    """On a card numba warns of every launch below 128 blocks, here the simulator does too."""
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    shape = FakeCUDAKernel.__getitem__

    def warning(self, configuration):
        message = f"Grid size {configuration[0]} will likely result in GPU under-utilization"
        warnings.warn(f"{message} due to low occupancy.", NumbaPerformanceWarning, stacklevel=2)
        return shape(self, configuration)

    monkeypatch.setattr(FakeCUDAKernel, "__getitem__", warning)
    run()
    warm = ll.Overdamped(EQUATION.potential, temperature=0.5)
    settings = {"dt": 0.05, "target": "x > 0.8", "seed": 1, "backend": "cuda"}
    regions = {"coordinate": "x", "source": "x < -0.95", "surface": "x > -0.8", "n_runs": 2}
    first_passage(warm, "EulerMaruyama", start=-0.7, n_replicas=3, **settings)
    rare_event_rate(warm, "EulerMaruyama", n_replicas=3, **regions, **settings)


def test_a_card_is_chosen_by_its_number(machine):
    driver = machine(n_cards=2)
    assert find_device(Backend("cuda", "1")) == 1
    assert [card.changes for card in driver.cards] == ["", "used left"]
    with pytest.raises(NoDeviceError, match=r"no card number 2, there are 2; use 'cuda:0' or"):
        find_device(Backend("cuda", "2"))


def test_numba_without_cuda_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    monkeypatch.delattr("numba.cuda", raising=False)
    with pytest.raises(NoDeviceError, match=r"numba.cuda cannot be imported"):
        find_device(Backend("cuda"))


def test_a_second_card_is_not_simulated():
    with pytest.raises(NoDeviceError, match="'cuda:7': there is no card number 7"):
        run(backend="cuda:7")


def test_arrays_that_do_not_fit_are_not_sent(monkeypatch):
    """Nor is what numba has yet to free counted as taken."""
    put_off = [500_000_000]
    memory = SimpleNamespace(
        get_memory_info=lambda: (3_000_000_000 - sum(put_off), 8_000_000_000),
        memory_manager=SimpleNamespace(deallocations=put_off),
    )
    card = SimpleNamespace(current_context=lambda: memory)
    monkeypatch.setattr(device, "_is_simulated", lambda: False)
    monkeypatch.setitem(sys.modules, "numba.cuda", card)
    device.check_free_memory(3_000_000_000)
    message = "the card has 3 GB free and the run takes 3.1 GB; lower n_replicas"
    with pytest.raises(MemoryError, match=message):
        device.check_free_memory(3_100_000_000)


@pytest.mark.parametrize("save_every", [None, 2])
def test_what_has_to_fit_are_the_arrays_and_the_path(monkeypatch, save_every):
    """Positions, momenta and the step of divergence; at most SAVED_BYTES of the path at a time."""
    needed = []
    monkeypatch.setattr(cuda_run, "check_free_memory", needed.append)
    monkeypatch.setattr(cuda_run, "SAVED_BYTES", 3 * 2 * 8 * 10)
    run(n_replicas=10, n_steps=20, save_every=save_every)
    kernel = RecordingKernel(EQUATION, ll.integrators.method("BAOAB"), 0.05)
    n_saved = 3 if save_every else 0
    assert needed == [8 * (3 * 10 + kernel.parameters.size + n_saved * 2 * 10)]


def test_numba_has_the_queue_of_what_it_has_yet_to_free():
    """In a process of its own: here the simulator has taken the driver's place."""
    script = (
        "from numba.cuda.cudadrv import driver\n"
        "assert issubclass(driver.NumbaCUDAMemoryManager, driver.HostOnlyCUDAMemoryManager)\n"
        "manager = driver.NumbaCUDAMemoryManager(context=None)\n"
        "manager.deallocations.clear()\n"
    )
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_versions_that_a_numba_does_not_tell_are_unknown():
    assert device._version(lambda: (12, 4)) == "12.4"
    assert device._version(lambda: SimpleNamespace().missing) == "unknown"


def test_the_attributes_name_compiler_and_card():
    attributes = run().attrs
    assert attributes["device"]
    assert re.fullmatch(r"numba(-cuda)? \d+\..*", attributes["compiler"])


RISK = ll.potentials.empirical_risk(
    "(a*w - y)**2/2", variables=("w",), data={"a": [1.0, 2.0], "y": [1.0, 0.0]}, batch_size=1
)


@pytest.mark.parametrize(
    ("dynamics", "settings", "message"),
    [
        (EQUATION, {"precision": "bfloat16"}, "compute in float64 or float32; use backend='torch'"),
        (
            ll.Overdamped(RISK, temperature=0.1),
            {"method": "EulerMaruyama"},
            "draws no minibatches of .*use backend='torch' or 'cpu'",
        ),
    ],
)
def test_what_has_no_kernel_is_refused_before_anything_runs(dynamics, settings, message):
    with pytest.raises(ValueError, match=message):
        run(dynamics, **settings)


@pytest.mark.parametrize("name", ["real", "multiply"])
def test_names_that_kernels_call_are_refused(name):
    taken = ll.Potential.from_expression(f"3*{name}*x**2/2", parameters={name: 1.3})
    message = f"a variable or parameter '{name}', the name of a function of kernels for a card"
    with pytest.raises(ValueError, match=message):
        run(ll.Langevin(taken, temperature=0.5, friction=1.0), start=0.3)


def test_other_names_of_a_kernels_text_may_be_used():
    """A potential's functions have them as arguments, and call none of these."""
    names = ["cuda", "seed", "replica", "entry", "larger", "table"]
    text = " + ".join(f"{name}*x**2" for name in names)
    usual = ll.Potential.from_expression(text, parameters=dict.fromkeys(names, 0.7))
    motion, starts = ll.Langevin(usual, temperature=0.5, friction=1.0), {"start": 0.3}
    double, single = (run(motion, precision=bits, **starts) for bits in ("float64", "float32"))
    assert float(abs(double["x_final"] - single["x_final"]).max()) < 1e-6


@pytest.mark.parametrize("value", [1e39, -1e-39, 3e-60])
def test_parameters_beyond_float32_are_refused(value):
    """They would be infinite, or zero, and the energy another."""
    stiff = ll.Potential.from_expression("(k*10**3)*x**2/2", parameters={"k": value})
    message = f"the number {value:g} among parameters and masses is beyond float32, which goes"
    with pytest.raises(ValueError, match=re.escape(message)):
        run(ll.Overdamped(stiff, temperature=1.0), "EulerMaruyama", dt=1e-50, precision="float32",
            start=0.0)  # fmt: skip
    soft = stiff.with_parameters(k=0.0)
    run(ll.Overdamped(soft, temperature=1.0), "EulerMaruyama", precision="float32", start=0.0)


def test_a_kernels_precision_is_one_of_two():
    kernel = RecordingKernel(EQUATION, ll.integrators.method("BAOAB"), 0.05)
    message = r"precision='float16' must be one of \['float64', 'float32'\]"
    with pytest.raises(ValueError, match=message):
        kernel_source(kernel, "float16")


def test_the_kernel_that_ran_can_be_read():
    kernel = RecordingKernel(EQUATION, ll.integrators.method("BAOAB"), 0.05)
    text = kernel_source(kernel)
    assert text.startswith('"""A kernel for a card')
    assert "# 'BAOAB on double_well" in text
    step = text[text.index("def step(") : text.index("def refresh(")]
    assert "x_0 = fma(c_drift_0, p_0, x_0)" in step
    assert "def advance(" in text
    assert kernel_source(kernel) == text
    assert kernel_source(kernel, saves=True) != text

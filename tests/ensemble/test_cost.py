"""Memory that does not grow with the number of steps, its check, and the progress bar."""

import gc
import os
import time
import tracemalloc

import cases
import numpy as np
import pytest

import langevin_lab as ll
from langevin_lab.ensemble import Histogram, checks
from langevin_lab.ensemble.checks import check_memory, default_threads
from langevin_lab.ensemble.layout import LANE_WIDTH
from langevin_lab.ensemble.run import Run, block_width, n_columns

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("n_replicas", [3, 400])
def test_memory_does_not_grow_with_the_number_of_steps(n_replicas):
    # A number per step, or per replica and chunk, would be 1,570 kB more in the longer run; garbage
    # that waits for its collection makes peaks of about 250 kB scatter by 70. One thread, because a
    # measurement of coverage keeps 2 kB for every thread that was ever started.
    settings = {"burn_in": 0, "record_every": 1, "chunk_size": 400, "n_threads": 1}
    cases.simulate("BAOAB", n_replicas, **settings)

    def peak(n_steps):
        gc.collect()
        tracemalloc.start()
        cases.simulate("BAOAB", n_replicas, n_steps=n_steps, **settings)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peaks = [min(peak(n_steps) for _ in range(3)) for n_steps in (4_000, 200_000)]
    assert peaks[1] < peaks[0] + 780_000
    assert peaks[1] < 2_000_000


def test_too_many_replicas_are_refused_before_they_are_allocated():
    message = r"the run needs [\d.,]+ GB and this machine has [\d.,]+ GB; lower n_replicas"
    tracemalloc.start()
    with pytest.raises(MemoryError, match=message):
        cases.simulate("BAOAB", 10**13, start=0.0)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_too_long_a_path_is_refused_with_the_remedy():
    with pytest.raises(MemoryError, match="GB; raise save_every or lower n_replicas"):
        cases.simulate("BAOAB", 1000, n_steps=10**10, save_every=1, start=0.0)


def test_memory_check_allows_what_fits():
    check_memory(MACHINE // 2, "buy more")
    with pytest.raises(MemoryError, match="buy more"):
        check_memory(MACHINE, "buy more")


def test_limit_of_a_container_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(checks, "CGROUP_LIMITS", (tmp_path / "absent", limit))
    limit.write_text("1000000000\n")
    check_memory(800_000_000, "buy more")
    with pytest.raises(MemoryError, match=r"needs 0\.9 GB and this machine has 1\.0 GB; buy more"):
        check_memory(910_000_000, "buy more")
    limit.write_text("max\n")
    check_memory(910_000_000, "buy more")


def test_histograms_count_as_memory(monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.run.Run.advance", None)
    observe = {"h": Histogram("x", 10**12, 0.0, 1.0)}
    with pytest.raises(MemoryError, match="GB; use fewer bins"):
        cases.simulate("BAOAB", observe=observe, start=0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("scheduled", "longest"), [(False, 100_000), (True, 65_536)])
def test_chunk_size_is_honoured_beyond_the_cap_of_schedules(scheduled, longest, monkeypatch):
    sizes = []
    advance = Run.advance

    def note(run, n_steps):
        sizes.append(n_steps)
        advance(run, n_steps)

    monkeypatch.setattr(Run, "advance", note)
    temperature = ll.dynamics.Linear(start=0.5, stop=0.4, duration=10.0) if scheduled else 0.5
    dynamics = ll.Overdamped(cases.WELL, temperature=temperature)
    ll.simulate(
        dynamics, "LeimkuhlerMatthews", dt=0.01, n_steps=150_000, seed=1, chunk_size=100_000,
        progress=False,
    )  # fmt: skip
    assert max(sizes) == longest


@pytest.mark.slow
def test_bins_cost_rows_little():
    """One replica at a time must not pay for the bins of all groups at every stretch."""
    dynamics = cases.CASES["ABOBA"][0]

    def seconds(bins):
        observe = {"h": Histogram("x0", bins, -2.0, 2.0)}
        settings = {"dt": 0.05, "seed": 1, "n_replicas": 64, "n_threads": 1, "progress": False}
        taken = []
        for _ in range(3):
            started = time.process_time()
            ll.simulate(dynamics, "ABOBA", n_steps=6400, observe=observe, **settings)
            taken.append(time.process_time() - started)
        return min(taken)

    few, many = seconds(10), seconds(2000)
    print(f"10 bins {few:.3f} s, 2000 bins {many:.3f} s")
    assert many < 2 * few


@pytest.mark.parametrize("n_threads", [1, 2, 7, 64])
@pytest.mark.parametrize("n_replicas", [1, 8, 9, 255, 256, 257, 448, 1000, 10_000])
def test_blocks_hold_all_replicas_in_whole_lanes(n_replicas, n_threads):
    width = block_width(n_replicas, n_threads)
    assert width % 8 == 0
    assert 8 <= width <= LANE_WIDTH
    columns = n_columns(n_replicas, width)
    assert columns % width == 0
    assert 0 <= columns - n_replicas < width


def test_threads_get_equal_shares():
    for n_threads in (1, 2, 4):
        for n_replicas in (256, 1000, 10_000):
            n_blocks = n_columns(n_replicas, 1) / block_width(n_replicas, n_threads)
            assert np.ceil(n_blocks) % n_threads == 0


def test_threads_are_those_that_the_process_may_use():
    assert 1 <= default_threads() <= (os.cpu_count() or 1)


@pytest.mark.slow
def test_progress_bar_goes_to_stderr_and_changes_nothing(capsys, monkeypatch):
    monkeypatch.setattr("langevin_lab.ensemble.progress.BAR_SECONDS", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich can see
    quiet = cases.simulate("BAOAB", chunk_size=20, progress=False)
    assert capsys.readouterr() == ("", "")
    shown = cases.simulate("BAOAB", chunk_size=20, progress=True)
    out, error = capsys.readouterr()
    assert out == ""
    assert "BAOAB on double_well" in error
    assert cases.sha256(quiet) == cases.sha256(shown)


@pytest.mark.slow
def test_short_runs_show_no_bar(capsys):
    cases.simulate("BAOAB", chunk_size=20, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_dataset_carries_its_provenance():
    run = cases.simulate("BAOAB", 7)
    about = run.attrs
    assert about["dynamics"].startswith("Langevin(potential=double_well(")
    assert (about["method"], about["dt"], about["n_steps"], about["seed"]) == (
        "BAOAB",
        0.05,
        131,
        7,
    )
    for package in ("langevin_lab", "numpy", "numba", "python"):
        assert about[f"{package}_version"]
    assert "barrier" in about["potential"]
    assert run["x2"].attrs["recorder"] == "Mean(text='x**2')"
    assert run["x2_stderr"].attrs["standard_error_of"] == "x2"
    np.testing.assert_array_equal(run["coordinate"], ["x"])

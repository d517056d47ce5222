"""Memory that does not grow with the number of steps, its check, and the progress bar."""

import os
import tracemalloc

import cases
import numpy as np
import pytest

from langevin_lab.ensemble.checks import check_memory, default_threads
from langevin_lab.ensemble.layout import LANE_WIDTH
from langevin_lab.ensemble.run import block_width, n_columns

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("n_replicas", [3, 400])
def test_memory_does_not_grow_with_the_number_of_steps(n_replicas):
    peaks = []
    settings = {"burn_in": 0, "record_every": 1, "chunk_size": 400}
    cases.simulate("BAOAB", n_replicas, **settings)
    for n_steps in (4_000, 40_000):
        tracemalloc.start()
        cases.simulate("BAOAB", n_replicas, n_steps=n_steps, **settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
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

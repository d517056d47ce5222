"""Batches: a run that is killed goes on to the same bits, by any executor, or says why not."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray

import langevin_lab as ll
from langevin_lab.escape import (
    CheckpointError,
    RareEvent,
    RareEventRate,
    forward_flux_sampling,
    rare_event_batches,
    rare_event_probability,
    rare_event_rate,
)

HOT = ll.Overdamped(ll.potentials.double_well(), temperature=0.5)
SETTINGS = {"dt": 0.02, "coordinate": "x", "source": "x < -0.95", "target": "x > 0.5", "seed": 1}
COLUMNS = {
    "probability": ("log_probabilities", "n_iterations", "n_branches", "n_steps"),
    "rate": ("crossing_times",),
    "flux": ("successes", "crossing_times", "n_steps"),
}


def probability(**changes):
    given = {"start": -0.85, "n_replicas": 5, "n_runs": 11, **SETTINGS, **changes}
    return rare_event_probability(given.pop("dynamics", HOT), "EulerMaruyama", **given)


def rate(**changes):
    given = {"start": -1.0, "surface": "x > -0.8", "n_replicas": 3, "n_runs": 7}
    given |= {**SETTINGS, **changes}
    return rare_event_rate(given.pop("dynamics", HOT), "EulerMaruyama", **given)


def flux(**changes):
    given = {"start": -1.0, "levels": [-0.8, -0.3], "n_trials": 3, "n_runs": 7}
    given |= {**SETTINGS, **changes}
    return forward_flux_sampling(given.pop("dynamics", HOT), "EulerMaruyama", **given)


CALLS = {"probability": probability, "rate": rate, "flux": flux}


def assert_same(one, other, kind):
    for name in COLUMNS[kind]:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    if kind == "rate":
        assert_same(one.event, other.event, "probability")


class Killed(BaseException):
    """What ends a process from outside."""


def killed_after(monkeypatch, n_batches):
    """Let the write that follows so many batches be the last thing that happens."""
    write, written = rare_event_batches._write, []

    def write_and_die(path, dataset):
        write(path, dataset)
        written.append(path)
        if len(written) == n_batches:
            raise Killed

    monkeypatch.setattr(rare_event_batches, "_write", write_and_die)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CALLS)
def test_a_killed_call_goes_on_to_the_same_bits(kind, plain_python, monkeypatch, tmp_path):
    whole = CALLS[kind]()
    monkeypatch.setattr(rare_event_batches, "RUNS_PER_BATCH", 3)
    path = tmp_path / "runs.nc"
    with monkeypatch.context() as patch:
        killed_after(patch, 2)
        with pytest.raises(Killed):
            CALLS[kind](checkpoint=path)
    half = xarray.load_dataset(path, engine="h5netcdf")
    assert 0 < half.sizes["run"] < whole.n_runs
    assert list(tmp_path.iterdir()) == [path]  # nothing half written lies beside it
    resumed = CALLS[kind](checkpoint=path)
    assert_same(resumed, whole, kind)
    assert_same(CALLS[kind](checkpoint=str(path)), whole, kind)  # nothing is left to do


@pytest.mark.slow
def test_more_runs_are_added_to_a_checkpoint_and_others_refused(plain_python, tmp_path):
    path = tmp_path / "runs.nc"
    probability(n_runs=4, checkpoint=path)
    before = path.read_bytes()
    for changes, message in (
        ({"dt": 0.01}, r"runs\.nc' ran with dt=0\.02, this call has dt=0\.01; runs continue"),
        ({"seed": 2}, "ran with seed=1, this call has seed=2"),
        ({"first_run": 3}, "ran with first_run=0, this call has first_run=3"),
        ({"n_replicas": 6}, "ran with n_replicas=5, this call has n_replicas=6"),
        ({"start": -0.84}, r"ran with start=-0\.85, this call has start=-0\.84"),
        ({"n_runs": 3}, "holds 4 runs, this call has n_runs=3"),
        (
            {"dynamics": ll.Overdamped(HOT.potential, temperature=0.51)},
            r"ran with dynamics=.*temperature=0\.5.*this call has dynamics=.*temperature=0\.51",
        ),
    ):
        with pytest.raises(CheckpointError, match=message) as caught:
            probability(**{"checkpoint": path, "n_runs": 4, **changes})
        assert caught.value.path == path
    assert path.read_bytes() == before
    assert_same(probability(checkpoint=path), probability(), "probability")


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "notes.nc"
    path.write_text("not netCDF")
    with pytest.raises(CheckpointError, match=r"notes\.nc' cannot be read .* delete it"):
        probability(checkpoint=path)
    assert path.read_text() == "not netCDF"
    with pytest.raises(TypeError, match=r"dynamics=double_well.* is no dynamics: wrap a potential"):
        probability(dynamics=HOT.potential, checkpoint=tmp_path / "runs.nc")
    with pytest.raises(CheckpointError, match=r"there is no folder .*none'; make it first"):
        probability(checkpoint=tmp_path / "none" / "runs.nc")


@pytest.mark.slow
def test_an_executor_gives_the_same_bits_with_starts_of_their_own(plain_python, monkeypatch):
    monkeypatch.setattr(rare_event_batches, "RUNS_PER_BATCH", 4)
    start = np.linspace(-0.9, -0.8, 55)[:, None]
    whole = probability(start=start)
    with ThreadPoolExecutor(2) as executor:
        assert_same(probability(start=start, executor=executor), whole, "probability")
    assert not np.array_equal(whole.n_steps, probability(start=start[::-1]).n_steps)


@pytest.mark.parametrize("kind", CALLS)
def test_runs_of_another_problem_do_not_combine(kind, plain_python, tmp_path):
    few = {"n_runs": 2, "target": "x > -0.5"}
    one = CALLS[kind](**few)
    place = tmp_path / "one.nc"
    one.to_dataset().to_netcdf(place, engine="h5netcdf")
    loaded = type(one).from_dataset(xarray.load_dataset(place, engine="h5netcdf"))
    for changes, message in (
        ({"dynamics": ll.Overdamped(HOT.potential, temperature=0.51)},
         r"dynamics=.*temperature=0\.5, .* and dynamics=.*temperature=0\.51, .* do not combine"),
        ({"coordinate": "x + 0"}, r"coordinate=x and coordinate=x \+ 0 do not combine; only"),
        ({"target": "x > -0.4"}, r"target=x > -0\.5 and target=x > -0\.4 do not combine; only"),
    ):  # fmt: skip
        other = CALLS[kind](**{**few, "first_run": 2, **changes})
        for result in (one, loaded):
            with pytest.raises(ValueError, match=message):
                result.combined(other)
    same = CALLS[kind](**{**few, "first_run": 2, "dt": np.float64(0.02), "n_threads": 1})
    assert loaded.combined(same).n_runs == 4


def starts_of(runs, counts, n_runs=4, n_paths=2, **given):
    arguments = dict.fromkeys(rare_event_batches.STARTS, "thermal")
    arguments |= {"start": None, "first_run": 3, "n_runs": n_runs, **given}
    return rare_event_batches.starts_of_runs(arguments, counts, *runs, n_paths)


def test_one_start_in_as_many_dimensions_as_there_are_paths_is_not_cut():
    one, each = np.arange(8.0), np.arange(64.0).reshape(8, 8)
    counts = {"start": 8, "start_momentum": 8, "start_thermostat": 1}
    found = starts_of((4, 2), counts, start=one, start_momentum=each, start_thermostat=one)
    assert found["start"] is one
    np.testing.assert_array_equal(found["start_momentum"], each[2:6])
    np.testing.assert_array_equal(found["start_thermostat"], one[2:6])  # one number for each path
    assert starts_of((4, 2), counts)["start_thermostat"] == "thermal"


def test_starts_that_are_not_those_of_all_paths_are_refused():
    """Else those of a batch could be taken for those of all."""
    with pytest.raises(ValueError, match=r"start has 4 rows, but must have one for each of the 8"):
        starts_of((4, 2), {"start": 1}, start=np.zeros((4, 1)))


def test_a_chain_of_8_particles_starts_all_runs_at_one_place(plain_python):
    variables = [f"x{k}" for k in range(8)]
    chain = ll.Potential.from_expression(
        " + ".join(f"({name}**2 - 1)**2" for name in variables), variables=variables, name="chain"
    )
    start = np.linspace(-0.75, -0.85, 8)
    given = {"start": start, "dynamics": ll.Overdamped(chain, temperature=2.0), "coordinate": "x0"}
    given |= {"source": "x0 < -1.1", "target": "x0 > -0.5", "n_runs": 4, "n_replicas": 2}
    with ThreadPoolExecutor(1) as executor, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rare_event_batches, "RUNS_PER_BATCH", 2)
        batched = probability(executor=executor, **given)
    assert_same(batched, probability(**given), "probability")


def test_starts_of_each_path_are_its_own_where_calls_join(plain_python):
    few, starts = {"n_runs": 2, "target": "x > -0.5"}, np.linspace(-0.9, -0.8, 20)[:, None]
    one = probability(start=starts[:10], **few)
    other = probability(start=starts[10:], first_run=2, **few)
    assert one.combined(other).n_runs == 4
    with pytest.raises(ValueError, match=r"start=one for each path and start=-0\.85 do not comb"):
        one.combined(probability(first_run=2, **few))


def test_a_number_is_the_same_setting_in_any_form():
    given = [-1, -1.0, np.float32(-1.0), np.array(-1.0)]
    assert {rare_event_batches._text(value) for value in given} == {"-1"}
    assert rare_event_batches._text(True) == "True"
    assert rare_event_batches._text(0.1) == "0.1"


def test_batches_cover_the_runs_in_order(monkeypatch):
    monkeypatch.setattr(rare_event_batches, "RUNS_PER_BATCH", 4)
    assert rare_event_batches._batches(3, 10) == [(3, 3), (6, 3), (9, 4)]
    assert rare_event_batches._batches(3, 0) == []


def test_a_call_pickles_for_another_process(tmp_path):
    import pickle

    from langevin_lab.escape.rare_events import _probability_of_runs

    held = []

    class Recorder:
        def map(self, function, *columns):
            held.append(pickle.loads(pickle.dumps((function, columns))))
            return []

    probability(executor=Recorder())
    function, columns = held[0]
    assert function is _probability_of_runs
    assert columns[0][0]["dynamics"].temperature == 0.5


def test_results_return_from_their_datasets(tmp_path):
    counts = np.arange(3)
    logarithms = np.array([-1.0, -np.inf, -2.0])
    event = RareEvent(logarithms, counts, counts, counts, 5, 1, 0.1, 2**63, 4 + counts)
    found = RareEventRate(event, 12, np.array([1.0, 2.0, 3.0]))
    found.to_dataset().to_netcdf(tmp_path / "rate.nc", engine="h5netcdf")
    loaded = xarray.load_dataset(tmp_path / "rate.nc", engine="h5netcdf")
    again = RareEventRate.from_dataset(loaded)
    assert_same(again, found, "rate")
    assert again.rate == found.rate
    np.testing.assert_array_equal(again.runs, [4, 5, 6])
    numbers = ("n_replicas", "n_killed", "dt", "seed")
    for name in numbers:
        assert getattr(again.event, name) == getattr(event, name)
    with pytest.raises(ValueError, match="the dataset lacks crossing_times, n_crossings"):
        RareEventRate.from_dataset(event.to_dataset())

"""The bits do not depend on threads, chunks, ranges of replicas or interruptions."""

import itertools

import cases
import numpy as np
import pytest
import xarray

import langevin_lab as ll

FEW, MANY = 7, 300  # time batches below 8 replicas; two blocks of lanes

# These runs are short on purpose: their error bars are not in question here.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:n_replicas=7. error bars come from stretches"),
]

each_case = pytest.mark.parametrize("name", cases.CASES)
each_size = pytest.mark.parametrize("n_replicas", [FEW, MANY])


def through_a_file(run, folder):
    path = folder / "run.nc"
    run.to_netcdf(path, engine="h5netcdf")
    with xarray.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


@each_case
@each_size
def test_threads_and_chunks_change_no_bit(name, n_replicas):
    hashes = {
        cases.sha256(cases.simulate(name, n_replicas, n_threads=n_threads, chunk_size=chunk_size))
        for n_threads in (1, 2, 3)
        for chunk_size in (1, 7, None)
    }
    assert len(hashes) == 1


@each_case
@pytest.mark.parametrize(("first", "count"), [(0, 100), (100, 200), (77, 40), (298, 2), (13, 5)])
def test_range_of_replicas_alone_is_part_of_the_whole(name, first, count):
    dynamics, _ = cases.CASES[name]
    whole = cases.simulate(name, save_every=50)
    start = cases.start_for(dynamics, MANY)[first : first + count]
    part = cases.simulate(name, count, first_replica=first, save_every=50, start=start)
    names = {"x_final", "x", "diverged_step"} | (set(part.variables) & {"p_final", "r_final", "p"})
    if count >= 32:  # sums of fewer replicas are cut into batches
        names.add("moment_sum")
    for variable in names:
        expected = whole[variable].sel(replica=slice(first, first + count - 1))
        np.testing.assert_array_equal(part[variable], expected)
    np.testing.assert_array_equal(part["replica"], np.arange(first, first + count))


@each_case
def test_saved_path_passes_through_the_ends_of_shorter_runs(name):
    plain = cases.simulate(name)
    run = cases.simulate(name, save_every=59, chunk_size=10)
    np.testing.assert_allclose(run["time"], [59 * 0.05, 118 * 0.05], rtol=1e-15)
    for index, n_steps in enumerate((59, 118)):
        end = cases.simulate(name, n_steps=n_steps)
        for variable in {"x", "p"} & set(run.variables):
            np.testing.assert_array_equal(run[variable][index], end[f"{variable}_final"])
    without_path = run.drop_vars(["x", "p", "time"], errors="ignore")
    assert cases.sha256(without_path) == cases.sha256(plain)


@each_case
@each_size
@pytest.mark.parametrize("cuts", [(59,), (64,), (65, 66), (130,)])
def test_continued_run_is_the_uninterrupted_one(name, n_replicas, cuts, tmp_path):
    whole = cases.simulate(name, n_replicas, save_every=20)
    ends = (*cuts, 131)
    run = cases.simulate(name, n_replicas, n_steps=ends[0], save_every=20)
    for begin, end in itertools.pairwise(ends):
        run = through_a_file(run, tmp_path)
        run = cases.simulate(
            name, n_replicas, n_steps=end - begin, save_every=20, continue_from=run, chunk_size=9
        )
    assert cases.sha256(run) == cases.sha256(whole)
    assert run.attrs == whole.attrs


def test_file_gives_back_every_number(tmp_path):
    run = cases.simulate("BAOAB", FEW, save_every=10, seed=2**64 - 1)
    stored = through_a_file(run, tmp_path)
    assert cases.sha256(stored) == cases.sha256(run)
    assert int(stored.attrs["seed"]) == 2**64 - 1


def test_joined_batches_of_a_long_run_do_not_depend_on_its_pieces():
    settings = {"observe": {"x2": "x**2"}, "record_every": 1}
    whole = cases.simulate("BAOAB", 2, n_steps=4700, **settings)
    assert int(whole.attrs["batch_length"]) == 64  # 16 doubled at 2048 and 4096 recorded steps
    pieces = cases.simulate("BAOAB", 2, n_steps=2055, chunk_size=500, **settings)
    pieces = cases.simulate("BAOAB", 2, n_steps=2645, continue_from=pieces, **settings)
    assert cases.sha256(pieces) == cases.sha256(whole)
    sums = whole["batch_sum"].sum("batch") + whole["moment_sum"]
    many = cases.simulate("BAOAB", 40, n_steps=4700, **settings)["moment_sum"]
    np.testing.assert_allclose(sums, many.sel(replica=[0, 1]), rtol=1e-12)


def test_another_seed_is_another_run():
    assert cases.sha256(cases.simulate("BAOAB")) != cases.sha256(cases.simulate("BAOAB", seed=8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dt": 0.04}, r"continue_from ran with dt=0.05, this call has dt=0.04; a run continues"),
        ({"seed": 8}, "continue_from ran with seed=7, this call has seed=8"),
        ({"burn_in": 5}, "burn_in=10, this call has burn_in=5"),
        ({"record_every": 2}, "record_every=3, this call has record_every=2"),
        ({"save_every": 5}, "save_every=0, this call has save_every=5"),
        ({"first_replica": 1}, "first_replica=0, this call has first_replica=1"),
        ({"observe": {"x2": "x**2"}}, "continue_from ran with observe="),
        ({"divergence_bound": 10}, "divergence_bound=10000000000.0, this call has diverg.*=10.0"),
        ({"start": 0.0}, "start is given and so is continue_from, which starts where it ended"),
        ({"start_momentum": 0.0}, "start_momentum is given and so is continue_from"),
    ],
)
def test_continuing_under_other_settings_is_refused(changes, message):
    run = cases.simulate("BAOAB")
    with pytest.raises(ValueError, match=message):
        cases.simulate("BAOAB", continue_from=run, **changes)
    with pytest.raises(ValueError, match="n_replicas=300, this call has n_replicas=299"):
        cases.simulate("BAOAB", 299, continue_from=run)


def test_continuing_on_another_potential_is_refused(monkeypatch):
    run = cases.simulate("BAOAB")
    dynamics, observe = cases.CASES["BAOAB"]
    other = dynamics.potential.with_parameters(barrier=1.0 + 1e-9)
    assert repr(other) == repr(dynamics.potential)
    changed = type(dynamics)(other, temperature=0.5, friction=1.0)
    monkeypatch.setitem(cases.CASES, "BAOAB", (changed, observe))
    with pytest.raises(ValueError, match="continue_from ran with potential="):
        cases.simulate("BAOAB", continue_from=run)


def test_continuing_from_something_else_is_refused():
    with pytest.raises(TypeError, match=r"continue_from has no attributes .*give a dataset that"):
        cases.simulate("BAOAB", continue_from=xarray.Dataset())
    with pytest.raises(TypeError, match="continue_from has no attributes"):
        cases.simulate("BAOAB", continue_from="run.nc")


@pytest.mark.slow
def test_schedules_are_compared_by_their_values(tmp_path):
    def run(schedule, **changes):
        dynamics = ll.Overdamped(cases.WELL, temperature=schedule)
        return ll.simulate(
            dynamics, "LeimkuhlerMatthews", dt=0.05, n_steps=40, seed=1, n_replicas=40, **changes
        )

    first = run(lambda t: 1.0 + 0.0 * t)
    first.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    for previous in (first, xarray.load_dataset(tmp_path / "run.nc", engine="h5netcdf")):
        message = (
            r"continue_from ran with temperature 1 at time 0\.25, .* schedule has 5; a run con"
        )
        with pytest.raises(ValueError, match=message):
            run(lambda t: 5.0 + 0.0 * t, continue_from=previous)
        again = run(lambda t: 1.0 + 0.0 * t, continue_from=previous)
        assert again.attrs["n_steps"] == 80
        assert again.attrs["schedule_times"] == pytest.approx([0.5, 1.5, 2.5, 3.5])
        assert again.attrs["schedule_temperatures"] == [1.0] * 4

import dataclasses
import errno
import json
import os
import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

from langevin_lab.lab import LabError, Store, store
from langevin_lab.lab.provenance import git_commit


@pytest.fixture
def uniform(laboratory):
    laboratory.add("uniform")
    return laboratory.load("uniform")


@pytest.fixture
def results(laboratory):
    return Store(laboratory.results)


def save(results, experiment, preset="quick", seconds=1.5, dataset=None):
    config = experiment.config(preset)
    dataset = xr.Dataset({"x": ("replica", np.arange(3.0))}) if dataset is None else dataset
    return results.save(experiment, preset, config, dataset, seconds=seconds)


def test_what_is_saved_is_found_and_explains_itself(uniform, results):
    path = save(results, uniform)
    assert path == results.find(uniform, uniform.config())
    assert path.parent.name == "uniform"
    assert path.name == f"quick-{results.digest(uniform, uniform.config())}.nc"
    dataset = results.load(path)
    np.testing.assert_array_equal(dataset["x"], [0.0, 1.0, 2.0])
    assert dataset.attrs["experiment"] == "uniform"
    assert dataset.attrs["preset"] == "quick"
    assert json.loads(dataset.attrs["config"])["ladder"] == [0.1, 0.2]
    assert {"python", "numpy", "numba", "langevin_lab"} <= set(
        json.loads(dataset.attrs["versions"])
    )
    assert dataset.attrs["wall_seconds"] == 1.5
    assert dataset.attrs["created"].endswith("Z")
    assert dataset.attrs["git_commit"] == ""


def test_other_configurations_are_other_files(uniform, results):
    save(results, uniform)
    assert results.find(uniform, uniform.config("paper")) is None
    assert results.find(uniform, uniform.config("quick", ["seed=2"])) is None
    assert results.find(uniform, uniform.config("quick", ["width=1"])) is not None


def test_equal_configurations_share_a_file_whatever_the_preset(uniform, results):
    config = uniform.config()
    path = results.save(uniform, "custom", config, xr.Dataset(), seconds=0)
    assert results.find(uniform, config) == path


def test_changed_experiment_or_package_code_makes_a_result_stale(
    uniform, results, laboratory, monkeypatch
):
    save(results, uniform)
    monkeypatch.setattr(store.provenance, "code_digest", lambda: "another")
    assert results.find(uniform, uniform.config()) is None
    monkeypatch.undo()
    monkeypatch.chdir(laboratory.folder)
    with uniform.source_file.open("a") as file:
        file.write("# changed\n")
    assert results.find(uniform, uniform.config()) is not None  # what was loaded is the old text
    uniform = laboratory.load("uniform")
    assert results.find(uniform, uniform.config()) is None
    assert results.has_stale(uniform, "quick")
    assert not results.has_stale(uniform, "paper")


def test_digest_is_the_same_in_another_process(uniform, results, laboratory):
    script = textwrap.dedent("""
        from pathlib import Path
        from langevin_lab.lab import Store
        from langevin_lab.lab.discovery import load_experiment
        experiment = load_experiment(Path("experiments/uniform.py"))
        print(Store("elsewhere").digest(experiment, experiment.config()))
    """)
    for hash_seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            cwd=laboratory.folder,
            env=environment() | {"PYTHONHASHSEED": hash_seed},
        )
        assert answer.stdout.strip() == results.digest(uniform, uniform.config())


def environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_full_disk_names_path_and_remedy_and_loses_nothing(uniform, results, monkeypatch):
    path = save(results, uniform)
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(LabError) as caught:
        save(results, uniform, dataset=xr.Dataset({"x": ("replica", np.arange(9.0))}))
    assert str(caught.value) == (
        f"cannot write {path.relative_to(path.parents[2])}: No space left on device; "
        "free space there or choose another folder by --results DIR"
    )
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_write_that_the_system_stops_half_way_leaves_the_old_file(laboratory):
    """A real failure: the kernel refuses bytes beyond 4096 in a child process."""
    script = textwrap.dedent("""
        import resource
        from pathlib import Path
        from langevin_lab.lab import LabError
        from langevin_lab.lab.store import write_file
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_file(Path("results/report.md"), b"x" * 100_000)
        except LabError as error:
            print(error)
    """)
    laboratory.results.mkdir()
    (laboratory.results / "report.md").write_text("old")
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=laboratory.folder,
        env=environment(),
    )
    assert answer.stdout.strip() == (
        "cannot write results/report.md: File too large; "
        "free space there or choose another folder by --results DIR"
    )
    assert (laboratory.results / "report.md").read_text() == "old"
    assert len(list(laboratory.results.iterdir())) == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_folder_that_cannot_be_made_is_refused_before_any_work(laboratory):
    (laboratory.folder / "file").write_text("")
    with pytest.raises(LabError, match=r"cannot write file/results: Not a directory; choose anoth"):
        Store("file/results").check_writable()
    Store("fresh/results").check_writable()
    assert list((laboratory.folder / "fresh/results").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not HDF5", None])
def test_damaged_file_is_named_with_a_remedy(uniform, results, content):
    path = save(results, uniform)
    path.write_bytes(path.read_bytes()[:700] if content is None else content)
    with pytest.raises(LabError, match=r"result results/uniform/quick-\w+.nc cannot be read") as e:
        results.load(path)
    assert "delete it or run reproduce --force" in str(e.value)
    assert "\n" not in str(e.value)


def test_foreign_netcdf_is_no_result(uniform, results):
    path = save(results, uniform)
    path.unlink()
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(LabError, match=r"cannot be read \(KeyError: 'config'\)"):
        results.load(path)


@pytest.mark.parametrize(
    "dataset",
    [
        xr.Dataset({"x": ("replica", np.array([{}, []], dtype=object))}),
        xr.Dataset(attrs={"settings": {"a": 1}}),
        xr.Dataset(attrs={"flag": np.bool_(True)}),
    ],
)
def test_dataset_that_is_no_netcdf_is_refused(uniform, results, dataset):
    with pytest.raises(LabError, match="the dataset of uniform cannot be stored as netCDF"):
        save(results, uniform, dataset=dataset)
    assert results.find(uniform, uniform.config()) is None


def test_text_flags_and_integers_come_back_as_they_were(uniform, results):
    dataset = xr.Dataset(
        {
            "count": ("t", np.array([2**62, 1])),
            "ok": ("t", [True, False]),
            "name": ("t", ["µ", ""]),
        },
        coords={"t": ["first", "second"]},
        attrs={"equation": "dx = -∇U dt", "dt": 0.1, "sizes": [1, 2]},
    )
    loaded = results.load(save(results, uniform, dataset=dataset))
    assert loaded.drop_attrs().identical(dataset.drop_attrs())
    assert loaded.attrs["equation"] == "dx = -∇U dt"
    assert loaded["ok"].dtype == bool


def test_experiment_without_a_file_cannot_be_stored(uniform, results):
    uniform.source_file.unlink()
    uniform = dataclasses.replace(uniform)  # made anew, as in a session without a file
    with pytest.raises(LabError, match=r"uniform has no source file \(experiments/uniform.py\)"):
        results.digest(uniform, uniform.config())


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LabError, match="results need h5py: python -m pip install h5py"):
        store.require_netcdf()


def test_commit_is_read_where_there_is_one(tmp_path):
    assert git_commit(tmp_path) is None
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "m"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    clean = git_commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == f"{clean}-dirty"

"""Puts this folder on the path, so that all rooms' tests share `by_hand` and `z_test`."""

import os
import re
from types import ModuleType

import pytest

# Before numpy is imported: threads on the algebra of tiny matrices only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")


@pytest.fixture
def plain_python(monkeypatch):
    """Kernels run as plain Python over numpy scalars: the same text without its decorators."""

    from langevin_lab.compiled.elementary import NUMPY_NAMESPACE
    from langevin_lab.noise.streams import fill_coordinate_normals, fill_replica_normals

    def load(source, name, bindings=None):
        text = re.sub(r"^@\w+\n", "", source, flags=re.M)
        text = re.sub(r"^from langevin_lab\.(compiled|noise).*\n", "", text, flags=re.M)
        module = ModuleType(name)
        module.__dict__.update(NUMPY_NAMESPACE)
        module.fill_replica_normals = fill_replica_normals
        module.fill_coordinate_normals = fill_coordinate_normals
        exec(compile(text, name, "exec"), module.__dict__)
        return module

    monkeypatch.setattr("langevin_lab.ensemble.kernel.load", load)

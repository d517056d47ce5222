"""Puts this folder on the path, so that all rooms' tests share its modules."""

import os

import pytest

# Threads for matrices of two rows only wait for each other, above all with several test processes.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture
def plain_python(monkeypatch):
    """Kernels run as plain Python over numpy scalars: the same text without its decorators."""
    import plain_python

    monkeypatch.setattr("langevin_lab.ensemble.kernel.load", plain_python.load)

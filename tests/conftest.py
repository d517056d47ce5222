"""Puts this folder on the path, so that all rooms' tests share its modules."""

import pytest


@pytest.fixture
def plain_python(monkeypatch):
    """Kernels run as plain Python over numpy scalars: the same text without its decorators."""
    import plain_python

    monkeypatch.setattr("langevin_lab.ensemble.kernel.load", plain_python.load)

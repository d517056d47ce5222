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


@pytest.fixture(autouse=True, scope="session")
def compilation_is_not_traced():
    """Coverage would make compilation, most of the work of a cold run, half as long again."""
    from numba.core.dispatcher import Dispatcher
    from untraced import untraced

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "_compile_for_args", untraced(Dispatcher._compile_for_args))
        yield

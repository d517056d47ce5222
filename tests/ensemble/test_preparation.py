"""`prepare` against `simulate`, whose arguments it checks."""

import inspect

import langevin_lab as ll
from langevin_lab.ensemble.preparation import prepare


def test_defaults_of_prepare_are_those_of_simulate():
    """A training calls `prepare` itself: what it leaves out must mean what `simulate` says."""
    ours, theirs = (inspect.signature(f).parameters for f in (prepare, ll.simulate))
    assert list(ours) == [name for name in theirs if name not in ("chunk_size", "progress")]
    for name, parameter in ours.items():
        assert (parameter.default, parameter.kind) == (theirs[name].default, theirs[name].kind), (
            name
        )

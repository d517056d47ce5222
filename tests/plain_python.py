"""Kernels as plain Python over numpy scalars: the same text without its decorators."""

import re
from types import ModuleType

from langevin_lab.compiled.elementary import NUMPY_NAMESPACE
from langevin_lab.noise import (
    fill_batch_indices,
    fill_coordinate_normals,
    fill_replica_normals,
    uniform,
)


def load(source, name, bindings=None):
    """Stands in for `langevin_lab.compiled.modules.load`; bindings run in Python, too."""
    text = re.sub(r"^@\w+\n", "", source, flags=re.M)
    text = re.sub(r"^from langevin_lab\.(compiled|noise).*\n", "", text, flags=re.M)
    module = ModuleType(name)
    module.__dict__.update(NUMPY_NAMESPACE)
    module.fill_replica_normals = fill_replica_normals
    module.fill_coordinate_normals = fill_coordinate_normals
    module.fill_batch_indices = fill_batch_indices
    module.uniform = uniform
    module.stay_a_call = lambda: None
    module.__dict__.update(bindings or {})
    exec(compile(text, name, "exec"), module.__dict__)
    return module

"""Derived source text kept on disk, so that a known formula never imports sympy again.

One small JSON file per formula in ``$LANGEVIN_LAB_CACHE/potentials`` or the user's cache folder,
written atomically. A file that cannot be read, or whose checksum is wrong, counts as absent; a
folder that cannot be written to costs time at the next start and nothing else.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from langevin_lab._version import __version__
from langevin_lab.compiled.modules import chosen_folder
from langevin_lab.potentials.code import digest_of, is_scalar_text
from langevin_lab.potentials.scalar_text import WRITER_VERSION

Record = dict[str, str]
_known: dict[str, Record] = {}


def folder() -> Path:
    """Return the folder of the files; it need not exist."""
    return chosen_folder() / "potentials"


def key_of(*parts: str) -> str:
    """Return the key of a derivation: all that determines its text."""
    return digest_of(__version__, str(WRITER_VERSION), *parts)


def load(key: str) -> Record | None:
    """Return the record {"source", "latex"} of `key`, or None."""
    if key not in _known:
        record = _read(key)
        if record is None:
            return None
        _known[key] = record
    return _known[key]


def store(key: str, record: Record) -> None:
    """Keep a record in memory and, where possible, on disk."""
    _known[key] = record
    document = {**record, "checksum": _checksum(record)}
    temporary = None
    try:
        folder().mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder(), suffix=".tmp")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        os.replace(temporary, folder() / f"{key}.json")
    except (OSError, RuntimeError):  # RuntimeError: no home folder can be determined
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def forget() -> None:
    """Empty the memory of this process; the files stay."""
    _known.clear()


def _read(key: str) -> Record | None:
    try:
        document = json.loads((folder() / f"{key}.json").read_text(encoding="utf-8"))
        record = {"source": document["source"], "latex": document["latex"]}
        intact = document["checksum"] == _checksum(record)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if intact and is_scalar_text(record["source"]) else None


def _checksum(record: Record) -> str:
    return digest_of(record["source"], record["latex"])

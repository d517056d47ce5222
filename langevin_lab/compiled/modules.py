"""Kernels as small modules in a private cache folder, addressed by their content.

Numba's on-disk cache never hits for kernels that receive or close over functions, but it does for
a module whose callees are module globals. So a kernel is written out as a readable module whose
file name holds a hash of everything that determines its machine code: its text, the package
sources that it imports and those that they import, and the versions of numba and llvmlite (numba
itself adds the CPU).

Nothing in the package itself is cached by numba: it goes by the time stamp of the one file that
defines a function and would run old machine code after an edit of another that it calls.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import linecache
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "langevin_lab_kernels"
ROOM_FOR_A_KERNEL = 1 << 20  # bytes
MODULES_IN_MEMORY = 32  # each takes about 20 MB
_PACKAGE = "langevin_lab"


def chosen_folder() -> Path:
    """Folder that ``LANGEVIN_LAB_CACHE`` names, else the user's; it need not exist."""
    chosen = os.environ.get("LANGEVIN_LAB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir(_PACKAGE))


@functools.cache
def cache_folder() -> Path:
    """Folder of kernels and derived sources, made on first use.

    ``LANGEVIN_LAB_CACHE`` names it; by default it lies in the user's cache directory. If it cannot
    be written, a temporary folder serves for this process, with a warning.
    """
    folder = chosen_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM_FOR_A_KERNEL))  # a full disk takes the file but not its content
    except OSError as error:
        fallback = Path(tempfile.mkdtemp(prefix="langevin_lab-"))
        warnings.warn(
            f"cache folder {folder} cannot be written ({error.strerror}); kernels of this "
            f"process are compiled into {fallback}; set LANGEVIN_LAB_CACHE to a writable folder",
            RuntimeWarning,
            stacklevel=2,
        )
        return fallback
    return folder


@functools.lru_cache(maxsize=256)  # a training asks for the same kernel at every evaluation
def _imports(source: str) -> frozenset[str]:
    """Names of the package's modules that a text imports, and of what could be one."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in names if name.split(".")[0] == _PACKAGE)


@functools.cache
def _package_digest(modules: frozenset[str]) -> str:
    """Hash of the sources of the named package modules and of all that they import in turn."""
    root = Path(__file__).parent.parent.parent
    content: dict[str, str] = {}
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        file = root.joinpath(*name.split(".")).with_suffix(".py")
        if name not in content and file.is_file():
            text = file.read_text(encoding="utf-8")
            content[name] = hashlib.sha256(text.encode()).hexdigest()
            waiting |= _imports(text)
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()


def digest(source: str) -> str:
    """Hash of everything but the CPU that determines the machine code of a kernel module."""
    import llvmlite
    import numba

    package = _package_digest(_imports(source))
    parts = (source, package, numba.__version__, llvmlite.__version__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def load(source: str, name: str, bindings: Mapping[str, Any] | None = None) -> ModuleType:
    """Import the module with this source text, compiled code cached across processes.

    Parameters
    ----------
    source : str
        Text of the module. Its entry points are decorated with ``@entry``.
    name : str
        Readable beginning of the file name; what is no letter, digit, "_" or "-" becomes "_".
    bindings : mapping of str to object, optional
        Objects from this process (a user's jitted functions) that the text refers to as globals.
        With bindings the module lives in memory only, and is compiled anew in each process.

    Returns
    -------
    module
        The same object whenever text and bindings are the same.
    """
    stem = f"{re.sub('[^A-Za-z0-9_-]', '_', name)[:80]}_{digest(source)}"
    with _LOADING:
        if bindings:
            return _load_in_memory(source, f"{PREFIX}.{stem}", dict(bindings))
        return _load_from_cache(source, stem)


# Threads that ask for the same text get one module, which numba compiles once.
_LOADING = threading.RLock()


def _load_from_cache(source: str, stem: str) -> ModuleType:
    module_name = f"{PREFIX}.{stem}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    path = cache_folder() / "kernels" / f"{stem}.py"
    _write_once(path, source)
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[module_name] = module
    return module


_IN_MEMORY: dict[tuple[str, tuple[int, ...]], ModuleType] = {}


def _load_in_memory(source: str, name: str, bindings: dict[str, Any]) -> ModuleType:
    from langevin_lab.compiled.parts import whole as entry_in_memory

    # The module keeps the bound objects alive, so their ids stay theirs.
    key = (name, tuple(id(value) for value in bindings.values()))
    module = _IN_MEMORY.pop(key, None)
    if module is None:
        module = ModuleType(name)
        filename = f"<{name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        module.__dict__.update(bindings, entry_in_memory=entry_in_memory)
        text = source.replace("@entry\n", "@entry_in_memory\n")
        exec(compile(text, filename, "exec"), module.__dict__)
    _IN_MEMORY[key] = module  # at the end: the one used last goes last
    while len(_IN_MEMORY) > MODULES_IN_MEMORY:
        oldest = next(iter(_IN_MEMORY))
        del _IN_MEMORY[oldest]
        linecache.cache.pop(f"<{oldest[0]}>", None)
    return module


def _write_once(path: Path, text: str) -> None:
    """Write a file whose name is its content's hash; a file that is there already is kept.

    Keeping it matters: numba's cache goes by the file's time stamp.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    try:
        os.link(file.name, path)
    except FileExistsError:
        pass  # another process was first, with the same text
    except OSError:
        os.replace(file.name, path)  # a file system without hard links
        return
    os.unlink(file.name)

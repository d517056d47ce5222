"""How parts are linked into wholes, see `compiled.parts`: by interfaces that numba keeps to itself.

Numba optimises every function together with all that it calls and makes machine code of it, then
does so again for each caller, caller's caller and so on: for a kernel of eighty functions that is
most of the time of compiling. A part is optimised alone and stays intermediate code; a whole (what
Python calls) takes in all parts below it and is optimised once. Arithmetic is strict: the bits are
the same.

A part called from Python is compiled as a whole of its own, on its first call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from numba import njit
from numba.core import compiler, typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}
_PART: dict[str, Any] = {
    **_OPTIONS,
    "nopython": True,
    "boundscheck": None,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def _below(libraries: Iterable[Any]) -> list[Any]:
    """The libraries and all that the parts among them link, callers before what they call.

    LLVM links such a function only where it is called for already.
    """
    found: dict[Any, None] = {}

    def visit(library: Any) -> None:
        if library not in found and isinstance(library, _PartLibrary):
            for callee in library._linking_libraries:
                visit(callee)
        found[library] = None

    for library in libraries:
        visit(library)
    return list(found)[::-1]


class _PartLibrary(JITCodeLibrary):
    """Intermediate code of one function, without what it calls and without machine code."""

    _closed: Any = None

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._raise_if_finalized()
        # On its own, else the code that callers inline is several times as long.
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)
        self._finalized = True

    def own_module(self) -> Any:
        """What a whole links beside the modules of all parts below."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """What a library that knows no parts links: this function with all below it."""
        if self._closed is None:
            self._closed = self.own_module().clone()
            for library in _below(self._linking_libraries):
                self._closed.link_in(_module_of(library), preserve=True)
        return self._closed


class _WholeLibrary(JITCodeLibrary):
    """Code of a function and of all parts below it, optimised together."""

    def finalize(self) -> None:
        for library in _below(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_module_of(library), preserve=True)
        self._linking_libraries = []
        super().finalize()


def _module_of(library: Any) -> Any:
    if isinstance(library, _PartLibrary):
        return library.own_module()
    return library._get_module_for_linking()


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(typed_passes.NativeLowering):
    """Lowering that stops before machine code."""

    _name = "langevin_lab_part"

    def run_pass(self, state: Any) -> bool:
        state.library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered, library = state["cr"], state.library
        library.finalize()
        key = object()  # numba finds the function by what would be its entry point
        state.targetctx.insert_user_function(key, lowered.fndesc, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = lowered._replace(cfunc=key)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _WholeLowering(typed_passes.NativeLowering):
    """Lowering into a library that takes in its parts."""

    _name = "langevin_lab_whole"

    def run_pass(self, state: Any) -> bool:
        state.library = _WholeLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


def _pipeline(lowering: type) -> type:
    class Pipeline(compiler.CompilerBase):
        def define_pipelines(self) -> list[Any]:
            manager = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
            manager.passes = [
                (lowering, name) if kind is typed_passes.NativeLowering else (kind, name)
                for kind, name in manager.passes
            ]
            manager._finalized = False
            manager.finalize()
            return [manager]

    return Pipeline


_PARTS = _pipeline(_PartLowering)
_WHOLE: dict[str, Any] = {
    **_OPTIONS,
    "no_cfunc_wrapper": True,
    "pipeline_class": _pipeline(_WholeLowering),
}


class Part(CPUDispatcher):
    """A function for compiled code; Python's calls go to a whole made on the first of them."""

    def add_overload(self, result: Any) -> None:
        # Not handed to the C side of the dispatcher, which would call it.
        self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *args: Any, **keywords: Any) -> Any:
        return self.alone

    def inspect_asm(self, signature: Any = None) -> Any:
        """Assembly of the whole made for Python's calls."""
        return self.alone.inspect_asm(signature)

    @cached_property
    def alone(self) -> Any:
        """The same function for calls from Python."""
        return njit(**_WHOLE)(self.py_func)


def linked_part(function: Callable[..., Any], **options: Any) -> Any:
    """Make a function that compiled code calls; njit's further options."""
    return Part(function, {}, {**_PART, **options}, _PARTS)


def linked_whole(function: Callable[..., Any], **options: Any) -> Any:
    """Make a function that Python calls; njit's further options."""
    return njit(**_WHOLE, **options)(function)

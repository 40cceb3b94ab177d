"""LLVM IR to machine code, kept in memory and on disk: the only file that imports llvmlite.

Objects from disk are linked without LLVM seeing any IR.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from zincir import settings
from zincir.errors import ArgumentError, CompileError, explain
from zincir.runtime import disk
from zincir.runtime.cores import default_threads
from zincir.runtime.memory import require

_T = TypeVar("_T")
_LLVM_BYTES, _MODULE_BYTES = 192 << 20, 64 << 20
"""What LLVM may need to start, and for a module. It ends the process when there is no memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that code is generated for."""

    triple: str
    arch: str
    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int

    @property
    def multiplies_bfloat16(self) -> bool:
        """Whether it has instructions for products of bfloat16."""
        bfloat16 = {"+bf16"} if self.arch == "aarch64" else {"+avx512bf16", "+amx-bf16"}
        return not bfloat16.isdisjoint(self.features.split(","))

    @property
    def converts_halves(self) -> bool:
        """Whether it has instructions that convert float16 to float32 and back."""
        return (
            self.arch == "aarch64" or self.cpu == "haswell" or "+f16c" in self.features.split(",")
        )

    @property
    def pairs_bfloat16(self) -> bool:
        """Whether its vectors multiply pairs of bfloat16 as often as single numbers of float32.

        AMD's do. Intel's take four times as long: what is fast there are matrices (AMX).
        """
        features = self.features.split(",")
        return (
            self.cpu.startswith("znver") and "+avx512bf16" in features and self.vector_bytes == 64
        )


def target() -> Target:
    """The machine of this process, or less than it when `settings.target` says so."""
    return _target(settings.current().target)


def load(
    key: str,
    build: Callable[[], str],
    symbols: Sequence[str],
    *,
    effort: int = 2,
    machine: Target | None = None,
) -> tuple[int, ...]:
    """Addresses of functions of a module of native code; they stay valid for ever.

    Args:
        key: text that determines the module's content. A change of the sources of zincir or of
            the target need not be part of it.
        build: gives the LLVM IR; called only when neither memory nor disk know the key.
        symbols: names of the functions wanted.
        effort: 2: LLVM looks for improvements, then generates good code. 1: no looking first;
            kernels laid out by hand have nothing to gain, and compile in half the time. 0: as
            quickly as possible, for code that takes no time.
        machine: what to generate code for; by default `target()`.

    Raises:
        CompileError: when LLVM refuses the module or a symbol it needs does not exist.
    """
    machine = machine or target()
    found = known(key, symbols, machine)
    if found is None:
        _give_way()
        with _lock:
            found = known(key, symbols, machine)
            found = found or _built(machine, key, build, tuple(symbols), effort)
    return found


@dataclass(frozen=True, slots=True)
class Module:
    """Code that is wanted: the first three arguments of `load`."""

    key: str
    build: Callable[[], str]
    symbols: tuple[str, ...]


def load_all(modules: Iterable[Module], *, effort: int = 2, machine: Target | None = None) -> None:
    """See that `load` finds all of these; what has to be compiled is compiled on several threads.

    Raises:
        CompileError: as `load`.
    """
    machine = machine or target()
    _give_way()
    with _lock:
        missing = {m.key: m for m in modules if known(m.key, m.symbols, machine) is None}
        if len(missing) < 2 or not threading.main_thread().is_alive():
            # While the interpreter ends, no thread can be started.
            for m in missing.values():
                _built(machine, m.key, m.build, m.symbols, effort)
            return
        with ThreadPoolExecutor(default_threads()) as pool:
            # This thread writes and parses the next module while others generate code.
            codes = [
                (m, _submitted(pool, machine, key, _parsed(machine, key, m.build()), effort))
                for key, m in missing.items()
            ]
            for m, code in codes:
                _keep(machine, m.key, code(), m.symbols)


def _submitted(
    pool: ThreadPoolExecutor, machine: Target, key: str, module: Any, effort: int
) -> Callable[[], bytes]:
    try:
        return pool.submit(_generated, machine, key, module, effort).result
    except RuntimeError:  # No thread is to be had.
        return functools.partial(_generated, machine, key, module, effort)


def known(
    key: str, symbols: Sequence[str], machine: Target | None = None
) -> tuple[int, ...] | None:
    """As `load`, but None where nothing was compiled for `key` yet."""
    machine = machine or target()
    entry = (machine, key, tuple(symbols))
    found = _linked.get(entry)
    if found is None:
        _give_way()
        with _lock:
            found = _linked.get(entry) or _from_disk(machine, key, entry[2])
            if found is not None:
                _linked[entry] = found
    return found


# --- the target -----------------------------------------------------------------------------


@functools.cache
def _llvm() -> Any:
    """llvmlite.binding, imported at the first compilation because that takes long."""
    require(_LLVM_BYTES, "for the compiler")
    llvm: Any = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # so that kernels can call libm by name
            ctypes.CDLL("libm.so.6", mode=ctypes.RTLD_GLOBAL)
    return llvm


@functools.cache
def _target(name: str | None) -> Target:
    llvm = _llvm()
    triple = str(llvm.get_process_triple())
    arch = triple.split("-")[0].replace("arm64", "aarch64")
    host = str(llvm.get_host_cpu_features().flatten())
    has = {feature[1:] for feature in host.split(",") if feature.startswith("+")}
    if name == "avx2" and not {"avx2", "fma"} <= has:
        raise ArgumentError(
            explain("ZINCIR_TARGET=avx2: not on this machine", got=str(llvm.get_host_cpu_name()))
        )
    if name == "generic":
        cpu, features, has = ("x86-64" if arch == "x86_64" else "generic"), "", set[str]()
    elif name == "avx2":
        cpu, features, has = "haswell", "", {"avx2", "fma"}
    else:
        cpu, features = str(llvm.get_host_cpu_name()), host
    size, registers = vector_shape(arch, has)
    if size == 64:
        # Some CPUs ask for 256-bit vectors by default; our kernels are laid out for 512.
        features = ",".join(filter(None, (features, "-prefer-256-bit")))
    return Target(triple, arch, cpu, features, size, registers)


def vector_shape(arch: str, features: set[str]) -> tuple[int, int]:
    """Bytes and number of the vector registers to use."""
    if arch != "x86_64":
        return 16, 32
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= features:
        return 64, 32
    return (32, 16) if {"avx2", "fma"} <= features else (16, 16)


def _machine(machine: Target, effort: int = 2) -> Any:
    llvm = _llvm()
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=3 if effort else 0,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


# --- compiling and linking ------------------------------------------------------------------


def assembly(text: str) -> str:
    """The assembly that `text` becomes, to look at."""
    machine = target()
    module = _parsed(machine, "assembly", text)
    _optimise(machine, module)
    return str(_machine(machine).emit_assembly(module))


def _from_disk(machine: Target, key: str, symbols: tuple[str, ...]) -> tuple[int, ...] | None:
    name = _digest(machine, key)
    code = disk.cache().read(name)
    if code is not None:
        with contextlib.suppress(CompileError):
            return _link(machine, key, code, symbols)
        disk.cache().remove(name)
    return None


def _built(
    machine: Target, key: str, build: Callable[[], str], symbols: tuple[str, ...], effort: int
) -> tuple[int, ...]:
    code = _generated(machine, key, _parsed(machine, key, build()), effort)
    return _keep(machine, key, code, symbols)


def _keep(machine: Target, key: str, code: bytes, symbols: tuple[str, ...]) -> tuple[int, ...]:
    addresses = _linked[machine, key, symbols] = _link(machine, key, code, symbols)
    disk.cache().write(_digest(machine, key), code)
    return addresses


def _parsed(machine: Target, key: str, text: str) -> Any:
    """The module of a text, in a context of its own: nothing in it is shared with others."""
    llvm = _llvm()
    require(_MODULE_BYTES, "to compile")
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple = machine.triple
        module.verify()
    except RuntimeError as error:
        raise _refused("LLVM refuses the module", key, error) from None
    return module


def _generated(machine: Target, key: str, module: Any, effort: int) -> bytes:
    if effort == 2:
        _optimise(machine, module)
    try:
        return _emit(_machine(machine, effort), module)
    except RuntimeError as error:
        raise _refused("LLVM cannot generate code", key, error) from None


def _emit(machine: Any, module: Any) -> bytes:
    """What `machine.emit_object(module)` does, in as many threads at once as want to.

    llvmlite lets one thread into LLVM at a time, although modules in contexts of their own have
    nothing in common. The function that takes long is called without its lock.
    """
    ffi = _llvm().ffi
    try:
        emit = ffi.lib._lib_handle.LLVMPY_TargetMachineEmitToMemory
    except AttributeError:
        return bytes(machine.emit_object(module))
    with ffi.OutputString() as problem:
        memory = emit(machine, module, 1, problem)
        if not memory:
            raise RuntimeError(str(problem))
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(memory), ffi.lib.LLVMPY_GetBufferSize(memory)
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def _optimise(machine: Target, module: Any) -> None:
    """Run the cheapest pipeline that hoists loop invariants.

    Kernels come with their vectors and loops as they should be, so that the passes which look
    for more (and would cost as much again) are left out; they give the same code.
    """
    llvm = _llvm()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(_machine(machine), options)
    builder.getModulePassManager().run(module, builder)


@functools.cache
def _linker(machine: Target) -> Any:
    """The linker of the process; it checks objects and reports unknown symbols as errors."""
    # JITLink keeps code and constants of a module together, as the small code model needs.
    return immortal(
        _llvm().create_lljit_compiler(
            _machine(machine), use_jit_link=sys.platform != "win32", suppress_errors=True
        )
    )


def _link(machine: Target, key: str, code: bytes, symbols: tuple[str, ...]) -> tuple[int, ...]:
    library = _llvm().JITLibraryBuilder().add_object_img(code).add_current_process()
    for symbol in symbols:
        library.export_symbol(symbol)
    try:
        linked = immortal(library.link(_linker(machine), f"module{next(_serial)}"))
    except RuntimeError as error:
        raise _refused("the module cannot be linked", key, error) from None
    return tuple(int(linked[symbol]) for symbol in symbols)


def immortal(thing: _T) -> _T:
    """Keep a thing for ever: threads of the team may still use it when the interpreter ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


def _refused(what: str, key: str, error: Exception) -> CompileError:
    where = key.strip().partition("\n")[0][:200]
    return CompileError(explain(f"native code: {what}", where=where, got=str(error).strip()))


# --- names on disk ---------------------------------------------------------------------------


def digest(key: str, machine: Target | None = None) -> str:
    """Names in the cache on disk what these sources make of `key` for a machine."""
    return _digest(machine or target(), key)


def _digest(machine: Target, key: str) -> str:
    state = _surroundings(machine, disk.sources()).copy()
    state.update(key.encode())
    return state.hexdigest()


@functools.cache
def _surroundings(machine: Target, sources: str) -> Any:
    """The hash of everything besides a key that code depends on."""
    parts = (
        str(_llvm().llvm_version_info),
        str(importlib.import_module("llvmlite").__version__),
        sources,
        machine.triple,
        machine.cpu,
        machine.features,
        "",
    )
    return hashlib.sha256("\0".join(parts).encode())


def _before_fork() -> None:
    # Let those who compile finish, so that a child finds LLVM at rest and its locks free.
    with _door:
        _lock.acquire(timeout=10.0)
    lock = _llvmlite_lock()
    if lock is not None:
        lock._lock.acquire(timeout=10.0)


def _llvmlite_lock() -> Any:
    """What llvmlite locks at each call, also when a module of LLVM is given up."""
    ffi = sys.modules.get("llvmlite.binding.ffi")
    lock = getattr(getattr(ffi, "lib", None), "_lock", None)
    return lock if hasattr(lock, "_lock") else None


def _give_way() -> None:
    """Wait for who wants to fork, before the lock is taken."""
    if not _lock._is_owned():
        with _door:
            pass


def _after_fork_in_parent() -> None:
    lock = _llvmlite_lock()
    for taken in (_lock,) if lock is None else (lock._lock, _lock):
        with contextlib.suppress(RuntimeError):  # A time-out, or Ctrl-C: it was not taken.
            taken.release()


def _after_fork_in_child() -> None:
    global _lock, _door
    _lock, _door = threading.RLock(), threading.RLock()
    lock = _llvmlite_lock()
    if lock is not None:
        lock._lock = threading.RLock()


_linked: dict[tuple[Target, str, tuple[str, ...]], tuple[int, ...]] = {}
_serial = itertools.count()
_lock: Any = threading.RLock()
_door: Any = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

"""LLVM IR to machine code, kept in memory and on disk: the only file that imports llvmlite.

Objects from disk are linked without LLVM seeing any IR. They are trusted only when folder and
file belong to the user and nobody else can write them, and when their checksum fits.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import itertools
import os
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from zincir import settings
from zincir.errors import ArgumentError, CompileError, explain

_FORMAT = 1
_MAGIC = b"zincir%02d" % _FORMAT
_SUFFIX = ".zco"
_HOUR = 3600.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that code is generated for."""

    triple: str
    arch: str
    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int


def target() -> Target:
    """The machine of this process, or less than it when `settings.target` says so."""
    return _target(settings.current().target)


def load(
    key: str, build: Callable[[], str], symbols: Sequence[str], *, effort: int = 2
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

    Raises:
        CompileError: when LLVM refuses the module or a symbol it needs does not exist.
    """
    machine = target()
    entry = (machine, key, tuple(symbols))
    found = _linked.get(entry)
    if found is None:
        with _lock:
            found = _linked.get(entry)
            if found is None:
                found = _linked[entry] = _find(machine, key, build, entry[2], effort)
    return found


# --- the target -----------------------------------------------------------------------------


@functools.cache
def _llvm() -> Any:
    """llvmlite.binding, imported at the first compilation because that takes long."""
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
    return str(_machine(machine).emit_assembly(_optimised(machine, "assembly", text)))


def _find(
    machine: Target, key: str, build: Callable[[], str], symbols: tuple[str, ...], effort: int
) -> tuple[int, ...]:
    """Link the module of `key`, from disk or freshly compiled."""
    digest = _digest(machine, key)
    cache = _disk(settings.current().cache_dir, settings.current().cache_bytes)
    code = cache.read(digest)
    if code is not None:
        with contextlib.suppress(CompileError):
            return _link(machine, key, code, symbols)
        cache.remove(digest)
    code = _compiled(machine, key, build(), effort)
    addresses = _link(machine, key, code, symbols)
    cache.write(digest, code)
    return addresses


def _compiled(machine: Target, key: str, text: str, effort: int) -> bytes:
    module = _optimised(machine, key, text, effort)
    try:
        return bytes(_machine(machine, effort).emit_object(module))
    except RuntimeError as error:
        raise _refused("LLVM cannot generate code", key, error) from None


def _optimised(machine: Target, key: str, text: str, effort: int = 2) -> Any:
    """Parse, verify and run the cheapest pipeline that hoists loop invariants.

    Kernels come with their vectors and loops as they should be, so that the passes which look
    for more (and would cost as much again) are left out; they give the same code.
    """
    llvm = _llvm()
    try:
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        module.verify()
    except RuntimeError as error:
        raise _refused("LLVM refuses the module", key, error) from None
    if effort < 2:
        return module
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(_machine(machine), options)
    builder.getModulePassManager().run(module, builder)
    return module


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


# --- the cache on disk ----------------------------------------------------------------------


class DiskCache:
    """A bounded folder of object code that only its owner may have written.

    A file is: magic, length, SHA-256, object. Files appear by a rename, so that any number of
    processes may share the folder; those unused for longest go when it outgrows its bound.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self.folder = folder
        self.bound = bound
        self._open: bool | None = None if bound else False
        self._unswept = bound  # the first write of a process sweeps

    def read(self, digest: str) -> bytes | None:
        """The object stored under `digest`; None when there is none that can be trusted."""
        if not self._ready():
            return None
        path = self.folder / (digest + _SUFFIX)
        try:
            content = self._content(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._give_up("cannot be read", error)
        if content is None:
            return None
        header, code = content[:_HEADER], content[_HEADER:]
        if header != _header(code):
            self.remove(digest)
            return None
        return code

    def write(self, digest: str, code: bytes) -> None:
        """Store `code`, and now and then make room."""
        if not self._ready() or len(code) + _HEADER > self.bound:
            return
        try:
            self._store(digest, _header(code) + code)
            self._unswept += len(code)
            if self._unswept >= self.bound // 16:
                self._unswept = 0
                self._sweep()
        except OSError as error:
            self._give_up("cannot be written", error)

    def remove(self, digest: str) -> None:
        """Forget what is stored under `digest`."""
        with contextlib.suppress(OSError):
            (self.folder / (digest + _SUFFIX)).unlink()

    def _ready(self) -> bool:
        if self._open is None:
            self._open = True
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                owned = _is_private(self.folder.stat())
            except OSError as error:
                self._give_up("cannot be created", error)
            else:
                if not owned:
                    self._give_up("may be written by others")
        return self._open

    def _content(self, path: Path) -> bytes | None:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_private(status):
                return self._give_up(f"holds a file others may write, {path.name}")
            if time.time() - status.st_mtime > _HOUR:
                with contextlib.suppress(OSError):
                    os.utime(path)
            return file.read()

    def _store(self, digest: str, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(".tmp", dir=self.folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, self.folder / (digest + _SUFFIX))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _sweep(self) -> None:
        """Remove what was unused for longest until an eighth of the bound is free."""
        files: list[tuple[float, int, str]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(_SUFFIX):
                        files.append((status.st_mtime, status.st_size, entry.path))
                    elif entry.name.endswith(".tmp") and time.time() - status.st_mtime > _HOUR:
                        os.unlink(entry.path)  # left by a process that died
        total = sum(size for _, size, _ in files)
        if total <= self.bound - self.bound // 16:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size
            if total <= self.bound - self.bound // 8:
                return

    def _give_up(self, why: str, error: OSError | None = None) -> None:
        """Warn once, and work in memory from now on."""
        self._open = False
        message = explain(
            f"cache of machine code {why}; every run of the program will compile anew",
            where=str(self.folder),
            expected="a folder of this user that nobody else can write (mode 0700)",
            got="" if error is None else str(error),
            try_="ZINCIR_CACHE_DIR=<another folder>, or ZINCIR_CACHE_BYTES=0 for no cache",
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def _is_private(status: os.stat_result) -> bool:
    """Owned by this user and not writable by anybody else (where the system can tell)."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _header(code: bytes) -> bytes:
    return _MAGIC + len(code).to_bytes(8, "little") + hashlib.sha256(code).digest()


def _digest(machine: Target, key: str) -> str:
    parts = (
        str(_FORMAT),
        str(_llvm().llvm_version_info),
        str(importlib.import_module("llvmlite").__version__),
        _sources(),
        machine.triple,
        machine.cpu,
        machine.features,
        key,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _sources() -> str:
    """State of zincir's own sources: a change of the compiler outdates all it has made."""
    state = hashlib.sha256()
    root = Path(__file__).parent.parent
    for folder in ("compiler", "graph", "ops", "runtime"):
        for path in sorted((root / folder).rglob("*.py")):
            status = path.stat()
            state.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return state.hexdigest()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


_HEADER = len(_header(b""))
_disk = functools.cache(DiskCache)
_linked: dict[tuple[Target, str, tuple[str, ...]], tuple[int, ...]] = {}
_serial = itertools.count()
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

"""What makes `import torch` find Zincir."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from zincir.as_torch.absent import AbsentModule, AbsentName, absent, script_line
from zincir.as_torch.rooms import parts_of
from zincir.errors import ArgumentError, explain
from zincir.naming import NAMING

STRANGERS = {
    "torchvision": "zincir.ops, zincir.models and zincir.data (load_digits, augment and others)",
    "torchaudio": "scipy.io.wavfile and zincir.fft",
    "torchtext": "plain Python and zincir.utils.data",
}
"""Packages that consist of extensions of PyTorch's own binaries, and what may serve instead."""


class View(ModuleType):
    """A module of PyTorch: the public names of some of ours, one hiding the other."""

    __parts__: list[ModuleType]
    """The modules that it shows."""

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":  # asked for by Python itself
            raise AttributeError(name)
        whole = f"{self.__name__}.{name}"
        if parts_of(whole):
            return importlib.import_module(whole)
        for part in self.__parts__:  # made since, or not public
            value: Any = vars(part).get(name)
            if value is not None and not isinstance(value, ModuleType):
                return value
        raise AbsentName(absent(whole, dir(self)))

    def __setattr__(self, name: str, value: Any) -> None:
        # Python's import system binds what it has imported. A function may have the same name.
        if not isinstance(value, View) or name not in self.__dict__:
            super().__setattr__(name, value)


class Loader:
    """Makes a view; the names of PyTorch's modules and ours are the same."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty view."""
        return View(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill in the names."""
        parts = [importlib.import_module(part) for part in parts_of(module.__name__)]
        module.__dict__["__parts__"] = parts
        module.__doc__ = parts[0].__doc__
        for part in reversed(parts):
            for name, value in _public(part):
                module.__dict__[name] = value


def _public(part: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(part).items():
        # Modules are views themselves, found when they are asked for.
        if name in ("__version__", "__all__"):
            yield name, value
        if name[:1] != "_" and name != "annotations" and not isinstance(value, ModuleType):
            yield name, value


class Finder:
    """Stands first among Python's finders, and answers for everything called `torch`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to make a module of PyTorch's.

        Raises:
            AbsentModule: there is none of that name.
        """
        top = fullname.partition(".")[0]
        if top in STRANGERS:
            return _stranger(fullname, path)
        if top != "torch":
            return None
        if parts_of(fullname):
            spec = ModuleSpec(fullname, Loader(), is_package=True)  # type: ignore[arg-type]
            spec.origin = "zincir"
            return spec
        if _only_asked():
            return None
        room, _, _ = fullname.rpartition(".")
        raise AbsentModule(absent(fullname, dir(sys.modules[room])))


def _stranger(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """One of the strangers, or of its modules: refuse the real one before it fails halfway.

    A package of that name in plain Python, as some scripts bring with them, is found as ever.
    """
    spec = _elsewhere(name, path)
    if path is not None or _only_asked():
        return spec
    if spec is not None and not _has_binaries(spec):
        return spec
    raise AbsentModule(
        explain(
            f"{name} cannot be imported: it extends PyTorch's own binaries",
            where=script_line(),
            try_=STRANGERS[name],
        )
    )


def _elsewhere(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """What Python's other finders say."""
    for finder in sys.meta_path:
        if finder is not _FINDER:
            spec = finder.find_spec(name, path)
            if spec is not None:
                return spec
    return None


def _has_binaries(spec: ModuleSpec) -> bool:
    folders = spec.submodule_search_locations or ()
    return any(True for folder in folders for _ in Path(folder).rglob(f"*{EXTENSION_SUFFIXES[-1]}"))


def _only_asked() -> bool:
    """Whether somebody asks if there is such a module, and nobody imports it."""
    frame, depth = sys._getframe(2), 0
    while frame.f_back is not None and depth < 3:
        if frame.f_code is importlib.util.find_spec.__code__:
            return True
        frame, depth = frame.f_back, depth + 1
    return False


_FINDER = Finder()


def install_as_torch() -> None:
    r"""Let `import torch` and its submodules mean Zincir, in this process, from now on.

    Scripts and libraries that are imported afterwards find Zincir under PyTorch's names, and types,
    sizes and tensors print as PyTorch's do. A second call changes nothing.

    Raises:
        ArgumentError: PyTorch itself has been imported already.

    Example:
        >>> import subprocess, sys
        >>> script = "import zincir; zincir.install_as_torch(); import torch; print(torch.ones(2))"
        >>> subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout
        'tensor([1., 1.])\n'
    """
    if _FINDER in sys.meta_path:
        return
    there = sys.modules.get("torch")
    if there is not None:
        raise ArgumentError(
            explain(
                "install_as_torch: PyTorch is imported already",
                where=script_line(),
                got=str(getattr(there, "__file__", there)),
                try_="call it before anything imports torch, or run: zincir run script.py",
            )
        )
    NAMING.library = "torch"
    sys.meta_path.insert(0, _FINDER)  # type: ignore[arg-type]

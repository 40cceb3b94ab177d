"""Runs a script as Python does, with Zincir under PyTorch's name."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any

from zincir.as_torch.finder import install_as_torch


def read_script(path: str) -> tuple[bytes, str]:
    """What is in a file, or for "-" in standard input, and the name it goes by in tracebacks.

    Raises:
        OSError: the file cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read(), "<stdin>"
    with io.open_code(os.path.abspath(path)) as file:
        return file.read(), path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def run_script(path: str, source: bytes, name: str, args: list[str]) -> None:
    """Run a file as `__main__`; what it raises passes through, `SystemExit` among it.

    Args:
        path: what the script was called by, `sys.argv[0]`.
        source, name: what `read_script` gave.
        args: what follows in `sys.argv`.
    """
    is_file = path != "-"
    _look_in(os.path.dirname(os.path.realpath(name)) if is_file else "")
    sys.argv = [path, *args]
    main = _main_module(SourceFileLoader("__main__", name) if is_file else None, None)
    if is_file:
        main.__file__ = name
    _run(main, lambda: compile(source, name, "exec", dont_inherit=True))


def _look_in(folder: str) -> None:
    """What a script imports is looked for beside it first, unless Python was told not to."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def run_module(name: str, args: list[str]) -> None:
    """Run a module as `python -m` does, a package by its `__main__`.

    Raises:
        ImportError: there is no such module, or it holds no code.
    """
    _look_in(os.getcwd())
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    loader: Any = None if spec is None else spec.loader
    if spec is None or not hasattr(loader, "get_code"):
        raise ImportError(f"No module named {name}")
    code = loader.get_code(spec.name)
    sys.argv = [str(spec.origin), *args]
    main = _main_module(loader, spec)
    main.__file__ = spec.origin
    _run(main, lambda: code)


def _main_module(loader: Any, spec: ModuleSpec | None) -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(
        __loader__=loader,
        __spec__=spec,
        __package__=None if spec is None else spec.parent,
        __builtins__=sys.modules["builtins"],
        __annotations__={},
    )
    return main


def _run(main: ModuleType, code: Any) -> None:
    install_as_torch()
    sys.modules["__main__"] = main
    try:
        _execute(code(), main)
    except SystemExit:
        raise
    except BaseException:
        # Python itself prints the traceback and chooses the exit code, as for any script; it just
        # does not see the frames that lead here.
        shown = sys.excepthook

        def hook(kind: type[BaseException], value: BaseException, tb: TracebackType | None) -> None:
            tb = _without_ours(tb)
            shown(kind, value.with_traceback(tb), tb)

        sys.excepthook = hook
        raise


def _execute(code: CodeType, main: ModuleType) -> None:
    exec(code, main.__dict__)


def _without_ours(tb: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins with the script."""
    while tb is not None and tb.tb_frame.f_code is not _execute.__code__:
        tb = tb.tb_next
    return None if tb is None else tb.tb_next

"""`torch.compiler` and `torch._dynamo`: what PyTorch's compiler is told. Nothing is traced here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from zincir.nn.module.module import CompiledModule

OptimizedModule = CompiledModule


def _same(fn: Any) -> Any:
    return fn


class _Plain(contextlib.ContextDecorator):
    """A context, or a decorator, without effect."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def disable(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """`fn` itself, or without one a decorator that returns what it is given.

    >>> disable(abs) is abs, disable()(abs) is abs, disable(recursive=False)(abs) is abs
    (True, True, True)
    """
    return _same if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """`fn` itself, a function or several."""
    return fn


assume_constant_result = disallow_in_graph = graph_break_if_false = forbid_in_graph = allow_in_graph
run = disable


def is_compiling() -> bool:
    """False: Python runs."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Forgets what was compiled: nothing was, on demand."""


def graph_break(msg: str = "") -> None:
    """Ends a traced graph: there is none."""


def cudagraph_mark_step_begin() -> None:
    """Marks a step for CUDA graphs: there are none."""


def set_stance(*args: Any, **options: Any) -> Any:
    """A context without effect."""
    return _Plain()


def list_backends(*args: Any, **options: Any) -> list[str]:
    """The backends there are to choose from: one."""
    return ["zincir"]


def mark_dynamic(t: Any, index: Any, **options: Any) -> None:
    """Says that a size changes: it may always."""


mark_static = mark_static_address = maybe_mark_dynamic = mark_dynamic


def optimize(*args: Any, **options: Any) -> Callable[[Any], Any]:
    """A decorator that returns what it is given, like `torch.compile`."""
    return _same

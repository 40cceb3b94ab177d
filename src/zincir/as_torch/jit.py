"""`torch.jit`: nothing is scripted or traced; functions and modules are what they are."""

from __future__ import annotations

import builtins
import contextlib
from typing import Any, Final as Final, Never

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


class ScriptModule(Module):
    """A module to derive from: it is what it is written as, and `script` makes none."""


class ScriptFunction:
    """What `script` would make of a function: it makes none."""


class TracerWarning(Warning):
    """What tracing would warn of."""


RecursiveScriptModule = ScriptModule


def is_scripting() -> bool:
    """False: Python runs."""
    return False


def is_tracing() -> bool:
    """False: Python runs."""
    return False


def script(obj: Any, *args: Any, **options: Any) -> Any:
    """`obj` itself: a function, a module or a class."""
    return obj


def script_method(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def script_if_tracing(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def trace(func: Any, example_inputs: Any = None, *args: Any, **options: Any) -> Any:
    """`func` itself, a function or a module."""
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **options: Any) -> Any:
    """`mod` itself."""
    return mod


def export(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def unused(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def ignore(drop: Any = False, **options: Any) -> Any:
    """A decorator that returns what it is given; also without parentheses."""
    return drop if callable(drop) else unused


def interface(obj: Any) -> Any:
    """`obj` itself."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """`the_value`."""
    return the_value


def Attribute(value: Any, type: Any) -> Any:
    """`value`."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's `isinstance`."""
    return _isinstance(obj, target_type)


_isinstance = builtins.isinstance


def freeze(mod: Any, *args: Any, **options: Any) -> Any:
    """`mod` itself."""
    return mod


def optimize_for_inference(mod: Any, *args: Any, **options: Any) -> Any:
    """`mod` itself."""
    return mod


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Any:
    """A context without effect."""
    yield


def fork(func: Any, *args: Any, **kwargs: Any) -> Any:
    """`func(...)`, at once; `wait` returns it."""
    return func(*args, **kwargs)


def wait(future: Any) -> Any:
    """The result of `fork`."""
    return future


def save(m: Any, f: Any, *args: Any, **options: Any) -> Never:
    """An error: there are no scripted programs to be saved."""
    raise ArgumentError(_no_program("save"))


def load(f: Any, *args: Any, **options: Any) -> Never:
    """An error: scripted programs cannot be run."""
    raise ArgumentError(_no_program("load"))


def _no_program(what: str) -> str:
    return explain(
        f"torch.jit.{what}: TorchScript programs are PyTorch's alone",
        where=user_line(),
        try_="torch.save(model.state_dict(), path) and load_state_dict(torch.load(path))",
    )

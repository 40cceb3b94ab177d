"""Whether operations take part in gradients."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Generator
from typing import Any, Self, TypeVar, overload

from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, describe, here

F = TypeVar("F", bound=Callable[..., Any])


class _GradMode:
    """A context in which gradients are on or off, and a decorator that runs functions in it."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(MODE.grad)
        MODE.grad = self._enabled

    def __exit__(self, *_: object) -> None:
        MODE.grad = self._before.pop()

    def __call__(self, function: F) -> F:
        """`function`, or a generator wherever it resumes, run in this mode."""
        return _decorated(self._enabled, function)


class _Bare(_GradMode):
    """A mode without arguments, which decorates with or without parentheses."""

    _always: bool

    @overload
    def __new__(cls, orig_func: None = None) -> Self: ...
    @overload
    def __new__(cls, orig_func: F) -> F: ...
    def __new__(cls, orig_func: Any = None) -> Any:
        if orig_func is None:
            return super().__new__(cls)
        return _decorated(cls._always, orig_func)

    def __init__(self, orig_func: None = None) -> None:
        super().__init__(self._always)


class no_grad(_Bare):
    """Nothing computed inside takes part in gradients.

    >>> @no_grad()
    ... def running():
    ...     yield is_grad_enabled()
    >>> list(running()), is_grad_enabled()
    ([False], True)
    """

    _always = False


class enable_grad(_Bare):
    """Gradients again, inside `no_grad`."""

    _always = True


class inference_mode(_GradMode):
    """As `no_grad`; with `mode=False`, as `enable_grad`."""

    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: F) -> F: ...
    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool) or not callable(mode):
            return super().__new__(cls)
        return _decorated(False, mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not _flag("inference_mode", mode))


class set_grad_enabled(_GradMode):
    """Turn gradients on or off: at once, and until the end of a `with` block if used as one.

    As a decorator, while the function runs.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(_flag("set_grad_enabled", mode))
        self._at_first = MODE.grad
        MODE.grad = self._enabled

    def __enter__(self) -> None:
        MODE.grad = self._enabled

    def __exit__(self, *_: object) -> None:
        MODE.grad = self._at_first

    def __call__(self, function: F) -> F:
        MODE.grad = self._at_first
        return super().__call__(function)

    def __repr__(self) -> str:
        return f"zincir.set_grad_enabled(mode={self._enabled})"


def is_grad_enabled() -> bool:
    """Whether operations take part in gradients now."""
    return MODE.grad


def _flag(what: str, mode: Any) -> bool:
    if isinstance(mode, bool):
        return mode
    raise DTypeError(
        explain(
            f"{what}: mode is no bool",
            where=describe(here()),
            expected="True or False",
            got=f"{mode!r} ({type(mode).__name__})",
        )
    )


def _decorated(enabled: bool, function: Any) -> Any:
    if not callable(function):
        raise DTypeError(
            explain(
                "a gradient mode decorates functions",
                where=describe(here()),
                expected="a function, a method or a generator",
                got=type(function).__name__,
                try_="with no_grad(): ...",
            )
        )
    if inspect.isclass(function):
        warnings.warn(
            f"{function.__name__}: decorating a class with a gradient mode covers its constructor "
            "only, and the name then stands for a function; decorate __init__ or other methods",
            FutureWarning,
            stacklevel=3,
        )
    if inspect.isgeneratorfunction(function):
        return _resuming(enabled, function)

    @functools.wraps(function, updated=() if inspect.isclass(function) else ("__dict__",))
    def run(*args: Any, **kwargs: Any) -> Any:
        with _GradMode(enabled):
            return function(*args, **kwargs)

    return run


def _resuming(enabled: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator in its own mode whenever it runs, and in the caller's whenever it waits."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        move: Callable[..., Any] = inner.send
        given: Any = None
        try:
            while True:
                with _GradMode(enabled):
                    value = move(given)
                try:
                    move, given = inner.send, (yield value)
                except GeneratorExit:
                    with _GradMode(enabled):
                        inner.close()
                    raise
                except BaseException as error:
                    move, given = inner.throw, error
        except StopIteration as end:
            return end.value

    return run

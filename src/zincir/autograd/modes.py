"""Whether operations take part in gradients."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from zincir.graph.node import MODE


class _GradMode(ContextDecorator):
    """A context, and a decorator, that turns gradients on or off."""

    enabled = False

    def __init__(self) -> None:
        self._before: list[bool] = []

    def _recreate_cm(self) -> _GradMode:
        return type(self)()

    def __enter__(self) -> None:
        self._before.append(MODE.grad)
        MODE.grad = self.enabled

    def __exit__(self, *_: Any) -> None:
        MODE.grad = self._before.pop()


class no_grad(_GradMode):
    """Nothing computed inside takes part in gradients."""

    enabled = False


class enable_grad(_GradMode):
    """Gradients again, inside `no_grad`."""

    enabled = True


class inference_mode(_GradMode):
    """As `no_grad`."""

    enabled = False


class set_grad_enabled:
    """Turn gradients on or off: at once, and until the end of a `with` block if used as one."""

    def __init__(self, mode: bool) -> None:
        self._before = MODE.grad
        MODE.grad = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        MODE.grad = self._before


def is_grad_enabled() -> bool:
    """Whether operations take part in gradients now."""
    return MODE.grad

"""What registering a hook returns, of tensors, modules and optimizers."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

from zincir.recording import changed_setting, note_done, refill, refuse_replay

Hooks: TypeAlias = dict[object, Any]
"""Hooks in the order in which they are called, each under a key that its handle knows."""


class RemovableHandle:
    """Takes a hook away again: `handle.remove()`, or as a context manager at the end of `with`.

    Args:
        hooks: where the hook is put.
        prepend: in front of those that are there, not behind them.
    """

    def __init__(self, hooks: Hooks, hook: Any, *, prepend: bool = False) -> None:
        self._hooks = hooks
        self._key = object()
        before = dict(hooks)
        note_done(functools.partial(refill, hooks, before))
        changed_setting()
        if prepend:
            hooks.clear()
        hooks[self._key] = hook
        hooks.update(before)

    def remove(self) -> None:
        """Take the hook away. Doing it twice is harmless."""
        note_done(functools.partial(refill, self._hooks, dict(self._hooks)))
        self._hooks.pop(self._key, None)
        changed_setting()
        refuse_replay("it takes a hook away")

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

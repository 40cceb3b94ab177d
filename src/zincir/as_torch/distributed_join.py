"""`torch.distributed.algorithms.join`: processes with batches in different numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any


class Joinable:
    """What takes part in exchanges, and could be waited for."""


class JoinHook:
    """What would be done for processes that are through."""


@contextlib.contextmanager
def Join(
    joinables: Any, enable: bool = True, throw_on_early_termination: bool = False, **options: Any
) -> Generator[None]:
    """A context without effect: one process waits for nobody.

    >>> with Join([]):
    ...     pass
    """
    yield

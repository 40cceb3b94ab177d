"""`torch.nn.attention`: the ways in which attention may be computed. There is one here."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Generator
from typing import Any, cast

from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line


class SDPBackend(enum.IntEnum):
    """Names of ways to compute `scaled_dot_product_attention`: all lead to the same."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Generator[None]:
    """A context in which attention is computed as ever.

    >>> with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
    ...     pass

    Raises:
        DTypeError: `backends` is neither a `SDPBackend` nor a list of them.
    """
    several = isinstance(backends, list | tuple)
    named = cast("list[Any]", backends if several else [backends])
    if not all(isinstance(backend, SDPBackend) for backend in named):
        raise DTypeError(
            explain(
                "sdpa_kernel: backends",
                where=user_line(),
                expected="a SDPBackend, or a list of them",
                got=repr(backends),
            )
        )
    yield

"""What `torch.random` has besides seeds."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import numpy as np

from zincir.creation import from_numpy
from zincir.generator import default_generator
from zincir.tensor import Tensor


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **options: Any) -> Generator[None]:
    """A context after which random numbers go on as if nothing had been drawn in it.

    >>> import zincir
    >>> state = zincir.get_rng_state().tolist()
    >>> with fork_rng():
    ...     drawn = zincir.rand(3)
    >>> zincir.get_rng_state().tolist() == state
    True
    """
    if not enabled:
        yield
        return
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)


def get_rng_state() -> Tensor:
    """The state of the default generator as bytes, which `set_rng_state` takes."""
    return from_numpy(default_generator.get_state().view(np.uint8))

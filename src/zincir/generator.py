"""Random numbers: a key and a position, so that a seed says everything."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.creation import shape_of
from zincir.graph.node import Node
from zincir.ops import random
from zincir.recording import live
from zincir.tensor import Tensor, wrap
from zincir.types import DType, float32, int64, size


class Generator:
    """A stream of random numbers. Copying `get_state()` copies the stream."""

    def __init__(self) -> None:
        self._key = 0
        self._position = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`."""
        self._key = int(seed) & 0x7FFFFFFFFFFFFFFF
        self._position = 0
        return self

    def draw(self, count: int) -> Node:
        """The state for `count` numbers; the stream moves past them."""

        def getter() -> Any:
            at = self._position
            self._position += count
            return np.array([self._key, at], np.int64)

        return live(getter, (2,), int64)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the generator used when none is given."""
    return default_generator.manual_seed(seed)


def rand(*size_: Any, generator: Generator | None = None, dtype: DType = float32, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1)."""
    shape = shape_of(size_)
    g = generator or default_generator
    t = wrap(random.uniform(g.draw(size(shape)), shape, dtype))
    return t.requires_grad_() if requires_grad else t


def randn(*size_: Any, generator: Generator | None = None, dtype: DType = float32, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers."""
    shape = shape_of(size_)
    g = generator or default_generator
    n = size(shape)
    t = wrap(random.normal(g.draw(n), g.draw(n), shape, dtype))
    return t.requires_grad_() if requires_grad else t

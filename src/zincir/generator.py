"""Random numbers as a key and a position: a seed, and how many were drawn, say everything."""

from __future__ import annotations

import functools
import secrets
import threading
from collections.abc import Generator as Steps
from contextlib import contextmanager
from typing import Any

import numpy as np

from zincir.device import check_device
from zincir.errors import ArgumentError, DTypeError, StateError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, user_line
from zincir.limits import finfo
from zincir.operations import random
from zincir.operations.host import call
from zincir.operations.parts import join
from zincir.operations.source import PARTS
from zincir.random_bits import fold_key, philox2x32
from zincir.recording import live, note_condition, note_draw, refuse_replay
from zincir.types import DType, Scalar, Shape, float32, int64, size


class Generator:
    """A stream of random numbers, the same for any number of threads.

    >>> Generator().manual_seed(7).initial_seed()
    7
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        self._key = 67280421310721  # PyTorch's default seed
        self._position = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`."""
        refuse_replay("it sets the seed of a generator")
        stream = self._stream()
        stream._key = int(seed) & 0x7FFFFFFFFFFFFFFF
        stream._position = 0
        return self

    def seed(self) -> int:
        """Start a stream nobody has seen, and return its seed."""
        return self.manual_seed(secrets.randbits(63)).initial_seed()

    def initial_seed(self) -> int:
        note_condition(self, lambda: self._stream()._key)
        return self._stream()._key

    def get_state(self) -> np.ndarray[Any, Any]:
        """Key and position: all there is to a generator."""
        stream = self._stream()
        return np.array([stream._key, stream._position], np.int64)

    def set_state(self, new_state: Any) -> Generator:
        """Continue where `get_state` was called."""
        state = np.asarray(new_state)
        if state.dtype == np.uint8 and state.shape == (16,):  # as bytes
            state = np.ascontiguousarray(state).view(np.int64)
        if state.shape != (2,) or state.dtype.kind not in "iu" or state.dtype == np.uint8:
            raise StateError(
                explain(
                    "set_state: not the state of a generator",
                    where=user_line(),
                    expected="two integers, from get_state()",
                    got=f"{state.dtype} of shape {state.shape}",
                )
            )
        refuse_replay("it sets the state of a generator")
        stream = self._stream()
        stream._key, stream._position = int(state[0]), int(state[1])
        return self

    def draw(self, count: int) -> Node:
        """The state for the next `count` numbers; the stream moves past them."""
        count *= _examples()
        known = DRAWS.again[-1] if DRAWS.again and self is default_generator else None
        if known:
            node = known.pop(0)
        else:
            note_draw(self)
            node = live(functools.partial(self._next, count), (2,), int64)
        if self is default_generator:
            for kept in DRAWS.kept:
                kept.append(node)
        return node

    def _next(self, count: int) -> np.ndarray[Any, Any]:
        stream = self._stream()
        at = stream._position
        stream._position += count
        return np.array([stream._key, at], np.int64)

    def _stream(self) -> Generator:
        """Where it is read: threads may have another default stream."""
        aside = ASIDE.generator
        return self if aside is None or self is not default_generator else aside


class _Aside(threading.local):
    """What this thread has in the place of the default generator."""

    generator: Generator | None = None


ASIDE = _Aside()


class _Draws(threading.local):
    """Draws from the default generator that are to be made again."""

    def __init__(self) -> None:
        self.kept: list[list[Node]] = []
        """Where each draw is noted."""
        self.again: list[list[Node]] = []
        """What is given in the place of new draws, the last list first."""
        self.times = 1
        """How many examples each draw is for,"""
        self.refused = False
        """or whether there must be none."""


DRAWS = _Draws()


def _examples() -> int:
    """For how many examples numbers are drawn at once.

    Raises:
        ArgumentError: nobody said whether they are the same for all.
    """
    if DRAWS.refused:
        raise ArgumentError(
            explain(
                "func.vmap: a random operation, and nobody said what it means for many examples",
                where=user_line(),
                try_='vmap(..., randomness="different"), or "same"',
            )
        )
    return DRAWS.times


@contextmanager
def noting_draws() -> Steps[list[Node]]:
    """A list of what is drawn from the default generator meanwhile."""
    kept: list[Node] = []
    DRAWS.kept.append(kept)
    try:
        yield kept
    finally:
        DRAWS.kept.pop()


@contextmanager
def drawing_again(draws: list[Node]) -> Steps[None]:
    """What was drawn before is drawn again meanwhile, as long as it lasts; the stream stays."""
    DRAWS.again.append(list(draws))
    try:
        yield
    finally:
        DRAWS.again.pop()


@contextmanager
def default_stream(generator: Generator) -> Steps[None]:
    """In this thread, whoever draws from the default generator draws from this one meanwhile."""
    before, ASIDE.generator = ASIDE.generator, generator
    try:
        yield
    finally:
        ASIDE.generator = before


default_generator = Generator()


def fresh_seed(generator: Generator | None = None) -> int:
    """A number to seed others with, drawn from a generator: never the same twice."""
    refuse_replay("it draws a seed")
    state = (generator or default_generator).get_state()
    key, position = int(state[0]), int(state[1])
    high, low = philox2x32(np.array([position], np.uint64), fold_key(key))
    (generator or default_generator).set_state([key, position + 1])
    return (int(high[0]) << 30) ^ int(low[0])


def check_floating(dtype: DType, what: str) -> None:
    """Raise if a type has no fractions."""
    if dtype.category < 2:
        raise DTypeError(
            explain(
                f"{what}: needs a floating type",
                where=user_line(),
                got=dtype.name,
                try_="randint for whole numbers",
            )
        )


def uniform(generator: Generator | None, shape: Shape, dtype: DType = float32) -> Node:
    """Uniform numbers in [0, 1)."""
    check_floating(dtype, "rand")
    if dtype.is_complex:
        part = PARTS[dtype]
        return join(uniform(generator, shape, part), uniform(generator, shape, part))
    return random.uniform((generator or default_generator).draw(size(shape)), shape, dtype)


def normal(generator: Generator | None, shape: Shape, dtype: DType = float32) -> Node:
    """Standard normal numbers; of complex ones, each part has half of the variance."""
    check_floating(dtype, "randn")
    if dtype.is_complex:
        x, y = (normal(generator, shape, PARTS[dtype]) * 0.5**0.5 for _ in "xy")
        return join(x, y)
    g = generator or default_generator
    n = size(shape)
    return random.normal(g.draw(n), g.draw(n), shape, dtype)


def check_deviation(std: float) -> None:
    """Raise if a normal distribution cannot have this standard deviation."""
    if not std >= 0:
        raise ArgumentError(
            explain(f"normal expects std >= 0.0, but found std {std}", where=user_line())
        )


def check_bounds(low: float, high: float, dtype: DType) -> None:
    """Raise if nothing uniform lies in [low, high)."""
    most = finfo(dtype).max if dtype.category == 2 else np.inf
    if not low <= high or not high - low <= most:
        raise ArgumentError(
            explain(
                "uniform_ expects to return a [from, to) range",
                where=user_line(),
                expected=f"from <= to, and no more than {most} between them",
                got=f"from={low}, to={high}",
            )
        )


def probability(p: Node | Scalar) -> Node | Scalar:
    """`p`, of which it is made sure that it lies in [0, 1]."""
    if isinstance(p, Node):
        return at_once(call(_probabilities, (p.shape, p.dtype), p))
    _probabilities(np.asarray(p))
    return p


def deviation(std: Node) -> Node:
    """Standard deviations, of which it is made sure that none is negative."""
    return at_once(call(_deviations, (std.shape, std.dtype), std))


def _probabilities(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not ((p >= 0) & (p <= 1)).all():
        raise ArgumentError(
            explain("bernoulli: expected probabilities in [0, 1]", got=_outside(p, 0.0, 1.0))
        )
    return p


def _deviations(std: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not (std >= 0).all():
        raise ArgumentError(
            explain("normal expects all elements of std >= 0.0", got=_outside(std, 0.0, np.inf))
        )
    return std


def _outside(x: np.ndarray[Any, Any], low: float, high: float) -> str:
    return str(x[~((x >= low) & (x <= high))].flat[0])

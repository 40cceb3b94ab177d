"""Random tensors."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from zincir.creation import _shape as shape_of
from zincir.errors import ArgumentError, explain
from zincir.generator import (
    Generator,
    check_deviation,
    default_generator,
    deviation,
    normal as _normal,
    uniform,
)
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, user_line
from zincir.methods.drawing import check_whole, refuse_whole, whole_numbers
from zincir.operations.arithmetic import cast
from zincir.operations.dims import is_several
from zincir.operations.host import argsort, call
from zincir.operations.movement import attached
from zincir.tensor import Tensor, wrap
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import DEFAULT, DType, broadcast, float64, int64, size as size_of

Array: TypeAlias = np.ndarray[Any, Any]


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used when none is given."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator with a number nobody has seen, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator where `get_rng_state` was called."""
    default_generator.set_state(new_state)


def _kind(dtype: Any) -> DType:
    return DEFAULT.floating if dtype is None else as_dtype(dtype)


def _made(node: Node, requires_grad: bool) -> Tensor:
    t = wrap(node)
    return t.requires_grad_() if requires_grad else t


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    check_storage(device, layout, pin_memory)
    shape = shape_of(sizes if size is None else (size,))
    return _made(uniform(generator, shape, _kind(dtype)), requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal numbers."""
    check_storage(device, layout, pin_memory)
    shape = shape_of(sizes if size is None else (size,))
    return _made(_normal(generator, shape, _kind(dtype)), requires_grad)


def rand_like(
    input: Tensor, *, dtype: Any = None, memory_format: Any = None, **options: Any
) -> Tensor:
    """Uniform numbers in [0, 1), in the shape and type of another tensor."""
    check_storage(memory_format=memory_format)
    return rand(input.shape, dtype=input.dtype if dtype is None else dtype, **options)


def randn_like(
    input: Tensor, *, dtype: Any = None, memory_format: Any = None, **options: Any
) -> Tensor:
    """Standard normal numbers, in the shape and type of another tensor."""
    check_storage(memory_format=memory_format)
    return randn(input.shape, dtype=input.dtype if dtype is None else dtype, **options)


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Whole numbers from `low` (0 if left out) up to, and without, `high`."""
    check_storage(device, layout, pin_memory)
    if is_several(high):
        low, high, size = None, low, high
    elif high is None:
        low, high = None, low
    first, last = int(low or 0), int(high)
    if last <= first:
        raise ArgumentError(
            explain("random_ expects 'from' to be less than 'to'", where=user_line(),
                    got=f"low={low}, high={high}")
        )  # fmt: skip
    kind = int64 if dtype is None else as_dtype(dtype)
    check_whole(kind, first, last)
    drawn = whole_numbers(generator, shape_of((tuple(size),)), first, last)
    return _made(cast(drawn, kind), requires_grad)


def randint_like(
    input: Tensor, low: int, high: Any = None, *, dtype: Any = None, memory_format: Any = None,
    **options: Any,
) -> Tensor:  # fmt: skip
    """Whole numbers in the shape and type of another tensor."""
    check_storage(memory_format=memory_format)
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, dtype=input.dtype if dtype is None else dtype, **options)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    check_storage(device, layout, pin_memory)
    order = argsort(uniform(generator, (n,), float64), 0)
    return _made(cast(order, int64 if dtype is None else as_dtype(dtype)), requires_grad)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that `input` gives (or `p`, for all elements), else 0."""
    return input.bernoulli(p, generator=generator)


def _stream(state: Array) -> np.random.Generator:
    """NumPy's generator for a draw: a stream for each key and position."""
    key, position = (int(v) for v in state)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, position]))


def _poisson(state: Array, rate: Array) -> Array:
    if not (rate >= 0).all():
        raise ArgumentError(
            explain("poisson: invalid Poisson rate, expected rate to be non-negative")
        )
    return _stream(state).poisson(rate).astype(rate.dtype)


def _binomial(state: Array, count: Array, chance: Array) -> Array:
    if not (count >= 0).all():
        raise ArgumentError(explain("binomial: the number of trials must be non-negative"))
    drawn = _stream(state).binomial(count.astype(np.int64), np.clip(chance, 0, 1))
    return drawn.astype(count.dtype)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of events, of which `input` are expected.

    >>> from zincir.creation import zeros
    >>> poisson(zeros(2)).tolist()
    [0.0, 0.0]
    """
    refuse_whole(input, "poisson")
    rate = input.detach()._node
    state = (generator or default_generator).draw(max(input.numel(), 1))
    drawn = at_once(call(_poisson, (rate.shape, rate.dtype), state, rate))
    return wrap(attached(drawn, input._node) if input.requires_grad else drawn)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with the probability `prob`.

    >>> from zincir.creation import full, ones
    >>> binomial(full((2,), 5.0), ones(2)).tolist()
    [5.0, 5.0]
    """
    refuse_whole(count, "binomial")
    shape = broadcast(count.shape, prob.shape)
    trials, chance = (x.detach().expand(shape)._node for x in (count, prob.to(count.dtype)))
    state = (generator or default_generator).draw(max(size_of(shape), 1))
    drawn = at_once(call(_binomial, (shape, count.dtype), state, trials, chance))
    return wrap(drawn)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers with a mean and a standard deviation, each a number or a tensor."""
    check_storage(device, layout, pin_memory)
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    sizes = [x.shape for x in tensors]
    shape = broadcast(*sizes) if size is None else shape_of((tuple(size),))
    kind = _kind(dtype) if dtype is not None or not tensors else tensors[0].dtype
    drawn = wrap(_normal(generator, shape, kind))
    if isinstance(std, Tensor):
        std = wrap(deviation(std.detach()._node))
    else:
        check_deviation(std)
    y = drawn * std + (mean.detach() if isinstance(mean, Tensor) else mean)
    if size is None:  # it depends on both, with gradients of zeros
        for x in tensors:
            y = wrap(attached(y._node, x._node)) if x.requires_grad else y
    return y.requires_grad_() if requires_grad else y


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn with the weights in the rows of `input`."""
    return input.multinomial(num_samples, replacement, generator=generator)

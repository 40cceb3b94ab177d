"""Random tensors."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from zincir.creation import _shape as shape_of
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.generator import (
    Generator,
    check_deviation,
    default_generator,
    deviation,
    normal as _normal,
    probability,
    uniform,
)
from zincir.graph.node import Node, user_line
from zincir.ops.arithmetic import cast, compare, floor
from zincir.ops.dims import is_several
from zincir.ops.host import argsort, call
from zincir.tensor import Tensor, wrap
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import DType, broadcast, float32, float64, int64

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
    return float32 if dtype is None else as_dtype(dtype)


def _made(node: Node, requires_grad: bool) -> Tensor:
    t = wrap(node)
    return t.requires_grad_() if requires_grad else t


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    check_storage(device, layout, pin_memory)
    return _made(uniform(generator, shape_of(size), _kind(dtype)), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal numbers."""
    check_storage(device, layout, pin_memory)
    return _made(_normal(generator, shape_of(size), _kind(dtype)), requires_grad)


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
    low: int,
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
    if size is None or is_several(high):
        low, high, size = 0, low, high if size is None else size
    if high <= low:
        raise ArgumentError(
            explain("randint: needs low < high", where=user_line(), got=f"low={low}, high={high}")
        )
    drawn = uniform(generator, shape_of((tuple(size),)), float64)
    whole = cast(floor(drawn * float(high - low)), int64) + low
    kind = int64 if dtype is None else as_dtype(dtype)
    return _made(cast(whole, kind), requires_grad)


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


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` gives, else 0."""
    _refuse_whole("bernoulli", input)
    drawn = uniform(generator, input.shape, float32)
    return wrap(cast(compare("lt", drawn, probability(input.detach()._node)), input.dtype))


def _refuse_whole(what: str, input: Tensor) -> None:
    if not input.is_floating_point():
        raise DTypeError(
            explain(
                f"{what}: needs a floating tensor",
                where=user_line(),
                got=input.dtype.name,
                try_="x.float()",
            )
        )


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
    shape = shape_of((tuple(size),)) if size is not None else broadcast(*[x.shape for x in tensors])
    kind = _kind(dtype) if dtype is not None or not tensors else tensors[0].dtype
    drawn = wrap(_normal(generator, shape, kind))
    if isinstance(std, Tensor):
        std = wrap(deviation(std.detach()._node))
    else:
        check_deviation(std)
    y = drawn * std + (mean.detach() if isinstance(mean, Tensor) else mean)
    return y.requires_grad_() if requires_grad else y


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn with the weights in the rows of `input`."""
    _refuse_whole("multinomial", input)
    if input.ndim not in (1, 2):
        raise ShapeError(
            explain(
                "multinomial: prob_dist must be 1 or 2 dim", where=user_line(), got=str(input.shape)
            )
        )
    weights = input.detach() if input.ndim == 2 else input.detach().unsqueeze(0)
    choices = weights.shape[1]
    if num_samples <= 0 or (not replacement and num_samples > choices):
        raise ArgumentError(
            explain(
                "multinomial: cannot draw that many"
                + ("" if replacement else " without replacement"),
                where=user_line(),
                expected="at least 1" if replacement else f"1 to {choices}",
                got=str(num_samples),
            )
        )
    checked = wrap(call(_weights, (weights.shape, float64), weights.double()._node))
    result = (_with if replacement else _without)(checked, num_samples, generator)
    return result if input.ndim == 2 else result.squeeze(0)


def _weights(w: Array) -> Array:
    """Weights as they are, of which it is made sure that they are some."""
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ArgumentError(
            explain("multinomial: probability tensor contains either inf, nan or element < 0")
        )
    if not (w.sum(1) > 0).all():
        raise ArgumentError(
            explain("multinomial: invalid distribution (sum of probabilities <= 0)")
        )
    return w


def _with(weights: Tensor, count: int, generator: Generator | None) -> Tensor:
    ends = weights.cumsum(1)
    drawn = wrap(uniform(generator, (weights.shape[0], count), float64)) * ends[:, -1:]
    return (drawn.unsqueeze(-1) >= ends.unsqueeze(1)).sum(-1).clamp(max=weights.shape[1] - 1)


def _without(weights: Tensor, count: int, generator: Generator | None) -> Tensor:
    """The largest of log(uniform) / weight (Efraimidis and Spirakis 2006)."""
    drawn = wrap(uniform(generator, weights.shape, float64))
    keys = (1.0 - drawn).log() / weights
    return keys.masked_fill(weights == 0, -np.inf).topk(count, 1).indices

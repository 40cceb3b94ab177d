"""Random tensors."""

from __future__ import annotations

from typing import Any

from zincir.creation import _shape as shape_of
from zincir.errors import ArgumentError, explain
from zincir.generator import Generator, default_generator, normal as _normal, uniform
from zincir.graph.node import Node
from zincir.ops.arithmetic import cast, compare, floor
from zincir.ops.dims import is_several, place
from zincir.ops.host import argsort
from zincir.tensor import Tensor, as_dtype, wrap
from zincir.types import DType, float32, float64, int64


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
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return _made(uniform(generator, shape_of(size), _kind(dtype)), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers."""
    return _made(_normal(generator, shape_of(size), _kind(dtype)), requires_grad)


def rand_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1), in the shape and type of another tensor."""
    return rand(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers, in the shape and type of another tensor."""
    return randn(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Whole numbers from `low` (0 if left out) up to, and without, `high`."""
    if size is None or is_several(high):
        low, high, size = 0, low, high if size is None else size
    if high <= low:
        raise ArgumentError(
            explain("randint: needs low < high", where=place(), got=f"low={low}, high={high}")
        )
    drawn = uniform(generator, shape_of((tuple(size),)), float64)
    whole = cast(floor(drawn * float(high - low)), int64) + low
    return wrap(cast(whole, int64 if dtype is None else as_dtype(dtype)))


def randint_like(input: Tensor, low: int, high: Any = None) -> Tensor:
    """Whole numbers in the shape and type of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, dtype=input.dtype)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    order = argsort(uniform(generator, (n,), float64), 0)
    return wrap(cast(order, int64 if dtype is None else as_dtype(dtype)))


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` gives, else 0."""
    drawn = uniform(generator, input.shape, float32)
    return wrap(cast(compare("lt", drawn, input._node), input.dtype))


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None
) -> Tensor:
    """Normal numbers with a mean and a standard deviation, each a number or a tensor."""
    like = next((x for x in (mean, std) if isinstance(x, Tensor)), None)
    shape = shape_of((tuple(size),)) if size is not None else like.shape if like is not None else ()
    drawn = _normal(generator, shape, like.dtype if like is not None else float32)
    return wrap(drawn) * std + mean


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn with the weights in the rows of `input`."""
    weights = input._node if input.ndim == 2 else input.unsqueeze(0)._node
    choices = weights.shape[1]
    if not replacement and num_samples > choices:
        raise ArgumentError(
            explain(
                "multinomial: cannot draw that many without replacement",
                where=place(),
                expected=f"at most {choices}",
                got=str(num_samples),
            )
        )
    result = (_with if replacement else _without)(wrap(weights), num_samples, generator)
    return result if input.ndim == 2 else result.squeeze(0)


def _with(weights: Tensor, count: int, generator: Generator | None) -> Tensor:
    ends = weights.detach().double().cumsum(1)
    drawn = wrap(uniform(generator, (weights.shape[0], count), float64)) * ends[:, -1:]
    return (drawn.unsqueeze(-1) >= ends.unsqueeze(1)).sum(-1).clamp(max=weights.shape[1] - 1)


def _without(weights: Tensor, count: int, generator: Generator | None) -> Tensor:
    """The largest of log(uniform) / weight (Efraimidis and Spirakis 2006)."""
    drawn = wrap(uniform(generator, weights.shape, float64))
    keys = (1.0 - drawn).log() / weights.detach().double()
    return keys.topk(count, 1).indices

"""Random numbers from counters: the same for any number of threads, and after a resume."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.arithmetic import cast, floor
from zincir.operations.elementwise import cos, log, sqrt
from zincir.random_bits import philox_numpy
from zincir.types import DType, Shape, float16, float32, float64, size


def _uniform_numpy(state: Any, shape: Shape, dtype: DType) -> Any:
    key, start = int(state[0]), int(state[1])
    counter = np.arange(size(shape), dtype=np.uint64) + np.uint64(start)
    if dtype is float32:
        bits = philox_numpy(counter, key) >> np.uint32(8)
        return (bits.astype(np.float32) * np.float32(2.0**-24)).reshape(shape)
    high = philox_numpy(counter * np.uint64(2), key) >> np.uint32(5)
    low = philox_numpy(counter * np.uint64(2) + np.uint64(1), key) >> np.uint32(6)
    return ((high * 2.0**26 + low) * 2.0**-53).reshape(shape)


def _uniform_spec(state: Spec, shape: Shape, dtype: DType) -> Spec:
    return shape, dtype


uniform_p = register(
    Primitive(
        "uniform",
        Kind.INDEXED,
        doc="Uniform in [0, 1): element i from the Philox2x32-10 counter state[1] + i under the "
        "key state[0] (Salmon et al. 2011).",
        infer=_uniform_spec,
        numpy=_uniform_numpy,
        lower=lambda b, position, key, start, dtype: b.uniform(position, key, start, dtype),
        attrs=("shape", "dtype"),
        expensive=True,
    )
)


def uniform(state: Node, shape: Shape, dtype: DType = float32) -> Node:
    """Uniform numbers in [0, 1). `state` is int64 (key, counter)."""
    kind = dtype if dtype in (float32, float64) else float32
    drawn = apply(uniform_p, state, attrs=(shape, kind))
    if not dtype.half:
        return drawn
    steps = 2.0 ** (11 if dtype is float16 else 8)  # so many bits, as rounding would give 1, too
    return cast(floor(drawn * steps) / steps, dtype)


def normal(first: Node, second: Node, shape: Shape, dtype: DType = float32) -> Node:
    """Standard normal numbers by Box and Muller (1958), from two states."""
    kind = float32 if dtype.half else dtype
    radius = sqrt(-2.0 * log(1.0 - uniform(first, shape, kind)))
    return cast(radius * cos(2.0 * math.pi * uniform(second, shape, kind)), dtype)

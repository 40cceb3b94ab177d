"""bfloat16: float32 with 8 bits of precision instead of 24, and the same range.

What products of float32 read where `precision="bf16"` asks for it: rounded numbers are held in
float32, or two by two in a `pair`, as the processor's dot products want them. Tensors of bfloat16
are another thing: see `half` and `compiler.rewrite.halves`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.half import upper
from zincir.operations.arithmetic import pointwise
from zincir.types import DType, float32, pair

bfloat16_p = pointwise(
    "bfloat16",
    doc="The nearest bfloat16, as float32; halves go to the even one, NaN stays.",
    numpy=lambda x: upper(x).view(np.float32).astype(x.dtype),
    lower=lambda b, x: b.bfloat16(x),
    dtypes=("float32",),
    # Half a dozen instructions: as many as storing the result is worth.
    expensive=True,
)

pair_p = pointwise(
    "pair",
    doc="Both numbers rounded to bfloat16, side by side in four bytes.",
    numpy=lambda x, y: upper(x) >> np.uint32(16) | upper(y),
    lower=lambda b, x, y: b.pair(x, y),
    result=pair,
    dtypes=("float32",),
    expensive=True,
)


def bfloat16(x: Node) -> Node:
    """A float32 `x` rounded to bfloat16; still float32."""
    return apply(bfloat16_p, x)


def sum_type(dtype: DType) -> DType:
    """The type of sums of products of a type."""
    return float32 if dtype is pair else dtype


def halves(x: Any) -> tuple[Any, Any]:
    """For NumPy twins: the first and the second numbers of an array of pairs, in float64."""
    bits = x << np.uint32(16), x & np.uint32(0xFFFF0000)
    first, second = (half.view(np.float32).astype(np.float64) for half in bits)
    return first, second

"""Rounding to bfloat16: float32 with 8 bits of precision instead of 24, and the same range."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.ops.arithmetic import pointwise


def _bfloat16_numpy(x: Any) -> Any:
    bits = x.astype(np.float32).view(np.uint32)
    # Half of the last place that stays, less one if that place is even: halves go to even.
    up = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    rounded = (up & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), x, rounded.astype(x.dtype))


bfloat16_p = pointwise(
    "bfloat16",
    doc="The nearest bfloat16, as float32; halves go to the even one, NaN stays.",
    numpy=_bfloat16_numpy,
    lower=lambda b, x: b.bfloat16(x),
    dtypes=("float32",),
    # Half a dozen instructions: as many as storing the result is worth.
    expensive=True,
)


def bfloat16(x: Node) -> Node:
    """A float32 `x` rounded to bfloat16; still float32."""
    return apply(bfloat16_p, x)

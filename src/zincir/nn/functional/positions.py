"""Places in a sequence, told by waves of many lengths, as functions."""

from __future__ import annotations

import math

from zincir.errors import ShapeError, explain
from zincir.functional import cat, stack
from zincir.graph.node import user_line
from zincir.nn.module.user_line import at_user_line
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import DType


@at_user_line
def sinusoidal_positions(
    length: int, dim: int, base: float = 10000.0, offset: int = 0, dtype: DType | None = None
) -> Tensor:
    """(length, dim): sin(p / base**(2 k / dim)) and its cosine, in turn, for place p.

    From Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762); an odd `dim` ends with a sine.

    Args:
        offset: the first place.

    >>> sinusoidal_positions(2, 4)[0].round().tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    angle = _angles(length, dim + dim % 2, base, offset, dtype)
    waves = stack([angle.sin(), angle.cos()], -1).reshape(length, dim + dim % 2)
    return waves[:, :dim]


@at_user_line
def rotary_positions(
    input: Tensor, base: float = 10000.0, offset: int = 0, interleaved: bool = False
) -> Tensor:
    """Turn pairs of numbers by angles that grow with the place: p / base**(2 k / E) for pair k.

    Products of two vectors that were turned depend on the distance of their places alone (Su et
    al. 2021, https://arxiv.org/abs/2104.09864). For queries and keys, before attention.

    Shape: (..., L, E), unchanged; E even.

    Args:
        offset: the place of the first vector.
        interleaved: pairs are neighbours, as in the paper; else one of each is in either half.

    >>> import zincir
    >>> x = zincir.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> [[round(v, 4) for v in row] for row in rotary_positions(x).tolist()]
    [[1.0, 0.0], [0.5403, 0.8415]]
    """
    if input.ndim < 2 or input.shape[-1] % 2 or not input.dtype.is_floating_point:
        raise ShapeError(
            explain(
                "rotary_positions: the input has no pairs",
                where=user_line(),
                expected="floating (..., L, E), E even",
                got=f"{input.dtype.name} {tuple(input.shape)}",
            )
        )
    length, width = input.shape[-2:]
    angle = _angles(length, width, base, offset, input.dtype)
    cosine, sine = angle.cos(), angle.sin()
    if interleaved:
        pairs = input.reshape(*input.shape[:-1], width // 2, 2)
        a, b = pairs[..., 0], pairs[..., 1]
        turned = stack([a * cosine - b * sine, b * cosine + a * sine], -1)
        return turned.reshape(input.shape)
    a, b = input[..., : width // 2], input[..., width // 2 :]
    return cat([a * cosine - b * sine, b * cosine + a * sine], -1)


def _angles(length: int, dim: int, base: float, offset: int, dtype: DType | None) -> Tensor:
    """(length, dim / 2): place / base**(2 k / dim)."""
    place = arange(offset, offset + length, dtype=dtype).unsqueeze(-1)
    k = arange(0, dim, 2, dtype=place.dtype if dtype is not None else None)
    place, k = (place, k) if dtype is not None else (place.float(), k.float())
    return place * (k * (-math.log(base) / max(dim, 1))).exp()

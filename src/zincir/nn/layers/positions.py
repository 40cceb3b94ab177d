"""Places in a sequence, told by waves of many lengths, as layers."""

from __future__ import annotations

from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.functional.dropout import dropout as dropped
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described()
class SinusoidalPositions(Module):
    """Adds to the vector of each place its `functional.sinusoidal_positions`, then drops some out.

    Shape: (N, L, d_model) or, unless `batch_first`, (L, N, d_model), unchanged; L at most max_len.
    The waves are a buffer that is no part of the state.

    Example:
        >>> import zincir
        >>> SinusoidalPositions(4)(zincir.zeros(1, 2, 4))[0, 0].round().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        base: float = 10000.0,
        batch_first: bool = True,
    ) -> None:
        super().__init__()
        self.d_model = d_model
        self.max_len = max_len
        self.dropout = dropout
        self.base = base
        self.batch_first = batch_first
        waves = F.sinusoidal_positions(max_len, d_model, base)
        self.register_buffer("waves", waves, persistent=False)

    waves: Tensor

    def forward(self, input: Tensor) -> Tensor:
        axis = 1 if self.batch_first else 0
        if input.ndim != 3 or input.shape[axis] > self.max_len or input.shape[2] != self.d_model:
            raise ShapeError(
                explain(
                    "SinusoidalPositions: input does not fit",
                    where=user_line(),
                    expected=f"three axes, at most {self.max_len} places, width {self.d_model}",
                    got=str(tuple(input.shape)),
                )
            )
        waves = self.waves[: input.shape[axis]]
        waves = waves if self.batch_first else waves.unsqueeze(1)
        return dropped(input + waves.to(input.dtype), self.dropout, self.training)


@described()
class RotaryPositions(Module):
    """Turns queries or keys by their places: `functional.rotary_positions`.

    Shape: (..., L, E), unchanged; E even.

    Example:
        >>> import zincir
        >>> turn = RotaryPositions()
        >>> q, k = zincir.randn(3, 2, 5, 8), zincir.randn(3, 2, 5, 8)
        >>> (turn(q) @ turn(k).mT).shape
        (3, 2, 5, 5)
    """

    def __init__(self, base: float = 10000.0, interleaved: bool = False) -> None:
        super().__init__()
        self.base = base
        self.interleaved = interleaved

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        return F.rotary_positions(input, self.base, offset, self.interleaved)

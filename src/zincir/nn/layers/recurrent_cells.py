"""Recurrent layers for single steps, in loops of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from zincir.creation import empty, zeros
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import init
from zincir.nn.functional import recurrent as F
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.nn.module.user_line import node_of
from zincir.tensor import Tensor
from zincir.types import DType


class RNNCellBase(Module):
    """What the cells share: their parameters, `num_chunks` * hidden_size rows of each.

    Example:
        >>> RNNCellBase(3, 5, True, num_chunks=4).weight_hh.shape
        (20, 5)
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        check_device(type(self).__name__, device)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first values again: uniform in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += "" if self.bias is True else f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _stepped(
        self, step: Callable[..., Any], input: Tensor, states: Sequence[Tensor] | None, count: int
    ) -> list[Tensor]:
        """What `step` makes of an input, with or without a batch, and of what is carried."""
        lone = node_of(input, f"{type(self).__name__}: input").ndim == 1
        for name, x in (("input", input), *[("hx", x) for x in states or ()]):
            if node_of(x, f"{type(self).__name__}: {name}").ndim not in (1, 2):
                raise self._misfit(name, x)
        x = input.unsqueeze(0) if lone else input
        if states is None:
            start = zeros(x.shape[0], self.hidden_size, dtype=x.dtype)
            states = [start] * count
        elif lone:
            states = [state.unsqueeze(0) for state in states]
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        made = step(x, states[0] if count == 1 else states, *weights)
        return [y.squeeze(0) if lone else y for y in ((made,) if count == 1 else made)]

    def _misfit(self, name: str, x: Tensor) -> ShapeError:
        return ShapeError(
            explain(
                f"{type(self).__name__}: {name} has {x.ndim} dimensions",
                where=user_line(),
                expected="(batch, features) or (features,)",
                got=str(x.shape),
            )
        )


class RNNCell(RNNCellBase):
    """One step of an `RNN`: the new h.

    Shape: input (batch, input_size) or (input_size,), hx (batch, hidden_size) or (hidden_size,);
    without hx it begins with zeros.

    Args:
        nonlinearity: "tanh" or "relu".

    Example:
        >>> import zincir
        >>> cell, h = RNNCell(3, 5), zincir.zeros(4, 5)
        >>> for x in zincir.ones(7, 4, 3):
        ...     h = cell(x, h)
        >>> h.shape
        (4, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        steps = {"tanh": F.rnn_tanh_cell, "relu": F.rnn_relu_cell}
        if self.nonlinearity not in steps:
            raise ArgumentError(
                explain(
                    "RNNCell: nonlinearity",
                    where=user_line(),
                    expected="'tanh' or 'relu'",
                    got=repr(self.nonlinearity),
                )
            )
        states = None if hx is None else [hx]
        return self._stepped(steps[self.nonlinearity], input, states, 1)[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: the new h and c.

    Shape: as for `RNNCell`; hx is a pair (h, c).

    Example:
        >>> import zincir
        >>> h, c = LSTMCell(3, 5)(zincir.ones(4, 3))
        >>> h.shape, c.shape
        ((4, 5), (4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._stepped(F.lstm_cell, input, hx, 2)
        return h, c


class GRUCell(RNNCellBase):
    """One step of a `GRU`: the new h.

    Shape: as for `RNNCell`.

    Example:
        >>> import zincir
        >>> GRUCell(3, 5)(zincir.ones(4, 3), zincir.zeros(4, 5)).shape
        (4, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._stepped(F.gru_cell, input, None if hx is None else [hx], 1)[0]

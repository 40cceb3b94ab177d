"""Recurrent layers: over whole sequences."""

from __future__ import annotations

import math
import warnings
from typing import Any

from zincir.creation import empty, zeros
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import MODE, Node, user_line
from zincir.nn import init
from zincir.nn.functional.packed_sequence import PackedSequence, ragged
from zincir.nn.functional.recurrent import Net, recurrent
from zincir.nn.functional.recurrent_steps import KINDS, Weights
from zincir.nn.module.checks import check_device
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.nn.module.user_line import at_user_line
from zincir.operations import movement as mv
from zincir.tensor import Tensor, wrap
from zincir.types import DType, Shape


class RNNBase(Module):
    """What RNN, LSTM and GRU share: their parameters, and the way through their layers.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".

    Example:
        >>> RNNBase("GRU", 3, 5)
        RNNBase(3, 5)
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device(type(self).__name__, device)
        if mode not in KINDS:
            raise _refused(self, "mode", f"one of {', '.join(KINDS)}", mode)
        _check_sizes(self, input_size, hidden_size, num_layers, proj_size)
        _check_switches(self, bias=bias, batch_first=batch_first)
        _check_dropout(self, dropout, num_layers)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes = self._shapes(layer)
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(empty(*shape, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    def _shapes(self, layer: int) -> dict[str, Shape]:
        """The parameters of a direction of a layer."""
        rows = KINDS[self.mode].gates * self.hidden_size
        features = self._output_size * self._directions if layer else self.input_size
        shapes: dict[str, Shape] = {"weight_ih": (rows, features)}
        shapes["weight_hh"] = (rows, self._output_size)
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def reset_parameters(self) -> None:
        """Draw first values again: uniform in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: it is for graphics cards."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, direction by direction, layer by layer."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in _USUAL.items():
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text

    @at_user_line
    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs of the last layer at all steps, and what all layers carry at the end."""
        if MODE.autocast is not None and self.mode != "GRU":
            raise DTypeError(
                explain(
                    f"{type(self).__name__} is not computed in {MODE.autocast.name}",
                    where=user_line(),
                    try_="with torch.autocast('cpu', enabled=False): around it",
                )
            )
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        x = self._checked(input, (2, 3))
        lone = x.ndim == 2
        if lone:
            x = mv.reshape(x, (x.shape[0], 1, x.shape[1]))
        elif self.batch_first:
            x = mv.permute(x, (1, 0, 2))
        if not x.shape[0]:
            raise ShapeError(
                explain(
                    f"{type(self).__name__}: a sequence without steps",
                    where=user_line(),
                    expected="at least one step",
                    got=f"input {input.shape}, batch_first={self.batch_first}",
                )
            )
        first = self._first(hx, x.shape[1], x.dtype, lone=lone)
        rows, finals = recurrent(self._net(), x, first, None)
        if lone:
            rows = mv.reshape(rows, (rows.shape[0], rows.shape[2]))
            finals = tuple([mv.reshape(f, (f.shape[0], f.shape[2])) for f in finals])
        elif self.batch_first:
            rows = mv.permute(rows, (1, 0, 2))
        return wrap(rows), self._states(tuple(map(wrap, finals)))

    def _packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        x, shape = self._checked(packed.data, (2,)), ragged(packed)
        first = self._first(hx, shape.batch, x.dtype, lone=False, order=packed.sorted_indices)
        rows, ends = recurrent(self._net(), x, first, shape)
        back = packed.unsorted_indices
        finals = tuple([_picked(wrap(end), back) for end in ends])
        return packed._replace(data=wrap(rows)), self._states(finals)

    def _states(self, finals: tuple[Tensor, ...]) -> Any:
        """As users see them."""
        return finals if self.mode == "LSTM" else finals[0]

    def _net(self) -> Net:
        kind, weights = KINDS[self.mode], list[Weights]()
        for names in self._all_weights:
            nodes: dict[str, Node] = {}
            for name in names:
                what, which = name.split("_")[:2]
                nodes[f"bias_{which}" if what == "bias" else which] = getattr(self, name)._node
            weights.append(Weights(**nodes))
        return Net(kind, weights, self._directions, self.dropout if self.training else 0.0)

    # -- what is given --------------------------------------------------------------------------

    def _checked(self, input: Any, axes: tuple[int, ...]) -> Node:
        """The input's node."""
        weight = self._flat_weights[0]
        x = input._node if isinstance(input, Tensor) else None
        if x is None or x.ndim not in axes or x.shape[-1] != self.input_size:
            sizes = "steps, features" if len(axes) == 2 else "rows, features"
            wide = "(batch, steps, features)" if self.batch_first else "(steps, batch, features)"
            expected = f"({sizes})" + (f" or {wide}" if len(axes) == 2 else " packed")
            got = type(input).__name__ if x is None else f"{x.shape}"
            kind = DTypeError if x is None else ShapeError
            raise kind(
                explain(
                    f"{type(self).__name__}: input does not fit",
                    where=user_line(),
                    expected=f"{expected} with features = input_size = {self.input_size}",
                    got=got,
                )
            )
        if x.dtype is not weight.dtype:
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: input is {x.dtype.name}, weights are "
                    f"{weight.dtype.name}",
                    where=user_line(),
                    expected="the same type",
                    try_=f"input.to({weight.dtype!r}), or model.to({x.dtype!r})",
                )
            )
        return x

    def _first(
        self, hx: Any, batch: int, dtype: DType, *, lone: bool, order: Tensor | None = None
    ) -> list[Node]:
        """What is carried at the beginning."""
        count = self.num_layers * self._directions
        sizes = (self._output_size, self.hidden_size)[: KINDS[self.mode].states]
        wanted = [(count, batch, n) for n in sizes]
        if hx is None:
            return [zeros(*shape, dtype=dtype)._node for shape in wanted]
        shown = [(s[0], s[2]) if lone else s for s in wanted]
        given = _tensors(hx if self.mode == "LSTM" else (hx,))
        if given is None or [tuple(x.shape) for x in given] != shown:
            raise self._misfit(hx, given, shown)
        if any(x.dtype is not dtype for x in given):
            raise DTypeError(
                explain(
                    f"{type(self).__name__}: hx is of another type than input",
                    where=user_line(),
                    expected=dtype.name,
                    got=", ".join(x.dtype.name for x in given),
                )
            )
        picked = [_picked(x, order)._node for x in given]
        return [mv.reshape(x, shape) for x, shape in zip(picked, wanted, strict=True)]

    def _misfit(self, hx: Any, given: list[Tensor] | None, shown: list[Shape]) -> Exception:
        expected = " and ".join(map(str, shown))
        if self.mode == "LSTM":
            expected = f"a pair of tensors (h, c), {expected}"
        got = type(hx).__name__ if given is None else " and ".join(str(x.shape) for x in given)
        kind = DTypeError if given is None else ShapeError
        return kind(
            explain(
                f"{type(self).__name__}: hx does not fit",
                where=user_line(),
                expected=expected,
                got=got,
            )
        )


_USUAL = {
    "proj_size": 0,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0,
    "bidirectional": False,
}


def _tensors(values: Any) -> list[Tensor] | None:
    """The values in a list, if they are all tensors."""
    if not isinstance(values, list | tuple):
        return None
    listed: list[Any] = [*values]  # type: ignore[reportUnknownVariableType]
    return listed if all(isinstance(x, Tensor) for x in listed) else None


def _picked(x: Tensor, order: Tensor | None) -> Tensor:
    return x if order is None else x.index_select(1, order)


def _refused(layer: Module, name: str, expected: str, got: Any) -> ArgumentError:
    what = f"{type(layer).__name__}: {name}"
    return ArgumentError(explain(what, where=user_line(), expected=expected, got=repr(got)))


def _check_sizes(layer: Module, features: Any, hidden: Any, layers: Any, projected: Any) -> None:
    sizes = {"input_size": features, "hidden_size": hidden, "num_layers": layers}
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int):
            what = f"{type(layer).__name__}: {name}"
            got = f"{value!r} ({type(value).__name__})"
            raise DTypeError(explain(what, where=user_line(), expected="an int", got=got))
        if value <= 0:
            raise _refused(layer, name, "1 or more", value)
    if not 0 <= projected < hidden:
        expected = f"0 (none), or less than hidden_size, {hidden}"
        raise _refused(layer, "proj_size", expected, projected)


def _check_switches(layer: Module, **switches: Any) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            what = f"{type(layer).__name__}: {name}"
            got = f"{value!r} ({type(value).__name__})"
            raise DTypeError(explain(what, where=user_line(), expected="True or False", got=got))


def _check_dropout(layer: Module, dropout: Any, layers: int) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise _refused(layer, "dropout", "a probability, from 0 to 1", dropout)
    if dropout > 0 and layers == 1:
        what = f"{type(layer).__name__}: dropout is between layers, and there is one layer"
        text = explain(what, where=user_line(), got=f"dropout={dropout}, num_layers=1")
        warnings.warn(text, UserWarning, stacklevel=3)


class RNN(RNNBase):
    """Elman's recurrent net: h' = tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh).

    Shape: input (steps, batch, input_size), or (batch, steps, input_size) with `batch_first`, or
    (steps, input_size) of one sequence, or a `PackedSequence`; hx (num_layers * directions, batch,
    hidden_size). The outputs have directions * hidden_size in place of input_size.

    Args:
        num_layers: layers, each over the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        dropout: the probability with which an element between two layers is zero in training.
        bidirectional: a second net goes from the last step to the first.

    Example:
        >>> import zincir
        >>> outputs, last = RNN(3, 5, num_layers=2)(zincir.ones(7, 4, 3))
        >>> outputs.shape, last.shape
        ((7, 4, 5), (2, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise _refused(self, "nonlinearity", "'tanh' or 'relu'", nonlinearity)
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory (https://doi.org/10.1162/neco.1997.9.8.1735): see `lstm_cell`.

    Shape: as for `RNN`; hx and what is carried at the end is a pair (h, c). With a projection, h
    and the outputs have proj_size in place of hidden_size.

    Args:
        num_layers: and the next ones as for `RNN`.
        proj_size: if not 0, the output of a step is multiplied by weight_hr, (proj_size,
            hidden_size) (https://arxiv.org/abs/1402.1128).

    Example:
        >>> import zincir
        >>> outputs, (h, c) = LSTM(3, 5, bidirectional=True)(zincir.ones(7, 4, 3))
        >>> outputs.shape, h.shape, c.shape
        ((7, 4, 10), (2, 4, 5), (2, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent units (https://arxiv.org/abs/1406.1078): see `gru_cell`.

    Shape: as for `RNN`.

    Args:
        num_layers: and the next ones as for `RNN`.

    Example:
        >>> import zincir
        >>> outputs, last = GRU(3, 5, batch_first=True)(zincir.ones(4, 7, 3))
        >>> outputs.shape, last.shape
        ((4, 7, 5), (1, 4, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip

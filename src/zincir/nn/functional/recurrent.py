"""Recurrent nets: layers of them over sequences, and single steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import lower
from zincir.nn.functional.dropout import dropout
from zincir.nn.functional.packed_sequence import Ragged
from zincir.nn.functional.recurrent_steps import (
    GRU,
    LSTM,
    RNN_RELU,
    RNN_TANH,
    Recurrent,
    States,
    Weights,
    one_step,
    steps,
)
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations import movement as mv
from zincir.tensor import Tensor, wrap


@dataclass(frozen=True, slots=True)
class Net:
    """Layers of a recurrent net, each over the outputs of the one before."""

    kind: Recurrent
    weights: Sequence[Weights]
    """Layer by layer; of each layer, direction by direction."""
    directions: int = 1
    dropout: float = 0.0
    """Between layers."""


def recurrent(
    net: Net, x: Node, first: Sequence[Node], ragged: Ragged | None
) -> tuple[Node, States]:
    """The outputs of the last layer, and what all layers carry at the end.

    Args:
        x: (steps, batch, features); of sequences of different lengths, their rows, packed.
        first: what is carried at the beginning, each (layers * directions, batch, size).
    """
    ends: list[States] = []
    for layer in range(len(net.weights) // net.directions):
        if layer and net.dropout:
            x = dropout(wrap(x), net.dropout)._node
        made: list[Node] = []
        for direction in range(net.directions):
            number = layer * net.directions + direction
            states = tuple([_part(state, number) for state in first])
            rows, end = _one_way(
                net.kind, x, states, net.weights[number], ragged, reverse=direction == 1
            )
            made.append(rows)
            ends.append(end)
        x = mv.cat(made, x.ndim - 1)
    finals = [mv.cat([_lone(x) for x in state], 0) for state in zip(*ends, strict=True)]
    return x, tuple(finals)


def _one_way(
    kind: Recurrent,
    x: Node,
    states: States,
    weights: Weights,
    ragged: Ragged | None,
    *,
    reverse: bool,
) -> tuple[Node, States]:
    """One direction of one layer."""
    if ragged is not None:
        given = ragged.spread(kind.given(x, weights))
        rows, end = steps(kind, given, states, weights, ragged.valid, reverse=reverse)
        return ragged.gathered(rows), end
    length, batch, features = x.shape
    flat = kind.given(mv.reshape(x, (length * batch, features)), weights)
    given = mv.reshape(flat, (length, batch, flat.shape[-1]))
    return steps(kind, given, states, weights, None, reverse=reverse)


def _part(x: Node, i: int) -> Node:
    sizes = (1, *x.shape[1:])
    return mv.reshape(mv.slice_(x, (i, 0, 0), (1, 1, 1), sizes), x.shape[1:])


def _lone(x: Node) -> Node:
    return mv.reshape(x, (1, *x.shape))


# --- single steps -------------------------------------------------------------------------------


@lower
@at_user_line
def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step: tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh).

    Shape: input (batch, features), hx (batch, hidden) -> (batch, hidden);
    w_ih (hidden, features), w_hh (hidden, hidden), the biases (hidden,).

    >>> import zincir
    >>> rnn_tanh_cell(zincir.zeros(2, 3), zincir.zeros(2, 1), zincir.ones(1, 3), zincir.ones(1, 1))
    tensor([[0.],
            [0.]])
    """
    return _cell(RNN_TANH, "rnn_tanh_cell", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@lower
@at_user_line
def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step: relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh), shapes as `rnn_tanh_cell`.

    >>> import zincir
    >>> rnn_relu_cell(zincir.ones(1, 3), zincir.ones(1, 1), zincir.ones(1, 3), zincir.ones(1, 1))
    tensor([[4.]])
    """
    return _cell(RNN_RELU, "rnn_relu_cell", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@at_user_line
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM (https://doi.org/10.1162/neco.1997.9.8.1735): the new (h, c).

    With the four parts i, f, g, o of input @ w_ih.T + b_ih + h @ w_hh.T + b_hh, the new c is
    sigmoid(f) * c + sigmoid(i) * tanh(g), and the new h is sigmoid(o) * tanh(c).

    Shape: input (batch, features), h and c (batch, hidden); w_ih (4 * hidden, features),
    w_hh (4 * hidden, hidden), the biases (4 * hidden,).

    >>> import zincir
    >>> zeros = zincir.zeros(1, 2)
    >>> lstm_cell(zeros, (zeros, zincir.ones(1, 2)), zincir.ones(8, 2), zincir.ones(8, 2))[1]
    tensor([[0.5000, 0.5000]])
    """
    h, c = hx
    return _cell(LSTM, "lstm_cell", input, (h, c), w_ih, w_hh, b_ih, b_hh)


@at_user_line
def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a GRU (https://arxiv.org/abs/1406.1078).

    With the three parts r, z, n of input @ w_ih.T + b_ih, and R, Z, N of hx @ w_hh.T + b_hh:
    n' = tanh(n + sigmoid(r + R) * N), and the result is n' + sigmoid(z + Z) * (hx - n').

    Shape: input (batch, features), hx (batch, hidden); w_ih (3 * hidden, features),
    w_hh (3 * hidden, hidden), the biases (3 * hidden,).

    >>> import zincir
    >>> zeros = zincir.zeros(1, 2)
    >>> gru_cell(zeros, zincir.ones(1, 2), zincir.zeros(6, 2), zincir.zeros(6, 2))
    tensor([[0.5000, 0.5000]])
    """
    return _cell(GRU, "gru_cell", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def _cell(
    kind: Recurrent,
    what: str,
    input: Tensor,
    states: tuple[Tensor, ...],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> Any:
    x, ih, hh = (
        floats(value, f"{what}: {name}")
        for name, value in (("input", input), ("w_ih", w_ih), ("w_hh", w_hh))
    )
    carried = tuple([floats(state, f"{what}: hx") for state in states])
    biases = [
        None if b is None else floats(b, f"{what}: {name}")
        for name, b in (("b_ih", b_ih), ("b_hh", b_hh))
    ]
    _check_cell(kind, what, x, carried, ih, hh, biases)
    made = one_step(kind, x, carried, Weights(ih, hh, *biases))
    return tuple(map(wrap, made))


def _check_cell(
    kind: Recurrent,
    what: str,
    x: Node,
    states: States,
    ih: Node,
    hh: Node,
    biases: Sequence[Node | None],
) -> None:
    hidden = hh.shape[-1] if hh.ndim == 2 else 0
    rows = kind.gates * hidden
    fits = x.ndim == 2 and ih.ndim == 2 and hh.shape == (rows, hidden)
    fits = fits and ih.shape == (rows, x.shape[1])
    fits = fits and all(state.shape == (x.shape[0], hidden) for state in states)
    fits = fits and all(b is None or b.shape == (rows,) for b in biases)
    if not fits:
        got = ", ".join(str(n.shape) for n in (x, *states, ih, hh, *biases) if n is not None)
        raise ShapeError(
            explain(
                f"{what}: shapes do not fit",
                where=user_line(),
                expected="input (batch, features), hx (batch, hidden), "
                f"w_ih ({kind.gates} * hidden, features), w_hh ({kind.gates} * hidden, hidden), "
                f"biases ({kind.gates} * hidden,)",
                got=got,
            )
        )
    nodes = [n for n in (x, *states, ih, hh, *biases) if n is not None]
    if any(n.dtype is not x.dtype for n in nodes):
        raise DTypeError(
            explain(
                f"{what}: types differ",
                where=user_line(),
                expected=f"{x.dtype.name}, as input",
                got=", ".join(n.dtype.name for n in nodes),
                try_="x.to(dtype), or cell.to(dtype)",
            )
        )

"""Numbers made vectors: rows of a table looked up, and vectors of one 1."""

from __future__ import annotations

from zincir.creation import zeros
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, grad_mode, user_line
from zincir.indexing import check_now
from zincir.nn.functional.labels import checked_labels
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import cast, compare, where
from zincir.operations.indexing import scatter, take
from zincir.operations.movement import expand, reshape
from zincir.operations.source import const, custom, detach, iota, with_gradient_of
from zincir.recording import paused
from zincir.tensor import Tensor, wrap
from zincir.types import int32, int64


@at_user_line
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of `weight` (rows, width) at the integers of `input` (...): (..., width).

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up and have a larger norm, of the kind `norm_type`, are
            first made smaller, in place.
        scale_grad_by_freq: divide the gradient of a row by how often it was looked up.
        sparse: let the gradient of `weight` know which rows were looked up, for
            `optim.SparseAdam`. It is a tensor like any other: rows of zeros are among its numbers.

    >>> import zincir
    >>> embedding(zincir.tensor([1, 1]), zincir.tensor([[5.0], [6.0]])).tolist()
    [[6.0], [6.0]]
    """
    index, rows = node_of(input, "embedding: input"), floats(weight, "embedding: weight")
    _check(index, rows)
    if sparse and scale_grad_by_freq:
        raise ArgumentError(
            explain(
                "embedding: scale_grad_by_freq does not go with sparse=True",
                where=user_line(),
                try_="sparse=False",
            )
        )
    if max_norm is not None:
        _shorten(weight, input, float(max_norm), norm_type)
        rows = weight._node
    y = take(rows, index, "index")
    if not rows.needs_grad:
        return wrap(y)
    if scale_grad_by_freq:
        y = with_gradient_of(detach(y), y * _share(input, weight))
    padding = row_number(padding_idx, rows.shape[0])
    if padding is not None:
        frozen = reshape(compare("eq", index, padding), (*index.shape, 1))
        y = where(frozen, detach(y), y)
    if sparse and weight.is_leaf:
        y = _counting(y, weight, index, padding)
    return wrap(y)


class _Lookup:
    """The gradient of a lookup, which adds up besides how often rows were looked up."""

    def backward(self, g: Node, y: Node, inputs: tuple[Node, ...]) -> tuple[Node | None, ...]:
        _, counts, index, ones = inputs
        none = expand(const(0.0, counts.dtype), counts.shape)
        return g, scatter(none, index, ones, "add"), None, None


def _counting(y: Node, weight: Tensor, index: Node, padding: int | None) -> Node:
    """`y`, whose backward pass notes for each row of `weight` how often it was looked up."""
    if weight._touched is None:
        with paused():
            weight._touched = zeros(weight.shape[0], 1).requires_grad_()
    counts = weight._touched._node
    looked_up = compare("ne", index, -1 if padding is None else padding)
    ones = cast(reshape(looked_up, (*index.shape, 1)), counts.dtype)
    return custom(y, (y, counts, index, ones), _Lookup())


def _shorten(weight: Tensor, index: Tensor, max_norm: float, kind: float) -> None:
    with grad_mode(False):
        flat = index.reshape(-1)
        rows = weight.detach()[flat]
        norm = rows.norm(kind, 1, keepdim=True)
        weight[flat] = (rows * (max_norm / (norm + 1e-7))).where(norm > max_norm, rows)


def _share(index: Tensor, weight: Tensor) -> Node:
    """For each row looked up, 1 / how often it is, in a last axis of size 1."""
    with grad_mode(False):
        flat = index.reshape(-1)
        ones = weight.new_ones(flat.shape)
        count = weight.new_zeros((weight.shape[0],)).index_add(0, flat, ones)
        return reshape((1.0 / count[flat])._node, (*index.shape, 1))


def _check(index: Node, rows: Node) -> None:
    if not index.dtype.names_rows:
        raise DTypeError(
            explain(
                "embedding: the input is not made of row numbers",
                where=user_line(),
                expected="an int64 or int32 tensor",
                got=f"{index.dtype.name} {index.shape}",
                try_="x.long()",
            )
        )
    if rows.ndim != 2:
        raise ShapeError(
            explain(
                "embedding: weight is not a table",
                where=user_line(),
                expected="(rows, width)",
                got=str(rows.shape),
            )
        )
    check_now(index, rows.shape[0], negative=False)


@at_user_line
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the place each label names, 0 elsewhere; int64.

    Shape: (...) -> (..., num_classes); -1 stands for the largest label plus one.

    >>> import zincir
    >>> one_hot(zincir.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    labels = node_of(tensor, "one_hot: labels")
    if not labels.dtype.names_rows:
        raise DTypeError(
            explain(
                "one_hot: labels are not integers",
                where=user_line(),
                got=f"{labels.dtype.name} {labels.shape}",
                try_="labels.long()",
            )
        )
    if num_classes == -1:
        num_classes = int(tensor.amax().item()) + 1 if tensor.numel() else 0
    label = reshape(checked_labels(labels, num_classes, None).number, (*labels.shape, 1))
    places = iota((*labels.shape, num_classes), labels.ndim, int32)
    return wrap(cast(compare("eq", places, label), int64))


def row_number(index: int | None, rows: int) -> int | None:
    """`index` counted from the first row; None stays None.

    Raises:
        ArgumentError: there is no such row.
    """
    if index is None or -rows <= index < rows:
        return index if index is None else index % rows
    raise ArgumentError(
        explain(
            "padding_idx: there is no such row",
            where=user_line(),
            expected=f"{-rows} <= padding_idx < {rows}",
            got=str(index),
        )
    )

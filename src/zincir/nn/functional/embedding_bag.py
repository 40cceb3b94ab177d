"""Rows of a table, looked up by number and put together bag by bag."""

from __future__ import annotations

from zincir.creation import ones, zeros
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.indexing import check_now
from zincir.nn.functional.embedding import embedding, row_number
from zincir.nn.module.user_line import at_user_line, floats
from zincir.operations.host import checked
from zincir.operations.indexing import scatter
from zincir.tensor import Tensor, wrap
from zincir.types import bool_, int64


@at_user_line
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of `weight` that each bag names; zeros for none.

    Shape: input (B, S), bags of one size, or (P,), all bags one behind the other, with offsets
    (B,): where each begins; weight (rows, width) -> (B, width).

    Args:
        mode: "sum", "mean" or "max". Equal largest numbers share the gradient.
        per_sample_weights: factors of the rows, of the shape of input; for "sum" alone.
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that does not count.
        max_norm: and `norm_type`, `scale_grad_by_freq` and `sparse` as for `embedding`.

    Raises:
        ArgumentError: offsets do not begin with 0, or fall, as soon as the result is computed.

    >>> import zincir
    >>> table = zincir.tensor([[1.0], [2.0], [4.0]])
    >>> embedding_bag(zincir.tensor([0, 1, 2]), table, zincir.tensor([0, 1]), mode="sum").tolist()
    [[1.0], [6.0]]
    """
    _check(input, weight, offsets, per_sample_weights, mode)
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ArgumentError(
            explain(
                "embedding_bag: gradients of maxima are neither scaled nor sparse",
                where=user_line(),
                expected="scale_grad_by_freq=False and sparse=False for mode='max'",
            )
        )
    flat = input.reshape(-1)
    values = embedding(
        *(flat, weight, padding_idx, max_norm, float(norm_type), scale_grad_by_freq, sparse)
    )
    if per_sample_weights is not None:
        values = values * per_sample_weights.reshape(-1, 1)
    padding = row_number(padding_idx, weight.shape[0])
    used = None if padding is None else (flat != padding).unsqueeze(-1)
    if offsets is None:
        return _equal_bags(values, used, tuple(input.shape), mode)
    return _bags(values, used, _bag_numbers(offsets, len(flat)), offsets, include_last_offset, mode)


def _equal_bags(values: Tensor, used: Tensor | None, shape: tuple[int, ...], mode: str) -> Tensor:
    values = values.reshape(*shape, values.shape[-1])
    used = None if used is None else used.reshape(*shape, 1)
    if mode == "max":
        if not shape[1]:
            return values.sum(1)
        if used is None:
            return values.amax(1)
        top = values.masked_fill(~used, -float("inf")).amax(1)
        return top.where(used.any(1), 0.0)
    total = (values if used is None else values.where(used, 0.0)).sum(1)
    if mode == "sum":
        return total
    count = max(shape[1], 1) if used is None else used.sum(1).clamp(min=1).to(total.dtype)
    return total / count


def _bag_numbers(offsets: Tensor, count: int) -> Tensor:
    """(count,): the bag of each row."""
    check_now(offsets._node, count + 1, negative=False, what="offsets")
    first = zeros(1, dtype=bool_)
    falls = cat([first | (offsets[:1] != 0), offsets[1:] < offsets[:-1]])
    problem = "embedding_bag: offsets do not begin with 0, or fall"
    starts = checked(offsets._node, (~falls)._node, problem)
    marks = scatter(
        zeros(count + 1, dtype=int64)._node, starts, ones(len(offsets), dtype=int64)._node,
        "add", "offsets",
    )  # fmt: skip
    return wrap(marks)[:count].cumsum(0) - 1


def _bags(
    values: Tensor,
    used: Tensor | None,
    bag: Tensor,
    offsets: Tensor,
    include_last_offset: bool,
    mode: str,
) -> Tensor:
    bags, width = len(offsets), values.shape[-1]
    # With the last offset as an end, what lies behind it has a bag of its own, which goes.
    kept = bags - 1 if include_last_offset else bags
    if mode == "max":
        if used is not None:
            bag = bag.where(used.squeeze(-1), bags)
        base = values.new_zeros(bags + 1, width)
        index = bag.unsqueeze(-1).expand(-1, width)
        return base.scatter_reduce(0, index, values, "amax", include_self=False)[:kept]
    if used is not None:
        values = values.where(used, 0.0)
    base = values.new_zeros(bags, width)
    total = wrap(scatter(base._node, bag._node, values._node, "add", "bag"))[:kept]
    if mode == "sum":
        return total
    one = ones(len(bag), 1, dtype=values.dtype) if used is None else used.to(values.dtype)
    count = scatter(values.new_zeros(bags, 1)._node, bag._node, one._node, "add", "bag")
    return total / wrap(count)[:kept].clamp(min=1.0)


def _check(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None,
    factors: Tensor | None,
    mode: str,
) -> None:
    floats(weight, "embedding_bag: weight")
    if input.dtype.category != 1 or (offsets is not None and offsets.dtype.category != 1):
        raise DTypeError(
            explain(
                "embedding_bag: input and offsets are not whole numbers",
                where=user_line(),
                got=input.dtype.name + ("" if offsets is None else f", {offsets.dtype.name}"),
                try_="x.long()",
            )
        )
    flat = input.ndim == 1 and offsets is not None and offsets.ndim == 1
    if weight.ndim != 2 or not (flat or (input.ndim == 2 and offsets is None)):
        raise ShapeError(
            explain(
                "embedding_bag: input, offsets and weight do not fit",
                where=user_line(),
                expected="input (B, S); or input (P,) and offsets (B,); weight (rows, width)",
                got=f"input {tuple(input.shape)}, weight {tuple(weight.shape)}, offsets "
                + ("None" if offsets is None else str(tuple(offsets.shape))),
            )
        )
    if mode not in ("sum", "mean", "max") or (factors is not None and mode != "sum"):
        raise ArgumentError(
            explain(
                "embedding_bag: mode is not known, or has no per_sample_weights",
                where=user_line(),
                expected="'sum', 'mean' or 'max'; 'sum' beside per_sample_weights",
                got=repr(mode),
            )
        )
    if factors is not None and factors.shape != input.shape:
        raise ShapeError(
            explain(
                "embedding_bag: per_sample_weights do not fit",
                where=user_line(),
                expected=str(tuple(input.shape)),
                got=str(tuple(factors.shape)),
            )
        )

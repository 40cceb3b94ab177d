"""Connectionist temporal classification, as a function."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.creation import tensor
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.nn.functional.loss.reduction import reduced
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import cast, maximum
from zincir.operations.ctc import ctc
from zincir.operations.movement import reshape
from zincir.tensor import Tensor
from zincir.types import int64, size


@full
@at_user_line
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability to read the targets off a sequence, over all alignments.

    An alignment names one class at each time; what is read is that without repetitions and
    blanks (Graves et al. 2006). As in PyTorch the gradient is that for log-probabilities which
    are the `log_softmax` of something; it has no gradient of its own.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S), or all of them one behind the other;
    lengths (N,), each at most T and S.

    Args:
        blank: the class that stands for no label.
        reduction: "mean" over the samples, each divided by its number of targets; "sum", "none".
        zero_infinity: what cannot be aligned, having too little time, counts 0, without gradient.

    Raises:
        ArgumentError: a length or a label is out of range.

    >>> import zincir
    >>> even = zincir.zeros(2, 1, 2).log_softmax(-1)
    >>> round(ctc_loss(even, zincir.tensor([[1]]), (2,), (1,)).exp().item(), 4)  # 11, 10 and 01
    1.3333
    """
    x = floats(log_probs, "ctc_loss: log_probs")
    y = node_of(targets, "ctc_loss: targets")
    if x.ndim not in (2, 3) or y.ndim not in (1, 2) or y.dtype.category != 1:
        raise ShapeError(
            explain(
                "ctc_loss: log_probs or targets do not fit",
                where=user_line(),
                expected="log_probs (T, N, C) or (T, C), integer targets (N, S) or (sum(lengths),)",
                got=f"log_probs {x.shape}, targets {y.dtype.name} {y.shape}",
            )
        )
    batch = x if x.ndim == 3 else reshape(x, (x.shape[0], 1, x.shape[1]))
    samples, classes = batch.shape[1:]
    if not 0 <= blank < classes:
        raise ArgumentError(
            explain(
                "ctc_loss: blank is no class",
                where=user_line(),
                expected=f"0 to {classes - 1}",
                got=str(blank),
            )
        )
    if y.ndim == 2 and y.shape[0] != samples:
        raise ShapeError(
            explain(
                "ctc_loss: targets do not fit the samples",
                where=user_line(),
                expected=f"({samples}, S)",
                got=str(y.shape),
            )
        )
    times = _lengths(input_lengths, samples, "input_lengths")
    lengths = _lengths(target_lengths, samples, "target_lengths")
    loss = at_once(ctc(batch, y, times, lengths, blank, zero_infinity))
    if reduction == "mean":
        loss = loss / cast(maximum(lengths, 1), loss.dtype)
    return reduced(reshape(loss, ()) if x.ndim == 2 and reduction == "none" else loss, reduction)


def _lengths(given: Tensor | Sequence[int], samples: int, name: str) -> Node:
    node = (given if isinstance(given, Tensor) else tensor(list(given), dtype=int64))._node
    if node.dtype.category != 1:
        raise DTypeError(
            explain(
                f"ctc_loss: {name} are not integers",
                where=user_line(),
                got=f"{node.dtype.name} {node.shape}",
                try_=f"{name}.long()",
            )
        )
    if size(node.shape) != samples or node.ndim > 1:
        raise ShapeError(
            explain(
                f"ctc_loss: {name} do not fit the samples",
                where=user_line(),
                expected=f"({samples},)",
                got=str(node.shape),
            )
        )
    return cast(reshape(node, (samples,)), int64)

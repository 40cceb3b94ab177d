"""Gradients asked for by function instead of by method."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from zincir import anomaly, tensor_backward
from zincir.errors import ArgumentError, GradientError, explain
from zincir.graph.node import describe, user_line
from zincir.operations import layout
from zincir.pending import settle
from zincir.tensor import Tensor, wrap

Tensors = Tensor | Sequence[Tensor]


def _list(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _weights(outputs: list[Tensor], weights: Any) -> list[Any]:
    if weights is None:
        return [None] * len(outputs)
    found = _list(weights)
    if len(found) != len(outputs):
        raise GradientError(
            explain(
                "one gradient is needed for each output",
                where=user_line(),
                expected=str(len(outputs)),
                got=str(len(found)),
            )
        )
    return found


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of all `tensors` to the `.grad` of the leaves they were computed from."""
    outputs = _list(tensors)
    tensor_backward.backward(
        outputs, _weights(outputs, grad_tensors), retain_graph, create_graph, inputs, wrap
    )


def _batch(weights: list[Any]) -> tuple[int, ...]:
    """How many gradients are asked for at once."""
    return next((tuple(w.shape[:1]) for w in weights if w is not None), ())


def _batched(
    outs: list[Any], ins: list[Any], weights: list[Any], retain: bool | None, create_graph: bool
) -> list[Any]:
    """The gradients for each of the entries of `weights`, stacked."""
    count = _batch(weights)
    if not count or not count[0] or any(w is not None and w.shape[:1] != count for w in weights):
        raise ArgumentError(
            explain(
                "grad: is_grads_batched needs grad_outputs with the same number of entries, "
                "at least one, in front",
                where=user_line(),
                got=", ".join("None" if w is None else str(list(w.shape)) for w in weights),
            )
        )
    rows = [
        tensor_backward.gradients_of(
            outs,
            ins,
            [None if w is None else w[k] for w in weights],
            True if k + 1 < count[0] else retain,
            create_graph,
            wrap,
        )
        for k in range(count[0])
    ]
    # An input is used by all rows or by none: all of them go through the same graph.
    return [
        wrap(layout.stack([g._node for g in column], 0)) if column[0] is not None else None
        for column in zip(*rows, strict=True)
    ]


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`; nothing is added to any `.grad`.

    >>> x = Tensor([3.0]).requires_grad_()
    >>> grad(x**2, x)
    (tensor([6.]),)

    Args:
        only_inputs: deprecated in PyTorch, and without effect.
        allow_unused: give None for an input that the outputs do not depend on, and not an error.
        is_grads_batched: `grad_outputs` have one dimension more in front, and so have the
            gradients: one for each of its entries.
        materialize_grads: give zeros for an input that the outputs do not depend on.

    Raises:
        GradientError: an input is not used, and neither of the two is set.
        ArgumentError: `materialize_grads` with `allow_unused=False`, or a batch without entries.
    """
    if not only_inputs:
        warnings.warn("grad: only_inputs has no effect", FutureWarning, stacklevel=2)
    if materialize_grads and allow_unused is False:
        raise ArgumentError(
            explain("grad: materialize_grads=True needs allow_unused", where=user_line())
        )
    outs, ins = _list(outputs), _list(inputs)
    weights = _weights(outs, grad_outputs)
    if is_grads_batched:
        found = _batched(outs, ins, weights, retain_graph, create_graph)
    else:
        found = list(
            tensor_backward.gradients_of(outs, ins, weights, retain_graph, create_graph, wrap)
        )
    for k, (x, g) in enumerate(zip(ins, found, strict=True)):
        if g is None and materialize_grads:
            found[k] = x.new_zeros((*_batch(weights)[:is_grads_batched], *x.shape))
        elif g is None and not allow_unused:
            raise GradientError(
                explain(
                    "one of the differentiated Tensors appears to not have been used in the graph",
                    where=user_line(),
                    got=f"input {k}, {x.dtype.name}{list(x.shape)}, made at "
                    f"{describe(x._node.origin)}",
                    try_="allow_unused=True, if that is as it should be",
                )
            )
    return tuple(found)


class detect_anomaly(anomaly.Watch):
    """Find where the first NaN or infinity is born, forward or backward.

    Everything is computed one operation at a time while this is on: slow, and exact.
    """

    def __enter__(self) -> None:
        settle()
        super().__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            if not error or error[0] is None:
                settle()
        finally:
            super().__exit__()


class set_detect_anomaly(detect_anomaly):
    """`detect_anomaly`, switched on or off at once."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(mode, check_nan)
        anomaly.STATE.on = int(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        anomaly.STATE.on = 0

"""Gradients asked for by function instead of by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir import anomaly, tensor_backward
from zincir.errors import GradientError, explain
from zincir.graph.node import describe, user_line
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


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`; nothing is added to any `.grad`.

    >>> x = Tensor([3.0]).requires_grad_()
    >>> grad(x**2, x)
    (tensor([6.]),)

    Args:
        allow_unused: give None for an input that the outputs do not depend on, and not an error.
        materialize_grads: give zeros for it.
    """
    outs, ins = _list(outputs), _list(inputs)
    found: list[Any] = list(
        tensor_backward.gradients_of(
            outs, ins, _weights(outs, grad_outputs), retain_graph, create_graph, wrap
        )
    )
    for k, (x, g) in enumerate(zip(ins, found, strict=True)):
        if g is None and materialize_grads:
            found[k] = x.new_zeros(x.shape)
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

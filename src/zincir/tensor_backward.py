"""What a backward pass does with the gradients it finds: hooks, and `.grad` that accumulates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zincir import autodiff
from zincir.errors import GradientError, ShapeError, explain
from zincir.graph.node import Node, describe, grad_mode, here
from zincir.ops.arithmetic import cast, const

if TYPE_CHECKING:
    from zincir.tensor import Tensor

Wrap = Callable[[Node], "Tensor"]


def backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any,
    wrap: Wrap,
) -> None:
    """Add gradients of the outputs to the `.grad` of leaves, or of `inputs`."""
    retain = create_graph if retain_graph is None else retain_graph
    with grad_mode(create_graph):
        seeds = seed(outputs, gradients)
        found = autodiff.grad(seeds, None, retain=retain)
        for node, g in found.items():
            owner = node.owner() if node.owner is not None else None
            if owner is not None:
                accumulate(owner, g, wrap)


def accumulate(tensor: Tensor, g: Node, wrap: Wrap) -> None:
    """Add `g` to a tensor's gradient."""
    tensor._grad = wrap(g) if tensor._grad is None else wrap(tensor._grad._node + g)


def seed(outputs: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> dict[Node, Node]:
    """The weight of each output."""
    seeds: dict[Node, Node] = {}
    for out, gradient in zip(outputs, gradients, strict=True):
        node = out._node
        if not node.needs_grad:
            raise GradientError(
                explain("element 0 of tensors does not require grad", where=describe(here()))
            )
        if gradient is None:
            if out.numel() != 1:
                raise GradientError(
                    explain(
                        "grad can be implicitly created only for scalar outputs",
                        where=describe(here()),
                        got=str(out.shape),
                        try_="y.sum().backward(), or y.backward(gradient=...)",
                    )
                )
            g = const(1.0, node.dtype) if not node.shape else None
            if g is None:
                from_one = const(1.0, node.dtype)
                g = _expand(from_one, node)
        else:
            if gradient.shape != node.shape:
                raise ShapeError(
                    explain(
                        "backward: the gradient has another shape than the tensor",
                        where=describe(here()),
                        expected=str(node.shape),
                        got=str(gradient.shape),
                    )
                )
            g = cast(gradient._node, node.dtype)
        seeds[node] = seeds[node] + g if node in seeds else g
    return seeds


def _expand(x: Node, like: Node) -> Node:
    from zincir.ops.movement import expand

    return expand(x, like.shape)

"""What functions are differentiated by: tensors in the place of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.autograd.gradients import grad
from zincir.batching.walk import batched, rebuilt
from zincir.errors import DTypeError, explain
from zincir.graph.node import Node, grad_mode, user_line
from zincir.operations.arithmetic import cast, compare
from zincir.operations.movement import reshape
from zincir.operations.source import iota, leaf, variable_like
from zincir.tensor import Tensor, wrap
from zincir.trees import flatten
from zincir.types import int64


class Inputs:
    """Tensors that a function is differentiated by: others in their place, which gradients
    reach.
    """

    def __init__(self, tree: Any, what: str) -> None:
        leaves, self._build = flatten(tree)
        for x in leaves:
            if not isinstance(x, Tensor) or not x.is_floating_point():
                got = x.dtype.name if isinstance(x, Tensor) else type(x).__name__
                raise DTypeError(
                    explain(
                        f"{what}: expected floating tensors to differentiate by",
                        where=user_line(),
                        got=got,
                        try_="argnums, for the arguments that are",
                    )
                )
        self._given: list[Tensor] = leaves
        with grad_mode(True):
            self.tensors = [wrap(variable_like(x._node, True)) for x in leaves]
        self._nodes = {t._node: x._node for t, x in zip(self.tensors, leaves, strict=True)}

    @property
    def tree(self) -> Any:
        """The tensors in the form that they were given in."""
        return self._build(self.tensors)

    def tree_of(self, leaves: Sequence[Any]) -> Any:
        """Others in that form."""
        return self._build(leaves)

    def outside(self, tree: Any) -> Any:
        """What was computed, as functions of what was given: with its gradients, and no others."""
        leaves, build = flatten(tree)
        places = [k for k, x in enumerate(leaves) if isinstance(x, Tensor)]
        roots: list[Node] = [leaves[k]._node for k in places]
        new = list(leaves)
        for k, root, node in zip(places, roots, rebuilt(roots, self._nodes), strict=True):
            if node is not root:
                new[k] = wrap(node)
        return build(new)

    def gradients(self, outputs: Sequence[Tensor], weights: Sequence[Any]) -> list[Tensor]:
        """The gradients by each, zeros where nothing depends on it."""
        pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
        if not pairs:
            return [x.new_zeros(x.shape) for x in self._given]
        return list(
            grad(
                [y for y, _ in pairs],
                self.tensors,
                [w for _, w in pairs],
                create_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        )


def pushed_forward(y: Tensor, xs: Sequence[Tensor], vs: Sequence[Tensor]) -> Tensor:
    """The product of the Jacobian of `y` with vectors."""
    if not y.requires_grad:
        return y.new_zeros(y.shape)
    u = y.new_zeros(y.shape).requires_grad_()
    back = grad(y, list(xs), u, create_graph=True, allow_unused=True)
    pairs = [(g, v) for g, v in zip(back, vs, strict=True) if g is not None and g.requires_grad]
    if not pairs:
        return y.new_zeros(y.shape)
    (found,) = grad(
        [g for g, _ in pairs], u, [v for _, v in pairs], create_graph=True, allow_unused=True,
        materialize_grads=True,
    )  # fmt: skip
    return found


def rows_of_jacobian(y: Tensor, inputs: Inputs) -> list[Tensor]:
    """The Jacobian of one output by each input, all rows at once; its first axis counts
    elements.
    """
    count = y.numel()
    one = leaf(y.shape, y.dtype)
    found = [g._node for g in inputs.gradients([y], [wrap(one)])]
    rows, columns = (iota((count, count), axis, int64) for axis in (0, 1))
    unit = reshape(cast(compare("eq", rows, columns), y.dtype), (count, *y.shape))
    made = batched(found, {one: unit}, count, None)
    pairs = zip(made, found, strict=True)
    return [wrap(g).expand((count, *g.shape)) if m is None else wrap(m) for m, g in pairs]

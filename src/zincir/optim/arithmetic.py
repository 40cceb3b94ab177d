"""Arithmetic for updates: the first operand has the shape and type of the result.

The other one has them too, or is 0-dimensional. So no shape rule needs to run, which makes a node
three times cheaper: a plain training loop makes a dozen for each parameter at every step.
"""

from __future__ import annotations

from collections.abc import Callable

from zincir.graph.node import MODE, Node, here
from zincir.graph.primitive import Primitive
from zincir.ops.arithmetic import add_p, div_p, maximum_p, mul_p, neg_p, sub_p
from zincir.ops.elementwise import sqrt_p


def _quick(op: Primitive) -> Callable[..., Node]:
    def function(*operands: Node) -> Node:
        first = operands[0]
        origin = MODE.origin or here()
        return Node(op, operands, (), (first.shape, first.dtype), False, origin)

    return function


add, sub, mul, div = map(_quick, (add_p, sub_p, mul_p, div_p))
maximum, neg, sqrt = map(_quick, (maximum_p, neg_p, sqrt_p))

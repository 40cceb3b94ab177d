"""What is added to few rows of a table is added where the table lies, instead of to zeros first.

mul(rate, scatter(0, index, rows)) --> scatter(0, index, mul(rate, rows))
sub(table, scatter(0, index, rows)) --> scatter(table, index, neg(rows))

So is the step of plain gradient descent for an embedding, whose gradient nobody else looks at. A
row that is named twice is changed twice, instead of by a sum: that is another rounding.
"""

from __future__ import annotations

from zincir.compiler.rewrite.rewriter import Rewriter
from zincir.graph.node import Node
from zincir.operations.arithmetic import mul_p, neg_p
from zincir.operations.indexing import few_rows, scatter_p
from zincir.types import size


def scaled(build: Rewriter, node: Node, xs: tuple[Node, ...]) -> Node | None:
    """The rule for a number times a gradient."""
    for k, (x, number) in enumerate((xs, xs[::-1])):
        found = few_rows(x)
        if found is None or size(number.shape) != 1 or not build.only_user(node, k):
            continue
        index, rows = found
        product = build.build(node, mul_p, (rows, number))
        return build.build(node, scatter_p, (x.inputs[0], index, product), *x.attrs)
    return None


def added(build: Rewriter, node: Node, xs: tuple[Node, ...]) -> Node | None:
    """The rule for a table and what is added to it."""
    for k, (x, table) in enumerate((xs, xs[::-1])):
        found = few_rows(x)
        if found and table.shape == x.shape and build.only_user(node, k):
            return build.build(node, scatter_p, (table, *found), *x.attrs)
    return None


def subtracted(build: Rewriter, node: Node, xs: tuple[Node, ...], single: bool) -> Node | None:
    """The rule for a table and what is taken from it."""
    table, x = xs
    found = few_rows(x)
    if found is None or table.shape != x.shape or not build.only_user(node, 1):
        return None
    index, rows = found
    negative = build.build(node, neg_p, (rows,))
    return build.build(node, scatter_p, (table, index, negative), *x.attrs)

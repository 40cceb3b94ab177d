"""Operations with several outputs: how their outputs are taken."""

from __future__ import annotations

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register

output_p = register(
    Primitive(
        "output",
        Kind.OUTPUT,
        doc="One output of an operation that has several.",
        infer=lambda x, index, shape, dtype: (shape, dtype),
        numpy=lambda x, index, shape, dtype: x[index],
        vjp=lambda g, y, x, index, shape, dtype: g,
        attrs=("index", "shape", "dtype"),
        saves=False,
    )
)


def outputs(node: Node) -> tuple[Node, ...]:
    """The outputs of a compound operation, each as a node."""
    return tuple([apply(output_p, node, attrs=(i, *s)) for i, s in enumerate(specs_of(node))])


def specs_of(node: Node) -> tuple[Spec, ...]:
    """Shape and type of each output of a compound operation."""
    return node.op.infer(*[(x.shape, x.dtype) for x in node.inputs], *node.attrs)

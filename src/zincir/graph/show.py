"""A graph as stable text, one line a node."""

from __future__ import annotations

from collections.abc import Iterable

from zincir.graph.node import Node
from zincir.graph.walk import toposort


def show(roots: Iterable[Node], first: Iterable[Node] = ()) -> str:
    """The graph above `roots`, numbered in order of computation.

    A line reads `%3 = mul float32[2, 3] %0 %2`; attributes follow as name=value, graphs among them
    as lines of their own.

    Args:
        first: what is numbered first, such as the parameters of a subgraph.
    """
    roots = list(roots)
    number: dict[Node, int] = {}
    lines: list[str] = []
    for node in toposort([*first, *roots]):
        number[node] = len(number)
        parts = [f"%{number[node]} = {node.op.name} {node.dtype.name}{list(node.shape)}"]
        parts += [f"%{number[n]}" for n in node.inputs]
        attrs = {k: str(v) for k, v in zip(node.op.attrs, node.attrs, strict=False)}
        parts += [f"{k}={text}" for k, text in attrs.items() if "\n" not in text]
        lines.append(" ".join(parts))
        for k, text in attrs.items():
            if "\n" in text:
                lines += [f"  {k}:", *[f"    {line}" for line in text.splitlines()]]
    lines.append("return " + " ".join(f"%{number[root]}" for root in roots))
    return "\n".join(lines)

"""What a loop nest reads: a walk down an expression, with the index of every read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from zincir.compiler.access import Affine, Map, broadcast_map, identity, view_map
from zincir.compiler.rewrite.legalise import Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.source import const_p
from zincir.types import Shape, contiguous_strides


@dataclass(frozen=True, slots=True)
class Read:
    """One access to a buffer: at an affine address, or (address None) at computed ones."""

    buffer: Node
    address: Affine | None


def address(map_: Map, offset: int, strides: tuple[int, ...], loops: int) -> Affine:
    """The element that coordinates `map_` of a strided view stand for."""
    total = [0] * loops
    for (at, coefficients), stride in zip(map_, strides, strict=True):
        offset += at * stride
        for k, c in enumerate(coefficients):
            if c:
                total[k] += c * stride
    return Affine(offset, tuple(total))


def own_address(node: Node, loops: tuple[int, ...], dims: Shape) -> Affine | None:
    """Where a loop over `loops` writes `node`, row by row."""
    return _row_by_row(node.shape, loops, dims)


@lru_cache(maxsize=4096)
def _row_by_row(shape: Shape, loops: tuple[int, ...], dims: Shape) -> Affine | None:
    map_ = identity(shape, loops, dims)
    return None if map_ is None else address(map_, 0, contiguous_strides(shape), len(dims))


def buffer_read(legal: Legal, node: Node, map_: Map, loops: int) -> Read | None:
    """The read that `node` amounts to under `map_`, if it is a buffer or a view of one."""
    view = legal.views.get(node)
    if view is None or not legal.is_buffer(view.base):
        return None
    return Read(view.base, address(map_, view.offset, view.strides, loops))


def operands(node: Node, map_: Map, loops: int) -> Iterator[tuple[Node, Map]]:
    """The inputs of an inline or view node that are read element by element, with their maps."""
    kind = node.op.kind
    if kind is Kind.VIEW:
        inner = view_map(node, map_, loops)
        if inner is None:
            raise ValueError(f"a view that is not affine was left in the graph: {node!r}")
        yield node.inputs[0], inner
    elif kind is Kind.POINTWISE:
        for x in node.inputs:
            yield x, broadcast_map(map_, x.shape, loops)
    elif kind is Kind.TAKE:
        index = node.inputs[1]
        yield index, map_[: len(index.shape)]
    elif kind is Kind.REDUCTION:
        yield node.inputs[0], map_


def reads(legal: Legal, root: Node, map_: Map, loops: int) -> Iterator[Read]:
    """Every access to a buffer in the computation of `root`.

    For a reduction, `map_` is that of what it reduces.
    """
    seen: set[tuple[Node, Map]] = set()
    stack: list[tuple[Node, Map]] = [(root, map_)]
    while stack:
        node, at = stack.pop()
        if (node, at) in seen or node.op is const_p:
            continue
        seen.add((node, at))
        if node is not root:
            read = buffer_read(legal, node, at, loops)
            if read is not None:
                yield read
                continue
        if node.op.kind in (Kind.TAKE, Kind.INDEXED) and node.inputs:
            yield Read(legal.views[node.inputs[0]].base, None)
        stack.extend(operands(node, at, loops))

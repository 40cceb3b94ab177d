"""Hypothesis strategies that build small random graphs over every kind of primitive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from zincir.compiler import compile_graph
from zincir.compiler.prepare import ready
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers, run
from zincir.graph.node import Node
from zincir.ops import arithmetic as ar, elementwise as el, movement as mv, reduction as rd
from zincir.ops.contraction import matmul
from zincir.ops.indexing import scatter, take
from zincir.ops.source import const, iota, leaf
from zincir.runtime.buffer import Buffer, allocate
from zincir.types import DType, Shape, broadcast, float32, from_numpy_dtype, int64

SIZES = st.sampled_from([1, 2, 3, 5, 8, 17, 33])


def data(array: np.ndarray) -> Node:
    """A leaf with a value."""
    node = leaf(array.shape, from_numpy_dtype(array.dtype))
    node.value = Buffer(array)
    return node


@st.composite
def shapes(draw: st.DrawFn, low: int = 0, high: int = 3) -> Shape:
    return tuple(draw(st.lists(SIZES, min_size=low, max_size=high)))


def random_leaf(draw: st.DrawFn, shape: Shape, dtype: DType) -> Node:
    """A leaf of random numbers, sometimes one that is not contiguous."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    array = rng.uniform(-2, 2, shape).astype(dtype.numpy)
    if shape and draw(st.booleans()):
        wide = np.zeros((*shape[:-1], shape[-1] * 2), dtype.numpy)
        wide[..., ::2] = array
        array = wide[..., ::2]
    return data(array)


UNARY: list[Callable[[Node], Node]] = [
    ar.neg,
    ar.abs,
    el.tanh,
    el.sigmoid,
    el.sin,
    lambda x: el.exp(el.tanh(x)),
    lambda x: el.log(ar.abs(x) + 0.5),
    lambda x: el.sqrt(ar.abs(x) + 0.5),
    lambda x: x * 0.5 + 0.25,
    lambda x: ar.where(ar.compare("le", x, 0.0), 0.0, x),
]
BINARY: list[Callable[[Node, Node], Node]] = [
    ar.add,
    ar.sub,
    ar.mul,
    ar.maximum,
    ar.minimum,
    lambda x, y: x / (ar.abs(y) + 0.5),
    lambda x, y: ar.where(ar.compare("lt", x, y), x, y * 2.0),
]


def _fits(x: Node, y: Node) -> bool:
    try:
        return len(broadcast(x.shape, y.shape)) <= 4
    except Exception:
        return False


def _reduce(draw: st.DrawFn, x: Node) -> Node:
    axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))
    kind = draw(st.sampled_from([mv.sum_, rd.amax, rd.amin, mv.sum_]))
    scale = 1.0 / np.prod([x.shape[a] for a in axes]) if kind is mv.sum_ else 1.0
    kept = kind(x, axes) * float(scale)
    return kept if draw(st.booleans()) else mv.reshape(kept, _without(x.shape, axes))


def _without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _move(draw: st.DrawFn, x: Node) -> Node:
    kind = draw(st.sampled_from(["permute", "flat", "split", "slice", "expand", "flip", "windows"]))
    if kind == "permute":
        return mv.permute(x, tuple(draw(st.permutations(range(x.ndim)))))
    if kind == "flat":
        return mv.reshape(x, (int(np.prod(x.shape)),))
    if kind == "split":
        return mv.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))
    if kind == "expand" and x.ndim < 3:
        return mv.expand(x, (draw(SIZES), *x.shape))
    if kind == "flip":
        return mv.flip(x, (draw(st.integers(0, x.ndim - 1)),))
    if kind == "windows" and x.ndim < 3:
        spread = tuple(draw(st.integers(1, 2)) for _ in x.shape)
        sizes = tuple(
            draw(st.integers(1, (n - 1) // d + 1)) for n, d in zip(x.shape, spread, strict=True)
        )
        return mv.windows(x, sizes, tuple(draw(st.integers(1, 2)) for _ in x.shape), spread)
    starts, steps, sizes = [], [], []
    for n in x.shape:
        step = draw(st.sampled_from([1, 2, -1]))
        size = draw(st.integers(1, -(-n // abs(step))))
        starts.append(0 if step > 0 else n - 1)
        steps.append(step)
        sizes.append(size)
    return mv.slice_(x, tuple(starts), tuple(steps), tuple(sizes))


def _put_together(draw: st.DrawFn, x: Node) -> Node:
    if draw(st.booleans()):
        axis = draw(st.integers(0, x.ndim - 1))
        return mv.cat([x, mv.flip(x, (axis,)), x * 2.0], axis)
    return mv.pad(x, (1,) * x.ndim, (2,) * x.ndim, 0.5)


def _indirect(draw: st.DrawFn, x: Node) -> Node:
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    index = data(rng.integers(0, x.shape[0], draw(shapes(0, 2))))
    rows = take(x, index)
    if draw(st.booleans()):
        return rows
    base = x if draw(st.booleans()) else mv.expand(const(0.0, x.dtype), x.shape)
    return scatter(base, index, rows * 0.5, "add")


def _product(draw: st.DrawFn, x: Node) -> Node:
    if x.ndim < 2:
        x = mv.reshape(x, (1, int(np.prod(x.shape))))
    k = x.shape[-1]
    n = draw(SIZES)
    if draw(st.booleans()):
        y = mv.swap_last(random_leaf(draw, (*x.shape[:-2], n, k), x.dtype))
    else:
        y = random_leaf(draw, (*x.shape[:-2], k, n), x.dtype)
    return matmul(x, y) * (1.0 / k)


@st.composite
def graphs(draw: st.DrawFn, dtype: DType = float32, most: int = 10) -> list[Node]:
    """Some outputs of a random graph."""
    pool = [random_leaf(draw, draw(shapes()), dtype) for _ in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(1, most))):
        x = draw(st.sampled_from(pool))
        kind = draw(
            st.sampled_from(
                [
                    "unary",
                    "binary",
                    "binary",
                    "reduce",
                    "move",
                    "assemble",
                    "indirect",
                    "product",
                    "iota",
                ]
            )
        )
        if kind == "binary":
            y = draw(st.sampled_from([p for p in pool if p is x or _fits(x, p)]))
            x = draw(st.sampled_from(BINARY))(x, y)
        elif kind == "unary" or x.ndim == 0 or np.prod(x.shape) > 20_000:
            x = draw(st.sampled_from(UNARY))(x)
        elif kind == "iota":
            axis = draw(st.integers(0, x.ndim - 1))
            x = x + ar.cast(iota(x.shape, axis, int64), x.dtype) * 0.125
        else:
            choose = {
                "reduce": _reduce,
                "move": _move,
                "assemble": _put_together,
                "indirect": _indirect,
                "product": _product,
            }
            x = choose[kind](draw, x)
        pool.append(x)
    wanted = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3))
    return [*wanted, pool[-1]]


def compiled(outputs: list[Node], threads: int) -> list[np.ndarray]:
    """Values by the compiler, on so many threads however small the work."""
    taken = snapshot(outputs)
    compilation = compile_graph(taken.graph(), threads, spread=True)
    buffers = [allocate(node.shape, node.dtype) for node in outputs]
    run(ready(compilation), taken.leaves, numbers(taken.numbers), buffers)
    return [np.array(buffer.array) for buffer in buffers]

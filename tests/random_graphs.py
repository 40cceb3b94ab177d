"""Hypothesis strategies that build small random graphs over every kind of primitive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from zincir.compiler import compile_graph, run_passes
from zincir.compiler.options import Options
from zincir.compiler.program_cache import runnable
from zincir.compiler.snapshot import Graph, snapshot
from zincir.evaluate import numbers, run
from zincir.graph.node import Node
from zincir.operations import arithmetic as ar, elementwise as el, movement as mv, reduction as rd
from zincir.operations.contraction import matmul
from zincir.operations.indexing import scatter, take
from zincir.operations.source import const, iota, leaf
from zincir.runtime.buffer import Buffer, allocate
from zincir.types import (
    DType,
    Shape,
    bool_,
    broadcast,
    float32,
    from_numpy_dtype,
    int32,
    int64,
    uint8,
)

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


def _folded(draw: st.DrawFn, x: Node) -> tuple[Node, Node]:
    """A value, and another one of what it was made of and its sums: two rounds over the same."""
    axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))
    y = draw(st.sampled_from(UNARY))(x)
    scale = 1.0 / np.prod([x.shape[a] for a in axes])
    total = mv.sum_(y, axes) * float(scale)
    return y, draw(st.sampled_from(BINARY[:4]))(draw(st.sampled_from([x, x, y])), total)


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


def _residual(draw: st.DrawFn, x: Node) -> Node:
    """A product of a value, and the value again where it is read in place."""
    if x.ndim < 2 or x.shape[-1] > 40 or x.shape[-2] > 40:
        return _product(draw, x)
    square = x.shape[-1] == x.shape[-2]
    kinds = ["left", "right"] + ["both", "turned"] * square
    kind = draw(st.sampled_from(kinds))
    rest, (m, k) = x.shape[:-2], x.shape[-2:]
    other = {"left": (k, k), "right": (m, m)}.get(kind)
    if other is not None:
        y = random_leaf(draw, (*rest, *other), x.dtype)
        y = draw(st.sampled_from([lambda y: y, el.tanh]))(y)
        z = matmul(x, y) if kind == "left" else matmul(y, x)
    else:
        z = matmul(x, mv.swap_last(x) if kind == "turned" else x)
    z = draw(st.sampled_from([lambda z: z, el.tanh, el.sigmoid]))(z * (1.0 / k))
    x = draw(st.sampled_from([lambda x: x, el.sin, mv.swap_last if square else ar.neg]))(x)
    return draw(st.sampled_from(BINARY[:4]))(z, x)


# --- integers and bools -------------------------------------------------------------------------

INTEGERS = st.sampled_from([int64, int32, uint8, bool_])


def _small(x: Node) -> Node:
    """The same type, without numbers that grow from step to step."""
    return x if x.dtype is bool_ else ar.remainder(x, const(11, x.dtype))


def _not_zero(x: Node) -> Node:
    return ar.where(ar.compare("eq", x, 0), const(1, x.dtype), x)


INTEGER_BINARY: list[Callable[[Node, Node], Node]] = [
    ar.add,
    ar.sub,
    ar.mul,
    ar.maximum,
    ar.minimum,
    lambda x, y: ar.remainder(x, _not_zero(y)),
    lambda x, y: ar.floor_divide(x, _not_zero(y)),
    lambda x, y: ar.where(ar.compare("lt", x, y), x, y),
]
BOOL_BINARY: list[Callable[[Node, Node], Node]] = [
    *[lambda x, y, op=op: ar.bitwise(op, x, y) for op in ("and", "or", "xor")],
    ar.maximum,
    ar.minimum,
]


def integer_leaf(draw: st.DrawFn, shape: Shape, dtype: DType) -> Node:
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    return data(rng.integers(-9 * (dtype is not uint8), 10, shape).astype(dtype.numpy))


def integers(draw: st.DrawFn, x: Node) -> Node:
    """Another value of whole numbers (or bools) made of `x`."""
    kinds = ["binary", "compare", "cast", "take", "iota", "where"] + ["reduce", "move"] * 2
    kind = draw(st.sampled_from(kinds if x.ndim else ["binary", "compare", "cast"]))
    if kind == "cast":
        return ar.cast(x, draw(INTEGERS))
    if kind == "move":
        return _move(draw, x)
    if kind == "iota":
        return _small(ar.cast(iota(x.shape, draw(st.integers(0, x.ndim - 1)), int64), x.dtype))
    if kind == "take":
        index = data(np.random.default_rng(0).integers(0, x.shape[0], draw(shapes(0, 2))))
        return take(x, index)
    if kind == "reduce":
        axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))
        folds = [rd.amax, rd.amin] if x.dtype is bool_ else [rd.amax, rd.amin, mv.sum_, rd.prod]
        folded = _small(draw(st.sampled_from(folds))(x, axes))
        smallest = draw(st.booleans())
        return draw(st.sampled_from([folded, rd.argmax(x, axes[0], smallest=smallest)]))
    y = x if draw(st.integers(0, 3)) == 0 else integer_leaf(draw, x.shape, x.dtype)
    if kind == "compare":
        return ar.compare(draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])), x, y)
    if kind == "where":
        return ar.where(integer_leaf(draw, x.shape, bool_), x, y)
    return _small(draw(st.sampled_from(BOOL_BINARY if x.dtype is bool_ else INTEGER_BINARY))(x, y))


def _with_integers(draw: st.DrawFn, x: Node, whole: list[Node]) -> Node:
    """`x` with whole numbers of its shape worked in; what they were made of goes to `whole`."""
    same = [y for y in whole if _fits(x, y)]
    made = draw(st.sampled_from(same)) if same else integer_leaf(draw, x.shape, draw(INTEGERS))
    for _ in range(draw(st.integers(1, 3))):
        made = integers(draw, made)
        if np.prod(made.shape) < 20_000:
            whole.append(made)
    if not _fits(x, made):
        return ar.cast(made, x.dtype) * 0.125
    if made.dtype is bool_:
        return ar.where(made, x, x * 0.5)
    return x + ar.cast(made, x.dtype) * 0.125


@st.composite
def graphs(draw: st.DrawFn, dtype: DType = float32, most: int = 10) -> list[Node]:
    """Some outputs of a random graph."""
    pool = [random_leaf(draw, draw(shapes()), dtype) for _ in range(draw(st.integers(1, 3)))]
    whole: list[Node] = []
    for _ in range(draw(st.integers(1, most))):
        x = draw(st.sampled_from(pool))
        kind = draw(
            st.sampled_from(
                [
                    "unary",
                    "binary",
                    "binary",
                    "reduce",
                    "folded",
                    "move",
                    "assemble",
                    "indirect",
                    "product",
                    "residual",
                    "integers",
                    "iota",
                ]
            )
        )
        if kind == "binary":
            y = draw(st.sampled_from([p for p in pool if p is x or _fits(x, p)]))
            x = draw(st.sampled_from(BINARY))(x, y)
        elif kind == "integers" and np.prod(x.shape) <= 20_000:
            x = _with_integers(draw, x, whole)
        elif kind == "unary" or x.ndim == 0 or np.prod(x.shape) > 20_000:
            x = draw(st.sampled_from(UNARY))(x)
        elif kind == "folded":
            y, x = _folded(draw, x)
            pool.append(y)
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
                "residual": _residual,
            }
            x = choose[kind](draw, x)
        pool.append(x)
    wanted = draw(st.lists(st.sampled_from([*pool, *whole]), min_size=1, max_size=3))
    return [*wanted, pool[-1]]


def made_by(name: str, graph: Graph, options: Options | None = None) -> Any:
    """What a pass makes of a graph, behind all passes before it."""
    for row, value in run_passes(graph, options or Options()):
        if row.name == name:
            return value
    raise KeyError(name)


def compiled(outputs: list[Node], threads: int, seed: int | None = None) -> list[np.ndarray]:
    """Values by the compiler, on so many threads however small the work.

    Args:
        seed: with one, outputs are written over inputs where the plan allows it, drawn at random.
    """
    taken = snapshot(outputs)
    donations = _donations(outputs, taken.leaves, seed)
    made = compile_graph(taken.graph(), Options(threads, donations, force_all_threads=True))
    donated = made.plan.donated
    buffers = [allocate(node.shape, node.dtype) for node in outputs]
    kept = {i: taken.leaves[i].value for i in donated.values()}
    for i, value in kept.items():
        taken.leaves[i].value = Buffer(np.array(value.array))
    try:
        run(runnable(made), taken.leaves, numbers(taken.numbers), buffers)
        for o, i in donated.items():
            buffers[o] = taken.leaves[i].value
    finally:
        for i, value in kept.items():
            taken.leaves[i].value = value
    return [np.array(buffer.array) for buffer in buffers]


def _donations(outputs: list[Node], leaves: list[Node], seed: int | None) -> dict[int, int]:
    """For some outputs an input of the same shape and type, none of them twice."""
    found: dict[int, int] = {}
    if seed is None:
        return found
    rng = np.random.default_rng(seed)
    for o in rng.permutation(len(outputs)).tolist():
        spec = outputs[o].shape, outputs[o].dtype
        free = [
            i
            for i, x in enumerate(leaves)
            if (x.shape, x.dtype) == spec and i not in found.values() and x.value.layout is None
        ]
        if free and rng.random() < 0.8:
            found[o] = int(rng.choice(free))
    return found

"""Windows that slide over the last axes: how many there are, what lies in them, and the way back.

Both ways, the vector loop runs over windows side by side, not inside of one: few taps are slices
(all first elements of the windows, all second ones, ...), many are folded before the last axes.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import MODE, Node, user_line
from zincir.operations import movement as mv
from zincir.operations.arithmetic import compare, where
from zincir.operations.source import const, custom, iota
from zincir.types import DType, Shape, contiguous_strides, int32, int64

Sizes = int | Sequence[int]

_FEW, _FEW_IN_A_ROW = 9, 24
"""Taps that are written out one by one, over several axes and along one; more become a loop."""
_NARROW = 4
"""Strides up to which neighbours are computed apart, each with whole vectors, and interleaved."""


@dataclass(frozen=True, slots=True)
class Window:
    """Windows over axes of sizes `shape`: window o begins at element o * stride - padding."""

    shape: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    out_size: Shape
    """How many windows there are along each axis."""

    @property
    def overlap(self) -> Shape:
        """For each axis, how many windows an element can lie in (for dilation 1)."""
        return tuple(-(-k // s) for k, s in zip(self.kernel, self.stride, strict=True))

    @property
    def covers_all(self) -> bool:
        """Whether there is one window, and it is the whole input."""
        return self.kernel == self.shape and not any(self.padding) and math.prod(self.out_size) == 1

    @property
    def axes(self) -> list[int]:
        """The axes along which windows are more than the elements themselves."""
        both = enumerate(zip(self.kernel, self.stride, strict=True))
        return [a for a, (k, step) in both if k > 1 or step > 1]

    @property
    def has_few_taps(self) -> bool:
        """Whether the elements of a window are looked at one by one."""
        return math.prod(self.kernel) <= (_FEW if len(self.axes) > 1 else _FEW_IN_A_ROW)

    @property
    def is_split(self) -> bool:
        """Whether one axis after the other is less work: what windows share is computed once."""
        return len(self.axes) > 1 and not self.has_few_taps and math.prod(self.overlap) > 1

    @property
    def index_type(self) -> DType:
        """An integer type for elements counted over the plane."""
        return int32 if math.prod(self.shape) < 2**30 else int64

    def only(self, axis: int, shape: Shape) -> Window:
        """The same along `axis` of a plane of `shape`; windows of one element along the others."""

        def pick(values: Shape, other: int) -> Shape:
            return tuple(v if a == axis else other for a, v in enumerate(values))

        out_size = tuple(n if a == axis else shape[a] for a, n in enumerate(self.out_size))
        return Window(
            shape,
            pick(self.kernel, 1),
            pick(self.stride, 1),
            pick(self.padding, 0),
            pick(self.dilation, 1),
            out_size,
        )


def sizes(what: str, name: str, value: Any, rank: int, least: int = 1) -> Shape:
    """One int for each of `rank` axes, from an int or a sequence.

    Raises:
        ArgumentError: it is something else, or below `least`.
    """
    given: list[Any] = [*value] if isinstance(value, Sequence) else [value]
    try:
        found = [operator.index(v) for v in given]
    except TypeError:
        found = []
    found = found * rank if len(found) == 1 else found
    if len(found) == rank and min(found) >= least:
        return tuple(found)
    several = "" if rank == 1 else f", or {rank} of them"
    raise ArgumentError(
        explain(
            f"{what}: {name} does not fit",
            where=user_line(),
            expected=f"an int, {least} or more{several}",
            got=f"{name}={value!r}",
        )
    )


def planes(what: str, x: Node, rank: int) -> Shape:
    """The last `rank` axes of (batch, channels, ...) or (channels, ...).

    Raises:
        ShapeError: another number of axes, or one without elements that is not the batch.
    """
    if x.ndim in (rank + 1, rank + 2) and 0 not in x.shape[x.ndim - rank - 1 :]:
        return x.shape[x.ndim - rank :]
    axes = ", ".join(("depth", "height", "width")[-rank:] if rank > 1 else ("length",))
    remedy = ""
    if x.ndim == rank:
        remedy = "x.unsqueeze(0) for one channel"
    elif x.ndim == rank + 3:
        remedy = "x.flatten(0, 1)"
    raise ShapeError(
        explain(
            f"{what}: the input has a wrong shape",
            where=user_line(),
            expected=f"(batch, channels, {axes}) or (channels, {axes}); only the batch may be 0",
            got=f"{x.shape} {x.dtype.name}",
            try_=remedy,
        )
    )


def window_of(
    what: str,
    shape: Shape,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    narrow: bool = True,
) -> Window:
    """The windows over a plane of `shape`.

    Shape: along each axis n, (n + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1 windows,
    rounded down; with `ceil_mode` up, but none begins beyond input and left padding.

    Args:
        what: the function, for messages.
        stride: None (or an empty sequence) stands for the kernel's size.
        narrow: whether padding has to stay within half a window.
    """
    rank = len(shape)
    kernel = sizes(what, "kernel_size", kernel_size, rank)
    free = stride is None or (isinstance(stride, Sequence) and not stride)
    stride = kernel if free else sizes(what, "stride", stride, rank)
    padding = sizes(what, "padding", padding, rank, 0)
    dilation = sizes(what, "dilation", dilation, rank)
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if narrow and any(p > r // 2 for p, r in zip(padding, extent, strict=True)):
        raise ArgumentError(
            explain(
                f"{what}: padding is more than half of the window",
                where=user_line(),
                expected=f"padding up to {tuple(r // 2 for r in extent)}, half of what a window "
                "reaches over",
                got=f"padding={padding}, kernel_size={kernel_size}, dilation={dilation}",
            )
        )
    out_size: list[int] = []
    for n, r, s, p in zip(shape, extent, stride, padding, strict=True):
        count = (n + 2 * p - r + (s - 1 if ceil_mode else 0)) // s + 1
        out_size.append(count - 1 if ceil_mode and (count - 1) * s >= n + p else count)
    if min(out_size) < 1:
        around = tuple(n + 2 * p for n, p in zip(shape, padding, strict=True))
        raise ShapeError(
            explain(
                f"{what}: the window is larger than the input with its padding",
                where=user_line(),
                expected=f"windows that reach over no more than {around}",
                got=f"windows that reach over {extent}",
                try_="a smaller kernel_size or dilation, or fewer layers that shrink before this",
            )
        )
    return Window(shape, kernel, stride, padding, dilation, tuple(out_size))


def padded(x: Node, s: Window, value: float) -> Node:
    """`x` with as much border as its windows reach into."""
    lead = x.ndim - len(s.shape)
    after = [
        max(0, (o - 1) * step + d * (k - 1) + 1 - n - p)
        for o, step, d, k, n, p in zip(
            s.out_size, s.stride, s.dilation, s.kernel, s.shape, s.padding, strict=True
        )
    ]
    if not any(s.padding) and not any(after):
        return x
    return mv.pad(x, ((0,) * lead) + s.padding, ((0,) * lead) + tuple(after), value)


def taps(x: Node, s: Window) -> list[tuple[Shape, Node]]:
    """For each place inside a window, the elements there of all windows: (..., *out_size).

    `x` has its padding.
    """
    lead = x.ndim - len(s.shape)
    found: list[tuple[Shape, Node]] = []
    for tap in itertools.product(*map(range, s.kernel)):
        start = tuple(t * d for t, d in zip(tap, s.dilation, strict=True))
        part = mv.slice_(
            x,
            (0,) * lead + start,
            (1,) * lead + s.stride,
            x.shape[:lead] + s.out_size,
        )
        found.append((start, part))
    return found


def windows(x: Node, s: Window) -> Node:
    """All elements of all windows, a view (..., *kernel, *out_size). `x` has its padding."""
    rank = len(s.shape)
    lead = x.ndim - rank
    shape = (*x.shape[:lead], *s.kernel, *s.out_size)
    ones = (1,) * lead
    w = mv.windows(x, ones + s.kernel, ones + s.stride, ones + s.dilation)
    order = (
        *range(lead),
        *range(x.ndim + lead, 2 * x.ndim),
        *range(lead, x.ndim),
        *range(x.ndim, x.ndim + lead),
    )
    return mv.reshape(mv.permute(w, order), shape)


def inside_axes(x: Node, s: Window) -> tuple[int, ...]:
    """The axes of `windows(x, s)` that lie inside a window."""
    lead = x.ndim - len(s.shape)
    return tuple(range(lead, lead + len(s.shape)))


def along(count: int, axis: int, rank: int, dtype: DType) -> Node:
    """0, 1, ... along `axis` of `rank` axes; the others have size 1."""
    return iota(tuple(count if a == axis else 1 for a in range(rank)), axis, dtype)


def counted(counts: Shape, units: Shape, dtype: DType, start: int = 0) -> Node:
    """`start`, and units[a] more for each step along axis a: a view of 0, 1, 2, ..."""
    rest = sum((n - 1) * u for n, u in zip(counts, units, strict=True)) + 1
    x = iota((rest,), 0, dtype)
    for a, (n, unit) in enumerate(zip(counts, units, strict=True)):
        rest -= (n - 1) * unit
        ones = (1,) * a
        x = mv.windows(x, (*ones, rest), (*ones, unit), (*ones, 1))
        x = mv.reshape(x, (*counts[: a + 1], rest))
    x = mv.reshape(x, counts)
    return x + start if start else x


def from_windows(g: Node, s: Window, chosen: Node | None = None) -> Node:
    """What windows give back to the elements they were made of: (..., *out_size) -> (..., *shape).

    Each element adds up `g` of the windows in which it lies; if `chosen` is given, of those only
    that chose it: `chosen` holds, for each window, an element's number in the plane. Dilation is 1.

    Elements fall into cells of `stride`: number r of cell q, which is q * stride + r - padding,
    lies in the windows q, q - 1, ... All with one r are computed together, without a step between
    the windows they look at. Cells that hold nothing but border are left out.
    """
    lead = g.shape[: g.ndim - len(s.shape)]
    first = tuple(p // step for p, step in zip(s.padding, s.stride, strict=True))
    last = tuple(-(-(n + p) // t) for n, p, t in zip(s.shape, s.padding, s.stride, strict=True))
    room = tuple(max(0, j - 1 - q) for j, q in zip(s.overlap, first, strict=True))
    before = (0,) * len(lead) + room
    after = (0,) * len(lead) + tuple(q - o for q, o in zip(last, s.out_size, strict=True))
    if any(before) or any(after):
        g = mv.pad(g, before, after)
        chosen = None if chosen is None else mv.pad(chosen, before, after, -1)
    cells = tuple(b - a for a, b in zip(first, last, strict=True))
    corner = tuple(q + b for q, b in zip(first, room, strict=True))
    cut = tuple(p - q * step for p, q, step in zip(s.padding, first, s.stride, strict=True))
    count = s.stride[-1]
    parts = [(r, 1) for r in range(count)] if count <= _NARROW else [(0, count)]
    found = [_cells(g, chosen, s, (cells, corner, cut), part) for part in parts]
    whole = mv.cat(found, found[0].ndim - 1)
    joined = tuple(q * step for q, step in zip(cells, s.stride, strict=True))
    flat = mv.reshape(whole, (*lead, *joined))
    return mv.slice_(flat, (0,) * len(lead) + cut, (1,) * g.ndim, lead + s.shape)


def _cells(
    g: Node,
    chosen: Node | None,
    s: Window,
    where_: tuple[Shape, Shape, Shape],
    part: tuple[int, int],
) -> Node:
    """Of each cell of `stride` elements, all; along the last axis, `part`: the first, how many.

    `where_` has the number of cells, where in `g` the first cell's window is, and how many elements
    of the first cell are border.
    """
    rank = len(s.shape)
    lead = g.shape[: g.ndim - rank]
    cells, corner, cut = where_
    starts = (0,) * (rank - 1) + part[:1]
    inside = (*s.stride[:-1], part[1])
    room = tuple(n for both in zip(cells, inside, strict=True) for n in both)

    def shifted(v: Node, j: Shape) -> Node:
        begin = tuple(q - k for q, k in zip(corner, j, strict=True))
        window = mv.slice_(v, (0,) * len(lead) + begin, (1,) * v.ndim, lead + cells)
        return mv.reshape(window, (*lead, *[n for q in cells for n in (q, 1)]))

    own = None
    if chosen is not None:
        units = contiguous_strides(s.shape)
        steps = tuple(v for t, u in zip(s.stride, units, strict=True) for v in (t * u, u))
        begin = sum((r - c) * u for r, c, u in zip(starts, cut, units, strict=True))
        own = counted(room, steps, s.index_type, begin)
    total: Node | None = None
    for j in itertools.product(*map(range, s.overlap)):
        term = shifted(g, j)
        if chosen is not None and own is not None:
            term = where(compare("eq", shifted(chosen, j), own), term, 0)
        else:
            for a, k in enumerate(j):
                reach = s.kernel[a] - s.stride[a] * k - starts[a]
                if inside[a] > reach:
                    offset = along(inside[a], 2 * a + 1, 2 * rank, s.index_type)
                    term = where(compare("lt", offset, reach), term, 0)
        total = term if total is None else total + term
    assert total is not None
    return mv.expand(total, (*lead, *room))


def nothing(x: Node, shape: Shape) -> Node:
    """Zeros of `shape`, where there is no element; they pass zeros back to `x`."""

    def zeros(shape: Shape) -> Node:
        return mv.expand(const(0, x.dtype), shape)

    return with_gradient(zeros(shape), x, lambda g: zeros(x.shape))


@dataclass(frozen=True, eq=False)
class _Gradient:
    """How a gradient passes, as `custom` asks for it."""

    rule: Callable[[Node], Node]

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node]:
        return [self.rule(g)]


def with_gradient(y: Node, x: Node, rule: Callable[[Node], Node]) -> Node:
    """`y`, computed from `x`, with `rule` as the way of its gradient back to `x`."""
    return custom(y, (x,), _Gradient(rule)) if x.needs_grad and MODE.grad else y

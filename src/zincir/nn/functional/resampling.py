"""Images and their like in another size: along each axis, a view or one product with a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast as as_type

import numpy as np

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.half import array_in
from zincir.nn.functional import interpolation_weights as resampling
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import cast, floor_divide
from zincir.operations.composed import clamp
from zincir.operations.contraction import matmul
from zincir.operations.indexing import take
from zincir.operations.movement import expand, permute, reshape, slice_, swap_last
from zincir.tensor import Tensor, from_array, wrap
from zincir.types import Shape, int32, size as size_of, uint8

DIMENSIONS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
"""The modes, and how many dimensions each works on."""

_UNALIGNED = ("nearest", "nearest-exact", "area")


@dataclass(frozen=True)
class _Sizes:
    """What becomes of the axes behind batch and channels."""

    output: Shape
    scales: tuple[float | None, ...]
    """The factor that places are computed with; None: the ratio of the sizes."""


@at_user_line
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input` enlarged or shrunk along the axes behind batch and channels.

    Shape: (N, C, W), (N, C, H, W) or (N, C, D, H, W) -> (N, C, *size), where each size is given,
    or floor(size in input * scale_factor). Along each axis, y = M @ x: row i of M holds the weights
    of the elements around place (i + 0.5) * step - 0.5 of the input, step being 1 / scale_factor.
    From https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html.

    Args:
        size: of the output; one number stands for all axes. Give this or `scale_factor`.
        mode: "nearest" (element floor(i * step)), "nearest-exact" (floor((i + 0.5) * step)),
            "linear" (3 dimensions), "bilinear" (4), "trilinear" (5), "bicubic" (4), or "area",
            which is adaptive average pooling.
        align_corners: corners stay corners: place i * (n - 1) / (m - 1). Not for nearest and area.
        recompute_scale_factor: with True, step is the ratio of the sizes, not 1 / scale_factor.
        antialias: when shrinking with "bilinear" or "bicubic", widen the kernel.

    >>> import zincir
    >>> x = zincir.tensor([[[0.0, 4.0]]])
    >>> interpolate(x, scale_factor=2).tolist()
    [[[0.0, 0.0, 4.0, 4.0]]]
    >>> interpolate(x, size=4, mode="linear").tolist()
    [[[0.0, 1.0, 3.0, 4.0]]]
    """
    x = node_of(input, "interpolate: input")
    _check_mode(x, mode, align_corners, antialias)
    if size is not None and recompute_scale_factor:
        raise _argument("no scale_factor to recompute", "scale_factor", f"size={size}")
    sizes = _sizes(x, size, scale_factor, bool(recompute_scale_factor) or mode == "area")
    if mode.startswith("nearest"):
        return wrap(_nearest(x, sizes, mode == "nearest-exact"))
    build = _matrix_of(mode, bool(align_corners), antialias)
    if x.dtype is uint8 and mode in ("bilinear", "bicubic"):
        for k in reversed(range(x.ndim - 2)):
            x = _mixed_bytes(x, 2 + k, build(x.shape[2 + k], sizes.output[k], sizes.scales[k]))
        return wrap(x)
    x = floats(input, "interpolate: input")
    # Axes that shrink go first: what follows has less to do.
    growth = [m / n for m, n in zip(sizes.output, x.shape[2:], strict=True)]
    for k in sorted(range(x.ndim - 2), key=growth.__getitem__):
        x = _mixed(x, 2 + k, build(x.shape[2 + k], sizes.output[k], sizes.scales[k]))
    return wrap(x)


def _check_mode(x: Node, mode: str, align_corners: bool | None, antialias: bool) -> None:
    wrong: tuple[type[ArgumentError | ShapeError], str, str, str, str] | None = None
    if mode not in DIMENSIONS:
        known = ", ".join(map(repr, DIMENSIONS))
        wrong = ArgumentError, "unknown mode", known, repr(mode), ""
    elif align_corners is not None and mode in _UNALIGNED:
        what, remedy = f"mode {mode!r} has no align_corners", "leave align_corners out"
        wrong = ArgumentError, what, "None", f"align_corners={align_corners}", remedy
    elif x.ndim not in DIMENSIONS[mode]:
        shapes = {3: "(N, C, W)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}
        expected = " or ".join(shapes[n] for n in DIMENSIONS[mode])
        linear = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(x.ndim)
        remedy = f"mode={linear!r}" if linear else "x.unsqueeze(0) for a missing batch or channel"
        what = f"mode {mode!r} does not work on {x.ndim} dimensions"
        wrong = ShapeError, what, expected, f"input {x.shape}", remedy
    elif antialias and mode not in ("bilinear", "bicubic"):
        what = f"mode {mode!r} has no antialias"
        wrong = ArgumentError, what, "'bilinear' or 'bicubic'", repr(mode), "antialias=False"
    if wrong is None:
        return
    kind, what, expected, got, remedy = wrong
    raise kind(
        explain(f"interpolate: {what}", where=user_line(), expected=expected, got=got, try_=remedy)
    )


def _sizes(
    x: Node,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    recompute: bool,
) -> _Sizes:
    """The sizes that come out, and the scales to compute with."""
    places = x.shape[2:]
    if (size is None) == (scale_factor is None):
        both = size is not None
        raise _argument(
            "size and scale_factor contradict each other" if both else "no size is given",
            "one of size and scale_factor",
            f"size={size}, scale_factor={scale_factor}",
        )
    scales: tuple[float | None, ...] = (None,) * len(places)
    if scale_factor is None:
        output = _each("size", size, places)
        if not all(hasattr(m, "__index__") and not isinstance(m, bool) for m in output):
            raise _argument("size is not made of ints", "int, or one int for each axis", repr(size))
    else:
        factors = [float(f) for f in _each("scale_factor", scale_factor, places)]
        if not all(0.0 < f < math.inf for f in factors):
            raise _argument("scale_factor is not positive", "numbers above 0", repr(scale_factor))
        output = tuple(math.floor(n * f) for n, f in zip(places, factors, strict=True))
        scales = scales if recompute else tuple(factors)
    if min(output) < 1 or min(places) < 1:
        raise ShapeError(
            explain(
                "interpolate: sizes must be 1 or more, before and after",
                where=user_line(),
                got=f"input {x.shape}, output {(*x.shape[:2], *output)}",
                try_="a larger size or scale_factor",
            )
        )
    return _Sizes(tuple(map(int, output)), scales)


def _each(name: str, given: Any, places: Shape) -> tuple[Any, ...]:
    """One value for each axis: as given, or the same one for all."""
    if not isinstance(given, Sequence):
        return (given,) * len(places)
    value = tuple(as_type("Sequence[Any]", given))
    if len(value) == len(places):
        return value
    raise _argument(
        f"{name} has {len(value)} numbers for {len(places)} axes",
        f"one number, or {len(places)}: not for batch and channels",
        f"{name}={value}, axes {places}",
    )


def _argument(what: str, expected: str, got: str) -> ArgumentError:
    return ArgumentError(
        explain(f"interpolate: {what}", where=user_line(), expected=expected, got=got)
    )


def _matrix_of(
    mode: str, align_corners: bool, antialias: bool
) -> Callable[[int, int, float | None], resampling.Array]:
    """What makes the matrix of an axis from its sizes and scale."""
    if mode == "area":
        return lambda n, m, scale: resampling.area(n, m)
    if mode == "bicubic":
        kind = resampling.cubic_antialiased if antialias else resampling.cubic
    else:
        kind = resampling.linear_antialiased if antialias else resampling.linear
    return lambda n, m, scale: kind(n, m, scale, align_corners)


def _mixed(x: Node, axis: int, matrix: resampling.Array) -> Node:
    """`x` with its elements along `axis`, size n, mixed by a matrix (m, n)."""
    m, n = matrix.shape
    if _changes_nothing(matrix):
        return x
    shape = (*x.shape[:axis], m, *x.shape[axis + 1 :])
    rows, inner = size_of(x.shape[:axis]), size_of(x.shape[axis + 1 :])
    by = from_array(array_in(matrix, x.dtype))._node
    if inner == 1:
        return reshape(matmul(reshape(x, (rows, n)), swap_last(by)), shape)
    by = expand(reshape(by, (1, m, n)), (rows, m, n))
    return reshape(matmul(by, reshape(x, (rows, n, inner))), shape)


def _changes_nothing(matrix: resampling.Array) -> bool:
    m, n = matrix.shape
    return m == n and np.array_equal(matrix, np.eye(n))


def _mixed_bytes(x: Node, axis: int, matrix: resampling.Array) -> Node:
    """`_mixed` for images of bytes, as PyTorch does it: whole numbers, rounded after each axis."""
    if _changes_nothing(matrix):
        return x
    whole, bits = resampling.fixed_point(matrix)
    y = _mixed(cast(x, int32), axis, whole) + (1 << (bits - 1))
    return cast(clamp(floor_divide(y, 1 << bits), 0, 255), uint8)


def _nearest(x: Node, sizes: _Sizes, centred: bool) -> Node:
    """Each element of the output copied from one of x."""
    repeats: list[int] = []
    for k, (n, m, scale) in enumerate(zip(x.shape[2:], sizes.output, sizes.scales, strict=True)):
        places = resampling.nearest(n, m, scale, centred)
        repeated = m % n == 0 and np.array_equal(places, np.arange(m) // (m // n))
        repeats.append(m // n if repeated else 1)
        x = x if repeated else _picked(x, 2 + k, places)
    if all(r == 1 for r in repeats):
        return x
    # All axes at once: one copy forwards, one sum backwards
    lead, pairs = x.shape[:2], list(zip(x.shape[2:], repeats, strict=True))
    split = reshape(x, (*lead, *(v for n, _ in pairs for v in (n, 1))))
    y = expand(split, (*lead, *(v for pair in pairs for v in pair)))
    return reshape(y, (*lead, *(n * r for n, r in pairs)))


def _picked(x: Node, axis: int, places: resampling.Array) -> Node:
    """The elements of `x` at `places` along `axis`: a view, if they are evenly apart."""
    m = len(places)
    step = int(places[1] - places[0]) if m > 1 else 1
    if step and np.all(np.diff(places) == step):
        starts = tuple(int(places[0]) if i == axis else 0 for i in range(x.ndim))
        jumps = tuple(step if i == axis else 1 for i in range(x.ndim))
        return slice_(x, starts, jumps, (*x.shape[:axis], m, *x.shape[axis + 1 :]))
    order = (axis, *(i for i in range(x.ndim) if i != axis))
    rows = take(permute(x, order), from_array(places)._node)
    return permute(rows, (*range(1, axis + 1), 0, *range(axis + 1, x.ndim)))

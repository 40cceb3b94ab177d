"""Discrete Fourier transforms, under the names of `torch.fft`.

NumPy computes them, in the precision of their operands; gradients are transforms, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir.calling import takes_out
from zincir.creation import get_default_dtype
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.operations import fourier
from zincir.operations.arithmetic import cast, copy, floating
from zincir.operations.complex_rules import conj
from zincir.operations.dims import one_axis
from zincir.operations.layout import roll
from zincir.operations.movement import pad, slice_
from zincir.operations.parts import WHOLE
from zincir.series import arange
from zincir.tensor import Tensor, wrap
from zincir.tensor_types import as_dtype, check_storage

Dims = int | Sequence[int] | None


# One axis ---------------------------------------------------------------------------------------


@full
@takes_out
def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The Fourier transform along `dim`: y[k] = sum of x[m] exp(-2 pi i k m / n).

    Args:
        n: the length, to which the input is cut, or filled up with zeros.
        norm: "backward" divides the way back by n, "forward" this way, "ortho" both by sqrt(n).

    >>> import zincir
    >>> fft(zincir.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [(10+0j), (-2+2j), (-2+0j), (-2-2j)]
    """
    return wrap(_complex("fft", input, _given(n), (dim,), norm, False))


@full
@takes_out
def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`.

    >>> import zincir
    >>> ifft(zincir.tensor([10.0, -2.0, -2.0, -2.0])).real.tolist()
    [1.0, 3.0, 3.0, 3.0]
    """
    return wrap(_complex("ifft", input, _given(n), (dim,), norm, True))


@full
@takes_out
def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first n // 2 + 1 numbers of the transform of real ones: the others mirror them.

    >>> import zincir
    >>> rfft(zincir.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [(10+0j), (-2+2j), (-2+0j)]
    """
    return wrap(_halves("rfft", input, _given(n), (dim,), norm, False))


@full
@takes_out
def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`: `n` real numbers, by default 2 (m - 1) from m.

    >>> import zincir
    >>> irfft(rfft(zincir.tensor([1.0, 2.0, 3.0, 4.0]))).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return wrap(_reals("irfft", input, _given(n), (dim,), norm, True))


@full
@takes_out
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The transform, which is real, of what mirrors itself, given by its first half.

    >>> import zincir
    >>> hfft(zincir.tensor([1.0, 2.0, 3.0])).tolist()
    [8.0, -2.0, 0.0, -2.0]
    """
    return wrap(_reals("hfft", input, _given(n), (dim,), norm, False))


@full
@takes_out
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`.

    >>> import zincir
    >>> ihfft(zincir.tensor([8.0, -2.0, 0.0, -2.0])).real.tolist()
    [1.0, 2.0, 3.0]
    """
    return wrap(_halves("ihfft", input, _given(n), (dim,), norm, True))


# Several axes -----------------------------------------------------------------------------------


@full
@takes_out
def fftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """`fft` along each of several axes: by default all of them, or the last len(s).

    >>> import zincir
    >>> fftn(zincir.ones(2, 2)).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return wrap(_complex("fftn", input, *_axes(input, s, dim), norm, False))


@full
@takes_out
def ifftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`.

    >>> import zincir
    >>> ifftn(zincir.ones(2, 2)).real.tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return wrap(_complex("ifftn", input, *_axes(input, s, dim), norm, True))


@full
@takes_out
def rfftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """`rfft` along the last of several axes, `fft` along the others.

    >>> import zincir
    >>> rfftn(zincir.ones(2, 2)).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return wrap(_halves("rfftn", input, *_axes(input, s, dim), norm, False))


@full
@takes_out
def irfftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`.

    >>> import zincir
    >>> irfftn(rfftn(zincir.ones(2, 4))).tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """
    return wrap(_reals("irfftn", input, *_axes(input, s, dim), norm, True))


@full
@takes_out
def hfftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """`hfft` along the last of several axes, `fft` along the others.

    >>> import zincir
    >>> hfftn(zincir.ones(2, 3)).tolist()
    [[8.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    return wrap(_reals("hfftn", input, *_axes(input, s, dim), norm, False))


@full
@takes_out
def ihfftn(input: Tensor, s: Any = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`.

    >>> import zincir
    >>> ihfftn(zincir.ones(2, 4)).real.tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return wrap(_halves("ihfftn", input, *_axes(input, s, dim), norm, True))


@full
@takes_out
def fft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """`fftn` along the last two axes.

    >>> import zincir
    >>> fft2(zincir.ones(2, 2)).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return fftn(input, s, dim, norm)


@full
@takes_out
def ifft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `fft2`.

    >>> import zincir
    >>> ifft2(zincir.ones(2, 2)).real.tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return ifftn(input, s, dim, norm)


@full
@takes_out
def rfft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """`rfftn` along the last two axes.

    >>> import zincir
    >>> rfft2(zincir.ones(2, 4)).shape
    (2, 3)
    """
    return rfftn(input, s, dim, norm)


@full
@takes_out
def irfft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `rfft2`.

    >>> import zincir
    >>> irfft2(rfft2(zincir.ones(1, 4))).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    return irfftn(input, s, dim, norm)


@full
@takes_out
def hfft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """`hfftn` along the last two axes.

    >>> import zincir
    >>> hfft2(zincir.ones(2, 3)).shape
    (2, 4)
    """
    return hfftn(input, s, dim, norm)


@full
@takes_out
def ihfft2(input: Tensor, s: Any = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of `hfft2`.

    >>> import zincir
    >>> ihfft2(zincir.ones(2, 4)).shape
    (2, 3)
    """
    return ihfftn(input, s, dim, norm)


# Frequencies ------------------------------------------------------------------------------------


def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of `fft`: 0, 1, ..., -1, divided by n d.

    >>> fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    check_storage(device, layout)
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    number = arange(n, dtype=kind)
    found = number.where(number < (n + 1) // 2, number - n) * (1.0 / (n * d))
    return found.requires_grad_() if requires_grad else found


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of `rfft`: 0, 1, ..., n // 2, divided by n d.

    >>> rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    check_storage(device, layout)
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    found = arange(n // 2 + 1, dtype=kind) * (1.0 / (n * d))
    return found.requires_grad_() if requires_grad else found


def fftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """The frequency 0 moved to the middle.

    >>> fftshift(fftfreq(4)).tolist()
    [-0.5, -0.25, 0.0, 0.25]
    """
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> ifftshift(fftshift(fftfreq(5))).tolist() == fftfreq(5).tolist()
    True
    """
    return _shifted(input, dim, lambda n: (n + 1) // 2)


def _shifted(input: Tensor, dim: Dims, by: Callable[[int], int]) -> Tensor:
    axes = _listed(range(input.ndim) if dim is None else dim)
    axes = tuple([one_axis(a, input.ndim) for a in axes])
    node = input._node
    for axis in axes:
        node = roll(node, by(input.shape[axis]), axis)
    return wrap(copy(node) if node is input._node else node)


# What they share --------------------------------------------------------------------------------


def _given(n: int | None) -> tuple[int | None]:
    return (n,)


def _listed(x: Any) -> tuple[int, ...]:
    return (int(x),) if isinstance(x, int) else tuple([int(a) for a in x])


def _axes(input: Tensor, s: Any, dim: Dims) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    """Lengths (None: as long as it is) and axes."""
    if dim is None:
        count = input.ndim if s is None else len(_listed(s))
        if count > input.ndim:
            raise ShapeError(
                explain(
                    "fft: more lengths than dimensions",
                    where=user_line(),
                    got=f"s={s} for {input.shape}",
                )
            )
        axes = tuple(range(input.ndim - count, input.ndim))
    else:
        axes = _listed(dim)
    if s is None:
        return (None,) * len(axes), axes
    lengths = tuple([None if n == -1 else n for n in _listed(s)])
    if len(lengths) != len(axes):
        raise ShapeError(
            explain(
                "fft: s and dim have different lengths", where=user_line(), got=f"s={s}, dim={dim}"
            )
        )
    return lengths, axes


def _checked(what: str, node: Node, dim: tuple[int, ...]) -> tuple[int, ...]:
    if node.dtype.half:
        raise DTypeError(
            explain(f"{what}: not for {node.dtype.name}", where=user_line(), try_="x.float()")
        )
    if not node.ndim:
        raise ShapeError(explain(f"{what}: needs at least one dimension", where=user_line()))
    axes = tuple([one_axis(a, node.ndim) for a in dim])
    if len(set(axes)) != len(axes):
        raise ArgumentError(
            explain(f"{what}: a dimension twice", where=user_line(), got=f"dim={dim}")
        )
    return axes


def _fitted(what: str, x: Node, lengths: Sequence[int | None], axes: tuple[int, ...]) -> Node:
    """Cut, or filled up with zeros at the end."""
    sizes = list(x.shape)
    for n, axis in zip(lengths, axes, strict=True):
        sizes[axis] = sizes[axis] if n is None else int(n)
        if sizes[axis] < 1:
            raise ArgumentError(
                explain(
                    f"{what}: invalid number of data points ({sizes[axis]}) specified",
                    where=user_line(),
                    expected="at least 1",
                )
            )
    kept = tuple([min(n, m) for n, m in zip(sizes, x.shape, strict=True)])
    if kept != x.shape:
        x = slice_(x, (0,) * x.ndim, (1,) * x.ndim, kept)
    more = tuple([n - m for n, m in zip(sizes, kept, strict=True)])
    return pad(x, (0,) * x.ndim, more) if any(more) else x


def _scaled(what: str, y: Node, count: int, norm: str | None, back: bool) -> Node:
    """Divided by what `norm` asks for."""
    if norm not in (None, "backward", "forward", "ortho"):
        raise ArgumentError(
            explain(
                f"{what}: invalid normalization mode {norm!r}",
                where=user_line(),
                expected="'backward', 'forward' or 'ortho'",
            )
        )
    if norm == "ortho":
        return y * (1.0 / count**0.5)
    return y * (1.0 / count) if back is (norm != "forward") else y


def _count(x: Node, axes: tuple[int, ...]) -> int:
    total = 1
    for axis in axes:
        total *= x.shape[axis]
    return total


def _complex(
    what: str, input: Tensor, lengths: Any, dim: tuple[int, ...], norm: str | None, back: bool
) -> Node:
    x = floating(input._node)
    axes = _checked(what, x, dim)
    x = cast(x, WHOLE.get(x.dtype, x.dtype))
    x = _fitted(what, x, lengths, axes)
    return _scaled(what, fourier.whole(x, axes, back), _count(x, axes), norm, back)


def _halves(
    what: str, input: Tensor, lengths: Any, dim: tuple[int, ...], norm: str | None, back: bool
) -> Node:
    """From real numbers to the first half, along the last axis."""
    x = floating(input._node)
    if x.dtype.is_complex:
        raise DTypeError(
            explain(
                f"{what}: expects a real input tensor",
                where=user_line(),
                got=x.dtype.name,
                try_="fft, or x.real",
            )
        )
    axes = _checked(what, x, dim)
    x = _fitted(what, x, lengths, axes)
    y = fourier.half(x, axes[-1])
    y = fourier.whole(conj(y) if back else y, axes[:-1], back)
    return _scaled(what, y, _count(x, axes), norm, back)


def _reals(
    what: str, input: Tensor, lengths: Any, dim: tuple[int, ...], norm: str | None, back: bool
) -> Node:
    """From the first half, along the last axis, to real numbers."""
    z = floating(input._node)
    axes = _checked(what, z, dim)
    z = cast(z, WHOLE.get(z.dtype, z.dtype))
    n = lengths[-1] if lengths[-1] is not None else 2 * (z.shape[axes[-1]] - 1)
    if n < 1:
        raise ArgumentError(
            explain(
                f"{what}: invalid number of data points ({n}) specified",
                where=user_line(),
                expected="at least 1",
            )
        )
    z = _fitted(what, z, (*lengths[:-1], n // 2 + 1), axes)
    z = fourier.whole(z, axes[:-1], back)
    y = fourier.back_to_real(z if back else conj(z), axes[-1], n)
    return _scaled(what, y, _count(y, axes), norm, back)

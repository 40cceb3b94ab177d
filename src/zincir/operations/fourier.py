"""Discrete Fourier transforms, without a factor: NumPy computes them.

Each transform is linear, so that its gradient is its conjugate transpose: another transform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import ON_COMPLEX, Kind, Primitive, Spec, register
from zincir.operations.movement import cat, pad, slice_
from zincir.operations.parts import WHOLE, real
from zincir.operations.source import PARTS


def _whole_numpy(z: Any, axes: tuple[int, ...], back: bool) -> Any:
    if not z.size:
        return z
    run: Any = np.fft.ifftn if back else np.fft.fftn
    return run(z, axes=axes, norm="forward" if back else "backward")


whole_p = register(
    Primitive(
        "fft",
        Kind.HOST,
        doc="y[k] = sum of x[n] exp(-2 pi i k n / N) along `axes`; `back`: of exp(2 pi i ...).",
        infer=lambda z, axes, back: z,
        numpy=_whole_numpy,
        vjp=lambda g, y, z, axes, back: whole(g, axes, not back),
        attrs=("axes", "back"),
        dtypes=("complex64", "complex128"),
        saves=False,
    )
)


def _halved(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :])


def _half_spec(x: Spec, axis: int) -> Spec:
    return _halved(x[0], axis), WHOLE[x[1]]


def _half_vjp(g: Node, y: Node, x: Node, axis: int) -> Node:
    more = tuple([x.shape[i] - g.shape[i] if i == axis else 0 for i in range(x.ndim)])
    return real(whole(pad(g, (0,) * x.ndim, more), (axis,), True))


half_p = register(
    Primitive(
        "rfft",
        Kind.HOST,
        doc="The transform of real numbers along `axis`: of what mirrors itself, one half.",
        infer=_half_spec,
        numpy=lambda x, axis: (
            np.fft.rfft(x, axis=axis)
            if x.size
            else np.zeros(_halved(x.shape, axis), np.result_type(x.dtype, np.complex64))
        ),
        vjp=_half_vjp,
        attrs=("axis",),
        saves=False,
    )
)


def _real_spec(z: Spec, axis: int, n: int) -> Spec:
    return (*z[0][:axis], n, *z[0][axis + 1 :]), PARTS[z[1]]


def _real_numpy(z: Any, axis: int, n: int) -> Any:
    made = np.fft.irfft(z, n, axis, norm="forward")
    return made.astype(z.real.dtype, copy=False)


def _real_vjp(g: Node, y: Node, z: Node, axis: int, n: int) -> Node:
    """What is between the first and (if `n` is even) the last stands for its mirror image, too."""
    half = apply(half_p, g, attrs=(axis,))
    last = 1 if n % 2 == 0 else 0

    def part(start: int, stop: int) -> Node:
        starts = tuple([start if i == axis else 0 for i in range(half.ndim)])
        sizes = tuple([stop - start if i == axis else m for i, m in enumerate(half.shape)])
        return slice_(half, starts, (1,) * half.ndim, sizes)

    m = half.shape[axis]
    middle = part(1, m - last)
    return cat([part(0, 1), middle + middle, *([part(m - 1, m)] if last and m > 1 else [])], axis)


real_p = register(
    Primitive(
        "irfft",
        Kind.HOST,
        doc="The transform back to `n` real numbers along `axis`, from n // 2 + 1 complex ones.",
        infer=_real_spec,
        numpy=_real_numpy,
        vjp=_real_vjp,
        attrs=("axis", "n"),
        dtypes=("complex64", "complex128"),
        saves=False,
    )
)
ON_COMPLEX.update(dict.fromkeys((whole_p, real_p)))


def whole(z: Node, axes: tuple[int, ...], back: bool) -> Node:
    """From complex numbers to complex numbers."""
    return apply(whole_p, z, attrs=(axes, back)) if axes else z


def half(x: Node, axis: int) -> Node:
    """From real numbers to the first half of complex ones."""
    return apply(half_p, x, attrs=(axis,))


def back_to_real(z: Node, axis: int, n: int) -> Node:
    """From the first half, of length n // 2 + 1, to real numbers."""
    return apply(real_p, z, attrs=(axis, n))

"""Complex numbers: one element of two parts, put together and taken apart.

Nothing else computes with them: an operation on complex operands is made of those on their real
and imaginary parts (see `operations.complex_rules`), which are floats like any other. So all
gradients are those of real functions of two numbers: that of a real loss for z = x + iy is
dL/dx + i dL/dy, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import ON_COMPLEX, OPERATORS, Kind, Primitive, Spec, register
from zincir.operations.source import PARTS, const
from zincir.types import broadcast

WHOLE = {part: whole for whole, part in PARTS.items()}
"""The types of complex numbers with parts of a type."""


def _complex_numpy(x: Any, y: Any) -> Any:
    x, y = np.broadcast_arrays(x, y)
    made = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
    made.real, made.imag = x, y
    return made


def _complex_spec(x: Spec, y: Spec) -> Spec:
    return broadcast(x[0], y[0]), WHOLE[x[1]]


complex_p = register(
    Primitive(
        "complex",
        Kind.POINTWISE,
        doc="x + i y.",
        infer=_complex_spec,
        numpy=_complex_numpy,
        lower=lambda b, x, y: b.complex(x, y),
        vjp=lambda g, z, x, y: (real(g), imag(g)),
        saves=False,
    )
)
real_p = register(
    Primitive(
        "real",
        Kind.POINTWISE,
        doc="x of x + i y.",
        infer=lambda z: (z[0], PARTS[z[1]]),
        numpy=lambda z: np.array(z.real),
        lower=lambda b, z: b.real(z),
        vjp=lambda g, y, z: join(g, None),
        dtypes=("complex64", "complex128"),
        saves=False,
    )
)
imag_p = register(
    Primitive(
        "imag",
        Kind.POINTWISE,
        doc="y of x + i y.",
        infer=lambda z: (z[0], PARTS[z[1]]),
        numpy=lambda z: np.array(z.imag),
        lower=lambda b, z: b.imag(z),
        vjp=lambda g, y, z: join(None, g),
        dtypes=("complex64", "complex128"),
        saves=False,
    )
)


def join(x: Node | None, y: Node | None) -> Node:
    """X + i y, where a part that is None is 0."""
    some = x if y is None else y
    assert some is not None
    none = const(0.0, some.dtype)
    return apply(complex_p, none if x is None else x, none if y is None else y)


ON_COMPLEX.update(dict.fromkeys((complex_p, real_p, imag_p)))
OPERATORS["join"] = join


def real(z: Node) -> Node:
    """The real part; of a real number, itself."""
    return apply(real_p, z) if z.dtype.category == 3 else z


def imag(z: Node) -> Node:
    """The imaginary part."""
    return apply(imag_p, z)

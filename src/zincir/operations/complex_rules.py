"""What operations are for complex operands: operations on their real and imaginary parts."""

from __future__ import annotations

import math
from typing import Any

from zincir.graph.node import Node
from zincir.graph.primitive import ON_COMPLEX
from zincir.operations import arithmetic as ar, elementwise as el, host, movement as mv
from zincir.operations.arithmetic import COMPARISONS, compare, where
from zincir.operations.contraction import matmul, matmul_p
from zincir.operations.indexing import scatter, scatter_p
from zincir.operations.numeric import atan2
from zincir.operations.parts import imag, join, real
from zincir.operations.powers import pow_p
from zincir.operations.source import const, detach


def _parts(z: Node) -> tuple[Node, Node]:
    return real(z), imag(z)


def conj(z: Node) -> Node:
    """X - i y; of a real number, itself."""
    return join(real(z), -imag(z)) if z.dtype.is_complex else z


def _mul(z: Node, w: Node) -> Node:
    (a, b), (c, d) = _parts(z), _parts(w)
    return join(a * c - b * d, a * d + b * c)


def _scale(z: Node) -> Node:
    """The larger part, by which both are divided so that their squares do not overflow."""
    x, y = (ar.abs(detach(part)) for part in _parts(z))
    large = ar.maximum(x, y)
    harmless = ar.bitwise("and", compare("gt", large, 1e-15), compare("lt", large, 1e15))
    odd = ar.bitwise("or", compare("eq", large, 0.0), compare("eq", large, math.inf))
    return where(ar.bitwise("or", harmless, odd), 1.0, large)


def _div(z: Node, w: Node) -> Node:
    scale = _scale(w)
    (a, b), (c, d) = _parts(z), (part / scale for part in _parts(w))
    below = c * c + d * d
    return join((a * c + b * d) / below / scale, (b * c - a * d) / below / scale)


def absolute(z: Node) -> Node:
    """sqrt(x^2 + y^2), with gradient 0 at 0."""
    scale = _scale(z)
    x, y = (part / scale for part in _parts(z))
    square = x * x + y * y
    none = compare("eq", square, 0.0)
    return where(none, 0.0, el.sqrt(where(none, 1.0, square)) * scale)


def angle(z: Node) -> Node:
    """The angle in (-pi, pi]; of a real number 0, or pi if it is negative."""
    if z.dtype.is_complex:
        none = compare("eq", z, 0.0)  # where no angle has a gradient
        return atan2(where(none, 0.0, imag(z)), where(none, 1.0, real(z)))
    z = ar.floating(z)
    flat = where(compare("lt", z, 0.0), _like(math.pi, z), 0.0)
    return where(compare("ne", z, z), z * 0.0, flat)  # NaN there, and a gradient of 0


def polar(size: Node, turn: Node) -> Node:
    """Size (cos(turn) + i sin(turn))."""
    return join(size * el.cos(turn), size * el.sin(turn))


def _log(z: Node) -> Node:
    return join(el.log(absolute(z)), angle(z))


def _sqrt(z: Node) -> Node:
    """The root with a real part that is not negative."""
    return polar(el.sqrt(absolute(z)), angle(z) * 0.5)


def _sin(z: Node) -> Node:
    x, y = _parts(z)
    return join(el.sin(x) * el.cosh(y), el.cos(x) * el.sinh(y))


def _cos(z: Node) -> Node:
    x, y = _parts(z)
    return join(el.cos(x) * el.cosh(y), -(el.sin(x) * el.sinh(y)))


def _tanh(z: Node) -> Node:
    x, y = el.tanh(real(z)), el.tan(imag(z))
    return _div(join(x, y), join(ar.add(x * 0.0, 1.0), x * y))


def _pow(z: Node, w: Node) -> Node:
    none = compare("eq", z, 0.0)
    usual = el.exp(w * _log(where(none, 1.0, z)))
    return where(none, where(compare("eq", w, 0.0), _like(1.0, z), _like(0.0, z)), usual)


def _like(value: float, z: Node) -> Node:
    return const(value, z.dtype)


def _sign(z: Node) -> Node:
    size = absolute(z)
    none = compare("eq", size, 0.0)
    return where(none, _like(0.0, z), z / where(none, 1.0, size))


def _equal(z: Node, w: Node) -> Node:
    return ar.bitwise("and", *[compare("eq", f(z), f(w)) for f in (real, imag)])


def _unequal(z: Node, w: Node) -> Node:
    return ar.bitwise("or", *[compare("ne", f(z), f(w)) for f in (real, imag)])


def _by_parts(function: Any) -> Any:
    """A linear function of one complex operand: that of each part."""
    return lambda z, *attrs: join(function(real(z), *attrs), function(imag(z), *attrs))


def _matmul(a: Node, b: Node, reduced: int) -> Node:
    (x, y), (u, v) = _parts(a), _parts(b)
    return join(
        matmul(x, u, reduced) - matmul(y, v, reduced), matmul(x, v, reduced) + matmul(y, u, reduced)
    )


def _scatter(base: Node, index: Node, source: Node, mode: str, what: str) -> Node:
    parts = [scatter(f(base), index, f(source), mode, what) for f in (real, imag)]
    return join(*parts)


ON_COMPLEX.update(dict.fromkeys((ar.copy_p, ar.where_p, ar.keep_p)))
ON_COMPLEX.update(
    {
        ar.add_p: lambda z, w: join(real(z) + real(w), imag(z) + imag(w)),
        ar.sub_p: lambda z, w: join(real(z) - real(w), imag(z) - imag(w)),
        ar.mul_p: _mul,
        ar.div_p: _div,
        ar.reciprocal_p: lambda z: _div(_like(1.0, z), z),
        ar.neg_p: lambda z: join(-real(z), -imag(z)),
        ar.abs_p: absolute,
        ar.sign_p: _sign,
        COMPARISONS["eq"]: _equal,
        COMPARISONS["ne"]: _unequal,
        el.exp_p: lambda z: polar(el.exp(real(z)), imag(z)),
        el.log_p: _log,
        el.sqrt_p: _sqrt,
        el.rsqrt_p: lambda z: ar.reciprocal(_sqrt(z)),
        el.sin_p: _sin,
        el.cos_p: _cos,
        el.tanh_p: _tanh,
        pow_p: _pow,
        mv.sum_p: _by_parts(mv.sum_),
        host.cumsum_p: _by_parts(host.cumsum),
        matmul_p: _matmul,
        scatter_p: _scatter,
    }
)
"""By operation."""

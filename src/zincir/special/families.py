"""Families of functions that differ in their names alone: Bessel functions and polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir.calling import takes_out
from zincir.convert import operand, tensor_node
from zincir.operations import bessel as bs, orthogonal
from zincir.tensor import Tensor, wrap


def _bessel(name: str) -> Callable[..., Tensor]:
    at_one = round(float(bs.FUNCTIONS[name][0](1.0)), 4)

    def function(input: Tensor) -> Tensor:
        return wrap(bs.bessel(name, tensor_node(input, f"{name}(): argument 'input'")))

    return _described(
        function,
        name,
        f"""{bs.FUNCTIONS[name][1]}; without a gradient.

        >>> import zincir
        >>> round(zincir.special.{name}(zincir.tensor(1.0)).item(), 4)
        {at_one}
        """,
    )


def _polynomial(name: str) -> Callable[..., Tensor]:
    family = orthogonal.FAMILIES[name]

    def function(input: Any, n: Any) -> Tensor:
        return wrap(orthogonal.polynomial(name, *one_tensor(name, input, n)))

    return _described(
        function,
        name,
        f"""{family.doc}, of degree `n` at `input`; without a gradient.

        One of the two may be a number. For `n` < 0 the value is 0.

        >>> import zincir
        >>> zincir.special.{name}(zincir.tensor([0.5, 2.0]), 1).tolist()
        [{float(family.first(0.5))}, {float(family.first(2.0))}]
        """,
    )


def _described(function: Callable[..., Tensor], name: str, doc: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return takes_out(function)


def one_tensor(name: str, input: Any, other: Any) -> tuple[Any, Any]:
    """Both operands; if none is a tensor, an error as PyTorch's."""
    if not isinstance(other, Tensor):
        return tensor_node(input, f"{name}(): argument 'input'"), operand(other)
    return operand(input), operand(other)


bessel_j0, bessel_j1, bessel_y0, bessel_y1 = map(
    _bessel, ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1")
)
modified_bessel_i0, modified_bessel_i1, modified_bessel_k0, modified_bessel_k1 = map(
    _bessel,
    ("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1"),
)
scaled_modified_bessel_k0, scaled_modified_bessel_k1, spherical_bessel_j0, airy_ai = map(
    _bessel,
    ("scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0", "airy_ai"),
)
(
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
) = map(_polynomial, orthogonal.FAMILIES)

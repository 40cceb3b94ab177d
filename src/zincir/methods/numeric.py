"""Methods that work element by element, besides arithmetic."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from zincir.calling import takes_names
from zincir.convert import operand, tensor_node
from zincir.operations import arithmetic as ar, composed as co, numeric as nu
from zincir.operations.parts import imag
from zincir.shared_value import current
from zincir.tensor_base import TensorBase


class Parts(NamedTuple):
    """What `frexp` returns."""

    mantissa: Any
    exponent: Any


@takes_names
class Signs(TensorBase):
    """Signs, fractions, and what is no finite number."""

    def positive(self) -> Any:
        """This tensor."""
        ar.refuse_bool("positive", current(self))
        return self

    def copysign(self, other: Any) -> Self:
        """This with the sign of the other."""
        return self._of(nu.copysign(current(self), operand(other)))

    def signbit(self) -> Self:
        """Where the sign is negative."""
        return self._of(nu.signbit(current(self)))

    def sgn(self) -> Self:
        """-1, 0 or 1."""
        return self._of(ar.sign(current(self)))

    def heaviside(self, values: Any) -> Self:
        """0 below 0, 1 above, and `values` at 0."""
        return self._of(nu.heaviside(current(self), tensor_node(values, "heaviside(): values")))

    def frac(self) -> Self:
        """What stands behind the point."""
        return self._of(nu.frac(current(self)))

    def nan_to_num(
        self, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> Self:
        """Finite numbers in the place of NaN and the infinities."""
        return self._of(nu.nan_to_num(current(self), nan, posinf, neginf))

    def isposinf(self) -> Self:
        """Where it is infinite and positive."""
        return self._of(nu.isposinf(current(self)))

    def isneginf(self) -> Self:
        """Where it is infinite and negative."""
        return self._of(nu.isneginf(current(self)))

    def isreal(self) -> Self:
        """Where the imaginary part is 0, as it is of all real numbers."""
        x = current(self)
        if x.dtype.is_complex:
            return self._of(ar.compare("eq", imag(x), 0))
        return self._of(co.logical("or", ar.compare("eq", x, x), ar.compare("ne", x, x)))


@takes_names
class Angles(TensorBase):
    """Angles, and the functions beside those of circles."""

    def atan2(self, other: Any) -> Self:
        """The angle of the point (other, this)."""
        return self._of(nu.atan2(current(self), tensor_node(other, "atan2(): other")))

    arctan2 = atan2

    def asinh(self) -> Self:
        """The inverse hyperbolic sine."""
        return self._of(nu.asinh(current(self)))

    def acosh(self) -> Self:
        """The inverse hyperbolic cosine."""
        return self._of(nu.acosh(current(self)))

    def atanh(self) -> Self:
        """The inverse hyperbolic tangent."""
        return self._of(nu.atanh(current(self)))

    arcsinh, arccosh, arctanh = asinh, acosh, atanh

    def deg2rad(self) -> Self:
        """Degrees as radians."""
        return self._of(ar.mul(ar.floating(current(self)), 0.017453292519943295))

    def rad2deg(self) -> Self:
        """Radians as degrees."""
        return self._of(ar.mul(ar.floating(current(self)), 57.29577951308232))

    def hypot(self, other: Any) -> Self:
        """The root of the sum of two squares."""
        return self._of(nu.hypot(current(self), tensor_node(other, "hypot(): other")))


@takes_names
class Pairs(TensorBase):
    """Of two numbers: the larger, powers, divisors, bits."""

    def fmax(self, other: Any) -> Self:
        """The larger; the number, if the other is NaN."""
        return self._of(nu.fmax(current(self), tensor_node(other, "fmax(): other")))

    def fmin(self, other: Any) -> Self:
        """The smaller; the number, if the other is NaN."""
        return self._of(nu.fmin(current(self), tensor_node(other, "fmin(): other")))

    def logaddexp(self, other: Any) -> Self:
        """The logarithm of the sum of exp of both."""
        return self._of(nu.logaddexp(current(self), tensor_node(other, "logaddexp(): other")))

    def logaddexp2(self, other: Any) -> Self:
        """The same to base 2."""
        return self._of(nu.logaddexp2(current(self), tensor_node(other, "logaddexp2(): other")))

    def float_power(self, exponent: Any) -> Self:
        """This to the power of the other, in float64."""
        return self._of(nu.float_power(current(self), operand(exponent)))

    def ldexp(self, other: Any) -> Self:
        """This times 2 to the power of the other."""
        return self._of(nu.ldexp(current(self), tensor_node(other, "ldexp(): other")))

    def frexp(self) -> Parts:
        """Mantissas of 0.5 to 1, and exponents of 2."""
        return Parts(*map(self._of, nu.frexp(current(self))))

    def nextafter(self, other: Any) -> Self:
        """The next number of the type, on the way to the other."""
        return self._of(nu.nextafter(current(self), tensor_node(other, "nextafter(): other")))

    def gcd(self, other: Any) -> Self:
        """The greatest common divisor."""
        return self._of(nu.of_whole("gcd", current(self), tensor_node(other, "gcd(): other")))

    def lcm(self, other: Any) -> Self:
        """The least common multiple."""
        return self._of(nu.of_whole("lcm", current(self), tensor_node(other, "lcm(): other")))

    def bitwise_left_shift(self, other: Any) -> Self:
        """All bits moved up."""
        return self._of(nu.of_whole("shift left", current(self), operand(other)))

    def bitwise_right_shift(self, other: Any) -> Self:
        """All bits moved down; those of the sign move in."""
        return self._of(nu.of_whole("shift right", current(self), operand(other)))

    __lshift__, __rshift__ = bitwise_left_shift, bitwise_right_shift


class Numeric(Signs, Angles, Pairs):
    """What works element by element, besides arithmetic."""

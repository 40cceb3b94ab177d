"""The builder that primitives' `lower` rules are written against."""

from __future__ import annotations

from zincir.compiler.codegen import halves, vecmath, vecmath_special
from zincir.compiler.codegen.builder import Builder, Value, constant
from zincir.compiler.codegen.storage import in_register
from zincir.types import DType, float32


class ExpressionBuilder(Builder):
    """Adds mathematics and the library's own types to `Builder`."""

    exp = vecmath.exp
    expm1 = vecmath.expm1
    log = vecmath.log
    log1p = vecmath.log1p
    sin = vecmath.sin
    cos = vecmath.cos
    tan = vecmath.tan
    tanh = vecmath.tanh
    sigmoid = vecmath.sigmoid
    erf = vecmath.erf
    atan = vecmath.atan
    pow = vecmath.pow
    erfc = vecmath_special.erfc
    erfcx = vecmath_special.erfcx
    erfinv = vecmath_special.erfinv
    ndtri = vecmath_special.ndtri
    lgamma = vecmath_special.lgamma
    digamma = vecmath_special.digamma

    def sign(self, x: Value) -> Value:
        """-1, 0 or 1; NaN stays."""
        zero, one = constant(0, x.type), constant(1, x.type)
        if not x.type.is_float:
            below = constant(-1, x.type)
            return self.select(
                self.compare("gt", x, zero), one, self.select(self.compare("lt", x, zero), below, x)
            )
        magnitude = self.select(self.compare("ne", x, zero), one, zero)
        nan = self.emit(f"fcmp uno {x}, {x.text}", x.type.of("i1"))
        return self.select(nan, x, self.copysign(magnitude, x))

    def div_integer(self, x: Value, y: Value) -> Value:
        """Quotient cut towards zero; 0 where the divisor is 0.

        The smallest number by -1 is itself, as sums and products wrap around.
        """
        none = self.compare("eq", y, constant(0, y.type))
        bad = none
        if not x.type.is_unsigned:
            smallest = self.compare("eq", x, constant(-(2 ** (x.type.bits - 1)), x.type))
            bad = self.bit_or(none, self.bit_and(smallest, self._is_minus_one(y)))
        safe = self.select(bad, constant(1, y.type), y)
        return self.select(none, constant(0, x.type), self.div(x, safe))

    def _is_minus_one(self, y: Value) -> Value:
        """Where the processor's division may stop the process."""
        return self.compare("eq", y, constant(-1, y.type))

    def remainder(self, x: Value, y: Value) -> Value:
        """What is left after whole steps of y, with the sign of y; for integers 0 if y is 0."""
        zero = constant(0, x.type)
        if x.type.is_float:
            left = self.emit(f"frem {x}, {y.text}", x.type)
        else:
            signed = not x.type.is_unsigned
            bad = self.compare("eq", y, zero)
            if signed:
                bad = self.bit_or(bad, self._is_minus_one(y))
            # By 1, nothing is left.
            safe = self.select(bad, constant(1, y.type), y)
            left = self.emit(f"{'srem' if signed else 'urem'} {x}, {safe.text}", x.type)
        if x.type.is_unsigned:
            return left
        differ = self.bit_xor(self.compare("lt", left, zero), self.compare("lt", y, zero))
        wrong = self.bit_and(self.compare("ne", left, zero), differ)
        return self.select(wrong, self.add(left, y), left)

    def bfloat16(self, x: Value) -> Value:
        """The nearest bfloat16, halves to even: see `operations.bfloat`."""
        return self.bitcast(self._upper_half(x), "float")

    def pair(self, x: Value, y: Value) -> Value:
        """Both rounded to bfloat16, x in the lower half of 32 bits."""
        low, high = self._upper_half(x), self._upper_half(y)
        return self.bit_or(self.shift_right(low, constant(16, low.type)), high)

    def _upper_half(self, x: Value) -> Value:
        bits = self.bitcast(x, "i32")
        sixteen, one = constant(16, bits.type), constant(1, bits.type)
        odd = self.bit_and(self.shift_right(bits, sixteen), one)
        up = self.add(self.add(bits, constant(0x7FFF, bits.type)), odd)
        nan = self.bit_or(bits, constant(1 << 22, bits.type))
        kept = self.select(self.compare("ne", x, x), nan, up)
        return self.bit_and(kept, constant(-65536, bits.type))

    def complex(self, x: Value, y: Value) -> Value:
        """X + i y: y in the upper half of the bits."""
        size = x.type.bits
        whole, bits = x.type.of(f"i{2 * size}"), f"i{size}"
        low, high = (self.emit(f"zext {self.bitcast(v, bits)} to {whole}", whole) for v in (x, y))
        high = self.shift_left(high, constant(size, whole))
        return Value(self.bit_or(low, high).text, x.type.of(f"c{2 * size}"))

    def real(self, z: Value) -> Value:
        """X of x + i y."""
        half = z.type.bits // 2
        low = self.emit(f"trunc {z} to {z.type.of(f'i{half}')}", z.type.of(f"i{half}"))
        return self.bitcast(low, "float" if half == 32 else "double")

    def imag(self, z: Value) -> Value:
        """Y of x + i y."""
        half, whole = z.type.bits // 2, z.type.of(f"i{z.type.bits}")
        high = self.shift_right(Value(z.text, whole), constant(half, whole))
        return self.real(Value(high.text, z.type))

    converts_halves = False
    """Whether the processor has instructions for float16."""

    def widened(self, x: Value) -> Value:
        if x.type.kind == "half":
            return halves.from_half(self, x, native=self.converts_halves)
        bits = self.convert(Value(x.text, x.type.of("i16")), "i32")
        return self.bitcast(self.shift_left(bits, constant(16, bits.type)), "float")

    def halved(self, x: Value, kind: str) -> Value:
        if kind == "half":
            return halves.to_half(self, x, native=self.converts_halves)
        bits = self._upper_half(x)
        bits = self.convert(self.shift_right(bits, constant(16, bits.type)), "i16")
        return Value(bits.text, bits.type.of(kind))

    def convert_to(self, x: Value, dtype: DType) -> Value:
        return self.convert(x, in_register(dtype).kind)

    def uniform(self, position: Value, key: Value, start: Value, dtype: DType) -> Value:
        """Uniform in [0, 1): see `operations.random`."""
        counter = self.add(position, self.splat(start, position.type.lanes))
        if dtype is float32:
            bits = self._random_bits(counter, key, 8)
            return self.mul(self.convert(bits, "float"), constant(2.0**-24, bits.type.of("float")))
        two = constant(2, counter.type)
        even = self.mul(counter, two)
        high = self.convert(self._random_bits(even, key, 5), "double")
        odd = self.add(even, constant(1, counter.type))
        low = self.convert(self._random_bits(odd, key, 6), "double")
        whole = self.add(self.mul(high, constant(2.0**26, high.type)), low)
        return self.mul(whole, constant(2.0**-53, high.type))

    def _random_bits(self, counter: Value, key: Value, drop: int) -> Value:
        bits = vecmath.philox(self, counter, key)
        return self.shift_right(bits, constant(drop, bits.type))

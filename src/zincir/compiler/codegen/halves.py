"""float16 to float32 and back: by the processor's instructions, or by arithmetic on bits.

The latter after M. Dukhan's FP16 (https://github.com/Maratyszcza/FP16): a multiplication by a power
of two moves the exponent, and an addition of one rounds, halves to even.
"""

from __future__ import annotations

from zincir.compiler.codegen.builder import Builder, Type, Value, constant


def from_half(b: Builder, x: Value, *, native: bool) -> Value:
    """A half as a float: exactly."""
    raw = Value(x.text, x.type.of("i16"))
    single = x.type.of("float")
    if native:
        return b.emit(f"fpext {_as_half(b, raw)} to {single}", single)
    bits = b.emit(f"zext {raw} to {x.type.of('i32')}", x.type.of("i32"))
    high = b.shift_left(bits, constant(16, bits.type))
    sign = b.bit_and(high, constant(-(1 << 31), bits.type))
    size = b.add(high, high)
    moved = b.add(b.shift_right(size, constant(4, bits.type)), constant(0xE0 << 23, bits.type))
    normal = b.mul(b.bitcast(moved, "float"), constant(2.0**-112, single))
    tiny = b.bit_or(b.shift_right(size, constant(17, bits.type)), constant(126 << 23, bits.type))
    subnormal = b.sub(b.bitcast(tiny, "float"), constant(0.5, single))
    small = b.emit(f"icmp ult {size}, {constant(1 << 27, bits.type).text}", x.type.of("i1"))
    found = b.select(small, b.bitcast(subnormal, "i32"), b.bitcast(normal, "i32"))
    return b.bitcast(b.bit_or(sign, found), "float")


def to_half(b: Builder, x: Value, *, native: bool) -> Value:
    """The half next to a float; halves go to even, NaN stays NaN."""
    if native:
        half = b.emit(f"fptrunc {x} to {_half(x.type)}", x.type)
        raw = f"bitcast {_half(x.type)} {half.text} to {x.type.of('i16')}"
        return b.emit(raw, x.type.of("half"))
    bits = b.bitcast(x, "i32")
    large = b.mul(b.abs(x), constant(2.0**112, x.type))  # infinite, if the half is
    base = b.mul(large, constant(2.0**-110, x.type))
    twice = b.add(bits, bits)
    least = constant(0x71000000, bits.type)
    exponent = b.bit_and(twice, constant(-(1 << 24), bits.type))
    below = b.emit(f"icmp ult {exponent}, {least.text}", x.type.of("i1"))
    exponent = b.select(below, least, exponent)
    unit = b.add(b.shift_right(exponent, constant(1, bits.type)), constant(0x07800000, bits.type))
    summed = b.bitcast(b.add(b.bitcast(unit, "float"), base), "i32")
    raised = b.bit_and(b.shift_right(summed, constant(13, bits.type)), constant(0x7C00, bits.type))
    found = b.add(raised, b.bit_and(summed, constant(0x0FFF, bits.type)))
    found = b.select(b.compare("ne", x, x), constant(0x7E00, bits.type), found)
    sign = b.shift_right(bits, constant(16, bits.type))
    found = b.bit_or(b.bit_and(sign, constant(0x8000, bits.type)), found)
    return b.emit(f"trunc {found} to {x.type.of('i16')}", x.type.of("half"))


def _half(type: Type) -> str:
    """What LLVM calls halves that it converts."""
    return "half" if type.lanes == 1 else f"<{type.lanes} x half>"


def _as_half(b: Builder, raw: Value) -> str:
    half = b.emit(f"bitcast {raw} to {_half(raw.type)}", raw.type)
    return f"{_half(raw.type)} {half.text}"

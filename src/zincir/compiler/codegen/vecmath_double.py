"""The parts of `vecmath` that need more than one word: reduction of huge angles, and `pow`.

Also holds what both files need: constants shaped like a value, Horner's rule, powers of two.
Pairs (`Pair`) are unevaluated sums high + low of two values of one type (Dekker 1971).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from zincir.compiler.codegen.builder import I1, Builder, Value, constant

Pair: TypeAlias = tuple[Value, Value]


@dataclass(frozen=True, slots=True)
class Format:
    """The numbers that describe an IEEE format."""

    integer: str
    fraction: int
    """Stored bits of the fraction."""
    bias: int
    round: float
    """1.5 * 2**fraction: adding it rounds to an integer, left in the low bits."""
    tiny: float
    huge: float
    """The least normal and the greatest finite number."""


FORMATS = {
    "float": Format("i32", 23, 127, 1.5 * 2.0**23, 2.0**-126, float.fromhex("0x1.fffffep127")),
    "double": Format(
        "i64", 52, 1023, 1.5 * 2.0**52, 2.0**-1022, float.fromhex("0x1.fffffffffffffp1023")
    ),
}
INF, NAN = float("inf"), float("nan")


def like(x: Value, value: float) -> Value:
    """A constant of the type of `x`."""
    return constant(value, x.type)


def horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """`c[0] + c[1] x + c[2] x**2 + ...`."""
    y = like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        y = b.fma(y, x, like(x, c))
    return y


def bits(b: Builder, x: Value) -> Value:
    """The bits of a floating-point value, as an integer as wide."""
    return b.bitcast(x, FORMATS[x.type.kind].integer)


def any_lane(b: Builder, mask: Value) -> Value:
    """Whether any lane of a vector of i1 is set, as a scalar."""
    if mask.type.lanes == 1:
        return mask
    name = f"llvm.vector.reduce.or.v{mask.type.lanes}i1"
    return b.intrinsic(name, I1, mask)


def rarely(
    b: Builder, mask: Value, fast: Sequence[Value], slow: Callable[[], Sequence[Value]]
) -> list[Value]:
    """`fast`, except in the lanes of `mask`, which are worked out only if there are any."""
    before, body, after, join = (b.label() for _ in range(4))
    b.branch(before)
    b.start_block(before)
    b.branch_if(any_lane(b, mask), body, join)
    b.start_block(body)
    mixed = [b.select(mask, s, f) for s, f in zip(slow(), fast, strict=True)]
    b.branch(after)
    b.start_block(after)
    b.branch(join)
    b.start_block(join)
    return [
        b.emit(f"phi {f.type} [{f.text}, %{before}], [{m.text}, %{after}]", f.type)
        for f, m in zip(fast, mixed, strict=True)
    ]


# --- huge angles ----------------------------------------------------------------------------

_PI = (3.141592653589793, 1.2246467991473532e-16)
# The first 1248 bits of 1/pi behind the point, enough for every double.
_INVERSE_PI = int(
    "517cc1b727220a94fe13abe8fa9a6ee06db14acc9e21c820ff28b1d5ef5de2b0db92371d2126e970"
    "0324977504e8c90e7f0ef58e5894d39f74411afa975da24274ce38135a2fbf209cc8eb1cc1a99cfa"
    "4e422fc5defc941d8ffc4bffef02cc07f79788c5ad05368fb69b3f6793e584dba7a31fb34f2ff516"
    "ba93dd63f5f2f8bd9e839cfbc529497535fdafd88fc6ae842b0198237e3db5d5f867de10",
    16,
)


def _chunk(i: int, width: int, doubled: bool) -> float:
    """Bits [i * width, (i + 1) * width) of 1/pi or 2/pi, as an integer."""
    return float((_INVERSE_PI << doubled) >> (1248 - width * (i + 1)) & ((1 << width) - 1))


def two_sum(b: Builder, x: Value, y: Value) -> Pair:
    """`x + y` exactly, as a pair (Knuth)."""
    s = b.add(x, y)
    v = b.sub(s, x)
    return s, b.add(b.sub(x, b.sub(s, v)), b.sub(y, v))


def _modulo_two(b: Builder, x: Value) -> Value:
    return b.fma(b.round(b.mul(x, like(x, 0.5))), like(x, -2.0), x)


def _parity(b: Builder, count: Value) -> Value:
    """The lowest bits of a small integer held as a double."""
    return bits(b, b.add(count, like(count, FORMATS["double"].round)))


def huge_angle_float(b: Builder, x: Value, shift: float, doubled: bool) -> Pair:
    """Write x / pi + shift as n + f for every float32: pi f in [-pi/2, pi/2], and n.

    Payne-Hanek in double: each product with 28 bits of 1/pi is exact, multiples of 2 are
    dropped, and the rest is summed from the greatest on, so that cancellation is exact too.
    With `doubled`, x / (pi/2) and (pi/2) f.
    """
    wide = b.convert(x, "double")
    rest, count = like(wide, shift), like(wide, 0.0)
    for i in range(7):
        part = b.mul(wide, like(wide, _chunk(i, 28, doubled) * 2.0 ** (-28 * (i + 1))))
        rest = b.add(rest, _modulo_two(b, part))
        whole = b.round(rest)
        rest, count = b.sub(rest, whole), b.add(count, whole)
    angle = b.mul(rest, like(wide, _PI[0] * (0.5 if doubled else 1.0)))
    return b.convert(angle, "float"), b.convert(_parity(b, count), "i32")


def huge_angle_double(b: Builder, x: Value, shift: float, doubled: bool) -> Pair:
    """The same for every float64: five words of 48 bits of 1/pi, picked by the exponent.

    Products are exact pairs; they are summed in a pair, which deep cancellation leaves exact.
    """
    raw = bits(b, x)
    exponent = b.bit_and(b.shift_right(raw, like(raw, 52)), like(raw, 0x7FF))
    above = b.sub(exponent, like(raw, 1023 + 54))
    above = b.select(b.compare("lt", above, like(raw, 0)), like(raw, 0), above)
    skip = b.shift_right(b.mul(above, like(raw, 1366)), like(raw, 16))  # above // 48
    words = [like(x, _chunk(i, 48, doubled) * 2.0**-48) for i in range(26)]
    for step in (16, 8, 4, 2, 1):
        far = b.compare("ne", b.bit_and(skip, like(raw, step)), like(raw, 0))
        words = [
            b.select(far, words[i + step], words[i]) if i + step < len(words) else words[i]
            for i in range(min(step + 4, len(words)))
        ]
    scale = b.sub(like(raw, 1023), b.mul(skip, like(raw, 48)))
    scaled = b.mul(x, b.bitcast(b.shift_left(scale, like(raw, 52)), "double"))
    rest, low, count = like(x, shift), like(x, 0.0), like(x, 0.0)
    for i, word in enumerate(words):
        word = b.mul(word, like(x, 2.0 ** (-48 * i)))
        product = b.mul(scaled, word)
        for term in (product, b.fma(scaled, word, b.neg(product))):
            rest, error = two_sum(b, rest, _modulo_two(b, term))
            low = b.add(low, error)
            whole = b.round(rest)
            rest, count = b.sub(rest, whole), b.add(count, whole)
    high, tail = (part * (0.5 if doubled else 1.0) for part in _PI)
    small = b.fma(rest, like(x, tail), b.mul(low, like(x, high)))
    return b.fma(rest, like(x, high), small), _parity(b, count)


# --- pow ------------------------------------------------------------------------------------

# 2 atanh(s) = 2 s + 2/3 s^3 + s^5 T(s^2), |s| <= 0.1716; relative error 2^-72.9.
_ATANH = (
    0.3999999999999998, 0.28571428571443835, 0.22222222217744955, 0.18181818856200993,
    0.15384557161581616, 0.13336328041594564, 0.11674231169358573, 0.11996510454295038,
)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# 41 bits, so that its product with an exponent is exact; and the rest of log(2).
_LN2 = (0.693147180559663, 2.8235290563031577e-13, 1.9470450923807497e-31)


def _fast_two_sum(b: Builder, x: Value, y: Value) -> Pair:
    """`x + y` exactly for |x| >= |y| (Dekker)."""
    s = b.add(x, y)
    return s, b.sub(y, b.sub(s, x))


def two_product(b: Builder, x: Value, y: Value) -> Pair:
    """`x * y` exactly, as a pair."""
    p = b.mul(x, y)
    return p, b.fma(x, y, b.neg(p))


def _multiply(b: Builder, x: Pair, y: Pair) -> Pair:
    p, e = two_product(b, x[0], y[0])
    return p, b.fma(x[0], y[1], b.fma(x[1], y[0], e))


def split_exponent(b: Builder, x: Value) -> Pair:
    """`m, n` with x = m 2^n and sqrt(1/2) <= m < sqrt(2), for normal x > 0; n is an integer."""
    f = FORMATS[x.type.kind]
    half = 0x3F3504F3 if f.integer == "i32" else 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)
    raw = bits(b, x)
    n = b.shift_right(b.sub(raw, like(raw, half)), like(raw, f.fraction), signed=True)
    m = b.sub(raw, b.shift_left(n, like(raw, f.fraction)))
    return b.bitcast(m, x.type.kind), n


def log_pair(b: Builder, x: Value) -> Pair:
    """The logarithm of a normal positive double, to about 2^-65, by s = (m - 1) / (m + 1)."""
    m, n = split_exponent(b, x)
    one = like(x, 1.0)
    f, g = b.sub(m, one), b.add(m, one)
    g_low = b.sub(m, b.sub(g, one))
    s = b.div(f, g)
    remainder = b.fma(b.neg(s), g_low, b.fma(b.neg(s), g, f))
    pair = (s, b.div(remainder, g))
    z = _multiply(b, pair, pair)
    a = _fast_two_sum(b, like(x, _TWO_THIRDS[0]), b.mul(z[0], horner(b, z[0], _ATANH)))
    a = (a[0], b.add(a[1], like(x, _TWO_THIRDS[1])))
    cube = _multiply(b, _multiply(b, z, a), pair)
    two = like(x, 2.0)
    high, low = _fast_two_sum(b, b.mul(pair[0], two), cube[0])
    low = b.add(low, b.fma(pair[1], two, cube[1]))
    e = b.convert(n, "double")
    top, rest = two_sum(b, b.mul(e, like(x, _LN2[0])), b.mul(e, like(x, _LN2[1])))
    high, error = two_sum(b, top, high)
    return _fast_two_sum(b, high, b.add(b.add(low, rest), error))

"""Elementary functions as vector code: `f(b, x)` emits IR for float or double, any lane count.

No tables, no calls, nothing fast-math; branch-free but for the reduction of huge angles, which
is skipped when no lane needs it. Numbers below the least normal one may count as zero, whether
or not the CPU flushes them.

Polynomials are minimax fits for the relative error of the function, by the exchange algorithm
of Remez in 45-digit arithmetic (mpmath); coefficients were rounded from the lowest on and the
rest fitted again each time. The comment beside each gives the error of the rounded fit. A
docstring ends with the worst errors that tests/compiler/codegen/test_vecmath.py allows, in units in
the last place, for float32 (all inputs) and float64 (sampled).
"""

from __future__ import annotations

from zincir.compiler.codegen.builder import Builder, Value
from zincir.compiler.codegen.vecmath_double import (
    FORMATS,
    INF,
    NAN,
    Pair,
    bits,
    horner,
    huge_angle_double,
    huge_angle_float,
    like,
    log_pair,
    rarely,
    split_exponent,
    two_product,
)

_LOG2E = 1.4426950408889634
_LN2 = {
    "float": (0.6931471824645996, -1.9046542121259336e-09),
    "double": (0.6931471805599453, 2.3190468138462996e-17),
}


def _unless(b: Builder, relation: str, x: Value, y: Value) -> Value:
    """Not `relation`: also true when either is NaN. `relation` is lt, le, gt, ge."""
    inverse = {"lt": "uge", "le": "ugt", "gt": "ule", "ge": "ult"}[relation]
    return b.emit(f"fcmp {inverse} {x}, {y.text}", x.type.of("i1"))


def _at_most(b: Builder, x: Value, limit: float) -> Value:
    """The smaller; NaN stays."""
    y = like(x, limit)
    return b.select(b.compare("lt", y, x), y, x)


def _at_least(b: Builder, x: Value, limit: float) -> Value:
    """The larger; NaN stays."""
    y = like(x, limit)
    return b.select(b.compare("gt", y, x), y, x)


# --- exponentials ---------------------------------------------------------------------------

# exp(r) = 1 + r + r^2 Q(r), |r| <= log(2)/2: 2^-28.2, 2^-57.0
_EXP = {
    "float": (
        0.4999999403953552, 0.1666652113199234, 0.04166828840970993, 0.008368674665689468,
        0.0013818667503073812,
    ),
    "double": (
        0.5000000000000011, 0.16666666666666438, 0.041666666666525576, 0.008333333333474548,
        0.0013888888946328602, 0.00019841269570085386, 2.4801488628873408e-05,
        2.7557506247088353e-06, 2.763238459220543e-07, 2.5033467736652623e-08,
    ),
}  # fmt: skip
# The same form, for the relative error of exp(r) - 1: 2^-26.0, 2^-61.5
_EXPM1 = {
    "float": (
        0.4999999701976776, 0.1666654497385025, 0.04166742414236069, 0.008366556838154793,
        0.001387552940286696,
    ),
    "double": (
        0.5, 0.16666666666666677, 0.04166666666666669, 0.00833333333332186,
        0.001388888888888484, 0.00019841269885077515, 2.4801587299999853e-05,
        2.755724546610571e-06, 2.7557311279222604e-07, 2.5108573643916107e-08,
        2.089932128647861e-09,
    ),
}  # fmt: skip
# Where exp leaves the normal numbers: least and greatest argument.
_EXP_RANGE = {
    "float": (-87.33654022216797, 88.72283172607422),
    "double": (-708.3964185322641, 709.782712893384),
}
_EXP2_RANGE = {"float": (-126.0, 128.0), "double": (-1022.0, 1024.0)}


def _nearest(b: Builder, x: Value, factor: float, offset: float = 0.0) -> Pair:
    """`factor x` rounded, once with the integer in its low bits and once as a number."""
    magic = like(x, FORMATS[x.type.kind].round)
    if offset:
        t = b.add(b.fma(x, like(x, factor), like(x, offset)), magic)
    else:
        t = b.fma(x, like(x, factor), magic)
    return t, b.sub(t, magic)


def _reduce_exp(b: Builder, x: Value) -> Pair:
    """Write `x` as n log(2) + r: n in the low bits of the first, and r."""
    t, n = _nearest(b, x, _LOG2E)
    high, low = _LN2[x.type.kind]
    return t, b.fma(n, like(x, -low), b.fma(n, like(x, -high), x))


def _exp_core(b: Builder, r: Value) -> Value:
    """exp(r) for |r| <= log(2) / 2."""
    q = horner(b, r, _EXP[r.type.kind])
    return b.add(b.fma(b.mul(r, r), q, r), like(r, 1.0))


def _expm1_core(b: Builder, r: Value) -> Value:
    q = horner(b, r, _EXPM1[r.type.kind])
    return b.fma(b.mul(r, r), q, r)


def _power_of_two(b: Builder, t: Value, add: int = 0) -> Value:
    """2^(n + add), n being in the low bits of `t`; wrong outside the normal numbers."""
    f = FORMATS[t.type.kind]
    raw = bits(b, t)
    one = like(raw, (f.bias + add) << f.fraction)
    return b.bitcast(b.add(b.shift_left(raw, like(raw, f.fraction)), one), t.type.kind)


def _scale(
    b: Builder, p: Value, t: Value, x: Value, allowed: tuple[float, float], *, open_: bool = False
) -> Value:
    """`p 2^n`, n in the low bits of `t`; 0 below, inf above `allowed`, NaN if `x` is.

    Adding n to the exponent of p is right even for n = 128: the product, not 2^n, must be normal.
    """
    f = FORMATS[p.type.kind]
    raw = bits(b, p)
    y = b.bitcast(b.add(raw, b.shift_left(bits(b, t), like(raw, f.fraction))), p.type.kind)
    y = b.select(b.compare("ge", x, like(x, allowed[0])), y, like(x, 0.0))
    inside = b.compare("lt" if open_ else "le", x, like(x, allowed[1]))
    return b.select(inside, y, b.mul(x, like(x, INF)))


def exp(b: Builder, x: Value) -> Value:
    """e^x = 2^n e^r with x = n log(2) + r (1.1 and 1.1 ulp)."""
    t, r = _reduce_exp(b, x)
    return _scale(b, _exp_core(b, r), t, x, _EXP_RANGE[x.type.kind])


def exp2(b: Builder, x: Value) -> Value:
    """2^x = 2^n e^(log(2) (x - n)) (1.1 and 1.2 ulp)."""
    t, n = _nearest(b, x, 1.0)
    r = b.mul(b.sub(x, n), like(x, _LN2[x.type.kind][0]))
    return _scale(b, _exp_core(b, r), t, x, _EXP2_RANGE[x.type.kind], open_=True)


def expm1(b: Builder, x: Value) -> Value:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), in halves so that 2^n fits (1.6 and 1.9 ulp)."""
    tiny = like(x, 2.0**-26 if x.type.kind == "float" else 2.0**-55)
    t, r = _reduce_exp(b, _at_least(b, x, -40.0))
    half = _power_of_two(b, t, -1)
    y = b.fma(half, _expm1_core(b, r), b.sub(half, like(x, 0.5)))
    y = b.add(y, y)
    inside = b.compare("le", x, like(x, _EXP_RANGE[x.type.kind][1]))
    y = b.select(inside, y, b.mul(x, like(x, INF)))
    return b.select(b.compare("lt", b.abs(x), tiny), x, y)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + e^-x) (2.5 and 2.5 ulp)."""
    # The limits keep 2^n normal; beyond them the answer is 1, or 0 by the last line.
    limit = 88.0 if x.type.kind == "float" else 709.0
    t, r = _reduce_exp(b, _at_least(b, _at_most(b, b.neg(x), limit), -60.0))
    one = like(x, 1.0)
    y = b.div(one, b.fma(_power_of_two(b, t), _exp_core(b, r), one))
    return b.select(_unless(b, "lt", x, like(x, _EXP_RANGE[x.type.kind][0])), y, like(x, 0.0))


def tanh(b: Builder, x: Value) -> Value:
    """With d = (e^2|x| - 1) / 2, tanh |x| is d / (d + 1) (2.6 and 2.7 ulp)."""
    y = _at_most(b, b.abs(x), 20.0)
    t, n = _nearest(b, y, 2.0 * _LOG2E)
    # Half of log(2) need not be exact: what n adds to the error, d / (d + 1) takes away.
    r = b.fma(n, like(x, -0.5 * _LN2[x.type.kind][0]), y)
    q = horner(b, r, [c * 2.0 ** (i + 1) for i, c in enumerate(_EXPM1[x.type.kind])])
    p = b.fma(b.mul(r, r), q, r)
    s = _power_of_two(b, t)
    half, one = like(x, 0.5), like(x, 1.0)
    d = b.fma(s, p, b.fma(s, half, b.neg(half)))
    return b.copysign(b.div(d, b.add(d, one)), x)


# Below: erf(x) = x + x P(x^2), 2^-26.0, 2^-56.0. From there to the limit: erf(x) = 1 - Q(x)^8,
# 2^-27.3, 2^-59.1; at the limit that is 1. Roots of erfc are nearly straight lines.
_ERF_SPLIT = {"float": 0.9, "double": 1.0}
_ERF_LIMIT = {"float": 4.0, "double": 6.0}
_ERF_LOW = {
    "float": (
        0.12837915122509003, -0.3761250376701355, 0.11281921714544296, -0.026770545169711113,
        0.0049991789273917675, -0.0006022978341206908,
    ),
    "double": (
        0.12837916709551256, -0.37612638903183343, 0.1128379167093695, -0.026866170641959154,
        0.005223977596734451, -0.0008548325484698058, 0.0001205528047378067,
        -1.4924464769018527e-05, 1.644413206163885e-06, -1.6183769607532297e-07,
        1.3615304689801106e-08, -7.604228092760632e-10,
    ),
}  # fmt: skip
_ERF_HIGH = {
    "float": (
        1.000226616859436, -0.14227938652038574, -0.0667700245976448, -0.005787418223917484,
        0.009497248567640781, -0.0012350633041933179, -9.154166764346883e-05,
        1.9756895198952407e-05,
    ),
    "double": (
        0.9999999976431013, -0.1410473807519487, -0.0696303031722349, -0.0020902344361472783,
        0.006595240156602674, 0.00017070837013686638, -0.0004861675433689869,
        5.7059070633493714e-05, 2.3018733976178713e-05, -1.7853756905150413e-05,
        8.374843725655014e-06, -2.8963039675492752e-06, 7.560310264238607e-07,
        -1.530075836429941e-07, 2.430437246705468e-08, -2.997541710791027e-09,
        2.7731344175402456e-10, -1.8067686303802243e-11, 7.372681744573756e-13,
        -1.4146097830486335e-14,
    ),
}  # fmt: skip


def erf(b: Builder, x: Value) -> Value:
    """The error function: x + x P(x^2), and 1 - Q(x)^8 further out (2.6 and 2.4 ulp)."""
    kind = x.type.kind
    y = b.abs(x)
    low = b.fma(x, horner(b, b.mul(x, x), _ERF_LOW[kind]), x)
    q = horner(b, _at_most(b, y, _ERF_LIMIT[kind]), _ERF_HIGH[kind])
    for _ in range(2):
        q = b.mul(q, q)
    high = b.copysign(b.fma(b.neg(q), q, like(x, 1.0)), x)
    return b.select(b.compare("lt", y, like(x, _ERF_SPLIT[kind])), low, high)


# --- logarithms -----------------------------------------------------------------------------

# log(1 + f) = f - f^2/2 + f^3 P(f), sqrt(1/2) <= 1 + f <= sqrt(2): 2^-26.8
_LOG_FLOAT = (
    0.3333333134651184, -0.25000450015068054, 0.20000885426998138, -0.16634012758731842,
    0.1421598345041275, -0.13083291053771973, 0.12637534737586975, -0.0766732469201088,
)  # fmt: skip
# 2 atanh(s) = 2 s + s^3 R(s^2), |s| <= 0.1716: 2^-59.5
_LOG_DOUBLE = (
    0.6666666666666734, 0.3999999999941705, 0.28571428741891536, 0.2222219862169857,
    0.18183561903736684, 0.15314110413532092, 0.1479536898120025,
)  # fmt: skip


def _log_core(b: Builder, f: Value, n: Value | None) -> Value:
    """log(1 + f) + n log(2) for -0.3 < f < 0.42; no n means 0."""
    kind = f.type.kind
    high, low = _LN2[kind]
    square = b.mul(f, f)
    if kind == "float":
        y = b.mul(b.mul(f, square), horner(b, f, _LOG_FLOAT))
        y = y if n is None else b.fma(n, like(f, low), y)
        y = b.add(f, b.fma(square, like(f, -0.5), y))
    else:
        s = b.div(f, b.add(f, like(f, 2.0)))
        z = b.mul(s, s)
        half = b.mul(square, like(f, 0.5))
        y = b.mul(s, b.fma(z, horner(b, z, _LOG_DOUBLE), half))
        y = y if n is None else b.fma(n, like(f, low), y)
        y = b.sub(f, b.sub(half, y))
    return y if n is None else b.fma(n, like(f, high), y)


def _log_ends(b: Builder, x: Value, y: Value) -> Value:
    """Put in what log gives for zero, negative numbers, infinity and NaN."""
    f = FORMATS[x.type.kind]
    bad = b.compare("le", x, like(x, -f.tiny))
    edge = b.select(bad, like(x, NAN), like(x, -INF))
    y = b.select(b.compare("ge", x, like(x, f.tiny)), y, edge)
    return b.select(b.compare("le", x, like(x, f.huge)), y, x)


def log(b: Builder, x: Value) -> Value:
    """log(x) = n log(2) + log(1 + f), x = 2^n (1 + f) (0.9 and 0.9 ulp)."""
    m, n = split_exponent(b, x)
    f = b.sub(m, like(x, 1.0))
    return _log_ends(b, x, _log_core(b, f, b.convert(n, x.type.kind)))


def log2(b: Builder, x: Value) -> Value:
    """log2(x) = n + log(1 + f) log2(e); exact for powers of two (1.9 and 1.7 ulp)."""
    m, n = split_exponent(b, x)
    y = _log_core(b, b.sub(m, like(x, 1.0)), None)
    return _log_ends(b, x, b.fma(y, like(x, _LOG2E), b.convert(n, x.type.kind)))


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x) with f = x 2^-n + (2^-n - 1), which rounds once (1.5 and 1.5 ulp)."""
    form = FORMATS[x.type.kind]
    one = like(x, 1.0)
    _, n = split_exponent(b, b.add(x, one))
    exponent = b.shift_left(n, like(n, form.fraction))
    # A quarter of 4 * 2^-n: 2^-n itself need not be normal.
    four = b.sub(like(n, (form.bias + 2) << form.fraction), exponent)
    scaled = b.bitcast(b.sub(bits(b, x), exponent), x.type.kind)
    rest = b.fma(b.bitcast(four, x.type.kind), like(x, 0.25), like(x, -1.0))
    y = _log_core(b, b.add(scaled, rest), b.convert(n, x.type.kind))
    tiny = like(x, 2.0**-25 if x.type.kind == "float" else 2.0**-54)
    y = b.select(b.compare("lt", b.abs(x), tiny), x, y)
    edge = b.select(b.compare("eq", x, like(x, -1.0)), like(x, -INF), like(x, NAN))
    y = b.select(b.compare("gt", x, like(x, -1.0)), y, edge)
    return b.select(b.compare("le", x, like(x, form.huge)), y, x)


# --- trigonometry ---------------------------------------------------------------------------

# pi as a sum of three; the first difference in the reduction is exact, the rest is fused.
_PI = {
    "float": (3.1415927410125732, -8.742277657347586e-08, -3.4302490200117637e-15),
    "double": (3.141592653589793, 1.2246467991473532e-16, -2.994769809718363e-33),
}
_INVERSE_PI = 0.3183098861837907
_ANGLE_LIMIT = {"float": 2.0**17, "double": 2.0**30}
# sin(r) = r + r^3 S(r^2), |r| <= pi/2; fitted a quarter of an ulp low at pi/2, so that rounding
# never takes the sine beyond 1: 2^-27.1, 2^-60.7 from that.
_SIN = {
    "float": (
        -0.16666659712791443, 0.008333049714565277, -0.0001980832894332707,
        2.6028351385321002e-06,
    ),
    "double": (
        -0.16666666666666666, 0.008333333333333102, -0.00019841269841176172,
        2.755731920551143e-06, -2.505210636176715e-08, 1.6058914247485825e-10,
        -7.642335433143138e-13, 2.714339076765857e-15,
    ),
}  # fmt: skip
# The same for |r| <= pi/4: 2^-27.7, 2^-57.9; and cos(r) = 1 - r^2/2 + r^4 C(r^2): 2^-32.6, 2^-63.9
_SIN_SHORT = {
    "float": (-0.16666653752326965, 0.008332093246281147, -0.00019505145610310137),
    "double": (
        -0.1666666666666663, 0.00833333333332184, -0.00019841269829358146,
        2.7557313538240447e-06, -2.505073434330997e-08, 1.5895431631315144e-10,
    ),
}  # fmt: skip
_COS_SHORT = {
    "float": (0.04166664183139801, -0.0013887130189687014, 2.441208744130563e-05),
    "double": (
        0.041666666666666595, -0.0013888888888873307, 2.4801587288965243e-05,
        -2.755731420308835e-07, 2.0875703141424498e-09, -1.1358617131275266e-11,
    ),
}  # fmt: skip


def _reduce_angle(b: Builder, x: Value, shift: float, doubled: bool) -> Pair:
    """Write `x` as (n - shift) pi + r: r, and an integer with the lowest bit of n.

    With `doubled`, multiples of pi/2. Cody and Waite's way up to 2^17 (float) or 2^30 (double),
    where fused steps lose nothing; beyond, the exact way of Payne and Hanek.
    """
    kind = x.type.kind
    t, n = _nearest(b, x, _INVERSE_PI * (2.0 if doubled else 1.0), shift)
    if shift:
        n = b.sub(n, like(x, shift))
    r = x
    for part in _PI[kind]:
        r = b.fma(n, like(x, -part * (0.5 if doubled else 1.0)), r)
    slow = huge_angle_float if kind == "float" else huge_angle_double
    huge = b.compare("gt", b.abs(x), like(x, _ANGLE_LIMIT[kind]))
    r, raw = rarely(b, huge, [r, bits(b, t)], lambda: slow(b, x, shift, doubled))
    return r, raw


def _sine(b: Builder, r: Value, odd: Value) -> Value:
    """sin(r), negated where the lowest bit of `odd` is set; loses the sign of -0."""
    z = b.mul(r, r)
    y = b.fma(b.mul(r, z), horner(b, z, _SIN[r.type.kind]), r)
    sign = b.shift_left(odd, like(odd, odd.type.bits - 1))
    return b.bitcast(b.bit_xor(bits(b, y), sign), r.type.kind)


def _keep_zero(b: Builder, x: Value, y: Value) -> Value:
    return b.select(b.compare("eq", x, like(x, 0.0)), x, y)


def sin(b: Builder, x: Value) -> Value:
    """sin(x) = (-1)^n sin(r), x = n pi + r (2.2 and 2.2 ulp)."""
    return _keep_zero(b, x, _sine(b, *_reduce_angle(b, x, 0.0, False)))


def cos(b: Builder, x: Value) -> Value:
    """cos(x) = (-1)^n sin(r), x = (n - 1/2) pi + r (2.2 and 2.2 ulp)."""
    return _sine(b, *_reduce_angle(b, x, 0.5, False))


def tan(b: Builder, x: Value) -> Value:
    """tan(r), or -1 / tan(r) for odd n; x = n pi/2 + r (3.6 and 3.2 ulp)."""
    kind = x.type.kind
    r, n = _reduce_angle(b, x, 0.0, True)
    z = b.mul(r, r)
    sine = b.fma(b.mul(r, z), horner(b, z, _SIN_SHORT[kind]), r)
    c = b.fma(z, horner(b, z, _COS_SHORT[kind]), like(x, -0.5))
    cosine = b.fma(z, c, like(x, 1.0))
    odd = b.compare("ne", b.bit_and(n, like(n, 1)), like(n, 0))
    above, below = b.select(odd, cosine, sine), b.select(odd, b.neg(sine), cosine)
    return _keep_zero(b, x, b.div(above, below))


# atan(z) = z + z^3 A(z^2), 0 <= z <= 1: 2^-25.8, 2^-54.3
_ATAN = {
    "float": (
        -0.33333152532577515, 0.19993767142295837, -0.14211003482341766, 0.10665791481733322,
        -0.07551763951778412, 0.04320678859949112, -0.016365034505724907, 0.002920035971328616,
    ),
    "double": (
        -0.3333333333333307, 0.19999999999951468, -0.14285714282575596, 0.11111111007040256,
        -0.09090907003236195, 0.07692279842097213, -0.06666404080090207, 0.058805279464783124,
        -0.052535191320197266, 0.04722324159480201, -0.042191839915421456, 0.0366420124333233,
        -0.029904017843375548, 0.02198504731252043, -0.01390074122144256, 0.007196630425789704,
        -0.0028849834742469506, 0.0008313446502806264, -0.00015216577163846708,
        1.3225563732654963e-05,
    ),
}  # fmt: skip


def atan(b: Builder, x: Value) -> Value:
    """atan(z), or pi/2 - atan(1/z) beyond 1 (1.6 and 2.0 ulp)."""
    kind = x.type.kind
    y, one = b.abs(x), like(x, 1.0)
    beyond = b.compare("gt", y, one)
    z = b.div(b.select(beyond, one, y), b.select(beyond, y, one))
    square = b.mul(z, z)
    a = b.fma(b.mul(z, square), horner(b, square, _ATAN[kind]), z)
    high, low = (part * 0.5 for part in _PI[kind][:2])
    rest = b.sub(like(x, high), b.sub(a, like(x, low)))
    return b.copysign(b.select(beyond, rest, a), x)


# --- pow ------------------------------------------------------------------------------------

# In double, for float arguments. log2((1 + s) / (1 - s)) = s L(s^2), |s| <= 0.1716: 2^-45.1
_POW_LOG2 = (
    2.88539008177785, 0.9617966941134447, 0.5770779423355011, 0.4122092549250651,
    0.31990561066365364, 0.2829011709404491,
)  # fmt: skip
# 2^r, |r| <= 1/2: 2^-29.0
_POW_EXP2 = (
    1.0000000005629375, 0.6931472060380656, 0.24022646845598566, 0.05550328123454626,
    0.009618491789758935, 0.0013400195480451052, 0.00015345590007164028,
)  # fmt: skip


def _pow_float(b: Builder, x: Value, y: Value) -> Value:
    """|x|^y of floats, x normal, worked out in double."""
    wide = b.convert(x, "double")
    m, n = split_exponent(b, wide)
    one = like(wide, 1.0)
    s = b.div(b.sub(m, one), b.add(m, one))
    log_2 = b.fma(s, horner(b, b.mul(s, s), _POW_LOG2), b.convert(n, "double"))
    # Beyond +-300 the answer is 0 or infinity in float, and still a number in double.
    e = _at_least(b, _at_most(b, b.mul(b.convert(y, "double"), log_2), 300.0), -300.0)
    t, whole = _nearest(b, e, 1.0)
    p = b.mul(horner(b, b.sub(e, whole), _POW_EXP2), _power_of_two(b, t))
    return b.convert(p, "float")


def _pow_double(b: Builder, x: Value, y: Value) -> Value:
    """|x|^y = exp(y log|x|), the logarithm and the product held in pairs."""
    high, low = log_pair(b, x)
    p, e = two_product(b, y, high)
    e = b.fma(y, low, e)
    t, r = _reduce_exp(b, p)
    return _scale(b, _exp_core(b, b.add(r, e)), t, p, _EXP_RANGE["double"])


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x^y with the special cases of IEEE 754 (and so of C and NumPy) (0.6 and 1.5 ulp)."""
    f = FORMATS[x.type.kind]
    size = b.abs(x)
    m = (_pow_float if x.type.kind == "float" else _pow_double)(b, size, y)
    zero, inf, nan, one = (like(x, v) for v in (0.0, INF, NAN, 1.0))
    is_zero = b.compare("lt", size, like(x, f.tiny))
    is_inf = b.compare("eq", size, inf)
    falling = b.compare("lt", y, zero)
    end = b.select(b.bit_xor(is_zero, falling), zero, inf)
    m = b.select(b.bit_or(is_zero, is_inf), end, m)
    # The sign, for a negative base.
    half = b.mul(y, like(x, 0.5))
    whole = b.compare("eq", b.trunc(y), y)
    odd = b.bit_and(whole, b.compare("ne", b.trunc(half), half))
    raw = bits(b, x)
    negative = b.compare("lt", raw, like(raw, 0))
    m = b.select(b.bit_and(negative, odd), b.neg(m), m)
    finite = b.bit_and(b.compare("le", x, like(x, -f.tiny)), b.compare("ge", x, like(x, -f.huge)))
    m = b.select(b.bit_and(finite, b.compare("ne", b.trunc(y), y)), nan, m)
    m = b.select(b.emit(f"fcmp uno {x}, {y.text}", is_inf.type), nan, m)
    flat = b.bit_and(b.compare("eq", size, one), b.compare("eq", b.abs(y), inf))
    unit = b.bit_or(b.compare("eq", x, one), b.compare("eq", y, zero))
    return b.select(b.bit_or(flat, unit), one, m)


# --- random bits ----------------------------------------------------------------------------


def philox(b: Builder, counter: Value, key: Value) -> Value:
    """32 random bits (i32) for each 64-bit counter: the twin of `random_bits.philox_numpy`.

    The first word of Philox2x32-10 (Salmon et al. 2011); the 32-bit key is `key ^ (key >> 32)`.
    `counter` and `key` are i64; a scalar key serves all lanes.
    """
    low = like(key, 0xFFFFFFFF)
    key = b.bit_and(b.bit_xor(key, b.shift_right(key, like(key, 32))), low)
    keys = [key]
    for _ in range(9):
        keys.append(b.bit_and(b.add(keys[-1], like(key, 0x9E3779B9)), low))
    mask, half = like(counter, 0xFFFFFFFF), like(counter, 32)
    x, y = b.bit_and(counter, mask), b.shift_right(counter, half)
    for k in keys:
        product = b.mul(x, like(counter, 0xD256D193))
        mixed = b.bit_xor(b.shift_right(product, half), b.splat(k, counter.type.lanes))
        x, y = b.bit_xor(mixed, y), b.bit_and(product, mask)
    return b.convert(x, "i32")

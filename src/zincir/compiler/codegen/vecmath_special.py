"""Error functions and their inverses, and the gamma function, as vector code for doubles.

Operations on floats convert on the way. Polynomials interpolate at Chebyshev's points, in 45-digit
arithmetic (mpmath); the comment beside each gives the relative error of its rounded coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence

from zincir.compiler.codegen import vecmath
from zincir.compiler.codegen.builder import Builder, Value
from zincir.compiler.codegen.vecmath_double import INF, NAN, horner, like

# erfcx(x) (1 + 2 x) of t = (x - 3.75) / (x + 3.75), x >= 0 (Shepherd and Laframboise 1981): 2^-53.2
_ERFCX = (
    1.2375126308378275, -0.14024059858554697, 0.0035854154854644293, 0.0822767384901452,
    -0.10880393014174886, 0.09230432116037748, -0.05869339858963677, 0.028362277418956406,
    -0.009746579558029274, 0.0017556258528952935, 0.0002937136655913389, -0.00029015408054083327,
    5.1649098892705236e-05, 2.2384239155058676e-05, -1.1444146237758264e-05, -9.735598966937984e-07,
    1.751637648946178e-06, -5.72182306542077e-08, -2.5866850726916564e-07, 2.3263508746738735e-08,
    3.867533431765671e-08, -3.744210096966865e-09, -5.17399024432452e-09, 3.1114334103195017e-10,
    4.2514714979862753e-10,
)  # fmt: skip
# erfinv(x) / x of w = -log(1 - x^2): w up to 6.25, then of its root s up to 4, up to 6.25, and,
# over s, of 1 / s up to s = 27.5: 2^-53.4, 2^-54.5, 2^-53.9, 2^-58.5
_ERFINV_LOW = (
    1.6536545626831027, 0.7504943200799635, -0.05892256710377839, -0.022604447453450232,
    0.017808361818321756, -0.004137314377403391, -0.001271692268923054, 0.001232485568550093,
    -0.00026439366376450275, -0.00011688883906368398, 9.336736525855553e-05,
    -1.5027713926607672e-05, -1.1257223742289601e-05, 7.1300663740767115e-06,
    -6.839448584110996e-07, -1.0593369313279474e-06, 5.397895417173906e-07, -1.0167881522844433e-08,
    -9.905042307854783e-08, 3.9142671001331456e-08, 5.039596477954525e-09, -8.557984074479352e-09,
    1.44610505076895e-09, 7.680990475576784e-10, -2.5466157998915125e-10,
)  # fmt: skip
_ERFINV_MIDDLE = (
    3.0838856104922208, 0.753944225770624, 0.003021139436374801, -0.0015825410894071102,
    0.0007883078513035505, -0.00040063569835709886, 0.00016966502201594177, -4.739182728807125e-05,
    2.4058645410848233e-06, 5.12731666449741e-06, -2.664792853936729e-06, 5.264624728714587e-07,
    9.28911222561948e-08, -9.468994570246937e-08, 2.640222955342202e-08, -3.6862448212666726e-10,
    -2.4632549100503396e-09, 9.889115389827977e-10, -1.1662393838626087e-10, -6.466960514925275e-11,
    2.4097707183427347e-11,
)  # fmt: skip
_ERFINV_HIGH = (
    4.9761913900163, 1.1365383104872455, -0.00026907124686989314, -0.0002562023123298085,
    0.0001036220853949225, -2.9895529835505904e-05, 7.597413882287097e-06, -1.8159807215209084e-06,
    4.345292653035459e-07, -1.1994731244098857e-07, 4.701716091996281e-08, -2.5484860144737835e-08,
    1.49865759333072e-08, -8.161314347047526e-09, 3.834535424862153e-09, -1.4630504923189222e-09,
    4.069442156331262e-10, -5.200995387702629e-11, -3.060831357766192e-11, 3.2466505210753514e-11,
    -1.3038159814750524e-11, 4.806100371014487e-13, 7.694911311044202e-13,
)  # fmt: skip
_ERFINV_TAIL = (
    0.9893671779228749, -0.010373007206445323, -0.0013712548672456212, 0.00039431200372383083,
    -6.360913260643749e-05, 1.5560598083146115e-05, -4.998393450314544e-06, 1.8068382358287289e-06,
    -7.105891834640915e-07, 2.9811402136047725e-07, -1.313500714692353e-07, 6.008388725952977e-08,
    -2.8343063027391247e-08, 1.3902845508970207e-08, -6.9445051592719805e-09,
    3.0227030812674264e-09, -1.4107725921530068e-09, 1.6112831560161245e-09,
    -1.0312096172672055e-09, -5.852248270904414e-10, 4.853354887821076e-10, 7.298931443525102e-10,
    -4.997196794564467e-10, -2.909191519264501e-10, 1.9604028596746872e-10, 7.95516623219041e-11,
    -4.9810672784885796e-11,
)  # fmt: skip
# log Gamma(2 + z) / z, |z| <= 1/2: 2^-55.5
_LGAMMA = (
    0.42278433509846713, 0.1612335167120566, -0.016838075263299522, 0.0025726010534730787,
    -0.000461596939292132, 9.032844783544811e-05, -1.8636779870239865e-05, 3.981793164267811e-06,
    -8.716982761930202e-07, 1.942529426790968e-07, -4.387327350350602e-08, 1.001332635032469e-08,
    -2.304575722121961e-09, 5.339625498454325e-10, -1.2443956999450546e-10, 2.924893264533834e-11,
    -6.883585477019144e-12, 1.5405403077263189e-12, -3.6241765460787023e-13, 1.2348124407415191e-13,
    -2.9870158154660844e-14,
)  # fmt: skip
# Of u = 1 / x^2, x >= 8: what Stirling's formula leaves out of log Gamma(x), times x: 2^-54.4; and
# (log(x) - 1 / (2 x) - digamma(x)) x^2: 2^-53.8
_STIRLING = (
    0.08331168010429436, -2.1605346910992954e-05, 4.760738262245755e-08, -2.718192092526302e-10,
    2.876910644172138e-12, -4.804140290450813e-14, 1.1522355126213349e-15, -3.706685051899316e-17,
)  # fmt: skip
_DIGAMMA = (
    0.08326846941047238, -6.462561120249051e-05, 2.3640599786122874e-07, -1.879719164759113e-09,
    2.5411766912582853e-11, -5.146642600092636e-13, 1.4472010493854844e-14, -5.322332836981093e-16,
)  # fmt: skip


def _polynomial(b: Builder, x: Value, low: float, high: float, c: Sequence[float]) -> Value:
    """A polynomial in x, moved from [low, high] to [-1, 1]."""
    half = (high - low) / 2
    return horner(b, b.mul(b.sub(x, like(x, low + half)), like(x, 1 / half)), c)


def _at_most(b: Builder, x: Value, limit: float) -> Value:
    """The smaller; NaN stays."""
    y = like(x, limit)
    return b.select(b.compare("lt", y, x), y, x)


def _scaled(b: Builder, y: Value) -> Value:
    """exp(y^2) erfc(y), y >= 0 and finite."""
    k = like(y, 3.75)
    t = b.div(b.sub(y, k), b.add(y, k))
    return b.div(horner(b, t, _ERFCX), b.fma(y, like(y, 2.0), like(y, 1.0)))


def erfc(b: Builder, x: Value) -> Value:
    """1 - erf(x) = exp(-x^2) erfcx(x), and 2 less that for negative x."""
    y = _at_most(b, b.abs(x), 28.0)
    square = b.mul(y, y)
    rest = b.fma(y, y, b.neg(square))
    m = b.mul(vecmath.exp(b, b.neg(square)), _scaled(b, y))
    m = b.fma(b.neg(rest), m, m)
    return b.select(b.compare("lt", x, like(x, 0.0)), b.sub(like(x, 2.0), m), m)


def erfcx(b: Builder, x: Value) -> Value:
    """exp(x^2) erfc(x)."""
    y = b.abs(x)
    above = b.select(
        b.compare("gt", y, like(x, 1e300)), like(x, 0.0), _scaled(b, _at_most(b, y, 1e300))
    )
    near = _at_most(b, y, 27.0)
    square = b.mul(near, near)
    grown = vecmath.exp(b, square)
    grown = b.fma(b.fma(near, near, b.neg(square)), grown, grown)
    below = b.sub(b.add(grown, grown), _scaled(b, near))
    large = b.compare("gt", y, like(x, 26.7))
    below = b.select(large, like(x, INF), below)
    return b.select(b.compare("lt", x, like(x, 0.0)), below, above)


def _inverse(b: Builder, w: Value) -> Value:
    """erfinv(x) / x of w = -log(1 - x^2)."""
    s = b.sqrt(w)
    y = _polynomial(b, w, 0.0, 6.25, _ERFINV_LOW)
    middle = _polynomial(b, s, 2.5, 4.0, _ERFINV_MIDDLE)
    y = b.select(b.compare("gt", w, like(w, 6.25)), middle, y)
    high = _polynomial(b, s, 4.0, 6.25, _ERFINV_HIGH)
    y = b.select(b.compare("gt", s, like(w, 4.0)), high, y)
    tail = _polynomial(b, b.div(like(w, 1.0), s), 1 / 27.5, 1 / 6.25, _ERFINV_TAIL)
    return b.select(b.compare("gt", s, like(w, 6.25)), b.mul(tail, s), y)


def erfinv(b: Builder, x: Value) -> Value:
    """The inverse of erf: -1 to 1."""
    one = like(x, 1.0)
    w = b.neg(vecmath.log(b, b.mul(b.sub(one, x), b.add(one, x))))
    y = b.mul(x, _inverse(b, w))
    end = b.compare("eq", b.abs(x), one)
    return b.select(end, b.copysign(like(x, INF), x), y)


def ndtri(b: Builder, x: Value) -> Value:
    """Where the normal distribution reaches the probability x."""
    one, two = like(x, 1.0), like(x, 2.0)
    w = b.neg(vecmath.log(b, b.mul(b.mul(x, like(x, 4.0)), b.sub(one, x))))
    y = b.mul(b.mul(b.fma(x, two, like(x, -1.0)), like(x, 2.0**0.5)), _inverse(b, w))
    y = b.select(b.compare("eq", x, one), like(x, INF), y)
    return b.select(b.compare("eq", x, like(x, 0.0)), like(x, -INF), y)


# --- the gamma function -------------------------------------------------------------------------


def _sine_of_pi(b: Builder, x: Value) -> tuple[Value, Value]:
    """The distance to the nearest integer times pi, and its sine."""
    r = b.mul(b.sub(x, b.round(x)), like(x, 3.141592653589793))
    return r, vecmath.sin(b, r)


def _log_gamma(b: Builder, x: Value) -> Value:
    """Log Gamma(x), x > 0: z = x - k in [-1/2, 1/2] around 2, or Stirling's formula from 8 on."""
    one = like(x, 1.0)
    up = b.compare("lt", x, like(x, 0.5))
    near = b.compare("lt", x, like(x, 1.5))
    z = b.select(up, x, b.select(near, b.sub(x, one), b.sub(x, like(x, 2.0))))
    product = one
    y = x
    for _ in range(6):
        far = b.compare("ge", y, like(x, 2.5))
        y = b.select(far, b.sub(y, one), y)
        product = b.select(far, b.mul(product, y), product)
    z = b.select(b.compare("ge", x, like(x, 2.5)), b.sub(y, like(x, 2.0)), z)
    below = b.select(up, b.mul(x, b.add(x, one)), x)
    large = b.compare("ge", x, like(x, 8.0))
    log = vecmath.log(b, b.select(large, x, b.select(near, below, product)))
    small = b.mul(z, horner(b, b.add(z, z), _LGAMMA))
    small = b.select(near, b.sub(small, log), b.add(small, log))
    u = b.div(one, b.mul(x, x))
    rest = b.div(_polynomial(b, u, 0.0, 1 / 64, _STIRLING), x)
    half = like(x, 0.5)
    tail = b.add(rest, like(x, 0.9189385332046727 - 0.5))
    stirling = b.fma(b.sub(x, half), b.sub(log, one), tail)
    return b.select(large, stirling, small)


def lgamma(b: Builder, x: Value) -> Value:
    """Log |Gamma(x)|; for negative x, log(pi / |x sin(pi x)|) - log Gamma(-x)."""
    y = b.abs(x)
    positive = _log_gamma(b, y)
    _, sine = _sine_of_pi(b, y)
    mirrored = b.div(like(x, 3.141592653589793), b.mul(y, b.abs(sine)))
    negative = b.sub(vecmath.log(b, mirrored), positive)
    near = b.compare("lt", y, like(x, 1e-20))  # where that product would be too small
    negative = b.select(near, b.neg(vecmath.log(b, y)), negative)
    whole = b.compare("eq", b.trunc(y), y)
    negative = b.select(whole, like(x, INF), negative)
    return b.select(b.compare("le", x, like(x, 0.0)), negative, positive)


def digamma(b: Builder, x: Value) -> Value:
    """The derivative of log Gamma(x); for negative x, digamma(1 - x) - pi / tan(pi x)."""
    zero, one = like(x, 0.0), like(x, 1.0)
    negative = b.compare("lt", x, zero)
    y = b.select(negative, b.sub(one, x), x)
    product, derivative = one, zero
    for _ in range(8):
        near = b.compare("lt", y, like(x, 8.0))
        derivative = b.select(near, b.fma(derivative, y, product), derivative)
        product = b.select(near, b.mul(product, y), product)
        y = b.select(near, b.add(y, one), y)
    inverse = b.div(one, y)
    u = b.mul(inverse, inverse)
    rest = b.mul(u, _polynomial(b, u, 0.0, 1 / 64, _DIGAMMA))
    z = b.sub(b.sub(vecmath.log(b, y), b.mul(inverse, like(x, 0.5))), rest)
    z = b.sub(z, b.div(derivative, product))
    angle, sine = _sine_of_pi(b, x)
    tangent = b.div(sine, vecmath.cos(b, angle))
    mirrored = b.sub(z, b.div(like(x, 3.141592653589793), tangent))
    whole = b.compare("eq", b.trunc(x), x)
    z = b.select(negative, b.select(whole, like(x, NAN), mirrored), z)
    return b.select(b.compare("eq", x, zero), b.copysign(like(x, INF), b.neg(x)), z)

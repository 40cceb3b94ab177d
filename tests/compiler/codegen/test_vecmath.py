"""Errors of the vector functions in ulp, against NumPy in the next wider format."""

from __future__ import annotations

import ctypes
import functools
import math
import platform
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from zincir.compiler.codegen import vecmath
from zincir.compiler.codegen.builder import I64, PTR, Builder, index, module, vector
from zincir.random_bits import philox_numpy
from zincir.runtime import native

Array = np.ndarray[Any, Any]
LONG = np.longdouble
KINDS = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}
TINY = {"float": 2.0**-126, "double": 2.0**-1022}
# Worst errors allowed, in ulp, of float32 (every input) and float64 (sampled).
LIMITS = {
    "exp": (1.1, 1.1),
    "exp2": (1.1, 1.2),
    "expm1": (1.6, 1.9),
    "log": (0.9, 0.9),
    "log2": (1.9, 1.7),
    "log1p": (1.5, 1.5),
    "sin": (2.2, 2.2),
    "cos": (2.2, 2.2),
    "tan": (3.6, 3.2),
    "tanh": (2.6, 2.7),
    "sigmoid": (2.5, 2.5),
    "erf": (2.6, 2.4),
    "atan": (1.6, 2.0),
    "pow": (0.6, 1.5),
}
ONE_ARGUMENT = [name for name in LIMITS if name != "pow"]
extended = pytest.mark.skipif(
    np.finfo(LONG).nmant < 63, reason="long double is no wider than double here"
)

_FLUSH = """
  %saved = alloca i32
  %flushing = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %saved)
  %control = load i32, ptr %saved
  %both = or i32 %control, 32832
  store i32 %both, ptr %flushing
  call void @llvm.x86.sse.ldmxcsr(ptr %flushing)"""


def source(name: str, kind: str, lanes: int, flush: bool) -> str:
    """A function (inputs..., output, count) that applies `name` to arrays."""
    arity = 2 if name == "pow" else 1
    b = Builder("apply", [PTR] * (arity + 1) + [I64])
    *inputs, output, count = b.arguments
    with b.loop(index(0), count, lanes) as loop:
        x = [b.load(b.offset(p, loop.counter, kind), vector(kind, lanes)) for p in inputs]
        b.store(getattr(vecmath, name)(b, *x), b.offset(output, loop.counter, kind))
    text = b.finish()
    if flush:
        text = text.replace("entry:", "entry:" + _FLUSH, 1)
        text = text.replace(
            "  ret void", "  call void @llvm.x86.sse.ldmxcsr(ptr %saved)\n  ret void"
        )
        for way in ("st", "ld"):
            b.declare(f"declare void @llvm.x86.sse.{way}mxcsr(ptr)")
    return module([(b, text)])


@functools.cache
def compiled(name: str, kind: str, lanes: int = 0, flush: bool = False) -> Callable[..., Array]:
    lanes = lanes or (16 if kind == "float" else 8)
    text = source(name, kind, lanes, flush)
    arity = 2 if name == "pow" else 1
    (address,) = native.load(text, lambda: text, ("apply",))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(address)

    def run(*inputs: Array) -> Array:
        size = inputs[0].size
        padded = [np.zeros(-(-size // lanes) * lanes, KINDS[kind]) for _ in range(arity + 1)]
        for x, into in zip(inputs, padded, strict=False):
            into[:size] = x
        call(*(a.ctypes.data for a in padded), padded[0].size)
        return padded[-1][:size]

    return run


def reference(name: str, x: Array) -> Array:
    """In the (wider) type of x."""
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    if name == "erf":
        return _erf_long(x) if x.dtype == LONG else np.array([math.erf(v) for v in x])
    return {"atan": np.arctan}.get(name, getattr(np, name, None))(x)  # type: ignore[misc]


def _erf_long(x: Array) -> Array:
    """2/sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (1 3 5 ... (2n+1)): all terms positive."""
    a = np.minimum(np.abs(x), LONG(7))
    term, total = a, a
    for n in range(1, 160):
        term = term * (2 * a * a / (2 * n + 1))
        total = total + term
    root_pi = np.sqrt(LONG(math.pi) + LONG(1.2246467991473532e-16))
    return np.where(np.abs(x) < 7, np.copysign(2 / root_pi * np.exp(-a * a) * total, x), np.sign(x))


def errors(y: Array, exact: Array, kind: str) -> Array:
    """Errors of y in ulp; for an answer below the normal numbers, any such number or 0 will do."""
    tiny, fraction = TINY[kind], 23 if kind == "float" else 52
    rounded = exact.astype(y.dtype)
    _, exponent = np.frexp(exact)
    least = -126 if kind == "float" else -1022
    ulp = np.ldexp(exact.dtype.type(1), np.maximum(exponent - 1, least) - fraction)
    error = (np.abs(y.astype(exact.dtype) - exact) / ulp).astype(np.float64)
    small = np.abs(exact) < tiny
    error[small] = np.where(np.abs(y[small]) <= tiny, 0.0, math.inf)
    infinite = np.isinf(rounded)
    # Just above the greatest number, rounding to it is an error of less than an ulp.
    near = np.abs(exact) < np.finfo(y.dtype).max * exact.dtype.type(1 + 2.0 ** (-fraction - 1))
    right = (y == rounded) | near & (np.abs(y) == np.finfo(y.dtype).max)
    error[infinite] = np.where(right, 0.0, math.inf)[infinite]
    error[~infinite & np.isinf(y)] = math.inf
    error[np.isnan(exact) != np.isnan(y)] = math.inf
    error[np.isnan(exact) & np.isnan(y)] = 0.0
    error[(exact == 0) & (np.signbit(exact) != np.signbit(y))] = math.inf
    return error


class Worst:
    """The greatest error of many batches, and where it was."""

    def __init__(self, name: str, kind: str) -> None:
        self.error, self.name, self.kind, self.text = -1.0, name, kind, ""

    def see(self, y: Array, exact: Array, *inputs: Array) -> None:
        error = errors(y, exact, self.kind)
        i = int(np.argmax(error))
        if error[i] > self.error:
            self.error = float(error[i])
            at = ", ".join(repr(float(x[i])) for x in inputs)
            self.text = (
                f"{self.name} of {self.kind}: {self.error:.3f} ulp at {at}: "
                f"{float(y[i])!r}, exactly {exact[i]}"
            )

    def check(self) -> None:
        limit = LIMITS[self.name][self.kind == "double"]
        assert 0 <= self.error <= limit, self.text


def float_inputs(stride: int) -> Iterator[Array]:
    block = stride << 20
    for start in range(0, 1 << 32, block):
        numbers = np.arange(start, min(start + block, 1 << 32), stride, dtype=np.uint64)
        yield numbers.astype(np.uint32).view(np.float32)


def special(kind: str) -> Array:
    """Ends, signs, thresholds and their neighbours."""
    info = np.finfo(KINDS[kind])
    ends = [0.0, 1.0, 2.0, 0.5, TINY[kind], float(info.max), math.inf, math.nan, 2**0.5, 0.5**0.5]
    if kind == "float":
        ends += [88.72284, 87.33654, 126.0, 128.0, 40.0, 88.0, 2.0**17, 16367173 * 2.0**72, 3.92]
        ends += [math.log(2) / 2, 0.9, 4.0, 2.0**-25, 2.0**-26]
    else:
        # The second is the double closest to an odd multiple of pi/2 (Muller).
        ends += [2.0**30, 6381956970095103 * 2.0**797, 709.782712893384, 708.3964185322641]
        ends += [1022.0, 1024.0, 40.0, 6.0, 5.92, 2.0**-54, 2.0**-55, math.log(2) / 2]
    x = np.array(ends, KINDS[kind])
    with np.errstate(all="ignore"):
        near = [np.nextafter(x, x.dtype.type(0)), np.nextafter(x, x.dtype.type(math.inf))]
    multiples = (np.arange(1, 20000) * (math.pi / 2)).astype(x.dtype)
    positive = np.concatenate([x, *near, multiples])
    positive = positive[~((positive > 0) & (positive < info.tiny))]
    return np.concatenate([positive, -positive])


def float_worst(name: str, stride: int, flush: bool) -> Worst:
    worst = Worst(name, "float")
    run = compiled(name, "float", flush=flush)
    rng = np.random.default_rng(0)
    dense = rng.uniform(-8, 8, 300_000).astype(np.float32)
    with np.errstate(all="ignore"):
        for x in (special("float"), dense, *float_inputs(stride)):
            wide = x.astype(np.float64)
            wide[np.abs(wide) < TINY["float"]] *= 0
            y = run(x)
            small = (np.abs(x) < TINY["float"]) & (np.abs(y) < 2 * TINY["float"])
            y[small] *= 0 if flush else 1
            exact = reference(name, wide)
            # A number below the normal ones may have been taken for what it is.
            exact[small] = y[small]
            worst.see(y, exact, x)
    return worst


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_float(name: str) -> None:
    float_worst(name, 2_999, flush=False).check()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="sets x86's MXCSR")
@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_float_with_denormals_flushed(name: str) -> None:
    float_worst(name, 40_009, flush=True).check()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_every_float(name: str) -> None:
    worst = Worst(name, "float")
    run = compiled(name, "float")
    with np.errstate(all="ignore"):
        for x in float_inputs(1):
            x = x[(np.abs(x) >= TINY["float"]) | ~np.isfinite(x)]
            y, exact = run(x), reference(name, x.astype(np.float64))
            # Only what is not plainly right is worth the exact measure.
            plain = (np.abs(y - exact) <= np.abs(exact) * 2.0**-24) | (y == exact.astype(y.dtype))
            doubtful = ~(plain | np.isnan(y) & np.isnan(exact))
            if doubtful.any():
                worst.see(y[doubtful], exact[doubtful], x[doubtful])
    worst.check()


def double_inputs(count: int) -> Array:
    rng = np.random.default_rng(1)
    anything = rng.integers(0, 1 << 64, count, dtype=np.uint64).view(np.float64)
    scaled = rng.uniform(-1, 1, count) * 10.0 ** rng.uniform(-3, 3, count)
    plain = rng.uniform(-3, 3, count)
    parts = [anything, scaled, plain, 1 + plain * 1e-3, special("double")]
    x = np.concatenate(parts)
    return x[~((x != 0) & (np.abs(x) < TINY["double"]))]


@extended
@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_double(name: str, flush: bool) -> None:
    if flush and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("sets x86's MXCSR")
    worst = Worst(name, "double")
    with np.errstate(all="ignore"):
        x = double_inputs(10_000 if flush else 100_000)
        worst.see(compiled(name, "double", flush=flush)(x), reference(name, x.astype(LONG)), x)
    worst.check()


def pow_inputs(kind: str, count: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(2)
    unsigned = np.uint32 if kind == "float" else np.uint64
    bits = 32 if kind == "float" else 64
    x = rng.integers(0, 1 << bits, count, dtype=np.uint64).astype(unsigned).view(KINDS[kind])
    top = 128 if kind == "float" else 1024
    y = rng.uniform(2 - top, top, count) / np.log2(np.abs(x).astype(LONG))
    edge = 1 + rng.uniform(-1e-3, 1e-3, count)
    steep = rng.uniform(-0.99, 0.99, count) * top / np.abs(np.log2(edge))
    whole = rng.integers(-30, 30, count)
    marks = [0, 1, 0.5, 1.5, 2, 2.5, 3, 7, math.inf, math.nan, 2.0**23 + 1, 2.0**24, 2.0**25]
    marks += [2.0**52 + 1, 2.0**53, 2.0**54, 1e38, 1e-37, 1 + 2.0**-23, 1 - 2.0**-24]
    grid = np.array(marks + [-m for m in marks])
    left, right = np.meshgrid(grid, grid)
    bases = [np.abs(x), edge, rng.uniform(-50, 50, count).round(1), x, left.ravel()]
    exponents = [y, steep, whole, rng.permutation(x), right.ravel()]
    a, c = (np.concatenate(parts).astype(KINDS[kind]) for parts in (bases, exponents))
    normal = [(v == 0) | ~(np.abs(v) < TINY[kind]) for v in (a, c)]
    keep = normal[0] & normal[1]
    return a[keep], c[keep]


@pytest.mark.parametrize("kind", ["float", pytest.param("double", marks=extended)])
def test_pow(kind: str) -> None:
    worst = Worst("pow", kind)
    wide = np.float64 if kind == "float" else LONG
    with np.errstate(all="ignore"):
        x, y = pow_inputs(kind, 200_000)
        worst.see(compiled("pow", kind)(x, y), np.power(x.astype(wide), y.astype(wide)), x, y)
    worst.check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LIMITS)
def test_bits_do_not_depend_on_the_width(name: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    integer = np.uint32 if kind == "float" else np.uint64
    raw = rng.integers(0, 1 << (8 * KINDS[kind].itemsize), 2048, dtype=np.uint64)
    x = np.concatenate(
        [rng.uniform(-5, 5, 2048).astype(KINDS[kind]), raw.astype(integer).view(KINDS[kind])]
    )
    inputs = (x,) if name != "pow" else (x, rng.permutation(x))
    with np.errstate(all="ignore"):
        wanted = compiled(name, kind, 1)(*inputs)
        for lanes in (4, 8, 16):
            got = compiled(name, kind, lanes)(*inputs)
            same = (got.view(integer) == wanted.view(integer)) | (np.isnan(got) & np.isnan(wanted))
            assert same.all(), f"{name}, {lanes} lanes: differs at {x[~same][:3]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "least"), [("tanh", -1.0), ("erf", -1.0), ("sigmoid", 0.0)])
def test_saturates_and_never_passes_its_limit(name: str, least: float, kind: str) -> None:
    dtype = KINDS[kind]
    x = np.concatenate([np.linspace(0, 50, 400_001), [1e3, 1e30, math.inf]]).astype(dtype)
    run = compiled(name, kind)
    above, below = run(x), run(-x)
    assert above.max() == 1
    assert above[-400:].min() == 1
    assert below.min() >= least
    assert below[-1] == least
    # Steps back by rounding stay within two units.
    assert np.diff(above).min() >= -2 * np.finfo(dtype).epsneg


@pytest.mark.parametrize("kind", KINDS)
def test_sine_and_cosine_stay_within_one(kind: str) -> None:
    rng = np.random.default_rng(4)
    near = rng.uniform(-1, 1, 500_000) * 10.0 ** rng.uniform(-8, 0, 500_000)
    for name, peak in (("sin", math.pi / 2), ("cos", 0.0)):
        y = compiled(name, kind)((peak + near).astype(KINDS[kind]))
        assert np.abs(y).max() <= 1, name


@pytest.mark.parametrize("lanes", [1, 8, 16])
@pytest.mark.parametrize("key", [0, 7, 0x13198A2E03707344, -5])
def test_philox_is_its_numpy_twin(lanes: int, key: int) -> None:
    b = Builder("draw", [I64, I64, PTR, I64])
    first, key_value, output, count = b.arguments
    with b.loop(index(0), count, lanes) as loop:
        start = b.splat(b.add(first, loop.counter), lanes)
        bits = vecmath.philox(b, b.add(start, b.lane_numbers(lanes)), key_value)
        assert bits.type == vector("i32", lanes)
        b.store(bits, b.offset(output, loop.counter, "i32"))
    text = module([(b, b.finish())])
    (address,) = native.load(text, lambda: text, ("draw",))
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(
        address
    )
    drawn = np.empty(1 << 12, np.uint32)
    begin = 0x85A308D3243F6A88 - (1 << 10)  # wraps both words of a known answer
    call(ctypes.c_int64(begin).value, key, drawn.ctypes.data, drawn.size)
    counters = np.arange(drawn.size, dtype=np.uint64) + np.uint64(begin)
    assert np.array_equal(drawn, philox_numpy(counters, key & 0xFFFFFFFFFFFFFFFF))

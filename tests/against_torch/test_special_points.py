"""Functions of one and two tensors where they have corners: values, types, gradients, refusals.

Every method that both libraries have is tried with every type at zeros of both signs, infinities,
NaN, the smallest and the largest numbers; with two inputs, at all pairs of them.
"""

import inspect
import itertools
import math
import warnings

import numpy as np
import pytest

import zincir
from zincir.nn import functional as F

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

NAMES = ("bool", "uint8", "int32", "int64", "float32", "float64")
OURS = {n: getattr(zincir, n if n != "bool" else "bool_") for n in NAMES}
THEIRS = {n: getattr(torch, n) for n in NAMES}
FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, -2.5, 1.5, 10.0, 1000.0, -1e-3,
    0.999999, 89.0, -89.0, 200.0, 710.0, -745.0, math.inf, -math.inf, math.nan,
]  # fmt: skip
MODERATE = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, -2.5, 1.5, 1e-3, math.inf, -math.inf, math.nan]


def points(name):
    if name == "bool":
        return [False, True]
    if name == "uint8":
        return [0, 1, 2, 3, 100, 254, 255]
    if name in ("int32", "int64"):
        most = np.iinfo(name).max
        return [0, 1, -1, 2, -2, 3, -3, 7, 100, most // 2 + 1, most, -most, -most - 1]
    info = np.finfo(name)
    return [*FLOATS, float(info.tiny), -float(info.tiny), float(info.max), -float(info.max)]


# Where PyTorch itself is not right, or differs from itself between its vectors and its scalars.
WITHOUT = {
    "gelu": {math.inf, "max"},  # nan and inf in vectors, right in scalars
    "relu6": {math.nan},  # gradient 1 in vectors, 0 in scalars
    "hardtanh": {math.nan},
    "mish": {-89.0, "max"},  # the largest numbers overflow in the gradient before they meet a 0
    "silu": {"max"},
    "log2": {"max"},  # its gradient is below the normal numbers on the way, and 0 then
    "elu": {-89.0},  # gradients below 1e-38 that this library takes for 0
    "selu": {-89.0},
    "hardswish": {"max"},  # overflows before it divides by 6
}
LOOSE = {"tanh": 1e-8, "hardsigmoid": 1e-7, "gelu": 2e-4}
# What PyTorch refuses and this library does not mind.
LENIENT = {
    "floor_divide",  # no derivative there; zeros here, as of div(rounding_mode="floor")
    "long", "int", "byte", "short", "char",
}  # fmt: skip
OPEN = {
    "long",
    "int",
    "byte",
    "short",
    "char",
}  # out of range, what becomes of a number is left open


def given(name, function):
    left = []
    info = {"float32": np.finfo("f4").max, "float64": np.finfo("f8").max}
    for p in points(name):
        without = WITHOUT.get(function, ())
        if p in without or ("max" in without and abs(p) == info.get(name)):
            continue
        if function in OPEN and name.startswith("float") and not abs(p) < 100:
            continue
        left.append(p)
    return left


def run(library, types, function, arguments):
    """The value and the gradients, or the error."""
    tensors = [
        library.tensor(a[0], dtype=types[a[1]]) if isinstance(a, tuple) else a for a in arguments
    ]
    leaves = [t for t in tensors if hasattr(t, "dtype") and "float" in str(t.dtype)]
    for leaf in leaves:
        leaf.requires_grad_()
    try:
        y = function(library, *tensors)
        if y.requires_grad:
            weights = 1.0 + np.arange(y.numel()).reshape(tuple(y.shape)) % 3
            y.backward(library.tensor(weights, dtype=y.dtype))
        value = y.detach().numpy()
    except (RuntimeError, TypeError) as error:
        return error, []
    return value, [None if t.grad is None else t.grad.numpy() for t in leaves]


CANCELS = {"softmax along 0"}  # gradients that are what is left of a difference


def near(name, ours, theirs):
    if ours.dtype.kind != "f":
        return ours == theirs
    info = np.finfo(ours.dtype)
    relative = max(25 * info.eps, LOOSE.get(name, 0.0))
    absolute = 4 * info.eps if name in CANCELS else info.tiny
    with np.errstate(all="ignore"):
        distance = np.abs(ours - theirs)
        close = distance <= relative * np.abs(theirs) + absolute
        return (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)) | close


def compare(name, function, *arguments):
    """The complaints about one call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, their_gradients = run(torch, THEIRS, function, arguments)
    ours, our_gradients = run(zincir, OURS, function, arguments)
    label = f"{name} of {', '.join(a[1] if isinstance(a, tuple) else repr(a) for a in arguments)}"
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        both = isinstance(theirs, Exception) and isinstance(ours, Exception)
        if both or (name in LENIENT and not isinstance(ours, Exception)):
            return []
        return [f"{label}: {ours!r}, not {theirs!r}"]
    if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
        return [f"{label}: {ours.dtype}{ours.shape}, not {theirs.dtype}{theirs.shape}"]
    found = []
    pairs = [("value", ours, theirs)]
    pairs += [("gradient", a, b) for a, b in zip(our_gradients, their_gradients, strict=True)]
    for what, a, b in pairs:
        if a is None or b is None:
            found += [f"{label}: gradient {a}, not {b}"] * (a is not b)
            continue
        wrong = np.argwhere(~np.atleast_1d(near(name, a, b)))
        for place in wrong[:5]:
            at = tuple(place) if a.ndim else ()
            inputs = [np.ravel(x[0])[at[0] if at else 0] for x in arguments if isinstance(x, tuple)]
            found.append(f"{label}: {what} at {inputs} is {a[at]}, not {b[at]}")
    return found


def is_unary(name):
    """Whether a method may be called without arguments, and gives one tensor."""
    method = getattr(zincir.Tensor, name)
    if name.startswith("_") or name.endswith("_") or not inspect.isfunction(method):
        return False
    needed = list(inspect.signature(method).parameters.values())[1:]
    return all(p.default is not p.empty or p.kind is p.VAR_POSITIONAL for p in needed)


NOT_OF_NUMBERS = [
    "bernoulli",
    "aminmax",
    "mode",
    "msort",
    "unique_consecutive",
    "slogdet",
    "requires_grad_",
    "backward",
    "detach",
    "item",
    "tolist",
    "numpy",
    "size",
    "dim",
    "ndimension",
    "dense_dim",
    "sparse_dim",
    "numel",
    "nelement",
    "element_size",
    "is_floating_point",
    "is_complex",
    "is_signed",
    "parent",
    "stride",
    "is_contiguous",
    "retain_grad",
    "nonzero",
    "unique",
    "reshape",
    "view",
    "flatten",
    "ravel",
    "permute",
    "t",
    "expand",
    "squeeze",
    "flip",
    "roll",
    "repeat",
    "tile",
    "repeat_interleave",
    "diagonal",
    "diag",
    "unbind",
    "tril",
    "triu",
    "clone",
    "contiguous",
    "to",
    "type",
    "cpu",
    "new_zeros",
    "new_ones",
    "new_empty",
    "chunk",
    "split",
    "clamp",
    "clip",
    "sort",
    "max",
    "min",
    "argsort",
    "norm",
    "var",
    "std",
    "mean",
    "sum",
    "prod",
    "amax",
    "amin",
    "all",
    "any",
    "unsqueeze",
    "count_nonzero",
    "argmax",
    "argmin",
    "get_device",
    "data_ptr",
    "cuda",
    "diag_embed",
    "frexp",
    "is_conj",
    "is_pinned",
    "is_shared",
    "storage",
    "storage_offset",
    "sum_to_size",
    "untyped_storage",
    "sgn",  # PyTorch's gradient is a tensor without values
    # Other digits near their zeros and poles: tests/operations/test_special.py
    *("digamma", "i0", "lgamma", "sinc"),
]
UNARY = sorted(
    n
    for n in dir(zincir.Tensor)
    if hasattr(torch.Tensor, n) and n not in NOT_OF_NUMBERS and is_unary(n)
)
FUNCTIONS = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "logsigmoid",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
    "softsign",
]
IN_PLACE = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
]


def test_unary_is_found():
    assert {"exp", "log10", "sign", "floor", "isnan", "logical_not", "rsqrt", "asin"} <= set(UNARY)


def of(library):
    return F if library is zincir else torch.nn.functional


@pytest.mark.parametrize("name", UNARY)
def test_method_of_one(name):
    found = []
    for kind in NAMES:
        p = given(kind, name)
        found += compare(name, lambda _, x: getattr(x, name)(), (p, kind))
        found += compare(name, lambda _, x: getattr(x, name)(), (p[1], kind))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation(name):
    found = []
    for kind in NAMES:
        p = given(kind, name)
        found += compare(name, lambda t, x: getattr(of(t), name)(x), (p, kind))
        if name in IN_PLACE and kind.startswith("float"):
            in_place = lambda t, x: getattr(of(t), name)(x * 1, inplace=True)  # noqa: E731
            found += compare(name, in_place, (p, kind))
    assert not found, "\n".join(found)


REDUCTIONS = {
    name: (lambda _, x, name=name: getattr(x, name)())
    for name in [
        "sum",
        "prod",
        "mean",
        "var",
        "std",
        "amax",
        "amin",
        "max",
        "argmax",
        "argmin",
        "all",
        "any",
        "norm",
    ]
}
REDUCTIONS |= {
    f"{name} along 0": (lambda _, x, name=name: getattr(x, name)(0))
    for name in ["cumsum", "cumprod", "softmax", "log_softmax", "logsumexp", "argsort"]
}
REDUCTIONS["max along 0"] = lambda _, x: x.max(0)[0]
COLUMNS = [[1.0, 2.0], [-math.inf, -math.inf], [math.nan, 1.0], [0.0, 3.0, 0.0], [2.0, 0.0, 5.0]]
INFINITE = {"prod", "cumprod along 0"}  # there a product divided by infinity, nan; here the others


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name):
    found = []
    for kind in NAMES:
        columns = COLUMNS if kind.startswith("float") else [points(kind)[:2]]
        for column in columns:
            if name in INFINITE and not np.isfinite(column).all():
                continue
            if "soft" in name or name in ("var", "std", "prod") or kind != "bool":
                found += compare(name, REDUCTIONS[name], (column, kind))
    assert not found, "\n".join(found)


TWO = {
    name: (lambda _, x, y, name=name: getattr(x, name)(y))
    for name in [
        "add",
        "sub",
        "mul",
        "div",
        "pow",
        "remainder",
        "fmod",
        "floor_divide",
        "maximum",
        "minimum",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "logical_and",
        "logical_or",
        "logical_xor",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "__rsub__",
    ]
}
TWO |= {
    "div trunc": lambda _, x, y: x.div(y, rounding_mode="trunc"),
    "div floor": lambda _, x, y: x.div(y, rounding_mode="floor"),
    "add alpha": lambda _, x, y: x.add(y, alpha=2),
    "sub alpha": lambda _, x, y: x.sub(y, alpha=2),
    "clamp min": lambda _, x, y: x.clamp(min=y),
    "clamp max": lambda _, x, y: x.clamp(max=y),
    "where": lambda t, x, y: t.where(x > 0 if x.dtype is not OURS["bool"] else x, x, y),
    "lerp near": lambda _, x, y: x.lerp(y, 0.25),
    "lerp far": lambda _, x, y: x.lerp(y, 0.75),
}
WHOLE = {"remainder", "fmod", "floor_divide", "div trunc", "div floor"}
TENSORS_ONLY = {"maximum", "minimum", "logical_and", "logical_or", "logical_xor"}
MIXED = [
    ("bool", "float32"), ("bool", "uint8"), ("uint8", "int32"), ("int64", "int32"),
    ("int64", "float32"), ("float32", "float64"), ("float64", "uint8"), ("uint8", "bool"),
]  # fmt: skip
NUMBERS = (True, 3, 1, 0, -2, 300, 0.5, -1.0, 2.5, math.inf, math.nan)


def second(name, kind):
    """The points to try, those left out for which PyTorch's vectors are no measure."""
    if kind.startswith("float"):
        return MODERATE
    p = points(kind)
    if name in WHOLE:  # no zeros, and no quotient that is no number
        p = [v for v in p if v not in (0, -1)]
    return [v for v in p if 0 <= v <= 100] if name == "pow" else p


def accepted(name, kind, number):
    """Whether PyTorch takes the number, or refuses it for reasons that are not of numbers."""
    if name in TENSORS_ONLY or name.startswith("lerp"):
        return False
    if name in WHOLE and not kind.startswith("float") and type(number) is not float:
        return number not in (True, 0) or kind != "bool"
    return not (name == "__rsub__" and number is True)


@pytest.mark.parametrize("name", TWO)
def test_method_of_two(name):
    found = []
    for a, b in [*((n, n) for n in NAMES), *MIXED]:
        if name == "pow" and b == "bool":
            continue  # its gradient subtracts 1 from a bool there
        first = MODERATE if a.startswith("float") else points(a)
        pairs = list(itertools.product(first, second(name, b)))
        if not pairs:
            continue
        xs, ys = map(list, zip(*pairs, strict=True))
        found += compare(name, TWO[name], (xs, a), (ys, b))
        found += compare(name, TWO[name], (first[:3], a), (second(name, b)[0], b))
        found += compare(name, TWO[name], (first[1], a), (second(name, b)[:3], b))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", TWO)
def test_method_with_a_number(name):
    found = []
    for kind in NAMES:
        p = MODERATE if kind.startswith("float") else points(kind)
        for number in NUMBERS:
            if accepted(name, kind, number):
                found += compare(name, TWO[name], (p, kind), number)
    assert not found, "\n".join(found)


BEFORE = {
    "rsub": lambda _, x, n: n - x,
    "rdiv": lambda _, x, n: n / x,
    "rpow": lambda _, x, n: n**x,
    "rmod": lambda _, x, n: n % x.detach(),
    "rfloordiv": lambda _, x, n: n // x.detach(),
}


@pytest.mark.parametrize("name", BEFORE)
def test_number_before(name):
    found = []
    for kind in NAMES[1:]:
        for number in NUMBERS[1:]:
            p = MODERATE if kind.startswith("float") else points(kind)
            if name in ("rmod", "rfloordiv"):
                p = [v for v in p if v not in (0, -1)]
            found += compare(name, BEFORE[name], (p, kind), number)
    assert not found, "\n".join(found)

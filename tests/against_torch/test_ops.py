"""Every operation gives PyTorch's values, types and gradients."""

import itertools
import operator
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

from comparison import compare  # noqa: E402

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((3, 4))
ROW = RNG.standard_normal(4)
CUBE = RNG.standard_normal((2, 3, 4))
POSITIVE = RNG.random((3, 4)) + 0.5
UNIT = RNG.random((3, 4)) * 1.6 - 0.8
SQUARE = RNG.standard_normal((4, 4))
INTS = RNG.integers(-5, 6, (3, 4))
NONZERO = np.where(INTS == 0, 3, INTS)
MASK = RNG.random((3, 4)) < 0.5
INDEX = RNG.integers(0, 4, (3, 2))
ROWS = np.array([2, 0, 2, 1])
FLAT = np.array([3, 0, 3])

NAMES = (
    "neg abs sign square exp expm1 sin cos tan atan sinh cosh tanh sigmoid erf relu floor ceil"
    " trunc round isnan isinf isfinite sum mean prod var std amax amin max min argmax argmin all"
    " any flatten ravel t clone numel cumsum:0 cumprod:1 logsumexp:1 softmax:-1 log_softmax:0 norm"
    " unsqueeze:1 squeeze sort argsort topk:2 unbind roll:1 tril triu diag diagonal count_nonzero"
    " logical_not exp2 unbind:1 chunk:2 split:2 nonzero max:1 min:0 sum:1 mean:0 amax:1 amin:0"
    " argmax:1 argmin:0 var:0 std:1 prod:1 all:1 any:0 cumsum:-1 sort:0"
)
ONE = {name: A for name in NAMES.split()}
ONE |= {name: POSITIVE for name in ("sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "log1p")}
ONE |= {"unique": INTS, "asin": UNIT, "acos": UNIT}

# name: (function of the library and its tensors, arrays)
CASES = {
    "add": (lambda t, a, b: a + b, A, ROW),
    "add alpha": (lambda t, a, b: t.add(a, b, alpha=3), A, B),
    "sub": (lambda t, a, b: a - b, A, CUBE),
    "rsub": (lambda t, a: 2 - a, A),
    "mul": (lambda t, a, b: a * b, A, ROW),
    "mul same": (lambda t, a: a * a, A),
    "div": (lambda t, a, b: a / b, A, POSITIVE),
    "rdiv": (lambda t, a: 2 / a, POSITIVE),
    "pow": (lambda t, a, b: a**b, POSITIVE, B),
    "pow 2": (lambda t, a: a**2, A),
    "pow 3": (lambda t, a: a**3, A),
    "pow -1": (lambda t, a: a**-1, POSITIVE),
    "pow 0": (lambda t, a: a**0, A),
    "pow half": (lambda t, a: a**0.5, POSITIVE),
    "rpow": (lambda t, a: 2**a, A),
    "remainder": (lambda t, a, b: a % b, A, POSITIVE),
    "fmod": (lambda t, a, b: t.fmod(a, b), A, POSITIVE),
    "floordiv": (lambda t, a, b: a.detach() // b.detach(), A, POSITIVE),
    "div floor": (lambda t, a, b: t.div(a, b, rounding_mode="floor"), A, POSITIVE),
    "div trunc": (lambda t, a, b: t.div(a, b, rounding_mode="trunc"), A, POSITIVE),
    "maximum": (lambda t, a, b: t.maximum(a, b), A, B),
    "minimum equal": (lambda t, a: t.minimum(a, a * 1), A),
    "lerp": (lambda t, a, b: t.lerp(a, b, 0.3), A, B),
    "addcmul": (lambda t, a, b: t.addcmul(a, b, a, value=0.5), A, B),
    "clamp": (lambda t, a: a.clamp(-0.5, 0.5), A),
    "clamp min": (lambda t, a: t.clamp(a, min=0.1), A),
    "clamp tensors": (lambda t, a, b: t.clamp(a, b, b + 1), A, B),
    "round decimals": (lambda t, a: t.round(a, decimals=2), A),
    "eq": (lambda t, a, b: a == b, INTS, NONZERO),
    "lt": (lambda t, a, b: a < b, A, B),
    "ge scalar": (lambda t, a: a >= 0.1, A),
    "logical_and": (lambda t, a, b: t.logical_and(a, b), INTS, NONZERO),
    "logical_xor": (lambda t, a, b: t.logical_xor(a, b), INTS, NONZERO),
    "bitwise": (lambda t, a, b: (a & b) | (a ^ 3), INTS, NONZERO),
    "invert": (lambda t, a: ~a, INTS),
    "invert bool": (lambda t, a: ~a, MASK),
    "int add float": (lambda t, a: a + 1.5, INTS),
    "int div": (lambda t, a, b: a / b, INTS, NONZERO),
    "int floordiv": (lambda t, a, b: a // b, INTS, NONZERO),
    "int mod": (lambda t, a, b: a % b, INTS, NONZERO),
    "int fmod": (lambda t, a, b: t.fmod(a, b), INTS, NONZERO),
    "int pow": (lambda t, a: a**3, INTS),
    "bool sum": (lambda t, a: a.sum(0), MASK),
    "bool add": (lambda t, a: a + a, MASK),
    "mixed": (lambda t, a, b: a * b, INTS, A),
    "mean dims": (lambda t, a: a.mean((0, 2), keepdim=True), CUBE),
    "sum dims": (lambda t, a: t.sum(a, dim=(0, -1)), CUBE),
    "sum dtype": (lambda t, a: a.sum(dtype=t.float32), CUBE),
    "var 0": (lambda t, a: a.var(1, unbiased=False), CUBE),
    "var dims": (lambda t, a: t.var(a, dim=(1, 2), correction=0, keepdim=True), CUBE),
    "std": (lambda t, a: t.std(a, dim=0, keepdim=True), CUBE),
    "norm 1": (lambda t, a: a.norm(1), A),
    "norm 3": (lambda t, a: t.linalg.vector_norm(a, 3, dim=1), A),
    "norm inf": (lambda t, a: t.linalg.vector_norm(a, float("inf"), dim=1), A),
    "norm keep": (lambda t, a: t.norm(a, dim=1, keepdim=True), A),
    "norm 0": (lambda t, a: t.linalg.vector_norm(a, 0, dim=1), A),
    "logsumexp dims": (lambda t, a: t.logsumexp(a, (0, 2)), CUBE),
    "max pair": (lambda t, a, b: t.max(a, b), A, B),
    "topk small": (lambda t, a: a.topk(2, dim=0, largest=False).values, A),
    "sort down": (lambda t, a: t.sort(a, dim=1, descending=True), CUBE),
    "matmul": (lambda t, a, b: a @ b, A, SQUARE),
    "matmul vector": (lambda t, a, b: a @ b, A, ROW),
    "vector matmul": (lambda t, a, b: a @ b, ROW, SQUARE),
    "dot": (lambda t, a, b: a @ b, ROW, ROW + 1),
    "matmul batch": (lambda t, a, b: t.matmul(a, b), CUBE, SQUARE),
    "matmul broadcast": (lambda t, a, b: t.matmul(a, b.mT), CUBE, A),
    "matmul batch vector": (lambda t, a, b: a @ b, CUBE, ROW),
    "bmm": (lambda t, a: t.bmm(a, a.transpose(1, 2)), CUBE),
    "mm": (lambda t, a, b: a.mm(b), A, SQUARE),
    "addmm": (lambda t, r, a, b: t.addmm(r, a, b, beta=0.5, alpha=2), ROW, A, SQUARE),
    "outer": (lambda t, a: t.outer(a, a[1:]), ROW),
    "einsum product": (lambda t, a, b: t.einsum("ij,jk->ik", a, b), A, SQUARE),
    "einsum trace": (lambda t, a: t.einsum("ii", a), SQUARE),
    "einsum diagonal": (lambda t, a: t.einsum("ii->i", a), SQUARE),
    "einsum batch": (lambda t, a, b: t.einsum("bij,bkj->bik", a, b), CUBE, CUBE + 1),
    "einsum ellipsis": (lambda t, a, b: t.einsum("...ij,jk->...ki", a, b), CUBE, SQUARE),
    "einsum implicit": (lambda t, a, b: t.einsum("ba,bc", a, b), A, B),
    "einsum three": (lambda t, a, b, c: t.einsum("i,bij,jk->bk", a, b, c), A[:, 0], CUBE, SQUARE),
    "einsum outer": (lambda t, a, b: t.einsum("i,j->ij", a, b), ROW, A[:, 0]),
    "einsum sum": (lambda t, a: t.einsum("bij->j", a), CUBE),
    "cdist": (lambda t, a, b: t.cdist(a, b), A, SQUARE),
    "reshape": (lambda t, a: a.reshape(4, -1), A),
    "view": (lambda t, a: a.view(2, 6), A),
    "transpose reshape": (lambda t, a: a.t().reshape(-1), A),
    "permute": (lambda t, a: a.permute(2, 0, 1), CUBE),
    "transpose": (lambda t, a: t.transpose(a, 0, -1), CUBE),
    "movedim": (lambda t, a: t.movedim(a, 0, -1), CUBE),
    "movedim many": (lambda t, a: t.movedim(a, (0, 1), (2, 0)), CUBE),
    "expand": (lambda t, a: a.expand(5, -1, 4), A[:, :1]),
    "broadcast_to": (lambda t, a: t.broadcast_to(a, (2, 3, 4)), A),
    "squeeze dim": (lambda t, a: a.unsqueeze(0).squeeze(0), A),
    "flatten": (lambda t, a: t.flatten(a, 1), CUBE),
    "unflatten": (lambda t, a: a.unflatten(1, (2, -1)), A),
    "cat": (lambda t, a, b: t.cat([a, b, a], 1), A, B),
    "cat types": (lambda t, a, b: t.cat([a, b]), A, INTS),
    "stack": (lambda t, a, b: t.stack([a, b], -1), A, B),
    "hstack": (lambda t, a, b: t.hstack([a, b]), A, B),
    "vstack": (lambda t, a, b: t.vstack([a, b]), A, ROW),
    "split list": (lambda t, a: t.split(a, [1, 3], 1), A),
    "chunk": (lambda t, a: t.chunk(a, 3, 1), A),
    "narrow": (lambda t, a: a.narrow(1, 1, 2), A),
    "select": (lambda t, a: a.select(1, -1), A),
    "flip": (lambda t, a: a.flip(0, 2), CUBE),
    "roll flat": (lambda t, a: t.roll(a, 2), A),
    "roll": (lambda t, a: t.roll(a, (1, -1), (0, 1)), A),
    "repeat": (lambda t, a: a.repeat(2, 1, 3), A),
    "tile": (lambda t, a: t.tile(a, (2,)), A),
    "repeat_interleave": (lambda t, a: a.repeat_interleave(2, dim=1), A),
    "repeat_interleave flat": (lambda t, a: t.repeat_interleave(a, 2), A),
    "meshgrid": (lambda t, a: t.meshgrid(a, a[1:], indexing="ij"), ROW),
    "meshgrid xy": (lambda t, a: t.meshgrid(a, a[1:], indexing="xy"), ROW),
    "diag vector": (lambda t, a: t.diag(a, 1), ROW),
    "diag lower": (lambda t, a: t.diag(a, -2), ROW),
    "diagonal": (lambda t, a: t.diagonal(a, 1, 1, 2), CUBE),
    "tril": (lambda t, a: a.tril(-1), CUBE),
    "triu": (lambda t, a: a.triu(1), CUBE),
    "where": (lambda t, m, a, b: t.where(m, a, b), MASK, A, B),
    "where scalar": (lambda t, m, a: t.where(m, a, 0.0), MASK, A),
    "where numbers": (lambda t, m: t.where(m, 1.0, 0.0), MASK),
    "masked_fill": (lambda t, m, a: a.masked_fill(m, -1.5), MASK, A),
    "masked_select": (lambda t, m, a: t.masked_select(a, m), MASK, A),
    "gather": (lambda t, a, i: t.gather(a, 1, i), A, INDEX),
    "gather 0": (lambda t, a, i: a.gather(0, i % 3), A, INDEX),
    "take_along_dim": (lambda t, a: t.take_along_dim(a, a.argsort(1), 1), A),
    "index_select": (lambda t, a, i: t.index_select(a, 1, i), CUBE, ROWS),
    "index_add": (lambda t, a, i, s: t.index_add(a, 0, i, s, alpha=2), A, ROWS, SQUARE),
    "index_copy": (lambda t, a, i, s: t.index_copy(a, 0, i, s[:2]), A, ROWS[1:3], SQUARE),
    "index_fill": (lambda t, a, i: t.index_fill(a, 1, i, 7.0), A, ROWS),
    "index_put": (lambda t, a, i, v: t.index_put(a, (i,), v), A, ROWS[:2], ROW),
    "index_put add": (lambda t, a, i, v: t.index_put(a, (i,), v, accumulate=True), A, ROWS, ROW),
    "scatter": (lambda t, a, i, s: t.scatter(a, 1, i[:, :1], s), A, INDEX, B[:, :1]),
    "scatter value": (lambda t, a, i: a.scatter(1, i, 9.0), A, INDEX),
    "scatter_add": (lambda t, a, i, s: t.scatter_add(a, 1, i, s), A, INDEX, B[:, :2]),
    "scatter_add 0": (lambda t, a, i, s: t.scatter_add(a, 0, i % 3, s), A, INDEX, B[:, :2]),
    "nonzero": (lambda t, a: a.nonzero(), INTS),
    "nonzero tuple": (lambda t, a: t.nonzero(a, as_tuple=True), INTS),
    "unique all": (lambda t, a: t.unique(a, return_inverse=True, return_counts=True), INTS),
    "isclose": (lambda t, a: t.isclose(a, a + 1e-9), A),
    "zeros_like": (lambda t, a: t.zeros_like(a), INTS),
    "full_like": (lambda t, a: t.full_like(a, 3), A),
    "to float": (lambda t, a: a.float(), A),
    "to bool": (lambda t, a: a.bool(), INTS),
    "to long": (lambda t, a: (a * 3).long(), A),
    "type like": (lambda t, a, b: a.to(b), INTS, A),
    "sum empty": (lambda t, a: a[:0].sum(), A),
    "mean all": (lambda t, a: a.mean(), CUBE),
}  # fmt: skip

for _kind in ("sum", "mean", "amax", "amin"):
    for _own in (True, False):
        CASES[f"scatter_reduce {_kind} {_own}"] = (
            lambda t, a, i, s, kind=_kind, own=_own: a.scatter_reduce(
                1, i, s, kind, include_self=own
            ), A, INDEX, B[:, :2])  # fmt: skip
for _name, _array in ONE.items():
    _method, _, _argument = _name.partition(":")
    _arguments = [int(_argument)] if _argument else []
    CASES[f"one {_name}"] = (
        lambda t, a, m=_method, args=_arguments: getattr(t, m)(a, *args),
        _array,
    )

INDICES = {
    "int": 1, "negative": -1, "slice": slice(1, None), "step": slice(None, None, 2), "none": None,
    "ellipsis": (Ellipsis, 0), "pair": (1, slice(None), -1), "mixed": (slice(None), None, 1),
    "list": [1, 0, 1], "array": np.array([[1, 0], [0, 1]]), "two arrays": ([0, 1], [2, 1]),
    "arrays apart": ([0, 1, 1], slice(None), [3, 0, 2]), "array last": (Ellipsis, [0, -1]),
    "array and slice": (slice(None), [0, 2], slice(1, 3)), "array and none": (None, [0, 1]),
    "int and array": (0, slice(None), [1, 2]), "array then int": ([0, 1], slice(None), 1),
    "broadcast arrays": (np.array([[0], [1]]), np.array([0, 2])), "all": Ellipsis,
    "adjacent": (slice(None), [0, 1], [2, 3]), "empty": slice(0, 0), "empty list": [],
    "mask": CUBE > 0, "row mask": np.array([True, False]), "true": True, "false": False,
    "mask second": (slice(None), np.array([True, False, True])),
    "mask and list": (np.array([True, True]), [0, 2]), "two none": (None, 0, None),
    "mask pair": (slice(None), CUBE[0] > 0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    function, *arrays = CASES[name]
    compare(function, arrays)


@pytest.mark.parametrize("name", INDICES)
def test_indexing(name):
    compare(lambda t, x: x[converted(t, INDICES[name])], [CUBE])


def converted(library, index):
    """Arrays in an index as tensors."""
    if isinstance(index, tuple):
        return tuple(converted(library, i) for i in index)
    return library.tensor(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("source", ["number", "tensor", "row"])
def test_assignment(name, source):
    def assign(t, x, v):
        y = x * 1.0
        index = converted(t, INDICES[name])
        shape = y[index].shape
        if source == "number":
            y[index] = 7.0
        elif source == "row":
            y[index] = v.reshape(-1)[: shape[-1]] if len(shape) else v[0]
        else:
            n = int(np.prod(shape))
            y[index] = v[:n].reshape(shape)
        return y

    repeated = name in ("list", "array")  # which of several writes wins is not defined
    if repeated and source != "number":
        pytest.skip("the last write wins here, an unspecified one there")
    compare(assign, [CUBE, np.arange(100.0)])


ARITHMETIC = (
    "add sub mul truediv floordiv mod pow matmul and_ or_ xor iadd isub imul itruediv ifloordiv"
    " imod ipow imatmul iand ior ixor"
)
TYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")


@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")
@pytest.mark.parametrize("name", ARITHMETIC.split())
@pytest.mark.parametrize(("of_tensor", "of_array"), [((2, 2), (2, 2)), ((2, 2), ()), ((), (2, 2))])
def test_an_array_beside_a_tensor(
    name: str, of_tensor: tuple[int, ...], of_array: tuple[int, ...]
) -> None:
    """What PyTorch leaves to NumPy; it refuses what NumPy refuses."""

    def outcome(library: Any, kind: str, array: np.ndarray) -> Any:
        t = library.tensor(left.tolist()).to(getattr(library, kind))
        try:
            y = getattr(operator, name)(t, array)
        except (TypeError, ValueError, zincir.errors.ZincirError):
            return "refused", t.tolist()
        values = np.array(y.tolist(), np.float64).round(4).tolist()
        return str(y.dtype).partition(".")[2], values, t.tolist()

    left, right = np.resize([3, 2, 1, 5], of_tensor), np.resize([1, 2, 3, 2], of_array)
    for kind, beside in itertools.product(TYPES, TYPES):
        if kind != beside or kind != "bool":  # uint8 or int8, in PyTorch
            array = right.astype(beside)
            expected, found = (outcome(library, kind, array) for library in (torch, zincir))
            assert found == expected, (kind, beside)


def test_einsum_of_mixed_types() -> None:
    """PyTorch takes them where nothing is to be summed over."""
    for library in (torch, zincir):
        a = library.tensor([[1.0], [2.0]], dtype=library.float64)
        b = library.tensor([[3.0], [4.0], [5.0]])
        y = library.einsum("ij,kj->ik", a, b)
        assert y.dtype == library.float64
        assert y.tolist() == [[3, 4, 5], [6, 8, 10]]
    x = zincir.ones(2, 3, dtype=zincir.float64, requires_grad=True)
    w = zincir.full((4, 3), 2.0, requires_grad=True)
    y = zincir.einsum("ij,kj->ik", x, w)
    y.sum().backward()
    assert (y.dtype, y.tolist()) == (zincir.float64, [[6.0] * 4] * 2)
    assert (x.grad.dtype, x.grad.tolist()) == (zincir.float64, [[8.0] * 3] * 2)
    assert (w.grad.dtype, w.grad.tolist()) == (zincir.float32, [[2.0] * 3] * 4)

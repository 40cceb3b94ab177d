"""Small integers: types, wrapped numbers and what is refused, as PyTorch has them."""

import itertools
import operator
import warnings

import numpy as np
import pytest

import zincir
from zincir.errors import ZincirError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

NAMES = ("uint8", "int8", "int16", "int32", "int64")
PAIRS = [(a, b) for a, b in itertools.product(NAMES, NAMES) if {a, b} & {"int8", "int16"}]
BOTH = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "and_", "or_", "xor", "lt", "eq", "ne",
    "maximum", "minimum", "fmod", "where", "to_other",
)  # fmt: skip


def arrays(first, second):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-300, 300, 40).astype(kind) for kind in (first, second))
    b[b == 0] = 3
    return a, b


def result(what, lib, a, b):
    a, b = lib.tensor(a), lib.tensor(b)
    if what == "where":
        return lib.where(a > b, a, b)
    if what == "to_other":
        return a.to(b.dtype)
    if hasattr(operator, what):
        return getattr(operator, what)(a, b)
    return getattr(a, what)(b)


def same(mine, theirs):
    assert mine.dtype.name == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), 1e-6)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_types(first, second):
    a, b = arrays(first, second)
    for what in BOTH:
        same(result(what, zincir, a, b), result(what, torch, a, b))


ONE = [
    lambda a: a - 200, lambda a: a * 7, lambda a: a * 1.5, lambda a: a + True, lambda a: a**3,
    lambda a: -a, lambda a: a.abs(), lambda a: ~a, lambda a: a.sign(), lambda a: a.sum(),
    lambda a: a[:3].prod(), lambda a: a.cumsum(0), lambda a: a.amax(), lambda a: a.argmin(),
    lambda a: a.sort()[0], lambda a: a.float(), lambda a: a.abs().sqrt(), lambda a: a.clamp(3, 60),
    lambda a: a.clone().mul_(3), lambda a: a[a != 0], lambda a: a.reshape(-1, 4).t(),
    lambda a: a.any(), lambda a: a.double(), lambda a: a.char(), lambda a: a.short(),
    lambda a: a.byte(), lambda a: a.bool(), lambda a: a.flip(0) - a, lambda a: a[a[:1].sign() - 1],
]  # fmt: skip


@pytest.mark.parametrize("name", ["int8", "int16"])
@pytest.mark.parametrize("number", range(len(ONE)))
def test_one_tensor(name, number):
    a, _ = arrays(name, name)
    outcomes = []
    for lib in (zincir, torch):
        try:
            outcomes.append(ONE[number](lib.tensor(a)))
        except (ZincirError, RuntimeError, IndexError, TypeError) as error:
            outcomes.append(error)
    mine, theirs = outcomes
    if isinstance(theirs, Exception):
        assert isinstance(mine, Exception)
    else:
        same(mine, theirs)


@pytest.mark.parametrize("name", ["int8", "int16"])
def test_what_is_refused(name):
    for lib in (zincir, torch):
        kind, x = getattr(lib, name), lib.zeros(4, 3)
        rows = lib.tensor([1, 0], dtype=kind)
        for call in (
            lambda x=x, rows=rows: x[rows],
            lambda x=x, rows=rows: x.index_select(0, rows),
            lambda x=x, rows=rows: x.gather(0, rows.reshape(2, 1)),
            lambda lib=lib, x=x, rows=rows: lib.nn.functional.embedding(rows, x),
            lambda lib=lib, x=x, rows=rows: lib.nn.functional.cross_entropy(x[:2], rows),
            lambda lib=lib, kind=kind: lib.tensor([70_000], dtype=kind),
            lambda lib=lib, kind=kind: lib.zeros(2, dtype=kind).fill_(70_000),
            lambda rows=rows: rows.add_(1.5),
        ):
            with pytest.raises((RuntimeError, IndexError, ValueError, TypeError)):
                call()


def test_promotion_is_pytorchs():
    kinds = [d.name for d in zincir.types.ALL_DTYPES]
    for a, b in itertools.product(kinds, kinds):
        theirs = torch.promote_types(getattr(torch, a), getattr(torch, b))
        mine = zincir.types.promote(
            getattr(zincir.types, _ours(a)), getattr(zincir.types, _ours(b))
        )
        assert mine.name == str(theirs).removeprefix("torch."), (a, b)


def _ours(name):
    return "bool_" if name == "bool" else name


def test_printing():
    with warnings.catch_warnings():
        x = zincir.tensor([1, -2, 100], dtype=zincir.int8)
        theirs = torch.tensor([1, -2, 100], dtype=torch.int8)
    assert repr(x).replace("zincir", "torch") == repr(theirs)
    assert x.type() == theirs.type()
    assert x[1].item() == -2
    assert x.tolist() == theirs.tolist()

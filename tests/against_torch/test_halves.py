"""float16 and bfloat16 are PyTorch's: to the bit element by element, else to a rounding or two."""

import operator

import numpy as np
import pytest

import zincir
from zincir import nn as zincir_nn
from zincir.nn import functional as zincir_f

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

HALVES = pytest.mark.parametrize("name", ["bfloat16", "float16"])
ULP = {"bfloat16": 2.0**-7, "float16": 2.0**-10}


def of(theirs):
    """PyTorch's tensor as one of ours."""
    name = str(theirs.dtype).removeprefix("torch.")
    mine = zincir.from_numpy(theirs.detach().float().numpy().copy()).to(getattr(zincir, name))
    return mine.requires_grad_(theirs.requires_grad)


def every(name):
    """All numbers of the type, but those that are none in float32 without denormals."""
    x = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
    x = x.view(getattr(torch, name))
    return x if name == "float16" else x[~((x.float().abs() < 1.3e-38) & (x != 0))]


def some(name, *shape, seed=0, scale=3.0):
    made = np.random.default_rng(seed).normal(size=shape) * scale
    return torch.tensor(made, dtype=torch.float32).to(getattr(torch, name))


def same(mine, theirs, where=None, allowed=0):
    assert mine.dtype.name == str(theirs.dtype).removeprefix("torch.")
    a, b = mine.detach().double().numpy(), theirs.detach().double().numpy()
    differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    differ &= ~((abs(b) < 1.3e-38) & (abs(a) < 1.3e-38))
    if where is not None:
        differ &= where
    assert differ.sum() <= allowed, (differ.sum(), a[differ][:5], b[differ][:5])


def close(mine, theirs, name, roundings=2.0):
    assert mine.dtype.name == str(theirs.dtype).removeprefix("torch.")
    a, b = mine.detach().double().numpy(), theirs.detach().double().numpy()
    near = abs(a - b) <= roundings * ULP[name] * (abs(b) + abs(b).mean() * 0.2)
    assert near.all(), (a[~near][:5], b[~near][:5])


# How many of 65,536 results may differ by a rounding: PyTorch's vectors are not exact.
EXACT = "abs neg sqrt floor ceil round trunc sign square isnan reciprocal rsqrt"
NEARLY = "exp expm1 log1p sin cos tan tanh sigmoid sinh log log2 log10 atan asin acos"
ACTIVATIONS = "relu silu mish softplus hardswish hardsigmoid hardtanh softsign selu elu relu6"
ONE = [*((n, 0) for n in EXACT.split()), *((n, 4) for n in NEARLY.split()), ("exp2", 16)]


@HALVES
@pytest.mark.parametrize(("what", "allowed"), ONE)
def test_functions_of_all_numbers(name, what, allowed):
    x = every(name)
    y = getattr(torch, what)(x)
    # Results that are 0 in float32 without denormals are so here.
    same(getattr(zincir, what)(of(x)), y, y.float().abs().numpy() != 0, allowed)


def usual(x, y):
    """Where neither a step overflows on the way nor the result is too small for float32."""
    return (abs(x.float().numpy()) < 1e30) & (abs(y.float().numpy()) > 1e-36)


@HALVES
@pytest.mark.parametrize("what", ACTIVATIONS.split())
def test_activations_of_all_numbers(name, what):
    x = every(name)
    y = getattr(torch.nn.functional, what)(x)
    same(getattr(zincir_f, what)(of(x)), y, usual(x, y), 4)


TWO = [
    *(getattr(operator, n) for n in ["add", "sub", "mul", "truediv", "mod", "lt", "ge", "eq"]),
    lambda a, b: a.maximum(b), lambda a, b: a.fmod(b), lambda a, b: a.abs() ** b,
    lambda a, b: a.where(a > b, b), lambda a, b: ((a * b + a) / b - b) * a,
    lambda a, b: a + 0.1, lambda a, b: a * 0.1, lambda a, b: 0.1 * a, lambda a, b: a / 0.1,
    lambda a, b: 0.1 / a, lambda a, b: 1 / a, lambda a, b: 0.1 - a, lambda a, b: a % 0.7,
    lambda a, b: a // 0.7, lambda a, b: a**2, lambda a, b: a**3, lambda a, b: a.abs() ** 0.5,
    lambda a, b: a**-1, lambda a, b: 2.3**a, lambda a, b: a.clamp(-0.3, 0.7), lambda a, b: a < 0.1,
    lambda a, b: a.add(b, alpha=0.3), lambda a, b: a.clone().mul_(0.3), lambda a, b: a == 0.1,
    lambda a, b: a.div(b, rounding_mode="trunc"), lambda a, b: a.float() * b, lambda a, b: a.int(),
    lambda a, b: a.double(), lambda a, b: b.long().to(a.dtype),
]  # fmt: skip


@HALVES
@pytest.mark.parametrize("number", range(len(TWO)))
def test_two_tensors_or_a_number(name, number):
    a, b = some(name, 4000), some(name, 4000, seed=1)
    same(TWO[number](of(a), of(b)), TWO[number](a, b))


@HALVES
def test_numbers_in_tensors_take_part_as_they_are(name):
    a = some(name, 500)
    for kind in ("float32", "float64"):
        tenth = torch.tensor(0.1, dtype=getattr(torch, kind))
        mine = zincir.tensor(0.1, dtype=getattr(zincir, kind))
        for what in (operator.mul, operator.add, operator.truediv, operator.sub):
            same(what(of(a), mine), what(a, tenth))
            if what is not operator.truediv:
                same(what(mine, of(a)), what(tenth, a))


SUMS = [
    lambda a: a.sum(1), lambda a: a.mean(1), lambda a: a.mean(), lambda a: a.amax(1),
    lambda a: a.cumsum(1), lambda a: a.var(1), lambda a: a.std(), lambda a: a.norm(dim=1),
    lambda a: a.logsumexp(1), lambda a: a.softmax(1), lambda a: a.sort(1)[0], lambda a: a.tril(),
    lambda a: a.flip(1), lambda a: a[a > 0], lambda a: a[[3, 1]], lambda a: a.argmax(1),
    lambda a: a.cumprod(1), lambda a: a @ a.t(),
]  # fmt: skip


@HALVES
@pytest.mark.parametrize("number", range(len(SUMS)))
def test_sums_are_rounded_once(name, number):
    a = some(name, 20, 60, scale=1.0)
    mine, theirs = SUMS[number](of(a)), SUMS[number](a)
    if mine.dtype.half:
        close(mine, theirs, name, 1.01)
    same(mine, theirs, allowed=12)  # sums in another order, on the edge between two roundings


RULES = [
    lambda f, a, b: a.tanh(), lambda f, a, b: a / (b + 9), lambda f, a, b: a * b[0],
    lambda f, a, b: a.sin() @ b.t(), lambda f, a, b: f.gelu(a), lambda f, a, b: a.softmax(-1),
    lambda f, a, b: f.layer_norm(a, (20,), b[0], b[1]), lambda f, a, b: f.mse_loss(a, b),
    lambda f, a, b: f.linear(a, b, b[:, 0]), lambda f, a, b: a[[1, 1, 0]] * 3,
    lambda f, a, b: f.embedding(b.argmax(1) % 10, a), lambda f, a, b: a.where(a > b, b),
    lambda f, a, b: f.conv1d(a[None], b.reshape(10, 10, 2)), lambda f, a, b: a.norm(dim=1),
    lambda f, a, b: a.float() * b, lambda f, a, b: 2 / (a * 0.3 + 9) - b,
    lambda f, a, b: f.relu(a * 1, inplace=True), lambda f, a, b: f.max_pool1d(a[None], 2),
    lambda f, a, b: f.dropout(a, 0.5, False), lambda f, a, b: a.cumsum(1) * b,
    lambda f, a, b: f.cross_entropy(a, b.argmax(1)),
]  # fmt: skip


NORM = 6


@HALVES
@pytest.mark.parametrize("number", range(len(RULES)))
def test_gradients(name, number):
    a, b = (some(name, 10, 20, seed=s, scale=1.0).requires_grad_() for s in (0, 1))
    mine = [of(a), of(b)]
    theirs = RULES[number](torch.nn.functional, a, b)
    ours = RULES[number](zincir_f, *mine)
    close(ours, theirs, name)
    g = some(name, *theirs.shape, seed=2).to(theirs.dtype)
    theirs.backward(g)
    ours.backward(of(g))
    for x, y in zip(mine, (a, b), strict=True):
        assert (x.grad is None) is (y.grad is None)
        if y.grad is not None:
            # PyTorch adds up the gradients of a norm's weights in halves.
            close(x.grad, y.grad, name, 30.0 if number == NORM else 4.0)


@HALVES
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_parameters_of_halves_are_updated(name, optimizer):
    settings = {"lr": 0.05} if optimizer in ("SGD", "Adagrad") else {"lr": 0.05, "eps": 1e-3}
    start, gradients = some(name, 40), [some(name, 40, seed=s, scale=0.5) for s in range(1, 5)]
    found = []
    for lib, nn in ((zincir, zincir_nn), (torch, torch.nn)):
        p = nn.Parameter(of(start) if lib is zincir else start.clone())
        update = getattr(lib.optim, optimizer)([p], **settings)
        for g in gradients:
            p.grad = of(g) if lib is zincir else g.clone()
            update.step()
        found.append(p)
    close(*found, name, 3.0)


def test_printing():
    for name in ULP:
        for data in ([1.0, 2.0], [0.1, 3.14159]):
            mine = repr(zincir.tensor(data, dtype=getattr(zincir, name)))
            assert mine.replace("zincir", "torch") == repr(
                torch.tensor(data, dtype=getattr(torch, name))
            )
    assert zincir.zeros(1, dtype=zincir.bfloat16).type() == "torch.BFloat16Tensor"
    assert zincir.zeros(1).half().type() == "torch.HalfTensor"


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_finfo(name):
    mine, theirs = zincir.finfo(getattr(zincir, name)), torch.finfo(getattr(torch, name))
    for what in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(mine, what) == getattr(theirs, what), what
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    mine, theirs = zincir.iinfo(getattr(zincir, name)), torch.iinfo(getattr(torch, name))
    assert (mine.bits, mine.min, mine.max) == (theirs.bits, theirs.min, theirs.max)
    assert repr(mine) == repr(theirs)

"""float16 and bfloat16 without PyTorch: conversions, storage, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import zincir
from zincir import nn, settings
from zincir.errors import DTypeError
from zincir.half import array_in, bits_of, converted, filled, plain, put, rounded
from zincir.nn import functional as F
from zincir.tensor import from_array
from zincir.types import bfloat16, float16, float64

ALL_BITS = np.arange(1 << 16, dtype=np.uint16)
HALVES = pytest.mark.parametrize("kind", [float16, bfloat16], ids=lambda d: d.name)


def all_of(kind):
    """A tensor of all numbers that the type has."""
    return from_array(ALL_BITS.view(kind.memory).copy())


def test_bfloat16_is_the_upper_half_of_float32():
    wide = (ALL_BITS.astype(np.uint32) << 16).view(np.float32)
    stored = ALL_BITS.view(bfloat16.memory)
    np.testing.assert_array_equal(plain(stored), wide)
    back = converted(wide, bfloat16).view(np.uint16)
    np.testing.assert_array_equal(back[~np.isnan(wide)], ALL_BITS[~np.isnan(wide)])
    # Between 1 and its neighbour: halves go to even.
    for value, bits in ((1 + 2**-8, 0x3F80), (1 + 3 * 2**-8, 0x3F82), (1 + 2**-8 + 2**-20, 0x3F81)):
        assert bits_of(value, bfloat16) == bits
    assert rounded(3.3961775292304957e38, bfloat16) == np.inf
    assert np.isnan(rounded(np.nan, bfloat16))


@HALVES
@pytest.mark.parametrize("target", [None, "avx2", "generic"])
def test_native_code_converts_as_numpy_does(kind, target):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 32, 50_003, dtype=np.uint32)
    odd = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 65519.9, 65520.0, 5.9e-8, 2.9e-8, 1e-45])
    small = (rng.normal(size=5_000) * 10.0**-5).astype(np.float32)
    some = np.concatenate([bits.view(np.float32), odd, small])
    some = some[~((np.abs(some) < 1.2e-38) & (some != 0))]  # zero in native code
    with settings.using(target=target):
        x = all_of(kind)
        known = np.abs(converted(ALL_BITS.view(kind.memory), float64))
        usual = ~((known < 1.2e-38) & (known > 0))
        np.testing.assert_array_equal(
            x.float().numpy()[usual], plain(ALL_BITS.view(kind.memory)).astype(np.float32)[usual]
        )
        made = zincir.from_numpy(some).to(kind).float().numpy()
    expected = plain(converted(some, kind)).astype(np.float32)
    usual = ~((np.abs(expected) < 1.2e-38) & (expected != 0))
    np.testing.assert_array_equal(made[usual], expected[usual])


@HALVES
def test_an_operation_rounds_once_and_so_does_each_of_a_chain(kind):
    rng = np.random.default_rng(0)
    x, y = (zincir.from_numpy(rng.normal(size=999).astype(np.float32)).to(kind) for _ in "xy")
    a, b = x.float().numpy(), y.float().numpy()

    def down(v):
        return plain(converted(v, kind)).astype(np.float32)

    expected = down(down(down(a * b) + a) / b)
    compiled = zincir.compile(lambda x, y: (x * y + x) / y)
    for z in ((x * y + x) / y, compiled(x, y), compiled(x, y), compiled(x, y)):
        assert z.dtype is kind
        np.testing.assert_array_equal(z.float().numpy(), expected)
    total = down(np.float32(a.astype(np.float64).sum()))
    assert x.sum().item() == pytest.approx(float(total), rel=2**-7)
    np.testing.assert_array_equal(F.softsign(x).float().numpy(), down(a / down(down(abs(a)) + 1)))


@HALVES
def test_softmax_is_rounded_once(kind):
    x = zincir.from_numpy(np.random.default_rng(0).normal(size=(7, 30)).astype(np.float32)).to(kind)
    mine, wide = x.softmax(-1), x.float().softmax(-1).to(kind)
    assert (mine == wide).all()
    assert (F.layer_norm(x, (30,)) == F.layer_norm(x.float(), (30,)).to(kind)).all()


@HALVES
def test_making_and_looking(kind):
    x = zincir.tensor([[1.5, -2.0], [0.1, 3.0]], dtype=kind)
    tenth = rounded(0.1, kind)
    assert x.tolist() == [[1.5, -2.0], [tenth, 3.0]]
    assert x[1, 0].item() == tenth
    assert bool(x[0, 0])
    assert f"dtype=zincir.{kind.name}" in repr(x)
    for same in (
        pickle.loads(pickle.dumps(x)), copy.deepcopy(x), x.clone(), zincir.tensor(x), x.to(kind),
    ):  # fmt: skip
        assert same.dtype is kind
        assert (same == x).all()
    assert zincir.ones(2, dtype=kind).tolist() == [1.0, 1.0]
    assert zincir.full((2,), 0.1, dtype=kind).tolist() == [tenth] * 2
    assert zincir.arange(3, dtype=kind).tolist() == [0.0, 1.0, 2.0]
    assert zincir.eye(2, dtype=kind).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert x.new_tensor([0.1]).tolist() == [tenth]
    x[0, 0] = 0.1
    x[1] = x[0]
    assert x.tolist() == [[tenth, -2.0]] * 2
    assert x.unique().dtype is kind
    assert x.nonzero().shape == (4, 2)
    drawn = zincir.rand(4000, dtype=kind)
    assert drawn.dtype is kind
    assert 0 <= drawn.amin().item() <= drawn.amax().item() < 1
    assert zincir.randn(10, dtype=kind).dtype is kind


def test_what_numpy_cannot_hold_is_refused():
    x = zincir.ones(3, dtype=bfloat16)
    for call in (x.numpy, lambda: np.asarray(x), lambda: np.from_dlpack(x)):
        with pytest.raises(TypeError, match="BFloat16"):
            call()
    with pytest.raises(DTypeError, match="not a data type"):
        zincir.from_numpy(np.zeros(3, "V2"))
    with pytest.raises(DTypeError, match="no bfloat16"):
        _ = bfloat16.numpy
    assert zincir.ones(3, dtype=float16).numpy().dtype == np.float16
    assert zincir.from_numpy(np.ones(2, np.float16)).dtype is float16


def test_arrays_of_halves():
    for kind in (float16, bfloat16):
        array = filled((2, 3), 0.1, kind)
        assert array.dtype == kind.memory
        put(array[0], np.array([1, 2, 3]))
        assert plain(array).tolist() == [[1.0, 2.0, 3.0], [rounded(0.1, kind)] * 3]
        assert array_in([[1.0]], kind).shape == (1, 1)
        assert converted(array.T, kind).shape == (3, 2)
        assert plain(converted(array.T, float16)).tolist()[0][0] == 1.0


@HALVES
def test_a_net_of_halves_learns(kind):
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Linear(16, 3)).to(kind)
    step_of = zincir.optim.Adam(net.parameters(), lr=1e-2, eps=1e-3)
    x, y = zincir.randn(48, 6, dtype=kind), zincir.randint(0, 3, (48,))

    @zincir.compile
    def step(x, y):
        step_of.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        step_of.step()
        return loss

    losses = [step(x, y).item() for _ in range(60)]
    assert all(p.dtype is kind and p.grad.dtype is kind for p in net.parameters())
    assert net[1].running_mean.dtype is kind
    assert losses[-1] < losses[0] * 0.7


def test_limits():
    limits = zincir.finfo(bfloat16)
    assert (limits.bits, limits.eps, limits.max) == (16, 2.0**-7, 3.3895313892515355e38)
    assert zincir.finfo(float16).max == 65504
    assert zincir.finfo().eps == 2.0**-23
    assert zincir.finfo(float16) == zincir.finfo("float16")
    assert zincir.iinfo(zincir.int16).max == 32767
    with pytest.raises(DTypeError, match=r"iinfo\(zincir.int8\)"):
        zincir.finfo(zincir.int8)
    with pytest.raises(DTypeError, match="does not know float32"):
        zincir.iinfo(zincir.float32)

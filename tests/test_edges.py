"""Numbers at the edges: what PyTorch 2.13 gives there, as literals."""

import math
from array import array
from collections import deque

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import grad
from zincir.errors import ArgumentError, DivisionByZero, DTypeError, ShapeError
from zincir.nn import functional as F

INF, NAN = math.inf, math.nan


def leaf(*values, dtype=zincir.float32):
    return zincir.tensor(list(values), dtype=dtype, requires_grad=True)


def gradient(function, *values):
    x = leaf(*values)
    function(x).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    "function",
    [
        zincir.relu, F.relu, F.relu6, F.hardtanh, F.hardswish, F.hardsigmoid, F.elu, F.leaky_relu,
        lambda x: x.clamp(0, 1), lambda x: x.clamp(min=0), lambda x: x.clamp(max=0),
        lambda x: zincir.zeros(1).clamp(min=x), lambda x: zincir.zeros(1).clamp(max=x),
        lambda x: zincir.ones(1).clamp(min=NAN), lambda x: zincir.ones(1).clamp(max=NAN),
    ],
)  # fmt: skip
def test_nan_stays(function):
    assert math.isnan(function(zincir.tensor([NAN])).item())


def test_gradients_of_powers_at_zero():
    x = leaf(0.0, 2.0)
    (x[:, None] ** zincir.tensor([0.0, 1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1, 17]
    y = leaf(0.0, 1.0, -1.0)
    (zincir.tensor([0.0]) ** y).sum().backward()
    assert y.grad.tolist() == [0, 0, -INF]
    assert gradient(lambda x: x**-2, -1.0, 0.0) == [2, -INF]
    assert gradient(lambda x: x**0, 0.0) == [0]
    assert gradient(lambda x: x**0.5, 4.0, 0.0) == [0.25, INF]


def test_a_power_keeps_its_base_to_any_order():
    x = leaf(3.0, dtype=zincir.float64)
    y = x**3
    for expected in (27, 18, 6, 0):
        (y,) = grad(y.sum(), x, create_graph=True)
        assert y.item() == expected


@pytest.mark.parametrize(
    ("values", "first", "second"),
    [
        ([2.0, 0.0, 4.0, 5.0], [0, 40, 0, 0], [40, 82, 20, 16]),
        ([2.0, 0.0, 4.0, 0.0], [0, 0, 0, 0], [0, 32, 0, 16]),
        ([2.0, 3.0, 4.0, 5.0], [60, 40, 30, 24], [133, 82, 59, 46]),
    ],
)
def test_products_with_zeros(values, first, second):
    x = leaf(*values)
    (g,) = grad(x.prod(), x, create_graph=True)
    assert g.tolist() == first
    assert grad((g * zincir.tensor([1.0, 2, 3, 4])).sum(), x)[0].tolist() == second


def test_running_products_with_zeros():
    x = leaf(2.0, 0.0, 4.0, 5.0)
    (g,) = grad(x.cumprod(0).sum(), x, create_graph=True)
    assert g.tolist() == [1, 2 + 8 + 40, 0, 0]
    assert grad((g * zincir.tensor([1.0, 2, 3, 4])).sum(), x)[0].tolist() == [50, 93, 24, 16]


@pytest.mark.parametrize("dtype", [zincir.float32, zincir.float64])
def test_exact_powers(dtype):
    high = 38 if dtype is zincir.float32 else 308
    exponents = np.arange(1 - high, high)
    tens = zincir.tensor([float(f"1e{k}") for k in exponents], dtype=dtype)
    assert tens.log10().tolist() == exponents.tolist()
    twos = zincir.tensor([2.0**k for k in exponents // 4], dtype=dtype)
    assert twos.log2().tolist() == (exponents // 4).tolist()
    assert zincir.tensor((exponents // 4).tolist(), dtype=dtype).exp2().tolist() == twos.tolist()
    powers = 10.0 ** zincir.arange(0, 11).to(dtype)
    assert powers.tolist() == [10.0**k for k in range(11)]


def test_logarithms_beside_powers():
    below = zincir.tensor([math.nextafter(8.0, 0)], dtype=zincir.float64)
    assert abs(below.log2().item() - 3) < 1e-15
    below = zincir.tensor([7.9999], dtype=zincir.float64)
    assert below.log2().item() == pytest.approx(math.log2(7.9999), rel=1e-15)
    assert zincir.tensor([math.nextafter(1.0, 2)], dtype=zincir.float64).log10().item() > 0


def test_lerp_meets_both_ends():
    far, near = zincir.tensor([1000.0]), zincir.tensor([0.1])
    assert far.lerp(near, 1.0).item() == near.item()
    assert far.lerp(near, 0.0).item() == 1000
    assert far.lerp(near, zincir.tensor([1.0])).item() == near.item()


def test_hyperbolic_functions_do_not_overflow_before_their_time():
    assert zincir.tensor([89.0]).sinh().item() == pytest.approx(2.2448064e38)
    assert zincir.tensor([710.0], dtype=zincir.float64).cosh().item() == pytest.approx(1.116997e308)
    assert zincir.tensor([True]).sinh().item() == pytest.approx(1.1752012)
    assert zincir.tensor([2], dtype=zincir.uint8).cosh().item() == pytest.approx(3.7621958)


def test_quotients():
    x = zincir.tensor([5.0, -5.0, 0.0, -0.0])
    assert zincir.fmod(x, INF).tolist() == [5, -5, 0, 0]
    assert (x % INF).tolist() == [5, INF, 0, 0]
    assert (x // INF).tolist() == [0, -1, 0, 0]
    assert str((x // 0.0).tolist()) == "[inf, -inf, nan, nan]"
    assert (2 // zincir.tensor([0.0])).item() == INF
    least = zincir.tensor([-(2**63)])
    assert (least // 3).item() == -(2**63) // 3
    assert zincir.fmod(zincir.tensor([1e-20]), -1.0).item() == pytest.approx(1e-20)


@pytest.mark.parametrize(
    "divide",
    [
        lambda x, y: x // y, lambda x, y: x % y, zincir.fmod,
        lambda x, y: zincir.div(x, y, rounding_mode="trunc"),
        lambda x, y: zincir.div(x, y, rounding_mode="floor"),
    ],
)  # fmt: skip
def test_integers_divided_by_zero(divide):
    x = zincir.tensor([5, 6])
    with pytest.raises(DivisionByZero):
        divide(x, 0)
    for kind in (zincir.uint8, zincir.int32, zincir.int64):
        with pytest.raises(ZeroDivisionError, match="element 1"):
            divide(x.to(kind), zincir.tensor([1, 0], dtype=kind))
    f = zincir.compile(divide)
    for _ in range(3):
        f(x, zincir.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        f(x, zincir.tensor([0, 2])).tolist()
    assert divide(x.double(), 0.0).shape == (2,)


def test_integers_to_powers():
    assert (zincir.tensor([3, 7]) ** zincir.tensor([25, 13])).tolist() == [3**25, 7**13]
    assert (zincir.tensor([3]) ** 20).item() == 3**20
    assert (300 ** zincir.tensor([4])).item() == 300**4
    assert (zincir.tensor([3], dtype=zincir.int32) ** 25).item() == (3**25 + 2**31) % 2**32 - 2**31
    assert (zincir.tensor([3, -1, 1, 2]) ** zincir.tensor([-1, -3, -5, -1])).tolist() == [
        0,
        -1,
        1,
        0,
    ]
    with pytest.raises(DTypeError, match="negative integer powers"):
        zincir.tensor([2]) ** -1


def test_softmax_over_nothing():
    x = zincir.zeros(3, 0)
    assert x.softmax(1).shape == x.log_softmax(1).shape == F.softmax(x, dim=1).shape == (3, 0)
    assert x.logsumexp(1).tolist() == [-INF] * 3
    with pytest.raises(ShapeError):
        x.amax(1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: zincir.multinomial(zincir.tensor([NAN, 0.5, 0.5]), 1),
        lambda: zincir.multinomial(zincir.tensor([-1.0, 0.5]), 1),
        lambda: zincir.multinomial(zincir.zeros(3), 1),
        lambda: zincir.multinomial(zincir.ones(3), 0),
        lambda: zincir.multinomial(zincir.tensor([1, 2]), 1),
        lambda: zincir.bernoulli(zincir.tensor([1.5])),
        lambda: zincir.bernoulli(zincir.tensor([NAN])),
        lambda: zincir.zeros(2).bernoulli_(-0.5),
        lambda: zincir.normal(0.0, -1.0, (2,)),
        lambda: zincir.normal(0.0, NAN, (2,)),
        lambda: zincir.normal(zincir.zeros(2), -zincir.ones(2)),
        lambda: zincir.zeros(2).normal_(0, -1),
        lambda: zincir.zeros(2).uniform_(1, 0),
        lambda: zincir.zeros(2).uniform_(0, INF),
    ],
)
def test_nothing_to_draw_from(draw):
    with pytest.raises((ArgumentError, DTypeError)):
        draw().tolist()


def test_weights_of_zero_are_never_drawn():
    zincir.manual_seed(0)
    weights = zincir.tensor([0.0, 1.0, 0.0, 1.0])
    assert set(zincir.multinomial(weights, 1000, replacement=True).tolist()) == {1, 3}
    for _ in range(20):
        assert set(zincir.multinomial(weights, 2).tolist()) == {1, 3}


def test_normal_draws_for_every_element_of_the_common_shape():
    zincir.manual_seed(0)
    x = zincir.normal(zincir.zeros(2, 1), zincir.ones(1, 3))
    assert len(set(x.flatten().tolist())) == 6


@pytest.mark.filterwarnings("ignore:trunc_normal_")
@pytest.mark.parametrize("ends", [(-2.0, 2.0), (-0.02, 0.02), (0.05, 0.2), (9.0, 10.0)])
def test_truncated_normal_is_always_a_number(ends):
    zincir.manual_seed(0)
    x = nn.init.trunc_normal_(zincir.empty(2000, 500), 0.0, 0.02, *ends)
    assert x.amin().item() >= np.float32(ends[0])
    assert x.amax().item() <= np.float32(ends[1])


def test_bytes_are_masks():
    x = zincir.arange(24.0).reshape(4, 6)
    mask = (x > 15).byte()
    assert x[mask].tolist() == list(range(16, 24))
    x[mask] = 0
    assert x.sum().item() == sum(range(16))
    assert x[zincir.tensor([0, 1, 0, 0], dtype=zincir.uint8)].shape == (1, 6)
    assert x[np.array([0, 1, 1, 0], np.uint8)].shape == (2, 6)


def test_types_of_arrays_and_lists():
    assert zincir.as_tensor(np.ones(2, "f4")).dtype is zincir.float32
    assert zincir.asarray(np.array([1, 2])).dtype is zincir.int64
    assert zincir.as_tensor(np.array([True])).dtype is zincir.bool_
    assert zincir.tensor([zincir.tensor([1.0]), zincir.tensor([2.0])]).shape == (2,)
    assert zincir.tensor([np.array([1.0])]).dtype is zincir.float64
    assert zincir.tensor([np.float64(1), 1]).dtype is zincir.float64
    assert zincir.tensor([np.uint8(1)]).dtype is zincir.uint8
    assert zincir.tensor([True, 2.5]).dtype is zincir.float32
    assert zincir.zeros(1, dtype=float).dtype is zincir.float64
    with pytest.raises(ArgumentError, match="one element"):
        zincir.tensor([zincir.ones(2)])
    for values, kind in (([300], zincir.uint8), ([2**63], None), ([NAN], zincir.int64)):
        with pytest.raises(ArgumentError, match="overflow"):
            zincir.tensor(values, dtype=kind)


def test_the_tensor_class():
    assert zincir.Tensor(5).shape == (5,)
    assert zincir.Tensor(2, 3).shape == (2, 3)
    assert zincir.Tensor().shape == (0,)
    assert zincir.Tensor([1, 2]).dtype is zincir.float32
    t = zincir.ones(3)
    zincir.Tensor(t).fill_(2)
    assert t.tolist() == [2, 2, 2]
    for wrong in (5.0, -1, "abc"):
        with pytest.raises(DTypeError):
            zincir.Tensor(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: zincir.zeros(2, device=d), lambda d: zincir.tensor([1.0], device=d),
        lambda d: zincir.as_tensor([1.0], device=d), lambda d: zincir.rand(2, device=d),
        lambda d: zincir.randint(3, (2,), device=d), lambda d: zincir.ones(2).to(d),
        lambda d: zincir.ones(2).to(device=d), lambda d: zincir.arange(3, device=d),
        lambda d: zincir.zeros_like(zincir.ones(2), device=d), lambda d: zincir.eye(2, device=d),
        lambda d: zincir.ones(2).new_zeros(2, device=d), lambda d: zincir.Tensor(2, device=d),
        lambda d: zincir.randperm(3, device=d), lambda d: zincir.linspace(0, 1, 3, device=d),
        lambda d: zincir.full((2,), 1, device=d),
        lambda d: zincir.randn_like(zincir.ones(2), device=d),
    ],
)  # fmt: skip
def test_devices(make):
    for known in ("cpu", "cpu:0"):
        assert make(known).device == zincir.device("cpu")
    for unknown in ("cuda", "nonsense", 0):
        with pytest.raises(ArgumentError, match="no device"):
            make(unknown)


def test_conversions_swallow_nothing():
    x = zincir.ones(2)
    assert x.to("cpu", zincir.float64, True, True).dtype is zincir.float64
    assert x.to(x.double(), non_blocking=True).dtype is zincir.float64
    assert x.to(copy=True) is not x
    assert x.to(None) is x
    assert x.type() == "torch.FloatTensor"
    for call in (
        lambda: x.to(foo=1),
        lambda: x.to("float64"),
        lambda: x.to(zincir.float64, dtype=1),
    ):
        with pytest.raises((TypeError, ArgumentError)):
            call()
    with pytest.raises(ArgumentError, match="pin_memory"):
        zincir.zeros(2, pin_memory=True)
    with pytest.raises(DTypeError):
        zincir.zeros(2, dtype=zincir.int64, requires_grad=True)


def test_numbers_out_of_range_wrap_in_arithmetic():
    x = zincir.tensor([1, 2], dtype=zincir.uint8)
    assert (x * -2).tolist() == [254, 252]
    assert (x + 300).tolist() == [45, 46]
    assert (x < 300).tolist() == [True, True]
    assert (zincir.tensor([1], dtype=zincir.int32) + 2**31).item() == -(2**31) + 1
    for store in (
        lambda: x.fill_(300), lambda: zincir.full((1,), 300, dtype=zincir.uint8),
        lambda: x.masked_fill(x > 1, 300), lambda: x.clamp(max=300),
        lambda: zincir.where(x > 1, x, 300), lambda: zincir.zeros(1).long().fill_(NAN),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="without overflow"):
            store()
    assert x.fill_(-1).tolist() == [255, 255]


def test_types_of_results():
    b, u = zincir.tensor([True]), zincir.tensor([1], dtype=zincir.uint8)
    assert b.square().dtype is (b**2).dtype is zincir.int64
    assert zincir.add(b, b, alpha=2).dtype is zincir.bool_
    assert u.all().dtype is u.any().dtype is zincir.uint8
    nothing = zincir.zeros(0)
    assert zincir.cat([nothing, zincir.ones(1, dtype=zincir.int64)]).dtype is zincir.float32
    assert (zincir.tensor(-1) / zincir.tensor([2], dtype=zincir.uint8)).item() == -0.5
    many = zincir.add(zincir.tensor([1.0]), zincir.tensor([200], dtype=zincir.uint8), alpha=2)
    assert many.item() == 401


@pytest.mark.parametrize(
    "call",
    [
        lambda: zincir.tensor([1.0]) - zincir.tensor([True]), lambda: 1 - zincir.tensor([True]),
        lambda: -zincir.tensor([True]), lambda: zincir.tensor([True]).abs(),
        lambda: zincir.tensor([True]).relu(), lambda: zincir.tensor([3, 4]).norm(),
        lambda: zincir.tensor([3, 4]).softmax(0), lambda: zincir.ones(2, 2).flatten(1, 0),
        lambda: zincir.add(zincir.tensor([1]), 1, alpha=2.5),
        lambda: zincir.lerp(zincir.ones(1), zincir.ones(1).double(), 0.5),
    ],
)  # fmt: skip
def test_refused(call):
    with pytest.raises((DTypeError, ShapeError)):
        call()


def test_scattered_means_and_products():
    index = zincir.tensor([0])
    mean = zincir.tensor([-4]).scatter_reduce(0, index, zincir.tensor([1]), "mean")
    assert mean.item() == -2
    x = zincir.ones(3).scatter_(0, zincir.tensor([1]), zincir.tensor([4.0]), reduce="multiply")
    assert x.tolist() == [1, 4, 1]


def test_ends_of_the_inverse_functions():
    assert gradient(zincir.asin, 1.0, -1.0, 0.0) == [INF, INF, 1]
    assert gradient(zincir.acos, 1.0, -1.0, 0.0) == [-INF, -INF, -1]
    assert zincir.tensor([0.999999]).acos().item() == pytest.approx(0.0014235723, rel=1e-6)


@pytest.mark.parametrize("name", ["silu", "mish", "hardswish", "hardsigmoid", "elu", "relu6"])
def test_activations_in_place(name):
    function = getattr(F, name)
    x, y = leaf(-1.0, 0.5, 4.0), leaf(-1.0, 0.5, 4.0)
    function(x).sum().backward()
    changed = y * 1
    assert function(changed, inplace=True) is changed
    changed.sum().backward()
    assert y.grad.tolist() == x.grad.tolist()


@pytest.mark.parametrize(
    "function", [lambda x: 1 / x, lambda x: 2 / x, lambda x: x / x, lambda x: F.normalize(x, dim=0)]
)
def test_a_changed_result_that_no_gradient_looks_at(function):
    x, y = leaf(0.5, 2.0), leaf(0.5, 2.0)
    (function(x) * 3).sum().backward()
    function(y * 1).mul_(3).sum().backward()
    assert y.grad.tolist() == x.grad.tolist()


@pytest.mark.parametrize(
    "function", [lambda x: x % 2, lambda x: x.reciprocal(), lambda x: x.rsqrt()]
)
def test_a_changed_argument_that_no_gradient_looks_at(function):
    x, y = leaf(0.5, 3.0), leaf(0.5, 3.0)
    function(x).sum().backward()
    z = y * 1
    result = function(z)
    z.mul_(3)
    result.sum().backward()
    assert y.grad.tolist() == x.grad.tolist()


@pytest.mark.parametrize("name", ["floor", "round", "sign", "trunc", "tril", "triu"])
def test_a_second_pass_where_nothing_was_kept(name):
    x = zincir.tensor([[0.7, 1.2], [2.0, -3.0]], requires_grad=True)
    y = getattr(x, name)()
    for _ in range(2):
        y.backward(zincir.ones(2, 2))
    assert x.grad.shape == (2, 2)


def test_a_transposed_convolution_without_a_tap_has_gradients():
    x, w = zincir.ones(1, 1, 2, 2, requires_grad=True), zincir.ones(1, 1, 1, 1)
    F.conv_transpose2d(x, w, stride=2, padding=1).sum().backward()
    assert x.grad.tolist() == [[[[0, 0], [0, 0]]]]


def test_chunks_of_nothing():
    assert [p.shape for p in zincir.ones(2, 0).chunk(3, 1)] == [(2, 0)] * 3
    assert [p.shape for p in zincir.ones(3).chunk(2)] == [(2,), (1,)]
    with pytest.raises(RuntimeError, match="at least one part"):
        zincir.ones(3).chunk(0)


class Column:
    """What tables of other libraries look like."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.array([1.5, 2.0])


@pytest.mark.parametrize(
    ("data", "dtype", "values"),
    [
        (deque([1.5, 2.0]), zincir.float32, [1.5, 2.0]),
        ([deque([1.5]), deque([2.0])], zincir.float32, [[1.5], [2.0]]),
        (deque([1, 2]), zincir.int64, [1, 2]),
        (array("f", [1.5, 2.0]), zincir.float32, [1.5, 2.0]),
        ([range(2), (3, 4)], zincir.int64, [[0, 1], [3, 4]]),
        (deque(), zincir.float32, []),
        (Column(), zincir.float64, [1.5, 2.0]),
        ([Column(), [3, 4]], zincir.float64, [[1.5, 2.0], [3.0, 4.0]]),
    ],
)
def test_tensors_from_whatever_has_elements(data: object, dtype: object, values: object) -> None:
    t = zincir.tensor(data)
    assert t.dtype is dtype
    assert t.tolist() == values


@pytest.mark.parametrize("data", [{0: 1.5}, {1.5, 2.0}, b"12", "12", None, iter([1.5])])
def test_no_tensors_from_what_has_none(data: object) -> None:
    with pytest.raises(DTypeError, match="cannot make numbers of this"):
        zincir.tensor(data)


def test_the_mean_of_equal_numbers_is_that_number() -> None:
    x = zincir.full((5,), 4.6666669845581055)
    assert (x.mean().item(), x.var().item()) == (x[0].item(), 0)
    for n in range(1, 400):
        assert zincir.ones(n).mean().item() == 1, n
    for n in (5, 41, 47, 110):
        x = zincir.full((3, n), 1000.0)  # whose sums are exact
        assert x.mean(1).tolist() == [1000.0] * 3
        assert x.var(1).tolist() == x.std(1).tolist() == [0, 0, 0]
        assert zincir.cov(x).tolist() == [[0.0] * 3] * 3
        for norm in (nn.LayerNorm(n), nn.GroupNorm(1, 3), nn.InstanceNorm1d(3)):
            shown = x if isinstance(norm, nn.LayerNorm) else x[None]
            assert norm(shown).abs().max().item() == 0, norm
        assert nn.functional.l1_loss(x, x + 0.5).item() == 0.5
    for k in (7, 11):
        image = zincir.ones(1, 1, k, k)
        assert nn.AvgPool2d(k)(image).item() == nn.AdaptiveAvgPool2d(1)(image).item() == 1

"""How operations are called: by name, with NumPy's names, and with a place for the result."""

import inspect

import numpy as np
import pytest

import zincir
from zincir import Tensor
from zincir.errors import ArgumentError, DTypeError, GradientError

X = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]], np.float32)


@pytest.fixture
def x() -> Tensor:
    return zincir.tensor(X)


def test_functions_take_their_tensor_by_name(x: Tensor) -> None:
    np.testing.assert_array_equal(zincir.add(input=x, other=x, alpha=2).numpy(), 3 * X)
    np.testing.assert_array_equal(zincir.sub(other=1, input=x).numpy(), X - 1)
    np.testing.assert_array_equal(zincir.maximum(x1=x, x2=2 * x).numpy(), 2 * X)
    np.testing.assert_array_equal(zincir.sum(x=x, axis=0).numpy(), X.sum(0))


def test_numbers_may_come_first(x: Tensor) -> None:
    assert zincir.sub(2.5, zincir.tensor([1])).dtype is zincir.float32
    assert zincir.add(0.1, zincir.tensor(0.1, dtype=zincir.float64)).item() == 0.2
    assert zincir.div(1, 2).item() == 0.5
    with pytest.raises(TypeError, match=r"abs\(\): argument 'input' .* must be Tensor, not int"):
        zincir.abs(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"exp\(\): argument 'input' .* not ndarray"):
        zincir.exp(X)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"sum\(\): argument 'input'"):
        zincir.sum()  # type: ignore[call-arg]


def test_names_of_numpy(x: Tensor) -> None:
    for call in (x.sum, lambda **names: zincir.sum(x, **names)):
        np.testing.assert_array_equal(call(axis=1, keepdims=True).numpy(), X.sum(1, keepdims=True))
    assert zincir.argmax(x, axis=1).tolist() == [0, 0]
    assert zincir.cat([x, x], axis=1).shape == (2, 6)
    assert x.squeeze(axis=0).shape == (2, 3)
    with pytest.raises(TypeError, match="axis"):
        x.sum(dim=0, axis=0)
    with pytest.raises(TypeError, match="axis"):
        x.flip(axis=0)  # type: ignore[call-arg]


def test_sizes_by_name(x: Tensor) -> None:
    assert x.reshape(shape=(3, 2)).shape == x.view(size=(3, 2)).shape == (3, 2)
    assert x.permute(dims=(1, 0)).shape == (3, 2)
    assert zincir.permute(x, dims=(1, 0)).shape == (3, 2)
    with pytest.raises(TypeError, match="shape"):
        x.view(shape=(3, 2))  # type: ignore[call-arg]


def test_out_is_written_and_returned(x: Tensor) -> None:
    out = zincir.zeros(2, 3)
    view = out[0]
    assert zincir.mul(x, 2, out=out) is out
    assert view.tolist() == [6, 2, 4]
    zincir.add(out, out, out=out)
    np.testing.assert_array_equal(out.numpy(), 4 * X)
    assert zincir.exp(x, out=None) is not None
    assert zincir.matmul(x, x.t(), out=zincir.empty(2, 2)).tolist() == (X @ X.T).tolist()


def test_out_has_its_own_type(x: Tensor) -> None:
    wide = zincir.zeros(2, 3, dtype=zincir.float64)
    assert zincir.sub(x, 1, out=wide).dtype is zincir.float64
    whole = zincir.zeros(2, dtype=zincir.int64)
    assert zincir.sum(x + 0.5, 1, out=whole).tolist() == [6, 15], "converted before it is added up"
    with pytest.raises(DTypeError, match=r"float32 can't be cast to .* int64"):
        zincir.add(x, 1, out=zincir.zeros(2, 3, dtype=zincir.int64))


def test_out_of_another_shape(x: Tensor) -> None:
    out = zincir.empty(0)
    assert zincir.sum(x, 1, out=out) is out
    assert out.tolist() == [6, 15]
    with pytest.warns(UserWarning, match=r"resized since it had shape \[2\]"):
        zincir.sum(x, out=out)
    assert out.item() == 21
    seen = x[:1]
    with (
        pytest.raises(ArgumentError, match="shares its memory"),
        pytest.warns(UserWarning, match="resized"),
    ):
        zincir.sum(x.clone(), 0, out=seen)


def test_out_beside_what_is_read() -> None:
    memory = zincir.arange(6.0)
    first = memory[:3]
    assert zincir.neg(first, out=first).tolist() == [0, -1, -2], "each is read before it is written"
    with pytest.raises(ArgumentError, match=r"neg\(\): .* out shares memory with an input"):
        zincir.neg(first, out=memory[1:4])
    assert zincir.neg(first, out=memory[3:]).tolist() == [0, 1, 2]
    assert zincir.max(first, -first, out=first).tolist() == [0, 1, 2]
    index = zincir.tensor([2, 1, 0])
    assert zincir.sort(first, descending=True, out=(first, index.clone())).values is first
    assert first.tolist() == [2, 1, 0]
    with pytest.raises(ArgumentError, match=r"gather\(\): .* shares memory with an input"):
        zincir.gather(first, 0, index, out=first)
    with pytest.raises(ArgumentError, match="several elements of out are one"):
        zincir.neg(first, out=zincir.zeros(1).expand(3))
    assert memory.tolist() == [2, 1, 0, 0, 1, 2]


def test_out_of_what_picks_has_its_type(x: Tensor) -> None:
    index = zincir.tensor([0])
    with pytest.raises(DTypeError, match=r"index_select\(\): expected out tensor to have dtype"):
        zincir.index_select(x, 0, index, out=zincir.empty(0, dtype=zincir.float64))
    where = zincir.empty(0, dtype=zincir.int32)
    with pytest.raises(DTypeError, match=r"max\(\): expected out tensor to have dtype"):
        zincir.max(x, 1, out=(zincir.empty(0), where))
    assert where.shape == (0,)


def test_what_is_made_goes_to_out() -> None:
    out = zincir.empty(0, dtype=zincir.float64)
    assert zincir.arange(3, out=out) is out
    assert out.tolist() == [0, 1, 2]
    assert zincir.ones(3, out=out).dtype is zincir.float64
    assert zincir.linspace(0, 1, 3, out=out).tolist() == [0, 0.5, 1]
    with pytest.raises(DTypeError, match=r"full\(\): dtype does not match that of out"):
        zincir.full((3,), 2.0, dtype=zincir.float32, out=out)


def test_two_numbers_are_no_tensor() -> None:
    for call in (zincir.pow, zincir.remainder, zincir.bitwise_and, zincir.float_power):
        with pytest.raises(TypeError, match="at least one of two arguments must be Tensor"):
            call(2, 3)
    assert zincir.add(2, 3).item() == 5, "as in PyTorch"
    with pytest.raises(TypeError, match=r"logical_and\(\): argument 'other' must be Tensor"):
        zincir.logical_and(zincir.tensor([1]), 2)


def test_several_outs(x: Tensor) -> None:
    values, where = zincir.empty(0), zincir.empty(0, dtype=zincir.int64)
    found = zincir.max(x, 1, out=(values, where))
    assert found.values is values
    assert found.indices is where
    assert values.tolist() == [3, 6]
    assert where.tolist() == [0, 0]
    with pytest.raises(ArgumentError, match=r"max\(\): expected 2 tensors as out"):
        zincir.max(x, 1, out=values)
    with pytest.raises(TypeError, match="'out' must be Tensor, not int"):
        zincir.exp(x, out=3)


def test_out_and_gradients_exclude_each_other(x: Tensor) -> None:
    trained = x.clone().requires_grad_()
    for call in (
        lambda: zincir.add(trained, 1, out=zincir.empty(2, 3)),
        lambda: zincir.add(x, 1, out=trained),
        lambda: zincir.cat([x, trained], out=zincir.empty(4, 3)),
    ):
        with pytest.raises(GradientError, match=r"out=\.\.\. arguments don't support automatic"):
            call()
    with zincir.no_grad():
        zincir.add(trained, 1, out=trained)
    np.testing.assert_array_equal(trained.detach().numpy(), X + 1)
    assert trained.is_leaf


def test_out_in_a_compiled_function(x: Tensor) -> None:
    out = zincir.zeros(2, 3)

    @zincir.compile
    def step(v: Tensor) -> Tensor:
        return zincir.mul(v, 3, out=out).sum(axis=1)

    for k in range(4):
        assert step(x + k).tolist() == ((X + k) * 3).sum(1).tolist()
        np.testing.assert_array_equal(out.numpy(), (X + k) * 3)


def test_functions_tell_who_they_are() -> None:
    assert zincir.add.__name__ == "add"
    assert zincir.add.__doc__
    assert "alpha" in inspect.signature(zincir.add).parameters
    assert "axis" not in inspect.signature(zincir.Tensor.sum).parameters


def test_what_is_plain_is_a_tensor() -> None:
    """Whatever class a tensor is of, and whatever classes `Tensor` is made of."""
    p = zincir.nn.Parameter(zincir.ones(4))
    for t in (p[1:].detach(), zincir.nn.Parameter(p[1:]).data, p.data):
        assert type(t) is Tensor
    base = zincir.zeros(2, 2)
    base.data = zincir.ones(3)[1:]
    view = base[:1]
    base.requires_grad_()
    assert type(view) is Tensor
    assert view.sum().item() == 1


def test_factors_in_front(x: Tensor) -> None:
    """As in optimizers that are some years old."""
    with pytest.warns(UserWarning, match=r"deprecated: add\(..., alpha=2\)"):
        np.testing.assert_array_equal(x.add(2, x).numpy(), 3 * X)
    with pytest.warns(UserWarning, match="alpha=0.5"):
        np.testing.assert_array_equal(x.clone().sub_(0.5, x).numpy(), X / 2)
    with pytest.warns(UserWarning, match="value=3"):
        np.testing.assert_array_equal(zincir.addcmul(x, 3, x, x).numpy(), X + 3 * X * X)
    with pytest.warns(UserWarning, match="value=3"):
        np.testing.assert_array_equal(x.clone().addcdiv_(3, x, x).numpy(), X + 3)
    with pytest.raises(TypeError):
        x.add(1, x, 3, 4)  # type: ignore[call-arg]

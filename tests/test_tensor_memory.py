"""Memory shared with NumPy and other libraries, copies, pickles and random state."""

import copy
import gc
import math
import pickle
import threading

import numpy as np
import pytest

import zincir
from zincir.errors import DTypeError, GradientError, IndexOutOfRange
from zincir.pending import settle


def test_from_numpy_shares_both_ways():
    a = np.arange(6.0).reshape(2, 3)
    x = zincir.from_numpy(a)
    x.add_(1)
    assert a[0, 0] == 1
    a[1, 2] = 50
    assert x[1, 2].item() == 50
    x[0] = 7
    np.testing.assert_array_equal(a[0], 7)
    x.t()[1].mul_(2)
    assert a[0, 1] == 14
    assert np.shares_memory(x.numpy(), a)


@pytest.mark.parametrize("index", [np.s_[::2], np.s_[::-1], np.s_[:, 1:], np.s_[1]])
def test_from_numpy_of_any_strides(index):
    a = np.arange(20.0).reshape(4, 5)
    x = zincir.from_numpy(a[index])
    np.testing.assert_array_equal((x * 2).numpy(), a[index] * 2)
    x.mul_(3)
    np.testing.assert_array_equal(
        a[index].ravel()[:2], np.arange(20.0).reshape(4, 5)[index].ravel()[:2] * 3
    )


def test_graphs_made_before_a_write_see_the_old_value():
    a = np.ones(3)
    x = zincir.from_numpy(a)
    y = x * 2
    x.add_(1)
    np.testing.assert_array_equal(y.numpy(), 2)
    np.testing.assert_array_equal(a, 2)


def test_read_only_arrays_are_left_alone():
    a = np.ones(3)
    a.flags.writeable = False
    x = zincir.from_numpy(a)
    x.add_(1)
    np.testing.assert_array_equal(a, 1)
    np.testing.assert_array_equal(x.numpy(), 2)


def test_numpy_shares_both_ways_while_the_array_lives():
    x = zincir.ones(4) * 2
    a = x.numpy()
    x.add_(1)
    np.testing.assert_array_equal(a, 3)
    a[0] = 9
    assert x[0].item() == 9
    part = x[1:3].numpy()
    part[:] = 5
    np.testing.assert_array_equal(x.numpy(), [9, 5, 5, 3])
    del a, part
    gc.collect()
    x.add_(1)
    assert x._storage.array is None
    np.testing.assert_array_equal(x.numpy(), [10, 6, 6, 4])


def test_values_shared_by_accident_are_parted():
    x = zincir.ones(3)
    y, z = x * 2, x * 2
    a = y.numpy()
    a[:] = 0
    np.testing.assert_array_equal(z.numpy(), 2)


def test_detached_arrays_follow_parameters():
    w = zincir.ones(3, requires_grad=True)
    a = w.detach().numpy()
    with zincir.no_grad():
        w.mul_(4)
    np.testing.assert_array_equal(a, 4)


def test_numpy_protocols():
    x = zincir.tensor([1.0, 2.0])
    assert isinstance(np.ones(2, np.float32) * x, zincir.Tensor)
    assert isinstance(np.float64(2) + x, zincir.Tensor)
    assert np.asarray(x).tolist() == [1, 2]
    assert np.asarray(x, dtype=np.int64).dtype == np.int64
    assert np.sum(np.array(x)) == 3
    assert float(x[0]) == 1.0
    assert int(x[1]) == 2
    assert [10, 20, 30][zincir.tensor(1)] == 20
    assert f"{x[1]:.2f}" == "2.00"
    assert 2.0 in x
    assert 3.0 not in x
    assert (x == None) is False  # noqa: E711


def test_dlpack():
    x = zincir.tensor([[1.0, 2.0]])
    a = np.from_dlpack(x)
    assert np.shares_memory(a, x.numpy())
    b = np.arange(4.0)
    y = zincir.from_dlpack(b)
    y.add_(1) if b.flags.writeable else None
    assert y.tolist() == b.tolist()


@pytest.mark.torch
def test_dlpack_with_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
    x = zincir.arange(6).reshape(2, 3)
    t = torch.from_dlpack(x)
    t[0, 0] = 40
    assert x[0, 0].item() == 40
    s = torch.ones(3)
    y = zincir.from_dlpack(s)
    s[1] = 5
    assert y.tolist() == [1, 5, 1]
    assert zincir.tensor(s.numpy()).tolist() == [1, 5, 1]


@pytest.mark.parametrize("kind", [np.uint16, np.longdouble, np.clongdouble])
def test_types_without_a_counterpart(kind):
    with pytest.raises(DTypeError, match=r"no .*tensor"):
        zincir.from_numpy(np.ones(2, kind))
    with pytest.raises(DTypeError):
        zincir.tensor(np.ones(2, kind))


def test_copies():
    w = zincir.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    for twin in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert twin.requires_grad
        assert twin.is_leaf
        assert twin.tolist() == [1, 2]
        with zincir.no_grad():
            twin.zero_()
    assert copy.deepcopy(w).grad.tolist() == [2, 4]
    assert pickle.loads(pickle.dumps(w)).grad is None, "as in PyTorch"
    assert w.tolist() == [1, 2]
    c = w.clone()
    assert c.requires_grad
    assert not c.is_leaf


def test_inferred_types():
    assert zincir.tensor(1).dtype is zincir.int64
    assert zincir.tensor(1.0).dtype is zincir.float32
    assert zincir.tensor([True]).dtype is zincir.bool
    assert zincir.tensor(np.ones(2)).dtype is zincir.float64
    assert zincir.tensor([zincir.tensor(1.0), 2]).dtype is zincir.float32
    assert zincir.tensor([]).dtype is zincir.float32
    assert zincir.arange(3).dtype is zincir.int64
    assert zincir.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert (zincir.tensor([1]) * 2.5).dtype is zincir.float32
    assert (zincir.tensor([1], dtype=zincir.int32) + zincir.tensor(2)).dtype is zincir.int32
    assert zincir.tensor([1, 2], dtype=zincir.float).tolist() == [1, 2]


def test_random_streams():
    a = zincir.Generator().manual_seed(3)
    first = zincir.randn(5, generator=a).tolist()
    state = a.get_state()
    second = zincir.rand(5, generator=a).tolist()
    a.set_state(state)
    assert zincir.rand(5, generator=a).tolist() == second
    assert zincir.randn(5, generator=zincir.Generator().manual_seed(3)).tolist() == first
    zincir.manual_seed(1)
    x = zincir.rand(3)
    assert x.tolist() != zincir.rand(3).tolist()
    assert a.initial_seed() == 3


def test_random_kinds():
    zincir.manual_seed(0)
    big = zincir.randn(20_000, dtype=zincir.float64)
    assert abs(big.mean().item()) < 0.03
    assert abs(big.std().item() - 1) < 0.03
    u = zincir.rand(20_000)
    assert abs(u.mean().item() - 0.5) < 0.02
    assert u.min().item() >= 0
    assert u.max().item() < 1
    i = zincir.randint(-3, 4, (10_000,))
    assert i.unique().tolist() == list(range(-3, 4))
    assert sorted(zincir.randperm(50).tolist()) == list(range(50))
    assert abs(zincir.bernoulli(zincir.full((20_000,), 0.3)).mean().item() - 0.3) < 0.02
    m = zincir.multinomial(zincir.tensor([0.0, 1.0, 3.0]), 8000, replacement=True)
    counts = np.bincount(m.numpy(), minlength=3)
    assert counts[0] == 0
    assert 2.5 < counts[2] / counts[1] < 3.5
    assert sorted(zincir.multinomial(zincir.ones(2, 4), 4).tolist()[0]) == [0, 1, 2, 3]
    x = zincir.empty(1000)
    assert x.uniform_(2, 3).min().item() >= 2
    assert abs(x.normal_(5, 0.1).mean().item() - 5) < 0.05


def test_indices_out_of_range():
    x = zincir.ones(3, 4)
    for index in (3, (0, 4), (slice(None), -5), zincir.tensor([3]), ([0, 1], [4, 0])):
        with pytest.raises(IndexOutOfRange, match=r"test_tensor_memory"):
            x[index]
    lazy = zincir.tensor([1, 5]) + 0
    with pytest.raises(IndexOutOfRange, match="5"):
        x[lazy]
    with pytest.raises(IndexOutOfRange):
        x[(lazy, zincir.tensor([0, 1]))]
    with pytest.raises(IndexOutOfRange):
        x.gather(1, zincir.tensor([[4]]))
    with pytest.raises(IndexOutOfRange):
        x.sum(2)
    with pytest.raises(DTypeError):
        x[zincir.tensor([0.5])]


def test_settle_computes_what_is_alive():
    x = zincir.ones(3)
    y = x + 1
    z = y * 2
    del y
    settle()
    assert z._node.value is not None
    assert z._node.inputs == ()


def test_printing():
    assert repr(zincir.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(zincir.tensor(2.5)) == "tensor(2.5000)"
    assert repr(zincir.tensor([True])) == "tensor([True])"
    assert repr(zincir.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(zincir.zeros(0)) == "tensor([])"
    assert "dtype=zincir.float64" in repr(zincir.zeros(1, dtype=zincir.float64))
    assert len(repr(zincir.zeros(100, 100))) < 1000


@pytest.mark.parametrize("name", ["detach", "data", "alias", "assigned"])
def test_another_name_of_memory_that_nobody_else_holds_any_more(name):
    """The array of `from_numpy` is gone: what is written under one name is seen under the other."""
    t = zincir.from_numpy(np.array([1.0, 2.0]))
    if name == "assigned":
        other = zincir.zeros(2, dtype=zincir.float64)
        other.data = t
    else:
        other = {"detach": t.detach, "data": lambda: t.data, "alias": lambda: t.view(2)}[name]()
    other.add_(4.0)
    assert t.tolist() == other.tolist() == [5.0, 6.0]
    t.copy_(zincir.tensor([7.0, 8.0]))
    assert other.tolist() == [7.0, 8.0]


def test_a_loss_does_not_hold_on_to_the_parameters_of_its_step():
    """A plain step changes parameters where they lie, though its loss is kept."""
    net = zincir.nn.Sequential(zincir.nn.Linear(4, 3), zincir.nn.ReLU(), zincir.nn.Linear(3, 2))
    optimizer = zincir.optim.SGD(net.parameters(), 0.1)
    losses = []

    def step():
        optimizer.zero_grad()
        loss = zincir.nn.functional.cross_entropy(net(zincir.ones(5, 4)), zincir.tensor([0] * 5))
        loss.backward()
        optimizer.step()
        losses.append(loss)

    for _ in range(4):  # the first ones are recorded
        step()
    places = [p._held.value.pointer for p in net.parameters()]
    for _ in range(3):
        step()
    assert [p._held.value.pointer for p in net.parameters()] == places
    with pytest.raises(GradientError, match="given up"):
        losses[-1].backward()
    assert losses[-1].item() < losses[0].item()


def test_a_graph_that_is_retained_is_whole():
    w = zincir.tensor([3.0], requires_grad=True)
    loss = ((w * w).exp() * 2).sum()
    loss.backward(retain_graph=True)
    first = w.grad.item()
    assert loss.item() > 0
    loss.backward()
    assert w.grad.item() == pytest.approx(2 * first)


def test_a_value_computed_by_another_thread_from_what_was_given_up():
    w = zincir.tensor([0.5], requires_grad=True)
    made = []

    def work():
        hidden = (w * w).exp()
        made.extend([hidden.sum() * 1.0, hidden.detach() + 1])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    loss, other = made
    loss.backward()
    assert loss.item() == pytest.approx(math.exp(0.25), rel=1e-5)
    assert other.item() == pytest.approx(math.exp(0.25) + 1, rel=1e-5)


def computed_then_changed(w):
    x = w * 1
    x.data = zincir.ones(3)[1:]
    x.mul_(w)
    return x


def changed_then_given_again(w):
    u, x = zincir.ones(3), zincir.ones(2)
    for _ in range(2):
        x.data = u[1:]
        x.mul_(w)
    assert not u.requires_grad
    return x


def changed_in_part(w):
    x = w * 1
    x.data = zincir.ones(2, 2)[1]
    x[0] = w[1] * 3
    return x * w


def changed_through_a_view(w):
    x = w * 1
    x.data = zincir.ones(2, 2)[1]
    x[:1].mul_(w[1])
    return x * w


def changed_unseen(w):
    u, x = zincir.ones(2, 2), w * 1
    x.data = u[1]
    with zincir.no_grad():
        x.mul_(w)
    return x * w + u[1]


@pytest.mark.parametrize(
    ("function", "value", "grad"),
    [
        (computed_then_changed, [2, 2], [9, 9]),
        (changed_then_given_again, [4, 4], [12, 12]),
        (changed_in_part, [12, 2], [18, 27]),
        (changed_through_a_view, [4, 2], [18, 15]),
        (changed_unseen, [6, 6], [12, 12]),
    ],
)
def test_gradients_of_what_was_given_part_of_other_memory(function, value, grad):
    """The values and gradients are PyTorch's."""
    w = zincir.full((2,), 2.0).requires_grad_()
    x = function(w)
    (x * 3).sum().backward()
    assert x.tolist() == value
    assert w.grad.tolist() == grad

"""backward, grad, hooks and modes."""

import numpy as np
import pytest

import zincir
from zincir import autograd
from zincir.errors import ArgumentError, GradientError


def leaf(*values):
    return zincir.tensor(values, dtype=zincir.float64, requires_grad=True)


def test_the_smallest_example():
    w = zincir.tensor([2.0], requires_grad=True)
    loss = (w * zincir.tensor([3.0]) - 10.0) ** 2
    loss.backward()
    assert w.grad.item() == -24.0


def test_gradients_accumulate_in_one_tensor():
    w = leaf(1.0, 2.0)
    (w * 3).sum().backward()
    kept = w.grad
    (w * 4).sum().backward()
    assert w.grad is kept
    assert kept.tolist() == [7, 7]
    w.grad = None
    (w * w).sum().backward()
    assert w.grad.tolist() == [2, 4]


def test_weights_of_outputs():
    w = leaf(1.0, 2.0)
    (w * w).backward(zincir.tensor([1.0, 10.0], dtype=zincir.float64))
    assert w.grad.tolist() == [2, 40]
    w.grad = None
    autograd.backward([w * 2, w * 3], [zincir.ones(2), zincir.ones(2)])
    assert w.grad.tolist() == [5, 5]


def test_only_some_inputs():
    a, b = leaf(1.0), leaf(2.0)
    c = a * b
    (c * a).sum().backward(inputs=[a, c])
    assert a.grad.tolist() == [4]
    assert c.grad.tolist() == [1]
    assert b.grad is None


def test_twice():
    w = leaf(1.0, 2.0)
    y = (w**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert w.grad.tolist() == [6, 24]
    with pytest.raises(GradientError, match="retain_graph=True"):
        y.backward()


def test_higher_orders():
    x = leaf(2.0)
    y = x**4
    for expected in (32, 48, 48, 24, 0):
        (y,) = autograd.grad(y.sum(), x, create_graph=True)
        assert y.item() == pytest.approx(expected)
        if not expected:
            break


def test_second_gradient_through_grad():
    x = leaf(1.0, 2.0)
    y = (x.exp() * x).sum()
    (g,) = autograd.grad(y, x, create_graph=True)
    (g * g).sum().backward()
    v = x.detach().numpy()
    np.testing.assert_allclose(x.grad.numpy(), 2 * (np.exp(v) * (v + 1)) * np.exp(v) * (v + 2))


def test_unused():
    a, b = leaf(1.0), leaf(2.0)
    assert autograd.grad(a * 2, [a, b], allow_unused=True)[1] is None
    assert autograd.grad(a * 2, [a, b], materialize_grads=True)[1].tolist() == [0]
    with pytest.raises(GradientError, match="appears to not have been used"):
        autograd.grad(a * 2, b)


def test_grad_finds_a_leaf_changed_since():
    w = leaf(1.0)
    y = w * 2
    with zincir.no_grad():
        w.add_(1)
    assert autograd.grad(y, w)[0].item() == 2


def test_inner_nodes():
    w = leaf(1.0, 2.0)
    h = w * w
    h.retain_grad()
    assert h.retains_grad
    loss = (h * 3).sum()
    (g,) = autograd.grad(loss, h, retain_graph=True)
    assert g.tolist() == [3, 3]
    assert h.grad.tolist() == [3, 3], "it passed through h"
    loss.backward()
    assert h.grad.tolist() == [6, 6]
    assert w.grad.tolist() == [6, 12]


def test_hooks():
    w = leaf(1.0, 2.0)
    seen = []
    h = w * 2
    handle = h.register_hook(lambda g: g * 10)
    w.register_hook(lambda g: seen.append(g.tolist()))
    w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (h * 1).sum().backward()
    assert seen == [[20, 20], [20, 20]]
    handle.remove()
    w.grad = None
    (w * 2).sum().backward()
    assert seen[-1] == [2, 2]


def test_hooks_of_leaves_survive_updates():
    w = leaf(1.0)
    w.register_hook(lambda g: g * 2)
    for expected in (2, 4):
        (w * 1).sum().backward()
        assert w.grad.item() == expected
        with zincir.no_grad():
            w.add_(1)


def test_modes():
    w = leaf(1.0)
    with zincir.no_grad():
        assert not (w * 2).requires_grad
        with zincir.enable_grad():
            assert (w * 2).requires_grad
    with zincir.set_grad_enabled(False):
        assert not zincir.is_grad_enabled()

    @zincir.no_grad()
    def f(x):
        return x * 2

    assert not f(w).requires_grad
    assert not f(w).requires_grad
    assert zincir.is_grad_enabled()
    with zincir.inference_mode():
        assert not (w * 2).requires_grad


def test_branches_meet():
    x = leaf(3.0)
    y = x * 2
    z = y * y + y
    (z * x).sum().backward()
    assert x.grad.item() == pytest.approx(12 * 9 + 4 * 3)


def test_broadcasting_is_undone():
    a = zincir.ones(3, 1, requires_grad=True)
    b = zincir.ones(4, requires_grad=True)
    ((a + b) * 2).sum().backward()
    assert a.grad.shape == (3, 1)
    assert a.grad.tolist() == [[8], [8], [8]]
    assert b.grad.tolist() == [6, 6, 6, 6]


def test_one_gradient_given_to_two_leaves_stays_two_tensors():
    a, b = leaf(1.0), leaf(2.0)
    (a + b).sum().backward()
    a.grad.mul_(5)
    assert b.grad.item() == 1
    a.grad.numpy()[:] = 7
    assert b.grad.item() == 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: zincir.ones(1) * 2, "requires_grad=False"),
        (lambda: zincir.tensor([1]).sum(), "int64"),
        (lambda: leaf(1.0).detach().sum(), "requires_grad=False"),
    ],
)
def test_why_there_is_no_gradient(make, why):
    with pytest.raises(GradientError, match=why):
        make().backward()


def test_a_plain_loop_does_not_grow():
    zincir.manual_seed(0)
    w = zincir.zeros(3, requires_grad=True)
    x = zincir.randn(16, 3)
    y = x @ zincir.tensor([1.0, -2.0, 0.5])
    total = zincir.tensor(0.0)
    optimizer = zincir.optim.SGD([w], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        total = total + loss.detach()
        assert not total._node.inputs or not total._node.inputs[0].inputs
    np.testing.assert_allclose(w.detach().numpy(), [1, -2, 0.5], atol=0.01)


def test_grad_takes_its_arguments_in_pytorchs_order():
    x, unused = leaf(1.0, 2.0), leaf(1.0)
    with pytest.raises(GradientError, match="not have been used"):
        autograd.grad((x * x).sum(), [x, unused], None, True, True, True)
    assert autograd.grad((x * x).sum(), [unused], None, True, True, True, True) == (None,)
    (g,) = autograd.grad((x * x).sum(), x, only_inputs=True)
    assert g.tolist() == [2, 4]
    with pytest.warns(FutureWarning, match="only_inputs"):
        autograd.grad((x * x).sum(), x, only_inputs=False)
    with pytest.raises(ArgumentError, match="allow_unused"):
        autograd.grad((x * x).sum(), x, allow_unused=False, materialize_grads=True)


def test_grad_of_a_batch():
    x, unused = leaf(1.0, 2.0, 3.0), leaf(1.0)
    y = x**2
    rows, zeros = autograd.grad(
        y, [x, unused], zincir.eye(3).double(), is_grads_batched=True, materialize_grads=True,
        create_graph=True,
    )  # fmt: skip
    assert rows.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
    assert zeros.shape == (3, 1)
    rows.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    with pytest.raises(ArgumentError, match="same number of entries"):
        autograd.grad(x.sum(), x, is_grads_batched=True)

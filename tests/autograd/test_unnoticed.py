"""What is written through `.data`: gradients do not notice, and take what they find in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import zincir
from zincir import Tensor, nn
from zincir.autograd import Function
from zincir.errors import GradientError


def gradient(write: Callable[[Tensor], object]) -> float:
    """Of w in k[0, 0] * w * k[0, 1], where k is written to between forward and backward."""
    w = zincir.ones(1, requires_grad=True)
    k = zincir.tensor([[1.0, 2.0, 3.0]]).requires_grad_() * 1.0
    y = k[:, :1] * w * k.t()[1]
    write(k)
    y.sum().backward()
    assert w.grad is not None
    return w.grad.item()


def test_what_is_in_memory_counts() -> None:
    assert gradient(lambda k: k.data[:, 2].fill_(9.0)) == 2.0
    assert gradient(lambda k: k.data[:, 1].fill_(9.0)) == 9.0
    assert gradient(lambda k: k.data.mul_(2.0)) == 8.0


@pytest.mark.parametrize(
    "write",
    [
        lambda k: k.detach().mul_(2.0),
        lambda k: (k.data.mul_(2.0), k.detach().mul_(1.0)),
        lambda k: (k.detach().mul_(1.0), k.data.mul_(2.0)),
    ],
)
def test_other_changes_are_noticed(write: Callable[[Tensor], object]) -> None:
    with pytest.raises(GradientError, match="changed in place since"):
        gradient(write)


def test_leaves_collect_on() -> None:
    p = zincir.tensor([1.0, 2.0], requires_grad=True)
    q = zincir.tensor([3.0, 4.0], requires_grad=True)
    y = (p * q).sum()
    y.backward(retain_graph=True)
    p.data.sub_(1.0)
    y.backward()
    assert p.grad is not None
    assert q.grad is not None
    assert p.grad.tolist() == [6.0, 8.0]
    assert q.grad.tolist() == [1.0, 3.0]
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data.fill_(0.5)
    x = zincir.ones(1, 2, requires_grad=True)
    y = layer(x).sum()
    layer.weight.data.clamp_(max=0.25)
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.25, 0.25]]


def test_results_that_rules_look_at() -> None:
    x = zincir.zeros(2, requires_grad=True)
    y = (x * 1).exp()
    total = y.sum()
    y.data.fill_(7.0)
    total.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7.0, 7.0]


def test_stages_put_side_by_side() -> None:
    """As solvers of differential equations do, past the check on changes."""

    class Put(Function):
        @staticmethod
        def forward(ctx, scratch, value, index):
            ctx.index = index
            scratch.data[index] = value
            return scratch

        @staticmethod
        def backward(ctx, g):
            return g, g[ctx.index], None

    a = zincir.tensor(0.5, requires_grad=True)
    k = zincir.empty(1, 3)
    k = Put.apply(k, zincir.ones(1) * a, (..., 0))
    for i in (0, 1):
        k = Put.apply(k, (k[..., : i + 1] * a).sum(-1), (..., i + 1))
    k.sum().backward()  # a + a ** 2 + a (a + a ** 2)
    assert a.grad is not None
    assert a.grad.item() == pytest.approx(1 + 4 * 0.5 + 3 * 0.25)
    assert k.detach().tolist() == [[0.5, 0.25, 0.375]]


def test_strides_of_a_view_with_gradients() -> None:
    x = zincir.arange(12.0).detach()[2:8].requires_grad_()
    y = x.as_strided((2, 2), (2, 1))
    (y * zincir.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert y.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0, 3.0, 4.0, 0.0, 0.0]
    for outside in (lambda: x.as_strided((2,), (1,), 1), lambda: x.as_strided((7,), (1,))):
        with pytest.raises((GradientError, IndexError), match=r"outside|out of bounds"):
            outside()

"""The whole library in one breath: tensor, gradient, layer, step. Run it first."""

import numpy as np
import pytest

import zincir as torch
from zincir import nn, optim
from zincir.errors import ShapeError


def test_the_readme_example():
    w = torch.tensor([2.0], requires_grad=True)
    x = torch.tensor([3.0])
    loss = (w * x - 10.0) ** 2
    loss.backward()
    assert w.grad.item() == -24.0


def test_tensors():
    a = torch.arange(6).reshape(2, 3)
    assert a.shape == (2, 3)
    assert (a.float() @ a.float().T).tolist() == [[5, 14], [14, 50]]
    assert a[:, 1].tolist() == [1, 4]
    assert a[a > 2].tolist() == [3, 4, 5]
    assert torch.cat([a, a]).sum(0).tolist() == [6, 10, 14]
    assert torch.einsum("ij,ij->i", a, a).tolist() == [5, 50]


def test_shapes_are_checked_at_the_line():
    with pytest.raises(ShapeError) as error:
        torch.ones(2, 3) @ torch.ones(2, 3)
    text = str(error.value)
    assert "test_tiny.py" in text
    assert "(2, 3)" in text
    with pytest.raises(RuntimeError, match=r"test_tiny\.py"):
        torch.ones(2, 3) + torch.ones(2)


def test_second_gradients():
    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(x**3, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert h.item() == 12


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_network_learns(make):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = torch.tensor([[0.0], [1], [1], [0]])
    optimizer = make(net.parameters(), lr=0.1 if make is optim.SGD else 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


def test_the_compiled_step_is_the_plain_step():
    def train(wrapper):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        optimizer = optim.Adam(net.parameters(), lr=0.01)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = wrapper(step)
        data = np.random.default_rng(0)
        x = torch.tensor(data.standard_normal((6, 4)), dtype=torch.float32)
        y = torch.tensor(data.integers(0, 3, 6))
        return [step(x, y).item() for _ in range(5)]

    np.testing.assert_allclose(train(torch.compile), train(lambda f: f), 1e-6)


def test_numpy_goes_in_and_out():
    a = np.ones((2, 2), np.float32)
    t = torch.from_numpy(a)
    t.add_(1)
    assert a.tolist() == [[2, 2], [2, 2]]
    assert np.shares_memory(t.numpy(), a)

"""Tables whose gradients know which rows were looked up."""

import copy
import pickle
from typing import Any

import pytest

import zincir
from zincir import nn, optim
from zincir.errors import GradientError


def table(rows: int = 4, **options: Any) -> nn.Embedding:
    net = nn.Embedding(rows, 1, sparse=True, **options)
    with zincir.no_grad():
        net.weight.fill_(4.0)
    return net


def test_a_row_that_was_looked_up_moves_though_its_gradient_is_zero() -> None:
    net = table()
    optimizer = optim.SparseAdam(net.parameters(), lr=0.5)
    net(zincir.tensor([1, 2])).sum().backward()
    optimizer.step()
    before = net.weight.flatten().tolist()
    optimizer.zero_grad()
    (net(zincir.tensor([1, 3])) * 0.0).sum().backward()
    optimizer.step()
    after = net.weight.flatten().tolist()
    assert [a != b for a, b in zip(before, after, strict=True)] == [False, True, False, False]


def test_padding_is_not_looked_up() -> None:
    net = table(padding_idx=1)
    optimizer = optim.SparseAdam(net.parameters(), lr=0.5)
    net(zincir.tensor([0, 1])).sum().backward()
    optimizer.step()
    assert net.weight.flatten().tolist() == pytest.approx([3.5, 4.0, 4.0, 4.0])


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("by", ["optimizer", "module"])
def test_rows_are_forgotten_with_the_gradient(set_to_none: bool, by: str) -> None:
    net = table()
    optimizer = optim.SparseAdam(net.parameters(), lr=0.5)
    net(zincir.tensor([0])).sum().backward()
    net(zincir.tensor([1])).sum().backward()
    optimizer.step()
    assert net.weight.flatten().tolist() == pytest.approx([3.5, 3.5, 4.0, 4.0])
    (optimizer if by == "optimizer" else net).zero_grad(set_to_none=set_to_none)
    net(zincir.tensor([2])).sum().backward()
    optimizer.step()
    assert net.weight.flatten().tolist()[:2] == pytest.approx([3.5, 3.5])


def test_copies_count_for_themselves() -> None:
    net = table()
    net(zincir.tensor([0])).sum().backward()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.zero_grad()
        optimizer = optim.SparseAdam(other.parameters(), lr=0.5)
        other(zincir.tensor([3])).sum().backward()
        optimizer.step()
        assert other.weight.flatten().tolist() == pytest.approx([4.0, 4.0, 4.0, 3.5])
        assert list(other.state_dict()) == ["weight"]
    optimizer = optim.SparseAdam(net.parameters(), lr=0.5)
    optimizer.step()
    assert net.weight.flatten().tolist() == pytest.approx([3.5, 4.0, 4.0, 4.0])


def test_compiled_steps_with_other_rows_each_time() -> None:
    ends = []
    for wrap in (lambda f: f, zincir.compile):
        net = table(6)
        optimizer = optim.SparseAdam(net.parameters(), lr=0.1)

        def step(rows: zincir.Tensor, net: Any = net, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            (net(rows) ** 2).sum().backward()
            optimizer.step()

        run = wrap(step)
        for number in range(6):
            run(zincir.tensor([number % 3, 5]))
        ends.append(net.weight.flatten().tolist())
    assert ends[0] == ends[1]
    assert ends[0][3:5] == [4.0, 4.0]


def test_gradients_of_other_kinds() -> None:
    p = nn.Parameter(zincir.ones(2, 2))
    optimizer = optim.SparseAdam([p])
    p.sum().backward()
    with pytest.raises(GradientError, match="does not support dense gradients"):
        optimizer.step()
    net = table()
    net(zincir.tensor([0])).sum().backward()
    net.weight.grad = zincir.ones(4, 1)
    with pytest.raises(GradientError, match="does not support dense gradients"):
        optim.SparseAdam(net.parameters()).step()
    with pytest.raises(ValueError, match="eps"):
        optim.SparseAdam([p], eps=0.0)

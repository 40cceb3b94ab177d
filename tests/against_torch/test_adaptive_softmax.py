"""Losses over many classes, pooling with places, batch norm of processes beside PyTorch."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, IndexOutOfRange, ShapeError, TraceError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("targets", [[0, 3, 7, 11, 19, 6], [1, 2, 0, 4, 0, 1], [6, 5, 9, 8, 7, 5]])
def test_adaptive_log_softmax(targets: list[int]) -> None:
    torch.manual_seed(0)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], 2.0, head_bias=True).double()
    ours = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], 2.0, head_bias=True).double()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((6, 8)) * 3.0

    def step(lib: Any, net: Any) -> Any:
        given = lib.tensor(x, requires_grad=True)
        output, loss = net(given, lib.tensor(targets))
        loss.backward()
        predict = zincir.compile(net.predict) if lib is zincir else net.predict
        after = [net.log_prob(given).detach(), predict(given)]
        return [output.detach(), loss.detach(), given.grad, *after]

    for mine, other in zip(step(zincir, ours), step(torch, theirs), strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), 1e-10, 1e-12)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (mine.grad is None) == (other.grad is None)
        if other.grad is not None:
            np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), 1e-9, 1e-12)
    one = ours(zincir.tensor(x[0]), zincir.tensor(targets[0]))
    other = theirs(torch.tensor(x[0]), torch.tensor(targets[0]))
    assert one.output.shape == one.loss.shape == ()
    np.testing.assert_allclose(one.output.item(), other.output.item(), 1e-10)


def test_adaptive_log_softmax_refuses() -> None:
    for cutoffs in ([], [5, 5], [5, 3], [0, 3], [20]):
        with pytest.raises(ArgumentError, match="cutoffs"):
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])
    with pytest.raises(IndexOutOfRange, match=r"no class[\s\S]*from 0 to 19[\s\S]*from 1 to 20"):
        layer(zincir.ones(2, 8), zincir.tensor([1, 20]))
    with pytest.raises(TraceError, match="cannot look at a value"):
        zincir.compile(layer)(zincir.ones(2, 8), zincir.tensor([1, 2]))
    with pytest.raises(ShapeError, match="do not fit"):
        layer(zincir.ones(2, 8), zincir.tensor([1, 2, 3]))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pooling_with_indices(rank: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, *(6,) * rank))
    samples = np.random.default_rng(1).uniform(size=(2, 3, rank))
    calls: list[tuple[str, tuple[Any, ...], bool]] = [
        (f"max_pool{rank}d_with_indices", (3, 2, 1, 1, True), False),
        (f"adaptive_max_pool{rank}d_with_indices", (4,), False),
    ]
    if rank > 1:
        calls.append((f"fractional_max_pool{rank}d_with_indices", (2, 3), True))
    for name, arguments, drawn in calls:
        mine, other = (
            getattr(lib.nn.functional, name)(
                lib.tensor(x),
                *arguments,
                **({"_random_samples": lib.tensor(samples)} if drawn else {}),
            )
            for lib in (zincir, torch)
        )
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            assert str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2]


def test_convert_sync_batchnorm() -> None:
    def made(nn: Any) -> Any:
        inner = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, momentum=None, bias=False))
        return nn.Sequential(nn.BatchNorm1d(3), inner, nn.BatchNorm1d(4, affine=False).eval())

    net, other = made(nn), made(torch.nn)
    weight, mean = net[0].weight, net[0].running_mean
    new = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    converted = torch.nn.SyncBatchNorm.convert_sync_batchnorm(other)
    assert new is net
    assert repr(new) == repr(converted)
    assert list(new.state_dict()) == list(converted.state_dict())
    assert new[0].weight is weight
    assert new[0].running_mean is mean
    assert [m.training for m in new.modules()] == [m.training for m in converted.modules()]
    with pytest.raises(ShapeError, match=r"SyncBatchNorm: input has 1 axes"):
        new[0](zincir.ones(3))
    with pytest.raises(ArgumentError, match="no group of processes"):
        nn.SyncBatchNorm(3, process_group=object())
